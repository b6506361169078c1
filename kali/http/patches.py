"""Patches: the fields that say where in a page new elements go. An event has them as lines of its data, an
ordinary answer as header fields.

Source: Datastar's protocol 1.0.
"""

from __future__ import annotations

import re

__all__ = ['header_fields', 'patch_fields']

MODES = ('outer', 'inner', 'replace', 'prepend', 'append', 'before', 'after', 'remove')
NAMESPACES = ('html', 'svg', 'mathml')


def patch_fields(selector: str | None = None, mode: str | None = None,
                 use_view_transition: bool | None = None, view_transition_selector: str | None = None,
                 namespace: str | None = None) -> list[tuple[str, str]]:
    """Those that are not the default. A line break in a selector is a blank: between its parts they mean the
    same (CSS Syntax).

    :raises ValueError: for an unknown mode or namespace

    >>> patch_fields('#list', 'append')
    [('mode', 'append'), ('selector', '#list')]
    """
    for name, value, known in (('mode', mode, MODES), ('namespace', namespace, NAMESPACES)):
        if value is not None and value not in known:
            raise ValueError(f'{name} {value!r}: it is one of {", ".join(known)}')
    fields = [('mode', mode if mode != 'outer' else None), ('selector', selector),
              ('useViewTransition', 'true' if use_view_transition else None),
              ('viewTransitionSelector', view_transition_selector),
              ('namespace', namespace if namespace != 'html' else None)]
    return [(name, re.sub('\r\n|\n|\r', ' ', value)) for name, value in fields if value]


def header_fields(fields: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The same fields for the head of an answer; letters that a header cannot carry are escaped as in CSS.

    >>> header_fields([('selector', '#Größe'), ('useViewTransition', 'true')])
    [('datastar-selector', '#Gr\\\\f6 \\\\df e'), ('datastar-use-view-transition', 'true')]
    """
    return [('datastar-' + re.sub('([A-Z])', lambda match: '-' + match[1].lower(), name),
             re.sub('[^ -~]', lambda match: f'\\{ord(match[0]):x} ', value)) for name, value in fields]
