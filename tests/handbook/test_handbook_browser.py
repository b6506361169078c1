"""The handbook in Chromium: it is searched as one types, and axe-core finds nothing on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

SCRIPT = """
from kali import serve_http
from kali.handbook import handbook
serve_http(handbook, start=None, port=0)
"""


@pytest.fixture
def address(serve: Callable[..., Any]) -> str:
    return f'{serve(SCRIPT).url}/'


def test_it_is_searched_as_one_types(address: str, page: Page) -> None:
    page.goto(f'{address}forms')
    page.get_by_role('searchbox').press_sequentially('decimal comma', delay=10)
    found = page.get_by_role('link', name='A decimal comma')
    expect(found).to_be_visible()
    expect(page.get_by_role('searchbox')).to_be_focused()
    found.click()
    expect(page.get_by_role('heading', name='A decimal comma')).to_be_in_viewport()
    page.go_back()
    page.get_by_role('searchbox').fill('<b>"&')
    expect(page.get_by_text('Nothing has all of these: <b>"&')).to_be_visible()


@pytest.mark.parametrize('width', [380, 1300])
@pytest.mark.parametrize('scheme', ['light', 'dark'])
@pytest.mark.parametrize('name', ['', 'looks', 'tutorial', 'errors', 'error-undo', 'search?q=form',
                                  'reference-filters'])
def test_axe_finds_nothing(address: str, page: Page, axe: Callable[[Page], None], name: str, scheme: str,
                           width: int) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({'width': width, 'height': 800})
    page.goto(address + name)
    axe(page)
    assert page.evaluate('document.documentElement.scrollWidth') <= width


def test_print_has_the_text_alone(address: str, page: Page) -> None:
    page.goto(f'{address}tasks')
    page.emulate_media(media='print')
    expect(page.get_by_role('navigation').first).to_be_hidden()
    expect(page.get_by_role('searchbox')).to_be_hidden()
    expect(page.get_by_role('heading', name='A decimal comma')).to_be_visible()
