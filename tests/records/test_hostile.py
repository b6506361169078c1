"""Forms of records with hostile content: odd keys and values, and tables and rows that change under an open
form."""

from __future__ import annotations

import secrets
import sqlite3
from contextlib import closing
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from kali import Router
from kali.records import Records, Table
from kali.sqlite import guard
from kali.sqlite.schema import quoted
from kali.testing import Client
from tests.records.forms import controls, dump, open_file

KEYS: tuple[Any, ...] = ('a/b', '%2F', '?', '#', ' ', '', '.', '..', 'new', '7', 7, -3, 2.5, b'\x00\xff',
    '~n', ',', 'a,b',
                         '"', "'", '<script>', 'é😀', 'x' * 300, '\\', '+', '&', 'a\nb')


@pytest.mark.parametrize('key', [*KEYS, None], ids=repr)
@pytest.mark.parametrize('kind', ['TEXT PRIMARY KEY', 'PRIMARY KEY'])
def test_a_row_with_any_key_is_changed_copied_and_deleted(key: Any, kind: str) -> None:
    db = open_file(f'CREATE TABLE t (id {kind}, x TEXT)')
    db.execute("INSERT INTO t VALUES (?, 'first')", [key])
    records = Records(db)
    client = Client(records, raise_errors=True)
    before = dump(db)
    section = records.section('t')
    path = section.path_of(section.table.rows()[0])
    assert section.url(path) in client.get(section.url()).text.replace('&#x27;', "'").replace('&amp;', '&')
    assert client.get(section.url(path)).status == 200
    url = section.url(path, 'edit')
    fields = dict(controls(client.get(url).text))
    assert client.post(f'{url}?_save=1', form=fields).status == 303 and dump(db) == before
    fields = dict(controls(client.get(url).text))
    reply = client.post(f'{url}?_save=1', form={**fields, 'x': 'changed'})
    assert reply.status == 303 and client.get(reply.headers['location']).status == 200
    assert db.execute('SELECT x FROM t').fetchall()[0][0] == 'changed'
    cell = section.url('cell', key=path, column='x')
    fields = dict(controls(client.get(cell).text))
    assert client.post(f'{cell}&_save=1', form={**fields, 'x': 'cell'}).status == 303
    url = section.url(path, 'delete')
    assert client.post(f'{url}?_save=1', form=controls(client.get(url).text)).status == 303
    assert db.execute('SELECT count(*) FROM t').fetchone()[0] == 0
    for _ in range(3):
        assert records.history.undo()
    assert dump(db) == before
    db.close()


VALUES: tuple[Any, ...] = (
    '<script>alert(1)</script>', '" onfocus="alert(1)', "'", '\x00', 'a\x00b', '\r', '\r\n', '\n\n',
        '\x1b[0m', '{x}',
    '\ufffe', 'x' * 1_000_000, '😀' * 1000, ' ', '\t', '&lt;', 'NULL', b'<svg onload=alert(1)>', 1e308,
        float('inf'),
    -0.0, 2**63 - 1, '007', '1e5', '=cmd|1', '../x')


@pytest.mark.parametrize('value', VALUES, ids=lambda value: repr(value)[:20])
def test_any_value_in_any_column_is_shown_and_kept(value: Any) -> None:
    db = open_file('''CREATE TABLE t (t INTEGER PRIMARY KEY, i INTEGER, d DATE, n NUMERIC, b BOOLEAN,
        x TEXT, y, z BLOB,
        c TEXT CHECK (c IN ('a', 'b')), r INT REFERENCES t, m DECIMAL(8, 2), w DATETIME)''')
    db.execute('PRAGMA ignore_check_constraints = ON')
    db.execute('PRAGMA foreign_keys = OFF')
    db.execute(f'INSERT INTO t (i, d, n, b, x, y, z, c, r, m, w) VALUES ({", ".join("?" * 11)})',
        [value] * 11)
    db.execute('PRAGMA foreign_keys = ON')
    db.execute('PRAGMA ignore_check_constraints = OFF')
    records = Records(db, tables=[Table('t', children=['t'])])
    client = Client(records, raise_errors=True)
    before = dump(db)
    for url in ('/table/t/1/edit', '/table/t/1/copy', '/table/t/1/delete', '/table/t/',
        '/table/t/cell?key=1&column=y'):
        page = client.get(url).text
        assert '<script>alert' not in page and '" onfocus="' not in page, url
    fields = controls(client.get('/table/t/1/edit').text)
    assert client.post('/table/t/1/edit?_save=1', form=fields).status == 303 and dump(db) == before
    # One field is changed, all the rest is kept.
    fields = controls(client.get('/table/t/1/edit').text)
    sent = [(name, 'changed' if name == 'x' else text) for name, text in fields]
    reply = client.post('/table/t/1/edit?_save=1', form=sent)
    assert reply.status in (303, 422), reply.text  # a CHECK that is broken already may refuse
    db.close()


