"""undo: each request that writes is a step; back and forth through any number of them, everything is as it
was."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kali import Router
from kali.errors import BadRequest
from kali.http.request import Request
from kali.http.response import Response
from kali.sqlite import connect, guard, undo
from kali.testing import Client

SCHEMA = """
CREATE TABLE person (id INTEGER PRIMARY KEY, name UNIQUE, boss REFERENCES person ON DELETE SET NULL);
CREATE TABLE note (person REFERENCES person ON DELETE CASCADE ON UPDATE CASCADE, text, "odd "" name",
    kind GENERATED ALWAYS AS (typeof(text)));
CREATE TABLE tag (word TEXT, place INTEGER, weight, PRIMARY KEY (word, place)) WITHOUT ROWID;
CREATE TABLE total (notes INTEGER, changes INTEGER);
INSERT INTO total VALUES (0, 0);
CREATE TRIGGER counts AFTER INSERT ON note BEGIN UPDATE total SET notes = notes + 1; END;
CREATE TRIGGER uncounts AFTER DELETE ON note BEGIN UPDATE total SET notes = notes - 1; END;
CREATE TRIGGER stamps AFTER UPDATE OF name ON person WHEN new.name NOT LIKE '%!'
    BEGIN UPDATE person SET name = new.name || '!' WHERE id = new.id; END;
