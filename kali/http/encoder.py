"""Encoder: a Response and its flattened content in, the bytes for the wire out.

It alone puts on the headers that every answer carries; a header that the response sets itself wins. HTTP/1.0
without keep-alive: the connection ends with the answer. Sources: RFC 9112 section 4, RFC 9110 section 8.6,
Fetch standard (`nosniff`, cross-origin policies), Content Security Policy Level 3.
"""

from __future__ import annotations

import time

from kali.http.dates import http_date
from kali.http.response import REASONS, Response

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ['DEFAULT_HEADERS', 'STRICT_POLICY', 'Encoder']

# A page may load from this server and talk to it, and to no other. Pictures and fonts may also stand in the
# page itself (data:), and its scripts may make pictures, sound and film (blob:).
#
# Scripts in the page (<script>, onclick=) run. A policy against them would be worth having, but pages of kali
# 0.0.x cannot do without (their lists open a record by onclick), nothing on a page would say why it is dead,
# and templates escape for scripts as they do for text. A script that an attacker smuggled in cannot load more
# of itself, or send what it finds by fetch, form, picture or frame. Only by leading the whole window
# elsewhere could it carry something out. Where scripts are files, STRICT_POLICY closes that too (THREATS.md
# in kali/server). kali's own error pages, which show what others wrote, always carry it.
_POLICY = ("default-src 'self'; script-src 'self'{}; style-src 'self' 'unsafe-inline'; "
           "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; "
           "base-uri 'self'; form-action 'self'; frame-ancestors 'none'")
STRICT_POLICY = _POLICY.format('')

DEFAULT_HEADERS = {
    'Content-Type': 'text/html; charset=utf-8',
    # Not no-store: Back must bring the same form again, with the same one-time id.
    'Cache-Control': 'private, no-cache',
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Content-Security-Policy': _POLICY.format(" 'unsafe-inline'"),
    'Referrer-Policy': 'same-origin',  # no-referrer would make the browser's own forms send Origin: null
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
}
BODILESS = frozenset((204, 304))


class Encoder:
    """Turns responses into bytes.

    :param headers: header fields for every response, in place of or besides the default ones; a value of None
        leaves a default one out.

    >>> encoder = Encoder({'X-Frame-Options': None})
    >>> encoder.encode(Response('', status=404), b'lost')[:24]
    b'HTTP/1.0 404 Not Found\\r\\n'
    """

    def __init__(self, headers: Mapping[str, str | None] | None = None) -> None:
        fields = {name.lower(): (name, value) for name, value in DEFAULT_HEADERS.items()}
        for name, value in (headers or {}).items():
            if value is None:
                fields.pop(name.lower(), None)
            else:
                Response(None, headers={name: value})  # raises for what cannot be sent
                fields[name.lower()] = (name, value)
        self._defaults = fields
        self._second = -1
        self._heads: dict[object, bytes] = {}

    def encode(self, response: Response, body: bytes, *, without_body: bool = False) -> bytes:
        """The whole message: head and body, or, for HEAD, the head that would have gone with the body."""
        head, body = self.parts(response, body, without_body=without_body)
        return head + body

    def parts(self, response: Response, body: bytes, *, without_body: bool = False) -> tuple[bytes, bytes]:
        """The same as head and body apart, so that a large body need not be copied."""
        if response.status in BODILESS:
            return self.head(response, None), b''
        if response.fields and _has_length(response):
            if not body:  # as in the answer to HEAD: it says how long the page would be
                return self.head(response, None), b''
            # The right one goes before the application's: a page must not be cut, nor look cut.
            response = response.with_content(b'')
            response.fields = [each for each in response.fields if each[0].lower() != 'content-length']
        head = b'%bContent-Length: %d\r\n\r\n' % (self._lines(response), len(body))
        return head, b'' if without_body else body

    def fields(self, response: Response, length: int | None = None) -> list[tuple[str, str]]:
        """The header fields of a response with kali's own, but without Date, which a server adds by itself.

        :param length: the body's length in bytes, unless the response says it; None: not known, or no body.

        >>> Encoder().fields(Response('', headers={'X-Colour': 'red'}), 5)[-2:]
        [('X-Colour', 'red'), ('Content-Length', '5')]
        """
        own = response.fields
        fields = self._own_fields(response.status, [name.lower() for name, _ in own]) + own
        if length is not None and not _has_length(response):
            fields.append(('Content-Length', str(length)))
        return fields

    def head(self, response: Response, length: int | None) -> bytes:
        """Status line and header fields, the empty line included.

        :param length: the body's length in bytes; None: not known, or no body.
        """
        if length is None or _has_length(response):
            return self._lines(response) + b'\r\n'
        return self._lines(response) + b'Content-Length: %d\r\n\r\n' % length

    def _lines(self, response: Response) -> bytes:
        # Status, time and kali's own fields are the same for most pages: kept for a second, by the status and
        # by what a response sets in their place.
        now = int(time.time())
        if now != self._second:
            self._second, self._heads = now, {}
        fields = response.fields
        if not fields:
            return self._heads.get(response.status) or self._own_lines(response.status)
        given = tuple([name.lower() for name, _ in fields])
        own = ''.join([f'{name}: {value}\r\n' for name, value in fields]).encode('latin-1')
        return (self._heads.get((response.status, given)) or self._own_lines(response.status, given)) + own

    def _own_lines(self, status: int, given: tuple[str, ...] = ()) -> bytes:
        """The status line and kali's own fields, without those `given` by the response."""
        lines = [f'HTTP/1.0 {status} {REASONS.get(status, "Unknown")}', f'Date: {http_date(self._second)}']
        lines += [f'{name}: {value}' for name, value in self._own_fields(status, given)]
        head = '\r\n'.join([*lines, '']).encode('latin-1')
        self._heads[(status, given) if given else status] = head
        return head

    def _own_fields(self, status: int, given: Collection[str]) -> list[tuple[str, str]]:
        return [each for key, each in self._defaults.items()
                if key not in given and not (key == 'content-type' and status in BODILESS)]


def _has_length(response: Response) -> bool:
    for name, _ in response.fields:  # noqa: SIM110  # each answer is asked, and any() takes thrice as long
        if len(name) == 14 and name.lower() == 'content-length':
            return True
    return False
