"""Requests a second on new connections: kali beside a raw socket loop and its peers, in one run.

Run it with `python3 tests/benchmarks/server.py [SECONDS]`. Each server runs in a process of its own; they are
measured in turn, in short rounds, so that a change in the machine's speed meets them all. Printed are medians
and their ratios to the raw loop, which accepts, receives, sends and closes, and parses nothing (the median of
each round's ratio); the CPU time of a request, over the raw loop's and in microseconds, threads and all; and
how long a request takes its client. Peers that are not installed are left out: bottle, flask, waitress,
cheroot, uvicorn with starlette (and httptools, if it is there), tornado.
"""

from __future__ import annotations

import importlib.util
import os
import selectors
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
SMALL, LARGE = 200, 50_000

RAW = """
import socket, sys
small = b'HTTP/1.0 200 OK\\r\\nContent-Type: text/html\\r\\nContent-Length: 200\\r\\n\\r\\n' + b'x' * 200
large = b'HTTP/1.0 200 OK\\r\\nContent-Type: text/html\\r\\nContent-Length: 50000\\r\\n\\r\\n' + b'x' * 50000
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(('127.0.0.1', int(sys.argv[1])))
listener.listen(128)
while True:
    client, _ = listener.accept()
    data = client.recv(65536)
    client.sendall(large if data.startswith(b'GET /large') else small)
    client.close()
"""
KALI = """
import sys, kali
app = kali.Router()
@app.function('/small')
def small(): return 'x' * 200
@app.function('/large')
def large(): return 'x' * 50000
kali.serve_http(app, port=int(sys.argv[1]), start=None)
"""
HTTP_SERVER = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'x' * (50000 if self.path == '/large' else 200)
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): pass
class Server(HTTPServer):
    request_queue_size = 128
