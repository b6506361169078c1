"""undo: what a request wrote is taken back, and done again.

Triggers write down, for each row that changes in one of the tables, the row as it was before (watch.py). The
rows of a request are a step; to undo it is to restore them in the reverse order, which the same triggers
write down in turn: that is how it is done again. (The technique is SQLite's own,
https://sqlite.org/undoredo.html.)

A history is in the same transaction as what it describes, and when it cannot be right any more, it ends.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import count, repeat
from typing import TYPE_CHECKING, Any, NamedTuple

from kali.errors import BadRequest, DatabaseError, NotFound
from kali.http.around import Around
from kali.http.consequences import OPEN
from kali.http.deferred import Deferred
from kali.http.grammar import SAFE_METHODS
from kali.http.response import Response, as_response
from kali.sqlite import once, undo_page
from kali.sqlite.adapter import adapter_for
from kali.sqlite.atomic import atomic
from kali.sqlite.cursors import REMEMBERED
from kali.sqlite.statements import replaces
from kali.sqlite.watch import Unfit, Watch, all_tables, size_of

if TYPE_CHECKING:
    from kali.http.request import Request
    from kali.http.response import Handler
    from kali.markup import Markup

__all__ = ['undo']

SIZE_LIMIT = 16_000_000  # bytes of values, about; the oldest steps are forgotten beyond that
STEP_LIMIT = 1000
PRUNE_EVERY = 16  # steps
TITLE_LIMIT = 100  # characters

_ENDED = ('Something else has changed the data: another program, an update of this one, or a backup that was '
          'restored. What was done before that cannot be undone any more.')
_OUTDATED = 'The page was out of date, so nothing was changed. This is how things are now.'
_NOT_GUARDED = ('undo needs a transaction for each request, and there is none: put the guard around it, as '
                'in guard(history.wrap(handler), connection), and leave its mode at "commit". The handler '
                'was not called.')
_RECURSION = ('A trigger changes its own table, and calls itself without an end, since undo switches '
              'recursive_triggers on (REPLACE would go unnoticed otherwise). Give it a condition that ends '
              'it: AFTER UPDATE OF name, … (other columns than it sets), or WHEN old.changed IS new.changed.')


class _Now(NamedTuple):
    """What the history is at."""

    holds: str  # for which schema
    writer: str  # the connection that wrote last
    width: int  # of the log
    life: str  # an id
    notice: str
    steps: int  # the last one
    closed: int  # the last entry of the log that belongs to a step
    last: int  # the last entry

    @property
    def notice_at_end(self) -> str:
        return _ENDED if self.steps else self.notice


class _State(NamedTuple):
    """What there is to do. A page shows one, and its buttons only work as long as it stays so."""

    position: str
    undo: str | None  # titles
    redo: str | None
    notice: str


class undo:  # used like a function
    """The history of the `tables` in the database of `connection`: `history = undo(db, ['note'])`.

    `guard(history.wrap(handler), db)` makes each request that writes a step of it, with the title that the
    handler gave to `request.scope.transaction.title`. `history.undo()` and `history.redo()` go back and
    forth; `history` itself is a handler that does so for a POST with the field `do`, and
    `history.buttons(url)` the form for that, to be mounted at `url` within the guard. It says what has been
    undone, too, and Ctrl+Z, Ctrl+Shift+Z and Ctrl+Y press its buttons.

    All tables that foreign keys join are named together. What a trigger does in a table that is not named is
    not taken back. Form ids are (if `connection` is the guard's first): after an undo, the form of the save
    can be sent again. While a step is undone, the triggers of the tables are off, since what they did is
    undone as well; all but those that write to virtual tables, and so keep full-text search or an R*Tree in
    step. What the program itself writes to a virtual table is not taken back. `recursive_triggers` is
    switched on, or REPLACE would go unnoticed. Where a trigger would call itself without an end then, it
    stays off, and a REPLACE ends the history. A connection has one history.

    The history ends, with a notice on the page, when the schema changes, or another program writes to the
    file. A persistent one does not see what another program writes while this one does not run; it ends when
    a row is not where it was left.

    :param connection: from `kali.sqlite.connect`
    :param tables: their names, in capitals or not; all that are there unless given
    :param persistent: keep the history in the file, for the next start; else it is gone with the connection
    :raises ValueError: for a table that is not there, is a view or virtual, is joined to one not named, or
        has about 2000 columns; for triggers that would leave a virtual table out of step; for a second
        history of the connection

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

    def __init__(self, connection: sqlite3.Connection, tables: Iterable[str] | None = None, *,
                 persistent: bool = False) -> None:
        self.connection = connection
        self._run = sqlite3.Cursor(connection).execute
        names = all_tables(connection) if tables is None else tables
        self._all = tables is None
        schema = self._schema = 'main' if persistent else 'temp'
        self._watch = Watch(connection, ['kali_form', *names], schema)
        self._names = self._watch.names
        self._suffix = f' {self._names}'
        self._log, self._steps, self._now = self._watch.log, f'{schema}.kali_undo_step', f'{schema}.kali_undo'
        self._me = os.urandom(8).hex()  # another connection may keep the same history
        # Numbers of steps are not given again. A history in the file has SQLite see to that, by a table
        # sqlite_sequence; a temporary one would hide the application's own table of that name.
        self._ids = repeat(None) if persistent else count(1)
        self._mark = self._version = 0
        self._said = ('', '')  # to the next page, and for which position
        self._played = ('', '', '', '')  # the last step: from where, which way, to where, and what was said
        self._came = ''  # the page that the last undo went back to
        self._group = ('', 0)  # which request or job made the last step, and its number
        with atomic(connection):
            once.prepare(adapter_for(connection))
            complaint = self._watch.complaint()
            if complaint:
                raise ValueError(f'undo: {complaint}')
            self._watch.expect_no_temporary_triggers()
            now = self._read_now()
            if now is not None and now.holds == self._holds():
                self._watch.begin()
                self._run(f'UPDATE {self._now} SET writer = ?', [self._writer()])
            else:
                self._begin_anew(now.notice_at_end if now else '')
        self._recursive = self._watch.recursive()  # else REPLACE goes unnoticed, and ends the history
        self._run(f'PRAGMA recursive_triggers = {self._recursive:d}')

    def wrap(self, handler: Handler) -> Handler:
        """`handler`, with each request that writes a step of the history; the guard goes around it.

        :raises DatabaseError: at the first request that may write, if no guard in mode "commit" is around it
        """
        def call(request: Request) -> Any:
            transaction = request.scope.transaction
            if transaction is None:
                if request.method in SAFE_METHODS:
                    return self._look(handler, request)
                raise DatabaseError(_NOT_GUARDED)
            self._came = ''
            with self._in_transaction():
                answer = handler(request)
                answer = answer if isinstance(answer, Response) else as_response(answer, request)
            return answer.within(self._in_transaction) if isinstance(answer, Deferred) else answer
        return Around(handler, call, steps=lambda job, title='': job.within(self._in_transaction))

    @contextmanager
    def _in_transaction(self) -> Iterator[None]:
        """What is written in the open transaction becomes a step, or a part of that of the same request."""
        if not OPEN:  # a later step of a GET, which cannot write
            yield
            return
        transaction = OPEN[-1]
        self._begin()
        transaction.before_commit(lambda: self._close(transaction.title, transaction.group))
        try:
            yield
        except sqlite3.OperationalError as error:
            if 'trigger recursion' in str(error):
                raise DatabaseError(_RECURSION) from error
            raise

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
        return self._state()[1:3]

    @property
    def notice(self) -> str:
        """Why the history has ended, until the next step."""
        return self._state().notice

    # The page.

    def buttons(self, url: str) -> Markup:
        """A form with two buttons for `url`, where this is mounted; and what there is to say: what has just
        been undone (once, on the next page), or that the history has ended."""
        state = self._state()
        (said, position), self._said = self._said, ('', '')
        said = (said if position == state.position else '') or state.notice
        return undo_page.buttons(url, state.position, state.undo, state.redo, said)

    def __call__(self, request: Request) -> Response:
        """POST `do=undo` or `do=redo`, and back to the page it came from, less the field `notice` of its
        address, in which pages say "Saved". A button that was pressed twice, or stands on a page from before,
        does nothing: its `step` is not the one that the history is at."""
        if request.method != 'POST':
            return Response.generic('<p>This is for POST only.</p>', status=405, headers={'Allow': 'POST'})
        do, word = {'undo': (self.undo, 'Undone'), 'redo': (self.redo, 'Redone')}.get(
            request.form.get('do', ''), (None, ''))
        if do is None:
            raise BadRequest('The field "do" says undo or redo.')
        position = self._state().position
        step = request.form.get('step', position)
        if step == position:
            title = do()
            said, position = '' if title is None else f'{word}: {title}', self._state().position
            self._played = step, word, position, said
        elif self._played[:3] == (step, word, position):
            said = self._played[3]  # pressed twice: it is to say what was done
        else:
            said = _OUTDATED
        self._said = said, position
        self._came = undo_page.back(request.headers.get('Referer', ''))
        return Response.redirect(self._came)

    def _look(self, handler: Handler, request: Request) -> Any:
        """A page. If it is the one to go back to from an undo, and is not there any more since what it showed
        has been undone, the browser is sent to the one above it."""
        if request.target != self._came or self._came == '/':
            return handler(request)
        above = self._came.partition('?')[0].rstrip('/').rpartition('/')[0] + '/'
        self._came = ''
        with suppress(NotFound):
            answer = handler(request)
            if getattr(answer, 'status', 200) != 404:
                return answer
        self._came = above
        return Response.redirect(above)

    # What the history is at. One row of the table kali_undo says for which schema it holds and which
    # connection wrote last, in the same transaction as all else: a rollback takes back an end of the history
    # as well.

    def _holds(self) -> str:
        self._version = self._run('PRAGMA main.schema_version').fetchone()[0]
        return f'{self._version}{self._suffix}'

    def _writer(self) -> str:
        """Changes when another program writes (https://sqlite.org/pragma.html#pragma_data_version)."""
        return f'{self._me} {self._run("PRAGMA main.data_version").fetchone()[0]}'

    def _read_now(self) -> _Now | None:
        try:
            return _Now(*self._run(
                f'SELECT holds, writer, width, life, notice, (SELECT ifnull(max(id), 0) FROM {self._steps}), '
                f'(SELECT ifnull(max(last), 0) FROM {self._steps}), '
                f'(SELECT ifnull(max(seq), 0) FROM {self._log}) FROM {self._now}').fetchone())
        except sqlite3.OperationalError:  # there is none: a backup from before it has been restored
            return None

    def _state(self) -> _State:
        now = self._read_now()
        if now is None or now.holds != self._holds() or now.writer != self._writer():
            return _State('', None, None, now.notice_at_end if now else _ENDED)
        back, forth = self._next('undone = 0 ORDER BY id DESC'), self._next('undone = 1 ORDER BY id')
        return _State(f'{now.life}-{back[0]}-{forth[0]}', back[1], forth[1], now.notice)

    def _next(self, which: str) -> tuple[int, str | None, int, int]:
        found = self._run(f'SELECT id, title, first, last FROM {self._steps} WHERE {which} '
                          'LIMIT 1').fetchone()
        return found or (0, None, 0, 0)

    def _begin_anew(self, notice: str) -> None:
        """End the history, and begin another one."""
        for table in (self._steps, self._now):
            self._run(f'DROP TABLE IF EXISTS {table}')
        once_only = 'AUTOINCREMENT' if self._schema == 'main' else ''
        self._run(f'CREATE TABLE {self._steps} (id INTEGER PRIMARY KEY {once_only}, title TEXT, '
                  'first INTEGER, last INTEGER, size INTEGER, undone INTEGER)')
        for column in ('last', 'undone'):
            self._run(f'CREATE INDEX {self._schema}.kali_undo_{column} ON kali_undo_step ({column})')
        self._run(f'CREATE TABLE {self._now} (holds, writer, width, life, notice)')
        if self._all:  # those that were made meanwhile as well
            self._names = self._watch.names = ['kali_form', *all_tables(self.connection)]
            self._suffix = f' {self._names}'
        self._watch.make_log()
        self._watch.begin()
        self._run(f'INSERT INTO {self._now} VALUES (?, ?, ?, ?, ?)',
                  [self._holds(), self._writer(), self._watch.width, os.urandom(4).hex(), notice])
        self._mark = 0

    # The steps.

    def _begin(self) -> None:
        """From now on, what is written belongs to a new step."""
        now = self._read_now()
        if now is None or now.holds != self._holds() or now.writer != self._writer():
            self._begin_anew(now.notice_at_end if now else _ENDED)
            return
        self._watch.width, self._mark = now.width, now.closed
        if now.last > now.closed:
            self._close('Other changes')  # of something that is no request
        self._mark = now.last

    def _close(self, title: str, group: str = '') -> None:
        """Make a step of what was written since `_begin`, or add it to the last one of the same `group`."""
        if self._run('PRAGMA main.schema_version').fetchone()[0] != self._version or self._lost_rows():
            now = self._read_now()
            self._begin_anew(now.notice_at_end if now else _ENDED)
            return
        since = f'FROM {self._log} WHERE seq > ?'
        last, table, taken = self._run(f'SELECT max(seq), max(tab), {size_of(self._watch.width)} {since}',
                                      [self._mark]).fetchone()
        if last is None:
            return
        if table == 0:  # a form has been sent, and nothing was changed
            self._run(f'DELETE {since}', [self._mark])
            return
        if not title:
            tables = self._run(f'SELECT DISTINCT tab {since} ORDER BY tab', [self._mark])
            title = ', '.join(self._names[row[0]] for row in tables if row[0])
        for step in self._run(f'SELECT id, first, last FROM {self._steps} WHERE undone = 1').fetchall():
            self._forget(*step)  # the way forward is another one now
        if group and self._group == (group, self._next('undone = 0 ORDER BY id DESC')[0]):
            self._run(f'UPDATE {self._steps} SET last = ?, size = size + ?, title = ? WHERE id = ?',
                      [last, taken, _shortened(title), self._group[1]])
            self._mark = last
            return
        newest = self._run(
            f'INSERT INTO {self._steps} (id, title, first, last, size, undone) VALUES (?, ?, ?, ?, ?, 0)',
            [next(self._ids), _shortened(title), self._mark + 1, last, taken]).lastrowid or 0
        self._run(f"UPDATE {self._now} SET notice = '' WHERE notice != ''")
        self._mark, self._group = last, (group, newest)
        if newest % PRUNE_EVERY == 0 or taken > SIZE_LIMIT // PRUNE_EVERY:
            self._prune(newest)

    def _lost_rows(self) -> bool:
        """Whether rows may have made way by REPLACE unnoticed."""
        if self._recursive:
            return False
        known = getattr(self.connection, 'statements', {})
        return len(known) >= REMEMBERED or any(map(replaces, known))

    def _forget(self, step: int, first: int, last: int) -> None:
        self._run(f'DELETE FROM {self._log} WHERE seq BETWEEN ? AND ?', [first, last])
        self._run(f'DELETE FROM {self._steps} WHERE id = ?', [step])

    def _prune(self, newest: int) -> None:
        """Forget the oldest steps; the newest can be undone however big it is."""
        count, taken = self._run(f'SELECT count(*), sum(size) FROM {self._steps}').fetchone()
        while count > STEP_LIMIT or taken > SIZE_LIMIT:
            oldest, size, first, last = self._run(
                f'SELECT id, size, first, last FROM {self._steps} ORDER BY id LIMIT 1').fetchone()
            if oldest == newest:
                break
            self._forget(oldest, first, last)
            count, taken = count - 1, taken - size

    def _play(self, which: str, undone: int) -> str | None:
        """Restore the rows of a step; the triggers note what they were, to go the other way."""
        with atomic(self.connection):
            self._begin()
            step, title, first, last = self._next(which)
            if not step:
                return None
            before = self._mark
            try:
                with atomic(self.connection):
                    self._watch.take_back(first, last)
            except (sqlite3.IntegrityError, Unfit, RecursionError):
                self._begin_anew(_ENDED)  # rows are not as they were left
                return None
            self._run(f'DELETE FROM {self._log} WHERE seq BETWEEN ? AND ?', [first, last])
            self._mark = self._run(f'SELECT max(seq) FROM {self._log}').fetchone()[0]
            self._run(f'UPDATE {self._steps} SET first = ?, last = ?, undone = ? WHERE id = ?',
                      [before + 1, self._mark, undone, step])
            self._run(f"UPDATE {self._now} SET holds = ?, notice = ''", [self._holds()])
        return title


def _shortened(title: str) -> str:
    title = ' '.join(title.split())
    return title if len(title) <= TITLE_LIMIT else f'{title[:TITLE_LIMIT - 1].rstrip()}…'
