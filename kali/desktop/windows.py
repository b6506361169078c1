"""Windows: what the windows of a program tell it, and what it tells them.

Each page that a window shows gets a script (kali/pages/window.js), which holds the lease of the windows, says
goodbye, and says so when the program has ended. What it asks for is served below `/.kali/`.
"""

from __future__ import annotations

import sys

from kali.desktop.lifetime import Lifetime
from kali.http.around import Around
from kali.http.response import Response

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from kali.http.deferred import Deferred
    from kali.http.parser import Head
    from kali.http.request import Request
    from kali.http.response import Handler
    from kali.live.events import Channel
    from kali.server.gate import Gate
    from kali.server.loop import Server

__all__ = ['Windows', 'is_page']

GOODBYE, EVENTS = '/.kali/goodbye', '/.kali/events'
_TAG = b'<script type="module" src="/.kali/window.js"></script>\n'


class Windows:
    """The windows of a program.

    :param keep_running: whether the program lives on without any
    """

    def __init__(self, keep_running: bool) -> None:
        self._keep_running = keep_running
        self._lifetime: Lifetime | None = None
        self._channel: Channel | None = None

    def wrap(self, handler: Handler) -> Handler:
        """`handler`, which is told that a window shows its pages."""
        def call(request: Request) -> Any:
            request.scope.has_window = True
            return handler(request)
        return Around(handler, call)

    def dress(self, request: Request, response: Response) -> Response:
        """A page that a window shows, with the script in it."""
        holds = response.status == 304  # the browser has it, script and all
        if is_page(response) and isinstance(response.content, bytes):  # not so for a stream
            response, holds = response.with_content(response.content + _TAG), True
        if self._lifetime is not None:
            self._lifetime.showed(holds_lease=holds)
        return response

    def admit(self, gate: Gate) -> Callable[[Head], Response | None]:
        """The gate, which notes that a window is there when a request comes in."""
        def admit(head: Head) -> Response | None:
            refused = gate.admit(head)
            if refused is None and self._lifetime is not None and head.target != GOODBYE:
                self._lifetime.asked()
            return refused
        return gate.admit if self._keep_running else admit

    def attach(self, server: Server) -> None:
        """Serve what the script asks for, and end the server with its last window."""
        if not self._keep_running:
            self._lifetime = Lifetime(server.at, server.is_busy, server.stop, is_seen=_has_console())
        server.dispatcher.dress = self.dress
        own = server.dispatcher.own
        own.get('/events')(self._events)
        own.post('/goodbye')(self._goodbye)
        own.post('/quit')(self._quit)

    def _events(self, request: Request) -> Deferred:
        if self._channel is None:
            from kali.live.events import Channel  # when there is a window that shows a page already
            self._channel = Channel()
        stream = self._channel.stream(request)
        return stream if self._lifetime is None else self._lifetime.leased(stream)

    def _goodbye(self) -> Response:
        if self._lifetime is not None:
            self._lifetime.parted()
        return Response(b'', status=204)

    def _quit(self) -> Response:
        page = Response.generic('<p>The program has ended. This window can be closed.</p>', title='Goodbye')
        page.shut_down = True
        return page


def is_page(answer: Response) -> bool:
    """Whether an answer is a page of HTML that a browser shows as it is."""
    headers = answer.headers
    return ('html' in headers.get('Content-Type', 'text/html') and 'Content-Encoding' not in headers
            and answer.status not in (204, 304) and not 300 <= answer.status < 400
            and 'attachment' not in headers.get('Content-Disposition', ''))


def _has_console() -> bool:
    """Whether the user sees that the program runs."""
    for name in ('stdin', 'stdout', 'stderr'):
        try:
            if getattr(sys, name).isatty():
                return True
        except (ValueError, AttributeError, OSError):
            pass  # None, deleted, closed, or of the application's own
    return False
