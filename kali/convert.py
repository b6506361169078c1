"""Conversion of text to numbers, dates, times and truth values: one grammar for the arguments of a route, the
lenses of a form and the constraints of a control.

The text is strict and the same in every language: the digits 0 to 9, a point, and dates as ISO 8601 and HTML
write them. Text with blanks around it is refused, so a lenient caller strips it first. What a person may
write in a language of their own (`12,50`, `28.2.2026`) is the business of `kali.forms`.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable
    from decimal import Decimal
    from typing import Any

__all__ = ['BY_TYPE', 'LEAST', 'MOST', 'Unreadable', 'boolean', 'date', 'decimal', 'integer', 'moment',
           'number', 'time']

LEAST, MOST = -2**63, 2**63 - 1  # what an INTEGER of SQLite holds: "1. INTEGER", sqlite.org/datatype3.html
LONGEST = 1000  # characters of a number; the time to convert one grows with the square of its length

DIGITS = r'(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)'
DATE = r'([0-9]{4})-([0-9]{2})-([0-9]{2})'
TIME = r'([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,6}))?)?'
ZONE = r'(?:Z|([+-])([0-9]{2}):?([0-9]{2}))'

SENTENCES = {
    'integer': '{text} is not a whole number',
    'too small': '{text} is too small; the smallest whole number accepted is {limit}',
    'too large': '{text} is too large; the largest whole number accepted is {limit}',
    'number': '{text} is not a number',
    'decimal': '{text} is not a decimal number',
    'two readings': '{text} may mean {one} or {other}',
    'boolean': '{text} is neither yes nor no',
    'date': '{text} is not a date like 2026-02-28',
    'no such date': 'there is no day {date} in the calendar',
    'time': '{text} is not a time like 09:30',
    'datetime': '{text} is not a date and time like 2026-02-28T09:30',
}


class Unreadable(ValueError):
    """Text that stands for no value of the kind that is wanted. `str()` of it is a sentence in English.

    `key` says which of `SENTENCES` it is, and `values` what stands in its braces, so that a form can say it
    in another language: `text` (shortened and quoted), and `limit` or `date` where the sentence has them.

    >>> error = Unreadable('integer', 'x')
    >>> str(error), error.key, error.values
    ("'x' is not a whole number", 'integer', {'text': "'x'"})
    """

    def __init__(self, key: str, text: str, **values: object) -> None:
        super().__init__(key, text)
        self.key = key
        self.values = {'text': repr(text if len(text) <= 40 else text[:37] + '...'), **values}

    def __str__(self) -> str:
        return SENTENCES[self.key].format(**self.values)


def integer(text: str, least: int = LEAST, most: int = MOST) -> int:
    """The whole number that `text` says, from `least` to `most`.

    :raises Unreadable: `integer`, `too small` or `too large`

    >>> integer('-42')
    -42
    """
    if not re.fullmatch(r'[+-]?[0-9]+', text):
        raise Unreadable('integer', text)
    sign, digits = text[:1].strip('0123456789'), text.lstrip('+-0') or '0'
    # Python refuses to convert more than 4300 digits at once, and no limit has as many as 400.
    value = int(sign + (digits if len(digits) < 400 else '1' + '0' * 400))
    if value < least:
        raise Unreadable('too small', text, limit=least)
    if value > most:
        raise Unreadable('too large', text, limit=most)
    return value


def number(text: str) -> float:
    """The float that `text` says: `7`, `-1.5`, `.5`, `1e3`, but neither NaN nor infinity.

    :raises Unreadable: `number`
    """
    if len(text) <= LONGEST and re.fullmatch(rf'[+-]?{DIGITS}(?:[eE][+-]?[0-9]{{1,4}})?', text):
        value = float(text)
        if abs(value) != float('inf'):
            return value
    raise Unreadable('number', text)


def decimal(text: str) -> Decimal:
    """The exact number that `text` says, without an exponent: a few letters of one would make a number of any
    length.

    :raises Unreadable: `decimal`
    """
    import decimal  # a program that wants a Decimal has loaded it

    if len(text) <= LONGEST and re.fullmatch(rf'[+-]?{DIGITS}', text):
        return decimal.Decimal(text)
    raise Unreadable('decimal', text)


def boolean(text: str) -> bool:
    """True for 1, true, yes and on, False for 0, false, no, off and nothing, in any case.

    :raises Unreadable: `boolean`
    """
    lower = text.lower()
    if lower in ('1', 'true', 'yes', 'on'):
        return True
    if lower in ('0', 'false', 'no', 'off', ''):
        return False
    raise Unreadable('boolean', text)


def date(text: str) -> dt.date:
    """The day that `text` says as `2026-02-28`.

    :raises Unreadable: `date`, or `no such date` for a day that is in no calendar

    Source: HTML standard, "Dates", valid date string.
    """
    import datetime as dt  # a program that wants a date has loaded it

    match = re.fullmatch(DATE, text)
    if match is None:
        raise Unreadable('date', text)
    try:
        return dt.date(*map(int, match.groups()))
    except ValueError:
        raise Unreadable('no such date', text, date=text) from None


def time(text: str) -> dt.time:
    """The time of day that `text` says as `09:30`, `09:30:15` or `09:30:15.25`.

    :raises Unreadable: `time`

    Source: HTML standard, "Times", valid time string.
    """
    import datetime as dt  # as above

    match = re.fullmatch(TIME, text)
    if match:
        hour, minute, second, fraction = match.groups('')
        try:
            return dt.time(int(hour), int(minute), int(second or 0), int(f'{fraction:0<6}'))
        except ValueError:  # 25:00
            pass
    raise Unreadable('time', text)


def moment(text: str) -> dt.datetime:
    """The date and time that `text` says, with a `T` or a blank between; without a time it is midnight. A
    zone (`Z`, `+01:00`) makes it aware.

    :raises Unreadable: `datetime`, or `no such date`

    >>> moment('2026-02-28 09:30')
    datetime.datetime(2026, 2, 28, 9, 30)
    """
    import datetime as dt  # as above

    match = re.fullmatch(rf'({DATE})(?:[T ]({TIME})({ZONE})?)?', text)
    if match is None:
        raise Unreadable('datetime', text)
    day = date(match[1])
    try:
        clock = time(match[5] or '00:00')
        zone = dt.timedelta(hours=int(match[12] or 0), minutes=int(match[13] or 0))
        zone = -zone if match[11] == '-' else zone
        return dt.datetime.combine(day, clock, dt.timezone(zone) if match[10] else None)
    except ValueError:  # 25:00, or a zone of more than a day
        raise Unreadable('datetime', text) from None


#: The conversion for each type, by its name, so that nobody has to load the heavy modules among them.
BY_TYPE: dict[str, Callable[[str], Any]] = {
    'builtins.int': integer, 'builtins.float': number, 'builtins.bool': boolean,
    'decimal.Decimal': decimal, '_decimal.Decimal': decimal,
    'datetime.date': date, 'datetime.time': time, 'datetime.datetime': moment,
}
