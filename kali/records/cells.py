"""cells: CSV, TSV and pasted cells as people's spreadsheets write them, read into rows and values.

`guess` looks at a file and says how it is written, in a Format that a person can correct; `rows` reads it so,
a row at a time, with the line in which each begins; `convert` makes values of one kind of a column's cells.
Nothing here asks a database.
"""

from __future__ import annotations

import base64
import codecs
import csv
import datetime
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, chain, islice
from typing import Any, BinaryIO, NamedTuple

from kali import convert as strict
from kali.convert import MOST, Unreadable
from kali.errors import KaliError
from kali.forms.typed import refusal
from kali.locale import Locale, current

__all__ = ['BLOB', 'DATES', 'DELIMITERS', 'ENCODINGS', 'KINDS', 'Format', 'NoCells', 'batches', 'convert',
           'guess', 'kind_of', 'names_of', 'rows', 'unguarded']

#: What a person may choose, with the words for it.
ENCODINGS = {'utf-8-sig': 'UTF-8', 'cp1252': 'Windows-1252 (Western European)', 'utf-16-le': 'UTF-16',
             'utf-16-be': 'UTF-16, big endian'}
DELIMITERS = {',': 'comma', ';': 'semicolon', '\t': 'tab', '|': 'vertical bar'}
DATES = {'ymd': 'year, month, day', 'dmy': 'day, month, year', 'mdy': 'month, day, year'}
#: What a column may hold; the word is its type in SQL as well.
KINDS = {'TEXT': 'text', 'INTEGER': 'whole number', 'DECIMAL': 'number', 'DATE': 'date',
         'DATETIME': 'date and time', 'TIME': 'time of day', 'BOOLEAN': 'yes or no'}

BLOB = 'data:application/octet-stream;base64,'  # what an export writes before bytes
SLICE = 1 << 18  # bytes of a file that are read at a time
ROWS = 500  # at a time: fewer than Python makes before it looks for garbage, which takes a third of the time
SAMPLE = 1 << 20  # bytes that a guess of delimiter, header and marks looks at
LONGEST = 1 << 26  # characters of a cell
INFINITE = float('inf')

_MAGIC = {b'\x89PNG': 'a PNG picture', b'\xff\xd8\xff': 'a JPEG picture', b'GIF8': 'a GIF picture',
          b'%PDF': 'a PDF document', b'PK\x03\x04': 'an Excel workbook, another office document or a ZIP '
          'archive', b'\xd0\xcf\x11\xe0': 'an older Excel workbook or office document',
          b'SQLite format 3': 'an SQLite database', b'\x1f\x8b': 'a compressed file', b'RIFF': 'a sound or '
          'picture', b'BM': 'a picture', b'\x7fELF': 'a program', b'MZ': 'a program'}
_BOMS = {codecs.BOM_UTF8: 'utf-8-sig', codecs.BOM_UTF16_LE: 'utf-16-le', codecs.BOM_UTF16_BE: 'utf-16-be'}
_CONTROLS = re.compile('[\x00-\x08\x0e-\x1a\x1c-\x1f]')
_SEPARATOR = re.compile(r'sep=(.)\r?\n?', re.IGNORECASE)  # a hint that Excel writes and reads

_INTEGER = re.compile(r'-?(?:0|[1-9][0-9]{0,17})')
_NUMBER = re.compile(r'[-+]?(?:[0-9]+(?:[.,][0-9]+)*|[.,][0-9]+)(?:[eE][-+]?[0-9]{1,3})?')
_ZEROS = re.compile(r'[-+]?0[0-9]')
_DAY = re.compile(r'([0-9]{1,4})([-./]) ?([0-9]{1,2})\2 ?([0-9]{1,4})')
_CLOCK = re.compile(r'([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(\.[0-9]{1,6})?)?(?: ?([AaPp])\.?[Mm]\.?)?')
_ISO = re.compile(r'[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?'
                  r'(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?')
