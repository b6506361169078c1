"""The running asyncio loop as a host (kali.http.host): what lives as long as an ASGI server serves kali."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from kali.http.encoder import Encoder
from kali.live.guest import Guest
from kali.server.answers import Answer, Answers
from kali.server.dispatcher import Dispatcher

if TYPE_CHECKING:
    import contextvars
    from collections.abc import Callable, Mapping

    from kali.http.deferred import Deferred
    from kali.http.host import Handle
    from kali.http.request import Request
    from kali.http.response import Handler, Response
    from kali.live.sse import Event
    from kali.locale import Locale

__all__ = ['LoopHost']

PATIENCE = 5.0  # seconds for what ends with the host


class _Moments:
    """Timers (kali.server.timers) that the loop keeps. What they do is followed by a turn."""

    def __init__(self, loop: asyncio.AbstractEventLoop, soon: Callable[[], object]) -> None:
        self._loop, self._soon = loop, soon

    def at(self, when: float, function: Callable[[], object]) -> Any:
        def call() -> None:
            function()
            self._soon()
        return self._loop.call_later(max(0.0, when - time.monotonic()), call)


class _Resident(Guest):
    """What a Guest does, in a loop that runs by itself."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop: Any = loop

    def step(self, task: Any, context: contextvars.Context, send: Callable[[], Any]) -> Any:
        """Run a part of a coroutine as `task`, in place of the task that runs now, if one does."""
        current = asyncio.current_task(self.loop)
        if current is not None:
            asyncio._leave_task(self.loop, current)
        try:
            asyncio._enter_task(self.loop, task)
            try:
                return context.run(send)
            finally:
                asyncio._leave_task(self.loop, task)
        finally:
            if current is not None:
                asyncio._enter_task(self.loop, current)


class LoopHost:
    """Runs jobs and deferred answers in the loop that runs now."""

    def __init__(self, handler: Handler, *, debug: bool, locale: Locale | None,
                 headers: Mapping[str, str | None] | None) -> None:
        self.stopping = False
        self.dispatcher = Dispatcher(handler, debug=debug, locale=locale)
        self.encoder = Encoder(headers)
        self._loop = asyncio.get_running_loop()
        self._moments = _Moments(self._loop, self._soon)
        self._answers = Answers(self.dispatcher, self._moments, self.wake)  # type: ignore[arg-type]
        self._resident = _Resident(self._loop)
        self._planned = False
        self._last: set[asyncio.Future[Any]] = set()

    def start(self, deferred: Deferred, name: str) -> Handle:
        """Take a Deferred that no client waits for through its steps: a job."""
        return self.begin(deferred, name)

    def begin(self, deferred: Deferred, subject: Request | str, *take: Any) -> Answer:
        """Take any Deferred through its steps; see kali.server.answers."""
        answer = self._answers.begin(deferred, subject, *take)
        self._soon()
        return answer

    def room(self, answer: Answer) -> None:
        """There is room for more of a stream."""
        self._answers.room(answer)
        self._soon()

    def end(self, answer: Answer) -> None:
        """Nobody wants an answer any more."""
        self._answers.end(answer)

    def at(self, when: float, function: Callable[[], object]) -> Handle:
        """Call `function` at the time `when`, in seconds on the clock of `time.monotonic`."""
        name = str(getattr(function, '__qualname__', 'a call'))
        handle: Handle = self._moments.at(when, partial(self.dispatcher.call, function, name))
        return handle

    def publish(self, event: Event | str, to: str = '') -> None:
        """Send an event to all windows, or to those that show one page."""
        self.dispatcher.publish(event, to)

    def asynchronous(self, value: Any, finish: Callable[[Any], Response | Deferred]) -> Deferred:
        """The answer of an awaitable, or the stream of an async generator."""
        return self._resident.deferred(value, finish)

    def complete(self, value: Any, seconds: float) -> None:
        """Have an awaitable run to its end before the host is over."""
        async def run() -> None:
            await asyncio.wait_for(value, seconds)
        self._last.add(self._loop.create_task(run()))

    def wake(self) -> None:
        """Have the host look at what has come; from any thread."""
        try:
            self._loop.call_soon_threadsafe(self._turn)
        except RuntimeError:
            pass  # the loop is closed: a thread of in_thread ended after the server, and has nobody to tell

    def _soon(self) -> None:
        if not self._planned:
            self._planned = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._planned = False
        answers = self._answers
        if answers.ready or answers.called:
            answers.advance()
            if answers.ready or answers.called:
                self._soon()

    def close(self) -> None:
        """End all that was started."""
        self.stopping = True
        self._answers.close()

    async def over(self) -> None:
        """Wait for what ends with the host."""
        if self._last:
            await asyncio.wait(self._last, timeout=PATIENCE)
