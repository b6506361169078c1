"""A service worker that another program left at this address: it goes, and one of the application stays."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from concurrent.futures import Future
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kali import KaliError, Response, Router, StaticFolder
from kali.sqlite import connect, guard
from kali.testing import Client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[2]
ASKED = {'Service-Worker': 'script'}
OWN = 'self.own = true'


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Any]:
    (tmp_path / 'sw.js').write_text(OWN)
    (tmp_path / 'large.js').write_text(OWN + ' ' * 100_000)
    db = connect(':memory:')
    app = Router()
    app.delegate_folder('/files/', StaticFolder(tmp_path))
    app.function('/own.js')(lambda: Response(OWN, headers={'Content-Type': 'text/javascript'}))
    app.function('/page')(lambda: '<p>a page</p>')
    app.function('/moved')(lambda: Response.redirect('/page'))
    app.function('/later')(lambda: done())
    for status in (400, 403, 410, 503):
        app.function(f'/{status}')(failing(status))
    app.function('/bug')(lambda: 1 / 0)
    yield guard(app, db)
    db.close()


def done() -> Future[Response]:
    future: Future[Response] = Future()
    future.set_result(Response(OWN, headers={'Content-Type': 'text/javascript'}))
    return future


def failing(status: int) -> Any:
    def handler() -> None:
        raise KaliError('no', status=status)
    return handler


@pytest.mark.parametrize('target, what', [
    ('/own.js', OWN), ('/own.js?v=1', None), ('/files/sw.js', OWN), ('/files/large.js', OWN),
    ('/later', OWN), ('/nowhere.js', None),
    ('/files/none.js', None), ('/page', None), ('/moved', None), ('/.kali/sw.js', None),
    ('/400', None), ('/403', None), ('/410', None), ('/503', 503), ('/bug', 500), ('/%ff', 400),
])
def test_what_a_browser_gets_that_asks_for_a_worker(app: Any, target: str, what: str | int | None) -> None:
    client = Client(app)
    reply = client.request('GET', target, headers=ASKED)
    if isinstance(what, int):
        assert reply.status == what
    else:
        assert reply.status == 200
        assert 'javascript' in reply.headers['content-type']
        assert (what or 'registration.unregister()') in reply.text
    assert 'unregister' not in client.get(target).text


def test_an_unchanged_worker_of_its_own_stays(app: Any) -> None:
    client = Client(app)
    tag = client.get('/files/sw.js').headers['etag']
    assert client.request('GET', '/files/sw.js', headers={**ASKED, 'If-None-Match': tag}).status == 304


WORKER = b"""addEventListener('install', () => skipWaiting());
addEventListener('activate', (event) => event.waitUntil(clients.claim()));
addEventListener('fetch', (event) => event.respondWith(new Response('<p>the old program</p>',
  { headers: { 'Content-Type': 'text/html' } })));
"""


PAGE = b"<script>navigator.serviceWorker.register('/app/sw.js', {scope: '/'})</script>"


class OldProgram(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        script = self.path == '/app/sw.js'
        body = WORKER if script else PAGE
        self.send_response(200)
        self.send_header('Content-Type', 'text/javascript' if script else 'text/html')
        self.send_header('Content-Length', str(len(body)))
        self.send_header('Service-Worker-Allowed', '/')
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


def test_the_window_comes_through_to_a_program_where_a_worker_was_left(page: Page, tmp_path: Path) -> None:
    from playwright.sync_api import Error  # the other tests do without

    old = ThreadingHTTPServer(('127.0.0.1', 0), OldProgram)
    thread = threading.Thread(target=old.serve_forever)
    thread.start()
    url = f'http://127.0.0.1:{old.server_port}'
    page.goto(url)
    page.wait_for_function('navigator.serviceWorker.controller !== null')
    assert page.goto(url).text() == '<p>the old program</p>'  # type: ignore[union-attr]
    old.shutdown()
    old.server_close()
    thread.join()

    key = 'k' * 64
    script = (f'import sys; sys.path.insert(0, {str(ROOT)!r}); import kali\n'
              'kali.serve_http(lambda request: "<p>the new program</p>", start=None, '
              f'port={old.server_port}, key={key!r}, app_id="worker")')
    process = subprocess.Popen([sys.executable, '-c', script], env={
        'HOME': str(tmp_path), 'XDG_STATE_HOME': str(tmp_path)}, stdout=subprocess.DEVNULL)
    try:
        while True:
            try:
                socket.create_connection(('127.0.0.1', old.server_port), timeout=5).close()
                break
            except ConnectionRefusedError:
                assert process.poll() is None
        # A browser asks for a worker's script some time after a visit; when it has it, the page loads anew.
        for visit in range(6):
            try:
                page.goto(f'{url}/?key={key}')
                page.wait_for_selector('text=the new program', timeout=4000)
                break
            except Error:
                assert visit < 5
        assert page.url == f'{url}/'
        assert page.evaluate('navigator.serviceWorker.getRegistrations().then((all) => all.length)') == 0
    finally:
        process.terminate()
        process.wait()
