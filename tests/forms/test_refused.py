"""What the database refuses is a sentence at its field, with all that was typed, and nothing is saved."""

from __future__ import annotations

import re
import sqlite3
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import pytest

from kali import Response, Router, forms
from kali.forms.uploads import KEPT
from kali.http.request import FileUpload
from kali.sqlite import connect, guard
from kali.testing import Client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCHEMA = '''
CREATE TABLE owner (owner INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE shop (shop INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE bike (
    bike INTEGER PRIMARY KEY, frame_no TEXT NOT NULL UNIQUE COLLATE NOCASE, size INTEGER CHECK (size < 100),
    maker TEXT, model TEXT, "from" INTEGER, until INTEGER, owner INTEGER REFERENCES owner,
    shop INTEGER REFERENCES shop DEFERRABLE INITIALLY DEFERRED, "odd, name" TEXT,
    UNIQUE (maker, model), CONSTRAINT in_order CHECK ("from" <= until), UNIQUE ("odd, name"));
CREATE UNIQUE INDEX short ON bike (lower(substr(frame_no, 1, 3)));
CREATE TABLE repair (repair INTEGER PRIMARY KEY, bike INTEGER NOT NULL REFERENCES bike);
CREATE TABLE line (repair INTEGER REFERENCES repair ON DELETE CASCADE);
CREATE TRIGGER no_trains BEFORE INSERT ON bike WHEN new.model = 'train'
    BEGIN SELECT RAISE(ABORT, 'A train is no bike.'); END;
INSERT INTO owner VALUES (1, 'Ann'), (2, 'Bob');
INSERT INTO shop VALUES (1, 'North');
INSERT INTO bike VALUES (1, 'ABC1', 50, 'Acme', 'Swift', 1, 2, 1, 1, 'x');
INSERT INTO repair VALUES (1, 1);
'''
FIELDS = ('frame_no', 'size', 'maker', 'model', 'from', 'until', 'owner', 'shop', 'odd, name')
FINE = {'frame_no': 'XYZ1', 'size': '60', 'maker': 'Acme', 'model': 'Slow', 'from': '1', 'until': '2',
        'owner': '1', 'shop': '1', 'odd, name': 'y'}


@pytest.fixture
def db() -> Iterator[Any]:
    connection = connect(':memory:')
    connection.executescript(SCHEMA)
    yield connection
    connection.close()


def application(db: Any) -> Any:
    app = Router()
    blank = forms.Nullable(forms.String())

    class Bike(forms.Formlet):
        def __init__(self) -> None:
            super().__init__({name: forms.Entry(lens=blank) for name in FIELDS})
            self.elements['frame_no'] = forms.Entry(lens=blank, label='Frame number')

        def get_native(self) -> Any:
            return {}

        def save(self, native: dict[str, Any], request: Any) -> Any:
            names = ', '.join(f'"{name}"' for name in FIELDS)
            db.execute(f'INSERT INTO bike ({names}) VALUES ({", ".join("?" * len(FIELDS))})',
                       [native[name] for name in FIELDS])
            return Response.redirect('/saved')
    app.servlet('/new')(Bike)

    @app.servlet('/bike/*')
    class EditBike(Bike):
        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

        def get_native(self) -> Any:
            return db.execute('SELECT * FROM bike WHERE bike = ?', [self.number]).fetchone()

        def save(self, native: dict[str, Any], request: Any) -> Any:
            db.execute('UPDATE bike SET frame_no = ? WHERE bike = ?', [native['frame_no'], self.number])
            return Response.redirect('/saved')

    @app.servlet('/delete/*/*')
    class Delete(forms.Formlet):
        submit = 'Delete'

        def __init__(self, table: str, number: int) -> None:
            super().__init__({})
            self.sql = f'DELETE FROM {table} WHERE {table} = {number}'

        def get_native(self) -> Any:
            return {}

        def save(self, native: dict[str, Any], request: Any) -> Any:
            db.execute(self.sql)
            return Response.redirect('/gone')

    @app.post('/plain')
    def plain(sql: str) -> str:
        db.execute(sql)
        return 'done'
    return guard(app, db)


