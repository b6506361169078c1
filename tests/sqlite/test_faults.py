"""The fault table: what can go wrong with a file, each done to a real program, and what its user reads.

A save is either answered with success and on the disk, or answered with a sentence that says what
is wrong and what to do, and gone. Killed programs are in test_killed.py, interrupted backups in
test_backup.py.
"""

import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest

from kali.errors import DatabaseError
from kali.sqlite import atomic, backup, connect, copies, guard
from kali.sqlite.copies import backups, default_folder, make_backup
from kali.testing import Client

APP = """
import ctypes, os, struct, sys
from kali import DatabaseError, Response, Router, serve_http
from kali.sqlite import backup, connect, guard
if sys.platform == 'linux':  # root may write anywhere: give up all capabilities, and only then is it so
    ctypes.CDLL(None).capset(struct.pack('Ii', 0x20080522, 0), bytes(24))
try:
    db = connect(sys.argv[1], journal=sys.argv[2], busy_timeout=float(os.environ.get('BUSY', '5')))
    for sql in ['CREATE TABLE IF NOT EXISTS note (id INTEGER PRIMARY KEY, text UNIQUE)', *sys.argv[3:]]:
        db.execute(sql)
except DatabaseError as error:
    sys.exit(f'This program cannot start. {error}')
app = Router()
app.delegate('/backups', backup(db))

@app.get('/')
def all():
    rows = ' '.join(row[0] for row in db.execute('SELECT text FROM note ORDER BY id'))
    return f'<form method="post" action="/add"><input name="text"><button>Save</button></form><p>{rows}</p>'

@app.post('/add')
def add(text: str, times: int = 1):
    for number in range(times):
        db.execute('INSERT INTO note (text) VALUES (?)', [text + str(number) * (times > 1)])
    return Response.redirect('/')

@app.post('/clear')
def clear():
    db.execute('DELETE FROM note')
    return Response.redirect('/')

@app.post('/slow')
def slow():
    db.execute("INSERT INTO note (text) VALUES ('slow')")
    print('holding', flush=True)
    while not os.path.exists(sys.argv[1] + '.go'):
        pass
    return Response.redirect('/')

serve_http(guard(app, db))
"""
JOURNALS = pytest.mark.parametrize('journal', ['delete', 'wal'])


def notes(path, sql='SELECT text FROM note ORDER BY id'):
    db = sqlite3.connect(path)
    try:
        assert db.execute('PRAGMA integrity_check').fetchall() == [('ok',)]
        return [row[0] for row in db.execute(sql)]
    finally:
        db.close()


def told(reply):
    """The text of a page."""
    return unescape(re.sub('<.*?>', '', reply.text))


@pytest.fixture
def small_disk(tmp_path):
    """A disk of a megabyte; None where only root may mount one."""
    folder = tmp_path / 'disk'
    folder.mkdir()
    command = ['mount', '-t', 'tmpfs', '-o', 'size=1m', 'none', str(folder)]
    if not sys.platform.startswith('linux') or subprocess.run(command, capture_output=True).returncode:
        yield None
        return
    yield folder
    subprocess.run(['umount', '--lazy', str(folder)], check=True)


@JOURNALS
@pytest.mark.parametrize('limit', ['disk', 'pages'])
def test_a_full_disk(tmp_path, serve, small_disk, limit, journal):
    """A save of many rows that does not fit is not there at all; what was acknowledged is."""
    path, settings = tmp_path / 'test.db', ['PRAGMA max_page_count = 60']
    if limit == 'disk' and small_disk is not None:  # else the limit is SQLite's own, as in the other case
        path, settings = small_disk / 'test.db', []
    served, saved = serve(APP, str(path), journal, *settings, tracebacks=True), []
    for number in range(40):
        text = f'{number}' + 'x' * 900
        reply = served.post('/add', {'text': text, 'times': 20})
        if reply.status != 303:
            break
        saved += [f'{text}{each}' for each in range(20)]
    assert reply.status == 503
    assert f'There is no room left for the database {path}. Nothing was saved.' in told(reply)
    assert 0 < len(saved) < 800 and served.get('/').status == 200
    assert notes(path) == saved
    assert served.post('/clear', {}).status in (303, 503)  # to delete, there must be room for the journal
    served.end()
    if path.parent == small_disk:
        shutil.copytree(small_disk, tmp_path / 'roomy')  # as it was left
    if path.parent == small_disk:
        path = tmp_path / 'roomy' / path.name
    served = serve(APP, str(path), journal)
    assert served.post('/add', {'text': 'fits now'}).status == 303


