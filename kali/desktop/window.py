"""Windows: opening the user's browser at the application.

The launch key goes to the browser in a page that only this user can read, not on a command line, where other
users could see it. Browsers from Snap and Flatpak cannot read such a file; they get the address itself.
"""

from __future__ import annotations

import os
import sys
from urllib.parse import quote

from kali import log
from kali.markup import escape_text

__all__ = ['launch_page', 'open_window', 'write_private']

_NONE = 'No browser could be opened ({}). Open the address above in one.'

_PAGE = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Opening</title>
<meta name="referrer" content="no-referrer"><script>location.replace("%s")</script></head>
<body><p><a href="%s">Open the program</a></p></body></html>
"""


def open_window(url: str, folder: str, *, patience: float = 0) -> None:
    """Have the default browser open `url`. If none can be started, the console says so.

    :param url: the address, launch key and all
    :param folder: the state folder, for the launch page
    :param patience: for how many seconds to wait until it has started, by a program that ends then
    """
    if not _has_screen():
        log.say(_NONE.format('there is no screen'))
        return
    # Browsers are slow to start, and some block until they end; the server must answer meanwhile.
    import threading
    thread = threading.Thread(target=_open, args=(url, folder), daemon=True)
    thread.start()
    if patience:
        thread.join(patience)


def _open(url: str, folder: str) -> None:
    import webbrowser  # 10 ms that the first page need not wait for
    try:
        browser = webbrowser.get()
        opened = browser.open(url if _needs_address(browser) else launch_page(url, folder))
        reason = '' if opened else 'it did not start'
    except Exception as error:  # in a thread of its own, nobody else would hear of it
        reason = str(error) or type(error).__name__
    if reason:
        log.say(_NONE.format(reason))


def _needs_address(browser: object) -> bool:
    """Whether a browser of the webbrowser module cannot read the launch page."""
    if os.name != 'posix' or sys.platform == 'darwin':
        return False
    from kali.desktop.browsers import is_sandboxed  # only Linux and its like have these
    return is_sandboxed(str(getattr(browser, 'name', '')))


def launch_page(url: str, folder: str) -> str:
    """Write the page that leads to `url`, readable by this user only, and return its file:// address."""
    path = os.path.join(folder, 'launch.html')  # noqa: PTH118
    url = url.replace('\\', '%5C').replace('"', '%22').replace('<', '%3C')  # good in a script now
    write_private(path, _PAGE % (url, escape_text(url)))
    # As bytes: on POSIX, the name of a folder need not be UTF-8.
    path = path if os.name == 'posix' else '/' + path.replace('\\', '/')
    return 'file://' + quote(os.fsencode(path), safe='/:')


def write_private(path: str, text: str) -> None:
    """Write a file that only this user can read, whole or not at all."""
    temporary = f'{path}.{os.getpid()}'
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(handle, 'w', encoding='utf-8') as file:  # noqa: PTH123
        file.write(text)
    os.replace(temporary, path)  # noqa: PTH105


def _has_screen() -> bool:
    """Whether a graphical browser could show anything; else a text browser would take over the console."""
    if 'BROWSER' in os.environ or sys.platform in ('win32', 'darwin'):
        return True
    return bool(os.environ.get('DISPLAY') or os.environ.get('WAYLAND_DISPLAY'))
