"""cursors: sqlite3's Connection and Cursor, which also know what runs on them.

They keep what a request must not leave behind: open SELECTs, and the SQL of the open transaction. While a
request is guarded they refuse what would end its transaction, and during a GET what would write.
`connect` opens them: connection.py. Nothing is registered with sqlite3 for the whole process.
"""

from __future__ import annotations

import os
import sqlite3
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import get_ident
from typing import Any

from kali.errors import DatabaseError
from kali.processes import STANDS_FOR
from kali.sqlite.faults import gone
from kali.sqlite.functions import Prepare
from kali.sqlite.settings import KEPT_SETTINGS, Trust, trust
from kali.sqlite.statements import changed_setting, ends_transaction, quoted
from kali.sqlite.values import plain

__all__ = ['REMEMBERED', 'Connection', 'Cursor']

# How many different statements of one transaction are remembered for error pages.
REMEMBERED = 50

# The beginnings of statements that end no transaction and change no setting, as most people write them.
_HARMLESS = frozenset({'SELECT', 'INSERT', 'UPDATE', 'DELETE'})
_SELECT = frozenset({'SELECT', 'select'})  # in other case, or after WITH, it only takes longer

# Looked up once: they run for every statement.
_cursor, _execute = sqlite3.Connection.cursor, sqlite3.Cursor.execute


