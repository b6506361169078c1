"""guard(mode='commit'): what was answered as done is on disk, all else is gone, and nothing is left open."""

import os
import sqlite3
import sys
import threading
from contextlib import suppress

import pytest

from kali.errors import DatabaseError, NotFound
from kali.http.around import Around
from kali.http.request import Request
from kali.http.response import Response
from kali.iolist import flatten
from kali.server.dispatcher import Dispatcher
from kali.sqlite import atomic, connect, guard
from kali.sqlite.adapter import SqliteAdapter
from tests.sqlite.conftest import answered


def post(handler, target='/', **named):
    return answered(handler, Request('POST', target, **named))


def get(handler, target='/'):
    return answered(handler, Request('GET', target))


def text_of(response):
    return flatten(response.content).decode()


def add(connection, *texts):
    for text in texts:
        connection.execute('INSERT INTO note (text) VALUES (?)', [text])


def at_rest(connection):
    """Nothing spans requests: no transaction, and writing is possible again."""
    assert not connection.in_transaction
    assert connection.execute('PRAGMA query_only').fetchone()[0] == 0
    return True


def test_a_post_is_one_transaction(any_db, path, on_disk):
    def save(request):
        add(any_db, 'one')
        assert any_db.in_transaction
        assert on_disk(path) == []
        add(any_db, 'two')
        return Response.redirect('/')
    answer = post(guard(save, any_db))
    assert (answer.status, answer.headers['location']) == (303, '/')
    assert on_disk(path) == ['one', 'two']
    assert at_rest(any_db)


def test_it_is_rendered_inside(any_db, path, on_disk):
    def save(request):
        def rows():
            add(any_db, 'lazy')
            yield from (row[0] for row in any_db.execute('SELECT text FROM note'))
        return ['<p>', rows()]
    answer = post(guard(save, any_db))
    assert answer.content == b'<p>lazy'
    assert on_disk(path) == ['lazy']


@pytest.mark.parametrize('status', [400, 404, 409, 422, 500, 503])
def test_a_refusal_rolls_back(any_db, path, on_disk, status):
    def save(request):
        add(any_db, 'one')
        return Response('correct this', status=status)
    answer = post(guard(save, any_db))
    assert (answer.status, answer.content) == (status, b'correct this')
    assert on_disk(path) == []
    assert at_rest(any_db)


@pytest.mark.parametrize('error', [KeyError, SystemExit, KeyboardInterrupt, NotFound, MemoryError])
@pytest.mark.parametrize('lazy', [False, True])
def test_an_exception_rolls_back_and_goes_on(any_db, path, on_disk, error, lazy):
    def fail():
        add(any_db, 'one')
        raise error('so')
        yield

    def save(request):
        return fail() if lazy else list(fail())
    with pytest.raises(error):
        post(guard(save, any_db))
    assert on_disk(path) == []
    assert at_rest(any_db)


def test_a_get_reads(any_db):
    add(any_db, 'one')
    any_db.commit()
    app = guard(lambda request: [row[0] for row in any_db.execute('SELECT text FROM note')], any_db)
    for method in ('GET', 'HEAD', 'OPTIONS'):
        assert app(Request(method)).content == b'one'
    assert at_rest(any_db)


WRITES = {
    'insert': lambda db: add(db, 'one'),
    'ddl': lambda db: db.execute('CREATE TABLE other (a)'),
    'begin': lambda db: db.execute('BEGIN IMMEDIATE').execute("INSERT INTO note (text) VALUES ('one')"),
    'with': lambda db: db.execute("WITH a AS (SELECT 'one') INSERT INTO note (text) SELECT * FROM a"),
    'script': lambda db: db.executescript("INSERT INTO note (text) VALUES ('one');"),
    'many': lambda db: db.executemany('INSERT INTO note (text) VALUES (?)', [('one',)]),
    'atomic': lambda db: atomic(db).__enter__().execute("INSERT INTO note (text) VALUES ('one')"),
    'comment': lambda db: db.execute("-- SELECT\nINSERT INTO note (text) VALUES ('one')"),
    'after a select': lambda db: (db.execute('SELECT 1').fetchone(), add(db, 'one')),
    'cursor': lambda db: db.cursor().execute("INSERT INTO note (text) VALUES ('one')"),
    'plain cursor': lambda db: db.cursor(sqlite3.Cursor).execute("INSERT INTO note (text) VALUES ('one')"),
    'cursor kept': lambda db: keep(db, 'SELECT 1').execute("INSERT INTO note (text) VALUES ('one')"),
    'pragma': lambda db: db.execute('PRAGMA user_version = 7'),
}


