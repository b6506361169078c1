"""Cells changed in the list, several rows at once, and cells pasted from a spreadsheet."""

from __future__ import annotations

import re
from typing import Any

import pytest

from kali.records import Records, Table
from kali.testing import Client
from tests.records.forms import controls, dump, open_file

BIKES = '''
CREATE TABLE maker (maker INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE bike (frame TEXT PRIMARY KEY, maker INT REFERENCES maker,
    gears INT CHECK (gears BETWEEN 1 AND 30), price DECIMAL(8, 2),
    sold BOOLEAN NOT NULL DEFAULT 0, bought DATE, plate TEXT UNIQUE);
CREATE TABLE repair (repair INTEGER PRIMARY KEY,
    bike TEXT REFERENCES bike ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE loan (loan INTEGER PRIMARY KEY,
    bike TEXT REFERENCES bike ON DELETE SET NULL ON UPDATE CASCADE);
CREATE TABLE lock (lock INTEGER PRIMARY KEY, bike TEXT REFERENCES bike ON UPDATE CASCADE);
INSERT INTO maker VALUES (1, 'Gazelle'), (2, 'Brompton');
INSERT INTO bike VALUES ('a/1', 1, 3, 100, 0, '2026-01-01', 'P1'), ('b', 2, 8, 'free', 1, NULL, 'P2'),
    ('c?#%', NULL, NULL, NULL, 0, 'soon', NULL);
INSERT INTO repair VALUES (1, 'a/1'), (2, 'a/1'), (3, 'b');
INSERT INTO loan VALUES (1, 'a/1'), (2, 'c?#%');
INSERT INTO lock VALUES (1, 'b');
'''


def bikes(**declared: Any) -> tuple[Any, Records, Client]:
    db = open_file(BIKES)
    records = Records(db, tables=[Table('bike', **declared), 'maker', 'repair', 'loan', 'lock'])
    return db, records, Client(records, raise_errors=True)


def value(db: Any, column: str, frame: str = 'a/1') -> Any:
    return db.execute(f'SELECT {column} FROM bike WHERE frame = ?', [frame]).fetchone()[0]


@pytest.mark.parametrize(('column', 'typed', 'stored'), [
    ('gears', '7', 7), ('price', '12,50', 12.5), ('maker', '2', 2), ('maker', '', None), ('bought', '', None),
    ('plate', 'P9', 'P9')])
def test_a_cell_is_changed_where_it_stands(column: str, typed: str, stored: Any) -> None:
    db, records, client = bikes()
    before = dump(db)
    url = records.section('bike').url('cell', key='a/1', column=column, back='order=-price&q=x y')
    reply = client.post(url + '&_save=1', form={**dict(controls(client.get(url).text)), column: typed})
    assert (reply.status, reply.headers['location']) == (303, '/table/bike/?order=-price&q=x+y')
    assert value(db, column) == stored
    assert records.history.undo() and dump(db) == before
    db.close()


def test_two_people_change_the_same_cell() -> None:
    db, records, client = bikes()
    url = records.section('bike').url('cell', key='a/1', column='plate')
    mine = {**dict(controls(client.get(url).text)), 'plate': 'MINE'}
    db.execute("UPDATE bike SET plate = 'THEIRS' WHERE frame = 'a/1'")
    reply = client.post(url + '&_save=1', form=mine)
    assert reply.status == 409 and 'MINE' in reply.text and 'THEIRS' in reply.text
    assert value(db, 'plate') == 'THEIRS'
    fields = dict(controls(reply.text))
    assert client.post(url + '&_save=1', form={**fields, '_take-plate': 'mine'}).status == 303
    assert value(db, 'plate') == 'MINE'
    db.close()


@pytest.mark.parametrize(('query', 'status'), [
    ({'key': 'a/1', 'column': 'nothing'}, 400), ({'key': 'gone', 'column': 'gears'}, 404), ({}, 400),
    ({'key': 'a/1', 'column': ''}, 400)])
def test_a_cell_that_is_not_there(query: dict[str, str], status: int) -> None:
    db, records, client = bikes()
    assert client.get(records.section('bike').url('cell', **query)).status == status
    db.close()


