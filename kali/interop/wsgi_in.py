"""from_wsgi: a WSGI application, of Flask, Bottle or Django for example, as a kali handler.

Source: PEP 3333; the rules that an application can break are named where they are checked.
"""

from __future__ import annotations

import io
import sys
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from kali.http.deferred import Deferred
from kali.http.response import Response
from kali.interop.foreign import (
    Broken,
    declared,
    finished,
    host_and_port,
    refuse_websocket,
    response_of,
    split_target,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from kali.http.request import Request
    from kali.http.response import Handler

    Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

__all__ = ['from_wsgi']

EMPTY = 100  # empty pieces before the headers are sent all the same, so that an endless one holds up nobody


def from_wsgi(app: Wsgi) -> Handler:
    """A handler of a WSGI application: mount it with `delegate_folder`, or pass it to `serve_http`.

    :param app: what a WSGI server would be given: a Flask or Bottle application, Django's
        `get_wsgi_application()`
    :raises TypeError: if `app` cannot be called

    SCRIPT_NAME is where it is mounted, so that it writes its links rightly. What it yields is streamed as the
    client reads, and `close()` is called every time. An application that breaks a rule of WSGI is answered
    with a 500 page that names the rule; if a part was sent already, the connection is cut. Unless the
    application sets a Content-Security-Policy itself, its pages may load what they like, as under its own
    server.

    >>> from kali.testing import Client
    >>> def app(environ, start_response):
    ...     start_response('200 OK', [('Content-Type', 'text/plain')])
    ...     return [b'Hello from ', environ['PATH_INFO'].encode()]
    >>> Client(from_wsgi(app)).get('/shop').text
    'Hello from /shop'

    Source: PEP 3333.
    """
    if not callable(app):
        raise TypeError(f'from_wsgi: {app!r:.80} is no WSGI application, since it cannot be called')

    def handler(request: Request) -> Response | Deferred:
        return refuse_websocket(request) or _Call(request).answer(app)
    handler.__qualname__ = f'from_wsgi({getattr(app, "__name__", type(app).__name__)})'
    return handler


class _Call:
    """One call of the application."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._response: Response | None = None
        self._written: list[bytes] = []
        self._has_begun = False  # whether the headers count as sent
        self._iterable: Any = None

    def answer(self, app: Wsgi) -> Response | Deferred:
        """What the application answers: whole, if it has one piece or a list of them, else as a stream."""
        streams = False
        try:
            self._iterable = app(_environ(self._request), self._start_response)
            outcome = self._collect()
            streams = isinstance(outcome, Deferred)
            return outcome
        finally:
            if not streams:
                self._close()

    def _start_response(self, status: str, headers: list[tuple[str, str]],
                        exc_info: Any = None) -> Callable[[bytes], None]:
        if exc_info is not None:
            try:
                if self._has_begun:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # it refers to this frame
        elif self._response is not None:
            raise Broken('start_response was called a second time without exc_info')
        if type(status) is not str or len(status) < 4 or not status[:3].isdigit() or status[3] != ' ':
            raise Broken(f'the status is {status!r}; it must be a str such as "200 OK"')
        if type(headers) is not list:
            raise Broken(f'the headers are a {type(headers).__name__}; they must be a list of (name, value)')
        self._response = response_of(int(status[:3]), headers, str)
        return self._write

    def _write(self, data: bytes) -> None:
        self._has_begun = True
        self._written.append(_checked(data))

    def _collect(self) -> Response | Deferred:
        iterable = self._iterable
        if isinstance(iterable, (str, bytes)) or not hasattr(iterable, '__iter__'):
            raise Broken(f'the application returned {iterable!r:.60}; it must return an iterable of bytes')
        pieces, first = iter(iterable), self._written
        if type(iterable) in (list, tuple):
            return self._whole([*first, *map(_checked, pieces)])
        for _ in range(EMPTY):
            piece = next(pieces, None)
            if piece is None:
                return self._whole(first)
            if self._response is None:
                raise Broken('the application yielded a piece before it called start_response')
            if _checked(piece):
                first.append(piece)
                break
        self._has_begun = True
        length, count = declared(self._begun()), sum(map(len, first))
        if length is not None and count >= length:  # most answers: it is whole, if no more comes
            more = next(filter(_checked, islice(pieces, EMPTY)), b'')
            finished(self._request, self._begun(), count + len(more), more=True)
            return self._whole(first)
        return self._stream(first, pieces)

    def _whole(self, pieces: list[bytes]) -> Response:
        response, content = self._begun(), b''.join(pieces)
        finished(self._request, response, len(content))
        response.content = content
        return response

    def _stream(self, first: list[bytes], rest: Iterator[bytes]) -> Deferred:
        response = self._begun()
        if self._request.method == 'HEAD':
            rest = iter(())

        def pieces() -> Iterator[bytes]:
            count = 0
            for several in (first, rest):
                for piece in several:
                    count += len(_checked(piece))
                    finished(self._request, response, count, more=True)
                    yield piece
            finished(self._request, response, count)
        inner = Response.stream(pieces())
        return Deferred(inner.step, response, self._close)

    def _begun(self) -> Response:
        if self._response is None:
            raise Broken('the application did not call start_response')
        return self._response

    def _close(self) -> None:
        iterable, self._iterable = self._iterable, None
        if hasattr(iterable, 'close'):
            iterable.close()


def _checked(piece: Any) -> bytes:
    if not isinstance(piece, bytes):
        raise Broken(f'the application gave {piece!r:.60} as a piece of the body; it must be bytes')
    return piece


@lru_cache(maxsize=256)
def _key(name: str) -> str | None:
    """The name of a header field in environ. A field with `_` could pass for another one, and the field Proxy
    for a setting of the process (https://httpoxy.org)."""
    key = name.upper().replace('-', '_')
    if '_' in name or key in ('PROXY', 'CONTENT_TYPE', 'CONTENT_LENGTH'):
        return None
    return f'HTTP_{key}'


def _environ(request: Request) -> dict[str, Any]:
    script, path, query = split_target(request)
    last = request.headers.last
    host, port = host_and_port(request)
    body = request.open_body()
    environ: dict[str, Any] = {
        'REQUEST_METHOD': request.method,
        'SCRIPT_NAME': unquote_to_bytes(script).decode('latin-1') if '%' in script else script,
        'PATH_INFO': unquote_to_bytes(path).decode('latin-1') if '%' in path else path,
        'QUERY_STRING': query,
        'REQUEST_URI': request.target,
        'CONTENT_TYPE': last.get('content-type', ''),
        'CONTENT_LENGTH': str(body.seek(0, io.SEEK_END)),
        'SERVER_NAME': host, 'SERVER_PORT': str(port), 'SERVER_PROTOCOL': 'HTTP/1.0',
        'REMOTE_ADDR': '127.0.0.1',
        'wsgi.version': (1, 0), 'wsgi.url_scheme': 'http', 'wsgi.input': body,
        'wsgi.errors': sys.stderr or io.StringIO(),  # pythonw has none
        'wsgi.multithread': False, 'wsgi.multiprocess': False, 'wsgi.run_once': False,
        'wsgi.input_terminated': True, 'wsgi.file_wrapper': _FileWrapper,
    }
    body.seek(0)
    for name, value in request.headers.items():
        key = _key(name)
        if key is not None:
            if key in environ:
                value = environ[key] + ('; ' if key == 'HTTP_COOKIE' else ',') + value
            environ[key] = value
    return environ


class _FileWrapper:
    """A file in pieces (PEP 3333, "Optional Platform-Specific File Handling")."""

    def __init__(self, file: Any, size: int = 65536) -> None:
        self._file, self._size = file, size

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self._file.read(self._size), b'')

    def close(self) -> None:
        """Close the file."""
        if hasattr(self._file, 'close'):
            self._file.close()
