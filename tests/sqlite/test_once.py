"""request.scope.transaction: a form saves exactly once, and what is asked for before the commit is in it."""

import sqlite3

import pytest

from kali.errors import BadRequest
from kali.http.deferred import Deferred
from kali.http.request import Request
from kali.http.response import Response
from kali.iolist import flatten
from kali.multidict import Bag
from kali.sqlite import guard, once
from tests.sqlite.conftest import answered


class App:
    """Saves what it is sent, under a form id, and answers as it should."""

    def __init__(self, connection, make=lambda request: Response.redirect('/saved')):
        self.connection, self.make, self.runs = connection, make, 0
        self.guarded = guard(self, connection)

    def __call__(self, request):
        earlier = request.scope.transaction.once(request.form['id'])
        if earlier is not None:
            return earlier
        self.runs += 1
        self.connection.execute('INSERT INTO note (text) VALUES (?)', [f'note {self.runs}'])
        return self.make(request)

    def post(self, form_id):
        return answered(self.guarded, Request('POST', '/', form={'id': form_id}))


def same(one, other):
    parts = [(answer.status, answer.headers, flatten(answer.content)) for answer in (one, other)]
    return parts[0] == parts[1]


ANSWERS = [
    lambda request: Response.redirect('/contact/7'),
    lambda request: Response(['<p>', b'caf\xc3\xa9'], status=201,
                             headers=[('Set-Cookie', 'a=1'), ('Set-Cookie', 'b=2')]),
    lambda request: Response(b'\x00\xff', headers={'Content-Type': 'image/png', 'X-Name': 'Zoë'}),
    lambda request: None,
    lambda request: 'x' * once.BODY_LIMIT,
]


@pytest.mark.parametrize('make', ANSWERS)
def test_a_repeat_gets_the_first_answer(any_db, path, on_disk, make):
    app = App(any_db, make)
    first = app.post('abc')
    for _ in range(2):
        assert same(app.post('abc'), first)
    assert app.runs == 1
    app.post('another')
    assert on_disk(path) == ['note 1', 'note 2']


def test_it_is_kept_in_the_file(path, open_db):
    first = App(open_db(path)).post('abc')
    app = App(open_db(path))
    assert same(app.post('abc'), first)
    assert app.runs == 0


@pytest.mark.parametrize('make', [
    lambda request: Response('correct', status=422), lambda request: Response('', status=500),
    lambda request: 1 / 0])
def test_a_failed_request_spends_nothing(db, make):
    app = App(db, make)
    for _ in range(2):
        try:
            assert app.post('abc').status >= 400
        except ZeroDivisionError:
            pass
    assert app.runs == 2
    app.make = ANSWERS[0]
    assert app.post('abc').status == 303


def test_a_failed_commit_spends_nothing(db):
    app = App(db, lambda request: db.execute('INSERT INTO part VALUES (99)') and None)
    assert app.post('abc').status == 409
    app.make = ANSWERS[0]
    assert app.post('abc').status == 303
    assert app.runs == 2


@pytest.mark.parametrize('make', [
    lambda request: 'x' * (once.BODY_LIMIT + 1),
    lambda request: Response.stream(['a', 'b']),
])
def test_a_big_or_late_answer_is_not_kept(db, make):
    app = App(db, make)
    first = app.post('abc')
    while isinstance(first, Deferred) and first.step() is not None:
        pass
    again = app.post('abc')
    assert again.status == 200
    assert b'saved already' in flatten(again.content)
    assert app.runs == 1


@pytest.mark.parametrize('form_id', ['', 'x' * 201, None, 7])
def test_what_cannot_be_an_id(db, form_id):
    app = App(db)
    with pytest.raises(BadRequest, match='The form id is not acceptable'):
        app.post(form_id)
    assert app.runs == 0


@pytest.mark.parametrize('form_id', ["'; DROP TABLE note; --", '\x00', 'Zoë 🐟', '7', ' '])
def test_any_text_is_an_id(db, form_id):
    app = App(db)
    assert same(app.post(form_id), app.post(form_id))
    assert app.runs == 1


def test_several_ids_in_one_request(db):
    def save(request):
        earlier = [request.scope.transaction.once(form_id) for form_id in request.form.get_list('id')]
        return next((answer for answer in earlier if answer is not None), 'first')
    app = guard(save, db)
    both = Bag([('id', 'a'), ('id', 'b'), ('id', 'a')])
    assert app(Request('POST', form=both)).content == b'first'
    assert db.execute('SELECT count(*) FROM kali_form').fetchone()[0] == 2


