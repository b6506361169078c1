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


def test_at_most_60_lines_of_python() -> None:
    lines = SCRIPT.read_text(encoding='utf-8').splitlines()
    assert len([line for line in lines if line.strip()]) <= 60


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
    assert 'step="0.01" type="number" name="lines-1-quantity"' in page


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
