"""The form of any row: saved unchanged it changes nothing; changed and undone, the dump is as before."""

from __future__ import annotations

import re
import secrets
from typing import Any

import pytest

from kali.forms import Entry, Memo, Static
from kali.http.request import Request
from kali.markup import escape_text
from kali.records import Records, Table
from kali.testing import Client
from tests.records.forms import controls, dump, open_file
from tests.sqlite.schemas import SCHEMAS


@pytest.mark.parametrize('name', SCHEMAS)
def test_a_form_that_is_saved_unchanged_changes_nothing(name: str) -> None:
    db = open_file(SCHEMAS[name])
    records = Records(db)
    client = Client(records, raise_errors=True)
    before, seen = dump(db), 0
    for section in records.sections.values():
        if section.read_only:
            continue
        for row in section.table.rows():
            url = section.url(section.path_of(row), 'edit')
            page = client.get(url)
            assert page.status == 200, (url, page.text)
            reply = client.post(url + '?_save=1', form=controls(page.text))
            assert reply.status in (303, 409), (url, controls(page.text), reply.text)
            if reply.status == 409:
                assert 'none can be told from the others' in reply.text
            assert dump(db) == before, url
            seen += 1
    assert seen
    db.close()


@pytest.mark.parametrize('name', SCHEMAS)
def test_what_is_changed_and_undone_is_as_it_was(name: str) -> None:
    db = open_file(SCHEMAS[name])
    records = Records(db)
    client = Client(records, raise_errors=True)
    before, changed, refused = dump(db), 0, 0
    for section in records.sections.values():
        if section.read_only:
            continue
        for row in section.table.rows(limit=3):
            url = section.url(section.path_of(row), 'edit')
            fields = controls(client.get(url).text)
            for number, (field, value) in enumerate(fields):
                if field.startswith('_') or field.endswith('.is') or not value:
                    continue
                for text in (f'{value}1', ''):
                    sent = [*fields[:number], (field, text), *fields[number + 1:]]
                    reply = client.post(url + '?_save=1', form=with_new_id(sent))
                    assert reply.status in (303, 422, 409), (url, field, text, reply.text)
                    if reply.status != 303:
                        refused += 1
                        assert escape_text(text) in reply.text and dump(db) == before
                        continue
                    if dump(db) != before:
                        assert records.history.undo() is not None
                        changed += 1
                    assert dump(db) == before, (url, field, text)
    assert changed and refused
    db.close()


def with_new_id(fields: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, secrets.token_hex(16) if name == '_form_id' else value) for name, value in fields]


SHOP = '''
CREATE TABLE customer (customer INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT UNIQUE);
CREATE TABLE job (job INTEGER PRIMARY KEY, customer INT NOT NULL REFERENCES customer, received DATE,
    status TEXT NOT NULL DEFAULT 'new' CHECK (status IN ('new', 'done')), notes TEXT);
CREATE TABLE job_line (job_line INTEGER PRIMARY KEY, job INT NOT NULL REFERENCES job ON DELETE CASCADE,
    position INT NOT NULL, what TEXT NOT NULL, price DECIMAL(10, 2) CHECK (price >= 0),
    UNIQUE (job, position));
INSERT INTO customer VALUES (1, 'Ada', 'ada@example.org'), (2, 'Bo', NULL);
INSERT INTO job VALUES (1, 1, '2026-02-01', 'new', 'x'), (2, 2, NULL, 'done', NULL);
INSERT INTO job_line VALUES (1, 1, 1, 'Chain', 20), (2, 1, 2, 'Tyre', 30), (3, 1, 3, 'Bell', 5.5);
'''


def shop(**job: Any) -> tuple[Any, Records, Client]:
    db = open_file(SHOP)
    records = Records(db, tables=[Table('job', children=['job_line'], **job), 'customer', 'job_line'])
    return db, records, Client(records, raise_errors=True)


def lines(db: Any, job: int = 1) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in db.execute(
        'SELECT job_line, position, what, price FROM job_line WHERE job = ? ORDER BY position', [job])]


def put(fields: list[tuple[str, str]], **changes: Any) -> list[tuple[str, str]]:
    """The fields with some changed: `job_line__1__what='x'` is `job_line-1-what`; None takes one out."""
    named = {name.replace('__', '-'): value for name, value in changes.items()}
    kept = [(name, named.pop(name, value)) for name, value in fields]
    return [(name, value) for name, value in [*kept, *named.items()] if value is not None]


def without_row(fields: list[tuple[str, str]], number: int) -> list[tuple[str, str]]:
    return [(name, value) for name, value in fields if not name.startswith(f'job_line-{number}-')]


STORED = [(1, 1, 'Chain', 20), (2, 2, 'Tyre', 30), (3, 3, 'Bell', 5.5)]


