"""Foreign keys in forms: a list of few, a search box for many, keys of any kind, and the way to a new record
and back."""

from __future__ import annotations

import re
from typing import Any

import pytest

from kali.records import Records, Table
from kali.testing import Client
from tests.records.forms import controls, open_file

MANY = '''
CREATE TABLE author (author INTEGER PRIMARY KEY, name TEXT, town TEXT);
CREATE TABLE book (book INTEGER PRIMARY KEY, title TEXT NOT NULL, author INT NOT NULL REFERENCES author,
    sequel_of INT REFERENCES book, notes TEXT);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
INSERT INTO author SELECT i, 'Author ' || i, 'Town ' || (i % 7) FROM n;
INSERT INTO author VALUES (901, 'Zoë Ábel', 'x'), (902, 'Sam Twin', 'Rome'), (903, 'Sam Twin', 'Oslo'),
    (904, NULL, 'y'), (905, CAST(x'ff41' AS TEXT), 'z'), (906, 'a' || char(10) || 'b', 'w');
INSERT INTO book VALUES (1, 'First', 902, NULL, 'x'), (2, 'Second', 17, 1, NULL);
'''


def library(sql: str = MANY, **declared: Any) -> tuple[Any, Client]:
    db = open_file(sql)
    tables = [Table('author', **declared), 'book'] if declared else None
    return db, Client(Records(db, tables=tables), raise_errors=True)


def save(client: Client, url: str, **changes: str) -> Any:
    fields = dict(controls(client.get(url).text))
    return client.post(f'{url}?_save=1', form={**fields, **{k.replace('__', '.'): v for k,
        v in changes.items()}})


@pytest.mark.parametrize(('typed', 'author'), [
    ('Author 42', 42), ('author 299', 299), ('zoe abel', 901), ('ábel', 901), ('Sam Twin (903)', 903),
        ('904', 904),
    ('a b', 906), ('Author 7', 7), ('905', 905), ('  zoë  ', 901)])
def test_what_is_typed_finds_a_record(typed: str, author: int) -> None:
    db, client = library()
    assert save(client, '/table/book/1/edit', author=typed).status == 303
    assert db.execute('SELECT author FROM book WHERE book = 1').fetchone()[0] == author
    db.close()


def test_several_that_fit_come_back_to_choose_from_without_a_script() -> None:
    db, client = library()
    reply = save(client, '/table/book/2/edit', author='sam twin', notes='typed')
    assert reply.status == 422 and 'typed' in reply.text
    choice = re.findall('type="radio" name="author.is" value="([^"]+)"> ([^<]+)', reply.text)
    assert [label for _, label in choice] == ['Sam Twin (902)', 'Sam Twin (903)']
    fields = [*controls(reply.text), ('author.is', choice[1][0])]
    assert client.post('/table/book/2/edit?_save=1', form=fields).status == 303
    assert db.execute('SELECT author, notes FROM book WHERE book = 2').fetchone()[:] == (903, 'typed')
    for typed, sentence in (('nobody', 'not among the choices'), ('author', 'several choices fit'), ('',
        'choose')):
        reply = save(client, '/table/book/2/edit', author=typed)
        assert reply.status == 422 and sentence in reply.text
    db.close()


def test_a_record_is_kept_though_another_one_is_called_the_same() -> None:
    db, client = library()
    page = client.get('/table/book/1/edit').text
    assert dict(controls(page))['author.is'] == '902\nSam Twin'
    assert save(client, '/table/book/1/edit', title='Changed').status == 303
    assert db.execute('SELECT author FROM book WHERE book = 1').fetchone()[0] == 902
    db.execute("UPDATE author SET name = 'Renamed' WHERE author = 902")  # while the form is open
    fields = {**dict(controls(page)), 'title': 'Again'}
    assert client.post('/table/book/1/edit?_save=1', form=fields).status == 409  # title, not the author
    assert 'Renamed' not in client.get('/table/book/1/edit?_search=author&q=twin').text
    db.close()


def test_the_box_asks_for_few_of_many() -> None:
    db, client = library()
    page = client.get('/table/book/new').text
    assert page.count('<option') < 30 and 'data-search="author"' in page
    assert client.get('/table/book/new?_search=author&q=abel').text == '<option value="Zoë Ábel"></option>'
    db.close()


@pytest.mark.parametrize(('label', 'shown'), [
    ("name || ' of ' || town", 'Sam Twin of Rome'), (lambda row: f'{row["town"]}: {row["name"]}',
        'Rome: Sam Twin')])
def test_labels_of_the_author(label: Any, shown: str) -> None:
    db, client = library(label=label)
    page = client.get('/table/book/1/edit').text
    assert f'value="{shown}"' in page
    assert save(client, '/table/book/1/edit', author='oslo').status == 303 or callable(label)
    db.close()


