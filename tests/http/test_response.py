"""Response: what may be sent, what raises, and what becomes of what handlers return."""

from __future__ import annotations

import html
import re
from collections import OrderedDict
from concurrent.futures import Future
from contextlib import closing
from http import HTTPStatus
from itertools import count
from typing import Any

import pytest

from kali.http.deferred import Deferred, Wait
from kali.http.request import Request
from kali.http.response import OATHS, REASONS, Response, as_response
from kali.iolist import flatten
from kali.multidict import Headers
from kali.routing.router import Router
from kali.sqlite import connect, guard
from kali.testing import Client


@pytest.mark.parametrize('name, value', [
    ('', 'x'), ('A B', 'x'), ('A:', 'x'), ('A\r\n', 'x'), ('Ä', 'x'), ('A', 'x\r\nSet-Cookie: a=b'),
    ('A', 'x\ny'),
    ('A', 'x\ry'), ('A', 'x\0'), ('A', '\x1b'), ('A', '\x7f'), ('A', '€'),
])
def test_headers_that_could_not_be_sent_safely_raise(name: str, value: str) -> None:
    with pytest.raises(ValueError, match='header'):
        Response('', headers={name: value})
    with pytest.raises(ValueError, match='header'):
        Response.stream([], headers=[(name, value)])


def test_headers() -> None:
    response = Response('x', headers=[('A', 1), ('a', 'two\tü')])
    assert response.headers.get_list('A') == ['1', 'two\tü']
    assert Response('x', headers={'B': 2}).headers['b'] == '2'


@pytest.mark.parametrize('status', [0, 100, 101, 199, 600, -1])
def test_an_impossible_status_raises(status: int) -> None:
    with pytest.raises(ValueError, match='status'):
        Response('', status=status)


def test_the_names_of_kali_0_0_x() -> None:
    response = Response('x', code=404, headers={'content-type': 'text/plain'}, shut_down=True)
    assert (response.code, response.status, response.shut_down) == (404, 404, True)
    assert Response.generic(code=503).status == 503
    assert Response.swear(Request(), 'x', code=501).status == 501


@pytest.mark.parametrize('url, location', [
    ('/a?b=c#d', '/a?b=c#d'), ('edit', 'edit'), ('?page=2', '?page=2'), ('/größe', '/gr%C3%B6%C3%9Fe'),
    ('/a b', '/a%20b'), ('/a%20b', '/a%20b'), ('/"<>', '/%22%3C%3E'),
])
def test_redirects(url: str, location: str) -> None:
    response = Response.redirect(url)
    assert response.status == 303
    assert response.headers['Location'] == location


@pytest.mark.parametrize('url', ['//evil.example', '/\\evil.example', 'https://evil.example',
                                 '/\t/evil.example',
                                 '/\r\nSet-Cookie: a=b', 'javascript:alert(1)', '\\\\evil.example',
                                 '///evil.example'])
def test_a_redirect_stays_here_unless_told_otherwise(url: str) -> None:
    with pytest.raises(ValueError, match='redirect'):
        Response.redirect(url)
    if url.isprintable():
        assert Response.redirect(url, external=True).headers['location'] == url
    else:
        with pytest.raises(ValueError, match='control character'):
            Response.redirect(url, external=True)


def test_kinds_of_content() -> None:
    assert Response.plain_text('<b>').headers['content-type'] == 'text/plain; charset=utf-8'
    assert Response.json({'a': ['ü', None]}).content == '{"a": ["ü", null]}'
    assert Response.json([], status=201).status == 201
    page = flatten(Response.generic('<b>body</b>', title='<R&D>', status=404).content).decode()
    assert '<title>&lt;R&amp;D&gt;</title>' in page
    assert '<b>body</b>' in page
    assert REASONS[404] in flatten(Response.generic(status=404).content).decode()


def test_swearing_names_the_request_and_minds_its_manners() -> None:
    response = Response.swear(Request('POST', '/<script>'), ['<p>', 'detail', '</p>'])
    page = flatten(response.content).decode()
    assert response.status == 500
    assert '<code>POST /&lt;script&gt;</code>' in page
    assert '<p>detail</p>' in page
    assert any(f'<h1>{oath}!</h1>' in page for oath in OATHS)


