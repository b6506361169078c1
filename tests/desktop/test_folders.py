"""Folders and names: each application has its own, wherever the platform keeps them."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from kali.desktop.folders import application_id, data_folder, state_folder
from kali.desktop.window import launch_page, write_private


@pytest.mark.parametrize('app_id, name', [
    ('Order Book', 'order-book'), ('../../etc', 'etc'), ('a/b\\c:d', 'a-b-c-d'), ('..', 'application'),
    ('', 'application'),
    ('x' * 100, 'x' * 60), ('CON; rm -rf', 'con-rm-rf'),
])
def test_a_name_is_good_for_a_folder_and_a_cookie(app_id: str, name: str) -> None:
    assert application_id(app_id) == name


def test_names_in_other_letters_stay_apart() -> None:
    names = {application_id(name) for name in ('Адреса', 'Заметки', 'Größe', 'Grüße', '地址')}
    assert len(names) == 5
    assert all(name.isascii() and not name.startswith('-') for name in names)


def test_scripts_of_one_name_in_two_folders_stay_apart(monkeypatch: pytest.MonkeyPatch,
                                                       tmp_path: Path) -> None:
    names = []
    for place in ('a/book.py', 'b/book.py', 'b/книга.py'):
        monkeypatch.setattr(sys.modules['__main__'], '__file__', str(tmp_path / place), raising=False)
        names.append(application_id())
    assert names[0].startswith('book-')
    assert names[1].startswith('book-')
    assert len(set(names)) == 3
    assert not names[2].startswith('-')


@pytest.mark.posix('the folders of Linux and macOS; tests/win32 has those of Windows')
def test_the_platform_s_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, 'platform', 'linux')
    monkeypatch.setenv('HOME', str(tmp_path))
    monkeypatch.setenv('XDG_DATA_HOME', 'relative/is/ignored')
    monkeypatch.setenv('XDG_STATE_HOME', str(tmp_path / 'own'))
    assert data_folder('Order Book') == str(tmp_path / '.local/share/order-book')
    assert state_folder('Order Book') == str(tmp_path / 'own/order-book')
    assert stat.S_IMODE((tmp_path / 'own/order-book').stat().st_mode) == 0o700
    monkeypatch.setattr(sys, 'platform', 'darwin')
    assert data_folder('b') == str(tmp_path / 'Library/Application Support/b')
    assert state_folder('b') == str(tmp_path / 'Library/Application Support/b/State')


def test_a_private_file_is_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / 'secret'
    path.write_text('old')
    path.chmod(0o644)
    write_private(str(path), 'new ü')
    assert path.read_text(encoding='utf-8') == 'new ü'
    assert stat.S_IMODE(path.stat().st_mode) == (0o666 if sys.platform == 'win32' else 0o600)
    assert [each.name for each in tmp_path.iterdir()] == ['secret']


def test_the_address_of_a_launch_page_with_odd_letters(tmp_path: Path) -> None:
    odd, quoted = ('a b#c%20ü', 'a%20b%23c%2520%C3%BC') if sys.platform == 'win32' else (
        'a b#c%20ü?', 'a%20b%23c%2520%C3%BC%3F')
    folder = tmp_path / odd
    folder.mkdir()
    url = launch_page('http://127.0.0.1:1/?a="<&key=x', str(folder))
    assert url == f'{tmp_path.as_uri()}/{quoted}/launch.html'
    text = (folder / 'launch.html').read_text()
    assert 'location.replace("http://127.0.0.1:1/?a=%22%3C&key=x")' in text
    assert 'href="http://127.0.0.1:1/?a=%22%3C&amp;key=x"' in text
