"""Resident memory after one, 10 000 and 100 000 pages: kali beside a bare socket script and peers.

Run it with `python3 tests/benchmarks/memory.py [REQUESTS]`. Each server runs in a process of its own and is
asked for one small page after the other, on new connections. Printed are megabytes, the ratio to the bare
script's after a tenth of the requests, and what the other nine tenths added. Linux only: it reads /proc.
Peers that are not installed are left out.
"""

from __future__ import annotations

import socket
import sys

from start import SERVERS, begin, resident  # the benchmark beside this one


def ask(port: int, requests: int) -> None:
    """Ask for a page as many times, each with a head of its own."""
    for number in range(requests):
        with socket.create_connection(('127.0.0.1', port), timeout=10) as client:
            client.sendall(b'GET /?number=%d HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n'
                           % (number, port))
            while client.recv(65536):
                pass


def main(requests: int) -> None:
    """Measure one server after the other, and print."""
    base = 0.0
    print(f'{"server":20} {"first MB":>9} {requests // 10:>8} {"ratio":>6} {requests:>8} {"growth":>7}')
    for name, script in SERVERS.items():
        server, port = begin(script)
        try:
            ask(port, 1)
            first = resident(server.pid)
            ask(port, requests // 10)
            then = resident(server.pid)
            ask(port, requests - requests // 10)
            last = resident(server.pid)
        finally:
            server.kill()
            server.wait()
        base = base or then
        print(f'{name:20} {first:9.1f} {then:8.1f} {then / base:6.2f} {last:8.1f} {last - then:7.2f}')


if __name__ == '__main__':
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