def test_several_rows_are_deleted_after_asking() -> None:
    db, records, client = bikes()
    before = dump(db)
    chosen = {'key': ['a/1', 'c?#%'], 'do': 'delete'}
    page = client.post('/table/bike/rows', form=chosen)
    assert page.status == 200 and 'Delete 2 × Bike?' in page.text and dump(db) == before
    assert '2 × Repair' in page.text and '2 × Loan' in page.text
    assert 'Lock' not in page.text.split('</nav>')[1]
    reply = client.post('/table/bike/rows?_save=1', form=controls(page.text))
    assert reply.status == 303 and [row[0] for row in db.execute('SELECT frame FROM bike')] == ['b']
    assert records.history.undo() == 'Delete 2 × Bike' and dump(db) == before
    db.close()


def test_what_is_still_needed_is_not_deleted() -> None:
    db, _, client = bikes()
    page = client.post('/table/bike/rows', form={'all': '1', 'do': 'delete'})
    assert 'these need it: 1 × Lock' in page.text and 'class="danger"' not in page.text
    page = client.get('/table/bike/b/delete')
    assert 'these need it: 1 × Lock' in page.text and 'class="danger"' not in page.text
    db.close()


def test_a_row_that_has_changed_since_the_question_is_asked_about_again() -> None:
    db, _, client = bikes()
    url = '/table/bike/a%2F1/delete'
    fields = controls(client.get(url).text)
    db.execute("INSERT INTO repair VALUES (9, 'a/1')")
    reply = client.post(url + '?_save=1', form=fields)
    assert reply.status == 422 and 'changed meanwhile' in reply.text and '3 × Repair' in reply.text
    assert client.post(url + '?_save=1', form=controls(reply.text)).status == 303
    assert db.execute('SELECT count(*) FROM bike').fetchone()[0] == 2
    assert client.post(url + '?_save=1', form=fields).status == 404
    db.close()


def test_a_column_of_several_rows_gets_a_value() -> None:
    db, records, client = bikes()
    before = dump(db)
    page = client.post('/table/bike/rows?q=', form={'all': '1', 'do': 'change', 'column': 'gears'})
    fields = dict(controls(page.text))
    wrong = client.post('/table/bike/rows?_save=1', form={**fields, 'value': '99'})
    assert wrong.status == 422 and 'must be 30 or less' in wrong.text and dump(db) == before
    assert client.post('/table/bike/rows?_save=1', form={**fields, 'value': '5'}).status == 303
    assert [row[0] for row in db.execute('SELECT gears FROM bike')] == [5, 5, 5]
    assert records.history.undo() == 'Change 3 × Bike' and dump(db) == before
    page = client.post('/table/bike/rows', form={'key': ['a/1', 'b'], 'do': 'change', 'column': 'plate'})
    fields = dict(controls(page.text))
    reply = client.post('/table/bike/rows?_save=1', form=[*((k, v) for k, v in controls(page.text)
                                                           if k != 'value'), ('value', 'P1')])
    assert reply.status == 422 and 'There is a bike with this plate already' in reply.text
    assert dump(db) == before
    db.close()


def test_actions_of_the_author() -> None:
    seen: list[Any] = []

    def mark_sold(rows: Any) -> None:
        """Mark as sold."""
        for row in rows:
            db.execute('UPDATE bike SET sold = 1 WHERE frame = ?', [row['frame']])

    def show(rows: Any, request: Any) -> str:
        seen.append((len(rows), request.method))
        return 'seen'
    db, records, client = bikes(actions=[mark_sold, show])
    before = dump(db)
    form = {'key': ['a/1', 'c?#%'], '_once': 'x' * 32}
    assert client.post('/table/bike/rows', form={**form, 'do': 'action.0'}).status == 303
    assert [row[0] for row in db.execute('SELECT sold FROM bike')] == [1, 1, 1]
    assert records.history.undo() == 'Mark as sold: 2 × Bike' and dump(db) == before
    for _ in range(2):  # a double click
        assert client.post('/table/bike/rows', form={**form, 'do': 'action.1'}).text == 'seen'
    assert seen == [(2, 'POST')]
    assert client.post('/table/bike/rows', form={**form, 'do': 'action.7'}).status == 400
    assert client.post('/table/bike/rows', form={**form, 'do': 'nonsense'}).status == 400
    db.close()


PASTED = '7\t12.50\tyes\r\nx\t\t0\r\n"31"\t1,234.50\tno\r\nover\r\n'


