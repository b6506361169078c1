"""Files as responses: content types, validators, conditions, ranges, and that none stays open."""

from __future__ import annotations

import gc
import gzip
import os
from pathlib import Path

import pytest

from kali.errors import NotFound
from kali.http.deferred import Deferred
from kali.http.files import PIECE, content_type_of, packaged_answer
from kali.http.request import Request
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
    head = ask(path, 'HEAD', Range=asked)  # a range is for GET only (RFC 9110 section 14.2)
    assert (head.status, head.headers['content-length']) == (200, '10')
    assert 'content-range' not in head.headers


@pytest.mark.parametrize('asked', ['bytes=10-', 'bytes=99-100', 'bytes=-0'])
def test_a_range_that_cannot_be_had(path: Path, asked: str) -> None:
    reply = ask(path, Range=asked)
    assert (reply.status, reply.headers['content-range']) == (416, 'bytes */10')
    assert ask(path, 'HEAD', Range=asked).status == 200


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
    ('a\r\nb\\c', "attachment; filename=\"a__b_c\"; filename*=UTF-8''a__b_c"),
])
def test_a_download(path: Path, download: str | bool, disposition: str) -> None:
    response = Response.file(path, download=download)
    assert isinstance(response, Response)
    assert response.headers['content-disposition'] == disposition


@pytest.mark.parametrize('name, kind', [
    ('a.html', 'text/html; charset=utf-8'), ('a.CSS', 'text/css; charset=utf-8'),
    ('a.js', 'text/javascript; charset=utf-8'),
    ('a.svgz', 'image/svg+xml'), ('a.cjs', 'text/javascript; charset=utf-8'), ('A.JFIF', 'image/jpeg'),
    ('a.vtt', 'text/vtt; charset=utf-8'), ('a.mov', 'video/quicktime'), ('a.avif', 'image/avif'),
    ('a.webmanifest', 'application/manifest+json'), ('a.woff2', 'font/woff2'), ('a.opus', 'audio/ogg'),
    ('a.mjs', 'text/javascript; charset=utf-8'), ('a.ics', 'text/calendar; charset=utf-8'),
    ('a.md', 'text/markdown; charset=utf-8'), ('a.apng', 'image/apng'), ('a.heic', 'image/heic'),
    ('a.epub', 'application/epub+zip'), ('a.eml', 'message/rfc822'),
    ('a.tsv', 'text/tab-separated-values; charset=utf-8'),
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


def test_a_compressed_drawing_is_shown_as_one_and_saved_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / 'Plan.SVGZ'
    path.write_bytes(gzip.compress(b'<svg xmlns="http://www.w3.org/2000/svg"/>'))
    reply = ask(path)
    assert (reply.headers['content-type'], reply.headers['content-encoding']) == ('image/svg+xml', 'gzip')
    saved = Response.file(path, download=True)
    assert isinstance(saved, Response) and 'content-encoding' not in saved.headers


def test_files_of_the_same_size_and_time_have_other_tags(tmp_path: Path) -> None:
    tags = set()
    for size in (10, 3 * PIECE):
        for number, content in enumerate((b'a' * size, b'b' * size)):
            path = tmp_path / 'same.bin'
            if number and size > PIECE:  # another file takes its name
                (tmp_path / 'new').write_bytes(content)
                os.utime(tmp_path / 'new', ns=(5 * 10**9, 5 * 10**9))
                (tmp_path / 'new').replace(path)
            else:
                path.write_bytes(content)
                os.utime(path, ns=(5 * 10**9, 5 * 10**9))
            tags.add(ask(path, 'HEAD').headers['etag'])
    assert len(tags) == 4


def test_a_file_that_a_program_brings_is_known_by_its_version() -> None:
    status, headers, content = packaged_answer(b'p { }', 'kali.css', '1.2')
    assert (status, headers['ETag'], content) == (200, '"1.2"', b'p { }')
    assert 'Last-Modified' not in headers
    for name, value, expected in (('If-None-Match', '"1.2"', 304), ('If-None-Match', '"1.1"', 200),
                                  ('If-Modified-Since', 'Sun, 06 Nov 2094 08:49:37 GMT', 200),
                                  ('If-Unmodified-Since', 'Sun, 06 Nov 1994 08:49:37 GMT', 200),
                                  ('Range', 'bytes=0-0', 206), ('If-Match', '"1.1"', 412)):
        request = Request('GET', '/.kali/kali.css', {name: value})
        assert packaged_answer(b'p { }', 'kali.css', '1.2', request=request)[0] == expected
