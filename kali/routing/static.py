"""StaticFolder: the files of one folder as a handler, and nothing from outside it.

The folder checks a name before it asks the file system: a name that any system could read as something other
than a plain name in this folder does not exist. Then the real path must still lie inside, and be free of
hidden names; and the folder opens what lies along it without following links, so that a link that somebody
puts there meanwhile leads nowhere. What a file's response looks like is in `kali.http.files`. Sources:
Microsoft, "Naming Files, Paths, and Namespaces"; POSIX, openat().
"""

from __future__ import annotations

import os
import re
from stat import S_ISDIR, S_ISREG
from urllib.parse import quote

from kali.http.encoder import STRICT_POLICY
from kali.http.filenames import DEVICE
from kali.http.response import Response
from kali.markup import escape_text

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Iterator

    from kali.http.deferred import Deferred
    from kali.http.request import Request

__all__ = ['StaticFolder']

# Control characters, separators, the colon of drives and streams, what Windows drops at the end of a name,
# and surrogates in place of bytes that are no UTF-8, which no URL can name.
_UNSAFE = re.compile('[\x00-\x1f\x7f/\\\\:\ud800-\udfff]|[. ]$')
# Names that begin with a dot or an underscore, also behind characters that HFS+ ignores.
_HIDDEN = re.compile('[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]*(?:[._]|$)')

# Whether a path can be walked name by name, no links followed (not so on Windows).
WALKS = os.open in os.supports_dir_fd and hasattr(os, 'O_NOFOLLOW')
# XML can run scripts, though people take it for pictures or data: such a document gets an origin of its own.
_SANDBOX = "sandbox; default-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"
_SANDBOXED = re.compile(r'application/xml|(?!application/xhtml)[a-z]+/.*\+xml')
# What a page may show or play of a folder of foreign files, and what cannot do anything there.
_PASSIVE = re.compile('image/(?!svg)|audio/|video/|text/plain|application/pdf')
_ANY_BYTES = 'application/octet-stream'


