"""The selector of a guest loop (see guest.py), which never waits; and a place to wait for hosts with none."""

from __future__ import annotations

import selectors
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kali.http.host import Handle

__all__ = ['GuestSelector', 'Sockets', 'Watching']

TURNS = 100  # of the loop in one go: a coroutine that never rests must not keep requests from being served


class Watching(Protocol):
    """What the guest asks of its host."""

    def watch(self, descriptor: int, events: int, function: Callable[[int], object]) -> None:
        """Call `function(mask)` whenever `descriptor` is ready for one of `events`; events of 0 end it."""

    def at(self, when: float, function: Callable[[], object]) -> Handle:
        """Call `function` at that time."""


class Sockets:
    """A place to wait for sockets, for a host that has no loop of its own."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._wake_in, self._wake_out = socket.socketpair()
        for each in (self._wake_in, self._wake_out):
            each.setblocking(False)
        self._selector.register(self._wake_in, selectors.EVENT_READ, lambda mask: self._wake_in.recv(4096))

    def watch(self, descriptor: int, events: int, function: Callable[[int], object]) -> None:
        """Call `function(mask)` in a `pause` in which `descriptor` is ready for one of `events`."""
        if descriptor in self._selector.get_map():
            self._selector.unregister(descriptor)
        if events:
            self._selector.register(descriptor, events, function)

    def wake(self) -> None:
        """End the `pause` that goes on, or the next one; from any thread."""
        with suppress(OSError):  # it is full, so the pause is about to end; or closed, and there is none
            self._wake_out.send(b'\0')

    def pause(self, until: float) -> None:
        """Wait for a socket, until then at most on the clock of `time.monotonic`, or until `wake`."""
        seconds = None if until == float('inf') else max(0.0, until - time.monotonic())
        for key, mask in self._selector.select(seconds):
            key.data(mask)

    def close(self) -> None:
        """Close what is its own."""
        self._selector.close()
        self._wake_in.close()
        self._wake_out.close()


class GuestSelector(selectors.BaseSelector):
    """Asks the host to watch, and never waits itself."""

    def __init__(self, host: Watching, ready: Callable[[], object]) -> None:
        self._host, self._ready = host, ready
        self._keys: dict[int, selectors.SelectorKey] = {}
        self._events: dict[int, int] = {}
        self.loop: Any = None
        self.idle_until: float | None = None  # None: until a socket is ready
        self.turns = 0
        self.alone = False  # whether nobody else is served, so that it may wait

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        number = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        if number in self._keys:
            raise KeyError(f'{fileobj!r} is registered')
        key = self._keys[number] = selectors.SelectorKey(fileobj, number, events, data)
        self._host.watch(number, events, lambda mask: self._come(number, mask))
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        key = self.get_key(fileobj)
        del self._keys[key.fd]
        self._events.pop(key.fd, None)
        self._host.watch(key.fd, 0, lambda mask: None)
        return key

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        self.unregister(fileobj)
        return self.register(fileobj, events, data)

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        for number, key in self._keys.items():
            if key.fileobj is fileobj or number == fileobj:
                return key
        raise KeyError(f'{fileobj!r} is not registered')

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return {key.fileobj: key for key in self._keys.values()}

    def _come(self, number: int, mask: int) -> None:
        self._events[number] = self._events.get(number, 0) | mask
        self._ready()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events, self._events = self._events, {}
        if self.alone and not events:
            return self._wait(timeout)
        found = [(self._keys[number], mask & self._keys[number].events) for number, mask in events.items()
                 if number in self._keys]
        self.turns += 1
        if not found and (timeout is None or timeout > 0):
            self.idle_until = None if timeout is None else time.monotonic() + timeout
            self.loop.stop()
        elif self.turns >= TURNS:
            self.idle_until = 0.0
            self.loop.stop()
        return [(key, mask) for key, mask in found if mask]

    def _wait(self, timeout: float | None) -> list[tuple[selectors.SelectorKey, int]]:
        with selectors.DefaultSelector() as selector:
            for key in self._keys.values():
                selector.register(key.fd, key.events, key)
            return [(key.data, mask) for key, mask in selector.select(timeout)]
