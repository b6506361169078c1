"""`python3 examples [NAME [arguments]]`: runs an example; the gallery of all of them if none is named.

An example is run as it stands, from any working directory, with the kali that lies beside this
folder, so that nothing has to be installed. demo.sh and demo.bat look for a Python and call this. It knows
no example by name: every file here without an underscore in front is one, and in the folders here each file
that serves something, as in `coming_from/kali_board`. With `--attached` in front, the example ends with its
standard input, and so with the program that started it.
"""

import sys

if sys.version_info < (3, 10):  # noqa: UP036 - an older Python gets a sentence here
    sys.exit('kali needs Python 3.10 or newer, and this is Python {}.{}.'.format(*sys.version_info[:2]))

import runpy
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def examples() -> dict[str, Path]:
    """The examples by name, those in this folder first."""
    found = {path.stem: path for path in sorted(FOLDER.glob('[!_]*.py'))}
    for path in sorted(FOLDER.glob('[!_.]*/[!_]*.py')):
        if b'serve_http(' in path.read_bytes():
            found[f'{path.parent.name}/{path.stem}'] = path
    return found


def main(arguments: list[str]) -> None:
    is_attached = arguments[:1] == ['--attached']
    name, *rest = arguments[is_attached:] or ['gallery']
    name, known = name.removesuffix('.py'), examples()
    if name not in known:
        there = ', '.join(each for each in known if '/' not in each)
        print(f'There is no example {name!r}. There are: {there}.', file=sys.stderr)
        sys.exit(2)
    sys.path[:1] = [str(FOLDER.parent), *([str(known[name].parent)] if '/' in name else [])]  # there is kali
    if is_attached:
        from kali.processes import end_with_input
        end_with_input()
    sys.argv = [str(known[name]), *rest]
    runpy.run_path(str(known[name]), run_name='__main__')


if __name__ == '__main__':
    main(sys.argv[1:])
