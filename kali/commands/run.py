"""Runs a script, or an application of kali, WSGI or ASGI as a desktop program.

    python -m kali run shop.py            as `python shop.py` does
    python -m kali run shop:app           the application `app` of a module; also shop.py:app
    python -m kali run shop.py --reload   start it anew after each change; errors are shown in its window
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kali.errors import KaliError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def arguments(parser: ArgumentParser) -> None:
    """What may stand on the command line."""
    parser.add_argument('target', metavar='FILE', help='a script, or MODULE:APP such as shop:app')
    parser.add_argument('arguments', nargs='*', metavar='ARGUMENT',
                        help='for the script; those that begin with a dash come after --')
    parser.add_argument('--reload', action='store_true', help='start it anew after each change')
    served = parser.add_argument_group('for MODULE:APP')
    served.add_argument('--as', dest='kind', choices=('kali', 'wsgi', 'asgi'), help='if that cannot be told')
    served.add_argument('--port', type=int, help='the port to begin with')
    served.add_argument('--no-window', action='store_true', help='only serve it')
    parser.add_argument('--joined', action='store_true', help='(how --reload starts the program)')


def run(options: Namespace) -> int:
    """Run what `options.target` names."""
    if options.reload:
        return _reload(options)
    if not options.joined:
        return _run(options) or 0
    from kali.desktop.reloading import join, reported  # for --reload only
    return reported(join(), lambda: _run(options))


def _is_script(options: Namespace) -> bool:
    return Path(options.target).suffix in ('.py', '.pyw')


def _run(options: Namespace) -> int:
    if _is_script(options):
        if options.kind or options.port is not None or options.no_window:
            raise KaliError('--as, --port and --no-window are for MODULE:APP: a script says in serve_http(…) '
                            'what it wants.')
        _expect_file(options)
        from kali.desktop.script import run_script  # an application is loaded otherwise
        run_script(options.target, options.arguments)
        return 0
    from kali.desktop.serve import serve_http  # a script brings what it needs itself
    from kali.interop.loading import loaded  # likewise
    if options.arguments:
        raise KaliError(f'{options.target} is no script, and takes no arguments: {options.arguments[0]!r} is '
                        'one too many.')
    found = loaded(options.target, options.kind)
    serve_http(found.handler, **_wishes(options, found.app_id))
    return 0


def _wishes(options: Namespace, app_id: str) -> dict[str, Any]:
    port = {} if options.port is None else {'port': options.port}
    return {'app_id': app_id, **port, **({'start': None} if options.no_window else {})}


def _expect_file(options: Namespace) -> None:
    if not Path(options.target).is_file():
        raise KaliError(f'There is no file {options.target}.')


def _reload(options: Namespace) -> int:
    from kali.desktop.folders import script_id  # these three are for --reload only
    from kali.desktop.reloader import Reloader, Watch, guessed  # likewise
    from kali.interop.loading import app_id_of  # likewise
    target = Path(options.target)
    if _is_script(options):
        _expect_file(options)
        folder, name = target.resolve().parent, target.name
        wishes = {'app_id': script_id(options.target),
                  **guessed(target.read_text(encoding='utf-8', errors='replace'))}
    else:
        folder, name = Path.cwd(), options.target
        wishes = _wishes(options, app_id_of(options.target))
    given = [('--as', options.kind), ('--port', options.port)]
    command = [sys.executable, '-m', 'kali', 'run', '--joined',
               *(f'{name}={value}' for name, value in given if value is not None),
               *(['--no-window'] if options.no_window else []), options.target, '--', *options.arguments]
    return Reloader(command, name, Watch(folder), wishes).run()
