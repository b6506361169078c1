"""once: the form ids that are spent, each with the answer it was spent on.

A form is sent twice by a double click, Back and Save, or a reload; the second time shows the first result.
The rule: an id is spent in the same transaction as what the form saved, so that both are on disk or neither.
It knows nothing about forms: an id is any text. The SQL is SQLite's; the adapter of another database puts
it into that one's words.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from kali.errors import BadRequest
from kali.http.deferred import Deferred
from kali.http.response import Response

if TYPE_CHECKING:
    from kali.sqlite.adapter import Adapter

__all__ = ['earlier', 'spend']

# An answer is kept for as long as a page may lie about in a browser with its form still on it.
KEPT_SECONDS = 30 * 24 * 3600
# Old ids are looked for in one second of so many: a scan of a small table now and then.
PRUNE_EVERY = 64
# An answer to a save is a redirect as a rule. A bigger one is not worth a place in the user's data.
BODY_LIMIT = 1_000_000
# kali's own ids have 22 characters. Whatever else comes from a browser must not fill the file.
ID_LIMIT = 200

TABLE = """CREATE TABLE IF NOT EXISTS kali_form (
    id TEXT PRIMARY KEY, spent_at BIGINT NOT NULL, status INTEGER NOT NULL, headers BLOB NOT NULL,
    body BLOB)"""
# As blobs, headers come as bytes even if the connection has a text_factory of its own, or they were stored
# as text once.
SELECT = 'SELECT status, CAST(headers AS BLOB), body FROM kali_form WHERE id = ?'
INSERT = 'INSERT INTO kali_form (id, spent_at, status, headers, body) VALUES (?, ?, ?, ?, ?)'
DELETE = 'DELETE FROM kali_form WHERE spent_at < ?'


def earlier(adapter: Adapter, form_id: str) -> Response | None:
    """The answer that `form_id` was spent on, or None if it is not spent.

    :raises BadRequest: for what cannot be an id
    """
    if not isinstance(form_id, str) or not 0 < len(form_id) <= ID_LIMIT:
        raise BadRequest(f'The form id is not acceptable: it is a text of 1 to {ID_LIMIT} characters. '
                         'Open the form again.')
    rows = adapter.run('kali_form', SELECT, (form_id,))
    if not rows:
        return None
    status, headers, body = rows[0]
    if body is None:
        return Response.generic('<p>This form was saved already, the first time that it was sent. Nothing '
                                'was changed now.</p>', title='Saved already')
    return Response(body, status=status, headers=json.loads(headers))


def spend(adapter: Adapter, form_id: str, answer: Response | Deferred) -> None:
    """Store `answer` as what `form_id` was spent on, in the open transaction.

    :param answer: a Response whose content is bytes. Of one over 1 MB, or one that comes later or in pieces,
        only the fact is kept: a repeat then gets a page that says so.
    """
    response = answer if isinstance(answer, Response) else Response(None)
    body = response.content
    if not isinstance(body, bytes) or len(body) > BODY_LIMIT:
        body = None
    now = int(time.time())
    row = (form_id, now, response.status, json.dumps(response.fields).encode(), body)
    if adapter.run('kali_form', INSERT, row) is None:
        adapter.run('kali_form', TABLE)
        adapter.run('kali_form', INSERT, row)
    if now % PRUNE_EVERY == 0:
        adapter.run('kali_form', DELETE, (now - KEPT_SECONDS,))
