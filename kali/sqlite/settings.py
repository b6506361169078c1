"""settings: what makes an SQLite connection safe, for a file on a local disk or on a network share.

Every setting is read back. Whether the functions and virtual tables in a file's schema are trusted depends
on what the schema uses: see `trust`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from kali.errors import DatabaseError
from kali.sqlite.faults import unknown_name
from kali.sqlite.statements import quoted

__all__ = ['KEPT_SETTINGS', 'Trust', 'apply_settings', 'trust']

# What a request may not change, since each promise rests on it. (foreign_keys is ignored in a transaction.)
KEPT_SETTINGS = frozenset({'checkpoint_fullfsync', 'fullfsync', 'journal_mode', 'locking_mode', 'query_only',
                           'recursive_triggers', 'synchronous', 'trusted_schema', 'writable_schema'})


def apply_settings(connection: sqlite3.Connection, name: str, journal: str, read_only: bool) -> list[str]:
    """Set what makes the connection safe; read it back, for SQLite ignores what it cannot do.

    :param name: of the database, for messages
    :return: the settings, in words
    :raises DatabaseError: if one is not taken

    Source: https://sqlite.org/pragma.html, https://sqlite.org/security.html
    """
    def read(pragma: str) -> Any:
        row = sqlite3.Cursor(connection).execute(f'PRAGMA {pragma}').fetchone()
        return row[0] if row else None
    read('schema_version')  # the first look into the file: here it shows if it is no database, or locked
    settings: list[tuple[str, str, object]] = [('foreign_keys', 'ON', 1)]
    if not read_only:
        _check_writable(connection)
        full = ('EXTRA', 3) if journal == 'delete' else ('FULL', 2)
        if read('journal_mode') != 'memory':  # a database in memory has no other
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

    SQLite opens a write-protected file for reading without a word, even for BEGIN IMMEDIATE; only a write
    fails. Writing makes the journal too, and so shows a write-protected folder.
    """
    run = sqlite3.Cursor(connection).execute
    run('BEGIN IMMEDIATE')
    version = run('PRAGMA user_version').fetchone()[0]
    run(f'PRAGMA user_version = {version}')
    run('ROLLBACK')


class Trust(NamedTuple):
    """Whether SQLite runs what it calls unsafe in triggers, views, CHECKs and indexes: `trusted_schema`."""

    on: bool
    reason: str  # what the schema uses that needs it, or what forbids it
    for_good: bool = False  # whether it stays off whatever the program adds to the schema
    missing: str = ''  # a function in an index or constraint that the connection does not have

    def __str__(self) -> str:
        return f'trusted_schema {"ON" if self.on else "OFF"}{f" ({self.reason})" if self.reason else ""}'


def trust(connection: sqlite3.Connection) -> Trust:
    """Switch `trusted_schema` on if the schema needs it, and only uses what this connection has.

    SQLite counts virtual tables (full-text search, R*Tree), PRAGMA functions, in older versions its own JSON
    functions, and all functions of a program as unsafe in a schema. A file whose schema uses none of them
    is opened with the protection on; so is one that also uses functions that are not registered yet,
    since what they will do when the program registers them later is not known now.

    Source: https://sqlite.org/pragma.html#pragma_trusted_schema
    """
    run = sqlite3.Cursor(connection).execute
    run('PRAGMA trusted_schema = ON')
    run('SELECT count(*) FROM main.sqlite_master')  # without trust, it might not even be read
    run('PRAGMA trusted_schema = OFF')
    complaints = set(_complaints(run))
    unsafe = ', '.join(sorted(each[14:] for each in complaints if each.startswith('unsafe use of ')))
    if unsafe:  # which hides what else a statement lacks
        run('PRAGMA trusted_schema = ON')
        complaints = set(_complaints(run))
    # SQLite's words for a function in a trigger or view, and for one in an index or constraint.
    unknown = sorted(each for each in complaints if each.startswith(('no such function', 'unknown function')))
    if unknown:
        run('PRAGMA trusted_schema = OFF')
        return Trust(False, f'{unknown[0]}{unsafe and f", beside {unsafe}"}', for_good=True,
                     missing=unknown[-1] if unknown[-1].startswith('unknown') else '')
    return Trust(bool(unsafe), unsafe and f'for {unsafe}')


def _complaints(run: Any) -> Iterator[str]:
    """What SQLite says against the statements that would use each part of the schema; none of them is run."""
    for sql in _uses(run):
        try:
            run(f'EXPLAIN {sql}')
        except sqlite3.OperationalError as error:
            yield unknown_name(error) or str(error)


def _uses(run: Any) -> Iterator[str]:
    """Statements that use all views, triggers, CHECKs, generated columns and indexes."""
    yield 'PRAGMA quick_check'
    for kind, name in run("SELECT type, name FROM main.sqlite_master WHERE type = 'view' OR type = 'table' "
                          "AND sql NOT LIKE 'CREATE VIRTUAL%' AND name NOT LIKE 'sqlite%'").fetchall():
        table, columns = f'main.{quoted(name)}', []
        if kind == 'view':
            yield f'SELECT * FROM {table}'
        with suppress(sqlite3.OperationalError):  # a view of something that is not there
            columns = [f'{quoted(column)} = {quoted(column)}' for column, in run(
                "SELECT name FROM pragma_table_xinfo(?, 'main') WHERE hidden = 0", [name])]
        yield f'INSERT INTO {table} DEFAULT VALUES'
        if columns:
            yield f'UPDATE {table} SET {", ".join(columns)}'
        yield f'DELETE FROM {table}'
