"""What kali.css does where one rule could beat another: in print, and in a search with a choice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

from tests.forms.test_look import CSS

HTML = """<!DOCTYPE html><html lang="en"><style>%s</style><body>
<header><a href="/">Tool</a><nav><ul><li><a href="/">Start</a></li></ul></nav>
<form class="undo"><span><button class="secondary hides">Undo</button></span>
<p role="status" class="hides">x</p></form>
</header><main><h1>Title</h1>
<form role="search" class="hides"><label for="q">Find</label><input id="q" type="search" name="q">
<select name="s" aria-label="State"><option>Any state at all</option></select>
<button class="hides">Find</button>
</form><search class="hides"><form><input type="search"></form></search>
<table><tr><td><form><button class="hides">Done</button><input type="submit" class="hides"></form></td></tr>
</table>
<p class="buttons"><button type="button" class="hides">A</button> <input type="reset" class="hides">
<button class="danger hides">D</button> <input type="button" class="hides"></p>
<div role="group" aria-invalid="true" id="group"><input aria-invalid="true"></div>
<p id="stays">Text</p></main></body></html>"""


@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_no_button_and_no_search_is_printed(page: Page, scheme: str) -> None:
    page.set_content(HTML % CSS)
    assert page.locator('.hides >> visible=true').count() == page.locator('.hides').count()
    page.emulate_media(media='print', color_scheme=scheme)  # type: ignore[arg-type]
    assert page.locator('.hides >> visible=true').count() == 0
    assert page.locator('nav').is_hidden()
    assert page.locator('#stays').is_visible()


@pytest.mark.parametrize('width', [700, 1000, 1600])
def test_a_search_with_a_choice_is_one_line(page: Page, width: int) -> None:
    page.set_viewport_size({'width': width, 'height': 700})
    page.set_content(HTML % CSS)
    boxes = [each.bounding_box() for each in page.locator('[role=search] > *').all()]
    middles = [box['y'] + box['height'] / 2 for box in boxes if box]
    assert max(middles) - min(middles) < 3


def test_a_group_with_an_error_has_no_frame(page: Page) -> None:
    page.set_content(HTML % CSS)
    assert page.evaluate('getComputedStyle(document.getElementById("group")).boxShadow') == 'none'
