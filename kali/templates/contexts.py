"""Where in the HTML a placeholder stands, worked out from the literal text before it.

`advance` walks literal text as a browser's tokenizer would and gives the Context at its end;
`escaper` says what a value must become there, or why none may stand there. All of it happens when a
template is compiled. After Go's html/template; the states are those of the HTML standard, section 13.2.5.
"""

from __future__ import annotations

import re
from collections import namedtuple

from kali.templates.script import START as SCRIPT_START
from kali.templates.script import advance_css, advance_script, css_escaper, join_script, script_escaper
from kali.templates.urls import advance_url, url_escaper

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from typing import Any

__all__ = ['TEXT', 'Context', 'ContextError', 'advance', 'after_value', 'describe', 'escaper',
           'is_for_people', 'join', 'raw_escaper', 'sealed']


class ContextError(Exception):
    """A place where no value may stand, or unclear text: what is wrong, and what to write."""


# state: a name below. element: lower case, with a slash for an end tag. attribute: lower case. quote: of
# its value; of a script element, what makes its end ambiguous. inner: how far the language inside has come
# (script: (stack, slash); CSS: a string; URL: a string).
Context = namedtuple('Context', 'state element attribute quote inner', defaults=('', '', '', ''))
TEXT = Context('text')

# Elements whose content is text only, up to their end tag: RCDATA, and RAWTEXT beside script and style.
TEXT_ONLY = {'title', 'textarea', 'iframe', 'noembed', 'noframes', 'xmp', 'plaintext'}
SCRIPTED = ('on', '@', 'data-on:', 'data-on-', 'x-on:', 'v-on:', 'hx-on:', 'hx-on-', 'data-signals',
            'data-effect', 'data-computed')
URLS = {'action', 'archive', 'background', 'cite', 'classid', 'codebase', 'data-href', 'data-src', 'data-url',
        'formaction', 'href', 'icon', 'longdesc', 'manifest', 'ping', 'poster', 'profile', 'src', 'usemap',
        'xmlns'}
READ_BY_PEOPLE = {'abbr', 'alt', 'aria-description', 'aria-label', 'label', 'placeholder', 'summary', 'title'}
SETS = {'srcset', 'imagesrcset', 'data-srcset'}
# The types of a script that hold JavaScript or JSON. HTML standard, "The script element"; MIME standard,
# "JavaScript MIME type" and "JSON MIME type".
SCRIPT_TYPES = (r'(?:module|(?:text|application)/(?:x-)?(?:java|ecma|live|j)script[\d.]*'
                r'|importmap|speculationrules|\S+[/+]json)?')

SPACE = r'\t\n\f\r '  # HTML's; Python's \s knows more
TAG_NAME = re.compile(rf'[^{SPACE}/>]*')
BLANKS = re.compile(rf'[{SPACE}/]*')
SPACES = re.compile(rf'[{SPACE}]*')
ATTRIBUTE_NAME = re.compile(rf'[^{SPACE}/>=]*')
UNQUOTED = re.compile(rf'[^{SPACE}>]*')
META_URL = r'(?i:url\s*=)'  # of <meta http-equiv="refresh">
SCRIPT_END = r'<!(?=--)|-->|<script(?=[\s/>])'  # what decides whether </script> ends a script
REFERENCE = r'&(#?\w*)\Z'
# Text and tags without surprises: most are, and the states below take ten times as long over them.
NAME = rf'[^{SPACE}/>"\'=]'
ATTRIBUTES = rf'''(?:[{SPACE}]+{NAME}+(?:=(?:"[^"]*"|'[^']*'))?)*'''
SPECIAL = f'(?:script|style|{"|".join(sorted(TEXT_ONLY))})'
PLAIN = re.compile(rf'(?:[^<]+|<(?![a-zA-Z/!?]).|</?(?!{SPECIAL}[{SPACE}/>])[a-zA-Z]{NAME}*{ATTRIBUTES}'
                   rf'[{SPACE}]*/?>)*', re.IGNORECASE | re.DOTALL)
OPENED = re.compile(rf'''([a-zA-Z]{NAME}*){ATTRIBUTES}[{SPACE}]+({NAME}+)=(["'])''')
IN_TAG = ('tag name', 'tag', 'attribute name', 'after name', 'unquoted', 'gap')


def is_for_people(context: Context) -> bool:
    """Whether a person reads what stands here, rather than a program."""
    return context.state in ('text', 'text only') or (
        context.state == 'value' and context.attribute in READ_BY_PEOPLE)


def advance(context: Context, text: str) -> Context:
    """The context after literal `text`.

    >>> advance(TEXT, '<a class="').state, advance(TEXT, '<title>').state, advance(TEXT, 'a < b').state
    ('value', 'text only', 'text')
    """
    at = 0
    while at < len(text):
        context, at = STEPS[context.state](context, text, at)
    return context


