"""Elements derived from a table of an SQLite database: its columns say what is accepted.

The rule: what the schema says is said once; what cannot be read in it (a CHECK of another shape) stays with
the database, which refuses in the end. It takes any connection with `execute`, and knows nothing else about
sqlite3.
"""

from __future__ import annotations

import re
from functools import partial

from kali.forms.choices import Choices, ListLens
from kali.forms.choosers import Check, Pick
from kali.forms.derive import overridden
from kali.forms.elements import Element, Entry
from kali.forms.lenses import Lens, Nullable, String, Test
from kali.forms.messages import say
from kali.forms.typed import Date, DateTime, Decimal, Float, Integer, Time

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

__all__ = ['elements_from_table']

# Of a declared type: what its first word is, and the numbers in parentheses. See "Datatypes In SQLite".
_TYPE = re.compile(r'\s*([A-Za-z ]*?)\s*(?:\(\s*([0-9]+)\s*(?:,\s*([0-9]+)\s*)?\))?\s*')
_LITERAL = r"(?:'(?:[^']|'')*'|[-+]?[0-9]+(?:\.[0-9]+)?)"
_TOKEN = re.compile(r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | \[[^]]*\] | `[^`]*` | --[^\n]* | /\*.*?\*/ | [()]
                        | [A-Za-z_]+ | [^'"\[`()A-Za-z_/-]+ | .""", re.VERBOSE | re.DOTALL)
_NAME = r'["`\[]?(?P<name>\w+)["`\]]?'
_IN = re.compile(rf'\s*{_NAME}\s+IN\s*\(\s*(?P<list>{_LITERAL}(?:\s*,\s*{_LITERAL})*)\s*\)\s*', re.IGNORECASE)
_BETWEEN = re.compile(rf'\s*{_NAME}\s+BETWEEN\s+(?P<low>{_LITERAL})\s+AND\s+(?P<high>{_LITERAL})\s*',
                      re.IGNORECASE)
_COMPARED = re.compile(rf'\s*{_NAME}\s*(?P<how><=|>=|<|>)\s*(?P<limit>{_LITERAL})\s*')
_LENGTH = re.compile(rf'\s*length\s*\(\s*{_NAME}\s*\)\s*(?P<how><=|>=|<|>)\s*(?P<limit>[0-9]+)\s*',
                     re.IGNORECASE)


def elements_from_table(connection: Any, table: str, **elements: Element | None) -> dict[str, Element]:
    """The elements of a form for the columns of a table.

    A declared type decides what is accepted; NOT NULL makes a field required, but for text with the default
    `''`; `CHECK (… IN (…))` makes a Pick, of 0 and 1 a Check; BETWEEN, `<=` and the like, and
    `length(…) <= …` make limits; a foreign key makes a Pick of the other table's records, by its column
    `name`, `title` or `label`, else its first text. A default is what the form shows at first. A number that
    SQLite assigns (INTEGER PRIMARY KEY), generated columns and BLOBs are left out.

    :param connection: of sqlite3, or kali.sqlite.connect
    :param elements: elements by column that replace derived ones; None leaves a column out, and other names
        come last
    :raises ValueError: if there is no such table

    >>> import sqlite3
    >>> db = sqlite3.connect(':memory:')
    >>> _ = db.execute('CREATE TABLE tea (tea INTEGER PRIMARY KEY, name TEXT NOT NULL, grams INT DEFAULT 9)')
    >>> list(elements_from_table(db, 'tea'))
    ['name', 'grams']
    >>> db.close()
    """
    columns = list(connection.execute(f'PRAGMA table_xinfo({_quoted(table)})'))
    if not columns:
        raise ValueError(f'there is no table {table!r} in this database')
    found = connection.execute('SELECT sql FROM sqlite_master WHERE name = ? COLLATE NOCASE', [table])
    rules = _rules(next((row[0] for row in found), '') or '')  # a temporary table has its schema elsewhere
    parents = _parents(connection, table)
    keys = [column[1] for column in columns if column[5]]
    derived = {}
    for _, name, declared, required, default, _, hidden, *_ in map(tuple, columns):
        kind, number, places = _declared(declared)
        if name in elements or hidden or 'BLOB' in kind or (keys == [name] and 'INT' in kind):
            continue
        rule = rules.get(name.lower(), {})
        if name in parents:
            element: Element = Pick(parents[name], required=bool(required))
        else:
            element = _element(kind, number, places, rule, bool(required), default)
        if default is not None:
            element.default = partial(_value, connection, default)
        derived[name] = element
    return overridden([column[1] for column in columns], derived, elements)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _value(connection: Any, expression: str) -> Any:
    """What a default is at the moment; the expression is the schema's, not a user's."""
    return connection.execute(f'SELECT {expression}').fetchone()[0]


def _declared(declared: str) -> tuple[str, int | None, int | None]:
    match = _TYPE.fullmatch(declared or '')
    if match is None:
        return 'TEXT', None, None
    return match[1].upper(), int(match[2]) if match[2] else None, int(match[3]) if match[3] else None


def _element(kind: str, number: int | None, places: int | None, rule: dict[str, Any], required: bool,
             default: str | None) -> Element:
    if 'BOOL' in kind or rule.get('in') == ['0', '1']:
        return Check()
    if 'in' in rule:
        if 'INT' in kind:
            pairs = [(int(text), text) for text in rule['in']]
            return Pick(Choices(lambda: pairs), required=required)
        return Pick(ListLens(rule['in']), required=required)
    if kind in ('', 'TEXT', 'CLOB', 'STRING') or 'CHAR' in kind:
        blank = not required or default == "''"
        shortest = rule.get('shortest', 0 if blank else 1)
        text = String(maxlength=rule.get('longest', number), minlength=shortest)
        return Entry(lens=text if required else Nullable(text))
    lens = _number(kind, places, rule)
    return Entry(lens=lens if required else Nullable(lens))


def _number(kind: str, places: int | None, rule: dict[str, Any]) -> Lens:
    """The lens for a column that holds no text of any kind."""
    low, high, over, under = map(rule.get, ('min', 'max', 'over', 'under'))
    if kind in ('DATE', 'TIME', 'DATETIME', 'TIMESTAMP'):
        make: type[Date | Time | DateTime] = {'DATE': Date, 'TIME': Time}.get(kind, DateTime)
        read = make().native_from_string
        return make(low and read(low), high and read(high))
    if 'INT' in kind:
        return Integer(int(low) if low else int(over) + 1 if over else None,
                       int(high) if high else int(under) - 1 if under else None)
    inexact = any(each in kind for each in ('REAL', 'FLOA', 'DOUB'))
    read = Float().native_from_string if inexact else Decimal().native_from_string
    least, most = low and read(low), high and read(high)
    lens: Lens = Float(least, most) if inexact else Decimal(least, most, places=places)
    if over:
        above = read(over)
        lens = Test(lambda value: value > above, child=lens, error=say('not above', limit=over))
    if under:
        below = read(under)
        lens = Test(lambda value: value < below, child=lens, error=say('not below', limit=under))
    return lens


def _parents(connection: Any, table: str) -> dict[str, Choices]:
    """The choices for each column that is a foreign key by itself."""
    rows = [tuple(row) for row in connection.execute(f'PRAGMA foreign_key_list({_quoted(table)})')]
    found = {}
    for number, _, parent, column, target, *_ in rows:
        if sum(row[0] == number for row in rows) == 1:
            found[column] = _records(connection, parent, target)
    return found


def _records(connection: Any, parent: str, target: str | None) -> Choices:
    columns = [tuple(row) for row in connection.execute(f'PRAGMA table_info({_quoted(parent)})')]
    key = target or next((column[1] for column in columns if column[5]), 'rowid')
    texts = [column[1] for column in columns if 'CHAR' in column[2].upper() or 'TEXT' in column[2].upper()]
    named = [name for name in texts if name.lower() in ('name', 'title', 'label')]
    label = (named or texts or [key])[0]
    query = f'SELECT {_quoted(key)}, {_quoted(label)} FROM {_quoted(parent)} ORDER BY 2, 1'
    return Choices(lambda: [tuple(row) for row in connection.execute(query)])


def _rules(sql: str) -> dict[str, dict[str, Any]]:
    """What the CHECKs of a table say about single columns, as far as they are of a shape known here."""
    rules: dict[str, dict[str, Any]] = {}
    for condition in _checks(sql):
        for pattern, read in _SHAPES:
            match = pattern.fullmatch(condition)
            if match:
                rules.setdefault(match['name'].lower(), {}).update(read(match))
    return rules


def _checks(sql: str) -> Iterator[str]:
    """The conditions in CHECK (…), each part of an AND by itself."""
    tokens = [token for token in _TOKEN.findall(sql) if not token.startswith(('--', '/*'))]
    for start, token in enumerate(tokens):
        if token.upper() != 'CHECK':
            continue
        depth, between, part = 0, False, ''
        for each in tokens[start + 1:]:
            depth += (each == '(') - (each == ')')
            if not depth and each == ')':
                break
            between = between or each.upper() == 'BETWEEN'
            if depth == 1 and each.upper() == 'AND' and not between:
                yield part
                part = ''
            elif depth > 1 or each != '(':
                between = between and each.upper() != 'AND'
                part += each if part or depth else ''
        yield part


def _literal(text: str) -> str:
    return text[1:-1].replace("''", "'") if text.startswith("'") else text


def _listed(match: re.Match[str]) -> dict[str, Any]:
    return {'in': [_literal(text) for text in re.findall(_LITERAL, match['list'])]}


def _between(match: re.Match[str]) -> dict[str, Any]:
    return {'min': _literal(match['low']), 'max': _literal(match['high'])}


def _compared(match: re.Match[str]) -> dict[str, Any]:
    return {{'>=': 'min', '<=': 'max', '>': 'over', '<': 'under'}[match['how']]: _literal(match['limit'])}


def _length(match: re.Match[str]) -> dict[str, Any]:
    limit = int(match['limit'])
    return {'<=': {'longest': limit}, '<': {'longest': limit - 1}, '>=': {'shortest': limit},
            '>': {'shortest': limit + 1}}[match['how']]


_SHAPES = ((_IN, _listed), (_BETWEEN, _between), (_COMPARED, _compared), (_LENGTH, _length))
