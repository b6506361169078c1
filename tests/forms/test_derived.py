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
from kali.forms.records import show_record

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


@pytest.mark.parametrize('declared, kind', [
    ('LONGTEXT', 'Memo text'), ('JSON', 'Entry text'), ('UUID', 'Entry text'), ('TEXT NON NULL',
        'Entry text'),
    ('TIMESTAMPTZ', 'Entry text'), ('DOUBLE PRECISION', 'Entry Float'), ('UNSIGNED BIG INT', 'Entry Integer'),
    ('CHARINT', 'Entry text'), ('FLOATING POINT', 'Entry Float'), ('STRING', 'Entry text'), ('',
        'Entry text'),
    ('NVARCHAR(300)', 'Memo text'), ('VARCHAR(255)', 'Entry text'), ('int8', 'Entry Integer'),
    ('POINT', 'Entry text'), ('INTERVAL', 'Entry text'), ('DATETIME', 'Entry DateTime'), ('date',
        'Entry Date'),
    ('TIME', 'Entry Time'), ('MONEY', 'Entry Decimal'), ('NUMERIC(8, 2)', 'Entry Decimal'), ('BOOL', 'Check'),
    ('BLOB', None), ('MEDIUMBLOB', None), ('FLOAT', 'Entry Float'), ('ANY', 'Entry text')])
def test_what_a_type_becomes(declared: str, kind: str | None) -> None:
    db = sqlite3.connect(':memory:')
    db.execute(f'CREATE TABLE t (c {declared}, d)')
    element = elements_from_table(db, 't').get('c')
    db.close()
    if kind is None:
        assert element is None
        return
    assert element is not None
    lens = type(getattr(getattr(element, 'lens', None), '_child', None)).__name__
    assert [type(element).__name__, *kind.split()[1:]] == [kind.split()[0], *([] if kind == 'Check' else [
        'text' if lens == 'StringLens' else lens])]
    told = 'number' in str(element.help)
    assert told == (declared in ('CHARINT', 'STRING', 'TIMESTAMPTZ', 'POINT', 'INTERVAL', 'ANY'))


def test_leading_zeros_in_a_strict_table_stay() -> None:
    db = sqlite3.connect(':memory:')
    db.execute('CREATE TABLE t (a ANY, i INT NOT NULL) STRICT')
    elements = elements_from_table(db, 't')
    db.execute('INSERT INTO t VALUES (?, 1)', [elements['a'].value('007')])
    assert db.execute('SELECT a FROM t').fetchone() == ('007',) and elements['i'].value('07') == 7
    db.close()


@pytest.mark.parametrize('columns, asked', [
    ('k INTEGER PRIMARY KEY, t', ['t']), ('k INTEGER, t, PRIMARY KEY (k DESC)', ['t']),
    ('k INTEGER PRIMARY KEY AUTOINCREMENT, t', ['t']),
    ('k INTEGER PRIMARY KEY DESC, t', ['k', 't']), ('k INT PRIMARY KEY, t', ['k', 't']),
    ('k BIGINT PRIMARY KEY, t', ['k', 't']), ('k TEXT PRIMARY KEY, t', ['k', 't']),
    ('k INT, t INT, PRIMARY KEY (k, t)', ['k', 't']),
    ('k INTEGER PRIMARY KEY REFERENCES other, t', ['k', 't'])])
@pytest.mark.parametrize('ending', ['', ' WITHOUT ROWID'])
def test_only_what_sqlite_assigns_is_left_out(columns: str, asked: list[str], ending: str) -> None:
    if ending and 'AUTOINCREMENT' in columns:
        return  # SQLite refuses that
    db = sqlite3.connect(':memory:')
    db.execute('CREATE TABLE other (o INTEGER PRIMARY KEY, name TEXT)')
    db.execute(f'CREATE TABLE t ({columns}){ending}')
    elements = elements_from_table(db, 't')
    assert list(elements) == (['k', 't'] if ending else asked)
    if 'k' in elements:
        with pytest.raises(ValidationError):
            elements['k'].value('')
    db.close()


@pytest.mark.parametrize('default, shown', [
    ('active', 'active'), ('""', ''), ('"a b"', 'a b'), ("'it''s'", "it's"), ('0x1F', '31'), ('-5', '-5'),
    ('+1.5', '1.5'), ('TRUE', '1'), ("(upper('a') || 1)", 'A1'), ('NULL', ''), ('[x]', 'x'), ('(no_such())',
        ''),
    ('CURRENT_DATE', None), ("x'41'", None)])
