"""Packing: one file of a script and all that belongs to it, which runs wherever there is a Python.

The archive is that of Python's zipapp: a zip file with a `__main__.py`. kali lies in it as a package, the
program's own files below `program/`. Data never comes along (kali.desktop.belongings).
"""

from __future__ import annotations

import ast
import importlib.resources
import os
import re
import sys
import zipfile
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from kali.desktop.belongings import files_of
from kali.desktop.folders import application_id, script_id
from kali.desktop.launchers import LAUNCHERS, desktop_entry
from kali.desktop.packed import FOLDER
from kali.desktop.reloader import guessed
from kali.errors import KaliError
from kali.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ['Packed', 'destination', 'imported', 'members', 'pack', 'read_script']

MOST = 5000  # files; more means that the script lies in somebody's home folder
SHEBANG = b'#!/usr/bin/env python3\n'
ICONS = ('.png', '.svg', '.ico', '.xpm')
ICON = re.compile(r'''\bicon\s*=\s*(?:[\w.]*resource\()?['"]([^'"]+)['"]''')  # of serve_http
MAIN = '''"""A program packed by kali {version}: start it with a double click, or by python and its name."""
import os
import sys
if sys.version_info < (3, 10):
    sys.exit({name!r} + ' needs Python 3.10 or newer, and this is Python %d.%d.' % sys.version_info[:2])
folders, unpack = {{}}, {{}}
for name, space in (('folders', folders), ('unpack', unpack)):
    exec(__loader__.get_code(os.sep.join(('kali', 'desktop', name))), space)
sys.path[0] = str(unpack['unpacked'](os.path.abspath(__loader__.archive), '',
                                     lambda: folders['cache_folder']({app_id!r})))
from kali.desktop.packed import run
run(sys.path[0], {script!r}, {app_id!r})
'''


class Packed(NamedTuple):
    """What was packed, and where to."""

    path: Path
    launchers: list[Path]
    number: int  # of files
    missing: list[str]  # modules that have to be installed where it runs


def pack(script: Path, output: Path | None = None) -> Packed:
    """Pack a script with what belongs to it and with kali; launchers are written beside the archive.

    :param output: the file to write, or a folder for it; by default it is beside the script
    :raises KaliError: with a sentence, if that cannot be done
    """
    source = read_script(script)
    path = destination(script, output)
    files = members(script)
    main = MAIN.format(name=path.stem, version=__version__, script=script.name,
                       app_id=script_id(str(script)))
    content = BytesIO(SHEBANG)
    with zipfile.ZipFile(content, 'a', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('__main__.py', main)
        for name, data in _package(importlib.resources.files('kali'), 'kali'):
            archive.writestr(name, data)
        for name, file in files.items():
            archive.writestr(FOLDER + name, file.read_bytes())
    try:
        _write(path, content.getvalue())
        launchers = list(_launchers(script, path, source))
    except OSError as error:
        raise KaliError(f'{error.filename or path} cannot be written: {error.strerror}.') from error
    own = {name.split('/')[0].removesuffix('.py') for name in files}
    missing = imported(files) - own - {'kali', *sys.stdlib_module_names}
    return Packed(path, launchers, len(files), sorted(missing))


def members(script: Path) -> dict[str, Path]:
    """The files that belong to a script: name beside it -> file. What it names by `resource('…')` comes along
    from the folder above, too."""
    folder = script.resolve().parent
    found: dict[str, Path] = {}
    own = Path(__file__).resolve().parents[1]
    for path in files_of(folder):
        if own not in path.resolve().parents:  # kali itself, where it lies beside the script
            found[path.relative_to(folder).as_posix()] = path
        if len(found) > MOST:
            raise KaliError(f'There are more than {MOST} files beside {script.name}: put it into a folder of '
                            'its own, with what belongs to it.')
    for name in _resources([each for each in found.values() if each.suffix in ('.py', '.pyw')]):
        above = folder.parent / name
        if (folder / name).exists() or not above.exists():
            continue
        for path in files_of(above) if above.is_dir() else [above]:
            found[path.relative_to(folder.parent).as_posix()] = path
    return found


def read_script(script: Path) -> str:
    """The source of a script.

    :raises KaliError: if there is none, or it has a mistake
    """
    if not script.is_file():
        raise KaliError(f'There is no file {script}.')
    if script.suffix not in ('.py', '.pyw'):
        raise KaliError(f'{script} is no Python script: its name ends with .py.')
    try:
        source = script.read_bytes()
        ast.parse(source, str(script))
    except SyntaxError as error:
        raise KaliError(f'{script} has a mistake in line {error.lineno}: {error.msg}.') from None
    except (OSError, ValueError) as error:
        raise KaliError(f'{script} cannot be read: {error}') from None
    return source.decode('utf-8', 'replace')


def destination(script: Path, output: Path | None) -> Path:
    """Where the archive goes: `output` is its path, or a folder for it."""
    if output is None:
        return script.with_suffix('.pyz')
    if output.suffix == '.pyz' and not output.is_dir():
        return output
    if output.is_dir() or not output.suffix:
        return output / script.with_suffix('.pyz').name
    raise KaliError(f'{output}: what is packed has a name that ends with .pyz.')


def _trees(files: list[Path]) -> Iterator[ast.AST]:
    for path in files:
        try:
            yield ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):
            continue  # of a file that nobody imports, as it seems


