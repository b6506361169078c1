"""Headers, error pages and log: every answer is fenced in, and shows nobody what is not for him."""

from __future__ import annotations

import logging
import re
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kali import log
from kali.errors import DatabaseError, KaliError, NotFound, TemplateError
from kali.http.encoder import DEFAULT_HEADERS, STRICT_POLICY
from kali.http.response import Response
from kali.sqlite import connect, guard
from kali.testing import Client

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

    from kali.http.request import Request
    from tests.conftest import Served
    from tests.security.conftest import Fort

IN = 'Cookie: kali-fort=' + 'f' * 64
EVIL = '<script>alert(1)</script>"\'><img src=x onerror=alert(1)>&amp;'
FIXED = {name: value for name, value in DEFAULT_HEADERS.items()
         if name not in ('Content-Type', 'Cache-Control', 'Content-Security-Policy')}


@pytest.mark.parametrize('target, fields, status', [
    ('/data', [IN], 200), ('/', [], 403), ('/none', [IN], 404), ('/data?x=1', [IN], 400),
    ('/static/', [IN], 200),
    ('/static/note.txt', [IN], 200), ('/static/none', [IN], 404), ('/static', [IN], 303),
    ('/stream', [IN], 200),
    ('/.kali/kali.js', [IN], 200), ('/.kali/none', [IN], 404), ('/%zz', [IN], 400),
    ('/data', [IN, 'Expect: magic'], 417), ('/data', [IN, 'Transfer-Encoding: chunked'], 501),
    ('/data', [IN, 'X: ' + 'x' * 70000], 431), ('/data', ['Host: other'], 400),
])
def test_every_answer_is_fenced_in(fort: Callable[..., Fort], target: str, fields: list[str],
                                   status: int) -> None:
    answer = fort().get(target, *fields)
    assert answer.status == status
    for name, value in FIXED.items():
        assert answer.headers[name.lower()] == value
    policy = answer.headers['content-security-policy']
    assert "default-src 'self'; " in policy
    assert policy.endswith("frame-ancestors 'none'")


def test_the_policy_is_the_program_s_to_change(fort: Callable[..., Fort]) -> None:
    policy = "default-src 'none'"
    assert fort(headers={'content-security-policy': policy}).get(
        '/data', IN).headers['content-security-policy'] == policy
    assert 'content-security-policy' not in fort(headers={'Content-Security-Policy': None}).get(
        '/data', IN).headers
    page = Response('x', headers={'Content-Security-Policy': policy})
    assert Client(lambda request: page).get('/').headers['content-security-policy'] == policy


def test_nothing_foreign_is_in_the_policies() -> None:
    for policy in (DEFAULT_HEADERS['Content-Security-Policy'], STRICT_POLICY):
        sources = {source for part in policy.split('; ') for source in part.split()[1:]}
        assert sources <= {"'self'", "'none'", "'unsafe-inline'", 'data:', 'blob:'}
        assert re.search("script-src [^;]*(data|blob|eval)", policy) is None
    assert "script-src 'self';" in STRICT_POLICY


ERRORS: list[BaseException] = [
    ValueError(EVIL), KeyError(EVIL), NotFound(EVIL), KaliError(EVIL), KaliError(EVIL, status=503),
    DatabaseError(EVIL),
    DatabaseError(EVIL, status=503), TemplateError(EVIL, EVIL, 1, 1),
    UnicodeDecodeError('utf-8', b'<b>', 0, 1, EVIL),
    type('Evil<b>', (Exception,), {})(EVIL), Exception(b'<b>'), ValueError('\ud800<b>'), RecursionError(EVIL),
]


