"""files: pictures and other files that a table keeps as BLOBs: shown small, sent safely, taken by forms.

What a file is, its first bytes say; its name and its type come from somebody else and prove nothing. Four
kinds of picture are shown by a browser; everything else is saved as a file, so that no script in it ever
runs.
"""

from __future__ import annotations

import re
from binascii import crc32
from typing import Any

from kali.errors import NotFound
from kali.forms.pictures import picture_type
from kali.http.conditions import Validators, select
from kali.http.filenames import attachment, harmless_name
from kali.http.files import content_type_of
from kali.http.limits import size_text
from kali.http.request import Request
from kali.http.response import Response
from kali.locale.words import say
from kali.markup import Markup
from kali.records.section import Section
from kali.routing.router import Router
from kali.sqlite.schema import Table

__all__ = ['is_file', 'mount', 'name_column', 'small']

# Types of files that a browser may take for a page or a script, and pictures that are none: they are sent as
# bytes that it only saves.
_ACTIVE = re.compile('.*(html|javascript|css|wasm|[+/](xml|svg|xslt)).*|(message|image)/.*')
_SAFE = {'X-Content-Type-Options': 'nosniff', 'Content-Security-Policy': "default-src 'none'; sandbox"}
_SMALL = 8_000_000  # bytes: a larger picture is not loaded into a list


def small(section: Section, path: str, column: str, head: Any, size: int | None) -> Markup:
    """How a list or a record shows what a BLOB column holds: a small picture, or a link that saves the file.

    :param path: of the row
    :param head: the first bytes, such as `substr(photo, 1, 16)`
    :param size: `length(photo)`
    """
    if head is None or not size:
        return Markup('')
    url = section.url(path, 'file', column)
    kind, _ = picture_type(head if isinstance(head, bytes) else str(head).encode())
    if kind and size <= _SMALL:
        return Markup('<a href="{}"><img src="{}" alt="{}" loading="lazy" height="48"></a>').format(
            url, url, section.heading(column))
    what = kind.removeprefix('image/').upper() or section.heading(column)
    return Markup('<a href="{}" download>{}, {}</a>').format(url, what, size_text(size))


def name_column(table: Table, column: str) -> str | None:
    """The column with the name of the file that is in the BLOB column: `photo_name`, `photo_filename`, or
    `filename` where there is one BLOB only."""
    names = [f'{column}_name', f'{column}_filename', f'{column}_file_name', f'{column}name']
    blobs = [each.name for each in table.columns.values() if is_file(each)]
    if blobs == [column]:
        names += ['filename', 'file_name']
    return next((table.columns[name].name for name in names
                 if name in table.columns and table.columns[name].affinity == 'TEXT'), None)


def is_file(column: Any) -> bool:
    """Whether a column of the schema is for files."""
    declared = column.declared.upper()
    return 'BLOB' in declared and 'TEXT' not in declared and not column.generated and not column.hidden


def mount(router: Router, section: Section) -> None:
    """Put the files of a table on its router."""
    @router.function('/*/file/*')
    def file(request: Request, path: str, column: str) -> Any:
        return _answer(request, section, path, column)


def _answer(request: Request, section: Section, path: str, column: str) -> Response:
    if column not in section.table.columns:
        raise NotFound(f'{section.title} has no column {column!r}.')
    column = section.table.columns[column].name
    row = section.row(path)
    content = row[column]
    if content is None:
        raise NotFound(say('no file'))
    data = content if isinstance(content, bytes) else str(content).encode()
    named = name_column(section.table, column)
    kind, extension = picture_type(data[:16])
    name = harmless_name(str(row[named])) if named and row[named] else (
        f'{section.name} {path} {column}.{extension or ("bin" if isinstance(content, bytes) else "txt")}')
    headers = {**_SAFE, 'Content-Type': kind, 'Cache-Control': 'private, no-cache'}
    if not kind:
        guessed = content_type_of(name)
        headers['Content-Type'] = 'application/octet-stream' if _ACTIVE.fullmatch(guessed) else guessed
    headers['Content-Disposition'] = attachment(name) if not kind or 'download' in request.query else (
        attachment(name).replace('attachment', 'inline', 1))
    status, start, stop = select(request, headers, Validators(f'"{crc32(data):x}-{len(data):x}"', None),
                                 len(data))
    return Response(data[start:stop], status=status, headers=headers)
