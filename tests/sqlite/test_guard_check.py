"""guard(mode='check'): the handler commits, and forgetting it does not go unnoticed."""

import sqlite3
import sys

import pytest

from kali.http.request import Request
from kali.http.response import Response
from kali.iolist import flatten
from kali.sqlite import connect, guard
from tests.sqlite.conftest import answered

LEGACY = {
    'kali': lambda path: connect(path, isolation_level='DEFERRED'),
    'plain': sqlite3.connect,
    'plain immediate': lambda path: sqlite3.connect(path, isolation_level='IMMEDIATE'),
}


@pytest.fixture(params=LEGACY)
def legacy(request, path, open_db):
    return open_db(path, LEGACY[request.param])


def run(handler, connection, method='POST', route='save in /note'):
    request = Request(method, '/note')
    request.scope.route = route
    return answered(guard(handler, connection, mode='check'), request)


def add(connection, text='one'):
    connection.execute('INSERT INTO note (text) VALUES (?)', [text])


@pytest.mark.parametrize('method', ['GET', 'POST'])
def test_a_forgotten_commit(legacy, path, on_disk, method):
    def forget(request):
        add(legacy)
        legacy.execute('UPDATE part SET note = 7')
        return 'Saved.'
    answer = run(forget, legacy, method)
    page = flatten(answer.content).decode()
    assert answer.status == 500
    assert 'forgot to commit a transaction in' in page
    assert 'rolled back' in page
    assert 'The handler: save in /note' in page
    assert 'Saved.' not in page
    if hasattr(legacy, 'statements'):
        assert 'Tables changed: note, part.' in page
        assert 'The transaction was opened by: INSERT INTO note (text) VALUES (?)' in page
    assert not legacy.in_transaction
    assert on_disk(path) == []


@pytest.mark.parametrize('method', ['GET', 'POST'])
def test_a_handler_that_commits(legacy, path, on_disk, method):
    def save(request):
        with legacy:
            add(legacy)
        add(legacy, 'two')
        legacy.commit()
        return ['Sa', 'ved.']
    assert run(save, legacy, method).content == b'Saved.'
    assert on_disk(path) == ['one', 'two']


def test_content_that_writes_while_it_is_rendered(legacy, path, on_disk):
    def lazily():
        add(legacy)
        yield 'Saved.'
    assert 'forgot to commit' in flatten(run(lambda request: lazily(), legacy).content).decode()
    assert on_disk(path) == []


@pytest.mark.parametrize('error', [KeyError, SystemExit])
def test_an_exception_rolls_back_and_goes_on(legacy, path, on_disk, error):
    def fail(request):
        add(legacy)
        raise error
    with pytest.raises(error):
        run(fail, legacy)
    assert not legacy.in_transaction
    assert on_disk(path) == []


def test_a_statement_that_failed_leaves_a_transaction_too(legacy, path, on_disk):
    def save(request):
        legacy.execute("INSERT INTO note (text) VALUES ('one')")
        legacy.commit()
        try:
            add(legacy)
        except sqlite3.IntegrityError:
            return 'It was there already.'
    answer = run(save, legacy)
    assert 'forgot to commit' in flatten(answer.content).decode()
    assert not legacy.in_transaction
    assert on_disk(path) == ['one']


def test_a_refusal_must_commit_or_roll_back_too(legacy):
    def refuse(request):
        add(legacy)
        return Response('no', status=422)
    assert run(refuse, legacy).status == 500


@pytest.mark.parametrize('sql', [
    'INSERT INTO note (text) VALUES (1)', 'insert or replace into "note" (text) values (1)',
    'REPLACE INTO [note] (text) VALUES (1)',
    'UPDATE note SET text = 1', 'UPDATE OR IGNORE `note` SET text = 1', 'DELETE FROM main.note',
])
def test_the_table_is_named(path, open_db, sql):
    legacy = open_db(path, isolation_level='DEFERRED')
    page = flatten(run(lambda request: legacy.execute(sql), legacy).content).decode()
    assert 'Tables changed: note.' in page


def test_there_is_no_transaction_to_spend_forms_in(legacy):
    def look(request):
        assert request.scope.transaction is None
        return 'fine'
    assert run(look, legacy).content == b'fine'


def test_a_transaction_left_before(legacy, path, on_disk):
    app = guard(lambda request: legacy.commit() or 'Saved.', legacy, mode='check')
    add(legacy)
    answer = answered(app, Request('POST'))
    assert 'A transaction was open' in flatten(answer.content).decode()
    assert on_disk(path) == []


def test_a_handler_that_closes_the_connection(legacy, path, on_disk):
    def close(request):
        add(legacy)
        legacy.close()
        return 'Saved.'
    answer = run(close, legacy)
    assert answer.status == 500
    assert 'has been closed; what was not committed is lost' in flatten(answer.content).decode()
    assert on_disk(path) == []


def test_another_program_holds_a_lock(path, open_db, held):
    legacy = open_db(path, isolation_level='DEFERRED', busy_timeout=0.05)
    with held(path, 'BEGIN IMMEDIATE'):
        answer = run(lambda request: add(legacy), legacy)
    assert answer.status == 503
    assert not legacy.in_transaction


def test_several_connections(tmp_path, path, open_db, on_disk):
    first = open_db(path, isolation_level='DEFERRED')
    second = open_db(tmp_path / 'second.db', isolation_level='DEFERRED')
    second.execute('CREATE TABLE note (id INTEGER PRIMARY KEY, text)')
    app = guard(lambda request: [add(first), add(second), first.commit()], first, second, mode='check')
    page = flatten(answered(app, Request('POST')).content).decode()
    assert 'second.db' in page
    assert 'test.db' not in page
    assert (on_disk(path), on_disk(tmp_path / 'second.db')) == (['one'], [])


def autocommitting(path, make, **named):
    return make(path, isolation_level=None, **named)


MAKERS = [lambda path: connect(path), lambda path: sqlite3.connect(path, isolation_level=None)]
if sys.version_info >= (3, 12):
    MAKERS.append(lambda path: sqlite3.connect(path, autocommit=True))


@pytest.mark.parametrize('make', MAKERS)
def test_an_autocommit_connection_is_refused(path, open_db, make):
    with pytest.raises(ValueError, match=r'can see nothing .* each statement is committed by itself'):
        guard(str, open_db(path, make), mode='check')