def dump(db: Any) -> list[Any]:
    return [tuple(row) for table in ('owner', 'shop', 'bike', 'repair')
            for row in db.execute(f'SELECT * FROM {table}')]


def errors(text: str) -> dict[str, str]:
    return dict(re.findall('<p class="error" id="(.*?)-error">(.*?)</p>', text))


@pytest.mark.parametrize(('changes', 'fields', 'sentence'), [
    ({'frame_no': 'ABC1'}, ['frame_no'], 'There is a bike with this frame number already'),
    ({'frame_no': 'abc1'}, ['frame_no'], 'There is a bike with this frame number already'),
    ({'frame_no': 'aBc9'}, ['frame_no'], 'There is a bike with this frame number already'),
    ({'maker': 'Acme', 'model': 'Swift'}, ['maker', 'model'],
     'There is a bike with this maker and model already'),
    ({'odd, name': 'x'}, ['odd, name'], 'There is a bike with this odd, name already'),
    ({'frame_no': ''}, ['frame_no'], 'may not be blank.'),
    ({'size': '500'}, ['size'], 'is not accepted here; please check it.'),
    ({'from': '3'}, ['from', 'until'], 'does not go together with the other fields; please check it.'),
    ({'owner': '99'}, ['owner'], 'There is no such owner any more; please choose another one.'),
    ({'shop': '99'}, ['shop'], 'There is no such shop any more; please choose another one.'),  # at COMMIT
    ({'model': 'train'}, [], 'A train is no bike.'),
])
def test_a_refused_save_is_an_error_at_its_fields(db: Any, changes: dict[str, str], fields: list[str],
                                                 sentence: str) -> None:
    client, before = Client(application(db)), dump(db)
    reply = client.post('/new', form={**FINE, **changes})
    assert reply.status == 422
    found = errors(reply.text)
    assert len(found) == len(fields) and all(text.startswith(sentence) for text in found.values())
    assert sentence in reply.text
    for value in {**FINE, **changes}.values():
        assert f'value="{value}"' in reply.text
    for inside in ('constraint', 'Traceback', 'in_order', 'INSERT', 'lower('):
        assert inside not in reply.text
    assert dump(db) == before and not db.in_transaction
    form_id = re.findall('name="_form_id" value="(.*?)"', reply.text)[0]
    assert client.post('/new', form={**FINE, '_form_id': form_id}).status == 303  # put right, it saves


def test_the_other_record_is_named_and_linked_to(db: Any) -> None:
    db.execute("INSERT INTO bike (frame_no) VALUES ('QQQ')")
    client = Client(application(db))
    hidden = dict(re.findall('name="(_form_id|_fingerprint)" value="(.*?)"', client.get('/bike/2').text))
    reply = client.post('/bike/2', form={'frame_no': 'ABC1', **hidden})
    assert reply.status == 422
    assert 'There is a bike with this frame number already: <a href="/bike/1">x</a>.' in reply.text


@pytest.mark.parametrize(('path', 'sentence'), [
    ('/delete/bike/1', 'still needed by “repair”'), ('/delete/owner/1', 'still needed by “bike”'),
    ('/delete/shop/1', 'still needed by “bike”'),
])
def test_a_refused_delete_says_why(db: Any, path: str, sentence: str) -> None:
    before = dump(db)
    reply = Client(application(db)).post(path, form={'_form_id': 'a' * 32})
    assert reply.status == 422
    assert sentence in reply.text and 'This could not be done' in reply.text
    assert 'Not saved yet' not in reply.text and 'constraint' not in reply.text
    assert dump(db) == before


