"""Lists: what stands in them, in which order, what a search and filters find, and how pages are turned."""

from __future__ import annotations

import re
import sqlite3
from typing import Any

import html5lib
import pytest

from kali import Router
from kali.http.urls import build_url
from kali.records import Records, Table
from kali.sqlite import connect
from kali.sqlite.schema import quoted
from kali.testing import Client
from tests.sqlite.schemas import SCHEMAS

SHOP = '''
CREATE TABLE maker (maker INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE bike (bike INTEGER PRIMARY KEY, maker INT REFERENCES maker, model TEXT,
    price DECIMAL(10,2), bought DATE, sold BOOLEAN, status TEXT CHECK (status IN ('new', 'used')),
    note TEXT);
INSERT INTO maker VALUES (1, 'Żubr'), (2, 'Peugeot & Fils');
'''
MODELS = ['Élan', 'elan 2', 'ROAD_100%', 'road 1000', 'Straße', '<script>alert(1)</script>', "O'Neill",
          'x\x00y', '', None]


@pytest.fixture
def shop() -> Any:
    db = connect(':memory:')
    db.executescript(SHOP)
    for number in range(1, 131):
        db.execute('INSERT INTO bike VALUES (?, ?, ?, ?, ?, ?, ?, ?)', [
            number, [1, 2, None][number % 3], MODELS[number % 10], number * 1.5,
            f'{2021 + number % 3}-{number % 12 + 1:02}-{number % 28 + 1:02}' if number % 7 else None,
            number % 2, ['new', 'used', None][number % 3], f'note {number}'])
    yield db
    db.close()


def table(page: str) -> tuple[list[str], list[list[str]]]:
    """The headings and the rows of the list in a page, as text."""
    tree = html5lib.parse(page, namespaceHTMLElements=False)
    found = tree.find('.//table')
    heads = [''.join(cell.itertext()).strip() for cell in found.findall('./thead/tr/*')]
    rows = [[''.join(cell.itertext()).strip() for cell in row if cell.find('./input') is None]
            for row in found.findall('./tbody/tr')]
    return [head for head in heads if head], rows


def link(page: str, text: str) -> str | None:
    """The address of the link with this text."""
    for each in html5lib.parse(page, namespaceHTMLElements=False).iter('a'):
        if ' '.join(''.join(each.itertext()).split()) == text:
            return str(each.get('href'))
    return None


def paths(page: str) -> list[str]:
    """The components of a path that the rows have."""
    rows = html5lib.parse(page, namespaceHTMLElements=False).iter('tr')
    return [each.get('data-key') for each in rows if each.get('data-key') is not None]


def keys(page: str) -> list[int]:
    return [int(row[0].replace(',', '')) for row in table(page)[1]]


@pytest.mark.parametrize('name', SCHEMAS)
def test_every_table_and_view_is_listed_as_sql_lists_it(name: str) -> None:
    db = connect(':memory:')
    db.execute('PRAGMA foreign_keys = OFF')
    db.executescript(SCHEMAS[name])
    records = Records(db)
    with Client(records) as client:
        menu = client.get('/').text
        for section in records.sections.values():
            assert link(menu, section.title) == section.url()
            page = client.get(section.url()).text
            rows = section.table.rows(order=', '.join(map(section.sql_of, section.table.key)))
            if rows:
                assert [section.path_of(row) for row in rows if section.table.key] == paths(page)
                assert len(table(page)[1]) == len(rows)
            for column in section.table.columns.values():
                if column.hidden:
                    continue
                for order, sign in (f'{column.name}', ''), (f'-{column.name}', ' DESC'):
                    answer = client.get(section.url(order=order))
                    assert answer.status == 200, (section, order)
                    if section.table.key and rows:
                        place = ', '.join(section.sql_of(each) for each in section.place)
                        down = sign if section.is_indexed(column.name) else ''
                        sorted_rows = section.table.rows(order=f'{quoted(column.name)}{sign}, {place}{down}')
                        assert paths(answer.text) == list(map(section.path_of, sorted_rows))
            for row in rows if section.table.key else ():
                assert client.get(section.url(section.path_of(row))).status == 200, (section, tuple(row))
    db.close()


