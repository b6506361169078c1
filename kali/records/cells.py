"""cells: CSV, TSV and pasted cells as people's spreadsheets write them, read into rows.

`guess` looks at a file and says how it is written, in a Format that a person can correct; `batches` and
`rows` read it so, each row with the line in which it begins. What the cells mean is said in values.py.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import accumulate, chain, islice
from typing import BinaryIO

from kali.errors import KaliError
from kali.locale import current
from kali.records.values import BLANKS, DAY, EMPTY, NUMBER, Format, bare, kind_of
from kali.sqlite.functions import fold

__all__ = ['DELIMITERS', 'ENCODINGS', 'NoCells', 'batches', 'below_header', 'guess', 'names_of', 'rows']

#: What a person may choose, with the words for it.
ENCODINGS = {'utf-8-sig': 'UTF-8', 'cp1252': 'Windows-1252 (Western European)', 'utf-16-le': 'UTF-16',
             'utf-16-be': 'UTF-16, big endian'}
DELIMITERS = {',': 'comma', ';': 'semicolon', '\t': 'tab', '|': 'vertical bar'}
SLICE = 1 << 18  # bytes of a file that are read at a time
ROWS = 500  # at a time: fewer than Python makes before it looks for garbage, which takes a third of the time
SAMPLE = 1 << 20  # bytes that a guess of delimiter, header and marks looks at
LONGEST = 1 << 26  # characters of a cell

_MAGIC = {b'\x89PNG': 'a PNG picture', b'\xff\xd8\xff': 'a JPEG picture', b'GIF8': 'a GIF picture',
          b'%PDF': 'a PDF document', b'PK\x03\x04': 'an Excel workbook, another office document or a ZIP '
          'archive', b'\xd0\xcf\x11\xe0': 'an older Excel workbook or office document',
          b'SQLite format 3': 'an SQLite database', b'\x1f\x8b': 'a compressed file', b'RIFF': 'a sound or '
          'picture', b'BM': 'a picture', b'\x7fELF': 'a program', b'MZ': 'a program'}
_BOMS = {codecs.BOM_UTF8: 'utf-8-sig', codecs.BOM_UTF16_LE: 'utf-16-le', codecs.BOM_UTF16_BE: 'utf-16-be'}
_CONTROLS = re.compile('[\x00-\x08\x0e-\x1a\x1c-\x1f]')
_SEPARATOR = re.compile(r'sep=(.)\r?\n?', re.IGNORECASE)  # a hint that Excel writes and reads


class NoCells(KaliError):
    """The file is none that can be read as rows of cells; a sentence that says why."""

    status = 422


# How a file is written.

def guess(file: BinaryIO, name: str = 'The file', known: Collection[str] = ()) -> Format:
    """How `file`, which can be searched, is written.

    :param name: of the file, for the sentence
    :param known: names that are headings, in small letters and without blanks: where the first row may be
        either, it is headings only if one of these is in it
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
    body = [cell.strip(BLANKS) for row in found[1:] or found for cell in row]
    dates = _order(body)
    decimal = _decimal(body, delimiter)
    form = Format(encoding, delimiter, True, decimal, dates or ('dmy' if decimal == ',' else 'ymd'))
    return form._replace(header=_has_header(found, form, known))


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
    except UnicodeDecodeError:  # what is no UTF-8 is what Windows writes
        return 'cp1252'
    return 'utf-8-sig'


