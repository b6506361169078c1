"""undo beside virtual tables that triggers keep in step: after each undo and redo the index is right, finds
what is there, and nothing else. And tables of every kind and width."""

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kali.sqlite import connect, undo
from kali.sqlite.watch import all_tables

NOTE = 'CREATE TABLE note (id INTEGER PRIMARY KEY, title TEXT, body TEXT);'
OWN = """CREATE TRIGGER note_ai AFTER INSERT ON note BEGIN
    INSERT INTO found ({row}, title, body) VALUES (new.id, new.title, new.body); END;
CREATE TRIGGER note_bd BEFORE DELETE ON note BEGIN DELETE FROM found WHERE {row} = old.id; END;
CREATE TRIGGER note_bu BEFORE UPDATE ON note BEGIN DELETE FROM found WHERE {row} = old.id; END;
CREATE TRIGGER note_au AFTER UPDATE ON note BEGIN
    INSERT INTO found ({row}, title, body) VALUES (new.id, new.title, new.body); END;"""
# https://sqlite.org/fts5.html#external_content_tables
OUTSIDE = """CREATE TRIGGER note_ai AFTER INSERT ON note BEGIN
    INSERT INTO found (rowid, title, body) VALUES (new.id, new.title, new.body); END;
CREATE TRIGGER note_ad AFTER DELETE ON note BEGIN
    INSERT INTO found (found, rowid, title, body) VALUES ('delete', old.id, old.title, old.body); END;
CREATE TRIGGER note_au AFTER UPDATE ON note BEGIN
    INSERT INTO found (found, rowid, title, body) VALUES ('delete', old.id, old.title, old.body);
    INSERT INTO found (rowid, title, body) VALUES (new.id, new.title, new.body); END;"""
FULL_TEXT = {
    'fts5 of its own': ('CREATE VIRTUAL TABLE found USING fts5(title, body);' + OWN.format(row='rowid')),
    'fts5 outside': ("CREATE VIRTUAL TABLE found USING fts5(title, body, content='note', content_rowid='id');"
                     + OUTSIDE),
    'fts5 without': ("CREATE VIRTUAL TABLE found USING fts5(title, body, content='');" + OUTSIDE),
    'fts4 of its own': ('CREATE VIRTUAL TABLE found USING fts4(title, body);' + OWN.format(row='docid')),
    'fts4 outside': ('CREATE VIRTUAL TABLE found USING fts4(content="note", title, body);'
                     + OWN.format(row='docid')),
}
# Beside the index: a table whose rows go with a note, and a trigger of the ordinary kind.
BESIDE = """CREATE TABLE part (note INTEGER REFERENCES note ON DELETE CASCADE ON UPDATE CASCADE, what);
CREATE TRIGGER shouted AFTER UPDATE OF title ON note WHEN new.title = 'a' BEGIN
    UPDATE part SET what = what || '!' WHERE note = new.id; END;"""

with closing(sqlite3.connect(':memory:')) as memory:
    MODULES = {row[0] for row in memory.execute('SELECT name FROM pragma_module_list')}
KINDS = [kind for kind in FULL_TEXT if kind[:4] in MODULES]

WORDS, KEYS = st.lists(st.sampled_from('abc'), max_size=3).map(' '.join), st.integers(1, 4)
STATEMENTS = st.one_of(
    st.tuples(st.just('INSERT INTO note (title, body) VALUES (?, ?)'), WORDS, WORDS),
    st.tuples(st.just('REPLACE INTO note VALUES (?, ?, ?)'), KEYS, WORDS, WORDS),
    st.tuples(st.just('UPDATE note SET title = ? WHERE id = ?'), WORDS, KEYS),
    st.tuples(st.just('UPDATE note SET body = ?'), WORDS),
    st.tuples(st.just('UPDATE note SET id = id + 10 WHERE id = ?'), KEYS),
    st.tuples(st.just('DELETE FROM note WHERE id = ?'), KEYS), st.tuples(st.just('DELETE FROM note')),
    st.tuples(st.just('INSERT INTO part SELECT max(id), ? FROM note'), WORDS))
ACTIONS = st.lists(st.sampled_from(['undo', 'undo', 'redo']) | st.lists(STATEMENTS, min_size=1, max_size=3),
                   min_size=2, max_size=12)


