"""backup: copies that are whole or not there, made while requests go on; and how one is restored."""

import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from kali.errors import DatabaseError
from kali.http.request import Request
from kali.http.response import Response
from kali.sqlite import backup, copies, guard
from kali.sqlite.__main__ import main
from kali.sqlite.copies import Backup, backups, default_folder, make_backup, outdated
from kali.sqlite.integrity import expect_good, problems
from kali.sqlite.restore import restore, restore_file
from kali.testing import Client


def add(db, text):
    db.execute('INSERT INTO note (text) VALUES (?)', [text])


def made(path):
    return [each.path for each in backups(path, default_folder(path))]


class Host:
    """What a server is to long-lived parts; here time passes when told to."""

    def __init__(self):
        self.calls = []

    def at(self, when, function):
        self.calls.append((when, function))

    def pass_time(self):
        calls, self.calls = self.calls, []
        for _, function in calls:
            function()


@pytest.fixture
def running(db):
    """A backup as a server runs it, and the server."""
    kept = backup(db, every=5)
    kept.host = Host()
    return kept


def finish(kept):
    kept._thread.join()
    return made(kept.file)


def test_at_start_while_writing_and_at_the_end(db, path, running, on_disk):
    add(db, 'a')
    with running:
        assert len(finish(running)) == 1
        running.host.pass_time()
        assert len(finish(running)) == 1  # nothing was written
        other = sqlite3.connect(path)  # another program
        other.execute('CREATE TABLE other (text)')
        other.close()
        running.host.pass_time()
        assert len(finish(running)) == 2
        finish(running)[-1].unlink()
        add(db, 'b')
        running.host.pass_time()
        assert len(finish(running)) == 2
        add(db, 'c')
    assert [on_disk(each) for each in made(path)] == [['a'], ['a', 'b'], ['a', 'b', 'c']]
    with running:  # as it was: no further copy
        pass
    assert len(finish(running)) == 3


def test_not_more_than_one_at_a_time(db, running, monkeypatch):
    go, begun = threading.Event(), []

    def slow(*arguments, **named):
        begun.append(1)
        go.wait()
        return Path('done')
    monkeypatch.setattr(sys.modules['kali.sqlite.backup'], 'make_backup', slow)
    running.__enter__()
    add(db, 'a')
    running.host.pass_time()
    assert len(begun) == 1
    go.set()
    running._thread.join()
    running.host.pass_time()
    running._thread.join()
    assert len(begun) == 2


@pytest.mark.parametrize('journal', ['delete', 'wal'])
def test_requests_go_on_meanwhile(path, open_db, journal):
    """A copy takes over what is saved while it is made, and shows each save whole or not at all."""
    db = open_db(path, journal=journal, busy_timeout=0.05)
    with_filling = [(f'{number}' + 'x' * 900,) for number in range(8000)]
    db.execute('BEGIN')
    db.executemany('INSERT INTO note (text) VALUES (?)', with_filling)
    db.execute('COMMIT')
    number, saves = 0, 0

    def save(request):
        for _ in range(3):
            db.execute('INSERT INTO part VALUES (?)', (number,))
        db.execute('UPDATE note SET text = ? WHERE id = 1', (f'saved {number}',))
        return Response('no', status=400 if number == 4 else 200)
    app, kept = guard(save, db), backup(db)
    db.execute('INSERT INTO note (id, text) VALUES (?, ?)', (-1, 'parent'))
    db.execute('PRAGMA foreign_keys = OFF')
    kept.__enter__()
    while kept._thread.is_alive() and number < 5000:
        saves += app(Request('POST')).status == 200
        number += 1
    kept._thread.join(20)
    assert saves > 5
    (copy,) = made(path)
    with sqlite3.connect(copy) as looked:
        parts = looked.execute('SELECT note, count(*) FROM part GROUP BY note ORDER BY note').fetchall()
        last = looked.execute('SELECT text FROM note WHERE id = 1').fetchone()[0]
    looked.close()
    assert {count for _, count in parts} <= {3}
    assert not parts or last == f'saved {parts[-1][0]}'
    assert 4 not in [each for each, _ in parts]


