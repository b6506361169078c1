"""From the start of a process to its first page, and its memory then: kali beside a bare socket script and
peers.

Run it with `python3 tests/benchmarks/start.py [ROUNDS]`. Each server is started anew for each round, in turn,
and asked for one page by a raw socket; the medians and their ratios to the bare script are printed. Peers
that are not installed are left out.

Where there are Xvfb and Chromium, it goes on with windows: from the start of a program to a painted page,
beside the bare browser that opens a file; the memory of the datebook with its window open; and how much of a
processor a program takes while nothing happens.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[2]
STATE = TemporaryDirectory(prefix='kali-start-')

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
KALI_IN_A_WINDOW = KALI.replace('start=None', "app_id='start'")  # BROWSER is a command that shows nothing
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
SERVERS = {'bare socket script': BARE, 'kali': KALI, 'kali in a window': KALI_IN_A_WINDOW,
           'http.server': HTTP_SERVER}
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
            while b'world!' not in answer and b'403' not in answer:  # the window has a launch key
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
    environment.update(BROWSER='true', XDG_STATE_HOME=STATE.name)
    # -S: without the site module, whose .pth files differ from machine to machine.
    flags = ['-S'] if script in (BARE, KALI, KALI_IN_A_WINDOW, HTTP_SERVER) else []
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


class Windows:
    """A screen and a browser. As root it wants --no-sandbox, which a wrapper on the PATH adds."""

    def __init__(self) -> None:
        self.folder = Path(STATE.name)
        real = next(filter(None, map(shutil.which, ('chromium', 'google-chrome', 'chromium-browser'))))
        self.browser = self.folder / 'chromium'
        self.browser.write_text(f'#!/bin/sh\nexec {real} --no-sandbox "$@"\n')
        self.browser.chmod(0o755)
        reading, writing = os.pipe()
        self.screen = subprocess.Popen(['Xvfb', '-displayfd', str(writing)], pass_fds=[writing],
                                       stderr=subprocess.DEVNULL)
        self.env = {**os.environ, 'DISPLAY': f':{os.read(reading, 20).decode().strip()}', 'HOME': STATE.name,
                    'XDG_STATE_HOME': STATE.name, 'XDG_DATA_HOME': STATE.name, 'PYTHONPATH': str(ROOT),
                    'PATH': f'{self.folder}:{os.environ["PATH"]}'}
        self.env.pop('BROWSER', None)
        self.painted = socket.create_server(('127.0.0.1', 0))
        port = self.painted.getsockname()[1]
        self.page = self.folder / 'page.html'
        self.page.write_text('<!DOCTYPE html><title>Hello</title><h1>Hello, world!</h1><script>'
                             'requestAnimationFrame(() => requestAnimationFrame(() => { new Image().src = '
                             f'"http://127.0.0.1:{port}/" + Math.random(); }}))</script>')
        self.program = self.folder / 'program.py'
        self.program.write_text(
            f'import kali\npage = open({str(self.page)!r}).read()\n'
            "kali.serve_http(lambda request: page, app_id='start', "
            "headers={'Content-Security-Policy': None})")

    def time(self, command: list[str], profile: str) -> float:
        """Milliseconds until the page is painted; then the browser is closed."""
        begun = time.perf_counter()
        process = subprocess.Popen(command, env=self.env, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        client, _ = self.painted.accept()
        elapsed = (time.perf_counter() - begun) * 1000
        client.close()
        self.close(profile, process)
        return elapsed

    def close(self, profile: str, process: subprocess.Popen[bytes]) -> None:
        """End the browser that has a profile open, as the desktop does at the end of a session."""
        link = self.folder / profile / 'SingletonLock'
        os.kill(int(str(link.readlink()).rpartition('-')[2]), 15)
        process.wait(20)  # the browser, or the program that has lost its window

    def opening(self, rounds: int) -> None:
        """Print how long it takes until a window is painted."""
        sys.path.insert(0, str(ROOT))
        from kali.desktop.profile import ARGUMENTS
        bare = [str(self.browser), f'--app=file://{self.page}', f'--user-data-dir={self.folder}/bare',
                *ARGUMENTS]
        times = [(self.time(bare, 'bare'),
                  self.time([sys.executable, str(self.program)], 'start/profile')) for _ in range(rounds + 1)]
        file, program = (statistics.median(each) for each in zip(*times[1:], strict=True))
        print(f'painted window: bare browser {file:.0f} ms, kali {program:.0f} ms, '
              f'ratio {program / file:.2f}')

    def idling(self, seconds: float) -> None:
        """Print what the datebook takes while its window is open and nothing happens."""
        process = subprocess.Popen([sys.executable, str(ROOT / 'examples/datebook.py')], env=self.env,
                                   stdout=subprocess.DEVNULL)
        while not (links := [path for path in self.folder.glob('datebook*/profile/*')
                             if path.name == 'SingletonLock']):
            time.sleep(0.1)
        link = links[0]
        time.sleep(5)
        before = processor(process.pid)
        time.sleep(seconds)
        print(f'datebook with its window open: {resident(process.pid):.1f} MB, '
              f'{(processor(process.pid) - before) / seconds:.2%} of a processor in {seconds:.0f} s')
        self.close(str(link.parent.relative_to(self.folder)), process)


def processor(pid: int) -> float:
    """Seconds of processor time that a process has taken."""
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def in_windows(rounds: int) -> None:
    """Measure and print what concerns windows."""
    if not shutil.which('Xvfb') or not shutil.which('chromium'):
        print('No windows were measured: there is no Xvfb, or no Chromium.')
        return
    windows = Windows()
    try:
        windows.opening(rounds)
        windows.idling(20)
    finally:
        windows.screen.terminate()
        windows.screen.wait()


if __name__ == '__main__':
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
    in_windows(5)
