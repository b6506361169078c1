"""`host.publish` on every host, and the windows that hear it; `Response.patch` and `SSE.notify` as bytes."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from kali import Request, Response, Router
from kali.live import SSE, Event
from kali.sqlite import connect, guard
from kali.testing import Client
from tests.interop.conftest import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.server.conftest import Running

MODULE = """
from kali import Router
from kali.interop import to_asgi, to_wsgi
from kali.live import SSE
app = Router()
@app.post('/say')
def say(request, word: str = 'hello'):
    request.scope.host.publish(SSE.notify(word), to='/orders/')
    return 'said'
wsgi, asgi = to_wsgi(app), to_asgi(app)
"""


def app() -> Router:
    router = Router()

    @router.post('/say')
    def say(request: Request, word: str = 'hello') -> str:
        request.scope.host.publish(SSE.notify(word), to='/orders/')
        return 'said'
    return router


def heard(lines: Iterator[str]) -> list[str]:
    """The fields of the next event that has data."""
    found: list[str] = []
    for line in lines:
        if line:
            found.append(line)
        elif any(each.startswith('data:') for each in found):
            return [each for each in found if not each.startswith(('id:', ':', 'retry:'))]
    raise AssertionError('the stream ended')


EVENT = ['event: kali-notify', 'data: to /orders/', 'data: text hello']


def over_http(base: str) -> None:
    with httpx.Client(base_url=base, timeout=20, trust_env=False) as client, \
            client.stream('GET', '/.kali/events') as one, client.stream('GET', '/.kali/events') as two:
        streams = [one.iter_lines(), two.iter_lines()]
        for stream in streams:
            assert next(stream) == 'retry: 1000'
        assert client.post('/say').text == 'said'
        assert [heard(stream) for stream in streams] == [EVENT, EVENT]


def test_windows_of_a_server_hear_it(running: Callable[..., Running]) -> None:
    over_http(f'http://127.0.0.1:{running(app()).port}')


@pytest.mark.parametrize('name', ['uvicorn', 'waitress'])
def test_under_other_servers(name: str, tmp_path: Path) -> None:
    (tmp_path / 'said.py').write_text(MODULE, encoding='utf-8')
    with serving(name, tmp_path, 'said') as served:
        over_http(f'http://127.0.0.1:{served.port}')


def test_in_the_test_client() -> None:
    with Client(app()) as client, closing(client.events('/.kali/events')) as events:
        client.post('/say')
        client.publish('to all of you')
        one, two = next(events), next(events)
    assert (one.event, one.data) == ('kali-notify', 'to /orders/\ntext hello')
    assert (two.event, two.data) == ('message', 'to all of you')


def test_what_is_not_saved_is_not_published(tmp_path: Path) -> None:
    db = connect(tmp_path / 'db.sqlite')
    router = Router()

    @router.post('/say')
    def say(request: Request, status: int = 200) -> Response:
        request.scope.host.publish(f'{status}')
        return Response('', status=status)
    with Client(guard(router, db)) as client, closing(client.events('/.kali/events')) as events:
        for status in (409, 500, 200):
            client.post('/say', form={'status': status})
        assert next(events).data == '200'
    db.close()


@pytest.mark.parametrize('event, to, words', [
    ('text', '/x', 'only what SSE makes'), (Event('x', 'news'), '/x', 'only what SSE makes'),
    (SSE.notify('x'), 'orders', 'begins with a slash'),
    (SSE.notify('x'), '/a\nelements x', 'begins with a slash'),
    (SSE.notify('x'), 'https://example.org/', 'begins with a slash'),
])
def test_refused(event: Any, to: str, words: str) -> None:
    with Client(app()) as client, pytest.raises(ValueError, match=words):
        client.publish(event, to)


@pytest.mark.parametrize('to, path', [
    ('/orders/7', '/orders/7'), ('/größe/', '/gr%C3%B6%C3%9Fe/'), ('/a b', '/a%20b'), ('/100%25', '/100%25'),
    ('/"<x>', '/%22%3Cx%3E'),
])
def test_a_path_is_written_as_a_browser_has_it(to: str, path: str) -> None:
    with Client(app()) as client, closing(client.events('/.kali/events')) as events:
        client.publish(SSE.notify('x'), to=to)
        assert next(events).data == f'to {path}\ntext x'


@pytest.mark.parametrize('arguments, fields', [
    ({}, {'datastar-mode': 'outer'}),
    ({'selector': '#list', 'mode': 'append'}, {'datastar-selector': '#list', 'datastar-mode': 'append'}),
    ({'selector': 'a\n> b\r\nc', 'use_view_transition': True},
     {'datastar-selector': 'a > b c', 'datastar-use-view-transition': 'true'}),
    ({'selector': '[title="Größe ☃"]'}, {'datastar-selector': '[title="Gr\\f6 \\df e \\2603 "]'}),
    ({'namespace': 'svg', 'view_transition_selector': '#v', 'selector': 'svg', 'mode': 'inner'},
     {'datastar-namespace': 'svg', 'datastar-view-transition-selector': '#v'}),
])
def test_a_patch_as_an_ordinary_answer(arguments: dict[str, Any], fields: dict[str, str]) -> None:
    reply = Client(lambda request: Response.patch(['<p id="a">', 7, '</p>'], **arguments)).get('/')
    assert reply.text == '<p id="a">7</p>' and reply.headers['content-length'] == '15'
    assert fields.items() <= {name.lower(): value for name, value in reply.headers.items()}.items()


@pytest.mark.parametrize('arguments', [{'mode': 'over'}, {'namespace': 'xml'}, {'selector': 'a\0b'}])
def test_a_patch_that_cannot_be(arguments: dict[str, Any]) -> None:
    if 'selector' in arguments:
        assert '\0' not in Response.patch('', **arguments).headers['datastar-selector']
    else:
        with pytest.raises(ValueError, match='it is one of'):
            Response.patch('', **arguments)
