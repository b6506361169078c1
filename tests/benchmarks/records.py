"""Records beside Datasette, on one file of 1 000 000 rows: each page of a list that people ask for.

Run it with `python3 tests/benchmarks/records.py [ROWS] [ROUNDS]`; Datasette is left out with a notice where
it is not installed. Both serve the same file from processes of their own, 50 rows a page. Printed are the
first time and the median through HTTP in milliseconds (kali remembers the counts of a list until somebody
writes, Datasette those of a table), and how often kali's median fits into Datasette's. The goals are less
than 100 ms, and less than Datasette, for each page; the last column says where that is missed. A page whose
cost grew with the table would show beside a file of a tenth of the rows.
"""

from __future__ import annotations

import contextlib
import importlib.util
import random
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
ROWS, ROUNDS = 1_000_000, 7
GOAL = 0.1  # seconds

KALI = '''
import sys
sys.path.insert(0, sys.argv[1])
from kali import serve_http
from kali.records import Records
from kali.sqlite import connect
serve_http(Records(connect(sys.argv[2], read_only=True), title='Sales'), port=int(sys.argv[3]), start=None)
'''
SCHEMA = '''
CREATE TABLE customer (customer INTEGER PRIMARY KEY, name TEXT NOT NULL, city TEXT);
CREATE TABLE sale (sale INTEGER PRIMARY KEY, customer INT REFERENCES customer (customer),
    product TEXT NOT NULL, status TEXT CHECK (status IN ('open', 'paid', 'sent', 'lost')), day DATE,
    quantity INT, amount DECIMAL(10,2), note TEXT);
'''
INDEXES = '''
CREATE INDEX sale_day ON sale(day);
CREATE INDEX sale_customer ON sale(customer);
CREATE INDEX sale_status ON sale(status);
CREATE VIRTUAL TABLE sale_fts USING fts5(product, note, content='sale', content_rowid='sale');
INSERT INTO sale_fts(sale_fts) VALUES('rebuild');
'''
WORDS = ['bicycle', 'bell', 'brake', 'saddle', 'chain', 'lamp', 'tyre', 'pump', 'frame', 'pedal', 'crank',
         'hub', 'spoke', 'rim', 'fork', 'stem', 'seat', 'post', 'cable', 'lever', 'grip', 'tape', 'lock',
         'basket']


class Case(NamedTuple):
    """A page, and its address in both programs."""

    name: str
    kali: str
    datasette: str


def cases(rows: int) -> list[Case]:
    middle = rows // 2
    return [
        Case('first list', '', '_size=50'),
        Case('sorted by an indexed column', 'order=day', '_sort=day&_size=50'),
        Case('the same, descending', 'order=-day', '_sort_desc=day&_size=50'),
        Case(f'page {middle // 50:,}', f'after={middle}', f'_next={middle}&_size=50'),
        Case('last page', 'last=1', '_sort_desc=sale&_size=50'),
        Case('search, full text, few found', 'q=unicorn', '_search=unicorn&_size=50'),
        Case('search, full text, very many found', 'q=bell', '_search=bell*&_searchmode=raw&_size=50'),
        Case('search without an index, none found', 'q=zzzz&inside=1', 'note__contains=zzzz&_size=50'),
        Case('filter, indexed, with counts', 'is.status=lost',
             'status=lost&_facet=status&_facet=customer&_facet_date=day&_size=50'),
        Case('filter by year, with counts', 'in.day=2021',
             'day__gte=2021-01-01&day__lt=2021-99&_facet=status&_facet=customer&_size=50'),
        Case('filter without an index, few found', 'is.product=bell+brake',
             'product=bell+brake&_facet=status&_facet=customer&_size=50'),
        Case('filter and order together', 'is.status=lost&order=-day', 'status=lost&_sort_desc=day&_size=50'),
    ]


def fill(path: Path, rows: int) -> None:
    """Make the file, the same one each time."""
    chance = random.Random(7)
    db = sqlite3.connect(path)
    db.executescript('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;' + SCHEMA)
    cities = ('Brno', 'Köln', 'Paris', 'Łódź', 'Zürich')
    db.executemany('INSERT INTO customer VALUES (?, ?, ?)',
                   ((number, f'Customer {number}', chance.choice(cities)) for number in range(1, 5001)))

    def sales() -> Iterator[tuple[object, ...]]:
        for number in range(1, rows + 1):
            note = ' '.join(chance.choices(WORDS, k=8)) + (' unicorn' if number % (rows // 10) == 7 else '')
            yield (number, chance.randrange(1, 5001), f'{chance.choice(WORDS)} {chance.choice(WORDS)}',
                   chance.choice(('open', 'paid', 'paid', 'paid', 'sent', None, 'lost')),
                   f'{chance.randrange(2015, 2026)}-{number % 12 + 1:02}-{number % 28 + 1:02}',
                   chance.randrange(1, 20), chance.randrange(100, 100_000) / 100, note)
    db.executemany('INSERT INTO sale VALUES (?, ?, ?, ?, ?, ?, ?, ?)', sales())
    db.executescript(INDEXES)
    db.commit()
    db.close()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(('127.0.0.1', 0))
        return int(one.getsockname()[1])


@contextlib.contextmanager
def serving(command: list[str], port: int) -> Iterator[int]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while True:
            try:
                get(port, '/')
                break
            except OSError:
                if time.monotonic() > until or process.poll() is not None:
                    raise
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


def get(port: int, target: str) -> float:
    """The seconds that a page takes."""
    begun = time.perf_counter()
    connection = HTTPConnection('127.0.0.1', port, timeout=60)
    try:
        connection.request('GET', target)
        response = connection.getresponse()
        response.read()
        assert response.status in (200, 302), (target, response.status)
    finally:
        connection.close()
    return time.perf_counter() - begun


def times(port: int, target: str, rounds: int) -> tuple[float, float]:
    """The seconds of the first time, and the median of all."""
    found = [get(port, target) for _ in range(rounds)]
    return found[0], statistics.median(found)


def main(rows: int = ROWS, rounds: int = ROUNDS) -> int:
    missed = 0
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        path = Path(folder, 'sales.sqlite')
        fill(path, rows)
        port = free_port()
        command = [sys.executable, '-c', KALI, str(ROOT), str(path), str(port)]
        kali, other = stack.enter_context(serving(command, port)), None
        if importlib.util.find_spec('datasette'):
            port = free_port()
            command = [sys.executable, '-m', 'datasette', 'serve', str(path), '-p', str(port), '--setting',
                       'sql_time_limit_ms', '20000']
            other = stack.enter_context(serving(command, port))
        else:
            print('Datasette is not installed, so it is left out: pip install datasette')
        print(f'{rows:,} rows; first time and median of {rounds}, ms')
        print(f'{"page":36}{"kali":>14}{"Datasette":>18}{"ratio":>8}')
        for case in cases(rows):
            first, mine = times(kali, f'/table/sale/?{case.kali}', rounds)
            line, is_missed = f'{case.name:36}{first * 1000:7.1f}{mine * 1000:7.1f}', mine > GOAL
            if other:
                begun, its = times(other, f'/sales/sale?{case.datasette}', rounds)
                line += f'{begun * 1000:10.1f}{its * 1000:8.1f}{its / mine:8.1f}'
                is_missed = is_missed or mine > its
            missed += is_missed
            print(line + ('  missed' if is_missed else ''), flush=True)
    return missed


if __name__ == '__main__':
    sys.exit(min(main(*map(int, sys.argv[1:3])), 1))
