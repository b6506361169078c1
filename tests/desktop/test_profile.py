"""The profile of the window: kept, bounded, and never one that a browser would ask about."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from kali.desktop import profile as module
from kali.desktop.profile import Profile, profiles

HERE = socket.gethostname()


@pytest.mark.parametrize('lock, usable', [
    (None, True), (f'{HERE}-1', True), (f'{HERE}-999999999', True), ('elsewhere-17', False),
    (f'{HERE}-x', True), ('garbage', True), ('a-b-17', HERE == 'a-b'),
])
def test_a_profile_that_another_computer_has_open_is_not_used(tmp_path: Path, lock: str | None,
                                                              usable: bool) -> None:
    (tmp_path / 'profile').mkdir()
    if lock is not None:
        (tmp_path / 'profile/SingletonLock').symlink_to(lock)
    names = [each.path.name for each in profiles(str(tmp_path))]
    assert names == (['profile', 'profile-2'] if usable else ['profile-2'])


def test_open_is_what_a_browser_listens_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profile = Profile(str(tmp_path), 'profile')
    profile.prepare()
    place = tmp_path / 'temp' / 'org.chromium.X'
    place.mkdir(parents=True)
    (profile.path / 'SingletonLock').symlink_to(f'{HERE}-{os.getpid()}')  # the number was given anew
    (profile.path / 'SingletonSocket').symlink_to(place / 'SingletonSocket')
    assert not profile.is_open()
    monkeypatch.chdir(place)  # the address of a socket is short
    with socket.socket(socket.AF_UNIX) as browser:
        browser.bind('SingletonSocket')
        browser.listen()
        (profile.path / 'SingletonSocket').unlink()
        (profile.path / 'SingletonSocket').symlink_to('SingletonSocket')
        assert profile.is_open()
    monkeypatch.undo()
    (profile.path / 'SingletonSocket').unlink()
    (profile.path / 'SingletonSocket').symlink_to(place / 'SingletonSocket')
    assert not profile.is_open()
    profile.clean()
    assert not place.exists(), 'what a killed browser left in the temporary folder'


def test_a_foreign_file_in_the_temporary_folder_stays(tmp_path: Path) -> None:
    profile = Profile(str(tmp_path), 'profile')
    profile.prepare()
    (tmp_path / 'mine').mkdir()
    (tmp_path / 'mine/letter.txt').write_text('x')
    (profile.path / 'SingletonSocket').symlink_to(tmp_path / 'mine' / 'SingletonSocket')
    profile.clean()
    assert (tmp_path / 'mine/letter.txt').exists()


def test_caches_are_bounded_and_what_the_user_has_is_kept(tmp_path: Path,
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, 'BOUND', 10_000)
    profile = Profile(str(tmp_path), 'profile')
    profile.prepare()
    kept, thrown = profile.path / 'Default/Local Storage/x', profile.path / 'Default/Cache/Cache_Data/x'
    for each in (kept, thrown):
        each.parent.mkdir(parents=True)
        each.write_bytes(b'x' * 9_000)
    profile.prepare()
    assert thrown.exists()
    (profile.path / 'BrowserMetrics').mkdir()
    (profile.path / 'BrowserMetrics/a.pma').write_bytes(b'x' * 2_000)
    profile.prepare()
    assert kept.exists()
    assert not thrown.exists()


def test_a_file_in_the_place_of_the_profile_is_moved_aside(tmp_path: Path) -> None:
    (tmp_path / 'profile').write_text('garbage')
    assert f'--user-data-dir={tmp_path}/profile' in Profile(str(tmp_path), 'profile').prepare()
    assert (tmp_path / 'profile').is_dir()
    assert (tmp_path / 'profile.bad').read_text() == 'garbage'
