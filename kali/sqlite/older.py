"""older: what an SQLite before 3.37 does not say of a table, made out from its SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kali.sqlite.columns import LOWER
from kali.sqlite.statements import tokens, unquoted

__all__ = ['guessed']

# The tables in which virtual tables keep their data, for an SQLite before 3.37, which does not tell them.
_SHADOWS = {'fts3': 'content segments segdir docsize stat', 'fts4': 'content segments segdir docsize stat',
            'fts5': 'data idx content docsize config', 'rtree': 'node rowid parent',
            'rtree_i32': 'node rowid parent', 'geopoly': 'node rowid parent'}


def guessed(rows: Sequence[tuple[Any, ...]]) -> dict[str, tuple[str, bool, bool]]:
    """What `PRAGMA table_list` says since SQLite 3.37, made out from the SQL of the tables: kind, whether it
    is WITHOUT ROWID, and whether it is STRICT, which no older SQLite knows."""
    shadows = set()
    for name, _, sql in rows:
        for ending in _SHADOWS.get(_module(sql), '').split():
            shadows.add(f'{name}_{ending}'.translate(LOWER))
    found = {}
    for name, kind, sql in rows:
        if kind == 'table' and _module(sql):
            kind = 'virtual'
        elif kind == 'table' and name.translate(LOWER) in shadows:
            kind = 'shadow'
        ends = [token.upper() for token in tokens(sql or '')][-3:]
        found[name] = kind, kind == 'table' and ends == [')', 'WITHOUT', 'ROWID'], False
    return found


def _module(sql: str | None) -> str:
    """The module of a CREATE VIRTUAL TABLE, in lower case; '' for any other table."""
    words = [token.lower() for token in tokens(sql or '')]
    return unquoted(words[words.index('using') + 1]) if words[:2] == ['create', 'virtual'] else ''