_MONEY = re.compile(r'[$€£¥]|\b(?:CHF|EUR|USD|Kč)\b')
_BLANKS = ' \t\xa0\u2009\u202f'
_YES, _NO = {'true', 'yes', 'y', 'ja', 'oui', 'sí', 'ano'}, {'false', 'no', 'n', 'nein', 'non', 'ne'}
_DELETE_NUMBER = dict.fromkeys(map(ord, '0123456789.+-eE'))


class NoCells(KaliError):
    """The file is none that can be read as rows of cells; a sentence that says why."""

    status = 422


class Format(NamedTuple):
    """How a file of cells is written.

    :ivar encoding: a key of ENCODINGS; `delimiter`, a key of DELIMITERS
    :ivar header: whether the first row names the columns
    :ivar decimal: the mark before a fraction, '.' or ','
    :ivar dates: the order of a date that is not ISO 8601, a key of DATES
    """

    encoding: str = 'utf-8-sig'
    delimiter: str = ','
    header: bool = True
    decimal: str = '.'
    dates: str = 'ymd'

    def locale(self) -> Locale:
        """The conventions for numbers."""
        return current()._replace(decimal=self.decimal, grouping=',' if self.decimal == '.' else '.')


# How a file is written.

def guess(file: BinaryIO, name: str = 'The file') -> Format:
    """How `file`, which can be searched, is written.

    :param name: of the file, for the sentence
    :raises NoCells: for an empty file, and for one that is no text (a picture called .csv)

    >>> guess(io.BytesIO('Größe;Preis\\nL;12,50\\n'.encode('cp1252')))
    Format(encoding='cp1252', delimiter=';', header=True, decimal=',', dates='dmy')
    """
    file.seek(0)
    begin = file.read(SAMPLE)
    if not begin.strip(b'\x00\t\n\r \xef\xbb\xbf\xfe\xff'):
        raise NoCells(f'{name} is empty: there is nothing in it to import.')
    encoding = next((found for bom, found in _BOMS.items() if begin.startswith(bom)), None) or _encoding(
        file, begin)
    what = next((what for magic, what in _MAGIC.items() if begin.startswith(magic)), 'no text')
    text = begin.decode(encoding, 'ignore')
    controls = len(_CONTROLS.findall(text))  # BM and MZ begin words as well
    if controls > len(text) // 100 or (what != 'no text' and (controls or not begin[:2].isalpha())):
        raise NoCells(f'{name} is {what}, so there are no rows to import in it. From a spreadsheet, save it '
                      'as CSV or copy the cells and paste them here.')
    lines = text.splitlines(keepends=True)
    if len(begin) == SAMPLE and len(lines) > 1:
        lines.pop()  # it is cut
    hint = _SEPARATOR.fullmatch(lines[0])
    delimiter = hint[1] if hint and hint[1] in DELIMITERS else _delimiter(lines[:500])
    found = list(islice(_records(lines[1 if hint else 0:], delimiter), 1000))
    body = [cell.strip(_BLANKS) for row in found[1:] or found for cell in row]
    dates = _order(body)
    decimal = _decimal(body, delimiter)
    form = Format(encoding, delimiter, True, decimal, dates or ('dmy' if decimal == ',' else 'ymd'))
    return form._replace(header=_has_header(found, form))


def _encoding(file: BinaryIO, begin: bytes) -> str:
    even, odd = begin[::2].count(0), begin[1::2].count(0)
    if max(even, odd) > len(begin) // 6 and min(even, odd) < len(begin) // 60 + 1:
        return 'utf-16-le' if odd > even else 'utf-16-be'
    decoder = codecs.getincrementaldecoder('utf-8')()
    try:
        block = begin
        while block:  # to its end: the first Windows letter may come late
            decoder.decode(block)
            block = file.read(SAMPLE)
        decoder.decode(b'', True)
    except UnicodeDecodeError:
        return 'cp1252'
    return 'utf-8-sig'


