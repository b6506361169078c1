"""listing: rows as a table of HTML: a heading for each column, and in each row a link to its record.

The list of a table, the rows that point to a record, and what a search over all tables finds look the same.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from kali.locale import current
from kali.locale.words import say
from kali.markup import Markup, escape
from kali.records.columns import Column, shown, size_and_head
from kali.records.files import small
from kali.records.keys import component_of, part_of
from kali.records.section import Section
from kali.sqlite.schema import quoted

if TYPE_CHECKING:
    from kali.iolist import Content

__all__ = ['Listing', 'blob', 'reference']

_SCROLLS = 7  # columns from which on a table scrolls by itself
_LINK = re.compile('</?a\\b[^>]*>')


def blob(section: Section, path: str, column: str, head: bytes, size: int) -> Markup:
    """What is shown of a BLOB: a picture, a link to it as a file, or without a key its size."""
    if path:
        return small(section, path, column, head, size)
    return escape(say('bytes', size=current().number(size)))


def reference(section: Section, column: str, value: Any, labels: dict[Any, str]) -> tuple[Markup, str]:
    """How a foreign key is shown: the label of what it refers to, and its address; '' if it leads nowhere."""
    parent, key = section.parents[column]
    if value not in labels:
        return shown(value, 'key'), ''
    return shown(labels[value], 'text'), (parent.url(component_of(value)) if parent.table.key == (key,)
                                          else parent.url(**{f'is.{key}': part_of(value)}))


class Listing:
    """The columns of a table as HTML.

    :param columns: those of its list unless given
    """

    def __init__(self, section: Section, columns: Sequence[Column] | None = None) -> None:
        self.section = section
        self.columns = list(section.columns if columns is None else columns)
        self._places = {id(column): place for place, column in
                        enumerate(each for each in self.columns if each.sql)}

    @property
    def select(self) -> str:
        """SQL for what the table needs of a row, after SELECT."""
        asked = [f'{each.select} AS "kali {place}"' for place, each in
                 enumerate(each for each in self.columns if each.sql)]
        table = self.section.table
        names = table.key or [each.name for each in table.columns.values()
                              if self._needs_all and not each.hidden]
        asked += [f'{self.section.sql_of(name)} AS {quoted(name)}' for name in names]
        return ', '.join(asked) or 'NULL'

    @property
    def _needs_all(self) -> bool:
        return bool(self.section.declared.mark or any(each.function for each in self.columns))

    def html(self, rows: Sequence[sqlite3.Row], *, caption: Content = None,
             link: Callable[[Column], str] | None = None, order: str = '',
             totals: dict[str, Any] | None = None, choose: bool = False, in_place: str = '',
             numbered: Callable[[int], str] = lambda number: '') -> Content:
        """The table.

        :param rows: as `select` asks for them
        :param link: the address of the list sorted by a column; '' where it cannot be
        :param order: what it is sorted by, with a `-` before it for descending
        :param totals: sums, by the name of the column
        :param choose: whether each row has a box to choose it
        :param in_place: the address at which cells are saved; '' if they cannot be changed here
        :param numbered: the address of a row without a key by its place in `rows`, from 0; '' for none
        """
        about = f' data-in-place="{escape(in_place)}"' if in_place else ''
        table = [f'<table class="data"{about}>\n', '<caption>', caption, '</caption>\n' if caption else '',
                 '<thead><tr>', self._heads(link, order, choose), '</tr></thead>\n<tbody>\n',
                 self._rows(rows, choose, numbered), '</tbody>\n', self._foot(totals or {}, choose),
                 '</table>\n']
        if not caption:
            table[1:4] = []
        if len(self.columns) < _SCROLLS:
            return table
        title = escape(self.section.title)
        return [f'<div class="scroll" role="region" tabindex="0" aria-label="{title}">\n', table, '</div>\n']

    def _heads(self, link: Callable[[Column], str] | None, order: str, choose: bool) -> Content:
        heads: list[Content] = ['<td class="tight"></td>'] if choose else []
        for column in self.columns:
            url = link(column) if link is not None else ''
            sort = {column.name: 'ascending', f'-{column.name}': 'descending'}.get(order) if url else None
            about = (' class="number"' if column.is_number else '') + (f' aria-sort="{sort}"' if sort else '')
            text = escape(column.heading)
            text = Markup('<a href="{}">{}</a>').format(url, text) if url else text
            heads.append(f'<th scope="col"{about}>{text}</th>')
        return heads

    def _rows(self, rows: Sequence[sqlite3.Row], choose: bool, numbered: Callable[[int], str]) -> Content:
        section = self.section
        labels = {column.name: self._labels(column, rows) for column in self.columns
                  if column.is_own and column.name in section.parents}
        whole = self._whole(rows)
        found = []
        for number, row in enumerate(rows):
            path = section.path_of(row) if section.table.key else ''
            url = section.url(path) if path else numbered(number)
            mark = section.declared.mark(whole[number]) if section.declared.mark and whole else None
            cells = [self._value(column, row, whole[number] if whole else None, labels, path)
                     for column in self.columns]
            found.append([f'<tr data-key="{escape(path)}"' if path else '<tr',
                          f' data-mark="{escape(mark)}">' if mark else '>',
                          self._box(path, cells[0][0]) if choose else None,
                          self._first(cells[0][0], url, mark), map(self._cell, self.columns[1:], cells[1:]),
                          '</tr>\n'])
        return found

    @staticmethod
    def _box(path: str, text: Markup) -> str:
        label = escape(say('choose row', label=re.sub('<[^>]*>', '', text) or path))
        return (f'<td class="tight"><input type="checkbox" name="key" value="{escape(path)}" form="rows" '
                f'aria-label="{label}"></td>')

    def _first(self, text: Markup, url: str, mark: str | None) -> Content:
        text = text or escape(say('empty'))
        linked = f'<a href="{escape(url)}">{_LINK.sub("", text)}</a>' if url else text
        number = ' class="number"' if self.columns[0].is_number else ''
        badge = f' <span class="badge" data-mark="{escape(mark)}">{escape(mark)}</span>' if mark else ''
        name = f' data-column="{escape(self.columns[0].name)}"' if self.columns[0].is_own else ''
        return f'<th scope="row"{number}{name}>{linked}{badge}</th>'

    @staticmethod
    def _cell(column: Column, cell: tuple[Markup, bool]) -> str:
        text, is_number = cell
        about = (' class="number"' if column.is_number or is_number else '') + (
            f' data-column="{escape(column.name)}"' if column.is_own else '')
        return f'<td data-label="{escape(column.heading)}"{about}>{text}</td>'

    def _value(self, column: Column, row: sqlite3.Row, whole: Any, labels: dict[str, dict[Any, str]],
               path: str) -> tuple[Markup, bool]:
        """What a cell shows, and whether that is a number in a column of other things."""
        if column.function is not None:
            value = column.function(whole)
            return shown(value, column.kind) if not hasattr(value, '__html__') else escape(value), isinstance(
                value, (int, float))
        value = row[self._places[id(column)]]
        if isinstance(value, bytes):
            size, head = size_and_head(value)
            return blob(self.section, path, column.name, head, size), False
        if column.name in labels and value is not None:
            text, url = reference(self.section, column.name, value, labels[column.name])
            linked = Markup('<a href="{}">{}</a>').format(url, text)
            return linked if url and column is not self.columns[0] else text, False
        is_number = not column.is_own and isinstance(value, (int, float))
        return shown(value, column.kind, places=column.places), is_number

    def _labels(self, column: Column, rows: Sequence[sqlite3.Row]) -> dict[Any, str]:
        parent, key = self.section.parents[column.name]
        return parent.labels((row[self._places[id(column)]] for row in rows), key)

    def _whole(self, rows: Sequence[sqlite3.Row]) -> list[sqlite3.Row]:
        """The rows with all columns of the table, where a function wants them."""
        table = self.section.table
        if not self._needs_all:
            return []
        return [table.get(table.key_of(row)) for row in rows] if table.key else list(rows)

    def _foot(self, totals: dict[str, Any], choose: bool) -> Content:
        if not totals:
            return None
        sums = [shown(totals.get(each.name), each.kind, places=each.places) for each in self.columns[1:]]
        cells = [f'<td class="number">{each}</td>' if each else '<td></td>' for each in sums]
        return ['<tfoot><tr>', '<td></td>' if choose else '', f'<th scope="row">{escape(say("total"))}</th>',
                cells, '</tr></tfoot>\n']
