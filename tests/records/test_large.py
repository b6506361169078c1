"""Large tables: no page waits for all of their rows, and each says what it did not look at."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from typing import Any

import html5lib
import pytest

from kali.records import Records, Table, facets
from kali.records.query import Query
from kali.sqlite import connect
from kali.testing import Client

ROWS = 120_000
SCHEMA = '''
CREATE TABLE town (town INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE trip (trip INTEGER PRIMARY KEY, town INT REFERENCES town, kind TEXT CHECK (kind IN ('a', 'b')),
    day DATE, fare DECIMAL(8,2), note TEXT);
INSERT INTO town WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 300)
    SELECT x, 'Town ' || x FROM n;
INSERT INTO trip WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {rows})
    SELECT x, x * 7919 % 300 + 1, CASE x % 3 WHEN 0 THEN 'a' WHEN 1 THEN 'b' END,
        date('2020-01-01', printf('+%d days', x * 31 % 2000)), x % 977 * 0.25,
        printf('%s %s', CASE x % 20 WHEN 0 THEN 'common' ELSE 'usual' END,
            CASE x % 20011 WHEN 7 THEN 'rare' END) FROM n;
CREATE INDEX trip_day ON trip (day);
CREATE INDEX trip_kind ON trip (kind);
CREATE INDEX trip_town ON trip (town);
'''
FULL_TEXT = '''CREATE VIRTUAL TABLE trip_text USING fts5(note, content = "trip", content_rowid = 'trip');
INSERT INTO trip_text(trip_text) VALUES ('rebuild');'''


@pytest.fixture(scope='module')
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    db = connect(tmp_path_factory.mktemp('large') / 'trips.sqlite')
    db.executescript(SCHEMA.replace('{rows}', str(ROWS)))
    yield db
    db.close()


def keys(page: str) -> list[int]:
    rows = html5lib.parse(page, namespaceHTMLElements=False).iter('tr')
    return [int(each.get('data-key')) for each in rows if each.get('data-key')]


def link(page: str, text: str) -> str | None:
    for each in html5lib.parse(page, namespaceHTMLElements=False).iter('a'):
        if ' '.join(''.join(each.itertext()).split()) == text:
            return str(each.get('href'))
    return None


def all_pages(client: Client, url: str | None) -> tuple[list[int], list[str]]:
    found, pages = [], []
    while url:
        page = client.get(url).text
        found += keys(page)
        pages.append(page)
        url = link(page, 'Next')
    return found, pages


def test_counts_are_capped_and_said_to_be(large: Any) -> None:
    with Client(Records(large, tables=['trip', 'town'])) as client:
        page = client.get('/table/trip/').text
        assert '<caption>over 10,000 records</caption>' in page and '<tfoot>' not in page
        for text in 'a', 'Empty', '2020':
            assert link(page, f'{text} (over 10,000)')
        month = client.get(link(page, '2020 (over 10,000)') or '').text
        number = large.execute("SELECT count(*) FROM trip WHERE day LIKE '2020-05%'").fetchone()[0]
        assert link(month, f'May 2020 ({number:,})')
        assert 'over 10,000' in client.get('/').text


def test_a_filter_by_a_foreign_key_has_the_right_numbers_of_a_part_of_its_values(large: Any) -> None:
    with Client(Records(large, tables=['trip'])) as client:
        page = client.get('/table/trip/').text
        found = re.findall(r'is\.town=(\d+)">Town \d+ \((\d+)\)', page)
        assert len(found) == 10
        for town, number in found:
            sql = 'SELECT count(*) FROM trip WHERE town = ?'
            assert large.execute(sql, [town]).fetchone()[0] == int(number)


def test_counts_of_a_part_are_said_to_be(large: Any) -> None:
    with Client(Records(large, tables=[Table('trip', filter=['note'])])) as client:
        page = client.get('/table/trip/?from.fare=1').text
        assert 'Counted in 10,000 of the records' in page and link(page, 'common (500)')
        exact = client.get('/table/trip/?is.trip=5&is.trip=20').text
        assert link(exact, 'common (1)') and 'Counted in' not in exact


@pytest.mark.parametrize('order', ['day', '-day', 'kind', '-kind', '-trip', 'town'])
def test_an_indexed_order_is_walked_from_page_to_page(large: Any, order: str) -> None:
    name, sign = order.removeprefix('-'), ' DESC' if order[0] == '-' else ''
    expected = [row[0] for row in large.execute(
        f'SELECT trip FROM trip WHERE kind IS NOT NULL ORDER BY {name}{sign}, trip{sign} LIMIT 200')]
    with Client(Records(large, tables=['trip'])) as client:
        url: str | None = f'/table/trip/?order={order}&empty.kind=0'
        found: list[int] = []
        for _ in range(4):
            page = client.get(url or '').text
            found += keys(page)
            url = link(page, 'Next')
    assert found == expected


def test_a_search_without_an_index_goes_on_where_it_stopped(large: Any,
                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('kali.records.query.QUICK', 0.0001)  # as if the table were a hundred times as large
    monkeypatch.setattr('kali.records.query.LOOK', 0.0)
    sql = "SELECT trip FROM trip WHERE note LIKE '%rare%' ORDER BY trip"
    expected = [row[0] for row in large.execute(sql)]
    with Client(Records(large, tables=['trip'])) as client:
        found, pages = all_pages(client, '/table/trip/?q=RARE')
        assert found == expected and len(pages) in (30, 31)
        assert '4,000 records were looked at' in pages[0] and 'Records on this page' in pages[0]
        page = client.get('/table/trip/?q=rare&order=-fare&last=1&scan=1').text
        assert 'in the order of their key' in page
        back: list[int] = []
        url: str | None = '/table/trip/?q=rare&last=1&scan=1'
        while url:
            page = client.get(url).text
            back = keys(page) + back
            url = link(page, 'Previous')
        assert back == expected


def test_a_full_text_index_finds_beginnings_of_words_and_says_so(large: Any, tmp_path: Any) -> None:
    path = tmp_path / 'text.sqlite'
    copy = sqlite3.connect(path)
    large.backup(copy)
    copy.executescript(FULL_TEXT)
    copy.close()
    db = connect(path)
    rare = [row[0] for row in db.execute("SELECT trip FROM trip WHERE note LIKE '% rare' ORDER BY trip")]
    with Client(Records(db, tables=['trip'])) as client:
        page = client.get('/table/trip/?q=Rar').text
        assert keys(page) == rare and 'begin with what you typed' in page
        assert all_pages(client, '/table/trip/?q=are')[0] == rare  # no word begins so
        inside = link(client.get('/table/trip/?q=usua').text, 'Look inside of words, too')
        assert inside == '/table/trip/?q=usua&inside=1' and len(keys(client.get(inside).text)) == 50
        assert client.get('/table/trip/?q=ra%22*:%5E(').status == 200
        page = client.get('/table/trip/?q=usu').text
        assert '<caption>over 10,000 records' in page and len(keys(page)) == 50
        assert len(keys(client.get('/table/trip/?q=usu&is.kind=a&order=-day&last=1').text)) == 50
        assert client.get('/table/trip/export.csv?q=usual&order=-day').text.count('\n') == 1 + db.execute(
            "SELECT count(*) FROM trip WHERE note LIKE 'usual%'").fetchone()[0]
        found, _ = all_pages(client, '/table/trip/?q=common&is.town=7')
        assert found == [row[0] for row in db.execute(
            "SELECT trip FROM trip WHERE note LIKE 'common%' AND town = 7 ORDER BY trip")]
    db.close()


def test_the_cost_of_a_page_does_not_grow_with_the_table(large: Any, tmp_path: Any,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    # What bounds the cost must not be the clock: what is given up and counted in another way costs both.
    monkeypatch.setattr(facets, 'SECONDS', 60.0)
    small = connect(tmp_path / 'small.sqlite')
    small.executescript(SCHEMA.replace('{rows}', str(ROWS // 2)))

    def steps(db: Any, path: str) -> int:
        """What SQLite does for a page, in hundreds of steps of its machine."""
        records = Records(db, tables=[Table('trip', filter=['kind', 'town', 'day'])], history=False)
        count = 0

        def noted(handler: Any, each: int) -> None:
            def more() -> bool:
                nonlocal count
                count += 1
                return bool(handler and handler())
            original(more, 100)
        original = db.set_progress_handler
        section = records.section('trip')
        with Client(records) as client:
            client.get('/table/trip/1')
            section.connection.set_progress_handler = noted
            original(lambda: noted_step(), 100)

            def noted_step() -> bool:
                nonlocal count
                count += 1
                return False
            try:
                assert client.get(path).status == 200
            finally:
                del section.connection.set_progress_handler
                original(None, 0)
        return count
    for query in ('', 'order=-day', f'after={ROWS // 3}', 'last=1', 'is.town=7', 'in.day=2021&order=day',
                  'is.kind=a&order=town'):
        half, whole = (steps(each, f'/table/trip/?{query}') for each in (small, large))
        assert 0 < whole <= 1.3 * half + 20, (query, half, whole)
    small.close()


def test_each_reads_all_rows_in_their_order_without_a_cursor(large: Any) -> None:
    section = Records(large, tables=['trip'], history=False).section('trip')
    query = Query(section, order='-day')
    found = [row['trip'] for row in query.each(size=5000)]
    assert found == [row[0] for row in large.execute('SELECT trip FROM trip ORDER BY day DESC, trip DESC')]


def test_an_index_of_a_column_finds_what_begins_so() -> None:
    db = connect(':memory:')
    db.execute('CREATE TABLE person (person INTEGER PRIMARY KEY, name TEXT, city TEXT)')
    db.executemany('INSERT INTO person VALUES (?, ?, ?)', (
        (number, f'Person {number * 7919 % ROWS}', 'x') for number in range(1, ROWS)))
    db.execute('CREATE INDEX person_name ON person (name)')
    with Client(Records(db)) as client:
        page = client.get('/table/person/?q=person+119876').text
        sql = "SELECT person FROM person WHERE name = 'Person 119876'"
        assert keys(page) == [row[0] for row in db.execute(sql)]
        assert '<caption>1 record</caption>' in page and link(page, 'Look inside of words, too')
        assert len(all_pages(client, '/table/person/?q=Person+1198')[0]) == 111
    db.close()
