"""What a save costs: kali's guard beside a bare loop, a raw socket server and its peers, in one run.

Run it with `python3 tests/benchmarks/sqlite.py [ROUNDS [FOLDER]]`, for both journal modes. A unit of work is
what a browser does to save something: POST a form with one field on a new connection, 303, GET the list of
the last 20 rows on another. All run the same SQL with the same durability (DELETE with synchronous EXTRA, WAL
with FULL), each on a file of its own in a folder on a disk (`/var/tmp` unless another is named). Servers run
in processes of their own and are measured in turn, in short rounds, so that the disk's moods meet them all;
printed are medians, the ratio to the raw server (the median of each round's ratio, with its spread), and the
CPU time of a unit.

Then, in one process, without sockets: what the guard costs a request that writes, beside the same handler
with BEGIN IMMEDIATE and COMMIT written out; what undo costs beside the guard; and the guard of a request that
reads. They take turns request by request; printed are the medians, and the share that the median of the
differences has of the whole, by the clock and by the CPU.

Peers that are not installed are left out: bottle, flask, uvicorn with starlette (and httptools, if there).
"""

from __future__ import annotations

import importlib.util
import os
import random
import re
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

# What all have in common. Each script is called with its port, its file and the journal mode.
SQL = """
import sqlite3, sys
from html import escape
port, path, journal = int(sys.argv[1]), sys.argv[2], sys.argv[3]
TABLE = 'CREATE TABLE IF NOT EXISTS note (id INTEGER PRIMARY KEY, text TEXT NOT NULL)'
INSERT = 'INSERT INTO note (text) VALUES (?)'
LIST = 'SELECT id, text FROM note ORDER BY id DESC LIMIT 20'
HEAD = '<!DOCTYPE html><meta charset="utf-8"><title>Notes</title><h1>Notes</h1><ul>'
def plain():
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    db.execute(f'PRAGMA journal_mode = {journal}')
    db.execute('PRAGMA synchronous = ' + ('EXTRA' if journal == 'delete' else 'FULL'))
    db.execute('PRAGMA foreign_keys = ON')
    db.execute(TABLE)
    return db
def add(text):
    db.execute('BEGIN IMMEDIATE')
    db.execute(INSERT, (text,))
    db.execute('COMMIT')
def page():
    rows = db.execute(LIST).fetchall()
    return ''.join([HEAD, *[f'<li id="{id}">{escape(text)}</li>' for id, text in rows], '</ul>'])
"""
RAW = """
import socket
db = plain()
server = socket.create_server(('127.0.0.1', port), backlog=128)
while True:
    client, _ = server.accept()
    data = client.recv(65536)
    if data.startswith(b'POST'):
        add(data.partition(b'\\r\\n\\r\\ntext=')[2].decode().replace('+', ' '))
        client.sendall(b'HTTP/1.0 303 See Other\\r\\nLocation: /\\r\\nContent-Length: 0\\r\\n\\r\\n')
    elif data:
        body = page().encode()
        client.sendall(b'HTTP/1.0 200 OK\\r\\nContent-Type: text/html; charset=utf-8\\r\\nContent-Length: '
                       b'%d\\r\\n\\r\\n%s' % (len(body), body))
    client.close()
"""
KALI = """
from kali import Response, Router, Template, serve_http
from kali.sqlite import connect, guard, undo
db = connect(path, journal=journal)
db.execute(TABLE)
listing = Template(HEAD + '<?for note in notes?><li id="{note.id}">{note.text}</li><?end?></ul>')
router = Router()
@router.post('/add')
def save(text: str):
    WRITE
    return Response.redirect('/')
@router.get('/')
def show():
    return listing(notes=db.execute(LIST))
app = APP
serve_http(app, port=port, start=None)
"""


def kali(app: str, write: str) -> str:
    """The script of a kali server."""
    return KALI.replace('APP', app).replace('WRITE', write)


