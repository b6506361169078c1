"""rows_page: several rows of a list at once: those that were ticked, or all that the list has, are deleted,
get another value in a column, are exported, or go to an action of the author's own. Each is one step of undo.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from kali.errors import BadRequest
from kali.forms import Formlet, render_form
from kali.forms.elements import FORM_ID
from kali.http.request import Request
from kali.http.response import Response
from kali.locale import current
from kali.locale.words import say
from kali.markup import Markup
from kali.records.children import expanded
from kali.records.columns import heading_of
from kali.records.delete_page import Delete
from kali.records.files import is_file
from kali.records.form_page import elements_of, mount_form, name_step
from kali.records.in_place import field_of
from kali.records.pickers import hidden, select
from kali.records.query import MANY, Query
from kali.records.section import Section
from kali.routing.router import Router
from kali.sqlite.schema import quoted

__all__ = ['mount', 'tools']

_ACTION = 'action.'


def mount(router: Router, section: Section) -> None:
    """Put the page for several rows on the table's router."""
    def answer(request: Request) -> Any:
        does = str(request.fields.get('do', ''))
        chosen = _Chosen(section, request)
        if not chosen.count:
            return Response.redirect(chosen.url)
        if does.startswith('export.'):
            return Response.redirect(section.url(does, **chosen.query.fields))
        if does.startswith(_ACTION):
            return _act(chosen, does, request)
        if does not in _FORMS:
            raise BadRequest(f'{section.title}: {does!r} is nothing that can be done with several rows.')
        form = _FORMS[does](chosen, request)
        return form if FORM_ID in request.fields else form.do_GET(request)
    mount_form(router, section, '/rows', answer, ('POST',))


def tools(query: Query) -> Markup:
    """The form with what can be done with the rows that are ticked in a list; the boxes name it
    (`form="rows"`).

    :param query: of the list
    """
    section = query.section
    if section.read_only:
        return Markup('')
    actions = Markup('').join(
        Markup('<button name="do" value="{}{}" class="secondary">{}</button>\n').format(
            _ACTION, number, _caption(action)) for number, action in enumerate(section.declared.actions))
    return Markup('''<details><summary>{}</summary>
<form id="rows" method="post" action="{}" class="bar small">
<input type="hidden" name="_once" value="{}">
<label><input type="checkbox" name="all" value="1"> {}</label>
{}{}
<button name="do" value="change" class="secondary">{}</button>
<button name="do" value="delete" class="danger">{}</button>
<button name="do" value="export.csv" class="secondary">CSV</button>
<a class="button secondary push" href="{}">{}</a>
</form></details>
''').format(say('several rows'), section.url('rows', **query.fields), secrets.token_hex(16), say('all rows'),
            actions, select('column', {name: section.heading(name) for name in _writable(section)}, '',
                            say('column')), say('change'), say('delete'),
            section.url('paste', **query.fields), say('paste'))


def _writable(section: Section) -> list[str]:
    """The columns that a form has, more or less: what is certain to be none is left out."""
    form, columns = section.declared.form, section.table.columns
    names = columns if form is None or isinstance(form, Mapping) else filter(columns.__contains__, form)
    return [columns[name].name for name in names
            if not (columns[name].generated or columns[name].hidden or is_file(columns[name]))
            and columns[name].name != section.table.assigned]


def _caption(action: Callable[..., Any]) -> str:
    lines = (action.__doc__ or '').strip().splitlines()
    return lines[0].rstrip('.') if lines else heading_of(getattr(action, '__name__', ''))


class _Chosen:
    """The rows that were chosen: by their keys, or all that the list has."""

    def __init__(self, section: Section, request: Request) -> None:
        self.section, query = section, Query.read(section, request)
        self.url = query.url()
        paths = tuple(path for path in request.fields.get_list('key') if isinstance(path, str))
        are_all = request.fields.get('all') == '1'
        self.query = query if are_all else replace(query, keys=paths)
        self.where, self.parameters = self.query.where()
        self.count = section.table.count(self.where, self.parameters) if are_all or paths else 0
        self.what = f'{current().number(self.count)} × {section.title}'
        fields = [('do', request.fields.get('do', '')), ('column', request.fields.get('column', '')),
                  *([('all', '1')] if are_all else [('key', path) for path in paths])]
        self.hidden = hidden(fields)

    def run(self, sql: str, parameters: list[Any]) -> None:
        """Run a statement that changes these rows."""
        where = f' WHERE {self.where}' if self.where else ''
        self.section.connection.execute(f'{sql}{where}', [*parameters, *self.parameters])


