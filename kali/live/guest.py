"""asyncio as a guest of the host's own loop: coroutines run in the program's one thread, between requests.

An event loop of asyncio asks its selector what is ready, and blocks there. The one here never blocks: its
sockets are watched by the host, and when nothing is ready it notes until when and stops the loop, which is
taken further as soon as something is. So one `run_forever` is one turn, and nothing polls.

A handler's coroutine is not left to asyncio, though: each part of it between two awaits is a step of a
Deferred, so that the guard has a transaction around it as around any other.

Source: Python's documentation, "Extending asyncio".
"""

from __future__ import annotations

import asyncio
import contextvars
import types
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from kali.http.deferred import Deferred, Wait
from kali.http.response import Response
from kali.iolist import flatten
from kali.live.selector import GuestSelector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kali.http.host import Handle
    from kali.live.selector import Watching

__all__ = ['Guest']

CLEAN_UP = 'clean-up'  # the name of a task that does what is left of a handler which was cancelled
MOMENT = 0.5  # seconds for that when the host ends

SIGNALS = ('signal handlers belong to kali: Ctrl-C and SIGTERM end the program properly by themselves; put '
           'what is to be done then into the "finally" of a job, or after the "yield" of a lifespan')
SUBPROCESS = ('a subprocess of asyncio needs a loop of its own here; use subprocess.Popen, or '
              'in_thread(subprocess.run, …)')


class _Loop(asyncio.SelectorEventLoop):
    """An event loop that says what it cannot do here."""

    def add_signal_handler(self, *args: Any) -> None:  # type: ignore[override]
        raise RuntimeError(SIGNALS)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        # Ctrl-C that came while a task ran ends the program; nobody is to retrieve it from the task.
        if not isinstance(context.get('exception'), KeyboardInterrupt):
            super().call_exception_handler(context)

    async def subprocess_exec(self, *args: Any, **named: Any) -> Any:
        raise NotImplementedError(SUBPROCESS)

    async def subprocess_shell(self, *args: Any, **named: Any) -> Any:
        raise NotImplementedError(SUBPROCESS)


class Guest:
    """An asyncio loop that lives in the loop of `host`.

    :param host: watches its sockets and keeps its times
    """

    def __init__(self, host: Watching) -> None:
        self._host = host
        self._selector = GuestSelector(host, self._soon)
        self._handle: Handle | None = None
        self._planned: float | None = None
        self._running = False
        self.loop = self._selector.loop = _Loop(self._selector)

    def deferred(self, value: Any, finish: Callable[[Any], Response | Deferred]) -> Deferred:
        """A Deferred whose steps are the parts of a coroutine between its awaits, or give the pieces of an
        async generator.

        :param finish: makes a Response of the coroutine's result
        """
        if hasattr(value, '__aiter__'):
            head = Response(None, headers=getattr(value, 'headers', None))
            return _Steps(self, _pumped(value), lambda result: None, head)
        return _Steps(self, _awaited(value), finish)

    def complete(self, awaitable: Any, seconds: float) -> None:
        """Run an awaitable to its end while the host serves nobody, since it is about to end.

        :raises TimeoutError: if it takes longer than so many seconds
        """
        self._selector.alone = True
        try:
            with _aside(None):
                self.loop.run_until_complete(asyncio.wait_for(awaitable, seconds))
        finally:
            self._selector.alone = False

    def close(self) -> None:
        """The host ends: what still runs is cancelled, and what cleans up has a moment for that."""
        tasks = [task for task in asyncio.all_tasks(self.loop) if isinstance(task, asyncio.Task)]
        for task in tasks:
            if task.get_name() != CLEAN_UP:
                task.cancel()
        if tasks:
            with suppress(TimeoutError, asyncio.TimeoutError):  # a class of its own before 3.11
                self.complete(asyncio.wait(tasks), MOMENT)
        self.loop.close()

    def turn(self) -> None:
        """Call what is ready, and have the next turn come when there is something to do."""
        if self._running or self.loop.is_closed():
            return
        self._running, self._planned, self._handle = True, None, None
        self._selector.turns = 0
        try:
            with _aside(None):
                self.loop.run_forever()
        finally:
            self._running = False
        if self._selector.idle_until is not None:
            self._plan(self._selector.idle_until)

    def _soon(self) -> None:
        self._plan(0.0)

    def _plan(self, when: float) -> None:
        if self._planned is None or when < self._planned:
            if self._handle is not None:
                self._handle.cancel()
            self._planned, self._handle = when, self._host.at(when, self.turn)

    def step(self, task: _Task, context: contextvars.Context, send: Callable[[], Any]) -> Any:
        """Run a part of a coroutine as the loop would: it is the running one, and `task` the current task."""
        try:
            with _aside(self.loop):
                asyncio._enter_task(self.loop, task)  # type: ignore[arg-type]
                try:
                    return context.run(send)
                finally:
                    asyncio._leave_task(self.loop, task)  # type: ignore[arg-type]
        finally:
            self._soon()  # it may have called for something


