"""What the server holds in memory: the same after thousands of requests, and little of a large answer.

The memory of a process is read from /proc; conftest.py leaves this file out where there is none.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from kali.http.response import Response
from tests.server.conftest import peak, resident, rest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import Served
    from tests.server.conftest import Running

APP = """
    import sys
    import kali
    app = kali.Router()

    @app.function('/')
    def home():
        return 'Hello, world!'

    @app.function('/stream')
    def stream(pieces: int, size: int):
        return kali.Response.stream('x' * size for _ in range(pieces))

    @app.function('/file')
    def file():
        return kali.Response.file(sys.argv[1])

    kali.serve_http(app)
"""


def ask(served: Served, target: str, slowly: bool = False) -> int:
    """How many bytes come back; read in small gulps, if slowly."""
    with socket.socket() as client:
        if slowly:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.settimeout(30)
        client.connect(('127.0.0.1', served.port))
        client.sendall(f'GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n\r\n'.encode())
        return sum(map(len, iter(lambda: client.recv(16384 if slowly else 262144), b'')))


@pytest.mark.posix('memory and descriptors are read from /proc')
def test_memory_is_flat(serve: Callable[..., Served]) -> None:
    served = serve(APP)
    for number in range(500):
        ask(served, f'/?{number}')
    before = resident(served.process.pid)
    for number in range(3000):  # each another head, so that whatever is kept of it would show
        assert ask(served, f'/?number={number}') > 100
    assert resident(served.process.pid) - before < 1_000_000


@pytest.mark.parametrize('target, size', [
    ('/file', 64_000_000), ('/stream?pieces=1000&size=64000', 64_000_000),
], ids=['file', 'stream'])
@pytest.mark.posix('memory and descriptors are read from /proc')
def test_a_large_answer_takes_less_than_a_megabyte(serve: Callable[..., Served], tmp_path: Path, target: str,
                                                   size: int) -> None:
    path = tmp_path / 'large'
    with path.open('wb') as file:
        file.truncate(64_000_000)
    served = serve(APP, str(path))
    with path.open('r+b') as file:
        file.truncate(2_000_000)
    ask(served, target.replace('0000', '0'), slowly=True)  # what is imported and allocated for any answer
    with path.open('r+b') as file:
        file.truncate(64_000_000)
    before = peak(served.process.pid)
    assert ask(served, target, slowly=True) > size
    assert peak(served.process.pid) - before < 1_000_000


def test_a_stream_is_asked_for_more_only_when_little_waits(running: Callable[..., Running]) -> None:
    most = 0

    def pieces() -> Iterator[bytes]:
        nonlocal most
        for _ in range(500):
            most = max(most, *(each.out_size for each in list(server.server._connections)))
            yield bytes(65536)
    server = running(lambda request: Response.stream(pieces()), send_buffer=65536)
    with server.connect(b'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', receive_buffer=65536) as client:
        assert len(rest(client)) > 500 * 65536
    assert 0 < most < 500_000
