"""Spool: a body that is too large for memory, in a temporary file without a name; and saving such a body.

As far as `len`, `find` and slices go it reads like bytes, so that the grammar of multipart is written once,
for both. A Spool never holds more than a block in memory; a slice is as long as its caller wants it.
"""

from __future__ import annotations

import io
import os

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, BinaryIO

__all__ = ['IN_MEMORY', 'Spool', 'pieces_of', 'reader', 'save']

IN_MEMORY = 1 << 20  # bytes of a body that are kept in memory; of a larger one, none
BLOCK = 1 << 16  # bytes read at a time


class Spool:
    """Bytes in a temporary file, which is gone once it is closed.

    :raises OSError: here or in `append`, if there is no room for it, or no file descriptor

    >>> spool = Spool(b'some text')
    >>> spool.append(b', and more')
    >>> len(spool), spool.find(b'text'), spool[-4:]
    (19, 5, b'more')
    >>> spool.close()
    """

    __slots__ = ('_begin', '_block', '_file', '_size')

    def __init__(self, content: bytes | bytearray = b'') -> None:
        from tempfile import TemporaryFile  # only large bodies need it, and it brings random and hashlib
        self._file = TemporaryFile()  # noqa: SIM115  # closed by close()
        self._size = self._begin = 0
        self._block = b''  # the part of it that begins at `_begin`: for a search that goes on near the last
        try:
            self.append(content)
        except OSError:
            self.close()
            raise

    def append(self, content: bytes | bytearray) -> None:
        """Put `content` at the end."""
        self._block = b''
        self._file.seek(self._size)
        self._file.write(content)
        self._size += len(content)

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, where: slice) -> bytes:
        start, stop, _ = where.indices(self._size)
        begin = self._begin
        if begin <= start and stop <= begin + len(self._block):
            return self._block[start - begin:max(start, stop) - begin]
        return self._read(start, stop - start)

    def find(self, needle: bytes, start: int = 0, stop: int | None = None) -> int:
        """Where `needle` (much shorter than a block) is found first between `start` and `stop`, or -1."""
        stop = self._size if stop is None else min(stop, self._size)
        while start + len(needle) <= stop:
            if not self._begin <= start <= self._begin + len(self._block) - len(needle):
                self._begin, self._block = start, self._read(start, BLOCK)
            found = self._block.find(needle, start - self._begin, stop - self._begin)
            if found >= 0:
                return self._begin + found
            start = self._begin + len(self._block) - len(needle) + 1
        return -1

    def _read(self, start: int, size: int) -> bytes:
        if self._file.closed:
            raise ValueError('the upload is gone: its request is over. To keep it, save(path) it, or take '
                             'its content, before the request is answered')
        self._file.seek(start)
        return self._file.read(max(0, size))

    def close(self) -> None:
        """Let the file go."""
        self._block = b''
        try:
            self._file.close()
        except OSError:  # what could not be written to a full disk is not wanted any more
            pass


def pieces_of(source: bytes | Spool, start: int, stop: int) -> Iterator[bytes]:
    """`source[start:stop]`, a block at a time."""
    for position in range(start, stop, BLOCK):
        yield source[position:min(position + BLOCK, stop)]


def reader(source: bytes | Spool, start: int, stop: int) -> BinaryIO:
    """`source[start:stop]` as a file that can be read and searched."""
    if isinstance(source, Spool):
        return io.BufferedReader(_Reader(source, start, stop))
    return io.BytesIO(source[start:stop])


class _Reader(io.RawIOBase):
    """A part of a spool as a file; it has a position of its own."""

    def __init__(self, spool: Spool, start: int, stop: int) -> None:
        self._spool, self._start, self._stop, self._position = spool, start, stop, start

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        base = (self._start, self._position, self._stop)[whence]
        self._position = max(self._start, base + offset)
        return self._position - self._start

    def readinto(self, buffer: Any) -> int:
        piece = self._spool[self._position:min(self._position + len(buffer), self._stop)]
        buffer[:len(piece)] = piece
        self._position += len(piece)
        return len(piece)


def save(pieces: Iterator[bytes], path: str | os.PathLike[str], replace: bool) -> None:
    """Write `pieces` to the file `path`; once this returns they are on the disk, and whole.

    :raises FileExistsError: if there is such a file and it is not to be replaced.
    """
    target = os.fspath(path)
    # A file to be replaced stays as it is until the new one is whole. A new one takes its name at once: there
    # is no way to rename on every system and file system that does not replace.
    place = f'{target}.{os.urandom(4).hex()}.part' if replace else target
    with open(place, 'xb') as file:  # noqa: PTH123  # pathlib costs hello-world 8 ms
        try:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            file.close()  # Windows removes no open file
            os.unlink(place)  # noqa: PTH108
            raise
    if replace:
        try:
            os.replace(place, target)  # noqa: PTH105
        except OSError:  # on Windows, a file that another program has open
            os.unlink(place)  # noqa: PTH108
            raise
    if os.name == 'posix':  # its name is on the disk once the folder is (fsync(2)); Windows has no such call
        folder = os.open(os.path.dirname(target) or '.', os.O_RDONLY)  # noqa: PTH120
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
