"""The loop over real sockets: nobody waits for a socket, and every request gets its answer."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from kali.http.limits import Limits
from kali.http.request import Request
from kali.http.response import Response
from kali.server.gate import Gate
from tests.server.conftest import echo, hello, rest, status_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.server.conftest import Running

GET = b'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'
POST = b'POST / HTTP/1.1\r\nHost: localhost\r\n'
QUICK = Limits(head_seconds=0.1, body_seconds=0.1, stall_seconds=0.2)


def test_a_page(running: Callable[..., Running]) -> None:
    status, headers, body = running(hello).get()
    assert (status, headers['content-length'], body) == (200, '13', b'Hello, world!')


def test_head_is_like_get_without_the_body(running: Callable[..., Running]) -> None:
    status, headers, body = running(hello).get(method='HEAD')
    assert (status, headers['content-length'], body) == (200, '13', b'')


def test_a_body_in_pieces(running: Callable[..., Running]) -> None:
    server = running(echo)
    data = b'POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nab\0de'
    with server.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for place in range(len(data)):
            client.sendall(data[place:place + 1])
        assert rest(client).endswith(b'POST /x ab\0de')


def test_silent_sockets_cost_nobody_any_time_and_are_closed(running: Callable[..., Running]) -> None:
    server = running(hello, timeout=0.3)
    silent = [server.connect() for _ in range(50)]
    begin = time.monotonic()
    assert status_of(server.ask()) == 200
    assert time.monotonic() - begin < 0.3, 'the request waited for silent sockets'
    assert [client.recv(1) for client in silent] == [b''] * 50
    for client in silent:
        client.close()


def test_a_client_that_sent_its_request_late_but_in_time(running: Callable[..., Running]) -> None:
    server = running(hello, timeout=5)
    with server.connect() as client:
        assert status_of(server.ask()) == 200
        client.sendall(GET)
        assert status_of(rest(client)) == 200


def test_a_default_timeout_of_sockets_does_not_make_the_loop_wait(running: Callable[..., Running]) -> None:
    socket.setdefaulttimeout(5)
    try:
        server = running(hello)
        with server.connect():
            begin = time.monotonic()
            assert status_of(server.ask()) == 200
            assert time.monotonic() - begin < 4
    finally:
        socket.setdefaulttimeout(None)


@pytest.mark.parametrize('begun, rest_of_it', [(b'GET / HT', b''), (b'POST / HTTP/1.1\r\nHost: localhost\r\n'
                                               b'Content-Length: 10\r\n\r\n', b'abc')], ids=['head', 'body'])
def test_a_request_that_takes_too_long_gets_408(running: Callable[..., Running], begun: bytes,
                                                rest_of_it: bytes) -> None:
    server = running(hello, limits=QUICK)
    with server.connect(begun + rest_of_it) as client:
        assert status_of(server.ask()) == 200
        assert status_of(rest(client)) == 408


def test_a_dribbler_is_not_given_more_time_for_each_byte(running: Callable[..., Running]) -> None:
    server = running(hello, limits=Limits(head_seconds=0.3))
    with server.connect(b'G') as client:
        client.settimeout(0.01)
        answer = b''
        for _ in range(1000):
            try:
                client.sendall(b'E')
                answer = client.recv(1000)
                break
            except TimeoutError:
                pass
        assert status_of(answer) == 408


@pytest.mark.parametrize('data', [b'GET', GET[:-2],
                                  b'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabc'])
def test_a_request_that_ends_before_it_is_whole_is_400_and_no_handler_runs(running: Callable[..., Running],
                                                                          data: bytes) -> None:
    calls: list[Request] = []
    server = running(calls.append)
    with server.connect(data) as client:
        client.shutdown(socket.SHUT_WR)
        assert status_of(rest(client)) == 400
    assert calls == []


def test_a_client_that_half_closes_after_the_request_gets_the_answer(running: Callable[..., Running]) -> None:
    server = running(hello)
    with server.connect(GET) as client:
        client.shutdown(socket.SHUT_WR)
        assert status_of(rest(client)) == 200


def test_a_client_that_closes_without_a_word_is_forgotten(running: Callable[..., Running]) -> None:
    server = running(hello)
    server.connect().close()
    server.until(lambda: not server.server._connections)


def test_100_continue(running: Callable[..., Running]) -> None:
    server = running(echo)
    head = b'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n'
    with server.connect(head) as client:
        assert client.recv(100) == b'HTTP/1.1 100 Continue\r\n\r\n'
        client.sendall(b'ok')
        assert rest(client).endswith(b'POST / ok')
    assert server.ask(head + b'ok').startswith(b'HTTP/1.0 200 OK')  # it need not be asked for what is there


def test_100_continue_is_not_said_to_a_client_that_is_refused(running: Callable[..., Running]) -> None:
    server = running(echo, limits=Limits(body=1))
    head = b'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n'
    with server.connect(head) as client:
        client.shutdown(socket.SHUT_WR)
        assert rest(client).startswith(b'HTTP/1.0 413')


@pytest.mark.parametrize('garbage', [b'\x16\x03\x01\0\n', b'\0' * 100 + b'\n', b'SSH-2.0-x\r\n\r\n',
                                     b'\r\n\r\n', b'GET\n'])
def test_garbage_gets_a_whole_answer(running: Callable[..., Running], garbage: bytes) -> None:
    server = running(hello)
    assert server.ask(garbage).startswith(b'HTTP/1.0 400 Bad Request\r\n')
    assert status_of(server.ask()) == 200


def test_a_slow_reader_costs_nobody_any_time(running: Callable[..., Running]) -> None:
    page = 'x' * 5_000_000
    server = running(lambda request: page if request.target == '/big' else 'small')
    with server.connect(b'GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n', receive_buffer=4096) as slow:
        server.until(lambda: any(each.out for each in list(server.server._connections)))
        for _ in range(20):
            assert status_of(server.ask()) == 200
        assert len(rest(slow).partition(b'\r\n\r\n')[2]) == 5_000_000


@pytest.mark.parametrize('handler', [lambda request: 'x' * 5_000_000,
                                     lambda request: Response.stream('x' * 50_000 for _ in range(1000))],
                         ids=['page', 'stream'])
@pytest.mark.wine('reset')
def test_a_client_that_reads_nothing_at_all_is_cut(running: Callable[..., Running],
                                         handler: Callable[..., Any]) -> None:
    server = running(handler, limits=QUICK)
    with server.connect(GET, receive_buffer=4096) as client:
        server.until(lambda: server.server._connections)
        server.until(lambda: not server.server._connections)
        with pytest.raises(ConnectionResetError):
            rest(client)


def test_a_client_that_reads_slowly_but_steadily_is_not_cut(running: Callable[..., Running]) -> None:
    # The system takes the page off the server's hands in few large gulps, further apart than the deadline.
    server = running(lambda request: 'x' * 3_000_000, limits=Limits(stall_seconds=0.1, head_seconds=0.1))
    begin, size = time.monotonic(), 0
    with server.connect(GET, receive_buffer=4096) as client:
        while data := client.recv(100_000):
            size += len(data)
            threading.Event().wait(0.001)
    assert size > 3_000_000
    assert time.monotonic() - begin > 0.2


ENDS: list[BaseException] = [SystemExit(3), KeyboardInterrupt(), RecursionError(), MemoryError(),
                             GeneratorExit(),
                             ZeroDivisionError(), StopIteration(), BaseException()]


@pytest.mark.parametrize('error', ENDS, ids=lambda error: type(error).__name__)
def test_whatever_a_handler_raises_ends_its_own_request(running: Callable[..., Running],
                                                        error: BaseException) -> None:
    def handler(request: Request) -> str:
        if request.target == '/boom':
            raise error
        return 'fine'
    server = running(handler)
    status, headers, body = server.get('/boom')
    assert (status, headers['content-length']) == (500, str(len(body)))
    assert type(error).__name__.encode() in body
    assert server.get()[2] == b'fine'


def endless(request: Request) -> str:
    return endless(request)


def halfway(request: Request) -> Iterator[str]:
    yield 'x' * 100_000
    raise ZeroDivisionError('halfway')


@pytest.mark.parametrize('handler, said', [
    (endless, b'RecursionError'), (halfway, b'halfway'), (lambda request: object(), b'which is no content'),
    (lambda request: ['a', [{'b': [object()]}]], b'content[1]'),
    (lambda request: Response(print), b'no content'),
    (lambda: 'no argument', b'TypeError'), (lambda request: Response('', status=99), b'status 99'),
    (lambda request: Response('', headers={'A': 'b\r\nc'}), b'control character'),
], ids=['recursion', 'halfway', 'object', 'deep inside', 'function', 'signature', 'status', 'header'])
def test_what_a_handler_does_wrong_is_a_whole_500_page(running: Callable[..., Running],
                                                       handler: Callable[..., Any],
                                                      said: bytes) -> None:
    status, headers, body = running(handler).get()
    assert (status, headers['content-length']) == (500, str(len(body)))
    assert said in body


def test_no_more_connections_than_the_limit_says_and_the_others_wait(running: Callable[..., Running]) -> None:
    server = running(hello, limits=Limits(connections=3), timeout=30)
    silent = [server.connect() for _ in range(3)]
    server.until(lambda: len(server.server._connections) == 3)
    with server.connect(GET) as waiting:
        server.until(lambda: not server.server._doors.are_open)
        assert len(server.server._connections) == 3
        for client in silent:
            client.close()
        assert status_of(rest(waiting)) == 200


def test_the_gate_stands_before_the_body(running: Callable[..., Running]) -> None:
    calls: list[Request] = []
    server = running(calls.append, admit=Gate(1).admit)
    with server.connect(b'POST / HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 1000\r\n\r\n') as client:
        assert status_of(rest(client)) == 403
    assert calls == []


def test_every_answer_has_the_default_headers(running: Callable[..., Running]) -> None:
    server = running(lambda request: 1 / 0, admit=lambda head: Response('', status=403)
                     if 'x' in head.target else None,
                     headers={'X-All': 'yes'})
    for request in (GET, b'GET /x HTTP/1.1\r\nHost: a\r\n\r\n', b'garbage\r\n\r\n',
                    b'BREW / HTTP/1.1\r\nHost: a\r\n\r\n'):
        answer = server.ask(request)
        assert b'\r\nX-Content-Type-Options: nosniff\r\n' in answer
        assert b'\r\nX-All: yes\r\n' in answer


def test_clients_that_reset_at_any_moment_harm_nobody(running: Callable[..., Running]) -> None:
    server = running(lambda request: 'x' * 100_000)
    linger = b'\1\0\0\0\0\0\0\0'
    for size in (0, 1, 10, len(GET) - 1, len(GET)) * 10:
        client = server.connect(GET[:size])
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        client.close()
    assert status_of(server.ask()) == 200
    server.until(lambda: not server.server._connections)