def _text(context: Context, text: str, at: int) -> tuple[Context, int]:
    at = _end(PLAIN, text, at)
    if at == len(text):
        return context, at
    return _less_than(context, text, at + 1) if at + 1 < len(text) else (Context('less-than'), at + 1)


def _less_than(context: Context, text: str, at: int) -> tuple[Context, int]:
    opened = OPENED.match(text, at)
    if opened and opened[1].lower() != 'script':
        return _opened(opened[1].lower(), opened[2].lower(), opened[3]), opened.end()
    char = text[at]
    if char.isascii() and char.isalpha():
        return Context('tag name'), at
    if text.startswith('!--', at):
        ended = re.compile('!-->|!--->').match(text, at)  # its first dashes may be its last ones
        return (TEXT, ended.end()) if ended else (Context('comment'), at + 3)
    if char in '!?':
        return Context('declaration'), at + 1
    if char == '/':
        after = text[at + 1:at + 2]
        if not after or (after.isascii() and after.isalpha()):
            return Context('tag name', '/'), at + 1
        return Context('declaration'), at + 1
    return TEXT, at


def _opened(element: str, attribute: str, quote: str) -> Context:
    """After the quote before an attribute's value."""
    kind = _kind(element, attribute)
    inner = {'script': SCRIPT_START, 'url': 'start'}.get(kind, '')
    return Context('value', element, attribute, quote, inner)


def _declaration(context: Context, text: str, at: int) -> tuple[Context, int]:
    end = text.find('>', at)
    return (context, len(text)) if end < 0 else (TEXT, end + 1)


def _comment(context: Context, text: str, at: int) -> tuple[Context, int]:
    match = re.compile('--!?>').search(text, at)
    return (TEXT, match.end()) if match else (context, len(text))


def _tag_name(context: Context, text: str, at: int) -> tuple[Context, int]:
    end = _end(TAG_NAME, text, at)
    element = context.element + text[at:end].lower()
    return Context('tag name' if end == len(text) else 'tag', element), end


def _tag(context: Context, text: str, at: int) -> tuple[Context, int]:
    at = _end(BLANKS, text, at)
    if at == len(text):
        return Context('tag', context.element), at
    if text[at] == '>':
        return _content(context.element), at + 1
    # an equals sign in front is the first character of a name
    return Context('attribute name', context.element, text[at].lower()), at + 1


def _content(element: str) -> Context:
    element, _, kind = element.partition(' ')
    if element == 'script':
        is_code = re.fullmatch(SCRIPT_TYPES, kind)
        return Context('script', element, inner=SCRIPT_START) if is_code else Context('data', element, kind)
    if element == 'style':
        return Context('style', element)
    return Context('text only', element) if element in TEXT_ONLY else TEXT


def _attribute_name(context: Context, text: str, at: int) -> tuple[Context, int]:
    end = _end(ATTRIBUTE_NAME, text, at)
    attribute = context.attribute + text[at:end].lower()
    if end == len(text):
        return Context('attribute name', context.element, attribute), end
    return _after_name(Context('after name', context.element, attribute), text, end)


def _after_name(context: Context, text: str, at: int) -> tuple[Context, int]:
    at = _end(SPACES, text, at)
    if text[at:at + 1] == '=':
        return Context('before value', context.element, context.attribute), at + 1
    return (context if at == len(text) else Context('tag', context.element)), at


def _before_value(context: Context, text: str, at: int) -> tuple[Context, int]:
    at = _end(SPACES, text, at)
    if at == len(text):
        return context, at
    if text[at] in '"\'':
        return _opened(context.element, context.attribute, text[at]), at + 1
    return (Context('tag', context.element) if text[at] == '>' else context._replace(state='unquoted')), at


def _unquoted(context: Context, text: str, at: int) -> tuple[Context, int]:
    end = _end(UNQUOTED, text, at)
    return (context if end == len(text) else _after_attribute(context, text[at:end])), end


def _after_attribute(context: Context, value: Any) -> Context:
    """Back in the tag. From here on the type of a script stands behind its name: `script module`."""
    is_type = (context.element, context.attribute) == ('script', 'type')
    return Context('tag', f'script {value.strip().lower()}' if is_type else context.element)


def _value(context: Context, text: str, at: int) -> tuple[Context, int]:
    end = text.find(context.quote, at)
    inside, kind = text[at:end] if end >= 0 else text[at:], _kind(context.element, context.attribute)
    if '&' in inside and kind in ('script', 'style', 'url'):
        from html import unescape  # seldom needed, and its table of entities is big

        inside = unescape(inside)
    inner = _inner(kind, context.inner, inside)
    if end >= 0:
        return _after_attribute(context, inner), end + 1
    return context._replace(inner=inner), len(text)


