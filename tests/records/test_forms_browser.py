"""Forms and cells of records in Chromium: by keyboard alone, saved once, and nothing lost."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page

SCRIPT = '''
from kali import serve_http
from kali.records import Records, Table
from kali.sqlite import connect

db = connect('shop.sqlite')
db.executescript("""
CREATE TABLE IF NOT EXISTS customer (customer INTEGER PRIMARY KEY, name TEXT NOT NULL, photo BLOB);
CREATE TABLE IF NOT EXISTS job (job INTEGER PRIMARY KEY, customer INT NOT NULL REFERENCES customer,
    received DATE, status TEXT NOT NULL DEFAULT 'new' CHECK (status IN ('new', 'done')),
    price DECIMAL(8, 2), notes TEXT);
CREATE TABLE IF NOT EXISTS job_line (job_line INTEGER PRIMARY KEY,
    job INT NOT NULL REFERENCES job ON DELETE CASCADE, position INT NOT NULL, what TEXT NOT NULL,
    UNIQUE (job, position));
INSERT OR IGNORE INTO customer (customer, name) VALUES (1, 'Ada'), (2, 'Bo');
INSERT OR IGNORE INTO job VALUES (1, 1, '2026-02-01', 'new', 20, 'x'), (2, 2, NULL, 'done', 30, NULL),
    (3, 2, NULL, 'new', 5.5, NULL);
