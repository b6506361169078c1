"""`python -m kali`: what kali can do from a command line.

One function a command, which returns the exit code; how it is done stands in the part of kali that
it is about.
"""

from __future__ import annotations

import argparse
import runpy
import sys
from pathlib import Path
from typing import Any

from kali.errors import KaliError
from kali.templates.folder import check
from kali.version import __version__

__all__ = ['main']

EXAMPLES = Path(__file__).resolve().parent.parent / 'examples'


def main(arguments: list[str]) -> int:
    """Run the command that `arguments` name, and return the exit code; without one, print what there is.

    A mistake in the arguments, `--help` and `--version` raise SystemExit, as argparse does.

    >>> main(['check', 'templates'])
    0
    """
    parser = argparse.ArgumentParser('python -m kali', description='Desktop applications in one script.')
    parser.add_argument('--version', action='version', version=f'kali {__version__}')
    parser.set_defaults(run=lambda options: parser.print_help())
    commands = parser.add_subparsers(title='commands', metavar='COMMAND')

    demo = commands.add_parser('demo', help='run an example, or the gallery of all of them')
    demo.add_argument('name', nargs='?', help='the example; the gallery if there is none')
    demo.set_defaults(run=lambda options: run_example(options.name))

    run = commands.add_parser('run', help='run an application of kali, WSGI or ASGI as a desktop program')
    run.add_argument('target', metavar='MODULE:APP', help='such as shop:app, or shop.py:app')
    run.add_argument('--as', dest='kind', choices=('kali', 'wsgi', 'asgi'), help='if that cannot be told')
    run.add_argument('--port', type=int, help='the port to begin with')
    run.add_argument('--no-window', action='store_true', help='only serve it')
    run.set_defaults(run=run_application)

    templates = commands.add_parser('check', help='look for mistakes in the templates of a folder')
    templates.add_argument('folder', type=Path, help='the folder, or one that holds such folders')
    templates.add_argument('--extension', default='.tpl', help="what the files' names end with (%(default)s)")
    templates.add_argument('--filter', action='append', default=[], metavar='NAME',
                           help="a filter of the application's own; may be given again")
    templates.set_defaults(
        run=lambda options: check_templates(options.folder, options.extension, options.filter))

    options = parser.parse_args(arguments)
    return options.run(options) or 0


def run_example(name: str | None) -> int:
    """Run the example `name` of the examples folder beside the package, through the launcher there."""
    if not (EXAMPLES / 'gallery.py').is_file():  # some other package may have an examples folder there
        print('The examples come with the source of kali, not with the installed package: get the source, '
              'and run ./demo.sh or demo.bat there.', file=sys.stderr)
        return 1
    sys.argv = [str(EXAMPLES), *([name] if name else [])]
    runpy.run_path(str(EXAMPLES), run_name='__main__')
    return 0


def run_application(options: argparse.Namespace) -> int:
    """Serve the application that `options.target` names; 1 if there is none."""
    from kali.desktop.serve import serve_http  # the other commands do without them
    from kali.interop.loading import loaded
    try:
        found = loaded(options.target, options.kind)
        port = {} if options.port is None else {'port': options.port}
        window: dict[str, Any] = {'start': None} if options.no_window else {}
        serve_http(found.handler, app_id=found.app_id, **port, **window)
    except KaliError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def check_templates(folder: Path, extension: str, filters: list[str]) -> int:
    """Print each mistake in the templates of `folder` as `file:line:column: message`; 1 if there is any."""
    if not folder.is_dir():
        print(f'{folder} is no folder.', file=sys.stderr)
        return 2
    if not any(folder.rglob('*' + extension)):
        print(f'There is no template *{extension} in {folder}.', file=sys.stderr)
        return 2
    mistakes = check(folder, extension, dict.fromkeys(filters, str))
    print(*mistakes, sep='\n', end='\n' if mistakes else '')
    return 1 if mistakes else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
