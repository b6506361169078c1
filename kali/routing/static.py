"""StaticFolder: the files of one folder as a handler, and nothing from outside it.

A name is looked at before the file system is asked: what any system could read as something else than a plain
name in this folder does not exist. Then the real path must still lie inside. What a file's response looks
like is in `kali.http.files`. Sources: the project's facts, static path; Microsoft, "Naming Files, Paths, and
Namespaces".
"""

from __future__ import annotations

import os
import re
from urllib.parse import quote

from kali.http.response import Response
from kali.markup import escape_text

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from kali.http.deferred import Deferred
    from kali.http.request import Request

__all__ = ['StaticFolder']

# Control characters, separators, drive and stream colons, what Windows drops at the end of a name, and the
# stand-ins for bytes that are no UTF-8, which no URL can name.
_UNSAFE = re.compile('[\x00-\x1f\x7f/\\\\:\ud800-\udfff]|[. ]$')
_DEVICE = re.compile(r'(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]) *(\..*)?$', re.IGNORECASE)


class StaticFolder:
    """A handler that shows the files of a folder; mount it with `Router.delegate_folder`.

    :param path: the folder; names in it that begin with a dot or an underscore stay hidden
    :param download: True has the browser save every file instead of showing it, for folders of foreign files
    :raises ValueError: if there is no such folder

    >>> import tempfile, pathlib
    >>> from kali.http.request import Request
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / 'note.txt').write_text('milk')
    >>> StaticFolder(folder)(Request('GET', '/note.txt')).content
    b'milk'
    """

    def __init__(self, path: str | os.PathLike[str], *, download: bool = False) -> None:
        self.root = os.path.realpath(path)
        self.download = download
        if not os.path.isdir(self.root):  # noqa: PTH112  # pathlib costs hello-world 8 ms
            raise ValueError(f'there is no folder {self.root} to show files from')

    def __call__(self, request: Request) -> Response | Deferred:
        """Answer with the file, the folder's index.html, or a listing of the folder."""
        if request.method not in ('GET', 'HEAD'):
            status, allow = (204 if request.method == 'OPTIONS' else 405), {'Allow': 'GET, HEAD, OPTIONS'}
            return Response.generic(status=status, headers=allow) if status == 405 else Response(
                b'', status=status, headers=allow)
        names = request.path_suffix()
        is_folder = not names or names[-1] == ''
        if is_folder:
            names = names[:-1]
        if any(map(_is_hidden, names)):
            return _missing(request)
        path = os.path.join(self.root, *names)  # noqa: PTH118
        if not self._contains(path):
            return _missing(request)
        if os.path.isdir(path):  # noqa: PTH112
            return self._folder(request, path, names) if is_folder else Response.redirect(
                request.app_url([*names, ''], request.query))
        if is_folder or not os.path.isfile(path):  # noqa: PTH113
            return _missing(request)
        return Response.file(path, request=request, download=self.download)

    def _contains(self, path: str) -> bool:
        """Whether `path`, all links followed, lies in this folder."""
        real = os.path.realpath(path)
        return real == self.root or real.startswith(self.root.rstrip(os.sep) + os.sep)

    def _folder(self, request: Request, path: str, names: list[str]) -> Response | Deferred:
        index = os.path.join(path, 'index.html')  # noqa: PTH118
        if os.path.isfile(index) and self._contains(index):  # noqa: PTH113
            return Response.file(index, request=request, download=self.download)
        try:
            names_in_it = os.listdir(path)  # noqa: PTH208
        except OSError:  # it may not be looked into, or has just gone
            return _missing(request)
        shown = []
        for name in names_in_it:
            full = os.path.join(path, name)  # noqa: PTH118
            is_file = os.path.isfile(full)  # noqa: PTH113
            if not _is_hidden(name) and self._contains(full) and (is_file or os.path.isdir(full)):  # noqa: PTH112
                shown.append((is_file, name.lower(), name))
        lines = ['<li><a href="../">../</a></li>\n'] if names else []
        for is_file, _, name in sorted(shown):
            slash = '' if is_file else '/'
            href = './' + escape_text(quote(name)) + slash
            lines.append(f'<li><a href="{href}">{escape_text(name)}{slash}</a></li>\n')
        title = 'Folder /' + '/'.join([*request.path[:request.mount_depth], *names, ''])
        return Response.generic(['<ul>\n', lines, '</ul>'], title=title)


def _is_hidden(name: str) -> bool:
    return name[:1] in ('', '.', '_') or bool(_UNSAFE.search(name) or _DEVICE.match(name))


def _missing(request: Request) -> Response:
    return Response.generic(f'<p>There is no file at {escape_text(request.target)}.</p>', status=404)
