"""The loop: one thread that serves every client, and runs one handler at a time.

A request goes to the dispatcher once it is whole, so an idle, slow or half-open client costs nobody any time;
its answer, or each step of it, goes back to its connection. Which socket is looked at when is the business of
sockets.py; here stands what a request means, and how a server begins and ends.
"""

from __future__ import annotations

import socket
import sys
import time
from functools import partial

from kali import log
from kali.http.around import entered
from kali.http.deferred import Deferred, Wait
from kali.http.encoder import BODILESS, Encoder
from kali.http.limits import DEFAULT, Limits
from kali.http.request import Request
from kali.http.response import Response, rendered
from kali.server.connection import ANSWERING, DRAINING, READING, WRITING, Connection
from kali.server.dispatcher import Broken, Dispatcher
from kali.server.signals import Signals
from kali.server.sockets import Sockets
from kali.server.timers import NEVER

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from kali.http.parser import Head
    from kali.http.response import Handler
    from kali.live.guest import Guest
    from kali.live.sse import Event
    from kali.locale import Locale
    from kali.server.dispatcher import Step

__all__ = ['Server']

STOP_SECONDS = 1.0  # for answers under way when the server is asked to end


class Server(Sockets):
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
        self.handler, self.admit = handler, admit
        self.encoder = Encoder(headers)
        dispatcher = Dispatcher(handler, debug=debug, locale=locale, stopping=lambda: self.stopping)
        super().__init__(sockets, dispatcher, limits, timeout)
        self._guest: Guest | None = None  # see asynchronous()

    # The host.

    def publish(self, event: Event | str, to: str = '') -> None:
        """Send an event to all windows, or to those that show one page."""
        self.dispatcher.publish(event, to)

    def asynchronous(self, value: Any, finish: Callable[[Any], Response | Deferred]) -> Deferred:
        """The answer of an awaitable, or the stream of an async generator."""
        if self._guest is None:
            from kali.live.guest import Guest  # it brings asyncio, which most programs do without
            self._guest = Guest(self)
        return self._guest.deferred(value, finish)

    def complete(self, value: Any, seconds: float) -> None:
        """Run an awaitable to its end while nobody is served: it belongs to what ends with the server."""
        if self._guest is None:
            return
        running, self.dispatcher.running = self.dispatcher.running, False  # it is not to be interrupted
        try:
            self._guest.complete(value, seconds)
        finally:
            self.dispatcher.running = running

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

    def _take(self, connection: Connection, outcome: Step | Broken) -> bool:
        """Do with a step of a connection's answer what is to be done; whether there is room for more."""
        if isinstance(outcome, bytes):
            connection.give(outcome, self._clock)
        elif isinstance(outcome, Wait):
            if self.stopping:
                self._give_up(connection)
            elif connection.is_idle():
                connection.close()
        elif isinstance(outcome, Deferred):
            assert connection.answer is not None
            self._begin(connection, connection.answer.subject, outcome)  # type: ignore[arg-type]  # a request
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
