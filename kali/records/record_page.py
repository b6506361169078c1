"""record_page: a row with all of its columns, and the rows of other tables that refer to it."""

from __future__ import annotations

from typing import Any

from kali.http.request import Request
from kali.markup import escape
from kali.records.columns import kind_of, shown
from kali.records.section import Section
from kali.routing.router import Router

__all__ = ['mount']


def mount(router: Router, section: Section) -> None:
    """Put the page of a row on the table's router."""
    @router.function('/*')
    def view(request: Request, path: str) -> Any:
        own = section.handler('view')
        return own(request, path) if own else _page(section, request, path)


def _page(section: Section, request: Request, path: str) -> Any:
    row = section.row(path)
    items = [f'<dt>{escape(section.heading(name))}</dt><dd>{shown(row[name], kind_of(column), None)}</dd>\n'
             for name, column in section.table.columns.items() if not column.hidden]
    return section.page(request, f'{section.title} {path}', ['<dl>', items, '</dl>'])
