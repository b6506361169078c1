"""One kali application with a page of each kind, and what it is under WSGI and ASGI."""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kali import FileUpload, Request, Response, Router
from kali.interop import to_asgi, to_wsgi
from kali.live import Channel, Jobs, Progress, in_thread
from kali.sqlite import connect, guard

if TYPE_CHECKING:
    from collections.abc import Iterator

HOSTS = ('office.example',)
notes = connect(os.environ.get('HOUSE', ':memory:'))
notes.execute('CREATE TABLE IF NOT EXISTS note (id INTEGER PRIMARY KEY, text TEXT NOT NULL)')

house = Router()
jobs = Jobs()
channel = Channel(keep_alive=0.2)
house.delegate_folder('/jobs/', jobs)
log: list[str] = []
running = threading.Lock()


class Lived:
    """Says when its lifespan is entered and left."""

    def __init__(self) -> None:
        self.lifespan = (self._running,)

    @contextmanager
    def _running(self, host: Any) -> Iterator[None]:
        log.append('in')
        yield
        Path('left').write_text('out', encoding='utf-8')

    def __call__(self, request: Request) -> str:
        return ' '.join(log)


house.delegate_folder('/lived/', Lived())


@house.get('/hello')
def hello(request: Request) -> str:
    assert running.acquire(blocking=False), 'two handlers at a time'
    try:
        return f'Hello {request.query.get("name", "you")}'
    finally:
        running.release()


@house.get('/thread')
def thread() -> str:
    return f'{os.getpid()} {threading.get_ident()}'


def echo(request: Request) -> Any:
    return Response.json({
        'method': request.method, 'path': request.path, 'query': list(request.query.items()),
        'form': list(request.form.items()), 'length': len(request.body),
        'type': request.headers.get('content-type'), 'words': request.headers.get('x-words')})


house.delegate('/echo', echo)


@house.function('/path/*')
def path(request: Request, name: str) -> Any:
    return Response.json([name, request.path])


@house.post('/upload')
def upload(request: Request) -> Any:
    file = request.files['file']
    assert isinstance(file, FileUpload)
    return f'{file.filename} {file.size} {sum(file.open().read()) % 65536}'


@house.get('/stream')
def stream(request: Request) -> Any:
    return Response.stream((b'x' * 10000 for _ in range(100)), headers={'Content-Type': 'text/plain'})


closed: list[str] = []


@house.get('/endless')
def endless(request: Request) -> Any:
    def pieces() -> Iterator[bytes]:
        try:
            while True:
                yield b'x' * 10000
        finally:
            closed.append('endless')
    return Response.stream(pieces())


@house.get('/closed')
def which_closed() -> str:
    return ' '.join(closed)


@house.get('/half')
def half(request: Request) -> Any:
    def pieces() -> Iterator[bytes]:
        yield b'the first half'
        raise OSError('the disk is gone')
    return Response.stream(pieces())


@house.get('/fails')
def fails() -> None:
    raise LookupError('a secret that is not shown')


@house.get('/later')
def later() -> Future[str]:
    return in_thread(lambda: 'It took a thread')


@house.get('/soon')
async def soon() -> str:
    import asyncio
    await asyncio.sleep(0.01)
    return f'It took a loop: {type(asyncio.get_running_loop()).__module__}'


@house.get('/drops')
async def drops() -> Any:
    import asyncio
    for drop in ('drip', 'drop'):
        yield drop
        await asyncio.sleep(0.001)


@house.get('/events')
def events(request: Request) -> Any:
    return channel.stream(request)


@house.post('/say')
def say(request: Request) -> None:
    channel.publish(request.form['text'])


@house.post('/count')
def count(request: Request) -> Response:
    def work() -> Iterator[Any]:
        for number in range(50):
            yield Progress(number, 50, 'Counting')
        log.append('counted')
    return jobs.start(request, work(), title='Count')


@house.function('/nothing')
def nothing() -> Response:
    return Response(None, status=204)


@house.function('/away')
def away() -> Response:
    return Response.redirect('/hello')


@house.function('/odd')
def odd() -> Response:
    return Response('short', headers={'Content-Length': '5000', 'Connection': 'close', 'X-Odd': 'yes'})


@house.post('/note')
def note(request: Request) -> str:
    notes.execute('INSERT INTO note (text) VALUES (?)', [request.form['text']])
    if request.form['text'] == 'bad':
        raise ValueError('not this one')
    return 'Saved'


@house.get('/notes')
def all_notes() -> str:
    return ','.join(text for text, in notes.execute('SELECT text FROM note ORDER BY id'))


app = guard(house, notes)
wsgi = to_wsgi(app, hosts=HOSTS)
asgi = to_asgi(app, hosts=HOSTS)
