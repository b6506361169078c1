"""checks: what the CREATE TABLE of a table says that no PRAGMA does: CHECK, COLLATE."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ['Rule', 'read_checks', 'without_rowid']


class Rule(NamedTuple):
    """What the CHECKs of a table are certain to say about one column; NULL passes all of it.

    Values are as SQLite has them: int, float, str, bytes.
    """

    choices: tuple[Any, ...] | None = None  # IN (…)
    least: Any = None  # >=, BETWEEN
    most: Any = None  # <=, BETWEEN
    above: Any = None  # >
    below: Any = None  # <
    shortest: int | None = None  # length(…) in characters
    longest: int | None = None


def read_checks(sql: str) -> tuple[dict[str, Rule], dict[str, str]]:
    """The rules and the collations of the columns, by their names in small letters."""
    return {}, {}


def without_rowid(sql: str) -> bool:
    """Whether the options after the columns of a CREATE TABLE say WITHOUT ROWID."""
    return sql.rpartition(')')[2].upper().split() == ['WITHOUT', 'ROWID']
