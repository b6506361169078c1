"""from_asgi: an ASGI application, of Starlette, FastAPI or bareASGI for example, as a kali handler.

It runs in the host's asyncio loop (kali.live.guest), each request as a task of its own, so that it may go on
after its response is sent. Source: the ASGI specification, https://asgi.readthedocs.io/en/latest/specs/
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from kali import log
from kali.errors import KaliError
from kali.http.deferred import Deferred, Signal, Wait
from kali.http.response import Response
from kali.interop.asgi_exchange import Exchange
from kali.interop.foreign import Broken, kind_of, refuse_websocket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from kali.http.host import Host
    from kali.http.request import Request
    from kali.http.response import Handler

    App = Callable[..., Awaitable[Any]]

__all__ = ['from_asgi']

PATIENCE = 2.0  # seconds for the application to end, and for what it still does in the background
VERSION = {'version': '3.0', 'spec_version': '2.4'}


def from_asgi(app: App) -> Handler:
    """A handler of an ASGI application: mount it with `delegate_folder`, or pass it to `serve_http`.

    :param app: what an ASGI server would be given
    :raises TypeError: if `app` cannot be called

    root_path is where it is mounted. Its lifespan runs as long as the server; if that fails to start, each
    page says so. Responses are streamed as the client reads. When the client leaves, the application receives
    `http.disconnect`, and sending raises OSError; what it does after its response goes on to its end.

    An application that breaks a rule of ASGI is answered with a 500 page that names the rule; if a part was
    sent already, the connection is cut. Unless the application sets a Content-Security-Policy itself, its
    pages may load what they like, as under its own server. WebSockets are refused.

    >>> from kali.testing import Client
    >>> async def app(scope, receive, send):
    ...     await send({'type': 'http.response.start', 'status': 200, 'headers': []})
    ...     await send({'type': 'http.response.body', 'body': b'Hello from ' + scope['path'].encode()})
    >>> with Client(from_asgi(app)) as client:
    ...     client.get('/shop').text
    'Hello from /shop'

    Source: the ASGI specification.
    """
    if not callable(app):
        raise TypeError(f'from_asgi: {app!r:.80} is no ASGI application, since it cannot be called')
    return _Hosted(app)


class _Hosted:
    """The handler that from_asgi makes."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._running: _Running | None = None
        self.lifespan = (self._live,)

    def __call__(self, request: Request) -> Any:
        """Have the application answer."""
        refused = refuse_websocket(request)
        if refused is not None:
            return refused
        host = request.scope.host
        if host is None:
            raise TypeError('an ASGI application needs a host to run it, and there is none here; in a test, '
                            'use "with Client(app) as client"')
        running = self._running
        if running is None or running.is_closed:  # a wrapper that has no lifespan has called this handler
            running = self._begin(host)
        exchange = Exchange(self._app, request, running.state)

        async def begun() -> None:
            if running.failure is None and not running.has_begun.is_set():
                await running.has_begun.wait()
            if running.failure is not None:
                raise KaliError(f'The mounted application could not start: {running.failure}')
            task = asyncio.ensure_future(exchange.run())
            running.tasks[task] = exchange
            task.add_done_callback(running.tasks.pop)
            await exchange.begun()
        return host.asynchronous(begun(), lambda result: exchange.answer(host))

    def _begin(self, host: Host) -> _Running:
        running = self._running = _Running(self._app, host)
        host.start(running.job(), 'the lifespan of a mounted application')
        return running

    @contextmanager
    def _live(self, host: Host) -> Iterator[None]:
        if host is not None:
            self._begin(host)
        yield
        self._running = None

    def __repr__(self) -> str:
        return f'from_asgi({self._app!r:.80})'


class _Running:
    """The application while one host runs: its lifespan and its tasks."""

    def __init__(self, app: App, host: Host) -> None:
        self._app, self._host = app, host
        self.state: dict[str, Any] = {}
        self.failure: str | None = None
        self.is_closed = False
        self.tasks: dict[asyncio.Future[Any], Exchange] = {}
        self.has_begun = asyncio.Event()
        self._is_over = asyncio.Event()
        self._shut = asyncio.Event()
        self._task: asyncio.Future[Any] | None = None
        self._asked = 0  # how many messages it has received

    def job(self) -> Deferred:
        """A job that begins the application, and ends it when it is closed."""
        beginning = self._host.asynchronous(self._begin(), lambda result: Response(None))
        never = Signal()

        def step() -> Any:
            outcome = beginning.step() if self._task is None else Wait(signal=never)
            return Wait(signal=never) if isinstance(outcome, Response) else outcome

        def close() -> None:
            self.is_closed = True
            beginning.close()
            self._host.complete(self._end(), PATIENCE)
        return Deferred(step, None, close)

    async def _begin(self) -> None:
        self._task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        scope = {'type': 'lifespan', 'asgi': VERSION, 'state': self.state}
        try:
            await self._app(scope, self._receive, self._send)
        except Exception as error:
            # Without a word from the application itself, it has no lifespan (ASGI, "Lifespan Protocol").
            if self.failure is not None or self.has_begun.is_set():
                log.error('the lifespan of a mounted application failed', exception=error)
        finally:
            self.has_begun.set()
            self._shut.set()

    async def _receive(self) -> dict[str, Any]:
        self._asked += 1
        if self._asked == 1:
            return {'type': 'lifespan.startup'}
        await self._is_over.wait()
        return {'type': 'lifespan.shutdown'}

    async def _send(self, message: dict[str, Any]) -> None:
        kind = kind_of(message)
        if kind == 'lifespan.startup.failed':
            self.failure = message.get('message') or 'it does not say why'
        elif kind == 'lifespan.shutdown.failed':
            log.error('a mounted application did not end well: %s', message.get('message', ''))
        elif kind not in ('lifespan.startup.complete', 'lifespan.shutdown.complete'):
            raise Broken(f'{kind!r} is no message of a lifespan')
        if kind.startswith('lifespan.startup'):
            self.has_begun.set()
        else:
            self._shut.set()

    async def _end(self) -> None:
        for exchange in self.tasks.values():
            exchange.leave()
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=PATIENCE / 2)
        self._is_over.set()
        if self._task is not None and not self._task.done():
            await asyncio.wait((self._task,), timeout=PATIENCE / 2)
