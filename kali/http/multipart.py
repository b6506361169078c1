"""Multipart bodies, as browsers send forms with files: bytes in, or a Spool; header fields and places out.

The grammar is that of RFC 2046 section 5.1.1, the names are those of RFC 7578; the caller decides what a part
means. A delimiter counts only at the start of a line, so a boundary inside a line is content. Text before the
first and after the last delimiter is ignored.
"""

from __future__ import annotations

import re

from kali.errors import ProtocolError
from kali.http.filenames import harmless_name
from kali.http.grammar import TOKEN, text_of
from kali.http.limits import WAY_BACK
from kali.http.urls import percent_decoded

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Iterator

    from kali.http.spool import Spool

__all__ = ['boundary_of', 'disposition_of', 'split_parts']

NONE = -3  # no delimiter; the first may stand at -2
HEAD = 8192  # bytes of the header fields of a part
PADDING = 256  # bytes after a delimiter in which its line must end

# RFC 2046: up to 70 of these characters, no blank at the end; quoted or not.
_BOUNDARY = re.compile(r"""boundary=(?:"([^"]{1,70})"|([^\s;",]{1,70}))""", re.IGNORECASE)
# A quote after a backslash goes on with the value, unless the value must end there. Each character can be
# read in one way only, so that no text costs more than its length.
_PARAMETER = re.compile(r';\s*([A-Za-z*]+)\s*=\s*(?:"((?:[^"]|(?<=\\)"(?!\s*(?:;|$)))*)"|([^\s;]*))')
_FIELD = re.compile(rf'({TOKEN}):([^\r\n\0]*)'.encode('ascii'))


def boundary_of(content_type: str) -> bytes:
    """The boundary that a `multipart/form-data` content type names.

    >>> boundary_of('multipart/form-data; boundary="xYz"')
    b'xYz'

    :raises ProtocolError: 400 if there is none.
    """
    match = _BOUNDARY.search(content_type)
    if match is None:
        raise ProtocolError('The multipart body names no usable boundary.')
    return (match[1] or match[2]).encode('utf-8')


def split_parts(body: bytes | Spool, boundary: bytes,
                limit: int = 100) -> Iterator[tuple[dict[str, str], int, int]]:
    """Each part of `body`: its header fields (lower-case names), and where its content begins and ends.

    :param limit: how many parts are taken; more is 413.
    :raises ProtocolError: 400 if the delimiters or a part's head are malformed, or the last delimiter is
        missing.
    """
    delimiter = b'\r\n--' + boundary
    start = _next_delimiter(body, delimiter, -2)
    count = 0
    while start != NONE:
        begin = start + len(delimiter)
        if body[begin:begin + 2] == b'--':
            alone = len(body) <= len(delimiter) + PADDING and body[:].strip() == delimiter[2:] + b'--'
            if not count and not alone:
                raise ProtocolError('The multipart body holds no part that begins with its boundary.')
            return  # an epilogue may follow, and means nothing; a form without fields has no parts
        begin = body.find(b'\r\n', begin) + 2
        start = _next_delimiter(body, delimiter, begin - 2)  # the CRLF may be the next delimiter's own
        if begin == 1 or start == NONE:
            break
        count += 1
        if count > limit:
            raise ProtocolError(f'The form has more than {limit} parts. {WAY_BACK} Then send fewer files.',
                                status=413)
        stop = max(begin, start)
        if body[begin:min(begin + 2, stop)] in (b'', b'\r\n'):  # no fields at all
            yield {}, min(begin + 2, stop), stop
        else:
            head, begin = _head_of_part(body, begin, stop)
            yield _parse_fields(head), begin, stop
    raise ProtocolError('The multipart body has no final delimiter: it was cut off, or has another boundary.')


def _next_delimiter(body: bytes | Spool, delimiter: bytes, start: int) -> int:
    """Where the next delimiter line begins, CRLF included, or NONE; one followed by anything but blanks and
    CRLF, or `--`, is content. The first may do without a CRLF, at the very beginning: as if it stood at -2.
    """
    if start == -2:
        start = 0
        if body[:len(delimiter) - 2] == delimiter[2:] and _ends_there(body, len(delimiter) - 2):
            return -2
    while True:
        found = body.find(delimiter, start)
        if found < 0:
            return NONE
        if _ends_there(body, found + len(delimiter)):
            return found
        start = found + 2


def _ends_there(body: bytes | Spool, after: int) -> bool:
    """Whether what stands after a delimiter makes it one. Blanks are allowed (RFC 2046), a few hundred."""
    return body[after:after + 2] == b'--' or body[after:after + PADDING].lstrip(b' \t').startswith(b'\r\n')


def _head_of_part(body: bytes | Spool, begin: int, stop: int) -> tuple[bytes, int]:
    """The header fields of a part, and where its content begins."""
    end = body.find(b'\r\n\r\n', begin, min(stop, begin + HEAD + 4))
    if end >= 0:
        return body[begin:end], end + 4
    if stop - begin > HEAD:
        raise ProtocolError('The header fields of a part are longer than 8 KiB.', status=431)
    raise ProtocolError('A part of the multipart body has no empty line after its header fields.')


def _parse_fields(head: bytes) -> dict[str, str]:
    fields = {}
    for line in head.split(b'\r\n'):
        match = _FIELD.fullmatch(line)
        if match is None:
            raise ProtocolError('A part of the multipart body has a malformed header field.')
        name = match[1].decode('ascii').lower()
        if name in fields:
            raise ProtocolError(f'A part of the multipart body has the header field {name} twice.')
        fields[name] = text_of(match[2].strip(b' \t'))
    return fields


def disposition_of(value: str) -> tuple[str, str | None]:
    """The field name of a part and its file name (None if it is no file), from its `content-disposition`.

    Browsers write UTF-8 and encode a quote as `%22` (HTML standard, multipart/form-data encoding algorithm);
    older ones used backslashes, or sent the full path of the file, of which only the last part is kept (see
    harmless_name). Scripts write `filename*` for letters beyond ASCII (RFC 8187). A field with an empty file
    name is a file field that was left empty.

    >>> disposition_of('form-data; name="photo"; filename="C:\\\\Temp\\\\me \\\\"x\\\\".png"')
    ('photo', 'me "x".png')

    :raises ProtocolError: 400 if it is no form-data or names no field.
    """
    parameters: dict[str, str] = {}
    extended: dict[str, str] = {}
    for match in _PARAMETER.finditer(value):
        name, quoted, bare = match[1].lower(), match[2], match[3]
        if name[-1] != '*':
            parameters[name] = _unescape(bare if quoted is None else quoted.replace('\\"', '"'))
        elif '*' not in name[:-1]:
            extended[name[:-1]] = _extended(bare if quoted is None else quoted)
    parameters = {**extended, **parameters}
    if not value.lower().lstrip().startswith('form-data') or 'name' not in parameters:
        raise ProtocolError('A part of the multipart body does not name its field.')
    filename = parameters.get('filename')
    return parameters['name'], harmless_name(filename) if filename else filename


def _unescape(text: str) -> str:
    """What the HTML standard escapes in names: CR, LF and the quote, nothing else."""
    return text.replace('%22', '"').replace('%0D', '\r').replace('%0A', '\n') if '%' in text else text


def _extended(value: str) -> str:
    """The text of a parameter such as `UTF-8'en'%E2%82%AC` (RFC 8187 section 3.2)."""
    *before, encoded = value.split("'", 2)
    data = bytes(percent_decoded(encoded.encode('utf-8')))
    return data.decode('latin-1') if before and before[0].lower() == 'iso-8859-1' else text_of(data)
