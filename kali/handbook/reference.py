"""The reference: every public name, with its signature and docstring, as Markdown made from the code.

`python -m kali.handbook` writes it; nothing here runs when the handbook is read. A module's public names are
those of its `__all__`; of a class they are the methods and properties that it defines itself, without an
underscore.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kali.handbook.pages import pages
from kali.locale import en
from kali.templates.filters import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ['MODULES', 'everything', 'members', 'to_markdown', 'write']

#: The modules whose names an application imports, and what each is for.
MODULES = {
    'kali': 'what every application uses',
    'kali.records': 'from a schema to a working program',
    'kali.forms': 'fields, lenses and the cycle of a form',
    'kali.sqlite': 'opening a file safely, transactions, migrations, backups, undo',
    'kali.sqlite.schema': 'the tables of a file as values',
    'kali.templates': 'HTML with places for values',
    'kali.live': 'events, jobs, schedules, threads and processes',
    'kali.locale': 'numbers, dates and money as people write them',
    'kali.errors': 'what kali raises',
    'kali.desktop.folders': "the user's folders",
    'kali.interop': 'WSGI and ASGI, both ways',
    'kali.testing': 'an application tested in memory',
    'kali.http.around': 'wrappers around a handler',
    'kali.http.deferred': 'answers that come later or in pieces',
}
#: Public names that are built into Python, and have its docstring.
BUILT_IN_NAMES = {
    'use': '`use(source)` makes a `Locale` the current one, or that of a request by its headers, and gives a '
           'token.',
    'leave': '`leave(token)` makes the locale the current one that was so before `use`.',
}
_FIELD = re.compile(r':(param|raises|ivar|returns?) ?([^:]*): ?(.*)')


def members(cls: type) -> Iterator[tuple[str, object]]:
    """The public methods and properties that a class defines itself."""
    for name, value in vars(cls).items():
        inner = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
        if not name.startswith('_') and (inspect.isfunction(inner) or isinstance(inner, property)):
            yield name, inner


def to_markdown(docstring: str | None) -> str:
    """A docstring as Markdown: fields become a list, examples and indented blocks become code.

    >>> print(to_markdown('Adds.\\n\\n:param x: a number,\\n    any\\n\\n    add(1)'))
    Adds.
    <BLANKLINE>
    - `x`: a number, any
    <BLANKLINE>
    ```
    add(1)
    ```
    """
    blocks = re.split(r'\n[ \t]*\n', inspect.cleandoc(docstring or ''))
    parts: list[str] = []
    for block in blocks:
        if block.startswith('    ') and parts and parts[-1].startswith('```'):
            parts[-1] = f'{parts[-1][:-4]}\n\n{textwrap.dedent(block)}\n```'
        elif block.startswith('>>>'):
            parts.append(f'```python\n{block}\n```')
        elif block.startswith('    '):
            parts.append(f'```\n{textwrap.dedent(block)}\n```')
        elif _FIELD.match(block):
            parts.append('\n'.join(map(_field, re.split(r'\n(?=:)', block))))
        else:
            parts.append(re.sub(r'::$', ':', block))
    return '\n\n'.join(parts)


def _field(text: str) -> str:
    kind, name, rest = _FIELD.match(' '.join(text.split())).groups()  # type: ignore[union-attr]  # looked at before
    named = f'{"raises " * (kind == "raises")}`{name}`' if name else kind
    return f'- {named}: {rest}'


def _signature(name: str, value: Any) -> str:
    """`name(arguments) -> result`, as it is written; nothing for what takes no arguments."""
    if isinstance(value, property):
        return name
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return name
    parts: list[str] = []
    starred = False
    for each in signature.parameters.values():
        if each.name in ('self', 'cls') and not parts:
            continue
        if each.kind is each.KEYWORD_ONLY and not starred:
            parts.append('*')
        starred = starred or each.kind in (each.KEYWORD_ONLY, each.VAR_POSITIONAL)
        stars = '*' * (each.kind is each.VAR_POSITIONAL) or '**' * (each.kind is each.VAR_KEYWORD)
        text = stars + each.name + _typed(each.annotation, ': ')
        if each.default is not each.empty:
            shown = repr(each.default)
            text += f'={shown}' if not shown.startswith('<') else '=…'
        parts.append(text)
    result = '' if inspect.isclass(value) else _typed(signature.return_annotation, ' -> ')
    return f'{name}({", ".join(parts)}){result}'


def _typed(annotation: object, before: str) -> str:
    if annotation is inspect.Signature.empty:
        return ''
    shown = annotation if isinstance(annotation, str) else str(
        getattr(annotation, '__forward_arg__', None) or getattr(annotation, '__name__', annotation))
    return before + shown


def _entry(name: str, value: Any, level: int) -> Iterator[str]:
    yield f'{"#" * level} {name}'
    if inspect.isbuiltin(value):  # its docstring is Python's
        yield BUILT_IN_NAMES[name]
    elif callable(value) or isinstance(value, property):
        signature = _signature(name.rpartition('.')[2], value)
        yield '```python\n' + '\n'.join(textwrap.wrap(signature, 100, subsequent_indent='    ')) + '\n```'
        yield to_markdown(inspect.getdoc(value))
    elif inspect.ismodule(value):
        yield f'The module [`{value.__name__}`]({_file(value.__name__)}).'
    else:
        yield f'`{type(value).__name__}`. ' + to_markdown(vars(type(value)).get('__doc__')).partition('\n')[0]
    if inspect.isclass(value):
        for member, inner in members(value):
            if inspect.getdoc(inner):
                yield from _entry(f'{name}.{member}', inner, 3)


def _module(dotted: str) -> str:
    module = importlib.import_module(dotted)
    parts = [f'# Reference: {dotted}', to_markdown(module.__doc__)]
    names = sorted(module.__all__, key=str.casefold)
    for name in names:
        if name != '__version__':
            parts += _entry(name, getattr(module, name), 2)
    return '\n\n'.join(part for part in parts if part)


def _filters() -> str:
    rows = [f'## {name[1:]}\n\n{to_markdown(function.__doc__)}'
            for name, function in sorted(BUILT_IN.items())]
    return ('# Reference: filters\n\nA filter stands behind a colon: `{price:cents}`. Several are applied '
            'one after the other. [Templates](templates.md) says how to add one of your own.\n\n'
            + '\n\n'.join(rows))


def _commands() -> str:
    table: dict[str, str] = importlib.import_module('kali.commands').COMMANDS  # a room above this one
    parts = ['# Reference: the command line', '`python -m kali COMMAND`, where `COMMAND` is one of these.']
    for name, what in table.items():
        module = importlib.import_module(f'kali.commands.{name}')
        parser = argparse.ArgumentParser(f'python -m kali {name}', add_help=False)
        module.arguments(parser)
        parts += [f'## {name}', f'{what[0].upper()}{what[1:]}.', to_markdown(module.__doc__),
                  '\n'.join(f'- `{" ".join(action.option_strings) or action.dest}`: '
                            f'{(action.help or "").replace("%(default)s", str(action.default))}'
                            for action in parser._actions)]
    return '\n\n'.join(part for part in parts if part)


def _words() -> str:
    rows = '\n'.join(f'| `{key}` | {text} |' for key, text in sorted(en.WORDS.items()))
    return ('# Reference: words\n\nWhat kali says itself, by key. `kali.forms.MESSAGES` is the English '
            'dictionary; change an entry to say it in another way.\n\n| key | English |\n|---|---|\n' + rows)


def _file(dotted: str) -> str:
    """The file about a module."""
    return f'reference-{dotted.removeprefix("kali.").replace(".", "-")}.md'


def everything() -> dict[str, str]:
    """All that is made: file name -> content."""
    made = {_file(dotted): _module(dotted) for dotted in MODULES}
    made |= {'reference-filters.md': _filters(), 'reference-commands.md': _commands(),
             'reference-words.md': _words()}
    rows = '\n'.join(f'- [`{dotted}`]({_file(dotted)}): {what}' for dotted, what in MODULES.items())
    made['reference.md'] = (
        '# Reference\n\nMade from the code: every public name with its arguments, errors and an example. '
        f'What stands in front is what you import from.\n\n{rows}\n'
        '- [Filters](reference-filters.md) of templates\n'
        '- [The command line](reference-commands.md)\n- [Words](reference-words.md) that kali says itself\n'
        '- [Looks](looks.md): the classes and variables of kali.css\n'
        '- [Error messages](errors.md), and what to do about each\n'
        '- [Arguments](arguments.md) that mean the same wherever they stand')
    texts = {f'{page.name}.md': page.text for page in pages().values()} | made
    order = dict.fromkeys([*(f'{name}.md' for name in pages()), *made])
    made['all.md'] = '\n\n'.join(texts[name].strip() for name in order)
    return {name: text.strip() + '\n' for name, text in made.items()}


def write(folder: Path) -> list[str]:
    """Write what has changed into the folder of the handbook, and return the names."""
    changed = []
    for name, text in everything().items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding='utf-8') != text:
            path.write_text(text, encoding='utf-8', newline='\n')
            changed.append(name)
    return changed
