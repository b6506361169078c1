"""Formlet: the life of a form, from the record it shows to the record it saves.

The rule: a form that is not acceptable comes back with status 422, everything typed still in it, and saves
nothing; one that is acceptable saves exactly once. This is the only file of the forms that knows Request and
Response.
"""

from __future__ import annotations

import os
import re
from zlib import crc32

from kali.errors import BadRequest, SaveError, ValidationError
from kali.forms.messages import say
from kali.forms.rendering import FORM_ID, Fields, make_fields, render_form, render_page
from kali.http.response import Response, as_response
from kali.markup import Markup
from kali.multidict import Bag
from kali.routing.servlets import Servlet

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from kali.forms.elements import Element
    from kali.http.request import Request

__all__ = ['Formlet']

_ONE_SHOT_ID = re.compile('[0-9a-f]{32}')
_NOTHING = Bag()


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
        intermediate = {}
        for name, element in self.elements.items():
            try:
                value = native[name]
            except (KeyError, IndexError):  # a mapping, a sqlite3.Row
                value = None
            intermediate[name] = element.n2i(value)
        return self.display(make_fields(self.elements, intermediate, {}, os.urandom(16).hex()), {})

    def do_POST(self, request: Request) -> Any:
        """Save what was posted, or show it again with what is wrong.

        :raises BadRequest: if the form's one-shot id was tampered with.
        """
        self.request = request
        posted = request.POST
        form_id = _form_id(posted)
        transaction = request.scope.transaction
        if form_id and transaction is not None:
            # Before any check: "this name is taken" would be no answer to the second half of a double click.
            # An answer of 422 spends nothing, so the form may come back with its id.
            earlier = transaction.once(form_id + self._buttons(posted))
            if earlier is not None:
                return earlier
        intermediate, native, errors = self._read(posted)
        try:
            if not errors:
                self.semantic_checks(native, errors)  # which may add to errors
            if not errors:
                return self.save(native, request)
        except (SaveError, ValidationError) as error:
            errors = _errors_of(error)
        fields = make_fields(self.elements, intermediate, errors, form_id or os.urandom(16).hex())
        response = as_response(self.display(fields, errors))
        if isinstance(response, Response) and response.status == 200:
            response.status = 422
        return response

    def _buttons(self, posted: Bag) -> str:
        """What tells apart the buttons of a form that has several: each may be pressed once.

        One that leads away and saves nothing must not keep the others from working after Back.
        """
        others = sorted(name for name in posted if name not in self.elements and name != FORM_ID)
        return f'-{crc32(repr(others).encode("utf-8", "replace")):08x}' if others else ''

    def _read(self, posted: Bag) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """What was posted: as it shows again, as it is meant, what is wrong. Other fields are ignored."""
        intermediate, native, errors = {}, {}, {}
        for name, element in self.elements.items():
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


def _form_id(posted: Bag) -> str:
    """The one-shot id that came with the form, or '' (a form made by hand has none)."""
    form_id: Any = posted.get(FORM_ID, '')
    if isinstance(form_id, str) and (not form_id or _ONE_SHOT_ID.fullmatch(form_id)):
        return form_id
    raise BadRequest(f'The form came with a damaged id ({FORM_ID} is not 32 hexadecimal digits), so nothing '
                     'was saved. Go back, reload the page and try again.')


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
