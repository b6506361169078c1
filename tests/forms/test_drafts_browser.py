"""Drafts, leaving a changed form, and axe-core on a form with everything in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Dialog, Page

SCRIPT = '''
import datetime
import sqlite3
from kali import Response, Router, forms, serve_http
from kali.sqlite import guard

db = sqlite3.connect('notes.sqlite', isolation_level=None)
db.row_factory = sqlite3.Row
db.execute('CREATE TABLE IF NOT EXISTS note (text, memo, kind)')
app = Router()
KINDS = forms.Choices(lambda: [(1, 'Red', 'Warm'), (2, 'Blue', 'Cold'), (3, 'Green', 'Cold')])
TYPES = ('text', 'number', 'range', 'date', 'time', 'datetime-local', 'month', 'week', 'color', 'email',
         'url', 'tel', 'search')
BLANK = forms.BLANKABLE

@app.servlet('/new')
class Everything(forms.Formlet):
    ELEMENTS = {
        **{'a_' + kind.replace('-', '_'): forms.Entry(type=kind, lens=BLANK, help='As you like.')
           for kind in TYPES},
        'text': forms.Entry(maxlength=20), 'secret': forms.Entry(type='password', lens=BLANK),
        'memo': forms.Memo(lens=BLANK), 'pick': forms.Pick(KINDS), 'many': forms.Pick(KINDS, multiple=True),
        'found': forms.Pick(KINDS, search=True), 'radio': forms.Radio(KINDS),
        'ticked': forms.CheckMany(KINDS), 'done': forms.Check(), 'scan': forms.Upload(),
        'key': forms.Hidden(lens=BLANK), 'seen': forms.Static(),
        'rows': forms.Rows({'what': forms.Entry(), 'pick': forms.Pick(KINDS), 'gift': forms.Check()})}
    cancel = '/'

    def __init__(self):
        super().__init__(self.ELEMENTS)

    def get_native(self):
        return {'seen': 'Only to read', 'a_color': '#336699', 'a_range': 5}

    def save(self, native, request):
        db.execute('INSERT INTO note VALUES (?, ?, ?)', [native['text'], native['memo'], native['pick']])
        return Response.redirect('/')

@app.servlet('/edit')
class Edit(forms.Formlet):
    def __init__(self):
        super().__init__({'text': forms.Entry(), 'memo': forms.Memo(lens=BLANK), 'kind': forms.Pick(KINDS)})

    def get_native(self):
        return db.execute('SELECT * FROM note').fetchone()

    def save(self, native, request):
        db.execute('UPDATE note SET text = :text, memo = :memo, kind = :kind', native)
        return Response.redirect('/')

@app.function('/')
def home():
    return forms.render_page('Notes', '')

serve_http(guard(app, db))
'''


@pytest.fixture
def app(serve: Callable[..., Any]) -> Any:
    return serve(SCRIPT)


def save(page: Page) -> None:
    page.get_by_role('button', name='Save').click()


@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_axe_finds_nothing_on_a_form_with_everything(app: Any, page: Page, axe: Callable[[Page], None],
                                                     scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion='reduce')
    page.goto(f'{app.url}/new')
    axe(page)
    for name, text in (('text', ' '), ('found', 'Pink')):
        page.locator(f'#{name}').fill(text)
    page.locator('#a_date').evaluate('control => { control.type = "text"; control.value = "2026-02-30"; }')
    page.get_by_label('Gift, row 1').check()
    page.locator('#scan').set_input_files({'name': 'a.txt', 'mimeType': 'text/plain', 'buffer': b'a'})
    page.evaluate('document.forms[0].noValidate = true')
    save(page)
    page.get_by_role('alert').wait_for()
    assert page.locator('[aria-invalid]').count() == 5  # the rows, and a cell in them, too
    axe(page)


def test_axe_finds_nothing_on_a_conflict(app: Any, page: Page, axe: Callable[[Page], None]) -> None:
    app.post('/new', {'text': 'tea', 'a_color': '#336699'})
    page.goto(f'{app.url}/edit')
    app.post('/edit', {'text': 'milk', 'memo': 'a\nb', 'kind': '2'})
    page.get_by_label('Text').fill('rum')
    save(page)
    page.get_by_role('alert').wait_for()
    assert page.get_by_role('radiogroup').count() == 3
    axe(page)
    page.get_by_label('Take milk').check()
    save(page)
    page.wait_for_url(f'{app.url}/')
    page.goto(f'{app.url}/edit')
    assert page.get_by_label('Text').input_value() == 'milk'
    assert page.get_by_label('Memo').input_value() == 'a\nb'


def test_leaving_a_changed_form_asks(app: Any, page: Page) -> None:
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on('dialog', stay)
    page.goto(f'{app.url}/new')
    page.get_by_role('link', name='Cancel').click()  # unchanged: nobody asks
    page.wait_for_url(f'{app.url}/')
    page.goto(f'{app.url}/new')
    page.locator('#text').press_sequentially('tea')
    page.get_by_role('link', name='Cancel').click(no_wait_after=True)
    page.wait_for_function('document.activeElement.tagName === "A"')
    assert asked == ['beforeunload'] and page.url.endswith('/new')
    assert page.locator('#text').input_value() == 'tea'
    save(page)  # to save is not to leave
    page.wait_for_url(f'{app.url}/')
    page.go_back()
    page.locator('#text').wait_for()
    page.get_by_role('link', name='Cancel').click()  # what is typed here is saved
    page.wait_for_url(f'{app.url}/')
    assert asked == ['beforeunload']


def test_a_draft_is_offered_but_no_password(app: Any, page: Page, axe: Callable[[Page], None]) -> None:
    page.goto(f'{app.url}/new')
    for name, text in (('text', 'tea'), ('secret', 'opensesame'), ('memo', 'a\nb'), ('found', 'Blue')):
        page.locator(f'#{name}').fill(text)
    page.locator('#many').select_option(['1', '3'])
    page.get_by_role('radiogroup').get_by_label('Green').check()
    page.get_by_role('group', name='Ticked').get_by_label('Red').check()
    page.get_by_label('Done').check()
    stored = page.evaluate('JSON.stringify(localStorage)')
    assert 'tea' in stored and 'opensesame' not in stored and '_form_id' not in stored
    page.once('dialog', lambda dialog: dialog.accept())
    page.reload()
    offer = page.locator('p[role=status]')
    assert 'Something typed here earlier was not saved.' in offer.inner_text()
    axe(page)
    page.get_by_role('button', name='Bring it back').click()
    assert [page.locator(f'#{name}').input_value() for name in ('text', 'secret', 'memo', 'found')] == [
        'tea', '', 'a\nb', 'Blue']
    assert page.locator('#many').evaluate('each => [...each.selectedOptions].map(o => o.value)') == ['1', '3']
    assert page.get_by_role('radiogroup').get_by_label('Green').is_checked()
    assert page.get_by_role('group', name='Ticked').get_by_label('Red').is_checked()
    assert page.get_by_label('Done').is_checked() and not offer.count()
    save(page)
    page.wait_for_url(f'{app.url}/')
    page.goto(f'{app.url}/new')
    assert not page.locator('p[role=status]').count() and page.evaluate('localStorage.length') == 0


def test_a_draft_outlives_a_server_that_is_gone(app: Any, page: Page) -> None:
    page.goto(f'{app.url}/new')
    page.locator('#text').fill('tea')
    page.route('**/new?_save=1', lambda route: route.abort())  # as when nobody listens
    save(page)
    page.wait_for_url('chrome-error://**')
    page.unroute('**/new?_save=1')
    page.goto(f'{app.url}/new')
    page.get_by_role('button', name='Bring it back').click()
    assert page.locator('#text').input_value() == 'tea'


def test_a_draft_can_be_forgotten(app: Any, page: Page) -> None:
    page.goto(f'{app.url}/new')
    page.locator('#text').fill('tea')
    page.once('dialog', lambda dialog: dialog.accept())
    page.reload()
    page.get_by_role('button', name='Forget it').click()
    page.reload()
    page.locator('#text').wait_for()
    assert not page.locator('p[role=status]').count()


def test_a_refused_form_keeps_its_draft_until_it_is_saved(app: Any, page: Page) -> None:
    page.goto(f'{app.url}/new')
    page.locator('#memo').fill('long text')
    page.locator('#text').fill(' ')
    save(page)
    page.get_by_role('alert').wait_for()
    assert 'long text' in page.evaluate('JSON.stringify(localStorage)')
    page.locator('#text').fill('tea')
    save(page)
    page.wait_for_url(f'{app.url}/')
    assert page.evaluate('localStorage.length') == 0
