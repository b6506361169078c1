"""Files as responses: content types, validators, conditions, ranges, and that none stays open."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

from kali.errors import NotFound
from kali.http.deferred import Deferred
from kali.http.files import PIECE, content_type_of
from kali.http.response import Response
from kali.testing import Client, Reply


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / 'letters.txt'
    file.write_bytes(b'abcdefghij')
    os.utime(file, (784111777, 784111777))
    return file


def ask(path: Path, method: str = 'GET', **headers: str) -> Reply:
    client = Client(lambda request: Response.file(path, request=request))
    return client.request(method, '/', headers={name.replace('_', '-'): value for name,
                                                value in headers.items()})


def test_the_whole_file(path: Path) -> None:
    reply = ask(path)
    assert (reply.status, reply.body) == (200, b'abcdefghij')
    assert reply.headers['content-type'] == 'text/plain; charset=utf-8'
    assert reply.headers['last-modified'] == 'Sun, 06 Nov 1994 08:49:37 GMT'
    assert reply.headers['accept-ranges'] == 'bytes'
    assert reply.headers['etag'].startswith('"')
    assert reply.headers['cache-control'] == 'no-cache'


def test_head(path: Path) -> None:
    reply = ask(path, 'HEAD')
    assert (reply.status, reply.body, reply.headers['content-length']) == (200, b'', '10')


def test_a_copy_that_is_still_good_is_not_sent_again(path: Path) -> None:
    first = ask(path)
    tag, date = first.headers['etag'], first.headers['last-modified']
    for headers in ({'If_None_Match': tag}, {'If_None_Match': f'"other", W/{tag}'}, {'If_None_Match': '*'},
                    {'If_Modified_Since': date}, {'If_None_Match': tag, 'If_Modified_Since': 'never'},
                    {'If_None_Match': tag, 'Range': 'bytes=0-1'}):
        reply = ask(path, **headers)
        assert (reply.status, reply.body) == (304, b'')
        assert reply.headers['etag'] == tag
        assert 'content-type' not in reply.headers
        assert 'content-length' not in reply.headers
    for headers in ({'If_None_Match': '"other"'}, {'If_None_Match': '"other"', 'If_Modified_Since': date},
                    {'If_Modified_Since': 'Sun, 06 Nov 1994 08:49:36 GMT'}):
        assert ask(path, **headers).status == 200


def test_a_change_changes_the_tag(path: Path) -> None:
    tag = ask(path).headers['etag']
    path.write_bytes(b'abcdefghijk')
    assert ask(path, If_None_Match=tag).status == 200


@pytest.mark.parametrize('asked, content, where', [
    ('bytes=0-0', b'a', '0-0'), ('bytes=2-4', b'cde', '2-4'), ('bytes=8-', b'ij', '8-9'),
    ('bytes=8-99', b'ij', '8-9'),
    ('bytes=-3', b'hij', '7-9'), ('bytes=-99', b'abcdefghij', '0-9'), ('bytes=0-9', b'abcdefghij', '0-9'),
    ('bytes= 2 - 4 ', b'cde', '2-4'),
])
def test_a_range(path: Path, asked: str, content: bytes, where: str) -> None:
    reply = ask(path, Range=asked)
    assert (reply.status, reply.body, reply.headers['content-range']) == (206, content, f'bytes {where}/10')
    assert reply.headers['content-length'] == str(len(content))
    assert ask(path, 'HEAD', Range=asked).headers['content-length'] == str(len(content))


@pytest.mark.parametrize('asked', ['bytes=10-', 'bytes=99-100', 'bytes=-0'])
def test_a_range_that_cannot_be_had(path: Path, asked: str) -> None:
    reply = ask(path, Range=asked)
    assert (reply.status, reply.headers['content-range']) == (416, 'bytes */10')


@pytest.mark.parametrize('asked', ['bytes=0-1,3-4', 'bytes=4-2', 'bytes=-', 'bytes=a-b', 'lines=1-2', '0-1',
                                   'bytes=0x1-2',
                                   'bytes=' + '0-,' * 1000, 'bytes=' + '9' * 40 + '-', 'bytes=1-2-3'])
def test_several_ranges_and_nonsense_are_ignored(path: Path, asked: str) -> None:
    reply = ask(path, Range=asked)
    assert (reply.status, reply.body) == (200, b'abcdefghij')


def test_a_range_of_what_was_there_before(path: Path) -> None:
    headers = ask(path).headers
    assert ask(path, Range='bytes=0-1', If_Range=headers['etag']).status == 206
    assert ask(path, Range='bytes=0-1', If_Range=headers['last-modified']).status == 206
    assert ask(path, Range='bytes=0-1', If_Range='"other"').status == 200


def test_ranges_are_for_get_only(path: Path) -> None:
    assert ask(path, 'POST', Range='bytes=0-1').status == 200


def test_a_large_file_comes_in_pieces_and_knows_its_length(path: Path) -> None:
    content = os.urandom(3 * PIECE + 5)
    path.write_bytes(content)
    answer = Response.file(path)
    assert isinstance(answer, Deferred)
    assert len(answer.step() or b'') == PIECE  # type: ignore[arg-type]
    answer.close()
    assert ask(path).body == content
    assert ask(path, Range='bytes=5-').body == content[5:]
    reply = ask(path, 'HEAD')
    assert (reply.body, reply.headers['content-length']) == (b'', str(len(content)))


def test_a_file_that_shrinks_while_it_is_sent_is_an_error(path: Path) -> None:
    path.write_bytes(bytes(3 * PIECE))
    answer = Response.file(path)
    assert isinstance(answer, Deferred)
    answer.step()
    path.write_bytes(b'')
    with pytest.raises(OSError, match='shorter'):
        while answer.step():
            pass
    answer.close()


def test_no_file_stays_open(path: Path) -> None:
    # One left open is a ResourceWarning when it is collected, and warnings are errors here.
    ask(path)
    ask(path, If_None_Match='*')
    ask(path, Range='bytes=99-')
    path.write_bytes(bytes(3 * PIECE))
    ask(path, 'HEAD')
    Response.file(path).close()  # type: ignore[union-attr]
    gc.collect()


@pytest.mark.parametrize('name', ['missing.txt', '.'])
def test_no_such_file_is_404(path: Path, name: str) -> None:
    with pytest.raises(NotFound) as caught:
        Response.file(path.parent / name)
    assert caught.value.status == 404


@pytest.mark.parametrize('download, disposition', [
    (True, "attachment; filename=\"letters.txt\"; filename*=UTF-8''letters.txt"),
    ('Größe "7".txt', "attachment; filename=\"Gr__e _7_.txt\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%227%22.txt"),  # noqa: E501
    ('a\r\nb\\c', "attachment; filename=\"a__b_c\"; filename*=UTF-8''a%0D%0Ab%5Cc"),
])
def test_a_download(path: Path, download: str | bool, disposition: str) -> None:
    response = Response.file(path, download=download)
    assert isinstance(response, Response)
    assert response.headers['content-disposition'] == disposition


@pytest.mark.parametrize('name, kind', [
    ('a.html', 'text/html; charset=utf-8'), ('a.CSS', 'text/css; charset=utf-8'),
    ('a.js', 'text/javascript; charset=utf-8'),
    ('a.png', 'image/png'), ('a.svg', 'image/svg+xml'), ('a.tar.gz', 'application/gzip'),
    ('a', 'application/octet-stream'),
    ('a.unknown', 'application/octet-stream'), ('.html', 'text/html; charset=utf-8'),
])
def test_content_types(name: str, kind: str) -> None:
    assert content_type_of(name) == kind


def test_the_content_type_can_be_given(path: Path) -> None:
    response = Response.file(path, content_type='text/markdown')
    assert isinstance(response, Response)
    assert response.headers['content-type'] == 'text/markdown'
