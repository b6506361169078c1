"""Import: what a file or pasted cells are, where their columns go, which rows are bad, what it changes."""

import re
import sqlite3

import pytest

from kali import FileUpload
from kali.records import Records
from kali.records.loading import Load
from kali.records.plan import Plan, Target
from kali.records.values import Format
from kali.sqlite import connect
from kali.sqlite.schema import table
from kali.testing import Client

SCHEMA = """
CREATE TABLE maker (maker INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
INSERT INTO maker VALUES (1, 'Diamant'), (2, 'Brompton'), (3, '007');
CREATE TABLE bike (bike INTEGER PRIMARY KEY, frame_no TEXT NOT NULL UNIQUE, price DECIMAL CHECK (price >= 0),
    bought DATE, maker INTEGER REFERENCES maker, sold BOOLEAN NOT NULL DEFAULT 0, note TEXT);
INSERT INTO bike VALUES (1, 'A1', 12.5, '2026-02-28', 1, 0, ''), (2, 'A2', NULL, NULL, NULL, 1, NULL);
CREATE TABLE part (code TEXT, size INTEGER, price, PRIMARY KEY (code, size)) WITHOUT ROWID;
INSERT INTO part VALUES ('nut', 3, 1), ('nut', 4, 'two'), ('"bolt"', 1, x'00ff'), ('nut', 5, '''=1'),
    ('nut', 6, 'data:application/octet-stream;base64,x');
CREATE TABLE odd (odd INTEGER, day DATE, yes BOOLEAN, whole INTEGER NOT NULL, price DECIMAL, at TIMESTAMP,
    n INTEGER, PRIMARY KEY (odd)) WITHOUT ROWID;
INSERT INTO odd VALUES (1, 'soon', 5, 'many', 'free', 'noon', 1), (2, '2026-02-30', 'maybe', '', 'x', 12, 2),
    (3, '=1', -1, 1.5, x'00ff', '''-', 3), ('four', '2026-02-03', 1, 4, 4.5, NULL, 4);
CREATE TABLE person (person INTEGER PRIMARY KEY, boss INTEGER REFERENCES person, name TEXT);
CREATE TABLE hostile ("a,b" TEXT, "c""d" INTEGER, "%s" REAL, "<i>" TEXT);
INSERT INTO hostile VALUES ('=1+1', 1, 0.1, '<b>'),
    ('a' || char(10) || 'b', -1, -1.5e10, '''x'), (NULL, 2, 3, '007');
CREATE TABLE place (zip TEXT PRIMARY KEY, name TEXT);
INSERT INTO place VALUES ('01234', 'Nord'), ('99999', 'Ost');
CREATE TABLE letter (letter INTEGER PRIMARY KEY, zip TEXT REFERENCES place);
INSERT INTO letter VALUES (1, '01234'), (2, '99999');
CREATE TABLE void (void INTEGER PRIMARY KEY, a TEXT, b TEXT, c, d INTEGER, e TEXT);
INSERT INTO void VALUES (1, '', NULL, '', NULL, 'x'), (2, NULL, '', NULL, 5, ''),
    (3, 'a,",b', '"', '""', 1, ','),
    (4, 'a' || char(10) || '"' || char(10) || 'b', '",', ',""', 2, '",""');
CREATE TABLE pair (a INTEGER, b INTEGER, PRIMARY KEY (a, b));
INSERT INTO pair VALUES (1, 2), (2, 1);
CREATE VIEW cheap AS SELECT * FROM bike;
"""


@pytest.fixture
def db():
    connection = connect(':memory:')
    connection.executescript(SCHEMA)
    yield connection
    connection.close()


@pytest.fixture
def client(db):
    with Client(Records(db)) as client:
        yield client


def dump(db):
    return [line for line in db.iterdump() if 'kali_' not in line]


def preview(client, table, content, name='file.csv'):
    """The second page, for a file or for pasted cells."""
    form = client.get(f'/table/{table}/import').form('Preview')
    if isinstance(content, bytes):
        return form.fill(file=(name, 'text/csv', content)).submit('Preview')
    return form.fill(cells=content).submit('Preview')


