"""Datastar's way to ask and to answer: `read_signals(request)` and `@datastar_response`.

The names are those of Datastar's Python SDK, so that a program written with it changes an import. Source:
Datastar's protocol 1.0.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from kali.errors import BadRequest
from kali.http.deferred import Deferred
from kali.http.response import Response
from kali.live.events import HEADERS, EventStream
from kali.live.sse import Event, encoded

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator

    from kali.http.request import Request

__all__ = ['datastar_response', 'read_signals']

F = TypeVar('F', bound=Callable[..., Any])


def read_signals(request: Request) -> dict[str, Any]:
    """The signals that a page sent: in the query of a GET or DELETE, else as a JSON body; empty without any.

    :raises BadRequest: 400 for what is not a JSON object in UTF-8

    >>> from kali import Request
    >>> read_signals(Request('GET', '/?datastar=%7B%22count%22%3A3%7D'))
    {'count': 3}
    """
    if request.method in ('GET', 'HEAD', 'DELETE'):
        text = request.query.get('datastar', '')
        if not text:
            return {}
        try:
            signals = json.loads(text)
            json.dumps(signals, ensure_ascii=False).encode('utf-8')  # no half of a character (RFC 8259, 8.2)
        except (ValueError, RecursionError) as error:
            raise BadRequest(f'The signals in the query field "datastar" are not JSON: {error}.') from None
    else:
        kind = request.headers.get('Content-Type', '').partition(';')[0].strip().lower()
        if kind != 'application/json' or not request.body:  # a form, say, which is in request.form
            return {}
        signals = request.json
    if not isinstance(signals, dict):
        raise BadRequest('The signals are JSON, but no object: they are sent as {"name": value, …}.')
    return signals


def datastar_response(function: F) -> F:
    """Decorator: a handler that answers with events. It stands below the one that gives the route.

    The function returns an event, several, or None (204: nothing happens); or it is a generator that yields
    events, and `pause(seconds)` between them. It may be `async`. A Response is sent as it is.

    >>> from kali import Router
    >>> from kali.live import SSE
    >>> from kali.testing import Client
    >>> app = Router()
    >>> @app.post('/more')
    ... @datastar_response
    ... def more(count: int = 1):
    ...     return SSE.patch_signals({'count': count + 1})
    >>> Client(app).post('/more', form={'count': 2}).text
    'event: datastar-patch-signals\\ndata: signals {"count":3}\\n\\n'
    """
    @wraps(function)
    def handler(*args: Any, **named: Any) -> Any:
        answer = function(*args, **named)
        return _later(answer) if hasattr(answer, '__await__') else respond(answer)

    async def _later(pending: Any) -> Any:
        return respond(await pending)

    def respond(answer: Any) -> Any:
        if answer is None:
            return Response(None, status=204)
        if isinstance(answer, (Response, Deferred)):
            return answer
        if isinstance(answer, Event):
            answer = [answer]
        if isinstance(answer, (list, tuple)):  # all there at once: an ordinary answer with a length
            return Response(b''.join(map(encoded, answer)), headers=HEADERS)
        if isinstance(answer, Iterable) and not isinstance(answer, (str, bytes, dict)):
            return EventStream(answer)
        if hasattr(answer, '__aiter__'):
            return _AsyncEvents(answer)
        raise TypeError(f'{function.__qualname__} gave {answer!r:.80} and not an event, several events, '
                        'a Response or None; events are made by SSE.patch_elements(…) and the like')
    return handler  # type: ignore[return-value]


class _AsyncEvents:
    """The events of an async generator as the pieces of an answer, which the host's loop asks for."""

    headers = HEADERS

    def __init__(self, events: AsyncIterable[Event | str]) -> None:
        self._events = events

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for event in self._events:
                yield encoded(event)
        finally:
            if hasattr(self._events, 'aclose'):
                await self._events.aclose()
