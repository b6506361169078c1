"""`python tests/run_script.py PORT SCRIPT [arguments]`: runs a kali script as its author would.

The script is not touched. It ends in `serve_http(app)`, and only that call is given `port=PORT` and
`start=None` (no window, no launch key). The `serve` fixture of conftest.py starts this file.
"""

from __future__ import annotations

import functools
import runpy
import sys
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def on_port(serve_http: Callable[..., None], port: int) -> Callable[..., None]:
    """`serve_http` that listens on `port` and opens no window, whatever the script says."""

    @functools.wraps(serve_http)
    def serve(*arguments: object, **options: object) -> None:
        serve_http(*arguments, **{**options, 'port': port, 'start': None})

    return serve


def main(port: int, script: str, *arguments: str) -> None:
    sys.path[0] = str(Path(__file__).resolve().parent.parent)  # instead of the tests folder: there is kali
    import kali  # only now can it be found

    kali.serve_http = on_port(kali.serve_http, port)
    sys.argv = [script, *arguments]
    runpy.run_path(script, run_name='__main__')


if __name__ == '__main__':
    main(int(sys.argv[1]), *sys.argv[2:])
