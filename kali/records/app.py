"""app: the Records: an application made of the tables of a database.

What each table's pages are is in files of their own; here stands what they have in common: the frame, the
guard, undo, backups, jobs, the start page, and the search over all tables.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kali import log
from kali.errors import NotFound
from kali.http.response import Response
from kali.http.urls import build_url
from kali.live.jobs import Jobs
from kali.locale.words import say
from kali.markup import Markup, escape
from kali.pages.shell import Shell
from kali.records import (
    charts,
    delete_page,
    exporting,
    files,
    form_page,
    importing,
    in_place,
    list_page,
    paste,
    record_page,
    reports,
    rows_page,
    search_page,
    views,
)
from kali.records.checking import expect, expect_known
from kali.records.columns import heading_of
from kali.records.declared import Table as Declared
from kali.records.keys import key_from
from kali.records.section import Section
from kali.routing.router import Router
from kali.sqlite import backup, guard, undo
from kali.sqlite.cursors import Connection
from kali.sqlite.functions import equip
from kali.sqlite.schema import Names, Table, tables

if TYPE_CHECKING:
    from kali.http.request import Request

__all__ = ['Records']

#: The pages of each table; a page that answers `/new` may come before or after one that answers `/*`.
PAGES: tuple[Callable[[Router, Section], None], ...] = (
    list_page.mount, record_page.mount, views.mount, exporting.mount, form_page.mount, delete_page.mount,
    files.mount, in_place.mount, rows_page.mount, paste.mount, importing.mount,
    charts.mount, reports.mount)


class Records:
    """A program for the tables of a database.

    It is a handler, with the guard, undo and backups around it. Its `router` is mounted in an application:
    `app.delegate_folder('/records/', records.router)`; the guard of that application takes the place of its
    own.

    :param connection: from `kali.sqlite.connect`
    :param title: the name of the program; that of the file unless given
    :param tables: the tables in the menu, as names or as `Table`; all of the file unless given
    :param read_only: whether nobody can change anything; a sentence says why
    :param menu: entries of the menu after those of the tables: pairs of a title and a URL
    :param shell: a frame of the application's own, in place of the one that is made
    :param history: an undo history of the application's own, which wraps it already; False for none
    :param backups: backups of the application's own; False for none
    :raises ValueError: for a table or column that the database does not have

    >>> from kali.sqlite import connect
    >>> from kali.testing import Client
    >>> db = connect(':memory:')
    >>> _ = db.execute('CREATE TABLE tea (tea INTEGER PRIMARY KEY, name TEXT)')
    >>> _ = db.execute("INSERT INTO tea VALUES (1, 'Assam')")
    >>> 'Assam' in Client(Records(db)).get('/table/tea/').text
    True
    >>> db.close()
    """

    def __init__(self, connection: Any, *, title: str = '', tables: Iterable[str | Declared] | None = None,
                 read_only: bool | str = False, menu: Iterable[tuple[str, str]] = (),
                 shell: Shell | None = None, history: Any = None, backups: Any = None) -> None:
        self.connection, self.menu = connection, list(menu)
        self.declared = None if tables is None else [
            Declared(each) if isinstance(each, str) else each for each in tables]
        self.file = sqlite3.Cursor(connection).execute('PRAGMA database_list').fetchone()[2] or ''
        self.title = title or heading_of(Path(self.file).stem) or 'Records'
        self.read_only = self._reason(read_only)
        self.base: tuple[str, ...] = ()
        self.tables: Names[Table] = Names()
        self.sections: Names[Section] = Names()
        self._version = -1
        if not isinstance(connection, Connection):
            equip(connection)
        self.refresh()
        for each in self.declared or ():
            expect(each.name, self.tables, 'Records(tables=…): there is no table')
        expect_known(self.sections.values() if self.declared else (), self.tables)
        self.jobs = Jobs()
        own = self._history() if history is None and not self.read_only else None
        self.history = own or history or None
        self.backups = (backup(connection) if backups is None and self.file and not self.read_only
                        else backups or None)
        self.shell = shell or Shell(self.title, self._menu, tools=self._tools)
        self.router = _Pages(self)
        self.within = self.router.answer if own is None else own.wrap(self.router.answer)
        self.guarded = guard(self.within, connection)

    @property
    def inside(self) -> Router:
        """The router, for `url_for`."""
        return self.router

    @property
    def lifespan(self) -> tuple[Any, ...]:
        """What is entered while the server runs: the backups."""
        return self.router.lifespan

    def __call__(self, request: Request) -> Any:
        """The answer to a request."""
        return self.router(request)

    def _reason(self, read_only: bool | str) -> str:
        """Why nothing can be changed, or ''."""
        if read_only:
            return read_only if isinstance(read_only, str) else f'{self.title} is for reading only.'
        try:
            views.make_table(self.connection)
        except sqlite3.OperationalError as error:
            if 'readonly' not in str(error):
                raise
            return f'The file {Path(self.file).name} cannot be written to, so nothing can be changed here.'
        return ''

    def _history(self) -> Any:
        try:
            return undo(self.connection)
        except ValueError as error:
            log.warning('%s: there is no undo here: %s', self.title, str(error))
            return None

    # The tables.

    def refresh(self) -> None:
        """Look at the schema again, if it has changed."""
        version = sqlite3.Cursor(self.connection).execute('PRAGMA schema_version').fetchone()[0]
        if version == self._version:
            return
        self._version, self.tables = version, tables(self.connection)
        others = [Declared(table.name) for table in self.tables.values()
                  if table.kind != 'shadow' and not table.name.lower().startswith('kali_')]
        declared = others if self.declared is None else self.declared
        self.sections = Names([(self.tables[each.name].name, Section(self, self.tables[each.name], each))
                               for each in declared if each.name in self.tables])
        self._others = Names([(each.name, Section(self, self.tables[each.name], each)) for each in others
                              if each.name not in self.sections])
        self._routers: dict[str, Router] = {}

    def find(self, name: str) -> Section | None:
        """The section of a table, also of one that is not in the menu but referred to; or None."""
        return self.sections.get(name) or self._others.get(name)

    def section(self, name: str) -> Section:
        """The section of a table.

        :raises NotFound: if there is none
        """
        found = self.find(name)
        if found is None:
            raise NotFound(f'There is no table {name!r} here; it may have been deleted or renamed meanwhile.')
        return found

    def url(self, *components: str, **query: Any) -> str:
        """The address of a page that belongs to no table."""
        return build_url([*self.base, *(components or [''])], query)

    def routed(self, section: Section) -> Router:
        """The router with the pages of a table."""
        if section.name not in self._routers:
            router = self._routers[section.name] = Router()
            for mount in PAGES:
                mount(router, section)
        return self._routers[section.name]

    # The frame.

    def _menu(self, request: Request) -> list[tuple[str, str]]:
        return [*((section.title, section.url()) for section in self.sections.values()), *self.menu]

    def _tools(self, request: Request) -> Any:
        depth = len(self.base)
        is_list = request.path[depth:depth + 1] == ['table'] and request.path[depth + 2:] == ['']
        return [None if is_list else search_page.search_form(self.url('search'), request.query.get('q', '')),
                self.history.buttons(self.url('undo')) if self.history is not None else None]


class _Pages(Router):
    """The pages of the Records."""

    def __init__(self, records: Records) -> None:
        super().__init__()
        self.records = records
        self.delegate('/table/*', self._table)
        self.delegate_folder('/jobs/', records.jobs)
        if records.history is not None:
            self.delegate('/undo', records.history)
        if records.backups is not None:
            self.delegate('/backups', records.backups)
        importing.mount_new(self, records)
        self.function('/')(self._start)
        self.function('/search')(self._search)

    def __call__(self, request: Request) -> Any:
        """The answer; within the guard of the application, if it has one."""
        self.records.base = tuple(request.path[:request.mount_depth])
        request.scope.shell = self.records.shell
        if not request.has_suffix():
            return Response.redirect(self.records.url(**request.query.multiple))
        is_guarded = getattr(self.records.connection, 'in_request', bool(request.scope.guarded))
        return self.records.within(request) if is_guarded else self.records.guarded(request)

    def answer(self, request: Request) -> Any:
        """The answer, where the guard is around it."""
        self.records.refresh()
        return super().__call__(request)

    def _table(self, request: Request) -> Any:
        section = self.records.section(str(key_from(request.args[-1])))
        if not request.has_suffix():
            return Response.redirect(section.url(**request.query.multiple))
        problem = section.table.problem
        if not problem:
            try:
                own = section.own(request.path[request.mount_depth:])
                return (own or self.records.routed(section))(request)
            except sqlite3.OperationalError as error:  # of a view, it can show as late as here
                if not section.table.is_view or 'locked' in str(error):
                    raise
                problem = str(error)
        return section.page(request, section.title, Markup('<p class="notice">{}</p>\n').format(
            section.unreadable(problem)))

    def _start(self, request: Request) -> Any:
        links = [f'<a class="button secondary" href="{escape(self.records.url("import"))}">'
                 f'{escape(say("import new"))}</a>\n' if not self.records.read_only else None,
                 f'<a class="button secondary" href="{escape(self.records.url("backups"))}">'
                 f'{escape(say("backups"))}</a>\n' if self.records.backups is not None else None]
        return self.records.shell.page(request, self.records.title, [
            '<div class="bar">', links, '</div>\n', self._reason(),
            search_page.overview(self.records.sections.values())])

    def _reason(self) -> str:
        reason = self.records.read_only
        return f'<p class="notice">{escape(reason)}</p>\n' if reason else ''

    def _search(self, request: Request, *, q: str = '') -> Any:
        sections = self.records.sections.values() if q.strip() else ()
        return self.records.shell.page(request, say('search all'), search_page.found(sections, q.strip()))
