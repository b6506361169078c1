"""How labels, controls, help and errors make a form, and how a template takes single pieces of it.

Every error is tied to its control (`aria-invalid`, `aria-describedby`), and the markup around a
control is put together once for each element and name.

In a template with `fields=fields`: `{fields.due}` is the control, `{fields.due.label}`, `.error`, `.help` its
companions and `{fields.due.row}` all of them in order; `{fields.summary}` lists the errors, `{fields.rows}`
is every row. With `**fields` the same goes by `{due}`, `{due.row}`. The first field brings the form's
one-shot id along, as a hidden input before its control, so that a form written by hand saves exactly once
without asking for it; a template that leaves the first field out places `{fields.form_id}` itself.
"""

from __future__ import annotations

import re

from kali.forms.elements import FINGERPRINT, FORM_ID, TAKE, control_name
from kali.http.page import Page
from kali.iolist import joined
from kali.locale import current
from kali.locale.words import MESSAGES, say
from kali.markup import Markup, escape, escape_text

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Mapping

    from kali.forms.elements import Element
    from kali.iolist import Content

__all__ = ['Conflict', 'Field', 'Fields', 'label_of', 'make_fields', 'render_form', 'render_page', 'sent_to']

_DRAFT = (MESSAGES['draft'], MESSAGES['restore'], MESSAGES['discard'])  # what kali.js says unless told


class _Frame:
    """What surrounds the control of one element under one name; it never changes."""

    __slots__ = ('after', 'before', 'between', 'error_id', 'help', 'id', 'label', 'text', 'ties',
                 'ties_invalid')

    def __init__(self, element: Element, name: str) -> None:
        own_id = self.id = element.id_for(control_name(name))
        quoted = escape_text(own_id)
        self.error_id = f'{quoted}-error'
        self.text = escape(label_of(element, name))
        mark = '<span aria-hidden="true"> *</span>' if element.required else ''
        grouped = element.layout == 'group'  # no single control to point at; the group has an aria-label
        self.label = Markup(f'<span class="label" aria-hidden="true">{self.text}{mark}</span>' if grouped else
                            f'<label for="{quoted}">{self.text}{mark}</label>')
        helping = f'<p class="help" id="{quoted}-help">{escape(element.help)}</p>' if element.help else ''
        self.help = Markup(helping)
        described = element.attributes.get('aria-describedby') or ''
        helped = ' '.join(filter(None, [escape_text(described), f'{quoted}-help' if self.help else '']))
        self.ties = f' aria-describedby="{helped}"' if self.help and not described else ''
        tied = f'{self.error_id} {helped}'.strip()
        self.ties_invalid = ' aria-invalid="true"' + ('' if described else f' aria-describedby="{tied}"')
        self.before, self.between, self.after = f'<div class="field">{self.label}', '', f'{self.help}</div>\n'
        if element.layout == 'beside':
            self.before, self.between = '<div class="field beside">', self.label
        elif element.layout == 'none':
            self.before = self.after = ''


def label_of(element: Element, name: str) -> str:
    """The label of the field in words."""
    return name.replace('_', ' ').capitalize() if element.label is None else element.label


def _frame(element: Element, name: str) -> _Frame:
    frame: _Frame | None = element.made.get(name)
    if frame is None:
        frame = element.made[name] = _Frame(element, name)
    return frame


class Conflict(str):
    """An error that comes with a choice between what was typed and what the record has now."""

    __slots__ = ('choice',)

    choice: Markup

    @classmethod
    def between(cls, name: str, element: Element, theirs: str, *, take: bool, wrong: str = '') -> Conflict:
        """The error at the field `name`.

        :param theirs: what the record has now, in words
        :param take: whether that is the likelier choice
        :param wrong: what is wrong with what was typed besides
        """
        conflict = cls(f'{wrong} {say("conflict")}'.strip())
        label = say('choice', label=label_of(element, name))
        mine, other = (' checked' if chosen else '' for chosen in (not take, take))
        button = f'<label><input type="radio" name="{escape_text(TAKE + name)}" value='
        version = f'<q>{escape_text(theirs)}</q>' if theirs else escape_text(say('empty'))
        conflict.choice = Markup(
            f'<div role="radiogroup" aria-label="{escape_text(label)}">'
            f'{button}"mine"{mine}> {escape_text(say("mine"))}</label>'
            f'{button}"theirs"{other}> {escape_text(say("theirs"))} {version}</label></div>')
        return conflict


