"""RequestParser: bytes in, events out; no sockets.

`feed` takes whatever bytes have come and yields `Head`, then `Data` pieces, then `End`; nothing yet means
that more bytes are needed, and a ProtocolError is the peer's fault and carries the status to answer with. It
is a generator on purpose: whoever consumes it may look at the Head, and stop, before a byte of the body
counts (the gate does). However the bytes are split, the outcome is the same: faults in how lines are framed
are found by position, as the bytes come, and the grammar is looked at once the head is whole.

Sources: RFC 9112 (HTTP/1.1) sections 2 to 6, RFC 9110 section 5; the status for each fault is in the HTTP
table of the project's facts: strict, since a lenient parser is how requests get smuggled.
"""

from __future__ import annotations

import re
from functools import lru_cache

from kali.errors import ProtocolError
from kali.http.limits import DEFAULT, Limits
from kali.multidict import Headers

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    Event: TypeAlias = 'Head | Data | End'

__all__ = ['METHODS', 'Data', 'End', 'Head', 'RequestParser', 'whole_request']

METHODS = frozenset(('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'))

# token (RFC 9110 section 5.6.2), field-line and request-line (RFC 9112 sections 5 and 3).
_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
# Linear in any input: `(?![ \t])` has the blanks before a value taken whole or not at all, and the value is
# one class repeated, which runs to the end of the line and gives trailing blanks back.
_FIELD = re.compile(r'^(' + _TOKEN + r'):[ \t]*(?![ \t])((?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*'
                    r'[\x21-\x7e\x80-\xff])?)?)[ \t]*\r$', re.MULTILINE)
# The target is visible ASCII but no `#`.
_REQUEST_LINE = re.compile(r'(?:\r\n)?(' + _TOKEN + r') ([\x21\x22\x24-\x7e]+) HTTP/(1\.[0-9])\r\n')
_ABSOLUTE = re.compile(r'https?://([^/?#]*)([/?].*)?', re.IGNORECASE)
_HOST = re.compile(r'(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?')
_LENGTH = re.compile(r'[0-9]{1,15}')


class Head:
    """The request line and header fields.

    `target` is path and query; `authority` is what stood before it in an absolute-form target, else None.
    """

    __slots__ = ('authority', 'headers', 'method', 'target', 'version')

    def __init__(self, method: str, target: str, headers: Headers, version: str = '1.1',
                 authority: str | None = None) -> None:
        self.method, self.target, self.headers = method, target, headers
        self.version, self.authority = version, authority

    def __repr__(self) -> str:
        return (f'Head({self.method!r}, {self.target!r}, {self.headers!r}, {self.version!r}, '
                f'{self.authority!r})')


class Data:
    """A piece of the body."""

    __slots__ = ('content',)

    def __init__(self, content: bytes) -> None:
        self.content = content

    def __repr__(self) -> str:
        return f'Data({self.content!r})'


class End:
    """The request is whole."""

    __slots__ = ()

    def __repr__(self) -> str:
        return 'End()'


END = End()


