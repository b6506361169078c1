"""The log: one line a request and one a mishap, to `logging.getLogger('kali')`; and what is said on the
console.

Handlers and levels are the application's. The logging module costs a third of hello-world's start-up time, so
it is loaded when there is something that must be said, or when the application has loaded it already. Nothing
here raises: a console that is gone, or cannot show a letter, is no reason to end.
"""

from __future__ import annotations

import os
import sys
from functools import cache

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable
    from logging import Logger
    from typing import Any

__all__ = ['beyond_console', 'error', 'has_console', 'info', 'is_listening', 'keep_console', 'say', 'warning',
           'when_loaded']

STANDARD = (0, 1, 2)  # the descriptors of input, output and errors
_waiting: list[Callable[[], object]] = []  # what is to be called when logging is loaded
_console: dict[int, tuple[int, ...]] = {}  # what these were when the program began to serve


def is_listening() -> bool:
    """Whether anybody hears an `info` line: the application has loaded logging and wants that level."""
    return 'logging' in sys.modules and _logger().isEnabledFor(20)  # INFO


def info(message: str, *values: object) -> None:
    """Note what happened in the ordinary course of things."""
    if is_listening():
        _write('info', message, values)


def warning(message: str, *values: object) -> None:
    """Note what somebody should know about, though everything goes on."""
    _write('warning', message, values)


def error(message: str, *values: object, exception: BaseException | None = None) -> None:
    """Note a mishap, with the traceback of `exception`."""
    _write('error', message, values, exception)


def when_loaded(function: Callable[[], object]) -> None:
    """Call `function` before the first message, when the logging module is loaded: now, if it is."""
    _waiting.append(function)
    if 'logging' in sys.modules:
        _logger.cache_clear()
        _logger()


@cache  # getLogger takes a lock to look it up
def _logger() -> Logger:
    import logging  # see above: loaded late on purpose
    while _waiting:
        _waiting.pop()()
    return logging.getLogger('kali')


def _write(level: str, message: str, values: tuple[object, ...],
           exception: BaseException | None = None) -> None:
    values = tuple(map(_printable, values))
    try:
        logger, number = _logger(), {'info': 20, 'warning': 30, 'error': 40}[level]
        if exception is None or not logger.isEnabledFor(number):
            logger.log(number, message, *values, stacklevel=3)
            return
        caller = sys._getframe(2)
        code = caller.f_code
        record = logger.makeRecord(logger.name, number, code.co_filename, caller.f_lineno, message, values,
                                   (type(exception), exception, exception.__traceback__), code.co_name)
        record.exc_text = _traceback(exception)  # formatters take it if it is there
        logger.handle(record)
    except Exception as error:  # there may be no descriptor left to load logging with, or a handler is broken
        _print(getattr(sys, 'stderr', None), f'kali: {message % values} (and the log failed: {error!r})')


def has_console() -> bool:
    """Whether the user sees that the program runs."""
    for name in ('stdin', 'stdout', 'stderr'):
        try:
            if getattr(sys, name).isatty():
                return True
        except (ValueError, AttributeError, OSError):
            continue  # it is None, deleted, closed, or of the application's own: nobody sees anything there
    return False


def say(text: str, end: str = '\n') -> None:
    """Print `text` on the console, if there is one (pythonw has none)."""
    _print(getattr(sys, 'stdout', None), text, end)


def _print(stream: Any, text: str, end: str = '\n') -> None:
    try:
        if stream is not None and _is_console(stream):
            _write_out(stream, text + end)
    except Exception:  # closed, gone, or an object of the application's own that does not do what files do
        pass


def _write_out(stream: Any, text: str) -> None:
    try:
        try:
            stream.write(text)
        except UnicodeEncodeError:  # as on a console in cp1252, or without a locale
            kind = getattr(stream, 'encoding', None) or 'ascii'
            stream.write(text.encode(kind, 'backslashreplace').decode(kind))
        stream.flush()
    except BrokenPipeError:
        if stream.fileno() in _console:
            _plug(stream.fileno())  # or Python would try again at its end, and the exit code would say so
        raise


def _is_console(stream: Any) -> bool:
    """Whether what is written to `stream` goes where it went when the program began to serve: the number of a
    descriptor that the application closed may be a client's by now."""
    try:
        number = stream.fileno()
    except (OSError, ValueError, AttributeError):
        return True  # it has none, or says later that it is closed
    return number not in _console or _identity(number) == _console[number]


def _identity(number: int) -> tuple[int, ...]:
    status = os.fstat(number)
    return status.st_dev, status.st_ino, status.st_mode & 0o170000, getattr(status, 'st_rdev', 0)


def keep_console() -> None:
    """Remember what the standard descriptors are, and fill those that are closed, so that nothing that is
    opened later gets their numbers: what Python or a log handler writes would go there."""
    for number in STANDARD:
        try:
            os.fstat(number)
        except OSError:
            _plug(number)
        try:
            _console[number] = _identity(number)
        except OSError:
            pass  # Windows, without a console


def _plug(number: int) -> None:
    """Have what is written to a descriptor go nowhere."""
    try:
        null = os.open(os.devnull, os.O_RDWR)
        if null != number:
            os.dup2(null, number, inheritable=True)
            os.close(null)
    except OSError:
        pass  # out of descriptors: nothing can get the number just now


def beyond_console(number: int) -> int:
    """A descriptor that the system gave a number of the console, since the application has closed that, under
    a number beyond; the gap is filled."""
    if os.name != 'posix' or number not in STANDARD:
        return number
    from fcntl import F_DUPFD_CLOEXEC, fcntl  # few programs close their console
    moved = fcntl(number, F_DUPFD_CLOEXEC, len(STANDARD))
    _plug(number)
    return moved


def _printable(value: object) -> object:
    """Text with control characters escaped, so that no request can forge a line of its own."""
    if not isinstance(value, str) or value.isprintable():
        return value
    return ''.join(each if each.isprintable() else repr(each)[1:-1] for each in value)


def _traceback(error: BaseException) -> str:
    """The traceback of `error`, each line marked: its message may quote a request, line ends and all."""
    import traceback  # logging has loaded it
    text = ''.join(traceback.format_exception(type(error), error, error.__traceback__))
    return '\n'.join(f'  | {_printable(line)}' for line in text.rstrip('\n').split('\n'))
