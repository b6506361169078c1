"""paste: cells that were copied in a spreadsheet, pasted into the list: first a page says what changes and
what is wrong, cell by cell; then all of it is saved, in one step of undo.

Cells go to the rows as the list has them, from one row on, and to the fields of the form, from one column on.
"""

from __future__ import annotations

import csv
import io
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, NamedTuple
from zlib import crc32

from kali.errors import BadRequest, ValidationError
from kali.forms import Check, Element, Formlet
from kali.forms.elements import FORM_ID
from kali.forms.records import show_record
from kali.http.request import Request
from kali.http.response import Response
from kali.locale.words import say
from kali.markup import Markup
from kali.records.cells import LONGEST
from kali.records.children import expanded, joined
from kali.records.form_page import elements_of, mount_form, name_step, named
from kali.records.in_place import changeable, field_of
from kali.records.pickers import field, hidden, select
from kali.records.query import Query
from kali.records.section import Section
from kali.records.values import Format, convert
from kali.routing.router import Router
from kali.sqlite import atomic
from kali.sqlite.refusals import read_refusal

__all__ = ['mount']

_MOST, _FEW = 1000, 50  # rows; rows to choose the first from


def mount(router: Router, section: Section) -> None:
    """Put the page for pasted cells on the table's router."""
    def answer(request: Request) -> Any:
        fields = request.fields
        if request.method != 'POST' or not str(fields.get('text', '')).strip():
            return _ask(section, request)
        form = _Preview(section, request)
        return form if FORM_ID in fields else form.do_GET(request)
    mount_form(router, section, '/paste', answer)


def _ask(section: Section, request: Request) -> Any:
    """The page to paste into, for one that has no script."""
    query = Query.read(section, request)
    rows = {section.path_of(row): named(section, row) for row in islice(query.each(), _FEW)}
    elements = changeable(elements_of(section, new=False))
    columns = {name: element.label or name for name, element in elements.items()}
    fields = [field('text', say('cells'), Markup('<textarea id="text" name="text" required></textarea>')),
              field('key', say('from row'), select('key', rows, '')),
              field('column', say('from column'), select('column', columns, ''))]
    return section.page(request, say('paste'), Markup(
        '<p>{}</p>\n<form method="post" action="{}">\n{}'
        '<p class="buttons"><button>{}</button> <a href="{}">{}</a></p></form>\n').format(
            say('paste help'), section.url('paste', **query.fields), Markup('').join(fields), say('preview'),
            query.url(), say('cancel')))


class _Cell(NamedTuple):
    field: str
    before: str
    text: str
    value: Any
    wrong: str


class _TakenBack(Exception):
    """All was tried, and nothing is to stay."""


