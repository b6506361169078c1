"""in_place: one cell of a list, changed where it stands.

The page of a cell is a small form of its own, so that it works without a script; records.js puts that form
into the list. A cell that somebody else has changed meanwhile is a conflict, as in the form of the whole row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kali.errors import BadRequest
from kali.forms import Element, Formlet
from kali.http.request import Request
from kali.http.response import Response
from kali.http.urls import parse_pairs
from kali.locale.words import say
from kali.records.children import expanded, joined
from kali.records.form_page import elements_of, mount_form, name_step, named
from kali.records.section import Section
from kali.routing.router import Router

__all__ = ['changeable', 'field_of', 'mount']


def mount(router: Router, section: Section) -> None:
    """Put the page of a cell on the table's router."""
    mount_form(router, section, '/cell', lambda request: CellForm(
        section, *(request.query.get(name, '') for name in ('key', 'column', 'back'))))


def changeable(elements: Mapping[str, Element]) -> dict[str, Element]:
    """The fields that stand for a cell: no files, and none that only show something."""
    return {name: element for name, element in elements.items()
            if not element.takes_files and element.is_read}


def field_of(elements: Mapping[str, Element], section: Section, column: str) -> str:
    """The field in which a column is changed.

    :raises BadRequest: if there is none
    """
    low = column.lower()
    for name, element in changeable(elements).items():
        if name.lower() == low or low in map(str.lower, getattr(element, 'columns', ())):
            return name
    raise BadRequest(f'{section.title}: the column {column!r} cannot be changed here.')


class CellForm(Formlet):
    """The form of a cell.

    :param path: of its row
    :param back: the query of the list that it belongs to
    """

    edits = True

    def __init__(self, section: Section, path: str, column: str, back: str) -> None:
        elements = elements_of(section, path, new=False)
        self.field = field_of(elements, section, column)
        super().__init__({self.field: elements[self.field]})
        self.section, self.path = section, path
        self.cancel = section.url(**parse_pairs(back).multiple)
        self.submit = say('save')

    def get_native(self) -> Any:
        row = self.section.row(self.path)
        return {**dict(row), **joined(row, self.elements)}

    def display(self, fields: Any, errors: dict[str, Any]) -> Any:
        assert self.request is not None
        title = say('change of', what=named(self.section, self.section.row(self.path)))
        return self.section.page(self.request, title, self.form(fields, errors))

    def save(self, native: dict[str, Any], request: Request) -> Any:
        row = self.section.row(self.path)
        self.section.table.update(self.section.key_of(row), expanded(native, self.elements))
        name_step(request, say('did change', what=named(self.section, row)))
        return Response.redirect(self.cancel)
