"""undo, whatever SQLite can do to rows: after any steps, undos, redos, failures and restarts, in any order,
the database is what it was at that place of the history, to the last bit."""

import sqlite3
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from kali.sqlite import atomic, connect, undo

# Keys that are text, refer to their own table and change; rows whose key is a reference; actions of all
# kinds; clauses that let other rows give way; triggers that change their own table, others, and the row that
# is being changed; columns that are computed.
SCHEMA = """
CREATE TABLE place (code TEXT PRIMARY KEY, inside TEXT REFERENCES place ON UPDATE CASCADE ON DELETE CASCADE
    DEFERRABLE INITIALLY DEFERRED, changes INTEGER DEFAULT 0, name UNIQUE ON CONFLICT REPLACE);
CREATE TABLE stock (code TEXT REFERENCES place ON UPDATE CASCADE ON DELETE CASCADE, part ANY,
    amount REAL, doubled AS (amount * 2) STORED, PRIMARY KEY (part, code)) WITHOUT ROWID;
CREATE TABLE visit (number INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT DEFAULT NULL
    REFERENCES place ON DELETE SET DEFAULT ON UPDATE SET NULL DEFERRABLE INITIALLY DEFERRED, what,
    kind AS (typeof(what)));
CREATE TABLE audit (rowid, "a ""b"" c" BLOB, said TEXT);
CREATE UNIQUE INDEX once_said ON audit (said) WHERE said LIKE 'once%';
CREATE TRIGGER touched AFTER UPDATE OF code, part, amount ON stock
    BEGIN UPDATE place SET changes = changes + 1 WHERE code = new.code; END;
CREATE TRIGGER renamed AFTER UPDATE OF name ON place WHEN length(CAST(new.name AS BLOB)) < 3
    BEGIN UPDATE place SET name = new.name || '.' WHERE code = new.code; END;
CREATE TRIGGER arrives BEFORE INSERT ON visit BEGIN INSERT INTO audit VALUES (1, new.what, 'arrives'); END;
CREATE TRIGGER leaves AFTER DELETE ON visit
    BEGIN UPDATE audit SET "a ""b"" c" = old.number WHERE said = 'arrives'; END;
CREATE TRIGGER closes AFTER DELETE ON place BEGIN DELETE FROM audit WHERE said = 'arrives'; END;
"""
TABLES = {'place': 'rowid', 'stock': 'NULL', 'visit': 'rowid', 'audit': '_rowid_'}
COLUMNS = {'place': 'code inside changes name', 'stock': 'code part amount doubled',
           'visit': 'number code what kind', 'audit': 'rowid "a_""b""_c" said'}

CODES, SMALL = st.sampled_from(['a', 'b', 'A', 'c']), st.integers(1, 4)
VALUES = st.one_of(
    st.none(), st.integers(-2**63, 2**63 - 1), st.floats(allow_nan=False), st.text(max_size=3),
    st.binary(max_size=3), st.sampled_from([2**63 - 1, -2**63, -0.0, float('inf'), 'nul\0nul', '1', 1, 1.0]))


def statement(sql, *values):
    return st.tuples(st.just(sql), *values)


STATEMENTS = st.one_of(
    statement('INSERT INTO place (code, inside, name) VALUES (?, ?, ?)', CODES, st.none() | CODES, VALUES),
    statement('INSERT OR IGNORE INTO place (code, inside) VALUES (?, ?)', CODES, CODES),
    statement('REPLACE INTO place (code, name) VALUES (?, ?)', CODES, VALUES),
    statement('INSERT INTO place (code, name) VALUES (?, ?) ON CONFLICT (code) DO UPDATE SET '
              'name = excluded.name, code = code || code', CODES, VALUES),
    statement('UPDATE place SET code = ? WHERE code = ?', CODES, CODES),
    statement('UPDATE OR REPLACE place SET code = ?, rowid = ? WHERE code = ?', CODES, SMALL, CODES),
    statement('UPDATE OR IGNORE place SET code = ?', CODES),
    statement('UPDATE place SET inside = code WHERE code = ?', CODES),
    statement('UPDATE place SET rowid = -rowid, code = code || ?', CODES),
    statement('DELETE FROM place WHERE code = ?', CODES), statement('DELETE FROM place'),
    statement('INSERT INTO stock VALUES (?, ?, ?)', CODES, VALUES, VALUES),
    statement('REPLACE INTO stock VALUES (?, ?, ?)', CODES, SMALL, VALUES),
    statement('UPDATE OR REPLACE stock SET part = ?, code = ? WHERE part = ?', SMALL, CODES, SMALL),
    statement('UPDATE OR FAIL stock SET part = ?', SMALL),
    statement('DELETE FROM stock WHERE part = ?', SMALL),
    statement('INSERT INTO visit (code, what) VALUES (?, ?)', st.none() | CODES, VALUES),
    statement('UPDATE visit SET number = ?, what = ? WHERE number = ?', SMALL, VALUES, SMALL),
    statement('DELETE FROM visit WHERE number = ?', SMALL),
    statement('INSERT INTO audit VALUES (?, ?, ?)', VALUES, VALUES, st.sampled_from(['once', 'twice'])),
    statement('REPLACE INTO audit VALUES (1, ?, ?)', VALUES, st.sampled_from(['once', 'twice'])),
    statement("INSERT INTO audit VALUES (1, x'00ff', CAST(x'ff00fe' AS TEXT))"),  # text that is no UTF-8
    statement('UPDATE audit SET _rowid_ = _rowid_ + 3, rowid = NULL'), statement('DELETE FROM audit'))
