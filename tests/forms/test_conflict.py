"""No silent overwrite, files that are kept, and values that a form only shows."""

from __future__ import annotations

import re
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from kali import Response, forms
from kali.errors import NotFound
from kali.forms.uploads import KEPT, Kept
from kali.http.request import FileUpload
from kali.sqlite.guard import guard
from kali.testing import Client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PDF = FileUpload('order.pdf', 'application/pdf', b'%PDF')


class Task(forms.Formlet):
    """Edits the one record there is, by a sqlite3.Row."""

    ELEMENTS = {'title': forms.Entry(), 'due': forms.Entry(lens=forms.DATE),
            'memo': forms.Memo(lens=forms.BLANKABLE),
                'size': forms.Pick(forms.ListLens(['S', 'M'])), 'number': forms.Static(),
                'scan': forms.Upload(accept='.pdf', multiple=True)}

    def __init__(self, db: sqlite3.Connection, edits: bool | None) -> None:
        super().__init__(self.ELEMENTS)
        self.db, self.edits = db, edits

    def get_native(self) -> Any:
        row = self.db.execute('SELECT rowid AS number, * FROM task').fetchone()
        if row is None:
            raise NotFound('There is no such task.')
        return row if self.edits is None else dict(row)

    def save(self, native: dict[str, Any], request: Any) -> Any:
        assert 'number' not in native
        scan = ', '.join(f'{file.filename}: {file.content.decode()}' for file in native.pop('scan'))
        due = native.pop('due')
        self.db.execute('UPDATE task SET title = :title, memo = :memo, size = :size, due = :due, '
                        'scan = :scan',
                        {**native, 'due': due and due.isoformat(), 'scan': scan})
        return Response.redirect('/saved')


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / 'a.sqlite', isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute('CREATE TABLE task (title, due, memo, size, scan)')
    connection.execute("INSERT INTO task VALUES ('Sow', '2026-02-28', 'a', 'S', '')")
    yield connection
    connection.close()


def client(db: sqlite3.Connection, edits: bool | None = None) -> Client:
    def handle(request: Any) -> Any:
        task = Task(db, edits)
        return task.do_POST(request) if request.method == 'POST' else task.do_GET(request)
    return Client(guard(handle, db))


def hidden(text: str) -> dict[str, str]:
    return dict(re.findall('name="(_form_id|_fingerprint)" value="(.*?)"', text))


def stored(db: sqlite3.Connection) -> list[Any]:
    return list(db.execute('SELECT title, due, memo, size FROM task').fetchone())


TYPED = {'title': 'Reap', 'due': '2026-02-28', 'memo': 'mine & only', 'size': 'S'}


@pytest.mark.parametrize('edits', [None, True])
def test_an_unchanged_record_is_saved(db: sqlite3.Connection, edits: bool | None) -> None:
    web = client(db, edits)
    assert web.post('/', form={**hidden(web.get('/').text), **TYPED}).status == 303
    assert stored(db) == ['Reap', '2026-02-28', 'mine & only', 'S']


def test_a_change_meanwhile_shows_both_versions_and_loses_nothing(db: sqlite3.Connection) -> None:
    web = client(db)
    unseen = hidden(web.get('/').text)
    db.execute("UPDATE task SET memo = 'their <memo>', size = 'M', title = 'Reap'")
    reply = web.post('/', form={**unseen, **TYPED})
    assert reply.status == 409 and stored(db) == ['Reap', '2026-02-28', 'their <memo>', 'M']
    assert 'mine &amp; only</textarea>' in reply.text
    # What both have alike is no question; what only they changed is likely to be theirs, else mine.
    assert dict(re.findall(r'name="_take-(\w+)" value="(\w+)" checked', reply.text)) == {
        'memo': 'mine', 'size': 'theirs'}
    assert '<q>their &lt;memo&gt;</q>' in reply.text and '<q>M</q>' in reply.text
    assert reply.text.count(forms.MESSAGES['conflict']) == 4  # at each field and in the summary
    now = hidden(reply.text)
    assert now['_form_id'] == unseen['_form_id'] and now['_fingerprint'] != unseen['_fingerprint']
    chosen = {**now, **TYPED, '_take-memo': 'mine', '_take-size': 'theirs'}
    assert web.post('/', form=chosen).status == 303
    assert stored(db) == ['Reap', '2026-02-28', 'mine & only', 'M']


def test_a_choice_is_void_when_the_record_changed_again(db: sqlite3.Connection) -> None:
    web = client(db)
    unseen = hidden(web.get('/').text)
    db.execute("UPDATE task SET memo = 'second'")
    now = hidden(web.post('/', form={**unseen, **TYPED}).text)
    db.execute("UPDATE task SET memo = 'third'")
    reply = web.post('/', form={**now, **TYPED, '_take-memo': 'theirs'})
    assert reply.status == 409 and '<q>third</q>' in reply.text and stored(db)[2] == 'third'


