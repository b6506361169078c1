"""list_page: the list of a table."""

from __future__ import annotations

from typing import Any

from kali.http.request import Request
from kali.markup import escape
from kali.records.columns import shown
from kali.records.query import SIZE, Query
from kali.records.section import Section
from kali.routing.router import Router
from kali.sqlite.schema import quoted

__all__ = ['mount']


def mount(router: Router, section: Section) -> None:
    """Put the list of a table on its router."""
    @router.function('/')
    def list_page(request: Request) -> Any:
        return (section.handler('list') or (lambda request: _page(section, request)))(request)


def _page(section: Section, request: Request) -> Any:
    query = Query.read(section, request)
    names = [each.name for each in section.table.columns.values() if not each.hidden]
    rows = query.rows(', '.join(map(quoted, names)))
    head = [f'<th>{escape(column.heading)}</th>' for column in section.columns]
    body = [['<tr>', [f'<td>{shown(row[each.name], each.kind)}</td>' for each in section.columns], '</tr>\n']
            for row in rows[:SIZE]]
    return section.page(request, section.title, [
        '<table><thead><tr>', head, '</tr></thead>\n<tbody>', body, '</tbody></table>\n'])