ACTIONS = st.one_of(
    st.tuples(st.sampled_from(['step', 'step', 'step', 'outside', 'fail', 'half']),
              st.lists(STATEMENTS, min_size=1, max_size=4)),
    st.tuples(st.sampled_from(['undo', 'undo', 'redo', 'reopen']), st.none()))


def content(db):
    """All rows, each value with its type and bytes."""
    state = {}
    for table, rowid in TABLES.items():
        names = [name.replace('_', ' ') for name in COLUMNS[table].split()]
        columns = ', '.join(f'typeof({name}), hex({name}), quote(CAST({name} AS BLOB))' for name in names)
        state[table] = sorted(map(repr, map(tuple, db.execute(f'SELECT {rowid}, {columns} FROM {table}'))))
    triggers = db.execute("SELECT name FROM main.sqlite_master WHERE type = 'trigger' ORDER BY rowid")
    state['triggers'] = [row[0] for row in triggers]
    return state


def newest(db):
    """The last step that is not undone."""
    return db.execute('SELECT max(id) FROM kali_undo_step WHERE undone = 0').fetchone()[0]


class Refused(Exception):
    """Takes a step back."""


def execute(db, statements):
    for sql, *values in statements:
        try:
            db.execute(sql, values)
        except sqlite3.IntegrityError:
            pass


def perform(db, history, do, statements, title):
    """Write; what fails at the end, or is to, has not happened."""
    try:
        if do == 'outside':
            with atomic(db):
                execute(db, statements)
            with history.step('nothing'):  # where that is found
                pass
            return
        with history.step(title):
            execute(db, statements[:1])
            try:
                with atomic(db):
                    execute(db, statements[1:])
                    if do == 'half':
                        raise Refused
            except Refused:
                pass
            if do == 'fail':
                raise Refused
    except (Refused, sqlite3.IntegrityError):  # the latter by a deferred foreign key
        pass


@given(actions=st.lists(ACTIONS, min_size=3, max_size=14), persistent=st.booleans())
@settings(max_examples=150, deadline=None)
def test_the_database_is_what_it_was_at_each_place_of_the_history(actions, persistent):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'test.db') if persistent else ':memory:'
        db = connect(path)
        db.execute('PRAGMA synchronous = OFF')
        db.executescript(SCHEMA)
        history = undo(db, TABLES, persistent=persistent)
        states, at = [content(db)], 0  # at each place of the history; and where it is now
        for number, (do, statements) in enumerate(actions):
            if do == 'reopen':
                if persistent:
                    db.close()
                    db = connect(path)
                    db.execute('PRAGMA synchronous = OFF')
                    history = undo(db, TABLES, persistent=True)
            elif do == 'undo':
                assert (history.undo() is None) == (at == 0)
                at = max(0, at - 1)
            elif do == 'redo':
                assert (history.redo() is None) == (at == len(states) - 1)
                at = min(len(states) - 1, at + 1)
            else:
                before = newest(db)
                perform(db, history, do, statements, f'step {number}')
                if newest(db) != before:
                    at += 1
                    states[at:] = [content(db)]
            assert content(db) == states[at], do
            assert history.notice == ''
        while at:
            at -= 1
            assert history.undo()
            assert content(db) == states[at]
        assert history.undo() is None
        for state in states[1:]:
            assert history.redo()
            assert content(db) == state
        assert history.redo() is None
        db.close()