"""
TABLES = ['person', 'note', 'tag', 'total']


def make(path=':memory:', **named):
    db = connect(path, busy_timeout=0.05)
    db.executescript(SCHEMA)
    return db, undo(db, TABLES, **named)


@pytest.fixture
def made(tmp_path):
    db, history = make(tmp_path / 'test.db')
    yield db, history
    db.close()


def content(db):
    """All rows with their rowids; sorted, since tables have no order."""
    state = {table: sorted(map(repr, map(tuple, db.execute(
        f'SELECT {"" if table == "tag" else "rowid, "}* FROM {table}')))) for table in TABLES}
    assert db.execute('PRAGMA foreign_key_check').fetchall() == []
    triggers = db.execute("SELECT name FROM main.sqlite_master WHERE type = 'trigger' ORDER BY rowid")
    assert [row[0] for row in triggers] == ['counts', 'uncounts', 'stamps']
    return state


IDS, WORDS = st.integers(1, 4), st.sampled_from(['a', 'b', 'c'])
VALUES = st.one_of(st.none(), st.integers(-9, 9), st.floats(allow_nan=False), st.text(max_size=3),
                   st.binary(max_size=3), st.just('nul\0nul'), st.just("it's"))
STATEMENTS = st.one_of(
    st.tuples(st.just('INSERT OR REPLACE INTO person VALUES (?, ?, ?)'), IDS, WORDS, st.none() | IDS),
    st.tuples(st.just('INSERT INTO person (name) VALUES (?)'), WORDS),
    st.tuples(st.just('UPDATE OR REPLACE person SET name = ? WHERE id = ?'), WORDS, IDS),
    st.tuples(st.just('UPDATE person SET id = ? WHERE id = ?'), IDS, IDS),
    st.tuples(st.just('DELETE FROM person WHERE id = ?'), IDS),
    st.tuples(st.just('INSERT INTO note VALUES (?, ?, ?)'), st.none() | IDS, VALUES, VALUES),
    st.tuples(st.just('UPDATE note SET text = ?, rowid = rowid + 10'), VALUES),
    st.tuples(st.just('DELETE FROM note WHERE person = ?'), IDS), st.just(('DELETE FROM note',)),
    st.tuples(st.just('INSERT OR REPLACE INTO tag VALUES (?, ?, ?)'), WORDS, IDS, VALUES),
    st.tuples(st.just('UPDATE OR REPLACE tag SET word = ?, weight = ? WHERE place = ?'), WORDS, VALUES, IDS),
    st.just(('UPDATE total SET changes = changes + 1',)))


@given(steps=st.lists(st.lists(STATEMENTS, max_size=5), max_size=6), back=st.integers(0, 6))
@settings(max_examples=60, deadline=None)
def test_back_and_forth(steps, back):
    """However far it goes back and forth, each step leads to the state that it led to the other way."""
    db, history = make()
    states, titles = [content(db)], []
    for number, statements in enumerate(steps):
        with history.step(f'step {number}'):
            for sql, *values in statements:
                try:
                    db.execute(sql, values)
                except sqlite3.IntegrityError:
                    pass
        if history.titles()[0] == f'step {number}':
            titles.append(f'step {number}')
            states.append(content(db))
        else:
            assert states[-1] == content(db)
    for _ in range(2):
        for number in reversed(range(len(titles))):
            assert history.undo() == titles[number]
            assert content(db) == states[number]
        assert history.undo() is None
        for number in range(len(titles)):
            assert history.redo() == titles[number]
            assert content(db) == states[number + 1]
        assert history.redo() is None
    back = min(back, len(titles))
    for _ in range(back):
        history.undo()
    with history.step('another way'):
        db.execute('UPDATE total SET changes = -1')
    assert history.titles() == ('another way', None)
    while history.undo():
        pass
    assert content(db) == states[0]
    db.close()


class App:
    """Pages that write, and the history, as an application mounts them."""

    def __init__(self, db, history):
        self.db, self.history, router = db, history, Router()
        router.delegate('/history', history)
        router.delegate('', self.save)
        self.guarded = guard(history.wrap(router), db)
        self.client = Client(self.guarded)

    def save(self, request):
        transaction = request.scope.transaction
        if request.method == 'GET':
            return ['<p>', self.history.buttons('/history')]
        earlier = transaction.once(request.form['id']) if 'id' in request.form else None
        if earlier is not None:
            return earlier
        transaction.title = request.form.get('title', '')
        for sql in request.form.get_list('sql'):
            self.db.execute(sql)
        return Response('no', status=422) if 'fail' in request.form else Response.redirect('/saved')

    def post(self, sql, **form):
        return self.client.post('/', form={'sql': sql, **form})

    def press(self, do, step=None, **named):
        form = {'do': do} if step is None else {'do': do, 'step': step}
        return self.client.post('/history', form=form, **named)

    def notes(self):
        return [row[0] for row in self.db.execute('SELECT text FROM note ORDER BY rowid')]


def add(text):
    return f"INSERT INTO note (text) VALUES ('{text}')"


def test_a_request_is_a_step(made):
    app = App(*made)
    app.post(add('a'), title='Add <a>')
    app.post(add('b'))
    assert made[1].titles() == ('note, total', None)
    app.post(add('c'), fail='1')
    app.post('SELECT 1', title='Nothing')
    assert made[1].titles() == ('note, total', None)
    assert app.press('undo').status == 303
    assert app.notes() == ['a']
    page = app.client.get('/').text
    assert 'title="Undo: Add &lt;a&gt;"' in page and 'title="Redo: note, total"' in page
    app.press('undo')
    app.press('undo')
    assert app.notes() == []
    assert app.client.get('/').text.count(' disabled>') == 1
    app.press('redo')
    app.press('redo')
    assert app.notes() == ['a', 'b']


def test_an_undone_form_can_be_sent_again(made):
    app = App(*made)
    for _ in range(2):
        assert app.post(add('a'), id='x').status == 303
    assert app.notes() == ['a']
    app.press('undo')
    app.press('redo')
    app.post(add('again'), id='x')
    assert app.notes() == ['a']  # it is spent again
    app.press('undo')
    app.post(add('anew'), id='x')
    assert app.notes() == ['anew']
    assert app.post('SELECT 1', id='y').status == 303  # spends an id, and is no step
    assert made[1].titles() == ('note, total', None)


def test_a_button_pressed_twice(made):
    app = App(*made)
    app.post(add('a'))
    app.post(add('b'))
    page = app.client.get('/').text
    step = page.partition('name="step" value="')[2].partition('"')[0]
    app.press('undo', step)
    app.press('undo', step)
    assert app.notes() == ['a']


@pytest.mark.parametrize(('came', 'back'), [
    ('http://localhost:8080/list?page=2', '/list?page=2'), (None, '/'), ('http://localhost:8080', '/'),
    ('http://x//evil.example/', '/'), (r'http://x/\evil', '/')])
def test_where_it_leads(made, came, back):
    reply = App(*made).press('undo', headers={'Referer': came} if came else {})
    assert reply.headers['Location'] == back


def test_what_is_refused(made):
    db, history = made
    app = App(db, history)
    assert app.client.get('/history').status == 405
    with pytest.raises(BadRequest, match='undo or redo'):
        history(Request('POST', form={'do': 'drop'}))
    for names in (['nowhere'], ['sqlite_master'], ['some_view']):
        db.execute('CREATE VIEW IF NOT EXISTS some_view AS SELECT 1 AS one')
        with pytest.raises(ValueError, match='there is no table'):
            undo(db, names)


def test_what_is_written_outside_of_requests(made):
    app = App(*made)
    app.db.execute(add('outside'))
    app.post(add('inside'), title='Inside')
    assert made[1].undo() == 'Inside'
    assert app.notes() == ['outside']
    assert made[1].undo() == 'Other changes'
    assert app.notes() == []


def test_across_restarts(tmp_path):
    db, history = make(tmp_path / 'test.db', persistent=True)
    App(db, history).post(add('a'), title='One')
    App(db, history).post(add('b'), title='Two')
    history.undo()
    db.close()
    for title in ('One', None):
        db = connect(tmp_path / 'test.db')
        history = undo(db, TABLES, persistent=True)
        assert history.titles() == (title, 'Two' if title else 'One') and history.notice == ''
        history.undo()
        db.close()
    db = connect(tmp_path / 'test.db')
    history = undo(db, TABLES, persistent=True)
    assert [history.redo(), history.redo()] == ['One', 'Two']
    assert App(db, history).notes() == ['a', 'b']
    content(db)
    db.close()
    db = connect(tmp_path / 'test.db')
    assert undo(db, ['note', 'person'], persistent=True).notice  # of other tables
    db.close()


@pytest.mark.parametrize('persistent', [True, False])
@pytest.mark.parametrize('sql', ['ALTER TABLE note ADD COLUMN more', 'DROP TABLE tag'])
def test_a_schema_change_ends_it(tmp_path, sql, persistent):
    db, history = make(tmp_path / 'test.db', persistent=persistent)
    app = App(db, history)
    app.post(add('a'))
    app.post(sql)
    assert history.titles() == (None, None)
    assert 'cannot be undone any more' in app.client.get('/').text
    app.post(add('b'), title='New')
    assert 'any more' not in app.client.get('/').text
    assert history.undo() == 'New'
    assert app.notes() == ['a']
    db.close()


def test_another_program_ends_it(made, tmp_path):
    app = App(*made)
    app.post(add('a'))
    other = sqlite3.connect(tmp_path / 'test.db', isolation_level=None)
    other.execute('DELETE FROM note')
    other.close()
    app.press('undo')
    assert made[1].notice and app.notes() == [] and made[1].titles() == (None, None)


def test_old_steps_are_forgotten(made, monkeypatch):
    app, module = App(*made), sys.modules['kali.sqlite.undo']
    monkeypatch.setattr(module, 'PRUNE_EVERY', 1)
    monkeypatch.setattr(module, 'STEP_LIMIT', 5)
    for number in range(8):
        app.post(add(number), title=str(number))
    assert [made[1].undo() for _ in range(6)] == ['7', '6', '5', '4', '3', None]
    monkeypatch.setattr(module, 'SIZE_LIMIT', 5000)
    for text in ('x' * 3000, 'y' * 3000, 'z' * 9000):
        app.post(add(text))
        app.post('DELETE FROM note', title=text[0])  # the rows that are gone take the room
    assert [made[1].undo(), made[1].undo()] == ['z', None]
    assert app.notes()[-1] == 'z' * 9000
    assert app.db.execute('SELECT count(*) FROM kali_undo_log').fetchone()[0] < 20


def test_an_undo_that_fails_changes_nothing(made):
    db, history = made
    app = App(db, history)
    app.post(add('a'))
    app.post('DELETE FROM note')
    before = content(db)
    for at in range(1, 40):
        left = at

        def stop(action, *_):
            nonlocal left
            left -= action in (sqlite3.SQLITE_INSERT, sqlite3.SQLITE_DELETE, sqlite3.SQLITE_UPDATE)
            if left < 0 and action != sqlite3.SQLITE_TRANSACTION:
                return sqlite3.SQLITE_DENY
            return sqlite3.SQLITE_OK
        db.set_authorizer(stop)
        try:
            history.undo()
            done = True
        except sqlite3.DatabaseError:
            done = False
        db.set_authorizer(lambda *_: sqlite3.SQLITE_OK)  # None does not do in Python 3.10
        if done:
            break
        assert content(db) == before
        assert not db.in_transaction
    assert at > 3 and app.notes() == ['a']
    assert history.undo() and app.notes() == []
    assert history.redo() and history.redo()
    assert content(db) == before


UNDOER = """
import sys
from kali.sqlite import connect, undo
db = connect(sys.argv[1])
db.execute('CREATE TABLE IF NOT EXISTS row (number, filling)')
history = undo(db, ['row'], persistent=True)
while history.undo():
    pass
