"""The files that kali serves itself, under the reserved path `/.kali/`: its style sheet and its scripts."""

from __future__ import annotations

import os

from kali.http.response import Response

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from kali.http.deferred import Deferred
    from kali.http.request import Request

__all__ = ['PREFIX', 'asset']

PREFIX = '/.kali/'
NAMES = ('kali.css', 'kali.js', 'undo.js')


def asset(request: Request) -> Response | Deferred:
    """The answer to a request below `/.kali/`."""
    name = request.target[len(PREFIX):].partition('?')[0]
    if name not in NAMES:
        return Response.generic('<p>Kali has no such file.</p>', status=404)
    if request.method not in ('GET', 'HEAD'):
        return Response.generic(status=405, headers={'Allow': 'GET, HEAD'})
    return Response.file(os.path.join(os.path.dirname(__file__), name), request=request)  # noqa: PTH118, PTH120
