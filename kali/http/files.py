"""Files as responses: content types, validators, and reading a piece at a time.

It takes the path of a file that may be sent; StaticFolder decides which ones may. Conditions and ranges stand
in `kali.http.conditions`. Sources: IANA, Media Types; RFC 9110 section 8.8 (validators).
"""

from __future__ import annotations

import os
from binascii import crc32

from kali.errors import NotFound
from kali.http.conditions import Validators, select
from kali.http.filenames import attachment

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from typing import BinaryIO

    from kali.http.request import Request

__all__ = ['content_type_of', 'file_answer', 'packaged_answer']

# Not from the system: what the mimetypes module reads from the Windows registry or /etc is often wrong for
# scripts.
CONTENT_TYPES = {extension: kind for kind, extensions in {
    'text/html; charset=utf-8': 'html htm', 'text/css; charset=utf-8': 'css',
    'text/javascript; charset=utf-8': 'js mjs cjs', 'text/markdown; charset=utf-8': 'md markdown',
    'text/csv; charset=utf-8': 'csv', 'text/tab-separated-values; charset=utf-8': 'tsv',
    'text/calendar; charset=utf-8': 'ics', 'text/vcard; charset=utf-8': 'vcf',
    'text/vtt; charset=utf-8': 'vtt',
    'text/plain; charset=utf-8': 'txt text py sql tpl toml ini cfg conf log sh bat ps1 yaml yml rst srt tex '
                                 'diff patch',
    'application/json': 'json map', 'application/manifest+json': 'webmanifest',
    'application/ld+json': 'jsonld', 'application/geo+json': 'geojson',
    'application/x-ndjson': 'ndjson jsonl',
    'application/xml': 'xml xsd', 'application/xslt+xml': 'xsl xslt', 'application/xhtml+xml': 'xhtml xht',
    'application/rss+xml': 'rss', 'application/atom+xml': 'atom', 'application/gpx+xml': 'gpx',
    'application/vnd.google-earth.kml+xml': 'kml',
    'image/png': 'png', 'image/apng': 'apng', 'image/jpeg': 'jpg jpeg jfif jpe pjpeg pjp', 'image/gif': 'gif',
    'image/webp': 'webp', 'image/avif': 'avif', 'image/heic': 'heic', 'image/heif': 'heif',
    'image/jxl': 'jxl',
    'image/svg+xml': 'svg svgz', 'image/x-icon': 'ico cur', 'image/bmp': 'bmp', 'image/tiff': 'tif tiff',
    'font/woff': 'woff', 'font/woff2': 'woff2', 'font/ttf': 'ttf', 'font/otf': 'otf',
    'font/collection': 'ttc',
    'audio/mpeg': 'mp3', 'audio/ogg': 'ogg oga opus', 'audio/wav': 'wav', 'audio/flac': 'flac',
    'audio/mp4': 'm4a m4b', 'audio/aac': 'aac', 'audio/webm': 'weba', 'audio/midi': 'mid midi',
    'audio/aiff': 'aif aiff',
    'video/mp4': 'mp4 m4v', 'video/webm': 'webm', 'video/ogg': 'ogv', 'video/quicktime': 'mov qt',
    'video/mpeg': 'mpg mpeg', 'video/x-msvideo': 'avi', 'video/x-matroska': 'mkv', 'video/3gpp': '3gp',
    'application/vnd.apple.mpegurl': 'm3u8', 'application/dash+xml': 'mpd',
    'application/pdf': 'pdf', 'application/epub+zip': 'epub', 'application/zip': 'zip',
    'application/gzip': 'gz tgz', 'application/x-tar': 'tar', 'application/x-7z-compressed': '7z',
    'application/x-bzip2': 'bz2', 'application/x-xz': 'xz', 'application/zstd': 'zst',
    'application/vnd.rar': 'rar', 'application/wasm': 'wasm', 'application/rtf': 'rtf',
    'application/vnd.sqlite3': 'sqlite sqlite3', 'message/rfc822': 'eml',
    'application/msword': 'doc', 'application/vnd.ms-excel': 'xls', 'application/vnd.ms-powerpoint': 'ppt',
    'application/vnd.ms-outlook': 'msg',
    'application/vnd.openxmlformats-officedocument.wordprocessingml.document': 'docx',
    'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet': 'xlsx',
    'application/vnd.openxmlformats-officedocument.presentationml.presentation': 'pptx',
    'application/vnd.oasis.opendocument.text': 'odt', 'application/vnd.oasis.opendocument.spreadsheet': 'ods',
    'application/vnd.oasis.opendocument.presentation': 'odp',
    'application/vnd.oasis.opendocument.graphics': 'odg',
}.items() for extension in extensions.split()}
PIECE = 1 << 16  # bytes read at a time


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
    :param file: the file itself, if it is open already; it is closed here
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
        size = status.st_size
        # The clock of a file system is coarse: milliseconds, or two seconds. So the tag of a small file knows
        # its content too, which is read at once anyway.
        content = file.read() if size <= PIECE else None
        tag = f'"{status.st_mtime_ns:x}-{status.st_ctime_ns:x}-{status.st_ino:x}-{size:x}' + (
            '"' if content is None else f'-{crc32(content):x}"')
        headers = _fields(name, content_type, download)
        if content is not None:
            size = len(content)
        code, start, stop = select(request, headers, Validators(tag, status.st_mtime_ns), size)
        if content is None and stop > start:
            file.seek(start)
            headers['Content-Length'] = str(stop - start)
            return code, headers, Pieces(file, stop - start)
        file.close()
        return code, headers, (content or b'')[start:stop]
    except BaseException:
        file.close()
        raise


def packaged_answer(content: bytes, name: str, version: str, *,
                    request: Request | None = None) -> tuple[int, dict[str, str], bytes]:
    """Status, header fields and content of an answer with a file that a program brings, from a zip archive
    perhaps, and that changes with its version only."""
    headers = _fields(name, None, False)
    code, start, stop = select(request, headers, Validators(f'"{version}"', None), len(content))
    return code, headers, content[start:stop]


def _fields(name: str, content_type: str | None, download: str | bool) -> dict[str, str]:
    """The header fields that describe a file of that name."""
    fields = {'Content-Type': content_type or content_type_of(name), 'Accept-Ranges': 'bytes',
              'Cache-Control': 'no-cache'}
    if download:
        fields['Content-Disposition'] = attachment(name if download is True else download)
    elif name.lower().endswith('.svgz'):
        fields['Content-Encoding'] = 'gzip'  # it is a compressed .svg, which a browser is to show
    return fields


class Pieces:
    """The next `size` bytes of an open file, a piece at a time. It is closed at the end, or by `close`."""

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
        """Close the file."""
        self.file.close()
