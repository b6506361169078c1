"""Rows of other tables in the form of their parent: keys of any kind, copies, conflicts, and what there is
too much of."""

from __future__ import annotations

from typing import Any

import pytest

from kali.records import Records, Table
from kali.testing import Client
from tests.records.forms import controls, dump, open_file

ORDERS = '''
CREATE TABLE part (part TEXT PRIMARY KEY, price REAL) WITHOUT ROWID;
CREATE TABLE invoice (no TEXT PRIMARY KEY, who TEXT NOT NULL);
CREATE TABLE line (invoice TEXT NOT NULL REFERENCES invoice ON UPDATE CASCADE ON DELETE CASCADE,
    line INT NOT NULL,
    part TEXT REFERENCES part, amount INT NOT NULL DEFAULT 1 CHECK (amount > 0), total AS (amount * 2),
    PRIMARY KEY (invoice, line)) WITHOUT ROWID;
CREATE TABLE remark (remark INTEGER PRIMARY KEY, invoice TEXT REFERENCES invoice ON UPDATE CASCADE, text TEXT,
    scan BLOB);
INSERT INTO part VALUES ('bolt', 1.5), ('nut', 2);
INSERT INTO invoice VALUES ('A/1', 'Ada'), ('B', 'Bo');
INSERT INTO line (invoice, line, part, amount) VALUES ('A/1', 1, 'bolt', 3), ('A/1', 2, 'nut', 1);
INSERT INTO remark VALUES (1, 'A/1', 'first', x'00'), (2, 'A/1', NULL, NULL);
'''


def orders(**declared: Any) -> tuple[Any, Records, Client]:
    db = open_file(ORDERS)
    records = Records(db, tables=[Table('invoice', children=['line', 'remark'], **declared), 'line',
        'remark', 'part'])
    return db, records, Client(records, raise_errors=True)


def lines(db: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in db.execute('SELECT invoice, line, part, amount FROM line')]


URL = '/table/invoice/A%2F1/edit'


def test_the_key_of_the_parent_changes_and_so_does_a_row_with_it_in_its_key() -> None:
    db, records, client = orders()
    before = dump(db)
    fields = {**dict(controls(client.get(URL).text)), 'no': 'C', 'line-1-amount': '9',
        'remark-2-text': 'more'}
    reply = client.post(f'{URL}?_save=1', form=fields)
    assert reply.status == 303 and reply.headers['location'].startswith('/table/invoice/C')
    assert lines(db) == [('C', 1, 'bolt', 9), ('C', 2, 'nut', 1)]
    assert [tuple(row) for row in db.execute('SELECT * FROM remark')] == [
        (1, 'C', 'first', b'\0'), (2, 'C', 'more', None)]
    assert records.history.undo() and dump(db) == before
    db.close()


def test_rows_whose_place_is_in_their_key_are_moved() -> None:
    db, records, client = orders()
    before = dump(db)
    fields = dict(controls(client.get(URL).text))
    swapped = {**fields, 'line-1-line': '2', 'line-2-line': '1', 'line-9-part': 'nut', 'line-9-amount': '4'}
    assert client.post(f'{URL}?_save=1', form=swapped).status == 303
    assert lines(db) == [('A/1', 1, 'nut', 1), ('A/1', 2, 'bolt', 3), ('A/1', 3, 'nut', 4)]
    assert records.history.undo() and dump(db) == before
    db.close()


def test_a_row_that_is_like_a_new_one_is_no_blank_row() -> None:
    db = open_file('''CREATE TABLE a (a INTEGER PRIMARY KEY, x); CREATE TABLE b (b INTEGER PRIMARY KEY,
        a INT REFERENCES a, n INT DEFAULT 1, t TEXT); INSERT INTO a VALUES (1, 'x');
        INSERT INTO b VALUES (1, 1, 1, NULL), (2, 1, NULL, NULL)''')
    client = Client(Records(db, tables=[Table('a', children=['b']), 'b']), raise_errors=True)
    before = dump(db)
    assert client.post('/table/a/1/edit?_save=1',
        form=controls(client.get('/table/a/1/edit').text)).status == 303
    assert dump(db) == before
    db.close()


def test_another_has_changed_the_rows_meanwhile() -> None:
    db, _, client = orders()
    fields = {**dict(controls(client.get(URL).text)), 'line-1-amount': '7'}
    db.execute("INSERT INTO line (invoice, line, part) VALUES ('A/1', 3, 'nut')")
    reply = client.post(f'{URL}?_save=1', form=fields)
    assert reply.status == 409 and '_take-line' in reply.text and len(lines(db)) == 3
    mine = {**dict(controls(reply.text)), '_take-line': 'mine'}
    theirs = {**dict(controls(reply.text)), '_take-line': 'theirs', 'who': 'Cleo'}
    assert client.post(f'{URL}?_save=1', form=theirs).status == 303
    assert len(lines(db)) == 3
    assert db.execute("SELECT who FROM invoice WHERE no = 'A/1'").fetchone()[0] == 'Cleo'
    assert client.post(f'{URL}?_save=1', form=mine).status in (303, 409)
    db.close()


