"""searching: the condition in SQL for the rows in which the words of a search occur.

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

__all__ = ['search_condition']

_WORDS, _LETTERS = 10, 200  # of a search; the rest is not looked for
_FREQUENT = 20_000  # rows with a word from which on each row is asked for it, instead of listing them first


def search_condition(section: Section, q: str, *, inside: bool) -> tuple[str, list[Any]]:
    """The condition, and its parameters.

    :param inside: whether to look inside of words even if there is a full-text index
    """
    words = q[:_LETTERS].split()[:_WORDS]
    if section.full_text and not inside and (indexed := _indexed(section, words)) is not None:
        return indexed
    parts: list[str] = []
    parameters: list[Any] = []
    for word in words:
        plain = [_occurs(sql, word) for sql in section.search_sql]
        found = plain + [(f'{column} IN (SELECT {key} FROM {table} WHERE {sql})', values)
                  for column, key, table, label in section.search_labels
                  for sql, values in [_occurs(label, word)]]
        parts.append(f'({" OR ".join(sql for sql, _ in found) or "0"})')
        parameters += [value for _, values in found for value in values]
    return ' AND '.join(parts), parameters


def _occurs(sql: str, word: str) -> tuple[str, list[Any]]:
    """Whether a word occurs in an expression. What is plain ASCII is left to LIKE, which is six times as fast
    as a function of Python; other text has more bytes than characters."""
    folded = fold(word)
    foreign = f'length({sql}) <> length(CAST({sql} AS BLOB)) AND instr(fold({sql}), ?)'
    if not folded.isascii():
        return f'({foreign})', [folded]
    pattern = re.sub(r'([%_\\])', r'\\\1', folded)
    return f"({sql} LIKE ? ESCAPE '\\' OR ({foreign}))", [f'%{pattern}%', folded]


def _indexed(section: Section, words: list[str]) -> tuple[str, list[Any]] | None:
    """The condition by the full-text index; None if that does not know such words."""
    assert section.full_text
    table, trigram = section.full_text
    if (trigram and min(map(len, words)) < 3) or not any(map(re.compile(r'\w').search, words)):
        return None
    match = ' '.join('"' + word.replace('"', '""') + '"' + ('' if trigram else '*') for word in words)
    name, rowid = quoted(table.name), section.sql_of(section.table.rowid or '')
    sought = f'SELECT rowid FROM {table.sql_name} WHERE {name} MATCH ?'
    number = section.connection.execute(f'SELECT count(*) FROM ({sought} LIMIT {_FREQUENT})',
                                        [match]).fetchone()[0]
    if number < _FREQUENT:
        return f'{rowid} IN ({sought})', [match]
    return f'EXISTS ({sought} AND rowid = {section.table.sql_name}.{rowid})', [match]