class RequestParser:
    """Parses one request, fed piece by piece.

    >>> parser = RequestParser()
    >>> list(parser.feed(b'GET /tasks HTTP/1.1\\r\\nHost: localhost:8080\\r\\n'))
    []
    >>> list(parser.feed(b'\\r\\n'))
    [Head('GET', '/tasks', Headers([('Host', 'localhost:8080')]), '1.1', None), End()]

    `head_begun`, `expects_continue` and `remaining` (bytes of the body still to come) tell a server what to
    wait for; `trailing` that bytes came after the end.
    """

    __slots__ = ('_buffer', '_line', '_lines', '_scanned', '_state', 'expects_continue', 'limits',
                 'remaining', 'trailing')

    def __init__(self, limits: Limits = DEFAULT) -> None:
        self.limits = limits
        self._state = _HEAD
        self._buffer: bytes | bytearray = b''
        # Of the buffer: how far it was looked at, where this line begins, and how many came before.
        self._scanned = self._line = self._lines = 0
        self.remaining = 0
        self.expects_continue = False
        self.trailing = False

    @property
    def head_begun(self) -> bool:
        """Whether at least one byte of the head has come."""
        return self._state is not _HEAD or bool(self._buffer)

    def feed(self, data: bytes) -> Iterator[Event]:
        """The events that `data` completes, in order.

        :raises ProtocolError: while iterating, for what breaks a rule or a limit.
        """
        if self._state is _HEAD:
            data = self._buffered(data)
            self._state = _DONE  # unless all goes well, nothing more comes of this request
            end = self._find_end(data)
            if end < 0:
                self._state = _HEAD
                return
            self._buffer = b''
            head = _parse_head(data[:end])
            yield head
            self._frame_body(head)
            self._state = _BODY
            data = bytes(data[end:])
        if self._state is _BODY:
            if data and self.remaining:
                piece = data[:self.remaining]
                data = data[len(piece):]
                self.remaining -= len(piece)
                yield Data(piece)
            if not self.remaining:
                self._state = _DONE
                self.trailing = bool(data)
                yield END
        elif data:
            self.trailing = True

    def _buffered(self, data: bytes) -> bytes:
        """All of the head that has come. A bytearray grows in place; bytes would be copied for each piece."""
        if self._buffer:
            if type(self._buffer) is bytes:
                self._buffer = bytearray(self._buffer)
            self._buffer += data
        else:
            self._buffer = data
        return self._buffer  # type: ignore[return-value]  # bytes in all that is asked of it here

    def _find_end(self, data: bytes) -> int:
        """Where the head ends (after its empty line), or -1; how its lines end is looked at once a byte."""
        limits = self.limits
        if not self._scanned:
            # The common case, a whole head in one packet: five searches in C instead of line by line.
            end, lines, first = _framing(data)
            if 0 < lines - 2 <= limits.fields and end <= limits.head and first <= limits.request_line:
                return end
        while True:
            newline = data.find(b'\n', self._scanned)
            self._scanned = len(data) if newline < 0 else newline + 1
            self._check_line(data, newline if newline >= 0 else len(data))
            if newline < 0:
                return -1
            if newline == 0 or data[newline - 1:newline] != b'\r':
                raise ProtocolError('A line of the head does not end with CR and LF.')
            empty = newline - self._line == 1
            self._line = newline + 1
            if not empty:
                self._lines += 1
            elif self._lines:
                return newline + 1
            elif newline > 1:  # RFC 9112 section 2.2: one empty line before the request line is forgiven
                raise ProtocolError('The request begins with empty lines.')

    def _check_line(self, data: bytes, stop: int) -> None:
        """Refuse a line (from `_line` to `stop`) or a head at the byte where it becomes too long."""
        limits = self.limits
        if self._lines == 0 and stop - self._line > limits.request_line + 1:
            raise ProtocolError(f'The request line is longer than {limits.request_line} bytes.', status=414)
        if self._lines > limits.fields and stop - self._line > 1:
            raise ProtocolError(f'There are more than {limits.fields} header fields.', status=431)
        if stop >= limits.head:
            raise ProtocolError(f'The head is longer than {limits.head} bytes.', status=431)

    def _frame_body(self, head: Head) -> None:
        """How long the body is (RFC 9112 section 6.3); the gate has seen the head by now."""
        headers, last = head.headers, head.headers.last
        if head.method in METHODS and not ('content-length' in last or 'transfer-encoding' in last
                                           or 'expect' in last):
            return  # most requests have no body
        lengths = headers.get_list('content-length')
        if 'transfer-encoding' in headers:
            if lengths or head.version == '1.0':
                raise ProtocolError('Transfer-Encoding does not go with Content-Length or HTTP/1.0.')
            raise ProtocolError('Transfer-Encoding is not supported; send a Content-Length.', status=501)
        if head.method not in METHODS:
            raise ProtocolError(f'The method {head.method} is not known here.', status=501)
        if 'expect' in headers:
            if headers['expect'].lower() != '100-continue':
                raise ProtocolError(f'The expectation {headers["expect"]!r} cannot be met.', status=417)
            self.expects_continue = head.version != '1.0'
        if lengths:
            if len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0]):
                raise ProtocolError('Content-Length must be given once, as decimal digits.')
            self.remaining = int(lengths[0])
            if self.remaining > self.limits.body:
                raise ProtocolError(f'The body is larger than the {self.limits.body:,} bytes taken here.',
                                    status=413)


def _framing(data: bytes) -> tuple[int, int, int]:
    """Where the head ends, the number of its lines, and the length of the first; no lines if there is
    anything about how they end that wants a closer look."""
    end = data.find(b'\r\n\r\n') + 4
    lines = data.count(b'\r\n', 0, end)
    first = data.find(b'\r\n')
    if first > 0 and data.count(b'\n', 0, end) == lines == data.count(b'\r', 0, end):
        return end, lines, first
    return end, 0, 0


