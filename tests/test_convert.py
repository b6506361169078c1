"""Conversion of text: every kind with what it takes and refuses, and the sentences of the refusals."""

from __future__ import annotations

import math
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kali import convert
from kali.convert import LEAST, MOST, Unreadable
from tests.windows import cpu_time

if TYPE_CHECKING:
    from collections.abc import Callable

GOOD: list[tuple[Callable[[str], Any], str, Any]] = [
    (convert.integer, '0', 0), (convert.integer, '-0', 0), (convert.integer, '+7', 7),
    (convert.integer, '007', 7),
    (convert.integer, str(MOST), MOST), (convert.integer, str(LEAST), LEAST),
    (convert.integer, '0' * 6000 + '1', 1), (convert.integer, '-' + '0' * 6000 + '12', -12),
    (convert.number, '7.', 7.0), (convert.number, '-.5', -0.5), (convert.number, '1e-400', 0.0),
    (convert.number, '1E+3', 1000.0), (convert.decimal, '12.50', Decimal('12.50')),
    (convert.decimal, '-.5', Decimal('-0.5')), (convert.decimal, '9' * 1000, Decimal('9' * 1000)),
    (convert.boolean, 'On', True), (convert.boolean, '', False),
    (convert.date, '0001-01-01', date(1, 1, 1)), (convert.date, '2024-02-29', date(2024, 2, 29)),
    (convert.time, '23:59:59.5', time(23, 59, 59, 500000)), (convert.time, '00:00', time(0)),
    (convert.moment, '2026-02-28', datetime(2026, 2, 28)),
    (convert.moment, '2026-02-28 09:30:15.123456', datetime(2026, 2, 28, 9, 30, 15, 123456)),
    (convert.moment, '2026-02-28T09:30Z', datetime(2026, 2, 28, 9, 30, tzinfo=timezone.utc)),
    (convert.moment, '2026-02-28T09:30:00-05:30',
     datetime(2026, 2, 28, 9, 30, tzinfo=timezone(-timedelta(hours=5, minutes=30)))),
]
# Letters and blanks that Python's own constructors take, and that no grammar of numbers has.
NOT_ASCII = ['٣', 'ⅷ', '１２', '१', '²', '1\u00a0', ' 1', '1 ', '\t1', '1\n', '1_000', '', '+', '-', '1-',
             '--1']
BAD: list[tuple[Callable[[str], Any], list[str], str]] = [
    (convert.integer, [*NOT_ASCII, '1.0', '0x10', '1e3', 'x'], 'integer'),
    (convert.integer, [str(MOST + 1), '9' * 5000, '1' + '0' * 20], 'too large'),
    (convert.integer, [str(LEAST - 1), '-' + '9' * 5000], 'too small'),
    (convert.number, [*NOT_ASCII, 'nan', 'NaN', 'inf', '-Infinity', '1e999', '1e99999', '.', '1,5',
                      '1' * 2000, '0x1p3'], 'number'),
    (convert.decimal, [*NOT_ASCII, 'NaN', 'sNaN', 'Infinity', '1e5', '1e999999999', '1E-999999999', '.',
                       '1,5', '1' * 1001], 'decimal'),
    (convert.boolean, ['maybe', ' ', '2', 'yess', 'ｏｎ'], 'boolean'),
    (convert.date, ['20260228', '2026-W09-6', '2026-2-8', '٢٠٢٦-02-28', ' 2026-02-28', '2026-02-28\n',
                    '28.2.2026', '12026-01-01', ''], 'date'),
    (convert.date, ['2026-02-30', '2025-02-29', '0000-01-01', '2026-13-01', '2026-00-10'],
     'no such date'),
    (convert.time, ['24:00', '9:30', '09:60', '23:59:60', '09:30:15.1234567', '09:30Z', 'noon', ''],
     'time'),
    (convert.moment, ['2026-02-28T24:00', '2026-02-28T9:30', '2026-02-28  09:30', '2026-02-28T', 'now',
                      '20260228T0930', '2026-02-28T09:30+25:00', '2026-02-28T09:30 CET', '2026-02-28Z'],
     'datetime'),
    (convert.moment, ['2026-02-30T09:30'], 'no such date'),
]


def label(each: object) -> str:
    return getattr(each, '__name__', repr(each)[:30])  # the same in every process, as pytest-xdist wants it


@pytest.mark.parametrize('function, text, value', GOOD, ids=label)
def test_what_converts(function: Callable[[str], Any], text: str, value: object) -> None:
    assert function(text) == value
    assert type(function(text)) is type(value)
    if isinstance(value, datetime):
        assert function(text).utcoffset() == value.utcoffset()


@pytest.mark.parametrize('function, text, key', [(function, text, key) for function, texts, key in BAD
                                                 for text in texts], ids=label)
def test_what_does_not_convert_says_why_with_a_key_and_values(function: Callable[[str], Any], text: str,
                                                              key: str) -> None:
    with pytest.raises(Unreadable) as caught:
        function(text)
    assert caught.value.key == key
    assert str(caught.value) == convert.SENTENCES[key].format(**caught.value.values)
    assert len(str(caught.value)) < 130  # the text is shortened


def test_limits_of_the_callers_own() -> None:
    assert convert.integer('1' + '0' * 30, most=10**30) == 10**30
    with pytest.raises(Unreadable) as caught:
        convert.integer('0', least=1)
    assert (caught.value.key, caught.value.values['limit']) == ('too small', 1)


@pytest.mark.parametrize('function', dict.fromkeys(convert.BY_TYPE.values()), ids=label)
def test_a_million_characters_take_no_time(function: Callable[[str], Any]) -> None:
    begun = cpu_time()
    for text in ('9' * 10**6, '-' * 10**6, '0' * 10**6 + 'x', '1e' + '9' * 10**6, '.' * 10**6):
        with pytest.raises(Unreadable):
            function(text)
    assert cpu_time() - begun < 2


@given(st.integers(LEAST, MOST), st.floats(allow_nan=False, allow_infinity=False), st.dates(), st.times(),
       st.datetimes(), st.decimals(allow_nan=False, allow_infinity=False, places=4))
def test_what_python_writes_comes_back(whole: int, real: float, day: date, hour: time, when: datetime,
                                       exact: Decimal) -> None:
    assert convert.integer(str(whole)) == whole
    assert convert.number(repr(real)) == real or math.isclose(real, 0)
    assert convert.date(day.isoformat()) == day
    assert convert.time(hour.isoformat()) == hour
    assert convert.moment(when.isoformat()) == when
    assert convert.moment(when.isoformat(' ')) == when
    assert convert.decimal(format(exact, 'f')) == exact
