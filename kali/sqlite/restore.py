"""restore: a backup put in the place of what a database holds, by the running program or without it.

The rule: all of it or nothing, and what was there before is kept. What another program may have open is
changed by SQLite, in a transaction, so that it sees the change; only a file that is damaged or gone is
replaced.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

from kali.errors import DatabaseError
from kali.sqlite.connection import Connection
from kali.sqlite.copies import default_folder, expect_good, finish, make_backup, real, sound
from kali.sqlite.faults import explain

__all__ = ['pour', 'restore', 'restore_file']


def restore(connection: sqlite3.Connection, backup: Path) -> None:
    """Put `backup` in the place of what is in the database of `connection`, all of it or nothing.

    :param backup: one that is known to be good
    :raises DatabaseError: if the backup is of another version, or a transaction is open
    """
    run = sqlite3.Cursor(connection).execute
    if isinstance(connection, Connection):
        connection.end_cursors()  # a SELECT that was not read to its end would be in the way
    if connection.in_transaction:
        raise DatabaseError(f'The backup {backup.name} was not put back: a transaction is open in the '
                            'database. Commit it first.')
    with closing(_opened(backup)) as source:
        theirs = source.execute('PRAGMA user_version').fetchone()[0]
        ours = run('PRAGMA user_version').fetchone()[0]
        if theirs != ours:
            raise DatabaseError(f'The backup {backup.name} is from version {theirs} of the database, and the '
                                f'program works with version {ours}. End the program, put the backup back '
                                'with python -m kali.sqlite restore, and start the program: it will bring '
                                'it up to date.')
        pour(source, connection, backup.name)


def restore_file(file: Path, backup: Path, folder: Path | None = None) -> Path | None:
    """Put `backup` in the place of what is in `file`, of whatever version, from the command line.

    :param folder: of the backups, to keep what is there as another one
    :return: where the replaced content is kept, if there was any
    :raises DatabaseError: if the backup is damaged, or a program is at work on the file
    """
    file = real(file)
    expect_good(backup)
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        _replace(file, backup)
        return None
    try:
        kept = make_backup(file, folder or default_folder(file), keep=backup)
    except DatabaseError:
        if _is_in_order(file):  # what is wrong is something else
            raise
        return _replace(file, backup)
    with closing(_opened(backup)) as source, closing(sqlite3.connect(file, timeout=0)) as target:
        pour(source, target, backup.name)
    return kept


def _opened(backup: Path) -> sqlite3.Connection:
    return sqlite3.connect(f'{backup.absolute().as_uri()}?mode=ro&immutable=1', uri=True)


def _is_in_order(file: Path) -> bool:
    """Whether the file is a database without damage, or in use: then it may not be replaced."""
    try:
        with closing(sqlite3.connect(file, timeout=0)) as db:
            return not sound(db)
    except sqlite3.Error as error:
        told = explain(error, file)
        return told is not None and told.status == 503


def pour(source: sqlite3.Connection, target: sqlite3.Connection, name: str) -> None:
    """All that is in `source` into `target`, in one transaction.

    :param name: of the backup, for messages
    :raises DatabaseError: if it cannot be done; 503 if trying again helps
    """
    def give_up_if_busy(status: int, *_: int) -> None:
        if status in (5, 6):  # SQLITE_BUSY, SQLITE_LOCKED: sqlite3 would try for ever
            raise sqlite3.OperationalError('database is locked')
    try:
        # By sqlite3's own: kali's connection guards against what ends a transaction, and none is open.
        sqlite3.Connection.backup(source, target, progress=give_up_if_busy)
    except sqlite3.Error as error:
        file = sqlite3.Cursor(target).execute('PRAGMA database_list').fetchone()[2]
        told = explain(error, file)
        raise DatabaseError(f'The backup {name} was not put back, and all is as it was. '
                            f'{told or error}', status=told.status if told else 500) from error


def _replace(file: Path, backup: Path) -> Path | None:
    """A copy of `backup` under the name of a file that is damaged or gone; one of them is there at any
    moment."""
    part, kept = file.with_name(f'{file.name}.part'), None
    try:
        if file.exists():
            kept = _free_name(file)
            _copied(file, kept)
            for ending in ('-journal', '-wal', '-shm'):  # they would be applied to the wrong file
                with suppress(FileNotFoundError):
                    Path(f'{file}{ending}').replace(f'{kept}{ending}')
        _copied(backup, part)
        if kept:
            shutil.copymode(kept, part)
        finish(part, file)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise DatabaseError(f'The backup {backup} could not be put in the place of {file}: '
                            f'{error.strerror}. See whether there is room, and whether the folder may be '
                            'written to.') from error
    return kept


def _free_name(file: Path) -> Path:
    """Where to keep a damaged file, beside it."""
    name, number = f'{file.stem} replaced {datetime.now():%Y-%m-%d %H%M%S}', 1
    while (kept := file.with_name(f'{name}{f" {number}" * (number > 1)}{file.suffix}')).exists():
        number += 1
    return kept


def _copied(source: Path, target: Path) -> None:
    """A copy, with its rights, that is on the disk when this returns."""
    shutil.copyfile(source, target)
    shutil.copymode(source, target)
    with target.open('rb+') as written:
        os.fsync(written.fileno())
