"""The constraints of HTML controls on the server, so that a hand-made POST passes no more than a browser.

As in HTML, blank text breaks `required` alone, and a range or step counts by the number that its input type
gives to text (days for dates, seconds for times). What a control cannot show, or would not let pass, is known
here too.
"""

from __future__ import annotations

import datetime
import re

from kali import convert
from kali.errors import ValidationError
from kali.forms.typed import refusal
from kali.locale.words import say

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from fractions import Fraction
    from typing import TypeAlias

    Attributes: TypeAlias = Mapping[str, str | None]
    Check: TypeAlias = Callable[[str], None]

__all__ = ['FORMS', 'applicable', 'can_show', 'checks_for', 'is_alike']

_TEXTUAL = frozenset(('text', 'search', 'tel', 'url', 'email', 'password'))
_NUMERIC = frozenset(('number', 'range', 'date', 'month', 'week', 'time', 'datetime-local'))
_ONE_LINE = frozenset(('text', 'search', 'tel', 'url', 'email'))
_LONG = _TEXTUAL | {'textarea'}

# Which kinds of control know a constraint; HTML standard, "The input element", table of attributes.
_APPLIES = {'maxlength': _LONG, 'minlength': _LONG, 'pattern': _TEXTUAL, 'title': _TEXTUAL,
            'inputmode': _TEXTUAL,
            'min': _NUMERIC, 'max': _NUMERIC, 'step': _NUMERIC,
            'required': (_LONG | _NUMERIC) - {'range'}}

# HTML standard, "valid email address" and "valid simple color"; a URL is checked for a scheme and something
# after it.
FORMS = {
    'email': re.compile(r"[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
                        r'(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*'),
    'url': re.compile(r'[a-zA-Z][a-zA-Z0-9+.-]*:\S+'),
    'color': re.compile('#[0-9a-fA-F]{6}'),
}
_NUMBER = re.compile(r'-?(?:[0-9]{1,40}(?:\.[0-9]{1,40})?|\.[0-9]{1,40})(?:[eE][-+]?[0-9]{1,3})?')
_MOMENT = re.compile(r'.{10}[T ].{5,12}')  # and no zone, which no control holds
_MONTH = re.compile('([0-9]{4})-(0[1-9]|1[0-2])')
_WEEK = re.compile('([0-9]{4})-W([0-9]{2})')

_EPOCH = datetime.date(1970, 1, 1)
_START = datetime.datetime(1970, 1, 1)


def applicable(kind: str, attributes: Attributes) -> dict[str, str | None]:
    """Those of `attributes` that a control of this kind (an input type, or `textarea`) knows.

    >>> applicable('number', {'min': '1', 'maxlength': '5'})
    {'min': '1'}
    """
    return {name: value for name, value in attributes.items() if kind in _APPLIES.get(name, (kind,))}


def checks_for(kind: str, attributes: Attributes, *, typed: bool = False) -> tuple[Check, ...]:
    """Functions that raise a ValidationError for text that breaks the type or a constraint in `attributes`.

    :param typed: a lens has made sure already that text is of the type
    :raises ValueError: for a constraint that makes no sense, such as `min='soon'` or a pattern that is no
        regular expression in Python as well.

    >>> [check] = checks_for('text', {'maxlength': '3'})
    >>> check('four')
    Traceback (most recent call last):
    kali.errors.ValidationError: is 4 characters long; at most 3 are accepted.
    """
    known = applicable(kind, attributes)
    found: list[Check] = []
    if 'required' in known:
        found.append(_required)
    if kind in FORMS and 'multiple' not in attributes:
        found.append(_form(kind))
    if kind in _NUMERIC and not (typed and known.keys().isdisjoint(('min', 'max', 'step'))):
        found.append(_number(kind, known))
    if 'maxlength' in known or 'minlength' in known:
        found.append(_length(known))
    if known.get('pattern'):
        found.append(_pattern(known['pattern'] or '', known.get('title')))
    return tuple(found)


def can_show(kind: str, attributes: Attributes) -> Callable[[str], bool]:
    """A function that says of text whether an input of this kind shows it, and lets it be sent as it is.

    >>> shows = can_show('number', {'max': '10'})
    >>> shows('7'), shows('25'), shows('abc'), can_show('color', {})('')
    (True, False, False, False)

    Source: HTML standard, "value sanitization algorithm" and "constraint validation" of each type.
    """
    if kind in _NUMERIC:
        usual = {'number': '1', 'range': '1', 'time': '60', 'datetime-local': '60'}
        # Without `min`, steps count from the value itself.
        step = (attributes.get('step') or usual.get(kind)) if attributes.get('min') else 'any'
        known = {**attributes, 'step': step or 'any'}
        checks: tuple[Check, ...] = (_number(kind, applicable(kind, known)),)
    else:
        checks = checks_for(kind, {name: value for name, value in attributes.items()
                                   if name in ('pattern', 'multiple')})

    if kind == 'textarea' or not (checks or kind in _ONE_LINE):
        return lambda text: True
    if not checks:
        return lambda text: '\n' not in text and '\r' not in text
    if kind == 'date' and attributes.keys().isdisjoint(('min', 'max', 'step')):
        return _is_date

    bare = kind in _NUMERIC or kind in FORMS
    clock = kind in ('time', 'datetime-local')  # these go down to thousandths of seconds

    def shows(text: str) -> bool:
        if not text:
            return kind not in ('color', 'range')  # these have no blank: black, the middle
        if kind in _ONE_LINE and ('\n' in text or '\r' in text):
            return False
        if bare and (text != text.strip() or (clock and len(text.partition('.')[2]) > 3)):
            return False
        try:
            for check in checks:
                check(text)
        except ValidationError:
            return False
        return True
    return shows


