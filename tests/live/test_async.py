"""async handlers and async generators, over real sockets, in the test client, and under the guard."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kali import BadRequest, Limits, Response, Router
from kali.live import SSE, datastar_response, in_thread
from kali.server.dispatcher import Broken
from kali.sqlite import connect, guard, undo
from kali.testing import Client
from tests.server.conftest import rest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.server.conftest import Running

app = Router()
closed: list[str] = []
held = threading.Event()


@app.get('/sleep/*')
async def sleep(number: int, *, word: str = 'none') -> str:
    await asyncio.sleep(0.01)
    return f'{number} {word}'


@app.get('/stream')
async def stream() -> AsyncIterator[str]:
    for number in range(3):
        await asyncio.sleep(0.001)
        yield f'<p>{number}</p>'


@app.get('/hold')
async def hold() -> str:
    try:
        held.set()
        await asyncio.sleep(60)
    finally:
        closed.append('hold')
    return 'never'


@app.get('/wrong')
async def wrong() -> None:
    await asyncio.sleep(0)
    raise BadRequest('This is wrong.')


@app.get('/fails')
async def fails() -> None:
    await asyncio.sleep(0)
    raise ZeroDivisionError


@app.get('/redirect')
async def redirect() -> Response:
    return Response.redirect('/sleep/1')


@app.get('/thread')
async def thread() -> str:
    return await asyncio.to_thread(lambda: 'from a thread')


@app.get('/forever')
async def forever() -> str:
    while True:
        await asyncio.sleep(0)


@app.get('/events')
@datastar_response
async def events() -> Any:
    await asyncio.sleep(0)
    return SSE.patch_signals({'a': 1})


@app.get('/generated')
@datastar_response
async def generated() -> AsyncIterator[Any]:
    for number in range(2):
        await asyncio.sleep(0.001)
        yield SSE.patch_signals({'b': number})


@app.get('/several')
@datastar_response
async def several() -> Any:
    await asyncio.sleep(0)
    return (SSE.patch_signals({'c': number}) for number in range(2))


@app.get('/streamed')
async def streamed() -> Any:
    await asyncio.sleep(0)
    return Response.stream(['<p>', 'streamed', '</p>'], headers={'X-Kind': 'stream'})


@app.get('/future')
async def future() -> Any:
    return in_thread(int)


CASES = [
    ('/generated', 200, b'signals {"b":0}\n\nevent: datastar-patch-signals\ndata: signals {"b":1}\n\n'),
    ('/several', 200, b'signals {"c":0}\n\nevent: datastar-patch-signals\ndata: signals {"c":1}\n\n'),
    ('/streamed', 200, b'<p>streamed</p>'), ('/future', 500, b'not another future'),
    ('/sleep/7?word=x', 200, b'7 x'), ('/sleep/x', 404, b''), ('/stream', 200, b'<p>0</p><p>1</p><p>2</p>'),
    ('/wrong', 400, b'This is wrong.'), ('/fails', 500, b'ZeroDivisionError'), ('/redirect', 303, b''),
    ('/thread', 200, b'from a thread'), ('/events', 200, b'signals {"a":1}'),
]


@pytest.mark.parametrize('target, status, words', CASES)
def test_over_sockets(target: str, status: int, words: bytes, running: Callable[..., Running]) -> None:
    got, _, body = running(app).get(target)
    assert got == status and words in body


@pytest.mark.parametrize('target, status, words', CASES)
def test_in_the_client(target: str, status: int, words: bytes) -> None:
    with Client(app) as client:
        reply = client.get(target)
    assert reply.status == status and words in reply.body


@pytest.mark.parametrize('target', ['/events', '/generated', '/several'])
def test_events_have_their_type(target: str) -> None:
    with Client(app) as client:
        assert client.get(target).headers['content-type'] == 'text/event-stream'
        assert client.get('/streamed').headers['x-kind'] == 'stream'


def test_without_a_host_it_is_said() -> None:
    assert 'with Client(app)' in Client(app).get('/sleep/1').text


def test_others_are_served_meanwhile_and_a_client_that_goes_cancels(running: Callable[..., Running]) -> None:
    server = running(app, limits=Limits(stall_seconds=0.05))  # a client that sends no more may yet wait
    held.clear()
    with server.connect(b'GET /hold HTTP/1.1\r\nHost: localhost\r\n\r\n'):
        assert held.wait(10)
        with server.connect(b'GET /forever HTTP/1.1\r\nHost: localhost\r\n\r\n'):
            assert server.get('/sleep/1')[0] == 200
        closed.clear()
    server.until(lambda: closed == ['hold'])


def test_the_end_of_the_server_cancels(running: Callable[..., Running]) -> None:
    server = running(app)
    held.clear()
    closed.clear()
    with server.connect(b'GET /hold HTTP/1.1\r\nHost: localhost\r\n\r\n') as client:
        assert held.wait(10)
        server.server.stop()
        assert b' 503 ' in rest(client)
    server.end()
    assert closed == ['hold']


def test_each_part_is_a_transaction(tmp_path: Path) -> None:
    db = connect(tmp_path / 'db.sqlite')
    db.execute('CREATE TABLE note (text)')
    routes = Router()

    @routes.post('/add/*')
    async def add(status: int) -> Response:
        db.execute("INSERT INTO note VALUES ('first')")
        await asyncio.sleep(0.001)
        assert not db.in_transaction or db.execute('SELECT count(*) FROM note').fetchone()[0] == 1
        db.execute("INSERT INTO note VALUES ('second')")
        return Response('done', status=status)
    with Client(guard(routes, db)) as client:
        assert client.post('/add/200').status == 200
        assert [row[0] for row in db.execute('SELECT * FROM note')] == ['first', 'second']
        db.execute('DELETE FROM note')
        assert client.post('/add/409').status == 409
        assert [row[0] for row in db.execute('SELECT * FROM note')] == ['first'], 'the last part was refused'
    db.close()


@pytest.mark.parametrize('wrap', ['guard', 'undo'])
def test_a_stream_that_follows_is_guarded_too(wrap: str, tmp_path: Path) -> None:
    """Each piece is a transaction, also of a stream that an async handler gives."""
    db = connect(tmp_path / 'db.sqlite')
    db.execute('CREATE TABLE note (note INTEGER PRIMARY KEY, text)')
    routes = Router()

    def pieces() -> Iterator[str]:
        for number in range(3):
            db.execute('INSERT INTO note (text) VALUES (?)', [number])
            assert db.in_transaction
            if number == 2:
                raise ZeroDivisionError
            yield f'{number} '

    @routes.post('/add')
    async def add() -> Any:
        db.execute("INSERT INTO note (text) VALUES ('first')")
        await asyncio.sleep(0.001)
        return Response.stream(pieces())
    app = guard(routes if wrap == 'guard' else undo(db).wrap(routes), db)
    with Client(app) as client, pytest.raises(Broken):
        client.post('/add')
    assert [row[0] for row in db.execute('SELECT text FROM note')] == ['first', 0, 1]
    assert not db.in_transaction
    db.close()
