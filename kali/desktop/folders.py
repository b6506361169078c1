"""Folders: where an application keeps its data, its state and its log, on each platform; never the working
directory.

Sources: XDG Base Directory Specification; Apple, "File System Programming Guide"; Microsoft, "Known Folders".
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from pathlib import Path

__all__ = ['application_id', 'cache_folder', 'data_dir', 'data_folder', 'log_dir', 'log_folder', 'script_id',
           'state_dir', 'state_folder']


def application_id(app_id: str | None = None) -> str:
    """A short name for the application, good as a folder's name: from `app_id`, or from the script that runs.

    Two scripts of one name in two folders get different ones.

    >>> application_id('Order Book')
    'order-book'
    """
    if app_id is None:
        main = sys.modules.get('__main__')  # a packed script brings its name along
        return getattr(main, '__app_id__', None) or script_id(getattr(main, '__file__', None) or 'python')
    if app_id.isascii():
        return _plain(app_id)
    from zlib import crc32  # in C, and small
    return f'{_plain(app_id)}-{crc32(app_id.encode()):08x}'  # what is left of two names may be the same


def script_id(path: str) -> str:
    """The short name of an application whose script lies there, and gives it no other."""
    from zlib import crc32  # likewise
    path = os.path.realpath(path)
    name = os.path.basename(path).rpartition('.')[0] or os.path.basename(path)  # noqa: PTH119
    return f'{_plain(name)}-{crc32(path.encode("utf-8", "surrogateescape")):08x}'


def _plain(name: str) -> str:
    letters = [each if each.isascii() and each.isalnum() else '-' for each in name.lower()]
    return '-'.join(filter(None, ''.join(letters).split('-')))[:60] or 'application'


def data_dir(app_id: str | None = None) -> Path:
    """The folder for the application's documents, made if it is not there.

    On Linux `~/.local/share/APP`, on macOS `~/Library/Application Support/APP`, on Windows
    `%LOCALAPPDATA%\\APP`. The working directory plays no part in it.

    :param app_id: the application's name, as given to `serve_http`; by default it follows from the script
    :raises OSError: if it cannot be made

    Keep a database there::

        db = connect(data_dir('order-book') / 'orders.sqlite')
    """
    return _path(data_folder(app_id))


def state_dir(app_id: str | None = None) -> Path:
    """The folder for what the application remembers between its runs, such as its port and the profile of its
    window; for this user only.

    On Linux `~/.local/state/APP`, on macOS and Windows the folder `State` in that of `data_dir`. Arguments
    and errors are those of `data_dir`.
    """
    return _path(state_folder(app_id))


def log_dir(app_id: str | None = None) -> Path:
    """The folder for log files; kali writes `kali.log` there, and keeps what came before as `kali.log.1`.

    On Linux the folder `log` in that of `state_dir`, on macOS `~/Library/Logs/APP`, on Windows `Logs` in that
    of `data_dir`. Arguments and errors are those of `data_dir`.
    """
    return _path(log_folder(app_id))


def data_folder(app_id: str | None = None) -> str:
    """What `data_dir` gives, as text: a program starts without pathlib."""
    return _folder('data', app_id)


def state_folder(app_id: str | None = None) -> str:
    """What `state_dir` gives, as text."""
    folder = _folder('state', app_id)
    if os.name == 'posix':
        os.chmod(folder, 0o700)  # noqa: PTH101
    return folder


def log_folder(app_id: str | None = None) -> str:
    """What `log_dir` gives, as text."""
    return _folder('log', app_id)


def cache_folder(app_id: str | None = None) -> str:
    """The folder for files that can be made again, as text."""
    return _folder('cache', app_id)


def _path(folder: str) -> Path:
    from pathlib import Path  # see above
    return Path(folder)


# By platform and kind of folder: the variable and the folder below the home where it begins, and what comes
# after the application's name.
_LOCAL = ('LOCALAPPDATA', 'AppData/Local')
_SUPPORT = ('', 'Library/Application Support')
PLACES = {
    'win32': {'data': (*_LOCAL, ''), 'state': (*_LOCAL, 'State'), 'log': (*_LOCAL, 'Logs'),
              'cache': (*_LOCAL, 'Cache')},
    'darwin': {'data': (*_SUPPORT, ''), 'state': (*_SUPPORT, 'State'), 'log': ('', 'Library/Logs', ''),
               'cache': ('', 'Library/Caches', '')},
    '': {'data': ('XDG_DATA_HOME', '.local/share', ''), 'state': ('XDG_STATE_HOME', '.local/state', ''),
         'log': ('XDG_STATE_HOME', '.local/state', 'log'), 'cache': ('XDG_CACHE_HOME', '.cache', '')},
}


def _folder(kind: str, app_id: str | None) -> str:
    variable, default, below = PLACES.get(sys.platform, PLACES[''])[kind]
    base = os.environ.get(variable, '')
    if not os.path.isabs(base):  # noqa: PTH117  # the XDG specification: a relative path is ignored
        base = os.path.join(os.path.expanduser('~'), *default.split('/'))  # noqa: PTH111, PTH118
    folder = os.path.join(base, application_id(app_id), *filter(None, [below]))  # noqa: PTH118
    os.makedirs(folder, 0o700, exist_ok=True)  # noqa: PTH103  # 0700 as XDG asks; one that is there stays as it is
    return folder
