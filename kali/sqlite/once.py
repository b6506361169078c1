"""once: the form ids that are spent, each with what was posted and the answer to it.

A form is sent twice by a double click, Back and Save, or a reload; the second time shows the first result. An
id is spent in the same transaction as what the form saved, so that both are on disk or neither. The SQL is
SQLite's; the adapter of another database translates it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from kali.errors import BadRequest, SpentError
from kali.http.response import Response

if TYPE_CHECKING:
    from kali.sqlite.adapter import Adapter

__all__ = ['digest_of', 'earlier', 'expect_id', 'prepare', 'spend']

# An answer is kept for as long as a page may lie about in a browser with its form still on it.
KEPT_SECONDS = 30 * 24 * 3600
# Old ids are looked for in one second of so many: a scan of a small table now and then.
PRUNE_EVERY = 64
# An answer to a save is a redirect as a rule. A bigger one is not worth a place in the user's data.
BODY_LIMIT = 1_000_000
# kali's own ids have up to 41 characters. Whatever else comes from a browser must not fill the file.
ID_LIMIT = 200

TABLE = """CREATE TABLE IF NOT EXISTS kali_form (
    id TEXT PRIMARY KEY, spent_at BIGINT NOT NULL, status INTEGER NOT NULL, headers BLOB NOT NULL,
    body BLOB, content BLOB)"""
# A table of kali 0.1 lacks the digest of what was posted.
UPGRADE = 'ALTER TABLE kali_form ADD COLUMN content BLOB'
# As blobs, headers come as bytes even if the connection has a text_factory of its own, or they were stored
# as text once.
SELECT = 'SELECT status, CAST(headers AS BLOB), body, content FROM kali_form WHERE id = ?'
SELECT_OLD = 'SELECT status, CAST(headers AS BLOB), body, NULL FROM kali_form WHERE id = ?'
INSERT = 'INSERT INTO kali_form (id, spent_at, status, headers, body, content) VALUES (?, ?, ?, ?, ?, ?)'
FORGET = 'DELETE FROM kali_form WHERE id = ?'
PRUNE = 'DELETE FROM kali_form WHERE spent_at < ?'

_DIGEST = 16  # bytes, at the head of `content`; what the form left the record as comes after them


def expect_id(form_id: object) -> None:
    """:raises BadRequest: for what cannot be an id"""
    if not isinstance(form_id, str) or not 0 < len(form_id) <= ID_LIMIT:
        raise BadRequest(f'The form id is not acceptable: it is a text of 1 to {ID_LIMIT} characters. '
                         'Open the form again.')


def digest_of(fields: Iterable[tuple[str, Any]]) -> bytes:
    """A digest of what was posted: of texts, and of files with their names.

    >>> digest_of([('name', 'Ann')]) == digest_of([('name', 'Anna')])
    False
    """
    from hashlib import blake2b  # OpenSSL comes with it, which a program pays for at its first form
    digest = blake2b(digest_size=_DIGEST)
    for name, value in fields:
        is_text = isinstance(value, str)
        about = (name, value) if is_text else (name, value.filename, value.content_type, value.size)
        digest.update(repr(about).encode('utf-8', 'replace'))
        if not is_text:
            with value.open() as file:
                while block := file.read(1 << 16):
                    digest.update(block)
    return digest.digest()


def earlier(adapter: Adapter, form_id: str, digest: bytes, again: bool = False) -> Response | None:
    """The answer that `form_id` was spent on, or None if it is not spent (or, `again`, on other content).

    :raises SpentError: if it was spent on content with another digest, and not `again`
    """
    rows = adapter.run('kali_form', SELECT, (form_id,))
    if rows is None:
        rows = adapter.run('kali_form', SELECT_OLD, (form_id,))
    if not rows:
        return None
    status, headers, body, content = rows[0]
    if body is None:
        answer = Response.generic('<p>This form was saved already, the first time that it was sent. Nothing '
                                  'was changed now.</p>', title='Saved already')
    else:
        answer = Response(body, status=status, headers=json.loads(headers))
    if content is None or content[:_DIGEST] == digest:  # kali 0.1 kept none
        return answer
    if again:
        return None
    raise SpentError(answer, bytes(content[_DIGEST:]).decode())


def spend(adapter: Adapter, form_id: str, answer: Response | None, digest: bytes, left: str = '', *,
          replace: bool = False) -> None:
    """Store `answer` as what `form_id` was spent on, in the open transaction.

    :param answer: a Response whose content is bytes. Of one over 1 MB, or one that came in pieces (None),
        only the fact is kept: a repeat then gets a page that says so.
    :param left: a text to keep with it
    :param replace: whether the id may be spent already
    """
    response = Response(None) if answer is None else answer
    body = response.content
    if not isinstance(body, bytes) or len(body) > BODY_LIMIT:
        body = None
    now = int(time.time())
    row = (form_id, now, response.status, json.dumps(response.fields).encode(), body, digest + left.encode())
    if replace:
        adapter.run('kali_form', FORGET, (form_id,))
    if adapter.run('kali_form', INSERT, row) is None:
        prepare(adapter)
        adapter.run('kali_form', INSERT, row)
    if now % PRUNE_EVERY == 0:
        adapter.run('kali_form', PRUNE, (now - KEPT_SECONDS,))


def prepare(adapter: Adapter) -> None:
    """Make the table if there is none, and bring one of kali 0.1 up to date."""
    adapter.run('kali_form', TABLE)
    if adapter.run('kali_form', 'SELECT content FROM kali_form LIMIT 0') is None:
        adapter.run('kali_form', UPGRADE)