def whole_request(data: bytes, limits: Limits) -> tuple[Head, bytes] | None:
    """Head and body of a request that came whole: in one packet and without a fault. None for any other; a
    RequestParser has the last word on those.

    >>> whole_request(b'GET / HTTP/1.1\\r\\nHost: localhost:8080\\r\\n\\r\\n', DEFAULT)
    (Head('GET', '/', Headers([('Host', 'localhost:8080')]), '1.1', None), b'')
    """
    # A browser's requests mostly come whole, forms that are not large too, and often with the same head
    # again, as for a page that is reloaded or asked for its news: then all that is left of parsing is a
    # look-up. Long heads are not worth the memory.
    size = data.find(b'\r\n\r\n') + 4
    if size < 4:
        return None
    body = data[size:]
    head = data[:size] if body else data
    found = (_simple_head if size <= 2048 else _simple_head.__wrapped__)(head)
    if found is None:
        return None
    parsed, lines, first, length = found
    if length != len(body) or length > limits.body:
        return None
    if lines - 2 > limits.fields or size > limits.head or first > limits.request_line:
        return None
    return parsed, body


@lru_cache(maxsize=128)
def _simple_head(data: bytes) -> tuple[Head, int, int, int] | None:
    """The Head that `data` is the whole of, the number of its lines, the length of the first, and that of
    the body that it announces."""
    end, lines, first = _framing(data)
    if lines < 3 or end != len(data):
        return None
    try:
        head = _parse_head(data)
    except ProtocolError:
        return None
    lengths = head.headers.get_list('content-length') or ['0']
    if head.method in METHODS and len(lengths) == 1 and _LENGTH.fullmatch(lengths[0]) and not (
            'transfer-encoding' in head.headers.last or 'expect' in head.headers.last):
        return head, lines, first, int(lengths[0])
    return None


# The states by name; compared by identity.
_HEAD, _BODY, _DONE = 'head', 'body', 'done'


def _parse_head(data: bytes) -> Head:
    """The Head of whole, CRLF-framed lines. Latin-1 keeps each byte one character, whatever it is."""
    text = data.decode('latin-1')
    match = _REQUEST_LINE.match(text)
    if match is None:
        raise _bad_request_line(text.removeprefix('\r\n').partition('\r\n')[0])
    method, target, version = match.groups()
    authority = None
    if target[0] != '/':
        target, authority = _split_target(method, target)
    begin = match.end()
    pairs = _FIELD.findall(text, begin)
    if len(pairs) != text.count('\n', begin) - 1:  # the empty line is no field
        raise _bad_field(text[begin:])
    headers = Headers(pairs)
    last = headers.last
    if 'host' not in last or not _HOST.fullmatch(last['host']) or (
            len(last) != len(pairs) and len(headers.get_list('host')) != 1):
        raise ProtocolError('A request names its host in exactly one valid Host field.')
    return Head(method, target, headers, version, authority)


def _split_target(method: str, target: str) -> tuple[str, str | None]:
    """Path and authority of a target that is no plain path (RFC 9112 section 3.2)."""
    match = _ABSOLUTE.fullmatch(target)
    if match is not None:
        path = match[2] or '/'
        return path if path[0] == '/' else '/' + path, match[1]
    if target == '*' and method == 'OPTIONS':
        return '*', None
    if method not in METHODS:
        raise ProtocolError(f'The method {method} is not known here.', status=501)
    raise ProtocolError('The target of the request must begin with a slash.')


def _bad_request_line(line: str) -> ProtocolError:
    words = line.split(' ')
    if len(words) == 3 and words[1] and re.fullmatch(_TOKEN, words[0]):
        if re.fullmatch(r'HTTP/1\.[0-9]', words[2]):
            return ProtocolError('The target of the request has a character that must be percent-encoded.')
        if re.fullmatch(r'HTTP/[0-9]+\.[0-9]+', words[2]):
            return ProtocolError('Only HTTP/1.0 and HTTP/1.1 are spoken here.', status=505)
    return ProtocolError('The request line is not of the form "GET /path HTTP/1.1".')


def _bad_field(text: str) -> ProtocolError:
    """What is wrong with the first line that is no header field."""
    for line in text.split('\r\n'):
        if _FIELD.fullmatch(line + '\r'):
            continue
        name = line.partition(':')[0]
        if line[:1] in (' ', '\t'):
            return ProtocolError('A header field goes on in the next line, which HTTP no longer allows.')
        if name.rstrip() != name:
            return ProtocolError('There is a blank before the colon of a header field.')
        if not re.fullmatch(_TOKEN, name):
            return ProtocolError('The name of a header field is empty, or has a character not allowed in it.')
        return ProtocolError(f'The value of the header field {name} has a control character in it.')
    return ProtocolError('The header fields are malformed.')
