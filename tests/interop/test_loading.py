"""`python -m kali run module:app`: applications found by name and told apart."""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kali import KaliError, Router
from kali.http.around import Around
from kali.interop.loading import kind_of, loaded
from tests.conftest import free_port, own_folders
from tests.interop import frameworks

ROOT = Path(__file__).resolve().parents[2]


class Wsgi:
    def __call__(self, environ: Any, start_response: Any) -> Any:
        return []


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    return None


@pytest.mark.parametrize('app, kind', [
    (Router(), 'kali'), (Around(print, print), 'kali'), (lambda request: '', 'kali'),
    (Wsgi(), 'wsgi'), (frameworks.flask(), 'wsgi'), (frameworks.bottle(), 'wsgi'),
    (functools.partial(lambda word, environ, start_response: [], 'x'), 'wsgi'),
    (asgi, 'asgi'), (frameworks.starlette(), 'asgi'),
])
def test_kinds(app: Any, kind: str) -> None:
    assert kind_of(app) == kind


@pytest.mark.parametrize('app', [lambda *args: [], lambda: '', lambda a, b, c, d: '', print])
def test_what_does_not_tell(app: Any) -> None:
    with pytest.raises(KaliError, match='--as wsgi'):
        kind_of(app)


@pytest.mark.parametrize('target, words', [
    ('nowhere_at_all:app', 'There is no module nowhere_at_all here'),
    ('nowhere.py:app', 'There is no file nowhere.py'),
    ('textwrap:app', 'has no application app; what can be called there: dedent'),
    ('textwrap', 'has no application named app, application or api'),
    ('os:sep', 'has no application sep'),
])
def test_what_is_not_there(target: str, words: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(sys, 'path', list(sys.path))
    with pytest.raises(KaliError, match=words):
        loaded(target)


SHOP = '''
async def app(scope, receive, send):
    if scope['type'] == 'http':
        await send({'type': 'http.response.start', 'status': 200, 'headers': []})
        await send({'type': 'http.response.body', 'body': b'ASGI'})
def wsgi(environ, start_response):
    start_response('200 OK', [])
    return [b'WSGI']
def hello(request):
    return 'kali'
def vague(*args):
    return wsgi(*args)
'''


@pytest.mark.parametrize('arguments, text', [
    (['shop'], 'ASGI'), pytest.param(['shop:wsgi'], 'WSGI', marks=pytest.mark.slow),
    pytest.param(['shop.py:hello'], 'kali', marks=pytest.mark.slow), (['shop:vague', '--as', 'wsgi'], 'WSGI'),
])
def test_the_command(arguments: list[str], text: str, tmp_path: Path, eventually: Any) -> None:
    import httpx
    (tmp_path / 'shop.py').write_text(SHOP, encoding='utf-8')
    port = free_port()
    command = [sys.executable, '-m', 'kali', 'run', *arguments, '--no-window', '--port', str(port)]
    process = subprocess.Popen(command, cwd=tmp_path, env={**own_folders(tmp_path), 'PYTHONPATH': str(ROOT)})

    def answer() -> str:
        try:
            return httpx.get(f'http://localhost:{port}/', trust_env=False).text
        except httpx.ConnectError:
            assert process.poll() is None
            return ''
    try:
        assert eventually(answer) == text
    finally:
        process.terminate()
        assert process.wait(10) == 0


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, '-m', 'kali', 'run', 'nowhere_at_all:app'], cwd=ROOT, text=True,
                          capture_output=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith('There is no module nowhere_at_all here')