def _records(lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    """The rows of a sample; a mistake in it shows when the file is read."""
    csv.field_size_limit(LONGEST)
    try:
        yield from csv.reader((line.replace('\0', '') for line in lines), delimiter=delimiter)
    except csv.Error:  # the rows before it are enough for a guess
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
    votes = Counter(cell[mark] for cell in cells if len(cell) < 40 and NUMBER.fullmatch(bare(cell))
                    for mark in [max(cell.rfind('.'), cell.rfind(','))] if mark >= 0 and (
                        len(re.findall('[0-9]', cell[mark:])) != 3 or len(set(cell) & {'.', ','}) == 2
                        or cell.startswith(('0.', '0,'))) and cell.count(cell[mark]) == 1)
    if votes['.'] == votes[',']:
        return ',' if delimiter == ';' and current().decimal == ',' else '.'
    return '.' if votes['.'] > votes[','] else ','


def _order(cells: list[str]) -> str:
    """The order of the dates, or '' if there are none: what no calendar has decides, else the locale."""
    found = [match.groups() for match in map(DAY.match, cells) if match]
    if not found:
        return ''
    if sum(len(first) == 4 for first, *_ in found) * 2 >= len(found):
        return 'ymd'
    days_first = sum(int(first) > 12 for first, *_ in found)
    months_first = sum(int(second) > 12 for _, _, second, _ in found)
    if days_first == months_first:
        return 'mdy' if current().date.startswith('m') and found[0][1] == '/' else 'dmy'
    return 'dmy' if days_first > months_first else 'mdy'


def _has_header(found: list[list[str]], form: Format, known: Collection[str]) -> bool:
    """Whether the first row names the columns: they are different texts, at best above another kind."""
    first = [cell.strip() for cell in found[0]] if found else []
    names = [cell.casefold() for cell in first if cell]
    if not names or len(set(names)) < len(names) or len(names) * 2 < len(first):
        return False
    expected = [re.sub(r'[\W_]+', '', fold(name)) in known for name in names]
    if all(expected):
        return True  # also if one could be a value, as `n` could be a no
    is_expected = not known or any(expected)
    if len(found) == 1:
        return is_expected
    above = [kind_of([cell], form) for cell in first]
    below = [kind_of([row[number] for row in found[1:] if len(row) > number], form)
             for number in range(len(first))]
    differs = any(one == 'TEXT' != other for one, other in zip(above, below, strict=True))
    words = all(one == 'TEXT' for one, cell in zip(above, first, strict=True) if cell)
    return differs or (words and is_expected)


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


def batches(file: BinaryIO, form: Format, *,
            empties: bool = False) -> Iterator[tuple[Sequence[int], list[list[str]]]]:
    """The same, some at a time: the numbers of lines, and the rows. What is done for each row would take
    longer than to read it.

    :param empties: whether `""` is EMPTY, unlike a cell without anything in it; in a file that puts quotation
        marks around all of its headings it means nothing
    """
    csv.field_size_limit(LONGEST)  # of the whole process; its default is 131 072
    file.seek(0)
    reader = csv.reader(chain.from_iterable(_texts(file, form, empties)), delimiter=form.delimiter)
    size, start, before = 50, 1, 0
    try:
        while found := list(islice(reader, size)):
            lines: Sequence[int] = range(start, start + len(found))
            if reader.line_num != lines[-1]:  # line breaks in cells
                lines = [start, *accumulate(map(_height, found), initial=start)][1:-1]
            start, taken = reader.line_num + 1, file.tell() - before
            if empties and EMPTY in ''.join(chain.from_iterable(found)):
                found = [_restored(row) for row in found]
            size, before = max(10, min(ROWS, size * SLICE // max(taken, 1))), before + taken
            first = lines[0] == 1 and _SEPARATOR.fullmatch(form.delimiter.join(found[0]))
            if first or not all(found) or '' in next(zip(*found, strict=False)):
                pairs = [(line, row) for line, row in zip(lines, found, strict=True)
                         if any(row) and not (first and line == 1)]
                lines, found = [line for line, _ in pairs], [row for _, row in pairs]
            if found:
                yield lines, found
    except csv.Error as error:
        why = ('a quotation mark there opens a text that is never closed' if 'limit' in str(error)
               else str(error))
        raise NoCells(f'The rows from line {start} on cannot be read: {why}.') from None


def below_header(file: BinaryIO, form: Format) -> Iterator[tuple[Sequence[int], list[list[str]]]]:
    """The rows below the header, some at a time, with the numbers of their lines."""
    for number, (lines, found) in enumerate(batches(file, form, empties=True)):
        if form.header and not number:
            lines, found = lines[1:], found[1:]
        if found:
            yield lines, found


def _height(row: list[str]) -> int:
    """How many lines a row takes."""
    text = ''.join(row)
    return 1 + text.count('\n') + text.count('\r') - text.count('\r\n')


def _restored(row: list[str]) -> list[str]:
    """A row in which two quotation marks may have stood for one, within a text."""
    return [cell if cell == EMPTY else cell.replace(EMPTY, '"') for cell in row]


def _texts(file: BinaryIO, form: Format, empties: bool) -> Iterator[Iterable[str]]:
    """The lines of a file with their ends, of Windows, Unix or an old Mac; some at a time."""
    decoder = codecs.getincrementaldecoder(form.encoding)('replace')
    mark = re.escape(form.delimiter)
    empty = re.compile(rf'(?:^|(?<={mark}))""(?=[{mark}\r\n]|$)', re.MULTILINE)
    rest, block, first = '', b' ', True
    while block:
        block = file.read(SLICE)
        text = rest + decoder.decode(block, not block).replace('\0', '')
        if first:
            text, first = text.lstrip('\ufeff'), False
            empties = empties and not re.match(r'"[^\r\n]*"[\r\n]', text)
        end = 1 + max(text.rfind('\n'), text.rfind('\r', 0, -1)) if block else len(text)
        rest = text[end:]
        part = text[:end]
        if empties and '""' in part:
            part = empty.sub(EMPTY, part)
        yield io.StringIO(part, newline='')


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
