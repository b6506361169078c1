"""Window: opening the user's browser at the application, in the kind of window that is wanted, or the next.

The launch key goes to the browser in a page that only this user can read, not on a command line, where other
users could see it. Browsers from Snap and Flatpak cannot read such a file; they get the address itself.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from urllib.parse import quote

from kali import log
from kali.desktop.files import read, write_private
from kali.markup import escape_text

TYPE_CHECKING = False  # spelled out: a program starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable

    from kali.desktop.profile import Profile

__all__ = ['Window', 'has_screen', 'launch_page']

AT_ONCE = 3.0  # seconds in which a browser that cannot run has ended
SHOWN = 5.0  # seconds for one that has ended to have shown the program: some leave that to another process
NEXT = {'native': ('native', 'app', 'tab'), 'app': ('app', 'tab'), 'tab': ('tab',)}  # what is tried, in turn
SAID = {'app': 'a window of a browser', 'tab': 'a tab of your browser'}
_INSTEAD = 'A window of the kind {!r} cannot be opened here; it will be {} ({}).'
_NONE = 'No browser could be opened ({}). Open the address above in one.'
PLACE = re.compile('(-?[0-9]{1,5}) (-?[0-9]{1,5}) ([1-9][0-9]{2,4}) ([1-9][0-9]{2,4})')  # x, y, width, height

_PAGE = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Opening</title>
<meta name="referrer" content="no-referrer"><script>location.replace("%s")</script></head>
<body><p><a href="%s">Open the program</a></p></body></html>
"""


class Window:
    """A window that is to show an address.

    :param url: the address, launch key and all
    :param folder: the state folder, for the launch page and the profile
    :param kind: `'app'`: without tabs and address bar; `'tab'`: of the default browser; `'native'`: of
        pywebview
    :param is_shown: whether the address has been opened; None: this process cannot know
    :param left: called, in a thread, when the browser that showed the window alone has ended as it should
    """

    def __init__(self, url: str, folder: str, kind: str, *, is_shown: Callable[[], bool] | None = None,
                 left: Callable[[], object] = lambda: None) -> None:
        self.url, self.folder, self.kind, self.is_shown, self.left = url, folder, kind, is_shown, left
        self._settled = threading.Event()

    def open(self, patience: float = 0) -> None:
        """Have it opened. If no browser can be started, the console says so.

        :param patience: for how many seconds to wait until it has started, by a program that ends then
        """
        if not has_screen():
            log.say(_NONE.format('there is no screen'))
            return
        # Browsers are slow to start, and some block until they end; the server must answer meanwhile.
        threading.Thread(target=self._open, name='kali window', daemon=True).start()
        if patience:
            self._settled.wait(patience)

    def _open(self) -> None:
        reasons: list[str] = []
        for kind in NEXT[self.kind]:
            if reasons:
                log.say(_INSTEAD.format(self.kind, SAID[kind], '; '.join(reasons)))
            try:
                reason = {'native': self._native, 'app': self._app, 'tab': self._tab}[kind]()
            except Exception as error:  # in a thread of its own, nobody else would hear of it
                reason = str(error) or type(error).__name__
            if not reason:
                break
            reasons.append(reason)
        else:
            log.say(_NONE.format(reasons[-1]))
        self._settled.set()

    def _tab(self) -> str:
        import webbrowser  # 10 ms that the first page need not wait for
        browser = webbrowser.get()
        if _needs_address(browser):
            return '' if browser.open(self.url) else 'it did not start'
        try:
            page, spare = launch_page(self.url, self.folder), ''
        except OSError as error:  # it cannot be written, or is full
            from tempfile import mkdtemp  # for such a folder only
            log.warning('the launch page cannot be written to %s: %s', self.folder, str(error))
            spare = mkdtemp()  # for this user only, too
            page = launch_page(self.url, spare)
        try:
            return '' if browser.open(page) else 'it did not start'
        finally:
            if spare:
                self._wait_until_shown()
                from shutil import rmtree  # likewise
                rmtree(spare, ignore_errors=True)

    def _app(self) -> str:
        """Open a window with a profile of its own; why not, if not."""
        from kali.desktop.browsers import find_chromium  # for this kind of window only
        from kali.desktop.profile import profiles  # likewise
        program = find_chromium()
        if program is None:
            return 'there is no Chromium, Chrome, Edge, Brave or Vivaldi for it'
        reason = 'its profile is open on another computer'
        for profile in profiles(self.folder):
            reason = self._browser(program, profile)
            if 'at once' not in reason:  # else the profile may be damaged
                break
        return reason

    def _browser(self, program: str, profile: Profile) -> str:
        arguments = [program, f'--app={launch_page(self.url, self.folder)}', *profile.prepare()]
        if place := PLACE.fullmatch(read(os.path.join(self.folder, 'place'))):  # noqa: PTH118
            x, y, width, height = place.groups()
            arguments += [f'--window-position={x},{y}', f'--window-size={width},{height}']
        if sys.platform not in ('win32', 'darwin'):
            arguments.append(f'--class={os.path.basename(self.folder)}')  # noqa: PTH119
        return self._watched(arguments, profile)

    def _native(self) -> str:
        """Open a window of pywebview, in a process of its own, since it wants the main thread of one."""
        from importlib.util import find_spec  # for this kind of window only
        if getattr(sys, 'frozen', False) or find_spec('webview') is None:
            return 'pywebview is not installed: python -m pip install "kali[native]"'
        env = {**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, sys.path))}
        page = os.path.join(self.folder, 'launch.html')  # noqa: PTH118
        launch_page(self.url, self.folder)
        return self._watched([sys.executable, '-m', 'kali.desktop.native', page], None, env)

    def _watched(self, arguments: list[str], profile: Profile | None,
                 env: dict[str, str] | None = None) -> str:
        """Run what shows the window until its end; why it failed, if it ended at once."""
        import subprocess  # a program's first page does not wait for it, nor for what it brings
        was_open = profile is not None and profile.is_open()
        # A session of its own: Ctrl-C on the console, or closing that, leaves the window, which says so.
        process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=env,
                                   stderr=subprocess.DEVNULL, close_fds=True, start_new_session=True)
        name = os.path.basename(arguments[0])  # noqa: PTH119
        try:
            code = process.wait(AT_ONCE)
            if code and not (self.is_shown and self.is_shown()):
                return f'{name} ended at once, with {code}'
            if not self._wait_until_shown():
                return f'{name} ended and had shown nothing'
        except subprocess.TimeoutExpired:
            self._settled.set()
            code = process.wait()
        if profile is not None:
            profile.clean()
        if code == 0 and not was_open:  # one that was open already shows the window, and this was a messenger
            self.left()
        return ''

    def _wait_until_shown(self) -> bool:
        until = time.monotonic() + SHOWN
        while self.is_shown and not self.is_shown() and time.monotonic() < until:
            time.sleep(0.1)
        return self.is_shown is None or self.is_shown()


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
    if os.name != 'posix':
        path = path.replace('\\', '/')
        path = path.removeprefix('//') if path.startswith('//') else f'/{path}'  # a server's share, or C:
    return 'file://' + quote(os.fsencode(path), safe='/:')


def has_screen() -> bool:
    """Whether a graphical browser could show anything; else a text browser would take over the console."""
    if 'BROWSER' in os.environ or sys.platform in ('win32', 'darwin'):
        return True
    return bool(os.environ.get('DISPLAY') or os.environ.get('WAYLAND_DISPLAY'))
