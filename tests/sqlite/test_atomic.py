"""atomic: whole or not at all, at every depth, in each of sqlite3's modes."""

import sqlite3
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kali.errors import DatabaseError
from kali.sqlite import atomic, connect


def add(connection, *texts):
    for text in texts:
        connection.execute('INSERT INTO note (text) VALUES (?)', [text])


def test_commits_at_the_end(any_db, path, on_disk):
    with atomic(any_db) as same:
        assert same is any_db
        add(any_db, 'one', 'two')
        assert on_disk(path) == []
    assert on_disk(path) == ['one', 'two']
    assert not any_db.in_transaction


def test_rolls_back_on_an_exception(any_db, path, on_disk):
    with pytest.raises(KeyboardInterrupt), atomic(any_db):
        add(any_db, 'one')
        raise KeyboardInterrupt
    assert on_disk(path) == []
    assert not any_db.in_transaction


def test_an_inner_block_is_taken_back_alone(any_db, path, on_disk):
    with atomic(any_db):
        add(any_db, 'one')
        with pytest.raises(sqlite3.IntegrityError), atomic(any_db):
            add(any_db, 'two', 'one')
        with atomic(any_db), atomic(any_db):
            add(any_db, 'three')
    assert on_disk(path) == ['one', 'three']


def test_a_block_is_taken_back_together_with_one_in_it(any_db, path, on_disk):
    with atomic(any_db):
        add(any_db, 'stays')
        with pytest.raises(ZeroDivisionError), atomic(any_db):
            add(any_db, 'goes')
            with pytest.raises(KeyError), atomic(any_db):
                add(any_db, 'goes too')
                raise KeyError
            raise ZeroDivisionError
    assert on_disk(path) == ['stays']


def test_inside_of_a_transaction_it_does_not_commit(any_db, path, on_disk):
    any_db.execute('BEGIN')
    with atomic(any_db):
        add(any_db, 'one')
    assert any_db.in_transaction
    any_db.execute('ROLLBACK')
    assert on_disk(path) == []


TREES = st.recursive(
    st.booleans(), lambda inner: st.tuples(st.lists(inner, max_size=4), st.booleans()), max_leaves=12)


@given(TREES)
def test_what_stays_is_what_no_block_around_it_took_back(tree):
    connection = connect(':memory:')
    connection.execute('CREATE TABLE note (number)')
    expected, counter = [], iter(range(1000))

    def walk(node):
        if isinstance(node, bool):
            number = next(counter)
            connection.execute('INSERT INTO note VALUES (?)', [number])
            return [number]
        children, fails = node
        kept = []
        try:
            with atomic(connection):
                for child in children:
                    kept += walk(child)
                if fails:
                    raise KeyError
        except KeyError:
            return []
        return kept
    expected = walk(tree)
    assert [row[0] for row in connection.execute('SELECT number FROM note ORDER BY number')] == expected
    assert not connection.in_transaction
    connection.close()


def test_a_rollback_that_has_happened_already(any_db, path, on_disk):
    add(any_db, 'one')
    any_db.commit()
    for depth in (1, 2):
        with pytest.raises(sqlite3.IntegrityError, match='UNIQUE'), atomic(any_db):
            add(any_db, 'two')
            if depth == 1:
                any_db.execute("INSERT OR ROLLBACK INTO note (text) VALUES ('one')")
            with atomic(any_db):
                any_db.execute("INSERT OR ROLLBACK INTO note (text) VALUES ('one')")
        assert not any_db.in_transaction
    assert on_disk(path) == ['one']


def or_rollback(connection):
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute('INSERT OR ROLLBACK INTO note (id) VALUES (1), (1)')


@pytest.mark.parametrize('end', [lambda c: c.execute('COMMIT'), lambda c: c.execute('ROLLBACK'), or_rollback])
@pytest.mark.parametrize('nested', [False, True])
def test_ended_inside_of_the_block_is_told(any_db, end, nested):
    with pytest.raises(DatabaseError, match='ended the transaction itself'), atomic(any_db):
        if not nested:
            end(any_db)
        else:
            with atomic(any_db):
                end(any_db)
    assert not any_db.in_transaction


def test_a_deferred_foreign_key(any_db, path, on_disk):
    with pytest.raises(sqlite3.IntegrityError, match='FOREIGN KEY'), atomic(any_db):
        any_db.execute('INSERT INTO part VALUES (99)')
    assert not any_db.in_transaction
    assert on_disk(path, 'SELECT * FROM part') == []


def test_locked_at_begin(db, path, held):
    with held(path, 'BEGIN IMMEDIATE'), pytest.raises(DatabaseError, match='in use') as caught, atomic(db):
        raise AssertionError('the block must not run')
    assert caught.value.status == 503


def test_locked_at_commit(db, path, held, on_disk):
    with held(path, 'BEGIN', 'SELECT * FROM sqlite_master'):
        with pytest.raises(DatabaseError, match='in use') as caught, atomic(db):
            add(db, 'one')
        assert caught.value.status == 503
        assert not db.in_transaction
    assert on_disk(path) == []


def test_disk_full(db, path, on_disk):
    db.execute('PRAGMA max_page_count = 10')
    with pytest.raises(sqlite3.OperationalError, match='full'), atomic(db):
        add(db, *('x' * 9000 + str(number) for number in range(20)))
    assert not db.in_transaction
    assert on_disk(path) == []


if sys.version_info >= (3, 12):
    def test_autocommit_false_is_refused(open_db):
        connection = open_db(':memory:', sqlite3.connect, autocommit=False)
        with pytest.raises(ValueError, match='autocommit=False'):
            atomic(connection)
