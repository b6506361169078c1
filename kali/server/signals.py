"""Signals: how Ctrl-C, SIGTERM, and Ctrl-Break on Windows end a server.

While it runs they call `interrupt` instead of what they did before; what the server makes of that is its own
business.
"""

from __future__ import annotations

import signal

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import Any

__all__ = ['Signals']


class Signals:
    """SIGINT and SIGTERM, and SIGBREAK on Windows, end the server while it runs; afterwards they do again
    what they did before.

    A handler that swallows the interruption is interrupted again four times a second, by SIGALRM; there is
    none on Windows, where a second Ctrl-C does it.

    :param interrupt: called when one comes, in the main thread
    :param waker: a socket that gets a byte when one comes, so that a wait for sockets ends
    """

    def __init__(self, interrupt: Callable[[], None], waker: socket.socket) -> None:
        self.interrupt, self.waker = interrupt, waker
        self.before: list[tuple[int, Any]] = []
        self.wakeup = -1

    def __enter__(self) -> None:
        try:
            ends = signal.SIGINT, signal.SIGTERM, getattr(signal, 'SIGBREAK', signal.SIGINT)
            for number in dict.fromkeys(ends):
                self.before.append((number, signal.signal(number, self._asked)))
            if hasattr(signal, 'SIGALRM'):
                self.before.append((signal.SIGALRM, signal.signal(signal.SIGALRM, self._again)))
        except ValueError:
            return  # not in the main thread: the program that started this one calls stop()
        self.waker.setblocking(False)
        self.wakeup = signal.set_wakeup_fd(self.waker.fileno(), warn_on_full_buffer=False)

    def _asked(self, number: int, frame: object) -> None:
        if hasattr(signal, 'setitimer'):
            signal.setitimer(signal.ITIMER_REAL, 0.25, 0.25)
        self.interrupt()

    def _again(self, number: int, frame: object) -> None:
        self.interrupt()

    def __exit__(self, *error: object) -> None:
        if hasattr(signal, 'setitimer') and self.before:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if self.before:
            signal.set_wakeup_fd(self.wakeup)
        for number, action in self.before:
            signal.signal(number, action)
