"""A job: a generator, how far it is, and how it ended."""

from __future__ import annotations

import time
from concurrent.futures import CancelledError
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

from kali.http.deferred import Deferred, Signal, Wait
from kali.http.response import Response
from kali.iolist import joined
from kali.locale import current
from kali.locale.words import say
from kali.markup import Markup

if TYPE_CHECKING:
    from collections.abc import Generator

    from kali.http.host import Handle

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
        self.handle: Handle | None = None  # once it has begun

    @property
    def is_over(self) -> bool:
        """Whether it has ended, in whichever way."""
        return self.state in ('done', 'failed', 'cancelled')

    def cancel(self) -> None:
        """End it, if it has not ended."""
        if self.handle is not None:
            self.handle.cancel()

    def words(self) -> str:
        """What it is doing, how much is done, how fast, and how long it will take."""
        done, total, message = self.progress
        done, total = float(done), total and float(total)  # Decimal, say, goes with no other number
        took = (self.ended if self.is_over else time.monotonic()) - self.begun
        number = current().number
        words = [str(message)] if message else []
        if done:
            words.append(say('done of', done=number(done, 0), total=number(total, 0)) if total
                         else number(done, 0))
            rate = done / took if took > 0 else 0
            if took >= 1:
                words.append(say('a second', rate=number(rate, 0)) if rate >= 1
                             else say('a minute', rate=number(rate * 60, 1)))
            if total and rate and not self.is_over and took >= 1:
                words.append(say('left', time=_duration((total - done) / rate)))
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
            self.result = _finished(end.value)
            return None
        return self._understood(given)

    def _understood(self, given: Any) -> Wait | bytes:
        if given is None:
            return b''
        if isinstance(given, Progress):
            if not (_is_amount(given.done) and (given.total is None or _is_amount(given.total))):
                raise TypeError(f'the job yielded {given!r:.80}; done and total are numbers from 0 on')
            self.progress = given
            return b''
        if isinstance(given, Wait) and (given.over(0.0) or given.until is None or given.until >= 0):
            return given  # which names a future and a time: all else has raised, or is not true of NaN
        if hasattr(given, 'add_done_callback') and hasattr(given, 'result'):
            self._future = given
            return Wait(given)
        raise TypeError(f'the job yielded {given!r:.80}; it may yield Progress(done, total, message), a '
                        'Future to wait for, pause(seconds), or nothing')


def _is_amount(value: object) -> bool:
    try:
        return 0 <= float(value) < inf  # type: ignore[arg-type]  # what it is, is the question
    except (TypeError, ValueError, OverflowError):
        return False


def _finished(result: Any) -> Response | Markup:
    """What the page shows in the end, made once: a link to where a redirect leads, or content.

    :raises TypeError: for what is no content
    """
    if isinstance(result, Response):
        if 'location' in result.headers:
            return result
        result = result.content
    return Markup(joined(result))


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
