"""undo: what a request wrote is taken back, and done again.

Triggers write down, for each row that changes in one of the tables, the row as it was before. The rows of a
request are a step; to undo it is to put them back in the reverse order, which the same triggers write down in
turn: that is how it is done again. (The technique is SQLite's own, https://sqlite.org/undoredo.html; values
are kept as they are instead of as text, so that each comes back the same.)

The rule: a history is in the same transaction as what it tells of, and when it cannot be right any more, it
ends. It knows nothing about pages but the one that it is asked by.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from kali.errors import BadRequest
from kali.http.response import Response, wrapper
from kali.http.urls import is_local
from kali.markup import Markup, escape
from kali.sqlite import once
from kali.sqlite.atomic import atomic

if TYPE_CHECKING:
    from kali.http.request import Request
    from kali.http.response import Handler

__all__ = ['undo']

SIZE_LIMIT = 16_000_000  # bytes of values, about; the oldest steps are forgotten beyond that
STEP_LIMIT = 1000
PRUNE_EVERY = 16  # steps

_ENDED = ('The tables have changed, or another program has written to them. What was done before that cannot '
          'be undone any more.')


class _Table(NamedTuple):
    number: int
    name: str
    key: list[str]  # what names a row: the rowid, or the primary key of a table without one
    columns: list[str]

    @property
    def row(self) -> list[str]:
        """All that makes up a row."""
        return self.columns if self.key[0] in self.columns else self.key + self.columns

    @property
    def back(self) -> dict[str, tuple[str, int]]:
        """For each kind of entry, the SQL that takes the change back, and the number of its values."""
        where = ' AND '.join(f'{name} = ?' for name in self.key)
        changes, marks = ', '.join(f'{name} = ?' for name in self.row), ', '.join('?' * len(self.row))
        name, key, row = f'main.{self.name}', len(self.key), len(self.row)
        return {'D': (f'DELETE FROM {name} WHERE {where}', key),
                'U': (f'UPDATE {name} SET {changes} WHERE {where}', row + key),
                'I': (f'INSERT INTO {name} ({", ".join(self.row)}) VALUES ({marks})', row)}


class undo:  # used like a function
    """The history of the `tables` in the database of `connection`: `history = undo(db, ['note'])`.

    `guard(history.wrap(handler), db)` makes each request that writes a step of it, with the title that the
    handler gave to `request.scope.transaction.title`. `history.undo()` and `history.redo()` go back and
    forth; `history` itself is a handler that does so for a POST with the field `do`, and
    `history.buttons(url)` the form for that, to be mounted at `url` within the guard.

    Name all tables that belong together: what a trigger or ON DELETE does in another table is not taken back.
    Form ids are: who undoes a save may send its form again. While a step is undone, triggers of the tables
    are off, since what they did is undone as well. `recursive_triggers` is switched on, or REPLACE would go
    unnoticed.

    :param connection: from `kali.sqlite.connect`
    :param tables: their names
    :param persistent: keep the history in the file, for the next start; else it is gone with the connection
    :raises ValueError: for a table that is not there, is a view or virtual

    >>> from kali.sqlite import connect
    >>> db = connect(':memory:')
    >>> _ = db.execute('CREATE TABLE note (text)')
    >>> history = undo(db, ['note'])
    >>> with history.step('Add milk'):
    ...     _ = db.execute("INSERT INTO note VALUES ('milk')")
    >>> history.undo(), db.execute('SELECT count(*) FROM note').fetchone()[0]
    ('Add milk', 0)
    >>> history.redo(), db.execute('SELECT text FROM note').fetchone()[0]
    ('Add milk', 'milk')
    >>> db.close()
    """

    def __init__(self, connection: sqlite3.Connection, tables: Iterable[str], *,
                 persistent: bool = False) -> None:
        self.connection = connection
        self.notice = ''  # why the history has ended, until the next step
        self._run = sqlite3.Cursor(connection).execute
        self._names = ['kali_form', *tables]
        self._schema = 'main' if persistent else 'temp'
        self._log, self._steps = f'{self._schema}.kali_undo_log', f'{self._schema}.kali_undo_step'
        self._mark = self._others = 0
        self._run('PRAGMA recursive_triggers = ON')
        with atomic(connection):
            self._run(once.TABLE)
            self._install()

    def wrap(self, handler: Handler) -> Handler:
        """`handler`, with each request that writes a step of the history; the guard goes around it."""
        def call(request: Request) -> Any:
            transaction = request.scope.transaction
            if transaction is not None:  # the guard lets this request write
                self._begin()
                transaction.before_commit(lambda: self._close(transaction.title))
            return handler(request)
        return wrapper(handler, call)

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """`with history.step('Import'):` makes a step of what is written outside of a request."""
        with atomic(self.connection):
            self._begin()
            yield
            self._close(title)

    def undo(self) -> str | None:
        """Take back the last step that is not undone; its title, or None if there is nothing to take back."""
        return self._play('undone = 0 ORDER BY id DESC', undone=1)

    def redo(self) -> str | None:
        """Do again what was undone last; its title, or None if there is nothing."""
        return self._play('undone = 1 ORDER BY id', undone=0)

    def titles(self) -> tuple[str | None, str | None]:
        """The titles of what `undo` and `redo` would do; None where there is nothing."""
        return self._next('undone = 0 ORDER BY id DESC')[1], self._next('undone = 1 ORDER BY id')[1]

    def buttons(self, url: str) -> Markup:
        """A form with two buttons for `url`, where this is mounted; and the notice if the history ended."""
        html = [f'<form method="post" action="{escape(url)}" class="undo">'
                f'<input type="hidden" name="step" value="{self._position()}">\n']
        for do, word, title in zip(('undo', 'redo'), ('Undo', 'Redo'), self.titles(), strict=True):
            about = ' disabled' if title is None else f' title="{escape(f"{word}: {title}")}"'
            html.append(f'<button name="do" value="{do}" data-undo="{do}"{about}>{word}</button>\n')
        notice = self.notice and f'<p role="status">{escape(self.notice)}</p>\n'
        return Markup(''.join([*html, notice, '</form>\n']))

    def __call__(self, request: Request) -> Response:
        """POST `do=undo` or `do=redo`, and back to the page it came from. A button that was pressed twice, or
        stands on a page from before, does nothing: its `step` is not the one that the history is at."""
        if request.method != 'POST':
            return Response.generic('<p>This is for POST only.</p>', status=405, headers={'Allow': 'POST'})
        do = {'undo': self.undo, 'redo': self.redo}.get(request.form.get('do', ''))
        if do is None:
            raise BadRequest('The field "do" says undo or redo.')
        if request.form.get('step') in (None, self._position()):
            do()
        came = request.headers.get('Referer', '').split('/', 3)
        back = f'/{came[3]}' if len(came) == 4 else '/'
        return Response.redirect(back if is_local(back) else '/')

    # The steps. In row 0 stands the schema for which the history holds, so that it is rolled back with it.

    def _next(self, which: str) -> tuple[int, str | None, int, int]:
        found = self._run(f'SELECT id, title, first, last FROM {self._steps} WHERE id > 0 AND {which} '
                          'LIMIT 1').fetchone()
        return found or (0, None, 0, 0)

    def _position(self) -> str:
        return f'{self._next("undone = 0 ORDER BY id DESC")[0]}-{self._next("undone = 1 ORDER BY id")[0]}'

    def _last(self) -> int:
        return self._run(f'SELECT max(seq) FROM {self._log}').fetchone()[0] or 0

    def _schema_now(self) -> str:
        return f'{self._run("PRAGMA main.schema_version").fetchone()[0]} {self._names}'

    def _goes_on(self) -> bool:
        """Whether the history still holds. If the schema is another one, or another program has written, it
        is ended, and a new one begins."""
        version = self._run('PRAGMA main.data_version').fetchone()[0]
        if version == self._others and self._schema_now() == self._run(
                f'SELECT title FROM {self._steps} WHERE id = 0').fetchone()[0]:
            return True
        self._run(f'UPDATE {self._steps} SET title = NULL WHERE id = 0')
        there = [row[0] for row in self._run("SELECT name FROM main.sqlite_master WHERE type = 'table'")]
        self._names = [name for name in self._names if name in there]
        self._install()
        return False

    def _begin(self) -> None:
        """From now on, what is written belongs to a new step."""
        if self._goes_on():
            self._mark = self._run(f'SELECT max(last) FROM {self._steps}').fetchone()[0]
            if self._last() > self._mark:
                self._close('Changes outside of a request')
        self._mark = self._last()

    def _close(self, title: str) -> None:
        """Make a step of what was written since `_begin`."""
        last = self._last()
        if not self._goes_on() or last == self._mark:
            return
        since = f'FROM {self._log} WHERE seq > ?'
        tables = [row[0] for row in self._run(f'SELECT DISTINCT tab {since} ORDER BY tab', [self._mark])]
        if tables == [0]:  # a form has been sent, and nothing was changed
            self._run(f'DELETE {since}', [self._mark])
            return
        for step, _, first, end in self._run(f'SELECT id, 0, first, last FROM {self._steps} WHERE undone = 1'
                                             ).fetchall():
            self._forget(step, first, end)  # the way forward is another one now
        title = title or ', '.join(self._names[table] for table in tables if table)
        size = self._run(f'SELECT {self._size} {since}', [self._mark]).fetchone()[0]
        self._run(f'INSERT INTO {self._steps} (title, first, last, size, undone) VALUES (?, ?, ?, ?, 0)',
                  [title, self._mark + 1, last, size])
        self.notice = ''
        self._mark = last
        self._prune()

    def _forget(self, step: int, first: int, last: int) -> None:
        self._run(f'DELETE FROM {self._log} WHERE seq BETWEEN ? AND ?', [first, last])
        self._run(f'DELETE FROM {self._steps} WHERE id = ?', [step])

    def _prune(self) -> None:
        newest = self._run(f'SELECT max(id) FROM {self._steps}').fetchone()[0]
        if newest % PRUNE_EVERY:
            return
        room, steps = SIZE_LIMIT, 0
        for step, size, first, last in self._run(
                f'SELECT id, size, first, last FROM {self._steps} WHERE id > 0 ORDER BY id DESC').fetchall():
            room, steps = room - size, steps + 1
            if step != newest and (room < 0 or steps > STEP_LIMIT):
                self._forget(step, first, last)

    def _play(self, which: str, undone: int) -> str | None:
        """Put the rows of a step back; the triggers note what they were, to go the other way."""
        with atomic(self.connection):
            if not self._goes_on():
                return None
            step, title, first, last = self._next(which)
            if not step:
                return None
            before = self._last()
            self._run('PRAGMA defer_foreign_keys = ON')  # until all of it is there again
            names = [table.lower() for table in self._names]
            triggers = [row for row in self._run(
                "SELECT name, sql, tbl_name FROM main.sqlite_master WHERE type = 'trigger' ORDER BY rowid")
                if row[2].lower() in names]
            for name, _, _ in triggers:
                self._run(f'DROP TRIGGER main.{_quoted(name)}')
            for kind, table, *values in sqlite3.Cursor(self.connection).execute(
                    f'SELECT kind, tab, * FROM {self._log} WHERE seq BETWEEN ? AND ? ORDER BY seq DESC',
                    [first, last]):
                sql, width = self._tables[table].back[kind]
                self._run(sql, values[3:3 + width])
            for _, sql, _ in triggers:
                self._run(sql)
            if triggers:
                self._run(f'UPDATE {self._steps} SET title = ? WHERE id = 0', [self._schema_now()])
            self._run(f'DELETE FROM {self._log} WHERE seq BETWEEN ? AND ?', [first, last])
            self._mark = self._last()
            self._run(f'UPDATE {self._steps} SET first = ?, last = ?, undone = ? WHERE id = ?',
                      [before + 1, self._mark, undone, step])
        return title

    # The tables and triggers.

    def _install(self) -> None:
        """Make the tables of the history, if they are not there or for another schema, and the triggers."""
        self._tables = [self._table(number, name) for number, name in enumerate(self._names)]
        width = max(each.back['U'][1] for each in self._tables)
        values = [f'v{number}' for number in range(width)]
        self._size = f'sum(40 + {" + ".join(f"ifnull(length({value}), 0)" for value in values)})'
        there = self._run(f'SELECT 1 FROM {self._schema}.sqlite_master '
                          "WHERE name = 'kali_undo_step'").fetchone() is not None
        if not there or self._schema_now() != self._run(
                f'SELECT title FROM {self._steps} WHERE id = 0').fetchone()[0]:
            self.notice = _ENDED if there else ''
            self._run(f'DROP TABLE IF EXISTS {self._log}')
            self._run(f'DROP TABLE IF EXISTS {self._steps}')
            self._run(f'CREATE TABLE {self._log} (seq INTEGER PRIMARY KEY, kind, tab, {", ".join(values)})')
            self._run(f'CREATE TABLE {self._steps} (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT, first '
                      'INTEGER, last INTEGER, size INTEGER, undone INTEGER)')
            self._run(f'CREATE INDEX {self._schema}.kali_undo_last ON kali_undo_step (last)')
            self._run(f'INSERT INTO {self._steps} VALUES (0, ?, 0, 0, 0, NULL)', [self._schema_now()])
        for (trigger,) in self._run("SELECT name FROM temp.sqlite_master WHERE type = 'trigger' AND "
                                    "name LIKE 'kali_undo_%'").fetchall():
            self._run(f'DROP TRIGGER temp.{trigger}')
        for table in self._tables:
            self._watch(table)
        self._others = self._run('PRAGMA main.data_version').fetchone()[0]

    def _table(self, number: int, name: str) -> _Table:
        info = self._run('SELECT name, pk FROM pragma_table_xinfo(?) WHERE hidden = 0', [name]).fetchall()
        kind = self._run('SELECT type, sql FROM main.sqlite_master WHERE name = ?', [name]).fetchone()
        if not info or kind is None or kind[0] != 'table' or kind[1].upper().startswith('CREATE VIRTUAL'):
            raise ValueError(f'undo: there is no table {name} in the database, or it is a view or virtual; '
                             'make the tables first')
        columns = [_quoted(column) for column, _ in info]
        for alias in ('rowid', '_rowid_', 'oid'):
            if alias not in [column.lower() for column, _ in info]:
                try:
                    self._run(f'SELECT {alias} FROM main.{_quoted(name)} LIMIT 0')
                    return _Table(number, _quoted(name), [alias], columns)
                except sqlite3.OperationalError:  # WITHOUT ROWID
                    break
        keys = [_quoted(column) for column, place in sorted(info, key=lambda each: each[1]) if place]
        if not keys:
            raise ValueError(f'undo: the rows of {name} cannot be told apart: columns hide their rowid')
        return _Table(number, _quoted(name), keys, columns)

    def _watch(self, table: _Table) -> None:
        """Triggers for one table. They are temporary: the file has nothing of them for other programs.

        Those of the temp schema run before the others, so what a trigger of the table does comes later in the
        log. Deletions are noted after the fact: by then, what ON DELETE did to other rows is noted.
        """
        def of(row: str, names: list[str]) -> str:
            return ', '.join(f'{row}.{name}' for name in names)
        new, old = of('new', table.key), of('old', table.row)
        for event, kind, what in (
                ('INSERT', 'D', new), ('UPDATE', 'U', f'{old}, {new}'), ('DELETE', 'I', old)):
            names = ', '.join(f'v{number}' for number in range(table.back[kind][1]))
            trigger = f'kali_undo_{table.number}_{kind}'
            self._run(f'CREATE TEMP TRIGGER {trigger} AFTER {event} ON main.{table.name} BEGIN INSERT INTO '
                      f"kali_undo_log (kind, tab, {names}) VALUES ('{kind}', {table.number}, {what}); END")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
