"""Ports: which one an application listens on, and how it comes to the next if that is not to be had."""

from __future__ import annotations

import errno
import os

from kali.desktop.folders import application_id
from kali.errors import KaliError
from kali.server.listening import listen

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable

__all__ = ['BAD_PORTS', 'LOOPBACK', 'default_port', 'listen_at', 'listen_nearby']

LOOPBACK = ('127.0.0.1', 'localhost', '::1', '[::1]')
STEPS = 50  # how many ports are tried after the preferred one
FIRST, COUNT = 49152, 16384 - STEPS  # the ports that belong to no service (RFC 6335 section 6)

# No browser opens a page at one of these. Source: Fetch standard, section 2.9, "Port blocking".
BAD_PORTS = frozenset((
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102,
    103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512,
    513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719,
    1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679,
    6697, 10080))


def default_port(app_id: str | None) -> int:
    """The port of an application for this user. Others have other ones as a rule, so that no program finds
    what another has left in the browser: cookies, storage, service workers.

    >>> 49152 <= default_port('Order Book') <= 65535
    True
    """
    from zlib import crc32  # in C, and small
    user = str(os.getuid()) if hasattr(os, 'getuid') else os.environ.get('USERNAME', '')
    return FIRST + crc32(f'{application_id(app_id)} {user}'.encode('utf-8', 'surrogatepass')) % COUNT


def listen_at(address: str, port: int) -> list[socket.socket]:
    """Listening sockets at `port`. A browser may try ::1 first for `localhost`, so loopback means both.

    :raises KaliError: if the port cannot be used
    """
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


def listen_nearby(address: str, port: int, remembered: Iterable[int] = ()) -> list[socket.socket]:
    """Listening sockets at a port where a browser can open a page: one of those `remembered`, else `port`,
    else one of the next, else any.

    :raises KaliError: if there is none
    """
    wanted = [*remembered, *(range(port, min(port + STEPS, 65536)) if port else ()), *[0] * STEPS]
    for candidate in wanted:
        if candidate in BAD_PORTS and candidate:
            continue
        try:
            sockets = listen_at(address, candidate)
        except KaliError as error:
            last = error
            continue
        if sockets[0].getsockname()[1] not in BAD_PORTS:
            return sockets
        for each in sockets:
            each.close()
    raise last
