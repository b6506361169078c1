"""from_asgi: what an ASGI application is given, what becomes of what it sends, and which rule it broke."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import TYPE_CHECKING, Any

import pytest

from kali import Router
from kali.interop import from_asgi
from kali.testing import Client

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.server.conftest import Running

START = {'type': 'http.response.start', 'status': 200, 'headers': []}
BODY = {'type': 'http.response.body', 'body': b'body'}


def routed(app: Any) -> Router:
    """A Router that has `app` at /shop/ and something else beside it."""
    router = Router()
    router.delegate_folder('/shop/', from_asgi(app))
    router.get('/beside')(lambda: 'beside')
    return router


async def showing(scope: Any, receive: Any, send: Any) -> None:
    """Answers with its scope, and what it receives, as JSON."""
    if scope['type'] != 'http':
        raise NotImplementedError
    body, events, more = b'', 0, True
    while more:
        event = await receive()
        body, events, more = body + event['body'], events + 1, event['more_body']
    shown = {name: value.decode('latin-1') if isinstance(value, bytes) else value
             for name, value in scope.items()}
    shown['headers'] = [[name.decode(), value.decode()] for name, value in scope['headers']]
    shown['length'], shown['events'] = len(body), events
    await send(START)
    await send({'type': 'http.response.body', 'body': json.dumps(shown).encode()})


def seen(target: str, method: str = 'GET', **named: Any) -> Any:
    """What the application `showing` was given."""
    with Client(routed(showing)) as client:
        return client.request(method, target, **named).json


@pytest.mark.parametrize('target, path, raw', [
    ('/shop/', '/shop/', '/shop/'),
    ('/shop/cart', '/shop/cart', '/shop/cart'),
    ('/shop/a%2Fb', '/shop/a/b', '/shop/a%2Fb'),
    ('/shop/caf%C3%A9', '/shop/café', '/shop/caf%C3%A9'),
])
def test_where_it_is_mounted(target: str, path: str, raw: str) -> None:
    scope = seen(target + '?q=%C3%A9')
    assert (scope['path'], scope['raw_path'], scope['root_path']) == (path, raw, '/shop')
    assert scope['query_string'] == 'q=%C3%A9'
    assert scope['server'] == ['localhost', 8080]
    assert (scope['method'], scope['scheme']) == ('GET', 'http')


@pytest.mark.parametrize('size', [0, 1, 65535, 65536, 65537, 3_000_000])
def test_the_body_is_there_to_receive(size: int) -> None:
    scope = seen('/shop/', 'POST', body=b'x' * size, headers={'X-Words': 'one'})
    assert scope['length'] == size
    assert scope['events'] == size // 65536 + 1
    assert ['x-words', 'one'] in scope['headers']


def sending(*messages: Any) -> Any:
    """An application that sends these messages."""
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope['type'] == 'lifespan':
            raise NotImplementedError
        for message in messages:
            await send(message)
    return app


def headed(*headers: Any, status: Any = 200) -> Any:
    return {'type': 'http.response.start', 'status': status, 'headers': headers}


def test_status_headers_and_cookies_come_back() -> None:
    headers = [(b'content-type', b'text/plain'), (b'set-cookie', b'a=1'), (b'set-cookie', b'b=2'),
               (b'connection', b'close'), (b'transfer-encoding', b'chunked')]
    with Client(routed(sending(headed(*headers, status=418), BODY))) as client:
        reply = client.get('/shop/')
    assert (reply.status, reply.text, reply.headers['content-type']) == (418, 'body', 'text/plain')
    assert reply.headers.get_list('set-cookie') == ['a=1', 'b=2']
    assert reply.headers['content-length'] == '4'
    assert 'transfer-encoding' not in reply.headers


@pytest.mark.parametrize('messages, text', [
    ([START, BODY], 'body'),
    ([START, {'type': 'http.response.body'}], ''),
    ([START, {**BODY, 'more_body': True}, {**BODY, 'more_body': True}, BODY], 'bodybodybody'),
    ([START, *[{'type': 'http.response.body', 'body': b'x' * 40000, 'more_body': True}] * 20, BODY],
     'x' * 800000 + 'body'),
    ([headed((b'content-length', b'8')), {**BODY, 'more_body': True}, BODY], 'bodybody'),
])
@pytest.mark.parametrize('method', ['GET', 'HEAD'])
def test_bodies_whole_and_in_pieces(messages: list[Any], text: str, method: str) -> None:
    with Client(routed(sending(*messages))) as client:
        reply = client.request(method, '/shop/')
        assert reply.text == (text if method == 'GET' else '')
        assert client.get('/beside').text == 'beside'


@pytest.mark.parametrize('messages, words', [
    ([], 'returned without a response'),
    ([START], 'before it sent the whole response'),
    ([BODY], "&#39;http.response.body&#39; was sent before"),
    ([START, START], 'was sent a second time'),
    ([START, {'type': 'http.response.body', 'body': 'text'}], 'it must be bytes'),
    ([headed(status='200')], 'must be an int'),
    ([headed(status=101)], 'from 200 to 599'),
    ([headed(('a', 'b')), BODY], 'is not made of bytes'),
    ([headed(b'ab:c'), BODY], 'no pair'),
    ([headed((b'a', b'b\r\nc: d')), BODY], 'control character'),
    ([headed((b'content-length', b'9')), BODY], 'Content-Length is 9, but 4 bytes'),
    ([headed((b'content-length', b'2')), BODY], 'Content-Length is 2, but 4 bytes'),
    ([{'type': 'http.response.push'}], 'is no message of an HTTP response'),
    ([{'kind': 'nonsense'}], 'has no type'),
    (['nonsense'], 'has no type'),
])
def test_which_rule_was_broken(messages: list[Any], words: str) -> None:
    with Client(routed(sending(*messages))) as client:
        reply = client.get('/shop/')
        assert reply.status == 500
        assert words in reply.text.replace('&#x27;', '&#39;')
        assert client.get('/beside').text == 'beside'


def test_an_error_is_a_page_with_its_cause() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0)
        raise LookupError(f'lost in {scope["type"]}')
    with Client(routed(app)) as client:
        assert 'lost in http' in client.get('/shop/').text


class Lived:
    """An application with a lifespan, that writes down what happens to it."""

    def __init__(self, fails: str = '') -> None:
        self.log: list[str] = []
        self.fails = fails

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope['type'] == 'lifespan':
            await self.live(scope, receive, send)
            return
        self.log.append(scope['state']['word'])
        await send(START)
        await send(BODY)
        await asyncio.sleep(0.02)
        self.log.append('background')

    async def live(self, scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())['type'] == 'lifespan.startup'
        await asyncio.sleep(0.02)
        if self.fails:
            await send({'type': 'lifespan.startup.failed', 'message': self.fails})
            return
        scope['state']['word'] = 'hello'
        self.log.append('startup')
        await send({'type': 'lifespan.startup.complete'})
        assert (await receive())['type'] == 'lifespan.shutdown'
        await asyncio.sleep(0.02)
        self.log.append('shutdown')
        await send({'type': 'lifespan.shutdown.complete'})


def test_lifespan_state_and_work_in_the_background() -> None:
    app = Lived()
    router = routed(app)
    for _ in range(2):  # a handler may be served again
        app.log = []
        with Client(router) as client:
            assert client.get('/shop/').text == 'body'
            assert 'background' not in app.log
        assert app.log == ['startup', 'hello', 'background', 'shutdown']


def test_a_start_that_fails_is_a_readable_page() -> None:
    with Client(routed(Lived('the printer is on fire'))) as client:
        for _ in range(2):
            reply = client.get('/shop/')
            assert reply.status == 500
            assert 'could not start: the printer is on fire' in reply.text
        assert client.get('/beside').text == 'beside'


def test_without_a_host_there_is_a_sentence() -> None:
    assert 'with Client(app) as client' in Client(routed(showing)).get('/shop/').text


def test_a_websocket_is_refused_with_a_sentence() -> None:
    with Client(routed(showing)) as client:
        reply = client.get('/shop/', headers={'Upgrade': 'websocket', 'Connection': 'Upgrade'})
    assert reply.status == 501
    assert 'event stream' in reply.text


def test_what_is_no_application() -> None:
    with pytest.raises(TypeError, match='no ASGI application'):
        from_asgi('app')  # type: ignore[arg-type]


SCRIPT = '''
    import asyncio
    from kali import Router, serve_http
    from kali.interop import from_asgi
    log = []
    START = {'type': 'http.response.start', 'status': 200, 'headers': []}

    async def lifespan(receive, send):
        await receive()
        await send({'type': 'lifespan.startup.complete'})
        await receive()
        await asyncio.sleep(0.05)
        print('shut down', flush=True)
        await send({'type': 'lifespan.shutdown.complete'})

    async def app(scope, receive, send):
        if scope['type'] == 'lifespan':
            return await lifespan(receive, send)
        path = scope['path'].removeprefix(scope['root_path'])
        if path == '/waits':
            await send(START)
            await send({'type': 'http.response.body', 'body': b'begun', 'more_body': True})
            await receive()
            log.append((await receive())['type'])
            try:
                await send({'type': 'http.response.body', 'body': b'more', 'more_body': True})
            except OSError as error:
                log.append('OSError')
        elif path == '/endless':
            await send(START)
            try:
                while True:
                    await send({'type': 'http.response.body', 'body': b'x' * 65536, 'more_body': True})
                    log.append('sent')
            except OSError:
                log.append('OSError')
        elif path == '/breaks':
            await send(START)
            await send({'type': 'http.response.body', 'body': b'begun', 'more_body': True})
            raise LookupError('lost')
        elif path == '/background':
            await send(START)
            await send({'type': 'http.response.body', 'body': b'body'})
            await asyncio.sleep(0.3)
            print('done in the background', flush=True)

    router = Router()
    router.delegate_folder('/shop/', from_asgi(app))
    router.get('/log')(lambda: ' '.join(log))
    serve_http(router)
    '''


def ask(port: int, target: str) -> socket.socket:
    client = socket.create_connection(('127.0.0.1', port), 10)
    client.sendall(f'GET {target} HTTP/1.0\r\nHost: localhost:{port}\r\n\r\n'.encode())
    return client


def test_under_the_server(serve: Any, eventually: Any) -> None:
    served = serve(SCRIPT, tracebacks=True)
    with ask(served.port, '/shop/waits') as client:
        data = b''
        while b'begun' not in data:
            data += client.recv(1000)
    with ask(served.port, '/shop/endless') as client:
        assert client.recv(1000)
        eventually(lambda: 'sent' in served.get('/log').text)
        sent = served.get('/log').text.count('sent')
        assert served.get('/log').text.count('sent') <= sent + 200, 'it is not held back'
    eventually(lambda: 'OSError' in served.get('/log').text)
    with pytest.raises(ConnectionResetError), ask(served.port, '/shop/breaks') as client:
        while client.recv(1000):
            pass
    assert served.get('/shop/background').text == 'body'
    served.end()
    assert 'done in the background\nshut down' in served.output()


def test_a_disconnect_arrives(serve: Any, eventually: Any) -> None:
    served = serve(SCRIPT.replace("await receive()\n            log.append", "log.append"))
    with ask(served.port, '/shop/endless') as client:
        assert client.recv(1000)
    eventually(lambda: 'OSError' in served.get('/log').text)


def test_a_client_may_leave_with_what_was_announced(running: Callable[..., Running]) -> None:
    """The application ends its response afterwards, and what it does in the background is done."""
    done = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope['type'] == 'lifespan':
            raise NotImplementedError
        await receive()
        await send(headed((b'content-length', b'4')))
        await send({**BODY, 'more_body': True})
        done.append((await receive())['type'])
        await send({'type': 'http.response.body'})
        done.append('in the background')
    server = running(from_asgi(app))
    with server.connect(b'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n') as client:
        data = b''
        while not data.endswith(b'\r\n\r\nbody'):
            data += client.recv(1000)
    server.until(lambda: done == ['http.disconnect', 'in the background'])


@pytest.mark.parametrize('method', ['GET', 'HEAD'])
def test_what_is_streamed_is_a_stream_however_fast_it_comes(method: str) -> None:
    with Client(routed(sending(START, {**BODY, 'more_body': True}, BODY))) as client:
        assert 'content-length' not in client.request(method, '/shop/').headers


def test_the_head_of_an_endless_stream_does_not_wait_for_its_end() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope['type'] == 'lifespan':
            raise NotImplementedError
        await send(START)
        while True:
            await asyncio.sleep(0)
            await send({**BODY, 'more_body': True})
    with Client(routed(app)) as client:
        assert client.head('/shop/').status == 200


def test_after_its_response_an_application_receives_the_disconnect_at_once() -> None:
    received = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope['type'] == 'lifespan':
            raise NotImplementedError
        await send(START)
        await send(BODY)
        await receive()
        reader = receive()  # awaited without a loop that could run something else meanwhile
        try:
            reader.send(None)
        except StopIteration as end:
            received.append(end.value['type'])
    with Client(routed(app)) as client:
        client.get('/shop/')
    assert received == ['http.disconnect']