@pytest.mark.parametrize('error', ERRORS, ids=repr)
@pytest.mark.parametrize('debug', [True, False])
def test_error_pages_escape_all_that_they_show_and_run_no_script(error: BaseException, debug: bool) -> None:
    def broken(request: Request) -> None:
        raise error
    reply = Client(broken, debug=debug).get('/<b>?x=<script>"')
    assert reply.status >= 400
    assert '<b>' not in reply.text
    assert '<img' not in reply.text
    assert set(re.findall('<script[^>]*>', reply.text)) <= {'<script src="/.kali/kali.js" defer>'}
    assert reply.headers['content-security-policy'] == STRICT_POLICY


def fails_with(error: BaseException) -> Callable[[Request], None]:
    def a_handler_of_the_program(request: Request) -> None:
        a_secret_variable = 'a secret value'
        raise error from ValueError(a_secret_variable)
    return a_handler_of_the_program


@pytest.mark.parametrize('error', [
    ValueError('the secret'), KaliError('the secret'), DatabaseError('/the/secret.db'),
    SystemExit('the secret'),
    DatabaseError('/the/secret.db is in use', status=503),
    TemplateError('the secret', 'the secret.tpl', 1, 1),
    sqlite3.OperationalError('no such table: secret'), MemoryError('the secret')], ids=repr)
def test_without_debug_a_page_shows_nothing_of_the_program(
        error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    reply = Client(fails_with(error), debug=False).get('/page')
    for inside in ('secret', 'handler', 'Traceback', '.py', 'line ', 'Error', 'Python', 'kali '):
        assert inside not in reply.text
    number = re.search('<strong>([0-9a-f]{8})</strong>', reply.text)
    assert number is not None
    assert number[1] in caplog.text  # where the rest can be found
    assert 'secret' in caplog.text


@pytest.mark.parametrize('mode', ['commit', 'check'])
def test_what_the_guard_says_is_not_shown_without_debug_either(
        mode: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    connection: Any = (connect if mode == 'commit' else sqlite3.connect)(tmp_path / 'secret.db')
    connection.execute('CREATE TABLE note (text)')
    connection.commit()

    def forgetful(request: Request) -> str:
        connection.execute('INSERT INTO note VALUES (1)')
        return 'Saved.'
    app = guard(forgetful, connection, mode=mode)
    told, untold = (Client(app, debug=debug).get('/').text for debug in (True, False))
    assert 'forgetful' in told or 'secret' in told
    for inside in ('forgetful', 'secret', '.py', 'commit', 'GET'):
        assert inside not in untold
    assert 'forgetful' in caplog.text or 'secret.db' in caplog.text
    connection.close()


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_line_of_the_log_can_be_forged(target: str, message: str) -> None:
    lines: list[str] = []

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.extend(re.split('[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]', self.format(record)))
    logger, handler = logging.getLogger('kali'), Lines()
    handler.setFormatter(logging.Formatter('%(levelname)s %(message)s'))
    logger.addHandler(handler)
    try:
        try:
            raise ValueError(message + '\nERROR a line of its own\r\x1b[2J\u2028ERROR')
        except ValueError as error:
            log.error('%s failed', target + '\nERROR another one', exception=error)
    finally:
        logger.removeHandler(handler)
    assert lines[0].startswith('ERROR ')
    assert all(line.startswith('  | ') for line in lines[1:])
    assert all(line.isprintable() for line in lines)


def test_a_copy_of_the_report(serve: Callable[..., Served], page: Page) -> None:
    served = serve('''
        import kali

        def broken(request):
            raise ValueError(f'no {request.target}')
        kali.serve_http(broken)
        ''', tracebacks=True)
    page.context.grant_permissions(['clipboard-read', 'clipboard-write'])
    page.goto(served.url + '/?q=</pre><script>document.title="evil"</script>')
    assert page.title() != 'evil'
    page.click('text=Copy the report')
    page.wait_for_selector('button:text-is("Copied")')
    copied = page.evaluate('navigator.clipboard.readText()')
    assert copied.replace('\r\n', '\n') == page.evaluate("document.getElementById('kali-report').textContent")
    assert 'ValueError: no /?q=' in copied
