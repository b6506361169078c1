"""declared: what the author of a program says about a table, where the schema does not say it.

These are values; what they mean is decided where they are used. All that they name is compared with the
schema when the program starts (section.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

__all__ = ['Chart', 'ColumnLike', 'Table']

#: A column of a list: the name of one of the table, an expression of SQL, or a function from the row (an
#: sqlite3.Row with all columns of the table) to what is shown; in a pair, after its heading.
ColumnLike: TypeAlias = str | Callable[[Any], Any] | tuple[str, str | Callable[[Any], Any]]


@dataclass(frozen=True)
class Chart:
    """A chart of what a table holds.

    :param group: a column; a date by its period, as in `received:month`; or a SELECT that gives labels and
        numbers
    :param kind: how it is drawn
    :param value: an expression of SQL that is worked out for each group
    :param title: its heading

    >>> Chart('status', kind='pie').value
    'count(*)'
    """

    group: str
    kind: Literal['bar', 'line', 'pie'] = 'bar'
    value: str = 'count(*)'
    title: str = ''


@dataclass(frozen=True)
class Table:
    """A table or view of the database, and what its pages are to be like.

    :param name: of the table or view
    :param list: the columns of its list, in this order: names, expressions of SQL, functions of the row, or
        pairs of a heading and one of these. All but long ones unless given
    :param search: the columns in which a search looks; those with text unless given
    :param filter: the columns with a filter; dates, choices and foreign keys unless given
    :param order: the column by which the list is sorted at first, with a `-` before it for descending
    :param label: the column, expression of SQL or function of the row by which others refer to a record
    :param labels: what columns are called, by name
    :param children: tables whose rows stand in the form of the row that they refer to
    :param form: the columns of the form, in this order; or elements of kali.forms by column, in place of
        those that the schema gives (None leaves one out)
    :param mark: a function from the row to a short text that marks it ("late"), or None
    :param actions: functions of the rows that were chosen in the list, each a button; the docstring is its
        caption
    :param charts: what can be drawn
    :param read_only: whether nobody can change it; a sentence says why
    :param title: what it is called in the menu
    :param where: SQL: only the rows for which it is true are there
    :param pages: handlers that replace kali's own, by the name of the page: `list`, `view`, `new`, `edit`,
        `print`, `charts`, `export.csv` …; one of a row gets the component of the path for it, too

    >>> Table('job', order='-received', labels={'frame_no': 'Frame number'}).name
    'job'
    """

    name: str
    list: Sequence[ColumnLike] | None = None
    search: Sequence[str] | None = None
    filter: Sequence[str] | None = None
    order: str = ''
    label: str | Callable[[Any], Any] | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    children: Sequence[str] = ()
    form: Sequence[str] | Mapping[str, Any] | None = None
    mark: Callable[[Any], str | None] | None = None
    actions: Sequence[Callable[..., Any]] = ()
    charts: Sequence[Chart] = ()
    read_only: bool | str = False
    title: str = ''
    where: str = ''
    pages: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
