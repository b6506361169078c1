"""Clients that leave at any moment and in any way: their slots are free again, and the server lives.

A client that shuts down its sending side still receives all of its answer.
"""

from __future__ import annotations

import socket
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import pytest

from kali.http.deferred import Deferred, Signal, Wait
from kali.http.limits import Limits
from kali.http.response import Response
from kali.server import connection as states
from kali.server.connection import Connection
from tests.server.conftest import parsed, rest, status_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from kali.http.request import Request
    from tests.server.conftest import Running

QUICK = Limits(head_seconds=0.2, body_seconds=0.2, stall_seconds=0.1)
SIZE = 200_000
SERVED = Response(b'', status=304)
SERVED.add_header('ETag', '"1"')


def later() -> Deferred:
    until = time.monotonic() + 0.15
    return Deferred(lambda: Response(b'y' * SIZE) if time.monotonic() >= until else Wait(until=until))


def slowly() -> Deferred:
    def pieces() -> Iterator[Any]:
        for _ in range(4):
            yield b'x' * (SIZE // 4)
            yield Wait(until=time.monotonic() + 0.05)
    steps = pieces()
    return Deferred(lambda: next(steps, None), Response(None))


ANSWERS: dict[str, Callable[[], Any]] = {
    'page': lambda: 'x' * SIZE, 'large page': lambda: 'x' * 5 * SIZE,
    'stream': lambda: Response.stream('x' * 5000 for _ in range(SIZE // 5000)),
    'stream with its length': lambda: Response.stream(
        ('x' * 5000 for _ in range(SIZE // 5000)), headers={'Content-Length': str(SIZE)}),
    'stream with pauses': slowly, 'later': later,
    'stream of nothing': lambda: Response.stream(iter(())), 'not modified': lambda: SERVED,
    'stream without a body': lambda: Response.stream(iter('abc'), status=304),
}
BODILESS = ('stream of nothing', 'not modified', 'stream without a body')


def head(target: str, method: str) -> bytes:
    body = b'Content-Length: 3\r\n\r\nabc' if method == 'POST' else b'\r\n'
    return f'{method} /{target.replace(" ", "-")} HTTP/1.1\r\nHost: localhost\r\n'.encode() + body


def serve(running: Callable[..., Running], path: Path, **options: Any) -> Running:
    file = path / 'file'
    file.write_bytes(b'f' * SIZE)

    def handler(request: Request) -> Any:
        name = request.path[0].replace('-', ' ')
        return Response.file(file, request=request) if name == 'file' else ANSWERS[name]()
    return running(handler, **{'limits': QUICK, **options})


@pytest.mark.parametrize('method', ['GET', 'HEAD', 'POST'])
@pytest.mark.parametrize('name', [*ANSWERS, 'file'])
def test_a_client_that_half_closes_gets_its_whole_answer(running: Callable[..., Running], tmp_path: Path,
                                                         name: str, method: str) -> None:
    server = serve(running, tmp_path)
    with server.connect(head(name, method)) as client:
        client.shutdown(socket.SHUT_WR)
        _, _, body = parsed(rest(client))
    assert len(body) == (0 if method == 'HEAD' or name in BODILESS else 5 * SIZE if name == 'large page' else
                         SIZE)
    server.until(lambda: not server.server._connections)


def leave_when_whole(client: socket.socket) -> None:
    size = 0
    while size < SIZE and (data := client.recv(65536)):
        size += len(data)
    client.close()


def leave_half_way(client: socket.socket) -> None:
    client.recv(1000)
    client.close()


def hang_up(client: socket.socket) -> None:
    client.close()


def half_close_and_hang_up(client: socket.socket) -> None:
    client.shutdown(socket.SHUT_WR)
    client.close()


def reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
    client.close()


@pytest.mark.parametrize('leave', [leave_when_whole, leave_half_way, hang_up, half_close_and_hang_up, reset])
@pytest.mark.parametrize('method', ['GET', 'HEAD', 'POST'])
def test_a_client_may_leave_at_any_moment(running: Callable[..., Running], tmp_path: Path, method: str,
                                          leave: Callable[[socket.socket], None],
                                          caplog: pytest.LogCaptureFixture) -> None:
    server = serve(running, tmp_path)
    for name in (*ANSWERS, 'file'):
        for _ in range(5):
            leave(server.connect(head(name, method)))
    server.until(lambda: not server.server._connections)
    # Past every deadline, which is where it ended.
    again = time.monotonic() + 0.5
    server.until(lambda: time.monotonic() > again)
    assert status_of(server.ask(head('page', 'GET'))) == 200
    assert not server.server._answers._open
    assert not [record for record in caplog.records if record.levelname == 'ERROR']


def test_a_half_closed_client_waits_as_long_as_its_future_takes(running: Callable[..., Running]) -> None:
    pending: Future[str] = Future()
    server = running(lambda request: pending, limits=QUICK)
    with server.connect(head('x', 'GET')) as client:
        client.shutdown(socket.SHUT_WR)
        again = time.monotonic() + 1.0  # ten times stall_seconds
        server.until(lambda: time.monotonic() > again)
        pending.set_result('done')
        assert rest(client).endswith(b'\r\n\r\ndone')


def test_a_stream_that_waits_for_news_ends_with_its_client(running: Callable[..., Running]) -> None:
    news, closed = Signal(), []
    server = running(lambda request: Deferred(lambda: Wait(signal=news), Response(None),
                                              lambda: closed.append(1)))
    with server.connect(head('x', 'GET')) as client:
        server.until(lambda: len(news) == 1)
        assert b'200 OK' in client.recv(10_000)
        client.shutdown(socket.SHUT_WR)
        server.until(lambda: closed)
    assert len(news) == 0


def test_news_from_another_thread_reach_each_stream(running: Callable[..., Running]) -> None:
    news, count = Signal(), [0]

    def handler(request: Request) -> Deferred:
        seen = [0]

        def step() -> Any:
            wait = Wait(signal=news, until=time.monotonic() + 60)
            if seen[0] < count[0]:
                seen[0] += 1
                return b'.'
            return None if count[0] == 20 else wait
        return Deferred(step, Response(None))
    server = running(handler)
    clients = [server.connect(head('x', 'GET')) for _ in range(10)]
    server.until(lambda: len(news) == 10)
    for _ in range(20):
        count[0] += 1
        news.set()
    for client in clients:
        assert rest(client).endswith(b'\r\n\r\n' + b'.' * 20)
        client.close()
    assert len(news) == 0
    assert server.server._timers.next() == float('inf')


@pytest.mark.parametrize('broken', ['receive', 'begin_reply', 'begin_answer', 'give', 'end_answer', 'flush',
                                    'hear', 'expire', '_finish'])
def test_an_error_about_one_connection_ends_that_one(running: Callable[..., Running], tmp_path: Path,
                                                     broken: str, monkeypatch: pytest.MonkeyPatch,
                                                     caplog: pytest.LogCaptureFixture) -> None:
    server = serve(running, tmp_path, send_buffer=8192)

    def fail(self: Connection, *arguments: Any) -> Any:
        raise ValueError('on purpose')
    with monkeypatch.context() as patched:
        patched.setattr(Connection, broken, fail)
        for name in ('page', 'stream', 'later', 'large page'):
            with server.connect(head(name, 'GET'), receive_buffer=4096) as client:
                try:
                    client.shutdown(socket.SHUT_WR)
                    again = time.monotonic() + 0.2
                    server.until(lambda: time.monotonic() > again)  # noqa: B023
                    rest(client)
                except OSError:
                    pass  # it was reset
        server.until(lambda: not server.server._connections)
    assert 'failed' in caplog.text
    assert len(parsed(server.ask(head('stream', 'GET')))[2]) == SIZE
    assert not server.server._answers._open


def test_a_gate_that_fails_is_a_500(running: Callable[..., Running]) -> None:
    server = running(lambda request: 'x', admit=lambda head: 1 / 0)
    for _ in range(3):
        assert status_of(server.ask()) == 500


@pytest.mark.wine('reset')
@pytest.mark.parametrize('step', [lambda: 'text', lambda: 7, lambda: Wait(until='soon'),
                                  lambda: Wait('no future'), lambda: Wait(signal=7), lambda: bytearray(b'x'),
                                  lambda: Response('y')])
@pytest.mark.parametrize('response', [None, Response(None)])
def test_a_step_that_gives_nonsense_ends_its_own_answer(running: Callable[..., Running], step: Any,
                                                        response: Response | None) -> None:
    server = running(lambda request: Deferred(step, response) if request.target == '/x' else 'fine')
    try:
        assert status_of(server.ask(head('x', 'GET'))) in (200, 500)
    except ConnectionError:
        pass
    assert server.get('/')[2] == b'fine'
    server.until(lambda: not server.server._connections)


@pytest.mark.parametrize('fields', [[('X', 'ü€')], [7]])
@pytest.mark.parametrize('make', [Response.stream, Response])
def test_headers_that_cannot_be_encoded_are_a_500(running: Callable[..., Running], make: Any,
                                                  fields: list[Any]) -> None:
    def handler(request: Request) -> Any:
        answer = make('x')
        (answer.response if isinstance(answer, Deferred) else answer).fields = fields
        return answer
    server = running(handler)
    for _ in range(2):
        assert status_of(server.ask()) == 500


def test_what_may_follow_a_state() -> None:
    client, server = socket.socketpair()
    with client, server:
        connection = Connection(server, Limits(), 0.0)
        connection.begin_reply(b'head', b'', 0.0)
        assert connection.state is states.CLOSED
        assert connection.interest == 0
        for call in (connection.begin_answer, lambda head, now: connection.begin_reply(head, b'', now)):
            with pytest.raises(RuntimeError, match='closed cannot become'):
                call(b'head', 0.0)
        connection.give(b'x', 0.0)
        connection.end_answer(0.0)
        connection.reset()
        connection.close()
        assert client.recv(10) == b'head'
