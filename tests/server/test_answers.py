"""Answers that come later or in pieces, over real sockets: streams, futures, waits and jobs."""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from concurrent.futures import Future
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from kali.http.deferred import Deferred, Signal, Wait
from kali.http.limits import Limits
from kali.http.request import Request
from kali.http.response import Response
from kali.server.answers import Answers
from kali.server.dispatcher import Dispatcher
from kali.server.timers import Timers
from tests.server.conftest import hello, rest, status_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.server.conftest import Running

GET = b'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'
QUICK = Limits(head_seconds=0.1, body_seconds=0.1, stall_seconds=0.2)


def test_a_stream_is_pulled_as_it_is_read_and_others_are_served(running: Callable[..., Running]) -> None:
    given: list[int] = []

    def pieces() -> Iterator[str]:
        for number in range(400):
            given.append(number)
            yield 'x' * 50_000
    server = running(lambda request: Response.stream(pieces()) if request.target == '/stream' else 'small')
    with server.connect(b'GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n', receive_buffer=4096) as client:
        server.until(lambda: any(each.out_size > 200_000 for each in list(server.server._connections)))
        assert status_of(server.ask()) == 200
        assert len(given) < 200, 'the stream was pulled faster than it was read'
        assert len(rest(client).partition(b'\r\n\r\n')[2]) == 20_000_000
    assert len(given) == 400


def test_an_endless_stream_of_nothing_lets_others_go_on(running: Callable[..., Running]) -> None:
    def nothing() -> Iterator[None]:
        while True:
            yield None
    server = running(lambda request: Response.stream(nothing()) if request.target == '/stream' else 'small')
    with server.connect(b'GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n'):
        assert status_of(server.ask()) == 200


def test_a_stream_is_closed_when_its_reader_goes(running: Callable[..., Running]) -> None:
    closed = threading.Event()

    def pieces() -> Iterator[str]:
        try:
            while True:
                yield 'x' * 1000
        finally:
            closed.set()
    server = running(lambda request: Response.stream(pieces()))
    with server.connect(GET) as client:
        client.recv(10)
    assert closed.wait(10)


def test_head_of_a_stream_takes_no_step(running: Callable[..., Running]) -> None:
    closed = []
    server = running(lambda request: Deferred(lambda: 1 / 0, Response(None, status=202),
                                              lambda: closed.append(1)))  # type: ignore
    status, _, body = server.get(method='HEAD')
    assert (status, body, closed) == (202, b'', [1])


@pytest.mark.wine('reset')
def test_a_stream_that_fails_halfway_is_reset(running: Callable[..., Running]) -> None:
    def pieces() -> Iterator[str]:
        yield 'x' * 10
        raise ZeroDivisionError
    server = running(lambda request: Response.stream(pieces()))
    with pytest.raises(ConnectionResetError):
        server.ask()


@pytest.mark.wine('reset')
def test_a_stream_that_fails_at_once_is_reset_too_since_its_head_is_out(running: Callable[...,
                                                                                          Running]) -> None:
    def pieces() -> Iterator[str]:
        raise ZeroDivisionError
        yield ''
    server = running(lambda request: Response.stream(pieces()))
    with pytest.raises(ConnectionResetError):
        server.ask()


def test_a_future_is_answered_when_it_is_done_and_others_meanwhile(running: Callable[..., Running]) -> None:
    pending: Future[str] = Future()
    server = running(lambda request: pending if request.target == '/wait' else 'small')
    with server.connect(b'GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n') as client:
        server.until(lambda: any(each.wait for each in list(server.server._connections)))
        assert status_of(server.ask()) == 200
        pending.set_result('done')
        assert rest(client).endswith(b'\r\n\r\ndone')


def test_a_future_that_fails_is_a_500_and_one_nobody_waits_for_is_cancelled(
        running: Callable[..., Running]) -> None:
    first: Future[str] = Future()
    first.set_exception(ZeroDivisionError())
    second: Future[str] = Future()
    waiting = iter([first, second])
    server = running(lambda request: next(waiting), limits=QUICK)
    assert server.get()[0] == 500
    with server.connect(GET):
        server.until(lambda: any(each.wait for each in list(server.server._connections)))
    server.until(second.cancelled)


def test_a_client_that_half_closes_gets_what_comes_later(running: Callable[..., Running]) -> None:
    pending: Future[str] = Future()
    server = running(lambda request: pending)
    with server.connect(GET) as client:
        client.shutdown(socket.SHUT_WR)
        server.until(lambda: any(each.half_closed for each in list(server.server._connections)))
        pending.set_result('done')
        assert rest(client).endswith(b'\r\n\r\ndone')


