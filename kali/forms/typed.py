"""Lenses for numbers, dates and times.

The rule: strict text, ASCII digits only, and the ISO 8601 forms that browsers send; anything else is a
sentence that shows what is accepted. Blank text is refused (wrap a lens in `Nullable` to have None for it),
except by the older `DATE`. Nothing here knows about controls.
"""

from __future__ import annotations

import datetime
import math
import re

from kali.errors import ValidationError
from kali.forms.lenses import Lens, Nullable
from kali.forms.messages import MONTHS, say

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    import decimal
    from typing import Any

__all__ = ['DATE', 'REQUIRED_DATE', 'Date', 'DateLens', 'DateTime', 'Decimal', 'Float', 'Integer', 'Time',
           'date_from_text', 'datetime_from_text', 'time_from_text']

_INTEGER = re.compile('[-+]?[0-9]{1,40}')
_FLOAT = re.compile(r'[-+]?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][-+]?[0-9]{1,4})?')
_DECIMAL = re.compile(r'[-+]?(?:[0-9]+(?:\.([0-9]*))?|\.([0-9]+))')
_DATE = re.compile('([0-9]{4})-([0-9]{2})-([0-9]{2})')
_TIME = re.compile(r'([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,6}))?)?')

# What an INTEGER column of SQLite holds: a larger number would be an error while saving, out of the user's
# sight.
_LEAST, _MOST = -2**63, 2**63 - 1


class _Ranged(Lens):
    """What all of these have in common: a blank check, a parser, a range, and the HTML that says so."""

    kind = 'number'  # the input type that fits

    def __init__(self, min: Any = None, max: Any = None) -> None:
        if min is not None and max is not None and min > max:
            raise ValueError(f'nothing lies between {min} and {max}: swap min and max')
        self.min, self.max = min, max

    def parse(self, text: str) -> Any:
        """The value of `text`, which is trimmed and not blank; raise ValidationError if there is none."""
        raise NotImplementedError(type(self))

    def string_for_browser(self, value: Any) -> str:
        return '' if value is None else str(value)

    def native_from_string(self, text: str) -> Any:
        text = text.strip()
        if not text:
            raise ValidationError(say('blank'))
        value = self.parse(text)
        if self.min is not None and value < self.min:
            raise ValidationError(say('too small', limit=self.string_for_browser(self.min)))
        if self.max is not None and value > self.max:
            raise ValidationError(say('too large', limit=self.string_for_browser(self.max)))
        return value

    def constraints(self) -> dict[str, str | None]:
        found: dict[str, str | None] = {'type': self.kind, 'required': None}
        if self.min is not None:
            found['min'] = self.string_for_browser(self.min)
        if self.max is not None:
            found['max'] = self.string_for_browser(self.max)
        return found


class Integer(_Ranged):
    """A whole number from `min` to `max`, both accepted; without them what 64 bits hold, as SQLite does.

    >>> Integer(1, 10).native_from_string('7')
    7
    >>> Integer(1, 10).native_from_string('\u0663')
    Traceback (most recent call last):
    kali.errors.ValidationError: is not a whole number; one looks like 42, with the digits 0 to 9.
    """

    def parse(self, text: str) -> int:
        if not _INTEGER.fullmatch(text):
            raise ValidationError(say('integer'))
        value = int(text)
        if value < _LEAST and self.min is None:
            raise ValidationError(say('too small', limit=_LEAST))
        if value > _MOST and self.max is None:
            raise ValidationError(say('too large', limit=_MOST))
        return value


class Float(_Ranged):
    """A number with a fraction, from `min` to `max`; no NaN, no infinity.

    >>> Float().native_from_string('-1.5e3')
    -1500.0
    """

    def parse(self, text: str) -> float:
        value = float(text) if _FLOAT.fullmatch(text) else math.nan
        if not math.isfinite(value):
            raise ValidationError(say('number'))
        return value

    def constraints(self) -> dict[str, str | None]:
        return {**super().constraints(), 'step': 'any'}


class Decimal(_Ranged):
    """An exact number (`decimal.Decimal`), as for money.

    :param places: the most digits after the point that are accepted; as many are shown.

    >>> Decimal(places=2).native_from_string('12.5')
    Decimal('12.5')
    >>> Decimal(places=2).string_for_browser(12)
    '12.00'
    """

    def __init__(self, min: Any = None, max: Any = None, *, places: int | None = None) -> None:
        super().__init__(min, max)
        self.places = places

    def parse(self, text: str) -> decimal.Decimal:
        import decimal  # here, since it costs more to load than the rest of the forms together
        match = _DECIMAL.fullmatch(text)
        if match is None:
            raise ValidationError(say('number'))
        if self.places is not None and len(match[1] or match[2] or '') > self.places:
            raise ValidationError(say('places', places=self.places))
        return decimal.Decimal(text)

    def string_for_browser(self, value: Any) -> str:
        if value is None:
            return ''
        text = format(value, 'f') if hasattr(value, 'as_tuple') else str(value)  # a Decimal may print as 1E+2
        if self.places and _DECIMAL.fullmatch(text):
            whole, _, fraction = text.partition('.')
            text = f'{whole}.{fraction:0<{self.places}}'
        return text

    def constraints(self) -> dict[str, str | None]:
        step = 'any' if self.places is None else '1' if not self.places else f'0.{"1":0>{self.places}}'
        return {**super().constraints(), 'step': step}


