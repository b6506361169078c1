"""children: rows of another table in the form of the row that they refer to, such as the lines of an invoice.

All of them are saved with their parent: what was added, changed, taken away and moved. A row is found again
by its key, whatever that is; what the database refuses of a row is shown at its field.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from kali.errors import SaveError
from kali.forms import BLANKABLE, Element, Entry, Hidden, Integer, Nullable, Rows
from kali.locale.words import say
from kali.records.section import Section
from kali.sqlite.refusals import read_refusal
from kali.sqlite.schema import quoted

__all__ = ['KEY', 'Children']

#: The field of a row with its key, as a component of a path.
KEY = '.key'
_MOST = 200  # rows in a form; it has at most 1000 fields, too
_ORDER = re.compile('position|pos|rank|sort|(sort_?)?order(ing)?|seq|sequence|line(_?(no|number|nr))?', re.I)


class Children:
    """The rows of one table that refer to a row of another.

    :param section: of the rows
    :param parent: of the row that they refer to
    :param elements: of a row, by column
    :param field: the name of the rows in the form of the parent
    :raises ValueError: if no foreign key leads from one to the other
    """

    def __init__(self, section: Section, parent: Section, elements: Mapping[str, Element],
                 field: str) -> None:
        self.section, self.table, self.field = section, section.table, field
        key = next((key for key in self.table.foreign_keys
                    if key.parent == parent.name and key.parent_columns), None)
        if key is None:
            raise ValueError(f'children of {parent.name}: {section.name} has no foreign key to it')
        self.columns, self.targets = key.columns, key.parent_columns
        shown = {name: element for name, element in elements.items()
                 if not element.takes_files and name != KEY
                 and set(getattr(element, 'columns', [name])).isdisjoint(self.columns)}
        self.order = next((name for name in shown if _ORDER.fullmatch(name)
                           and self.table.columns[name].affinity in ('INTEGER', 'NUMERIC')), '')
        if self.order:  # a new row without a number comes last
            shown[self.order] = Entry(lens=Nullable(Integer()), label=section.heading(self.order))
        self.shown = shown
        self.most = min(_MOST, 900 // (len(shown) + 1))
        self.element = Rows({KEY: Hidden(lens=BLANKABLE), **shown}, key=KEY, order=self.order, max=self.most,
                            label=section.title, blank=2)

    def where(self, row: Any) -> tuple[str, list[Any]]:
        """The condition for the rows that refer to `row`, and its parameters."""
        return (' AND '.join(f'{quoted(name)} = ?' for name in self.columns),
                [row[name] for name in self.targets])

    def too_many(self, row: Any) -> bool:
        """Whether there are more rows than a form can hold."""
        where, parameters = self.where(row)
        return len(self.table.rows(where, parameters, columns='1', limit=self.most + 1)) > self.most

    def rows(self, row: Any, *, copy: bool = False) -> list[dict[str, Any]]:
        """The rows that refer to `row`, each with its key; with none if they are for a copy of it."""
        order = ', '.join(map(self.section.sql_of, [*filter(None, [self.order]), *self.table.key]))
        found = self.table.rows(*self.where(row), order=order)
        return [{**dict(each), **joined(each, self.element.elements),
                 KEY: '' if copy else self.section.path_of(each)} for each in found]

    def keys(self, row: Any) -> dict[str, Any]:
        """The keys of the rows that refer to `row`, by their components of a path."""
        return {self.section.path_of(each): self.section.key_of(each)
                for each in self.table.rows(*self.where(row))}

    def save(self, row: Any, known: Mapping[str, Any], posted: Sequence[dict[str, Any]], typed: Any) -> None:
        """Bring the rows that refer to `row` into line with what was posted.

        :param row: as it is saved
        :param known: `keys` as they were before that
        :param typed: the intermediate form of the rows, which gets what is wrong
        :raises SaveError: if the database refuses a row
        """
        refers = {name: row[target] for name, target in zip(self.columns, self.targets, strict=True)}
        # A key with a part that refers to the parent has changed with it.
        now = {path: _with(self.table.key, key, refers) for path, key in known.items()}
        kept = {each.get(KEY) for each in posted}
        for path, key in now.items():
            if path not in kept:
                self._write(None, typed, self.table.delete, key)
        records = [expanded(each, self.shown) for each in posted]
        self._update([[place, now[each[KEY]], records[place]] for place, each in enumerate(posted)
                      if each.get(KEY) in now], typed)
        last = max([each[self.order] or 0 for each in posted], default=0) if self.order else 0
        for place, record in enumerate(records):
            if posted[place].get(KEY) in now:
                continue
            if self.order and record.get(self.order) is None:
                last += 1
                record[self.order] = last
            self._write(place, typed, self.table.insert, {**record, **refers})

    def _update(self, pending: list[list[Any]], typed: Any) -> None:
        """Change rows. One whose new value another still has waits for that one; where each waits for
        another, as two do that change places, one of them steps aside."""
        aside: set[int] = set()
        while pending:
            waiting = []
            for each in pending:
                place, key, changes = each
                try:
                    self.table.update(key, changes)
                except sqlite3.IntegrityError as error:
                    if 'UNIQUE' not in str(error):
                        self._refuse(place, typed, error, changes)
                    waiting.append((each, error))
            if len(waiting) == len(pending):
                each, refused = next((one for one in waiting if one[0][0] not in aside), waiting[0])
                if each[0] in aside or not self._step_aside(each):
                    self._refuse(each[0], typed, refused, each[2])
                aside.add(each[0])
            pending = [each for each, _ in waiting]

    def _step_aside(self, each: list[Any]) -> bool:
        """Give a row a number that no other has, where it is to get one that another has; whether that
        helps."""
        shared = {name for unique in self.table.unique for name in unique.columns if name in each[2]
                  and self.table.columns[name].affinity in ('INTEGER', 'NUMERIC', 'REAL')}
        if not shared:
            return False
        free = {name: self.table.rows(columns=f'max({quoted(name)})')[0][0] for name in shared}
        try:
            each[1] = self.table.update(each[1], {
                name: (most if isinstance(most, (int, float)) else 0) + 1 for name, most in free.items()})
        except sqlite3.IntegrityError:  # a rule refuses that number; then the first refusal is what is said
            return False
        return True

    def _write(self, place: int | None, typed: Any, act: Any, argument: Any) -> None:
        try:
            act(argument)
        except sqlite3.IntegrityError as error:
            self._refuse(place, typed, error, argument if isinstance(argument, dict) else {})

    def _refuse(self, place: int | None, typed: Any, error: sqlite3.IntegrityError,
                changes: Mapping[str, Any]) -> None:
        """Say at the fields of a row what the database refuses."""
        verb = 'UPDATE' if place is not None else 'DELETE FROM'
        refusal = read_refusal(error, self.table.connection, [f'{verb} {self.table.sql_name}'])
        if refusal is None:
            raise error
        labels = {name: self.section.heading(name) for name in self.table.columns}
        sentences = refusal.errors(changes, labels)
        fields = {name: sentence for name, sentence in sentences.items() if name in self.element.elements}
        if place is None or not fields:
            raise SaveError({self.field: ' '.join(
                refusal.named(labels.get(name, name), sentence) for name, sentence in sentences.items())})
        index = typed.places[place]
        typed.wrong.update({(index, name): sentence for name, sentence in fields.items()})
        raise SaveError({self.field: say('rows', count=len(fields))})


def joined(row: Any, elements: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the fields that stand for several columns."""
    found = {}
    for name, element in elements.items():
        if len(columns := getattr(element, 'columns', ())) > 1:
            values = tuple(row[each] for each in columns)
            found[name] = None if all(each is None for each in values) else values
    return found


def expanded(native: Mapping[str, Any], elements: Mapping[str, Any]) -> dict[str, Any]:
    """What a form gives, with a value for each column that it has fields for."""
    found: dict[str, Any] = {}
    for name, value in native.items():
        columns = getattr(elements.get(name), 'columns', ())
        if len(columns) > 1:
            found.update(zip(columns, value or [None] * len(columns), strict=True))
        elif name in elements:
            found[name] = value
    return found


def _with(names: Sequence[str], key: Any, values: Mapping[str, Any]) -> Any:
    """A key with some of its values replaced."""
    parts = key if isinstance(key, tuple) else (key,)
    found = tuple(values.get(name, part) for name, part in zip(names, parts, strict=True))
    return found if len(found) > 1 else found[0]
