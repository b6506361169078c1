"""Event streams and jobs: what they cost others, and how soon a publish is everywhere.

Run it with `python3 tests/benchmarks/live.py [STREAMS [SECONDS]]`. It prints ratios and times:

- the time from a publish to the last of 500 streams that has it, 20 times a second, and the same for a bare
  loop that sends as many bytes to as many sockets ("raw": what the system and the listeners take);
- the 99th percentile of a small page's latency meanwhile, over the one of the same server when idle;
- the same page while a job works in the background, and what the job does of the work that its generator does
  alone;
- the processor time of a program in which nothing happens, with streams and a coroutine waiting.

The peers are Starlette's EventSourceResponse on uvicorn (starlette, sse-starlette, uvicorn) and NiceGUI,
whose pages listen by a WebSocket, where they are installed.
"""

from __future__ import annotations

import socket
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

KALI = '''
import asyncio, sys, time
sys.path.insert(0, {root!r})
from kali import Limits, Router, serve_http
from kali.live import Channel, Jobs, Progress, Schedule
app, channel, jobs, schedule = Router(), Channel(), Jobs(), Schedule()
app.delegate_folder('/jobs/', jobs)
app.get('/small')(lambda request: 'x' * 1000)
app.get('/stream')(lambda request: channel.stream(request))
@app.get('/publish')
def publish():
    schedule.every(0.05, lambda: channel.publish('at %r' % time.monotonic()))
    return 'on'
worked = 0
def work():
    global worked
    while True:
        for _ in range(1000):
            worked += 1
        yield Progress(worked)
@app.get('/alone')
def alone():
    until = time.monotonic() + 1
    for _ in work():
        if time.monotonic() >= until:
            return 'enough'
@app.get('/work')
def start(request):
    return jobs.start(request, work())
@app.get('/worked')
def how_much():
    return f'{{worked}} {{time.process_time()}}'
@app.get('/coroutine')
async def coroutine():
    asyncio.get_running_loop().create_task(asyncio.sleep(3600))
    return 'on'
serve_http(schedule.wrap(app), start=None, port={port}, limits=Limits(connections=2000))
'''

STARLETTE = '''
import asyncio, time
import uvicorn
from sse_starlette.sse import EventSourceResponse
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
queues, publishing = set(), []
async def stream(request):
    queue = asyncio.Queue()
    queues.add(queue)
    async def events():
        try:
            while True:
                yield dict(data=await queue.get())
        finally:
            queues.discard(queue)
    return EventSourceResponse(events())
async def ticks():
    while True:
        await asyncio.sleep(0.05)
        if publishing:
            said = 'at %r' % time.monotonic()
            for queue in queues:
                queue.put_nowait(said)
async def publish(request):
    publishing.append(asyncio.ensure_future(ticks()))
    return PlainTextResponse('on')
async def small(request):
    return PlainTextResponse('x' * 1000)
uvicorn.run(Starlette(routes=[Route('/stream', stream), Route('/publish', publish), Route('/small', small)]),
            port={port}, log_level='critical')
'''

NICEGUI = '''
import time
from nicegui import app, ui
from starlette.responses import PlainTextResponse
labels = []
@ui.page('/')
def page():
    labels.append(ui.label('-'))
def tick():
    said = 'at %r' % time.monotonic()
    for label in labels:
        label.text = said
@app.get('/publish')
async def publish():
    app.timer(0.05, tick)
    return PlainTextResponse('on')
@app.get('/small')
async def small():
    return PlainTextResponse('x' * 1000)
ui.run(port={port}, show=False, reload=False, show_welcome_message=False)
'''

RAW = '''
import socket, sys, time
listener = socket.create_server(('127.0.0.1', {port}), backlog=1000)
streams = []
while True:
    client = listener.accept()[0]
    asked = client.recv(1000)
    if b'/stream' in asked:
        client.sendall(b'HTTP/1.0 200 OK\\r\\n\\r\\n')
        streams.append(client)
        continue
    client.sendall(b'HTTP/1.0 200 OK\\r\\n\\r\\n' + b'x' * 1000)
    client.close()
    if b'/publish' in asked:
        break
while True:
    time.sleep(0.05)
    data = b'id: 01234567-12\\ndata: at %r\\n\\n' % time.monotonic()
    for client in streams:
        try:
            client.send(data, socket.MSG_DONTWAIT)
        except OSError:
            sys.exit()
'''

# The clients of the streams: a process of their own, so that they do not share the interpreter with what
# measures the pages. Prints the milliseconds from each publish to the last stream that has it. Those of
# NiceGUI load a page, and open the WebSocket that it asks for.
LISTENERS = r'''
import re, selectors, socket, sys, time
port, count, seconds, kind = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
def asked(path, fields=''):
    client = socket.create_connection(('127.0.0.1', port))
    client.sendall(f'GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{fields}\r\n'.encode())
    return client
def socket_of_a_page():
    with asked('/', 'Connection: close\r\n') as page:
        text = b''.join(iter(lambda: page.recv(65536), b'')).decode()
    number = re.search("'client_id': '([^']*)'", text)[1]
    client = asked(f'/_nicegui_ws/socket.io/?client_id={number}&next_message_id=0&implicit_handshake=true'
                   f'&document_id={number}&tab_id={number}&EIO=4&transport=websocket',
                   'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'
                   'Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n')
    while b'"sid"' not in client.recv(1000):
        pass
    client.sendall(b'\x81\x82\0\0\0\x0040')
    return client
selector = selectors.DefaultSelector()
for _ in range(count):
    client = socket_of_a_page() if kind == 'NiceGUI' else asked('/stream')
    client.recv(100)
    client.setblocking(False)
    selector.register(client, selectors.EVENT_READ)
print('ready', flush=True)
received, until = [], time.monotonic() + seconds
while time.monotonic() < until:
    for key, _ in selector.select(0.1):
        received.append((key.fileobj.recv(65536), time.monotonic()))
        if received[-1][0][:3] == b'\x81\x012':  # a ping of NiceGUI's
            key.fileobj.sendall(b'\x81\x81\0\0\0\x003')
seen = {}
for data, now in received:
    for said in re.findall(rb'at ([0-9.]+)', data):
        seen.setdefault(float(said), []).append(now)
print(len([1 for times in seen.values() if len(times) == count]),
      *('%.3f' % ((max(times) - said) * 1000) for said, times in seen.items() if len(times) == count))
'''


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return int(probe.getsockname()[1])


