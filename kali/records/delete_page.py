"""delete_page: deleting a row, or several: first it asks, and says what depends on them.

What depends on a row is what foreign keys say: rows of other tables that go with it (CASCADE), that no longer
refer to it (SET NULL, SET DEFAULT), or that keep it from being deleted. What triggers do, nobody can say
before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from zlib import crc32

from kali.forms import Formlet, render_form
from kali.http.request import Request
from kali.http.response import Response
from kali.locale import current
from kali.locale.words import say
from kali.markup import Markup
from kali.records.form_page import mount_form, name_step, named
from kali.records.section import Section
from kali.routing.router import Router
from kali.sqlite.schema import Table, quoted, table

__all__ = ['Delete', 'Dependents', 'dependents', 'mount']

_MOST, _CHUNK = 10_000, 200  # rows that are counted; parameters of one query


class Dependents(NamedTuple):
    """What depends on some rows: how many rows of which table."""

    deleted: Counter[str]
    changed: Counter[str]
    needing: Counter[str]
    are_all: bool  # else there are more

    @property
    def sentences(self) -> list[str]:
        """What is to be said about them."""
        found = []
        for key, counter in (('also deleted', self.deleted), ('also changed', self.changed),
                             ('still needed', self.needing)):
            if counter:
                tables = say('and').join(f'{current().number(count)} × {name}'
                                         for name, count in counter.items())
                found.append(say(key, tables=tables if self.are_all else f'{tables} …'))
        return found


def dependents(parent: Table, rows: Iterable[Any], titles: Any = str) -> Dependents:
    """What depends on some rows of a table, as its foreign keys say.

    :param rows: with the key, and all columns that others refer to
    :param titles: from the name of a table to what it is called
    """
    rows = list(rows)
    gone = {parent.name: {parent.key_of(row) for row in rows}}
    changed: set[tuple[str, Any]] = set()
    needing: set[tuple[str, Any, bool]] = set()
    waiting = [(parent, rows)]
    first = len(rows)
    while waiting and sum(map(len, gone.values())) - first + len(changed) + len(needing) < _MOST:
        above, rows = waiting.pop()
        for key in above.pointed_at_by:
            child = table(above.connection, key.table, above.schema)
            if child is None or not key.parent_columns:
                continue
            found = list(_referring(child, key.columns, [
                [row[name] for name in key.parent_columns] for row in rows]))
            if key.on_delete == 'CASCADE':
                known = gone.setdefault(child.name, set())
                new = [row for row in found if child.key_of(row) not in known]
                known.update(map(child.key_of, new))
                waiting += [(child, new)] if new else []
            elif key.on_delete in ('SET NULL', 'SET DEFAULT'):
                changed.update((child.name, child.key_of(row)) for row in found)
            else:
                needing.update((child.name, child.key_of(row), key.on_delete == 'RESTRICT') for row in found)
    deleted = {name: len(keys) - (first if name == parent.name else 0) for name, keys in gone.items()}
    return Dependents(
        Counter({titles(name): count for name, count in deleted.items() if count}),
        Counter(titles(name) for name, key in changed if key not in gone.get(name, ())),
        Counter(titles(name) for name, key, at_once in needing if at_once or key not in gone.get(name, ())),
        not waiting)


def _referring(child: Table, columns: Sequence[str], values: Sequence[Sequence[Any]]) -> Iterable[Any]:
    """The rows of a table that have one of these values in the columns."""
    wanted = [each for each in values if None not in each]
    shown = _needed(child)
    is_key = ' AND '.join(f'{quoted(name)} = ?' for name in columns)
    step = max(1, _CHUNK // len(columns))
    for start in range(0, len(wanted), step):
        some = wanted[start:start + step]
        where = (f'{quoted(columns[0])} IN ({", ".join("?" * len(some))})' if len(columns) == 1
                 else ' OR '.join([f'({is_key})'] * len(some)))
        yield from child.rows(where, [each for row in some for each in row], columns=shown, limit=_MOST)


def _needed(found: Table) -> str:
    """The columns of a row by which it is known, and by which others refer to it."""
    names = {*found.key, *(name for key in found.pointed_at_by for name in key.parent_columns)}
    return ', '.join(quoted(name) if name in found.columns else f'{name} AS {name}' for name in sorted(names))


class Delete(Formlet):
    """Asks, and deletes.

    :param where: the condition for the rows, and its parameters
    :param what: how they are named
    :param cancel: where the way back leads
    """

    #: HTML for the form: what else it sends.
    hidden = ''

    def __init__(self, section: Section, where: str, parameters: Sequence[Any], what: str,
                 cancel: str) -> None:
        super().__init__({})
        self.section, self.what, self.cancel = section, what, cancel
        self.submit = say('delete')
        self.rows = section.table.rows(where, parameters, columns=_needed(section.table), limit=_MOST)
        self.about = [*map(tuple, self.rows), what]

    def delete(self) -> None:
        """Delete the rows."""
        for row in self.rows:
            self.section.table.delete(self.section.key_of(row))

    def get_native(self) -> Any:
        return {}

    def depends(self) -> Dependents:
        """What depends on the rows."""
        def title(name: str) -> str:
            other = self.section.records.find(name)
            return other.title if other else name
        return dependents(self.section.table, self.rows, title)

    def display(self, fields: Any, errors: dict[str, Any]) -> Any:
        assert self.request is not None
        fields.is_rendered = True
        found = self.depends()
        said = [Markup('<p>{}</p>\n').format(sentence) for sentence in found.sentences]
        seen = f'<input type="hidden" name="_seen" value="{self._version(found)}">{self.hidden}'
        form = Markup('<p class="buttons"><a class="button secondary" href="{}">{}</a></p>').format(
            self.cancel, say('back')) if found.needing else render_form(
            fields, submit=self.submit, cancel=self.cancel, action=self.action, before=seen, danger=True)
        return self.section.page(self.request, say('delete question', what=self.what), [said, form])

    def _version(self, found: Dependents) -> str:
        return f'{crc32(repr((self.about, found)).encode("utf-8", "replace")):08x}'

    def semantic_checks(self, native: dict[str, Any], errors: dict[str, Any]) -> None:
        """What was shown is what is deleted."""
        assert self.request is not None
        if self.request.fields.get('_seen', '') != self._version(self.depends()):
            errors['form'] = say('delete changed')

    def save(self, native: dict[str, Any], request: Request) -> Any:
        self.delete()
        name_step(request, say('did delete', what=self.what))
        return Response.redirect(self.section.url(notice='deleted'))


def mount(router: Router, section: Section) -> None:
    """Put the page that deletes a row on the table's router."""
    def form(request: Request, path: str) -> Delete:
        row = section.row(path)
        found = Delete(section, *section.table.condition(section.key_of(row)), named(section, row),
                       section.url(path))
        found.about = [tuple(row)]
        return found
    mount_form(router, section, '/*/delete', form)
