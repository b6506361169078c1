"""A packed program: what the `__main__.py` of a .pyz calls, which `python -m kali pack` has made.

The program's files are put beside one another in the user's cache folder, and its script runs there as it
would anywhere else; kali itself is imported from the archive.
"""

from __future__ import annotations

import os
import sys
import traceback

from kali.desktop.script import run_script
from kali.desktop.unpack import unpacked

__all__ = ['FOLDER', 'run']

FOLDER = 'program/'  # where the program's files are in the archive


def run(script: str, app_id: str) -> None:
    """Run the program of the archive that runs.

    :param script: its place below FOLDER
    :param app_id: its name, if the script gives it none: the archive may be moved
    """
    main = sys.modules['__main__']
    main.__app_id__ = app_id  # type: ignore[attr-defined]  # see kali.desktop.folders
    archive = os.path.abspath(main.__loader__.archive)  # type: ignore[union-attr]  # noqa: PTH100  # zipimporter
    sys.path[0] = archive
    path = str(unpacked(archive, FOLDER) / FOLDER / script)
    try:
        run_script(path, sys.argv[1:], app_id)
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
    from kali.desktop.windows import has_console  # likewise
    if has_console() or not has_screen():
        return
    from kali.desktop.serve import serve_http  # likewise
    from kali.http.response import Response  # likewise
    from kali.markup import escape_text  # likewise
    page = f'<pre>{escape_text(text)}</pre>'
    serve_http(lambda request: Response.generic(page, title=f'{script} does not start', status=500))
