"""Records: the fields of a whole record through their elements, shown, and read from what was posted."""

from __future__ import annotations

from kali.errors import ValidationError
from kali.forms.elements import control_name
from kali.locale.words import say
from kali.multidict import Bag

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from kali.forms.elements import Element

__all__ = ['read_posted', 'show_record']

_NOTHING = Bag()


def show_record(elements: Mapping[str, Element], native: Any) -> dict[str, Any]:
    """The intermediate form of each field of a record; what is missing in it has the element's default.

    :param native: a mapping, or a sqlite3.Row
    """
    return {name: element.show(_held(element, name, native)) for name, element in elements.items()}


def _held(element: Element, name: str, native: Any) -> Any:
    """What a record has in a field, or the element's default."""
    try:
        return native[name]
    except (KeyError, IndexError):  # a mapping, a sqlite3.Row
        return element.default() if callable(element.default) else element.default


def read_posted(elements: Mapping[str, Element], posted: Bag, stored: Any = None, *,
                exists: bool = False) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """What was posted: as it shows again, as it is meant, what is wrong. Other fields are ignored.

    :param stored: the record that the form is about, if there is one: a mapping, or a sqlite3.Row. What
        nobody changed keeps its value, and what is read-only has no other.
    :param exists: whether that record is in a database, rather than what a new one starts with
    """
    intermediate, native, errors = {}, {}, {}
    for name, element in elements.items():
        if not element.is_read:
            continue
        files = element.takes_files
        source = posted
        control = control_name(name)
        if not name and control not in posted.multiple:
            control = name  # what a program posts, unlike a browser
        for value in posted.multiple.get(control, ()):
            if isinstance(value, str) is files and value != '':  # a file for text, or text for a file
                errors[name] = say('not a file' if files else 'not text')
                source = _NOTHING
        shown = intermediate[name] = element.read(control, source)
        try:
            if stored is None or (files and not element.keeps):
                native[name] = element.value(shown)
                continue
            held = _held(element, name, stored)
            if 'readonly' in element.attributes:
                shown = intermediate[name] = element.show(held)
                errors.pop(name, None)
            native[name] = element.value_over(shown, held, exists=exists)
        except ValidationError as error:
            errors.setdefault(name, error.args[0] if error.args else say('invalid'))
    return intermediate, native, errors