def test_text_that_is_no_utf8_is_kept_and_can_be_replaced() -> None:
    db = open_file("CREATE TABLE t (t INTEGER PRIMARY KEY, x TEXT, y TEXT);"
                   "INSERT INTO t VALUES (1, CAST(x'41ff42' AS TEXT), 'y')")
    client = Client(Records(db), raise_errors=True)
    fields = dict(controls(client.get('/table/t/1/edit').text))
    assert fields['x'] == 'A\ufffdB'
    assert client.post('/table/t/1/edit?_save=1', form={**fields, 'y': 'changed'}).status == 303
    assert db.execute('SELECT CAST(x AS BLOB), y FROM t').fetchone()[:] == (b'A\xffB', 'changed')
    db.close()


NOTES = '''CREATE TABLE note (note INTEGER PRIMARY KEY, text TEXT, mood TEXT, label TEXT);
    INSERT INTO note VALUES (1, 'first', 'good', 'l')'''


def notes(path: Any = ':memory:') -> tuple[Any, Client, dict[str, str]]:
    db = open_file(NOTES, path)
    client = Client(Records(db, backups=False), raise_errors=True)
    return db, client, dict(controls(client.get('/table/note/1/edit').text))


@pytest.mark.parametrize(('change', 'status', 'shown'), [
    ('DELETE FROM note', 409, 'not there any more'),
    ("UPDATE note SET text = 'theirs'", 409, 'theirs'),
    ('ALTER TABLE note DROP COLUMN mood', 409, 'typed mood'),
    ('ALTER TABLE note RENAME COLUMN text TO body', 409, 'typed text'),
    ('ALTER TABLE note ADD COLUMN more TEXT', 409, 'typed text'),
    ('DROP TABLE note', 404, 'deleted or renamed'),
    ('ALTER TABLE note RENAME TO other', 404, 'deleted or renamed'),
    ('DROP TABLE note; CREATE VIEW note AS SELECT 1 AS note', 403, 'is a view'),
])
def test_what_changes_under_an_open_form_loses_nothing(change: str, status: int, shown: str,
                                                       tmp_path: Path) -> None:
    db, client, fields = notes(tmp_path / 'notes.sqlite')
    with closing(sqlite3.connect(tmp_path / 'notes.sqlite')) as other:
        other.executescript(change)
    before = dump(db)
    reply = client.post('/table/note/1/edit?_save=1', form={**fields, 'text': 'typed text',
        'mood': 'typed mood'})
    assert reply.status == status and shown in reply.text, reply.text
    assert dump(db) == before
    if status == 409:
        assert 'typed text' in reply.text and 'typed mood' in reply.text
    db.close()


def test_after_a_column_is_added_the_form_can_be_saved() -> None:
    db, client, fields = notes()
    db.execute('ALTER TABLE note ADD COLUMN more TEXT')
    reply = client.post('/table/note/1/edit?_save=1', form={**fields, 'text': 'typed'})
    assert client.post('/table/note/1/edit?_save=1', form=controls(reply.text)).status == 303
    assert db.execute('SELECT text FROM note').fetchone()[0] == 'typed'
    db.close()


def test_a_form_is_saved_once() -> None:
    db, client, fields = notes()
    fields = dict(controls(client.get('/table/note/new').text))
    for _ in range(3):
        assert client.post('/table/note/new?_save=1', form={**fields, 'text': 'once'}).status == 303
    assert db.execute('SELECT count(*) FROM note').fetchone()[0] == 2
    reply = client.post('/table/note/new?_save=1', form={**fields, 'text': 'other'})  # after Back
    assert reply.status == 409 and 'other' in reply.text
    assert client.post('/table/note/new?_save=1', form=controls(reply.text)).status == 303
    assert db.execute('SELECT count(*) FROM note').fetchone()[0] == 3
    db.close()


