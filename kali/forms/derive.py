"""Elements derived from a dataclass: its annotations say what is accepted.

An element given by name replaces what would be derived, and what cannot be derived is an error that names the
field. Those of a database table are in `schema`.
"""

from __future__ import annotations

import datetime
import sys

from kali.forms.choices import Enum, ListLens
from kali.forms.choosers import Check, CheckMany, Pick
from kali.forms.elements import Element, Entry
from kali.forms.lenses import BLANKABLE, NULLABLE, TYPICAL, Lens, List, Nullable
from kali.forms.typed import Date, DateTime, Decimal, Float, Integer, Time

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ['elements_from', 'overridden']

_LENSES = {int: Integer, float: Float, datetime.date: Date, datetime.time: Time, datetime.datetime: DateTime}


def elements_from(cls: type, /, *, elements: Mapping[str, Element | None] | None = None,
                  **by_name: Element | None) -> dict[str, Element]:
    """The elements of a form for the fields of a dataclass.

    `str`, `int`, `float`, `Decimal`, `date`, `time`, `datetime` become an Entry, `bool` a Check, an Enum or
    `Literal` a Pick, a set of them a CheckMany, and a list an Entry with commas. `X | None` may be blank, and
    so may text whose default is `''`; all else is required. In `Annotated[int, Integer(1, 9), 'How many?']`
    a lens says what is accepted, an element is taken as it is, and text is the label. A field's default is
    what the form shows when the record has none.

    :param cls: a dataclass
    :param by_name: elements by name that replace derived ones; None leaves a field out, and other names
        come last
    :param elements: the same as a mapping, for a field named `elements`
    :raises TypeError: if `cls` is no dataclass, or for a field of another type that is not given by name

    >>> import dataclasses
    >>> @dataclasses.dataclass
    ... class Contact:
    ...     name: str
    ...     visits: int | None = None
    >>> list(elements_from(Contact, visits=None))
    ['name']
    """
    import dataclasses  # these two are slow to load, and few forms are derived
    import typing  # slow to load, and few forms are derived
    if not dataclasses.is_dataclass(cls):
        raise TypeError(f'{cls!r} is no dataclass: put @dataclass before it, or list its elements by hand')
    hints = typing.get_type_hints(cls, include_extras=True)
    given = {**(elements or {}), **by_name}
    derived = {}
    for field in dataclasses.fields(cls):
        if field.name in given or not field.init:
            continue
        default = None if field.default is dataclasses.MISSING else field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory
        try:
            element = _element(hints[field.name], default)
        except TypeError as error:
            raise TypeError(f'{cls.__qualname__}.{field.name}: {error}; give it by name: '
                            f'elements_from({cls.__name__}, {field.name}=Entry(…))') from None
        element.default = default
        derived[field.name] = element
    return overridden([field.name for field in dataclasses.fields(cls)], derived, given)


def overridden(order: list[str], derived: Mapping[str, Element],
               given: Mapping[str, Element | None]) -> dict[str, Element]:
    """`derived` in `order`, with what was given by name in its place, or left out if that is None."""
    names = [*order, *(name for name in given if name not in order)]
    both = {**derived, **given}
    return {name: element for name in names if (element := both.get(name)) is not None}


def _element(hint: Any, default: Any) -> Element:
    import typing  # slow to load, and few forms are derived
    label, lens = None, None
    if typing.get_origin(hint) is typing.Annotated:
        hint, *metadata = typing.get_args(hint)
        for each in metadata:
            if isinstance(each, Element):
                return each
            label = each if isinstance(each, str) else label
            lens = each if isinstance(each, Lens) else lens
    arguments = [each for each in typing.get_args(hint) if each is not type(None)]
    optional = type(None) in typing.get_args(hint)
    if optional and len(arguments) == 1:
        hint = arguments[0]
    if lens is not None:
        return Entry(lens=Nullable(lens) if optional else lens, label=label)
    if hint is bool:
        return Check(label=label)
    if hint is str:
        return Entry(lens=NULLABLE if optional else BLANKABLE if default == '' else TYPICAL, label=label)
    choices = _choices(hint)
    if choices is not None:
        return Pick(choices, required=not optional, label=label)
    several = typing.get_origin(hint)
    if several in (set, frozenset) and (choices := _choices(*typing.get_args(hint))) is not None:
        return CheckMany(choices, label=label)
    if several is list:
        inner = typing.get_args(hint)[0]
        return Entry(lens=List() if inner is str else List(_lens(inner)), label=label)
    plain = _lens(hint)
    return Entry(lens=Nullable(plain) if optional else plain, label=label)


def _lens(hint: Any) -> Lens:
    decimal = sys.modules.get('decimal')  # without it nothing can be annotated with a Decimal
    if decimal is not None and hint is decimal.Decimal:
        return Decimal()
    if hint not in _LENSES:
        raise TypeError(f'there is no element for {getattr(hint, "__name__", hint)!s}')
    lens: Lens = _LENSES[hint]()
    return lens


def _choices(hint: Any) -> Enum | ListLens | None:
    import enum  # slow to load, and few forms are derived
    import typing
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return Enum(hint)
    if typing.get_origin(hint) is typing.Literal and all(isinstance(each, str)
                                                         for each in typing.get_args(hint)):
        return ListLens(typing.get_args(hint))
    return None
