"""Client: the whole path in memory, from bytes to bytes."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from kali.http.deferred import Deferred, Signal, Wait
from kali.http.limits import Limits
from kali.http.request import FileUpload, Request
from kali.http.response import Response
from kali.routing.router import Router
from kali.server.gate import Gate
from kali.testing import Client

if TYPE_CHECKING:
    from collections.abc import Iterator


def echo(request: Request) -> Response:
    return Response.json({'method': request.method, 'target': request.target,
                          'form': list(request.form.items()), 'files': [
        [name, *each[:2], each.content.decode('latin-1')] for name, each in request.files.items()],
        'type': request.headers.get('content-type'), 'body': request.body.decode('latin-1')})


def test_forms_files_json_and_bytes() -> None:
    client = Client(echo)
    assert client.post('/?q=1', form={'a': 'ä b', 'tag': ['1', '2']}).json['form'] == [['a', 'ä b'],
                                                                                       ['tag', '1'],
                                                                                       ['tag', '2']]
    reply = client.post('/', form={'a': 'x\r\ny', 'n': 7},
                        files={'f"1': FileUpload('ü".txt', 'text/plain', b'\0\r\n'),
                                                                 'g': ('g.bin', '', b'')})
    assert reply.json['form'] == [['a', 'x\r\ny'], ['n', '7']]
    assert reply.json['files'] == [['f"1', 'ü".txt', 'text/plain', '\0\r\n'],
                                   ['g', 'g.bin', 'application/octet-stream', '']]
    assert client.post('/', json={'a': 1}).json['body'] == '{"a": 1}'
    assert client.post('/', body=b'\xff').json['body'] == '\xff'
    assert client.request('PUT', '/x', body=b'y', headers={'Content-Type': 'a/b'}).json == {
        'method': 'PUT', 'target': '/x', 'form': [], 'files': [], 'type': 'a/b', 'body': 'y'}


def test_cookies_are_kept_and_forgotten() -> None:
    def handler(request: Request) -> Response:
        response = Response(repr(request.cookies))
        if request.target == '/in':
            response.set_cookie('user', 'Ann Ü')
        if request.target == '/out':
            response.set_cookie('user', '', max_age=0)
        return response
    client = Client(handler)
    client.get('/in')
    assert client.get('/').text == "{'user': 'Ann Ü'}"
    client.get('/out')
    assert client.get('/').text == '{}'


@pytest.fixture
def hops() -> Client:
    app = Router()
    app.post('/a/save')(lambda request: Response.redirect('../b/one'))
    app.get('/b/one')(lambda: Response.redirect('two?x=1'))
    app.get('/b/two')(lambda x: f'two {x}')
    app.post('/again')(lambda request: Response.redirect('/a/echo', status=307))
    app.post('/a/echo')(lambda request: f'{request.form["a"]} {request.headers["x-own"]}')
    app.get('/away')(lambda: Response.redirect('https://example.org/', external=True))
    app.get('/round')(lambda: Response.redirect('/round'))
    return Client(app)


def test_redirects_are_followed_if_asked_for(hops: Client) -> None:
    assert hops.post('/a/save', form={'a': '1'}).status == 303
    assert hops.post('/a/save', form={'a': '1'}, follow=True).text == 'two 1'
    assert hops.post('/again', form={'a': '1'}, headers={'X-Own': 'y'}, follow=True).text == '1 y'
    assert hops.get('/b/two?x=1#main').text == 'two 1'
    assert hops.get('/away', follow=True).headers['location'] == 'https://example.org/'
    assert hops.get('/round', follow=True).status == 303


def test_what_the_parser_and_the_gate_refuse_is_a_reply() -> None:
    calls: list[Request] = []
    client = Client(calls.append, limits=Limits(body=3), admit=Gate(8080).admit)
    assert client.request('BREW', '/').status == 501
    assert client.post('/', body=b'1234').status == 413
    assert client.exchange(b'GET /\r\n\r\n').status == 400
    assert client.exchange(b'GET / HTTP/1.1\r\nHost: localhost:8080\r\n').status == 400
    assert client.get('/', headers={'Host': 'evil.example'}).status == 403
    assert calls == []


def test_streams_futures_and_waits() -> None:
    closed = []
    assert Client(lambda request: Response.stream(['a', None, b'b'], status=202)).get('/').text == 'ab'
    with ThreadPoolExecutor(1) as pool:
        assert Client(lambda request: pool.submit(lambda: 'later')).get('/').text == 'later'
    failed: Future[str] = Future()
    failed.set_exception(ValueError('too bad'))
    assert 'too bad' in Client(lambda request: failed).get('/').text
    moment = time.monotonic() + 0.02
    outcomes = iter([b'a', Wait(until=moment), b'b', None])
    reply = Client(lambda request: Deferred(lambda: next(outcomes), Response(''),
                                            lambda: closed.append(1))).get('/')
    assert (reply.text, closed) == ('ab', [1])
    assert time.monotonic() >= moment


def test_head_of_a_stream_has_no_body() -> None:
    assert Client(lambda request: Response.stream(['a'])).head('/').body == b''


def test_a_reply() -> None:
    reply = Client(echo).get('/x')
    assert repr(reply) == f'<Reply 200, {len(reply.body)} bytes>'
    assert reply.request is not None
    assert reply.request.target == '/x'


class Log(list[Any]):
    """What happened, in order; as a handler it starts a job of what it is given."""

    def job(self, outcomes: list[Any]) -> Deferred:
        def steps() -> Iterator[Any]:
            try:
                for outcome in outcomes:
                    self.append('step')
                    yield outcome() if callable(outcome) else outcome
            finally:
                self.append('closed')
        generator = steps()
        return Deferred(lambda: next(generator, None), None, generator.close)


def test_a_client_is_a_host_that_runs_the_lifespan_and_closes_what_was_started() -> None:
    log = Log()

    @contextmanager
    def lifespan(host: Any) -> Iterator[None]:
        log.append('in')
        host.start(log.job([b'', Wait(signal=Signal())]), 'a job')
        assert not host.stopping
        yield
        assert host.stopping
        log.append('out')

    def handler(request: Request) -> str:
        log.append(request.scope.host)
        return 'x'
    handler.lifespan = (lifespan,)  # type: ignore[attr-defined]
    client = Client(handler)
    client.get('/')
    with client:
        client.get('/')
    assert log == [None, 'in', 'step', 'step', client, 'closed', 'out']


def test_jobs_go_on_before_each_request_as_far_as_they_need_not_wait_long() -> None:
    log = Log()
    pool = ThreadPoolExecutor(1)
    with pool, Client(lambda request: len(log)) as client:
        handle = client.start(log.job([b'', lambda: Wait(pool.submit(time.sleep, 0.05)), lambda: Wait(
            until=time.monotonic() + 0.01), Wait(until=time.monotonic() + 3600)]), 'a job')
        called: list[int] = []
        client.at(time.monotonic() + 0.01, lambda: called.append(1))
        client.at(time.monotonic(), lambda: 1 / 0)
        client.at(time.monotonic() + 0.01, lambda: called.append(2)).cancel()
        assert client.get('/').text == '4'
        assert called == [1]
        handle.cancel()
        handle.cancel()
        assert log[-1] == 'closed'
        assert client.get('/').text == '5'


def test_an_answer_waits_for_what_a_job_does() -> None:
    signal = Signal()
    outcomes = iter([Wait(signal=signal), Response('news')])
    with Client(lambda request: Deferred(lambda: next(outcomes))) as client:
        client.at(time.monotonic() + 0.3, signal.set)
        assert client.get('/').text == 'news'
    assert len(signal) == 0


def test_run_takes_jobs_to_their_end() -> None:
    log = Log()
    with Client(lambda request: '') as client:
        client.start(log.job([lambda: Wait(until=time.monotonic() + 0.3)]), 'a job')
        client.run()
        assert log == ['step', 'closed']


def test_head_of_an_answer_that_comes_later_has_no_body() -> None:
    reply = Client(lambda request: Deferred(lambda: Response('later'))).head('/')
    assert (reply.headers['content-length'], reply.body) == ('5', b'')


def test_a_stream_has_headers() -> None:
    def handler(request: Request) -> Deferred:
        answer = Response.stream('ab')
        answer.set_cookie('a', 'b')
        return answer
    reply = Client(handler).get('/')
    assert 'a=b' in reply.headers['set-cookie']
    with pytest.raises(TypeError, match='comes in the end'):
        _ = Deferred(lambda: None).headers
