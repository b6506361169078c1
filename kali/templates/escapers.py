"""What a value becomes in each place that contexts.py tells apart: functions from a value to text.

Whatever the value, the result cannot leave its place nor be run there; and in the plain cases a
browser reads back exactly the value. Compiled templates call these by name, through the table at the end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from urllib.parse import quote

from kali.iolist import CONTENT, escaped, joined, too_long
from kali.markup import Markup, escape_text
from kali.templates.urls import normalized, safe_url

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from typing import Any

__all__ = ['ESCAPERS', 'json_text', 'merged', 'optional_item', 'path_item', 'url_query']


def text(value: Any) -> Any:
    """For text: markup as it is, all else escaped. An int stays one, since the f-string around it makes its
    digits.

    >>> text('R&D'), text(Markup('<br>')), text(7), text(['<', None])
    ('R&amp;D', Markup('<br>'), 7, '&lt;')
    """
    kind = value.__class__
    if kind is str:  # escape_text(), written out: most of a page's time is spent on these lines
        if '&' in value:
            value = value.replace('&', '&amp;')
        if '<' in value:
            value = value.replace('<', '&lt;')
        if '>' in value:
            value = value.replace('>', '&gt;')
        if '"' in value:
            value = value.replace('"', '&quot;')
        if "'" in value:
            value = value.replace("'", '&#x27;')
        return value
    return value if kind is int or kind is Markup else escaped(value)


def as_text(value: Any) -> str:
    """Content as text, where no HTML is understood."""
    kind = type(value)
    return value if kind is str else str(value) if kind is int else joined(value)


def quoted(value: Any) -> Any:
    """For a quoted attribute, title and textarea. Markup keeps its entities and shows its tags as text.

    >>> quoted('"R&D"'), quoted(Markup('<b title="x">R&amp;D</b>'))
    ('&quot;R&amp;D&quot;', '&lt;b title=&quot;x&quot;&gt;R&amp;D&lt;/b&gt;')
    """
    kind = value.__class__
    return text(value) if kind is str or kind is int else _guarded(escaped(value))


def _guarded(html: str) -> str:
    """HTML text with all that could end an attribute or begin a tag escaped, but not its ampersands."""
    return html.replace('<', '&lt;').replace('>', '&gt;').replace('"', '&quot;').replace("'", '&#x27;')


def url(value: Any) -> str:
    """A whole URL in an attribute.

    >>> url('/a b?x=1&y=2'), url('javascript:alert(1)')
    ('/a%20b?x=1&amp;y=2', 'about:invalid#kali')
    """
    address = as_text(value)
    return address if PLAIN_URL.fullmatch(address) else escape_text(normalized(safe_url(address)))


# What the work below would not change: most URLs.
PLAIN_URL = re.compile(r'[/?#][A-Za-z0-9_.~/?#=-]*')
PLAIN_PART = re.compile(r'[A-Za-z0-9_.~-]*')


def url_path(value: Any) -> str:
    """A part of a URL's path: `/`, `?` and their like keep their meaning."""
    part = as_text(value)
    return part if PLAIN_PART.fullmatch(part) else escape_text(normalized(part))


def url_part(value: Any) -> str:
    """A part of a URL where its scheme might still stand: a colon before the first slash is encoded.

    >>> url_part('script:alert(1)'), url_part('/a:b')
    ('script%3Aalert(1)', '/a:b')
    """
    head, *rest = re.split('([/?#])', as_text(value), maxsplit=1)
    return escape_text(normalized(head.replace(':', '%3A') + ''.join(rest)))


def url_query(value: Any) -> str:
    """A part of a URL's query or fragment.

    >>> url_query('a&b=c')
    'a%26b%3Dc'
    """
    part = as_text(value)
    return part if PLAIN_PART.fullmatch(part) else quote(part, safe='', errors='replace')


MOST_ITEMS = CONTENT // 64  # of one list as JSON; a generator may have no end

SCRIPT_JSON = {'<': '\\u003c', '>': '\\u003e', '&': '\\u0026', '\u2028': '\\u2028', '\u2029': '\\u2029'}