Server(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()
"""
BOTTLE = """
import sys, bottle
@bottle.route('/small')
def small(): return 'x' * 200
@bottle.route('/large')
def large(): return 'x' * 50000
from wsgiref.simple_server import WSGIServer
class Server(WSGIServer):
    request_queue_size = 128  # or it loses clients that come at the same time
bottle.run(port=int(sys.argv[1]), quiet=True, server_class=Server)
"""
UVICORN = """
import sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
async def small(request): return PlainTextResponse('x' * 200)
async def large(request): return PlainTextResponse('x' * 50000)
app = Starlette(routes=[Route('/small', small), Route('/large', large)])
uvicorn.run(app, port=int(sys.argv[1]), log_level='critical', access_log=False)
"""
WAITRESS = """
import sys, waitress
def app(environ, start_response):
    body = b'x' * (50000 if environ['PATH_INFO'] == '/large' else 200)
    start_response('200 OK', [('Content-Length', str(len(body)))])
    return [body]
waitress.serve(app, host='127.0.0.1', port=int(sys.argv[1]), threads=4)
"""
WSGIREF = """
import socketserver, sys
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
class Quiet(WSGIRequestHandler):
    def log_message(self, *args): pass
class Server(WSGIServer):
    request_queue_size = 128
def app(environ, start_response):
    body = b'x' * (50000 if environ['PATH_INFO'] == '/large' else 200)
    start_response('200 OK', [('Content-Length', str(len(body)))])
    return [body]
make_server('127.0.0.1', int(sys.argv[1]), app, Server, Quiet).serve_forever()
"""
FLASK = """
import sys, logging
logging.getLogger('werkzeug').disabled = True
from flask import Flask
app = Flask('bench')
@app.route('/small')
def small(): return 'x' * 200
@app.route('/large')
def large(): return 'x' * 50000
app.run(port=int(sys.argv[1]))
"""
CHEROOT = """
import sys
from cheroot import wsgi
def app(environ, start_response):
    body = b'x' * (50000 if environ['PATH_INFO'] == '/large' else 200)
    start_response('200 OK', [('Content-Length', str(len(body)))])
    return [body]
wsgi.Server(('127.0.0.1', int(sys.argv[1])), app, request_queue_size=128).start()
"""
TORNADO = """
import asyncio, sys, tornado.web
class Small(tornado.web.RequestHandler):
    def get(self): self.write('x' * 200)
class Large(tornado.web.RequestHandler):
    def get(self): self.write('x' * 50000)
async def main():
    app = tornado.web.Application([('/small', Small), ('/large', Large)], log_function=id)
    app.listen(int(sys.argv[1]), '127.0.0.1')
    await asyncio.Event().wait()
asyncio.run(main())
"""
SERVERS = {'raw': RAW, 'kali': KALI, 'http.server': HTTP_SERVER, 'wsgiref': WSGIREF}
for module, script in (('bottle', BOTTLE), ('flask', FLASK), ('waitress', WAITRESS), ('cheroot', CHEROOT),
                       ('uvicorn', UVICORN), ('tornado', TORNADO)):
    if importlib.util.find_spec(module) and (module != 'uvicorn' or importlib.util.find_spec('starlette')):
        SERVERS[module] = script
KEEPS_CONNECTIONS = ('uvicorn', 'tornado', 'waitress', 'cheroot', 'flask')  # unless told otherwise

BROWSER_FIELDS = """Connection: keep-alive
Cache-Control: max-age=0
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
WORKS = {
    'small, 1 client': ('/small', '', 1), 'small, 8 clients': ('/small', '', 8),
    'small, 64 clients': ('/small', '', 64),
    "Chromium's fields, 1 client": ('/small', BROWSER_FIELDS, 1),
    "Chromium's fields, 8 clients": ('/small', BROWSER_FIELDS, 8),
    '50 KB, 1 client': ('/large', '', 1), '50 KB, 8 clients': ('/large', '', 8),
}


class Result(NamedTuple):
    """Of one round: requests a second, seconds of CPU time for all, and how long each took."""

    rate: float
    cost: float
    times: list[float]


def one_after_another(port: int, message: bytes, seconds: float) -> tuple[float, list[float]]:
    """Requests a second of one client that opens a connection for each, and how long each took."""
    times, begun = [], time.perf_counter()
    now = begun
    while now - begun < seconds:
        with socket.socket() as client:
            client.connect(('127.0.0.1', port))
            client.sendall(message)
            while client.recv(262144):
                pass
        before, now = now, time.perf_counter()
        times.append(now - before)
    return len(times) / (now - begun), times


def many_at_once(port: int, message: bytes, seconds: float, clients: int) -> tuple[float, list[float]]:
    """The same of several clients, each of which opens a connection for each request."""
    selector = selectors.DefaultSelector()

    def begin() -> None:
        client = socket.socket()
        now = time.perf_counter()
        client.connect(('127.0.0.1', port))
        client.sendall(message)
        selector.register(client, selectors.EVENT_READ, now)
    times, begun = [], time.perf_counter()
    for _ in range(clients):
        begin()
    while time.perf_counter() - begun < seconds:
        for key, _ in selector.select():
            if not key.fileobj.recv(262144):  # type: ignore[union-attr]
                selector.unregister(key.fileobj)
                key.fileobj.close()  # type: ignore[union-attr]
                times.append(time.perf_counter() - key.data)
                begin()
    elapsed = time.perf_counter() - begun
    for key in list(selector.get_map().values()):
        key.fileobj.close()  # type: ignore[union-attr]
    selector.close()
    return len(times) / elapsed, times


def cpu_seconds(pid: int) -> float:
    """User and system time that a process has used; not a number outside Linux."""
    try:
        fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    except OSError:
        return float('nan')
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def start(script: str) -> tuple[subprocess.Popen[bytes], int]:
    """A server process that answers, and its port."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = int(probe.getsockname()[1])
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    server = subprocess.Popen([sys.executable, '-c', script, str(port)], env=environment,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.perf_counter() + 20
    while time.perf_counter() < deadline and server.poll() is None:
        try:
            socket.create_connection(('127.0.0.1', port)).close()
            return server, port
        except ConnectionRefusedError:
            time.sleep(0.01)
    raise RuntimeError('a server did not start')


def measured(name: str, server: subprocess.Popen[bytes], port: int, work: tuple[str, str, int],
             seconds: float) -> Result:
    """One round of a work on one server."""
    path, fields, clients = work
    message = f'GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{fields}\r\n'.encode()
    if name in KEEPS_CONNECTIONS:
        message = message.replace(b'keep-alive', b'close') if fields else message[:-2] + (
            b'Connection: close\r\n\r\n')
    before = cpu_seconds(server.pid)
    rate, times = (one_after_another(port, message, seconds) if clients == 1
                   else many_at_once(port, message, seconds, clients))
    return Result(rate, cpu_seconds(server.pid) - before, times)


def measure(servers: dict[str, tuple[subprocess.Popen[bytes], int]], seconds: float,
            rounds: int = 15) -> None:
    """Measure every work on every server in turn, and print."""
    for title, work in WORKS.items():
        results: dict[str, list[Result]] = {name: [] for name in servers}
        for _ in range(rounds):
            for name, (server, port) in servers.items():
                results[name].append(measured(name, server, port, work, seconds))
        raw = results['raw']
        cost = sum(each.cost for each in raw) / sum(len(each.times) for each in raw)
        print(f'\n{title:28} {"req/s":>8} {"of raw":>7} {"spread":>11} {"CPU/raw":>8} {"CPU µs":>7} '
              f'{"median ms":>10} {"p99 ms":>7}')
        for name, rows in results.items():
            ratios = sorted(each.rate / other.rate for each, other in zip(rows, raw, strict=True))
            times = sorted(each * 1000 for row in rows for each in row.times) or [float('nan')]
            mine = sum(each.cost for each in rows) / len(times)
            print(f'{name:28} {statistics.median(each.rate for each in rows):8.0f} '
                  f'{statistics.median(ratios):7.2f} {ratios[0]:6.2f}-{ratios[-1]:.2f} {mine / cost:8.2f} '
                  f'{mine * 1e6:7.0f} {statistics.median(times):10.2f} {times[len(times) * 99 // 100]:7.2f}')


def main(seconds: float) -> None:
    """Start all, measure all, end all."""
    servers: dict[str, tuple[subprocess.Popen[bytes], int]] = {}
    try:
        for name, script in SERVERS.items():
            servers[name] = start(script)
        measure(servers, seconds)
    finally:
        for server, _ in servers.values():
            server.kill()
            server.wait()


if __name__ == '__main__':
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 0.3)
