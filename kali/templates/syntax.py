"""The template language: text -> a tree of nodes.

A brace is a placeholder only if nothing but a name (dots, filters) stands between it and its
mate, and `<?word …?>` is a block; all other text is literal. Nodes remember where they stand, so that every
error can say so.
"""

from __future__ import annotations

import re
from collections import namedtuple
from collections.abc import Callable, Collection, Iterable, Mapping

from kali.errors import TemplateError

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    Filter: TypeAlias = Callable[[Any], Any]
    Node: TypeAlias = 'Text | Value | For | If | Include'
    Tree: TypeAlias = 'Fragment | Assembly'

__all__ = ['Assembly', 'Expression', 'For', 'Fragment', 'If', 'Include', 'Source', 'Text', 'Value',
           'assemble', 'filter_named', 'nearest', 'parse', 'sections']

# The nodes. `at` is the offset in the source's text.
Text = namedtuple('Text', 'at text')
Value = namedtuple('Value', 'at raw expression')  # {name}, {.name}
For = namedtuple('For', 'at target expression body otherwise')
If = namedtuple('If', 'at branches otherwise')  # branches: (negated, expression, body)
Include = namedtuple('Include', 'at tree')

# name.path:filter; `path` holds strings and ints, `filters` pairs of a name and its function
Expression = namedtuple('Expression', 'at name path filters')

# What can be rendered: one text, or a base some of whose names are bound to other trees, Markup or foreign
# templates (`source` is where they are bound).
Fragment = namedtuple('Fragment', 'source nodes')
Assembly = namedtuple('Assembly', 'base bindings source')

NAME = r'[A-Za-z_]\w*'
EXPRESSION = rf'{NAME}(?:\.\w+)*(?::\w+)*'
TOKEN = re.compile(rf'''
      \{{ (?P<literal> \{{ \.? {EXPRESSION} \}} ) \}}         # {{{{name}}}} stands for a literal {{name}}
    | \{{ (?P<raw> \.?) (?P<value> {EXPRESSION} ) \}}         # {{name}}  {{.name}}  {{a.b:filter}}
    | <\? (?P<block> (?: (?!<\?|\?>) . )* ) \?>                            # <?word …?>
    | (?P<open> <\? \s* (?:if|elif|else|for|end|include)\b )  # the same, without its end
''', re.VERBOSE | re.DOTALL)
# Compiled when first needed: a hello-world's template has no blocks.
WORD = rf'({NAME})\s*((?s:.*))'
FOR = rf'({NAME})\s+in\s+({EXPRESSION})'
CONDITION = rf'(not\s+)?({EXPRESSION})'
FILENAME = r'[^\s<>{}]+'
BLOCKS = {'if', 'elif', 'else', 'for', 'end', 'include'}
DEEPEST = 100  # blocks in blocks; many more would meet Python's own limits


class Source:
    """A template's text and where it comes from, for messages and tracebacks."""

    __slots__ = ('filename', 'text')

    def __init__(self, text: str, filename: str = '<template>') -> None:
        self.text, self.filename = text, filename

    def place(self, at: int) -> tuple[int, int]:
        """Line and column, from 1, of the character at offset `at`.

        >>> Source('one\\ntwo').place(5)
        (2, 2)
        """
        return self.text.count('\n', 0, at) + 1, at - self.text.rfind('\n', 0, at)

    def shown(self, at: int) -> str:
        """The placeholder or block at offset `at`, for messages.

        >>> Source('<b>{name:upper}</b>').shown(3)
        '{name:upper}'
        """
        match = re.compile(r'\{[^{}]*\}|<\?(?s:.*?)\?>').match(self.text, at)
        return match[0] if match else ''

    def error(self, detail: str, at: int) -> TemplateError:
        return TemplateError(detail, self.filename, *self.place(at))


def nearest(name: str, known: Iterable[object]) -> str:
    """The end of a message about a wrong name: the known one that is most like it, else all of them."""
    from difflib import get_close_matches  # only a failing template pays for it

    names = sorted({str(each) for each in known})
    like = get_close_matches(name, names, n=3)
    if like:
        return f' (did you mean {" or ".join(like)}?)'
    return f' (there are: {", ".join(names[:20])})' if names else ''


def filter_named(word: str, filters: Mapping[str, Filter], source: Source, at: int) -> tuple[str, Filter]:
    """A filter with its name, which stands at `at`.

    :raises TemplateError: if there is none of that name.
    """
    if f':{word}' not in filters:
        raise source.error(f'there is no filter {word!r}{nearest(word, (each[1:] for each in filters))}; '
                           'if this is CSS or JavaScript, write a space after the brace', at)
    return word, filters[f':{word}']


