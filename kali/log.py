"""The log: one line a request and one a mishap, to `logging.getLogger('kali')`.

Handlers and levels are the application's. The logging module costs a third of hello-world's start-up time, so
it is loaded when there is something that must be said, or when the application has loaded it already.
"""

from __future__ import annotations

import sys

__all__ = ['error', 'info', 'is_listening', 'warning']


def is_listening() -> bool:
    """Whether anybody hears an `info` line: the application has loaded logging and wants that level."""
    logging = sys.modules.get('logging')
    return logging is not None and bool(logging.getLogger('kali').isEnabledFor(logging.INFO))


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


def _write(level: str, message: str, values: tuple[object, ...],
           exception: BaseException | None = None) -> None:
    values = tuple(map(_printable, values))
    try:
        import logging  # see above: loaded late on purpose
        logging.getLogger('kali').log(getattr(logging, level.upper()), message, *values,
                                         exc_info=exception, stacklevel=3)
    except Exception as error:
        # There may be no file descriptor left to load it with; a mishap must not become worse by being told.
        if sys.stderr is not None:
            sys.stderr.write(f'kali: {message % values} (and the log failed: {error!r})\n')


def _printable(value: object) -> object:
    """Text with control characters escaped, so that no request can forge a line of its own."""
    if not isinstance(value, str) or value.isprintable():
        return value
    return ''.join(each if each.isprintable() else repr(each)[1:-1] for each in value)
