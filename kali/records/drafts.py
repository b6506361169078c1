"""drafts: what was typed into a form while its user is away at another one, for a row that it is to refer to.

It is kept in the memory of the program, bounded; its files are kept as those of a form that is not saved yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from kali.forms.elements import control_name
from kali.forms.uploads import KEEP, KEPT
from kali.http.urls import add_query
from kali.multidict import Bag

if TYPE_CHECKING:
    from kali.forms import Element
    from kali.http.request import Request

__all__ = ['DRAFTS']

_MOST, _LETTERS = 100, 50_000_000  # drafts, and characters of all of them; the oldest goes first


class _Draft(NamedTuple):
    url: str
    posted: Bag
    control: str
    reference: Any


class _Drafts:
    """By the id of the form."""

    def __init__(self) -> None:
        self._drafts: dict[str, _Draft] = {}

    def put(self, form_id: str, request: Request, posted: Bag, elements: Mapping[str, Element], control: str,
            reference: Any) -> None:
        """Keep what was posted.

        :param control: the name of the control that is to get what is new
        :param reference: its element
        """
        kept = Bag(posted)
        del kept['_new']
        for name, element in elements.items():
            if element.takes_files and (uploads := element.read(control_name(name), posted)):
                kept.multiple.pop(control_name(name), None)
                if KEPT.put(form_id, control_name(name), list(uploads)):
                    kept.multiple[KEEP + control_name(name)] = ['1']
        query = [(name, value) for name, value in request.query.items() if name not in ('_save', '_draft')]
        url = request.root_url(request.path, [*query, ('_draft', form_id)])
        self._drafts.pop(form_id, None)
        self._drafts[form_id] = _Draft(url, kept, control, reference)
        while len(self._drafts) > 1 and (len(self._drafts) > _MOST or sum(
                len(str(value)) for draft in self._drafts.values() for _, value in draft.posted.items()
                ) > _LETTERS):
            del self._drafts[next(iter(self._drafts))]

    def get(self, form_id: str) -> _Draft | None:
        """What is kept for a form."""
        return self._drafts.get(form_id)

    def url(self, form_id: str) -> str:
        """The address of the form as it was left, or ''."""
        draft = self._drafts.get(form_id)
        return draft.url if draft else ''

    def chosen(self, form_id: str, row: Any) -> str:
        """The address of the form that now refers to `row`, or ''."""
        draft = self._drafts.get(form_id)
        if draft is None:
            return ''
        values = tuple(row[name] for name in draft.reference.targets)
        key = values if len(values) > 1 else values[0]
        for name, text in draft.reference.posted(draft.control, key).items():
            draft.posted.multiple[name] = [text]
        return add_query(draft.url, {})


#: Those of the running program.
DRAFTS = _Drafts()
