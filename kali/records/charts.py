"""charts: what a table holds as a picture: bars, a line, or a pie, drawn as SVG without a script.

Each picture has a title and a description for a screen reader, and its numbers as a table below it. The page
of charts draws those that were declared, and what somebody asks for in its form, of the rows that are listed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kali.errors import BadRequest
from kali.http.request import Request
from kali.locale import current
from kali.locale.words import say
from kali.markup import Markup
from kali.records.bounded import TooLong, within
from kali.records.columns import kind_of
from kali.records.declared import Chart
from kali.records.filters import date_sql
from kali.records.pickers import field, hidden, select
from kali.records.query import Query
from kali.records.section import Section
from kali.routing.router import Router
from kali.sqlite import schema
from kali.sqlite.schema import quoted

if TYPE_CHECKING:
    from kali.iolist import Content

__all__ = ['drawn', 'groups_of', 'labelled', 'mount']

Pairs = Sequence[tuple[str, float]]

BARS, POINTS, SLICES = 40, 400, 8  # that are drawn
SECONDS = 5.0  # of the processor for one chart
WIDTH, LEFT = 800, 190
_PERIODS = {'year': 4, 'month': 7, 'day': 10}  # characters of a date
_SHAPES = ('bar', 'line', 'pie')


def mount(router: Router, section: Section) -> None:
    """Put the charts of a table on its router."""
    router.get('/charts')(lambda request: _page(section, request))


def drawn(pairs: Pairs, kind: str = 'bar', title: str = '', number: int = 1) -> Markup:
    """A chart as HTML: a `figure` with the picture, and its numbers as a table.

    :param pairs: labels and numbers, in their order
    :param kind: 'bar', 'line' or 'pie'; a pie of which a part is negative is drawn as bars
    :param number: of the chart on its page, from 1

    >>> '<svg class="chart"' in drawn([('open', 3), ('done', 9)], title='Jobs')
    True
    """
    if kind == 'pie' and (any(value < 0 for _, value in pairs) or not any(value for _, value in pairs)):
        kind = 'bar'
    name, values = f'chart-{number}', [value for _, value in pairs]
    about = say('chart about', count=len(pairs), least=_in_words(min(values, default=0)),
                most=_in_words(max(values, default=0)))
    picture, height = _SHAPES_BY_NAME[kind](pairs)
    rows = Markup('').join(Markup('<tr><th scope="row">{}</th><td class="number">{}</td></tr>\n').format(
        label, _in_words(value)) for label, value in pairs)
    return Markup(
        '<figure>\n<figcaption>{title}</figcaption>\n'
        '<svg class="chart" viewBox="0 0 {width} {height}" role="img" '
        'aria-labelledby="{name} {name}-about"><title id="{name}">{title}</title>'
        '<desc id="{name}-about">{about}</desc>\n{picture}</svg>\n<details><summary>{data}</summary>\n'
        '<table><thead><tr><th>{title}</th><th class="number">{value}</th></tr></thead>'
        '<tbody>\n{rows}</tbody></table></details>\n</figure>\n').format(
            title=title or say('charts'), width=WIDTH, height=height, name=name, about=about, picture=picture,
            data=say('chart data'), value=say('chart value'), rows=rows)


# The pictures.

def _bars(pairs: Pairs) -> tuple[Markup, int]:
    """A bar for each, one below the other, so that there is room for the labels."""
    pairs = pairs[:BARS]
    least, most = min(0, *(value for _, value in pairs), 0), max(0, *(value for _, value in pairs), 0)
    scale = (WIDTH - LEFT - 100) / ((most - least) or 1)
    zero = LEFT - least * scale
    parts = []
    for number, (label, value) in enumerate(pairs):
        top, length = 14 + 26 * number, abs(value) * scale
        begin = zero if value >= 0 else zero - length
        parts.append(Markup('<text x="{}" y="{}" text-anchor="end">{}</text>'
                            '<rect class="s1" x="{:.1f}" y="{}" width="{:.1f}" height="20"/>'
                            '<text x="{:.1f}" y="{}">{}</text>\n').format(
            LEFT - 8, top + 15, _short(label, 26), begin, top, max(length, .5), begin + length + 6, top + 15,
            _in_words(value)))
    height = 24 + 26 * len(pairs)
    parts.append(Markup('<path class="axis" d="M{:.1f} 8V{}"/>\n').format(zero, height - 8))
    return Markup('').join(parts), height


def _line(pairs: Pairs) -> tuple[Markup, int]:
    """A line through all, with marks at round numbers."""
    pairs, height, left = pairs[-POINTS:], 320, 80
    values = [value for _, value in pairs]
    step = _round_step(max(0, *values) - min(0, *values)) if values else 1
    low, high = (math.floor(min(0, *values) / step), math.ceil(max(0, *values) / step)) if values else (0, 1)
    high = max(high, low + 1)

    def across(number: int) -> float:
        return left + (WIDTH - left - 30) * (number / (len(pairs) - 1) if len(pairs) > 1 else .5)

    def down(value: float) -> float:
        return height - 50 - (height - 80) * (value / step - low) / (high - low)
    parts = [Markup('<path class="axis" d="M{} {:.1f}H{}"/>'
                    '<text x="{}" y="{:.1f}" text-anchor="end">{}</text>\n').format(
        left, down(mark), WIDTH - 20, left - 8, down(mark) + 4, _in_words(mark))
        for mark in (each * step for each in range(low, high + 1))]
    every = max(1, math.ceil(len(pairs) / 8))
    parts += [Markup('<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>\n').format(
        across(number), height - 20, _short(label, 12)) for number, (label, _) in enumerate(pairs)
        if number % every == 0]
    places = [f'{across(number):.1f},{down(value):.1f}' for number, value in enumerate(values)]
    parts.append(Markup('<polyline class="s1" points="{}"/>\n').format(' '.join(places)))
    if len(pairs) <= 40:
        parts += [Markup('<circle class="s1" cx="{}" cy="{}" r="4"/>').format(*place.split(','))
                  for place in places]
    return Markup('').join(parts), height


def _pie(pairs: Pairs) -> tuple[Markup, int]:
    """The parts of a whole; small ones at the end are drawn as one."""
    pairs = [pair for pair in pairs if pair[1]]
    if len(pairs) > SLICES:
        rest = sum(value for _, value in pairs[SLICES - 1:])
        pairs = [*pairs[:SLICES - 1], (say('chart others', count=len(pairs) - SLICES + 1), rest)]
    whole, begin, parts = sum(value for _, value in pairs), 0.0, []
    for number, (label, value) in enumerate(pairs, 1):
        end = begin + value / whole
        if value == whole:
            shape = Markup('<circle class="s1" cx="160" cy="160" r="140"/>')
        else:
            (x, y), (to_x, to_y) = ((160 + 140 * math.sin(2 * math.pi * turn),
                                     160 - 140 * math.cos(2 * math.pi * turn)) for turn in (begin, end))
            shape = Markup('<path class="s{}" d="M160 160L{:.2f} {:.2f}A140 140 0 {} 1 {:.2f} {:.2f}Z"/>'
                           ).format(number, x, y, int(end - begin > .5), to_x, to_y)
        top = 40 + 28 * number
        parts.append(shape + Markup('<rect class="s{}" x="340" y="{}" width="14" height="14"/>'
                                    '<text x="364" y="{}">{}: {} ({:.0%})</text>\n').format(
            number, top - 12, top, _short(label, 40), _in_words(value), value / whole))
        begin = end
    return Markup('').join(parts), 320


_SHAPES_BY_NAME = dict(zip(_SHAPES, (_bars, _line, _pie), strict=True))


def _round_step(span: float) -> float:
    """About a fifth of `span`, as 1, 2 or 5 with zeros.

    >>> _round_step(47), _round_step(0.3)
    (10.0, 0.1)
    """
    if not span or not math.isfinite(span):
        return 1.0
    power = float(10.0 ** math.floor(math.log10(span / 5)))
    return next(power * times for times in (1, 2, 5, 10) if power * times * 5 >= span * .9999)


def _in_words(value: float) -> str:
    rounded = round(value, 2) if abs(value) < 1e15 else value
    return current().number(int(rounded) if rounded == int(rounded) else rounded)


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else f'{text[:length - 1]}…'


# The page.

def _page(section: Section, request: Request) -> Any:
    query = Query.read(section, request)
    groups, values = groups_of(section), _values(section)
    fields = request.query
    chosen = Chart(fields.get('by', ''), _kind(fields.get('shape', 'bar')), fields.get('value', 'count'))
    asked = [chosen] if chosen.group else []
    declared = [] if asked else list(section.declared.charts)
    if not asked and not declared and groups:
        chosen = Chart(next(iter(groups)), 'bar', 'count')
        asked = [chosen]
    parts = [drawn(pairs, each.kind, title, number) if pairs else Markup('<p>{}: {}</p>').format(title, said)
             for number, each in enumerate([*declared, *asked], 1)
             for title, pairs, said in [_of(section, query, each, groups, values, each in asked)]]
    back = Markup('<p><a href="{}">{}</a></p>\n').format(query.url(), section.title)
    return section.page(request, f'{section.title}: {say("charts")}', [
        _form(query, groups, values, chosen) if groups else '', parts, back])


def _kind(text: str) -> Any:
    if text not in _SHAPES:
        raise BadRequest(f'shape={text!r}: a chart is one of {", ".join(_SHAPES)}.')
    return text


def _form(query: Query, groups: dict[str, tuple[str, str]], values: dict[str, tuple[str, str]],
          chosen: Chart) -> Content:
    shapes = {each: say(f'chart {each}') for each in _SHAPES}
    return [Markup('<form method="get" class="columns">'), hidden(query.pairs()),
            field('by', say('chart by'), select('by', {name: words for name, (words, _) in groups.items()},
                                                chosen.group)),
            field('value', say('chart value'), select('value', {name: words for name, (words, _)
                                                                in values.items()}, chosen.value)),
            field('shape', say('chart shape'), select('shape', shapes, chosen.kind)),
            Markup('<p class="buttons"><button>{}</button></p></form>\n').format(say('chart draw'))]


def groups_of(section: Section) -> dict[str, tuple[str, str]]:
    """What rows can be counted by: a name, the words for it, and its SQL."""
    found = {}
    for column in section.table.columns.values():
        kind = kind_of(column)
        if column.hidden or kind == 'blob':
            continue
        if kind in ('date', 'moment'):
            for period, length in _PERIODS.items():
                found[f'{column.name}:{period}'] = (f'{section.heading(column.name)} ({say(f"by {period}")})',
                                                    f'substr({date_sql(section, column.name)}, 1, {length})')
        elif column.name not in section.table.key or len(section.table.key) > 1:
            found[column.name] = section.heading(column.name), quoted(column.name)
    first = [name for name in found if name.partition(':')[0] in section.filters]
    return {name: found[name] for name in [*first, *found]}


def _values(section: Section) -> dict[str, tuple[str, str]]:
    found = {'count': (say('chart count'), 'count(*)')}
    for column in section.table.columns.values():
        if (kind_of(column) in ('number', 'money') and column.name not in section.table.key
                and column.name not in section.parents and not column.hidden):
            heading, name = section.heading(column.name), quoted(column.name)
            found[f'sum:{column.name}'] = say('chart sum', column=heading), f'sum({name} + 0.0)'
            found[f'avg:{column.name}'] = say('chart average', column=heading), f'avg({name})'
    return found


def _of(section: Section, query: Query, chart: Chart, groups: dict[str, tuple[str, str]],
        values: dict[str, tuple[str, str]], asked: bool) -> tuple[str, Pairs, str]:
    """The title of a chart, its labels and numbers; and what to say where there are none."""
    words, value, sql, parameters = chart.title, chart.value, chart.group, list[Any]()
    by = chart.group
    if asked and (by not in groups or value not in values):
        raise BadRequest(f'{section.title} has no chart of {value!r} by {by!r}.')
    if asked or not chart.group.lstrip().lower().startswith(('select', 'with')):
        heading, expression = groups.get(by, (section.heading(by), by))
        measure, value = values.get(value, (say('chart count') if value == 'count(*)' else value, value))
        words = words or f'{measure}: {heading}'
        where, parameters = query.where()
        order = '1' if ':' in by or chart.kind == 'line' else '2 DESC, 1'
        sql = (f'SELECT {expression}, {value} FROM {section.table.sql_name}'
               + (f' WHERE {where}' if where else '') + f' GROUP BY 1 ORDER BY {order} LIMIT {POINTS}')
    try:
        with within(section.connection, SECONDS):
            found = [tuple(row)[:2] for row in schema.select(section.connection, sql, parameters)]
    except TooLong:
        return words, [], say('chart too long')
    found = [each for each in found if isinstance(each[1], (int, float)) and math.isfinite(each[1])]
    labels = labelled(section, by, [label for label, _ in found])
    pairs = [(label, float(number)) for label, (_, number) in zip(labels, found, strict=True)]
    return words or section.title, pairs, say('no records')


def labelled(section: Section, by: str, values: Sequence[Any]) -> list[str]:
    """The values of a group in words: the labels of what they refer to."""
    labels: dict[Any, str] = {}
    if by in section.parents:
        parent, key = section.parents[by]
        labels = parent.labels(values, key)
    return [labels.get(value, '') or _label(value, section, by) for value in values]


def _label(value: Any, section: Section, by: str) -> str:
    if value in (None, ''):
        return say('empty')
    if value in (0, 1) and by in section.table.columns and kind_of(section.table.columns[by]) == 'boolean':
        return say('yes' if value else 'no')
    return str(value)
