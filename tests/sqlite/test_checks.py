"""What becomes of a CHECK: the shapes that are certain,
    and that whatever an element refuses because of one, SQLite
refuses as well."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kali.errors import ValidationError
from kali.forms import Pick, elements_from_table
from kali.sqlite import connect
from kali.sqlite.checks import Rule
from kali.sqlite.schema import table

CERTAIN: list[tuple[str, str, Rule]] = [
    ('INT', 'c IN (1, 2, 0x10, -3, +4)', Rule(choices=(1, 2, 16, -3, 4))),
    ('INT', "c IN ('1', 1e3, 2.0)", Rule(choices=(1, 1000, 2))),
    ('TEXT', "c IN (1, 'it''s', \"no column\")", Rule(choices=('1', "it's", 'no column'))),
    ('TEXT', "((c) IN ('a'))", Rule()),  # this column has no name SQLite would give an affinity for certain
    ('INT', '((c IN (TRUE, FALSE)))', Rule(choices=(1, 0))),
    ('INT', 'c BETWEEN 1 AND 5 AND c <> 3', Rule(least=1, most=5)),
    ('INT', 'c >= 1 and "C" < 1e2 AND 0 < [c]', Rule(least=1, above=0, below=100)),
    ('INT', 'c IS NULL OR c BETWEEN 1 AND 5', Rule(least=1, most=5)),
    ('INT', 'c > 3 OR c ISNULL', Rule(above=3)),
    ('INT', 'c = 1 OR c = 2 OR c IN (3, 4)', Rule(choices=(1, 2, 3, 4))),
    ('INT', '(c = 1 AND d > 0) OR c == 2', Rule(choices=(1, 2))),
    ('INT', 'd > 0 AND c > 0', Rule(above=0)),
    ('TEXT', 'length(c) BETWEEN 2 AND 5', Rule(shortest=2, longest=5)),
    ('TEXT', 'length ( c ) = 5', Rule(shortest=5, longest=5)),
    ('TEXT', 'length(c) > 2 -- ) c IN (1)\n AND LENGTH(c)<9 /* OR */', Rule(shortest=3, longest=8)),
    ('TEXT', "c <> ''", Rule(shortest=1)),
    ('DATE', "c >= '1900-01-01' AND c < '2100-01-01'", Rule(least='1900-01-01', below='2100-01-01')),
    ('INT', 'c IN (1, 2) AND c IN (2, 3)', Rule(choices=(2,))),
    ('INT', "c > 'a' AND c > 5", Rule(above='a')),
    # And what is not certain.
    *((kind, check, Rule()) for kind, check in (
        ('INT', 'c > 0 OR d > 0 AND c < 9'), ('INT', 'NOT c > 5'), ('INT', 'NOT (c IN (1, 2))'),
        ('INT', 'c NOT IN (1, 2)'), ('INT', 'c NOT BETWEEN 1 AND 2'), ('INT', 'c IN (1, NULL)'),
        ('INT', 'CASE WHEN d THEN c IN (1, 2) ELSE c > 5 END'), ('INT', 'c BETWEEN 1 AND 5 OR c = 9'),
        ('INT', 'c BETWEEN d AND 5 OR 1'), ('INT', 'c IN (1, d)'), ('INT', 'c IN (1, 2) OR d'),
        ('INT', 'c > 5 IS NULL'), ('INT', 'c + 1 > 5'), ('INT', 'abs(c) < 5'), ('INT', 'c < 5 < 3'),
        ('INT', '-c < 5'), ('INT', 'c = 1 OR d = 2'), ('INT', 'd IS NULL OR c IN (1, 2)'),
        ('INT', 'c IN (1, 2) = 0'), ('INT', 'c % 2 = 0'), ('TEXT', "c GLOB '[a-z]*'"),
        ('TEXT', "c COLLATE NOCASE IN ('a')"), ('TEXT', "c IN ('a' || 'b')"), ('TEXT', 'c IN (1.5)'),
        ('TEXT', 'length(c) + 1 < 5'), ('TEXT', 'length(trim(c)) > 2'), ('TEXT', 'NOT length(c) > 2'),
        ('INT', 'c IN (1, 2) IS NOT 1'), ('TEXT', "c = x'41'"), ('INT', 'c > NULL'), ('INT', '1 = 1'),
        ('INT', 'c IN ()'), ('INT', 'c > c'))),
]


@pytest.mark.parametrize('kind, check, rule', CERTAIN)
def test_what_is_certain(kind: str, check: str, rule: Rule) -> None:
    db = sqlite3.connect(':memory:')
    db.execute(f'CREATE TABLE "check" (d INT, c {kind} DEFAULT (1) CONSTRAINT x CHECK ({check}) '
               'COLLATE nocase)')
    found = table(db, 'check')
    assert found is not None and found.columns['c'].rule == rule and found.columns['c'].collation == 'NOCASE'
    assert list(elements_from_table(db, 'check')) == ['d', 'c']
    db.close()


def test_checks_of_a_table_stand_among_other_things() -> None:
    db = sqlite3.connect(':memory:')
    db.execute('''CREATE TABLE "CHECK (a IN (1))" -- CHECK (a IN (1))
        ("check (b in (2))" INT, a TEXT DEFAULT 'CHECK (a IN (3))' /* CHECK (a IN (4)) */, "b,(" INT NOT NULL
        REFERENCES other (x) DEFERRABLE CHECK ("b,(" > 5) CHECK ("b,(" < 9),
        CONSTRAINT one UNIQUE (a) CONSTRAINT two CHECK (a IN ('x', 'y')), CHECK (1),
        CHECK("check (b in (2))"=7))''')
    found = table(db, 'check (A in (1))')
    assert found is not None and {name: column.rule for name, column in found.columns.items()} == {
        'check (b in (2))': Rule(choices=(7,)), 'a': Rule(choices=('x', 'y')), 'b,(': Rule(above=5, below=9)}
    db.close()


NUMBERS = st.one_of(st.integers(-5, 5).map(str), st.sampled_from(
    ['0x2', '1e0', '2.5', '-2.5', '.5', "'3'", "'x'", "''", "'01'", 'NULL', 'TRUE', 'd', '9e999', '"1"',
    "x'31'"]))
SHAPES = st.one_of(
    st.builds('{} {} {}'.format, st.just('c'), st.sampled_from(['<', '<=', '>', '>=', '=', '==', '<>', '!=',
    'IS',
                                                                  'LIKE']), NUMBERS),
    st.builds('{} {} c'.format, NUMBERS, st.sampled_from(['<', '<=', '>', '>=', '='])),
    st.builds('c {}IN ({})'.format, st.sampled_from(['', 'NOT ']), st.lists(NUMBERS, min_size=1,
    max_size=3).map(
        ', '.join)),
    st.builds('c {}BETWEEN {} AND {}'.format, st.sampled_from(['', 'NOT ']), NUMBERS, NUMBERS),
    st.builds('length(c) {} {}'.format, st.sampled_from(['<', '<=', '>', '>=', '=', '<>']), NUMBERS),
    st.sampled_from(['c IS NULL', 'c IS NOT NULL', 'd > 0', '1', '0', 'c', 'c COLLATE NOCASE = 2',
    'd IS NULL']))
CHECKS = st.recursive(SHAPES, lambda inner: st.one_of(
    st.builds('{} AND {}'.format, inner, inner), st.builds('{} OR {}'.format, inner, inner),
    st.builds('NOT {}'.format, inner), st.builds('({})'.format, inner),
    st.builds('CASE WHEN {} THEN {} ELSE {} END'.format, inner, inner, inner)), max_leaves=5)
TYPES = st.sampled_from(['INT', 'REAL', 'NUMERIC', 'DECIMAL(8,2)', 'TEXT', 'VARCHAR(3)', '', 'STRING', 'DATE',
                         'DATETIME', 'TIME', 'TEXT COLLATE RTRIM', 'BIGINT NOT NULL', 'TEXT NOT NULL'])
TYPED = st.one_of(st.integers(-6, 6).map(str), st.sampled_from(
    ['', '1.5', '2.50', '0.5', 'x', 'X', 'a long text', '01', '2000-01-01', '1', '10:00',
    '2000-01-01T10:00']))


@settings(max_examples=400, deadline=None)
@given(kind=TYPES, check=CHECKS, typed=st.lists(TYPED, min_size=1, max_size=6), other=st.sampled_from([None,
    0, 1]))
def test_what_an_element_refuses_for_a_check_sqlite_refuses_too(kind: str, check: str, typed: list[str],
                                                               other: int | None) -> None:
    db = connect(':memory:')
    try:
        db.execute(f'CREATE TABLE checked (d, c {kind}, CHECK ({check}))')
        db.execute(f'CREATE TABLE free (d, c {kind})')
        checked, free = (elements_from_table(db, name)['c'] for name in ('checked', 'free'))
        for text in typed:
            try:
                value: Any = free.value(text)
            except ValidationError:
                continue
            try:
                if isinstance(checked, Pick):  # whose text is that of what the column would store
                    db.execute('INSERT INTO free VALUES (NULL, ?)', [value])
                    text = checked.show(db.execute('SELECT c FROM free ORDER BY rowid DESC').fetchone()[0])
                checked.value(text)
            except ValidationError:
                with pytest.raises(sqlite3.IntegrityError):
                    db.execute('INSERT INTO checked VALUES (?, ?)', [other, value])
    finally:
        db.close()
