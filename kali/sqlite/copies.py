"""copies: a database file copied while it is in use, verified, named, kept for a while, and put back.

The rule: a file with the name of a backup is whole and verified. Until then it is a `.part`, and what is
unfinished is thrown away. The live file is only ever opened by SQLite (FACTS, "Never open the live file
beside SQLite"). It knows nothing about when backups are made.
"""

from __future__ import annotations

import filecmp
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

from kali.errors import DatabaseError
from kali.sqlite.faults import explain

__all__ = ['Backup', 'Interrupted', 'backups', 'default_folder', 'make_backup', 'outdated', 'problems',
           'restore', 'restore_file']

PAGES = 128  # copied in one step, which takes a millisecond; nobody else can use the source meanwhile
SYNC_EVERY = 4  # steps; what is not yet on the disk would have to be waited for by somebody's commit
LAST, DAYS, WEEKS = 10, 7, 4  # how many backups are kept


class Interrupted(Exception):
    """There was no more time to finish a copy."""


class Backup(NamedTuple):
    """A finished backup. They are in the order of their numbers, whatever the clock said."""

    number: int
    day: date
    path: Path


def default_folder(file: Path) -> Path:
    """Where the backups of a database are kept unless something else is said."""
    return file.absolute().parent / 'backups'


def backups(file: Path, folder: Path) -> list[Backup]:
    """The backups of `file`, the oldest first."""
    pattern = re.compile(rf'{re.escape(file.stem)} (\d{{5,}}) (\d{{4}}-\d\d-\d\d) \d{{6}}'
                         rf'{re.escape(file.suffix)}')
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        match = pattern.fullmatch(path.name)
        with suppress(ValueError):  # no date
            if match:
                found.append(Backup(int(match[1]), date.fromisoformat(match[2]), path))
    return sorted(found)


def outdated(known: list[Backup]) -> list[Backup]:
    """Those that need not be kept: neither of the last 10, nor the last of one of 7 days or of 4 weeks.

    >>> week = [Backup(n, date(2026, 11, 1 + n // 9), Path(str(n))) for n in range(27)]
    >>> [each.number for each in outdated(week)]
    [0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16]
    """
    days = {each.day: each for each in known}  # the last of each
    weeks = {each.day.isocalendar()[:2]: each for each in known}
    kept = {*known[-LAST:], *sorted(days.values())[-DAYS:], *sorted(weeks.values())[-WEEKS:]}
    return [each for each in known if each not in kept]


