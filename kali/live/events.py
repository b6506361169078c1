"""EventStream and Channel: pages that hear of what happens, while other requests go on.

An EventStream is an answer that goes on for as long as its page is open. A Channel is what several of them
listen to: it keeps what was published last, and each stream its place in that; so a slow page costs nobody
time, and no memory beyond what the channel keeps anyway.

Source: HTML standard, "Server-sent events".
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Any

from kali.http.consequences import after_commit
from kali.http.deferred import Deferred, Signal, Wait
from kali.http.response import Response
from kali.live.sse import SSE, Event, encoded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kali.http.request import Request

__all__ = ['Channel', 'EventStream', 'pause']

HEADERS = {'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache', 'X-Accel-Buffering': 'no'}
KEEP_ALIVE = b': still here\n\n'
BACKLOG = 1000  # events that a page which reads slowly may be behind before its stream is ended
#: What a page gets that has missed more than the channel has kept.
RELOAD = SSE.execute_script('window.location.reload()', attributes={'data-kali': 'reload'})
_NO_MORE = object()


def pause(seconds: float) -> Wait:
    """What a generator of events yields to go on later; other requests are served meanwhile.

    :param seconds: for how long
    :raises ValueError: for NaN, which would be for ever

    >>> def clock():
    ...     while True:
    ...         yield SSE.patch_signals({'time': time.strftime('%X')})
    ...         yield pause(1)
    """
    if seconds != seconds:
        raise ValueError('pause(NaN): how many seconds?')
    return Wait(until=time.monotonic() + seconds)


class EventStream(Deferred):
    """An answer that sends events for as long as its page is open: `return EventStream(generator())`.

    The generator is closed as soon as the page is, wherever it waits.

    :param source: gives events (see `SSE`), and what to wait for before the next one: `pause(seconds)`, or a
        Wait for a future or a signal
    :param keep_alive: seconds after which a stream that has nothing to say sends a comment, so that nothing
        between takes it for dead
    :param retry: milliseconds until a page that lost the stream asks again

    >>> from kali import Router
    >>> from kali.testing import Client
    >>> app = Router()
    >>> @app.get('/news')
    ... def news():
    ...     return EventStream([SSE.patch_signals({'count': 1})])
    >>> Client(app).get('/news').text
    'event: datastar-patch-signals\\ndata: signals {"count":1}\\n\\n'
    """

    __slots__ = ('_keep_alive', '_silent_until', '_source', '_wait')

    def __init__(self, source: Iterable[Event | str | bytes | Wait], *, keep_alive: float = 15.0,
                 retry: int | None = None) -> None:
        if not keep_alive > 0:
            raise ValueError(f'keep_alive={keep_alive!r}: it is a number of seconds above 0')
        if hasattr(source, '__aiter__'):
            raise TypeError('EventStream takes a generator; above an async one, put @datastar_response')
        self._source = iter(source)
        self._keep_alive = keep_alive
        self._silent_until = time.monotonic() + keep_alive
        self._wait: Wait | None = None
        first = [] if retry is None else [b'retry: %d\n\n' % retry]
        super().__init__(lambda: first.pop() if first else self._next(),
                         Response(None, headers=HEADERS), getattr(self._source, 'close', lambda: None))

    def _next(self) -> bytes | Wait | None:
        now = time.monotonic()
        if self._wait is None or self._wait.over(now):
            piece: Any = next(self._source, _NO_MORE)
            if piece is _NO_MORE:
                return None
            if not isinstance(piece, Wait):
                self._silent_until = now + self._keep_alive
                return piece if isinstance(piece, bytes) else encoded(piece)
            if piece.news is not None and self._wait is not None:  # which went out without a step
                self._silent_until = now + self._keep_alive
            self._wait = piece
        if now >= self._silent_until:
            self._silent_until = now + self._keep_alive
            return KEEP_ALIVE
        return self._wait.capped(self._silent_until)


class Channel:
    """What several pages listen to: `publish` an event, and each page that has a `stream` gets it.

    A page that lost its stream comes back with the id of what it saw last and gets what it has missed. Where
    that is more than is kept, or the program was started anew meanwhile, the page is reloaded.

    :param history: how many events are kept for pages that come back
    :param keep_alive: seconds after which a silent stream sends a comment
    :param backlog: how many events a page that reads too slowly may be behind before its stream is ended

    >>> news = Channel()
    >>> news.publish(SSE.patch_elements('<p id="total">7</p>'))
    >>> len(news)
    0
    """

    def __init__(self, history: int = 10, keep_alive: float = 15.0, backlog: int = BACKLOG) -> None:
        if history < 0 or backlog < 1 or not keep_alive > 0:
            raise ValueError(f'Channel({history!r}, {keep_alive!r}, {backlog!r}): how many events are kept, '
                             'seconds above 0, and how many events a page may be behind')
        self._history, self._keep_alive = history, keep_alive
        self._kept: deque[bytes] = deque(maxlen=max(history, backlog, 1))
        self._published = 0  # events so far; the last one kept has this number
        self._life = os.urandom(4).hex()  # tells the ids of this run from those of earlier ones
        self._lock = threading.Lock()  # a function that runs in a thread may publish too
        self._news = Signal()
        self._streams = 0

    def __len__(self) -> int:
        """How many pages are listening."""
        return self._streams

    def publish(self, event: Event | str) -> None:
        """Send `event` to every page that listens. In a transaction it goes out after COMMIT, and not at all
        if nothing is saved. Its id is the channel's.

        :raises ValueError, TypeError: if it cannot be sent, before anybody gets it
        """
        encoded(event)
        after_commit(lambda: self._send(event))

    def _send(self, event: Event | str) -> None:
        event = Event(event) if isinstance(event, str) else event
        with self._lock:
            self._published += 1
            self._kept.append(encoded(event._replace(id=self.last_id)))
        self._news.set()

    def stream(self, request: Request) -> EventStream:
        """The answer to a page that wants to listen.

        It begins after the event that the page saw last, if it says so, by the header `Last-Event-ID` or in
        the query as `last-event-id`; else with the next one.
        """
        seen = request.headers.get('Last-Event-ID') or request.query.get('last-event-id') or ''
        return EventStream(self._listen(seen), keep_alive=self._keep_alive, retry=1000)

    @property
    def last_id(self) -> str:
        """The id of the last event: put it into a page as `last-event-id` of its stream's address, and the
        page misses nothing that is published between its making and its listening."""
        return f'{self._life}-{self._published}'

    def _listen(self, seen: str) -> Iterator[bytes | Event | Wait]:
        self._streams += 1
        try:
            found = self._place_after(seen) if seen else self._published
            place = self._published if found is None else found
            if found is None:
                yield RELOAD._replace(id=self.last_id)

            def news() -> bytes | None:
                nonlocal place
                with self._lock:
                    missed = self._published - place
                    if missed > len(self._kept):
                        return None
                    place = self._published
                    return self._last(missed)
            wait = Wait(signal=self._news, news=news)
            while (piece := wait.pieces()) is not None:
                yield piece or wait
            # It reads too slowly. It will come back and be reloaded.
        finally:
            self._streams -= 1

    def _place_after(self, seen: str) -> int | None:
        """How many events the page has seen that names `seen`; None if too much came since."""
        life, _, number = seen.rpartition('-')
        if life != self._life or not (number.isascii() and number.isdigit() and len(number) < 20):
            return None
        place = int(number)
        missed = self._published - place
        return place if 0 <= missed <= min(self._history, len(self._kept)) else None

    def _last(self, count: int) -> bytes:
        if count == 1:  # the same bytes for all that listen
            return self._kept[-1]
        return b''.join(list(islice(reversed(self._kept), count))[::-1])
