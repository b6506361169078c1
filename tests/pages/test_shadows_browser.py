"""Fields that have the name of a property of their form: the scripts work all the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Dialog, Page

SCRIPT = """
import json
from kali import Response, Router, serve_http, escape
app, names, sent = Router(), [], []

@app.post('/names')
def take(request):
    names[:] = request.json

@app.function('/sent')
def count():
    return Response.json(len(sent))

@app.get('/')
def form():
    fields = [f'<label>{escape(name)} <input name="{escape(name)}" value="1"></label>' for name in names]
    return ('<!DOCTYPE html><html lang="en"><title>x</title><script src="/.kali/kali.js" defer></script>'
            '<script src="/.kali/undo.js" defer></script>'
            '<div class="undo"><button value="undo">Undo</button></div>'
            '<form method="post" action="/save" tabindex="0" style="padding: 3rem" id="form">', fields,
            '<input type="hidden" name="_form_id" value="x"><button id="save">Save</button></form>')

@app.post('/save')
def save(request):
    sent.append(1)
    return Response(status=204)

serve_http(app)
"""
NAMES = """() => {
  const names = new Set();
  for (let at = HTMLFormElement.prototype; at; at = Object.getPrototypeOf(at)) {
    for (const name of Object.getOwnPropertyNames(at)) names.add(name);
  }
  return [...names];
}"""


@pytest.fixture
def form(serve: Callable[..., Any], page: Page) -> Any:
    served = serve(SCRIPT)
    page.goto(served.url + '/sent')
    names = page.evaluate(NAMES)
    assert {'elements', 'target', 'method', 'closest', 'addEventListener', 'dispatchEvent'} <= set(names)
    page.evaluate('(names) => fetch("/names", {method: "POST", body: JSON.stringify(names), '
                  'headers: {"Content-Type": "application/json"}})', names)
    page.goto(served.url)
    assert page.locator('input').count() == len(names) + 1
    return served


def type_in(page: Page) -> None:
    """By the keyboard: Playwright's own functions stumble over such a form."""
    page.evaluate('() => { window.typed = true; document.querySelector("[name=elements]").select(); }')
    page.keyboard.type('typed')


def test_a_draft_is_kept_and_brought_back(form: Any, page: Page) -> None:
    type_in(page)
    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()
    page.on('dialog', answer)
    page.evaluate('setTimeout(() => location.reload())')
    page.wait_for_function('window.typed === undefined')
    assert asked == ['beforeunload']
    page.evaluate('document.querySelector("[role=status] button").click()')
    assert page.evaluate('document.querySelector("[name=elements]").value') == 'typed'
    draft = page.evaluate('localStorage.getItem("kali /save")')
    assert ['elements', 'typed'] in json.loads(draft)


def test_it_is_sent_once_for_two_presses(form: Any, page: Page, eventually: Callable[..., object]) -> None:
    page.evaluate("""() => { const save = document.getElementById('save'); save.click(); save.click(); }""")
    eventually(lambda: json.loads(form.get('/sent').body) == 1)
    assert page.evaluate('document.getElementById("save").disabled')


def test_clicks_and_keys_on_the_form_itself(form: Any, page: Page) -> None:
    where = page.evaluate('document.querySelector("label").getBoundingClientRect().toJSON()')
    page.mouse.click(where['x'] - 20, where['y'] - 20)
    page.keyboard.press('Control+z')  # the fixture fails if a script failed
