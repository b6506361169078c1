"""What tests leave out on Windows, and what Wine lacks beside it.

A test about something that Windows does not have, or does otherwise, is marked `posix('the reason')`. Where
kali promises the same there, a test in tests/win32 shows it. A test about something that Windows has and Wine
has not is marked `wine('word')`; LACKS says what that is.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

__all__ = ['LACKS', 'WINE', 'cpu_time', 'is_wine', 'left_out', 'link', 'write_odd']

# The clock of Windows for the time of a process goes in steps of 16 ms.
cpu_time = time.perf_counter if sys.platform == 'win32' else time.process_time

LACKS = {
    'reset': 'Wine 8 ends a connection with FIN where Windows sends RST',
    'links': 'Wine 8 cannot make symbolic links, which Windows can for those that may',
    'names': 'Wine 8 cannot say the final name of a path over 260 characters',
}


def is_wine() -> bool:
    """Whether this Windows is Wine."""
    if sys.platform != 'win32':
        return False
    import ctypes
    return hasattr(ctypes.WinDLL('ntdll'), 'wine_get_version')


WINE = is_wine()


def left_out(item: pytest.Item) -> Iterator[str]:
    """The reasons why a test is left out on this Windows."""
    for marker in item.iter_markers('posix'):
        yield f'POSIX only: {marker.args[0]}'
    if WINE:
        for marker in item.iter_markers('wine'):
            yield f'under Wine only: {LACKS[marker.args[0]]}'


def link(place: Path, target: str | Path) -> None:
    """Make a symbolic link, if this system lets its user make one; Windows asks for a privilege."""
    try:
        place.symlink_to(target)
    except OSError:
        if sys.platform != 'win32':
            raise


def write_odd(place: Path, content: bytes) -> bool:
    """Write a file whose name Windows does not have; whether it is there."""
    if sys.platform == 'win32' and set(place.name) & set('<>"|?*:\udcff'):
        return False
    place.write_bytes(content)
    return True
