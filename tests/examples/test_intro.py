"""The first lesson over HTTP: its pages, its arguments, and the error of each fifth visit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

SCRIPT = Path(__file__).resolve().parents[2] / 'examples/intro.py'


@pytest.fixture
def intro(serve: Callable[..., Any]) -> Any:
    return serve(SCRIPT, tracebacks=True)  # the fifth visit is in the log, as it should be


def test_each_fifth_visit_fails_and_the_next_is_fine_again(intro: Any) -> None:
    replies = [intro.get('/') for _ in range(11)]
    assert [reply.status for reply in replies] == [200, 200, 200, 200, 500, 200, 200, 200, 200, 500, 200]
    assert 'visit number 11.' in replies[-1].text
    assert 'This is what an error looks like' in replies[4].text
    assert 'intro.py' in replies[4].text


def test_every_link_of_the_first_page_leads_where_it_says(intro: Any) -> None:
    page = intro.get('/').text
    for target in ('/add/5/7', '/add/5/seven', '/search?q=tea+%26+biscuits',
                   '/search?q=tea&amp;colour=green'):
        assert f'href="{target}"' in page


@pytest.mark.parametrize(('target', 'status', 'says'), [
    ('/add/5/7', 200, 'The sum of <5.0> and <7.0> is <12.0>.'),
    ('/add/-0.5/1e3', 200, '<999.5>'),
    ('/add/5/seven', 404, 'seven'),
    ('/add/5', 404, ''),
    ('/search', 200, 'Look for'),
    ('/search?q=tea+%26+biscuits', 200, '<code>tea &amp; biscuits</code>'),
    ('/search?q=%3Cscript%3E', 200, '<code>&lt;script&gt;</code>'),
    ('/search?q=tea&colour=green', 400, 'colour'),
])
def test_arguments(intro: Any, target: str, status: int, says: str) -> None:
    reply = intro.get(target)
    assert (reply.status, says in reply.text) == (status, True), reply.text


def test_plain_text_is_no_html(intro: Any) -> None:
    assert intro.get('/add/1/2').headers['Content-Type'] == 'text/plain; charset=utf-8'
    assert intro.get('/search').headers['Content-Type'] == 'text/html; charset=utf-8'


def test_each_request_is_a_line_on_the_console(intro: Any) -> None:
    intro.get('/search?q=tea')
    assert '/search?q=tea' in intro.output()
