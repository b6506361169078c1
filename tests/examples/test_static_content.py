"""The lesson on static files over HTTP: the folder is shown, and nothing besides."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = Path(__file__).resolve().parents[2] / 'examples'


@pytest.fixture
def app(serve: Callable[..., Any]) -> Any:
    return serve(EXAMPLES / 'static_content.py')


def test_the_index_leads_to_the_folder_and_the_folder_to_its_files(app: Any) -> None:
    assert 'href="/static/"' in app.get('/').text
    listing = app.get('/static/').text
    for path in EXAMPLES.glob('[!_]*.py'):
        assert f'>{path.name}</a>' in listing


def test_a_file_comes_as_it_is(app: Any) -> None:
    reply = app.get('/static/simple_task_list.py')
    assert reply.body == (EXAMPLES / 'simple_task_list.py').read_bytes()
    assert reply.headers['Content-Type'].startswith('text/')


def test_the_folder_without_its_slash_is_redirected(app: Any) -> None:
    reply = app.get('/static')
    assert (reply.status, reply.headers['Location']) == (303, '/static/')


@pytest.mark.parametrize('target', [
    '/static/no_such_file.py', '/static/__main__.py', '/static/..%2Fpyproject.toml',
    '/static/%2e%2e/pyproject.toml', '/static/..%5Cpyproject.toml', '/simple_task_list.py'])
def test_nothing_else_is_there(app: Any, target: str) -> None:
    reply = app.get(target)
    if reply.status == 303:  # a path is put right first, and stays on this server
        reply = app.get(reply.headers['Location'])
    assert reply.status == 404
    assert 'build-system' not in reply.text


def test_a_file_cannot_be_posted_to(app: Any) -> None:
    assert app.post('/static/intro.py', {}).status == 405
