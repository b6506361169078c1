"""`python -m kali`: what it prints and how it ends."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kali.commands import COMMANDS

ROOT = Path(__file__).resolve().parents[2]


def kali(*arguments: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, '-m', 'kali', *map(str, arguments)], cwd=cwd, capture_output=True,
                          text=True, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize('arguments, code, said', [
    ([], 0, 'usage: python -m kali'),
    (['--version'], 0, 'kali 0.1.0'),
    (['--help'], 0, 'usage: python -m kali'),
    (['-h'], 0, 'usage: python -m kali'),
    (['nosuch'], 2, "There is no command 'nosuch' (there are: "),
    (['chek', 'templates'], 2, "There is no command 'chek' (did you mean check?)."),
    (['--nosuch'], 2, "There is no command '--nosuch'"),
    (['check', 'templates', '--nosuch'], 2, '--nosuch'),
    (['check', 'templates', '--', 'more'], 2, "check starts no script, which 'more' could be for"),
    (['demo', 'nosuch'], 2, "There is no example 'nosuch'. There are: "),
    (['demo', 'intro', 'more'], 2, 'more'),
    (['check'], 2, 'folder'),
    (['check', 'nosuch'], 2, 'nosuch is no folder.'),
    (['check', 'templates/gallery'], 0, ''),
])
def test_each_command_says_what_is_the_matter(arguments: list[str], code: int, said: str) -> None:
    done = kali(*arguments)
    assert done.returncode == code
    assert said in done.stdout + done.stderr
    assert 'Traceback' not in done.stderr


def test_usage_names_every_command() -> None:
    usage = kali().stdout
    assert all(f'\n    {command} ' in usage for command in COMMANDS)


@pytest.mark.parametrize('command', COMMANDS)
def test_each_command_has_a_help(command: str) -> None:
    done = kali(command, '--help')
    assert done.returncode == 0
    assert done.stdout.startswith(f'usage: python -m kali {command} [-h]')
    module = importlib.import_module(f'kali.commands.{command}')
    assert module.__doc__.split('\n')[0] in done.stdout


def test_a_command_loads_no_other() -> None:
    shown = subprocess.run([sys.executable, '-c', 'import sys; from kali.commands import main; '
                            'main(["check", "templates"]); print(*sys.modules)'], cwd=ROOT,
                           capture_output=True, text=True)
    loaded = {name for name in shown.stdout.split() if name.startswith('kali.commands.')}
    assert loaded == {'kali.commands.check'}


def test_mistakes_in_templates_are_printed_one_a_line_with_their_place(tmp_path: Path) -> None:
    (tmp_path / 'good.tpl').write_text('<p>{name}</p>')
    (tmp_path / 'one.tpl').write_text('<p>\n  {name:nosuch}</p>')
    (tmp_path / 'two.tpl').write_text('<?if name?>')
    done = kali('check', tmp_path)
    assert done.returncode == 1
    first, second = done.stdout.splitlines()
    assert first.startswith(f'{tmp_path / "one.tpl"}:2:')
    assert second.startswith(f'{tmp_path / "two.tpl"}:1:')


def test_without_the_source_it_says_where_the_examples_are(tmp_path: Path) -> None:
    shutil.copytree(ROOT / 'kali', tmp_path / 'kali', ignore=shutil.ignore_patterns('__pycache__'))
    done = kali('demo', cwd=tmp_path)
    assert done.returncode == 1
    assert 'The examples come with the source' in done.stderr


def test_dir_and_help_know_what_is_loaded_late() -> None:
    import pydoc

    import kali
    assert set(kali.__all__) <= set(dir(kali))
    first_screens = pydoc.plain(pydoc.render_doc(kali)).splitlines()[:60]
    for name in kali.__all__:
        assert name == '__version__' or any(name in line for line in first_screens), name
