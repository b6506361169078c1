"""The commands of `python -m kali`: one module each, and the table of them.

A command is a module with two functions: `arguments(parser)` says what may stand on the command line, and
`run(options)` does it and returns the exit code. A new command is such a module and a row in the table;
what is more than a few lines stands in the room that it is about. A command that is not used is not loaded.
"""

from __future__ import annotations

import argparse
import importlib
import sys

from kali.errors import KaliError
from kali.templates.syntax import nearest
from kali.version import __version__

__all__ = ['COMMANDS', 'main']

#: Name -> what it does, in a line. The module is `kali.commands.NAME`.
COMMANDS = {
    'new': 'make a program to begin with',
    'demo': 'run an example, or the gallery of all of them',
    'pack': 'make one file of a script and all that belongs to it',
    'run': 'run a script, or an application of kali, WSGI or ASGI',
    'open': 'open an SQLite database, or a CSV file, with lists, forms and search',
    'docs': 'open the handbook',
    'check': 'look for mistakes in the templates of a folder',
}


def main(arguments: list[str]) -> int:
    """Run the command that `arguments` name, and return the exit code; without one, print what there is.

    A mistake in the arguments of a command and its `--help` raise SystemExit, as argparse does.

    >>> main(['check', 'templates'])
    0
    """
    name, *rest = arguments or ['--help']
    if name in ('--help', '-h', 'help'):
        print(_usage())
        return 0
    if name == '--version':
        print(f'kali {__version__}')
        return 0
    if name not in COMMANDS:
        print(f'There is no command {name!r}{nearest(name, COMMANDS)}.\n\n{_usage()}', file=sys.stderr)
        return 2
    command = importlib.import_module(f'kali.commands.{name}')
    parser = argparse.ArgumentParser(f'python -m kali {name}', description=command.__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    command.arguments(parser)
    own, after = rest, []
    if '--' in rest:  # what follows is for a script, whatever it looks like
        own, after = rest[:rest.index('--')], rest[rest.index('--') + 1:]
    options = parser.parse_intermixed_args(own)  # options may stand anywhere
    if after and 'arguments' not in options:
        parser.error(f'{name} starts no script, which {after[0]!r} could be for')
    if after:
        options.arguments += after
    try:
        return int(command.run(options) or 0)
    except KaliError as error:  # a sentence for the person at the keyboard
        from kali.handbook.pages import about  # only an error needs it
        page = about(error)
        print(error, *[f'(python -m kali docs {page})'] if page else [], file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # Ctrl-C
        return 130


def _usage() -> str:
    rows = '\n'.join(f'    {name:<8}{what}' for name, what in COMMANDS.items())
    return (f'usage: python -m kali COMMAND …\n\nDesktop applications in one script.\n\ncommands:\n{rows}\n\n'
            'python -m kali COMMAND --help says more about one command; python -m kali --version, which kali '
            'this is.')
