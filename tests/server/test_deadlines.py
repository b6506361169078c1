"""Deadlines: they count while the server listens, not while it is busy or asleep; but they do end."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kali.http.limits import Limits
from kali.http.response import Response
from kali.server.timers import Timers
from tests.server.conftest import echo, rest, status_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from kali.http.request import Request
    from tests.server.conftest import Running

QUICK = Limits(head_seconds=0.3, body_seconds=0.3, stall_seconds=0.3)
GET = b'GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n'
POST = b'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n'
LARGE = b'u' * 2_000_000


class Busy:
    """A handler that is busy with `/busy` until it is released."""

    def __init__(self) -> None:
        self.begun, self.release = threading.Event(), threading.Event()

    def __call__(self, request: Request) -> Any:
        if request.target == '/busy':
            self.begun.set()
            assert self.release.wait(10)
        return str(len(request.body)) if request.method == 'POST' else 'x' * 3_000_000


def while_busy(server: Running, handler: Busy, act: Callable[[], None]) -> None:
    """Have `act` done while a handler runs, for longer than any deadline."""
    with server.connect(GET % b'busy') as client:
        assert handler.begun.wait(10)
        act()
        again = time.monotonic() + 1.0
        server.until(lambda: time.monotonic() > again)
        handler.release.set()
        client.recv(100)


@pytest.mark.parametrize('before, meanwhile', [
    (POST % len(LARGE), LARGE), (POST[:20], POST[20:] % len(LARGE) + LARGE), (b'', POST % len(LARGE) + LARGE),
    (POST % len(LARGE) + LARGE[:1_000_000], LARGE[1_000_000:]),
], ids=['body', 'head and body', 'all', 'the rest of the body'])
def test_what_came_while_the_server_was_busy_came_in_time(running: Callable[..., Running], before: bytes,
                                                          meanwhile: bytes) -> None:
    handler = Busy()
    server = running(handler, limits=QUICK, timeout=0.3)
    with server.connect(before) as client:
        sender = threading.Thread(target=lambda: client.sendall(meanwhile))
        while_busy(server, handler, sender.start)
        assert rest(client).endswith(b'\r\n\r\n2000000')
        sender.join()


def test_a_reader_that_reads_while_the_server_is_busy_is_not_cut(running: Callable[..., Running]) -> None:
    handler = Busy()
    server = running(handler, limits=QUICK)
    with server.connect(GET % b'page', receive_buffer=4096) as client:
        server.until(lambda: any(each.out for each in list(server.server._connections)))
        while_busy(server, handler, lambda: None)
        assert len(rest(client).partition(b'\r\n\r\n')[2]) == 3_000_000


def test_a_refused_body_is_drained_though_the_server_was_busy(running: Callable[..., Running]) -> None:
    handler = Busy()
    server = running(handler, limits=Limits(body=1000, body_seconds=0.3))
    with server.connect(POST % len(LARGE)) as client:
        sender = threading.Thread(target=lambda: client.sendall(LARGE))
        while_busy(server, handler, sender.start)
        assert status_of(rest(client)) == 413
        sender.join()


def test_a_steady_upload_may_take_longer_than_a_pause(running: Callable[..., Running]) -> None:
    server = running(echo, limits=QUICK)
    begin = time.monotonic()
    with server.connect(POST % 14) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(14):
            client.sendall(b'x')
            again = time.monotonic() + 0.06
            server.until(lambda: time.monotonic() > again)  # noqa: B023
        assert rest(client).endswith(b'POST / ' + b'x' * 14)
    assert time.monotonic() - begin > 0.8


def test_a_body_that_pauses_too_long_or_drips_for_ever_is_408(running: Callable[..., Running]) -> None:
    server = running(echo, limits=Limits(body_seconds=0.1))
    with server.connect(POST % 10 + b'abc') as client:
        assert status_of(rest(client)) == 408
    begin = time.monotonic()
    with server.connect(POST % 100_000) as client:
        client.settimeout(0.03)
        while True:
            try:
                client.sendall(b'x')
                answer = client.recv(1000)
                break
            except TimeoutError:
                assert time.monotonic() - begin < 5
    assert status_of(answer) == 408
    assert time.monotonic() - begin > 0.8  # ten pauses


def test_a_server_that_is_never_idle_has_deadlines_too(running: Callable[..., Running]) -> None:
    def nothing() -> Any:
        while True:
            yield None
    server = running(lambda request: Response.stream(nothing()), limits=QUICK, timeout=0.3)
    with server.connect(GET % b'x'), server.connect() as silent, server.connect(b'GET') as slow:
        assert silent.recv(1) == b''
        assert status_of(rest(slow)) == 408


SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from kali.http.limits import Limits
from kali.server.listening import listen
from kali.server.loop import Server
listener = listen('127.0.0.1', 0)
print(listener.getsockname()[1], flush=True)
Server(lambda request: str(len(request.body)), [listener], timeout=0.5,
       limits=Limits(head_seconds=0.5, body_seconds=0.5, stall_seconds=0.5)).run()
"""


