"""Conditions and ranges: which part of a file a request wants, or that its copy is still good.

Sources: RFC 9110 sections 8.8 (validators), 13 (conditions, in the order of 13.2.2), 14 (ranges).
"""

from __future__ import annotations

import re
import time

from kali.http.dates import http_date, time_of

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from kali.http.request import Request

__all__ = ['Validators', 'select']

SECOND = 10**9  # nanoseconds
_RANGE = re.compile(r'bytes=([0-9]{0,18})-([0-9]{0,18})', re.IGNORECASE)  # no file has more bytes than that
_TAG = re.compile(r'(W/)?("[^"]*")')
# What describes the content is no part of an answer without it.
_OF_CONTENT = ('Content-Type', 'Content-Encoding', 'Content-Disposition')


class Validators:
    """What tells one version of a file from another.

    :param tag: a strong entity tag, in quotes
    :param modified: when it was changed, in nanoseconds since 1970; None: not known
    """

    __slots__ = ('is_exact', 'modified', 'tag')

    def __init__(self, tag: str, modified: int | None) -> None:
        self.tag = tag
        now = time.time_ns()
        # In seconds, as a header has it. One that lies in the future is not sent (section 8.8.2.1).
        self.modified = None if modified is None else max(0, min(modified, now)) // SECOND
        # A date stands for one version only if the file did not change twice in that second (8.8.2.2).
        self.is_exact = modified is not None and modified % SECOND == 0 and modified + SECOND <= now


def select(request: Request | None, headers: dict[str, str], found: Validators,
           size: int) -> tuple[int, int, int]:
    """The status to answer with, and where the part to send begins and ends.

    :param request: a GET or HEAD, whose conditions and range count; None: all of the file
    :param headers: of the answer; the validators are added, and what goes with a part or with no content
    """
    headers['ETag'] = found.tag
    if found.modified is not None:
        headers['Last-Modified'] = http_date(found.modified)
    if request is None or request.method not in ('GET', 'HEAD'):
        return 200, 0, size
    status = _precondition(request, found)
    part = _range(request, found, size) if status == 200 and request.method == 'GET' else None
    if part is not None:
        start, stop = part
        if start < stop:
            headers['Content-Range'] = f'bytes {start}-{stop - 1}/{size}'
            return 206, start, stop
        headers['Content-Range'] = f'bytes */{size}'
        status = 416
    if status == 200:
        return 200, 0, size
    for name in _OF_CONTENT:
        headers.pop(name, None)
    return status, 0, 0


def _precondition(request: Request, found: Validators) -> int:
    """200 if the request is to be answered, 304 if its copy is good, 412 if what it knows has changed."""
    wanted, known = _tags(request, 'if-match'), _tags(request, 'if-none-match')
    if wanted is not None:
        if '*' not in wanted and found.tag not in wanted:  # strong comparison: a weak tag is none of ours
            return 412
    elif (date := _date(request, 'if-unmodified-since', found)) is not None and found.modified > date:  # type: ignore[operator]
        return 412
    if known is not None:
        return 304 if '*' in known or found.tag in [tag.removeprefix('W/') for tag in known] else 200
    date = _date(request, 'if-modified-since', found)
    return 304 if date is not None and found.modified <= date else 200  # type: ignore[operator]


def _tags(request: Request, name: str) -> list[str] | None:
    """The entity tags of a field, or `*`, from however many lines; None if it is not there."""
    if name not in request.headers:
        return None
    value = ', '.join(request.headers.get_list(name))
    return ['*'] if value.strip() == '*' else [weak + tag for weak, tag in _TAG.findall(value)]


def _date(request: Request, name: str, found: Validators) -> int | None:
    """The date of a field; None if it is not there, is no date, or there is nothing to compare it with."""
    return None if found.modified is None else time_of(request.headers.get(name, ''))


def _range(request: Request, found: Validators, size: int) -> tuple[int, int] | None:
    """The one range asked for, as offsets; None for several, for nonsense, or if the file has changed."""
    match = _RANGE.fullmatch(request.headers.get('range', '').replace(' ', ''))
    if match is None or match[0].endswith('=-') or not _is_same(request.headers.get('if-range'), found):
        return None
    first, last = match[1], match[2]
    if not first:
        return max(0, size - int(last)), size if int(last) else 0
    if last and int(last) < int(first):
        return None
    return int(first), min(size, int(last) + 1) if last else size


def _is_same(condition: str | None, found: Validators) -> bool:
    """Whether an If-Range field names the version that there is; a weak validator names none (13.1.5)."""
    if condition is None or condition.strip() == found.tag:
        return True
    date = time_of(condition)
    return found.is_exact and date is not None and date == found.modified
