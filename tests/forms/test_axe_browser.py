"""axe-core on the forms of the datebook, shown and refused: no violation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

SCRIPT = Path(__file__).resolve().parents[2] / 'examples/datebook.py'


@pytest.mark.parametrize('path', ['/contact/new', '/task/new', '/appointment/new', '/contact/1/edit',
                                  '/contact/1/delete'])
def test_a_form_of_the_datebook(serve: Callable[..., Any], page: Page, axe: Callable[[Page], None],
                                path: str) -> None:
    app = serve(SCRIPT)
    app.post('/contact/new', {'name': 'Ada', 'phone': '', 'email': '', 'address': '', 'memo': ''})
    page.goto(app.url + path)
    axe(page)
    if not path.endswith('delete'):
        page.evaluate('for (const form of document.forms) form.noValidate = true')
        page.locator('form input[required], form textarea[required]').first.fill('')
        page.get_by_role('button', name='Save', exact=True).click()
        page.get_by_role('alert').wait_for()
        axe(page)
