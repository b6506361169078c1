"""Killed with SIGKILL in the middle of a stream of saves: what was answered is whole on disk, and nothing is
half there."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading

import pytest

SAVER = """
import sys
from kali.http.request import Request
from kali.http.response import Response
from kali.sqlite import connect, guard
db = connect(sys.argv[1], journal=sys.argv[2])
db.execute('CREATE TABLE IF NOT EXISTS row (save INTEGER, number INTEGER, filling TEXT)')
db.execute('CREATE INDEX IF NOT EXISTS by_save ON row (save)')

def save(request):
    number = int(request.form['id'])
    if request.scope.transaction.once(request.form['id']) is None:
        for row in range(7):
            db.execute('INSERT INTO row VALUES (?, ?, ?)', (number, row, 'x' * 700))
        db.execute('UPDATE row SET filling = ? WHERE save = ?', ('y' * 900, number - 1))
    return Response.redirect('/')

app = guard(save, db)
for number in range(int(sys.argv[3]), 1_000_000):
    if app(Request('POST', '/', form={'id': str(number)})).status == 303:
        print(number, flush=True)
"""


@pytest.mark.parametrize('journal', ['delete', 'wal'])
def test_kill(tmp_path, journal):
    path = tmp_path / 'test.db'
    chance = random.Random(journal)
    answered = -1
    for _ in range(12):
        with subprocess.Popen([sys.executable, '-c', SAVER, str(path), journal, str(answered + 1)],
                              stdout=subprocess.PIPE) as process:
            for _ in range(chance.randrange(1, 12)):
                answered = int(process.stdout.readline())
            # Not to wait for something, but to strike at any point of a save.
            threading.Event().wait(chance.random() * 0.004)
            os.kill(process.pid, signal.SIGKILL)
            for line in process.stdout:
                answered = int(line)
        connection = sqlite3.connect(path)
        assert connection.execute('PRAGMA integrity_check').fetchall() == [('ok',)]
        saves = connection.execute('SELECT save, count(*), sum(number), min(filling), max(filling) FROM row '
                                   'GROUP BY save ORDER BY save').fetchall()
        spent = [int(row[0]) for row in connection.execute('SELECT id FROM kali_form')]
        connection.close()
        last = len(saves) - 1
        assert last in (answered, answered + 1)  # committed, and killed before it could say so
        assert [row[:3] for row in saves] == [(number, 7, 21) for number in range(last + 1)]
        assert all(row[3:] == ('y' * 900,) * 2 for row in saves[:-1])
        assert saves[-1][3:] == ('x' * 700,) * 2
        assert sorted(spent) == list(range(last + 1))
