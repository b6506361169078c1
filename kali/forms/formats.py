"""Lenses for text with a form of its own: e-mail addresses, web addresses, JSON.

What a lens accepts is what the standard of the format says, so that text goes out as it came in. No lens
looks anything up on the net.
"""

from __future__ import annotations

from kali.errors import ValidationError
from kali.forms.constraints import FORMS
from kali.forms.lenses import Lens, StringLens
from kali.locale.words import say

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ['Email', 'Json', 'Url']


class Email(StringLens):
    """An e-mail address, in the form that browsers accept. Blank text is refused (see `Nullable`).

    >>> Email().native_from_string(' ada@example.org ')
    'ada@example.org'
    >>> Email().native_from_string('ada')
    Traceback (most recent call last):
    kali.errors.ValidationError: is not an e-mail address; one looks like name@example.org.

    Source: HTML standard, "valid email address".
    """

    def __init__(self, *, maxlength: int = 254) -> None:
        super().__init__(maxlength=maxlength, minlength=1)

    def native_from_string(self, text: str) -> Any:
        address = super().native_from_string(text)
        if not FORMS['email'].fullmatch(address):
            raise ValidationError(say('email'))
        return address

    def constraints(self) -> dict[str, str | None]:
        return {'maxlength': str(self.maxlength), 'type': 'email', 'required': None}


class Url(StringLens):
    """A web address with its scheme. Blank text is refused (see `Nullable`).

    :param schemes: those accepted; of others, such as `javascript`, a link would be dangerous

    >>> Url().native_from_string('javascript:alert(1)')
    Traceback (most recent call last):
    kali.errors.ValidationError: is a web address of another kind; accepted are http, https.
    """

    def __init__(self, *, schemes: Sequence[str] = ('http', 'https'), maxlength: int = 2000) -> None:
        super().__init__(maxlength=maxlength, minlength=1)
        self.schemes = tuple(schemes)

    def native_from_string(self, text: str) -> Any:
        address = super().native_from_string(text)
        if not FORMS['url'].fullmatch(address) or not address.partition(':')[2].strip('/'):
            raise ValidationError(say('url'))
        if address.partition(':')[0].lower() not in self.schemes:
            raise ValidationError(say('scheme', schemes=', '.join(self.schemes)))
        return address

    def constraints(self) -> dict[str, str | None]:
        return {'maxlength': str(self.maxlength), 'type': 'url', 'required': None}


class Json(Lens):
    """Any value that JSON can say; blank text is None, as is `null`.

    :param indent: spaces for each level; None for one line

    >>> Json().native_from_string('{"a": [1, true]}')
    {'a': [1, True]}

    Source: RFC 8259; NaN, infinities and halves of characters are refused.
    """

    def __init__(self, *, indent: int | None = None) -> None:
        self.indent = indent

    def string_for_browser(self, value: Any) -> str:
        import json  # few forms need it
        try:
            return '' if value is None else json.dumps(value, ensure_ascii=False, indent=self.indent,
                                                       allow_nan=False)
        except (TypeError, ValueError):  # a column may hold anything
            return str(value)

    def native_from_string(self, text: str) -> Any:
        if not text.strip():
            return None
        import json  # few forms need it
        try:
            value = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValidationError(say('json', line=error.lineno, column=error.colno)) from None
        except (ValueError, RecursionError):  # a number of thousands of digits, brackets without end
            raise ValidationError(say('json value')) from None
        try:
            json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        except (ValueError, RecursionError):  # NaN, 1e999, half of a character
            raise ValidationError(say('json value')) from None
        return value
