"""`python -m kali.sqlite`: the backups of a database, listed, made and restored from the command line.

It is for when the program that owns the file does not start, so it works with files alone.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
from contextlib import closing, suppress
from pathlib import Path

from kali.errors import DatabaseError
from kali.sqlite.copies import Backup, backups, default_folder, last_good, make_backup
from kali.sqlite.integrity import reader
from kali.sqlite.restore import restore_file, up_to_date, version_of


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; 1 if it cannot be done."""
    parser = argparse.ArgumentParser(prog='python -m kali.sqlite', description='Backups of a database.')
    parser.add_argument('command', choices=['list', 'backup', 'restore'])
    parser.add_argument('file', type=Path, help='the database')
    parser.add_argument('backup', nargs='?',
                        help='what to restore: its number or its path; the last good one unless given')
    parser.add_argument('--folder', type=Path, help='of the backups; "backups" beside the file unless given')
    parser.add_argument('--migrations', type=Path, metavar='FOLDER',
                        help='whose steps bring an old backup up to the version of the file')
    given = parser.parse_args(arguments)
    folder = given.folder or default_folder(given.file)
    try:
        known = backups(given.file, folder)
        if given.command == 'backup':
            print(make_backup(given.file, folder))
        elif given.command == 'restore':
            _restore(given.file, _choose(known, given.backup, given.file, folder), folder, given.migrations)
        else:
            _list(given.file, known, folder)
    except DatabaseError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _list(file: Path, known: list[Backup], folder: Path) -> None:
    now = _version_now(file)
    for each in reversed(known):
        size, version = each.path.stat().st_size / 1e6, version_of(each.path)
        mark = '' if version == now or None in (version, now) else f'  version {version} (the file: {now})'
        print(f'{each.number:5}  {each.made}  {size:10,.2f} MB  {each.path}{mark}')
    if not known:
        print(f'There is no backup of {file} in {folder}.')


def _restore(file: Path, chosen: Path, folder: Path, migrations: Path | None) -> None:
    """Restore `chosen`, and say what version it is of if that matters."""
    now = _version_now(file)
    if migrations is not None and now is not None:
        with up_to_date(chosen, now, migrations, None) as ready:
            kept = restore_file(file, ready, folder)
    else:
        kept = restore_file(file, chosen, folder)
    print(f'{chosen} has been restored.', f'What was there is kept as {kept}.' if kept else '')
    restored = _version_now(file)
    if now is not None and restored is not None and restored != now:
        print(f'It is from version {restored} of the database, and what was there was version {now}. If a '
              'program has the file open, end it now.',
              'Its next start brings the file up to date, if it uses migrations.' if restored < now
              else 'Use the newer program from now on.')


def _version_now(file: Path) -> int | None:
    """The version of a database that may be in use; None if it cannot be read."""
    with suppress(sqlite3.Error), closing(reader(file)) as db:
        version: int = db.execute('PRAGMA user_version').fetchone()[0]
        return version
    return None


def _choose(known: list[Backup], wanted: str | None, file: Path, folder: Path) -> Path:
    """The backup that is meant by a number, a path or nothing."""
    numbers = {str(each.number): each.path for each in known}
    if wanted is not None:
        return numbers.get(wanted.lstrip('0') or '0') or Path(wanted)
    good = last_good(file, folder)
    if good is None:
        raise DatabaseError(f'There is no {"good " * bool(known)}backup of {file} in {folder}.')
    return good


if __name__ == '__main__':
    sys.exit(main())
