"""Whatever is posted: an error at the field or a 400 or 413 that says what, no traceback, nothing saved."""

from __future__ import annotations

import re
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kali import Response, forms
from kali.http.request import FileUpload
from kali.sqlite.guard import guard
from kali.testing import Client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZES = forms.ListLens(['S', 'M'])
ELEMENTS = {
    'name': forms.Entry(), 'count': forms.Entry(lens=forms.Integer(0, 99)),
    'ratio': forms.Entry(lens=forms.Nullable(forms.Float())),
    'price': forms.Entry(lens=forms.Nullable(forms.Decimal())),
    'due': forms.Entry(lens=forms.Nullable(forms.Date())),
    'at': forms.Entry(lens=forms.Nullable(forms.Time())),
    'mail': forms.Entry(lens=forms.Nullable(forms.Email())),
    'link': forms.Entry(lens=forms.Nullable(forms.Url())),
    'data': forms.Memo(lens=forms.Json()), 'size': forms.Pick(SIZES), 'sizes': forms.CheckMany(SIZES),
    'found': forms.Pick(SIZES, search=True), 'radio': forms.Radio(SIZES), 'done': forms.Check(),
    'scan': forms.Upload(max_size=9), 'rows': forms.Rows({'what': forms.Entry(),
    'n': forms.Entry(lens=forms.Integer())}),
}
GOOD = {'name': 'Ada', 'count': '1'}
FILE = ('a.txt', 'text/plain', b'x')


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / 'a.sqlite', isolation_level=None)
    connection.execute('CREATE TABLE saved (what TEXT)')
    yield connection
    connection.close()


@pytest.fixture
def web(db: sqlite3.Connection) -> Client:
    class Everything(forms.Formlet):
        edits = True

        def get_native(self) -> Any:
            return {'name': 'Bo', 'count': 3}

        def save(self, native: dict[str, Any], request: Any) -> Any:
            db.execute('INSERT INTO saved VALUES (?)', [repr(native)])
            return Response.redirect('/')

    def handle(request: Any) -> Any:
        form = Everything(ELEMENTS)
        return form.do_POST(request) if request.method == 'POST' else form.do_GET(request)
    return Client(guard(handle, db))


def send(web: Client, changes: Any, files: Any = None) -> Any:
    unseen = dict(re.findall('name="(_form_id|_fingerprint)" value="(.*?)"', web.get('/').text))
    return web.post('/', form={**unseen, **GOOD, **changes}, files=files)


def saved(db: sqlite3.Connection) -> int:
    return int(db.execute('SELECT count(*) FROM saved').fetchone()[0])


@pytest.mark.parametrize(('changes', 'sentence'), [
    ({'name': ''}, 'may not be blank'), ({'count': ''}, 'may not be blank'), ({'name': 'a\x00b'}, 'U+0000'),
    ({'name': 'a\x1bb'}, 'U+001B'), ({'name': 'a\nb'}, 'a line break'),
    *[({'count': text}, 'is not a whole number') for text in ('٣', '1e999', 'NaN', 'x', '1.5', '--1')],
    ({'count': '9' * 5000}, 'must be 99 or less'),
    *[({name: text}, 'is not a number') for name in ('ratio', 'price') for text in ('٣', '1e999', 'NaN',
    '-inf', '1,5,5')],
    ({'count': '100'}, 'must be 99 or less'), ({'count': '-1'}, 'must be 0 or more'),
    ({'due': '2026-02-30'}, 'there is no 30 February 2026'), ({'due': '0000-01-01'}, 'there is no'),
    ({'due': '10000-01-01'}, 'is not a date'), ({'at': '25:00'}, 'is not a time'),
    ({'mail': 'ada'}, 'is not an e-mail address'), ({'link': 'example.org'}, 'is not a web address'),
    ({'link': 'javascript:alert(1)'}, 'accepted are http, https'),
    *[({'data': text}, 'JSON') for text in ('{', '[1e999]', 'NaN', '"\\ud800"', '[' * 100_000, '9' * 5000)],
    *[({name: 'XL'}, 'not among the choices') for name in ('size', 'sizes', 'found', 'radio', 'done')],
    ({'sizes': ['S', 'XL']}, 'not among the choices'),
    ({'scan': 'text'}, 'text came where a file was expected'),
    ({'rows-1-what': 'Tea', 'rows-1-n': '1e999'}, 'is not a whole number'),
    ({'rows-1-what': 'a\x00'}, 'U+0000'),
    ({f'rows-{number}-n': '1' for number in range(101)}, 'marked fields'),
])
def test_an_error_at_the_field(web: Client, db: sqlite3.Connection, changes: Any, sentence: str) -> None:
    reply = send(web, changes)
    assert reply.status == 422 and sentence in reply.text and 'Traceback' not in reply.text
    assert 'role="alert"' in reply.text and saved(db) == 0


