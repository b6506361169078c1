"""The log: one line a request and one a mishap, to `logging.getLogger('kali')`.

Handlers and levels are the application's. The logging module costs a third of hello-world's start-up time, so it is
loaded when there is something that must be said, or when the application has loaded it already.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from logging import Logger

__all__ = ['error', 'info', 'is_listening', 'warning']


def is_listening() -> bool:
    """Whether anybody could hear an `info` line: the application has loaded logging and lets the level through."""
    logging = sys.modules.get('logging')
    return logging is not None and bool(logging.getLogger('kali').isEnabledFor(logging.INFO))


def info(message: str, *values: object) -> None:
    """Note what happened in the ordinary course of things."""
    if is_listening():
        _logger().info(message, *map(_printable, values))


def warning(message: str, *values: object) -> None:
    """Note what somebody should know about, though everything goes on."""
    _logger().warning(message, *map(_printable, values))


def error(message: str, *values: object, exception: BaseException | None = None) -> None:
    """Note a mishap, with the traceback of `exception`."""
    _logger().error(message, *map(_printable, values), exc_info=exception)


def _logger() -> Logger:
    import logging  # see above: loaded late on purpose
    return logging.getLogger('kali')


def _printable(value: object) -> object:
    """Text with control characters escaped, so that no request can forge a line of its own."""
    if not isinstance(value, str) or value.isprintable():
        return value
    return ''.join(each if each.isprintable() else repr(each)[1:-1] for each in value)
