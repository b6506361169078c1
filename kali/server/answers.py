"""Deferred answers and jobs under way: taken a step further between requests, parked while they wait.

One step at a time and in turn, so that no answer holds up another, and for a few milliseconds in one go, so
that a request which comes in meanwhile goes first. What a step gives goes to the function that the answer was
begun with, which also says whether there is room for more. Only answers whose future, signal or moment has
come are looked at.
"""

from __future__ import annotations

import time
from collections import deque
from functools import partial

from kali import log
from kali.http.deferred import Wait, Waiter
from kali.server.dispatcher import Broken

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from kali.http.deferred import Deferred
    from kali.http.request import Request
    from kali.server.dispatcher import Dispatcher, Step
    from kali.server.timers import Timer, Timers

    # What is done with what a step gives, or with a Broken answer.
    Take: TypeAlias = Callable[[Step | Broken], bool]

__all__ = ['Answer', 'Answers']

# Seconds until the host looks at its sockets again: twice as many each time that it has found nothing there,
# since a look costs what a few steps do. What comes after a rest begins with the short ones anew.
SLICE, LONGEST = 0.0005, 0.004


def _nobody(outcome: object) -> bool:
    """What a job gives goes nowhere, and there is always room."""
    return True


class Answer:
    """One deferred answer, or a job, under way; `wait` is what it waits for, if it does."""

    wait: Wait | None = None
    waiter: Waiter | None = None  # most answers never wait
    timer: Timer | None = None
    queued = False
    over = False

    def __init__(self, answers: Answers, deferred: Deferred, subject: Request | str, take: Take) -> None:
        self._answers, self.deferred, self.subject, self.take = answers, deferred, subject, take

    def cancel(self) -> None:
        """End it and close the Deferred."""
        self._answers.end(self)


