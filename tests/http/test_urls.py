"""URLs: decoding once and by component, building, forms in URL encoding, and which URLs stay here."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kali.errors import ProtocolError
from kali.http.urls import add_query, build_url, is_local, parse_pairs, split_path


@pytest.mark.parametrize('path, components', [
    ('/', ['']), ('/a', ['a']), ('/a/', ['a', '']), ('/a/b', ['a', 'b']), ('//a', ['', 'a']),
    ('/a%2Fb/c', ['a/b', 'c']), ('/%252F', ['%2F']), ('/a+b', ['a+b']), ('/a%20b', ['a b']),
    ('/%C3%A4%E2%82%AC', ['ä€']), ('/%2e%2E', ['..']), ('/%00', ['\0']), ('/%5C', ['\\']), ('*', ['']),
])
def test_a_path_is_decoded_once_component_by_component(path: str, components: list[str]) -> None:
    assert split_path(path) == components


@pytest.mark.parametrize('path', ['/%', '/%2', '/%zz', '/a%2/b', '/%C3', '/%FF', '/%C0%AF', '/%ED%A0%80',
                                  '/%E4/a', '/%u0041'])
def test_bad_escapes_and_what_is_no_utf_8_are_400(path: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        split_path(path)
    assert caught.value.status == 400


@pytest.mark.parametrize('text, pairs', [
    ('', []), ('a=1', [('a', '1')]), ('a=1&a=2', [('a', '1'), ('a', '2')]), ('a', [('a', '')]),
    ('=1', [('', '1')]),
    ('a=b=c', [('a', 'b=c')]), ('&&a=1&', [('a', '1')]), ('a+b=c+d', [('a b', 'c d')]),
    ('a=%2B', [('a', '+')]),
    ('a=%', [('a', '%')]), ('a=100%&b=%zz', [('a', '100%'), ('b', '%zz')]),
    ('%C3%A4=%E2%82%AC', [('ä', '€')]),
    ('a;b=1', [('a;b', '1')]), ('a=%0D%0A', [('a', '\r\n')]),
])
def test_pairs_as_forms_send_them(text: str, pairs: list[tuple[str, str]]) -> None:
    assert list(parse_pairs(text).items()) == pairs


def test_pairs_that_are_no_utf_8_are_400_and_too_many_413() -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_pairs('a=%FF')
    assert caught.value.status == 400
    assert len(parse_pairs('&'.join(['a=1'] * 1000)).get_list('a')) == 1000
    with pytest.raises(ProtocolError, match='more than 1000 fields') as caught:
        parse_pairs('&'.join(['a=1'] * 1001))
    assert caught.value.status == 413


@pytest.mark.parametrize('path, query, url', [
    ([], None, '/'), ([''], None, '/'), (['a'], None, '/a'), (['a', ''], {}, '/a/'), (['a', 7], None, '/a/7'),
    (['a/b', '?', '#', '%', '"', 'ä'], None, '/a%2Fb/%3F/%23/%25/%22/%C3%A4'), ([':@'], None, '/:@'),
    (['\\evil'], None, '/%5Cevil'), (['a'], {'q': 'x y&z'}, '/a?q=x+y%26z'), (['a'], {'q': None}, '/a'),
    (['a'], {'q': ['1', '2']}, '/a?q=1&q=2'), (['a'], [('b', 1), ('b', 2)], '/a?b=1&b=2'),
    (['a'], {'q': ''}, '/a?q='),
])
def test_building(path: list[str], query: object, url: str) -> None:
    assert build_url(path, query) == url  # type: ignore[arg-type]


TEXT = st.text(st.characters(codec='utf-8'), max_size=12)


@given(st.lists(TEXT, min_size=1, max_size=5), st.lists(st.tuples(TEXT, TEXT), max_size=5))
def test_what_is_built_is_read_back_and_stays_here(path: list[str], query: list[tuple[str, str]]) -> None:
    url = build_url(path, query)
    assert is_local(url)
    assert url.isascii()
    text, _, rest = url.partition('?')
    assert split_path(text)[-len(path):] == path  # one that begins with two slashes is led in by a dot
    pairs = parse_pairs(rest)
    assert [(key, value) for key, value in query if key or value] == [
        pair for pair in query if pair[1] in pairs.get_list(pair[0]) and (pair[0] or pair[1])]


@pytest.mark.parametrize('url', [
    '', '/', '/a?b=c#d', 'a', './a', '../a', '?a=b', '#top', '/a//b', '/http://evil.example',
    '/a?next=//evil.example',
    'a/b:c', '/%2F/evil.example', '/.//evil.example', '/ä', '?//evil.example',
])
def test_urls_that_stay_here(url: str) -> None:
    assert is_local(url)


@pytest.mark.parametrize('url', [
    '//evil.example', '///evil.example', '////evil.example', '/\\evil.example', '\\/evil.example',
    '\\\\evil.example',
    '/\\/evil.example', 'http://evil.example', 'https:evil.example', 'HTTP://evil.example',
    'javascript:alert(1)',
    'data:text/html,x', 'mailto:a@b', 'x-y.z+1:a', '/\t/evil.example', '/\n/evil.example', '\t//evil.example',
    ' //evil.example', '//evil.example ', 'java\nscript:alert(1)', '\x01//evil.example', '/\r\nX: y', 'a b',
    '/\x7f',
    '//localhost:8080', '//user@evil.example', 'http:/evil.example', 'http:evil', '/\0/evil.example',
])
def test_urls_that_may_lead_away(url: str) -> None:
    assert not is_local(url)


@pytest.mark.parametrize('url, expected', [
    ('/', '/?key=k1'), ('', '?key=k1'), ('/#/home', '/?key=k1#/home'), ('/a?b#c', '/a?b&key=k1#c'),
    ('?x', '?x&key=k1'), ('/?', '/?key=k1'), ('/a?#', '/a?key=k1#'),
    ('/#/list?sort=name#x', '/?key=k1#/list?sort=name#x'),
    ('#top', '?key=k1#top'), ('/größe/ж?ä=ö#ü', '/gr%C3%B6%C3%9Fe/%D0%B6?%C3%A4=%C3%B6&key=k1#%C3%BC'),
    ('/my page', '/my%20page?key=k1'), ('/a%20b', '/a%20b?key=k1'), ('/100%', '/100%25?key=k1'),
    ('/\\evil.example', '/%5Cevil.example?key=k1'), ('/a\r\nb"<>', '/a%0D%0Ab%22%3C%3E?key=k1'),
    ('/[x]~;:@', '/[x]~;:@?key=k1'),
])
def test_a_field_is_added_to_the_query_and_nowhere_else(url: str, expected: str) -> None:
    added = add_query(url, {'key': 'k1'})
    assert added == expected and added.isascii() and is_local(added)
    assert add_query(url, None) == add_query(url, {})


def test_several_fields_are_added_and_encoded() -> None:
    assert add_query('/a#b', [('x', 'ä&#'), ('y', None), ('z', ['1', 2])]) == '/a?x=%C3%A4%26%23&z=1&z=2#b'


@pytest.mark.parametrize('url', ['//evil.example/', 'https://evil.example/', 'javascript:alert(1)', '///x'])
def test_nothing_is_added_to_a_url_that_leads_elsewhere(url: str) -> None:
    with pytest.raises(ValueError, match='leads to another server'):
        add_query(url, {'key': 'secret'})


@given(url=st.text().map(lambda text: '/' + text.lstrip('/')), value=st.text(max_size=5))
def test_a_browser_finds_the_added_field_last_in_the_query(url: str, value: str) -> None:
    try:
        added = add_query(url, {'key': value})
    except UnicodeEncodeError:  # a lone surrogate
        return
    before, _, after = added.partition('#')
    assert parse_pairs(before.partition('?')[2]).get('key') == value
    assert after == quote(re.sub('%(?![0-9A-Fa-f]{2})', '%25', url.partition('#')[2]), "!#$%&'()*+,/:;=?@[]~")
