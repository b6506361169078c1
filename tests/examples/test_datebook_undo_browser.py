"""Undo in Chromium, on the datebook: by keyboard alone, in two tabs, with Back, and where text is typed; and
a backup that is restored.

What counts as done is what a connection of its own finds in the file.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

SCRIPT = Path(__file__).resolve().parents[2] / 'examples/datebook.py'


@pytest.fixture
def app(serve: Callable[..., Any], page: Page) -> Any:
    page.set_default_timeout(15_000)
    return serve(SCRIPT)


def names(app: Any) -> list[str]:
    with contextlib.closing(sqlite3.connect(next(app.folder.rglob('datebook.sqlite')))) as db:
        return [row[0] for row in db.execute('SELECT name FROM contact ORDER BY contact')]


def add(app: Any, page: Page, name: str) -> None:
    """Add a contact by keyboard alone."""
    page.goto(f'{app.url}/contact/new')
    page.get_by_label('Name').focus()
    page.keyboard.type(name)
    page.keyboard.press('Enter')
    says(page, 'Saved.')


def says(page: Page, text: str) -> None:
    page.get_by_role('status').get_by_text(text, exact=True).wait_for()
    page.wait_for_load_state()  # from then on the page hears its keys


def test_by_keyboard_alone(app: Any, page: Page) -> None:
    add(app, page, 'Ada')
    add(app, page, 'Grace')
    page.keyboard.press('Control+z')
    says(page, 'Undone: Add Grace')
    assert page.get_by_role('heading', level=1).inner_text() == 'Contacts'  # hers is not there any more
    assert names(app) == ['Ada']
    page.keyboard.press('Control+Z')
    says(page, 'Undone: Add Ada')
    page.keyboard.press('Control+Z')  # there is no more
    assert names(app) == []
    for keys, name in (('Control+y', 'Ada'), ('Control+Shift+Z', 'Grace')):
        page.keyboard.press(keys)
        says(page, f'Redone: Add {name}')
    assert names(app) == ['Ada', 'Grace']
    for keys in ('Control+Alt+z', 'Meta+z', 'z', 'Control+Shift+Y', 'Alt+z'):
        page.keyboard.press(keys)
    page.evaluate('''dispatchEvent(new KeyboardEvent('keydown', {key: 'z', ctrlKey: true, repeat: true}))''')
    page.get_by_role('link', name='This week').click()
    page.wait_for_url(f'{app.url}/')
    assert names(app) == ['Ada', 'Grace']
    undo = page.get_by_role('button', name='Undo')
    undo.focus()
    page.keyboard.press('Enter')
    says(page, 'Undone: Add Grace')
    page.reload()
    assert page.get_by_role('status').count() == 0  # it is said once


@pytest.mark.parametrize(('key', 'code'), [('я', 'KeyZ'), ('ζ', 'KeyZ'), ('z', 'KeyY')])
def test_on_other_keyboards(app: Any, page: Page, key: str, code: str) -> None:
    add(app, page, 'Ada')
    page.evaluate('''([key, code]) => document.body.dispatchEvent(
        new KeyboardEvent('keydown', {key, code, ctrlKey: true, bubbles: true}))''', [key, code])
    says(page, 'Undone: Add Ada')


def test_where_text_is_typed_the_browser_undoes(app: Any, page: Page) -> None:
    add(app, page, 'Ada')
    page.goto(f'{app.url}/contact/new')
    name = page.get_by_label('Name')
    name.focus()
    page.keyboard.type('Grace')
    page.keyboard.press('Control+z')
    assert name.input_value() == ''
    page.keyboard.press('Control+z')  # nothing is left to undo there, and nothing else is touched
    page.keyboard.type('Joan')
    page.get_by_role('heading', level=1).click()
    page.keyboard.press('Control+z')  # outside of the field, but the form is not saved
    assert page.url == f'{app.url}/contact/new' and names(app) == ['Ada']
    page.goto(f'{app.url}/contact/')
    page.get_by_label('Search').focus()
    page.keyboard.press('Control+z')
    assert names(app) == ['Ada']
    page.keyboard.press('Tab')  # to a button
    page.keyboard.press('Control+z')
    says(page, 'Undone: Add Ada')


def test_a_form_that_is_not_saved_is_not_lost_to_undo(app: Any, page: Page) -> None:
    add(app, page, 'Ada')
    page.goto(f'{app.url}/contact/new')
    page.get_by_label('Name').click()
    page.keyboard.type('Grace')
    asked: list[str] = []
    page.on('dialog', lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.get_by_role('button', name='Undo').click(no_wait_after=True)
    page.wait_for_function('document.hasFocus()')
    assert page.get_by_label('Name').input_value() == 'Grace'
    assert asked == ['beforeunload'] and names(app) == ['Ada']


def test_pressed_twice_back_and_two_tabs(app: Any, page: Page) -> None:
    for name in ('Ada', 'Grace', 'Joan', 'Olga'):
        add(app, page, name)
    page.goto(f'{app.url}/contact/')
    other = page.context.new_page()
    other.goto(f'{app.url}/task/')
    page.get_by_role('button', name='Undo').dblclick()
    says(page, 'Undone: Add Olga')
    assert names(app) == ['Ada', 'Grace', 'Joan']
    page.keyboard.press('Control+z')
    says(page, 'Undone: Add Joan')
    other.keyboard.press('Control+z')  # its page is from before
    other.get_by_text('out of date').wait_for()
    assert names(app) == ['Ada', 'Grace']
    other.keyboard.press('Control+z')
    says(other, 'Undone: Add Grace')
    page.go_back()
    page.reload()
    assert names(app) == ['Ada']
    page.keyboard.press('Control+y')
    says(page, 'Redone: Add Grace')
    assert names(app) == ['Ada', 'Grace']


def test_without_scripts_and_for_everybody(app: Any, page: Page) -> None:
    add(app, page, 'نجيب محفوظ')
    context = page.context.browser.new_context(java_script_enabled=False)  # type: ignore[union-attr]
    plain = context.new_page()
    plain.goto(app.url)
    plain.get_by_role('button', name='Undo').click()
    says(plain, 'Undone: Add نجيب محفوظ')
    plain.get_by_role('button', name='Redo').click()
    says(plain, 'Redone: Add نجيب محفوظ')
    context.close()
    page.goto(app.url)
    page.keyboard.press('Control+z')
    says(page, 'Undone: Add نجيب محفوظ')
    for scheme in ('light', 'dark'):
        for width in (360, 1200):
            # With no colours on their way from one scheme to the other.
            page.emulate_media(color_scheme=scheme, reduced_motion='reduce')  # type: ignore[arg-type]
            page.set_viewport_size({'width': width, 'height': 700})
            assert page.evaluate('document.documentElement.scrollWidth') <= width
            page.evaluate(files('axe_playwright_python').joinpath('axe.min.js').read_text(encoding='utf-8'))
            found = page.evaluate('async () => (await axe.run()).violations')
            assert not found, [(each['id'], [node['html'] for node in each['nodes']]) for each in found]
    boxes = [page.get_by_role('button', name=name).bounding_box() for name in ('Undo', 'Redo')]
    assert boxes[0] and boxes[1] and abs(boxes[0]['y'] - boxes[1]['y']) < 1


def test_a_backup_is_restored(serve: Callable[..., Any], page: Page) -> None:
    first = serve(SCRIPT)
    add(first, page, 'Ada')
    first.end()
    app = serve(SCRIPT)
    add(app, page, 'Grace')
    page.get_by_role('link', name='Backups').click()
    page.get_by_role('link', name='Restore').first.click()
    page.get_by_role('button', name='Restore it').click()
    page.get_by_text('Everything is as it was').wait_for()
    assert names(app) == ['Ada']
    page.get_by_role('link', name='To the start').click()
    page.get_by_text(re.compile('cannot be undone any more')).wait_for()
    assert page.get_by_role('button', name='Undo').is_disabled()
