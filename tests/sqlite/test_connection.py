"""connect: the settings that hold, what is stored for Python's values, and what is said of a bad file."""

import gc
import sqlite3
import subprocess
import sys
from datetime import date, datetime, time, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from kali.errors import DatabaseError
from kali.sqlite import connect
from kali.sqlite import connection as connection_file
from kali.sqlite.copies import default_folder, make_backup
from kali.sqlite.faults import explain, is_busy


def pragma(connection, name):
    return connection.execute(f'PRAGMA {name}').fetchone()[0]


@pytest.mark.parametrize(('journal', 'synchronous'), [('delete', 3), ('wal', 2)])
def test_settings_are_safe(tmp_path, open_db, journal, synchronous):
    connection = open_db(tmp_path / 'new' / 'folder' / 'test.db', journal=journal, busy_timeout=1.5)
    found = {name: pragma(connection, name) for name in (
        'foreign_keys', 'trusted_schema', 'journal_mode', 'synchronous', 'busy_timeout', 'fullfsync')}
    assert found == {'foreign_keys': 1, 'trusted_schema': 0, 'journal_mode': journal,
                     'synchronous': synchronous, 'busy_timeout': 1500, 'fullfsync': 1}
    assert connection.isolation_level is None
    assert connection.row_factory is sqlite3.Row


def test_settings_are_logged_once(tmp_path, open_db, caplog):
    with caplog.at_level('INFO', 'kali'):
        open_db(tmp_path / 'test.db')
    assert [record.getMessage().partition(': ')[2] for record in caplog.records] == [
        'foreign_keys ON, trusted_schema OFF, journal_mode delete, synchronous EXTRA, fullfsync ON, '
        'checkpoint_fullfsync ON, checked']


ODD = pytest.mark.posix('no name has a question mark in Windows')


@pytest.mark.parametrize('name', ['plain.db', 'with space.db', 'naïve 🐟.db',
                                  pytest.param('per%20cent?mode=memory#x.db', marks=ODD)])
def test_any_file_name(tmp_path, open_db, name):
    file = tmp_path / name
    open_db(str(file)).execute('CREATE TABLE note (text)')
    assert file.stat().st_size > 0
    rows = open_db(file, read_only=True).execute('SELECT name FROM sqlite_master').fetchall()
    assert [row['name'] for row in rows] == ['note']


def test_memory_leaves_no_file(tmp_path, open_db, monkeypatch):
    monkeypatch.chdir(tmp_path)
    open_db(':memory:').execute('CREATE TABLE note (text)')
    assert list(tmp_path.iterdir()) == []


VALUES = [
    (date(2026, 7, 31), '2026-07-31'),
    (datetime(2026, 7, 31, 9, 30), '2026-07-31 09:30:00'),
    (datetime(2026, 7, 31, 9, 30, 1, 5, tzinfo=timezone.utc), '2026-07-31 09:30:01.000005+00:00'),
    (time(9, 30), '09:30:00'),
    (Decimal('12.50'), '12.50'),
    (True, 1), (None, None), (7, 7), (b'\x00', b'\x00'), ('Zoë', 'Zoë'),
]


@pytest.mark.parametrize(('value', 'stored'), VALUES)
@pytest.mark.parametrize('parameters', [lambda v: (v,), lambda v: [v], lambda v: {'a': v}])
def test_parameters(open_db, value, stored, parameters):
    connection = open_db(':memory:')
    sql = 'SELECT :a' if isinstance(parameters(0), dict) else 'SELECT ?'
    assert connection.execute(sql, parameters(value)).fetchone()[0] == stored


def test_executemany_takes_them_too(open_db):
    connection = open_db(':memory:')
    connection.execute('CREATE TABLE due (day, price NUMERIC, exact TEXT)')
    rows = ((date(2026, 1, day), Decimal('1.50'), Decimal('1.50')) for day in (1, 2))
    connection.executemany('INSERT INTO due VALUES (?, ?, ?)', rows)
    assert [tuple(row) for row in connection.execute('SELECT * FROM due')] == [
        ('2026-01-01', 1.5, '1.50'), ('2026-01-02', 1.5, '1.50')]


