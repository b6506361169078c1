"""exporting: what a list shows, in its order, as CSV, JSON, an Excel workbook, or the whole SQLite file.

All of it is streamed: rows are read in batches by their key, so neither memory nor another request's time
grows with the table.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import sqlite3
import tempfile
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kali.errors import KaliError
from kali.http.filenames import attachment
from kali.http.files import content_type_of
from kali.http.response import Response
from kali.http.spool import Spool, pieces_of
from kali.markup import Markup, escape
from kali.records import workbook
from kali.records.columns import kind_of
from kali.records.query import Query
from kali.records.values import BLOB, EMPTY
from kali.sqlite.schema import decoding, quoted

if TYPE_CHECKING:
    from kali.http.request import Request
    from kali.records.section import Section
    from kali.routing.router import Router

__all__ = ['cell_for_csv', 'csv_of', 'links', 'mount', 'row_for_csv']

BATCH = 1000  # rows
KEYS = 900  # that one statement of any SQLite takes as parameters

Batches = Iterable[Sequence[Sequence[Any]]]

_RISKY = frozenset("=+-@\t\r'")


def links(query: Query) -> Markup:
    """Links to the formats in which the list can be saved."""
    found = (f'<a href="{escape(query.section.url(f"export.{ending}", **query.fields))}" download>{word}</a>'
             for ending, (word, _) in FORMATS.items())
    return Markup(' ').join(map(Markup, found))


def mount(router: Router, section: Section) -> None:
    """Put the exports of a table on its router."""
    for ending in FORMATS:
        router.function(f'/export.{ending}')(_exporter(section, ending))


def _exporter(section: Section, ending: str) -> Callable[[Request], Any]:
    def export(request: Request) -> Any:
        query = Query.read(section, request)
        if ending == 'xlsx' and query.count(workbook.ROWS) > workbook.ROWS:
            raise KaliError(f'A sheet of Excel has {workbook.ROWS:,} rows at most, and this list has more. '
                            'Filter it, or save it as CSV.', status=422)
        columns = [each for each in section.table.columns.values() if not each.hidden]
        names = [each.name for each in columns]
        pieces = FORMATS[ending][1](names, _trimmed(_batches(query), len(names)), query)
        if not section.table.key and ending != 'sqlite':
            next(pieces := _at_once(pieces))  # so a view that cannot be read is a page that says so
        name = Path(section.connection.path).name if ending == 'sqlite' else (
            f'{section.name}.{ending}')
        return Response.stream(pieces, headers={'Content-Type': content_type_of(f'x.{ending}'),
                                                'Content-Disposition': attachment(name)})
    return export


# The rows.

def _batches(query: Query) -> Iterator[Sequence[Any]]:
    """The rows of the list with all columns of the table, some at a time."""
    table = query.section.table
    if not table.key:  # a view
        sql, parameters = query.sql()
        connection = query.section.connection
        with decoding(connection, 'replace'):
            cursor = connection.execute(sql, parameters)
            found = cursor.fetchmany(BATCH)
        while found:
            yield found
            with decoding(connection, 'replace'):
                found = cursor.fetchmany(BATCH)
    elif query.order and table.rowid:
        yield from _in_order(query, table.rowid)
    else:
        each = query.each(size=BATCH)
        while batch := list(islice(each, BATCH)):
            yield batch


def _in_order(query: Query, rowid: str) -> Iterator[Sequence[Any]]:
    """The rows by the numbers that they have in the order: sorted once, and eight bytes a row."""
    table = query.section.table
    name = query.section.sql_of(rowid)
    sql, parameters = query.sql(name)
    numbers = array('q', (row[0] for row in query.section.connection.execute(sql, parameters)))
    columns = ', '.join(quoted(each.name) for each in table.columns.values() if not each.hidden)
    for start in range(0, len(numbers), KEYS):
        part = numbers[start:start + KEYS].tolist()
        found = {row[-1]: row for row in map(tuple, table.rows(
            f'{name} IN ({", ".join("?" * len(part))})', part, columns=f'{columns}, {name}'))}
        yield [found[number] for number in part if number in found]


def _trimmed(batches: Batches, width: int) -> Iterator[Sequence[Any]]:
    """The rows without the rowid, which may come after their columns."""
    for batch in batches:
        yield [tuple(row)[:width] for row in batch] if batch and len(batch[0]) > width else batch


def _at_once(pieces: Iterable[bytes | str]) -> Iterator[bytes]:
    """Rows without a key cannot be asked for in parts, so they are written to a temporary file first, before
    the first piece, which is empty."""
    spool = Spool()
    try:
        for piece in pieces:
            spool.append(piece.encode() if isinstance(piece, str) else piece)
        yield b''
        yield from pieces_of(spool, 0, len(spool))
    finally:
        spool.close()


# The formats.

def row_for_csv(row: Sequence[Any]) -> list[Any]:
    """The values of a row as they are safe in a spreadsheet: text that it would take for a formula has a `'`
    before it, an empty one is EMPTY, and bytes are base64."""
    return [cell_for_csv(value) if type(value) in _SPECIAL and value[:1] not in _PLAIN else value
            for value in row]


_SPECIAL = frozenset({str, bytes})
_PLAIN = frozenset('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789')


def cell_for_csv(value: str | bytes) -> str:
    """
    >>> cell_for_csv('=1+1'), cell_for_csv("'=1"), cell_for_csv("'tis"), cell_for_csv('Ž')
    ("'=1+1", "''=1", "'tis", 'Ž')

    Source: OWASP, "CSV Injection"
    """
    if value == '':
        return EMPTY
    if isinstance(value, bytes):
        return BLOB + base64.b64encode(value).decode()
    return f"'{value}" if value[0] in _RISKY and value.lstrip("'")[:1] in _RISKY else value


def _csv(names: Sequence[str], batches: Batches, query: Query) -> Iterator[str]:
    """With a byte order mark, by which Excel knows UTF-8."""
    yield '\ufeff' + csv_of([[*map(cell_for_csv, names)]])
    for batch in batches:
        yield csv_of(map(row_for_csv, batch))


def csv_of(rows: Iterable[Sequence[Any]]) -> str:
    """Rows as lines of CSV."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().replace(EMPTY, '""')  # a text; without the marks, it is nothing at all


