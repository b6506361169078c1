"""Files in the state folder: small, written whole or not at all, and for this user only.

What else stands in a file's place is moved aside. A folder where nothing can be written is no reason to end.
"""

from __future__ import annotations

import os
import sys
import time

from kali import log

__all__ = ['clear_for_file', 'read', 'write', 'write_private']


def read(path: str) -> str:
    """The beginning of a text; '' if there is none, or it is garbage."""
    try:
        with open(path, encoding='utf-8') as file:  # noqa: PTH123
            return file.read(1000).strip()
    except (OSError, ValueError):
        return ''


def write(folder: str, name: str, text: str) -> None:
    """Keep a text for the next start; where that cannot be, the log says so."""
    try:
        write_private(os.path.join(folder, name), text)  # noqa: PTH118
    except OSError as error:
        log.warning('cannot remember the %s in %s: %s', name, folder, str(error))


def write_private(path: str, text: str) -> None:
    """Write a file that only this user can read, whole or not at all.

    :raises OSError: if it cannot be written
    """
    temporary = f'{path}.{os.getpid()}'
    try:
        clear_for_file(path)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(handle, 'w', encoding='utf-8') as file:  # noqa: PTH123
            file.write(text)
        _replace(temporary, path)
    except OSError:
        try:
            os.unlink(temporary)  # noqa: PTH108  # on a full disk, half of it may be there
        except OSError:
            pass  # nothing of it is there; the reason is the first error
        raise


def _replace(temporary: str, path: str) -> None:
    """Put a file in another's place. Windows refuses that while a program reads the other, for a moment."""
    until = time.monotonic() + (0.5 if sys.platform == 'win32' else 0)
    while True:
        try:
            return os.replace(temporary, path)  # noqa: PTH105
        except PermissionError:
            if time.monotonic() >= until:
                raise
            time.sleep(0.01)


def clear_for_file(path: str) -> None:
    """Move a folder aside that stands where a file belongs."""
    if os.path.isdir(path):  # noqa: PTH112
        os.replace(path, f'{path}.bad-{os.getpid()}')  # noqa: PTH105
