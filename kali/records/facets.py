"""facets: the filters beside a list: what its columns hold, and how often, each a link to the rows that have
it.

Counts are exact in a table of moderate size. In a large one they are those of an index, up to a limit, or of
a part of the rows, and the page says so: they are never waited for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from html import unescape
from time import thread_time
from typing import Any, NamedTuple

from kali.locale import current
from kali.locale.words import say
from kali.markup import Markup, escape
from kali.records.bounded import TooLong, within
from kali.records.columns import kind_of, shown
from kali.records.filters import Filter, date_sql
from kali.records.keys import part_of, value_from
from kali.records.query import MANY, Query
from kali.records.section import Section
from kali.sqlite.schema import quoted, select

__all__ = ['PART', 'Choice', 'Facet', 'chosen', 'counted', 'facets', 'in_words']

SECONDS = 0.025  # of the processor, for all facets of a page of a large table
LEAST = 0.005  # for each of them, however many there are
FEW, MORE = 10, 200  # choices that are shown at first, and when more are asked for
EXACT, PART = 20_000, 10_000  # rows up to which all are counted; rows that are counted in a larger table
_SKIPS = 40  # different values that are looked up one after the other in an index
_LONGEST = 100  # characters of a text that is a choice
_PERIOD = re.compile('[0-9]{4}(-(0[1-9]|1[0-2])(-[0-9]{2})?)?')

Counts = list[tuple[Any, int]]


class Choice(NamedTuple):
    """A value to choose rows by; its link reads "Rock (1,297)"."""

    text: Markup
    url: str
    number: int | None = None
    chosen: bool = False

    def __html__(self) -> str:
        number = '' if self.number is None else f' ({counted(self.number)})'
        return Markup('<a href="{}"{}>{}{}</a>').format(
            self.url, Markup(' aria-current="true"' if self.chosen else ''), self.text, number)


class Facet(NamedTuple):
    """The filter of a column."""

    column: str
    heading: str
    kind: str  # choice, date, range
    choices: list[Choice]
    in_part: bool = False  # whether only a part of the rows was counted
    more: str = ''  # the address with more choices
    is_open: bool = False


def counted(number: int) -> str:
    """A number of rows in words: `1,297`, or `over 10,000`."""
    return say('over', number=current().number(MANY)) if number > MANY else current().number(number)


def facets(query: Query, more: str = '') -> list[Facet]:
    """The filters of a list. What takes too long is left without counts.

    :param more: the column of which more choices are asked for
    """
    is_large = query.section.has_more_than(EXACT)
    until, found = thread_time() + (SECONDS if is_large else 4 * SECONDS), []
    for column in query.section.filters:
        kind = query.section.filter_kind(column)
        limit = MORE if column == more else FEW
        mine = [each for each in query.filters if each.column == column]
        period = next((each.text[:7] for each in mine if each.kind == 'in'), '') if kind == 'date' else ''
        others = query.but(filters=tuple(each for each in query.filters if each.column != column) + (
            (Filter('in', column, period),) if period else ()))
        seconds = max(until - thread_time(), LEAST)
        counts, in_part = _counts(others, column, kind, period, limit, is_large, seconds)
        has_more = len(counts) > limit and column != more
        choices = _choices(query, column, kind, mine, period, counts[:limit])
        found.append(Facet(column, query.section.heading(column), kind, choices, in_part,
                           query.url(more=column) if has_more else '', bool(mine) or column == more))
    return found


# Counting.

def _counts(others: Query, column: str, kind: str, period: str, limit: int, is_large: bool,
            seconds: float) -> tuple[Counts, bool]:
    """The values of a column with the numbers of rows, and whether only a part of the rows was counted.

    :param others: the query without the filter of this column, but for the year or month that is looked into
    """
    section, name = others.section, quoted(column)
    if kind == 'range' and (is_large or section.table.columns[column].not_null):
        return [], False
    where, _ = others.where(in_part=True)
    is_indexed = is_large and column in section.indexed
    length = (7 if len(period) == 4 else 10) if period else 4
    is_alone = len(others.filters) == bool(period) and not (others.q or others.keys or section.declared.where)
    if is_indexed and is_alone and (
            skipped := _skipped(section, column, kind, period, length)) is not None:
        return skipped, False
    group = f'substr({date_sql(section, column)}, 1, {length})' if kind == 'date' else name
    group = f"CASE {group} WHEN '' THEN NULL ELSE {group} END" if kind != 'range' else 'NULL'
    order = '1 DESC' if kind == 'date' else '2 DESC, 1'
    for source, parameters, in_part in _sources(others, name, kind, is_large):
        sql = (f'SELECT each, count(*), sum(count(*)) OVER () FROM (SELECT {group} AS each FROM {source}) '
               f'GROUP BY 1 ORDER BY {order} LIMIT {limit + 2}')
        with suppress(TooLong), within(section.connection, seconds):
            rows = list(map(tuple, select(section.connection, sql, parameters)))
            counts = [(value, number) for value, number, _ in rows]
            if is_indexed and not where:
                return _by_index(section, name, counts), False
            return counts, others.is_frequent or in_part or bool(rows and rows[0][2] == PART)
    return [], False


def _sources(others: Query, name: str, kind: str, is_large: bool) -> Iterator[tuple[str, list[Any], bool]]:
    """What is counted, as SQL after FROM with its parameters: the rows, or a part of them; and whether it is
    certain to be a part."""
    table, (where, parameters) = others.section.table.sql_name, others.where(in_part=True)
    where = ' AND '.join(filter(None, [
        where, f"({name} IS NULL OR {name} = '')" if kind == 'range' else '']))
    whole = table + (f' WHERE {where}' if where else '')
    if not is_large:
        yield whole, parameters, False
    elif where:
        yield f'{whole} LIMIT {PART}', parameters, False
    else:
        yield f'{table} NOT INDEXED LIMIT {PART}', [], False  # an index would give those of a few values
    if others.section.table.kind == 'table':
        edge, values = others.first(PART)
        yield f'{table} WHERE {edge}' + (f' AND {where}' if where else ''), values + parameters, True


def _by_index(section: Section, name: str, counts: Counts) -> Counts:
    """The same values with the numbers of an index, which are exact up to a limit."""
    sql = f'SELECT count(*) FROM (SELECT 1 FROM {section.table.sql_name} WHERE {name} IS ? LIMIT {MANY + 1})'
    found = [(value, select(section.connection, sql, [value])[0][0]) for value, _ in counts]
    return sorted(found, key=lambda pair: -pair[1])


def _skipped(section: Section, column: str, kind: str, period: str, length: int) -> Counts | None:
    """The same from an index, by going from one value to the next; None if there are many, or numbers in
    place of dates."""
    name = quoted(column)
    found: Counts = []

    def first(sql: str, *parameters: Any) -> Any:
        return select(section.connection, f'SELECT {sql}', parameters)[0][0]
    up_to = f'FROM (SELECT 1 FROM {section.table.sql_name} WHERE {{}} LIMIT {MANY + 1})'
    value = first(f'min({name}) FROM {section.table.sql_name}' + (f' WHERE {name} >= ?' if period else ''),
                  *([f'{period}-'] if period else []))
    while value is not None and not (period and not str(value).startswith(period)):
        if len(found) == _SKIPS or (kind == 'date' and not isinstance(value, str)):
            return None
        start, end = (value[:length], f'{value[:length]}~') if kind == 'date' else (value, value)
        condition = f'{name} >= ? AND {name} <= ?' if start != end else f'{name} = ?'
        ends = [start, end] if start != end else [start]
        found.append((start, first('count(*) ' + up_to.format(condition), *ends)))
        value = first(f'min({name}) FROM {section.table.sql_name} WHERE {name} > ?', end)
    nothing = first('count(*) ' + up_to.format(f'{name} IS NULL')) if not period else 0
    found.sort(key=(lambda pair: pair[0]) if kind == 'date' else (lambda pair: pair[1]), reverse=True)
    return found + [(None, nothing)] * bool(nothing)


# The choices.

def _choices(query: Query, column: str, kind: str, mine: list[Filter], period: str,
             counts: Counts) -> list[Choice]:
    """What can be chosen, each with the address that it leads to."""
    section = query.section
    chosen = {(each.kind, each.text) for each in mine}
    found, empty = [], []
    texts = _texts(section, column, kind, [value for value, _ in counts if value is not None])
    for value, number in counts:
        if value is None:
            is_chosen = ('empty', '1') in chosen
            url = query.filtered(column) if is_chosen else query.filtered(column, empty='1')
            empty = [Choice(escape(say('blank choice')), url, number, is_chosen)]
        elif value in texts:
            field, text = ('in', str(value)) if kind == 'date' else ('is', part_of(value))
            is_chosen = (field, text) in chosen
            url = query.filtered(column) if is_chosen else query.filtered(column, **{field: text})
            found.append(Choice(texts[value], url, number, is_chosen))
    above = [Choice(escape(say('all')), query.filtered(column))] if period else []
    for each in filter(None, [period[:4], period[4:] and period]):
        is_chosen = ('in', each) in chosen
        up = {'in': period[:4] if len(each) > 4 else None} if is_chosen else {'in': each}
        text = _texts(section, column, kind, [each]).get(each, escape(each))
        above.append(Choice(text, query.filtered(column, **up), None, is_chosen))
    shown_already = {each.url for each in found if each.chosen}
    strays = [value_from(text) for field, text in chosen if field == 'is' and not shown_already]
    names = _texts(section, column, kind, strays)
    lost = [Choice(names.get(value, escape(value)), query.filtered(column), None, True) for value in strays]
    return above + lost + found + empty


def _texts(section: Section, column: str, kind: str, values: list[Any]) -> dict[Any, Markup]:
    """What stands for values that can be chosen; those that cannot are left out."""
    fit = [value for value in values if not isinstance(value, bytes) and len(str(value)) <= _LONGEST]
    if kind == 'date':
        months = say('months').split()
        return {value: escape(f'{months[int(value[5:7]) - 1]} {value[:4]}') if len(value) == 7 else
                shown(value, 'date') for value in fit if _PERIOD.fullmatch(value)}
    if column in section.parents:
        parent, key = section.parents[column]
        labels = parent.labels(fit, key)
        return {value: escape(labels.get(value, value)) for value in fit}
    return {value: shown(value, kind_of(section.table.columns[column])) for value in fit}


# What is chosen already.

def chosen(query: Query) -> list[tuple[str, Markup]]:
    """The columns that rows are chosen by, each with what is asked for: "Genre: Rock"."""
    section = query.section
    found: dict[str, list[Markup]] = {}
    for each in query.filters:
        if each.kind == 'is':
            value = value_from(each.text)
            text = _texts(section, each.column, 'choice', [value]).get(value, escape(value))
        elif each.kind == 'empty':
            text = Markup('{}{}').format('' if each.text == '1' else '≠ ', say('blank choice'))
        else:
            word = '' if each.kind == 'in' else f'{say(each.kind)} '
            text = Markup('{}{}').format(word, shown(each.text, 'date'))
        found.setdefault(each.column, []).append(text)
    return [(column, Markup('{}: {}').format(section.heading(column), Markup(', ').join(texts)))
            for column, texts in found.items()]


def in_words(query: Query) -> str:
    """What the list asks for, as the name of a view."""
    parts = [f'“{query.q}”'] if query.q else []
    parts += [unescape(re.sub('<[^>]*>', '', text)) for _, text in chosen(query)]
    name = query.order.removeprefix('-')
    if query.order != query.section.declared.order and name:
        parts.append(f'{query.section.heading(name)} {"↓" if query.order.startswith("-") else "↑"}')
    return ', '.join(parts)
