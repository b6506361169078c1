"""Charts: bars, lines and pies as SVG, with their numbers as a table."""

import re
from xml.etree import ElementTree

import pytest

from kali.records import Chart, Records, Table
from kali.records.charts import drawn
from kali.sqlite import connect
from kali.testing import Client
from tests.records.forms import BIKES

PAIRS = [('open', 3), ('<b>"done" & gone</b>', 9.5), ('x' * 200, 0), ('late', 1)]


@pytest.fixture
def db():
    connection = connect(':memory:')
    connection.executescript(BIKES)
    connection.executescript("""
        INSERT INTO bike VALUES (1, 1, 100, '2026-01-05', 1, 'open'), (2, 1, 50, '2026-01-20', 0, 'done'),
            (3, 2, 10, '2026-03-01', 0, 'done'), (4, NULL, NULL, NULL, NULL, NULL),
            (5, 2, 1, 'soon', 1, 'a%_b');
        """)
    yield connection
    connection.close()


def svg_of(html):
    return ElementTree.fromstring(re.search(r'<svg.*?</svg>', html, re.DOTALL)[0])


def numbers(html):
    return re.findall(r'<tr><th scope="row">(.*?)</th><td class="number">(.*?)</td></tr>', html)


@pytest.mark.parametrize('kind', ['bar', 'line', 'pie'])
@pytest.mark.parametrize('pairs', [
    PAIRS, [], [('one', 1)], [('nothing', 0)], [('below', -3), ('above', 2)],
    [('big', 1e300), ('small', 1e-300)],
    [(str(n), n % 17) for n in range(1000)]])
def test_a_chart_is_sound_whatever_it_shows(kind, pairs):
    html = drawn(pairs, kind, 'Jobs & more')
    svg = svg_of(html)
    assert svg.get('role') == 'img'
    named = {each.get('id'): each.text for each in svg.iter() if each.get('id')}
    assert named[svg.get('aria-labelledby').split()[0]] == 'Jobs & more'
    assert 'style=' not in html
    assert 'nan' not in html.lower().replace('nan<', '')
    assert 'inf' not in html
    assert len(numbers(html)) == len(pairs)


def test_a_pie_joins_its_smallest_parts():
    svg = svg_of(drawn([(str(n), 20 - n) for n in range(20)], 'pie'))
    assert len([each for each in svg.iter() if each.tag.endswith('path') or each.tag == 'path']) == 8


def test_the_page_draws_what_is_asked_for(db):
    with Client(Records(db)) as client:
        page = client.get('/table/bike/charts')
        assert '<svg class="chart"' in page.text
        form = page.form('Draw')
        page = form.fill({'For each': 'maker', 'Number': 'sum:price', 'Drawn as': 'pie'}).submit()
        assert numbers(page.text) == [('Diamant', '150'), ('&lt;i&gt;Brompton&lt;/i&gt;', '11')]
        form = page.form('Draw')
        page = form.fill({'For each': 'bought:month', 'Number': 'count', 'Drawn as': 'line'}).submit()
        assert numbers(page.text)[1:3] == [('2026-01', '2'), ('2026-03', '1')]
        page = client.get('/table/bike/charts?by=status&value=count&is.maker=1')
        assert numbers(page.text) == [('done', '1'), ('open', '1')]
        for wrong in ('by=nowhere', 'by=status&value=x', 'by=status&shape=cube', 'by=status)&value=count'):
            assert client.get(f'/table/bike/charts?{wrong}').status == 400


def test_charts_that_were_declared(db):
    charts = [Chart('status', 'pie'), Chart('bought:month', 'line', 'sum(price)', 'Turnover'),
              Chart('SELECT name, count(*) FROM bike JOIN maker USING (maker) GROUP BY 1', title='By maker')]
    with Client(Records(db, tables=[Table('bike', charts=charts), 'maker'])) as client:
        page = client.get('/table/bike/charts').text
        assert re.findall('<figcaption>(.*?)</figcaption>', page) == ['Rows: Status', 'Turnover', 'By maker']
        assert len(re.findall('id="chart-[123]"', page)) == 3
        assert 'Charts' in client.get('/table/bike/').text
