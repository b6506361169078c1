"""Connection: one client's socket, never waited for, and all the states that it goes through.

It reads what is there, feeds the parser, buffers what the client has not taken yet, and says what it waits
for (`interest`, `deadline`); the loop decides when to look at it again. Only this file sets a state. Times
are seconds on the loop's clock, which stands still while a handler runs: nobody is late because the server
was busy.
"""

from __future__ import annotations

import socket
import sys
from collections import deque

from kali import log
from kali.errors import ProtocolError
from kali.http.body import Body
from kali.http.parser import Data, Head, RequestParser
from kali.http.request import Request
from kali.http.response import Response
from kali.markup import escape_text
from kali.server.timers import NEVER

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable
    from socket import SocketType
    from typing import Any

    from kali.http.deferred import Wait
    from kali.http.limits import Limits
    from kali.server.answers import Answer

__all__ = ['ANSWERING', 'CLOSED', 'DRAINING', 'READ', 'READING', 'WRITE', 'WRITING', 'Connection']

# READING until the request is whole or refused, ANSWERING while a deferred answer is under way, WRITING until
# the answer is sent, DRAINING what the client still sends.
READING, ANSWERING, WRITING, DRAINING, CLOSED = 'reading', 'answering', 'writing', 'draining', 'closed'
FOLLOWS = {
    READING: (ANSWERING, WRITING, CLOSED),
    ANSWERING: (WRITING, CLOSED),
    WRITING: (DRAINING, CLOSED),
    DRAINING: (CLOSED,),
    CLOSED: (),
}
READ, WRITE = 1, 2  # what to watch a socket for, as selectors has it

RECEIVE = 1 << 16  # bytes asked of the socket at a time
HIGH_WATER = 1 << 18  # bytes waiting to be sent above which a stream is not asked for more
SMALL = 4096  # bytes; smaller pieces that wait to be sent are put together
DRAIN_SECONDS = 5.0  # how long a client that still sends what nobody reads may pause
# An upload that is slower than this in bytes a second has ten pauses' time in all: it may be an attack.
SLOW, PAUSES = 1024, 10
# How many stalls long an answer may keep silent for a client that has hung up, or half-closed: 5 minutes.
SILENCES = 30
# Not to wait is said with each call where that can be: it saves setblocking() and its system call.
DONT_WAIT: int = getattr(socket, 'MSG_DONTWAIT', 0)
# From how many bytes of body on it is sent beside its head, not joined to it; Windows has no call for that.
GATHER = 1 << 14 if hasattr(socket.SocketType, 'sendmsg') else sys.maxsize
CONTINUE = b'HTTP/1.1 100 Continue\r\n\r\n'


