"""functions: the SQL functions that every connection of kali has, and what a program adds to them.

A file whose indexes, constraints or triggers use such a function can only be written to, and checked, by a
connection that has it too. So each connection that kali opens gets all of them by `equip`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, TypeAlias
from unicodedata import category, normalize

__all__ = ['Prepare', 'casefold', 'equip', 'fold']

Prepare: TypeAlias = Callable[[sqlite3.Connection], object]

# Letters with a stroke and the like, which Unicode does not decompose.
_STROKES = str.maketrans({'ø': 'o', 'ł': 'l', 'đ': 'd', 'ð': 'd', 'ħ': 'h', 'ŧ': 't', 'ı': 'i', 'ƶ': 'z',
                          'ɨ': 'i', 'ŀ': 'l', 'æ': 'ae', 'œ': 'oe', 'ß': 'ss', 'þ': 'th'})


def casefold(value: Any) -> Any:
    """`value` without the difference between capitals and small letters, in any script.

    :param value: text; NULL, numbers and blobs are returned as they are

    >>> casefold('Straße'), casefold(None)
    ('strasse', None)

    Source: https://docs.python.org/3/library/stdtypes.html#str.casefold
    """
    return value.casefold() if isinstance(value, str) else value


def fold(value: Any) -> Any:
    """`value` without case and accents, in any script: what a search compares, and a list is sorted by.

    :param value: text; NULL, numbers and blobs are returned as they are

    >>> fold('Müller'), fold('ŁÓDŹ'), fold('Ἀθῆναι'), fold('Straße'), fold(12.5)
    ('muller', 'lodz', 'αθηναι', 'strasse', 12.5)

    Source: https://unicode.org/reports/tr15/, decomposition (NFKD)
    """
    if not isinstance(value, str):
        return value
    if value.isascii():
        return value.lower()
    letters = normalize('NFKD', normalize('NFKD', value).casefold()).translate(_STROKES)
    # Marks above and below go; the signs that stand for vowels in Indian and other scripts are no accents.
    return normalize('NFC', ''.join(letter for letter in letters if not _is_accent(letter)))


def fold_bytes(value: Any) -> Any:
    """`fold` for text that may be no UTF-8, which Python's functions are not given: `kali_fold(CAST(name AS
    BLOB))`.

    >>> fold_bytes(b'M\\xff'), fold_bytes(None)
    ('m\ufffd', None)
    """
    return fold(value.decode('utf-8', 'replace')) if isinstance(value, bytes) else value


def _is_accent(letter: str) -> bool:
    return category(letter) == 'Mn' and not '\u0900' <= letter <= '\u1aaf'


def equip(connection: sqlite3.Connection, prepare: Prepare | None = None) -> sqlite3.Connection:
    """Give `connection` the functions `casefold` and `fold`, and whatever the program's `prepare` adds.

    Both are deterministic, so that an index may be made of them. A file with such an index can only be
    changed by programs that have these functions.
    """
    connection.create_function('casefold', 1, casefold, deterministic=True)
    connection.create_function('fold', 1, fold, deterministic=True)
    connection.create_function('kali_fold', 1, fold_bytes, deterministic=True)
    if prepare is not None:
        prepare(connection)
    return connection