@pytest.mark.parametrize('form', [
    {}, {'_form_id': 'x'}, {'_form_id': secrets.token_hex(16), '_new': 'text'}, {'_fingerprint': '1'},
    {'_columns': 'x', 'text': 'typed'}, {'text': 'a', 'unknown': 'b'}, {'_new': ''}])
def test_posts_made_by_hand(form: dict[str, str]) -> None:
    db, client, _ = notes()
    for url in ('/table/note/1/edit', '/table/note/new', '/table/note/1/delete', '/table/note/rows',
        '/table/note/paste',
                '/table/note/cell?key=1&column=text'):
        assert client.post(url, form=form).status < 500
    db.close()


@pytest.mark.parametrize('why', [Table('note', read_only='For reading.'), Table('note',
    where="mood = 'bad'")])
def test_what_cannot_be_changed(why: Table) -> None:
    db = open_file(NOTES)
    client = Client(Records(db, tables=[why]), raise_errors=True)
    for url in ('edit', 'copy', 'delete', 'file/text'):
        status = client.get(f'/table/note/1/{url}').status
        assert status == (200 if url == 'file/text' and why.read_only else 403 if why.read_only else 404), url
    assert client.get('/table/note/new').status == (403 if why.read_only else 200)
    db.close()


NAMES = ('_new', '_columns', '_form_id', '_seen', '_count', 'key', 'do', 'column', 'all', 'text', 'columns',
    'back',
         'form', 'value', '.key', 'a, b', 'a b', '"', '<b>', "it's", '%', '[x]', 'action', 'submit',
             'rowid', 'é', '')


@pytest.mark.parametrize('name', NAMES)
def test_a_column_of_any_name_is_changed_everywhere(name: str) -> None:
    db = open_file(f'''CREATE TABLE t (id INTEGER PRIMARY KEY, {quoted(name)} TEXT, other TEXT);
        INSERT INTO t VALUES (1, 'one', 'o'), (2, 'two', 'o')''')
    records = Records(db, tables=[Table('t')])
    client = Client(records, raise_errors=True)
    section = records.section('t')

    def stored() -> list[Any]:
        return [row[0] for row in db.execute(f'SELECT {quoted(name)} FROM t ORDER BY id')]

    def changed(page: Any, text: str, before: str) -> list[tuple[str, str]]:
        fields = controls(page.text)
        place = next(number for number, (_, value) in enumerate(fields) if value == before)
        return [*fields[:place], (fields[place][0], text), *fields[place + 1:]]
    assert client.post('/table/t/1/edit?_save=1', form=changed(
        client.get('/table/t/1/edit'), 'edited', 'one')).status == 303
    assert stored() == ['edited', 'two']
    cell = section.url('cell', key='1', column=name)
    assert client.post(f'{cell}&_save=1', form=changed(client.get(cell), 'cell', 'edited')).status == 303
    assert stored() == ['cell', 'two']
    page = client.post('/table/t/rows', form={'key': ['1', '2'], 'do': 'change', 'column': name})
    fields = {**dict(controls(page.text)), 'value': 'both', 'key': ['1', '2']}
    assert client.post('/table/t/rows?_save=1', form=fields).status == 303
    assert stored() == ['both', 'both']
    page = client.post('/table/t/paste', form={'text': 'p', 'key': '2', 'column': name})
    assert client.post('/table/t/paste?_save=1', form=controls(page.text)).status == 303
    assert stored() == ['both', 'p']
    assert client.get('/table/t/').status == 200
    for _ in range(4):
        assert records.history.undo()
    assert stored() == ['one', 'two']
    db.close()


def test_a_table_of_children_may_be_called_as_a_column_is() -> None:
    db = open_file('''CREATE TABLE a (a INTEGER PRIMARY KEY, line TEXT);
        CREATE TABLE line (line INTEGER PRIMARY KEY, a INT REFERENCES a,
            text TEXT); INSERT INTO a VALUES (1, 'x'); INSERT INTO line VALUES (1, 1, 'y')''')
    client = Client(Records(db, tables=[Table('a', children=['line']), 'line']), raise_errors=True)
    fields = {**dict(controls(client.get('/table/a/1/edit').text)), 'line': 'z', 'line.rows-1-text': 'w'}
    assert client.post('/table/a/1/edit?_save=1', form=fields).status == 303
    assert db.execute('SELECT a.line, text FROM a, line').fetchone()[:] == ('z', 'w')
    db.close()