def json_text(value: Any) -> str:
    """`value` as JSON: rows and mappings are objects, other iterables arrays; dates, Decimals and other
    content are their text, members of an Enum their value. NaN and infinity, which JSON lacks, are null, as
    for JavaScript's `JSON.stringify`.

    >>> json_text({1: float('nan'), 'when': [None, True]})
    '{"1": null, "when": [null, true]}'
    """
    import json  # not every application has a script with a value in it

    return json.dumps(_plain(value), ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    """`value` in the types that JSON has."""
    kind = value.__class__
    if kind is str or kind is int or value is None or kind is bool:
        return value
    if isinstance(value, float):
        return value if value - value == 0 else None
    if hasattr(kind, '__members__'):
        return _plain(value.value)
    if isinstance(value, Mapping) or hasattr(value, 'keys'):  # sqlite3.Row has keys() and is no Mapping
        return {_key(key): _plain(value[key]) for key in value.keys()}  # noqa: SIM118  # a Row iterates values
    if isinstance(value, (str, int)):
        return value
    if isinstance(value, (bytes, bytearray)) or hasattr(value, '__html__') or not isinstance(value, Iterable):
        return joined(value)
    items = list(islice(value, MOST_ITEMS + 1))
    if len(items) > MOST_ITEMS:
        raise too_long(CONTENT)
    return list(map(_plain, items))


def _key(key: Any) -> str | int | None:
    key = key.value if hasattr(key.__class__, '__members__') else key
    return key if key is None or isinstance(key, (str, int)) else str(key)


def script(value: Any) -> str:
    """A JavaScript value in a script element; nothing in it can end the element.

    >>> script({'name': '</script>'}), script(None)
    ('{"name": "\\\\u003c/script\\\\u003e"}', 'null')
    """
    text = re.sub('[<>&\u2028\u2029]', lambda match: SCRIPT_JSON[match[0]], json_text(value))
    return ' ' + text if text[0] == '-' else text  # two minus signs in a row are another operator


def script_quoted(value: Any) -> str:
    """A JavaScript value in an event handler's attribute."""
    return escape_text(script(value))


# What ends a string of any kind, or begins something else in it or in the HTML around it.
IN_SCRIPT_STRING = '[\\\\\'"`${<>&\x00-\x1f\x7f\u2028\u2029]'  # compiled when first needed, like those below


def script_string(value: Any) -> str:
    """A part of a JavaScript string, whatever its quotes, in a script or an attribute.

    >>> script_string("it's </script>")
    'it\\\\u0027s \\\\u003c/script\\\\u003e'
    """
    return re.sub(IN_SCRIPT_STRING, lambda match: f'\\u{ord(match[0]):04x}', as_text(value))


CSS_VALUE = r'(?:[\w .,#%+!-]|/(?![/*])|\*(?!/)|\(|\))*'
CSS_FUNCTIONS = {'', 'rgb', 'rgba', 'hsl', 'hsla', 'hwb', 'lab', 'lch', 'oklab', 'oklch', 'calc', 'min',
                 'max', 'clamp', 'var', 'translate', 'translatex', 'translatey', 'rotate', 'scale', 'repeat',
                 'minmax'}
CSS_CALL = r'([\w-]*)\s*\('


def css(value: Any) -> str:
    """A CSS value: words, numbers, colours and the functions that only compute; anything else is refused.

    >>> css('12px'), css('rgb(1, 2, 3)'), css('red; background: url(//evil)')
    ('12px', 'rgb(1, 2, 3)', 'kali-invalid')
    """
    text = as_text(value)
    sound = re.fullmatch(CSS_VALUE, text) and text.count('(') == text.count(')')
    if sound and all(call.lower() in CSS_FUNCTIONS for call in re.findall(CSS_CALL, text)):
        return text
    return 'kali-invalid'


def css_string(value: Any) -> str:
    """A part of a CSS string.

    >>> css_string('a"b')
    'a\\\\22 b'
    """
    return re.sub(r'[^\w .,:;!%+*/#?=~|-]', lambda match: f'\\{ord(match[0]):x} ', as_text(value))


def css_url(value: Any) -> str:
    """A URL in the quotes of a CSS url("…")."""
    return css_string(normalized(safe_url(as_text(value))))


def raw(value: Any) -> str:
    """Content as it is, in text."""
    return joined(value)


def markup(value: Any) -> str:
    """Markup as it is, in a script or a style sheet.

    :raises TypeError: for anything else.
    """
    if value is None:
        return ''
    html = getattr(type(value), '__html__', None)
    if html is None:
        raise TypeError(f'{{.name}} puts in only Markup here, not {type(value).__name__}: '
                        'write {name} to have it escaped for this place')
    return str.__str__(html(value))


def markup_quoted(value: Any) -> str:
    """Markup in an attribute, title or textarea: its quotes and angle brackets are escaped."""
    return _guarded(markup(value))


def path_item(value: Any, name: str | int) -> Any:
    """`value[name]`, else the attribute: the dot in `{value.name}`."""
    if hasattr(type(value), '__getitem__'):
        try:
            return value[name]
        except (LookupError, TypeError):
            if isinstance(name, int):
                raise
    return getattr(value, str(name))


def optional_item(value: Any, name: str | int) -> Any:
    """The same, or None."""
    try:
        return path_item(value, name)
    except (LookupError, TypeError, AttributeError):
        return None


def merged(row: Any, context: Mapping[str, Any]) -> Any:
    """An item of a TemplateLoop as a mapping, with `context` behind it; an object's attributes are its
    items."""
    if not hasattr(row, 'keys'):
        return Fields(row, context)
    return {**context, **row} if context else row


class Fields:
    """An object's attributes as a mapping."""

    __slots__ = ('context', 'value')

    def __init__(self, value: object, context: Mapping[str, Any]) -> None:
        self.value, self.context = value, context

    def __getitem__(self, name: str) -> Any:
        try:
            return getattr(self.value, name)
        except AttributeError:
            return self.context[name]

    def keys(self) -> list[str]:
        return [*(name for name in dir(self.value) if not name.startswith('_')), *self.context]


# By the names that contexts.escaper gives, and those of {.name}.
ESCAPERS: dict[str, Callable[[Any], Any]] = {
    'text': text, 'quoted': quoted, 'url': url, 'url_path': url_path, 'url_part': url_part,
    'url_query': url_query, 'script': script, 'script_quoted': script_quoted, 'script_string': script_string,
    'css': css, 'css_string': css_string, 'css_url': css_url, 'raw': raw, 'markup': markup,
    'markup_quoted': markup_quoted,
}
