"""Reloader: runs a program, and starts it anew after each change (`python -m kali run FILE --reload`).

The program is a process of its own. When it cannot start, its error is shown in its place, at the same
address, by a server in this process, until the files have changed.
"""

from __future__ import annotations

import ast
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kali import log
from kali.desktop import launch
from kali.desktop.belongings import SOURCE, files_of
from kali.desktop.reloading import Session
from kali.desktop.serve import serve_http
from kali.errors import KaliError
from kali.http.around import Around
from kali.http.response import Response
from kali.markup import escape_text

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ['Reloader', 'Watch', 'guessed']

MOST = 1000  # folders that are watched; a script in somebody's home folder is no reason to watch all of it
INTERVAL = 0.05  # seconds from one look to the next; more where there are many files
PATIENCE = 3.0  # seconds for a program to end, before it is killed
TITLES = {'failed': '{} does not run', 'slow': '{} is still starting'}
NEXT = 'As soon as a file is saved, it is started anew, and this page goes.'
NOTHING_SERVED = 'It ended without serving a page: it has no serve_http(…) at its end, or did not get there.'
WISH = re.compile(r'''\b(app_id|port|start|window)\s*=\s*('[^'\\]*'|"[^"\\]*"|\d+|None)\s*[,)]''')


class Watch:
    """The source files of a program, and whether they have changed.

    :param folder: those below it
    :param files: and these
    """

    def __init__(self, folder: Path, *files: Path) -> None:
        self.folder, self.files = folder, files
        self._seen = self._look()
        self._last, self._next = self._seen, 0.0

    def has_changed(self) -> bool:
        """Whether they have changed since this was last so, and nobody is saving them just now."""
        begin = time.monotonic()
        if begin < self._next:
            return False
        now, last = self._look(), self._last
        self._last, self._next = now, begin + max(INTERVAL, 10 * (time.monotonic() - begin))
        if now == self._seen or now != last:
            return False
        self._seen = now
        return True

    def _look(self) -> dict[Path, object]:
        found: dict[Path, object] = {}
        for path in (*self.files, *files_of(self.folder, SOURCE, MOST)):
            try:
                status = path.stat()
            except OSError:
                continue  # deleted: that is a change
            found[path] = status.st_mtime_ns, status.st_size, status.st_ino
        return found


def guessed(source: str) -> dict[str, Any]:
    """What a script says to serve_http, as far as its text shows; it may have any mistake in it.

    >>> guessed("serve_http(app, app_id='shop', port=8000")
    {'app_id': 'shop'}
    """
    call = source[source.rfind('serve_http('):]
    return {name: ast.literal_eval(value) for name, value in WISH.findall(call)}


class Reloader:
    """Runs a program until it ends by itself, and anew after each change.

    :param command: starts it, as for Popen; it joins the session (kali.desktop.reloading)
    :param name: what pages call it
    :param watch: its files
    :param wishes: arguments of serve_http for a page that shows an error, until the program says its own
    """

    def __init__(self, command: list[str], name: str, watch: Watch, wishes: dict[str, Any]) -> None:
        self.command, self.name, self.watch, self.wishes = command, name, watch, wishes
        self.key = os.urandom(32).hex()
        self.opened: list[str] = []
        self.number = 0  # of runs, and of pages that show an error
        self.process: subprocess.Popen[bytes] | None = None
        self.heard: dict[str, Any] = {}  # what the program has said last
        self.text, self.is_over = '', False

    def run(self) -> int:
        """Run it; the exit code is 0 when its last window was closed."""
        for name in ('SIGTERM', 'SIGHUP'):  # the console may be closed
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), lambda *_: sys.exit(0))
        with tempfile.TemporaryDirectory(prefix='kali-') as folder:
            self.folder = folder
            try:
                return self._run()
            except KeyboardInterrupt:
                return 130
            finally:
                self.stop()

    def _run(self) -> int:
        self.start()
        state = ''
        while state not in ('ended', 'closed'):
            if state == 'changed':
                log.say(f'{self.name} has changed: it is started anew.')
                self.stop()
                self.start()
            elif state == 'ready':
                self._let_listen()
            elif state in TITLES:
                state = self.show(state)
                continue
            time.sleep(INTERVAL)
            state = self.look()
        return 0

    def start(self) -> None:
        """Start the program."""
        self.heard, self.is_over = {}, False
        session = Session(self._new_run(), self.key, self.opened, os.path.join(self.folder, 'report'))  # noqa: PTH118
        Path(session.report).unlink(missing_ok=True)
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE)
        self._tell(json.dumps({name: getattr(session, name) for name in ('run', 'key', 'opened', 'report')}))

    def stop(self) -> None:
        """End the program."""
        process, self.process = self.process, None
        if process is None:
            return
        try:
            if process.stdin is not None:
                process.stdin.close()
        except OSError:
            pass  # it has ended
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def look(self) -> str:
        """What is new: `changed`, `ready`, `failed`, `slow`, `ended`, or nothing."""
        if self.watch.has_changed():
            return 'changed'
        code = self.process.poll() if self.process else None  # before the report, which it wrote first
        said = self._report()
        if said != self.heard:
            self.heard, self.text = said, said.get('text', '')
            self.wishes = said.get('wishes', self.wishes)
            self.is_over = said['state'] == 'failed'
            return str(said['state'])
        if code is None or self.is_over:
            return ''
        self.is_over = True
        if code == 0 and said.get('state') == 'ready':
            return 'ended'
        self.text = NOTHING_SERVED if code == 0 else f'It ended with code {code}.'
        return 'failed'

    def show(self, state: str) -> str:
        """Show what the program has said in its place, until there is something new: that is returned.
        `closed`: the user has closed the last window."""
        page = f'<p>{NEXT}</p>\n<pre>{escape_text(self.text)}</pre>'
        news = 'closed'

        @contextmanager
        def watched(host: Any) -> Iterator[None]:
            def look() -> None:
                nonlocal news
                found = self.look()
                if found:
                    news = found
                    host.stop()
                else:
                    host.at(time.monotonic() + INTERVAL, look)
            look()
            yield
        launch.session = Session(self._new_run(), self.key, self.opened)

        def answer(request: Any) -> Response:
            return Response.generic(page, title=TITLES[state].format(self.name), status=500)
        try:
            serve_http(Around(answer, answer, (watched,)), **self.wishes)
        except KaliError as error:  # its port is taken, say
            log.say(str(error))
            while not (news := self.look()):
                time.sleep(INTERVAL)
        return news

    def _let_listen(self) -> None:
        self._tell('')
        self.opened.append(self.heard['name'])

    def _tell(self, line: str) -> None:
        try:
            if self.process is not None and self.process.stdin is not None:
                self.process.stdin.write(line.encode() + b'\n')
                self.process.stdin.flush()
        except OSError:
            pass  # it has ended, which is seen soon

    def _new_run(self) -> str:
        self.number += 1
        return f'{os.getpid()}-{self.number}'

    def _report(self) -> dict[str, Any]:
        try:
            said: dict[str, Any] = json.loads(Path(self.folder, 'report').read_bytes())
        except (OSError, ValueError):  # not there yet; on Windows, being replaced
            return self.heard
        return said