class _DeleteSeveral(Delete):
    """Asks, and deletes several rows."""

    def __init__(self, chosen: _Chosen, request: Request) -> None:
        super().__init__(chosen.section, chosen.where, chosen.parameters, chosen.what, chosen.url)
        self.chosen, self.hidden = chosen, chosen.hidden

    def delete(self) -> None:
        self.chosen.run(f'DELETE FROM {self.section.table.sql_name}', [])


class _ChangeSeveral(Formlet):
    """Asks for a value, and gives it to a column of several rows."""

    def __init__(self, chosen: _Chosen, request: Request) -> None:
        self.chosen, self.section = chosen, chosen.section
        self.cancel, self.submit = chosen.url, say('save')
        elements = elements_of(self.section, new=False)
        self.field = field_of(elements, self.section, str(request.fields.get('column', '')))
        self.element = elements[self.field]
        super().__init__({'value': self.element})  # the form has fields of its own, called key or column

    def get_native(self) -> Any:
        return {}

    def display(self, fields: Any, errors: dict[str, Any]) -> Any:
        assert self.request is not None
        fields.is_rendered = True
        before = f'{self.chosen.hidden}<input type="hidden" name="_count" value="{self.chosen.count}">'
        return self.section.page(self.request, say('change of', what=self.chosen.what), render_form(
            fields, submit=self.submit, cancel=self.cancel, action=self.action, before=before))

    def semantic_checks(self, native: dict[str, Any], errors: dict[str, Any]) -> None:
        """What was shown is what is changed."""
        assert self.request is not None
        if self.request.fields.get('_count', '') != str(self.chosen.count):
            errors['form'] = say('rows changed', what=self.chosen.what)

    def save(self, native: dict[str, Any], request: Request) -> Any:
        """Give all of them the value."""
        changes = expanded({self.field: native['value']}, {self.field: self.element})
        settings = ', '.join(f'{quoted(name)} = ?' for name in changes)
        self.chosen.run(f'UPDATE {self.section.table.sql_name} SET {settings}', list(changes.values()))
        name_step(request, say('did change', what=self.chosen.what))
        return Response.redirect(self.cancel)

    def _refused(self, refusal: Any, native: dict[str, Any]) -> dict[str, Any]:
        return {'value': next(iter(refusal.errors({}).values()))}


_FORMS: dict[str, Callable[[_Chosen, Request], Formlet]] = {
    'delete': _DeleteSeveral, 'change': _ChangeSeveral}


def _act(chosen: _Chosen, does: str, request: Request) -> Any:
    """Call an action of the author's own with the rows, and the request if it takes that."""
    number, actions = does[len(_ACTION):], chosen.section.declared.actions
    if not number.isdecimal() or int(number) >= len(actions):
        raise BadRequest(f'{chosen.section.title} has no such action.')
    if chosen.count > MANY:
        raise BadRequest(say('too many chosen', limit=current().number(MANY)))
    action, transaction = actions[int(number)], request.scope.transaction
    if transaction is not None:
        earlier = transaction.once(f'{str(request.fields.get("_once", ""))[:64]}-{does}', again=True)
        if earlier is not None:
            return earlier
        transaction.title = f'{_caption(action)}: {chosen.what}'
    rows = chosen.section.table.rows(chosen.where, chosen.parameters)
    code = getattr(action, '__code__', None)
    takes_request = code is not None and code.co_argcount > (1 + hasattr(action, '__self__'))
    answer = action(rows, request) if takes_request else action(rows)
    return Response.redirect(chosen.url) if answer is None else answer
