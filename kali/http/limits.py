"""Limits: how much of a request kali takes before it refuses; and sizes as people read them."""

from __future__ import annotations

from kali.iolist import CONTENT

__all__ = ['WAY_BACK', 'Limits', 'size_text']

WAY_BACK = ('Go back to the page before with Alt and the left arrow key (on a Mac, Command and [): what you '
            'typed is still there.')  # for each 413; the window may have no button for it


class Limits:
    """How much of a request is taken before it is refused, and how much an answer may be.

    :param request_line: bytes of the request line; a longer one is 414
    :param head: bytes of request line and header fields together; more is 431
    :param fields: number of header fields; more is 431
    :param body: bytes of a body; more is 413
    :param form_fields: number of fields in a form or query; more is 413. A Formlet's own may have twice as
        many
    :param parts: number of parts of a multipart body; more is 413
    :param connections: sockets held open at one time; the next one waits in the system's queue
    :param head_seconds: from the first byte of a request to the end of its head; later is 408
    :param body_seconds: how long a pause in a body may be; a longer one is 408. So is a body that comes at
        less than 1 KiB a second and has had ten times as long
    :param stall_seconds: how long a client may read nothing of its answer; then it is cut
    :param content: bytes of an answer that is put together before it is sent; more is a 500. A stream
        (`Response.stream`) may be as long as it likes

    Seconds count only while the server listens, not while a handler runs.

    >>> Limits(body=1_000_000).body
    1000000
    """

    __slots__ = ('body', 'body_seconds', 'connections', 'content', 'fields', 'form_fields', 'head',
                 'head_seconds', 'parts', 'request_line', 'stall_seconds')

    def __init__(self, *, request_line: int = 8192, head: int = 65536, fields: int = 100,
                 body: int = 64 * 1024 * 1024, form_fields: int = 1000, parts: int = 100,
                 connections: int = 480, head_seconds: float = 5.0, body_seconds: float = 30.0,
                 stall_seconds: float = 10.0, content: int = CONTENT) -> None:
        self.request_line, self.head, self.fields = request_line, head, fields
        self.body, self.form_fields, self.parts = body, form_fields, parts
        self.connections, self.content = connections, content
        self.head_seconds, self.body_seconds, self.stall_seconds = head_seconds, body_seconds, stall_seconds


DEFAULT = Limits()


def size_text(size: int) -> str:
    """A number of bytes as Windows and most programs show it: units of 1024, three digits.

    >>> [size_text(size) for size in (1, 900, 8192, 31692898, 64 * 1024 * 1024, 5 * 10**9)]
    ['1 byte', '900 bytes', '8 KB', '30.2 MB', '64 MB', '4.66 GB']
    """
    if size < 1024:
        return f'{size} byte' if size == 1 else f'{size} bytes'
    amount, unit = size / 1024, 'KB'
    for larger in ('MB', 'GB', 'TB'):
        if amount < 999.5:
            break
        amount, unit = amount / 1024, larger
    digits = 2 if amount < 9.995 else 1 if amount < 99.95 else 0
    text = f'{amount:.{digits}f}'
    return f'{text.rstrip("0").rstrip(".") if digits else text} {unit}'
