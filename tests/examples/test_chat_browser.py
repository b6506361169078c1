"""The chat in Chromium: two windows of one browser and one of another, ten windows, and no scripts at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Browser, Page

SCRIPT = Path(__file__).resolve().parents[2] / 'examples/chat.py'
pytestmark = pytest.mark.browser


def said(page: Page) -> list[str]:
    return [each.partition('\n')[2] for each in page.locator('#messages li').all_inner_texts()]


def test_two_windows_and_another_browser(serve: Callable[..., Any], browser: Browser, page: Page,
                                         axe: Callable[[Page], None]) -> None:
    url = serve(SCRIPT).url
    elsewhere = browser.new_context()
    ann, bob, zoe = page, page.context.new_page(), elsewhere.new_page()
    for each in (ann, bob, zoe):
        each.goto(url)
    zoe.get_by_label('Say').fill('half a sent')
    zoe.get_by_label('Say').evaluate('(input) => input.setSelectionRange(2, 4)')
    ann.get_by_label('Your name').fill('Ann')
    ann.get_by_label('Say').fill('<b>hello</b> & good morning')
    ann.keyboard.press('Enter')
    for each in (ann, bob, zoe):
        each.get_by_text('<b>hello</b> & good morning').wait_for()
    assert zoe.get_by_label('Say').input_value() == 'half a sent'
    assert zoe.evaluate('[document.activeElement.name, document.activeElement.selectionStart]') == ['text', 2]
    # What was said is out of the field, the name is in it, and one can type on.
    ann.wait_for_function('() => document.getElementById("text").value === ""')
    assert ann.get_by_label('Your name').input_value() == 'Ann'
    ann.keyboard.type('and more')
    ann.keyboard.press('Enter')
    zoe.get_by_text('and more').wait_for()
    zoe.get_by_label('Your name').fill('Zoë')
    zoe.get_by_label('Say').fill('late, but here')
    zoe.keyboard.press('Enter')
    for each in (ann, bob, zoe):
        each.get_by_text('late, but here').wait_for()
        assert said(each) == ['<b>hello</b> & good morning', 'and more', 'late, but here']
    axe(ann)
    elsewhere.close()


def test_ten_windows_share_a_connection(serve: Callable[..., Any], page: Page) -> None:
    """Six streams to one host would keep the seventh page from loading."""
    served = serve(SCRIPT)
    pages = [page, *(page.context.new_page() for _ in range(9))]
    for each in pages:
        each.goto(served.url)
    served.post('/say', {'name': 'Ann', 'text': 'to all of you'})
    for each in pages:
        each.get_by_text('to all of you').wait_for()
    for each in pages[:5]:  # the one that holds the connection among them
        each.close()
    served.post('/say', {'name': 'Ann', 'text': 'to those who stay'})
    for each in pages[5:]:
        each.get_by_text('to those who stay').wait_for()
        assert said(each) == ['to all of you', 'to those who stay']


def test_without_scripts(serve: Callable[..., Any], browser: Browser) -> None:
    served = serve(SCRIPT)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(served.url)
    for text in ('one', 'two'):
        page.get_by_label('Your name').fill('Ann')
        page.get_by_label('Say').fill(text)
        page.get_by_role('button', name='Send').click()
    assert said(page) == ['one', 'two'] and page.get_by_label('Your name').input_value() == 'Ann'
    context.close()
