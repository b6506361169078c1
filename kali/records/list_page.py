"""list_page: the list of a table: what can be done, the search, the filters beside it, the rows, the
pages."""

from __future__ import annotations

from contextlib import suppress
from math import isfinite
from typing import TYPE_CHECKING, Any

from kali.http.request import Request
from kali.locale import current
from kali.locale.words import say
from kali.markup import Markup, escape
from kali.records import views
from kali.records.bounded import TooLong, within
from kali.records.columns import Column
from kali.records.exporting import links
from kali.records.facets import PART, Facet, chosen, counted, facets
from kali.records.listing import Listing
from kali.records.pickers import hidden
from kali.records.query import MANY, Page, Query
from kali.records.rows_page import tools
from kali.records.section import Section
from kali.routing.router import Router
from kali.sqlite.schema import select

if TYPE_CHECKING:
    from kali.iolist import Content

__all__ = ['mount']

#: The links before the search: the word, the page of the table, and whether it changes something.
TOOLS: tuple[tuple[str, str, bool], ...] = (('new', 'new', True), ('import', 'import', True),
                                     ('charts', 'charts', False), ('report', 'report', False))

_TOTALS = 0.01  # seconds of the processor for the totals
_OPEN = 3  # filters that are open at first


def mount(router: Router, section: Section) -> None:
    """Put the list of a table on its router."""
    router.get('/')(lambda request: _page(section, request))


def _page(section: Section, request: Request) -> Any:
    query = Query.read(section, request)
    listing = Listing(section)
    page = query.page(listing.select)
    number = None if page.looked > 0 else query.quick_count
    table = listing.html(
        page.rows, caption=_caption(query, page, number), link=lambda column: _sorted(query, column),
        order='' if page.unsorted else query.order or _by_key(section),
        totals=section.remembered(('totals', query.whole), lambda: _totals(query, number)),
        numbered=lambda number: section.url('row', number=page.start + number, **query.fields),
        choose=not section.read_only, in_place='' if section.read_only else section.url('cell'))
    more = request.query.get('more', '')
    found = section.remembered(('facets', query.whole, more, current()), lambda: facets(query, more))
    beside = [views.html(query), [_facet(query, each, place) for place, each in enumerate(found)]]
    content = [_bar(query), _notes(query, page),
               '<div class="split">\n<aside aria-label="', escape(say('filters')), '">\n', beside,
               '</aside>\n<div>\n', table, None if page.rows else f'<p>{escape(say("no records"))}</p>\n',
               _pager(query, page), tools(query) if page.rows else None, '</div>\n</div>\n']
    return section.page(request, section.title, content, notice=section.notice(request))


def _by_key(section: Section) -> str:
    return section.table.key[0] if section.table.key else ''


def _sorted(query: Query, column: Column) -> str:
    """The address of the list sorted by a column, the other way round if it is so already."""
    if not column.sql:
        return ''
    now = query.order or _by_key(query.section)
    order = f'-{column.name}' if now == column.name else column.name
    return query.url(order=None if order == query.section.declared.order else order)


# Above the rows.

def _bar(query: Query) -> Content:
    section = query.section
    tools = [f'<a class="{"button" if word == "new" else "button secondary"}" '
             f'href="{escape(section.url(page, **({} if changes else query.fields)))}">'
             f'{escape(say(word))}</a>\n'
             for word, page, changes in TOOLS if not (changes and section.read_only)]
    everywhere = escape(query.section.records.url('search'))
    return ['<div class="bar">\n', tools,
            f'<form role="search" action="{escape(section.url())}">', hidden(query.pairs('q', 'inside')),
            f'<input type="search" name="q" value="{escape(query.q)}" '
            f'aria-label="{escape(say("search in", title=section.title))}">'
            f'<button class="secondary">{escape(say("search"))}</button>'
            f'<button class="secondary" formaction="{everywhere}">{escape(say("search all"))}</button>'
            '</form>\n<span class="push small">', links(query), '</span>\n</div>\n']


