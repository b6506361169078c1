"""Client: an application tested in memory, over the whole path from bytes to bytes.

A request goes through the real parser, the dispatcher, the encoder, and comes back parsed; only sockets are
left out. As a context manager a client is a host too, with the application's lifespan and jobs.
"""

from __future__ import annotations

import time
from functools import partial
from itertools import chain

from kali.errors import KaliError, ProtocolError
from kali.http.around import entered
from kali.http.blocking import pieces, sit_out
from kali.http.body import Body
from kali.http.deferred import Deferred, Wait
from kali.http.limits import DEFAULT, Limits
from kali.http.parser import Data, Head, RequestParser
from kali.http.request import FileUpload, Request
from kali.http.response import Response
from kali.http.urls import is_local
from kali.iolist import flatten
from kali.routing.servlets import refusal
from kali.server.dispatcher import Dispatcher
from kali.server.hosting import Hosting
from kali.testing.bodies import encoded
from kali.testing.reply import Event, Reply, events_in, parsed

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import TracebackType
    from typing import Any

    from kali.http.response import Handler
    from kali.testing.bodies import Fields

__all__ = ['Client', 'Event', 'Reply']

SOON = 0.1  # seconds
FIRST = 100  # pieces of an event stream that are read at once, unless it waits before


class _Raising(Dispatcher):
    """Lets a bug of the application through."""

    def _failed(self, request: Request, error: BaseException) -> Response:
        if isinstance(error, KaliError) and error.status < 500:
            return super()._failed(request, error)
        raise error