def _inner(kind: str, inner: Any, text: str) -> object:
    if kind == 'script':
        return advance_script(inner, text)
    if kind == 'style':
        return advance_css(inner, text)
    if kind == 'url':
        return _checked(advance_url(inner, text))
    if kind == 'meta':
        return 'url' if re.search(META_URL, text) else inner
    return f'{inner}{text}' if kind == 'type' else inner


def _checked(part: str) -> str:
    if part == 'refused':
        raise ContextError('a placeholder may not make the scheme of a URL, before a colon: write the scheme '
                           'in the template, or give the whole URL as one value')
    return part


def _raw(context: Context, text: str, at: int) -> tuple[Context, int]:
    """The content of script, style, title and their like, which only their own end tag ends."""
    match = re.compile(rf'(?ai:</{context.element}(?=[{SPACE}/>]|$))').search(text, at)
    inside = text[at:match.start() if match else len(text)]
    if context.state == 'script' and (context.quote or '<!--' in inside):
        context = context._replace(quote=_doubly_escaped(context.quote, inside))
    if match and context.element != 'plaintext':
        return Context('tag', '/' + context.element), match.end()
    return context._replace(inner=_inner(context.state, context.inner, inside)), len(text)


def _doubly_escaped(before: str, text: str) -> str:
    """Look for `<!--` and then `<script` in a script: its first end tag would not end it."""
    for match in re.compile(SCRIPT_END, re.IGNORECASE).finditer(text):
        if match[0] == '-->':
            before = ''
        elif match[0] == '<!':
            before = '<!--'
        elif before:
            raise ContextError('after "<!--" in a script, "<script" makes its end ambiguous: '
                               'write "<\\!--" or "<\\script" in strings')
    return before


def sealed(start: Context, end: Context, text: str) -> str:
    """Literal `text`, which leads from `start` to `end`, made such that a value behind it stays apart.

    A value may not complete a character reference, and its first line end is not the one that a browser
    drops after <textarea> and <pre>.

    >>> sealed(TEXT, TEXT, 'R&'), sealed(TEXT, TEXT, '<pre>')
    ('R&amp;', '<pre>\\n')
    """
    begun = re.search(REFERENCE, text) if '&' in text else None
    if begun and end.state in ('text', 'text only', 'value'):
        from html import unescape  # as above

        return text + ';' if unescape(begun[0]) != begun[0] else text[:begun.start()] + '&amp;' + begun[1]
    if text.endswith('>') and (end.element == 'textarea' or start.element == 'pre' or '<pre' in text):
        tag = advance(start, text[:-1])
        if tag.state in IN_TAG and tag.element in ('textarea', 'pre'):
            return text + '\n'
    return text


def _gap(context: Context, text: str, at: int) -> tuple[Context, int]:
    # An unquoted value may go on with a slash.
    if text[at] not in '\t\n\f\r >' and (text[at] != '/' or context.quote):
        raise ContextError(f'after a block in a tag comes a blank or ">", not {text[at]!r}: '
                           'let the block hold whole attributes')
    return Context('tag', context.element), at


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at


STEPS = {
    'text': _text, 'less-than': _less_than, 'declaration': _declaration, 'comment': _comment,
    'tag name': _tag_name, 'tag': _tag, 'attribute name': _attribute_name, 'after name': _after_name,
    'before value': _before_value, 'unquoted': _unquoted, 'value': _value, 'text only': _raw, 'script': _raw,
    'style': _raw, 'data': _raw, 'gap': _gap,
}


def _kind(element: str, attribute: str) -> str:
    """The language of an attribute's value."""
    if attribute.startswith(SCRIPTED):
        return 'script'
    if attribute == 'style':
        return 'style'
    if attribute in SETS:
        return 'set'
    if attribute == 'srcdoc':
        return 'document'
    if element in ('animate', 'set') and attribute in ('by', 'from', 'to', 'values'):
        return 'animated'  # of SVG: it may make a URL of any attribute
    if (element, attribute) == ('meta', 'content'):
        return 'meta'
    if (element, attribute) == ('script', 'type'):
        return 'type'
    is_url = attribute.rpartition(':')[2] in URLS or attribute.startswith('xmlns:')
    return 'url' if is_url or (element, attribute) == ('object', 'data') else 'plain'


