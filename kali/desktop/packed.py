"""A packed program: what the `__main__.py` of a .pyz calls, which `python -m kali pack` has made.

All of the archive has been unpacked into the user's cache folder by then (unpack.py), and the script runs
there as it would anywhere else.
"""

from __future__ import annotations

import os
import sys
import traceback

from kali import log
from kali.desktop.script import run_script

__all__ = ['FOLDER', 'run']

FOLDER = 'program/'  # where the program's files are in the archive


def run(folder: str, script: str, app_id: str) -> None:
    """Run the program of an archive.

    :param folder: where it was unpacked
    :param script: its place below FOLDER
    :param app_id: its name, if the script gives it none: the archive may be moved
    """
    path = f'{folder}/{FOLDER}{script}'
    try:
        # What application_id and the desktop entry go by: the script lies in a folder for this version only.
        run_script(path, sys.argv[1:], __app_id__=app_id, __archive__=os.path.abspath(sys.argv[0]))  # noqa: PTH100
    except SystemExit as error:
        if isinstance(error.code, str):
            _show(script, error.code)
        raise
    except Exception:
        _show(script, traceback.format_exc())
        raise


def _show(script: str, text: str) -> None:
    """Show why the program did not start, where no console would."""
    from kali.desktop.window import has_screen  # only if it fails
    if log.has_console() or not has_screen():
        return
    from kali.desktop.serve import serve_http  # likewise
    from kali.http.response import Response  # likewise
    from kali.markup import escape_text  # likewise
    page = f'<pre>{escape_text(text)}</pre>'
    serve_http(lambda request: Response.generic(page, title=f'{script} does not start', status=500))
