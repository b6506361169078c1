"""watch: triggers that write down, for each row that changes, what it was before; and the SQL that takes the
change back. This is what undo rests on.

Each entry of the log stands for the change of one row, and is taken back as exactly that, however SQLite came
to make it. Values never leave SQLite, so that each comes back the same, text that is no UTF-8 included.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from kali.errors import DatabaseError
from kali.sqlite.schema import Table, tables
from kali.sqlite.statements import calls_itself, quoted, replaces, trigger_event, written_tables

__all__ = ['Unfit', 'Watch', 'all_tables', 'size_of']

Run = Callable[..., sqlite3.Cursor]


def all_tables(connection: sqlite3.Connection) -> list[str]:
    """The names of the program's own tables, without virtual ones and those that they keep their data in. The
    views of a list that somebody saved are among them."""
    return [table.name for table in tables(connection).values() if table.kind == 'table' and (
        table.name == 'kali_view' or not table.name.lower().startswith('kali_'))]


class Unfit(Exception):
    """A row is not as it was left: something else has changed it, and nothing can be taken back any more."""


class _Watched(NamedTuple):
    number: int
    name: str
    key: list[str]  # what names a row: the rowid, or the primary key of a table without one
    columns: list[str]
    cascades: bool  # whether another table's rows are changed when a row's key is
    fixed: list[str]  # the columns that SQLite lets nobody change
    conflict: str  # OR ABORT where the table has ON CONFLICT clauses: no other row is to give way

    @property
    def row(self) -> list[str]:
        """All that makes up a row."""
        return self.columns if self.key[0] in self.columns else self.key + self.columns

    @property
    def width(self) -> int:
        """How many values the longest entry has: a row before an UPDATE, and its key after it."""
        return len(self.row) + len(self.key)

    def reversal(self, kind: str, log: str) -> str:
        """The SQL that takes back the change of the entry :seq, by its kind."""
        row, name = self.row, f'main.{self.name}'

        def noted(first: int, count: int) -> str:
            return f'SELECT {_values(first, count)} FROM {log} WHERE seq = :seq'
        # What was deleted or inserted has its key (or row) from v0 on; what was updated, after its old row.
        where = ' AND '.join(f'{column} = ({noted(number, 1)})' for number, column in enumerate(
            self.key, start=len(row) if kind == 'U' else 0))
        if kind == 'D':
            return f'DELETE FROM {name} WHERE {where}'
        if kind == 'I':
            return f'INSERT {self.conflict} INTO {name} ({", ".join(row)}) {noted(0, len(row))}'
        places = {column: f'v{place}' for place, column in enumerate(row) if column not in self.fixed}
        values = f'SELECT {", ".join(places.values())} FROM {log} WHERE seq = :seq'
        return f'UPDATE {self.conflict} {name} SET ({", ".join(places)}) = ({values}) WHERE {where}'

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
    :param names: the tables, in an order that never changes: entries name them by number. Capitals do not
        matter, as for SQLite
    :param schema: where the log is: 'main' or 'temp'
    """

    def __init__(self, connection: sqlite3.Connection, names: list[str], schema: str) -> None:
        found = tables(connection)
        self.names = list(dict.fromkeys(found[name].name if name in found else name for name in names))
        self.log = f'{schema}.kali_undo_log'
        self.width = 0  # how many values an entry has
        self._connection, self._tables = connection, dict[int, _Watched]()
        self._run: Run = sqlite3.Cursor(connection).execute

    def complaint(self) -> str:
        """Why these tables cannot be watched; '' if they can."""
        found = tables(self._connection)
        for name in self.names:
            if name not in found or found[name].kind != 'table':
                return (f'there is no table {name} in the database, or it is a view or virtual; make the '
                        'tables first')
        for child in found.values():
            for parent in (each.parent for each in child.foreign_keys):
                if parent in found and (child.name in self.names) != (parent in self.names):
                    return (f'the table {child.name} refers to {parent}; name both or neither, or a row that '
                            'comes back may lack what belongs to it')
        replacing = [sql for _, _, sql in self._triggers()] + [found[name].sql for name in self.names]
        if not self.recursive() and any(map(replaces, replacing)):
            return ('a trigger calls itself without an end if recursive_triggers is on, and where it is off '
                    'the rows that make way by REPLACE, which a trigger or table here uses, go unnoticed')
        if self.begun():
            return 'the connection has a history already; name all tables for that one'
        return self._about_triggers()

    def recursive(self) -> bool:
        """Whether recursive_triggers can be on, so that the rows that make way by REPLACE are noted. Not if a
        trigger would call itself without an end then."""
        return not any(calls_itself(sql, table) for _, table, sql in self._triggers())

    def _about_triggers(self) -> str:
        """Why the tables' triggers that keep virtual tables in step (full-text search, R*Tree) do not do."""
        events: dict[tuple[str, str], set[str]] = {}
        for name, table, sql in self._triggers():
            virtual, others = self._written(sql)
            if virtual and others:
                return (f'the trigger {name} on {table} writes to the virtual table {virtual[0]}, so it has '
                        f'to run while something is undone, but also to {others[0]}, so it must not; '
                        'make it two triggers')
            for each in virtual:
                events.setdefault((table, each), set()).add(trigger_event(sql))
        for (table, each), found in events.items():
            if len(found & {'INSERT', 'DELETE'}) == 1:
                (here,) = found & {'INSERT', 'DELETE'}
                return (f'a trigger on {table} keeps {each} in step at {here}, and none does so at '
                        f'{"DELETE" if here == "INSERT" else "INSERT"}, which is what undoes it; add one')
        return ''

    def make_log(self) -> None:
        """An empty log, wide enough for each of the tables.

        :raises ValueError: if SQLite has no table that is so wide
        """
        self._read_tables()
        widest = max(self._tables.values(), key=lambda table: table.width)
        self.width = widest.width
        self._run(f'DROP TABLE IF EXISTS {self.log}')
        try:
            self._run(f'CREATE TABLE {self.log} (seq INTEGER PRIMARY KEY, kind, tab, '
                      f'{_values(0, self.width)})')
        except sqlite3.OperationalError as error:
            if 'too many columns' not in str(error):
                raise
            raise ValueError(
                f'undo: the table {widest.name} has too many columns ({len(widest.columns)}): SQLite has no '
                'table that could note its old rows and their keys; name the others') from error

    def begin(self) -> None:
        """Make the triggers. They are temporary: the file has nothing of them for other programs.

        The temporary triggers of a table run before its others, so what a trigger of the table does comes
        later in the log. Changes are noted after the fact: only then is it sure that they are made.
        """
        self._read_tables()
        for name in self._own():
            self._run(f'DROP TRIGGER IF EXISTS temp.{name}')  # not there if its table has gone
        for table in self._tables.values():
            for event, kind, values in table.triggers():
                self._run(
                    f'CREATE TEMP TRIGGER kali_undo_{table.number}_{kind} {event} ON main.{table.name} BEGIN '
                    f'INSERT INTO kali_undo_log (kind, tab, {_values(0, len(values))}) '
                    f"VALUES ('{kind}', {table.number}, {', '.join(values)}); END")

    def begun(self) -> bool:
        """Whether there are triggers of a Watch on this connection."""
        return bool(self._own())

    def take_back(self, first: int, last: int) -> None:
        """Take back the changes of these entries, the last one first. Their reversals are entries in turn.

        The tables' own triggers are off meanwhile, since what they did is in the log as well; but for those
        that keep a virtual table in step, whose rows are not.

        :raises Unfit: if a row is not as it was left
        :raises sqlite3.IntegrityError: likewise
        :raises DatabaseError: for a temporary trigger on one of the tables
        """
        self.expect_no_temporary_triggers()
        off = [(name, sql) for name, _, sql in self._triggers() if not self._written(sql)[0]]
        for name, _ in off:
            self._run(f'DROP TRIGGER main.{quoted(name)}')
        self._run('PRAGMA defer_foreign_keys = ON')  # until all of it is there again
        checks = self._run('PRAGMA ignore_check_constraints').fetchone()[0]
        self._run('PRAGMA ignore_check_constraints = ON')  # a row may be older than the CHECK that it breaks
        try:
            self._reverse(first, last)
        finally:
            self._run(f'PRAGMA ignore_check_constraints = {checks}')
        # It is: what lacks a parent now lacked one before. OFF forgets that there is such a row, or COMMIT
        # would refuse it.
        self._run('PRAGMA defer_foreign_keys = OFF')
        for _, sql in off:
            # SQLite keeps the statement as CREATE TRIGGER name …; without a schema before the name, it would
            # be a trigger of a temporary table, if there is one of that name.
            self._run(sql.replace('CREATE TRIGGER ', 'CREATE TRIGGER main.', 1))

    def expect_no_temporary_triggers(self) -> None:
        """Raise DatabaseError for a temporary trigger on one of the tables: it cannot be switched off."""
        for name, table in self._run(
                "SELECT name, tbl_name FROM temp.sqlite_master WHERE type = 'trigger' AND name NOT LIKE "
                f"'kali_undo_%' AND {self._among()}", self.names):
            raise DatabaseError(f'undo: the temporary trigger {name} on the table {table} would run while '
                                'something is undone. Make it one that stays in the file: CREATE TRIGGER, '
                                'without TEMP.')

    def _triggers(self) -> list[tuple[str, str, str]]:
        """The tables' own triggers, in the order in which they were made: name, table and statement."""
        return self._run("SELECT name, tbl_name, sql FROM main.sqlite_master WHERE type = 'trigger' "
                         f'AND {self._among()} ORDER BY rowid', self.names).fetchall()

    def _among(self) -> str:
        return f'tbl_name COLLATE NOCASE IN ({", ".join("?" * len(self.names))})'

    def _written(self, sql: str) -> tuple[list[str], list[str]]:
        """The virtual tables that a trigger writes to, and the others."""
        written = sorted(written_tables(sql))
        virtual = {name.lower() for name, in self._run(
            "SELECT name FROM main.sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL%'")}
        return ([name for name in written if name.lower() in virtual],
                [name for name in written if name.lower() not in virtual])

    def _reverse(self, first: int, last: int) -> None:
        held: list[tuple[int, str, int, bytes]] = []
        for entry in sqlite3.Cursor(self._connection).execute(
                f'SELECT seq, kind, tab, CAST(v0 AS BLOB) FROM {self.log} WHERE seq BETWEEN ? AND ? '
                'ORDER BY seq DESC', [first, last]):
            _, kind, number, row = entry
            # An UPDATE is noted after what ON UPDATE did because of it, and so has to wait here until that is
            # undone: that far reaches back the note from before it, or the row that made way for it by
            # REPLACE. (A note may have no UPDATE: OR IGNORE.)
            if held and held[-1][2] == number and (kind == 'I' or (kind == 'B' and held[-1][3] == row)):
                self._put(held.pop())
            if kind == 'U' and self._tables[number].cascades:
                held.append(entry)
            elif kind != 'B':
                self._put(entry)

    def _put(self, entry: tuple[int, str, int, bytes]) -> None:
        seq, kind, number, _ = entry
        last = f'SELECT max(seq) FROM {self.log}'
        before = self._run(last).fetchone()[0]
        if self._run(self._tables[number].reversal(kind, self.log), {'seq': seq}).rowcount != 1:
            raise Unfit
        after = self._run(last).fetchone()[0]
        # Its own entry is the last. Before it stands what ON DELETE and ON UPDATE did to other rows. They
        # have entries of their own if they are to change.
        if after > before + 1:
            self._reverse(before + 1, after - 1)

    def _own(self) -> list[str]:
        return [row[0] for row in self._run("SELECT name FROM temp.sqlite_master WHERE type = 'trigger' AND "
                                            "name LIKE 'kali_undo_%'")]

    def _read_tables(self) -> None:
        """The tables that are there, by number; one may have become a view meanwhile."""
        found = tables(self._connection)
        cascading = {key.parent for table in found.values() for key in table.foreign_keys
                     if key.on_update not in ('NO ACTION', 'RESTRICT')}
        self._tables = {number: _watched(number, found[name], name in cascading)
                        for number, name in enumerate(self.names)
                        if name in found and found[name].kind == 'table'}