@pytest.mark.posix('Windows has no SIGSTOP')
def test_a_machine_that_slept_is_nobodys_fault() -> None:
    root = str(Path(__file__).resolve().parent.parent.parent)
    server = subprocess.Popen([sys.executable, '-c', SCRIPT, root], stdout=subprocess.PIPE)
    assert server.stdout is not None
    clients = []
    try:
        port = int(server.stdout.readline())
        whole = POST % 1000 + bytes(1000)
        for begun in (0, 1, 30, len(whole) - 500):
            clients.append((socket.create_connection(('127.0.0.1', port), timeout=10), begun))
            clients[-1][0].sendall(whole[:begun])
        os.kill(server.pid, signal.SIGSTOP)
        threading.Event().wait(1.5)
        for client, begun in clients:
            if begun == 30:
                client.sendall(whole[begun:])  # while it sleeps
        os.kill(server.pid, signal.SIGCONT)
        for client, begun in clients:
            if begun != 30:
                client.sendall(whole[begun:])  # after that
            assert rest(client).endswith(b'\r\n\r\n1000'), begun
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
        for client, _ in clients:
            client.close()


def replace(client: Any) -> None:
    with Path(os.devnull).open('rb') as file:
        os.dup2(file.fileno(), client.fileno())


@pytest.mark.parametrize('harm', [replace, lambda client: client.close()], ids=['replaces', 'closes'])
@pytest.mark.parametrize('kind', [selectors.SelectSelector, selectors.DefaultSelector])
def test_a_socket_that_the_application_harms_ends_only_its_connection(
        running: Callable[..., Running], kind: Any, harm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selectors, 'DefaultSelector', kind)  # select complains, as on Windows; epoll does not
    server: Running

    def handler(request: Request) -> str:
        if request.target == '/harm':
            harm(next(each for each in server.server._connections).client)
        return 'fine'
    server = running(handler, limits=QUICK)
    with server.connect(b'GET'):
        server.until(lambda: server.server._connections)
        assert server.get('/harm')[2] == b'fine'
        assert server.get()[2] == b'fine'
        server.until(lambda: not server.server._connections)
    assert server.get()[2] == b'fine'


@pytest.mark.posix('select has nothing to close; tests/win32 watches sockets that fail')
def test_a_selector_that_fails_is_replaced(running: Callable[..., Running],
                                           caplog: pytest.LogCaptureFixture) -> None:
    server = running(lambda request: server.server._selector.close() if request.target == '/x' else 'fine')
    with server.connect() as waiting:
        server.until(lambda: server.server._connections)
        server.get('/x')
        assert server.get()[2] == b'fine'
        waiting.sendall(GET % b'y')
        assert rest(waiting).endswith(b'fine')
    assert 'cannot be watched' in caplog.text


def test_cancelled_timers_do_not_pile_up() -> None:
    timers, called = Timers(), []
    kept = [timers.at(5.0 + number, lambda number=number: called.append(number)) for number in range(10)]
    for _ in range(10_000):
        timers.at(1.0, list).cancel()
    assert len(timers.heap) < 200
    kept[3].cancel()
    assert timers.next() == 5.0
    for function in timers.due(100.0):
        function()
    assert called == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    kept[0].cancel()
    assert timers.next() == float('inf')
