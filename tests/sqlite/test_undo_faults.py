"""undo, when something comes in between: other programs, requests that fail, changes of the schema, backups
that are restored, mistakes of the program; and when it is killed."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading

import pytest

from kali import NotFound, Response, Router
from kali.errors import DatabaseError
from kali.http.deferred import Deferred
from kali.http.request import Request
from kali.sqlite import connect, guard, undo
from kali.testing import Client

NOTES = 'CREATE TABLE IF NOT EXISTS note (id INTEGER PRIMARY KEY, text)'


def open_notes(path, **named):
    db = connect(path, busy_timeout=0.05)
    db.execute(NOTES)
    return db, undo(db, ['note'], **named)


@pytest.fixture(params=[False, True], ids=['temporary', 'persistent'])
def made(tmp_path, request):
    db, history = open_notes(tmp_path / 'test.db', persistent=request.param)
    yield db, history
    db.close()


def add(db, history, text):
    with history.step(f'Add {text}'):
        db.execute('INSERT INTO note (text) VALUES (?)', [text])


def texts(db):
    return [row[0] for row in db.execute('SELECT text FROM note ORDER BY id')]


def write_from_elsewhere(db, sql="INSERT INTO note (text) VALUES ('theirs')"):
    other = sqlite3.connect(db.path, isolation_level=None)
    other.execute(sql)
    other.close()


def failing(db, history, sql='SELECT 1'):
    def handle(request):
        db.execute(sql)
        return Response('no', status=422)
    return guard(history.wrap(handle), db)


def test_what_has_ended_stays_so_when_the_next_request_fails(made):
    db, history = made
    add(db, history, 'mine')
    write_from_elsewhere(db)
    assert history.titles() == (None, None)
    assert 'cannot be undone' in history.notice and history.notice in history.buttons('/')  # at once
    assert Client(failing(db, history)).post('/').status == 422
    assert history.undo() is None and history.notice
    assert texts(db) == ['mine', 'theirs']


@pytest.mark.parametrize('sql', [
    'DROP TABLE note', 'ALTER TABLE note ADD COLUMN more', 'DROP TABLE kali_form'])
def test_a_change_of_the_schema_that_is_rolled_back_ends_nothing(made, sql):
    db, history = made
    add(db, history, 'a')
    assert Client(failing(db, history, sql)).post('/').status == 422
    assert history.titles() == ('Add a', None) and history.notice == ''
    add(db, history, 'b')
    assert [history.undo(), history.undo(), history.redo()] == ['Add b', 'Add a', 'Add a']
    assert texts(db) == ['a']


def test_an_empty_history_ends_without_a_word(made):
    db, history = made
    write_from_elsewhere(db)
    assert history.notice == ''
    add(db, history, 'mine')
    assert history.notice == '' and history.undo() == 'Add mine'


@pytest.mark.parametrize('sql', ['DROP TABLE note', 'DROP TABLE kali_form'])
def test_another_program_drops_a_table(made, sql):
    db, history = made
    add(db, history, 'a')
    write_from_elsewhere(db, sql)
    assert history.undo() is None and history.notice
    write_from_elsewhere(db, NOTES)
    add(db, history, 'b')
    assert history.undo() == 'Add b' and 'b' not in texts(db)


def test_two_programs_with_the_same_persistent_history(tmp_path):
    db, history = open_notes(tmp_path / 'test.db', persistent=True)
    add(db, history, 'a')
    db2, history2 = open_notes(tmp_path / 'test.db', persistent=True)
    assert history2.titles() == ('Add a', None)
    assert history.titles() == (None, None)  # the second has begun to write to it
    add(db2, history2, 'b')
    assert history.undo() is None
    add(db, history, 'c')
    assert history2.undo() is None and history2.notice
    assert texts(db) == ['a', 'b', 'c']
    assert history.undo() is None
    db.close()
    db2.close()


def test_rows_changed_while_the_program_did_not_run(tmp_path):
    for sql in ('DELETE FROM note', "UPDATE note SET id = 7", "INSERT INTO note VALUES (2, 'theirs')"):
        db, history = open_notes(tmp_path / 'test.db', persistent=True)
        add(db, history, 'a')
        if sql.startswith('INSERT'):
            add(db, history, 'b')
            with history.step('Delete b'):
                db.execute("DELETE FROM note WHERE text = 'b'")
        db.close()
        write_from_elsewhere(db, sql)
        db, history = open_notes(tmp_path / 'test.db', persistent=True)
        before = texts(db)
        assert history.undo() is None and 'cannot be undone' in history.notice
        assert texts(db) == before
        db.execute('DELETE FROM note')
        db.close()


def test_a_backup_from_before_is_restored(made, tmp_path):
    db, history = made
    early = sqlite3.connect(tmp_path / 'early.db')
    early.execute(NOTES)
    add(db, history, 'a')
    early.backup(db)
    early.close()
    assert history.titles() == (None, None) and history.notice
    assert history.undo() is None
    add(db, history, 'b')
    assert history.undo() == 'Add b' and texts(db) == []


def test_a_row_that_only_seems_to_lose_its_parent(tmp_path):
    """The parent changes its key, and another row takes the old one: undone, the latter is deleted first, and
    ON DELETE takes with it what was never touched."""
    db = connect(tmp_path / 'test.db')
    db.executescript("""CREATE TABLE parent (code UNIQUE);
        CREATE TABLE child (code REFERENCES parent (code) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED);
        INSERT INTO parent VALUES ('a'); INSERT INTO child VALUES ('a');""")
    history = undo(db, ['parent', 'child'])
    with history.step('exchange'):
        db.execute("UPDATE parent SET code = 'b'")
        db.execute("INSERT INTO parent VALUES ('a')")
    for _ in range(3):
        assert history.undo()
        assert [*map(tuple, db.execute('SELECT rowid, code FROM parent'))] == [(1, 'a')]
        assert [*map(tuple, db.execute('SELECT rowid, code FROM child'))] == [(1, 'a')]
        assert history.redo()
        assert [*map(tuple, db.execute('SELECT rowid, code FROM parent'))] == [(1, 'b'), (2, 'a')]
        assert [*map(tuple, db.execute('SELECT rowid, code FROM child'))] == [(1, 'a')]
    db.close()


def test_on_delete_restrict_restricts_no_undo(tmp_path):
    db = connect(tmp_path / 'test.db')
    db.executescript("""CREATE TABLE parent (id INTEGER PRIMARY KEY);
        CREATE TABLE child (id REFERENCES parent ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED);""")
    history = undo(db, ['parent', 'child'])
    with history.step('the wrong way round'):
        db.execute('INSERT INTO child VALUES (1)')
        db.execute('INSERT INTO parent VALUES (1)')
    for rows in (0, 1, 0):
        assert history.redo() if rows else history.undo()
        assert db.execute('SELECT count(*) FROM child').fetchone()[0] == rows
    db.close()


def test_mistakes_of_a_program_are_told(made):
    db, history = made
    with pytest.raises(ValueError, match='has a history already'):
        undo(db, ['note'])
    for handler in (history.wrap(lambda request: 'fine'), history.wrap(guard(lambda request: 'fine', db))):
        assert handler(Request('GET')) == 'fine' or handler(Request('GET')).status == 200
        with pytest.raises(DatabaseError, match=r'guard\(history.wrap\(handler\), connection\)'):
            handler(Request('POST'))
    db.execute('CREATE TABLE picture (note REFERENCES NOTE)')
    other = connect(db.path)
    for names in (['note'], ['picture']):
        with pytest.raises(ValueError, match='the table picture refers to note; name both or neither'):
            undo(other, names)
    other.close()


def test_a_mode_that_has_no_undo(tmp_path):
    db = connect(tmp_path / 'test.db', isolation_level='DEFERRED')
    db.execute(NOTES)
    history = undo(db, ['note'])
    app = Client(guard(history.wrap(lambda request: 'fine'), db, mode='check'))
    assert app.get('/').status == 200
    reply = app.post('/')
    assert reply.status == 500 and 'leave its mode at &quot;commit&quot;' in reply.text.replace('"', '&quot;')
    assert history.titles() == (None, None)
    db.close()


def test_a_get_that_writes_leaves_no_step(made):
    db, history = made
    reply = Client(guard(history.wrap(lambda request: db.execute('DELETE FROM note')), db)).get('/')
    assert reply.status == 500 and history.titles() == (None, None)


def test_a_trigger_that_calls_itself(made):
    db, history = made
    db.execute("CREATE TRIGGER stamp AFTER UPDATE ON note BEGIN UPDATE note SET text = 'now'; END")
    add(db, history, 'a')
    app = Client(guard(history.wrap(lambda request: db.execute('UPDATE note SET text = 1').rowcount), db))
    reply = app.post('/')
    assert reply.status == 500 and 'WHEN old.changed IS new.changed' in reply.text
    assert history.titles() == ('Add a', None) and texts(db) == ['a']


def test_a_temporary_trigger_cannot_be_switched_off(made):
    db, history = made
    add(db, history, 'a')
    db.execute('CREATE TEMP TRIGGER mine AFTER DELETE ON note BEGIN SELECT 1; END')
    with pytest.raises(DatabaseError, match='the temporary trigger mine on the table note'):
        history.undo()
    assert texts(db) == ['a']


def test_what_the_next_page_says(made):
    db, history = made
    router = Router()
    router.delegate('/undo', history)

    @router.function('/note/')
    def notes():
        return history.buttons('/undo')

    @router.function('/note/*')
    def note(number: int, *, notice: str = ''):
        if not db.execute('SELECT 1 FROM note WHERE id = ?', [number]).fetchone():
            raise NotFound('gone')
        return history.buttons('/undo'), notice
    app = Client(guard(history.wrap(router), db))

    def step():
        return app.get('/note/').text.partition('name="step" value="')[2].partition('"')[0]

    def press(do, at, step):
        return app.post('/undo', form={'do': do, 'step': step}, follow=True,
                        headers={'Referer': f'http://localhost:8080{at}'})
    add(db, history, 'a & b')
    first = step()
    assert 'Saved' in app.get('/note/1?notice=Saved').text
    page = press('undo', '/note/1?notice=Saved', first).text  # that page is not there any more: the one above
    assert '<p role="status">Undone: Add a &amp; b</p>' in page and 'title="Redo: Add a &amp; b"' in page
    assert 'role="status"' not in app.get('/note/').text  # it is said once
    assert app.get('/note/1').status == 404  # asked for at another time, it is a 404
    assert 'Undone: Add a &amp; b' in press('undo', '/note/', first).text  # pressed twice: said again
    assert 'out of date' in press('redo', '/note/', first).text
    page = press('redo', '/note/?notice=Saved', step())
    assert 'Redone: Add a &amp; b' in page.text and app.get('/note/1').status == 200
    with history.step('x' * 300 + '\n y'):
        db.execute("UPDATE note SET text = 'b'")
    assert len(history.titles()[0]) == 100 and history.titles()[0].endswith('x…')


def test_a_button_from_before_a_restart_does_nothing(tmp_path):
    steps = []
    for text in ('a', 'b'):
        db, history = open_notes(tmp_path / 'test.db')
        add(db, history, text)
        steps.append(history.buttons('/').partition('name="step" value="')[2].partition('"')[0])
        app = guard(history.wrap(history), db)
        app(Request('POST', '/', form={'do': 'undo', 'step': steps[0]}))
        db.close()
    db, history = open_notes(tmp_path / 'test.db')
    assert texts(db) == ['b']
    db.close()


def test_many_big_steps_leave_room(made, monkeypatch):
    db, history = made
    module = sys.modules['kali.sqlite.undo']
    monkeypatch.setattr(module, 'SIZE_LIMIT', 100_000)
    add(db, history, 'small')
    for number in range(20):
        with history.step(f'step {number}'):
            db.execute('UPDATE note SET text = ?', ['x' * 30_000])
        size = db.execute('SELECT sum(length(v1)) FROM kali_undo_log').fetchone()[0] or 0
        assert size < 130_000
    with history.step('huge'):
        db.execute('UPDATE note SET text = ?', ['y' * 500_000])
    with history.step('the end'):
        db.execute('DELETE FROM note')
    assert history.undo() == 'the end'  # however big, the last one can be undone
    assert len(texts(db)[0]) == 500_000 and history.undo() is None


UNDOER = """
import random, sys
from kali.sqlite import connect, undo
db = connect(sys.argv[1], journal=sys.argv[3])
db.executescript('''CREATE TABLE IF NOT EXISTS part (number INTEGER PRIMARY KEY, filling);
    CREATE TABLE IF NOT EXISTS row (number REFERENCES part ON DELETE CASCADE, filling);
    CREATE TABLE IF NOT EXISTS total (rows);
    CREATE TRIGGER IF NOT EXISTS counts AFTER INSERT ON row BEGIN UPDATE total SET rows = rows + 1; END;
    CREATE TRIGGER IF NOT EXISTS uncounts AFTER DELETE ON row BEGIN UPDATE total SET rows = rows - 1; END''')
