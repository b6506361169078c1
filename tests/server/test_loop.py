"""The loop over real sockets: nobody waits for a socket, and every request gets its answer."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import pytest

from kali.http.deferred import Deferred, Wait
from kali.http.limits import Limits
from kali.http.request import Request
from kali.http.response import Response
from kali.server.gate import Gate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.server.conftest import Running

GET = b'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'
POST = b'POST / HTTP/1.1\r\nHost: localhost\r\n'
QUICK = Limits(head_seconds=0.1, body_seconds=0.1, stall_seconds=0.2)


def hello(request: Request) -> str:
    return 'Hello, world!'


def echo(request: Request) -> list[object]:
    return [request.method, ' ', request.target, ' ', request.body]


def status_of(data: bytes) -> int:
    return int(data.split()[1])


def rest(client: socket.socket) -> bytes:
    return b''.join(iter(lambda: client.recv(65536), b''))


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


def test_who_half_closes_after_the_request_gets_the_answer(running: Callable[..., Running]) -> None:
    server = running(hello)
    with server.connect(GET) as client:
        client.shutdown(socket.SHUT_WR)
        assert status_of(rest(client)) == 200


def test_who_closes_without_a_word_is_forgotten(running: Callable[..., Running]) -> None:
    server = running(hello)
    server.connect().close()
    server.until(lambda: not server.server._connections)


def test_bytes_after_the_request_do_not_lose_the_answer(running: Callable[..., Running]) -> None:
    server = running(lambda request: 'x' * 300_000)
    for _ in range(20):
        answer = server.ask(GET + GET + b'garbage' * 1000)
        assert status_of(answer) == 200
        assert answer.count(b'HTTP/1.0') == 1
        assert answer.endswith(b'x' * 300_000)


@pytest.mark.parametrize('head, status', [
    (b'Content-Length: 3000000\r\nSec-Fetch-Site: cross-site\r\n', 403),
    (b'Content-Length: 3000000\r\nExpect: a-cake\r\n', 417),
    (b'Content-Length: 3000000\r\nA: b\0\r\n', 400),
], ids=['gate', 'framing', 'grammar'])
def test_who_posts_three_megabytes_to_a_refusal_reads_it(running: Callable[..., Running], head: bytes,
                                                         status: int) -> None:
    server = running(hello, limits=Limits(body=10_000_000, head=4_000_000), admit=lambda head: (
        Response('no', status=403) if 'sec-fetch-site' in head.headers else None))
    for _ in range(10):
        with server.connect(b'POST / HTTP/1.1\r\nHost: localhost\r\n' + head + b'\r\n') as client:
            client.sendall(bytes(3_000_000))
            client.shutdown(socket.SHUT_WR)
            assert status_of(rest(client)) == status


def test_who_posts_more_than_the_limit_reads_that(running: Callable[..., Running]) -> None:
    server = running(hello, limits=Limits(body=100_000))
    for _ in range(10):
        with server.connect(POST + b'Content-Length: 3000000\r\n\r\n') as client:
            client.sendall(bytes(3_000_000))
            assert status_of(rest(client)) == 413


def test_a_chunked_body_is_refused_and_the_refusal_read(running: Callable[..., Running]) -> None:
    server = running(hello)
    chunk = b'10000\r\n' + bytes(0x10000) + b'\r\n'
    for _ in range(5):
        with server.connect(POST + b'Transfer-Encoding: chunked\r\n\r\n') as client:
            client.sendall(chunk * 40)
            assert status_of(rest(client)) == 501


def test_100_continue(running: Callable[..., Running]) -> None:
    server = running(echo)
    head = b'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n'
    with server.connect(head) as client:
        assert client.recv(100) == b'HTTP/1.1 100 Continue\r\n\r\n'
        client.sendall(b'ok')
        assert rest(client).endswith(b'POST / ok')
    assert server.ask(head + b'ok').startswith(b'HTTP/1.0 200 OK')  # it need not be asked for what is there


def test_100_continue_is_not_said_to_who_is_refused(running: Callable[..., Running]) -> None:
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
def test_who_reads_nothing_at_all_is_cut(running: Callable[..., Running],
                                         handler: Callable[..., Any]) -> None:
    server = running(handler, limits=QUICK)
    with server.connect(GET, receive_buffer=4096) as client:
        server.until(lambda: server.server._connections)
        server.until(lambda: not server.server._connections)
        with pytest.raises(ConnectionResetError):
            rest(client)


def test_who_reads_slowly_but_steadily_is_not_cut(running: Callable[..., Running]) -> None:
    # The system takes the page off the server's hands in few large gulps, further apart than the deadline.
    server = running(lambda request: 'x' * 3_000_000, limits=Limits(stall_seconds=0.1, head_seconds=0.1))
    begin, size = time.monotonic(), 0
    with server.connect(GET, receive_buffer=4096) as client:
        while data := client.recv(100_000):
            size += len(data)
            threading.Event().wait(0.001)
    assert size > 3_000_000
    assert time.monotonic() - begin > 0.2


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


def test_a_stream_that_fails_halfway_is_reset(running: Callable[..., Running]) -> None:
    def pieces() -> Iterator[str]:
        yield 'x' * 10
        raise ZeroDivisionError
    server = running(lambda request: Response.stream(pieces()))
    with pytest.raises(ConnectionResetError):
        server.ask()


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
    server = running(lambda request: next(waiting))
    assert server.get()[0] == 500
    with server.connect(GET):
        server.until(lambda: any(each.wait for each in list(server.server._connections)))
    server.until(second.cancelled)


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


def test_who_waits_when_the_server_ends_is_told(running: Callable[..., Running]) -> None:
    server = running(lambda request: Future())
    with server.connect(GET) as client:
        server.until(lambda: any(each.wait for each in list(server.server._connections)))
        server.server.stop()
        assert status_of(rest(client)) == 503


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


def test_the_lifespan_is_entered_before_and_left_after(running: Callable[..., Running]) -> None:
    log: list[object] = []

    class Manager:
        host: Any = None

        def __init__(self, name: str) -> None:
            self.name = name

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
        host: Any = None

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


def test_no_more_connections_than_the_limit_says_and_the_others_wait(running: Callable[..., Running]) -> None:
    server = running(hello, limits=Limits(connections=3), timeout=30)
    silent = [server.connect() for _ in range(3)]
    server.until(lambda: len(server.server._connections) == 3)
    with server.connect(GET) as waiting:
        server.until(lambda: server.server._accept_again)
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
