"""`python3 tests [pytest's arguments]`: sets itself up, then runs every test and returns pytest's exit code.

Only the standard library is used, because nothing is installed yet. What the tests need stands in
pyproject.toml as the extra `test`; it goes into an environment of its own, tests/.venv-X.Y, which is made
anew when that list or Python changes. The tests run in several processes, one for each core.
"""

import sys

del sys.path[0]  # the tests folder: tests/http would stand in the way of the standard http
if sys.version_info < (3, 10):  # noqa: UP036 - an older Python gets a sentence here
    sys.exit('The tests need Python 3.10 or newer, and this is Python {}.{}.'.format(*sys.version_info[:2]))

import ast
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / 'tests' / f'.venv-{sys.version_info.major}.{sys.version_info.minor}'
PYTHON = VENV / ('Scripts/python.exe' if os.name == 'nt' else 'bin/python')
STAMP = VENV / 'made-for'


def requirements(pyproject: str) -> list[str]:
    """What the extra `test` lists."""
    # tomllib came with 3.11; an array of plain strings is a Python list as well
    section = pyproject.partition('[project.optional-dependencies]')[2]
    array = re.search(r'^test\s*=\s*(\[.*?^\])', section, re.MULTILINE | re.DOTALL)
    if array is None:
        sys.exit('pyproject.toml has no list `test` under [project.optional-dependencies].')
    return list(ast.literal_eval(array[1]))


def fingerprint(wanted: list[str]) -> str:
    """Changes whenever the environment has to be made anew."""
    return hashlib.sha256(repr((sys.version, sys.base_prefix, wanted)).encode()).hexdigest()


def make_environment(wanted: list[str]) -> None:
    """Make VENV with `wanted` in it, or end with a sentence that says what to do."""
    print(f'Making {VENV.relative_to(ROOT)} with {len(wanted)} packages for the tests …', flush=True)
    shutil.rmtree(VENV, ignore_errors=True)
    made = subprocess.run([sys.executable, '-m', 'venv', str(VENV)], capture_output=True, text=True)
    if made.returncode:
        shutil.rmtree(VENV, ignore_errors=True)
        sys.exit('This Python cannot make a virtual environment (on Debian: sudo apt install python3-venv).\n'
                 + made.stdout + made.stderr)
    # --only-binary: pip goes back to a version with a wheel for this Python, rather than look for a compiler.
    installed = subprocess.run(
        [str(PYTHON), '-m', 'pip', 'install', '--quiet', '--no-input', '--disable-pip-version-check',
         '--only-binary', ':all:', *wanted], capture_output=True, text=True)
    if installed.returncode:
        # Of pip's many lines the errors say it; those with addresses only say where packages would come from.
        said = [line for line in installed.stderr.splitlines()
                if line.startswith('ERROR:') and not re.search(r'://|host=', line)]
        sys.exit('\n'.join(['pip could not install what the tests need. Is there a network? '
                            'Once installed, the tests run without one.', *said]))


def spread(arguments: list[str]) -> list[str]:
    """What tells pytest-xdist to use all cores, a file of tests at a time; nothing where it does not fit."""
    alone = any(each.startswith(('-n', '--pdb', '--trace', '-s', '--collect-only')) or
                Path(each.partition('::')[0]).is_file() for each in arguments)
    return [] if alone else ['-n', 'auto', '--dist', 'loadfile']


def main(arguments: list[str]) -> int:
    wanted = requirements((ROOT / 'pyproject.toml').read_text(encoding='utf-8'))
    made_for = fingerprint(wanted)
    if not STAMP.is_file() or STAMP.read_text(encoding='utf-8') != made_for:
        make_environment(wanted)
        STAMP.write_text(made_for, encoding='utf-8')  # last: an environment without it is begun again
    try:
        return subprocess.run([str(PYTHON), '-m', 'pytest', *spread(arguments), *arguments],
                              cwd=ROOT).returncode
    except KeyboardInterrupt:  # pytest got it too, and has said so
        return 130


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
