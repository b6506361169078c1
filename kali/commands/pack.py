"""Packs a script into one file, NAME.pyz, which runs by a double click where there is Python 3.10 or newer.

kali and all that lies beside the script come along: modules, templates, migrations, pictures. Hidden files,
databases, backups, tests and virtual environments do not. Launchers of the same name stand beside it: for
Linux (.desktop, for this place), macOS (.command), and Windows (.vbs, without a console, which calls .bat).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kali.desktop.packing import pack

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def arguments(parser: ArgumentParser) -> None:
    """What may stand on the command line."""
    parser.add_argument('file', type=Path, help='the script')
    parser.add_argument('-o', '--output', type=Path, metavar='PATH',
                        help='the file to write, or a folder for it; beside the script unless given')
    parser.add_argument('--onedir', action='store_true',
                        help='make a folder with a Python of its own instead, by PyInstaller (kali[pack]); '
                        'it runs on computers like this one')


def run(options: Namespace) -> None:
    """Pack it, and say what came of it."""
    if options.onedir:
        from kali.desktop.bundling import bundle  # for this kind only
        print(f'{bundle(options.file, options.output)}: give away the whole folder that it is in')
        return
    packed = pack(options.file, options.output)
    size = packed.path.stat().st_size
    print(f'{packed.path}: kali and {packed.number} files, {size / 1e6:.1f} MB')
    print('Launchers: ' + ', '.join(path.name for path in packed.launchers))
    if packed.missing:
        print(f'Not in it, and to be installed where it runs: {", ".join(packed.missing)}')
