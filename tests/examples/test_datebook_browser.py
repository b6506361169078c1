"""The datebook in Chromium: a day of work in it with the mouse, and the same by keyboard alone.

What counts as saved is what sqlite3 finds in the file, in another process.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Locator, Page

SCRIPT = Path(__file__).resolve().parents[2] / 'examples/datebook.py'
TODAY = date.today()
SOON = (TODAY + timedelta(2)).isoformat()
ASK = ('import json, sqlite3, sys; db = sqlite3.connect(sys.argv[1]); '
       'print(json.dumps(db.execute(sys.argv[2]).fetchall()))')


@pytest.fixture
def app(serve: Callable[..., Any], page: Page) -> Any:
    page.set_default_timeout(15_000)
    return serve(SCRIPT)


def on_disk(served: Any, sql: str) -> list[list[Any]]:
    """The rows of a query, as another process finds them in the file."""
    command = [sys.executable, '-c', ASK, str(next(served.folder.rglob('datebook.sqlite'))), sql]
    rows: list[list[Any]] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return rows


def button(page: Page, name: str) -> Locator:
    return page.get_by_role('button', name=name, exact=True)


def link(page: Page, name: str) -> Locator:
    return page.get_by_role('link', name=name, exact=True)


def notice(page: Page) -> str:
    return page.get_by_role('status').inner_text()


def add_contact(app: Any, page: Page, name: str) -> None:
    page.goto(f'{app.url}/contact/new')
    page.get_by_label('Name').fill(name)
    button(page, 'Save').click()
    assert notice(page) == 'Saved.'


def test_a_day_of_work(app: Any, page: Page) -> None:
    # Contacts are added; a reload of what comes after adds nothing.
    page.goto(app.url)
    assert page.get_by_text('There are no appointments.').is_visible()
    link(page, 'Contacts').click()
    link(page, 'New contact').click()
    page.get_by_label('Name').fill('نجيب محفوظ')
    page.get_by_label('E-mail').fill('naguib@qahira.example')
    button(page, 'Save').click()
    assert notice(page) == 'Saved.'
    assert page.get_by_role('heading', level=1).inner_text() == 'نجيب محفوظ'
    page.reload()
    add_contact(app, page, 'Grace Hopper')
    add_contact(app, page, '<script>document.title = "run"</script>')
    assert on_disk(app, 'SELECT name FROM contact ORDER BY contact') == [
        ['نجيب محفوظ'], ['Grace Hopper'], ['<script>document.title = "run"</script>']]
    assert page.title().startswith('<script>')

    # An appointment, with a contact that is searched for on the way.
    link(page, 'Appointments').click()
    link(page, 'New appointment').click()
    page.get_by_label('Date').fill(SOON)
    page.get_by_label('What is it about?').fill('Coffee\nat nine 🌸')
    button(page, 'Choose a contact …').click()
    page.get_by_label('Search').fill('QAHIRA')
    page.get_by_label('Search').press('Enter')
    page.get_by_text('1 to 1 of 1 with').wait_for()
    link(page, 'Choose نجيب محفوظ').click()
    page.wait_for_url(re.compile('contact=1'))
    assert page.get_by_label('Date').input_value() == SOON
    assert page.get_by_label('What is it about?').input_value() == 'Coffee\nat nine 🌸'
    assert link(page, 'نجيب محفوظ').is_visible()
    button(page, 'Save').click()
    assert notice(page) == 'Saved.'
    page.reload()
    assert on_disk(app, 'SELECT date, note, contact FROM appointment') == [[SOON, 'Coffee\nat nine 🌸', 1]]

    # It is on the first page, and leads to the contact.
    link(page, 'This week').click()
    page.get_by_role('heading', name='To do').wait_for()
    assert page.get_by_role('row', name='Coffee').get_by_role('link').count() == 2
    link(page, 'نجيب محفوظ').click()
    page.wait_for_url('**/contact/1')
    assert link(page, 'Coffee at nine 🌸').is_visible()


def titles(page: Page) -> list[str]:
    return [text.strip() for text in page.locator('tbody th').all_inner_texts()]


def wait_until_sorted_by(page: Page, column: str) -> None:
    page.locator('th[aria-sort]', has_text=column).wait_for()


def test_tasks_are_sorted_and_completed(app: Any, page: Page) -> None:
    for title, priority, due in (('Water the plants', 'Low', ''), ('Send the invoice', 'High', SOON),
                                 ('Order toner', 'Medium', TODAY.isoformat())):
        page.goto(f'{app.url}/task/new')
        page.get_by_label('Title').fill(title)
        page.get_by_label(priority).check()
        page.get_by_label('Due').fill(due)
        button(page, 'Save').click()
        assert notice(page) == 'Saved.'
    assert titles(page) == ['Send the invoice', 'Order toner', 'Water the plants']
    link(page, 'Due').click()
    wait_until_sorted_by(page, 'Due')
    assert titles(page) == ['Order toner', 'Send the invoice', 'Water the plants']
    link(page, 'Title').click()
    wait_until_sorted_by(page, 'Title')
    assert titles(page) == ['Order toner', 'Send the invoice', 'Water the plants']
    page.go_back()
    wait_until_sorted_by(page, 'Due')

    button(page, 'Done: Send the invoice').click()
    assert notice(page) == 'Done, and off the list.'
    assert titles(page) == ['Order toner', 'Water the plants']
    wait_until_sorted_by(page, 'Due')
    assert on_disk(app, 'SELECT title FROM task WHERE done') == [['Send the invoice']]
    link(page, 'What is done as well').click()
    button(page, 'Not done: Send the invoice').click()
    assert notice(page) == 'Back on the list.'
    assert on_disk(app, 'SELECT title FROM task WHERE done') == []


def errors(page: Page) -> dict[str, str]:
    """What is said beside each field."""
    page.locator('p.error').first.wait_for()
    found = page.locator('p.error').all()
    return {item.get_attribute('id') or '': item.text_content() or '' for item in found}


def save_past_the_browser(page: Page) -> None:
    """Save, and keep the browser from checking anything, so that the server does."""
    page.locator('main form').evaluate('form => form.noValidate = true')
    page.locator('.buttons').get_by_role('button', name='Save').click()


def test_each_validation_error_is_met_and_corrected(app: Any, page: Page) -> None:
    page.goto(f'{app.url}/contact/new')
    for label, text in (('Phone', 'call me'), ('E-mail', 'nowhere'), ('Memo', 'Kept <&>\n as it is')):
        page.get_by_label(label).fill(text)
    save_past_the_browser(page)
    assert errors(page) == {
        'name-error': 'may not be blank.', 'phone-error': 'takes only 0 to 9, blanks and + - ( ) / . , ;',
        'email-error': 'is not an e-mail address; one looks like name@example.org.'}
    assert page.locator(':focus').get_attribute('id') == 'name'
    assert page.get_by_role('alert').get_by_role('link').count() == 3
    assert page.get_by_label('Memo').input_value() == 'Kept <&>\n as it is'
    for label, text in (('Name', 'Ada'), ('Phone', '030 / 1'), ('E-mail', 'ada@example.org')):
        page.get_by_label(label).fill(text)
    button(page, 'Save').click()
    assert notice(page) == 'Saved.'
    assert on_disk(app, 'SELECT phone, memo FROM contact') == [['030 / 1', 'Kept <&>\n as it is']]

    page.goto(f'{app.url}/task/new')
    save_past_the_browser(page)
    assert errors(page) == {'title-error': 'may not be blank.'}

    page.goto(f'{app.url}/appointment/new')
    page.get_by_label('Date').fill((TODAY - timedelta(1)).isoformat())
    page.get_by_label('What is it about?').fill('Too late')
    button(page, 'Save').click()
    assert errors(page) == {'date-error': 'is in the past, and that is a bit late for a new appointment.'}
    page.get_by_label('Date').fill(TODAY.isoformat())
    button(page, 'Save').click()
    assert notice(page) == 'Saved.'
    assert on_disk(app, 'SELECT note FROM appointment') == [['Too late']]


def test_the_browser_keeps_a_30_february_to_itself(app: Any, page: Page) -> None:
    page.goto(f'{app.url}/appointment/new')
    page.get_by_label('What is it about?').fill('Leap')
    page.get_by_label('Date').focus()
    page.keyboard.type('02302028')
    button(page, 'Save').click()
    assert page.get_by_label('Date').evaluate('field => field.validity.badInput')
    assert page.url == f'{app.url}/appointment/new'
    assert on_disk(app, 'SELECT count(*) FROM appointment') == [[0]]


def test_back_and_forward(app: Any, page: Page) -> None:
    """Back to a form that was saved brings the same form: saved again, it saves nothing more."""
    page.goto(f'{app.url}/contact/')
    link(page, 'New contact').click()
    page.get_by_label('Name').fill('Ada')
    button(page, 'Save').click()
    assert notice(page) == 'Saved.'
    page.go_back()
    assert page.get_by_label('Name').input_value() == 'Ada'
    button(page, 'Save').click()
    assert notice(page) == 'Saved.'
    assert on_disk(app, 'SELECT name FROM contact') == [['Ada']]
    page.go_back()
    page.go_forward()
    assert notice(page) == 'Saved.'


def test_back_from_the_choice_of_a_contact(app: Any, page: Page) -> None:
    add_contact(app, page, 'Ada')
    add_contact(app, page, 'Grace')
    page.goto(f'{app.url}/appointment/new')
    page.get_by_label('Date').fill(SOON)
    page.get_by_label('What is it about?').fill('Tea')
    button(page, 'Choose a contact …').click()
    page.wait_for_url(re.compile('draft=1'))
    page.go_back()
    assert page.get_by_label('What is it about?').input_value() == 'Tea'
    page.get_by_label('What is it about?').fill('Coffee')
    button(page, 'Choose a contact …').click()
    link(page, 'Choose Ada').click()
    page.wait_for_url(re.compile('contact=1'))
    assert page.get_by_label('What is it about?').input_value() == 'Coffee'
    page.go_back()
    link(page, 'Choose Grace').click()
    page.wait_for_url(re.compile('contact=2'))
    assert link(page, 'Grace').is_visible()
    button(page, 'Save').click()
    assert notice(page) == 'Saved.'
    assert on_disk(app, 'SELECT note, contact FROM appointment') == [['Coffee', 2]]


def test_two_tabs_with_two_appointments(app: Any, page: Page) -> None:
    for name in ('Ada', 'Grace'):
        add_contact(app, page, name)
    other = page.context.new_page()
    for tab, note in ((page, 'Tea'), (other, 'Coffee')):
        tab.goto(f'{app.url}/appointment/new')
        tab.get_by_label('Date').fill(SOON)
        tab.get_by_label('What is it about?').fill(note)
        button(tab, 'Choose a contact …').click()
        tab.wait_for_url(re.compile('draft='))
    for tab, name in ((page, 'Ada'), (other, 'Grace')):
        link(tab, f'Choose {name}').click()
        button(tab, 'Save').click()
        assert notice(tab) == 'Saved.'
    assert on_disk(app, 'SELECT note, contact FROM appointment ORDER BY 2') == [['Tea', 1], ['Coffee', 2]]


@pytest.mark.parametrize('script', [True, False])
def test_a_double_click_on_save_saves_once(app: Any, page: Page, script: bool) -> None:
    if not script:  # without kali.js, which lets the second click go nowhere
        page.route('**/kali.js', lambda route: route.abort())
    page.goto(f'{app.url}/contact/new')
    page.get_by_label('Name').fill('Ada')
    button(page, 'Save').dblclick()
    assert notice(page) == 'Saved.'
    assert on_disk(app, 'SELECT name FROM contact') == [['Ada']]


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the control or link with this label or text has the focus."""
    focused = ''
    for _ in range(40):
        page.keyboard.press('Tab')
        focused = page.evaluate('''() => { const at = document.activeElement;
            return at.ariaLabel || (at.labels && at.labels.length ? at.labels[0] : at).innerText; }''')
        if focused.removesuffix(' *') == name:
            return
    pytest.fail(f'Tab does not lead to {name!r}')