def test_unknown_parameters_stay_an_error(open_db):
    with pytest.raises(sqlite3.Error):
        open_db(':memory:').execute('SELECT ?', [object()])


def test_sqlite3_itself_is_left_alone(open_db):
    open_db(':memory:')
    connection = open_db(':memory:', sqlite3.connect)
    with pytest.raises(sqlite3.Error):
        connection.execute('SELECT ?', [Decimal('1.5')])


def test_not_a_database(tmp_path):
    file = tmp_path / 'letter.db'
    file.write_text('Dear Ann, ' * 100)
    with pytest.raises(DatabaseError, match=r'letter\.db is not an SQLite database') as caught:
        connect(file)
    assert caught.value.status == 500
    assert file.read_text().startswith('Dear Ann')


def test_a_damaged_database(path):
    content = bytearray(path.read_bytes())
    content[100:4096] = b'\xff' * 3996
    path.write_bytes(content)
    with pytest.raises(DatabaseError, match=r'test\.db is damaged'):
        connect(path)


def test_a_folder(tmp_path):
    with pytest.raises(DatabaseError, match=r'is a folder'):
        connect(tmp_path)


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / 'notes').write_text('')
    with pytest.raises(DatabaseError, match=r'notes for the database test.db cannot be made: '):
        connect(tmp_path / 'notes' / 'test.db')


@pytest.mark.posix('Windows has no modes')
def test_a_write_protected_file(ordinary_folder, open_db):
    file = ordinary_folder / 'test.db'
    open_db(file).execute('CREATE TABLE note (text)')
    file.chmod(0o444)
    with pytest.raises(DatabaseError, match=r'test.db can only be read: its file or folder is'):
        connect(file)
    assert open_db(file, read_only=True).execute('SELECT count(*) FROM note').fetchone()[0] == 0


@pytest.mark.posix('Windows has no modes')
def test_a_write_protected_folder(ordinary_folder, open_db):
    folder = ordinary_folder / 'locked'
    file = folder / 'test.db'
    open_db(file).execute('CREATE TABLE note (text)')
    folder.chmod(0o555)
    try:
        with pytest.raises(DatabaseError, match=r'test.db can only be read: its file or folder is'):
            connect(file)
        with pytest.raises(DatabaseError, match=r'other.db cannot be opened'):
            connect(folder / 'other.db')
        with pytest.raises(DatabaseError, match=r'The folder .* cannot be made: Permission denied'):
            connect(folder / 'new' / 'other.db')
        assert open_db(file, read_only=True).execute('SELECT count(*) FROM note').fetchone()[0] == 0
    finally:
        folder.chmod(0o755)


@pytest.mark.posix('Windows has no modes')
def test_an_unreadable_file(ordinary_folder):
    file = ordinary_folder / 'test.db'
    file.write_bytes(b'')
    file.chmod(0)
    with pytest.raises(DatabaseError, match=r'test.db cannot be opened'):
        connect(file)


def test_reading_what_is_not_there(tmp_path):
    with pytest.raises(DatabaseError, match=r'There is no database .*none.db'):
        connect(tmp_path / 'none.db', read_only=True)
    assert not (tmp_path / 'none.db').exists()


@pytest.mark.parametrize('statements', [['BEGIN EXCLUSIVE'], ['BEGIN IMMEDIATE']])
def test_locked_by_another_program(path, held, statements):
    with held(path, *statements), pytest.raises(DatabaseError, match=r'in use by another program') as caught:
        connect(path, busy_timeout=0.05)
    assert caught.value.status == 503


def test_wal_held_open_by_another_program(path, held):
    with held(path, 'PRAGMA journal_mode = wal', 'SELECT * FROM note'), \
            pytest.raises(DatabaseError, match=r'in use by another program'):
        connect(path, busy_timeout=0.05)


def test_unknown_journal(tmp_path):
    with pytest.raises(ValueError, match="it is 'delete' or 'wal'"):
        connect(tmp_path / 'test.db', journal='off')


