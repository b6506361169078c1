"""columns: what a schema consists of, as values: columns, foreign keys, unique sets; and names as SQLite
compares them, without regard to the case of ASCII letters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from kali.sqlite.checks import Rule

__all__ = ['LOWER', 'Column', 'ForeignKey', 'Names', 'Unique', 'affinity_of']

_T = TypeVar('_T')

LOWER = str.maketrans('ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')

# Section 3.1 of https://sqlite.org/datatype3.html: the first that occurs in the declared type.
_AFFINITIES = (('int', 'INTEGER'), ('char', 'TEXT'), ('clob', 'TEXT'), ('text', 'TEXT'), ('blob', 'BLOB'),
               ('real', 'REAL'), ('floa', 'REAL'), ('doub', 'REAL'))


def affinity_of(declared: str, *, strict: bool = False) -> str:
    """What a column turns its values into: TEXT, NUMERIC, INTEGER, REAL or, leaving them as they are, BLOB.

    >>> affinity_of('VARCHAR(40)'), affinity_of('FLOATING POINT'), affinity_of('STRING'), affinity_of('')
    ('TEXT', 'INTEGER', 'NUMERIC', 'BLOB')

    :param declared: the type as it was declared
    :param strict: for a column of a STRICT table, where ANY stores each value as it is

    Source: https://sqlite.org/datatype3.html, section 3.1; https://sqlite.org/stricttables.html
    """
    kind = declared.translate(LOWER)
    if strict and kind == 'any':
        return 'BLOB'
    found = (affinity for part, affinity in _AFFINITIES if part in kind)
    return next(found, 'NUMERIC' if kind else 'BLOB')


class Names(Mapping[str, _T]):
    """Things by name, where capitals do not matter: `columns['Id']` finds `id`. They keep their order.

    >>> names = Names([('Id', 1)])
    >>> names['ID'], 'id' in names, list(names)
    (1, True, ['Id'])
    """

    __slots__ = ('_found',)

    def __init__(self, pairs: Iterator[tuple[str, _T]] | Sequence[tuple[str, _T]] = ()) -> None:
        self._found = {name.translate(LOWER): (name, thing) for name, thing in pairs}

    def __getitem__(self, name: str) -> _T:
        try:
            return self._found[name.translate(LOWER)][1]
        except KeyError:
            raise KeyError(name) from None

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._found.values())

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return f'Names({list(self.items())!r})'


class Column(NamedTuple):
    """A column of a table or view.

    :ivar name: as in the schema
    :ivar declared: the type as it was declared, in capitals or not; '' without one
    :ivar affinity: what SQLite makes of it: see affinity_of
    :ivar not_null: whether NULL is refused: NOT NULL, or a part of the key of a table WITHOUT ROWID
    :ivar default: an expression of SQL, or None
    :ivar key: its place in the primary key, from 1; 0 if it is no part of it
    :ivar generated: its value is worked out by SQLite, and cannot be written
    :ivar hidden: of a virtual table: it is not part of `SELECT *`
    :ivar collation: BINARY, NOCASE, RTRIM or one of the application's own
    :ivar rule: the choices and limits that its CHECKs are certain to set
    """

    name: str
    declared: str
    affinity: str
    not_null: bool
    default: str | None
    key: int
    generated: bool
    hidden: bool
    collation: str
    rule: Rule


class ForeignKey(NamedTuple):
    """Columns of a table that refer to columns of another one, the parent.

    :ivar table: the table that refers
    :ivar columns: its columns that do
    :ivar parent: the table that is referred to
    :ivar parent_columns: in the same order; () if there is no such parent, or it has no key
    :ivar on_update: CASCADE, SET NULL, NO ACTION …
    :ivar on_delete: likewise
    """

    table: str
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]
    on_update: str
    on_delete: str


class Unique(NamedTuple):
    """Columns whose values together are unique: a key, a constraint, or an index.

    :ivar name: of the index; '' for an INTEGER PRIMARY KEY, which needs none
    :ivar columns: without the expressions
    :ivar is_key: whether it is the primary key
    :ivar partial: only for some of the rows
    :ivar expressions: an expression is part of it
    """

    name: str
    columns: tuple[str, ...]
    is_key: bool
    partial: bool
    expressions: bool
