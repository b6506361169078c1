"""What a file's schema uses decides what is trusted; what the program adds is there for every connection."""

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as some

from kali.errors import DatabaseError
from kali.http.request import Request
from kali.sqlite import backup, connect, guard, migrate
from kali.sqlite.__main__ import main
from kali.sqlite.copies import backups, default_folder, make_backup
from kali.sqlite.functions import fold
from kali.sqlite.restore import restore, restore_file

with closing(sqlite3.connect(':memory:')) as memory:
    MODULES = {row[0] for row in memory.execute('SELECT name FROM pragma_module_list')}


def reversed_text(connection):
    """A function and a collation of a program's own."""
    connection.create_function('backwards', 1, lambda text: None if text is None else text[::-1],
                               deterministic=True)
    connection.create_collation('LENGTH', lambda a, b: len(a) - len(b))


# Schemas, a statement that uses them, and whether they need what the program registers.
SCHEMAS = {
    'fts5': ("""CREATE TABLE note (id INTEGER PRIMARY KEY, text);
        CREATE VIRTUAL TABLE found USING fts5(text, content='note', content_rowid='id');
        CREATE TRIGGER note_ai AFTER INSERT ON note BEGIN
            INSERT INTO found(rowid, text) VALUES (new.id, new.text); END;""",
             "INSERT INTO note (text) VALUES ('milk')", False),
    'fts4': ("""CREATE TABLE note (id INTEGER PRIMARY KEY, text);
        CREATE VIRTUAL TABLE found USING fts4(text);
        CREATE TRIGGER note_ai AFTER INSERT ON note BEGIN
            INSERT INTO found(docid, text) VALUES (new.id, new.text); END;""",
             "INSERT INTO note (text) VALUES ('milk')", False),
    'rtree': ("""CREATE TABLE place (id INTEGER PRIMARY KEY, x);
        CREATE VIRTUAL TABLE area USING rtree(id, a, b);
        CREATE TRIGGER place_ai AFTER INSERT ON place BEGIN
            INSERT INTO area VALUES (new.id, new.x, new.x + 1); END;""",
              'INSERT INTO place (x) VALUES (3)', False),
    'pragma in a view': ("CREATE TABLE note (text); CREATE VIEW columns AS "
                         "SELECT name FROM pragma_table_info('note')", 'SELECT * FROM columns', False),
    'json in a CHECK': ('CREATE TABLE note (data CHECK (json_valid(data)))',
                        """INSERT INTO note VALUES ('{"a": 1}')""", False),
    'json in a column': ("CREATE TABLE note (data, name AS (json_extract(data, '$.name')) STORED)",
                         """INSERT INTO note (data) VALUES ('{"name": 1}')""", False),
    'json in an index': ("CREATE TABLE note (data); "
                         "CREATE INDEX names ON note (json_extract(data, '$.name'))",
                         """INSERT INTO note VALUES ('{"name": 1}')""", False),
    'fold in an index': ('CREATE TABLE note (text); CREATE UNIQUE INDEX folded ON note (fold(text))',
                         "INSERT INTO note VALUES ('Zoë')", False),
    'function in a CHECK': ('CREATE TABLE note (text CHECK (backwards(text) <> text))',
                            "INSERT INTO note VALUES ('ab')", True),
    'function in an index': ('CREATE TABLE note (text); CREATE INDEX back ON note (backwards(text))',
                             "INSERT INTO note VALUES ('ab')", True),
    'collation': ('CREATE TABLE note (text COLLATE LENGTH UNIQUE)', "INSERT INTO note VALUES ('ab')", True),
    'function in a trigger': ("""CREATE TABLE note (text, back);
        CREATE TRIGGER turn AFTER INSERT ON note BEGIN
            UPDATE note SET back = backwards(new.text) WHERE rowid = new.rowid; END""",
                              "INSERT INTO note (text) VALUES ('ab')", True),
}
EACH = pytest.mark.parametrize('name', [name for name in SCHEMAS if name not in ('fts5', 'fts4', 'rtree')
                                        or name in MODULES])


