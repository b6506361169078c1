"""Deferred: an answer that comes later, or in pieces.

A handler that cannot answer at once returns a stream (`Response.stream`) or a future; `as_response` makes a
Deferred of it. A host asks for one step after the other and serves other requests between two of them. A step
gives a piece of the body (bytes), a Wait, the Response itself, or None at the end. Wrappers put something
around each step with `within`: **nothing that is entered for a step is held across a wait**, no transaction
above all.
"""

from __future__ import annotations

from kali.iolist import flatten

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from typing import Any, TypeAlias

    Response: TypeAlias = Any  # kali.http.response builds on this file
    Step: TypeAlias = 'bytes | Wait | Response | Deferred | None'

__all__ = ['Deferred', 'Signal', 'Wait', 'Waiter', 'answer_later', 'stream']


class Signal:
    """Something that happens again and again, and that a Deferred can wait for: news in a channel, say.

    `set` may be called from any thread, since the subscribers of a host only make a note and wake it.
    `count` is how often that was done.

    >>> news = Signal()
    >>> wait = Wait(signal=news)
    >>> news.set()
    >>> wait.over(0.0), Wait(signal=news).over(0.0)
    (True, False)
    """

    __slots__ = ('_functions', 'count')

    def __init__(self) -> None:
        self.count = 0
        self._functions: dict[Callable[[], object], None] = {}

    def set(self) -> None:
        """It has happened: whatever waits for it goes on."""
        self.count += 1
        if self._functions:
            for function in list(self._functions):
                function()

    def subscribe(self, function: Callable[[], object]) -> None:
        """Have `function` called at each `set`; once, however often it subscribes."""
        self._functions[function] = None

    def unsubscribe(self, function: Callable[[], object]) -> None:
        """Have `function` called no longer."""
        self._functions.pop(function, None)

    def __len__(self) -> int:
        return len(self._functions)

    def __bool__(self) -> bool:
        return True


class Wait:
    """What a Deferred waits for: a future, a signal, a moment, or room; whichever comes first.

    :param future: anything with `done()`, `result()` and `add_done_callback(function)`
    :param until: a time on the clock of `time.monotonic`, in seconds
    :param signal: a Signal; the wait ends with the first `set` after it was made. So where another thread
        sets it, make the Wait first and look for news then.
    :param room: whether to wait until the client has taken most of what it was sent
    :param news: gives the bytes that came with the signal, if that is all there is to a step: the host sends
        them and the wait goes on. With b'' or None, the answer takes its next step
    :ivar resting: whether nothing is under way meanwhile, so that a program may end; not so unless set
    """

    __slots__ = ('_count', 'future', 'news', 'resting', 'room', 'signal', 'until')

    def __init__(self, future: Any = None, until: float | None = None, *, signal: Signal | None = None,
                 room: bool = False, news: Callable[[], bytes | None] | None = None) -> None:
        self.future, self.until, self.signal, self.room, self.news = future, until, signal, room, news
        self._count = 0 if signal is None else signal.count
        self.resting = False

    def pieces(self) -> bytes | None:
        """What has come by now; the wait goes on for more."""
        if self.news is None:
            return None
        if self.signal is not None:
            self._count = self.signal.count  # before looking: another thread may set it in between
        return self.news()

    def over(self, now: float) -> bool:
        """Whether the wait has ended at the time `now`; about room, the host knows."""
        if self.future is not None and self.future.done():
            return True
        if self.signal is not None and self.signal.count != self._count:
            return True
        return self.until is not None and now >= self.until

    def capped(self, until: float) -> Wait:
        """The same wait, but over at `until` if nothing has come by then."""
        wait = Wait(self.future, until if self.until is None else min(until, self.until), signal=self.signal,
                    room=self.room, news=self.news)
        wait._count, wait.resting = self._count, self.resting
        return wait


