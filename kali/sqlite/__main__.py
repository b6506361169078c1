"""`python -m kali.sqlite`: the backups of a database, listed, made and put back from the command line.

It is for when the program that owns the file does not start, so it knows files only.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from kali.errors import DatabaseError
from kali.sqlite.copies import Backup, backups, default_folder, make_backup, problems
from kali.sqlite.restore import restore_file


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; 1 if it cannot be done."""
    parser = argparse.ArgumentParser(prog='python -m kali.sqlite', description='Backups of a database.')
    parser.add_argument('command', choices=['list', 'backup', 'restore'])
    parser.add_argument('file', type=Path, help='the database')
    parser.add_argument('backup', nargs='?',
                        help='what to restore: its number or its path; the last good one unless given')
    parser.add_argument('--folder', type=Path, help='of the backups; "backups" beside the file unless given')
    given = parser.parse_args(arguments)
    folder = given.folder or default_folder(given.file)
    try:
        known = backups(given.file, folder)
        if given.command == 'backup':
            print(make_backup(given.file, folder))
        elif given.command == 'restore':
            chosen = _choose(known, given.backup, given.file, folder)
            kept = restore_file(given.file, chosen, folder)
            print(f'{chosen} has been put back.', f'What was there is kept as {kept}.' if kept else '')
        else:
            for each in reversed(known):
                size = each.path.stat().st_size / 1e6
                print(f'{each.number:5}  {each.made}  {size:10,.2f} MB  {each.path}')
            if not known:
                print(f'There is no backup of {given.file} in {folder}.')
    except DatabaseError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _choose(known: list[Backup], wanted: str | None, file: Path, folder: Path) -> Path:
    """The backup that is meant by a number, a path or nothing."""
    numbers = {str(each.number): each.path for each in known}
    if wanted is not None:
        return numbers.get(wanted.lstrip('0') or '0') or Path(wanted)
    good = next((each.path for each in reversed(known) if not problems(each.path)), None)
    if good is None:
        raise DatabaseError(f'There is no {"good " * bool(known)}backup of {file} in {folder}.')
    return good


if __name__ == '__main__':
    sys.exit(main())
