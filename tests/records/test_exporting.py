"""Export: what a list shows, in its order, as CSV, JSON, an Excel workbook and the SQLite file."""

import csv
import io
import json
import re
import sqlite3
import tracemalloc
import zipfile
from xml.etree import ElementTree

import pytest

from kali.records import Records
from kali.records.cells import batches
from kali.records.exporting import csv_of, row_for_csv
from kali.records.values import Format, convert
from kali.sqlite import connect
from kali.testing import Client

HOSTILE = ['<script>', '"; DROP', "it's", '%_', 'a\nb', 'a\r\nb', 'a,b', ' x ', 'é\u2028', '', '=1+1', "'=x",
           '+1', '-1', '@x', '\tx', '\rx', "''", '=cmd|\' /C calc\'!A0', 'x' * 100_000]


@pytest.fixture
def db():
    connection = connect(':memory:')
    connection.execute('CREATE TABLE thing (thing INTEGER PRIMARY KEY, name TEXT, price DECIMAL, made DATE, '
                       'raw BLOB)')
    connection.executemany('INSERT INTO thing VALUES (?, ?, ?, ?, ?)', [
        (1, 'Bell', 4.5, '2026-02-28', None), (2, '=1+1', -3, None, b'\x00\xff'),
        (3, 'Añejo', 0, 'soon', None)])
    connection.execute('CREATE VIEW cheap AS SELECT name, price FROM thing WHERE price < 1')
    yield connection
    connection.close()


@pytest.fixture
def client(db):
    return Client(Records(db))


def table_of(text):
    return list(csv.reader(io.StringIO(text.removeprefix('\ufeff'))))


def test_csv_is_what_the_table_holds(client):
    page = client.get('/table/thing/export.csv')
    assert page.headers['content-type'].startswith('text/csv')
    assert 'filename="thing.csv"' in page.headers['content-disposition']
    assert page.body.startswith(b'\xef\xbb\xbf')
    assert table_of(page.text) == [['thing', 'name', 'price', 'made', 'raw'],
                                   ['1', 'Bell', '4.5', '2026-02-28', ''],
                                   ['2', "'=1+1", '-3', '', 'data:application/octet-stream;base64,AP8='],
                                   ['3', 'Añejo', '0', 'soon', '']]


def test_filter_search_and_order_hold(client, db):
    db.executemany('INSERT INTO thing (name, price) VALUES (?, ?)',
                   [(f'row {n % 7}', n) for n in range(5000)])
    page = client.get('/table/thing/export.csv?q=row+3&order=-price')
    prices = [int(row[2]) for row in table_of(page.text)[1:]]
    assert prices == sorted(range(3, 5000, 7), reverse=True)
    assert client.get('/table/thing/export.csv?order=nowhere').status == 400


def test_a_view_has_no_key_and_is_exported_all_the_same(client):
    assert table_of(client.get('/table/cheap/export.csv').text)[1:] == [["'=1+1", '-3'], ['Añejo', '0']]


def test_json(client, db):
    db.execute('INSERT INTO thing (name, price) VALUES (?, 9e999)', ['x' * 10])
    found = json.loads(client.get('/table/thing/export.json').text)
    assert found[1] == {'thing': 2, 'name': '=1+1', 'price': -3, 'made': None,
                        'raw': 'data:application/octet-stream;base64,AP8='}
    assert [row['price'] for row in found] == [4.5, -3, 0, 'inf']
    assert json.loads(client.get('/table/thing/export.json?q=nowhere').text) == []


def test_excel(client):
    page = client.get('/table/thing/export.xlsx')
    with zipfile.ZipFile(io.BytesIO(page.body)) as archive:
        assert archive.testzip() is None
        sheet = archive.read('xl/worksheets/sheet1.xml').decode()
    assert '<t xml:space="preserve">=1+1</t>' in sheet  # text is no formula there
    assert '<v>-3</v>' in sheet
    assert '<c s="2"><v>46081</v></c>' in sheet  # 28 February 2026
    assert len(re.findall('<row>', sheet)) == 4


def test_excel_parts_are_xml_whatever_the_text(client, db):
    texts = ['a & b <c>', 'x\x01y', 'é "q"']
    db.executemany('INSERT INTO thing (name) VALUES (?)', [(text,) for text in texts])
    with zipfile.ZipFile(io.BytesIO(client.get('/table/thing/export.xlsx').body)) as archive:
        parts = {name: ElementTree.fromstring(archive.read(name)) for name in archive.namelist()}
    texts = [each.text for each in parts['xl/worksheets/sheet1.xml'].iter() if each.tag.endswith('}t')]
    assert texts[-3:] == ['a & b <c>', 'x\ufffdy', 'é "q"']
    assert set(parts) == {'[Content_Types].xml', '_rels/.rels', 'xl/workbook.xml', 'xl/styles.xml',
                          'xl/_rels/workbook.xml.rels', 'xl/worksheets/sheet1.xml'}


def test_the_file_itself(tmp_path):
    with connect(tmp_path / 'shop.sqlite') as db:
        db.execute('CREATE TABLE t (x)')
        db.execute('INSERT INTO t VALUES (7)')
        page = Client(Records(db)).get('/table/t/export.sqlite')
        assert 'shop.sqlite' in page.headers['content-disposition']
        (tmp_path / 'copy.sqlite').write_bytes(page.body)
    db.close()
    copy = sqlite3.connect(tmp_path / 'copy.sqlite')
    assert copy.execute('SELECT x FROM t').fetchall() == [(7,)]
    copy.close()


@pytest.mark.parametrize('text', HOSTILE)
def test_what_is_exported_comes_back(text):
    content = csv_of([row_for_csv([text, 'x'])]).encode()
    (_, ((cell, _),)), = batches(io.BytesIO(content), Format(), empties=True)
    assert list(convert('TEXT', [cell], Format())[0]) == [text]


def test_a_formula_is_guarded_and_a_number_is_not(db, client):
    db.execute('DELETE FROM thing')
    db.executemany('INSERT INTO thing (name, price) VALUES (?, ?)',
                   [('=1', -1), ('+1', -1.5), ('-1', 1), ('@a', 2), ("'=1", 3), ('a=1', 4), ("'tis", 5)])
    assert [row[1:3] for row in table_of(client.get('/table/thing/export.csv').text)[1:]] == [
        ["'=1", '-1'], ["'+1", '-1.5'], ["'-1", '1'], ["'@a", '2'],
        ["''=1", '3'], ['a=1', '4'], ["'tis", '5']]


@pytest.mark.parametrize('address', ['export.csv', 'export.csv?order=-price', 'export.json', 'export.xlsx'])
def test_memory_does_not_grow_with_the_table(db, address):
    db.execute('WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 40000) '
               "INSERT INTO thing SELECT i, 'some name ' || i, i * 0.5, '2026-01-01', NULL FROM n")
    records = Records(db)
    with Client(records) as client:
        tracemalloc.start()
        try:
            size = len(client.get(f'/table/thing/{address}').body)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 3 * size + 3_000_000  # the client keeps the body; the rows would be 20 MB
