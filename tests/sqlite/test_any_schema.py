"""Nothing is changed that nobody changed: for every table of every schema, the form of every record, saved
unchanged, leaves the file as it was; changed and undone, and restored from a backup, too."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import Any

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kali.forms import Formlet, elements_from_table
from kali.http.request import Request
from kali.http.response import Response
from kali.sqlite import atomic, connect, guard, undo
from kali.sqlite.copies import make_backup
from kali.sqlite.restore import restore
from kali.sqlite.schema import Table, quoted, tables
from kali.testing import Client
from tests.sqlite.schemas import SCHEMAS

# What SQLite refuses: a CHECK, a foreign key, also of a table that is not there; a missing function.
REFUSED = (sqlite3.IntegrityError, sqlite3.OperationalError)
XHTML = '{http://www.w3.org/1999/xhtml}'


def made(path: str | Path, script: str) -> Any:
    """The database, filled by a program that does not enforce foreign keys."""
    db = connect(path)
    db.executescript(f'PRAGMA foreign_keys = OFF; {script}; PRAGMA foreign_keys = ON')
    return db


def dump(connection: sqlite3.Connection) -> dict[str, Any]:
    """All that is in the file, but for kali's own tables."""
    run = sqlite3.Cursor(connection).execute
    found: dict[str, Any] = {}
    for each in tables(connection).values():
        if each.kind in ('table', 'shadow') and not each.name.startswith('kali_'):
            columns = [f'quote({quoted(name)}) || typeof({quoted(name)})' for name in each.columns]
            if each.rowid and each.rowid not in each.columns:
                columns.append(each.rowid)
            casts = ', '.join(f'CAST({column} AS BLOB)' for column in columns)
            found[each.name] = [each.sql, sorted(run(f'SELECT {casts} FROM {each.sql_name}').fetchall())]
    return found


class RecordForm(Formlet):
    edits = True

    def __init__(self, table: Table, key: Any) -> None:
        super().__init__(elements_from_table(table.connection, table.name))
        self.table, self.key = table, key

    def get_native(self) -> Any:
        return self.table.get(self.key)

    def save(self, native: dict[str, Any], request: Request) -> Response:
        self.table.update(self.key, native)
        return Response.redirect('/')


