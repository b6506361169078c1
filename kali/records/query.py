"""query: what the address of a list asks for (a search, filters, an order, a page), and the SQL of it.

A page is found by the key of the row before or after it, so that the ten-thousandth costs what the first
does. The values of a filter are parameters, and the names of columns those of the schema: nothing of an
address gets into SQL.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from kali.errors import BadRequest
from kali.records.keys import component_of, key_from
from kali.records.section import Section
from kali.sqlite.functions import fold
from kali.sqlite.schema import quoted

if TYPE_CHECKING:
    import sqlite3

    from kali.http.request import Request

__all__ = ['MANY', 'Query']

#: Rows on a page, and how far rows are counted.
SIZE, MANY = 50, 10_000


@dataclass(frozen=True)
class Query:
    """What the address of a list asks for.

    :ivar q: what is searched for
    :ivar filters: pairs of a field of the address (`is.status`) and its value
    :ivar order: the column that the list is sorted by, with a `-` before it for descending; '' for the key
    """

    section: Section
    q: str = ''
    filters: tuple[tuple[str, str], ...] = ()
    order: str = ''
    after: str = ''
    before: str = ''
    last: bool = False

    @classmethod
    def read(cls, section: Section, request: Request) -> Query:
        """The query of the address of `request`.

        :raises BadRequest: 400 for an order or a filter that names no column
        """
        fields = request.query
        order = fields.get('order', section.declared.order)
        section.expect_column(order.removeprefix('-'), 'order') if order else None
        filters = tuple((name, value) for name, value in fields.items() if name.startswith('is.'))
        for name, _ in filters:
            section.expect_column(name[3:], 'filter')
        return cls(section, fields.get('q', '').strip(), filters, order, fields.get('after', ''),
                   fields.get('before', ''), bool(fields.get('last', '')))

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of an address that asks for the same, from the first page on."""
        found: dict[str, Any] = {'q': self.q or None}
        for name, value in self.filters:
            found.setdefault(name, []).append(value)
        if self.order != self.section.declared.order:
            found['order'] = self.order
        return found

    def url(self, **changes: Any) -> str:
        """The address of the list with some of the fields changed; None takes one out."""
        return self.section.url(**{**self.fields, **changes})

    # The SQL.

    def where(self) -> tuple[str, list[Any]]:
        """The condition for the rows that are listed, '' for all; and its parameters."""
        parts = [f'({self.section.declared.where})'] if self.section.declared.where else []
        parameters: list[Any] = []
        for name, value in self.filters:
            parts.append(f'{quoted(name[3:])} = ?')
            parameters.append(value)
        for word in self.q.split()[:10]:
            columns = self.section.search_columns
            parts.append('(%s)' % (' OR '.join(f'instr(fold({quoted(each)}), ?)' for each in columns) or '0'))
            parameters += [fold(word)] * len(columns)
        return ' AND '.join(parts), parameters

    def terms(self) -> list[tuple[str, bool]]:
        """The order: expressions of SQL, and whether descending; the columns of the key come last."""
        name = self.order.removeprefix('-')
        found = [(self.section.sql_of(name), self.order.startswith('-'))] if name else []
        return found + [(self.section.sql_of(each), False) for each in self.section.table.key if each != name]

    def order_sql(self, backwards: bool = False) -> str:
        """What stands after ORDER BY."""
        return ', '.join(f'{sql} DESC' if down != backwards else sql for sql, down in self.terms())

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

    def rows(self, columns: str = '', size: int = SIZE) -> list[sqlite3.Row]:
        """The rows of the page, and one more if there are more."""
        backwards = bool(self.before or self.last)
        found = self._from(self.before or self.after, columns, size + 1, backwards)
        return found[::-1] if backwards else found

    def each(self, columns: str = '', size: int = 1000) -> Iterator[sqlite3.Row]:
        """All rows that are listed, read in batches by key, so that no cursor is held between two of them."""
        place = ''
        while True:
            found = replace(self, after=place, before='', last=False)._from(place, columns, size, False)
            yield from found
            if len(found) < size:
                return
            place = component_of(self.section.key_of(found[-1]))

    def _from(self, place: str, columns: str, limit: int, backwards: bool) -> list[sqlite3.Row]:
        """Up to `limit` rows behind the one with the key `place`."""
        table, terms = self.section.table, self.terms()
        where, parameters = self.where()
        if not place:
            return table.rows(where, parameters, columns=columns, order=self.order_sql(backwards),
                              limit=limit)
        start = self._values(place)
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
            order = ', '.join(f'{each} DESC' if goes != backwards else each for each, goes in terms[depth:])
            found += table.rows(' AND '.join(parts), more, columns=columns, order=order,
                                limit=limit - len(found))
            if len(found) >= limit:
                break
        return found

    def _values(self, place: str) -> list[Any]:
        """What the row with the key `place` has in the terms of the order."""
        table = self.section.table
        key = key_from(place)
        where, parameters = table.condition(key)
        found = table.rows(where, parameters, columns=', '.join(sql for sql, _ in self.terms()), limit=1)
        if not found:
            raise BadRequest('The row at which this page begins is not there any more.')
        return list(found[0])
