"""Lenses for numbers, dates and times.

Numbers are read as the current locale writes them, and as any other does where they can mean only one thing;
dates as ISO 8601 and browsers write them, or in the order of the locale. Anything else is a sentence that
shows what is accepted. Blank text is refused (wrap a lens in `Nullable` to have None for it), except by the
older `DATE`. A value that SQLite returns in another form than the lens makes is shown as it is.
"""

from __future__ import annotations

import datetime
import re

from kali import convert
from kali.errors import ValidationError
from kali.forms.lenses import Lens, Nullable
from kali.locale import current
from kali.locale.words import say

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    import decimal
    from typing import Any

__all__ = ['DATE', 'REQUIRED_DATE', 'Date', 'DateLens', 'DateTime', 'Decimal', 'Float', 'Integer', 'Time',
           'refusal']

_NUMBER = re.compile(r'-?[0-9]+(?:\.([0-9]+))?(?:[eE][-+]?[0-9]+)?')
_MOMENT = re.compile(r'([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}.*)')
_CLOCK = re.compile(r'(.*[0-9]{2}:[0-9]{2})(:[0-9]{2})(\.[0-9]+)?(.*)')


def refusal(error: convert.Unreadable) -> ValidationError:
    """What a conversion refuses, in the words of forms and the user's language."""
    values = dict(error.values)
    if error.key == 'no such date':
        year, month, day = str(values['date']).split('-')
        if 1 <= int(month) <= 12:
            name = say('months').split()[int(month) - 1]
            values['date'] = say('day', day=int(day), month=name, year=year)
    return ValidationError(say('number' if error.key == 'decimal' else error.key, **values))


class _Ranged(Lens):
    """What all of these have in common: a blank check, a parser, a range, and the HTML that says so."""

    kind = 'text'  # the input type that fits
    inputmode = ''

    def __init__(self, min: Any = None, max: Any = None) -> None:
        if min is not None and max is not None and min > max:
            raise ValueError(f'nothing lies between {min} and {max}: swap min and max')
        self.min, self.max = min, max

    def parse(self, text: str) -> Any:
        """The value of `text`, which is trimmed and not blank; raise convert.Unreadable if there is none."""
        raise NotImplementedError(type(self))

    def string_for_browser(self, value: Any) -> str:
        return '' if value is None else str(value)

    def in_words(self, limit: Any) -> str:
        """A limit as a sentence says it."""
        return self.string_for_browser(limit)

    def native_from_string(self, text: str) -> Any:
        text = text.strip()
        if not text:
            raise ValidationError(say('blank'))
        try:
            value = self.parse(text)
        except convert.Unreadable as error:
            raise refusal(error) from None
        compared = value.replace(tzinfo=None) if getattr(value, 'tzinfo', None) else value
        if self.min is not None and compared < self.min:
            raise ValidationError(say('too small', limit=self.in_words(self.min)))
        if self.max is not None and compared > self.max:
            raise ValidationError(say('too large', limit=self.in_words(self.max)))
        return value

    def constraints(self) -> dict[str, str | None]:
        found: dict[str, str | None] = {'type': self.kind, 'required': None}
        if self.inputmode:
            found['inputmode'] = self.inputmode
        for name, limit in (('min', self.min), ('max', self.max)):
            if limit is not None:
                found[name] = str(limit) if self.inputmode else self.string_for_browser(limit)
        return found


class Integer(_Ranged):
    """A whole number from `min` to `max`, both accepted; without them what 64 bits hold, as SQLite does.

    Its control is a text entry: a number field of Chromium takes `12,50` for 1250 without a word.

    >>> Integer(1, 10).native_from_string('7'), Integer().native_from_string('1 234')
    (7, 1234)
    >>> Integer(1, 10).native_from_string('\u0663')
    Traceback (most recent call last):
    kali.errors.ValidationError: is not a whole number; one looks like 42, with the digits 0 to 9.
    """

    inputmode = 'numeric'

    def parse(self, text: str) -> int:
        least = convert.LEAST if self.min is None else self.min
        most = convert.MOST if self.max is None else self.max
        return convert.integer(current().read_whole(text), least, most)


