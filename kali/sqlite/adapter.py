"""adapter: what the guard asks of a database, and how sqlite3 is asked for it.

One adapter stands for one connection. The guard knows these methods only, so that another database needs
another adapter and nothing else. After `roll_back`, whatever happened, no transaction is open and no
read lock is held.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from kali.errors import DatabaseError
from kali.sqlite.connection import Connection
from kali.sqlite.faults import explain, is_busy
from kali.sqlite.statements import change

if TYPE_CHECKING:
    from kali.sqlite.refusals import Refusal

__all__ = ['Adapter', 'SqliteAdapter', 'adapter_for']


@runtime_checkable
class Adapter(Protocol):
    """What the guard asks of a database: write one, and `guard(handler, adapter)` takes it for a connection.

    `connection` is the DB-API connection, `name` what messages call the database, `file` tells which one it
    is (two connections to one would wait for each other; '' if that does not matter).
    """

    connection: Any
    name: str
    file: str

    @property
    def error(self) -> type[Exception]:
        """The driver's own `Error`."""

    def admit(self, mode: str) -> None:
        """Make sure that the connection is one that `mode` ('commit' or 'check') can work with, or raise
        ValueError with the reason."""

    def in_transaction(self) -> bool:
        """Whether a transaction is open. DatabaseError if the connection is closed."""

    def expect_none(self) -> None:
        """Make sure that nothing is open before a request. If there is, roll it back; DatabaseError."""

    def begin(self) -> None:
        """Begin a transaction that may write."""

    def expect_held(self) -> None:
        """Before `commit` of any: make sure that the transaction is still the one that `begin` began."""

    def commit(self) -> None:
        """Commit it. If that fails, `roll_back` is called."""

    def roll_back(self) -> None:
        """Take back what is not committed, and release every lock; nothing happens if there is nothing."""

    def protect(self) -> None:
        """Let nobody write until `unprotect`."""

    def unprotect(self) -> None:
        """Take back `protect`, and whatever transaction was opened meanwhile."""

    def describe(self) -> list[str]:
        """Lines on what is known of the open transaction, for the error page."""

    def explain(self, error: Exception, names: str) -> DatabaseError | None:
        """The sentence for an `error` that lies outside the program (a lock, a full disk), with its status;
        None for a mistake in the program's own SQL. `names` are those of all databases that it may be of."""

    def was_refused(self, error: BaseException) -> bool:
        """Whether `error` says that something wanted to write after `protect`."""

    def refusal(self, error: Exception) -> Refusal | None:
        """What `error` says about data that the database refuses (UNIQUE, CHECK …), asked before `roll_back`;
        None for any other error."""

    def run(self, table: str, sql: str, parameters: tuple[Any, ...] = ()) -> list[Any] | None:
        """The rows of one of kali's own statements (see kali.sqlite.once), which are written for SQLite, with
        `?` for parameters; None if its `table` or a column of it is not there, and then the transaction goes
        on."""


def adapter_for(connection: Any) -> Adapter:
    """The adapter for a connection, by its type; an adapter is returned as it is.

    :raises TypeError: if there is none
    """
    if any(kind.__module__.partition('.')[0] == 'psycopg' for kind in type(connection).__mro__):
        from kali.sqlite.postgres import PostgresAdapter  # imports psycopg, which is an extra
        return PostgresAdapter(connection)
    # First: to ask a closed connection for its attributes, as the protocol does, may raise.
    if isinstance(connection, sqlite3.Connection) or not isinstance(connection, Adapter):
        return SqliteAdapter(connection)
    return connection


