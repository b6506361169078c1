"""section: a table of the database with what its author declared: what all of its pages ask.

A Section stands for the schema as it is; when that changes, the Records make new ones.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from kali.errors import BadRequest, NotFound
from kali.http.urls import build_url
from kali.locale.words import say
from kali.records.columns import Column, heading_of, kind_of, places_of
from kali.records.declared import ColumnLike
from kali.records.declared import Table as Declared
from kali.records.keys import component_of, key_from, page_of
from kali.sqlite.schema import Names, Table, quoted, select

if TYPE_CHECKING:
    from kali.http.request import Request
    from kali.http.response import Response
    from kali.iolist import Content
    from kali.live.jobs import Jobs
    from kali.pages.shell import Shell

__all__ = ['Section']

#: Rows from which on a page does not look at all of a table.
LARGE = 50_000
_REMEMBERED = 50  # answers, see Section.remembered
_SAMPLE = 1000  # rows that are looked at for what a column holds
_MOST = 40  # columns of a list that nobody chose
_ORDER = ('choice', 'text', 'date', 'range')  # of the kinds of filters
_FILTERS = 10  # filters that nobody chose
_DIFFERENT, _SHORT = 25, 40  # values of a column that are choices, and their characters

# Names of numbers that nobody adds up.
_NO_AMOUNT = re.compile('(id|no|nr|num|number|code|year|month|day|zip|phone|position|order|index|rank|rating|'
                        'level|version|type|kind|flags?|hash|lat|lon|latitude|longitude|percent|rate|age|date|'
                        'time)$')
_NAMED = re.compile(r'(.+?)\s+as\s+["\[`]?(\w[\w ]*)["\]`]?\s*', re.IGNORECASE | re.DOTALL)
_FULL_TEXT = re.compile(r'CREATE\s+VIRTUAL\s+TABLE\b.*\bUSING\s+fts[345]\b', re.IGNORECASE | re.DOTALL)
_CONTENT = re.compile(r'\bcontent\s*=\s*(["\'`\[]?)(.*?)["\'`\]]?\s*[,)]', re.IGNORECASE | re.DOTALL)


class Program(Protocol):
    """What a section asks of the Records that it belongs to."""

    connection: Any
    shell: Shell
    base: tuple[str, ...]  # the components of the path at which they are mounted
    tables: Names[Table]
    read_only: str  # why nothing can be changed, or ''
    jobs: Jobs

    def find(self, name: str) -> Section | None:
        """The section of a table, or None."""

    def url(self, *components: str, **query: Any) -> str:
        """The address of a page that belongs to no table."""


class Section:
    """A table or view with its pages.

    :param records: the application that it belongs to
    :param table: as the schema says
    :param declared: as the author says
    """

    def __init__(self, records: Program, table: Table, declared: Declared) -> None:
        self.records, self.table, self.declared = records, table, declared
        self.connection, self.name = records.connection, table.name
        self._stamp, self._known = (-1, -1), dict[Any, Any]()

    def __repr__(self) -> str:
        return f'<Section {self.name}>'

    # Addresses.

    def url(self, *components: Any, **query: Any) -> str:
        """The address of a page of this table: the list without components, else what stands below it."""
        return build_url([*self.records.base, 'table', component_of(self.name), *(components or [''])], query)

    def key_of(self, row: Any) -> Any:
        """The key of a row, None without one; a tuple if it has several columns."""
        return self.table.key_of(row) if self.table.key else None

    def path_of(self, row: Any) -> str:
        """The component of a path that stands for a row."""
        return component_of(self.key_of(row))

    def row(self, path: str) -> sqlite3.Row:
        """The row with this component of a path.

        :raises NotFound: if there is none, or it is outside of `where`
        """
        key = key_from(path)
        if not self.table.key:
            raise NotFound(f'The rows of {self.title} have no key, so none has an address of its own.')
        row = self.table.get(key)
        if self.declared.where:
            where, parameters = self.table.condition(key)
            if not self.table.count(f'({self.declared.where}) AND {where}', parameters):
                raise NotFound(f'There is no {self.name} {path}.')
        return row

    # Words.

    @cached_property
    def title(self) -> str:
        """What the menu calls it."""
        return self.declared.title or heading_of(self.name)

    def heading(self, column: str) -> str:
        """What a column is called."""
        return self.labels_of_columns.get(column) or heading_of(column)

    @cached_property
    def labels_of_columns(self) -> Mapping[str, str]:
        """The labels that the author gave, by the names of the schema."""
        columns = self.table.columns
        return {columns[name].name if name in columns else name: label
                for name, label in self.declared.labels.items()}

    def unreadable(self, problem: object) -> str:
        """The sentence for a table or view that cannot be read."""
        return f'{self.title} cannot be read: {problem}.'

    # Rows.

    @cached_property
    def place(self) -> tuple[str, ...]:
        """The columns by which a row is found again when a list is turned over: the rowid, which is never
        NULL, else the key; () for a view."""
        return (self.table.rowid,) if self.table.rowid else self.table.key

    @property
    def is_large(self) -> bool:
        """Whether it has so many rows that a search cannot look at all of them."""
        return self.has_more_than(LARGE)

    def has_more_than(self, number: int) -> bool:
        """Whether it has more rows than that; never of a view, where that would take long to say."""
        return self.table.kind != 'view' and bool(self.table.rows(columns='1', limit=1, offset=number))

    def remembered(self, key: Any, make: Callable[[], Any]) -> Any:
        """What `make` gave for `key`, as long as neither this program nor another has written to the file:
        the counts of a list are the same on all of its pages."""
        stamp = (self.connection.total_changes,
                 sqlite3.Cursor(self.connection).execute('PRAGMA data_version').fetchone()[0])
        if stamp != self._stamp or len(self._known) > _REMEMBERED:
            self._stamp, self._known = stamp, {}
        if key not in self._known:
            self._known[key] = make()
        return self._known[key]

    @cached_property
    def full_text(self) -> tuple[Table, bool] | None:
        """The full-text index of this table, and whether it is one of trigrams, so that it finds parts of
        words."""
        for table in self.records.tables.values() if self.table.rowid else ():
            if table.kind == 'virtual' and _FULL_TEXT.match(table.sql):
                content = _CONTENT.search(table.sql)
                if table is self.table or (content and content[2].lower() == self.name.lower()):
                    return table, 'trigram' in table.sql
        return None

    @cached_property
    def dates_as_numbers(self) -> frozenset[str]:
        """The columns of dates in which numbers stand: days of the Julian period, or seconds since 1970."""
        names = [each.name for each in self.table.columns.values() if kind_of(each) in ('date', 'moment')]
        if not names or self.table.problem:
            return frozenset()
        looks = ', '.join(f"max(typeof({quoted(name)}) IN ('integer', 'real'))" for name in names)
        row = self.connection.execute(f'SELECT {looks} FROM (SELECT * FROM {self.table.sql_name} LIMIT '
                                      f'{_SAMPLE})').fetchone()
        return frozenset(name for name, is_number in zip(names, tuple(row), strict=True) if is_number)

    @cached_property
    def indexed(self) -> frozenset[str]:
        """The columns with which an index begins."""
        rows = self.connection.execute(
            'SELECT DISTINCT each.name FROM pragma_index_list(?, ?) AS list, pragma_index_info(list.name, ?) '
            'AS each WHERE each.seqno = 0 AND NOT list.partial', [self.name, *[self.table.schema] * 2])
        found = {row[0] for row in rows if row[0] is not None}
        return frozenset(found | ({self.table.assigned} if self.table.assigned else set()))

    def is_indexed(self, name: str) -> bool:
        """Whether the column of this name is one with which an index begins."""
        return name in self.table.columns and self.table.columns[name].name in self.indexed

    # Columns.

    def expect_order(self, name: str) -> None:
        """
        :raises BadRequest: 400 if the list cannot be sorted by that name
        """
        if not any(name == each.name and each.sql for each in self.columns):
            self.expect_column(name)

    def order_sql(self, name: str) -> str:
        """SQL for what the list is sorted by."""
        if name in self.table.columns:
            return quoted(self.table.columns[name].name)
        return next(each.sql for each in self.columns if each.name == name)

    def expect_column(self, name: str) -> str:
        """The name of a column as the schema has it.

        :raises BadRequest: 400 if there is none
        """
        if name not in self.table.columns:
            raise BadRequest(say('unknown column', title=self.title, name=name,
                                 columns=', '.join(self.table.columns)))
        return self.table.columns[name].name

    def sql_of(self, name: str) -> str:
        """A column in SQL."""
        return quoted(name) if name in self.table.columns else name  # the rowid

    @cached_property
    def columns(self) -> list[Column]:
        """The columns of the list."""
        chosen: Iterable[ColumnLike] = self.declared.list or [
            each.name for each in self.table.columns.values() if not each.hidden][:_MOST]
        return [self._column(each) for each in chosen]

    def _column(self, each: ColumnLike) -> Column:
        heading, what = each if isinstance(each, tuple) else ('', each)
        if callable(what):
            heading = heading or heading_of(getattr(what, '__name__', ''))
            return Column(heading, heading, '', 'text', what, is_own=False)
        if what not in self.table.columns:
            named = _NAMED.fullmatch(what)  # price * amount AS total
            sql, heading = (named[1], heading or heading_of(named[2])) if named else (what, heading or what)
            return Column(heading, heading, f'({sql})', 'number', is_own=False)
        column = self.table.columns[what]
        is_key = column.name in self.table.key or column.name in self.parents
        return Column(column.name, heading or self.heading(column.name), quoted(column.name),
                      'key' if is_key else kind_of(column), places=places_of(column))

    @cached_property
    def filters(self) -> list[str]:
        """The columns with a filter: those declared, else choices, dates, and numbers that are no keys."""
        columns = self.table.columns
        if self.declared.filter is not None:
            return [columns[name].name for name in self.declared.filter]
        if self.table.problem:
            return []
        kinds = {name: self.filter_kind(name) for name, column in columns.items()
                 if not column.hidden and (name not in self.table.key or name in self.parents)}
        few = self._few([name for name, kind in kinds.items() if kind == 'text'])
        fit = [name for name, kind in kinds.items() if kind in ('choice', 'date', 'range') or name in few]
        return sorted(fit, key=lambda name: _ORDER.index(kinds[name]))[:_FILTERS]

    def filter_kind(self, name: str) -> str:
        """What a filter of a column is like: choice, date, range; or text, a choice if the values are few."""
        column = self.table.columns[name]
        kind = kind_of(column)
        if name in self.parents or kind == 'boolean' or column.rule.choices:
            return 'choice'
        kinds = {'date': 'date', 'moment': 'date', 'number': 'range', 'money': 'range', 'text': 'text'}
        return kinds.get(kind, '') if self.declared.filter is None or kind != 'text' else 'choice'

    def _few(self, names: list[str]) -> set[str]:
        """Those of the columns that hold few different short texts, as far as the first rows show it."""
        if not names:
            return set()
        looks = ', '.join(f"count(DISTINCT {quoted(name)}), count(nullif({quoted(name)}, '')), "
                          f'max(length({quoted(name)}))' for name in names)
        row = tuple(select(self.connection, f'SELECT {looks} FROM (SELECT * FROM {self.table.sql_name} LIMIT '
                           f'{_SAMPLE})')[0])
        return {name for name, different, filled, longest in zip(names, row[::3], row[1::3], row[2::3],
                                                           strict=True)
                if 1 < different <= _DIFFERENT and filled >= 3 * different and longest <= _SHORT}

    @cached_property
    def search_columns(self) -> list[str]:
        """The columns in which a search looks."""
        if self.declared.search is not None:
            return [self.table.columns[name].name for name in self.declared.search]
        return [each.name for each in self.table.columns.values()
                if kind_of(each) in ('text', 'date', 'moment') and not each.hidden]

    @cached_property
    def search_sql(self) -> list[str]:
        """The same in SQL, without those that are searched by the label of what they refer to."""
        return [quoted(name) for name in self.search_columns if name not in self.parents]

    @cached_property
    def search_labels(self) -> list[tuple[str, str, str, str]]:
        """For foreign keys among them: the column, and key, table and label of what it refers to, in SQL."""
        return [(quoted(name), parent.sql_of(key), parent.table.sql_name, parent.label_sql)
                for name in self.search_columns if name in self.parents
                for parent, key in [self.parents[name]]]

    # Other tables.

    @cached_property
    def parents(self) -> dict[str, tuple[Section, str]]:
        """For each column that is a foreign key by itself: the section that it points to, and the column
        there."""
        found = {}
        for key in self.table.foreign_keys:
            parent = self.records.find(key.parent)
            if parent is not None and len(key.columns) == len(key.parent_columns) == 1:
                found[key.columns[0]] = parent, key.parent_columns[0]
        return found

    def pointing_here(self) -> list[tuple[Section, tuple[str, ...], tuple[str, ...]]]:
        """The sections whose rows refer to rows of this one, with the columns that do, and those here that
        they refer to."""
        found = ((self.records.find(key.table), key.columns, key.parent_columns)
                 for key in self.table.pointed_at_by)
        return [(section, columns, targets) for section, columns, targets in found if section is not None]

    @cached_property
    def label_sql(self) -> str:
        """SQL for the text by which others name a row, as far as SQL can say it."""
        label = self.declared.label
        if label is None or callable(label):
            label = self.table.label or 'NULL'
        return quoted(label) if label in self.table.columns else f'({label})'

    def label_of(self, row: sqlite3.Row) -> str:
        """The text by which others name this row, which has all columns of the table."""
        label = self.declared.label or self.table.label or ''
        if callable(label):
            return str(label(row))
        if label in self.table.columns:
            value = row[label]
            return '' if value is None or isinstance(value, bytes) else str(value)
        return self.label(self.key_of(row)) if self.table.key else ''

    def label(self, key: Any) -> str:
        """The text by which others name the row with this key; the key itself if there is none."""
        return self.labels([key]).get(key, str(key))

    def labels(self, keys: Iterable[Any], column: str = '') -> dict[Any, str]:
        """The texts by which others name rows, by key, in one query.

        :param column: the column in which `keys` are, where that is not the key
        """
        wanted = list(dict.fromkeys(key for key in keys if key is not None))
        table, label = self.table, self.declared.label or self.table.label
        name = self.sql_of(column or table.key[0]) if column or len(table.key) == 1 else ''
        if not wanted or not name or label is None:
            return {}
        where = f'{name} IN ({", ".join("?" * len(wanted))})'
        if callable(label):
            rows = table.rows(where, wanted)
            return {row[column or table.key[0]]: str(label(row)) for row in rows}
        rows = table.rows(where, wanted, columns=f'{name}, {self.label_sql}')
        return {key: str(key if text in (None, '') else text) for key, text in map(tuple, rows)}

    # Pages.

    @cached_property
    def read_only(self) -> str:
        """Why its rows cannot be changed, as a sentence; '' if they can."""
        said = self.declared.read_only
        if said:
            return said if isinstance(said, str) else f'{self.title} is for reading only.'
        if self.records.read_only:
            return self.records.read_only
        if self.table.is_view:
            return f'{self.title} is a view: what it shows is worked out from other tables.'
        if self.table.kind == 'virtual':
            return f'{self.title} is a virtual table: what is written to it could not be undone.'
        return '' if self.table.key else (
            f'The rows of {self.title} have no key, so none can be told from the others.')

    def page(self, request: Request, title: str, content: Content, *, notice: str | None = None,
             status: int = 200) -> Response:
        """A page in the frame of the application."""
        return self.records.shell.page(request, title, content, notice=notice, status=status)

    def notice(self, request: Request) -> str | None:
        """What the field `notice` of an address says: one of kali's own words, so that no link can make the
        program say anything."""
        word = request.query.get('notice', '')
        return say(f'was {word}') if word in ('saved', 'deleted', 'changed', 'imported') else None

    def is_summed(self, column: Column) -> bool:
        """Whether a sum of the column says something: it is a number, and no number of something."""
        return column.is_own and column.is_number and not _NO_AMOUNT.search(column.name.lower())

    def own(self, path: Sequence[str]) -> Callable[[Request], Any] | None:
        """The author's own handler for the page at a path below this table, or None."""
        page, key = page_of(path)
        handler = self.declared.pages.get(page)
        return None if handler is None else lambda request: handler(request, *key)
