"""The handbook as an application: `handbook` is a handler for a folder of a Router.

Its addresses are the names of the pages, all of them in one folder, so its links are the same wherever it is
mounted: by `python -m kali docs` at `/`, and in every program with `debug` at `/.kali/handbook/`, where the
error pages link to it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from kali.errors import NotFound
from kali.handbook.markdown import plain, render, slug
from kali.handbook.pages import address, explain, pages, picture, search
from kali.http.response import Response
from kali.markup import Markup, escape
from kali.pages.shell import Shell

if TYPE_CHECKING:
    from kali.handbook.pages import Page
    from kali.http.request import Request
    from kali.iolist import Content

__all__ = ['handbook', 'place_for']

_MENU = {'tutorial': 'Tutorial', 'tasks': 'Tasks', 'reference': 'Reference', 'errors': 'Errors'}
_HEAD = """<style>
.live { border: 1px dashed var(--edge); padding: 1.1rem 1.1rem 0; margin-bottom: .4rem; }
.live > header { padding: 0; }
.split > aside { position: sticky; top: 0; max-height: 100vh; overflow-y: auto; }
.split > article { border: 0; padding: 0; background: none; }
:target { background: var(--mark); }
@media (max-width: 40rem) { .split > aside { position: static; } }
@media print { .live { border: 0; } }
</style>
<script>
addEventListener('input', (event) => {
  const form = event.target.form;
  if (form && form.role === 'search' && form.dataset.kaliPatch !== undefined) form.requestSubmit();
});
</script>
"""


def handbook(request: Request) -> object:
    """The page, the picture or the search that the request asks for; mount it with `delegate_folder`.

    >>> from kali.http.request import Request
    >>> from kali.iolist import joined
    >>> answer = handbook(Request('GET', '/forms'))
    >>> answer.status, '<h1>Forms</h1>' in joined(answer.content)
    (200, True)
    """
    name = '/'.join(request.path_suffix())
    if name == 'search':
        return _search(request)
    found = picture(name)
    if found is not None:
        return Response(found, headers={'Content-Type': 'image/png'})
    if name == 'all':
        return Response.plain_text('\n\n'.join(page.text for page in pages().values()))
    title, body = _body(name or 'index')
    return _frame(request, title, body)


def place_for(words: str) -> str:
    """The address, in the handbook, of what somebody looks for: a page by name, an error message, or words.

    >>> place_for('forms'), place_for('A GET may not write'), place_for('decimal comma')
    ('forms', 'error-a-get-may-not-write', 'search?q=decimal+comma')
    """
    if not words or words in pages():
        return words
    anchor = slug(words.removeprefix('error-'))
    if any(anchor == each.anchor for each in pages()['errors'].headings[2:]):
        return f'error-{anchor}'
    return explain(words) or f'search?q={quote_plus(words)}'


@lru_cache(200)
def _body(name: str) -> tuple[str, Markup]:
    """Title and content of a page."""
    if name.startswith('error-'):
        return _error(name.removeprefix('error-'))
    page = pages().get(name)
    if page is None:
        raise NotFound(f'The handbook has no page {name!r}.')
    html = _without_title(render(page.text, address))
    if name == 'errors':  # each message has a page of its own
        html = re.sub(r'<h2 id="([^"]*)">(.*?)</h2>', r'<h2 id="\1"><a href="error-\1">\2</a></h2>', html)
    return page.title, Markup(
        f'<div class="split">{_contents(page)}<article>{html}{_next(name)}</article></div>')


def _error(anchor: str) -> tuple[str, Markup]:
    for each in pages()['errors'].headings:
        if each.anchor == anchor:
            text = '\n'.join([*each.lines, '', 'See also [all error messages](errors.md).'])
            return plain(each.text), render(text, address)
    raise NotFound(f'The handbook has no page about the error {anchor!r}.')


def _without_title(html: str) -> str:
    """The frame shows the title."""
    return re.sub('<h1.*?</h1>', '', html, count=1)


def _contents(page: Page) -> str:
    items = ''.join(f'<li><a href="#{each.anchor}">{escape(plain(each.text))}</a></li>'
                    for each in page.headings if each.level == 2)
    return f'<aside aria-label="On this page"><ul>{items}</ul></aside>' if items else '<div></div>'


def _next(name: str) -> str:
    """Links to the pages before and after."""
    names = list(pages())
    at = names.index(name)
    around = ((at - 1, 'prev', 'Previous'), (at + 1, 'next', 'Next'))
    links = [f'<a rel="{rel}" href="{address(f"{names[there]}.md")}">{word}: '
             f'{escape(pages()[names[there]].title)}</a>'
             for there, rel, word in around if 0 <= there < len(names)]
    return f'<nav class="pager" aria-label="Previous and next">{" ".join(links)}</nav>'


def _search(request: Request) -> object:
    words = request.query.get('q', '').strip()
    items = [f'<li><a href="{escape(found.url)}">{escape(found.heading or found.page)}</a> '
             f'<small>{escape(found.page)}</small><br>{_marked(found.text, words)}</li>\n'
             for found in search(words)]
    nothing = f'<p>Nothing has all of these: {escape(words)}</p>' if words else '<p>Type some words.</p>'
    return _frame(request, 'Search', f'<ul>{"".join(items)}</ul>' if items else nothing)


def _marked(text: str, words: str) -> str:
    parts = re.split(f'({"|".join(map(re.escape, words.split()))})', text, flags=re.IGNORECASE)
    return ''.join(f'<mark>{escape(part)}</mark>' if number % 2 else str(escape(part))
                   for number, part in enumerate(parts))


def _frame(request: Request, title: str, body: Content) -> Response:
    def url(name: str) -> str:
        return request.app_url([name])
    words = escape(request.query.get('q', ''))
    within = request.target.startswith('/.kali/')
    tools = (f'<form role="search" action="{escape(url("search"))}" data-kali-patch="main">'
             f'<input type="search" name="q" value="{words}" aria-label="Search the handbook" '
             'placeholder="Search"></form>'
             + ('<a href="/">Back to the program</a>' if within else ''))
    shell = Shell('kali handbook', [(title, url(name)) for name, title in _MENU.items()], start=url(''),
                  tools=tools, head=_HEAD)
    return shell.page(request, title, body)