class SqliteAdapter:
    """One sqlite3 connection, as the guard uses it.

    :param connection: from `kali.sqlite.connect` or `sqlite3.connect`; the latter's unfinished cursors cannot
        be ended (nobody knows them), and its SQL is not known to error pages
    :raises TypeError: if it is no sqlite3 connection
    :raises ValueError: if it is closed, or a transaction is open
    """

    error = sqlite3.Error

    def __init__(self, connection: sqlite3.Connection) -> None:
        if not isinstance(connection, sqlite3.Connection):
            raise TypeError(f'guard: {connection!r} is no sqlite3 connection; make one with '
                            'kali.sqlite.connect(path). Of other databases it takes psycopg 3, and whatever '
                            'has the methods of kali.sqlite.adapter.Adapter.')
        self.connection = connection
        self._own = connection if isinstance(connection, Connection) else None  # kali's own knows more
        try:
            # A cursor of its own: no row factory, and no notes about the guard's SQL.
            self._run: Callable[..., sqlite3.Cursor] = sqlite3.Cursor(connection).execute
            self.file: str = self._run('PRAGMA database_list').fetchone()[2] or ''
            self._changes = -1  # its total_changes when protected
            self._resting: int = self._run('PRAGMA query_only').fetchone()[0]
            self._foreign_keys: int = self._run('PRAGMA foreign_keys').fetchone()[0]
            self._patience: float = self._run('PRAGMA busy_timeout').fetchone()[0] / 1000
        except sqlite3.ProgrammingError as error:
            raise ValueError(f'guard: the connection cannot be used: {error}') from error
        self.name: str = self._own.path if self._own else self.file or ':memory:'

    def admit(self, mode: str) -> None:
        """Make sure that the connection is one that `mode` ('commit' or 'check') can work with.

        :raises ValueError: if it is not, saying why
        """
        autocommit = getattr(self.connection, 'autocommit', None)  # Python 3.12; -1 there is the legacy mode
        if autocommit is False:
            raise ValueError(f'guard: the connection to {self.name} has autocommit=False, where sqlite3 '
                             'keeps a transaction open all the time, so that one left open by mistake cannot '
                             'be told, and ignores PRAGMA foreign_keys. Use kali.sqlite.connect(path), or '
                             'isolation_level=None.')
        if mode == 'check' and (autocommit is True or self.connection.isolation_level is None):
            raise ValueError(f'guard: mode="check" can see nothing on the connection to {self.name}, where '
                             'each statement is committed by itself (isolation_level=None or '
                             'autocommit=True). Use mode="commit", or a connection that begins transactions, '
                             'as connect(path, isolation_level="DEFERRED").')
        if self.in_transaction():
            raise ValueError(f'guard: a transaction is open in {self.name} already; commit it before the '
                             'guard is put on.')

    def in_transaction(self) -> bool:
        """Whether a transaction is open.

        :raises DatabaseError: if the connection has been closed
        """
        try:
            return self.connection.in_transaction
        except sqlite3.ProgrammingError as error:
            raise DatabaseError(f'The connection to the database {self.name} has been closed; what was not '
                                'committed is lost. Close it at the end of the program, after '
                                'serve_http.') from error

    def begin(self) -> None:
        """Begin a transaction that may write.

        :raises DatabaseError: 503 if another program's lock stays for as long as busy_timeout says; 500 if a
            transaction is open already
        """
        self.expect_none()
        # IMMEDIATE: a transaction that reads first and writes later could meet BUSY that no waiting ends.
        self._patiently('BEGIN IMMEDIATE')
        if self._own is not None:
            self._own.hold()  # it refuses whatever would end the transaction
        else:
            # It is gone if the handler ends the transaction, even if another one has begun since.
            self._run('SAVEPOINT kali_request')

    def expect_held(self) -> None:
        """End unfinished statements, and make sure that the transaction is still the one that `begin` began.

        :raises DatabaseError: if it is not, or the connection has been closed
        """
        alive = self.in_transaction()
        if self._own is not None:
            self._own.end_cursors()  # an unfinished INSERT … RETURNING would stop the COMMIT
        elif alive:
            try:
                self._run('RELEASE kali_request')
            except sqlite3.OperationalError:  # no such savepoint
                alive = False
        if not alive:
            raise DatabaseError(
                f'The handler ended the transaction of this request in {self.name} itself, by commit(), '
                'rollback(), executescript(), "with connection:" or OR ROLLBACK, so part of its work may be '
                'saved and part not. Under guard(mode="commit") the guard commits; for a part that is to be '
                'all or nothing by itself, use "with atomic(connection):".')

    def commit(self) -> None:
        """Commit what `expect_held` found in order. If that fails, the transaction may still be open.

        :raises DatabaseError: 503 if another program's lock stays or the disk is full
        :raises sqlite3.IntegrityError: for a deferred foreign key
        """
        self._patiently('COMMIT')
        if self._own is not None:
            self._own.release()

    def roll_back(self) -> None:
        """Take back what is not committed; nothing happens if there is no transaction, or no connection."""
        try:
            if self._own is not None:
                self._own.release()
                self._own.end_cursors()
            # SQLite may have rolled back by itself: OR ROLLBACK, a full disk, an I/O error.
            if self.connection.in_transaction:
                self._run('ROLLBACK')
        except sqlite3.ProgrammingError:  # closed
            pass

    def protect(self) -> None:
        """Let nobody write until `unprotect`.

        :raises DatabaseError: 500 if a transaction is open already
        """
        self.expect_none()
        self._changes = self.connection.total_changes
        if self._own is not None:
            self._own.protect()
        else:
            self._run('PRAGMA query_only = ON')

    def unprotect(self) -> None:
        """Take back `protect`, and whatever transaction was opened meanwhile.

        :raises DatabaseError: if something was written past kali's cursors
        """
        self.roll_back()
        try:
            if self._own is None or self._own.unprotect():
                self._run(f'PRAGMA query_only = {self._resting}')
                self._run(f'PRAGMA foreign_keys = {self._foreign_keys}')  # a GET might have switched it
            changed = self._changes not in (-1, self.connection.total_changes)
            self._changes = -1
        except sqlite3.ProgrammingError:  # closed
            return
        if changed:
            raise DatabaseError(f'A GET may not write, and this one did, to {self.name}, by a cursor that '
                                'was not made with connection.cursor(), or after it had switched query_only '
                                'off. If it committed, that is saved. '
                                'Change data in a handler for POST.')

    def describe(self) -> list[str]:
        """What is known of the open transaction: the tables changed, and the SQL that opened it."""
        statements = self._statements()
        tables = dict.fromkeys(table for _, table in map(change, statements) if table)
        known = [f'Tables changed: {", ".join(tables)}.'] if tables else []
        return known + [f'The transaction was opened by: {sql}' for sql in list(statements)[:1]]

    def explain(self, error: Exception, names: str) -> DatabaseError | None:
        """The sentence for a fault that lies outside the program; None for any other error."""
        return explain(error, names) if isinstance(error, sqlite3.Error) else None

    def was_refused(self, error: BaseException) -> bool:
        """Whether `error` says that something wanted to write after `protect`."""
        return isinstance(error, sqlite3.OperationalError) and 'readonly' in str(error)

    def refusal(self, error: Exception) -> Refusal | None:
        """What `error` says about data that the database refuses; None for any other error."""
        if not isinstance(error, (sqlite3.IntegrityError, sqlite3.OperationalError)):
            return None
        from kali.sqlite.refusals import read_refusal  # few requests are refused
        statements = [*self._statements(), getattr(self.connection, 'last', '')]
        return read_refusal(error, self.connection, [*filter(None, statements)])

    def _statements(self) -> dict[str, None]:
        return getattr(self.connection, 'statements', {})

    def run(self, table: str, sql: str, parameters: tuple[Any, ...] = ()) -> list[Any] | None:
        """The rows of one of kali's own statements, or None if its `table` or a column is not there."""
        try:
            return self._run(sql, parameters).fetchall()
        except sqlite3.OperationalError as error:
            if not any(words in str(error) for words in (f'no such table: {table}', 'no such column',
                                                         f'table {table} has no column')):
                raise
            return None

    def expect_none(self) -> None:
        """Make sure that nothing is open before a request: it would join the transaction.

        :raises DatabaseError: if there was one; it is rolled back
        """
        if self.in_transaction():
            known = self.describe()
            self.roll_back()
            raise DatabaseError('\n'.join([
                f'A transaction was open in {self.name} before this request began, left by something that '
                'runs outside of the guard (or guarded twice). It has been rolled back; trying again will '
                'work.', *known]))
        if self._own is not None:
            self._own.end_cursors()

    def _patiently(self, sql: str) -> Any:
        """Run `sql`, again and again while it is BUSY: in some cases SQLite does not wait by itself."""
        deadline, pause = time.monotonic() + self._patience, 0.001
        while True:
            try:
                return self._run(sql)
            except sqlite3.OperationalError as error:
                if not is_busy(error) or time.monotonic() + pause > deadline:
                    raise explain(error, self.name) or error from error
            time.sleep(pause)
            pause = min(2 * pause, 0.05)
