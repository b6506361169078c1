"""restore: a backup from before a migration is brought up to date, or refused before anything is touched."""

import re
import sqlite3
from pathlib import Path

import pytest

from kali.errors import DatabaseError
from kali.sqlite import backup, connect, guard, migrate
from kali.sqlite.__main__ import main
from kali.sqlite.copies import backups, default_folder, make_backup
from kali.sqlite.restore import restore
from kali.testing import Client

APP = """
import sys
from kali import Response, Router, serve_http
from kali.sqlite import backup, connect, guard, migrate
db = connect(sys.argv[1])
migrate(db, sys.argv[2])
app = Router()
app.delegate('/backups', backup(db))

@app.get('/')
def all():
    return ' '.join(f'{row["text"]}:{row["done"]}' for row in db.execute('SELECT * FROM note ORDER BY id'))

serve_http(guard(app, db))
"""
STEPS = {1: 'CREATE TABLE note (id INTEGER PRIMARY KEY, text)',
         2: 'ALTER TABLE note ADD COLUMN done DEFAULT 0',
         3: "UPDATE note SET done = 1; DELETE FROM note WHERE text = 'gone'"}


def steps(folder, *numbers, **more):
    folder.mkdir(exist_ok=True)
    for number in numbers:
        (folder / f'{number}-step.sql').write_text(more.get(f's{number}', STEPS[number]))
    return folder


def text_of(reply):
    return re.sub('<[^>]*>', '', reply.text)


@pytest.fixture
def old(tmp_path):
    """A database at version 3, and its backup from version 1."""
    path = tmp_path / 'notes.db'
    db = connect(path)
    migrate(db, steps(tmp_path / 'steps', 1))
    db.executemany('INSERT INTO note (text) VALUES (?)', [('milk',), ('gone',)])
    make_backup(path, default_folder(path))
    migrate(db, steps(tmp_path / 'steps', 2, 3))
    db.execute("INSERT INTO note (text, done) VALUES ('later', 5)")
    yield db
    db.close()


def test_an_old_backup_is_brought_up_to_date(old):
    (first, *_) = backups(Path(old.path), default_folder(Path(old.path)))
    content = first.path.read_bytes()
    restore(old, first.path)
    assert [tuple(row) for row in old.execute('SELECT text, done FROM note')] == [('milk', 1)]
    assert old.execute('PRAGMA user_version').fetchone()[0] == 3
    assert first.path.read_bytes() == content
    assert not [each for each in first.path.parent.iterdir() if each.name.startswith('.update')]


def test_in_the_browser(tmp_path, old, serve):
    path = Path(old.path)
    old.close()
    served = serve(APP, str(path), str(tmp_path / 'steps'))
    page = served.get('/backups').text
    assert 'from version 1; it will be brought up to version 3' in page
    asked = served.get('/backups?choose=1').text
    assert 'it is from' not in page and 'from version 1; it will be brought' in asked
    ticket = re.search('name="ticket" value="(.*?)"', asked)[1]
    reply = served.post('/backups', {'backup': '1', 'ticket': ticket})
    assert (reply.status, reply.headers['Location']) == (303, '/backups?done=1')
    assert served.get('/').text == 'milk:1'
    served.end()


def test_a_step_that_fails_changes_nothing_and_is_said_on_the_page(tmp_path, old, serve):
    path = Path(old.path)
    old.close()
    served = serve(APP, str(path), str(tmp_path / 'steps'))
    steps(tmp_path / 'steps', 2, s2='ALTER TABLE nowhere ADD COLUMN done')
    ticket = re.search('name="ticket" value="(.*?)"', served.get('/backups?choose=1').text)[1]
    reply = served.post('/backups', {'backup': '1', 'ticket': ticket})
    assert reply.status == 500
    assert 'was not restored, and all is as it was' in text_of(reply)
    assert '2-step.sql, line 1' in text_of(reply)
    assert 'Try again' not in reply.text and 'Traceback' not in reply.text and 'The handler' not in reply.text
    assert 'later:5' in served.get('/').text
    served.end()


@pytest.mark.parametrize(('version', 'words'), [
    (3, 'version 3 of the database, and this program works with version 1: only the newer program'),
    (0, 'version 0 of the database, and this program works with version 1 and has no migrations')])
def test_what_cannot_be_used_is_refused_beforehand(path, open_db, version, words):
    """The list marks it and has no link to it; nor does a form that is sent all the same change anything."""
    db = open_db(path)
    db.execute(f'PRAGMA user_version = {version}')
    made = make_backup(path, default_folder(path))
    db.execute('PRAGMA user_version = 1')
    client = Client(guard(backup(db), db))
    page = client.get('/')
    assert words in page.text and 'choose=1' not in page.text
    asked = client.get('/?choose=1')
    assert asked.status == 409 and words in asked.text and 'Restore it' not in asked.text
    reply = client.post('/', form={'backup': '1', 'ticket': 'x'})
    assert reply.status == 409 and 'Try again' not in reply.text
    with pytest.raises(DatabaseError, match=words):
        restore(db, made)
    assert len(list(made.parent.glob('test*'))) == 1


def test_from_the_command_line(tmp_path, old, capsys):
    path = Path(old.path)
    old.close()
    assert main(['list', str(path)]) == 0
    marked = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert marked['1'].endswith('version 1 (the file: 3)')
    assert main(['restore', str(path), '1']) == 0
    assert 'It is from version 1 of the database, and what was there was version 3' in capsys.readouterr().out
    newest = str(backups(path, default_folder(path))[-1].number)
    assert main(['restore', str(path), newest]) == 0
    assert 'Use the newer program' in capsys.readouterr().out
    assert main(['restore', str(path), '1', '--migrations', str(tmp_path / 'steps')]) == 0
    assert 'It is from' not in capsys.readouterr().out
    db = sqlite3.connect(path)
    assert db.execute('SELECT text, done FROM note').fetchall() == [('milk', 1)]
    db.close()


def test_a_restored_file_is_no_longer_taken_for_damaged(old):
    path = Path(old.path)
    good = make_backup(path, default_folder(path))
    old.report_damage('The database is damaged.')
    with pytest.raises(DatabaseError, match='is damaged'):
        old.execute('BEGIN')
        old.commit()
    old.rollback()
    restore(old, good)
    old.execute('BEGIN')
    old.commit()