@pytest.mark.parametrize(('row_factory', 'text_factory'), [
    (sqlite3.Row, str), (None, bytes), (lambda cursor, row: {'all': row}, lambda raw: raw.hex())])
def test_whatever_the_connection_makes_of_rows(path, open_db, row_factory, text_factory):
    connection = open_db(path, sqlite3.connect)
    connection.row_factory, connection.text_factory = row_factory, text_factory
    app = App(connection)
    assert same(app.post('abc'), app.post('abc'))


def test_old_ids_are_pruned(db, monkeypatch):
    app = App(db)
    days = 24 * 3600
    now = 1_800_000_001
    assert now % once.PRUNE_EVERY == 1
    monkeypatch.setattr(once.time, 'time', lambda: now)
    app.post('old')
    now += 31 * days - 31 * days % once.PRUNE_EVERY
    app.post('new')
    ids = 'SELECT id FROM kali_form ORDER BY spent_at'
    assert [row[0] for row in db.execute(ids)] == ['old', 'new']
    now += once.PRUNE_EVERY - 1
    app.post('the last straw')
    assert [row[0] for row in db.execute(ids)] == ['new', 'the last straw']


def test_a_table_of_an_earlier_kali(db):
    """Where headers were text."""
    db.execute('CREATE TABLE kali_form (id TEXT PRIMARY KEY, spent_at INTEGER NOT NULL, status INTEGER NOT '
               'NULL, headers TEXT NOT NULL, body BLOB)')
    db.execute("""INSERT INTO kali_form VALUES ('abc', 1, 303, '[["Location", "/old"]]', x'')""")
    app = App(db)
    assert app.post('abc').headers['location'] == '/old'
    assert same(app.post('new'), app.post('new'))
    assert app.runs == 1


def test_no_table_where_nothing_is_spent(db, path, on_disk):
    guard(lambda request: 'fine', db)(Request('POST'))
    assert on_disk(path, "SELECT name FROM sqlite_master WHERE name = 'kali_form'") == []


def test_the_order(db, path, on_disk):
    """Handler, render, store the result under the form id, before_commit, COMMIT."""
    order = []

    def save(request):
        transaction = request.scope.transaction
        transaction.title = 'Add a note'
        transaction.once('abc')

        def close_step():
            order.append('before commit')
            assert transaction.title == 'Add a note'
            assert db.execute('SELECT body FROM kali_form').fetchone()[0] == b'page'
            assert on_disk(path) == []
            db.execute("INSERT INTO note (text) VALUES ('step')")
        transaction.before_commit(close_step)

        def page():
            order.append('render')
            yield 'page'
        order.append('handler')
        return page()
    request = Request('POST')
    guard(save, db)(request)
    assert order == ['handler', 'render', 'before commit']
    assert on_disk(path) == ['step']
    assert request.scope.transaction is None


@pytest.mark.parametrize('make', [lambda request: Response('', status=422), lambda request: 1 / 0])
def test_before_commit_is_not_called_when_nothing_is_committed(db, make):
    def save(request):
        request.scope.transaction.before_commit(lambda: pytest.fail('called'))
        return make(request)
    request = Request('POST')
    try:
        guard(save, db)(request)
    except ZeroDivisionError:
        pass
    assert request.scope.transaction is None


def test_an_error_before_commit_rolls_back(db, path, on_disk):
    app = App(db, lambda request: request.scope.transaction.before_commit(lambda: 1 / 0))
    with pytest.raises(ZeroDivisionError):
        app.post('abc')
    assert on_disk(path) == []


def test_a_get_has_none(db):
    assert guard(lambda request: repr(request.scope.transaction), db)(Request('GET')).content == b'None'


def test_the_outermost_guard_holds_it(path, tmp_path, open_db):
    outer, inner = open_db(path), open_db(tmp_path / 'inner.db')
    plain = guard(lambda request: request.scope.transaction.once('xyz'), inner)
    for app in (guard(App(inner).guarded, outer), guard(plain, outer)):
        inner.execute('CREATE TABLE IF NOT EXISTS note (text)')
        app(Request('POST', form={'id': 'abc'}))
    assert [row[0] for row in outer.execute('SELECT id FROM kali_form ORDER BY id')] == ['abc', 'xyz']
    assert inner.execute("SELECT count(*) FROM sqlite_master WHERE name = 'kali_form'").fetchone()[0] == 0