def keep(db, sql):
    """A cursor that has run `sql`."""
    cursor = db.cursor()
    cursor.execute(sql)
    return cursor


if sys.version_info >= (3, 11):
    @pytest.mark.parametrize('method', ['GET', 'POST'])
    def test_a_blob_is_written_to_by_a_post_only(any_db, path, on_disk, method):
        any_db.execute('CREATE TABLE photo (content)')
        any_db.execute("INSERT INTO photo VALUES (x'00')")
        any_db.commit()

        def write(request):
            with any_db.blobopen('photo', 'content', 1) as blob:
                blob.write(b'\xff')
        answer = answered(guard(write, any_db), Request(method))
        expected = (500, ['00']) if method == 'GET' else (200, ['FF'])
        assert (answer.status, on_disk(path, 'SELECT hex(content) FROM photo')) == expected
        assert at_rest(any_db)


def test_a_get_that_only_selects_costs_no_statement(db):
    """To switch query_only would have SQLite prepare every statement anew."""
    ran, sql = [], 'SELECT text FROM note'
    app = guard(lambda request: [row[0] for row in db.execute(request.query['sql'])], db)
    db.set_trace_callback(ran.append)
    for _ in range(2):
        app(Request('GET', f'/?sql={sql}'))
    assert ran == [sql, sql]
    app(Request('GET', f'/?sql=WITH a AS (SELECT 1) {sql}'))
    assert ran[2:] == ['PRAGMA query_only = ON', f'WITH a AS (SELECT 1) {sql}', 'PRAGMA query_only = 0',
                       'PRAGMA foreign_keys = 1']
    db.set_trace_callback(None)


def test_a_get_that_writes_past_kalis_cursors(db):
    """It cannot be refused, but it does not look well done."""
    beside = sqlite3.Cursor(db)

    def look(request):
        beside.execute("INSERT INTO note (text) VALUES ('one')")
        return 'fine'
    answer = get(guard(look, db))
    assert answer.status == 500
    assert 'by a cursor that was not made with connection.cursor()' in text_of(answer)
    assert at_rest(db)


def test_a_get_that_switches_its_protection_off(any_db):
    def look(request):
        any_db.execute('PRAGMA query_only = OFF').fetchall()
        any_db.execute("INSERT INTO note (text) VALUES ('one')")
        return 'fine'
    answer = get(guard(look, any_db))
    assert answer.status == 500
    assert 'switched query_only off' in text_of(answer)
    assert at_rest(any_db)


def test_a_get_that_switches_foreign_keys_off(any_db):
    any_db.execute('PRAGMA foreign_keys = ON')
    app = guard(lambda request: any_db.execute('PRAGMA foreign_keys = OFF').rowcount
                if request.method == 'GET' else any_db.execute('INSERT INTO part VALUES (77)').rowcount,
                any_db)
    assert get(app).status == 200
    assert post(app).status == 409
    assert at_rest(any_db)


def test_a_get_that_writes_past_the_guard_leaves_the_other_databases_as_they_were(db, tmp_path):
    other = connect(tmp_path / 'other.sqlite')
    other.execute('CREATE TABLE note (text)')
    app = guard(lambda request: sqlite3.Cursor(db).execute("INSERT INTO note (text) VALUES ('one')").rowcount
                if request.method == 'GET' else add(other, 'two'), db, other)
    assert get(app).status == 500
    assert post(app).status == 200
    assert other.execute('SELECT count(*) FROM note').fetchone()[0] == 1
    other.close()


