"""Hundreds of clients that hang, drip, half-close, read slowly or reset, and one that only wants its pages.

The server runs in a process of its own; its file descriptors and memory are read from /proc, and conftest.py
leaves this file out where there is none.
"""

from __future__ import annotations

import random
import selectors
import signal
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.server.conftest import resident

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Served

APP = """
    import kali
    app = kali.Router()
    LARGE = 'x' * 5_000_000

    @app.function('/')
    def home(n: int = 0):
        return f'page {n}'

    @app.function('/large')
    def large():
        return LARGE

    kali.serve_http(app, timeout=0.5)
    print('ended well', flush=True)
"""
RESET = b'\1\0\0\0\0\0\0\0'  # struct linger: on, no time
COUNTS = {'silent': 200, 'dripping': 20, 'half-closed': 10, 'slow reader': 10, 'resetting': 10}
SECOND = 0.25  # for the senders of a byte a second: this test has not got the time for real ones


class Hostile:
    """One client of a kind; `act` is called again and again, and connects anew when a connection is over."""

    def __init__(self, kind: str, port: int, random_: random.Random) -> None:
        self.kind, self.port, self.random = kind, port, random_
        self.sent, self.next = 0, 0.0
        self.head = f'GET /large HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n'.encode()
        self.client = self.connect()

    def connect(self) -> socket.socket:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        client.setblocking(False)
        client.connect_ex(('127.0.0.1', self.port))
        self.sent = 0
        return client

    def act(self, now: float) -> None:
        try:
            if self.kind == 'resetting':
                self.client.send(self.head[:self.random.randrange(len(self.head) + 1)])
                self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                raise ConnectionError
            if self.kind == 'dripping' and now >= self.next:
                self.next = now + SECOND
                self.sent += self.client.send(self.head[self.sent:self.sent + 1] or b'x')
            elif self.kind == 'half-closed' and not self.sent:
                self.sent = self.client.send(self.head[:self.random.choice((1, 20, len(self.head)))])
                self.client.shutdown(socket.SHUT_WR)
            elif self.kind == 'slow reader' and not self.sent:
                self.sent = self.client.send(self.head)
            if not self.client.recv(4096 if self.kind == 'slow reader' else 65536):
                raise ConnectionError
        except BlockingIOError:
            pass
        except OSError:
            self.client.close()
            self.client = self.connect()


class Crowd:
    """All the hostile clients, kept at work by a thread of their own until they are sent away."""

    def __init__(self, port: int) -> None:
        random_ = random.Random(3)
        self.clients = [Hostile(kind, port, random_) for kind, count in COUNTS.items() for _ in range(count)]
        self.over, self.rounds = threading.Event(), 0
        self.thread = threading.Thread(target=self.work)

    def work(self) -> None:
        while not self.over.wait(0.02):
            now = time.monotonic()
            for each in self.clients:
                each.act(now)
            self.rounds += 1

    def __enter__(self) -> Crowd:
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.over.set()
        self.thread.join()
        for each in self.clients:
            each.client.close()


def page(port: int, target: str) -> bytes:
    with socket.create_connection(('127.0.0.1', port), timeout=10) as client:
        client.sendall(f'GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n'.encode())
        return b''.join(iter(lambda: client.recv(65536), b''))


def descriptors(pid: int) -> int:
    return len(list(Path(f'/proc/{pid}/fd').iterdir()))


@pytest.mark.slow
def test_among_hundreds_of_hostile_clients_every_request_succeeds(serve: Callable[..., Served],
                                                                  eventually: Callable[..., object]) -> None:
    # Memory that kali frees is to be seen: glibc keeps large blocks for itself, once it has seen some.
    served = serve(APP, env={'MALLOC_MMAP_THRESHOLD_': '1000000', 'MALLOC_TRIM_THRESHOLD_': '1000000'})
    pid = served.process.pid
    assert len(page(served.port, '/large')) > 5_000_000
    before, memory = descriptors(pid), resident(pid)
    with Crowd(served.port) as crowd:
        eventually(lambda: descriptors(pid) > 200)
        begin = time.monotonic()
        for number in range(2000):
            answer = page(served.port, f'/?n={number}')
            assert answer.startswith(b'HTTP/1.0 200 OK\r\n')
            assert answer.endswith(b'page %d' % number)
        took = time.monotonic() - begin
        eventually(lambda: crowd.rounds > 100)
        eventually(lambda: descriptors(pid) > 200)  # they were there to the end
    assert took < 15, 'the hostile clients hold up the others'
    eventually(lambda: descriptors(pid) <= before)
    assert page(served.port, '/?n=1').endswith(b'page 1')
    assert resident(pid) - memory < 8_000_000  # of 10 pages of 5 MB and 250 connections, hardly a trace


@pytest.mark.slow
@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_server_under_load(serve: Callable[..., Served], number: signal.Signals,
                                           eventually: Callable[..., object]) -> None:
    served = serve(APP)
    with Crowd(served.port), Busy(served.port) as busy:
        eventually(lambda: busy.answered > 200)
        begin = time.monotonic()
        served.process.send_signal(number)
        served.process.wait(10)
        took = time.monotonic() - begin
    assert took < 2, 'it took more than two seconds to end'
    with socket.create_server(('127.0.0.1', served.port)):
        pass  # the port is free at once
    assert served.process.returncode == 0, served.output()
    assert served.output().endswith('ended well\n')  # and no traceback


class Busy:
    """Eight clients that ask for one page after the other, in a thread, until the server is gone."""

    def __init__(self, port: int) -> None:
        self.port, self.answered = port, 0
        self.thread = threading.Thread(target=self.work)

    def work(self) -> None:
        selector = selectors.DefaultSelector()
        try:
            for _ in range(8):
                self.begin(selector)
            while True:
                for key, _ in selector.select(10):
                    client: socket.socket = key.fileobj  # type: ignore[assignment]
                    if not client.recv(65536):
                        selector.unregister(client)
                        client.close()
                        self.answered += 1
                        self.begin(selector)
        except OSError:
            pass  # nobody listens any longer
        for key in list(selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        selector.close()

    def begin(self, selector: selectors.BaseSelector) -> None:
        client = socket.create_connection(('127.0.0.1', self.port), timeout=10)
        selector.register(client, selectors.EVENT_READ)
        client.sendall(b'GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n' % self.port)

    def __enter__(self) -> Busy:
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.thread.join()
