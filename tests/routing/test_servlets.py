"""Servlets and services: classes as handlers; and a program in the manner of kali 0.0.x."""

from __future__ import annotations

from typing import Any

import pytest

from kali.http.request import FileUpload, Request
from kali.http.response import Response
from kali.routing.router import Router
from kali.routing.servlets import Servlet
from kali.testing import Client


def test_a_servlet_is_made_for_each_request_of_its_wildcards() -> None:
    app = Router()
    made = []

    @app.servlet('/task/*')
    class Task(Servlet):
        def __init__(self, number: int) -> None:
            self.number = number
            made.append(self)

        def do_GET(self, request: Request) -> str:
            return f'task {self.number} {request.args}'

        def do_POST(self, request: Request) -> Response:
            return Response.redirect(app.url_for(Task, self.number, saved=request.form['title']))
    client = Client(app)
    assert client.get('/task/7').text == "task 7 ('7',)"
    assert client.post('/task/7', form={'title': 'a b'}).headers['location'] == '/task/7?saved=a+b'
    assert len(made) == 2
    assert made[0] is not made[1]
    assert client.get('/task/x').status == 404
    assert client.get('/task/7/8').status == 404


@pytest.mark.parametrize('build', [
    lambda number, request: None, lambda request, number: None, lambda number, *, request: None,
    lambda number, request, more=1: None,
])
def test_a_constructor_may_ask_for_the_request(build: Any) -> None:
    app = Router()

    class Task:
        def do_GET(self, request: Request) -> str:
            return 'x'
    exec('class T(Task):\n def __init__(self, ' + {2: 'number, request', 3: 'number, request, more=1'}.get(
        build.__code__.co_argcount, 'number, *, request') + '): self.given = request', {'Task': Task},
        space := {})
    app.servlet('/*')(space['T'])
    assert Client(app).get('/7').text == 'x'


def test_a_servlet_below_its_path() -> None:
    app = Router()

    @app.servlet('/tree', allow_suffix=True)
    class _:
        def do_GET(self, request: Request) -> str:
            return '/'.join(request.path_suffix())
    assert Client(app).get('/tree/a/b').text == 'a/b'


def test_a_servlet_that_answers_nothing_yet_is_405() -> None:
    app = Router()
    app.servlet('/')(type('Empty', (Servlet,), {}))
    reply = Client(app).get('/')
    assert (reply.status, reply.headers['allow']) == (405, 'OPTIONS')


def test_a_servlet_that_wants_more_than_its_path_gives_is_refused() -> None:
    class Wants:
        def __init__(self, a: int, b: int) -> None:
            pass
    with pytest.raises(TypeError, match='Wants wants b besides the 1 wildcards of its path'):
        Router().servlet('/*')(Wants)
    with pytest.raises(TypeError, match='takes 0 of the 1 wildcards'):
        Router().servlet('/*')(type('Plain', (), {}))


@pytest.fixture
def service() -> Client:
    app = Router()

    @app.service('/task/*/')
    class Task:
        def __init__(self, number: int) -> None:
            self.number = number

        def do_GET_(self, request: Request) -> str:
            return f'index {self.number}'

        def do_GET_edit(self, request: Request) -> str:
            return f'edit {self.number}'

        def do_POST_edit(self, request: Request) -> str:
            return f'saved {self.number}'

        def do_POST_drop(self, request: Request) -> str:
            return 'dropped'
    return Client(app)


@pytest.mark.parametrize('method, path, status, text', [
    ('GET', '/task/7/', 200, 'index 7'), ('GET', '/task/7/edit', 200, 'edit 7'),
    ('POST', '/task/7/edit', 200, 'saved 7'),
    ('HEAD', '/task/7/edit', 200, ''), ('GET', '/task/7/drop', 405, 'OPTIONS, POST'),
    ('PUT', '/task/7/edit', 405, 'GET, HEAD, OPTIONS, POST'),
    ('GET', '/task/7/other', 404, 'no such page'), ('GET', '/task/7/edit/', 404, ''),
    ('GET', '/task/7/edit/more', 404, ''),
    ('GET', '/task/7/__init__', 404, ''), ('GET', '/task/seven/edit', 404, 'whole number'),
    ('GET', '/task/7', 303, ''),
])
def test_a_service_is_one_level_of_a_folder(service: Client, method: str, path: str, status: int,
                                            text: str) -> None:
    reply = service.request(method, path)
    assert reply.status == status
    assert text in reply.text
    if status == 405:
        assert reply.headers['allow'] == text
    if status == 303:
        assert reply.headers['location'] == '/task/7/'


def test_options_of_a_service(service: Client) -> None:
    assert service.request('OPTIONS', '/task/7/edit').headers['allow'] == 'GET, HEAD, OPTIONS, POST'


def test_a_program_in_the_manner_of_kali_0_0_x() -> None:
    import kali
    tasks = [(False, 'Eat'), (True, 'Breathe')]
    app = kali.Router()

    @app.function('/')
    def home():  # type: ignore[no-untyped-def]
        return kali.Response(['<ol>', [f'<li>{text}' for _, text in tasks], '</ol>'], code=200)

    @app.servlet('/new')
    class _NewEntry:
        def do_GET(self, rq: kali.Request) -> Any:
            return kali.Response.generic('<form>', title=f'{rq.command} {rq.uri}')

        def do_POST(self, rq: kali.Request) -> Any:
            task = rq.POST['task']
            if isinstance(task, FileUpload):
                task = task.filename
            if task:
                tasks.append((False, task))
            return kali.Response.redirect('/')

    @app.service('/task/*/')
    class _TaskController:
        def __init__(self, task_id):  # type: ignore[no-untyped-def]
            self.id = int(task_id)

        def do_GET_toggle(self, rq: kali.Request) -> Any:
            done, task = tasks[self.id]
            tasks[self.id] = (not done, task)
            return kali.Response.redirect('/')

        def do_GET_show(self, rq: kali.Request) -> Any:
            return kali.Response.plain_text([str(self.id), rq.GET.get('q', '?'), rq.path_suffix(), rq.args])
    client = Client(app)
    assert client.get('/').text == '<ol><li>Eat<li>Breathe</ol>'
    assert 'GET /new' in client.get('/new').text
    assert client.post('/new', form={'task': 'Sleep'}, follow=True).text.endswith('<li>Sleep</ol>')
    assert client.post('/new', files={'task': ('x.txt', 'text/plain', b'y')}).status == 303
    assert client.get('/task/0/toggle', follow=True).status == 200
    assert tasks == [(True, 'Eat'), (True, 'Breathe'), (False, 'Sleep'), (False, 'x.txt')]
    assert client.get('/task/0/show?q=a').text == '0ashow0'
    assert client.get('/task/99/toggle').status == 500
