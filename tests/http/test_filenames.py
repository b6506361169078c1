"""File names: what a browser sends becomes harmless, and any letters reach it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kali.http.filenames import DEVICE, attachment, harmless_name

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize('name, harmless', [
    ('photo.png', 'photo.png'), ('Übersicht 日本 🌳.txt', 'Übersicht 日本 🌳.txt'),
    ('.gitignore', '.gitignore'),
    ('a.tar.gz', 'a.tar.gz'), ('foo\\', 'foo'), ('foo/', 'foo'),
    ('..', 'file'), ('.', 'file'), ('...', 'file'),
    ('', 'file'), ('   ', 'file'), (' . . ', 'file'), ('/', 'file'), ('\\\\', 'file'), ('..\\..\\', 'file'),
    ('C:\\x\\y.txt', 'y.txt'), ('C:y.txt', 'C_y.txt'), ('\\\\host\\share\\z.doc', 'z.doc'), ('a/b\\c', 'c'),
    ('../../etc/passwd', 'passwd'), ('a/..', 'a'), ('note.txt.', 'note.txt'), ('note.txt. . ', 'note.txt'),
    (' note.txt', 'note.txt'), ('CON', '_CON'), ('nul.txt', '_nul.txt'), ('Com1.tar.gz', '_Com1.tar.gz'),
    ('LPT¹', '_LPT¹'), ('aux .c', '_aux .c'), ('console.txt', 'console.txt'), ('com10', 'com10'),
    ('a\0b.txt', 'a_b.txt'), ('a\r\nb', 'a__b'), ('\x7f\x85', '__'), ('photo.txt:stream', 'photo.txt_stream'),
    ('gpj\u202e.exe', 'gpj.exe'), ('\u200f..', 'file'), ('a\u2028b', 'a_b'), ('a\ud800b', 'a_b'),
])
def test_a_name_becomes_harmless(name: str, harmless: str) -> None:
    assert harmless_name(name) == harmless


@pytest.mark.parametrize('name, end', [('ж' * 300 + '.docx', '.docx'),
                                       ('x' * 5000, 'x'), ('a.' + 'b' * 500, 'b')])
def test_a_long_name_becomes_short_enough_and_keeps_its_extension(name: str, end: str) -> None:
    harmless = harmless_name(name)
    assert harmless.endswith(end) and 200 < len(harmless.encode()) <= 240


@given(name=st.text(st.sampled_from('.. /\\:aX\0\r\n\x7f\u202e💾con') | st.characters()))
def test_any_name_is_one_that_can_be_created_in_its_folder(name: str) -> None:
    harmless = harmless_name(name)
    assert harmless and harmless == harmless.strip() and harmless not in ('.', '..')
    assert not harmless.endswith('.') and not DEVICE.match(harmless)
    assert not set(harmless) & set('/\\:\0\r\n\x7f\u202e')
    assert harmless_name(harmless) == harmless
    assert len(harmless.encode('utf-8')) <= 240


def test_such_a_name_is_created_where_it_should_be(tmp_path: Path) -> None:
    for name in ('..', 'foo\\', '../x', 'a\0b', '\u202e', 'ж' * 400):
        (tmp_path / harmless_name(name)).write_bytes(b'')
    assert sorted(path.name[:5] for path in tmp_path.iterdir()) == ['a_b', 'file', 'foo', 'x', 'жжжжж']


@pytest.mark.parametrize('name, plain, full', [
    ('report.pdf', 'report.pdf', 'report.pdf'), ('Größe.txt', 'Gr__e.txt', 'Größe.txt'),
    ('a"b\\c;d.txt', 'a_b_c;d.txt', 'a"b_c;d.txt'), ('say "hi".txt', 'say _hi_.txt', 'say "hi".txt'),
    ('100%.txt', '100_.txt', '100%.txt'), ('a\r\nSet-Cookie: x', 'a__Set-Cookie_ x', 'a__Set-Cookie_ x'),
    ('', 'download', 'download'), ('..', 'download', 'download'), ('日本.zip', '__.zip', '日本.zip'),
    ("it's.txt", "it's.txt", "it's.txt"), ('Invoice 3/2026.pdf', 'Invoice 3_2026.pdf', 'Invoice 3_2026.pdf'),
    ('a\ud800.txt', 'a_.txt', 'a_.txt'),
])
def test_a_name_for_a_download(name: str, plain: str, full: str) -> None:
    value = attachment(name)
    assert value.startswith(f'attachment; filename="{plain}"; filename*=UTF-8\'\'')
    assert unquote(value.rpartition("''")[2]) == full
    assert value.isascii() and value.isprintable()
