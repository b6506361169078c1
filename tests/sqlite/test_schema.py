"""What SQLite says about any schema is what `tables` says; and a Table reads and writes its rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kali.errors import DatabaseError, NotFound
from kali.sqlite import schema as schema_module
from kali.sqlite.older import guessed
from kali.sqlite.schema import ForeignKey, Table, affinity_of, quoted, table, tables

SHOP = '''
CREATE TABLE "Category" ("CategoryId" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "CategoryName" NVARCHAR(15));
CREATE TABLE "Customer" ("CustomerId" NCHAR(5) NOT NULL, "Country" TEXT, "CompanyName" NVARCHAR(40) NOT NULL,
    PRIMARY KEY ("CustomerId"));
CREATE TABLE "Employee" ("EmployeeId" INTEGER NOT NULL, "Title" NVARCHAR(30),
    "LastName" NVARCHAR(20) NOT NULL, "FirstName" NVARCHAR(20), "ReportsTo" INTEGER,
    CONSTRAINT pk PRIMARY KEY ("EmployeeId"),
    FOREIGN KEY ("ReportsTo") REFERENCES "Employee" ("EmployeeId") ON DELETE SET NULL ON UPDATE CASCADE);
CREATE TABLE "Order" ("OrderId" INTEGER PRIMARY KEY, "CustomerId" NCHAR(5) REFERENCES customer,
    "Freight" DECIMAL(10, 2) DEFAULT 0, "At" DATETIME DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE "Order Details" ("OrderId" INTEGER NOT NULL REFERENCES "Order", "ProductId" INTEGER NOT NULL,
    "Quantity" SMALLINT NOT NULL DEFAULT '1', PRIMARY KEY ("OrderId", "ProductId"));
CREATE INDEX by_country ON "Customer" ("Country");
CREATE UNIQUE INDEX one_name ON "Customer" ("CompanyName", "Country");
CREATE VIEW "Customers by country" AS SELECT "Country", count(*) AS number FROM "Customer" GROUP BY 1;
'''

NASTIES = '''
CREATE TABLE "" ("" INTEGER PRIMARY KEY, "select" TEXT, "a ""b"" c" TEXT, [d e] TEXT, 'it''s' TEXT);
CREATE TABLE "a ""table"" [of] 'quotes' `and` ; --" ("x)" TEXT DEFAULT ')', "/*" INT, "ß" TEXT, "名" TEXT);
CREATE TABLE "Größe" ("Länge" REAL, "ÄNDERUNG" TEXT);
CREATE TABLE "table" ("order" INT PRIMARY KEY, "group" TEXT UNIQUE, "check" INT CHECK ("check" > 0));
CREATE TABLE descending (id INTEGER PRIMARY KEY DESC, name);
CREATE TABLE alias (id INTEGER, name, PRIMARY KEY (id DESC));
CREATE TABLE big (id BIGINT PRIMARY KEY, t TEXT);
CREATE TABLE twice (id INTEGER UNIQUE, t, PRIMARY KEY (id));
CREATE TABLE text_key (code TEXT UNIQUE PRIMARY KEY, t);
CREATE TABLE pair (b TEXT, a INT, t, PRIMARY KEY (a, b));
CREATE TABLE plain (a, b);
CREATE TABLE took (rowid TEXT, _rowid_ TEXT);
CREATE TABLE took_all (rowid TEXT, _rowid_ TEXT, oid TEXT);
CREATE TABLE "no row" (b TEXT, a INT, t, PRIMARY KEY (b, a)) WITHOUT ROWID;
CREATE TABLE strictly (id INTEGER PRIMARY KEY, x ANY, i INT, r REAL, t TEXT, b BLOB) STRICT;
CREATE TABLE both (id TEXT PRIMARY KEY, x ANY) STRICT, WITHOUT ROWID;
CREATE TABLE made (a INT, b TEXT AS (a || '!') STORED, c INT GENERATED ALWAYS AS (a + 1) VIRTUAL);
CREATE TABLE child (child INTEGER PRIMARY KEY, a INT, b TEXT, up INT REFERENCES child, gone INT REFERENCES
    nowhere, gone_too INT REFERENCES nowhere (x), odd INT REFERENCES plain,
    g TEXT REFERENCES "TABLE" ("GROUP"), FOREIGN KEY (b, a) REFERENCES "no row", FOREIGN KEY (a,
    b) REFERENCES pair (A, B) ON DELETE CASCADE);
CREATE UNIQUE INDEX some ON plain (a) WHERE b IS NOT NULL;
CREATE UNIQUE INDEX worked ON plain (lower(a), b);
CREATE VIEW broken AS SELECT x FROM gone;
CREATE VIEW doubled AS SELECT a, a AS "a", 1 + 1 FROM plain;
CREATE VIRTUAL TABLE words USING fts5(title, body);
CREATE VIRTUAL TABLE older USING fts4(title);
CREATE VIRTUAL TABLE "a box" USING rtree(id, x0, x1);
CREATE TABLE words_label (t TEXT);
'''


def opened(script: str) -> sqlite3.Connection:
    connection = sqlite3.connect(':memory:')
    connection.executescript(script)
    connection.execute('CREATE TEMP TABLE scratch (scratch INTEGER PRIMARY KEY, t)')
    connection.execute(f'CREATE TABLE wide ({", ".join(f"c{number} INT" for number in range(1000))})')
    return connection


@pytest.fixture
def shop() -> Iterator[sqlite3.Connection]:
    connection = opened(SHOP)
    yield connection
    connection.close()


@pytest.fixture
def nasty() -> Iterator[sqlite3.Connection]:
    connection = opened(NASTIES)
    yield connection
    connection.close()


@pytest.mark.parametrize('declared, affinity', [
    # The table of https://sqlite.org/datatype3.html 3.1.1, and others.
    ('INT', 'INTEGER'), ('TINYINT', 'INTEGER'), ('UNSIGNED BIG INT', 'INTEGER'), ('INT8', 'INTEGER'),
    ('CHARACTER(20)', 'TEXT'), ('NATIVE CHARACTER(70)', 'TEXT'), ('CLOB', 'TEXT'), ('LONGTEXT', 'TEXT'),
    ('CHARINT', 'INTEGER'), ('FLOATING POINT', 'INTEGER'), ('DOUBLE PRECISION', 'REAL'), ('FLOAT', 'REAL'),
    ('STRING', 'NUMERIC'), ('JSON', 'NUMERIC'), ('UUID', 'NUMERIC'), ('TEXT NON NULL', 'TEXT'),
    ('TIMESTAMPTZ', 'NUMERIC'), ('BOOLEAN', 'NUMERIC'), ('DATE', 'NUMERIC'), ('POINT', 'INTEGER'),
    ('', 'BLOB'), ('blob', 'BLOB'), ('LONGBLOB', 'BLOB'), ('ANY', 'NUMERIC'), ('ınt', 'NUMERIC')])
def test_affinities_are_those_of_sqlite(declared: str, affinity: str) -> None:
    assert affinity_of(declared) == affinity
    if declared.isascii():
        with_column = f'a {declared}' if declared else 'a'
        db = sqlite3.connect(':memory:')
        db.execute(f'CREATE TABLE t ({with_column})')
        db.execute("INSERT INTO t VALUES ('01.50'), (7), (2.0)")
        found = [row[0] for row in db.execute('SELECT typeof(a) FROM t')]
        assert found == {'TEXT': ['text'] * 3, 'BLOB': ['text', 'integer', 'real'], 'REAL': ['real'] * 3}.get(
            affinity, ['real', 'integer', 'integer'])
        db.close()


def test_a_shop(shop: sqlite3.Connection) -> None:
    found = tables(shop)
    assert list(found) == ['Category', 'Customer', 'Employee', 'Order', 'Order Details',
                           'Customers by country', 'wide']
    assert {name: (each.key, each.assigned, each.label) for name, each in found.items()
            if name != 'wide'} == {
        'Category': (('CategoryId',), 'CategoryId', 'CategoryName'),
        'Customer': (('CustomerId',), None, 'CompanyName'),
        'Employee': (('EmployeeId',), 'EmployeeId', 'LastName'),
        'Order': (('OrderId',), 'OrderId', 'CustomerId'),
        'Order Details': (('OrderId', 'ProductId'), None, 'OrderId'),
        'Customers by country': ((), None, 'Country')}
    order = found['order']
    assert order.foreign_keys == (
        ForeignKey('Order', ('CustomerId',), 'Customer', ('CustomerId',), 'NO ACTION', 'NO ACTION'),)
    assert [each.table for each in found['customer'].pointed_at_by] == ['Order']
    assert [each.table for each in found['Employee'].pointed_at_by] == ['Employee']
    assert found['Employee'].foreign_keys[0][4:] == ('CASCADE', 'SET NULL')
    assert (order.columns['freight'].affinity, order.columns['freight'].default) == ('NUMERIC', '0')
    assert order.columns['at'].default == 'CURRENT_TIMESTAMP'
    assert [(each.name, each.columns, each.is_key) for each in found['Customer'].unique] == [
        ('sqlite_autoindex_Customer_1', ('CustomerId',), True),
        ('one_name', ('CompanyName', 'Country'), False)]
    assert found['Customers by country'].is_view and len(found['wide'].columns) == 1000


KEYS = {  # table: its key, what SQLite assigns, the name of its rowid
    '': (('',), '', ''), 'table': (('order',), None, 'rowid'), 'descending': (('id',), None, 'rowid'),
    'alias': (('id',), 'id', 'id'), 'big': (('id',), None, 'rowid'), 'twice': (('id',), 'id', 'id'),
    'text_key': (('code',), None, 'rowid'), 'pair': (('a', 'b'), None, 'rowid'),
    'plain': (('rowid',), None, 'rowid'), 'took': (('oid',), None, 'oid'), 'took_all': ((), None, None),
    'no row': (('b', 'a'), None, None), 'strictly': (('id',), 'id', 'id'), 'both': (('id',), None, None),
    'broken': ((), None, None), 'doubled': ((), None, None), 'words': (('rowid',), None, 'rowid'),
    'a box': (('rowid',), None, 'rowid')}


@pytest.mark.parametrize('name', KEYS)
def test_keys(nasty: sqlite3.Connection, name: str) -> None:
    found = tables(nasty)[name]
    assert (found.key, found.assigned, found.rowid) == KEYS[name]
    if found.assigned is not None:  # SQLite agrees
        number = nasty.execute(f'INSERT INTO {found.sql_name} DEFAULT VALUES').lastrowid
        assert nasty.execute(f'SELECT {quoted(found.assigned)} FROM {found.sql_name}').fetchone() == (number,)


def test_nasties(nasty: sqlite3.Connection) -> None:
    found = tables(nasty)
    for name, each in found.items():  # each statement below is one that SQLite takes
        assert isinstance(each.columns.get('no such'), type(None)) and isinstance(each.label, str | None)
        assert each.name == name and each.foreign_keys is not None and each.pointed_at_by is not None
        if not each.problem:
            assert each.rows() == [] or each.kind == 'shadow'
            assert each.count() == len(each.rows())
    assert list(found[''].columns) == ['', 'select', 'a "b" c', 'd e', "it's"]
    assert 'GRÖßE' not in found and 'GRößE' in found  # only ASCII letters are alike
    assert 'ÄNDErung' in found['Größe'].columns
    assert {name: each.kind for name, each in found.items() if each.kind != 'table'} == {
        'broken': 'view', 'doubled': 'view', 'words': 'virtual', 'older': 'virtual', 'a box': 'virtual',
        **{f'words_{end}': 'shadow' for end in ('data', 'idx', 'content', 'docsize', 'config')},
        **{f'older_{end}': 'shadow' for end in ('segments', 'segdir', 'docsize', 'stat', 'content')},
        **{f'a box_{end}': 'shadow' for end in ('node', 'rowid', 'parent')}}
    assert found['words_label'].kind == 'table'
    assert (found['broken'].problem, found['plain'].problem) == ('no such table: main.gone', '')
    assert [name for name, each in found.items() if each.strict] == ['strictly', 'both']
    assert [each.affinity for each in found['strictly'].columns.values()] == [
        'INTEGER', 'BLOB', 'INTEGER', 'REAL', 'TEXT', 'BLOB']
    assert [name for name, each in found['made'].columns.items() if each.generated] == ['b', 'c']
    assert [name for name, each in found['words'].columns.items() if each.hidden] == ['words', 'rank']
    assert [(each.name, each.partial, each.expressions, each.columns) for each in found['plain'].unique] == [
        ('worked', False, True, ('b',)), ('some', True, False, ('a',))]
    assert {each.columns: (each.parent, each.parent_columns) for each in found['child'].foreign_keys} == {
        ('up',): ('child', ('child',)), ('gone',): ('nowhere', ()), ('gone_too',): ('nowhere', ()),
        ('odd',): ('plain', ()), ('g',): ('table', ('group',)), ('b', 'a'): ('no row', ('b', 'a')),
        ('a', 'b'): ('pair', ('a', 'b'))}
    assert [name for name, each in found['no row'].columns.items() if each.not_null] == ['b', 'a']


def test_older_sqlite_is_understood_without_table_list(nasty: sqlite3.Connection,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    nasty.executescript('DROP TABLE strictly; DROP TABLE both')
    now = {name: (each.kind, each.without_rowid) for name, each in tables(nasty).items()}
    monkeypatch.setattr(schema_module.sqlite3, 'sqlite_version_info', (3, 36, 0))
    assert {name: (each.kind, each.without_rowid) for name, each in tables(nasty).items()
            if not name.startswith(('words_', 'older_'))} == {
        name: said for name, said in now.items() if not name.startswith(('words_', 'older_'))}
    assert {name for name, each in tables(nasty).items() if each.kind == 'shadow'} == {
        name for name, said in now.items() if said[0] == 'shadow'}
    assert guessed([('t', 'table', 'CREATE TABLE t (a PRIMARY KEY) without\n/**/rowid --')])['t'][1]
    assert table(nasty, 'WORDS_data').kind == 'shadow'  # type: ignore[union-attr]


def test_temporary_and_attached_tables() -> None:
    db = opened('CREATE TABLE note (a)')
    db.execute("ATTACH ':memory:' AS \"the other\"")
    db.execute('CREATE TABLE "the other".note (b)')
    db.execute('CREATE TABLE "the other".far (c)')
    assert table(db, 'NOTE').schema == 'main' and list(tables(db, 'temp')) == ['scratch']  # type: ignore
    assert list(tables(db, 'the other')) == ['note', 'far'] and list(tables(db)['note'].columns) == ['a']
    assert table(db, 'far').sql_name == '"the other"."far"'  # type: ignore[union-attr]
    db.execute('CREATE TEMP TABLE note (t)')
    assert list(table(db, 'note').columns) == ['t']  # type: ignore[union-attr]
    assert list(table(db, 'note', 'main').columns) == ['a']  # type: ignore[union-attr]
    assert table(db, 'nothing') is None and table(db, 'sqlite_master') is None
    db.close()


def test_names_and_text_that_are_no_utf8(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / 'odd.sqlite', isolation_level=None)
    db.execute('CREATE TABLE ok (id INTEGER PRIMARY KEY, aXb TEXT, t TEXT DEFAULT "X")')
    db.execute('CREATE TABLE cXd (a)')
    db.execute("INSERT INTO ok VALUES (1, 'a', CAST(x'41ff42' AS TEXT))")
    db.execute('PRAGMA writable_schema = ON')
    db.execute("UPDATE sqlite_master SET name = CAST(replace(CAST(name AS BLOB), 'X', x'ff') AS TEXT), "
               "tbl_name = CAST(replace(tbl_name, 'X', x'ff') AS TEXT), "
               "sql = CAST(replace(sql, 'X', x'ff') AS TEXT)")
    db.close()
    copy = sqlite3.connect(tmp_path / 'odd.sqlite', isolation_level=None)
    found = tables(copy)
    assert list(found) == ['ok'] and list(found['ok'].columns) == ['id', 't']
    assert tuple(found['ok'].get(1)) == (1, 'A\ufffdB')
    found['ok'].update(1, {'t': 'new'})
    assert found['ok'].get(1)['t'] == 'new' and copy.text_factory is str
    copy.close()


ROWS: list[tuple[str, dict[str, Any], Any, dict[str, Any]]] = [
    ('', {'select': 'a', 'a "b" c': 'b', 'd e': 'c'}, 1, {"it's": 'x', '': 1}),
    ('a "table" [of] \'quotes\' `and` ; --', {'x)': 'a', '/*': 1, '名': 'ö'}, 1, {'x)': 'b', 'ß': None}),
    ('pair', {'a': 1, 'b': 'x'}, (1, 'x'), {'t': 5}), ('no row', {'a': '1', 'b': 'x'}, ('x', 1), {'t': 5}),
    ('pair', {'a': 1}, (1, None), {'t': 5}), ('plain', {}, 1, {'a': 5}),
    ('took', {'rowid': 'x'}, 1, {'rowid': 'y'}), ('text_key', {'code': 'x'}, 'x', {'t': 'ä'}), ('text_key',
    {}, None, {'t': 'ä'}),
    ('both', {'id': 'k', 'x': '007'}, 'k', {'x': b'\x00'}),
    ('words', {'title': 'a', 'body': 'b'}, 1, {'title': 'c'}), ('a box', {'id': 5, 'x0': 1, 'x1': 2}, 5,
    {'x1': 3}), ('made', {'a': 1}, 1, {'a': 2})]


@pytest.mark.parametrize('name, record, key, changes', ROWS)
def test_rows(nasty: sqlite3.Connection, name: str, record: dict[str, Any], key: Any,
              changes: dict[str, Any]) -> None:
    found = tables(nasty)[name]
    assert found.insert(record) == key
    row = found.get(key)
    assert found.key_of(row) == key
    if name != 'a box':  # which has single precision
        assert [str(row[each]) for each in record] == list(map(str, record.values()))
    assert found.update(key, changes) == key
    assert {each: found.get(key)[each] for each in changes} == changes
    found.update(key, {})
    found.delete(key)
    for act in (found.get, found.delete, lambda key: found.update(key, changes)):
        with pytest.raises(NotFound, match='There is no '):
            act(key)
    assert found.count() == 0


@pytest.mark.parametrize('key', [0, '1x', None, 2**63, -2**70, '\ud800', b'\xff', 1.5, (1, 2), ()])
def test_a_key_that_is_not_there(nasty: sqlite3.Connection, key: Any) -> None:
    tables(nasty)['alias'].insert({'id': 1})
    with pytest.raises(NotFound, match='There is no alias '):
        tables(nasty)['alias'].get(key)


def test_rows_without_a_key_say_so(nasty: sqlite3.Connection) -> None:
    found: Table = tables(nasty)['took_all']
    found.insert({'rowid': 1})
    with pytest.raises(DatabaseError, match='The rows of took_all have no key'):
        found.get(1)


def test_a_choice_of_rows(shop: sqlite3.Connection) -> None:
    category = tables(shop)['category']
    for name in ('Tea', 'Rum', 'Ale', 'Gin'):
        category.insert({'categoryname': name})
    found = category.rows('CategoryId > ?', [1], order='CategoryName', limit=2)
    assert [row['CategoryName'] for row in found] == ['Ale', 'Gin']
    assert [tuple(row) for row in category.rows(columns='CategoryName', order='1', offset=3)] == [('Tea',)]
    assert category.count('CategoryName < ?', ['H']) == 2


def test_an_update_writes_only_what_differs_and_gives_the_key(shop: sqlite3.Connection) -> None:
    order, details = tables(shop)['order'], tables(shop)['Order Details']
    number = order.insert({'freight': '1.50'})
    pair = details.insert({'OrderId': number, 'ProductId': 7})
    before = shop.total_changes
    assert order.update(number, {'Freight': Decimal('1.5'), 'customerid': None, 'OrderID': number}) == number
    assert details.update(pair, {'quantity': '1', 'PRODUCTID': 7.0}) == pair and shop.total_changes == before
    assert details.update(pair, {'quantity': 2, 'PRODUCTID': 8}) == (number, 8)
    assert details.get((number, 8))['Quantity'] == 2
    with pytest.raises(sqlite3.OperationalError, match='no such column: nothing'):
        details.update((number, 8), {'nothing': 1})


@pytest.mark.parametrize('change', ['update', 'delete'])
def test_of_several_records_without_a_key_none_is_changed(change: str) -> None:
    db = sqlite3.connect(':memory:')
    db.executescript("CREATE TABLE t (id TEXT PRIMARY KEY, x); INSERT INTO t VALUES (NULL, 1), (NULL, 2)")
    act = partial(tables(db)['t'].update, None, {'x': 3}) if change == 'update' else partial(
        tables(db)['t'].delete, None)
    with pytest.raises(DatabaseError, match='none can be told from the others'):
        act()
    assert [tuple(row) for row in db.execute('SELECT * FROM t')] == [(None, 1), (None, 2)]
    db.execute('DELETE FROM t WHERE x = 2')
    act()
    assert db.execute('SELECT sum(x) FROM t').fetchone()[0] == (3 if change == 'update' else None)
    db.close()
