"""Files as responses: content types, conditional requests, ranges, and reading a piece at a time.

It takes the path of a file that somebody else has decided may be sent; which ones may is StaticFolder's
business. Sources: RFC 9110 sections 8.8 (validators), 13 (conditions), 14 (ranges).
"""

from __future__ import annotations

import os
import re
from urllib.parse import quote

from kali.errors import NotFound
from kali.http.dates import http_date

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from typing import BinaryIO

    from kali.http.request import Request

__all__ = ['content_type_of', 'file_answer']

# Not from the system: what the mimetypes module reads from the Windows registry or /etc is often wrong for
# scripts.
CONTENT_TYPES = {
    'html': 'text/html; charset=utf-8', 'htm': 'text/html; charset=utf-8', 'css': 'text/css; charset=utf-8',
    'js': 'text/javascript; charset=utf-8', 'mjs': 'text/javascript; charset=utf-8',
    'json': 'application/json', 'map': 'application/json', 'webmanifest': 'application/manifest+json',
    'xml': 'application/xml', 'xhtml': 'application/xhtml+xml', 'txt': 'text/plain; charset=utf-8',
    'md': 'text/markdown; charset=utf-8', 'csv': 'text/csv; charset=utf-8',
    'ics': 'text/calendar; charset=utf-8',
    'py': 'text/plain; charset=utf-8', 'sql': 'text/plain; charset=utf-8', 'tpl': 'text/plain; charset=utf-8',
    'toml': 'text/plain; charset=utf-8', 'ini': 'text/plain; charset=utf-8',
    'log': 'text/plain; charset=utf-8', 'sh': 'text/plain; charset=utf-8', 'bat': 'text/plain; charset=utf-8',
    'yaml': 'text/plain; charset=utf-8', 'yml': 'text/plain; charset=utf-8',
    'rst': 'text/plain; charset=utf-8',
    'png': 'image/png', 'jpg': 'image/jpeg', 'jpeg': 'image/jpeg', 'gif': 'image/gif', 'webp': 'image/webp',
    'avif': 'image/avif', 'svg': 'image/svg+xml', 'ico': 'image/x-icon', 'bmp': 'image/bmp',
    'tif': 'image/tiff', 'tiff': 'image/tiff', 'woff': 'font/woff', 'woff2': 'font/woff2',
    'ttf': 'font/ttf', 'otf': 'font/otf',
    'mp3': 'audio/mpeg', 'ogg': 'audio/ogg', 'oga': 'audio/ogg', 'wav': 'audio/wav', 'flac': 'audio/flac',
    'm4a': 'audio/mp4', 'mp4': 'video/mp4', 'm4v': 'video/mp4', 'webm': 'video/webm', 'ogv': 'video/ogg',
    'pdf': 'application/pdf', 'zip': 'application/zip', 'gz': 'application/gzip', 'tar': 'application/x-tar',
    '7z': 'application/x-7z-compressed', 'wasm': 'application/wasm', 'rtf': 'application/rtf',
    'doc': 'application/msword', 'xls': 'application/vnd.ms-excel', 'ppt': 'application/vnd.ms-powerpoint',
    'docx': 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
    'xlsx': 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
    'pptx': 'application/vnd.openxmlformats-officedocument.presentationml.presentation',
    'odt': 'application/vnd.oasis.opendocument.text', 'ods': 'application/vnd.oasis.opendocument.spreadsheet',
}
PIECE = 1 << 16  # bytes read at a time
_RANGE = re.compile(r'bytes=([0-9]{0,18})-([0-9]{0,18})')  # no file has more bytes than that


def content_type_of(filename: str) -> str:
    """The content type for a file of that name; `application/octet-stream`, a download, if it is not known.

    >>> content_type_of('Report.PDF'), content_type_of('notes.txt'), content_type_of('Makefile')
    ('application/pdf', 'text/plain; charset=utf-8', 'application/octet-stream')
    """
    return CONTENT_TYPES.get(filename.rpartition('.')[2].lower(), 'application/octet-stream')


