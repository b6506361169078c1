"""Elements whose values are offered: a tick, a list to pick from, radio buttons.

The rule: only what was offered is accepted, whatever is posted, and whatever was posted is shown again as far
as a control can. What the choices are is the lens's affair.
"""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from operator import itemgetter

from kali.errors import ValidationError
from kali.forms.elements import Element, attributes_text
from kali.forms.messages import say
from kali.markup import Markup, escape_text

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from typing import Any

    from kali.forms.choices import ChoiceLens
    from kali.iolist import Content
    from kali.multidict import Bag

__all__ = ['Check', 'CheckMany', 'Pick', 'Radio']


class Check(Element):
    """A box to tick: True or False.

    :param required: the sentence when the box must be ticked and is not, or True for the usual one

    >>> Check().i2h('done', '1')
    Markup('<input type="checkbox" name="done" id="done" value="1" checked>')
    """

    layout = 'beside'
    # 'on' is what a template's own checkbox without a value sends, '0' what a hidden field may send before
    # the box.
    _VALUES = {'': False, '0': False, '1': True, 'on': True}

    def __init__(self, *, required: str | bool = '', label: str | None = None, help: str = '',
                 **attributes: Any) -> None:
        super().__init__(label=label, help=help, required=bool(required), **attributes)
        self._required = required
        self._made: dict[tuple[str, bool], Markup] = {}  # both faces of the box, by name

    def n2i(self, value: Any) -> str:
        return '1' if value else ''

    def p2i(self, name: str, POST: Bag) -> str:
        text: str = POST.get(name, '')
        return text

    def i2h(self, name: str, intermediate: str) -> Content:
        checked = bool(self._VALUES.get(intermediate))
        made = self._made.get((name, checked))
        if made is None:
            own = {'type': 'checkbox', 'name': name, 'id': self.id_for(name), 'value': '1'}
            tag = f'<input{attributes_text({**self.attributes, **own})}{" checked" if checked else ""}>'
            made = self._made[name, checked] = Markup(tag)
        return made

    def in_words(self, intermediate: str) -> str:
        return say('yes' if self._VALUES.get(intermediate) else 'no')

    def i2n(self, intermediate: str) -> bool:
        value = self._VALUES.get(intermediate)
        if value is None:
            raise ValidationError(say('not offered'))
        if self._required and not value:
            raise ValidationError(say('tick') if self._required is True else self._required)
        return value


