"""searching: the rows in which the words of a search occur.

Each word occurs somewhere in one of the columns, as a part of it, without case and accents; `%` and `_` are
letters like others. In a large table an index is asked first: a full-text index (FTS3 to FTS5) that names the
table as its content, for words that begin so; or the index of a column, for text that begins so.
"""

from __future__ import annotations

import re
from typing import Any

from kali.records.bounded import TooLong, within
from kali.records.section import Section
from kali.sqlite.functions import fold
from kali.sqlite.schema import quoted

__all__ = ['FREQUENT', 'index_condition', 'occurs', 'search_condition', 'search_index']

_WORDS, _LETTERS = 10, 200  # of a search; the rest is not looked for
#: Rows that are asked of an index at a time.
FREQUENT = 10_000
_SECONDS = 0.06  # of the processor for an index


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


def search_index(section: Section, q: str, after: int | None = None, *,
                 backwards: bool = False) -> list[int] | None:
    """The rowids of rows that an index finds, in their order, up to `FREQUENT`; None if there is no index for
    this search, or it takes too long.

    :param after: the rowid after which they begin, or `backwards` before which
    """
    found = _by_words(section, q) if section.full_text else _by_beginning(section, q)
    if found is None:
        return None
    sql, parameters = found
    place = '' if after is None else f'WHERE place {"<" if backwards else ">"} {after:d} '
    try:
        with within(section.connection, _SECONDS):
            rows = section.connection.execute(
                f'SELECT place FROM ({sql}) {place}ORDER BY place {"DESC" if backwards else ""} '
                f'LIMIT {FREQUENT}', parameters).fetchall()
    except TooLong:
        return None
    return [row[0] for row in rows]


def index_condition(section: Section, q: str) -> tuple[str, list[Any]]:
    """The condition for all rows that an index finds, and its parameters."""
    found = _by_words(section, q) if section.full_text else _by_beginning(section, q)
    sql, parameters = found or ('NULL', [])
    return f'{section.sql_of(section.table.rowid or "")} IN ({sql})', parameters


def _by_words(section: Section, q: str) -> tuple[str, list[Any]] | None:
    """A SELECT of what the full-text index finds."""
    assert section.full_text is not None
    table, trigram = section.full_text
    words = _words(q)
    if not any(map(re.compile(r'\w').search, words)) or (trigram and min(map(len, words)) < 3):
        return None
    match = ' '.join('"' + word.replace('"', '""') + '"' + ('' if trigram else '*') for word in words)
    return f'SELECT rowid AS place FROM {table.sql_name} WHERE {quoted(table.name)} MATCH ?', [match]


def _by_beginning(section: Section, q: str) -> tuple[str, list[Any]] | None:
    """A SELECT of the rows in which an indexed column begins so, in small letters or capitals."""
    columns = [name for name in section.search_columns
               if section.is_indexed(name) and section.table.columns[name].affinity == 'TEXT']
    if not columns or section.table.rowid is None:
        return None
    spelled = dict.fromkeys((q, q.lower(), q.upper(), q.capitalize(), q.title()))
    place = section.sql_of(section.table.rowid)
    parts = [f'SELECT {place} AS place FROM {section.table.sql_name} WHERE {quoted(name)} >= ? AND '
             f'{quoted(name)} < ?' for name in columns for _ in spelled]
    return ' UNION '.join(parts), [each for _ in columns for text in spelled
                                   for each in (text, f'{text}\U0010ffff')]
