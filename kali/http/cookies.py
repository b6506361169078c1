"""Cookies: read leniently, written strictly.

What browsers send is taken as well as can be; what the application writes is checked, since a stray semicolon
in a value would become an attribute. Source: RFC 6265 sections 4.1.1 (writing) and 5.4 (reading).
"""

from __future__ import annotations

import re

from kali.http.grammar import TOKEN, text_of
from kali.http.urls import percent_decoded

__all__ = ['parse_cookies', 'set_cookie_value']

_NAME = re.compile(TOKEN)
_ATTRIBUTE = re.compile(r'[\x20-\x3a\x3c-\x7e]*')  # printable ASCII but no semicolon
_SAME_SITE = {'strict': 'Strict', 'lax': 'Lax', 'none': 'None'}


def parse_cookies(header: str) -> dict[str, str]:
    """The cookies of a `Cookie` field; the first of a name counts, since browsers send the most specific path
    first.

    >>> parse_cookies('theme=dark; note="a%20b"; junk; theme=light')
    {'theme': 'dark', 'note': 'a b'}
    """
    cookies: dict[str, str] = {}
    for pair in header.split(';'):
        name, equals, value = pair.partition('=')
        name, value = name.strip(), value.strip()
        if not equals or not name or name in cookies:
            continue
        if len(value) >= 2 and value[0] == value[-1] == '"':
            value = value[1:-1]
        if '%' in value:
            value = text_of(bytes(percent_decoded(value.encode('utf-8', 'replace'))))
        cookies[name] = value
    return cookies


def set_cookie_value(name: str, value: str, *, path: str = '/', max_age: int | None = None,
                     http_only: bool = True, same_site: str = 'Lax', secure: bool = False,
                     domain: str | None = None) -> str:
    """The value of a `Set-Cookie` field; the cookie's value is percent-encoded, so any text is safe in it.

    :param max_age: seconds until the browser forgets it; None: when the browser ends; 0: at once.
    :raises ValueError: for a name, path or domain that would break out of its place.

    >>> set_cookie_value('theme', 'dark; Secure')
    'theme=dark%3B%20Secure; Path=/; HttpOnly; SameSite=Lax'
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f'cookie name {name!r}: only letters, digits and !#$%&\'*+-.^_`|~ can be in it')
    for what, text in (('path', path), ('domain', domain or '')):
        if not _ATTRIBUTE.fullmatch(text):
            raise ValueError(f'cookie {what} {text!r} has a character that cannot stand there')
    if same_site.lower() not in _SAME_SITE:
        raise ValueError(f'same_site is {same_site!r}; it must be Strict, Lax or None')
    from urllib.parse import quote  # 4 ms that a start need not wait for
    parts = [f'{name}={quote(value, safe="!#$&()*+-./:<=>?@[]^_`{|}~")}', f'Path={path}']
    if domain:
        parts.append(f'Domain={domain}')
    if max_age is not None:
        parts.append(f'Max-Age={int(max_age)}')
    if http_only:
        parts.append('HttpOnly')
    if secure:
        parts.append('Secure')
    parts.append('SameSite=' + _SAME_SITE[same_site.lower()])
    return '; '.join(parts)
