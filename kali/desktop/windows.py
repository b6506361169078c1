"""Windows: what the windows of a program tell it, and what it tells them.

Each page that a window shows gets a script (kali/pages/window.js), which holds the lease of the windows, says
goodbye, and says so when the program has ended. What it asks for is served below `/.kali/`.
"""

from __future__ import annotations

from kali import log
from kali.desktop.lifetime import Lifetime
from kali.http.around import Around
from kali.http.deferred import Deferred, Signal, Wait
from kali.http.response import Response
from kali.locale.words import say
from kali.markup import escape

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from kali.http.parser import Head
    from kali.http.request import Request
    from kali.http.response import Handler
    from kali.server.gate import Gate
    from kali.server.loop import Server

__all__ = ['Windows', 'is_page']

GOODBYE = '/.kali/goodbye'


class Windows:
    """The windows of a program.

    :param keep_running: whether the program lives on without any
    :param remember_place: gets where the last one was on the screen, as `x y width height`
    :param icon: the path of the program's icon, for pages that name none
    """

    def __init__(self, keep_running: bool, remember_place: Callable[[str], object] = lambda text: None,
                 icon: str = '') -> None:
        self._keep_running, self._remember_place, self._icon = keep_running, remember_place, icon
        self._lifetime: Lifetime | None = None
        self._left = Signal()

    def wrap(self, handler: Handler) -> Handler:
        """`handler`, which can see by `request.scope.has_window` that a window shows its pages."""
        def call(request: Request) -> Any:
            request.scope.has_window = True
            return handler(request)
        return Around(handler, call)

    def dress(self, request: Request, response: Response) -> Response:
        """A page that a window shows, with the script in it."""
        holds = response.status == 304  # the browser has it, script and all
        if is_page(response) and isinstance(response.content, bytes):  # not so for a stream
            response, holds = response.with_content(response.content + self._tag(response.content)), True
        # A window that gets a download, or nothing, stays at its page.
        stays = (response.status in (204, 205)
                 or 'attachment' in response.headers.get('Content-Disposition', ''))
        if self._lifetime is not None and not stays:
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
            self._lifetime = Lifetime(server.at, server.is_busy, server.stop, is_seen=log.has_console())
            server.dispatcher.leased = self._lifetime.leased
            server.start(Deferred(self._wait_for_browser), 'the browser')
        server.dispatcher.dress = self.dress
        own = server.dispatcher.own
        own.post('/goodbye')(self._goodbye)
        own.post('/quit')(self._quit)
        if self._icon:
            own.get('/icon')(self._send_icon)

    def _send_icon(self) -> Response:
        from kali.http.files import content_type_of  # for a program with an icon only
        with open(self._icon, 'rb') as file:  # noqa: PTH123
            return Response(file.read(), headers={'Content-Type': content_type_of(self._icon)})

    def _tag(self, page: bytes) -> bytes:
        """The script, and what it says in the language of the window; and the icon."""
        # Without one, a browser asks for /favicon.ico, and shows a globe.
        name = 'icon' if self._icon else 'icon.svg'
        icon = '' if b'rel="icon"' in page else f'<link rel="icon" href="/.kali/{name}">\n'
        text = escape(say('closed'))
        return f'{icon}<script type="module" src="/.kali/window.js" data-closed="{text}"></script>\n'.encode()

    def left(self) -> None:
        """The browser that showed the windows has ended as it should; from any thread."""
        self._left.set()

    def _wait_for_browser(self) -> Wait | None:
        wait = Wait(signal=self._left)
        if self._left.count and self._lifetime is not None:
            self._lifetime.left()
            return None
        wait.resting = True
        return wait

    def _goodbye(self, request: Request) -> Response:
        if self._lifetime is not None:
            self._lifetime.parted()
        if len(request.body) < 40:
            self._remember_place(request.body.decode('ascii', 'replace'))
        return Response(b'', status=204)

    def _quit(self) -> Response:
        page = Response.generic(f'<p>{escape(say("ended"))}</p>', title=say('goodbye'))
        page.shut_down = True
        return page


def is_page(answer: Response) -> bool:
    """Whether an answer is a page of HTML that a browser shows as it is."""
    headers = answer.headers
    return ('html' in headers.get('Content-Type', 'text/html') and 'Content-Encoding' not in headers
            and answer.status not in (204, 304) and not 300 <= answer.status < 400
            and 'attachment' not in headers.get('Content-Disposition', ''))