@pytest.mark.parametrize(('sql', 'sentence'), [
    ('DELETE FROM owner WHERE owner = 1', 'still needed by “bike”'),
    ("INSERT INTO shop (name) VALUES ('North')", 'There is a shop with this name already.'),
    ('UPDATE bike SET frame_no = NULL', '“Frame no” may not be blank.'),
    ('UPDATE bike SET size = 1000', '“Size” is not accepted here; please check it.'),
    ("INSERT INTO owner VALUES ('x', 'Zoe')", '“Owner” is of another kind'),
])
def test_without_a_form_there_is_a_page_with_what_was_typed(db: Any, sql: str, sentence: str) -> None:
    for debug in (True, False):
        reply = Client(application(db), debug=debug).post(
            '/plain', form={'sql': sql}, headers={'Referer': 'http://localhost:8080/bike/1?a=1&b=2'})
        assert reply.status == 409
        assert sentence in reply.text
        assert '<a href="/bike/1?a=1&amp;b=2">Go back</a>' in reply.text
        assert '<textarea name="sql">' in reply.text
        assert 'Traceback' not in reply.text and 'constraint failed' not in reply.text


@pytest.mark.parametrize(('statements', 'sentence'), [
    (['DELETE FROM shop', "INSERT INTO owner (name) VALUES ('Cy')"], 'still needed by “bike”'),  # at COMMIT
    (['UPDATE bike SET shop = 8', "INSERT INTO owner (name) VALUES ('Cy')"], 'There is no such shop'),
    (['DELETE FROM line', 'UPDATE owner SET name = 1', 'DELETE FROM line', 'UPDATE bike SET owner = 9'],
     'This refers to something that is not there'),
    (['DELETE FROM owner WHERE owner = 2', 'DELETE FROM line', 'DELETE FROM owner WHERE owner = 1'],
     'still needed by “bike”'),
    (["INSERT INTO owner VALUES (3, 'Cy')"] * 2, 'There is an owner with this owner already'),
])
def test_several_statements_in_one_request(db: Any, statements: list[str], sentence: str) -> None:
    def handler(request: Any) -> str:
        for sql in statements:
            db.execute(sql)
        return 'done'
    reply = Client(guard(handler, db)).post('/')
    assert reply.status == 409 and sentence in reply.text


def test_all_sentences_about_fields_that_a_form_lacks_are_said(db: Any) -> None:
    class Short(forms.Formlet):
        def __init__(self) -> None:
            super().__init__({'model': forms.Entry()})

        def save(self, native: dict[str, Any], request: Any) -> Any:
            db.execute('UPDATE bike SET "from" = 7, model = ?', [native['model']])

    reply = Client(guard(lambda request: Short().do_POST(request), db)).post('/', form={'model': 'x'})
    assert reply.status == 422
    assert '“From” does not go together' in reply.text and '“Until” does not go together' in reply.text


@pytest.mark.skipif(sqlite3.sqlite_version_info < (3, 37), reason='STRICT came with SQLite 3.37')
def test_the_type_of_a_strict_column(db: Any) -> None:
    db.execute('CREATE TABLE exact (count INTEGER) STRICT')
    reply = Client(application(db)).post('/plain', form={'sql': "INSERT INTO exact VALUES ('many')"})
    assert reply.status == 409 and '“Count” is of another kind' in reply.text


def test_a_mistake_in_the_programs_sql_stays_one(db: Any) -> None:
    reply = Client(application(db)).post('/plain', form={'sql': 'INSERT INTO nowhere VALUES (1)'})
    assert reply.status == 500


# Kept uploads, and other content under the id of a form that was saved.

class Scan(forms.Formlet):
    def __init__(self, db: Any, answer: Any = None) -> None:
        super().__init__({'name': forms.Entry(), 'scan': forms.Upload(required=True)})
        self.db, self.answer = db, answer

    def get_native(self) -> Any:
        return {}

    def save(self, native: dict[str, Any], request: Any) -> Any:
        self.db.execute('INSERT INTO bike (frame_no, shop) VALUES (?, ?)', [
            f'{native["name"]} {native["scan"].content.decode()}', 99 if native['name'] == 'late' else 1])
        return self.answer or Response.redirect('/saved')