@contextmanager
def _aside(loop: Any) -> Iterator[None]:
    """`loop` as the running one, with a loop around the host (in a notebook, say) and its task set aside."""
    outer = asyncio._get_running_loop()
    # From 3.12 on; before, each loop has a current task of its own.
    swap: Any = getattr(asyncio.tasks, '_swap_current_task', None)
    task = swap(outer, None) if outer is not None and swap is not None else None
    asyncio._set_running_loop(loop)
    try:
        yield
    finally:
        asyncio._set_running_loop(outer)
        if task is not None:
            swap(outer, task)


class _Piece(NamedTuple):
    """What an async generator gave, on its way through the coroutine that pumps it."""

    content: Any

    def __await__(self) -> Any:
        yield self


async def _awaited(awaitable: Any) -> Any:
    return await awaitable


async def _pumped(pieces: Any) -> None:
    try:
        async for piece in pieces:
            await _Piece(piece)
    finally:
        if hasattr(pieces, 'aclose'):
            await pieces.aclose()


class _Task(asyncio.Future[Any]):
    """The task that asyncio sees while a step runs: what `asyncio.timeout` and `TaskGroup` cancel."""

    def __init__(self, guest: Guest, coroutine: Any) -> None:
        super().__init__(loop=guest.loop)
        self._coroutine = coroutine
        self._cancelling = 0
        self.must_cancel = False
        self.waits_for: Any = None
        self.go_on: Callable[[], object] = lambda: None

    def get_coro(self) -> Any:
        return self._coroutine

    def get_name(self) -> str:
        return 'handler'

    def get_context(self) -> Any:
        return None

    def cancel(self, msg: Any = None) -> bool:
        if self.done():
            return False
        self._cancelling += 1
        if self.waits_for is None or not self.waits_for.cancel(msg=msg):
            self.must_cancel = True
        return True

    def cancelling(self) -> int:
        return self._cancelling

    def uncancel(self) -> int:
        self._cancelling = max(0, self._cancelling - 1)
        if not self._cancelling:
            self.must_cancel = False
        return self._cancelling


class _Steps(Deferred):
    """A coroutine, a step at a time."""

    __slots__ = ('_context', '_finish', '_guest', '_task')

    def __init__(self, guest: Guest, coroutine: Any, finish: Callable[[Any], Any],
                 response: Response | None = None) -> None:
        super().__init__(self._next, response, self._cancel)
        self._guest, self._finish = guest, finish
        self._context = contextvars.copy_context()
        self._task = _Task(guest, coroutine)

    def _next(self) -> Any:
        task = self._task
        coroutine = task.get_coro()
        error: BaseException | None = None
        if task.must_cancel:
            task.must_cancel, error = False, asyncio.CancelledError()
        task.waits_for = None
        try:
            given = self._guest.step(task, self._context, (lambda: coroutine.send(None)) if error is None
                                     else (lambda: coroutine.throw(error)))
        except StopIteration as end:
            self._over(task)
            return self._finish(end.value)
        except asyncio.CancelledError as cancelled:
            self._over(task)
            raise RuntimeError('the handler was cancelled by its own program') from cancelled
        except BaseException:
            self._over(task)
            raise
        return self._understood(task, given)

    def _understood(self, task: _Task, given: Any) -> Any:
        if given is None:  # asyncio.sleep(0): others first
            return Wait(until=0.0)
        if isinstance(given, _Piece):
            return flatten(given.content)
        if getattr(given, '_asyncio_future_blocking', None):
            given._asyncio_future_blocking = False
            task.waits_for = given
            if task.must_cancel and given.cancel():
                task.must_cancel = False
            return Wait(given)
        raise RuntimeError(f'the handler awaits {given!r:.80}, which is none of asyncio\'s; libraries for '
                           'another event loop cannot run here')

    @staticmethod
    def _over(task: _Task) -> None:
        if not task.done():
            task.set_result(None)

    def _cancel(self) -> None:
        """The client has gone, or the host ends: CancelledError is raised where it waits."""
        task = self._task
        if task.done():
            return
        coroutine = task.get_coro()
        task.waits_for = None
        try:
            with suppress(StopIteration, asyncio.CancelledError):  # with either, it has ended
                given = self._guest.step(task, self._context,
                                         lambda: coroutine.throw(asyncio.CancelledError()))
                # There is more to await in its `finally`; asyncio takes it from here.
                self._guest.loop.create_task(_awaited(_rest(coroutine, given)), name=CLEAN_UP)
        finally:
            self._over(task)


@types.coroutine
def _rest(coroutine: Any, given: Any) -> Any:
    """The rest of a coroutine that has begun and awaits `given`."""
    while True:
        try:
            go_on = partial(coroutine.send, (yield given))
        except BaseException as error:  # of what it awaits; it belongs to the coroutine
            go_on = partial(coroutine.throw, error)
        try:
            given = go_on()
        except StopIteration:
            return
