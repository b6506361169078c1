"""around: how a handler is put around another one, and what a handler wants entered while a host runs it.

A wrapper (guard, gate, undo, middleware) takes a handler and returns an `Around`. A handler may have a
`lifespan`: a tuple of functions `host -> context manager`. The host (a server, a test client, an asyncio
loop) enters them with `entered` before the first request and leaves them at the end.
"""

from __future__ import annotations

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager, ExitStack
    from types import TracebackType
    from typing import Any, TypeAlias

    from kali.http.host import Host
    from kali.http.request import Request

    Handler: TypeAlias = Callable[[Request], Any]
    Lifespan: TypeAlias = Callable[[Host], AbstractContextManager[Any]]

__all__ = ['Around', 'chain', 'collected', 'entered', 'innermost']


class Around:
    """A handler that stands around another one: a request goes to `call`, which may pass it on to `handler`.

    :param handler: the handler inside
    :param call: what answers a request
    :param lifespans: what this wrapper itself wants entered while a host runs it

    >>> def greet(request): return 'hello'
    >>> loud = Around(greet, lambda request: greet(request).upper())
    >>> loud(None), loud.inside is greet
    ('HELLO', True)
    """

    __slots__ = ('_lifespans', 'call', 'inside')

    def __init__(self, handler: Handler, call: Handler, lifespans: Iterable[Lifespan] = ()) -> None:
        self.inside, self.call, self._lifespans = handler, call, tuple(lifespans)

    def __call__(self, request: Request) -> Any:
        """The answer of `call`."""
        return self.call(request)

    @property
    def lifespan(self) -> tuple[Lifespan, ...]:
        """The lifespans of the handler inside as they are now, then those of this wrapper, each once."""
        return collected([self.inside], self._lifespans)

    def __repr__(self) -> str:
        return f'<{getattr(self.call, "__qualname__", "Around")} around {self.inside!r}>'


def collected(handlers: Iterable[Any], more: Iterable[Lifespan] = ()) -> tuple[Lifespan, ...]:
    """The lifespans of `handlers`, in order, and `more`; each once, however often it is mounted."""
    found: list[Lifespan] = []
    for lifespans in (*(getattr(handler, 'lifespan', ()) for handler in handlers), more):
        found += [lifespan for lifespan in lifespans if lifespan not in found]
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