def test_one_thread_only_unless_told(open_db):
    import threading
    caught = []

    def use(connection):
        try:
            connection.execute('SELECT 1')
        except sqlite3.ProgrammingError as error:
            caught.append(error)
    for connection in (open_db(':memory:'), open_db(':memory:', check_same_thread=False)):
        thread = threading.Thread(target=use, args=(connection,))
        thread.start()
        thread.join()
    assert len(caught) == 1


def test_statements_of_the_open_transaction_are_known(open_db):
    connection = open_db(':memory:', isolation_level='DEFERRED')
    connection.execute('CREATE TABLE note (text)')
    assert not connection.in_transaction
    connection.execute("INSERT INTO note VALUES ('one')")
    connection.execute('DELETE FROM note')
    assert list(connection.statements) == ["INSERT INTO note VALUES ('one')", 'DELETE FROM note']
    connection.commit()
    connection.execute("UPDATE note SET text = 'two'")
    assert list(connection.statements) == ["UPDATE note SET text = 'two'"]
    for number in range(200):
        connection.execute(f'SELECT {number}')
    assert len(connection.statements) == 50


def test_unfinished_cursors_are_ended(path, open_db):
    connection = open_db(path, busy_timeout=0.05)
    connection.executemany('INSERT INTO note (text) VALUES (?)', [('a',), ('b',), ('c',)])
    cursor = connection.execute('SELECT text FROM note')
    assert next(cursor)['text'] == 'a'
    other = open_db(path, sqlite3.connect, timeout=0)
    with pytest.raises(sqlite3.OperationalError, match=r'locked'), other:
        other.execute('DELETE FROM note')
    connection.end_cursors()
    with other:
        other.execute('DELETE FROM note')
    fetches = cursor.fetchone, cursor.fetchall, cursor.fetchmany, lambda: next(cursor), lambda: list(cursor)
    for fetch in fetches:
        with pytest.raises(DatabaseError, match=r'left unfinished'):
            fetch()
    assert cursor.execute('SELECT 7').fetchall()[0][0] == 7  # a cursor kept for good goes on


def test_cursors_are_not_collected_for_ever(open_db):
    connection = open_db(':memory:')
    for _ in range(1000):
        connection.execute('SELECT 1')
    gc.collect()
    assert len(connection._cursors) <= 101


@pytest.mark.parametrize(('error', 'words', 'status'), [
    (sqlite3.OperationalError('database is locked'), 'in use by another program', 503),
    (sqlite3.OperationalError('database table is locked: note'), 'in use by another program', 503),
    (sqlite3.OperationalError('database or disk is full'), 'no room left', 503),
    (sqlite3.OperationalError('disk I/O error'), 'Reading or writing', 500),
    (sqlite3.OperationalError('unsupported file format'), 'is newer than this program', 500),
    (sqlite3.DatabaseError('database disk image is malformed'), 'damaged', 500),
    (sqlite3.OperationalError('malformed JSON'), None, None),
    (sqlite3.IntegrityError('The month is locked'), None, None),
    (sqlite3.IntegrityError('UNIQUE constraint failed: note.text'), None, None),
])
def test_what_is_explained(error, words, status):
    told = explain(error, 'test.db')
    assert (told and told.status) == status
    assert words is None or (words in str(told) and 'test.db' in str(told))
    assert is_busy(error) == (words == 'in use by another program')


HOLDERS_ARE_TOLD = Path('/proc/locks').exists()  # by Linux


@pytest.mark.parametrize('statements', [
    ['BEGIN IMMEDIATE'], ['PRAGMA journal_mode = wal', 'BEGIN IMMEDIATE']])
@pytest.mark.posix('only Linux says which program it is')
def test_which_program_holds_the_lock(path, held, statements):
    with held(path, *statements) as release:
        known = rf', python[\w.]* \(process {release.process}\), which'
        with pytest.raises(DatabaseError, match='in use by another program' + known * HOLDERS_ARE_TOLD):
            connect(path, busy_timeout=0.05, journal='wal' if len(statements) > 1 else 'delete')