def _watched(number: int, table: Table, cascades: bool) -> _Watched:
    columns = [quoted(name) for name, column in table.columns.items() if not column.generated]
    fixed = _fixed(table, columns)
    # Not everywhere: it goes for what a trigger does, too, and INSERT OR REPLACE would be none any more.
    conflict = 'OR ABORT' if 'conflict' in table.sql.lower() else ''
    if not table.without_rowid:
        for alias in ('rowid', '_rowid_', 'oid'):
            if alias not in table.columns:
                return _Watched(number, quoted(table.name), [alias], columns, cascades, fixed, conflict)
    keys = [quoted(name) for name in table.key if name in table.columns]
    if not keys:
        raise ValueError(f'undo: the rows of {table.name} cannot be distinguished: columns hide their rowid')
    return _Watched(number, quoted(table.name), keys, columns, cascades, fixed, conflict)


def _fixed(table: Table, columns: list[str]) -> list[str]:
    """Those of the columns that SQLite lets nobody change: their foreign key, or one that refers to them,
    refers to what is not there, or is not unique."""
    def refused(names: list[str]) -> bool:
        changes = ', '.join(f'{name} = {name}' for name in names)
        try:
            sqlite3.Cursor(table.connection).execute(f'EXPLAIN UPDATE {table.sql_name} SET {changes}')
        except sqlite3.OperationalError:
            return True
        return False
    return [name for name in columns if refused([name])] if columns and refused(columns) else []


@cache
def size_of(width: int) -> str:
    """The SQL for the bytes, about, that entries of so many values take.

    SQLite takes no expression that is deeper than 1000 (https://sqlite.org/limits.html), so in groups.
    """
    lengths = [f'ifnull(length(v{number}), 0)' for number in range(width)]
    groups = (' + '.join(lengths[first:first + 100]) for first in range(0, width, 100))
    return f'sum(40 + {" + ".join(f"({group})" for group in groups)})'


def _values(first: int, count: int) -> str:
    return ', '.join(f'v{number}' for number in range(first, first + count))
