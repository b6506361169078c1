"""Locales: how the people of a language write numbers, dates and money, and which of them is current.

The current locale is that of the browser that asks (its first `Accept-Language`), or the one that
`serve_http(…, locale='de')` names. The dispatcher sets it around each call of a handler and around each later
step of an answer; lenses, filters and kali's own words look here. It is context-local, because neither a
filter nor a lens gets the request; so it is right in threads and in asyncio tasks too.
"""

from __future__ import annotations

import re
from collections import namedtuple
from contextvars import ContextVar

from kali.convert import Unreadable

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Token
    from typing import Any, Protocol

    class _Fields(Protocol):
        def get(self, key: str, default: Any = None) -> Any: ...

__all__ = ['ENGLISH', 'Locale', 'current', 'leave', 'use']

_BLANKS = ' \xa0\u2009\u202f'
# Patterns are text, and compiled when first needed: hello-world has no numbers to read.
_MARKS = rf"[.,'’{_BLANKS}]"
_GROUPED = (rf"[0-9]{{1,3}}(?:([{_BLANKS}])[0-9]{{3}}(?:\1[0-9]{{3}})*"
            r"|(['’.,])[0-9]{3}(?:\2[0-9]{3})*)")
_PLAIN = '[-+]?[0-9]*'
_DAY = r'([0-9]{1,4})([-./]) ?([0-9]{1,2})\2 ?([0-9]{1,4})'

# Language, or language and region: decimal mark, mark between thousands, a date, an amount of money.
_CONVENTIONS = {
    'en': ('.', ',', 'y-m-d', '{}'), 'en-us': ('.', ',', 'm/d/y', '${}'), 'en-gb': ('.', ',', 'd/m/y', '£{}'),
    'en-ie': ('.', ',', 'd/m/y', '€{}'), 'en-au': ('.', ',', 'd/m/y', '${}'),
    'en-nz': ('.', ',', 'd/m/y', '${}'), 'en-ca': ('.', ',', 'y-m-d', '${}'),
    'de': (',', '.', 'd.m.y', '{}\xa0€'), 'de-ch': ('.', '’', 'd.m.y', 'CHF\xa0{}'),
    'de-li': ('.', '’', 'd.m.y', 'CHF\xa0{}'),
    'fr': (',', '\u202f', 'd/m/y', '{}\xa0€'), 'fr-ch': (',', '\u202f', 'd.m.y', '{}\xa0CHF'),
    'fr-ca': (',', '\xa0', 'y-m-d', '{}\xa0$'),
    'es': (',', '.', 'd/m/y', '{}\xa0€'), 'es-mx': ('.', ',', 'd/m/y', '${}'),
    'es-us': ('.', ',', 'm/d/y', '${}'),
    'cs': (',', '\xa0', 'd. m. y', '{}\xa0Kč'), 'sk': (',', '\xa0', 'd. m. y', '{}\xa0€'),
    'pl': (',', '\xa0', 'd.m.y', '{}\xa0zł'), 'hu': (',', '\xa0', 'y.m.d', '{}\xa0Ft'),
    'it': (',', '.', 'd/m/y', '{}\xa0€'), 'nl': (',', '.', 'd-m-y', '€\xa0{}'),
    'pt': (',', '\xa0', 'd/m/y', '{}\xa0€'), 'pt-br': (',', '.', 'd/m/y', 'R$\xa0{}'),
    'da': (',', '.', 'd.m.y', '{}\xa0kr.'), 'sv': (',', '\xa0', 'y-m-d', '{}\xa0kr'),
    'nb': (',', '\xa0', 'd.m.y', '{}\xa0kr'), 'fi': (',', '\xa0', 'd.m.y', '{}\xa0€'),
}


