"""A kali application, unchanged, under servers for WSGI and ASGI: the same answers in each."""

from __future__ import annotations

import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.interop.conftest import ASGI, WSGI, Served, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# One of each kind is among the quick tests.
QUICK = ('waitress', 'uvicorn')
SERVERS = [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in (*WSGI, *ASGI)]
BIG = bytes(range(256)) * 12000  # 3 MB: more than a Body keeps in memory


@pytest.fixture(scope='module', params=SERVERS)
def served(request: Any, tmp_path_factory: Any) -> Iterator[Served]:
    """Each server in turn."""
    with serving(request.param, tmp_path_factory.mktemp('served')) as served:
        yield served
        text = served.stop()
    assert 'AssertionError' not in text, text


@pytest.mark.parametrize('target, status, text', [
    ('/hello', 200, 'Hello you'),
    ('/hello?name=J%C3%BCrgen', 200, 'Hello Jürgen'),
    ('/later', 200, 'It took a thread'),
    ('/drops', 200, 'dripdrop'),
    ('/nothing', 204, ''),
    ('/away', 303, ''),
    ('/odd', 200, 'short'),
    ('/stream', 200, 'x' * 1000000),
    ('/.kali/kali.css', 200, None),
    ('/nowhere', 404, None),
    ('/hello%ZZ', 400, None),
])
def test_a_get(served: Served, target: str, status: int, text: str | None) -> None:
    if '%ZZ' in target and served.name not in ('gunicorn', 'gunicorn threads'):
        pytest.skip('only gunicorn hands on the path as it came')
    reply = served.client.get(target)
    assert reply.status_code == status
    if text is not None:
        assert reply.text == text
    assert reply.headers['X-Content-Type-Options'] == 'nosniff'


def test_an_async_handler_runs_in_the_loop_at_hand(served: Served) -> None:
    text = served.client.get('/soon').text
    assert text.startswith('It took a loop')
    assert ('kali' in text) == (served.name in WSGI)


@pytest.mark.parametrize('target', ['/hello', '/stream', '/odd', '/later', '/nothing'])
def test_head_is_get_without_the_body(served: Served, target: str) -> None:
    head, get = served.client.head(target), served.client.get(target)
    assert head.content == b''
    assert head.status_code == get.status_code
    if target in ('/hello', '/odd', '/later'):
        assert head.headers['Content-Length'] == get.headers['Content-Length'] == str(len(get.content))
    assert 'x-odd' in head.headers or target != '/odd'


@pytest.mark.parametrize('target, name, path', [
    ('/path/plain', 'plain', ['path', 'plain']),
    ('/path/caf%C3%A9%20au%20lait', 'café au lait', ['path', 'café au lait']),
    ('/path/100%25', '100%', ['path', '100%']),
    ('/path/a;b=c,d@e', 'a;b=c,d@e', ['path', 'a;b=c,d@e']),
    ('/path/what%3F%23', 'what?#', ['path', 'what?#']),
])
def test_paths(served: Served, target: str, name: str, path: list[str]) -> None:
    assert served.client.get(target).json() == [name, path]


def test_an_encoded_slash_where_the_server_tells(served: Served) -> None:
    if served.name in ('waitress', 'wsgiref', 'hypercorn'):
        pytest.skip(f'{served.name} does not hand on the path as it came')
    assert served.client.get('/path/A%2FB').json() == ['A/B', ['path', 'A/B']]


def test_a_form_and_headers(served: Served) -> None:
    reply = served.client.post('/echo?a=1&a=2', data={'name': 'Jürgen', 'tags': ['x', 'y']},
                               headers={'X-Words': 'one two'}).json()
    assert reply['form'] == [['name', 'Jürgen'], ['tags', 'x'], ['tags', 'y']]
    assert reply['query'] == [['a', '1'], ['a', '2']]
    assert reply['words'] == 'one two'


@pytest.mark.parametrize('method', ['PUT', 'PATCH', 'DELETE', 'OPTIONS', 'GET'])
def test_each_method(served: Served, method: str) -> None:
    content = b'body' if method in ('PUT', 'PATCH') else b''
    reply = served.client.request(method, '/echo', content=content).json()
    assert (reply['method'], reply['length']) == (method, len(content))


def test_a_method_that_is_not_known(served: Served) -> None:
    assert served.client.request('PROPFIND', '/hello').status_code == 501


@pytest.mark.parametrize('size', [0, 1, 5000, len(BIG)])
def test_an_upload(served: Served, size: int) -> None:
    content = BIG[:size]
    reply = served.client.post('/upload', files={'file': ('notes.bin', content, 'application/octet-stream')})
    assert reply.text == f'notes.bin {size} {sum(content) % 65536}'