def test_defaults_are_those_of_sqlite(default: str, shown: str | None) -> None:
    db = sqlite3.connect(':memory:')
    db.execute(f'CREATE TABLE t (k INTEGER PRIMARY KEY, c TEXT DEFAULT {default})')
    found = show_record(elements_from_table(db, 't'), {})['c']
    if 'no_such' not in default:
        db.execute('INSERT INTO t (k) VALUES (1)')
        stored = db.execute('SELECT c FROM t').fetchone()[0]
        assert found == (elements_from_table(db, 't')['c'].show(stored))
    assert shown is None or found == shown
    db.close()


def test_a_default_is_accepted_by_its_own_form() -> None:
    db = sqlite3.connect(':memory:')
    db.execute("""CREATE TABLE t (a DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP, b DATE DEFAULT CURRENT_DATE,
        c TIME DEFAULT CURRENT_TIME, d BOOLEAN DEFAULT 'f', e INT CHECK (e IN (0, 1)) DEFAULT '0',
        f TEXT CHECK (f IN ('Y', 'N')) DEFAULT Y, g BOOLEAN CHECK (g IN ('Y', 'N')))""")
    elements = elements_from_table(db, 't')
    shown = show_record(elements, {})
    values = {name: element.value(shown[name]) for name, element in elements.items()}
    assert (values['d'], values['e'], values['f'], values['g']) == (False, False, 'Y', None)
    db.close()


def test_columns_named_like_parameters() -> None:
    names = ['table', 'connection', 'cls', 'labels', 'only', 'elements', 'self', 'name']
    db = sqlite3.connect(':memory:')
    db.execute('CREATE TABLE t ("' + '", "'.join(names) + '")')
    assert list(elements_from_table(db, 't')) == names
    given = elements_from_table(db, 't', table=Memo(), connection=None, cls=Hidden(), self=Memo(),
        NAME=Memo(),
                                elements={'labels': Hidden(), 'only': None, 'elements': Memo()})
    assert {name: type(element) for name, element in given.items()} == {
        'table': Memo, 'cls': Hidden, 'labels': Hidden, 'elements': Memo, 'self': Memo, 'name': Memo}
    given = elements_from_table(db, 't', labels={'cls': 'Class'}, only=['name', 'CLS'], extra=Entry())
    assert list(given) == ['name', 'cls', 'extra'] and given['cls'].label == 'Class'
    for wrong in ({'labels': {'x': 'X'}}, {'only': ['x']}):
        with pytest.raises(ValueError, match="the table t has no column 'x'; it has table, connection, cls"):
            elements_from_table(db, 't', **wrong)
    db.close()

    @dataclasses.dataclass
    class Odd:
        cls: str
        elements: str = ''
    assert list(elements_from(Odd, cls=Memo(), elements={'elements': Memo()})) == ['cls', 'elements']


def test_labels_of_records_are_always_something() -> None:
    db = sqlite3.connect(':memory:')
    db.executescript("""CREATE TABLE city (code TEXT PRIMARY KEY, population INT, name TEXT);
        CREATE TABLE club (k INT, alias TEXT UNIQUE, note);
        INSERT INTO city VALUES ('a', 1, NULL), ('b', 2, CAST(x'44ff' AS TEXT)), ('c', 3, x'45'),
            ('d', 4, 'Ems');
        INSERT INTO club VALUES (1, 'one', 'x'), (2, NULL, 'y');
        CREATE TABLE t (city TEXT REFERENCES city, club TEXT REFERENCES club (alias),
            gone INT REFERENCES gone, odd INT REFERENCES club, a TEXT, b INT,
            FOREIGN KEY (a, b) REFERENCES city (code, population))""")
    elements = elements_from_table(db, 't')
    html = str(elements['city'].html('city', ''))
    assert all(f'<option value="{code}">{label}</option>' in html for code, label in (
        ('a', 'a'), ('b', 'D\ufffd'), ('c', 'E'), ('d', 'Ems'))) and 'None' not in html
    assert [type(elements[name]).__name__ for name in ('club', 'gone', 'odd', 'a', 'b')] == [
        'Pick', 'Entry', 'Entry', 'Entry', 'Entry']
    assert str(elements['club'].html('club', '')).count('<option') == 2  # the blank one, and 'one'
    db.close()


def test_long_text_is_a_memo() -> None:
    db = sqlite3.connect(':memory:')
    db.execute("""CREATE TABLE t (name TEXT, notes TEXT, short_description VARCHAR(40), body, x TEXT, y TEXT,
        z TEXT CHECK (length(z) <= 1000), fine TEXT CHECK (length(fine) <= 100))""")
    db.execute("INSERT INTO t (name, x, y) VALUES ('a', 'b' || char(10) || 'c', hex(zeroblob(200)))")
    assert [name for name, element in elements_from_table(db, 't').items() if isinstance(element, Memo)] == [
        'notes', 'body', 'x', 'y', 'z']
    db.close()