class Connection:
    """A client's socket and what is known of its request.

    :param client: its socket
    :param first: deadline for the first byte
    """

    # What most connections never need to change: they live for one packet each way. (So there are no
    # __slots__: an attribute that has its default costs nothing.)
    state = READING
    parser: RequestParser | None = None  # once something has come
    head: Head | None = None
    body: Body | None = None
    one_packet = True  # whether all of the request came in the first packet
    answer: Answer | None = None  # a deferred one under way
    streams = False  # whether it is one whose head is sent already
    out: deque[memoryview | bytearray] | None = None  # what waits to be sent
    out_size = 0
    half_closed = False  # whether the client has said that it sends no more
    to_drain = 0
    drain_by = NEVER
    body_begun = NEVER
    body_size = 0
    started = 0.0  # on the clock of time.monotonic, for the log
    status = size = 0  # of a deferred answer, for the log

    def __init__(self, client: SocketType, limits: Limits, first: float) -> None:
        # A program may have given all new sockets a timeout (socket.setdefaulttimeout): then they would wait.
        if not DONT_WAIT or client.gettimeout() is not None:
            client.setblocking(False)
        self.client, self.limits, self.deadline = client, limits, first

    @property
    def interest(self) -> int:
        """What to watch the socket for: READ, WRITE, both or nothing."""
        state = self.state
        if state is CLOSED:
            return 0
        interest = READ if state is not WRITING and not self.half_closed else 0
        return interest | WRITE if self.out else interest

    @property
    def wait(self) -> Wait | None:
        """What its deferred answer waits for."""
        return None if self.answer is None else self.answer.wait

    def _become(self, state: str) -> None:
        if state not in FOLLOWS[self.state]:
            raise RuntimeError(f'a connection that is {self.state} cannot become {state}')
        self.state = state

    # READING

    def receive(self, now: float, admit: Callable[[Head], Response | None]) -> Request | Response | None:
        """Read what is there. Gives the request once it is whole, a refusal, or None: wait on, or closed.

        :param admit: asked as soon as the head is there; a Response from it is the refusal.
        """
        try:
            data = self.client.recv(RECEIVE, DONT_WAIT)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:  # the client has reset the connection
            self.close()
            return None
        if not data:
            return self._cut_short()
        if self.parser is None:
            self.parser = RequestParser(self.limits)
            self.deadline = now + self.limits.head_seconds
        else:
            self.one_packet = False
        return self._parse(self.parser, data, now, admit)

    def _parse(self, parser: RequestParser, data: bytes, now: float,
               admit: Callable[[Head], Response | None]) -> Request | Response | None:
        try:
            for event in parser.feed(data):
                if type(event) is Head:
                    self.head = event
                    refusal = admit(event)
                    if refusal is not None:
                        if 'content-length' in event.headers or 'transfer-encoding' in event.headers:
                            self.to_drain = _declared_length(event, self.limits.body)
                        return refusal
                elif type(event) is Data:
                    if self.body is None:
                        self.body = Body()
                    self.body_size += len(event.content)
                    self.body.append(event.content)
                else:
                    return self._whole(parser)
        except ProtocolError as error:
            limits = self.limits
            self.to_drain = _declared_length(self.head, limits.body) if self.head else limits.head
            return Response.generic('<p>' + escape_text(str(error)) + '</p>', status=error.status)
        except OSError as error:  # in Body: the disk is full, or there is no file descriptor left
            log.error('the body of a request cannot be kept', exception=error)
            self.to_drain = max(1, parser.remaining)
            return Response.generic('<p>There is no room for so large an upload.</p>', status=507)
        if self.head is not None:
            self._expect_body(parser, now)
        return None

    def _whole(self, parser: RequestParser) -> Request:
        head, body = self.head, self.body
        assert head is not None
        if parser.trailing:
            self.to_drain = 1  # closing with unread bytes in the socket would reset it and lose the answer
        return Request(head.method, head.target, head.headers, b'' if body is None else body.whole(),
                       limits=self.limits)

    def _expect_body(self, parser: RequestParser, now: float) -> None:
        if parser.expects_continue:
            parser.expects_continue = False
            self.write(CONTINUE, now)
        self.body_begun = min(self.body_begun, now)
        pause = self.limits.body_seconds
        self.deadline = min(now + pause, self.body_begun + PAUSES * pause + self.body_size / SLOW)

    def _cut_short(self) -> Response | None:
        """The client sends no more, and the request is not whole."""
        if self.parser is None:
            self.close()
            return None
        return Response.generic('<p>The request ended before it was whole.</p>', status=400)

    # ANSWERING and WRITING

    def begin_reply(self, head: bytes, body: bytes, now: float) -> None:
        """Send a whole response, and end the connection then."""
        self._become(WRITING)
        if self.out:
            self.deadline = now + self.limits.stall_seconds
        self.write(head, now, body)
        self._finish(now)

    def begin_answer(self, head: bytes, now: float) -> None:
        """A deferred answer is under way. If it is a stream, `head` is sent at once."""
        if self.state is not ANSWERING:  # it is, if the status of a stream is known late
            self._become(ANSWERING)
        self.deadline = now + self.limits.stall_seconds if self.out else NEVER
        if head:
            self.streams = True
            self.write(head, now)

    def give(self, piece: bytes, now: float) -> None:
        """Send a piece of a stream."""
        if self.state is ANSWERING:
            self.size += len(piece)
            self.write(piece, now)
            if piece and not self.out:
                self.deadline = self._silence(now)

    def end_answer(self, now: float) -> None:
        """A stream has given its last piece."""
        if self.state is ANSWERING:
            self._become(WRITING)
            self._finish(now)

    def has_room(self) -> bool:
        """Whether a stream may be asked for more."""
        return self.out_size < HIGH_WATER

    def write(self, data: bytes, now: float, body: bytes = b'') -> None:
        """Send `data` and `body`, or as much as the client takes now; the rest is kept until `flush`."""
        if len(body) >= GATHER and not self.out:
            self._gather(data, body, now)
            return
        data += body
        if not self.out:
            try:
                sent = self.client.send(data, DONT_WAIT)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError:
                self.close()
                return
            if sent == len(data):
                return
            self.deadline = now + self.limits.stall_seconds
            self.out = deque((memoryview(data)[sent:],))
            self.out_size = len(data) - sent
            return
        last = self.out[-1]
        if len(data) >= SMALL:
            self.out.append(memoryview(data))
        elif isinstance(last, bytearray) and len(last) < RECEIVE:
            last += data  # a thousand pieces of a byte would cost a hundred times what they are
        else:
            self.out.append(bytearray(data))
        self.out_size += len(data)

    def _gather(self, head: bytes, body: bytes, now: float) -> None:
        """Send both without putting them together first: with the copy, the system's allocator would hand a
        page's memory back and fetch it again for each request, which doubles what a page of 50 KB costs."""
        try:
            sent = self.client.sendmsg((head, body), (), DONT_WAIT)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self.close()
            return
        self.out_size = len(head) + len(body) - sent
        if self.out_size:
            self.deadline = now + self.limits.stall_seconds
            self.out = deque((memoryview(body)[max(0, sent - len(head)):],))
            if sent < len(head):
                self.out.appendleft(memoryview(head)[sent:])

    def flush(self, now: float) -> bool:
        """Send more of what waits. True if nothing waits any longer."""
        while self.out:
            piece = self.out[0]
            try:
                sent = self.client.send(piece, DONT_WAIT)
            except (BlockingIOError, InterruptedError):
                return False
            except OSError:
                self.close()
                return True
            self.out_size -= sent
            self.deadline = now + self.limits.stall_seconds
            if sent == len(piece):
                self.out.popleft()
            else:
                self.out[0] = memoryview(piece)[sent:]
        if self.state is not READING:
            self.deadline = self._silence(now)
        self._finish(now)
        return True

    def hear(self, now: float) -> None:
        """Look at what a client sends while its answer is under way: bytes are thrown away.

        A client that shuts down its sending side still receives the response. One that has closed altogether
        looks the same until it is sent something.
        """
        try:
            if self.client.recv(RECEIVE, DONT_WAIT):
                return
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.close()
            return
        self.half_closed = True
        if not self.out:
            self.deadline = self._silence(now)

    def _silence(self, now: float) -> float:
        """Until when nothing need be sent. A client that sends no more may be gone, and is not kept for
        ever."""
        return now + SILENCES * self.limits.stall_seconds if self.half_closed else NEVER

    def is_idle(self) -> bool:
        """Whether it holds a stream that waits for news, perhaps for ever, and its client has hung up."""
        return (self.half_closed and self.streams and self.wait is not None
                and self.wait.signal is not None)

    def _finish(self, now: float) -> None:
        """If all of an answer is sent: close, or first read what the client still sends.

        Closing a socket with unread bytes resets it, and the browser would lose the answer that it has not
        read yet. So a refused body is read to its declared length and thrown away (drained to 64 KiB, most
        answers were lost), for as long as a body may take. Bytes that come after a request without a body, in
        a packet of their own, are not looked for: nobody sends any, and every page would pay for a look.
        After a body some clients send a line end too much; it is there by now.
        """
        if self.state is not WRITING or self.out:
            return
        if not self.to_drain and (self.body or not self.one_packet) and self._has_more():
            self.to_drain = 1
        if not self.to_drain:
            self.close()
            return
        try:
            self.client.shutdown(socket.SHUT_WR)
        except OSError:
            self.close()
            return
        self._become(DRAINING)
        self.half_closed = False
        self.drain_by = now + self.limits.body_seconds
        self.deadline = min(self.drain_by, now + DRAIN_SECONDS)

    def _has_more(self) -> bool:
        """Whether the client has sent something that nobody has read; it is thrown away."""
        try:
            return bool(self.client.recv(RECEIVE, DONT_WAIT))
        except OSError:  # there is nothing, or nobody
            return False

    def drain(self, now: float) -> None:
        """Throw away what has come; close at its end."""
        try:
            data = self.client.recv(RECEIVE, DONT_WAIT)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b''
        self.to_drain -= len(data)
        if not data or self.to_drain <= -RECEIVE:
            self.close()
        elif self.to_drain > 0:
            self.deadline = min(self.drain_by, now + DRAIN_SECONDS)  # it goes on as it declared: let it

    # Ends

    def expire(self, now: float) -> Response | None:
        """The deadline has passed: close, wait on, or, in the midst of a request, say what to answer."""
        if self.state is READING and self.parser is not None:
            self.to_drain = self.parser.remaining or 1
            return Response.generic('<p>The request took too long to arrive.</p>', status=408)
        if self.out:
            # The system has room for some bytes long before it says so: a slow but steady reader shows.
            before = self.out_size
            self.flush(now)
            if self.out_size == before:
                self.reset()
        else:
            self.close()
        return None

    def reset(self) -> None:
        """Cut the connection so that the client cannot take what it has got for the whole."""
        try:
            # Linger on with no time: close() sends RST and throws the buffer away (POSIX, SO_LINGER).
            self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        except OSError:
            pass  # the client has reset it already
        self.close()

    def close(self) -> None:
        """Close the socket; nothing that waits is sent any more."""
        if self.state is not CLOSED:
            self._become(CLOSED)
            self.client.close()
            if self.out:
                self.out, self.out_size = None, 0
            if self.body is not None:
                self.body.close()  # the request is over


# struct linger: two shorts on Windows, two ints elsewhere; on, zero seconds.
_NO_LINGER = b'\1\0\0\0' if sys.platform == 'win32' else (1).to_bytes(4, sys.byteorder) + bytes(4)


def _declared_length(head: Any, limit: int) -> int:
    """How many bytes of body a refused request announces, whatever else is wrong; at least one.

    :param limit: how many to expect of a body that announces none, since it comes in chunks
    """
    if 'transfer-encoding' in head.headers:
        return limit
    text = head.headers.get('content-length', '')
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 16 else 1