HTTP_SERVER = """
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs
db = plain()
class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        form = parse_qs(self.rfile.read(int(self.headers['Content-Length'])).decode())
        add(form['text'][0])
        self.send_response(303)
        self.send_header('Location', '/')
        self.send_header('Content-Length', '0')
        self.end_headers()
    def do_GET(self):
        body = page().encode()
        self.send_response(200)
        self.send_header('Content-Type', 'text/html; charset=utf-8')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): pass
HTTPServer(('127.0.0.1', port), Handler).serve_forever()
"""
BOTTLE = """
import bottle
db = plain()
@bottle.post('/add')
def save():
    add(bottle.request.forms.text)
    bottle.redirect('/', 303)
@bottle.get('/')
def show(): return page()
bottle.run(port=port, quiet=True)
"""
FLASK = """
import logging
logging.getLogger('werkzeug').disabled = True
from flask import Flask, redirect, request
db = plain()
app = Flask('bench')
@app.post('/add')
def save():
    add(request.form['text'])
    return redirect('/', 303)
@app.get('/')
def show(): return page()
app.run(port=port, threaded=True)
"""
STARLETTE = """
import uvicorn
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.routing import Route
from urllib.parse import parse_qsl
db = plain()
async def save(request):
    add(dict(parse_qsl((await request.body()).decode()))['text'])
    return RedirectResponse('/', 303)
async def show(request): return HTMLResponse(page())
app = Starlette(routes=[Route('/add', save, methods=['POST']), Route('/', show)])
uvicorn.run(app, port=port, log_level='critical', access_log=False)
"""
SERVERS = {'raw': RAW,
           'kali': kali('guard(router, db)', 'db.execute(INSERT, [text])'),
           'kali without guard': kali('router', 'add(text)'),
           'kali with undo': kali("guard(undo(db, ['note']).wrap(router), db)", 'db.execute(INSERT, [text])'),
           'http.server': HTTP_SERVER}
for module, script in (('starlette', STARLETTE), ('bottle', BOTTLE), ('flask', FLASK)):
    if importlib.util.find_spec(module) and (module != 'starlette' or importlib.util.find_spec('uvicorn')):
        SERVERS[module] = script

