"""Deferred answers under way: taken a step further between requests, parked while they wait.

A step's bytes go to its connection, a Wait parks it, a Response ends it. Answers without a connection are
jobs. The rule: one step at a time and in turn, so that no answer holds up another, and a step more only when
the client has taken what the last ones gave. It knows no sockets and no selector; the server that it belongs
to does.
"""

from __future__ import annotations

import time
from collections import deque

from kali.http.deferred import Deferred, Wait
from kali.http.request import Request
from kali.http.response import Response
from kali.server.connection import ANSWERING, CLOSED, HIGH_WATER, NEVER, WRITING, Connection
from kali.server.dispatcher import Broken

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from typing import Any, Protocol

    from kali.http.encoder import Encoder
    from kali.server.dispatcher import Dispatcher

    class Service(Protocol):
        """What is asked of the server."""

        dispatcher: Dispatcher
        encoder: Encoder
        stopping: bool
        handling: bool

        def reply(self, connection: Connection, response: Response, now: float) -> None: ...
        def sent(self, connection: Connection, now: float) -> None: ...
        def settle(self, connection: Connection) -> None: ...
        def drop(self, connection: Connection) -> None: ...
        def note(self, connection: Connection, status: int, size: int) -> None: ...
        def at(self, when: float, function: Any) -> Any: ...
        def wake(self) -> None: ...

__all__ = ['Answers']


class Answers:
    """The deferred answers of a server.

    :param server: sends their pieces and watches their connections
    """

    def __init__(self, server: Service) -> None:
        self.server = server
        # To take a step further; those without a connection are jobs.
        self.ready: deque[tuple[Connection | None, Request, Deferred]] = deque()

    def advance(self) -> None:
        """Take each answer that is ready one step further."""
        for _ in range(len(self.ready)):
            self._step(*self.ready.popleft())

    def begin(self, connection: Connection, request: Request, deferred: Deferred, now: float) -> None:
        """A handler has given a deferred answer: send its head, if it has one, and let it go on."""
        server = self.server
        connection.state = ANSWERING
        connection.answer = deferred
        connection.deadline = NEVER
        response = deferred.response
        if response is not None:
            connection.status = response.status
            connection.write(server.encoder.head(response, None), now)
            if request.method == 'HEAD':
                self._end(connection, now)
                return
        self.resume(connection)
        server.settle(connection)

    def resume(self, connection: Connection) -> None:
        """Let the answer of a connection go on in the next turn."""
        server = self.server
        connection.wait = None
        connection.deadline = NEVER
        if connection.state is CLOSED:
            server.drop(connection)
        elif connection.answer is not None and connection.request is not None and not connection.queued:
            connection.queued = True
            self.ready.append((connection, connection.request, connection.answer))

    def _step(self, connection: Connection | None, request: Request, deferred: Deferred) -> None:
        """Take a deferred answer one step further."""
        server = self.server
        if connection is not None:
            connection.queued = False
            if connection.answer is not deferred:
                return  # its client has gone meanwhile
        server.handling = True
        try:
            outcome = server.dispatcher.step(request, deferred)
        except Broken:
            if connection is None:
                server.dispatcher.close(request, deferred)
            else:
                connection.reset()
                server.drop(connection)
            return
        finally:
            server.handling = False
        now = time.monotonic()
        if connection is None:
            self._background(request, deferred, outcome, now)
        elif isinstance(outcome, Response):
            connection.answer = None
            server.dispatcher.close(request, deferred)
            server.reply(connection, outcome, now)
        elif outcome is None:
            self._end(connection, now)
        elif isinstance(outcome, Wait):
            self._park(connection, outcome, now)
        else:
            connection.write(outcome, now)
            connection.size += len(outcome)
            if connection.half_closed and outcome and not connection.out:
                connection.stalled = now + connection.limits.stall_seconds  # it is there, and takes it
            if connection.out_size < HIGH_WATER:
                self.resume(connection)
            server.settle(connection)

    def _park(self, connection: Connection, wait: Wait, now: float) -> None:
        server = self.server
        connection.wait = wait
        connection.deadline = NEVER if wait.until is None else wait.until
        if wait.over(now):
            self.resume(connection)
        elif connection.half_closed and connection.answer is not None and connection.answer.response:
            server.drop(connection)  # see Connection.is_gone
            return
        elif server.stopping:
            self.give_up(connection, now)
            return
        elif wait.future is not None:
            wait.future.add_done_callback(lambda _: server.wake())
        server.settle(connection)

    def _background(self, request: Request, deferred: Deferred, outcome: object, now: float) -> None:
        server = self.server
        if isinstance(outcome, Wait):
            parked: list[tuple[None, Request, Deferred]] = [(None, request, deferred)]

            def go_on(_: object = None) -> None:
                while parked:  # once, for whichever comes first; both calls are safe from another thread
                    self.ready.append(parked.pop())
                    server.wake()
            if outcome.until is not None:
                server.at(outcome.until, go_on)
            if outcome.future is not None:
                outcome.future.add_done_callback(go_on)
        elif outcome is None or isinstance(outcome, Response):
            server.dispatcher.close(request, deferred)
        else:
            self.ready.append((None, request, deferred))

    def give_up(self, connection: Connection, now: float) -> None:
        """The server ends before the answer: say so, or, if a part of it was sent, cut it."""
        server = self.server
        answer, connection.answer, connection.wait = connection.answer, None, None
        if answer is not None and connection.request is not None:
            server.dispatcher.close(connection.request, answer)
            if answer.response is None:
                server.reply(connection, server.dispatcher.ending(), now)
                return
        connection.reset()
        server.drop(connection)

    def _end(self, connection: Connection, now: float) -> None:
        """A stream has given its last piece."""
        server = self.server
        answer, connection.answer = connection.answer, None
        assert connection.request is not None
        if answer is not None:
            server.dispatcher.close(connection.request, answer)
        server.note(connection, connection.status, connection.size)
        connection.state = WRITING
        if connection.out:
            server.settle(connection)
        else:
            server.sent(connection, now)
