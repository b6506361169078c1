"""migrate: the tables brought up to what the program needs, in numbered steps.

A file is at a version that a program works with, or it is as it was before: a step is one transaction, its
number is the file's `user_version`, and when one fails, the backup made first is restored.
"""

from __future__ import annotations

import re
import runpy
import sqlite3
from contextlib import closing
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from kali import log
from kali.errors import DatabaseError
from kali.processes import is_spawned_child
from kali.sqlite.connection import connect
from kali.sqlite.copies import default_folder, make_backup
from kali.sqlite.cursors import Connection
from kali.sqlite.functions import Prepare
from kali.sqlite.pour import pour
from kali.sqlite.statements import ends_transaction, first_keyword, statements

__all__ = ['bring_up_to_date', 'migrate']

_NAME = re.compile(r'0*([1-9][0-9]*)[-_].*\.(?:sql|py)')
_ONE_TRANSACTION = 'a step is one transaction, which migrate begins and ends, and nothing in it may end it'


class _Step(NamedTuple):
    number: int
    path: Path


def migrate(connection: Connection, folder: str | PathLike[str]) -> int:
    """Run the steps in `folder` that the database has not seen: `001-create.sql`, `002_fill.py` …

    Each is a transaction of its own. A `.sql` file holds statements; a `.py` file a function
    `migrate(connection)`. Foreign keys may be broken within a step (tables can be made anew, as SQLite asks
    for in https://sqlite.org/lang_altertable.html) and are checked at its end. A file that holds something is
    copied to the folder `backups` beside it first, and the copy verified. If a step fails, the file is as it
    was. In a process that multiprocessing has spawned, nothing is done.

    :param connection: from `kali.sqlite.connect`
    :param folder: the steps, numbered from 1 without a gap; a step that has been released is never changed
    :return: the version that the file has now
    :raises DatabaseError: if a step fails, saying which statement; or the file is newer than the program
    :raises ValueError: for a folder whose steps are not in order

    >>> import tempfile
    >>> from kali.sqlite import connect
    >>> db = connect(':memory:')
    >>> with tempfile.TemporaryDirectory() as name:
    ...     _ = Path(name, '001-create.sql').write_text('CREATE TABLE note (text); -- more will come')
    ...     migrate(db, name)
    1
    >>> db.close()
    """
    if not isinstance(connection, Connection):
        raise TypeError(f'migrate: {connection!r} is no connection that kali.sqlite.connect(path) has made')
    run = sqlite3.Cursor(connection).execute
    version: int = run('PRAGMA user_version').fetchone()[0]
    if is_spawned_child():
        return version
    steps = _steps(Path(folder))
    connection.steps = Path(folder)
    if version > len(steps):
        raise DatabaseError(f'The database {connection.path} is newer than this program: it has version '
                            f'{version}, and the program goes up to {len(steps)}. Use the newer program, or '
                            'restore a backup from before it.')
    if version == len(steps):
        return version
    if connection.in_transaction:
        raise DatabaseError(f'A transaction is open in {connection.path}; migrate before anything else.')
    return _run(connection, steps[version:])


def _steps(folder: Path) -> list[_Step]:
    if not folder.is_dir():
        raise ValueError(f'migrate: there is no folder {folder}')
    found = []
    for path in folder.iterdir():
        match = _NAME.fullmatch(path.name)
        if match:
            found.append(_Step(int(match[1]), path))
        elif path.suffix in ('.sql', '.py'):
            raise ValueError(f'migrate: {path} has no number; a step is named as in 001-create.sql')
    found.sort()
    for expected, step in enumerate(found, 1):
        if step.number != expected:
            raise ValueError(f'migrate: {step.path} should be number {expected}: steps are numbered 1, 2, 3 '
                             '… without a gap, each number once')
    return found


def _run(connection: Connection, steps: list[_Step]) -> int:
    """Run `steps`, and restore what was there if one fails."""
    run = sqlite3.Cursor(connection).execute
    file = run('PRAGMA database_list').fetchone()[2]
    kept = None
    if file and run('SELECT count(*) FROM sqlite_master').fetchone()[0]:
        kept = make_backup(Path(file), default_folder(Path(file)), anew=True, prepare=connection.prepare)
    try:
        _run_all(connection, steps)
    except BaseException:
        # Steps that were committed before one failed: neither the old nor the new program could use the file.
        if run('PRAGMA user_version').fetchone()[0] != steps[0].number - 1:
            with closing(sqlite3.connect(kept or ':memory:')) as source:
                pour(source, connection, kept.name if kept else 'of nothing')
        raise
    return steps[-1].number


def _run_all(connection: Connection, steps: list[_Step]) -> None:
    run = sqlite3.Cursor(connection).execute
    run('PRAGMA foreign_keys = OFF')
    try:
        for step in steps:
            _run_step(connection, step)
            log.info('database %s: migrated by %s', connection.path, step.path.name)
    finally:
        run('PRAGMA foreign_keys = ON')
        connection.decide_trust()


def bring_up_to_date(file: Path, folder: Path, version: int, prepare: Prepare | None) -> None:
    """Run those steps of `folder` on `file`, a copy of a backup, that bring it to `version`.

    :raises DatabaseError: if one fails, or the folder has not as many
    """
    with closing(connect(file, prepare=prepare)) as connection:
        done = sqlite3.Cursor(connection).execute('PRAGMA user_version').fetchone()[0]
        _run_all(connection, _steps(folder)[done:version])
        if sqlite3.Cursor(connection).execute('PRAGMA user_version').fetchone()[0] != version:
            raise DatabaseError(f'The folder {folder} has no step number {version}.')


def _run_step(connection: Connection, step: _Step) -> None:
    run = sqlite3.Cursor(connection).execute
    run('BEGIN IMMEDIATE')
    connection.hold(_ONE_TRANSACTION)
    place = f'in {step.path.name}'
    try:
        if step.path.suffix == '.py':
            runpy.run_path(str(step.path))['migrate'](connection)
        else:
            for line, sql in statements(step.path.read_text(encoding='utf-8')):
                place = f'in {step.path.name}, line {line}: {sql}'
                if ends_transaction(sql) or first_keyword(sql) in ('VACUUM', 'ATTACH', 'DETACH'):
                    raise DatabaseError(_ONE_TRANSACTION)
                connection.execute(sql)
        connection.end_cursors()
        place = f'at the end of {step.path.name}'
        if not connection.in_transaction:
            raise DatabaseError(_ONE_TRANSACTION)
        _check_foreign_keys(connection)
        run(f'PRAGMA user_version = {step.number}')
        run('COMMIT')
    except BaseException as error:
        connection.release()
        connection.end_cursors()
        if connection.in_transaction:
            run('ROLLBACK')
        if not isinstance(error, Exception):
            raise
        raise DatabaseError(f'The database {connection.path} was not brought up to date, and is as it was: '
                            f'{type(error).__name__} {place}: {error}.') from error
    finally:
        connection.release()


def _check_foreign_keys(connection: Connection) -> None:
    broken = sqlite3.Cursor(connection).execute('PRAGMA foreign_key_check').fetchall()
    if broken:
        table, row, parent, _ = broken[0]
        raise sqlite3.IntegrityError(f'{len(broken)} foreign keys lead nowhere, the first in table {table}, '
                                     f'row {row}, to a missing {parent}')