def test_a_client_that_half_closes_gets_its_stream(running: Callable[..., Running]) -> None:
    server = running(lambda request: Response.stream('x' * 5000 for _ in range(1000)))
    with server.connect(GET, receive_buffer=4096) as client:
        client.shutdown(socket.SHUT_WR)
        assert len(rest(client).partition(b'\r\n\r\n')[2]) == 5_000_000


@pytest.mark.wine('reset')
def test_a_parked_stream_ends_at_once_when_its_reader_goes(running: Callable[..., Running]) -> None:
    closed = threading.Event()
    server = running(lambda request: Deferred(lambda: Wait(Future()), Response(None), closed.set))
    with server.connect(GET) as client:
        client.recv(10)
    assert closed.wait(5)


def test_a_stream_of_nothing_ends_when_its_reader_has_gone(running: Callable[..., Running]) -> None:
    closed = threading.Event()
    server = running(lambda request: Deferred(lambda: b'', Response(None), closed.set), limits=QUICK)
    with server.connect(GET) as client:
        client.recv(10)
    assert closed.wait(5)


def test_a_wait_for_a_moment(running: Callable[..., Running]) -> None:
    until = time.monotonic() + 0.1
    steps = []

    def step() -> object:
        steps.append(time.monotonic())
        return Wait(until=until) if len(steps) == 1 else Response('now')
    assert running(lambda request: Deferred(step)).get()[2] == b'now'  # type: ignore[arg-type]
    assert len(steps) == 2
    assert steps[1] >= until


def test_a_parked_stream_takes_no_step_before_its_time(running: Callable[..., Running]) -> None:
    # Its bytes are sent while it waits; that must not wake it.
    pending: Future[None] = Future()
    outcomes: list[object] = [b'x' * 200_000, Wait(pending), b'end', None]
    steps: list[object] = []

    def step() -> object:
        steps.append(outcomes[len(steps)])
        return steps[-1]
    server = running(lambda request: Deferred(step, Response(None)),
                     send_buffer=8192)  # type: ignore[arg-type]
    with server.connect(GET, receive_buffer=4096) as client:
        server.until(lambda: any(each.wait and each.out for each in list(server.server._connections)))
        content = b''
        while not content.endswith(b'x' * 200_000):
            content += client.recv(65536)
        server.until(lambda: not any(each.out for each in list(server.server._connections)))
        assert len(steps) == 2
        pending.set_result(None)
        assert rest(client) == b'end'


def test_shut_down_sends_its_response_first(running: Callable[..., Running]) -> None:
    server = running(lambda request: Response('x' * 2_000_000, shut_down=True))
    assert server.ask().endswith(b'x' * 2_000_000)
    server.thread.join(5)
    assert not server.thread.is_alive()
    with pytest.raises(ConnectionRefusedError):
        server.connect()


def test_answers_under_way_are_finished_when_the_server_is_told_to_end(running: Callable[...,
                                                                                         Running]) -> None:
    server = running(lambda request: Response.stream('x' * 50_000 for _ in range(60))
                     if request.target == '/stream'
                     else 'x' * 3_000_000)
    clients = [server.connect(b'GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n' % name, receive_buffer=4096)
               for name in (b'stream', b'page')]
    server.until(lambda: sum(bool(each.out) for each in list(server.server._connections)) == 2)
    server.server.stop()
    for client in clients:
        assert len(rest(client).partition(b'\r\n\r\n')[2]) == 3_000_000
        client.close()


def test_a_client_that_waits_when_the_server_ends_gets_503(running: Callable[..., Running]) -> None:
    server = running(lambda request: Future())
    with server.connect(GET) as client:
        server.until(lambda: any(each.wait for each in list(server.server._connections)))
        server.server.stop()
        assert status_of(rest(client)) == 503


@pytest.mark.wine('reset')
def test_a_stream_cut_by_the_end_does_not_look_whole(running: Callable[..., Running]) -> None:
    outcomes = iter([b'x', Wait(Future())])
    server = running(lambda request: Deferred(lambda: next(outcomes), Response(None)))
    with server.connect(GET) as client:
        server.until(lambda: any(each.wait for each in list(server.server._connections)))
        server.server.stop()
        with pytest.raises(ConnectionResetError):
            rest(client)


@pytest.mark.slow
def test_a_stream_without_end_does_not_keep_the_server_from_ending(running: Callable[..., Running]) -> None:
    def pieces() -> Iterator[str]:
        while True:
            yield 'x' * 1000
    server = running(lambda request: Response.stream(pieces()))
    with server.connect(GET) as client:
        client.recv(10)
        begin = time.monotonic()
        server.end()
        assert time.monotonic() - begin < 2
        with pytest.raises(ConnectionResetError):
            rest(client)