@pytest.fixture
def made(tmp_path):
    """Makes a file with one of the schemas, by sqlite3 alone."""
    def make(name):
        path = tmp_path / 'made.db'
        db = sqlite3.connect(path)
        reversed_text(db)
        db.create_function('fold', 1, fold, deterministic=True)
        db.executescript(SCHEMAS[name][0])
        db.execute(SCHEMAS[name][1]).fetchall()
        db.commit()
        db.close()
        return path
    return make


@EACH
def test_a_file_with_such_a_schema_is_used_backed_up_and_restored(made, open_db, name):
    path, (_, sql, own) = made(name), SCHEMAS[name]
    prepare = reversed_text if own else None
    db = open_db(path, prepare=prepare)
    db.execute('PRAGMA optimize')
    if 'UNIQUE' in SCHEMAS[name][0]:
        sql = sql.replace('Zoë', 'Ann').replace("'ab'", "'abc'")
    assert guard(lambda request: db.execute(sql).rowcount and None, db)(Request('POST', '/')).status == 200
    with backup(db):
        pass
    kept = make_backup(path, default_folder(path), prepare=prepare)
    before = list(db.iterdump())
    restore(db, kept)
    db.close()
    restore_file(path, kept)  # by the command line, which has nothing of the program's
    db = open_db(path, prepare=prepare)
    assert list(db.iterdump()) == before
    assert main(['backup', str(path)]) == 0


@EACH
def test_a_program_makes_such_a_schema_itself(tmp_path, open_db, name):
    """No restart is needed between making it and using it: by a script, statements or a migration."""
    schema, sql, own = SCHEMAS[name]
    for way in ('script', 'whole', 'migration'):
        db = open_db(tmp_path / f'{way}.db', prepare=reversed_text if own else None)
        if way == 'script':
            db.executescript(schema)
        elif way == 'whole':
            db.executescript(f'{schema}; {sql};')
        else:
            (tmp_path / '1-first.sql').write_text(f'{schema};\n{sql};', encoding='utf-8')
            migrate(db, tmp_path)
        if 'UNIQUE' in schema:
            db.execute('DELETE FROM note')
        if sql.startswith('INSERT'):
            db.executemany(sql, [()])
        else:
            assert db.execute(sql).fetchall()


@pytest.mark.parametrize(('name', 'words'), [
    ('function in a CHECK', 'unknown function: backwards'),
    ('function in an index', 'unknown function: backwards'),
    ('collation', 'no such collation sequence: LENGTH')])
def test_what_the_program_has_not_registered_is_named(made, open_db, name, words):
    path = made(name)
    with pytest.raises(DatabaseError, match=rf'made\.db cannot be used.*{words}.*prepare=function'):
        connect(path)
    assert open_db(path, read_only=True).execute('SELECT count(*) FROM note').fetchone()[0] == 1
    assert make_backup(path, default_folder(path)).exists()


def test_the_protection_stays_on_where_nothing_needs_it(path, open_db, caplog):
    db = open_db(path)
    assert not db.trust.on and db.execute('PRAGMA trusted_schema').fetchone()[0] == 0
    db.execute("CREATE VIEW columns AS SELECT name FROM pragma_table_info('note')")
    assert len(db.execute('SELECT * FROM columns').fetchall()) == 2
    assert db.trust.on
    db.close()
    with caplog.at_level('INFO', 'kali'):
        open_db(path)
    assert 'trusted_schema ON (for virtual table "pragma_table_info")' in caplog.text


