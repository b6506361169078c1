"""Browsers: which one a command or the desktop stands for, and whether it may read the user's files.

Browsers from Snap and Flatpak live in a sandbox, where the user's dot-folders are not to be seen. What can be
known of a command or of a desktop entry without starting it stands here, for Linux and its like.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

__all__ = ['find_chromium', 'is_sandboxed']

# Commands that start what the desktop has for web pages.
OPENERS = {'xdg-open', 'gio', 'gvfs-open', 'gnome-open', 'kde-open', 'kde-open5', 'kfmclient', 'exo-open',
           'x-www-browser', 'www-browser', 'sensible-browser', 'gnome-www-browser', 'mate-open'}
# Ubuntu's /usr/bin/firefox is a script that starts /snap/bin/firefox; Flatpak's commands are such scripts.
SIGNS = ('/snap/', '/snapd/', '/flatpak/', 'flatpak run')


# Browsers that can show a page without tabs and address bar, the plainest first.
ON_PATH = ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'microsoft-edge',
           'microsoft-edge-stable', 'brave-browser', 'brave', 'vivaldi', 'vivaldi-stable')
IN_REGISTRY = ('chrome.exe', 'msedge.exe', 'brave.exe', 'vivaldi.exe', 'chromium.exe')
IN_APPLICATIONS = ('Google Chrome', 'Chromium', 'Microsoft Edge', 'Brave Browser', 'Vivaldi')
FAMILY = ('chrom', 'edge', 'brave', 'vivaldi')
APP_PATHS = r'Software\Microsoft\Windows\CurrentVersion\App Paths'


def find_chromium() -> str | None:
    """The path of a browser of the Chromium family that may use a folder of the program; None without one.

    The variable BROWSER is obeyed: if it names a browser of another family, there is none.
    """
    named = os.environ.get('BROWSER', '').split(os.pathsep)[0]
    if named:
        program = shutil.which(_program(named))
        is_known = program is not None and any(each in Path(program).name.lower() for each in FAMILY)
        found = [program] if program and is_known else []
    elif sys.platform == 'win32':
        found = _in_registry()
    elif sys.platform == 'darwin':
        folders = Path('/Applications'), Path.home() / 'Applications'
        found = [str(path) for name in IN_APPLICATIONS for folder in folders
                 if (path := folder / f'{name}.app' / 'Contents' / 'MacOS' / name).exists()]
    else:
        found = [path for name in ON_PATH if (path := shutil.which(name))]
    has_sandboxes = sys.platform not in ('win32', 'darwin')
    return next((each for each in found if not (has_sandboxes and is_sandboxed(each))), None)


def _in_registry() -> list[str]:
    """The browsers that Windows knows. Source: Microsoft, "Application Registration"."""
    found: list[str] = []
    if sys.platform == 'win32':
        import winreg  # Windows only
        for root in (winreg.HKEY_CURRENT_USER, winreg.HKEY_LOCAL_MACHINE):
            for name in IN_REGISTRY:
                try:
                    found.append(winreg.QueryValue(root, APP_PATHS + '\\' + name).strip('"'))
                except OSError:
                    continue  # not installed
    return [path for path in found if Path(path).exists()]


def is_sandboxed(command: str) -> bool:
    """Whether the browser that `command` starts comes from Snap or Flatpak.

    :param command: a name on the PATH or a path, with arguments perhaps, as in the variable BROWSER
    """
    program = _program(command)
    path = Path(shutil.which(program) or program)
    target = Path(os.path.realpath(path))
    if _has_sign(str(path)) or _has_sign(str(target)) or target.name in ('snap', 'flatpak'):
        return True
    if target.name in OPENERS:  # x-www-browser leads to the browser itself; others ask the desktop for it
        return _is_sandboxed_entry(_default_entry())
    return _has_sign(_beginning(target))


def _program(command: str) -> str:
    if Path(command).exists():  # there may be a blank in the path
        return command
    try:
        # On Windows, a backslash stands between folders, and quotation marks stay.
        return (shlex.split(command, posix=os.name == 'posix') or [''])[0].strip('"')
    except ValueError:  # a quotation mark without its other half
        return command


def _has_sign(text: str) -> bool:
    return any(sign in text for sign in SIGNS)


def _beginning(path: Path) -> str:
    """The beginning of a script; nothing of a program."""
    try:
        with path.open('rb') as file:
            content = file.read(10_000)
    except OSError:  # gone, or not to be read by this user: then there is no sign in it
        return ''
    return content.decode('utf-8', 'replace') if content.startswith(b'#!') else ''


def _default_entry() -> str:
    """The name of the default browser's desktop entry, as in `firefox.desktop`; '' if it is not known."""
    try:
        asked = subprocess.run(['xdg-settings', 'get', 'default-web-browser'], stdin=subprocess.DEVNULL,
                               capture_output=True, timeout=5, check=False)
    except (OSError, subprocess.SubprocessError):  # xdg-settings is not installed, or hangs
        return ''
    return asked.stdout.decode('utf-8', 'replace').strip()


def _is_sandboxed_entry(entry: str) -> bool:
    """Whether a desktop entry starts a browser in a sandbox.

    Where its file is not found, its name tells: Snap has `firefox_firefox.desktop`, Flatpak
    `org.mozilla.firefox.desktop`. Sources: Desktop Entry Specification; XDG Base Directory Specification.
    """
    own = os.environ.get('XDG_DATA_HOME') or Path.home() / '.local' / 'share'
    system = os.environ.get('XDG_DATA_DIRS') or '/usr/local/share:/usr/share'
    for folder in (own, *system.split(':')):
        path = Path(folder, 'applications', Path(entry).name)
        try:
            lines = path.read_text(encoding='utf-8', errors='replace').splitlines()
        except OSError:
            continue  # it stands in another of these folders, or in none
        told = [line for line in lines if line.startswith(('Exec=', 'X-SnapInstanceName=', 'X-Flatpak='))]
        return any(_has_sign(each) or each.startswith('X-') for each in (os.path.realpath(path), *told))
    name = entry.removesuffix('.desktop')
    return '_' in name or name.count('.') >= 2
