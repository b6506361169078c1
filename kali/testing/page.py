"""The forms and links of a page, found and filled in by what stands on it, and sent as a browser sends them.

Source: HTML standard, sections 4.10.21 (form submission) and 4.10.10 (option elements).
"""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urljoin

from kali.http.urls import build_url, is_local

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ['Form', 'Link', 'Page', 'PageError']

VOID = frozenset(('area', 'base', 'br', 'col', 'embed', 'hr', 'img', 'input', 'link', 'meta', 'source',
                  'wbr'))
NO_VALUE = ('submit', 'button', 'image', 'reset')
# Elements whose end a page may leave out where one of the same kind begins.
REOPENED = ('option', 'li', 'p', 'td', 'th', 'tr')


class PageError(LookupError):
    """There is no such form, field, choice or link on the page; the message says what there is."""


class Element:
    """An element of the page, with what stands in it."""

    def __init__(self, tag: str, attributes: dict[str, str], parent: Element | None) -> None:
        self.tag, self.attributes, self.parent = tag, attributes, parent
        self.inside: list[Element | str] = []

    def get(self, name: str) -> str:
        """An attribute, or the empty text."""
        return self.attributes.get(name, '')

    def all(self, *tags: str) -> list[Element]:
        """The elements inside with one of these tags, in their order."""
        found = []
        for each in self.inside:
            if isinstance(each, Element):
                found += [each] if each.tag in tags else []
                found += each.all(*tags)
        return found

    def around(self, tag: str) -> Element | None:
        """The nearest element with that tag around this one."""
        element = self.parent
        while element is not None and element.tag != tag:
            element = element.parent
        return element

    @property
    def text(self) -> str:
        """The text inside as it is read, blanks put together; without that of controls."""
        return ' '.join(self.raw(('select', 'textarea', 'script', 'style')).split())

    def raw(self, without: tuple[str, ...] = ()) -> str:
        """The text inside as it stands there."""
        return ''.join(each if isinstance(each, str) else '' if each.tag in without else each.raw(without)
                       for each in self.inside)


class _Reader(HTMLParser):
    """Builds the elements; forgiving as far as tests need it."""

    def __init__(self) -> None:
        super().__init__()
        self.root = self.open = Element('', {}, None)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in REOPENED and self.open.tag == tag:
            self.handle_endtag(tag)
        element = Element(tag, {name: value or '' for name, value in reversed(attrs)}, self.open)
        self.open.inside.append(element)
        if tag not in VOID:
            self.open = element

    def handle_endtag(self, tag: str) -> None:
        element: Element | None = self.open
        while element is not None and element.tag != tag:
            element = element.parent
        if element is not None and element.parent is not None:
            self.open = element.parent

    def handle_data(self, data: str) -> None:
        self.open.inside.append(data)


class Link(NamedTuple):
    """A link: what stands in it, and where it leads."""

    text: str
    url: str


class Page:
    """A page, read.

    :param url: its address on the server
    :param request: sends a request: `request(method, url, **what)`

    >>> page = Page('<a href="7">Ann</a> <form><label>Name <input name=n></label><button>Save</button>',
    ...             '/contact/', print)
    >>> page.links, page.forms
    ([Link(text='Ann', url='/contact/7')], [<Form with Name; Save>])
    """

    def __init__(self, html: str, url: str, request: Callable[..., Any]) -> None:
        reader = _Reader()
        reader.feed(html)
        reader.close()
        self._root, self._request = reader.root, request
        base = next((each.get('href') for each in self._root.all('base') if each.get('href')), '')
        self.url, self._base = url, urljoin(url, base)

    @property
    def links(self) -> list[Link]:
        """All links, in their order."""
        return [Link(each.text, urljoin(self._base, each.get('href')))
                for each in self._root.all('a', 'area') if 'href' in each.attributes]

    @property
    def forms(self) -> list[Form]:
        """All forms, in their order."""
        return [Form(each, self._root, self.url, self._base, self._request)
                for each in self._root.all('form')]

    def form(self, label: str | None = None) -> Form:
        """The form with that button, id or name; without a label, the only form of the page.

        :raises PageError: if there is none, or more than one
        """
        forms = self.forms
        found = [form for form in forms if label is None or form.answers_to(label)]
        if len(found) != 1:
            wanted = 'one form' if label is None else f'one form with {label!r}'
            raise PageError(f'the page {self.url} has {len(found)} forms where {wanted} is wanted; its '
                            f'forms: {forms}')
        return found[0].pressing(label)


