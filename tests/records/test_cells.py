"""Reading CSV, TSV and pasted cells: how a file is written is guessed, and its rows and values are read."""

import io
from itertools import islice

import pytest

from kali.locale import Locale, leave, use
from kali.records.cells import NoCells, guess, names_of, rows
from kali.records.values import Format, convert, kind_of, unguarded


def file(text, encoding='utf-8'):
    return io.BytesIO(text if isinstance(text, bytes) else text.encode(encoding))


UMLAUTS = 'Name;Größe\nMüller;12,5\nŽižka;7,25\n'


@pytest.mark.parametrize(('content', 'expected'), [
    (file(UMLAUTS), Format('utf-8-sig', ';', True, ',', 'dmy')),
    (file(UMLAUTS, 'utf-8-sig'), Format('utf-8-sig', ';', True, ',', 'dmy')),
    (file(UMLAUTS, 'utf-16'), Format('utf-16-le', ';', True, ',', 'dmy')),
    (file(UMLAUTS, 'utf-16-le'), Format('utf-16-le', ';', True, ',', 'dmy')),
    (file('\ufeff' + UMLAUTS, 'utf-16-be'), Format('utf-16-be', ';', True, ',', 'dmy')),
    (file(UMLAUTS, 'utf-16-be'), Format('utf-16-be', ';', True, ',', 'dmy')),
    (file(UMLAUTS.replace('Ž', 'Z'), 'cp1252'), Format('cp1252', ';', True, ',', 'dmy')),
    (file(b'a,b\n' + b'1,2\n' * 300_000 + b'\xfc,3\n'), Format('cp1252', ',', True, '.', 'ymd')),
    (file('a\tb\n1.5\t2\n'), Format('utf-8-sig', '\t', True, '.', 'ymd')),
    (file('a|b|c\n1|2|3\n'), Format('utf-8-sig', '|', True, '.', 'ymd')),
    (file('sep=|\na|b,c\n1|2,5\n'), Format('utf-8-sig', '|', True, ',', 'dmy')),
    (file('sep=;\r\na;b\r\nx;"1.234,50"\r\n'), Format('utf-8-sig', ';', True, ',', 'dmy')),
    # A comma in each text does not make it the delimiter, nor a semicolon in a quoted one.
    (file('id;name\n1;Doe, Ann\n2;Roe, Bob\n'), Format('utf-8-sig', ';', True, '.', 'ymd')),
    (file('name,note\nA,"x; y; z"\nB,"p; q; r"\n'), Format('utf-8-sig', ',', True, '.', 'ymd')),
    # Quoted line breaks and delimiters; ragged rows.
    (file('a,b\n"x\ny",1\n"p\r\nq,;;;",2\n'), Format('utf-8-sig', ',', True, '.', 'ymd')),
    (file('a,b,c\n1,2,3\n1,2\n1,2,3,4\n1,2,3\n'), Format('utf-8-sig', ',', True, '.', 'ymd')),
    # One column; one cell.
    (file('name\nAnn\nBob\n'), Format('utf-8-sig', ',', True, '.', 'ymd')),
    (file('word'), Format('utf-8-sig', ',', True, '.', 'ymd')),
    # No header: a number or a date in the first row, or the same text twice.
    (file('1,Ann\n2,Bob\n'), Format('utf-8-sig', ',', False, '.', 'ymd')),
    (file('x,x\ny,z\n'), Format('utf-8-sig', ',', False, '.', 'ymd')),
    # Years for headings are still headings beside a text above numbers.
    (file('country,2019,2020\nPeru,1.5,2.5\n'), Format('utf-8-sig', ',', False, '.', 'ymd')),
    (file('total,2019,2020\n12,1.5,2.5\n'), Format('utf-8-sig', ',', True, '.', 'ymd')),
    # Dates.
    (file('day;x\n28.02.2026;1\n'), Format('utf-8-sig', ';', True, '.', 'dmy')),
    (file('day,x\n02/28/2026,1\n'), Format('utf-8-sig', ',', True, '.', 'mdy')),
    (file('day,x\n28/02/2026,1\n'), Format('utf-8-sig', ',', True, '.', 'dmy')),
    (file('day,x\n2026-02-28,1\n'), Format('utf-8-sig', ',', True, '.', 'ymd')),
    # Old Macs end lines with a CR alone.
    (file('a,b\r1,2\r'), Format('utf-8-sig', ',', True, '.', 'ymd')),
])
def test_guess(content, expected):
    assert guess(content) == expected


