"""Deferred answers where nobody else is served meanwhile: their steps in one go, with real waiting.

The test client and adapters to servers that give each request a thread take an answer through its steps so.
"""

from __future__ import annotations

import time

from kali.http.deferred import Wait, Waiter

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Protocol

    class Place(Protocol):
        """A place to wait."""

        def wake(self) -> None:
            """End the `pause` under way; from any thread."""

        def pause(self, until: float) -> None:
            """Let time pass: until then, or until something happens."""

__all__ = ['Pause', 'pieces', 'sit_out']


class Pause:
    """A place to wait where nothing else happens."""

    def __init__(self) -> None:
        from threading import Event  # only what waits needs it
        self._event = Event()

    def wake(self) -> None:
        """End the `pause` under way, or the next one; from any thread."""
        self._event.set()

    def pause(self, until: float) -> None:
        """Wait until then on the clock of `time.monotonic`, or until `wake` is called."""
        seconds = until - time.monotonic()
        self._event.wait(None if until == float('inf') else max(0.0, seconds))
        self._event.clear()


def pieces(step: Callable[[], Any], place: Place | None = None) -> Iterator[Any]:
    """What the steps of a Deferred give, the waits sat out: bytes, or in the end the Response.

    >>> from kali.http.deferred import stream
    >>> from kali.http.response import Response
    >>> list(pieces(stream(iter(['a', 'b']), Response()).step))
    [b'a', b'b']
    """
    while (outcome := step()) is not None:
        if isinstance(outcome, Wait):
            sit_out(outcome, place or Pause())
        else:
            yield outcome
            if not isinstance(outcome, bytes):
                return


def sit_out(wait: Wait, place: Place) -> None:
    """Return once `wait` is over."""
    waiter = Waiter(place.wake)
    try:
        waiter.wait_for(wait)
        while not wait.room and not wait.over(time.monotonic()):
            place.pause(float('inf') if wait.until is None else wait.until)
    finally:
        waiter.end()
