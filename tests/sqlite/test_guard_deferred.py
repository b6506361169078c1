"""guard and answers that come later or in pieces: each step is a transaction, and none spans a wait."""

import sqlite3
from concurrent.futures import Future

import pytest

from kali.errors import DatabaseError
from kali.http.deferred import Wait
from kali.http.request import Request
from kali.http.response import Response
from kali.iolist import flatten
from kali.sqlite import connect, guard


def add(connection, text):
    connection.execute('INSERT INTO note (text) VALUES (?)', [text])


def steps(deferred):
    while (piece := deferred.step()) is not None:
        yield piece
    deferred.close()


def test_each_step_of_a_stream_is_a_transaction(any_db, path, on_disk):
    def pieces():
        for number in range(3):
            assert any_db.in_transaction
            add(any_db, number)
            yield str(number)
        add(any_db, 'the end')

    def save(request):
        add(any_db, 'before')
        return Response.stream(pieces())
    answer = guard(save, any_db)(Request('POST'))
    assert not any_db.in_transaction
    assert on_disk(path) == ['before']
    seen = ['before']
    for number, piece in enumerate(steps(answer)):
        assert piece == str(number).encode()
        assert not any_db.in_transaction
        seen.append(number)
        assert on_disk(path) == seen
    assert on_disk(path) == [*seen, 'the end']


def test_other_requests_go_on_between_steps(db, path, on_disk):
    def pieces():
        for number in range(3):
            add(db, f'stream {number}')
            yield 'x'
    stream = guard(lambda request: Response.stream(pieces()), db)(Request('POST'))

    def save(request):
        add(db, request.target)
        return Response('', status=int(request.query['status']))
    other = guard(save, db)
    for number, _ in enumerate(steps(stream)):
        other(Request('POST', f'/{number}?status={200 if number else 422}'))
    assert on_disk(path) == ['stream 0', 'stream 1', '/1?status=200', 'stream 2', '/2?status=200']


def test_a_step_that_fails_takes_back_itself_only(db, path, on_disk):
    def pieces():
        add(db, 'one')
        yield 'x'
        add(db, 'two')
        raise KeyError
    stream = guard(lambda request: Response.stream(pieces()), db)(Request('POST'))
    assert stream.step() == b'x'
    with pytest.raises(KeyError):
        stream.step()
    assert not db.in_transaction
    assert on_disk(path) == ['one']


def test_a_stream_under_get_cannot_write(db, path, on_disk):
    def pieces():
        yield 'x'
        add(db, 'one')
    stream = guard(lambda request: Response.stream(pieces()), db)(Request('GET'))
    assert stream.step() == b'x'
    assert db.execute('PRAGMA query_only').fetchone()[0] == 0
    with pytest.raises(DatabaseError, match='A GET may not write'):
        stream.step()
    assert db.execute('PRAGMA query_only').fetchone()[0] == 0
    assert on_disk(path) == []


def test_a_cursor_does_not_stay_open_between_steps(db, path, open_db):
    """And the rest of the rows is not left out in silence."""
    for text in ('a', 'b', 'c'):
        add(db, text)

    def pieces():
        for row in db.execute('SELECT text FROM note'):
            yield row['text']
    stream = guard(lambda request: Response.stream(pieces()), db)(Request('GET'))
    assert stream.step() == b'a'
    other = open_db(path, sqlite3.connect, timeout=0)
    with other:
        add(other, 'd')
    with pytest.raises(DatabaseError, match='left unfinished'):
        stream.step()

    def rows():
        return (row['text'] for row in db.execute('SELECT text FROM note').fetchall())
    whole = guard(lambda request: Response.stream(rows()), db)
    assert b''.join(steps(whole(Request('GET')))) == b'abcd'


def test_closing_is_a_step_too(db, path, on_disk):
    def pieces():
        try:
            yield 'x'
            yield 'y'
        finally:
            add(db, 'the reader left')
    stream = guard(lambda request: Response.stream(pieces()), db)(Request('POST'))
    assert stream.step() == b'x'
    stream.close()
    assert on_disk(path) == ['the reader left']


def test_a_stream_that_begins_with_a_refusal(db, path, on_disk):
    def save(request):
        add(db, 'one')
        return Response.stream(['no'], status=422)
    guard(save, db)(Request('POST'))
    assert on_disk(path) == []


def later(db, status=200, error=None):
    """A future, and what finishes it: a page that saves something while it is rendered."""
    future = Future()

    def page():
        add(db, 'rendered')
        if error:
            raise error
        yield 'later'
    return future, lambda: future.set_result(Response(page(), status=status))


@pytest.mark.parametrize(('status', 'rows'), [(200, ['rendered']), (303, ['rendered']), (422, [])])
def test_a_future(db, path, on_disk, status, rows):
    future, finish = later(db, status)
    answer = guard(lambda request: future, db)(Request('POST'))
    wait = answer.step()
    assert isinstance(wait, Wait)
    assert not db.in_transaction
    finish()
    response = answer.step()
    assert (response.status, response.content) == (status, b'later')  # rendered in the step, not after it
    assert not db.in_transaction
    assert on_disk(path) == rows


def test_a_future_that_fails(db, path, on_disk):
    future, finish = later(db, error=ZeroDivisionError)
    answer = guard(lambda request: future, db)(Request('POST'))
    finish()
    with pytest.raises(ZeroDivisionError):
        answer.step()
    assert on_disk(path) == []


def test_a_future_whose_database_is_locked(db, path, held):
    """Nothing is sent yet, so there can still be a page."""
    future, finish = later(db)
    answer = guard(lambda request: future, db)(Request('POST'))
    finish()
    with held(path, 'BEGIN IMMEDIATE'):
        response = answer.step()
    assert response.status == 503
    assert b'in use by another program' in flatten(response.content)


def test_closing_a_future_cancels_it(db):
    future = Future()
    guard(lambda request: future, db)(Request('POST')).close()
    assert future.cancelled()


def test_a_forgotten_commit_in_a_stream(path, open_db, on_disk):
    legacy = open_db(path, connect, isolation_level='DEFERRED')

    def pieces():
        add(legacy, 'one')
        legacy.commit()
        yield 'x'
        add(legacy, 'two')
        yield 'y'
    stream = guard(lambda request: Response.stream(pieces()), legacy, mode='check')(Request('GET'))
    assert stream.step() == b'x'
    with pytest.raises(DatabaseError, match='forgot to commit'):
        stream.step()
    assert not legacy.in_transaction
    assert on_disk(path) == ['one']


def test_a_form_id_is_spent_when_the_answer_is_under_way(db):
    def save(request):
        return request.scope.transaction.once('abc') or Response.stream(['a', 'b'])
    app = guard(save, db)
    stream = app(Request('POST'))
    again = app(Request('POST'))
    assert b''.join(steps(stream)) == b'ab'
    assert b'saved already' in flatten(again.content)
