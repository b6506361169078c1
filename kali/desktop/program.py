"""Program: an application in a window. It is prepared, its window opens, and it runs until the last one
closes. A program that runs already is not started again: it opens another window.
"""

from __future__ import annotations

import os
import sys

from kali import log
from kali.desktop import launch
from kali.desktop.files import read, write, write_private
from kali.desktop.folders import application_id, log_folder
from kali.desktop.instance import PATH, Lock, Reception, ask_first
from kali.desktop.launch import invite, launch_url, origin_of, remembered_port, secret_of, state_of
from kali.desktop.ports import STEPS, default_port, listen_nearby
from kali.desktop.windows import Windows
from kali.errors import KaliError
from kali.server.gate import Gate, Keys
from kali.server.loop import Server

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import Any

    from kali.desktop.window import Window
    from kali.http.response import Handler, Response

    OnOpen = Callable[[list[str]], str | None]

__all__ = ['run_in_window']

HANDED_OVER = 0.7  # seconds in which a browser that cannot show a window has ended, mostly
RUNS_ALREADY = 'This program is running already, without --reload. End it, and start it again with --reload.'
RUNNING = 'Running at {}\n(the address works once; Ctrl-C ends the program)'


def run_in_window(handler: Handler, address: str, port: int | None, start: str, window: str | None,
                  hosts: tuple[str, ...], key: str | None, app_id: str | None, keep_running: bool,
                  on_open: OnOpen | None, icon: str | None, options: dict[str, Any]) -> None:
    """Prepare, open the window, run; the arguments are those of serve_http.

    :param options: for the Server
    """
    folder = state_of(app_id)
    logs = _keep_log(app_id)
    lock = Lock(folder)
    session, opens = launch.session, True
    if session is not None:
        opens = session.claim(app_id=application_id(app_id), address=address, port=port, start=start,
                              window=window, hosts=hosts, key=key)
        if not lock.take():
            raise KaliError(RUNS_ALREADY)
    if _is_open_already(lock, folder, window, port or default_port(app_id)):
        return
    try:
        sockets = _sockets(address, port, app_id, folder)
        number = sockets[0].getsockname()[1]
        # Named for the application: browsers send a cookie to every port of a host.
        keys = Keys('kali-' + application_id(app_id), secret_of(folder))
        origin = origin_of(address, hosts, number)
        windows = Windows(keep_running, lambda place: write(folder, 'place', place), icon or '')
        server = Server(windows.wrap(handler), sockets,
                        admit=windows.admit(Gate(number, hosts, keys, proving=(PATH,))), **options)
        windows.attach(server)
        own_key = None
        if session is not None:
            own_key = keys.lasting = session.key
            session.attach(server.dispatcher)

        def open_for(arguments: list[str]) -> str:
            return launch_url(keys, origin, (on_open(arguments) if on_open else None) or start)
        server.dispatcher.own.delegate('/instance', Reception(keys.secret, open_for))
        server.dispatcher.own.get('/log')(_log_page(logs))
        if opens:
            invite(keys, origin, start, RUNNING, key or own_key)
        if opens and window is not None:
            shown: list[int] = []
            url = launch_url(keys, origin, start, own_key, used=lambda: shown.append(1))
            if icon and sys.platform not in ('win32', 'darwin'):
                server.at(0.0, lambda: _keep_entry(os.path.basename(folder), icon))  # noqa: PTH119
            # In the first turn of the server: it listens, and has answered those that were faster.
            server.at(0.0, lambda: _window(url, folder, window, is_shown=lambda: bool(shown),
                                           left=windows.left).open())
        log.info('listening on port %d', number)
        server.run()
        log.info('ended')
    finally:
        lock.release()


def _keep_log(app_id: str | None) -> str:
    """Have what is logged written to a file, and return its folder."""
    try:
        folder = log_folder(app_id)
    except OSError as error:
        log.warning('no log can be kept: %s', str(error))
        return ''

    def begin() -> None:
        from kali.desktop.log_file import attach  # it brings logging
        attach(folder)
    log.when_loaded(begin)
    if sys.stderr is None:  # pythonw
        begin()
    return folder


def _log_page(folder: str) -> Callable[[], Response]:
    def page() -> Response:
        from kali.desktop.log_file import log_page  # likewise
        return log_page(folder)
    return page


def _keep_entry(wm_class: str, icon: str) -> None:
    """Have the desktop know whose icon a window of this class has, and what starts the program.

    Source: Desktop Entry Specification; Desktop Menu Specification.
    """
    from pathlib import Path  # for a program with an icon only

    from kali.desktop.launchers import desktop_entry  # likewise
    names = vars(sys.modules['__main__'])
    program = os.path.realpath(names.get('__archive__') or names.get('__file__') or sys.argv[0])
    command = [sys.executable] if getattr(sys, 'frozen', False) else [sys.executable, program]
    name = Path(program).stem.replace('_', ' ').capitalize()
    base = os.environ.get('XDG_DATA_HOME') or os.path.expanduser('~/.local/share')  # noqa: PTH111
    place = Path(base, 'applications', f'{wm_class}.desktop')
    text = desktop_entry(name, command, icon, wm_class)
    try:
        if not place.exists() or place.read_text(encoding='utf-8') != text:
            place.parent.mkdir(parents=True, exist_ok=True)
            write_private(str(place), text)
    except (OSError, ValueError) as error:
        log.warning('the icon cannot be made known to the desktop: %s', str(error))


def _window(*arguments: Any, **named: Any) -> Window:
    from kali.desktop.window import Window  # nobody waits for it
    return Window(*arguments, **named)


def _is_open_already(lock: Lock, folder: str, window: str | None, port: int) -> bool:
    """Whether the program runs already, and has a window more now.

    :param port: where it would be if it has left no note
    """
    arguments = [os.path.abspath(each) if os.path.exists(each) else each  # noqa: PTH100, PTH110
                 for each in sys.argv[1:]]  # a file's name means another one in the first one's folder
    url = ask_first(lock, lambda: remembered_port(folder) or port,
                    lambda: read(os.path.join(folder, 'secret')), arguments)  # noqa: PTH118
    if url is None:
        return False
    if window is None:
        log.say(f'The program is running already, at {url}')
    else:
        log.say('The program is running already: another window of it opens.')
        _window(url, folder, window).open(HANDED_OVER)
    return True


def _sockets(address: str, port: int | None, app_id: str | None, folder: str) -> list[socket.socket]:
    """Listening sockets at a port that works; it is tried first the next time."""
    last = remembered_port(folder)
    if port is None:
        sockets = listen_nearby(address, default_port(app_id), [last] if last >= 1024 else [])
    else:
        sockets = listen_nearby(address, port, [last] if port and port <= last < port + STEPS else [])
    write(folder, 'port', str(sockets[0].getsockname()[1]))
    return sockets
