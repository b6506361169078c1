"""serve_http: an application as a desktop program, with one call at the end of its script.

It checks what it is given, and runs a program in a window (kali.desktop.program), or only a server.
"""

from __future__ import annotations

import os

from kali import log
from kali.desktop import launch
from kali.desktop.folders import application_id
from kali.desktop.launch import AGAIN, invite, origin_of, secret_of, state_of
from kali.desktop.ports import BAD_PORTS, LOOPBACK, listen_at
from kali.http.limits import DEFAULT, Limits
from kali.http.urls import add_query
from kali.locale import Locale
from kali.processes import is_spawned_child
from kali.server.gate import Gate, Keys, is_key
from kali.server.loop import Server

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from os import PathLike
    from typing import Any

    from kali.http.response import Handler

__all__ = ['serve_http']

WINDOWS = ('tab', 'app', 'native', None)
SERVER_PORT = 8080  # of a program that opens no window, where scripts expect it


def serve_http(handler: Handler, *, address: str = '127.0.0.1', port: int | None = None,
               start: str | None = '/', timeout: float = 1.0, window: str | None = 'app',
               hosts: Iterable[str] = (), key: str | None = None,
               headers: Mapping[str, str | None] | None = None, limits: Limits = DEFAULT, debug: bool = True,
               keep_running: bool = False, app_id: str | None = None,
               locale: str | Locale | None = None, icon: str | PathLike[str] | None = None,
               on_open: Callable[[list[str]], str | None] | None = None) -> None:
    """Serve `handler` to the browser of the user that started the program, and open it there. Blocks until
    the end: a response with `shut_down=True`, Ctrl-C, or SIGTERM.

    :param handler: any callable from a Request to a Response or content; a Router, mostly
    :param address: where to listen; other than loopback only together with `hosts`
    :param port: the port to begin with; by default 8080 with `start=None`, else one that follows from
        `app_id` and the user, so that two programs share nothing in the browser. One that is busy, or that
        browsers do not open, is stepped over, and the one that worked is tried first the next time; with
        `start=None`, a busy port is an error
    :param start: the page to open in the browser, a path as in `'/task/?state=open#today'`; None: open none,
        and ask for no launch key
    :param timeout: seconds that a new connection may be silent before it is closed
    :param window: `'app'`: a window without tabs and address bar, of an installed Chromium, Chrome, Edge,
        Brave or Vivaldi, with a profile of its own that is kept. `'tab'`: a tab of the default browser.
        `'native'`: a window of pywebview (`pip install kali[native]`). Where one cannot be had, it is the
        next: native, app, tab, and at last only the address on the console, which says so. The variable
        BROWSER is obeyed. None: no window is opened, but the address is printed
    :param hosts: further host names to answer to
    :param key: a launch key to use instead of a random one: up to 128 letters, digits and `._~-`, as hard to
        guess as a password; with it, `start=None` asks for one
    :param headers: header fields for every response, in place of or besides kali's own; None leaves one out
    :param limits: how much of a request is taken
    :param debug: whether error pages show the cause
    :param keep_running: whether the program lives on when its last window is closed; else it ends about two
        seconds later
    :param app_id: names the application's folders; by default it follows from the script's path
    :param locale: how numbers and dates are written and which language kali speaks, such as `'de'` or
        `'en-GB'`; as each browser asks for unless given
    :param icon: the path of a picture, square, for the window, and on Linux for its place in the dock: pages
        that have no icon of their own have this one
    :param on_open: called when the program is started once more while it runs, with the arguments of that
        start (`sys.argv[1:]`); returns the page to open, or None for `start`. The second start then ends
    :raises ValueError: for an address that others can reach, without `hosts`; an unknown kind of window; a
        malformed key or port; a start page elsewhere
    :raises FileNotFoundError: for an icon that is not there
    :raises TypeError: for a handler that cannot be called, or is a class
    :raises KaliError: if the port or the state folder cannot be used, or the program runs already and does
        not answer

    A program is one line longer than its handler::

        serve_http(lambda request: 'Hello, world!')
    """
    hosts = tuple(hosts)
    chosen = Locale.named(locale) if isinstance(locale, str) else locale
    _expect_handler(handler)
    _expect_sense(address, hosts, port, start, window, key)
    if icon is not None and not os.path.isfile(icon):  # noqa: PTH113
        raise FileNotFoundError(f'icon={os.fspath(icon)!r}: there is no such file')
    if is_spawned_child():
        return  # multiprocessing runs the script again in each child, up to here
    log.keep_console()  # before anything is opened, which could get the numbers of a closed console
    options = {'timeout': timeout, 'headers': headers, 'limits': limits, 'debug': debug, 'locale': chosen}
    if start is None:
        _run(handler, address, SERVER_PORT if port is None else port, hosts, key, app_id, options)
        return
    from kali.desktop.program import run_in_window  # a server does without locks, windows and their lifetime
    run_in_window(handler, address, port, start, window, hosts, key, app_id, keep_running, on_open,
                  None if icon is None else os.path.abspath(os.fspath(icon)), options)  # noqa: PTH100


