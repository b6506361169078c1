"""bounded: SQL that is given up after so many seconds, so that a page never waits for a large table.

Time is that of the processor: on a machine that is busy with something else, pages stay what they are. SQLite
asks a progress handler every few thousand steps (https://sqlite.org/c3ref/progress_handler.html).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic, thread_time
from typing import Any

__all__ = ['TooLong', 'within']

_STEPS = 2000  # of SQLite's virtual machine, about 0.1 ms
_WAITING = 20  # so many times the seconds may pass on the clock, while the disk is read


# What is asked for a connection now, by its id: SQLite has one handler for each, and does not say which.
_open: dict[int, Callable[[], bool]] = {}


class TooLong(Exception):
    """The SQL in `within` was given up."""


@contextmanager
def within(connection: Any, seconds: float) -> Iterator[None]:
    """Give up what SQL runs on `connection` after `seconds`.

    :raises TooLong: then

    One may stand inside another; the shorter time counts.

    >>> db = sqlite3.connect(':memory:')
    >>> try:
    ...     with within(db, 0.01):
    ...         db.execute('WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x FROM n) SELECT max(x) FROM n')
    ... except TooLong:
    ...     print('given up')
    given up
    >>> db.close()
    """
    until, latest = thread_time() + seconds, monotonic() + _WAITING * seconds
    outer = _open.get(id(connection))

    def is_over() -> bool:
        return thread_time() > until or monotonic() > latest or (outer is not None and outer())
    _open[id(connection)] = is_over
    connection.set_progress_handler(is_over, _STEPS)
    try:
        yield
    except sqlite3.OperationalError as error:
        if str(error) != 'interrupted':
            raise
        raise TooLong from None
    finally:
        connection.set_progress_handler(outer, _STEPS if outer else 0)
        if outer is None:
            del _open[id(connection)]
        else:
            _open[id(connection)] = outer