def test_the_lifespan_is_entered_before_and_left_after(running: Callable[..., Running]) -> None:
    log: list[object] = []

    class Manager:
        def __init__(self, name: str) -> None:
            self.name = name

        def __call__(self, host: Any) -> Manager:
            self.host = host
            return self

        def __enter__(self) -> None:
            log.append(('in', self.name))

        def __exit__(self, *error: object) -> None:
            log.append(('out', self.name))

    def handler(request: Request) -> str:
        log.append(request.scope.host)
        return 'x'
    managers = (Manager('a'), Manager('b'))
    handler.lifespan = managers  # type: ignore[attr-defined]
    server = running(handler)
    server.get()
    server.end()
    assert log == [('in', 'a'), ('in', 'b'), server.server, ('out', 'b'), ('out', 'a')]
    assert managers[0].host is server.server


def test_a_lifespan_that_fails_ends_the_server_and_leaves_the_others(running: Callable[..., Running]) -> None:
    log: list[str] = []

    class Manager:
        def __init__(self, name: str, fails: bool) -> None:
            self.name, self.fails = name, fails

        def __call__(self, host: Any) -> Manager:
            return self

        def __enter__(self) -> None:
            if self.fails:
                raise ValueError('cannot begin')

        def __exit__(self, *error: object) -> None:
            log.append(self.name)

    def handler(request: Request) -> str:
        return 'x'
    handler.lifespan = (Manager('a', False), Manager('b', True))  # type: ignore[attr-defined]
    server = running(handler)
    server.thread.join(5)
    assert str(server.error) == 'cannot begin'
    assert log == ['a']
    with pytest.raises(ConnectionRefusedError):
        server.connect()
    server.error = None


def test_what_long_lived_parts_may_ask_of_their_host(running: Callable[..., Running]) -> None:
    called, ended = threading.Event(), threading.Event()
    pending: Future[None] = Future()
    log: list[object] = []

    class Manager:
        def __call__(self, host: Any) -> Manager:
            self.host = host
            return self

        def __enter__(self) -> None:
            outcomes: Iterator[object] = iter([b'', Wait(pending), Wait(until=time.monotonic() + 0.01), None])

            def step() -> object:
                log.append('step')
                return next(outcomes)
            self.host.start(Deferred(step, None, ended.set))  # type: ignore[arg-type]
            self.host.at(time.monotonic() + 0.02, called.set)
            self.host.at(time.monotonic(), lambda: 1 / 0)  # it fails, and nothing else does

        def __exit__(self, *error: object) -> None:
            pass

    def handler(request: Request) -> str:
        return 'x'
    handler.lifespan = (Manager(),)  # type: ignore[attr-defined]
    server = running(handler)
    assert called.wait(5)
    assert log == ['step', 'step']
    pending.set_result(None)  # from another thread; it wakes the loop
    assert ended.wait(5)
    assert log == ['step'] * 4
    assert server.get()[0] == 200


def test_a_job_that_fails_is_closed_and_harms_nobody(running: Callable[..., Running]) -> None:
    ended = threading.Event()
    server = running(lambda request: 'x')
    server.server.start(Deferred(lambda: 1 / 0, Response(None), ended.set))  # type: ignore[arg-type]
    server.server.wake()
    assert ended.wait(5)
    assert server.get()[0] == 200


def test_what_was_started_is_closed_at_the_end_and_a_handle_cancels(running: Callable[..., Running],
                                                                    caplog: pytest.LogCaptureFixture) -> None:
    log: list[str] = []
    pending: Future[None] = Future()

    def job(name: str, *outcomes: object) -> Deferred:
        def steps() -> Iterator[Any]:
            try:
                yield from outcomes
                raise ZeroDivisionError
            finally:
                log.append(name)
        generator = steps()
        return Deferred(lambda: next(generator), None, generator.close)
    server = running(lambda request: 'x')
    host = server.server
    handles = {name: host.start(job(name, *outcomes), name) for name, outcomes in {
        'a future': (Wait(pending),), 'a moment': (Wait(until=time.monotonic() + 3600),),
        'ready': [b''] * 10**6, 'nonsense': (7,),
        'cancelled': (Wait(signal=Signal()),), 'failing': (b'',)}.items()}
    call = host.at(time.monotonic() + 0.1, lambda: log.append('called'))
    host.at(time.monotonic() + 0.2, handles['cancelled'].cancel)
    host.at(time.monotonic() + 0.05, call.cancel)
    host.wake()
    server.until(lambda: 'cancelled' in log)
    assert sorted(log) == ['cancelled', 'failing', 'nonsense']
    assert len(pending._done_callbacks) == 1  # type: ignore[attr-defined]
    server.end()
    assert sorted(log) == ['a future', 'a moment', 'cancelled', 'failing', 'nonsense', 'ready']
    pending.set_result(None)
    host.start(job('late'), 'late')  # the host has ended
    assert [record.getMessage() for record in caplog.records] == ['nonsense failed', 'failing failed']