def test_a_copy_with_other_content() -> None:
    response = Response('a', status=201, headers={'A': 'b'}, shut_down=True)
    copy = response.with_content(b'c')
    copy.add_header('C', 'd')
    assert (copy.content, copy.status, copy.shut_down, copy.headers['a']) == (b'c', 201, True, 'b')
    assert (response.content, 'C' in response.headers) == ('a', False)


def test_what_a_handler_returns_becomes_a_response() -> None:
    response = Response('x')
    assert as_response(response) is response
    assert as_response(['a', 1]).content == ['a', 1]  # type: ignore[union-attr]
    assert as_response(None).content is None  # type: ignore[union-attr]
    stream = Response.stream('ab')
    assert as_response(stream) is stream


@pytest.mark.parametrize('value, remedy', [
    (('Not found', 404), 'Response(content, status=404)'), (('<p>', 201, {'A': 'b'}), 'status=201'),
    ((None, HTTPStatus.NO_CONTENT), 'status=204'), ((Response('x'), 500), 'status=500'),
    (('x', {'A': 'b'}), 'headers='), ({'id': 7}, 'Response.json(value)'), ({}, 'Response.json(value)'),
    ([{'id': 7}, {'id': 8}], 'Response.json(value)'), (OrderedDict(a=1), 'Response.json(value)'),
    (({'id': 7}, 201), 'Response.json(value)'),
])
def test_what_means_a_status_or_json_elsewhere_is_refused_with_the_remedy(value: object, remedy: str) -> None:
    with pytest.raises(TypeError, match=re.escape(remedy)):
        as_response(value)
    reply = Client(lambda request: value).get('/')
    assert reply.status == 500 and html.escape(remedy) in reply.text


@pytest.mark.parametrize('value, body', [
    (('a', 'b'), b'ab'), (('a', 1), b'a1'), (('a', 99.5), b'a99.5'), (('a', 1000), b'a1000'), ((), b''),
    (('a', True), b'aTrue'), ((1, 2, 3, 404), b'123404'), (['Not found', 404], b'Not found404'), ([], b''),
    (['a', {'b': 1}], b'ab: 1\r\n'), (404, b'404'), ('', b''),
])
def test_content_of_every_other_shape_is_a_page(value: object, body: bytes) -> None:
    reply = Client(lambda request: value).get('/')
    assert (reply.status, reply.body) == (200, body)


def test_the_programmer_and_nobody_else_reads_of_a_forgotten_return(caplog: pytest.LogCaptureFixture) -> None:
    router = Router()

    @router.route('/total', methods=('GET', 'POST'))
    def total() -> None:
        pass
    with closing(connect(':memory:')) as db:
        for application in (router, guard(router, db)):
            forgotten(application, caplog)