@JOURNALS
@pytest.mark.parametrize('how', ['deleted', 'moved', 'replaced'])
def test_the_file_goes_away(tmp_path, serve, how, journal):
    path, elsewhere = tmp_path / 'test.db', tmp_path / 'elsewhere.db'
    served = serve(APP, str(path), journal, tracebacks=True)
    assert served.post('/add', {'text': 'before'}).status == 303
    if how == 'deleted':
        path.unlink()
    else:
        path.rename(elsewhere)
    if how == 'replaced':
        connect(path).close()
    reply = served.post('/add', {'text': 'lost'})
    assert reply.status == 500
    words = 'has been moved, deleted or replaced since this program opened it'
    if sys.version_info < (3, 11) and (how, journal) == ('replaced', 'delete'):
        words = 'another file has been put in its place'
    assert words in told(reply) and 'Nothing was saved' in told(reply) and str(path) in told(reply)
    if how != 'deleted':
        elsewhere.replace(path)
        assert served.post('/add', {'text': 'after'}).status == 303
    served.end()
    if how == 'deleted':
        # The program still held what was in it, and has kept that.
        kept = backups(path, default_folder(path))[-1]
        assert notes(kept.path) == ['before']
    else:
        assert notes(path) == ['before', 'after']


@pytest.mark.browser
def test_what_was_typed_is_not_lost(tmp_path, serve, page):
    """After a save that failed, Back brings the form with what was typed, and it can be sent again."""
    path, elsewhere = tmp_path / 'test.db', tmp_path / 'elsewhere.db'
    served = serve(APP, str(path), 'wal', tracebacks=True)
    page.goto(served.url + '/')
    page.fill('input', 'a long letter')
    path.rename(elsewhere)
    page.click('button')
    assert 'Nothing was saved' in page.inner_text('main')
    elsewhere.rename(path)
    page.go_back()
    assert page.input_value('input') == 'a long letter'
    page.click('button')
    assert 'a long letter' in page.inner_text('p')


def test_a_file_that_comes_anew_where_there_are_backups(tmp_path, path, caplog):
    make_backup(path, default_folder(path))
    path.unlink()
    db = connect(path)
    with backup(db):
        pass
    db.close()
    assert 'begins empty, though there are backups of it' in caplog.text
    assert f'restore "{path}"' in caplog.text


def refused_at_start(*arguments):
    ended = subprocess.run([sys.executable, '-c', APP, *arguments], capture_output=True, text=True,
                           timeout=60)
    assert ended.returncode == 1 and 'Traceback' not in ended.stderr, ended.stderr
    return ended.stderr


@pytest.fixture
def folder(tmp_path):
    """A folder that may be write-protected."""
    folder = tmp_path / 'folder'
    folder.mkdir()
    yield folder
    folder.chmod(0o755)


@JOURNALS
@pytest.mark.parametrize('what', ['file', 'folder'])
def test_read_only_at_start(folder, what, journal):
    path = folder / 'test.db'
    db = connect(path, journal=journal)
    db.execute('CREATE TABLE note (text)')
    db.close()
    (path if what == 'file' else folder).chmod(0o444 if what == 'file' else 0o555)
    words = refused_at_start(str(path), journal)
    assert re.search(r'This program cannot start\. The database \S+test\.db can(not be opened| only be read)',
                     words), words


def test_a_folder_that_becomes_read_only(folder, serve):
    path = folder / 'test.db'
    served = serve(APP, str(path), 'delete', tracebacks=True)
    assert served.post('/add', {'text': 'before'}).status == 303
    folder.chmod(0o555)
    reply = served.post('/add', {'text': 'not'})
    assert reply.status == 500
    assert re.search('its file or folder is write-protected .* Nothing was saved', told(reply))
    folder.chmod(0o755)
    assert served.post('/add', {'text': 'after'}).status == 303
    served.end()
    assert notes(path) == ['before', 'after']


def spoil(path, pages=None):
    """The last pages; all but the first, which holds the schema, unless told how many."""
    size = path.stat().st_size
    begin = 4096 if pages is None else size - 4096 * pages
    with path.open('r+b') as file:
        file.seek(begin)
        file.write(b'\xff' * (size - begin))


def test_a_corrupted_page_at_start(tmp_path, serve):
    """The program does not start; the command that it names restores the last good backup."""
    path = tmp_path / 'a folder' / 'test.db'
    served = serve(APP, str(path), 'delete')
    served.post('/add', {'text': 'a' * 9000})
    served.end()
    (good,) = backups(path, default_folder(path))[-1:]
    good.path.with_name('test 00099 2026-01-01 000000.db').write_bytes(b'spoilt too')
    spoil(path)
    words = refused_at_start(str(path), 'delete')
    assert f'The database {path} is damaged (' in words
    command = shlex.split(words.partition('end the program and run: python ')[2].partition(' (with')[0])
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and 'What was there is kept as' in done.stdout, done
    assert f'{good.path} has been restored.' in done.stdout
    served = serve(APP, str(path), 'delete')
    assert 'a' * 9000 in served.get('/').text


def test_a_corrupted_page_met_by_a_request(tmp_path, serve):
    path = tmp_path / 'test.db'
    served = serve(APP, str(path), 'delete', 'PRAGMA cache_size = 1', tracebacks=True)
    served.post('/add', {'text': 'a' * 900, 'times': 100})
    spoil(path)
    with sqlite3.connect(path) as other:  # so that the program looks at the file again
        other.execute('PRAGMA user_version = 1')
    other.close()
    reply = served.get('/')
    assert reply.status == 500
    assert f'The database {path} is damaged. ' in told(reply)
    assert f'python -m kali.sqlite restore "{path}"' in told(reply)