class Form:
    """A form of a page: `fill` it and `submit` it."""

    def __init__(self, element: Element, root: Element, url: str, base: str,
                 request: Callable[..., Any]) -> None:
        self._element, self._root, self._url, self._base, self._request = element, root, url, base, request
        self._button: Element | None = None
        owned = [each for each in root.all('input', 'select', 'textarea', 'button') if self._owns(each)]
        self._buttons = [each for each in owned if _kind(each) in ('submit', 'image')]
        self._controls = [each for each in owned if each.get('name') and _kind(each) not in NO_VALUE]
        self._given: dict[Element, Any] = {}
        self._labels = {each: [label.text for label in root.all('label') if _labels(label, each)]
                        + [each.get('aria-label')] for each in self._controls}

    def _owns(self, control: Element) -> bool:
        if 'form' in control.attributes:
            return control.get('form') == self._element.get('id') != ''
        return control.around('form') is self._element

    def answers_to(self, label: str) -> bool:
        """Whether it has a button with that label, or that id or name."""
        return label in (self._element.get('id'), self._element.get('name')) or any(
            label in _names_of_button(each) for each in self._buttons)

    def pressing(self, label: str | None) -> Form:
        """This form, to be sent by the button with that label."""
        for each in self._buttons:
            if label in _names_of_button(each):
                self._button = each
                break
        return self

    def fill(self, fields: dict[str, Any] | None = None, **named: Any) -> Form:
        """Fill in fields, by name or by label, as a user could.

        :param fields: for labels that are no names of Python. Text for an entry; True or False for a check
            box, or the values of those to be checked; a value or what stands in it for a choice (several: a
            list); a FileUpload, or `(filename, type, content)`, for a file
        :raises PageError: for a field or choice that is not there, or that a user could not change
        """
        for name, value in {**(fields or {}), **named}.items():
            controls = [each for each in self._controls
                        if name == each.get('name') or name in self._labels[each]]
            if not controls:
                raise PageError(f'there is no field {name!r} in {self!r}')
            if any(_is_disabled(each) or 'readonly' in each.attributes for each in controls):
                raise PageError(f'the field {name!r} cannot be changed: it is disabled or readonly')
            self._fill(name, controls, value)
        return self

    def _fill(self, name: str, controls: list[Element], value: Any) -> None:
        kind = _kind(controls[0])
        if kind == 'radio':
            self._choose(name, [each for each in self._controls
                                if each.get('name') == controls[0].get('name')], [str(value)], radio=True)
        elif kind == 'checkbox' and isinstance(value, bool) and len(controls) == 1:
            self._given[controls[0]] = value
        elif kind == 'checkbox':
            self._choose(name, controls, [str(each) for each in _listed(value)])
        elif kind == 'select':
            self._given[controls[0]] = [_option(name, controls[0], str(each)) for each in _listed(value)]
        elif kind == 'file':
            self._given[controls[0]] = value
        else:
            for control, each in zip(controls, _listed(value) if len(controls) > 1 else [value], strict=True):
                self._given[control] = '' if each is None else str(each)

    def _choose(self, name: str, boxes: list[Element], values: list[str], radio: bool = False) -> None:
        for value in values:
            if not any(value in (each.attributes.get('value', 'on'), *self._labels[each]) for each in boxes):
                raise PageError(f'{name!r} has no choice {value!r}; there are: ' + ', '.join(
                    repr(each.attributes.get('value', 'on')) for each in boxes))
        for each in boxes:
            names = (each.attributes.get('value', 'on'), *self._labels[each])
            self._given[each] = any(value in names for value in values)

    @property
    def fields(self) -> list[tuple[str, Any]]:
        """What would be sent: names and values in their order; a FileUpload for a file."""
        sent: list[tuple[str, Any]] = []
        for control in self._controls:
            if not _is_disabled(control) and control.around('datalist') is None:
                sent += [(control.get('name'), value) for value in self._values(control)]
        if self._button is not None and self._button.get('name'):
            sent.append((self._button.get('name'), self._button.get('value')))
        return sent

    def _values(self, control: Element) -> Iterable[Any]:
        given, kind = self._given.get(control), _kind(control)
        if kind in ('checkbox', 'radio'):
            checked = 'checked' in control.attributes if given is None else given
            return [control.attributes.get('value', 'on')] if checked else []
        if kind == 'select':
            return _selected(control) if given is None else given
        if kind == 'file':
            return [given or ('', 'application/octet-stream', b'')]
        text = given
        if text is None:
            text = control.raw().removeprefix('\n') if kind == 'textarea' else control.get('value')
        if kind == 'textarea' or kind == 'hidden':
            return [text.replace('\r\n', '\n').replace('\r', '\n').replace('\n', '\r\n')]
        return [text.replace('\r', '').replace('\n', '')]  # HTML standard: stripped of line breaks

    def submit(self, label: str | None = None, *, follow: bool = True) -> Any:
        """Press the button with that label; by default the one that the form was found by, or the first.

        :param follow: whether to go where the answer leads
        :returns: the Reply
        :raises PageError: if there is no such button, or it is disabled
        """
        if label is not None and not any(label in _names_of_button(each) for each in self._buttons):
            raise PageError(f'there is no button {label!r} in {self!r}')
        self.pressing(label)
        if self._button is None:
            self._button = next((each for each in self._buttons if not _is_disabled(each)), None)
        if self._button is not None and _is_disabled(self._button):
            raise PageError(f'the button {self._button.text!r} is disabled')
        action = self._setting('action')
        where = urljoin(self._base, action).partition('#')[0] if action else self._url
        if not is_local(where):
            raise PageError(f'the form is sent to another server: {where}')
        fields: list[tuple[str, Any]] = self.fields
        in_parts = self._setting('enctype').lower() == 'multipart/form-data'
        if self._setting('method').lower() != 'post' or not in_parts:  # of a file, only its name is sent
            fields = [(name, value if isinstance(value, str) else value[0]) for name, value in fields]
        if self._setting('method').lower() != 'post':
            query = build_url([''], fields).partition('?')[2]
            return self._request('GET', f'{where.partition("?")[0]}?{query}', follow=follow)
        return self._request('POST', where, follow=follow, **{'files' if in_parts else 'form': fields})

    def _setting(self, name: str) -> str:
        button = self._button
        if button is not None and 'form' + name in button.attributes:
            return button.get('form' + name)
        return self._element.get(name)

    def __repr__(self) -> str:
        names = [next(filter(None, self._labels[each]), each.get('name')) for each in self._controls
                 if _kind(each) != 'hidden']
        buttons = [next(iter(_names_of_button(each)), '') for each in self._buttons]
        names = list(dict.fromkeys(names)) or ['no fields']
        return f'<Form with {", ".join(names)}; {", ".join(buttons) or "no button"}>'


