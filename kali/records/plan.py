"""plan: what is to be imported, where its columns go, and what becomes of rows that are there already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO, NamedTuple, Protocol

from kali.records.values import Format

__all__ = ['Plan', 'Source', 'Target']


class Source(Protocol):
    """A file to import: an upload, or one on the disk."""

    @property
    def filename(self) -> str:
        """Its name, without a folder."""

    @property
    def size(self) -> int:
        """How many bytes it has."""

    def open(self) -> BinaryIO:
        """The file, to be read; it can be searched."""


class Target(NamedTuple):
    """Where a column of the file goes."""

    place: int  # of the file's column, from 0
    column: str
    kind: str  # of cells.KINDS, STAMP or BLOB


class Plan(NamedTuple):
    """How a file is imported.

    :ivar names: what the columns of the file are called
    :ivar key: the columns that tell whether a row is there already; () to add every row
    :ivar existing: what becomes of such a row: 'update', or 'skip'
    :ivar careful: whether nothing is imported when a row is bad
    """

    form: Format
    names: Sequence[str]
    targets: Sequence[Target]
    key: tuple[str, ...] = ()
    existing: str = 'update'
    careful: bool = True
