"""copies: a database file copied while it is in use, verified, named, and kept for a while.

A file with the name of a backup is whole and verified. Until then it is a `.part`, and what is unfinished is
thrown away. The live file is only ever opened by SQLite: closing any other descriptor of it would drop
SQLite's locks (https://sqlite.org/howtocorrupt.html, section 2.2).
"""

from __future__ import annotations

import filecmp
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from kali.errors import DatabaseError
from kali.sqlite.faults import damaged, explain
from kali.sqlite.functions import Prepare, equip
from kali.sqlite.integrity import problems, reader, sound

__all__ = ['Backup', 'Damaged', 'Interrupted', 'backups', 'default_folder', 'finish', 'last_good',
           'make_backup', 'outdated', 'real']

PAGES = 64  # copied in one step, which takes half a millisecond, when nothing else can use the source
LAST, DAYS, WEEKS = 10, 7, 4  # how many backups are kept
PATIENCE = 30.0  # seconds to wait for another program's lock
SPARE = 20_000_000  # bytes that a backup leaves free on its disk: the next save may need them
_BUSY = (5, 6)  # SQLITE_BUSY and SQLITE_LOCKED; sqlite3 has the names from Python 3.11 on
_QUIET = 2.0  # seconds after which a file's time shows whether it has changed since (FAT counts in twos)


class Interrupted(Exception):
    """There was no more time to finish a copy."""


class Backup(NamedTuple):
    """A finished backup. They are in the order of their numbers, whatever the clock said."""

    number: int
    made: datetime
    path: Path


def default_folder(file: Path) -> Path:
    """Where the backups of a database are kept unless something else is said."""
    return real(file).absolute().parent / 'backups'


def real(file: Path) -> Path:
    """The file that a link leads to: backups have its name, and it is what is written to."""
    return file.resolve() if file.is_symlink() else file


def backups(file: Path, folder: Path) -> list[Backup]:
    """The backups of `file`, the oldest first.

    :raises DatabaseError: if the folder cannot be read
    """
    pattern, found = _pattern(real(file)), []
    try:
        paths = list(folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise DatabaseError(f'The folder {folder} with the backups of {file} cannot be read: '
                            f'{error.strerror}. See to its rights.') from error
    for path in paths:
        match = pattern.fullmatch(path.name)
        with suppress(ValueError):  # no date
            if match:
                found.append(Backup(int(match[1]), datetime.strptime(match[2], '%Y-%m-%d %H%M%S'), path))
    return sorted(found)


def _pattern(file: Path) -> re.Pattern[str]:
    return re.compile(rf'{re.escape(file.stem)} (\d{{5,}}) (\d{{4}}-\d\d-\d\d \d{{6}})'
                      rf'{re.escape(file.suffix)}')


def outdated(known: list[Backup]) -> list[Backup]:
    """Those that need not be kept: neither of the last 10, nor the last of one of 7 days or of 4 weeks.

    The numbers say which is last: a clock may be set back.

    >>> week = [Backup(n, datetime(2026, 11, 1 + n // 9), Path(str(n))) for n in range(27)]
    >>> [each.number for each in outdated(week)]
    [0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16]
    """
    days = {each.made.date(): each for each in known}  # the last of each
    weeks = {each.made.isocalendar()[:2]: each for each in known}
    kept = {*known[-LAST:], *sorted(days.values())[-DAYS:], *sorted(weeks.values())[-WEEKS:]}
    return [each for each in known if each not in kept]


def make_backup(file: Path, folder: Path, *, go_on: Callable[[], bool] = lambda: True,
                pause: float = 0.0, source: sqlite3.Connection | None = None, keep: Path | None = None,
                anew: bool = False, prepare: Prepare | None = None) -> Path:
    """Copy the database `file` into `folder`, verify the copy, and delete what is outdated there.

    It may be in use meanwhile, also by this program. If it is as it was at the last backup, that one stays.

    :param go_on: asked between two steps; the copy is given up when it says no
    :param pause: seconds between two steps, for others to work in
    :param source: the connection to copy by, if this is not to be another one than that which writes
    :param keep: a backup that stays even if it is outdated: it is about to be restored
    :param anew: copy and verify even what has the size and time that it had at the last backup
    :param prepare: adds the functions and collations that the file's indexes and constraints use
    :return: the backup
    :raises DatabaseError: if the copy is damaged; the file cannot be read, or the folder not be written to
        (503 if trying again helps)
    :raises Interrupted: if `go_on` said no
    """
    file = real(file)
    if source is None and not file.is_file():
        raise DatabaseError(f'There is no database {file}, so there is nothing to make a backup of.')
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(file, folder):
            known = backups(file, folder)
            if known and not anew and _is_unchanged(file, known[-1].path):
                return known[-1].path
            made = _make(file, folder, known, prepare, lambda part: _copy(file, part, go_on, pause, source))
            for old in outdated(backups(file, folder)):
                if keep is not None and old.path.name == keep.name:
                    continue
                with suppress(OSError):  # on Windows, while a program has it open: it goes the next time
                    old.path.unlink()
    except OSError as error:
        raise DatabaseError(f'A backup of {file} cannot be written to {folder}: {error.strerror}. See '
                            'whether there is room, and whether the folder may be written to.') from error
    except sqlite3.Error as error:
        raise _told(error, file, folder) from error
    return made


@contextmanager
def _alone(file: Path, folder: Path) -> Iterator[None]:
    """No other program makes a backup of `file` meanwhile: what it has begun would look like leftovers.

    The lock is SQLite's, on an empty file that stays; it ends with the process, whatever happens.
    """
    path = folder / f'.{file.name}.lock'
    with closing(sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)) as lock:
        try:
            lock.execute('BEGIN EXCLUSIVE')
        except sqlite3.OperationalError as error:
            if 'is locked' not in str(error):
                raise
            raise DatabaseError(f'Another program is making a backup of {file} just now. Try again in a '
                                'moment.', status=503) from error
        yield


