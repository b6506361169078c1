"""Dates as HTTP writes them, in English whatever the locale (RFC 9110 section 5.6.7)."""

from __future__ import annotations

import re
import time

__all__ = ['http_date', 'time_of']

_DAYS = ('Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun')
_MONTHS = ('Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec')
_MONTH, _CLOCK = '(?P<month>[A-Z][a-z]{2})', '(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})'
# Today's, and two of old programs that a server must understand; compiled when a request has a date.
_FORMS = (
    rf'[A-Za-z]{{3}}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_CLOCK} GMT',
    rf'[A-Za-z]{{6,9}}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_CLOCK} GMT',
    rf'[A-Za-z]{{3}} {_MONTH} (?P<day>[ 0-9][0-9]) {_CLOCK} (?P<year>[0-9]{{4}})',
)


def http_date(timestamp: float) -> str:
    """A time in seconds since 1970, in the form of a Date or Last-Modified field.

    >>> http_date(784111777)
    'Sun, 06 Nov 1994 08:49:37 GMT'
    """
    try:
        moment = time.gmtime(timestamp)
    except OSError:  # Windows knows none before 1970 or after 3000, but files can have such
        from datetime import datetime, timedelta  # a program starts without it
        moment = (datetime(1970, 1, 1) + timedelta(seconds=timestamp // 1)).timetuple()
    year, month, day, hour, minute, second, weekday, *_ = moment
    return f'{_DAYS[weekday]}, {day:02} {_MONTHS[month - 1]} {year} {hour:02}:{minute:02}:{second:02} GMT'


def time_of(text: str) -> int | None:
    """The seconds since 1970 of a date in a header field; None if it is no date.

    >>> [time_of(text) for text in ('Sun, 06 Nov 1994 08:49:37 GMT', 'Sun Nov  6 08:49:37 1994', 'now')]
    [784111777, 784111777, None]
    """
    match = next(filter(None, (re.fullmatch(form, text.strip()) for form in _FORMS)), None)
    if match is None or match['month'] not in _MONTHS:
        return None
    year, day, hour, minute, second = map(int, match.group('year', 'day', 'hour', 'minute', 'second'))
    if len(match['year']) == 2:  # it is at most 50 years ahead
        year += 1900 if 1900 + year + 50 > time.gmtime().tm_year else 2000
    if year < 1970 or not 1 <= day <= 31 or hour > 23 or minute > 59 or second > 60:
        return None
    from calendar import timegm  # 3 ms; only a request with a condition needs it
    return timegm((year, _MONTHS.index(match['month']) + 1, day, hour, minute, second))
