"""asyncio as a guest: in a small host of its own, to see that it neither polls nor blocks."""

from __future__ import annotations

import asyncio
import gc
import selectors
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from kali.http.deferred import Wait
from kali.http.response import Response
from kali.live.guest import Guest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


class Host:
    """A host with nothing else to do."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        self.timers: list[list[Any]] = []
        self.turns = 0

    def watch(self, descriptor: int, events: int, function: Callable[[int], object]) -> None:
        if descriptor in self.selector.get_map():
            self.selector.unregister(descriptor)
        if events:
            self.selector.register(descriptor, events, function)

    def at(self, when: float, function: Callable[[], object]) -> Any:
        timer = [when, function]
        self.timers.append(timer)

        class Handle:
            def cancel(self) -> None:
                timer[1] = lambda: None
        return Handle()

    def turn(self) -> None:
        self.turns += 1
        until = min((timer[0] for timer in self.timers), default=time.monotonic() + 10)
        for key, mask in self.selector.select(max(0.0, until - time.monotonic())):
            key.data(mask)
        now = time.monotonic()
        due = [timer for timer in self.timers if timer[0] <= now]
        self.timers = [timer for timer in self.timers if timer[0] > now]
        for timer in due:
            timer[1]()

    def run(self, deferred: Any) -> list[Any]:
        """All that comes of a Deferred."""
        found: list[Any] = []
        try:
            while True:
                outcome = deferred.step()
                if isinstance(outcome, Wait):
                    while not outcome.over(time.monotonic()):
                        self.turn()
                elif outcome is None:
                    return found
                else:
                    found.append(outcome)
                    if not isinstance(outcome, bytes):
                        return found
        finally:
            deferred.close()


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def guest(host: Host) -> Iterator[Guest]:
    guest = Guest(host)
    yield guest
    guest.close()
    host.selector.close()


def answer(host: Host, guest: Guest, coroutine: Any) -> Any:
    (found,) = host.run(guest.deferred(coroutine, lambda result: Response(result)))
    return found.content


async def plain() -> str:
    return 'plain'


async def sleeps() -> str:
    await asyncio.sleep(0.01)
    await asyncio.sleep(0)
    return 'slept'


async def gathers() -> str:
    async def part(number: int) -> str:
        await asyncio.sleep(0.01 / number)
        return str(number)
    return ' '.join(await asyncio.gather(part(1), part(2), part(3)))


async def times_out() -> str:
    try:
        await asyncio.wait_for(asyncio.sleep(60), 0.01)
    except asyncio.TimeoutError:  # TimeoutError itself from 3.11 on
        return 'timed out'
    return 'no'


async def in_a_thread() -> str:
    return await asyncio.get_running_loop().run_in_executor(None, lambda: 'from a thread')


async def talks() -> str:
    def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'hi')
        writer.close()
    server = await asyncio.start_server(greet, '127.0.0.1', 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        data = await reader.read()
        writer.close()
        await writer.wait_closed()
    return data.decode()


async def refused_signal() -> str:
    try:
        asyncio.get_running_loop().add_signal_handler(2, print)
    except RuntimeError as error:
        return str(error)[:15]
    return 'no'


async def refused_run() -> str:
    coroutine = plain()
    try:
        asyncio.run(coroutine)
    except RuntimeError as error:
        coroutine.close()
        return 'refused' if 'running event loop' in str(error) else str(error)
    return 'no'


@pytest.mark.parametrize('make, result', [
    (plain, 'plain'), (sleeps, 'slept'), (gathers, '1 2 3'), (times_out, 'timed out'), (talks, 'hi'),
    (in_a_thread, 'from a thread'), (refused_signal, 'signal handlers'), (refused_run, 'refused'),
])
def test_coroutines(make: Callable[[], Any], result: str, host: Host, guest: Guest) -> None:
    assert answer(host, guest, make()) == result


@pytest.mark.skipif(not hasattr(asyncio, 'timeout'), reason='Python 3.10 has neither timeout nor TaskGroup')
def test_timeouts_and_groups(host: Host, guest: Guest) -> None:
    async def handler() -> str:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.sleep(60)
        except TimeoutError:
            pass
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(asyncio.sleep(0.001, number)) for number in range(3)]
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.sleep(60))
                raise ZeroDivisionError
        except BaseExceptionGroup as errors:  # noqa: F821
            return f'{[task.result() for task in tasks]} {errors.exceptions[0]!r}'
    assert answer(host, guest, handler()) == '[0, 1, 2] ZeroDivisionError()'


def test_errors_come_out(host: Host, guest: Guest) -> None:
    async def fails() -> None:
        await asyncio.sleep(0)
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError):
        answer(host, guest, fails())

    async def foreign() -> None:
        class Strange:
            def __await__(self) -> Iterator[int]:
                yield 7
        await Strange()
    with pytest.raises(RuntimeError, match="none of asyncio's"):
        answer(host, guest, foreign())


def test_an_async_generator_is_a_stream(host: Host, guest: Guest) -> None:
    closed = []

    async def pieces() -> AsyncIterator[str]:
        try:
            for number in range(3):
                await asyncio.sleep(0.001)
                yield str(number)
        finally:
            await asyncio.sleep(0)
            closed.append(True)
    assert host.run(guest.deferred(pieces(), Response)) == [b'0', b'1', b'2']
    assert closed == [True]


def test_a_client_that_goes_cancels(host: Host, guest: Guest) -> None:
    seen = []

    async def handler() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append('cancelled')
            raise
        finally:
            await asyncio.sleep(0)
            seen.append('finally')
    deferred = guest.deferred(handler(), Response)
    assert isinstance(deferred.step(), Wait)
    deferred.close()
    while len(seen) < 2:
        host.turn()
    assert seen == ['cancelled', 'finally']
    assert not guest.loop._scheduled or all(handle.cancelled() for handle in guest.loop._scheduled)


def test_each_part_is_a_step(host: Host, guest: Guest) -> None:
    """So a guard has a transaction around each, and around the last one with what it returns."""
    from contextlib import contextmanager
    log: list[str] = []

    @contextmanager
    def around() -> Iterator[None]:
        log.append('begin')
        yield
        log.append('commit')

    async def handler() -> str:
        log.append('first')
        await asyncio.sleep(0.001)
        log.append('second')
        return 'done'
    host.run(guest.deferred(handler(), Response).within(around))
    assert log[:6] == ['begin', 'first', 'commit', 'begin', 'second', 'commit']


def test_nothing_polls(host: Host, guest: Guest) -> None:
    async def background() -> None:
        await asyncio.sleep(60)

    async def handler() -> None:
        task = asyncio.ensure_future(background())
        await asyncio.sleep(0.2)
        task.cancel()
    host.run(guest.deferred(handler(), Response))
    assert host.turns < 12, 'the loop rests while nothing is due'


def test_a_task_that_never_rests_lets_others_go_on(host: Host, guest: Guest) -> None:
    async def spin() -> None:
        while True:
            await asyncio.sleep(0)

    async def handler() -> str:
        task = asyncio.ensure_future(spin())
        await asyncio.sleep(0.01)
        task.cancel()
        return 'done'
    assert answer(host, guest, handler()) == 'done'


def test_another_thread_may_call(host: Host, guest: Guest) -> None:
    async def handler() -> str:
        loop, future = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()
        threading.Timer(0.01, lambda: loop.call_soon_threadsafe(future.set_result, 'called')).start()
        return str(await future)
    assert answer(host, guest, handler()) == 'called'


def test_an_interruption_is_no_error_of_a_task(guest: Guest, caplog: pytest.LogCaptureFixture) -> None:
    async def interrupted() -> None:
        raise KeyboardInterrupt
    guest.loop.create_task(interrupted())
    with pytest.raises(KeyboardInterrupt):
        guest.turn()
    gc.collect()
    assert not caplog.records, 'the program ends, and there is nothing to be said'


def test_a_host_inside_a_running_loop() -> None:
    """As in a notebook: the loop around it is the running one again afterwards."""
    done = []

    async def outside() -> None:
        host = Host()
        guest = Guest(host)
        loop = asyncio.get_running_loop()
        assert answer(host, guest, gathers()) == '1 2 3'
        assert asyncio.get_running_loop() is loop
        guest.close()
        host.selector.close()
        done.append(True)
    thread = threading.Thread(target=lambda: asyncio.run(outside()))  # this one may have a loop of its own
    thread.start()
    thread.join(20)
    assert done