def test_a_locale_decides_what_is_open():
    token = use(Locale.named('en-US'))
    try:
        assert guess(file('day,x\n02/03/2026,1\n')).dates == 'mdy'
    finally:
        leave(token)
    assert guess(file('day,x\n02/03/2026,1\n')).dates == 'dmy'


@pytest.mark.parametrize(('content', 'said'), [
    (b'', 'is empty'), (b'\n \r\n', 'is empty'), (b'\xef\xbb\xbf', 'is empty'), (b'\xff\xfe', 'is empty'),
    (b'\x89PNG\r\n\x1a\n' + bytes(range(256)) * 9, 'a PNG picture'),
    (b'\xff\xd8\xff\xe0\x00\x10JFIF', 'a JPEG'),
    (b'PK\x03\x04\x14\x00\x06\x00', 'an Excel workbook'), (b'\xd0\xcf\x11\xe0\xa1\xb1', 'an older Excel'),
    (b'SQLite format 3\x00' + bytes(80), 'an SQLite database'), (bytes(range(256)) * 40, 'no text'),
])
def test_what_is_no_text_is_refused_with_a_sentence(content, said):
    with pytest.raises(NoCells, match=said) as raised:
        guess(io.BytesIO(content), 'photo.csv')
    assert str(raised.value).startswith('photo.csv is ')
    assert raised.value.status == 422


def test_words_that_begin_like_a_picture_are_text():
    assert guess(file('BMW,price\nMZ-80,3\n')).header


def test_names_of_the_table_are_headings_though_one_could_be_a_value():
    assert guess(file('k,n\na,b\nc,d\n'), known={'k', 'n'}).header  # an n alone could mean no
    assert not guess(file('k,n\na,b\nc,d\n'), known={'k', 'm'}).header


@pytest.mark.parametrize(('content', 'form', 'expected'), [
    (b'a,b\r\n1,2\r\n', Format(), [(1, ['a', 'b']), (2, ['1', '2'])]),
    (b'a,b\r1,2', Format(), [(1, ['a', 'b']), (2, ['1', '2'])]),
    ('\ufeffa\n'.encode('utf-16-le'), Format('utf-16-le'), [(1, ['a'])]),
    (b'a\n\n,,\n"p\n\nq"\nz\n', Format(), [(1, ['a']), (4, ['p\n\nq']), (7, ['z'])]),
    (b'sep=;\na;b\n', Format(delimiter=';'), [(2, ['a', 'b'])]),
    (b'a"b,"say ""hi"""\n', Format(), [(1, ['a"b', 'say "hi"'])]),
    (b'x\x00y,\xff\n', Format(), [(1, ['xy', '\ufffd'])]),
    (b'a\x81b\n', Format('cp1252'), [(1, ['a\ufffdb'])]),
    (b'"' + b'x' * 1_000_000 + b'"\n', Format(), [(1, ['x' * 1_000_000])]),
    ((','.join(map(str, range(1000))) + '\n').encode(), Format(), [(1, [str(n) for n in range(1000)])]),
])
def test_rows(content, form, expected):
    assert list(rows(io.BytesIO(content), form)) == expected


def test_a_quotation_mark_that_is_never_closed_takes_the_rest_and_ends():
    assert list(rows(file('a,b\n"x,1\ny,2\n'), Format())) == [(1, ['a', 'b']), (2, ['x,1\ny,2\n'])]