class Date(_Ranged):
    """A day of the calendar (`datetime.date`), from `min` to `max`.

    >>> Date().native_from_string('2026-02-28')
    datetime.date(2026, 2, 28)
    >>> Date().native_from_string('2026-02-30')
    Traceback (most recent call last):
    kali.errors.ValidationError: there is no 30 February 2026; a date looks like 2026-02-28.
    """

    kind = 'date'

    def parse(self, text: str) -> datetime.date:
        return date_from_text(text)

    def string_for_browser(self, value: Any) -> str:
        if isinstance(value, datetime.datetime):
            value = value.date()
        return _iso(value)


class DateLens(Nullable):
    """A date, or None for blank text, as kali 0.0.x has it.

    >>> DATE.native_from_string('') is None
    True
    """

    def __init__(self) -> None:
        super().__init__(Date())


#: A date; blank is None.
DATE = DateLens()

#: A date that must be given.
REQUIRED_DATE = Date()


class _Clock(_Ranged):
    """Times: shown to the minute unless there is more, and accepted in steps of `step` seconds."""

    def __init__(self, min: Any = None, max: Any = None, *, step: int | None = 60) -> None:
        """:param step: 60 for minutes, 1 for seconds, None for whatever comes, down to microseconds."""
        super().__init__(min, max)
        self.step = step

    def seconds(self, value: Any) -> int:
        """The whole seconds from where HTML begins to count steps when there is no `min`."""
        raise NotImplementedError(type(self))

    def native_from_string(self, text: str) -> Any:
        value = super().native_from_string(text)
        if self.step is not None:
            start = 0 if self.min is None else self.seconds(self.min)
            if (self.seconds(value) - start) % self.step or value.microsecond:
                base = self.string_for_browser(self.min) or '00:00'
                raise ValidationError(say('step', step=f'{self.step} s', base=base))
        return value

    def constraints(self) -> dict[str, str | None]:
        found = super().constraints()
        if self.step != 60:  # which is what HTML takes when there is no step
            found['step'] = 'any' if self.step is None else str(self.step)
        return found


class Time(_Clock):
    """A time of day (`datetime.time`), without a zone, from `min` to `max`, in steps of `step` seconds.

    >>> Time().native_from_string('14:30')
    datetime.time(14, 30)
    """

    kind = 'time'

    def parse(self, text: str) -> datetime.time:
        return time_from_text(text)

    def seconds(self, value: Any) -> int:
        return int(value.hour * 3600 + value.minute * 60 + value.second)

    def string_for_browser(self, value: Any) -> str:
        return _short(_iso(value))


class DateTime(_Clock):
    """A date and time of day (`datetime.datetime`) without a zone, otherwise like `Time`.

    >>> DateTime().native_from_string('2026-02-28T14:30')
    datetime.datetime(2026, 2, 28, 14, 30)
    """

    kind = 'datetime-local'

    def parse(self, text: str) -> datetime.datetime:
        return datetime_from_text(text)

    def seconds(self, value: Any) -> int:
        return int((value - datetime.datetime(1970, 1, 1)) // datetime.timedelta(seconds=1))

    def string_for_browser(self, value: Any) -> str:
        return _short(_iso(value).replace(' ', 'T'))


def date_from_text(text: str) -> datetime.date:
    """The date that `text` says as `2026-02-28`; a ValidationError for any other text."""
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValidationError(say('date'))
    year, month, day = map(int, match.groups())
    try:
        return datetime.date(year, month, day)
    except ValueError:
        named = f'{day} {MONTHS[month - 1]} {match[1]}' if 1 <= month <= 12 else text
        raise ValidationError(say('no such date', date=named)) from None


def time_from_text(text: str) -> datetime.time:
    """The time that `text` says as `14:30`, `14:30:15` or `14:30:15.25`; a ValidationError for any other."""
    match = _TIME.fullmatch(text)
    if match is not None:
        hour, minute, second, fraction = match.groups('')
        try:
            return datetime.time(int(hour), int(minute), int(second or 0), int(f'{fraction:0<6}'))
        except ValueError:  # 25:00
            pass
    raise ValidationError(say('time'))


def datetime_from_text(text: str) -> datetime.datetime:
    """The date and time that `text` says, a `T` or a space between; a ValidationError for any other text."""
    day, separator, time = text.replace('T', ' ', 1).partition(' ')
    if not separator or not _DATE.fullmatch(day):
        raise ValidationError(say('datetime'))
    date = date_from_text(day)
    try:
        return datetime.datetime.combine(date, time_from_text(time))
    except ValidationError:
        raise ValidationError(say('datetime')) from None


def _iso(value: Any) -> str:
    """ISO text of a date or time; text, as a database without converters gives it, is left alone."""
    if value is None:
        return ''
    if getattr(value, 'tzinfo', None) is not None:
        raise ValueError(f'{value!r} has a time zone, which no HTML control can hold: take it off first, '
                         'with .astimezone().replace(tzinfo=None)')
    return value.isoformat() if hasattr(value, 'isoformat') else str(value)


def _short(text: str) -> str:
    """`text` without seconds that are zero: browsers show a field for seconds otherwise."""
    return text[:-3] if len(text) in (8, 19) and text.endswith(':00') else text


