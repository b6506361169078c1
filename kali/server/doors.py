"""Doors: the listening sockets of a server, which are shut while there is no room for more clients."""

from __future__ import annotations

import socket

from kali import log
from kali.server.timers import NEVER

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from socket import SocketType
    from typing import Any, TypeAlias

    BaseSelector: TypeAlias = Any  # only the loop imports selectors

__all__ = ['Doors']

SOCK_STREAM = socket.SOCK_STREAM
READ = 1  # as selectors has it


class Doors:
    """Listening sockets, and whether they are watched; `again` is when to open them if they are shut.

    :param sockets: listening sockets, which are taken over and closed at the end
    """

    def __init__(self, sockets: list[socket.socket]) -> None:
        self.sockets = sockets
        self.again = NEVER
        self.are_open = self._has_complained = False

    def accept(self, listener: socket.socket) -> SocketType | None:
        """The socket of the next client; None if there is none.

        :raises OSError: where the system has no file descriptor or memory for it
        """
        try:
            # What accept() does, but for making enums of family and type of every socket, which takes as long
            # as the system takes to accept; nor is the class that Python puts around the system's needed.
            number, _ = listener._accept()  # type: ignore[attr-defined]
        except (BlockingIOError, InterruptedError, ConnectionError):
            return None
        if number < 3:  # the application closed its console, and Python's output would go to this client
            number = log.beyond_console(number)
        return socket.SocketType(-1, SOCK_STREAM, 0, number)  # -1: as the system says

    def complain(self, error: Exception) -> None:
        """Log why no client can be accepted, once: a shortage is met again and again."""
        if not self._has_complained:
            self._has_complained = True
            log.warning('cannot accept more clients for now: %s', str(error))

    def open(self, selector: BaseSelector) -> None:
        """Watch for clients."""
        self.again = NEVER
        if not self.are_open:
            for listener in self.sockets:
                listener.setblocking(False)
                selector.register(listener, READ, self)
            self.are_open = True

    def shut(self, selector: BaseSelector, until: float) -> None:
        """Do not watch for clients until then, or until there is room; they wait in the system's queue."""
        self.again = min(self.again, until)
        if self.are_open:
            for listener in self.sockets:
                try:
                    selector.unregister(listener)
                except (KeyError, ValueError):
                    pass  # the application has closed it
            self.are_open = False

    def close(self, selector: BaseSelector) -> None:
        """Accept nobody any more; the ports are free."""
        self.shut(selector, NEVER)
        for listener in self.sockets:
            try:
                listener.close()
            except OSError:
                pass  # the application has closed it
        self.sockets = []
        self.again = NEVER
