"""processes: what distinguishes this process from others of the same program."""

from __future__ import annotations

import sys

__all__ = ['is_spawned_child']


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
