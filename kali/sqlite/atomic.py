"""atomic: a part of the work that is done whole or not at all.

The outermost `atomic` is a transaction; one inside another (or inside the guard's) is a savepoint of it.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from types import TracebackType

from kali.errors import DatabaseError
from kali.sqlite.connection import Connection
from kali.sqlite.faults import explain, is_busy

__all__ = ['atomic']


class atomic:  # used like a function, as contextlib's closing and suppress are
    """All of the `with` block or nothing of it, at any depth.

    Outside of any transaction it is one: BEGIN IMMEDIATE (so that nobody can come between reading and
    writing), COMMIT at the end, ROLLBACK on an exception. Inside of one it is a savepoint: an exception takes
    back this block only, and goes on.

    :param connection: any sqlite3 connection
    :raises DatabaseError: if the database is locked (503), or something in the block ended the transaction
    :raises ValueError: for a connection with autocommit=False, where it could never commit
    :raises TypeError: for a connection to another database

    >>> from kali.sqlite import connect
    >>> db = connect(':memory:')
    >>> with atomic(db):
    ...     _ = db.execute('CREATE TABLE note (text)')
    ...     try:
    ...         with atomic(db):
    ...             _ = db.execute("INSERT INTO note VALUES ('oops')")
    ...             raise KeyError('changed my mind')
    ...     except KeyError:
    ...         pass
    >>> db.execute('SELECT count(*) FROM note').fetchone()[0], db.in_transaction
    (0, False)
    >>> db.close()

    Source: https://sqlite.org/lang_savepoint.html
    """

    __slots__ = ('_connection', '_nested', '_run')

    def __init__(self, connection: sqlite3.Connection) -> None:
        if not isinstance(connection, sqlite3.Connection):
            raise TypeError(f'atomic: {connection!r} is no sqlite3 connection. With psycopg, "with '
                            'connection.transaction():" does the same.')
        if getattr(connection, 'autocommit', None) is False:
            raise ValueError('atomic: with autocommit=False, sqlite3 keeps a transaction open all the time, '
                             'so this could never commit; use kali.sqlite.connect(), or isolation_level=None')
        self._connection = connection

    def __enter__(self) -> sqlite3.Connection:
        # A cursor of sqlite3's own: kali's connections need not keep this SQL in mind. They are asked for it,
        # since a GET may not have one.
        self._run = self._connection.cursor(sqlite3.Cursor).execute
        self._nested = self._connection.in_transaction
        try:
            self._run('SAVEPOINT kali_atomic' if self._nested else 'BEGIN IMMEDIATE')
        except sqlite3.OperationalError as error:
            raise _told(error, self._connection) from error
        return self._connection

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        if kind is not None:
            self._roll_back()
        elif self._nested:
            self._release()
        else:
            self._commit()

    def _roll_back(self) -> None:
        # It may have been rolled back already: by OR ROLLBACK, RAISE(ROLLBACK, …) in a trigger, or by SQLite
        # itself on a full disk, an I/O error or no memory (https://sqlite.org/lang_transaction.html, section
        # 3). The block's own exception is on its way up; it must not be replaced by "no such savepoint".
        if not self._connection.in_transaction:
            return
        if not self._nested:
            self._run('ROLLBACK')
            return
        with suppress(sqlite3.OperationalError):  # ended and begun anew inside the block
            self._run('ROLLBACK TO kali_atomic')
            self._run('RELEASE kali_atomic')  # ROLLBACK TO leaves the savepoint on the stack

    def _release(self) -> None:
        try:
            self._run('RELEASE kali_atomic')
        except sqlite3.OperationalError as error:
            raise DatabaseError(_ENDED) from error

    def _commit(self) -> None:
        if not self._connection.in_transaction:
            raise DatabaseError(_ENDED)
        try:
            if isinstance(self._connection, Connection):
                self._connection.expect_in_place()
            self._run('COMMIT')
        except DatabaseError:
            self._run('ROLLBACK')
            raise
        except sqlite3.Error as error:
            # A deferred foreign key or BUSY leaves the transaction open; a full disk has rolled it back.
            if self._connection.in_transaction:
                self._run('ROLLBACK')
            raise _told(error, self._connection) from error


_ENDED = ('Something in the "with atomic(connection):" block ended the transaction itself, by commit(), '
          'rollback(), executescript(), "with connection:" or OR ROLLBACK, so part of the block may be saved '
          'and part not. Take that out: atomic commits.')


def _told(error: sqlite3.Error, connection: sqlite3.Connection) -> Exception:
    """A lock or a full disk as a sentence; a mistake in the block as it came."""
    told = explain(error, getattr(connection, 'path', 'of this connection'))
    return told if told is not None and (is_busy(error) or told.status == 503) else error
