"""Unpacking: files of a program that lies in a zip file, such as a .pyz, as real files.

They are put into the user's cache folder, once for each version of the archive, and are looked at on each
start, since cleaners empty such folders. Where nothing can be written there, they go to a temporary folder.

The `__main__.py` of a .pyz runs this file by itself, to have kali in real files before it imports kali:
Python keeps the compiled form of those only. So what this needs of kali is imported when it is needed.
"""

from __future__ import annotations

import os
import shutil
import zipfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ['unpacked']

KEPT = 2  # versions: a program that still runs may need the one before


@cache
def unpacked(archive: str, prefix: str = '', place: Callable[[], str] | None = None) -> Path:
    """The folder into which the members of a zip file were put whose names begin with `prefix`.

    :param prefix: a folder in the archive, with a slash at its end, or a file
    :param place: gives the cache folder; that of the program unless given
    """
    if place is None:
        from kali.desktop.folders import cache_folder  # see above
        place = cache_folder
    with zipfile.ZipFile(archive) as opened:
        members = [each for each in opened.infolist() if not each.is_dir()]
        version = f'{crc32(repr([(each.filename, each.CRC) for each in members]).encode()):08x}'
        wanted = [each for each in members if each.filename.startswith(prefix)]
        try:
            folder = Path(place()) / 'unpacked' / version
            _write(opened, wanted, folder)
            _forget(folder)
        except OSError:
            import atexit  # for a cache that cannot be written
            import tempfile  # likewise
            folder = Path(tempfile.mkdtemp(prefix='kali-'))
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            _write(opened, wanted, folder)
    return folder


def _write(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], folder: Path) -> None:
    for each in members:
        path = folder / each.filename
        if os.path.isabs(each.filename) or '..' in path.parts:  # noqa: PTH117
            continue  # nothing that kali has packed
        if path.is_file() and path.stat().st_size == each.file_size:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f'{path.name}.{os.getpid()}')  # another start may do the same
        part.write_bytes(archive.read(each))
        part.replace(path)


def _forget(folder: Path) -> None:
    """Remove older versions."""
    os.utime(folder)
    others = sorted(folder.parent.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for each in others[KEPT:]:
        shutil.rmtree(each, ignore_errors=True)
