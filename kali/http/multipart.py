"""Multipart bodies, as browsers send forms with files: bytes in, (headers, content) parts out.

It knows the grammar of RFC 2046 section 5.1.1 and the names of RFC 7578; what a part means is the caller's
business. A delimiter counts only at the start of a line, so a boundary inside a line is content; what stands
before the first and after the last delimiter is ignored.
"""

from __future__ import annotations

import re

from kali.errors import ProtocolError

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ['boundary_of', 'disposition_of', 'split_parts']

# RFC 2046: up to 70 of these characters, no blank at the end; quoted or not.
_BOUNDARY = re.compile(r"""boundary=(?:"([^"]{1,70})"|([^\s;",]{1,70}))""", re.IGNORECASE)
# A quote after a backslash goes on with the value, unless the value must end there. Each character can be
# read in one way only, so that no text costs more than its length.
_PARAMETER = re.compile(r';\s*([A-Za-z*]+)\s*=\s*(?:"((?:[^"]|(?<=\\)"(?!\s*(?:;|$)))*)"|([^\s;]*))')
_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([^\r\n\0]*)")


def boundary_of(content_type: str) -> bytes:
    """The boundary that a `multipart/form-data` content type names.

    >>> boundary_of('multipart/form-data; boundary="xYz"')
    b'xYz'

    :raises ProtocolError: 400 if there is none.
    """
    match = _BOUNDARY.search(content_type)
    if match is None:
        raise ProtocolError('The multipart body names no usable boundary.')
    return (match[1] or match[2]).encode('latin-1')


def split_parts(body: bytes, boundary: bytes, limit: int = 100) -> Iterator[tuple[dict[str, str], bytes]]:
    """Each part of `body`: its header fields (lower-case names) and its content.

    :param limit: how many parts are taken; more is 413.
    :raises ProtocolError: 400 if the delimiters or a part's head are malformed, or the last delimiter is
        missing.
    """
    # Every delimiter line but the first begins with CRLF; one put before the body makes the first like the
    # others.
    delimiter = b'\r\n--' + boundary
    text = b'\r\n' + body
    start = _next_delimiter(text, delimiter, 0)
    count = 0
    while start >= 0:
        begin = start + len(delimiter)
        if text.startswith(b'--', begin):
            return
        begin = text.find(b'\r\n', begin) + 2
        start = _next_delimiter(text, delimiter, begin - 2)  # the CRLF may be the next delimiter's own
        if begin == 1 or start < 0:
            break
        count += 1
        if count > limit:
            raise ProtocolError(f'The body has more than {limit} parts.', status=413)
        yield _split_part(text[begin:start] if start > begin else b'\r\n')
    raise ProtocolError('The multipart body has no final delimiter: it was cut off, or has another boundary.')


def _next_delimiter(text: bytes, delimiter: bytes, start: int) -> int:
    """Where the next delimiter line begins; one followed by anything but blanks, CRLF or `--` is content."""
    while True:
        found = text.find(delimiter, start)
        if found < 0:
            return -1
        after = found + len(delimiter)
        if text.startswith(b'--', after):
            return found
        while text[after:after + 1] in (b' ', b'\t'):
            after += 1
        if text.startswith(b'\r\n', after):
            return found
        start = found + 2


def _split_part(part: bytes) -> tuple[dict[str, str], bytes]:
    if part.startswith(b'\r\n'):
        head, content = b'', part[2:]
    else:
        head, blank, content = part.partition(b'\r\n\r\n')
        if not blank:
            raise ProtocolError('A part of the multipart body has no empty line after its header fields.')
    if len(head) > 8192:
        raise ProtocolError('The header fields of a part are longer than 8 KiB.', status=431)
    fields = {}
    for line in head.split(b'\r\n') if head else ():
        match = _FIELD.fullmatch(line)
        if match is None:
            raise ProtocolError('A part of the multipart body has a malformed header field.')
        fields[match[1].decode('ascii').lower()] = match[2].strip(b' \t').decode('utf-8', 'replace')
    return fields, content


def disposition_of(value: str) -> tuple[str, str | None]:
    """The field name of a part and its file name (None if it is no file), from its `content-disposition`.

    Browsers write UTF-8 and encode a quote as `%22` (HTML standard, multipart/form-data encoding algorithm);
    older ones used backslashes, or sent the full path of the file, of which only the last part is kept.

    >>> disposition_of('form-data; name="photo"; filename="C:\\\\Temp\\\\me \\\\"x\\\\".png"')
    ('photo', 'me "x".png')

    :raises ProtocolError: 400 if it is no form-data or names no field.
    """
    parameters = {}
    for match in _PARAMETER.finditer(value):
        quoted, bare = match[2], match[3]
        parameters[match[1].lower()] = bare if quoted is None else re.sub(r'\\(["])', r'\1', quoted)
    if not value.lower().lstrip().startswith('form-data') or 'name' not in parameters:
        raise ProtocolError('A part of the multipart body does not name its field.')
    name = _unescape(parameters['name'])
    filename = parameters.get('filename')
    return name, None if filename is None else re.split(r'[\\/]', _unescape(filename))[-1]


def _unescape(text: str) -> str:
    """What the HTML standard escapes in names: CR, LF and the quote, nothing else."""
    return text.replace('%22', '"').replace('%0D', '\r').replace('%0A', '\n') if '%' in text else text
