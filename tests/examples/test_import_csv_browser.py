"""The import in Chromium: one window watches and cancels it, the other works on meanwhile."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Browser, Page

SCRIPT = Path(__file__).resolve().parents[2] / 'examples/import_csv.py'
pytestmark = pytest.mark.browser


def count(page: Page) -> int:
    found = re.search('There are ([0-9,]+) sales', page.locator('main').inner_text())
    assert found is not None
    return int(found[1].replace(',', ''))


def test_one_window_watches_and_the_other_works(serve: Callable[..., Any], page: Page,
                                                axe: Callable[[Page], None]) -> None:
    served = serve(SCRIPT)
    other = page.context.new_page()
    for each in (page, other):
        each.goto(served.url)
    page.get_by_role('button', name='Make a file').click()
    page.get_by_text('Done').wait_for()
    path = next(served.folder.rglob('sales.csv'))
    head, _, rows = path.read_text('utf-8').partition('\n')
    path.write_text(head + '\n' + rows * 8, 'utf-8')  # so that there is time to watch, on a quick machine too
    page.goto(served.url)
    page.get_by_role('button', name='Import it').click()
    watching = page.url
    other.goto(watching)
    page.wait_for_function('() => (document.querySelector("progress") || {}).value > 0')
    before = page.locator('progress').evaluate('(bar) => bar.value')
    page.wait_for_function('(before) => document.querySelector("progress").value > before', arg=before)
    times = []
    for _ in range(5):
        begun = time.monotonic()
        assert served.get('/').status == 200
        times.append(time.monotonic() - begun)
    page.get_by_role('button', name='Cancel').dispatch_event('click')  # it moves while messages come
    assert sorted(times)[2] < 1, 'other pages come between two steps'
    for each in (page, other):
        each.get_by_text('Cancelled').wait_for()
        each.get_by_text('It had come this far: ').wait_for()
        axe(each)
    other.goto(served.url)
    other.get_by_role('link', name='Jobs').click()
    other.get_by_role('link', name='Import sales').click()
    assert other.url == watching
    other.goto(served.url)
    so_far = count(other)
    assert 0 < so_far < 1_600_000 and so_far % 1000 == 0, 'whole batches, and no more'
    other.get_by_role('button', name='Delete all sales').click()
    assert count(other) == 0


def test_all_rows_without_scripts(serve: Callable[..., Any], browser: Browser) -> None:
    """The page of a job asks for itself again."""
    served = serve(SCRIPT)
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(60_000)
    page = context.new_page()
    for name in ('Make a file', 'Import it'):
        page.goto(served.url)
        page.get_by_role('button', name=name).click()
        page.get_by_text('Done').wait_for()
    page.get_by_role('link', name='See them').click()
    assert count(page) == 200_000
    context.close()
