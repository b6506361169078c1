"""Encoder: the headers that every answer carries, and which of them give way."""

from __future__ import annotations

import re

import pytest

from kali.http.dates import http_date
from kali.http.encoder import DEFAULT_HEADERS, Encoder
from kali.http.response import Response


def encoded(response: Response, body: bytes = b'body', encoder: Encoder | None = None,
            **options: bool) -> tuple[str, dict[str, str], bytes]:
    head, _, rest = (encoder or Encoder()).encode(response, body, **options).partition(b'\r\n\r\n')
    line, *fields = head.decode('latin-1').split('\r\n')
    pairs = [field.split(': ', 1) for field in fields]
    assert len({name.lower() for name, _ in pairs}) == len([name for name, _ in pairs
                                                            if name != 'Set-Cookie'])
    return line, {name.lower(): value for name, value in pairs}, rest


@pytest.mark.parametrize('status', [200, 303, 400, 404, 405, 500, 503])
def test_every_answer_carries_them(status: int) -> None:
    for response in (Response('', status=status), Response('', status=status, headers={'X-Own': '1'})):
        line, headers, body = encoded(response)
        assert line.startswith(f'HTTP/1.0 {status} ')
        for name, value in DEFAULT_HEADERS.items():
            assert headers[name.lower()] == value
        assert headers['content-length'] == '4'
        assert re.fullmatch(r'[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT', headers['date'])
        assert body == b'body'


def test_the_ones_that_matter_are_there() -> None:
    _, headers, _ = encoded(Response(''))
    assert headers['x-content-type-options'] == 'nosniff'
    assert headers['x-frame-options'] == 'DENY'
    assert "frame-ancestors 'none'" in headers['content-security-policy']
    assert headers['referrer-policy'] == 'same-origin'
    assert headers['cross-origin-opener-policy'] == headers['cross-origin-resource-policy'] == 'same-origin'
    assert headers['cache-control'] == 'private, no-cache'
    assert headers['content-type'] == 'text/html; charset=utf-8'


def test_a_header_of_the_response_wins() -> None:
    own = {name.upper(): 'x' for name in DEFAULT_HEADERS}
    _, headers, _ = encoded(Response('', headers=own))
    assert all(headers[name.lower()] == 'x' for name in DEFAULT_HEADERS)


def test_headers_of_the_application_replace_add_and_leave_out() -> None:
    encoder = Encoder({'x-frame-options': None, 'Referrer-Policy': 'no-referrer', 'X-More': '1'})
    _, headers, _ = encoded(Response(''), encoder=encoder)
    assert 'x-frame-options' not in headers
    assert (headers['referrer-policy'], headers['x-more']) == ('no-referrer', '1')
    with pytest.raises(ValueError):
        Encoder({'A': 'x\r\ny'})


def test_head_gets_the_head_that_would_have_gone_with_the_body() -> None:
    assert encoded(Response(''), without_body=True)[1]['content-length'] == '4'
    assert encoded(Response(''), without_body=True)[2] == b''


@pytest.mark.parametrize('status', [204, 304])
def test_no_content_has_no_content(status: int) -> None:
    for response in (Response('', status=status), Response('', status=status, headers={'ETag': '"1"'})):
        _, headers, body = encoded(response)
        assert body == b''
        assert 'content-length' not in headers
        assert 'content-type' not in headers


def test_the_length_is_always_right() -> None:
    response = Response('', headers={'content-length': '3', 'A': 'b'})
    _, headers, body = encoded(response)
    assert headers['content-length'] == '4'
    assert body == b'body'
    assert response.headers['content-length'] == '3'
    # An answer to HEAD may tell the length of a body that was not made.
    assert encoded(Response('', headers={'Content-Length': '99'}), b'',
                   without_body=True)[1]['content-length'] == '99'


def test_a_stream_has_no_length_of_its_own() -> None:
    assert b'Content-Length' not in Encoder().head(Response(None), None)
    assert Encoder().head(Response(None, headers={'Content-Length': '7'}),
                          None).count(b'Content-Length: 7') == 1


def test_several_cookies() -> None:
    response = Response('')
    response.set_cookie('a', '1')
    response.set_cookie('b', '2')
    assert Encoder().encode(response, b'').count(b'Set-Cookie: ') == 2


def test_the_kept_heads_are_kept_apart_by_status() -> None:
    encoder = Encoder()
    assert encoder.encode(Response(''), b'a').startswith(b'HTTP/1.0 200 OK\r\n')
    assert encoder.encode(Response('', status=404), b'a').startswith(b'HTTP/1.0 404 Not Found\r\n')
    assert encoder.encode(Response('', status=299), b'').startswith(b'HTTP/1.0 299 Unknown\r\n')
    assert b'Content-Length: 2\r\n' in encoder.encode(Response(''), b'ab')


@pytest.mark.parametrize('timestamp, text', [(0, 'Thu, 01 Jan 1970 00:00:00 GMT'),
                                             (951782400, 'Tue, 29 Feb 2000 00:00:00 GMT')])
def test_dates(timestamp: int, text: str) -> None:
    assert http_date(timestamp) == text


@pytest.mark.parametrize('response, length', [
    (Response(''), 4), (Response('', status=404, headers={'X-Own': '1'}), 0),
    (Response('', status=204), None),
    (Response('', headers=[('Content-Length', '7'), ('Set-Cookie', 'a=1'), ('Set-Cookie', 'b=2')]), 7),
    (Response('', status=304, headers={'ETag': '"x"', 'x-frame-options': 'SAMEORIGIN'}), None),
])
def test_an_adapter_gets_the_fields_that_stand_in_the_head(response: Response, length: int | None) -> None:
    encoder = Encoder({'X-More': 'yes'})
    _, *lines = encoder.head(response, length).decode('latin-1').split('\r\n')
    assert [f'{name}: {value}' for name, value in encoder.fields(response, length)] == [
        line for line in lines if line and not line.startswith('Date: ')]
