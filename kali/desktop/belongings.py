"""What belongs to a program: the files beside its script, but not its data, and not what is made of them.

`pack` puts them into the archive, and `run --reload` watches those that are source.
"""

from __future__ import annotations

import os
from collections import deque
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ['SOURCE', 'files_of', 'is_data']

#: What an author writes by hand, and a program does not.
SOURCE = frozenset({'.py', '.pyw', '.tpl', '.html', '.htm', '.jinja', '.jinja2', '.j2', '.css', '.js', '.mjs',
                    '.svg', '.sql', '.toml', '.ini', '.cfg'})

FOLDERS = {'__pycache__', 'node_modules', 'backup', 'backups', 'venv', 'env', 'build', 'dist', 'tests'}
DATA = {'.sqlite', '.sqlite3', '.db', '.db3', '.log', '.bak', '.tmp', '.swp', '.lock'}
MADE = {'.pyc', '.pyo', '.pyz', '.pyzw', '.desktop', '.command', '.bat', '.vbs', '.exe', '.spec'}
MAGIC = b'SQLite format 3\0'  # source: SQLite, "Database File Format", 1.3.1


def files_of(folder: Path, endings: frozenset[str] = frozenset(), most: float = inf) -> Iterator[Path]:
    """The files below `folder` that belong to the program there, sorted in each folder.

    Hidden files and folders, databases, backups, caches, virtual environments, tests and what was packed
    before do not belong to it. Links are followed, each folder once.

    :param endings: only files whose names end so, such as `{'.py'}`; they may be empty or gone by now
    :param most: how many folders are looked into, the nearest first
    """
    seen, folders = {os.path.realpath(folder)}, deque([folder])
    while folders and len(seen) <= most:
        try:
            entries = sorted(os.scandir(folders.popleft()), key=lambda entry: entry.name)
        except OSError:  # gone meanwhile, or not to be read
            continue
        for entry in entries:
            if entry.name.startswith(('.', 'test_')) or entry.name == 'conftest.py':
                continue
            path = Path(entry.path)
            if entry.is_dir():
                real = os.path.realpath(path)
                if not (entry.name.lower() in FOLDERS or real in seen or (path / 'pyvenv.cfg').exists()):
                    seen.add(real)
                    folders.append(path)
            elif path.suffix.lower() in endings if endings else entry.is_file() and not is_data(path):
                yield path


def is_data(path: Path) -> bool:
    """Whether a file holds what a program keeps, by its name or, for a database, by its first bytes."""
    if path.suffix.lower() in DATA | MADE or path.name.endswith(('~', '-wal', '-shm', '-journal')):
        return True
    try:
        with path.open('rb') as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return True  # nothing that can be read
