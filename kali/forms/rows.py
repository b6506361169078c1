"""Rows: a variable list of sub-records in a form, such as the lines of an invoice.

The rule: each cell is a control like any other, named `lines-2-price`, and a row left blank is no row. With
kali.js rows are added and taken away by buttons; without it there are a few blank rows at the end, and a row
is taken away by emptying it. It knows nothing about requests.
"""

from __future__ import annotations

import copy
import re

from kali.errors import ValidationError
from kali.forms.elements import Element, read_posted, show_record
from kali.forms.messages import say
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
        self.natives: list[dict[str, Any]] = []
        self.wrong: dict[tuple[int, str], Any] = {}  # by the number of the row, from 0, and its field


class Rows(Element):
    """A list of sub-records; the native value is a list of dictionaries.

    :param elements: the elements of a row by name. A Hidden one has no column; Uploads are not accepted.
    :param blank: how many blank rows there are besides those of the record
    :param least: the fewest rows that are accepted
    :param most: the most, which bounds what a form can hold
    :raises ValueError: for an element that takes files, or bounds that make no sense

    >>> from kali.forms import Entry, Integer
    >>> lines = Rows({'what': Entry(), 'count': Entry(lens=Integer(1))})
    >>> posted = Bag({'lines-1-what': 'Tea', 'lines-1-count': '2', 'lines-2-what': '', 'lines-2-count': ''})
    >>> lines.i2n(lines.p2i('lines', posted))
    [{'what': 'Tea', 'count': 2}]
    """

    layout = 'group'

    def __init__(self, elements: Mapping[str, Element], *, blank: int = 3, least: int = 0, most: int = 100,
                 label: str | None = None, help: str = '', **attributes: Any) -> None:
        super().__init__(label=label, help=help, **attributes)
        if any(element.takes_files for element in elements.values()):
            raise ValueError('a row takes no files: give the form an Upload beside its Rows')
        if not 0 <= least <= most or blank < 0:
            raise ValueError(f'no list has at least {least} and at most {most} rows, {blank} of them blank')
        self.blank, self.least, self.most = blank, least, most
        self.marked = {name for name, element in elements.items() if element.required}
        self.elements = {name: _optional(element) for name, element in elements.items()}
        self._seen = [name for name, element in elements.items() if element.layout != 'none']

    @property
    def required(self) -> bool:
        return self.least > 0

    def n2i(self, value: Any) -> _Typed:
        return _Typed(show_record(self.elements, row) for row in value or ())

    def p2i(self, name: str, POST: Bag) -> _Typed:
        posted: dict[int, Bag] = {}
        cell = re.compile(f'{re.escape(name)}-([0-9]{{1,6}})-(.+)', re.ASCII | re.DOTALL)
        for key, values in POST.multiple.items():
            found = cell.fullmatch(key)
            if found:
                posted.setdefault(int(found[1]), Bag()).multiple[found[2]] = values
        untouched, rows = show_record(self.elements, {}), _Typed()
        for _, bag in sorted(posted.items()):
            shown, native, wrong = read_posted(self.elements, bag)
            # A file where text belongs leaves a cell blank, and is wrong all the same.
            if any((shown[each] and shown[each] != untouched[each]) or (each in wrong and bag.get(each))
                   for each in self._seen if each in shown):
                rows.wrong.update({(len(rows), each): message for each, message in wrong.items()})
                rows.append({**untouched, **shown})
                rows.natives.append(native)
        return rows

    def owns(self, name: str, key: str) -> bool:
        return key.startswith(f'{name}-')

    def i2n(self, intermediate: _Typed) -> list[dict[str, Any]]:
        if intermediate.wrong:
            raise ValidationError(say('rows', count=len(intermediate.wrong)))
        if len(intermediate) < self.least:
            raise ValidationError(say('too few rows', count=len(intermediate), limit=self.least))
        if len(intermediate) > self.most:
            raise ValidationError(say('too many rows', count=len(intermediate), limit=self.most))
        if not intermediate.natives:  # rows of a record, which nobody has read yet
            return [{each: element.i2n(row[each]) for each, element in self.elements.items()
                     if element.is_read} for row in intermediate]
        return intermediate.natives

    def in_words(self, intermediate: _Typed) -> str:
        return '\n'.join(', '.join(self.elements[each].in_words(row[each]) for each in self._seen)
                         for row in intermediate)

    def i2h(self, name: str, intermediate: _Typed) -> Content:
        label = escape_text(str(self.label or name.replace('_', ' ').capitalize()))
        mark = '<span aria-hidden="true"> *</span>'
        heads = ''.join(f'<th scope="col">{escape(self._label(each))}'
                        f'{mark if each in self.marked else ""}</th>'
                        for each in self._seen)
        untouched = show_record(self.elements, {})
        blank = max(0, min(self.blank, self.most - len(intermediate)))
        rows = [self._row(name, str(index), row, {each: message for (at, each), message
                                                  in intermediate.wrong.items() if at == index - 1})
                for index, row in enumerate([*intermediate, *[untouched] * blank], 1)]
        own_id = escape_text(self.id_for(name))
        return Markup(
            f'<div role="group" id="{own_id}" tabindex="-1" aria-label="{label}" data-rows="{self.most}" '
            f'data-blank="{blank}"><table><thead><tr>{heads}<td></td></tr></thead>\n<tbody>{"".join(rows)}'
            f'</tbody></table><template>{self._row(name, _NEXT, untouched, {})}</template>'
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
                ties += f' aria-invalid="true" aria-describedby="{escape_text(cell)}-error"'
                error = f'<p class="error" id="{escape_text(cell)}-error">{escape(wrong[each])}</p>'
            cells.append(f'<td>{element.control(cell, row[each], ties)}{error}</td>')
        remove = escape_text(say('remove row', number=number))
        return (f'<tr>{"".join(cells)}<td>{hidden}<button type="button" data-remove hidden '
                f'aria-label="{remove}">×</button></td></tr>\n')


def _optional(element: Element) -> Element:
    """A twin of `element` that a browser lets pass when it is blank: a blank row is no row."""
    twin = copy.copy(element)
    twin.attributes = {name: value for name, value in element.attributes.items()
                       if name not in ('required', 'id')}
    for own in ('_parts', '_made'):  # what the element has put together already
        if hasattr(twin, own):
            setattr(twin, own, {})
    return twin
