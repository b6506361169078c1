"""Hosting: a host (kali.http.host) without sockets of its own.

The test client is one, and the thread in which handlers run under WSGI. Both hand it requests; it keeps the
jobs, the moments and, if something is asynchronous, the guest loop.
"""

from __future__ import annotations

import time
from functools import partial

from kali.http.blocking import Pause
from kali.http.encoder import Encoder
from kali.server.answers import Answers
from kali.server.timers import Timers

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from kali.http.deferred import Deferred
    from kali.http.host import Handle
    from kali.http.response import Response
    from kali.live.guest import Guest
    from kali.live.sse import Event
    from kali.server.dispatcher import Dispatcher

__all__ = ['Hosting']


class Hosting:
    """Runs jobs in the thread that calls `turn` and `pause`.

    :param dispatcher: calls the handler
    :param headers: header fields for every response, in place of or besides kali's own

    >>> from kali.server.dispatcher import Dispatcher
    >>> host = Hosting(Dispatcher(lambda request: 'Hello'))
    >>> handle = host.at(0.0, lambda: print('due'))
    >>> host.turn(), host.turn()
    due
    (True, False)
    """

    def __init__(self, dispatcher: Dispatcher, headers: Mapping[str, str | None] | None = None) -> None:
        self.stopping = False
        self.dispatcher = dispatcher
        dispatcher.stopping = lambda: self.stopping
        self.encoder = Encoder(headers)
        self.timers = Timers()
        self.answers = Answers(self.dispatcher, self.timers, self.wake)
        self._place: Any = Pause()
        self._guest: Guest | None = None  # see asynchronous()
        self._sockets: Any = None

    def start(self, deferred: Deferred, name: str) -> Handle:
        """Take a Deferred that no client waits for through its steps: a job."""
        return self.answers.begin(deferred, name)

    def at(self, when: float, function: Callable[[], object]) -> Handle:
        """Call `function` at the time `when`, in seconds on the clock of `time.monotonic`."""
        name = str(getattr(function, '__qualname__', 'a call'))
        return self.timers.at(when, partial(self.dispatcher.call, function, name))

    def publish(self, event: Event | str, to: str = '') -> None:
        """Send an event to all windows, or to those that show one page."""
        self.dispatcher.publish(event, to)

    def watch(self, descriptor: int, events: int, function: Callable[[int], object]) -> None:
        """Call `function` with what a foreign socket is ready for, whenever time passes."""
        self._sockets.watch(descriptor, events, function)

    def asynchronous(self, value: Any, finish: Callable[[Any], Response | Deferred]) -> Deferred:
        """The answer of an awaitable, or the stream of an async generator."""
        if self._guest is None:
            from kali.live.guest import Guest  # asyncio is for what is asynchronous
            from kali.live.selector import Sockets
            self._place = self._sockets = Sockets()
            self._guest = Guest(self)
        return self._guest.deferred(value, finish)

    def complete(self, value: Any, seconds: float) -> None:
        """Run an awaitable to its end while nothing else runs; for what ends with the host."""
        if self._guest is not None:
            self._guest.complete(value, seconds)

    def wake(self) -> None:
        """Have the host look at what has come; from any thread."""
        self._place.wake()

    def pause(self, until: float = float('inf')) -> None:
        """Let time pass, until then at most, in which jobs and calls go on."""
        if not self.turn():
            self._place.pause(min(until, self.timers.next()))

    def sleep(self, until: float) -> None:
        """Let time pass until then, or until something comes."""
        self._place.pause(until)

    def turn(self) -> bool:
        """Make the calls that are due, and take each job that may go on a step further; False if there is
        neither."""
        due = list(self.timers.due(time.monotonic()))
        for function in due:
            function()
        has_jobs = bool(self.answers.ready or self.answers.called)
        if has_jobs:
            self.answers.advance()
        return bool(due) or has_jobs

    def close(self) -> None:
        """End all that was started, and the guest loop."""
        self.stopping = True
        self.answers.close()
        if self._guest is not None:
            self._guest.close()
            self._sockets.close()
            self._guest, self._place = None, Pause()
