"""serve_http: an application as a desktop program, with one call at the end of its script.

It puts the parts together: listening sockets, gate, server, and, unless the caller wants only a server, the
window with its launch key. It knows no protocol and no handlers.
"""

from __future__ import annotations

import errno
import os

from kali import log
from kali.desktop.folders import application_id, state_folder
from kali.errors import KaliError
from kali.http.limits import DEFAULT, Limits
from kali.locale import Locale
from kali.processes import is_spawned_child
from kali.server.gate import Gate, Keys, is_key
from kali.server.listening import listen
from kali.server.loop import Server

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable, Mapping

    from kali.http.response import Handler

__all__ = ['serve_http']

LOOPBACK = ('127.0.0.1', 'localhost', '::1', '[::1]')
AGAIN = 'For another browser: {}'
WINDOWS = ('tab', 'app', 'native')
STEPS = 50  # how many ports are tried after the preferred one


def serve_http(handler: Handler, *, address: str = '127.0.0.1', port: int = 8080, start: str | None = '/',
               timeout: float = 1.0, window: str = 'tab', hosts: Iterable[str] = (), key: str | None = None,
               headers: Mapping[str, str | None] | None = None, limits: Limits = DEFAULT, debug: bool = True,
               keep_running: bool = False, app_id: str | None = None,
               locale: str | Locale | None = None) -> None:
    """Serve `handler` to the browser of the one who started the program, and open it there. Blocks until the
    end: a response with `shut_down=True`, Ctrl-C, or SIGTERM.

    :param handler: any callable from a Request to a Response or content; a Router, mostly
    :param address: where to listen; other than loopback only together with `hosts`
    :param port: the port to begin with. A busy one is stepped over, and the one that worked is tried first
        the next time; with `start=None`, a busy port is an error
    :param start: the page to open in the browser; None: open none, and ask for no launch key
    :param timeout: seconds that a new connection may be silent before it is closed
    :param window: `'tab'`: a tab of the default browser. `'app'` and `'native'`, windows of their own, fall
        back to a tab for now, and say so
    :param hosts: further host names to answer to
    :param key: a launch key to use instead of a random one: up to 128 letters, digits and `._~-`, as hard to
        guess as a password; with it, `start=None` asks for one
    :param headers: header fields for every response, in place of or besides kali's own; None leaves one out
    :param limits: how much of a request is taken
    :param debug: whether error pages show the cause
    :param keep_running: whether the program lives on when its last window is closed (it does, for now, in any
        case)
    :param app_id: names the application's folders; by default it follows from the script's path
    :param locale: how numbers and dates are written and which language kali speaks, such as `'de'` or
        `'en-GB'`; as each browser asks for unless given
    :raises ValueError: for an address that others can reach, without `hosts`; an unknown kind of window; a
        malformed key or port
    :raises KaliError: if the port or the state folder cannot be used

    A program is one line longer than its handler::

        serve_http(lambda request: 'Hello, world!')
    """
    hosts = tuple(hosts)
    chosen = Locale.named(locale) if isinstance(locale, str) else locale
    if address not in LOOPBACK and not hosts:
        raise ValueError(f'address {address!r} can be reached by others; if that is meant, say under which '
                         "host names people will use it, as in hosts=('office-pc',)")
    if window not in WINDOWS:
        raise ValueError(f'window={window!r}: it is one of {", ".join(map(repr, WINDOWS))}')
    if not 0 <= port <= 65535:
        raise ValueError(f'port {port}: a port is a number from 0 to 65535')
    if key is not None and not is_key(key):
        raise ValueError('key must be 1 to 128 letters, digits and ._~-, as hard to guess as a password')
    if is_spawned_child():
        return  # multiprocessing runs the script again in each child, up to here (FACTS, Processes)
    if start is None:
        sockets = _listen(address, port)
        keys = None if key is None else _keys_for_scripts(sockets[0].getsockname()[1], app_id, key)
        _run(handler, sockets, keys, hosts, timeout, headers, limits, debug, chosen)
        return
    if window != 'tab':
        _say(f'A window of the kind {window!r} cannot be opened here; it will be a tab of your browser.')
    folder = _state_folder(app_id)
    sockets = _listen_nearby(address, port, folder)
    keys = Keys(_cookie(app_id), _secret(folder))
    _announce(sockets[0].getsockname()[1], start, keys, folder, key)
    _run(handler, sockets, keys, hosts, timeout, headers, limits, debug, chosen)


