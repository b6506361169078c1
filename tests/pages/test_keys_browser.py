"""The keys: Ctrl+S saves the form at hand, and ? lists them, but is a letter where text is typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    Serve = Callable[..., Any]

SCRIPT = """
import sys, kali
app = kali.Router()
UNDO = '<form method="post" action="/undo" class="undo"><button value="undo" name="undo">Undo</button></form>'
shell = kali.Shell('Tool', tools=UNDO if 'undo' in sys.argv else None)
saved = []
BODY = sys.argv[sys.argv.index('body') + 1]

@app.get('/')
def home(request: kali.Request):
    return shell.page(request, 'Home', BODY)

@app.post('/save')
def save(request: kali.Request):
    saved.append(dict(request.form.items()))
    return shell.page(request, 'Saved', str(saved))

@app.post('/*')
def other(name: str):
    return 'pressed ' + name
kali.serve_http(shell.wrap(app), app_id='keys')
"""
PLAIN = "{'a': '1', 't': ''}"
FORM = ('<form method="post" action="/save"><input name="a" value="1"><textarea name="t"></textarea>'
        '<button>Save</button></form>')
SECOND = ('<form method="post" action="/save"><input name="b" value="2">'
          '<button name="how" value="first">Save</button></form>')
SEARCH = '<form><input type="search" name="q"></form>'


@pytest.mark.parametrize('body, focus, typed, saved', [
    (FORM, '', '', PLAIN), (FORM, '[name=a]', 'x', "{'a': '1x', 't': ''}"),
    (FORM, '[name=t]', 'x?y', "{'a': '1', 't': 'x?y'}"),
    (FORM + SECOND, '[name=b]', '', "{'b': '2', 'how': 'first'}"), (FORM + SECOND, '', '', PLAIN),
    (SEARCH + FORM, '[name=q]', 'x', PLAIN),
    ('<form method="post" action="/delete"><button>Delete</button></form>' + FORM, '', '', PLAIN),
    (FORM.replace('<button>Save</button>', ''), '[name=a]', '', PLAIN),
    ('<div hidden>' + SECOND + '</div>' + FORM, '', '', PLAIN),
    (FORM.replace('name="a"', 'name="elements"'), '', '', "{'elements': '1', 't': ''}"),
])
def test_control_s_saves_the_form_at_hand(serve: Serve, page: Page, body: str, focus: str, typed: str,
                                          saved: str) -> None:
    page.goto(serve(SCRIPT, 'body', body).url)
    page.wait_for_load_state('networkidle')
    if focus:
        page.focus(focus)
        page.keyboard.press('End')
        page.keyboard.type(typed)
    page.keyboard.press('Control+s')
    page.wait_for_selector('h1:text("Saved")')
    assert saved in page.inner_text('main')


def test_the_last_changed_form_is_at_hand_when_none_has_the_focus(serve: Serve, page: Page) -> None:
    page.goto(serve(SCRIPT, 'body', FORM + SECOND + '<p id="p" tabindex="0">x</p>').url)
    page.wait_for_load_state('networkidle')
    page.fill('[name=b]', '3')
    page.focus('#p')
    page.keyboard.press('Control+s')
    page.wait_for_selector('h1:text("Saved")')
    assert "'b': '3'" in page.inner_text('main')


def test_control_s_is_the_browser_s_where_there_is_nothing_to_save(serve: Serve, page: Page) -> None:
    page.goto(serve(SCRIPT, 'body', SEARCH).url)
    page.wait_for_load_state('networkidle')
    page.evaluate("addEventListener('keydown', (event) => setTimeout(() => {"
                  " window.was = event.defaultPrevented; }))")
    page.keyboard.press('Control+s')
    page.wait_for_function('window.was === false')


@pytest.mark.parametrize('arguments, body, listed, missing', [
    ((), FORM, 'Ctrl + S\nSave the form', 'Undo'), (('undo',), '', 'Ctrl + Z\nUndo', 'Save the form'),
    ((), '<a href="/x" aria-keyshortcuts="Control+K">Customers</a>', 'Ctrl+K\nCustomers', 'Undo')])
def test_a_question_mark_lists_the_keys(serve: Serve, page: Page, axe: Any, arguments: tuple[str, ...],
                                        body: str, listed: str, missing: str) -> None:
    page.goto(serve(SCRIPT, *arguments, 'body', body + '<p id="p" tabindex="0">x</p>').url)
    page.wait_for_load_state('networkidle')
    page.focus('#p')
    page.keyboard.press('?')
    dialog = page.get_by_role('dialog', name='Keys')
    text = dialog.inner_text()
    assert listed in text
    assert missing not in text
    assert 'F5' in text
    assert page.evaluate('document.activeElement.textContent') == 'Close'
    page.keyboard.press('?')
    assert page.locator('dialog').count() == 1
    axe(page)
    page.keyboard.press('Escape')
    page.wait_for_selector('dialog', state='detached')
    assert page.evaluate('document.activeElement.id') == 'p'


@pytest.mark.parametrize('field', [
    '<input name="x">', '<textarea name="x"></textarea>', '<input type="search" name="x">',
    '<div contenteditable id="x">y</div>', '<select name="x"><option>1</select>'])
def test_where_text_is_typed_it_is_a_letter(serve: Serve, page: Page, field: str) -> None:
    page.goto(serve(SCRIPT, 'body', f'<form>{field}</form>').url)
    page.wait_for_load_state('networkidle')
    page.focus('[name=x], #x')
    page.keyboard.press('?')
    page.wait_for_timeout(300)
    assert page.locator('dialog').count() == 0


def test_the_list_speaks_the_language_of_the_window(serve: Serve, browser: Any) -> None:
    context = browser.new_context(locale='de-DE')
    page = context.new_page()
    page.goto(serve(SCRIPT, 'body', FORM).url)
    page.wait_for_load_state('networkidle')
    page.focus('button')
    page.keyboard.press('?')
    text = page.get_by_role('dialog', name='Tasten').inner_text()
    assert 'Strg + S\nDas Formular speichern' in text
    context.close()
