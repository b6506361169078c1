"""Consequences of what a handler does: they wait until it is saved.

A guard says here which transaction is open while a handler or a step of an answer runs. Whatever must not
happen for nothing (an event is published, a job is started, a kept upload is given up) asks for
`after_commit`. Handlers run one at a time in a process, so one note for all of them is enough; another thread
has nothing to do with what they save.
"""

from __future__ import annotations

from _thread import get_ident

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ['OPEN', 'after_commit']

#: The open transactions, the innermost last: anything with `after_commit(function)` and `thread`.
OPEN: list[Any] = []


def after_commit(function: Callable[[], object]) -> None:
    """Call `function` once the transaction that is open now is committed; at once if none is.

    If it is rolled back, the function is not called.

    >>> after_commit(lambda: print('nothing to wait for'))
    nothing to wait for
    """
    if OPEN and OPEN[-1].thread == get_ident():
        OPEN[-1].after_commit(function)
    else:
        function()
