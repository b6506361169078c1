"""section: a table of the database with what its author declared: what all of its pages ask.

A Section stands for the schema as it is; when that changes, the Records make new ones.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from kali.errors import BadRequest, NotFound
from kali.http.urls import build_url
from kali.records.columns import Column, heading_of, kind_of
from kali.records.declared import ColumnLike
from kali.records.declared import Table as Declared
from kali.records.keys import component_of, key_from
from kali.sqlite.schema import Names, Table, quoted

if TYPE_CHECKING:
    from kali.http.request import Request
    from kali.http.response import Response
    from kali.iolist import Content
    from kali.pages.shell import Shell

__all__ = ['Section']


class Program(Protocol):
    """What a section asks of the Records that it belongs to."""

    connection: Any
    shell: Shell
    base: tuple[str, ...]  # the components of the path at which they are mounted
    tables: Names[Table]
    read_only: str  # why nothing can be changed, or ''

    def find(self, name: str) -> Section | None:
        """The section of a table, or None."""


class Section:
    """A table or view with its pages.

    :param records: the application that it belongs to
    :param table: as the schema says
    :param declared: as the author says
    """

    def __init__(self, records: Program, table: Table, declared: Declared) -> None:
        self.records, self.table, self.declared = records, table, declared
        self.connection, self.name = records.connection, table.name

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
            raise NotFound(f'The rows of {self.title} have no key, so none has a page of its own.')
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

    # Columns.

    def expect_column(self, name: str, purpose: str) -> str:
        """The name of a column as the schema has it.

        :raises BadRequest: 400 if there is none
        """
        if name not in self.table.columns:
            raise BadRequest(f'{self.title} has no column {name!r} for the {purpose}. It has '
                             f'{", ".join(self.table.columns)}.')
        return self.table.columns[name].name

    def sql_of(self, name: str) -> str:
        """A column in SQL."""
        return quoted(name) if name in self.table.columns else name  # the rowid

    @cached_property
    def columns(self) -> list[Column]:
        """The columns of the list."""
        chosen: Iterable[ColumnLike] = self.declared.list or [
            each.name for each in self.table.columns.values() if not each.hidden]
        return [self._column(each) for each in chosen]

    def _column(self, each: ColumnLike) -> Column:
        heading, what = each if isinstance(each, tuple) else ('', each)
        if callable(what):
            return Column('', heading or heading_of(getattr(what, '__name__', '')), '', 'text', what)
        if what not in self.table.columns:
            return Column('', heading or what, what, 'text')
        column = self.table.columns[what]
        is_key = column.name in self.table.key or column.name in self.parents
        return Column(column.name, heading or self.heading(column.name), quoted(column.name),
                      'key' if is_key else kind_of(column))

    @cached_property
    def search_columns(self) -> list[str]:
        """The columns in which a search looks."""
        if self.declared.search is not None:
            return [self.table.columns[name].name for name in self.declared.search]
        return [each.name for each in self.table.columns.values()
                if kind_of(each) in ('text', 'date', 'moment') and not each.hidden]

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

    def references(self, column: str) -> Section | None:
        """The section that a column points to as a foreign key."""
        return self.parents.get(column, (None, ''))[0]

    def pointing_here(self) -> list[tuple[Section, tuple[str, ...]]]:
        """The sections whose rows refer to rows of this one, with the columns that do."""
        found = ((self.records.find(key.table), key.columns) for key in self.table.pointed_at_by)
        return [(section, columns) for section, columns in found if section is not None]

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
        if callable(label):
            rows = table.rows(f'{name} IN ({", ".join("?" * len(wanted))})', wanted)
            return {row[column or table.key[0]]: str(label(row)) for row in rows}
        sql = quoted(label) if label in table.columns else label
        rows = table.rows(f'{name} IN ({", ".join("?" * len(wanted))})', wanted, columns=f'{name}, {sql}')
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

    def handler(self, page: str) -> Callable[..., Any] | None:
        """The author's own handler for a page, or None."""
        return self.declared.pages.get(page)