def test_pages_are_turned_in_both_directions(shop: Any) -> None:
    with Client(Records(shop)) as client:
        for order in ('', 'model', '-model', 'bought', '-price', 'maker', '-sold'):
            name, sign = order.removeprefix('-'), ' DESC' if order.startswith('-') else ''
            expected = [row[0] for row in shop.execute(
                f'SELECT bike FROM bike ORDER BY {f"{name}{sign}, " if name else ""}bike')]
            url: str | None = f'/table/bike/?order={order}' if order else '/table/bike/'
            found, pages = [], []
            while url:
                page = client.get(url).text
                found.append(keys(page))
                pages.append(url)
                url = link(page, 'Next')
            assert [key for part in found for key in part] == expected and len(found) == 3, order
            url = link(client.get(pages[0]).text, 'Last')
            back = []
            while url:
                page = client.get(url).text
                back.append(keys(page))
                url = link(page, 'Previous')
            assert back[0] == expected[-50:] and back[-1] == expected[:50], order
            assert link(page, 'First') is None


@pytest.mark.parametrize('q', [
    'elan', 'ÉLAN', 'road_', '100%', '%', '_', 'strasse', 'STRASSE', "o'n", '<script>', 'e l', '2 elan',
    'note 13',
    '\\', '"', "'", 'ss', '\x00', 'x' * 5000, '😀', 'É'])
def test_a_search_finds_what_has_each_word_in_it(shop: Any, q: str) -> None:
    def folded(text: str | None) -> str:
        return str(shop.execute('SELECT fold(?)', [text or '']).fetchone()[0])
    expected = [row['bike'] for row in shop.execute('SELECT * FROM bike ORDER BY bike') if all(
        any(folded(word) in folded(row[name]) for name in ('model', 'bought', 'note', 'status'))
        for word in q[:200].split())]
    with Client(Records(shop)) as client:
        page = client.get(build_url(['table', 'bike', ''], {'q': q})).text
        if expected:
            assert keys(page) == expected[:50]
        else:
            assert 'There are no records here' in page


def test_a_search_finds_foreign_keys_by_label_where_that_is_declared(shop: Any) -> None:
    with Client(Records(shop, tables=[Table('bike', search=['maker', 'model'])])) as client:
        assert set(keys(client.get('/table/bike/?q=peugeot').text)) <= {
            row[0] for row in shop.execute('SELECT bike FROM bike WHERE maker = 2')}
        assert keys(client.get('/table/bike/?q=zubr+%C3%A9lan').text) == [
            row[0] for row in shop.execute("SELECT bike FROM bike WHERE maker = 1 AND model LIKE '%lan%'")]


FILTERS = [
    ('Peugeot & Fils', 'maker = 2'), ('used', "status = 'used'"), ('2022', "bought LIKE '2022%'"),
    ('Yes', 'sold = 1'), ('Empty', 'maker IS NULL')]


@pytest.mark.parametrize('text, where', FILTERS)
def test_a_filter_says_how_many_rows_it_leaves_and_leaves_them(shop: Any, text: str, where: str) -> None:
    number = shop.execute(f'SELECT count(*) FROM bike WHERE {where}').fetchone()[0]
    with Client(Records(shop)) as client:
        url = link(client.get('/table/bike/').text, f'{text} ({number})')
        assert url
        page = client.get(url).text
        assert f'{number} records' in page
        assert keys(page) == [row[0] for row in shop.execute(f'SELECT bike FROM bike WHERE {where} LIMIT 50')]
        assert 'aria-current="true"' in page
        again = link(page, text if text == '2022' else f'{text} ({number})')
        assert again == '/table/bike/'


def test_filters_go_together_and_with_the_search(shop: Any) -> None:
    with Client(Records(shop)) as client:
        page = client.get('/table/bike/?is.status=used&in.bought=2022&q=note&from.price=30'
                          '&to.price=120.00').text
    expected = [row[0] for row in shop.execute(
        "SELECT bike FROM bike WHERE status = 'used' AND bought LIKE '2022%' AND price BETWEEN 30 AND 120")]
    assert keys(page) == expected


