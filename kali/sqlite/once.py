"""once: the form ids that are spent, each with the answer it was spent on.

A form is sent twice by a double click, Back and Save, or a reload; the second time shows the first result.
The rule: an id is spent in the same transaction as what the form saved, so that both are on disk or neither.
It knows nothing about forms: an id is any text.
"""

from __future__ import annotations

import json
import sqlite3
import time

from kali.errors import BadRequest
from kali.http.deferred import Deferred
from kali.http.response import Response

__all__ = ['earlier', 'spend']

# An answer is kept for as long as a page may lie about in a browser with its form still on it.
KEPT_SECONDS = 30 * 24 * 3600
# Old ids are looked for each time that so many more have been spent: a scan of a small table now and then.
PRUNE_EVERY = 64
# An answer to a save is a redirect as a rule. A bigger one is not worth a place in the user's data.
BODY_LIMIT = 1_000_000
# kali's own ids have 22 characters. Whatever else comes from a browser must not fill the file.
ID_LIMIT = 200

TABLE = """CREATE TABLE IF NOT EXISTS kali_form (
    id TEXT PRIMARY KEY, spent_at INTEGER NOT NULL, status INTEGER NOT NULL, headers TEXT NOT NULL,
    body BLOB)"""


def earlier(connection: sqlite3.Connection, form_id: str) -> Response | None:
    """The answer that `form_id` was spent on, or None if it is not spent.

    :raises BadRequest: for what cannot be an id
    """
    if not isinstance(form_id, str) or not 0 < len(form_id) <= ID_LIMIT:
        raise BadRequest(f'The form id is not acceptable: it is a text of 1 to {ID_LIMIT} characters. '
                         'Open the form again.')
    cursor = sqlite3.Cursor(connection)  # gives tuples, whatever rows the connection gives
    try:
        # As a blob, headers come as bytes even if the connection has a text_factory of its own.
        row = cursor.execute('SELECT status, CAST(headers AS BLOB), body FROM kali_form WHERE id = ?',
                             (form_id,)).fetchone()
    except sqlite3.OperationalError as error:
        if 'no such table' in str(error):
            return None
        raise
    if row is None:
        return None
    status, headers, body = row
    if body is None:
        return Response.generic('<p>This form was saved already, the first time that it was sent. Nothing '
                                'was changed now.</p>', title='Saved already')
    return Response(body, status=status, headers=json.loads(headers))


def spend(connection: sqlite3.Connection, form_id: str, answer: Response | Deferred) -> None:
    """Store `answer` as what `form_id` was spent on, in the open transaction.

    :param answer: a Response whose content is bytes. Of one over 1 MB, or one that comes later or in pieces,
        only the fact is kept: a repeat then gets a page that says so.
    """
    response = answer if isinstance(answer, Response) else Response(None)
    body = response.content
    if not isinstance(body, bytes) or len(body) > BODY_LIMIT:
        body = None
    now = int(time.time())
    row = (form_id, now, response.status, json.dumps(response.fields), body)
    cursor = sqlite3.Cursor(connection)
    insert = 'INSERT INTO kali_form (id, spent_at, status, headers, body) VALUES (?, ?, ?, ?, ?)'
    try:
        cursor.execute(insert, row)
    except sqlite3.OperationalError as error:
        if 'no such table' not in str(error):
            raise
        cursor.execute(TABLE)
        cursor.execute(insert, row)
    if (cursor.lastrowid or 0) % PRUNE_EVERY == 0:
        cursor.execute('DELETE FROM kali_form WHERE spent_at < ?', (now - KEPT_SECONDS,))
