"""The log: one line a request and one a mishap, to `logging.getLogger('kali')`.

Handlers and levels are the application's. The logging module costs a third of hello-world's start-up time, so
it is loaded when there is something that must be said, or when the application has loaded it already.
"""

from __future__ import annotations

import sys
from functools import cache

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from logging import Logger

__all__ = ['error', 'info', 'is_listening', 'warning']


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


@cache  # getLogger takes a lock to look it up
def _logger() -> Logger:
    import logging  # see above: loaded late on purpose
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
    except Exception as error:
        # There may be no file descriptor left to load it with; a mishap must not become worse by being told.
        if sys.stderr is not None:
            sys.stderr.write(f'kali: {message % values} (and the log failed: {error!r})\n')


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
