"""loading: the rows of a file into a table: all of them, or all but the bad ones.

The rows are read in slices into a temporary table, each cell as a value of its column. There it is found out,
for all rows at once, which are there already, and which the database would refuse. Then one transaction takes
them over: until then nothing has changed, and nobody ever sees half of a file.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from typing import Any

from kali.http.spool import Spool
from kali.live.job import Progress
from kali.locale.words import say
from kali.records.cells import below_header
from kali.records.columns import heading_of
from kali.records.exporting import cell_for_csv, csv_of
from kali.records.plan import Plan, Source, Target
from kali.records.values import EMPTY, NUMBER, convert
from kali.sqlite.atomic import atomic
from kali.sqlite.refusals import read_refusal
from kali.sqlite.schema import Table, quoted, table

__all__ = ['Load']

REPORTED = 100  # bad rows in `complaints`

Work = Generator[Progress, None, None]


class Load:
    """The import of a file; `run` is a generator for a job.

    :param connection: of the database
    :param where: the table that the rows go to; or the name of one that is to be made
    :param source: the file
    :ivar added: rows; so are `changed`, `same` (there already, with these values), `skipped` and `bad`
    :ivar done: whether the rows are in the table
    :ivar complaints: the first bad rows: their lines, and what is wrong
    :ivar report: the bad rows as a CSV file, with line and reason, to be closed; None if there are none
    """

    def __init__(self, connection: Any, where: Table | str, source: Source, plan: Plan) -> None:
        self.connection, self.source, self.plan = connection, source, plan
        self.table = where if isinstance(where, Table) else None
        name = where.name if isinstance(where, Table) else where
        self.name, self.title = quoted(name), heading_of(name)
        self.added = self.changed = self.same = self.skipped = self.bad = self.read = 0
        self.done = False
        self.report: Spool | None = None
        self.complaints: list[tuple[int, str]] = []
        self._run = connection.cursor(sqlite3.Cursor).execute  # values are plain already
        self._names = {each.column: f'c{number}' for number, each in enumerate(plan.targets)}
        self._fills = [self._fill(each) for each in plan.targets]
        mine = os.urandom(4).hex()
        self._temporary = [f'temp.kali_{what}_{mine}' for what in ('rows', 'bad', 'found', 'doubts')]
        self._rows, self._bad, self._found, self._doubts = self._temporary
        self._compares = self.table is not None and bool(plan.key)

    def run(self) -> Work:
        """The work, slice by slice."""
        run = self._run = self.connection.cursor(sqlite3.Cursor).execute
        try:
            run(f'CREATE TABLE {self._rows} (line INTEGER PRIMARY KEY, {", ".join(self._names.values())})')
            run(f'CREATE TABLE {self._bad} (line INTEGER PRIMARY KEY, reason TEXT)')
            run(f'CREATE TABLE {self._found} (line INTEGER, {", ".join(self._keys)})')
            run(f'CREATE TABLE {self._doubts} (line INTEGER, cell TEXT, said TEXT)')
            yield from self._read()
            if self.plan.key:
                yield self._last('import checking')
                self._check_key()
            yield self._last('import saving')
            if not self._goes_in():
                yield from self._check()
                self._save()
            self.bad = self._count(self._bad)
            if self.bad:
                self.complaints = run(f'SELECT line, reason FROM {self._bad} ORDER BY line LIMIT {REPORTED}'
                                      ).fetchall()
                yield from self._write_report()
        finally:
            for name in self._temporary:
                self.connection.cursor(sqlite3.Cursor).execute(f'DROP TABLE IF EXISTS {name}')

    # Reading.

    def _fill(self, target: Target) -> Any:
        """What a blank cell is in this column: None, '' or its default where NULL is refused, or Ellipsis if
        it may not be blank."""
        column = self.table.columns[target.column] if self.table else None
        if column is None or not column.not_null or (self.table and self.table.assigned == column.name):
            return None
        assert self.table is not None
        value = self.table.default(column.name)
        return value if value is not None else '' if column.affinity == 'TEXT' else ...

    def _read(self) -> Work:
        with self.source.open() as file:
            for number, (lines, found) in enumerate(below_header(file, self.plan.form)):
                self._stage(lines, found)
                self.read += len(found)
                if number % 10 == 9:
                    yield Progress(file.tell(), self.source.size,
                                   say('import reading', count=f'{self.read:,}'))

    def _stage(self, lines: Sequence[int], found: list[list[str]]) -> None:
        """Read the cells of some rows, and put the rows into the temporary tables: good ones and bad ones. A
        cell that does not fit its column is in doubt until it is compared with what is stored."""
        width, wrong = len(self.plan.names), dict[int, list[str]]()
        doubts = list[tuple[int, str, str]]()
        if set(map(len, found)) != {width}:
            for number, row in enumerate(found):
                if len(row) > width and any(row[width:]):
                    wrong[number] = [say('import too many', count=len(row), width=width)]
                found[number] = row[:width] + [''] * (width - len(row))
        cells = list(zip(*found, strict=True))
        columns: list[Sequence[Any]] = [lines]
        for target, fill in zip(self.plan.targets, self._fills, strict=True):
            values, complaints = convert(target.kind, cells[target.place], self.plan.form)
            if fill is not None and None in values:
                if fill is ...:
                    complaints |= {number: say('blank') for number, value in enumerate(values)
                                   if value is None and number not in complaints}
                values = [fill if value is None else value for value in values]
            said = {number: f'{self.plan.names[target.place]}: {each}' for number, each in complaints.items()}
            if said and self._compares:
                raw, _ = convert('BLOB', [cells[target.place][number] for number in said], self.plan.form)
                as_is = dict(zip(said, raw, strict=True))
                values = [as_is.get(number, value) for number, value in enumerate(values)]
                doubts += [(lines[number], self._names[target.column], each) for number, each in said.items()]
            else:
                for number, each in said.items():
                    wrong.setdefault(number, []).append(each)
            columns.append(values)
        rows = zip(*columns, strict=True)
        good = (row for number, row in enumerate(rows) if number not in wrong) if wrong else rows
        cursor = self.connection.cursor(sqlite3.Cursor)
        cursor.executemany(f'INSERT INTO {self._rows} VALUES ({", ".join("?" * len(columns))})', good)
        cursor.executemany(f'INSERT INTO {self._bad} VALUES (?, ?)',
                           [(lines[number], '; '.join(each)) for number, each in wrong.items()])
        cursor.executemany(f'INSERT INTO {self._doubts} VALUES (?, ?, ?)', doubts)

    # Checking. Each check is one statement for all rows.

    @property
    def _keys(self) -> list[str]:
        """What names a row of the table, as columns of the table of those that were found."""
        return [f'k{number}' for number, _ in enumerate(self.table.key if self.table else ['line'])]

    def _check(self) -> Work:
        """All that can be known about bad rows at once: far faster than to try them one by one."""
        yield self._last('import checking')
        for key in self.table.foreign_keys if self.table else ():
            if key.parent_columns and all(name in self._names for name in key.columns):
                self._check_parents(key)
                yield self._last('import checking')
        for unique in self.table.unique if self.table else ():
            if (not unique.partial and not unique.expressions and set(unique.columns) != set(self.plan.key)
                    and all(name in self._names for name in unique.columns)):
                self._check_unique(unique.columns)
                yield self._last('import checking')

    def _last(self, word: str) -> Progress:
        return Progress(self.source.size, self.source.size, say(word))

    def _refuse(self, select: str, parameters: Sequence[Any] = ()) -> int:
        """Take rows, given with a reason, for bad."""
        count: int = self._run(f'INSERT OR IGNORE INTO {self._bad} {select}', parameters).rowcount
        if count:
            self._run(f'DELETE FROM {self._rows} WHERE line IN (SELECT line FROM {self._bad})')
        return count

    def _match(self, names: Sequence[str]) -> str:
        return ' AND '.join(f't.{self._sql(name)} = s.{self._names[name]}' for name in names)

    def _is_found(self, row: str) -> str:
        assert self.table is not None
        return ' AND '.join(f'{row}.{self._sql(name)} IS f.{short}'
                            for name, short in zip(self.table.key, self._keys, strict=True))

    def _sql(self, name: str) -> str:
        return quoted(name) if self.table is None or name in self.table.columns else name  # the rowid

    def _check_parents(self, key: Any) -> None:
        """Foreign keys: the label of a parent stands for it, and one that is not there is a mistake."""
        schema = table(self.connection, key.parent, 'main')
        assert schema is not None
        own = [self._names[name] for name in key.columns]
        to_itself = self.table is not None and key.parent == self.table.name
        pairs = list(zip(key.parent_columns, own, strict=True))
        there = (f'EXISTS (SELECT 1 FROM {schema.sql_name} AS p WHERE '
                 + ' AND '.join(f'p.{quoted(name)} = s.{column}' for name, column in pairs) + ')')
        if to_itself and all(name in self._names for name, _ in pairs):
            there += (f' OR EXISTS (SELECT 1 FROM {self._rows} AS p WHERE ' + ' AND '.join(
                f'p.{self._names[name]} = s.{column}' for name, column in pairs) + ')')
            for name, _ in pairs:
                self._index(self._names[name])
        where = f'{" AND ".join(f"s.{column} IS NOT NULL" for column in own)} AND NOT ({there})'
        label = schema.label if len(pairs) == 1 else None
        if label is not None and label not in key.parent_columns:
            (name, column), = pairs
            found = self._run(
                f'SELECT p.{quoted(name)}, s.{column} FROM (SELECT DISTINCT {column} FROM {self._rows} AS s '
                f'WHERE {where}) AS s JOIN {schema.sql_name} AS p ON p.{quoted(label)} = s.{column} '
                f'GROUP BY s.{column} HAVING count(*) = 1').fetchall()
            self._index(column)
            self.connection.cursor(sqlite3.Cursor).executemany(
                f'UPDATE {self._rows} SET {column} = ? WHERE {column} = ?', found)
        said = say('import no parent', table=heading_of(key.parent).lower(), value='{}')
        before, _, after = said.partition('{}')
        shown = " || ', ' || ".join(f's.{column}' for column in own)
        # Those that are there already may lead nowhere since ever; a change of one is tried.
        sql = (f'SELECT line, ? || {shown} || ? FROM {self._rows} AS s WHERE {where} '
               f'AND line NOT IN (SELECT line FROM {self._found})')
        while self._refuse(sql, [before, after]) and to_itself:
            pass  # the children of a bad row are bad, too

    def _index(self, column: str) -> None:
        table = self._rows.removeprefix('temp.')
        self._run(f'CREATE INDEX IF NOT EXISTS {self._rows}_{column} ON {table} ({column})')

    def _check_key(self) -> None:
        """Which rows are there already; two of the file that are the same row are a mistake."""
        key, run = self.plan.key, self._run
        again = self._twice(key)
        if self.table is None or self.plan.existing != 'skip':
            self._refuse(again, [self._said_twice(key)])
        else:
            self.skipped += run(f'DELETE FROM {self._rows} WHERE line IN (SELECT line FROM ({again}))',
                                ['']).rowcount
        if self.table is None:
            return
        keys = ', '.join(f't.{self._sql(name)}' for name in self.table.key)
        run(f'INSERT INTO {self._found} SELECT s.line, {keys} FROM {self._rows} AS s '
            f'JOIN {self.table.sql_name} AS t ON {self._match(key)}')
        name = self._found.removeprefix('temp.')
        run(f'CREATE INDEX {self._found}_line ON {name} (line)')
        run(f'CREATE INDEX {self._found}_key ON {name} ({", ".join(self._keys)})')
        self._check_doubts()
        self._refuse(f'SELECT line, ? FROM {self._found} GROUP BY line HAVING count(*) > 1',
                     [say('import several', columns=self._words(key))])
        if self.plan.existing == 'skip':
            self.skipped += run(f'DELETE FROM {self._rows} WHERE line IN (SELECT line FROM {self._found})'
                                ).rowcount
            run(f'DELETE FROM {self._found}')

    def _check_doubts(self) -> None:
        """A cell that does not fit its column is a mistake, unless the row has that value already."""
        assert self.table is not None
        columns = {short: quoted(name) for name, short in self._names.items()}
        cells = [cell for cell, in self._run(f'SELECT DISTINCT cell FROM {self._doubts}').fetchall()]
        if cells:
            same = ' '.join(f"WHEN '{cell}' THEN t.{columns[cell]} IS s.{cell}" for cell in cells)
            self._refuse(f"SELECT line, group_concat(said, '; ') FROM {self._doubts} AS d WHERE NOT EXISTS ("
                         f'SELECT 1 FROM {self._rows} AS s JOIN {self._found} AS f ON f.line = s.line '
                         f'JOIN {self.table.sql_name} AS t ON {self._is_found("t")} '
                         f'WHERE s.line = d.line AND CASE d.cell {same} END) GROUP BY line')

    def _check_unique(self, columns: Sequence[str]) -> None:
        """What may be there once only."""
        assert self.table is not None
        self._refuse(self._twice(columns), [self._said_twice(columns)])
        said = say('taken', table=self.title.lower(), columns=self._words(columns))
        self._refuse(f'SELECT s.line, ? FROM {self._rows} AS s JOIN {self.table.sql_name} AS t '
                     f'ON {self._match(columns)} WHERE s.line NOT IN (SELECT line FROM {self._found})',
                     [f'{said}.'])

    def _twice(self, names: Sequence[str]) -> str:
        """The rows that have the same in these columns as one before them, with a sentence."""
        columns = [self._names[name] for name in names]
        return (f'SELECT line, printf(?, first) FROM (SELECT line, min(line) OVER (PARTITION BY '
                f'{", ".join(columns)}) AS first FROM {self._rows} WHERE '
                f'{" AND ".join(f"{column} IS NOT NULL" for column in columns)}) WHERE line > first')

    def _said_twice(self, names: Sequence[str]) -> str:
        return say('import twice', columns=self._words(names).replace('%', '%%'), line='%d')

    def _words(self, names: Sequence[str]) -> str:
        return say('and').join(heading_of(name).lower() for name in names)

    # Saving.

    def _goes_in(self) -> bool:
        """Whether all of it could be saved, which most files can: then nothing else need be looked at."""
        if self._refers_to_itself or (self.plan.careful and self._count(self._bad)):
            return False
        try:
            with atomic(self.connection):
                self._write(self._at_once)
        except (sqlite3.IntegrityError, sqlite3.DataError):  # then it is found out which rows are bad
            return False
        return True

    def _save(self) -> None:
        """What can be saved, in the one transaction of this step of the job; or nothing."""
        refused: list[tuple[int, str]] = []
        with suppress(_Nothing), atomic(self.connection):
            self._write(lambda sql: self._in_parts(sql, refused))
            self.same -= sum(self._count(f'{self._found} WHERE line = {line}') > 0 for line, _ in refused)
            if self.plan.careful and (refused or self._count(self._bad)):
                self.done, self.added, self.changed, self.same = False, 0, 0, 0
                raise _Nothing
        self.connection.cursor(sqlite3.Cursor).executemany(
            f'INSERT OR IGNORE INTO {self._bad} VALUES (?, ?)', refused)

    def _write(self, run: Callable[[str], int]) -> None:
        """Insert and update, by `run`, which returns how many rows a statement has written."""
        own = list(self._names)
        others = [name for name in own if name not in self.plan.key]
        self._create()
        if self._refers_to_itself:
            self._run('PRAGMA defer_foreign_keys = ON')  # a row may come before its parent
        there = f'line IN (SELECT line FROM {self._found})'
        known = self._count(f'{self._rows} WHERE {there}') if self.plan.key else 0
        self.added = run(
            f'INSERT INTO main.{self.name} ({", ".join(map(quoted, own))}) '
            f'SELECT {", ".join(self._names.values())} FROM {self._rows} WHERE line BETWEEN ? AND ? '
            f'{f"AND NOT {there}" if known else ""} ORDER BY line')
        self.changed = run(self._update(others)) if known and others else 0
        self.same = known - self.changed
        self.done = True

    def _count(self, what: str) -> int:
        return int(self._run(f'SELECT count(*) FROM {what}').fetchone()[0])

    def _at_once(self, sql: str) -> int:
        return int(self._run(sql, [0, 1 << 62]).rowcount)

    @property
    def _refers_to_itself(self) -> bool:
        table = self.table
        return table is not None and any(key.parent == table.name for key in table.foreign_keys)

    def _create(self) -> None:
        if self.table is None:
            columns = [f'{quoted(each.column)} {each.kind}'
                       + (' PRIMARY KEY' if (each.column,) == self.plan.key else '')
                       for each in self.plan.targets]
            self._run(f'CREATE TABLE main.{self.name} ({", ".join(columns)})')

    def _update(self, names: Sequence[str]) -> str:
        """Rows that have the values already are left alone. A blank cell is no change of an empty text."""
        assert self.table is not None
        new = {name: f"CASE WHEN s.{self._names[name]} IS NULL AND {self.name}.{quoted(name)} = '' THEN '' "
                     f'ELSE s.{self._names[name]} END' for name in names}
        settings = ', '.join(f'{quoted(name)} = {value}' for name, value in new.items())
        differs = ' OR '.join(f'{self.name}.{quoted(name)} IS NOT {value}' for name, value in new.items())
        return (f'UPDATE main.{self.name} SET {settings} FROM {self._found} AS f JOIN {self._rows} AS s '
                f'ON s.line = f.line WHERE f.line BETWEEN ? AND ? AND ({differs}) '
                f'AND {self._is_found(self.name)}')

    def _in_parts(self, sql: str, refused: list[tuple[int, str]]) -> int:
        """Run a statement for all lines; where the database refuses them, for half of them, and so on until
        it is known which rows are bad. Returns how many rows were written."""
        low, high = self._run(f'SELECT min(line), max(line) FROM {self._rows}').fetchone()
        parts, count, known = [(low, high)] if low else [], 0, dict[str, str]()
        while parts:
            low, high = parts.pop()
            try:
                with atomic(self.connection):
                    count += self._run(sql, [low, high]).rowcount
            except (sqlite3.IntegrityError, sqlite3.DataError) as error:
                if low < high:
                    middle = (low + high) // 2
                    parts += [(middle + 1, high), (low, middle)]
                    continue
                if str(error) not in known:
                    known[str(error)] = str(read_refusal(error, self.connection, [sql]) or error)
                refused.append((low, known[str(error)]))
        return count

    # The bad rows.

    def _write_report(self) -> Work:
        """The bad rows as they were, with their line and the reason, as a file that can be imported again."""
        heading = [*map(_cell, self.plan.names), 'line', 'reason']
        spool = self.report = Spool(f'\ufeff{csv_of([heading])}'.encode())
        with self.source.open() as file:
            for lines, found in below_header(file, self.plan.form):
                reasons = dict(self._run(f'SELECT line, reason FROM {self._bad} WHERE line BETWEEN ? AND ?',
                                         [lines[0], lines[-1]]).fetchall())
                spool.append(csv_of([*map(_cell, row), line, reasons[line]] for line, row in zip(
                    lines, found, strict=True) if line in reasons).encode())
                yield self._last('import bad file')


class _Nothing(Exception):
    """There are bad rows, so all of it is taken back."""


def _cell(cell: str) -> str:
    return cell.replace(EMPTY, '') if not cell.strip(EMPTY) or NUMBER.fullmatch(cell) else cell_for_csv(cell)
