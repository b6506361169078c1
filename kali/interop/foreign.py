"""What from_wsgi and from_asgi have in common: the headers of a foreign application, and rules that it may
break."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kali.errors import KaliError
from kali.http.encoder import BODILESS
from kali.http.response import Response
from kali.interop.messages import HOP_BY_HOP

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kali.http.request import Request

__all__ = [
    'Broken', 'declared', 'finished', 'host_and_port', 'kind_of', 'refuse_websocket', 'response_of',
    'split_target',
]

# kali's own policy is meant for pages that load nothing foreign. A mounted application knows what its pages
# load, and may show them in frames of its own.
POLICY = {'content-security-policy': ('Content-Security-Policy', "frame-ancestors 'self'"),
          'x-frame-options': ('X-Frame-Options', 'SAMEORIGIN')}
_NO_WEBSOCKETS = ('<p>WebSockets cannot be used here, since each answer ends its connection. '
                  'Events for the page can be sent as an event stream (text/event-stream) instead.</p>')


class Broken(KaliError):
    """A foreign application broke a rule of its protocol; the message names it."""

    def __init__(self, rule: str) -> None:
        super().__init__(f'The mounted application broke its protocol: {rule}.')


def split_target(request: Request) -> tuple[str, str, str]:
    """Where the application is mounted, the path below that, and the query; percent-encoded as they came."""
    path, _, query = request.target.partition('?')
    depth = request.mount_depth
    if not depth:
        return '', path, query
    components = path.split('/')
    return '/'.join(components[:depth + 1]), ''.join(f'/{each}' for each in components[depth + 1:]), query


def host_and_port(request: Request) -> tuple[str, int]:
    """What the client calls this server."""
    host, colon, port = request.headers.last.get('host', 'localhost').rpartition(':')
    return (host, int(port)) if colon and port.isdigit() else (host + colon + port, 80)


def response_of(status: int, headers: Iterable[Any], kind: type[Any]) -> Response:
    """A response without content of what an application gave.

    :param kind: what names and values must be: str in WSGI, bytes in ASGI
    """
    if not 200 <= status <= 599:
        raise Broken(f'the status is {status}; it must be from 200 to 599')
    response, given = Response(status=status), set()
    for field in headers:
        try:
            name, value = tuple(field)
        except (TypeError, ValueError):
            raise Broken(f'the header {field!r:.80} is no pair of name and value') from None
        if not isinstance(name, kind) or not isinstance(value, kind):
            raise Broken(f'the header {field!r:.80} is not made of {kind.__name__}')
        if isinstance(name, bytes):
            name, value = name.decode('latin-1'), value.decode('latin-1')
        lower = name.lower()
        if lower in HOP_BY_HOP or lower == 'date':
            continue  # about the connection, which is kali's
        given.add(lower)
        try:
            response.add_header(name, value)
        except ValueError as error:
            raise Broken(str(error)) from None
    response.fields += [field for lower, field in POLICY.items() if lower not in given]
    return response


def declared(response: Response) -> int | None:
    """What Content-Length says, if there is one."""
    for name, value in response.fields:
        if len(name) == 14 and name.lower() == 'content-length':
            if not (value.isascii() and value.isdigit()):
                raise Broken(f'Content-Length is {value!r}; it must be a number')
            return int(value)
    return None


def finished(request: Request, response: Response, count: int, *, more: bool = False) -> None:
    """Compare how many bytes of body came with what the application announced.

    :param more: whether others may follow
    """
    length = declared(response)
    if length is None or request.method == 'HEAD' or response.status in BODILESS:
        return
    if count > length or (count < length and not more):
        least = 'at least ' if more else ''
        raise Broken(f'Content-Length is {length}, but {least}{count} bytes of body came')


def kind_of(message: Any) -> str:
    """The type of a message that an ASGI application sends."""
    kind = message.get('type') if isinstance(message, dict) else None
    if not isinstance(kind, str):
        raise Broken(f'the message {message!r:.80} has no type')
    return kind


def refuse_websocket(request: Request) -> Response | None:
    """The answer to a client that wants a WebSocket."""
    if request.headers.last.get('upgrade', '').lower() != 'websocket':
        return None
    return Response.generic(_NO_WEBSOCKETS, title='No WebSockets', status=501)
