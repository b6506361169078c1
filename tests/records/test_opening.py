"""`python -m kali open FILE`: any SQLite database, or a file of cells, or a sentence."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from urllib.request import urlopen

import pytest

from kali.errors import KaliError
from kali.records.opening import open_file
from kali.testing import Client


def opened(path, **options):
    told = []
    records = open_file(path, lambda: path.parent, say=told.append, **options)
    return records, told


TEA = "CREATE TABLE tea (tea INTEGER PRIMARY KEY, name TEXT); INSERT INTO tea VALUES (1, 'Assam')"


def made(path, script=TEA):
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    return path


def listed(records, address):
    with Client(records) as client:
        return client.get(address).text


@pytest.mark.parametrize('name', ['tea.sqlite', 'tea.db', 'tea', 'Tee und Kaffee #1.txt'])
def test_a_database_is_known_by_its_content(tmp_path, name):
    records, told = opened(made(tmp_path / name))
    with closing(records.connection):
        assert 'Assam' in listed(records, '/table/tea/')
    assert told == []


def test_the_journal_stays_as_it_was(tmp_path):
    path = made(tmp_path / 'wal.sqlite', 'PRAGMA journal_mode = WAL; CREATE TABLE t (x)')
    records, _ = opened(path)
    with closing(records.connection):
        assert records.connection.execute('PRAGMA journal_mode').fetchone()[0] == 'wal'


def test_for_reading_only(tmp_path):
    path = made(tmp_path / 'tea.sqlite')
    before = path.read_bytes()
    records, _ = opened(path, read_only=True)
    with closing(records.connection), Client(records) as client:
        assert client.get('/table/tea/').status == 200
        assert client.get('/table/tea/import').status == 403
    assert path.read_bytes() == before


@pytest.mark.parametrize(('name', 'content', 'said'), [
    ('nosuch.sqlite', None, 'There is no file'), ('.', None, 'is a folder'),
    ('photo.csv', b'\x89PNG\r\n\x1a\n', 'a PNG picture'), ('empty.csv', b'', 'is empty'),
    ('x.sqlite', b'garbage' * 100, 'not an SQLite database'),
    ('cut.sqlite', b'SQLite format 3\x00' + b'x' * 50, 'cut.sqlite'),
    ('noise.tsv', bytes(range(256)) * 9, 'no text'),
])
def test_what_cannot_be_opened_is_a_sentence(tmp_path, name, content, said):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(KaliError, match=said):
        open_file(tmp_path / name, lambda: tmp_path)
    assert not (tmp_path / 'photo.sqlite').exists()
    assert not (tmp_path / 'empty.sqlite').exists()


def test_a_file_that_another_program_has_locked_is_a_sentence(tmp_path):
    path = made(tmp_path / 'tea.sqlite')
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute('BEGIN EXCLUSIVE')
        with pytest.raises(KaliError, match=r'is locked|in use|another program'):
            open_file(path, lambda: tmp_path)


@pytest.mark.parametrize(('name', 'content', 'rows', 'told'), [
    ('kunden.csv', 'Nr;Name;Betrag\n1;Müller;12,50\n2;"x\ny";3\n'.encode('cp1252'),
     [(1, 'Müller', 12.5), (2, 'x\ny', 3)], 1),
    ('kunden.tsv', 'Nr\tName\tBetrag\n1\tMüller\t12.50\n'.encode('utf-16'), [(1, 'Müller', 12.5)], 1),
    # A value that does not fit the others comes after those that the guess looked at; then all is text.
    ('kunden.csv', b'Nr,Name\n' + b'1,x\n' * 20_000 + b'007,y\nn/a,z\n', None, 1),
    # Rows with too many cells are left out, and said.
    ('kunden.csv', b'Nr,Name\n' + b'1,x\n' * 20_000 + b'2,y,z\n', None, 2),
    ('kunden.csv', b'word', [], 1),
])
def test_a_file_of_cells_becomes_a_table(tmp_path, name, content, rows, told):
    (tmp_path / name).write_bytes(content)
    records, said = opened(tmp_path / name)
    with closing(records.connection):
        found = [tuple(row) for row in records.connection.execute('SELECT * FROM kunden')]
        assert found == rows if rows is not None else found[-1] in (('n/a', 'z'), ('1', 'x'))
    assert len(said) == told
    assert (tmp_path / 'kunden.sqlite').exists()
    assert (tmp_path / name).read_bytes() == content
    records, said = opened(tmp_path / name)
    records.connection.close()
    assert 'was opened before' in said[0]
    assert [path.name for path in tmp_path.glob('*.sqlite')] == ['kunden.sqlite']


def test_another_database_of_that_name_is_left_alone(tmp_path):
    before = made(tmp_path / 'tea.sqlite').read_bytes()
    (tmp_path / 'tea.csv').write_text('a,b\n1,2\n')
    with closing(sqlite3.connect(tmp_path / 'tea.sqlite')) as other:
        other.execute('ALTER TABLE tea RENAME TO coffee')
        before = (tmp_path / 'tea.sqlite').read_bytes()
    records, _ = opened(tmp_path / 'tea.csv')
    records.connection.close()
    assert (tmp_path / 'tea 2.sqlite').exists()
    assert (tmp_path / 'tea.sqlite').read_bytes() == before


def test_the_command(tmp_path):
    path = made(tmp_path / 'tea.sqlite')
    command = [sys.executable, '-u', '-m', 'kali', 'open', '--no-window', '--port', '0']
    failed = subprocess.run([*command, str(tmp_path / 'nosuch')], capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert failed.stderr.startswith('There is no file')
    assert 'Traceback' not in failed.stderr
    with subprocess.Popen([*command, str(path)], stderr=subprocess.STDOUT, stdout=subprocess.PIPE,
                          text=True) as process:
        try:
            address = next(line for line in process.stdout if 'Serving at' in line).split()[2]
            with urlopen(f'{address}table/tea/') as page:
                assert b'Assam' in page.read()
        finally:
            process.terminate()
