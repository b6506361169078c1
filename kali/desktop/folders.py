"""Folders: where an application keeps its data and its state, on each platform; never the working directory.

Sources: XDG Base Directory Specification; Apple, "File System Programming Guide"; Microsoft, "Known Folders".
"""

from __future__ import annotations

import os
import sys

__all__ = ['application_id', 'data_folder', 'state_folder']


def application_id(app_id: str | None = None) -> str:
    """A short name for the application, good as a folder's name: from `app_id`, or from the script that runs.

    Two scripts of one name in two folders get different ones.

    >>> application_id('Order Book')
    'order-book'
    """
    from zlib import crc32  # in C, and small
    if app_id is None:
        path = os.path.realpath(getattr(sys.modules.get('__main__'), '__file__', None) or 'python')
        name = os.path.basename(path).rpartition('.')[0] or os.path.basename(path)  # noqa: PTH119
        return f'{_plain(name)}-{crc32(path.encode("utf-8", "surrogateescape")):08x}'
    if app_id.isascii():
        return _plain(app_id)
    return f'{_plain(app_id)}-{crc32(app_id.encode()):08x}'  # what is left of two names may be the same


def _plain(name: str) -> str:
    letters = [each if each.isascii() and each.isalnum() else '-' for each in name.lower()]
    return '-'.join(filter(None, ''.join(letters).split('-')))[:60] or 'application'


def data_folder(app_id: str | None = None) -> str:
    """The folder for the application's documents, made if it is not there: on Linux `~/.local/share/APP`.

    :param app_id: the application's name; by default it follows from the script.
    """
    return _folder(app_id, 'XDG_DATA_HOME', '.local/share')


def state_folder(app_id: str | None = None) -> str:
    """The folder for what the application remembers, for this user only: on Linux `~/.local/state/APP`."""
    folder = _folder(app_id, 'XDG_STATE_HOME', '.local/state', 'State')
    if os.name == 'posix':
        os.chmod(folder, 0o700)  # noqa: PTH101
    return folder


def _folder(app_id: str | None, variable: str, default: str, below: str = '') -> str:
    home = os.path.expanduser('~')  # noqa: PTH111
    parts = [application_id(app_id)]
    if sys.platform == 'win32':
        base = os.environ.get('LOCALAPPDATA') or os.path.join(home, 'AppData', 'Local')  # noqa: PTH118
        parts.append(below)
    elif sys.platform == 'darwin':
        base = os.path.join(home, 'Library', 'Application Support')  # noqa: PTH118
        parts.append(below)
    else:
        base = os.environ.get(variable, '')
        if not os.path.isabs(base):  # noqa: PTH117  # the XDG specification: a relative path is ignored
            base = os.path.join(home, default)  # noqa: PTH118
    folder = os.path.join(base, *filter(None, parts))  # noqa: PTH118
    os.makedirs(folder, 0o700, exist_ok=True)  # noqa: PTH103  # 0700 as XDG asks; one that is there stays as it is
    return folder
