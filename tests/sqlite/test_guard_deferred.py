"""guard and answers that come later or in pieces: each step is a transaction, and none spans a wait."""

import sqlite3
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from types import SimpleNamespace

import pytest

from kali.errors import DatabaseError
from kali.http.around import entered
from kali.http.consequences import OPEN
from kali.http.deferred import Deferred, Wait
from kali.http.request import Request
from kali.http.response import Response
from kali.sqlite import connect, guard, undo


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
    with held(path, 'BEGIN IMMEDIATE'), pytest.raises(DatabaseError, match='in use by another') as caught:
        answer.step()
    assert caught.value.status == 503


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


def press(app, words='same', host=None):
    """A form is sent: what the handler saves, and its answer."""
    request = Request('POST', form={'words': words})
    request.scope.host = host
    return app(request)


def outcome(deferred):
    """The last thing that an answer gives."""
    pieces = []
    while not isinstance(piece := deferred.step(), (Response, Wait)) and piece is not None:
        pieces.append(piece)
    return b''.join(pieces) if piece is None else piece


def form(db, answers, name='press'):
    """An application that answers each press with the next of `answers`, and notes what it was sent."""
    ran = []

    def save(request):
        earlier = request.scope.transaction.once('abc')
        if earlier is None:
            ran.append(request.form['words'])
            add(db, f'{name} {len(ran)}')
            earlier = answers[len(ran) - 1]
        return earlier
    return guard(save, db), ran


BREAKS = {
    'an exception': lambda future: future.set_exception(ZeroDivisionError()),
    'a refusal': lambda future: future.set_result(Response('Conflict', status=409)),
    'nonsense': lambda future: future.set_result(object()),
    'content that fails': lambda future: future.set_result(1 / 0 for _ in 'x'),
}


@pytest.mark.parametrize('end', BREAKS)
def test_a_form_id_is_not_spent_by_a_future_that_fails(db, end):
    first, second = Future(), Future()
    app, ran = form(db, [first, second])
    answer, repeat = press(app), press(app)
    assert isinstance(outcome(answer), Wait)
    assert isinstance(outcome(repeat), Wait)
    BREAKS[end](first)
    with suppress(ZeroDivisionError, TypeError):
        assert outcome(answer).status == 409
    assert isinstance(outcome(repeat), Wait)  # now for the second future
    second.set_result('Saved.')
    assert outcome(repeat).content == b'Saved.'
    assert press(app).content == b'Saved.'
    assert ran == ['same', 'same']


def test_a_second_press_waits_and_gets_the_same_answer(db):
    future = Future()
    app, ran = form(db, [future])
    answer, repeats = press(app), [press(app), press(app)]
    assert all(isinstance(outcome(each), Wait) for each in (answer, *repeats))
    future.set_result(Response.redirect('/saved'))
    assert outcome(answer).status == 303
    assert [outcome(each).headers['location'] for each in repeats] == ['/saved', '/saved']
    assert ran == ['same']


def test_a_stream_spends_its_form_with_the_last_piece(db):
    app, ran = form(db, [Response.stream(['a', 'b']), Response.stream(['c', 'd'])])
    first, repeat = press(app), press(app)
    assert first.step() == b'a'
    assert isinstance(repeat.step(), Wait)
    assert outcome(first) == b'b'
    assert b'saved already' in outcome(repeat).content
    assert ran == ['same']


@pytest.mark.parametrize('broken', ['breaks', 'closed'])
def test_a_stream_that_breaks_or_whose_client_has_gone_spends_nothing(db, broken):
    def pieces():
        yield 'a'
        raise ZeroDivisionError
    app, ran = form(db, [Response.stream(pieces()), Response.stream(['c', 'd'])])
    first, repeat = press(app), press(app)
    first.step()
    if broken == 'breaks':
        with pytest.raises(ZeroDivisionError):
            first.step()
    first.close()
    again = [repeat.step() for _ in range(4)]
    assert again[-1].content == b'cd'  # its head could not be sent before
    assert ran == ['same', 'same']


def test_a_double_click_whose_first_half_has_gone_is_carried_on(db, path, on_disk):
    """A browser drops the first request when the button is pressed again."""
    jobs, future = [], Future()

    class Host:
        stopping = False

        def start(self, deferred, name):
            jobs.append(deferred)
    app, ran = form(db, [future])
    first, repeat = press(app, host=Host()), press(app)
    first.close()
    assert not future.cancelled()
    assert isinstance(repeat.step(), Wait)
    future.set_result('Saved.')
    assert outcome(jobs[0]).content == b'Saved.'
    assert outcome(repeat).content == b'Saved.'
    assert ran == ['same']
    assert on_disk(path) == ['press 1']


