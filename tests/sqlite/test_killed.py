"""Killed with SIGKILL in the middle of a stream of saves: what was answered is whole on disk, and nothing is
half there."""

import random
import socket
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing

import pytest

KILLS = 100  # for each journal

# It loads what it needs and waits to be told to begin, so that the next one is ready when one is killed.
SAVER = """
import sys
from kali import Response, serve_http
from kali.sqlite import connect, guard

def save(request):
    number = int(request.form['id'])
    if request.scope.transaction.once(request.form['id']) is None:
        for row in range(7):
            db.execute('INSERT INTO row VALUES (?, ?, ?)', (number, row, 'x' * 700))
        db.execute('UPDATE row SET filling = ? WHERE save = ?', ('y' * 900, number - 1))
    return Response.redirect('/')

sys.stdin.readline()
db = connect(sys.argv[1], journal=sys.argv[2])
db.execute('CREATE TABLE IF NOT EXISTS row (save INTEGER, number INTEGER, filling TEXT)')
db.execute('CREATE INDEX IF NOT EXISTS by_save ON row (save)')
serve_http(guard(save, db), port=int(sys.argv[3]), start=None)
"""


def is_saved(port, number):
    """Send save `number`; whether the server said that it is saved. Killed, it says nothing."""
    body = f'id={number}'.encode()
    try:
        with socket.create_connection(('127.0.0.1', port), timeout=10) as client:
            client.sendall(b'POST / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: %d\r\nContent-Type: '
                           b'application/x-www-form-urlencoded\r\n\r\n' % (port, len(body)) + body)
            answer = client.recv(4096)
    except ConnectionError:
        return False
    assert not answer or answer[9:12] == b'303', answer
    return bool(answer)


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def answers(port):
    with socket.socket() as client:
        return client.connect_ex(('127.0.0.1', port)) == 0


def saves_on_disk(path):
    """How many saves there are in the file, after making sure that each is whole."""
    with closing(sqlite3.connect(path)) as looked:
        assert looked.execute('PRAGMA integrity_check').fetchall() == [('ok',)]
        saves = looked.execute('SELECT save, count(*), sum(number), min(filling), max(filling) FROM row '
                               'GROUP BY save ORDER BY save').fetchall()
        spent = [int(row[0]) for row in looked.execute(
            'SELECT id FROM kali_form')] if saves else []
    assert [row[:3] for row in saves] == [(number, 7, 21) for number in range(len(saves))]
    assert all(row[3:] == ('y' * 900,) * 2 for row in saves[:-1])
    assert all(row[3:] == ('x' * 700,) * 2 for row in saves[-1:])
    assert sorted(spent) == list(range(len(saves)))
    return len(saves)


@pytest.mark.slow
@pytest.mark.parametrize('journal', ['delete', 'wal'])
def test_kill(tmp_path, eventually, journal):
    path, port, chance = tmp_path / 'test.db', free_port(), random.Random(journal)
    answered, between = 0, 0  # how many saves were acknowledged; how many were saved, and not acknowledged

    def load():
        return subprocess.Popen([sys.executable, '-c', SAVER, str(path), journal, str(port)],
                                stdin=subprocess.PIPE)
    ready = load()
    for _ in range(KILLS):
        with ready as server:
            ready = load()
            server.stdin.write(b'\n')
            server.stdin.flush()
            eventually(lambda: answers(port) or server.poll() is not None)
            assert server.poll() is None
            found = saves_on_disk(path)
            assert found in (answered, answered + 1)  # committed, and killed before it could say so
            between += found - answered
            answered = found
            if is_saved(port, answered):  # so that there is something to lose, however slow the disk is today
                answered += 1
            # Not to wait for something, but to strike at any point of a save.
            strike = threading.Timer(chance.random() * 0.03, server.kill)
            strike.start()
            while is_saved(port, answered):
                answered += 1
            strike.join()
    with ready:
        ready.kill()
    assert saves_on_disk(path) in (answered, answered + 1)
    assert answered >= KILLS
