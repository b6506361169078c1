"""opening: a file that somebody wants to look at, as Records: any SQLite database, or a file of cells.

A database is opened as it is, in the journal mode that it has, and for reading where it cannot be written to.
A file of cells (CSV, TSV) becomes a table in a new database beside it, or, where that folder is
write-protected, in the folder for data; the file itself stays as it is.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from kali.errors import DatabaseError, KaliError
from kali.records import cells
from kali.records.app import Records
from kali.records.loading import Load
from kali.records.plan import Plan, Target
from kali.records.values import kind_of
from kali.sqlite import atomic, connect
from kali.sqlite.schema import table

__all__ = ['open_file']

SAMPLE = 20_000  # rows that a guess of kinds looks at

_DATABASES = {'.sqlite', '.sqlite3', '.db', '.db3', '.s3db', '.sl3'}


class _File(NamedTuple):
    """A file on the disk, as an import takes it."""

    path: Path
    filename: str
    size: int

    def open(self) -> BinaryIO:
        return self.path.open('rb')


def open_file(path: Path, folder: Callable[[], Path], *, read_only: bool = False,
              say: Callable[[str], object] = print) -> Records:
    """The Records of a database, or of a file of cells.

    :param path: of the file
    :param folder: gives a folder for the database of a file of cells whose own folder is write-protected
    :param read_only: whether nothing can be changed
    :param say: called with a sentence about what is not as usual
    :raises KaliError: a sentence, for a file that is not there, locked, or neither of the two
    """
    try:
        with path.open('rb') as file:
            head = file.read(20)
    except FileNotFoundError:
        raise KaliError(f'There is no file {path}. Give the name of an SQLite database, or of a CSV '
                        'file.') from None
    except IsADirectoryError:
        raise KaliError(f'{path} is a folder. Give the name of an SQLite database in it, or of a CSV '
                        'file.') from None
    except OSError as error:
        raise KaliError(f'{path} cannot be read: {error.strerror}.') from None
    if not head.startswith(b'SQLite format 3\x00') and path.suffix.lower() not in _DATABASES:
        path = _database_of(path, folder, say)
        head = b''
    return Records(_connected(path, head[18:20] == b'\x02\x02', read_only))


def _connected(path: Path, is_wal: bool, read_only: bool) -> Any:
    """The connection; for reading where the file, or what SQLite keeps beside it, cannot be written."""
    if read_only or not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        return connect(path, read_only=True)
    try:
        return connect(path, journal='wal' if is_wal else 'delete')
    except DatabaseError as error:
        if error.status == 503:  # another program has it, and trying again helps
            raise
        try:
            return connect(path, read_only=True)
        except DatabaseError:
            raise error from None


def _database_of(path: Path, folder: Callable[[], Path], say: Callable[[str], object]) -> Path:
    """The database that a file of cells is in; a new one, unless it was opened before."""
    source = _File(path, path.name, path.stat().st_size)
    name = ''.join(each if each.isalnum() else '_' for each in path.stem).strip('_') or 'data'
    place = path.parent if os.access(path.parent, os.W_OK) else folder()
    target = place / f'{path.stem}.sqlite'
    number = 1
    while target.exists():
        known = connect(target, read_only=True)
        has_it = table(known, name) is not None
        known.close()
        if has_it:
            say(f'{path.name} was opened before: this is {target}. Delete that to read {path.name} anew.')
            return target
        number += 1
        target = place / f'{path.stem} {number}.sqlite'
    plan = _plan(source)  # before anything is made
    connection = connect(target)
    try:
        load = _loaded(connection, name, source, plan)
    except BaseException:
        connection.close()
        target.unlink()
        raise
    connection.close()
    say(f'{load.added:,} rows of {path.name} are in {target} now.')
    for line, reason in load.complaints[:10]:
        say(f'Line {line} is left out. {reason}')
    if load.bad > 10:
        say(f'… and {load.bad - 10:,} more.')
    return target


def _plan(source: _File) -> Plan:
    with source.open() as file:
        form = cells.guess(file, source.filename)
        head = [row for _, row in islice(cells.rows(file, form), SAMPLE)]
    width = max(map(len, head))
    names = cells.names_of((head[0] if form.header else []) + [''] * (width - len(head[0]) * form.header))
    body = head[1:] if form.header else head
    kinds = [kind_of((row[place] for row in body if len(row) > place), form) for place in range(width)]
    return Plan(form, names, [Target(place, name, kinds[place]) for place, name in enumerate(names)])


def _loaded(connection: Any, name: str, source: _File, plan: Plan) -> Load:
    """All rows; where one does not fit the kinds that were guessed, as text."""
    as_text = plan._replace(targets=[each._replace(kind='TEXT') for each in plan.targets])
    for attempt in (plan, as_text, as_text._replace(careful=False)):
        with atomic(connection):
            load = Load(connection, name, source, attempt)
            for _ in load.run():
                pass
        if load.report is not None:
            load.report.close()
        if load.done:
            break
    return load
