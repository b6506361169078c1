"""Applications of other frameworks, unchanged, as handlers of kali: mounted, and as the whole program."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from wsgiref.validate import validator

import pytest

from kali import FileUpload, Router
from kali.interop import from_asgi, from_wsgi
from kali.testing import Client
from tests.interop import frameworks

if TYPE_CHECKING:
    from collections.abc import Iterator

# What other projects do is theirs: Pyramid, for one, imports cgi and pkg_resources.
pytestmark = pytest.mark.filterwarnings('ignore')

HERE = Path(__file__).resolve().parent
HOSTED = {
    'flask': lambda: from_wsgi(validator(frameworks.flask())),
    'bottle': lambda: from_wsgi(validator(frameworks.bottle())),
    'pyramid': lambda: from_wsgi(validator(frameworks.pyramid())),
    'starlette': lambda: from_asgi(frameworks.starlette()),
    'fastapi': lambda: from_asgi(frameworks.fastapi()),
}


@pytest.fixture(params=[(name, mount) for name in HOSTED for mount in ('', '/shop', '/a/b')],
                ids=lambda param: f'{param[0]} at {param[1] or "the root"}')
def hosted(request: Any) -> Iterator[tuple[Client, str]]:
    """A client, and where the application is mounted."""
    name, mount = request.param
    handler = HOSTED[name]()
    if mount:
        router = Router()
        router.delegate_folder(mount + '/', handler)
        handler = router
    with Client(handler) as client:
        yield client, mount


def test_a_link_to_itself_leads_to_it(hosted: tuple[Client, str]) -> None:
    client, mount = hosted
    link = re.search('href="(.*?)"', client.get(mount + '/').text)
    assert link is not None
    assert link[1] == f'{mount}/greet/Ann'
    assert client.get(link[1]).text == 'Hello Ann, 0'


def test_a_name_with_an_accent(hosted: tuple[Client, str]) -> None:
    client, mount = hosted
    assert client.get(mount + '/greet/J%C3%BCrgen').text == 'Hello Jürgen, 0'


def test_a_form_with_a_file_and_a_session(hosted: tuple[Client, str]) -> None:
    client, mount = hosted
    for size in (0, 5, 2_000_000):
        reply = client.post(mount + '/form', form={'name': 'Jürgen'},
                            files={'file': FileUpload('notes.txt', 'text/plain', b'x' * size)})
        assert reply.text == f'Jürgen notes.txt {size}'
    assert client.get(mount + '/greet/Ann').text in ('Hello Ann, 3', 'Hello Ann, 1')


def test_a_stream_head_and_a_redirect(hosted: tuple[Client, str]) -> None:
    client, mount = hosted
    assert client.get(mount + '/stream').text == ''.join(f'{number},' for number in range(1000))
    assert client.head(mount + '/greet/Ann').body == b''
    assert client.get(mount + '/away', follow=True).status in (200, 302)
    assert client.get(mount + '/away').headers['location'].endswith(mount + '/greet/Bob')


def test_its_errors_are_its_own(hosted: tuple[Client, str]) -> None:
    client, mount = hosted
    assert client.get(mount + '/nowhere').status == 404
    assert client.get(mount + '/fails').status == 500
    assert client.get(mount + '/greet/Ann').status == 200


BARE = '''
import asyncio
from bareasgi import Application, HttpResponse, text_writer, text_reader
from kali import serve_http
from kali.interop import from_asgi

async def starting(request):
    request.info['state'] = 'started'

async def ending(request):
    print('ended', flush=True)

async def ticking():
    for number in range(3):
        await asyncio.sleep(0.001)
        yield f'tick {number}\\n'.encode()

async def hello(request):
    return HttpResponse(200, [(b'content-type', b'text/plain')], text_writer(
        f"Hello {request.matches['name']}, {request.info['state']}"))

async def ticks(request):
    return HttpResponse(200, [(b'content-type', b'text/plain')], ticking())

async def form(request):
    return HttpResponse(200, [(b'content-type', b'text/plain')], text_writer(await text_reader(request.body)))

app = Application(info={}, startup_handlers=[starting], shutdown_handlers=[ending])
app.http_router.add({'GET'}, '/hello/{name}', hello)
app.http_router.add({'GET'}, '/ticks', ticks)
app.http_router.add({'POST'}, '/form', form)
serve_http(from_asgi(app))
'''


def test_bareasgi(serve: Any) -> None:
    pytest.importorskip('bareasgi', reason='bareASGI 5 needs Python 3.12')
    served = serve(BARE)
    assert served.get('/hello/Ann').text == 'Hello Ann, started'
    assert served.get('/ticks').text == 'tick 0\ntick 1\ntick 2\n'
    assert served.post('/form', {'name': 'Ann'}).text == 'name=Ann'
    served.end()
    assert 'ended' in served.output()


RESPONDER = '''
import responder
from kali import serve_http
from kali.interop import from_asgi

api = responder.API(allowed_hosts=['*'])

@api.route('/hello/{name}')
async def hello(req, resp, *, name):
    resp.text = f'Hello {name}'

@api.route('/echo')
class Echo:
    async def on_post(self, req, resp):
        resp.media = {'got': await req.media()}

@api.route('/background')
def background(req, resp):
    @api.background.task
    def later():
        print('done in the background', flush=True)
    later()
    resp.text = 'begun'

serve_http(from_asgi(api))
'''


@pytest.mark.slow
def test_responder(serve: Any, eventually: Any) -> None:
    pytest.importorskip('responder', reason='Responder 9 needs Python 3.11')
    served = serve(RESPONDER)
    assert served.get('/hello/Ann').text == 'Hello Ann'
    assert '"got"' in served.post('/echo', {'name': 'Ann'}).text
    assert served.get('/background').text == 'begun'
    eventually(lambda: 'done in the background' in served.output())


DATASETTE = '''
import sqlite3
from datasette.app import Datasette
from kali import serve_http
from kali.interop import from_asgi

db = sqlite3.connect('plants.sqlite')
db.execute('CREATE TABLE plant (id INTEGER PRIMARY KEY, name TEXT)')
db.executemany('INSERT INTO plant (name) VALUES (?)', [('Fern',), ('Moss',)])
db.commit()
db.close()
serve_http(from_asgi(Datasette(['plants.sqlite']).app()))
'''


@pytest.mark.slow
def test_datasette(serve: Any) -> None:
    served = serve(DATASETTE)
    assert 'Fern' in served.get('/plants/plant').text
    assert '"name": "Moss"' in served.get('/plants/plant.json?_shape=array').text
    assert served.get('/plants/plant.csv?_stream=on').text.split() == ['id,name', '1,Fern', '2,Moss']


ADMIN = f'''
import sys
sys.path.insert(0, {str(HERE)!r})
from admin import application
from kali import Router, serve_http
from kali.interop import from_wsgi
router = Router()
router.delegate_folder('/office/', from_wsgi(application('.')))
serve_http(router)
'''


@pytest.mark.slow
def test_the_admin_of_django(serve: Any) -> None:
    import httpx
    served = serve(ADMIN)
    with httpx.Client(base_url=served.url, trust_env=False, follow_redirects=True) as client:
        page = client.get('/office/admin/')
        assert page.url.path == '/office/admin/login/'
        token = re.search('name="csrfmiddlewaretoken" value="(.*?)"', page.text)
        assert token is not None
        page = client.post(str(page.url), data={'csrfmiddlewaretoken': token[1], 'username': 'admin',
                                                'password': 'secret', 'next': '/office/admin/'})
        assert 'Site administration' in page.text
        style = re.search('href="(/[^"]*base.css)"', page.text)
        assert style is not None
        assert client.get(style[1]).headers['content-type'].startswith('text/css')
        page = client.get('/office/admin/auth/group/add/')
        token = re.search('name="csrfmiddlewaretoken" value="(.*?)"', page.text)
        assert token is not None
        page = client.post('/office/admin/auth/group/add/', data={
            'csrfmiddlewaretoken': token[1], 'name': 'Gärtner', '_save': 'Save'})
        assert 'Gärtner' in page.text
