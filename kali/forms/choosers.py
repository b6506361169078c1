"""Elements whose values are offered: a tick, a list to pick from, radio buttons.

The rule: only what was offered is accepted, whatever is posted, and whatever was posted is shown again as far
as a control can. What the choices are is the lens's affair.
"""

from __future__ import annotations

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

__all__ = ['Check', 'Pick', 'Radio']


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
    :param attributes: of the `<select>` tag

    >>> from kali.forms.choices import ListLens
    >>> Pick(ListLens(['tea']), required='One of them!').i2h('drink', 'tea')
    Markup('<select required name="drink" id="drink"><option value="tea" selected>tea</option></select>')
    """

    def __init__(self, lens: ChoiceLens, required: str | bool = '', multiple: bool = False, *,
                 label: str | None = None, help: str = '', **attributes: Any) -> None:
        super().__init__(label=label, help=help, required=bool(required), multiple=multiple, **attributes)
        self.lens, self.multiple = lens, multiple
        self._required = required
        # Controls of choices that never change, by name and selected text: at most one for each choice and
        # name.
        self._made: dict[tuple[str, str], Markup] = {}

    def n2i(self, value: Any) -> Any:
        if self.multiple:
            return set(map(self.lens.string_for_browser, value or ()))
        return self.lens.string_for_browser(value)

    def p2i(self, name: str, POST: Bag) -> Any:
        return POST.get_list(name) if self.multiple else POST.get(name, '')

    def i2h(self, name: str, intermediate: Any) -> Content:
        if self.multiple:
            return self._html(name, list(self.lens.string_pairs()), intermediate)
        made = self._made.get((name, intermediate))
        if made is None:
            pairs = list(self.lens.string_pairs())
            made = self._html(name, pairs, (intermediate,))
            if getattr(self.lens, 'fixed', False) and intermediate in ('', *(text for text, _ in pairs)):
                self._made[name, intermediate] = made
        return made

    def _html(self, name: str, pairs: list[tuple[str, str]], selected: Collection[str]) -> Markup:
        attributes = {**self.attributes, 'name': name, 'id': self.id_for(name)}
        offered = any(text in selected for text, _ in pairs)
        # With nothing selected a browser would show, and send, the first choice as if it had been picked.
        blank = '' if self.multiple or (self._required and offered) else '<option value=""></option>'
        options = ''.join(f'<option value="{escape_text(text)}"{" selected" if text in selected else ""}>'
                          f'{escape_text(label)}</option>' for text, label in pairs)
        return Markup(f'<select{attributes_text(attributes)}>{blank}{options}</select>')

    def i2n(self, intermediate: Any) -> Any:
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

    def _html(self, name: str, pairs: list[tuple[str, str]], selected: Collection[str]) -> Markup:
        own_id = self.id_for(name)
        group: dict[str, str | None] = {'role': 'radiogroup', 'id': own_id, 'tabindex': '-1'}
        group['aria-label'] = str(self.label or name.replace('_', ' ').capitalize())
        if self._required:
            group['aria-required'] = 'true'
        shared = {**self.attributes, 'type': 'radio', 'name': name}
        buttons = ''.join(
            f'<label><input{attributes_text({**shared, "id": f"{own_id}-{index}", "value": text})}'
            f'{" checked" if text in selected else ""}> {escape_text(label)}</label>'
            for index, (text, label) in enumerate(pairs))
        return Markup(f'<div{attributes_text(group)}>{buttons}</div>')