class _Preview(Formlet):
    """What pasted cells would change, and a button that changes it."""

    def __init__(self, section: Section, request: Request) -> None:
        super().__init__({})
        self.section, self.query = section, Query.read(section, request)
        self.cancel, self.submit = self.query.url(), say('save')
        posted = request.fields
        self.text, self.key, self.column = (
            str(posted.get(name, '')).replace('\0', '') for name in ('text', 'key', 'column'))
        self.fields = changeable(elements_of(section, new=False))
        self.over = 0  # rows of cells for which there is none in the list
        self.rows = self._tried(list(self._paired(posted.get_list('columns'))))

    def get_native(self) -> Any:
        return {}

    def _paired(self, columns: Sequence[str]) -> Any:
        """Pairs of a row and its cells.

        :param columns: those that the list shows, from where the cells were pasted on
        """
        names: list[str | None] = [self._field(name) for name in columns]
        if not columns:
            names = [*self.fields]
            names = names[names.index(field_of(self.fields, self.section, self.column)):]
        csv.field_size_limit(LONGEST)  # of the whole process; its default is 131 072
        lines = [cells or [''] for cells in csv.reader(io.StringIO(self.text, newline=''), delimiter='\t')]
        found = self._from(len(lines))
        self.over = max(0, len(lines) - len(found))
        for row, cells in zip(found, lines, strict=False):
            native = {**dict(row), **joined(row, self.fields)}
            before = show_record(self.fields, native)
            yield row, [self._cell(name, native.get(name or ''), before.get(name or '', ''), text)
                        for name, text in zip(names, cells, strict=False)]

    def _tried(self, found: list[tuple[Any, list[_Cell]]]) -> list[tuple[Any, list[_Cell]]]:
        """The same, with what the database would refuse: all of it is tried, and taken back."""
        connection = self.section.connection
        with suppress(_TakenBack), atomic(connection):
            for index, (row, cells) in enumerate(found):
                try:
                    with atomic(connection):
                        self._update(row, cells)
                except sqlite3.IntegrityError as error:
                    refusal = read_refusal(error, connection, [f'UPDATE {self.section.table.sql_name}'])
                    found[index] = row, self._refused_cells(cells, refusal.errors({}) if refusal else {
                        '': str(error)})
            raise _TakenBack
        return found

    def _refused_cells(self, cells: list[_Cell], sentences: dict[str, Any]) -> list[_Cell]:
        """The cells of a row, with what the database refuses at those that it is about; at all that change if
        it is about none of them."""
        about = sentences.keys() & {cell.field for cell in cells}
        first = next(iter(sentences.values()))
        return [cell._replace(wrong=str(sentences.get(cell.field, first)))
                if not cell.wrong and cell.before != cell.text and (cell.field in about or not about)
                else cell for cell in cells]

    def _update(self, row: Any, cells: Sequence[_Cell]) -> None:
        changes = {cell.field: cell.value for cell in cells if not cell.wrong}
        self.section.table.update(self.section.key_of(row), expanded(changes, self.fields))

    def _field(self, column: str) -> str | None:
        """The field of a column; None for one that the list shows and that cannot be changed."""
        return field_of(self.fields, self.section, column) if column or column in self.fields else None

    def _from(self, number: int) -> list[Any]:
        """So many rows of the list from the chosen one on."""
        if number > _MOST:
            raise BadRequest(say('paste too many', limit=_MOST))
        found: list[Any] = []
        for row in self.query.each():
            if found or not self.key or self.section.path_of(row) == self.key:
                found.append(row)
            if len(found) >= number:
                break
        return found

    def _cell(self, name: str | None, stored: Any, before: Any, text: str) -> _Cell:
        if name is None:
            return _Cell('', '', text, None, say('paste fixed'))
        element = self.fields[name]
        shown = element.in_words(before)
        try:
            typed: Any = _choice(element, text)
            value = element.value_over(typed, stored, exists=True)
        except ValidationError as error:
            return _Cell(name, shown, text, None, str(error.args[0] if error.args else say('invalid')))
        after = element.in_words(element.show(value))
        return _Cell(name, shown, after, value, '')

    @property
    def changes(self) -> int:
        """How many cells would get another value."""
        return sum(not cell.wrong and cell.before != cell.text for _, cells in self.rows for cell in cells)

    @property
    def wrong(self) -> int:
        """How many cells are not acceptable."""
        return sum(bool(cell.wrong) for _, cells in self.rows for cell in cells)

    def _version(self) -> str:
        about = repr([(self.section.key_of(row), [cell[:3] for cell in cells]) for row, cells in self.rows])
        return f'{crc32(about.encode("utf-8", "replace")):08x}'

    def display(self, fields: Any, errors: dict[str, Any]) -> Any:
        assert self.request is not None
        fields.is_rendered = True
        widest = max((cells for _, cells in self.rows), key=len, default=[])
        columns = [cell.field for cell in widest]
        head = Markup('').join(
            Markup('<th scope="col">{}</th>').format(self._label(name)) for name in columns)
        body = Markup('').join(Markup('<tr><th scope="row">{}</th>{}</tr>\n').format(
            named(self.section, row), Markup('').join(map(self._shown, cells))) for row, cells in self.rows)
        said = [say('paste summary', changes=self.changes, wrong=self.wrong)]
        if self.over:
            said.append(say('paste over', count=self.over))
        button = Markup('<button>{}</button> ').format(
            say('paste good' if self.wrong else 'save')) if self.changes else ''
        return self.section.page(self.request, say('paste'), [fields.summary, Markup('''<p>{}</p>
<table class="data"><thead><tr><td></td>{}</tr></thead><tbody>
{}</tbody></table>
<form method="post" action="{}">{}{}<p class="buttons">{}<a href="{}">{}</a></p></form>
''').format(' '.join(said), head, body, self.action, fields.form_id, hidden(self._hidden()), button,
          self.cancel, say('cancel'))])

    def _label(self, name: str) -> str:
        return (self.fields[name].label or name) if name in self.fields else ''

    def _shown(self, cell: _Cell) -> Markup:
        if cell.wrong:
            shown = Markup('{} <del>{}</del><p class="error">{}</p>')
        elif cell.before == cell.text:
            shown = Markup('{}')
        else:
            shown = Markup('<del>{}</del> <ins>{}</ins>')
        return Markup('<td data-label="{}">{}</td>').format(self._label(cell.field), shown.format(
            cell.before, cell.text, cell.wrong))

    def _hidden(self) -> list[tuple[str, str]]:
        assert self.request is not None
        return [('text', self.text), ('key', self.key), ('column', self.column), ('_seen', self._version()),
                *(('columns', name) for name in self.request.fields.get_list('columns'))]

    def semantic_checks(self, native: dict[str, Any], errors: dict[str, Any]) -> None:
        """What was shown is what is changed."""
        assert self.request is not None
        if self.request.fields.get('_seen', '') != self._version():
            errors['form'] = say('paste changed')

    def save(self, native: dict[str, Any], request: Request) -> Any:
        """Change the cells that are acceptable."""
        for row, cells in self.rows:
            self._update(row, cells)
        name_step(request, say('did paste', what=self.section.title))
        return Response.redirect(self.cancel)


def _choice(element: Element, text: str) -> Any:
    """A pasted text as a control of its field would send it: of a box, and of a list of labels."""
    if isinstance(element, Check):
        values, wrong = convert('BOOLEAN', [text], Format())
        if wrong:
            raise ValidationError(wrong[0])
        return '1' if values[0] else ''
    pairs = getattr(getattr(element, 'lens', None), 'string_pairs', None)
    if pairs is not None:
        return next((key for key, label in pairs() if label.casefold() == text.strip().casefold()), text)
    return text
