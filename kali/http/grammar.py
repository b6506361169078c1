"""The words of HTTP's grammar that several files share: methods, tokens, and how bytes become letters."""

from __future__ import annotations

__all__ = ['METHODS', 'SAFE_METHODS', 'TOKEN', 'text_of']

METHODS = frozenset(('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'))
SAFE_METHODS = frozenset(('GET', 'HEAD', 'OPTIONS'))  # RFC 9110 section 9.2.1
# A token (RFC 9110 section 5.6.2), as a regular expression: names of fields, parameters and cookies.
TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"


def text_of(data: bytes) -> str:
    """The text that `data` is meant to be: UTF-8, or, where it is none, Latin-1 (RFC 9110 section 5.5).

    >>> text_of('Zoë'.encode('utf-8')), text_of('Zoë'.encode('latin-1'))
    ('Zoë', 'Zoë')
    """
    try:
        return data.decode('utf-8')
    except UnicodeDecodeError:
        return data.decode('latin-1')
