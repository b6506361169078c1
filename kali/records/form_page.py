"""form_page: the form of a row: new, changed, or a copy of another one.

Its fields are those of the schema. What the author declared replaces some of them or puts them into an order.
The rows of other tables that belong to it stand in the same form (children.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from zlib import crc32

from kali.errors import BadRequest, KaliError, NotFound
from kali.forms import Element, Formlet, Picture, Static, elements_from_table, render_form
from kali.forms.elements import FINGERPRINT, FORM_ID, control_name
from kali.forms.records import read_posted
from kali.http.filenames import harmless_name
from kali.http.request import FileUpload, Request
from kali.http.response import Response
from kali.locale.words import say
from kali.markup import Markup
from kali.multidict import Bag
from kali.records.children import Children, expanded, joined
from kali.records.choose import NEW, references_of
from kali.records.drafts import DRAFTS
from kali.records.files import is_file, name_column
from kali.records.keys import component_of
from kali.records.section import Section
from kali.routing.router import Router
from kali.sqlite.schema import Names

__all__ = ['RecordForm', 'elements_of', 'expect_writable', 'mount', 'mount_form', 'name_step', 'named']

_COLUMNS = '_columns'  # a hidden field: which fields the form had


def mount(router: Router, section: Section) -> None:
    """Put the forms of a table on its router."""
    mount_form(router, section, '/new', lambda request: RecordForm(section))
    mount_form(router, section, '/*/edit', lambda request, path: RecordForm(section, path))
    mount_form(router, section, '/*/copy', lambda request, path: RecordForm(section, path, copy=True))


def mount_form(router: Router, section: Section, pattern: str, make: Callable[..., Any],
               methods: Sequence[str] = ('GET', 'POST')) -> None:
    """Put a page that changes rows on a table's router.

    :param make: from the request and the wildcards of `pattern` to a form, or to another answer
    """
    @router.route(pattern, methods)
    def answer(request: Request, *path: str) -> Any:
        expect_writable(section)
        found = make(request, *path)
        if not isinstance(found, Formlet):
            return found
        return found.do_POST(request) if request.method == 'POST' else found.do_GET(request)


def name_step(request: Request, words: str) -> None:
    """Say what the step is called that can be undone."""
    if request.scope.transaction is not None:
        request.scope.transaction.title = words


def expect_writable(section: Section) -> None:
    """:raises KaliError: 403 with the reason if the rows cannot be changed"""
    if section.read_only:
        raise KaliError(section.read_only, status=403)


def elements_of(section: Section, path: str = '', *, new: bool = True) -> dict[str, Element]:
    """The fields of a row, by column; one that stands for several columns has their names with commas.

    :param path: of the row, for the addresses of its files
    :param new: whether there are buttons for new rows of other tables
    """
    table, form = section.table, section.declared.form
    labels = {name: section.heading(name) for name in table.columns}
    given: dict[str, Element | None] = {}
    for name, column in table.columns.items():
        if is_file(column):
            url = section.url(path, 'file', name) if path else ''
            given[name] = Picture(url=url, label=labels[name])
    instead = {}
    for columns, reference in references_of(section, new=new).items():
        given.update(dict.fromkeys(columns))
        instead[columns[0]] = ', '.join(columns), reference
    own: dict[str, Element | None] = {table.columns[name].name if name in table.columns else name: element
           for name, element in form.items()} if isinstance(form, Mapping) else {}
    found = elements_from_table(table.connection, table.name, labels=labels, elements={**given, **own})
    for name, element in own.items():
        if element is not None and element.label is None and name in labels:
            element.label = labels[name]
    elements: dict[str, Element] = {}
    for name in [*table.columns, *(name for name in found if name not in table.columns)]:
        if name in instead and name not in own:
            elements[instead[name][0]] = instead[name][1]
        elif name in found:
            elements[name] = found[name]
    if form is None or isinstance(form, Mapping):
        return elements
    fields = Names([(column, name) for name, element in elements.items()
                    for column in getattr(element, 'columns', [name])])
    return {fields[name]: elements[fields[name]] for name in form if name in fields}


def named(section: Section, row: Any) -> str:
    """How a title, or the list of what can be undone, names a row."""
    key = section.key_of(row)
    label = section.label(key) if not isinstance(key, tuple) else section.path_of(row)
    return label if label.casefold().startswith(section.title.casefold()) else f'{section.title} {label}'


class RecordForm(Formlet):
    """The form of a row.

    :param path: the component of a path that stands for the row; '' for a new one
    :param copy: whether a new row like that one is made
    """

    def __init__(self, section: Section, path: str = '', *, copy: bool = False) -> None:
        self.section, self.path, self.copies = section, path, copy
        self.edits = bool(path) and not copy
        elements = elements_of(section, path)
        self.children: dict[str, Children] = {}
        try:
            row = section.row(path) if path else None
        except NotFound:  # what was typed is still to be shown
            row = None
        for name in section.declared.children:
            other = section.records.find(name)
            if other is None:
                raise ValueError(f'children of {section.name}: there is no table {name!r}')
            field = f'{other.name}.rows' if other.name in section.table.columns else other.name
            children = Children(other, section, elements_of(other), field)
            if row is not None and children.too_many(row):
                elements[field] = Static(label=other.title, help=say('too many children'))
            elif not other.read_only:
                self.children[field] = children
                elements[field] = children.element
        super().__init__(elements)
        self.typed: dict[str, Any] = {}
        self.submit, self.cancel = say('save'), section.url(*filter(None, [path]))
        self.title = say('new of', what=section.title) if not path else say(
            'change of' if self.edits else 'copy of', what=named(section, row) if row else section.title)

    # What it shows.

    def get_native(self) -> Any:
        """The row with its children; of a copy, without what is its own; of a new one, what the address
        says."""
        if not self.path:
            query = self.request.query if self.request else Bag()
            asked = {name: [query[each] for each in getattr(element, 'columns', [name])]
                     for name, element in self.elements.items()
                     if all(each in query for each in getattr(element, 'columns', [name]))}
            return {name: tuple(values) if len(values) > 1 else values[0] for name, values in asked.items()}
        row = self.section.row(self.path)
        native = {**dict(row), **joined(row, self.elements)}
        for name, children in self.children.items():
            native[name] = children.rows(row, copy=self.copies)
        return native

    def display(self, fields: Any, errors: dict[str, Any]) -> Any:
        assert self.request is not None
        return self.section.page(self.request, self.title, self.form(fields, errors))

    def form(self, fields: Any, errors: dict[str, Any]) -> Markup:
        fields.is_rendered = True
        # Enter presses the first button of a form, which is not to be "New …".
        first = '<button class="skip" tabindex="-1" aria-hidden="true"></button>' if any(
            f'name="{NEW}"' in field for field in fields.values()) else ''
        before = f'{first}<input type="hidden" name="{_COLUMNS}" value="{self._shape()}">'
        return render_form(fields, submit=fields.submit or self.submit, cancel=self.cancel,
                           action=self.action, look='columns', before=before)

    def _shape(self) -> str:
        return f'{crc32(repr(list(self.elements)).encode("utf-8", "replace")):08x}'

    # The way to a new row of another table, and back.

    def do_GET(self, request: Request) -> Any:
        """The form; with what was typed before, if its user has come back from another one."""
        self.request = request
        if for_ := request.query.get('_for', ''):
            self.cancel = DRAFTS.url(for_) or self.cancel
        draft = DRAFTS.get(request.query.get('_draft', ''))
        return super().do_GET(request) if draft is None else self._as_typed(draft.posted, {}, 200)

    def do_POST(self, request: Request) -> Any:
        """Save, or go to the form for a new row of another table and keep what was typed meanwhile."""
        self.request = request
        posted = request.fields
        if NEW in posted:
            return self._leave(posted, str(posted[NEW]))
        if posted.get(_COLUMNS, self._shape()) != self._shape():
            lost = [f'{name}: {value}' for name, value in posted.items() if isinstance(value, str) and value
                    and name[:1] != '_' and not self._is_own(name)]
            return self._as_typed(posted, {'form': ' '.join([say('table changed'), *lost])}, 409)
        return super().do_POST(request)

    def _as_typed(self, posted: Bag, errors: dict[str, Any], status: int) -> Any:
        form_id, seen = posted.get(FORM_ID, ''), posted.get(FINGERPRINT, '')
        try:
            intermediate = self._read(posted, seen if self.edits else '')[1][0]
        except NotFound:  # the row is gone, and what was typed is not
            intermediate = read_posted(self.elements, posted)[0]
        if errors and seen:  # what the fields were, nobody can say any more
            seen = self._left()
        return self._again(intermediate, errors, form_id, seen, status)

    def _leave(self, posted: Bag, control: str) -> Any:
        """To the form for a new row of the table that the control chooses from."""
        assert self.request is not None
        reference = self._reference(control)
        form_id = posted.get(FORM_ID, '')
        if reference is None or reference.other is None or not re.fullmatch('[0-9a-f]{32}', str(form_id)):
            raise BadRequest('There is nothing to choose from for this field.')
        DRAFTS.put(form_id, self.request, posted, self.elements, control, reference)
        return Response.redirect(reference.other.url('new', _for=form_id))

    def _reference(self, control: str) -> Any:
        for name, element in self.elements.items():
            if control_name(name) == control:
                return element if hasattr(element, 'targets') else None
            if name in self.children and element.owns(name, control):
                cell = control[len(name) + 1:].partition('-')[2]
                return self.children[name].element.elements.get(cell)
        return None

    # What it saves.

    def _read(self, posted: Bag, fingerprint: str) -> Any:
        if self.copies:  # what nobody changed is what the other one has
            typed = read_posted(self.elements, posted, self._record(), exists=True)
            found: Any = None, typed, {}, ''
        else:
            found = super()._read(posted, fingerprint)
        self.typed = found[1][0]
        return found

    def save(self, native: dict[str, Any], request: Request) -> Any:
        """Save the row and its children in one step."""
        section, table = self.section, self.section.table
        changes = self._changes(native)
        before = section.row(self.path) if self.edits else None
        known = {name: children.keys(before) if before is not None else {}
                 for name, children in self.children.items()}
        key = table.insert(changes) if before is None else table.update(section.key_of(before), changes)
        row = table.get(key)
        for name, children in self.children.items():
            children.save(row, known[name], native[name], self.typed[name])
        name_step(request, say('did change' if self.edits else 'did add', what=named(section, row)))
        back = DRAFTS.chosen(request.query.get('_for', ''), row)
        return Response.redirect(back or section.url(component_of(section.key_of(row)), notice='saved'))

    def _changes(self, native: dict[str, Any]) -> dict[str, Any]:
        """The values of the columns: of a file its bytes, and its name where there is a column for it."""
        table = self.section.table
        found = expanded({name: value for name, value in native.items() if name not in self.children},
                         self.elements)
        for name, value in list(found.items()):
            if name not in table.columns or (value is None and not self.edits and self.elements[name].keeps):
                del found[name]  # a column of its own default
            elif isinstance(value, FileUpload):
                found[name] = value.content
                column = name_column(table, name)
                if column and not (found.get(column) and column in self.changed):
                    found[column] = harmless_name(value.filename)
        return found

    def _refused(self, refusal: Any, native: dict[str, Any]) -> dict[str, Any]:
        if refusal.table and refusal.table.lower() != self.section.name.lower():
            return {'form': str(refusal)}
        errors = super()._refused(refusal, native)
        for name, element in self.elements.items():
            if set(refusal.columns) & set(getattr(element, 'columns', ())) and 'form' in errors:
                errors[name] = errors.pop('form')
        return errors

    def record_url(self, table: str, key: Any) -> str:
        """The page of another row, where a sentence names it."""
        other = self.section.records.find(table)
        return other.url(component_of(key)) if other is not None else ''
