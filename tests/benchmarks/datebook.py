"""The datebook with 50 000 contacts and 200 000 appointments: search beside its bare SQL, pages, and memory.

Run it with `python3 tests/benchmarks/datebook.py [ROUNDS]`. The example runs in a process of its own, once
with an empty file and once with a full one. Printed are medians: a page through HTTP, the statements that it
runs done by sqlite3 alone on the same file (all rows fetched), their ratio; and what the resident memory of
the full one, having served all of these, is above that of the empty one. The goals are a ratio of 3 for the
search, and 30 MB.
"""

from __future__ import annotations

import contextlib
import os
import random
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
CONTACTS, APPOINTMENTS = 50_000, 200_000
FIRST = ('Ada', 'Grace', 'Käthe', 'Niels', 'Marie', 'Yuki', 'نجيب', 'Émile', 'Joan', 'Ludwig', 'Olga', 'Omar')
LAST = ('Lovelace', 'Hopper', 'Müller', 'Bohr', 'Curie', 'Tanaka', 'محفوظ', 'Zola', 'Clarke', 'Ivanova')

# The statements of examples/datebook.py.
CONTACT_PAGE = ('SELECT count(*) FROM contact WHERE {where}',
                'SELECT contact, name, phone, email FROM contact WHERE {where} '
                'ORDER BY {order}, contact LIMIT 50 OFFSET {at}')
APPOINTMENT_PAGE = ("SELECT count(*) FROM appointment WHERE date >= '1900-01-01'",
                    'SELECT appointment, date, substr(note, 1, 200) AS note, contact, '
                    '(SELECT name FROM contact WHERE contact.contact = appointment.contact) AS name '
                    "FROM appointment WHERE date >= '1900-01-01' "
                    'ORDER BY date, appointment LIMIT 50 OFFSET {at}')


class Case(NamedTuple):
    """A page, and the SQL behind it."""

    name: str
    target: str
    statements: tuple[str, ...]


def contact_case(name: str, words: str = '', page: int = 1) -> Case:
    where = ' AND '.join(f"instr(words, '{word}')" for word in words.split()) or '1'
    target = f'/contact/?page={page}' + (f'&q={words.replace(" ", "+")}' if words else '')
    names = {'where': where, 'order': '+name' if words else 'name', 'at': (page - 1) * 50}
    return Case(name, target, tuple(sql.format(**names) for sql in CONTACT_PAGE))


def appointment_case(name: str, page: int) -> Case:
    return Case(name, f'/appointment/?start=1900-01-01&page={page}',
                tuple(sql.format(at=(page - 1) * 50) for sql in APPOINTMENT_PAGE))


CASES = (
    contact_case('search, some hundreds found', 'hopper st.31'),
    contact_case('search, one found', 'no.49999,'),
    contact_case('search, nobody found', 'xyzzy'),
    contact_case('search, all found', 'example'),
    contact_case('contacts, first page'),
    contact_case('contacts, last page', page=1000),
    appointment_case('appointments, first page', 1),
    appointment_case('appointments, last page', 4000),
)


def fill(path: Path, contacts: int = CONTACTS, appointments: int = APPOINTMENTS) -> None:
    """Put as many records into the datebook at `path`, the same ones each time."""
    chance, start = random.Random(7), date.today() - timedelta(1800)
    people = ((f'{chance.choice(FIRST)} {chance.choice(LAST)} {number}', f'+49 30 {number:07}',
               f'no.{number}@office{number % 97}.example', f'No.{number}, St.{chance.randrange(400)}',
               'x' * 80)
              for number in range(contacts))
    talks = (((start + timedelta(chance.randrange(3650))).isoformat(), f'Talk {number} about this and that',
              chance.randrange(1, contacts + 1)) for number in range(appointments))
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.executemany('INSERT INTO contact (name, phone, email, address, memo, words) '
                       'VALUES (?, ?, ?, ?, ?, ?)',
                       ((*texts, '\n'.join(texts).casefold()) for texts in people))
        db.executemany('INSERT INTO appointment (date, note, contact) VALUES (?, ?, ?)', talks)


class Datebook(NamedTuple):
    """The example as it runs."""

    port: int
    pid: int
    file: Path

    def get(self, target: str) -> str:
        connection = HTTPConnection('127.0.0.1', self.port, timeout=60)
        try:
            connection.request('GET', target)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        if answer.status != 200:
            raise RuntimeError(f'{target} is answered with {answer.status}')
        return text

    def resident(self) -> float:
        """Resident memory in MB."""
        try:
            pages = int(Path(f'/proc/{self.pid}/statm').read_text().split()[1])
        except OSError:
            return float('nan')  # no such file outside Linux
        return pages * os.sysconf('SC_PAGE_SIZE') / 1e6


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Datebook]:
    """The datebook with its file below `folder`."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = int(probe.getsockname()[1])
    places = dict.fromkeys(('HOME', 'XDG_DATA_HOME', 'LOCALAPPDATA'), str(folder))
    process = subprocess.Popen([sys.executable, str(ROOT / 'tests/run_script.py'), str(port),
                                str(ROOT / 'examples/datebook.py')], env={**os.environ, **places})
    try:
        while True:
            try:
                socket.create_connection(('127.0.0.1', port), timeout=1).close()
                break
            except OSError:
                if process.poll() is not None:
                    raise RuntimeError('the datebook did not start') from None
                time.sleep(0.01)
        yield Datebook(port, process.pid, next(folder.rglob('datebook.sqlite')))
    finally:
        process.terminate()
        process.wait()


def milliseconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1000


def compare(case: Case, datebook: Datebook, db: sqlite3.Connection, rounds: int) -> tuple[float, float]:
    """Milliseconds of the page and of its bare SQL, in turn, so that a change in the machine's speed meets
    both."""
    def bare() -> None:
        for sql in case.statements:
            db.execute(sql).fetchall()
    both = [(milliseconds(lambda: datebook.get(case.target)), milliseconds(bare)) for _ in range(rounds + 1)]
    through, alone = zip(*both[1:], strict=True)  # the first round fills the caches
    return statistics.median(through), statistics.median(alone)


class Result(NamedTuple):
    """Medians in milliseconds, the growth in MB."""

    pages: dict[str, tuple[float, float]]
    growth: float


def measure(rounds: int) -> Result:
    """Measure all cases, and the growth of memory."""
    with tempfile.TemporaryDirectory() as folder:
        with running(Path(folder)) as empty:
            for case in CASES:
                empty.get(case.target)
            empty.get('/')
            before = empty.resident()
            fill(empty.file)
        with running(Path(folder)) as full, contextlib.closing(sqlite3.connect(full.file)) as db:
            pages = {case.name: compare(case, full, db, rounds) for case in CASES}
            full.get('/')
            growth = full.resident() - before
    return Result(pages, growth)


def main(rounds: int) -> None:
    """Measure and print."""
    result = measure(rounds)
    print(f'{"page":30} {"ms":>7} {"bare SQL":>9} {"ratio":>6}    ({rounds} rounds, medians)')
    for name, (page, bare) in result.pages.items():
        print(f'{name:30} {page:7.1f} {bare:9.1f} {page / bare:6.2f}')
    print(f'resident memory above that with an empty file: {result.growth:.1f} MB')


if __name__ == '__main__':
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
