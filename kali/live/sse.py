"""Events as values: what a browser's EventSource reads, and the events that Datastar's script understands.

An `Event` is encoded once, however many browsers it goes to. The builders of `SSE` have the names and
arguments of Datastar's Python SDK, so that a program written with that changes an import. Whatever text comes
in, an event stays one event: lines are parted only where the format parts them, and what cannot stand in a
field is refused or escaped.

Sources: HTML standard, "Server-sent events"; Datastar's protocol 1.0.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from kali.http.patches import patch_fields
from kali.http.urls import is_local
from kali.iolist import flatten
from kali.markup import escape

if TYPE_CHECKING:
    from kali.iolist import Content

__all__ = ['END', 'SSE', 'Event', 'addressed', 'encoded']

DEFAULT_RETRY = 1000  # milliseconds: Datastar's own, so it is left out

# The only ends of a line in an event stream; str.splitlines knows others.
_LINE_END = re.compile('\r\n|\n|\r')
_NAME = re.compile(r'[^\s"\'<>/=\x00-\x1f\x7f]+')  # of an attribute (HTML standard, "Attributes")
_PAIR = re.compile(r'([^\s"\'<>/=\x00-\x1f\x7f]+)="([^"<>&]*)"')
# What ends a script element, or begins what ends it elsewhere (HTML standard, "Restrictions for contents of
# script elements"). Written as \x3c it means the same in a string, a template and a regular expression.
_SCRIPT_END = re.compile(r'<(?=/?script|!--)', re.IGNORECASE)


class Event(NamedTuple):
    """One event of a stream.

    :param data: the text that the page gets; lines may end in any way
    :param event: its type; a page listens to `message` unless told otherwise
    :param id: what a browser says it has seen last when it comes back
    :param retry: milliseconds until a browser that lost the stream asks again

    >>> encoded(Event('one\\ntwo', event='news', id='7'))
    b'event: news\\nid: 7\\ndata: one\\ndata: two\\n\\n'
    """

    data: str = ''
    event: str = ''
    id: str = ''
    retry: int | None = None


#: The last event of a stream that has come to its end: the page closes it. Without it, a browser asks again.
END = Event('', 'kali-end')


def encoded(event: Event | str) -> bytes:
    """The bytes of an event; a `str` is the data of a plain one.

    :raises ValueError: for a line break or NUL in the type or the id: it would begin a field, or an event, of
        its own
    :raises TypeError: for anything that is no event
    """
    if isinstance(event, str):
        event = Event(event)
    if not isinstance(event, Event):
        raise TypeError(f'{event!r:.80} is no event: give an Event, the result of one of the methods of SSE, '
                        'or a str')
    head = ''
    for name, value in (('event', event.event), ('id', event.id)):
        if value:
            if '\n' in value or '\r' in value or '\0' in value:
                raise ValueError(f'the {name} of an event, {value!r:.80}, has a line break or NUL in it')
            head += f'{name}: {value}\n'
    if event.retry is not None:
        head += f'retry: {int(event.retry)}\n'
    lines = ''.join(f'data: {line}\n' for line in _LINE_END.split(event.data))
    return f'{head}{lines}\n'.encode('utf-8', 'replace')


class SSE:
    """Makes the events that change a page in a browser with Datastar's script, or with kali's own.

    >>> SSE.patch_elements('<p id="total">7</p>').data
    'elements <p id="total">7</p>'
    """

    @staticmethod
    def patch_elements(elements: Content = None, selector: str | None = None, mode: str | None = None,
                       use_view_transition: bool | None = None, view_transition_selector: str | None = None,
                       namespace: str | None = None, event_id: str | None = None,
                       retry_duration: int | None = None) -> Event:
        """Put `elements` into the page.

        :param elements: HTML, sent as it is at any depth
        :param selector: where, as in CSS; without one, each element replaces the one with its id
        :param mode: `outer` (the default: the whole element, kept where it is the same), `inner`, `replace`,
            `prepend`, `append`, `before`, `after` or `remove`
        :param use_view_transition: whether the browser blends the change
        :param view_transition_selector: for which part of the page
        :param namespace: `svg` or `mathml` for parts of such a picture
        :param event_id: the id of the event
        :param retry_duration: milliseconds until a browser that lost the stream asks again
        :raises ValueError: for an unknown mode or namespace

        >>> SSE.patch_elements('<li>milk</li>', selector='#list', mode='append').data.splitlines()
        ['mode append', 'selector #list', 'elements <li>milk</li>']
        """
        return _event('datastar-patch-elements', event_id, retry_duration, [
            *patch_fields(selector, mode, use_view_transition, view_transition_selector, namespace),
            ('elements', flatten(elements).decode('utf-8') or None)])

    @staticmethod
    def remove_elements(selector: str, event_id: str | None = None,
                        retry_duration: int | None = None) -> Event:
        """Take what `selector` matches out of the page."""
        return SSE.patch_elements(selector=selector, mode='remove', event_id=event_id,
                                  retry_duration=retry_duration)

    @staticmethod
    def patch_signals(signals: Mapping[str, Any] | str, event_id: str | None = None,
                      only_if_missing: bool | None = None, retry_duration: int | None = None) -> Event:
        """Change signals of the page.

        :param signals: a mapping, or its JSON; None as a value deletes a signal (RFC 7386)
        :param only_if_missing: whether those that the page has already are kept
        :raises ValueError: for a number that JSON does not have, such as NaN

        >>> SSE.patch_signals({'count': 3}).data
        'signals {"count":3}'
        """
        text = signals if isinstance(signals, str) else json.dumps(
            signals, separators=(',', ':'), ensure_ascii=False, allow_nan=False)
        return _event('datastar-patch-signals', event_id, retry_duration, [
            ('onlyIfMissing', 'true' if only_if_missing else None), ('signals', text)])

    @staticmethod
    def execute_script(script: str, auto_remove: bool = True,
                       attributes: Mapping[str, Any] | Iterable[str] | None = None,
                       event_id: str | None = None, retry_duration: int | None = None) -> Event:
        """Have the page run `script`. Whatever is in it, it stays one script: `</script>` in a string of it
        is escaped.

        :param auto_remove: whether the script element is removed once it has run
        :param attributes: further attributes of the script element, as a mapping, or as texts `name` or
            `name="value"`
        :raises ValueError: for what is no attribute
        """
        pairs: dict[str, Any] = {'data-effect': 'el.remove()'} if auto_remove else {}
        pairs.update(_attributes(attributes or {}))
        opening = ''.join(f' {name}' if value is True else f' {name}="{escape(value)}"'
                          for name, value in pairs.items() if value is not False and value is not None)
        inside = _SCRIPT_END.sub(r'\\x3c', script)
        return SSE.patch_elements(f'<script{opening}>{inside}</script>', selector='body', mode='append',
                                  event_id=event_id, retry_duration=retry_duration)

    @staticmethod
    def notify(text: str, event_id: str | None = None, retry_duration: int | None = None) -> Event:
        """Show a line of text at the edge of the page for a few seconds; a screen reader says it. kali's own
        script does that, Datastar's ignores it.

        >>> SSE.notify('Ann has saved the order.').data
        'text Ann has saved the order.'
        """
        return _event('kali-notify', event_id, retry_duration, [('text', text)])

    @staticmethod
    def redirect(location: str, *, external: bool = False) -> Event:
        """Send the page to another address.

        :param location: the address, such as `/done`
        :param external: must be True for an address that leaves this server, so that no text from a request
            can
        :raises ValueError: for a foreign address without `external=True`, or one of another scheme than http
            and https
        """
        if not is_local(location):
            if not external:
                raise ValueError(f'redirect to {location!r} leaves this server; if that is meant, say '
                                 'external=True')
            if not re.match('https?://', location, re.IGNORECASE):
                raise ValueError(f'redirect to {location!r}: a page elsewhere has an address that begins '
                                 'with http:// or https://')
        return SSE.execute_script(f'setTimeout(() => window.location = {json.dumps(location)})')


def _event(kind: str, event_id: str | None, retry: int | None, fields: list[tuple[str, str | None]]) -> Event:
    """An event of Datastar's: each line of its data begins with the name of the field."""
    lines = [f'{name} {line}' for name, value in fields if value is not None
             for line in _LINE_END.split(value)]
    return Event('\n'.join(lines), kind, event_id or '', None if retry == DEFAULT_RETRY else retry)