class StaticFolder:
    """A handler that shows the files of a folder; mount it with `Router.delegate_folder`.

    :param path: the folder; names in it that begin with a dot or an underscore stay hidden
    :param download: True, for folders of foreign files, has the browser save every file instead of showing
        it, and run none of them as a script or style of a page
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
        found = self._open(names)
        if found is None:
            return _missing(request)
        if not S_ISDIR(found.mode):
            if is_folder:
                found.close()
                return _missing(request)
            return self._file(request, names[-1], found)
        try:
            if is_folder:
                return self._folder(request, names, found)
        finally:
            found.close()
        return Response.redirect(request.app_url([*names, ''], request.query))

    def _inside(self, names: list[str]) -> list[str] | None:
        """The names that lead to the same place without links; None if it is hidden or not in this folder."""
        root = self.root.rstrip(os.sep)
        real = os.path.realpath(os.path.join(self.root, *names))  # noqa: PTH118
        if real == self.root:
            return []
        if not real.startswith(root + os.sep):
            return None
        # Not only a link can lead to a hidden name: on Windows GIT~1 may be another name of .git.
        parts = real[len(root) + 1:].split(os.sep)  # noqa: PTH206
        return None if any(map(_is_hidden, parts)) else parts

    def _open(self, names: list[str]) -> _Found | None:
        """The file or folder that `names` lead to, for reading; None if there is none."""
        parts = self._inside(names)
        if parts is None:
            return None
        try:
            found = _walk(self.root, parts) if WALKS else self._jump(names, parts)
        except OSError:
            return None
        if found is not None and not (S_ISREG(found.mode) or S_ISDIR(found.mode)):
            found.close()  # a pipe or a device
            return None
        return found

    def _jump(self, names: list[str], parts: list[str]) -> _Found | None:
        """Open in one go, then check again that it is what it should be."""
        path = os.path.join(self.root, *parts)  # noqa: PTH118
        status = os.stat(path)  # noqa: PTH116
        if S_ISDIR(status.st_mode):
            return _Found(path, status)  # Windows opens no folders
        handle = os.open(path, os.O_RDONLY | _BINARY | _DONT_WAIT)
        found = _Found(handle, os.fstat(handle))
        if self._inside(names) == parts and os.path.samestat(os.stat(path), found.status):  # noqa: PTH116
            return found
        found.close()
        return None

    def _file(self, request: Request, name: str, found: _Found) -> Response | Deferred:
        from kali.http.files import content_type_of, file_answer  # its table is for programs that send files
        kind = content_type_of(name)
        if self.download and not _PASSIVE.match(kind):
            kind = _ANY_BYTES
        assert isinstance(found.handle, int)  # only a folder may be a path
        file = open(found.handle, 'rb')  # noqa: SIM115, PTH123  # closed by file_answer, or once all is read
        status, headers, content = file_answer(name, request=request, content_type=kind,
                                               download=self.download, file=file)
        if _SANDBOXED.fullmatch(kind):
            headers['Content-Security-Policy'] = _SANDBOX
        if isinstance(content, bytes):
            return Response(content, status=status, headers=headers)
        return Response.stream(content, status=status, headers=headers)

    def _folder(self, request: Request, names: list[str], found: _Found) -> Response | Deferred:
        index = self._open([*names, 'index.html'])
        if index is not None:
            if S_ISREG(index.mode):
                return self._file(request, 'index.html', index)
            index.close()
        try:
            shown = sorted(self._shown(names, found))
        except OSError:  # it may not be looked into, or has just gone
            return _missing(request)
        lines = ['<li><a href="../">../</a></li>\n'] if names else []
        for is_file, _, name in shown:
            slash = '' if is_file else '/'
            href = './' + escape_text(quote(name)) + slash
            lines.append(f'<li><a href="{href}">{escape_text(name)}{slash}</a></li>\n')
        title = 'Folder /' + '/'.join([*request.path[:request.mount_depth], *names, ''])
        return Response.generic(['<ul>\n', lines, '</ul>'], title=title,
                                headers={'Content-Security-Policy': STRICT_POLICY})

    def _shown(self, names: list[str], found: _Found) -> Iterator[tuple[bool, str, str]]:
        """Whether it is a file, sort key, and name, of all that is in a folder and may be seen."""
        with os.scandir(found.handle) as entries:
            for entry in entries:
                try:
                    is_file = entry.is_file()
                    is_shown = (is_file or entry.is_dir()) and not _is_hidden(entry.name)
                    if is_shown and entry.is_symlink():
                        is_shown = self._inside([*names, entry.name]) is not None
                except OSError:  # a link to itself
                    continue
                if is_shown:
                    yield is_file, entry.name.lower(), entry.name


class _Found:
    """What was found and opened: a descriptor, or on Windows the path of a folder; and its status."""

    __slots__ = ('handle', 'mode', 'status')

    def __init__(self, handle: int | str, status: os.stat_result) -> None:
        self.handle, self.status, self.mode = handle, status, status.st_mode

    def close(self) -> None:
        if isinstance(self.handle, int):
            os.close(self.handle)


_BINARY: int = getattr(os, 'O_BINARY', 0)  # or Windows would change line ends
_DONT_WAIT: int = getattr(os, 'O_NONBLOCK', 0)  # for the other end of a pipe that stands where a file was
_PATH: int = getattr(os, 'O_PATH', os.O_RDONLY)  # a folder on the way need not be readable


def _walk(root: str, parts: list[str]) -> _Found:
    """Open what lies at `parts` below `root` without following any link.

    :raises OSError: if there is no such thing, or a link stands where a name should.
    """
    handle = os.open(root, (_PATH if parts else os.O_RDONLY) | os.O_DIRECTORY)
    for index, part in enumerate(parts):
        is_last = index == len(parts) - 1
        flags = os.O_RDONLY | _DONT_WAIT if is_last else _PATH | os.O_DIRECTORY
        try:
            below = os.open(part, flags | os.O_NOFOLLOW, dir_fd=handle)
        finally:
            os.close(handle)
        handle = below
    return _Found(handle, os.fstat(handle))


def _is_hidden(name: str) -> bool:
    return bool(_HIDDEN.match(name) or _UNSAFE.search(name) or DEVICE.match(name))


def _missing(request: Request) -> Response:
    return Response.generic(f'<p>There is no file at {escape_text(request.target)}.</p>', status=404)