def get(port: int, path: str) -> bytes:
    with socket.create_connection(('127.0.0.1', port), timeout=10) as client:
        client.sendall(f'GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n'.encode())
        return b''.join(iter(lambda: client.recv(65536), b'')).partition(b'\r\n\r\n')[2]


def latencies(port: int, seconds: float) -> list[float]:
    """Milliseconds for small pages, one after the other, a pause between them."""
    found, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        begun = time.monotonic()
        get(port, '/small')
        found.append((time.monotonic() - begun) * 1000)
        time.sleep(0.002)
    return found


def p99(times: list[float]) -> float:
    return statistics.quantiles(times, n=100)[98]


def started(script: str) -> tuple[subprocess.Popen[bytes], int]:
    """A server in a process of its own, and its port, once it answers."""
    port = free_port()
    path = Path(tempfile.mkdtemp()) / 'server.py'
    path.write_text(script.format(root=str(ROOT), port=port), encoding='utf-8')
    server = subprocess.Popen([sys.executable, str(path)], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while True:
        try:
            get(port, '/small')
            return server, port
        except OSError:
            if time.monotonic() > deadline or server.poll() is not None:
                raise
            time.sleep(0.05)


def streams(name: str, script: str, count: int, seconds: float) -> None:
    """Pages beside many streams, and how soon a publish is everywhere."""
    server, port = started(script)
    try:
        idle = latencies(port, seconds) if name != 'raw' else [1.0]
        listeners = subprocess.Popen([sys.executable, '-c', LISTENERS, str(port), str(count),
                                      str(seconds + 3), name], stdout=subprocess.PIPE, text=True)
        assert listeners.stdout is not None
        assert listeners.stdout.readline() == 'ready\n'
        get(port, '/publish')
        time.sleep(0.5)
        loaded = latencies(port, seconds) if name != 'raw' else [1.0]
        heard, *times = listeners.stdout.readline().split()
        listeners.wait()
        took = [float(each) for each in times] or [float('nan')]
        if name != 'raw':
            print(f'{name:10} p99 of a page: idle {p99(idle):.2f} ms, with {count} streams {p99(loaded):.2f} '
                  f'ms, ratio {p99(loaded) / p99(idle):.2f}; median ratio '
                  f'{statistics.median(loaded) / statistics.median(idle):.2f}')
        print(f'{name:10} a publish is with all of {count} after {statistics.median(took):.1f} ms (median), '
              f'{max(took):.1f} ms (the longest of {heard})')
    finally:
        server.kill()
        server.wait()


def job(seconds: float) -> None:
    """Pages beside a job, and the job beside a program that waits."""
    server, port = started(KALI)
    try:
        idle = latencies(port, seconds)
        first = worked(port)
        get(port, '/alone')
        second = worked(port)
        get(port, '/work')
        begun = worked(port)
        time.sleep(seconds)
        now = worked(port)
        loaded = latencies(port, seconds)
        print(f'kali       p99 of a page beside a job: {p99(loaded):.1f} ms (idle {p99(idle):.2f} ms)')
        # In time of the processor, for which others may compete on this machine.
        alone = (second[0] - first[0]) / (second[1] - first[1])
        print(f'kali       the job does {(now[0] - begun[0]) / (now[1] - begun[1]) / alone:.2f} of what its '
              'generator does alone')
    finally:
        server.kill()
        server.wait()


def worked(port: int) -> tuple[float, float]:
    """How much work is done, in how many seconds of the processor."""
    work, seconds = get(port, '/worked').split()
    return float(work), float(seconds)


def idle_cpu(seconds: float) -> None:
    """What a program costs in which nothing happens, with a coroutine and streams waiting."""
    server, port = started(KALI)
    try:
        get(port, '/coroutine')
        clients = [socket.create_connection(('127.0.0.1', port)) for _ in range(50)]
        for client in clients:
            client.sendall(b'GET /stream HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n' % port)
        before = worked(port)[1]
        time.sleep(seconds)
        share = (worked(port)[1] - before) / seconds
        print(f'kali       an idle program with 50 streams and a coroutine: {share:.2%} of a processor')
    finally:
        server.kill()
        server.wait()


def main(count: int, seconds: float) -> None:
    streams('raw', RAW, count, seconds)
    streams('kali', KALI, count, seconds)
    for name, script, modules in (('Starlette', STARLETTE, 'uvicorn sse_starlette starlette'),
                                  ('NiceGUI', NICEGUI, 'nicegui')):
        if all(find_spec(module) for module in modules.split()):
            streams(name, script, count, seconds)
        else:
            print(f'{name:10} is not installed ({modules})')
    job(seconds)
    idle_cpu(seconds)


if __name__ == '__main__':
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500, float(sys.argv[2]) if len(sys.argv) > 2 else 5.0)
