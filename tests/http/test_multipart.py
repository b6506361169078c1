"""Multipart bodies as browsers, old browsers and scripts send them, in Request.form and Request.files."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kali.errors import ProtocolError
from kali.http.filenames import harmless_name
from kali.http.limits import Limits
from kali.http.multipart import boundary_of, disposition_of, split_parts
from kali.http.request import FileUpload, Request
from kali.http.spool import Spool
from tests.windows import cpu_time

KIND = 'multipart/form-data; boundary=XyZ'


def posted(body: bytes | Spool, content_type: str = KIND, limits: Limits | None = None) -> Request:
    return Request('POST', '/', {'Content-Type': content_type}, body, limits=limits or Limits())


def part(disposition: str, content: bytes = b'', *fields: str) -> bytes:
    head = '\r\n'.join([f'Content-Disposition: form-data; {disposition}', *fields])
    return b'--XyZ\r\n' + head.encode() + b'\r\n\r\n' + content + b'\r\n'


END = b'--XyZ--\r\n'


def test_fields_and_files_as_a_browser_sends_them() -> None:
    request = posted(part('name="title"', 'Größe'.encode()) + part('name="tag"', b'a') + part('name="tag"',
                                                                                              b'b')
                     + part('name="photo"; filename="me.png"', b'\x89PNG\r\n\0',
                            'Content-Type: image/png') + END)
    assert list(request.form.items()) == [('title', 'Größe'), ('tag', 'a'), ('tag', 'b')]
    assert request.files['photo'] == FileUpload('me.png', 'image/png', b'\x89PNG\r\n\0')
    assert list(request.POST) == ['title', 'tag', 'photo']


@pytest.mark.parametrize('disposition, name, filename', [
    ('name="a"', 'a', None),
    ('name=a', 'a', None),
    ('name="größe"; filename="Übersicht 日本.txt"', 'größe', 'Übersicht 日本.txt'),
    ('name="a%22b"; filename="x%22y.txt"', 'a"b', 'x"y.txt'),                  # browsers today
    ('name="a%0D%0Ab"', 'a\r\nb', None),
    ('name="a%20b"', 'a%20b', None),                                           # only those three are escaped
    (r'name="a\"b"; filename="x\"y.txt"', 'a"b', 'x"y.txt'),                   # older ones
    (r'name="f"; filename="C:\Pictures\me\photo.png"', 'f', 'photo.png'),         # still older ones
    ('name="f"; filename="/pictures/me/photo.png"', 'f', 'photo.png'),
    (r'name="f"; filename="odd\"', 'f', 'odd'),                                # ends in a backslash
    (r'name="a\"; filename="b.txt"', 'a\\', 'b.txt'),
    ('name="a;b"; filename="c;d.txt"', 'a;b', 'c;d.txt'),
    ('NAME="a"; FileName="b.txt"', 'a', 'b.txt'),
    ('name="a"; filename=""', 'a', ''),
    ("name=\"a\"; filename=\"b.txt\"; filename*=UTF-8''c.txt", 'a', 'b.txt'),
    ("name=\"a\"; filename*=UTF-8''%e2%82%ac%20rates.txt", 'a', '€ rates.txt'),   # alone it is a file, too
    ("name=a; filename*=iso-8859-1'en'%A3%20rates", 'a', '£ rates'),
    ("name=a; filename*=\"utf-8''na%C3%AFve.txt\"", 'a', 'naïve.txt'),
    ("name=a; filename*=UTF-8''Zo%EB.txt", 'a', 'Zoë.txt'),                     # says UTF-8 and is none
    ("name=a; filename*=plain.txt", 'a', 'plain.txt'),
    ("name=a; filename*=UTF-8''..%2F..%2Fetc%2Fpasswd", 'a', 'passwd'),
    ("name*=UTF-8''gr%C3%B6%C3%9Fe; filename=b", 'größe', 'b'),
    ('name=""', '', None),
])
def test_names(disposition: str, name: str, filename: str | None) -> None:
    assert disposition_of('form-data; ' + disposition) == (name, filename)


def test_a_file_field_left_empty_is_no_upload() -> None:
    request = posted(part('name="f"; filename=""', b'', 'Content-Type: application/octet-stream') + END)
    assert not request.files
    assert not request.form
    assert 'f' not in request.POST


def test_a_file_without_a_name_gets_one() -> None:
    assert posted(part('name="f"; filename=""', b'milk') + END).files['f'].filename == 'file'
    assert posted(part('name="f"; filename=".."', b'milk') + END).files['f'].filename == 'file'


def test_letters_in_the_head_of_a_part_are_utf_8_or_else_latin_1() -> None:
    body = part('name="f"; filename="Zoë"', b'x') + part('name="g"; filename="Zoë"', b'x')
    body = body.replace('name="g"; filename="Zoë"'.encode(), 'name="g"; filename="Zoë"'.encode('latin-1'))
    assert [each.filename for _, each in posted(body + END).files.items()] == ['Zoë', 'Zoë']


def test_an_empty_file_is_an_upload() -> None:
    assert posted(part('name="f"; filename="empty.txt"') + END).files['f'].content == b''


@pytest.mark.parametrize('content', [
    b'', b'\r\n', b'\r\n\r\n', b'a\r\nb', b'ends in CR\r', b'x--XyZ', b'a --XyZ-- b', b'\r\n--XyZzz\r\n',
    b'\n--XyZ\n',
    b'-', b'--', b'\r\n--', b'\0\xff', b'\r\n--Xy', b'\r\n--XyZ?--',
])
def test_content_is_kept_byte_for_byte(content: bytes) -> None:
    request = posted(part('name="f"; filename="x"', content) + part('name="after"', b'!') + END)
    assert (request.files['f'].content if content else b'') == content
    assert request.form['after'] == '!'


def test_what_stands_before_and_after_is_ignored() -> None:
    body = b'This is a message in MIME format.\r\n--XyZa\r\n' + part('name="a"',
                                                                     b'1') + END + b'bye --XyZ\r\n'
    assert list(posted(body).form.items()) == [('a', '1')]


def test_blanks_after_a_delimiter_are_allowed() -> None:
    body = (part('name="a"', b'1') + END).replace(b'--XyZ\r\n', b'--XyZ \t\r\n')
    assert posted(body).form['a'] == '1'


@pytest.mark.parametrize('body', [END, b'--XyZ--', b'\r\n--XyZ--\r\n\r\n'])
def test_a_form_without_fields_is_empty(body: bytes) -> None:
    assert not posted(body).fields


@pytest.mark.parametrize('epilogue', [
    b'', b'\r\n', b'bye', b'\r\n--XyZ\r\n', b'\0\xff' * 300, END, part('name="b"', b'2') + END, b'-',
    b'\r\n--XyZ',
])
def test_after_the_closing_boundary_anything_may_come(epilogue: bytes) -> None:
    for body in (part('name="a"', b'1') + b'--XyZ--' + epilogue, part('name="a"', b'1') + END + epilogue):
        assert list(posted(body).fields.items()) == [('a', '1')]
        spool = Spool(body)
        assert list(posted(spool).fields.items()) == [('a', '1')]
        spool.close()


@pytest.mark.parametrize('body', [
    b'', b'nothing', part('name="a"', b'1'), part('name="a"', b'1') + b'--XyZ',
    part('name="a"', b'1') + b'--XyZ\r\n',
    b'--XyZ\r\n\r\nno name\r\n' + END, b'--XyZ\r\n' + END, part('nome="a"') + END,
    b'--XyZ\r\nContent-Disposition: attachment; name="a"\r\n\r\n1\r\n' + END,
    b'--XyZ\r\nContent-Disposition: form-data; name="a"\r\n' + END,
    b'--XyZ\r\nContent Disposition: form-data; name="a"\r\n\r\n1\r\n' + END,
    part('name="a"', b'\xff') + END,
    (part('name="a"', b'1') + END).replace(b'XyZ', b'Other'),              # no part of this boundary
    (part('name="a"', b'1') + END).replace(b'XyZ', b'XyZ--1'),
    b'--Other\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' + END,
    b'--XyZ--\r\nhello', b'hello\r\n' + END, END + b'x' * 5000, b' ' * 5000 + b'\r\n' + END,
    b'--XyZ\r\nContent-Disposition: form-data; name="a"\r\nContent-Disposition: form-data; name="b"'
    b'\r\n\r\n1\r\n' + END,
])
def test_a_malformed_body_is_400(body: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        _ = posted(body).form
    assert caught.value.status == 400


def test_a_boundary_in_other_letters_is_no_500() -> None:
    for boundary in ('Ж', 'ë', '\U0001f333'):
        with pytest.raises(ProtocolError):
            _ = posted(END, f'multipart/form-data; boundary={boundary}').form


@pytest.mark.parametrize('content_type', ['multipart/form-data', 'multipart/form-data; boundary=',
                                          'multipart/form-data; boundary=""'])
def test_no_boundary_is_400(content_type: str) -> None:
    with pytest.raises(ProtocolError, match='boundary') as caught:
        _ = posted(END, content_type).form
    assert caught.value.status == 400


@pytest.mark.parametrize('content_type', ['multipart/form-data; boundary="a b:c"',
                                          'Multipart/Form-Data;boundary="a b:c"',
                                          'multipart/form-data; charset=utf-8; boundary="a b:c"'])
def test_a_boundary_may_be_quoted(content_type: str) -> None:
    assert boundary_of(content_type) == b'a b:c'
    request = posted(b'--a b:c\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--a b:c--',
                     content_type)
    assert request.form['a'] == '1'


def test_as_many_parts_as_the_limit_says() -> None:
    assert len(posted(part('name="a"', b'1') * 100 + END).form.get_list('a')) == 100
    with pytest.raises(ProtocolError, match='more than 100 parts') as caught:
        _ = posted(part('name="a"', b'1') * 101 + END).form
    assert caught.value.status == 413


def test_a_head_of_a_part_has_a_limit() -> None:
    with pytest.raises(ProtocolError) as caught:
        _ = posted(part('name="a"', b'1', 'X: ' + 'y' * 9000) + END).form
    assert caught.value.status == 431


@given(st.lists(st.tuples(st.text(st.characters(codec='utf-8', exclude_characters='\\"\r\n%/;\0 '),
                                  min_size=1),
                          st.binary(max_size=50)), max_size=8))
@settings(deadline=None)
def test_what_a_browser_packs_is_what_comes_out(files: list[tuple[str, bytes]]) -> None:
    body = b''.join(part(f'name="{name}"; filename="{name}"', content) for name, content in files) + END
    if b'\r\n--XyZ' not in b''.join(content for _, content in files):
        expected = {(name, harmless_name(name), content) for name, content in files}
        assert {(key, each.filename, each.content) for key, each in posted(body).files.items()} == expected


@given(st.lists(st.sampled_from([b'--XyZ', b'--', b'\r\n', b'\n', b'Content-Disposition: form-data; name="a"',
                                 b'"',
                                 b'; filename="', b'\\', b'x', b'\0', b': ', b' ']),
                                 max_size=20).map(b''.join))
@settings(max_examples=200, deadline=None)
def test_whatever_comes_is_a_form_or_a_refusal(body: bytes) -> None:
    try:
        _ = posted(body).POST
    except ProtocolError as error:
        assert 400 <= error.status < 500


@pytest.mark.parametrize('build', [
    lambda n: part('name="' + '\\' * n)[:8000 + n // 999],
    lambda n: part('name="f"; filename="x"', b'\r\n--XyZ' * n) + END,
    lambda n: b'\r\n' * n,
    lambda n: part('name="a"', b'x' * n * 8) + END,
], ids=['backslashes', 'near delimiters', 'line ends', 'content'])
def test_eight_times_the_bytes_cost_about_eight_times_the_time(build) -> None:
    def seconds(body: bytes) -> float:
        best = 9.9
        for _ in range(3):
            begin = cpu_time()
            try:
                list(split_parts(body, b'XyZ', 10**6))
            except ProtocolError:
                pass
            best = min(best, cpu_time() - begin)
        return best
    assert seconds(build(40_000)) < 30 * seconds(build(5_000)) + 0.01


@pytest.mark.parametrize('value', [
    'form-data; name="' + '\\' * 8000, 'form-data; name="' + '\\"' * 4000, 'form-data' + '; a="' * 2000,
    'form-data' + ';' * 8000, 'form-data;' + ' ' * 8000, 'form-data; name=' + 'a' * 8000,
    'form-data; ' + 'a' * 8000,
    'form-data; name="' + '\\";' * 2500, 'form-data; name="' + '\\" ' * 2500,
])
def test_no_disposition_takes_long(value: str) -> None:
    begin = cpu_time()
    try:
        disposition_of(value)
    except ProtocolError:
        pass
    # Exponential or cubic in its length, it would not end within the test's life.
    assert cpu_time() - begin < 5
