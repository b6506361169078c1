"""The invoices over HTTP: what is derived from the schema, refused, computed and kept."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

SCRIPT = Path(__file__).resolve().parents[2] / 'examples/invoice.py'
LINES = {'lines-1-what': 'Tea', 'lines-1-quantity': '3', 'lines-1-price': '1.15',
         'lines-2-what': 'Milk', 'lines-2-quantity': '0.5', 'lines-2-price': '0.99'}
INVOICE = {'customer': '1', 'date': '2026-02-28', 'status': 'draft', **LINES}


@pytest.fixture
def app(serve: Callable[..., Any]) -> Any:
    served = serve(SCRIPT)
    assert send(served, '/customer/new', {'name': 'Ada', 'email': 'ada@example.org'}).status == 303
    return served


def send(app: Any, target: str, form: dict[str, str]) -> Any:
    """Fill in the form of a page, and send it with what it carries unseen."""
    hidden = dict(re.findall('name="(_form_id|_fingerprint)" value="(.*?)"', app.get(target).text))
    return app.post(f'{target}?_save=1', {**hidden, **form})


def rows(app: Any, sql: str) -> list[tuple[Any, ...]]:
    db = sqlite3.connect(next(app.folder.rglob('invoice.sqlite')))
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


def test_at_most_60_lines_of_python_below_its_docstring() -> None:
    code = SCRIPT.read_text(encoding='utf-8')
    lines = code.split('"""', 2)[2].splitlines()
    assert 50 < len([line for line in lines if line.strip()]) <= 60


def test_an_invoice_is_saved_with_its_lines_and_the_total_is_computed(app: Any) -> None:
    assert send(app, '/invoice/new', INVOICE).status == 303
    assert rows(app, 'SELECT what, quantity, price FROM line') == [('Tea', 3, 1.15), ('Milk', 0.5, 0.99)]
    assert '<td>3.95</td>' in app.get('/').text  # 3.45 and 0.50: each line is rounded
    assert '<output name="total" id="total">3.95</output>' in app.get('/invoice/1').text
    changed = {**INVOICE, 'lines-1-quantity': '4', 'lines-2-what': '', 'lines-2-quantity': '',
               'lines-2-price': ''}
    assert send(app, '/invoice/1', changed).status == 303
    assert rows(app, 'SELECT what, quantity FROM line') == [('Tea', 4)]
    assert '<td>4.60</td>' in app.get('/').text


def test_what_the_schema_says_is_said_in_the_form(app: Any) -> None:
    page = app.get('/invoice/new').text
    assert '<option value="1">Ada</option>' in page
    assert '<option value="draft" selected>' in page
    assert re.search('min="2000-01-01" max="2199-12-31" type="date" name="date" id="date" value="20', page)
    assert 'inputmode="decimal" type="text" name="lines-1-quantity"' in page


@pytest.mark.parametrize(('field', 'text', 'sentence'), [
    ('customer', '2', 'this was not among the choices'), ('customer', '', 'please choose one'),
    ('date', '2026-02-30', 'there is no 30 February 2026'),
    ('date', '1999-12-31', 'must be 2000-01-01 or more'),
    ('status', 'lost', 'this was not among the choices'),
    ('lines-1-quantity', '0', 'must be more than 0'), ('lines-1-quantity', '٣', 'is not a number'),
    ('lines-1-price', '1e999', 'is not a number'), ('lines-2-price', 'NaN', 'is not a number'),
    ('lines-1-what', 'x' * 201, 'is 201 characters long'), ('lines-1-price', '1.005', 'too many digits'),
])
def test_what_is_refused_comes_back_and_saves_nothing(app: Any, field: str, text: str, sentence: str) -> None:
    reply = send(app, '/invoice/new', {**INVOICE, field: text})
    assert reply.status == 422 and sentence in reply.text
    assert rows(app, 'SELECT * FROM invoice') == [] and 'value="Milk"' in reply.text
    assert text in reply.text or field in ('customer', 'status')  # a list cannot show what it does not have


