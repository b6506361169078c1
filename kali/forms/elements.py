"""Elements: values to HTML controls, and what was posted back to values.

The rule: between a value and the page stands an intermediate form, which holds whatever was typed, right or
wrong, so that nothing typed is ever lost. Four methods lead from one to the other, each named for its two
ends: n (native), i (intermediate), h (HTML), p (posted). An element does not store its field's name and can
serve several fields; what it says about one name never changes, so it is put together once. Elements with
choices are in `choosers`, files in `uploads`, sub-records in `rows`; how label, control and error make a form
is in `rendering`; requests are unknown here.
"""

from __future__ import annotations

import re

from kali.errors import ValidationError
from kali.forms.constraints import CHOOSY, applicable, can_show, checks_for
from kali.forms.lenses import BLANKABLE, TYPICAL, Lens, refuse_controls
from kali.forms.messages import say
from kali.iolist import flatten
from kali.markup import Markup, escape_text
from kali.multidict import Bag

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from kali.forms.constraints import Attributes
    from kali.iolist import Content

__all__ = ['FORM_ID', 'INPUT_TYPES', 'Element', 'Entry', 'FormElement', 'Hidden', 'Memo', 'Static',
           'attributes_text', 'read_posted', 'show_record', 'tag']

#: The name of the hidden input that carries the form's one-shot id.
FORM_ID = '_form_id'

#: The types of `Entry`. Check, Radio, Upload and Hidden are elements of their own.
INPUT_TYPES = frozenset(('text', 'number', 'date', 'time', 'email', 'url', 'tel', 'search', 'password',
                         'color', 'range', 'month', 'week', 'datetime-local'))


def tag(kind: str, attributes: Mapping[str, object], content: Content) -> Markup:
    """An HTML element.

    :param kind: its name, as in `tag('b', {}, 'bold')`
    :param attributes: values are escaped; None is an attribute without a value
    :param content: HTML as it is, any nesting of it; None for an element that has none, such as `<br/>`

    >>> tag('a', {'href': '/?a=1&b=2', 'download': None}, ['<b>', 'Get', '</b>'])
    Markup('<a href="/?a=1&amp;b=2" download><b>Get</b></a>')
    """
    start = f'<{kind}{attributes_text(attributes)}'
    return Markup(f'{start}/>' if content is None else f'{start}>{flatten(content).decode()}</{kind}>')


def attributes_text(attributes: Mapping[str, object]) -> str:
    """Attributes as they stand in a tag, each after a space.

    >>> attributes_text({'name': 'due', 'required': None})
    ' name="due" required'
    """
    return ''.join(f' {escape_text(name)}' if value is None else
                   f' {escape_text(name)}="{escape_text(str(value))}"' for name, value in attributes.items())