def test_a_kept_file_stays_until_the_save_is_committed(db: Any) -> None:
    client = Client(guard(lambda request: Scan(db).do_POST(request), db))
    upload = {'scan': FileUpload('a.pdf', 'application/pdf', b'%PDF')}
    form_id = 'f' * 32
    assert client.post('/', form={'name': '', '_form_id': form_id}, files=upload).status == 422
    kept = {'_form_id': form_id, '_keep-scan': '1'}
    reply = client.post('/', form={'name': 'late', **kept})  # refused at COMMIT
    assert reply.status == 422 and 'a.pdf' in reply.text
    assert client.post('/', form={'name': 'good', **kept}).status == 303
    assert not KEPT.get(form_id, 'scan')
    assert client.post('/', form={'name': 'good', **kept}).status == 303  # a repeat
    assert [row[0] for row in db.execute('SELECT frame_no FROM bike WHERE bike > 1')] == ['good %PDF']


def test_a_future_that_fails_leaves_the_kept_file(db: Any) -> None:
    future: Future[Any] = Future()
    form_id = 'e' * 32
    KEPT.put(form_id, 'scan', [FileUpload('a.pdf', 'application/pdf', b'%PDF')])
    client = Client(guard(lambda request: Scan(db, future).do_POST(request), db))
    future.set_exception(ValueError())
    assert client.post('/', form={'name': 'x', '_form_id': form_id, '_keep-scan': '1'}).status == 500
    assert KEPT.get(form_id, 'scan')
    KEPT.forget(form_id)


class Shop(forms.Formlet):
    def __init__(self, db: Any, new: bool) -> None:
        super().__init__({'name': forms.Entry(), 'note': forms.Entry(lens=forms.BLANKABLE)})
        self.db, self.new = db, new

    def get_native(self) -> Any:
        return {} if self.new else self.db.execute("SELECT *, '' AS note FROM shop WHERE shop = 1").fetchone()

    def save(self, native: dict[str, Any], request: Any) -> Any:
        if self.new:
            self.db.execute('INSERT INTO shop (name) VALUES (?)', [native['name']])
        else:
            self.db.execute('UPDATE shop SET name = ? WHERE shop = 1', [native['name']])
        return Response.redirect('/shop/2?notice=Saved')


def shops(db: Any) -> list[str]:
    return [row[0] for row in db.execute('SELECT name FROM shop ORDER BY shop')]


def sender(db: Any, new: bool) -> tuple[Client, dict[str, str]]:
    client = Client(guard(lambda request: Shop(db, new).do_POST(request) if request.method == 'POST'
                          else Shop(db, new).do_GET(request), db))
    return client, dict(re.findall('name="(_form_id|_fingerprint)" value="(.*?)"', client.get('/').text))


@pytest.mark.parametrize('change', [{'name': 'West'}, {'name': 'East', 'note': 'x'}, {'name': ''}])
def test_a_form_for_a_new_record_with_other_content(db: Any, change: dict[str, str]) -> None:
    client, hidden = sender(db, True)
    for _ in range(2):
        assert client.post('/', form={'name': 'East', **hidden}).status == 303
    reply = client.post('/', form={**change, **hidden})
    assert (reply.status, shops(db)) == (409, ['North', 'East'])
    assert '<a href="/shop/2?notice=Saved">What was saved</a>' in reply.text
    assert f'value="{change["name"]}"' in reply.text and '>Save this as well</button>' in reply.text
    again = dict(re.findall('name="(_form_id|_fingerprint)" value="(.*?)"', reply.text))
    assert again['_form_id'] != hidden['_form_id']
    for _ in range(2):
        assert client.post('/', form={'name': 'South', **again}).status == 303
    assert shops(db) == ['North', 'East', 'South']


