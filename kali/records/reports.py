"""reports: what is listed, group by group with subtotals; and a record as a page to print.

Both are plain pages: the browser prints them, and kali's style sheet leaves out what is no use on paper.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from kali.errors import BadRequest
from kali.http.page import document
from kali.http.request import Request
from kali.http.response import Response
from kali.locale import current
from kali.locale.words import say
from kali.markup import Markup
from kali.records.bounded import TooLong, within
from kali.records.charts import groups_of, labelled
from kali.records.columns import shown
from kali.records.listing import Listing
from kali.records.pickers import field, hidden, select
from kali.records.query import Query
from kali.records.record_page import items, pointing_here
from kali.records.section import Section
from kali.routing.router import Router
from kali.sqlite import schema

if TYPE_CHECKING:
    from kali.iolist import Content

__all__ = ['mount']

GROUPS, ROWS, CHILDREN = 500, 2000, 500  # that are shown
SECONDS = 5.0  # of the processor


def mount(router: Router, section: Section) -> None:
    """Put the report of a table, and the print of a record, on its router."""
    router.get('/report')(lambda request: _report(section, request))

    router.get('/*/print')(lambda request, path: _sheet(section, path))


def _sheet(section: Section, path: str) -> Response:
    """A record and all that refers to it, without the frame of the program."""
    row = section.row(path)
    title = section.label_of(row) or section.title
    back = Markup('<p class="buttons"><a class="button secondary" href="{}">{}</a></p>\n').format(
        section.url(path), say('back'))
    return Response(document(title, title, [back, '<dl>\n', items(section, row, path), '</dl>\n',
                                            pointing_here(section, row, CHILDREN)]))


def _report(section: Section, request: Request) -> Response:
    query, groups = Query.read(section, request), groups_of(section)
    by = request.query.get('by', next(iter(groups), ''))
    if by not in groups:
        raise BadRequest(f'{section.title} has no report by {by!r}.')
    with_rows = request.query.get('rows', '1') == '1'
    try:
        with within(section.connection, SECONDS):
            content = _by_group(query, by, groups[by], with_rows)
    except TooLong:
        content = Markup('<p role="alert">{}</p>\n').format(say('chart too long'))
    choice = {name: words for name, (words, _) in groups.items()}
    rows = {'1': say('yes'), '0': say('no')}
    form = [Markup('<form method="get" class="columns" role="search">'), hidden(query.pairs()),
            field('by', say('chart by'), select('by', choice, by)),
            field('rows', say('report rows'), select('rows', rows, str(int(with_rows)))),
            Markup('<p class="buttons"><button>{}</button> <a href="{}">{}</a></p></form>\n').format(
                say('report show'), query.url(), section.title)]
    return section.page(request, f'{section.title}: {say("report")}', [form, content])


def _by_group(query: Query, by: str, group: tuple[str, str], with_rows: bool) -> Content:
    """The groups with their subtotals, and the total."""
    section, (heading, expression) = query.section, group
    name = by.partition(':')[0]
    columns = [each for each in section.columns if each.name != name or not each.is_own]
    listing = Listing(section, columns or None)
    summed = [each for each in listing.columns if each.is_number and each.sql]
    sums = ', '.join(['count(*)', *(f'sum(({each.sql}) + 0.0)' for each in summed)])
    where, parameters = query.where()
    source = f'FROM {section.table.sql_name}' + (f' WHERE {where}' if where else '')
    run = partial(schema.select, section.connection)
    found = [tuple(row) for row in run(
        f'SELECT {expression}, {sums} {source} GROUP BY 1 ORDER BY 1 LIMIT {GROUPS + 1}', parameters)]
    total = tuple(run(f'SELECT {sums} {source}', parameters)[0])
    words = labelled(section, by, [label for label, *_ in found])
    with_rows = with_rows and total[0] <= ROWS
    parts: list[Content] = []
    if with_rows:
        for (value, *numbers), label in zip(found, words, strict=True):
            rows = run(f'SELECT {listing.select} {source}{" AND" if where else " WHERE"} {expression} IS ? '
                       f'ORDER BY {query.order_sql() or 1}', [*parameters, value])
            totals = {each.name: number for each, number in zip(summed, numbers[1:], strict=True)}
            parts.append([Markup('<h2>{} ({})</h2>\n').format(label, current().number(numbers[0])),
                          listing.html(rows, totals=totals)])
        parts.append(Markup('<h2>{}</h2>\n').format(say('total')))
    cells = [[label, *numbers] for (_, *numbers), label in zip(found[:GROUPS], words, strict=False)]
    heads = Markup('').join(Markup('<th class="number">{}</th>').format(each.heading) for each in summed)
    body = Markup('').join(Markup('<tr><th scope="row">{}</th>{}</tr>\n').format(
        label, _numbers(numbers, summed)) for label, *numbers in cells)
    parts.append(Markup('<table><thead><tr><th>{}</th><th class="number">{}</th>{}</tr></thead><tbody>\n{}'
                        '</tbody><tfoot><tr><th scope="row">{}</th>{}</tr></tfoot></table>\n').format(
        heading, say('chart count'), heads, body, say('total'), _numbers(total, summed)))
    return parts


def _numbers(numbers: Any, summed: Any) -> Markup:
    kinds = ['number', *(each.kind for each in summed)]
    return Markup('').join(Markup('<td class="number">{}</td>').format(shown(number, kind))
                           for number, kind in zip(numbers, kinds, strict=True))