def test_a_corrupted_page_found_by_a_backup(path, db, caplog):
    """From then on nothing is saved into the damaged file, and the user reads which backup is good."""
    db.execute('PRAGMA cache_size = 1')  # or the copy would be made of the good pages that it remembers
    db.execute('BEGIN')
    db.executemany('INSERT INTO note (text) VALUES (?)', [(f'{n}' + 'x' * 900,) for n in range(100)])
    db.execute('COMMIT')
    kept = backup(db)
    kept._run(0)
    (good,) = backups(path, kept.folder)

    def add(request):
        db.execute("INSERT INTO part VALUES (NULL)")
        return 'Saved.'
    client = Client(guard(add, db))
    assert client.post('/').status == 200
    spoil(path, pages=1)
    kept._run(0)
    assert backups(path, kept.folder) == [good]
    reply = client.post('/')
    assert reply.status == 500 and 'Saved.' not in reply.text
    assert 'is damaged (' in told(reply) and f'The last good backup is {good.path}' in told(reply)
    assert 'is damaged' in caplog.text and 'is damaged' in told(Client(kept).get('/'))


def test_a_bad_disk_for_backups_is_told_from_a_bad_database(path, db, monkeypatch):
    monkeypatch.setattr(copies, 'problems', lambda file, prepare: ['spoilt'])
    with pytest.raises(DatabaseError, match='The database itself is in order') as caught:
        make_backup(path, default_folder(path))
    assert not isinstance(caught.value, copies.Damaged)


def test_rows_that_a_check_refuses_are_no_damage(path, open_db):
    db = open_db(path)
    db.execute('CREATE TABLE strict (a CHECK (a > 0), b NOT NULL)')
    db.execute('PRAGMA ignore_check_constraints = ON')
    db.execute('INSERT INTO strict VALUES (-1, 1)')
    db.close()
    open_db(path)
    assert make_backup(path, default_folder(path))


@JOURNALS
def test_two_programs_on_one_file(tmp_path, serve, eventually, journal):
    """The second one gets the name of the program that holds the file; nothing of it is saved."""
    path = tmp_path / 'test.db'
    first, second = [serve(APP, str(path), journal, env={'BUSY': '0.3'}, tracebacks=True) for _ in 'ab']
    import threading
    replies = []
    waiting = threading.Thread(target=lambda: replies.append(first.post('/slow', {})))
    waiting.start()
    eventually(lambda: 'holding' in first.output())
    reply = second.post('/add', {'text': 'second'})
    assert reply.status == 503
    assert f'The database {path} is in use by ' in told(reply) and 'Try again in a moment' in told(reply)
    if sys.platform.startswith('linux'):
        assert re.search(rf'another program, python[\w.]* \(process {first.process.pid}\)', told(reply))
    Path(f'{path}.go').write_text('')
    waiting.join()
    assert [each.status for each in replies] == [303]
    assert second.post('/add', {'text': 'second'}).status == 303
    assert notes(path) == ['slow', 'second']


def test_a_clock_that_is_set_back(path, db, monkeypatch):
    """A form still saves once: the clock says which ids are old, but never one that was just spent."""
    import time

    from kali.http.request import Request
    from kali.sqlite import once
    now = [time.time()]

    def add(request):
        if request.scope.transaction.once(request.form['id']) is None:
            db.execute('INSERT INTO note (text) VALUES (?)', [request.form['id']])
        return 'Saved.'
    app = guard(add, db)
    monkeypatch.setattr(once.time, 'time', lambda: now[0])
    for number, day in enumerate((0, 400, -400, -3000)):
        now[0] += day * 86400
        for _ in range(2):
            assert app(Request('POST', '/', form={'id': f'form{number}'})).status == 200
    assert notes(path) == ['form0', 'form1', 'form2', 'form3']


def test_the_page_of_promises_names_tests_that_exist():
    page = Path(copies.__file__).with_name('PROMISES.md').read_text(encoding='utf-8')
    here, file, named = Path(__file__).parent, '', 0
    for code in re.findall('`([^`]+)`', page):
        found = re.fullmatch(r'(?:(test_\w+\.py)(?:::)?)?(test_\w+)?(\*)?', code)
        if code.startswith('test_') and found:
            file, named = found[1] or file, named + 1
            assert f'def {found[2] or "test_"}' in (here / file).read_text(encoding='utf-8'), code
    assert named > 10


def test_the_file_goes_away_outside_of_a_request(tmp_path):
    path = tmp_path / 'test.db'
    db = connect(path, journal='wal')
    db.execute('CREATE TABLE note (text)')
    path.rename(tmp_path / 'elsewhere.db')
    with pytest.raises(DatabaseError, match='has been moved, deleted or replaced'), atomic(db):
        db.execute("INSERT INTO note VALUES ('lost')")
    assert not db.in_transaction
    db.close()