def finished(client, url):
    """The page of a job, when that is over."""
    for _ in range(1000):
        page = client.get(url)
        if '<progress' not in page.text:
            return page
    raise AssertionError(page.text)


def imported(client, table, content, **chosen):
    """The page of the job, when that is over."""
    page = preview(client, table, content).form('Import').fill(chosen).submit('Import', follow=False)
    assert page.status == 303, page.text
    return finished(client, page.headers['location'])


def facts(page):
    return dict(re.findall(r'<dt>(.*?)</dt><dd>(.*?)</dd>', page.text))


def test_what_is_guessed_is_shown_and_can_be_changed(client, db):
    page = preview(client, 'bike', 'Rahmen;Frame No;price\n1;B1;12,50\n2;B2;1.234,50\n'.encode('utf-16'))
    fields = dict(page.form('Import').fields)
    assert [fields[name] for name in ('encoding', 'delimiter', 'header', 'decimal')] == [
        'utf-16-le', ';', '1', ',']
    assert [fields[f'to.{number}'] for number in range(3)] == ['', 'frame_no', 'price']
    assert '<td>B2</td><td>1234.50</td>' in page.text
    again = page.form('Preview').fill({'Delimiter': ',', 'First row has the headings': '0'}).submit('Preview')
    assert 'Rahmen;Frame No;price' in again.text
    assert dict(again.form('Import').fields)['delimiter'] == ','
    assert db.execute('SELECT count(*) FROM bike').fetchone()[0] == 2


def test_rows_are_added_in_one_step_of_undo(client, db):
    before = dump(db)
    page = imported(client, 'bike', 'frame_no,price,bought,maker,sold\n'
                    'B1,1.5,28.02.2026,Diamant,yes\nB2,,,2,\n"B\n3",2,,3,no\n')
    assert facts(page) == {'Added': '3'}
    assert [tuple(row) for row in db.execute('SELECT * FROM bike WHERE bike > 2')] == [
        (3, 'B1', 1.5, '2026-02-28', 1, 1, None), (4, 'B2', None, None, 2, 0, None),
        (5, 'B\n3', 2, None, 3, 0, None)]
    after = dump(db)
    assert 'Import: Pasted cells' in client.get('/').text
    client.post('/undo', form={'do': 'undo'})
    assert dump(db) == before
    client.post('/undo', form={'do': 'redo'})
    assert dump(db) == after


BAD = 'frame_no,price,bought,maker\nB1,1,,\nB2,x,,\nB3,2,,\nB4,-1,,\nB5,1,2026-02-30,\nB6,1,,Nobody\n' \
      'A1,5,,\nB8,1,,,,7\nB1,2,,\nB10,3,,\n'
REASONS = {3: 'price: “x” is not a number', 5: '“Price” is not accepted',
           6: 'there is no', 7: 'There is no maker Nobody.',
           8: 'There is a bike with this frame no already',
           9: 'The row has 6 cells, and the file has 4 columns',
           10: 'The same frame no stands in line 2 already'}


@pytest.mark.parametrize('rest', ['nothing', 'others'])
def test_bad_rows_are_told_by_line_and_reason(client, db, rest):
    before = dump(db)
    page = imported(client, 'bike', BAD, bad=rest)
    found = dict(re.findall(r'<th scope="row">(\d+)</th><td>(.*?)</td>', page.text))
    assert list(map(int, found)) == list(REASONS)
    assert all(said in found[str(line)] for line, said in REASONS.items()), found
    if rest == 'nothing':
        assert 'Nothing was imported' in page.text
        assert facts(page) == {'Added': '0', 'Bad': '7'}
        assert dump(db) == before
    else:
        assert facts(page) == {'Added': '3', 'Bad': '7'}
        found = db.execute('SELECT frame_no FROM bike WHERE bike > 2')
        assert [row[0] for row in found] == ['B1', 'B3', 'B10']
    report = client.get(next(link.url for link in page.links if 'bad rows' in link.text))
    assert 'attachment' in report.headers['content-disposition']
    lines = report.body.decode('utf-8-sig').splitlines()
    assert lines[0] == 'frame_no,price,bought,maker,line,reason'
    assert lines[1].startswith('B2,x,,,3,')
    assert len(lines) == 8


