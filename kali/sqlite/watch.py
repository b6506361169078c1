"""watch: triggers that write down, for each row that changes, what it was before; and the SQL that puts it
back. This is what undo rests on.

The rule: each entry of the log stands for the change of one row, and is put back as exactly that, however
SQLite came to make it. Values never leave SQLite, so that each comes back the same, text that is no UTF-8
included. It knows nothing about steps.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from kali.errors import DatabaseError

__all__ = ['Unfit', 'Watch', 'all_tables', 'size_of']

Run = Callable[..., sqlite3.Cursor]


def all_tables(connection: sqlite3.Connection) -> list[str]:
    """The names of the program's own tables, without virtual ones and those that they keep their data in."""
    run = sqlite3.Cursor(connection).execute
    tables = {name: sql.upper().startswith('CREATE VIRTUAL') for name, sql in run(
        "SELECT name, sql FROM main.sqlite_master WHERE type = 'table'")}
    not_ours = ('sqlite_', 'kali_', *(f'{name}_' for name, is_virtual in tables.items() if is_virtual))
    return [name for name, is_virtual in tables.items() if not is_virtual and not name.startswith(not_ours)]


class Unfit(Exception):
    """A row is not as it was left: somebody has changed it, and nothing can be put back any more."""


class _Table(NamedTuple):
    number: int
    name: str
    key: list[str]  # what names a row: the rowid, or the primary key of a table without one
    columns: list[str]
    cascades: bool  # whether another table's rows are changed when a row's key is

    @property
    def row(self) -> list[str]:
        """All that makes up a row."""
        return self.columns if self.key[0] in self.columns else self.key + self.columns

    def put_back(self, kind: str, log: str) -> str:
        """The SQL that takes back the change of the entry :seq, by its kind."""
        row, name = self.row, f'main.{self.name}'

        def noted(first: int, count: int) -> str:
            return f'SELECT {_values(first, count)} FROM {log} WHERE seq = :seq'
        # What was deleted or inserted has its key (or row) from v0 on; what was updated, after its old row.
        where = ' AND '.join(f'{column} = ({noted(number, 1)})' for number, column in enumerate(
            self.key, start=len(row) if kind == 'U' else 0))
        # OR ABORT: whatever the table's own ON CONFLICT clauses say, no other row gives way.
        if kind == 'D':
            return f'DELETE FROM {name} WHERE {where}'
        if kind == 'I':
            return f'INSERT OR ABORT INTO {name} ({", ".join(row)}) {noted(0, len(row))}'
        return f'UPDATE OR ABORT {name} SET ({", ".join(row)}) = ({noted(0, len(row))}) WHERE {where}'

    def triggers(self) -> list[tuple[str, str, list[str]]]:
        """The events to note, the kind of the entry that each makes, and its values."""
        new, old = ([f'{row}.{name}' for name in names]
                    for row, names in (('new', self.key), ('old', self.row)))
        events = [('AFTER INSERT', 'D', new), ('AFTER UPDATE', 'U', old + new),
                  ('AFTER DELETE', 'I', old)]
        return events + [('BEFORE UPDATE', 'B', old[:1])] * self.cascades


