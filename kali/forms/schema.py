"""Elements derived from a table of an SQLite database: its columns say what is accepted.

What the schema says is said once. What it does not say for certain stays with the database, which refuses in
the end. How a schema is read is in kali.sqlite.schema; here is only what a form makes of it.
"""

from __future__ import annotations

import re
from functools import partial
from math import ceil, floor, isfinite

from kali import convert
from kali.forms.choices import Choices, ListLens
from kali.forms.choosers import Check, Pick
from kali.forms.derive import overridden
from kali.forms.elements import Element, Entry, Memo
from kali.forms.lenses import Lens, Nullable, String, Test
from kali.forms.typed import Date, DateTime, Decimal, Float, Integer, Time
from kali.locale.words import say

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    import decimal
    from collections.abc import Callable, Collection, Mapping
    from typing import Any

    from kali.sqlite.schema import Column, Rule, Table

__all__ = ['elements_from_table']

# What a declared type, less its numbers in parentheses, is meant for: the first that fits. The affinity says
# what SQLite does with the values; these words say what the author has in mind, and text takes all the rest.
_KINDS = tuple((re.compile(pattern, re.ASCII), kind) for pattern, kind in (
    ('.*BLOB.*', ''),
    ('BOOL|BOOLEAN', 'boolean'),
    ('DATE', 'date'), ('TIME', 'time'),
    ('(SMALL)?DATETIME2?|TIMESTAMP( WITHOUT TIME ZONE)?', 'datetime'),
    ('((UN)?SIGNED |BIG |SMALL |TINY |MEDIUM |LONG )*U?(BIG|SMALL|TINY|MEDIUM|LONG)?INT(EGER)?[0-9]*'
     '( (UN)?SIGNED| ZEROFILL)*', 'integer'),
    ('.*(REAL|FLOA|DOUB).*', 'float'),
    ('NUMERIC|DECIMAL|DEC|FIXED|NUMBER|(SMALL)?MONEY|CURRENCY', 'decimal')))
_TYPE = re.compile(r'\s*(.*?)\s*(?:\(\s*([0-9]+)\s*(?:,\s*([0-9]+)\s*)?\))?\s*', re.DOTALL)

_LONG_TYPES = re.compile('.*(CLOB|LONGTEXT|MEDIUMTEXT|NTEXT|MEMO).*')
_LONG_NAMES = re.compile('.*(notes?|memo|comments?|description|remarks?|body|content|message|summary|details|'
                         'biography|bemerkung(en)?|beschreibung|notiz(en)?|kommentar|text_?long)')
_MOMENTS: dict[str, type[Date | Time | DateTime]] = {'date': Date, 'time': Time, 'datetime': DateTime}
_READ: dict[str, Callable[[str], Any]] = {'date': convert.date, 'time': convert.time,
                                          'datetime': convert.moment}

_LINE = 255  # characters: what may be longer is given an area of several lines
_SAMPLE = 1000  # records that are looked at for long text


def elements_from_table(connection: Any, table: str, /, *, labels: Mapping[str, str] | None = None,
                        only: Collection[str] | None = None,
                        elements: Mapping[str, Element | None] | None = None,
                        **by_name: Element | None) -> dict[str, Element]:
    """The elements of a form for the columns of a table.

    A declared type decides what is accepted; NOT NULL makes a field required, but for text with the default
    `''`; `CHECK (… IN (…))` makes a Pick, of 0 and 1 a Check; BETWEEN, `<=` and the like, and
    `length(…) <= …` make limits; a foreign key makes a Pick of the other table's records, by the column that
    labels them. Text that may be long, by its type, its name or what is stored already, is a Memo. A default
    is what the form shows at first. Left out are generated columns, BLOBs, and the number that SQLite assigns
    (INTEGER PRIMARY KEY); any other key is asked for.

    :param connection: of sqlite3, or kali.sqlite.connect
    :param labels: by column, instead of its name
    :param only: the columns that the form has, in this order
    :param by_name: elements by column that replace derived ones; None leaves a column out, and other names
        come last
    :param elements: the same as a mapping, for columns with names such as `labels`, `only` or `unit price`
    :raises ValueError: if there is no such table, or a column in `labels` or `only` that it does not have

    >>> import sqlite3
    >>> db = sqlite3.connect(':memory:')
    >>> _ = db.execute('CREATE TABLE tea (tea INTEGER PRIMARY KEY, name TEXT NOT NULL, grams INT DEFAULT 9)')
    >>> list(elements_from_table(db, 'tea', labels={'grams': 'Weight in g'}))
    ['name', 'grams']
    >>> db.close()
    """
    from kali.sqlite import schema  # here, since a program without a database has no sqlite3 to load
    found = schema.table(connection, table)
    if found is None:
        raise ValueError(f'there is no table {table!r} in this database')
    columns = found.columns
    for name in (*(labels or ()), *(only or ())):
        if name not in columns:
            raise ValueError(f'the table {found.name} has no column {name!r}; it has {", ".join(columns)}')
    given = {columns[name].name if name in columns else name: element
             for name, element in {**(elements or {}), **by_name}.items()}
    parents = _parents(found)
    long = _long(found)
    derived = {}
    for name in columns if only is None else [columns[each].name for each in only]:
        column = columns[name]
        if name in given or column.generated or column.hidden or (
                name == found.assigned and name not in parents):
            continue
        kind = _kind(column, found.strict)
        element: Element | None = (Pick(parents[name], required=_required(column)) if name in parents
                                   else _element(column, kind, name in long))
        if element is None:
            continue
        if column.default is not None:
            element.default = partial(found.default, name)
        element.of_table = True
        derived[name] = element
    for name, label in (labels or {}).items():
        if (labelled := derived.get(columns[name].name)) is not None:
            labelled.label = label
    return overridden(list(derived) if only else list(columns), derived, given)


