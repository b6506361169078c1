"""postgres: how psycopg 3 is asked for what the guard asks of a database.

For an application that has grown onto PostgreSQL; `pip install kali[postgres]` brings psycopg. It
is imported when a guard is given one of psycopg's connections. After `roll_back`, whatever happened, no
transaction is open.

A request that writes is SERIALIZABLE, which is what a program that was written for SQLite takes for granted:
as if there were no others at the same time. One that met another is rolled back, and its handler is called
anew; if that does not help a few times, it is answered with 503 and nothing is saved. A request that reads
sees one state of the database, REPEATABLE READ READ ONLY. An isolation level that was set on the connection
is kept instead of both.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from kali.errors import BadRequest, DatabaseError

if TYPE_CHECKING:
    from kali.sqlite.refusals import Refusal

__all__ = ['PostgresAdapter']


AGAIN = 4  # times that a request is run anew which met others


class _Fault(NamedTuple):
    status: int  # 503 where trying again helps
    sentence: str
    again: int = 0  # as DatabaseError.again


_BUSY = _Fault(503, 'Somebody else was changing the same in the database {} at the same time. Nothing was '
               'saved. Try again.', AGAIN)
_LOCKED = _Fault(503, 'Somebody else holds a lock in the database {} for longer than its time limit allows '
                 'to wait. Nothing was saved. Try again in a moment.')
_LOST = _Fault(503, 'The connection to the database {} is lost. What had not been committed is not saved. '
               'See that its server runs, then start this program again: it connects when it starts.')
_UNKNOWN = _Fault(503, 'The connection to the database {} was lost at the moment of saving, so it is not '
                  'known whether this was saved. Start this program again and look, before you send it '
                  'again.')
_FAILED = _Fault(500, 'A statement failed in the database {}, and the handler went on. PostgreSQL then gives '
                 'up the whole transaction: nothing was saved. Put what may fail into "with '
                 'connection.transaction():", and catch its error outside of that.')
_FULL = _Fault(503, 'There is no room left for the database {}. Nothing was saved. Make room on the disk of '
               'its server and try again.')
_SPENT = _Fault(503, 'This form is being saved by another request to the database {} at this moment. Send '
                'it again to see what came of it.', AGAIN)
# By SQLSTATE, or the class that its first two characters are.
_FAULTS = {'40': _BUSY, '55P03': _LOCKED, '57014': _LOCKED, '25P02': _FAILED, '53100': _FULL, '08': _LOST,
           '57P01': _LOST, '57P02': _LOST, '57P03': _LOST}


_KINDS = {psycopg.errors.UniqueViolation: 'unique', psycopg.errors.NotNullViolation: 'required',
          psycopg.errors.CheckViolation: 'check', psycopg.errors.ForeignKeyViolation: 'foreign key'}


class PostgresAdapter:
    """One connection of psycopg 3, with autocommit or without, as the guard uses it (see `Adapter`).

    :param connection: from `psycopg.connect`
    :raises TypeError: if it is no such connection, or an asynchronous one
    :raises ValueError: if it is closed
    """

    error = psycopg.Error
    file = ''

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        if not isinstance(connection, psycopg.Connection):
            raise TypeError(f'guard: {connection!r} cannot be guarded: of psycopg, kali takes what '
                            'psycopg.connect() gives. It works in one thread, which an AsyncConnection or a '
                            'pool is not for.')
        if connection.closed:
            raise ValueError('guard: the connection cannot be used: it is closed')
        self.connection = connection
        self.name = f'{connection.info.dbname} on {connection.info.host or "this machine"}'
        self._resting = connection.isolation_level, connection.read_only
        self._transaction: Any = None

    def admit(self, mode: str) -> None:
        """As `Adapter.admit`; psycopg begins a transaction for a SELECT too, so mode='check' is refused."""
        if mode == 'check':
            raise ValueError(f'guard: mode="check" cannot work with the connection to {self.name}: there, a '
                             'transaction that was forgotten looks like one that only read. Use '
                             'mode="commit".')
        if self.in_transaction():
            raise ValueError(f'guard: a transaction is open in {self.name} already; commit it before the '
                             'guard is put on. Without autocommit=True, a SELECT begins one too.')

    def in_transaction(self) -> bool:
        """As `Adapter.in_transaction`.

        :raises DatabaseError: if the connection is lost or closed
        """
        if self.connection.closed:
            raise self._told(_LOST)
        return self.connection.info.transaction_status is not TransactionStatus.IDLE

    def expect_none(self) -> None:
        """As `Adapter.expect_none`."""
        if self.in_transaction():
            self.roll_back()
            raise DatabaseError(f'A transaction was open in {self.name} before this request began, left by '
                                'something that runs outside of the guard (without autocommit=True, a SELECT '
                                'is enough). It has been rolled back; trying again will work.')

    def begin(self) -> None:
        """As `Adapter.begin`."""
        # The savepoint is gone if the handler ends the transaction, even if another one has begun since.
        self._enter(psycopg.IsolationLevel.SERIALIZABLE, False, 'kali_request')

    def protect(self) -> None:
        """As `Adapter.protect`: a transaction that cannot write."""
        self._enter(psycopg.IsolationLevel.REPEATABLE_READ, True, None)

    def _enter(self, level: psycopg.IsolationLevel, read_only: bool, savepoint: str | None) -> None:
        self.expect_none()
        connection = self.connection
        connection.isolation_level = self._resting[0] or level
        connection.read_only = self._resting[1] or read_only
        # In this block psycopg refuses commit() and rollback(), and one inside it is a savepoint.
        transaction = connection.transaction(savepoint)
        transaction.__enter__()
        self._transaction = transaction

    def expect_held(self) -> None:
        """As `Adapter.expect_held`."""
        ended = not self.in_transaction()
        if self.connection.info.transaction_status is TransactionStatus.INERROR:
            return  # as `commit` says
        if not ended:
            try:
                self.connection.execute('RELEASE SAVEPOINT kali_request')
            except psycopg.errors.InvalidSavepointSpecification:
                ended = True
        if ended:
            raise DatabaseError(
                f'The handler ended the transaction of this request in {self.name} itself, by COMMIT or '
                'ROLLBACK, so part of its work may be saved and part not. Under guard(mode="commit") the '
                'guard commits; for a part that is to be all or nothing by itself, use "with '
                'connection.transaction():".')

    def commit(self) -> None:
        """As `Adapter.commit`."""
        if self.connection.info.transaction_status is TransactionStatus.INERROR:
            raise self._told(_FAILED)
        transaction, self._transaction = self._transaction, None
        try:
            transaction.__exit__(None, None, None)
        except psycopg.OperationalError as error:
            if self.connection.closed:
                raise self._told(_UNKNOWN) from error
            raise
        if self.connection.closed:  # psycopg then leaves out the COMMIT
            raise self._told(_LOST)
        self._rest()

    def roll_back(self) -> None:
        """As `Adapter.roll_back`."""
        transaction, self._transaction = self._transaction, None
        with suppress(psycopg.Error):
            if transaction is not None:
                transaction.__exit__(psycopg.Rollback, psycopg.Rollback(), None)
        with suppress(psycopg.Error):  # lost or closed: the server takes back what was not committed
            if self.connection.info.transaction_status is not TransactionStatus.IDLE:
                psycopg.Cursor(self.connection).execute('ROLLBACK')
        self._rest()

    def unprotect(self) -> None:
        """As `Adapter.unprotect`."""
        ended = self._transaction is not None and not self.connection.closed and not self.in_transaction()
        self.roll_back()
        if ended:
            raise DatabaseError(f'The handler ended the transaction in which it could only read {self.name}, '
                                'by COMMIT or ROLLBACK. A GET may not write: what it wrote after that, it '
                                'should write in a handler for POST.')

    def _rest(self) -> None:
        with suppress(psycopg.Error):  # lost or closed
            self.connection.isolation_level, self.connection.read_only = self._resting

    def describe(self) -> list[str]:
        """As `Adapter.describe`: psycopg keeps no list of what ran."""
        return []

    def explain(self, error: Exception, names: str) -> DatabaseError | None:
        """As `Adapter.explain`, by the SQLSTATE.

        Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
        """
        state: str = getattr(error, 'sqlstate', None) or ''
        fault = _FAULTS.get(state) or _FAULTS.get(state[:2])
        if self.connection.closed:
            fault = _LOST
        elif isinstance(error, psycopg.errors.UniqueViolation) and error.diag.table_name == 'kali_form':
            fault = _SPENT
        return self._told(fault) if fault else None

    def was_refused(self, error: BaseException) -> bool:
        """As `Adapter.was_refused`."""
        return isinstance(error, psycopg.errors.ReadOnlySqlTransaction)

    def refusal(self, error: Exception) -> Refusal | None:
        """As `Adapter.refusal`, as far as the server names columns and constraints."""
        if not isinstance(error, psycopg.IntegrityError):
            return None
        from kali.sqlite.refusals import Refusal  # few requests are refused
        diag = error.diag
        if diag.table_name == 'kali_form':
            return None  # as `explain` says
        detail = re.match(r'Key \((.*?)\)=', diag.message_detail or '')
        columns = tuple(detail[1].split(', ')) if detail else (diag.column_name,) if diag.column_name else ()
        kind = next((kind for each, kind in _KINDS.items() if isinstance(error, each)), 'other')
        if kind == 'foreign key':
            # It names the table that refers, whichever of the two was changed.
            deleted = 'still referenced' in (diag.message_detail or '')
            parent = re.search('table "(.*)"', diag.message_detail or '')
            return Refusal(kind, diag.table_name or '', () if deleted else columns,
                           others=(diag.table_name or '',) if deleted else (parent[1] if parent else '',))
        refusal = Refusal(kind, diag.table_name or '', columns)
        # The other one may be this very form, sent twice at the same moment (PostgreSQL, section 13.5).
        refusal.again = 1 if kind == 'unique' else 0
        return refusal

    def run(self, table: str, sql: str, parameters: tuple[Any, ...] = ()) -> list[Any] | None:
        """As `Adapter.run`, in a savepoint: an error would end the transaction."""
        # Of this very class: the connection's own may give anything for a row.
        with psycopg.Cursor(self.connection, row_factory=tuple_row) as cursor:
            try:
                with self.connection.transaction():
                    cursor.execute(sql.replace('?', '%s').replace('BLOB', 'BYTEA').encode(), parameters)
            except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
                return None
            except psycopg.DataError as error:
                raise BadRequest(f'PostgreSQL cannot keep this form id: {error}. Open the form '
                                 'again.') from error
            return cursor.fetchall() if cursor.description else []

    def _told(self, fault: _Fault) -> DatabaseError:
        told = DatabaseError(fault.sentence.format(self.name), status=fault.status)
        told.again = fault.again
        return told