class Watch:
    """The watched tables of a database, and the log of what changes in them.

    :param connection: any sqlite3 connection
    :param names: the tables, in an order that never changes: entries name them by number
    :param schema: where the log is: 'main' or 'temp'
    """

    def __init__(self, connection: sqlite3.Connection, names: list[str], schema: str) -> None:
        self.log = f'{schema}.kali_undo_log'
        self.width = 0  # how many values an entry has
        self._connection, self._names = connection, names
        self._run: Run = sqlite3.Cursor(connection).execute

    def missing(self) -> list[str]:
        """Those of the tables that are not there (any more)."""
        there = {row[0] for row in self._run(
            "SELECT name FROM main.sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'")}
        return [name for name in self._names if name not in there]

    def apart(self) -> list[tuple[str, str]]:
        """Foreign keys, each a table and the one it refers to, of which only one is watched."""
        watched = {name.lower() for name in self._names}
        return [(child, parent) for child, parent, _ in self._foreign_keys()
                if (child.lower() in watched) != (parent.lower() in watched)]

    def make_log(self) -> None:
        """An empty log, wide enough for each of the tables."""
        width = max(len(table.row) + len(table.key) for table in self._tables().values())
        self._run(f'DROP TABLE IF EXISTS {self.log}')
        self._run(f'CREATE TABLE {self.log} (seq INTEGER PRIMARY KEY, kind, tab, {_values(0, width)})')
        self.width = width

    def begin(self) -> None:
        """Make the triggers. They are temporary: the file has nothing of them for other programs.

        The temporary triggers of a table run before its others, so what a trigger of the table does comes
        later in the log. Changes are noted after the fact: only then is it sure that they are made.
        """
        for name in self._own():
            self._run(f'DROP TRIGGER IF EXISTS temp.{name}')  # not there if its table has gone
        for table in self._tables().values():
            for event, kind, values in table.triggers():
                self._run(
                    f'CREATE TEMP TRIGGER kali_undo_{table.number}_{kind} {event} ON main.{table.name} BEGIN '
                    f'INSERT INTO kali_undo_log (kind, tab, {_values(0, len(values))}) '
                    f"VALUES ('{kind}', {table.number}, {', '.join(values)}); END")

    def begun(self) -> bool:
        """Whether there are triggers of a Watch on this connection."""
        return bool(self._own())

    def put_back(self, first: int, last: int) -> None:
        """Take back the changes of these entries, the last one first, while the tables' own triggers are off:
        what they did is in the log as well. Their reversals are entries in turn.

        :raises Unfit: if a row is not as it was left
        :raises sqlite3.IntegrityError: likewise
        :raises DatabaseError: for a temporary trigger that somebody has put on a table
        """
        triggers = self.foreign_triggers()
        for name, _ in triggers:
            self._run(f'DROP TRIGGER main.{_quoted(name)}')
        self._run('PRAGMA defer_foreign_keys = ON')  # until all of it is there again
        self._reverse(first, last, self._tables())
        for _, sql in triggers:
            self._run(sql)

    def foreign_triggers(self) -> list[tuple[str, str]]:
        """The tables' own triggers, in the order in which they were made.

        :raises DatabaseError: if one is temporary
        """
        names = [name.lower() for name in self._names]
        marks = ', '.join('?' * len(names))
        for name, table in self._run(
                "SELECT name, tbl_name FROM temp.sqlite_master WHERE type = 'trigger' AND name NOT LIKE "
                f"'kali_undo_%' AND lower(tbl_name) IN ({marks})", names):
            raise DatabaseError(f'undo: the temporary trigger {name} on the table {table} would run while '
                                'something is undone. Make it one that stays in the file: CREATE TRIGGER, '
                                'without TEMP.')
        return self._run("SELECT name, sql FROM main.sqlite_master WHERE type = 'trigger' "
                         f'AND lower(tbl_name) IN ({marks}) ORDER BY rowid', names).fetchall()

    def _reverse(self, first: int, last: int, tables: dict[int, _Table]) -> None:
        held: list[tuple[int, str, int, bytes]] = []
        for entry in sqlite3.Cursor(self._connection).execute(
                f'SELECT seq, kind, tab, CAST(v0 AS BLOB) FROM {self.log} WHERE seq BETWEEN ? AND ? '
                'ORDER BY seq DESC', [first, last]):
            _, kind, number, row = entry
            # An UPDATE is noted after what ON UPDATE did because of it, and so has to wait here until that is
            # undone: that far reaches back the note from before it, or the row that made way for it by
            # REPLACE. (A note may have no UPDATE: OR IGNORE.)
            if held and held[-1][2] == number and (kind == 'I' or (kind == 'B' and held[-1][3] == row)):
                self._put(held.pop(), tables)
            if kind == 'U' and tables[number].cascades:
                held.append(entry)
            elif kind != 'B':
                self._put(entry, tables)

    def _put(self, entry: tuple[int, str, int, bytes], tables: dict[int, _Table]) -> None:
        seq, kind, number, _ = entry
        last = f'SELECT max(seq) FROM {self.log}'
        before = self._run(last).fetchone()[0]
        if self._run(tables[number].put_back(kind, self.log), {'seq': seq}).rowcount != 1:
            raise Unfit
        after = self._run(last).fetchone()[0]
        # Its own entry is the last. Before it stands what ON DELETE and ON UPDATE did to other rows. They
        # have entries of their own if they are to change.
        if after > before + 1:
            self._reverse(before + 1, after - 1, tables)

    def _own(self) -> list[str]:
        return [row[0] for row in self._run("SELECT name FROM temp.sqlite_master WHERE type = 'trigger' AND "
                                            "name LIKE 'kali_undo_%'")]

    def _foreign_keys(self) -> list[tuple[str, str, str]]:
        """Table, the table that it refers to, and what ON UPDATE does."""
        return self._run(
            'SELECT child.name, parent.name, on_update FROM main.sqlite_master AS child, '
            "pragma_foreign_key_list(child.name, 'main') AS each JOIN main.sqlite_master AS parent "
            "ON parent.name = each.\"table\" COLLATE NOCASE AND parent.type = 'table' "
            "WHERE child.type = 'table'").fetchall()

    def _tables(self) -> dict[int, _Table]:
        """The tables that are there, by number."""
        cascading = {parent for _, parent, action in self._foreign_keys()
                     if action not in ('NO ACTION', 'RESTRICT')}
        missing = self.missing()
        return {number: self._table(number, name, name in cascading)
                for number, name in enumerate(self._names) if name not in missing}

    def _table(self, number: int, name: str, cascades: bool) -> _Table:
        info = self._run("SELECT name, pk FROM pragma_table_xinfo(?, 'main') WHERE hidden = 0",
                         [name]).fetchall()
        columns = [_quoted(column) for column, _ in info]
        for alias in ('rowid', '_rowid_', 'oid'):
            if alias not in [column.lower() for column, _ in info]:
                try:
                    self._run(f'SELECT {alias} FROM main.{_quoted(name)} LIMIT 0')
                    return _Table(number, _quoted(name), [alias], columns, cascades)
                except sqlite3.OperationalError:  # WITHOUT ROWID
                    break
        keys = [_quoted(column) for column, place in sorted(info, key=lambda each: each[1]) if place]
        if not keys:
            raise ValueError(f'undo: the rows of {name} cannot be told apart: columns hide their rowid')
        return _Table(number, _quoted(name), keys, columns, cascades)


@cache
def size_of(width: int) -> str:
    """The SQL for the bytes, about, that entries of so many values take."""
    return f'sum(40 + {" + ".join(f"ifnull(length(v{number}), 0)" for number in range(width))})'


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _values(first: int, count: int) -> str:
    return ', '.join(f'v{number}' for number in range(first, first + count))
