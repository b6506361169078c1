"""Work beside the program's one thread: `in_thread` for what waits, `in_process` for what computes.

Both give a Future, which a handler may return and a job may yield; the program goes on meanwhile. Threads and
processes are started when they are first needed and end with the program, whatever they are doing. A process
is always spawned, never forked: a fork would share open sockets and database connections.
"""

from __future__ import annotations

import os
import pickle
import threading
from concurrent.futures import CancelledError, Future
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

__all__ = ['WorkerError', 'in_process', 'in_thread']

T = TypeVar('T')

THREADS = 8  # that may wait at the same time


class WorkerError(Exception):
    """The process that a function ran in has ended before the function did; or, as the cause of an error that
    was raised in another process, where that was."""


def in_thread(function: Callable[..., T], *args: Any, **named: Any) -> Future[T]:
    """Call `function` in another thread: for what waits, such as another server or a slow disk.

    An SQLite connection belongs to the thread that made it, so the function opens one of its own or does
    without.

    >>> in_thread(pow, 2, 10).result()
    1024
    """
    return _threads.submit(function, args, named)


def in_process(function: Callable[..., T], *args: Any, **named: Any) -> Future[T]:
    """Call `function` in another process, which has a processor core of its own.

    Function, arguments and result travel there and back, so they are what pickle can carry: the function
    stands at the top of a module or of the script. In the other process the script runs once more up to its
    `serve_http`, which does nothing there. If that process dies, this Future fails with a WorkerError and no
    other does; `cancel()` ends the process if it has begun.

    :raises RuntimeError: in such a process itself, while the script is read there
    """
    from multiprocessing import current_process  # only a program that computes in processes loads it
    if current_process().name != 'MainProcess':
        raise RuntimeError('in_process was called while the script is read in a worker process. Call it in a '
                           'handler or a job, not at the top of the script.')
    return _processes.submit(function, args, named)


class _Work(Future[Any]):
    """A call and its result; `stop` ends it while it runs, where that can be done."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> None:
        super().__init__()
        self.task = function, args, named
        self.stop: Callable[[], object] | None = None

    def cancel(self) -> bool:
        """Call it off; work in a process that has begun is ended with the process."""
        if super().cancel():
            return True
        stop = self.stop
        if stop is None or self.done():
            return False
        stop()
        return True


class _Pool:
    """Threads that take work from a queue. They are daemons: concurrent.futures' own would hold up the end of
    the program until all that was submitted is done.

    :param limit: how many threads at most
    :param make: makes, in a thread of the pool, what its work is given to
    """

    def __init__(self, limit: int, make: Callable[[], Callable[[_Work], Any]]) -> None:
        self._limit, self._make = limit, make
        self._queue: SimpleQueue[_Work] = SimpleQueue()
        self._lock = threading.Lock()
        self._waiting = self._count = 0  # threads without work, and all

    def submit(self, function: Callable[..., T], args: tuple[Any, ...], named: dict[str, Any]) -> Future[T]:
        work = _Work(function, args, named)
        self._queue.put(work)
        with self._lock:
            if self._queue.qsize() > self._waiting and self._count < self._limit:
                self._count += 1
                threading.Thread(target=self._run, name='kali work', daemon=True).start()
        return work

    def _run(self) -> None:
        do = self._make()
        while True:
            with self._lock:
                self._waiting += 1
            work = self._queue.get()
            with self._lock:
                self._waiting -= 1
            if work.set_running_or_notify_cancel():
                try:
                    result = do(work)
                except BaseException as error:  # whatever it is, it belongs to the caller
                    work.set_exception(error)
                else:
                    work.set_result(result)
            del work


def _call(work: _Work) -> Any:
    function, args, named = work.task
    return function(*args, **named)


class _Process:
    """A worker process, started with the first work, and anew after one that died."""

    def __init__(self) -> None:
        self._link: Connection[Any, Any] | None = None

    def __call__(self, work: _Work) -> Any:
        task = pickle.dumps(work.task)  # if pickle cannot carry it, no process need hear of that
        stopped = False

        def stop() -> None:
            nonlocal stopped
            stopped = True
            self._process.terminate()
        if self._link is None or not self._process.is_alive():  # it may have been killed while it had no work
            self._start()
        assert self._link is not None
        work.stop = stop
        try:
            self._link.send_bytes(task)
            result, error, trace = self._link.recv()
        except (EOFError, OSError):
            self._process.join()
            self._link.close()
            self._link = None
            if stopped:
                raise CancelledError() from None
            raise WorkerError('the process that computed this has ended before it was done, with exit code '
                              f'{self._process.exitcode}; the program itself goes on') from None
        except Exception as error:  # an exception with arguments of its own, say
            raise WorkerError(f'what {work.task[0]!r} gave cannot be read here: {error!r}') from error
        finally:
            work.stop = None
        if error is not None:
            raise error from WorkerError(trace)
        return result

    def _start(self) -> None:
        from multiprocessing import get_context  # only for programs that compute in processes
        context = get_context('spawn')
        self._link, there = context.Pipe()
        # A daemon: multiprocessing ends it with the program.
        self._process = context.Process(target=_serve, args=(there,), name='kali worker', daemon=True)
        self._process.start()
        there.close()


def _serve(link: Connection[Any, Any]) -> None:
    """What runs in a worker process: one call after the other, until the program ends."""
    import signal  # in the worker process only
    import traceback  # likewise
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program, which ends this process then
    while True:
        try:
            function, args, named = link.recv()
        except EOFError:  # the program has ended
            return
        except BaseException as error:  # the function is not to be found here, say
            answer: tuple[Any, BaseException | None, str] = None, error, traceback.format_exc()
        else:
            try:
                answer = function(*args, **named), None, ''
            except BaseException as error:
                answer = None, error, traceback.format_exc()
        try:
            link.send(answer)
        except OSError:  # the program has ended meanwhile
            return
        except Exception as error:  # the result, or the error, is nothing that pickle can carry
            said = f'{type(error).__name__}: {error}' if answer[1] is None else answer[2]
            link.send((None, WorkerError(f'what {function!r} gave cannot be sent back: {said}'), said))


_threads = _Pool(THREADS, lambda: _call)
_processes = _Pool(max(1, (os.cpu_count() or 2)), _Process)
