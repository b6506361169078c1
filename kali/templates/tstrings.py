"""`html(t'…')`: the t-strings of Python 3.14 as templates, escaped and compiled like all others.

The literal parts of a t-string stay the same from call to call, so the compiled program is kept by them.
Source: PEP 750.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping

from kali.iolist import escaped
from kali.markup import Markup
from kali.templates import escapers
from kali.templates.compiler import compile_page
from kali.templates.syntax import Expression, Fragment, Source, Text, Value, filter_named
from kali.templates.template import Template, all_filters, caller

TYPE_CHECKING = False  # spelled out, as everywhere in this package
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Annotated, Any

    from kali.templates.program import Program
    from kali.templates.syntax import Node

if sys.version_info >= (3, 14):
    from string.templatelib import Template as TString
else:
    class TString:
        """What older Pythons lack, so that nothing is one."""

        strings: tuple[str, ...]
        interpolations: tuple[Any, ...]
        values: tuple[Any, ...]

__all__ = ['html']

CONVERSIONS: dict[str, Callable[[object], str]] = {'r': repr, 's': str, 'a': ascii}
KEPT = 1000
_programs: dict[tuple[Any, ...], Program] = {}  # by what is the same in each call of a line of Python


def html(template: Annotated[TString, 'html']) -> Markup:
    """The HTML that a t-string (`template`) stands for, each value escaped for the place where it stands.

    None and False are nothing; t-strings, lists and generators may be nested; `{x:date}` names a filter.

    :raises TypeError: for anything else than a t-string, such as an f-string, which is text already: nothing
        tells what was put into it from the rest.
    :raises TemplateError: for a value where none can be made safe, as in a `Template`.

    `html(t'<b>{name}</b>')` gives `Markup('<b>R&amp;D</b>')` for the name R&D.
    """
    if not isinstance(template, TString):
        if sys.version_info < (3, 14):
            version = f'{sys.version_info[0]}.{sys.version_info[1]}'
            raise TypeError("html(t'…') takes a t-string, and those came with Python 3.14; this is Python "
                            f'{version}. kali.Template works on all of them')
        hint = 'call it instead' if isinstance(template, Template) else (
            'an f-string or other text has its values in it already, so that they can no longer be escaped: '
            'write t before the quotes, or Markup(…) if all of it is HTML')
        raise TypeError(f"html(t'…') takes a t-string, not {type(template).__name__}: {hint}")
    key = template.strings, *[(each.conversion, each.format_spec) for each in template.interpolations]
    program = _programs.get(key)
    if program is None:
        if len(_programs) == KEPT:
            _programs.clear()
        program = _programs[key] = _compiled(template)
    try:
        return Markup(program.function(template.values))
    except Exception as error:
        raise program.relocated(error)  # noqa: B904  # the same error, at the template's line


def _compiled(template: TString) -> Program:
    """The program of a t-string: a function of the tuple of its values."""
    values = template.interpolations
    shown = [f'{{{each.expression}{each.format_spec and f":{each.format_spec}"}}}' for each in values]
    text = ''.join([part for pair in zip(template.strings, [*shown, ''], strict=True) for part in pair])
    source, known, at = Source(text, f"<html(t'…') at {caller()}>"), all_filters(None), 0
    nodes: list[Node] = []
    for number, literal in enumerate(template.strings):
        if literal:
            nodes.append(Text(at, literal))
        at += len(literal)
        if number < len(values):
            way = values[number]
            filters = [(way.conversion, CONVERSIONS[way.conversion])] if way.conversion else []
            filters += [filter_named(word, known, source, at) for word in way.format_spec.split(':') if word]
            nodes.append(Value(at, False, Expression(at, number, (), tuple(filters))))
            at += len(shown[number])
    return compile_page(Fragment(source, nodes), ESCAPERS)


def _content(value: Any) -> Any:
    """`value` with each t-string in it as markup, and False as nothing."""
    if isinstance(value, TString):
        return html(value)
    if value is False:
        return None
    is_leaf = isinstance(value, (str, bytes, Mapping)) or hasattr(value, '__html__')
    return value if is_leaf or not isinstance(value, Iterable) else map(_content, value)


def _text(value: Any) -> Any:
    kind = value.__class__
    return escapers.text(value) if kind is str or kind is int or kind is Markup else escaped(_content(value))


def _prepared(escape: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: escape(_content(value))


# In a script a list is an array and False is false; a part of a string in it is text like any other.
ESCAPERS = {**{name: _prepared(escape) for name, escape in escapers.ESCAPERS.items()},
            'text': _text, 'script': escapers.script, 'script_quoted': escapers.script_quoted}
