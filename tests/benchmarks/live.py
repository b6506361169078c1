"""Event streams and jobs: what they cost others, and how soon a publish is everywhere.

Run it with `python3 tests/benchmarks/live.py [STREAMS [SECONDS]]`. It prints ratios and times:

- the 99th percentile of a small page's latency with 500 event streams and 20 publishes a second, over the one
  of the same server when idle; and the time from `publish` to the last of the 500 streams that has it;
- the same page while a job works in the background, and how much of the time the job gets;
- the processor time of a server with an idle coroutine and idle streams.

The peer is Starlette's EventSourceResponse on uvicorn, if both and sse-starlette are installed.
"""

from __future__ import annotations

import socket
import statistics
import subprocess
import sys
import tempfile
import time
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
publishing = []
schedule.every(0.05, lambda: publishing and channel.publish('at %r' % time.monotonic()))
@app.get('/publish')
def publish():
    publishing.append(True)
    return 'on'
worked = 0
def work():
    global worked
    while True:
        for _ in range(1000):
            worked += 1
        yield Progress(worked)
@app.get('/work')
def start(request):
    return jobs.start(request, work())
@app.get('/worked')
def how_much():
    return str(worked)
@app.get('/cpu')
def cpu():
    return str(time.process_time())
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

# The clients of the streams: a process of their own, so that they do not share the interpreter with what
# measures the pages. Prints the milliseconds from each publish to the last stream that has it.
LISTENERS = '''
import selectors, socket, sys, time
port, count, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
selector = selectors.DefaultSelector()
for _ in range(count):
    client = socket.create_connection(('127.0.0.1', port))
    client.sendall(b'GET /stream HTTP/1.1\\r\\nHost: 127.0.0.1:%d\\r\\n\\r\\n' % port)
    client.recv(100)
    client.setblocking(False)
    selector.register(client, selectors.EVENT_READ)
print('ready', flush=True)
seen, until = {{}}, time.monotonic() + seconds
while (now := time.monotonic()) < until:
    for key, _ in selector.select(0.1):
        try:
            data = key.fileobj.recv(65536)
        except BlockingIOError:
            continue
        now = time.monotonic()
        for line in data.split(b'\\n'):
            if b'at ' in line:
                seen.setdefault(line.split(b'at ')[1].strip(), []).append(now)
whole = [(max(times) - float(said)) * 1000 for said, times in seen.items() if len(times) == count]
print(len(whole), *('%.3f' % each for each in whole))
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
        idle = latencies(port, seconds)
        listeners = subprocess.Popen([sys.executable, '-c', LISTENERS.replace('{{', '{').replace('}}', '}'),
                                      str(port), str(count), str(seconds + 3)], stdout=subprocess.PIPE,
                                     text=True)
        assert listeners.stdout is not None
        assert listeners.stdout.readline() == 'ready\n'
        get(port, '/publish')
        time.sleep(0.5)
        loaded = latencies(port, seconds)
        heard, *times = listeners.stdout.readline().split()
        listeners.wait()
        took = [float(each) for each in times] or [float('nan')]
        print(f'{name:10} p99 of a page: idle {p99(idle):.2f} ms, with {count} streams {p99(loaded):.2f} ms, '
              f'ratio {p99(loaded) / p99(idle):.2f}; median ratio '
              f'{statistics.median(loaded) / statistics.median(idle):.2f}')
        print(f'{name:10} a publish is with all of {count} after {statistics.median(took):.1f} ms (median), '
              f'{max(took):.1f} ms (the longest of {heard})')
    finally:
        server.kill()
        server.wait()


def job(seconds: float) -> None:
    """Pages beside a job, and the job beside pages."""
    server, port = started(KALI)
    try:
        idle = latencies(port, seconds)
        get(port, '/work')
        time.sleep(0.2)
        before, begun = int(get(port, '/worked')), time.monotonic()
        time.sleep(seconds)
        alone = (int(get(port, '/worked')) - before) / (time.monotonic() - begun)
        loaded = latencies(port, seconds)
        print(f'kali       p99 of a page beside a job: {p99(loaded):.1f} ms (idle {p99(idle):.2f} ms)')
        counted, until = 0, time.monotonic() + 1
        while time.monotonic() < until:
            for _ in range(1000):
                counted += 1
        print(f'kali       the job does {alone / counted:.2f} of what a bare loop does')
    finally:
        server.kill()
        server.wait()


def idle_cpu(seconds: float) -> None:
    """What a program costs in which nothing happens, with a coroutine and streams waiting."""
    server, port = started(KALI)
    try:
        get(port, '/coroutine')
        clients = [socket.create_connection(('127.0.0.1', port)) for _ in range(50)]
        for client in clients:
            client.sendall(b'GET /stream HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n' % port)
        before = float(get(port, '/cpu'))
        time.sleep(seconds)
        share = (float(get(port, '/cpu')) - before) / seconds
        print('kali       an idle program with 50 streams, a coroutine and 20 calls a second: '
              f'{share:.2%} of a processor')
    finally:
        server.kill()
        server.wait()


def main(count: int, seconds: float) -> None:
    streams('kali', KALI, count, seconds)
    try:
        import sse_starlette  # noqa: F401  # only whether it is there
        import uvicorn  # noqa: F401
        streams('Starlette', STARLETTE, count, seconds)
    except ImportError:
        print('Starlette  is not installed (starlette, sse-starlette, uvicorn)')
    job(seconds)
    idle_cpu(seconds)


if __name__ == '__main__':
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500, float(sys.argv[2]) if len(sys.argv) > 2 else 5.0)
