"""A compiled template: its function, and the way back from a line of it to the place in the template.

Whatever goes wrong while rendering is reported at the template's own file and line. The traceback's
entry for the generated function is replaced by one for the template; a failed look-up becomes a
TemplateError that names the nearest. Nothing is paid for it until something fails.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Sequence

from kali.templates.escapers import Fields, path_item
from kali.templates.foreign import tell
from kali.templates.syntax import Source, nearest

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from types import FrameType, TracebackType
    from typing import Any

__all__ = ['Lookup', 'Program']

# A line that looks `name` up in the Python variable `holder`; `extender`: the file that could have bound it.
Lookup = namedtuple('Lookup', 'name holder extender', defaults=('',))
# The functions that a look-up may fail in; an error from deeper down is the value's own.
LOOKUPS = (path_item.__code__, Fields.__getitem__.__code__)


class Program:
    """The text of a Python function, made into one when it is first needed: a base page never is."""

    __slots__ = ('_function', 'namespace', 'places', 'remarks', 'text')

    def __init__(self, text: str, namespace: dict[str, Any],
                 places: Sequence[tuple[Source, int, Lookup | None]], remarks: Sequence[str] = ()) -> None:
        self.text, self.namespace, self.places = text, namespace, places
        self.remarks = remarks  # on what is no mistake, but looks like one
        for remark in remarks:
            tell(remark)
        self._function: Callable[..., str] | None = None

    @property
    def function(self) -> Callable[..., str]:
        """The function: of a scope for a page, of items and a scope for a loop; it returns the page's
        text."""
        if self._function is None:
            exec(compile(self.text, '<compiled template>', 'exec'), self.namespace)
            self._function = self.namespace['render']
        return self._function

    def relocated(self, error: Exception) -> Exception:
        """`error`, raised by the function, with a traceback that shows the template; or what to raise in
        its place."""
        trace = error.__traceback__
        while trace and trace.tb_frame.f_globals is not self.namespace:
            trace = trace.tb_next
        if not trace:
            return error
        while trace.tb_next and trace.tb_next.tb_frame.f_globals is self.namespace:
            trace = trace.tb_next  # a part of a deeply nested template
        source, at, lookup = self.places[trace.tb_lineno - 1]
        rest = trace.tb_next
        if lookup and _is_failed_lookup(error, rest):
            error, rest = _lookup_error(lookup, source, at, trace.tb_frame), None
        return error.with_traceback(_template_trace(source, source.place(at)[0], rest))


def _is_failed_lookup(error: Exception, rest: TracebackType | None) -> bool:
    """Whether the look-up itself failed, and not some property or `__getitem__` that it called."""
    if not isinstance(error, (LookupError, AttributeError, TypeError)):
        return False
    return rest is None or (rest.tb_next is None and rest.tb_frame.f_code in LOOKUPS)


def _lookup_error(lookup: Lookup, source: Source, at: int, frame: FrameType) -> Exception:
    holder = frame.f_locals[lookup.holder]
    name = str(lookup.name)
    known = list(holder.keys()) if hasattr(holder, 'keys') else []
    if lookup.holder in ('scope', 'row'):
        section = f'to {lookup.extender} as a section <?{name}?>, ' if lookup.extender else ''
        detail = (f'there is no {name!r} here{nearest(name, known)}: give it to the template, {section}or '
                  'take the name out; if the brace belongs to CSS or JavaScript, write a space after it')
    else:
        known = known or [each for each in dir(holder) if not each.startswith('_')]
        detail = f'the {type(holder).__name__} has no {name!r}{nearest(name, known)}'
    error = source.error(detail, at)
    error.__suppress_context__ = True
    return error


def _template_trace(source: Source, line: int, rest: TracebackType | None) -> TracebackType:
    """A traceback entry for a line of a template, before `rest`."""
    from types import TracebackType  # the failing path only, like all of this

    if source.filename.startswith('<'):  # no file to read the line from
        import linecache

        linecache.cache[source.filename] = (
            len(source.text), None, source.text.splitlines(keepends=True), source.filename)
    code = compile('\n' * (line - 1) + 'raise ValueError', source.filename, 'exec')
    try:
        exec(code.replace(co_name='template'), {})
    except ValueError as error:
        assert error.__traceback__ and error.__traceback__.tb_next
        frame = error.__traceback__.tb_next.tb_frame
    return TracebackType(rest, frame, -1, line)  # -1: no instruction, hence no carets below a part of it
