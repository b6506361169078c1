"""Runs an application of kali, WSGI or ASGI as a desktop program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kali.desktop.serve import serve_http
from kali.interop.loading import loaded

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def arguments(parser: ArgumentParser) -> None:
    """What may stand on the command line."""
    parser.add_argument('target', metavar='MODULE:APP', help='such as shop:app, or shop.py:app')
    parser.add_argument('--as', dest='kind', choices=('kali', 'wsgi', 'asgi'), help='if that cannot be told')
    parser.add_argument('--port', type=int, help='the port to begin with')
    parser.add_argument('--no-window', action='store_true', help='only serve it')


def run(options: Namespace) -> int:
    """Serve the application that `options.target` names."""
    found = loaded(options.target, options.kind)
    port = {} if options.port is None else {'port': options.port}
    window: dict[str, Any] = {'start': None} if options.no_window else {}
    serve_http(found.handler, app_id=found.app_id, **port, **window)
    return 0
