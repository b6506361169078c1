"""Redirects: no text from a request leads the browser away, however it reads slashes, blanks and schemes."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kali.http.request import Request
from kali.http.response import Response
from kali.http.urls import is_local
from kali.routing.router import Router
from kali.routing.static import StaticFolder
from kali.testing import Client

if TYPE_CHECKING:

    from playwright.sync_api import Page

FOREIGN = [
    '//evil.example', '///evil.example', '////evil.example', '//evil.example/%2e%2e', '//user@evil.example',
    '//localhost:8080@evil.example', '/\\evil.example', '\\\\evil.example', '\\/evil.example',
    '/\\/evil.example',
    '/\t/evil.example', '/\n/evil.example', '/\r/evil.example', '\t//evil.example',
    '\x00//evil.example', '\x1f//evil.example', '//\tevil.example', 'https://evil.example',
    'HTTP://evil.example', 'http:evil.example', 'http:/evil.example', 'https:\\\\evil.example',
    'ht\ttp://evil.example',
    'http://localhost:8080@evil.example', 'http://localhost:8080\\@evil.example',
    'http://localhost:8080.evil.example',
    'javascript:alert(1)', 'JaVaScRiPt:alert(1)', 'java\nscript:alert(1)', 'data:text/html,x', 'vbscript:x',
    'file:///x',
    'blob:x', 'mailto:x', 'about:blank', 'x:y', '//[::1]', '//%65vil.example', '//evil.example\\@localhost',
    '/ok\r\nLocation: http://evil.example', '/ok\r\n\r\n<script>', 'http://[evil', '//127.0.0.1:1', '//0',
]
HERE = ['/', '/tasks?next=//evil.example', 'edit', './x', '../x', '?q=http://evil.example', '#top', '',
        '/a/b:c', '/a//b',
        '/%2F/evil.example', '/%5Cevil.example', '/@evil.example', '/a b', '/ü', ' //evil.example',
        '\\evil.example', '/a?b=\u2028']


@pytest.mark.parametrize('url', FOREIGN)
def test_a_redirect_leaves_only_when_told_to(url: str) -> None:
    with pytest.raises(ValueError, match='redirect to'):
        Response.redirect(url)

    def follow(request: Request) -> Response:
        return Response.redirect(request.query['next'])
    reply = Client(follow).get('/?next=' + quote(url))
    assert reply.status == 500
    assert 'location' not in reply.headers


@pytest.mark.parametrize('url', ['https://example.org/a?b=c', '//example.org'])
def test_a_redirect_that_is_meant_to_leave(url: str) -> None:
    assert Response.redirect(url, external=True).headers['location'] == url
    for evil in (url + '\r\nX: y', url + '\n', url + '\0', url + '\t'):
        with pytest.raises(ValueError):
            Response.redirect(evil, external=True)


PIECES = ['/', '//', '\\', '\t', '\n', ' ', '.', '..', ':', '@', '?', '#', 'http:', 'evil.example', '%2f',
          '%5c', '\x00', ';',
          'a', '\u2044', '\uff0f', '[', '%09', 'javascript:', '/.', '\u3002']


def test_a_browser_agrees_with_what_is_said_to_stay(page: Page) -> None:
    urls = [*HERE,
            *(''.join(pieces) for count in (1, 2, 3, 4) for pieces in itertools.product(PIECES[:18],
                                                                                        repeat=count)
                     if count < 4 or pieces[0] in '/\\.:')]
    urls = [url for url in urls if is_local(url.replace(' ', '%20'))]
    assert len(urls) > 5000
    places = [Response.redirect(url).headers['location'] for url in urls]
    page.goto('about:blank')
    gone = page.evaluate('''places => places.filter(place => {
        try { return new URL(place, 'http://localhost:8080/a/b').origin !== 'http://localhost:8080' }
        catch { return false }})''', places)
    assert gone == []


def test_the_table_is_right_about_the_browser(page: Page) -> None:
    page.goto('about:blank')
    stays = page.evaluate('''urls => urls.filter(url => {
        try { return new URL(url, 'http://localhost:8080/a/b').origin === 'http://localhost:8080' }
        catch { return false }})''', FOREIGN)
    # These are refused though they would stay: a scheme without slashes, our own host, or a broken header.
    assert set(stays) <= {'http:evil.example', 'http:/evil.example', 'http://localhost:8080\\@evil.example',
                          '/ok\r\n\r\n<script>', '/ok\r\nLocation: http://evil.example'}


@given(st.lists(st.sampled_from([*PIECES, '%2e%2e', '%2e', 'files', 'sub', '?a=//evil.example']),
                max_size=8).map(
    lambda pieces: '/' + ''.join(pieces)))
def test_what_the_router_redirects_to_stays_here(tmp_path_factory: pytest.TempPathFactory,
                                                 target: str) -> None:
    root = tmp_path_factory.getbasetemp() / 'evil.example'
    (root / 'evil.example').mkdir(parents=True, exist_ok=True)
    app = Router()
    app.delegate_folder('/files/', StaticFolder(root))
    app.function('/a/')(lambda: '')
    app.delegate_folder('/sub/*/', lambda request: Response.redirect(request.app_url(['', 'evil.example'])))
    for method in ('GET', 'POST'):
        reply = Client(app).request(method, quote(target, safe="/\\.:@?%;=&[a-z]"))
        if 300 <= reply.status < 400:
            place = reply.headers['location']
            assert place.startswith('/')
            assert not place.startswith('//')
            assert is_local(place)