def expect_in_step(db):
    """The index agrees with the table, and with itself."""
    db.execute("INSERT INTO found (found) VALUES ('integrity-check')")
    for word in 'abc':
        found = db.execute('SELECT rowid FROM found WHERE found MATCH ? ORDER BY rowid', [word])
        there = db.execute("SELECT id FROM note WHERE title || ' ' || body LIKE ? ORDER BY id", [f'%{word}%'])
        assert [row[0] for row in found] == [row[0] for row in there]


@pytest.mark.parametrize('kind', KINDS)
@given(actions=ACTIONS)
@settings(max_examples=40, deadline=None)
def test_full_text_search_stays_in_step(kind, actions):
    db = connect(':memory:')
    db.executescript(NOTE + FULL_TEXT[kind] + BESIDE)
    history = undo(db)
    for number, action in enumerate([*actions, *['undo'] * 12, *['redo'] * 12]):
        if action == 'undo':
            history.undo()
        elif action == 'redo':
            history.redo()
        else:
            with history.step(f'step {number}'):
                for sql, *values in action:
                    try:
                        db.execute(sql, values)
                    except sqlite3.IntegrityError:
                        pass
        assert history.notice == ''
        expect_in_step(db)
    triggers = db.execute("SELECT count(*) FROM main.sqlite_master WHERE type = 'trigger'").fetchone()[0]
    assert triggers == FULL_TEXT[kind].count('CREATE TRIGGER') + 1
    db.close()


@pytest.mark.skipif('rtree' not in MODULES, reason='this SQLite has no R*Tree')
def test_an_r_tree_stays_in_step(tmp_path):
    db = connect(tmp_path / 'test.db')
    db.executescript("""CREATE TABLE place (id INTEGER PRIMARY KEY, x, y);
        CREATE VIRTUAL TABLE area USING rtree(id, x0, x1, y0, y1);
        CREATE TRIGGER place_ai AFTER INSERT ON place BEGIN
            INSERT INTO area VALUES (new.id, new.x, new.x, new.y, new.y); END;
        CREATE TRIGGER place_au AFTER UPDATE ON place BEGIN
            UPDATE area SET id = new.id, x0 = new.x, x1 = new.x, y0 = new.y, y1 = new.y
            WHERE id = old.id; END;
        CREATE TRIGGER place_ad AFTER DELETE ON place BEGIN DELETE FROM area WHERE id = old.id; END""")
    history = undo(db, persistent=True)
    states = []

    def state():
        assert db.execute("SELECT rtreecheck('area')").fetchone()[0] == 'ok'
        sql = 'SELECT id, {}, {} FROM {} ORDER BY id'
        rows, indexed = [[tuple(row) for row in db.execute(sql.format(x, y, table))]
                         for table, x, y in (('place', 'x', 'y'), ('area', 'x0', 'y0'))]
        assert rows == indexed
        return rows
    for sql in ('INSERT INTO place VALUES (1, 2, 3), (4, 5, 6)', 'UPDATE place SET x = x + 1, id = -id',
                'DELETE FROM place WHERE id = -1'):
        states.append(state())
        with history.step(sql):
            db.execute(sql)
    for before in reversed(states):
        assert history.undo() and state() == before
    for after in states[1:]:
        assert history.redo() and state() == after
    db.close()


@pytest.mark.skipif('rtree' not in MODULES, reason='this SQLite has no R*Tree')
@pytest.mark.parametrize('unique', ['', 'UNIQUE'])
def test_triggers_that_replace_in_an_r_tree(unique):
    # As every GeoPackage has them: https://www.geopackage.org/spec/#extension_rtree
    db = connect(':memory:')
    db.executescript(f'''CREATE TABLE road (fid INTEGER PRIMARY KEY, geom BLOB {unique}, x0, x1);
        CREATE VIRTUAL TABLE rtree_road USING rtree(id, x0, x1);
        CREATE TRIGGER rtree_insert AFTER INSERT ON road WHEN new.geom NOT NULL BEGIN
            INSERT OR REPLACE INTO rtree_road VALUES (new.fid, new.x0, new.x1); END;
        CREATE TRIGGER rtree_update1 AFTER UPDATE OF geom ON road WHEN old.fid = new.fid AND new.geom NOTNULL
            BEGIN INSERT OR REPLACE INTO rtree_road VALUES (new.fid, new.x0, new.x1); END;
        CREATE TRIGGER rtree_update2 AFTER UPDATE OF geom ON road WHEN old.fid = new.fid AND new.geom ISNULL
            BEGIN DELETE FROM rtree_road WHERE id = old.fid; END;
        CREATE TRIGGER rtree_delete AFTER DELETE ON road WHEN old.geom NOT NULL BEGIN
            DELETE FROM rtree_road WHERE id = old.fid; END;
        INSERT INTO road VALUES (1, x'4750', 1, 2), (2, NULL, 1, 2)''')
    history, states = undo(db), []

    def state():
        return [list(map(tuple, db.execute(f'SELECT * FROM {name} ORDER BY 1')))
                for name in ('road', 'rtree_road')]
    for sql in ("UPDATE road SET geom = x'00', x1 = 5 WHERE fid = 1",
                "UPDATE road SET geom = x'01' WHERE fid = 2",
                'UPDATE road SET geom = NULL WHERE fid = 1', 'DELETE FROM road',
                "INSERT INTO road VALUES (1, x'02', 7, 8)"):
        states.append(state())
        with history.step(sql):
            db.execute(sql)
    after = state()
    for known in reversed(states):
        assert history.undo() and state() == known
    assert all(history.redo() for _ in states) and state() == after and not history.notice
    db.close()