def _is_unchanged(file: Path, last: Path) -> bool:
    """Whether the file has the size and the time that it had when its last backup was made.

    The backup was given that time. Its own would not do: the file may be written to in the same tick.
    """
    with suppress(OSError):
        now, then = file.stat(), last.stat()
        return ((now.st_size, now.st_mtime_ns) == (then.st_size, then.st_mtime_ns)
                and not any(Path(f'{file}{ending}').exists() and Path(f'{file}{ending}').stat().st_size
                            for ending in ('-wal', '-journal')))
    return False


def _make(file: Path, folder: Path, known: list[Backup], prepare: Prepare | None,
          copy: Callable[[Path], None]) -> Path:
    """A new backup, or the last one if it is the same."""
    for old in folder.iterdir():
        finished, _, _ = old.name.rpartition('.part')
        if finished and _pattern(file).fullmatch(finished):
            old.unlink()  # what was interrupted
    number = known[-1].number + 1 if known else 1
    target = folder / f'{file.stem} {number:05} {datetime.now():%Y-%m-%d %H%M%S}{file.suffix}'
    part = target.with_name(f'{target.name}.part')
    since = None
    with suppress(OSError):  # the file may be gone, and a connection still hold what was in it
        since = file.stat()
        free = shutil.disk_usage(folder).free
        if free < since.st_size + SPARE:
            raise DatabaseError(f'There is no room in {folder} for a backup of {file}: it takes '
                                f'{since.st_size // 1_000_000 + 1:,} MB, and {free // 1_000_000:,} MB are '
                                'free, of which some are left for saving. Make room there.', status=503)
    try:
        copy(part)
        _verify(file, part, folder, prepare)
        if since:  # see _is_unchanged; if it may change within this tick, a time that it will not have
            back = 0 if since.st_mtime + _QUIET <= time.time() else 10_000_000_000
            os.utime(part, ns=(since.st_atime_ns, since.st_mtime_ns - back))
        filecmp.clear_cache()
        if known and filecmp.cmp(part, known[-1].path, shallow=False):
            shutil.copystat(part, known[-1].path)
            part.unlink()
            return known[-1].path
        finish(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return target


def _copy(file: Path, part: Path, go_on: Callable[[], bool], pause: float,
          source: sqlite3.Connection | None) -> None:
    """Copy page by page, in steps; SQLite begins anew if another connection writes between two of them."""
    number = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, 'O_BINARY', 0), 0o600)
    waited = 0.0

    def step(status: int, *_: int) -> None:
        nonlocal waited
        if not go_on():
            raise Interrupted
        waited = (waited or time.monotonic()) if status in _BUSY else 0.0
        if waited and time.monotonic() - waited > PATIENCE:
            raise sqlite3.OperationalError('database is locked')
        begun = time.monotonic()
        os.fsync(number)  # or a commit would have to wait until all of it is on the disk
        if pause:  # and at least half of a slow disk's time is left to others
            time.sleep(max(pause, time.monotonic() - begun))
    try:
        with closing(sqlite3.connect(part)) as target, closing(_another(file)) as another:
            # It needs no journal: an unfinished copy is deleted. And an fsync of SQLite's own would come in a
            # step, with a lock held on the source.
            target.execute('PRAGMA journal_mode = OFF')
            target.execute('PRAGMA synchronous = OFF')
            sqlite3.Connection.backup(source or another, target, pages=PAGES, progress=step, sleep=0.01)
        if os.lseek(number, 0, os.SEEK_END):
            # Of a database in WAL mode it would be a part without a -wal beside it, and could not be opened
            # where nothing can be written (https://sqlite.org/fileformat2.html, offsets 18 and 19).
            os.lseek(number, 18, os.SEEK_SET)
            os.write(number, b'\1\1')
        os.fsync(number)
    finally:
        os.close(number)


