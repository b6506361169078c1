"""The gate: each kind of outsider, the answer he must get, and that no handler ran."""

from __future__ import annotations

import re

import pytest

from kali.http.request import Request
from kali.http.response import Response
from kali.server.gate import Gate, Keys, gate
from kali.testing import Client, Reply

SECRET = 'f' * 64
IN = {'Cookie': f'kali-test={SECRET}'}
MODES = ('GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE')


class Asked:
    """A client that asks through a gate, and counts how often the handler behind it ran."""

    def __init__(self, keys: Keys | None = None, port: int = 8080, hosts: tuple[str, ...] = ()) -> None:
        self.ran = 0
        self.client = Client(self.handle, admit=Gate(port, hosts, keys).admit)

    def handle(self, request: Request) -> str:
        self.ran += 1
        return 'the page'

    def __call__(self, method: str = 'GET', target: str = '/', **headers: str) -> Reply:
        return self.client.request(method, target,
                                   headers={name.replace('_', '-'): text for name, text in headers.items()})


@pytest.mark.parametrize('host', ['127.0.0.1:8080', 'localhost:8080', 'LocalHost:8080', '[::1]:8080'])
def test_our_own_names(host: str) -> None:
    assert Asked()(Host=host).status == 200


@pytest.mark.parametrize('host', [
    'evil.example', 'evil.example:8080', 'localhost', '127.0.0.1', 'localhost:8081', 'localhost.:8080',
    'a.localhost:8080',
    '0.0.0.0:8080', '127.0.0.2:8080', '127.1:8080', '2130706433:8080', '[::]:8080', '[0:0:0:0:0:0:0:1]:8080',
    'localhost:08080',
    '127.0.0.1.nip.io:8080', '[::ffff:127.0.0.1]:8080',
])
@pytest.mark.parametrize('method', MODES)
def test_other_names_are_refused(host: str, method: str) -> None:
    asked = Asked()
    assert asked(method, Host=host).status == 403
    assert asked.ran == 0


def test_further_names_and_the_usual_port() -> None:
    assert Asked(hosts=('Office-PC',))(Host='office-pc:8080').status == 200
    assert Asked(hosts=('office-pc',))(Host='office-pc').status == 200
    assert Asked(hosts=('office-pc:99',))(Host='office-pc:99').status == 200
    assert Asked(hosts=('office-pc:99',))(Host='office-pc:8080').status == 403
    assert Asked(port=80)(Host='localhost').status == 200


@pytest.mark.parametrize('target, status', [
    ('http://localhost:8080/', 200), ('http://LOCALHOST:8080/', 200), ('http://evil.example/', 400),
    ('http://localhost:8081/', 400),
    ('http://user@localhost:8080/', 400), ('http:///', 400), ('https://localhost:8080/', 200),
])
def test_absolute_targets(target: str, status: int) -> None:
    asked = Asked()
    assert asked(target=target).status == status
    assert asked.ran == (status == 200)


NAVIGATE = {'Sec_Fetch_Mode': 'navigate', 'Sec_Fetch_Dest': 'document'}
SITES: list[tuple[dict[str, str], bool, bool]] = [  # headers, may a safe method come in, may an unsafe one
    ({}, True, True),
    ({'Sec_Fetch_Site': 'same-origin'}, True, True),
    ({'Sec_Fetch_Site': 'none'}, True, True),
    ({'Sec_Fetch_Site': 'same-site'}, False, False),
    ({'Sec_Fetch_Site': 'cross-site'}, False, False),
    ({'Sec_Fetch_Site': 'cross-site', **NAVIGATE}, True, False),
    ({'Sec_Fetch_Site': 'same-site', **NAVIGATE}, True, False),
    ({'Sec_Fetch_Site': 'cross-site', 'Sec_Fetch_Mode': 'navigate', 'Sec_Fetch_Dest': 'iframe'}, False,
     False),
    ({'Sec_Fetch_Site': 'cross-site', 'Sec_Fetch_Mode': 'navigate', 'Sec_Fetch_Dest': 'object'}, False,
     False),
    ({'Sec_Fetch_Site': 'cross-site', 'Sec_Fetch_Mode': 'no-cors', 'Sec_Fetch_Dest': 'document'}, False,
     False),
    ({'Sec_Fetch_Site': 'cross-site', 'Sec_Fetch_Mode': 'no-cors', 'Sec_Fetch_Dest': 'image'}, False, False),
    ({'Sec_Fetch_Site': 'nonsense'}, True, False),
    ({'Sec_Fetch_Site': 'cross-site', 'Origin': 'http://localhost:8080'}, False, False),
    ({'Sec_Fetch_Site': 'same-origin', 'Origin': 'http://evil.example'}, False, False),
    ({'Sec_Fetch_Site': 'same-origin', 'Origin': 'null'}, False, False),
    ({'Sec_Fetch_Site': 'none', 'Origin': 'http://localhost:8081'}, False, False),
    ({'Sec_Fetch_Site': 'same-origin', 'Origin': 'http://localhost'}, False, False),
    ({'Sec_Fetch_Site': 'same-origin', 'Origin': 'http://localhost:8080.evil.example'}, False, False),
    ({'Sec_Fetch_Site': 'same-origin', 'Origin': 'http://localhost:8080 http://evil.example'}, False, False),
    ({'Sec_Fetch_Site': 'same-origin', 'Origin': 'http://LocalHost:8080'}, True, True),
    ({'Sec_Fetch_Site': 'same-origin', 'Origin': 'https://localhost:8080'}, True, True),
    ({'Sec_Fetch_Site': 'same-site', 'Origin': 'http://localhost:8080'}, False, False),
    ({'Origin': 'http://localhost:8080'}, True, True),
    ({'Origin': 'HTTP://LOCALHOST:8080'}, True, True),
    ({'Origin': 'http://127.0.0.1:8080'}, False, False),
    ({'Origin': 'http://localhost:8081'}, False, False),
    ({'Origin': 'http://evil.example'}, False, False),
    ({'Origin': 'null'}, False, False),
    ({'Origin': ''}, False, False),
]


