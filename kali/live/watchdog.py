"""Watchdog: names a job that does not yield, and where it is, while nothing else can be done."""

from __future__ import annotations

import sys
import time
from threading import Thread, get_ident

from kali import log

__all__ = ['Watchdog']

TOO_LONG = 1.0  # seconds without a yield


class Watchdog:
    """Looks from another thread, for as long as there are steps.

    >>> watchdog = Watchdog()
    >>> watchdog.begins('Import')
    >>> watchdog.ends()
    """

    def __init__(self) -> None:
        self._step = 0  # how many there were
        self._title: str | None = None  # of the job whose step goes on
        self._since = 0.0
        self._thread: Thread | None = None

    def begins(self, title: str) -> None:
        """A step begins, in the thread that calls."""
        self._step += 1
        self._since, self._title = time.monotonic(), title
        if self._thread is None:
            self._thread = Thread(target=self._watch, args=(get_ident(),), name='kali watchdog', daemon=True)
            self._thread.start()

    def ends(self) -> None:
        """The step has ended."""
        self._title = None

    def _watch(self, worker: int) -> None:
        seen = named = 0
        while self._title is not None or self._step != seen:
            seen = self._step
            time.sleep(TOO_LONG)
            title, took = self._title, time.monotonic() - self._since
            if title is not None and took >= TOO_LONG and self._step not in (named, 0):
                named = self._step
                frame = sys._current_frames()[worker]
                log.warning('the job %s has not yielded for %.1f s, and nothing else can be done meanwhile; '
                            'it is in %s, line %d', title, took, frame.f_code.co_filename, frame.f_lineno)
        self._thread = None
