"""Runs an example; without a name, the gallery of all of them."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from kali.errors import KaliError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

EXAMPLES = Path(__file__).resolve().parents[2] / 'examples'


def arguments(parser: ArgumentParser) -> None:
    """What may stand on the command line."""
    parser.add_argument('name', nargs='?', help='the example; the gallery if there is none')


def run(options: Namespace) -> int:
    """Run the example through the launcher in the examples folder beside the package."""
    if not (EXAMPLES / 'gallery.py').is_file():  # some other package may have an examples folder there
        raise KaliError('The examples come with the source of kali, not with the installed package: get the '
                        'source, and run ./demo.sh or demo.bat there.')
    sys.argv = [str(EXAMPLES), *([options.name] if options.name else [])]
    runpy.run_path(str(EXAMPLES), run_name='__main__')
    return 0
