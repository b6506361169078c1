"""What the gate costs: its share of a hello request, measured in one process and one run.

Run it with `python3 tests/benchmarks/gate.py [ROUNDS]`. The server runs here, the client in a process of its
own, so that this one's CPU time is the server's. In turn, round by round, the same hello request is served
without a gate and with it; and the gate alone is timed on the same head, which tells the difference better
than two noisy numbers do. The goal: at most 5 % of a hello request.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]
sys.path[0] = str(ROOT)  # instead of this folder: there is kali

from kali import Router  # noqa: E402
from kali.http.parser import Head, RequestParser  # noqa: E402
from kali.server.gate import Gate, Keys  # noqa: E402
from kali.server.listening import listen  # noqa: E402
from kali.server.loop import Server  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    from kali.http.response import Response

REQUESTS = 4000  # a round
SECRET = 'f' * 64
CLIENT = """
import socket, sys
message = sys.stdin.buffer.read()
for _ in range(int(sys.argv[2])):
    with socket.create_connection(('127.0.0.1', int(sys.argv[1]))) as client:
        client.sendall(message)
        while client.recv(65536):
            pass
"""
FIELDS = """Connection: keep-alive
sec-ch-ua: "Chromium";v="156", "Not)A;Brand";v="24"
sec-ch-ua-mobile: ?0
sec-ch-ua-platform: "Linux"
Upgrade-Insecure-Requests: 1
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 Safari/537.36
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8
Sec-Fetch-Site: same-origin
Sec-Fetch-Mode: navigate
Sec-Fetch-User: ?1
Sec-Fetch-Dest: document
Accept-Encoding: gzip, deflate, br, zstd
Accept-Language: en-US,en;q=0.9
""".replace('\n', '\r\n')
WORKS = {  # fields, and whether there is a launch cookie
    'Host only': ('', False), "Chromium's fields": (FIELDS, False),
    "Chromium's fields and cookie": (FIELDS + f'Cookie: theme=dark; kali-hello={SECRET}\r\n', True),
}


def everybody(head: Head) -> Response | None:
    """No gate."""
    return None


def served(admit: Callable[[Head], Response | None], message: bytes, app: Router, port: int) -> float:
    """CPU seconds of the server for a hello request."""
    listener = listen('127.0.0.1', port)
    server = Server(app, [listener], admit=admit)
    client = subprocess.Popen([sys.executable, '-c', CLIENT, str(port), str(REQUESTS)], stdin=subprocess.PIPE)
    assert client.stdin is not None
    client.stdin.write(message)
    client.stdin.close()

    def look() -> None:
        if client.poll() is None:
            server.at(time.monotonic() + 0.02, look)
        else:
            server.stop()
    server.at(0, look)
    begun = time.process_time()
    server.run()
    return (time.process_time() - begun) / REQUESTS


def alone(admit: Callable[[Head], Response | None], head: Head) -> float:
    """Seconds that the gate takes for a head: the least of several rounds."""
    best = float('inf')
    for _ in range(20):
        begun = time.perf_counter()
        for _ in range(2000):
            admit(head)
        best = min(best, (time.perf_counter() - begun) / 2000)
    return best


def main(rounds: int) -> None:
    """Measure each work and print."""
    app = Router()
    app.function('/')(lambda: 'x' * 200)
    probe = listen('127.0.0.1', 0)
    port = int(probe.getsockname()[1])
    probe.close()
    print(f'{"CPU time of a hello, µs":30} {"no gate":>8} {"gate":>8} {"gate alone":>11} {"its share":>10}')
    for work, (fields, has_keys) in WORKS.items():
        admit = Gate(port, (), Keys('kali-hello', SECRET) if has_keys else None).admit
        message = f'GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{fields}\r\n'.encode()
        head = next(iter(RequestParser().feed(message)))
        assert isinstance(head, Head)
        assert admit(head) is None
        without, within, costs = [], [], []
        for number in range(rounds):
            turn = [(without, everybody), (within, admit)]
            for times, asked in turn if number % 2 else reversed(turn):  # neither is always the first
                times.append(served(asked, message, app, port))
            costs.append(alone(admit, head))
        open_, gated, cost = (statistics.median(each) * 1e6 for each in (without, within, costs))
        print(f'{work:30} {open_:8.1f} {gated:8.1f} {cost:11.2f} {cost / gated:9.1%}')


if __name__ == '__main__':
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
