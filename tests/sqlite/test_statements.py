"""statements: SQL is cut as SQLite cuts it, and a statement that ends a transaction is known however it is
spelled."""

import sqlite3

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from kali.errors import DatabaseError
from kali.http.request import Request
from kali.sqlite import guard
from kali.sqlite.statements import (
    calls_itself,
    change,
    changed_setting,
    ends_transaction,
    first_keyword,
    statements,
    tokens,
    written_tables,
)
from tests.sqlite.conftest import answered


@pytest.mark.parametrize(('sql', 'keyword'), [
    ('COMMIT', 'COMMIT'), ('\ufeffcommit', 'COMMIT'), (' \ufeff\ufeff ;\ufeff End', 'END'),
    (' \t\n\f\r\vROLLBACK', 'ROLLBACK'), ('\vROLLBACK', ''), ('\xa0COMMIT', ''), ('\u2028COMMIT', ''),
    ('-- COMMIT\nSELECT 1', 'SELECT'), ('--COMMIT', ''), ('-- a\r COMMIT', ''), ('- COMMIT', ''),
    ('/**/COMMIT', 'COMMIT'), ('/*/ COMMIT */END', 'END'), ('/* COMMIT', ''), ('/*', ''),
    ("/* a */ INSERT INTO note VALUES ('*/ COMMIT')", 'INSERT'), (';;/* ; */;BEGIN', 'BEGIN'),
    ("'COMMIT'", ''), ('"COMMIT"', ''), ('COMMIT\ufeff', ''), ('', ''), (';', ''),
    ('EXPLAIN COMMIT', 'EXPLAIN'),
])
def test_first_keyword(sql, keyword):
    assert first_keyword(sql) == keyword


PIECES = [' ', '\t', '\n', '\f', '\r', '\v', '\ufeff', '\xa0', '\x1c', '\u2028', '--x', '--x\n', '/*', '*/',
          '/**/', '/* COMMIT */', '/*/', ';', 'COMMIT', 'end', 'ROLLBACK', 'To', 's', 'TRANSACTION',
          'SAVEPOINT', '"TO"', "'TO'", '[TO]', 'EXPLAIN', 'RELEASE', 'BEGIN', 'SELECT 1', 'x', '.']


@given(some.lists(some.sampled_from(PIECES), min_size=1, max_size=7).map(''.join))
@example('\ufeffCOMMIT')
@example('ROLLBACK/**/TRANSACTION"TO"')
@example('ROLLBACK TRANSACTION x TO s')
def test_what_ends_a_transaction_is_what_sqlite_says(sql):
    db = sqlite3.connect(':memory:', isolation_level=None)
    db.execute('BEGIN')
    db.execute('SAVEPOINT s')
    try:
        db.execute(sql)
        ended = not db.in_transaction
    except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
        if 'within a transaction' not in str(error):
            return  # no statement, so it does nothing
        ended = True  # BEGIN
    finally:
        db.close()
    assert ends_transaction(sql) == ended


@pytest.mark.parametrize(('sql', 'name'), [
    ('PRAGMA query_only = 0', 'query_only'), ('\ufeffpragma/**/main . "Journal_Mode"(off)', 'journal_mode'),
    ('PRAGMA temp.[writable_schema]=1', 'writable_schema'), ('PRAGMA journal_mode', ''), ('PRAGMA', ''),
    ('PRAGMA main.journal_mode', ''), ('SELECT query_only = 1', ''), ('EXPLAIN PRAGMA query_only = 1', ''),
])
def test_changed_setting(sql, name):
    assert changed_setting(sql) == name


@pytest.mark.parametrize(('body', 'written'), [
    ('INSERT INTO a VALUES (1);', {'a'}),
    ('INSERT OR REPLACE INTO "b ""c" SELECT * FROM d;', {'b "c'}),
    ("SELECT RAISE(ABORT, '; DELETE FROM e') WHERE 1; /* ; DELETE FROM f */ replace into [g h] values (1);",
     {'g h'}),
    ('UPDATE OR ROLLBACK a SET x = CASE WHEN 1 THEN 2 END; DELETE FROM `b`;', {'a', 'b'}),
    ("INSERT INTO f(f, rowid) VALUES ('delete', old.rowid); INSERT INTO f(rowid) VALUES (1);", {'f'}),
    ('SELECT 1;', set()),
])
def test_written_tables(body, written):
    sql = f'CREATE TRIGGER "update" AFTER UPDATE OF "begin", x ON note WHEN new.x > 1 BEGIN {body} END'
    assert written_tables(sql) == written


@pytest.mark.parametrize(('rest', 'recurs'), [
    ('AFTER UPDATE ON actor BEGIN UPDATE actor SET last = 1 WHERE rowid = new.rowid; END', True),
    ('AFTER UPDATE ON "actor" FOR EACH ROW BEGIN SELECT 1; UPDATE OR IGNORE [Actor] SET last=1; END', True),
    ('UPDATE OF name, last ON actor BEGIN UPDATE actor SET last = 1 WHERE actor.id = OLD.id; END', True),
    ('UPDATE OF name ON actor BEGIN UPDATE actor SET last = 1 WHERE id = new.id; END', False),
    ('AFTER UPDATE ON actor WHEN new.last <> 1 BEGIN UPDATE actor SET last = 1 WHERE id = 1; END', False),
    ('AFTER UPDATE ON actor BEGIN UPDATE actor SET last = 1 WHERE id = new.id AND last <> 1; END', False),
    ('UPDATE ON actor BEGIN UPDATE actor SET last = 1 WHERE boss = new.id; END', False),
    ('UPDATE ON actor BEGIN UPDATE film SET last = 1 WHERE id = new.id; END', False),
    ('AFTER INSERT ON actor BEGIN UPDATE actor SET last = 1 WHERE rowid = new.rowid; END', False),
    ('UPDATE ON actor BEGIN DELETE FROM actor WHERE id = new.id; END', False)])