class Client(Hosting):
    """A browser without a window: sends requests to `handler`, keeps cookies, follows redirects if asked to.

    :param handler: the application
    :param debug: whether error pages show the cause
    :param admit: a gate to pass (see kali.server.gate); none by default
    :param host: the Host field
    :param limits: how much of a request is taken
    :param raise_errors: whether what a handler raises comes out of the request, with its traceback; by
        default it is an error page, as for a browser. What is the visitor's mistake is a page in any case

    >>> client = Client(lambda request: f'Hello {request.query.get("name", "you")}')
    >>> client.get('/?name=Ann').text
    'Hello Ann'

    `with Client(handler) as client:` runs the handler's lifespan. Inside, `request.scope.host` is the client
    (see kali.http.host): before each request the jobs go on as far as they can without waiting for long, and
    `run` gives them more time. At the end they are closed.
    """

    def __init__(self, handler: Handler, *, debug: bool = True, host: str = 'localhost:8080',
                 admit: Callable[[Head], Response | None] = lambda head: None,
                 limits: Limits = DEFAULT, raise_errors: bool = False) -> None:
        dispatcher = (_Raising if raise_errors else Dispatcher)(handler, debug=debug)
        super().__init__(dispatcher)
        self._lifespan: entered | None = None  # inside of `with`
        self.host, self.admit, self.limits = host, admit, limits
        self.cookies: dict[str, str] = {}

    # The host.

    def __enter__(self) -> Client:
        lifespan = entered(self.dispatcher.handler, self)
        lifespan.__enter__()
        self._lifespan = lifespan
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        lifespan, self._lifespan = self._lifespan, None
        self.close()
        if lifespan is not None:
            lifespan.__exit__(kind, error, traceback)

    def run(self, seconds: float = 10.0) -> None:
        """Let jobs and calls go on until nothing is left of them, for so many seconds at most."""
        self._run(seconds, float('inf'))

    def _run(self, seconds: float, near: float) -> None:
        """Let jobs go on for so many seconds, and wait for futures and for what comes by `near` seconds."""
        until, grace = time.monotonic() + seconds, 0.0
        while (now := time.monotonic()) < until:
            if self.turn():
                grace = now + SOON  # news for what went on just now may come from a thread
                continue
            waits = self.answers.waits()
            moment = self.timers.next()
            if any(wait.future is not None for wait in waits):
                self.sleep(min(until, moment))
            elif moment <= now + near and moment < until:
                self.sleep(moment)
            elif waits and (now < grace or near > seconds):
                self.sleep(min(until, moment, until if near > seconds else grace))
            else:
                break

    # Requests.

    def get(self, target: str, *, headers: Mapping[str, str] | None = None, follow: bool = False) -> Reply:
        """GET `target`; with `follow`, go where redirects lead."""
        return self.request('GET', target, headers=headers, follow=follow)

    def head(self, target: str, *, headers: Mapping[str, str] | None = None) -> Reply:
        """HEAD `target`."""
        return self.request('HEAD', target, headers=headers)

    def post(self, target: str, *, form: Mapping[str, Any] | None = None,
             files: Mapping[str, FileUpload | tuple[str, str, bytes]] | None = None, json: Any = None,
             body: bytes | None = None, headers: Mapping[str, str] | None = None,
             follow: bool = False) -> Reply:
        """POST a form (values may be lists), files with it (multipart), JSON, or bytes."""
        return self.request('POST', target, form=form, files=files, json=json, body=body, headers=headers,
                            follow=follow)

    def put(self, target: str, **what: Any) -> Reply:
        """PUT what `post` would send: `form`, `files`, `json` or `body`."""
        return self.request('PUT', target, **what)

    def patch(self, target: str, **what: Any) -> Reply:
        """PATCH, with what `post` would send."""
        return self.request('PATCH', target, **what)

    def delete(self, target: str, **what: Any) -> Reply:
        """DELETE `target`."""
        return self.request('DELETE', target, **what)

    def events(self, target: str, *, headers: Mapping[str, str] | None = None,
               seconds: float = 10.0) -> Iterator[Event]:
        """The events of an event stream, as they come; close it (`closing`) as a browser leaves the page.

        :param seconds: how long to wait for each
        :raises TimeoutError: if none comes in that time
        :raises ValueError: if the answer is no event stream
        """
        fields = {'Accept': 'text/event-stream', **(headers or {})}
        request = self._received(self._bytes('GET', target, fields))
        answer = None if isinstance(request, Reply) else self.dispatcher.answer(request)
        if not isinstance(answer, Deferred) or answer.response is None:
            raise ValueError(f'GET {target}: the answer is no event stream')
        assert isinstance(request, Request)
        step = partial(self.dispatcher.step, request, answer)
        begun = [step()]  # until it waits: from here on it hears what is published
        while isinstance(begun[-1], bytes) and len(begun) < FIRST:
            begun.append(step())
        close = partial(self.dispatcher.close, request, answer)
        return events_in(self._pieces(chain(begun, iter(step, None)), close, seconds))

    def _pieces(self, outcomes: Iterable[Any], close: Callable[[], None], seconds: float) -> Iterator[bytes]:
        until = time.monotonic() + seconds
        try:
            for outcome in outcomes:
                if isinstance(outcome, Wait):
                    sit_out(outcome.capped(until), self)
                    if time.monotonic() >= until:
                        raise TimeoutError(f'no event came in {seconds} seconds')
                elif outcome is None:
                    return
                else:
                    yield outcome
                    if not outcome.startswith(b':'):  # a comment keeps the stream alive, and is no event
                        until = time.monotonic() + seconds
        finally:
            close()

    def request(self, method: str, target: str, *, form: Fields = None, files: Fields = None,
                json: Any = None, body: bytes | None = None, headers: Mapping[str, str] | None = None,
                follow: bool = False) -> Reply:
        """Send any request. What the parser refuses becomes a reply, as the server would make it one."""
        content_type, data = encoded(form, files, json, body)
        target = target.partition('#')[0]  # a link may say where on the page; a browser keeps that to itself
        headers = {**({'Content-Type': content_type} if content_type else {}), **(headers or {})}
        reply = self._send(method, target, headers, data)
        for _ in range(10 if follow else 0):
            location = reply.headers.get('location', '')
            if reply.status not in (301, 302, 303, 307, 308) or not is_local(location):
                break
            target = _resolve(target, location)
            if reply.status not in (307, 308):  # those two repeat the request as it was
                method, data = 'GET', b''
                headers.pop('Content-Type', None)
            reply = self._send(method, target, headers, data)
        return reply

    def _send(self, method: str, target: str, headers: Mapping[str, str], data: bytes) -> Reply:
        reply = self.exchange(self._bytes(method, target, headers, data))
        self._keep_cookies(reply)
        return reply.sent_by(self.request, target)

    def _bytes(self, method: str, target: str, headers: Mapping[str, str], data: bytes = b'') -> bytes:
        fields = {'Host': self.host, **headers}
        if self.cookies:
            fields['Cookie'] = '; '.join(f'{name}={value}' for name, value in self.cookies.items())
        if data or method not in ('GET', 'HEAD', 'OPTIONS'):
            fields.setdefault('Content-Length', str(len(data)))
        head = ''.join(f'{name}: {value}\r\n' for name, value in fields.items())
        return f'{method} {target} HTTP/1.1\r\n{head}\r\n'.encode() + data

    def exchange(self, data: bytes) -> Reply:
        """Send raw bytes."""
        request = self._received(data)
        if isinstance(request, Reply):
            return request
        return self._finish(request, self.dispatcher.answer(request))

    def _received(self, data: bytes) -> Request | Reply:
        """The request that these bytes are, or what refuses it."""
        if self._lifespan is not None:
            self._run(10.0, SOON)
        parser, request, body = RequestParser(self.limits), None, Body()
        head: Head | None = None
        try:
            for event in parser.feed(data):
                if isinstance(event, Head):
                    head = event
                    refused = self.admit(head)
                    if refused is not None:
                        return self._reply(refused, None, head.method)
                elif isinstance(event, Data):
                    body.append(event.content)
                else:
                    assert head is not None
                    request = Request(head.method, head.target, head.headers, body.whole(),
                                      limits=self.limits)
        except ProtocolError as error:
            return self._reply(refusal(error), None, 'GET')
        if request is None:
            return self._reply(refusal(ProtocolError('The request is not whole.')), None, 'GET')
        if self._lifespan is not None:
            request.scope.host = self
        return request

    def _finish(self, request: Request, answer: Response | Deferred) -> Reply:
        if isinstance(answer, Response):
            return self._reply(answer, request, request.method)
        content = []
        step = partial(self.dispatcher.step, request, answer)
        has_body = request.method != 'HEAD' or answer.response is None
        try:
            for outcome in pieces(step, self) if has_body else ():
                if isinstance(outcome, Response):
                    return self._reply(outcome, request, request.method)
                if isinstance(outcome, Deferred):
                    return self._finish(request, outcome)
                content.append(outcome)
        finally:
            self.dispatcher.close(request, answer)
        head = self.encoder.head(answer.response or Response(), None)
        return parsed(head + b''.join(content), request)

    def _reply(self, response: Response, request: Request | None, method: str) -> Reply:
        body = flatten(response.content)
        return parsed(self.encoder.encode(response, body, without_body=method == 'HEAD'), request)

    def _keep_cookies(self, reply: Reply) -> None:
        for field in reply.headers.get_list('set-cookie'):
            pair, _, attributes = field.partition(';')
            name, _, value = pair.partition('=')
            if 'max-age=0' in attributes.lower().replace(' ', ''):
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value


def _resolve(base: str, location: str) -> str:
    from urllib.parse import urljoin  # only a redirect needs it
    return urljoin(base, location)
