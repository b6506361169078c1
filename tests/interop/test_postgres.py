"""The day after one desktop: the same application on PostgreSQL under gunicorn with two processes."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.sqlite.test_postgres import postgres

ROOT = Path(__file__).resolve().parents[2]

__all__ = ['postgres']  # the fixture

pytestmark = [pytest.mark.postgres,
              pytest.mark.posix('gunicorn forks')]


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


def blocks() -> dict[str, str]:
    """The files that the chapter of the handbook shows, by their names."""
    text = (ROOT / 'kali/handbook/outgrowing.md').read_text(encoding='utf-8')
    return dict(re.findall(r'```\w+ (office\.\w+)\n(.*?)```', text, re.DOTALL))


def hidden(page: str) -> dict[str, str]:
    """What a form carries unseen."""
    return {name: re.search('value="(.*?)"', tag)[1]  # type: ignore[index]
            for tag in re.findall('<input[^>]*type="hidden"[^>]*>', page)
            for name in re.findall('name="(.*?)"', tag)}


@pytest.mark.slow
def test_the_office_of_the_handbook(postgres: Any, under: Any, tmp_path: Path) -> None:
    files = blocks()
    with postgres.connect(autocommit=True) as db:
        db.execute('DROP TABLE IF EXISTS customer, invoice, line, kali_form CASCADE')
        db.execute(files['office.sql'])
    (tmp_path / 'office.py').write_text(files['office.py'], encoding='utf-8')
    place = f'host=127.0.0.1 port={postgres.port} user=kali dbname=postgres'
    with under('gunicorn', 'office', wsgi='application', OFFICE=place) as served:
        client = served.client

        def send(target: str, fields: dict[str, str], presses: int = 1, **more: Any) -> list[int]:
            form = {**hidden(client.get(target).text), **fields}
            with ThreadPoolExecutor(presses) as pool:
                return [reply.status_code for reply in pool.map(
                    lambda _: client.post(target, data=form, **more), range(presses))]
        assert send('/customer/new', {'name': 'Ada', 'email': 'ada@example.org'}, presses=2) == [303, 303]
        reply = client.post('/customer/new', data={**hidden(client.get('/customer/new').text), 'name': 'Ada',
                                                   'email': 'other@example.org'})
        assert reply.status_code == 422
        assert 'other@example.org' in reply.text  # nothing typed is lost
        customer = re.search('<option value="([0-9]+)">Ada', client.get('/invoice/new').text)
        assert customer is not None
        fields = {'customer': customer[1], 'date': '2026-02-28', 'lines-1-what': 'Tea',
                  'lines-1-quantity': '3', 'lines-1-price': '1.15'}
        with ThreadPoolExecutor(4) as people:
            statuses = list(people.map(lambda number: send(
                '/invoice/new', {**fields, 'lines-2-what': f'Milk {number}', 'lines-2-quantity': '0.5',
                                 'lines-2-price': '0.99'}, presses=2), range(8)))
        assert statuses == [[303, 303]] * 8
        page = client.get('/').text
        assert page.count('3.95') == page.count('<th scope="row">') == 8
        first = re.search('href="(/invoice/[0-9]+)"', page)
        assert first is not None
        assert send(first[1], {**fields, 'lines-1-quantity': '10'}, files={
            'attachment': ('a.pdf', b'%PDF-1', 'application/pdf')}) == [303]
        assert client.get(first[1] + '/file').content == b'%PDF-1'
        assert '11.50' in client.get('/').text
        assert client.post('/customer/new', headers={'Origin': 'https://evil.example'}).status_code == 403
        assert client.get('/', headers={'Host': 'evil.example'}).status_code == 403
        assert client.get('/', headers={'Host': 'office.example.org'}).status_code == 200
