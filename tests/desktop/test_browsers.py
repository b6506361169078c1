"""Which browsers cannot read a file of the user, by faked folders of programs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kali.desktop.browsers import find_chromium, is_sandboxed

ELF = '\x7fELF'
# Files by their path below the faked root: `-> path` is a link, `!` stands for the root.
SNAP = {'usr/bin/snap': ELF, 'snap/bin/firefox': '-> usr/bin/snap'}
UBUNTU = {**SNAP, 'usr/bin/firefox': '#!/bin/sh\n# transitional\nexec /snap/bin/firefox "$@"\n'}
FLATPAK = {'usr/bin/flatpak': ELF,
           'usr/bin/org.mozilla.firefox': '#!/bin/sh\nexec /usr/bin/flatpak run org.mozilla.firefox "$@"\n'}
DEBIAN = {'usr/lib/firefox/firefox': ELF, 'usr/bin/firefox': '-> usr/lib/firefox/firefox',
          'usr/bin/chromium': '#!/bin/sh\nexec /usr/lib/chromium/chromium "$@"\n'}


def lay_out(folder: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content.startswith('-> '):
            path.symlink_to(folder / content[3:])
        else:
            path.write_text(content)
            path.chmod(0o755)


def opener(entry: str, text: str = '', folder: str = 'usr/share') -> dict[str, str]:
    """xdg-open, and a desktop whose default browser is `entry`, with `text` in its file if it has one."""
    return {'usr/bin/xdg-open': '#!/bin/sh\n', 'usr/bin/xdg-settings': f'#!/bin/sh\necho {entry}\n',
            **({f'{folder}/applications/{entry}': text} if text else {})}


@pytest.mark.parametrize('files, command, sandboxed', [
    (SNAP, 'firefox', True), (SNAP, '!/snap/bin/firefox', True),
    (SNAP, '!/snap/bin/firefox --new-window', True),
    (UBUNTU, '!/usr/bin/firefox', True), (UBUNTU, '"!/usr/bin/firefox" %s', True),
    ({**UBUNTU, 'usr/bin/x-www-browser': '-> usr/bin/firefox'}, 'x-www-browser', True),
    (FLATPAK, 'org.mozilla.firefox', True),
    ({'var/lib/flatpak/exports/bin/browser': ELF}, '!/var/lib/flatpak/exports/bin/browser', True),
    (DEBIAN, 'firefox', False), (DEBIAN, 'chromium', False), (DEBIAN, '!/usr/bin/firefox', False),
    ({**DEBIAN, 'usr/bin/x-www-browser': '-> usr/bin/chromium'}, 'x-www-browser', False),
    ({'usr/bin/snappy browser': ELF}, '!/usr/bin/snappy browser', False),
    ({}, 'nowhere', False), ({}, '', False), ({}, '"half', False),
    (opener('firefox_firefox.desktop'), 'xdg-open', True),
    (opener('chromium_chromium.desktop', '[Desktop Entry]\nExec=env BAMF=1 /snap/bin/chromium %U\n'),
     'xdg-open', True),
    (opener('firefox.desktop', '[Desktop Entry]\nExec=firefox %u\nX-SnapInstanceName=firefox\n'), 'xdg-open',
     True),
    (opener('org.mozilla.firefox.desktop'), 'xdg-open', True),
    (opener('org.mozilla.firefox.desktop', '[Desktop Entry]\nExec=/usr/bin/flatpak run --command=firefox '
            'org.mozilla.firefox @@u %u @@\n'), 'xdg-open', True),
    (opener('org.mozilla.firefox.desktop', '[Desktop Entry]\nExec=firefox %u\n'), 'xdg-open', False),
    (opener('org.mozilla.firefox.desktop', '[Desktop Entry]\nExec=flatpak run x\n', 'home/share'), 'xdg-open',
     True),
    (opener('firefox-esr.desktop', '[Desktop Entry]\nExec=/usr/lib/firefox-esr/firefox-esr %u\n'), 'xdg-open',
     False),
    (opener('google-chrome.desktop'), 'xdg-open', False), (opener(''), 'xdg-open', False),
    ({'usr/bin/xdg-open': '#!/bin/sh\n'}, 'xdg-open', False),
    ({'usr/bin/xdg-open': '#!/bin/sh\n', 'usr/bin/xdg-settings': '#!/bin/sh\nexit 2\n'}, 'xdg-open', False),
])
@pytest.mark.posix('Snap and Flatpak are of Linux')
def test_browsers_from_snap_and_flatpak_are_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
                                                  files: dict[str, str], command: str,
                                                  sandboxed: bool) -> None:
    lay_out(tmp_path, files)
    monkeypatch.setenv('PATH', os.pathsep.join(str(tmp_path / each) for each in ('usr/bin', 'snap/bin')))
    monkeypatch.setenv('XDG_DATA_HOME', str(tmp_path / 'home/share'))
    monkeypatch.setenv('XDG_DATA_DIRS', f'{tmp_path}/nowhere:{tmp_path}/usr/share')
    assert is_sandboxed(command.replace('!', str(tmp_path))) == sandboxed


@pytest.mark.parametrize('names, named, found', [
    (['chromium', 'google-chrome'], '', 'chromium'), (['vivaldi-stable', 'firefox'], '', 'vivaldi-stable'),
    (['brave-browser', 'microsoft-edge'], '', 'microsoft-edge'), (['firefox'], '', None), ([], '', None),
    (['chromium', 'firefox'], 'firefox', None), (['chromium', 'vivaldi'], 'vivaldi --x %s', 'vivaldi'),
    (['chromium'], 'nowhere', None),
    (['google-chrome', 'firefox'], '!/usr/bin/google-chrome', 'google-chrome'),
])
@pytest.mark.posix('Windows finds browsers in its registry: tests/win32/test_browsers.py')
def test_a_browser_for_a_window_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, names: list[str],
                                           named: str, found: str | None) -> None:
    lay_out(tmp_path, {**{f'usr/bin/{name}': ELF for name in names}})
    monkeypatch.setenv('PATH', str(tmp_path / 'usr/bin'))
    monkeypatch.setenv('BROWSER', named.replace('!', str(tmp_path)))
    assert find_chromium() == (found and str(tmp_path / 'usr/bin' / found))


@pytest.mark.posix('Snap and Flatpak are of Linux')
def test_a_browser_from_snap_is_none_for_a_window_of_its_own(monkeypatch: pytest.MonkeyPatch,
                                                             tmp_path: Path) -> None:
    lay_out(tmp_path, {'usr/bin/snap': ELF, 'snap/bin/chromium': '-> usr/bin/snap',
                       'usr/bin/google-chrome': ELF})
    monkeypatch.setenv('PATH', f'{tmp_path}/snap/bin:{tmp_path}/usr/bin')
    monkeypatch.delenv('BROWSER', raising=False)
    assert find_chromium() == str(tmp_path / 'usr/bin/google-chrome')


@pytest.mark.posix('of macOS')
def test_a_browser_in_the_applications_of_a_mac(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr('sys.platform', 'darwin')
    monkeypatch.delenv('BROWSER', raising=False)
    monkeypatch.setenv('HOME', str(tmp_path))
    place = 'Applications/Brave Browser.app/Contents/MacOS/Brave Browser'
    lay_out(tmp_path, {place: ELF})
    assert find_chromium() == str(tmp_path / place)
