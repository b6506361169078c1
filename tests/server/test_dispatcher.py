"""The dispatcher: whatever a handler does, a page comes out, and the log has what was wrong."""

from __future__ import annotations

import logging
import re
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from kali.errors import DatabaseError, KaliError, NotFound
from kali.http.deferred import Deferred
from kali.http.limits import Limits
from kali.http.request import Request
from kali.http.response import Response
from kali.markup import Markup
from kali.server.dispatcher import Broken, Dispatcher
from kali.templates.template import Template
from kali.testing import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def raising(error: BaseException):  # type: ignore[no-untyped-def]
    def handler(request: Request) -> None:
        raise error
    return handler


@pytest.mark.parametrize('error, status', [
    (NotFound('There is no contact <17>.'), 404), (KaliError('The <printer> is busy.', status=503), 503),
    (KaliError('No.', status=405, headers={'Allow': 'GET'}), 405),
])
@pytest.mark.parametrize('debug', [True, False])
def test_an_error_that_the_visitor_can_correct_is_its_own_page(error: KaliError, status: int,
                                                            debug: bool) -> None:
    reply = Client(raising(error), debug=debug).get('/')
    assert reply.status == status
    assert str(error).replace('<', '&lt;').replace('>', '&gt;') in reply.text
    assert 'Traceback' not in reply.text
    for name, value in error.headers.items():
        assert reply.headers[name] == value


def test_a_mishap_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    Client(raising(ZeroDivisionError('on purpose'))).get('/page?x=1')
    assert len(caplog.records) == 1
    record = caplog.records[0]
    assert (record.name, record.levelno) == ('kali', logging.ERROR)
    assert re.fullmatch(r'GET /page\?x=1 failed \([0-9a-f]{8}\)', record.getMessage())
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


def test_what_the_visitor_can_correct_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    Client(raising(NotFound('no'))).get('/')
    assert not caplog.records


def test_without_debug_the_page_shows_only_a_number(caplog: pytest.LogCaptureFixture) -> None:
    reply = Client(raising(ZeroDivisionError('the secret')), debug=False).get('/')
    assert reply.status == 500
    for word in ('secret', 'ZeroDivision', 'Traceback', '.py', 'kali '):
        assert word not in reply.text
    number = re.search(r'\(([0-9a-f]{8})\)', caplog.records[0].getMessage())
    assert number is not None
    assert number[1] in reply.text


def test_with_debug_the_page_shows_the_cause_with_its_source_line_all_of_it_escaped() -> None:
    def handler(request: Request) -> None:
        raise ValueError('<script>alert(1)</script>')  # the source line
    reply = Client(handler).get('/<b>?q=<i>')
    assert reply.status == 500
    assert 'ValueError: &lt;script&gt;alert(1)' in reply.text
    assert '# the source line' in reply.text
    assert 'GET /&lt;b&gt;?q=&lt;i&gt;' in reply.text
    assert '<script>alert' not in reply.text
    assert 'kali/server/' not in reply.text
    assert 'data-copy="kali-report"' in reply.text


class Silent(Exception):
    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__


@pytest.mark.parametrize('error', [Silent(), KaliError(), DatabaseError('x'), Exception()])
def test_an_odd_error_is_a_page_too(error: BaseException) -> None:
    reply = Client(raising(error)).get('/')
    assert reply.status == 500
    assert '<h1>' in reply.text


def test_a_file_that_cannot_be_decoded_or_path_that_is_bad_never_meets_a_handler() -> None:
    calls: list[Request] = []
    client = Client(calls.append)
    for target in ('/%FF', '/a%2', '/%zz?x'):
        assert client.get(target).status == 400
    assert calls == []


