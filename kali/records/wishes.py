"""wishes: what somebody wants of an import: the file that came, how it is written, and where its columns go.

What was not chosen is guessed: from the file, from the names of its columns, and from the schema.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from itertools import islice
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

from kali.forms.uploads import KEPT
from kali.http.request import FileUpload
from kali.locale.words import say
from kali.records import cells
from kali.records.cells import NoCells
from kali.records.columns import kind_of
from kali.records.plan import Plan, Target
from kali.records.section import Program, Section
from kali.records.values import DATES, KINDS, Format
from kali.records.values import kind_of as kind_of_cells
from kali.sqlite.functions import fold

if TYPE_CHECKING:
    from kali.http.request import Request

__all__ = ['SHOWN', 'Wish', 'columns_of', 'keys_of', 'plan_for_new', 'plan_for_table', 'read_wish']

SHOWN, SAMPLE = 10, 20_000  # rows of a preview, and rows that a guess of kinds looks at

_KINDS = {'boolean': 'BOOLEAN', 'date': 'STAMP', 'moment': 'STAMP', 'blob': 'BLOB'}
_AFFINITIES = {'INTEGER': 'INTEGER', 'REAL': 'DECIMAL', 'NUMERIC': 'DECIMAL', 'TEXT': 'TEXT', 'BLOB': 'BLOB'}


class Wish(NamedTuple):
    """What somebody wants of an import."""

    upload: FileUpload
    kept: str  # the id by which the file is kept
    form: Format
    names: list[str]  # of the file's columns
    head: list[tuple[int, list[str]]]  # the first rows, with their lines
    fields: Mapping[str, str]  # what was chosen; empty at first


def read_wish(request: Request, section: Section | None) -> Wish:
    """What the form that was sent asks for.

    :param section: the table that the file goes to; None for one that is to be made
    :raises NoCells: if no file came, or one that cannot be read
    """
    posted, kept, fields = request.form, request.form.get('kept', ''), dict[str, str]()
    uploads = [each for each in request.files.get_list('file') if each.size or each.filename]
    pasted = posted.get('cells', '').replace('\r\n', '\n')  # a browser sends CR LF for each line break
    if not uploads and pasted.strip():
        uploads = [FileUpload(say('import pasted'), 'text/plain', pasted.encode('utf-8', 'replace'))]
    if uploads:
        kept = os.urandom(16).hex()
        if not KEPT.put(kept, 'import', uploads[:1]):
            raise NoCells(say('import too large'))
    found = KEPT.get(kept, 'import')
    if not found:
        raise NoCells(say('import gone' if kept else 'import nothing given'))
    upload = found[0]
    with upload.open() as file:
        form = cells.guess(file, upload.filename, set(map(_plain, columns_of(section))) if section else set())
        if not uploads:
            fields = dict(posted.items())
            form = _chosen(form, fields)
        head = list(islice(cells.rows(file, form), SHOWN + 1 if section else SAMPLE))
    first = head.pop(0)[1] if form.header and head else []
    width = len(first) or max((len(row) for _, row in head), default=0)
    return Wish(upload, kept, form, cells.names_of(first or [''] * width), head, fields)


def _chosen(form: Format, fields: Mapping[str, str]) -> Format:
    """The format, with what somebody changed in it."""
    known = {'encoding': cells.ENCODINGS, 'delimiter': cells.DELIMITERS, 'dates': DATES,
             'decimal': ('.', ',')}
    found: dict[str, Any] = {name: fields[name] for name, values in known.items()
                             if fields.get(name) in values}
    if 'header' in fields:
        found['header'] = fields['header'] == '1'
    return form._replace(**found)


def columns_of(section: Section) -> dict[str, str]:
    """The columns of a table that can be written, by what they are called and by their names."""
    names = [each.name for each in section.table.columns.values() if not (each.generated or each.hidden)]
    return {**{section.heading(name): name for name in names}, **{name: name for name in names}}


def keys_of(section: Section) -> list[tuple[str, ...]]:
    """What can tell whether a row is there already: nothing, what is unique, and each column."""
    known = dict.fromkeys(columns_of(section).values())
    unique = [each.columns for each in section.table.unique if not each.partial and not each.expressions]
    found = [(), *(each for each in unique if each and all(name in known for name in each)),
             *((name,) for name in known)]
    return list(dict.fromkeys(found))


def plan_for_table(wish: Wish, section: Section) -> tuple[Plan, str]:
    """What is to be done to import into a table, and what is wrong with it, or ''."""
    known = {_plain(name): column for name, column in columns_of(section).items()}
    columns = list(dict.fromkeys(known.values()))
    if 'to.0' in wish.fields:
        to = [wish.fields.get(f'to.{number}', '') for number in range(len(wish.names))]
        to = [name if name in columns else '' for name in to]
    else:
        to = [known.get(_plain(name), '') if wish.form.header else '' for name in wish.names]
        if not any(to):  # then by their order, but for the number that SQLite gives by itself
            first = columns[:1] == [section.table.assigned] and len(wish.names) < len(columns)
            to = [*columns[first:], *[''] * len(wish.names)][:len(wish.names)]
    targets = [Target(place, name, _kind_for(section, name)) for place, name in enumerate(to) if name]
    names = [each.column for each in targets]
    keys, own = keys_of(section), section.table.key
    plan = _plan(wish, targets, keys, keys.index(own) if own in keys and set(own) <= set(names) else 0)
    twice = next((name for number, name in enumerate(names) if name in names[:number]), None)
    required = [each.name for each in section.table.columns.values()
                if each.not_null and each.default is None and each.name not in names
                and not each.generated and each.name != section.table.assigned]
    missing = [each for each in plan.key if each not in names]
    wrong = ''
    if not targets:
        wrong = say('import no columns')
    elif twice is not None:
        wrong = say('import same column', column=section.heading(twice))
    elif required and not plan.key:  # with a key, it may be that no row is added
        wrong = say('import required', column=section.heading(required[0]))
    elif missing:
        wrong = say('import key missing', column=section.heading(missing[0]))
    return plan, wrong


def _kind_for(section: Section, name: str) -> str:
    """How the cells for a column of a table are read."""
    column = section.table.columns[name]
    if name in section.parents and column.affinity != 'TEXT':
        return 'BLOB'  # a key, or the label of what it points to
    return _KINDS.get(kind_of(column), _AFFINITIES[column.affinity])


def plan_for_new(wish: Wish, records: Program) -> tuple[Plan, str, str]:
    """The same for a table that is to be made, and its name."""
    stem = PurePath(wish.upload.filename).stem
    name = wish.fields.get('table', re.sub(r'\W+', '_', stem).strip('_').lower() or 'data').strip()
    targets = []
    for place, each in enumerate(wish.names):
        kind = wish.fields.get(f'kind.{place}') or kind_of_cells(
            (row[place] for _, row in wish.head if len(row) > place), wish.form)
        column = wish.fields.get(f'name.{place}', each).strip()
        if kind in KINDS and column:
            targets.append(Target(place, column, kind))
    plan = _plan(wish, targets, [(), *((each.column,) for each in targets)], 0)
    lower = [each.column.lower() for each in targets]
    twice = next((each for number, each in enumerate(lower) if each in lower[:number]), None)
    wrong = ''
    if not name or name.lower().startswith(('sqlite_', 'kali_')):
        wrong = say('import no name')
    elif name in records.tables:
        wrong = say('import table taken', table=name)
    elif twice is not None:
        wrong = say('import same column', column=twice)
    elif not targets:
        wrong = say('import no columns')
    return plan, name, wrong


def _plan(wish: Wish, targets: list[Target], keys: list[tuple[str, ...]], default: int) -> Plan:
    chosen, fields = wish.fields.get('key', ''), wish.fields
    number = int(chosen) if chosen.isdecimal() and len(chosen) < 5 else default
    return Plan(wish.form, wish.names, targets, keys[number] if number < len(keys) else (),
                'skip' if fields.get('existing') == 'skip' else 'update', fields.get('bad') != 'others')


def _plain(name: str) -> str:
    """A name, as far as it matters when headings are compared."""
    return re.sub(r'[\W_]+', '', fold(name))