def test_dates_are_looked_into_by_year_month_and_day(shop: Any) -> None:
    with Client(Records(shop)) as client:
        page = client.get('/table/bike/').text
        for length, pattern in (4, r'^2022 \('), (7, r'^[A-Z]\w+ 2022 \('), (10, r'2022-\d\d-\d\d \('):
            texts = [' '.join(''.join(each.itertext()).split()) for each in
                     html5lib.parse(page, namespaceHTMLElements=False).iter('a')]
            text = next(each for each in texts if re.search(pattern, each))
            url = link(page, text) or ''
            number = int(text.rpartition('(')[2].rstrip(')'))
            period = url.rpartition('in.bought=')[2]
            assert len(period) == length
            page = client.get(url).text
            assert len(keys(page)) == min(number, 50) == min(50, shop.execute(
                'SELECT count(*) FROM bike WHERE bought LIKE ?', [f'{period}%']).fetchone()[0])
        assert link(page, 'All') == '/table/bike/'


@pytest.mark.parametrize('query', [
    'order=nope', 'order=-nope', 'is.nope=1', 'in.nope=2021', 'from.nope=1', 'empty.nope=1', 'order=%22',
    'order=bike;DROP', 'in.bought=21', 'in.bought=2021-1', 'from.price=abc', 'to.bought=yesterday',
    'after=a,b,c', 'is.bike=~rx', 'before=~bzz'])
def test_what_names_no_column_or_value_is_answered_with_a_sentence(shop: Any, query: str) -> None:
    with Client(Records(shop)) as client:
        answer = client.get(f'/table/bike/?{query}')
    assert answer.status in (400, 404), query
    assert 'Traceback' not in answer.text and '<nav' in answer.text


@pytest.mark.parametrize('query', [
    'utm_source=x', 'from.price=', 'to.bought=', 'in.bought=', 'q=', 'notice=x', 'last=', 'is=1', 'x.y=1',
    'more=nope', 'after=999999', 'before=0', 'page=7'])
def test_what_says_nothing_is_left_out(shop: Any, query: str) -> None:
    with Client(Records(shop)) as client:
        answer = client.get(f'/table/bike/?{query}')
    assert answer.status == 200 and len(keys(answer.text)) in (30, 50), query


def test_cells_and_names_are_text(tmp_path: Any) -> None:
    db = connect(tmp_path / 'odd.sqlite')
    name, column = '<b>"t" & \'%_', 'a"<i>\'%_'
    db.execute(f'CREATE TABLE {quoted(name)} ({quoted(column)} TEXT, n INTEGER, d DATE)')
    cells = ['<script>alert(1)</script>', "'; DROP TABLE x --", 'x' * 1_000_000, 'a\x00b', '%', '_', ' ',
             '\n', '\u202ex']
    for cell in cells:
        db.execute(f'INSERT INTO {quoted(name)} VALUES (?, ?, ?)', [cell, cell, cell])
    db.execute(f"INSERT INTO {quoted(name)} VALUES (CAST(x'ff41' AS TEXT), x'00ff', 2461100.25), "
               '(1.5, 9e999, 1772236800)')
    with Client(Records(db)) as client:
        url = Records(db, history=False).section(name).url()
        for query in ('', '?q=%25', '?q=x', '?order=n', '?order=-d', '?in.d=2026'):
            answer = client.get(url + query)
            assert answer.status == 200
            assert '<script>alert' not in answer.text and '<i>' not in answer.text
            assert len(answer.body) < 60_000 and b'\x00' not in answer.body
        page = client.get(url).text
        assert '2026-02-28' in page and 'a␀b' in page
        for row in re.findall('data-key="(.*?)"', page):
            assert client.get(f'{url}{row}').status == 200
    db.close()


