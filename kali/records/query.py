"""query: what the address of a list asks for (a search, filters, an order, a page), and the SQL of it.

A page is found by the row before or after it, so that the ten-thousandth costs what the first does. The
values of a filter are parameters, and the names of columns those of the schema: nothing of an address gets
into SQL.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from time import thread_time
from typing import TYPE_CHECKING, Any, NamedTuple

from kali.errors import BadRequest
from kali.records.bounded import TooLong, within
from kali.records.filters import KINDS, Filter, conditions, read_filters
from kali.records.keys import component_of, key_from
from kali.records.searching import FREQUENT, index_condition, search_condition, search_index
from kali.records.section import Section
from kali.sqlite.schema import quoted

if TYPE_CHECKING:
    from kali.http.request import Request

__all__ = ['MANY', 'SIZE', 'Page', 'Query']

#: Rows on a page, and how far rows are counted.
SIZE, MANY = 50, 10_000

# Seconds of the processor: for the rows of a page as SQLite finds them; if that is not enough, for looking
# through the table from the beginning of the page on; for sorting a table that has no index; for counting.
QUICK, LOOK, SORT, COUNT = 0.03, 0.025, 1.5, 0.012
_STEP = 4000  # rows that are looked through at a time


class Page(NamedTuple):
    """The rows of a page, and where the pages around it begin."""

    rows: list[sqlite3.Row]
    next: str  # the place after which the next one begins, '' if this is the last one
    previous: str  # the place before which the one before ends
    looked: int = 0  # how many rows were looked through, if not all of the table; -1: up to the last one
    unsorted: bool = False  # whether the order is that of the key, since sorting would have taken too long
    start: int = 0  # rows before the first one, where rows have no key


@dataclass(frozen=True)
class Query:
    """What the address of a list asks for.

    :ivar q: what is searched for
    :ivar filters: what the rows are chosen by
    :ivar order: the column that the list is sorted by, with a `-` before it for descending; '' for the key
    :ivar after: the place of the row after which the page begins; or `before`, before which it ends; or the
        page is the `last` one
    :ivar inside: whether the search looks inside of words where a full-text index finds beginnings only
    :ivar keys: only these rows, as components of a path; all unless given
    :ivar scan: whether the table is looked through, since all of it would take too long
    """

    section: Section
    q: str = ''
    filters: tuple[Filter, ...] = ()
    order: str = ''
    after: str = ''
    before: str = ''
    last: bool = False
    inside: bool = False
    scan: bool = False
    keys: tuple[str, ...] = ()

    @classmethod
    def read(cls, section: Section, request: Request) -> Query:
        """The query of the address of `request`.

        :raises BadRequest: 400 for an order or a filter that names no column, or a value that is none
        """
        fields = request.query
        order = fields.get('order', section.declared.order)
        if order:
            section.expect_order(order.removeprefix('-'))
        after, before = fields.get('after', ''), fields.get('before', '')
        return cls(section, fields.get('q', '').strip(), read_filters(section, fields), order, after, before,
                   **{name: name in fields for name in ('last', 'inside', 'scan')},
                   keys=tuple(dict.fromkeys(fields.get_list('key'))))

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of an address that asks for the same, from the first page on."""
        found: dict[str, Any] = {'q': self.q or None, 'inside': '1' if self.inside else None}
        for each in self.filters:
            found.setdefault(each.name, []).append(each.text)
        if self.order != self.section.declared.order:
            found['order'] = self.order
        if self.keys:
            found['key'] = list(self.keys)
        return found

    def pairs(self, *without: str) -> list[tuple[str, str]]:
        """The same as names and values for a form, but for those that the form has itself."""
        return [(name, value) for name, values in self.fields.items() if name not in without
                for value in (values if isinstance(values, list) else [values]) if value is not None]

    def url(self, **changes: Any) -> str:
        """The address of the list with some of the fields changed; None takes one out."""
        return self.section.url(**{**self.fields, **changes})

    def filtered(self, column: str, **fields: Any) -> str:
        """The address of the list with other filters of a column: `filtered('city', **{'in': '2026'})`."""
        changes = {f'{kind}.{column}': fields.get(kind) for kind in KINDS}
        return self.url(**changes)

    # The SQL.

    def where(self, *, in_part: bool = False) -> tuple[str, list[Any]]:
        """The condition for the rows that are listed, '' for all; and its parameters.

        :param in_part: whether the first of very many rows that an index finds will do
        """
        found: list[tuple[str, list[Any]]] = []
        if self.section.declared.where:
            found.append((f'({self.section.declared.where})', []))
        found += conditions(self.section, self.filters)
        if self.q:
            if self.hits is None:
                found.append(search_condition(self.section, self.q))
            elif in_part or not self.is_frequent:
                found.append(self._among(self.hits))
            else:
                found.append(index_condition(self.section, self.q))
        if self.keys:
            each = [self.section.table.condition(key_from(path)) for path in self.keys]
            found.append((f'({" OR ".join(sql for sql, _ in each)})', [
                value for _, values in each for value in values]))
        return ' AND '.join(sql for sql, _ in found), [value for _, values in found for value in values]

    @cached_property
    def hits(self) -> list[int] | None:
        """The rowids that an index finds, the first of them if there are very many; None where it finds
        nothing, and the table is looked through."""
        if not self.q or self.inside or not self.section.is_large:
            return None
        return search_index(self.section, self.q) or None

    @property
    def is_frequent(self) -> bool:
        """Whether so many rows are found that only the first of them are in `hits`."""
        return self.hits is not None and len(self.hits) == FREQUENT

    def _among(self, rowids: list[int]) -> tuple[str, list[Any]]:
        rowid = self.section.sql_of(self.section.table.rowid or '')
        return f'{rowid} IN (SELECT value FROM json_each(?))', [json.dumps(rowids)]

    def but(self, **changes: Any) -> Query:
        """This with other filters, or at another place."""
        other = replace(self, **changes)
        if 'hits' in self.__dict__ and 'q' not in changes:  # an answer of the index takes 20 ms
            other.__dict__['hits'] = self.hits
        return other

    def terms(self) -> list[tuple[str, bool]]:
        """The order: expressions of SQL, and whether descending; what tells rows apart comes last."""
        name = self.order.removeprefix('-')
        down = self.order.startswith('-')
        found = [(self.section.order_sql(name), down)] if name else [
            (self.section.sql_of(each), False) for each in self.section.table.key]
        known = [sql for sql, _ in found]
        places = map(self.section.sql_of, self.section.place)
        down = down and self.section.is_indexed(name)  # as SQLite by itself lists rows that are equal
        return found + [(sql, down) for sql in places if sql not in known]

    def order_sql(self, backwards: bool = False) -> str:
        """What stands after ORDER BY."""
        return _ordered(self.terms(), backwards)

    def sql(self, columns: str = '*') -> tuple[str, list[Any]]:
        """A SELECT of all rows that are listed, in their order; and its parameters."""
        where, parameters = self.where()
        return (f'SELECT {columns} FROM {self.section.table.sql_name}' + (f' WHERE {where}' if where else '')
                + (f' ORDER BY {order}' if (order := self.order_sql()) else '')), parameters

    # The rows.

    def count(self, limit: int = MANY) -> int:
        """How many rows are listed; one more than `limit` if there are more."""
        where, parameters = self.where()
        sql = f'SELECT 1 FROM {self.section.table.sql_name}' + (f' WHERE {where}' if where else '')
        return int(self.section.connection.execute(f'SELECT count(*) FROM ({sql} LIMIT {limit + 1})',
                                                   parameters).fetchone()[0])

    @cached_property
    def quick_count(self) -> int | None:
        """The same, or None if that takes too long."""
        if self.is_frequent:
            return None if self.filters or self.keys or self.section.declared.where else MANY + 1
        return self.section.remembered(('count', self.whole), self._count)  # type: ignore[no-any-return]

    def _count(self) -> int | None:
        with suppress(TooLong), within(self.section.connection, COUNT):
            return self.count()
        return None

    @property
    def whole(self) -> Query:
        """The same for all pages of the list."""
        return replace(self, after='', before='', last=False, scan=False)

    def page(self, columns: str = '', size: int = SIZE) -> Page:
        """The rows of the page that the address asks for.

        :param columns: SQL after SELECT; the columns of `section.place` are put after it
        """
        if not self.section.place:
            return self._numbered(columns, size)
        backwards, place = bool(self.before or self.last), self.before or self.after
        wide = self._with_place(columns)
        try:
            if self.scan or self.is_frequent:
                raise TooLong
            with within(self.section.connection, QUICK if self.q or self.filters else SORT):
                found = self._from(place, wide, size + 1, backwards)
        except TooLong:
            return self._looked_through(place, wide, size, backwards)
        except Gone:  # then the list begins at its first page
            return self.but(after='', before='').page(columns, size)
        if place and len(found) < size and backwards:  # not enough for a page: it is the first one
            return self.but(before='').page(columns, size)
        if place and not found and not backwards:
            return self.but(after='', last=True).page(columns, size)
        return self._turned(found, size, place, backwards)

    def _turned(self, found: list[sqlite3.Row], size: int, place: str, backwards: bool) -> Page:
        """The page of rows that were found in one direction, with one more if there are more."""
        more, found = len(found) > size, found[:size]
        ahead = self._place_of(found[-1]) if more else ''
        behind = self._place_of(found[0]) if place and found else ''
        return Page(found[::-1], behind, ahead) if backwards else Page(found, ahead, behind)

    def each(self, columns: str = '', size: int = 1000) -> Iterator[sqlite3.Row]:
        """All rows that are listed, read in batches, so that no cursor is held between two of them.

        :param columns: as for `page`
        """
        place = ''
        while True:
            found = self._from(place, self._with_place(columns), size, False)
            yield from found
            if len(found) < size:
                return
            place = self._place_of(found[-1])

    def _numbered(self, columns: str, size: int) -> Page:
        """A page of a view, whose rows have nothing by which they could be found again: by its number."""
        number = max(0, int(self.after)) if self.after.isdigit() else 0
        if self.last:
            number = max(0, -(-self.count() // size) - 1)
        where, parameters = self.where()
        rows = self.section.table.rows(where, parameters, columns=columns, order=self.order_sql(),
                                       limit=size + 1, offset=number * size)
        more = str(number + 1) if len(rows) > size else ''
        return Page(rows[:size], more, str(number - 1) if number else '', start=number * size)

    def _with_place(self, columns: str) -> str:
        table = self.section.table
        names = [quoted(each.name) for each in table.columns.values() if not each.hidden]
        missing = [f'{self.section.sql_of(each)} AS {quoted(each)}' for each in self.section.place
                   if columns or quoted(each) not in names]
        return ', '.join([columns or ', '.join(names), *missing])

    def _place_of(self, row: sqlite3.Row) -> str:
        names = self.section.place
        has_names = names[0] in row.keys()  # noqa: SIM118  # a Row contains values
        return component_of(tuple([row[name] for name in names] if has_names else tuple(row)[-len(names):]))

    def _from(self, place: str, columns: str, limit: int, backwards: bool) -> list[sqlite3.Row]:
        """Up to `limit` rows behind the one at `place`."""
        table, terms = self.section.table, self.terms()
        where, parameters = self.where()
        if self.order and where and (self.quick_count or 0) > MANY:
            # The rows are sorted by an index already, and many of them will do. SQLite would rather find all
            # of them by another index, and sort them (https://sqlite.org/lang_corefunc.html#likely).
            where = f'likely({where})'
        if not place:
            return table.rows(where, parameters, columns=columns, order=_ordered(terms, backwards),
                              limit=limit)
        start = self._values(place, terms)
        found: list[sqlite3.Row] = []
        # Rows that are equal in all terms but the last, then in all but the last two … Each is a range of an
        # index, where there is one; OR would have SQLite look at all rows.
        for depth in reversed(range(len(terms))):
            parts, more = [where] if where else [], list(parameters)
            for (sql, _), value in zip(terms[:depth], start, strict=False):
                parts.append(f'{sql} IS ?')
                more.append(value)
            (sql, down), value = terms[depth], start[depth]
            if down == backwards:
                parts.append(f'{sql} IS NOT NULL' if value is None else f'{sql} > ?')
            elif value is None:
                continue
            else:
                parts.append(f'({sql} < ? OR {sql} IS NULL)')
            more += [] if value is None else [value]
            found += table.rows(' AND '.join(parts), more, columns=columns,
                                order=_ordered(terms[depth:], backwards), limit=limit - len(found))
            if len(found) >= limit:
                break
        return found

    def _values(self, place: str, terms: list[tuple[str, bool]]) -> list[Any]:
        """What the row at `place` has in the terms of the order.

        :raises Gone: if it is not there any more
        """
        condition, values = self._at(place)
        if [sql for sql, _ in terms] == [self.section.sql_of(name) for name in self.section.place]:
            return values
        names = ', '.join(sql for sql, _ in terms)
        found = self.section.table.rows(condition, values, columns=names, limit=1)
        if not found:
            raise Gone
        return list(found[0])

    def _at(self, place: str, compare: str = '=') -> tuple[str, list[Any]]:
        """The condition for the row at `place`, or for those before or after it, and its parameters."""
        key = key_from(place)
        values = list(key) if isinstance(key, tuple) else [key]
        names = [self.section.sql_of(name) for name in self.section.place]
        if len(values) != len(names):
            raise BadRequest(f'{place!r} is no place in this list. Begin at its first page.')
        return f'({", ".join(names)}) {compare} ({", ".join("?" * len(names))})', values

    def first(self, number: int) -> tuple[str, list[Any]]:
        """The condition for the first rows of the table in the order of the key, and its parameters."""
        names = ', '.join(self.section.sql_of(name) for name in self.section.place)
        ends = self.section.table.rows(columns=names, order=names, limit=1, offset=number - 1)
        return self._at(component_of(tuple(ends[0])), '<=') if ends else ('1', [])

    def _looked_through(self, place: str, columns: str, size: int, backwards: bool) -> Page:
        """A page of what is found by looking through the table in the order of the key, for a while."""
        until = thread_time() + LOOK
        ordered = _ordered([(self.section.sql_of(name), False) for name in self.section.place], backwards)
        begin, looked = place, 0
        found: list[sqlite3.Row] = []
        while True:
            conditions, end, number = self._part(begin, ordered, backwards)
            found += self.section.table.rows(
                ' AND '.join(sql for sql, _ in conditions if sql),
                [value for _, values in conditions for value in values],
                columns=columns, order=ordered, limit=size + 1 - len(found))
            looked, begin = looked + number, end
            if len(found) > size or not end:
                page = self._turned(found, size, place, backwards)
                return page._replace(looked=-1, unsorted=bool(self.order))
            if thread_time() > until:
                break
        behind = self._place_of(found[0]) if place and found else place
        return (Page(found[::-1], behind, begin, looked, bool(self.order)) if backwards
                else Page(found, begin, behind, looked, bool(self.order)))

    def _part(self, begin: str, ordered: str,
              backwards: bool) -> tuple[list[tuple[str, list[Any]]], str, int]:
        """The conditions for the next part of the table, the place at which it ends ('' at the end of the
        table), and the number of rows in it."""
        if self.is_frequent:
            after = key_from(begin) if begin else None
            hits = self.hits if after is None and not backwards else search_index(
                self.section, self.q, after if isinstance(after, int) else None, backwards=backwards)
            hits = hits or []
            return ([self.but(q='').where(), self._among(hits)],
                    component_of(hits[-1]) if len(hits) == FREQUENT else '', len(hits))
        names = ', '.join(self.section.sql_of(name) for name in self.section.place)
        where, parameters = self._at(begin, '<' if backwards else '>') if begin else ('', [])
        ends = self.section.table.rows(where, parameters, columns=names, order=ordered, limit=1,
                                       offset=_STEP - 1)
        end = component_of(tuple(ends[0])) if ends else ''
        return ([self.where(), (where, parameters),
                 self._at(end, '>=' if backwards else '<=') if end else ('', [])], end, _STEP)


class Gone(Exception):
    """The row at which a page begins is not there any more."""


def _ordered(terms: Sequence[tuple[str, bool]], backwards: bool) -> str:
    return ', '.join(f'{sql} DESC' if down != backwards else sql for sql, down in terms)