MOUNTS = '22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n30 22 0:50 / {} rw - cifs //office/files rw\n'


@pytest.mark.posix('mounts of Linux; tests/win32 has shares')
def test_a_network_share(tmp_path, open_db, monkeypatch, caplog):
    shared = tmp_path / 'our share'
    shared.mkdir()
    table = MOUNTS.format(str(shared).replace(' ', r'\040'))
    read = Path.read_text
    monkeypatch.setattr(Path, 'read_text', lambda self, **named: (
        table if str(self) == '/proc/self/mountinfo' else read(self, **named)))
    with pytest.raises(DatabaseError, match=r'network share \(cifs\), where journal="wal" does not work'):
        connect(shared / 'test.db', journal='wal')
    with caplog.at_level('INFO', 'kali'):
        open_db(shared / 'test.db')
        open_db(tmp_path / 'test.db', journal='wal')
    assert [record.getMessage().endswith(', on cifs') for record in caplog.records] == [True, False]


def leave_a_journal(file):
    """End a process in the middle of writing, so that its journal stays; and damage a page that nobody reads
    while it is played back."""
    script = ('import os, sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None); '
              'db.execute("PRAGMA cache_size = 1"); db.execute("BEGIN"); db.execute('
              '"UPDATE filling SET text = text || 1"); os._exit(0)')
    subprocess.run([sys.executable, '-c', script, str(file)], check=True)


@pytest.mark.parametrize('size', ['small', 'big'])
@pytest.mark.parametrize('unclean', [True, False])
def test_a_damaged_page(path, open_db, monkeypatch, size, unclean):
    """A small file is checked at each start, a big one after an unclean end."""
    db = open_db(path)
    db.execute('CREATE TABLE filling (text)')
    db.execute('BEGIN')
    db.executemany('INSERT INTO filling VALUES (?)', [('x' * 300,)] * 2000)
    db.execute('COMMIT')
    db.execute('CREATE TABLE last (text)')
    db.execute('BEGIN')
    db.executemany('INSERT INTO last VALUES (?)', [('y' * 300,)] * 200)
    db.execute('COMMIT')
    db.close()
    if size == 'big':
        monkeypatch.setattr(connection_file, '_CHECKED', 100_000)
    good = make_backup(path, default_folder(path))
    make_backup(path, default_folder(path))
    if unclean:
        leave_a_journal(path)
        assert Path(f'{path}-journal').stat().st_size > 0
    content = bytearray(path.read_bytes())
    content[-4096:] = b'\xff' * 4096
    path.write_bytes(content)
    if size == 'big' and not unclean:
        open_db(path)  # nobody has looked
        return
    with pytest.raises(DatabaseError, match=r'is damaged \(.*To restore the last good') as caught:
        connect(path)
    assert f'kali.sqlite restore "{path}"' in str(caught.value)
    with sqlite3.connect(good) as kept:
        assert kept.execute('SELECT count(*) FROM filling').fetchone() == (2000,)
    kept.close()


def test_after_an_unclean_end(path, open_db, caplog):
    db = open_db(path)
    db.execute('CREATE TABLE filling (text)')
    db.execute('BEGIN')
    db.executemany('INSERT INTO filling VALUES (?)', [('x' * 300,)] * 2000)
    db.execute('COMMIT')
    db.close()
    leave_a_journal(path)
    with caplog.at_level('INFO', 'kali'):
        db = open_db(path)
    assert caplog.records[0].getMessage().endswith('checked after an unclean end')
    assert db.execute('SELECT DISTINCT text FROM filling').fetchall()[0][0] == 'x' * 300


@pytest.mark.posix('no name has a colon in Windows')
def test_a_name_that_looks_like_an_address(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    connect('file:notes.db?mode=rwc').close()
    assert (tmp_path / 'file:notes.db?mode=rwc').is_file()


@pytest.mark.posix('in the words of Linux')
def test_a_name_that_is_too_long(tmp_path):
    with pytest.raises(DatabaseError, match='cannot be opened: File name too long'):
        connect(tmp_path / ('x' * 300))