def test_records_inside_of_an_application() -> None:
    db = open_file(NOTES)
    app = Router()
    records = Records(db, backups=False)
    app.delegate_folder('/office/', records.router)
    client = Client(guard(app, db), raise_errors=True)
    fields = {**dict(controls(client.get('/office/table/note/1/edit').text)), 'text': 'changed'}
    reply = client.post('/office/table/note/1/edit?_save=1', form=fields)
    assert reply.status == 303 and reply.headers['location'].startswith('/office/table/note/1')
    page = client.get('/office/table/note/').text
    assert 'data-in-place="/office/table/note/cell"' in page and 'action="/office/table/note/rows"' in page
    db.close()


@pytest.mark.parametrize(('columns', 'rows', 'pages', 'shown'), [
    ('d DATE', '(1, -9223372036854775808), (2, 1600000000)',
     ['', 'charts?by=d:year&value=count&shape=bar'], '2020'),
    ('x TEXT, y TEXT', "(1, CAST(x'41ff42' AS TEXT), 'b')",
     ['', 'report?by=y', 'report?by=x', 'charts?by=x&value=count&shape=bar', 'export.csv'], 'A\ufffdB'),
    ('n NUMERIC, x TEXT', "(1, 9223372036854775807, 'x'), (2, 9223372036854775807, 'x')",
     ['', 'report?by=x', 'charts?by=x&value=sum:n&shape=bar'], 'x')])
def test_pages_of_what_is_hard_to_read(columns: str, rows: str, pages: list[str], shown: str) -> None:
    db = open_file(f'CREATE TABLE t (t INTEGER PRIMARY KEY, {columns}); INSERT INTO t VALUES {rows}')
    client = Client(Records(db), raise_errors=True)
    for page in pages:
        reply = client.get(f'/table/t/{page}')
        assert reply.status == 200 and shown in reply.text, page
    db.close()


def test_a_view_of_what_is_gone_says_so_and_a_table_without_rows_has_its_headings() -> None:
    db = open_file('CREATE VIEW v AS SELECT * FROM gone; CREATE TABLE t (t INTEGER PRIMARY KEY, x TEXT)')
    client = Client(Records(db), raise_errors=True)
    for page in ('', 'new', 'charts', 'report', 'export.csv'):
        reply = client.get(f'/table/v/{page}')
        assert reply.status == 200 and 'V cannot be read: no such table: main.gone.' in reply.text
    page = client.get('/table/t/').text
    assert '<th scope="col"><a href="/table/t/?order=x">X</a></th>' in page and 'no records' in page
    db.close()


def test_a_view_that_fails_while_it_is_read_is_a_sentence_and_spoils_no_search() -> None:
    db = open_file("""CREATE TABLE t (t INTEGER PRIMARY KEY, x TEXT); INSERT INTO t VALUES (1, '{bad');
        CREATE VIEW v AS SELECT x, json_extract(x, '$.a') AS a FROM t;
        CREATE VIEW w AS SELECT x FROM t WHERE json_extract(x, '$.a') = 1""")
    client = Client(Records(db), raise_errors=True)
    for name, page in product('vw', ('', 'export.csv', 'export.json', 'export.xlsx')):
        assert f'{name.upper()} cannot be read: malformed JSON.' in client.get(f'/table/{name}/{page}').text
    found = client.get('/search?q=bad').text
    assert '/table/t/1' in found and 'V cannot be read: malformed JSON.' in found and 'large' not in found
    assert 'malformed JSON' in client.get('/').text
    db.close()


@pytest.mark.parametrize('ending', ['csv', 'json'])
def test_a_view_of_text_that_is_no_utf8_is_exported(ending: str) -> None:
    db = open_file("CREATE VIEW v AS SELECT CAST(x'41ff42' AS TEXT) AS x")
    assert 'A\ufffdB' in Client(Records(db), raise_errors=True).get(f'/table/v/export.{ending}').text
    assert db.text_factory is str
    db.close()