@pytest.mark.parametrize(('triggers', 'words'), [
    ("CREATE TRIGGER both AFTER INSERT ON note BEGIN INSERT INTO found VALUES (1, 2); "
     "UPDATE note SET body = 1; END", 'the trigger both on note writes to the virtual table found.* it two'),
    ('CREATE TRIGGER one AFTER INSERT ON note BEGIN INSERT INTO FOUND VALUES (1, 2); END',
     'keeps FOUND in step at INSERT, and none does so at DELETE'),
    ('CREATE TRIGGER one AFTER DELETE ON note BEGIN DELETE FROM found WHERE rowid = old.id; END',
     'keeps found in step at DELETE, and none does so at INSERT')])
def test_triggers_that_would_leave_it_out_of_step_are_refused_beforehand(triggers, words):
    db = connect(':memory:')
    db.executescript(NOTE + 'CREATE VIRTUAL TABLE found USING fts4(title, body);' + triggers)
    with pytest.raises(ValueError, match=f'undo: .*{words}'):
        undo(db)
    assert not db.in_transaction
    db.close()


def test_a_table_whose_name_begins_with_that_of_a_virtual_one_can_be_undone():
    db = connect(':memory:')
    db.executescript("""CREATE VIRTUAL TABLE mail USING fts4(text);
        CREATE TABLE mail_label (name); CREATE TABLE "Mail Label" (name)""")
    assert all_tables(db) == ['mail_label', 'Mail Label']
    history = undo(db)
    with history.step('Add'):
        db.execute("INSERT INTO mail_label VALUES ('private')")
    assert history.undo() == 'Add'
    assert db.execute('SELECT count(*) FROM mail_label').fetchone()[0] == 0
    db.close()


@pytest.mark.parametrize('name', ['note', 'Note', 'NOTE'])
def test_capitals_in_the_name_of_a_table_do_not_matter(name):
    db = connect(':memory:')
    db.executescript('CREATE TABLE note (text); CREATE TABLE "Größe" (text)')
    history = undo(db, [name, 'größe'.replace('g', 'G')])
    with history.step(''):
        db.execute("INSERT INTO NOTE VALUES ('a')")
    assert history.undo() == 'note'
    db.close()
    db = connect(':memory:')
    db.execute('CREATE TABLE "Ä" (text)')
    with pytest.raises(ValueError, match='there is no table ä'):  # SQLite knows ASCII's capitals only
        undo(db, ['ä'])
    db.close()


@pytest.mark.parametrize('persistent', [False, True])
def test_triggers_survive_a_temporary_table_of_the_same_name(tmp_path, persistent):
    db = connect(tmp_path / 'test.db')
    db.executescript("""CREATE TABLE note (text, changes DEFAULT 0); CREATE TABLE "CREATE TRIGGER " (a);
        CREATE TRIGGER "CREATE TRIGGER x" AFTER UPDATE OF text ON note BEGIN
            UPDATE note SET changes = changes + 1 WHERE rowid = new.rowid; END""")
    history = undo(db, persistent=persistent)
    db.execute('CREATE TEMP TABLE note (other)')
    for text in 'ab':
        with history.step(f'Add {text}'):
            db.execute('INSERT INTO main.note (text) VALUES (?)', [text])
            db.execute("UPDATE main.note SET text = text || '.'")
    assert [history.undo(), history.undo(), history.redo()] == ['Add b', 'Add a', 'Add a']
    kept = "SELECT name, tbl_name FROM {}.sqlite_master WHERE type = 'trigger' AND name NOT LIKE 'kali%'"
    assert [tuple(row) for row in db.execute(kept.format('main'))] == [('CREATE TRIGGER x', 'note')]
    assert db.execute(kept.format('temp')).fetchall() == []
    assert [tuple(row) for row in db.execute('SELECT * FROM main.note')] == [('a.', 1)]
    db.execute('UPDATE main.note SET text = 1')
    assert db.execute('SELECT changes FROM main.note').fetchone()[0] == 2
    db.close()


