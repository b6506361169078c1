"""Looks for mistakes in the templates of a folder, and prints each as `file:line:column: message`.

Ends with 1 if there is any.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from kali.templates.folder import check

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def arguments(parser: ArgumentParser) -> None:
    """What may stand on the command line."""
    parser.add_argument('folder', type=Path, help='the folder, or one that holds such folders')
    parser.add_argument('--extension', default='.tpl', help="what the files' names end with (%(default)s)")
    parser.add_argument('--filter', action='append', default=[], metavar='NAME',
                        help="a filter of the application's own; may be given again")


def run(options: Namespace) -> int:
    """Print the mistakes; 1 if there is any."""
    folder, extension = options.folder, options.extension
    if not folder.is_dir():
        print(f'{folder} is no folder.', file=sys.stderr)
        return 2
    if not any(folder.rglob('*' + extension)):
        print(f'There is no template *{extension} in {folder}.', file=sys.stderr)
        return 2
    mistakes = check(folder, extension, dict.fromkeys(options.filter, str))
    print(*mistakes, sep='\n', end='\n' if mistakes else '')
    return 1 if mistakes else 0
