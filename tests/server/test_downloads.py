"""A soak: downloads, HEADs, streams, uploads, aborts and half-closes by the thousand, a browser among them.

Run it long by hand with `KALI_SOAK=20000 python -m pytest tests/server/test_downloads.py -s`; the number is
that of the requests. At the end every slot and every file descriptor of the server is free again.
"""

from __future__ import annotations

import os
import random
import socket
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.server.conftest import resident

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.conftest import Served

REQUESTS = int(os.environ.get('KALI_SOAK', '1200'))
CLIENTS, SIZE = 8, 200_000

APP = """
    import time
    import kali
    from concurrent.futures import ThreadPoolExecutor
    from pathlib import Path
    app = kali.Router()
    pool = ThreadPoolExecutor(4)
    SIZE = 200_000
    FILE = Path('download.bin')
    FILE.write_bytes(bytes(SIZE))

    @app.function('/')
    def home():
        pictures = [f'<img src="/picture/{n}" alt="">' for n in range(12)]
        return '<!DOCTYPE html><title>Pictures</title>', pictures

    @app.route('/file', methods=('GET', 'HEAD'))
    def file(request: kali.Request):
        return kali.Response.file(FILE, request=request)

    @app.function('/picture/*')
    def picture(n: int):
        return kali.Response.file(FILE, content_type='image/png')

    @app.route('/stream', methods=('GET', 'HEAD'))
    def stream():
        return kali.Response.stream(bytes(4000) for _ in range(SIZE // 4000))

    @app.route('/page', methods=('GET', 'HEAD'))
    def page():
        return 'x' * SIZE

    @app.route('/later', methods=('GET', 'HEAD'))
    def later():
        return pool.submit(lambda: time.sleep(0.01) or 'x' * SIZE)

    @app.post('/upload')
    def upload(request: kali.Request):
        return 'y' * (SIZE - len(request.body)), request.body

    kali.serve_http(app, timeout=1.0, limits=kali.Limits(stall_seconds=2, connections=60))
    print('ended well', flush=True)
"""
PATHS = ('file', 'stream', 'page', 'later', 'upload')
WAYS = ('whole', 'by length', 'half-closed', 'head', 'abort', 'hang up', 'reset', 'slow', 'begun')


class Visitor(threading.Thread):
    """One client after the other, each of another kind, until there were `count`; `seen` counts them."""

    def __init__(self, port: int, count: int, seed: int) -> None:
        super().__init__(daemon=True)
        self.port, self.count, self.random = port, count, random.Random(seed)
        self.seen: Counter[str] = Counter()
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            for _ in range(self.count):
                self.visit(self.random.choice(PATHS), self.random.choice(WAYS))
        except BaseException as error:
            self.error = error

    def visit(self, path: str, way: str) -> None:
        self.seen[way] += 1
        method = 'POST' if path == 'upload' else 'HEAD' if way == 'head' else 'GET'
        body = b'Content-Length: 1000\r\n\r\n' + b'y' * 1000 if method == 'POST' else b'\r\n'
        data = f'{method} /{path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n'.encode() + body
        with socket.socket() as client:
            if way == 'slow':
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
            client.settimeout(30)
            client.connect(('127.0.0.1', self.port))
            client.sendall(data[:self.random.randrange(len(data))] if way == 'begun' else data)
            if way == 'half-closed':
                client.shutdown(socket.SHUT_WR)
            if way == 'reset':
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
            if way in ('whole', 'half-closed', 'head', 'slow'):
                head, _, content = b''.join(iter(lambda: client.recv(8192), b'')).partition(b'\r\n\r\n')
                assert head.startswith(b'HTTP/1.0 200 '), (path, way, head[:100])
                assert len(content) == (0 if method == 'HEAD' else SIZE), (path, way, len(content))
            elif way == 'by length':
                size = 0
                while size < SIZE:
                    size += len(client.recv(8192))
            elif way == 'abort':
                client.recv(1000)


def soak(served: Served, count: int) -> Counter[str]:
    """So many visits; what was done how often."""
    visitors = [Visitor(served.port, count // CLIENTS, seed) for seed in range(CLIENTS)]
    for each in visitors:
        each.start()
    for each in visitors:
        each.join()
        assert each.error is None, repr(each.error)
    return sum((each.seen for each in visitors), Counter())


def opened(served: Served) -> int:
    return len(list(Path(f'/proc/{served.process.pid}/fd').iterdir()))


@pytest.mark.posix('memory and descriptors are read from /proc')
def test_every_slot_and_descriptor_is_free_again(serve: Callable[..., Served],
                                                 eventually: Callable[..., object]) -> None:
    served = serve(APP)
    assert served.get('/page').status == 200
    before, memory, begun = opened(served), resident(served.process.pid), time.monotonic()
    seen = soak(served, REQUESTS)
    took = time.monotonic() - begun
    eventually(lambda: opened(served) <= before, 15)  # past every deadline
    assert served.get('/page').status == 200
    grown = resident(served.process.pid) - memory
    print(f'\n{sum(seen.values())} visits in {took:.1f} s, {dict(seen)}; descriptors {before} before, '
          f'{opened(served)} after; memory grew by {grown / 1e6:.1f} MB')
    assert grown < 30_000_000
    served.end()
    assert served.output().endswith('ended well\n')


def test_with_a_browser_among_them(serve: Callable[..., Served], page: Page,
                                   eventually: Callable[..., object]) -> None:
    served = serve(APP)
    assert served.get('/page').status == 200
    before = opened(served)
    others = threading.Thread(target=soak, args=(served, REQUESTS // 2))
    others.start()
    loads = 0
    while others.is_alive() or loads < 6:  # four were enough to end kali 0.1
        page.goto(served.url, wait_until='load')
        loads += 1
    others.join()
    page.goto('about:blank')
    eventually(lambda: opened(served) <= before, 30)  # a browser keeps an unused socket for a while
    assert served.get('/page').status == 200
    print(f'\n{loads} loads of a page with 12 pictures')
