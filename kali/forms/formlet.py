"""Formlet: the life of a form, from the record it shows to the record it saves.

The rule: a form that is not acceptable comes back with status 422, everything typed still in it, and saves
nothing; one that is acceptable saves exactly once, and never over a change that its user has not seen. This
is the only file of the forms that knows Request and Response.
"""

from __future__ import annotations

import os
import re
import sys
from zlib import crc32

from kali.errors import BadRequest, NotFound, SaveError, ValidationError
from kali.forms.elements import FORM_ID, read_posted, show_record
from kali.forms.rendering import FINGERPRINT, TAKE, Conflict, Fields, make_fields, render_form, render_page
from kali.forms.uploads import KEPT
from kali.http.response import Response, as_response
from kali.locale.words import say
from kali.markup import Markup
from kali.multidict import Bag
from kali.routing.servlets import Servlet

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TypeAlias

    from kali.forms.elements import Element
    from kali.http.request import Request

    #: As it shows again, as it is meant, what is wrong: each by field.
    _Typed: TypeAlias = tuple[dict[str, Any], dict[str, Any], dict[str, Any]]

__all__ = ['Formlet']

_ONE_SHOT_ID = re.compile('[0-9a-f]{32}')
_PRINTS = re.compile('[0-9a-f]{8}(?:-[0-9a-f]{8})*')


class Formlet(Servlet):
    """A servlet that shows a form and saves what comes back. Override `get_native`, `save` and what you need.

    The request is in `self.request` for all of them (but not for the constructor).

    :param elements: the form's elements by field name

    >>> from kali.forms import Entry
    >>> from kali.http.request import Request
    >>> class Greeting(Formlet):
    ...     def get_native(self):
    ...         return {'name': 'World'}
    ...     def save(self, native, request):
    ...         return Response.redirect('/hello/' + native['name'])
    >>> form = Greeting({'name': Entry()})
    >>> form.do_POST(Request('POST', '/', form={'name': 'Zoe'})).headers['location']
    '/hello/Zoe'
    >>> form.do_POST(Request('POST', '/', form={'name': ''})).status
    422
    """

    #: Text at the head of the page that a formlet makes by itself; the name of its class unless given.
    title = ''
    #: What the button says.
    submit = 'Save'
    #: Where a link beside the button leads, if there is to be one.
    cancel = ''
    #: Whether `get_native` gives a stored record, over whose later changes the form must not save. Unless
    #: told, it is one if it is a sqlite3.Row; a dict may as well be what a new record starts with.
    edits: bool | None = None

    def __init__(self, elements: Mapping[str, Element]) -> None:
        self.elements = elements
        self.request: Request | None = None

    def get_native(self) -> Any:
        """The record to start with: a mapping or sqlite3.Row. What is missing in it shows as blank."""
        raise NotImplementedError(f'{type(self).__qualname__}.get_native: return the record to show, or {{}}')

    def display(self, fields: Fields, errors: dict[str, Any]) -> Any:
        """The page: content, or a Response.

        :param fields: the controls by name, ready for a template (see kali.forms.rendering)
        :param errors: what is wrong, by field name; other names are of the whole form
        """
        return render_page(self.title or _in_words(type(self).__name__), self.form(fields, errors))

    def form(self, fields: Fields, errors: dict[str, Any]) -> Markup:
        """The whole form as it renders itself, for a page of your own around it."""
        return render_form(fields, submit=self.submit, cancel=self.cancel, action=self.action)

    @property
    def action(self) -> str:
        """Where the form is best sent: to the address of its page, with a word more.

        Once something was posted to the very address of a page, a browser forgets what it kept of that page
        (RFC 9111, section 4.4). Back would then fetch the form anew, with a new id and with what was typed,
        and Save would save it twice; it is to bring the old form, whose id is spent. A template that writes
        its own `<form>` is given this as `action`.
        """
        request = self.request
        if request is None:
            return ''
        query = [(name, value) for name, value in request.query.items() if name != '_save']
        return request.root_url(request.path, [*query, ('_save', '1')])

    def semantic_checks(self, native: dict[str, Any], errors: dict[str, Any]) -> None:
        """Check what no single element can, and put sentences into `errors`. Each field is fine by now."""

    def save(self, native: dict[str, Any], request: Request) -> Any:
        """Save the record; answer with a redirect, usually.

        :raises SaveError: with the errors by name, to show the form again.
        """
        raise NotImplementedError(f'{type(self).__qualname__}.save: save the record and return a redirect')

    def do_GET(self, request: Request) -> Any:
        """Show the form."""
        self.request = request
        native = self.get_native()
        intermediate = show_record(self.elements, native)
        stored = _is_row(native) if self.edits is None else self.edits
        fields = make_fields(self.elements, intermediate, {}, os.urandom(16).hex(),
                             _fingerprint(self.elements, intermediate) if stored else '')
        return self.display(fields, {})

    def do_POST(self, request: Request) -> Any:
        """Save what was posted, or show it again with what is wrong.

        :raises BadRequest: if the form's one-shot id or its fingerprint was tampered with.
        """
        self.request = request
        posted = request.POST
        form_id = _hidden(posted, FORM_ID, _ONE_SHOT_ID)
        fingerprint = _hidden(posted, FINGERPRINT, _PRINTS)
        transaction = request.scope.transaction
        if form_id and transaction is not None:
            # Before any check: "this name is taken" would be no answer to the second half of a double click.
            # An answer of 4xx spends nothing, so the form may come back with its id.
            earlier = transaction.once(form_id + self._buttons(posted))
            if earlier is not None:
                return earlier
        typed = read_posted(self.elements, posted, self._stored() if fingerprint else None,
                            exists=bool(fingerprint))
        conflicts: dict[str, Any] = {}
        if fingerprint:
            fingerprint, typed, conflicts = self._compare(posted, fingerprint, typed)
        intermediate, native, errors = typed
        try:
            if not errors and not conflicts:
                self.semantic_checks(native, errors)  # which may add to errors
            if not errors and not conflicts:
                answer = self.save(native, request)
                KEPT.forget(form_id)
                return answer
        except (SaveError, ValidationError) as error:
            errors = _errors_of(error)
        return self._again(intermediate, {**errors, **conflicts}, form_id, fingerprint,
                           409 if conflicts else 422)

    def _stored(self) -> Any:
        """The record that the form is about, or None if it is not there any more."""
        try:
            return self.get_native()
        except NotFound:
            return None

    def _again(self, intermediate: dict[str, Any], errors: dict[str, Any], form_id: str, fingerprint: str,
               status: int) -> Any:
        """The form with what was typed and what is wrong."""
        form_id = form_id or os.urandom(16).hex()
        unread = {name: element for name, element in self.elements.items() if not element.is_read}
        if unread:
            try:
                intermediate.update(show_record(unread, self.get_native()))
            except NotFound:
                intermediate.update(show_record(unread, {}))
        for name, element in self.elements.items():
            if element.takes_files:
                intermediate[name] = KEPT.put(form_id, name, [] if name in errors else intermediate[name])
        fields = make_fields(self.elements, intermediate, errors, form_id, fingerprint)
        response = as_response(self.display(fields, errors))
        if isinstance(response, Response) and response.status == 200:
            response.status = status
        return response

    def _buttons(self, posted: Bag) -> str:
        """What tells apart the buttons of a form that has several: each may be pressed once.

        One that leads away and saves nothing must not keep the others from working after Back.
        """
        others = sorted(name for name in posted if name not in self.elements and not self._is_own(name))
        return f'-{crc32(repr(others).encode("utf-8", "replace")):08x}' if others else ''

    def _is_own(self, key: str) -> bool:
        return (key in (FORM_ID, FINGERPRINT) or key.startswith(TAKE)
                or any(element.owns(name, key) for name, element in self.elements.items()))

    def _compare(self, posted: Bag, seen: str, typed: _Typed) -> tuple[str, _Typed, dict[str, Any]]:
        """What was typed beside the record as it is now: its fingerprint, what is to be saved, conflicts.

        :param seen: the fingerprint of the record that the form showed
        """
        try:
            record = show_record(self.elements, self.get_native())
        except NotFound:
            return seen, typed, {'form': say('gone')}
        now = _fingerprint(self.elements, record)
        intermediate, native, errors = typed
        if now == seen:  # and so are the versions to choose from, if there were any
            for name, element in self.elements.items():
                if posted.get(TAKE + name) == 'theirs' and element.is_read:
                    intermediate[name] = record[name]
                    errors.pop(name, None)
                    try:
                        native[name] = element.i2n(record[name])
                    except ValidationError as error:
                        errors[name] = error.args[0] if error.args else say('invalid')
            return now, typed, {}
        mine = _fingerprint(self.elements, {**record, **intermediate}).split('-')
        conflicts = {}
        before, theirs = seen.split('-'), now.split('-')
        if len(before) != len(theirs):  # the program has other fields by now
            before = [''] * len(theirs)
        for (name, element), first, other, own in zip(self.elements.items(), before, theirs, mine,
                                                      strict=True):
            if first != other != own:
                conflicts[name] = Conflict.between(name, element, element.in_words(record[name]),
                                                   take=own == first, wrong=errors.get(name, ''))
        return now, typed, conflicts