def test_columns_are_expressions_and_functions_and_rows_have_marks(shop: Any) -> None:
    bike = Table('bike', list=['model', ('Gross', 'price * 1.2'), ('Twice', lambda row: row['price'] * 2)],
                 mark=lambda row: 'late' if row['bike'] == 3 else None, order='-bike', title='Bicycles',
                 labels={'model': 'Model name'}, where='bike <= 60')
    with Client(Records(shop, tables=[bike])) as client:
        page = client.get('/table/bike/').text
        heads, rows = table(page)
        assert heads == ['Model name', 'Gross', 'Twice'] and len(rows) == 50
        assert rows[0][1:] == ['108', '180'] and '<h1>Bicycles</h1>' in page
        page = client.get('/table/bike/?order=Gross').text
        assert table(page)[1][2] == ['road 1000 late', '5.4', '9'] and 'data-mark="late"' in page
        assert client.get('/table/bike/61').status == 404 and client.get('/table/bike/60').status == 200


@pytest.mark.parametrize('tables, words', [
    (['bikes'], "no table 'bikes'; did you mean bike"),
    ([Table('bike', search=['modell'])], "no column 'modell'; did you mean model"),
    ([Table('bike', filter=['x'])], 'no column'),
    ([Table('bike', order='-prise')], 'price'),
    ([Table('bike', labels={'x': 'y'})], 'no column'),
    ([Table('bike', list=['total'])], 'no such column: total'),
    ([Table('bike', where='x = 1')], 'no such column'),
    ([Table('bike', children=['line'])], "no table 'line'")])
