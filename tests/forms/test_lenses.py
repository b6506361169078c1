"""Lenses: text to value and back; every refusal is a sentence."""

from __future__ import annotations

import datetime
import decimal
import enum
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kali import forms
from kali.errors import ValidationError
from kali.forms import (
    BLANKABLE,
    DATE,
    MESSAGES,
    NULLABLE,
    REQUIRED_DATE,
    TYPICAL,
    Boolean,
    Choices,
    Date,
    DateLens,
    DateTime,
    Decimal,
    Email,
    Enum,
    EnumLens,
    Float,
    Integer,
    Json,
    Lens,
    List,
    ListLens,
    Nullable,
    String,
    StringLens,
    Test,
    Time,
    Url,
)


class Colour(enum.Enum):
    RED = 'red wine'
    DARK_GREEN = 2


# Text as it comes out of a form: trimmed, and with nothing in it that is refused.
WORDS = st.text(st.characters(exclude_categories=['Cc', 'Cs'])).map(str.strip)
ROWS = [(7, 'Ada'), (8, 'Grace')]

JSON = st.recursive(st.none() | st.booleans() | st.integers(-2**63, 2**63) | st.text()
                    | st.floats(allow_nan=False, allow_infinity=False),
                    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4))
ROUND_TRIPS = [
    (BLANKABLE, WORDS),
    (TYPICAL, WORDS.filter(bool)),
    (NULLABLE, WORDS.map(lambda text: text or None)),
    (String(strip=False), st.text(st.characters(exclude_categories=['Cc', 'Cs']))),
    (Test('[a-z]*', error='is lower case.'), st.from_regex('[a-z]*', fullmatch=True)),
    (Integer(), st.integers(-2**63, 2**63 - 1)),
    (Integer(0, 10**30), st.integers(0, 10**30)),
    (Nullable(Integer(0, 9)), st.none() | st.integers(0, 9)),
    (Float(), st.floats(allow_nan=False, allow_infinity=False)),
    (Decimal(), st.decimals(allow_nan=False, allow_infinity=False)),
    (Decimal(places=2), st.decimals(allow_nan=False, allow_infinity=False, places=2)),
    (Date(), st.dates()),
    (DATE, st.none() | st.dates()),
    (Time(step=None), st.times()),
    (Time(), st.times().map(lambda time: time.replace(second=0, microsecond=0))),
    (DateTime(step=None), st.datetimes()),
    (DateTime(step=1), st.datetimes().map(lambda moment: moment.replace(microsecond=0))),
    (Boolean(), st.none() | st.booleans()),
    (EnumLens(['a', 'b', 'c'], base=5, reverse=True), st.none() | st.integers(5, 7)),
    (Enum(Colour), st.none() | st.sampled_from(Colour)),
    (ListLens(['FOO', 'BAR']), st.none() | st.sampled_from(['FOO', 'BAR'])),
    (Choices(lambda: ROWS), st.none() | st.sampled_from([7, 8])),
    (Email(), st.from_regex(r'[a-z.]{1,9}@[a-z]{1,9}(\.[a-z]{2,5})?', fullmatch=True)),
    (Url(), st.from_regex('https?://[a-z]{1,9}/[!-~]{0,9}', fullmatch=True)),
    (Url(), st.just('http://a/:')),
    (Nullable(Url(schemes=['mailto'])), st.none() | st.just('mailto:ada@example.org')),
    (Json(), JSON), (Json(indent=2), JSON),
    (List(Integer()), st.lists(st.integers(-10**9, 10**9))),
    (List(separator='\n'), st.lists(st.from_regex('[a-z ,]*[a-z]', fullmatch=True).map(str.strip))),
]


@pytest.mark.parametrize(('lens', 'values'), ROUND_TRIPS, ids=lambda item: type(item).__name__)
def test_what_a_lens_shows_it_reads_back(lens: Lens, values: st.SearchStrategy[Any]) -> None:
    @settings(max_examples=40)
    @given(values)
    def holds(value: Any) -> None:
        assert lens.native_from_string(lens.string_for_browser(value)) == value
    holds()


@settings(max_examples=40)
@given(st.text())
@pytest.mark.parametrize('lens', [lens for lens, _ in ROUND_TRIPS], ids=lambda lens: type(lens).__name__)
def test_any_text_gives_a_value_or_a_sentence(lens: Lens, text: str) -> None:
    try:
        lens.native_from_string(text)
    except ValidationError as error:
        assert len(error.args) == 1 and len(error.args[0]) > 10


