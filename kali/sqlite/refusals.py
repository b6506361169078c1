"""refusals: what a database says when it refuses data, as sentences at the columns that they are about.

UNIQUE, CHECK, NOT NULL, FOREIGN KEY, the type of a column in a STRICT table, and RAISE in a trigger: SQLite's
message says which; the schema says what it is about. Nothing of the program's own lines is in a sentence.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

from kali.errors import DatabaseError
from kali.locale.words import say
from kali.markup import Markup, escape
from kali.sqlite.columns import Names
from kali.sqlite.statements import change, kinds, quoted, tokens, unquoted

__all__ = ['Refusal', 'read_refusal']

# The kinds with one sentence at each column. The name of the field comes before it.
_SENTENCES = {'required': 'blank', 'check': 'not accepted', 'type': 'wrong kind'}

_FAILED = re.compile(r'(UNIQUE|NOT NULL|CHECK|FOREIGN KEY) constraint failed(?:: (.*))?', re.DOTALL)
# A foreign key that leads nowhere: SQLite takes such a table, and refuses what is written to it.
_ASTRAY = re.compile(r'no such table: (?:main\.|temp\.)?(?P<parent>.*)|'
                     r'foreign key mismatch - ".*" referencing "(?P<unfit>.*)"', re.DOTALL)
_TYPE = re.compile(r'cannot store \w+ value in \w+ column (.*)', re.DOTALL)


class Refusal(DatabaseError):
    """The database refuses the data of a request; as an error, 409 with a sentence.

    :ivar kind: a key of the sentences, or 'trigger'
    :ivar table: the name of the table, if it is known
    :ivar columns: the names of the columns, as far as they are known
    """

    status = 409

    def __init__(self, kind: str, table: str = '', columns: tuple[str, ...] = (), *, words: str = '',
                 others: tuple[str, ...] = (), schema: Any = None) -> None:
        self.kind, self.table, self.columns, self.words = kind, table, columns, words
        self.others = others  # the tables that need what was to be deleted, or the parent
        self.schema = schema  # the Table, where there is one
        self.refusal = self
        sentences = self.errors({})
        super().__init__(' '.join(dict.fromkeys(self.named(*each) for each in sentences.items())))

    def errors(self, native: Mapping[str, Any], labels: Mapping[str, str] = {},  # not changed
               link: Callable[[Any], str] = lambda key: '') -> dict[str, Any]:
        """The sentences by column; those about no column are at ''.

        :param native: what was to be saved, by column: it may tell more
        :param labels: what the columns are called, where that is not their name
        :param link: the URL of the page of a record of `table` with this key, or ''
        """
        columns = self.columns
        sentence: Any
        if self.kind == 'trigger':
            return {'': self.words}
        if self.kind == 'unique':
            names = [labels.get(name) or _in_words(name) for name in columns]
            table = _in_words(self.table) or say('record')
            content = say('and').join(map(_small, names)) or say('content')
            sentence = say('taken', table=table, columns=content)
            if table[0] in 'aeiouAEIOU':  # an owner, in English
                sentence = sentence.replace(f' a {table} ', f' an {table} ', 1)
            sentence = self._other(native, link, sentence)
        elif self.kind == 'foreign key':
            columns, sentence = self._foreign(native)
        elif not columns or self.kind not in _SENTENCES:
            sentence = say('not possible')
        else:
            sentence = say('together' if self.kind == 'check' and len(columns) > 1 else _SENTENCES[self.kind])
        return dict.fromkeys(columns, sentence) or {'': sentence}

    @property
    def known_columns(self) -> tuple[str, ...]:
        """All columns that `errors` may use the values and labels of."""
        return self.columns if self.schema is None else tuple(self.schema.columns)

    @staticmethod
    def named(column: str, sentence: object) -> str:
        """A sentence by itself, with the name of its column before it unless it begins like one."""
        text = str(sentence)
        return text if not column or text[:1].isupper() else f'“{_in_words(column).capitalize()}” {text}'

    def _other(self, native: Mapping[str, Any], link: Callable[[Any], str], sentence: str) -> Any:
        """The sentence that there is one already, with its name and a link to it as far as they are known."""
        row = None
        if self.schema is not None and self.columns and all(name in native for name in self.columns):
            where = ' AND '.join(f'{quoted(name)} = ?' for name in self.columns)
            try:
                values = [native[name] for name in self.columns]
                row = next(iter(self.schema.rows(where, values, limit=1)), None)
            except (sqlite3.Error, OverflowError, ValueError):
                row = None
        if row is None:
            return f'{sentence}.'
        label = row[self.schema.label] if self.schema.label else None
        name = '' if label is None or self.schema.label in self.columns else str(label)
        url = link(self.schema.key_of(row)) if self.schema.key else ''
        if url:
            return Markup(f'{escape(sentence)}: <a href="{escape(url)}">{escape(name or say("shown"))}</a>.')
        return f'{sentence}: {name}.' if name else f'{sentence}.'

    def _foreign(self, native: Mapping[str, Any]) -> tuple[tuple[str, ...], str]:
        if self.columns:
            return self.columns, say('no parent', table=_in_words(', '.join(self.others)))
        if self.others:
            tables = say('and').join(f'“{_in_words(name)}”' for name in self.others)
            return (), say('needed', tables=tables)
        for key in self.schema.foreign_keys if self.schema is not None else ():
            if all(native.get(name) is not None for name in key.columns) and not self._has(key, native):
                return key.columns, say('no parent', table=_in_words(key.parent))
        return (), say('reference')

    def _has(self, key: Any, native: Mapping[str, Any]) -> bool:
        from kali.sqlite.schema import table  # few requests are refused
        parent = table(self.schema.connection, key.parent)
        if parent is None or not key.parent_columns:
            return True
        where = ' AND '.join(f'{quoted(name)} = ?' for name in key.parent_columns)
        return bool(parent.count(where, [native[name] for name in key.columns]))


def read_refusal(error: sqlite3.Error, connection: sqlite3.Connection,
                 statements: Sequence[str] = ()) -> Refusal | None:
    """What `error` says about data that the database refuses; None for any other error.

    :param connection: with the transaction still open: an error at COMMIT does not name its tables
    :param statements: those of the transaction as far as they are known, the last one last
    """
    text = str(error)
    if not isinstance(error, sqlite3.IntegrityError):
        astray = _ASTRAY.fullmatch(text) if statements else None
        return astray and _leads_nowhere(connection, change(statements[-1])[1], astray[1] or astray[2])
    found, wrong_type = _FAILED.fullmatch(text), _TYPE.fullmatch(text)
    verb, changed = change(statements[-1]) if statements else ('', '')
    if found and found[1] == 'FOREIGN KEY':
        changes = map(change, statements)
        return _foreign_key(connection, verb, changed, {name for kind, name in changes if kind == 'DELETE'})
    if found and found[1] == 'CHECK':
        return _check(connection, found[2] or '', changed)
    if found or wrong_type:
        kind = {'UNIQUE': 'unique', 'NOT NULL': 'required'}[found[1]] if found else 'type'
        about = (found or wrong_type)[2 if found else 1] or ''  # type: ignore[index]
        table, columns = _columns(connection, about)
        return Refusal(kind, table.name if table else '', columns, schema=table)
    if text == 'datatype mismatch':
        table = _table(connection, changed)
        return Refusal('type', changed, (table.assigned,) if table and table.assigned else (), schema=table)
    return Refusal('trigger', changed, words=text)


def _leads_nowhere(connection: sqlite3.Connection, changed: str, parent: str) -> Refusal | None:
    """A foreign key of the table that was changed, to a table that is not there or has no such key; or one of
    another table that refers to it in such a way."""
    table = _table(connection, changed)
    if table is not None and table.name.lower() == parent.lower():
        return Refusal('foreign key', table.name, schema=table)
    for key in table.foreign_keys if table else ():
        if key.parent.lower() == parent.lower():
            return Refusal('foreign key', table.name, key.columns, others=(key.parent,), schema=table)
    return None


def _tables(connection: sqlite3.Connection) -> Iterator[Any]:
    from kali.sqlite.schema import tables  # few requests are refused
    for schema in ('main', 'temp'):
        yield from tables(connection, schema).values()


def _table(connection: sqlite3.Connection, name: str) -> Any:
    from kali.sqlite.schema import table  # as in _tables
    return table(connection, name) if name else None


def _columns(connection: sqlite3.Connection, about: str) -> tuple[Any, tuple[str, ...]]:
    """The table and columns in `bike.a, bike.b`, or in `index 'name'`."""
    index = re.fullmatch("index '(.*)'", about, re.DOTALL)
    for table in _tables(connection):
        if index:
            for unique in table.unique:
                if unique.name == index[1]:
                    return table, unique.columns or _named_in(_sql_of(connection, unique.name), table)
            continue
        prefix = f'{table.name}.'
        if about.startswith(prefix):
            names = tuple(about[len(prefix):].split(f', {prefix}'))
            if all(name in table.columns or name == table.rowid for name in names):
                return table, names
    return None, ()


def _check(connection: sqlite3.Connection, rule: str, changed: str) -> Refusal:
    """The table whose CHECK it is, and the columns that its expression names."""
    candidates = sorted(_tables(connection), key=lambda table: table.name != changed)
    for table in candidates:
        if rule in table.sql or rule == table.name:
            columns = _named_in(_expression_of(rule, table.sql), table)
            return Refusal('check', table.name, columns, schema=table)
    return Refusal('check', changed)


def _foreign_key(connection: sqlite3.Connection, verb: str, changed: str, deleted: set[str]) -> Refusal:
    """The rows that miss their parent, as SQLite lists them at COMMIT; else found by what was changed."""
    table = _table(connection, changed)
    run = sqlite3.Cursor(connection).execute
    broken = list(islice(_broken(connection), 100)) if connection.in_transaction else []
    if broken and broken[0][2] not in deleted:
        child, _, parent, number = broken[0]
        rows = run('SELECT "from" FROM pragma_foreign_key_list(?) WHERE id = ? ORDER BY seq', (child, number))
        return Refusal('foreign key', child, tuple(row[0] for row in rows), others=(parent,),
                       schema=_table(connection, child))
    if broken:
        parent = broken[0][2]
        return Refusal('foreign key', parent, schema=_table(connection, parent),
                       others=tuple(dict.fromkeys(row[0] for row in broken if row[2] == parent)))
    children = tuple(dict.fromkeys(_needing(connection, table, set()))) if verb == 'DELETE' and table else ()
    return Refusal('foreign key', changed, others=children, schema=table)


def _broken(connection: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """The rows that break a foreign key, as PRAGMA foreign_key_check gives them, if it may have waited for
    COMMIT; where none does, those that break one have done so before."""
    found = list(_tables(connection))
    (waits,), = sqlite3.Cursor(connection).execute('PRAGMA defer_foreign_keys')
    if not waits and not any('DEFERRED' in table.sql.upper() for table in found):
        return
    for table in found:
        if table.foreign_keys:
            # Where the parent has no such key, SQLite cannot say which rows lack one.
            with suppress(sqlite3.OperationalError):
                yield from sqlite3.Cursor(connection).execute(
                    f'PRAGMA {quoted(table.schema)}.foreign_key_check({quoted(table.name)})')


def _needing(connection: sqlite3.Connection, table: Any, seen: set[str]) -> Iterator[str]:
    """The tables whose rows keep one of `table` from being deleted."""
    seen.add(table.name)
    for key in table.pointed_at_by:
        child = _table(connection, key.table)
        if child is None:
            continue
        if key.on_delete in ('NO ACTION', 'RESTRICT'):
            if child.rows(' AND '.join(f'{quoted(name)} IS NOT NULL' for name in key.columns), limit=1):
                yield child.name
        elif key.on_delete == 'CASCADE' and child.name not in seen:
            yield from _needing(connection, child, seen)


def _named_in(expression: str, table: Any) -> tuple[str, ...]:
    """The columns of a table that an expression names."""
    named = Names([(token.text, None) for token in kinds(expression) if token.kind in ('word', 'quoted')])
    return tuple(name for name in table.columns if name in named)


def _expression_of(rule: str, sql: str) -> str:
    """The CHECK of a CREATE TABLE that is named `rule`; else `rule`, which is the expression itself."""
    names = list(tokens(sql))
    for place, name in enumerate(names[1:], 1):
        if unquoted(name).upper() == rule.upper() and names[place - 1].upper() == 'CONSTRAINT':
            depth, end = 0, place + 2  # behind CHECK
            while end < len(names) and (depth := depth + (names[end] == '(') - (names[end] == ')')):
                end += 1
            return ' '.join(names[place + 2:end])
    return rule


def _sql_of(connection: sqlite3.Connection, index: str) -> str:
    rows = sqlite3.Cursor(connection).execute('SELECT sql FROM sqlite_master WHERE type = ? AND name = ?',
                                              ('index', index)).fetchall()
    sql = str(rows[0][0]) if rows else ''
    return sql[sql.find('(', sql.upper().find(' ON ')):]


def _in_words(name: str) -> str:
    return name.replace('_', ' ')


def _small(label: str) -> str:
    return label[:1].lower() + label[1:] if label[1:2].islower() else label

