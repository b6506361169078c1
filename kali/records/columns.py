"""columns: what a list and a record show of a row: the SQL of a column, its heading, its kind, and its values
as people write them.

A cell may hold anything, whatever its column was declared as: what does not fit its kind is shown as the text
that it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kali.locale import current
from kali.locale.words import say
from kali.markup import Markup, escape
from kali.sqlite.schema import Column as SchemaColumn

__all__ = ['SHORT', 'Column', 'heading_of', 'kind_of', 'shown']

#: Characters of a text that a list shows.
SHORT = 200

_KINDS = (('bool', 'boolean'), ('datetime', 'moment'), ('timestamp', 'moment'), ('date', 'date'),
          ('time', 'time'), ('money', 'money'), ('currency', 'money'))
_DAY = re.compile(r'(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?.*)?', re.ASCII | re.DOTALL)
_WORDS = re.compile(r'[A-Z]+(?![a-z])|[A-Z]?[^A-Z\W_]+|[^\W_]+')


@dataclass(frozen=True)
class Column:
    """A column of a list."""

    name: str  # of the table's column; '' for an expression or a function
    heading: str
    sql: str  # '' for a function
    kind: str  # text, number, boolean, date, moment, time, money, blob, key
    function: Callable[[Any], Any] | None = None

    @property
    def is_number(self) -> bool:
        """Whether it stands at the right, and may be summed up."""
        return self.kind in ('number', 'money')


def heading_of(name: str) -> str:
    """The name of a column or table as words.

    >>> [heading_of(name) for name in ('frame_no', 'CustomerID', 'InvoiceDate', 'Größe', '')]
    ['Frame no', 'Customer ID', 'Invoice date', 'Größe', '']
    """
    words = _WORDS.findall(name)
    words = [word if word.isupper() and len(word) > 1 else word.lower() for word in words] or [name]
    return ' '.join([words[0][:1].upper() + words[0][1:], *words[1:]])


def kind_of(column: SchemaColumn) -> str:
    """What a column of a table holds, by its declared type."""
    declared = column.declared.lower()
    if 'blob' in declared and column.affinity == 'BLOB':
        return 'blob'
    for word, kind in _KINDS:
        if word in declared:
            return kind
    return 'number' if column.affinity in ('INTEGER', 'REAL', 'NUMERIC') and declared else 'text'


def shown(value: Any, kind: str, limit: int | None = SHORT) -> Markup:
    """A value as HTML.

    :param limit: characters of a text; the rest is left out

    >>> shown(1234567, 'number'), shown('<b>', 'number')
    (Markup('1,234,567'), Markup('&lt;b&gt;'))
    >>> shown('2026-02-28 09:30', 'date')
    Markup('<time datetime="2026-02-28 09:30">2026-02-28 09:30</time>')
    """
    if value is None:
        return Markup('')
    if isinstance(value, bytes):
        return escape(say('bytes', size=current().number(len(value))))
    if kind == 'boolean' and value in (0, 1):
        return escape(say('yes' if value else 'no'))
    if isinstance(value, (int, float)):
        return escape(_number(value, kind))
    text = str(value)
    if kind in ('date', 'moment') and (match := _DAY.fullmatch(text)):
        day = current().day(match[1])
        is_midnight = not match[2] or match[2] + (match[3] or '') in ('00:00', '00:00:00')
        clock = '' if is_midnight else f' {match[2]}'
        return Markup('<time datetime="{}">{}{}</time>').format(text, day, clock)
    if limit is not None and len(text) > limit:
        text = f'{text[:limit].rstrip()}…'
    return escape(text)


def _number(value: int | float, kind: str) -> str:
    if kind == 'money':
        return current().money(value)
    if kind == 'key' or (isinstance(value, float) and value and not 1e-4 < abs(value) < 1e15):
        return str(value)
    return current().number(value)
