"""Shell: the frame of an application: its title, its menu, and what else stands on every page.

The pages of the application are made by `page`. Around the application, `wrap` has kali's own pages (errors,
listings, backups …) stand in the same frame, so that nobody seems to have left the program.
"""

from __future__ import annotations

from kali.errors import ProtocolError
from kali.http.around import Around
from kali.http.page import document
from kali.http.response import Response
from kali.http.urls import split_path
from kali.locale.words import say
from kali.markup import Markup, escape

TYPE_CHECKING = False  # spelled out: a page is shown without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, TypeAlias

    from kali.http.request import Request
    from kali.http.response import Handler
    from kali.iolist import Content

    Menu: TypeAlias = Iterable[tuple[str, str]]  # titles and URLs

__all__ = ['Shell']


class Shell:
    """The frame of an application.

    :param title: the name of the application: text. It leads to the start page
    :param menu: pairs of a title and a URL, or a function from the request to such pairs. The entry that the
        page belongs to is marked: the one with its address, else the one with the longest beginning of its
        path
    :param start: the URL of the start page
    :param tools: HTML for the end of the head, or a function from the request to it; the buttons of an undo
        history, for example: `tools=lambda request: history.buttons('/undo')`
    :param head: HTML for the `head` element of each page: a `<style>`, an icon
    :param lang: the language of the pages, as in BCP 47

    >>> from kali import Request, Router
    >>> shell = Shell('Datebook', [('Contacts', '/contact/'), ('Tasks', '/task/')])
    >>> app = Router()
    >>> @app.function('/task/')
    ... def tasks(request: Request):
    ...     return shell.page(request, 'Tasks', '<p>Nothing to do.</p>')
    >>> served = shell.wrap(app)
    >>> from kali.testing import Client
    >>> page = Client(served).get('/task/').text
    >>> '<title>Tasks · Datebook</title>' in page, '<a href="/task/" aria-current="page">Tasks</a>' in page
    (True, True)
    >>> '<a href="/contact/">Contacts</a>' in Client(served).get('/nowhere').text
    True
    """

    def __init__(self, title: str, menu: Menu | Callable[[Request], Menu] = (), *, start: str = '/',
                 tools: Content | Callable[[Request], Content] = None, head: Content = None,
                 lang: str = 'en') -> None:
        self.title, self.start, self.tools, self.head, self.lang = title, start, tools, head, lang
        self.menu = menu if callable(menu) else list(menu)

    def page(self, request: Request, title: str, content: Content, *, notice: str | None = None,
             status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
        """A page in this frame.

        :param title: text, or Markup: the heading of the page, and with the application's title that of the
            window
        :param content: HTML below the heading
        :param notice: what is to be said above the content ("Saved."): text, or Markup
        """
        return Response(self.frame(request, title, content, notice), status=status, headers=headers)

    def frame(self, request: Request, title: str, content: Content, notice: str | None = None) -> Content:
        """The HTML of a page in this frame; the arguments are those of `page`."""
        whole = escape(title) if title == self.title else Markup(' · ').join([title, self.title])
        said = f'<p role="status">{escape(notice)}</p>\n' if notice else None
        return document(whole, title, [said, content], lang=self.lang, head=self.head,
                        before=[f'<a class="skip" href="#main">{escape(say("skip"))}</a>\n<header>\n',
                                f'<a href="{escape(self.start)}">{escape(self.title)}</a>\n',
                                self._menu(request),
                                self.tools(request) if callable(self.tools) else self.tools,
                                _quit() if request.scope.has_window else None, '</header>\n'])

    def wrap(self, handler: Handler) -> Handler:
        """`handler`, with kali's own pages in this frame. In a part of the application with a shell of its
        own, that one counts."""
        def call(request: Request) -> Any:
            request.scope.shell = self
            return handler(request)
        return Around(handler, call)

    def _menu(self, request: Request) -> Content:
        entries = list(self.menu(request)) if callable(self.menu) else self.menu
        if not entries:
            return None
        here = _current(request, [url for _, url in entries])
        mark = {here: ' aria-current="page"'}
        return ['<nav aria-label="Menu"><ul>\n',
                [f'<li><a href="{escape(url)}"{mark.get(number, "")}>{escape(title)}</a></li>\n'
                 for number, (title, url) in enumerate(entries)], '</ul></nav>\n']


def _quit() -> str:
    return ('<form method="post" action="/.kali/quit" class="quit">'
            f'<button class="secondary">{escape(say("quit"))}</button></form>\n')


def _current(request: Request, urls: list[str]) -> int | None:
    """The place of the URL that the page of `request` belongs to."""
    if request.target in urls:
        return urls.index(request.target)
    here, best, length = _components(request.target), None, -1
    for number, url in enumerate(urls):
        path = _components(url)
        # The start page is the beginning of every path, and yet not the section of every page.
        if len(path) > length and here[:len(path)] == path and (path or not here):
            best, length = number, len(path)
    return best


def _components(url: str) -> list[str]:
    """The path of a URL as decoded components, whether it ends in a slash or not."""
    try:
        return [each for each in split_path(url.partition('#')[0].partition('?')[0]) if each]
    except ProtocolError:  # the page says that this is no address
        return []
