"""Elements: values to HTML controls, and what was posted back to values.

Between a value and the page stands an intermediate form, which holds whatever was typed, right or wrong, so
that nothing typed is ever lost. Four methods lead around: `show` (value to intermediate), `html`
(intermediate to control), `read` (posted to intermediate) and `value` (intermediate to value). An element
does not store its field's name and can serve several fields; what it says about one name never changes, so it
is put together once. Elements with choices are in `choosers`, files in `uploads`, sub-records in `rows`; how
label, control and error make a form is in `rendering`.
"""

from __future__ import annotations

import re

from kali.errors import ValidationError
from kali.forms.constraints import applicable, can_show, checks_for, is_alike
from kali.forms.lenses import BLANKABLE, TYPICAL, Lens, refuse_controls
from kali.iolist import flatten
from kali.locale import current
from kali.locale.words import say
from kali.markup import Markup, escape_text
from kali.multidict import Bag

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from kali.forms.constraints import Attributes
    from kali.iolist import Content

__all__ = ['FINGERPRINT', 'FORM_ID', 'INPUT_TYPES', 'TAKE', 'Element', 'Entry', 'FormElement', 'Hidden',
           'Memo', 'Static', 'attributes_text', 'control_name', 'in_html', 'line_feeds', 'tag']

#: The name of the hidden input that carries the form's one-shot id.
FORM_ID = '_form_id'

#: The name of the hidden input that says which version of the record the form shows.
FINGERPRINT = '_fingerprint'