def _required(column: Column) -> bool:
    """Whether NULL is not wanted. SQLite lets NULL into most primary keys, for the sake of old programs."""
    return column.not_null or column.key > 0


def _kind(column: Column, strict: bool) -> str:
    """What the column holds: 'text', 'integer' …; 'other' for text of which SQLite makes a number if it looks
    like one; '' if it cannot be typed."""
    declared = _words(column)[0]
    if column.affinity == 'BLOB' and 'BLOB' not in declared:
        return 'text'  # of whatever type, stored as it is: no type, or ANY of a STRICT table
    if column.affinity == 'TEXT':
        return 'text'
    return next((kind for pattern, kind in _KINDS if pattern.fullmatch(declared)), 'other')


def _words(column: Column) -> tuple[str, int | None, int | None]:
    """The declared type in capitals, and the numbers in its parentheses."""
    match = _TYPE.fullmatch(column.declared)
    assert match  # it fits anything
    return (' '.join(match[1].upper().split()), int(match[2]) if match[2] else None,
            int(match[3]) if match[3] else None)


def _element(column: Column, kind: str, long: bool) -> Element | None:
    rule, required = column.rule, _required(column)
    if not kind:
        return None
    if column.collation not in ('BINARY', 'NOCASE'):
        rule = rule._replace(choices=None)  # what is equal to a choice, only SQLite knows
    if set(rule.choices or ()) == {0, 1} or (kind == 'boolean' and rule.choices is None):
        return Check()
    if rule.choices is not None:
        return _pick(rule.choices, required)
    if kind in ('text', 'other'):
        lens: Lens = _text(column, rule, required)
        element = (Memo if long else Entry)(lens=lens if required else Nullable(lens))
        if kind == 'other' and column.declared.upper() not in ('JSON', 'UUID'):
            element.help = say('as number')
        return element
    lens = _number(kind, column, rule)
    return Entry(lens=lens if required else Nullable(lens))


class _OrBlank(ListLens):
    """Choices of text, the blank text among them."""

    def native_from_string(self, text: str) -> str | None:
        return super().native_from_string(text) or ''


def _pick(choices: tuple[Any, ...], required: bool) -> Element:
    if not all(isinstance(value, str) for value in choices):
        pairs = [(value, str(value)) for value in choices]
        return Pick(Choices(lambda: pairs), required=required)
    if '' in choices:
        return Pick(_OrBlank([value for value in choices if value]))
    return Pick(ListLens(choices), required=required)


def _text(column: Column, rule: Rule, required: bool) -> Lens:
    number = _words(column)[1] if column.affinity == 'TEXT' else None
    longest = number if rule.longest is None else rule.longest
    blank = not required or (column.default in ("''", '""') and not column.key)
    shortest = max((0 if blank else 1) if rule.shortest is None else rule.shortest, 0)
    if longest is not None and longest < max(shortest, 1):
        longest = None  # nothing would pass; SQLite says so
    return String(maxlength=longest, minlength=shortest)