def test_an_invoice_without_lines_is_none(app: Any) -> None:
    reply = send(app, '/invoice/new', {'customer': '1', 'date': '2026-02-28', 'status': 'draft'})
    assert reply.status == 422 and 'at least 1 are needed' in reply.text


def test_a_change_meanwhile_is_not_overwritten(app: Any) -> None:
    send(app, '/invoice/new', INVOICE)
    mine = dict(re.findall('name="(_form_id|_fingerprint)" value="(.*?)"', app.get('/invoice/1').text))
    send(app, '/invoice/1', {**INVOICE, 'status': 'paid', 'lines-1-quantity': '9'})
    typed = {**mine, **INVOICE, 'date': '2026-03-01'}
    reply = app.post('/invoice/1?_save=1', typed)
    assert reply.status == 409 and rows(app, 'SELECT status, date FROM invoice') == [('paid', '2026-02-28')]
    assert '<q>paid</q>' in reply.text and '<q>Tea, 9' in reply.text and '2026-03-01' in reply.text
    seen = re.findall('name="_fingerprint" value="(.*?)"', reply.text)[0]
    chosen = {**typed, '_fingerprint': seen, '_take-status': 'theirs', '_take-lines': 'mine'}
    assert app.post('/invoice/1?_save=1', chosen).status == 303
    assert rows(app, 'SELECT status, date, quantity FROM invoice JOIN line USING (invoice)') == [
        ('paid', '2026-03-01', 3), ('paid', '2026-03-01', 0.5)]


@pytest.mark.parametrize('target', ['/invoice/7', '/customer/7', '/invoice/7/file', '/invoice/x'])
def test_what_is_not_there_is_a_404(app: Any, target: str) -> None:
    assert app.get(target).status == 404


def press(app: Any, do: str) -> str:
    """Press Undo or Redo on the overview, and give back the page that comes of it."""
    step = dict(re.findall('name="(step)" value="(.*?)"', app.get('/').text))
    reply = app.post('/undo', {'do': do, **step}, {'Referer': f'{app.url}/'})
    assert (reply.status, reply.headers['Location']) == (303, '/')
    return str(app.get('/').text)


def test_a_change_is_taken_back_with_its_lines(app: Any) -> None:
    send(app, '/invoice/new', INVOICE)
    before = rows(app, 'SELECT * FROM invoice JOIN line USING (invoice)')
    send(app, '/invoice/1', {**INVOICE, 'status': 'paid', 'lines-1-quantity': '9', 'lines-2-what': '',
                             'lines-2-quantity': '', 'lines-2-price': ''})
    assert 'title="Undo: Change invoice 1"' in app.get('/').text
    page = press(app, 'undo')
    assert '<p role="status">Undone: Change invoice 1</p>' in page and '<td>3.95</td>' in page
    assert rows(app, 'SELECT * FROM invoice JOIN line USING (invoice)') == before
    assert '<td>10.35</td>' in press(app, 'redo')
    for title in ('Change invoice 1', 'Add invoice 1', 'Add customer Ada'):
        assert f'Undone: {title}' in press(app, 'undo')
    assert [rows(app, f'SELECT * FROM {table}') for table in ('customer', 'invoice', 'line')] == [[], [], []]
    assert 'value="undo" aria-keyshortcuts="Control+Z Meta+Z" disabled' in app.get('/').text


def test_a_backup_is_restored(serve: Callable[..., Any]) -> None:
    first = serve(SCRIPT)
    send(first, '/customer/new', {'name': 'Ada', 'email': 'ada@example.org'})
    first.end()
    app = serve(SCRIPT)
    newest = max(re.findall(r'href="\?choose=(\d+)"', app.get('/backups').text), key=int)
    send(app, '/customer/1', {'name': 'Grace', 'email': 'ada@example.org'})
    assert 'href="/backups"' in app.get('/').text
    ticket = dict(re.findall('name="(ticket)" value="(.*?)"', app.get(f'/backups?choose={newest}').text))
    assert app.post('/backups', {'backup': newest, **ticket}).status == 303
    assert rows(app, 'SELECT name FROM customer') == [('Ada',)]
    assert 'cannot be undone any more' in app.get('/').text