def _is_date(text: str) -> bool:
    try:
        return not text or bool(text[4:8:3] == '--' and len(text) == 10 and datetime.date.fromisoformat(text))
    except ValueError:
        return False


def is_alike(kind: str, one: str, other: str) -> bool:
    """Whether two texts are one value for an input of this kind, which may write it in its own way.

    >>> is_alike('time', '09:30:00', '09:30'), is_alike('text', '09:30:00', '09:30')
    (True, False)
    """
    try:
        return one == other or (kind in _NUMERIC and _value(kind, one) == _value(kind, other))
    except ValidationError:
        return False


def _required(text: str) -> None:
    if not text or text.isspace():
        raise ValidationError(say('blank'))


def _form(kind: str) -> Check:
    fullmatch = FORMS[kind].fullmatch

    def check(text: str) -> None:
        text = text.strip()
        if text and not fullmatch(text):
            raise ValidationError(say(kind))
    return check


def _length(known: Attributes) -> Check:
    most = _whole('maxlength', known['maxlength']) if 'maxlength' in known else None
    least = _whole('minlength', known.get('minlength') or '0')

    def check(text: str) -> None:
        if most is not None and len(text) > most:
            raise ValidationError(say('too long', length=len(text), limit=most))
        if text and len(text) < least:
            raise ValidationError(say('too short', length=len(text), limit=least))
    return check


def _whole(name: str, text: str | None) -> int:
    if text is None or not (text.isascii() and text.isdigit()):
        raise ValueError(f'{name}={text!r}: this is a number of characters, such as {name}=80')
    return int(text)


def _pattern(pattern: str, title: str | None) -> Check:
    try:
        fullmatch = re.compile(pattern, re.ASCII).fullmatch  # ASCII: \d means 0 to 9 in JavaScript
    except re.error as error:
        raise ValueError(f'pattern={pattern!r} is no regular expression in Python ({error}), so the server '
                         'cannot check it: write it so that both languages take it, or use Test(…)') from None

    def check(text: str) -> None:
        if text and not fullmatch(text):
            raise ValidationError(title or say('pattern'))
    return check


def _number(kind: str, known: Attributes) -> Check:
    """Check that text is of the type `kind`, within `min` and `max`, and on a `step` if one is given."""
    least, most = (_limit(kind, name, known.get(name)) for name in ('min', 'max'))
    step = known.get('step')
    if step is None or step == 'any':
        stride = None
    else:
        stride = _limit('number', 'step', step)
        if stride is None or stride <= 0:
            raise ValueError(f'step={step!r}: this is a number above 0, or "any"')
    plain = kind in ('number', 'range') and least is most is stride is None

    def check(text: str) -> None:
        text = text.strip()
        if not text or (plain and text.isascii() and text.isdigit() and len(text) < 40):
            return
        value = _value(kind, text)
        if least is not None and value < least:
            raise ValidationError(say('too small', limit=known['min']))
        if most is not None and value > most:
            raise ValidationError(say('too large', limit=known['max']))
        if stride is not None and (value - (least or 0)) % stride:
            raise ValidationError(say('step', step=step, base=known.get('min') or _text_of_zero(kind)))
    return check


def _limit(kind: str, name: str, text: str | None) -> Fraction | None:
    if not text:
        return None
    try:
        return _value(kind, text)
    except ValidationError as error:
        raise ValueError(f'{name}={text!r} {error}') from None


def _value(kind: str, text: str) -> Fraction:
    """The number that the text of an input stands for: days, weeks, months or seconds from 1970, or itself.

    Source: HTML standard, "The input element", "convert a string to a number" of each type.
    """
    from fractions import Fraction  # exact for 0.1 as well; only forms with numbers or dates come here
    if kind in ('number', 'range'):
        if not _NUMBER.fullmatch(text) or not abs(float(text)) < float('inf'):
            raise ValidationError(say('number'))
        return Fraction(text)
    if kind == 'month':
        match = _MONTH.fullmatch(text)
        if match is None:
            raise ValidationError(say('month'))
        return Fraction((int(match[1]) - 1970) * 12 + int(match[2]) - 1)
    if kind == 'week':
        return Fraction(_weeks(text))
    try:
        if kind == 'date':
            return Fraction((convert.date(text) - _EPOCH).days)
        if kind == 'time':
            moment = datetime.datetime.combine(_EPOCH, convert.time(text))
        elif _MOMENT.fullmatch(text):
            moment = convert.moment(text)
        else:
            raise convert.Unreadable('datetime', text)
    except convert.Unreadable as error:
        raise refusal(error) from None
    if moment.tzinfo is not None:
        raise ValidationError(say('datetime'))
    passed = moment - _START
    return Fraction(passed.days * 86400 + passed.seconds) + Fraction(passed.microseconds, 10**6)


def _weeks(text: str) -> int:
    match = _WEEK.fullmatch(text)
    try:
        if match is not None:
            return (datetime.date.fromisocalendar(int(match[1]), int(match[2]), 1) - _EPOCH).days // 7
    except ValueError:  # there is no week 53 in most years
        pass
    raise ValidationError(say('week'))


def _text_of_zero(kind: str) -> str:
    return {'date': '1970-01-01', 'month': '1970-01', 'week': '1970-W01', 'time': '00:00',
            'datetime-local': '1970-01-01 00:00'}.get(kind, '0')