BROWSER_FIELDS = """Connection: close
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
FIELDS = {'a client that sends few fields': 'Connection: close\r\n', "Chromium's fields": BROWSER_FIELDS}
JOURNALS = ('delete', 'wal')
UNITS = 40  # in a round of one server
LENGTH = re.compile(rb'\r\ncontent-length: *([0-9]+)', re.IGNORECASE)


class Result(NamedTuple):
    """Of one round: units of work a second, and seconds of CPU time for all."""

    rate: float
    cost: float


def exchange(port: int, message: bytes) -> bytes:
    """What comes back on a new connection, which is closed as a browser does: once all is there."""
    data = b''
    with socket.socket() as client:
        client.connect(('127.0.0.1', port))
        client.sendall(message)
        while piece := client.recv(65536):
            data += piece
            head, end, body = data.partition(b'\r\n\r\n')
            length = LENGTH.search(head)
            if end and length and len(body) >= int(length[1]):
                break
    return data


def one_round(port: int, pid: int, fields: str) -> Result:
    """Save and look, UNITS times."""
    head = f'Host: 127.0.0.1:{port}\r\n{fields}'
    body = 'text=Fish+and+chips+at+seven'
    post = (f'POST /add HTTP/1.1\r\n{head}Content-Type: application/x-www-form-urlencoded\r\n'
            f'Content-Length: {len(body)}\r\n\r\n{body}').encode()
    get = f'GET / HTTP/1.1\r\n{head}\r\n'.encode()
    before, begun = cpu_seconds(pid), time.perf_counter()
    for _ in range(UNITS):
        saved, shown = exchange(port, post), exchange(port, get)
    elapsed = time.perf_counter() - begun
    assert b' 303 ' in saved[:20], saved[:2000]
    assert b'Fish and chips at seven</li>' in shown, shown[:2000]
    return Result(UNITS / elapsed, cpu_seconds(pid) - before)


def cpu_seconds(pid: int) -> float:
    """User and system time that a process has used; not a number outside Linux."""
    try:
        fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    except OSError:
        return float('nan')
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def start(script: str, path: Path, journal: str) -> tuple[subprocess.Popen[bytes], int]:
    """A server process that answers, and its port."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = int(probe.getsockname()[1])
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    server = subprocess.Popen([sys.executable, '-c', SQL + script, str(port), str(path), journal],
                              env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.perf_counter() + 20
    while time.perf_counter() < deadline and server.poll() is None:
        try:
            socket.create_connection(('127.0.0.1', port)).close()
            return server, port
        except ConnectionRefusedError:
            time.sleep(0.01)
    raise RuntimeError('a server did not start')


def bare_loop(path: Path, journal: str) -> Callable[[], float]:
    """A call that inserts and commits UNITS rows, and gives how many a second."""
    names: dict[str, Any] = {}
    arguments, sys.argv = sys.argv, ['', '0', str(path), journal]
    exec(SQL + '\ndb = plain()\n', names)
    sys.argv = arguments

    def insert() -> float:
        begun = time.perf_counter()
        for _ in range(UNITS):
            names['add']('Fish and chips at seven')
        return UNITS / (time.perf_counter() - begun)
    return insert


def measure_servers(journal: str, fields: str, folder: Path, rounds: int) -> None:
    """Every server in turn, round by round."""
    results: dict[str, list[Result]] = {name: [] for name in SERVERS}
    bare: list[float] = []
    with ExitStack() as stack:
        insert = bare_loop(folder / f'bare-{journal}.db', journal)
        running = {}
        for name, script in SERVERS.items():
            server, port = running[name] = start(script, folder / f'{name}-{journal}.db', journal)
            stack.callback(server.wait)
            stack.callback(server.kill)
            one_round(port, server.pid, fields)  # warm
        for number in range(rounds):
            bare.append(insert())
            # The raw server is measured at the same distance from all: now before, now after them.
            for name in (list(running) if number % 2 else list(running)[::-1]):
                server, port = running[name]
                results[name].append(one_round(port, server.pid, fields))
    print(f'{"bare insert and commit":28} {statistics.median(bare):8.0f}')
    raw = results['raw']
    for name, rows in results.items():
        ratios = sorted(each.rate / other.rate for each, other in zip(rows, raw, strict=True))
        low, high = ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]
        print(f'{name:28} {statistics.median(each.rate for each in rows):8.0f} '
              f'{statistics.median(ratios):7.2f} {low:9.2f}-{high:.2f} '
              f'{sum(each.cost for each in rows) / len(rows) / UNITS * 1e6:8.0f}')


def handlers(path: Path, journal: Any) -> dict[str, Callable[[], Any]]:
    """Calls that handle one request, each with a connection and file of its own, in this process."""
    from kali import Response
    from kali.http.request import Request
    from kali.sqlite import connect, guard, undo

    def open_file(name: str) -> Any:
        db = connect(path / f'{name}-{journal}.db', journal=journal)
        db.execute('CREATE TABLE IF NOT EXISTS note (id INTEGER PRIMARY KEY, text TEXT NOT NULL)')
        db.executemany('INSERT INTO note (text) VALUES (?)', [['Fish and chips at seven']] * 20)
        return db

    def saving(db: Any) -> Callable[[Any], Any]:
        def save(request: Any) -> Any:
            db.execute('INSERT INTO note (text) VALUES (?)', [request.form['text']])
            return Response.redirect('/')
        return save

    def written_out(db: Any) -> Callable[[Any], Any]:
        def save(request: Any) -> Any:
            db.execute('BEGIN IMMEDIATE')
            db.execute('INSERT INTO note (text) VALUES (?)', [request.form['text']])
            db.execute('COMMIT')
            return Response.redirect('/')
        return save

    def listing(db: Any) -> Callable[[Any], Any]:
        def show(request: Any) -> Any:
            return b''.join(b'%d' % row[0] for row in db.execute(
                'SELECT id, text FROM note ORDER BY id DESC LIMIT 20'))
        return show
    one, two, three = map(open_file, ('written out', 'guard', 'undo'))
    undone = guard(undo(three, ['note']).wrap(saving(three)), three)
    calls = {'written out': (written_out(one), 'POST'), 'guard': (guard(saving(two), two), 'POST'),
             'undo': (undone, 'POST'), 'reading': (listing(one), 'GET'),
             'guarded reading': (guard(listing(two), two), 'GET')}

    def call(handler: Any, method: str) -> Callable[[], Any]:
        return lambda: handler(Request(method, '/', form={'text': 'Fish and chips at seven'}))
    return {name: call(*both) for name, both in calls.items()}


