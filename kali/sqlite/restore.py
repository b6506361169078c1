"""restore: what a database holds replaced by a backup, by the running program or without it.

All of it or nothing, and what was there before is kept. What another program may have open is changed by
SQLite, in a transaction, so that it sees the change; only a file that is damaged or gone is replaced. A
backup from before a migration is brought up to date first, in a copy.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from kali.errors import DatabaseError
from kali.sqlite.copies import default_folder, finish, make_backup, real
from kali.sqlite.cursors import Connection
from kali.sqlite.faults import explain
from kali.sqlite.functions import Prepare
from kali.sqlite.integrity import expect_good, reader, sound
from kali.sqlite.migrate import bring_up_to_date
from kali.sqlite.pour import pour

__all__ = ['Fitness', 'fitness', 'restore', 'restore_file', 'up_to_date', 'version_of']


class Fitness(NamedTuple):
    """Whether a backup can be restored, and what there is to say about its version."""

    usable: bool
    note: str


def version_of(file: Path) -> int | None:
    """The `user_version` of a backup; None for what is no database. A file in use is only for SQLite to open.

    Source: https://sqlite.org/fileformat2.html, offset 60 of the header
    """
    with suppress(OSError), file.open('rb') as opened:
        head = opened.read(64)
        if head.startswith(b'SQLite format 3\0'):
            return int.from_bytes(head[60:64], 'big', signed=True)
    return None


def fitness(version: int | None, wanted: int, steps: Path | None) -> Fitness:
    """Whether a backup of one version can take the place of a database of another one.

    :param wanted: the version that the program works with
    :param steps: its migrations, if it has any

    >>> fitness(1, 2, Path('migrations')).note
    'from version 1; it will be brought up to version 2'
    >>> fitness(3, 2, Path('migrations')).usable
    False
    """
    if version is None or version == wanted:
        return Fitness(True, '')
    if version > wanted:
        return Fitness(False, f'from version {version} of the database, and this program works with version '
                              f'{wanted}: only the newer program can use it')
    if steps is None:
        return Fitness(False, f'from version {version} of the database, and this program works with version '
                              f'{wanted} and has no migrations that would bring it up to date')
    return Fitness(True, f'from version {version}; it will be brought up to version {wanted}')


@contextmanager
def up_to_date(backup: Path, wanted: int, steps: Path | None, prepare: Prepare | None) -> Iterator[Path]:
    """`backup`, or a copy of it that has been brought up to the version `wanted`, as long as the block runs.

    :raises DatabaseError: if the backup is of another version and cannot be brought up to date
    """
    version = version_of(backup)
    fit = fitness(version, wanted, steps)
    if not fit.usable:
        raise DatabaseError(f'The backup {backup.name} was not restored: it is {fit.note}.')
    if not fit.note or steps is None:
        yield backup
        return
    with TemporaryDirectory(prefix='.update ', dir=backup.parent, ignore_cleanup_errors=True) as folder:
        copy = Path(folder, backup.name)
        shutil.copyfile(backup, copy)
        try:
            bring_up_to_date(copy, steps, wanted, prepare)
        except (DatabaseError, ValueError) as error:
            raise DatabaseError(f'The backup {backup.name} from version {version} was not restored, and all '
                                f'is as it was: it could not be brought up to version {wanted}. '
                                f'{error}') from error
        yield copy


def restore(connection: sqlite3.Connection, backup: Path) -> None:
    """Replace what is in the database of `connection` by `backup`, all of it or nothing.

    :param backup: one that is known to be good
    :raises DatabaseError: if the backup is of another version and cannot be brought up to date, or a
        transaction is open
    """
    own = connection if isinstance(connection, Connection) else None
    if own is not None:
        own.end_cursors()  # a SELECT that was not read to its end would be in the way
    if connection.in_transaction:
        raise DatabaseError(f'The backup {backup.name} was not restored: a transaction is open in the '
                            'database. Commit it first.')
    wanted = sqlite3.Cursor(connection).execute('PRAGMA user_version').fetchone()[0]
    steps, prepare = (own.steps, own.prepare) if own else (None, None)
    with up_to_date(backup, wanted, steps, prepare) as ready, closing(reader(ready, finished=True)) as source:
        pour(source, connection, backup.name)
    if own is not None:
        own.report_damage('')
        own.decide_trust()


def restore_file(file: Path, backup: Path, folder: Path | None = None) -> Path | None:
    """Replace what is in `file` by `backup`, of whatever version, from the command line.

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
    with closing(reader(backup, finished=True)) as source, \
            closing(sqlite3.connect(file, timeout=0)) as target:
        pour(source, target, backup.name)
    return kept


def _is_in_order(file: Path) -> bool:
    """Whether the file is a database without damage, or in use: then it may not be replaced."""
    try:
        with closing(sqlite3.connect(file, timeout=0)) as db:
            return not sound(db)
    except sqlite3.Error as error:
        fault = explain(error, file)
        return fault is not None and fault.status == 503


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
        raise DatabaseError(f'The backup {backup} could not take the place of {file}: '
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