def make_backup(file: Path, folder: Path, *, go_on: Callable[[], bool] = lambda: True,
                pause: float = 0.0, source: sqlite3.Connection | None = None) -> Path:
    """Copy the database `file` into `folder`, verify the copy, and let go of what is outdated there.

    It may be in use meanwhile, also by this program. If it is as it was at the last backup, that one stays.

    :param go_on: asked between two steps; the copy is given up when it says no
    :param pause: seconds between two steps, for others to work in
    :param source: the connection to copy by, if this is not to be another one than that which writes
    :return: the backup
    :raises DatabaseError: if the copy is damaged, and so the file too; or it cannot be read or written
    :raises Interrupted: if `go_on` said no
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        known = backups(file, folder)
        number = known[-1].number + 1 if known else 1
        name = f'{file.stem} {number:05} {datetime.now():%Y-%m-%d %H%M%S}{file.suffix}'
        part = folder / f'{name}.part'
        for old in folder.glob(f'{file.stem} *{file.suffix}.part*'):
            old.unlink()  # what was interrupted
        try:
            _copy(file, part, go_on, pause, source)
            found = problems(part)
            if found:
                raise DatabaseError(damaged(file, found, folder))
            if known and filecmp.cmp(part, known[-1].path, shallow=False):
                part.unlink()
                return known[-1].path
            _replace(part, folder / name)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        for old_backup in outdated(backups(file, folder)):
            old_backup.path.unlink()
    except OSError as error:
        raise DatabaseError(f'A backup of {file} cannot be written to {folder}: {error.strerror}. See '
                            'whether there is room, and whether the folder may be written to.') from error
    except sqlite3.Error as error:
        raise explain(error, file) or DatabaseError(f'There is no backup of {file}: {error}.') from error
    return folder / name


def _copy(file: Path, part: Path, go_on: Callable[[], bool], pause: float,
          source: sqlite3.Connection | None) -> None:
    """Copy page by page, in steps; SQLite begins anew if another connection writes between two of them."""
    number = os.open(part, os.O_RDWR | os.O_CREAT, 0o600)
    steps = 0

    def step(*_: int) -> None:
        nonlocal steps
        steps += 1
        if not go_on():
            raise Interrupted
        if steps % SYNC_EVERY == 0:
            os.fsync(number)
        if pause:
            time.sleep(pause)
    try:
        with closing(sqlite3.connect(part)) as target, closing(
                sqlite3.connect(f'{file.absolute().as_uri()}?mode=ro', uri=True)) as another:
            # It needs no journal: nobody ever sees a half of it. And an fsync of SQLite's own would come in a
            # step, with a lock held on the source.
            target.execute('PRAGMA journal_mode = OFF')
            target.execute('PRAGMA synchronous = OFF')
            sqlite3.Connection.backup(source or another, target, pages=PAGES, progress=step, sleep=0.01)
        os.fsync(number)
    finally:
        os.close(number)


def problems(file: Path, check: str = 'integrity_check') -> list[str]:
    """What SQLite finds wrong in a file that nobody writes to; an empty list if it is in order."""
    try:
        # immutable: without a lock, and without a -wal beside it
        with closing(sqlite3.connect(f'{file.absolute().as_uri()}?mode=ro&immutable=1', uri=True)) as db:
            found = [row[0] for row in db.execute(f'PRAGMA {check}(5)')]
    except sqlite3.DatabaseError as error:
        return [str(error)]
    return [] if found == ['ok'] else found


def damaged(file: Path, found: list[str], folder: Path | None = None) -> str:
    """The sentence for a damaged file: what was found, and which backup to put back."""
    folder = folder or default_folder(file)
    good = next((each.path for each in reversed(backups(file, folder)) if not problems(each.path)), None)
    words = '; '.join(' '.join(line.split()) for line in found)[:200]
    told = f'The database {file} is damaged ({words}). '
    if good is None:
        return told + f'Stop the program, keep a copy of the file; there is no backup of it in {folder}.'
    return told + (f'The last good backup is {good}. To put it back, end the program and run: '
                   f'python -m kali.sqlite restore "{file}" "{good}"')


def restore(connection: sqlite3.Connection, backup: Path) -> None:
    """Put `backup` in the place of what is in the database of `connection`, all of it or nothing.

    :raises DatabaseError: if the backup is damaged or of another version, or a transaction is open
    """
    _expect_good(backup)
    run = sqlite3.Cursor(connection).execute
    with closing(sqlite3.connect(f'{backup.absolute().as_uri()}?mode=ro&immutable=1', uri=True)) as source:
        theirs = source.execute('PRAGMA user_version').fetchone()[0]
        ours = run('PRAGMA user_version').fetchone()[0]
        if theirs != ours:
            raise DatabaseError(f'The backup {backup.name} has version {theirs}, the program works with '
                                f'version {ours}. End the program, put it back with python -m kali.sqlite '
                                'restore, and start the program: it will bring it up to date.')
        try:
            source.backup(connection)
        except sqlite3.Error as error:
            raise DatabaseError(f'The backup {backup.name} was not put back: {error}.') from error


def restore_file(file: Path, backup: Path) -> Path | None:
    """Put `backup` in the place of `file`, which no program has open; at any moment one of them is there.

    :return: where the replaced file is kept, if there was one
    :raises DatabaseError: if the backup is damaged, or a program uses the file
    """
    _expect_good(backup)
    part, kept = file.with_name(f'{file.name}.part'), None
    shutil.copyfile(backup, part)
    if file.exists():
        try:
            with closing(sqlite3.connect(file, timeout=0, isolation_level=None)) as db:
                db.execute('PRAGMA journal_mode = DELETE')  # a WAL goes into the file, if nobody uses it
                db.execute('BEGIN EXCLUSIVE')
                db.execute('ROLLBACK')
        except sqlite3.Error as error:
            told = explain(error, file)
            if told is not None and told.status == 503:
                raise told from error
        kept = file.with_name(f'{file.stem} replaced {datetime.now():%Y-%m-%d %H%M%S}{file.suffix}')
        for ending in ('-journal', '-wal', '-shm'):  # they would be applied to the wrong file
            with suppress(FileNotFoundError):
                Path(f'{file}{ending}').replace(f'{kept}{ending}')
        shutil.copyfile(file, kept)
    with part.open('rb+') as written:
        os.fsync(written.fileno())
    _replace(part, file)
    return kept


def _expect_good(backup: Path) -> None:
    if not backup.is_file():
        raise DatabaseError(f'There is no backup {backup}.')
    found = problems(backup)
    if found:
        raise DatabaseError(f'The backup {backup} is damaged itself ({found[0]}); choose another one.')


def _replace(part: Path, target: Path) -> None:
    """Give a written file its name, so that it has it after a power cut too."""
    part.replace(target)
    with suppress(OSError):  # Windows cannot open a folder
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