def test_a_form_for_a_record_with_other_content(db: Any) -> None:
    client, hidden = sender(db, False)
    for name in ('East', 'East', 'West', 'West', 'East'):
        assert client.post('/', form={'name': name, **hidden}).status == 303
        assert shops(db) == [name]
    db.execute("UPDATE shop SET name = 'Elsewhere'")
    reply = client.post('/', form={'name': 'South', **hidden})
    assert (reply.status, shops(db)) == (409, ['Elsewhere'])
    assert 'value="South"' in reply.text and 'Elsewhere' in reply.text
    again = dict(re.findall('name="(_form_id|_fingerprint)" value="(.*?)"', reply.text))
    assert client.post('/', form={'name': 'East', **hidden}).status == 303  # a repeat
    assert shops(db) == ['Elsewhere']
    for _ in range(2):
        assert client.post('/', form={'name': 'South', '_take-name': 'mine', **again}).status == 303
        assert shops(db) == ['South']


def test_a_handler_that_is_no_formlet_never_says_saved(db: Any) -> None:
    def save(request: Any) -> Any:
        earlier = request.scope.transaction.once(request.form['id'])
        if earlier is None:
            db.execute('INSERT INTO shop (name) VALUES (?)', [request.form['name']])
        return earlier or 'Saved.'
    client = Client(guard(save, db))
    assert [client.post('/', form={'id': 'a', 'name': 'East'}).text for _ in 'ab'] == ['Saved.', 'Saved.']
    reply = client.post('/', form={'id': 'a', 'name': 'West'})
    assert reply.status == 409 and 'Saved.' not in reply.text and 'West</textarea>' in reply.text
    assert shops(db) == ['North', 'East']


def test_what_was_changed(db: Any) -> None:
    seen: list[Any] = []

    class Edit(Shop):
        def save(self, native: dict[str, Any], request: Any) -> Any:
            seen.append(set(self.changed))
            return 'x'
    app = guard(lambda request: Edit(db, False).do_POST(request) if request.method == 'POST'
                else Edit(db, False).do_GET(request), db)
    client = Client(app)
    for form in ({'name': 'North', 'note': ''}, {'name': 'East', 'note': ''}, {'name': 'East', 'note': 'x'}):
        hidden = dict(re.findall('name="(_form_id|_fingerprint)" value="(.*?)"', client.get('/').text))
        assert client.post('/', form={**form, **hidden}).status == 200
    assert seen == [set(), {'name'}, {'name', 'note'}]


def test_readonly_is_not_believed_and_disabled_is_not_read(db: Any) -> None:
    class Fixed(Shop):
        def __init__(self) -> None:
            super().__init__(db, False)
            self.elements = {'name': forms.Entry(readonly=True), 'shop': forms.Entry(disabled=True),
                             'note': forms.Entry()}

        def save(self, native: dict[str, Any], request: Any) -> Any:
            return repr(native)
    client = Client(guard(lambda request: Fixed().do_POST(request), db))
    assert client.post('/', form={'name': 'Forged', 'shop': '7', 'note': 'x'}).text == \
        "{'name': 'North', 'note': 'x'}"


@pytest.mark.parametrize('parent', ['', 'CREATE TABLE parent (name TEXT)'])
def test_a_foreign_key_that_leads_nowhere(parent: str, tmp_path: Path) -> None:
    """SQLite takes such a table, and refuses what is written to the column."""
    db = connect(tmp_path / 'astray.sqlite')
    db.executescript(f'{parent}; CREATE TABLE child (child INTEGER PRIMARY KEY, name TEXT, '
                     'parent INT REFERENCES parent (name));')

    class New(forms.Formlet):
        def __init__(self) -> None:
            super().__init__({'name': forms.Entry(), 'parent': forms.Entry()})

        def get_native(self) -> Any:
            return {}

        def save(self, native: Any, request: Any) -> Any:
            db.execute('INSERT INTO child (name, parent) VALUES (:name, :parent)', native)
            return Response.redirect('/')
    app = Router()
    app.servlet('/new')(New)
    app.post('/typo')(lambda: db.execute('INSERT INTO chidl VALUES (1)'))
    client = Client(guard(app, db))
    page = client.post('/new', form={'name': 'Ann', 'parent': '7'})
    assert page.status == 422
    assert 'There is no such parent any more' in page.text and 'value="Ann"' in page.text
    assert client.post('/typo').status == 500, "a mistake in the program's own SQL is one"
    db.close()
