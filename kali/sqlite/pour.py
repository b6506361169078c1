"""pour: all that one database holds written into another, in one transaction."""

from __future__ import annotations

import sqlite3

from kali.errors import DatabaseError
from kali.sqlite.faults import explain

__all__ = ['pour']


def pour(source: sqlite3.Connection, target: sqlite3.Connection, name: str) -> None:
    """Replace all that is in `target` by what is in `source`; programs that have it open see the change.

    :param name: of the backup, for messages
    :raises DatabaseError: if it cannot be done; 503 if trying again helps

    Source: https://sqlite.org/backup.html
    """
    def give_up_if_busy(status: int, *_: int) -> None:
        if status in (5, 6):  # SQLITE_BUSY, SQLITE_LOCKED: sqlite3 would try for ever
            raise sqlite3.OperationalError('database is locked')
    try:
        # By sqlite3's own: kali's connection guards against what ends a transaction, and none is open.
        sqlite3.Connection.backup(source, target, progress=give_up_if_busy)
    except sqlite3.Error as error:
        file = sqlite3.Cursor(target).execute('PRAGMA database_list').fetchone()[2]
        told = explain(error, file)
        raise DatabaseError(f'The backup {name} was not restored, and all is as it was. {told or error}',
                            status=told.status if told else 500) from error
