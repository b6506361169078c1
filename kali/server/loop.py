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

from kali import log
from kali.http.around import entered
from kali.http.deferred import Deferred
from kali.http.encoder import Encoder
from kali.http.limits import DEFAULT, Limits
from kali.http.request import Request
from kali.http.response import Response
from kali.server.answers import Answers
from kali.server.connection import ANSWERING, CLOSED, DRAINING, NEVER, READING, WRITING, Connection
from kali.server.dispatcher import Dispatcher, rendered
from kali.server.signals import Signals
from kali.server.timers import Timers

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kali.http.host import Handle
    from kali.http.parser import Head
    from kali.http.response import Handler

__all__ = ['Server']

READ, WRITE, SOCK_STREAM = selectors.EVENT_READ, selectors.EVENT_WRITE, socket.SOCK_STREAM
STOP_SECONDS = 1.0  # for answers under way when the server is told to end


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
        self.stopping = self.handling = False
        self.encoder = Encoder(headers)
        self.dispatcher = Dispatcher(handler, debug=debug, stopping=lambda: self.stopping)
        self._listeners = sockets
        self._selector = selectors.DefaultSelector()
        self._connections: set[Connection] = set()
        self._next_deadline = NEVER  # never later than the earliest deadline of a connection
        self._answers = Answers(self)
        self._timers = Timers()
        self._stop_by = NEVER
        self._accept_again = 0.0  # when accepting is paused: until when
        self._told_of_shortage = False
        # A pair of sockets, since select cannot wait for anything else on Windows.
        self._wake_in, self._wake_out = socket.socketpair()

    # What long-lived parts may ask of their host.

    def start(self, deferred: Deferred, name: str = 'a job') -> Handle:
        """Take an answer that no client waits for through its steps, between requests: a job."""
        self._answers.ready.append((None, Request('GET', '/'), deferred))
        return self.at(NEVER, deferred.close)

    def at(self, when: float, function: Callable[[], object]) -> Handle:
        """Call `function` once at the time `when`, in seconds on the clock of `time.monotonic`."""
        return self._timers.at(when, function)

    def wake(self) -> None:
        """Have the loop look around. The only call that is safe from another thread, or a signal handler."""
        try:
            self._wake_out.send(b'\0')
        except (BlockingIOError, OSError):
            pass  # it is full, so the loop is about to wake anyway; or closed, and there is nobody to wake

    def stop(self) -> None:
        """Have `run` return once the answers under way are sent, or after a second; from any thread."""
        self.stopping = True
        self.wake()

    # The loop.

    def run(self) -> None:
        """Serve until stopped. Enters the handler's `lifespan` first and leaves it in the end."""
        try:
            with Signals(self.interrupt, self._wake_out), entered(self.handler, self):
                self._serve_all()
        finally:
            self._close()
            for each in (self._wake_in, self._wake_out):  # not before: a signal may come at any time
                each.close()
            self._selector.close()

    def _serve_all(self) -> None:
        self._open()
        try:
            while not (self.stopping and self._is_over()):
                try:
                    self._turn()
                except KeyboardInterrupt:
                    # A signal that came just before or after the handler which it was meant to interrupt.
                    if not self.stopping:
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
            self.drop(connection)
        self._stop_accepting()

    def _is_over(self) -> bool:
        """Whether a server that is to end has sent its answers, or has had its time for that."""
        now = time.monotonic()
        if self._stop_by == NEVER:
            self._stop_by = now + STOP_SECONDS
            self._stop_accepting()
            for connection in [each for each in self._connections if each.wait is not None]:
                self._answers.give_up(connection, now)
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
        if self._answers.ready:
            self._answers.advance()
        now = time.monotonic()
        if now >= self._next_deadline:
            self._expire(now)
        for function in self._timers.due(now):
            self._call(function)
        if self._accept_again and now >= self._accept_again:
            self._resume_accepting(now)

    def _call(self, function: Callable[[], object]) -> None:
        self.handling = True
        try:
            self.dispatcher.call(function)
        finally:
            self.handling = False

    def _patience(self) -> float | None:
        """How long to wait for a socket: until the next deadline."""
        if self._answers.ready:
            return 0
        until = min(self._next_deadline, self._timers.next())
        if self._accept_again or self.stopping:
            until = min(until, self._stop_by, self._accept_again or NEVER)
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
                self._answers.resume(connection)

    def _accept(self, listener: socket.socket) -> None:
        try:
            # What accept() does, but for making enums of family and type of every socket, which takes as long
            # as the system takes to accept; nor is the class that Python puts around the system's needed.
            number, _ = listener._accept()  # type: ignore[attr-defined]
            client = socket.SocketType(-1, SOCK_STREAM, 0, number)  # -1: as the system says
        except (BlockingIOError, InterruptedError, ConnectionError):
            return
        except OSError as error:
            self._accept_failed(error)
            return
        now = time.monotonic()
        connection = Connection(client, self.limits, now + self.timeout)
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
        if not self.stopping:
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
            self.settle(connection)
        elif mask & WRITE and (state is WRITING or connection.out):
            if connection.flush(now):
                self.sent(connection, now)
            else:
                self.settle(connection)
        elif state is ANSWERING and connection.is_gone(now):
            self.drop(connection)
        else:
            self.settle(connection)

    def _read(self, connection: Connection, now: float) -> None:
        outcome = connection.receive(now, self.admit)
        if outcome is None:
            self.settle(connection)
        elif type(outcome) is Request:
            self._handle(connection, outcome, now)
        else:
            self.reply(connection, outcome, now)  # type: ignore[arg-type]

    def _handle(self, connection: Connection, request: Request, now: float) -> None:
        """The one place in the program from which handlers run."""
        request.scope.host = self
        try:
            self.handling = True
            answer = self.dispatcher.answer(request)
        except KeyboardInterrupt:  # a signal that came a moment before the handler, or after it
            answer = self.dispatcher.ending()
        finally:
            self.handling = False
        if isinstance(answer, Response):
            self.reply(connection, answer, now)
        else:
            self._answers.begin(connection, request, answer, now)

    def reply(self, connection: Connection, response: Response, now: float) -> None:
        """Send a whole response."""
        body = response.content
        if type(body) is not bytes:
            response = rendered(response)
            body = response.content
        head = connection.head
        if 'logging' in sys.modules:  # else nobody listens
            self.note(connection, response.status, len(body))
        connection.state = WRITING
        try:
            is_head = head is not None and head.method == 'HEAD'
            data, body = self.encoder.parts(response, body, without_body=is_head)
        except Exception as error:  # a header that cannot be sent is a bug of the application
            log.error('the response cannot be sent', exception=error)
            data, body = self.encoder.parts(Response(None, status=500), b'')
        connection.write(data, now, body)
        if response.shut_down:
            self.stopping = True
        if connection.out:
            connection.deadline = NEVER  # from now on it counts whether the client reads
            self.settle(connection)
        else:
            self.sent(connection, now)

    def sent(self, connection: Connection, now: float) -> None:
        """All that there was to send is sent."""
        if connection.state is WRITING:
            connection.finish(now)
        elif connection.state is ANSWERING and connection.wait is None:
            self._answers.resume(connection)
        if connection.state is not CLOSED or connection.interest or connection.answer is not None:
            self.settle(connection)  # else it came and went in one turn, and nothing is known of it here

    def settle(self, connection: Connection) -> None:
        """Have the selector watch for what the connection waits for, and keep its deadline in mind."""
        state = connection.state
        if state is CLOSED:
            self.drop(connection)
            return
        interest = READ if state is not WRITING and not connection.half_closed else 0
        if connection.out:
            interest |= WRITE
        if interest != connection.interest:
            if not connection.interest:
                self._connections.add(connection)
                self._selector.register(connection.client, interest, connection)
            elif interest:
                self._selector.modify(connection.client, interest, connection)
            else:
                self._selector.unregister(connection.client)
            connection.interest = interest
        self._next_deadline = min(self._next_deadline, connection.deadline, connection.stalled)

    def drop(self, connection: Connection) -> None:
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
                self._answers.resume(connection)
                continue
            response = None if is_stalled else connection.late()
            if response is None:
                if connection.out:
                    connection.reset()
                self.drop(connection)
            else:
                self.reply(connection, response, now)
        self._next_deadline = min((min(each.deadline, each.stalled) for each in self._connections),
                                  default=NEVER)

    def note(self, connection: Connection, status: int, size: int) -> None:
        """The line in the log for a request that is answered."""
        if not log.is_listening():
            return
        head = connection.head
        what = f'{head.method} {head.target}' if head else '(no request)'
        took = (time.monotonic() - connection.started) * 1000
        log.info('%s %d %d bytes %.1f ms', what, status, size, took)

    def interrupt(self) -> None:
        """A signal asks the server to end: interrupt the handler that runs, if one does."""
        self.stopping = True
        self.wake()
        if self.handling:
            raise KeyboardInterrupt