def _state_folder(app_id: str | None) -> str:
    try:
        return state_folder(app_id)
    except OSError as error:
        raise KaliError('The folder for what the program remembers between runs cannot be made '
                        f'({error.filename}: {error.strerror}). Set XDG_STATE_HOME or HOME to a folder that '
                        'can be written, or use start=None and no key.') from error


def _run(handler: Handler, sockets: list[socket.socket], keys: Keys | None, hosts: Iterable[str],
         timeout: float, headers: Mapping[str, str | None] | None, limits: Limits, debug: bool,
         locale: Locale | None) -> None:
    port = sockets[0].getsockname()[1]
    log.info('listening on port %d', port)
    gate = Gate(port, hosts, keys)
    Server(handler, sockets, admit=gate.admit, timeout=timeout, headers=headers, limits=limits,
           debug=debug, locale=locale).run()
    log.info('ended')


def _listen(address: str, port: int) -> list[socket.socket]:
    """Listening sockets at `port`. A browser may try ::1 first for `localhost`, so loopback means both."""
    if address not in LOOPBACK:
        return [listen(address, port)]
    sockets = [listen('127.0.0.1', port)]
    try:
        sockets.append(listen('::1', sockets[0].getsockname()[1]))
    except KaliError as error:
        reason = error.__cause__
        # Windows says EACCES of a port that another program has for itself.
        if port and isinstance(reason, OSError) and reason.errno in (errno.EADDRINUSE, errno.EACCES):
            sockets[0].close()
            raise
        # otherwise there is no IPv6 on this machine, and nobody misses it
    return sockets


def _listen_nearby(address: str, port: int, folder: str) -> list[socket.socket]:
    """Listening sockets at the port that worked the last time, or the first free one from `port` on."""
    remembered = _read(os.path.join(folder, 'port'))  # noqa: PTH118
    wanted = list(range(port, min(port + STEPS, 65536))) if port else [0]
    if port and remembered.isdigit() and int(remembered) in wanted:
        wanted.insert(0, int(remembered))
    for candidate in wanted:
        try:
            sockets = _listen(address, candidate)
        except KaliError as error:
            last = error
            continue
        _write(folder, 'port', str(sockets[0].getsockname()[1]))
        return sockets
    raise last


def _announce(port: int, start: str, keys: Keys, folder: str, key: str | None) -> None:
    """Open the window, and print an address for any other browser."""
    from kali.desktop.window import open_window  # only a program with a window needs it
    url = _address(port, start)
    _invite(keys, url, 'Running at {}\n(the address works once; Ctrl-C ends the program)', key)
    open_window(url + keys.new(), folder,
                lambda: _say('No browser could be opened; open the address above in one.'))


def _keys_for_scripts(port: int, app_id: str | None, key: str) -> Keys:
    """Keys where nobody opens a window: whoever chose `key` knows it already, so only later ones are told."""
    keys = Keys(_cookie(app_id), _secret(_state_folder(app_id)))
    keys.new(key, used=lambda: _invite(keys, _address(port, '/'), AGAIN))
    return keys


def _address(port: int, start: str) -> str:
    """The address of the page `start`, up to where the key goes."""
    url = f'http://127.0.0.1:{port}/{start.lstrip("/")}'
    return url + ('&key=' if '?' in url else '?key=')


def _invite(keys: Keys, url: str, words: str, key: str | None = None) -> None:
    """Print an address that lets one browser in, and another one as soon as it has been used."""
    _say(words.format(url + keys.new(key, used=lambda: _invite(keys, url, AGAIN))))


def _say(text: str) -> None:
    """Print to the console, if there is one (pythonw has none)."""
    import sys
    if sys.stdout is not None:
        try:
            print(text, flush=True)
        except OSError:
            pass  # a console that is gone is no reason to end


def _cookie(app_id: str | None) -> str:
    """Named for the application, since browsers send cookies to every port of a host."""
    return 'kali-' + application_id(app_id)


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
