"""keys: the key of a row as one component of a path, and back.

A whole number stands as it is, and so does most text. A tilde begins what would be read as something else: a
text that looks like a number or like one of the pages of a table, a fraction, bytes, NULL. The values of a
key of several columns have commas between them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from kali.errors import NotFound

__all__ = ['NAMES', 'component_of', 'is_name_of_page', 'key_from', 'page_of', 'part_of', 'value_from']

# Pages of a table, which stand where keys do, and those of a row.
_PAGES = ('new', 'import', 'charts', 'report', 'row', 'rows', 'cell', 'paste', 'views')
_ROW_PAGES = ('edit', 'copy', 'delete', 'print', 'file')
#: What an author may replace, but for the exports.
NAMES = ('list', 'view', *_ROW_PAGES, *_PAGES)
_WHOLE = re.compile(r'-?(?:0|[1-9][0-9]{0,18})')


def component_of(key: Any) -> str:
    """The component of a path that stands for a key; for one of several columns, a tuple.

    >>> [component_of(key) for key in (7, 'ALFKI', '7', ('a,b', 2), 'new', None)]
    ['7', 'ALFKI', '~t7', 'a~1b,2', '~tnew', '~n']
    """
    if isinstance(key, tuple):
        return ','.join(map(part_of, key))
    part = part_of(key)
    return f'~t{part}' if _is_page(part) or not part.strip('.') else part


def _is_page(component: str) -> bool:
    return component in _PAGES or component.startswith('export.')


def page_of(path: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The name of the page at a path below a table, and the components of the path that it takes; the name is
    '' where there is none.

    >>> page_of(['']), page_of(['charts']), page_of(['7']), page_of(['7', 'edit'])
    (('list', ()), ('charts', ()), ('view', ('7',)), ('edit', ('7',)))
    """
    first, *rest = path
    if not rest:
        return (first or 'list', ()) if not first or _is_page(first) else ('view', (first,))
    page, *more = rest
    return (page, (first, *more)) if page in _ROW_PAGES and not _is_page(first) else ('', ())


def is_name_of_page(name: str) -> bool:
    """Whether a page of a table, or of a row, is called that."""
    return name in NAMES or _is_page(name)


def part_of(value: Any) -> str:
    """The text that stands for one value of a key, or of a filter."""
    if value is None:
        return '~n'
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f'~r{value!r}'
    if isinstance(value, bytes):
        return f'~b{value.hex()}'
    text = str(value).replace('~', '~0').replace(',', '~1')
    return text if text and not _WHOLE.fullmatch(text) else f'~t{text}'


def key_from(component: str) -> Any:
    """The key that a component of a path stands for; a tuple if it has several values.

    :raises NotFound: if it stands for none

    >>> key_from('a~1b,2'), key_from('~t7'), key_from('7')
    (('a,b', 2), '7', 7)
    """
    parts = [value_from(part) for part in component.split(',')]
    return parts[0] if len(parts) == 1 else tuple(parts)


def value_from(part: str) -> Any:
    """The value that a text stands for.

    :raises NotFound: if it stands for none
    """
    kind, rest = part[:2], part[2:]
    try:
        if kind == '~n' and not rest:
            return None
        if kind == '~r':
            return float(rest)
        if kind == '~b':
            return bytes.fromhex(rest)
    except ValueError:
        raise NotFound(f'There is no record {part!r}.') from None
    if _WHOLE.fullmatch(part):
        return int(part)
    return (rest if kind == '~t' else part).replace('~1', ',').replace('~0', '~')
