"""The datebook over HTTP: what is saved, what is refused and how, and what is not there.

What is on disk is asked of sqlite3 in another process, never of the datebook itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import sqlite3
import subprocess
import sys
from datetime import date, timedelta
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / 'examples/datebook.py'
TODAY = date.today()
SOON, LATER = (TODAY + timedelta(2)).isoformat(), (TODAY + timedelta(30)).isoformat()
ASK = ('import json, sqlite3, sys; db = sqlite3.connect(sys.argv[1]); '
       'print(json.dumps(db.execute(sys.argv[2]).fetchall()))')


def file_of(folder: Path) -> Path:
    return next(folder.rglob('datebook.sqlite'))


def on_disk(served: Any, sql: str) -> list[list[Any]]:
    """The rows of a query, as another process finds them in the file."""
    command = [sys.executable, '-c', ASK, str(file_of(served.folder)), sql]
    rows: list[list[Any]] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return rows


def content(page: str) -> str:
    """A page without its head, where the button Undo names the last change."""
    return page.partition('<main')[2]


def form_id(page: str) -> str:
    return re.findall('name="_form_id" value="([0-9a-f]{32})"', page)[0]


def save(served: Any, target: str, **fields: str) -> Any:
    """Open the form at `target`, and send it with these fields."""
    return served.post(target, {**fields, '_form_id': form_id(served.get(target).text)})


@pytest.fixture
def app(serve: Callable[..., Any]) -> Any:
    return serve(SCRIPT)


CONTACT = {'name': 'Ada Lovelace', 'phone': '+44 20 7946-0018', 'email': 'ada@analytical.example',
           'address': '12 St James’s Square', 'memo': 'Likes cards.'}
TASK = {'title': 'Order toner', 'priority': '0', 'due': SOON, 'memo': ''}


def test_a_contact_is_added_changed_found_and_deleted(app: Any) -> None:
    reply = save(app, '/contact/new', **CONTACT)
    assert (reply.status, reply.headers['Location']) == (303, '/contact/1?notice=saved')
    page = app.get('/contact/1?notice=saved').text
    assert '<p role="status">Saved.</p>' in page
    assert all(value in page for value in CONTACT.values())

    save(app, '/contact/1/edit', **{**CONTACT, 'name': 'Ada King'})
    assert on_disk(app, 'SELECT name, phone, email, address, memo FROM contact') == [
        ['Ada King', *list(CONTACT.values())[1:]]]
    assert 'Ada King' in app.get('/contact/?q=analytical+king').text
    assert 'Nobody is found' in app.get('/contact/?q=lovelace').text

    assert save(app, '/contact/1/delete').headers['Location'] == '/contact/?notice=deleted'
    assert on_disk(app, 'SELECT count(*) FROM contact') == [[0]]


def test_a_task_is_added_done_and_opened_again(app: Any) -> None:
    assert save(app, '/task/new', **TASK).headers['Location'] == '/task/?notice=saved'
    save(app, '/task/new', title='Water the plants', priority='2')
    assert on_disk(app, 'SELECT title, priority, due, done FROM task') == [
        ['Order toner', 1, SOON, 0], ['Water the plants', 3, None, 0]]

    for done in ('1', '1', '0'):  # pressed twice, it has done the same as once
        reply = app.post('/task/1/done', {'done': done, 'sort': 'due'})
        assert reply.headers['Location'].startswith('/task/?sort=due&notice=')
        assert on_disk(app, 'SELECT done FROM task ORDER BY task') == [[int(done)], [0]]
    assert app.post('/task/1/done', {'done': '1'}).headers['Location'] == '/?notice=done'
    assert 'Order toner' not in content(app.get('/task/').text)
    assert 'Order toner' in app.get('/task/?everything=1').text


def test_tasks_are_shown_in_the_order_that_the_address_asks_for(app: Any) -> None:
    for title, priority, due in (('b', '2', SOON), ('A', '1', ''), ('c', '0', LATER)):
        save(app, '/task/new', title=title, priority=priority, due=due)
    for sort, expected in (('title', 'Abc'), ('priority', 'cAb'), ('due', 'bcA')):
        page = app.get(f'/task/?sort={sort}').text
        assert ''.join(re.findall(r'href="/task/\d+" dir="auto">(\w)<', page)) == expected
        assert re.findall(r'aria-sort="ascending"><a href="[^"]*">(\w+)', page) == [sort.capitalize()]


def test_this_week_shows_what_is_near_and_what_is_open(app: Any) -> None:
    for day in (TODAY.isoformat(), SOON, LATER):
        save(app, '/appointment/new', date=day, note=f'Meeting on {day}')
    save(app, '/task/new', **TASK)
    page = app.get('/').text
    assert f'Meeting on {TODAY}' in page
    assert f'Meeting on {SOON}' in page
    assert f'Meeting on {LATER}' not in page
    assert 'Order toner' in page
    assert '>Today<' in page


@pytest.mark.parametrize('name', [
    '<script>alert(1)</script>', '"\'><img src=x onerror=alert(1)>', 'نجيب محفوظ', 'Yuki 🌸 Tanaka', '&amp;',
    '{name} <?if name?>', 'x' * 100, '<!--', ']]>', "Robert'); DROP TABLE contact;--"])
def test_a_name_is_text_whatever_it_is(app: Any, name: str) -> None:
    assert save(app, '/contact/new', name=name).status == 303
    save(app, '/appointment/new', date=SOON, note=name, contact='1')
    save(app, '/task/new', title=name, priority='1')
    assert on_disk(app, 'SELECT name FROM contact') == [[name]]
    for target in ('/', '/contact/', '/contact/1', '/contact/1/edit', '/contact/1/delete', '/appointment/',
                   '/appointment/1', '/task/', '/task/1', '/task/1/delete'):
        page = app.get(target).text
        assert name in unescape(page), target
        assert page.count('<script') == 2, target  # kali.js and undo.js
        assert '<img' not in page


@pytest.mark.parametrize('query', ['ÉMILE', 'émile zola', 'ZOLA émi', 'aurore', 'É aurore'])
def test_the_search_knows_capitals_of_every_script(app: Any, query: str) -> None:
    save(app, '/contact/new', name='Émile Zola', email='emile@aurore.example')
    save(app, '/contact/new', name='Иван 100%')
    page = content(app.get(f'/contact/?{urlencode({"q": query})}').text)
    assert 'Émile Zola' in page
    assert 'Иван' not in page


@pytest.mark.parametrize(('query', 'found'), [
    ('%25', True), ('_', False), ('%D0%98%D0%92', True), ('100', True)])
def test_the_search_knows_no_wildcards(app: Any, query: str, found: bool) -> None:
    save(app, '/contact/new', name='Иван 100%')
    assert ('Иван' in content(app.get(f'/contact/?q={query}').text)) is found


REFUSED = [  # the form, what is typed into it (the rest is in order), the field, and what is said there
    ('/contact/new', {'name': ''}, 'name', 'may not be blank.'),
    ('/contact/new', {'name': ' \t '}, 'name', 'may not be blank.'),
    ('/contact/new', {'name': 'x' * 101}, 'name', 'is 101 characters long; at most 100 are accepted.'),
    ('/contact/new', {'name': 'a\x00b'}, 'name', 'contains the control character U+0000'),
    ('/contact/new', {'phone': 'call me'}, 'phone', 'takes only 0 to 9'),
    ('/contact/new', {'email': 'nowhere'}, 'email', 'is not an e-mail address'),
    ('/contact/new', {'address': 'x' * 1001}, 'address', 'at most 1000 are accepted.'),
    ('/task/new', {'title': ''}, 'title', 'may not be blank.'),
    ('/task/new', {'priority': ''}, 'priority', 'please choose one.'),
    ('/task/new', {'priority': '7'}, 'priority', 'this was not among the choices'),
    ('/task/new', {'due': '2026-02-30'}, 'due', 'there is no 30 February 2026'),
    ('/task/new', {'due': 'soon'}, 'due', 'is not a date'),
    ('/task/new', {'done': 'perhaps'}, 'done', 'this was not among the choices'),
    ('/appointment/new', {'date': ''}, 'date', 'may not be blank.'),
    ('/appointment/new', {'date': '2026-02-30'}, 'date', 'there is no 30 February 2026'),
    ('/appointment/new', {'date': '0026-07-31'}, 'date', 'must be 1900-01-01 or more.'),
    ('/appointment/new', {'date': '2001-01-01'}, 'date', 'is in the past'),
    ('/appointment/new', {'note': ''}, 'note', 'may not be blank.'),
    ('/appointment/new', {'note': 'x' * 10_001}, 'note', 'at most 10000 are accepted.'),
    ('/appointment/new', {'contact': '17'}, 'contact', 'is not there any more'),
    ('/appointment/new', {'contact': 'Ada'}, 'contact', 'is not there any more'),
]
FINE = {'/contact/new': CONTACT, '/task/new': TASK,
        '/appointment/new': {'date': SOON, 'note': 'Tea <with> & biscuits', 'contact': ''}}


def test_what_is_wrong_is_told_at_its_field_and_everything_typed_is_kept(app: Any) -> None:
    for target, typed, field, says in REFUSED:
        fields = {**FINE[target], **typed}
        reply = save(app, target, **fields)
        page = unescape(reply.text)
        assert reply.status == 422, (typed, page)
        error = re.search(rf'<p class="error" id="{field}-error">(.*?)</p>', page)
        assert error and says in error[1], (typed, page)
        assert f'aria-describedby="{field}-error' in page, typed
        for name, text in fields.items():
            if name not in ('priority', 'done', 'date', 'due', 'contact'):
                assert text in page, (typed, name)
        assert f'value="{fields["date"]}"' in page if 'date' in fields else True
    for table in ('contact', 'task', 'appointment'):
        assert on_disk(app, f'SELECT count(*) FROM {table}') == [[0]]


def test_a_memo_of_10_mb_is_refused_with_a_sentence_and_kept_in_the_form(app: Any) -> None:
    memo = 'memo ' * 2_000_000
    reply = save(app, '/contact/new', name='Ada', memo=memo)
    assert reply.status == 422
    assert 'is 9999999 characters long; at most 20000 are accepted.' in reply.text
    assert memo in reply.text
    assert on_disk(app, 'SELECT count(*) FROM contact') == [[0]]


def test_a_form_sent_twice_saves_once_and_both_get_the_same_answer(app: Any) -> None:
    for target, leads_to in (('/contact/new', '/contact/1?notice=saved'),
                             ('/contact/1/delete', '/contact/?notice=deleted')):
        form = {**CONTACT, '_form_id': form_id(app.get(target).text)}
        replies = [app.post(target, form) for _ in range(3)]
        assert {(reply.status, reply.headers['Location']) for reply in replies} == {(303, leads_to)}
        assert on_disk(app, 'SELECT count(*) FROM contact') == [[int(target == '/contact/new')]]
    assert app.post('/contact/1/delete', {}).status == 404  # but from another page it is gone


def test_a_form_id_survives_an_error_and_a_restart(serve: Callable[..., Any]) -> None:
    first = serve(SCRIPT)
    one_id = form_id(first.get('/contact/new').text)
    assert form_id(first.post('/contact/new', {'name': '', '_form_id': one_id}).text) == one_id
    assert first.post('/contact/new', {'name': 'Ada', '_form_id': one_id}).status == 303
    first.end()
    second = serve(SCRIPT)
    assert second.post('/contact/new', {'name': 'Ada', '_form_id': one_id}).status == 303
    assert on_disk(second, 'SELECT name FROM contact') == [['Ada']]


def test_an_appointment_waits_while_a_contact_is_chosen(app: Any) -> None:
    """Two tabs, and something wrong in one of them: each gets back what was typed into it."""
    for name in ('Ada', 'Grace'):
        save(app, '/contact/new', name=name)
    tabs = [{'date': SOON, 'note': 'Tea <&> biscuits'}, {'date': '', 'note': 'Coffee\r\nat nine'}]
    lists = [save(app, '/appointment/new', choose='1', **typed).headers['Location'] for typed in tabs]
    assert lists == ['/contact/?draft=1', '/contact/?draft=2']
    assert on_disk(app, 'SELECT count(*) FROM appointment') == [[0]]

    pages = (unescape(app.get(url).text) for url in lists)
    choices = [re.findall('href="(/appointment/new[^"]*contact=\\d)"', page) for page in pages]
    assert choices[0] == ['/appointment/new?draft=1&contact=1', '/appointment/new?draft=1&contact=2']
    tea, coffee = (app.get(each[number]).text for each, number in zip(choices, (1, 0), strict=True))
    assert ('Tea &lt;&amp;&gt; biscuits' in tea, f'value="{SOON}"' in tea, '>Grace</a>' in tea) == (True,) * 3
    assert ('Coffee\nat nine' in coffee, '>Ada</a>' in coffee, 'Tea' in coffee) == (True, True, False)

    reply = app.post(choices[0][1], {**tabs[0], 'contact': '2', '_form_id': form_id(tea)})
    assert reply.headers['Location'] == f'/appointment/?start={SOON}&notice=saved'
    assert on_disk(app, 'SELECT date, note, contact FROM appointment') == [[SOON, 'Tea <&> biscuits', 2]]


def test_a_contact_made_on_the_way_is_chosen(app: Any) -> None:
    url = save(app, '/appointment/new', choose='1', date=SOON, note='Tea').headers['Location']
    new = re.findall('href="(/contact/new[^"]*)"', app.get(url).text)[0]
    reply = save(app, new, name='Ada')
    assert reply.headers['Location'] == '/appointment/new?draft=1&contact=1'
    assert '>Ada</a>' in app.get(reply.headers['Location']).text


def test_an_appointment_that_is_there_gets_another_contact_or_none(app: Any) -> None:
    for name in ('Ada', 'Grace'):
        save(app, '/contact/new', name=name)
    save(app, '/appointment/new', date=SOON, note='Tea', contact='1')
    reply = save(app, '/appointment/1', choose='1', date=SOON, note='Tea for two', contact='1')
    page = unescape(app.get(reply.headers['Location']).text)
    for link, name in (('draft=1&contact=2', 'Grace'), ('draft=1&contact=', 'Nobody'), ('draft=1', 'Ada')):
        assert f'href="/appointment/1?{link}"' in page
        form = app.get(f'/appointment/1?{link}').text
        assert (f'>{name}<' in form, 'Tea for two' in form) == (True, True)
    save(app, '/appointment/1?draft=1&contact=', date=SOON, note='Tea for two', contact='')
    assert on_disk(app, 'SELECT note, contact FROM appointment') == [['Tea for two', None]]


def test_a_draft_of_any_length_is_not_accepted(app: Any) -> None:
    reply = save(app, '/appointment/new', choose='1', date=SOON, note='x' * 30_000)
    assert (reply.status, 'at most 10000 are accepted' in reply.text) == (422, True)
    assert on_disk(app, 'SELECT count(*) FROM draft') == [[0]]


def test_appointments_stay_when_their_contact_is_deleted(app: Any) -> None:
    save(app, '/contact/new', name='Ada')
    save(app, '/appointment/new', date=SOON, note='Tea', contact='1')
    page = app.get('/contact/1/delete').text
    assert 'Appointments with this contact: 1.' in page
    save(app, '/contact/1/delete')
    assert on_disk(app, 'SELECT note, contact FROM appointment') == [['Tea', None]]
    assert 'Tea' in app.get('/appointment/').text


HUGE = '9' * 30
PAGES = [
    ('/contact/17', 404, 'There is no contact 17.'), ('/contact/17/edit', 404, 'There is no contact 17.'),
    ('/contact/17/delete', 404, 'There is no contact 17.'), (f'/contact/{HUGE}', 404, HUGE),
    (f'/contact/{HUGE}/edit', 404, 'There is nothing here'), ('/contact/-1', 404, 'There is no contact -1.'),
    ('/contact/seventeen', 404, 'seventeen'), ('/contact/1.5', 404, '1.5'), ('/task/17', 404, 'no task 17.'),
    ('/task/17/delete', 404, 'There is no task 17.'), ('/appointment/17', 404, 'There is no appointment 17.'),
    ('/appointment/17/delete', 404, 'There is no appointment 17.'), ('/nothing', 404, '/nothing'),
    ('/contact/?draft=17', 404, 'There is no draft 17.'), ('/appointment/new?draft=x', 404, 'no draft x.'),
    (f'/contact/?draft={HUGE}', 400, 'too large'), ('/contact/?page=two', 400, 'two'),
    ('/contact/?page=two', 400, 'page'), ('/contact/?draft=x', 400, 'draft'),
    ('/task/?sort=colour', 400, 'none of title, priority, due'), ('/task/?everything=maybe', 400, 'maybe'),
    ('/appointment/?start=2026-02-30', 400, 'there is no day 2026-02-30'), ('/task/1/done', 405, 'POST'),
    (f'/contact/?page={HUGE}', 400, 'too large'), ('/contact/?page=-3', 200, ''),
    ('/appointment/?start=0001-01-01', 200, ''), ('/appointment/?start=9999-12-31&page=7', 200, ''),
    ('/appointment/new?contact=17', 200, 'is not there any more'), (f'/contact/?q={"a+" * 3000}', 200, ''),
    ('/contact/?q=%00', 200, ''), ('/?notice=Your+bank+calls', 200, ''), ('/contact/%FF', 400, ''),
]


def test_every_address_gets_an_answer_that_makes_sense(app: Any) -> None:
    for target, status, says in PAGES:
        reply = app.get(target)
        assert (reply.status, says in unescape(reply.text)) == (status, True), (target, reply.text)
        assert 'Your bank' not in reply.text


@pytest.mark.parametrize(('target', 'form', 'status', 'says'), [
    ('/task/17/done', {'done': '1'}, 404, 'There is no task 17.'),
    ('/task/1/done', {}, 400, 'done is missing'),
    ('/task/1/done', {'done': 'perhaps'}, 400, 'perhaps'),
    ('/task/1/done', {'done': '1', 'sort': 'colour'}, 400, 'colour'),
    ('/contact/17/edit', CONTACT, 404, 'There is no contact 17.'),
    (f'/contact/{HUGE}/edit', CONTACT, 404, 'There is nothing here'),
    ('/contact/17/delete', {}, 404, 'There is no contact 17.'),
    ('/contact/new', {**CONTACT, '_form_id': 'forged'}, 400, 'damaged id'),
    ('/contact/', CONTACT, 405, 'GET'),
])
def test_a_post_that_makes_no_sense_changes_nothing(app: Any, target: str, form: dict[str, str], status: int,
                                                    says: str) -> None:
    reply = app.post(target, form)
    assert (reply.status, says in reply.text) == (status, True), reply.text
    assert on_disk(app, 'SELECT count(*) FROM contact') == [[0]]


def test_no_get_changes_the_file(app: Any) -> None:
    save(app, '/contact/new', **CONTACT)
    save(app, '/task/new', **TASK)
    save(app, '/appointment/new', date=SOON, note='Tea', contact='1')
    save(app, '/appointment/1', choose='1', date=SOON, note='Tea')
    before = hashlib.sha256(file_of(app.folder).read_bytes()).digest()
    for target in ('/', '/contact/', '/contact/1', '/contact/1/edit', '/contact/1/delete', '/task/',
                   '/contact/?draft=1', '/appointment/', '/appointment/1?draft=1&contact=1', '/task/1'):
        assert app.get(target).status == 200
    assert hashlib.sha256(file_of(app.folder).read_bytes()).digest() == before


def test_a_list_comes_in_pages(app: Any) -> None:
    with contextlib.closing(sqlite3.connect(file_of(app.folder))) as db, db:
        db.executemany('INSERT INTO contact (name, phone, email, address, memo, words) '
                       "VALUES (?, '', '', '', '', ?)",
                       [(f'Nr. {number:03}', f'nr. {number:03}') for number in range(120)])
    seen: list[str] = []
    url = '/contact/?q=nr.'
    while url:
        page = unescape(app.get(url).text)
        seen += re.findall(r'dir="auto">(Nr. \d+)<', page)
        assert f'to {len(seen)} of 120' in page
        url = ''.join(re.findall('href="([^"]*)" rel="next"', page))
    assert seen == [f'Nr. {number:03}' for number in range(120)]
    assert '101 to 120 of 120' in app.get('/contact/?page=99').text
