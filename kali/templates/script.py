"""How far JavaScript and CSS have come after a piece of literal text: in code, a string or a comment.

As much of the grammar as decides where a value stands, and no more; where that cannot be told, no
value may stand. JavaScript's state is a stack of what is open, written as a string, and what a slash would
be. After Go's html/template.
"""

from __future__ import annotations

import re

__all__ = ['START', 'advance_css', 'advance_script', 'css_escaper', 'join_script', 'script_escaper']

# (stack, slash). On the stack are " ' ` for strings, / and [ for a regular expression and a class in it,
# - for a line comment, * for a block comment, { for a brace in the ${…} of a template literal, h for the
# parentheses of an if or a loop and ( for all others, ? where a slash came that may be either. `slash`: a
# slash here would begin a 'regex', 'divide', be 'either'; 'head' is a regex too, after if and its like.
State = tuple[str, str]
START = ('', 'regex')

# Patterns are text and compiled when first needed: most templates have no script.
CODE = r'(?s://|<!--|/\*|\+\+|--|["\'`/{}()]|\s+|\.*[\w$][\w$.]*|.)'
LINE_END = r'[\n\r\u2028\u2029]'
ENDS = {
    '"': r'(?s:\\(?:\r\n|.)|["\n\r])', "'": r"(?s:\\(?:\r\n|.)|['\n\r])", '`': r'(?s:\\.|`|\$\{)',
    '/': rf'(?s:\\.|[/\[]|{LINE_END})', '[': rf'(?s:\\.|\]|{LINE_END})', '-': LINE_END, '*': r'\*/',
    '?': '(?!)'}
# Words after which a slash begins a regular expression, as it does after punctuation but not after ) and ].
BEFORE_REGEX = {'break', 'case', 'continue', 'delete', 'do', 'else', 'finally', 'in', 'instanceof', 'return',
                'throw', 'try', 'typeof', 'void', 'await', 'yield', 'of', 'new'}
HEADS = {'if', 'while', 'for', 'with'}


def advance_script(state: State, text: str) -> State:
    """The state after `text`.

    >>> [advance_script(START, text) for text in ('let a = "it', 'a / b', 'f(/"/, `${')]
    [('"', 'divide'), ('', 'divide'), ('(`{', 'regex')]
    """
    stack, slash = state
    code, at = re.compile(CODE), 0
    while at < len(text):
        mode = stack[-1:]
        if mode in ENDS:
            end = re.compile(ENDS[mode]).search(text, at)
            if not end:
                break
            stack, slash = _inside(stack, slash, end[0])
        else:
            end = code.match(text, at)
            assert end  # the last alternative takes any character
            stack, slash = _code(stack, slash, end[0])
        at = end.end()
    return stack, slash


def _code(stack: str, slash: str, token: str) -> State:
    if token.isspace():
        return stack, slash
    if token in OPENING:
        return stack + OPENING[token], slash
    if token in '"\'`':
        return stack + token, 'divide'
    if token == '/' and slash == 'divide':
        return stack, 'regex'
    if token == '/':
        return stack + ('?' if slash == 'either' else '/'), 'divide'
    if token == '(':
        return stack + ('h' if slash == 'head' else '('), 'regex'
    if token == ')':
        head = {'h': 'regex', '(': 'divide'}
        return (stack[:-1], head[stack[-1]]) if stack[-1:] in head else (stack, 'either')
    if token in '{}' and '`' in stack:
        return (stack + '{', 'regex') if token == '{' else (stack[:stack.rindex('{')], 'either')
    if token == '}':  # of a block, or of an object?
        return stack, 'either'
    if token[-1].isalnum() or token[-1] in '_$' or len(token) > 1:
        return stack, 'regex' if token in BEFORE_REGEX else 'head' if token in HEADS else 'divide'
    return stack, 'divide' if token == ']' else 'regex'


OPENING = {'//': '-', '<!--': '-', '/*': '*'}


def _inside(stack: str, slash: str, end: str) -> State:
    mode = stack[-1]
    if end[0] == '\\':
        return stack, slash
    if end == '${':
        return stack + '{', 'regex'
    if mode == '/' and end == '[':
        return stack + '[', slash
    if mode == '[' and end != ']':
        return stack[:-2], slash
    return stack[:-1], slash if mode in '-*' else 'divide'


def join_script(one: State, other: State) -> State | None:
    """The state in which both branches of a block may end; None if they don't agree."""
    if one[0] == other[0]:
        return one[0], one[1] if one[1] == other[1] else 'either'
    return None if (one[0] + other[0]).strip('(h') else ('', 'either')


def script_escaper(state: State) -> str:
    """What a value needs there: a JSON value, a part of a string, nothing at all in a comment.

    :raises ValueError: in a regular expression, in a template literal's code, or where it may be either.
    """
    stack, mode = state[0], state[0][-1:]
    if mode in ('/', '['):
        raise ValueError('a placeholder may not stand in a regular expression: '
                         'put it into a variable and use new RegExp(…)')
    if mode == '?':
        raise ValueError('a slash before this placeholder may divide or begin a regular expression: put ; or '
                         'a pair of parentheses between that slash and the bracket in front of it')
    if '`' in stack[:-1] and mode not in ('-', '*'):
        raise ValueError('a placeholder may not stand in the ${…} of a template literal: '
                         'put it into a variable before')
    return {'-': '', '*': '', '"': 'script_string', "'": 'script_string', '`': 'script_string'}.get(
        mode, 'script')


CSS = r'(?is:/\*|url\(\s*["\']?|["\']|\\(?:\r\n|.))'
CSS_END = {'"': r'(?s:\\(?:\r\n|.)|["\n\r\f])', "'": r"(?s:\\(?:\r\n|.)|['\n\r\f])", '*': r'\*/',
           ')': r'(?s:\\.|\))'}


def advance_css(mode: str, text: str) -> str:
    """The state after `text`: '' for code, `"` and `'` in a string, `*` in a comment, the same after `u` in
    url(…).

    >>> advance_css('', 'a { color: '), advance_css('', 'b { background: url("/pictures/')
    ('', 'u"')
    """
    at = 0
    while at < len(text):
        match = re.compile(CSS_END[mode[-1]] if mode else CSS).search(text, at)
        if not match:
            break
        at, token = match.end(), match[0]
        if token[0] == '\\':
            continue
        if mode:
            mode = ''
        elif token[0] in 'uU':
            mode = 'u' + (token[-1] if token[-1] in '"\'' else ')')
        else:
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