def _number(kind: str, column: Column, rule: Rule) -> Lens:
    """The lens for a column of numbers, dates or times."""
    if kind in ('date', 'time', 'datetime'):
        return _moment(kind, rule)
    least, above, most, below = (
        value if isinstance(value, (int, float)) and isfinite(value) else None
        for value in (rule.least, rule.above, rule.most, rule.below))
    if kind == 'integer':
        lows = [*([] if least is None else [ceil(least)]), *([] if above is None else [floor(above) + 1])]
        highs = [*([] if most is None else [floor(most)]), *([] if below is None else [ceil(below) - 1])]
        return Integer(*_between(max(lows, default=None), min(highs, default=None)))
    low, high, over, under = (value if value is None or kind == 'float' else _exactly(value)
                              for value in (least, most, above, below))
    low, high = _between(low, high)
    lens: Lens = Float(low, high) if kind == 'float' else Decimal(low, high, places=_words(column)[2])
    return _strictly(lens, over, under)


def _moment(kind: str, rule: Rule) -> Lens:
    """The lens for dates or times, which SQLite compares as text: only limits of that form are certain."""
    def read(limit: Any) -> Any:
        if not isinstance(limit, str):
            return None  # text is more than any number
        try:
            value = _READ[kind](limit if kind != 'datetime' or ' ' in limit else f'{limit} 00:00')
        except ValueError:
            return None
        return None if getattr(value, 'tzinfo', None) else value
    low, over, high, under = map(read, (rule.least, rule.above, rule.most, rule.below))
    if kind != 'date':  # '10:00:00' > '10:00'
        low, over = max((each for each in (low, over) if each is not None), default=None), None
    low, high = _between(low, high)
    return _strictly(_MOMENTS[kind](low, high), over, under)


def _strictly(lens: Lens, above: Any, below: Any) -> Lens:
    """`lens` for values that are more than `above` and less than `below`."""
    if above is not None:
        lens = Test(lambda value: value > above, child=lens, error=say('not above', limit=above))
    if below is not None:
        lens = Test(lambda value: value < below, child=lens, error=say('not below', limit=below))
    return lens


def _between(low: Any, high: Any) -> tuple[Any, Any]:
    """The limits, unless nothing lies between them: then SQLite is to say so."""
    return (None, None) if low is not None and high is not None and low > high else (low, high)


def _exactly(value: float) -> decimal.Decimal:
    import decimal  # slow to load
    return decimal.Decimal(repr(value))


def _parents(table: Table) -> dict[str, Choices]:
    """The choices for each column that is a foreign key by itself."""
    from kali.sqlite import schema  # as in elements_from_table
    found = {}
    for key in table.foreign_keys:
        parent = schema.table(table.connection, key.parent, table.schema)
        if parent is not None and parent.kind == 'table' and len(key.columns) == len(key.parent_columns) == 1:
            found[key.columns[0]] = Choices(partial(_records, parent, key.parent_columns[0]))
    return found


def _records(parent: Table, target: str) -> list[tuple[Any, str]]:
    """The records of a table to choose from: what refers to them, and their labels."""
    from kali.sqlite.schema import quoted  # as in elements_from_table
    label = parent.label or target
    rows = parent.rows(f'{quoted(target)} IS NOT NULL', columns=f'{quoted(target)}, {quoted(label)}',
                       order='2, 1')
    return [(key, _shown(key if label is None else label)) for key, label in map(tuple, rows)]


def _shown(value: Any) -> str:
    return value.decode('utf-8', 'replace') if isinstance(value, bytes) else str(value)


def _long(table: Table) -> set[str]:
    """The columns whose text may be long: by their type, their name, or what is in the first records."""
    from kali.sqlite.schema import quoted  # as in elements_from_table
    texts = [column for column in table.columns.values() if _kind(column, table.strict) in ('text', 'other')
             and not column.generated and not column.hidden]
    found = set()
    for column in texts:
        declared, number, _ = _words(column)
        limit = number if column.rule.longest is None else column.rule.longest
        if limit > _LINE if limit is not None else (
                _LONG_TYPES.fullmatch(declared) or _LONG_NAMES.fullmatch(column.name.lower())):
            found.add(column.name)
    if texts and table.kind in ('table', 'virtual'):
        names = [quoted(column.name) for column in texts]
        looks = ', '.join(f'max(length({name}) > {_LINE} OR instr({name}, char(10)))' for name in names)
        sample = f'SELECT {", ".join(names)} FROM {table.sql_name} LIMIT {_SAMPLE}'
        row = table.connection.execute(f'SELECT {looks} FROM ({sample})').fetchone()
        found |= {column.name for column, is_long in zip(texts, tuple(row), strict=True) if is_long}
    return found