class Pick(Element):
    """A list to pick one from, or several.

    :param lens: a ChoiceLens; with `multiple`, of each value in a set
    :param required: the sentence when nothing was picked, or True for the usual one. Otherwise there is a
        blank choice.
    :param multiple: whether it may be several; the native value is a set then
    :param search: an entry to type part of a label into, instead of a list: for many choices
    :param attributes: of the `<select>` or `<input>` tag
    :raises ValueError: for several that are searched for: that needs a page of its own

    >>> from kali.forms.choices import ListLens
    >>> Pick(ListLens(['tea']), required='One of them!').i2h('drink', 'tea')
    Markup('<select required name="drink" id="drink"><option value="tea" selected>tea</option></select>')
    """

    def __init__(self, lens: ChoiceLens, required: str | bool = '', multiple: bool = False, *,
                 search: bool = False, label: str | None = None, help: str = '', **attributes: Any) -> None:
        super().__init__(label=label, help=help, required=bool(required), multiple=multiple, **attributes)
        if search and multiple:
            raise ValueError('a search finds one choice: use multiple=True, or CheckMany, without search')
        self.lens, self.multiple, self.search = lens, multiple, search
        self._required = required
        # Controls of choices that never change, by name and selected text: at most one for each choice and
        # name.
        self._made: dict[tuple[str, str], Markup] = {}

    def n2i(self, value: Any) -> Any:
        if self.multiple:
            return set(map(self.lens.string_for_browser, value or ()))
        text = self.lens.string_for_browser(value)
        return self._labels().get(text, text) if self.search and text else text

    def p2i(self, name: str, POST: Bag) -> Any:
        return POST.get_list(name) if self.multiple else POST.get(name, '')

    def i2h(self, name: str, intermediate: Any) -> Content:
        if self.multiple:
            return self._html(name, self._groups(), intermediate)
        if self.search:
            return self._search_html(name, intermediate)
        made = self._made.get((name, intermediate))
        if made is None:
            groups = self._groups()
            made = self._html(name, groups, (intermediate,))
            if getattr(self.lens, 'fixed', False) and intermediate in ('', *(text for text, _, _ in groups)):
                self._made[name, intermediate] = made
        return made

    def in_words(self, intermediate: Any) -> str:
        if self.search:
            return str(intermediate)
        chosen = intermediate if self.multiple else (intermediate,)
        return ', '.join(label for text, label in self.lens.string_pairs() if text in chosen)

    def _groups(self) -> list[tuple[str, str, str]]:
        # A lens of an older program may be any object with `string_pairs`.
        if hasattr(self.lens, 'string_groups'):
            return list(self.lens.string_groups())
        return [(text, label, '') for text, label in self.lens.string_pairs()]

    def _labels(self) -> dict[str, str]:
        """What stands in the search box for each choice: its label, with its text where labels are alike."""
        pairs = list(self.lens.string_pairs())
        alike = Counter(label.strip().casefold() for _, label in pairs)
        return {text: label.strip() if alike[label.strip().casefold()] == 1 else f'{label.strip()} ({text})'
                for text, label in pairs}

    def _search_html(self, name: str, typed: str) -> Markup:
        own_id = self.id_for(name)
        attributes = {'autocomplete': 'off', **self.attributes, 'type': 'text', 'list': f'{own_id}-list',
                      'name': name, 'id': own_id, 'value': typed}
        options = ''.join(f'<option value="{escape_text(label)}"></option>'
                          for label in self._labels().values())
        return Markup(f'<input{attributes_text(attributes)}><datalist id="{escape_text(own_id)}-list">'
                      f'{options}</datalist>')

    def _found(self, typed: str) -> str:
        """The text of the choice that was typed; capitals do not matter."""
        typed = typed.strip().casefold()
        if not typed:
            return ''
        for text, label in self._labels().items():
            if label.casefold() == typed:
                return text
        raise ValidationError(say('not offered'))

    def _html(self, name: str, groups: list[tuple[str, str, str]], selected: Collection[str]) -> Markup:
        attributes = {**self.attributes, 'name': name, 'id': self.id_for(name)}
        offered = any(text in selected for text, _, _ in groups)
        # With nothing selected a browser would show, and send, the first choice as if it had been picked.
        out = [] if self.multiple or (self._required and offered) else ['<option value=""></option>']
        for group, rows in groupby(groups, key=itemgetter(2)):
            options = ''.join(f'<option value="{escape_text(text)}"{" selected" if text in selected else ""}>'
                              f'{escape_text(label)}</option>' for text, label, _ in rows)
            out.append(f'<optgroup label="{escape_text(group)}">{options}</optgroup>' if group else options)
        return Markup(f'<select{attributes_text(attributes)}>{"".join(out)}</select>')

    def i2n(self, intermediate: Any) -> Any:
        if self.search:
            intermediate = self._found(intermediate)
        texts: Iterable[str] = intermediate if self.multiple else (intermediate,)
        chosen = [text for text in texts if text]
        if self._required and not chosen:
            raise ValidationError(say('choose') if self._required is True else self._required)
        offered = {text for text, _ in self.lens.string_pairs()} if chosen else ()
        if not all(text in offered for text in chosen):
            raise ValidationError(say('not offered'))
        if self.multiple:
            return set(map(self.lens.native_from_string, chosen))
        return self.lens.native_from_string(intermediate)


class Radio(Pick):
    """A few choices, all in sight, of which one is picked. Arguments as for `Pick`, without `multiple`.

    A choice that is not required has no button for none: give the lens one, or use a Pick.
    """

    layout = 'group'

    def __init__(self, lens: ChoiceLens, required: str | bool = '', *, label: str | None = None,
                 help: str = '', **attributes: Any) -> None:
        super().__init__(lens, required, label=label, help=help, **attributes)

    def _html(self, name: str, groups: list[tuple[str, str, str]], selected: Collection[str]) -> Markup:
        own_id = self.id_for(name)
        kind = 'checkbox' if self.multiple else 'radio'
        group: dict[str, str | None] = {'role': 'group' if self.multiple else 'radiogroup', 'id': own_id,
                                        'tabindex': '-1'}
        group['aria-label'] = str(self.label or name.replace('_', ' ').capitalize())
        shared = {**self.attributes, 'type': kind, 'name': name}
        if self.multiple:  # HTML cannot say "at least one of these"
            shared = {key: value for key, value in shared.items() if key not in ('required', 'multiple')}
        elif self._required:
            group['aria-required'] = 'true'
        buttons = ''.join(
            f'<label><input{attributes_text({**shared, "id": f"{own_id}-{index}", "value": text})}'
            f'{" checked" if text in selected else ""}> {escape_text(label)}</label>'
            for index, (text, label, _) in enumerate(groups))
        return Markup(f'<div{attributes_text(group)}>{buttons}</div>')


class CheckMany(Radio):
    """A few choices, all in sight, of which any number is ticked; the native value is a set.

    :param required: the sentence when none is ticked, or True for the usual one

    >>> from kali.forms.choices import ListLens
    >>> sorted(CheckMany(ListLens(['tea', 'milk', 'rum'])).i2n(['tea', 'milk']))
    ['milk', 'tea']
    """

    def __init__(self, lens: ChoiceLens, required: str | bool = '', *, label: str | None = None,
                 help: str = '', **attributes: Any) -> None:
        super().__init__(lens, required, label=label, help=help, **attributes)
        self.multiple = True
