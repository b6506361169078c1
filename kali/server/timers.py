"""Timers: functions to be called at a moment, and which of them are due."""

from __future__ import annotations

from heapq import heapify, heappop, heappush

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ['NEVER', 'Timer', 'Timers']

NEVER = float('inf')


class Timer:
    """A call at a moment; `cancel` calls it off."""

    __slots__ = ('_timers', 'function', 'when')

    def __init__(self, timers: Timers, when: float, function: Callable[[], object]) -> None:
        self._timers, self.when = timers, when
        self.function: Callable[[], object] | None = function

    def cancel(self) -> None:
        """Do not make the call; afterwards, and after the call, this does nothing."""
        if self.function is not None:
            self.function = None
            self._timers.forget_one()


class Timers:
    """Calls to be made, by time; `heap` is empty if there are none.

    >>> timers = Timers()
    >>> late, early = timers.at(2.0, print), timers.at(1.0, list)
    >>> early.cancel()
    >>> timers.next(), list(timers.due(1.5)), list(timers.due(2.0)) == [print]
    (2.0, [], True)
    """

    __slots__ = ('_cancelled', '_count', 'heap')

    def __init__(self) -> None:
        self.heap: list[tuple[float, int, Timer]] = []
        self._count = self._cancelled = 0

    def at(self, when: float, function: Callable[[], object]) -> Timer:
        """Have `function` come out of `due` once it is `when`."""
        when = float(when)
        if when != when:  # it would be before and after nothing, and hold up all others
            raise ValueError('not a number (NaN) is no time')
        timer = Timer(self, when, function)
        self._count += 1  # of two that are due at one time, the earlier asked comes first
        heappush(self.heap, (when, self._count, timer))
        return timer

    def forget_one(self) -> None:
        """One was cancelled; when most of those kept are, they go."""
        self._cancelled += 1
        if self._cancelled > 64 and self._cancelled * 2 > len(self.heap):
            self.heap = [each for each in self.heap if each[2].function is not None]
            heapify(self.heap)
            self._cancelled = 0

    def next(self) -> float:
        """When the first call is due; NEVER if there is none."""
        while self.heap and self.heap[0][2].function is None:
            heappop(self.heap)
            self._cancelled -= 1
        return self.heap[0][0] if self.heap else NEVER

    def due(self, now: float) -> Iterator[Callable[[], object]]:
        """The functions whose moment has come."""
        while self.next() <= now:
            timer = heappop(self.heap)[2]
            function, timer.function = timer.function, None
            if function is not None:
                yield function