def test_pasted_cells_are_shown_first_and_then_saved_in_one_step() -> None:
    db, records, client = bikes()
    before = dump(db)
    form: dict[str, Any] = {'text': PASTED, 'key': 'a/1', 'columns': ['gears', 'price', 'sold']}
    page = client.post('/table/bike/paste', form=form)
    assert page.status == 200 and dump(db) == before
    assert 'is not a whole number' in page.text and 'must be 30 or less' in page.text
    assert '1 rows more' in page.text and '6 cells change; 2 cannot be taken' in page.text
    reply = client.post('/table/bike/paste?_save=1', form=controls(page.text))
    assert reply.status == 303, reply.text
    assert [tuple(row) for row in db.execute('SELECT gears, price, sold FROM bike')] == [
        (7, 12.5, 1), (8, None, 0), (None, 1234.5, 0)]
    assert records.history.undo() == 'Paste cells into Bike' and dump(db) == before
    db.close()


def test_pasted_cells_that_the_database_refuses_are_marked() -> None:
    db, _, client = bikes()
    page = client.post('/table/bike/paste', form={'text': 'P2\n\nP3', 'key': 'a/1', 'column': 'plate'})
    assert '<del>P2</del><p class="error">There is a bike with this plate already' in page.text
    assert client.post('/table/bike/paste?_save=1', form=controls(page.text)).status == 303
    assert [row[0] for row in db.execute('SELECT plate FROM bike ORDER BY frame')] == ['P1', None, 'P3']
    page = client.post('/table/bike/paste', form={
        'text': 'Brompton\tx', 'key': 'b', 'columns': ['maker', '']})
    assert 'cannot be changed here' in page.text
    fields = controls(page.text)
    db.execute("UPDATE bike SET maker = 1 WHERE frame = 'b'")
    reply = client.post('/table/bike/paste?_save=1', form=fields)
    assert reply.status == 422 and 'The list has changed meanwhile' in reply.text
    assert value(db, 'maker', 'b') == 1
    assert client.post('/table/bike/paste?_save=1', form=controls(reply.text)).status == 303
    assert value(db, 'maker', 'b') == 2
    db.close()


@pytest.mark.parametrize('text', [
    '\x00', '<script>alert(1)</script>\t"', 'x' * 100_000, '\ufffd', '"\n"', '\t' * 500])
def test_hostile_cells(text: str) -> None:
    db, _, client = bikes()
    before = dump(db)
    page = client.post('/table/bike/paste', form={'text': text, 'key': 'a/1', 'column': 'plate'})
    assert page.status in (200, 400) and '<script>alert' not in page.text and dump(db) == before
    db.close()


def test_a_page_to_paste_into_without_a_script() -> None:
    db, _, client = bikes()
    page = client.get('/table/bike/paste?q=').text
    assert 'name="text"' in page and re.search('<option value="c%3F|<option value="c\\?#%">', page)
    db.close()


def test_all_that_a_long_list_has() -> None:
    db, records, client = bikes()
    db.execute("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000) "
               "INSERT INTO bike (frame, gears) SELECT 'zq' || i, 4 FROM n")
    page = client.post('/table/bike/rows?q=zq', form={'all': '1', 'do': 'change', 'column': 'gears'})
    assert 'Change 12,000 × Bike' in page.text
    reply = client.post('/table/bike/rows?q=zq&_save=1', form={**dict(controls(page.text)), 'value': '5'})
    assert reply.status == 303 and reply.headers['location'] == '/table/bike/?q=zq'
    assert db.execute('SELECT count(*) FROM bike WHERE gears = 5').fetchone()[0] == 12000
    page = client.post('/table/bike/rows?q=zq', form={'all': '1', 'do': 'delete'})
    assert client.post('/table/bike/rows?q=zq&_save=1', form=controls(page.text)).status == 303
    assert db.execute('SELECT count(*) FROM bike').fetchone()[0] == 3
    assert records.history.undo() and db.execute('SELECT count(*) FROM bike').fetchone()[0] == 12003
    assert records.history.undo() and db.execute('SELECT sum(gears) FROM bike').fetchone()[0] == 48011
    reply = client.post('/table/bike/rows', form={'key': ['a/1', 'b'], 'do': 'export.csv'})
    exported = client.get(reply.headers['location']).text
    assert exported.count('\n') == 3 and 'a/1' in exported and 'zq1' not in exported
    db.close()
