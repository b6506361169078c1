"""Profile: the folder in which a browser keeps what belongs to a window of the program: cookies, storage, its
place on the screen.

It is kept from run to run and bounded in size. Chromium names the process that has it open in a link called
SingletonLock, and puts a socket into the temporary folder, which stays there if the browser is killed.

Source: Chromium, chrome/browser/process_singleton_posix.cc.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
from pathlib import Path

__all__ = ['Profile', 'profiles']

BOUND = 100_000_000  # bytes of what can be thrown away
ARGUMENTS = ('--profile-directory=Default', '--no-first-run', '--no-default-browser-check', '--disable-sync',
             '--disable-background-mode', '--disable-search-engine-choice-screen',
             # No downloads of its own, and no questions after a crash, which nobody could answer.
             '--disable-background-networking', '--disable-component-update', '--disable-breakpad',
             '--noerrdialogs', '--hide-crash-restore-bubble', f'--disk-cache-size={BOUND // 4}')
DISPOSABLE = ('BrowserMetrics', 'Crash Reports', 'GrShaderCache', 'GraphiteDawnCache', 'ShaderCache',
              'component_crx_cache', 'extensions_crx_cache', 'optimization_guide_model_store',
              'Default/Cache', 'Default/Code Cache', 'Default/DawnGraphiteCache', 'Default/DawnWebGPUCache',
              'Default/GPUCache')


def profiles(folder: str) -> list[Profile]:
    """The profiles that may be used, the better one first: one that another computer has open, or seems to
    have, is none, since a browser would only ask about it."""
    return [each for each in (Profile(folder, 'profile'), Profile(folder, 'profile-2'))
            if each.computer() in ('', socket.gethostname())]


class Profile:
    """A profile in the state folder.

    :param folder: the state folder
    :param name: of the profile's folder in it
    """

    def __init__(self, folder: str, name: str) -> None:
        self.path = Path(folder, name)

    def computer(self) -> str:
        """The computer on which a browser has it open, or had when it crashed; '' for none."""
        try:
            return str((self.path / 'SingletonLock').readlink()).rpartition('-')[0]
        except OSError:  # there is no link
            return ''

    def is_open(self) -> bool:
        """Whether a browser has it open: that one will show further windows, and a second process ends at
        once. The process that the link names may be another one by now, so the socket is tried."""
        if sys.platform == 'win32':
            try:
                with (self.path / 'lockfile').open('ab'):  # Chromium lets nobody else open it
                    return False
            except OSError as error:
                return not isinstance(error, FileNotFoundError)
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1)
            try:
                client.connect(str((self.path / 'SingletonSocket').readlink()))
                return True
            except OSError:  # there is no link, or nobody listens behind it
                return False

    def prepare(self) -> list[str]:
        """Make the folder, if it is not there, clean it up, and return the arguments for the browser.

        :raises OSError: if it cannot be made
        """
        if self.path.exists() and not self.path.is_dir():
            self.path.replace(self.path.with_name(self.path.name + '.bad'))
        self.path.mkdir(0o700, exist_ok=True)
        if not self.is_open():
            self.clean()
            if sum(map(_size, self._disposable())) > BOUND:
                for each in self._disposable():
                    shutil.rmtree(each, ignore_errors=True)
        return [f'--user-data-dir={self.path}', *ARGUMENTS]

    def clean(self) -> None:
        """Remove what a browser that was killed has left in the temporary folder."""
        try:
            link = (self.path / 'SingletonSocket').readlink()
            if not self.is_open():
                for name in ('SingletonSocket', 'SingletonCookie'):
                    link.with_name(name).unlink(missing_ok=True)
                link.parent.rmdir()
        except OSError:
            pass  # there is nothing, as after an orderly end, or it is not ours

    def _disposable(self) -> list[Path]:
        return [self.path / each for each in DISPOSABLE]


def _size(folder: Path) -> int:
    """The bytes in a folder; 0 if there is none."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118
            except OSError:
                continue  # it has just gone
    return total

