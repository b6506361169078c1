"""A server in a thread of the test process: real sockets, and its insides at hand."""

from __future__ import annotations

import os
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kali.server.listening import listen
from kali.server.loop import Server

if TYPE_CHECKING:
    from collections.abc import Callable

    from kali.http.parser import Head
    from kali.http.response import Response

PATIENCE = 10.0


class Running:
    """A Server on a port of its own: `port`, `server`, `until(condition)`, `connect()`, `ask(bytes)`.

    :param gate: makes the gate (`admit`) of the server from its port
    """

    def __init__(self, handler: Callable[..., Any], options: dict[str, Any],
                 gate: Callable[[int], Callable[[Head], Response | None]] | None = None) -> None:
        listener = listen('127.0.0.1', 0)
        if 'send_buffer' in options:  # of the system, for each client
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, options.pop('send_buffer'))
        self.port = listener.getsockname()[1]
        if gate is not None:
            options['admit'] = gate(self.port)
        self.server = Server(handler, [listener], **options)
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.server.run()
        except BaseException as error:
            self.error = error

    def connect(self, data: bytes = b'', receive_buffer: int = 0) -> socket.socket:
        """A connection to the server, on which `data` was sent; the test closes it."""
        client = socket.socket()
        client.settimeout(PATIENCE)
        if receive_buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            client.connect(('127.0.0.1', self.port))
            client.sendall(data)
        except BaseException:
            client.close()
            raise
        return client

    def ask(self, data: bytes = b'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n') -> bytes:
        """All that comes back on a connection of its own."""
        with self.connect(data) as client:
            return rest(client)

    def get(self, target: str = '/', head: str = '', method: str = 'GET') -> tuple[int, dict[str, str],
                                                                                   bytes]:
        """Status, headers and body of an answer."""
        return parsed(self.ask(f'{method} {target} HTTP/1.1\r\nHost: localhost\r\n{head}\r\n'.encode()))

    def until(self, condition: Callable[[], object]) -> None:
        """Wait for a condition of which nobody sends word; fail at the deadline."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, 'what was waited for did not happen'
            time.sleep(0.002)

    def end(self) -> None:
        self.server.stop()
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive(), 'the server did not end'
        assert self.error is None, repr(self.error)
        assert not self.server._connections


def resident(pid: int) -> int:
    """Bytes of memory that a process has now."""
    return int(Path(f'/proc/{pid}/statm').read_text().split()[1]) * os.sysconf('SC_PAGE_SIZE')


def peak(pid: int) -> int:
    """The most bytes of memory that a process ever had."""
    lines = Path(f'/proc/{pid}/status').read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith('VmHWM:'))


def rest(client: socket.socket) -> bytes:
    """Everything until the server closes; a reset raises ConnectionResetError."""
    return b''.join(iter(lambda: client.recv(65536), b''))


def parsed(data: bytes) -> tuple[int, dict[str, str], bytes]:
    head, blank, body = data.partition(b'\r\n\r\n')
    assert blank, f'no whole head in {data[:200]!r}'
    line, *fields = head.decode('latin-1').split('\r\n')
    pairs = [field.split(': ', 1) for field in fields]
    return int(line.split()[1]), {name.lower(): value for name, value in pairs}, body


def status_of(data: bytes) -> int:
    return int(data.split()[1])
