"""The invoices in Chromium: lines, totals, a file, two tabs, a crash; and all without scripts."""

from __future__ import annotations

import sqlite3
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

SCRIPT = Path(__file__).resolve().parents[2] / 'examples/invoice.py'
PDF = {'name': 'order.pdf', 'mimeType': 'application/pdf', 'buffer': b'%PDF-1.7 an order'}


@pytest.fixture
def app(serve: Callable[..., Any]) -> Any:
    served = serve(SCRIPT)
    served.post('/customer/new', {'name': 'Ada', 'email': 'ada@example.org'})
    return served


@pytest.fixture
def plain_page(browser: Browser) -> Iterator[Page]:
    """A tab that runs no scripts."""
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(20_000)
    yield context.new_page()
    context.close()


def rows(app: Any, sql: str) -> list[tuple[Any, ...]]:
    db = sqlite3.connect(next(app.folder.rglob('invoice.sqlite')))
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


def accessible(page: Page) -> None:
    """Fail if axe-core finds a violation."""
    page.evaluate(files('axe_playwright_python').joinpath('axe.min.js').read_text(encoding='utf-8'))
    found = page.evaluate('async () => (await axe.run()).violations')
    assert not found, [(each['id'], [node['html'] for node in each['nodes']]) for each in found]


def line(page: Page, number: int, what: str, quantity: str, price: str) -> None:
    for label, text in (('What', what), ('Quantity', quantity), ('Price', price)):
        page.get_by_label(f'{label}, row {number}').fill(text)


def save(page: Page) -> None:
    page.get_by_role('button', name='Save').click()


def new_invoice(app: Any, page: Page) -> None:
    page.goto(f'{app.url}/invoice/new')
    page.get_by_label('Customer').select_option('Ada')
    line(page, 1, 'Tea', '3', '1.15')


def test_lines_are_added_and_taken_away(app: Any, page: Page) -> None:
    page.goto(app.url)
    accessible(page)
    new_invoice(app, page)
    assert page.locator('tbody tr').count() == 1  # the other blank ones are for browsers without scripts
    for number, what in ((2, 'Milk'), (3, 'Rum')):
        page.get_by_role('button', name='Add a row').click()
        page.wait_for_function(f'document.activeElement.name == "lines-{number}-what"')
        line(page, number, what, '1', '2')
    accessible(page)
    page.get_by_role('button', name='Take away row 2').click()
    save(page)
    page.wait_for_url(f'{app.url}/')
    assert page.get_by_role('cell', name='5.45').is_visible()
    assert rows(app, 'SELECT what FROM line ORDER BY line') == [('Tea',), ('Rum',)]
    page.get_by_role('link', name='1', exact=True).click()
    page.get_by_role('button', name='Take away row 1').click()
    save(page)
    page.wait_for_url(f'{app.url}/')
    assert rows(app, 'SELECT what FROM line') == [('Rum',)]


def test_a_file_is_kept_while_a_line_is_put_right(app: Any, page: Page) -> None:
    new_invoice(app, page)
    page.get_by_label('File', exact=True).set_input_files(PDF)
    page.get_by_label('What, row 1').fill(' ')
    page.get_by_label('Date').evaluate('control => { control.type = "text"; control.value = "2026-02-30"; }')
    save(page)
    page.get_by_role('alert').wait_for()
    accessible(page)
    assert page.get_by_label('Date').input_value() == '2026-02-30'  # though no calendar shows such a day
    page.get_by_label('Date').fill('2026-02-28')
    page.get_by_label('What, row 1').fill('Tea')
    assert page.get_by_label('Keep the file “order.pdf”').is_checked()
    save(page)
    page.wait_for_url(f'{app.url}/')
    assert rows(app, 'SELECT filename, attachment FROM invoice') == [('order.pdf', PDF['buffer'])]
    assert app.get('/invoice/1/file').body == PDF['buffer']


def test_the_first_wrong_cell_has_the_focus(app: Any, page: Page) -> None:
    new_invoice(app, page)
    page.get_by_role('button', name='Add a row').click()
    line(page, 2, 'Milk', '0', '1')
    save(page)
    page.get_by_role('alert').wait_for()
    page.wait_for_function('document.activeElement.name == "lines-2-quantity"')
    assert page.locator('#lines-2-quantity-error').text_content() == 'must be more than 0.'


