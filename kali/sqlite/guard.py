"""guard: the request is the transaction, and a page that says "saved" is true.

A wrapper around a handler, in two modes. When it returns, nothing is open on its connection, and whatever the
answer claims is on disk. What goes wrong is raised, and becomes a page where all errors do. How a database
begins and commits is the adapter's business; what a form or undo may ask for stands in `transaction`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from kali.errors import DatabaseError
from kali.http.around import Around, innermost
from kali.http.consequences import OPEN
from kali.http.deferred import Deferred, Signal, Wait
from kali.http.grammar import SAFE_METHODS
from kali.http.response import Response, as_response, rendered
from kali.sqlite.adapter import adapter_for
from kali.sqlite.transaction import Transaction, UnderWay

if TYPE_CHECKING:
    from kali.http.request import Request
    from kali.http.response import Handler
    from kali.sqlite.adapter import Adapter
    from kali.sqlite.refusals import Refusal

    #: Runs something within what the guard puts around it: its outcome, and whether to roll back.
    Work: TypeAlias = Callable[[], tuple[Any, bool]]

__all__ = ['Transaction', 'guard']


def guard(handler: Handler, *connections: Any, mode: Literal['commit', 'check'] = 'commit') -> Handler:
    """`handler`, with each request a transaction on the `connections`, or checked to have left none open.

    mode='commit': a request with an unsafe method (POST …) runs in BEGIN IMMEDIATE … COMMIT, and its response
    is rendered to bytes inside. An exception or a status of 400 or more rolls back. A GET, HEAD or OPTIONS
    cannot write. Meanwhile `request.scope.transaction` (a Transaction) is there for forms, on the first of
    the connections. The handler neither begins nor commits; `atomic(connection)` works inside.

    mode='check': the handler commits. A transaction that it leaves open is rolled back, and is an error. This
    is for connections that begin transactions by themselves (isolation_level 'DEFERRED' and the like). What
    sqlite3 commits by itself there (`WITH … INSERT`, DDL, executescript) cannot be seen, nor taken back.

    In both modes each step of a stream or a future gets a transaction (or a check) of its own, and unfinished
    SELECTs of kali's own connections are ended with the request. What goes wrong with the database is a
    DatabaseError: 503 if trying again helps, 409 if the database refuses the data (UNIQUE …), else 500. All
    other exceptions roll back and go on. Several connections are several guards, the first outermost, and are
    committed one after the other: a power cut between them can part them. With PostgreSQL, a handler is
    called anew if its transaction met that of another process; what it does besides belongs into
    `after_commit`.

    :param connections: sqlite3 connections, each to a file of its own; or those of psycopg (see
        kali.sqlite.postgres); for another database, an `Adapter` (see kali.sqlite.adapter)
    :raises ValueError: if the mode cannot work with a connection, saying why
    :raises TypeError: for something that is no such connection

    >>> from kali.http.request import Request
    >>> from kali.sqlite import connect
    >>> db = connect(':memory:')
    >>> _ = db.execute('CREATE TABLE note (text)')
    >>> def add(request):
    ...     db.execute('INSERT INTO note VALUES (?)', [request.query['text']])
    ...     return Response('Sorry', status=400) if request.query['text'] == 'beer' else 'Saved.'
    >>> app = guard(add, db)
    >>> app(Request('POST', '/?text=milk')).status, app(Request('POST', '/?text=beer')).status
    (200, 400)
    >>> db.execute('SELECT count(*) FROM note').fetchone()[0]
    1
    >>> db.close()

    Source: https://sqlite.org/lang_transaction.html
    """
    if mode not in ('commit', 'check'):
        raise ValueError(f"guard: mode={mode!r} is neither 'commit' nor 'check'")
    if not connections:
        raise TypeError('guard: give it the connections to guard, as in guard(handler, connection)')
    adapters = [adapter_for(connection) for connection in connections]
    for index, adapter in enumerate(adapters):
        adapter.admit(mode)
        for other in adapters[:index]:
            if other.connection is adapter.connection or (other.file and other.file == adapter.file):
                raise ValueError(f'guard: two connections to {adapter.name}; the second would wait for the '
                                 'lock of the first. Use one for both.')
    for adapter in reversed(adapters):
        handler = _Guard(handler, adapter, mode)
    return handler


class _Again(Exception):
    """A transaction met one of another process, and was rolled back."""


class _Guard(Around):
    """The guard of one connection."""

    __slots__ = ('adapter', 'errors', 'mode', 'under_way')

    def __init__(self, handler: Handler, adapter: Adapter, mode: str) -> None:
        super().__init__(handler, self._answer, steps=self._guarded)
        self.adapter, self.mode = adapter, mode
        self.errors: tuple[type[Exception], ...] = DatabaseError, adapter.error
        self.under_way: dict[str, Signal] = {}

    def _answer(self, request: Request, attempt: int = 0) -> Any:
        """A Response, rendered, or a Deferred.

        :param attempt: how many times the handler was called for it already
        """
        if self.mode == 'check':
            run, course, mine = self._check, None, False
        elif request.method in SAFE_METHODS:
            run, course, mine = self._read, None, False
        else:  # a guard around this one holds the form ids, in its database
            outer = request.scope.transaction
            run, mine = self._write, outer is None
            course = Transaction(self.adapter, self.under_way, request) if mine else outer
        try:
            answer = self._once(run, request, course, lambda: _outcome(self.inside(request), request),
                                attempt if mine else None)
        except _Again:
            return self._answer(request, attempt + 1)
        except UnderWay as under_way:
            if not mine:
                raise
            return _repeat(under_way.wait, lambda: self._answer(request))
        if isinstance(answer, Response):
            return answer
        return _Later(self, run, request, course if mine else None, answer).deferred()

    def _guarded(self, deferred: Deferred, title: str = '') -> Deferred:
        """A job, with a transaction (or a check) around each of its steps."""
        run = self._check if self.mode == 'check' else self._write
        course = Transaction(self.adapter, self.under_way, None, title) if run == self._write else None
        return _Later(self, run, None, course, deferred).deferred()

    def _once(self, run: Callable[..., Any], request: Request | None, course: Transaction | None,
              work: Work, attempt: int | None = None) -> Any:
        """The outcome of `work`, and what went wrong with the database in words.

        :raises _Again: if it may help to run it anew, after so many attempts; with None it may not
        """
        try:
            return run(request, course, work)
        except UnderWay:
            raise
        except self.errors as error:
            told = self._told(request, error)
            if attempt is not None and attempt < getattr(told, 'again', 0):
                raise _Again from error
            refusal: Refusal | None = getattr(told, 'refusal', None)
            if refusal is None or request is None or course is None or course.refused is None:
                if told is error:
                    raise
                raise told from error
            answer = course.refused
        return self._read(request, None, lambda: _outcome(answer(refusal), request))

    # The three ways.

    def _write(self, request: Request | None, course: Transaction | None, work: Work) -> Any:
        """A transaction: committed at the end, rolled back on an exception or when it is refused."""
        adapter = self.adapter
        # A guard around this one has begun already, and its transaction stands for both.
        transaction = OPEN[-1] if course is None or (request is None and OPEN) else course
        mine = not OPEN or OPEN[-1] is not transaction
        try:
            adapter.begin()
            if mine:
                OPEN.append(transaction)
                if request is not None:
                    request.scope.transaction = transaction
            try:
                outcome, refused = work()
                if not refused:
                    transaction.finish(outcome)
            finally:
                if mine:
                    OPEN.pop()
                    if request is not None:
                        request.scope.transaction = None
            adapter.expect_held()
            if refused:
                adapter.roll_back()
                return outcome
            adapter.commit()
        except BaseException as error:
            try:
                told: Any = (adapter.refusal(error) if isinstance(error, adapter.error) else None) or error
            finally:
                adapter.roll_back()
            if isinstance(told, DatabaseError) and transaction.saved:
                told = DatabaseError(f'{str(told).replace(" Nothing was saved.", "")} What this request did '
                                     f'in {" and ".join(transaction.saved)} is saved: several databases '
                                     'cannot be committed as one.', status=told.status)
            if told is error:
                raise
            raise told from error
        transaction.saved.append(adapter.name)
        if mine:
            transaction.committed()
        return outcome

    def _read(self, request: Request | None, course: None, work: Work) -> Any:
        """The database cannot be written to."""
        adapter = self.adapter
        try:
            adapter.protect()
            outcome, _ = work()
        except BaseException as error:
            adapter.unprotect()
            if adapter.was_refused(error):
                raise DatabaseError(
                    'A GET may not write: browsers repeat it and fetch it ahead. Change data in a handler '
                    'for POST, and have the page send a form. Nothing was saved.') from error
            raise
        adapter.unprotect()
        return outcome

    def _check(self, request: Request | None, course: None, work: Work) -> Any:
        """The handler commits; a transaction left open is rolled back and is an error."""
        adapter, found = self.adapter, []
        adapter.expect_none()
        try:
            outcome, _ = work()
            if adapter.in_transaction():
                found = [f'The application forgot to commit a transaction in {adapter.name}. It has been '
                         'rolled back: nothing of it is saved.', *adapter.describe(),
                         'Call commit() when the work is done, or let guard(mode="commit") do it.']
        finally:
            adapter.roll_back()
        if found:
            raise DatabaseError('\n'.join(found))
        return outcome

    def _told(self, request: Request | None, error: Exception) -> Exception:
        """`error` in words, with what is known about it; a mistake in the program's own SQL as it is."""
        told: Exception | None = error
        if not isinstance(error, DatabaseError):
            told = self.adapter.explain(error, self.adapter.name) or self.adapter.refusal(error)
        if not isinstance(told, DatabaseError):
            return error
        if not told.facts:
            where = (request.scope.route if request else None) or _name(self.inside)
            known = self.adapter.describe() if request and request.method not in SAFE_METHODS else []
            told.facts = (f'The handler: {where}', *(line for line in known if line not in str(told)))
        return told