class Element:
    """The base of all elements. A new kind overrides the four methods `n2i`, `p2i`, `i2h` and `i2n`.

    :param label: text or Markup beside the control; usually made from the field's name
    :param help: text or Markup below it
    :param attributes: attributes of the control's tag; an underscore in front is dropped (`_class`),
        `aria_…` and `data_…` get hyphens, True and None mean no value, and False leaves the attribute out
    """

    # On the class as well: an element of an older program need not call this constructor.
    label: str | None = None
    help: str = ''
    attributes: Attributes = {}
    #: Whether the field's posted values are uploads; text is refused then, and uploads otherwise.
    takes_files = False
    #: The value, or a function that gives it afresh, that is shown where the record has none.
    default: Any = None
    #: Whether there is anything to read from what was posted.
    is_read = True
    #: How a form lays it out: 'above' (the label above the control), 'beside' (after it), 'group' (several
    #: controls under one label), 'none' (nothing to see).
    layout = 'above'
    _frames: dict[str, Any] | None = None  # what `rendering` knows about this element under each name

    def __init__(self, *, label: str | None = None, help: str = '', **attributes: Any) -> None:
        self.label, self.help = label, help
        self.attributes = _named(attributes)

    @property
    def required(self) -> bool:
        """Whether the label is marked as that of a field that may not be blank."""
        return 'required' in self.attributes

    def id_for(self, name: str) -> str:
        """The id of the control for the field `name`: the name itself unless the attribute was given."""
        return self.attributes.get('id') or name

    def n2i(self, value: Any) -> Any:
        """The intermediate form of a native value."""
        raise NotImplementedError(type(self))

    def p2i(self, name: str, POST: Bag) -> Any:
        """The intermediate form of what was posted as `name`; never fails, not even if there is nothing."""
        raise NotImplementedError(type(self))

    def i2h(self, name: str, intermediate: Any) -> Content:
        """The control as HTML, showing `intermediate`."""
        raise NotImplementedError(type(self))

    def i2n(self, intermediate: Any) -> Any:
        """The native value.

        :raises ValidationError: with the sentence to show beside the control.
        """
        raise NotImplementedError(type(self))

    def owns(self, name: str, key: str) -> bool:
        """Whether what is posted as `key` belongs to the field `name`."""
        return key == name

    def in_words(self, intermediate: Any) -> str:
        """`intermediate` as text to read, for whoever compares two versions of a record."""
        return str(intermediate)

    def control(self, name: str, intermediate: Any, ties: str = '') -> Markup:
        """`i2h` as Markup, with `ties` (attributes, as text) put into its first tag."""
        html = self.i2h(name, intermediate)
        if type(html) is not Markup:
            html = Markup(flatten(html).decode())
        if ties:
            opening = _OPENING.match(html)
            if opening:
                html = Markup(f'{opening[0]}{ties}{html[opening.end():]}')
        return html


#: The name of `Element` in kali 0.0.x.
FormElement = Element

_OPENING = re.compile(r'\s*<[a-zA-Z][a-zA-Z0-9-]*')


def _named(attributes: Mapping[str, Any]) -> dict[str, str | None]:
    """Keyword arguments as attributes."""
    named: dict[str, str | None] = {}
    for key, value in attributes.items():
        key = key.lstrip('_')
        if key.startswith(('aria_', 'data_')):
            key = key.replace('_', '-')
        if value is not False:
            named[key] = None if value is None or value is True else str(value)
    return named


class Entry(Element):
    """A single line of text, or anything else that `<input>` does for one value.

    :param lens: what the text means; text that may not be blank, unless told otherwise
    :param label: as for every element, and `help`
    :param attributes: of the tag. `type` is one of INPUT_TYPES; a lens for numbers or dates brings its
        own. `required`, `min`, `max`, `step`, `pattern`, `maxlength` and `minlength` are checked on the
        server too.
    :raises ValueError: for a constraint that makes no sense.

    >>> Entry(maxlength=40).i2h('city', 'Bad "Ems"')
    Markup('<input required maxlength="40" type="text" name="city" id="city" value="Bad &quot;Ems&quot;">')
    """

    multiline = False

    def __init__(self, *, lens: Lens = TYPICAL, label: str | None = None, help: str = '',
                 **attributes: Any) -> None:
        super().__init__(label=label, help=help, **attributes)
        self.lens = lens
        declared = self.attributes
        said = lens.constraints() if hasattr(lens, 'constraints') else {}
        natural = said.pop('type', None)
        kind = self.kind = self._kind(declared.get('type') or natural or 'text')
        self._checks = checks_for(kind, declared, typed=kind == natural)
        self.attributes = {**applicable(kind, said), **declared}
        self._parts: dict[tuple[str, str], tuple[str, str]] = {}

    def _kind(self, kind: str) -> str:
        kind = kind.lower()
        if kind == 'hidden':
            self.layout = 'none'  # an older way to write Hidden
        elif kind not in INPUT_TYPES:
            raise ValueError(f'type={kind!r}: an Entry is one of {", ".join(sorted(INPUT_TYPES))}; for '
                             'others there are Check, Radio, Upload and Hidden')
        return kind

    def n2i(self, value: Any) -> str:
        return self.lens.string_for_browser(value)

    def p2i(self, name: str, POST: Bag) -> str:
        text: str = POST.get(name, '')
        return text

    def i2h(self, name: str, intermediate: str) -> Content:
        # A browser shows nothing at all of text that its input type does not know.
        kind = self.kind
        if kind in CHOOSY and intermediate and not can_show(kind, intermediate):
            kind = 'text'
        parts = self._parts.get((name, kind))
        if parts is None:
            parts = self._parts[name, kind] = self._around(name, kind)
        return Markup(parts[0] + escape_text(intermediate) + parts[1])

    def _around(self, name: str, kind: str) -> tuple[str, str]:
        """The control for the field `name`, cut in two where its text goes."""
        fitting = self.attributes if kind == self.kind else applicable(kind, self.attributes)
        attributes = {**fitting, 'type': kind, 'name': name, 'id': self.id_for(name)}
        return f'<input{attributes_text(attributes)} value="', '">'

    def i2n(self, intermediate: str) -> Any:
        multiline = self.multiline
        refuse_controls(intermediate if multiline else intermediate.strip(), multiline=multiline)
        value = self.lens.native_from_string(intermediate)
        for check in self._checks:
            check(intermediate)
        return value


