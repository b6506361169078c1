"""record_page: a row with all of its columns, and the rows of other tables that refer to it."""

from __future__ import annotations

import re
import sqlite3
from typing import TYPE_CHECKING, Any

from kali.errors import NotFound
from kali.http.request import Request
from kali.locale.words import say
from kali.markup import Markup, escape
from kali.records.bounded import TooLong, within
from kali.records.columns import Column, kind_of, places_of, shown
from kali.records.facets import counted
from kali.records.keys import part_of
from kali.records.listing import Listing, blob, reference
from kali.records.query import MANY, Query
from kali.records.section import Section
from kali.routing.router import Router
from kali.sqlite.schema import Column as SchemaColumn
from kali.sqlite.schema import quoted, select

if TYPE_CHECKING:
    from kali.iolist import Content

__all__ = ['items', 'mount', 'pointing_here']

#: The links above a record: the word, the page of the row, and whether it changes something.
TOOLS: tuple[tuple[str, str, bool], ...] = (
    ('edit', 'edit', True), ('copy', 'copy', True), ('delete', 'delete', True), ('print', 'print', False))

CHILDREN = 10  # rows of another table that are shown
_SECONDS = 0.02  # of the processor for each of those tables
_WORKED_OUT = 'kali '  # stands before the name of an expression
_ADDRESS = re.compile(r'https?://[^\s<>"]+')


def mount(router: Router, section: Section) -> None:
    """Put the page of a row on the table's router."""
    router.get('/*')(lambda request, path: _page(section, request, section.row(path), path))
    router.get('/row')(lambda request: _page(section, request, _numbered(section, request)))


def _numbered(section: Section, request: Request) -> sqlite3.Row:
    """A row without a key, by its number in the list that the address asks for."""
    number, query = request.query.get('number', ''), Query.read(section, request)
    if section.table.key or not number.isdecimal() or len(number) > 15:
        raise NotFound(f'There is no record {number!r}.')
    where, parameters = query.where()
    own = [quoted(each.name) for each in section.table.columns.values() if not each.hidden]
    found = section.table.rows(
        where, parameters, order=query.order_sql(), limit=1, offset=int(number), columns=', '.join([*own, *(
            f'{each.sql} AS {quoted(_WORKED_OUT + each.name)}' for each in section.columns
            if each.sql and not each.is_own)]))
    if not found:
        raise NotFound(f'There is no record {number!r}.')
    return found[0]


def _page(section: Section, request: Request, row: sqlite3.Row, path: str = '') -> Any:
    label = section.label_of(row)
    tools = [f'<a class="button secondary" href="{escape(section.url(path, page))}">{escape(say(word))}</a>\n'
             for word, page, changes in TOOLS if path and not (changes and section.read_only)]
    back = f'<a href="{escape(section.url())}">{escape(section.title)}</a>'
    return section.page(request, label or section.title, [
        '<div class="bar">', tools, f'<span class="push">{back}</span></div>\n',
        f'<p class="notice">{escape(section.read_only)}</p>\n' if section.read_only else None,
        '<dl>\n', items(section, row, path), '</dl>\n', pointing_here(section, row)],
        notice=section.notice(request))


def items(section: Section, row: sqlite3.Row, path: str) -> Content:
    """Each column with its value."""
    found = []
    for column in section.table.columns.values():
        if not column.hidden:
            value = _value(section, column, row[column.name], path)
            found.append(f'<dt>{escape(section.heading(column.name))}</dt><dd>{value}</dd>\n')
    for extra in section.columns:
        if not extra.is_own:
            found.append(f'<dt>{escape(extra.heading)}</dt><dd>{_worked_out(section, extra, row)}</dd>\n')
    return found


def _value(section: Section, column: SchemaColumn, value: Any, path: str) -> Markup:
    name, kind = column.name, kind_of(column)
    if isinstance(value, bytes):
        return blob(section, path, name, value[:32], len(value))
    if name in section.parents and value is not None:
        parent, key = section.parents[name]
        text, url = reference(section, name, value, parent.labels([value], key))
        return Markup('<a href="{}">{}</a>').format(url, text) if url else text
    if isinstance(value, str) and _ADDRESS.fullmatch(value):
        return Markup('<a href="{}" rel="noreferrer">{}</a>').format(value, value)
    html = shown(value, 'key' if name in section.table.key else kind, None, places_of(column))
    return Markup(html.replace('\n', '<br>\n'))


def _worked_out(section: Section, column: Column, row: sqlite3.Row) -> Markup:
    """The value of an expression or a function."""
    if column.function is not None:
        value = column.function(row)
        return escape(value) if hasattr(value, '__html__') else shown(value, column.kind)
    if not section.table.key:
        return shown(row[_WORKED_OUT + column.name], column.kind)
    where, parameters = section.table.condition(section.key_of(row))
    return shown(section.table.rows(where, parameters, columns=column.sql, limit=1)[0][0], column.kind)


def pointing_here(section: Section, row: sqlite3.Row, limit: int = CHILDREN) -> Content:
    """The rows of other tables that refer to this one, the first of each."""
    parts, pointing = [], section.pointing_here()
    for other, columns, targets in pointing:
        values = [row[name] for name in targets if name in section.table.columns]
        if len(values) != len(columns) or None in values:
            continue
        fields = {f'is.{name}': part_of(value) for name, value in zip(columns, values, strict=True)}
        shown_columns = [each for each in other.columns if each.name not in columns][:6]
        listing = Listing(other, shown_columns or other.columns)
        where = ' AND '.join(f'{quoted(name)} = ?' for name in columns)
        if other.declared.where:
            where += f' AND ({other.declared.where})'
        words = ''
        try:
            with within(section.connection, _SECONDS):
                rows = other.table.rows(where, values, columns=listing.select, limit=limit)
                number = select(section.connection, f'SELECT count(*) FROM (SELECT 1 FROM '
                                f'{other.table.sql_name} WHERE {where} LIMIT {MANY + 1})', values)[0][0]
            words = '' if number == len(rows) else f' ({counted(number)})'
            found: Content = listing.html(rows) if rows else f'<p>{escape(say("no records"))}</p>\n'
        except TooLong:  # the link leads to the list of them, which takes its time
            found = f'<p>{escape(say("not searched", title=other.title))}</p>\n'
        by = escape(f', {", ".join(map(other.heading, columns))}' if len(pointing) > 1 else '')
        link = f'<a href="{escape(other.url(**fields))}">{escape(other.title)}</a>'
        if not other.read_only:
            new = other.url('new', **dict(zip(columns, values, strict=True)))
            by += Markup(' <a href="{}" aria-label="{}: {}">{}</a>').format(
                new, say('new'), other.title, say('new'))
        parts.append([f'<h2>{link}{escape(words)}<small>{by}</small></h2>\n', found])
    return parts
