"""Opens an SQLite database, or a CSV file, in a window: its tables, to look at, search, change and print.

A CSV or TSV file becomes a table in a new database, NAME.sqlite, beside it; the file itself stays as it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kali.desktop.folders import data_dir, script_id
from kali.desktop.serve import serve_http
from kali.records.opening import open_file

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def arguments(parser: ArgumentParser) -> None:
    """What may stand on the command line."""
    parser.add_argument('file', type=Path, help='the database, or the CSV or TSV file')
    parser.add_argument('--read-only', action='store_true', help='so that nothing can be changed')
    parser.add_argument('--port', type=int, help='the port to begin with')
    parser.add_argument('--no-window', action='store_true', help='only serve it')


def run(options: Namespace) -> None:
    """Open it; a file that cannot be opened is a KaliError."""
    app_id = script_id(str(options.file))
    records = open_file(options.file, lambda: data_dir(app_id), read_only=options.read_only)
    window: dict[str, Any] = {'start': None} if options.no_window else {}
    try:
        serve_http(records, app_id=app_id, port=options.port, **window)
    finally:
        records.connection.close()
