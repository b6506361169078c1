"""Lenses: text as a form has it, to a value as a program has it, and back.

`native_from_string(string_for_browser(value)) == value`, and text that means no value raises a
ValidationError with a sentence for the person who typed it. Lenses compose: `Test` and `Nullable` take
another lens. Each can say its rules as HTML attributes too (`constraints`), so that the browser and the
server check one declaration. Numbers and dates are in `typed`, choices in `choices`.
"""

from __future__ import annotations

import re

from kali.errors import ValidationError
from kali.locale.words import say

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

__all__ = ['BLANKABLE', 'NULLABLE', 'TYPICAL', 'Lens', 'List', 'Nullable', 'String', 'StringLens', 'Test',
           'refuse_controls']

# C0, DEL, C1 and halves of surrogate pairs; MULTILINE leaves tab, line feed and carriage return alone.
_SINGLE_LINE = re.compile('[\x00-\x1f\x7f-\x9f\ud800-\udfff]')
_MULTILINE = re.compile('[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]')


class Lens:
    """The base of all lenses: two methods to override, and `constraints` if HTML can say the same."""

    def string_for_browser(self, value: Any) -> str:
        """The text that stands for `value` in a form; '' for None."""
        raise NotImplementedError(type(self))

    def native_from_string(self, text: str) -> Any:
        """The value that `text` means.

        :raises ValidationError: with the sentence to show beside the field.
        """
        raise NotImplementedError(type(self))

    def constraints(self) -> dict[str, str | None]:
        """The same rules as HTML attributes (`type`, `required`, `min`, `pattern` …); None: no value."""
        return {}


class StringLens(Lens):
    """Text, trimmed unless `strip` is false. Control characters and halves of characters are refused.

    :param maxlength: the most characters accepted; more is an error, never cut.
    :param minlength: the fewest; blank text is shorter than any.

    >>> String(maxlength=5).native_from_string(' tea ')
    'tea'
    >>> String(maxlength=5).native_from_string('peppermint')
    Traceback (most recent call last):
    kali.errors.ValidationError: is 10 characters long; at most 5 are accepted.
    """

    # On the class as well, because a subclass need not call this constructor.
    maxlength: int | None = None
    minlength = 0
    strip = True

    def __init__(self, *, maxlength: int | None = None, minlength: int = 0, strip: bool = True) -> None:
        if maxlength is not None and maxlength < minlength:
            raise ValueError(f'no text has at least {minlength} and at most {maxlength} characters')
        self.maxlength, self.minlength, self.strip = maxlength, minlength, strip

    def string_for_browser(self, value: Any) -> str:
        return '' if value is None else str(value)

    def native_from_string(self, text: str) -> Any:
        if self.strip:
            text = text.strip()
        if not text.isprintable():
            refuse_controls(text, multiline=True)
        if self.maxlength is not None and len(text) > self.maxlength:
            raise ValidationError(say('too long', length=len(text), limit=self.maxlength))
        if len(text) < self.minlength:
            key = 'too short' if text else 'blank'
            raise ValidationError(say(key, length=len(text), limit=self.minlength))
        return text

    def constraints(self) -> dict[str, str | None]:
        found: dict[str, str | None] = {}
        if self.maxlength is not None:
            found['maxlength'] = str(self.maxlength)
        if self.minlength:
            found |= {'minlength': str(self.minlength), 'required': None}
        return found


String = StringLens

#: Any text, trimmed.
BLANKABLE = StringLens()


