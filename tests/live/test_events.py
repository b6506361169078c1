"""Event streams and channels over real sockets."""

from __future__ import annotations

import re
import socket
import threading
import time
from concurrent.futures import Future
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from kali import Request, Response, Router
from kali.http.consequences import OPEN
from kali.http.deferred import Deferred, Signal, Wait
from kali.live import SSE, Channel, Event, EventStream, datastar_response, pause, read_signals
from kali.testing import Client
from tests.server.conftest import parsed, rest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.server.conftest import Running


def listener(server: Running, target: str = '/', head: str = '', receive_buffer: int = 0) -> socket.socket:
    """A client that listens to the stream at `target`, its head read."""
    asked = f'GET {target} HTTP/1.1\r\nHost: localhost\r\n{head}\r\n'
    client = server.connect(asked.encode(), receive_buffer)
    data = b''
    while b'\r\n\r\n' not in data:
        data += client.recv(1)
    assert data.startswith(b'HTTP/1.0 200 OK') and b'text/event-stream' in data
    return client


def event(client: socket.socket) -> str:
    """The next event, or comment, on a stream."""
    data = b''
    while not data.endswith(b'\n\n'):
        piece = client.recv(1)
        assert piece, f'the stream ended after {data!r}'
        data += piece
    return data.decode()


def channel_app(channel: Channel) -> Callable[[Request], Any]:
    return lambda request: channel.stream(request) if request.target.startswith('/') else None


def test_everybody_hears_and_a_closed_page_is_forgotten(running: Callable[..., Running]) -> None:
    channel = Channel()
    app = Router()
    app.get('/stream')(lambda request: channel.stream(request))

    @app.post('/say')
    def say(word: str) -> str:
        channel.publish(word)
        return 'said'
    server = running(app)

    def publish(word: str) -> None:
        body = f'word={word}'.encode()
        head = ('POST /say HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n'
                f'Content-Length: {len(body)}\r\n\r\n')
        assert b'said' in server.ask(head.encode() + body)
    with ExitStack() as stack:
        clients = [stack.enter_context(listener(server, '/stream')) for _ in range(10)]
        assert {event(client) for client in clients} == {'retry: 1000\n\n'}
        server.until(lambda: len(channel) == 10)
        publish('hello')
        publish('again')
        for client in clients:
            assert 'data: hello\n' in event(client)
            assert 'data: again\n' in event(client)
        clients[0].close()
        server.until(lambda: len(channel) == 9)
        publish('more')
        assert 'data: more\n' in event(clients[1])
    server.until(lambda: len(channel) == 0)
    assert len(channel._news) == 0, 'nobody is subscribed any more'


def test_a_request_goes_first_while_many_are_told(running: Callable[..., Running]) -> None:
    """The loop looks at its sockets between two slices of those that hear of an event."""
    signal, order, count = Signal(), [], 100
    asked: list[socket.socket] = []

    def slow(number: int) -> bytes:
        if not order:  # somebody asks while the first of them is told
            asked.append(stack.enter_context(server.connect(b'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')))
        until = time.monotonic() + 0.002
        while time.monotonic() < until:
            pass
        order.append(number)
        return b'' if len(order) > count else b': heard\n\n'

    def stream(number: int) -> EventStream:
        def source() -> Iterator[Wait]:
            yield Wait(signal=signal, news=lambda: slow(number))
            yield Wait(signal=signal)
        return EventStream(source())
    numbers = iter(range(count))
    server = running(lambda request: len(order) if request.target == '/' else stream(next(numbers)))
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(listener(server, '/stream'))
        server.until(lambda: len(signal) == count)
        server.server.at(0, signal.set)
        server.server.wake()
        server.until(lambda: asked)
        assert int(parsed(rest(asked[0]))[2]) < count
        server.until(lambda: len(order) == count)
    assert sorted(order) == list(range(count)), 'and each has heard of it, once'


def test_a_thread_may_publish_whatever_is_being_saved(running: Callable[..., Running]) -> None:
    """What another thread publishes does not wait for a transaction that it has nothing to do with."""
    channel = Channel(history=2000)

    def publish(name: str) -> None:
        for number in range(300):
            channel.publish(f'{name}{number}')

    class Open:
        thread = threading.get_ident()

        def after_commit(self, function: Callable[[], object]) -> None:
            raise AssertionError('this is not the thread that saves')
    server = running(lambda request: channel.stream(request))
    with ExitStack() as stack:
        clients = [stack.enter_context(listener(server)) for _ in range(3)]
        server.until(lambda: len(channel._news) == 3)
        OPEN.append(Open())
        try:
            threads = [threading.Thread(target=publish, args=(name,)) for name in 'abcd']
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            OPEN.pop()
        for client in clients:
            heard = b''
            while heard.count(b'data: ') < 1200:
                heard += client.recv(65536)
            numbers = [int(each) for each in re.findall(rb'id: .*-(\d+)\n', heard)]
            assert numbers == list(range(1, 1201)), 'each event once, in one order'