LONG = '9' * 5000
REFUSED = [
    (TYPICAL, '   ', 'may not be blank.'),
    (BLANKABLE, 'a\x00b', 'contains the control character U+0000, which cannot be kept; please remove it.'),
    (BLANKABLE, 'a\x9fb', 'contains the control character U+009F, which cannot be kept; please remove it.'),
    (BLANKABLE, 'a\ud83db', 'contains half of a character U+D83D, which cannot be kept; please remove it.'),
    (String(maxlength=3), 'four', 'is 4 characters long; at most 3 are accepted.'),
    (String(minlength=3), 'ab', 'is 2 characters long; at least 3 are needed.'),
    (String(minlength=3), '', 'may not be blank.'),
    (Integer(), '', 'may not be blank.'),
    *[(Integer(), text, MESSAGES['integer']) for text in (
        '٣', '1.0', '1e3', '0x10', '1_000', '--1', 'NaN')],
    (Integer(), LONG, 'must be 9223372036854775807 or less.'),
    (Integer(), str(2**63), 'must be 9223372036854775807 or less.'),
    (Integer(), str(-2**63 - 1), 'must be -9223372036854775808 or more.'),
    (Integer(1, 10), '11', 'must be 10 or less.'),
    (Integer(1, 10), '0', 'must be 1 or more.'),
    *[(Float(), text, MESSAGES['number']) for text in ('nan', 'inf', '-Infinity', '1e999', '٣', '1,5,5', '.',
                                                       '1_0')],
    *[(Decimal(), text, MESSAGES['number']) for text in ('nan', 'sNaN', 'Infinity', '1e3', '٣', '1,5,5')],
    (Decimal(places=2), '1.005', 'has too many digits after the point; at most 2 are accepted.'),
    (Decimal(places=2), '.005', 'has too many digits after the point; at most 2 are accepted.'),
    (Decimal(0), '-0.01', 'must be 0 or more.'),
    (DATE, '2026-02-30', 'there is no 30 February 2026; a date looks like 2026-02-28.'),
    (Date(), '2026-13-01', 'there is no 2026-13-01; a date looks like 2026-02-28.'),
    (Date(), '0000-01-01', 'there is no 1 January 0000; a date looks like 2026-02-28.'),
    *[(DATE, text, MESSAGES['date']) for text in ('28.2.2026', '2026-2-28', '٢٠٢٦-02-28', 'soon',
                                                  '20260228')],
    (REQUIRED_DATE, '', 'may not be blank.'),
    (Date(datetime.date(2026, 1, 1)), '2025-12-31', 'must be 2026-01-01 or more.'),
    *[(Time(), text, MESSAGES['time']) for text in ('24:00', '12:60', '1:30', '١٢:30', '12:30:15.1234567')],
    (Time(step=60), '12:30:15', 'must go in steps of 60 s from 00:00.'),
    (Time(datetime.time(8, 5), step=900), '08:15', 'must go in steps of 900 s from 08:05.'),
    *[(DateTime(), text, MESSAGES['datetime']) for text in ('2026-02-28', '2026-02-28T25:00', 'now',
                                                            '2026-02-28T')],
    (DateTime(), '2026-02-30T12:00', 'there is no 30 February 2026; a date looks like 2026-02-28.'),
    *[(lens, 'x', MESSAGES['not offered']) for lens in (Boolean(), EnumLens(['a']), Enum(Colour),
                                                        ListLens(['a']),
                                                       Choices(lambda: ROWS))],
    (EnumLens(['a', 'b']), '-1', MESSAGES['not offered']),
    (EnumLens(['a', 'b']), '٠', MESSAGES['not offered']),
    (List(Integer()), '1, two', MESSAGES['integer']),
    *[(Email(), text, MESSAGES['email']) for text in ('ada', 'ada@', '@b', 'a b@c', 'ä@b.de', 'a@b@c',
    'a@-b')],
    (Email(), ' ', 'may not be blank.'),
    (Email(maxlength=9), 'ada@example.org', 'is 15 characters long; at most 9 are accepted.'),
    *[(Url(), text, MESSAGES['url']) for text in ('example.org', 'https:', 'https://', 'http://a b', '//a')],
    (Url(), 'JavaScript:alert(1)', 'is a web address of another kind; accepted are http, https.'),
    (Url(), '', 'may not be blank.'),
    (Json(), '{"a": 1 b}', 'is not JSON (line 1, column 9); it looks like {"a": [1, true, "text"]}.'),
    (Json(), "\n'a'", 'is not JSON (line 2, column 1); it looks like {"a": [1, true, "text"]}.'),
    *[(Json(), text, MESSAGES['json value']) for text in ('NaN', '[-Infinity]', '1e999', '"\\ud800"', LONG,
                                                          '[' * 100_000)],
    (Test('[0-9]{5}', error='is five digits.'), '1234', 'is five digits.'),
    (Test(lambda number: number % 2 == 0, child=Integer(), error='is even.'), '3', 'is even.'),
    (Test(bool, child=DATE, error='When, please?'), '', 'When, please?'),
]


