"""Host: what long-lived parts of an application may ask of the program that they run in.

The server is a host, and so is the test client as a context manager; `request.scope.host` is the one at hand,
if there is one. Both names are for annotations: a host is whatever has these methods.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from kali.http.deferred import Deferred
    from kali.http.response import Response

__all__ = ['Handle', 'Host']


class Handle(Protocol):
    """Something that was begun and can be called off."""

    def cancel(self) -> None:
        """Call it off: a job is closed, a call at a moment is not made. Later calls do nothing."""


class Host(Protocol):
    """Runs jobs between requests. All that was started is closed when the host ends."""

    @property
    def stopping(self) -> bool:
        """Whether the host is about to end."""

    def start(self, deferred: Deferred, name: str) -> Handle:
        """Take a job, a Deferred that no client waits for, through its steps between requests.

        :param name: what the log calls it
        """

    def at(self, when: float, function: Callable[[], object]) -> Handle:
        """Call `function` once at the time `when`, in seconds on the clock of `time.monotonic`."""

    def publish(self, event: Any, to: str = '') -> None:
        """Send an event to all windows of the program that listen to `/.kali/events`; in a transaction, after
        COMMIT. The windows of a desktop program do, each browser by one stream. Elsewhere a page listens that
        has `data-kali-events="/.kali/events"` in it; any client that asks for that address hears all of it.

        :param event: what one of the methods of SSE makes, or a text
        :param to: the path of the pages that it is for, as `app.url_for` gives it; with a slash at the end,
            those below it as well. A text goes to all
        :raises ValueError, TypeError: for what cannot be sent
        """

    def asynchronous(self, value: Any, finish: Callable[[Any], Response | Deferred]) -> Deferred:
        """The answer of an awaitable, or the stream of an async generator.

        :param finish: makes a Response of the awaitable's result
        """

    def complete(self, value: Any, seconds: float) -> None:
        """Run an awaitable to its end: the last thing that something asynchronous does when it is closed.

        :param seconds: how long it may take
        """

    def wake(self) -> None:
        """Have the host look at what has come. The only one of these calls that another thread may make."""