def first(channel: Channel, last_event_id: str) -> list[str]:
    """What a page gets that comes back, up to where it would wait."""
    stream = channel.stream(Request('GET', '/', {'Last-Event-ID': last_event_id}))
    pieces = []
    while isinstance(piece := stream.step(), bytes):
        pieces.append(piece.decode())
    stream.close()
    return ''.join(pieces[1:]).split('\n\n')[:-1]  # without retry


@pytest.mark.parametrize('published, seen, words', [
    (3, 3, []), (3, 2, ['3']), (3, 1, ['2', '3']), (3, 0, ['1', '2', '3']), (4, 1, ['2', '3', '4']),
    (4, 0, 'reload'), (50, 3, 'reload'), (3, 4, 'reload'), (3, -1, 'reload'),
])
def test_a_page_that_comes_back(published: int, seen: int, words: list[str] | str) -> None:
    channel = Channel(history=3)
    for number in range(published):
        channel.publish(str(number + 1))
    got = first(channel, f'{channel._life}-{seen}')
    if words == 'reload':
        assert len(got) == 1 and 'window.location.reload()' in got[0]
    else:
        assert [each.partition('data: ')[2] for each in got] == words
        assert all(each.startswith('id: ') for each in got)


@pytest.mark.parametrize('seen', ['nonsense', 'x-1', '-1', '0', '9' * 40, '²', '\u00e9-1', 'a-b'])
def test_a_page_of_an_earlier_run_is_reloaded(seen: str) -> None:
    channel = Channel()
    channel.publish('x')
    (got,) = first(channel, seen)
    assert 'window.location.reload()' in got and f'id: {channel.last_id}' in got


def test_the_id_of_an_event_is_the_channels() -> None:
    channel = Channel()
    channel.publish(Event('x', id='mine'))
    assert first(channel, f'{channel._life}-0') == [f'id: {channel._life}-1\ndata: x']


def test_nobody_hears_what_cannot_be_sent() -> None:
    channel = Channel()
    with pytest.raises(ValueError):
        channel.publish(Event('x', event='a\nb'))
    with pytest.raises(TypeError):
        channel.publish(7)  # type: ignore[arg-type]
    assert channel.last_id.endswith('-0')


def test_a_page_that_never_reads_is_dropped_at_the_bound(running: Callable[..., Running]) -> None:
    channel = Channel(backlog=50)
    server = running(lambda request: channel.stream(request), send_buffer=4096)
    with listener(server, receive_buffer=4096) as slow, listener(server) as good:
        assert event(good) == 'retry: 1000\n\n'
        server.until(lambda: len(channel) == 2)
        for _ in range(200):
            server.server.at(0, lambda: channel.publish('x' * 20_000))
            server.server.wake()
            assert 'data: xxx' in event(good)
        assert sum(len(piece) for piece in channel._kept) < 50 * 21_000
        slow.settimeout(0.2)
        got = rest_until_idle(slow)
        server.until(lambda: len(channel) == 1)
        assert len(got) < 200 * 20_000


def test_more_than_the_bound_at_once_ends_the_stream(running: Callable[..., Running]) -> None:
    """Its page comes back and is loaded anew; events are never lost without that."""
    channel = Channel(backlog=50)
    server = running(lambda request: channel.stream(request))
    with listener(server) as client:
        assert event(client) == 'retry: 1000\n\n'
        server.until(lambda: len(channel._news) == 1)
        before = channel.last_id
        server.server.at(0, lambda: [channel.publish(f'{number}') for number in range(51)])
        server.server.wake()
        assert rest(client) == b''
    with listener(server, head=f'Last-Event-ID: {before}\r\n') as client:
        assert event(client) == 'retry: 1000\n\n'
        assert 'location.reload()' in event(client)


def rest_until_idle(client: socket.socket) -> bytes:
    data = b''
    try:
        while piece := client.recv(65536):
            data += piece
    except TimeoutError:
        pass
    except ConnectionResetError:
        data += b'RESET'
    return data


@pytest.mark.parametrize('make', [
    lambda: Channel(history=-1), lambda: Channel(keep_alive=0), lambda: Channel(backlog=0),
    lambda: EventStream([], keep_alive=0), lambda: EventStream([], keep_alive=-1),
    lambda: EventStream([], keep_alive=float('nan')), lambda: EventStream(aiter_of_nothing()),
    lambda: pause(float('nan')),
])
def test_mistakes_are_named(make: Callable[[], Any]) -> None:
    with pytest.raises((ValueError, TypeError), match=r'above 0|takes a generator|how many seconds'):
        make()


class aiter_of_nothing:
    def __aiter__(self) -> None:
        raise NotImplementedError


