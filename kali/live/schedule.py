"""Schedule: functions that are called at times, between requests and seen by the guard.

Times of the day are looked at by the clock on the wall at least once a minute, and intervals by one that only
goes forward; so a clock that is set, a time change in spring or a computer that slept makes a call late or
leaves one out, but never makes a burst of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import datetime
from datetime import time as TimeOfDay
from typing import TYPE_CHECKING, Any

from kali.http.around import Around
from kali.http.deferred import Deferred, Wait
from kali.http.response import Response
from kali.live.job import Job

if TYPE_CHECKING:
    from kali.http.host import Handle, Host
    from kali.http.response import Handler

__all__ = ['Schedule']

LOOK = 60.0  # seconds between two looks at the clock on the wall


class _Entry:
    """A function, the seconds until it may be due (`wait()`), and whether it is then (`due()`)."""

    def __init__(self, function: Callable[[], Any], wait: Callable[[], float],
                 due: Callable[[], bool], again: bool) -> None:
        self.function, self.wait, self.due, self.again = function, wait, due, again
        self.handle: Handle | None = None
        self.cancelled = self.is_under_way = False

    def cancel(self) -> None:
        """Do not call it any more."""
        self.cancelled = True
        if self.handle is not None:
            self.handle.cancel()


class Schedule:
    """Functions to be called at times, for as long as the application runs.

    A function takes no arguments. One with `yield` in it is advanced in steps, like a job; it may be `async`.
    What it writes is committed by the guard; an error is logged, and the next call comes all the same, unless
    the one before is still under way. Put it inside the guard or around it: `guard(schedule.wrap(app), db)`.

    >>> schedule = Schedule()
    >>> handle = schedule.every(60, lambda: print('once a minute'))
    >>> handle = schedule.daily('18:00', lambda: print('every evening'))
    >>> handle.cancel()
    """

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._host: Host | None = None

    def every(self, seconds: float, function: Callable[[], Any]) -> Handle:
        """Call `function` each time so many seconds have passed, the first time after that long.

        :raises ValueError: for an interval that is not more than 0
        """
        if not seconds > 0:
            raise ValueError(f'every({seconds!r}, …): the interval is a number of seconds above 0')
        return self._interval(seconds, function, again=True)

    def after(self, seconds: float, function: Callable[[], Any]) -> Handle:
        """Call `function` once, so many seconds after the start (or after this call, if that is later).

        :raises ValueError: for a negative number of seconds
        """
        if not seconds >= 0:
            raise ValueError(f'after({seconds!r}, …): the delay is a number of seconds, 0 or more')
        return self._interval(seconds, function, again=False)

    def daily(self, at: str, function: Callable[[], Any]) -> Handle:
        """Call `function` every day at a time of the day, such as `'18:00'`, by the clock of this computer.

        If the computer sleeps then, it is called when it wakes on the same day. A program that starts later
        than that begins with the next day.

        :raises ValueError: for what is no time of the day
        """
        try:
            moment = TimeOfDay.fromisoformat(at)
        except (TypeError, ValueError):
            raise ValueError(f'daily({at!r}, …): a time of the day looks like 18:00') from None
        moment = moment.replace(tzinfo=None)
        now = datetime.now()
        last = [now.date() if now.time() >= moment else None]

        def due() -> bool:
            now = datetime.now()
            if now.time() < moment or (last[0] is not None and now.date() <= last[0]):
                return False
            last[0] = now.date()
            return True

        def wait() -> float:
            now = datetime.now()
            ahead = (datetime.combine(now, moment) - now).total_seconds()
            return min(LOOK, ahead) if ahead > 0 else LOOK
        return self._add(_Entry(function, wait, due, again=True))

    def wrap(self, handler: Handler) -> Handler:
        """`handler`, with the calls made for as long as it is served."""
        inside: Any = handler
        guards = []
        while inside is not None:  # a guard may stand inside as well
            guards += [inside.steps] if callable(getattr(inside, 'steps', None)) else []
            inside = getattr(inside, 'inside', None)

        @contextmanager
        def lifespan(host: Any) -> Iterator[None]:
            outer = getattr(host, 'guarded', None)
            self._guards = [*reversed(guards), *([outer] if callable(outer) else [])]
            self._host = host
            for entry in self._entries:
                self._plan(entry)
            try:
                yield
            finally:
                self._host = None
                for entry in self._entries:
                    if entry.handle is not None:
                        entry.handle.cancel()
        return Around(handler, handler, [lifespan])

    def _interval(self, seconds: float, function: Callable[[], Any], again: bool) -> Handle:
        return self._add(_Entry(function, lambda: seconds, lambda: True, again))

    def _add(self, entry: _Entry) -> Handle:
        self._entries.append(entry)
        if self._host is not None:
            self._plan(entry)
        return entry

    def _plan(self, entry: _Entry) -> None:
        assert self._host is not None
        if not entry.cancelled:
            entry.handle = self._host.at(time.monotonic() + entry.wait(), lambda: self._reach(entry))

    def _reach(self, entry: _Entry) -> None:
        if self._host is None or entry.cancelled:
            return
        due = entry.due()
        if due:
            self._call(self._host, entry)
        if due and not entry.again:
            self._entries.remove(entry)
        else:
            self._plan(entry)

    def _call(self, host: Host, entry: _Entry) -> None:
        if entry.is_under_way:
            return
        name = getattr(entry.function, '__name__', 'a scheduled call')

        def work() -> Generator[Any, Any, Any]:
            entry.is_under_way = True
            try:
                outcome = entry.function()
                if hasattr(outcome, '__await__') or hasattr(outcome, '__aiter__'):
                    yield from _steps(host.asynchronous(outcome, lambda result: Response(None)))
                elif hasattr(outcome, 'send') and hasattr(outcome, 'close'):
                    yield from outcome
                elif hasattr(outcome, 'add_done_callback'):
                    yield outcome
            finally:
                entry.is_under_way = False
        deferred: Deferred = Job(0, name, work()).deferred
        for guarded in self._guards:
            deferred = guarded(deferred, title=name)
        host.start(deferred, name)


def _steps(deferred: Deferred) -> Iterator[Wait | None]:
    """The waits of something asynchronous."""
    try:
        while isinstance(outcome := deferred.step(), (Wait, bytes)):
            yield outcome if isinstance(outcome, Wait) else None
    finally:
        deferred.close()
