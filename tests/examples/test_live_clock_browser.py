"""The live clock in Chromium, in two windows; and without scripts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Browser, Page

SCRIPT = Path(__file__).resolve().parents[2] / 'examples/live_clock.py'
pytestmark = pytest.mark.browser


def counted(page: Page, number: int) -> None:
    page.wait_for_function('(said) => document.getElementById("count").innerText === said',
                           arg=f'Counted to {number}.')


def test_both_windows_tick_and_count(serve: Callable[..., Any], page: Page,
                                     axe: Callable[[Page], None]) -> None:
    url = serve(SCRIPT).url
    other = page.context.new_page()
    for each in (page, other):
        each.goto(url)
    axe(page)
    for each in (page, other):
        first = each.locator('#clock').inner_text()
        each.wait_for_function('(first) => document.getElementById("clock").innerText !== first', arg=first)
    page.evaluate('window.stays = true')
    for number, each in enumerate((page, other, page), 1):
        each.get_by_role('button', name='Count').click()
        counted(page, number)
        counted(other, number)
    assert page.evaluate('window.stays'), 'the page was never left'
    other.close()
    page.get_by_role('button', name='Count').click()
    counted(page, 4)
    late = page.context.new_page()
    late.goto(url)
    counted(late, 4)
    first = late.locator('#clock').inner_text()
    late.wait_for_function('(first) => document.getElementById("clock").innerText !== first', arg=first)


def test_without_scripts(serve: Callable[..., Any], browser: Browser) -> None:
    served = serve(SCRIPT)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(served.url)
    for number in (1, 2):
        page.get_by_role('button', name='Count').click()
        assert page.locator('#count').inner_text() == f'Counted to {number}.'
    page.get_by_role('link', name='The source').click()
    assert 'serve_http(app)' in page.content()
    context.close()
