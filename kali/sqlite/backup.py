"""backup: copies of a database, made while the program goes on, and a page to restore one.

Nobody waits for a backup. A thread makes it in steps of a millisecond, between which requests go on; what
cannot be finished at the end of the program is done at its next start. How a copy is made and kept is in
copies.py, how one is restored in restore.py, what the page looks like in backup_page.py.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kali import log
from kali.errors import DatabaseError
from kali.http.deferred import Deferred, Wait
from kali.http.grammar import SAFE_METHODS
from kali.http.response import Response
from kali.processes import is_spawned_child
from kali.sqlite import backup_page
from kali.sqlite.copies import Backup, Damaged, Interrupted, backups, default_folder, make_backup
from kali.sqlite.cursors import Connection
from kali.sqlite.integrity import expect_good
from kali.sqlite.restore import Fitness, fitness, restore, up_to_date, version_of

if TYPE_CHECKING:
    from concurrent.futures import Future
    from types import TracebackType

    from kali.http.request import Request

__all__ = ['backup']

PAUSE = 0.003  # seconds between two steps: longer than a step, so that requests have room
EXIT_SECONDS = 0.7  # for the last backup: the program must be gone two seconds after the signal to end


class backup:  # used like a function
    """Backups of the database of `connection`: when the program starts, when it ends, and while it is written
    to. Mount it in a Router: it is a page that lists them and restores one, and the server that runs the
    Router has it make them. In a process that multiprocessing has spawned, it makes none.

    A backup is verified before it counts. Kept are the last 10, the last of each of 7 days, the last of each
    of 4 weeks; nothing is added while nothing changes. They are complete databases, named by number and time.
    Making one holds up no request. Restoring one does, for as long as it takes to write so much. One from
    before a migration is brought up to date by the steps that `migrate` ran on `connection`.

    :param connection: to a file; best from `kali.sqlite.connect`: a copy made by any other connection has to
        begin anew at each save
    :param folder: where to keep them; the folder `backups` beside the file unless given. Two databases of one
        name need a folder each
    :param every: minutes from one to the next, while the connection writes
    :raises ValueError: for a database in memory

    >>> import tempfile
    >>> from kali.sqlite import connect
    >>> with tempfile.TemporaryDirectory() as name:
    ...     db = connect(Path(name, 'notes.sqlite'))
    ...     _ = db.execute('CREATE TABLE note (text)')
    ...     with backup(db) as backups_of_notes:  # serve_http does this
    ...         pass
    ...     db.close()
    ...     [each.suffix for each in Path(name, 'backups').iterdir() if each.name.startswith('notes')]
    ['.sqlite']

    Source: https://sqlite.org/backup.html
    """

    def __init__(self, connection: sqlite3.Connection, folder: str | PathLike[str] | None = None, *,
                 every: float = 10) -> None:
        name = sqlite3.Cursor(connection).execute('PRAGMA database_list').fetchone()[2]
        if not name:
            raise ValueError('backup: a database in memory has no file to keep copies of')
        self.connection, self.file = connection, Path(name)
        self.folder = default_folder(self.file) if folder is None else Path(folder)
        self.host: Any = None
        self.lifespan = (self._running,)
        self.trouble = ''  # why there is no newer backup, for the page
        # A copy that another connection makes has to begin anew at each save (https://sqlite.org/backup.html,
        # "File and Database Connection Locking"); this one's takes over what it saves. Only a rollback of
        # what had been written has it begin anew.
        serialized = isinstance(connection, Connection) and connection.is_serialized()
        self._source = connection if serialized else None
        self._every = every * 60
        self._thread: threading.Thread | None = None
        self._until: float | None = None  # when there is no more time
        self._saved: object = None  # the state of the file at the last backup
        self._ticket = os.urandom(16).hex()  # what the page's forms carry; another one once it has been used
        self._restoring: Future[Backup] | None = None
        self._own = connection if isinstance(connection, Connection) else None
        self._prepare = self._own.prepare if self._own else None

    def _running(self, host: Any) -> AbstractContextManager[backup]:
        self.host = host
        return self

    def __enter__(self) -> backup:
        if not is_spawned_child():
            self._until = None
            self._warn_if_empty()
            self._tick()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        if is_spawned_child():
            return
        self._until = time.monotonic() + EXIT_SECONDS
        self._join()
        self._begin(pause=0)
        self._join()
        if self._thread is not None and self._thread.is_alive():
            log.info('the backup of %s is put off until the next start', str(self.file))

    def _warn_if_empty(self) -> None:
        """A new file, where there was one before: the user may wonder where everything is."""
        if self._own is None or not self._own.is_new:
            return
        with suppress(DatabaseError):  # the folder cannot be read: the first backup will say so
            if backups(self.file, self.folder):
                log.warning('the database %s was not there and begins empty, though there are backups of it; '
                            'to restore the last one, end the program and run: python -m kali.sqlite '
                            'restore "%s" --folder "%s"', str(self.file), str(self.file), str(self.folder))

    # Making them.

    def _tick(self) -> None:
        self._begin(pause=PAUSE)
        if self.host is not None:
            self.host.at(time.monotonic() + self._every, self._tick)

    def _begin(self, pause: float) -> None:
        """Have a thread make a backup, if there is something new and none is under way."""
        if self._state() != self._saved and (self._thread is None or not self._thread.is_alive()):
            self._in_thread(lambda: self._run(pause))

    def _state(self) -> object:
        """What changes when something is saved, by this connection, another one, or another program."""
        state: list[object] = [self.connection.total_changes]
        for name in (str(self.file), f'{self.file}-wal'):
            with suppress(OSError):
                found = os.stat(name)  # noqa: PTH116
                state.append((name, found.st_mtime_ns, found.st_size))
        return state

    def _in_thread(self, function: Callable[[], object]) -> None:
        # A daemon: SQLite verifies a big copy in one go, and the end of the program cannot wait for that.
        self._thread = threading.Thread(target=function, daemon=True)
        self._thread.start()

    def _join(self) -> None:
        if self._thread is not None and self._until is not None:
            # A little longer than the time that it has: it looks at the clock between two steps.
            self._thread.join(max(0.0, self._until - time.monotonic()) + 0.1)

    def _run(self, pause: float) -> None:
        """Make a backup; in a thread, whose errors would be lost."""
        try:
            made = self._make(pause)
        except Interrupted:
            log.info('the backup of %s is put off until the next start', str(self.file))
        except Exception as error:
            self.trouble = str(error)
            log.error('%s', self.trouble, exception=None if isinstance(error, DatabaseError) else error)
            if isinstance(error, Damaged) and self._own is not None:
                self._own.report_damage(self.trouble)
        else:
            log.info('backup of %s: %s', str(self.file), made.name)

    def _make(self, pause: float, keep: Path | None = None) -> Path:
        state = self._state()
        made = make_backup(self.file, self.folder, go_on=self._go_on, pause=pause, source=self._source,
                           keep=keep, prepare=self._prepare)
        self._saved, self.trouble = state, ''
        return made

    def _go_on(self) -> bool:
        return self._until is None or time.monotonic() < self._until

    # The page.

    def __call__(self, request: Request) -> Response | Deferred:
        """The list of the backups; with `?choose=NUMBER` the question whether to restore that one; by POST,
        `backup=NUMBER` is restored."""
        known = {str(each.number): each for each in backups(self.file, self.folder)}
        if request.method in SAFE_METHODS:
            chosen = known.get(request.query.get('choose', ''))
            if chosen is None:
                return self._listing(done=known.get(request.query.get('done', '')))
            fit = self._fitness(chosen)
            if not fit.usable:
                return self._refused(chosen, fit)
            return backup_page.question(chosen, self._ticket, fit.note)
        chosen = known.get(request.form.get('backup', ''))
        if chosen is None or request.form.get('ticket', '') != self._ticket:
            # A second click, Back and a click, a page that was open for long: what it showed has changed.
            return self._listing(backup_page.STALE, status=409)
        fit = self._fitness(chosen)
        if not fit.usable:
            return self._refused(chosen, fit)
        host = request.scope.host
        if host is None:
            return self._listing('A backup is restored by a running server, or by python -m kali.sqlite '
                                 'restore.', status=500)
        if self._restoring is None:
            self._restore(host, chosen)
        return self._answer(request)

    def _listing(self, alert: str = '', *, done: Backup | None = None, status: int = 200) -> Response:
        rows = [(each, self._fitness(each)) for each in backups(self.file, self.folder)]
        if self.trouble:
            alert += f'{" " * bool(alert)}The last backup could not be made. {self.trouble}'
        return backup_page.listing(rows, self.folder, alert, done=done, status=status)

    def _fitness(self, each: Backup) -> Fitness:
        wanted = sqlite3.Cursor(self.connection).execute('PRAGMA user_version').fetchone()[0]
        return fitness(version_of(each.path), wanted, self._own.steps if self._own else None)

    def _refused(self, chosen: Backup, fit: Fitness) -> Response:
        return self._listing(f'The backup number {chosen.number} cannot be restored: it is {fit.note}. '
                             'Nothing was changed.', status=409)

    def _restore(self, host: Any, chosen: Backup) -> None:
        """Begin to restore a backup. A thread keeps what is there now, and brings an old backup up to date;
        the rest is done between two requests, outside of their transactions."""
        from concurrent.futures import Future  # needed here only
        ready: Future[tuple[Path, object]] = Future()
        done: Future[Backup] = Future()
        held, earlier = ExitStack(), self._thread
        wanted = sqlite3.Cursor(self.connection).execute('PRAGMA user_version').fetchone()[0]
        steps = self._own.steps if self._own else None

        def make_ready() -> None:
            try:
                if earlier is not None:
                    earlier.join()
                expect_good(chosen.path, self._prepare)
                path = held.enter_context(up_to_date(chosen.path, wanted, steps, self._prepare))
                state = self._state()
                self._make(PAUSE, chosen.path)
                ready.set_result((path, state))
            except BaseException as error:  # the request that waits shows it
                ready.set_exception(error)

        def step() -> Wait | None:
            if not ready.done():
                return Wait(ready)
            self._restoring = None
            try:
                with held:
                    path, state = ready.result()
                    if state != self._state():
                        self._make(0, chosen.path)  # something was saved meanwhile
                    restore(self.connection, path)
            except Exception as error:
                done.set_exception(error)
            else:
                self._saved, self._ticket = None, os.urandom(16).hex()
                log.info('restored: %s', chosen.path.name)
                done.set_result(chosen)
            return None
        self._restoring = done
        self._in_thread(make_ready)
        host.start(Deferred(step), f'restore {chosen.path.name}')

    def _answer(self, request: Request) -> Deferred:
        """The answer to the request to restore one, and to its repetition meanwhile."""
        done = self._restoring
        assert done is not None

        def step() -> Wait | Response:
            if not done.done():
                return Wait(done)
            error = done.exception()
            if isinstance(error, DatabaseError):
                log.error('%s', str(error))
                return self._listing(str(error), status=error.status)
            return Response.redirect(request.root_url(request.path, {'done': done.result().number}))
        return Deferred(step)
