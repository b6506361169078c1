"""How far JavaScript and CSS have come after a piece of literal text: in code, a string or a comment.

The rule: as much of the grammar as decides where a value stands, and no more. JavaScript's state is a stack
of what is open, written as a string, and whether a slash would begin a regular expression. After Go's
html/template.
"""

from __future__ import annotations

import re

__all__ = ['START', 'advance_css', 'advance_script', 'css_escaper', 'script_escaper']

# (stack, slash): on the stack are " ' ` for strings, / and [ for a regular expression and a class in it,
# - for a line comment, * for a block comment, { for a brace inside a template literal's ${…}.
START = ('', True)

CODE = re.compile(r'//|<!--|/\*|["\'`/{}]|\s+|[\w$]+|.', re.DOTALL)
STRING_END = {quote: re.compile(rf'\\.|[{quote}\n]', re.DOTALL) for quote in '"\''}
TEMPLATE_END = re.compile(r'\\.|`|\$\{', re.DOTALL)
REGEX_END = {'/': re.compile(r'\\.|[/\[\n]', re.DOTALL), '[': re.compile(r'\\.|[\]\n]', re.DOTALL)}
LINE_END = re.compile(r'[\n\r\u2028\u2029]')
BLOCK_END = re.compile(r'\*/')
# Words after which a slash begins a regular expression, as it does after punctuation but not after ) and ].
BEFORE_REGEX = {'break', 'case', 'continue', 'delete', 'do', 'else', 'finally', 'in', 'instanceof', 'return',
                'throw', 'try', 'typeof', 'void', 'await', 'yield', 'of', 'new'}


def advance_script(state: object, text: str) -> tuple[str, bool]:
    """The state after `text`.

    >>> [advance_script(START, text) for text in ('let a = "it', 'a / b', 'f(/"/, `${')]
    [('"', False), ('', False), ('`{', True)]
    """
    assert isinstance(state, tuple)
    stack, slash = state
    at = 0
    while at < len(text):
        mode = stack[-1:]
        if mode in ('', '{'):
            match = CODE.match(text, at)
            assert match  # the last alternative takes any character
            stack, slash = _code(stack, slash, match[0])
            at = match.end()
            continue
        end = ENDS[mode].search(text, at)
        if not end:
            break
        at = end.end()
        stack, slash = _inside(stack, slash, end[0])
    return stack, slash


ENDS = {**STRING_END, **REGEX_END, '`': TEMPLATE_END, '-': LINE_END, '*': BLOCK_END}


def _code(stack: str, slash: bool, token: str) -> tuple[str, bool]:
    if token in ('//', '<!--'):
        return stack + '-', slash
    if token == '/*':
        return stack + '*', slash
    if token in '"\'`':
        return stack + token, False
    if token == '/':
        return (stack + '/', False) if slash else (stack, True)
    if token == '{':
        return (stack + '{' if stack else stack), True
    if token == '}':  # taken for the end of a block, unless it ends a ${…}
        return (stack[:-1] if stack else stack), True
    if token.isspace():
        return stack, slash
    if token[0].isalnum() or token[0] in '_$':
        return stack, token in BEFORE_REGEX
    return stack, token not in ')]'


def _inside(stack: str, slash: bool, end: str) -> tuple[str, bool]:
    mode = stack[-1]
    if end[0] == '\\':
        return stack, slash
    if mode == '`' and end == '${':
        return stack + '{', True
    if mode == '/' and end == '[':
        return stack + '[', slash
    if mode == '[' and end == '\n':
        return stack[:-2], False
    return stack[:-1], (slash if mode in '-*' else False)


def script_escaper(state: tuple[str, bool]) -> str:
    """What a value needs there: a JSON value, a part of a string, nothing at all in a comment.

    :raises ValueError: in a regular expression or in a template literal's code.
    """
    mode = state[0][-1:]
    if mode in ('/', '['):
        raise ValueError('a placeholder may not stand in a regular expression: '
                         'put it into a variable and use new RegExp(…)')
    if '{' in state[0] and mode not in ('-', '*'):
        raise ValueError('a placeholder may not stand in the ${…} of a template literal: '
                         'put it into a variable before')
    return {'': 'script', '-': '', '*': ''}.get(mode, 'script_string')


CSS = re.compile(r'/\*|url\(\s*["\']?|["\']|\\.', re.IGNORECASE | re.DOTALL)
CSS_END = {'"': re.compile(r'\\.|["\n]', re.DOTALL), "'": re.compile(r"\\.|['\n]", re.DOTALL), '*': BLOCK_END,
           ')': re.compile(r'\\.|\)', re.DOTALL)}


def advance_css(state: object, text: str) -> str:
    """The state after `text`: '' for code, `"` and `'` in a string, `*` in a comment, the same after `u` in
    url(…).

    >>> advance_css('', 'a { color: '), advance_css('', 'b { background: url("/pictures/')
    ('', 'u"')
    """
    mode, at = str(state), 0
    while at < len(text):
        if mode:
            end = CSS_END[mode[-1]].search(text, at)
            if not end:
                break
            at = end.end()
            if end[0][0] != '\\':
                mode = ''
            continue
        match = CSS.search(text, at)
        if not match:
            break
        at, token = match.end(), match[0]
        if token[0] in 'uU':
            mode = 'u' + (token[-1] if token[-1] in '"\'' else ')')
        elif token[0] != '\\':
            mode = token[-1]
    return mode


def css_escaper(mode: str) -> str:
    """What a value needs there.

    :raises ValueError: in a url(…) without quotes.
    """
    if mode == 'u)':
        raise ValueError('a placeholder in url(…) needs quotes: write url("…")')
    if mode.startswith('u'):
        return 'css_url'
    return {'': 'css', '*': ''}.get(mode, 'css_string')