@pytest.mark.parametrize('write', [False, True])
def test_a_get_guarded_twice(any_db, write):
    def look(request):
        return add(any_db, 'one') if write else [row[0] for row in any_db.execute('SELECT 1')]
    assert get(guard(guard(look, any_db), any_db)).status == (500 if write else 200)
    assert at_rest(any_db)
    add(any_db, 'two')


def test_an_adapter_of_ones_own(db, path, on_disk):
    """Anything with the methods of Adapter stands for a connection."""
    calls = []

    class Telling(SqliteAdapter):
        def begin(self):
            calls.append('begin')
            super().begin()

        def run(self, table, sql, parameters=()):
            calls.append(sql.split()[0])
            return super().run(table, sql, parameters)

        def commit(self):
            super().commit()
            calls.append('commit')
    app = guard(lambda request: request.scope.transaction.once('abc') or add(db, 'one'), Telling(db))
    assert post(app).status == 200
    # Once in a while the old form ids are deleted: the only DELETE.
    assert [call for call in calls if call != 'DELETE'] == [
        'begin', 'SELECT', 'SELECT', 'INSERT', 'CREATE', 'SELECT', 'INSERT', 'commit']
    assert on_disk(path) == ['one']


@pytest.mark.parametrize('method', ['GET', 'HEAD', 'OPTIONS'])
@pytest.mark.parametrize('write', WRITES)
def test_a_get_may_not_write(any_db, path, on_disk, method, write):
    def look(request):
        WRITES[write](any_db)
        return 'saved'
    request = Request(method)
    request.scope.route = 'look at /'
    answer = answered(guard(look, any_db), request)
    page = text_of(answer)
    assert answer.status == 500
    assert 'A GET may not write' in page
    assert 'The handler: look at /' in page
    assert 'test_guard_commit.py, line ' in page
    assert on_disk(path) == []
    assert on_disk(path, "SELECT name FROM sqlite_master WHERE name = 'other'") == []
    assert at_rest(any_db)


def test_a_get_that_catches_it_or_fails_otherwise(any_db):
    def catching(request):
        with suppress(sqlite3.OperationalError):
            add(any_db, 'one')
        return 'fine'
    assert get(guard(catching, any_db)).content == b'fine'
    assert at_rest(any_db)
    with pytest.raises(ZeroDivisionError):
        get(guard(lambda request: 1 / 0, any_db))
    assert at_rest(any_db)


def test_mistakes_in_sql_keep_their_traceback(any_db, path, on_disk):
    def save(request):
        add(any_db, 'one')
        any_db.execute('SELECT * FROM nowhere')
    with pytest.raises(sqlite3.OperationalError, match='nowhere'):
        post(guard(save, any_db))
    with pytest.raises(sqlite3.OperationalError, match='nowhere'):
        get(guard(lambda request: any_db.execute('SELECT * FROM nowhere'), any_db))
    assert on_disk(path) == []


def or_rollback(db):
    with suppress(sqlite3.IntegrityError):
        db.execute('INSERT OR ROLLBACK INTO note (id) VALUES (1), (1)')


def own_transaction(db):
    db.execute('COMMIT')
    db.execute('BEGIN')


ENDS = {
    'commit': (lambda db: db.execute('COMMIT'), True),
    'rollback': (lambda db: db.execute('ROLLBACK'), True),
    'or rollback': (or_rollback, True),
    'another one': (own_transaction, False),  # what follows would look like part of the request
}


@pytest.mark.parametrize('goes_on', [False, True])
@pytest.mark.parametrize('end', ENDS)
def test_a_transaction_that_the_handler_ended(any_db, end, goes_on):
    def save(request):
        add(any_db, 'one')
        ENDS[end][0](any_db)
        if goes_on:
            add(any_db, 'two')
        return 'Saved.'
    answer = post(guard(save, any_db))
    assert answer.status == 500
    assert 'ended' in text_of(answer)
    assert 'Saved.' not in text_of(answer)
    assert at_rest(any_db)


