"""to_asgi: a kali application for ASGI servers, such as uvicorn and hypercorn.

Source: the ASGI specification, https://asgi.readthedocs.io/en/latest/specs/
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from kali.errors import KaliError
from kali.http.around import entered
from kali.http.body import Body
from kali.http.deferred import Deferred, Wait
from kali.http.request import Request
from kali.http.response import Response, rendered
from kali.interop.asgi_host import LoopHost
from kali.interop.messages import Outward, declared_length, head_of, message, own_file, take
from kali.routing.servlets import refusal
from kali.server.dispatcher import Broken

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from kali.http.limits import Limits
    from kali.http.parser import Head
    from kali.http.response import Handler
    from kali.locale import Locale
    from kali.server.answers import Answer

    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]

__all__ = ['to_asgi']

HIGH_WATER = 65536  # bytes of a stream that wait for the server to send them
PATH_SAFE = "/!$&'()*+,;=:@~"  # RFC 3986 section 3.3


class Asgi(Outward):
    """`to_asgi(handler, hosts=…)`: a kali handler as an ASGI application.

    Handlers and jobs run in the server's asyncio loop, one at a time; coroutines and async generators of the
    application are run by that loop. The lifespan is entered when the server starts, or else with the first
    request. `to_wsgi` says what several processes or users share, and what they do not.

    >>> from kali.interop import to_asgi
    >>> application = to_asgi(lambda request: 'Hello', hosts=('office.example.org',))

    Run it with `uvicorn module:application`. Source: the ASGI specification.
    """

    def _prepare(self, handler: Handler, *, debug: bool, locale: Locale | None,
                 headers: Mapping[str, str | None] | None) -> None:
        self._make = partial(LoopHost, handler, debug=debug, locale=locale, headers=headers)
        self._host: LoopHost | None = None
        self._entered: entered | None = None

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Serve one connection of the kind `scope['type']`."""
        kind = scope['type']
        if kind == 'http':
            await self._http(scope, receive, send)
        elif kind == 'lifespan':
            await self._lifespan(receive, send)
        elif kind == 'websocket':
            await receive()
            await send({'type': 'websocket.close', 'code': 1000})
        else:
            raise ValueError(f'ASGI: kali does not know connections of the kind {kind!r}')

    # The lifespan.

    def _begin(self) -> LoopHost:
        if self._host is None:
            host = self._make()
            lifespan = entered(host.dispatcher.handler, host)
            lifespan.__enter__()
            self._host, self._entered = host, lifespan
        return self._host

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            self._begin()
        except Exception as error:
            await send({'type': 'lifespan.startup.failed',
                        'message': f'The program could not start: {error}'})
            return
        await send({'type': 'lifespan.startup.complete'})
        await receive()
        try:
            await self._end()
        except Exception as error:
            await send({'type': 'lifespan.shutdown.failed',
                        'message': f'The program did not end well: {error}'})
            return
        await send({'type': 'lifespan.shutdown.complete'})

    async def _end(self) -> None:
        host, lifespan, self._host, self._entered = self._host, self._entered, None, None
        if host is not None and lifespan is not None:
            host.close()
            await host.over()
            lifespan.__exit__(None, None, None)

    # Requests.

    async def _http(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        body = Body()
        try:
            host = self._begin()
        except Exception as error:
            host, refused = self._make(), refusal(KaliError(f'The program could not start: {error}'))
            await _Answering(host, scope['method'], send).whole(rendered(refused))
            return
        answering = _Answering(host, scope['method'], send)
        try:
            head, depth, answering.script = own_file(*_head(scope))
            refused = self._admit(head)  # type: ignore[assignment]
            if refused is None and not await _read(head, receive, body, self._limits):
                return  # the client has gone
        except KaliError as error:
            refused = refusal(error)
        try:
            if refused is not None:
                await answering.whole(rendered(refused))
            else:
                await answering.answer(Request(head.method, head.target, head.headers, body.whole(),
                                               mount_depth=depth, limits=self._limits), receive)
        finally:
            body.close()


class _Answering:
    """One answer on its way to the server."""

    def __init__(self, host: LoopHost, method: str, send: Send) -> None:
        self._host, self._method, self._send = host, method, send
        self._outcomes: asyncio.Queue[Any] = asyncio.Queue()
        self._waiting = 0  # bytes
        self.script = ''  # where the application is
        self._answer: Answer | None = None
        self._request: Request | None = None

    async def whole(self, response: Response) -> None:
        """Send a whole response."""
        try:
            await self._start(response)
        except OSError:
            pass  # an ASGI server may raise it when its client has gone, and nobody waits for the rest

    async def answer(self, request: Request, receive: Receive) -> None:
        """Have the handler called, and send what it answers."""
        request.scope.host = self._host
        outcome = self._host.dispatcher.answer(request)
        if isinstance(outcome, Response):
            await self.whole(outcome)
            return
        self._request = request
        self._follow(outcome)
        gone = asyncio.ensure_future(_gone(receive))
        sending = asyncio.ensure_future(self._deferred())
        try:
            await asyncio.wait((gone, sending), return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
        except OSError:
            pass  # as in `whole`: its client has gone; what was begun is ended below
        finally:
            for each in (gone, sending):
                each.cancel()
            await asyncio.gather(gone, sending, return_exceptions=True)
            if self._answer is not None:
                self._host.end(self._answer)

    def _follow(self, deferred: Deferred) -> None:
        assert self._request is not None
        if deferred.response is not None:
            self._outcomes.put_nowait(deferred)
            if self._method == 'HEAD':
                self._host.dispatcher.close(self._request, deferred)
                self._outcomes.put_nowait(None)
                return
        self._answer = self._host.begin(deferred, self._request, self._take)

    def _take(self, outcome: bytes | Wait | Response | Deferred | Broken | None) -> bool:
        if isinstance(outcome, bytes):
            if outcome:
                self._waiting += len(outcome)
                self._outcomes.put_nowait(outcome)
        elif isinstance(outcome, Deferred):
            self._follow(outcome)
        elif not isinstance(outcome, Wait):
            self._outcomes.put_nowait(outcome)
        return self._waiting < HIGH_WATER

    async def _deferred(self) -> None:
        """Send what comes of a deferred answer."""
        while (outcome := await self._outcomes.get()) is not None:
            if isinstance(outcome, Response):
                await self._start(outcome)
                return
            if isinstance(outcome, Deferred):
                assert outcome.response is not None
                await self._start(outcome.response, streams=True)
            elif isinstance(outcome, Broken):
                raise RuntimeError('the answer failed halfway; the log of kali says why') from None
            else:
                await self._send({'type': 'http.response.body', 'body': outcome, 'more_body': True})
                full = self._waiting >= HIGH_WATER
                self._waiting -= len(outcome)
                if full and self._answer is not None:
                    self._host.room(self._answer)
        await self._send({'type': 'http.response.body', 'body': b''})

    async def _start(self, response: Response, *, streams: bool = False) -> None:
        status, fields, body = message(self._host.encoder, response, self._method, streams=streams,
                                       script=self.script)
        await self._send({'type': 'http.response.start', 'status': status, 'headers': [
            (name.lower().encode('latin-1'), value.encode('latin-1')) for name, value in fields]})
        if not streams:
            await self._send({'type': 'http.response.body', 'body': body})


def _head(scope: dict[str, Any]) -> tuple[Head, int]:
    """The head of the request, and how many components of its path lead to the application."""
    root = scope.get('root_path', '').rstrip('/')
    path, raw = scope['path'], scope.get('raw_path')
    if root and not (path + '/').startswith(root + '/'):  # some servers put it before the path, some do not
        path, raw = root + path, None
    target = raw.partition(b'?')[0].decode('latin-1') if raw else quote(path, safe=PATH_SAFE)
    query = scope.get('query_string', b'').decode('latin-1')
    fields = [(name.decode('latin-1'), value.decode('latin-1')) for name, value in scope['headers']]
    return head_of(scope['method'], target + (f'?{query}' if query else ''), fields), root.count('/')


async def _read(head: Head, receive: Receive, body: Body, limits: Limits) -> bool:
    """Read the body of the request into `body`; False if the client has gone meanwhile."""
    length = head.headers.last.get('content-length')
    if length is not None:
        declared_length(length, limits)
    count, more = 0, True
    while more:
        event = await receive()
        if event['type'] == 'http.disconnect':
            return False
        count = take(body, count, event.get('body', b''), limits)
        more = event.get('more_body', False)
    return True


async def _gone(receive: Receive) -> None:
    while (await receive())['type'] != 'http.disconnect':
        pass


to_asgi = Asgi