class Test(Lens):
    """What another lens gives, if it passes a test.

    :param predicate: a function of the value, or a regular expression that the whole text must match
        (None, which is blank under `Nullable`, passes a regular expression). `bool` says that the field is
        required.
    :param child: the lens that makes the value; the usual one trims text.
    :param error: the sentence when the test fails; the usual one of MESSAGES unless given.
    :param flags: for the regular expression, as in `re`.

    >>> Test('[0-9]{5}', error='is five digits.').native_from_string(' 01234 ')
    '01234'
    """

    __test__ = False  # or pytest takes a class of this name for a test

    def __init__(self, predicate: str | re.Pattern[str] | Callable[[Any], object], *, child: Lens = BLANKABLE,
                 error: str | None = None, flags: int | None = None) -> None:
        self._child, self._error = child, error
        self._usual = 'blank' if predicate is bool else 'invalid'
        self._mirror: dict[str, str | None] = {'required': None} if predicate is bool else {}
        self._test: Callable[[Any], object]
        if isinstance(predicate, str):
            predicate = re.compile(predicate, flags or 0)
        if isinstance(predicate, re.Pattern):
            fullmatch = predicate.fullmatch
            self._test = lambda value: value is None or fullmatch(value)
        elif callable(predicate):
            self._test = predicate
        else:
            raise TypeError(f'a test is a regular expression or a function of the value, not {predicate!r}')

    def string_for_browser(self, value: Any) -> str:
        return self._child.string_for_browser(value)

    def native_from_string(self, text: str) -> Any:
        value = self._child.native_from_string(text)
        if self._test(value):
            return value
        raise ValidationError(self._error or say(self._usual))

    def constraints(self) -> dict[str, str | None]:
        return {**_constraints(self._child), **self._mirror}


#: Text that may not be blank: what `Entry` uses unless told otherwise.
TYPICAL = Test(bool)


class Nullable(Lens):
    """None for blank text, and another lens for all else; the child is not asked about blank text.

    >>> NULLABLE.native_from_string('  '), NULLABLE.native_from_string('tea')
    (None, 'tea')
    """

    def __init__(self, child: Lens) -> None:
        self._child = child

    def string_for_browser(self, value: Any) -> str:
        return '' if value is None else self._child.string_for_browser(value)

    def native_from_string(self, text: str) -> Any:
        if not text or text.isspace():
            return None
        value = self._child.native_from_string(text)
        return None if value == '' else value

    def constraints(self) -> dict[str, str | None]:
        return {key: value for key, value in _constraints(self._child).items() if key != 'required'}


#: Any text, trimmed; blank is None.
NULLABLE = Nullable(BLANKABLE)


class List(Lens):
    """Several values in one line of text, with a separator between them; blank text is an empty list.

    :param child: the lens of each value; text that may not be blank unless told otherwise.
    :param separator: what stands between two values; the text of a value may not contain it.

    >>> List().native_from_string('red, green')
    ['red', 'green']
    >>> List().string_for_browser(['red', 'green'])
    'red, green'
    """

    def __init__(self, child: Lens = TYPICAL, *, separator: str = ',') -> None:
        if not separator:
            raise ValueError('a separator is some text, such as a comma or a line feed')
        self._child, self._separator = child, separator

    def string_for_browser(self, value: Iterable[Any] | None) -> str:
        joint = self._separator if self._separator.isspace() else f'{self._separator} '
        return joint.join(map(self._child.string_for_browser, value or ()))

    def native_from_string(self, text: str) -> list[Any]:
        if not text.strip():
            return []
        return [self._child.native_from_string(item.strip()) for item in text.split(self._separator)]


def refuse_controls(text: str, *, multiline: bool) -> None:
    """Raise a ValidationError if `text` holds a control character or half of a surrogate pair.

    :param multiline: tabs and line breaks are fine, as in a memo.

    >>> refuse_controls('a\\x00b', multiline=True)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    kali.errors.ValidationError: contains the control character U+0000, ...
    """
    found = (_MULTILINE if multiline else _SINGLE_LINE).search(text)
    if found:
        raise ValidationError(say('character', what=_name(found[0])))


def _name(character: str) -> str:
    key = {'\t': 'tab', '\r': 'line break', '\n': 'line break'}.get(
        character, 'surrogate' if character >= '\ud800' else 'control')
    return say(key, code=f'U+{ord(character):04X}')


def _constraints(lens: Lens) -> dict[str, str | None]:
    # A lens of an older program may be any object with the two methods.
    return lens.constraints() if hasattr(lens, 'constraints') else {}
