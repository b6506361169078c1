"""The task list over HTTP: what a form changes, and that a link changes nothing."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

SCRIPT = Path(__file__).resolve().parents[2] / 'examples/simple_task_list.py'


@pytest.fixture
def app(serve: Callable[..., Any]) -> Any:
    return serve(SCRIPT)


def items(app: Any) -> list[tuple[str, str, str]]:
    """Number, style and text of each task."""
    page = app.get('/').text
    found = re.findall(r'<li value="(\d+)">\s*<span class="(\w+)" dir="auto">(.*?)</span>', page)
    return [(number, style, unescape(text)) for number, style, text in found]


START = [('1', 'open', 'Eat'), ('2', 'open', 'Sleep'), ('3', 'done', 'Breathe'),
         ('4', 'open', 'Save the world before bedtime')]


def test_the_list_at_the_start(app: Any) -> None:
    assert items(app) == START


@pytest.mark.parametrize(('target', 'form', 'changed'), [
    ('/new', {'text': ' Read  a\nbook '}, [*START, ('5', 'open', 'Read a book')]),
    ('/new', {'text': '<script>alert(1)</script> & نجيب 🌸'},
     [*START, ('5', 'open', '<script>alert(1)</script> & نجيب 🌸')]),
    ('/new', {'text': 'x' * 300}, [*START, ('5', 'open', 'x' * 200)]),
    ('/new', {'text': '  '}, START),
    ('/new', {}, START),
    ('/task/1/edit', {'text': 'Eat more'}, [('1', 'open', 'Eat more'), *START[1:]]),
    ('/task/1/edit', {'text': ''}, START[1:]),
    ('/task/1/mark', {'done': 'yes'}, [('1', 'done', 'Eat'), *START[1:]]),
    ('/task/3/mark', {'done': 'no'}, [*START[:2], ('3', 'open', 'Breathe'), START[3]]),
])
def test_a_post_changes_the_list_and_leads_back_to_it(app: Any, target: str, form: dict[str, str],
                                                      changed: list[tuple[str, str, str]]) -> None:
    reply = app.post(target, form)
    assert (reply.status, reply.headers['Location']) == (303, '/')
    assert items(app) == changed
    assert '<script>' not in app.get('/').text


def test_marking_twice_is_marking_once(app: Any) -> None:
    for _ in range(2):
        app.post('/task/1/mark', {'done': 'yes'})
    assert items(app)[0] == ('1', 'done', 'Eat')


def test_a_number_is_never_given_twice(app: Any) -> None:
    app.post('/task/4/edit', {'text': ''})
    app.post('/new', {'text': 'Another one'})
    assert items(app) == [*START[:3], ('5', 'open', 'Another one')]


@pytest.mark.parametrize(('target', 'status', 'says'), [
    ('/new', 200, 'What is to be done?'), ('/task/4/edit', 200, 'value="Save the world before bedtime"'),
    ('/task/1/mark', 405, 'POST'), ('/task/17/edit', 404, 'There is no task 17.'),
    ('/task/one/edit', 404, 'one'), ('/task/1/delete', 404, ''), ('/task/1/', 404, '')])
def test_a_get_changes_nothing(app: Any, target: str, status: int, says: str) -> None:
    reply = app.get(target)
    assert (reply.status, says in reply.text) == (status, True), reply.text
    assert items(app) == START


def test_an_empty_list_says_so(app: Any) -> None:
    for number, _, _ in START:
        app.post(f'/task/{number}/edit', {'text': ''})
    assert 'Nothing left to do' in app.get('/').text
