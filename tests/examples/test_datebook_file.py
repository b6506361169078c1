"""The datebook with a file that cannot be used: locked, write-protected, or no database at all.

There is a sentence on the page or on the console, never a traceback.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / 'examples/datebook.py'


def file_of(folder: Path) -> Path:
    return next(folder.rglob('datebook.sqlite'))


def filled_form(app: Any) -> dict[str, str]:
    """The fields of a new contact, with the id of a form."""
    form_id = re.findall('name="_form_id" value="([0-9a-f]{32})"', app.get('/contact/new').text)[0]
    return {'name': 'Ada Lovelace', '_form_id': form_id}


def start(folder: Path) -> subprocess.CompletedProcess[str]:
    """Start the datebook with its file in `folder`, and wait until it has given up."""
    places = dict.fromkeys(('HOME', 'XDG_DATA_HOME', 'XDG_STATE_HOME', 'LOCALAPPDATA'), str(folder))
    command = [sys.executable, str(ROOT / 'tests/run_script.py'), '0', str(SCRIPT)]
    return subprocess.run(command, env={**os.environ, **places, 'PYTHONIOENCODING': 'utf-8'},
                          capture_output=True, text=True, encoding='utf-8', timeout=60)


def write_protect(file: Path) -> None:
    """Have SQLite take the file for one that it may not write, even if root runs the tests.

    A file format of the future, 3, for writers (https://sqlite.org/fileformat2.html, section 1.3.3).
    """
    content = bytearray(file.read_bytes())
    content[18] = 3
    content[27] = (content[27] + 1) % 256  # the change counter: a program that has the file open looks again
    file.write_bytes(content)


def sqlite_file(file: Path) -> None:
    with contextlib.closing(sqlite3.connect(file)) as db, db:
        db.execute('CREATE TABLE something (other)')


def protected_file(file: Path) -> None:
    sqlite_file(file)
    write_protect(file)


@pytest.mark.parametrize(('make', 'says'), [
    (lambda file: file.write_bytes(b'Dear diary, ' * 1000), 'is not an SQLite database'),
    (lambda file: file.mkdir(), 'is a folder'),
    (protected_file, 'write-protected'),
])
def test_a_file_that_cannot_be_used_is_told_in_a_sentence(serve: Callable[..., Any], tmp_path: Path,
                                                          make: Callable[[Path], object], says: str) -> None:
    first = serve(SCRIPT)  # shows where the file lies, on this platform
    place = file_of(first.folder).relative_to(first.folder)
    first.end()
    folder = tmp_path / 'elsewhere'
    file = folder.joinpath(*place.parts[1:])
    file.parent.mkdir(parents=True)
    make(file)
    ended = start(folder)
    assert ended.returncode == 1
    assert ended.stderr.startswith('The datebook cannot be opened. ')
    assert says in ended.stderr
    assert 'Traceback' not in ended.stderr


def test_a_file_that_is_protected_while_it_is_open(serve: Callable[..., Any]) -> None:
    app = serve(SCRIPT, tracebacks=True)
    form = filled_form(app)
    write_protect(file_of(app.folder))
    reply = app.post('/contact/new', form)
    assert reply.status == 500
    assert 'can only be read' in reply.text
    assert 'Traceback' not in reply.text
    assert app.get('/contact/').status == 200


@pytest.mark.slow  # SQLite waits five seconds for a lock before it gives up
def test_a_file_that_another_program_has_locked(serve: Callable[..., Any]) -> None:
    app = serve(SCRIPT, tracebacks=True)
    form = filled_form(app)
    with contextlib.closing(sqlite3.connect(file_of(app.folder), isolation_level=None)) as other:
        other.execute('BEGIN EXCLUSIVE')
        reply = app.post('/contact/new', form)
        assert (reply.status, 'in use by another program' in reply.text) == (503, True)
        reply = app.get('/contact/')
        assert (reply.status, 'in use by another program' in reply.text) == (503, True)
        folder = file_of(app.folder).parents[1]
        ended = start(folder)
        assert (ended.returncode, 'in use by another program' in ended.stderr) == (1, True)
        assert 'Traceback' not in ended.stderr
    assert app.post('/contact/new', form).status == 303
    with contextlib.closing(sqlite3.connect(file_of(app.folder))) as other:
        assert other.execute('SELECT name FROM contact').fetchall() == [('Ada Lovelace',)]
