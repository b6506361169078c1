"""Floods: whatever comes in by thousands costs linear time, and more than the limit is refused.

Cost is compared by the time that sixteen times the input takes: linear is 16 times, quadratic 256. The bound
is generous, so that a busy machine does not matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kali.errors import ProtocolError
from kali.http.cookies import parse_cookies
from kali.http.files import file_answer
from kali.http.multipart import boundary_of, disposition_of, split_parts
from kali.http.parser import RequestParser
from kali.http.request import Request
from kali.http.urls import is_local, parse_pairs, split_path
from kali.multidict import Headers
from kali.server.gate import Gate, Keys
from kali.testing import Client
from tests.windows import cpu_time

if TYPE_CHECKING:
    from collections.abc import Callable

MANY = 10**9


def parts(n: int) -> None:
    body = [b'--b\r\nContent-Disposition: form-data; name="%d"\r\n\r\nx\r\n' % i for i in range(n)]
    list(split_parts(b''.join(body) + b'--b--\r\n', b'b', MANY))


def near_parts(n: int) -> None:
    list(split_parts(b'--b\r\n\r\n' + b'\r\n--bx' * n + b'\r\n--b--\r\n', b'b', MANY))


def cookies_at_the_gate(n: int) -> None:
    from kali.http.parser import Head
    headers = Headers([('Host', 'localhost:1'), ('Cookie', 'k=x;' * n)])
    assert Gate(1, (), Keys('k', 'f' * 64)).admit(Head('GET', '/', headers))


def fields_of_cookies(n: int) -> None:
    assert Request('GET', '/', [('Cookie', f'c{i}=1') for i in range(n)]).cookies


def ranges(n: int) -> None:
    file_answer(__file__, request=Request('GET', '/', {'Range': 'bytes=' + '0-0,' * n}))


def tags(n: int) -> None:
    file_answer(__file__, request=Request('GET', '/', {'If-None-Match': '"x", ' * n}))


def head(n: int) -> None:
    from kali.http.limits import Limits
    data = b'GET / HTTP/1.1\r\nHost: a\r\n' + b'X: y\r\n' * n + b'\r\n'
    list(RequestParser(Limits(fields=MANY, head=MANY)).feed(data))


FLOODS: dict[str, Callable[[int], Any]] = {
    'fields': lambda n: parse_pairs('&'.join(f'k{i}=v' for i in range(n)), MANY),
    'one field often': lambda n: parse_pairs('a=1&' * n, MANY),
    'empty fields': lambda n: parse_pairs('&' * n, MANY),
    'equal signs': lambda n: parse_pairs('=' * n, MANY),
    'escapes': lambda n: parse_pairs('a=' + '%41' * n, MANY),
    'broken escapes': lambda n: parse_pairs('a=' + '%' * n, MANY),
    'pluses': lambda n: parse_pairs('+' * n, MANY),
    'a deep path': lambda n: split_path('/%41' * n),
    'cookies': lambda n: parse_cookies(''.join(f'c{i}=1;' for i in range(n))),
    'empty cookies': lambda n: parse_cookies(';' * n),
    'quoted cookies': lambda n: parse_cookies('"=";' * n),
    'escaped cookies': lambda n: parse_cookies('a=' + '%' * n),
    'cookies at the gate': cookies_at_the_gate, 'cookie fields': fields_of_cookies,
    'parts': parts, 'near parts': near_parts, 'ranges': ranges, 'tags': tags, 'a long head': head,
    'semicolons in a disposition': lambda n: disposition_of('form-data; name="x"' + ';' * n),
    'quotes in a disposition': lambda n: disposition_of('form-data; name="x"; filename="' + '\\"' * n),
    'blanks in a disposition': lambda n: disposition_of('form-data; name="x"; filename="' + '\\" ' * n),
    'names in a disposition': lambda n: disposition_of('form-data; name="x"' + '; a' * n),
    'boundaries': lambda n: boundary_of('boundary=;' * n + ' boundary=x'),
    'a redirect': lambda n: is_local('a' * n + ':'),
}


def seconds(flood: Callable[[int], Any], n: int) -> float:
    """The least time of a few runs, which is the one that was disturbed least."""
    best = float('inf')
    for _ in range(5):
        begun = cpu_time()
        flood(n)
        best = min(best, cpu_time() - begun)
    return best


@pytest.mark.parametrize('flood', FLOODS.values(), ids=FLOODS)
def test_floods_cost_linear_time(flood: Callable[[int], Any]) -> None:
    small = max(seconds(flood, 1000), 2e-5)
    assert seconds(flood, 16000) < 100 * small + 0.05


def test_more_than_the_limit_is_refused_before_a_handler_sees_it() -> None:
    seen: list[int] = []

    def count(request: Request) -> str:
        seen.append(len(request.form) + len(request.query))
        return ''
    client = Client(count)
    assert client.post('/', form={f'k{i}': 'v' for i in range(1000)}).status == 200
    assert client.post('/', form={f'k{i}': 'v' for i in range(1001)}).status == 413
    assert client.get('/?' + '&' * 1000).status == 413
    assert client.post('/', files={f'f{i}': ('a', 'text/plain', b'') for i in range(101)}).status == 413
    assert seen == [1000]
    with pytest.raises(ProtocolError):
        parse_pairs('a&' * 1001)


def test_a_json_body_nested_without_end_is_refused() -> None:
    client = Client(lambda request: str(request.json))
    for body in (b'[' * 1000000, b'{"a":' * 1000000, b'1' * 1000000):
        reply = client.post('/', body=body, headers={'Content-Type': 'application/json'})
        assert reply.status in (200, 400)
        assert reply.status == 400 or body[:1] == b'1'


@pytest.mark.parametrize('value',
                         ['x; Domain=evil.example', 'x\r\nSet-Cookie: y=z', 'x, y=z', '"; Path=/', 'x\0',
                          'ü;', '\u2028'])
def test_a_cookie_s_value_smuggles_in_nothing(value: str) -> None:
    from kali.http.response import Response
    page = Response('')
    page.set_cookie('name', value, same_site='Strict')
    assert [name for name, _ in page.fields] == ['Set-Cookie']
    pair, *attributes = page.headers['set-cookie'].split(';')
    assert attributes == [' Path=/', ' HttpOnly', ' SameSite=Strict']
    assert parse_cookies(pair) == {'name': value}
