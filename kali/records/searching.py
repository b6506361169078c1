"""searching: the rows in which the words of a search occur.

Each word occurs somewhere in one of the columns, as a part of it, without case and accents; `%` and `_` are
letters like others. In a large table with a full-text index (FTS3 to FTS5) that names it as its content, a
word is the beginning of one of those that are indexed.
"""

from __future__ import annotations

import re
from typing import Any

from kali.records.section import Section
from kali.sqlite.functions import fold
from kali.sqlite.schema import quoted

__all__ = ['FREQUENT', 'occurs', 'search_condition', 'search_index']

_WORDS, _LETTERS = 10, 200  # of a search; the rest is not looked for
#: Rows that are asked of a full-text index at a time.
FREQUENT = 10_000


def search_condition(section: Section, q: str) -> tuple[str, list[Any]]:
    """The condition in SQL for the rows that have all words, and its parameters."""
    parts: list[str] = []
    parameters: list[Any] = []
    for word in _words(q):
        found = [occurs(sql, word) for sql in section.search_sql]
        for column, key, table, label in section.search_labels:
            sql, values = occurs(label, word)
            found.append((f'{column} IN (SELECT {key} FROM {table} WHERE {sql})', values))
        parts.append(f'({" OR ".join(sql for sql, _ in found) or "0"})')
        parameters += [value for _, values in found for value in values]
    return ' AND '.join(parts) or '1', parameters


def _words(q: str) -> list[str]:
    return q[:_LETTERS].split()[:_WORDS]


def occurs(sql: str, word: str) -> tuple[str, list[Any]]:
    """The condition that a word occurs in an expression, and its parameters. What is plain ASCII is left to
    LIKE, which is six times as fast as a function of Python; other text has more bytes than SQLite counts
    characters."""
    folded = fold(word)
    foreign = (f'length({sql}) <> length(CAST({sql} AS BLOB)) AND '
               f'instr(kali_fold(CAST({sql} AS BLOB)), ?)')
    if not folded.isascii() or '\0' in folded:  # at which LIKE ends
        return f'({foreign})', [folded]
    pattern = re.sub(r'([%_\\])', r'\\\1', folded)
    return f"({sql} LIKE ? ESCAPE '\\' OR ({foreign}))", [f'%{pattern}%', folded]


def search_index(section: Section, q: str, after: int | None = None, *, backwards: bool = False,
                 limit: int = FREQUENT) -> list[int] | None:
    """The rowids of the rows that have all words, from a full-text index in the order of the rowid; None if
    there is none that knows such words.

    :param after: the rowid after which they begin, or `backwards` before which
    """
    words = _words(q)
    if section.full_text is None or not any(map(re.compile(r'\w').search, words)):
        return None
    table, trigram = section.full_text
    if trigram and min(map(len, words)) < 3:
        return None
    match = ' '.join('"' + word.replace('"', '""') + '"' + ('' if trigram else '*') for word in words)
    place = '' if after is None else f'AND rowid {"<" if backwards else ">"} {after:d} '
    rows = section.connection.execute(
        f'SELECT rowid FROM {table.sql_name} WHERE {quoted(table.name)} MATCH ? {place}'
        f'ORDER BY rowid {"DESC" if backwards else ""} LIMIT {limit:d}', [match])
    return [row[0] for row in rows]