def test_a_body_in_chunks(served: Served) -> None:
    reply = served.client.put('/echo', content=iter([b'one', b'two', BIG]))
    if served.name == 'wsgiref':
        assert reply.status_code == 411
    else:
        assert reply.json()['length'] == 6 + len(BIG)


def test_a_body_too_large_is_refused(served: Served) -> None:
    with socket.create_connection(('127.0.0.1', served.port), 10) as client:
        client.sendall(b'POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n')
        assert b' 413 ' in client.recv(1000)


@pytest.mark.parametrize('headers, status', [
    ({'Host': 'office.example'}, 200),
    ({'Host': 'office.example:8443'}, 200),
    ({'Host': 'OFFICE.example'}, 200),
    ({'Host': 'localhost'}, 200),
    ({'Host': 'evil.example'}, 403),
    ({'Host': 'office.example.evil.example'}, 403),
    ({'Host': 'evil.example:80@office.example'}, 403),
    ({'Host': 'office.example', 'Origin': 'https://office.example'}, 200),
    ({'Host': 'office.example', 'Origin': 'https://evil.example'}, 403),
    ({'Host': 'office.example', 'Origin': 'null'}, 403),
    ({'Host': 'office.example', 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'no-cors'}, 403),
    ({'Host': 'office.example', 'Sec-Fetch-Site': 'same-origin'}, 200),
])
def test_what_may_come_in(served: Served, headers: dict[str, str], status: int) -> None:
    if '@' in headers['Host'] and served.name in ('hypercorn', 'uvicorn'):
        assert served.client.post('/echo', headers=headers).status_code in (400, 403)
        return
    assert served.client.post('/echo', headers=headers).status_code == status


def test_another_site_may_link_here_but_not_post(served: Served) -> None:
    headers = {'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document'}
    assert served.client.get('/hello', headers=headers).status_code == 200
    assert served.client.post('/echo', headers=headers).status_code == 403


def test_an_error_is_a_page_that_shows_no_secret(served: Served) -> None:
    reply = served.client.get('/fails')
    assert reply.status_code == 500
    assert 'secret' not in reply.text
    assert served.client.get('/hello').status_code == 200


def test_a_stream_that_fails_halfway_does_not_look_whole(served: Served) -> None:
    with socket.create_connection(('127.0.0.1', served.port), 10) as client:
        client.sendall(b'GET /half HTTP/1.1\r\nHost: localhost\r\n\r\n')
        data = b''
        try:
            while piece := client.recv(65536):
                data += piece
        except ConnectionResetError:
            pass
    head, _, body = data.partition(b'\r\n\r\n')
    if served.name == 'wsgiref':
        return  # HTTP/1.0 there: only the missing end tells, and wsgiref sends an error page after it
    if b'chunked' in head.lower():
        assert b'\r\n0\r\n' not in body
    assert served.client.get('/hello').text == 'Hello you'


def test_what_is_read_slowly_is_not_kept_in_memory_and_is_closed(served: Served) -> None:
    if served.name == 'gunicorn':
        pytest.skip('its two processes do not know of each other')
    with socket.create_connection(('127.0.0.1', served.port), 10) as client:
        client.sendall(b'GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n')
        assert client.recv(1000)
    deadline = time.monotonic() + 10
    while 'endless' not in served.client.get('/closed').text:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_many_at_a_time_are_answered_one_at_a_time(served: Served) -> None:
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda number: served.client.get(f'/hello?name={number}'), range(60)))
    assert [reply.text for reply in replies] == [f'Hello {number}' for number in range(60)]


def test_all_handlers_of_a_process_run_in_one_thread(served: Served) -> None:
    with ThreadPoolExecutor(8) as pool:
        replies = {reply.text for reply in pool.map(lambda _: served.client.get('/thread'), range(60))}
    assert len(replies) <= (2 if served.name == 'gunicorn' else 1)


def test_the_guard_commits_and_rolls_back(served: Served) -> None:
    assert served.client.post('/note', data={'text': 'milk'}).text == 'Saved'
    assert served.client.post('/note', data={'text': 'bad'}).status_code == 500
    assert served.client.post('/note', data={'text': 'eggs'}).text == 'Saved'
    assert served.client.get('/notes').text == 'milk,eggs'


def test_a_job_runs_to_its_end_between_requests(served: Served) -> None:
    if served.name == 'gunicorn':
        pytest.skip('the other process does not know of the job')
    page = served.client.post('/count').headers['Location']
    deadline = time.monotonic() + 10
    while 'counted' not in served.client.get('/lived/').text:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert served.client.get(page).status_code == 200


