"""schema: the tables of an SQLite database as values: columns, keys, foreign keys, and the rows in them.

All of it is what SQLite itself says in answer to its PRAGMAs, asked when a table is first looked at; only
CHECK and COLLATE, which no PRAGMA gives, are read in the SQL of the table (`checks`). Names are compared as
SQLite does, without regard to the case of ASCII letters. A database with names or text that are no UTF-8
can be read as well.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from kali.errors import DatabaseError, NotFound
from kali.sqlite.checks import Rule, as_stored, read_checks
from kali.sqlite.columns import LOWER, Column, ForeignKey, Names, Unique, affinity_of
from kali.sqlite.labels import label_of
from kali.sqlite.older import guessed
from kali.sqlite.statements import kinds, quoted
from kali.sqlite.values import storable

__all__ = ['Column', 'ForeignKey', 'Names', 'Rule', 'Table', 'Unique', 'affinity_of', 'quoted', 'select',
           'table', 'tables']


class Table:
    """A table or view of a database, made by `tables` or `table`.

    What is said about the schema is read when it is first asked for, and stays so: after a change of the
    schema make a new one. `get`, `rows`, `insert`, `update` and `delete` run on the connection, in whatever
    transaction is open there; names are quoted by them, and values are parameters.

    :ivar schema: `main`, `temp`, or the name of an attached database
    :ivar name: as in the schema
    :ivar kind: `table`, `view`, `virtual`, or `shadow` (where a virtual table keeps its data)
    :ivar without_rowid: whether it was made WITHOUT ROWID
    :ivar strict: whether it was made STRICT

    >>> db = sqlite3.connect(':memory:')
    >>> _ = db.execute('CREATE TABLE tea (tea INTEGER PRIMARY KEY, name TEXT)')
    >>> tea = tables(db)['tea']
    >>> number = tea.insert({'name': 'Assam'})
    >>> number = tea.update(number, {'name': 'Darjeeling'})
    >>> tea.get(number)['name'], tea.label
    ('Darjeeling', 'name')
    >>> db.close()
    """

    def __init__(self, connection: sqlite3.Connection, schema: str, name: str, kind: str, *,
                 without_rowid: bool = False, strict: bool = False) -> None:
        self.connection = connection
        self.schema, self.name = schema, name  # schema: 'main', 'temp', or the name of an attached one
        self.kind = kind  # 'table', 'view', 'virtual' or 'shadow' (where a virtual table keeps its data)
        self.without_rowid, self.strict = without_rowid, strict
        self.sql_name = f'{quoted(schema)}.{quoted(name)}'  # as SQL has it

    def __repr__(self) -> str:
        return f'<{self.kind} {self.sql_name}>'

    # The schema.

    @property
    def is_view(self) -> bool:
        """Whether it is a view, whose rows have no key."""
        return self.kind == 'view'

    @cached_property
    def sql(self) -> str:
        """The statement that made it."""
        found = _schema(self.connection, f'SELECT sql FROM {quoted(self.schema)}.sqlite_master WHERE '
                        "type IN ('table', 'view') AND name = ?", [self.name])
        return (found[0][0] or '') if found else ''

    @cached_property
    def problem(self) -> str:
        """Why SQLite cannot read it (a view of what is gone, a virtual table without its module), or ''."""
        try:
            sqlite3.Cursor(self.connection).execute(f'SELECT 1 FROM {self.sql_name} LIMIT 0')
        except sqlite3.DatabaseError as error:
            return str(error)
        return ''

    @cached_property
    def columns(self) -> Names[Column]:
        """Its columns by name, generated and hidden ones among them. A name that is no UTF-8 is left out, as
        Python cannot ask for it; so are all of them when there is a `problem`."""
        try:
            rows = self._ask('table_xinfo')
        except sqlite3.OperationalError:  # as `problem` says
            return Names()
        affinities = {row[1].translate(LOWER): affinity_of(row[2], strict=self.strict) for row in rows}
        rules, collations = read_checks(self.sql, affinities) if self.kind == 'table' else ({}, {})
        found = []
        for _, name, declared, required, default, key, hidden in rows:
            if _is_text(name):
                low = name.translate(LOWER)
                found.append((name, Column(
                    name, declared, affinities[low], bool(required), default, key, hidden in (2, 3),
                    hidden == 1, collations.get(low, 'BINARY'), rules.get(low, Rule()))))
        return Names(found)

    @cached_property
    def rowid(self) -> str | None:
        """A name for the rowid, which each row has but for those of views and tables WITHOUT ROWID: its
        column (INTEGER PRIMARY KEY), else `rowid` or another of SQLite's names that no column took."""
        if self.kind == 'view' or self.without_rowid:
            return None
        keys = [column.name for column in self.columns.values() if column.key]
        # An index for the key says that it is no name of the rowid: INT, TEXT, INTEGER PRIMARY KEY DESC.
        if len(keys) == 1 and not any(unique.is_key and unique.name for unique in self.unique):
            return keys[0]
        return next((name for name in ('rowid', '_rowid_', 'oid') if name not in self.columns), None)

    @cached_property
    def assigned(self) -> str | None:
        """The column that SQLite gives a number by itself: an INTEGER PRIMARY KEY, the name of the rowid."""
        return self.rowid if self.rowid is not None and self.rowid in self.columns else None

    @cached_property
    def key(self) -> tuple[str, ...]:
        """What names a row: the columns of its primary key, else the rowid; () for a view."""
        keys = sorted((column.key, column.name) for column in self.columns.values() if column.key)
        return tuple(name for _, name in keys) or ((self.rowid,) if self.rowid else ())

    @cached_property
    def unique(self) -> tuple[Unique, ...]:
        """The sets of columns that are unique, the primary key first."""
        found = []
        for _, name, is_unique, origin, partial in self._ask('index_list'):
            if is_unique:
                rows = _schema(self.connection, 'SELECT name, cid FROM pragma_index_xinfo(?, ?) WHERE key '
                               'ORDER BY seqno', [name, self.schema])
                found.append(Unique(name, tuple(column for column, cid in rows if cid >= 0), origin == 'pk',
                                    bool(partial), any(cid < -1 for _, cid in rows)))
        if not any(unique.is_key for unique in found):
            keys = tuple(column.name for column in self.columns.values() if column.key)
            found += [Unique('', keys, True, False, False)] if keys else []
        return tuple(sorted(found, key=lambda unique: not unique.is_key))

    @cached_property
    def foreign_keys(self) -> tuple[ForeignKey, ...]:
        """Its foreign keys, in the order in which they were declared."""
        rows: dict[int, list[tuple[Any, ...]]] = {}
        for row in sorted(self._ask('foreign_key_list'), key=lambda row: (-row[0], row[1])):
            rows.setdefault(row[0], []).append(row)
        return tuple(self._foreign_key(parts) for parts in rows.values())

    def _foreign_key(self, rows: list[tuple[Any, ...]]) -> ForeignKey:
        _, _, name, _, _, on_update, on_delete, *_ = rows[0]
        parent = table(self.connection, name, self.schema) if _is_text(name) else None
        targets: tuple[str, ...] = ()
        if parent is not None and rows[0][4] is None:
            targets = tuple(name for name in parent.key if name in parent.columns)
        elif parent is not None:
            targets = tuple(parent.columns[row[4]].name for row in rows if row[4] in parent.columns)
        return ForeignKey(self.name, tuple(row[3] for row in rows), parent.name if parent else name,
                          targets if len(targets) == len(rows) else (), on_update, on_delete)

    @cached_property
    def pointed_at_by(self) -> tuple[ForeignKey, ...]:
        """The foreign keys that refer to this table, its own among them."""
        children = _schema(
            self.connection, f'SELECT DISTINCT child.name FROM {quoted(self.schema)}.sqlite_master AS child, '
            "pragma_foreign_key_list(child.name, ?) AS each WHERE child.type = 'table' AND "
            'each."table" = ? COLLATE NOCASE ORDER BY child.rowid', [self.schema, self.name])
        found = (table(self.connection, child, self.schema) for child, in children if _is_text(child))
        return tuple(each for child in found if child for each in child.foreign_keys
                     if each.parent == self.name)

    @cached_property
    def label(self) -> str | None:
        """The column that tells a person which record it is: one with a name like `name` or `title`, else a
        text that is no key, else the key; None without columns."""
        return label_of(self.name, self.columns.values(), self.key, self.foreign_keys)

    def _ask(self, pragma: str) -> list[tuple[Any, ...]]:
        return _schema(self.connection, f'SELECT * FROM pragma_{pragma}(?, ?)', [self.name, self.schema])

    # The rows.

    def get(self, key: Any) -> sqlite3.Row:
        """The record with this key, as `sqlite3.Row`; a tuple for a key of several columns.

        Its columns come first; the rowid is there too where that is the key.

        :raises NotFound: if there is none, with a sentence that names it
        """
        where, parameters = self.condition(key)
        try:
            found = self.rows(where, parameters, limit=1)
        except (OverflowError, UnicodeEncodeError):  # no value of SQLite
            found = []
        if not found:
            raise self._missing(key)
        return found[0]

    def rows(self, where: str = '', parameters: Sequence[Any] = (), *, order: str = '', columns: str = '',
             limit: int | None = None, offset: int = 0) -> list[sqlite3.Row]:
        """Records, as a list of `sqlite3.Row`. Text that is no UTF-8 has U+FFFD in place of what is none.

        :param where: SQL of the program's own, with a `?` for each of the parameters
        :param order: likewise, after ORDER BY; and `columns`, after SELECT
        :param limit: the most rows; and `offset`, how many to skip before them
        """
        if not columns:
            columns = ', '.join(quoted(column.name) for column in self.columns.values() if not column.hidden)
            if self.key and self.key[0] not in self.columns:
                columns += f', {self.key[0]} AS {self.key[0]}'  # or SQLite may name it rowid
        sql = f'SELECT {columns or "*"} FROM {self.sql_name}'
        if where:
            sql += f' WHERE {where}'
        if order:
            sql += f' ORDER BY {order}'
        values = list(parameters)
        if limit is not None or offset:
            sql, values = f'{sql} LIMIT ? OFFSET ?', [*values, -1 if limit is None else limit, offset]
        return select(self.connection, sql, values)

    def _only(self, key: Any) -> sqlite3.Row:
        """The record with this key, which no other has."""
        row = self.get(key)
        where, parameters = self.condition(key)
        if None in parameters and self.count(where, parameters) > 1:
            raise DatabaseError(f'Several records of {self.name} have no value in their key, so none can be '
                                'told from the others; nothing was changed.', status=409)
        return row

    def count(self, where: str = '', parameters: Sequence[Any] = ()) -> int:
        """How many records there are; `where` and `parameters` as for `rows`."""
        sql = f'SELECT count(*) FROM {self.sql_name}' + (f' WHERE {where}' if where else '')
        number: int = self._run(sql, parameters).fetchone()[0]
        return number

    def insert(self, record: Mapping[str, Any]) -> Any:
        """Add a record, and return its key; a tuple for a key of several columns.

        :param record: values by column; a column that is not in it gets its default
        """
        names = ', '.join(map(quoted, record))
        what = f'({names}) VALUES ({", ".join("?" * len(record))})' if record else 'DEFAULT VALUES'
        sql = f'INSERT INTO {self.sql_name} {what}'
        if self.key and self.rowid is None:  # WITHOUT ROWID
            cursor = self._run(f'{sql} RETURNING {self._key_sql}', list(record.values()))
            return _single(cursor.fetchall()[0])
        number = self._run(sql, list(record.values())).lastrowid
        if self.key in ((), (self.rowid,)):
            return number
        return _single(self._run(f'SELECT {self._key_sql} FROM {self.sql_name} WHERE {self._rowid_sql} = ?',
                                 [number]).fetchall()[0])

    def update(self, key: Any, changes: Mapping[str, Any]) -> Any:
        """Change the record with this key, in those columns of `changes` that have another value so far, and
        return its key, which may be among them.

        What is the same already is not written: no trigger runs for it, and no text that is not UTF-8, which
        Python cannot hold as it is, is replaced.

        :raises NotFound: if there is none
        :raises DatabaseError: if several have this key, which then has a NULL in it
        """
        now = self._only(key)
        changed = {name: value for name, value in changes.items() if not self._has(now, name, value)}
        where, parameters = self.condition(key)
        if changed:
            settings = ', '.join(f'{quoted(name)} = ?' for name in changed)
            self._run(f'UPDATE {self.sql_name} SET {settings} WHERE {where}',
                      [*changed.values(), *parameters])
        by_name = Names(list(changed.items()))
        return _single([by_name.get(name, value) for name, value in zip(self.key, parameters, strict=True)])

    def _has(self, row: sqlite3.Row, name: str, value: Any) -> bool:
        """Whether the column would store `value` as what is in the row already."""
        column = self.columns.get(name)
        if column is None or column.hidden:
            return False  # a name that SQLite is to refuse, or a command to a virtual table
        known, value = row[column.name], as_stored(storable(value), column.affinity)
        if isinstance(known, (int, float)) and isinstance(value, (int, float)) and column.affinity != 'BLOB':
            return known == value
        return type(known) is type(value) and bool(known == value)

    def delete(self, key: Any) -> None:
        """Delete the record with this key.

        :raises NotFound: if there is none
        :raises DatabaseError: if several have this key, which then has a NULL in it
        """
        self._only(key)
        where, parameters = self.condition(key)
        self._run(f'DELETE FROM {self.sql_name} WHERE {where}', parameters)

    def default(self, column: str) -> Any:
        """What a new record has in a column that is left out, at the moment; None if that cannot be said."""
        found = self.columns[column]
        if found.default is None:
            return None
        first, *more = kinds(found.default)
        if first.kind == 'quoted' and not more:
            return first.text  # DEFAULT "x" is text, and so is DEFAULT x
        try:
            value = self._run(f'SELECT {found.default}').fetchone()[0]
        except sqlite3.Error as error:
            if 'no such column' not in str(error):
                return None  # a function that only the author's program has: the database knows, or refuses
            value = first.text
        return as_stored(value, found.affinity)

    def key_of(self, row: Any) -> Any:
        """The key of a row that `get` or `rows` gave; a tuple if it has several columns."""
        return _single([row[name] for name in self.key])

    def _run(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
        cursor = self.connection.cursor()
        cursor.row_factory = None
        return cursor.execute(sql, parameters)

    def condition(self, key: Any) -> tuple[str, list[Any]]:
        """The condition in SQL for the record with this key, and its parameters.

        :raises NotFound: for a key of more or fewer values than there are columns in it
        """
        if not self.key:
            raise DatabaseError(f'The rows of {self.name} have no key, so none can be told from the others.')
        values = list(key) if isinstance(key, (tuple, list)) else [key]
        if len(values) != len(self.key):
            raise self._missing(key)
        # A primary key may be NULL in SQLite, unless it says NOT NULL.
        conditions = (f'{self._sql_of(name)} {"IS" if value is None else "="} ?'
                      for name, value in zip(self.key, values, strict=True))
        return ' AND '.join(conditions), values

    def _sql_of(self, name: str) -> str:
        # A quoted "rowid" would be text where the table has none.
        return quoted(name) if name in self.columns else name

    @property
    def _key_sql(self) -> str:
        return ', '.join(map(self._sql_of, self.key))

    @property
    def _rowid_sql(self) -> str:
        return self._sql_of(self.rowid or '')

    def _missing(self, key: Any) -> NotFound:
        shown = ', '.join(map(str, key)) if isinstance(key, (tuple, list)) else key
        return NotFound(f'There is no {self.name} {shown}.'.encode('utf-8', 'replace').decode())


def tables(connection: sqlite3.Connection, schema: str = 'main') -> Names[Table]:
    """The tables and views of a database by name, in the order in which they were made; SQLite's own
    (`sqlite_…`) are left out, and so are those whose name is no UTF-8, as Python cannot ask for them.

    >>> db = sqlite3.connect(':memory:')
    >>> _ = db.execute('CREATE TABLE note (note INTEGER PRIMARY KEY, text NOT NULL)')
    >>> tables(db)['NOTE'].columns['text'].not_null
    True
    >>> db.close()

    :param schema: 'main', 'temp', or the name of an attached database
    """
    return Names([(each.name, each) for each in _made(connection, schema)])


def table(connection: sqlite3.Connection, name: str, schema: str | None = None) -> Table | None:
    """The table or view of this name, or None; only that one is looked at.

    :param schema: as for `tables`; unless given, the one in which SQLite finds the name first
    """
    schemas = [schema] if schema else [row[1] for row in sorted(
        _schema(connection, 'PRAGMA database_list'), key=lambda row: (row[1] != 'temp', row[0]))]
    found = (each for where in schemas for each in _made(connection, where, name))
    return next(found, None)


def _made(connection: sqlite3.Connection, schema: str, name: str | None = None) -> Iterator[Table]:
    """The tables of one schema, or the one of that name."""
    rows = _schema(connection, f'SELECT name, type, sql FROM {quoted(schema)}.sqlite_master '
                   "WHERE type IN ('table', 'view') ORDER BY rowid")
    low = None if name is None else name.translate(LOWER)
    described: Mapping[str, tuple[str, bool, bool]] = {}
    if sqlite3.sqlite_version_info >= (3, 37):
        described = {each: (kind, bool(without), bool(strict)) for each, kind, without, strict in _schema(
            connection, 'SELECT name, type, wr, strict FROM pragma_table_list WHERE schema = ?'
            + (' AND name = ? COLLATE NOCASE' if name is not None else ''),
            [schema] if name is None else [schema, name])}
    else:
        described = guessed(rows)
    for each, _, _ in rows:
        if _is_text(each) and not each.translate(LOWER).startswith('sqlite_') and (
                low is None or each.translate(LOWER) == low):
            kind, without, strict = described[each]
            yield Table(connection, schema, each, kind, without_rowid=without, strict=strict)


def select(connection: sqlite3.Connection, sql: str, parameters: Sequence[Any] = ()) -> list[sqlite3.Row]:
    """The rows of a SELECT, as `sqlite3.Row`. Text that is no UTF-8 has U+FFFD in place of what is none.

    :param sql: the SELECT, with `?` for each of the `parameters`

    >>> db = sqlite3.connect(':memory:')
    >>> select(db, "SELECT CAST(x'61ff' AS TEXT) AS a")[0]['a']
    'a\ufffd'
    >>> db.close()
    """
    cursor = connection.cursor()
    cursor.row_factory = sqlite3.Row
    try:
        return cursor.execute(sql, parameters).fetchall()
    except sqlite3.OperationalError as error:
        if 'decode' not in str(error):
            raise
    with decoding(connection, 'replace'):
        return cursor.execute(sql, parameters).fetchall()


@contextmanager
def decoding(connection: sqlite3.Connection, errors: str) -> Iterator[None]:
    """Text that is no UTF-8 is read as well, with `errors` as for `bytes.decode`."""
    before = connection.text_factory
    connection.text_factory = lambda raw: raw.decode('utf-8', errors)
    try:
        yield
    finally:
        connection.text_factory = before


def _schema(connection: sqlite3.Connection, sql: str,
            parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """The rows of something that is read in the schema, apart from what the connection keeps account of."""
    with decoding(connection, 'surrogateescape'):
        return sqlite3.Cursor(connection).execute(sql, parameters).fetchall()


def _is_text(name: str) -> bool:
    """Whether a name is UTF-8."""
    return not any('\ud800' <= character <= '\udfff' for character in name)


def _single(values: Sequence[Any]) -> Any:
    return values[0] if len(values) == 1 else tuple(values)
