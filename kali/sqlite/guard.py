"""guard: the request is the transaction, and a page that says "saved" is true.

A wrapper around a handler, in two modes. The rule: when it returns, nothing is open on its connections, and
whatever the answer claims is on disk. One order: handler, render to bytes, store the result under the form
id, `before_commit`, COMMIT, and only then the first byte goes out. It knows nothing about forms or undo,
which use `request.scope.transaction`, nor how a database is told to begin and commit, which is the adapter's
business.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from kali import log
from kali.errors import DatabaseError, KaliError
from kali.http.around import Around
from kali.http.deferred import Deferred
from kali.http.grammar import SAFE_METHODS
from kali.http.response import Response, as_response, rendered
from kali.markup import escape, escape_text
from kali.sqlite import once
from kali.sqlite.adapter import adapter_for

if TYPE_CHECKING:
    from kali.http.request import Request
    from kali.http.response import Handler
    from kali.sqlite.adapter import Adapter

__all__ = ['Transaction', 'guard']


_APOLOGY = """<p>Sorry, this could not be saved; nothing of it was. Please try again in a moment.</p>
<p>If it goes on, tell who looks after this program, with the number {}.</p>
"""

_KALI = str(Path(__file__).parent.parent)


class Transaction:
    """`request.scope.transaction`: what a handler, a form or undo may ask of the transaction it runs in.

    `title` is for whoever writes a history: "Add Ann Smith".
    """

    __slots__ = ('_adapter', '_before', '_form_ids', 'title')

    def __init__(self, adapter: Adapter) -> None:
        self.title = ''
        self._adapter = adapter
        self._form_ids: dict[str, None] = {}
        self._before: list[Callable[[], object]] = []

    def once(self, form_id: str) -> Response | None:
        """The answer that `form_id` was spent on; or None, and this request's result will be.

        A request that fails (an exception, a status of 400 or more) spends nothing.

        :raises BadRequest: for what cannot be an id
        """
        answer = once.earlier(self._adapter, form_id)
        if answer is None:
            self._form_ids[form_id] = None
        return answer

    def before_commit(self, function: Callable[[], object]) -> None:
        """Have `function` called at the end of a request that succeeds, last in its transaction."""
        self._before.append(function)

    def finish(self, answer: Response | Deferred) -> None:
        """The guard's last step before COMMIT: spend the form ids on `answer`, call what was asked for."""
        for form_id in self._form_ids:
            once.spend(self._adapter, form_id, answer)
        for function in self._before:
            function()


class _Around:
    """What stands around a request, or around one step of a deferred answer; `refused` asks for a rollback.

    One class for each way, and not a generator with @contextmanager: that is shorter, and made the guard of a
    request that writes a third slower.
    """

    __slots__ = ('adapters', 'refused')

    def __init__(self, adapters: list[Adapter]) -> None:
        self.adapters, self.refused = adapters, False

    def __enter__(self) -> _Around:
        begun = False
        try:
            for adapter in self.adapters:
                self.begin(adapter)
            begun = True
        finally:
            if not begun:
                self.give_up()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        done = False
        try:
            if kind is None:
                self.end()
                done = True
        finally:
            if not done:
                self.give_up()

    def begin(self, adapter: Adapter) -> None:
        """Before the request, for each database."""

    def end(self) -> None:
        """After a request that gave an answer."""

    def give_up(self) -> None:
        """After all others, and if `begin` or `end` failed."""
        for adapter in self.adapters:
            adapter.roll_back()


class _Writing(_Around):
    """A transaction on every database: committed at the end, rolled back on an exception or when refused."""

    __slots__ = ()

    def begin(self, adapter: Adapter) -> None:
        adapter.begin()

    def end(self) -> None:
        for adapter in self.adapters:
            adapter.settle()
        if self.refused:
            self.give_up()
            return
        # Several files cannot be committed as one. The first, which holds the form ids, goes last: an id is
        # spent only if all else is saved.
        saved: list[str] = []
        for adapter in reversed(self.adapters):
            try:
                adapter.commit()
            except DatabaseError as error:
                if not saved:
                    raise
                raise DatabaseError(f'{str(error).replace(" Nothing was saved.", "")} What this request did '
                                    f'in {" and ".join(saved)} is saved: several databases cannot be '
                                    'committed as one.', status=error.status) from error
            saved.append(adapter.name)


