"""Client: an application tested in memory, over the whole path from bytes to bytes.

A request goes through the real parser, the dispatcher, the encoder, and comes back parsed; only sockets are
left out.
"""

from __future__ import annotations

from kali.errors import ProtocolError
from kali.http.body import Body
from kali.http.deferred import Deferred, Wait
from kali.http.encoder import Encoder
from kali.http.limits import DEFAULT, Limits
from kali.http.parser import Data, Head, RequestParser
from kali.http.request import FileUpload, Request
from kali.http.response import Response
from kali.http.urls import build_url, is_local
from kali.multidict import Headers
from kali.routing.servlets import refusal
from kali.server.dispatcher import Dispatcher

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from kali.http.response import Handler

__all__ = ['Client', 'Reply']


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


class Client:
    """A browser without a window: sends requests to `handler`, keeps cookies, follows redirects if asked to.

    :param handler: the application
    :param debug: whether error pages show the cause
    :param admit: a gate to pass (see kali.server.gate); none by default
    :param host: the Host field

    >>> client = Client(lambda request: f'Hello {request.query.get("name", "you")}')
    >>> client.get('/?name=Ann').text
    'Hello Ann'
    """

    def __init__(self, handler: Handler, *, debug: bool = True, host: str = 'localhost:8080',
                 admit: Callable[[Head], Response | None] = lambda head: None,
                 limits: Limits = DEFAULT) -> None:
        self.dispatcher = Dispatcher(handler, debug=debug)
        self.encoder = Encoder()
        self.host, self.admit, self.limits = host, admit, limits
        self.cookies: dict[str, str] = {}

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
        reply = self.exchange(f'{method} {target} HTTP/1.1\r\n{head}\r\n'.encode('latin-1') + data)
        self._keep_cookies(reply)
        return reply

    def exchange(self, data: bytes) -> Reply:
        """Send raw bytes."""
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
        return self._finish(request, self.dispatcher.answer(request))

    def _finish(self, request: Request, answer: Response | Deferred) -> Reply:
        if isinstance(answer, Response):
            return self._reply(answer, request, request.method)
        pieces = []
        try:
            for outcome in self._steps(request, answer):
                if isinstance(outcome, Response):
                    return self._reply(outcome, request, request.method)
                pieces.append(outcome)
        finally:
            self.dispatcher.close(request, answer)
        head = self.encoder.head(answer.response or Response(), None)
        return _parse_reply(head + b''.join(pieces), request)

    def _steps(self, request: Request, answer: Deferred) -> Iterator[bytes | Response]:
        if request.method == 'HEAD' and answer.response is not None:
            return
        while True:
            outcome = self.dispatcher.step(request, answer)
            if outcome is None:
                return
            if isinstance(outcome, Wait):
                _sit_out(outcome)
            else:
                yield outcome

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


def _sit_out(wait: Wait) -> None:
    """Wait in earnest: in memory there is nobody else to serve meanwhile."""
    import time
    if wait.future is not None:
        try:
            wait.future.result(None if wait.until is None else max(0.0, wait.until - time.monotonic()))
        except Exception:  # the step that follows meets it again
            pass
    elif wait.until is not None:
        time.sleep(max(0.0, wait.until - time.monotonic()))


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
    from urllib.parse import urljoin
    return urljoin(base, location)


def _parse_reply(data: bytes, request: Request | None) -> Reply:
    head, _, body = data.partition(b'\r\n\r\n')
    lines = head.decode('latin-1').split('\r\n')
    pairs = [line.partition(': ') for line in lines[1:]]
    headers = Headers([(name, value) for name, _, value in pairs])
    return Reply(int(lines[0].split(' ')[1]), headers, body, request)
