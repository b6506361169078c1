"""serve_http: an application as a desktop program, with one call at the end of its script.

It prepares what is needed (state folder, keys, listening sockets), opens the window unless the caller wants
only a server, and runs the server.
"""

from __future__ import annotations

import os
import re
import sys

from kali import log
from kali.desktop.folders import application_id, state_folder
from kali.desktop.instance import PATH, Lock, Reception, ask_first
from kali.desktop.ports import BAD_PORTS, LOOPBACK, STEPS, default_port, listen_at, listen_nearby
from kali.desktop.windows import Windows
from kali.errors import KaliError
from kali.http.limits import DEFAULT, Limits
from kali.http.urls import add_query
from kali.locale import Locale
from kali.processes import is_spawned_child
from kali.server.gate import Gate, Keys, is_key
from kali.server.loop import Server

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable, Mapping

    from kali.http.parser import Head
    from kali.http.response import Handler, Response

__all__ = ['serve_http']

AGAIN = 'For another browser: {}'
RUNNING = 'Running at {}\n(the address works once; Ctrl-C ends the program)'
EVERYWHERE = {'0.0.0.0': '127.0.0.1', '::': '[::1]'}  # what leads there from this machine
WINDOWS = ('tab', 'app', 'native')
SERVER_PORT = 8080  # of a program that opens no window, where scripts expect it


def serve_http(handler: Handler, *, address: str = '127.0.0.1', port: int | None = None,
               start: str | None = '/', timeout: float = 1.0, window: str = 'tab',
               hosts: Iterable[str] = (), key: str | None = None,
               headers: Mapping[str, str | None] | None = None, limits: Limits = DEFAULT, debug: bool = True,
               keep_running: bool = False, app_id: str | None = None,
               locale: str | Locale | None = None,
               on_open: Callable[[list[str]], str | None] | None = None) -> None:
    """Serve `handler` to the browser of the user who started the program, and open it there. Blocks until the
    end: a response with `shut_down=True`, Ctrl-C, or SIGTERM.

    :param handler: any callable from a Request to a Response or content; a Router, mostly
    :param address: where to listen; other than loopback only together with `hosts`
    :param port: the port to begin with; by default 8080 with `start=None`, else one that follows from
        `app_id` and the user, so that two programs share nothing in the browser. One that is busy, or that
        browsers do not open, is stepped over, and the one that worked is tried first the next time; with
        `start=None`, a busy port is an error
    :param start: the page to open in the browser, a path as in `'/task/?state=open#today'`; None: open none,
        and ask for no launch key
    :param timeout: seconds that a new connection may be silent before it is closed
    :param window: `'tab'`: a tab of the default browser. `'app'` and `'native'`, windows of their own, fall
        back to a tab for now, and say so
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
    :param on_open: called when the program is started once more while it runs, with the arguments of that
        start (`sys.argv[1:]`); returns the page to open, or None for `start`. The second start then ends
    :raises ValueError: for an address that others can reach, without `hosts`; an unknown kind of window; a
        malformed key or port; a start page elsewhere
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
    if is_spawned_child():
        return  # multiprocessing runs the script again in each child, up to here
    log.keep_console()  # before anything is opened, which could get the numbers of a closed console
    folder = _state_folder(app_id) if start is not None or key is not None else ''
    lock = Lock(folder)
    if start is not None and _is_open_already(lock, folder):
        return
    try:
        # Named for the application: browsers send a cookie to every port of a host.
        keys = Keys('kali-' + application_id(app_id), _secret(folder)) if folder else None
        sockets = _sockets(address, port, app_id, folder if start is not None else None)
        origin = _origin(address, hosts, sockets[0].getsockname()[1])
        gate = Gate(sockets[0].getsockname()[1], hosts, keys, proving=(PATH,) if start is not None else ())
        admit: Callable[[Head], Response | None] = gate.admit
        windows = None if start is None else Windows(keep_running)
        if windows is not None:
            handler, admit = windows.wrap(handler), windows.admit(gate)
        server = Server(handler, sockets, admit=admit, timeout=timeout, headers=headers, limits=limits,
                        debug=debug, locale=chosen)
        if keys is not None and start is not None and windows is not None:
            windows.attach(server)
            server.dispatcher.own.delegate('/instance', _reception(keys, origin, start, on_open))
        _open(origin, start, window, keys, key, folder)
        log.info('listening on port %d', sockets[0].getsockname()[1])
        server.run()
        log.info('ended')
    finally:
        lock.release()


def _is_open_already(lock: Lock, folder: str) -> bool:
    """Whether the program runs already, and has a window more now."""
    url = ask_first(lock, lambda: _remembered_port(folder),
                    lambda: _read(os.path.join(folder, 'secret')), sys.argv[1:])  # noqa: PTH118
    if url is None:
        return False
    from kali.desktop.window import open_window  # only a program with a window needs it
    log.say('The program is running already: another window of it opens.')
    open_window(url, folder, patience=5)
    return True


def _reception(keys: Keys, origin: str, start: str, on_open: Callable[[list[str]], str | None] | None
               ) -> Reception:
    """What lets a second start of the program in."""
    def open_for(arguments: list[str]) -> str:
        return _launch_url(keys, origin, (on_open(arguments) if on_open else None) or start)
    return Reception(keys.secret, open_for)


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


def _expect_sense(address: str, hosts: tuple[str, ...], port: int | None, start: str | None, window: str,
                  key: str | None) -> None:
    """Refuse arguments that make no sense, before anything is begun."""
    if address not in LOOPBACK and not hosts:
        raise ValueError(f'address {address!r} can be reached by others; if that is meant, say under which '
                         "host names people will use it, as in hosts=('office-pc',)")
    if window not in WINDOWS:
        raise ValueError(f'window={window!r}: it is one of {", ".join(map(repr, WINDOWS))}')
    if port is not None and not 0 <= port <= 65535:
        raise ValueError(f'port {port}: a port is a number from 0 to 65535')
    if key is not None and not is_key(key):
        raise ValueError('key must be 1 to 128 letters, digits and ._~-, as hard to guess as a password')
    if start is not None:
        try:
            add_query(start, {})
        except ValueError as error:
            raise ValueError(f'start={start!r}: {error}') from None


def _sockets(address: str, port: int | None, app_id: str | None, folder: str | None) -> list[socket.socket]:
    """The listening sockets; where a window is to be opened (there is a `folder`), at a port that works."""
    if folder is None:
        port = SERVER_PORT if port is None else port
        if port in BAD_PORTS and port:
            log.say(f'Browsers do not open port {port}; other programs can use it.')
        return listen_at(address, port)
    last = _remembered_port(folder)
    if port is None:
        sockets = listen_nearby(address, default_port(app_id), [last] if last >= 1024 else [])
    else:
        sockets = listen_nearby(address, port, [last] if port and port <= last < port + STEPS else [])
    _write(folder, 'port', str(sockets[0].getsockname()[1]))
    return sockets


def _remembered_port(folder: str) -> int:
    """The port that worked the last time; 0 if there is none."""
    text = _read(os.path.join(folder, 'port'))  # noqa: PTH118
    return int(text) if re.fullmatch('[0-9]{1,5}', text) and int(text) < 65536 else 0


def _origin(address: str, hosts: tuple[str, ...], port: int) -> str:
    """The beginning of the program's addresses, for a browser on this machine."""
    if address in LOOPBACK:
        return f'http://127.0.0.1:{port}'
    host = EVERYWHERE.get(address) or hosts[0].removesuffix(f':{port}')
    return f'http://{host}:{port}'


