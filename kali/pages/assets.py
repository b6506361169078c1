"""The files that kali serves itself, under the reserved path `/.kali/`: its style sheet and its scripts; and
the script that removes a service worker of another program.
"""

from __future__ import annotations

import os

from kali.errors import KaliError
from kali.http.response import Response, as_response
from kali.version import __version__

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from typing import Any

    from kali.http.request import Request
    from kali.http.response import Handler

__all__ = ['PREFIX', 'asset', 'remove_worker', 'worker_script']

PREFIX = '/.kali/'
NAMES = ('icon.svg', 'kali.css', 'kali.js', 'keys.js', 'live.js', 'records.js', 'reload.js', 'undo.js',
         'window.js')

_REMOVE_WORKER = """addEventListener('install', () => skipWaiting());
addEventListener('activate', (event) => event.waitUntil((async () => {
  await registration.unregister();
  for (const page of await clients.matchAll({ type: 'window' })) page.navigate(page.url);
})()));
"""


def asset(request: Request) -> Response:
    """The answer to a request below `/.kali/`."""
    name = request.target[len(PREFIX):].partition('?')[0]
    if name == 'keys':
        from kali.pages.keys import keys_list  # when somebody asks for it
        return keys_list(request)
    if name not in NAMES:
        return Response.generic('<p>Kali has no such file.</p>', status=404)
    if request.method not in ('GET', 'HEAD'):
        return Response.generic(status=405, headers={'Allow': 'GET, HEAD'})
    content = _read(name)
    from zlib import crc32  # these two are for programs that show pages

    from kali.http.files import packaged_answer  # likewise
    # Not the version alone: an author of kali edits the file and loads the page anew.
    status, headers, content = packaged_answer(content, name, f'{__version__}-{crc32(content):x}',
                                               request=request)
    return Response(content, status=status, headers=headers)


def _read(name: str) -> bytes:
    """A file beside this one, wherever that is: in a folder, or in a zip file that Python runs."""
    data: bytes = __spec__.loader.get_data(  # type: ignore[union-attr]  # the loader of files and of zip files
        os.path.join(os.path.dirname(__file__), name))  # noqa: PTH118, PTH120
    return data


def worker_script(request: Request, handler: Handler) -> Any:
    """The answer to a browser that wants the script of a service worker (`Service-Worker: script`).

    The application's own, if it has one there. Else the worker was left behind at this address by another
    program, and answers in its place for ever: it is given a script that removes it. (A 404 would leave it as
    it is. Source: Service Workers, "Update".)
    """
    try:
        answer = as_response(handler(request))
    except KaliError as error:
        if error.status >= 500:
            raise
        return remove_worker()
    head = answer if isinstance(answer, Response) else answer.response
    if head is None or head.status >= 500 or head.status == 304 or (
            head.status == 200 and 'javascript' in head.headers.get('Content-Type', '')):
        return answer
    return remove_worker()


def remove_worker() -> Response:
    """The script that has a service worker remove itself, and its pages load anew."""
    return Response(_REMOVE_WORKER, headers={
        'Content-Type': 'text/javascript; charset=utf-8', 'Cache-Control': 'no-store',
        'Service-Worker-Allowed': '/'})  # its script may lie deeper than the pages that it answers for
