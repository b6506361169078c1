"""Page: a whole page of kali's own, as HTML and as the parts that it was made of.

By itself it is plain: a title and what stands below it. Where the application has a frame (kali.pages.shell),
the same parts are put into that. `document` is the one skeleton of both.
"""

from __future__ import annotations

from kali.iolist import joined
from kali.markup import Markup, escape

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from kali.iolist import Content

__all__ = ['Page', 'document']

_TOP = """<!DOCTYPE html>
<html lang="%s">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>%s</title>
<link rel="stylesheet" href="/.kali/kali.css">
"""
_SCRIPT = '<script src="/.kali/kali.js" defer></script>\n'
_BOTTOM = '\n</main>\n</body>\n</html>\n'


class Page(Markup):
    """A page without a frame; it is its own HTML.

    :param title: text, or Markup
    :param body: HTML below the title
    :param way_out: whether the plain page ends with a link to the start of the program: a window without an
        address bar would be stuck on it otherwise
    :param script: whether the plain page loads kali's script

    >>> page = Page('R&D', ['<p>', 7, '</p>'])
    >>> page.heading, page.body, '<h1>R&amp;D</h1>' in page
    ('R&D', Markup('<p>7</p>'), True)
    """

    __slots__ = ('body', 'heading')
    heading: str
    body: Markup

    def __new__(cls, title: str, body: Content, *, way_out: bool = False, script: bool = False) -> Page:
        body = Markup(joined(body))
        link = '\n<p><a href="/">To the start</a></p>' if way_out else ''
        page = super().__new__(cls, joined(document(title, title, [body, link], script=script)))
        page.heading, page.body = title, body
        return page


def document(title: str, heading: str, content: Content, *, lang: str = 'en', head: Content = None,
             before: Content = None, script: bool = True) -> Content:
    """The HTML of a whole page with kali's style sheet.

    :param title: for the title bar of the window: text, or Markup
    :param heading: for the page: text, or Markup
    :param content: HTML below the heading
    :param lang: the language of the page, as in BCP 47
    :param head: HTML for the end of the `head` element
    :param before: HTML before the `main` element
    :param script: whether the page loads kali's script
    """
    return [_TOP % (escape(lang), escape(title)), _SCRIPT if script else None, head,
            '</head>\n<body>\n', before, f'<main id="main" tabindex="-1">\n<h1>{escape(heading)}</h1>\n',
            content, _BOTTOM]
