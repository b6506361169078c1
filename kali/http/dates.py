"""Dates as HTTP writes them, in English whatever the locale (RFC 9110 section 5.6.7)."""

from __future__ import annotations

import time

__all__ = ['http_date']

_DAYS = ('Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun')
_MONTHS = ('Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec')


def http_date(timestamp: float) -> str:
    """A time in seconds since 1970, in the form of a Date or Last-Modified field.

    >>> http_date(784111777)
    'Sun, 06 Nov 1994 08:49:37 GMT'
    """
    year, month, day, hour, minute, second, weekday, *_ = time.gmtime(timestamp)
    return f'{_DAYS[weekday]}, {day:02} {_MONTHS[month - 1]} {year} {hour:02}:{minute:02}:{second:02} GMT'
