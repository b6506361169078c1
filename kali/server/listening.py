"""Listening sockets: one for each address and port, or a sentence that says why it cannot be had."""

from __future__ import annotations

import socket
import sys

from kali.errors import KaliError

__all__ = ['listen']

BACKLOG = 128  # clients that the system keeps waiting for accept


def listen(address: str, port: int) -> socket.socket:
    """A listening socket.

    :raises KaliError: if the port is taken or may not be used; says which and what to do.
    """
    family = socket.AF_INET6 if ':' in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform == 'win32':
            # There, SO_REUSEADDR would let two programs listen on one port (cpython#85307).
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((address, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise KaliError(f'Port {port} on {address} cannot be used ({error.strerror or error}): another '
                        'program may have it. End that program, or give another port.') from error
    return listener