def _notes(query: Query, page: Page) -> Content:
    """What there is to say about the rows."""
    section, notes = query.section, []
    if section.read_only:
        notes.append(escape(section.read_only))
    if query.hits is not None or query.inside:
        said, word = ('', 'search beginnings') if query.inside else (say('by index'), 'search inside')
        notes.append(Markup('{} <a href="{}">{}</a>').format(
            said, query.url(inside=None if query.inside else '1'), say(word)))
    if page.looked > 0:
        notes.append(escape(say('looked', number=current().number(page.looked))))
    if page.unsorted:
        notes.append(escape(say('unsorted')))
    gone = Markup('').join(Markup('<span class="badge">{} <a href="{}" aria-label="{}">×</a></span> ').format(
        words, query.filtered(column), say('remove filter', name=words)) for column, words in chosen(query))
    if query.q:
        gone += Markup('<span class="badge">“{}” <a href="{}" aria-label="{}">×</a></span>').format(
            query.q, query.url(q=None, inside=None), say('remove filter', name=query.q))
    return [[f'<p class="notice">{note}</p>\n' for note in notes], f'<p>{gone}</p>\n' if gone else None]


def _caption(query: Query, page: Page, number: int | None) -> Content:
    if number is None:
        return escape(say('some records', number=len(page.rows)))
    return escape(say('one record') if number == 1 else say('records', number=counted(number)))


def _totals(query: Query, number: int | None) -> dict[str, Any]:
    """The sums of the columns with numbers, if there are not too many rows."""
    columns = [each for each in query.section.columns if query.section.is_summed(each)]
    if not columns or number is None or not 1 < number <= MANY:
        return {}
    where, parameters = query.where()
    sql = ', '.join(f"total(CASE WHEN typeof({each.sql}) IN ('integer', 'real') THEN {each.sql} END)"
                    for each in columns)
    with suppress(TooLong), within(query.section.connection, _TOTALS):
        row = select(query.section.connection, f'SELECT {sql} FROM {query.section.table.sql_name}'
                     + (f' WHERE {where}' if where else ''), parameters)[0]
        return {each.name: int(value) if value == int(value) else round(value, 6)
                for each, value in zip(columns, tuple(row), strict=True)
                if value is not None and isfinite(value)}
    return {}


# Beside and below them.

def _facet(query: Query, facet: Facet, place: int) -> Content:
    is_open = ' open' if facet.is_open or place < _OPEN else ''
    form = _range(query, facet) if facet.kind in ('range', 'date') else None
    part = escape(say('in part', number=current().number(PART))) if facet.in_part else ''
    more = f'<li><a href="{escape(facet.more)}">{escape(say("more"))}</a></li>\n' if facet.more else ''
    return [f'<details{is_open}><summary>{escape(facet.heading)}</summary>\n',
            ['<ul>', [f'<li>{each.__html__()}</li>\n' for each in facet.choices], more, '</ul>\n']
            if facet.choices else None,
            f'<p><small>{part}</small></p>\n' if part else None, form, '</details>\n']


def _range(query: Query, facet: Facet) -> Content:
    """The form for from … to."""
    now = {each.name: each.text for each in query.filters}
    names = {f'{kind}.{facet.column}': say(kind) for kind in ('from', 'to')}
    kind = 'type="date"' if facet.kind == 'date' else 'inputmode="decimal"'
    heading = escape(facet.heading)
    fields = [f'<label>{escape(word)} <input {kind} name="{escape(name)}" '
              f'value="{escape(now.get(name, ""))}" aria-label="{heading}, {escape(word)}"></label>'
              for name, word in names.items()]
    return [f'<form action="{escape(query.section.url())}" class="small">',
            hidden(query.pairs(*names)), fields,
            f'<button class="secondary">{escape(say("filter"))}</button></form>\n']


def _pager(query: Query, page: Page) -> Content:
    if not page.previous and not page.next:
        return None
    back = 'before' if query.section.place else 'after'  # the pages of a view have numbers

    def link(word: str, **fields: str | None) -> str:
        rel = {'previous': ' rel="prev"', 'next': ' rel="next"'}.get(word, '')
        url = query.url(**fields, scan='1' if page.looked else None)
        return f'<a href="{escape(url)}"{rel}>{escape(say(word))}</a> '
    before = [link('first'), link('previous', **{back: page.previous})] if page.previous else None
    after = [link('next', after=page.next), link('last', last='1')] if page.next else None
    return [f'<nav class="pager" aria-label="{escape(say("pages"))}">\n',
            [['<span>', part, '</span>\n'] for part in (before, after) if part], '</nav>\n']