METHODS = {
    'commit': lambda db: db.commit(),
    'rollback': lambda db: db.rollback(),
    'executescript': lambda db: db.executescript('SELECT 1'),
    'cursor.executescript': lambda db: db.cursor().executescript('SELECT 1'),
    'with': lambda db: db.__enter__(),
    'close': lambda db: db.close(),
    'a new one': own_transaction,
}


@pytest.mark.parametrize('method', METHODS)
def test_own_connections_refuse_to_end_it(db, path, on_disk, method):
    def save(request):
        add(db, 'one')
        if method != 'a new one':
            METHODS[method](db)
        else:
            db.execute('BEGIN')
        return 'Saved.'
    answer = post(guard(save, db))
    assert answer.status == 500
    assert 'guard' in text_of(answer)
    assert on_disk(path) == []  # nothing half done
    METHODS['commit'](db)  # outside of a request it is nobody's business


@pytest.mark.parametrize('method', ['commit', 'executescript'])
def test_plain_connections_tell_it_afterwards(path, open_db, method):
    plain = open_db(path, sqlite3.connect, isolation_level=None)

    def save(request):
        add(plain, 'one')
        METHODS[method](plain)
        add(plain, 'two')
        return 'Saved.'
    answer = post(guard(save, plain))
    assert answer.status == 500
    assert 'The handler ended the transaction of this request' in text_of(answer)
    assert at_rest(plain)


@pytest.mark.parametrize('method', ['POST', 'GET'])
def test_a_handler_that_closes_the_connection(path, open_db, method):
    plain = open_db(path, sqlite3.connect)
    app = guard(lambda request: plain.close(), plain)
    if method == 'POST':
        assert 'has been closed' in text_of(post(app))
    else:
        app(Request('GET'))
    for answer in (post(app), get(app)):
        assert answer.status == 500
        assert 'has been closed' in text_of(answer)


def test_or_rollback_stops_the_request(db, path, on_disk):
    """The statements after it would each be committed by itself."""
    def save(request):
        add(db, 'one')
        or_rollback(db)
        add(db, 'two')
        return 'Saved.'
    assert 'No further SQL is run' in text_of(post(guard(save, db)))
    assert on_disk(path) == []


def test_a_deferred_foreign_key(any_db, path, on_disk):
    def save(request):
        add(any_db, 'one')
        any_db.execute('INSERT INTO part VALUES (99)')
        return 'Saved.'
    answer = post(guard(save, any_db))
    assert answer.status == 409
    assert 'There is no such note any more' in text_of(answer)
    assert on_disk(path) == []
    assert at_rest(any_db)


@pytest.mark.parametrize('statements', [['BEGIN IMMEDIATE'], ['BEGIN', 'SELECT * FROM sqlite_master']])
def test_another_program_holds_a_lock(db, path, held, on_disk, statements):
    """A writer stops us at BEGIN, a reader at COMMIT."""
    app = guard(lambda request: add(db, 'one'), db)
    with held(path, *statements):
        answer = post(app)
        assert answer.status == 503
        assert 'in use by another program' in text_of(answer)
        assert not db.in_transaction
    assert on_disk(path) == []
    assert post(app).status == 200
    assert on_disk(path) == ['one']


def test_another_program_locks_a_reader_out(db, path, held):
    app = guard(lambda request: db.execute('SELECT * FROM note').fetchall(), db)
    with held(path, 'BEGIN EXCLUSIVE'):
        assert get(app).status == 503
    assert get(app).status == 200


@pytest.mark.parametrize('statements', [['BEGIN IMMEDIATE'], ['BEGIN', 'SELECT * FROM sqlite_master']])
def test_it_tries_again_where_sqlite_does_not(path, open_db, held, on_disk, statements):
    patient = open_db(path, busy_timeout=20)
    app = guard(lambda request: add(patient, 'one'), patient)
    patient.execute('PRAGMA busy_timeout = 0')  # as SQLite does by itself in a deadlock
    with held(path, *statements) as release:
        timer = threading.Timer(0.1, release)
        timer.start()
        assert post(app).status == 200
        timer.join()
    assert on_disk(path) == ['one']