def test_a_job_may_end_itself(running: Callable[..., Running]) -> None:
    closed = threading.Event()

    def steps() -> Iterator[bytes]:
        try:
            yield b''
            handle.cancel()
            yield b''
            raise AssertionError('it went on')
        finally:
            closed.set()
    generator = steps()
    server = running(lambda request: 'x')
    handle = server.server.start(Deferred(lambda: next(generator), None, generator.close), 'a job')
    server.server.wake()
    assert closed.wait(5)
    assert server.get()[0] == 200


def test_waiting_again_for_the_same_future_adds_no_callback(running: Callable[..., Running]) -> None:
    pending: Future[None] = Future()
    most = [0]

    def step() -> Any:
        most[0] = max(most[0], len(pending._done_callbacks))  # type: ignore[attr-defined]
        return Response('done') if pending.done() else Wait(pending, time.monotonic() + 0.002)
    server = running(lambda request: Deferred(step))
    with server.connect(GET) as client:
        again = time.monotonic() + 0.2
        server.until(lambda: time.monotonic() > again)
        pending.set_result(None)
        assert rest(client).endswith(b'done')
    assert most[0] == 1


def test_a_stream_may_wait_for_room(running: Callable[..., Running]) -> None:
    sizes: list[int] = []

    def steps() -> Iterator[Any]:
        for _ in range(20):
            yield b'x' * 100_000
            yield Wait(room=True)
            sizes.append(sum(each.out_size for each in list(server.server._connections)))
    generator = steps()
    server = running(lambda request: Deferred(lambda: next(generator, None), Response(None)),
                     send_buffer=8192)
    with server.connect(GET, receive_buffer=4096) as client:
        assert len(rest(client).partition(b'\r\n\r\n')[2]) == 2_000_000
    assert max(sizes) < 1 << 18


def test_head_of_a_response_that_comes_later(running: Callable[..., Running]) -> None:
    server = running(lambda request: Deferred(lambda: Response('later')))
    status, headers, body = server.get(method='HEAD')
    assert (status, headers['content-length'], body) == (200, '5', b'')


def test_foreign_sockets_can_be_watched(running: Callable[..., Running]) -> None:
    ours, theirs = socket.socketpair()
    seen: list[bytes] = []

    def heard(mask: int) -> None:
        seen.append(ours.recv(100))
        if seen[-1] == b'fail':
            raise ZeroDivisionError
    server = running(lambda request: 'x')
    with ours, theirs:
        server.server.at(0.0, lambda: server.server.watch(ours.fileno(), 1, heard))
        server.server.wake()
        for data in (b'a', b'fail', b'b'):
            theirs.sendall(data)
            server.until(lambda: seen[-1:] == [data])  # noqa: B023
        server.server.at(0.0, lambda: server.server.watch(ours.fileno(), 0, heard))
        assert server.get()[0] == 200
        theirs.sendall(b'c')
        assert server.get()[0] == 200
    assert seen == [b'a', b'fail', b'b']


def test_a_host_is_woken_when_two_threads_call_at_once() -> None:
    """Each has put its answer among the others before either looks whether the host is to be woken."""
    woken: list[bool] = []
    answers = Answers(Dispatcher(hello), Timers(), lambda: woken.append(True))
    first, second = Future[int](), Future[int]()
    for future in (first, second):
        answers.begin(Deferred(lambda future=future: Wait(future), None), 'waits')  # type: ignore[misc]
    answers.advance()

    class Interleaved(deque[Any]):
        def append(self, answer: Any) -> None:
            super().append(answer)
            if len(self) == 1:
                other = threading.Thread(target=second.set_result, args=(2,))
                other.start()
                other.join()
    answers.called = Interleaved()
    first.set_result(1)
    assert (len(answers.called), woken) == (2, [True])
    answers.close()


def test_what_comes_after_a_rest_begins_with_a_short_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the slices have become before: a request may come while many hear of an event."""
    answers, clock = Answers(Dispatcher(hello), Timers(), lambda: None), [0.0]

    def monotonic() -> float:
        clock[0] += 2 ** -13  # about an eighth of a millisecond, and exact
        return clock[0]
    monkeypatch.setattr('kali.server.answers.time', SimpleNamespace(monotonic=monotonic))

    def slices() -> list[int]:
        """How many of 100 answers have their one step in each turn."""
        for _ in range(100):
            answers.begin(Deferred(lambda: None, None), 'one step')
        found = []
        while answers.ready:
            before = len(answers.ready)
            answers.advance(quiet=True)
            found.append(before - len(answers.ready))
        return found
    first, second = slices(), slices()
    assert first == second and first[0] < first[1] < first[2]