def test_by_keyboard_alone(app: Any, page: Page) -> None:
    page.goto(app.url)
    page.keyboard.press('Tab')
    assert page.evaluate('document.activeElement.innerText') == 'Skip to the content'
    page.keyboard.press('Enter')
    tab_to(page, 'New appointment')  # from the content on, past the navigation
    page.keyboard.press('Enter')
    page.wait_for_url('**/appointment/new')

    tab_to(page, 'Date')
    page.keyboard.type((TODAY + timedelta(2)).strftime('%m%d%Y'))
    tab_to(page, 'What is it about?')
    page.keyboard.type('Tea')
    tab_to(page, 'Choose a contact …')
    page.keyboard.press('Enter')
    page.wait_for_url('**/contact/?draft=1')
    tab_to(page, 'New contact')
    page.keyboard.press('Enter')
    page.wait_for_url('**/contact/new?draft=1')
    tab_to(page, 'Name')
    page.keyboard.type('Ada')
    page.keyboard.press('Enter')
    page.wait_for_url('**/appointment/new?draft=1&contact=1')
    tab_to(page, 'Date')
    page.keyboard.press('Enter')  # saves, though the button for a contact comes before the one to save
    page.wait_for_url('**notice=saved')
    assert on_disk(app, 'SELECT date, note, contact FROM appointment') == [[SOON, 'Tea', 1]]

    page.goto(f'{app.url}/task/new')
    tab_to(page, 'Title')
    page.keyboard.type('Order toner')
    page.keyboard.press('Tab')
    page.keyboard.press('ArrowUp')  # from Medium to High
    page.keyboard.press('Enter')
    page.wait_for_url('**notice=saved')
    tab_to(page, 'Done: Order toner')
    page.keyboard.press('Space')
    page.wait_for_url('**notice=done')
    assert on_disk(app, 'SELECT title, priority, done FROM task') == [['Order toner', 1, 1]]


@pytest.mark.parametrize('width', [320, 800, 1400])
def test_no_page_is_wider_than_the_window(app: Any, page: Page, width: int) -> None:
    page.set_viewport_size({'width': width, 'height': 700})
    add_contact(app, page, 'Donau' + 'dampf' * 19)
    page.goto(f'{app.url}/appointment/new?contact=1')
    page.get_by_label('Date').fill(TODAY.isoformat())
    page.get_by_label('What is it about?').fill('Rind' + 'fleisch' * 30)
    button(page, 'Save').click()
    assert notice(page) == 'Saved.'
    page.goto(f'{app.url}/task/new')
    page.get_by_label('Title').fill('Etikettier' + 'ungs' * 40)
    button(page, 'Save').click()
    assert notice(page) == 'Saved.'
    for path in ('/', '/contact/', '/contact/1', '/contact/1/edit', '/contact/1/delete', '/appointment/',
                 '/appointment/1', '/task/', '/task/1'):
        page.goto(app.url + path)
        assert page.evaluate('document.documentElement.scrollWidth') <= width, path
