"""The frame of an application: its own pages stand in it, and so do all of kali's."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from kali import BadRequest, Markup, NotFound, Request, Response, Router, Shell, StaticFolder, forms
from kali.sqlite import backup, connect, guard, undo
from kali.testing import Client

MENU = [('This week', '/'), ('People', '/people/'), ('R&D', '/r%26d'), ('Old', '/people/?state=old'),
        ('Größe', '/größe/')]


def current(html: str) -> str:
    """The title of the entry that is marked, '' without one."""
    assert html.count('aria-current="page"') <= 1
    return html.partition('aria-current="page">')[2].partition('<')[0]


@pytest.mark.parametrize('target, entry', [
    ('/', 'This week'), ('/?notice=saved', 'This week'), ('/people/', 'People'), ('/people', 'People'),
    ('/people/7/edit?q=1', 'People'), ('/people/?state=old', 'Old'), ('/people/?state=new', 'People'),
    ('/peoples', ''), ('/other', ''), ('/r%26d/7', 'R&amp;D'), ('/gr%C3%B6%C3%9Fe/', 'Größe'),
])
def test_the_entry_that_the_page_belongs_to_is_marked(target: str, entry: str) -> None:
    shell = Shell('Tool', MENU)
    assert current(Client(lambda request: shell.page(request, 'x', '')).get(target).text) == entry


def test_what_is_on_a_page() -> None:
    asked = []
    shell = Shell('Ann & Bob', lambda request: [(f'{len(request.path)} <parts>', '/a?b&c')], start='/home',
                  tools=lambda request: asked.append(request) or '<form id="tools"></form>',
                  head='<style>p{}</style>', lang='de')
    request = Request('GET', '/x/y')
    page = Client(shell.wrap(lambda request: shell.page(request, '<Title>', ['<p>', 1, None], notice='a < b',
                                                        status=422, headers={'X-A': 'b'}))).get('/x/y')
    for part in ('<html lang="de">', '<title>&lt;Title&gt; · Ann &amp; Bob</title>', '<style>p{}</style>',
                 '<a class="skip" href="#main">Skip to the content<', '<main id="main" tabindex="-1">',
                 '<h1>&lt;Title&gt;</h1>',
                 '<nav aria-label="Menu">', '<a href="/home">Ann &amp; Bob</a>', '<form id="tools"></form>',
                 '<a href="/a?b&amp;c">2 &lt;parts&gt;</a>', '<p role="status">a &lt; b</p>\n<p>1',
                 '<link rel="stylesheet" href="/.kali/kali.css">', '<script src="/.kali/kali.js" defer>',
                 'name="viewport"'):
        assert part in page.text
    assert (page.status, page.headers['x-a'], len(asked)) == (422, 'b', 1)
    plain = Client(lambda request: Shell('Tool').page(request, 'Tool', '', notice=None)).get('/').text
    assert '<title>Tool</title>' in plain
    assert '<nav' not in plain
    assert 'role="status"' not in plain
    marked = Client(lambda r: Shell('T').page(request, Markup('<i>x</i>'), '', notice=Markup('<b>!</b>')))
    assert '<h1><i>x</i></h1>\n<p role="status"><b>!</b></p>' in marked.get('/').text


def failing(error: BaseException) -> Any:
    def handler() -> None:
        raise error
    return handler


class Note(forms.Formlet):
    def __init__(self) -> None:
        super().__init__({'text': forms.Entry(required=True)})

    def get_native(self) -> dict[str, str]:
        return {'text': ''}


@pytest.fixture
def application(tmp_path: Path) -> Any:
    """A router with a page of each kind that kali makes by itself, within a guard."""
    db = connect(tmp_path / 'a.sqlite')
    db.execute('CREATE TABLE note (text)')
    app, history = Router(), undo(db, ['note'])
    app.delegate('/undo', history)
    app.delegate('/backups', backup(db, tmp_path / 'backups'))
    app.delegate_folder('/files/', StaticFolder(tmp_path))
    app.servlet('/form')(Note)
    for path, error in (('/bug', ZeroDivisionError()), ('/bad', BadRequest('no')),
                        ('/lost', NotFound('gone')), ('/locked', sqlite3.OperationalError('disk I/O error'))):
        app.function(path)(failing(error))
    app.function('/generic')(lambda: Response.generic('<p>x</p>', title='Done'))
    app.function('/write')(lambda: db.execute("INSERT INTO note VALUES ('x')") and 'x')
    yield lambda shell: (shell.wrap(guard(history.wrap(app), db)), guard(shell.wrap(history.wrap(app)), db),
                         guard(history.wrap(shell.wrap(app)), db))
    db.close()


PAGES = ['/bug', '/bad', '/lost', '/locked', '/generic', '/write', '/nowhere', '/files/', '/files/none',
         '/backups', '/undo', '/form', '/bug?a=%zz', '/%ff']


@pytest.mark.parametrize('target', PAGES)
def test_kali_s_own_pages_stand_in_the_frame_wherever_it_is_put(application: Any, target: str) -> None:
    for app in application(Shell('Tool', MENU)):
        for debug in (True, False):
            text = Client(app, debug=debug).get(target).text
            assert '<a href="/people/">People</a>' in text or target == '/%ff'  # no handler sees that one
            assert text.count('<h1>') == text.count('<main') == text.count('<!DOCTYPE') == 1


@pytest.mark.parametrize('target', PAGES)
def test_without_a_frame_they_are_plain(application: Any, target: str) -> None:
    for app in application(Shell('Tool'))[:1]:
        text = Client(app.inside).get(target).text
        assert '<main id="main"' in text
        assert '<header>' not in text
        assert ('<a href="/">To the start</a>' in text) == (target not in ('/generic', '/files/', '/form'))


def test_the_innermost_frame_counts() -> None:
    app, part = Router(), Router()
    part.function('/x')(failing(ZeroDivisionError()))
    app.delegate_folder('/part/', Shell('Inner').wrap(part))
    client = Client(Shell('Outer').wrap(app))
    assert '>Inner</a>' in client.get('/part/x').text
    assert '>Outer</a>' in client.get('/other').text


@pytest.mark.parametrize('error', [ZeroDivisionError('menu'), KeyboardInterrupt(), RecursionError()])
def test_a_frame_that_fails_does_not_hide_the_error(error: BaseException, caplog: Any) -> None:
    def menu(request: Request) -> Any:
        raise error
    app = Router()
    app.function('/')(failing(ValueError('this one')))
    page = Client(Shell('Tool', menu).wrap(app)).get('/')
    assert page.status == 500
    assert 'ValueError: this one' in page.text
    assert 'the error page failed' in caplog.text


def test_a_stream_that_fails_at_once_has_its_page_in_the_frame() -> None:
    from concurrent.futures import Future

    def later(request: Request) -> Any:
        future: Future[Any] = Future()
        future.set_exception(ValueError('late'))
        return future
    assert '>Tool</a>' in Client(Shell('Tool').wrap(later)).get('/').text