def test_bad_rows_can_be_mended_and_imported_again(client, db):
    page = imported(client, 'bike', BAD.replace('B8,1,,,,7', 'B8,1,,Brompton'), bad='others')
    report = client.get(next(link.url for link in page.links if 'bad rows' in link.text)).body
    mended = report.replace(b'B2,x', b'B2,2').replace(b'-1', b'1').replace(b'2026-02-30', b'2026-02-03')
    again = imported(client, 'bike', mended, bad='others')
    assert facts(again) == {'Added': '3', 'Bad': '3'}


@pytest.mark.parametrize(('existing', 'counts', 'price'), [
    ('update', {'Added': '1', 'Changed': '1', 'Unchanged': '1'}, 20),
    ('skip', {'Added': '1', 'Skipped': '2'}, 12.5)])
def test_a_key_decides_insert_update_or_skip(client, db, existing, counts, price):
    content = 'frame_no,price,sold\nA1,20,0\nA2,,1\nC1,3,0\n'
    page = imported(client, 'bike', content, key='Frame no', existing=existing)
    assert facts(page) == counts
    assert db.execute("SELECT price, maker FROM bike WHERE frame_no = 'A1'").fetchone()[:] == (price, 1)


def test_a_label_stands_for_what_it_names_in_a_change_too(client, db):
    page = imported(client, 'bike', 'frame_no,maker\nA1,Brompton\nA2,Nobody\n', key='Frame no', bad='others')
    assert facts(page) == {'Added': '0', 'Changed': '1', 'Bad': '1'}
    assert db.execute("SELECT maker FROM bike WHERE frame_no = 'A1'").fetchone()[0] == 2


def test_two_rows_of_a_file_with_the_same_key_are_a_mistake(client, db):
    page = imported(client, 'bike', 'frame_no,price\nZ,1\nZ,2\n', key='Frame no')
    assert 'The same frame no stands in line 2 already.' in page.text
    page = imported(client, 'bike', 'note,price\n,1\n', key='Price')
    assert '“Frame no” may not be blank' in page.text
    assert db.execute('SELECT count(*) FROM bike').fetchone()[0] == 2


def test_a_key_that_several_rows_have_says_nothing(client, db):
    db.execute("INSERT INTO bike (frame_no, note) VALUES ('A3', 'x'), ('A4', 'x')")
    page = imported(client, 'bike', 'frame_no,note\nA9,x\n', key='Note')
    assert 'Several rows have this note' in page.text


@pytest.mark.parametrize('table', [
    'maker', 'bike', 'part', 'pair', 'place', 'letter', 'void', 'odd', 'hostile'])
def test_what_was_exported_changes_nothing_when_it_is_imported_again(client, db, table):
    content = client.get(f'/table/{table}/export.csv').body
    before = dump(db)
    if table == 'hostile':  # there is no key in the file
        db.execute('DELETE FROM hostile')
    page = imported(client, table, content)
    assert facts(page)['Added'] == ('3' if table == 'hostile' else '0')
    assert 'Bad' not in facts(page)
    assert dump(db) == before
    if table not in ('hostile', 'odd'):  # of a new row, what does not fit is a mistake
        rows = [tuple(row) for row in db.execute(f'SELECT * FROM {table}')]
        db.execute('PRAGMA foreign_keys = OFF')
        db.execute(f'DELETE FROM {table}')
        imported(client, table, content)
        assert rows == [tuple(row) for row in db.execute(f'SELECT * FROM {table}')]


@pytest.mark.parametrize(('bad', 'counts', 'number'), [
    ('nothing', {'Added': '0', 'Bad': '2'}, [1, 2, 3, 4]),
    ('others', {'Added': '0', 'Changed': '2', 'Unchanged': '1', 'Bad': '2'}, [10, 2, 3, 40])])
