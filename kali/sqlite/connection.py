"""connect: an SQLite file, opened so that what was committed stays; what is wrong with it is said in words.

`Connection` and `Cursor` are sqlite3's own, and remember besides what the guard asks for: the cursors still
alive, and the SQL run in the open transaction. The rule: nothing here is registered with sqlite3 for the
whole process. It knows nothing about requests.
"""

from __future__ import annotations

import os
import re
import sqlite3
import weakref
from collections.abc import Iterable
from contextlib import closing, suppress
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from threading import get_ident
from typing import Any, Literal

from kali import log
from kali.errors import DatabaseError
from kali.sqlite.copies import backups, damaged, default_folder, sound
from kali.sqlite.faults import explain, gone
from kali.sqlite.places import network_share
from kali.sqlite.settings import settle

__all__ = ['Connection', 'Cursor', 'connect']

# What sqlite3 binds as it is. Subclasses, of str for instance, go the slower way and arrive the same.
_NATIVE = frozenset({int, float, str, bytes, bytearray, memoryview, bool, type(None)})

# A file of up to so many bytes is checked each time it is opened (3 ms/MB, measured), a bigger one only after
# an unclean end.
_CHECKED = 8_000_000

# How many different statements of one transaction are remembered for the guard's error page.
_REMEMBERED = 50

# What would end the transaction that the guard holds, or begin another; after blanks and comments.
_ENDING = re.compile(r'(?:\s|;|--[^\n]*(?:\n|\Z)|/\*.*?(?:\*/|\Z))*'
                     r'(COMMIT|END|BEGIN|ROLLBACK(?!\s+(?:TRANSACTION\s+)?TO\b))\b',
                     re.IGNORECASE | re.DOTALL)

# Looked up once: they run for every statement.
_cursor, _execute = sqlite3.Connection.cursor, sqlite3.Cursor.execute