@pytest.mark.parametrize(('lens', 'text', 'sentence'), REFUSED)
def test_a_refusal_says_what_was_wrong(lens: Lens, text: str, sentence: str) -> None:
    with pytest.raises(ValidationError) as caught:
        lens.native_from_string(text)
    assert caught.value.args == (sentence,)


ACCEPTED = [
    (BLANKABLE, '  tea \n', 'tea'), (BLANKABLE, 'a\tb\r\nc', 'a\tb\r\nc'),
    (BLANKABLE, '👩‍👩‍👧 عربي', '👩‍👩‍👧 عربي'),
    (NULLABLE, ' \t', None), (Nullable(Integer()), ' ', None), (Nullable(TYPICAL), '', None),
    (Integer(), ' +007 ', 7), (Float(), '.5', 0.5), (Float(), '5.', 5.0),
    (Decimal(), '1.', decimal.Decimal(1)),
    (DATE, '  ', None), (DATE, ' 2026-02-28 ', datetime.date(2026, 2, 28)),
    (Time(step=1), '12:30:15', datetime.time(12, 30, 15)),
    (Time(), '12:30:15.25', datetime.time(12, 30, 15, 250000)),
    (DateTime(), '2026-02-28 14:30:15', datetime.datetime(2026, 2, 28, 14, 30, 15)),
    (DateTime(), '2026-02-28T14:30Z', datetime.datetime(2026, 2, 28, 14, 30, tzinfo=datetime.timezone.utc)),
    (DateTime(datetime.datetime(2026, 1, 1)), '2026-02-28 14:30+02:00', datetime.datetime(
        2026, 2, 28, 14, 30, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))),
    (Decimal(places=2), '1.234,5', decimal.Decimal('1234.5')), (Decimal(), '12,50', decimal.Decimal('12.50')),
    (Integer(), '1 234 567', 1234567), (Integer(), '-1,234', -1234), (Float(), "1'234.5", 1234.5),
    (Time(step=None), '12:30:15.5', datetime.time(12, 30, 15, 500000)),
    (DateTime(), '2026-02-28 14:30', datetime.datetime(2026, 2, 28, 14, 30)),
    (List(), '', []), (List(), 'red,green , blue', ['red', 'green', 'blue']),
    (Test('[a-z]+', child=NULLABLE, error='is lower case.'), '', None),
    (Test('[A-Z]+', flags=re.IGNORECASE, error='is letters.'), 'abc', 'abc'),
    (Test(re.compile('[a-z]+'), error='is lower case.'), 'abc', 'abc'),
]


@pytest.mark.parametrize(('lens', 'text', 'value'), ACCEPTED)
def test_accepted(lens: Lens, text: str, value: object) -> None:
    assert lens.native_from_string(text) == value


@pytest.mark.parametrize(('lens', 'value', 'text'), [
    (Date(), datetime.datetime(2026, 2, 28, 9, 30), '2026-02-28'), (DATE, '2026-02-28', '2026-02-28'),
    (Time(), datetime.time(9, 30), '09:30'), (Time(), datetime.time(9, 30, 15), '09:30:15'),
    (DateTime(), datetime.datetime(2026, 2, 28, 9, 30), '2026-02-28T09:30'),
    (DateTime(), '2026-02-28 09:30:00', '2026-02-28T09:30'),
    (DateTime(), '2026-02-28 09:30:15', '2026-02-28T09:30:15'),
    (DateTime(), datetime.datetime(2026, 2, 28, 9, 30, 15, 250000), '2026-02-28T09:30:15.250'),
    (DateTime(), datetime.datetime(2026, 2, 28, 9, tzinfo=datetime.timezone.utc), '2026-02-28T09:00+00:00'),
    (DateTime(), 2461106.5, '2461106.5'), (DateTime(), 'this afternoon', 'this afternoon'),
    (Decimal(), 1e-7, '0.0000001'), (Decimal(places=2), 0.1 + 0.2, '0.30'),
    (Decimal(places=2), 1.005, '1.005'),
    (Decimal(), '1E+2', '100'), (Float(), float('inf'), 'inf'),
    (Decimal(places=2), 12, '12.00'), (Decimal(places=2), decimal.Decimal('1E+2'), '100.00'),
    (Decimal(), 0.1, '0.1'),
    (Boolean(), 1, '1'), (Boolean(), 0, '0'), (Enum(Colour), 'RED', 'RED'), (String(), 7, '7'),
    (List(), None, ''),
    *[(lens, None, '') for lens in (BLANKABLE, TYPICAL, NULLABLE, Integer(), Float(), Decimal(), Date(), DATE,
                                    Time(),
                                    DateTime(), Boolean(), EnumLens(['a']), Enum(Colour), ListLens(['a']),
                                    Choices(lambda: ROWS))],
])
def test_shown(lens: Lens, value: object, text: str) -> None:
    assert lens.string_for_browser(value) == text


