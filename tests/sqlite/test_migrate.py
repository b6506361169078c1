"""migrate: numbered steps, each whole or not there; a failed one leaves the file as it was."""

import multiprocessing
import sqlite3

import pytest

from kali.errors import DatabaseError
from kali.sqlite import connect, migrate
from kali.sqlite.migrate import statements

CREATE = 'CREATE TABLE note (id INTEGER PRIMARY KEY, text);\nCREATE TABLE part (note REFERENCES note);\n'
FILL = 'def migrate(connection):\n    connection.execute("INSERT INTO note VALUES (1, ?)", ["from Python"])\n'


@pytest.fixture
def steps(tmp_path):
    """Writes steps into a folder, which it gives."""
    folder = tmp_path / 'steps'

    def write(**named):
        folder.mkdir(exist_ok=True)
        for name, text in named.items():
            number, _, kind = name[1:].partition('_')
            (folder / f'{number}-step.{kind}').write_text(text, encoding='utf-8')
        return folder
    return write


@pytest.fixture
def db(tmp_path, open_db):
    return open_db(tmp_path / 'test.db', busy_timeout=0.05)


def dump(connection):
    version = connection.execute('PRAGMA user_version').fetchone()[0]
    return version, list(connection.iterdump())


def kept(tmp_path):
    return sorted(tmp_path.glob('backups/test*'))


def test_steps_are_run_once_and_in_order(db, steps, tmp_path, on_disk):
    assert migrate(db, steps(s001_sql=CREATE, s002_py=FILL)) == 2
    assert kept(tmp_path) == []  # there was nothing to keep
    assert migrate(db, steps(s10_sql='', s003_sql="INSERT INTO note VALUES (2, 'ü');",
                             **{f's{n}_sql': '' for n in range(4, 10)})) == 10
    assert on_disk(tmp_path / 'test.db') == ['from Python', 'ü']
    assert migrate(db, steps()) == 10
    assert db.execute('PRAGMA foreign_keys').fetchone()[0] == 1
    (backup,) = kept(tmp_path)
    assert on_disk(backup) == ['from Python']
    assert on_disk(backup, 'PRAGMA user_version') == [2]


FAILURES = [
    ({'s2_sql': 'DELETE FROM note;\n\n-- oh\nINSERT INTO nite VALUES (1);\n'},
     r'2-step\.sql, line 4: INSERT INTO nite VALUES \(1\);: no such table: nite'),
    ({'s2_sql': 'DROP TABLE note; COMMIT;'}, r'2-step\.sql, line 1: COMMIT;: a step is one transaction'),
    ({'s2_sql': 'INSERT INTO part VALUES (7)'}, r'at the end of 2-step\.sql: 1 foreign keys lead nowhere, '
     r'the first in table part, row 1, to a missing note'),
    ({'s2_sql': 'DELETE FROM note;', 's3_sql': 'DROP TABLE part;', 's4_sql': 'SELEC'}, '4-step.sql, line 1'),
    ({'s2_py': 'def migrate(connection):\n    connection.execute("DELETE FROM note")\n    1 / 0'},
     r'ZeroDivisionError in 2-step\.py'),
    ({'s2_py': 'def migrate(connection):\n    connection.execute("DELETE FROM note")\n'
               '    connection.commit()'}, r'2-step\.py: a step is one transaction'),
    ({'s2_py': 'def migrate(connection):\n    connection.execute("DELETE FROM note")\n'
               '    connection.execute("ROLLBACK")\n    connection.execute("DELETE FROM note")'},
     r'2-step\.py: a step is one transaction'),
    ({'s2_py': 'import sqlite3\ndef migrate(connection):\n'
               '    connection.execute("CREATE TABLE new (x UNIQUE)")\n'
               '    connection.execute("INSERT INTO new VALUES (1)")\n    try:\n'
               '        connection.execute("INSERT OR ROLLBACK INTO new VALUES (1)")\n'
               '    except sqlite3.IntegrityError:\n        pass'},
     r'at the end of 2-step\.py: a step is one transaction'),
    ({'s2_py': ''}, r"KeyError in 2-step\.py: 'migrate'"),
    ({'s2_py': 'import nowhere.at.all'}, r'ModuleNotFoundError in 2-step\.py'),
]


@pytest.mark.parametrize(('more', 'message'), FAILURES)
def test_a_failed_step_leaves_the_old_file(db, steps, more, message):
    migrate(db, steps(s1_sql=CREATE + "INSERT INTO note VALUES (1, 'a');"))
    before = dump(db)
    with pytest.raises(DatabaseError, match=f'(?s)is as it was: .*{message}'):
        migrate(db, steps(**more))
    assert dump(db) == before
    assert not db.guarded and not db.in_transaction
    assert db.execute('PRAGMA foreign_keys').fetchone()[0] == 1


def test_a_new_file_is_left_empty(db, steps):
    with pytest.raises(DatabaseError, match='2-step'):
        migrate(db, steps(s1_sql=CREATE, s2_sql='nonsense'))
    assert dump(db) == (0, ['BEGIN TRANSACTION;', 'COMMIT;'])
    assert migrate(db, steps(s2_sql='')) == 2  # the corrected program


