"""Which part of a URL is reached after a piece of literal text, and what a value becomes there.

A value may be a whole URL (only of a scheme that runs nothing), a part of the path (kept as it
is, so that `/static/{path}` works) or of the query or fragment (percent-encoded). Source: the URL standard
of WHATWG.
"""

from __future__ import annotations

import re
from urllib.parse import quote

__all__ = ['INVALID', 'SCHEMES', 'advance_url', 'normalized', 'safe_url', 'url_escaper']

INVALID = 'about:invalid#kali'
SCHEMES = {'http', 'https', 'mailto', 'tel', 'sms', 'geo', 'ftp', 'xmpp', 'webcal'}
ACTIVE = {'javascript', 'vbscript', 'livescript', 'mocha', 'data'}
SCHEME = re.compile(r'([a-zA-Z][a-zA-Z0-9+.-]*):')
PICTURE = r'(?i:data:image/(?:png|jpe?g|gif|webp|avif|bmp)[;,])'
# What a browser drops at the start of a URL; tabs and line ends it drops anywhere.
BLANK = ''.join(map(chr, range(33)))
KEPT = "!#$%&'()*+,/:;=?@[]~"  # quote() keeps these, letters, digits and _.- : a URL stays the URL it was


def advance_url(part: str, text: str) -> str:
    """The part that is reached after `text`: start, =literal so far, dynamic, path, query, active, unknown
    or refused.

    `dynamic` says that a value stands where a scheme might; `refused` that a literal colon follows such a
    value.

    >>> advance_url('start', '/task/'), advance_url('start', '?q='), advance_url('start', 'javascript:go(')
    ('path', 'query', 'active')
    """
    if part == 'active':
        return part
    if '?' in text or '#' in text:
        ahead = re.split(r'[?#]', text, maxsplit=1)[0]
        return part if advance_url(part, ahead) in ('refused', 'active') else 'query'
    if part in ('path', 'query', 'unknown'):
        return part
    if part == 'dynamic':
        colon, slash = text.find(':'), text.find('/')
        if colon >= 0 and (slash < 0 or colon < slash):
            return 'refused'
        return 'path' if slash >= 0 else 'dynamic'
    so_far = (part[1:] + text).lstrip(BLANK) if part.startswith('=') else text.lstrip(BLANK)
    return _literal_start(so_far)


def _literal_start(so_far: str) -> str:
    so_far = re.sub('[\t\r\n]', '', so_far)
    scheme = SCHEME.match(so_far)
    if scheme:
        return 'active' if scheme[1].lower() in ACTIVE and not re.match(PICTURE, so_far) else 'path'
    if '/' in so_far or ':' in so_far:
        return 'path'
    return '=' + so_far if so_far else 'start'


def url_escaper(part: str) -> str:
    """What a value needs in a part of a URL.

    :raises ValueError: where it could run as a script, or where branches before it end in different parts.
    """
    if part == 'active':
        raise ValueError('a placeholder may not stand in a javascript: or data: URL: use an event handler, '
                         'or give the whole URL as one value')
    if part == 'unknown':
        raise ValueError('the branches before this placeholder end in different parts of the URL, so that it '
                         'may be path or query: write the whole URL in each branch')
    return {'start': 'url', 'path': 'url_path', 'query': 'url_query'}.get(part, 'url_part')


def safe_url(text: str) -> str:
    """`text`, or `about:invalid#kali` if its scheme is not one that only leads somewhere.

    >>> safe_url('/a?b#c'), safe_url('java\\tscript:alert(1)'), safe_url('HTTPS://example.com/')
    ('/a?b#c', 'about:invalid#kali', 'HTTPS://example.com/')
    """
    text = text.strip(BLANK).replace('\t', '').replace('\r', '').replace('\n', '')
    scheme = SCHEME.match(text)
    if scheme and scheme[1].lower() not in SCHEMES and not re.match(PICTURE, text):
        return INVALID
    return text


def normalized(text: str) -> str:
    """`text` with what has no place in a URL percent-encoded, and what has a meaning there kept.

    >>> normalized('/a b/é?x=1&y=%20')
    '/a%20b/%C3%A9?x=1&y=%20'
    """
    return quote(text, KEPT, errors='replace')
