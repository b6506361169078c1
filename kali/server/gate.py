"""The gate refuses requests from outsiders, by the head alone, before the body is read or a handler runs.

In this order: the Host must be ours (or a foreign name could be pointed at this machine: DNS rebinding); then
neither Origin nor Fetch Metadata may say that another site is asking; then, when kali opened the window
itself, the request needs the launch cookie, which is handed out once for a one-shot key.

Sources: Fetch Metadata Request Headers (W3C), sections 2 and 4; RFC 6454 (Origin); RFC 9110 section 7.2
(Host).
"""

from __future__ import annotations

import os
import re

# What hmac.compare_digest is; the hmac module would load OpenSSL besides, 3.7 MB.
from _operator import _compare_digest as compare_digest

from kali.http.around import Around
from kali.http.grammar import SAFE_METHODS
from kali.http.response import Response
from kali.pages.assets import remove_worker

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any

    from kali.http.parser import Head
    from kali.http.request import Request
    from kali.http.response import Handler

__all__ = ['Gate', 'Keys', 'gate', 'is_key']

_KEY = re.compile('[A-Za-z0-9._~-]{1,128}')  # what no browser percent-encodes

# A link from elsewhere brings no Strict cookie even from a browser that has it; one from this page does. It
# leads to the start only, so that a crafted address gets no further.
_NO_KEY = """<p>This page belongs to a program on this computer,
and only the window that the program opened may use it.</p>
<p>To get in, start the program again, or open the address that it printed where it was started.
The address works once; after that, a new one is printed.</p>
<p>If the program is open in this browser already, and a link from elsewhere brought you here:
<a href="/">go to its start page</a>.</p>
"""
_WELCOME = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Opening</title>
<script nonce="{nonce}">if (location.hash) location.replace("{url}" + location.hash)
else location.replace("{url}")</script></head>
<body><p><a href="{href}">Go on</a></p></body></html>
"""


def is_key(text: str) -> bool:
    """Whether `text` could be a launch key, and stand in an address as it is."""
    return _KEY.fullmatch(text) is not None


class Keys:
    """One-shot launch keys, and the cookie that one of them is swapped for.

    :param cookie: the cookie's name; different for each application, since cookies ignore ports
    :param secret: the cookie's value, kept over restarts so that open tabs stay in
    """

    def __init__(self, cookie: str, secret: str) -> None:
        self.cookie, self.secret = cookie, secret
        self.lasting = ''  # a key that is never spent: of a program that is started anew again and again
        self._fresh: dict[str, Callable[[], object] | None] = {}
        self._spent: set[str] = set()

    def new(self, key: str | None = None, *, used: Callable[[], object] | None = None) -> str:
        """A fresh key of 256 bits, or the given one, good for one use.

        :param used: called once when the key has been used
        """
        key = key or os.urandom(32).hex()
        self._fresh[key] = used
        return key

    def swap(self, key: str) -> bool:
        """Whether `key` is fresh; it is spent from now on."""
        lasts = bool(key) and key == self.lasting
        if key not in self._fresh and not lasts:
            return False
        used = self._fresh.pop(key, None)
        if not lasts:
            self._spent.add(key)
        if used is not None:
            used()
        return True

    def was_spent(self, key: str) -> bool:
        """Whether `key` was one of ours once."""
        return key in self._spent

    def opens(self, cookies: str) -> bool:
        """Whether the right cookie is in a `Cookie` field; takes the same time for every wrong one.

        Another server on this host can set cookies of this name too (they ignore ports), so each one counts:
        it cannot shut the user out by adding a wrong one.
        """
        prefix = self.cookie + '='
        for pair in cookies.split(';'):
            pair = pair.strip()
            if pair.startswith(prefix):
                value = pair[len(prefix):]
                if value.isascii() and compare_digest(value, self.secret):
                    return True
        return False


class Gate:
    """Decides by the head of a request whether it may come in.

    :param port: the port that is listened on
    :param hosts: further host names to answer to, with or without a port
    :param keys: None: no launch cookie is asked for
    :param proving: paths where none is asked for either: what answers there wants a proof of its own, and no
        more than a few kilobytes

    >>> from kali.http.parser import Head
    >>> from kali.multidict import Headers
    >>> Gate(8080).admit(Head('GET', '/', Headers({'Host': 'evil.example'}))).status
    403
    """

    def __init__(self, port: int, hosts: Iterable[str] = (), keys: Keys | None = None, *,
                 proving: tuple[str, ...] = ()) -> None:
        self.proving = proving
        self.hosts = {f'{name}:{port}' for name in ('127.0.0.1', 'localhost', '[::1]')}
        if port == 80:
            self.hosts |= {'127.0.0.1', 'localhost', '[::1]'}
        for host in hosts:
            host = host.lower()
            self.hosts |= {host} if re.search(r':[0-9]+$', host) else {host, f'{host}:{port}'}
        self.keys = keys

    def admit(self, head: Head | Request) -> Response | None:
        """None if the request may go on, else the answer to give instead."""
        headers = head.headers.last  # by name in lower case
        host = headers.get('host', '').lower()
        if host not in self.hosts:
            return _refuse('This address is not one of this program.')
        authority = getattr(head, 'authority', None)
        if authority is not None and authority.lower() not in self.hosts:
            return _refuse('The target of the request names another host.', status=400)
        if not _is_own(head.method, host, headers):
            return _refuse('Another web site asked for this, and that is not allowed.')
        return None if self.keys is None else self._unlock(head, self.keys)

    def _unlock(self, head: Head | Request, keys: Keys) -> Response | None:
        """Ask for the launch cookie, or hand it out for a fresh key."""
        # Browsers send all cookies in one field (RFC 6265 section 5.4); other clients pay for the longer way.
        headers = head.headers
        is_in = 'cookie' in headers.last and (
            keys.opens(headers.last['cookie']) or keys.opens(';'.join(headers.get_list('cookie'))))
        if head.method == 'GET' and 'key=' in head.target:
            for key, clean in _keys_in(head.target):
                if keys.swap(key):
                    return _welcome(clean, keys)
                if is_in and keys.was_spent(key):  # Back, or a reload of the address with the key
                    return Response.redirect(clean)
        if is_in or (self.proving and head.target.partition('?')[0] in self.proving
                     and len(headers.last.get('content-length', '')) < 6):
            return None
        if 'service-worker' in headers.last:  # of another program, which would keep the launch page away
            return remove_worker()
        return Response.generic(_NO_KEY, title='Please open this from the program', status=403)


def _is_own(method: str, host: str, headers: Mapping[str, str]) -> bool:
    """Whether no other site is behind the request, as far as the browser says."""
    # Not every browser sends Sec-Fetch-Site, and Chromium not with WebSockets; they name at least the origin.
    origin = headers.get('origin')
    if origin is not None and origin.lower() not in _origins(host):
        return False
    site = headers.get('sec-fetch-site')
    if site is None:
        return True
    if method in SAFE_METHODS:
        return site not in ('cross-site', 'same-site') or (
            headers.get('sec-fetch-mode') == 'navigate' and headers.get('sec-fetch-dest') == 'document')
    return site in ('same-origin', 'none')


def _origins(host: str) -> tuple[str, ...]:
    """The origins of pages that came from `host`, port included (RFC 6454 section 6.2: the usual one is left
    out)."""
    return (f'http://{host}', f'https://{host}', f'http://{host.removesuffix(":80")}',
            f'https://{host.removesuffix(":443")}')


def _keys_in(target: str) -> Iterator[tuple[str, str]]:
    """What may be a launch key in the query of `target`, and the target without it; a page may have a field
    of that name, too."""
    path, _, query = target.partition('?')
    fields = query.split('&')
    for number, field in enumerate(fields):
        if field.startswith('key=') and is_key(field[4:]):
            rest = '&'.join(fields[:number] + fields[number + 1:])
            # A single leading slash, so that it stays on this server.
            yield field[4:], '/' + path.lstrip('/\\') + ('?' + rest if rest else '')


def _welcome(url: str, keys: Keys) -> Response:
    # 200 and a script instead of a redirect: after a launch page at file://, a redirect would lose the Strict
    # cookie, and replace() leaves no history entry with the key. What follows the # only the browser knows.
    url = url.replace('\\', '%5C').replace('"', '%22').replace('<', '%3C').replace('>', '%3E')
    nonce = os.urandom(16).hex()
    page = Response(_WELCOME.format(nonce=nonce, url=url, href=url.replace('&', '&amp;')),
                    headers={'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer',
                             # its own: the address is text from a request, and only this script may run
                             'Content-Security-Policy': f"default-src 'none'; script-src 'nonce-{nonce}'; "
                                                        "base-uri 'none'; frame-ancestors 'none'"})
    page.set_cookie(keys.cookie, keys.secret, same_site='Strict')
    return page


def _refuse(sentence: str, status: int = 403) -> Response:
    return Response.generic(f'<p>{sentence}</p>', status=status)


def gate(handler: Handler, *, port: int, hosts: Iterable[str] = (), keys: Keys | None = None) -> Handler:
    """`handler` behind the same gate, for servers other than kali's own."""
    admit = Gate(port, hosts, keys).admit

    def guarded(request: Request) -> Any:
        refused = admit(request)
        return handler(request) if refused is None else refused
    return Around(handler, guarded)