def test_what_is_declared_and_not_there_is_said_at_the_start(shop: Any, tables: Any, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        Records(shop, tables=tables)


def test_an_export_of_a_table_with_a_key_of_text_is_sorted_as_the_list_is() -> None:
    db = connect(':memory:')
    db.executescript("CREATE TABLE t (code TEXT PRIMARY KEY, n INT); INSERT INTO t VALUES ('a', 2), ('b', 1)")
    with Client(Records(db)) as client:
        assert client.get('/table/t/export.csv?order=n').text.split() == ['\ufeffcode,n', 'b,1', 'a,2']
    db.close()


def test_totals_are_those_of_all_rows_that_are_listed(shop: Any) -> None:
    with Client(Records(shop)) as client:
        page = client.get('/table/bike/?is.status=used').text
    total = shop.execute("SELECT sum(price) FROM bike WHERE status = 'used'").fetchone()[0]
    assert f'<td class="number">{total:,.2f}</td>' in page.partition('<tfoot>')[2]


def test_views_are_saved_shown_deleted_and_undone(shop: Any) -> None:
    records = Records(shop)
    with Client(records) as client:
        page = client.get('/table/bike/?is.status=used&order=-price')
        assert 'Save this view' in page.text and 'value="Status: used, Price ↓"' in page.text
        answer = client.post('/table/bike/views', form={'name': ' Used  ones ',
                                                        'query': 'is.status=used&order=-price'})
        assert answer.status == 303
        page = client.get('/table/bike/').text
        url = link(page, 'Used ones')
        assert url == '/table/bike/?is.status=used&order=-price'
        assert client.get(url).status == 200
        assert client.post('/table/bike/views', form={'name': 'x', 'query': 'order=nope'}).status == 400
        assert client.post('/table/bike/views', form={'name': ' ', 'query': ''}).status == 400
        number = shop.execute('SELECT id FROM kali_view').fetchone()[0]
        assert client.post(f'/table/bike/views/{number}/delete').status == 303
        assert link(client.get('/table/bike/').text, 'Used ones') is None
        assert records.history.undo() == 'Delete a view'
        assert link(client.get('/table/bike/').text, 'Used ones')


def test_a_table_that_is_dropped_renamed_or_changed_while_its_page_is_open(tmp_path: Any) -> None:
    shop = sqlite3.connect(tmp_path / 'shop.sqlite')  # another program
    shop.executescript(SHOP + "INSERT INTO bike (bike, status) VALUES (7, 'used');")
    db = connect(tmp_path / 'shop.sqlite')
    with Client(Records(db)) as client:
        assert client.get('/table/bike/?order=note&is.status=used').status == 200
        shop.execute('ALTER TABLE bike DROP COLUMN note')
        answer = client.get('/table/bike/?order=note&is.status=used')
        assert answer.status == 400 and 'no column “note”' in answer.text
        assert client.get('/table/bike/').status == 200
        shop.execute('ALTER TABLE bike RENAME TO cycle')
        assert client.get('/table/bike/').status == 404 and client.get('/table/bike/7').status == 404
        assert client.get('/table/cycle/7').status == 200
        shop.execute('CREATE TABLE added (name TEXT)')
        assert link(client.get('/').text, 'Added') == '/table/added/'
        shop.execute('DROP TABLE cycle')
        assert client.get('/table/maker/1').status == 200
        assert client.post('/table/maker/views', form={'name': 'v', 'query': 'q=a'}).status == 303
    shop.close()
    db.close()


def test_it_is_mounted_in_a_bigger_application(shop: Any) -> None:
    records, app = Records(shop), Router()
    app.delegate_folder('/office/data/', records.router)
    app.function('/')(lambda: 'home')
    with Client(app) as client:
        page = client.get('/office/data/').text
        assert link(page, 'Bike') == '/office/data/table/bike/'
        page = client.get('/office/data/table/bike/?q=elan').text
        assert all(each.startswith(('/office/data/', '#', '/.kali'))
                   for each in re.findall('(?:href|action)="(.*?)"', page) if each != '/')
        answer = client.post('/office/data/table/bike/views', form={'name': 'v', 'query': 'q=elan'})
        assert answer.status == 303 and shop.execute('SELECT count(*) FROM kali_view').fetchone()[0] == 1
        assert client.get('/').text == 'home'


def test_pages_are_replaced(shop: Any) -> None:
    bike = Table('bike', pages={'list': lambda request: 'my list', 'view': lambda request, key: f'my {key}'})
    with Client(Records(shop, tables=[bike, 'maker'])) as client:
        assert client.get('/table/bike/').text == 'my list' and client.get('/table/bike/7').text == 'my 7'
        assert link(client.get('/table/maker/').text, '1') == '/table/maker/1'


def test_what_cannot_be_changed_says_why(tmp_path: Any, shop: Any) -> None:
    shop.execute('CREATE VIEW cheap AS SELECT * FROM bike WHERE price < 10')
    shop.execute('CREATE TABLE hidden (rowid, _rowid_, oid)')
    shop.execute('INSERT INTO hidden VALUES (1, 2, 3)')
    with Client(Records(shop, history=False)) as client:
        assert 'is a view' in client.get('/table/cheap/').text
        assert 'have no key' in client.get('/table/hidden/').text
        assert link(client.get('/table/cheap/').text, 'New') is None
    path = tmp_path / 'shop.sqlite'
    copy = sqlite3.connect(path)
    shop.backup(copy)
    copy.close()
    db = connect(path, read_only=True)
    with Client(Records(db)) as client:
        page = client.get('/table/bike/').text
        assert 'shop.sqlite cannot be written to' in page and link(page, 'New') is None and keys(page)
        assert client.get('/table/bike/new').status == 403
    db.close()


def test_search_over_all_tables(shop: Any) -> None:
    with Client(Records(shop)) as client:
        page = client.get('/search?q=zubr').text
        assert link(page, 'Maker') == '/table/maker/' and link(page, 'Bike') == '/table/bike/'
        assert '<h2><a href="/table/maker/?q=zubr">' in page and '/table/bike/?q=zubr' not in page
        assert 'Nothing was found' in client.get('/search?q=qqqq').text
        assert client.get('/search').status == 200


def test_a_record_shows_what_refers_to_it(shop: Any) -> None:
    with Client(Records(shop)) as client:
        page = client.get('/table/maker/2').text
        number = shop.execute('SELECT count(*) FROM bike WHERE maker = 2').fetchone()[0]
        assert '<h1>Peugeot &amp; Fils</h1>' in page and f'({number})' in page
        assert link(page, 'Bike') == '/table/bike/'
        assert '/table/bike/?is.maker=2' in page and len(table(page)[1]) == 10
        assert link(client.get('/table/bike/1').text, 'Peugeot & Fils') == '/table/maker/2'


def test_each_row_of_a_view_has_a_page_and_what_is_declared_of_it() -> None:
    db = connect(':memory:')
    db.executescript("""CREATE TABLE t (t INTEGER PRIMARY KEY, x TEXT, p BLOB);
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120)
        INSERT INTO t SELECT i, 'row ' || i || ' <b>', x'89504e470d0a1a0a' FROM n;
        CREATE VIEW v AS SELECT * FROM t""")
    declared = Table('v', list=['x', ('Twice', 't * 2'), ('Half', lambda row: row['t'] / 2)],
                     mark=lambda row: 'even' if row['t'] % 2 == 0 else None)
    with Client(Records(db, tables=[declared, Table('t', list=['p', 't'])]), raise_errors=True) as client:
        for query, numbers in [('', range(1, 51)), ('after=1', range(51, 101)), ('last=1', range(101, 121)),
                               ('order=-Twice', range(120, 70, -1)), ('q=row+11', [11, *range(110, 120)])]:
            page = client.get(f'/table/v/?{query}')
            links = re.findall('<th scope="row"[^>]*><a href="(.*?)">(.*?)</a>', page.text)
            assert [text for _, text in links] == [f'row {number} &lt;b&gt;' for number in numbers]
            assert page.text.count('>even</span>') == sum(number % 2 == 0 for number in numbers)
            for (url, text), number in zip(links[::9], numbers[::9], strict=True):
                page = client.get(url.replace('&amp;', '&')).text
                assert f'<dd>{text}</dd>' in page and f'<dt>Twice</dt><dd>{number * 2}</dd>' in page
                assert f'<dt>Half</dt><dd>{number / 2:g}</dd>' in page and 'Edit' not in page
        found = client.get('/search?q=row+7').text
        assert 'row 7 ' in client.get(re.findall('/table/v/row[^"]*', found)[0].replace('&amp;', '&')).text
        assert re.search('<th scope="row"[^>]*><a href="/table/t/1"><img [^>]*></a></th>',
                         client.get('/table/t/').text)
        for url in ('v/row?number=120', 'v/row?number=-1', f'v/row?number={"9" * 30}', 'v/row', 'v/1',
                    't/row?number=1'):
            assert client.get(f'/table/{url}').status == 404
    db.close()


def test_each_page_can_be_replaced_by_a_handler() -> None:
    db = connect(':memory:')
    db.executescript('CREATE TABLE t (t TEXT PRIMARY KEY); CREATE TABLE u (u TEXT PRIMARY KEY)')
    paths = {'list': '', 'view': 'a,b', 'row': 'row', 'new': 'new', 'edit': 'x/edit', 'copy': 'x/copy',
             'delete': 'x/delete', 'print': '~tnew/print', 'file': 'x/file/photo', 'rows': 'rows',
             'cell': 'cell', 'paste': 'paste', 'views': 'views', 'import': 'import', 'charts': 'charts',
             'report': 'report', 'export.csv': 'export.csv'}

    def page(name: str) -> Any:
        return lambda request, *path: f'{name} of {path}'
    pages = {name: page(name) for name in paths}
    with Client(Records(db, tables=[Table('t', pages=pages), 'u']), raise_errors=True) as client:
        for name, path in paths.items():
            key = [each for each in path.split('/') if each not in (name, '')]
            for method in (client.get, client.post):
                assert method(f'/table/t/{path}').text == f'{name} of {tuple(key)}'
    with pytest.raises(ValueError, match="no page is called 'chart'; there are list, view"):
        Records(db, tables=[Table('t', pages={'chart': page('chart')})])
    db.close()


def test_a_record_names_a_table_that_takes_too_long_to_look_through(monkeypatch: Any) -> None:
    db = connect(':memory:')
    db.executescript("""CREATE TABLE t (t INTEGER PRIMARY KEY); INSERT INTO t VALUES (1);
        CREATE TABLE child (child INTEGER PRIMARY KEY, t INTEGER REFERENCES t);
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
        INSERT INTO child SELECT i, NULL FROM n""")
    monkeypatch.setattr('kali.records.record_page._SECONDS', 0)
    page = Client(Records(db), raise_errors=True).get('/table/t/1').text
    assert '<a href="/table/child/?is.t=1">Child</a>' in page and 'Not all of Child was searched' in page
    db.close()
