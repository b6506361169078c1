"""The lesson on the guard over HTTP: what each button saves, and what the guard says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

SCRIPT = Path(__file__).resolve().parents[2] / 'examples/guard.py'


@pytest.fixture
def app(serve: Callable[..., Any]) -> Any:
    return serve(SCRIPT, tracebacks=True)  # what the guard finds is in the log, with its place


def saved(app: Any) -> list[str]:
    """How many notes there are, in mode 'check' and in mode 'commit'."""
    return re.findall(r'Saved notes: <strong>(\d+)</strong>', app.get('/').text)


@pytest.mark.parametrize(('target', 'status', 'says', 'after'), [
    ('/check/remember', 303, '', ['1', '0']),
    ('/check/forget', 500, 'The application forgot to commit a transaction', ['0', '0']),
    ('/commit/add', 303, '', ['0', '1']),
    ('/commit/fail', 500, 'The other half went wrong', ['0', '0']),
])
def test_what_is_saved(app: Any, target: str, status: int, says: str, after: list[str]) -> None:
    assert saved(app) == ['0', '0']
    reply = app.post(target, {})
    assert (reply.status, says in reply.text) == (status, True), reply.text
    assert saved(app) == after


def test_the_page_says_what_was_forgotten_and_where(app: Any) -> None:
    page = app.post('/check/forget', {}).text
    for known in ('Tables changed: note.', 'This was never saved.', 'forget_to_commit', 'Call commit()'):
        assert known in page
    assert 'You will never see this page' not in page


def test_the_next_request_does_not_trip_over_it(app: Any) -> None:
    app.post('/check/forget', {})
    assert app.post('/check/remember', {}).status == 303
    assert saved(app) == ['1', '0']


def test_a_link_cannot_write(app: Any) -> None:
    reply = app.get('/commit/write')
    assert (reply.status, 'A GET may not write' in reply.text) == (500, True)
    assert saved(app) == ['0', '0']


def test_every_button_is_on_the_page(app: Any) -> None:
    page = app.get('/').text
    for target in ('/check/remember', '/check/forget', '/commit/add', '/commit/fail', '/commit/write'):
        assert f'"{target}"' in page