def file_answer(path: str | os.PathLike[str], *, request: Request | None = None,
                content_type: str | None = None,
                download: str | bool = False,
                file: BinaryIO | None = None) -> tuple[int, dict[str, str], bytes | Pieces]:
    """Status, header fields and content of an answer with the file at `path`.

    :param request: its conditions and range are honoured
    :param file: the file itself, by who has opened it already; it is closed here
    :raises NotFound: 404 if it is no readable file.
    """
    name = os.path.basename(path)  # noqa: PTH119  # pathlib costs hello-world 8 ms
    if file is None:
        try:
            file = open(path, 'rb')  # noqa: SIM115, PTH123  # closed below, or by Pieces
        except OSError:
            raise NotFound(f'There is no file {name} here.') from None
    try:
        status = os.fstat(file.fileno())
        headers = {'Content-Type': content_type or content_type_of(name), 'Accept-Ranges': 'bytes',
                   'ETag': f'"{status.st_mtime_ns:x}-{status.st_size:x}"',
                   'Last-Modified': http_date(status.st_mtime), 'Cache-Control': 'no-cache'}
        if download:
            headers['Content-Disposition'] = _attachment(name if download is True else download)
        code, start, stop = _selection(request, headers, status.st_size)
        file.seek(start)
        if stop - start > PIECE:
            headers['Content-Length'] = str(stop - start)
            return code, headers, Pieces(file, stop - start)
        with file:
            return code, headers, file.read(stop - start)
    except BaseException:
        file.close()
        raise


class Pieces:
    """The next `size` bytes of an open file, a piece at a time; closes it at the end, or when told to."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.file, self.size = file, size

    def __iter__(self) -> Pieces:
        return self

    def __next__(self) -> bytes:
        if not self.size:
            self.close()
            raise StopIteration
        piece = self.file.read(min(PIECE, self.size))
        if not piece:
            raise OSError('the file became shorter while it was sent')
        self.size -= len(piece)
        return piece

    def close(self) -> None:
        """Let go of the file."""
        self.file.close()


def _selection(request: Request | None, headers: dict[str, str], size: int) -> tuple[int, int, int]:
    """The status, and which bytes to send; the header fields that go with them are added."""
    if request is None or request.method not in ('GET', 'HEAD'):
        return 200, 0, size
    if _unchanged(request, headers):
        headers.pop('Content-Type')
        return 304, 0, 0
    asked = _range(request, headers, size)
    if asked is None:
        return 200, 0, size
    start, stop = asked
    if start >= stop:
        headers['Content-Range'] = f'bytes */{size}'
        return 416, 0, 0
    headers['Content-Range'] = f'bytes {start}-{stop - 1}/{size}'
    return 206, start, stop


def _unchanged(request: Request, headers: dict[str, str]) -> bool:
    """Whether the browser's copy is still good; If-None-Match goes before the date (RFC 9110, 13.2.2)."""
    tags = request.headers.get('if-none-match')
    if tags is not None:
        return any(tag.strip() in ('*', headers['ETag'], 'W/' + headers['ETag']) for tag in tags.split(','))
    return bool(request.headers.get('if-modified-since') == headers['Last-Modified'])


def _range(request: Request, headers: dict[str, str], size: int) -> tuple[int, int] | None:
    """The one range asked for, as offsets; None for several, for nonsense, or if the file has changed."""
    match = _RANGE.fullmatch(request.headers.get('range', '').replace(' ', ''))
    condition = request.headers.get('if-range')
    if match is None or match[0] == 'bytes=-':
        return None
    if condition not in (None, headers['ETag'], headers['Last-Modified']):
        return None
    first, last = match[1], match[2]
    if not first:
        return max(0, size - int(last)), size if int(last) else 0
    if last and int(last) < int(first):
        return None
    return int(first), min(size, int(last) + 1) if last else size


def _attachment(name: str) -> str:
    plain = re.sub(r'[^ !#$&\'()+,\-.0-9;=@A-Z\[\]^_`a-z{}~]', '_', name)
    return f'attachment; filename="{plain}"; filename*=UTF-8\'\'{quote(name, safe="")}'
