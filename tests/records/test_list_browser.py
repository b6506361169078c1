"""Lists in Chromium: in light and dark, narrow and wide, on paper, by keyboard, and with hostile cells."""

from __future__ import annotations

import re
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
CREATE TABLE maker (maker INTEGER PRIMARY KEY, name TEXT NOT NULL, "on" BOOLEAN);
CREATE TABLE bike (bike INTEGER PRIMARY KEY, maker INT REFERENCES maker, model TEXT, price DECIMAL(10,2),
    bought DATE, status TEXT CHECK (status IN ('new', 'used')), photo BLOB, note TEXT);
CREATE VIEW cheap AS SELECT model, price FROM bike WHERE price < 30;
INSERT INTO maker VALUES (1, 'Diamant', 1), (2, '<img src=x onerror=alert(1)>', 0), (3, NULL || 'x', NULL);
WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 160)
INSERT INTO bike SELECT x, x % 3 + 1, 'Model ' || x, x * 1.25, date('2024-01-01', printf('+%d days', x * 5)),
    CASE x % 3 WHEN 0 THEN 'new' WHEN 1 THEN 'used' END, NULL, printf('%.*c', x, 'y') FROM n;
UPDATE bike SET model = '<script>document.title = "hacked"</script>' WHERE bike = 2;
""")
serve_http(Records(db, title='Shop', tables=[
    Table('bike', mark=lambda bike: 'late' if bike['bike'] % 7 == 0 else None), 'maker', 'cheap']))
'''


@pytest.fixture
def url(serve: Callable[..., Any]) -> Iterator[str]:
    return serve(SCRIPT.replace("NULL || 'x'", "'Zoë'")).url


PAGES = ['/', '/table/bike/', '/table/bike/?q=model&is.status=used&in.bought=2024&order=-price',
         '/table/bike/7', '/table/maker/1', '/table/cheap/', '/search?q=model', '/table/bike/?order=nope',
         '/table/bike/?q=zzzz']


@pytest.mark.parametrize('scheme', ['light', 'dark'])
@pytest.mark.parametrize('width', [1300, 360])
def test_pages_are_accessible_and_no_wider_than_the_window(url: str, page: Page, axe: Callable[[Page], None],
                                                           scheme: Any, width: int) -> None:
    page.set_viewport_size({'width': width, 'height': 800})
    page.emulate_media(color_scheme=scheme, reduced_motion='reduce')
    for path in PAGES:
        page.goto(url + path)
        axe(page)
        assert page.evaluate('document.documentElement.scrollWidth <= innerWidth'), path
        assert 'hacked' not in page.title() and page.locator('nav a', has_text='Maker').count()


def test_by_keyboard_alone(url: str, page: Page) -> None:
    page.goto(f'{url}/table/bike/')
    keyboard = page.keyboard
    page.get_by_role('link', name='Price').focus()
    keyboard.press('Enter')
    page.wait_for_url('**order=price')
    page.get_by_role('link', name='Price').focus()
    keyboard.press('Enter')
    page.wait_for_url('**order=-price')
    assert page.locator('th[aria-sort=descending]').inner_text().startswith('Price')
    assert page.locator('tbody tr').first.get_attribute('data-key') == '160'
    page.get_by_role('searchbox').focus()
    keyboard.type('model 15')
    keyboard.press('Enter')
    page.wait_for_url('**q=model+15**')
    assert page.locator('tbody tr').count() == 19  # 15, 150 to 159, and a 15th of a month
    page.get_by_role('link', name=re.compile(r'^new \(\d+\)$')).focus()
    keyboard.press('Enter')
    page.wait_for_url('**is.status=new**')
    page.get_by_role('button', name='Save this view').focus()
    keyboard.press('Enter')
    page.get_by_role('link', name='“model 15”, Status: new, Price ↓', exact=True).wait_for()
    page.get_by_role('button', name='Undo').focus()
    keyboard.press('Enter')
    page.get_by_text('Undone: Save the view').wait_for()
    page.goto(f'{url}/table/bike/')
    for word, first in ('Next', '51'), ('Last', '111'), ('Previous', '61'), ('First', '1'):
        page.get_by_role('link', name=word, exact=True).focus()
        keyboard.press('Enter')
        page.locator(f'tbody tr:first-child[data-key="{first}"]').wait_for()
    page.locator('tbody tr').first.get_by_role('link').first.focus()
    keyboard.press('Enter')
    page.wait_for_url('**/table/bike/1')
    page.get_by_role('link', name='<img src=x onerror=alert(1)>').wait_for()


def test_on_paper_there_is_the_table_and_nothing_to_press(url: str, page: Page) -> None:
    page.goto(f'{url}/table/bike/')
    page.emulate_media(media='print')
    assert page.locator('table').is_visible() and page.locator('caption').inner_text() == '160 records'
    for hidden in 'nav', 'aside', 'form[role=search]', 'button':
        assert not page.locator(hidden).first.is_visible(), hidden
