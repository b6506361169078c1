"""faults: what SQLite says when a file cannot be used, as a sentence that says what to do.

Only what lies outside the program is put into words (locks, rights, a full disk, a damaged file). A mistake
in the program's own SQL keeps its sqlite3 error, and with it its traceback.
"""

from __future__ import annotations

import os
import re
import sqlite3
from pathlib import Path
from typing import NamedTuple

from kali.errors import DatabaseError
from kali.sqlite.places import holders

__all__ = ['damaged', 'explain', 'gone', 'is_busy', 'not_registered', 'unknown_name']


class _Fault(NamedTuple):
    words: str  # SQLite's own, in lower case; they do not change, and Python has the code from 3.11 on only
    status: int  # 503 where trying again helps
    sentence: str


_FAULTS = (
    _Fault('table is locked', 503, 'The database {} is in use by another program, or by a SELECT of this one '
           'that was not read to its end (fetchall() reads it). Nothing was saved. Try again in a moment.'),
    _Fault('is locked', 503, 'The database {} is in use by {holder}, which has locked it. Nothing was '
           'saved. Try again in a moment; if this goes on, close the other program.'),
    _Fault('locking protocol', 503, 'The database {} is in use by many others at once. Nothing was saved. '
           'Try again in a moment; if this goes on, see whether the file lies on a network share, where '
           'journal="wal" does not work.'),
    _Fault('disk is full', 503, 'There is no room left for the database {}. Nothing was saved. Make room on '
           'its disk and try again.'),
    _Fault('attempt to write a readonly database', 500, 'The database {} can only be read: its file or '
           'folder is write-protected (SQLite keeps a journal beside the file), it was opened with '
           'read_only=True or has query_only on, or another file has been put in its place. Nothing was '
           'saved. Change the rights, keep the file elsewhere, or only read it.'),
    _Fault('file is not a database', 500, 'The file {} is not an SQLite database (or it is encrypted). '
           'Choose another file, or move this one away and let a new one be made.'),
    _Fault('unsupported file format', 500, 'The database {} is newer than this program: SQLite '
           + sqlite3.sqlite_version + '. Use a newer Python, which brings a newer SQLite.'),
    _Fault('malformed database schema', 500, 'SQLite ' + sqlite3.sqlite_version + ' cannot read the tables '
           'of the database {}: {error}. Nothing was saved. A newer SQLite may have made them: use a newer '
           'Python, which brings one.'),
    _Fault('database disk image is malformed', 500, 'The database {0} is damaged. Nothing was saved. '
           + '{restore}'),
    _Fault('unable to open database file', 500, 'The database {} cannot be opened. Nothing was saved. See '
           'whether its folder exists and may be written to: SQLite keeps a journal beside the file.'),
    _Fault('disk i/o error', 500, 'Reading or writing the database {} failed. Nothing was saved. See whether '
           'its disk or network folder is still there.'),
    _Fault('cannot start a transaction within a transaction', 500, 'A transaction is under way already in '
           'the database {}. Under guard(mode="commit") the guard begins and commits; for a part that is to '
           'be all or nothing by itself, use "with atomic(connection):".'),
    _Fault('within a transaction', 500, 'SQLite cannot do this within a transaction ({error}), and under '
           'guard(mode="commit") each request is one. Do it where the database {} is opened, before '
           'serve_http.'),
    _Fault('unsafe use of', 500, 'A trigger, view, CHECK or index of the database {} has an {error}. Its '
           'schema uses functions that this program does not have either, so nothing in it is trusted. '
           'Register them: connect(path, prepare=function). Nothing was saved.'),
    _Fault('cannot operate on a closed database', 500, 'The connection to the database {} has been closed. '
           'Leave the closing to the end of the program, after serve_http.'),
)

_RESTORE = ('To restore the last good backup, end the program and run: python -m kali.sqlite restore "{}" '
            '(with --folder, if the backups are kept elsewhere). It keeps what is there now.')
_UNKNOWN = re.compile('(?:unknown function|no such (?:function|collation sequence|tokenizer|module)): .*')


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another lock is the reason (SQLITE_BUSY, SQLITE_LOCKED), so that trying again may help.

    >>> is_busy(sqlite3.OperationalError('database is locked'))
    True
    """
    return isinstance(error, sqlite3.OperationalError) and 'is locked' in str(error)


def explain(error: sqlite3.Error, database: object) -> DatabaseError | None:
    """The sentence for a fault that lies outside the program, with its status; None for any other error.

    :param error: what sqlite3 raised
    :param database: the name to use for the database, its path as a rule

    >>> error = explain(sqlite3.OperationalError('database is locked'), 'notes.db')
    >>> error.status, str(error)[:43]
    (503, 'The database notes.db is in use by another ')
    >>> explain(sqlite3.OperationalError('no such table: note'), 'notes.db') is None
    True

    Source: https://sqlite.org/rescode.html
    """
    text = str(error).lower()
    if _is_gone(error, text, database):
        return gone(database)
    for fault in () if isinstance(error, sqlite3.IntegrityError) else _FAULTS:  # a trigger may say anything
        if fault.words in text:
            holder = _holder(database) if '{holder}' in fault.sentence else ''
            sentence = fault.sentence.format(database, holder=holder, error=error,
                                             restore=_RESTORE.format(database))
            return DatabaseError(sentence, status=fault.status)
    return None


def unknown_name(error: Exception) -> str:
    """What a schema uses and this connection does not have: `no such collation sequence: german`; '' for
    any other error.

    >>> unknown_name(sqlite3.OperationalError('no such function: title_sort'))
    'no such function: title_sort'
    """
    found = _UNKNOWN.search(str(error)) if isinstance(error, sqlite3.OperationalError) else None
    return found[0] if found else ''


def not_registered(database: object, missing: str) -> DatabaseError:
    """The error for a file whose indexes or constraints use what the program has not registered.

    :param missing: what SQLite says, see `unknown_name`
    """
    return DatabaseError(
        f'The database {database} cannot be used: its tables need a function or a collation that is not part '
        f'of SQLite ({missing}). Register it with connect(path, prepare=function): function(connection) '
        'calls create_function or create_collation, and kali calls it for each connection to that file.')


def damaged(database: object, found: list[str], advice: str = '') -> str:
    """The sentence for a file in which SQLite's check has `found` something; `advice` says what to do."""
    words = '; '.join(' '.join(line.split()) for line in found)[:200]
    return (f'The database {database} is damaged ({words}). Nothing was saved. '
            f'{advice or _RESTORE.format(database)}')


def gone(database: object) -> DatabaseError:
    """The error for a file that a program has open, and which others can no longer find under its name."""
    return DatabaseError(f'The file {database} has been moved, deleted or replaced since this program opened '
                         'it. Nothing was saved: it would be in a file without a name. Give the file '
                         'its name again, or end the program, which keeps a backup if it makes any, and '
                         'start it anew.')


def _is_gone(error: sqlite3.Error, text: str, database: object) -> bool:
    """Whether SQLite refuses to write since the file has no longer its name (SQLITE_READONLY_DBMOVED).

    Python has that code from 3.11 on; before, only a file that is not there is certain.
    """
    if 'readonly database' not in text:
        return False
    if getattr(error, 'sqlite_errorname', '') == 'SQLITE_READONLY_DBMOVED':
        return True
    path = os.fspath(database) if isinstance(database, (str, Path)) else ':memory:'
    return path != ':memory:' and not os.path.lexists(path)


def _holder(database: object) -> str:
    path = os.fspath(database) if isinstance(database, (str, Path)) else ''
    return ' and '.join(holders(path)) or 'another program (or another connection of this one)'
