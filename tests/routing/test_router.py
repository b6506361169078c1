"""Router: which mount answers which path, and what registration refuses."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kali.http.around import Around
from kali.http.request import Request
from kali.http.response import Response
from kali.http.urls import build_url, split_path
from kali.routing.router import Router
from kali.routing.servlets import Servlet
from kali.testing import Client

PATTERNS = ['/', '/a', '/a/', '/a/b', '/a/*', '/a/*/c', '/*/b/d', '/*/*/*', '/x/y/z', '/x/*', '/*/y/w',
            '/deep/', '/ä', '/ü ö']


def named(pattern: str) -> Any:
    def page(*args: str) -> str:
        return ' '.join([pattern, *args])
    return page


@pytest.fixture(scope='module')
def client() -> Client:
    app = Router()
    for pattern in PATTERNS:
        app.function(pattern)(named(pattern))
    app.delegate('/tree', lambda request: ' '.join(['tree', *request.args, '|', *request.path_suffix()]))
    app.delegate('/tree/inner/*', lambda request: ' '.join(['inner', *request.args, '|',
                                                            *request.path_suffix()]))
    app.function('/tree/leaf')(lambda: 'leaf')
    app.delegate_folder('/folder/', lambda request: ' '.join(['folder', *request.path_suffix()]))
    return Client(app)


@pytest.mark.parametrize('path, answer', [
    ('/', '/'), ('/a', '/a'), ('/a/', '/a/'), ('/a/b', '/a/b'), ('/a/x', '/a/* x'), ('/a/b/c', '/a/*/c b'),
    ('/a/b/d', '/*/b/d a'),                    # the search goes back out of /a, where the path ends
    ('/q/b/d', '/*/b/d q'), ('/a/q/q', '/*/*/* a q q'), ('/x/y/z', '/x/y/z'), ('/x/y', '/x/* y'),
    ('/x/y/w', '/*/y/w x'),
    ('/x/y/q', '/*/*/* x y q'), ('/a/%2F', '/a/* /'), ('/a/*', '/a/* *'), ('/%61', '/a'), ('/%C3%A4', '/ä'),
    ('/%C3%BC%20%C3%B6', '/ü ö'),
    ('/a/b?', '/a/b'), ('/deep/', '/deep/'), ('/a/%252e', '/a/* %2e'),
    ('/tree', 'tree |'), ('/tree/', 'tree | '), ('/tree/q/r/s', 'tree | q r s'), ('/tree/leaf', 'leaf'),
    ('/tree/leaf/q/r', 'tree | leaf q r'),     # functions take their path as a whole
    ('/tree/leaf/q', '/*/*/* tree leaf q'),    # deeper than /tree
    ('/tree/inner', 'tree | inner'), ('/tree/inner/7', 'inner 7 |'), ('/tree/inner/7/8', 'inner 7 | 8'),
    ('/folder/', 'folder '), ('/folder/a/b/c', 'folder a b c'),
])
def test_the_deepest_match_wins_and_names_go_before_wildcards(client: Client, path: str, answer: str) -> None:
    reply = client.get(path)
    assert (reply.status, reply.text) == (200, answer)


@pytest.mark.parametrize('path', ['/b', '/deep/q', '/a/b/', '/x/', '/A', '/tre', '/.hidden', '/a/b/c/d',
                                  '/q/b', '/folders'])
def test_no_match_is_404(client: Client, path: str) -> None:
    reply = client.get(path + '?<q>')
    assert reply.status == 404
    assert f'{path}?&lt;q&gt;' in reply.text


@pytest.mark.parametrize('target, location', [
    ('/deep', '/deep/'), ('/deep?q=1', '/deep/?q=1'), ('/folder', '/folder/'),
    ('/folder?a=1&a=2', '/folder/?a=1&a=2'),
    ('//a', '/a'), ('/a//b', '/a/b'), ('/a/./b', '/a/b'), ('/a/../b', '/b'), ('/..', '/'), ('/../../a', '/a'),
    ('/a/..', '/'),
    ('/a/.', '/a/'), ('/a/b/..', '/a/'), ('//', '/'), ('///', '/'), ('/a//', '/a/'), ('/%2e%2e/a', '/a'),
    ('/a/%2E/b', '/a/b'),
    ('//evil.example', '/evil.example'), ('//evil.example/..', '/'), ('///evil.example//', '/evil.example/'),
    ('/.//evil.example', '/evil.example'), ('/..//evil.example?q=1', '/evil.example?q=1'),
    ('//%2Fevil.example', '/%2Fevil.example'),
    ('//%5Cevil.example', '/%5Cevil.example'), ('/x//%2F%2Fevil.example/', '/x/%2F%2Fevil.example/'),
    ('//evil%40x/', '/evil@x/'),
])
def test_paths_are_normalised_by_redirect_and_never_to_another_host(client: Client, target: str,
                                                                    location: str) -> None:
    reply = client.get(target)
    assert (reply.status, reply.headers['location']) == (303, location)
    assert client.post(target, form={'a': '1'}).status == 307  # which has the browser send the form again


@given(st.text(st.sampled_from('/.\\%2fF5cCe@:?evil #\t'), max_size=12))
@settings(max_examples=300, deadline=None)
def test_whatever_the_path_a_redirect_stays_here(tail: str) -> None:
    reply = Client(Router()).get('/' + re.sub(r'[\s#]', '%09', tail))
    location = reply.headers.get('location', '/x')
    assert location[0] == '/'
    assert location[1:2] not in ('/', '\\')


@pytest.fixture(scope='module')
def methods() -> Client:
    app = Router()
    app.get('/m')(lambda: 'got')
    app.post('/m')(lambda: 'posted')
    app.put('/m/*')(lambda name: f'put {name}')
    app.patch('/m/*')(lambda name: f'patched {name}')
    app.delete('/m/*')(lambda name: f'deleted {name}')
    app.route('/both', methods=('get', 'POST'))(lambda request: request.method)
    app.route('/one', methods='POST')(lambda: 'one')

    @app.servlet('/servlet')
    class _(Servlet):
        def do_GET(self, request: Request) -> str:
            return 'servlet'

    @app.servlet('/own')
    class _Own:
        def do_HEAD(self, request: Request) -> Response:
            return Response('', headers={'X-Own': '1'})

        def do_OPTIONS(self, request: Request) -> str:
            return 'own'
    return Client(app)


@pytest.mark.parametrize('method, path, answer', [
    ('GET', '/m', 'got'), ('POST', '/m', 'posted'), ('PUT', '/m/7', 'put 7'), ('PATCH', '/m/7', 'patched 7'),
    ('DELETE', '/m/7', 'deleted 7'), ('GET', '/both', 'GET'), ('POST', '/both', 'POST'),
    ('POST', '/one', 'one'),
    ('GET', '/servlet', 'servlet'), ('OPTIONS', '/own', 'own'), ('HEAD', '/m', ''), ('HEAD', '/servlet', ''),
])
def test_methods(methods: Client, method: str, path: str, answer: str) -> None:
    reply = methods.request(method, path)
    assert (reply.status, reply.text) == (200, answer)


def test_head_is_like_get(methods: Client) -> None:
    assert methods.head('/m').headers['content-length'] == '3'
    assert methods.head('/own').headers['x-own'] == '1'


@pytest.mark.parametrize('method, path, allow', [
    ('PUT', '/m', 'GET, HEAD, OPTIONS, POST'), ('GET', '/m/7', 'DELETE, OPTIONS, PATCH, PUT'),
    ('HEAD', '/one', 'OPTIONS, POST'),
    ('POST', '/servlet', 'GET, HEAD, OPTIONS'), ('GET', '/own', 'HEAD, OPTIONS'),
])
def test_a_wrong_method_is_405_with_allow_and_options_lists_it(methods: Client, method: str, path: str,
                                                               allow: str) -> None:
    reply = methods.request(method, path)
    assert (reply.status, reply.headers['allow']) == (405, allow)
    if path != '/own':
        reply = methods.request('OPTIONS', path)
        assert (reply.status, reply.headers['allow'], reply.body) == (204, allow, b'')


def test_options_asterisk_is_asked_of_the_root() -> None:
    app = Router()
    app.get('/')(lambda: 'x')
    assert Client(app).request('OPTIONS', '*').status == 204


def test_the_route_is_noted_for_logs_and_error_pages() -> None:
    app = Router()

    @app.function('/a/*')
    def page(request: Request, name: str) -> str:
        return request.scope.route or ''
    assert re.fullmatch(r'.*page \(test_router\.py:\d+\) at /a/\*', Client(app).get('/a/7').text)


def test_routers_nest() -> None:
    app, shop, cart = Router(), Router(), Router()

    @cart.function('/item/*')
    def item(request: Request, number: int) -> str:
        return f'{number} {request.mount_depth} {request.app_url(["x"])}'

    @shop.function('/')
    def index() -> str:
        return 'index'
    shop.delegate('/cart', cart)
    app.delegate_folder('/shop/*/', shop)
    client = Client(app)
    assert client.get('/shop/north/cart/item/7').text == '7 5 /shop/north/cart/item/7/x'
    assert client.get('/shop/north/cart/item/x').status == 404
    assert client.get('/shop/north/').text == 'index'
    assert client.get('/shop/north').headers['location'] == '/shop/north/'
    assert client.get('/shop/north/nothing').status == 404
    assert app.url_for(item, 'north', 7) == '/shop/north/cart/item/7'
    assert app.url_for(index, 'a/b') == '/shop/a%2Fb/'
    assert shop.url_for(item, 7) == '/cart/item/7'


def test_url_for() -> None:
    app = Router()

    @app.function('/')
    def home() -> str:
        return ''

    @app.get('/task/*')
    def show(number: int) -> str:
        return ''

    @app.function('/twice')
    @app.function('/twice/*')
    def twice(name: str = '') -> str:
        return ''

    @app.service('/edit/*/')
    class Edit:
        def __init__(self, number: int) -> None:
            pass

        def do_GET_form(self, request: Request) -> str:
            return ''
    assert app.url_for(home) == '/'
    assert app.url_for(show, 7) == '/task/7'
    assert app.url_for(show, 'a b', tab='R&D', none=None) == '/task/a%20b?tab=R%26D'
    assert (app.url_for(twice), app.url_for(twice, 'x')) == ('/twice', '/twice/x')
    assert app.url_for(Edit, 7, 'form') == '/edit/7/form'
    with pytest.raises(LookupError, match='show is not mounted with 2 wildcards'):
        app.url_for(show, 1, 2)
    with pytest.raises(LookupError, match='not mounted'):
        app.url_for(test_url_for)
    for value in ('', '.', '..'):
        with pytest.raises(ValueError, match='no wildcard can be'):
            app.url_for(show, value)


def test_url_for_finds_the_router_inside_a_wrapper() -> None:
    from kali.http.around import Around
    app, inner = Router(), Router()

    @inner.function('/x')
    def page() -> str:
        return ''
    app.delegate('/in', Around(inner, lambda request: inner(request)))
    assert app.url_for(page) == '/in/x'


@given(st.lists(st.text(st.characters(codec='utf-8'), min_size=1,
                        max_size=8).filter(lambda text: text not in ('.', '..')),
                min_size=2, max_size=2),
       st.dictionaries(st.text(st.characters(codec='utf-8'), min_size=1, max_size=8) | st.just('target'),
                       st.text(st.characters(codec='utf-8'), max_size=8), max_size=3))
@settings(deadline=None)
def test_a_url_leads_back_to_where_it_came_from(wildcards: list[str], query: dict[str, str]) -> None:
    app = Router()
    seen: list[object] = []

    @app.function('/a/*/b/*')
    def page(request: Request, *names: str) -> str:
        seen.extend([list(names), request.query.single])
        return ''
    assert Client(app).get(app.url_for(page, *wildcards, **query)).status == 200
    assert seen == [wildcards, query]


@pytest.mark.parametrize('path, said', [
    ('a', "'a' must begin with a slash"), ('a/b', 'must begin with a slash'), ('//', 'empty component'),
    ('/a//b', 'empty component'),
    ('//a', 'empty component'), ('/.well-known', 'reserved'), ('/a/..', 'reserved'), ('/.kali/x', 'reserved'),
])
def test_a_malformed_path_is_refused_when_it_is_registered(path: str, said: str) -> None:
    app = Router()
    for register in (lambda: app.function(path), lambda: app.delegate(path, str), lambda: app.servlet(path)):
        with pytest.raises(ValueError, match=re.escape(said)):
            register()


@pytest.mark.parametrize('path', ['/a', '', 'a'])
def test_a_folder_ends_with_a_slash(path: str) -> None:
    for register in (lambda: Router().delegate_folder(path, str), lambda: Router().service(path)):
        with pytest.raises(ValueError, match='must end with a slash'):
            register()


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(ValueError, match='BREW is none of DELETE, GET'):
        Router().route('/a', methods=('GET', 'brew'))


def first() -> str:
    return ''


def second() -> str:
    return ''


class Third:
    pass


@pytest.mark.parametrize('one, other, names', [
    (lambda app: app.function('/a')(first), lambda app: app.function('/a')(second), ('first', 'second')),
    (lambda app: app.post('/a')(first), lambda app: app.route('/a', ('GET', 'POST'))(second),
     ('first', 'second')),
    (lambda app: app.function('/a')(first), lambda app: app.servlet('/a')(Third), ('first', 'Third')),
    (lambda app: app.servlet('/a')(Third), lambda app: app.function('/a')(first), ('Third', 'first')),
    (lambda app: app.delegate('/a', first), lambda app: app.function('/a')(second), ('first', 'second')),
    (lambda app: app.delegate_folder('/a/', first), lambda app: app.service('/a/')(Third),
     ('first', 'Third')),
    (lambda app: app.function('')(first), lambda app: app.function('/')(second), ('first', 'second')),
    (lambda app: app.delegate('/a/*', first), lambda app: app.delegate('/a/*', second), ('first', 'second')),
])
def test_two_mounts_at_one_path_are_refused_and_both_named(one: Any, other: Any,
                                                           names: tuple[str, str]) -> None:
    app = Router()
    one(app)
    with pytest.raises(ValueError) as caught:
        other(app)
    for name in names:
        assert name in str(caught.value)


def test_a_page_and_its_folder_may_both_be_there() -> None:
    for order in (('/a', '/a/'), ('/a/', '/a')):
        app = Router()
        for path in order:
            app.function(path)(named(path))
        assert [Client(app).get(path).text for path in order] == list(order)


def test_the_lifespan_is_that_of_all_delegates_whenever_they_came() -> None:
    def handler(request: Request) -> str:
        return ''
    handler.lifespan = ('jobs',)  # type: ignore[attr-defined]
    app, inner = Router(), Router()
    app.delegate('/in', inner)
    inner.delegate_folder('/jobs/', handler)
    app.delegate('/more', handler)
    assert app.lifespan == ('jobs',)


class Counting(dict):  # type: ignore[type-arg]
    count = 0

    def get(self, *args: Any) -> Any:
        Counting.count += 1
        return super().get(*args)


def test_the_cost_grows_with_the_path_and_not_with_the_routes() -> None:
    def looks(routes: int, depth: int) -> int:
        app = Router()
        for number in range(routes):
            app.function(f'/{number}' + '/x' * depth)(named('x'))
        nodes = [app._root]
        for node in nodes:
            nodes += node.children.values()
            node.children = Counting(node.children)
        Counting.count = 0
        assert Client(app).get('/7' + '/x' * depth).status == 200
        return Counting.count
    assert looks(20, 5) == looks(2000, 5)
    assert looks(20, 40) <= 8 * looks(20, 5)


def test_wildcards_at_every_turn_cost_no_more_than_the_routes_there_are() -> None:
    # Two ways at each of twenty components are a million paths; only the registered ones are looked at.
    app = Router()
    for number in range(20):
        app.function('/a' * number + '/*' * (20 - number) + '/end')(named('x'))
    nodes = [app._root]
    for node in nodes:
        nodes += [*node.children.values(), *([node.wildcard] if node.wildcard else [])]
        node.children = Counting(node.children)
    Counting.count = 0
    assert Client(app).get('/a' * 20 + '/nowhere').status == 404
    assert Counting.count <= len(nodes)


def test_a_path_that_was_found_before_leads_where_it_leads_now() -> None:
    inner, app = Router(), Router()
    inner.function('/*')(lambda word: f'word {word}')
    app.delegate('/a', inner)
    app.delegate('/x/y', inner)
    inner.delegate('/a', inner)  # the same path at another depth
    client = Client(app)
    for _ in range(2):
        assert client.get('/a/one').text == 'word one'
        assert client.get('/a/two?again=').status == 400
        assert client.get('/a/a/one').text == client.get('/x/y/one').text == 'word one'
        assert client.get('/a/%6fne').text == 'word one'
    inner.function('/one')(lambda: 'its own page')
    assert client.get('/a/one').text == client.get('/x/y/one').text == 'its own page'
    assert client.get('/a/two').text == 'word two'


@pytest.mark.parametrize('path, right', [
    ('/contact/<id>', '/contact/*'), ('/contact/<int:id>/edit', '/contact/*/edit'), ('/{id}', '/*'),
    ('/contact/{id:int}', '/contact/*'), ('/c/:id', '/c/*'), ('/c/<path:rest>', '/c/*'), ('/c/*rest', '/c/*'),
    ('/c/**', '/c/*'), ('/post/[slug]', '/post/*'), ('/a/<b>/{c}/:d/*', '/a/*/*/*/*'),
    ('/file-<name>.txt', '/*'),
    (r'/c/(\d+)', '/c/*'), (r'/c/(?P<id>[0-9]+)/', '/c/*/'), ('/v{major}/x', '/*/x'),
    ('/<id:re:[a-z]+>', '/*'),
])
def test_the_wildcards_of_other_frameworks_are_refused_with_the_spelling_that_works(path: str,
                                                                                    right: str) -> None:
    app = Router()
    for register in (app.function, app.post, app.route, app.servlet):
        with pytest.raises(ValueError, match=re.escape(f'written {right!r}')):
            register(path)(lambda *args: '')
    with pytest.raises(ValueError, match='would be taken literally'):
        app.delegate(path, lambda request: '')
    with pytest.raises(ValueError, match='would be taken literally'):
        app.delegate_folder(path.rstrip('/') + '/', lambda request: '')


@pytest.mark.parametrize('path', ['/search?q=*', '/page#top', '/caf%C3%A9', '/a%2Fb/c'])
def test_a_path_to_mount_at_is_neither_encoded_nor_has_a_query(path: str) -> None:
    with pytest.raises(ValueError, match='write the path alone'):
        Router().function(path)


@pytest.mark.parametrize('path', ['/100%', '/a:b', '/note (old)', '/a{', '/[', '/größe', '/a<b', '/x:y:z',
                                  '/~ann', '/a=b;c', '/50% off'])
def test_a_path_with_odd_letters_is_itself(path: str) -> None:
    app = Router()
    app.function(path)(lambda: 'here')
    assert Client(app).get(build_url(split_path(path.replace('%', '%25')), {})).text == 'here'


@pytest.mark.parametrize('path', ['/.kali/', '/.kali', '/.kali/x', '/.x', '/a/.b', '/.well-known/'])
def test_names_that_begin_with_a_dot_are_reserved(path: str) -> None:
    app = Router()
    for register in (app.function, app.servlet, lambda path: app.delegate(path, lambda request: '')):
        with pytest.raises(ValueError, match='begin with a dot are reserved'):
            register(path)


def test_a_router_can_be_asked_below_a_reserved_path() -> None:
    own = Router()  # what the server does for its own pages
    own.function('/events/*')(lambda name: f'events {name}')
    assert own(Request('GET', '/.kali/events/7').mounted(1, ())) == 'events 7'


def test_the_lifespans_of_all_mounts_each_once_also_of_later_ones() -> None:
    def wanting(*lifespans: Any) -> Any:
        return Around(lambda request: '', lambda request: '', lifespans)

    outer, inner = Router(), Router()
    outer.delegate('/inner', inner)
    outer.delegate_folder('/a/', wanting(first := object(), second := object()))
    outer.delegate('/b', wanting(second))
    assert outer.lifespan == (first, second)
    inner.delegate('/late', wanting(third := object(), first))
    assert outer.lifespan == (third, first, second)