class Memo(Entry):
    """Text of several lines. Its line breaks are line feeds, whatever the browser sends."""

    multiline = True

    def _kind(self, kind: str) -> str:
        self.attributes = {name: value for name, value in self.attributes.items() if name != 'type'}
        return 'textarea'

    def p2i(self, name: str, POST: Bag) -> str:
        # The HTML standard has forms sent with CRLF, and counts a line break as one character.
        return super().p2i(name, POST).replace('\r\n', '\n').replace('\r', '\n')

    def _around(self, name: str, kind: str) -> tuple[str, str]:
        attributes = {**self.attributes, 'name': name, 'id': self.id_for(name)}
        # An HTML parser drops a line feed right after the tag, so that it may cost the text none of its own.
        return f'<textarea{attributes_text(attributes)}>\n', '</textarea>'


class Hidden(Entry):
    """A value that the form carries and nobody sees; an error in it shows in the summary."""

    def _kind(self, kind: str) -> str:
        return super()._kind('hidden')


class Static(Element):
    """A value to read, which the form does not send: nothing of it is in what `save` is given.

    :param lens: makes the text of the value

    >>> Static().i2h('number', '2026-017')
    Markup('<output name="number" id="number">2026-017</output>')
    """

    is_read = False

    def __init__(self, lens: Lens = BLANKABLE, *, label: str | None = None, help: str = '',
                 **attributes: Any) -> None:
        super().__init__(label=label, help=help, **attributes)
        self.lens = lens

    def n2i(self, value: Any) -> str:
        return self.lens.string_for_browser(value)

    def p2i(self, name: str, POST: Bag) -> str:
        return ''

    def i2h(self, name: str, intermediate: str) -> Content:
        return tag('output', {**self.attributes, 'name': name, 'id': self.id_for(name)},
                   escape_text(intermediate))

    def i2n(self, intermediate: str) -> None:
        return None


_NOTHING = Bag()


def show_record(elements: Mapping[str, Element], native: Any) -> dict[str, Any]:
    """The intermediate form of each field of a record; what is missing in it has the element's default.

    :param native: a mapping, or a sqlite3.Row
    """
    intermediate = {}
    for name, element in elements.items():
        try:
            value = native[name]
        except (KeyError, IndexError):  # a mapping, a sqlite3.Row
            value = element.default
            if callable(value):
                value = value()
        intermediate[name] = element.n2i(value)
    return intermediate


def read_posted(elements: Mapping[str, Element],
                posted: Bag) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """What was posted: as it shows again, as it is meant, what is wrong. Other fields are ignored."""
    intermediate, native, errors = {}, {}, {}
    for name, element in elements.items():
        if not element.is_read:
            continue
        files = element.takes_files
        source = posted
        for value in posted.multiple.get(name, ()):
            if isinstance(value, str) is files and value != '':  # a file for text, or text for a file
                errors[name] = say('not a file' if files else 'not text')
                source = _NOTHING
        shown = intermediate[name] = element.p2i(name, source)
        try:
            native[name] = element.i2n(shown)
        except ValidationError as error:
            errors.setdefault(name, error.args[0] if error.args else say('invalid'))
    return intermediate, native, errors