def test_a_full_disk(db, path, on_disk):
    db.execute('PRAGMA max_page_count = 12')
    app = guard(lambda request: add(db, *(request.target + number * 3000 for number in 'abc')), db)
    answers = [post(app, f'/{number}') for number in range(9)]
    assert {answer.status for answer in answers} == {200, 503}
    assert 'no room left' in text_of(answers[-1])
    assert len(on_disk(path)) == 3 * [answer.status for answer in answers].count(200)
    assert at_rest(db)


def test_a_file_opened_for_reading(path, open_db):
    reader = open_db(path, read_only=True)
    app = guard(lambda request: add(reader, 'one'), reader)
    answer = post(app)
    assert answer.status == 500
    assert 'can only be read' in text_of(answer)
    assert get(guard(lambda request: reader.execute('SELECT * FROM note').fetchall(), reader)).status == 200


def test_unfinished_selects_end_with_the_request(db, path, open_db):
    add(db, 'a', 'b', 'c')
    kept = []

    def look(request):
        kept.append(db.execute('SELECT text FROM note'))
        return next(kept[-1])['text']
    app = guard(look, db)
    other = open_db(path, sqlite3.connect, timeout=0)
    for call, method in enumerate((get, post)):
        assert method(app).content == b'a'
        with other:
            other.execute('INSERT INTO note (text) VALUES (?)', [f'new {call}'])
        with pytest.raises(DatabaseError, match='left unfinished'):
            kept[-1].fetchone()


@pytest.mark.parametrize('method', ['GET', 'POST'])
def test_cursors_that_are_closed_or_shared(db, path, on_disk, method):
    closed, shared = db.cursor(), db.cursor()

    def use(request):
        closed.close()
        shared.execute('SELECT 1 UNION SELECT 2')
        if request.target == '/fail':
            raise KeyError
        if method == 'POST':
            shared.execute("INSERT INTO note (text) VALUES ('one') RETURNING text")
        return shared.fetchone()[0]
    app = guard(use, db)
    with pytest.raises(KeyError):
        app(Request(method, '/fail'))
    assert at_rest(db)
    assert app(Request(method)).content == (b'one' if method == 'POST' else b'1')
    assert at_rest(db)
    assert on_disk(path) == ['one'] * (method == 'POST')


def test_an_unfinished_returning_is_committed(db, path, on_disk):
    kept = []

    def save(request):
        kept.append(db.execute("INSERT INTO note (text) VALUES ('a'), ('b'), ('c') RETURNING text"))
        return next(kept[-1])['text']
    assert post(guard(save, db)).content == b'a'
    assert on_disk(path) == ['a', 'b', 'c']


def test_a_transaction_left_by_somebody_else(any_db, path, on_disk):
    app = guard(lambda request: 'fine', any_db)
    for method in (get, post):
        any_db.execute('BEGIN IMMEDIATE')
        add(any_db, 'stray')
        answer = method(app)
        assert answer.status == 500
        assert 'A transaction was open' in text_of(answer)
        assert ('Tables changed: note' in text_of(answer)) == hasattr(any_db, 'statements')
        assert method(app).content == b'fine'
    assert on_disk(path) == []


def test_atomic_works_inside(any_db, path, on_disk):
    def save(request):
        add(any_db, 'one')
        with suppress(sqlite3.IntegrityError), atomic(any_db):
            add(any_db, 'two', 'one')
        with atomic(any_db):
            add(any_db, 'three')
        return 'Saved.'
    assert post(guard(save, any_db)).status == 200
    assert on_disk(path) == ['one', 'three']


def test_ddl_and_pragmas_work_inside(any_db, path, on_disk):
    def save(request):
        any_db.execute('CREATE TABLE other (a)')
        any_db.execute("WITH a AS (SELECT 'one') INSERT INTO other SELECT * FROM a")
        any_db.execute('ALTER TABLE other RENAME TO another')
        if request.has_suffix() and request.path != ['']:
            raise KeyError
        return 'Saved.'
    app = guard(save, any_db)
    with pytest.raises(KeyError):
        post(app, '/fail')
    assert on_disk(path, "SELECT name FROM sqlite_master WHERE name LIKE '%other'") == []
    assert post(app).status == 200
    assert on_disk(path, 'SELECT a FROM another') == ['one']


