"""Opens the handbook in the browser, without a network.

With some words it opens the page of that name, the page about an error message, or a search:
python -m kali docs forms; python -m kali docs decimal comma
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from kali.desktop.serve import serve_http
from kali.handbook.app import handbook, place_for

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def arguments(parser: ArgumentParser) -> None:
    """What may stand on the command line."""
    parser.add_argument('words', nargs='*', help='a page, an error message, or what to look for')


def run(options: Namespace) -> None:
    """Serve the handbook until its last window is closed; a second start opens a window of the first."""
    place = place_for(' '.join(options.words))
    # For the first start. Behind a `?` it is no file's name; "templates" could be, and would become a path.
    sys.argv[1:] = [f'?{place}']
    serve_http(handbook, app_id='kali-handbook', start=f'/{place}', window='tab',
               on_open=lambda arguments: arguments[0].replace('?', '/', 1))