@pytest.mark.parametrize('when', [float('nan'), 'soon', None])
def test_a_time_that_is_none_holds_up_nobody(when: Any, running: Callable[..., Running]) -> None:
    def never(request: Request) -> Any:
        return Deferred(lambda: Wait(until=when, future=Future()), Response())
    server = running(never)
    if when is not None:  # which is no time at all
        with server.connect(b'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n') as client, \
                pytest.raises(ConnectionResetError):
            rest(client)
    seen: list[bool] = []
    server.server.at(time.monotonic() + 0.01, lambda: seen.append(True))
    server.server.wake()
    server.until(lambda: seen)


def test_a_silent_stream_says_that_it_lives(running: Callable[..., Running]) -> None:
    channel = Channel(keep_alive=0.02)
    server = running(lambda request: channel.stream(request))
    with listener(server) as client:
        assert event(client) == 'retry: 1000\n\n'
        assert [event(client) for _ in range(2)] == [': still here\n\n'] * 2


def test_a_generator_of_events_is_closed_with_its_page(running: Callable[..., Running]) -> None:
    closed = threading.Event()

    def clock() -> Iterator[Event | Wait]:
        try:
            while True:
                yield SSE.patch_signals({'time': 1})
                yield pause(0.01)
        finally:
            closed.set()
    server = running(lambda request: EventStream(clock()))
    with listener(server) as client:
        for _ in range(3):
            assert event(client) == 'event: datastar-patch-signals\ndata: signals {"time":1}\n\n'
    assert closed.wait(10)


def test_a_stream_ends_with_the_server(running: Callable[..., Running]) -> None:
    channel = Channel()
    server = running(lambda request: channel.stream(request))
    with listener(server) as client:
        event(client)
        server.end()
        with pytest.raises((ConnectionResetError, AssertionError)):
            event(client)
    assert len(channel) == 0


@pytest.mark.wine('reset')
@pytest.mark.parametrize('nonsense', [7, None, ['fine']])
def test_nonsense_in_a_stream_breaks_it(nonsense: Any, running: Callable[..., Running]) -> None:
    server = running(lambda request: EventStream([Event('fine'), nonsense, Event('lost')]))
    with listener(server) as client:
        assert event(client) == 'data: fine\n\n'
        with pytest.raises(ConnectionResetError):
            rest(client)


@pytest.mark.parametrize('answer, status, body', [
    (None, 204, ''),
    (SSE.patch_elements('<b/>'), 200, 'event: datastar-patch-elements\ndata: elements <b/>\n\n'),
    ([Event('a'), Event('b')], 200, 'data: a\n\ndata: b\n\n'), ([], 200, ''),
    (iter([Event('a')]), 200, 'data: a\n\n'),
])
def test_datastar_response(answer: Any, status: int, body: str) -> None:
    app = Router()

    @app.get('/x/*')
    @datastar_response
    def handler(number: int, *, word: str = '') -> Any:
        return answer
    client = Client(app)
    reply = client.get('/x/7?word=a')
    assert (reply.status, reply.text) == (status, body)
    assert client.get('/x/seven').status == 404
    if status == 200:
        assert reply.headers['content-type'] == 'text/event-stream'


@pytest.mark.parametrize('answer', [7, 'text', {'a': 1}])
def test_datastar_response_to_nonsense(answer: Any) -> None:
    assert Client(datastar_response(lambda request: answer)).get('/').status == 500


JSON = {'Content-Type': 'application/json'}


@pytest.mark.parametrize('request_, signals', [
    (Request('GET', '/'), {}), (Request('GET', '/?datastar={"a":1}'), {'a': 1}),
    (Request('DELETE', '/?datastar=%7B%22a%22:null%7D'), {'a': None}), (Request('POST', '/'), {}),
    (Request('POST', '/', JSON, b'{"a": [1]}'), {'a': [1]}), (Request('PUT', '/', JSON, b'{}'), {}),
    (Request('PATCH', '/', JSON, b''), {}), (Request('POST', '/', form={'a': '1'}), {}),
])
def test_read_signals(request_: Request, signals: dict[str, Any]) -> None:
    assert read_signals(request_) == signals


@pytest.mark.parametrize('method, target, body', [
    ('GET', '/?datastar={', b''), ('GET', '/?datastar=[1]', b''), ('DELETE', '/?datastar=7', b''),
    ('GET', '/?datastar="%5Cud800"', b''), ('GET', '/?datastar=' + '[' * 3000, b''), ('POST', '/', b'{"a"'),
    ('POST', '/', b'\xff'), ('POST', '/', b'[]'), ('POST', '/', b'"\\ud800"'),
])
def test_bad_signals(method: str, target: str, body: bytes) -> None:
    request = Request(method, target, JSON if body else {}, body)
    with pytest.raises(Exception) as caught:
        read_signals(request)
    assert getattr(caught.value, 'status', 500) == 400