class Field(Markup):
    """One field as a template takes it: the control itself, and what belongs to it as attributes."""

    __slots__ = ('_control', '_frame', '_message')

    _control: Markup | None
    _frame: _Frame
    _message: object

    @property
    def control(self) -> Markup:
        """The control alone, without the form's id that the first field brings along."""
        return Markup(self) if self._control is None else self._control

    @property
    def label(self) -> Markup:
        """The label, tied to the control."""
        return self._frame.label

    @property
    def help(self) -> Markup:
        """The help text, or nothing."""
        return self._frame.help

    @property
    def error(self) -> Markup:
        """The error, or nothing."""
        if self._message is None:
            return Markup()
        choice = getattr(self._message, 'choice', '')
        return Markup(f'<p class="error" id="{self._frame.error_id}">{escape(self._message)}</p>{choice}')

    @property
    def row(self) -> Markup:
        """Label, control, error and help, as they stand in a form that renders itself."""
        frame = self._frame
        error = '' if self._message is None or not frame.before else self.error
        return Markup(f'{frame.before}{str.__str__(self)}{frame.between}{error}{frame.after}')


class Fields(dict[str, Field]):
    """The fields of a form by name; `form_id`, `summary` and `rows` are what the form needs besides.

    In a template an item goes before an attribute of the same name: a field called `rows` hides
    `{fields.rows}`.
    """

    elements: Mapping[str, Element]
    errors: Mapping[str, object]
    form_id: Markup
    #: What the button says instead of the form's own word.
    submit = ''
    #: Whether the form has rendered itself, and so knows where it is sent.
    is_rendered = False
    #: The key of the sentence above the errors.
    heading = 'summary'

    @property
    def rows(self) -> Markup:
        """Every field with label, error and help."""
        return Markup(''.join([field.row for field in self.values()]))

    @property
    def summary(self) -> Markup:
        """The errors as a list of links to their fields; nothing if there are none."""
        if not self.errors:
            return Markup()
        items = []
        for name, message in self.errors.items():
            field = self.get(name)
            if field is None:
                items.append(f'<li>{escape(message)}</li>')
            elif not field._frame.before:
                items.append(f'<li>{field._frame.text}: {escape(message)}</li>')
            elif '<a ' in (text := escape(message)):  # a link of its own
                items.append(f'<li><a href="#{escape_text(field._frame.id)}">{field._frame.text}</a>: '
                             f'{text}</li>')
            else:
                items.append(f'<li><a href="#{escape_text(field._frame.id)}">{field._frame.text}: '
                             f'{text}</a></li>')
        return Markup(f'<div class="errors" role="alert"><p>{escape(say(self.heading))}</p>'
                      f'<ul>{"".join(items)}</ul></div>\n')

    @property
    def takes_files(self) -> bool:
        """Whether the form must be sent as multipart/form-data."""
        return any(element.takes_files for element in self.elements.values())


def make_fields(elements: Mapping[str, Element], intermediate: Mapping[str, object],
                errors: Mapping[str, object], form_id: str, fingerprint: str = '') -> Fields:
    """The controls of a form.

    :param elements: by field name
    :param intermediate: what each control shows
    :param errors: what is wrong with the fields, by name; other names mean the whole form
    :param form_id: the one-shot id
    :param fingerprint: of the record that the form shows, if it is one that may change meanwhile
    """
    fields = Fields()
    fields.elements, fields.errors = elements, errors
    hidden = f'<input type="hidden" name="{FORM_ID}" value="{form_id}"{_said()}>'
    if fingerprint:
        hidden += f'<input type="hidden" name="{FINGERPRINT}" value="{fingerprint}">'
    fields.form_id = Markup(hidden)
    first = True
    focus = ' autofocus'
    for name, element in elements.items():
        frame = (element._made or {}).get(name) or _frame(element, name)
        message = errors.get(name) if errors else None
        if message is None:
            control = element.control(control_name(name), intermediate[name], frame.ties)
        else:
            ties = frame.ties_invalid
            if focus and frame.before and 'autofocus' not in element.attributes:
                ties, focus = ties + focus, ''
            control = element.control(control_name(name), intermediate[name], ties)
        if fingerprint and intermediate[name] == '' and element.required:
            # It is blank in the record, and a browser is not to refuse what nobody touched.
            control = Markup(control.replace(' required', '', 1))
        field = Field(f'{hidden}{control}' if first else control)
        field._control, field._frame, field._message = control if first else None, frame, message
        fields[name] = field
        first = False
    return fields


