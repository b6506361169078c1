"""The list of the keys, as keys.js shows it in a dialog: HTML in the language of the window."""

from __future__ import annotations

from kali.http.response import Response
from kali.locale.words import say
from kali.markup import escape

TYPE_CHECKING = False  # spelled out: a page is shown without the typing module
if TYPE_CHECKING:
    from kali.http.request import Request

__all__ = ['keys_list']

# What each does (a word of kali.locale), the key, that of a Mac if it is another one, and the field of the
# query that says whether it is to be had on the page. The last ones are the browser's own, which shows no
# menu in a window without an address bar.
KEYS = (('save', '{} + S', '', 'save'), ('undo', '{} + Z', '', 'undo'),
        ('redo', '{0} + ⇧ + Z', '', 'undo'), ('back', 'Alt + ←', '⌘ + [', ''), ('reload', 'F5', '⌘ + R', ''),
        ('print', '{} + P', '', ''), ('find', '{} + F', '', ''), ('zoom', '{0} + +, {0} + −', '', ''),
        ('help', '?', '', ''))


def keys_list(request: Request) -> Response:
    """The list for a page: `save` and `undo` in the query say what it has, and `mac` whose keys are meant."""
    asked = request.query
    control = '⌘' if asked.get('mac') else say('ctrl')
    rows = []
    for name, key, other, needs in KEYS:
        if not needs or asked.get(needs):
            key = (other if other and asked.get('mac') else key).format(control)
            does = escape(say('key ' + name))
            rows.append(f'<div><dt><kbd>{escape(key)}</kbd></dt><dd>{does}</dd></div>\n')
    return Response(f'<h2 id="kali-keys-title">{escape(say("keys"))}</h2>\n<dl>\n{"".join(rows)}</dl>\n'
                    f'<form method="dialog"><button autofocus>{escape(say("close"))}</button></form>')