def test_several_connections(tmp_path, path, open_db, on_disk):
    second_path = tmp_path / 'second.db'
    first, second = open_db(path), open_db(second_path)
    second.execute('CREATE TABLE note (id INTEGER PRIMARY KEY, text, '
                   'note REFERENCES note DEFERRABLE INITIALLY DEFERRED)')

    def save(request):
        add(first, request.target)
        add(second, request.target)
        if request.target == '/fail':
            raise KeyError
        if request.target == '/late':
            second.execute('UPDATE note SET note = 99')
        return Response('', status=422 if request.target == '/refused' else 200)
    for app in (guard(save, first, second), guard(guard(save, second), first)):
        before = on_disk(path)
        with pytest.raises(KeyError):
            post(app, '/fail')
        assert [post(app, target).status for target in ('/refused', '/late')] == [422, 409]
        assert on_disk(path) == on_disk(second_path) == before
        assert post(app, f'/good{len(before)}').status == 200
        assert on_disk(path) == on_disk(second_path) == [*before, f'/good{len(before)}']
        assert get(app, '/look').status == 500


def test_several_connections_when_one_is_locked(tmp_path, path, open_db, held, on_disk):
    first, second = open_db(path, busy_timeout=0.05), open_db(tmp_path / 'second.db', busy_timeout=0.05)
    second.execute('CREATE TABLE note (id INTEGER PRIMARY KEY, text)')
    app = guard(lambda request: (add(first, 'one'), add(second, 'one')) and 'Saved.', first, second)
    with held(tmp_path / 'second.db', 'BEGIN IMMEDIATE'):
        assert post(app).status == 503
        assert not first.in_transaction
        assert not first.guarded
    assert post(app).status == 200
    assert on_disk(path) == on_disk(tmp_path / 'second.db') == ['one']


class Unlocked:
    lifespan = ('a context manager',)

    def __call__(self, request):
        return 'hello'


def test_the_handlers_lifespan_is_forwarded(db):
    assert guard(Unlocked(), db).lifespan == ('a context manager',)
    assert guard(Around(Unlocked(), lambda request: ''), db).lifespan == ('a context manager',)


def test_what_is_refused_at_once(path, open_db, tmp_path):
    db, twin = open_db(path), open_db(path)
    with pytest.raises(ValueError, match="mode='both'"):
        guard(str, db, mode='both')
    with pytest.raises(TypeError, match='give it the connections'):
        guard(str)
    with pytest.raises(TypeError, match='no sqlite3 connection'):
        guard(str, str(path))
    for two in ((db, db), (db, twin)):
        with pytest.raises(ValueError, match='two connections to'):
            guard(str, *two)
    db.execute('BEGIN')
    with pytest.raises(ValueError, match='a transaction is open'):
        guard(str, db)
    db.execute('ROLLBACK')
    closed = sqlite3.connect(':memory:')
    closed.close()
    with pytest.raises(ValueError, match='closed'):
        guard(str, closed)
    guard(str, open_db(':memory:'), open_db(':memory:'))


if sys.version_info >= (3, 12):
    @pytest.mark.parametrize('mode', ['commit', 'check'])
    def test_autocommit_false_is_refused(open_db, mode):
        with pytest.raises(ValueError, match='autocommit=False, where sqlite3 keeps a transaction open'):
            guard(str, open_db(':memory:', sqlite3.connect, autocommit=False), mode=mode)


def test_a_viewer_stays_a_viewer(path, open_db):
    """query_only that was on before the guard came stays on."""
    db = open_db(path)
    db.execute('PRAGMA query_only = ON')
    app = guard(lambda request: 'fine', db)
    assert get(app).content == b'fine'
    assert db.execute('PRAGMA query_only').fetchone()[0] == 1