def _said() -> str:
    """The sentences that kali.js shows about a draft, where they are others than it has itself."""
    own = MESSAGES['draft'], MESSAGES['restore'], MESSAGES['discard']
    if own == _DRAFT and current().language == 'en':  # each form asks, and say() would look three times
        return ''
    said = say('draft'), say('restore'), say('discard')
    return ''.join(f' data-{key}="{escape_text(text)}"'
                   for key, text in zip(('draft', 'restore', 'discard'), said, strict=True))


def render_form(fields: Fields, *, submit: str = 'Save', cancel: str = '', action: str = '', look: str = '',
                before: str = '', danger: bool = False) -> Markup:
    """A whole `<form>`: error summary, every field, and the buttons.

    :param submit: what the button says
    :param cancel: where a link beside it leads, if there is to be one
    :param action: where the form is sent; to the address it came from unless given
    :param look: its class
    :param before: HTML at its beginning
    :param danger: whether the button looks like one that destroys something
    """
    start = '<form method="post"' + (f' class="{escape_text(look)}"' if look else '')
    if action:
        start += f' action="{escape_text(action)}"'
    if fields.takes_files:
        start += ' enctype="multipart/form-data"'
    form_id = '' if fields else fields.form_id  # or else the first field brings it along
    link = f' <a href="{escape_text(cancel)}">{escape(say("cancel"))}</a>' if cancel else ''
    mark = ' class="danger"' if danger else ''
    return Markup(f'{fields.summary}{start}>{before}{form_id}\n{fields.rows}<p class="buttons">'
                  f'<button type="submit"{mark}>{escape(submit)}</button>{link}</p>\n</form>\n')


def render_page(title: str, body: str) -> Page:
    """A whole page in kali's own look, or in the frame of the application if it has one.

    :param title: text
    :param body: text, or Markup
    """
    return Page(title, escape(body), script=True)


# The start tag of a form, and its action.
_TAG = re.compile(r'''<form\b(?:[^>"']|"[^"]*"|'[^']*')*>''', re.IGNORECASE)
_ACTION = re.compile(r'''\s+action(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?(?=[\s/>])''', re.IGNORECASE)


def sent_to(action: str, content: Content, fields: Fields, here: str) -> Content:
    """A page with a form that a template wrote by hand, and that form sent to `action` where it would be
    sent to the very address of its page (see Formlet.action).

    :param content: of the page; a form with another address of its own stays as it is
    :param fields: those of the form
    :param here: the address of the page, as in the request line

    >>> fields = make_fields({}, {}, {}, 'id')
    >>> page = sent_to('/new?_save=1', ['<form method=post>', fields.form_id, '</form>'], fields, '/new')
    >>> page.partition('<input')[0]
    '<form action="/new?_save=1" method=post>'
    """
    if type(content) is Page:
        body = sent_to(action, content.body, fields, here)
        return content if body is content.body else Page(content.heading, body, script='kali.js"' in content)
    page: str = content if type(content) in (str, Markup) else joined(content)
    place = page.find(fields.form_id)
    start = max(page.rfind('<form', 0, place), page.rfind('<FORM', 0, place)) if place > 0 else -1
    tag = _TAG.match(page, start) if start >= 0 else None
    if tag is None:
        return page
    given = _ACTION.search(tag[0])
    url = next(filter(None, given.groups()), '') if given else ''
    if url and not _is_here(url.replace('&amp;', '&').partition('#')[0], here):
        return page
    rest = tag[0][5:] if given is None else tag[0][5:given.start()] + tag[0][given.end():]
    sent = f'{page[:start]}{tag[0][:5]} action="{escape_text(action)}"{rest}{page[tag.end():]}'
    return Markup(sent) if type(page) is Markup else sent


def _is_here(url: str, here: str) -> bool:
    """Whether a URL in the page at `here` leads to that page."""
    path = here.partition('?')[0]
    if url.startswith('?'):
        return path + url == here
    return url == here or path[:path.rfind('/') + 1] + url == here
