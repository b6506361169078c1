"""Bundling: a folder with a program and a Python of its own, for computers that have none, by PyInstaller.

It is no single file, which would be unpacked at each start: that is slow, and virus scanners suspect it.
Source: https://pyinstaller.org/en/stable/
"""

from __future__ import annotations

import os
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from kali.desktop.folders import script_id
from kali.desktop.hooks import folders
from kali.desktop.packing import destination, imported, members, read_script
from kali.errors import KaliError

__all__ = ['bundle']

# Runs before the script, in its module. What multiprocessing starts is the program again, with arguments.
FIRST = """import sys
__app_id__ = {app_id!r}
if {{'--multiprocessing-fork', '-c'}} & set(sys.argv):
    import multiprocessing
    multiprocessing.freeze_support()
"""
WITHOUT = {'psycopg', 'pytest', 'tkinter', 'webview'}  # unless the program asks for it


def bundle(script: Path, output: Path | None = None) -> Path:
    """Make a folder of the script's name that runs where no Python is; returns the program in it.

    :param output: the folder for that folder; `dist` beside the script unless given
    :raises KaliError: if that cannot be done, PyInstaller is not installed, or it fails
    """
    read_script(script)
    try:
        run = import_module('PyInstaller.__main__').run  # the extra `pack`
    except ImportError:
        raise KaliError('PyInstaller is not installed: python -m pip install "kali[pack]"') from None
    output = destination(script, output).parent if output is not None else script.parent / 'dist'
    files = members(script)
    with tempfile.TemporaryDirectory() as work:
        first = Path(work, 'first.py')
        first.write_text(FIRST.format(app_id=script_id(str(script))), encoding='utf-8')
        arguments = ['--onedir', '--windowed', '--noconfirm', '--log-level=ERROR', f'--name={script.stem}',
                     f'--distpath={output.resolve()}', f'--workpath={work}', f'--specpath={work}',
                     f'--paths={script.resolve().parent}',
                     f'--paths={Path(__file__).resolve().parents[2]}',
                     *(f'--additional-hooks-dir={folder}' for folder in folders()),
                     *(f'--exclude-module={name}' for name in sorted(WITHOUT - imported(files))),
                     *_data(files),
                     f'--add-data={script.resolve()}{os.pathsep}.']  # for what multiprocessing starts
        try:
            run([*arguments, str(first), str(script.resolve())])
        except (SystemExit, Exception) as error:
            raise KaliError(f'PyInstaller has failed: {error}') from error
    return output / script.stem / (script.stem + ('.exe' if sys.platform == 'win32' else ''))


def _data(files: dict[str, Path]) -> list[str]:
    """What is to lie beside the script; its modules are found by what it imports."""
    return [f'--add-data={path}{os.pathsep}{Path(name).parent.as_posix()}' for name, path in files.items()
            if '/' in name or path.suffix not in ('.py', '.pyw')]
