"""A table of attacks: for each a raw request, the answer that it must get, and that no handler ran.

The attacker knows the port and every address in the program, but has no cookie and no fresh key; or sits in
the user's own browser, which has the cookie and says where a request comes from.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.security.conftest import Fort

DATA = 'what only the user may read'
IN = 'Cookie: kali-fort=' + 'f' * 64
METHODS = ('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS')
PLACES = ('/', '/data', '/stream', '/static/', '/static/note.txt', '/.kali/kali.js', '/.kali/kali.css',
          '/none',
          '/.kali/none', '//', '/data/', '/%zz', '/static/../../x')
CROSS = 'Sec-Fetch-Site: cross-site'
NAVIGATE = 'Sec-Fetch-Mode: navigate'
DOCUMENT = 'Sec-Fetch-Dest: document'

# What is sent (PORT stands for the port), and the status that it gets. Where the cookie is there, it changes
# nothing.
RAW: list[tuple[str, bytes, int]] = [
    ('DNS rebinding', b'GET /data HTTP/1.1\r\nHost: evil.example:PORT\r\n@\r\n', 403),
    ('rebinding without a port', b'GET /data HTTP/1.1\r\nHost: evil.example\r\n@\r\n', 403),
    ('a name that looks like ours', b'GET /data HTTP/1.1\r\nHost: 127.0.0.1.evil.example:PORT\r\n@\r\n', 403),
    ('localhost with a dot', b'GET /data HTTP/1.1\r\nHost: localhost.:PORT\r\n@\r\n', 403),
    ('below localhost', b'GET /data HTTP/1.1\r\nHost: evil.localhost:PORT\r\n@\r\n', 403),
    ('all addresses', b'GET /data HTTP/1.1\r\nHost: 0.0.0.0:PORT\r\n@\r\n', 403),
    ('another port', b'GET /data HTTP/1.1\r\nHost: 127.0.0.1:1\r\n@\r\n', 403),
    ('no port', b'GET /data HTTP/1.1\r\nHost: localhost\r\n@\r\n', 403),
    ('no Host', b'GET /data HTTP/1.1\r\n@\r\n', 400),
    ('no Host, HTTP/1.0', b'GET /data HTTP/1.0\r\n@\r\n', 400),
    ('two Hosts', b'GET /data HTTP/1.1\r\nHost: OURS\r\nHost: evil.example\r\n@\r\n', 400),
    ('two Hosts, ours last', b'GET /data HTTP/1.1\r\nHost: evil.example\r\nhost: OURS\r\n@\r\n', 400),
    ('an empty Host', b'GET /data HTTP/1.1\r\nHost: \r\n@\r\n', 400),
    ('a user in Host', b'GET /data HTTP/1.1\r\nHost: a@OURS\r\n@\r\n', 400),
    ('two names in Host', b'GET /data HTTP/1.1\r\nHost: OURS, evil.example\r\n@\r\n', 400),
    ('a Host that goes on', b'GET /data HTTP/1.1\r\nHost: OURS\r\n evil.example\r\n@\r\n', 400),
    ('a foreign absolute target', b'GET http://evil.example/data HTTP/1.1\r\nHost: OURS\r\n@\r\n', 400),
    ('a user in the target', b'GET http://a@OURS/data HTTP/1.1\r\nHost: OURS\r\n@\r\n', 400),
    ('CONNECT', b'CONNECT evil.example:443 HTTP/1.1\r\nHost: OURS\r\n@\r\n', 501),
    ('a newline in the target', b'GET /data\r\nX: y HTTP/1.1\r\nHost: OURS\r\n@\r\n', 400),
    ('a bare CR', b'GET /data HTTP/1.1\r\nHost: OURS\rX: y\r\n@\r\n', 400),
    ('a second request in the body', b'POST /data HTTP/1.1\r\nHost: OURS\r\nOrigin: http://evil.example\r\n'
     b'Content-Length: 4\r\n@\r\nGET /data HTTP/1.1\r\nHost: OURS\r\n\r\n', 403),
    ('a form of another site', b'POST /data HTTP/1.1\r\nHost: OURS\r\nOrigin: http://evil.example\r\n'
     b'Content-Length: 3\r\n@\r\na=1', 403),
    ('a form of nobody', b'POST /data HTTP/1.1\r\nHost: OURS\r\nOrigin: null\r\nContent-Length: 3\r\n@\r\n'
     b'a=1', 403),
    ('a form of another port', b'POST /data HTTP/1.1\r\nHost: OURS\r\nOrigin: http://127.0.0.1:1\r\n'
     b'Content-Length: 3\r\n@\r\na=1', 403),
    ('a form of our other name', b'POST /data HTTP/1.1\r\nHost: OURS\r\nOrigin: http://localhost:PORT\r\n'
     b'Content-Length: 3\r\n@\r\na=1', 403),
    ('a big form of another site', b'POST /data HTTP/1.1\r\nHost: OURS\r\nOrigin: http://evil.example\r\n'
     b'Content-Length: 999999999999\r\n@\r\n', 403),
    ('one that waits to be asked', b'POST /data HTTP/1.1\r\nHost: OURS\r\nOrigin: http://evil.example\r\n'
     b'Content-Length: 9\r\nExpect: 100-continue\r\n@\r\n', 403),
    ('a form that says so', b'POST /data HTTP/1.1\r\nHost: OURS\r\nSec-Fetch-Site: cross-site\r\n'
     b'Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\nContent-Length: 3\r\n@\r\na=1', 403),
    ('a form that lies by Origin', b'POST /data HTTP/1.1\r\nHost: OURS\r\nSec-Fetch-Site: same-site\r\n'
     b'Origin: http://OURS\r\nContent-Length: 3\r\n@\r\na=1', 403),
    ('an overridden method', b'POST /data HTTP/1.1\r\nHost: OURS\r\nX-HTTP-Method-Override: GET\r\n'
     b'Sec-Fetch-Site: cross-site\r\nContent-Length: 0\r\n@\r\n', 403),
    ('a preflight', b'OPTIONS /data HTTP/1.1\r\nHost: OURS\r\nOrigin: http://evil.example\r\n'
     b'Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: cors\r\nAccess-Control-Request-Method: PUT\r\n@\r\n',
     403),
    ('a WebSocket', b'GET /data HTTP/1.1\r\nHost: OURS\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
     b'Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: websocket\r\n@\r\n', 403),
    ('a WebSocket as Chromium asks for it', b'GET /data HTTP/1.1\r\nHost: OURS\r\nUpgrade: websocket\r\n'
     b'Connection: Upgrade\r\nOrigin: http://evil.example\r\n@\r\n', 403),
    ('an event stream', b'GET /stream HTTP/1.1\r\nHost: OURS\r\nAccept: text/event-stream\r\n'
     b'Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n@\r\n', 403),
    ('a frame', b'GET /data HTTP/1.1\r\nHost: OURS\r\nSec-Fetch-Site: cross-site\r\n'
     b'Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n@\r\n', 403),
    ('HTTP/0.9', b'GET /data\r\n\r\n', 400),
    ('another protocol', b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505),
    ('TLS', b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', 400),
]
# How the body is framed is looked at after the gate, so a stranger does not learn that it is wrong.
FRAMING = [
    ('chunks and a length', b'POST /data HTTP/1.1\r\nHost: OURS\r\nContent-Length: 3\r\n'
     b'Transfer-Encoding: chunked\r\n@\r\n0\r\n\r\n', 400),
    ('two lengths', b'POST /data HTTP/1.1\r\nHost: OURS\r\nContent-Length: 3\r\nContent-Length: 4\r\n@\r\n'
     b'abcd', 400),
]


@pytest.mark.parametrize('data, status', [case[1:] for case in RAW], ids=[case[0] for case in RAW])
@pytest.mark.parametrize('field', [b'', IN.encode() + b'\r\n'], ids=['stranger', 'own browser'])
@pytest.mark.parametrize('keys', [True, False], ids=['keys', 'no keys'])
def test_raw_attacks(fort: Callable[..., Fort], data: bytes, status: int, field: bytes, keys: bool) -> None:
    asked = fort(keys=keys)
    answer = asked.ask(data.replace(b'\r\n@\r\n', b'\r\n' + field + b'\r\n'))
    assert answer.status == status
    assert asked.ran == []
    assert DATA not in answer.text
    assert answer.headers['x-content-type-options'] == 'nosniff'  # refusals carry them too


@pytest.mark.parametrize('data, status', [case[1:] for case in FRAMING], ids=[case[0] for case in FRAMING])
def test_attacks_by_the_framing_of_the_body(fort: Callable[..., Fort], data: bytes, status: int) -> None:
    asked = fort()
    assert asked.ask(data.replace(b'\r\n@\r\n', b'\r\n\r\n')).status == 403
    assert asked.ask(data.replace(b'\r\n@\r\n', b'\r\n' + IN.encode() + b'\r\n\r\n')).status == status
    assert asked.ran == []


@pytest.mark.parametrize('fields', [
    (), ('Cookie: kali-fort=' + 'e' * 64,), ('Cookie: kali-fort=',), (CROSS, NAVIGATE, DOCUMENT)])
def test_a_stranger_gets_nowhere_by_any_method(fort: Callable[..., Fort], fields: tuple[str, ...]) -> None:
    asked = fort()
    for method, place in itertools.product(METHODS, PLACES):
        answer = asked.get(place, *fields, method=method)
        assert answer.status == 403
        assert DATA not in answer.text
        assert 'set-cookie' not in answer.headers
        assert 'f' * 64 not in answer.text
    assert asked.ran == []


@pytest.mark.parametrize('site', ['cross-site', 'same-site'])
@pytest.mark.parametrize('mode, kind', [
    ('cors', 'empty'), ('no-cors', 'empty'), ('no-cors', 'script'), ('no-cors', 'image'),
    ('no-cors', 'style'),
    ('no-cors', 'video'), ('navigate', 'iframe'), ('navigate', 'frame'), ('navigate', 'object'),
    ('navigate', 'embed'), ('websocket', 'websocket'), ('nested-navigate', 'document'), ('', ''),
])
def test_another_site_in_the_user_s_browser_gets_nowhere(
        fort: Callable[..., Fort], site: str, mode: str, kind: str) -> None:
    asked = fort()
    fields = [IN, f'Sec-Fetch-Site: {site}']
    fields += [f'Sec-Fetch-Mode: {mode}'] * bool(mode) + [f'Sec-Fetch-Dest: {kind}'] * bool(kind)
    for method, place in itertools.product(METHODS,
                                           ('/data', '/static/note.txt', '/stream', '/.kali/kali.js')):
        answer = asked.get(place, *fields, method=method)
        assert answer.status == 403
        assert DATA not in answer.text
    assert asked.ran == []


@pytest.mark.parametrize('fields', [
    [], ['Sec-Fetch-Site: none', NAVIGATE, DOCUMENT],  # typed, or a bookmark
    ['Sec-Fetch-Site: same-origin', NAVIGATE, DOCUMENT],
    ['Sec-Fetch-Site: same-origin', 'Sec-Fetch-Mode: cors'],
    [CROSS, NAVIGATE, DOCUMENT],  # a link in another page, should the browser send the cookie with it
])
def test_the_user_gets_in(fort: Callable[..., Fort], fields: list[str]) -> None:
    asked = fort()
    assert asked.get('/data', IN, *fields).text == DATA
    assert asked.get('/data', 'Cookie: other=1', IN, *fields).text == DATA
    assert asked.get('/data', IN, 'Cookie: other=1', *fields).text == DATA
    assert asked.ran == ['GET /data'] * 3


def test_nobody_shuts_the_user_out_by_a_cookie_of_the_same_name(fort: Callable[..., Fort]) -> None:
    # Cookies ignore ports: another server on this host may set one for a path, and then it goes first.
    asked = fort()
    assert asked.get('/data', f'Cookie: kali-fort=wrong; {IN[8:]}; kali-fort="').text == DATA
    assert asked.get('/data', 'Cookie: kali-fort=wrong; kali-fort=').status == 403


def test_the_refusal_says_how_to_get_in_and_no_more(fort: Callable[..., Fort]) -> None:
    asked = fort()
    fresh = asked.keys.new()  # type: ignore[union-attr]
    answer = asked.get('/data?secret=1')
    for words in ('start the program again', 'open the address that it printed', 'a new one is printed'):
        assert words in ' '.join(answer.text.split())
    for inside in (fresh, '/data', 'secret', 'kali-fort', 'Router', 'Python', str(asked.port)):
        assert inside not in answer.text
        assert inside not in str(answer.headers)
    assert asked.get('/').text == answer.text == asked.get('/none').text  # one cannot tell what there is


def test_hosts_are_further_names(fort: Callable[..., Fort]) -> None:
    asked = fort(hosts=('office-pc',))
    assert asked.get('/data', IN, host='office-pc:PORT').text == DATA
    assert asked.get('/data', host='office-pc:PORT').status == 403  # but no way around the key
    assert asked.get('/data', IN, host='office-pc.evil.example:PORT').status == 403


def test_without_keys_none_is_asked_for(fort: Callable[..., Fort]) -> None:
    assert fort(keys=False).get('/data').text == DATA


def test_a_key_is_swapped_once_and_another_one_is_told(fort: Callable[..., Fort]) -> None:
    asked, used = fort(), []
    assert asked.keys is not None
    key = asked.keys.new(used=lambda: used.append(1))
    other = asked.keys.new()
    assert asked.get('/?key=' + 'a' * 64).status == 403
    assert asked.get('/?key=' + key, CROSS, 'Sec-Fetch-Mode: no-cors').status == 403
    assert used == []
    answer = asked.get('/data?key=' + key)
    assert (answer.status, used) == (200, [1])
    assert 'location.replace("/data")' in answer.text
    assert key not in answer.text
    assert asked.get('/data?key=' + key).status == 403
    assert used == [1]
    assert asked.get('/?key=' + other).status == 200
    assert asked.ran == []
