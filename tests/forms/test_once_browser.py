"""Exactly once, in Chromium and over a real connection, with a formlet that renders itself.

What counts as saved is what another connection finds in the file.
"""

from __future__ import annotations

import re
import socket
import sqlite3
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

SCRIPT = '''
import sqlite3
import time
from kali import Response, Router, forms, serve_http
from kali.sqlite import guard

db = sqlite3.connect('notes.sqlite', isolation_level=None)
db.execute('CREATE TABLE IF NOT EXISTS note (note INTEGER PRIMARY KEY, text TEXT)')
app = Router()

@app.servlet('/new')
class NewNote(forms.Formlet):
    def __init__(self):
        super().__init__({'text': forms.Entry()})

    def get_native(self):
        return {}

    def display(self, fields, errors):
        # As without kali.js, which would let only the first press through.
        return forms.render_page('New note', self.form(fields, errors)).replace('<script', '<!--').replace(
            '</script>', '-->')

    def save(self, native, request):
        time.sleep(.2)  # or the answer would be there before the second click
        number = db.execute('INSERT INTO note (text) VALUES (?)', [native['text']]).lastrowid
        if native['text'] == 'page':
            return f'<!DOCTYPE html><title>Note {number}</title>'
        return Response.redirect(f'/note/{number}')

@app.servlet('/edit/*')
class EditNote(NewNote):
    edits = True

    def __init__(self, number: int):
        super().__init__()
        self.number = number

    def get_native(self):
        return {'text': db.execute('SELECT text FROM note WHERE note = ?', [self.number]).fetchone()[0]}

    def save(self, native, request):
        db.execute('UPDATE note SET text = ? WHERE note = ?', [native['text'], self.number])
        return Response.redirect(f'/note/{self.number}')

@app.servlet('/own/*')
class OwnForm(EditNote):
    def display(self, fields, errors):
        return f'<!DOCTYPE html><title>Own</title>{fields.summary}<form method="post">{fields.rows}' \
               '<button>Save</button></form>'

@app.servlet('/own')
class OwnNew(NewNote):
    display = OwnForm.display

@app.function('/note/*')
def note(number: int):
    return f'<!DOCTYPE html><title>Note {number}</title>'

serve_http(guard(app, db))
'''


@pytest.fixture
def app(serve: Callable[..., Any]) -> Any:
    return serve(SCRIPT)


def notes(app: Any) -> list[str]:
    db = sqlite3.connect(app.folder / 'notes.sqlite')
    try:
        return [text for text, in db.execute('SELECT text FROM note ORDER BY note')]
    finally:
        db.close()


def fill_in(app: Any, page: Page, text: str = 'tea') -> None:
    page.goto(f'{app.url}/new')
    page.get_by_label('Text').fill(text)


def wait_for_the_note(page: Page, number: int = 1) -> None:
    page.wait_for_function(f'document.title == "Note {number}"')


def test_a_double_click(app: Any, page: Page) -> None:
    fill_in(app, page)
    page.get_by_role('button', name='Save').dblclick(no_wait_after=True)
    wait_for_the_note(page)
    assert notes(app) == ['tea'] and page.url.endswith('/note/1')


def test_enter_twice(app: Any, page: Page) -> None:
    fill_in(app, page)
    page.evaluate('() => { for (const _ of [1, 2]) document.forms[0].requestSubmit(); }')
    wait_for_the_note(page)
    fill_in(app, page, 'milk')
    page.keyboard.press('Enter')
    page.keyboard.press('Enter')
    wait_for_the_note(page, 2)
    assert notes(app) == ['tea', 'milk']


def test_back_and_save_again(app: Any, page: Page) -> None:
    fill_in(app, page)
    page.get_by_role('button', name='Save').click()
    wait_for_the_note(page)
    page.go_back()
    page.get_by_label('Text').fill('tea')
    page.get_by_role('button', name='Save').click()
    wait_for_the_note(page)
    assert notes(app) == ['tea'] and page.url.endswith('/note/1')
    fill_in(app, page, 'milk')  # a form fetched afresh is another one
    page.get_by_role('button', name='Save').click()
    wait_for_the_note(page, 2)
    assert notes(app) == ['tea', 'milk']


def test_back_change_and_save(app: Any, page: Page) -> None:
    """What was changed is neither lost nor called saved: it can be saved as well, once."""
    fill_in(app, page)
    page.get_by_role('button', name='Save').click()
    wait_for_the_note(page)
    page.go_back()
    page.get_by_label('Text').fill('milk')
    page.get_by_role('button', name='Save').click()
    page.get_by_role('alert').wait_for()
    assert notes(app) == ['tea']
    assert page.get_by_label('Text').input_value() == 'milk'
    assert page.get_by_role('link', name='What was saved').get_attribute('href') == '/note/1'
    page.get_by_role('button', name='Save this as well').dblclick(no_wait_after=True)
    wait_for_the_note(page, 2)
    assert notes(app) == ['tea', 'milk']