def test_what_does_not_fit_is_a_mistake_only_where_it_is_new(client, db, bad, counts, number):
    content = client.get('/table/odd/export.csv').text
    for before, after in [(',1\r\n', ',10\r\n'), (',2\r\n', ',20\r\n'), (',4\r\n', ',40\r\n'),
                          ('maybe', 'never')]:
        content = content.replace(before, after)
    page = imported(client, 'odd', f'{content}5,soon,1,1,1,,5\r\n'.encode(), bad=bad)
    assert facts(page) == counts
    assert '“never” is' in page.text
    assert '2026-02-30' not in page.text  # that is so already
    assert [row[0] for row in db.execute('SELECT n FROM odd ORDER BY odd')] == number


def test_where_all_is_in_quotation_marks_an_empty_cell_is_nothing(client, db):
    imported(client, 'bike', '"frame_no","note"\n"Q1",""\n')
    imported(client, 'bike', 'frame_no,note\nQ2,""\nQ3,\n')
    assert [row[0] for row in db.execute("SELECT note FROM bike WHERE frame_no >= 'Q'")] == [None, '', None]


def test_a_row_may_come_before_the_one_that_it_points_to(client, db):
    page = imported(client, 'person', 'person,boss,name\n1,2,Ann\n2,,Bob\n3,3,Cy\n')
    assert facts(page) == {'Added': '3'}
    page = imported(client, 'person', 'person,boss,name\n4,5,Di\n5,9,Ed\n6,,Flo\n', bad='others')
    assert 'There is no person 9.' in page.text
    assert db.execute('SELECT count(*) FROM person').fetchone()[0] in (3, 4)


@pytest.mark.parametrize(('content', 'said'), [
    (b'', 'is empty'), (b'\x89PNG\r\n\x1a\n\x00\x00', 'is a PNG picture'), (None, 'Please choose a file'),
])
def test_what_cannot_be_imported_is_a_sentence(client, content, said):
    form = client.get('/table/bike/import').form('Preview')
    page = (form if content is None else form.fill(file=('photo.csv', 'text/csv', content))).submit('Preview')
    assert page.status == 422
    assert said in page.text
    assert page.form('Preview')


@pytest.mark.parametrize(('cells', 'chosen', 'said'), [
    ('frame_no\nB', {'to.0': ''}, 'No column of the file goes anywhere.'),
    ('frame_no,x\nB,1', {'to.1': 'Frame no'}, 'Two columns of the file go to “Frame no”.'),
    ('price\n1', {}, '“Frame no” may not be blank, and no column of the file goes there.'),
    ('frame_no\nB', {'key': 'Price'}, 'No column of the file goes to “Price”'),
])
def test_what_cannot_be_done_is_said_before_it_begins(client, db, cells, chosen, said):
    page = preview(client, 'bike', cells).form('Import').fill(chosen).submit('Import', follow=False)
    assert page.status == 422
    assert said in page.text
    assert db.execute('SELECT count(*) FROM bike').fetchone()[0] == 2


def test_a_file_of_no_known_table_becomes_one(client, db):
    form = client.get('/import').form('Preview')
    page = form.fill(file=('Kunden 2026.csv', 'text/csv', 'Nr;Name;PLZ;Saldo;seit;aktiv\n1;Änne;01234;12,50;'
                           '28.02.2026;ja\n2;Bob;99999;-3;1.3.2026;nein\n'.encode('cp1252'))).submit('Preview')
    fields = dict(page.form('Import').fields)
    assert fields['table'] == 'kunden_2026'
    assert [fields[f'kind.{number}'] for number in range(6)] == [
        'INTEGER', 'TEXT', 'TEXT', 'DECIMAL', 'DATE', 'BOOLEAN']
    page = page.form('Import').fill({'kind.0': '-', 'name.1': 'Wer'}).submit('Import', follow=False)
    finished(client, page.headers['location'])
    assert [tuple(row) for row in db.execute('SELECT * FROM kunden_2026')] == [
        ('Änne', '01234', 12.5, '2026-02-28', 1), ('Bob', '99999', -3, '2026-03-01', 0)]
    assert 'Wer' in client.get('/table/kunden_2026/').text
    taken = client.get('/import').form('Preview').fill(cells='a,b\n1,2').submit('Preview')
    taken = taken.form('Import').fill(table='bike').submit('Import')
    assert 'There is a table “bike” already.' in taken.text


