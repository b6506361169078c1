"""How long others wait while idle, slow and half-open clients are parked at the server.

Run it with `python3 tests/benchmarks/parked.py [REQUESTS [SERVER …]]`. One client asks for a small page on
new connections, one after the other: first with nobody else there, then with 6 and with 100 silent sockets,
then with everything (100 silent ones, one that sends a byte of its request every 50 ms, one that reads a page
of 5 MB slowly). It prints the median and the 99th percentile in milliseconds, and the latter over the one of
the same server when idle. Each server runs in a process of its own; peers that are not installed are left
out.
"""

from __future__ import annotations

import socket
import statistics
import sys
import threading
import time

from server import SERVERS, start  # the benchmark beside this one

LARGE = 5_000_000
ROUNDS = 10
CONDITIONS = ('idle', '6 silent', '100 silent', 'everything')


class Parked:
    """Clients that take up a server's sockets, and its patience, until they are closed."""

    def __init__(self, port: int, condition: str) -> None:
        self.port, self.over = port, threading.Event()
        count = {'idle': 0, '6 silent': 6}.get(condition, 100)
        self.sockets = [self._connect() for _ in range(count)]
        works = {'idle': [], 'everything': [self._silent, self._dribble, self._read_slowly]}
        self.threads = [threading.Thread(target=work) for work in works.get(condition, [self._silent])]
        for thread in self.threads:
            thread.start()

    def _connect(self) -> socket.socket:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.settimeout(2)  # a server that stalls takes nobody off the system's queue, until that is full
        try:
            client.connect(('127.0.0.1', self.port))
        except OSError:
            pass  # what is done with it next fails too, and is tried again
        return client

    def _silent(self) -> None:
        """Keep the number of silent sockets up: a server may close one that says nothing for a second."""
        while not self.over.wait(0.2):
            for index, client in enumerate(self.sockets):
                client.setblocking(False)
                try:
                    if client.recv(1) == b'':
                        client.close()
                        self.sockets[index] = self._connect()
                except BlockingIOError:
                    pass
                except OSError:
                    self.sockets[index] = self._connect()

    def _dribble(self) -> None:
        message = b'GET /small HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nX-Long: ' % self.port
        while not self.over.is_set():
            client = self._connect()
            try:
                for byte in message + b'x' * 40:
                    client.send(bytes([byte]))
                    if self.over.wait(0.05):
                        break
            except OSError:
                pass
            client.close()

    def _read_slowly(self) -> None:
        while not self.over.is_set():
            client = self._connect()
            try:
                client.sendall(b'GET /large HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n' % self.port)
                while not self.over.wait(0.02) and client.recv(16384):
                    pass
            except OSError:
                pass
            client.close()

    def close(self) -> None:
        """Let the server go."""
        self.over.set()
        for thread in self.threads:
            thread.join()
        for client in self.sockets:
            client.close()


def latencies(port: int, requests: int) -> list[float]:
    """Milliseconds for each of `requests` pages; one that does not come within 5 s counts as 5 000."""
    message = b'GET /small HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n' % port
    times = []
    deadline = time.perf_counter() + 20
    for _ in range(requests):
        begun = time.perf_counter()
        try:
            with socket.create_connection(('127.0.0.1', port), timeout=5) as client:
                client.sendall(message)
                while client.recv(65536):
                    pass
            times.append((time.perf_counter() - begun) * 1000)
        except OSError:
            times.append(5000.0)
        if times[-3:] == [5000.0] * 3 or begun > deadline:  # it stalls: not hundreds of times
            break
    return times


def measure(name: str, port: int, requests: int) -> None:
    """Each condition in turn, several rounds, so that a moment of a slow machine meets them all; print."""
    found: dict[str, list[float]] = {condition: [] for condition in CONDITIONS}
    for _ in range(ROUNDS):
        for condition, times in found.items():
            if times[-3:] == [5000.0] * 3:
                continue  # it stalls
            parked = Parked(port, condition)
            try:
                times += latencies(port, requests // ROUNDS)
            finally:
                parked.close()
    idle = 0.0
    for condition, times in found.items():
        p99 = statistics.quantiles(times, n=100)[98] if len(times) > 1 else times[0]
        idle = idle or p99
        print(f'{name:12} {condition:>12} {statistics.median(times):8.2f} {p99:8.2f} {p99 / idle:8.2f}')


def main(requests: int, names: list[str]) -> None:
    """Start each server, or those of `names`, measure it and end it."""
    print(f'{"":12} {"":>12} {"median":>8} {"p99":>8}  p99 over idle    ({requests} requests)')
    for name, script in list(SERVERS.items())[1:]:  # the raw loop would wait for the first silent one
        if names and name not in names:
            continue
        server, port = start(script.replace('50000', str(LARGE)))
        try:
            measure(name, port, requests)
        finally:
            server.kill()
            server.wait()


if __name__ == '__main__':
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000, sys.argv[2:])
