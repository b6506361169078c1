"""values: dates, times, Decimals and members of an Enum as SQLite stores them."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any

__all__ = ['plain', 'storable']

# What sqlite3 binds as it is. Subclasses, of str for instance, go the slower way and arrive the same.
_NATIVE = frozenset({int, float, str, bytes, bytearray, memoryview, bool, type(None)})


def plain(parameters: Any) -> Any:
    """`parameters` with dates, times and Decimals as SQLite stores them; the same object if it has none."""
    named = not isinstance(parameters, (tuple, list)) and hasattr(parameters, 'values')
    if _NATIVE.issuperset(map(type, parameters.values() if named else parameters)):
        return parameters
    if named:
        return {name: storable(value) for name, value in parameters.items()}
    return [storable(value) for value in parameters]


def storable(value: Any) -> Any:
    """A date, time or Decimal as text; anything else as it is."""
    if isinstance(value, datetime):
        return value.isoformat(' ')  # as SQLite's own datetime() writes it
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value if type(value.value) in _NATIVE else value.name
    return str(value) if isinstance(value, Decimal) else value