def test_a_thousand_columns(client, db):
    content = ','.join(f'c{n}' for n in range(1000)) + '\n' + ','.join(map(str, range(1000))) + '\n'
    form = client.get('/import').form('Preview')
    page = form.fill(file=('wide.csv', 'text/csv', content.encode())).submit()
    assert 'too many to choose' in page.text
    finished(client, page.form('Import').submit('Import', follow=False).headers['location'])
    assert sum(db.execute('SELECT * FROM wide').fetchone()) == sum(range(1000))


def test_pasted_cells_without_headings_go_by_their_order(client, db):
    imported(client, 'maker', 'Peugeot\nGiant\n')
    assert [row[0] for row in db.execute('SELECT name FROM maker WHERE maker > 3')] == ['Peugeot', 'Giant']


def test_import_pressed_twice_imports_once(client, db):
    form = preview(client, 'maker', 'name\nPeugeot\n').form('Import')
    places = {form.submit('Import', follow=False).headers['location'] for _ in range(2)}
    place, = places
    finished(client, place)
    assert db.execute('SELECT count(*) FROM maker').fetchone()[0] == 4


def test_cancelled_it_leaves_nothing_behind(db):
    content = 'name\n' + ''.join(f'maker {n}\n' for n in range(100_000))
    before, tables = dump(db), db.execute('SELECT count(*) FROM temp.sqlite_master').fetchone()[0]
    plan = Plan(Format(), ['name'], [Target(0, 'name', 'TEXT')])
    load = Load(db, table(db, 'maker'), FileUpload('x.csv', 'text/csv', content.encode()), plan)
    work = load.run()
    told = [next(work) for _ in range(4)]
    assert 0 < told[-1].done < told[-1].total
    work.close()
    assert dump(db) == before
    assert db.execute('SELECT count(*) FROM temp.sqlite_master').fetchone()[0] == tables


def test_nothing_is_imported_into_what_is_for_reading(client):
    assert client.get('/table/cheap/import').status == 403
    assert client.post('/table/cheap/import', form={'cells': 'a\n1'}).status == 403


def test_a_trigger_that_refuses_is_quoted(client, db):
    db.execute("CREATE TRIGGER no BEFORE INSERT ON maker WHEN new.name = 'Evil' BEGIN "
               "SELECT RAISE(ABORT, 'not that one'); END")
    page = imported(client, 'maker', 'name\nGood\nEvil\n', bad='others')
    assert facts(page) == {'Added': '1', 'Bad': '1'}
    assert 'not that one' in page.text


def test_a_table_that_changes_meanwhile_is_no_disaster(client, db):
    form = preview(client, 'part', 'code,size\nx,1\n').form('Import')
    db.execute('DROP TABLE part')
    assert form.submit('Import').status == 404
    assert client.get('/').status == 200


def test_the_file_is_read_as_a_stream(tmp_path):
    with sqlite3.connect(tmp_path / 'a.sqlite') as plain:
        plain.execute('CREATE TABLE t (a TEXT, b TEXT)')
    plain.close()
    db = connect(tmp_path / 'a.sqlite')
    content = b'a,b\n' + b''.join(b'%d,%s\n' % (n, b'x' * 400_000) for n in range(40))
    with Client(Records(db)) as client:
        page = imported(client, 't', content)
    assert facts(page) == {'Added': '40'}
    assert db.execute('SELECT sum(length(b)) FROM t').fetchone()[0] == 16_000_000
    db.close()
