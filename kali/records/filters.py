"""filters: the fields of an address that choose rows by a column, and their conditions in SQL.

    is.COLUMN=value       equal; several of them: any of these values, as keys.py writes them
    in.COLUMN=2026-02     a date of a year, a month or a day
    from.COLUMN=, to.COLUMN=    numbers or dates from … to, as somebody types them
    empty.COLUMN=1        NULL or no text

Dates are compared as the text that they are; where a column keeps them as numbers (days of the Julian period,
or seconds since 1970), SQLite works out the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from kali.errors import BadRequest, ValidationError
from kali.forms.typed import Date, Decimal
from kali.locale.words import say
from kali.records.columns import kind_of
from kali.records.keys import value_from
from kali.records.section import Section
from kali.sqlite.schema import quoted

if TYPE_CHECKING:
    from kali.multidict import Bag

__all__ = ['KINDS', 'Filter', 'conditions', 'date_sql', 'read_filters']

# `DATE` is a NUMERIC column for SQLite, and it would take '2026' for a number, which is less than any text.
_PERIOD = re.compile(r'[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?', re.ASCII)


class Filter(NamedTuple):
    """A field of the address."""

    kind: str  # one of KINDS
    column: str
    text: str  # what the address says

    @property
    def name(self) -> str:
        """The name of the field."""
        return f'{self.kind}.{self.column}'


def read_filters(section: Section, fields: Bag) -> tuple[Filter, ...]:
    """The filters of an address.

    :raises BadRequest: 400 for one that names no column, or whose value cannot be read
    """
    found = []
    for name, text in fields.items():
        kind, dot, column = name.partition('.')
        # A field of a form that was left blank is none.
        if dot and kind in KINDS and (text or kind == 'is'):
            found.append(Filter(kind, section.expect_column(column), text))
    conditions(section, found)  # raises
    return tuple(found)


def conditions(section: Section, filters: Iterable[Filter]) -> list[tuple[str, list[Any]]]:
    """The conditions that all hold, each with its parameters."""
    equal: dict[str, list[str]] = {}
    found = []
    for kind, column, text in filters:
        if kind == 'is':
            equal.setdefault(column, []).append(text)
        else:
            found.append(KINDS[kind](section, column, text))
    return [_is(column, texts) for column, texts in equal.items()] + found


def _is(column: str, texts: list[str]) -> tuple[str, list[Any]]:
    values = [value_from(text) for text in texts]
    known = [value for value in values if value is not None]
    parts = [f'{quoted(column)} IN ({", ".join("?" * len(known))})'] if known else []
    parts += [f'{quoted(column)} IS NULL'] if len(known) < len(values) else []
    return f'({" OR ".join(parts)})', known


def _in(section: Section, column: str, text: str) -> tuple[str, list[Any]]:
    if not _PERIOD.fullmatch(text):
        raise BadRequest(f'{section.heading(column)}: {say("not a period", text=text[:40])}')
    sql = date_sql(section, column)
    start = text if len(text) == 10 else f'{text}-'
    return f'({sql} >= ? AND {sql} < ?)', [start, f'{start}~']


def _from(section: Section, column: str, text: str) -> tuple[str, list[Any]]:
    value = _limit(section, column, text)
    return f'{_compared(section, column)} >= ?', [value]


def _to(section: Section, column: str, text: str) -> tuple[str, list[Any]]:
    value = _limit(section, column, text)
    if isinstance(value, str):
        return f'{_compared(section, column)} < ?', [f'{value}~']  # any time of that day
    return f'{_compared(section, column)} <= ?', [value]


def _empty(section: Section, column: str, text: str) -> tuple[str, list[Any]]:
    name = quoted(column)
    return (f"({name} IS NULL OR {name} = '')" if text == '1' else f"{name} <> ''"), []


#: The kinds of filters; `is` stands for all of its column together.
KINDS: dict[str, Callable[[Section, str, str], tuple[str, list[Any]]]] = {
    'is': lambda section, column, text: _is(column, [text]), 'in': _in, 'from': _from, 'to': _to,
    'empty': _empty}


def _compared(section: Section, column: str) -> str:
    return date_sql(section, column) if _is_date(section, column) else quoted(column)


def _limit(section: Section, column: str, text: str) -> Any:
    """What somebody typed as an end of a range."""
    try:
        if _is_date(section, column):
            return Date().native_from_string(text.strip()).isoformat()
        number = Decimal().native_from_string(text.strip())
    except ValidationError as error:
        raise BadRequest(f'{section.heading(column)}: “{text[:40]}” {error}') from None
    return int(number) if number == int(number) and abs(number) < 2**63 else float(number)


def _is_date(section: Section, column: str) -> bool:
    return kind_of(section.table.columns[column]) in ('date', 'moment')


def date_sql(section: Section, column: str) -> str:
    """SQL for the date in a column as text."""
    name = quoted(column)
    if column not in section.dates_as_numbers:
        return name
    return (f"CASE WHEN typeof({name}) NOT IN ('integer', 'real') THEN {name} "
            f"WHEN {name} BETWEEN 1721060 AND 5373484.5 THEN datetime({name}) "
            f"WHEN abs({name} + 0.0) >= 1e14 THEN datetime({name} / 1000000, 'unixepoch') "
            f"WHEN abs({name} + 0.0) >= 1e11 THEN datetime({name} / 1000, 'unixepoch') "
            f"WHEN abs({name} + 0.0) >= 1e8 THEN datetime({name}, 'unixepoch') END")