for step in range(6):
    with history.step(str(step)):
        for number in range(7):
            db.execute('INSERT INTO row VALUES (?, ?)', (step, 'x' * 900))
print('begun', flush=True)
while True:
    while history.undo():
        pass
    while history.redo():
        pass
"""


def test_killed_in_the_middle(tmp_path):
    """Whenever the process ends, rows and history agree."""
    path = tmp_path / 'test.db'
    for tenth in range(10):
        with subprocess.Popen([sys.executable, '-c', UNDOER, str(path)], stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            threading.Event().wait(tenth * 0.003)  # to strike at any point
            os.kill(process.pid, signal.SIGKILL)
        db = connect(path)
        history = undo(db, ['row'], persistent=True)
        counts = [row[0] for row in db.execute('SELECT count(*) FROM row GROUP BY number')]
        assert set(counts) <= {7}
        undone = 0
        while history.undo():
            undone += 1
        assert undone == len(counts)
        assert db.execute('SELECT count(*) FROM row').fetchone()[0] == 0
        db.close()


def test_all_tables_unless_some_are_named() -> None:
    db = connect(':memory:')
    db.executescript('CREATE TABLE a (x); CREATE TABLE b (y INTEGER PRIMARY KEY AUTOINCREMENT); '
                     'CREATE VIRTUAL TABLE words USING fts5(text); CREATE VIEW c AS SELECT * FROM a')
    history = undo(db)
    with history.step('both'):
        db.execute('INSERT INTO a VALUES (1)')
        db.execute('INSERT INTO b VALUES (2)')
    assert history.undo() == 'both'
    assert db.execute('SELECT (SELECT count(*) FROM a) + (SELECT count(*) FROM b)').fetchone()[0] == 0
    db.close()


def test_pressed_twice_with_the_page_between_lost(made):
    app = App(*made)
    for text in 'abc':
        app.post(add(text), title=f'Add {text}')
    step = re.search('name="step" value="(.*?)"', app.client.get('/').text)[1]
    app.press('undo', step)
    assert 'Undone: Add c' in app.client.get('/').text  # it may never be shown: the second press stops it
    app.press('undo', step)
    assert 'Undone: Add c' in app.client.get('/').text
    assert app.notes() == ['a', 'b']
    app.post(add('d'), title='Add d')
    app.press('undo', step)
    assert 'out of date' in app.client.get('/').text
    assert app.notes() == ['a', 'b', 'd']


def test_the_applications_own_sequence_is_not_hidden(tmp_path):
    with closing(connect(tmp_path / 'numbers.sqlite')) as db:
        db.execute('CREATE TABLE note (note INTEGER PRIMARY KEY AUTOINCREMENT, text)')
        history = undo(db)
        insert = "INSERT INTO note (text) VALUES ('a')"
        with Client(guard(history.wrap(lambda request: db.execute(insert) and 'x'), db)) as client:
            for _ in range(3):
                assert client.post('/').status == 200
        assert [tuple(row) for row in db.execute('SELECT name, seq FROM sqlite_sequence')] == [('note', 3)]
