"""The datebook with 50 000 contacts and 200 000 appointments: it pages, searches, and stays small.

Times are printed (run pytest with -s), never asserted. tests/benchmarks/datebook.py does the measuring.
"""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

BENCHMARK = Path(__file__).resolve().parents[1] / 'benchmarks/datebook.py'


@pytest.fixture
def benchmark() -> Any:
    return SimpleNamespace(**runpy.run_path(str(BENCHMARK)))


@pytest.mark.slow
def test_memory_stays_flat_and_the_search_is_as_quick_as_its_sql(benchmark: Any) -> None:
    result = benchmark.measure(3)
    for name, (page, bare) in result.pages.items():
        print(f'{name}: {page:.1f} ms, {page / bare:.2f} of the bare SQL')
    assert not result.growth > 30  # not known where there is no /proc


@pytest.mark.slow
def test_every_page_of_a_long_list_can_be_reached(benchmark: Any, tmp_path: Path) -> None:
    with benchmark.running(tmp_path) as datebook:
        benchmark.fill(datebook.file)
        for target, total in (('/contact/', 50_000), ('/appointment/?start=1900-01-01', 200_000)):
            joint = '&' if '?' in target else '?'
            seen = set()
            for number in (1, 2, 500, total // 50):
                page = datebook.get(f'{target}{joint}page={number}')
                assert f'{number * 50 - 49:,} to {number * 50:,} of {total:,}' in page
                assert ('rel="next"' in page, 'rel="prev"' in page) == (number * 50 < total, number > 1)
                rows = re.findall(r'<th scope="row"><a href="([^"]*)"', page)
                assert len(rows) == 50
                seen.update(rows)
            assert len(seen) == 200
        found = datebook.get('/contact/?q=NO.49999,')
        assert '1 to 1 of 1 with' in found
        assert 'no.49999@office' in found
        assert datebook.get('/').count('<tr>') > 50