def test_a_mistake_and_a_conflict_are_shown_together(db: sqlite3.Connection) -> None:
    web = client(db)
    unseen = hidden(web.get('/').text)
    db.execute("UPDATE task SET due = NULL")
    reply = web.post('/', form={**unseen, **TYPED, 'due': '2026-02-30', 'title': ''})
    assert reply.status == 409 and 'there is no 30 February 2026' in reply.text
    assert 'value="2026-02-30"' in reply.text and forms.MESSAGES['empty'] in reply.text
    theirs = {**hidden(reply.text), **TYPED, 'due': '2026-02-30', '_take-due': 'theirs'}
    assert web.post('/', form=theirs).status == 303 and stored(db)[1] is None


def test_a_record_that_is_gone(db: sqlite3.Connection) -> None:
    web = client(db)
    unseen = hidden(web.get('/').text)
    db.execute('DELETE FROM task')
    reply = web.post('/', form={**unseen, **TYPED})
    assert reply.status == 409 and 'not there any more' in reply.text and 'mine &amp; only' in reply.text


def test_what_a_form_starts_with_is_no_record(db: sqlite3.Connection) -> None:
    web = client(db, False)
    unseen = hidden(web.get('/').text)
    db.execute("UPDATE task SET memo = 'changed'")
    assert '_fingerprint' not in unseen
    assert web.post('/', form={**unseen, **TYPED}).status == 303


@pytest.mark.parametrize(('fingerprint', 'status'), [
    ('x', 400), ('0' * 9, 400), ('٣' * 8, 400), ("' OR 1", 400), ('00000000-', 400), ('00000000', 409),
    ('-'.join(['00000000'] * 6), 409)])
def test_a_tampered_fingerprint(db: sqlite3.Connection, fingerprint: str, status: int) -> None:
    web = client(db)
    reply = web.post('/', form={**hidden(web.get('/').text), **TYPED, '_fingerprint': fingerprint})
    assert reply.status == status and stored(db)[0] == 'Sow'
    assert status == 409 or '_fingerprint is not as it was sent' in reply.text


def test_a_file_is_kept_while_another_field_is_put_right(db: sqlite3.Connection) -> None:
    web = client(db)
    reply = web.post('/', form={**hidden(web.get('/').text), **TYPED, 'due': 'soon'}, files={'scan': PDF})
    assert reply.status == 422
    assert 'name="_keep-scan" value="1" checked> Keep the file “order.pdf”' in reply.text
    assert '<output name="number" id="number">1</output>' in reply.text  # what is only shown is there again
    again = {**hidden(reply.text), **TYPED, 'title': ' ', '_keep-scan': '1'}
    assert 'Keep the file “order.pdf”' in web.post('/', form=again).text
    assert web.post('/', form={**again, 'title': 'Reap'}).status == 303
    assert db.execute('SELECT scan FROM task').fetchone()[0] == 'order.pdf: %PDF'
    assert KEPT.get(again['_form_id'], 'scan') == []


@pytest.mark.parametrize(('change', 'scan'), [
    ({'_keep-scan': ''}, ''), ({'_form_id': '0' * 32, '_keep-scan': '1'}, ''),
    ({'_keep-scan': '1'}, 'order.pdf: %PDF')])
def test_a_kept_file_can_be_let_go_and_belongs_to_its_form(db: sqlite3.Connection, change: dict[str, str],
                                                          scan: str) -> None:
    web = client(db)
    reply = web.post('/', form={**hidden(web.get('/').text), **TYPED, 'due': 'soon'}, files={'scan': PDF})
    assert web.post('/', form={**hidden(reply.text), **TYPED, **change}).status == 303
    assert db.execute('SELECT scan FROM task').fetchone()[0] == scan


def test_a_file_of_another_kind_is_not_kept(db: sqlite3.Connection) -> None:
    web = client(db)
    text = FileUpload('a.txt', 'text/plain', b'x')
    reply = web.post('/', form={**hidden(web.get('/').text), **TYPED}, files={'scan': text})
    assert reply.status == 422 and '_keep-scan' not in reply.text


def test_what_is_kept_is_bounded() -> None:
    kept = Kept(most_files=3, most_bytes=10)
    upload = FileUpload('a', 'b/c', b'1234')
    for form_id in 'abc':
        [copy] = kept.put(form_id, 'scan', [upload])
        assert (copy.filename, copy.content) == ('a', b'1234')
    assert [bool(kept.get(form_id, 'scan')) for form_id in 'abc'] == [False, True, True]
    assert kept.put('d', 'scan', [FileUpload('a', 'b/c', b'x' * 11)]) == []
    assert kept.put('d', 'scan', [FileUpload('a', 'b/c', b'')] * 4) == []
    [again] = kept.put('c', 'scan', kept.get('c', 'scan'))  # kept once more, from what is kept
    assert again.content == b'1234'
    for form_id in 'bcd':
        kept.forget(form_id)
    assert kept._files == {}
