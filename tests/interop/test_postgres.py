"""The day after one desktop: the same application on PostgreSQL under gunicorn with two processes."""

from __future__ import annotations

import re
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.sqlite.test_postgres import postgres

__all__ = ['postgres']  # the fixture

pytestmark = [pytest.mark.postgres,
              pytest.mark.skipif(sys.platform == 'win32', reason='gunicorn needs a system that can fork')]


def test_two_processes_save_each_form_once(postgres: Any, under: Any) -> None:
    with postgres.connect(autocommit=True) as db:
        db.execute('DROP TABLE IF EXISTS note, kali_form CASCADE')
        db.execute('CREATE TABLE note (id SERIAL PRIMARY KEY, text TEXT UNIQUE)')
    place = f'host=127.0.0.1 port={postgres.port} user=kali dbname=postgres'
    with under('gunicorn', 'shared', NOTES=place) as served:
        def save(number: int) -> list[int]:
            """Press the button of one form four times, at once."""
            page = served.client.get('/new').text
            fields = dict(re.findall('<input[^>]*type="hidden"[^>]*name="(.*?)"[^>]*value="(.*?)"', page))
            fields |= {name: value for value, name in
                       re.findall('<input[^>]*value="([^"]*)"[^>]*type="hidden"[^>]*name="(.*?)"', page)}
            assert fields, page
            form = {**fields, 'text': f'note {number}'}

            def press(_: int) -> int:
                return int(served.client.post('/new', data=form).status_code)
            with ThreadPoolExecutor(4) as presses:
                return list(presses.map(press, range(4)))
        with ThreadPoolExecutor(4) as people:
            statuses = {status for several in people.map(save, range(10)) for status in several}
        lines = served.client.get('/notes').text.split('\n')
    assert statuses == {303}  # of two transactions that meet, PostgreSQL refuses one, and it is run anew
    assert sorted(line.rpartition(' ')[0] for line in lines) == sorted(f'note {each}' for each in range(10))