def _json(names: Sequence[str], batches: Batches, query: Query) -> Iterator[str]:
    """A list of objects. Bytes are base64, as in CSV; what JSON has no number for is text."""
    dump = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=cell_for_csv).encode

    def line(row: Sequence[Any]) -> str:
        try:
            return dump(dict(zip(names, row, strict=False)))
        except ValueError:  # infinity
            return dump({name: str(value) if isinstance(value, float) else value
                         for name, value in zip(names, row, strict=False)})
    before = '[\n'
    for batch in filter(None, batches):
        yield before + ',\n'.join(map(line, batch))
        before = ',\n'
    yield ('[' if before == '[\n' else '\n') + ']\n'


def _sqlite(names: Sequence[str], batches: Batches, query: Query) -> Iterator[bytes]:
    """A copy of the database as it is at this moment."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'copy.sqlite')
        copy = sqlite3.connect(path)
        try:
            query.section.connection.backup(copy)
        finally:
            copy.close()
        with path.open('rb') as file:
            while piece := file.read(1 << 16):
                yield piece


def _xlsx(names: Sequence[str], batches: Batches, query: Query) -> Iterator[bytes]:
    columns = query.section.table.columns
    dates = [kind_of(columns[name]) in ('date', 'moment') for name in names]
    return workbook.write(query.section.title, names, dates, batches)


#: The formats by the ending of their address: the word of the link, and what writes it.
FORMATS: dict[str, tuple[str, Callable[[Sequence[str], Batches, Query], Iterator[Any]]]] = {
    'csv': ('CSV', _csv), 'json': ('JSON', _json), 'xlsx': ('Excel', _xlsx), 'sqlite': ('SQLite', _sqlite)}