class Locale(namedtuple('Locale', 'language decimal grouping date currency')):
    """How numbers, dates and money are written.

    :ivar language: of kali's own words, as in HTML's `lang`: `en`, `de`
    :ivar decimal: the mark before a fraction
    :ivar grouping: the mark between thousands
    :ivar date: the order of a date with what stands between: `d.m.y`; day and month have two digits unless
        there are blanks
    :ivar currency: an amount of money, `{}` in place of the number

    >>> german = Locale.named('de-DE')
    >>> german.number(1234.5, 2), german.day('2026-02-28'), german.read('12,50')
    ('1.234,50', '28.02.2026', '12.50')
    >>> german._replace(currency='CHF {}').money(7)
    'CHF 7,00'
    """

    __slots__ = ()

    @classmethod
    def named(cls, tag: str) -> Locale:
        """The locale of a language tag: the region's own habits if kali knows them, else the language's.

        :raises ValueError: if kali does not know the language
        """
        language, _, region = tag.strip().lower().replace('_', '-').partition('-')
        found = _CONVENTIONS.get(f'{language}-{region}') or _CONVENTIONS.get(language)
        if found is None:
            known = ', '.join(key for key in _CONVENTIONS if '-' not in key)
            raise ValueError(f'locale {tag!r}: known are {known}, and a region may follow, as in de-CH; for '
                             'another make a kali.locale.Locale')
        return cls(language, *found)

    def number(self, value: Any, places: int | None = None) -> str:
        """A number with marks between the thousands.

        :param places: digits of the fraction; as many as the number has unless given
        """
        text = f'{value:,}' if places is None else f'{value:,.{places}f}'
        return text if self[1:3] == ('.', ',') else text.translate({44: self.grouping, 46: self.decimal})

    def money(self, value: Any) -> str:
        """An amount with two places and the currency."""
        amount = self.currency.format(self.number(abs(value), 2))
        return f'-{amount}' if value < 0 else amount

    def day(self, iso: str) -> str:
        """The date that begins with `2026-02-28`."""
        year, month, day = iso[:10].split('-')
        if ' ' in self.date:
            month, day = month.lstrip('0'), day.lstrip('0')
        return str(self.date).translate({ord('y'): year, ord('m'): month, ord('d'): day, 32: '\xa0'})

    def read(self, text: str) -> str:
        """A number as somebody typed it, in the form that `kali.convert` takes.

        The locale's own decimal mark is always one. The other mark is one too where it cannot stand between
        thousands (`12.50`), and both may stand between thousands where they cannot be a decimal mark
        (`1.234.567`, `1.234,50`).

        :raises Unreadable: `two readings`, for `1.234` where a comma is the decimal mark; `number`
        """
        if re.fullmatch(_PLAIN, text):  # most numbers
            return text
        text = text.replace('\u2212', '-')
        head = text[:len(text) - len(text.lstrip('+-'))]
        body, power, exponent = text[len(head):].replace('E', 'e').partition('e')
        marks = re.findall(_MARKS, body)
        last = marks[-1] if marks else ''
        if last not in ('.', ',') or marks.count(last) > 1:
            whole, last, fraction = body, '', ''  # no mark of a fraction
        else:
            whole, _, fraction = body.rpartition(last)
            if len(marks) == 1 and last != self.decimal and re.fullmatch(_GROUPED, body) and body[0] != '0':
                raise Unreadable('two readings', text, one=head + whole + fraction,
                                 other=f'{head}{whole}{self.decimal}{fraction}')
            last = '.'
        if re.search(_MARKS, whole):
            if not re.fullmatch(_GROUPED, whole):
                raise Unreadable('number', text)
            whole = re.sub(_MARKS, '', whole)
        return f'{head}{whole}{last}{fraction}{power}{exponent}'

    def read_whole(self, text: str) -> str:
        """The same for a whole number: between thousands stand blanks, apostrophes or the locale's mark."""
        if re.fullmatch(_PLAIN, text):
            return text
        text = text.replace('\u2212', '-')
        digits = text.lstrip('+-')
        found = re.fullmatch(_GROUPED, digits)
        certain = found and (found[2] in (None, "'", '’', self.grouping) or digits.count(found[2]) > 1)
        if not certain or digits.startswith('0'):
            raise Unreadable('integer', text)
        return text[:len(text) - len(digits)] + re.sub(_MARKS, '', digits)

    def read_day(self, text: str) -> str:
        """A date as somebody typed it, as `2026-02-28`; other text stays as it is."""
        found = re.fullmatch(_DAY, text.replace('\xa0', ' '))
        if found is None or len(found[1]) == 4 or len(found[4]) != 4 or self.date.startswith('y'):
            return text
        month, day = (found[3], found[1]) if self.date[0] == 'd' else (found[1], found[3])
        return f'{found[4]}-{month:0>2}-{day:0>2}'


#: What holds where no browser says anything else, and where text is for machines.
ENGLISH = Locale.named('en')

_current: ContextVar[Any] = ContextVar('kali.locale', default=ENGLISH)
_accepted: dict[str, Locale] = {'': ENGLISH}  # by header; bounded, since a client chooses them


def current() -> Locale:
    """The locale of the request that is being answered; English outside of one."""
    found = _current.get()
    if type(found) is Locale:
        return found
    header = found.get('accept-language', '')
    locale = _accepted.get(header)
    if locale is None:
        try:
            locale = Locale.named(header.split(',')[0].partition(';')[0])
        except ValueError:
            locale = ENGLISH
        if len(_accepted) > 200:
            _accepted.clear()
        _accepted[header] = locale
    return locale


#: `use(source)` makes a locale the current one, or that of a request by its headers, and gives a token;
#: `leave(token)` makes the one current that was so before. Each request calls
#: both, so they are no functions.
#:
#:  >>> token = use(Locale.named('fr'))
#:  >>> current().language
#:  'fr'
#:  >>> leave(token)
use: Callable[[Locale | _Fields], Token[Any]] = _current.set
leave: Callable[[Token[Any]], None] = _current.reset