def test_kali_s_own_files_come_before_the_handler() -> None:
    client = Client(lambda request: 'handler')
    assert client.get('/.kali/kali.css').headers['content-type'] == 'text/css; charset=utf-8'
    assert client.get('/.kali/kali.js?x').headers['content-type'] == 'text/javascript; charset=utf-8'
    for path in ('/.kali/', '/.kali/../kali.css', '/.kali/error_page.py', '/.kali/kali.css/'):
        assert client.get(path).status == 404
    assert client.post('/.kali/kali.css').status == 405
    assert client.get('/.kalikali').text == 'handler'


def test_more_can_be_served_below_the_reserved_path() -> None:
    client = Client(lambda request: 'handler')

    @client.dispatcher.own.get('/news/*')
    def news(number: int) -> str:
        return f'news {number}'
    assert client.get('/.kali/news/7').text == 'news 7'
    assert client.get('/.kali/news/x').status == 404
    assert client.post('/.kali/news/7').status == 405
    assert client.get('/.kali/kali.css').status == 200
    assert client.get('/news/7').text == 'handler'


def test_while_stopping_an_interrupted_handler_is_503() -> None:
    for error in (KeyboardInterrupt(), SystemExit()):
        for stopping, status in ((True, 503), (False, 500)):
            answer = Dispatcher(raising(error), stopping=lambda stopping=stopping: stopping).answer(Request())
            assert isinstance(answer, Response)
            assert answer.status == status


def test_a_response_that_the_application_keeps_is_not_changed() -> None:
    kept = Response(['a', 1])
    client = Client(lambda request: kept)
    assert client.get('/').text == client.get('/').text == 'a1'
    assert kept.content == ['a', 1]


def test_a_stream_that_fails_after_its_head_is_broken() -> None:
    def pieces():  # type: ignore[no-untyped-def]
        yield 'a'
        raise ZeroDivisionError
    with pytest.raises(Broken):
        Client(lambda request: Response.stream(pieces())).get('/')


def endless(piece: object) -> Iterator[object]:
    while True:
        yield piece


def in_itself() -> list[object]:
    content: list[object] = []
    content.append(content)
    return content


SMALL = Limits(content=1_000_000)


@pytest.mark.parametrize('content', [
    lambda: endless('x' * 1000), lambda: endless(b'y' * 1000), lambda: endless('z'), lambda: endless(None),
    lambda: endless(''), lambda: endless([]), lambda: endless(endless(7)), lambda: [[endless('ü' * 50)], 'x'],
    lambda: ['x', {'a': endless(Markup('<br>'))}], lambda: Response(endless('x' * 1000), status=201),
    lambda: 'x' * 1_000_001, lambda: Response('ü' * 600_000), lambda: b'x' * 1_000_001,
    lambda: Deferred(lambda: Response(endless('x' * 1000)))])
def test_content_without_end_is_a_500_that_names_the_stream(content: Callable[[], Any]) -> None:
    client = Client(lambda request: content(), limits=SMALL)
    tracemalloc.start()
    try:
        reply = client.get('/')
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert reply.status == 500
    assert 'longer than 1,000,000 bytes' in reply.text
    assert 'Response.stream(...)' in reply.text
    assert peak < 4_000_000
    assert Client(lambda request: 'x' * 1_000_000, limits=SMALL).get('/').status == 200


def test_content_that_is_part_of_itself_is_a_500() -> None:
    reply = Client(lambda request: in_itself()).get('/')
    assert reply.status == 500
    assert 'part of itself' in reply.text


@pytest.mark.parametrize('text', ['<?for x in rows?><b>{x}</b><?end?>', '{rows}', '<a title="{rows}">y</a>',
                                  '<?for y in few?><?for x in rows?>{x}<?end?><?end?>'])
def test_a_template_that_loops_without_end_is_a_500(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('kali.iolist.CONTENT', 500_000)
    monkeypatch.setattr('kali.templates.compiler.CONTENT', 500_000)
    template = Template(text)
    reply = Client(lambda request: template(rows=endless('x' * 20), few=[1, 2])).get('/')
    assert reply.status == 500
    assert 'Response.stream(...)' in reply.text
