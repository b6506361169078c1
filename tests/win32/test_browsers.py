"""Browsers that Windows knows: the registry, filled for a test, and what is chosen and started from it."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kali.desktop.browsers import APP_PATHS, find_chromium

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(sys.platform != 'win32', reason='about Windows: .ci/windows runs it')
ROOT = Path(__file__).resolve().parents[2]
KINDS = ('chrome.exe', 'msedge.exe', 'brave.exe', 'vivaldi.exe', 'chromium.exe')


@contextmanager
def registered(programs: dict[str, str]) -> Iterator[None]:
    """Browsers in the registry of this user."""
    import winreg
    for name, path in programs.items():
        with winreg.CreateKey(winreg.HKEY_CURRENT_USER, f'{APP_PATHS}\\{name}') as key:  # type: ignore[attr-defined]
            winreg.SetValue(key, '', winreg.REG_SZ, path)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        for name in programs:
            winreg.DeleteKey(winreg.HKEY_CURRENT_USER, f'{APP_PATHS}\\{name}')  # type: ignore[attr-defined]


@pytest.mark.parametrize('names, missing, quoted, found', [
    (['chrome.exe'], [], False, 'chrome.exe'), (['msedge.exe'], [], False, 'msedge.exe'),
    (['brave.exe'], [], True, 'brave.exe'), (['vivaldi.exe', 'brave.exe'], [], False, 'brave.exe'),
    (['msedge.exe', 'chrome.exe'], [], True, 'chrome.exe'),
    (['chrome.exe', 'msedge.exe'], ['chrome.exe'], False, 'msedge.exe'),  # what is left of one that is gone
    (['firefox.exe'], [], False, None), (['chrome.exe'], ['chrome.exe'], False, None), ([], [], False, None),
])
def test_the_browser_of_the_registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, names: list[str],
                                     missing: list[str], quoted: bool, found: str | None) -> None:
    monkeypatch.delenv('BROWSER', raising=False)
    folder = tmp_path / 'Program Files (x86)'
    folder.mkdir()
    for name in set(names) - set(missing):
        (folder / name).write_bytes(b'MZ')
    mark = '"' if quoted else ''
    with registered({name: f'{mark}{folder / name}{mark}' for name in names}):
        assert find_chromium() == (found and str(folder / found))


@pytest.mark.parametrize('named, found', [
    ('{}', True), ('"{}"', True), ('"{}" --new-window %s', True), ('{} %s', None), ('firefox', False)])
def test_the_variable_browser_is_obeyed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, named: str,
                                        found: bool | None) -> None:
    program = tmp_path / ('Chrome Portable' if found is not None else 'Portable') / 'chrome.exe'
    program.parent.mkdir()
    program.write_bytes(b'MZ')
    monkeypatch.setenv('BROWSER', named.format(program))
    assert find_chromium() == (None if found is False else str(program))


def test_a_window_of_its_own(tmp_path: Path, eventually: Any) -> None:
    """The browser of the registry is a batch file here, which writes down how it was started."""
    log = tmp_path / 'opened.txt'
    browser = tmp_path / 'chrome.bat'
    browser.write_text(f'@echo %* >> "{log}"\r\n@ping -n 30 127.0.0.1 >nul\r\n', encoding='ascii')
    script = tmp_path / 'order book.py'
    script.write_text('import kali\nkali.serve_http(lambda request: kali.Response("here", shut_down='
                      'request.target == "/end"), window="app", start="/end")\n', encoding='utf-8')
    env = {**os.environ, 'LOCALAPPDATA': str(tmp_path / 'AppData'), 'PYTHONPATH': os.pathsep.join(
        [str(ROOT), os.environ.get('PYTHONPATH', '')])}
    env.pop('BROWSER', None)

    with registered({'chrome.exe': str(browser)}):
        first = subprocess.Popen([sys.executable, str(script)], env=env, stdout=subprocess.DEVNULL)
        try:
            eventually(log.exists)
            eventually(lambda: '--app=' in log.read_text())
            told = log.read_text()
            assert 'launch.html' in told
            assert '--user-data-dir=' in told
            assert 'key=' not in told
            assert first.poll() is None
        finally:
            first.kill()
            first.wait()