def test_a_table_can_be_made_anew(db, steps):
    """https://sqlite.org/lang_altertable.html section 7."""
    migrate(db, steps(s1_sql=CREATE + 'INSERT INTO note VALUES (1, 2); INSERT INTO part VALUES (1)'))
    migrate(db, steps(s2_sql='CREATE TABLE new (id INTEGER PRIMARY KEY, text TEXT); INSERT INTO new SELECT * '
                             'FROM note; DROP TABLE note; ALTER TABLE new RENAME TO note;'))
    assert db.execute('SELECT text, part.note FROM note JOIN part ON id = note').fetchone()[:] == ('2', 1)


def test_a_newer_file(db, steps):
    db.execute('PRAGMA user_version = 3')
    with pytest.raises(DatabaseError, match='newer than this program: it has version 3'):
        migrate(db, steps(s1_sql=CREATE))


def test_no_backup_no_migration(db, steps, tmp_path):
    migrate(db, steps(s1_sql=CREATE))
    (tmp_path / 'backups').write_text('in the way')
    with pytest.raises(DatabaseError, match=r'backup of .* cannot be written'):
        migrate(db, steps(s2_sql='DROP TABLE note'))
    assert dump(db)[0] == 1


@pytest.mark.parametrize(('named', 'message'), [
    ({'s2_sql': ''}, 'should be number 1'), ({'s1_sql': '', 's3_sql': ''}, 'should be number 3|number 2'),
    ({'s1_sql': '', 's01_py': ''}, 'each number once'), ({'sx_sql': ''}, 'has no number'),
    ({'s0_sql': ''}, 'has no number')])
def test_steps_out_of_order(db, steps, named, message):
    with pytest.raises(ValueError, match=message):
        migrate(db, steps(**named))


def test_no_folder(db, tmp_path):
    with pytest.raises(ValueError, match='there is no folder'):
        migrate(db, tmp_path / 'nowhere')


def test_an_open_transaction(db, steps):
    db.execute('BEGIN')
    with pytest.raises(DatabaseError, match='A transaction is open'):
        migrate(db, steps(s1_sql=CREATE))
    db.execute('ROLLBACK')


def test_a_spawned_process_does_nothing(db, steps, monkeypatch):
    monkeypatch.setattr(multiprocessing.current_process(), '_config', {})
    monkeypatch.setattr(multiprocessing.current_process(), '_name', 'SpawnProcess-1')
    assert migrate(db, steps(s1_sql=CREATE)) == 0
    assert dump(db)[0] == 0


SCRIPTS = [
    ('', []), ('  \n-- only a comment', []), (';;', []), ('/* a; b */ SELECT 1', [(1, 'SELECT 1')]),
    ("SELECT 'a;\nb';\nSELECT 2;", [(1, "SELECT 'a;\nb';"), (3, 'SELECT 2;')]),
    ('CREATE TRIGGER t AFTER INSERT ON a BEGIN\n SELECT 1;\n SELECT 2;\nEND;\nSELECT 3',
     [(1, 'CREATE TRIGGER t AFTER INSERT ON a BEGIN\n SELECT 1;\n SELECT 2;\nEND;'), (5, 'SELECT 3')]),
    ('-- one; two\nSELECT 1; -- three;\nSELECT 2', [(2, 'SELECT 1;'), (3, 'SELECT 2')]),
]


@pytest.mark.parametrize(('script', 'found'), SCRIPTS)
def test_statements(script, found):
    assert [each for each in statements(script) if each[1] != ';'] == found


def test_every_kill_leaves_a_version(tmp_path, steps):
    """A step is whole or not there, wherever the process ends: here after each of its statements."""
    folder = steps(s1_sql=CREATE, s2_sql="INSERT INTO note VALUES (1, 'a'); INSERT INTO part VALUES (1)")

    class Killed(BaseException):
        pass
    for at in range(12):
        file = tmp_path / f'{at}.db'
        connection, left = connect(file), at

        def count(sql):
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed
        connection.note = count
        try:
            migrate(connection, folder)
        except Killed:
            pass
        connection.close()
        looked = sqlite3.connect(file)
        version = looked.execute('PRAGMA user_version').fetchone()[0]
        tables = looked.execute('SELECT count(*) FROM sqlite_master').fetchone()[0]
        rows = looked.execute('SELECT count(*) FROM note').fetchone()[0] if version else 0
        looked.close()
        assert (version, tables, rows) in [(0, 0, 0), (2, 2, 1)]
    assert version == 2


def test_a_step_may_have_savepoints(db, steps):
    assert migrate(db, steps(s1_sql='SAVEPOINT s; CREATE TABLE a (b); ROLLBACK TO s; RELEASE s;')) == 1


def test_only_connections_of_kali(tmp_path, steps):
    connection = sqlite3.connect(tmp_path / 'other.db')
    with pytest.raises(TypeError, match=r'kali\.sqlite\.connect'):
        migrate(connection, steps(s1_sql=''))
    connection.close()
