"""integrity: whether a database file is whole, as far as SQLite can tell."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from kali.errors import DatabaseError
from kali.sqlite.faults import unknown_name
from kali.sqlite.functions import Prepare, equip
from kali.sqlite.places import address
from kali.sqlite.statements import quoted

__all__ = ['expect_good', 'problems', 'reader', 'sound']


def reader(file: Path, prepare: Prepare | None = None, *, finished: bool = False) -> sqlite3.Connection:
    """A connection of sqlite3's own that reads `file`.

    :param prepare: adds the program's functions and collations
    :param finished: whether it is not written to any more: then it needs no lock, and no -wal beside it
    """
    query = 'mode=ro&immutable=1' if finished else 'mode=ro'
    return equip(sqlite3.connect(address(file, query), uri=True), prepare)


def sound(connection: sqlite3.Connection, check: str = 'integrity_check') -> list[str]:
    """What SQLite finds wrong in a database; an empty list if it is in order.

    A row that a CHECK or NOT NULL of today would not take is no damage: it may be older than that. Tables
    that need a function or a collation which the connection does not have are left out.

    :raises sqlite3.OperationalError: if it cannot be read now; it is locked, for instance

    Source: https://sqlite.org/pragma.html#pragma_integrity_check
    """
    run = sqlite3.Cursor(connection).execute
    try:
        found = run(f'PRAGMA {check}').fetchall()
    except sqlite3.OperationalError as error:
        if not unknown_name(error):
            raise
        found = []
        tables = run("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall()
        for name, in tables:
            try:
                found += run(f'PRAGMA {check}({quoted(name)})').fetchall()
            except sqlite3.OperationalError as missing:
                if not unknown_name(missing):
                    raise
    except sqlite3.DatabaseError as error:
        return [str(error)]
    accepted = ('NULL value in', 'CHECK constraint failed')
    return [line for line, in found if line != 'ok' and not line.startswith(accepted)]


def problems(file: Path, prepare: Prepare | None = None) -> list[str]:
    """What SQLite finds wrong in a file that is not written to; an empty list if it is in order."""
    try:
        with closing(reader(file, prepare, finished=True)) as db:
            return sound(db)
    except sqlite3.DatabaseError as error:
        return [str(error)]


def expect_good(backup: Path, prepare: Prepare | None = None) -> None:
    """Raise DatabaseError for a backup that is not there or damaged."""
    if not backup.is_file():
        raise DatabaseError(f'There is no backup {backup}.')
    found = problems(backup, prepare)
    if found:
        raise DatabaseError(f'The backup {backup} is damaged itself ({found[0]}); choose another one.')