def forgotten(application: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.clear()
    reply = Client(application).get('/total')
    assert reply.status == 200
    for words in ('returned <code>None</code>', '<code>return</code> is missing', 'total'):
        assert words in reply.text
    assert 'is a return missing?' in caplog.text
    assert Client(application).post('/total', form={}).body == b''
    assert Client(application).get('/total', headers={'Sec-Fetch-Dest': 'empty'}).body == b''
    assert Client(application, debug=False).get('/total').body == b''


def test_header_fields_are_set_changed_and_taken_away() -> None:
    response = Response('x', headers={'Cache-Control': 'private', 'X-A': '1'})
    headers = response.headers
    headers['cache-control'] = 'no-store'
    headers['X-B'] = 2
    headers.append('Vary', 'Accept')
    headers.append('Vary', 'Cookie')
    del response.headers['x-a']
    assert response.fields == [('cache-control', 'no-store'), ('X-B', '2'), ('Vary', 'Accept'),
                               ('Vary', 'Cookie')]
    assert headers.get_list('vary') == ['Accept', 'Cookie'] and headers['VARY'] == 'Cookie'
    assert Headers(headers.items()) == Headers(response.fields)
    assert len(headers) == 3 and 'CACHE-control' in headers and 'x-a' not in headers
    headers['Vary'] = '*'
    assert headers.get_list('vary') == ['*']
    assert headers.pop('X-B') == '2' and headers.setdefault('X-B', '3') == '3'
    headers.update({'X-C': 'c'})
    assert list(headers) == ['cache-control', 'vary', 'x-b', 'x-c']
    with pytest.raises(KeyError):
        del headers['X-A']
    reply = Client(lambda request: response).get('/')
    assert (reply.headers['cache-control'], reply.headers['x-c']) == ('no-store', 'c')


@pytest.mark.parametrize('name, value', [('A', 'b\r\nSet-Cookie: x'),
                                         ('A', '\0'), ('A', 'Ж'), ('A B', 'c'), ('', 'c')])
def test_no_way_to_set_a_header_field_lets_a_control_character_in(name: str, value: str) -> None:
    response = Response('x')
    for change in (response.headers.__setitem__, response.headers.append, response.add_header,
                   response.headers.setdefault, lambda name, value: response.headers.update({name: value})):
        with pytest.raises(ValueError, match='header'):
            change(name, value)
    assert response.fields == []


def test_a_download_has_the_type_of_its_name() -> None:
    reply = Client(lambda request: Response.download(['id', ';name'], 'Größe "7".csv')).get('/')
    assert (reply.body, reply.headers['content-type']) == (b'id;name', 'text/csv; charset=utf-8')
    assert reply.headers['content-disposition'] == (
        "attachment; filename=\"Gr__e _7_.csv\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%227%22.csv")
    response = Response.download(b'x', 'a.bin', content_type='image/png')
    assert response.headers['content-type'] == 'image/png'


def test_json_has_no_number_that_browsers_refuse() -> None:
    with pytest.raises(ValueError, match='JSON'):
        Response.json({'a': float('nan')})


def test_a_future_is_answered_when_it_is_done() -> None:
    pending: Future[str] = Future()
    answer = as_response(pending)
    assert isinstance(answer, Deferred)
    wait = answer.step()
    assert isinstance(wait, Wait)
    assert not wait.over(0)
    pending.set_result('done')
    assert wait.over(0)
    response = answer.step()
    assert isinstance(response, Response)
    assert response.content == 'done'


def test_a_future_that_fails_fails_the_step() -> None:
    pending: Future[str] = Future()
    pending.set_exception(ZeroDivisionError())
    answer = as_response(pending)
    assert isinstance(answer, Deferred)
    with pytest.raises(ZeroDivisionError):
        answer.step()


def test_closing_a_future_cancels_it() -> None:
    pending: Future[str] = Future()
    as_response(pending).close()  # type: ignore[union-attr]
    assert pending.cancelled()


def test_a_future_may_give_a_stream_but_not_another_future() -> None:
    outer: Future[object] = Future()
    outer.set_result(Response.stream('ab'))
    assert isinstance(as_response(outer).step(), Deferred)  # type: ignore[union-attr]
    outer = Future()
    outer.set_result(Future())
    with pytest.raises(TypeError, match='not another future'):
        as_response(outer).step()  # type: ignore[union-attr]


def test_a_coroutine_is_a_clear_error() -> None:
    async def handler() -> str:
        return 'x'
    with pytest.raises(TypeError, match='async def'):
        as_response(handler())


def test_a_stream_gives_its_pieces_and_is_closed_once() -> None:
    closed = []

    def pieces():
        try:
            yield ['a', 1]
            yield None
            yield b'b'
        finally:
            closed.append(True)
    answer = Response.stream(pieces(), status=202, headers={'A': 'b'})
    assert answer.response is not None
    assert (answer.response.status, answer.response.headers['a']) == (202, 'b')
    assert [answer.step() for _ in range(4)] == [b'a1', b'', b'b', None]
    half = Response.stream(pieces())
    half.step()
    half.close()
    half.close()
    assert closed == [True, True]


def test_each_step_and_the_closing_happen_within() -> None:
    log = []

    class Around:
        def __enter__(self) -> None:
            log.append('in')

        def __exit__(self, *error: object) -> None:
            log.append('out')

    def pieces():
        try:
            log.append('a')
            yield 'a'
            yield 'b'
        finally:
            log.append('closed')
    answer = Response.stream(pieces()).within(Around)
    assert answer.response is not None
    assert answer.step() == b'a'
    answer.close()
    assert log == ['in', 'a', 'out', 'in', 'closed', 'out']


def test_a_wait_ends_at_its_moment() -> None:
    assert not Wait(until=5.0).over(4.9)
    assert Wait(until=5.0).over(5.0)


def test_header_fields_without_end_are_refused() -> None:
    with pytest.raises(ValueError, match='more than 1,000'):
        Response('x', headers=((f'X-{number}', 'y') for number in count()))
