"""Reply: what came back to the client; and the events of an event stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from kali.http.grammar import text_of
from kali.multidict import Headers
from kali.testing.page import Form, Link, Page, PageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from kali.http.request import Request

__all__ = ['Event', 'Reply', 'events_in', 'parsed']


class Reply:
    """What came back: `status`, `headers`, `body` in bytes, and `text`; `request` is what it answers, and
    `url` its address."""

    __slots__ = ('_send', 'body', 'headers', 'request', 'status', 'url')

    def __init__(self, status: int, headers: Headers, body: bytes, request: Request | None) -> None:
        self.status, self.headers, self.body, self.request = status, headers, body, request
        self.url = '/' if request is None else request.target
        self._send: Callable[..., Reply] | None = None

    def sent_by(self, send: Callable[..., Reply], url: str) -> Reply:
        """The same reply, whose forms and links are sent by `send`."""
        self._send, self.url = send, url
        return self

    @property
    def text(self) -> str:
        """The body as UTF-8 text."""
        return self.body.decode('utf-8')

    @property
    def json(self) -> Any:
        """The body read as JSON."""
        import json  # few tests need it
        return json.loads(self.body)

    @property
    def page(self) -> Page:
        """The body read as HTML."""
        assert self._send is not None, 'a reply to raw bytes has no page'
        return Page(self.text, self.url, self._send)

    @property
    def links(self) -> list[Link]:
        """The links of the page: `text` and `url`."""
        return self.page.links

    @property
    def forms(self) -> list[Form]:
        """The forms of the page."""
        return self.page.forms

    def form(self, label: str | None = None) -> Form:
        """The form with the button `label`, or of that id or name; without a label, the only form.

        :raises PageError: if there is none, or more than one
        """
        return self.page.form(label)

    def click(self, text: str) -> Reply:
        """Follow the link in which `text` stands, and redirects from there.

        :raises PageError: if there is none, or several that lead to different places
        """
        found = {link.url for link in self.links if link.text == text}
        if len(found) != 1:
            raise PageError(f'the page {self.url} has {len(found)} links {text!r}; its links: '
                            f'{[link.text for link in self.links]}')
        assert self._send is not None
        return self._send('GET', found.pop().partition('#')[0], follow=True)

    def __repr__(self) -> str:
        return f'<Reply {self.status}, {len(self.body)} bytes>'


def parsed(data: bytes, request: Request | None) -> Reply:
    """The reply that these bytes are."""
    head, _, body = data.partition(b'\r\n\r\n')
    lines = text_of(head).split('\r\n')
    pairs = [line.partition(': ') for line in lines[1:]]
    headers = Headers([(name, value) for name, _, value in pairs])
    return Reply(int(lines[0].split(' ')[1]), headers, body, request)


class Event(NamedTuple):
    """An event of a stream: its kind, its data, its id."""

    event: str
    data: str
    id: str


def events_in(pieces: Iterable[bytes]) -> Iterator[Event]:
    """The events that come in pieces (HTML standard, section 9.2.6).

    >>> list(events_in([b'id: 7\\ndata: te', b'a\\n\\n: nothing\\n\\nevent: end\\ndata\\n\\n']))
    [Event(event='message', data='tea', id='7'), Event(event='end', data='', id='7')]
    """
    rest, kind, last, data = '', '', '', list[str]()
    for piece in pieces:
        *lines, rest = (rest + piece.decode('utf-8')).split('\n')
        for line in lines:
            name, _, value = line.partition(':')
            value = value.removeprefix(' ')
            if not line and data:
                yield Event(kind or 'message', '\n'.join(data), last)
            if not line:
                kind, data = '', []
            elif name == 'data':
                data.append(value)
            elif name == 'event':
                kind = value
            elif name == 'id':
                last = value