def _another(file: Path) -> sqlite3.Connection:
    """A connection that only reads; to no file if that is gone, and there is another one to copy by."""
    return reader(file) if file.exists() else sqlite3.connect(':memory:')


def _verify(file: Path, part: Path, folder: Path, prepare: Prepare | None) -> None:
    """Raise DatabaseError for a copy that is damaged, saying what is to blame, the file or its copy."""
    found = problems(part, prepare)
    if not found:
        return
    with closing(equip(_another(file), prepare)) as live:
        found_there = sound(live)
    if found_there:
        raise Damaged(damaged(file, found_there, _advice(file, folder, prepare)))
    raise DatabaseError(f'A backup of {file} in {folder} was damaged while it was written ({found[0]}). The '
                        'database itself is in order: see to the disk of that folder.')


class Damaged(DatabaseError):
    """The database itself is damaged, and not only a copy of it."""


def _told(error: sqlite3.Error, file: Path, folder: Path) -> DatabaseError:
    """What SQLite said, about the file or about the folder: copying never writes to the file."""
    text = str(error).lower()
    if any(words in text for words in ('full', 'readonly', 'unable to open')):
        return DatabaseError(f'A backup of {file} cannot be written to {folder}: {error}. See whether there '
                             'is room, and whether the folder may be written to.')
    return explain(error, file) or DatabaseError(f'No backup of {file} could be made: {error}.')


def last_good(file: Path, folder: Path, prepare: Prepare | None = None) -> Path | None:
    """The newest backup of `file` in `folder` that is in order."""
    paths = (each.path for each in reversed(backups(file, folder)))
    return next((path for path in paths if not problems(path, prepare)), None)


def _advice(file: Path, folder: Path, prepare: Prepare | None) -> str:
    """What to do about a damaged file."""
    good = last_good(file, folder, prepare)
    if good is None:
        return f'End the program and keep a copy of the file; there is no good backup of it in {folder}.'
    return (f'The last good backup is {good}. To restore it, end the program and run: '
            f'python -m kali.sqlite restore "{file}" "{good}"')


def finish(part: Path, target: Path) -> None:
    """Give a written file its name, so that it has it after a power cut too."""
    part.replace(target)
    with suppress(OSError):  # Windows cannot open a folder
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
