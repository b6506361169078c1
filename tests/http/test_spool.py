"""Spools, and the uploads in them: on the disk what a small one is in memory."""

from __future__ import annotations

import csv
import io
import os
import tempfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kali.errors import ProtocolError
from kali.http import spool as module
from kali.http.request import FileUpload, Request
from kali.http.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KIND = {'Content-Type': 'multipart/form-data; boundary=XyZ'}


def body_of(*files: bytes) -> bytes:
    part = (b'--XyZ\r\nContent-Disposition: form-data; name="f"; filename="%d.csv"\r\n'
            b'Content-Type: text/csv\r\n\r\n%s\r\n')
    return b''.join(part % item for item in enumerate(files)) + b'--XyZ--\r\n'


@pytest.fixture(params=[False, True], ids=['in memory', 'spooled'])
def upload(request: pytest.FixtureRequest) -> Iterator[FileUpload]:
    content = body_of(b'a;b\r\n1;2\r\n', b'second')
    body = Spool(content) if request.param else content
    yield Request('POST', '/', KIND, body).files.get_list('f')[0]
    if isinstance(body, Spool):
        body.close()


def test_an_upload_is_read_as_a_value_or_as_a_file(upload: FileUpload) -> None:
    assert (upload.filename, upload.content_type, upload.size) == ('0.csv', 'text/csv', 10)
    assert upload.content == b'a;b\r\n1;2\r\n'
    with upload.open() as file, upload.open() as other:  # each has its own place
        assert file.read(2) == b'a;'
        assert other.read() == upload.content
        assert file.readline() == b'b\r\n'
        assert (file.seek(0), file.seek(-3, io.SEEK_END), file.read(), file.read(1)) == (0, 7, b'2\r\n', b'')
    with io.TextIOWrapper(upload.open(), 'utf-8', newline='') as text:
        assert list(csv.reader(text, delimiter=';')) == [['a', 'b'], ['1', '2']]


def test_an_upload_is_a_value_as_in_kali_0_0_x(upload: FileUpload) -> None:
    same = FileUpload('0.csv', 'text/csv', b'a;b\r\n1;2\r\n')
    assert upload == same == ('0.csv', 'text/csv', b'a;b\r\n1;2\r\n')
    assert upload != FileUpload('0.csv', 'text/csv', b'')
    assert hash(upload) == hash(same)
    name, kind, content = upload
    assert (name, kind, content) == tuple(upload) == upload[:3]
    assert upload[2] == content
    assert FileUpload(filename='a', content_type='b', content=b'c') == ('a', 'b', b'c')
    assert repr(FileUpload('a', 'b', b'c')) == "FileUpload(filename='a', content_type='b', content=b'c')"


def test_a_spooled_upload_is_not_read_to_be_shown() -> None:
    spool = Spool(body_of(b'x' * 100_000))
    upload = Request('POST', '/', KIND, spool).files['f']
    assert repr(upload) == "FileUpload(filename='0.csv', content_type='text/csv', content=<100000 bytes>)"
    spool.close()


def test_an_upload_is_saved_whole_and_never_over_another_file_untold(upload: FileUpload,
                                                                     tmp_path: Path) -> None:
    path = tmp_path / 'kept.csv'
    upload.save(path)
    assert path.read_bytes() == upload.content
    path.write_bytes(b'precious')
    with pytest.raises(FileExistsError):
        upload.save(path)
    assert path.read_bytes() == b'precious'
    upload.save(str(path), replace=True)
    assert path.read_bytes() == upload.content
    assert [each.name for each in tmp_path.iterdir()] == ['kept.csv']
    with pytest.raises(FileNotFoundError):
        upload.save(tmp_path / 'no such folder' / 'x')


@pytest.mark.parametrize('replace', [False, True])
def test_what_cannot_be_saved_leaves_nothing_behind(tmp_path: Path, replace: bool) -> None:
    path = tmp_path / 'kept'
    if replace:
        path.write_bytes(b'precious')
    spool = Spool(b'x' * 200_000)
    upload = FileUpload.within('a', 'b', spool, 0, 200_000)
    spool.close()
    with pytest.raises(ValueError, match='its request is over'):
        upload.save(path, replace=replace)
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b'precious'] * replace


def test_what_is_saved_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []
    monkeypatch.setattr(os, 'fsync', lambda number: synced.append(os.fstat(number).st_ino))
    FileUpload('a', 'b', b'c').save(tmp_path / 'kept')
    assert synced == [each.stat().st_ino for each in (tmp_path / 'kept', tmp_path)][:len(synced)]
    assert synced


def test_after_its_request_an_upload_says_what_to_do() -> None:
    spool = Spool(body_of(b'milk'))
    upload = Request('POST', '/', KIND, spool).files['f']
    spool.close()
    with pytest.raises(ValueError, match=r'save\(path\) it, or take its content, before'):
        _ = upload.content


def test_other_bodies_are_read_from_a_spool_too() -> None:
    spool = Spool(b'a=1&b=2')
    kind = {'Content-Type': 'application/x-www-form-urlencoded'}
    assert Request('POST', '/', kind, spool).form.single == {'a': '1', 'b': '2'}
    assert Request('POST', '/', {}, spool).body == b'a=1&b=2'
    spool.close()
    spool = Spool(b'[1]')
    assert Request('POST', '/', {}, spool).json == [1]
    spool.close()


def test_no_room_is_an_oserror(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, 'tempdir', '/no/such/folder')
    with pytest.raises(OSError):
        Spool(b'x')


@given(st.lists(st.binary(max_size=40) | st.sampled_from([b'\r\n--XyZ', b'\r\n--XyZ--', b'--XyZ \t\r\n',
                                                         b'\r\n\r\n']), max_size=12).map(b''.join),
       st.integers(2, 64), st.integers(12, 40))
@settings(deadline=None, max_examples=150)
def test_a_spool_reads_as_its_bytes_do(content: bytes, step: int, block: int) -> None:
    before, module.BLOCK = module.BLOCK, block
    spool = Spool()
    try:
        for start in range(0, len(content), step):
            spool.append(content[start:start + step])
        assert len(spool) == len(content)
        for needle in (b'\r\n', b'\r\n--XyZ', b'\r\n\r\n', b'\0'):
            for start in range(0, len(content) + 2, 5):
                assert spool.find(needle, start) == content.find(needle, start)
                assert spool.find(needle, start, start + 20) == content.find(needle, start, start + 20)
                assert spool[start:start + 9] == content[start:start + 9]
        assert outcome(spool) == outcome(content)
    finally:
        module.BLOCK = before
        spool.close()


def outcome(body: bytes | Spool) -> object:
    """The form in `body`, or the refusal."""
    try:
        return list(Request('POST', '/', KIND, body).POST.items())
    except ProtocolError as error:
        return error.status, str(error)


def test_delimiters_that_are_none_are_not_searched_for_from_the_disk_each_time() -> None:
    spool = Spool(body_of(b'\r\n--XyZzz' * 20_000))
    read: list[int] = []
    original = Spool._read
    try:
        Spool._read = lambda self, start, size: read.append(size) or original(self, start, size)  # type: ignore
        assert Request('POST', '/', KIND, spool).files['f'].size == 180_000
    finally:
        Spool._read = original  # type: ignore[method-assign]
        spool.close()
    assert len(read) < 500
