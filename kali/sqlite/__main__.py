"""`python -m kali.sqlite`: the backups of a database, listed, made and put back from the command line.

It is for when the program that owns the file does not start, so it knows files only.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from kali.errors import DatabaseError
from kali.sqlite.copies import backups, default_folder, make_backup, restore_file


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; 1 if it cannot be done."""
    parser = argparse.ArgumentParser(prog='python -m kali.sqlite', description='Backups of a database.')
    parser.add_argument('command', choices=['list', 'backup', 'restore'])
    parser.add_argument('file', type=Path, help='the database')
    parser.add_argument('backup', type=Path, nargs='?', help='what to restore; the last one unless given')
    parser.add_argument('--folder', type=Path, help='of the backups; "backups" beside the file unless given')
    given = parser.parse_args(arguments)
    folder = given.folder or default_folder(given.file)
    known = backups(given.file, folder)
    try:
        if given.command == 'list':
            print(*(each.path for each in known), sep='\n')
        elif given.command == 'backup':
            print(make_backup(given.file, folder))
        else:
            if given.backup is None and not known:
                raise DatabaseError(f'There is no backup of {given.file} in {folder}.')
            chosen = given.backup or known[-1].path
            kept = restore_file(given.file, chosen)
            print(f'{chosen} has been put back.', f'What was there is kept as {kept}.' if kept else '')
    except (DatabaseError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