def test_a_file_is_read_as_it_is_needed():
    class Endless(io.RawIOBase):
        def readable(self):
            return True

        def seek(self, *_):
            return 0

        def read(self, size=-1):
            return b'1,2\n' * (size // 4)
    assert len(list(islice(rows(Endless(), Format()), 1000))) == 1000


@pytest.mark.parametrize(('cells', 'form', 'kind'), [
    ('1 22 -3', Format(), 'INTEGER'), ('007 12', Format(), 'TEXT'), ('0 10', Format(), 'INTEGER'),
    ('123456789012345678901', Format(), 'TEXT'), ('+49123 +49124', Format(), 'TEXT'),
    ('1.5 2', Format(), 'DECIMAL'), ('1,5 2', Format(decimal=','), 'DECIMAL'),
    ('0.5 .5', Format(), 'DECIMAL'),
    ('1,234.50 7', Format(), 'DECIMAL'), ('$12.50 7', Format(), 'DECIMAL'), ('1e3 2', Format(), 'DECIMAL'),
    ('nan 1', Format(), 'TEXT'), ('1_000', Format(), 'TEXT'), ('\u0663', Format(), 'TEXT'),
    ('2026-02-28', Format(), 'DATE'), ('28.02.2026 1.3.2026', Format(dates='dmy'), 'DATE'),
    ('2/28/2026', Format(dates='mdy'), 'DATE'), ('2026-02-30', Format(), 'TEXT'),
    ('2026-02-28T09:30 2026-02-28', Format(), 'DATETIME'), ('9:30 17:05', Format(), 'TIME'),
    ('9:30am', Format(), 'TIME'), ('25:00', Format(), 'TEXT'), ('yes no', Format(), 'BOOLEAN'),
    ('true FALSE', Format(), 'BOOLEAN'), ('1 yes', Format(), 'BOOLEAN'), ('', Format(), 'TEXT'),
    ('1 x', Format(), 'TEXT'), ('127.0.0.1', Format(), 'TEXT'),
])
def test_kind_of(cells, form, kind):
    assert kind_of([*cells.split(), ''], form) == kind


@pytest.mark.parametrize(('kind', 'cells', 'form', 'values', 'wrong'), [
    ('INTEGER', ['1', '', '-2'], Format(), [1, None, -2], {}),
    ('INTEGER', ['1', 'x', '1.5', '2.0'], Format(), [1, None, None, 2],
     {1: '“x” is not a whole number', 2: '“1.5” is not a whole number'}),
    ('INTEGER', ['1_0', ' 7 ', '\u0663'], Format(), [None, 7, None], {0: 'whole', 2: 'whole'}),
    ('INTEGER', ['99999999999999999999'], Format(), [None], {0: 'must be 9223372036854775807 or less'}),
    ('INTEGER', ['1 234', "1'234"], Format(), [1234, 1234], {}),
    ('DECIMAL', ['1.50', '', '-.5'], Format(), ['1.50', None, '-.5'], {}),
    ('DECIMAL', ['1.234,50', '1.234', '12,5', '€ 7,00', '1 000,25'], Format(decimal=','),
     ['1234.50', '1234', '12.5', '7.00', '1000.25'], {}),
    ('DECIMAL', ['1,234.50', '1,234', '$5'], Format(), ['1234.50', '1234', '5'], {}),
    ('DECIMAL', ['nan', '1e999', '1-2', 'inf'], Format(), [None] * 4,
     dict.fromkeys(range(4), 'not a number')),
    ('DATE', ['2026-02-28', '28.2.2026', '28.2.26', '31.12.70'], Format(dates='dmy'),
     ['2026-02-28', '2026-02-28', '2026-02-28', '1970-12-31'], {}),
    ('DATE', ['02/28/2026', '2/30/2026', 'x'], Format(dates='mdy'), ['2026-02-28', None, None],
     {1: 'there is no', 2: 'not a date'}),
    ('DATETIME', ['2026-02-28 09:30:00', '2026-02-28T09:30', '28.2.2026 9:30 pm', '2026-02-28 25:00'],
     Format(dates='dmy'),
     ['2026-02-28 09:30:00', '2026-02-28T09:30', '2026-02-28 21:30', None], {3: 'date and'}),
    ('STAMP', ['1700000000', '2460000.5', '2026-02-28', 'soon'], Format(),
     ['1700000000', '2460000.5', '2026-02-28', None], {3: 'date and time'}),
    ('TIME', ['9:30', '12:00 AM', '24:00'], Format(), ['09:30', '00:00', None], {2: 'time'}),
    ('BOOLEAN', ['yes', 'NO', '1', 'maybe'], Format(), [1, 0, 1, None], {3: 'neither'}),
    ('TEXT', ["'=1+1", "''=1", "'tis", '007', ' x '], Format(), ['=1+1', "'=1", "'tis", '007', ' x '], {}),
    ('BLOB', ['5', '05', '1.5', 'data:application/octet-stream;base64,AAE=', 'x'], Format(),
     [5, '05', 1.5, b'\x00\x01', 'x'], {}),
])
def test_convert(kind, cells, form, values, wrong):
    found, complaints = convert(kind, cells, form)
    assert found == values
    assert list(complaints) == list(wrong)
    assert all(part in complaints[number] for number, part in wrong.items())


def test_names_and_guards():
    assert names_of(['a', '', 'A', ' b  c ']) == ['a', 'column 2', 'A 2', 'b c']
    assert [unguarded(text) for text in ("'=x", "''-1", "'a", "'", '')] == ['=x', "'-1", "'a", "'", '']
