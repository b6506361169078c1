"""connection: `connect` opens a database file so that what was committed stays, or says what is wrong.

What a connection does from then on is in cursors.py.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from threading import get_ident
from typing import Literal

from kali import log
from kali.errors import DatabaseError
from kali.sqlite.cursors import Connection, Cursor
from kali.sqlite.faults import damaged, explain, not_registered, unknown_name
from kali.sqlite.functions import Prepare, equip
from kali.sqlite.integrity import sound
from kali.sqlite.places import address, network_share
from kali.sqlite.settings import apply_settings

__all__ = ['Connection', 'Cursor', 'connect']

# A file of up to so many bytes is checked each time it is opened (3 ms/MB, measured), a bigger one only after
# an unclean end.
_CHECKED = 8_000_000


def connect(path: str | os.PathLike[str], *, journal: Literal['delete', 'wal'] = 'delete',
            busy_timeout: float = 5.0, read_only: bool = False,
            isolation_level: Literal['DEFERRED', 'IMMEDIATE', 'EXCLUSIVE'] | None = None,
            check_same_thread: bool = True, prepare: Prepare | None = None) -> Connection:
    """Open the SQLite database at `path`, making the file and its folder if there are none.

    A commit has reached the disk when it returns (journal 'delete' with synchronous EXTRA, 'wal' with FULL).
    Foreign keys are enforced; rows are `sqlite3.Row`. SQL has the functions `casefold(text)` and `fold(text)`
    (without case and accents, in any script) for searching and sorting. What SQLite calls unsafe in a file's
    schema is switched on only if the schema needs it (`connection.trust` says so).

    Parameters may be dates, times and Decimals; they are stored as text: `2026-07-31`, `2026-07-31 09:30:00`,
    `12.50` (which SQLite turns into a number in a column declared DECIMAL or NUMERIC; declare it TEXT to keep
    each digit). Rows give back what the file holds, text: sqlite3 can only convert by a registry that the
    whole process shares, forgets the declared type in `max(due)`, and fails on the first cell that is no
    date.

    :param path: a path, or ':memory:'
    :param journal: 'wal' is faster, for a local disk only; not on a network share
    :param busy_timeout: for how many seconds to wait for another program's lock
    :param read_only: open a file that must exist, for reading
    :param isolation_level: None: transactions are begun explicitly, by the guard and `atomic`. Otherwise
        sqlite3's legacy mode, which begins them by itself, for guard(mode='check')
    :param check_same_thread: whether the connection can be used in the thread only that made it
    :param prepare: registers the functions and collations of the program that the file's indexes,
        constraints or triggers use, in the connection that it is given. kali calls it for each connection to
        this file, those for backups and their checks included, some of them in other threads
    :raises DatabaseError: a sentence that says what is wrong with the file; status 503 where trying again
        helps
    :raises ValueError: for a journal that is neither 'delete' nor 'wal'

    After an unclean end, which a journal left behind gives away, SQLite takes back what was not committed,
    and the whole file is checked here; a small one is checked each time.

    >>> from datetime import date
    >>> db = connect(':memory:', prepare=lambda each: each.create_function('double', 1, lambda x: 2 * x))
    >>> db.execute('SELECT ? AS due, double(4) AS eight', [date(2026, 7, 31)]).fetchone()['due']
    '2026-07-31'
    >>> db.execute("SELECT fold('Žižka') = fold('ZIZKA')").fetchone()[0]
    1
    >>> db.close()

    Source: https://sqlite.org/pragma.html, https://sqlite.org/security.html
    """
    if journal not in ('delete', 'wal'):
        raise ValueError(f"journal={journal!r}: it is 'delete' or 'wal'")
    name = os.fspath(path)
    file = None if name == ':memory:' else Path(name)
    try:
        target = name if file is None else _place(file, journal, read_only)
        connection = sqlite3.connect(target, timeout=busy_timeout, isolation_level=isolation_level,
                                     factory=Connection, check_same_thread=False, uri=read_only)
        connection.path, connection.prepare = name, prepare
        connection.thread = get_ident() if check_same_thread else 0  # sqlite3's check would stop backups
        connection.row_factory = sqlite3.Row
        try:
            _make_ready(connection, file, journal, read_only)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise _told(error, name, file) from error
    except OSError as error:
        raise _not_opened(name, error) from error
    return connection


def _make_ready(connection: Connection, file: Path | None, journal: str, read_only: bool) -> None:
    """Settle and check a new connection, and say so in the log."""
    unclean = file is not None and any(_size(f'{file}{ending}') for ending in ('-journal', '-wal'))
    connection.is_new = file is not None and not _size(str(file))
    equip(connection, connection.prepare)
    settings = apply_settings(connection, connection.path, journal, read_only)
    connection.decide_trust()
    settings.insert(1, str(connection.trust))
    if file is not None:
        connection.know_place(str(file))
        if not read_only:
            _expect_usable(connection)
        if unclean or _size(str(file)) <= _CHECKED:
            found = sound(connection, 'quick_check')
            if found:
                raise DatabaseError(damaged(file, found))
            settings.append('checked after an unclean end' if unclean else 'checked')
        settings += [f'on {share}' for share in [network_share(file)] if share]
    log.info('database %s: %s', connection.path, ', '.join(settings))


def _expect_usable(connection: Connection) -> None:
    """Refuse a file whose tables need what the program has not registered: hardly anything could be saved."""
    missing = connection.trust.missing
    try:
        sqlite3.Cursor(connection).execute('EXPLAIN PRAGMA integrity_check')
    except sqlite3.OperationalError as error:
        missing = missing or unknown_name(error)
    if missing:
        raise not_registered(connection.path, missing)


def _told(error: sqlite3.Error, name: str, file: Path | None) -> DatabaseError:
    """The sentence for what SQLite said when the file was opened."""
    if file is not None and 'disk image is malformed' in str(error):
        return DatabaseError(damaged(file, [str(error)]))
    if file is not None and 'unable to open' in str(error):
        try:
            file.stat()
        except FileNotFoundError:
            pass  # it is the folder that cannot be written to, and the last line says so
        except OSError as reason:
            return _not_opened(name, reason)
    return explain(error, name) or DatabaseError(f'The database {name} cannot be opened: {error}.')


def _not_opened(name: str, reason: OSError) -> DatabaseError:
    return DatabaseError(f'The database {name} cannot be opened: {reason.strerror or reason}. Keep it in a '
                         'folder that you may read and write to, under a name that is not too long.')


def _place(path: Path, journal: str, read_only: bool) -> str:
    """The name by which SQLite opens the file at `path`, whose folder is made if need be."""
    share = network_share(path)
    if share and journal == 'wal':
        raise DatabaseError(f'The database {path} lies on a network share ({share}), where journal="wal" '
                            'does not work. Leave it out, or keep the file on a local disk.')
    if path.is_dir():
        raise DatabaseError(f'{path} is a folder, so it cannot be opened as a database: give the name of a '
                            'file in it.')
    if read_only:
        if not path.exists():
            raise DatabaseError(f'There is no database {path} to read.')
        return address(path, 'mode=ro')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseError(f'The folder {path.parent} for the database {path.name} cannot be made: '
                            f'{error.strerror}. Keep the database in a folder that you may write '
                            'to.') from error
    return str(path.absolute())  # some SQLites take what begins with "file:" for an address


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0