def _hidden(posted: Bag, name: str, form: re.Pattern[str]) -> str:
    """What came with the form in a hidden field of kali's own, or '' (a form made by hand has none)."""
    text: Any = posted.get(name, '')
    if isinstance(text, str) and (not text or form.fullmatch(text)):
        return text
    raise BadRequest(f'The form came with a damaged id ({name} is not as it was sent), so nothing was saved. '
                     'Go back, reload the page and try again.')


def _fingerprint(elements: Mapping[str, Element], intermediate: Mapping[str, Any]) -> str:
    """What tells two versions of a record apart: a number for each field, from its value as the form has it.

    >>> from kali.forms.elements import Element
    >>> _fingerprint({'name': Element(), 'size': Element()}, {'name': 'Ada', 'size': '7'})
    '0059b720-f74e9c28'
    """
    # Files cannot be shown in a form, so there is no version of one to compare.
    values = ('' if element.takes_files else intermediate[name] for name, element in elements.items())
    texts = (repr(sorted(value) if isinstance(value, (set, list)) and type(value) in (set, list) else value)
             for value in values)
    return '-'.join(f'{crc32(text.encode("utf-8", "replace")):08x}' for text in texts)


def _is_row(native: Any) -> bool:
    sqlite3 = sys.modules.get('sqlite3')  # without it there is no row of it either
    return sqlite3 is not None and isinstance(native, sqlite3.Row)


def _errors_of(error: SaveError | ValidationError) -> dict[str, Any]:
    """The errors by name; a sentence instead of a mapping is of the whole form."""
    reason = error.args[0] if error.args else say('invalid')
    if isinstance(reason, dict) and not reason:
        raise TypeError('SaveError({}) says nothing: give it a sentence for a field name') from error
    return reason if isinstance(reason, dict) else {'form': reason}


def _in_words(name: str) -> str:
    """A class's name in words.

    >>> _in_words('EditTask')
    'Edit task'
    """
    return re.sub('(?<=[a-z0-9])(?=[A-Z])', ' ', name).capitalize()