def _run(handler: Handler, address: str, port: int, hosts: tuple[str, ...], key: str | None,
         app_id: str | None, options: dict[str, Any]) -> None:
    """Serve without a window."""
    session = launch.session
    if session is not None:
        session.claim(app_id=app_id, address=address, port=port, start=None, hosts=hosts, key=key)
    if port in BAD_PORTS and port:
        log.say(f'Browsers do not open port {port}; other programs can use it.')
    sockets = listen_at(address, port)
    number = sockets[0].getsockname()[1]
    origin = origin_of(address, hosts, number)
    keys = None
    if key is None:
        log.say(f'Serving at {origin}/ (Ctrl-C ends the program)')
    else:  # the author of the script knows the key that it gave
        keys = Keys('kali-' + application_id(app_id), secret_of(state_of(app_id)))
        log.say(f'Serving at {origin}/?key=… (Ctrl-C ends the program)')
        keys.new(key, used=lambda: invite(keys, origin, '/', AGAIN))
    log.info('listening on port %d', number)
    server = Server(handler, sockets, admit=Gate(number, hosts, keys).admit, **options)
    if session is not None:
        session.attach(server.dispatcher)
    server.run()
    log.info('ended')


def _expect_handler(handler: object) -> None:
    """Refuse here what would be an error on every page."""
    if isinstance(handler, type):
        name = handler.__name__
        raise TypeError(f'serve_http: {name} is a class; give an object that answers requests, as in '
                        f'app = {name}() and serve_http(app)')
    if not callable(handler):
        said = repr(handler)
        raise TypeError(f'serve_http: {said if len(said) < 80 else type(handler).__name__} cannot answer '
                        'requests; give a Router, or a function that takes a request and returns a page')


def _expect_sense(address: str, hosts: tuple[str, ...], port: int | None, start: str | None,
                  window: str | None, key: str | None) -> None:
    """Refuse arguments that make no sense, before anything is begun."""
    if address not in LOOPBACK and not hosts:
        raise ValueError(f'address {address!r} can be reached by others; if that is meant, say under which '
                         "host names people will use it, as in hosts=('office-pc',)")
    if window not in WINDOWS:
        raise ValueError(f'window={window!r}: it is one of {", ".join(map(repr, WINDOWS))}')
    if port is not None and (type(port) is not int or not 0 <= port <= 65535):
        raise ValueError(f'port {port!r}: a port is a number from 0 to 65535')
    if key is not None and not is_key(key):
        raise ValueError('key must be 1 to 128 letters, digits and ._~-, as hard to guess as a password')
    if start is not None:
        try:
            add_query(start, {})
        except ValueError as error:
            raise ValueError(f'start={start!r}: {error}') from None