def measure_handlers(journal: str, folder: Path, requests: int) -> None:
    """Each kind of handler in turn, request by request."""
    calls = handlers(folder, journal)
    times: dict[str, list[float]] = {name: [] for name in calls}
    costs: dict[str, list[float]] = {name: [] for name in calls}
    order = list(calls.items())
    for _ in range(requests):
        random.shuffle(order)  # what follows a commit finds the processor's caches cold
        for name, call in order:
            cost, begun = time.thread_time_ns(), time.perf_counter_ns()
            call()
            times[name].append((time.perf_counter_ns() - begun) / 1000)
            costs[name].append((time.thread_time_ns() - cost) / 1000)
    clock, cpu = (
        {name: statistics.median(values) for name, values in table.items()} for table in (times, costs))
    for name, without in (('guard', 'written out'), ('undo', 'guard'), ('guarded reading', 'reading')):
        more, more_cpu = (
            statistics.median(a - b for a, b in zip(table[name], table[without], strict=True))
            for table in (times, costs))
        print(f'{name:28} {clock[name]:8.1f} {more:+7.1f} {more / clock[without]:+8.1%} '
              f'{cpu[name]:9.1f} {more_cpu:+7.1f} {more_cpu / cpu[without]:+8.1%}  of a request: '
              f'{more_cpu / clock[without]:+.1%}')


def file_system(folder: Path) -> str:
    """The type of the file system that `folder` is on, and where it is mounted."""
    try:
        mounts = [line.split()[:3] for line in Path('/proc/mounts').read_text().splitlines()]
    except OSError:
        return 'an unknown file system'
    return max((len(place), f'{kind} on {place} ({device})') for device, place, kind in mounts
               if folder.resolve().is_relative_to(place))[1]


def main(rounds: int, parent: str) -> None:
    """All of it, in both journal modes."""
    with tempfile.TemporaryDirectory(dir=parent, prefix='kali-benchmark-') as name:
        folder = Path(name)
        kind = file_system(folder)
        print(f'SQLite {sqlite3.sqlite_version}, Python {sys.version.split()[0]}, {kind}')
        if kind.startswith(('tmpfs', 'ramfs')):
            sys.exit('This folder is in memory, where a commit costs nothing: name one on a disk.')
        for journal in JOURNALS:
            for title, fields in FIELDS.items():
                print(f'\n{f"{journal}, {title}":32.32} {"/s":>4} {"of raw":>7} {"middle half":>14} '
                      f'{"CPU µs":>8}')
                measure_servers(journal, fields, folder, rounds)
            print(f'\n{f"{journal}, in process":28} {"µs":>8} {"more":>7} {"share":>8} {"CPU µs":>9} '
                  f'{"more":>7} {"share":>8}')
            measure_handlers(journal, folder, rounds * UNITS)


if __name__ == '__main__':
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 25, sys.argv[2] if len(sys.argv) > 2 else '/var/tmp')
