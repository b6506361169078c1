"""ResponseHeaders: the header fields of a response, which change and are checked as they are set.

The mistake is found where it is made, not when the response is sent. (The fields of a request are Headers of
`kali.multidict`, which do not change.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping

from kali.http.grammar import TOKEN
from kali.multidict import Headers

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from typing import Any

__all__ = ['UNSAFE_VALUE', 'ResponseHeaders', 'checked']

_NAME = re.compile(TOKEN)
UNSAFE_VALUE = re.compile(r'[\x00-\x08\x0a-\x1f\x7f]')  # all control characters but the tab


def checked(name: str, value: object) -> tuple[str, str]:
    """A header field that can be sent safely (RFC 9110 section 5.5).

    :raises ValueError: if the name is no token, or the value has control characters or is not Latin-1; else a
        value could begin a header, or a page, of its own.
    """
    text = str(value)
    if not _NAME.fullmatch(name):
        raise ValueError(f'header name {name!r}: only letters, digits and !#$%&\'*+-.^_`|~ can be in it')
    if UNSAFE_VALUE.search(text):
        raise ValueError(f'header {name}: {text!r} has a control character in it')
    try:
        text.encode('latin-1')
    except UnicodeEncodeError:
        raise ValueError(f'header {name}: {text!r} has characters that a header cannot carry') from None
    return name, text


class ResponseHeaders(MutableMapping[str, str]):
    """The header fields that a response sets itself. Names ignore case; a change counts at once.

    :param pairs: the response's own list of fields

    >>> from kali.http.response import Response
    >>> response = Response('Hello')
    >>> response.headers['Cache-Control'] = 'no-store'
    >>> response.headers.append('Vary', 'Accept')
    >>> dict(response.headers)
    {'cache-control': 'no-store', 'vary': 'Accept'}
    """

    __slots__ = ('_pairs',)

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    def __setitem__(self, name: str, value: object) -> None:
        """Set the one field of that name; others of the name go.

        :raises ValueError: see `checked`.
        """
        pair = checked(name, value)
        self._pairs[:] = [*self._others(name), pair]

    def append(self, name: str, value: object) -> None:
        """Add another field of that name, as Set-Cookie and Vary may have several.

        :raises ValueError: see `checked`.
        """
        self._pairs.append(checked(name, value))

    def __delitem__(self, name: str) -> None:
        others = self._others(name)
        if len(others) == len(self._pairs):
            raise KeyError(name)
        self._pairs[:] = others

    def _others(self, name: str) -> list[tuple[str, str]]:
        return [each for each in self._pairs if each[0].lower() != name.lower()]

    def __getitem__(self, name: str) -> str:
        return Headers(self._pairs)[name]

    def __iter__(self) -> Iterator[str]:
        return iter(Headers(self._pairs))

    def __len__(self) -> int:
        return len(Headers(self._pairs))

    def __repr__(self) -> str:
        return f'ResponseHeaders({self._pairs!r})'

    def get_list(self, name: str) -> list[str]:
        """All values of the field `name`, in their order."""
        return Headers(self._pairs).get_list(name)

    def items(self) -> Any:
        """Every field: name and value, one by one."""
        return list(self._pairs)
