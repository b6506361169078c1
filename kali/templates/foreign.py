"""Text that looks like a placeholder of another template language or of an f-string, but is literal here.

A template with such text is valid, but hardly what its author meant: the log says so once, and
`python -m kali check` lists it. Scripts, style sheets and attributes that hold code are left alone, since
braces belong there.
"""

from __future__ import annotations

import re
from functools import lru_cache

from kali import log
from kali.templates import contexts
from kali.templates.contexts import Context
from kali.templates.syntax import EXPRESSION, NAME

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ['remarks', 'tell']

# What may be meant as a placeholder, and then what it looks like. Both are compiled when first needed.
BRACES = r'\{%[^{}\n]*%\}|\{#[^{}]*#\}|\{\{[^{}\n]*\}\}|\{\.?[A-Za-z_][^{}\n]*\}'
KINDS = rf'''
      (?P<block> \{{% .* ) | (?P<comment> \{{\# (?s:.*) ) | (?P<braces> \{{\{{ \s* {NAME} .* )
    | \{{ \.? {NAME} (?: \.\w+ )* (?:
          (?P<blank> \s+ \}} )
        | (?P<conversion> ! [rsa] (?: :.* )? \}} )
        | (?P<format> : [^\s}}] .* )
        | (?P<expression> (?: \s* [-+*/%|(\[=<>?] | \s+ (?: and | or | if | in | is | not )\s ) .* ) )
'''
MEANT = {
    'block': 'blocks are <?if name?>, <?for row in rows?>, <?else?> and <?end?>',
    'comment': 'a comment is <!-- … -->',
    'braces': 'a placeholder has one brace on each side and no blanks, as in {name}',
    'blank': 'a placeholder has no blanks in it, as in {name}',
    'conversion': 'there are no conversions: give the template the text, or use a filter, as in '
                  '{name:upper}',
    'format': 'after the colon comes the name of a filter, as in {total:cents}; '
              'Template.REGISTRY[\':name\'] = function adds one',
    'expression': 'there are no expressions: work it out in Python and give the template the result; an item '
                  'is {name.0}, a filter {name:upper}',
}


def remarks(context: Context, text: str) -> Iterator[tuple[int, str, str]]:
    """Where in literal `text`, which begins in `context`, something looks foreign: offset, what, what to do.

    >>> [(at, what) for at, what, _ in remarks(contexts.TEXT, '<b>{total:.2f}</b><script>f({a[0]})</script>')]
    [(3, '{total:.2f}')]
    """
    at = 0
    for match in re.compile(BRACES).finditer(text):
        context, at = contexts.advance(context, text[at:match.start()]), match.start()
        if _is_code(context) and not match[0].startswith('{%'):
            continue
        if re.fullmatch(EXPRESSION, match[0][1:-1].lstrip('.')):
            continue  # from {{name:filter}}, which stands for itself
        kind = re.compile(KINDS, re.VERBOSE).fullmatch(match[0])
        if kind:
            yield at, match[0], MEANT[kind.lastgroup or '']


def _is_code(context: Context) -> bool:
    if context.state == 'value':  # x-data, :class, hx-vals and their like hold objects
        return not context.attribute.isalpha() or context.attribute.startswith(('on', 'style'))
    return context.state in ('script', 'style', 'comment')


@lru_cache(maxsize=1000)
def tell(remark: str) -> None:
    """Write a remark to the log, once, however often the template is made."""
    log.warning('%s', remark)
