"""Primes in Chromium: each way gives the same number, and which of them lets another window go on."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

SCRIPT = Path(__file__).resolve().parents[2] / 'examples/primes.py'
pytestmark = pytest.mark.browser


@pytest.mark.parametrize('name', ['In a process', 'In all processes', 'As a coroutine', 'In the thread'])
def test_each_way_and_another_window(name: str, serve: Callable[..., Any], page: Page,
                                     axe: Callable[[Page], None]) -> None:
    served = serve(SCRIPT)
    other = page.context.new_page()
    for each in (page, other):
        each.goto(served.url)
    axe(page)
    page.get_by_role('button', name=name).click(no_wait_after=True)
    begun = time.monotonic()
    other.reload()
    other.get_by_text('Which way?').wait_for()
    took = time.monotonic() - begun
    page.get_by_text('There are 148,933 primes below 2,000,000.').wait_for()
    assert took < 10
