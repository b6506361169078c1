"""around: how a handler is put around another one, and what a handler wants entered while a host runs it.

A wrapper (guard, gate, undo, middleware) takes a handler and returns an `Around`. A handler may have a
`lifespan`: a tuple of functions `host -> context manager`. The host (a server, a test client, an asyncio
loop) enters them with `entered` before the first request and leaves them at the end.
"""

from __future__ import annotations

from kali.http.deferred import Deferred

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager, ExitStack
    from types import TracebackType
    from typing import Any, TypeAlias

    from kali.http.host import Host
    from kali.http.request import Request

    Handler: TypeAlias = Callable[[Request], Any]
    Steps: TypeAlias = Callable[..., Deferred]  # (deferred, title='') -> Deferred
    Lifespan: TypeAlias = Callable[[Host], AbstractContextManager[Any]]

__all__ = ['Around', 'chain', 'collected', 'entered', 'innermost']


class Around:
    """A handler that stands around another one: a request goes to `call`, which may pass it on to `handler`.

    :param handler: the handler inside
    :param call: what answers a request
    :param lifespans: what this wrapper itself wants entered while a host runs it
    :param steps: for a wrapper that also stands around each step of a job, as a guard does: a function from a
        Deferred and a title to a Deferred. Handlers and lifespans inside find all of them together as
        `request.scope.guarded` and `host.guarded`

    >>> def greet(request): return 'hello'
    >>> loud = Around(greet, lambda request: greet(request).upper())
    >>> loud(None), loud.inside is greet
    ('HELLO', True)
    """

    __slots__ = ('_lifespans', 'call', 'inside', 'steps')

    def __init__(self, handler: Handler, call: Handler, lifespans: Iterable[Lifespan] = (),
                 steps: Steps | None = None) -> None:
        self.inside, self.call = handler, call
        self._lifespans, self.steps = tuple(lifespans), steps

    def __call__(self, request: Request) -> Any:
        """The answer of `call`."""
        if self.steps is None:
            return self.call(request)
        scope = request.scope
        outer = scope.guarded
        inner = scope.guarded = _both(outer, self.steps)
        try:
            answer = self.call(request)
        finally:
            scope.guarded = outer
        if not isinstance(answer, Deferred):
            return answer

        def within(function: Callable[[], Any]) -> Any:
            outer, scope.guarded = scope.guarded, inner
            try:
                return function()
            finally:
                scope.guarded = outer
        return Deferred(lambda: within(answer.step), answer.response, lambda: within(answer.close))

    @property
    def lifespan(self) -> tuple[Lifespan, ...]:
        """The lifespans of the handler inside as they are now, then those of this wrapper, each once."""
        inside: Iterable[Lifespan] = collected([self.inside])
        if self.steps is not None:
            inside = [_Inside(lifespan, self.steps) for lifespan in inside]
        return collected([], [*inside, *self._lifespans])

    def __repr__(self) -> str:
        return f'<{getattr(self.call, "__qualname__", "Around")} around {self.inside!r}>'


def _both(outer: Steps | None, inner: Steps) -> Steps:
    """What an outer wrapper and an inner one put around the steps of a job."""
    if outer is None:
        return inner
    return lambda deferred, title='': outer(inner(deferred, title), title)


class _Inside:
    """A lifespan of what stands inside a wrapper: its host has `guarded`, and is else the host."""

    __slots__ = ('lifespan', 'steps')

    def __init__(self, lifespan: Lifespan, steps: Steps) -> None:
        self.lifespan, self.steps = lifespan, steps

    def __call__(self, host: Host) -> AbstractContextManager[Any]:
        if host is None:  # nothing can be started
            return self.lifespan(host)
        return self.lifespan(_Host(host, _both(getattr(host, 'guarded', None), self.steps)))

    def __eq__(self, other: object) -> bool:  # it may be mounted outside of the wrapper as well
        return bool(self.lifespan == getattr(other, 'lifespan', other))

    def __hash__(self) -> int:
        return hash(self.lifespan)


class _Host:
    """A host with `guarded`."""

    def __init__(self, host: Host, guarded: Steps) -> None:
        self._host, self.guarded = host, guarded

    def __getattr__(self, name: str) -> Any:
        return getattr(self._host, name)


def collected(handlers: Iterable[Any], more: Iterable[Lifespan] = ()) -> tuple[Lifespan, ...]:
    """The lifespans of `handlers`, in order, and `more`; each once, however often it is mounted."""
    found: list[Lifespan] = []
    for lifespans in (*(getattr(handler, 'lifespan', ()) for handler in handlers), more):
        for lifespan in lifespans:
            if lifespan not in found:
                found.append(lifespan)
    return tuple(found)


def innermost(handler: Any) -> Any:
    """The handler that all wrappers stand around: what url_for looks into, and what messages name."""
    while hasattr(handler, 'inside'):
        handler = handler.inside
    return handler


def chain(handler: Handler, *wrappers: Callable[[Handler], Handler]) -> Handler:
    """`handler` inside all of `wrappers`: each stands around what comes before it.

    >>> def polite(handler): return Around(handler, lambda request: handler(request) + ', please')
    >>> def loud(handler): return Around(handler, lambda request: handler(request).upper())
    >>> chain(lambda request: 'tea', polite, loud)(None)
    'TEA, PLEASE'
    """
    for wrapper in wrappers:
        handler = wrapper(handler)
    return handler


class entered:  # used like a function: `with entered(handler, host):`
    """All lifespans of `handler`, entered in order for `host` and left in the reverse order.

    If one of them fails to start, those before it are left again, and its error goes on.

    :raises TypeError: for a lifespan that is no function `host -> context manager`

    >>> from contextlib import contextmanager
    >>> @contextmanager
    ... def printer(host):
    ...     print('on')
    ...     yield
    ...     print('off')
    >>> with entered(Around(print, print, [printer]), None):
    ...     print('serving')
    on
    serving
    off
    """

    __slots__ = ('_host', '_lifespans', '_stack')

    def __init__(self, handler: Any, host: Host) -> None:
        self._lifespans, self._host = collected([handler]), host
        self._stack: ExitStack | None = None

    def __enter__(self) -> None:
        if not self._lifespans:
            return
        from contextlib import ExitStack  # hello-world has no lifespan
        with ExitStack() as stack:
            for lifespan in self._lifespans:
                stack.enter_context(self._started(lifespan))
            self._stack = stack.pop_all()

    def _started(self, lifespan: Lifespan) -> AbstractContextManager[Any]:
        manager = lifespan(self._host) if callable(lifespan) else None
        if not hasattr(manager, '__enter__'):
            raise TypeError(f'lifespan: {lifespan!r} is no function that takes the host and returns a '
                            'context manager; write one with @contextmanager from contextlib')
        return manager

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> bool:
        stack, self._stack = self._stack, None
        return stack is not None and bool(stack.__exit__(kind, error, traceback))
