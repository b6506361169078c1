"""Reports: the rows of a list, group by group with subtotals; and a record as a page to print."""

import re

import pytest

from kali.records import Records, Table
from kali.sqlite import connect
from kali.testing import Client
from tests.records.forms import BIKES


@pytest.fixture
def db():
    connection = connect(':memory:')
    connection.executescript(BIKES)
    connection.execute("INSERT INTO bike (bike, maker, price, bought) VALUES (1, 1, 100, '2026-01-05'), "
                       "(2, 1, 50.5, '2026-01-20'), (3, 2, 10, NULL)")
    yield connection
    connection.close()


def test_groups_have_subtotals_and_all_a_total(db):
    with Client(Records(db)) as client:
        page = client.get('/table/bike/report?by=maker')
        assert re.findall('<h2>(.*?)</h2>', page.text) == [
            'Diamant (2)', '&lt;i&gt;Brompton&lt;/i&gt; (1)', 'Total']
        assert page.text.count('<td class="number">150.5</td>') == 2  # below the rows, and among the groups
        assert page.text.count('<td class="number">160.5</td>') == 1
        page = page.form('Show').fill({'For each': 'bought:month', 'With the rows themselves': '0'}).submit()
        assert re.findall('<th scope="row">(.*?)</th>', page.text) == ['(nothing)', '2026-01', 'Total']
        assert '/table/bike/1"' not in page.text
        only = client.get('/table/bike/report?by=maker&is.maker=2')
        assert '<td class="number">10</td>' in only.text
        assert 'Diamant (' not in only.text
        assert client.get('/table/bike/report?by=nowhere').status == 400


def test_a_record_is_printed_with_all_that_refers_to_it(db):
    db.execute('WITH RECURSIVE n(x) AS (SELECT 10 UNION ALL SELECT x + 1 FROM n WHERE x < 60) '
               'INSERT INTO bike (bike, maker, price) SELECT x, 1, x FROM n')
    with Client(Records(db)) as client:
        page = client.get('/table/maker/1').click('Print')
        assert page.text.count('<tr data-key=') == 53
        assert '<nav' not in page.text
        assert client.get('/table/maker/9/print').status == 404


def test_a_sheet_of_ones_own(db):
    sheet = {'print': lambda request, path: f'Sheet {path}'}
    with Client(Records(db, tables=[Table('bike', pages=sheet)])) as client:
        assert client.get('/table/bike/2/print').text == 'Sheet 2'
