"""The thread in which all handlers of a process run, one at a time, however many threads its server has.

It begins with the first request of a process, since a server may fork after it has loaded the application,
and it ends with the process. Between requests it takes jobs further; with nothing to do it sleeps.
"""

from __future__ import annotations

import atexit
import os
from collections import deque
from queue import SimpleQueue
from threading import Event, Lock, Thread, get_ident
from typing import TYPE_CHECKING, Any

from kali import log
from kali.errors import KaliError
from kali.http.around import entered
from kali.http.deferred import Deferred, Wait
from kali.http.response import Response
from kali.processes import STANDS_FOR
from kali.server.dispatcher import Broken, Dispatcher
from kali.server.hosting import Hosting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from kali.http.request import Request
    from kali.http.response import Handler
    from kali.locale import Locale
    from kali.server.answers import Answer

__all__ = ['Answering', 'Worker']

HIGH_WATER = 65536  # bytes of a stream that wait for the server to send them
PATIENCE = 5.0  # seconds for the end of the thread when its process ends


class Worker:
    """Runs `handler` in a thread of its own; `answer` may be called from any thread.

    :ivar encoder: has the header fields that go with every response
    """

    def __init__(self, handler: Handler, *, debug: bool, locale: Locale | None,
                 headers: Mapping[str, str | None] | None) -> None:
        def make() -> Hosting:
            return Hosting(Dispatcher(handler, debug=debug, locale=locale), headers)
        self._make = make
        self.encoder = self._make().encoder
        self._debug = debug
        self._lock = Lock()
        self._creator = get_ident()  # this thread has loaded the application, and opened its database
        self._process = 0
        self._forget()

    def _forget(self) -> None:
        self._host: Hosting | None = None
        self._calls: deque[Callable[[], object]] = deque()
        self._is_over = False
        self._thread: Thread | None = None

    def answer(self, request: Request) -> Answering:
        """Have `request` answered."""
        answering = Answering(self, request)
        try:
            self._begin()
        except Exception as error:
            answering.put(self._failed(request, error))
        else:
            self.call(answering.begin)
        return answering

    def call(self, function: Callable[[], object]) -> None:
        """Have `function` called in the thread, soon."""
        self._calls.append(function)
        if self._host is not None:
            self._host.wake()

    def close(self) -> None:
        """Leave the lifespan and end the thread; the next request begins another one."""
        with self._lock:
            if self._thread is not None and self._process == os.getpid():
                self._is_over = True
                self.call(lambda: None)
                self._thread.join(PATIENCE)
            self._forget()

    def _begin(self) -> None:
        """Start the thread, if it does not run in this process yet.

        :raises KaliError: if the application's lifespan cannot be entered. The next request tries again.
        """
        if self._thread is not None and self._process == os.getpid():
            return
        with self._lock:
            if self._thread is not None and self._process == os.getpid():
                return
            self._forget()
            self._process = os.getpid()
            began = Event()
            errors: list[BaseException] = []
            thread = Thread(target=self._run, args=(began, errors), name='kali', daemon=True)
            thread.start()
            began.wait()
            if errors:
                raise KaliError(f'The program could not start: {errors[0]}') from errors[0]
            self._thread = thread
            atexit.register(self.close)

    def _run(self, began: Event, errors: list[BaseException]) -> None:
        STANDS_FOR[get_ident()] = self._creator
        try:
            host = self._host = self._make()
            with entered(host.dispatcher.handler, host):
                began.set()
                self._serve(host)
        except BaseException as error:  # a thread has nobody else to hand it to
            if began.is_set():
                log.error('the application could not be ended properly', exception=error)
            errors.append(error)
        finally:
            STANDS_FOR.pop(get_ident(), None)
            began.set()

    def _serve(self, host: Hosting) -> None:
        calls = self._calls
        try:
            while not self._is_over:
                while calls:
                    calls.popleft()()
                host.pause(0.0 if calls else float('inf'))
        finally:
            host.close()

    def _failed(self, request: Request, error: Exception) -> Response:
        def fail(request: Request) -> Any:
            raise error
        answer = Dispatcher(fail, debug=self._debug).answer(request)
        assert isinstance(answer, Response)
        return answer

    def host(self) -> Hosting:
        """The host; for calls in the thread."""
        assert self._host is not None
        return self._host


class Answering:
    """One answer on its way from kali's thread to the server's."""

    def __init__(self, worker: Worker, request: Request) -> None:
        self._worker, self._request = worker, request
        self._outcomes: SimpleQueue[Any] = SimpleQueue()
        self._given = self._taken = 0  # bytes; each is counted by one thread only
        self._answer: Answer | None = None

    # In kali's thread.

    def begin(self) -> None:
        """Call the handler."""
        host = self._worker.host()
        self._request.scope.host = host
        outcome = host.dispatcher.answer(self._request)
        if isinstance(outcome, Response):
            self.put(outcome)
        else:
            self._follow(outcome)

    def put(self, outcome: Any) -> None:
        """Hand on a Response, a piece, None at the end of a stream, or Broken."""
        self._outcomes.put(outcome)

    def _follow(self, deferred: Deferred) -> None:
        if deferred.response is not None:
            self.put(deferred)
        self._answer = self._worker.host().answers.begin(deferred, self._request, self._take)

    def _take(self, outcome: bytes | Wait | Response | Deferred | Broken | None) -> bool:
        if isinstance(outcome, bytes):
            if outcome:
                self._given += len(outcome)
                self.put(outcome)
        elif isinstance(outcome, Deferred):
            self._follow(outcome)
        elif not isinstance(outcome, Wait):
            self.put(outcome)
        return self._given - self._taken < HIGH_WATER

    def _room(self) -> None:
        if self._answer is not None:
            self._worker.host().answers.room(self._answer)

    def _end(self) -> None:
        if self._answer is not None:
            self._worker.host().answers.end(self._answer)

    # In the server's thread.

    def first(self) -> Response | Deferred:
        """Wait for the whole answer, or for the begin of a stream."""
        outcome = self._outcomes.get()
        assert isinstance(outcome, (Response, Deferred))
        return outcome

    def pieces(self) -> Iterator[bytes]:
        """The rest of a stream.

        :raises Broken: if it fails halfway; the server has to cut it
        """
        while (outcome := self._outcomes.get()) is not None:
            if isinstance(outcome, Broken):
                raise outcome
            yield outcome
            full = self._given - self._taken >= HIGH_WATER
            self._taken += len(outcome)
            if full:
                self._worker.call(self._room)

    def close(self) -> None:
        """The server wants no more of it."""
        self._worker.call(self._end)
