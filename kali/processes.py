"""processes: what distinguishes this process from others of the same program, and its threads."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ['STANDS_FOR', 'end_with_input', 'is_spawned_child']

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


def end_with_input(heard: Callable[[], object] = lambda: None) -> None:
    """Have this process end with its standard input, as by SIGTERM: so it never outlives the one that started
    it, however that ends, and that one can end it on every system.

    :param heard: called, in a thread, whenever something comes
    """
    import signal  # for programs that another one starts
    import threading  # likewise

    def follow() -> None:
        while os.read(0, 100):
            heard()
        if sys.platform == 'win32':
            signal.raise_signal(signal.SIGTERM)
        else:  # to the main thread, so that what waits there is interrupted
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
    threading.Thread(target=follow, daemon=True).start()