def test_a_copy_brings_its_rows_and_leaves_those_of_the_first() -> None:
    db, _, client = orders()
    url = '/table/invoice/A%2F1/copy'
    fields = {**dict(controls(client.get(url).text)), 'no': 'D'}
    assert client.post(f'{url}?_save=1', form=fields).status == 303
    assert lines(db) == [('A/1', 1, 'bolt', 3), ('A/1', 2, 'nut', 1), ('D', 1, 'bolt', 3), ('D', 2, 'nut', 1)]
    reply = client.post(f'{url}?_save=1', form={**dict(controls(client.get(url).text)), 'no': 'D'})
    assert reply.status == 422 and 'There is an invoice with this no already' in reply.text
    assert '<a href="/table/invoice/D">' in reply.text
    db.close()


def test_a_new_parent_is_saved_with_its_rows() -> None:
    db, records, client = orders()
    before = dump(db)
    fields = {**dict(controls(client.get('/table/invoice/new').text)), 'no': 'N', 'who': 'Nia',
        'line-1-part': 'nut',
              'line-1-amount': '2', 'remark-1-text': 'hello'}
    assert client.post('/table/invoice/new?_save=1', form=fields).status == 303
    assert ('N', 1, 'nut', 2) in lines(db)
    assert db.execute("SELECT text FROM remark WHERE invoice = 'N'").fetchone()[0] == 'hello'
    assert records.history.undo() and dump(db) == before
    bad = client.post('/table/invoice/new?_save=1', form={**fields, '_form_id': 'f' * 32,
        'line-1-amount': '0'})
    assert bad.status == 422 and 'must be' in bad.text and dump(db) == before
    db.close()


def test_a_new_part_from_a_row_comes_back_into_the_row() -> None:
    db, _, client = orders()
    fields = {**dict(controls(client.get(URL).text)), 'line-2-amount': '8', '_new': 'line-2-part'}
    there = client.post(f'{URL}?_save=1', form=fields).headers['location']
    page = client.get(there)
    back = client.post(f'{there}&_save=1', form={**dict(controls(page.text)),
        'part': 'gear'}).headers['location']
    shown = dict(controls(client.get(back).text))
    assert (shown['line-2-part'], shown['line-2-amount'], shown['line-1-part']) == ('gear', '8', 'bolt')
    assert client.post(f'{URL}?_save=1', form=shown).status == 303
    assert lines(db)[1] == ('A/1', 2, 'gear', 8)
    db.close()


def test_too_many_rows_are_left_to_their_own_list() -> None:
    db, _, client = orders()
    db.executemany("INSERT INTO remark (invoice, text) VALUES ('A/1', ?)", [[str(n)] for n in range(400)])
    page = client.get(URL).text
    assert 'too many' in page and 'remark-1-text' not in page
    assert client.post(f'{URL}?_save=1', form={**dict(controls(page)), 'who': 'Zed'}).status == 303
    assert db.execute('SELECT count(*) FROM remark').fetchone()[0] == 402
    db.close()


@pytest.mark.parametrize('children', ['part', 'nothing'])
def test_children_that_are_none(children: str) -> None:
    db = open_file(ORDERS)
    with pytest.raises(ValueError, match='children'):
        Client(Records(db, tables=[Table('invoice', children=[children]), 'part']),
            raise_errors=True).get(URL)
    db.close()


TREE = '''
CREATE TABLE node (node INTEGER PRIMARY KEY, up INT REFERENCES node ON DELETE CASCADE, name TEXT);
CREATE TABLE leaf (leaf INTEGER PRIMARY KEY, node INT NOT NULL REFERENCES node ON DELETE RESTRICT);
CREATE TABLE tag (a INT, b INT, node INT REFERENCES node ON DELETE SET NULL, PRIMARY KEY (a, b));
INSERT INTO node VALUES (1, NULL, 'root'), (2, 1, 'x'), (3, 2, 'y'), (4, 4, 'self'), (5, 3, 'z');
INSERT INTO tag VALUES (1, 1, 5), (1, 2, 3), (1, 3, NULL);
'''


@pytest.mark.parametrize(('path', 'said', 'left'), [
    ('1', ['3 × Node', '2 × Tag'], [4]), ('3', ['1 × Node', '2 × Tag'], [1, 2, 4]), ('4', [], [1, 2, 3, 5])])
def test_what_depends_on_a_row_is_followed_down(path: str, said: list[str], left: list[int]) -> None:
    db = open_file(TREE)
    records = Records(db)
    client = Client(records, raise_errors=True)
    before = dump(db)
    page = client.get(f'/table/node/{path}/delete')
    assert all(each in page.text for each in said) and page.text.count(' × ') == len(said)
    assert client.post(f'/table/node/{path}/delete?_save=1', form=controls(page.text)).status == 303
    assert [row[0] for row in db.execute('SELECT node FROM node')] == left
    assert records.history.undo() and dump(db) == before
    db.execute('INSERT INTO leaf VALUES (1, 5)')
    page = client.get('/table/node/1/delete').text
    assert '1 × Leaf' in page and 'cannot be deleted' in page and 'class="danger"' not in page
    db.close()