def test_back_and_save_of_a_form_that_a_template_writes(app: Any, page: Page) -> None:
    """It says nothing of where it is sent, and yet Back brings the form whose id is spent."""
    page.goto(f'{app.url}/own')
    page.get_by_label('Text').fill('tea')
    page.get_by_role('button', name='Save').click()
    wait_for_the_note(page)
    page.go_back()
    page.get_by_role('button', name='Save').click()
    wait_for_the_note(page)
    page.go_back()
    page.get_by_label('Text').fill('milk')
    page.get_by_role('button', name='Save').click()
    page.get_by_role('alert').wait_for()
    assert notes(app) == ['tea'] and page.get_by_label('Text').input_value() == 'milk'
    page.goto(f'{app.url}/own/1')
    page.get_by_label('Text').fill('green tea')
    page.get_by_role('button', name='Save').click()
    wait_for_the_note(page)
    app.post('/edit/1', {'text': 'somebody else'})
    page.go_back()
    page.get_by_label('Text').fill('black tea')
    page.get_by_role('button', name='Save').click()
    page.get_by_role('alert').wait_for()
    assert notes(app) == ['somebody else']


def test_back_change_and_save_of_a_record(app: Any, page: Page) -> None:
    fill_in(app, page)
    page.get_by_role('button', name='Save').click()
    page.wait_for_url('**/note/1')
    page.goto(f'{app.url}/edit/1')
    for text in ('milk', 'coffee', 'coffee', 'tea'):
        page.get_by_label('Text').fill(text)
        page.get_by_role('button', name='Save').click()
        page.wait_for_url('**/note/1')
        assert notes(app) == [text]
        page.go_back()
    second = page.context.new_page()
    second.goto(f'{app.url}/edit/1')
    second.get_by_label('Text').fill('water')
    second.get_by_role('button', name='Save').click()
    second.wait_for_url('**/note/1')
    page.get_by_label('Text').fill('wine')  # over what another tab saved meanwhile
    page.get_by_role('button', name='Save').click()
    page.get_by_role('radiogroup').wait_for()
    assert notes(app) == ['water']
    page.get_by_role('button', name='Save').click()
    page.wait_for_url('**/note/1')
    assert notes(app) == ['wine']


def test_a_refresh_of_the_post(app: Any, page: Page) -> None:
    fill_in(app, page, 'page')  # answered with a page, not with a redirect
    page.get_by_role('button', name='Save').click()
    wait_for_the_note(page)
    with page.expect_request(lambda request: request.method == 'POST'):
        page.reload()
    wait_for_the_note(page)
    assert notes(app) == ['page']


def test_a_form_that_was_refused_keeps_its_id(app: Any, page: Page) -> None:
    fill_in(app, page, ' ')
    page.get_by_role('button', name='Save').click()
    page.get_by_role('alert').wait_for()
    page.get_by_label('Text').fill('tea')
    page.get_by_role('button', name='Save').click()
    wait_for_the_note(page)
    page.go_back()
    page.get_by_role('button', name='Save').click()
    wait_for_the_note(page)
    assert notes(app) == ['tea']


def test_a_retry_after_a_lost_answer(app: Any, eventually: Callable[..., object]) -> None:
    form = {'_form_id': re.findall('name="_form_id" value="(.*?)"', app.get('/new').text)[0], 'text': 'tea'}
    body = urlencode(form).encode()
    head = (f'POST /new?_save=1 HTTP/1.1\r\nHost: 127.0.0.1:{app.port}\r\nContent-Length: {len(body)}\r\n'
            'Content-Type: application/x-www-form-urlencoded\r\nSec-Fetch-Site: same-origin\r\n\r\n')
    with socket.create_connection(('127.0.0.1', app.port)) as connection:
        connection.sendall(head.encode() + body)  # and nobody waits for what comes back
    eventually(lambda: notes(app))
    answer = app.post('/new?_save=1', form)
    assert (answer.status, answer.headers['Location'], notes(app)) == (303, '/note/1', ['tea'])


def test_a_restart(serve: Callable[..., Any]) -> None:
    first = serve(SCRIPT)
    form = {'_form_id': re.findall('name="_form_id" value="(.*?)"', first.get('/new').text)[0], 'text': 'tea'}
    assert first.post('/new?_save=1', form).headers['Location'] == '/note/1'
    first.end()
    second = serve(SCRIPT)
    answer = second.post('/new?_save=1', form)
    assert (answer.status, answer.headers['Location'], notes(second)) == (303, '/note/1', ['tea'])
    assert second.post('/new?_save=1', {**form, 'text': 'milk'}).status == 409
    assert notes(second) == ['tea']
