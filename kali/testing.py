"""Client: an application tested in memory, over the whole path from bytes to bytes.

A request goes through the real parser, the dispatcher, the encoder, and comes back parsed; only sockets are
left out. As a context manager a client is a host too, with the application's lifespan and jobs.
"""

from __future__ import annotations

import time
from functools import partial

from kali.errors import ProtocolError
from kali.http.around import entered
from kali.http.blocking import pieces
from kali.http.body import Body
from kali.http.deferred import Deferred
from kali.http.grammar import text_of
from kali.http.limits import DEFAULT, Limits
from kali.http.parser import Data, Head, RequestParser
from kali.http.request import FileUpload, Request
from kali.http.response import Response
from kali.http.urls import build_url, is_local
from kali.multidict import Headers
from kali.routing.servlets import refusal
from kali.server.hosting import Hosting

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType
    from typing import Any

    from kali.http.response import Handler

__all__ = ['Client', 'Reply']

SOON = 0.1  # seconds


class Reply:
    """What came back: `status`, `headers`, `body` in bytes, and `text`; `request` is what it answers."""

    __slots__ = ('body', 'headers', 'request', 'status')

    def __init__(self, status: int, headers: Headers, body: bytes, request: Request | None) -> None:
        self.status, self.headers, self.body, self.request = status, headers, body, request

    @property
    def text(self) -> str:
        """The body as UTF-8 text."""
        return self.body.decode('utf-8')

    @property
    def json(self) -> Any:
        """The body read as JSON."""
        import json  # few tests need it
        return json.loads(self.body)

    def __repr__(self) -> str:
        return f'<Reply {self.status}, {len(self.body)} bytes>'


class Client(Hosting):
    """A browser without a window: sends requests to `handler`, keeps cookies, follows redirects if asked to.

    :param handler: the application
    :param debug: whether error pages show the cause
    :param admit: a gate to pass (see kali.server.gate); none by default
    :param host: the Host field

    >>> client = Client(lambda request: f'Hello {request.query.get("name", "you")}')
    >>> client.get('/?name=Ann').text
    'Hello Ann'

    `with Client(handler) as client:` runs the handler's lifespan. Inside, `request.scope.host` is the client
    (see kali.http.host): before each request the jobs go on as far as they can without waiting for long, and
    `run` gives them more time. At the end they are closed.
    """

    def __init__(self, handler: Handler, *, debug: bool = True, host: str = 'localhost:8080',
                 admit: Callable[[Head], Response | None] = lambda head: None,
                 limits: Limits = DEFAULT) -> None:
        super().__init__(handler, debug=debug)
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

    def request(self, method: str, target: str, *, form: Mapping[str, Any] | None = None,
                files: Mapping[str, FileUpload | tuple[str, str, bytes]] | None = None, json: Any = None,
                body: bytes | None = None, headers: Mapping[str, str] | None = None,
                follow: bool = False) -> Reply:
        """Send any request. What the parser refuses becomes a reply, as the server would make it one."""
        content_type, data = _encode_body(form, files, json, body)
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
        fields = {'Host': self.host, **headers}
        if self.cookies:
            fields['Cookie'] = '; '.join(f'{name}={value}' for name, value in self.cookies.items())
        if data or method not in ('GET', 'HEAD', 'OPTIONS'):
            fields.setdefault('Content-Length', str(len(data)))
        head = ''.join(f'{name}: {value}\r\n' for name, value in fields.items())
        reply = self.exchange(f'{method} {target} HTTP/1.1\r\n{head}\r\n'.encode() + data)
        self._keep_cookies(reply)
        return reply

    def exchange(self, data: bytes) -> Reply:
        """Send raw bytes."""
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
        return self._finish(request, self.dispatcher.answer(request))

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
        return _parse_reply(head + b''.join(content), request)

    def _reply(self, response: Response, request: Request | None, method: str) -> Reply:
        from kali.iolist import flatten
        body = flatten(response.content)
        return _parse_reply(self.encoder.encode(response, body, without_body=method == 'HEAD'), request)

    def _keep_cookies(self, reply: Reply) -> None:
        for field in reply.headers.get_list('set-cookie'):
            pair, _, attributes = field.partition(';')
            name, _, value = pair.partition('=')
            if 'max-age=0' in attributes.lower().replace(' ', ''):
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value


def _encode_body(form: Mapping[str, Any] | None, files: Mapping[str, Any] | None, json: Any,
                 body: bytes | None) -> tuple[str, bytes]:
    if body is not None:
        return '', body
    if json is not None:
        import json as encoder  # few tests need it
        return 'application/json', encoder.dumps(json).encode()
    if files is not None:
        return _encode_multipart(form or {}, files)
    if form is not None:
        return 'application/x-www-form-urlencoded', build_url([''], form).partition('?')[2].encode('ascii')
    return '', b''


def _encode_multipart(form: Mapping[str, Any], files: Mapping[str, Any]) -> tuple[str, bytes]:
    """A form with files as browsers encode it (HTML standard, multipart/form-data encoding algorithm)."""
    boundary = '----kali-testing-boundary-7f3e9a1c'
    parts = [(f'form-data; name="{_quote(name)}"', '', str(value).encode())
             for name, values in form.items()
             for value in (values if isinstance(values, (list, tuple)) else [values])]
    for name, upload in files.items():
        filename, content_type, content = upload
        disposition = f'form-data; name="{_quote(name)}"; filename="{_quote(filename)}"'
        parts.append((disposition, content_type, content))
    body = b''
    for disposition, content_type, content in parts:
        kind = f'Content-Type: {content_type}\r\n' if content_type else ''
        head = f'--{boundary}\r\nContent-Disposition: {disposition}\r\n{kind}\r\n'
        body += head.encode() + content + b'\r\n'
    return f'multipart/form-data; boundary={boundary}', body + f'--{boundary}--\r\n'.encode()


def _quote(name: str) -> str:
    return name.replace('"', '%22').replace('\r', '%0D').replace('\n', '%0A')


def _resolve(base: str, location: str) -> str:
    from urllib.parse import urljoin  # only a redirect needs it
    return urljoin(base, location)


def _parse_reply(data: bytes, request: Request | None) -> Reply:
    head, _, body = data.partition(b'\r\n\r\n')
    lines = text_of(head).split('\r\n')
    pairs = [line.partition(': ') for line in lines[1:]]
    headers = Headers([(name, value) for name, _, value in pairs])
    return Reply(int(lines[0].split(' ')[1]), headers, body, request)