def addressed(event: Event | str, to: str) -> Event | str:
    """`event` for the pages at the path `to`, or below it if that ends with a slash.

    :raises ValueError: for what is no path, and for an event that is only text: there is no place in it

    >>> addressed(SSE.notify('Saved'), '/orders/').data.splitlines()
    ['to /orders/', 'text Saved']
    """
    if not to:
        return event
    if not to.startswith('/') or _LINE_END.search(to):
        raise ValueError(f'publish(…, to={to!r}): the path of a page begins with a slash, as in /orders/7')
    if not isinstance(event, Event) or not event.event.startswith(('datastar-', 'kali-')):
        raise ValueError(f'publish({event!r:.80}, to=…): only what SSE makes can be for some pages')
    path = quote(to, safe="/%:@!$&'()*+,;=~")  # as a browser has it in location.pathname
    return event._replace(data=f'to {path}\n{event.data}')


def _attributes(given: Mapping[str, Any] | Iterable[str]) -> dict[str, Any]:
    if isinstance(given, Mapping):
        pairs = dict(given)
    else:
        pairs = {}
        for text in given:
            match = _PAIR.fullmatch(text)
            pairs.update({match[1]: match[2]} if match else {text: True})
    for name in pairs:
        if not _NAME.fullmatch(name):
            raise ValueError(f'{name!r} is no name of an attribute')
    return pairs
