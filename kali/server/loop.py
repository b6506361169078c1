"""The loop: one thread that serves every socket, and runs one handler at a time.

It accepts clients, reads only sockets that have something, and hands a request to the dispatcher once it is
whole; so an idle, slow or half-open client costs nobody any time. Between requests it takes deferred answers
and jobs a step further and keeps the deadlines. An error about one connection ends that connection and is
logged; the program goes on. This is the only file that imports selectors.
"""

from __future__ import annotations

import selectors
import socket
import sys
import time
from functools import partial

from kali import log
from kali.http.around import entered
from kali.http.deferred import Wait
from kali.http.encoder import BODILESS, Encoder
from kali.http.limits import DEFAULT, Limits
from kali.http.request import Request
from kali.http.response import Response, rendered
from kali.server.answers import Answers
from kali.server.connection import (
    ANSWERING,
    CLOSED,
    DRAINING,
    READ,
    READING,
    WRITE,
    WRITING,
    Connection,
)
from kali.server.dispatcher import Broken, Dispatcher
from kali.server.doors import Doors
from kali.server.signals import Signals
from kali.server.timers import NEVER, Timers

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from kali.http.deferred import Deferred
    from kali.http.host import Handle
    from kali.http.parser import Head
    from kali.http.response import Handler
    from kali.live.guest import Guest
    from kali.locale import Locale

__all__ = ['Server']

STOP_SECONDS = 1.0  # for answers under way when the server is told to end
# The deadlines of clients are on a clock that counts only while the server listens. Of what it does between
# two looks at its sockets, this much counts at most, so that a server under load has deadlines too; and a
# look that takes so much longer than it should means that the machine, or the process, was asleep.
BUSY, ASLEEP = 0.05, 0.25
LOOK = 1.0  # seconds from one look to the next while somebody has a deadline, so that sleep shows


