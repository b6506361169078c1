"""Exchange: one request to a mounted ASGI application and its response, as the messages of ASGI.

Source: the ASGI specification, "HTTP & WebSocket ASGI Message Format".
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from kali import log
from kali.http.deferred import Deferred, Signal, Wait
from kali.http.response import Response
from kali.interop.foreign import Broken, declared, finished, host_and_port, kind_of, response_of, split_target

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from kali.http.host import Host
    from kali.http.request import Request

__all__ = ['Exchange']

BLOCK = 65536  # bytes of the request's body in one message
HIGH_WATER = 65536  # bytes of the response's body that wait for the client
_NEVER = Signal()
VERSION = {'version': '3.0', 'spec_version': '2.4'}


class Exchange:
    """Calls `app` with a scope, `receive` and `send` for `request`.

    :param state: of the application's lifespan
    """

    def __init__(self, app: Callable[..., Awaitable[Any]], request: Request, state: dict[str, Any]) -> None:
        self._app, self._request, self._state = app, request, state
        self._body: Any = None  # the request's body while there is more of it
        self._is_read = False
        self._response: Response | None = None
        self._pieces: deque[bytes] = deque()
        self._waiting = self._count = 0  # bytes: sent by the application and not by kali; sent in all
        self._is_whole = self._streams = False
        self._error: BaseException | None = None
        self._gone = asyncio.Event()  # the client has left, or has its answer
        self._news = asyncio.Event()
        self._room = asyncio.Event()

    async def run(self) -> None:
        """Run the application to its end, with what it does in the background."""
        try:
            await self._app(self._scope(), self._receive, self._send)
            if not self._is_whole and not self._gone.is_set():
                raise Broken('the application returned before it sent the whole response (a body with '
                             'more_body false)' if self._response else
                             'the application returned without a response')
        except BaseException as error:
            if self._gone.is_set() and isinstance(error, (OSError, asyncio.CancelledError)):
                return  # it was told that the client has left
            if self._is_whole:
                log.error('%s %s failed after it was answered', self._request.method, self._request.target,
                          exception=error)
            self._error = error
        finally:
            self._news.set()

    async def begun(self) -> None:
        """Wait until the response is whole, or there is a first piece of it.

        :raises Exception: what the application raised before that
        """
        self._loop = asyncio.get_running_loop()
        try:
            while not (self._is_whole or self._pieces or self._error is not None
                       or (self._streams and self._request.method == 'HEAD')):
                self._news.clear()
                await self._news.wait()
        except asyncio.CancelledError:
            self.leave()
            raise
        if self._error is not None and not self._pieces:
            raise self._error

    def answer(self, host: Host) -> Response | Deferred:
        """The response, or the stream, that has begun."""
        response = self._response
        assert response is not None
        if self._is_whole and not self._streams:
            response.content = b''.join(self._pieces)
            self.leave()
            return response
        stream = host.asynchronous(self._stream(), lambda result: Response(None))

        def step() -> Any:
            outcome = stream.step()
            if isinstance(outcome, Wait) and outcome.future is not None:
                # With a signal, the host does not keep a client that has hung up.
                return Wait(outcome.future, outcome.until, signal=_NEVER)
            return outcome

        def close() -> None:
            stream.close()
            self._loop.call_soon_threadsafe(self.leave)  # it may have been closed before it began
        return Deferred(step, response, close)

    async def _stream(self) -> AsyncIterator[bytes]:
        try:
            while True:
                while self._pieces:
                    piece = self._pieces.popleft()
                    yield piece
                    self._waiting -= len(piece)
                    self._room.set()
                if self._is_whole:
                    return
                if self._error is not None:
                    raise self._error
                self._news.clear()
                await self._news.wait()
        finally:
            self.leave()

    def leave(self) -> None:
        """The client has left, or has its answer: tell the application."""
        self._gone.set()
        self._room.set()

    # What the application is given.

    def _scope(self) -> dict[str, Any]:
        request = self._request
        script, path, query = split_target(request)
        headers = request.headers
        host, port = host_and_port(request)
        return {
            'type': 'http', 'asgi': VERSION, 'http_version': '1.1', 'scheme': 'http',
            'method': request.method,
            'path': unquote(script + path), 'raw_path': (script + path).encode('ascii'),
            'query_string': query.encode('latin-1'), 'root_path': unquote(script),
            'headers': [(name.lower().encode('latin-1'), value.encode('latin-1'))
                        for name, value in headers.items()],
            'client': ('127.0.0.1', 0), 'server': (host, port),
            'state': self._state.copy(), 'extensions': {},
        }

    async def _receive(self) -> dict[str, Any]:
        if not self._is_read and not self._gone.is_set():
            if self._body is None:
                self._body = self._request.open_body()
            piece = self._body.read(BLOCK)
            self._is_read = len(piece) < BLOCK
            return {'type': 'http.request', 'body': piece, 'more_body': not self._is_read}
        if not self._is_whole:  # after its response, an application is told at once (ASGI, "Disconnect")
            await self._gone.wait()
        return {'type': 'http.disconnect'}

    async def _send(self, message: dict[str, Any]) -> None:
        kind = kind_of(message)
        if self._is_whole:
            raise Broken(f'{kind!r} was sent after the response was whole')
        if self._gone.is_set() and not self._has_come():
            raise OSError('the client has left')
        if kind == 'http.response.start':
            self._start(message)
        elif kind == 'http.response.body':
            await self._take(message)
        else:
            raise Broken(f'{kind!r} is no message of an HTTP response')

    def _has_come(self) -> bool:
        """Whether the client has as many bytes as were announced; it may leave before the application says
        that these were all."""
        return self._response is not None and declared(self._response) == self._count

    def _start(self, message: dict[str, Any]) -> None:
        if self._response is not None:
            raise Broken("'http.response.start' was sent a second time")
        status = message.get('status')
        if not isinstance(status, int):
            raise Broken(f'the status is {status!r}; it must be an int')
        self._response = response_of(int(status), message.get('headers', ()), bytes)

    async def _take(self, message: dict[str, Any]) -> None:
        response = self._response
        if response is None:
            raise Broken("'http.response.body' was sent before 'http.response.start'")
        piece, more = message.get('body', b''), bool(message.get('more_body', False))
        if not isinstance(piece, (bytes, bytearray, memoryview)):
            raise Broken(f'the body is {piece!r:.60}; it must be bytes')
        piece = bytes(piece)
        self._count += len(piece)
        finished(self._request, response, self._count, more=more)
        if piece and self._request.method != 'HEAD':
            self._pieces.append(piece)
            self._waiting += len(piece)
        self._is_whole = not more
        self._streams |= more and declared(response) is None
        self._news.set()
        while self._waiting >= HIGH_WATER and more:
            if self._gone.is_set():
                raise OSError('the client has left')
            self._room.clear()
            await self._room.wait()
