"""Elements whose values are offered: a tick, a list to pick from, radio buttons.

Only what was offered is accepted, and what the record has already: a stored value that is no choice any more
is shown, marked as such, and kept. What the choices are is the lens's affair. A long list becomes an entry
that asks the server for the few choices that fit what was typed.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import groupby
from operator import itemgetter

from kali.errors import ValidationError
from kali.forms.choices import NO, is_yes
from kali.forms.elements import Element, attributes_text, in_html, line_feeds
from kali.locale.words import say
from kali.markup import Markup, escape_text

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from typing import Any

    from kali.forms.choices import ChoiceLens
    from kali.iolist import Content
    from kali.multidict import Bag

__all__ = ['Check', 'CheckMany', 'Pick', 'Radio']

#: How many choices a list has at most, and how many a search box shows at a time.
MOST, FEW = 50, 20
_NUMBER = re.compile(r'[-+]?[0-9]{1,18}(?:\.[0-9]*)?')


class Check(Element):
    """A box to tick: True or False.

    :param required: the sentence when the box must be ticked and is not, or True for the usual one

    >>> Check().html('done', '1')
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

    def show(self, value: Any) -> str:
        return '1' if is_yes(value) else ''

    def read(self, name: str, posted: Bag) -> str:
        text: str = posted.get(name, '')
        return text

    def html(self, name: str, intermediate: str) -> Content:
        checked = bool(self._VALUES.get(intermediate))
        made: Markup | None = (self._made or self.made).get((name, checked))
        if made is None:
            own = {'type': 'checkbox', 'name': name, 'id': self.id_for(name), 'value': '1'}
            tag = f'<input{attributes_text({**self.attributes, **own})}{" checked" if checked else ""}>'
            made = self.made[name, checked] = Markup(tag)
        return made

    def in_words(self, intermediate: str) -> str:
        return say('yes' if self._VALUES.get(intermediate) else 'no')

    def unchanged(self, intermediate: str, stored: Any) -> bool:
        return self._VALUES.get(intermediate) == is_yes(stored)

    def value_instead(self, intermediate: str, stored: Any) -> Any:
        value = self.value(intermediate)
        if not isinstance(stored, str) or not stored:
            return value
        spelled = NO if value else {yes: no for no, yes in NO.items() if no}
        other = spelled.get(stored.strip().lower())
        if other is None:
            return value
        return other.upper() if stored.isupper() else other.capitalize() if stored[0].isupper() else other

    def value(self, intermediate: str) -> bool:
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
    :param search: an entry to type part of a label into, instead of a list; more than 50 choices have one
        in any case
    :param attributes: of the `<select>` or `<input>` tag
    :raises ValueError: for several that are searched for: that needs a page of its own

    >>> from kali.forms.choices import ListLens
    >>> Pick(ListLens(['tea']), required='One of them!').html('drink', 'tea')
    Markup('<select required name="drink" id="drink"><option value="tea" selected>tea</option></select>')
    """

    def __init__(self, lens: ChoiceLens, required: str | bool = '', multiple: bool = False, *,
                 search: bool = False, label: str | None = None, help: str = '', **attributes: Any) -> None:
        super().__init__(label=label, help=help, required=bool(required), multiple=multiple, **attributes)
        if search and multiple:
            raise ValueError('a search finds one choice: use multiple=True, or CheckMany, without search')
        self.lens, self.multiple, self.search = lens, multiple, search
        self._required = required

    def show(self, value: Any) -> Any:
        if self.multiple:
            return set(map(self.lens.string_for_browser, value or ()))
        text = self.lens.string_for_browser(value)
        if not text or not self._searches():
            return text
        labels = self._labels()
        return labels.get(_offered(text, labels), ' '.join(text.split()))

    def read(self, name: str, posted: Bag) -> Any:
        if self.multiple:
            return [line_feeds(text) for text in posted.get_list(name)]
        return line_feeds(posted.get(name, ''))

    def html(self, name: str, intermediate: Any) -> Content:
        if self.multiple:
            return self._html(name, self._groups(), intermediate)
        made: Markup | None = (self._made or self.made).get((name, intermediate))
        if made is None:
            if self._searches():
                return self._search_html(name, intermediate)
            groups = self._groups()
            made = self._html(name, groups, (intermediate,))
            if getattr(self.lens, 'fixed', False) and intermediate in ('', *(text for text, _, _ in groups)):
                self.made[name, intermediate] = made  # at most one for each choice and name
        return made

    def _searches(self) -> bool:
        """Whether there is a search box instead of a list."""
        if self.search or self.multiple or self.layout == 'group':
            return self.search
        if not getattr(self.lens, 'fixed', False):
            return len(self._groups()) > MOST
        if 'searches' not in self.made:
            self.made['searches'] = len(self._groups()) > MOST
        return bool(self.made['searches'])

    def in_words(self, intermediate: Any) -> str:
        if self._searches():
            return str(intermediate)
        labels = {text: label for text, label, _ in self._groups()}
        chosen = intermediate if self.multiple else (intermediate,)
        texts = [_offered(text, labels) for text in chosen if text]
        return ', '.join(labels.get(text, text) for text in sorted(texts, key=[*labels, *texts].index))

    def _groups(self) -> list[tuple[str, str, str]]:
        # A lens of an older program may be any object with `string_pairs`.
        if hasattr(self.lens, 'string_groups'):
            return list(self.lens.string_groups())
        return [(text, label, '') for text, label in self.lens.string_pairs()]

    def _labels(self) -> dict[str, str]:
        """What stands in the search box for each choice: its label, with its text where labels are alike."""
        # In one line, as the entry has it.
        pairs = [(text, ' '.join(label.split())) for text, label in self.lens.string_pairs()]
        alike = Counter(label.casefold() for _, label in pairs)
        return {text: label if alike[label.casefold()] == 1 else ' '.join(f'{label} ({text})'.split())
                for text, label in pairs}

    def _search_html(self, name: str, typed: str) -> Markup:
        own_id, labels = self.id_for(name), self._labels()
        attributes = {'autocomplete': 'off', **self.attributes, 'type': 'text', 'list': f'{own_id}-list',
                      'name': name, 'id': own_id, 'value': typed}
        if len(labels) > MOST:
            attributes['data-search'] = name
        return Markup(f'<input{attributes_text(attributes)}><datalist id="{escape_text(own_id)}-list">'
                      f'{self._options(labels, typed)}</datalist>')

    def _options(self, labels: dict[str, str], typed: str) -> str:
        shown = list(labels.values())
        if len(shown) > MOST:
            sought = typed.strip().casefold()
            shown = ([label for label in shown if sought in label.casefold()] or shown)[:FEW]
        return ''.join(f'<option value="{escape_text(label)}"></option>' for label in shown)

    def matches(self, name: str, key: str, text: str) -> Content:
        return Markup(self._options(self._labels(), text) if self._searches() else '')

    def _found(self, typed: str) -> str:
        """The text of the choice that was typed: a whole label, or a part that only one of them has; capitals
        do not matter."""
        sought = ' '.join(typed.split()).casefold()
        if not sought:
            return ''
        labels = self._labels()
        for text, label in labels.items():
            if label.casefold() == sought:
                return text
        if typed in labels and not self.search:  # from a list that was shorter when it was shown
            return typed
        fitting = [text for text, label in labels.items() if sought in label.casefold()]
        if len(fitting) > 1:
            some = ', '.join(f'“{labels[text]}”' for text in fitting[:FEW // 2])
            raise ValidationError(say('several', labels=some + (' …' if len(fitting) > FEW // 2 else '')))
        if not fitting:
            raise ValidationError(say('not offered'))
        return fitting[0]

    def _html(self, name: str, groups: list[tuple[str, str, str]], selected: Collection[str]) -> Markup:
        attributes = {**self.attributes, 'name': name, 'id': self.id_for(name)}
        groups, selected = _with_unoffered(groups, selected)
        offered = any(text in selected for text, _, _ in groups)
        # With nothing selected a browser would show, and send, the first choice as if it had been picked.
        out = [] if self.multiple or (self._required and offered) else ['<option value=""></option>']
        for group, rows in groupby(groups, key=itemgetter(2)):
            options = ''.join(f'<option value="{escape_text(text)}"{" selected" if text in selected else ""}>'
                              f'{escape_text(label)}</option>' for text, label, _ in rows)
            out.append(f'<optgroup label="{escape_text(group)}">{options}</optgroup>' if group else options)
        return Markup(f'<select{attributes_text(attributes)}>{"".join(out)}</select>')

    def unchanged(self, intermediate: Any, stored: Any) -> bool:
        shown = self.show(stored)
        texts = [text for text, _ in self.lens.string_pairs()]
        if self.multiple:
            return {in_html(text) for text in intermediate if text} == {
                in_html(_offered(text, texts)) for text in shown}
        return in_html(intermediate) in (in_html(shown), in_html(_offered(shown, texts)))

    def value_instead(self, intermediate: Any, stored: Any) -> Any:
        if not self.multiple:
            return self.value(intermediate)
        texts = [text for text, _ in self.lens.string_pairs()]
        own = {self.lens.string_for_browser(value): value for value in stored or ()}
        kept = {text for text in intermediate if text in own and text not in texts}
        return self.value([text for text in intermediate if text not in kept]) | {own[text] for text in kept}

    def value(self, intermediate: Any) -> Any:
        if not self.multiple and self._searches():
            intermediate = self._found(intermediate)
        texts: Iterable[str] = intermediate if self.multiple else (intermediate,)
        chosen = [text for text in texts if text]
        if self._required and not chosen:
            raise ValidationError(say('choose') if self._required is True else self._required)
        if getattr(self.lens, 'fixed', False) and not self.multiple:
            return self.lens.native_from_string(intermediate)
        offered = {in_html(text): text for text, _ in self.lens.string_pairs()} if chosen else {}
        if not all(in_html(text) in offered for text in chosen):
            raise ValidationError(say('not offered'))
        natives = [self.lens.native_from_string(offered[in_html(text)]) for text in chosen]
        return set(natives) if self.multiple else natives[0] if natives else self.lens.native_from_string('')


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
        groups, selected = _with_unoffered(groups, selected)
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
            f'<label><input{attributes_text({**shared, "id": f"{own_id}.{index}", "value": text})}'
            f'{" checked" if text in selected else ""}> {escape_text(label)}</label>'
            for index, (text, label, _) in enumerate(groups))
        return Markup(f'<div{attributes_text(group)}>{buttons}</div>')


class CheckMany(Radio):
    """A few choices, all in sight, of which any number is ticked; the native value is a set.

    :param required: the sentence when none is ticked, or True for the usual one

    >>> from kali.forms.choices import ListLens
    >>> sorted(CheckMany(ListLens(['tea', 'milk', 'rum'])).value(['tea', 'milk']))
    ['milk', 'tea']
    """

    def __init__(self, lens: ChoiceLens, required: str | bool = '', *, label: str | None = None,
                 help: str = '', **attributes: Any) -> None:
        super().__init__(lens, required, label=label, help=help, **attributes)
        self.multiple = True


def _offered(text: str, texts: Collection[str]) -> str:
    """The one of `texts` that is `text`, or means the same number or the same letters in another case."""
    if not text or text in texts:
        return text
    alike = [each for each in texts if _meaning(each) == _meaning(text)]
    return alike[0] if len(alike) == 1 else text


def _meaning(text: str) -> object:
    return float(text) if _NUMBER.fullmatch(text) else in_html(text).strip().casefold()


def _with_unoffered(groups: list[tuple[str, str, str]],
                    selected: Collection[str]) -> tuple[list[tuple[str, str, str]], list[str]]:
    """The choices with those that are selected though they are not offered, and the selected ones."""
    texts = [text for text, _, _ in groups]
    chosen = [_offered(text, texts) for text in selected if isinstance(text, str)]
    odd = [(text, say('unoffered', label=text), '') for text in dict.fromkeys(chosen)
           if text and text not in texts]
    return groups + odd, chosen
