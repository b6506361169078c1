"""settings: what makes an SQLite connection safe, for a file on a local disk or on a network share.

The rule: every setting is read back. It knows nothing about paths.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from kali.errors import DatabaseError

__all__ = ['settle']


def settle(connection: sqlite3.Connection, name: str, journal: str, read_only: bool) -> list[str]:
    """Set what makes the connection safe; read it back, for SQLite ignores what it cannot follow.

    :param name: of the database, for messages
    :return: the settings, in words
    :raises DatabaseError: if one is not taken

    Source: https://sqlite.org/pragma.html, https://sqlite.org/security.html
    """
    def read(pragma: str) -> Any:
        row = sqlite3.Cursor(connection).execute(f'PRAGMA {pragma}').fetchone()
        return row[0] if row else None
    read('schema_version')  # the first look into the file: here it shows if it is no database, or locked
    settings: list[tuple[str, str, object]] = [('foreign_keys', 'ON', 1), ('trusted_schema', 'OFF', 0)]
    if not read_only:
        _check_writable(connection)
        full = ('EXTRA', 3) if journal == 'delete' else ('FULL', 2)
        if read('journal_mode') != 'memory':  # a database in memory knows no other
            settings.append(('journal_mode', journal, journal))
        # On macOS only this makes the disk itself write (https://sqlite.org/pragma.html#pragma_fullfsync).
        settings += [('synchronous', *full), ('fullfsync', 'ON', 1), ('checkpoint_fullfsync', 'ON', 1)]
    for setting, value, expected in settings:
        read(f'{setting} = {value}')
        found = read(setting)
        if found != expected:
            raise DatabaseError(f'The database {name} does not take {setting} = {value}; it stays '
                                f'at {found}.')
    return [f'{setting} {value}' for setting, value, _ in settings]


def _check_writable(connection: sqlite3.Connection) -> None:
    """Find out now, instead of at the first save, whether anything can be saved.

    SQLite opens a write-protected file for reading without a word, even for BEGIN IMMEDIATE: only who writes
    is told. Writing makes the journal too, and so shows a write-protected folder.
    """
    run = sqlite3.Cursor(connection).execute
    run('BEGIN IMMEDIATE')
    version = run('PRAGMA user_version').fetchone()[0]
    run(f'PRAGMA user_version = {version}')
    run('ROLLBACK')
