"""values: what stands in the cells of a file, as values of a database.

`kind_of` says what the cells of a column are, and `convert` makes values of them, as a Format says. Text that
is not as usual is read with patience: blanks and marks between thousands, a currency, dates in three orders.
"""

from __future__ import annotations

import base64
import datetime
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from kali import convert as strict
from kali.convert import MOST, Unreadable
from kali.forms.typed import refusal
from kali.locale import Locale, current

__all__ = ['BLANKS', 'BLOB', 'DATES', 'DAY', 'EMPTY', 'KINDS', 'NUMBER', 'Format', 'bare', 'convert',
           'kind_of', 'unguarded']

#: The orders of a date, for a person to choose from.
DATES = {'ymd': 'year, month, day', 'dmy': 'day, month, year', 'mdy': 'month, day, year'}
#: What a column may hold; the word is its type in SQL as well.
KINDS = {'TEXT': 'text', 'INTEGER': 'whole number', 'DECIMAL': 'number', 'DATE': 'date',
         'DATETIME': 'date and time', 'TIME': 'time of day', 'BOOLEAN': 'yes or no'}

BLOB = 'data:application/octet-stream;base64,'  # what an export writes before bytes
#: Stands for a text that is empty, where an empty cell is nothing: a noncharacter, which no file has.
EMPTY = '\ufdd0'
INFINITE = float('inf')

_INTEGER = re.compile(r'-?(?:0|[1-9][0-9]{0,17})')
NUMBER = re.compile(r'[-+]?(?:[0-9]+(?:[.,][0-9]+)*|[.,][0-9]+)(?:[eE][-+]?[0-9]{1,3})?')
_ZEROS = re.compile(r'[-+]?0[0-9]')
DAY = re.compile(r'([0-9]{1,4})([-./]) ?([0-9]{1,2})\2 ?([0-9]{1,4})')
_CLOCK = re.compile(r'([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(\.[0-9]{1,6})?)?(?: ?([AaPp])\.?[Mm]\.?)?')
_ISO = re.compile(r'[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?'
                  r'(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?')
_MONEY = re.compile(r'[$€£¥]|\b(?:CHF|EUR|USD|Kč)\b')
BLANKS = ' \t\xa0\u2009\u202f'
_YES, _NO = {'true', 'yes', 'y', 'ja', 'oui', 'sí', 'ano'}, {'false', 'no', 'n', 'nein', 'non', 'ne'}
_DELETE_NUMBER = dict.fromkeys(map(ord, '0123456789.+-eE'))


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
    if zeros and not any(form.decimal in cell or DAY.match(cell) or _CLOCK.match(cell) for cell in zeros):
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
            if cell == EMPTY:
                values.append('' if kind in ('TEXT', 'BLOB') else None)
                continue
            cell = cell if kind == 'TEXT' else unguarded(cell).strip(BLANKS)
            values.append(read(cell, form) if cell else None)
        except Unreadable as error:
            values.append(None)
            wrong[number] = f'“{cell if len(cell) <= 40 else cell[:37] + "…"}” {refusal(error)}'
    return values, wrong


def unguarded(text: str) -> str:
    """Text as it was before an export put a `'` before what a spreadsheet would take for a formula."""
    return text[1:] if text[:1] == "'" and text.lstrip("'")[:1] in set('=+-@\t\r') else text


def bare(cell: str) -> str:
    """A number without its currency."""
    return _MONEY.sub('', cell).strip(BLANKS)


def _integer(cell: str, form: Format) -> int:
    try:
        return strict.integer(form.locale().read_whole(bare(cell)))
    except Unreadable:
        whole, _, fraction = bare(cell).partition(form.decimal)
        if fraction.strip('0') or not whole:
            raise Unreadable('integer', cell) from None
        return strict.integer(whole)


def _decimal_text(cell: str, form: Format) -> str:
    # SQLite makes the number of it, which keeps whole ones exact.
    plain = bare(cell)
    try:
        text = plain if form.decimal == '.' and _INTEGER.fullmatch(plain) else _read_number(plain, form)
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
    match = DAY.fullmatch(cell)
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
    match = DAY.match(cell)
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
    for read in (_bytes, int, float):
        try:
            value: Any = read(cell)
        except ValueError:  # then it is something else
            continue
        if read is _bytes or (str(value) == cell and abs(value) <= MOST):
            return value
    return cell


def _bytes(cell: str) -> bytes:
    if not cell.startswith(BLOB):
        raise ValueError
    return base64.b64decode(cell[len(BLOB):], validate=True)


#: How a cell that is not empty becomes a value of each kind.
_READERS: dict[str, Callable[[str, Format], Any]] = {
    'TEXT': lambda cell, form: unguarded(cell), 'INTEGER': _integer, 'DECIMAL': _decimal_text, 'DATE': _day,
    'DATETIME': _moment, 'TIME': _clock, 'BOOLEAN': _truth, 'STAMP': _stamp, 'BLOB': _anything}


# The usual cells of a whole column at once; ValueError where one of them is not as usual.

def _quick_text(cells: Sequence[str], form: Format) -> Sequence[Any]:
    if EMPTY in cells:
        raise ValueError
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
