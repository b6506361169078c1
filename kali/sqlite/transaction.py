"""transaction: what a handler, a form or undo may ask of the transaction that it runs in.

`request.scope.transaction` is one while a request may write, and so is the last of `consequences.OPEN`; each
later step of an answer, and each step of a job, has one of its own. There is one order: handler, render to
bytes, store the result under the form id, `before_commit`, COMMIT, `after_commit`, first byte. What was not
saved has no consequences.
"""

from __future__ import annotations

from _thread import get_ident
from collections.abc import Callable, Iterable
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

from kali import log
from kali.errors import KaliError
from kali.http.deferred import Signal, Wait
from kali.http.response import Response
from kali.sqlite import once

if TYPE_CHECKING:
    from kali.http.request import Request
    from kali.sqlite.adapter import Adapter
    from kali.sqlite.refusals import Refusal

__all__ = ['Transaction', 'UnderWay']

_numbers = count(1)


class UnderWay(KaliError):
    """The form is being saved by an earlier request; the guard answers this one when that one is done."""

    status = 409

    def __init__(self, signal: Signal) -> None:
        super().__init__('This form is being saved at this moment. Look again in a moment.')
        self.wait = Wait(signal=signal)


class _Form(NamedTuple):
    content: bytes  # a digest
    leaves: Callable[[], str] | None
    again: bool


class Transaction:
    """One transaction of a request, of a later step of its answer, or of a job.

    :ivar title: what a history calls it: "Add Ann Smith". Later steps go on with the title of the one before
    :ivar group: the same for all steps of one request or job, and for nothing else
    """

    __slots__ = ('_adapter', '_after', '_before', '_finished', '_request', 'forms', 'group', 'refused',
                 'saved', 'thread', 'title', 'under_way')

    def __init__(self, adapter: Adapter, under_way: dict[str, Signal], request: Request | None = None,
                 title: str = '') -> None:
        self._adapter, self._request = adapter, request
        self.under_way = under_way  # the forms whose answers are not final yet
        self.title, self.group, self.thread = title, str(next(_numbers)), get_ident()
        self.forms: dict[str, _Form] = {}
        self.refused: Callable[[Refusal], Any] | None = None
        self._begin()

    def _begin(self) -> None:
        self._before: list[Callable[[], object]] = []
        self._after: list[Callable[[], object]] = []
        self._finished = False
        self.saved: list[str] = []  # the databases of the guard inside that have committed

    def once(self, form_id: str, content: Iterable[tuple[str, Any]] | None = None, *,
             leaves: Callable[[], str] | None = None, again: bool = False) -> Response | None:
        """The answer that `form_id` was spent on, if the same content came with it; or None, and the final
        answer to this request will be stored.

        A request that fails (an exception, a status of 400 or more, a stream that breaks) spends nothing. For
        a form whose first answer is still under way, this does not return: the guard calls the handler again
        when that answer is final.

        :param form_id: any text of up to 200 characters
        :param content: what was posted, pairs of names and values; all fields of the request unless given
        :param leaves: called at the end, in the transaction, for a text to keep; SpentError has it
        :param again: whether other content may be saved under a spent id; its answer replaces the earlier one
        :raises SpentError: if the id was spent on other content, and `again` is not set
        :raises BadRequest: for what cannot be an id
        """
        if content is None:
            content = [] if self._request is None else self._request.fields.items()
        once.expect_id(form_id)
        if form_id in self.under_way:
            raise UnderWay(self.under_way[form_id])
        digest = once.digest_of(content)
        answer = once.earlier(self._adapter, form_id, digest, again)
        if answer is None:
            self.forms[form_id] = _Form(digest, leaves, again)
        return answer

    def before_commit(self, function: Callable[[], object]) -> None:
        """Have `function` called at the end of a request that succeeds, last in its transaction."""
        self._before.append(function)

    def after_commit(self, function: Callable[[], object]) -> None:
        """Have `function` called once everything is saved. If it fails, that is only logged."""
        self._after.append(function)

    def if_refused(self, function: Callable[[Refusal], Any]) -> None:
        """Have `function` answer if the database refuses what is to be saved (UNIQUE, CHECK …), now or at
        COMMIT. It is called after the rollback, and may read, not write."""
        self.refused = function

    # For the guard.

    def next(self) -> Transaction:
        """The transaction of the next step: with the same title, group and forms."""
        following = Transaction.__new__(Transaction)
        following._adapter, following._request, following.under_way = (
            self._adapter, self._request, self.under_way)
        following.title, following.group = self.title, self.group
        following.forms, following.refused = self.forms, self.refused
        following._begin()
        return following

    def finish(self, outcome: object) -> None:
        """Last in the transaction: spend the form ids if `outcome` is final (a Response, or None at the end
        of a stream), and call what asked for `before_commit`. The innermost of several guards does it."""
        if self._finished:
            return
        self._finished = True
        if outcome is None or isinstance(outcome, Response):
            for form_id, form in self.forms.items():
                left = '' if form.leaves is None else form.leaves()
                once.spend(self._adapter, form_id, outcome, form.content, left, replace=form.again)
        for function in self._before:
            function()

    def wait_for_final(self) -> None:
        """The answer comes later: until then its forms are under way."""
        for form_id in self.forms:
            self.under_way.setdefault(form_id, Signal())

    def over(self) -> None:
        """The answer is final, or has failed: whatever waits for it goes on."""
        forms, self.forms = self.forms, {}
        for form_id in forms:
            signal = self.under_way.pop(form_id, None)
            if signal is not None:
                signal.set()

    def committed(self) -> None:
        """Call what asked for `after_commit`."""
        for function in self._after:  # which may get longer meanwhile
            try:
                function()
            except Exception as error:
                log.error('what was to follow a save failed: %s', repr(function), exception=error)
