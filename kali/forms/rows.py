"""Rows: a variable list of sub-records in a form, such as the lines of an invoice.

Each cell is a control like any other, named `lines-2-price`, and a row left blank is no row. With
kali.js rows are added, moved and taken away by buttons; without it there are a few blank rows at the end, and
a row is taken away by emptying it. Rows with a `key` stand for records that are stored: what nobody changed
in them stays as it is stored.
"""

from __future__ import annotations

import copy
import re

from kali.errors import ValidationError
from kali.forms.elements import Element
from kali.forms.records import read_posted, show_record
from kali.locale.words import say
from kali.markup import Markup, escape, escape_text
from kali.multidict import Bag

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from kali.iolist import Content

__all__ = ['Rows']

# What stands for the number in the names of the row that kali.js copies.
_NEXT = '__n__'


class _Typed(list[dict[str, 'Any']]):
    """The intermediate form of rows: for each the intermediate form of its cells; and what they mean."""

    def __init__(self, rows: Iterable[dict[str, Any]] = ()) -> None:
        super().__init__(rows)
        self.posted: list[Bag] = []
        self.natives: list[dict[str, Any]] = []
        self.places: list[int] = []  # which row each of `natives` is
        self.wrong: dict[tuple[int, str], Any] = {}  # by the number of the row, from 0, and its field