if not db.execute('SELECT * FROM total').fetchall():
    db.execute('INSERT INTO total VALUES (0)')
history = undo(db, ['part', 'row', 'total'], persistent=True)
if history.titles() == (None, None):
    for number in range(6):
        with history.step(str(number)):
            db.execute('INSERT INTO part VALUES (?, ?)', (number, 'x' * 900))
            for _ in range(7):
                db.execute('INSERT INTO row VALUES (?, ?)', (number, 'y' * 900))
    with history.step('6'):
        db.execute('DELETE FROM part')
print('begun', flush=True)
chance = random.Random(sys.argv[2])
while True:
    for _ in range(chance.randrange(9)):
        history.undo()
    for _ in range(chance.randrange(9)):
        history.redo()
"""


@pytest.mark.slow
@pytest.mark.parametrize('journal', ['delete', 'wal'])
def test_killed_while_it_undoes(tmp_path, journal):
    """Whenever the process ends: the file is sound, a step is done or undone as a whole, and the history says
    which, and goes on from there."""
    path, chance = tmp_path / 'test.db', random.Random(journal)
    for number in range(30):
        with subprocess.Popen([sys.executable, '-c', UNDOER, str(path), str(number), journal],
                              stdout=subprocess.PIPE) as process:
            assert process.stdout.readline() == b'begun\n'
            threading.Event().wait(chance.random() * 0.06)  # to strike at any point
            os.kill(process.pid, signal.SIGKILL)
        db = connect(path, journal=journal)
        assert db.execute('PRAGMA integrity_check').fetchone()[0] == 'ok'
        history = undo(db, ['part', 'row', 'total'], persistent=True)
        assert history.notice == ''

        def check(db, steps):
            parts = 0 if steps == 7 else steps
            assert db.execute('SELECT count(*) FROM part').fetchone()[0] == parts
            assert [row[0] for row in db.execute('SELECT count(*) FROM row GROUP BY number')] == [7] * parts
            assert db.execute('SELECT rows FROM total').fetchone()[0] == 7 * parts
            triggers = db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY rowid")
            assert [row[0] for row in triggers] == ['counts', 'uncounts']
        done = 0 if history.titles()[0] is None else int(history.titles()[0]) + 1
        check(db, done)
        for steps in reversed(range(done)):
            assert history.undo() == str(steps)
            check(db, steps)
        for steps in range(7):
            assert history.redo() == str(steps)
            check(db, steps + 1)
        db.close()


@pytest.mark.parametrize('kind', ['pieces', 'stream'])
def test_what_later_steps_of_an_answer_write_belongs_to_its_step_and_has_its_title(made, kind):
    """Each step of an answer has a transaction of its own; all are undone together."""
    db, history = made

    def handle(request):
        def pieces():
            for text in 'abc':
                db.execute('INSERT INTO note (text) VALUES (?)', [text])
                request.scope.transaction.title = f'Add {text}'
                yield text.encode()
        if kind == 'stream':
            return Response.stream(pieces())
        left = pieces()
        db.execute("INSERT INTO note (text) VALUES ('first')")
        request.scope.transaction.title = 'Add first'
        return Deferred(lambda: next(left, None), Response(None))
    add(db, history, 'before')
    with Client(guard(history.wrap(handle), db)) as client:
        assert client.post('/').status == 200
    everything = ['before', *['first'] * (kind == 'pieces'), 'a', 'b', 'c']
    assert texts(db) == everything
    assert history.undo() == 'Add c' and texts(db) == ['before']
    assert history.redo() == 'Add c' and texts(db) == everything
    assert history.notice == ''