class Waiter:
    """Subscribes a function to what a Wait names: once, however often it waits for the same thing.

    :param go_on: called, maybe from another thread, when something has come that it waits or waited for

    >>> news, calls = Signal(), []
    >>> waiter = Waiter(lambda: calls.append('news'))
    >>> waiter.wait_for(Wait(signal=news))
    >>> news.set()
    >>> waiter.leave()
    >>> news.set()
    >>> calls
    ['news']
    """

    __slots__ = ('_futures', '_go_on', '_signal')

    def __init__(self, go_on: Callable[[], object]) -> None:
        self._go_on = go_on
        self._signal: Signal | None = None
        # Subscribed to and not done. A future of concurrent.futures keeps each callback until then.
        self._futures: dict[int, Any] = {}

    def wait_for(self, wait: Wait) -> None:
        """Subscribe to the future and the signal of `wait`."""
        if wait.signal is not None:
            self._signal = wait.signal
            wait.signal.subscribe(self._go_on)
        future = wait.future
        if future is not None and id(future) not in self._futures:
            self._futures[id(future)] = future
            future.add_done_callback(self._come)

    def leave(self) -> None:
        """Take the subscriptions off, as far as that can be done."""
        if self._signal is not None:
            self._signal.unsubscribe(self._go_on)
            self._signal = None
        for number, future in list(self._futures.items()):
            if hasattr(future, 'remove_done_callback'):  # asyncio has it
                future.remove_done_callback(self._come)
                self._futures.pop(number, None)

    def end(self) -> None:
        """Leave, and keep nothing alive that a future still refers to."""
        self.leave()
        self._go_on = _nothing
        self._futures = {}

    def _come(self, future: Any = None) -> None:
        self._futures.pop(id(future), None)
        self._go_on()


def _nothing() -> None:
    """What is called of a waiter that has ended."""


class Deferred:
    """An answer under way.

    :param step: called for the next bytes, Wait or Response; None ends a stream. Where the status is known
        late, it may give the Deferred of the stream that follows, which has a `response`
    :param response: the status and headers that go before the first piece; None if a Response comes in the
        end
    :param close: called once, when the answer is over or its client has gone
    """

    __slots__ = ('_close', 'response', 'step')

    def __init__(self, step: Callable[[], Step], response: Response | None = None,
                 close: Callable[[], None] = lambda: None) -> None:
        self.step, self.response, self._close = step, response, close

    def within(self, around: Callable[[], AbstractContextManager[Any]]) -> Deferred:
        """The same answer with `with around():` about each of its steps, and about closing it."""
        def step() -> Step:
            with around():
                outcome = self.step()
            return outcome.within(around) if isinstance(outcome, Deferred) else outcome

        def close() -> None:
            try:
                with around():
                    self.close()
            finally:
                self.close()  # even if `around` could not be entered
        return Deferred(step, self.response, close)

    @property
    def status(self) -> int:
        """The status of a stream."""
        return int(self._begun().status)

    @property
    def headers(self) -> Any:
        """The header fields of a stream, as a Response has them."""
        return self._begun().headers

    def set_cookie(self, name: str, value: str, **arguments: Any) -> None:
        """Have the browser keep a cookie, as `Response.set_cookie` does."""
        self._begun().set_cookie(name, value, **arguments)

    def _begun(self) -> Response:
        if self.response is None:
            raise TypeError('this answer has no headers yet: set them on the Response that comes in the end')
        return self.response

    def close(self) -> None:
        """Release what the answer holds; later calls do nothing."""
        close, self._close = self._close, lambda: None
        close()


def stream(pieces: Iterator[Any], response: Response) -> Deferred:
    """A Deferred that gives the pieces of an iterator one by one, each flattened by itself, behind the head
    of `response`."""
    def step() -> bytes | None:
        for piece in pieces:
            return flatten(piece)  # also if it is empty: between two steps other requests go on
        return None
    return Deferred(step, response, getattr(pieces, 'close', lambda: None))


def answer_later(pending: Any, finish: Callable[[Any], Response | Deferred]) -> Deferred:
    """A Deferred that waits for `pending` and answers with what `finish` makes of its result, which may be a
    stream.

    If the future failed, its exception comes out of the step, as if the handler had raised it.
    """
    def step() -> Wait | Response | Deferred:
        return finish(pending.result()) if pending.done() else Wait(pending)
    return Deferred(step, None, getattr(pending, 'cancel', lambda: None))