@pytest.mark.parametrize(('lens', 'said'), [
    (BLANKABLE, {}), (TYPICAL, {'required': None}), (NULLABLE, {}), (Lens(), {}),
    (String(maxlength=9, minlength=2), {'maxlength': '9', 'minlength': '2', 'required': None}),
    (Integer(1, 10), {'type': 'text', 'inputmode': 'numeric', 'required': None, 'min': '1',
                      'max': '10'}),
    (Nullable(Integer(1)), {'type': 'text', 'inputmode': 'numeric', 'min': '1'}),
    (Float(), {'type': 'text', 'inputmode': 'decimal', 'required': None, 'step': 'any'}),
    (Decimal(places=2), {'type': 'text', 'inputmode': 'decimal', 'required': None, 'step': '0.01'}),
    (Decimal(places=0), {'type': 'text', 'inputmode': 'decimal', 'required': None, 'step': '1'}),
    (DATE, {'type': 'date'}), (REQUIRED_DATE, {'type': 'date', 'required': None}),
    (Date(datetime.date(2026, 1, 1)), {'type': 'date', 'required': None, 'min': '2026-01-01'}),
    (Test(bool, child=DATE), {'type': 'date', 'required': None}),
    (Time(step=1), {'type': 'time', 'required': None, 'step': '1'}),
    (DateTime(step=None), {'type': 'datetime-local', 'required': None, 'step': 'any'}),
    (DateTime(), {'type': 'datetime-local', 'required': None, 'step': 'any'}),
    (DateTime(step=60), {'type': 'datetime-local', 'required': None}),
    (Test('[0-9]+', child=Test(bool), error='is digits.'), {'required': None}),
    (Email(), {'type': 'email', 'maxlength': '254', 'required': None}),
    (Nullable(Url()), {'type': 'url', 'maxlength': '2000'}), (Json(), {}),
])
def test_the_same_said_as_html(lens: Lens, said: dict[str, str | None]) -> None:
    assert lens.constraints() == said


@pytest.mark.parametrize('make', [
    lambda: Integer(10, 1), lambda: String(minlength=5, maxlength=4), lambda: List(separator='')])
def test_nonsense_is_refused_when_declared(make: Any) -> None:
    with pytest.raises(ValueError):
        make()


@pytest.mark.parametrize('make', [lambda: ListLens('abc'), lambda: ListLens([1]), lambda: Test(7, error='x')])
def test_wrong_kinds_are_refused_when_declared(make: Any) -> None:
    with pytest.raises(TypeError):
        make()


def test_choices_are_read_afresh() -> None:
    rows = [(1, 'one')]
    lens = Choices(lambda: rows)
    rows.append((2, 'two'))
    assert list(lens.string_pairs()) == [('1', 'one'), ('2', 'two')]
    assert lens.native_from_string('2') == 2


def test_labels_of_an_enum() -> None:
    assert list(Enum(Colour).string_pairs()) == [('RED', 'red wine'), ('DARK_GREEN', 'Dark green')]
    assert list(Enum(Colour, label=lambda member: member.name[0]).string_pairs()) == [('RED', 'R'),
                                                                                      ('DARK_GREEN', 'D')]


def test_sentences_can_be_replaced_in_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MESSAGES, 'blank', 'darf nicht leer sein.')
    for lens in (TYPICAL, Integer(), REQUIRED_DATE):
        with pytest.raises(ValidationError, match='darf nicht leer sein'):
            lens.native_from_string('')


def test_old_names() -> None:
    assert isinstance(DATE, DateLens) and DateLens().native_from_string('') is None
    assert forms.FormElement is forms.Element and StringLens is String


def test_a_lens_of_an_older_program_needs_no_constructor() -> None:
    class Shout(StringLens):
        def __init__(self) -> None:
            pass

        def native_from_string(self, text: str) -> Any:
            return super().native_from_string(text).upper()

    assert Shout().native_from_string(' tea ') == 'TEA'
    assert forms.Entry(lens=Shout()).i2n('tea') == 'TEA'