def test_nothing_is_under_way_after_a_crash(db, path, open_db):
    first, _ = form(db, [Future()])
    press(first)  # and the program ends
    app, ran = form(open_db(path), ['Saved.'], 'again')
    assert press(app).content == b'Saved.'
    assert ran == ['same']


def test_each_step_has_a_transaction_and_the_title_goes_on(db):
    seen = []

    def pieces(request):
        for number in range(2):
            transaction = request.scope.transaction
            assert transaction is OPEN[-1]
            seen.append((transaction, transaction.title))
            transaction.after_commit(lambda: seen.append('saved'))
            add(db, number)
            yield 'x'
            transaction.title = 'too late'

    def save(request):
        request.scope.transaction.title = 'Import'
        return Response.stream(pieces(request))
    assert outcome(guard(save, db)(Request('POST'))) == b'xx'
    assert [each if each == 'saved' else each[1] for each in seen] == ['Import', 'saved', 'Import', 'saved']
    assert seen[0][0] is not seen[2][0]
    assert seen[0][0].group == seen[2][0].group
    assert OPEN == []


def test_a_job_is_guarded_and_several_guards_compose(db, tmp_path, path, on_disk):
    inner = connect(tmp_path / 'inner.db')
    inner.execute('CREATE TABLE note (id INTEGER PRIMARY KEY, text)')
    jobs, groups = [], []

    def pieces():
        for number in range(2):
            add(db, number)
            add(inner, number)
            groups.append((OPEN[-1].title, OPEN[-1].group, len(OPEN)))
            yield b'x'
        add(db, 'lost')
        add(inner, 'lost')
        raise ZeroDivisionError

    def start(request):
        iterator = pieces()
        jobs.append(request.scope.guarded(Deferred(lambda: next(iterator)), title='Import'))
    request = Request('POST')
    guard(guard(start, inner), db)(request)
    assert request.scope.guarded is None
    for _ in range(2):
        assert jobs[0].step() == b'x'
        assert not db.in_transaction
    with pytest.raises(ZeroDivisionError):
        jobs[0].step()
    jobs[0].close()
    assert on_disk(path) == [0, 1]
    assert on_disk(tmp_path / 'inner.db') == [0, 1]
    assert len(set(groups)) == 1
    assert groups[0][0::2] == ('Import', 1)
    inner.close()


def test_a_lifespan_inside_has_a_host_that_guards(db, path, on_disk):
    class Schedule:
        def __init__(self):
            self.lifespan = (self.running,)

        @contextmanager
        def running(self, host):
            assert host.at == 'at'
            self.job = host.guarded(Deferred(lambda: add(db, 'on time')))
            yield

        def __call__(self, request):
            return 'x'
    schedule = Schedule()
    with entered(guard(schedule, db), SimpleNamespace(at='at')):
        schedule.job.step()
    assert on_disk(path) == ['on time']


@pytest.mark.parametrize('size', [1, 2, 3, 100])
def test_rows_are_streamed_in_batches_without_a_cursor_between_steps(db, path, open_db, size):
    for text in ('a', 'b', 'c'):
        add(db, text)
    found = db.rows('SELECT id, text FROM note WHERE text > ?', ['A'], key='id', size=size)
    stream = guard(lambda request: Response.stream(row['text'] for row in found), db)(Request('GET'))
    assert stream.step() == b'a'
    other = open_db(path, sqlite3.connect, timeout=0)
    with other:  # nothing is locked between two steps
        add(other, 'd')
    assert b''.join(steps(stream)) == (b'bc' if size > 3 else b'bcd')


def test_rows_by_a_key_that_is_none(db):
    with pytest.raises(ValueError, match="'number' is no column of the rows, which have text"):
        list(db.rows('SELECT text FROM note', key='number'))


@pytest.mark.parametrize('kind', ['answer', 'job'])
def test_all_steps_of_an_answer_or_a_job_are_one_step_of_the_history(db, path, on_disk, kind):
    history, jobs = undo(db), []

    def pieces():
        for number in range(3):
            add(db, f'step {number}')
            yield b'x'

    def start(request):
        request.scope.transaction.title = 'Import'
        if kind == 'answer':
            return Response.stream(pieces())
        iterator = pieces()
        jobs.append(request.scope.guarded(Deferred(lambda: next(iterator, None)), title='Import'))
        return 'started'
    app = guard(history.wrap(start), db)
    answer = app(Request('POST'))
    assert outcome(jobs[0] if jobs else answer) == b'xxx'
    assert on_disk(path) == ['step 0', 'step 1', 'step 2']
    assert history.titles() == ('Import', None)
    assert history.undo() == 'Import'
    assert on_disk(path) == []
    history.redo()
    assert on_disk(path) == ['step 0', 'step 1', 'step 2']