def parse(source: Source, filters: Mapping[str, Filter],
          include: Callable[[str], Tree] | None = None) -> Fragment:
    """The tree of a whole text.

    :param filters: functions by name, with the colon.
    :param include: makes a tree of the name in `<?include name?>`.
    :raises TemplateError: for an unclosed or stray block, an unknown filter, a word that is no block.

    >>> parse(Source('Hello, {user.name}!'), {}).nodes[1].expression.path
    ('name',)
    """
    parser = _Parser(source, filters, include)
    return Fragment(source, parser.run(0, len(source.text)))


def sections(source: Source, start: int, end: int, filters: Mapping[str, Filter],
             include: Callable[[str], Tree] | None,
             reserved: Collection[str] = ()) -> dict[str | None, tuple[int, Fragment]]:
    """The parts of a file that is divided by `<?name?>`: by name, each with the offset where it is named.

    The part before the first name has the key None. Blanks around each part are dropped.

    :param reserved: words of blocks that name a part where no block is open.
    """
    parser = _Parser(source, filters, include, divided=True, reserved=reserved)
    parser.run(start, end)
    return parser.parts


class _Parser:
    """One pass over the tokens with a stack of open blocks."""

    def __init__(self, source: Source, filters: Mapping[str, Filter], include: Callable[[str], Tree] | None,
                 divided: bool = False, reserved: Collection[str] = ()) -> None:
        self.source, self.filters, self.include = source, filters, include
        self.divided, self.reserved = divided, reserved
        self.nodes: list[Node] = []
        self.stack: list[_Open] = []
        self.parts: dict[str | None, tuple[int, Fragment]] = {}
        self.part: tuple[str | None, int] = (None, 0)

    def run(self, start: int, end: int) -> list[Node]:
        text, left = self.source.text, start
        self.part = (None, start)
        for match in TOKEN.finditer(text, start, end):
            at = match.start()
            self.literal(left, text[left:at])
            left = match.end()
            if match['literal']:
                self.literal(at, match['literal'])
            elif match['value']:
                expression = self.expression(match['value'], match.start('value'))
                self.nodes.append(Value(at, bool(match['raw']), expression))
            elif match['open']:
                raise self.source.error(f'{match["open"]} is not closed: write ?> at the end of it', at)
            else:
                inside = match['block'].lstrip()
                self.block(at, match[0], inside.rstrip(), match.end('block') - len(inside))
        self.literal(left, text[left:end])
        if self.stack:
            block = self.stack[-1]
            raise self.source.error(f'{self.source.shown(block.at)} is not closed: write <?end?> after it',
                                    block.at)
        if self.divided:
            self.divide()
        return self.nodes

    def literal(self, at: int, text: str) -> None:
        if not text:
            return
        last = self.nodes[-1] if self.nodes else None
        if isinstance(last, Text):
            self.nodes.pop()
            at, text = last.at, last.text + text
        self.nodes.append(Text(at, text))

    def expression(self, text: str, at: int) -> Expression:
        dotted, *filters = text.split(':')
        name, *path = dotted.split('.')
        found, end = [], at + len(dotted)
        for word in filters:
            found.append(filter_named(word, self.filters, self.source, end + 1))
            end += 1 + len(word)
        steps = tuple(int(part) if part.isdecimal() else part for part in path)
        return Expression(at, name, steps, tuple(found))

    def block(self, at: int, whole: str, inside: str, inside_at: int) -> None:
        match = re.fullmatch(WORD, inside)
        word, rest = (match[1], match[2]) if match else ('', '')
        if word.startswith('xml'):  # <?xml version="1.0"?> is a document's own business
            self.literal(at, whole)
        elif word in BLOCKS and (self.stack or rest or word not in self.reserved):
            getattr(self, f'block_{word}')(at, rest, inside_at + len(inside) - len(rest))
        elif self.divided and word and not rest:
            if self.stack:
                block = self.stack[-1]
                raise self.source.error(
                    f'{self.source.shown(block.at)} is not closed: write <?end?> before <?{word}?>', block.at)
            self.divide()
            if word in self.parts:
                raise self.source.error(f'a second <?{word}?>: each section stands once', at)
            self.part = (word, at)
        else:
            raise self.source.error(f'{whole} is no block{nearest(word, BLOCKS)}', at)

    def divide(self) -> None:
        """Close the part that was being read."""
        name, at = self.part
        first = self.nodes[0] if self.nodes else None
        if isinstance(first, Text):
            text = first.text.lstrip()
            self.nodes[0] = Text(first.at + len(first.text) - len(text), text)
        last = self.nodes[-1] if self.nodes else None
        if isinstance(last, Text):
            self.nodes[-1] = Text(last.at, last.text.rstrip())
        self.parts[name] = (at, Fragment(self.source, self.nodes))
        self.nodes = []

    def open(self, word: str, at: int, head: tuple[Any, ...]) -> None:
        if len(self.stack) == DEEPEST:
            raise self.source.error(f'blocks are nested more than {DEEPEST} deep: include a part of them', at)
        self.stack.append(_Open(word, at, head, self.nodes))
        self.nodes = []

    def innermost(self, word: str, at: int) -> _Open:
        if not self.stack:
            raise self.source.error(f'a stray <?{word}?>: no block is open here', at)
        return self.stack[-1]

    def block_for(self, at: int, rest: str, rest_at: int) -> None:
        match = re.fullmatch(FOR, rest)
        if not match:
            raise self.source.error(f'<?for {rest}?> is not understood: write <?for row in rows?>', at)
        self.open('for', at, (match[1], self.expression(match[2], rest_at + match.start(2))))

    def block_if(self, at: int, rest: str, rest_at: int) -> None:
        self.open('if', at, self.condition('if', at, rest, rest_at))

    def block_elif(self, at: int, rest: str, rest_at: int) -> None:
        block = self.innermost('elif', at)
        if block.word != 'if' or block.has_else:
            raise self.source.error(
                f'a stray {self.source.shown(at)}: it belongs after an <?if …?>, before its <?else?>', at)
        block.branches.append((*block.head, self.nodes))
        block.head, self.nodes = self.condition('elif', at, rest, rest_at), []

    def block_else(self, at: int, rest: str, rest_at: int) -> None:
        block = self.innermost('else', at)
        if rest:
            raise self.source.error(f'<?else {rest}?> is not understood: write <?elif {rest}?> or <?else?>',
                                    at)
        if block.has_else:
            raise self.source.error(f'a second <?else?> in one {self.source.shown(block.at)}', at)
        block.branches.append((*block.head, self.nodes))
        block.has_else, self.nodes = True, []

    def block_end(self, at: int, rest: str, rest_at: int) -> None:
        block = self.innermost('end', at)  # what follows the word says which block is meant: <?end for?>
        if rest and rest != block.word:
            raise self.source.error(f'<?end {rest}?> closes {self.source.shown(block.at)}: write <?end?>', at)
        self.stack.pop()
        otherwise: list[Node] = []
        if block.has_else:
            otherwise = self.nodes
        else:
            block.branches.append((*block.head, self.nodes))
        self.nodes = block.before
        if block.word == 'if':
            self.nodes.append(If(block.at, block.branches, otherwise))
        else:
            target, expression, body = block.branches[0]
            self.nodes.append(For(block.at, target, expression, body, otherwise))

    def block_include(self, at: int, rest: str, rest_at: int) -> None:
        if not re.fullmatch(FILENAME, rest):
            raise self.source.error(f'<?include {rest}?> is not understood: write the name of a template', at)
        if self.include is None:
            raise self.source.error('only a file of a TemplateFolder can include another one', at)
        try:
            self.nodes.append(Include(at, self.include(rest)))
        except FileNotFoundError as error:
            raise self.source.error(f'<?include {rest}?>: {error.args[-1]}', at) from None

    def condition(self, word: str, at: int, rest: str, rest_at: int) -> tuple[bool, Expression]:
        match = re.fullmatch(CONDITION, rest)
        if not match:
            raise self.source.error(
                f'<?{word} {rest}?> is not understood: a condition is a name, with filters or not before it, '
                'and there are no expressions: work it out in Python', at)
        return bool(match[1]), self.expression(match[2], rest_at + match.start(2))