def test_two_tabs_change_one_invoice(app: Any, page: Page) -> None:
    new_invoice(app, page)
    save(page)
    page.wait_for_url(f'{app.url}/')
    other = page.context.new_page()
    for tab in (page, other):
        tab.goto(f'{app.url}/invoice/1')
    other.get_by_label('Status').select_option('paid')
    save(other)
    other.wait_for_url(f'{app.url}/')
    page.get_by_label('Status').select_option('sent')
    page.get_by_label('Quantity, row 1').fill('7')
    save(page)
    page.get_by_role('radiogroup', name='Status: which is to stay?').wait_for()
    accessible(page)
    assert page.locator('#status').input_value() == 'sent'
    assert page.get_by_label('Quantity, row 1').input_value() == '7'
    page.get_by_label('Take paid').check()
    save(page)
    page.wait_for_url(f'{app.url}/')
    assert rows(app, 'SELECT status, quantity FROM invoice JOIN line USING (invoice)') == [('paid', 7)]


def test_it_all_works_without_scripts(app: Any, plain_page: Page) -> None:
    page = plain_page
    new_invoice(app, page)
    assert page.locator('tbody tr').count() == 3 and not page.get_by_role('button', name='Add').count()
    line(page, 3, 'Milk', '0', '1')
    save(page)
    page.get_by_role('alert').wait_for()
    page.get_by_label('Quantity, row 2').fill('2')
    assert page.locator('tbody tr').count() == 5
    save(page)
    page.wait_for_url(f'{app.url}/')
    assert rows(app, 'SELECT what, quantity FROM line ORDER BY line') == [('Tea', 3), ('Milk', 2)]


def test_a_draft_outlives_a_crash_and_a_closed_tab(app: Any, page: Page) -> None:
    new_invoice(app, page)
    page.get_by_role('button', name='Add a row').click()
    page.get_by_role('button', name='Add a row').click()
    line(page, 3, 'Rum', '2', '9')
    page.get_by_role('button', name='Take away row 2').click()
    again = page.context.new_page()
    page.close()
    again.goto(f'{app.url}/invoice/new')
    accessible(again)
    again.get_by_role('button', name='Bring it back').click()
    assert [control.input_value() for control in again.locator('tbody [name$=what]').all()] == ['Tea', 'Rum']
    assert again.get_by_label('Customer').input_value() == '1'
    save(again)
    again.wait_for_url(f'{app.url}/')
    assert rows(app, 'SELECT what FROM line ORDER BY line') == [('Tea',), ('Rum',)]
    again.goto(f'{app.url}/invoice/new')
    assert not again.get_by_role('button', name='Bring it back').count()


@pytest.mark.parametrize('width', [320, 3840])
def test_nothing_sticks_out(app: Any, page: Page, width: int) -> None:
    page.set_viewport_size({'width': width, 'height': 800})
    for target in ('/', '/customer/new', '/invoice/new'):
        page.goto(app.url + target)
        assert page.evaluate('document.documentElement.scrollWidth') <= width, target


def test_second_thoughts(app: Any, page: Page) -> None:
    page.goto(f'{app.url}/invoice/new')
    page.get_by_label('Customer').select_option('Ada')
    line(page, 1, 'Tea', '3', '1.15')
    save(page)
    page.get_by_role('link', name='1', exact=True).click()
    line(page, 1, 'Coffee', '1', '9')
    page.keyboard.press('Control+z')  # in a field: what was typed last
    assert rows(app, 'SELECT what FROM line') == [('Tea',)]
    line(page, 1, 'Coffee', '1', '9')
    save(page)
    page.get_by_role('cell', name='9.00').wait_for()
    page.keyboard.press('Control+z')
    page.get_by_text('Undone: Change invoice 1').wait_for()
    assert page.get_by_role('cell', name='3.45').is_visible()
    accessible(page)
    page.keyboard.press('Control+Shift+z')
    page.get_by_text('Redone: Change invoice 1').wait_for()
    assert rows(app, 'SELECT what FROM line') == [('Coffee',)]
    page.get_by_role('link', name='Backups').click()
    page.get_by_role('heading', name='Backups').wait_for()