def test_a_table_may_refer_to_itself() -> None:
    db, client = library()
    assert save(client, '/table/book/1/edit', sequel_of='2').status == 303
    assert db.execute('SELECT sequel_of FROM book WHERE book = 1').fetchone()[0] == 2
    assert save(client, '/table/book/1/edit', sequel_of='').status == 303
    db.close()


def test_new_comes_back_with_what_was_typed() -> None:
    db, client = library()
    url = '/table/book/new'
    fields = {**dict(controls(client.get(url).text)), 'title': 'Typed', 'notes': '<b>', '_new': 'author'}
    away = client.post(f'{url}?_save=1', form=fields)
    assert away.status == 303 and away.headers['location'].startswith('/table/author/new?_for=')
    there = away.headers['location']
    page = client.get(there)
    assert 'href="/table/book/new?_draft=' in page.text  # Cancel leads back
    back = client.post(f'{there}&_save=1', form={**dict(controls(page.text)), 'name': 'Sam Twin'})
    assert back.status == 303 and back.headers['location'].startswith('/table/book/new?_draft=')
    page = client.get(back.headers['location'])
    shown = dict(controls(page.text))
    assert (shown['title'], shown['notes'], shown['author']) == ('Typed', '<b>', 'Sam Twin')
    assert client.post(f'{url}?_save=1', form=shown).status == 303
    assert db.execute('SELECT title, author FROM book ORDER BY book DESC').fetchone()[:] == ('Typed', 907)
    assert client.post(f'{url}?_save=1', form={**fields, '_new': 'title'}).status == 400
    assert client.get('/table/book/new?_draft=' + 'f' * 32).status == 200  # one that is forgotten
    db.close()


ODD = '''
CREATE TABLE place (country TEXT, town TEXT, name TEXT, PRIMARY KEY (country, town)) WITHOUT ROWID;
CREATE TABLE code (code TEXT PRIMARY KEY, what TEXT) STRICT;
CREATE TABLE thing (thing INTEGER PRIMARY KEY, country TEXT, town TEXT,
    code TEXT REFERENCES code ON UPDATE CASCADE, double INT AS (thing * 2),
    FOREIGN KEY (country, town) REFERENCES place ON UPDATE CASCADE);
INSERT INTO place VALUES ('cz', 'Brno', 'Brno, CZ'), ('de', 'a,b/c%?#', 'Odd'), ('', ' ', 'Blank');
INSERT INTO code VALUES ('a/b', 'slash'), ('7', 'seven'), ('', 'empty'), ('~x', 'tilde'), ('.',
    'dot'), ('new', 'n');
INSERT INTO thing (thing, country, town, code) VALUES (1, 'cz', 'Brno', 'a/b'), (2, 'de', NULL, '7'),
    (3, '', ' ', '');
'''


def test_keys_of_several_columns() -> None:
    db, client = library(ODD)
    page = client.get('/table/thing/1/edit').text
    assert page.count('<label for="country') == 1 and 'Brno, CZ' in page and 'double' not in page
    assert save(client, '/table/thing/1/edit', **{'country, town': 'de,a~1b/c%?#'}).status == 303
    assert db.execute('SELECT country, town FROM thing WHERE thing = 1').fetchone()[:] == ('de', 'a,b/c%?#')
    assert save(client, '/table/thing/1/edit', **{'country, town': ''}).status == 303
    assert db.execute('SELECT country, town FROM thing WHERE thing = 1').fetchone()[:] == (None, None)
    assert save(client, '/table/thing/2/edit', code='~tnew').status == 303  # what is half empty stays so
    assert db.execute('SELECT country, town, code FROM thing WHERE thing = 2').fetchone()[:] == ('de', None,
        'new')
    db.close()


@pytest.mark.parametrize(('path', 'key'), [('a%2Fb', 'a/b'), ('~t7', '7'), ('~t', ''), ('~0x', '~x'),
    ('~t.', '.')])
def test_a_key_of_text_may_change_and_what_refers_to_it_follows(path: str, key: str) -> None:
    db, client = library(ODD)
    before = db.execute('SELECT thing FROM thing WHERE code = ?', [key]).fetchall()
    reply = save(client, f'/table/code/{path}/edit', code='brand/new %?#')
    assert reply.status == 303 and reply.headers['location'].startswith('/table/code/brand%2Fnew%20%25%3F%23')
    assert client.get(reply.headers['location']).status == 200
    assert [row[0] for row in db.execute("SELECT thing FROM thing WHERE code = 'brand/new %?#'")] == [
        row[0] for row in before]
    reply = save(client, '/table/code/~tnew/edit', code='')
    assert reply.status in (303, 422)
    db.close()