class _Later:
    """An answer that comes later or in pieces, or a job: a transaction for each step, so that none spans a
    wait. Its form ids are under way until the last one."""

    def __init__(self, guard: _Guard, run: Callable[..., Any], request: Request | None,
                 course: Transaction | None, answer: Deferred) -> None:
        self.guard, self.run, self.request, self.course, self.answer = guard, run, request, course, answer
        if course is not None:
            if answer.response is not None and answer.response.status >= 400:
                course.over()
            course.wait_for_final()

    def deferred(self) -> Deferred:
        """What a host is given."""
        return Deferred(self.step, self.answer.response, self.close)

    def step(self) -> Any:
        """The next step."""
        final = True
        try:
            outcome = self._within(self._step)
            if isinstance(outcome, Deferred):  # the stream that follows has the course from here on
                course, self.course = self.course, None
                return _Later(self.guard, self.run, self.request, course, outcome).deferred()
            final = outcome is None or isinstance(outcome, Response)
        finally:
            if final and self.course is not None:
                self.course.over()
        return outcome

    def _step(self) -> tuple[Any, bool]:
        piece = self.answer.step()
        return _outcome(piece, self.request) if isinstance(piece, Response) else (piece, False)

    def _within(self, work: Work) -> Any:
        if self.course is not None:
            self.course = self.course.next()
        return self.guard._once(self.run, self.request, self.course, work)

    def close(self) -> None:
        """The end. A client that has gone may have pressed the button again: a form's answer that comes later
        is worked on all the same, as a job, and the second press waits for it."""
        host = self.request.scope.host if self.request is not None else None
        if (self.course is not None and self.course.forms and self.answer.response is None
                and host is not None and not host.stopping):
            host.start(Deferred(self.step, None, self._close), 'a form whose client has gone')
        else:
            self._close()

    def _close(self) -> None:
        if self.course is not None:
            self.course.over()

        def work() -> tuple[Any, bool]:
            self.answer.close()
            return None, False
        try:
            self._within(work)
        finally:
            self.answer.close()  # even if no transaction could begin


