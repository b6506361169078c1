"""Import and export of Records beside the bare calls of Python's standard library.

Run it with `python3 tests/benchmarks/records_import.py [ROWS]`. The import is timed from the press of Import
to the end of its job, with the guard and the history that can undo it; before that, the file was uploaded and
shown. Beside it stand `executemany` with rows that lie ready, and the same with `csv.reader` on the file. The
export is the answer to a request, piece by piece; beside it stands `csv.writer` on a cursor with the same
order. Printed are milliseconds of the processor (the best of three), the speed over that of the bare call,
and the peak of memory that Python took. The goals: 0.5 each.
"""

from __future__ import annotations

import csv
import io
import sqlite3
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from kali.records import Records
from kali.records.exporting import FORMATS, _batches
from kali.records.query import Query
from kali.sqlite import connect
from kali.testing import Client

ROWS, MORE = 100_000, 10  # rows of the import, and how many times as many of the export
SCHEMA = ('CREATE TABLE sale (sale INTEGER PRIMARY KEY, customer TEXT NOT NULL, amount REAL, day DATE, '
          'note TEXT)')
INSERT = 'INSERT INTO sale VALUES (?, ?, ?, ?, ?)'


def row(number: int) -> tuple[Any, ...]:
    return (number + 1, f'Customer {number % 5000}', round(number % 997 / 7, 2),
            f'2026-{number % 12 + 1:02}-{number % 28 + 1:02}', f'some text {number}')


def best(function: Callable[[], object], prepare: Callable[[], object] = lambda: None) -> float:
    """Seconds of the processor, the best of three."""
    times = []
    for _ in range(3):
        prepare()
        before = time.process_time()
        function()
        times.append(time.process_time() - before)
    return min(times)


def peak_of(function: Callable[[], int]) -> tuple[int, int]:
    """The most memory that Python took meanwhile, and the result."""
    tracemalloc.start()
    result = function()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak, result


def imports(folder: Path, count: int) -> None:
    rows = [row(number) for number in range(count)]
    text = io.StringIO()
    csv.writer(text).writerows([('sale', 'customer', 'amount', 'day', 'note'), *rows])
    content = text.getvalue().encode()
    bare = sqlite3.connect(folder / 'bare.sqlite')
    bare.execute(SCHEMA)

    def clear(connection: sqlite3.Connection) -> Callable[[], None]:
        def work() -> None:
            connection.execute('DELETE FROM sale')
            connection.commit()
        return work

    def many() -> None:
        bare.executemany(INSERT, rows)
        bare.commit()
    ready = best(many, clear(bare))
    body = content[content.index(b'\n') + 1:]
    read = best(lambda: (bare.executemany(INSERT, csv.reader(io.StringIO(body.decode()))), bare.commit()),
                clear(bare))
    bare.close()
    with closing(connect(folder / 'kali.sqlite')) as db:
        db.execute(SCHEMA)
        records = Records(db, backups=False)

        with Client(records) as client:
            page = client.get('/table/sale/import').form('Preview').fill(
                file=('sale.csv', 'text/csv', content)).submit('Preview')

            def load() -> None:
                form = page.form('Import').fill(key='(add all rows)')
                place = form.submit('Import', follow=False).headers['location']
                while '<progress' in client.get(place).text:
                    pass

            def again() -> None:
                clear(db)()
                db.execute('DELETE FROM kali_form')  # or the same form gets the first answer
                db.commit()
            whole = best(load, again)
            assert db.execute('SELECT count(*) FROM sale').fetchone()[0] == count
    print(f'import of {count:,} rows: {1000 * whole:.0f} ms; executemany of rows that lie ready '
          f'{1000 * ready:.0f} ms ({ready / whole:.2f}), of csv.reader {1000 * read:.0f} ms '
          f'({read / whole:.2f})')


def exports(folder: Path, count: int) -> None:
    with closing(connect(folder / 'export.sqlite')) as db:
        db.execute(SCHEMA)
        db.execute('BEGIN')
        db.executemany(INSERT, map(row, range(count)))
        db.execute('COMMIT')

        def by_hand(order: str) -> None:
            sql = 'SELECT * FROM sale' + (f' ORDER BY {order[1:]} DESC' if order else '')
            with (folder / 'hand.csv').open('w', newline='', encoding='utf-8') as file:
                csv.writer(file).writerows(sqlite3.Cursor(db).execute(sql))
        records = Records(db, backups=False)
        section = records.section('sale')
        names = [each.name for each in section.table.columns.values()]

        def pieces(ending: str, order: str) -> int:
            query = Query(section, order=order)
            return sum(len(piece) if isinstance(piece, bytes) else len(piece.encode())
                       for piece in FORMATS[ending][1](names, _batches(query), query))
        for ending, order in (('csv', ''), ('csv', '-amount'), ('json', ''), ('xlsx', '')):
            hand = best(partial(by_hand, order))
            taken = best(partial(pieces, ending, order))
            peak, size = peak_of(partial(pieces, ending, order))
            by = f' by {order}' if order else ''
            print(f'export of {count:,} rows as {ending}{by}: {1000 * taken:.0f} ms, {hand / taken:.2f} of '
                  f'csv.writer; {size / 1e6:.0f} MB, peak of memory {peak / 1e6:.1f} MB')


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory() as name:
        imports(Path(name), count)
        exports(Path(name), MORE * count)


if __name__ == '__main__':
    main()