def _resources(files: list[Path]) -> Iterator[str]:
    """What the modules name by `resource('…')`."""
    for tree in _trees(files):
        for node in ast.walk(tree):
            if (isinstance(node, ast.Call) and len(node.args) == 1 and isinstance(node.args[0], ast.Constant)
                    and getattr(node.func, 'attr', getattr(node.func, 'id', '')) == 'resource'):
                yield str(node.args[0].value)


def imported(files: dict[str, Path]) -> set[str]:
    """The names of the packages and modules that some modules import."""
    found: set[str] = set()
    for tree in _trees([path for path in files.values() if path.suffix in ('.py', '.pyw')]):
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module)
    return {name.split('.')[0] for name in found}


def _package(folder: Any, prefix: str) -> Iterator[tuple[str, bytes]]:
    """All files of kali, wherever it is imported from."""
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            if entry.name != '__pycache__':
                yield from _package(entry, f'{prefix}/{entry.name}')
        elif not entry.name.endswith('.pyc'):
            yield f'{prefix}/{entry.name}', entry.read_bytes()


def _launchers(script: Path, path: Path, source: str) -> Iterator[Path]:
    """Write the launchers beside the archive."""
    for ending, text in LAUNCHERS.items():
        _write(path.with_suffix(ending), text.encode())
        yield path.with_suffix(ending)
    names = [*ICON.findall(source), *(name + ending for name in (script.stem, 'icon') for ending in ICONS)]
    icon = next((file for name in names if (file := script.parent / name).is_file()), None)
    if icon is None:
        icon = path.with_suffix('.svg')
        _write(icon, importlib.resources.files('kali').joinpath('pages/icon.svg').read_bytes())
    elif icon.parent.resolve() != path.parent.resolve():
        copy = path.with_suffix(icon.suffix)
        _write(copy, icon.read_bytes())
        icon = copy
    named = guessed(source).get('app_id')
    entry = desktop_entry(path.stem.replace('_', ' ').capitalize(), ['python3', str(path.resolve())],
                          str(icon.resolve()), application_id(named) if named else script_id(str(script)))
    _write(path.with_suffix('.desktop'), entry.encode())
    yield path.with_suffix('.desktop')


def _write(path: Path, data: bytes) -> None:
    """Write a file, whole or not at all, that its owner can run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f'{path.name}.{os.getpid()}')
    try:
        part.write_bytes(data)
        part.chmod(0o755)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