def _open(origin: str, start: str | None, window: str, keys: Keys | None, key: str | None,
          folder: str) -> None:
    """Open the window, and print an address for any other browser; or only say where the program is."""
    if keys is None:
        log.say(f'Serving at {origin}/ (Ctrl-C ends the program)')
    elif start is None:  # the author of the script knows the key that it gave
        log.say(f'Serving at {origin}/?key=… (Ctrl-C ends the program)')
        keys.new(key, used=lambda: _invite(keys, origin, '/', AGAIN))
    else:
        from kali.desktop.window import open_window  # only a program with a window needs it
        if window != 'tab':
            log.say(f'A window of the kind {window!r} cannot be opened here; it will be a tab of your '
                    'browser.')
        _invite(keys, origin, start, RUNNING, key)
        open_window(_launch_url(keys, origin, start), folder)


def _path(start: str) -> str:
    return start if start.startswith('/') else '/' + start


def _launch_url(keys: Keys, origin: str, start: str, key: str | None = None,
                used: Callable[[], object] | None = None) -> str:
    """The address of a page, with a key in it that works once."""
    return origin + add_query(_path(start), {'key': keys.new(key, used=used)})


def _invite(keys: Keys, origin: str, start: str, words: str, key: str | None = None) -> None:
    """Print an address that lets one browser in, and another one as soon as it has been used."""
    log.say(words.format(_launch_url(keys, origin, start, key, lambda: _invite(keys, origin, start, AGAIN))))


def _state_folder(app_id: str | None) -> str:
    try:
        return state_folder(app_id)
    except OSError as error:
        raise KaliError('The folder for what the program remembers between runs cannot be made '
                        f'({error.filename}: {error.strerror}). Set XDG_STATE_HOME or HOME to a folder that '
                        'can be written, or use start=None and no key.') from error


def _secret(folder: str) -> str:
    """The launch cookie's value: made once, and kept, so that open tabs stay in after a restart."""
    secret = _read(os.path.join(folder, 'secret'))  # noqa: PTH118
    if len(secret) != 64:
        secret = os.urandom(32).hex()
        _write(folder, 'secret', secret)
    return secret


def _read(path: str) -> str:
    try:
        with open(path, encoding='utf-8') as file:  # noqa: PTH123
            return file.read(1000).strip()
    except (OSError, ValueError):
        return ''


def _write(folder: str, name: str, text: str) -> None:
    from kali.desktop.window import write_private  # only a program with a window needs it
    try:
        write_private(os.path.join(folder, name), text)  # noqa: PTH118
    except OSError as error:
        log.warning('cannot remember the %s in %s: %s', name, folder, str(error))
