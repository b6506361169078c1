"""Forms in a real browser: focus, double clicks, patterns, narrow screens."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest

from kali.forms import (
    BLANKABLE,
    DATE,
    Check,
    Entry,
    Formlet,
    Integer,
    ListLens,
    Memo,
    Nullable,
    Pick,
    Radio,
    Upload,
)
from kali.http.request import Request
from kali.http.response import as_response
from kali.iolist import flatten
from kali.multidict import Bag

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

PAGES = Path(__file__).resolve().parents[2] / 'kali' / 'pages'
ORIGIN = 'http://kali.test'


class Contact(Formlet):
    """Saves into a list that the tests look at."""

    saved: list[dict[str, Any]] = []

    def __init__(self) -> None:
        super().__init__({
            'name': Entry(lens=BLANKABLE, help='As on the door.'), 'born': Entry(lens=DATE),
            'visits': Entry(lens=Nullable(Integer(0, 9))), 'size': Pick(ListLens(['S', 'M'])),
            'colour': Radio(ListLens(['red', 'a colour that needs a remarkable lot of room'])),
            'friend': Check(),
            'scan': Upload(), 'memo': Memo(lens=BLANKABLE)})

    def get_native(self) -> Any:
        return {}

    def semantic_checks(self, native: dict[str, Any], errors: dict[str, Any]) -> None:
        if not native['name']:
            errors['name'] = 'is needed here.'
        if native['memo'] == 'bad':
            errors['memo'] = 'is bad.'

    def save(self, native: dict[str, Any], request: Request) -> Any:
        self.saved.append(native)
        return '<!DOCTYPE html><title>Saved</title>Saved'


@pytest.fixture
def form_page(page: Page) -> Page:
    """A tab in which Contact, kali.css and kali.js are all there is on the net."""
    Contact.saved = []

    def answer(route: Route) -> None:
        name = route.request.url.rpartition('/')[2]
        if name in ('kali.css', 'kali.js'):
            route.fulfill(path=PAGES / name)
            return
        text = route.request.post_data or ''
        # The form is multipart because of the upload; its text parts are all that counts here.
        parts = re.findall(r'name="(\w+)"\r\n\r\n(.*?)\r\n--', text, re.DOTALL) or parse_qsl(text)
        request = Request(route.request.method, '/', form=Bag(parts))
        contact = Contact()
        response = as_response(contact.do_POST(request)
                               if request.method == 'POST' else contact.do_GET(request))
        route.fulfill(status=response.status, content_type='text/html; charset=utf-8',
                      # type: ignore[union-attr]
                      body=flatten(response.content))  # type: ignore[union-attr]

    page.route('**/*', answer)
    page.goto(ORIGIN)
    return page


def test_every_control_has_its_label(form_page: Page) -> None:
    for label in ('Name', 'Born', 'Visits', 'Size', 'Colour', 'red', 'Friend', 'Scan', 'Memo'):
        assert form_page.get_by_label(label, exact=True).count() == 1, label


def test_a_form_is_filled_in_by_keyboard_and_saved(form_page: Page) -> None:
    form_page.get_by_label('Name').focus()
    keyboard = form_page.keyboard
    keyboard.type('Ada')
    keyboard.press('Enter')
    form_page.wait_for_function('document.title == "Saved"')
    assert Contact.saved[0]['name'] == 'Ada'


def test_the_first_error_has_the_focus_and_says_what_is_wrong(form_page: Page) -> None:
    form_page.get_by_label('Memo').fill('bad')
    form_page.get_by_label('Friend').check()
    form_page.get_by_role('button', name='Save').click()
    form_page.get_by_role('alert').wait_for()
    form_page.wait_for_function('document.activeElement.id == "name"')
    name = form_page.get_by_label('Name')
    assert name.evaluate('''control => control.getAttribute("aria-describedby").split(" ")
        .map(id => document.getElementById(id).textContent)''') == ['is needed here.', 'As on the door.']
    assert form_page.get_by_label('Memo').input_value() == 'bad'
    assert form_page.get_by_label('Friend').is_checked()
    form_page.get_by_role('link', name='Memo').click()
    form_page.wait_for_function('location.hash == "#memo"')


def test_a_double_click_sends_one_form(form_page: Page) -> None:
    posts: list[str] = []
    form_page.on('request', lambda request: posts.append(request.url) if request.method == 'POST' else None)
    form_page.get_by_label('Name').fill('Ada')
    form_page.evaluate('''() => {
        const form = document.forms[0];
        form.requestSubmit(form.querySelector('button'));
        form.requestSubmit(form.querySelector('button'));
    }''')
    form_page.wait_for_function('document.title == "Saved"')
    assert len(posts) == 1 and len(Contact.saved) == 1
    form_page.go_back()
    assert form_page.get_by_role('button', name='Save').is_enabled()


@pytest.mark.parametrize('scheme', ['light', 'dark'])
@pytest.mark.parametrize('width', [320, 1280, 3840])
def test_nothing_sticks_out(form_page: Page, scheme: Any, width: int) -> None:
    form_page.emulate_media(color_scheme=scheme)
    form_page.set_viewport_size({'width': width, 'height': 800})
    assert form_page.evaluate('document.documentElement.scrollWidth') <= width
    dark = form_page.evaluate('getComputedStyle(document.documentElement).backgroundColor')
    assert dark == ('rgb(251, 250, 248)' if scheme == 'light' else 'rgb(21, 24, 27)')
