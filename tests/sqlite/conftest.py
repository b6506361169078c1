"""What the tests of kali.sqlite share: connections to real files, and other processes that look at them or
lock them."""

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from kali.errors import DatabaseError
from kali.pages.error_page import error_response
from kali.sqlite import connect

READER = """
import json, sqlite3, sys
for line in sys.stdin:
    path, sql = json.loads(line)
    db = sqlite3.connect(path)
    rows = db.execute(sql).fetchall()
    assert db.execute('PRAGMA integrity_check').fetchall() == [('ok',)]
    db.close()
    print(json.dumps(rows), flush=True)
"""

HOLDER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
for sql in sys.argv[2:]:
    cursor = db.execute(sql)
    cursor.fetchone()
print('held', flush=True)
sys.stdin.readline()
db.close()
"""


def answered(app, request):
    """The answer of `app`, a page also where a DatabaseError comes out of it."""
    try:
        return app(request)
    except DatabaseError as error:
        return error_response(request, error, debug=request.scope.debug)


@pytest.fixture(scope='session')
def empty_tables(tmp_path_factory):
    """The bytes of a database with two tables: a note, and what belongs to one."""
    file = tmp_path_factory.mktemp('empty') / 'test.db'
    db = connect(file)
    db.execute('CREATE TABLE note (id INTEGER PRIMARY KEY, text UNIQUE)')
    db.execute('CREATE TABLE part (note INTEGER REFERENCES note DEFERRABLE INITIALLY DEFERRED)')
    db.close()
    return file.read_bytes()


@pytest.fixture
def path(tmp_path, empty_tables):
    """A database file with the tables `note` and `part`."""
    file = tmp_path / 'test.db'
    file.write_bytes(empty_tables)
    return file


@pytest.fixture
def open_db():
    """Opens connections that are closed when the test is over."""
    opened = []

    def opening(path, make=connect, **named):
        opened.append(make(path, **named))
        return opened[-1]
    yield opening
    for connection in opened:
        if hasattr(connection, 'guarded'):
            assert not connection.guarded
        connection.close()


@pytest.fixture
def db(path, open_db):
    return open_db(path, busy_timeout=0.05)


@pytest.fixture(scope='session')
def on_disk():
    """The rows that another process reads from a file, which must pass SQLite's own check."""
    with subprocess.Popen([sys.executable, '-c', READER],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        def read(path, sql='SELECT text FROM note ORDER BY id'):
            process.stdin.write(json.dumps([str(path), sql]).encode() + b'\n')
            process.stdin.flush()
            rows = json.loads(process.stdout.readline())
            return [row[0] if len(row) == 1 else tuple(row) for row in rows]
        yield read
        process.stdin.close()


@pytest.fixture
def held():
    """`with held(path, 'BEGIN EXCLUSIVE'):` another process has run these statements and stays."""
    @contextmanager
    def holding(path, *statements):
        with subprocess.Popen([sys.executable, '-c', HOLDER, str(path), *statements],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout.readline().strip() == b'held'

            def release():
                process.stdin.write(b'\n')
                process.stdin.flush()
            release.process = process.pid
            try:
                yield release
            finally:
                process.stdin.close()
    return holding


@pytest.fixture
def ordinary_folder():
    """A folder of the user that runs the test, without root's rights for as long: root may write
    anywhere."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        root = hasattr(os, 'geteuid') and os.geteuid() == 0
        if root:
            os.chown(folder, 65534, 65534)
            os.seteuid(65534)
        try:
            yield folder
        finally:
            folder.chmod(0o700)
            if root:
                os.seteuid(0)


def plain(path, **named):
    """A connection of sqlite3's own, without kali."""
    connection = sqlite3.connect(path, timeout=0.05, **named)
    connection.execute('PRAGMA foreign_keys = ON')
    return connection


# Each kind of connection that the guard takes in commit mode.
KINDS = {
    'kali': lambda path: connect(path, busy_timeout=0.05),
    'kali wal': lambda path: connect(path, busy_timeout=0.05, journal='wal'),
    'kali legacy': lambda path: connect(path, busy_timeout=0.05, isolation_level='DEFERRED'),
    'plain explicit': lambda path: plain(path, isolation_level=None),
    'plain legacy': lambda path: plain(path),
}
if sys.version_info >= (3, 12):
    KINDS['plain autocommit'] = lambda path: plain(path, autocommit=True)


@pytest.fixture(params=KINDS)
def any_db(request, path, open_db):
    return open_db(path, KINDS[request.param])