@pytest.mark.parametrize('headers, safe, unsafe', SITES)
@pytest.mark.parametrize('method', MODES)
def test_what_is_behind_a_request(method: str, headers: dict[str, str], safe: bool, unsafe: bool) -> None:
    asked = Asked()
    may = safe if method in ('GET', 'HEAD', 'OPTIONS') else unsafe
    assert asked(method, **headers).status == (200 if may else 403)
    assert asked.ran == may


@pytest.mark.parametrize('port, host, origin, may', [
    (8080, '[::1]:8080', 'http://[::1]:8080', True), (8080, '[::1]:8080', 'http://[::1]', False),
    (8080, '[::1]:8080', 'http://[0:0:0:0:0:0:0:1]:8080', False),
    (8080, '[::1]:8080', 'http://127.0.0.1:8080', False),
    (80, '127.0.0.1', 'http://127.0.0.1', True), (80, '127.0.0.1:80', 'http://127.0.0.1', True),
    (80, 'localhost:80', 'http://localhost:80', True), (80, 'localhost', 'https://localhost', True),
    (80, 'localhost:80', 'https://localhost', False), (443, 'localhost:443', 'https://localhost', True),
    (443, 'localhost:443', 'http://localhost', False),
    (8080, 'LOCALHOST:8080', 'http://localhost:8080', True),
])
@pytest.mark.parametrize('site', [{}, {'Sec_Fetch_Site': 'same-origin'}])
def test_the_origin_is_that_of_the_host(port: int, host: str, origin: str, may: bool,
                                        site: dict[str, str]) -> None:
    for method in ('GET', 'POST'):
        assert Asked(port=port)(method, Host=host, Origin=origin, **site).status == (200 if may else 403)


@pytest.mark.parametrize('headers', [
    {}, {'Cookie': 'kali-test=' + 'e' * 64}, {'Cookie': 'kali-test='}, {'Cookie': 'kali-test'},
    {'Cookie': 'other=' + SECRET},
    {'Cookie': f'kali-test={SECRET}x'}, {'Cookie': f'kali-test={SECRET[:-1]}'}, {'Cookie': 'kali-test=ü'},
    {'Cookie': f'KALI-TEST={SECRET}'}, {'Authorization': SECRET},
])
@pytest.mark.parametrize('method, target', [('GET', '/'), ('POST', '/'), ('HEAD', '/'),
                                            ('GET', '/.kali/kali.css'), ('OPTIONS', '*')])
def test_without_the_cookie_nobody_gets_in(headers: dict[str, str], method: str, target: str) -> None:
    asked = Asked(Keys('kali-test', SECRET))
    reply = asked(method, target, **headers)
    assert reply.status == 403
    assert asked.ran == 0
    assert SECRET not in reply.text
    if method != 'HEAD':
        assert 'open the address that it printed' in reply.text


def test_with_the_cookie_one_is_in() -> None:
    assert Asked(Keys('kali-test', SECRET))(**IN).text == 'the page'
    assert Asked(Keys('kali-test', SECRET))(Cookie=f'a=b; kali-test={SECRET}; c=d').text == 'the page'


