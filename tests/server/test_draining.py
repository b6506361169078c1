"""Closing so that the client reads its answer: what it still sends is read first, but not for ever."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import pytest

from kali.http.limits import Limits
from kali.http.response import Response
from tests.server.conftest import hello, rest, status_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from kali.http.request import Request
    from tests.server.conftest import Running

GET = b'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'
POST = b'POST / HTTP/1.1\r\nHost: localhost\r\n'
LENGTH = b'Content-Length: %d\r\n\r\n'


def test_a_refused_body_without_end_is_cut_in_the_end(running: Callable[..., Running]) -> None:
    server = running(lambda request: 'x', limits=Limits(body=10, body_seconds=0.3))
    with server.connect(POST + LENGTH % 10**12) as client:
        begin = time.monotonic()
        with pytest.raises(ConnectionError):
            while time.monotonic() - begin < 10:
                client.sendall(bytes(100_000))
        took = time.monotonic() - begin
    assert 0.2 < took < 5
    server.until(lambda: not server.server._connections)


def test_a_refused_body_that_stops_in_the_middle_is_closed(running: Callable[..., Running]) -> None:
    server = running(lambda request: 'x', limits=Limits(body=10, body_seconds=0.2))
    with server.connect(POST + LENGTH % 1000 + b'x') as client:
        assert rest(client).startswith(b'HTTP/1.0 413')
        server.until(lambda: not server.server._connections)


def test_bytes_that_come_after_a_body_do_not_reset_the_answer(running: Callable[..., Running]) -> None:
    late: list[socket.socket] = []

    def handler(request: Request) -> str:
        late[-1].sendall(b'\r\n' * 1000)  # while the handler runs, and in a packet of its own
        return 'x' * 300_000
    server = running(handler)
    for _ in range(20):
        with server.connect() as client:
            late.append(client)
            client.sendall(POST + LENGTH % 2 + b'ok')
            assert rest(client).endswith(b'x' * 300_000)  # a reset would raise


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
def test_three_megabytes_are_posted_and_their_refusal_is_read(running: Callable[..., Running], head: bytes,
                                                         status: int) -> None:
    server = running(hello, limits=Limits(body=10_000_000, head=4_000_000), admit=lambda head: (
        Response('no', status=403) if 'sec-fetch-site' in head.headers else None))
    for _ in range(10):
        with server.connect(b'POST / HTTP/1.1\r\nHost: localhost\r\n' + head + b'\r\n') as client:
            client.sendall(bytes(3_000_000))
            client.shutdown(socket.SHUT_WR)
            assert status_of(rest(client)) == status


def test_a_client_that_posts_more_than_the_limit_reads_that(running: Callable[..., Running]) -> None:
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
