"""backup_page: the list of the backups, and the question before one is restored, as pages.

Plain HTML that works without a script, in words for people. It stands in the application's frame, if there
is one.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from kali.http.response import Response
from kali.markup import escape_text
from kali.sqlite.copies import Backup
from kali.sqlite.restore import Fitness

__all__ = ['STALE', 'listing', 'question']

STALE = 'That page was out of date, so nothing has been restored now. Please choose again.'

_TABLE = '<table>\n<thead><tr><th>Made</th><th>Size</th><th>No.</th><th>Choose</th></tr></thead>\n<tbody>\n'
_ROW = """<tr><td><time datetime="{:%Y-%m-%dT%H:%M:%S}">{made}</time>{note}</td><td>{size}</td>
<td>{number}</td>
<td>{link}</td></tr>
"""
_LINK = '<a href="?choose={number}" aria-label="Restore … number {number}, {made}">Restore&nbsp;…</a>'
_QUESTION = """<p>This makes everything as it was on <strong>{made}</strong>. What was saved after that is
gone.{note}</p>
<p>What is there now is kept as another backup first, so that you can return to it in the same way.</p>
<form method="post" action="?"><input type="hidden" name="ticket" value="{ticket}">
<p class="buttons"><button name="backup" value="{number}">Restore it</button>
<a href="?">Leave everything as it is</a></p></form>
"""
_ABOUT = """<p>A backup is a copy of everything that this program keeps, checked after it was made. One is
made when the program starts, when it ends, and now and then while it is written to. Kept are the last 10, the
last of each of 7 days, and the last of each of 4 weeks.</p>
<p><small>They are in the folder <code>{}</code>. If the program does not start, one can be restored with
<code>python -m kali.sqlite restore</code>.</small></p>
<p><a href="/">To the start</a></p>
"""


def listing(known: Iterable[tuple[Backup, Fitness]], folder: Path, alert: str = '', *,
            done: Backup | None = None, status: int = 200) -> Response:
    """The page with all backups, the newest first.

    :param known: each with what there is to say about its version
    :param alert: what went wrong: text
    :param done: the one that has just been restored
    """
    notices = [f'<p role="alert">{escape_text(alert)}</p>\n' if alert else '',
               f'<p role="status">Everything is as it was on {_moment(done.made)}. What was there before is '
               'kept below, too.</p>\n' if done else '']
    rows = [_row(each, fit) for each, fit in reversed(list(known))]
    table = [_TABLE, rows, '</tbody>\n</table>\n'] if rows else '<p>There is none yet.</p>\n'
    return Response.generic([notices, table, _ABOUT.format(escape_text(str(folder)))], title='Backups',
                            status=status)


def question(chosen: Backup, ticket: str, note: str = '') -> Response:
    """The page that asks whether to restore `chosen`.

    :param ticket: for the form; it is good for one time
    :param note: what there is to say about its version
    """
    note = f' The backup is {escape_text(note)}.' if note else ''
    return Response.generic(_QUESTION.format(made=_moment(chosen.made), number=chosen.number, ticket=ticket,
                                             note=note), title='Restore this backup?')


def _row(each: Backup, fit: Fitness) -> str:
    try:
        size = each.path.stat().st_size
    except OSError:  # it has just been deleted as outdated
        return ''
    made, number = _moment(each.made), each.number
    note = f'<br><small>{escape_text(fit.note)}</small>' if fit.note else ''
    link = _LINK.format(number=number, made=made) if fit.usable else ''
    return _ROW.format(each.made, made=made, size=_size(size), number=number, note=note, link=link)


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
