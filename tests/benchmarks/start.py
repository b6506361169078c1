"""From the start of a process to its first page, and its memory then: kali beside a bare socket script and
peers.

Run it with `python3 tests/benchmarks/start.py [ROUNDS]`. Each server is started anew for each round, in turn,
and asked for one page by a raw socket; the medians and their ratios to the bare script are printed. Peers
that are not installed are left out.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

BARE = """
import socket, sys
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(('127.0.0.1', int(sys.argv[1])))
listener.listen(16)
while True:
    client, _ = listener.accept()
    client.recv(65536)
    client.sendall(b'HTTP/1.0 200 OK\\r\\nContent-Length: 13\\r\\n\\r\\nHello, world!')
    client.close()
"""
KALI = """
import sys
import kali
app = kali.Router()
@app.function('/')
def hello():
    return 'Hello, world!'
kali.serve_http(app, port=int(sys.argv[1]), start=None)
"""
HTTP_SERVER = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Hello(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header('Content-Length', '13')
        self.end_headers()
        self.wfile.write(b'Hello, world!')
    def log_message(self, *args): pass
HTTPServer(('127.0.0.1', int(sys.argv[1])), Hello).serve_forever()
"""
BOTTLE = """
import sys, bottle
@bottle.route('/')
def hello(): return 'Hello, world!'
bottle.run(port=int(sys.argv[1]), quiet=True)
"""
FLASK = """
import sys, logging
logging.getLogger('werkzeug').disabled = True
from flask import Flask
app = Flask('hello')
@app.route('/')
def hello(): return 'Hello, world!'
app.run(port=int(sys.argv[1]))
"""
SERVERS = {'bare socket script': BARE, 'kali': KALI, 'http.server': HTTP_SERVER}
for name, script in (('bottle', BOTTLE), ('flask', FLASK)):
    if importlib.util.find_spec(name):
        SERVERS[name] = script


def free_port() -> int:
    """A port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return int(probe.getsockname()[1])


def begin(script: str) -> tuple[subprocess.Popen[bytes], int]:
    """Start a server, and return with its port as soon as that takes a connection."""
    server, port = _launch(script)
    _connect(server, port).close()
    return server, port


def first_page(script: str) -> tuple[float, float]:
    """Milliseconds until the first page was there, and the server's resident memory in MB then."""
    begun = time.perf_counter()
    server, port = _launch(script)
    try:
        with _connect(server, port) as client:
            client.sendall(b'GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n' % port)
            answer = b''
            while b'world!' not in answer:
                piece = client.recv(65536)
                if not piece:
                    raise RuntimeError(f'no page but {answer!r}')
                answer += piece
        elapsed = (time.perf_counter() - begun) * 1000
        return elapsed, resident(server.pid)
    finally:
        server.kill()
        server.wait()


def _launch(script: str) -> tuple[subprocess.Popen[bytes], int]:
    port = free_port()
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    environment.pop('PYTHONDONTWRITEBYTECODE', None)  # users start from compiled files
    # -S: without the site module, whose .pth files differ from machine to machine.
    flags = ['-S'] if script in (BARE, KALI, HTTP_SERVER) else []
    return subprocess.Popen([sys.executable, *flags, '-c', script, str(port)], env=environment,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL), port


def _connect(server: subprocess.Popen[bytes], port: int) -> socket.socket:
    begun = time.perf_counter()
    while True:
        client = socket.socket()
        try:
            client.connect(('127.0.0.1', port))
            return client
        except ConnectionRefusedError:
            client.close()
            if server.poll() is not None or time.perf_counter() - begun > 20:
                raise RuntimeError('the server did not start') from None
            time.sleep(0.0005)


def resident(pid: int) -> float:
    """Megabytes of memory that a process has now."""
    try:
        pages = int(Path(f'/proc/{pid}/statm').read_text().split()[1])
    except OSError:
        return float('nan')  # no such file outside Linux
    return pages * os.sysconf('SC_PAGE_SIZE') / 1e6


def main(rounds: int) -> None:
    """Measure and print."""
    times: dict[str, list[float]] = {name: [] for name in SERVERS}
    memory: dict[str, list[float]] = {name: [] for name in SERVERS}
    for round_ in range(rounds + 1):
        for name, script in SERVERS.items():
            elapsed, resident = first_page(script)
            if round_:  # the first round fills the caches
                times[name].append(elapsed)
                memory[name].append(resident)
    base_time = statistics.median(times['bare socket script'])
    base_memory = statistics.median(memory['bare socket script'])
    print(f'{"server":20} {"ms":>7} {"ratio":>6}   {"MB":>6} {"ratio":>6}    ({rounds} rounds, medians)')
    for name in SERVERS:
        milliseconds, megabytes = statistics.median(times[name]), statistics.median(memory[name])
        print(f'{name:20} {milliseconds:7.1f} {milliseconds / base_time:6.2f}   '
              f'{megabytes:6.1f} {megabytes / base_memory:6.2f}')


if __name__ == '__main__':
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
