"""RequestParser: bytes in, events out; no sockets.

`feed` takes the bytes that have come and yields `Head`, then `Data` pieces, then `End`. No event means that
more bytes are needed; a ProtocolError is the peer's fault and carries the status to answer with. `feed` is a
generator, so that its caller may look at the Head, and stop, before a byte of the body counts (the gate
does). However the bytes are split, the outcome is the same: faults in how lines are framed are found by
position, as the bytes come, and the grammar is checked once the head is whole.

Sources: RFC 9112 (HTTP/1.1) sections 2 to 6, RFC 9110 section 5. The parser is strict, since a lenient one is
how requests get smuggled.
"""

from __future__ import annotations

import re
from functools import lru_cache

from kali.errors import ProtocolError
from kali.http.grammar import METHODS, TOKEN, text_of
from kali.http.limits import DEFAULT, WAY_BACK, Limits, size_text
from kali.multidict import Headers

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    Event: TypeAlias = 'Head | Data | End'

__all__ = ['Data', 'End', 'Head', 'RequestParser']

# Fields that kali, or a browser's promise to it, acts on, and that hold one value: of two, each reader of the
# message could believe another. (Host and Content-Length are checked where they are read.)
SINGLE = frozenset((
    'authorization', 'content-type', 'expect', 'if-modified-since', 'if-range', 'if-unmodified-since',
    'last-event-id', 'origin', 'range', 'referer', 'sec-fetch-dest', 'sec-fetch-mode', 'sec-fetch-site',
    'sec-fetch-user', 'service-worker'))

# field-line and request-line (RFC 9112 sections 5 and 3).
# Linear in any input: `(?![ \t])` has the blanks before a value taken whole or not at all, and the value is
# one class repeated, which runs to the end of the line and gives trailing blanks back.
_FIELD = re.compile(r'^(' + TOKEN + r'):[ \t]*(?![ \t])((?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*'
                    r'[\x21-\x7e\x80-\xff])?)?)[ \t]*\r$', re.MULTILINE)
# The target is visible ASCII but no `#`.
_REQUEST_LINE = re.compile(r'(?:\r\n)?(' + TOKEN + r') ([\x21\x22\x24-\x7e]+) HTTP/(1\.[0-9])\r\n')
_ABSOLUTE = re.compile(r'https?://([^/?#]*)([/?].*)?', re.IGNORECASE)
_HOST = re.compile(r'(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?')
_LENGTH = re.compile(r'[0-9]{1,15}')

KEPT = 2048  # bytes of a head that is worth keeping in memory for the next request that looks the same
_COOKIES = ('These may be the cookies of other programs: a browser sends the cookies of all programs on this '
            'computer to each of them. Delete the cookies of localhost and 127.0.0.1 in the settings of the '
            'browser, then load the page again.')


class Head:
    """The request line and header fields. It does not change: equal heads are one object.

    :ivar target: path and query
    :ivar authority: what stood before the path in an absolute-form target, else None
    :ivar length: bytes of the body, where the head says it in the plainest way or has none; None wants a
        closer look
    """

    __slots__ = ('authority', 'headers', 'length', 'method', 'target', 'version')

    method: str
    target: str
    headers: Headers
    version: str
    authority: str | None
    length: int | None

    def __init__(self, method: str, target: str, headers: Headers, version: str = '1.1',
                 authority: str | None = None) -> None:
        put = object.__setattr__
        put(self, 'method', method)
        put(self, 'target', target)
        put(self, 'headers', headers)
        put(self, 'version', version)
        put(self, 'authority', authority)
        put(self, 'length', _plain_length(method, headers))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f'a Head does not change, so its {name!r} cannot be set; make a new one')

    def __delattr__(self, name: str) -> None:
        self.__setattr__(name, None)

    def __repr__(self) -> str:
        return (f'Head({self.method!r}, {self.target!r}, {self.headers!r}, {self.version!r}, '
                f'{self.authority!r})')


