"""choose: a foreign key in a form. A few records are a list to pick from; of many, a search box finds one by
the label that the other table gives its records.

The box is an entry: what was typed is looked for when the form is sent, and where several records fit, the
form comes back with them to choose from. Beside what is typed, the form says which record the text stood for
when it was shown, so that a record is found again though another one is called the same.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kali.errors import NotFound, ValidationError
from kali.forms.choices import ChoiceLens
from kali.forms.choosers import FEW, MOST, Pick
from kali.forms.elements import attributes_text, in_html, line_feeds
from kali.locale.words import say
from kali.markup import Markup, escape, escape_text
from kali.records.keys import component_of, key_from
from kali.records.searching import occurs
from kali.records.section import Section
from kali.sqlite.checks import as_stored
from kali.sqlite.functions import fold
from kali.sqlite.schema import ForeignKey, quoted, table

if TYPE_CHECKING:
    from kali.iolist import Content
    from kali.multidict import Bag

__all__ = ['NEW', 'Reference', 'references_of']

#: The name of the buttons that lead to the form for a new record of the other table.
NEW = '_new'
_WITH_KEY = re.compile(r'(.*) \((.*)\)', re.DOTALL)
_LOOKED_AT = 200  # records that fit, of which the best are shown first


class _Typed(str):
    """What stands in the search box, the record that it stands for (as a component of a path), and the name
    of the control."""

    __slots__ = ('key', 'name')
    key: str
    name: str

    def __new__(cls, text: str, key: str = '', name: str = '') -> _Typed:
        typed = super().__new__(cls, text)
        typed.key, typed.name = key, name
        return typed

    def __repr__(self) -> str:  # what tells two versions of a form apart
        return f'key {self.key}' if self.key else str.__repr__(self)


class _Several(str):
    """The sentence that several records fit, with the choice between them."""

    __slots__ = ('choice',)
    choice: Markup


class _Keys(ChoiceLens):
    """The records of the other table; their texts are components of a path."""

    def __init__(self, reference: Reference) -> None:
        self.reference = reference

    def string_pairs(self) -> list[tuple[str, str]]:
        return [(component_of(key), label) for key, label in self.reference.records(limit=MOST + 1)]

    def string_for_browser(self, value: Any) -> str:
        return self.reference.text_of(value)

    def native_from_string(self, text: str) -> Any:
        return self.reference.key_from(text) if text else None


class Reference(Pick):
    """The record that one or several columns refer to; the native value is its key there, a tuple for several
    columns.

    :param section: the table with the columns
    :param key: the foreign key
    :param required: whether it may not be blank
    :param new: whether there is a button for a new record, in a form that understands it
    """

    def __init__(self, section: Section, key: ForeignKey, *, required: bool = False, new: bool = True,
                 label: str | None = None) -> None:
        super().__init__(_Keys(self), required, label=label)
        parent = table(section.connection, key.parent, section.table.schema)
        assert parent is not None  # references_of has looked
        self.columns, self.parent, self.targets = key.columns, parent, key.parent_columns
        self.by_key = ', '.join(map(quoted, self.targets))  # an order that an index has
        self.other = section.records.find(key.parent)
        named = (self.other.declared.label if self.other else None) or parent.label or self.targets[0]
        self.function = named if callable(named) else None
        self.label_sql = '' if callable(named) else quoted(named) if named in parent.columns else named
        self._known: dict[Any, list[tuple[Any, str]]] = {}
        self.new = new and self.other is not None and not self.other.read_only

    # The records of the other table.

    def records(self, where: str = '', parameters: Sequence[Any] = (), *, order: str = '', limit: int,
                ) -> list[tuple[Any, str]]:
        """Keys and labels of some of the records; asked for once, as an element is there for one request."""
        asked = where, tuple(parameters), order, limit
        if asked not in self._known:
            self._known[asked] = self._asked(*asked)
        return list(self._known[asked])

    def _asked(self, where: str, parameters: Sequence[Any], order: str, limit: int) -> list[tuple[Any, str]]:
        own = self.other.declared.where if self.other else ''
        parts = [f'{quoted(name)} IS NOT NULL' for name in self.targets]
        parts += [f'({each})' for each in (own, where) if each]
        columns = ', '.join(map(quoted, self.targets))
        if self.function is None:
            order = order or f'{len(self.targets) + 1}, 1'
            columns = f'{columns}, {self.label_sql}'
        rows = self.parent.rows(' AND '.join(parts), parameters, order=order or columns, limit=limit,
                                columns='' if self.function else columns)
        return [(self._key(row), self._label(row)) for row in rows]

    def _key(self, row: Any) -> Any:
        values = tuple(row[name] for name in self.targets)
        return values if len(values) > 1 else values[0]

    def _label(self, row: Any) -> str:
        found = self.function(row) if self.function else row[len(self.targets)]
        text = found.decode('utf-8', 'replace') if isinstance(found, bytes) else str(found)
        return ' '.join(text.split()) if found not in (None, '') else readable(self._key(row))

    def labels(self, records: Sequence[tuple[Any, str]]) -> dict[str, str]:
        """What stands for each of some records, by their texts: the label, with the key where labels are
        alike."""
        alike = Counter(label.casefold() for _, label in records)
        return {component_of(key): label if alike[label.casefold()] == 1 else f'{label} ({readable(key)})'
                for key, label in records}

    def text_of(self, value: Any) -> str:
        """A key as a component of a path; '' for none."""
        values = value if isinstance(value, tuple) else (value,)
        if all(each is None for each in values):
            return ''
        stored = tuple(as_stored(each, self.parent.columns[name].affinity)
                       for each, name in zip(values, self.targets, strict=True))
        return component_of(stored if len(stored) > 1 else stored[0])

    def key_from(self, text: str) -> Any:
        """The key of a record that is there."""
        try:
            key = key_from(text)
        except NotFound:
            raise ValidationError(say('not offered')) from None
        found = self._by_key(key)
        if not found:
            raise ValidationError(say('not offered'))
        return found[0][0]

    def _by_key(self, key: Any) -> list[tuple[Any, str]]:
        values = key if isinstance(key, tuple) else (key,)
        if len(values) != len(self.targets):
            return []
        where = ' AND '.join(f'{quoted(name)} = ?' for name in self.targets)
        return self.records(where, values, limit=1)

    def find(self, text: str, limit: int = FEW) -> list[tuple[Any, str]]:
        """The records whose label has each of the words, or whose key is the text."""
        words = fold(text).split()[:10]
        if not words:
            return self.records(order=self.by_key, limit=limit)
        names = [self.label_sql] if self.function is None else (
            self.other.search_sql if self.other is not None else [])
        each = [[occurs(name, word) for name in names] for word in words]
        where = ' AND '.join(f'({" OR ".join(sql for sql, _ in found) or "0"})' for found in each)
        values = [value for found in each for _, parameters in found for value in parameters]
        fitting = self.records(where, values, order=self.by_key, limit=_LOOKED_AT)
        fitting.sort(key=lambda each: (not fold(each[1]).startswith(words[0]), each[1]))
        if len(self.targets) == 1:
            fitting[:0] = [each for each in self.records(f'{self.by_key} = ?', [text.strip()], limit=1)
                           if each not in fitting]
        return fitting[:limit]

    # The element.

    def _searches(self) -> bool:
        return len(self.records(order=self.by_key, limit=MOST + 1)) > MOST

    def show(self, value: Any) -> Any:
        text = self.text_of(value)
        if not text or not self._searches():
            return text
        return _Typed(next((label for _, label in self._by_key(key_from(text))), readable(value)), text)

    def read(self, name: str, posted: Bag) -> Any:
        typed, stands = line_feeds(posted.get(name, '')), posted.get_list(f'{name}.is')
        if not stands:
            return _Typed(typed, name=name)
        key, _, label = line_feeds(str(stands[-1])).partition('\n')
        typed = label if len(stands) > 1 else typed  # one of several that fitted
        return _Typed(typed, key if typed and typed == label else '', name)

    def owns(self, name: str, key: str) -> bool:
        return key in (name, f'{name}.is')

    def posted(self, name: str, key: Any) -> dict[str, str]:
        """What a form that shows the record with this key sends."""
        shown = self.show(key)
        return {name: str(shown), f'{name}.is': f'{shown.key}\n{shown}'} if isinstance(shown, _Typed) else {
            name: shown}

    def html(self, name: str, intermediate: Any) -> Content:
        button = ''
        if self.new and self.other is not None:
            what = escape_text(f'{say("new")}: {self.other.title}')
            button = (f'<button class="secondary" name="{NEW}" value="{escape_text(name)}" formnovalidate '
                      f'aria-label="{what}" title="{what}">{escape_text(say("new"))}\xa0…</button>')
        control = (self._search_html(name, intermediate) if self._searches()
                   else super().html(name, str(intermediate)))
        return Markup(f'{control}{button}')

    def control(self, name: str, intermediate: Any, ties: str = '') -> Markup:
        made = super().control(name, intermediate, ties)
        return Markup(f'<span class="pair">{made}</span>') if self.new else made

    def _search_html(self, name: str, typed: str) -> Markup:
        own_id, key = self.id_for(name), getattr(typed, 'key', '')
        attributes = {'autocomplete': 'off', **self.attributes, 'type': 'text', 'list': f'{own_id}-list',
                      'name': name, 'id': own_id, 'value': str(typed), 'data-search': name}
        stands = {'type': 'hidden', 'name': f'{name}.is', 'value': f'{key}\n{typed}' if key else ''}
        return Markup(f'<input{attributes_text(attributes)}><input{attributes_text(stands)}>'
                      f'<datalist id="{escape_text(own_id)}-list">'
                      f'{self.matches(name, name, "" if key else typed)}</datalist>')

    def matches(self, name: str, key: str, text: str) -> Content:
        found = self.find(text) or self.find('')
        return Markup(''.join(f'<option value="{escape_text(label)}"></option>'
                              for label in self.labels(found).values()))

    def in_words(self, intermediate: Any) -> str:
        return str(intermediate) if self._searches() else super().in_words(str(intermediate))

    def unchanged(self, intermediate: Any, stored: Any) -> bool:
        text = self.text_of(stored)
        if getattr(intermediate, 'key', ''):
            return bool(intermediate.key == text)
        return in_html(intermediate) in {in_html(str(self.show(stored))), *([] if self._searches() else [
            in_html(text)])} or (not self._searches() and super().unchanged(str(intermediate), stored))

    def value_over(self, intermediate: Any, stored: Any, *, exists: bool = False) -> Any:
        if exists and self.unchanged(intermediate, stored):
            return stored
        return super().value_over(intermediate, stored, exists=exists)

    def value(self, intermediate: Any) -> Any:
        text = ' '.join(intermediate.split())
        if not text:
            if self._required:
                raise ValidationError(say('choose') if self._required is True else self._required)
            return None
        if getattr(intermediate, 'key', ''):
            return self.key_from(intermediate.key)
        return self._found(str(intermediate), getattr(intermediate, 'name', ''))[0]

    def _found(self, typed: str, name: str = '') -> Any:
        """The record that is meant, as key and label: of that key in a list, of that label, or the only one
        that fits."""
        if not self._searches():
            try:
                return self.key_from(typed), ''
            except ValidationError:
                pass  # the list was longer when it was shown
        text = ' '.join(typed.split())
        with_key = _WITH_KEY.fullmatch(text)
        fitting = self.find(text, _LOOKED_AT)
        if with_key:
            fitting += [(key, label) for key, label in self.find(with_key[1], _LOOKED_AT)
                        if label == with_key[1] and readable(key) == with_key[2]]
        exact = [each for each in fitting if each[1].casefold() == text.casefold()
                 or f'{each[1]} ({readable(each[0])})' == text]
        found = exact or fitting
        if len(found) == 1:
            return found[0]
        if not found:
            raise ValidationError(say('not offered'))
        raise ValidationError(self._several(found[:FEW], name))

    def _several(self, found: Sequence[tuple[Any, str]], name: str) -> _Several:
        labels = self.labels(found)
        some = ', '.join([f'“{label}”' for label in labels.values()][:FEW // 2])
        sentence = _Several(say('several', labels=f'{some} …' if len(labels) > FEW // 2 else some))
        stands = {component_of(key): f'{component_of(key)}\n{label}' for key, label in found}
        sentence.choice = Markup('').join(
            Markup('<label><input type="radio" name="{}" value="{}"> {}</label>').format(
                f'{name}.is', stands[text], label) for text, label in labels.items())
        if sentence.choice:
            sentence.choice = Markup(f'<div role="radiogroup" aria-label="{escape(say("choose"))}">'
                                     f'{sentence.choice}</div>')
        return sentence


def references_of(section: Section, *, new: bool = True) -> dict[tuple[str, ...], Reference]:
    """The foreign keys of a table as elements, by their columns. One of several columns is among them if no
    other foreign key has one of these."""
    found = {}
    keys = [key for key in section.table.foreign_keys if key.parent_columns]
    for key in keys:
        parent = table(section.connection, key.parent, section.table.schema)
        if parent is None or parent.kind != 'table' or (len(key.columns) > 1 and any(
                set(key.columns) & set(other.columns) for other in keys if other is not key)):
            continue
        columns = [section.table.columns[name] for name in key.columns]
        required = any(column.not_null or column.key for column in columns)
        label = say('and').join(section.heading(name) for name in key.columns)
        found[key.columns] = Reference(section, key, required=required, new=new, label=label)
    return found


def readable(key: Any) -> str:
    """A key as people write it."""
    return ', '.join(map(str, key)) if isinstance(key, tuple) else str(key)