class Server:
    """Serves `handler` on listening sockets until it is stopped.

    :param sockets: listening sockets, which it takes over and closes
    :param admit: asked with the head of each request; a Response from it is the answer (see kali.server.gate)
    :param timeout: seconds that a new connection may be silent
    :param locale: of all answers; that of each browser unless given

    It is the host (kali.http.host) of all that lives as long as it does.
    """

    def __init__(self, handler: Handler, sockets: list[socket.socket], *,
                 admit: Callable[[Head], Response | None] = lambda head: None, timeout: float = 1.0,
                 headers: Mapping[str, str | None] | None = None, limits: Limits = DEFAULT,
                 debug: bool = True, locale: Locale | None = None) -> None:
        self.handler, self.admit, self.timeout, self.limits = handler, admit, timeout, limits
        self.stopping = False
        self.encoder = Encoder(headers)
        self.dispatcher = Dispatcher(handler, debug=debug, locale=locale, stopping=lambda: self.stopping)
        self._doors = Doors(sockets)
        self._selector = selectors.DefaultSelector()
        self._connections: dict[Connection, int] = {}  # and what the selector watches each for
        self._foreign: dict[int, tuple[int, Callable[[int], object]]] = {}  # see watch()
        self._timers = Timers()
        self._answers = Answers(self.dispatcher, self._timers, self.wake)
        self._clock = self._looked = 0.0  # the clock for deadlines; and time.monotonic() at the last look
        self._next_deadline = NEVER  # never later than the earliest deadline of a connection
        self._stop_by = NEVER
        self._guest: Guest | None = None  # see asynchronous()
        self._begun_anew = -1.0  # the last look before the selector failed
        # A pair of sockets, since select cannot wait for anything else on Windows.
        self._wake_in, self._wake_out = socket.socketpair()

    # The host.

    def start(self, deferred: Deferred, name: str = 'a job') -> Handle:
        """Take a Deferred that no client waits for through its steps, between requests: a job."""
        return self._answers.begin(deferred, name)

    def at(self, when: float, function: Callable[[], object]) -> Handle:
        """Call `function` once at the time `when`, in seconds on the clock of `time.monotonic`."""
        name = str(getattr(function, '__qualname__', 'a call'))
        return self._timers.at(when, partial(self.dispatcher.call, function, name))

    def watch(self, descriptor: int, events: int, function: Callable[[int], object]) -> None:
        """Call `function` with what a foreign socket is ready for, each time that it is.

        :param events: 1 for reading, 2 for writing, their sum for both; 0: watch it no longer
        """
        def call(mask: int) -> None:
            self.dispatcher.call(partial(function, mask), str(getattr(function, '__qualname__', 'a call')))
        if descriptor in self._foreign:
            self._selector.unregister(descriptor)
        if events:
            self._foreign[descriptor] = events, call
            self._selector.register(descriptor, events, call)
        else:
            self._foreign.pop(descriptor, None)

    def asynchronous(self, value: Any, finish: Callable[[Any], Response | Deferred]) -> Deferred:
        """The answer of an awaitable, or the stream of an async generator."""
        if self._guest is None:
            from kali.live.guest import Guest  # it brings asyncio, which most programs do without
            self._guest = Guest(self)
        return self._guest.deferred(value, finish)

    def wake(self) -> None:
        """Have the loop look around. The only call that is safe from another thread, or a signal handler."""
        try:
            self._wake_out.send(b'\0')
        except OSError:
            pass  # it is full, so the loop is about to wake anyway; or closed, and there is nobody to wake

    def stop(self) -> None:
        """Have `run` return once the answers under way are sent, or after a second; from any thread."""
        self.stopping = True
        self.wake()

    def interrupt(self) -> None:
        """A signal asks the server to end: interrupt the handler that runs, if one does."""
        self.stopping = True
        self.wake()
        if self.dispatcher.running:
            raise KeyboardInterrupt

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
        for each in (self._wake_in, self._wake_out):
            each.setblocking(False)
        self._watch_ours()
        self._looked = time.monotonic()
        try:
            while not (self.stopping and self._is_over()):
                try:
                    self._turn()
                except KeyboardInterrupt:
                    # A signal that came just before or after the handler which it was meant to interrupt.
                    if not self.stopping:
                        raise
                    self.dispatcher.running = False
        finally:
            self._close()

    def _watch_ours(self) -> None:
        self._selector.register(self._wake_in, READ)
        self._doors.open(self._selector)

    def _close(self) -> None:
        """Cut what is under way, and close all that was started; also if it is closed already."""
        for connection in list(self._connections):
            if connection.out or connection.state is ANSWERING:
                connection.reset()  # it must not look whole
            connection.close()
            self._update(connection)
        self._answers.close()
        if self._guest is not None:
            self._guest.close()
            self._guest = None
        self._doors.close(self._selector)

    def _is_over(self) -> bool:
        """Whether a server that is to end has sent its answers, or has had its time for that."""
        now = time.monotonic()
        if self._stop_by == NEVER:
            self._stop_by = now + STOP_SECONDS
            self._doors.close(self._selector)
            for connection in [each for each in self._connections if each.wait is not None]:
                self._give_up(connection)
        busy = any(each.state in (WRITING, DRAINING, ANSWERING) for each in self._connections)
        return not busy or now >= self._stop_by

    def _turn(self) -> None:
        """Wait for something to do, and do it."""
        for key, mask in self._look():
            data = key.data
            if type(data) is Connection:
                try:
                    self._serve(data, mask)
                except Exception as error:
                    self._end(data, error)
            elif data is self._doors:
                self._accept(key.fileobj)  # type: ignore[arg-type]
            elif data is None:
                self._wake_in.recv(4096)
            else:
                data(mask)
        if self._clock >= self._next_deadline:
            self._expire()
        if self._timers.heap:
            for function in self._timers.due(time.monotonic()):
                function()
        answers = self._answers
        if answers.ready or answers.called:
            answers.advance()
        if self._doors.again != NEVER and time.monotonic() >= self._doors.again:
            self._doors.open(self._selector)

    def _look(self) -> list[tuple[selectors.SelectorKey, int]]:
        """What the sockets have, as soon as one has something; the clock goes on."""
        begun = time.monotonic()
        busy = begun - self._looked
        self._clock += busy if busy < BUSY else BUSY
        patience = self._patience(begun)
        try:
            events = self._selector.select(patience)
        except (OSError, ValueError) as error:  # a socket that the application has closed, on some systems
            self._begin_anew(error)
            return []
        self._looked = looked = time.monotonic()
        if patience is not None and looked - begun < patience + ASLEEP:
            self._clock += looked - begun
        return events

    def _patience(self, now: float) -> float | None:
        """How long to wait for a socket: until the next thing is due."""
        answers = self._answers
        if answers.ready or answers.called:
            return 0.0
        patience = NEVER
        if self._timers.heap or self._doors.again != NEVER or self.stopping:
            patience = min(self._timers.next(), self._doors.again, self._stop_by) - now
        if self._next_deadline != NEVER:
            left = self._next_deadline - self._clock
            patience = min(patience, left if left < LOOK else LOOK)
        elif patience == NEVER:
            # Ctrl-C does not interrupt select on Windows: without a socket to wake it, look once a second.
            return 1.0 if sys.platform == 'win32' else None
        return patience if patience > 0 else 0.0

    def _begin_anew(self, error: Exception) -> None:
        """The selector has failed: make another one, for the sockets that can still be watched."""
        if self._begun_anew == self._looked:
            raise error  # it fails again at once
        self._begun_anew = self._looked
        log.error('the sockets cannot be watched; those that cannot are closed', exception=error)
        self._doors.shut(self._selector, NEVER)
        self._selector.close()
        self._selector = selectors.DefaultSelector()
        self._watch_ours()
        for descriptor, (events, function) in list(self._foreign.items()):
            try:
                self._selector.register(descriptor, events, function)
            except (OSError, ValueError):
                del self._foreign[descriptor]
        for connection in list(self._connections):
            self._connections[connection] = 0
            try:
                connection.client.getpeername()
                self._update(connection)
            except (OSError, ValueError) as reason:
                self._end(connection, reason)

    def _accept(self, listener: socket.socket) -> None:
        try:
            client = self._doors.accept(listener)
        except OSError as error:  # no file descriptors or no memory: wait for some instead of spinning
            self._doors.complain(error)
            self._doors.shut(self._selector, time.monotonic() + 0.1)
            return
        if client is None:
            return
        connection = Connection(client, self.limits, self._clock + self.timeout)
        connection.started = self._looked
        try:
            # The request is mostly there already; trying at once saves a turn through the selector.
            self._read(connection)
        except Exception as error:
            self._end(connection, error)
        if len(self._connections) >= self.limits.connections:
            self._doors.shut(self._selector, NEVER)  # until one of them ends

    # One connection.

    def _end(self, connection: Connection, error: Exception) -> None:
        """Something about a connection has failed: only this connection ends."""
        log.error('a connection failed', exception=error)
        try:
            if connection.state is READING:  # every request gets an answer
                self._reply(connection, Response(b'<h1>Internal Server Error</h1>', status=500))
                return
        except Exception:  # the reason was logged
            pass
        connection.reset()
        self._forget(connection)

    def _serve(self, connection: Connection, mask: int) -> None:
        now, state = self._clock, connection.state
        if state is READING and mask & READ:
            self._read(connection)
            return
        if mask & WRITE and connection.out:
            if connection.flush(now) and connection.answer is not None:
                self._answers.room(connection.answer)
        elif state is DRAINING:
            connection.drain(now)
        elif state is ANSWERING:
            connection.hear(now)
            if connection.is_idle():
                connection.close()
        self._update(connection)

    def _read(self, connection: Connection) -> None:
        outcome = connection.receive(self._clock, self.admit)
        if outcome is None:
            self._update(connection)
        elif type(outcome) is Request:
            self._handle(connection, outcome)
        else:
            self._reply(connection, outcome)  # type: ignore[arg-type]

    def _handle(self, connection: Connection, request: Request) -> None:
        """The one place in the program from which handlers run."""
        request.scope.host = self
        try:
            answer = self.dispatcher.answer(request)
        except KeyboardInterrupt:  # a signal that came a moment before the handler, or after it
            self.dispatcher.running = False
            answer = self.dispatcher.ending()
        if isinstance(answer, Response):
            self._reply(connection, answer)
        else:
            self._begin(connection, request, answer)

    def _reply(self, connection: Connection, response: Response) -> None:
        """Send a whole response."""
        body = response.content
        if type(body) is not bytes:
            response = rendered(response)
            body = response.content
        head = connection.head
        try:
            is_head = head is not None and head.method == 'HEAD'
            data, body = self.encoder.parts(response, body, without_body=is_head)
        except Exception as error:  # a header that cannot be sent is a bug of the application
            log.error('the response cannot be sent', exception=error)
            response = Response(b'', status=500)
            data, body = self.encoder.parts(response, b'')
        if 'logging' in sys.modules:  # else nobody listens
            self._note(connection, response.status, len(response.content))
        connection.begin_reply(data, body, self._clock)
        if response.shut_down:
            self.stopping = True
        self._update(connection)

    def _update(self, connection: Connection) -> None:
        """Have the selector watch for what the connection waits for, and keep its deadline in mind."""
        if connection.state is CLOSED:
            self._forget(connection)
            return
        interest, watched = connection.interest, self._connections.get(connection, 0)
        if interest != watched:
            if not watched:
                self._selector.register(connection.client, interest, connection)
            elif interest:
                self._selector.modify(connection.client, interest, connection)
            else:
                self._selector.unregister(connection.client)
        self._connections[connection] = interest
        if connection.deadline < self._next_deadline:
            self._next_deadline = connection.deadline

    def _forget(self, connection: Connection) -> None:
        """Nothing is left to do for a connection, or nothing can be done."""
        if self._connections.pop(connection, 0):
            try:
                self._selector.unregister(connection.client)  # finds it by itself, closed or not
            except (KeyError, ValueError, OSError):
                pass  # the selector had failed
        answer, connection.answer = connection.answer, None
        if answer is not None:
            self._answers.end(answer)
        if not self._doors.are_open and self._doors.again == NEVER and not self.stopping:
            self._doors.open(self._selector)

    def _expire(self) -> None:
        """Act on the deadlines that have passed, and find the next one."""
        for connection in [each for each in self._connections if each.deadline <= self._clock]:
            try:
                response = connection.expire(self._clock)
                if response is None:
                    self._update(connection)
                else:
                    self._reply(connection, response)
            except Exception as error:
                self._end(connection, error)
        self._next_deadline = min((each.deadline for each in self._connections), default=NEVER)

    def _note(self, connection: Connection, status: int, size: int) -> None:
        """The line in the log for a request that is answered."""
        if not log.is_listening():
            return
        head = connection.head
        what = f'{head.method} {head.target}' if head else '(no request)'
        took = (time.monotonic() - connection.started) * 1000
        log.info('%s %d %d bytes %.1f ms', what, status, size, took)

    # Deferred answers.

    def _begin(self, connection: Connection, request: Request, deferred: Deferred) -> None:
        """A handler has given a deferred answer: send its head, if it has one, and let it go on."""
        response, head = deferred.response, b''
        if response is not None:
            try:
                head = self.encoder.head(response, None)
            except Exception as error:
                log.error('the response cannot be sent', exception=error)
                self.dispatcher.close(request, deferred)
                self._reply(connection, Response(b'', status=500))
                return
            connection.status = response.status
        connection.begin_answer(head, self._clock)
        connection.answer = self._answers.begin(deferred, request, partial(self._take, connection))
        if response is not None and (request.method == 'HEAD' or response.status in BODILESS):
            self._answers.end(connection.answer)
            self._take(connection, None)
        self._update(connection)

    def _take(self, connection: Connection, outcome: bytes | Wait | Response | Broken | None) -> bool:
        """Do with a step of a connection's answer what is to be done; whether there is room for more."""
        if isinstance(outcome, bytes):
            connection.give(outcome, self._clock)
        elif isinstance(outcome, Wait):
            if self.stopping:
                self._give_up(connection)
            elif connection.is_idle():
                connection.close()
        else:
            connection.answer = None
            if isinstance(outcome, Response):
                self._reply(connection, outcome)
                return False
            if outcome is None:
                self._note(connection, connection.status, connection.size)
                connection.end_answer(self._clock)
            else:
                connection.reset()
        self._update(connection)
        return connection.has_room()

    def _give_up(self, connection: Connection) -> None:
        """The server ends before the answer: say so, or, if a part of it was sent, cut it."""
        answer, connection.answer = connection.answer, None
        if answer is not None:
            self._answers.end(answer)
        if connection.streams:
            connection.reset()
            self._update(connection)
        else:
            self._reply(connection, self.dispatcher.ending())
