"""The loop: one thread that serves every socket, and runs one handler at a time.

It accepts whoever comes, reads only sockets that have something, and hands a request to the dispatcher once
it is whole; so an idle, slow or half-open client costs nobody any time. Between requests it takes deferred
answers a step further, keeps the deadlines, and does what long-lived parts asked their `host` for. This is
the only file that knows a selector. What a request means is decided elsewhere.
"""

from __future__ import annotations

import errno
import selectors
import socket
import sys
import time
from collections import deque
from heapq import heappop, heappush

from kali import log
from kali.http.deferred import Deferred, Wait
from kali.http.encoder import Encoder
from kali.http.limits import DEFAULT, Limits
from kali.http.request import Request
from kali.http.response import Response
from kali.server.connection import (
    ANSWERING,
    CLOSED,
    DRAINING,
    HIGH_WATER,
    NEVER,
    READING,
    WRITING,
    Connection,
)
from kali.server.dispatcher import Broken, Dispatcher, rendered
from kali.server.signals import Signals

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from kali.http.parser import Head
    from kali.http.response import Handler

__all__ = ['Server']

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
STOP_SECONDS = 1.5  # for answers under way when the server is told to end


class Server:
    """Serves `handler` on listening sockets until it is stopped.

    :param sockets: listening sockets, which it takes over and closes
    :param admit: asked with the head of each request; a Response from it is the answer (see kali.server.gate)
    :param timeout: seconds that a new connection may be silent

    It is the `host` of what lives as long as it does: `start`, `at` and `wake` are for them.
    """

    def __init__(self, handler: Handler, sockets: list[socket.socket], *,
                 admit: Callable[[Head], Response | None] = lambda head: None, timeout: float = 1.0,
                 headers: Mapping[str, str | None] | None = None, limits: Limits = DEFAULT,
                 debug: bool = True) -> None:
        self.handler, self.admit, self.timeout, self.limits = handler, admit, timeout, limits
        self.encoder = Encoder(headers)
        self.dispatcher = Dispatcher(handler, debug=debug, stopping=lambda: self._stopping)
        self._listeners = sockets
        self._selector = selectors.DefaultSelector()
        self._connections: set[Connection] = set()
        self._next_deadline = NEVER  # never later than the earliest deadline of a connection
        # Answers to take a step further; those without a connection are jobs.
        self._ready: deque[tuple[Connection | None, Request, Deferred]] = deque()
        self._timers: list[tuple[float, int, Callable[[], object]]] = []
        self._count = 0
        self._stopping = self._handling = False
        self._stop_by = NEVER
        self._accept_again = 0.0  # when accepting is paused: until when
        self._told_of_shortage = False
        # A pair of sockets, since select cannot wait for anything else on Windows.
        self._wake_in, self._wake_out = socket.socketpair()

    # What long-lived parts may ask of their host.

    def start(self, deferred: Deferred) -> None:
        """Take an answer that no client waits for through its steps, between requests: a job."""
        self._ready.append((None, Request('GET', '/'), deferred))

    def at(self, when: float, function: Callable[[], object]) -> None:
        """Call `function` once at the time `when`, in seconds on the clock of `time.monotonic`."""
        self._count += 1
        heappush(self._timers, (when, self._count, function))

    def wake(self) -> None:
        """Have the loop look around. The only call that is safe from another thread, or a signal handler."""
        try:
            self._wake_out.send(b'\0')
        except (BlockingIOError, OSError):
            pass  # it is full, so the loop is about to wake anyway; or closed, and there is nobody to wake

    def stop(self) -> None:
        """Have `run` return once the answers under way are sent, or after 1.5 seconds; from any thread."""
        self._stopping = True
        self.wake()

    # The loop.

    def run(self) -> None:
        """Serve until stopped. Enters the handler's `lifespan` first and leaves it in the end."""
        try:
            with Signals(self.interrupt, self._wake_out):
                self._run_within(list(getattr(self.handler, 'lifespan', ())))
        finally:
            self._close()
            for each in (self._wake_in, self._wake_out):  # not before: a signal may come at any time
                each.close()
            self._selector.close()

    def _run_within(self, managers: list[Any]) -> None:
        if managers:
            manager = managers.pop(0)
            manager.host = self
            with manager:
                self._run_within(managers)
            return
        self._open()
        try:
            while not self._is_over():
                try:
                    self._turn()
                except KeyboardInterrupt:
                    # A signal that came just before or after the handler which it was meant to interrupt.
                    if not self._stopping:
                        raise
        finally:
            self._close()

    def _open(self) -> None:
        for each in (self._wake_in, self._wake_out, *self._listeners):
            each.setblocking(False)
        self._selector.register(self._wake_in, READ, self._woken)
        for listener in self._listeners:
            self._selector.register(listener, READ, self._accept)

    def _close(self) -> None:
        for connection in list(self._connections):
            if connection.out or connection.state is ANSWERING:
                connection.reset()  # it must not look whole
            self._drop(connection)
        self._stop_accepting()

    def _is_over(self) -> bool:
        if not self._stopping:
            return False
        now = time.monotonic()
        if self._stop_by == NEVER:
            self._stop_by = now + STOP_SECONDS
            self._stop_accepting()
            for connection in [each for each in self._connections if each.wait is not None]:
                self._give_up(connection, now)
        busy = any(each.state in (WRITING, DRAINING, ANSWERING) for each in self._connections)
        return not busy or now >= self._stop_by

    def _stop_accepting(self) -> None:
        for listener in self._listeners:
            try:
                self._selector.unregister(listener)
            except (KeyError, ValueError):
                pass  # accepting was paused
            listener.close()
        self._listeners = []

    def _turn(self) -> None:
        """Wait for something to do, and do it."""
        for key, mask in self._selector.select(self._patience()):
            if type(key.data) is Connection:
                self._serve(key.data, mask)
            else:
                key.data(key.fileobj)
        if self._ready:
            for _ in range(len(self._ready)):
                connection, request, deferred = self._ready.popleft()
                self._step(connection, request, deferred)
        now = time.monotonic()
        if now >= self._next_deadline:
            self._expire(now)
        while self._timers and self._timers[0][0] <= now:
            self._call(heappop(self._timers)[2])
        if self._accept_again and now >= self._accept_again:
            self._resume_accepting(now)

    def _call(self, function: Callable[[], object]) -> None:
        self._handling = True
        try:
            self.dispatcher.call(function)
        finally:
            self._handling = False

    def _patience(self) -> float | None:
        """How long to wait for a socket: until the next deadline."""
        if self._ready:
            return 0
        until = min(self._next_deadline, self._stop_by, self._accept_again or NEVER,
                    self._timers[0][0] if self._timers else NEVER)
        if until == NEVER:
            # Ctrl-C does not interrupt select on Windows: without a socket to wake it, look once a second.
            return 1.0 if sys.platform == 'win32' else None
        return max(0.0, until - time.monotonic())

    def _woken(self, waker: socket.socket) -> None:
        try:
            while waker.recv(4096):
                pass
        except (BlockingIOError, InterruptedError):
            pass
        now = time.monotonic()
        for connection in list(self._connections):
            if connection.wait is not None and connection.wait.over(now):
                self._resume(connection)

    def _accept(self, listener: socket.socket) -> None:
        try:
            client, _ = listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionError):
            return
        except OSError as error:
            self._accept_failed(error)
            return
        now = time.monotonic()
        connection = Connection(client, self.limits, now + self.timeout)
        self._connections.add(connection)
        # The request is mostly there already; trying at once saves a turn through the selector (FACTS, Time).
        self._read(connection, now)
        if len(self._connections) >= self.limits.connections and not self._accept_again:
            self._pause_accepting(now + 1.0)  # or as soon as one of them ends

    def _accept_failed(self, error: OSError) -> None:
        """Out of file descriptors or memory: wait for some to come back, instead of spinning."""
        if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
            return
        if not self._told_of_shortage:
            self._told_of_shortage = True
            log.warning('cannot accept more clients for now: %s', str(error))
        self._pause_accepting(time.monotonic() + 0.1)

    def _pause_accepting(self, until: float) -> None:
        if not self._accept_again:  # else it is paused already: two listeners may fail in one turn
            for listener in self._listeners:
                self._selector.unregister(listener)
        self._accept_again = until

    def _resume_accepting(self, now: float) -> None:
        if len(self._connections) >= self.limits.connections:
            self._accept_again = now + 1.0
            return
        self._accept_again = 0.0
        if not self._stopping:
            for listener in self._listeners:
                self._selector.register(listener, READ, self._accept)

    # One connection.

    def _serve(self, connection: Connection, mask: int) -> None:
        now = time.monotonic()
        state = connection.state
        if state is READING:
            if mask & WRITE and not connection.flush(now):
                return
            self._read(connection, now)
        elif state is DRAINING:
            connection.drain(now)
            self._settle(connection)
        elif mask & WRITE and (state is WRITING or connection.out):
            if connection.flush(now):
                self._sent(connection, now)
            else:
                self._settle(connection)
        elif state is ANSWERING and connection.is_gone():
            self._drop(connection)

    def _read(self, connection: Connection, now: float) -> None:
        outcome = connection.receive(now, self.admit)
        if outcome is None:
            self._settle(connection)
        elif type(outcome) is Request:
            self._handle(connection, outcome, now)
        else:
            self._reply(connection, outcome, now)  # type: ignore[arg-type]

    def _handle(self, connection: Connection, request: Request, now: float) -> None:
        """The one place in the program from which handlers run."""
        request.scope.host = self
        try:
            self._handling = True
            answer = self.dispatcher.answer(request)
        except KeyboardInterrupt:  # a signal that came a moment before the handler, or after it
            answer = self.dispatcher.ending()
        finally:
            self._handling = False
        if isinstance(answer, Response):
            self._reply(connection, answer, now)
        else:
            self._begin(connection, request, answer, now)

    def _reply(self, connection: Connection, response: Response, now: float) -> None:
        """Send a whole response."""
        body = response.content
        if type(body) is not bytes:
            response = rendered(response)
            body = response.content
        head = connection.head
        if log.is_listening():
            self._log(connection, response.status, len(body))
        connection.state = WRITING
        try:
            is_head = head is not None and head.method == 'HEAD'
            data = self.encoder.encode(response, body, without_body=is_head)
        except Exception as error:  # a header that cannot be sent is a bug of the application
            log.error('the response cannot be sent', exception=error)
            data = self.encoder.encode(Response(None, status=500), b'')
        connection.write(data, now)
        if response.shut_down:
            self._stopping = True
        if connection.out:
            connection.deadline = NEVER  # from now on it counts whether the client reads
            self._settle(connection)
        else:
            self._sent(connection, now)

    def _sent(self, connection: Connection, now: float) -> None:
        """All that there was to send is sent."""
        if connection.state is WRITING:
            connection.finish(now)
        elif connection.state is ANSWERING and connection.wait is None:
            self._resume(connection)
        self._settle(connection)

    def _settle(self, connection: Connection) -> None:
        """Have the selector watch for what the connection waits for, and keep its deadline in mind."""
        state = connection.state
        if state is CLOSED:
            self._drop(connection)
            return
        interest = READ if state is not WRITING else 0
        if connection.out:
            interest |= WRITE
        if interest != connection.interest:
            if not connection.interest:
                self._selector.register(connection.client, interest, connection)
            elif interest:
                self._selector.modify(connection.client, interest, connection)
            else:
                self._selector.unregister(connection.client)
            connection.interest = interest
        if connection.deadline < self._next_deadline:
            self._next_deadline = connection.deadline
        if connection.stalled < self._next_deadline:
            self._next_deadline = connection.stalled

    def _drop(self, connection: Connection) -> None:
        """Forget a connection, closing it if it is not yet."""
        self._connections.discard(connection)
        if connection.interest:
            connection.interest = 0
            self._selector.unregister(connection.client)  # finds it by itself, closed or not
        connection.close()
        answer, connection.answer = connection.answer, None
        if answer is not None and connection.request is not None:
            self.dispatcher.close(connection.request, answer)
        if self._accept_again and len(self._connections) < self.limits.connections:
            self._accept_again = min(self._accept_again, time.monotonic() + 0.1)

    def _expire(self, now: float) -> None:
        """Act on the deadlines that have passed, and find the next one."""
        for connection in [each for each in self._connections if each.deadline <= now or each.stalled <= now]:
            is_stalled = connection.stalled <= now
            if is_stalled and not connection.has_stalled():
                connection.stalled = now + self.limits.stall_seconds
                continue
            if connection.wait is not None and not is_stalled:
                self._resume(connection)
                continue
            response = None if is_stalled else connection.late()
            if response is None:
                if connection.out:
                    connection.reset()
                self._drop(connection)
            else:
                self._reply(connection, response, now)
        self._next_deadline = min((min(each.deadline, each.stalled) for each in self._connections),
                                  default=NEVER)

    # Deferred answers.

    def _begin(self, connection: Connection, request: Request, deferred: Deferred, now: float) -> None:
        connection.state = ANSWERING
        connection.answer = deferred
        connection.deadline = NEVER
        response = deferred.response
        if response is not None:
            connection.status = response.status
            connection.write(self.encoder.head(response, None), now)
            if request.method == 'HEAD':
                self._end(connection, now)
                return
        self._resume(connection)

    def _resume(self, connection: Connection) -> None:
        """Let the answer of a connection go on in the next turn."""
        connection.wait = None
        connection.deadline = NEVER
        if connection.state is CLOSED:
            self._drop(connection)
        elif connection.answer is not None and connection.request is not None and not connection.queued:
            connection.queued = True
            self._ready.append((connection, connection.request, connection.answer))

    def _step(self, connection: Connection | None, request: Request, deferred: Deferred) -> None:
        """Take a deferred answer one step further."""
        if connection is not None:
            connection.queued = False
            if connection.answer is not deferred:
                return  # its client has gone meanwhile
        self._handling = True
        try:
            outcome = self.dispatcher.step(request, deferred)
        except Broken:
            if connection is None:
                self.dispatcher.close(request, deferred)
            else:
                connection.reset()
                self._drop(connection)
            return
        finally:
            self._handling = False
        now = time.monotonic()
        if connection is None:
            self._background(request, deferred, outcome, now)
        elif isinstance(outcome, Response):
            connection.answer = None
            self.dispatcher.close(request, deferred)
            self._reply(connection, outcome, now)
        elif outcome is None:
            self._end(connection, now)
        elif isinstance(outcome, Wait):
            self._park(connection, outcome, now)
        else:
            connection.write(outcome, now)
            connection.size += len(outcome)
            if connection.out_size < HIGH_WATER:
                self._resume(connection)
            self._settle(connection)

    def _park(self, connection: Connection, wait: Wait, now: float) -> None:
        connection.wait = wait
        connection.deadline = NEVER if wait.until is None else wait.until
        if wait.over(now):
            self._resume(connection)
        elif self._stopping:
            self._give_up(connection, now)
            return
        elif wait.future is not None:
            wait.future.add_done_callback(lambda _: self.wake())
        self._settle(connection)

    def _background(self, request: Request, deferred: Deferred, outcome: object, now: float) -> None:
        if isinstance(outcome, Wait):
            parked: list[tuple[None, Request, Deferred]] = [(None, request, deferred)]

            def go_on(_: object = None) -> None:
                while parked:  # once, for whichever comes first; both calls are safe from another thread
                    self._ready.append(parked.pop())
                    self.wake()
            if outcome.until is not None:
                self.at(outcome.until, go_on)
            if outcome.future is not None:
                outcome.future.add_done_callback(go_on)
        elif outcome is None or isinstance(outcome, Response):
            self.dispatcher.close(request, deferred)
        else:
            self._ready.append((None, request, deferred))

    def _give_up(self, connection: Connection, now: float) -> None:
        """The server ends before the answer: say so, or, if a part of it was sent, cut it."""
        answer, connection.answer, connection.wait = connection.answer, None, None
        if answer is not None and connection.request is not None:
            self.dispatcher.close(connection.request, answer)
            if answer.response is None:
                self._reply(connection, self.dispatcher.ending(), now)
                return
        connection.reset()
        self._drop(connection)

    def _end(self, connection: Connection, now: float) -> None:
        """A stream has given its last piece."""
        answer, connection.answer = connection.answer, None
        assert connection.request is not None
        if answer is not None:
            self.dispatcher.close(connection.request, answer)
        if log.is_listening():
            self._log(connection, connection.status, connection.size)
        connection.state = WRITING
        if connection.out:
            self._settle(connection)
        else:
            self._sent(connection, now)

    def _log(self, connection: Connection, status: int, size: int) -> None:
        head = connection.head
        what = f'{head.method} {head.target}' if head else '(no request)'
        took = (time.monotonic() - connection.started) * 1000
        log.info('%s %d %d bytes %.1f ms', what, status, size, took)

    def interrupt(self) -> None:
        """A signal asks the server to end: interrupt the handler that runs, if one does."""
        self._stopping = True
        self.wake()
        if self._handling:
            raise KeyboardInterrupt