class Answers:
    """The deferred answers and the jobs of one host. While `ready` or `called` hold some, `advance` has
    something to do.

    :param timers: where the moments are kept that they wait for
    :param wake: makes the host call `advance` soon, from any thread
    """

    def __init__(self, dispatcher: Dispatcher, timers: Timers, wake: Callable[[], None]) -> None:
        self.dispatcher, self.timers, self.wake = dispatcher, timers, wake
        self._open: dict[Answer, None] = {}
        self._closed = False
        self._running: Answer | None = None
        self._slice = 0.0  # of the last turn, unless nothing was left to do after it
        self.ready: deque[Answer] = deque()
        self.called: deque[Answer] = deque()  # something has come that they wait for; from any thread

    def is_busy(self) -> bool:
        """Whether one is under way that is to be finished. A page that listens to events is not one."""
        for answer in self._open:
            response, wait = answer.deferred.response, answer.wait
            if not (wait is not None and wait.resting) and not (
                    response is not None and 'event-stream' in response.headers.get('Content-Type', '')):
                return True
        return False

    def begin(self, deferred: Deferred, subject: Request | str, take: Take = _nobody) -> Answer:
        """Take `deferred` through its steps from the next turn on.

        :param subject: the request that it answers, or the name of a job
        :param take: gets what each step gives
        """
        answer = Answer(self, deferred, subject, take)
        self._open[answer] = None
        if self._closed:
            self.end(answer)
        else:
            self._queue(answer)
        return answer

    def waits(self) -> list[Wait]:
        """What the answers wait for that wait."""
        return [answer.wait for answer in self._open if answer.wait is not None]

    def advance(self, *, quiet: bool = False) -> None:
        """Take the answers that may go on further, in turn, for as long as there is time.

        :param quiet: whether nothing else came since the last time
        """
        self._slice = min(max(2 * self._slice, SLICE), LONGEST) if quiet else SLICE
        until = time.monotonic() + self._slice
        called, ready = self.called, self.ready
        while called:
            self._guarded(self._look, called.popleft())
            if time.monotonic() >= until:
                break
        while ready:
            answer = ready.popleft()
            answer.queued = False
            if not answer.over:
                self._guarded(self._step, answer)
            if time.monotonic() >= until:
                break
        if not (called or ready):
            self._slice = 0.0

    def resume(self, answer: Answer) -> None:
        """Let an answer go on in the next turn, whatever it waits for."""
        self._unpark(answer)
        if not answer.over:
            self._queue(answer)

    def room(self, answer: Answer) -> None:
        """The client has taken what it was sent."""
        if answer.wait is not None and answer.wait.room:
            self.resume(answer)

    def end(self, answer: Answer) -> None:
        """An answer is over, or nobody wants it any more: close it."""
        if answer.over:
            return
        answer.over = True
        self._unpark(answer)
        if answer.waiter is not None:
            answer.waiter.end()
        if answer is not self._running:  # a generator cannot be closed in the midst of its own step
            self._close(answer)

    def close(self) -> None:
        """End all answers and jobs, and any that is begun later."""
        self._closed = True
        for answer in list(self._open):
            self.end(answer)

    def _queue(self, answer: Answer) -> None:
        if not answer.queued:
            answer.queued = True
            self.ready.append(answer)

    def _guarded(self, function: Callable[[Answer], None], answer: Answer) -> None:
        """An error about one answer, in its future perhaps, ends that one."""
        try:
            function(answer)
        except Exception as error:
            log.error('%s failed', _name(answer.subject), exception=error)
            self.end(answer)
            try:
                answer.take(Broken())
            except Exception as again:
                log.error('%s could not be cut', _name(answer.subject), exception=again)

    def _step(self, answer: Answer) -> None:
        self._running = answer
        outcome: Step | Broken
        try:
            outcome = self.dispatcher.step(answer.subject, answer.deferred)
        except Broken as broken:
            outcome = broken
        finally:
            self._running = None
        if answer.over:  # it was cancelled in the meantime, by itself
            self._close(answer)
        elif isinstance(outcome, Wait):
            self._park(answer, outcome)
        elif isinstance(outcome, bytes):
            if answer.take(outcome):
                self._queue(answer)
            elif not answer.over:
                answer.wait = Wait(room=True)
        else:
            self.end(answer)
            answer.take(outcome)

    def _park(self, answer: Answer, wait: Wait) -> None:
        answer.wait = wait
        has_room = answer.take(wait)
        if answer.over:
            return
        if wait.room and has_room:
            self.resume(answer)
            return
        if answer.waiter is None:
            answer.waiter = Waiter(partial(self._call, answer))
        answer.waiter.wait_for(wait)
        if wait.until is not None:
            answer.timer = self.timers.at(wait.until, lambda: self.called.append(answer))
        if wait.over(time.monotonic()):
            self.resume(answer)

    def _unpark(self, answer: Answer) -> None:
        answer.wait = None
        if answer.waiter is not None:
            answer.waiter.leave()
        if answer.timer is not None:
            answer.timer.cancel()
            answer.timer = None

    def _call(self, answer: Answer) -> None:
        """Something has come; perhaps in another thread."""
        called = self.called
        called.append(answer)
        # For one behind others, whoever called for the first of them wakes the host. A length of 1 would not
        # do: two threads may both have appended before either asks for it.
        try:
            is_first = called[0] is answer
        except IndexError:  # the host is awake, and has looked at it by now
            return
        if is_first:
            self.wake()

    def _look(self, answer: Answer) -> None:
        """What an answer waits for may have come; or something that it waited for earlier."""
        wait = answer.wait
        if wait is None or not wait.over(time.monotonic()):
            return
        piece = wait.pieces()
        if not piece:
            self.resume(answer)
        elif not answer.take(piece) and not answer.over:
            self._unpark(answer)
            answer.wait = Wait(room=True)

    def _close(self, answer: Answer) -> None:
        self._open.pop(answer, None)
        self.dispatcher.close(answer.subject, answer.deferred)


def _name(subject: Request | str) -> str:
    return subject if isinstance(subject, str) else f'{subject.method} {subject.target}'