class Float(_Ranged):
    """A number with a fraction, from `min` to `max`; no NaN, no infinity.

    >>> Float().native_from_string('-1.5e3'), Float().native_from_string('12,5')
    (-1500.0, 12.5)
    """

    inputmode = 'decimal'

    def parse(self, text: str) -> float:
        return convert.number(current().read(text))

    def string_for_browser(self, value: Any) -> str:
        text = '' if value is None else str(value)
        return text.replace('.', current().decimal) if _NUMBER.fullmatch(text) else text

    def constraints(self) -> dict[str, str | None]:
        return {**super().constraints(), 'step': 'any'}


class Decimal(_Ranged):
    """An exact number (`decimal.Decimal`), as for money.

    :param places: the most digits after the point that are accepted; as many are shown.

    >>> Decimal(places=2).native_from_string('12,5')
    Decimal('12.5')
    >>> Decimal(places=2).string_for_browser(12)
    '12.00'
    """

    inputmode = 'decimal'

    def __init__(self, min: Any = None, max: Any = None, *, places: int | None = None) -> None:
        super().__init__(min, max)
        self.places = places

    def parse(self, text: str) -> decimal.Decimal:
        text = current().read(text)
        value = convert.decimal(text)
        if self.places is not None and len(text.partition('.')[2]) > self.places:
            raise ValidationError(say('places', places=self.places))
        return value

    def string_for_browser(self, value: Any) -> str:
        text = '' if value is None else str(value)
        if not _NUMBER.fullmatch(text):
            return text
        if self.places is not None and isinstance(value, float):
            rounded = f'{value:.{self.places}f}'
            if f'{float(rounded):.15g}' == f'{value:.15g}':  # 0.30000000000000004 is what SQLite makes of 0.3
                text = rounded
        if 'e' in text or 'E' in text:
            import decimal  # here, since it costs more to load than the rest of the forms together
            exact = decimal.Decimal(text)
            text = format(exact, 'f') if -400 < exact.adjusted() < 400 else text
        if self.places:
            whole, _, fraction = text.partition('.')
            text = f'{whole}.{fraction:0<{self.places}}'
        return text.replace('.', current().decimal)

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
        return convert.date(current().read_day(text))

    def string_for_browser(self, value: Any) -> str:
        if isinstance(value, datetime.datetime):
            value = value.date()
        return '' if value is None else str(value)

    def in_words(self, limit: Any) -> str:
        return current().day(self.string_for_browser(limit))


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
    """Times: shown to the minute unless there is more."""

    def __init__(self, min: Any = None, max: Any = None, *, step: int | None = None) -> None:
        """:param step: 60 accepts whole minutes only, 1 whole seconds; None accepts whatever comes."""
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

    def string_for_browser(self, value: Any) -> str:
        """As a browser sends it: no seconds if they are zero, and thousandths if these will do."""
        found = _CLOCK.fullmatch('' if value is None else str(value))
        if found is None:
            return '' if value is None else str(value)
        start, seconds, fraction, zone = found.groups('')
        if len(fraction) == 7 and fraction.endswith('000'):
            fraction = fraction[:4]
        return f'{start}{"" if seconds == ":00" and not fraction else seconds}{fraction}{zone}'

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
        return convert.time(text)

    def seconds(self, value: Any) -> int:
        return int(value.hour * 3600 + value.minute * 60 + value.second)


class DateTime(_Clock):
    """A date and time of day (`datetime.datetime`), otherwise like `Time`; with a zone if the text has one.

    :param step: seconds from one that is accepted to the next

    >>> DateTime().native_from_string('2026-02-28T14:30')
    datetime.datetime(2026, 2, 28, 14, 30)
    """

    kind = 'datetime-local'

    def parse(self, text: str) -> datetime.datetime:
        day, blank, clock = text.replace('T', ' ', 1).rpartition(' ')
        if not blank:
            raise convert.Unreadable('datetime', text)
        try:
            return convert.moment(f'{current().read_day(day)} {clock}')
        except OverflowError:  # a zone at the very end of the calendar
            raise convert.Unreadable('datetime', text) from None

    def seconds(self, value: Any) -> int:
        start = datetime.datetime(1970, 1, 1)
        return int((value.replace(tzinfo=None) - start) // datetime.timedelta(seconds=1))

    def string_for_browser(self, value: Any) -> str:
        text = super().string_for_browser(value)
        found = _MOMENT.fullmatch(text)
        return f'{found[1]}T{found[2]}' if found else text