@pytest.mark.parametrize('before, clean', [
    ('/?key={}', '/'), ('/page?a=1&key={}', '/page?a=1'), ('/page?key={}&a=1', '/page?a=1'),
    ('/p?a=1&key={}&b=2', '/p?a=1&b=2'),
    ('/p?key=own&key={}', '/p?key=own'), ('/p?key={}&key=own', '/p?key=own'), ('/p?a=?&key={}', '/p?a=?'),
    ('/p?key&key={}', '/p?key'), ('/gr%C3%B6%C3%9Fe/?q=%23&key={}', '/gr%C3%B6%C3%9Fe/?q=%23'),
    ('//evil.example/?key={}', '/evil.example/'), ('/\\evil.example?key={}', '/evil.example'),
])
def test_a_key_is_swapped_once_for_the_cookie_and_a_clean_address(before: str, clean: str) -> None:
    keys = Keys('kali-test', SECRET)
    asked, key = Asked(keys), keys.new()
    assert re.fullmatch('[0-9a-f]{64}', key)
    reply = asked(target=before.format(key))
    assert reply.status == 200  # a redirect would lose the Strict cookie
    assert f'location.replace("{clean}")' in reply.text
    assert key not in reply.text
    assert reply.headers['set-cookie'] == f'kali-test={SECRET}; Path=/; HttpOnly; SameSite=Strict'
    assert reply.headers['cache-control'] == 'no-store'
    nonce = re.search(r"script-src 'nonce-([0-9a-f]{32})'", reply.headers['content-security-policy'])
    assert nonce is not None
    assert f'<script nonce="{nonce[1]}">' in reply.text
    assert asked.ran == 0
    assert asked(target=clean).text == 'the page'  # the client keeps cookies
    again = asked(target=before.format(key))  # Back, or a reload, by a browser that is in
    assert (again.status, again.headers['location']) == (303, clean)
    asked.client.cookies.clear()
    assert asked(target=before.format(key)).status == 403


@pytest.mark.parametrize('target', ['/?key=' + 'a' * 64, '/?key=', '/?key=x', '/?xkey={}', '/?key={}0',
                                    '/key={}', '/?KEY={}'])
def test_what_is_no_fresh_key_opens_nothing(target: str) -> None:
    keys = Keys('kali-test', SECRET)
    reply = Asked(keys)(target=target.format(keys.new()))
    assert reply.status == 403
    assert 'set-cookie' not in reply.headers


@pytest.mark.parametrize('method', ['POST', 'HEAD', 'PUT'])
def test_a_key_is_for_get_and_not_spent_by_others(method: str) -> None:
    keys = Keys('kali-test', SECRET)
    asked, key = Asked(keys), keys.new()
    assert asked(method, '/?key=' + key).status == 403
    assert asked(target='/?key=' + key).status == 200


def test_another_site_cannot_spend_a_key_but_by_sending_the_user_here() -> None:
    keys = Keys('kali-test', SECRET)
    asked, key = Asked(keys), keys.new()
    assert asked(target='/?key=' + key, Sec_Fetch_Site='cross-site', Sec_Fetch_Mode='no-cors').status == 403
    assert asked(target='/?key=' + key, Host='evil.example').status == 403
    assert asked(target='/?key=' + key, Sec_Fetch_Site='cross-site',
                 **NAVIGATE).status == 200  # from the launch page


def test_an_address_with_markup_in_it_breaks_out_of_nothing() -> None:
    keys = Keys('kali-test', SECRET)
    reply = Asked(keys)(target='/"</script><script>alert(1)//?a=1&key=' + keys.new())
    assert reply.text.count('<script') == 1
    assert '"</script><' not in reply.text


WORKER = {'Service_Worker': 'script', 'Sec_Fetch_Dest': 'serviceworker', 'Sec_Fetch_Site': 'same-origin'}


@pytest.mark.parametrize('target', ['/sw.js', '/worker?v=3', '/static/a/b/service-worker.js'])
def test_the_script_of_a_foreign_worker_needs_no_cookie_and_removes_it(target: str) -> None:
    asked = Asked(Keys('kali-test', SECRET))
    reply = asked(target=target, **WORKER)
    assert (reply.status, reply.headers['content-type']) == (200, 'text/javascript; charset=utf-8')
    assert 'registration.unregister()' in reply.text
    assert asked.ran == 0
    assert asked(target=target).status == 403
    assert asked(target=target, **{**WORKER, 'Sec_Fetch_Site': 'cross-site'}).status == 403
    assert asked(target=target, Host='evil.example', **WORKER).status == 403


def test_a_page_with_a_parameter_named_key_works_once_inside() -> None:
    asked = Asked(Keys('kali-test', SECRET))
    assert asked(target='/?key=' + 'a' * 64, **IN).text == 'the page'


def test_the_gate_as_a_wrapper() -> None:
    def handler(request: Request) -> Response:
        return Response('the page')
    handler.lifespan = (1,)  # type: ignore[attr-defined]
    guarded = gate(handler, port=8080)
    assert Client(guarded).get('/').text == 'the page'
    assert Client(guarded, host='evil.example').get('/').status == 403
    assert guarded.lifespan == (1,)  # type: ignore[attr-defined]
