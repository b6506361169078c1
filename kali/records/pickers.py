"""pickers: a label with its control, a choice, and hidden fields, as the pages of Records write them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kali.markup import Markup

__all__ = ['field', 'hidden', 'select']


def field(name: str, label: str, control: Markup) -> Markup:
    """A control with its label.

    >>> field('q', 'Find', Markup('<input id="q">'))
    Markup('<p><label for="q">Find</label> <input id="q"></p>\\n')
    """
    return Markup('<p><label for="{}">{}</label> {}</p>\n').format(name, label, control)


def hidden(pairs: Iterable[tuple[str, object]]) -> Markup:
    """Fields that nobody sees, of names and values.

    >>> hidden([('q', 'a&b')])
    Markup('<input type="hidden" name="q" value="a&amp;b">')
    """
    return Markup('').join(
        Markup('<input type="hidden" name="{}" value="{}">').format(*pair) for pair in pairs)


def select(name: str, options: Mapping[str, str], chosen: str, label: str = '') -> Markup:
    """A choice; its id is its name, unless it has a label of its own.

    :param options: words by value
    """
    about = Markup(' aria-label="{}"').format(label) if label else Markup(' id="{}"').format(name)
    found = (Markup('<option value="{}"{}>{}</option>').format(
        value, Markup(' selected') if value == chosen else '', text) for value, text in options.items())
    return Markup('<select name="{}"{}>{}</select>').format(name, about, Markup('').join(found))
