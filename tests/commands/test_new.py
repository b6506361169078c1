"""`python -m kali new NAME`: a program to begin with, which works as it is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import own_folders
from tests.windows import link

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[2]


def python(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *map(str, arguments)], cwd=cwd, capture_output=True, text=True,
                          env={**os.environ, 'PYTHONPATH': str(ROOT)})


@pytest.mark.slow
@pytest.mark.parametrize('name', ['shop', 'OrderBook', 'bücher'])
def test_what_is_made_passes_its_own_test(name: str, tmp_path: Path) -> None:
    done = python('-m', 'kali', 'new', name, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f'python {name}.py' in done.stdout
    made = {path.relative_to(tmp_path / name).as_posix() for path in (tmp_path / name).rglob('*')}
    assert made >= {f'{name}.py', 'templates', 'migrations', f'test_{name}.py'}
    texts = [path.read_text('utf-8') for path in (tmp_path / name).rglob('*') if path.is_file()]
    assert not [text for text in texts if re.search('NAME|TITLE', text)]
    tests = python('-m', 'pytest', '-q', '-p', 'no:cacheprovider', cwd=tmp_path / name)
    assert tests.returncode == 0, tests.stdout + tests.stderr
    assert ' passed' in tests.stdout
    assert python('-m', 'kali', 'check', 'templates', cwd=tmp_path / name).returncode == 0
    checked = python('-m', 'ruff', 'check', '--isolated', '--line-length=110', '.', cwd=tmp_path / name)
    assert checked.returncode == 0, checked.stdout


def test_it_runs_as_it_is_and_packed(tmp_path: Path, serve: Callable[..., Any], page: Page) -> None:
    python('-m', 'kali', 'new', 'shop', cwd=tmp_path)
    served = serve(tmp_path / 'shop/shop.py', env={'PYTHONPATH': str(ROOT)})
    page.goto(served.url)
    page.get_by_role('link', name='To do').click()
    page.get_by_role('link', name='New task').click()
    page.get_by_label('Title').fill('Buy a bell')
    page.get_by_role('button', name='Save').first.click()
    page.get_by_role('link', name='To do').click()
    page.get_by_role('link', name='Buy a bell').wait_for()
    served.end()
    assert python('-m', 'kali', 'pack', 'shop/shop.py', cwd=tmp_path).returncode == 0
    packed = subprocess.Popen([sys.executable, tmp_path / 'shop/shop.pyz'], cwd='/', text=True,
                              stdout=subprocess.PIPE, env={**own_folders(tmp_path), 'BROWSER': 'true'})
    try:
        assert packed.stdout is not None
        found = re.search(r'http://\S+', packed.stdout.readline())
        assert found is not None
        page.goto(found[0])
        page.get_by_role('link', name='To do').click()
        page.get_by_role('link', name='Buy a bell').wait_for()  # the same data folder
    finally:
        packed.terminate()
        packed.communicate()


@pytest.mark.parametrize('name, said', [
    ('my-shop', "'my_shop' could be."), ('my shop', "'my_shop' could be."), ('1st', "'my_1st' could be."),
    ('class', "'my_class' could be."), ('a/b', "'a_b' could be."), ('../x', "'x' could be."),
    ('', 'my_program'), ('kali', 'There is a'), ('sqlite3', 'There is a module sqlite3'),
    ('con', "'my_con' could be."), ('LPT1', "'my_lpt1' could be."), ('shop.py', "'shop_py' could be."),
    ('json', 'There is a module json already'),
    ('there', 'There is a folder there here already'), ('file', 'There is a file file here already'),
    pytest.param('link', 'There is a file link here already', marks=pytest.mark.wine('links')),
    ('x' * 70, 'could be.'),
])
def test_bad_names_are_refused_with_a_sentence(name: str, said: str, tmp_path: Path) -> None:
    (tmp_path / 'there').mkdir()
    (tmp_path / 'file').write_text('')
    link(tmp_path / 'link', 'nowhere')
    before = sorted(tmp_path.rglob('*'))
    done = python('-m', 'kali', 'new', name, cwd=tmp_path)
    assert done.returncode == 1
    assert said in done.stderr
    assert 'Traceback' not in done.stderr
    assert sorted(tmp_path.rglob('*')) == before


def test_without_a_name_or_with_two_it_says_how(tmp_path: Path) -> None:
    for arguments in ((), ('a', 'b')):
        done = python('-m', 'kali', 'new', *arguments, cwd=tmp_path)
        assert done.returncode == 2
        assert 'usage: python -m kali new' in done.stderr