def test_the_page_is_escaped_and_logged(db, caplog):
    request = Request('POST', '/%3Cscript%3E')
    request.scope.route = '<script>'
    answer = Dispatcher(guard(lambda request: db.commit(), db)).answer(request)
    assert '<script>' not in text_of(answer)
    assert '&lt;script&gt;' in text_of(answer)
    [record] = caplog.records
    assert (record.name, record.levelname) == ('kali', 'ERROR')
    assert record.exc_info


@pytest.mark.parametrize('size', [1, 10, 100])
def test_its_own_statements_do_not_grow_with_the_work(db, size):
    """The guard runs as many statements for a hundred inserts as for one."""
    ran = []
    app = guard(lambda request: add(db, *map(str, range(size))), db)
    post(app)
    db.execute('DELETE FROM note')
    db.set_trace_callback(ran.append)
    post(app)
    db.set_trace_callback(None)
    assert [sql for sql in ran if 'INSERT' not in sql] == ['BEGIN IMMEDIATE', 'COMMIT']


def test_the_file_is_whole_when_the_answer_is_out(tmp_path, open_db, on_disk):
    """No journal is left beside it: the answer waits for the very last step of the commit."""
    db = open_db(tmp_path / 'test.db')
    db.execute('CREATE TABLE note (id INTEGER PRIMARY KEY, text)')
    assert post(guard(lambda request: add(db, 'one'), db)).status == 200
    assert os.listdir(tmp_path) == ['test.db']  # noqa: PTH208


@pytest.mark.parametrize('sql', ['COMMIT', ' commit ', 'END', '-- c\nCOMMIT', '/* c */;ROLLBACK', 'BEGIN',
                                 'ROLLBACK TRANSACTION'])
def test_a_statement_that_would_end_the_transaction_is_refused(db, path, on_disk, sql):
    def save(request):
        add(db, 'half')
        with suppress(sqlite3.Error):
            db.execute(sql)
        return 'Saved'
    answer = post(guard(save, db))
    assert answer.status == 500
    assert 'is not for a handler under guard' in text_of(answer)
    assert on_disk(path) == []
    assert at_rest(db)


def test_savepoints_of_the_handler_are_its_own(db, path, on_disk):
    def save(request):
        add(db, 'one')
        db.execute('SAVEPOINT s')
        add(db, 'two')
        db.execute('ROLLBACK TO s')
        db.execute('RELEASE s')
        return 'Saved'
    assert post(guard(save, db)).status == 200
    assert on_disk(path) == ['one']


@pytest.mark.parametrize('debug', [True, False])
def test_what_was_typed_comes_back_with_the_error(db, path, on_disk, debug):

    def save(request):
        db.execute('DELETE FROM part')
        db.rollback()
    fields = {'words': 'precious "words"\n</textarea>', '_form_id': 'f1', 'old_password': 'secret'}
    request = Request('POST', '/note/new?a=1&b=2', form=fields)
    request.scope.debug = debug
    page = text_of(answered(guard(save, db), request))
    assert 'action="/note/new?a=1&amp;b=2"' in page
    assert '<textarea name="words">\nprecious &quot;words&quot;\n&lt;/textarea&gt;</textarea>' in page
    assert '<input type="hidden" name="_form_id" value="f1">' in page
    assert '<input type="hidden" name="old_password" value="secret">' in page
    assert ('Tables changed: part' in page) is debug
    assert ('DELETE FROM part' in page) is debug
    assert ('The handler: test_what_was_typed' in page) is debug
    assert at_rest(db)


def test_several_databases_of_which_one_refuses(db, tmp_path, on_disk):
    other = connect(tmp_path / 'other.sqlite')
    other.execute('CREATE TABLE note (id INTEGER PRIMARY KEY, text)')

    def save(request):
        db.execute('INSERT INTO part VALUES (77)')
        return add(other, 'kept')
    page = text_of(post(guard(save, db, other)))
    assert 'Nothing was saved' not in page
    assert 'other.sqlite is saved: several databases cannot be committed as one' in page
    assert on_disk(tmp_path / 'other.sqlite') == ['kept']
    other.close()
