"""Sockets: what a server watches, and what is done when one of them is ready; the turns of its loop.

It accepts clients, reads only sockets that have something, and keeps the deadlines. An error about one
connection ends that connection and is logged; the program goes on. This is the only file that imports
selectors. What a request means is decided in loop.py.
"""

from __future__ import annotations

import selectors
import socket
import sys
import time
from functools import partial

from kali import log
from kali.server.answers import Answers
from kali.server.connection import ANSWERING, CLOSED, DRAINING, READ, READING, WRITE, WRITING, Connection
from kali.server.doors import Doors
from kali.server.timers import NEVER, Timers

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable

    from kali.http.deferred import Deferred
    from kali.http.host import Handle
    from kali.http.limits import Limits
    from kali.http.response import Response
    from kali.server.dispatcher import Dispatcher

__all__ = ['Sockets']

# The deadlines of clients are on a clock that counts only while the server listens. Of what it does between
# two looks at its sockets, this much counts at most, so that a server under load has deadlines too; and a
# look that takes so much longer than it should means that the machine, or the process, was asleep.
BUSY, ASLEEP = 0.05, 0.25
LOOK = 1.0  # seconds from one look to the next while somebody has a deadline, so that sleep shows


class Sockets:
    """The sockets of a server, its timers, and the answers under way. A Server says what `_read`, `_reply`
    and `_end` do.
    """

    def __init__(self, sockets: list[socket.socket], dispatcher: Dispatcher, limits: Limits,
                 timeout: float) -> None:
        self.dispatcher, self.limits, self.timeout, self.stopping = dispatcher, limits, timeout, False
        self._doors = Doors(sockets)
        self._selector = selectors.DefaultSelector()
        self._connections: dict[Connection, int] = {}  # and what the selector watches each for
        self._foreign: dict[int, tuple[int, Callable[[int], object]]] = {}  # see watch()
        self._timers = Timers()
        self._answers = Answers(dispatcher, self._timers, self.wake)
        self._clock = self._looked = 0.0  # the clock for deadlines; and time.monotonic() at the last look
        self._next_deadline = NEVER  # never later than the earliest deadline of a connection
        self._stop_by = NEVER
        self._begun_anew = -1.0  # the last look before the selector failed
        # A pair of sockets, since select cannot wait for anything else on Windows.
        self._wake_in, self._wake_out = socket.socketpair()

    def _read(self, connection: Connection) -> None:
        raise NotImplementedError

    def _reply(self, connection: Connection, response: Response) -> None:
        raise NotImplementedError

    def _end(self, connection: Connection, error: Exception) -> None:
        raise NotImplementedError

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

    def wake(self) -> None:
        """Have the loop look around. The only call that is safe from another thread, or a signal handler."""
        try:
            self._wake_out.send(b'\0')
        except OSError:
            pass  # it is full, so the loop is about to wake anyway; or closed, and there is nobody to wake

    def is_busy(self) -> bool:
        """Whether something is under way that is to be finished: a request, an answer, a job."""
        return self._answers.is_busy() or any(
            each.state is WRITING or (each.state is READING and each.head is not None)
            for each in self._connections)

    # The loop.

    def _watch_ours(self) -> None:
        self._selector.register(self._wake_in, READ)
        self._doors.open(self._selector)

    def _turn(self) -> None:
        """Wait for something to do, and do it."""
        events = self._look()
        for key, mask in events:
            data = key.data
            if type(data) is Connection:
                try:
                    self._serve(data, mask)
                except Exception as error:
                    self._end(data, error)
            elif data is self._doors:
                self._accept(key.fileobj)  # type: ignore[arg-type]
            elif data is None:
                self._woken()
            else:
                data(mask)
        if self._clock >= self._next_deadline:
            self._expire()
        if self._timers.heap:
            for function in self._timers.due(time.monotonic()):
                function()
        answers = self._answers
        if answers.ready or answers.called:
            answers.advance(quiet=not events)
        if self._doors.again != NEVER and time.monotonic() >= self._doors.again:
            self._doors.open(self._selector)

    def _woken(self) -> None:
        try:
            self._wake_in.recv(4096)
        except OSError:  # nothing is there after all
            pass

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
