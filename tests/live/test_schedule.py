"""Schedule: calls at times, with a clock that can be set."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from kali.live import Schedule, in_thread
from kali.live import schedule as module

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kali.http.deferred import Deferred
    from tests.server.conftest import Running


def test_calls_come_and_can_be_called_off(running: Callable[..., Running]) -> None:
    schedule, calls = Schedule(), []
    schedule.every(0.01, lambda: calls.append('every'))
    schedule.after(0, lambda: calls.append('after'))
    never = schedule.every(0.001, lambda: calls.append('never'))
    never.cancel()
    server = running(schedule.wrap(lambda request: 'home'))
    server.until(lambda: calls.count('every') >= 3)
    late = schedule.every(0.005, lambda: calls.append('late'))
    server.server.wake()
    server.until(lambda: 'late' in calls)
    late.cancel()
    assert calls.count('after') == 1 and 'never' not in calls
    assert server.get()[2] == b'home'
    server.end()
    count = len(calls)
    assert len(calls) == count


def test_an_error_does_not_end_it(running: Callable[..., Running], caplog: pytest.LogCaptureFixture) -> None:
    schedule, calls = Schedule(), []

    def fail() -> None:
        calls.append('fail')
        raise ZeroDivisionError
    schedule.every(0.005, fail)
    server = running(schedule.wrap(lambda request: 'home'))
    server.until(lambda: len(calls) >= 3)
    assert server.get()[2] == b'home'
    assert 'fail' in caplog.text


def test_a_generator_is_advanced_in_steps(running: Callable[..., Running]) -> None:
    schedule, steps = Schedule(), []

    def work() -> Iterator[None]:
        for number in range(3):
            steps.append(number)
            yield
    schedule.after(0, work)
    server = running(schedule.wrap(lambda request: 'home'))
    server.until(lambda: steps == [0, 1, 2])


def test_async_functions(running: Callable[..., Running], caplog: pytest.LogCaptureFixture) -> None:
    schedule, seen = Schedule(), []

    async def once() -> str:
        await asyncio.sleep(0.001)
        seen.append('once')
        return 'nobody reads this'

    async def pieces() -> AsyncIterator[None]:
        yield
        await asyncio.sleep(0.001)
        seen.append('pieces')

    async def fails() -> None:
        await asyncio.sleep(0.001)
        raise ZeroDivisionError

    async def cut() -> None:
        try:
            seen.append('begun')
            await asyncio.sleep(60)
        finally:
            seen.append('cut')
    for function in (once, pieces, fails, cut):
        schedule.after(0, function)
    server = running(schedule.wrap(lambda request: 'home'))
    server.until(lambda: {'once', 'pieces', 'begun'} <= set(seen) and 'ZeroDivisionError' in caplog.text)
    server.end()
    assert 'cut' in seen


def test_a_call_that_is_under_way_is_not_made_twice(running: Callable[..., Running]) -> None:
    schedule, begun, looks = Schedule(), [], []
    go_on = threading.Event()

    def slow() -> Iterator[Any]:
        begun.append(True)
        yield in_thread(go_on.wait, 10)
    schedule.every(0.002, slow)
    schedule.every(0.002, lambda: looks.append(True))
    server = running(schedule.wrap(lambda request: 'home'))
    server.until(lambda: len(looks) > 20)
    assert len(begun) == 1
    go_on.set()
    server.until(lambda: len(begun) > 3)


@pytest.mark.parametrize('make', [
    lambda s: s.every(0, print), lambda s: s.every(-1, print), lambda s: s.after(-1, print),
    lambda s: s.every(float('nan'), print), lambda s: s.daily('25:00', print), lambda s: s.daily('', print),
    lambda s: s.daily(18, print),
])
def test_mistakes(make: Callable[[Schedule], Any]) -> None:
    with pytest.raises(ValueError, match=r'looks like 18:00|number of seconds'):
        make(Schedule())


class Host:
    """A host whose clock is set by hand: it makes the calls that are due."""

    stopping = False

    def __init__(self, monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
        self.now, self.monotonic = now, 0.0
        self.planned: list[tuple[float, Callable[[], object]]] = []
        host = self

        class Clock(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> datetime:
                return host.now
        monkeypatch.setattr(module, 'datetime', Clock)
        monkeypatch.setattr(module.time, 'monotonic', lambda: host.monotonic)

    def at(self, when: float, function: Callable[[], object]) -> Any:
        self.planned.append((when, function))
        return type('Handle', (), {'cancel': staticmethod(lambda: None)})

    def wake(self) -> None:
        pass

    def start(self, deferred: Deferred, name: str) -> Any:
        while deferred.step() is not None:
            pass

    def run(self, seconds: float, wall: timedelta | None = None) -> None:
        """Let time pass, on the wall otherwise by `wall`."""
        end = self.monotonic + seconds
        if wall is not None:
            self.now += wall
        while due := sorted((each for each in self.planned if each[0] <= end), key=lambda each: each[0]):
            when, function = due[0]
            self.planned.remove(due[0])
            if wall is None:
                self.now += timedelta(seconds=when - self.monotonic)
            self.monotonic = when
            function()
        if wall is None:
            self.now += timedelta(seconds=end - self.monotonic)
        self.monotonic = end


DAY = 24 * 3600


@pytest.mark.parametrize('start, passes, calls', [
    ('2026-03-01T10:00', [(DAY, None)], 1),
    ('2026-03-01T10:00', [(3 * DAY, None)], 3),
    ('2026-03-01T19:00', [(3600, None)], 0),  # too late for today
    ('2026-03-01T19:00', [(DAY, None)], 1),
    ('2026-03-01T17:00', [(120, timedelta(hours=2))], 1),  # asleep, or the clock was set
    ('2026-03-01T17:00', [(7200, None), (120, timedelta(hours=-3)), (4 * 3600, None)], 1),  # set back
    ('2026-03-01T10:00', [(120, timedelta(days=400))], 0),  # at 10 on another day
    ('2026-03-01T18:30', [(120, timedelta(days=400))], 1),
])
def test_daily(start: str, passes: list[Any], calls: int, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(monkeypatch, datetime.fromisoformat(start))
    schedule, made = Schedule(), []
    schedule.daily('18:00', lambda: made.append(host.now))
    (lifespan,) = schedule.wrap(lambda request: None).lifespan  # type: ignore[attr-defined]
    with lifespan(host):
        for seconds, wall in passes:
            host.run(seconds, wall)
    assert len(made) == calls