def _plain_length(method: str, headers: Headers) -> int | None:
    last = headers.last
    if method not in METHODS or 'transfer-encoding' in last or 'expect' in last:
        return None
    if 'content-length' not in last:
        return 0
    lengths = headers.get_list('content-length')
    return int(lengths[0]) if len(lengths) == 1 and _LENGTH.fullmatch(lengths[0]) else None


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

    `expects_continue` and `remaining` (bytes of the body still to come) tell a server what to
    wait for; `trailing` that bytes came after the end.
    """

    # Most requests come whole and have no body, so they change little of this. (Hence no __slots__: an
    # attribute that has its default costs nothing.)
    remaining = 0
    expects_continue = False
    trailing = False
    _state = 'head'
    _buffer: bytes | bytearray = b''
    # Of the buffer: how far it was looked at, where this line begins, and how many came before.
    _scanned = _line = _lines = 0

    def __init__(self, limits: Limits = DEFAULT) -> None:
        self.limits = limits

    def feed(self, data: bytes) -> Iterator[Event]:
        """The events that `data` completes, in order.

        :raises ProtocolError: while iterating, for what breaks a rule or a limit.
        """
        if self._state == 'head' and not self._buffer:
            end = data.find(b'\r\n\r\n') + 4
            # Most requests come whole, in one packet, and often with a head that came before. There is
            # nothing to wait for then, nor anything wrong that the gate comes before.
            if 4 <= end <= KEPT:
                head, size = _plain_head(data[:end], self.limits), len(data) - end
                if head is not None and head.length == size <= self.limits.body:
                    self._state = 'done'
                    return iter((head, Data(data[end:]), END) if size else (head, END))
        return self._events(data)

    def _events(self, data: bytes) -> Iterator[Event]:
        if self._state == 'head':
            self._state = 'done'  # unless all goes well, nothing more comes of this request
            data = self._buffered(data)
            end = self._find_end(data)
            if end < 0:
                self._state = 'head'
                return
            head = _parse_head(bytes(data[:end]))
            self._buffer = b''
            yield head
            self.remaining = self._length(head)
            data = bytes(data[end:])
            self._state = 'body'
        if self._state == 'body':
            if data and self.remaining:
                piece = data[:self.remaining]
                data = data[len(piece):]
                self.remaining -= len(piece)
                yield Data(piece)
            if not self.remaining:
                self._state = 'done'
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
        return self._buffer  # type: ignore[return-value]  # a bytearray finds, counts and slices as bytes do

    def _find_end(self, data: bytes) -> int:
        """Where the head ends (after its empty line), or -1; how its lines end is looked at once a byte."""
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
            raise ProtocolError('The address is too long: '
                                f'it may have {size_text(limits.request_line)}.', status=414)
        if self._lines > limits.fields and stop - self._line > 1:
            raise ProtocolError(f'There are more than {limits.fields} header fields.', status=431)
        if stop >= limits.head:
            raise ProtocolError(f'The header fields have more than {size_text(limits.head)}. {_COOKIES}',
                                status=431)

    def _length(self, head: Head) -> int:
        """How long the body is (RFC 9112 section 6.3); the gate has seen the head by now."""
        headers, length = head.headers, head.length
        if length is None:
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
            if lengths and (len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0])):
                raise ProtocolError('Content-Length must be given once, as decimal digits.')
            length = int(lengths[0]) if lengths else 0
        if length > self.limits.body:
            raise ProtocolError(
                f'What was sent has {size_text(length)}, and at most {size_text(self.limits.body)} are '
                f'taken. {WAY_BACK} Then choose a smaller file, or send less at a time.', status=413)
        return length


# A browser sends the same head again for a page that is reloaded, or that asks for news: then all that is
# left of parsing is a look-up.
@lru_cache(maxsize=128)
def _plain_head(data: bytes, limits: Limits) -> Head | None:
    """The Head of these lines; None if how they end, their length or what they say wants a closer look.

    Four searches in C take the place of a look at each line.
    """
    lines = data.count(b'\r\n')
    if (0 < lines - 2 <= limits.fields and len(data) <= limits.head
            and 0 < data.find(b'\r\n') <= limits.request_line
            and data.count(b'\n') == lines == data.count(b'\r')):
        try:
            return _parse_head(data)
        except ProtocolError:
            pass  # the walk line by line says what is wrong
    return None


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
    if not data.isascii():
        pairs = [(name, _readable(value)) for name, value in pairs]
    headers = Headers(pairs)
    last = headers.last
    if 'host' not in last or not _HOST.fullmatch(last['host']) or (
            len(last) != len(pairs) and len(headers.get_list('host')) != 1):
        raise ProtocolError('A request names its host in exactly one valid Host field.')
    if len(last) != len(pairs):
        for name in SINGLE.intersection(last):
            if len(headers.get_list(name)) > 1:
                raise ProtocolError(f'The header field {name.title()} may be given only once.')
    return Head(method, target, headers, version, authority)


def _readable(value: str) -> str:
    """A field's value as its sender meant it: browsers write UTF-8 into cookies and file names, and older
    programs Latin-1 (RFC 9110 section 5.5). Each parameter, or cookie, is judged by itself."""
    return ';'.join([text_of(each.encode('latin-1')) for each in value.split(';')])


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
    if len(words) == 3 and words[1] and re.fullmatch(TOKEN, words[0]):
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
        if not re.fullmatch(TOKEN, name):
            return ProtocolError('The name of a header field is empty, or has a character not allowed in it.')
        return ProtocolError(f'The value of the header field {name} has a control character in it.')
    return ProtocolError('The header fields are malformed.')
