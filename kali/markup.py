"""Markup: text that is HTML already, and the escaping that turns other text into it.

A `str` is text and is escaped where a template puts it; `Markup` is HTML and stays as it is. Objects of other
libraries say that they are HTML with an `__html__` method, as those of MarkupSafe, htpy and WTForms do.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, SupportsIndex

__all__ = ['Markup', 'escape', 'escape_text']


class Markup(str):
    """A string that is HTML, so that templates nest it as it is. What is added to it, joined with it or
    filled into it by `format` and `%` is escaped, unless it is HTML as well.

    >>> Markup('<b>') + 'R&D' + Markup('</b>')
    Markup('<b>R&amp;D</b>')
    >>> Markup('<b>{}</b> %s').format('<i>') % Markup('<hr>')
    Markup('<b>&lt;i&gt;</b> <hr>')
    """

    __slots__ = ()

    def __html__(self) -> str:
        return self

    def __add__(self, other: str) -> Markup:
        return Markup(str.__add__(self, escape(other))) if _is_text(other) else NotImplemented

    def __radd__(self, other: str) -> Markup:
        return Markup(str.__add__(escape(other), self)) if _is_text(other) else NotImplemented

    def __mul__(self, times: SupportsIndex) -> Markup:
        return Markup(str.__mul__(self, times))

    __rmul__ = __mul__

    def __mod__(self, values: object) -> Markup:
        if isinstance(values, tuple):
            return Markup(str.__mod__(self, tuple(map(_Escaped, values))))
        is_mapping = hasattr(type(values), '__getitem__') and not isinstance(values, str)
        return Markup(str.__mod__(self, _Escaped(values) if is_mapping else (_Escaped(values),)))

    def format(self, *args: object, **values: object) -> Markup:
        """This with its fields filled in, each escaped unless it is markup.

        :raises ValueError: for a format specification for markup, such as a width

        >>> Markup('<b title="{name}">{0:.2f}</b>').format(1.5, name='"')
        Markup('<b title="&quot;">1.50</b>')
        """
        named = {name: _Escaped(value) for name, value in values.items()}
        return Markup(str.format(self, *map(_Escaped, args), **named))

    def format_map(self, values: Mapping[str, object]) -> Markup:  # type: ignore[override]
        """The same with the values of a mapping."""
        return Markup(str.format_map(self, _Escaped(values)))

    def join(self, parts: Iterable[object]) -> Markup:  # more than strings
        """The parts, escaped unless they are markup, with this between them.

        >>> Markup('<br>').join(['a < b', Markup('<i>c</i>')])
        Markup('a &lt; b<br><i>c</i>')
        """
        return Markup(str.join(self, map(escape, parts)))

    def __repr__(self) -> str:
        return f'Markup({str.__repr__(self)})'


class _Escaped:
    """A value for `format` and `%`, which becomes text as they ask for it, and then is escaped."""

    __slots__ = ('__value',)

    def __init__(self, value: Any) -> None:
        self.__value = value

    def __getitem__(self, key: Any) -> _Escaped:
        return _Escaped(self.__value[key])

    def __getattr__(self, name: str) -> _Escaped:
        return _Escaped(getattr(self.__value, name))

    def __str__(self) -> str:
        return format(self, '')

    def __repr__(self) -> str:
        return escape_text(repr(self.__value))

    def __format__(self, specification: str) -> str:
        html = getattr(type(self.__value), '__html__', None)
        if html is None:
            return escape_text(format(self.__value, specification))
        if specification:
            raise ValueError(f'markup takes no format such as {specification!r}, which could cut it in a tag')
        return str.__str__(html(self.__value))

    def __int__(self) -> int:
        return int(self.__value)

    def __index__(self) -> int:
        return self.__value.__index__()  # type: ignore[no-any-return]

    def __float__(self) -> float:
        return float(self.__value)


def _is_text(value: object) -> bool:
    return isinstance(value, str) or hasattr(type(value), '__html__')


def escape_text(text: str) -> str:
    """`text` with the five characters that mean something in HTML replaced, as `html.escape` does.

    >>> escape_text('"R&D" <dept>')
    '&quot;R&amp;D&quot; &lt;dept&gt;'

    Source: HTML standard, section 13.3, "escaping a string", and `'` besides.
    """
    # Most text needs nothing: five searches in C are faster than one regular expression or five copies.
    if '&' in text:
        text = text.replace('&', '&amp;')
    if '<' in text:
        text = text.replace('<', '&lt;')
    if '>' in text:
        text = text.replace('>', '&gt;')
    if '"' in text:
        text = text.replace('"', '&quot;')
    if "'" in text:
        text = text.replace("'", '&#x27;')
    return text


def escape(value: object) -> Markup:
    """`value` as markup: HTML (what has `__html__`) stays, `None` is nothing, all else is its `str`, escaped.

    >>> escape('<script>'), escape(Markup('<hr>')), escape(7), escape(None)
    (Markup('&lt;script&gt;'), Markup('<hr>'), Markup('7'), Markup(''))
    """
    if isinstance(value, Markup):
        return value
    html = getattr(type(value), '__html__', None)
    if html is not None:
        return Markup(html(value))
    return Markup('' if value is None else escape_text(str(value)))
