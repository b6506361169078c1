"""Elements derived from a dataclass and from a table, each as if it were written by hand."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import sqlite3
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest

from kali.errors import ValidationError
from kali.forms import Check, Entry, Hidden, Integer, Memo, elements_from, elements_from_table
from kali.forms.elements import show_record

if TYPE_CHECKING:
    from collections.abc import Iterator


class Colour(enum.Enum):
    RED = 'red'
    BLUE = 'blue'


@dataclasses.dataclass
class Contact:
    name: str
    nick: str | None
    memo: str = ''
    visits: int = 7
    rate: float | None = None
    fee: decimal.Decimal = decimal.Decimal('1.50')
    born: datetime.date | None = None
    at: datetime.time | None = None
    seen: datetime.datetime | None = None
    friend: bool = True
    colour: Colour = Colour.BLUE
    size: Literal['S', 'M'] | None = None
    colours: set[Colour] = dataclasses.field(default_factory=set)
    tags: list[str] = dataclasses.field(default_factory=list)
    scores: list[int] = dataclasses.field(default_factory=list)
    stars: Annotated[int | None, Integer(1, 5), 'How many stars?'] = None
    note: Annotated[str, Memo(rows=3)] = ''
    made: int = dataclasses.field(default=0, init=False)


ACCEPTED = [
    ('name', 'Ada', 'Ada'), ('nick', ' ', None), ('memo', '', ''), ('visits', '3', 3), ('rate', '1.5', 1.5),
    ('rate', '', None),
    ('fee', '2.25', decimal.Decimal('2.25')), ('born', '2026-02-28', datetime.date(2026, 2, 28)),
    ('at', '14:30', datetime.time(14, 30)), ('seen', '', None), ('friend', '', False),
    ('colour', 'RED', Colour.RED), ('size', '', None), ('size', 'M', 'M'), ('colours', ['RED'], {Colour.RED}),
    ('tags', 'a, b', ['a', 'b']), ('scores', '1,2', [1, 2]), ('stars', '', None), ('stars', '5', 5),
    ('note', 'a', 'a'),
]


@pytest.mark.parametrize(('name', 'intermediate', 'value'), ACCEPTED)
def test_a_dataclass(name: str, intermediate: Any, value: object) -> None:
    assert elements_from(Contact)[name].i2n(intermediate) == value


@pytest.mark.parametrize(('name', 'intermediate'), [
    ('name', ''), ('visits', ''), ('visits', '1.5'), ('fee', 'x'), ('colour', ''), ('colour', 'GREEN'),
    ('size', 'L'),
    ('stars', '6'), ('scores', '1,x'), ('born', '2026-02-30')])
def test_what_a_dataclass_does_not_take(name: str, intermediate: Any) -> None:
    with pytest.raises(ValidationError):
        elements_from(Contact)[name].i2n(intermediate)


def test_defaults_labels_and_order_of_a_dataclass() -> None:
    elements = elements_from(Contact, memo=None, visits=Hidden(), extra=Entry())
    names = [field.name for field in dataclasses.fields(Contact)]
    assert list(elements) == [*(name for name in names if name not in ('memo', 'made')), 'extra']
    assert isinstance(elements['visits'], Hidden) and elements['stars'].label == 'How many stars?'
    shown = show_record(elements_from(Contact), {'name': 'Ada', 'nick': None})
    assert (shown['visits'], shown['fee'], shown['friend'], shown['colour'], shown['tags'],
            shown['nick']) == (
        '7', '1.50', '1', 'BLUE', '', '')


def test_what_cannot_be_derived_says_so() -> None:
    @dataclasses.dataclass
    class Odd:
        thing: bytes

    with pytest.raises(TypeError, match=r'Odd.thing: there is no element for bytes; give it by name'):
        elements_from(Odd)
    assert list(elements_from(Odd, thing=Entry())) == ['thing']
    with pytest.raises(TypeError, match='is no dataclass'):
        elements_from(int)


SCHEMA = '''
CREATE TABLE team (team INTEGER PRIMARY KEY, town TEXT, name VARCHAR(20));
CREATE TABLE code (code TEXT PRIMARY KEY);
CREATE TABLE "per son" (
    person INTEGER PRIMARY KEY,
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 9 OR 1) CHECK(length("name") <= 8),
    -- CHECK (name IN ('x'))
    nick VARCHAR(5),
    memo TEXT NOT NULL DEFAULT '',
    team INTEGER REFERENCES team,
    code TEXT NOT NULL REFERENCES code (code),
    level INTEGER NOT NULL DEFAULT 2 CHECK (level IN (1, 2, 3)),
    kind TEXT CHECK ( kind in ('it''s', 'a (b), c') ) DEFAULT 'it''s',
    done INTEGER NOT NULL DEFAULT 0 CHECK (done IN (0, 1)),
    active BOOLEAN,
    age INT CHECK (age >= 0 AND age < 150),
    pay DECIMAL(8,2) NOT NULL CHECK (pay > 0),
    ratio REAL CHECK (ratio BETWEEN -0.5 AND +0.5),
    born DATE DEFAULT (date('2026-02-28', '+1 day')) CHECK (born >= '1900-01-01'),
    seen DATETIME, at TIME, photo BLOB, words TEXT AS (name || nick) STORED,
    CHECK (age != 13), FOREIGN KEY (nick, memo) REFERENCES pair (a, b)
);
CREATE TABLE pair (a TEXT, b TEXT, PRIMARY KEY (a, b));
'''


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(':memory:')
    connection.row_factory = sqlite3.Row
    connection.executescript(SCHEMA)
    connection.execute("INSERT INTO team VALUES (5, 'Ems', 'Reds')")
    connection.execute("INSERT INTO code VALUES ('x1')")
    yield connection
    connection.close()


@pytest.mark.parametrize(('name', 'intermediate', 'value'), [
    ('name', 'Ada', 'Ada'), ('nick', '', None), ('memo', '', ''), ('team', '5', 5), ('team', '', None),
    ('code', 'x1', 'x1'),
    ('level', '3', 3), ('kind', "it's", "it's"), ('kind', 'a (b), c', 'a (b), c'), ('done', '1', True),
    ('active', '', False),
    ('age', '149', 149), ('age', '', None), ('pay', '0.01', decimal.Decimal('0.01')), ('ratio', '0.5', 0.5),
    ('born', '1900-01-01', datetime.date(1900, 1, 1)),
    ('seen', '2026-02-28T14:30', datetime.datetime(2026, 2, 28, 14, 30)),
    ('at', '14:30', datetime.time(14, 30))])
def test_a_table(db: sqlite3.Connection, name: str, intermediate: str, value: object) -> None:
    assert elements_from_table(db, 'per son')[name].i2n(intermediate) == value


@pytest.mark.parametrize(('name', 'intermediate', 'sentence'), [
    ('name', '', 'may not be blank.'), ('name', '123456789', 'is 9 characters long; at most 8 are accepted.'),
    ('nick', '123456', 'is 6 characters long; at most 5 are accepted.'), ('code', '', 'please choose one.'),
    ('team', '6', 'not among'), ('level', '4', 'not among'), ('level', '', 'choose'),
    ('kind', 'x', 'not among'),
    ('age', '150', 'must be 149 or less.'), ('age', '-1', 'must be 0 or more.'),
    ('pay', '0', 'must be more than 0.'),
    ('pay', '1.005', 'too many digits'), ('ratio', '0.6', 'must be 0.5 or less.'),
    ('born', '1899-12-31', '1900-01-01 or more'),
])
def test_what_a_table_does_not_take(db: sqlite3.Connection, name: str, intermediate: str,
        sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        elements_from_table(db, 'per son')[name].i2n(intermediate)


def test_defaults_labels_and_order_of_a_table(db: sqlite3.Connection) -> None:
    elements = elements_from_table(db, 'per son', memo=None, name=Memo(), photo=Hidden(), extra=Entry())
    assert list(elements) == ['name', 'nick', 'team', 'code', 'level', 'kind', 'done', 'active', 'age',
            'pay', 'ratio',
                              'born', 'seen', 'at', 'photo', 'extra']
    shown = show_record(elements, {})
    assert (shown['level'], shown['kind'], shown['born'], shown['done'], shown['age']) == ('2', "it's",
            '2026-03-01', '', '')
    assert '<option value="5">Reds</option>' in elements['team'].control('team', '')
    db.execute("INSERT INTO team VALUES (6, NULL, 'Blues')")  # choices are read afresh
    assert '<option value="6">Blues</option>' in elements['team'].control('team', '')
    assert isinstance(elements['name'], Memo)


def test_a_table_by_another_case_and_a_temporary_one(db: sqlite3.Connection) -> None:
    db.execute('CREATE TEMP TABLE scratch (a INTEGER NOT NULL CHECK (a IN (0, 1)))')
    assert list(elements_from_table(db, 'TEAM')) == ['town', 'name']
    assert isinstance(elements_from_table(db, 'scratch')['a'], Check)


def test_a_table_that_is_not_there(db: sqlite3.Connection) -> None:
    with pytest.raises(ValueError, match="there is no table 'persons'"):
        elements_from_table(db, 'persons')