#: What the names of the buttons begin with that choose between two versions of a field.
TAKE = '_take-'

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
    """The base of all elements. A new kind overrides the four methods `show`, `read`, `html` and `value`.

    kali 0.0.x called them `n2i`, `p2i`, `i2h` and `i2n`; an element may still define and be asked for these.

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
    #: Whether the field of uploads has what is stored so far, until another file comes.
    keeps = False
    #: The value, or a function that gives it afresh, that is shown where the record has none.
    default: Any = None
    #: Whether it was derived from a column of a table.
    of_table = False
    #: How a form lays it out: 'above' (the label above the control), 'beside' (after it), 'group' (several
    #: controls under one label), 'none' (nothing to see).
    layout = 'above'
    #: What was put together once, by what it is for; `made` begins it.
    _made: dict[Any, Any] | None = None

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        for old, new in _OLD_NAMES:  # whichever of the two a class defines stands for both
            if old in cls.__dict__ and new not in cls.__dict__:
                setattr(cls, new, cls.__dict__[old])
            elif new in cls.__dict__:
                setattr(cls, old, cls.__dict__[new])

    def __init__(self, *, label: str | None = None, help: str = '', **attributes: Any) -> None:
        self.label, self.help = label, help
        self.attributes = _named(attributes)

    @property
    def required(self) -> bool:
        """Whether the label is marked as that of a field that may not be blank."""
        return 'required' in self.attributes

    @property
    def is_read(self) -> bool:
        """Whether there is anything to read from what was posted: a browser sends nothing of what is
        disabled."""
        return 'disabled' not in self.attributes

    @property
    def made(self) -> dict[Any, Any]:
        """What was put together once and stays the same."""
        if self._made is None:
            self._made = {}
        return self._made

    def id_for(self, name: str) -> str:
        """The id of the control for the field `name`, unless the attribute was given: the name itself, with
        letters that no id should have in a form that no other name has.

        >>> Element().id_for('due_on'), Element().id_for('due on')
        ('due_on', 'due.20.on')
        """
        given, name = self.attributes.get('id'), control_name(name)
        if given:
            return given
        if _PLAIN_ID.fullmatch(name) and not name.endswith(_OWN_ENDINGS):
            return name
        return _ODD_IN_ID.sub(lambda odd: f'.{ord(odd[0]):x}.', name) or '.'

    def show(self, value: Any) -> Any:
        """The intermediate form of a native value."""
        raise NotImplementedError(type(self))

    def read(self, name: str, posted: Bag) -> Any:
        """The intermediate form of what was posted as `name`; never fails, not even if there is nothing."""
        raise NotImplementedError(type(self))

    def html(self, name: str, intermediate: Any) -> Content:
        """The control as HTML, showing `intermediate`."""
        raise NotImplementedError(type(self))

    def value(self, intermediate: Any) -> Any:
        """The native value.

        :raises ValidationError: with the sentence to show beside the control.
        """
        raise NotImplementedError(type(self))

    n2i, p2i, i2h, i2n = show, read, html, value

    def unchanged(self, intermediate: Any, stored: Any) -> bool:
        """Whether `intermediate` is what a browser sends of a control that shows `stored`."""
        shown = self.show(stored)
        if isinstance(shown, str) and isinstance(intermediate, str):
            return in_html(shown) == in_html(intermediate)
        return bool(shown == intermediate)

    def value_over(self, intermediate: Any, stored: Any, *, exists: bool = False) -> Any:
        """The native value of a field of a record that has `stored` in it so far.

        If nobody changed the field, SQL stores it as it was, whatever the lens thinks of it.

        :param exists: whether the record is in a database; in what a new one starts with, a required field
            that is blank is still asked for
        :raises ValidationError: with the sentence to show beside the control.
        """
        if not self.unchanged(intermediate, stored):
            return self.value_instead(intermediate, stored)
        try:
            value = self.value(intermediate)
        except ValidationError:
            if self.required and not intermediate and not exists:
                raise
            return stored
        return value if _is_stored_alike(value, stored) else stored

    def value_instead(self, intermediate: Any, stored: Any) -> Any:
        """The native value of what was typed over `stored`."""
        return self.value(intermediate)

    def matches(self, name: str, key: str, text: str) -> Content:
        """The options of the control named `key` that fit `text`, for a control that asks for them."""
        return ''

    def again(self, intermediate: Any, kept: Any) -> Any:
        """The intermediate form of a field of files in a form that comes back, with those that are kept."""
        return kept

    def version(self, intermediate: Any) -> Any:
        """What tells two versions of the field apart. A form cannot show files, so there is none to
        compare."""
        return '' if self.takes_files else intermediate

    def owns(self, name: str, key: str) -> bool:
        """Whether what is posted as `key` belongs to the field `name`."""
        return key == name

    def in_words(self, intermediate: Any) -> str:
        """`intermediate` as text to read, where two versions of a record are compared."""
        return str(intermediate)

    def control(self, name: str, intermediate: Any, ties: str = '') -> Markup:
        """`html` as Markup, with `ties` (attributes, as text) put into its first tag."""
        html = self.html(name, intermediate)
        if type(html) is not Markup:
            html = Markup(flatten(html).decode())
        if ties:
            opening = _OPENING.match(html)
            if opening:
                html = Markup(f'{opening[0]}{ties}{html[opening.end():]}')
        return html


_OLD_NAMES = (('n2i', 'show'), ('p2i', 'read'), ('i2h', 'html'), ('i2n', 'value'))
_PLAIN_ID = re.compile('[A-Za-z0-9_-]+')
_ODD_IN_ID = re.compile('[^A-Za-z0-9_]')
_OWN_ENDINGS = ('-error', '-help', '-list')  # what kali's own ids beside that of a control end in

#: The name of `Element` in kali 0.0.x.
FormElement = Element

# What a form sends besides its fields: for itself, and for the forms of records.
_RESERVED = ('', FORM_ID, FINGERPRINT, '_charset_', '_new', '_columns')
_DAY = re.compile('[0-9]{4}-[0-9]{2}-[0-9]{2}')
_NOT_IN_HTML = re.compile('[\0\ud800-\udfff]')
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

    >>> Entry(maxlength=40).html('city', 'Bad "Ems"')
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
        self._can_show = can_show(kind, self.attributes)
        # A browser sends numbers with a point from these, whatever the locale.
        self._pointed = kind in ('number', 'range') and 'inputmode' in said
        self._dated = kind == 'text' and natural == 'date'

    def _kind(self, kind: str) -> str:
        kind = kind.lower()
        if kind == 'hidden':
            self.layout = 'none'  # an older way to write Hidden
        elif kind not in INPUT_TYPES:
            raise ValueError(f'type={kind!r}: an Entry is one of {", ".join(sorted(INPUT_TYPES))}; for '
                             'others there are Check, Radio, Upload and Hidden')
        return kind

    def show(self, value: Any) -> str:
        if isinstance(value, (bytes, bytearray, memoryview)):
            return say('bytes', size=len(value))
        text: str = self.lens.string_for_browser(value)
        if self._pointed:
            text = text.replace(current().decimal, '.')
        elif self._dated and _DAY.fullmatch(text):
            text = current().day(text)
        return text if text.isprintable() else _NOT_IN_HTML.sub('\ufffd', text)

    def read(self, name: str, posted: Bag) -> str:
        text: str = posted.get(name, '')
        # The HTML standard has forms sent with CRLF, and counts a line break as one character.
        return line_feeds(text) if '\r' in text else text

    def html(self, name: str, intermediate: str) -> Content:
        kind, fits = self.kind, self._can_show(intermediate)
        if not fits:
            broken = '\n' in intermediate or '\r' in intermediate
            kind = 'textarea' if broken and self.kind != 'password' else 'text'
        parts = (self._made or self.made).get((name, kind, fits))
        if parts is None:
            parts = self.made[name, kind, fits] = self._around(name, kind, fits)
        return Markup(parts[0] + escape_text(intermediate) + parts[1])

    def _around(self, name: str, kind: str, fits: bool) -> tuple[str, str]:
        """The control for the field `name`, cut in two where its text goes."""
        named = {'name': name, 'id': self.id_for(name)}
        fitting = self.attributes
        if not fits:  # and so the browser is not to refuse it
            fitting = {key: value for key, value in applicable(kind, fitting).items()
                       if key not in ('pattern', 'title', 'type')}
        if kind == 'textarea':
            # An HTML parser drops a line feed right after the tag: it may cost the text none of its own.
            return f'<textarea{attributes_text({**fitting, **named})}>\n', '</textarea>'
        return f'<input{attributes_text({**fitting, "type": kind, **named})} value="', '">'

    def unchanged(self, intermediate: Any, stored: Any) -> bool:
        return is_alike(self.kind, in_html(self.show(stored)), in_html(intermediate))

    def value_instead(self, intermediate: str, stored: Any) -> Any:
        # Where there was a tab or a line break, there may be one.
        return self.value(intermediate, multiline=self.multiline or not str(stored).isprintable())

    def value(self, intermediate: str, *, multiline: bool | None = None) -> Any:
        if not intermediate.isprintable():  # one look in C: nearly all text of a single line is
            if multiline is None:
                multiline = self.multiline
            refuse_controls(intermediate if multiline else intermediate.strip(), multiline=multiline)
        value = self.lens.native_from_string(intermediate.replace('.', current().decimal) if self._pointed
                                             else intermediate)
        for check in self._checks:
            check(intermediate)
        return value


class Memo(Entry):
    """Text of several lines. Its line breaks are line feeds, whatever the browser sends."""

    multiline = True

    def _kind(self, kind: str) -> str:
        self.attributes = {name: value for name, value in self.attributes.items() if name != 'type'}
        return 'textarea'


class Hidden(Entry):
    """A value that the form carries and nobody sees; an error in it shows in the summary."""

    def _kind(self, kind: str) -> str:
        return super()._kind('hidden')


class Static(Element):
    """A value to read, which the form does not send: nothing of it is in what `save` is given.

    :param lens: makes the text of the value

    >>> Static().html('number', '2026-017')
    Markup('<output name="number" id="number">2026-017</output>')
    """

    is_read = False

    def __init__(self, lens: Lens = BLANKABLE, *, label: str | None = None, help: str = '',
                 **attributes: Any) -> None:
        super().__init__(label=label, help=help, **attributes)
        self.lens = lens

    def show(self, value: Any) -> str:
        return self.lens.string_for_browser(value)

    def read(self, name: str, posted: Bag) -> str:
        return ''

    def html(self, name: str, intermediate: str) -> Content:
        return tag('output', {**self.attributes, 'name': name, 'id': self.id_for(name)},
                   escape_text(intermediate))

    def value(self, intermediate: str) -> None:
        return None


def control_name(name: str) -> str:
    """The name of the control of the field `name`: the same, unless a browser would not send it as it is, or
    kali gives it a meaning of its own.

    >>> control_name('due'), control_name(''), control_name('_form_id')
    ('due', '.', '._form_id')
    """
    if '\n' in name or '\r' in name:  # a browser makes both of each
        name = f'.{name}'.replace('\n', '.').replace('\r', '.')
    return f'.{name}' if name in _RESERVED or name.startswith(TAKE) else name


def line_feeds(text: str) -> str:
    """`text` with a line feed for each line break, as `<textarea>` has it."""
    return text.replace('\r\n', '\n').replace('\r', '\n')


def in_html(text: str) -> str:
    """`text` as a control holds it: an HTML parser replaces NUL, UTF-8 lacks halves of surrogate pairs, and
    line breaks are line feeds."""
    return text if text.isprintable() else _NOT_IN_HTML.sub('\ufffd', line_feeds(text))


def _is_stored_alike(value: Any, stored: Any) -> bool:
    """Whether SQL stores a native value as the one that it has already."""
    if stored is not None and not isinstance(stored, (int, float, str, bytes)):
        return True  # a value that is not SQL's own, from a record made by the program
    for own in (value, getattr(value, 'value', value), getattr(value, 'name', value)):  # of an Enum, too
        if type(own) is type(stored) and own == stored:
            return True
    if isinstance(stored, str):  # a date, a Decimal
        return not isinstance(value, (int, float, bytes)) and str(value) == stored
    if isinstance(value, bool):
        return isinstance(stored, int) and value == stored
    return isinstance(stored, (int, float)) and hasattr(value, 'as_tuple') and float(value) == stored
