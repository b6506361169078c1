"""places: what the operating system says about where a file lies and which programs hold it.

What it does not say is None or empty, never an error; only Linux says most of it. No database is opened here:
closing a file that SQLite has open drops SQLite's locks (https://sqlite.org/howtocorrupt.html, section 2.2).
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

__all__ = ['address', 'holders', 'network_share']

_SHARES = {'9p', 'afs', 'ceph', 'cifs', 'fuse.sshfs', 'glusterfs', 'ncpfs', 'nfs', 'nfs4', 'smb3', 'smbfs',
           'vboxsf', 'virtiofs'}


def address(path: Path, query: str) -> str:
    """The address by which SQLite opens a file, with a query such as `'mode=ro'`.

    The path stands in it as the system writes it: a server's name after `//`, as `Path.as_uri` writes that of
    a share of Windows, is refused. Source: https://sqlite.org/uri.html

    >>> address(Path('/shop/a b.sqlite'), 'mode=ro')[-26:]
    '/shop/a%20b.sqlite?mode=ro'
    """
    return f'file:{quote(os.fsencode(path.absolute()))}?{query}'


def network_share(path: Path) -> str | None:
    """The kind of network share that `path` lies on, as 'nfs4'; None if it is a local disk or is not known.

    >>> network_share(Path(__file__)) is None
    True
    """
    place = path.absolute()
    drive = place.drive.replace('\\', '/')
    if drive.startswith('//') and not re.match('//[?.]/(?!UNC/)', drive, re.IGNORECASE):
        return 'network share'  # \\server\share on Windows; \\?\C: is a disk
    found, kind = '', None
    with suppress(OSError):
        place = place.resolve()
        for line in Path('/proc/self/mountinfo').read_text(encoding='utf-8', errors='replace').splitlines():
            fields, _, rest = line.partition(' - ')
            mounted = fields.split()[4].replace(r'\040', ' ')
            if len(mounted) >= len(found) and place.is_relative_to(mounted):  # a later mount hides an earlier
                found, kind = mounted, rest.split()[0]
    return kind if kind in _SHARES else None


def holders(path: str | os.PathLike[str]) -> list[str]:
    """The other programs that hold a lock on the database at `path`, in words.

    Source: proc_locks(5); in WAL mode the locks are on the -shm file, https://sqlite.org/wal.html
    """
    inodes = set()
    for name in (os.fspath(path), f'{os.fspath(path)}-shm'):
        with suppress(OSError, ValueError):
            inodes.add(Path(name).stat().st_ino)
    found: dict[str, None] = {}
    own = str(os.getpid())
    with suppress(OSError):
        for line in Path('/proc/locks').read_text(encoding='ascii').splitlines():
            fields = line.replace('-> ', '').split()
            if fields[4] != own and int(fields[5].rpartition(':')[2]) in inodes:
                found[_program(fields[4])] = None
    return list(found)


def _program(process: str) -> str:
    name = 'its name is hidden'
    with suppress(OSError):
        name = Path(f'/proc/{process}/comm').read_text(encoding='utf-8', errors='replace').strip()
    return f'another program, {name} (process {process})'