def _records(lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    """The rows of a sample; a mistake in it shows when the file is read."""
    csv.field_size_limit(LONGEST)
    try:
        yield from csv.reader((line.replace('\0', '') for line in lines), delimiter=delimiter)
    except csv.Error:
        return


def _delimiter(lines: list[str]) -> str:
    """The one that cuts most rows into the same number of cells, and into several."""
    def fitness(delimiter: str) -> tuple[float, int]:
        counts = [len(row) for row in _records(lines, delimiter) if row]
        usual, times = Counter(counts).most_common(1)[0] if counts else (1, 1)
        if usual == 1:  # but a heading alone, with ragged rows below, is better than nothing
            return 0, max(counts, default=1) > 1
        return round(times / len(counts) * (1 if counts[0] == usual else .8), 1), usual
    return max(DELIMITERS, key=fitness)


def _decimal(cells: list[str], delimiter: str) -> str:
    """The mark of fractions: the last mark of the numbers that have three digits after it only by chance."""
    votes = Counter(cell[mark] for cell in cells if len(cell) < 40 and _NUMBER.fullmatch(_bare(cell))
                    for mark in [max(cell.rfind('.'), cell.rfind(','))] if mark >= 0 and (
                        len(re.findall('[0-9]', cell[mark:])) != 3 or len(set(cell) & {'.', ','}) == 2
                        or cell.startswith(('0.', '0,'))) and cell.count(cell[mark]) == 1)
    if votes['.'] == votes[',']:
        return ',' if delimiter == ';' and current().decimal == ',' else '.'
    return '.' if votes['.'] > votes[','] else ','


def _order(cells: list[str]) -> str:
    """The order of the dates, or '' if there are none: what no calendar has decides, else the locale."""
    found = [match.groups() for match in map(_DAY.match, cells) if match]
    if not found:
        return ''
    if sum(len(first) == 4 for first, *_ in found) * 2 >= len(found):
        return 'ymd'
    days_first = sum(int(first) > 12 for first, *_ in found)
    months_first = sum(int(second) > 12 for _, _, second, _ in found)
    if days_first == months_first:
        return 'mdy' if current().date.startswith('m') and found[0][1] == '/' else 'dmy'
    return 'dmy' if days_first > months_first else 'mdy'


def _has_header(found: list[list[str]], form: Format) -> bool:
    """Whether the first row names the columns: they are different texts, at best above another kind."""
    first = [cell.strip() for cell in found[0]] if found else []
    names = [cell.casefold() for cell in first if cell]
    if not names or len(set(names)) < len(names) or len(names) * 2 < len(first):
        return False
    if len(found) == 1:
        return True
    above = [kind_of([cell], form) for cell in first]
    below = [kind_of([row[number] for row in found[1:] if len(row) > number], form)
             for number in range(len(first))]
    differs = any(one == 'TEXT' != other for one, other in zip(above, below, strict=True))
    return differs or all(one == 'TEXT' for one, cell in zip(above, first, strict=True) if cell)


# Its rows.

def rows(file: BinaryIO, form: Format) -> Iterator[tuple[int, list[str]]]:
    """Each row with the number of the line in which it begins, from 1; the header is one of them, rows
    without anything in them are not. Bytes that are no text become U+FFFD, and NUL goes.

    :raises NoCells: for a quotation mark that is never closed, and the like, with the line

    >>> list(rows(io.BytesIO(b'a,b\\n\\n"x\\ny",2\\n'), Format()))
    [(1, ['a', 'b']), (3, ['x\\ny', '2'])]
    """
    for lines, found in batches(file, form):
        yield from zip(lines, found, strict=True)


def batches(file: BinaryIO, form: Format) -> Iterator[tuple[Sequence[int], list[list[str]]]]:
    """The same, some at a time: the numbers of lines, and the rows. What is done for each row would take
    longer than to read it."""
    csv.field_size_limit(LONGEST)  # of the whole process; its default is 131 072
    file.seek(0)
    reader = csv.reader(chain.from_iterable(_texts(file, form.encoding)), delimiter=form.delimiter)
    size, start, before = 50, 1, 0
    try:
        while found := list(islice(reader, size)):
            lines: Sequence[int] = range(start, start + len(found))
            if reader.line_num != lines[-1]:  # line breaks in cells
                lines = [start, *accumulate(map(_height, found), initial=start)][1:-1]
            start, taken = reader.line_num + 1, file.tell() - before
            size, before = max(10, min(ROWS, size * SLICE // max(taken, 1))), before + taken
            first = lines[0] == 1 and _SEPARATOR.fullmatch(form.delimiter.join(found[0]))
            if first or not all(row and (row[0] or any(row)) for row in found):
                pairs = [(line, row) for line, row in zip(lines, found, strict=True)
                         if any(row) and not (first and line == 1)]
                lines, found = [line for line, _ in pairs], [row for _, row in pairs]
            if found:
                yield lines, found
    except csv.Error as error:
        why = ('a quotation mark there opens a text that is never closed' if 'limit' in str(error)
               else str(error))
        raise NoCells(f'The rows from line {start} on cannot be read: {why}.') from None


def _height(row: list[str]) -> int:
    """How many lines a row takes."""
    text = ''.join(row)
    return 1 + text.count('\n') + text.count('\r') - text.count('\r\n')


def _texts(file: BinaryIO, encoding: str) -> Iterator[Iterable[str]]:
    """The lines of a file with their ends, of Windows, Unix or an old Mac; some at a time."""
    decoder = codecs.getincrementaldecoder(encoding)('replace')
    rest, block, first = '', b' ', True
    while block:
        block = file.read(SLICE)
        text = rest + decoder.decode(block, not block).replace('\0', '')
        if first:
            text, first = text.lstrip('\ufeff'), False
        end = 1 + max(text.rfind('\n'), text.rfind('\r', 0, -1)) if block else len(text)
        rest = text[end:]
        yield io.StringIO(text[:end], newline='')


def names_of(header: Sequence[str]) -> list[str]:
    """Names for columns: those of the header, with one for each that has none, and none twice.

    >>> names_of(['Name', ' ', 'name'])
    ['Name', 'column 2', 'name 2']
    """
    names: list[str] = []
    taken: set[str] = set()
    for number, cell in enumerate(header, 1):
        name = plain = ' '.join(cell.split())[:100] or f'column {number}'
        again = 1
        while name.lower() in taken:
            again += 1
            name = f'{plain} {again}'
        taken.add(name.lower())
        names.append(name)
    return names


# Its values.

def kind_of(cells: Iterable[str], form: Format) -> str:
    """The kind that all of `cells` are of, or TEXT: a key of KINDS. Digits with a zero before them, or too
    many for a number of SQLite, are text: they are the names of something.

    >>> kind_of(['1', '22', ''], Format()), kind_of(['01', '22'], Format()), kind_of(['1.5', '2'], Format())
    ('INTEGER', 'TEXT', 'DECIMAL')
    """
    found = {cell for cell in map(str.strip, cells) if cell}
    if not found:
        return 'TEXT'
    if all(map(_INTEGER.fullmatch, found)):
        return 'INTEGER'
    zeros = [cell for cell in found if _ZEROS.match(cell)]
    if zeros and not any(form.decimal in cell or _DAY.match(cell) or _CLOCK.match(cell) for cell in zeros):
        return 'TEXT'
    for kind in ('DECIMAL', 'DATE', 'DATETIME', 'TIME', 'BOOLEAN'):
        if all(_fits(cell, kind, form) for cell in found):
            return kind
    return 'TEXT'


def _fits(cell: str, kind: str, form: Format) -> bool:
    if kind == 'DECIMAL' and (cell[0] == '+' or len(cell) > 30 or (
            not _INTEGER.fullmatch(cell) and cell.lstrip('-').isdigit())):
        return False
    try:
        _READERS[kind](cell, form)
    except Unreadable:
        return False
    return True


def convert(kind: str, cells: Sequence[str], form: Format) -> tuple[Sequence[Any], dict[int, str]]:
    """The values of `cells`, None for an empty one; and what is wrong with those that cannot be read, as a
    sentence by their place, in the words of forms.

    :param kind: a key of KINDS; BLOB for a column that takes any

    >>> convert('DECIMAL', ['1.234,50', '', 'x'], Format(decimal=','))  # doctest: +ELLIPSIS
    (['1234.50', None, None], {2: '“x” is not a number; one looks like 12.50, ...'})
    """
    quick = _QUICK.get(kind)
    if quick is not None:
        try:
            return quick(cells, form), {}
        except (ValueError, OverflowError):
            pass  # one by one, to see which
    read = _READERS[kind]
    values: list[Any] = []
    wrong: dict[int, str] = {}
    for number, cell in enumerate(cells):
        try:
            cell = cell if kind == 'TEXT' else cell.strip(_BLANKS)
            values.append(read(cell, form) if cell else None)
        except Unreadable as error:
            values.append(None)
            wrong[number] = f'“{cell if len(cell) <= 40 else cell[:37] + "…"}” {refusal(error)}'
    return values, wrong


def unguarded(text: str) -> str:
    """Text as it was before an export put a `'` before what a spreadsheet would take for a formula."""
    return text[1:] if text[:1] == "'" and text.lstrip("'")[:1] in set('=+-@\t\r') else text


def _bare(cell: str) -> str:
    """A number without its currency."""
    return _MONEY.sub('', cell).strip(_BLANKS)


def _integer(cell: str, form: Format) -> int:
    try:
        return strict.integer(form.locale().read_whole(_bare(cell)))
    except Unreadable:
        whole, _, fraction = _bare(cell).partition(form.decimal)
        if fraction.strip('0') or not whole:
            raise Unreadable('integer', cell) from None
        return strict.integer(whole)


def _decimal_text(cell: str, form: Format) -> str:
    # SQLite makes the number of it, which keeps whole ones exact.
    bare = _bare(cell)
    try:
        text = bare if form.decimal == '.' and _INTEGER.fullmatch(bare) else _read_number(bare, form)
        strict.number(text)
    except Unreadable:
        raise Unreadable('number', cell) from None
    return text


def _read_number(text: str, form: Format) -> str:
    """A number by the marks of the file, which are settled for all of it: `1.234` is 1234 beside `12,50`."""
    other = ',' if form.decimal == '.' else '.'
    grouped = rf'[-+]?[0-9]{{1,3}}(?:[{other}][0-9]{{3}})+(?:[{form.decimal}][0-9]*)?'
    if other in text and re.fullmatch(grouped, text):
        text = text.replace(other, '')
    return form.locale().read(text)


def _day(cell: str, form: Format) -> str:
    match = _DAY.fullmatch(cell)
    if match is None:
        raise Unreadable('date', cell)
    return _iso(match, form, cell)


def _iso(match: re.Match[str], form: Format, cell: str) -> str:
    order = 'ymd' if len(match[1]) == 4 else 'dmy' if form.dates == 'ymd' else form.dates
    parts = dict(zip(order, (match[1], match[3], match[4]), strict=True))
    year = int(parts['y'])
    if len(parts['y']) == 2:
        year += 2000 if year < 69 else 1900  # as POSIX strptime has it
    elif len(parts['y']) != 4:
        raise Unreadable('date', cell)
    try:
        return datetime.date(year, int(parts['m']), int(parts['d'])).isoformat()
    except ValueError:
        day = f'{year:04}-{parts["m"]:0>2}-{parts["d"]:0>2}'
        raise Unreadable('no such date', cell, date=day) from None


def _clock(cell: str, form: Format) -> str:
    match = _CLOCK.fullmatch(cell)
    if match is None:
        raise Unreadable('time', cell)
    hour = int(match[1])
    if match[5]:
        hour = hour % 12 + 12 * (match[5] in 'Pp')
    try:
        time = datetime.time(hour, int(match[2]), int(match[3] or 0))
    except ValueError:
        raise Unreadable('time', cell) from None
    return time.isoformat('seconds' if match[3] else 'minutes') + (match[4] or '')


def _moment(cell: str, form: Format) -> str:
    if _ISO.fullmatch(cell):
        strict.moment(cell.partition('.')[0])
        return cell  # as it is, with a T or a blank
    match = _DAY.match(cell)
    rest = cell[match.end():] if match else ''
    if match is None or (rest and rest[0] not in 'T ,'):
        raise Unreadable('datetime', cell)
    day, rest = _iso(match, form, cell), rest[1:].strip()
    return f'{day} {_clock(rest, form)}' if rest else day


def _stamp(cell: str, form: Format) -> str:
    """A date, with a time or without, or a number for one: seconds since 1970, a Julian day."""
    return cell if re.fullmatch(r'-?[0-9]{5,13}(?:\.[0-9]+)?', cell) else _moment(cell, form)


def _truth(cell: str, form: Format) -> int:
    low = cell.lower()
    if low in _YES or low in _NO:
        return int(low in _YES)
    if low in ('0', '1'):
        return int(low)
    raise Unreadable('boolean', cell)


def _anything(cell: str, form: Format) -> Any:
    if cell.startswith(BLOB):
        return base64.b64decode(cell[len(BLOB):])
    for number in (int, float):
        try:
            value = number(cell)
        except ValueError:
            continue
        if str(value) == cell and abs(value) <= MOST:
            return value
    return unguarded(cell)


#: How a cell that is not empty becomes a value of each kind.
_READERS: dict[str, Callable[[str, Format], Any]] = {
    'TEXT': lambda cell, form: unguarded(cell), 'INTEGER': _integer, 'DECIMAL': _decimal_text, 'DATE': _day,
    'DATETIME': _moment, 'TIME': _clock, 'BOOLEAN': _truth, 'STAMP': _stamp, 'BLOB': _anything}


# The usual cells of a whole column at once; ValueError where one of them is not as usual.

def _quick_text(cells: Sequence[str], form: Format) -> Sequence[Any]:
    if "'" in ''.join(cells):
        return [unguarded(cell) or None for cell in cells]
    return _blanks(cells)


def _quick_integers(cells: Sequence[str], form: Format) -> Sequence[Any]:
    joined = ''.join(cells)
    if not joined.isascii() or '_' in joined or max(map(len, cells), default=0) > 18:
        raise ValueError
    return [int(cell) if cell else None for cell in cells] if '' in cells else list(map(int, cells))


def _quick_numbers(cells: Sequence[str], form: Format) -> Sequence[Any]:
    if form.decimal == ',':
        if '.' in ''.join(cells):
            raise ValueError
        cells = [cell.replace(',', '.') for cell in cells]
    if ''.join(cells).translate(_DELETE_NUMBER):
        raise ValueError
    if INFINITE in map(abs, map(float, filter(None, cells))):
        raise ValueError
    return _blanks(cells)


def _quick_days(cells: Sequence[str], form: Format) -> Sequence[Any]:
    known = list(filter(None, cells))
    moment = datetime.datetime.fromisoformat
    if set(map(len, known)) <= {10} and 'W' not in ''.join(known):
        list(map(moment, known))
    elif any(not _ISO.fullmatch(cell) or not moment(cell[:19]) for cell in known):
        raise ValueError
    return _blanks(cells)


def _blanks(cells: Sequence[str]) -> Sequence[Any]:
    return [cell or None for cell in cells] if '' in cells else cells


_QUICK: dict[str, Callable[[Sequence[str], Format], Sequence[Any]]] = {
    'TEXT': _quick_text, 'INTEGER': _quick_integers, 'DECIMAL': _quick_numbers, 'DATETIME': _quick_days,
    'STAMP': _quick_days}