def _kind(control: Element) -> str:
    if control.tag == 'input':
        return control.get('type').lower() or 'text'
    return (control.get('type').lower() or 'submit') if control.tag == 'button' else control.tag


def _labels(label: Element, control: Element) -> bool:
    target = label.attributes.get('for')
    if target is not None:
        return target == control.get('id') != ''
    return control.around('label') is label


def _names_of_button(button: Element) -> list[str]:
    found = [button.text, button.get('aria-label'), button.get('alt'), button.get('id')]
    if button.tag == 'input':
        found.insert(0, button.attributes.get('value', 'Submit'))
    return list(filter(None, found))


def _is_disabled(control: Element) -> bool:
    fieldset = control.around('fieldset')
    return 'disabled' in control.attributes or (
        fieldset is not None and ('disabled' in fieldset.attributes or _is_disabled(fieldset)))


def _value(option: Element) -> str:
    return option.attributes.get('value', option.text)


def _option(name: str, select: Element, wanted: str) -> str:
    options = [each for each in select.all('option') if 'disabled' not in each.attributes]
    for names in (_value, lambda each: each.text):
        for each in options:
            if names(each) == wanted:
                return _value(each)
    raise PageError(f'{name!r} has no choice {wanted!r}; there are: '
                    + ', '.join(repr(each.text) for each in options))


def _selected(select: Element) -> list[str]:
    options = select.all('option')
    chosen = [each for each in options if 'selected' in each.attributes]
    if 'multiple' not in select.attributes:
        size = select.get('size') or '1'
        chosen = chosen[-1:] or ([each for each in options if 'disabled' not in each.attributes][:1]
                                 if size == '1' else [])
    return [_value(each) for each in chosen if 'disabled' not in each.attributes]


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple, set)) else [value]