INSERT OR IGNORE INTO job_line VALUES (1, 1, 1, 'Chain'), (2, 1, 2, 'Tyre'), (3, 1, 3, 'Bell');
""")
serve_http(Records(db, title='Shop', tables=[Table('job', children=['job_line']), 'customer', 'job_line']))
'''


class Shop:
    """The program, a page of it, and its file."""

    def __init__(self, url: str, page: Page, path: Any) -> None:
        self.url, self.page, self.path = url, page, path

    def go(self, path: str) -> None:
        self.page.goto(self.url + path)

    def list(self) -> None:
        """The list of jobs, once its script is there."""
        self.go('/table/job/')
        self.page.locator('[data-column][tabindex="0"]').wait_for()

    def sql(self, sql: str) -> list[Any]:
        with sqlite3.connect(self.path) as db:
            found = db.execute(sql).fetchall()
        db.close()
        return found


@pytest.fixture
def shop(serve: Callable[..., Any], page: Page) -> Iterator[Shop]:
    served = serve(SCRIPT)
    return Shop(served.url, page, served.folder / 'shop.sqlite')


def cell(shop: Shop, row: str, column: str) -> Any:
    return shop.page.locator(f'tr[data-key="{row}"] [data-column="{column}"]')


def test_cells_are_changed_by_keyboard_alone(shop: Shop, axe: Callable[[Page], None]) -> None:
    shop.list()
    page, keyboard = shop.page, shop.page.keyboard
    axe(page)
    cell(shop, '1', 'customer').focus()
    keyboard.press('ArrowRight')
    keyboard.press('ArrowRight')
    keyboard.press('ArrowDown')
    keyboard.press('ArrowUp')
    keyboard.press('Enter')
    page.locator('select[name="status"]').wait_for()
    axe(page)
    keyboard.press('d')  # done
    keyboard.press('Tab')  # saves, and goes on to the next
    page.locator('input[name="price"]').wait_for()
    assert shop.sql('SELECT status FROM job WHERE job = 1') == [('done',)]
    keyboard.type('12,50')
    keyboard.press('Enter')
    page.locator('td form').wait_for(state='detached')
    assert shop.sql('SELECT price FROM job WHERE job = 1') == [(12.5,)]
    keyboard.press('F2')
    page.locator('input[name="price"]').wait_for()
    keyboard.type('99')
    keyboard.press('Escape')
    assert page.locator('input[name="price"]').count() == 0
    assert shop.sql('SELECT price FROM job WHERE job = 1') == [(12.5,)]
    keyboard.press('Control+z')  # the frame's Undo knows of it
    page.wait_for_load_state()
    page.get_by_text('20').first.wait_for()
    assert shop.sql('SELECT price FROM job WHERE job = 1') == [(20,)]


def test_a_cell_that_is_wrong_or_that_another_changed_stays_open(shop: Shop) -> None:
    shop.list()
    page = shop.page
    cell(shop, '1', 'price').dblclick()
    box = page.locator('input[name="price"]')
    box.fill('dear')
    box.press('Enter')
    page.locator('.error').wait_for()
    assert box.input_value() == 'dear' and box.evaluate('each => each === document.activeElement')
    shop.sql("UPDATE job SET price = 77 WHERE job = 1")
    box.fill('88')
    box.press('Enter')
    page.get_by_text('meanwhile').first.wait_for()
    assert shop.sql('SELECT price FROM job WHERE job = 1') == [(77,)]
    page.get_by_label('Keep what stands here').check()
    page.locator('td form button').first.click()
    page.locator('td form').wait_for(state='detached')
    assert shop.sql('SELECT price FROM job WHERE job = 1') == [(88,)]
    cell(shop, '2', 'notes').dblclick()
    page.locator('textarea[name="notes"]').fill('left by a click')
    cell(shop, '3', 'price').click()
    page.locator('td form').wait_for(state='detached')
    assert shop.sql('SELECT notes FROM job WHERE job = 2') == [('left by a click',)]


def test_rows_of_a_form_are_moved_added_and_saved_once(shop: Shop, axe: Callable[[Page], None]) -> None:
    shop.go('/table/job/1/edit')
    page = shop.page
    axe(page)
    page.get_by_role('button', name='Move row 3 up').press('Enter')
    page.keyboard.press('Enter')
    page.get_by_role('button', name='Add a row').click()
    page.keyboard.press('Tab')
    page.keyboard.type('Oil')
    page.get_by_role('button', name='Save').last.dblclick()
    page.wait_for_url('**/table/job/1?**')
    assert shop.sql('SELECT what, position FROM job_line WHERE job = 1 ORDER BY position') == [
        ('Bell', 1), ('Chain', 2), ('Tyre', 3), ('Oil', 4)]
    page.go_back()
    page.go_forward()
    page.reload()
    assert shop.sql('SELECT count(*) FROM job_line') == [(4,)]


def test_enter_saves_and_new_comes_back_with_what_was_typed(shop: Shop, axe: Callable[[Page], None]) -> None:
    shop.go('/table/job/new')
    page = shop.page
    page.locator('#notes').fill('typed before')
    page.locator('#price').fill('7')
    page.get_by_role('button', name='New: Customer').click()
    page.wait_for_url('**/table/customer/new**')
    axe(page)
    page.locator('#name').fill('Cleo')
    page.locator('#name').press('Enter')
    page.wait_for_url('**/table/job/new**')
    assert page.locator('#notes').input_value() == 'typed before'
    assert page.locator('#customer').evaluate('each => each.selectedOptions[0].text') == 'Cleo'
    page.locator('#price').press('Enter')
    page.wait_for_url('**/table/job/4?**')
    assert shop.sql('SELECT customer, notes, price FROM job WHERE job = 4') == [(3, 'typed before', 7)]


def test_cells_from_a_spreadsheet_are_pasted_into_the_list(shop: Shop, axe: Callable[[Page], None]) -> None:
    shop.list()
    page = shop.page
    target = cell(shop, '1', 'status')
    target.focus()
    target.evaluate('''(cell) => {
        const data = new DataTransfer();
        data.setData('text/plain', 'done\\t1,50\\r\\nlost\\t2\\r\\n');
        const event = new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true });
        cell.dispatchEvent(event);
    }''')
    page.get_by_role('button', name='Save the others').wait_for()
    axe(page)
    assert shop.sql('SELECT status, price FROM job WHERE job = 1') == [('new', 20)]
    page.get_by_role('button', name='Save the others').click()
    page.wait_for_url('**/table/job/')
    assert shop.sql('SELECT status, price FROM job ORDER BY job LIMIT 2') == [('done', 1.5), ('done', 2)]


def test_several_rows_by_their_boxes(shop: Shop, axe: Callable[[Page], None]) -> None:
    shop.list()
    page = shop.page
    for box in page.locator('input[name="key"]').all()[:2]:
        box.check()
    page.get_by_text('With several rows').click()
    axe(page)
    page.locator('#rows button[value="delete"]').click()
    page.get_by_role('heading', name='Delete 2 × Job?').wait_for()
    assert page.get_by_text('3 × Job line').is_visible()
    axe(page)
    page.get_by_role('button', name='Delete').dblclick()
    page.wait_for_url('**/table/job/?notice=deleted')
    assert shop.sql('SELECT job FROM job') == [(3,)]


def test_a_cell_with_many_choices_is_a_search_box(shop: Shop) -> None:
    shop.sql("WITH RECURSIVE n (i) AS (SELECT 3 UNION ALL SELECT i + 1 FROM n WHERE i < 90) "
             "INSERT INTO customer (customer, name) SELECT i, 'Customer ' || i FROM n")
    shop.list()
    page = shop.page
    cell(shop, '1', 'customer').focus()
    page.keyboard.press('Enter')
    box = page.locator('input[name="customer"]')
    box.wait_for()
    box.fill('mer 7')
    page.locator('datalist option[value="Customer 77"]').wait_for(state='attached')
    box.press('Enter')  # which of eleven?
    page.get_by_label('Customer 78').check()
    page.locator('td form .buttons button').click()
    page.locator('td form').wait_for(state='detached')
    assert shop.sql('SELECT customer FROM job WHERE job = 1') == [(78,)]
    assert 'Customer 78' in (cell(shop, '1', 'customer').text_content() or '')


def test_what_somebody_uploaded_never_runs(shop: Shop) -> None:
    page = shop.page
    dialogs: list[str] = []
    page.on('dialog', lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    for name, kind, content in (
            ('a.svg', 'image/svg+xml', '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'),
            ('a.html', 'text/html', '<script>alert(1)</script>'),
            ('a.png', 'image/png', '\x89PNG\r\n\x1a\n<script>alert(1)</script>')):
        shop.go('/table/customer/1/edit')
        page.locator('input[type="file"]').set_input_files({
            'name': name, 'mimeType': kind, 'buffer': content.encode('latin-1')})
        page.get_by_role('button', name='Save').last.click()
        page.wait_for_url('**/table/customer/1?**')
        assert shop.sql('SELECT photo FROM customer WHERE customer = 1') == [(content.encode('latin-1'),)]
        shop.go('/table/customer/')
        if name == 'a.png':  # shown, as the broken picture that it is
            page.goto(f'{shop.url}/table/customer/1/file/photo')
        else:
            with page.expect_download():
                page.locator('a[href$="/file/photo"]').first.click()
    assert not dialogs


@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_pages_that_ask_something_are_accessible(shop: Shop, axe: Callable[[Page], None],
                                                 scheme: Any) -> None:
    page = shop.page
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({'width': 360 if scheme == 'dark' else 1400, 'height': 800})
    shop.go('/table/job/1/edit')
    page.locator('#notes').fill('mine')
    shop.sql("UPDATE job SET notes = 'theirs' WHERE job = 1")
    shop.sql("UPDATE job_line SET what = 'Wheel' WHERE job_line = 1")
    page.get_by_role('button', name='Save').click()
    page.locator('.errors').wait_for()
    axe(page)  # a conflict, in a field and in rows
    shop.sql("INSERT INTO customer (name, photo) VALUES ('Cleo', x'474946383961')")
    for url in ('/table/customer/3/edit', '/table/job/1/delete', '/table/job/paste', '/table/job/1/copy',
                '/table/job/cell?key=1&column=price', '/table/customer/1/delete'):
        shop.go(url)
        axe(page)
    shop.go('/table/job/new')
    page.locator('#customer').select_option('Ada')
    page.locator('#price').fill('dear')
    page.get_by_role('button', name='Save').click()
    page.locator('#price-error').wait_for()
    axe(page)
