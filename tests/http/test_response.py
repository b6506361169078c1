"""Response: what may be sent, what raises, and what becomes of what handlers return."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from kali.http.deferred import Deferred, Wait
from kali.http.request import Request
from kali.http.response import OATHS, REASONS, Response, as_response
from kali.iolist import flatten


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


def test_a_future_cannot_give_another_one() -> None:
    outer: Future[object] = Future()
    outer.set_result(Response.stream('ab'))
    with pytest.raises(TypeError, match='another deferred'):
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