class Program:
    """Forms for each record of the file, at /NUMBER."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.records = [(each, each.key_of(row)) for each in tables(connection).values()
                        if each.key and each.kind == 'table' and not each.name.startswith('kali_')
                        for row in each.rows()]
        self.client = Client(guard(self, connection))

    def __call__(self, request: Request) -> Any:
        form = RecordForm(*self.records[int(request.path[0])])
        return form.do_POST(request) if request.method == 'POST' else form.do_GET(request)

    def fields(self, number: int) -> dict[str, Any]:
        """What a browser sends for the form at /NUMBER in which nothing was touched."""
        reply = self.client.get(f'/{number}')
        assert reply.status == 200, reply.text
        return sent(reply.text)


def sent(page: str) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for tag in html5lib.parse(page).iter():
        kind, name, value = tag.tag.removeprefix(XHTML), tag.get('name'), tag.get('value', '')
        if name is None or tag.get('disabled') is not None:
            continue
        if kind == 'textarea':
            fields[name] = (tag.text or '').replace('\r\n', '\n').replace('\r', '\n').replace('\n', '\r\n')
        elif kind == 'select':
            options = list(tag.iter(f'{XHTML}option'))
            chosen = [each for each in options if each.get('selected') is not None] or options[:1]
            fields[name] = chosen[0].get('value', chosen[0].text or '') if chosen else ''
        elif kind == 'input' and (tag.get('type') not in ('checkbox',
            'radio') or tag.get('checked') is not None):
            hidden = tag.get('type') == 'hidden'
            fields[name] = value if hidden else value.replace('\r', '').replace('\n', '')
    return fields


@pytest.mark.parametrize('name', SCHEMAS)
def test_a_form_saved_unchanged_changes_nothing(name: str, tmp_path: Path) -> None:
    db = made(tmp_path / 'any.sqlite', SCHEMAS[name])
    program = Program(db)
    before = dump(db)
    assert len(program.records) >= 7
    for number, (table, key) in enumerate(program.records):
        reply = program.client.post(f'/{number}', form=program.fields(number))
        assert reply.status == 303, (table, key, re.findall("<li>.*", reply.text), reply.text[-300:])
        assert dump(db) == before, (table, key)
    db.close()


def test_a_form_for_a_new_record_can_be_shown_for_every_table() -> None:
    for script in SCHEMAS.values():
        db = made(':memory:', script)
        for each in tables(db).values():
            class New(Formlet):
                def get_native(self) -> Any:
                    return {}
            elements = elements_from_table(db, each.name)
            page = Client(New(elements).do_GET).get('/')
            assert page.status == 200 and sent(page.text).keys() >= {
                name for name, element in elements.items() if element.layout == 'above'}
            assert '>None<' not in page.text
        db.close()


TYPES = st.sampled_from([
    '', 'TEXT', 'INT', 'INTEGER', 'REAL', 'NUMERIC', 'DATE', 'DATETIME', 'TIME', 'BOOLEAN', 'VARCHAR(3)',
    'STRING', 'JSON',
    'DECIMAL(6,2)', 'TIMESTAMP', 'BLOB', 'TEXT COLLATE NOCASE', 'INT CHECK (c IN (1, 2, 3) OR 1)', 'CLOB'])
CHECKS = st.sampled_from(['1', 'c0 IN (1, 2)', "c0 IN ('a', 'b')", 'length(c0) < 5', 'c0 BETWEEN 1 AND 9',
    'c0 IN (0, 1)',
                          "c0 IN ('0', '1')", 'c0 IS NULL OR c0 > 2', "c0 IN ('Y', 'N')", "c0 <> ''"])
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-2**63, 2**63 - 1), st.integers(-3, 12), st.floats(allow_nan=False),
    st.text(max_size=6), st.binary(max_size=4), st.text('\t\n\r \x00\x1f\x7f\x85\u2028\ufeffab01',
        max_size=5),
    st.sampled_from(['', 'a', 'b', 'A', '0', '1', 'f', 'false', '2020-02-30', '2020-02-28',
        '2020-02-28 10:00:00', '10:00:00.5',
                     '2020-02-28T10:00Z', '1.50', '1e5', '1,5', ' x ', 'Y', 'n']))


@settings(max_examples=60, deadline=None)
@given(types=st.lists(TYPES, min_size=1, max_size=6), check=CHECKS, required=st.booleans(),
       rows=st.lists(st.lists(VALUES, min_size=6, max_size=6), min_size=1, max_size=4))
def test_a_form_of_any_table_saved_unchanged_changes_nothing(types: list[str], check: str, required: bool,
                                                             rows: list[list[Any]]) -> None:
    db = connect(':memory:')
    try:
        columns = ', '.join(f'c{number} {kind.replace("(c ", f"(c{number} ")}' for number,
            kind in enumerate(types))
        db.execute(f'CREATE TABLE t ({columns}, {"CHECK (c0 IS NOT NULL), " * required} CHECK ({check}))')
        for row in rows:
            db.execute(f'INSERT OR IGNORE INTO t VALUES ({", ".join("?" * len(types))})', row[:len(types)])
        program = Program(db)
        before = dump(db)
        for number in range(len(program.records)):
            reply = program.client.post(f'/{number}', form=program.fields(number))
            assert (reply.status, dump(db)) == (303, before)
    finally:
        db.close()


@pytest.mark.parametrize('name', SCHEMAS)
def test_a_record_changed_or_deleted_and_undone_is_as_it_was(name: str, tmp_path: Path) -> None:
    db = made(tmp_path / 'any.sqlite', SCHEMAS[name])
    history = undo(db)
    before = dump(db)
    for table, key in Program(db).records:
        for act in (change, Table.delete):
            with history.step('a change'):
                try:
                    with atomic(db):
                        act(table, key)
                except REFUSED:
                    continue
            after = dump(db)
            if after == before:
                continue
            assert history.undo() == 'a change' and dump(db) == before, (table, key)
            assert history.redo() == 'a change' and dump(db) == after, (table, key)
            assert history.undo() == 'a change' and dump(db) == before, (table, key)
    db.close()


def change(table: Table, key: Any) -> None:
    """Another value in each column that takes one."""
    for column in table.columns.values():
        if not column.generated and not column.hidden and not column.key:
            for value in (7, 'changed', None, b'\x00', 0):
                try:
                    with atomic(table.connection):
                        table.update(key, {column.name: value})
                    break
                except REFUSED:
                    pass


@pytest.mark.parametrize('name', SCHEMAS)
def test_a_restored_backup_is_the_file_as_it_was(name: str, tmp_path: Path) -> None:
    file = tmp_path / 'any.sqlite'
    db = made(file, SCHEMAS[name])
    before = dump(db)
    copy = make_backup(file, tmp_path / 'backups')
    assert copy is not None
    for table, key in Program(db).records:
        change(table, key)
    assert dump(db) != before
    restore(db, copy)
    assert dump(db) == before
    db.close()
