"""Trees -> Python functions.

One function a template, with its base, sections and includes written out in place, so that
composition costs nothing. The function appends strings to a list and joins it, in a loop now and then, since
many small strings take more memory than the page; straight runs of text and values are one f-string. Where
each value stands is known here, so its escaping is a plain call.

For `<b>{name}</b>` it writes

    def render(scope):
     out = []; write = out.append; done = []
     v1 = text(scope['name'])
     write(f'<b>{v1}</b>')
     return ''.join(done + out)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from kali.iolist import CONTENT, too_long
from kali.markup import Markup
from kali.templates import contexts, filters, foreign
from kali.templates.contexts import TEXT, Context, ContextError, describe
from kali.templates.escapers import ESCAPERS, merged, optional_item, path_item
from kali.templates.lines import Lines
from kali.templates.program import Lookup, Program
from kali.templates.scope import Scope
from kali.templates.syntax import Assembly, Expression, For, Fragment, If, Include, Text, Value

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from typing import Any

    from kali.templates.syntax import Node, Tree

__all__ = ['compile_loop', 'compile_page']

# Python nests at most 20 loops and 100 indents; deeper blocks become functions of their own.
DEEPEST = 12
# What a last filter would do a second time, by escaper.
DONE_BY_PLACE = {'url_query': filters.url, 'script': filters.json, 'script_quoted': filters.json}
BATCH = 'if len(out) > 999: batch(out, done)'
LONGEST = 8  # branches of one <?if?> in one go: each takes an indent


def compile_page(tree: Tree, escapers: Mapping[str, Any] = ESCAPERS) -> Program:
    """The program of a whole template, `render(scope) -> str`.

    :param escapers: the functions that values go through, by the names that contexts.py gives

    :raises TemplateError: for a placeholder where no value may stand, and blocks that break the HTML around
        them.

    >>> from kali.templates.syntax import Source, parse
    >>> compile_page(parse(Source('<b>{name}</b>'), {})).function({'name': 'R&D'})
    '<b>R&amp;D</b>'
    """
    writer = _Writer('render(scope)', escapers)
    root = _root(tree)
    writer.last = root.nodes[-1] if root.nodes else None
    writer.must_end_in_text(writer.tree(tree, Scope('scope'), TEXT))
    return writer.program()


def compile_loop(preamble: Tree, body: Tree, epilogue: Tree, otherwise: Tree) -> Program:
    """The program of a TemplateLoop, `render(items, scope) -> str`. The four parts are read as one text."""
    writer = _Writer('render(items, scope)')
    outside, inside = Scope('scope'), Scope('row')
    writer.source = _root(body).source
    writer.line('empty = True')
    writer.line('for row in items:')
    begun = writer.indent()
    writer.line('if empty:')
    first = writer.indent()
    writer.line('empty = False')
    middle = writer.tree(preamble, outside, TEXT)
    writer.dedent(first)
    writer.line('if scope or row.__class__ is not dict: row = merged(row, scope)')
    middle = writer.repeated(lambda context: writer.tree(body, inside, context), middle,
                             lambda detail: _root(body).source.error(detail, 0))
    writer.line(BATCH)
    writer.dedent(begun)
    writer.line('if empty:')
    begun = writer.indent()
    writer.must_end_in_text(writer.tree(otherwise, outside, TEXT))
    writer.dedent(begun)
    writer.line('else:')
    begun = writer.indent()
    writer.must_end_in_text(writer.tree(epilogue, outside, middle))
    writer.dedent(begun)
    return writer.program()


def batch(out: list[str], done: list[str]) -> None:
    """Join what has come together in `out`, in the middle of a loop, which may have no end."""
    done.append(''.join(out))
    out.clear()
    if len(done) % 64 == 0 and sum(map(len, done)) > CONTENT:
        raise too_long(CONTENT)


def bounded(items: Iterable[object], out: list[str], done: list[str]) -> Iterator[object]:
    """The items of an inner loop that may have no end."""
    for item in items:
        yield item
        if len(out) > 999:
            batch(out, done)


def _root(tree: Tree) -> Fragment:
    while isinstance(tree, Assembly):
        tree = tree.base
    return tree


class _Writer(Lines):
    """Writes the lines of one program from trees."""

    def __init__(self, signature: str, escapers: Mapping[str, Any] = ESCAPERS) -> None:
        super().__init__({**escapers, 'Markup': Markup, 'batch': batch, 'bounded': bounded,
                          'merged': merged, 'path_item': path_item, 'optional_item': optional_item})
        self.extender = ''  # the file that binds sections of the one that is being written, if one does
        self.opened = (self.source, 0)  # where the HTML last left plain text
        self.last: Node | None = None  # nothing follows it
        self.remarks: dict[str, None] = {}  # an ordered set
        self.line(f'def {signature}:')
        self.indent()
        self.line('out = []; write = out.append; done = []')

    def program(self) -> Program:
        self.line("return ''.join(done + out)")
        self.lines += self.finished_lines
        self.places += self.finished_places
        return Program('\n'.join(self.lines), self.namespace, self.places, list(self.remarks))

    def tree(self, tree: Tree, scope: Scope, context: Context) -> Context:
        before = self.source, self.at, self.extender
        self.extender = tree.source.filename if isinstance(tree, Assembly) else ''
        while isinstance(tree, Assembly):
            scope = Scope(scope.mapping, scope, tree.bindings)
            tree = tree.base
        self.source = tree.source
        context = self.nodes(tree.nodes, scope, context)
        self.source, self.at, self.extender = before
        return context

    def nodes(self, nodes: list[Node], scope: Scope, context: Context) -> Context:
        for node in nodes:
            self.at = node.at
            if context.state == 'comment' and not isinstance(node, Text):
                before = self.mark()
                context = self.node(node, scope, context)
                if context.state == 'comment':  # it leaves no trace, unless it holds the comment's end
                    self.back_to(before)
            else:
                context = self.node(node, scope, context)
        return context

    def node(self, node: Node, scope: Scope, context: Context) -> Context:
        try:
            if isinstance(node, Text):
                return self.text(node, context)
            if isinstance(node, Value):
                return self.value(node, scope, context)
        except ContextError as error:
            shown = self.source.shown(node.at) or repr(self.source.text[node.at:node.at + 30])
            raise self.source.error(f'{shown}: {error}'.replace('{…}', shown), node.at) from None
        if isinstance(node, Include):
            return self.tree(node.tree, scope, context)
        if self.depth > DEEPEST:
            return self.apart(node, scope, context)
        return self.block(node, scope, context)

    def text(self, node: Text, context: Context) -> Context:
        end = contexts.advance(context, node.text)
        for start, shown, meant in foreign.remarks(context, node.text) if '{' in node.text else ():
            # A {{name}} before it is shorter in the text than in the source.
            at = self.source.text.find(shown, node.at + start)
            shown = shown.splitlines()[0]
            self.remarks[str(self.source.error(f'{shown} is printed as it stands: {meant}. If you mean these '
                                               'letters, write a space after the brace', at))] = None
        self.run.append((node.text if node is self.last else contexts.sealed(context, end, node.text), ''))
        if context == TEXT and end != TEXT:
            self.opened = (self.source, node.at + node.text.rfind('<'))
        return end

    def must_end_in_text(self, end: Context) -> None:
        if end != TEXT:
            source, at = self.opened
            raise source.error(f'the template ends in {describe(end)}, which begins here: close it', at)

    def block(self, node: For | If, scope: Scope, context: Context) -> Context:
        return self.loop(node, scope, context) if isinstance(node, For) else self.choice(node, scope, context)

    def apart(self, node: For | If, scope: Scope, context: Context) -> Context:
        """The node in a function of its own, called here."""
        name = self.unique('part')
        call = f'{name}({", ".join(["out", "write", "done", *scope.python_names()])})'
        self.line(call)
        before = self.lines, self.places, self.depth
        self.lines, self.places, self.depth = [], [], 0
        self.line(f'def {call}:')
        begun = self.indent()
        context = self.block(node, scope, context)
        self.dedent(begun)
        self.finished_lines += self.lines
        self.finished_places += self.places
        self.lines, self.places, self.depth = before
        return context

    # Blocks

    def loop(self, node: For, scope: Scope, context: Context) -> Context:
        self.flush()
        items = self.evaluate(node.expression, scope)
        self.at = node.at
        variable, empty, shown = self.unique(node.target), self.unique('empty'), self.source.shown(node.at)
        if node.otherwise:
            self.line(f'{empty} = True')
        is_innermost = bool(scope.variables) and not any(isinstance(each, For) for each in node.body)
        if is_innermost:  # its turns are the most: only for what may have no end anything is done in each
            items = f"{items} if hasattr({items}, '__len__') else bounded({items}, out, done)"
        self.line(f'for {variable} in {items}:')
        inside = scope.having(node.target, variable)
        begun = self.indent()
        if node.otherwise:
            self.line(f'{empty} = False')
        end = self.repeated(lambda start: self.nodes(node.body, inside, start), context,
                            lambda detail: self.source.error(f'{shown}: {detail}', node.at))
        if not is_innermost:
            self.line(BATCH)
        self.dedent(begun)
        if node.otherwise:
            self.line(f'if {empty}:')
            begun = self.indent()
            other = self.nodes(node.otherwise, scope, context)
            self.dedent(begun)
            return self.joined(end, other, node)
        return end

    def repeated(self, body: Callable[[Context], Context], start: Context,
                 error: Callable[[str], Exception]) -> Context:
        """Write a loop's body, which must end where it starts, as it may follow itself."""
        self.flush()
        before = self.mark()
        end = body(start)
        both = contexts.join(start, end)
        if both is not None and both != start:  # as before and after an attribute: start from what they share
            self.back_to(before)
            end = body(both)
            both = contexts.join(both, end)
        if both is None:
            raise error(f'the loop\'s body begins in {describe(start)} and ends in {describe(end)}: '
                        'close in it what it opens')
        return both

    def choice(self, node: If, scope: Scope, context: Context) -> Context:
        if len(node.branches) > LONGEST:
            rest = If(node.branches[LONGEST][1].at, node.branches[LONGEST:], node.otherwise)
            node = If(node.at, node.branches[:LONGEST], [rest])
        depth, end = self.depth, None
        for negated, expression, body in node.branches:
            self.flush()
            value = self.evaluate(expression, scope)
            self.line(f'if {"not " if negated else ""}{value}:')
            begun = self.indent()
            branch = self.nodes(body, scope, context)
            self.dedent(begun)
            end = branch if end is None else self.joined(end, branch, node)
            self.line('else:')
            self.depth += 1
        assert end is not None
        self.depth -= 1
        begun = self.indent()
        end = self.joined(end, self.nodes(node.otherwise, scope, context), node)
        self.dedent(begun)
        self.depth = depth
        return end

    def joined(self, one: Context, other: Context, node: For | If) -> Context:
        both = contexts.join(one, other)
        if both is None:
            raise self.source.error(f'{self.source.shown(node.at)}: one branch ends in {describe(one)}, '
                                    f'another in {describe(other)}: '
                                    'close in each branch what it opens', node.at)
        return both

    # Values

    def value(self, node: Value, scope: Scope, context: Context) -> Context:
        expression = node.expression
        kind, bound, outer = scope.find(expression.name)
        if kind == 'section' and _is_tree(bound) and not expression.path and not expression.filters:
            return self.section(node, bound, outer, context)
        name = contexts.escaper(context)
        if not name:
            return context
        if expression.filters and expression.filters[-1][1] is DONE_BY_PLACE.get(name):
            expression = expression._replace(filters=expression.filters[:-1])
        if expression.filters and not contexts.is_for_people(context):
            expression = expression._replace(filters=[(word, filters.FOR_PROGRAMS.get(function, function))
                                                      for word, function in expression.filters])
        if node.raw:
            name = contexts.raw_escaper(context, name)
        self.run.append(('', self.evaluate(expression, scope, name)))
        if self.values > 99:  # Python compiles one long f-string more slowly than some short ones
            self.flush()
        return contexts.after_value(context)

    def section(self, node: Value, tree: Tree, scope: Scope, context: Context) -> Context:
        end = self.tree(tree, scope, context)
        if contexts.join(context, end) is None:
            raise self.source.error(
                f'what is bound to {node.expression.name} begins in {describe(context)} and ends in '
                f'{describe(end)}: close in it what it opens', node.at)
        return end

    def evaluate(self, expression: Expression, scope: Scope, escape: str = '') -> str:
        """Write the lines that compute `expression` and escape it; the name of the variable that holds it.

        A line looks up one name at most, so that a failure can be told from a filter's own.
        """
        kind, found, outer = scope.find(expression.name)
        if kind == 'section' and _is_tree(found):
            self.capture(found, outer)
        self.at = expression.at
        self.values += 1
        variable = f'v{self.values}'
        optional = bool(expression.filters) and expression.filters[0][1] is filters.default
        value, lookup = found, None
        if kind == 'free':
            value, lookup = f'{found}[{expression.name!r}]', Lookup(
                expression.name, found, self.extender)
            if optional:
                value = f'optional_item({found}, {expression.name!r})'
        elif kind == 'section':
            value = self.bound(found, outer)
        for part in expression.path:
            holder = self.stored(value, variable, lookup)
            value = f'path_item({holder}, {part!r})'
            if optional:
                value = f'optional_item({holder}, {part!r})'
            elif isinstance(part, str):
                value = f'{holder}[{part!r}] if {holder}.__class__ is dict else {value}'
            lookup = Lookup(part, holder)
        for name, function in expression.filters:
            if function is not filters.default:
                holder = self.stored(value, variable, lookup)
                value, lookup = f'{self.constant(f"filter_{name}", function)}({holder})', None
        return self.stored(f'{escape}({value})' if escape else value, variable, lookup)

    def stored(self, value: str, variable: str, lookup: Lookup | None) -> str:
        """The name that holds `value`: itself if it is one, else `variable`."""
        if value.isidentifier():
            return value
        self.code(f'{variable} = {value}', lookup)
        return variable

    def bound(self, binding: object, scope: Scope) -> str:
        """The Python expression for what is bound to a name, as a value."""
        if _is_tree(binding):
            return 'captured'
        name = self.constant('bound', binding)
        return name if isinstance(binding, Markup) else f'Markup(raw({name}.sub({scope.mapping})))'

    def capture(self, tree: Tree, scope: Scope) -> None:
        """A section as a value, for a filter or a condition: rendered as text into the variable
        `captured`."""
        outer = self.unique('outer')
        self.line(f'{outer} = out, done; out = []; write = out.append; done = []')
        self.must_end_in_text(self.tree(tree, scope, TEXT))
        self.line(f"captured = Markup(''.join(done + out)); out, done = {outer}; write = out.append")


def _is_tree(binding: object) -> bool:
    return isinstance(binding, (Fragment, Assembly))