class _Reading(_Around):
    """No database can be written to."""

    __slots__ = ()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.give_up()
        if error is not None and any(adapter.was_refused(error) for adapter in self.adapters):
            raise DatabaseError(
                'A GET may not write: browsers repeat it and fetch it ahead. Change data in a handler for '
                'POST, and have the page send a form. Nothing was saved.') from error

    def begin(self, adapter: Adapter) -> None:
        adapter.protect()

    def give_up(self) -> None:
        complaint: DatabaseError | None = None
        for adapter in self.adapters:
            try:
                adapter.unprotect()
            except DatabaseError as error:  # the others are to be let go of, too
                complaint = error
        if complaint is not None:
            raise complaint


class _Checking(_Around):
    """The handler commits; a transaction left open is rolled back and is an error."""

    __slots__ = ()

    def begin(self, adapter: Adapter) -> None:
        adapter.expect_none()

    def end(self) -> None:
        found = [line for adapter in self.adapters if adapter.in_transaction() for line in (
            f'The application forgot to commit a transaction in {adapter.name}. It has been rolled back: '
            'nothing of it is saved.', *adapter.describe())]
        self.give_up()
        if found:
            raise DatabaseError('\n'.join([
                *found, 'Call commit() when the work is done, or let guard(mode="commit") do it.']))


def guard(handler: Handler, *connections: Any,
          mode: Literal['commit', 'check'] = 'commit') -> Handler:
    """`handler`, with each request a transaction on the `connections`, or checked to have left none open.

    mode='commit': a request with an unsafe method (POST …) runs in BEGIN IMMEDIATE … COMMIT, and its response
    is rendered to bytes inside. An exception or a status of 400 or more rolls back. A GET, HEAD or OPTIONS
    cannot write. Meanwhile `request.scope.transaction` (a Transaction) is there for forms, on the first of
    the connections. The handler neither begins nor commits; `atomic(connection)` works inside.

    mode='check': the handler commits. A transaction that it leaves open is rolled back and answered with a
    page that says so. This is for connections that begin transactions by themselves (isolation_level
    'DEFERRED' and the like). What sqlite3 commits by itself there (`WITH … INSERT`, DDL, executescript)
    cannot be seen, nor taken back.

    In both modes a stream or a future gets a transaction (or a check) for each of its steps, unfinished
    SELECTs of kali's own connections are ended with the request, and what goes wrong with the database is
    answered with a page: 503 if trying again helps, else 500. All other exceptions roll back and go on to the
    error page. Several connections are committed one after the other; a power cut between them can part them.

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
    ...     return 'Saved.'
    >>> app = guard(add, db)
    >>> app(Request('POST', '/?text=milk')).status, app(Request('GET', '/?text=milk')).status
    (200, 500)
    >>> db.execute('SELECT count(*) FROM note').fetchone()[0]
    1
    >>> db.close()

    Source: https://sqlite.org/lang_transaction.html
    """
    adapters = _adapters(connections, mode)
    errors: tuple[type[Exception], ...] = (DatabaseError, *(adapter.error for adapter in adapters))
    safe, unsafe = (_Checking, _Checking) if mode == 'check' else (_Reading, _Writing)
    tell = partial(_page, adapters, handler)

    def call(request: Request) -> Any:  # a Response or something deferred
        kind = safe if request.method in SAFE_METHODS else unsafe
        try:
            with kind(adapters) as around:
                answer = _answer(handler, request, around)
        except errors as error:
            page = tell(request, error)
            if page is None:
                raise
            return page
        if isinstance(answer, Response):
            return answer
        return _in_steps(answer, partial(kind, adapters), request, tell, errors)

    return Around(handler, call)


def _adapters(connections: tuple[Any, ...], mode: str) -> list[Adapter]:
    """An adapter for each connection; what cannot work is refused here, not at the first request."""
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
    return adapters


def _answer(handler: Handler, request: Request, around: _Around) -> Any:
    """What the handler answers, rendered. If it may write, the request's Transaction is there meanwhile."""
    if type(around) is not _Writing:
        return _render(as_response(handler(request), request), around, request)
    scope = request.scope
    outer = scope.transaction  # of a guard around this one: its database holds the form ids
    transaction = scope.transaction = Transaction(around.adapters[0]) if outer is None else outer
    try:
        answer = _render(as_response(handler(request), request), around, request)
        if outer is None and not around.refused:
            transaction.finish(answer)
        return answer
    finally:
        scope.transaction = outer


