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

_APP_ARGUMENTS = ('--profile-directory=Default', '--no-first-run', '--no-default-browser-check',
                  '--disable-sync', '--disable-background-mode', '--disable-search-engine-choice-screen')
_AT_ONCE = 3.0  # seconds in which a browser that cannot run has ended
_NONE = 'No browser could be opened ({}). Open the address above in one.'

_PAGE = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Opening</title>
<meta name="referrer" content="no-referrer"><script>location.replace("%s")</script></head>
<body><p><a href="%s">Open the program</a></p></body></html>
"""


def open_window(url: str, folder: str, kind: str = 'tab', *, patience: float = 0) -> None:
    """Have a browser open `url`. If none can be started, the console says so.

    :param url: the address, launch key and all
    :param folder: the state folder, for the launch page and the profile
    :param kind: `'tab'`: of the default browser; `'app'`: a window without tabs and address bar
    :param patience: for how many seconds to wait until it has started, by a program that ends then
    """
    if not _has_screen():
        log.say(_NONE.format('there is no screen'))
        return
    # Browsers are slow to start, and some block until they end; the server must answer meanwhile.
    import threading
    thread = threading.Thread(target=_open, args=(url, folder, kind), daemon=True)
    thread.start()
    if patience:
        thread.join(patience)


def _open(url: str, folder: str, kind: str) -> None:
    try:
        if kind != 'tab' and not (kind == 'app' and _open_app(url, folder)):
            log.say(f'A window of the kind {kind!r} cannot be opened here; it will be a tab of your browser.')
            kind = 'tab'
        reason = '' if kind != 'tab' or _open_tab(url, folder) else 'it did not start'
    except Exception as error:  # in a thread of its own, nobody else would hear of it
        reason = str(error) or type(error).__name__
    if reason:
        log.say(_NONE.format(reason))


def _open_tab(url: str, folder: str) -> bool:
    import webbrowser  # 10 ms that the first page need not wait for
    browser = webbrowser.get()
    return browser.open(url if _needs_address(browser) else launch_page(url, folder))


def _open_app(url: str, folder: str) -> bool:
    """A window of its own, with a profile that is kept in the state folder; False if there is no browser for
    that, or it ends with an error at once."""
    import subprocess  # for window='app' only

    from kali.desktop.browsers import find_chromium  # likewise
    program = find_chromium()
    if program is None:
        return False
    profile = os.path.join(folder, 'profile')  # noqa: PTH118
    arguments = [program, f'--app={launch_page(url, folder)}', f'--user-data-dir={profile}', *_APP_ARGUMENTS]
    if sys.platform not in ('win32', 'darwin'):
        arguments.append(f'--class={os.path.basename(folder)}')  # noqa: PTH119
    try:
        process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, close_fds=True)
        return process.wait(_AT_ONCE) == 0  # where the profile is open already, that one shows the window
    except subprocess.TimeoutExpired:
        return True
    except OSError:
        return False


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
