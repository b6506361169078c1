"""The lesson on middleware: what each wrapper does, under the desktop and under WSGI."""

from __future__ import annotations

import base64
import gzip
import runpy
from pathlib import Path
from typing import Any

import pytest

from kali import Response
from kali.http.around import chain
from kali.testing import Client

SCRIPT = Path(__file__).resolve().parents[2] / 'examples/middleware.py'


@pytest.fixture(scope='module')
def lesson() -> Any:
    return runpy.run_path(str(SCRIPT))


def basic(text: str) -> dict[str, str]:
    return {'Authorization': 'Basic ' + base64.b64encode(text.encode()).decode()}


@pytest.mark.parametrize(('target', 'headers', 'status'), [
    ('/', {}, 200),
    ('/private/', {}, 401),
    ('/private/', basic('ann:oolong'), 200),
    ('/private/', basic('ann:green'), 401),
    ('/private/', basic('bob:'), 401),
    ('/private/', basic(':'), 401),
    ('/private/', {'Authorization': 'Basic %%%'}, 401),
    ('/private/', {'Authorization': 'Basic /w=='}, 401),
    ('/nowhere', {}, 404),
])
def test_who_gets_what(lesson: Any, target: str, headers: dict[str, str], status: int) -> None:
    reply = Client(lesson['desktop']).get(target, headers=headers)
    assert reply.status == status
    assert ('www-authenticate' in reply.headers) == (status == 401)


def test_timing_hooks_and_the_log(lesson: Any, capsys: Any) -> None:
    reply = Client(lesson['desktop']).get('/')
    assert reply.headers['server-timing'].startswith('handler;dur=')
    assert reply.headers['x-brewed-by'] == 'kali'
    assert capsys.readouterr().out == 'GET / 200\n'


def test_a_hook_may_answer_in_place_of_the_handler(lesson: Any) -> None:
    assert Client(lesson['desktop']).get('/ping').text == 'pong'


@pytest.mark.parametrize(('answer', 'accepts', 'packed'), [
    ('tea ' * 500, 'gzip, br', True),
    ('tea ' * 500, 'br', False),
    ('tea', 'gzip', False),
    (Response(b'\x89PNG' * 500, headers={'Content-Type': 'image/png'}), 'gzip', False),
    (Response('tea ' * 500, headers={'Content-Type': 'text/plain', 'Content-Encoding': 'br'}), 'gzip', False),
])
def test_what_is_compressed(lesson: Any, answer: Any, accepts: str, packed: bool) -> None:
    client = Client(lesson['compressed'](lambda request: answer))
    plain = client.get('/').body
    reply = client.get('/', headers={'Accept-Encoding': accepts})
    assert (reply.headers.get('content-encoding') == 'gzip') == packed
    assert (gzip.decompress(reply.body) if packed else reply.body) == plain


def test_a_stream_goes_through_all_of_them(lesson: Any) -> None:
    wrappers = [lesson[name] for name in ('timed', 'compressed')] + [lesson['logged'](print)]
    handler = chain(lambda request: Response.stream(['a', 'b']), *wrappers)
    assert Client(handler).get('/', headers={'Accept-Encoding': 'gzip'}).text == 'ab'


def test_under_the_desktop(serve: Any) -> None:
    served = serve(SCRIPT)
    assert '<h1>Tea</h1>' in served.get('/').text
    assert served.get('/private/').status == 401
