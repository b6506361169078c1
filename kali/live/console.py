"""Console: one line that says how far the jobs are, where the program was started from a terminal."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from kali import log

if TYPE_CHECKING:
    from kali.live.job import Job

__all__ = ['Console']

PAUSE = 0.2  # seconds from one change of the line to the next


class Console:
    """Writes the line anew as a job goes on, and leaves it when the job has ended."""

    def __init__(self) -> None:
        self._next = 0.0

    def show(self, job: Job) -> None:
        """Say how far a job is; of those that go on, not too often."""
        now = time.monotonic()
        if now < self._next and not job.is_over:
            return
        self._next = now + PAUSE
        if not (width := _width()):
            return
        words = f'{job.title}: {job.state if job.is_over else ""} {job.words()}'
        line = ''.join(each if each.isprintable() else '?' for each in ' '.join(words.split()))
        log.say(f'\r{line[:width]:{width}}', end='\n' if job.is_over else '')


def _width() -> int:
    """How many letters fit on a line of the terminal; 0 if the output does not go to one."""
    try:
        number = sys.stdout.fileno()
        return (os.get_terminal_size(number).columns or 80) - 1 if os.isatty(number) else 0
    except (AttributeError, OSError, ValueError):  # there is no output, or it is closed or of another kind
        return 0
