"""Conditions and ranges, in the order of RFC 9110 section 13.2.2, for Response.file and StaticFolder."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kali.http.conditions import SECOND
from kali.http.dates import http_date, time_of
from kali.http.response import Response
from kali.routing.static import StaticFolder
from kali.testing import Client, Reply

if TYPE_CHECKING:
    from pathlib import Path

THEN = 784111777
EARLIER, DATE, LATER = (http_date(THEN + seconds) for seconds in (-1, 0, 1))


@pytest.fixture(params=['Response.file', 'StaticFolder'])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Client:
    path = tmp_path / 'letters.txt'
    path.write_bytes(b'abcdefghij')
    os.utime(path, (THEN, THEN))
    return Client(StaticFolder(tmp_path) if request.param == 'StaticFolder' else
                  lambda request: Response.file(path, request=request))


def ask(client: Client, fields: dict[str, str | list[str]], method: str = 'GET') -> Reply:
    tag = client.get('/letters.txt').headers['etag']
    lines = [f'{name}: {each.replace("TAG", tag)}' for name, value in fields.items()
             for each in (value if isinstance(value, list) else [value])]
    return client.exchange('\r\n'.join([f'{method} /letters.txt HTTP/1.1', 'Host: localhost', *lines, '',
                                        '']).encode())


@pytest.mark.parametrize('fields, status', [
    ({'If-Match': 'TAG'}, 200), ({'If-Match': '*'}, 200), ({'If-Match': '"a", TAG'}, 200),
    ({'If-Match': ['"a"', 'TAG']}, 200), ({'If-Match': '"a"'}, 412), ({'If-Match': 'W/TAG'}, 412),
    ({'If-Match': ''}, 412), ({'If-Match': '"a"', 'Range': 'bytes=3-'}, 412),
    ({'If-Match': 'TAG', 'Range': 'bytes=3-'}, 206), ({'If-Match': '"a"', 'If-None-Match': 'TAG'}, 412),
    ({'If-Match': 'TAG', 'If-None-Match': 'TAG'}, 304),
    ({'If-Match': 'TAG', 'If-Unmodified-Since': EARLIER}, 200),            # the tag goes before the date
    ({'If-Unmodified-Since': DATE}, 200), ({'If-Unmodified-Since': LATER}, 200),
    ({'If-Unmodified-Since': EARLIER}, 412), ({'If-Unmodified-Since': EARLIER, 'Range': 'bytes=3-'}, 412),
    ({'If-Unmodified-Since': DATE, 'Range': 'bytes=3-'}, 206), ({'If-Unmodified-Since': 'yesterday'}, 200),
    ({'If-None-Match': 'TAG'}, 304), ({'If-None-Match': 'W/TAG'}, 304), ({'If-None-Match': '*'}, 304),
    ({'If-None-Match': ['"a"', 'W/"b", TAG']}, 304), ({'If-None-Match': ['TAG', '"z"']}, 304),
    ({'If-None-Match': '"a,TAG"'}, 200), ({'If-None-Match': '"a", "b"'}, 200),
    ({'If-None-Match': 'junk'}, 200),
    ({'If-None-Match': '"a"', 'If-Modified-Since': LATER}, 200),           # the tag goes before the date
    ({'If-Modified-Since': DATE}, 304), ({'If-Modified-Since': LATER}, 304),
    ({'If-Modified-Since': EARLIER}, 200), ({'If-Modified-Since': 'Sun Nov  6 08:49:37 1994'}, 304),
    ({'If-Modified-Since': 'Sunday, 06-Nov-94 08:49:37 GMT'}, 304),
    ({'If-Modified-Since': '1994-11-06'}, 200),
    ({'Range': 'bytes=3-', 'If-Range': 'TAG'}, 206), ({'Range': 'bytes=3-', 'If-Range': 'W/TAG'}, 200),
    ({'Range': 'bytes=3-', 'If-Range': '"a"'}, 200), ({'Range': 'bytes=3-', 'If-Range': DATE}, 206),
    ({'Range': 'bytes=3-', 'If-Range': LATER}, 200), ({'Range': 'bytes=3-', 'If-Range': EARLIER}, 200),
    ({'Range': 'bytes=3-', 'If-Range': 'junk'}, 200), ({'Range': 'bytes=90-', 'If-Range': '"a"'}, 200),
    ({'Range': 'bytes=90-'}, 416), ({'Range': 'bytes=90-', 'If-None-Match': 'TAG'}, 304),
    ({'Range': 'Bytes=3-'}, 206),
])
def test_conditions(client: Client, fields: dict[str, str | list[str]], status: int) -> None:
    reply = ask(client, fields)
    assert reply.status == status
    assert reply.body == {200: b'abcdefghij', 206: b'defghij'}.get(status, b'')
    assert ('content-type' in reply.headers and reply.headers['content-type'].startswith('text/plain')) == (
        status in (200, 206))
    head = ask(client, fields, 'HEAD')
    assert (head.status, head.body) == ({206: 200, 416: 200}.get(status, status), b'')
    assert 'content-range' not in head.headers


def changed(tmp_path: Path, when: int, **fields: str) -> Reply:
    """The answer for a file that was changed at `when`, in nanoseconds."""
    path = tmp_path / 'a.bin'
    path.write_bytes(b'0123456789')
    os.utime(path, ns=(when, when))
    client = Client(lambda request: Response.file(path, request=request))
    return client.get('/', headers={name.replace('_', '-'): value for name, value in fields.items()})


@pytest.mark.parametrize('when, status', [
    (THEN * SECOND, 206), (THEN * SECOND + 100, 200), (THEN * SECOND + SECOND // 2, 200),
    (5_000_000_000 * SECOND, 200),  # in the future
])
def test_a_date_is_not_believed_if_the_file_may_have_changed_twice_in_that_second(
        tmp_path: Path, when: int, status: int) -> None:
    date = changed(tmp_path, when).headers['last-modified']
    assert changed(tmp_path, when, Range='bytes=5-', If_Range=date).status == status


def test_a_date_in_the_future_is_not_sent(tmp_path: Path) -> None:
    for ahead in (3600, 10**9, 3 * 10**11):
        before = int(time.time())
        reply = changed(tmp_path, (before + ahead) * SECOND if ahead < 10**10 else 2**63 - 1)
        last = time_of(reply.headers['last-modified'])
        assert last is not None and before <= last <= time.time()
        assert last <= (time_of(reply.headers['date']) or 0)
    assert changed(tmp_path, -5 * SECOND).headers['last-modified'] == 'Thu, 01 Jan 1970 00:00:00 GMT'


@given(st.integers(0, 4 * 10**9))
def test_a_date_comes_back(seconds: int) -> None:
    assert time_of(http_date(seconds)) == seconds


@pytest.mark.parametrize('text', ['', 'now', 'Sun, 06 Foo 1994 08:49:37 GMT', 'Sun, 06 Nov 1994 24:49:37 GMT',
                                  'Sun, 00 Nov 1994 08:49:37 GMT', 'Sun, 06 Nov 1994 08:49:37 CET',
                                  'Sun, 06 Nov 0094 08:49:37 GMT', 'Sun, 06 Nov 1994 08:49:37 GMT, x',
                                  '784111777'])
def test_what_is_no_date(text: str) -> None:
    assert time_of(text) is None
