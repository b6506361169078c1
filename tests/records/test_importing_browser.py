"""Import in Chromium: preview, progress, cancel, undo; the pages are sound for a reader and on a phone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

SCRIPT = '''
import sys
from kali import serve_http
from kali.records import Records
from kali.sqlite import connect
db = connect(sys.argv[1])
db.execute('CREATE TABLE IF NOT EXISTS sale (sale INTEGER PRIMARY KEY, customer TEXT NOT NULL, amount REAL)')
serve_http(Records(db, title='Sales'))
'''


def choose(page: Page, served: Any, file: Path) -> None:
    page.goto(f'{served.url}/table/sale/')
    page.get_by_role('link', name='Import').click()
    page.get_by_label('File').set_input_files(file)
    page.get_by_role('button', name='Preview').click()


def test_a_big_file_shows_its_progress_and_can_be_cancelled(serve: Callable[..., Any], page: Page,
                                                            tmp_path: Path,
                                                            axe: Callable[[Page], None]) -> None:
    served = serve(SCRIPT, str(tmp_path / 'sales.sqlite'))
    file = tmp_path / 'sales.csv'
    file.write_text('Customer;Amount\n' + ''.join(f'Customer {n};{n % 90},50\n' for n in range(1_500_000)))
    choose(page, served, file)
    assert page.get_by_label('Delimiter').input_value() == ';'
    assert page.get_by_label('Decimal mark').input_value() == ','
    axe(page)
    page.get_by_role('button', name='Import', exact=True).click()
    page.wait_for_function('() => (document.querySelector("progress") || {}).value > 0')
    axe(page)
    assert served.get('/').status == 200, 'other pages come between two steps'
    page.get_by_role('button', name='Cancel').click()
    page.get_by_text('Cancelled').wait_for()
    page.goto(f'{served.url}/table/sale/')
    assert page.locator('tr[data-key]').count() == 0


def test_bad_rows_are_shown_and_the_rest_is_undone_at_once(serve: Callable[..., Any], page: Page,
                                                           tmp_path: Path,
                                                           axe: Callable[[Page], None]) -> None:
    served = serve(SCRIPT, str(tmp_path / 'sales.sqlite'))
    file = tmp_path / 'sales.csv'
    file.write_bytes('Customer;Amount\nMüller;12,50\nŠimek;x\n'.encode('utf-16'))
    choose(page, served, file)
    page.get_by_label('If a row is bad').select_option('it is left out')
    page.get_by_role('button', name='Import', exact=True).click()
    page.get_by_text('Done').wait_for()
    assert page.get_by_role('row', name='3 Amount').count() == 1
    axe(page)
    with page.expect_download() as download:
        page.get_by_role('link', name='The bad rows as a file').click()
    assert download.value.suggested_filename == 'sales (bad).csv'
    page.get_by_role('link', name='See the list').click()
    assert page.get_by_text('Müller').count() == 1
    page.get_by_role('button', name='Undo').click()
    page.get_by_text('Undone: ').wait_for()
    assert page.get_by_text('Müller').count() == 0


def test_pasted_cells_on_a_phone_with_the_keyboard_alone(serve: Callable[..., Any], page: Page,
                                                         tmp_path: Path) -> None:
    served = serve(SCRIPT, str(tmp_path / 'sales.sqlite'))
    page.set_viewport_size({'width': 360, 'height': 700})
    page.goto(f'{served.url}/table/sale/import')
    page.get_by_label('or cells').focus()
    page.keyboard.insert_text('Customer\tAmount\nAnn\t1.5\nBob\t2\n')
    page.keyboard.press('Tab')
    page.keyboard.press('Enter')
    page.get_by_role('button', name='Import', exact=True).wait_for()
    assert page.evaluate('document.documentElement.scrollWidth <= innerWidth')
    page.get_by_role('button', name='Import', exact=True).focus()
    page.keyboard.press('Enter')
    page.get_by_text('Done').wait_for()
    assert '2' in page.locator('dl').inner_text()
    page.goto(f'{served.url}/table/sale/charts?by=customer&value=sum%3Aamount')
    assert page.get_by_role('img').count() == 1
    assert page.evaluate('document.documentElement.scrollWidth <= innerWidth')
