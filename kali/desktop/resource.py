"""resource: the files that a program brings along, found in the same way wherever it runs from."""

from __future__ import annotations

import sys
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from kali.errors import KaliError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ['resource']


def resource(name: str) -> Path:
    """The path of a file or folder that the program brings along, such as its templates.

    It lies beside the main script, or in the folder above: in a script, in the `.pyz` that `python -m kali
    pack` makes of it (whose files are unpacked into the user's cache folder), and in what PyInstaller makes.
    Where the main script is another program, as in a test or under another server, it is looked for beside
    the module that asks. The working directory plays no part in it.

    :param name: relative, with slashes, as in `'templates'` or `'pictures/logo.png'`
    :raises KaliError: if there is no such file or folder, or the name leads elsewhere

    Templates that are found everywhere::

        templates = TemplateFolder(kali.resource('templates'))
    """
    parts = PurePath(name).parts
    if not parts or PurePath(name).is_absolute() or '..' in parts or '\\' in name:
        raise KaliError(f'kali.resource({name!r}): the name is that of a file or folder beside the script, '
                        "with slashes, as in 'templates' or 'pictures/logo.png'.")
    looked = []
    for folder in _folders(vars(sys.modules['__main__']), sys._getframe(1).f_globals, parts[0]):
        path = folder.joinpath(*parts)
        if path.exists():
            return path
        looked.append(str(folder))
    raise KaliError(f'There is no {name!r} in {" or ".join(dict.fromkeys(looked)) or "a console"}: what a '
                    'program brings along lies beside its main script.')


def _folders(main: Mapping[str, Any], caller: Mapping[str, Any], first: str) -> Iterator[Path]:
    """Where to look: around the main script, then around the module that asks."""
    frozen = getattr(sys, '_MEIPASS', None)  # source: PyInstaller, "Run-time Information"
    if frozen:
        yield Path(frozen)
    for module in (main, caller):
        archive = getattr(module.get('__loader__'), 'archive', None)  # source: zipimport.zipimporter
        if archive is not None:
            yield _unpacked(archive, module['__file__'], first)
        elif module.get('__file__'):
            folder = Path(module['__file__']).resolve().parent
            yield from (folder, folder.parent)


def _unpacked(archive: str, file: str, first: str) -> Path:
    """Where `first`, which lies beside a module in an archive, was put."""
    from kali.desktop.unpack import unpacked  # for a program in a zip file only
    inside = Path(file).relative_to(archive).parent
    return unpacked(archive, (inside / first).as_posix()) / inside
