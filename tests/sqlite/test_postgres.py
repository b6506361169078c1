"""guard on PostgreSQL: the same promises, kept by a real server in a temporary folder."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import dict_row

from kali.errors import BadRequest, DatabaseError
from kali.http.request import Request
from kali.http.response import Response
from kali.iolist import flatten
from kali.sqlite import atomic, connect, guard
from tests.sqlite.conftest import answered

TABLES = """DROP TABLE IF EXISTS part, note, kali_form, other;
CREATE TABLE note (id SERIAL PRIMARY KEY, text TEXT UNIQUE);
CREATE TABLE part (note INTEGER REFERENCES note DEFERRABLE INITIALLY DEFERRED)"""


class Server:
    """A PostgreSQL server with its files in `folder`, run by a user other than root, which it refuses."""

    def __init__(self, programs, folder):
        self.programs, self.folder = programs, folder
        self.user = {}
        if hasattr(os, 'geteuid') and os.geteuid() == 0:
            os.chown(folder, 65534, 65534)
            self.user = {'user': 65534, 'group': 65534, 'extra_groups': []}
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            self.port = probe.getsockname()[1]
        subprocess.run([programs / 'initdb', '-D', folder / 'data', '-U', 'kali', '-A', 'trust', '-E', 'UTF8',
                        '--locale=C', '--no-sync'], check=True, capture_output=True, cwd=folder, **self.user)

    def start(self):
        """Return once it lets somebody in."""
        self.output = self.folder / 'output.txt'
        with self.output.open('ab') as output:
            self.process = subprocess.Popen(
                [self.programs / 'postgres', '-D', self.folder / 'data', '-p', str(self.port), '-F',
                 '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
                stdout=output, stderr=output, cwd=self.folder, **self.user)
        deadline = time.monotonic() + 20
        while True:
            try:
                return self.connect().close()
            except psycopg.OperationalError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f'PostgreSQL does not start:\n{self.output.read_text()}')
            time.sleep(0.02)

    def connect(self, **named):
        return psycopg.connect(host='127.0.0.1', port=self.port, user='kali', dbname='postgres', **named)

    def end(self, how=signal.SIGINT):
        """SIGINT ends it at once but properly, SIGQUIT as a crash does."""
        self.process.send_signal(how)
        self.process.wait(20)


@pytest.fixture(scope='module')
def postgres(postgres_programs):
    # Not in pytest's folder, which nobody else may enter.
    with tempfile.TemporaryDirectory(prefix='kali-postgres-') as folder:
        server = Server(postgres_programs, Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.end()


@pytest.fixture
def open_db(postgres):
    """Opens connections that are closed when the test is over."""
    with postgres.connect(autocommit=True) as setting_up:
        setting_up.execute(TABLES)
    opened = []

    def opening(**named):
        opened.append(postgres.connect(**named))
        return opened[-1]
    yield opening
    for connection in opened:
        connection.close()


@pytest.fixture(params=[True, False], ids=['autocommit', 'no autocommit'])
def db(request, open_db):
    return open_db(autocommit=request.param)


@pytest.fixture
def kept(open_db):
    """The rows that another connection sees."""
    other = open_db(autocommit=True)

    def read(sql='SELECT text FROM note ORDER BY id'):
        return [row[0] for row in other.execute(sql)]
    return read


def post(handler, target='/', **named):
    return answered(handler, Request('POST', target, **named))


def get(handler, target='/'):
    return answered(handler, Request('GET', target))


def text_of(response):
    return flatten(response.content).decode()


def add(connection, *texts):
    for text in texts:
        connection.execute('INSERT INTO note (text) VALUES (%s)', [text])


def at_rest(connection):
    """Nothing spans requests, and the connection is as it was given."""
    assert connection.info.transaction_status is psycopg.pq.TransactionStatus.IDLE
    assert (connection.isolation_level, connection.read_only) == (None, None)
    return True


def test_a_post_is_one_transaction(db, kept):
    def save(request):
        add(db, 'one')
        assert kept() == []

        def rows():
            add(db, 'lazy')
            yield from (row[0] for row in db.execute('SELECT text FROM note ORDER BY id'))
        return ['<p>', rows()]
    assert post(guard(save, db)).content == b'<p>onelazy'
    assert kept() == ['one', 'lazy']
    assert at_rest(db)


@pytest.mark.parametrize('status', [400, 422, 500])
def test_a_refusal_rolls_back(db, kept, status):
    def save(request):
        add(db, 'one')
        return Response('correct this', status=status)
    answer = post(guard(save, db))
    assert (answer.status, answer.content) == (status, b'correct this')
    assert kept() == []
    assert at_rest(db)


@pytest.mark.parametrize('error', [KeyError, SystemExit, KeyboardInterrupt])
def test_an_exception_rolls_back_and_goes_on(db, kept, error):
    def save(request):
        add(db, 'one')
        raise error
    with pytest.raises(error):
        post(guard(save, db))
    assert kept() == []
    assert at_rest(db)


def test_a_get_reads_one_state(db, kept, open_db):
    other = open_db(autocommit=True)

    def look(request):
        before = db.execute('SELECT count(*) FROM note').fetchone()[0]
        add(other, 'meanwhile')
        return before, db.execute('SELECT count(*) FROM note').fetchone()[0]
    assert get(guard(look, db)).content == b'00'
    assert kept() == ['meanwhile']
    assert at_rest(db)


def nested(db):
    with db.transaction():
        add(db, 'one')


WRITES = {'insert': lambda db: add(db, 'one'), 'ddl': lambda db: db.execute('CREATE TABLE other (a INTEGER)'),
          'with': lambda db: db.execute('WITH a AS (INSERT INTO note (text) VALUES (1) RETURNING 1) TABLE a'),
          'nested': nested}


@pytest.mark.parametrize('write', WRITES)
def test_a_get_may_not_write(db, kept, write):
    answer = get(guard(lambda request: WRITES[write](db), db))
    assert answer.status == 500
    assert 'A GET may not write' in text_of(answer)
    assert 'test_postgres.py, line ' in text_of(answer)
    assert kept() == kept("SELECT 1 FROM pg_tables WHERE tablename = 'other'") == []
    assert at_rest(db)


def test_a_get_that_leaves_its_transaction(db):
    answer = get(guard(lambda request: db.execute('COMMIT') and 'fine', db))
    assert answer.status == 500
    assert 'ended the transaction in which it could only read' in text_of(answer)
    assert at_rest(db)


def test_a_failed_statement_that_the_handler_passes_over(db, kept):
    def save(request):
        add(db, 'one')
        with suppress(psycopg.errors.UniqueViolation):
            add(db, 'one')
        if request.target == '/on':
            add(db, 'two')
        return 'Saved.'
    for target in ('/', '/on'):
        answer = post(guard(save, db), target)
        assert answer.status == 500
        assert 'A statement failed' in text_of(answer)
    assert kept() == []

    def carefully(request):
        add(db, 'one')
        with suppress(psycopg.errors.UniqueViolation), db.transaction():
            add(db, 'two', 'one')
        add(db, 'three')
    assert post(guard(carefully, db)).status == 200
    assert kept() == ['one', 'three']


ENDS = [['COMMIT'], ['ROLLBACK'], ['COMMIT', 'BEGIN'],
        ['ROLLBACK', 'BEGIN', "INSERT INTO note VALUES (9, '')"]]


@pytest.mark.parametrize('statements', ENDS)
def test_a_transaction_that_the_handler_ended(db, statements):
    def save(request):
        add(db, 'one')
        for statement in statements:
            db.execute(statement)
        return 'Saved.'
    answer = post(guard(save, db))
    assert answer.status == 500
    assert 'The handler ended the transaction of this request' in text_of(answer)
    assert 'Saved.' not in text_of(answer)
    assert at_rest(db)


@pytest.mark.parametrize('end', [psycopg.Connection.commit, psycopg.Connection.rollback])
def test_what_psycopg_itself_refuses(db, kept, end):
    def save(request):
        add(db, 'one')
        end(db)
        return 'Saved.'
    with pytest.raises(psycopg.ProgrammingError, match='forbidden within a Transaction'):
        post(guard(save, db))
    assert kept() == []
    assert at_rest(db)
    assert post(guard(lambda request: add(db, 'two'), db)).status == 200
    assert kept() == ['two']


def test_a_handler_that_closes_the_connection(db, kept):
    def save(request):
        add(db, 'one')
        db.close()
        return 'Saved.'
    app = guard(save, db)
    for answer in (post(app), get(app)):
        assert answer.status == 503
        assert 'is lost' in text_of(answer)
    assert kept() == []


def test_a_deferred_foreign_key(db, kept):
    def save(request):
        add(db, 'one')
        db.execute('INSERT INTO part VALUES (99)')
        return 'Saved.'
    answer = post(guard(save, db))
    assert answer.status == 409
    assert 'There is no such note any more' in text_of(answer)
    assert kept() == []
    assert at_rest(db)


def test_a_transaction_left_by_somebody_else(db, kept):
    app = guard(lambda request: 'fine', db)
    for method in (get, post):
        db.execute('BEGIN' if db.autocommit else 'SELECT 1')
        add(db, 'stray')
        answer = method(app)
        assert answer.status == 500
        assert 'A transaction was open' in text_of(answer)
        assert method(app).content == b'fine'
    assert kept() == []


class Form:
    """Saves what it is sent under a form id."""

    def __init__(self, connection, make=lambda request: Response.redirect('/saved')):
        self.connection, self.make, self.runs = connection, make, 0
        self.guarded = guard(self, connection)

    def __call__(self, request):
        earlier = request.scope.transaction.once(request.form['id'])
        if earlier is not None:
            return earlier
        self.runs += 1
        self.connection.execute('INSERT INTO note (text) VALUES (%s)', [f'note {self.runs}'])
        return self.make(request)

    def post(self, form_id):
        return answered(self.guarded, Request('POST', '/', form={'id': form_id}))


@pytest.mark.parametrize('make', [
    lambda request: Response.redirect('/contact/7'),
    lambda request: Response(b'\x00\xff', headers=[('X-Name', 'Zoë "\\'), ('Set-Cookie', 'a=1')])])
def test_a_form_is_saved_once(db, kept, make):
    form = Form(db, make)
    first = form.post("'?%s\\")
    for again in (form.post("'?%s\\"), form.post("'?%s\\")):
        assert (again.status, again.headers, again.content) == (first.status, first.headers, first.content)
    assert form.post('another').status == first.status
    assert kept() == ['note 1', 'note 2']


def test_a_form_that_fails_spends_nothing(db, kept):
    for make in (lambda request: Response('correct', status=422),
                 lambda request: db.execute('INSERT INTO part VALUES (99)') and None):
        form = Form(db, make)
        assert form.post('abc').status >= 400
        assert kept() == []
    form.make = lambda request: None
    assert form.post('abc').status == 200
    assert kept('SELECT id FROM kali_form') == ['abc']


def test_an_id_that_postgres_cannot_keep(db):
    with pytest.raises(BadRequest, match='cannot keep this form id'):
        Form(db).post('\0')
    assert at_rest(db)


def test_whatever_the_connection_makes_of_rows(open_db):
    form = Form(open_db(row_factory=dict_row, cursor_factory=psycopg.ClientCursor))
    assert form.post('abc').headers == form.post('abc').headers
    assert form.runs == 1


def test_old_ids_are_pruned(db, kept, monkeypatch):
    form = Form(db)
    now = 1_800_000_001
    monkeypatch.setattr('kali.sqlite.once.time.time', lambda: now)
    form.post('old')
    now += 32 * 24 * 3600
    now += -now % 64
    form.post('new')
    assert kept('SELECT id FROM kali_form') == ['new']


def test_the_same_form_at_the_same_time(db, open_db, kept):
    """Another process saves it while ours does: ours looks again, and gives the result of the other."""
    form, other = Form(db), Form(open_db(autocommit=True))
    form.post('first')  # so that there is the table
    other.runs = 5
    form.make = lambda request: str(other.post('abc').status)
    answer = form.post('abc')
    assert answer.status == 303
    assert answer.headers['location'] == '/saved'
    assert kept() == ['note 1', 'note 6']


def meeting(connection, other, meetings):
    """An application that counts and adds, while another process adds, for so many of its calls."""
    calls = []

    def handle(request):
        calls.append(request.target)
        count = connection.execute('SELECT count(*) FROM note').fetchone()[0]
        if len(calls) <= meetings:
            number = len(calls)
            post(guard(lambda request: [other.execute('SELECT count(*) FROM note').fetchone()
                                        and add(other, f'other {number}')], other))
        request.scope.transaction.after_commit(lambda: calls.append('after'))
        add(connection, f'{request.target} saw {count}')
        return 'Saved.'
    return guard(handle, connection), calls


@pytest.mark.parametrize('meetings', [0, 1, 4])
def test_one_that_met_others_is_run_anew(db, open_db, kept, meetings):
    """Each alone would be right; SERIALIZABLE notices that both are not. What follows is done once."""
    app, calls = meeting(db, open_db(autocommit=True), meetings)
    answer = post(app, '/mine')
    assert answer.status == 200
    assert kept() == [*(f'other {number + 1}' for number in range(meetings)), f'/mine saw {meetings}']
    assert calls == ['/mine'] * (meetings + 1) + ['after']


def test_one_that_meets_others_all_the_time_is_given_up(db, open_db, kept):
    app, calls = meeting(db, open_db(autocommit=True), 5)
    answer = post(app, '/mine')
    assert answer.status == 503
    assert 'Nothing was saved. Try again.' in text_of(answer)
    assert kept() == [f'other {number + 1}' for number in range(5)]
    assert calls == ['/mine'] * 5
    assert post(app, '/mine').status == 200


def test_what_is_taken_is_tried_twice_and_refused(db, kept):
    db.execute('CREATE UNIQUE INDEX one ON note (text)')
    db.commit()
    calls = []

    def handle(request):
        calls.append(1)
        add(db, 'same')
    app = guard(handle, db)
    assert [post(app).status, post(app).status] == [200, 409]
    assert len(calls) == 3
    assert kept() == ['same']


def test_a_level_of_ones_own_is_kept(open_db):
    db = open_db(autocommit=True)
    db.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
    app = guard(lambda request: db.execute('SHOW transaction_isolation').fetchone()[0], db)
    assert post(app).content == get(app).content == b'read committed'
    assert db.isolation_level is psycopg.IsolationLevel.READ_COMMITTED


@pytest.mark.parametrize('setting', ['lock_timeout', 'statement_timeout'])
def test_a_lock_that_stays(db, open_db, kept, setting):
    db.execute(f"SET {setting} = '50ms'")
    db.commit()
    app = guard(lambda request: [] if db.execute('LOCK TABLE note') else None, db)
    other = open_db()
    other.execute('LOCK TABLE note')
    answer = post(app)
    assert answer.status == 503
    assert 'holds a lock' in text_of(answer)
    other.rollback()
    assert post(app).status == 200


def test_the_server_is_killed_in_the_middle(db, postgres, kept):
    def save(request):
        add(db, 'one')
        postgres.end(signal.SIGQUIT)
        if request.target == '/more':
            add(db, 'two')
        return 'Saved.'
    app = guard(save, db)
    answers = [post(app, '/more'), post(app), get(app)]
    postgres.start()
    assert [answer.status for answer in answers] == [503] * 3
    assert all('start this program again' in text_of(answer) for answer in answers)
    with postgres.connect() as after:
        assert after.execute('SELECT * FROM note').fetchall() == []


def test_the_connection_is_cut_at_commit(db, kept):
    """By a trigger that runs there."""
    db.execute("""CREATE OR REPLACE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
        CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON note DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION cut()""")
    db.commit()
    answer = post(guard(lambda request: add(db, 'one'), db))
    assert answer.status == 503
    assert 'it is not known whether this was saved' in text_of(answer)


def test_each_step_of_a_stream_is_a_transaction(db, kept):
    def pieces():
        for text in ('one', 'two'):
            add(db, text)
            yield text
    stream = post(guard(lambda request: Response.stream(pieces()), db))
    for seen in (['one'], ['one', 'two']):
        assert stream.step() == seen[-1].encode()
        assert kept() == seen
        assert at_rest(db)
    stream.close()
    reading = get(guard(lambda request: Response.stream(pieces()), db))
    with pytest.raises(DatabaseError, match='A GET may not write'):
        reading.step()
    assert at_rest(db)


def test_a_future(db, kept):
    future = Future()
    answer = post(guard(lambda request: future, db))
    answer.step()
    assert at_rest(db)
    future.set_result(Response(add(db, 'one') for _ in 'x'))
    assert answer.step().status == 200
    assert kept() == ['one']


def test_beside_a_file(db, kept, tmp_path):
    notes = connect(tmp_path / 'notes.db')
    notes.execute('CREATE TABLE note (text)')

    def save(request):
        add(db, 'one')
        notes.execute("INSERT INTO note VALUES ('one')")
        return Response('', status=int(request.target[1:]))
    app = guard(save, notes, db)
    post(app, '/422')
    post(app, '/200')
    assert kept() == [row[0] for row in notes.execute('SELECT text FROM note')] == ['one']
    assert get(app, '/200').status == 500
    assert at_rest(db)
    notes.close()


@contextmanager
def asynchronous(postgres):
    async def opening():
        return await psycopg.AsyncConnection.connect(
            host='127.0.0.1', port=postgres.port, user='kali', dbname='postgres')
    with ThreadPoolExecutor(1) as thread:  # in this one, Playwright's loop may be running
        connection = thread.submit(asyncio.run, opening()).result()
        try:
            yield connection
        finally:
            thread.submit(asyncio.run, connection.close()).result()


def test_psycopg_is_not_imported_for_a_file():
    script = """import sys
from kali.sqlite import connect, guard
guard(str, connect(':memory:'))
sys.exit('psycopg' in sys.modules)"""
    subprocess.run([sys.executable, '-c', script], check=True)


def test_what_is_refused_at_once(postgres, open_db):
    db = open_db()
    with pytest.raises(ValueError, match='a transaction that was forgotten looks like one that only read'):
        guard(str, db, mode='check')
    with pytest.raises(ValueError, match='two connections to'):
        guard(str, db, db)
    with pytest.raises(TypeError, match=r'with connection.transaction\(\)'):
        atomic(db)
    with asynchronous(postgres) as wrong, pytest.raises(TypeError, match='AsyncConnection'):
        guard(str, wrong)
    db.execute('SELECT 1')
    with pytest.raises(ValueError, match='a transaction is open'):
        guard(str, db)
    db.close()
    with pytest.raises(ValueError, match='it is closed'):
        guard(str, db)
