"""Makes a program to begin with: a folder NAME with NAME.py, templates, migrations, and a test."""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import importlib.util
import keyword
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kali.errors import KaliError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

# No file can have such a name on Windows. Source: Microsoft, "Naming Files, Paths, and Namespaces".
DEVICES = re.compile('(con|prn|aux|nul|com[0-9]|lpt[0-9])', re.IGNORECASE)
NEXT = """{folder} is there. Next:

    cd {folder}
    python {name}.py
    python -m kali run {name}.py --reload   (starts it anew after each change)
    python -m pytest"""
NOT_INSTALLED = """
kali itself is not installed. So that Python finds it in other folders: python -m pip install -e "{}\""""


def arguments(parser: ArgumentParser) -> None:
    """What may stand on the command line."""
    parser.add_argument('name', metavar='NAME', help='letters, digits and _, as for a module of Python')


def run(options: Namespace) -> None:
    """Make the folder, and say what comes next."""
    name = options.name
    if reason := _refusal(name):
        raise KaliError(reason)
    folder = Path(name)
    title = name.replace('_', ' ').strip().capitalize()
    try:
        folder.mkdir()
        for place, text in _files(importlib.resources.files('kali.commands').joinpath('skeleton')):
            path = folder / place.replace('NAME', name).removesuffix('.txt')
            path.parent.mkdir(exist_ok=True)
            path.write_text(text.replace('NAME', name).replace('TITLE', title), encoding='utf-8')
    except OSError as error:
        if folder.is_dir():
            shutil.rmtree(folder, ignore_errors=True)  # half a program helps nobody
        raise KaliError(f'The folder {name} cannot be made in {Path.cwd()}: {error.strerror}.') from error
    print(NEXT.format(folder=folder, name=name))
    try:
        importlib.metadata.distribution('kali')
    except importlib.metadata.PackageNotFoundError:
        print(NOT_INSTALLED.format(Path(__file__).resolve().parents[2]))


def _refusal(name: str) -> str:
    """Why no program can have that name; '' if it can."""
    if os.path.lexists(name):
        kind = 'folder' if Path(name).is_dir() else 'file'
        return f'There is a {kind} {name} here already; take another name.'
    if not name.isidentifier() or keyword.iskeyword(name) or DEVICES.fullmatch(name) or len(name) > 60:
        like = re.sub(r'\W+', '_', name).strip('_').lower()[:40]
        if not like.isidentifier() or keyword.iskeyword(like) or DEVICES.fullmatch(like):
            like = f'my_{like or "program"}'
        return (f'{name!r} cannot be the name of a program: it becomes a module of Python, so it has up to '
                '60 letters, digits and _, and is neither a word of Python nor a device of Windows. '
                f'{like!r} could be.')
    if importlib.util.find_spec(name) is not None:
        return (f'There is a module {name} already, which a program of that name would hide; take another '
                f'name, such as my_{name}.')
    return ''


def _files(folder: Any, before: str = '') -> Iterator[tuple[str, str]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _files(entry, f'{before}{entry.name}/')
        else:
            yield before + entry.name, entry.read_text(encoding='utf-8')
