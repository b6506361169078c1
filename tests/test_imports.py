"""Imports go one way: from the values up to the public names, never up, never across, never around.

The layers are those of kali/README.md. The walk reads every import statement of every file in
kali/, also those in functions and under TYPE_CHECKING. What `import kali` may load is looked at in a
fresh interpreter.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent

LAYERS = (
    {'convert', 'errors', 'multidict', 'markup', 'iolist', 'locale', 'names', 'version', 'log', 'processes'},
    {'http'},
    {'routing', 'templates', 'forms', 'sqlite', 'live', 'pages'},
    {'records', 'server', 'handbook'},
    {'desktop', 'interop', 'testing'},
    {'commands'},
    {'', '__main__'},
)
LAYER = {room: number for number, rooms in enumerate(LAYERS) for room in rooms}
ACROSS = {  # the only arrows between rooms of one layer: importing room -> what it may import there
    'forms': ('kali.routing.servlets.Servlet', 'kali.sqlite.schema'),
    'pages': ('kali.templates',),
    'server': ('kali.handbook',),  # where the error pages link to
}
NOT_FOR_HELLO_WORLD = (
    'asyncio', 'sqlite3', 'json', 'email', 'multiprocessing', 'dataclasses', 'inspect', 'typing', 'logging',
    'http.client', 'html', 'hmac', 'hashlib', 'tempfile', 'ssl')


def room(name: str) -> str:
    """The part of the house a dotted name stands in: '' for kali itself."""
    return [*name.split('.'), ''][1]


def imported(source: str) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything imported; a relative import keeps its dots."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = '.' * node.level + (node.module or '')
            for alias in node.names:  # what is none of its parts is a public name of kali
                public = module == 'kali' and alias.name not in LAYER
                yield node.lineno, module if public else f'{module}.{alias.name}'


def complaint(module: str, name: str) -> str | None:
    """What is wrong with `module` importing `name`, if anything is."""
    if name.startswith('.'):
        return 'is relative; write the whole name, from kali on'
    if name.partition('.')[0] != 'kali':
        return None
    here, there = room(module), room(name)
    for place, dotted in (here, module), (there, name):
        if place not in LAYER:
            return f'has to do with {dotted}, which stands in no layer'
    if LAYER[there] > LAYER[here]:
        return 'goes up'
    allowed = ACROSS.get(here, ())
    if here != there and LAYER[there] == LAYER[here] > 0 and not (
            f'{name}.'.startswith(tuple(f'{each}.' for each in allowed))):
        return 'goes across'
    return None


def complaints(modules: dict[str, str]) -> list[str]:
    """All that is wrong with the imports of `modules`, dotted name -> source."""
    found, graph = [], {}
    for module, source in modules.items():
        names = list(imported(source))
        found += [f'{module}:{line}: the import of {name} {wrong}' for line, name in names
                  if (wrong := complaint(module, name))]
        # `from kali.http import request` and `from kali.http.request import Request` lead to the same module
        targets = {name if name in modules else name.rpartition('.')[0] for _, name in names}
        graph[module] = targets & modules.keys()
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found.append('imports go around: ' + ' -> '.join(reversed(error.args[1])))
    return found


def house() -> dict[str, str]:
    """Every module of kali: dotted name -> source."""
    return {'.'.join(path.relative_to(ROOT).with_suffix('').parts).removesuffix('.__init__'):
            path.read_text(encoding='utf-8') for path in sorted((ROOT / 'kali').rglob('*.py'))}


def test_imports_of_kali_go_one_way() -> None:
    assert complaints(house()) == []


@pytest.mark.parametrize('module, source, wrong', [
    ('kali.http.request', 'from kali.routing.router import Router', 'goes up'),
    ('kali.markup', 'import kali.http.request', 'goes up'),
    ('kali.server.loop', 'from kali import Response', 'goes up'),
    ('kali.templates.folder', 'def f():\n    from kali.server.loop import serve_http', 'goes up'),
    ('kali.sqlite.guard', 'if TYPE_CHECKING:\n    from kali.server.loop import Host', 'goes up'),
    ('kali.routing.router', 'from kali.templates.folder import TemplateFolder', 'goes across'),
    ('kali.forms.formlet', 'from kali.routing.router import Router', 'goes across'),
    ('kali.forms.formlet', 'from kali.routing.servlets import Servlets', 'goes across'),
    ('kali.templates.folder', 'from kali.pages import error_page', 'goes across'),
    ('kali.desktop.window', 'from kali.testing import Client', 'goes across'),
    ('kali.http.request', 'from .cookies import parse', 'is relative'),
    ('kali.http.request', 'from kali.helpers import thing', 'stands in no layer'),
    ('kali.forms.formlet', 'from kali.routing.servlets import Servlet', None),
    ('kali.pages.error', 'from kali.templates import Template', None),
    ('kali.pages.error', 'from kali.templates.folder import TemplateFolder', None),
    ('kali.iolist', 'from kali.markup import Markup', None),
    ('kali.server.loop', 'import selectors\nfrom kali.http.request import Request', None),
    ('kali', 'from kali.server.loop import serve_http', None),
])
def test_each_kind_of_wrong_arrow_is_found(module: str, source: str, wrong: str | None) -> None:
    found = complaints({module: source})
    assert (wrong in found[0]) if wrong else (found == [])


def test_a_cycle_is_found() -> None:
    circle = {'kali.http.a': 'from kali.http.b import x',
              'kali.http.b': 'def f():\n    from kali.http import a'}
    assert complaints(circle) in (['imports go around: kali.http.a -> kali.http.b -> kali.http.a'],
                                  ['imports go around: kali.http.b -> kali.http.a -> kali.http.b'])


def importers(name: str) -> set[str]:
    """The modules of kali that import `name` or something inside it."""
    return {module for module, source in house().items()
            if any(f'{found}.'.startswith(f'{name}.') for _, found in imported(source))}


def test_only_the_formlet_knows_requests_and_responses() -> None:
    for name in ('kali.http.request.Request', 'kali.http.response'):
        assert {module for module in importers(name) if room(module) == 'forms'} == {'kali.forms.formlet'}


def test_only_the_loop_touches_a_selector() -> None:
    assert importers('selectors') == {'kali.server.sockets', 'kali.live.selector'}


def test_import_kali_loads_nothing_that_hello_world_does_without() -> None:
    show = f'import sys; sys.path.insert(0, {str(ROOT)!r}); import kali; print(*sys.modules)'
    loaded = set(subprocess.check_output([sys.executable, '-I', '-S', '-c', show], text=True).split())
    assert 'kali' in loaded
    assert not loaded.intersection(NOT_FOR_HELLO_WORLD)