def _repeat(wait: Wait, again: Callable[[], Any]) -> Deferred:
    """The answer to a form that is being saved by an earlier request: `again`, when that one is done."""
    answer: Deferred | None = None
    pieces: list[bytes] = []

    def step() -> Any:
        nonlocal answer
        if answer is None:
            if not wait.over(0.0):
                return wait
            outcome = again()
            if isinstance(outcome, Response):
                return outcome
            answer = outcome
        outcome = answer.step()
        if outcome is None:  # of a stream: its head waits for the whole of it
            assert answer.response is not None
            return answer.response.with_content(b''.join(pieces))
        if type(outcome) is bytes:
            pieces.append(outcome)
            return Wait(until=0.0)
        return outcome
    return Deferred(step, None, lambda: answer.close() if answer is not None else None)


def _outcome(value: Any, request: Request | None) -> tuple[Any, bool]:
    """What a handler or a step gave, a Response with its content as bytes (a lazy one may still run SQL); and
    whether it asks for a rollback."""
    answer = value if type(value) is Response or type(value) is Deferred else as_response(value, request)
    if isinstance(answer, Response):
        return rendered(answer, request), answer.status >= 400
    begun = answer.response  # the head of a stream; a future has none yet
    return answer, begun is not None and begun.status >= 400


def _name(handler: Handler) -> str:
    handler = innermost(handler)
    code = getattr(handler, '__code__', None)
    name = str(getattr(handler, '__qualname__', type(handler).__qualname__))
    return f'{name} ({Path(code.co_filename).name}:{code.co_firstlineno})' if code else name
