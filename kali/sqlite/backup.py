"""backup: copies of a database, made while the program goes on, and a page to put one back.

The rule: nobody waits for a backup. A thread makes it in steps of a millisecond, between which requests go
on; what cannot be finished at the end of the program is done at its next start. How a copy is made and kept
is in copies.py.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kali import log
from kali.errors import BadRequest, DatabaseError
from kali.http.deferred import Deferred, Wait
from kali.http.response import Response
from kali.markup import escape_text
from kali.sqlite.connection import Connection
from kali.sqlite.copies import Interrupted, backups, default_folder, make_backup, restore
from kali.sqlite.guard import SAFE_METHODS

if TYPE_CHECKING:
    from types import TracebackType

    from kali.http.request import Request

__all__ = ['backup']

PAUSE = 0.005  # seconds between two steps: longer than a step, so that requests have room
EXIT_SECONDS = 1.0  # for the last backup: the program must be gone two seconds after it was told to end

_ROW = '<li>{}, {} KB <form method="post"><button name="backup" value="{}">Put it back</button></form></li>\n'


class backup:  # used like a function
    """Backups of the database of `connection`: when the program starts, when it ends, and while it is written
    to. Mount it in a Router: it is a page that lists them and puts one back, and the server that runs the
    Router has it make them.

    A backup is verified before it counts. Kept are the last 10, one for each of 7 days, one for each of 4
    weeks; nothing is added while nothing changes. They are complete databases, named by number and time.

    :param connection: to a file
    :param folder: where to; the folder `backups` beside the file unless given
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
    ...     [each.suffix for each in Path(name, 'backups').iterdir()]
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
        self.lifespan = (self,)
        # A copy that another connection makes has to begin anew at each save (https://sqlite.org/backup.html,
        # "File and Database Connection Locking"); this one's takes over what it saves. Only a rollback of
        # what had been written has it begin anew.
        own = isinstance(connection, Connection) and connection.is_serialized()
        self._source = connection if own else None
        self._every = every * 60
        self._thread: threading.Thread | None = None
        self._until: float | None = None  # when there is no more time
        self._saved = -1  # the connection's total_changes at the last backup

    def __enter__(self) -> backup:
        self._until = None
        self._tick()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self._until = time.monotonic() + EXIT_SECONDS
        self._join()
        self._begin(pause=0)
        self._join()

    def _tick(self) -> None:
        self._begin(pause=PAUSE)
        if self.host is not None:
            self.host.at(time.monotonic() + self._every, self._tick)

    def _begin(self, pause: float) -> None:
        """Have a thread make a backup, if there is something new and none is under way."""
        changes = self.connection.total_changes
        if changes != self._saved and (self._thread is None or not self._thread.is_alive()):
            # A daemon: SQLite verifies a big copy in one go, and the end of the program cannot wait for that.
            self._thread = threading.Thread(target=self._run, args=(changes, pause), daemon=True)
            self._thread.start()

    def _join(self) -> None:
        if self._thread is not None and self._until is not None:
            # A little longer than the time that it has: it looks at the clock between two steps.
            self._thread.join(max(0.0, self._until - time.monotonic()) + 0.1)

    def _run(self, changes: int, pause: float) -> None:
        try:
            made = make_backup(self.file, self.folder, go_on=self._go_on, pause=pause, source=self._source)
        except Interrupted:
            log.info('the backup of %s is put off until the next start', str(self.file))
        except Exception as error:
            log.error('%s', str(error), exception=None if isinstance(error, DatabaseError) else error)
        else:
            self._saved = changes
            log.info('backup of %s: %s', str(self.file), made.name)

    def _go_on(self) -> bool:
        return self._until is None or time.monotonic() < self._until

    # The page.

    def __call__(self, request: Request) -> Response | Deferred:
        """The list of the backups; by POST, `backup=NUMBER` is put back."""
        if request.method in SAFE_METHODS:
            return self._page()
        number = request.form.get('backup', '')
        known = {str(each.number): each.path for each in backups(self.file, self.folder)}
        path = known.get(number)
        if path is None:
            raise BadRequest('There is no such backup (any more). Choose one from the list.')
        if request.scope.transaction is None:
            return self._put_back(path)
        return self._put_back_later(request.scope.host, path)

    def _page(self, notice: str = '') -> Response:
        rows = [_ROW.format(escape_text(each.path.stem), f'{each.path.stat().st_size // 1000:,}', each.number)
                for each in reversed(backups(self.file, self.folder))]
        return Response.generic([
            notice, '<p>To put one back replaces everything by what was saved then. What is there now is '
            'kept as another backup first.</p>\n<ul>\n', rows or '<li>None yet.</li>', '</ul>\n'],
            title='Backups')

    def _put_back(self, path: Path) -> Response:
        """Put a backup back; between requests, since SQLite does that in a transaction of its own."""
        if self._thread is not None:
            self._thread.join()
        make_backup(self.file, self.folder)
        restore(self.connection, path)
        self._saved = -1
        return self._page(f'<p>{escape_text(path.stem)} has been put back.</p>\n')

    def _put_back_later(self, host: Any, path: Path) -> Deferred:
        """The guard holds a transaction now, and in each step of the answer, but not while it waits."""
        from concurrent.futures import Future  # only who puts a backup back pays for it
        future: Future[Response] = Future()

        def work() -> None:
            try:
                future.set_result(self._put_back(path))
            except Exception as error:
                future.set_exception(error)
        if host is None:
            raise DatabaseError('A backup can be put back by a running server, or outside of the guard.')
        host.at(0, work)
        return Deferred(lambda: future.result() if future.done() else Wait(future))
