"""A job: a generator, how far it is, and how it ended."""

from __future__ import annotations

import time
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any, NamedTuple

from kali.http.deferred import Deferred, Signal, Wait

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ['Job', 'Progress']


class Progress(NamedTuple):
    """How far a job is: `yield Progress(300, 1000, 'Reading prices')`.

    :param done: of what is to be done
    :param total: how much that is in all; None if nobody knows
    :param message: what it is doing, as text
    """

    done: float = 0
    total: float | None = None
    message: str = ''


class Job:
    """A job and how it stands: `title`, `state` (`waiting`, `running`, `done`, `failed`, `cancelled`),
    `progress`, `result` (what the generator returned), `error`."""

    def __init__(self, number: int, title: str, work: Generator[Any, Any, Any]) -> None:
        self.number, self.title, self.state = number, title, 'waiting'
        self.progress = Progress()
        self.result: Any = None
        self.error: BaseException | None = None
        self.reference = ''  # of an error, in the log
        self.debug = False
        self.begun = self.ended = time.monotonic()
        self.changed = Signal()
        self._work, self._future = work, None
        self.deferred = Deferred(self._step, None, work.close)

    @property
    def is_over(self) -> bool:
        """Whether it has ended, in whichever way."""
        return self.state in ('done', 'failed', 'cancelled')

    def words(self) -> str:
        """What it is doing, how much is done, how fast, and how long it will take."""
        done, total, message = self.progress
        took = (self.ended if self.is_over else time.monotonic()) - self.begun
        words = [message] if message else []
        if done:
            words.append(f'{done:,.0f} of {total:,.0f}' if total else f'{done:,.0f}')
            rate = done / took if took > 0 else 0
            if took >= 1:
                words.append(f'{rate:,.0f} a second' if rate >= 1 else f'{rate * 60:,.1f} a minute')
            if total and rate and not self.is_over and took >= 1:
                words.append(f'{_duration((total - done) / rate)} left')
        return ', '.join(words)

    def _step(self) -> Wait | bytes | None:
        """To the next yield. Gives a Wait, nothing yet (b''), or None at the end."""
        future: Any
        future, self._future = self._future, None
        try:
            if future is None:
                given = next(self._work)
            else:
                try:
                    result = future.result()
                except (Exception, CancelledError) as error:
                    given = self._work.throw(error)
                else:
                    given = self._work.send(result)
        except StopIteration as end:
            self.result = end.value
            return None
        return self._understood(given)

    def _understood(self, given: Any) -> Wait | bytes:
        if given is None:
            return b''
        if isinstance(given, Progress):
            self.progress = given
            return b''
        if isinstance(given, Wait):
            return given
        if hasattr(given, 'add_done_callback') and hasattr(given, 'result'):
            self._future = given
            return Wait(given)
        raise TypeError(f'the job yielded {given!r:.80}; it may yield Progress(done, total, message), a '
                        'Future to wait for, pause(seconds), or nothing')


def _duration(seconds: float) -> str:
    """
    >>> _duration(7), _duration(200), _duration(8000)
    ('7 s', '3 min 20 s', '2 h 13 min')
    """
    minutes, seconds = divmod(round(max(0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f'{hours} h {minutes} min'
    return f'{minutes} min {seconds} s' if minutes else f'{seconds} s'
