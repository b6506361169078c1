"""Forms for files that other programs made: many columns, columns with odd names, rows that break a rule."""

from __future__ import annotations

from typing import Any

import html5lib
import pytest

from kali import Router
from kali.forms import Formlet, elements_from_table
from kali.http.request import Request
from kali.http.response import Response
from kali.sqlite import connect, guard
from kali.sqlite.schema import quoted
from kali.testing import Client

STRAYS = '''CREATE TABLE owner (owner INTEGER PRIMARY KEY, name TEXT);
    CREATE TABLE bike (bike INTEGER PRIMARY KEY, owner INT REFERENCES owner,
        first INT REFERENCES owner, name TEXT);
    CREATE TABLE lost (lost INTEGER PRIMARY KEY, bike INT REFERENCES bike (name));
    PRAGMA foreign_keys = OFF; INSERT INTO owner VALUES (1, 'Ada');
    INSERT INTO bike VALUES (1, 1, 99, 'Swift');
    INSERT INTO lost VALUES (1, 1); PRAGMA foreign_keys = ON'''


def program(db: Any, table: str, *, plain: bool = False) -> Client:
    """A form for the row number 1, as a beginner writes it: it saves all fields."""
    class Edit(Formlet):
        def __init__(self) -> None:
            super().__init__(elements_from_table(db, table))

        def get_native(self) -> Any:
            row = db.execute(f'SELECT * FROM {quoted(table)} WHERE rowid = 1').fetchone()
            return dict(row) if plain and row is not None else row

        def save(self, native: dict[str, Any], request: Request) -> Response:
            changes = ', '.join(f'{quoted(name)} = ?' for name in native)
            db.execute(f'UPDATE {quoted(table)} SET {changes} WHERE rowid = 1', list(native.values()))
            return Response.redirect('/')
    app = Router()
    app.servlet('/edit')(Edit)
    return Client(guard(app, db))


def sent(page: str) -> dict[str, str]:
    """What a browser sends of the form's entries: those that have a name."""
    tags = html5lib.parse(page, namespaceHTMLElements=False).iter()
    return {tag.get('name'): tag.get('value', tag.text or '') for tag in tags
            if tag.tag in ('input', 'textarea', 'option') and tag.get('name')}


@pytest.mark.parametrize('plain', [False, True])
@pytest.mark.parametrize('name', [
    '', ' ', '.', '_form_id', '_fingerprint', '_take-b', '_charset_', '_search', 'q', 'form', 'rows',
    'summary', 'a\nb', 'a\r', 'a b', 'a"b', '{x}', '[]', '\t', 'é', '😀', '_save'])
@pytest.mark.parametrize('value', ['x', ' x ', '', None, '2020-01-01  10:00', b'x', 'a\x00\nb', 1.5])
def test_a_column_of_any_name_keeps_what_nobody_changed(name: str, plain: bool, value: Any) -> None:
    db = connect(':memory:')
    db.execute(f'CREATE TABLE t (id INTEGER PRIMARY KEY, b TEXT, {quoted(name)} DATETIME)')
    db.execute('INSERT INTO t VALUES (1, ?, ?)', ['b', value])
    client = program(db, 't', plain=plain)

    def stored() -> list[Any]:
        return [tuple(row) for row in db.execute(f'SELECT *, typeof({quoted(name)}) FROM t')]
    before, fields = stored(), sent(client.get('/edit').text)
    assert len(fields) == 4
    assert client.post('/edit', form=fields).status == 303 and stored() == before
    fields = sent(client.get('/edit').text)
    control = next(each for each in fields if each not in ('_form_id', '_fingerprint', 'b'))
    assert client.post('/edit', form={**fields, control: '2026-01-02 03:04'}).status == 303
    assert stored()[0][2] == '2026-01-02 03:04:00'
    db.close()


@pytest.mark.parametrize('plain', [False, True])
def test_a_record_all_of_whose_columns_are_fields_keeps_what_nobody_changed(plain: bool) -> None:
    db = connect(':memory:')
    db.execute('CREATE TABLE t (a TEXT, b DATETIME, c BOOLEAN, d INT, e TEXT CHECK (e IN (1, 2)))')
    db.execute("INSERT INTO t VALUES ('', '2020-01-01T10:00Z', NULL, 'x', NULL)")
    client = program(db, 't', plain=plain)
    before = [tuple(row) for row in db.execute('SELECT *, typeof(a) FROM t')]
    fields = sent(client.get('/edit').text)
    del fields['c']  # a box that is not ticked
    fields['e'] = ''
    assert client.post('/edit', form=fields).status == 303
    assert [tuple(row) for row in db.execute('SELECT *, typeof(a) FROM t')] == before
    db.close()


def test_what_is_blank_in_a_record_is_not_asked_for_by_the_browser() -> None:
    db = connect(':memory:')
    db.execute('CREATE TABLE t (a TEXT NOT NULL, b TEXT NOT NULL)')
    db.execute("INSERT INTO t VALUES ('', 'x')")
    page = html5lib.parse(program(db, 't').get('/edit').text, namespaceHTMLElements=False)
    required = {tag.get('name'): tag.get('required') is not None for tag in page.iter('input')}
    assert (required['a'], required['b']) == (False, True)
    db.close()


def test_a_record_that_has_gone_is_404() -> None:
    db = connect(':memory:')
    db.execute('CREATE TABLE t (id INTEGER PRIMARY KEY, b TEXT)')
    db.execute("INSERT INTO t VALUES (1, 'x')")
    client = program(db, 't')
    fields = sent(client.get('/edit').text)
    db.execute('DELETE FROM t')
    assert client.get('/edit').status == 404
    reply = client.post('/edit', form={**fields, 'b': 'typed'})
    assert reply.status == 409 and 'typed' in reply.text
    db.close()


def test_a_form_has_as_many_fields_as_a_table_has_columns() -> None:
    db = connect(':memory:')
    db.execute(f'CREATE TABLE wide (id INTEGER PRIMARY KEY, {", ".join(f"c{n} TEXT" for n in range(1999))})')
    db.execute('INSERT INTO wide (id) VALUES (1)')
    client = program(db, 'wide')
    fields = {**sent(client.get('/edit').text), 'c1998': 'x'}
    assert client.post('/edit', form=fields).status == 303
    assert db.execute('SELECT c1998 FROM wide').fetchone()[0] == 'x'
    db.close()


def test_a_stray_row_is_not_blamed_for_another_mistake() -> None:
    db = connect(':memory:')
    db.executescript(STRAYS)
    app = Router()

    @app.post('/')
    def post(sql: str) -> str:
        db.execute(sql)
        return 'done'
    client = Client(guard(app, db))
    for sql in ('INSERT INTO bike (owner) VALUES (77)', 'DELETE FROM owner'):
        reply = client.post('/', form={'sql': sql})
        assert reply.status == 409 and '“First”' not in reply.text and not db.in_transaction
    db.close()