def test_a_schema_that_waits_for_a_function_is_not_trusted(path, open_db):
    """A file from elsewhere has a trigger that calls what only this program has, and needs trust besides."""
    db = sqlite3.connect(path)
    db.executescript("""CREATE VIEW columns AS SELECT name FROM pragma_table_info('note');
        CREATE TRIGGER spy AFTER INSERT ON note BEGIN SELECT send_mail(new.text); END""")
    db.close()
    db, sent = open_db(path), []
    assert not db.trust.on and 'send_mail' in str(db.trust)
    db.create_function('send_mail', 1, sent.append)
    db.execute('CREATE TABLE other (text)')
    app = guard(lambda request: db.execute("INSERT INTO note (text) VALUES ('secret')").rowcount, db)
    with pytest.raises(DatabaseError, match=r'unsafe use of send_mail\(\).*prepare=function'):
        app(Request('POST', '/'))
    assert sent == []
    db.execute("SELECT send_mail('hello')")
    assert sent == ['hello']


def test_trust_is_decided_once_for_a_trigger_of_another_table(path, open_db):
    db = open_db(path)
    db.execute('BEGIN')
    db.execute('CREATE TABLE log (name)')
    db.execute("CREATE TRIGGER t AFTER INSERT ON note BEGIN INSERT INTO log SELECT name FROM "
               "pragma_table_info('note'); END")
    db.executemany('INSERT INTO note (text) VALUES (?)', iter([('a',), ('b',)]))
    db.execute('COMMIT')
    assert db.execute('SELECT count(*) FROM note').fetchone()[0] == 2
    assert db.execute('SELECT count(*) FROM log').fetchone()[0] == 4


@pytest.mark.parametrize(('text', 'folded'), [
    ('Müller', 'muller'), ('ÅNGSTRÖM', 'angstrom'), ('Ἀθῆναι', 'αθηναι'), ('Й', 'и'),
    ('İstanbul', 'istanbul'),
    ('Łódź', 'lodz'), ('Straße', 'strasse'), ('\ufb01n', 'fin'), ('e\u0301', 'e'), ('हिन्दी', 'हिन्दी'),
    ('한국어', '한국어'), ('\uff21\uff22', 'ab'), ('', ''), (None, None), (5, 5), (2.5, 2.5),
    (b'\xff', b'\xff')])
def test_fold(open_db, text, folded):
    db = open_db(':memory:')
    sql = 'SELECT fold(?), typeof(fold(?)) = typeof(?)'
    assert tuple(db.execute(sql, [text] * 3).fetchone()) == (folded, 1)
    assert db.execute('SELECT casefold(?)', [text]).fetchone()[0] == (
        text.casefold() if isinstance(text, str) else text)


@given(some.text())
def test_folding_twice_changes_nothing_more(text):
    assert fold(fold(text)) == fold(text) == fold(text.upper().lower()) or 'ς' in text.lower()


FAULTS = [
    ("malformed database schema (note) - near \"STRICT\": syntax error", 'cannot read the tables'),
    ('cannot VACUUM from within a transaction', 'cannot do this within a transaction'),
    ('cannot change into wal mode from within a transaction', 'cannot do this within a transaction'),
    ('database table is locked', 'a SELECT of this one'),
    ('locking protocol', 'in use by many'),
]


@pytest.mark.parametrize(('error', 'words'), FAULTS)
def test_the_words_fit_the_cause(error, words):
    from kali.sqlite.faults import explain
    assert words in str(explain(sqlite3.OperationalError(error), 'test.db'))


def test_a_schema_of_a_newer_sqlite_is_no_damage(path):
    db = sqlite3.connect(path)
    db.execute('PRAGMA writable_schema = ON')
    db.execute("UPDATE sqlite_master SET sql = 'CREATE TABLE note (id, text) FUTURE' WHERE name = 'note'")
    db.commit()
    db.close()
    with pytest.raises(DatabaseError, match='cannot read the tables'):
        connect(path)


def test_a_failing_backup_is_put_in_the_words_of_its_cause(made, monkeypatch):
    from kali.sqlite import copies
    path = made('collation')

    def fail(*arguments):
        raise sqlite3.OperationalError('no such collation sequence: LENGTH')
    monkeypatch.setattr(copies, '_copy', fail)
    with pytest.raises(DatabaseError, match='could be made: no such collation') as caught:
        make_backup(path, default_folder(path))
    assert 'room' not in str(caught.value)
    assert backups(path, default_folder(path)) == []