def test_the_lifespan_is_entered_once(served: Served) -> None:
    for _ in range(5):
        assert served.client.get('/lived/').text.split().count('in') == 1


def test_an_event_stream_arrives_while_it_is_open(served: Served) -> None:
    if served.name == 'gunicorn':
        pytest.skip('a stream takes one of two processes, and the event is published in either')
    with served.client.stream('GET', '/events') as stream:
        lines = stream.iter_lines()
        with httpx.Client(base_url=served.client.base_url, trust_env=False) as other:
            other.post('/say', data={'text': 'tea is ready'})
        assert any('tea is ready' in line for line in lines)
    assert served.client.get('/hello').status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize('name', (*WSGI, *ASGI))
def test_the_lifespan_is_left_when_the_server_ends(under: Any, name: str, tmp_path: Path) -> None:
    if name == 'wsgiref' or sys.platform == 'win32':
        pytest.skip('this server has no way to end but to be killed')
    with under(name) as served:
        assert served.client.get('/lived/').text == 'in'
        served.stop()
    assert (tmp_path / 'left').read_text(encoding='utf-8') == 'out'


@pytest.mark.parametrize('name', SERVERS)
def test_a_lifespan_that_fails_is_readable(under: Any, name: str, tmp_path: Path) -> None:
    (tmp_path / 'fails.py').write_text(
        'from contextlib import contextmanager\n'
        'from kali.http.around import Around\nfrom kali.interop import to_asgi, to_wsgi\n'
        '@contextmanager\ndef starting(host):\n    raise OSError("the printer is on fire")\n    yield\n'
        'handler = Around(print, print, [starting])\n'
        'wsgi, asgi = to_wsgi(handler, debug=True), to_asgi(handler, debug=True)\n', encoding='utf-8')
    if name in ASGI:
        with pytest.raises(AssertionError, match='the printer is on fire'), under(name, 'fails') as served:
            served.process.wait(10)
            raise AssertionError(served.stop())
        return
    with under(name, 'fails') as served:
        for _ in range(2):
            reply = served.client.get('/')
            assert reply.status_code == 500
            assert 'the printer is on fire' in reply.text




def below(depth: str, name: str) -> Any:
    """Gets a target from an application in process, as a server that has it below `depth` hands it on."""
    from kali import Router
    from kali.interop import to_asgi, to_wsgi
    from kali.pages.shell import Shell
    app = Router()
    app.get('/')(lambda request: Shell('Shop').page(request, 'Home', '<p>Here'))
    handler = Shell('Shop').wrap(app)

    def by_wsgi(target: str) -> tuple[str, bytes]:
        heard: list[str] = []
        application = to_wsgi(handler)
        try:
            body = b''.join(application({
                'REQUEST_METHOD': 'GET', 'SCRIPT_NAME': depth, 'PATH_INFO': target, 'HTTP_HOST': 'localhost',
                'wsgi.input': None}, lambda status, headers: heard.append(status)))
        finally:
            application.close()
        return heard[0], body

    def by_asgi(target: str) -> tuple[str, bytes]:
        import asyncio
        sent: list[Any] = []

        async def receive() -> Any:
            return {'type': 'http.request'}

        async def send(message: Any) -> None:
            sent.append(message)
        scope = {'type': 'http', 'method': 'GET', 'path': depth + target, 'root_path': depth,
                 'headers': [(b'host', b'localhost')]}
        asyncio.run(to_asgi(handler)(scope, receive, send))
        return str(sent[0]['status']), b''.join(each['body'] for each in sent[1:])
    return {'wsgi': by_wsgi, 'asgi': by_asgi}[name]


@pytest.mark.parametrize('name', ['wsgi', 'asgi'])
@pytest.mark.parametrize('depth', ['', '/shop', '/a/b', '/caf%C3%A9'])
def test_kalis_own_files_are_found_wherever_the_application_is(name: str, depth: str) -> None:
    import re
    from urllib.parse import unquote
    get = below(unquote(depth).encode().decode('latin-1') if name == 'wsgi' else unquote(depth), name)
    for target in ('/', '/nowhere'):
        page = get(target)[1].decode()
        named = set(re.findall(r'["\']([^"\']*/\.kali/[^"\']*)', page))
        assert {f'{depth}/.kali/kali.css', f'{depth}/.kali/kali.js'} & named
        assert all(each.startswith(f'{depth}/.kali/') for each in named), named
    for file in ('kali.css', 'kali.js', 'live.js'):
        status, body = get(f'/.kali/{file}')
        assert status.startswith('200'), file
        assert set(re.findall(rb'["\']([^"\']*)/\.kali/live.js', body)) <= {depth.encode()}