class _Open:
    """A block whose end has not come yet."""

    __slots__ = ('at', 'before', 'branches', 'has_else', 'head', 'word')

    def __init__(self, word: str, at: int, head: tuple[Any, ...], before: list[Node]) -> None:
        self.word, self.at, self.head, self.before = word, at, head, before
        self.branches: list[tuple[Any, ...]] = []
        self.has_else = False


def assemble(base: Tree, bindings: Mapping[str, object], source: Source,
             places: Mapping[str, int] | None = None) -> Assembly:
    """`base` with some of its names bound.

    :param source, places: where the bindings stand, for messages.
    :raises TemplateError: for a name that the base does not have.
    """
    known = names(base)
    for name in bindings:
        if name not in known:
            raise source.error(f'the base has no {{{name}}} for the section {name}{nearest(name, known)}',
                               (places or {}).get(name, 0))
    return Assembly(base, dict(bindings), source)


def names(tree: object) -> set[str]:
    """The names that a tree leaves free.

    >>> fragment = parse(Source('{a} <?for b in c?>{b.x}{d}<?end?>'), {})
    >>> sorted(names(fragment))
    ['a', 'c', 'd']
    """
    if isinstance(tree, Assembly):
        bound = [names(binding) for binding in tree.bindings.values()]
        return (names(tree.base) - set(tree.bindings)).union(*bound)
    return _names(tree.nodes) if isinstance(tree, Fragment) else set()


def _names(nodes: list[Node]) -> set[str]:
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, Value):
            found.add(node.expression.name)
        elif isinstance(node, For):
            found.add(node.expression.name)
            found |= _names(node.body) - {node.target}
            found |= _names(node.otherwise)
        elif isinstance(node, If):
            for _, expression, body in node.branches:
                found.add(expression.name)
                found |= _names(body)
            found |= _names(node.otherwise)
        elif isinstance(node, Include):
            found |= names(node.tree)
    return found
