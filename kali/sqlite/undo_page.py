"""undo_page: the buttons of undo, and the page that they lead back to."""

from __future__ import annotations

from kali.http.urls import is_local
from kali.markup import Markup, escape

__all__ = ['back', 'buttons']


def buttons(url: str, position: str, undo: str | None, redo: str | None, said: str) -> Markup:
    """A form for `url` with two buttons, and what there is to say.

    :param position: what the history is at; the form carries it
    :param undo: the title of what would be undone, and `redo` of what would be redone; None for nothing
    """
    html = [f'<form method="post" action="{escape(url)}" class="undo">\n'
            f'<input type="hidden" name="step" value="{position}">\n<span>']  # they stay together
    for do, word, title, keys in (('undo', 'Undo', undo, 'Control+Z Meta+Z'),
                                  ('redo', 'Redo', redo, 'Control+Shift+Z Control+Y Meta+Shift+Z')):
        about = ' disabled' if title is None else f' title="{escape(f"{word}: {title}")}"'
        html.append(f'<button class="secondary" name="do" value="{do}" '
                    f'aria-keyshortcuts="{keys}"{about}>{word}</button>\n')
    html += ['</span>\n', f'<p role="status">{escape(said)}</p>\n' if said else '',
             '<script src="/.kali/undo.js" defer></script>\n</form>\n']  # for the keyboard
    return Markup(''.join(html))


def back(referer: str) -> str:
    """The page of this server that `referer` names, less the field `notice`; or the first page."""
    came = referer.split('/', 3)
    path, _, query = (f'/{came[3]}' if len(came) == 4 else '/').partition('#')[0].partition('?')
    query = '&'.join(field for field in query.split('&') if field and not field.startswith('notice='))
    url = f'{path}?{query}' if query else path
    return url if is_local(url) else '/'
