"""backup_page: the list of the backups and the question before one is put back, as pages.

The rule: plain HTML that works without a script, in words for people. It knows neither how backups are made
nor how they are put back.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from kali.http.response import Response
from kali.markup import escape_text
from kali.sqlite.copies import Backup

__all__ = ['listing', 'question']

_TABLE = '<table>\n<thead><tr><th>Made</th><th>Size</th><th>No.</th><th>Choose</th></tr></thead>\n<tbody>\n'
_ROW = """<tr><td><time datetime="{:%Y-%m-%dT%H:%M:%S}">{made}</time></td><td>{size}</td>
<td>{number}</td>
<td><a href="?choose={number}" aria-label="Put back … number {number}, {made}">Put&nbsp;back&nbsp;…</a>
</td></tr>
"""
_QUESTION = """<p>This puts everything back to how it was on <strong>{made}</strong>. What was saved after
that is taken out.</p>
<p>What is there now is kept as another backup first, so that you can return to it in the same way.</p>
<form method="post" action="?"><input type="hidden" name="ticket" value="{ticket}">
<p class="buttons"><button name="backup" value="{number}">Put it back</button>
<a href="?">Leave everything as it is</a></p></form>
"""
_ABOUT = """<p>A backup is a copy of everything that this program keeps, checked after it was made. One is
made when the program starts, when it ends, and now and then while it is written to. Kept are the last 10, the
last of each of 7 days, and the last of each of 4 weeks.</p>
<p><small>They are in the folder <code>{}</code>. If the program does not start, one can be put back with
<code>python -m kali.sqlite restore</code>.</small></p>
<p><a href="/">To the start</a></p>
"""


def listing(known: Iterable[Backup], folder: Path, trouble: str, *, done: Backup | None = None,
            stale: bool = False) -> Response:
    """The page with all backups, the newest first.

    :param trouble: why there is no newer one; '' if there is no reason
    :param done: the one that has just been put back
    :param stale: whether a form was sent whose page is out of date
    """
    notices = []
    if stale:
        notices.append('<p role="alert">That page was out of date, so nothing has been put back now. Please '
                       'choose again.</p>\n')
    if trouble:
        notices.append('<p role="alert">The last backup could not be made. '
                       f'{escape_text(trouble)}</p>\n')
    if done is not None:
        notices.append(f'<p role="status">Everything is as it was on {_moment(done.made)}. What was there '
                       'before is kept below, too.</p>\n')
    rows = [_row(each) for each in reversed(list(known))]
    table = [_TABLE, rows, '</tbody>\n</table>\n'] if rows else '<p>There is none yet.</p>\n'
    return Response.generic([notices, table, _ABOUT.format(escape_text(str(folder)))], title='Backups',
                            status=409 if stale else 200)


def question(chosen: Backup, ticket: str) -> Response:
    """The page that asks whether to put `chosen` back.

    :param ticket: for the form; it is good for one time
    """
    return Response.generic(_QUESTION.format(made=_moment(chosen.made), number=chosen.number, ticket=ticket),
                            title='Put this backup back?')


def _row(each: Backup) -> str:
    try:
        size = each.path.stat().st_size
    except OSError:  # it has just been let go of
        return ''
    return _ROW.format(each.made, made=_moment(each.made), size=_size(size), number=each.number)


def _moment(made: datetime) -> str:
    """
    >>> _moment(datetime(2026, 11, 1, 9, 5))
    'Sunday, 1 November 2026, 09:05'
    """
    return f'{made:%A}, {made.day} {made:%B} {made.year}, {made:%H:%M}'


def _size(size: int) -> str:
    """
    >>> _size(12_288), _size(1_021_587_456)
    ('0.01&nbsp;MB', '1,021.6&nbsp;MB')
    """
    return f'{size / 1_000_000:,.{1 if size >= 1_000_000 else 2}f}&nbsp;MB'