def _render(value: Any, around: _Around, request: Request) -> Any:
    """What a handler or a step gave, a Response with its content as bytes: a lazy one may still run SQL."""
    answer = value if type(value) is Response or hasattr(value, 'within') else as_response(value)
    if not isinstance(answer, Response):
        begun = getattr(answer, 'response', None)  # the head of a stream; a future has none yet
        around.refused = begun is not None and begun.status >= 400
        return answer
    if answer.status >= 400:
        around.refused = True
    return rendered(answer, request)


def _in_steps(answer: Any, around: Callable[[], _Around], request: Request,
              tell: Callable[[Request, Exception], Response | None],
              errors: tuple[type[Exception], ...]) -> Any:
    """A deferred answer that enters `around` anew for each step, so that no transaction spans a wait."""
    if not isinstance(answer, Deferred) or answer.response is not None:
        return answer.within(around)

    # A Response comes in the end. It may still refuse its transaction, and an error can still become a page.
    def step() -> Any:
        try:
            with around() as this:
                piece = answer.step()
                return _render(piece, this, request) if isinstance(piece, Response) else piece
        except errors as error:
            page = tell(request, error)
            if page is None:
                raise
            return page
    return Deferred(step, None, answer.within(around).close)


def _page(adapters: list[Adapter], handler: Handler, request: Request, error: Exception) -> Response | None:
    """The error page for what went wrong with the database; None for a mistake in the program's own SQL."""
    told: Exception | None = error
    if not isinstance(error, DatabaseError):
        suspects = [adapter for adapter in adapters if isinstance(error, adapter.error)]
        told = suspects[0].explain(error, ' or '.join(adapter.name for adapter in suspects))
    if not isinstance(told, DatabaseError):
        return None
    typed = _typed(request)
    if not request.scope.debug:  # the sentence names files and places: it is for the log, not for the visitor
        if not typed:
            raise told from error
        reference = os.urandom(4).hex()
        log.error('%s %s failed (%s): %s', request.method, request.target, reference, str(told),
                  exception=error)
        return Response.generic([_APOLOGY.format(reference), typed], status=told.status)
    where = request.scope.route or _name(handler)
    log.error('%s %s (%s): %s', request.method, request.target, where, str(told), exception=error)
    lines = [*str(told).splitlines(), *_place(error), f'The handler: {where}']
    if request.method not in SAFE_METHODS:
        lines += [line for adapter in adapters for line in adapter.describe() if line not in lines]
    return Response.swear(request, [[f'<p>{escape_text(line)}</p>\n' for line in lines], typed],
                          status=told.status)


def _typed(request: Request) -> str:
    """What somebody typed into the form that could not be saved, in a form that sends it again."""
    try:
        fields = [] if request.method in SAFE_METHODS else list(request.form.items())
        has_files = bool(fields and request.files)
    except KaliError:  # it is no form that can be read
        return ''
    if not fields:
        return ''
    rows = []
    for name, value in fields:
        name, value = escape(name), escape(value)
        if name.startswith('_') or 'password' in name.lower():
            rows.append(f'<input type="hidden" name="{name}" value="{value}">\n')
        else:
            rows.append(f'<p><label>{name}<br><textarea name="{name}">\n{value}</textarea></label></p>\n')
    note = '<p>Files have to be chosen again: go back for that.</p>\n' if has_files else ''
    return (f'<form method="post" action="{escape(request.target)}">\n<p>Here is what you typed:</p>\n'
            f'{"".join(rows)}{note}<p><button>Try again</button></p>\n</form>\n')


def _name(handler: Handler) -> str:
    code = getattr(handler, '__code__', None)
    name = str(getattr(handler, '__qualname__', type(handler).__qualname__))
    return f'{name} ({Path(code.co_filename).name}:{code.co_firstlineno})' if code else name


def _place(error: BaseException) -> list[str]:
    """Where in the program it happened: the innermost place on the error's way that is neither kali's own nor
    the driver's."""
    place: list[str] = []
    error = error.__cause__ or error
    driver = type(error).__module__.partition('.')[0]
    trace = error.__traceback__
    while trace is not None:
        code, module = trace.tb_frame.f_code, str(trace.tb_frame.f_globals.get('__name__'))
        if not code.co_filename.startswith(_KALI) and module.partition('.')[0] != driver:
            place = [f'It happened at {Path(code.co_filename).name}, line {trace.tb_lineno}, in '
                     f'{code.co_name}.']
        trace = trace.tb_next
    return place
