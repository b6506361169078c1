"""columns: what a list and a record show of a row: the SQL of a column, its heading, its kind, and its values
as people write them.

A cell may hold anything, whatever its column was declared as: what does not fit its kind is shown as the text
that it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from kali.locale import current
from kali.locale.words import say
from kali.markup import Markup, escape
from kali.sqlite.schema import Column as SchemaColumn

__all__ = ['SHORT', 'Column', 'heading_of', 'kind_of', 'moment_of', 'places_of', 'shown', 'size_and_head']

#: Characters of a text that a list shows, and bytes up to which a cell is read whole for it.
SHORT, _WHOLE = 120, 1000

_KINDS = (('bool', 'boolean'), ('datetime', 'moment'), ('timestamp', 'moment'), ('date', 'date'),
          ('time', 'time'), ('money', 'money'), ('currency', 'money'))
_DAY = re.compile(r'([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]([0-9]{2}:[0-9]{2})(:[0-9]{2})?.*)?', re.DOTALL)
_WORDS = re.compile(r'[A-Z]+(?![a-z])|[A-Z]?[^A-Z\W_]+|[^\W_]+')
# What no page can show is shown by its picture (https://unicode.org/charts/PDF/U2400.pdf).
_PICTURES = {code: 0x2400 + code for code in range(32) if chr(code) not in '\t\n\r'} | {127: 0x2421}
# Where a word that is wider than a column may be broken.
_WORD = 20
_LONG_WORD = re.compile(rf'(\S{{{_WORD}}})(?=\S)')
_PLACES = re.compile(r'\([0-9 ]+,\s*([0-9]{1,2})\s*\)')
_HEAD = 32  # bytes of a BLOB that tell what kind of a file it is


@dataclass(frozen=True)
class Column:
    """A column of a list."""

    name: str  # by which the list is sorted; of an expression, its heading
    heading: str
    sql: str  # '' for a function
    kind: str  # text, number, boolean, date, moment, time, money, blob, key
    function: Callable[[Any], Any] | None = None
    places: int | None = None  # digits of a fraction, as declared
    is_own: bool = True  # whether it is a column of the table, and no expression or function

    @property
    def select(self) -> str:
        """SQL for what a list needs of a cell: the beginning of long text; the size and the first bytes of a
        BLOB (see `size_and_head`)."""
        return (f"CASE typeof({self.sql}) WHEN 'blob' THEN CAST(length({self.sql}) || ':' || "
                f"hex(substr({self.sql}, 1, {_HEAD})) AS BLOB) WHEN 'text' THEN CASE WHEN "
                f'length(CAST({self.sql} AS BLOB)) > {_WHOLE} THEN substr({self.sql}, 1, {SHORT + 1}) '
                f'ELSE {self.sql} END ELSE {self.sql} END')

    @property
    def is_number(self) -> bool:
        """Whether it stands at the right."""
        return self.kind in ('number', 'money')


def size_and_head(found: bytes) -> tuple[int, bytes]:
    """The size of a BLOB in bytes, and its first ones, of what `Column.select` made of it.

    >>> size_and_head(b'70:89504E47')
    (70, b'\\x89PNG')
    """
    size, _, head = found.partition(b':')
    return int(size), bytes.fromhex(head.decode())


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


def places_of(column: SchemaColumn) -> int | None:
    """How many digits of a fraction a column has, if its type says so: two for DECIMAL(10, 2)."""
    found = _PLACES.search(column.declared)
    return int(found[1]) if found else None


def shown(value: Any, kind: str, limit: int | None = SHORT, places: int | None = None) -> Markup:
    """A value as HTML.

    :param limit: characters of a text; the rest is left out
    :param places: the least digits of a fraction

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
    if kind in ('date', 'moment') and (moment := moment_of(value)) is not None:
        match = _DAY.fullmatch(moment)
        if match:
            midnight = not match[2] or match[2] + (match[3] or '') in ('00:00', '00:00:00')
            clock = '' if midnight else f' {match[2]}'
            return Markup('<time datetime="{}">{}{}</time>').format(moment, current().day(match[1]), clock)
    if isinstance(value, (int, float)):
        return escape(_number(value, kind, places))
    text = str(value)
    if limit is None:
        return escape(text.translate(_PICTURES))
    if len(text) > limit:
        text = f'{text[:limit].rstrip()}…'
    text = text.translate(_PICTURES)
    if len(text) <= _WORD:
        return escape(text)
    return Markup('<wbr>').join(_LONG_WORD.sub('\\1\0', text).split('\0'))


def moment_of(value: Any) -> str | None:
    """The date and time that is stored as text, as a day of the Julian period, or as seconds, milliseconds or
    microseconds since 1970; None for what is none of these.

    >>> moment_of(2461100), moment_of(1772236800), moment_of('2026-02-28')
    ('2026-02-28 12:00:00', '2026-02-28 00:00:00', '2026-02-28')

    Source: https://sqlite.org/datatype3.html#date_and_time_datatype
    """
    if isinstance(value, str):
        return value
    if 1721060 <= value <= 5373484.5:
        seconds = (value - 2440587.5) * 86400
    else:
        units = ((1e14, 1e6), (1e11, 1e3), (1e8, 1))
        scale = next((scale for least, scale in units if abs(value) >= least), 0)
        seconds = value / scale if scale else float('nan')
    try:
        return str(datetime(1970, 1, 1) + timedelta(seconds=round(seconds)))
    except (ValueError, OverflowError):  # a day outside of the calendar of Python
        return None


def _number(value: int | float, kind: str, places: int | None) -> str:
    if kind == 'key' or (isinstance(value, float) and value and not 1e-4 < abs(value) < 1e15):
        return str(value)
    if kind == 'money':
        return current().money(value)
    needed = len(f'{value:.15g}'.partition('.')[2]) if isinstance(value, float) else 0  # 0.1 + 0.2 is 0.3
    return current().number(value, max(places or 0, needed))
