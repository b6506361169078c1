"""The workshop: what it shows, its sheet, its statistics, and a file of an older version."""

from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kali.sqlite import connect, migrate

if TYPE_CHECKING:
    from collections.abc import Callable

SCRIPT = Path(__file__).resolve().parents[2] / 'examples/workshop.py'
STEPS = SCRIPT.parent / 'workshop'


@pytest.fixture
def app(serve: Callable[..., Any]) -> Any:
    return serve(SCRIPT)


def test_under_80_lines_of_python() -> None:
    lines = SCRIPT.read_text(encoding='utf-8').splitlines()
    assert len([line for line in lines if line.strip()]) < 80


def test_each_table_has_its_pages(app: Any) -> None:
    start = app.get('/').text
    for name, title in (('job', 'Job'), ('customer', 'Customer'), ('bike', 'Bike'), ('work', 'Price list'),
                        ('turnover', 'Statistics')):
        assert f'href="/table/{name}/">{title}</a>' in start
        page = app.get(f'/table/{name}/').text
        assert page.count('<tr data-key=') >= 5 or name == 'turnover'
        assert app.get(f'/table/{name}/export.csv').status == 200
    jobs = app.get('/table/job/').text
    assert 'data-mark="late"' in jobs
    assert 'data-mark="new"' in jobs
    assert 'Collected and paid' in jobs
    assert '<img' in app.get('/table/bike/').text


def test_the_sheet_of_a_job_has_its_lines_and_their_sum(app: Any) -> None:
    with closing(sqlite3.connect(next(app.folder.rglob('workshop.sqlite')))) as db:
        total, = db.execute('SELECT sum(quantity * price) FROM line WHERE job = 7').fetchone()
    sheet = app.get('/table/job/7/print').text
    assert '<h1>Job 7: ' in sheet
    assert f'{total:,.2f}' in sheet
    assert app.get('/table/job/999/print').status == 404


def test_charts_show_statistics(app: Any) -> None:
    page = app.get('/table/job/charts').text
    assert re.findall('<figcaption>(.*?)</figcaption>', page) == [
        'Jobs by status', 'Turnover a month', 'What brings in most']
    assert page.count('<svg class="chart"') == 3


def test_a_file_of_an_older_version_is_brought_up_to_date(tmp_path: Path) -> None:
    old = tmp_path / 'old'
    old.mkdir()
    for step in ('001-tables.sql', '002-sample.sql'):
        shutil.copy(STEPS / step, old)
    with closing(connect(tmp_path / 'workshop.sqlite')) as db:
        assert migrate(db, old) == 2
        before = db.execute('SELECT count(*) FROM job').fetchone()[0]
    with closing(connect(tmp_path / 'workshop.sqlite')) as db:
        assert migrate(db, STEPS) == 3
        assert db.execute('SELECT count(*) FROM bike WHERE electric').fetchone()[0] == 4
        assert db.execute('SELECT count(*) FROM job').fetchone()[0] == before
        assert db.execute('PRAGMA foreign_key_check').fetchall() == []
