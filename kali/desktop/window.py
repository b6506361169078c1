"""Windows: opening the user's browser at the application.

The launch key goes to the browser in a page that only this user can read, not on a command line, where other
users could see it. Browsers from Snap cannot read such a file; they get the address itself.
"""

from __future__ import annotations

import os
import sys
from urllib.parse import quote

from kali.markup import escape_text

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ['open_window']

_PAGE = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Opening</title>
<meta name="referrer" content="no-referrer"><script>location.replace("%s")</script></head>
<body><p><a href="%s">Open the program</a></p></body></html>
"""


def open_window(url: str, folder: str, failed: Callable[[], object]) -> None:
    """Have the default browser open `url`; returns at once.

    :param url: the address, launch key and all
    :param folder: the state folder, for the launch page
    :param failed: called, from another thread, if no browser could be started
    """
    if not _has_screen():
        failed()
        return
    # Browsers are slow to start, and some block until they end; the server must answer meanwhile.
    import threading

    def run() -> None:
        import webbrowser  # 10 ms that the first page need not wait for
        try:
            browser = webbrowser.get()
            is_snap = '/snap/' in os.path.realpath(getattr(browser, 'name', '') or '')
            opened = browser.open(url if is_snap else launch_page(url, folder))
        except (webbrowser.Error, OSError):
            opened = False
        if not opened:
            failed()
    threading.Thread(target=run, daemon=True).start()


def launch_page(url: str, folder: str) -> str:
    """Write the page that leads to `url`, readable by this user only, and return its file:// address."""
    path = os.path.join(folder, 'launch.html')  # noqa: PTH118
    url = url.replace('\\', '%5C').replace('"', '%22').replace('<', '%3C')  # good in a script now
    write_private(path, _PAGE % (url, escape_text(url)))
    return 'file://' + quote(path if os.name == 'posix' else '/' + path.replace('\\', '/'), safe='/:')


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