@pytest.mark.parametrize(('change', 'after'), [
    (lambda fields: put(fields, job_line__2__what='Tube'), [STORED[0], (2, 2, 'Tube', 30), STORED[2]]),
    (lambda fields: without_row(fields, 2), [STORED[0], STORED[2]]),
    (lambda fields: put(fields, job_line__2__what='', job_line__2__price='', job_line__2__position=''),
     [STORED[0], STORED[2]]),
    (lambda fields: put(fields, job_line__9__what='Oil', job_line__9__price='1,50'),
     [*STORED, (4, 4, 'Oil', 1.5)]),
    # Two that change places, three in a circle, and one that takes the place of a row that goes.
    (lambda fields: put(fields, job_line__1__position='2', job_line__2__position='1'),
     [(2, 1, 'Tyre', 30), (1, 2, 'Chain', 20), STORED[2]]),
    (lambda fields: put(fields, job_line__1__position='2', job_line__2__position='3',
                        job_line__3__position='1'),
     [(3, 1, 'Bell', 5.5), (1, 2, 'Chain', 20), (2, 3, 'Tyre', 30)]),
    (lambda fields: put(without_row(fields, 1), job_line__2__position='1', job_line__9__what='Oil',
                        job_line__9__position='2'), [(2, 1, 'Tyre', 30), (4, 2, 'Oil', None), STORED[2]]),
])
def test_the_rows_of_a_parent_are_saved_with_it_in_one_step(change: Any, after: list[Any]) -> None:
    db, records, client = shop()
    before = dump(db)
    fields = controls(client.get('/table/job/1/edit').text)
    reply = client.post('/table/job/1/edit?_save=1', form=put(change(fields), notes='both'))
    assert reply.status == 303, reply.text
    assert lines(db) == after and db.execute('SELECT notes FROM job WHERE job = 1').fetchone()[0] == 'both'
    assert records.history.undo() == 'Change Job 1' and dump(db) == before
    db.close()


@pytest.mark.parametrize(('changes', 'sentence'), [
    ({'job_line__1__price': 'dear'}, 'is not a number'), ({'job_line__1__what': ''}, 'may not be blank'),
    ({'job_line__9__what': 'Oil', 'job_line__9__price': '-1'}, 'must be 0.00 or more'),
    ({'job_line__1__position': '2', 'job_line__2__position': '2'}, 'There is a job line with this job and'),
])
def test_what_is_wrong_in_a_row_is_said_at_its_field(changes: dict[str, str], sentence: str) -> None:
    db, _, client = shop()
    before = dump(db)
    fields = controls(client.get('/table/job/1/edit').text)
    reply = client.post('/table/job/1/edit?_save=1', form=put(fields, notes='typed', **changes))
    assert reply.status == 422 and dump(db) == before
    at_field = rf'aria-invalid="true" aria-describedby="job_line-\d-\w+-error"[^~]*{sentence}'
    assert re.search(at_field, reply.text), reply.text
    assert 'typed' in reply.text
    db.close()


@pytest.mark.parametrize(('form', 'names'), [
    (['notes', 'customer'], ['notes', 'customer']),
    ({'notes': None, 'status': Entry()}, ['customer', 'received', 'status']),
    ({'NOTES': Memo(), 'extra': Static()}, ['customer', 'received', 'status', 'notes', 'extra'])])
def test_the_author_chooses_the_fields_of_a_form(form: Any, names: list[str]) -> None:
    db, _, client = shop(form=form)
    page = client.get('/table/job/new').text
    assert re.findall('<label for="([a-z]+)"', page) == names
    fields = {**dict(controls(page)), 'customer': '1'}
    assert client.post('/table/job/new?_save=1', form={**fields, 'status': 'new', 'notes': 'x'}).status == 303
    db.close()


def test_the_address_of_a_new_record_fills_fields_in() -> None:
    db, _, client = shop()
    page = client.get('/table/customer/2').text
    assert '<a href="/table/job/new?customer=2"' in page
    shown = dict(controls(client.get('/table/job/new?customer=2&notes=%3Cb%3E&nothing=1').text))
    assert (shown['customer'], shown['notes']) == ('2', '<b>')
    db.close()


@pytest.mark.parametrize('page', ['new', 'edit', 'copy', 'delete', 'rows', 'cell', 'paste'])
def test_any_page_may_be_the_authors_own(page: str) -> None:
    def own(request: Request, *path: str) -> str:
        return f'own {page} {path}'
    db, _, client = shop(pages={page: own})
    url = f'/table/job/1/{page}' if page in ('edit', 'copy', 'delete') else f'/table/job/{page}'
    reply = client.post(url, form={}) if page == 'rows' else client.get(url)
    assert reply.text.startswith(f'own {page}')
    db.close()
