"""Formlet: the life of a form, from the record it shows to the record it saves.

A form that is not acceptable comes back with status 422, everything typed still in it, and saves
nothing; one that is acceptable saves exactly once, and never over a change that its user has not seen. This
is the only file of the forms that knows Request and Response.
"""

from __future__ import annotations

import os
import re
import sys
from functools import partial
from zlib import crc32

from kali.errors import BadRequest, NotFound, SaveError, SpentError, ValidationError
from kali.forms.elements import FINGERPRINT, FORM_ID, TAKE, control_name
from kali.forms.records import read_posted, show_record
from kali.forms.rendering import (
    Conflict,
    Fields,
    label_of,
    make_fields,
    render_form,
    render_page,
    sent_to,
)
from kali.forms.uploads import KEPT
from kali.http.consequences import after_commit
from kali.http.deferred import Deferred
from kali.http.response import Response, as_response
from kali.locale.words import say
from kali.markup import Markup, escape
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
_LOOSE = 'record'  # instead of a fingerprint: what nobody changed keeps its value, and that is all
_PRINTS = re.compile(f'{_LOOSE}|[0-9a-f]{{8}}(?:-[0-9a-f]{{8}})*')


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
    #: told, it is one if it is a sqlite3.Row; a dict may as well be what a new record starts with. One that
    #: has more than the fields, such as the number of a record, or all that a table has, keeps at least what
    #: nobody changed.
    edits: bool | None = None

    def __init__(self, elements: Mapping[str, Element]) -> None:
        self.elements = elements
        self.request: Request | None = None
        #: For `save`: the names of the fields that differ from the record that the form showed; without such
        #: a record, of all. Only these need be written.
        self.changed: frozenset[str] = frozenset()

    def get_native(self) -> Any:
        """The record to start with: a mapping or sqlite3.Row. What is missing in it shows as blank."""
        raise NotImplementedError(f'{type(self).__qualname__}.get_native: return the record to show, or {{}}')

    def display(self, fields: Fields, errors: dict[str, Any]) -> Any:
        """The page: content, or a Response.

        :param fields: the controls by name, ready for a template (see kali.forms.rendering)
        :param errors: what is wrong, by field name; other names are of the whole form
        """
        return render_page(self.title or _in_words(type(self).__name__), self.form(fields, errors))

    def _record(self) -> Any:
        """What `get_native` gives; None is what `fetchone` gives for a record that is not there."""
        native = self.get_native()
        if native is None:
            raise NotFound(say('gone'))
        return native

    def _has_more(self, native: Any) -> bool:
        """Whether a record has more than the fields, such as its number."""
        return not set(native.keys()) <= self.elements.keys()

    def form(self, fields: Fields, errors: dict[str, Any]) -> Markup:
        """The whole form as it renders itself, for a page of your own around it."""
        fields.is_rendered = True
        return render_form(fields, submit=fields.submit or self.submit, cancel=self.cancel,
                           action=self.action)

    @property
    def action(self) -> str:
        """Where the form is best sent: to the address of its page, with a word more.

        Once something was posted to the very address of a page, a browser forgets what it kept of that page
        (RFC 9111, section 4.4). Back would then fetch the form anew, with a new id and with what was typed,
        and Save would save it twice; it is to bring the old form, whose id is spent. A form that a template
        writes itself is sent here as well, unless its `action` leads to another page.
        """
        request = self.request
        if request is None:
            return ''
        query = [(name, value) for name, value in request.query.items()
                 if name != '_save'] if '?' in request.target else []
        return request.root_url(request.path, [*query, ('_save', '1')])

    def semantic_checks(self, native: dict[str, Any], errors: dict[str, Any]) -> None:
        """Check what no single element can, and put sentences into `errors`. Each field is fine by now."""

    def save(self, native: dict[str, Any], request: Request) -> Any:
        """Save the record; answer with a redirect, usually.

        :raises SaveError: with the errors by name, to show the form again.
        """
        raise NotImplementedError(f'{type(self).__qualname__}.save: save the record and return a redirect')

    def do_GET(self, request: Request) -> Any:
        """Show the form; or, with `_search` in the query, the choices of that field that match `q`."""
        self.request = request
        key = request.query.get('_search')
        if key is not None:
            return [element.matches(control_name(name), key, request.query.get('q', ''))
                    for name, element in self.elements.items() if element.owns(control_name(name), key)]
        native = self._record()
        intermediate = show_record(self.elements, native)
        stored = _is_row(native) if self.edits is None else self.edits
        loose = self.edits is None and isinstance(native, dict) and (
            self._has_more(native) or (self.elements.keys() == native.keys() and any(
                element.of_table for element in self.elements.values())))
        fields = make_fields(self.elements, intermediate, {}, os.urandom(16).hex(),
                             _fingerprint(self.elements, intermediate) if stored else _LOOSE if loose else '')
        return self._page(fields, {})

    def do_POST(self, request: Request) -> Any:
        """Save what was posted, or show it again with what is wrong.

        :raises BadRequest: if the form's one-shot id or its fingerprint was tampered with.
        """
        self.request = request
        posted = request.fields
        form_id = _hidden(posted, FORM_ID, _ONE_SHOT_ID)
        fingerprint = _hidden(posted, FINGERPRINT, _PRINTS)
        transaction, next_id = request.scope.transaction, form_id
        edits = fingerprint not in ('', _LOOSE)
        if form_id and transaction is not None:
            # Before any check: "this name is taken" would be no answer to the second half of a double click.
            # An answer of 4xx spends nothing, so the form may come back with its id.
            once = partial(transaction.once, form_id + self._buttons(posted),
                           [(name, value) for name, value in posted.items()
                            if name not in (FORM_ID, FINGERPRINT)],
                           leaves=self._left if edits else None)
            try:
                earlier = once()
            except SpentError as spent:
                if not edits:
                    return self._saved_before(posted, spent.answer)
                # The record as this form left it. If it comes back with a conflict, it is another form.
                fingerprint, next_id = spent.left or fingerprint, ''
                earlier = once(again=True)
            if earlier is not None:
                return earlier
        record, typed, conflicts, fingerprint = self._read(posted, fingerprint)
        intermediate, native, errors = typed

        def again(errors: dict[str, Any]) -> Any:
            return self._again(intermediate, {**errors, **conflicts}, next_id, fingerprint,
                               409 if conflicts else 422)
        if errors or conflicts:
            return again(errors)
        self.changed = self._differing(intermediate, record)
        try:
            self.semantic_checks(native, errors)  # which may add to errors
            if errors:
                return again(errors)
            if transaction is not None:
                transaction.if_refused(lambda refusal: again(self._refused(refusal, native)))
            answer = self.save(native, request)
        except (SaveError, ValidationError) as error:
            return again(_errors_of(error))
        if not isinstance(answer, Deferred) and not hasattr(answer, 'add_done_callback'):  # else not final
            after_commit(lambda: KEPT.forget(form_id))
        return answer

    def _read(self, posted: Bag, fingerprint: str) -> tuple[Any, _Typed, dict[str, Any], str]:
        """The record as it is now (None without one), what was posted, conflicts, the fingerprint."""
        fixed = any('readonly' in element.attributes for element in self.elements.values())
        if not fingerprint and not fixed:
            return None, read_posted(self.elements, posted), {}, ''
        loose = fingerprint == _LOOSE
        try:
            record = self._record()
        except NotFound:
            gone = {} if loose or not fingerprint else {'form': say('gone')}
            return None, read_posted(self.elements, posted), gone, fingerprint
        if isinstance(record, dict):  # rows may come as a cursor, which can be read once
            record = {name: list(value) if hasattr(value, '__next__') else value
                      for name, value in record.items()}
        typed = read_posted(self.elements, posted, record,
                            exists=self._has_more(record) if loose else bool(fingerprint))
        if not fingerprint:
            return None, typed, {}, ''
        shown = show_record(self.elements, record)
        if loose:
            return shown, typed, {}, fingerprint
        return (shown, typed, *self._compare(posted, fingerprint, typed, shown, record))

    def _saved_before(self, posted: Bag, answer: Any) -> Any:
        """A form for a new record that was saved already, and came again with something else in it: the same
        form under another id, so that its button saves this as well."""
        intermediate, _, errors = read_posted(self.elements, posted)
        url = answer.headers.get('location', '') if 300 <= answer.status < 400 else ''
        what = escape(say('spent'))
        if url:
            what = Markup(f'{what} <a href="{escape(url)}">{escape(say("spent link"))}</a>')
        return self._again(intermediate, {'form': what, **errors}, '', '', 409, say('save as well'))

    def _refused(self, refusal: Any, native: dict[str, Any]) -> dict[str, Any]:
        """What the database refuses, by field."""
        names = {name.casefold(): name for name in self.elements}
        values = {column: native[names[column.casefold()]] for column in refusal.known_columns
                  if names.get(column.casefold()) in native}
        labels = {column: label_of(self.elements[names[column.casefold()]], names[column.casefold()])
                  for column in refusal.known_columns if column.casefold() in names}
        errors: dict[str, Any] = {}
        link = partial(self.record_url, refusal.table)
        for column, sentence in refusal.errors(values, labels, link).items():
            name = names.get(column.casefold())
            if name is None:
                text = sentence if not column else refusal.named(column, sentence)
                known = errors.get('form', text)
                errors['form'] = text if known == text else f'{known} {text}'
            else:
                errors[name] = sentence
        return errors

    def record_url(self, table: str, key: Any) -> str:
        """The URL of the page of another record, by its table and key, for a message that leads to it; '' for
        none.

        Unless overridden: that of this very formlet, if it is mounted with one wildcard for each part of a
        key.
        """
        router: Any = self.request.scope.router if self.request is not None else None
        try:
            return str(router.url_for(type(self), *(key if isinstance(key, tuple) else (key,))))
        except (AttributeError, LookupError, ValueError):
            return ''

    def _left(self) -> str:
        """The fingerprint of the record as it is now, when the form has been saved."""
        try:
            return _fingerprint(self.elements, show_record(self.elements, self._record()))
        except NotFound:
            return ''

    def _differing(self, intermediate: dict[str, Any], record: dict[str, Any] | None) -> frozenset[str]:
        """The fields whose text is another one than what the record shows."""
        return frozenset(name for name, shown in intermediate.items()
                         if record is None or self.elements[name].takes_files or shown != record[name])

    def _again(self, intermediate: dict[str, Any], errors: dict[str, Any], form_id: str, fingerprint: str,
               status: int, submit: str = '') -> Any:
        """The form with what was typed and what is wrong."""
        form_id = form_id or os.urandom(16).hex()
        unread = {name: element for name, element in self.elements.items() if not element.is_read}
        if unread:
            try:
                intermediate.update(show_record(unread, self._record()))
            except NotFound:
                intermediate.update(show_record(unread, {}))
        for name, element in self.elements.items():
            if element.takes_files:
                kept = KEPT.put(form_id, control_name(name), [] if name in errors else intermediate[name])
                intermediate[name] = element.again(intermediate[name], kept)
        fields = make_fields(self.elements, intermediate, errors, form_id, fingerprint)
        fields.submit = submit
        if len(unread) == len(self.elements):  # a question: nothing was typed that might be saved yet
            fields.heading = 'refused'
        response = as_response(self._page(fields, errors))
        if isinstance(response, Response) and response.status == 200:
            response.status = status
        return response

    def _page(self, fields: Fields, errors: dict[str, Any]) -> Any:
        """What `display` gives, with its form sent to `action`."""
        page = self.display(fields, errors)
        if fields.is_rendered:
            return page
        answer = page if isinstance(page, Response) else as_response(page)
        if self.request is None or not isinstance(answer, Response) or (
                type(answer.content) in (bytes, type(None))):
            return page
        content = sent_to(self.action, answer.content, fields, self.request.target)
        if answer is not page:
            return content
        page.content = content
        return page

    def _buttons(self, posted: Bag) -> str:
        """What tells apart the buttons of a form that has several: each may be pressed once.

        One that leads away and saves nothing must not keep the others from working after Back.
        """
        others = sorted(name for name in posted if not self._is_own(name))
        return f'-{crc32(repr(others).encode("utf-8", "replace")):08x}' if others else ''

    def _is_own(self, key: str) -> bool:
        return (key in (FORM_ID, FINGERPRINT) or key.startswith(TAKE)
                or any(element.owns(control_name(name), key) for name, element in self.elements.items()))

    def _compare(self, posted: Bag, seen: str, typed: _Typed, record: dict[str, Any],
                 native_record: Any) -> tuple[dict[str, Any], str]:
        """What was typed beside the record as it is now: conflicts, and the record's fingerprint.

        :param seen: the fingerprint of the record that the form showed
        :param record: the record as the form shows it
        """
        now = _fingerprint(self.elements, record)
        intermediate, native, errors = typed
        if now == seen:  # and so are the versions to choose from, if there were any
            for name, element in self.elements.items():
                if posted.get(TAKE + name) == 'theirs' and element.is_read:
                    intermediate[name] = record[name]
                    errors.pop(name, None)
                    try:
                        native[name] = element.value_over(record[name], native_record[name])
                    except (KeyError, IndexError):  # a mapping, a sqlite3.Row: it has no such field
                        native[name] = element.value(record[name])
                    except ValidationError as error:
                        errors[name] = error.args[0] if error.args else say('invalid')
            return {}, now
        mine = _fingerprint(self.elements, {**record, **intermediate}).split('-')
        conflicts: dict[str, Any] = {}
        before, theirs = seen.split('-'), now.split('-')
        if len(before) != len(theirs):  # the program has other fields by now
            before = [''] * len(theirs)
        for (name, element), first, other, own in zip(self.elements.items(), before, theirs, mine,
                                                      strict=True):
            if first != other != own:
                conflicts[name] = Conflict.between(name, element, element.in_words(record[name]),
                                                   take=own == first, wrong=errors.get(name, ''))
        return conflicts, now


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
    values = (element.version(intermediate[name]) for name, element in elements.items())
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
