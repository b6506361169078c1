"""Client: the whole path in memory, from bytes to bytes."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from kali.http.deferred import Deferred, Wait
from kali.http.limits import Limits
from kali.http.request import FileUpload, Request
from kali.http.response import Response
from kali.routing.router import Router
from kali.server.gate import Gate
from kali.testing import Client


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
