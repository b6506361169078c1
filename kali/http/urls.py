"""URLs: percent-encoding and -decoding, paths, queries, and whether a URL stays on this server.

Decoding happens once and per component, after the split, so that an encoded slash never becomes a separator.
Sources: RFC 3986 sections 2 and 3.3; URL standard, "application/x-www-form-urlencoded parsing".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from kali.errors import ProtocolError
from kali.http.limits import WAY_BACK
from kali.multidict import Bag

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    Query: TypeAlias = Mapping[str, Any] | Bag | Iterable[tuple[str, Any]] | None

__all__ = ['add_query', 'build_url', 'is_local', 'parse_pairs', 'percent_decoded', 'split_path']

BLOCK = 1 << 14  # bytes decoded at a time
_BAD_ESCAPE = re.compile(r'%(?![0-9A-Fa-f]{2})')
_CONTROL_OR_BLANK = re.compile(r'[\x00-\x20\x7f]')
_PLAIN = re.compile('[A-Za-z0-9_.~-]*')
_SCHEME = re.compile(r'[A-Za-z][A-Za-z0-9+.-]*:')
# What RFC 3986 allows in a path component besides letters and digits; quote() keeps `_.-~` by itself.
_PATH_SAFE = "!$&'()*+,;=:@"
_URL_SAFE = "!#$%&'()*+,/:;=?@[]~"  # what may stand somewhere in a URL


def split_path(path: str) -> list[str]:
    """The decoded components of an absolute path, without the empty one before the first slash.

    >>> split_path('/contact/A%2FB/'), split_path('/')
    (['contact', 'A/B', ''], [''])

    :raises ProtocolError: 400 for a bad escape or for bytes that are not UTF-8.
    """
    components = path[1:].split('/')
    if '%' in path:
        if _BAD_ESCAPE.search(path):
            raise ProtocolError('The path has a % that is not followed by two hexadecimal digits.')
        try:
            return [percent_decoded(each.encode('utf-8')).decode('utf-8') if '%' in each else each
                    for each in components]
        except UnicodeDecodeError:
            raise ProtocolError('The path is not UTF-8 when its %-escapes are decoded.') from None
    return components


def parse_pairs(data: bytes | str, limit: int = 1000) -> Bag:
    """The key/value pairs of a query or of an urlencoded form; a `%` that begins no escape stands for itself.

    :param limit: how many pairs are taken.
    :raises ProtocolError: 413 for more pairs, 400 for bytes that are not UTF-8.

    >>> parse_pairs('q=R%26D+team&page=2&page=3&flag')
    Bag([('q', 'R&D team'), ('page', '2'), ('page', '3'), ('flag', '')])
    """
    bag = Bag()
    fields = bag.multiple
    if not data:
        return bag
    try:
        if isinstance(data, str):
            data = data.encode('utf-8')
        if data.count(b'&') >= limit:
            raise ProtocolError(f'There are more than {limit} fields. {WAY_BACK}', status=413)
        is_plain = b'%' not in data and b'+' not in data
        for pair in data.split(b'&'):
            if pair:
                key, _, value = pair.partition(b'=')
                if not is_plain:
                    key, value = _unescaped(key), _unescaped(value)
                fields.setdefault(key.decode(), []).append(value.decode())
    except UnicodeError:
        raise ProtocolError('A field is not UTF-8 when its %-escapes are decoded.') from None
    return bag


def _unescaped(data: bytes) -> bytes:
    data = data.replace(b'+', b' ') if b'+' in data else data
    return percent_decoded(data)  # type: ignore[return-value]  # a bytearray decodes as bytes do


def percent_decoded(data: bytes) -> bytes | bytearray:
    """`data` with its percent-escapes decoded; a `%` that begins none stands for itself.

    >>> percent_decoded(b'R%26D 100%')
    b'R&D 100%'
    """
    if b'%' not in data:
        return data
    from urllib.parse import unquote_to_bytes  # 4 ms that a start need not wait for; most text is plain
    if len(data) <= BLOCK:
        return unquote_to_bytes(data)
    # It makes a list of all pieces between two %, many times as large as they are: so a block at a time.
    decoded, start = bytearray(), 0
    while start < len(data):
        stop = start + BLOCK
        cut = data.rfind(b'%', stop - 2, stop)  # an escape is not cut in two
        stop = stop if cut < 0 else cut
        decoded += unquote_to_bytes(data[start:stop])
        start = stop
    return decoded


def build_url(path: Iterable[str], query: Query = None) -> str:
    """The URL of an absolute path given as components, with an optional query; values of None are left out.

    >>> build_url(['contact', 'A/B', ''], {'q': 'R&D'})
    '/contact/A%2FB/?q=R%26D'
    """
    url = '/' + '/'.join([_quoted(str(each), _PATH_SAFE) for each in path])
    if url.startswith('//'):
        url = '/.' + url  # a browser would take what follows two slashes for a host
    text = _query_text(query)
    return f'{url}?{text}' if text else url


def add_query(url: str, query: Query) -> str:
    """`url`, on this server, with more fields in its query: before the fragment, after those it has.

    Letters and blanks that a URL cannot hold as they are become percent-encoded.

    :raises ValueError: for a URL that leads to another server.

    >>> add_query('/#/home', {'key': '1'}), add_query('/größe?unit=m#top', {'key': '1'})
    ('/?key=1#/home', '/gr%C3%B6%C3%9Fe?unit=m&key=1#top')
    """
    from urllib.parse import quote  # see percent_decoded
    text = quote(_BAD_ESCAPE.sub('%25', url), safe=_URL_SAFE)
    if not is_local(text):
        raise ValueError(f'{url!r} leads to another server; a path such as "/start" is wanted')
    # RFC 3986 section 3: the fragment begins at the first #, the query at the first ? before it.
    before, hash_sign, fragment = text.partition('#')
    path, _, fields = before.partition('?')
    fields = '&'.join(filter(None, (fields, _query_text(query))))
    return f'{path}?{fields}{hash_sign}{fragment}' if fields else path + hash_sign + fragment


def _query_text(query: Query) -> str:
    if not query:
        return ''
    pairs = query.items() if isinstance(query, (Mapping, Bag)) else query
    return '&'.join([f'{_quoted(str(key), " ")}={_quoted(str(value), " ")}' for key, values in pairs
                     for value in (values if isinstance(values, (list, tuple)) else [values])
                     if value is not None]).replace(' ', '+')


def _quoted(text: str, safe: str) -> str:
    if _PLAIN.fullmatch(text):  # most are
        return text
    from urllib.parse import quote  # see percent_decoded
    return quote(text, safe)


def is_local(url: str) -> bool:
    """Whether a browser that is sent to `url` stays on this server, however it reads slashes and blanks.

    >>> [is_local(url) for url in ('/tasks?done=1', 'edit', '//evil.example', '/\\\\evil.example', 'https://evil.example')]
    [True, True, False, False, False]

    Source: URL standard, basic URL parser: `\\` counts as `/`, tabs and newlines are dropped, blanks at the
    ends too.
    """
    if _CONTROL_OR_BLANK.search(url):
        return False
    return not _SCHEME.match(url) and not url.replace('\\', '/').startswith('//')
