"""The log file: what a program without a console has to say, in the user's folder for logs; and the page that
shows its end to the user of the window.

It gets what the application's logging lets through, kali's lines and its own, and is bounded in size. The
console hears what it would hear without it. It is opened for each entry, so that it can be moved, and several
starts can write to it.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from kali.http.response import Response
from kali.locale.words import say
from kali.markup import escape

__all__ = ['LogFile', 'attach', 'log_page']

BOUND = 1_000_000  # bytes; the file before it is kept
SHOWN = 64_000  # bytes of its end that the page shows
FORMAT = '%(asctime)s %(levelname)s %(name)s: %(message)s'


class LogFile:
    """A text stream to the file.

    :param folder: where it is kept
    """

    def __init__(self, folder: str) -> None:
        self.path = Path(folder, 'kali.log')

    def write(self, text: str) -> int:
        """Append `text`. Where nothing can be written, it is lost: that must not end the program."""
        try:
            if self.path.exists() and self.path.stat().st_size > BOUND:
                self.path.replace(self.path.with_name('kali.log.1'))
            file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(file, text.encode('utf-8', 'backslashreplace'))
            finally:
                os.close(file)
        except OSError:
            return 0
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""

    def end(self) -> str:
        """The last lines; '' if there are none."""
        try:
            with self.path.open('rb') as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - SHOWN))
                text = file.read().decode('utf-8', 'replace')
        except OSError:
            return ''
        return text if size <= SHOWN else text.partition('\n')[2]


class _Handler(logging.Handler):
    """Writes to the file, and to the console what would have gone there if no handler had been set."""

    def __init__(self, file: LogFile) -> None:
        super().__init__()
        self._file = file
        self.setFormatter(logging.Formatter(FORMAT))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._file.write(self.format(record) + '\n')
        except Exception:  # of the application's words and values
            self.handleError(record)
        logger: logging.Logger | None = logging.getLogger(record.name)
        while logger is not None:
            if any(each is not self for each in logger.handlers):
                return
            logger = logger.parent if logger.propagate else None
        last = logging.lastResort
        if last is not None and record.levelno >= last.level and not isinstance(sys.stderr, LogFile):
            last.handle(record)


def attach(folder: str) -> None:
    """Have the file in `folder` get what is logged; and where there is no console, as under pythonw, what
    Python would print there about errors."""
    file = LogFile(folder)
    if sys.stderr is None:
        sys.stderr = file  # it has what is asked of one
    logging.getLogger().addHandler(_Handler(file))


def log_page(folder: str) -> Response:
    """The end of the log. It may show anything of the program, so only the user of its window gets here."""
    file = LogFile(folder)
    text = file.end()
    content = (f'<p>{escape(say("log end", path=file.path))}</p>\n<pre>{escape(text)}</pre>' if text
               else f'<p>{escape(say("log empty"))}</p>')
    return Response.generic(content, title=say('log'), headers={'Cache-Control': 'no-store'})