@pytest.mark.parametrize('columns', [1, 99, 127, 600, 1000, 1500, 1990])
@pytest.mark.parametrize('key', ['', ' PRIMARY KEY', ' TEXT PRIMARY KEY'])
def test_a_wide_table(columns, key):
    db = connect(':memory:')
    names = [f'c{number}' for number in range(columns)]
    without = ' WITHOUT ROWID' if 'TEXT' in key else ''
    db.execute(f'CREATE TABLE wide (c0 {key}{"".join(f", {name}" for name in names[1:])}){without}')
    history = undo(db)
    with history.step('insert'):
        db.execute(f'INSERT INTO wide VALUES ({", ".join(["1"] * columns)})')
    with history.step('update'):
        db.execute('UPDATE wide SET ' + ', '.join(f'{name} = 2' for name in names))
    with history.step('delete'):
        db.execute('DELETE FROM wide')
    found = [list(map(tuple, db.execute('SELECT * FROM wide')))]
    for _ in range(3):
        assert history.undo()
        found.append([tuple(map(int, row)) for row in db.execute('SELECT * FROM wide')])
    assert found == [[], [(2,) * columns], [(1,) * columns], []]
    assert [history.redo(), history.redo(), history.redo()] == ['insert', 'update', 'delete']
    db.close()


def test_a_table_that_is_too_wide_is_refused_beforehand():
    db = connect(':memory:')
    db.execute(f'CREATE TABLE wide ({", ".join(f"c{number}" for number in range(2000))})')
    db.execute('CREATE TABLE narrow (text)')
    words = r'undo: the table "wide" has too many columns \(2000\).*name the others'
    with pytest.raises(ValueError, match=words):
        undo(db)
    history = undo(db, ['narrow'])
    with history.step('Add'):
        db.execute("INSERT INTO narrow VALUES ('a')")
    assert history.undo() == 'Add'
    db.close()


def test_a_trigger_that_would_call_itself():
    """As Sakila has them: it runs once, as without undo. What makes way by REPLACE is not noted then, so that
    ends the history."""
    db = connect(':memory:')
    db.execute('CREATE TABLE actor (id INTEGER PRIMARY KEY, name, changed DEFAULT 0)')
    db.execute('CREATE TRIGGER stamp AFTER UPDATE ON actor BEGIN '
               'UPDATE actor SET changed = changed + 1 WHERE rowid = new.rowid; END')
    history = undo(db)
    for title, sql in (('add', "INSERT INTO actor (name) VALUES ('Ann')"),
                       ('rename', "UPDATE actor SET name = 'Bo'")):
        with history.step(title):
            db.execute(sql)
    assert tuple(db.execute('SELECT * FROM actor').fetchone()) == (1, 'Bo', 1)
    assert history.undo() == 'rename'
    assert tuple(db.execute('SELECT * FROM actor').fetchone()) == (1, 'Ann', 0)
    assert history.redo() == 'rename'
    assert tuple(db.execute('SELECT * FROM actor').fetchone()) == (1, 'Bo', 1)
    with history.step('replace'):
        db.execute("REPLACE INTO actor VALUES (1, replace('Cy', 'C', 'D'), 5)")
    assert history.undo() is None and history.notice
    db.close()
    db = connect(':memory:')
    db.execute('CREATE TABLE actor (id INTEGER PRIMARY KEY ON CONFLICT REPLACE, changed)')
    db.execute('CREATE TRIGGER stamp AFTER UPDATE ON actor BEGIN UPDATE actor SET changed = 1; END')
    with pytest.raises(ValueError, match='undo: a trigger calls itself without an end'):
        undo(db)
    db.close()
