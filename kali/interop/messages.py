"""What to_wsgi and to_asgi have in common: their arguments, a request that another server has parsed, checked
as kali's own server checks it, and a response in parts that such a server sends.

Sources: RFC 9110 sections 7.2 (Host) and 7.6.1 (Connection), and what kali.server.gate names.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from kali import log
from kali.errors import ProtocolError
from kali.http.body import Body
from kali.http.encoder import BODILESS, Encoder
from kali.http.grammar import METHODS
from kali.http.limits import DEFAULT, WAY_BACK, Limits, size_text
from kali.http.parser import Head
from kali.multidict import Headers
from kali.pages.assets import PREFIX
from kali.server.gate import Gate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from kali.http.response import Handler, Response
    from kali.locale import Locale

__all__ = ['HOP_BY_HOP', 'Message', 'Outward', 'admitting', 'declared_length', 'head_of',
           'message', 'own_file', 'take']

# Fields about one connection. Only the server that holds the connection may set them.
HOP_BY_HOP = frozenset(('connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'te',
                        'trailer', 'trailers', 'transfer-encoding', 'upgrade'))
_OWN = re.compile(rb'(?<=["\'])(?=/\.kali/)')  # where a page or a script of kali's names a file of kali's
_PORT = re.compile(':([0-9]{1,5})$')


class Outward:
    """A kali handler as an application for another server; Wsgi and Asgi are the two kinds."""

    def __init__(self, handler: Handler, *, hosts: Iterable[str] = (), debug: bool = False,
                 headers: Mapping[str, str | None] | None = None, limits: Limits = DEFAULT,
                 locale: Locale | None = None) -> None:
        """Make an application.

        :param handler: any callable from a Request to a Response or content; a Router, mostly
        :param hosts: the names that people use for the server, such as `'office.example.org'`. Requests with
            another Host get a 403; this machine's own names (`localhost`, `127.0.0.1`) are always let in
        :param debug: whether error pages show the cause; anybody that can reach the server would see it
        :param headers: header fields for every response, in place of or besides kali's own; None leaves one
            out
        :param limits: how much of a request is taken
        :param locale: of all answers; that of each browser unless given
        """
        self._admit, self._limits = admitting(hosts), limits
        self._prepare(handler, debug=debug, locale=locale, headers=headers)

    def _prepare(self, handler: Handler, *, debug: bool, locale: Locale | None,
                 headers: Mapping[str, str | None] | None) -> None:
        """Make ready to call `handler`."""
        raise NotImplementedError


def head_of(method: str, target: str, fields: Iterable[tuple[str, str]]) -> Head:
    """The Head of a request that another server has parsed.

    :raises ProtocolError: 501 for a method that kali does not know
    """
    if method not in METHODS:
        raise ProtocolError(f'The method {method} is not known here.', status=501)
    return Head(method, target, Headers(fields))


def admitting(hosts: Iterable[str]) -> Callable[[Head], Response | None]:
    """The gate for public names: Host must be one of `hosts` or this machine, with any port, and no other
    site may have asked for what changes something. There is no launch key."""
    if isinstance(hosts, str):
        raise TypeError(f'hosts={hosts!r}: it is a tuple of names; write hosts=({hosts!r},)')
    hosts = tuple(hosts)

    @lru_cache(maxsize=16)
    def gate_at(port: int) -> Gate:
        return Gate(port, hosts)

    def admit(head: Head) -> Response | None:
        host = head.headers.last.get('host', '')
        port = _PORT.search(host)
        refused = gate_at(int(port[1]) if port else 80).admit(head)
        if refused is not None:
            log.warning('%s %s was refused by Host or Origin; Host is %s, and hosts=%s', head.method,
                        head.target, host, repr(hosts))
        return refused
    return admit


def declared_length(text: str, limits: Limits) -> int:
    """What Content-Length says.

    :raises ProtocolError: 400 if that is no number, 413 if it is more than `limits` allow
    """
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise ProtocolError('Content-Length must be a number.')
    if int(text) > limits.body:
        raise _too_large(limits)
    return int(text)


def take(body: Body, count: int, piece: bytes, limits: Limits) -> int:
    """Add a piece of a body to the `count` bytes that have come; returns how many there are now.

    :raises ProtocolError: 413 if that is more than `limits` allow
    """
    count += len(piece)
    if count > limits.body:
        raise _too_large(limits)
    if piece:
        body.append(piece)
    return count


def _too_large(limits: Limits) -> ProtocolError:
    return ProtocolError(f'More than {size_text(limits.body)} cannot be taken. {WAY_BACK}', status=413)


class Message(NamedTuple):
    """A response as another server sends it; the body of a stream comes afterwards."""

    status: int
    fields: list[tuple[str, str]]
    body: bytes


def own_file(head: Head, depth: int) -> tuple[Head, int, str]:
    """The head, how many components of its path lead to the application, and those as a prefix: what begins
    with `/.kali/` below it is for kali itself, which serves that at the top.

    >>> own_file(Head('GET', '/shop/.kali/kali.css', Headers([])), 1)[0].target
    '/.kali/kali.css'
    """
    script = '/'.join(head.target.partition('?')[0].split('/')[:depth + 1]) if depth else ''
    if script and head.target.startswith(script + PREFIX):
        return head_of(head.method, head.target[len(script):], head.headers.items()), 0, script
    return head, depth, script


def message(encoder: Encoder, response: Response, method: str, *, streams: bool = False,
            script: str = '') -> Message:
    """Status, header fields and body of a response whose content is bytes.

    :param script: where the application is, such as `'/shop'`; pages that are whole look there for kali's
        style sheet and scripts
    """
    body = b'' if streams else response.content
    assert isinstance(body, bytes)
    if script and b'/.kali/' in body:
        kind = response.headers.get('Content-Type', 'text/html')
        if kind.startswith(('text/html', 'text/javascript')):
            body = _OWN.sub(script.encode(), body)
    length: int | None = len(body)
    if response.status in BODILESS:
        body, length = b'', None
    elif streams:
        length = None
    fields = [(name, value) for name, value in encoder.fields(response) if name.lower() not in HOP_BY_HOP]
    if length is not None:
        own = [value for name, value in fields if name.lower() == 'content-length']
        if not own or body:  # as in kali's own encoder: the right length goes before the application's
            fields = [each for each in fields if each[0].lower() != 'content-length']
            fields.append(('Content-Length', str(length)))
    return Message(response.status, fields, b'' if method == 'HEAD' else body)
