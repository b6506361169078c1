"""`python -m kali pack FILE --onedir`: PyInstaller makes a folder that runs without Python, and with an empty
environment."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.commands.test_pack import get

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[2]
SHOP = '''
import kali, words
from kali.live import in_process
app = kali.Router()

@app.get('/')
def home():
    return [kali.resource('templates/page.tpl').read_text(), ' ', kali.data_dir().name]

@app.get('/far')
def far():
    return in_process(words.double, 21)

kali.serve_http(app, start=None, port=0)
'''


def bundle(script: Path, output: Path) -> Path:
    done = subprocess.run([sys.executable, '-m', 'kali', 'pack', script, '--onedir', '-o', output], cwd=ROOT,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return Path(done.stdout.split(': give away')[0])


def started(program: Path, folder: Path,
            eventually: Callable[..., Any]) -> tuple[subprocess.Popen[bytes], str]:
    """The program, run by nothing but a home and a browser that shows nothing; and where it serves."""
    with (folder / 'output').open('wb') as output:
        process = subprocess.Popen([program], cwd='/', env={'HOME': str(folder), 'BROWSER': '/bin/true'},
                                   stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    found = eventually(lambda: re.search(r'http://\S+', (folder / 'output').read_text()))
    return process, found[0]


@pytest.mark.slow
def test_a_program_with_files_and_another_process(tmp_path: Path, eventually: Callable[..., Any]) -> None:
    for name, text in {'shop.py': SHOP, 'words.py': 'def double(x): return 2 * x',
                       'templates/page.tpl': 'Wörter', 'data.sqlite': 'x'}.items():
        (tmp_path / 'a ü' / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / 'a ü' / name).write_text(text, encoding='utf-8')
    program = bundle(tmp_path / 'a ü/shop.py', tmp_path / 'out')
    shutil.rmtree(tmp_path / 'a ü')
    moved = (tmp_path / 'out/shop').rename(tmp_path / 'moved elsewhere')
    process, url = started(moved / program.name, tmp_path, eventually)
    try:
        assert re.fullmatch('Wörter shop-[0-9a-f]{8}', get(url))
        assert get(url + 'far') == '42'
        assert 'body' in get(url + '.kali/kali.css')
        assert 'handbook' in get(url + '.kali/handbook/').lower()
        assert not list(moved.rglob('*.sqlite'))
        assert not list(moved.rglob('pytest'))
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


@pytest.mark.slow
def test_the_datebook(tmp_path: Path, page: Page, eventually: Callable[..., Any]) -> None:
    program = bundle(ROOT / 'examples/datebook.py', tmp_path / 'out')
    assert os.access(program, os.X_OK)
    process, url = started(program, tmp_path, eventually)
    try:
        page.goto(url)
        page.get_by_role('link', name='Contacts').click()
        page.get_by_role('link', name='New contact').click()
        page.get_by_label('Name').fill('Ada Lovelace')
        page.get_by_role('button', name='Save').first.click()
        page.get_by_text('Saved.').wait_for()
        assert (tmp_path / '.local/share/datebook/datebook.sqlite').is_file()
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_pyinstaller_finds_what_it_has_to_know_by_itself() -> None:
    from kali.desktop.hooks import folders
    assert 'hook-dirs = "kali.desktop.hooks:folders"' in (ROOT / 'pyproject.toml').read_text(encoding='utf-8')
    assert [path.name for folder in folders() for path in Path(folder).glob('hook-*.py')] == ['hook-kali.py']


def test_without_pyinstaller_it_says_how_to_get_it(tmp_path: Path) -> None:
    (tmp_path / 'x.py').write_text('')
    done = subprocess.run([sys.executable, '-c', 'import sys; sys.modules["PyInstaller"] = None\n'
                           'from kali.commands import main; sys.exit(main(["pack", "x.py", "--onedir"]))'],
                          cwd=tmp_path, capture_output=True, text=True,
                          env={**os.environ, 'PYTHONPATH': str(ROOT)})
    assert done.returncode == 1
    assert done.stderr.startswith('PyInstaller is not installed: python -m pip install "kali[pack]"')