class Cursor(sqlite3.Cursor):
    """A cursor that takes dates and Decimals as parameters, and reports to its connection what it runs."""

    __slots__ = ()
    connection: Connection  # nothing else makes one

    def execute(self, sql: str, parameters: Any = (), /) -> Any:
        """As sqlite3's, and `parameters` may hold dates, times and Decimals besides."""
        connection = self.connection
        connection.note(sql)
        if parameters:
            parameters = plain(parameters)
        try:
            return _execute(self, sql, parameters)
        except sqlite3.DatabaseError as error:
            if not connection.trusts_after(error):
                raise
            return _execute(self, sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Any:
        """As sqlite3's, and `parameters` may hold dates, times and Decimals besides."""
        connection = self.connection
        connection.note(sql)
        rows = map(plain, parameters)
        try:
            return super().executemany(sql, rows)
        except sqlite3.DatabaseError as error:  # SQLite prepares the statement before it takes a row
            if not connection.trusts_after(error):
                raise
            return super().executemany(sql, rows)

    def executescript(self, script: str, /) -> Any:
        """As sqlite3's, which first commits the open transaction: not while the guard holds one."""
        connection = self.connection
        connection.refuse('executescript()', 'run the statements one by one')
        with connection.trusting():
            return super().executescript(script)


class _EndedCursor(Cursor):
    """A cursor whose SELECT was ended with the request it began in: fetching says so, executing goes on.

    Cursors are turned into this class and back, so that fetching a row from any other costs nothing.
    """

    __slots__ = ()

    def _ended(self, *_: object) -> Any:
        raise DatabaseError(
            'This cursor was left unfinished when its request (or one step of a stream) ended, and was ended '
            'with it: an open SELECT keeps other programs from writing. Read all of it with fetchall(), or, '
            'in a stream of many rows, by connection.rows(sql, key="id"), which reads them in batches.')

    __next__ = fetchone = fetchmany = fetchall = _ended  # type: ignore[assignment]

    def execute(self, sql: str, parameters: Any = (), /) -> Any:
        self.__class__ = Cursor  # type: ignore[assignment]  # the same layout
        return self.execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Any:
        self.__class__ = Cursor  # type: ignore[assignment]
        return self.executemany(sql, parameters)


class Connection(sqlite3.Connection):
    """A connection made by `connect`.

    `path` is the file's name for messages, `prepare` what adds the program's own functions to a connection,
    `thread` the only thread that may run SQL, or 0, `is_new` whether the file was empty when it was opened,
    `steps` the folder that `migrate` was called with.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.path = ':memory:'
        self.prepare: Prepare | None = None
        self.thread = 0
        self.is_new = False
        self.steps: Path | None = None
        self._trust = Trust(False, '')
        self._statements: dict[str, None] = {}
        self.last = ''  # the last statement
        self._held = False  # whether the guard or migrate holds the open transaction, and alone may end it
        self._rule = ''  # what they say of a statement that would
        self._protection = 0  # 1: writing is forbidden; 2: SQLite itself refuses to
        self._damage = ''  # a sentence once the file is known to be damaged
        self._place = ''  # where the file was found, and what it was there; '' for a database in memory
        self._identity = (0, 0)
        self._cursors: list[weakref.ref[sqlite3.Cursor]] = []
        self._room = 100
        super().__init__(*arguments, **named)

    @property
    def guarded(self) -> bool:
        """Whether the guard (or migrate) holds the open transaction."""
        return self._held

    @property
    def in_request(self) -> bool:
        """Whether a guard stands around the request that is being answered."""
        return self._held or self._protection > 0

    @property
    def statements(self) -> dict[str, None]:
        """The SQL run in the open transaction, in order; the first has opened it."""
        return self._statements

    @property
    def trust(self) -> Trust:
        """Whether the file's schema may use what SQLite calls unsafe there; and why."""
        return self._trust

    def cursor(self, factory: Any = Cursor) -> Any:
        """As sqlite3's; the cursor is remembered (weakly) until the end of the request."""
        if self._protection and factory is not Cursor:  # what it runs does not pass `note`
            self._forbid('')
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
        return self.cursor().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Any:
        """As sqlite3's, by a new Cursor."""
        return self.cursor().executemany(sql, parameters)

    def executescript(self, script: str, /) -> Any:
        """As sqlite3's, by a new Cursor; refused while the guard holds the transaction."""
        return self.cursor().executescript(script)

    def rows(self, sql: str, parameters: Sequence[Any] = (), *, key: str, size: int = 1000) -> Iterator[Any]:
        """The rows of a SELECT in the order of `key`, read in batches: for a stream, which may hold no cursor
        between two of its steps. Rows that are added meanwhile are seen if their batch is still to come.

        :param sql: a SELECT without ORDER BY and LIMIT, with a `?` for each of the parameters
        :param key: a column of it with unique values, none of them NULL; best one with an index
        :param size: how many rows a batch has

        >>> from kali.sqlite import connect
        >>> db = connect(':memory:')
        >>> [row['n'] for row in db.rows('SELECT 1 AS n UNION SELECT 2 UNION SELECT 3', key='n', size=2)]
        [1, 2, 3]
        >>> db.close()
        """
        name = quoted(key)
        after: list[Any] = []
        while True:
            found = self.execute(
                f'SELECT * FROM ({sql}) {f"WHERE {name} > ?" if after else ""} ORDER BY {name} LIMIT ?',
                [*parameters, *after, size])
            names = [column[0] for column in found.description]
            if key not in names:
                raise ValueError(f'rows: {key!r} is no column of the rows, which have {", ".join(names)}')
            batch = found.fetchall()
            yield from batch
            if len(batch) < size:
                return
            after = [batch[-1][names.index(key)]]

    def end_cursors(self) -> None:
        """End every SELECT that was not read to its end, and with it the lock that it holds on the file.

        Neither COMMIT nor ROLLBACK does that. The guard calls it before both.

        :raises DatabaseError: if the guard is about to commit to a file that is no longer in its place
        """
        if self._held:
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
        if self._damage:
            raise DatabaseError(self._damage)
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

    def blobopen(self, *arguments: Any, **named: Any) -> Any:
        """As sqlite3's, from Python 3.11 on."""
        if self._protection:
            self._forbid('')
        return super().blobopen(*arguments, **named)  # type: ignore[misc,unused-ignore]

    # What the guard, migrate and backup say.

    def hold(self, rule: str = '') -> None:
        """Refuse from now on what would end the open transaction, until `release`.

        :param rule: what to say then; unless given, what the author of a handler needs to know. Without it,
            the settings that kali has made cannot be changed either
        """
        self._statements = {}
        self._held, self._rule = True, rule

    def release(self) -> None:
        """The end of `hold`: any statement may end the open transaction again, or one has."""
        self._held = False

    def protect(self) -> None:
        """Forbid writing until `unprotect`: `query_only` goes on before the first statement that is no
        SELECT. To switch it for each request would have SQLite prepare each statement anew, 20 to 60 µs."""
        self._protection = 1

    def unprotect(self) -> bool:
        """The end of `protect`; whether `query_only` has been switched on meanwhile."""
        switched, self._protection = self._protection == 2, 0
        return switched

    def report_damage(self, sentence: str) -> None:
        """Save nothing into this file any more: it is damaged."""
        self._damage = sentence

    # What the connection does about it.

    def note(self, sql: str) -> None:
        """Keep `sql`, which is about to run, in `statements`.

        :raises sqlite3.ProgrammingError: in a thread that may not run any
        :raises DatabaseError: if it would end the transaction of a request; or that is gone: each further
            statement would be committed by itself, in a request that is to be all or nothing
        """
        if self.thread and self.thread != get_ident() and self.thread != STANDS_FOR.get(get_ident()):
            raise sqlite3.ProgrammingError(
                f'The connection to {self.path} is for the thread only that made it. Give another thread a '
                'connection of its own, or say connect(path, check_same_thread=False).')
        if self._protection and sql[:6] not in _SELECT:
            self._forbid(sql)
        self.last = sql
        if self.in_transaction:
            if self._held and sql[:6].upper() not in _HARMLESS:
                self._expect_harmless(sql)
            if len(self._statements) < REMEMBERED:
                self._statements[sql] = None
        elif self._held:
            raise DatabaseError(self._rule or (
                f'The transaction of this request in {self.path} was ended before its time, by OR ROLLBACK, '
                'COMMIT or ROLLBACK in the handler. No further SQL is run.'))
        else:
            self._statements = {sql: None}  # it may open one

    def _expect_harmless(self, sql: str) -> None:
        if ends_transaction(sql):
            self.refuse(f'The statement {" ".join(sql.split())[:50]}',
                        'leave it out: the guard begins and commits; for a part of the work use atomic()')
        if not self._rule:
            self._expect_no_setting(sql)

    def _expect_no_setting(self, sql: str) -> None:
        setting = changed_setting(sql)
        if setting in KEPT_SETTINGS:
            raise DatabaseError(f'This request would have switched {setting} off or to another value, and '
                                f'what kali promises about {self.path} rests on it; nothing was saved. '
                                'Leave it out, or set it where the database is opened, before serve_http.')

    def _forbid(self, sql: str) -> None:
        """Have SQLite itself refuse to write; there is no need to watch for anything but PRAGMAs then."""
        self._expect_no_setting(sql)
        if self._protection == 1:
            sqlite3.Cursor(self).execute('PRAGMA query_only = ON')
            self._protection = 2

    def refuse(self, what: str, instead: str) -> None:
        """Raise DatabaseError if the guard or migrate holds the transaction, which `what` would end."""
        if self._protection:
            self._forbid('')
        if self._held:
            raise DatabaseError(self._rule or (
                f'{what} is not for a handler under guard(mode="commit"), where the whole request is one '
                f'transaction in {self.path}; nothing of it was saved. Instead: {instead}.'))

    def decide_trust(self) -> None:
        """Decide whether the schema, as it is now, may use what SQLite calls unsafe."""
        self._trust = trust(self)

    def trusts_after(self, error: sqlite3.DatabaseError) -> bool:
        """Whether to run a statement again that SQLite would not prepare: the program has just made the
        trigger, view or constraint that needs trust, or makes it by this statement."""
        if 'unsafe use of' not in str(error) or self._trust.on or self._trust.for_good:
            return False
        sqlite3.Cursor(self).execute('PRAGMA trusted_schema = ON')
        self._trust = Trust(True, f'for {str(error).partition("unsafe use of ")[2]}')
        return True

    @contextmanager
    def trusting(self) -> Iterator[None]:
        """For a script that may make such a thing and use it: what there is already is known to be
        harmless."""
        if self._trust.for_good:
            yield
            return
        sqlite3.Cursor(self).execute('PRAGMA trusted_schema = ON')
        try:
            yield
        finally:
            self.decide_trust()

    def is_serialized(self) -> bool:
        """Whether SQLite itself keeps threads apart, so that one can copy what another works with."""
        with closing(sqlite3.Cursor(self)) as cursor:
            return ('THREADSAFE=1',) in cursor.execute('PRAGMA compile_options').fetchall()
