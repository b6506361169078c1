"""`python3 examples [NAME [arguments]]`: runs an example; the gallery of all of them if none is named.

An example is run as it stands, from any working directory, with the kali that lies beside this
folder, so that nothing has to be installed. demo.sh and demo.bat look for a Python and call this. It knows
no example by name: every file here without an underscore in front is one.
"""

import sys

if sys.version_info < (3, 10):  # noqa: UP036 - an older Python gets a sentence here
    sys.exit('kali needs Python 3.10 or newer, and this is Python {}.{}.'.format(*sys.version_info[:2]))

import runpy
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def main(arguments: list[str]) -> None:
    name, *rest = arguments or ['gallery']
    known = sorted(path.stem for path in FOLDER.glob('[!_]*.py'))
    name = name.removesuffix('.py')
    if name not in known:
        print(f'There is no example {name!r}. There are: {", ".join(known)}.', file=sys.stderr)
        sys.exit(2)
    script = str(FOLDER / f'{name}.py')
    sys.path[0] = str(FOLDER.parent)  # instead of this folder: there is kali
    sys.argv = [script, *rest]
    runpy.run_path(script, run_name='__main__')


if __name__ == '__main__':
    main(sys.argv[1:])
