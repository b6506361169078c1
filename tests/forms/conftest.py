"""What the tests of forms share: axe-core, which finds what keeps people from using a page."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page


@pytest.fixture(scope='session')
def axe() -> Callable[[Page], None]:
    """`axe(page)` fails if axe-core finds a violation on the page, and says which and where."""
    script = files('axe_playwright_python').joinpath('axe.min.js').read_text(encoding='utf-8')

    def look(page: Page) -> None:
        page.evaluate(script)
        found = page.evaluate('async () => (await axe.run()).violations')
        assert not found, [(each['id'], each['help'], [node['html'] for node in each['nodes']])
                           for each in found]

    return look
