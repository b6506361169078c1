"""Cookies: read leniently, written strictly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kali.http.cookies import parse_cookies, set_cookie_value
from kali.http.request import Request
from kali.http.response import Response


@pytest.mark.parametrize('header, cookies', [
    ('', {}), ('a=1', {'a': '1'}), ('a=1; b=2', {'a': '1', 'b': '2'}), ('a=1;b=2;', {'a': '1', 'b': '2'}),
    ('a="x y"', {'a': 'x y'}), ('a="', {'a': '"'}), ('a=b=c', {'a': 'b=c'}), ('a=', {'a': ''}),
    ('junk; a=1', {'a': '1'}),
    ('=1; a=2', {'a': '2'}), ('a=1; a=2', {'a': '1'}), (' a = 1 ', {'a': '1'}), ('a=%E2%82%AC', {'a': '€'}),
    ('a=100%', {'a': '100%'}), ('a=%FF', {'a': 'ÿ'}), ('a=Zo%EB', {'a': 'Zoë'}),
    ('a=Zoë; b=%C5%BD', {'a': 'Zoë', 'b': 'Ž'}), (';;;', {}), ('a=1,b=2', {'a': '1,b=2'}),
    ('A=1; a=2', {'A': '1', 'a': '2'}),
])
def test_reading(header: str, cookies: dict[str, str]) -> None:
    assert parse_cookies(header) == cookies


def test_several_cookie_fields_are_one() -> None:
    assert Request('GET', '/', [('Cookie', 'a=1'), ('Cookie', 'b=2')]).cookies == {'a': '1', 'b': '2'}


@given(st.text(st.characters(codec='utf-8')))
def test_any_value_comes_back_and_breaks_out_of_nothing(value: str) -> None:
    written = set_cookie_value('a', value)
    pair, _, attributes = written.partition(';')
    assert attributes == ' Path=/; HttpOnly; SameSite=Lax'
    assert parse_cookies(pair) == {'a': value}
    assert written.isascii()
    assert written.isprintable()


@pytest.mark.parametrize('options, text', [
    ({}, 'a=1; Path=/; HttpOnly; SameSite=Lax'),
    ({'max_age': 0}, 'a=1; Path=/; Max-Age=0; HttpOnly; SameSite=Lax'),
    ({'http_only': False, 'same_site': 'strict', 'secure': True}, 'a=1; Path=/; Secure; SameSite=Strict'),
    ({'path': '/x', 'domain': 'example.org'}, 'a=1; Path=/x; Domain=example.org; HttpOnly; SameSite=Lax'),
])
def test_attributes(options: dict[str, object], text: str) -> None:
    response = Response('')
    response.set_cookie('a', '1', **options)  # type: ignore[arg-type]
    assert response.headers['set-cookie'] == text


@pytest.mark.parametrize('options', [
    {'name': ''}, {'name': 'a b'}, {'name': 'a;b'}, {'name': 'a=b'}, {'name': 'ä'}, {'name': 'a\r\n'},
    {'path': '/; Domain=evil.example'}, {'path': '/\r\nX: y'}, {'domain': 'a; Secure'}, {'domain': 'ä'},
    {'same_site': 'Maybe'},
])
def test_what_would_break_out_is_refused(options: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        set_cookie_value(**{'name': 'a', 'value': '1', **options})  # type: ignore[arg-type]
