"""Deferred answers by themselves: signals, waits, and their subscribers."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import Any

import pytest

from kali.http.deferred import Signal, Wait, Waiter


def test_a_wait_ends_with_what_comes_first() -> None:
    signal: Signal = Signal()
    done: Future[int] = Future()
    wait = Wait(done, 10.0, signal=signal)
    assert not wait.over(9.9)
    assert wait.over(10.0)
    signal.set()
    assert wait.over(0.0)
    again = Wait(done, 10.0, signal=signal)
    assert not again.over(0.0)
    done.set_result(1)
    assert again.over(0.0)


def test_a_signal_that_was_set_between_the_wait_and_the_look_is_not_lost() -> None:
    signal = Signal()
    wait = Wait(signal=signal)
    thread = threading.Thread(target=signal.set)
    thread.start()
    thread.join()
    assert wait.over(0.0)


class Bare:
    """As little of a future as a Deferred needs."""

    def __init__(self) -> None:
        self.functions: list[Any] = []

    def done(self) -> bool:
        return False

    def add_done_callback(self, function: Any) -> None:
        self.functions.append(function)


class Removable(Bare):
    def remove_done_callback(self, function: Any) -> None:
        self.functions.remove(function)


@pytest.mark.parametrize('make, while_waiting, afterwards', [(Bare, 1, 1), (Removable, 1, 0)])
def test_a_waiter_subscribes_once_to_a_future_however_often_it_waits(make: type[Bare], while_waiting: int,
                                                                     afterwards: int) -> None:
    future, calls = make(), []
    waiter = Waiter(lambda: calls.append(1))
    for _ in range(100):
        waiter.wait_for(Wait(future))
        assert len(future.functions) == while_waiting
        waiter.leave()
    assert len(future.functions) == afterwards
    waiter.end()
    for function in future.functions:
        function(future)
    assert calls == []


def test_two_futures_in_turn_have_one_callback_each() -> None:
    one, other = Bare(), Bare()
    waiter = Waiter(lambda: None)
    for _ in range(100):
        for future in (one, other):
            waiter.wait_for(Wait(future))
            waiter.leave()
    assert len(one.functions) == len(other.functions) == 1


def test_a_waiter_subscribes_once_to_a_signal_and_is_taken_off() -> None:
    signal, calls = Signal(), []
    waiter = Waiter(lambda: calls.append(1))
    for _ in range(100):
        waiter.wait_for(Wait(signal=signal))
        assert len(signal) == 1
        waiter.leave()
        assert len(signal) == 0
    waiter.wait_for(Wait(signal=signal))
    signal.set()
    signal.set()
    assert calls == [1, 1]
    waiter.end()
    signal.set()
    assert calls == [1, 1]


def test_a_future_of_asyncio() -> None:
    loop = asyncio.new_event_loop()
    try:
        future, calls = loop.create_future(), []
        waiter = Waiter(lambda: calls.append(1))
        for _ in range(3):
            waiter.wait_for(Wait(future))
        future.set_result(1)
        loop.run_until_complete(asyncio.sleep(0))
        assert calls == [1]
    finally:
        loop.close()