def test_calls_itself_agrees_with_sqlite(rest, recurs):
    db = sqlite3.connect(':memory:', isolation_level=None)
    db.execute('CREATE TABLE actor (id INTEGER PRIMARY KEY, name, last, boss)')
    db.execute('CREATE TABLE film (id, last)')
    db.execute('INSERT INTO actor VALUES (1, 2, 3, NULL)')
    db.execute(f'CREATE TRIGGER "update" {rest}')
    db.execute('PRAGMA recursive_triggers = ON')
    assert calls_itself(f'CREATE TRIGGER "update" {rest}', 'actor') is recurs
    try:
        db.execute('UPDATE actor SET name = 5')
        found = False
    except sqlite3.OperationalError as error:
        found = 'recursion' in str(error)
    db.close()
    assert found is recurs


def test_statements_of_a_script_join_to_the_script():
    script = "-- a\n;CREATE TABLE a (b);;\n/* ; */ INSERT INTO a VALUES (';'); ;\n\ufeffSELECT 1 -- end"
    found = list(statements(script))
    assert [line for line, _ in found] == [2, 3, 4]
    assert [first_keyword(sql) for _, sql in found] == ['CREATE', 'INSERT', 'SELECT']


@pytest.mark.parametrize('sql, expected', [
    ('SELECT 1', ('', '')),
    ("INSERT INTO bike VALUES ('a') ON CONFLICT (a) DO UPDATE SET a = 'b'", ('INSERT', 'bike')),
    ('WITH old AS (SELECT * FROM a) DELETE FROM [my bikes]', ('DELETE', 'my bikes')),
    ('/* DELETE FROM a */ UPDATE OR FAIL temp . "b c" SET d = 1', ('UPDATE', 'b c')),
    ('REPLACE', ('REPLACE', '')),
    ('CREATE TEMP TABLE IF NOT EXISTS a (b)', ('CREATE', 'a')),
    ('CREATE TRIGGER a AFTER INSERT ON b BEGIN DELETE FROM c; END', ('', '')),
])
def test_what_a_statement_changes(sql, expected):
    assert change(sql) == expected


@given(some.text(alphabet=some.sampled_from('ab \n\'"`[]();-/*\ufeff')))
def test_tokens_lose_nothing_but_blanks(sql):
    joined, place = ''.join(tokens(sql)), 0
    for letter in joined:
        place = sql.index(letter, place) + 1


@pytest.mark.parametrize('sql', [
    '\ufeffCOMMIT', ' \ufeff;END', '/* a */\ufeff-- b\nROLLBACK', '; \vBEGIN',
    'rollback transaction', 'ROLLBACK TRANSACTION "TO"', 'COMMIT /* never finished',
    'PRAGMA writable_schema = 1',
    'PRAGMA main.synchronous(0)', '/**/PRAGMA/**/journal_mode=off'])
@pytest.mark.parametrize('method', ['POST', 'GET'])
def test_a_request_cannot(db, path, on_disk, sql, method):
    """What would end its transaction, or change what kali's promises rest on, is refused before it runs."""
    def save(request):
        if method == 'POST':
            db.execute("INSERT INTO note (text) VALUES ('half')")
        try:
            db.execute(sql)
        except sqlite3.Error:
            pass
        return 'Saved'
    answer = answered(guard(save, db), Request(method, '/'))
    refused = method == 'POST' or 'PRAGMA' in sql
    assert answer.status == (500 if refused else 200)
    assert on_disk(path) == []
    assert not db.in_transaction and not db.guarded
    assert db.execute('PRAGMA synchronous').fetchone()[0] == 3


@pytest.mark.parametrize('sql', [
    "/* a */ INSERT INTO note (text) VALUES ('*/ COMMIT')", "INSERT INTO note (text) VALUES ('; COMMIT')",
    '-- COMMIT\nINSERT INTO note (text) VALUES (1)', 'EXPLAIN COMMIT', 'PRAGMA journal_mode',
    'ROLLBACK /* all */ TO s', 'ROLLBACK TRANSACTION TO SAVEPOINT s', 'RELEASE s', 'PRAGMA user_version = 7'])
def test_a_request_can(db, sql):
    def save(request):
        db.execute('SAVEPOINT s')
        db.execute(sql).fetchall()
        return 'Saved'
    assert guard(save, db)(Request('POST', '/')).status == 200


def test_several_statements_at_once_do_not_run(db, path, on_disk):
    def save(request):
        db.execute("INSERT INTO note (text) VALUES ('half'); COMMIT")
    with pytest.raises((sqlite3.Error, sqlite3.Warning)):
        guard(save, db)(Request('POST', '/'))
    assert on_disk(path) == [] and not db.in_transaction
    with pytest.raises(DatabaseError, match='executescript'):
        db.execute('BEGIN')
        db.hold()
        try:
            db.executescript('COMMIT')
        finally:
            db.release()
            db.rollback()
