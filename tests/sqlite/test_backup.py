"""backup: copies that are whole or not there, made while requests go on; and how one is put back."""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from datetime import date, timedelta
from pathlib import Path

import pytest

from kali import Router
from kali.errors import DatabaseError
from kali.http.request import Request
from kali.http.response import Response
from kali.sqlite import backup, copies, guard
from kali.sqlite.__main__ import main
from kali.sqlite.copies import Backup, backups, default_folder, make_backup, outdated, restore_file
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
    assert list(running.folder.iterdir()) == []
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
from pathlib import Path
from kali.sqlite.copies import make_backup, default_folder
import sqlite3
path = Path(sys.argv[1])
db = sqlite3.connect(path)
print('begun', flush=True)
while True:
    with db:
        db.execute("INSERT INTO note (text) VALUES (random() || 'x')")
    make_backup(path, default_folder(path))
"""


def test_interrupted_at_any_point(path):
    """A file with the name of a backup is always a good one."""
    chance = random.Random(7)
    with sqlite3.connect(path) as db:
        db.executemany('INSERT INTO note (text) VALUES (?)', [(f'{n}' + 'x' * 900,) for n in range(2000)])
    db.close()
    for _ in range(12):
        with subprocess.Popen([sys.executable, '-c', COPIER, str(path)], stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            threading.Event().wait(chance.random() * 0.06)  # to strike at any point
            os.kill(process.pid, signal.SIGKILL)
        assert [copies.problems(each) for each in made(path)] == [[]] * len(made(path))
    make_backup(path, default_folder(path))
    assert not list(default_folder(path).glob('*.part*'))
    assert len(made(path)) <= copies.LAST + 2  # they are of one day


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
    day = date(2026, 1, 1)
    known = [Backup(n, day + timedelta(n // 3), Path(str(n))) for n in range(300)]  # three a day
    kept = [each for each in known if each not in outdated(known)]
    assert [each.number for each in kept[-10:]] == list(range(290, 300))
    assert len({each.day for each in kept[-14:]}) >= 7
    assert len(kept) <= 10 + 7 + 4
    assert len({each.day.isocalendar()[:2] for each in kept}) == 4
    assert outdated(kept) == []


def test_a_clock_that_is_set_back(path, db, monkeypatch, on_disk):
    """The newest is the one with the highest number, and is never taken for outdated."""
    class Clock:
        day = 28

        @classmethod
        def now(cls):
            cls.day -= 1
            return copies_datetime(2026, 2, cls.day, 12)
    copies_datetime = copies.datetime
    monkeypatch.setattr(copies, 'datetime', Clock)
    for number in range(25):
        add(db, str(number))
        last = make_backup(path, default_folder(path))
    assert made(path)[-1] == last and len(on_disk(last)) == 25
    assert [each.number for each in backups(path, default_folder(path))][-10:] == list(range(16, 26))


@pytest.mark.parametrize('journal', ['delete', 'wal'])
@pytest.mark.parametrize('guarded', [True, False])
def test_put_back_from_the_browser(path, open_db, on_disk, serve_at, journal, guarded):
    db = open_db(path, journal=journal)
    kept, router = backup(db), Router()
    router.delegate('/backups', kept)
    add(db, 'a')
    make_backup(path, kept.folder)
    add(db, 'b')
    app = guard(router, db) if guarded else router
    assert app.lifespan == (kept,)
    client = Client(app)
    assert 'value="1"' in client.get('/backups').text
    assert client.post('/backups', form={'backup': '7'}).status == 400
    status, text = serve_at(app, 'POST', '/backups', b'backup=1')
    assert status == 200 and 'has been put back' in text
    assert on_disk(path) == ['a']
    assert db.execute('PRAGMA journal_mode').fetchone()[0] == journal
    add(db, 'c')
    assert on_disk(path) == ['a', 'c']
    assert on_disk(made(path)[-2]) == ['a', 'b']  # what was there, before the server's last backup


@pytest.fixture
def serve_at():
    """One request to a real server in this thread's own loop; what came back."""
    import socket

    from kali.server.loop import Server

    def ask(handler, method, target, body):
        listener = socket.create_server(('127.0.0.1', 0))
        port = listener.getsockname()[1]
        server, got = Server(handler, [listener]), []

        def visit():
            with socket.create_connection(('127.0.0.1', port), timeout=20) as client:
                client.sendall(f'{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: '
                               f'application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n'
                               .encode() + body)
                got.append(b''.join(iter(lambda: client.recv(65536), b'')).decode())
            server.stop()
        visitor = threading.Thread(target=visit)
        visitor.start()
        server.run()
        visitor.join()
        return int(got[0].split()[1]), got[0]
    return ask


def test_put_back_without_a_server(path, db):
    app = guard(backup(db), db)
    make_backup(path, default_folder(path))
    assert 'by a running server' in Client(app).post('/', form={'backup': '1'}).text


@pytest.mark.parametrize(('spoil', 'message'), [
    (lambda db, copy: db.execute('PRAGMA user_version = 3'), 'version 0, the program works with version 3'),
    (lambda db, copy: db.execute('BEGIN IMMEDIATE'), 'was not put back'),
    (lambda db, copy: copy.write_bytes(b'x' * 5000), 'is damaged itself'),
    (lambda db, copy: copy.unlink(), 'There is no backup')])
def test_what_cannot_be_put_back(path, db, on_disk, spoil, message):
    copy = make_backup(path, default_folder(path))
    add(db, 'a')
    spoil(db, copy)
    with pytest.raises(DatabaseError, match=message):
        copies.restore(db, copy)
    assert [row[0] for row in db.execute('SELECT text FROM note')] == ['a']
    if db.in_transaction:
        db.execute('ROLLBACK')


def test_from_the_command_line(path, db, capsys, on_disk):
    add(db, 'a')
    assert main(['backup', str(path)]) == 0
    add(db, 'b')
    copy = made(path)[0]
    db.execute('BEGIN EXCLUSIVE')
    assert main(['restore', str(path)]) == 1
    assert 'is in use by' in capsys.readouterr().err
    db.close()
    assert main(['list', str(path)]) == 0
    assert capsys.readouterr().out.split('\n')[:1] == [str(copy)]
    assert main(['restore', str(path)]) == 0
    assert on_disk(path) == ['a']
    (kept,) = path.parent.glob('test replaced *.db')
    assert on_disk(kept) == ['a', 'b']
    assert str(kept) in capsys.readouterr().out
    path.unlink()
    assert main(['restore', str(path), str(copy)]) == 0
    assert on_disk(path) == ['a']
    shutil.rmtree(copy.parent)
    assert main(['restore', str(path)]) == 1
    assert 'There is no backup' in capsys.readouterr().err


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
