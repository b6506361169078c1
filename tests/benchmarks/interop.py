"""Requests a second of mounted WSGI and ASGI applications, beside kali's own and their own servers.

Run it with `python3 tests/benchmarks/interop.py [SECONDS]`. Each server runs in a process of its own; they
are measured in turn, in short rounds, one client with a new connection for each request. Printed are medians,
and the median of each round's ratio to kali's own hello. The goals: a WSGI hello at least 0.8 of it and ahead
of the framework's own server; an ASGI hello ahead of the same on uvicorn without httptools.
"""

from __future__ import annotations

import importlib.util
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 9
REQUEST = (b'GET / HTTP/1.1\r\nHost: localhost:%d\r\nConnection: close\r\nAccept: text/html\r\n'
           b'User-Agent: benchmark\r\n\r\n')

HOST = """
import sys
from kali import serve_http
from kali.interop import from_asgi, from_wsgi, to_asgi, to_wsgi
port = int(sys.argv[1])
def hello(request):
    return 'x' * 200
def plain_wsgi(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain'), ('Content-Length', '200')])
    return [b'x' * 200]
async def plain_asgi(scope, receive, send):
    if scope['type'] == 'lifespan':
        raise NotImplementedError
    await send({'type': 'http.response.start', 'status': 200, 'headers': [(b'content-type', b'text/plain')]})
    await send({'type': 'http.response.body', 'body': b'x' * 200})
"""
BOTTLE = """
import bottle
app = bottle.Bottle()
@app.get('/')
def hello(): return 'x' * 200
"""
FLASK = """
import logging
logging.getLogger('werkzeug').disabled = True
from flask import Flask
app = Flask('bench')
@app.get('/')
def hello(): return 'x' * 200
"""
STARLETTE = """
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
async def hello(request): return PlainTextResponse('x' * 200)
app = Starlette(routes=[Route('/', hello)])
"""
SERVE = 'serve_http({}, port=port, start=None)\n'
UVICORN = 'import uvicorn\nuvicorn.run({}, port=port, log_level="critical", access_log=False, http="h11")\n'
SERVERS = {
    'kali': ('', SERVE.format('hello')),
    'WSGI by from_wsgi': ('', SERVE.format('from_wsgi(plain_wsgi)')),
    'ASGI by from_asgi': ('', SERVE.format('from_asgi(plain_asgi)')),
}
PEERS = {
    'bottle': {'Bottle by from_wsgi': (BOTTLE, SERVE.format('from_wsgi(app)')),
               'Bottle by itself': (BOTTLE, 'bottle.run(app, port=port, quiet=True)\n')},
    'flask': {'Flask by from_wsgi': (FLASK, SERVE.format('from_wsgi(app)')),
              'Flask by itself': (FLASK, 'app.run(port=port)\n')},
    'starlette': {'Starlette by from_asgi': (STARLETTE, SERVE.format('from_asgi(app)'))},
    'uvicorn': {'ASGI on uvicorn': ('', UVICORN.format('plain_asgi')),
                'kali on uvicorn': ('', UVICORN.format('to_asgi(hello)'))},
    'waitress': {'WSGI on waitress': ('', 'import waitress\nwaitress.serve(plain_wsgi, port=port)\n'),
                 'kali on waitress': ('', 'import waitress\nwaitress.serve(to_wsgi(hello), port=port)\n')},
}
for module, servers in PEERS.items():
    if importlib.util.find_spec(module):
        SERVERS.update(servers)
if {'starlette', 'uvicorn'} <= {name for name in PEERS if importlib.util.find_spec(name)}:
    SERVERS['Starlette on uvicorn'] = (STARLETTE, UVICORN.format('app'))


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return int(probe.getsockname()[1])


def rate(port: int, seconds: float) -> float:
    """Requests a second of one client."""
    message, count = REQUEST % port, 0
    begun = now = time.perf_counter()
    while now - begun < seconds:
        with socket.create_connection(('127.0.0.1', port), 10) as client:
            client.sendall(message)
            data = b''
            while piece := client.recv(65536):
                data += piece
        assert b'x' * 200 in data, data
        count += 1
        now = time.perf_counter()
    return count / (now - begun)


def started(app: str, run: str) -> tuple[subprocess.Popen[bytes], int]:
    """A server that answers, and its port."""
    port = free_port()
    process = subprocess.Popen([sys.executable, '-c', HOST + app + run, str(port)], cwd=ROOT,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(('127.0.0.1', port), 1).close()
            return process, port
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def main() -> None:
    """Measure and print."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 0.3
    running = {name: started(*server) for name, server in SERVERS.items()}
    try:
        rounds = [{name: rate(port, seconds) for name, (_, port) in running.items()} for _ in range(ROUNDS)]
    finally:
        for process, _ in running.values():
            process.kill()
            process.wait()
    for name in running:
        share = statistics.median(each[name] / each['kali'] for each in rounds)
        print(f'{name:24} {statistics.median(each[name] for each in rounds):8.0f}/s {share:6.2f}')


main()
