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
from kali.http.request import Request
from kali.http.response import Response
from kali.locale import current
from kali.locale.words import say
from kali.markup import Markup, escape_text
from kali.records.children import expanded
from kali.records.columns import heading_of
from kali.records.delete_page import Delete
from kali.records.files import is_file
from kali.records.form_page import elements_of, expect_writable
from kali.records.in_place import field_of
from kali.records.query import MANY, Query
from kali.records.section import Section
from kali.routing.router import Router

__all__ = ['mount', 'tools']

_ACTION = 'action.'


def mount(router: Router, section: Section) -> None:
    """Put the page for several rows on the table's router."""
    @router.post('/rows')
    def rows(request: Request) -> Any:
        if own := section.handler('rows'):
            return own(request)
        expect_writable(section)
        does = str(request.fields.get('do', ''))
        chosen = _Chosen(section, request)
        if not chosen.rows:
            return Response.redirect(chosen.url)
        if does == 'delete':
            form: Formlet = _DeleteSeveral(chosen)
        elif does == 'change':
            form = _ChangeSeveral(chosen)
        elif does.startswith('export.'):
            return Response.redirect(section.url(does, **chosen.query.fields))
        elif does.startswith(_ACTION):
            return _act(section, chosen, does, request)
        else:
            raise BadRequest(f'{section.title}: {does!r} is nothing that can be done with several rows.')
        return form.do_POST(request) if '_form_id' in request.fields else form.do_GET(request)


def tools(query: Query) -> Markup:
    """The form with what can be done with the rows that are ticked in a list; the boxes name it
    (`form="rows"`).

    :param query: of the list
    """
    section = query.section
    if section.read_only:
        return Markup('')
    options = Markup('').join(Markup('<option value="{}">{}</option>').format(name, section.heading(name))
                              for name in _writable(section))
    actions = Markup('').join(
        Markup('<button name="do" value="{}{}" class="secondary">{}</button>\n').format(
            _ACTION, number, _caption(action)) for number, action in enumerate(section.declared.actions))
    return Markup('''<details><summary>{}</summary>
<form id="rows" method="post" action="{}" class="bar small">
<input type="hidden" name="_once" value="{}">
<label><input type="checkbox" name="all" value="1"> {}</label>
{}<select name="column" aria-label="{}">{}</select>
<button name="do" value="change" class="secondary">{}</button>
<button name="do" value="delete" class="danger">{}</button>
<button name="do" value="export.csv" class="secondary">CSV</button>
<a class="button secondary push" href="{}">{}</a>
</form></details>
''').format(say('several rows'), section.url('rows', **query.fields), secrets.token_hex(16), say('all rows'),
            actions, say('column'), options, say('change'), say('delete'),
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
        self.are_all = request.fields.get('all') == '1'
        self.query = query if self.are_all else replace(query, keys=paths)
        where, parameters = self.query.where()
        self.rows = section.table.rows(where, parameters, limit=MANY + 1) if self.are_all or paths else []
        if len(self.rows) > MANY:
            raise BadRequest(say('too many chosen', limit=current().number(MANY)))
        self.what = f'{current().number(len(self.rows))} × {section.title}'
        fields = [('all', '1')] if self.are_all else [('key', path) for path in paths]
        self.hidden = ''.join(f'<input type="hidden" name="{name}" value="{escape_text(value)}">'
                              for name, value in [*fields, ('do', request.fields.get('do', ''))])


class _DeleteSeveral(Delete):
    """Asks, and deletes several rows."""

    def __init__(self, chosen: _Chosen) -> None:
        super().__init__(chosen.section, chosen.rows, chosen.url)
        self.what, self.hidden = chosen.what, chosen.hidden


class _ChangeSeveral(Formlet):
    """Asks for a value, and gives it to a column of several rows."""

    def __init__(self, chosen: _Chosen) -> None:
        self.chosen, self.section = chosen, chosen.section
        self.cancel, self.submit = chosen.url, say('save')
        super().__init__({})

    def _choose(self, request: Request) -> None:
        elements = elements_of(self.section, new=False)
        self.column = str(request.fields.get('column', ''))
        field = field_of(elements, self.section, self.column.partition(', ')[0])
        self.elements = {field: elements[field]}

    def get_native(self) -> Any:
        return {}

    def do_GET(self, request: Request) -> Any:
        self._choose(request)
        return super().do_GET(request)

    def do_POST(self, request: Request) -> Any:
        self._choose(request)
        return super().do_POST(request)

    def display(self, fields: Any, errors: dict[str, Any]) -> Any:
        assert self.request is not None
        fields.is_rendered = True
        before = (f'<input type="hidden" name="column" value="{escape_text(self.column)}">'
                  f'{self.chosen.hidden}<input type="hidden" name="_count" value="{len(self.chosen.rows)}">')
        return self.section.page(self.request, say('change of', what=self.chosen.what), render_form(
            fields, submit=self.submit, cancel=self.cancel, action=self.action, before=before))

    def semantic_checks(self, native: dict[str, Any], errors: dict[str, Any]) -> None:
        """What was shown is what is changed."""
        assert self.request is not None
        if self.request.fields.get('_count', '') != str(len(self.chosen.rows)):
            errors['form'] = say('rows changed', what=self.chosen.what)

    def save(self, native: dict[str, Any], request: Request) -> Any:
        """Give all of them the value."""
        changes = expanded(native, self.elements)
        for row in self.chosen.rows:
            self.section.table.update(self.section.key_of(row), changes)
        if request.scope.transaction is not None:
            request.scope.transaction.title = say('did change', what=self.chosen.what)
        return Response.redirect(self.cancel)


def _act(section: Section, chosen: _Chosen, does: str, request: Request) -> Any:
    """Call an action of the author's own with the rows, and the request if it takes that."""
    number, actions = does[len(_ACTION):], section.declared.actions
    if not number.isdecimal() or int(number) >= len(actions):
        raise BadRequest(f'{section.title} has no such action.')
    action, transaction = actions[int(number)], request.scope.transaction
    if transaction is not None:
        earlier = transaction.once(f'{str(request.fields.get("_once", ""))[:64]}-{does}', again=True)
        if earlier is not None:
            return earlier
        transaction.title = f'{_caption(action)}: {chosen.what}'
    code = getattr(action, '__code__', None)
    takes_request = code is not None and code.co_argcount > (1 + hasattr(action, '__self__'))
    answer = action(chosen.rows, request) if takes_request else action(chosen.rows)
    return Response.redirect(chosen.url) if answer is None else answer
