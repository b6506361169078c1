"""Templates: text with {placeholders} and <?blocks?> that makes Markup.

A template is checked whole when it is made (its syntax, and every placeholder for where in the
HTML it stands) and compiled to Python when it is first called. Files are TemplateFolder's business.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping

from kali.markup import Markup
from kali.templates.compiler import compile_loop, compile_page
from kali.templates.filters import BUILT_IN
from kali.templates.syntax import Assembly, Expression, Fragment, Source, Value, assemble, parse

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from typing import Any, ClassVar

    from kali.templates.syntax import Filter, Tree

__all__ = ['Template', 'TemplateLoop', 'all_filters', 'caller']


class Template:
    """A template made of text; call it with a value for each name.

    :param text: HTML with placeholders.
    :param filters: functions by name (with or without a colon), beside those in `Template.REGISTRY`.
    :param filename: what messages call it; by default the line of Python that made it.
    :raises TemplateError: if the text has a mistake, or a placeholder stands where no value can be made safe.

    >>> hello = Template('<p title="{name}">Hello, {name:upper}!</p>')
    >>> hello(name='R&D')
    Markup('<p title="R&amp;D">Hello, R&amp;D!</p>')
    """

    __slots__ = ('_render', 'filters', 'program', 'tree')

    # Filters for every template, by name with a colon in front; a template takes them when it is made.
    REGISTRY: ClassVar[dict[str, Filter]] = dict(BUILT_IN)

    def __init__(self, text: str, *, filters: Mapping[str, Filter] | None = None,
                 filename: str | None = None) -> None:
        self._set(parse(Source(text, filename or f'<template at {caller()}>'), all_filters(filters)), filters)

    @classmethod
    def of_tree(cls, tree: Tree, filters: Mapping[str, Filter] | None = None) -> Template:
        """A template of a tree that is parsed already."""
        template = cls.__new__(cls)
        template._set(tree, filters)
        return template

    def _set(self, tree: Tree, filters: Mapping[str, Filter] | None) -> None:
        self.tree, self.filters = tree, filters
        self.program = compile_page(tree)
        self._render: Callable[[Any], str] | None = None  # at hand after the first call

    def __call__(self, /, **bindings: Any) -> Markup:
        return self.sub(bindings)

    def sub(self, bindings: Mapping[str, Any]) -> Markup:
        """The same with the values in a mapping, such as a sqlite3.Row.

        :raises TemplateError: for a name that `bindings` lacks.
        """
        if self._render is None:
            self._render = self.program.function
        try:
            return Markup(self._render(bindings))
        except Exception as error:
            raise self.program.relocated(error)  # noqa: B904  # the same error, at the template's line

    def assembly(self, /, **bindings: object) -> Template:
        """A template with some names bound, over the names still free.

        :param bindings: strings (templates themselves, checked for where they will stand), templates,
            Markup, or objects whose `sub(mapping)` gives content.
        :raises TemplateError: for a name that this template does not have.

        >>> page = Template('<title>{title}</title><h1>{title}</h1>{body}')
        >>> page.assembly(title='Hello, {user}', body='<p>Welcome')(user='R&D')
        Markup('<title>Hello, R&amp;D</title><h1>Hello, R&amp;D</h1><p>Welcome')
        """
        where = f'<template at {caller()}'
        trees = {name: _tree(value, self.filters, f'{where}, {name}>')
                 for name, value in bindings.items()}
        return Template.of_tree(assemble(self.tree, trees, Source('', f'{where}>')), self.filters)


class TemplateLoop:
    """A list of things: what stands before it, each item, what stands after it, and what if there is none.

    :param preamble, body, epilogue, otherwise: strings or templates. `body` sees an item's own names, and
        those of the context.

    >>> contacts = TemplateLoop('<ul>', '<li>{name}</li>', '</ul>', '<p>Nobody.</p>')
    >>> contacts.loop([{'name': 'Ann'}, {'name': 'Bob'}]), contacts.loop([])
    (Markup('<ul><li>Ann</li><li>Bob</li></ul>'), Markup('<p>Nobody.</p>'))
    """

    __slots__ = ('program',)

    def __init__(self, preamble: object, body: object, epilogue: object, otherwise: object = None, *,
                 filters: Mapping[str, Filter] | None = None) -> None:
        where = f'<template at {caller()}'
        parts = {'preamble': preamble, 'body': body, 'epilogue': epilogue, 'otherwise': otherwise}
        trees = {name: _whole(_tree(part or '', filters, f'{where}, {name}>'))
                 for name, part in parts.items()}
        self.program = compile_loop(**trees)

    @classmethod
    def of_trees(cls, **trees: Tree) -> TemplateLoop:
        """A loop of trees that are parsed already, by the name of the part."""
        loop = cls.__new__(cls)
        loop.program = compile_loop(**trees)
        return loop

    def loop(self, items: Iterable[Any], context: Mapping[str, Any] | None = None) -> Markup:
        """The list of `items`.

        :param items: mappings, rows of sqlite3, or objects with attributes; any iterable, read once.
        :param context: names for all four parts; an item's own come first.
        """
        try:
            return Markup(self.program.function(items, context or {}))
        except Exception as error:
            raise self.program.relocated(error)  # noqa: B904  # the same error, at the template's line


def all_filters(own: Mapping[str, Filter] | None) -> dict[str, Filter]:
    """The registered filters and a template's own, by name with the colon."""
    colons = {':' + name.lstrip(':'): function for name, function in (own or {}).items()}
    return {**Template.REGISTRY, **colons}


def caller() -> str:
    """Where in the program a template without a file is made: file and line."""
    frame: Any = sys._getframe(1)
    while frame.f_back and frame.f_globals.get('__name__', __name__).startswith('kali.templates.'):
        frame = frame.f_back
    return f'{frame.f_code.co_filename}, line {frame.f_lineno}'


def _tree(value: object, filters: Mapping[str, Filter] | None, filename: str) -> Any:
    if isinstance(value, Template):
        return value.tree
    if isinstance(value, Markup) or hasattr(value, 'sub'):
        return value
    if isinstance(value, str):
        return parse(Source(value, filename), all_filters(filters))
    raise TypeError(f'a template is made of strings, Markup and templates, not of {value!r}')


def _whole(part: Any) -> Tree:
    """A tree of what `_tree` gave."""
    if isinstance(part, (Fragment, Assembly)):
        return part
    alone = Fragment(Source(''), [Value(0, False, Expression(0, 'part', (), ()))])
    return Assembly(alone, {'part': part}, alone.source)
