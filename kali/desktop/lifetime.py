"""Lifetime: the program ends with its last window, and never otherwise by itself.

A window holds a lease: the stream of events that all windows of a browser share. When the stream ends and a
window has said goodbye, the program ends two seconds later, unless a request comes: the next page, a reload,
another window that takes the lease over. When it ends without a goodbye, a browser has crashed or was killed,
and may come back: the program waits for an hour. It never ends while it works on something: a request, a job.
Nothing is concluded from silence: a hidden window, or a computer that sleeps, sends nothing for hours.
"""

from __future__ import annotations

import time

from kali.http.deferred import Deferred

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable

    from kali.http.host import Handle

__all__ = ['Lifetime']

GOODBYE = 2.0  # seconds in which a goodbye turns out to be none
CRASH = 3600.0  # seconds in which a browser that crashed may come back
UNSEEN = 600.0  # seconds for the first window of a program that nobody would see otherwise
LATE = 0.5  # seconds in which the streams of a browser that has ended are over
BUSY = 0.25  # seconds from one look to the next while the end waits for work to be done


class Lifetime:
    """When the program ends.

    :param at: calls a function at a time, as a host does
    :param is_busy: whether something is under way that is to be finished
    :param end: ends the program
    :param is_seen: whether the program has a console, where its user sees that it runs
    """

    def __init__(self, at: Callable[[float, Callable[[], object]], Handle], is_busy: Callable[[], bool],
                 end: Callable[[], object], *, is_seen: bool = True) -> None:
        self._at, self._is_busy, self._end = at, is_busy, end
        self._leases = 0
        self._lost_sight = self._goodbye = -GOODBYE  # when that was last
        self._had_lease = self._has_parted = False
        self._unseen = None if is_seen else UNSEEN
        self._timer: Handle | None = None
        self._replan()

    def asked(self) -> None:
        """A request has come in, which was no goodbye: there is a window."""
        if self._has_parted or not (self._had_lease or self._unseen is None):
            self._has_parted = False
            self._replan()

    def leased(self, stream: Deferred) -> Deferred:
        """`stream` as a lease: until it is closed, there is a window."""
        self._leases += 1
        self._had_lease, self._has_parted = True, False
        self._replan()
        held, begun = [stream], time.monotonic()

        def close() -> None:
            if held:
                held.pop()
                self._leases -= 1
                # A window that is closed as its page appears says goodbye before its stream is here.
                if max(begun - self._goodbye, time.monotonic() - begun) < GOODBYE:
                    self._has_parted = True
                self._replan()
            stream.close()
        return Deferred(stream.step, stream.response, close)

    def showed(self, *, holds_lease: bool) -> None:
        """A page went out. After one that holds no lease, such as a picture, the page before it says goodbye
        as if its window was closed."""
        self._lost_sight = -GOODBYE if holds_lease else time.monotonic()

    def parted(self) -> None:
        """A window has said goodbye; so has a browser that ended as it should."""
        if time.monotonic() < self._lost_sight + GOODBYE:
            return
        self._has_parted, self._goodbye = True, time.monotonic()
        self._replan()

    def left(self) -> None:
        """The browser that showed the windows has ended as it should; whether they said goodbye or not. Their
        stream may end a moment later."""
        self._at(time.monotonic() + LATE, self._part)

    def _part(self) -> None:
        if not self._leases:
            self._has_parted = True
            self._replan()

    def _replan(self) -> None:
        if self._leases:
            self._plan(None)
        elif self._has_parted:
            self._plan(GOODBYE)
        else:  # a crash; or a page that holds no lease, a picture say, after one that did
            self._plan(CRASH if self._had_lease else self._unseen)

    def _plan(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self._at(time.monotonic() + seconds, self._reach)

    def _reach(self) -> None:
        self._timer = None
        if self._is_busy():
            self._plan(BUSY)
        else:
            self._end()
