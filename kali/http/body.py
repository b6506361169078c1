"""Body: the bytes of one request's body as they arrive, in memory or, past a bound, in a Spool.

The server, the test client and the adapters gather a body with it, so that a large upload costs none of them
memory.
"""

from __future__ import annotations

from kali.http.spool import IN_MEMORY, Spool

__all__ = ['Body']


class Body:
    """Gathers the pieces of a body: up to 1 MiB in memory, more in a temporary file.

    >>> body = Body()
    >>> body.append(b'name=')
    >>> body.append(b'Ann')
    >>> body.whole()
    b'name=Ann'
    """

    __slots__ = ('_content',)

    def __init__(self) -> None:
        self._content: bytes | bytearray | Spool = b''

    def append(self, data: bytes) -> None:
        """Add the next piece.

        :raises OSError: if the disk has no room for it, or there is no file descriptor left.
        """
        content = self._content
        if not content:
            self._content = data
            return
        if not isinstance(content, Spool) and len(content) + len(data) > IN_MEMORY:
            self._content = content = Spool(content)
        if isinstance(content, Spool):
            content.append(data)
            return
        if isinstance(content, bytes):
            self._content = content = bytearray(content)
        content += data  # not a list of pieces: small ones would cost many times their size

    def whole(self) -> bytes | Spool:
        """All of the body: bytes, or the Spool with them, which is good until `close`."""
        if isinstance(self._content, bytearray):
            self._content = bytes(self._content)
        return self._content

    def close(self) -> None:
        """Remove the temporary file, if there is one. The request is over."""
        if isinstance(self._content, Spool):
            self._content.close()
        self._content = b''