class Rows(Element):
    """A list of sub-records; the native value is a list of dictionaries.

    :param elements: the elements of a row by name. A Hidden one has no column; Uploads are not accepted.
    :param blank: how many blank rows there are besides those of the record
    :param key: the name of a Hidden element among them that says which stored record a row is; the rows of
        the record that the form shows have it too, and the native value has each of them with its own
    :param order: the name of an element with a number that says where a row stands: buttons move a row, and
        a new one is the last
    :param min: the fewest rows that are accepted; kali 0.1 calls it `least`
    :param max: the most, which bounds what a form can hold; kali 0.1 calls it `most`
    :raises ValueError: for an element that takes files, or bounds that make no sense

    >>> from kali.forms import Entry, Integer
    >>> lines = Rows({'what': Entry(), 'count': Entry(lens=Integer(1))})
    >>> posted = Bag({'lines-1-what': 'Tea', 'lines-1-count': '2', 'lines-2-what': '', 'lines-2-count': ''})
    >>> lines.value(lines.read('lines', posted))
    [{'what': 'Tea', 'count': 2}]
    """

    layout = 'group'

    def __init__(self, elements: Mapping[str, Element], *, blank: int = 3, min: int = 0, max: int = 100,
                 least: int | None = None, most: int | None = None, key: str = '', order: str = '',
                 label: str | None = None, help: str = '', **attributes: Any) -> None:
        super().__init__(label=label, help=help, **attributes)
        if any(element.takes_files for element in elements.values()):
            raise ValueError('a row takes no files: give the form an Upload beside its Rows')
        self.min, self.max = min if least is None else least, max if most is None else most
        self.blank, self.key, self.order = blank, key, order
        if not 0 <= self.min <= self.max or blank < 0:
            raise ValueError(f'no list has at least {self.min} and at most {self.max} rows, {blank} of them '
                             'blank')
        self.marked = {name for name, element in elements.items() if element.required}
        self.elements = {name: _optional(element) for name, element in elements.items()}
        self._seen = [name for name, element in elements.items() if element.layout != 'none']
        self._content = [name for name in self._seen if name != order]  # what makes a row more than blank

    @property
    def required(self) -> bool:
        return self.min > 0

    def show(self, value: Any) -> _Typed:
        return _Typed(show_record(self.elements, row) for row in value or ())

    def read(self, name: str, posted: Bag) -> _Typed:
        by_number: dict[int, Bag] = {}
        cell = re.compile(f'{re.escape(name)}-([0-9]{{1,6}})-(.+)', re.ASCII | re.DOTALL)
        for key, values in posted.multiple.items():
            found = cell.fullmatch(key)
            if found:
                by_number.setdefault(int(found[1]), Bag()).multiple[found[2]] = values
        untouched, rows = show_record(self.elements, {}), _Typed()
        for _, bag in sorted(by_number.items()):
            shown, native, wrong = read_posted(self.elements, bag)
            # A file where text belongs leaves a cell blank, and is wrong all the same.
            if bag.get(self.key) or any((shown[each] and shown[each] != untouched[each]) or (
                    each in wrong and bag.get(each)) for each in self._content if each in shown):
                rows.wrong.update({(len(rows), each): message for each, message in wrong.items()})
                rows.places.append(len(rows))
                rows.append({**untouched, **shown})
                rows.natives.append(native)
                rows.posted.append(bag)
        return rows

    def value_over(self, intermediate: _Typed, stored: Any, *, exists: bool = False) -> Any:
        """As for every element; a row with the key of a stored one keeps what nobody changed in it, and is
        taken away if all of it was emptied."""
        if not self.key:
            return super().value_over(intermediate, stored, exists=exists)
        if intermediate and not intermediate.posted:  # those of the record itself
            return list(stored or ())
        known = {self.elements[self.key].show(row[self.key]): row for row in stored or ()}
        blank = dict.fromkeys(self._content, '')
        intermediate.wrong, intermediate.natives, intermediate.places = {}, [], []
        for index, bag in enumerate(intermediate.posted):
            row = known.get(bag.get(self.key, ''))
            shown, native, wrong = read_posted(self.elements, bag, row, exists=row is not None)
            before = blank if row is None else show_record(self.elements, row)
            if bag.get(self.key) and not any(shown.get(each) for each in self._content) and (
                    row is None or any(before[each] for each in self._content)):
                continue
            intermediate.wrong.update({(index, each): message for each, message in wrong.items()})
            intermediate.natives.append(native)
            intermediate.places.append(index)
        return self._checked(intermediate, intermediate.natives)

    def owns(self, name: str, key: str) -> bool:
        return key.startswith(f'{name}-')

    def value(self, intermediate: _Typed) -> list[dict[str, Any]]:
        self._checked(intermediate, intermediate)
        if not intermediate.natives:  # rows of a record, which nobody has read yet
            return [{each: element.value(row[each]) for each, element in self.elements.items()
                     if element.is_read} for row in intermediate]
        return intermediate.natives

    def _checked(self, intermediate: _Typed, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if intermediate.wrong:
            raise ValidationError(say('rows', count=len(intermediate.wrong)))
        if len(rows) < self.min:
            raise ValidationError(say('too few rows', count=len(rows), limit=self.min))
        if len(rows) > self.max:
            raise ValidationError(say('too many rows', count=len(rows), limit=self.max))
        return rows

    def matches(self, name: str, key: str, text: str) -> Content:
        cell = key[len(name) + 1:].partition('-')[2]
        return self.elements[cell].matches(cell, cell, text) if cell in self.elements else ''

    def in_words(self, intermediate: _Typed) -> str:
        return '\n'.join(', '.join(self.elements[each].in_words(row[each]) for each in self._seen)
                         for row in intermediate)

    def html(self, name: str, intermediate: _Typed) -> Content:
        label = escape_text(str(self.label or name.replace('_', ' ').capitalize()))
        mark = '<span aria-hidden="true"> *</span>'
        heads = ''.join(f'<th scope="col">{escape(self._label(each))}'
                        f'{mark if each in self.marked else ""}</th>'
                        for each in self._seen)
        untouched = show_record(self.elements, {})
        blank = max(0, min(self.blank, self.max - len(intermediate)))
        rows = [self._row(name, str(index), row, {each: message for (at, each), message
                                                  in intermediate.wrong.items() if at == index - 1})
                for index, row in enumerate([*intermediate, *[untouched] * blank], 1)]
        own_id = escape_text(self.id_for(name))
        order = f' data-order="{escape_text(self.order)}"' if self.order else ''
        return Markup(
            f'<div role="group" id="{own_id}" tabindex="-1" aria-label="{label}" data-rows="{self.max}" '
            f'data-blank="{blank}"{order}><table><thead><tr>{heads}<td></td></tr></thead>\n'
            f'<tbody>{"".join(rows)}</tbody></table>'
            f'<template>{self._row(name, _NEXT, untouched, {})}</template>'
            f'<button type="button" data-add hidden>{escape_text(say("add row"))}</button></div>')

    def _label(self, each: str) -> str:
        label = self.elements[each].label
        return each.replace('_', ' ').capitalize() if label is None else label

    def _row(self, name: str, number: str, row: Mapping[str, Any], wrong: Mapping[str, Any]) -> str:
        cells, hidden = [], ''
        for each, element in self.elements.items():
            cell = f'{name}-{number}-{each}'
            if each not in self._seen:
                hidden += element.control(cell, row[each])
                continue
            ties = f' aria-label="{escape_text(say("row", label=self._label(each), number=number))}"'
            error = ''
            if each in wrong:
                error_id = escape_text(f'{element.id_for(cell)}-error')
                ties += f' aria-invalid="true" aria-describedby="{error_id}"'
                error = (f'<p class="error" id="{error_id}">{escape(wrong[each])}</p>'
                         f'{getattr(wrong[each], "choice", "")}')
            cells.append(f'<td>{element.control(cell, row[each], ties)}{error}</td>')
        buttons = [('remove', '×', 'remove row')]
        if self.order:
            buttons = [('up', '↑', 'move row up'), ('down', '↓', 'move row down'), *buttons]
        return (f'<tr>{"".join(cells)}<td>{hidden}' + ''.join(
            f'<button type="button" data-{does} hidden aria-label="{escape_text(say(key, number=number))}">'
            f'{sign}</button>' for does, sign, key in buttons) + '</td></tr>\n')


def _optional(element: Element) -> Element:
    """A twin of `element` that a browser lets pass when it is blank: a blank row is no row."""
    twin = copy.copy(element)
    twin.attributes = {name: value for name, value in element.attributes.items()
                       if name not in ('required', 'id')}
    twin._made = None  # what the element has put together already
    return twin
