"""processes: what distinguishes this process from others of the same program, and its threads."""

from __future__ import annotations

import sys

__all__ = ['STANDS_FOR', 'is_spawned_child']

#: Under another server, handlers run in a thread of kali's own: its identity -> that of the thread which
#: loaded the application. What belongs to the one, such as a connection to a database, the other may use.
STANDS_FOR: dict[int, int] = {}


def is_spawned_child() -> bool:
    """Whether multiprocessing has started this process, which runs the program's script once more.

    Such a process serves nothing, migrates nothing and makes no backups. While the script runs in it,
    `parent_process()` is still None; only its name shows it.

    >>> is_spawned_child()
    False

    Source: https://docs.python.org/3/library/multiprocessing.html#the-spawn-and-forkserver-start-methods
    """
    multiprocessing = sys.modules.get('multiprocessing')  # which has started the child, if it is one
    return multiprocessing is not None and multiprocessing.current_process().name != 'MainProcess'