@pytest.mark.parametrize('name', [*sorted(set(ELEMENTS) - {'scan', 'rows'}), 'rows-1-what'])
def test_a_file_where_text_belongs(web: Client, db: sqlite3.Connection, name: str) -> None:
    reply = send(web, {}, {name: FILE})
    assert reply.status == 422 and forms.MESSAGES['not text'] in reply.text and saved(db) == 0


@pytest.mark.parametrize(('changes', 'files', 'said'), [
    ({'_form_id': 'x'}, None, '_form_id'), ({'_form_id': '٣' * 32}, None, '_form_id'),
    ({'_fingerprint': 'x'}, None, '_fingerprint'), ({}, {'_form_id': FILE}, '_form_id'),
    ({}, {'_fingerprint': FILE}, '_fingerprint'),
])
def test_what_was_tampered_with(web: Client, db: sqlite3.Connection, changes: Any, files: Any,
        said: str) -> None:
    reply = send(web, changes, files)
    assert reply.status == 400 and said in reply.text and 'Traceback' not in reply.text and saved(db) == 0


def test_ten_thousand_fields(web: Client, db: sqlite3.Connection) -> None:
    reply = send(web, {f'rows-{number}-what': 'x' for number in range(10_000)})
    assert reply.status == 413 and saved(db) == 0


@pytest.mark.parametrize('body', [b'name=a%00b&count=1', b'name=%ED%A0%80&count=1', b'name=%FF&count=1',
                                  b'=&&=&name'])
def test_bytes_that_are_no_text(web: Client, db: sqlite3.Connection, body: bytes) -> None:
    reply = web.post('/', body=body, headers={'Content-Type': 'application/x-www-form-urlencoded'})
    assert reply.status in (400, 422) and 'Traceback' not in reply.text and saved(db) == 0


def test_missing_and_repeated_fields(web: Client, db: sqlite3.Connection) -> None:
    assert web.post('/', form={}).status == 422
    assert send(web, {'name': ['x', 'Zoe'], 'count': ['x', '7'], 'size': ['XL', 'S']}).status == 303
    [(what,)] = db.execute('SELECT what FROM saved')
    assert "'name': 'Zoe', 'count': 7" in what and "'size': 'S'" in what


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from([*ELEMENTS, '_form_id', '_fingerprint', '_take-name', '_keep-scan',
        'rows-1-n',
                                        'rows-2-what', 'rows--n', 'zzz']),
                       st.text() | st.builds(FileUpload, st.text(), st.text(), st.binary()), max_size=8))
def test_no_form_makes_a_traceback(form: dict[str, Any]) -> None:
    class Everything(forms.Formlet):
        edits = True

        def get_native(self) -> Any:
            return {'name': 'Bo', 'count': 3}

        def save(self, native: dict[str, Any], request: Any) -> Any:
            return 'saved'

    from kali.errors import BadRequest
    from kali.http.request import Request
    try:
        answer = Everything(ELEMENTS).do_POST(Request('POST', form={**GOOD, **form}))
    except BadRequest as error:
        assert '_form_id' in str(error) or '_fingerprint' in str(error)
    else:
        assert answer == 'saved' or answer.status in (409, 422)