def test_what_is_not_finished_is_done_at_the_next_start(db, path, running, monkeypatch):
    monkeypatch.setattr(sys.modules['kali.sqlite.backup'], 'EXIT_SECONDS', -1)
    add(db, 'a')
    running._until = 0
    with pytest.raises(copies.Interrupted):
        make_backup(path, running.folder, go_on=running._go_on)
    running.__exit__(None, None, None)
    running._thread.join()
    assert not list(running.folder.glob('test*'))
    with running:
        assert len(finish(running)) == 1


def test_a_failure_is_logged_and_nothing_else(db, running, caplog):
    running.folder.write_text('in the way')
    with running:
        pass
    running._thread.join()
    assert 'cannot be written to' in caplog.text and 'Traceback' not in caplog.text


COPIER = """
import sys
from kali.sqlite import backup, connect
db = connect(sys.argv[1], journal=sys.argv[2])
with backup(db) as kept:
    print('begun', flush=True)
    while True:
        db.execute("INSERT INTO note (text) VALUES (random() || 'x')")
        kept._begin(0)
"""


@pytest.mark.slow
@pytest.mark.parametrize('journal', ['delete', 'wal'])
def test_interrupted_at_any_point(path, open_db, journal):
    """The live file stays whole, a file with the name of a backup is always a good one, and the next start
    clears away what is left and makes the backup."""
    chance, leftovers = random.Random(7), 0
    db = open_db(path, journal=journal)
    db.execute('BEGIN')
    db.executemany('INSERT INTO note (text) VALUES (?)', [(f'{n}' + 'x' * 900,) for n in range(2000)])
    db.execute('COMMIT')
    db.close()
    for _ in range(14):
        with subprocess.Popen([sys.executable, '-c', COPIER, str(path), journal],
                              stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            threading.Event().wait(chance.random() * 0.1)  # to strike at any point
            process.kill()
        assert [problems(each) for each in made(path)] == [[]] * len(made(path))
        leftovers += bool(list(default_folder(path).glob('*.part')))
        with sqlite3.connect(path) as looked:
            assert looked.execute('PRAGMA integrity_check').fetchall() == [('ok',)]
        looked.close()
    assert leftovers > 3  # it was interrupted
    db = open_db(path, journal=journal)
    with backup(db):
        pass
    assert not list(default_folder(path).glob('*.part*'))
    with sqlite3.connect(made(path)[-1]) as looked:
        kept = looked.execute('SELECT count(*) FROM note').fetchone()
    looked.close()
    assert kept == tuple(db.execute('SELECT count(*) FROM note').fetchone())
    assert len(made(path)) <= copies.LAST + 2  # they are of one day


@pytest.mark.parametrize('name', [
    pytest.param('a [b] *?.db', marks=pytest.mark.posix('no name has these in Windows')), 'a [b].db',
    'naïve 100% #1.db', 'no suffix', '.hidden', 'two.dots.db'])
def test_any_name(tmp_path, open_db, name):
    path = tmp_path / 'folder [x]' / name
    db = open_db(path)
    db.execute('CREATE TABLE note (text)')
    folder = default_folder(path)
    first = make_backup(path, folder)
    (folder / f'{first.name}.part').write_text('left over')
    (folder / f'{path.stem} 2 00001 2026-01-01 000000{path.suffix}.part').write_text('of another database')
    db.execute('CREATE TABLE other (text)')
    second = make_backup(path, folder)
    assert [each.path for each in backups(path, folder)] == [first, second]
    assert len(list(folder.iterdir())) == 2 + 1 + 1  # and the lock


def test_a_backup_of_a_database_in_wal_mode_is_one_file(path, open_db):
    """It can be looked at where nothing can be written, and leaves nothing beside it."""
    db = open_db(path, journal='wal')
    add(db, 'in the wal')
    copy = make_backup(path, default_folder(path))
    looked = sqlite3.connect(f'{copy.as_uri()}?mode=ro', uri=True)
    assert looked.execute('SELECT text FROM note').fetchall() == [('in the wal',)]
    assert looked.execute('PRAGMA journal_mode').fetchall() == [('delete',)]
    assert not list(copy.parent.glob('*-wal'))
    looked.close()


def test_an_unchanged_file_is_not_copied(path, db, monkeypatch):
    """Not even to find that out; but a backup is not taken for up to date by mistake."""
    add(db, 'a')
    copied = []
    copy = copies._copy
    monkeypatch.setattr(copies, '_copy', lambda *arguments: copied.append(1) or copy(*arguments))
    monkeypatch.setattr(copies, '_QUIET', -100.0)
    first = make_backup(path, default_folder(path))
    assert make_backup(path, default_folder(path)) == first and len(copied) == 1
    add(db, 'b')
    assert make_backup(path, default_folder(path)) != first and len(copied) == 2
    monkeypatch.setattr(copies, '_QUIET', 100.0)  # written to a moment ago, in the same tick of the clock
    add(db, 'c')
    last = make_backup(path, default_folder(path))
    assert make_backup(path, default_folder(path)) == last and len(copied) == 4


def test_the_one_being_restored_is_not_deleted(path, db, on_disk):
    for number in range(13):
        add(db, str(number))
        make_backup(path, default_folder(path))
    oldest = made(path)[0]
    add(db, 'more')
    assert main(['restore', str(path), str(backups(path, default_folder(path))[0].number)]) == 0
    assert oldest.exists() and on_disk(path) == on_disk(oldest)


def test_no_room_for_a_backup(path, db, monkeypatch):
    """A full disk would keep the user from saving; a missing backup does not."""
    monkeypatch.setattr(copies, 'SPARE', 10 ** 18)
    kept = backup(db)
    with kept:
        pass
    assert made(path) == []
    page = Client(kept).get('/').text
    assert 'The last backup could not be made. There is no room in' in page and 'Make room there.' in page


def test_while_another_program_holds_the_file(path, db, held, monkeypatch):
    monkeypatch.setattr(copies, 'PATIENCE', 0.0)
    monkeypatch.setattr(copies, '_another', lambda file: sqlite3.connect(file, timeout=0))
    with held(path, 'BEGIN EXCLUSIVE') as release:
        with pytest.raises(DatabaseError, match='in use by another program') as caught:
            make_backup(path, default_folder(path))
        assert caught.value.status == 503
        release()
    assert make_backup(path, default_folder(path))


def test_while_another_program_makes_one(path, db, held, monkeypatch):
    make_backup(path, default_folder(path))
    add(db, 'a')
    monkeypatch.setattr(copies, 'PATIENCE', 0.0)
    with held(default_folder(path) / '.test.db.lock', 'BEGIN EXCLUSIVE'), \
            pytest.raises(DatabaseError, match='Another program is making a backup'):
        make_backup(path, default_folder(path))
    assert len(made(path)) == 1


SPAWNED = """
import multiprocessing, sys
from kali.sqlite import backup, connect
with backup(connect(sys.argv[1])) as kept:
    print(multiprocessing.current_process().name, kept._thread is None, flush=True)
def work():
    pass
if __name__ == '__main__':
    child = multiprocessing.get_context('spawn').Process(target=work)
    child.start()
    child.join()
"""


def test_nothing_in_a_spawned_process(path, tmp_path):
    script = tmp_path / 'script.py'
    script.write_text(SPAWNED)
    root = Path(copies.__file__).parent.parent.parent
    env = {**os.environ, 'PYTHONPATH': str(root)}
    said = subprocess.run([sys.executable, str(script), str(path)], capture_output=True, text=True, env=env,
                          check=True, timeout=60)
    assert said.stdout.splitlines() == ['MainProcess False', 'SpawnProcess-1 True']


def test_a_damaged_file_makes_no_backup(path, db):
    add(db, 'a' * 9000)
    good = make_backup(path, default_folder(path))
    db.close()
    with path.open('r+b') as file:
        file.seek(-4096, 2)
        file.write(b'\xff' * 4096)
    with pytest.raises(DatabaseError, match=r'is damaged .*The last good backup is') as caught:
        make_backup(path, default_folder(path))
    assert str(good) in str(caught.value)
    assert made(path) == [good]


def test_what_is_kept():
    day = datetime(2026, 1, 1)
    known = [Backup(n, day + timedelta(n // 3), Path(str(n))) for n in range(300)]  # three a day
    kept = [each for each in known if each not in outdated(known)]
    assert [each.number for each in kept[-10:]] == list(range(290, 300))
    assert len({each.made.date() for each in kept[-14:]}) >= 7
    assert len(kept) <= 10 + 7 + 4
    assert len({each.made.isocalendar()[:2] for each in kept}) == 4
    assert outdated(kept) == []


def test_a_clock_that_is_set_back(path, db, monkeypatch, on_disk):
    """The newest is the one with the highest number, and is never taken for outdated."""
    class Clock(datetime):
        day_now = 28

        @classmethod
        def now(cls):
            cls.day_now -= 1
            return datetime(2026, 2, cls.day_now, 12)
    monkeypatch.setattr(copies, 'datetime', Clock)
    for number in range(25):
        add(db, str(number))
        last = make_backup(path, default_folder(path))
    assert made(path)[-1] == last and len(on_disk(last)) == 25
    assert [each.number for each in backups(path, default_folder(path))][-10:] == list(range(16, 26))


APP = """
import sys
from pathlib import Path
from kali import Response, Router, serve_http
from kali.sqlite import backup, connect, guard
db = connect(Path(sys.argv[1]), journal=sys.argv[2])
app = Router()
app.delegate('/backups', backup(db))

@app.post('/add')
def add(text: str):
    db.execute('INSERT INTO note (text) VALUES (?)', [text])
    return Response.redirect('/')

@app.function('/')
def all():
    return ' '.join(row[0] for row in db.execute('SELECT text FROM note ORDER BY id'))

serve_http(guard(app, db) if sys.argv[3] == 'guard' else app)
"""


def ticket(page):
    return re.search('name="ticket" value="(.*?)"', page)[1]


@pytest.mark.parametrize('journal', ['delete', 'wal'])
@pytest.mark.parametrize('guarded', ['guard', 'bare'])
def test_restored_from_the_browser(path, serve, eventually, on_disk, journal, guarded):
    served = serve(APP, str(path), journal, guarded)
    served.post('/add', {'text': 'a'})
    assert main(['backup', str(path)]) == 0  # a second program makes one
    number = str(backups(path, default_folder(path))[-1].number)
    served.post('/add', {'text': 'b'})
    assert f'href="?choose={number}"' in served.get('/backups').text
    asked = served.get(f'/backups?choose={number}').text
    assert 'Restore this backup?' in asked
    form = {'backup': number, 'ticket': ticket(asked)}
    reply = served.post('/backups', form)
    assert (reply.status, reply.headers['Location']) == (303, f'/backups?done={number}')
    assert 'role="status">Everything is as it was on' in served.get(reply.headers['Location']).text
    assert served.get('/').text == 'a' and on_disk(path) == ['a']
    served.post('/add', {'text': 'c'})
    again = served.post('/backups', form)  # a double click, or Back and another click
    assert again.status == 409 and 'nothing has been restored' in again.text
    assert on_disk(path) == ['a', 'c']
    kept = backups(path, default_folder(path))[-1]
    assert on_disk(kept.path) == ['a', 'b']  # what was there
    asked = served.get(f'/backups?choose={kept.number}').text
    assert served.post('/backups', {'backup': str(kept.number), 'ticket': ticket(asked)}).status == 303
    assert on_disk(path) == ['a', 'b']  # and it can be taken back
    served.end()
    with sqlite3.connect(path) as looked:
        assert looked.execute('PRAGMA journal_mode').fetchone() == (journal,)
    looked.close()


def test_two_clicks_restore_once(path, db, serve, on_disk):
    """Both halves of a double click get the answer of the one thing that happened."""
    db.execute('BEGIN')
    db.executemany('INSERT INTO note (text) VALUES (?)', [(f'{n}' + 'x' * 900,) for n in range(3000)])
    db.execute('COMMIT')
    db.close()
    served = serve(APP, str(path), 'delete', 'guard')
    make_backup(path, default_folder(path))
    number = backups(path, default_folder(path))[-1].number
    served.post('/add', {'text': 'later'})
    form = {'backup': str(number), 'ticket': ticket(served.get(f'/backups?choose={number}').text)}
    replies = []
    clicks = [threading.Thread(target=lambda: replies.append(served.post('/backups', form))) for _ in 'ab']
    for click in clicks:
        click.start()
    for click in clicks:
        click.join()
    assert {reply.status for reply in replies} <= {303, 409} and 303 in [reply.status for reply in replies]
    assert [len(on_disk(each)) for each in made(path)] == [3000, 3001]


def test_restored_without_a_server(path, db):
    app = guard(backup(db), db)
    make_backup(path, default_folder(path))
    client = Client(app)
    form = {'backup': '1', 'ticket': ticket(client.get('/?choose=1').text)}
    assert 'restored by a running server' in client.post('/', form=form).text


def test_a_page_that_is_out_of_date(path, db):
    client = Client(backup(db))
    make_backup(path, default_folder(path))
    good = ticket(client.get('/?choose=1').text)
    for form in ({'backup': '7', 'ticket': good}, {'backup': '1', 'ticket': 'x'}, {'backup': '1'}, {}):
        reply = client.post('/', form=form)
        assert reply.status == 409 and 'nothing has been restored' in reply.text
    assert 'There is none yet' not in client.get('/?choose=99').text  # the list again


def test_the_page(path, db):
    kept = backup(db)
    client = Client(kept)
    assert 'There is none yet' in client.get('/').text
    folder = default_folder(path)
    folder.mkdir()
    for number in range(1, 201):
        name = f'test {number:05} 2026-11-{number % 28 + 1:02} 090501.db'
        (folder / name).write_bytes(b'x' * number * 10_000)
    (folder / 'test 00007 2026-99-01 000000.db').write_text('no date')
    page = client.get('/').text
    assert re.findall(r'choose=(\d+)', page) == [str(number) for number in range(200, 0, -1)]
    assert '>Wednesday, 4 November 2026, 09:05</time></td><td>1.7&nbsp;MB</td>' in page
    kept.trouble = 'no <room>'
    assert 'role="alert">The last backup could not be made. no &lt;room&gt;' in client.get('/').text


@pytest.mark.parametrize(('spoil', 'message'), [
    (lambda db, copy: db.execute('PRAGMA user_version = 3'), 'version 0 .* works with version 3'),
    (lambda db, copy: db.execute('BEGIN IMMEDIATE'), 'a transaction is open'),
    (lambda db, copy: copy.write_bytes(b'x' * 5000), 'is damaged itself'),
    (lambda db, copy: copy.unlink(), 'There is no backup')])
def test_what_cannot_be_restored(path, db, on_disk, spoil, message):
    copy = make_backup(path, default_folder(path))
    add(db, 'a')
    spoil(db, copy)
    with pytest.raises(DatabaseError, match=message):
        expect_good(copy)
        restore(db, copy)
    assert [row[0] for row in db.execute('SELECT text FROM note')] == ['a']
    if db.in_transaction:
        db.execute('ROLLBACK')


@pytest.mark.parametrize('journal', ['delete', 'wal'])
def test_from_the_command_line(path, open_db, capsys, on_disk, held, journal):
    db = open_db(path, journal=journal)
    assert main(['list', str(path)]) == 0
    assert 'There is no backup of' in capsys.readouterr().out
    add(db, 'a')
    assert main(['backup', str(path)]) == 0
    add(db, 'b')
    copy = made(path)[0]
    with held(path, 'BEGIN IMMEDIATE'):
        assert main(['restore', str(path)]) == 1
        assert 'is in use by' in capsys.readouterr().err
    assert main(['list', str(path)]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ['2', '1']
    assert main(['restore', str(path), '1']) == 0
    # A program that has it open sees it.
    assert [row[0] for row in db.execute('SELECT text FROM note')] == ['a']
    add(db, 'c')
    assert on_disk(path) == ['a', 'c']
    assert on_disk(made(path)[1]) == ['a', 'b']
    assert str(made(path)[1]) in capsys.readouterr().out
    db.close()
    path.unlink()
    assert main(['restore', str(path), str(copy)]) == 0
    assert on_disk(path) == ['a']
    made(path)[1].write_bytes(b'bad')
    assert main(['restore', str(path)]) == 0  # the last good one
    shutil.rmtree(copy.parent)
    assert main(['restore', str(path)]) == 1
    assert 'There is no backup' in capsys.readouterr().err
    assert main(['backup', str(path.parent / 'other.db')]) == 1
    assert 'There is no database' in capsys.readouterr().err


def test_a_damaged_file_is_replaced(path, db, on_disk):
    add(db, 'a')
    copy = make_backup(path, default_folder(path))
    db.close()
    path.write_bytes(b'\xff' * 8192)
    Path(f'{path}-journal').write_bytes(b'of the damaged one')
    restore_file(path, copy)
    assert on_disk(path) == ['a']
    assert not Path(f'{path}-journal').exists()


def test_in_memory(open_db):
    with pytest.raises(ValueError, match='in memory'):
        backup(open_db(':memory:'))


def test_of_a_connection_that_is_not_kalis_own(path, open_db, on_disk):
    db = open_db(path, sqlite3.connect)
    db.execute("INSERT INTO note (text) VALUES ('a')")
    db.commit()
    with backup(db) as kept:
        finish(kept)
        db.execute("INSERT INTO note (text) VALUES ('b')")
        db.commit()
    assert [on_disk(each) for each in made(path)] == [['a'], ['a', 'b']]


@pytest.mark.wine('links')
def test_of_a_link(path, tmp_path, on_disk, open_db, capsys):
    """A link to the file is as good as the file; it stays a link."""
    link = tmp_path / 'links' / 'other.db'
    link.parent.mkdir()
    link.symlink_to(path)
    db = open_db(link)
    add(db, 'a')
    with backup(db):
        pass
    db.close()
    assert len(made(path)) == 1 and made(link) == made(path)
    path.write_bytes(b'spoilt' * 1000)
    assert main(['restore', str(link)]) == 0
    assert link.is_symlink() and on_disk(path) == ['a']


def test_a_save_in_the_same_tick_as_the_end_of_a_backup(path, db):
    """A backup has no time that a later save may give the file: it would be taken for a copy of that."""
    add(db, 'a')
    os.utime(path, (1e9, 1e9))
    assert make_backup(path, default_folder(path)).stat().st_mtime == 1e9
    add(db, 'b')
    latest = make_backup(path, default_folder(path))
    assert latest.stat().st_mtime_ns < path.stat().st_mtime_ns


def test_a_select_that_was_not_read_to_its_end_is_not_in_the_way(path, db, on_disk):
    db.execute('BEGIN')
    db.executemany('INSERT INTO note (text) VALUES (?)', [('a',), ('b',)])
    db.execute('COMMIT')
    copy = make_backup(path, default_folder(path))
    add(db, 'c')
    cursor = db.execute('SELECT text FROM note')
    next(cursor)
    restore(db, copy)
    assert on_disk(path) == ['a', 'b']
