"""to_wsgi: a kali application for WSGI servers, such as gunicorn and waitress.

Source: PEP 3333.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_to_bytes

from kali.errors import KaliError, ProtocolError
from kali.http.body import Body
from kali.http.deferred import Deferred
from kali.http.request import Request
from kali.http.response import REASONS, Response, rendered
from kali.interop.messages import Outward, declared_length, head_of, message, own_file, take
from kali.interop.worker import Answering, Worker
from kali.routing.servlets import refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from kali.http.limits import Limits
    from kali.http.parser import Head
    from kali.http.response import Handler
    from kali.locale import Locale

    Environ = dict[str, Any]

__all__ = ['to_wsgi']

BLOCK = 65536
CGI = (('Content-Type', 'CONTENT_TYPE'), ('Content-Length', 'CONTENT_LENGTH'))
PATH_SAFE = "/!$&'()*+,;=:@~"  # RFC 3986 section 3.3


class Wsgi(Outward):
    """`to_wsgi(handler, hosts=…)`: a kali handler as a WSGI application.

    All handlers and jobs of a process run in one thread, one at a time, however many threads the server has;
    so only that thread uses a connection that the module has opened. The lifespan is entered with the first
    request of each process. With several processes each has its own jobs, its own channels, and its own
    uploads kept between two tries of a form (the form asks for the file again); what they share belongs
    in the database. `undo` takes back the last change of the file, even one of another user: leave it out
    where several people work. `shut_down=True` has no effect, since the server belongs to others.

    >>> from kali.interop import to_wsgi
    >>> application = to_wsgi(lambda request: 'Hello', hosts=('office.example.org',))

    Run it with `gunicorn module:application`. Source: PEP 3333.
    """

    def _prepare(self, handler: Handler, *, debug: bool, locale: Locale | None,
                 headers: Mapping[str, str | None] | None) -> None:
        self._worker = Worker(handler, debug=debug, locale=locale, headers=headers)

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        method, script = environ['REQUEST_METHOD'], ''
        body = Body()
        try:
            head, depth, script = own_file(*_head(environ))
            refused = self._admit(head)
            if refused is None:
                _read(environ, body, self._limits)
        except KaliError as error:
            refused = refusal(error)
        if refused is not None:
            body.close()
            return self._send(start_response, rendered(refused), method, script)
        request = Request(method, head.target, head.headers, body.whole(), mount_depth=depth,
                          limits=self._limits)
        answering = self._worker.answer(request)
        answer = answering.first()
        if isinstance(answer, Response):
            body.close()
            return self._send(start_response, answer, method, script)
        return self._stream(start_response, answer, answering, body, method)

    def close(self) -> None:
        """Leave the lifespan, as the end of the process does."""
        self._worker.close()

    def _send(self, start_response: Callable[..., Any], response: Response, method: str, script: str = '',
              streams: bool = False) -> list[bytes]:
        status, fields, content = message(self._worker.encoder, response, method, streams=streams,
                                          script=script)
        start_response(f'{status} {REASONS.get(status, "Unknown")}', fields)
        return [content] if content else []

    def _stream(self, start_response: Callable[..., Any], deferred: Deferred, answering: Answering,
                body: Body, method: str) -> Iterable[bytes]:
        assert deferred.response is not None
        pieces = _Pieces(answering, body)
        self._send(start_response, deferred.response, method, streams=True)
        if method == 'HEAD':
            pieces.close()
            return []
        return pieces


class _Pieces:
    """A stream, as a server iterates over it and closes it."""

    def __init__(self, answering: Answering, body: Body) -> None:
        self._answering, self._body, self._pieces = answering, body, answering.pieces()

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        """The server wants no more of it."""
        self._answering.close()
        self._body.close()


def _head(environ: Environ) -> tuple[Head, int]:
    """The head of the request, and how many components of its path lead to the application."""
    script = environ.get('SCRIPT_NAME', '').rstrip('/')
    query = environ.get('QUERY_STRING', '')
    target = _path(environ, script) + (f'?{query}' if query else '')
    fields = [('-'.join(part.capitalize() for part in name[5:].split('_')), value)
              for name, value in environ.items()
              if name.startswith('HTTP_') and name not in ('HTTP_CONTENT_TYPE', 'HTTP_CONTENT_LENGTH')]
    fields += [(name, environ[key]) for name, key in CGI if environ.get(key)]
    return head_of(environ['REQUEST_METHOD'], target, fields), script.count('/')


def _path(environ: Environ, script: str) -> str:
    """The path as it was sent, if the server tells; else PATH_INFO, in which `%2F` and `/` look the same."""
    path = script + environ.get('PATH_INFO', '') or '/'
    for name in ('RAW_URI', 'REQUEST_URI'):
        raw = environ.get(name, '').partition('?')[0]
        if raw.startswith('/') and unquote_to_bytes(raw).decode('latin-1') == path:
            return str(raw)
    return quote(path.encode('latin-1', 'replace'), safe=PATH_SAFE)


def _read(environ: Environ, body: Body, limits: Limits) -> None:
    """Read the body of the request into `body`.

    :raises ProtocolError: if it is longer than allowed, or shorter than announced
    """
    length, stream = environ.get('CONTENT_LENGTH'), environ['wsgi.input']
    left: float = 0
    if length:
        left = declared_length(length, limits)
    elif environ.get('wsgi.input_terminated'):
        left = float('inf')
    elif 'HTTP_TRANSFER_ENCODING' in environ:
        raise ProtocolError('A body needs a Content-Length here.', status=411)
    count = 0
    while left > 0:
        piece = stream.read(int(min(left, BLOCK)))
        if not piece:
            break
        left -= len(piece)
        count = take(body, count, piece, limits)
    if length and left > 0:
        raise ProtocolError('The body is shorter than its Content-Length.')


to_wsgi = Wsgi
