"""views: searches, filters and orders of a list that somebody saved under a name.

They are rows of a table of kali's own in the same file, `kali_view`, and so are part of its backups and its
undo history.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kali.errors import BadRequest
from kali.http.request import Request
from kali.http.response import Response
from kali.http.urls import build_url, parse_pairs
from kali.locale.words import say
from kali.markup import escape
from kali.records.facets import in_words
from kali.records.form_page import name_step
from kali.records.query import Query
from kali.records.section import Section
from kali.routing.router import Router
from kali.sqlite.schema import select

if TYPE_CHECKING:
    import sqlite3

    from kali.iolist import Content

__all__ = ['html', 'make_table', 'mount']

TABLE = ('CREATE TABLE IF NOT EXISTS kali_view (id INTEGER PRIMARY KEY, "table" TEXT NOT NULL, '
         'name TEXT NOT NULL, query TEXT NOT NULL, UNIQUE ("table", name))')
_LONGEST = 100  # characters of a name


def make_table(connection: Any) -> None:
    """Make the table of views, if there is none.

    :raises sqlite3.OperationalError: if the file cannot be written to
    """
    connection.execute(TABLE)
    connection.execute('DELETE FROM kali_view WHERE 0')  # is refused where the table is there already


def mount(router: Router, section: Section) -> None:
    """Put what saves and deletes a view on a table's router."""
    @router.post('/views')
    def save(request: Request, name: str, query: str) -> Any:
        """Save what the list asks for under a name; one of that name is replaced."""
        _expect_writable(section)
        name = ' '.join(name.split())
        if not 0 < len(name) <= _LONGEST:
            raise BadRequest(f'The name of a view has 1 to {_LONGEST} characters.')
        wanted = Query.read(section, Request('GET', f'/?{query}'))
        run = section.connection.execute
        run('DELETE FROM kali_view WHERE "table" = ? AND name = ?', [section.name, name])
        run('INSERT INTO kali_view ("table", name, query) VALUES (?, ?, ?)',
            [section.name, name, query_of(wanted)])
        name_step(request, say('view saved', name=name))
        return Response.redirect(f'{section.url()}?{query_of(wanted)}')

    @router.post('/views/*/delete')
    def delete(request: Request, number: int) -> Any:
        _expect_writable(section)
        section.connection.execute('DELETE FROM kali_view WHERE "table" = ? AND id = ?',
                                   [section.name, number])
        name_step(request, say('view deleted'))
        return Response.redirect(section.url())


def _expect_writable(section: Section) -> None:
    if section.records.read_only:
        raise BadRequest(section.records.read_only)


def query_of(query: Query) -> str:
    """The query of an address that asks for the same."""
    return build_url([''], query.fields).partition('?')[2]


def html(query: Query) -> Content:
    """The views of a table as links, and the form that saves another one."""
    section = query.section
    if section.records.read_only:
        return None
    now = query_of(query)
    rows = select(section.connection,
                  'SELECT id, name, query FROM kali_view WHERE "table" = ? ORDER BY name', [section.name])
    name, label = escape(in_words(query)[:_LONGEST] or section.title), escape(say('view name'))
    form = (f'<form method="post" action="{escape(section.url("views"))}" class="small">'
            f'<input type="hidden" name="query" value="{escape(now)}">'
            f'<input name="name" required maxlength="{_LONGEST}" value="{name}" aria-label="{label}">'
            f'<button class="secondary">{escape(say("save view"))}</button></form>\n')
    items = [_item(section, row, now) for row in rows]
    return [f'<details{" open" if rows or now else ""}><summary>{escape(say("views"))}</summary>\n',
            ['<ul>', items, '</ul>\n'] if items else None, form, '</details>\n']


def _item(section: Section, row: sqlite3.Row, now: str) -> str:
    is_now = list(parse_pairs(row['query']).items()) == list(parse_pairs(now).items())
    here = ' aria-current="true"' if is_now else ''
    label = escape(say('delete view', name=row['name']))
    return (f'<li class="bar"><a href="{escape(section.url())}?{escape(row["query"])}"{here}>'
            f'{escape(row["name"])}</a><form method="post" class="small" '
            f'action="{escape(section.url("views", row["id"], "delete"))}">'
            f'<button class="secondary" aria-label="{label}">×</button></form></li>\n')