class Cursor(sqlite3.Cursor):
    """A cursor that takes dates and Decimals as parameters, and tells its connection what it runs."""

    __slots__ = ()
    connection: Connection  # nothing else makes one

    def execute(self, sql: str, parameters: Any = (), /) -> Any:
        """As sqlite3's, and `parameters` may hold dates, times and Decimals besides."""
        self.connection.note(sql)
        return _execute(self, sql, _plain(parameters) if parameters else parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Any:
        """As sqlite3's, and `parameters` may hold dates, times and Decimals besides."""
        self.connection.note(sql)
        return super().executemany(sql, map(_plain, parameters))

    def executescript(self, script: str, /) -> Any:
        """As sqlite3's, which first commits the open transaction: not while the guard holds one."""
        self.connection.refuse('executescript()', 'run the statements one by one')
        return super().executescript(script)


class _EndedCursor(Cursor):
    """A cursor whose SELECT was ended with the request it began in: fetching says so, executing goes on.

    Cursors are turned into this class and back, so that fetching a row from any other costs nothing.
    """

    __slots__ = ()

    def _ended(self, *_: object) -> Any:
        raise DatabaseError(
            'This cursor was left unfinished when its request (or one step of a stream) ended, and was ended '
            'with it: an open SELECT keeps other programs from writing. Read all of it with fetchall(), or '
            'page by page.')

    __next__ = fetchone = fetchmany = fetchall = _ended  # type: ignore[assignment]

    def execute(self, sql: str, parameters: Any = (), /) -> Any:
        self.__class__ = Cursor  # type: ignore[assignment]  # the same layout
        return self.execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Any:
        self.__class__ = Cursor  # type: ignore[assignment]
        return self.executemany(sql, parameters)


class Connection(sqlite3.Connection):
    """A connection made by `connect`.

    `path` is the file's name for messages. `statements` is the SQL run in the open transaction; its first key
    opened it. `guarded` says that the guard holds the open transaction: then nobody else may end it. `thread`
    is the only one that may run SQL, or 0. `damage` is a sentence once the file is known to be damaged.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.path = ':memory:'
        self.statements: dict[str, None] = {}
        self.guarded = False
        self.thread = 0
        self.damage = ''
        self._place = ''  # where the file was found, and what it was there; '' for a database in memory
        self._identity = (0, 0)
        self._cursors: list[weakref.ref[sqlite3.Cursor]] = []
        self._room = 100
        super().__init__(*arguments, **named)

    def cursor(self, factory: Any = Cursor) -> Any:
        """As sqlite3's; the cursor is remembered (weakly) until the end of the request."""
        cursor = _cursor(self, factory)
        # A plain list that is thinned out now and then costs a quarter of what a WeakSet does.
        self._cursors.append(weakref.ref(cursor))
        if len(self._cursors) > self._room:
            self._cursors = [known for known in self._cursors if known() is not None]
            self._room = 2 * len(self._cursors) + 100
        return cursor

    # sqlite3's own, from Python 3.11 on, make their cursor without asking `cursor`.

    def execute(self, sql: str, parameters: Any = (), /) -> Any:
        """As sqlite3's, by a new Cursor."""
        self.note(sql)
        return _execute(self.cursor(), sql, _plain(parameters) if parameters else parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Any:
        """As sqlite3's, by a new Cursor."""
        return self.cursor().executemany(sql, parameters)

    def executescript(self, script: str, /) -> Any:
        """As sqlite3's, by a new Cursor; refused while the guard holds the transaction."""
        return self.cursor().executescript(script)

    def end_cursors(self) -> None:
        """End every SELECT that was not read to its end, and with it the lock that it holds on the file.

        Neither COMMIT nor ROLLBACK does that (FACTS, SQLite: "an open SELECT cursor"). The guard calls it
        before both.

        :raises DatabaseError: if the guard is about to commit to a file that nobody will find any more
        """
        if self.guarded:
            self.expect_in_place()
        cursors = self._cursors
        if not cursors:
            return
        self._cursors = []
        for known in cursors:
            cursor = known()
            if cursor is None:
                continue
            with suppress(sqlite3.ProgrammingError):  # closed, so there is nothing to end
                # Executing anything resets what the cursor ran before; this reads no table and takes no lock.
                _execute(cursor, 'SELECT 1 WHERE 0')
                self._cursors.append(known)  # it may execute again
                if type(cursor) is Cursor:
                    cursor.__class__ = _EndedCursor

    def know_place(self, file: str) -> None:
        """Remember which file this is, to notice when another one, or none, is found under its name."""
        self._place = os.path.abspath(file)  # noqa: PTH100  # the working directory may change
        found = os.stat(self._place)  # noqa: PTH116
        self._identity = found.st_dev, found.st_ino

    def expect_in_place(self) -> None:
        """Raise DatabaseError if what would be committed now is lost: the file is damaged, or has been moved,
        deleted or replaced.

        With a rollback journal SQLite looks itself, but not in WAL mode, where it goes on with a file that
        has no name. This costs 2 µs.
        """
        if self.damage:
            raise DatabaseError(self.damage)
        if self._place:
            try:
                found = os.stat(self._place)  # noqa: PTH116
            except OSError as error:
                raise gone(self.path) from error
            if (found.st_dev, found.st_ino) != self._identity:
                raise gone(self.path)

    def commit(self) -> None:
        """As sqlite3's; refused while the guard holds the transaction, or the file is gone."""
        self.refuse('commit()', 'leave it out: the guard commits when the handler returns')
        if self.in_transaction:
            self.expect_in_place()
        super().commit()

    def rollback(self) -> None:
        """As sqlite3's; refused while the guard holds the transaction."""
        self.refuse('rollback()', 'raise an error, answer with a status of 400 or more, or use atomic()')
        super().rollback()

    def close(self) -> None:
        """As sqlite3's; refused while the guard holds a transaction, which would be lost."""
        self.refuse('close()', 'close the connection at the end of the program, after serve_http')
        super().close()

    def __enter__(self) -> Any:
        self.refuse('"with connection:"', 'use "with atomic(connection):"')
        return super().__enter__()

    def note(self, sql: str) -> None:
        """Keep `sql`, which is about to run, in `statements`.

        :raises sqlite3.ProgrammingError: in a thread that may not run any
        :raises DatabaseError: if the transaction of a request is gone: each further statement would be
            committed by itself, in a request that is to be all or nothing
        """
        if self.thread and self.thread != get_ident():
            raise sqlite3.ProgrammingError(
                f'The connection to {self.path} is for the thread only that made it. Give another thread a '
                'connection of its own, or say connect(path, check_same_thread=False).')
        if self.in_transaction:
            if self.guarded and _ENDING.match(sql):
                self.refuse(f'The statement {" ".join(sql.split())[:50]}',
                            'leave it out: the guard begins and commits; for a part of the work use atomic()')
            if len(self.statements) < _REMEMBERED:
                self.statements[sql] = None
        elif self.guarded:
            raise DatabaseError(f'The transaction of this request in {self.path} was ended before its time, '
                                'by OR ROLLBACK, COMMIT or ROLLBACK in the handler. No further SQL is run.')
        else:
            self.statements = {sql: None}  # it may open one

    def is_serialized(self) -> bool:
        """Whether SQLite itself keeps threads apart, so that one can copy what another works with."""
        with closing(sqlite3.Cursor(self)) as cursor:
            return ('THREADSAFE=1',) in cursor.execute('PRAGMA compile_options').fetchall()

    def refuse(self, what: str, instead: str) -> None:
        """Raise DatabaseError if the guard holds the transaction, which `what` would end."""
        if self.guarded:
            raise DatabaseError(f'{what} is not for a handler under guard(mode="commit"), where the whole '
                                f'request is one transaction in {self.path}; nothing of it was saved. '
                                f'Instead: {instead}.')


def _plain(parameters: Any) -> Any:
    """`parameters` with dates, times and Decimals as SQLite stores them; the same object if it has none."""
    named = not isinstance(parameters, (tuple, list)) and hasattr(parameters, 'values')
    if _NATIVE.issuperset(map(type, parameters.values() if named else parameters)):
        return parameters
    if named:
        return {name: _stored(value) for name, value in parameters.items()}
    return [_stored(value) for value in parameters]


def _stored(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(' ')  # as SQLite's own datetime() writes it
    if isinstance(value, (date, time)):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def connect(path: str | os.PathLike[str], *, journal: Literal['delete', 'wal'] = 'delete',
            busy_timeout: float = 5.0, read_only: bool = False,
            isolation_level: Literal['DEFERRED', 'IMMEDIATE', 'EXCLUSIVE'] | None = None,
            check_same_thread: bool = True) -> Connection:
    """Open the SQLite database at `path`, making the file and its folder if there are none.

    A commit has reached the disk when it returns (journal 'delete' with synchronous EXTRA, 'wal' with FULL).
    Foreign keys are enforced, functions in the file's schema are not trusted, rows are `sqlite3.Row`.

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
    :raises DatabaseError: a sentence that says what is wrong with the file; status 503 where trying again
        helps
    :raises ValueError: for a journal that is neither 'delete' nor 'wal'

    After an unclean end, which a journal left behind gives away, SQLite takes back what was not committed,
    and the whole file is checked here; a small one is checked each time.

    >>> db = connect(':memory:')
    >>> db.execute('SELECT ? AS due', [date(2026, 7, 31)]).fetchone()['due']
    '2026-07-31'
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
        connection.path = name
        connection.thread = get_ident() if check_same_thread else 0  # sqlite3's check would stop backups
        connection.row_factory = sqlite3.Row
        _prepare(connection, file, journal, read_only)
    except sqlite3.Error as error:
        told = explain(error, name) or DatabaseError(f'The database {name} cannot be opened: {error}.')
        if file is not None and 'malformed' in str(error):
            told = DatabaseError(damaged(file, [str(error)]))
        raise told from error
    except OSError as error:
        raise DatabaseError(f'The database {name} cannot be opened: {error.strerror or error}. Keep it in a '
                            'folder that you may read and write to, under a name that is not too '
                            'long.') from error
    return connection


def _prepare(connection: Connection, file: Path | None, journal: str, read_only: bool) -> None:
    """Settle and check a new connection, and say so in the log; it is closed if something is wrong."""
    unclean = file is not None and any(_size(f'{file}{ending}') for ending in ('-journal', '-wal'))
    is_new = file is not None and not _size(str(file))
    try:
        settings = settle(connection, connection.path, journal, read_only)
        if file is not None:
            connection.know_place(str(file))
            if unclean or _size(str(file)) <= _CHECKED:
                found = sound(connection, 'quick_check')
                if found:
                    raise DatabaseError(damaged(file, found))
                settings.append('checked after an unclean end' if unclean else 'checked')
            settings += [f'on {share}' for share in [network_share(file)] if share]
    except BaseException:
        connection.close()
        raise
    log.info('database %s: %s', connection.path, ', '.join(settings))
    if is_new and not read_only:
        _tell_of_backups(file)


def _tell_of_backups(file: Path | None) -> None:
    """A new file, where there was one before: the user may wonder where everything is."""
    if file is None:
        return
    with suppress(DatabaseError):  # the folder cannot be read
        known = backups(file, default_folder(file))
        if known:
            log.warning('the database %s was not there and begins empty, though there are backups of it; to '
                        'put the last one back, end the program and run: python -m kali.sqlite restore "%s"',
                        str(file), str(file))


def _place(path: Path, journal: str, read_only: bool) -> str:
    """What to tell SQLite for the file at `path`, whose folder is made if need be."""
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
        return path.absolute().as_uri() + '?mode=ro'
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
