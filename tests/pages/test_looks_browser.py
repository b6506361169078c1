"""The page of the handbook that shows kali.css: every class of the style sheet is on it, and Chromium and
axe-core find nothing wrong with it: light and dark, narrow and wide, by keyboard, and in print."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kali import Request, Router, Shell
from kali.testing import Client

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

from tests.forms.test_look import CSS

ROOT = Path(__file__).resolve().parents[2]
LOOKS = (ROOT / 'kali' / 'handbook' / 'looks.md').read_text(encoding='utf-8')
LIVE = re.findall(r'^```html live\n(.*?)^```', LOOKS, re.DOTALL | re.MULTILINE)
RULES = re.sub(r'/\*.*?\*/|"[^"]*"|\{[^{}]*\}', '{', CSS, flags=re.DOTALL)
SERIES = {f's{number}' for number in range(1, 9)}  # the page names the first and the last


def words(pattern: str, text: str) -> set[str]:
    return {word for found in re.findall(pattern, text) for word in found.split()}


def test_each_class_is_shown_or_named() -> None:
    classes = set(re.findall(r'\.([a-z][a-z0-9]*)', RULES))
    assert {'data', 'badge', 'secondary', 'split', 's8'} <= classes
    assert classes - SERIES <= words('class="([^"]*)"', LOOKS) | words('`([a-z]+)`', LOOKS)


def test_each_variable_is_named() -> None:
    variables = set(re.findall(r'^ +--([a-z0-9-]+):', CSS.partition('@media')[0], re.MULTILINE))
    assert variables - SERIES - {'mark-colour', 'mark-back'} == words('`--([a-z0-9-]+)`', LOOKS) - SERIES


def test_each_class_that_kali_writes_is_known() -> None:
    written = {word for path in (ROOT / 'kali').rglob('*.py')
               for word in words('<[a-z]+ [^<>]*class="([a-z0-9 -]*)"', path.read_text(encoding='utf-8'))}
    assert {'field', 'error', 'secondary'} <= written
    assert written <= words(r'\.([a-z][a-z0-9]*)', RULES) | {'live'}  # around examples in the handbook


@pytest.fixture(scope='module')
def html() -> str:
    """All examples on one page, in the application's frame."""
    shell = Shell('Looks', [(f'Table {number}', f'/{number}') for number in range(9)])
    app = Router()

    @app.function('/')
    def looks(request: Request) -> object:
        return shell.page(request, 'Looks', [f'<h2 id="x{number}">{number}</h2>\n{each}'
                                             for number, each in enumerate(LIVE)])
    page = Client(app).get('/').text
    return page.replace('<link rel="stylesheet" href="/.kali/kali.css">', f'<style>{CSS}</style>')


@pytest.fixture
def shown(page: Page, html: str) -> Page:
    page.set_content(html)
    return page


@pytest.mark.parametrize('width', [360, 800, 1400])
@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_axe_finds_nothing(shown: Page, axe: Callable[[Page], None], scheme: str, width: int) -> None:
    shown.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    shown.set_viewport_size({'width': width, 'height': 800})
    shown.evaluate("document.querySelectorAll('dialog').forEach((each) => each.show())")
    axe(shown)
    assert shown.evaluate('document.documentElement.scrollWidth') <= width  # and does not scroll


def test_what_belongs_to_narrow_and_to_wide(shown: Page) -> None:
    header = shown.locator('body > header')
    label = "getComputedStyle(document.querySelector('td[data-label]'), '::before').content"
    shown.set_viewport_size({'width': 1400, 'height': 800})
    columns = 'getComputedStyle(document.querySelector("form.columns")).gridTemplateColumns.split(" ").length'
    assert (shown.evaluate(label), shown.evaluate(columns)) == ('none', 2)
    shown.set_viewport_size({'width': 360, 'height': 800})
    assert (shown.evaluate(label), shown.evaluate(columns)) == ('"Bike"', 1)
    box = header.bounding_box()
    assert box and box['height'] < 110  # a title and one line of menu
    assert shown.locator('.data thead a').first.is_visible()  # a card can be sorted, too


def test_what_has_the_focus_is_seen(shown: Page) -> None:
    """Each stop of the Tab key has an outline, and lies in the window."""
    shown.set_viewport_size({'width': 900, 'height': 500})
    seen = 0
    for _ in range(60):
        shown.keyboard.press('Tab')
        found = shown.evaluate("""() => {
            const at = document.activeElement, box = at.getBoundingClientRect(), style = getComputedStyle(at);
            return at === document.body ? null
                : [style.outlineStyle !== 'none' || at.type === 'date',  // the button in it has one
                   box.top >= 0 && box.bottom <= innerHeight, at.outerHTML];
        }""")
        if found:
            seen += 1
            assert found[:2] == [True, True], found[2]
    assert seen > 40


def test_print_is_light_and_has_no_menus(shown: Page) -> None:
    shown.emulate_media(media='print', color_scheme='dark')
    for selector in ('nav', 'aside', '.button', 'button', '.pager'):
        assert not shown.locator(f'{selector} >> visible=true').count(), selector
    assert shown.locator('.data tbody tr').first.is_visible()
    red = shown.evaluate("getComputedStyle(document.querySelector('.badge')).color")
    assert red == 'rgb(179, 38, 30)'  # that of the light page


def test_a_link_can_look_like_a_button(shown: Page) -> None:
    style = """(at) => {
        const style = getComputedStyle(at);
        return [style.backgroundColor, style.color, style.fontWeight, at.offsetHeight];
    }"""
    button = shown.locator('.buttons > button:not(.secondary, .danger)').first.evaluate(style)
    assert shown.locator('.buttons > a.button:not(.secondary)').first.evaluate(style) == button
