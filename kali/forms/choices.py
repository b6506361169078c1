"""Lenses for choices: a value out of a few, each with a label to show.

`string_pairs` gives every (text, label) that is offered, and no other text has a value; blank text is None,
since whether a choice is required is the control's affair.
"""

from __future__ import annotations

from kali.errors import ValidationError
from kali.forms.lenses import Lens
from kali.locale.words import say

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    import enum
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

__all__ = ['NO', 'Boolean', 'ChoiceLens', 'Choices', 'Enum', 'EnumLens', 'ListLens', 'is_yes']

#: How a column of text spells no, in lower case; all else is yes.
NO = {'': '', '0': '1', 'f': 't', 'false': 'true', 'n': 'y', 'no': 'yes', 'off': 'on'}


class ChoiceLens(Lens):
    """The base of lenses whose values are few: override `string_pairs` besides the two methods of a lens."""

    #: Whether `string_pairs` gives the same each time, so that a control need not be built afresh.
    fixed = False

    def string_pairs(self) -> Iterable[tuple[str, str]]:
        """The text and the label of each choice, in order.

        For every value `v` but None, `string_for_browser(v)` must be one of the texts.
        """
        raise NotImplementedError(type(self))

    def string_groups(self) -> Iterable[tuple[str, str, str]]:
        """The same with the name of a group, '' for none; choices of one group stand together."""
        return [(text, label, '') for text, label in self.string_pairs()]


class Choices(ChoiceLens):
    """Choices that a function gives, read afresh at each display and each check.

    :param pairs: called without arguments; gives (value, label) pairs, as a query does, or (value, label,
        group). The texts of two values must differ.

    >>> lens = Choices(lambda: [(7, 'Ada'), (8, 'Grace')])
    >>> list(lens.string_pairs()), lens.native_from_string('8')
    ([('7', 'Ada'), ('8', 'Grace')], 8)
    >>> lens.native_from_string('9')
    Traceback (most recent call last):
    kali.errors.ValidationError: this was not among the choices; please choose again.
    """

    def __init__(self, pairs: Callable[[], Iterable[Iterable[Any]]]) -> None:
        self._pairs = pairs

    def string_pairs(self) -> Iterable[tuple[str, str]]:
        return [(text, label) for text, label, _ in self.string_groups()]

    def string_groups(self) -> Iterable[tuple[str, str, str]]:
        return [(str(row[0]), str(row[0] if row[1] is None else row[1]),
                 '' if len(row) < 3 or row[2] is None else str(row[2])) for row in self._rows()]

    def _rows(self) -> Iterable[tuple[Any, ...]]:
        return (row for row in map(tuple, self._pairs()) if row[0] is not None)

    def string_for_browser(self, value: Any) -> str:
        return '' if value is None else str(value)

    def native_from_string(self, text: str) -> Any:
        if not text:
            return None
        for row in self._rows():
            if str(row[0]) == text:
                return row[0]
        raise ValidationError(say('not offered'))


class _Fixed(ChoiceLens):
    """Choices known beforehand: `texts` maps each text to its value, `labels` lists the pairs."""

    fixed = True

    def __init__(self, rows: Iterable[tuple[str, Any, str]]) -> None:
        rows = list(rows)
        self._values = {text: value for text, value, _ in rows}
        self._pairs = [(text, label) for text, _, label in rows]

    def string_pairs(self) -> Iterable[tuple[str, str]]:
        return self._pairs

    def native_from_string(self, text: str) -> Any:
        if not text:
            return None
        try:
            return self._values[text]
        except KeyError:
            raise ValidationError(say('not offered')) from None


class EnumLens(_Fixed):
    """The place of a label in a short list, as a number.

    :param options: the labels.
    :param base: the number of the first.
    :param reverse: offer the last one first.

    >>> priority = EnumLens(['High', 'Medium', 'Low'], base=1)
    >>> priority.native_from_string('0'), list(priority.string_pairs())[0]
    (1, ('0', 'High'))
    """

    def __init__(self, options: Sequence[Any], *, base: int = 0, reverse: bool = False) -> None:
        self.options, self.base = options, base
        rows = [(str(index), index + base, str(label)) for index, label in enumerate(options)]
        super().__init__(reversed(rows) if reverse else rows)

    def string_for_browser(self, value: Any) -> str:
        try:
            return '' if value is None else str(int(value) - self.base)
        except (TypeError, ValueError, OverflowError):  # a column may hold anything
            return str(value)


class Boolean(_Fixed):
    """Yes or no, as a bool; any value that counts as true is yes, so a column of 0 and 1, or of text such as
    `f` and `t`, will do.

    >>> [Boolean().native_from_string(text) for text in ('1', '0', '')]
    [True, False, None]
    """

    def __init__(self, yes: str = 'Yes', no: str = 'No') -> None:
        super().__init__([('1', True, yes), ('0', False, no)])

    def string_for_browser(self, value: Any) -> str:
        return '' if value is None else '1' if is_yes(value) else '0'


class Enum(_Fixed):
    """The members of a Python `Enum`; their names are the texts. A column may hold a member's name or its
    value; kali's own connections store the value if SQL knows its type, else the name.

    :param members: the Enum class.
    :param label: makes the label of a member; usually its value if that is text, else its name in words.
    """

    def __init__(self, members: type[enum.Enum], *, label: Callable[[Any], str] | None = None) -> None:
        super().__init__((name, member, label(member) if label else _label(member))
                         for name, member in members.__members__.items())

    def string_for_browser(self, value: Any) -> str:
        if value is None:
            return ''
        for text, member in self._values.items():  # a column may hold the name, or the value
            if value in (member, text, member.value) and not isinstance(value, bool):
                return text
        return str(value)


class ListLens(ChoiceLens):
    """One out of a list of short strings, the options, which are their own labels.

    >>> ListLens(['FOO', 'BAR']).native_from_string('BAR')
    'BAR'
    """

    def __init__(self, options: Sequence[str]) -> None:
        if isinstance(options, str) or not all(isinstance(option, str) for option in options):
            raise TypeError(f'the options are a list of strings, not {options!r}')
        self.options = options

    def string_pairs(self) -> Iterable[tuple[str, str]]:
        return [(option, option) for option in self.options]

    def string_for_browser(self, value: Any) -> str:
        return '' if value is None else str(value)

    def native_from_string(self, text: str) -> str | None:
        if not text:
            return None
        if text in self.options:
            return text
        raise ValidationError(say('not offered'))


def is_yes(value: Any) -> bool:
    """Whether what a database holds means yes; text that spells no does not.

    >>> [is_yes(value) for value in ('1', 't', 'yes', 1, '0', 'F', 'no', 0.0, None)]
    [True, True, True, True, False, False, False, False, False]
    """
    if isinstance(value, bytes):
        value = value.decode('utf-8', 'replace')
    return value.strip().lower() not in NO if isinstance(value, str) else bool(value)


def _label(member: enum.Enum) -> str:
    return member.value if isinstance(member.value, str) else member.name.replace('_', ' ').capitalize()
