"""Deferred: an answer that comes later, or in pieces.

A handler that cannot answer at once returns a stream (`Response.stream`) or a future; `as_response` makes a
Deferred of it. Whoever serves it asks for one step after the other, and between two steps other requests go
on. A step gives a piece of the body (bytes), a Wait, the Response itself, or None at the end. Wrappers put
something around each step with `within`; the rule they rest on: **nothing that is entered for a step is held
across a wait**, no transaction above all. It knows nothing of sockets, selectors or threads.
"""

from __future__ import annotations

from kali.iolist import flatten

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from typing import Any, TypeAlias

    Response: TypeAlias = Any  # kali.http.response builds on this file
    Step: TypeAlias = 'bytes | Wait | Response | None'

__all__ = ['Deferred', 'Wait', 'answer_later', 'stream']


class Wait:
    """What a Deferred waits for: a future, or a moment.

    :param future: anything with `done()`, `result()` and `add_done_callback(function)`
    :param until: a time on the clock of `time.monotonic`, in seconds
    """

    __slots__ = ('future', 'until')

    def __init__(self, future: Any = None, until: float | None = None) -> None:
        self.future, self.until = future, until

    def over(self, now: float) -> bool:
        """Whether the wait has ended at the time `now`."""
        if self.future is not None and self.future.done():
            return True
        return self.until is not None and now >= self.until


class Deferred:
    """An answer under way.

    :param step: called for the next bytes, Wait or Response; None ends a stream
    :param response: the status and headers that go before the first piece; None if a Response comes in the
        end
    :param close: called once when the answer is over or nobody wants it any more
    """

    __slots__ = ('_close', 'response', 'step')

    def __init__(self, step: Callable[[], Step], response: Response | None = None,
                 close: Callable[[], None] = lambda: None) -> None:
        self.step, self.response, self._close = step, response, close

    def within(self, around: Callable[[], AbstractContextManager[Any]]) -> Deferred:
        """The same answer with `with around():` about each of its steps, and about closing it."""
        def step() -> Step:
            with around():
                return self.step()

        def close() -> None:
            try:
                with around():
                    self.close()
            finally:
                self.close()  # even if `around` could not be entered
        return Deferred(step, self.response, close)

    def close(self) -> None:
        """Let go of what the answer holds; further calls do nothing."""
        close, self._close = self._close, lambda: None
        close()


def stream(pieces: Iterator[Any], response: Response) -> Deferred:
    """A Deferred that gives the pieces of an iterator one by one, each flattened by itself."""
    def step() -> bytes | None:
        for piece in pieces:
            return flatten(piece)  # also if it is empty: between two steps other requests go on
        return None
    return Deferred(step, response, getattr(pieces, 'close', lambda: None))


def answer_later(pending: Any, finish: Callable[[Any], Response]) -> Deferred:
    """A Deferred that waits for `pending` and answers with what `finish` makes of its result.

    If the future failed, its exception comes out of the step, as if the handler had raised it.
    """
    def step() -> Wait | Response:
        return finish(pending.result()) if pending.done() else Wait(pending)
    return Deferred(step, None, getattr(pending, 'cancel', lambda: None))
