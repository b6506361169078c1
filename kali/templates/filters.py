"""The filters that every template has: functions from a value to one that is then escaped for its place.

`None` passes through all of them (it prints as nothing), so that an empty column of a table is no error.
Numbers, money and dates appear as the current locale writes them (see `kali.locale`) where a person reads
them; where a program does (`value="…"`, an address, a script), they appear the same in every language.

Your own: `Template.REGISTRY[':name'] = function`, or `Template(text, filters={'name': function})`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from kali.locale import ENGLISH, current, leave, use

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from typing import Any

__all__ = ['BUILT_IN', 'FOR_PROGRAMS', 'default', 'json', 'url']

# Patterns are text and compiled when first needed: not every application has dates.
DATE = r'(?s:(\d{4}-\d\d-\d\d)(?:[T ].*)?)'
TIME = r'(?s:(?:\d{4}-\d\d-\d\d[T ])?(\d\d:\d\d)(?::\d\d.*|[Z+-].*)?)'


def num(value: Any) -> str | None:
    """A number with marks between the thousands.

    >>> num(1234567)
    '1,234,567'
    """
    return None if value is None else current().number(_numeric(value))


def cents(value: Any) -> str | None:
    """A number with marks between the thousands and two decimals.

    >>> cents(1234.5)
    '1,234.50'
    """
    return None if value is None else current().number(_numeric(value), 2)


def money(value: Any) -> str | None:
    """An amount with two decimals and the currency of the locale: `1.234,50 €`, `$1,234.50`."""
    return None if value is None else current().money(_numeric(value))


def _numeric(value: Any) -> Any:
    """The value itself, or the number that its text says: SQLite has no type for a Decimal."""
    if isinstance(value, str):
        from kali.convert import decimal  # few templates need it
        return decimal(value)
    return value


def date(value: Any) -> str | None:
    """The date of a date, a datetime or an ISO 8601 text; in `value="…"` as `<input type="date">` wants it.

    >>> date('2024-05-03 14:30:00')
    '2024-05-03'
    """
    day = _part(value, DATE, 'date')
    return day and current().day(day)


def time(value: Any) -> str | None:
    """Hours and minutes of a time, a datetime or an ISO 8601 text, as `<input type="time">` wants them.

    >>> time('2024-05-03 14:30:00')
    '14:30'
    """
    return _part(value, TIME, 'time')


def _part(value: Any, pattern: str, kind: str) -> str | None:
    if value is None or value == '':
        return None
    match = re.fullmatch(pattern, value.isoformat() if hasattr(value, 'isoformat') else str(value))
    if not match:
        raise ValueError(f'{value!r} has no {kind}: give a date, time or datetime, or text like '
                         '2024-05-03 14:30:00')
    return match[1]


def json(value: Any) -> str:
    """JSON text. In a script it changes nothing, since values become JSON there anyway.

    >>> json({'a': [1, None]})
    '{"a": [1, null]}'
    """
    from kali.templates.escapers import json_text  # few templates need it

    return json_text(value)


def url(value: Any) -> str | None:
    """One component of a URL, percent-encoded. In a query it changes nothing.

    >>> url('R&D / 7')
    'R%26D%20%2F%207'
    """
    from kali.templates.escapers import url_query  # likewise

    return None if value is None else url_query(value)


def upper(value: Any) -> str | None:
    """All in capitals.

    >>> upper('straße')
    'STRASSE'
    """
    return None if value is None else str(value).upper()


def lower(value: Any) -> str | None:
    """All in small letters.

    >>> lower('R&D')
    'r&d'
    """
    return None if value is None else str(value).lower()


def title(value: Any) -> str | None:
    """Each word with a capital.

    >>> title("the baker's dozen")
    "The Baker's Dozen"
    """
    if value is None:
        return None
    return re.sub(r'\S+', lambda word: word[0][:1].upper() + word[0][1:], str(value))


def default(value: Any) -> Any:
    """Nothing, where the name or the item is missing: the compiler looks it up without complaint.

    It stands first: `{nickname:default}`, `<?if user.nickname:default?>`.
    """
    return value


def _for_programs(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def same_in_every_language(value: Any) -> Any:
        token = use(ENGLISH)
        try:
            return function(value)
        finally:
            leave(token)
    return same_in_every_language


#: What stands for a filter where a program reads its result.
FOR_PROGRAMS = {function: _for_programs(function) for function in (num, cents, money, date)}

BUILT_IN: dict[str, Callable[[Any], Any]] = {
    ':num': num, ':cents': cents, ':money': money, ':date': date, ':time': time, ':json': json, ':url': url,
    ':upper': upper, ':lower': lower, ':title': title, ':default': default,
}
