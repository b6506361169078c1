"""The datebook taken back: what was added, deleted with all that hangs on it, or changed; and its backups.

What is on disk is asked of a connection of its own, never of the datebook itself.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from datetime import date, timedelta
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

SCRIPT = Path(__file__).resolve().parents[2] / 'examples/datebook.py'
SOON = (date.today() + timedelta(2)).isoformat()
CONTACT = {'name': 'Ada <Lovelace>', 'phone': '', 'email': '', 'address': '', 'memo': ''}
TEA = {'date': SOON, 'note': 'Tea', 'contact': '1'}


@pytest.fixture
def app(serve: Callable[..., Any]) -> Any:
    return serve(SCRIPT)


def on_disk(app: Any, sql: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(next(app.folder.rglob('datebook.sqlite')))) as db:
        return db.execute(sql).fetchall()


def hidden(page: str, *names: str) -> dict[str, str]:
    return dict(re.findall(f'name="({"|".join(names)})" value="(.*?)"', page))


def save(app: Any, target: str, **fields: str) -> str:
    """Open the form at `target`, send it with these fields, and give back where that leads."""
    reply = app.post(target, {**fields, **hidden(app.get(target).text, '_form_id', '_fingerprint')})
    assert reply.status == 303, reply.text
    return str(reply.headers['Location'])


def press(app: Any, do: str, on: str = '/') -> str:
    """Press a button of the page `on`, and give back the page that comes of it."""
    step = hidden(app.get(on).text, 'step')
    target, reply = '/undo', app.post('/undo', {'do': do, **step}, {'Referer': app.url + on})
    while reply.status == 303:
        target = reply.headers['Location']
        reply = app.get(target)
    assert reply.status == 200, (target, reply.text)
    return unescape(reply.text)


def titles(app: Any) -> list[str]:
    return re.findall(r'title="(\w+: .*?)"', unescape(app.get('/').text))


def test_what_was_added(app: Any) -> None:
    assert titles(app) == []
    assert save(app, '/contact/new', **CONTACT) == '/contact/1?notice=saved'
    assert titles(app) == ['Undo: Add Ada <Lovelace>']
    page = press(app, 'undo', on='/contact/1?notice=saved')  # a page that goes with it
    assert '<h1>Contacts</h1>' in page and 'Undone: Add Ada <Lovelace>' in page and 'Saved.' not in page
    assert on_disk(app, 'SELECT * FROM contact') == []
    assert titles(app) == ['Redo: Add Ada <Lovelace>']
    assert 'Redone: Add Ada <Lovelace>' in press(app, 'redo')
    assert on_disk(app, 'SELECT contact, name FROM contact') == [(1, 'Ada <Lovelace>')]


def test_what_was_deleted_with_what_hangs_on_it(app: Any) -> None:
    save(app, '/contact/new', **CONTACT)
    for note in ('Tea', 'Cake'):
        save(app, '/appointment/new', **{**TEA, 'note': note})
    before = on_disk(app, 'SELECT * FROM contact'), on_disk(app, 'SELECT * FROM appointment')
    save(app, '/contact/1/delete')
    assert on_disk(app, 'SELECT DISTINCT contact FROM appointment') == [(None,)]
    assert titles(app) == ['Undo: Delete Ada <Lovelace>']
    page = press(app, 'undo', on='/contact/?notice=deleted')
    assert 'Undone: Delete Ada' in page and 'Deleted.' not in page
    assert (on_disk(app, 'SELECT * FROM contact'), on_disk(app, 'SELECT * FROM appointment')) == before


def test_what_was_changed_step_by_step(app: Any) -> None:
    save(app, '/contact/new', **CONTACT)
    save(app, '/contact/1/edit', **{**CONTACT, 'name': 'Ada King'})
    save(app, '/task/new', title='Order toner', priority='0')
    app.post('/task/1/done', {'done': '1'})
    said = [re.findall('<p role="status">(.*?)</p>', press(app, 'undo')) for _ in range(4)]
    assert said == [['Undone: Done: Order toner'], ['Undone: Add Order toner'], ['Undone: Change Ada King'],
                    ['Undone: Add Ada <Lovelace>']]
    for _ in range(4):
        press(app, 'redo')
    assert on_disk(app, 'SELECT name, words, title, done FROM contact, task') == [
        ('Ada King', 'ada king\n\n\n\n', 'Order toner', 1)]


def test_the_form_of_an_undone_save_can_be_sent_again(app: Any) -> None:
    form = {**CONTACT, **hidden(app.get('/contact/new').text, '_form_id')}
    for _ in range(2):
        assert app.post('/contact/new', form).headers['Location'] == '/contact/1?notice=saved'
    press(app, 'undo')
    for _ in range(2):
        assert app.post('/contact/new', {**form, 'name': 'Grace'}).status == 303
    assert on_disk(app, 'SELECT name FROM contact') == [('Grace',)]


def test_what_does_not_count_as_a_step(app: Any) -> None:
    save(app, '/contact/new', **CONTACT)
    for target, form in (('/contact/new', {}), ('/task/9/done', {'done': '1'}), ('/undo', {'do': 'it'}),
                         ('/appointment/new', {'choose': '1', **TEA}), ('/nothing', {})):
        app.post(target, form)
        assert titles(app) == ['Undo: Add Ada <Lovelace>'], target


def test_a_restart_begins_another_history(serve: Callable[..., Any]) -> None:
    first = serve(SCRIPT)
    save(first, '/contact/new', **CONTACT)
    first.end()
    second = serve(SCRIPT)
    assert titles(second) == []
    assert on_disk(second, 'SELECT name FROM contact') == [('Ada <Lovelace>',)]


def test_a_backup_is_restored(serve: Callable[..., Any]) -> None:
    first = serve(SCRIPT)
    save(first, '/contact/new', **CONTACT)
    first.end()  # makes one
    app = serve(SCRIPT)
    assert 'href="/backups"' in app.get('/').text
    save(app, '/contact/1/delete')
    newest = max(re.findall(r'href="\?choose=(\d+)"', app.get('/backups').text), key=int)
    question = app.get(f'/backups?choose={newest}').text
    reply = app.post('/backups', {'backup': newest, **hidden(question, 'ticket')})
    assert reply.status == 303, reply.text
    assert 'Everything is as it was' in app.get(reply.headers['Location']).text
    assert on_disk(app, 'SELECT name FROM contact') == [('Ada <Lovelace>',)]
    assert titles(app) == [] and 'cannot be undone any more' in app.get('/').text
    save(app, '/contact/1/delete')  # and it goes on
    assert 'any more' not in app.get('/').text
    press(app, 'undo')
    assert on_disk(app, 'SELECT name FROM contact') == [('Ada <Lovelace>',)]