def escaper(context: Context) -> str:
    """The name of what a value has to go through in `context`: see the table in escapers.py. '' drops it.

    :raises ContextError: where no value may stand; the message says what to write.

    >>> escaper(advance(TEXT, '<p title="')), escaper(advance(TEXT, '<a href="?q='))
    ('quoted', 'url_query')
    """
    state = context.state
    if state in REFUSED:
        raise ContextError(REFUSED[state].format(context.attribute))
    if state in ('text', 'text only', 'comment'):
        return {'text': 'text', 'text only': 'quoted', 'comment': ''}[state]
    kind = state if state != 'value' else _kind(context.element, context.attribute)
    name = _language_escaper(kind, context)
    return 'script_quoted' if state == 'value' and name == 'script' else name


def _language_escaper(kind: str, context: Context) -> str:
    try:
        if kind == 'script':
            return script_escaper(context.inner)
        if kind == 'style':
            return css_escaper(context.inner)
        if kind == 'url':
            return url_escaper(context.inner)
    except ValueError as error:
        raise ContextError(str(error)) from None
    if kind in REFUSED_KINDS and (kind != 'meta' or context.inner):
        raise ContextError(REFUSED_KINDS[kind].format(context.attribute))
    return 'quoted'


def raw_escaper(context: Context, name: str) -> str:
    """The same for `{.name}`, where `{name}` would go through `name`."""
    if name == 'text':
        return 'raw'
    return 'markup' if context.state in ('script', 'style') else 'markup_quoted'


REFUSED = {
    'less-than': 'a placeholder may not follow "<": write &lt; for a less-than sign, or the tag\'s name in '
                 'the template',
    'tag name': 'a placeholder may not be part of a tag\'s name: write the name in the template',
    'tag': 'a placeholder may not stand among the attributes of a tag: write name="{{…}}", or '
           '<?if …?> name<?end?> for an attribute that comes and goes',
    'gap': 'a placeholder may not stand among the attributes of a tag: write name="{{…}}"',
    'attribute name': 'a placeholder may not be part of an attribute\'s name ({!r}): write the name in the '
                      'template',
    'after name': 'a placeholder may not stand among the attributes of a tag: write {}="{{…}}"',
    'before value': 'an attribute\'s value with a placeholder needs quotes: write {}="{{…}}"',
    'unquoted': 'an attribute\'s value with a placeholder needs quotes: write {}="…"',
    'declaration': 'a placeholder may not stand in a <!declaration> or <?instruction?>: write it out',
    'data': 'a placeholder may not stand in a script of the type {!r}: only JavaScript and JSON are '
            'understood; for HTML use <template>',
}
REFUSED_KINDS = {
    'set': 'a placeholder may not stand in {}, whose blanks and commas part several URLs: use src, or make '
           'the whole tag as Markup in Python',
    'document': 'a placeholder may not stand in {}, which is read as a document: give it a URL of its own, '
                'and use src',
    'animated': 'a placeholder may not stand in {} of an animation, which may make a link of it: write the '
                'value in the template',
    'meta': 'a placeholder may not make the URL of a <meta http-equiv="refresh">: answer with '
            'Response.redirect',
    'type': 'a placeholder may not make the {} of a script: write it in the template',
}


def after_value(context: Context) -> Context:
    """The context behind a value: it may have been a URL's scheme, and a `/` behind it divides."""
    kind = context.state if context.state != 'value' else _kind(context.element, context.attribute)
    if kind == 'script':
        return context._replace(inner=(context.inner[0], 'divide'))
    if kind == 'url' and (context.inner == 'start' or context.inner.startswith('=')):
        return context._replace(inner='dynamic')
    return context


def join(one: Context, other: Context) -> Context | None:
    """The context in which both branches of a block may end; None if they don't agree."""
    if one == other:
        return one
    if one.state in IN_TAG and other.state in IN_TAG and one.element == other.element:
        unquoted = 'unquoted' in (one.state, other.state, one.quote, other.quote)
        return Context('gap', one.element, quote='unquoted' if unquoted else '')
    if one._replace(inner='') != other._replace(inner=''):
        return None
    if isinstance(one.inner, tuple):
        inner = join_script(one.inner, other.inner)
        return inner and one._replace(inner=inner)
    kind = _kind(one.element, one.attribute)
    if one.state == 'value' and kind == 'url':
        if 'active' in (one.inner, other.inner):
            return one._replace(inner='active')
        early = [part not in ('query', 'unknown') for part in (one.inner, other.inner)]
        return one._replace(inner='dynamic' if all(early) else 'unknown')
    return (one if one.inner else other) if kind == 'meta' else None


def describe(context: Context) -> str:
    """A few words for messages."""
    if context.state == 'value':
        return f'the value of {context.attribute}'
    if context.state in ('script', 'style', 'text only', 'data'):
        return f'<{context.element}>'
    if context.state in IN_TAG or context.state == 'before value':
        return f'the tag <{context.element.partition(" ")[0]}>'
    return {'text': 'text', 'comment': 'a comment'}.get(context.state, f'a {context.state}')
