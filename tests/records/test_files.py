"""Pictures and files of records: shown small, sent so that nothing in them runs, kept, replaced, removed."""

from __future__ import annotations

from typing import Any

import pytest

from kali.forms import Picture
from kali.http.request import FileUpload
from kali.records import Records
from kali.sqlite.schema import quoted
from kali.testing import Client
from tests.records.forms import controls, dump, open_file

PNG = b'\x89PNG\r\n\x1a\n' + b'\0' * 40
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
PETS = '''
CREATE TABLE pet (pet INTEGER PRIMARY KEY, name TEXT NOT NULL, photo BLOB, photo_name TEXT);
CREATE TABLE paper (paper TEXT PRIMARY KEY, filename TEXT, content BLOB NOT NULL);
INSERT INTO pet VALUES (1, 'Rex', NULL, NULL);
'''


def pets() -> tuple[Any, Records, Client]:
    db = open_file(PETS)
    records = Records(db)
    return db, records, Client(records, raise_errors=True)


def post(client: Client, url: str, fields: dict[str, str], **files: FileUpload) -> Any:
    return client.post(f'{url}?_save=1', form=fields, files=files)


def store(db: Any, content: Any, name: str | None = None) -> None:
    db.execute('UPDATE pet SET photo = ?, photo_name = ? WHERE pet = 1', [content, name])


@pytest.mark.parametrize(('content', 'kind'), [
    (PNG, 'image/png'), (b'\xff\xd8\xff\xe0', 'image/jpeg'), (b'GIF89a1', 'image/gif'),
    (b'RIFF\0\0\0\0WEBPVP8 ', 'image/webp')])
def test_a_picture_is_what_its_bytes_say(content: bytes, kind: str) -> None:
    db, _, client = pets()
    store(db, content, 'evil.html')
    reply = client.get('/table/pet/1/file/photo')
    assert (reply.status, reply.headers['content-type'], reply.body) == (200, kind, content)
    assert reply.headers['content-disposition'].startswith('inline')
    again = client.get('/table/pet/1/file/photo', headers={'If-None-Match': reply.headers['etag']})
    assert again.status == 304
    for page in ('/table/pet/', '/table/pet/1', '/table/pet/1/edit'):
        assert '<img src="/table/pet/1/file/photo"' in client.get(page).text, page
    db.close()


@pytest.mark.parametrize(('content', 'name', 'kind'), [
    (SVG, 'logo.svg', 'application/octet-stream'), (SVG, 'logo.png', 'application/octet-stream'),
    (b'<script>alert(1)</script>', 'a.html', 'application/octet-stream'), (b'alert(1)', 'a.js',
                                                                          'application/octet-stream'),
    (b'%PDF-1.4', 'a.pdf', 'application/pdf'), (b'<html>', None, 'application/octet-stream'),
    ('text <b>', None, 'text/plain; charset=utf-8'), (b'x', 'a\r\nSet-Cookie: x.txt',
        'text/plain; charset=utf-8'),
    (b'x', '../../etc/passwd', 'application/octet-stream'), (b'<x/>', 'a.xhtml', 'application/octet-stream'),
    (b'\xff\xd8', 'a.jpg', 'application/octet-stream'), (b'PK', 'a.xlsx', 'application/vnd.openxmlformats-'
                                                        'officedocument.spreadsheetml.sheet')])
def test_anything_else_is_saved_as_a_file_and_never_runs(content: Any, name: str | None, kind: str) -> None:
    db, _, client = pets()
    store(db, content, name)
    reply = client.get('/table/pet/1/file/photo')
    assert (reply.status, reply.headers['content-type']) == (200, kind)
    assert reply.headers['content-disposition'].startswith('attachment')
    assert reply.headers['x-content-type-options'] == 'nosniff'
    assert 'sandbox' in reply.headers['content-security-policy'] and 'set-cookie' not in reply.headers
    assert '/' not in reply.headers['content-disposition'].partition('filename=')[2]
    page = client.get('/table/pet/')
    assert '<img' not in page.text and 'alert(1)' not in page.text
    db.close()


@pytest.mark.parametrize('url', ['/table/pet/1/file/photo', '/table/pet/1/file/nothing',
    '/table/pet/9/file/photo',
                                 '/table/pet/~nan/file/photo'])
def test_a_file_that_is_not_there_is_404(url: str) -> None:
    db, _, client = pets()
    assert client.get(url).status == 404
    db.close()


def test_a_file_is_kept_replaced_and_removed() -> None:
    db, records, client = pets()
    before = dump(db)
    url = '/table/pet/1/edit'
    fields = dict(controls(client.get(url).text))
    upload = FileUpload('C:\\pictures\\Rex & I.png', 'image/png', PNG)
    assert post(client, url, fields, photo=upload).status == 303
    assert db.execute('SELECT photo, photo_name FROM pet').fetchone()[:] == (PNG, 'Rex & I.png')
    assert 'Rex%20%26%20I.png' in client.get('/table/pet/1/file/photo').headers['content-disposition']
    fields = dict(controls(client.get(url).text))
    assert client.post(f'{url}?_save=1', form={**fields, 'name': 'Max'}).status == 303
    assert db.execute('SELECT name, photo FROM pet').fetchone()[:] == ('Max', PNG)
    fields = dict(controls(client.get(url).text))
    assert client.post(f'{url}?_save=1', form={**fields, 'photo.remove': '1'}).status == 303
    assert db.execute('SELECT photo FROM pet').fetchone()[0] is None
    for _ in range(3):
        assert records.history.undo()
    assert dump(db) == before
    db.close()


def test_a_file_outlives_a_mistake_and_a_way_to_another_form() -> None:
    db, _, client = pets()
    url = '/table/pet/new'
    fields = dict(controls(client.get(url).text))
    reply = post(client, url, {**fields, 'name': ''}, photo=FileUpload('a.png', 'image/png', PNG))
    assert reply.status == 422 and 'a.png' in reply.text
    assert client.post(f'{url}?_save=1', form={**dict(controls(reply.text)), 'name': 'Ida'}).status == 303
    assert db.execute('SELECT photo, photo_name FROM pet WHERE pet = 2').fetchone()[:] == (PNG, 'a.png')
    db.close()


def test_two_people_replace_a_picture() -> None:
    db, _, client = pets()
    store(db, b'old')
    url = '/table/pet/1/edit'
    fields = dict(controls(client.get(url).text))
    store(db, b'theirs')
    reply = post(client, url, fields, photo=FileUpload('a.png', '', PNG))
    assert reply.status == 409 and db.execute('SELECT photo FROM pet').fetchone()[0] == b'theirs'
    fields = {**dict(controls(reply.text)), '_take-photo': 'mine'}
    assert post(client, url, fields, photo=FileUpload('a.png', '', PNG)).status == 303
    assert db.execute('SELECT photo FROM pet').fetchone()[0] == PNG
    db.close()


def test_a_copy_has_the_picture_too_and_a_required_one_is_asked_for() -> None:
    db, _, client = pets()
    store(db, PNG, 'rex.png')
    page = client.get('/table/pet/1/copy')
    assert client.post('/table/pet/1/copy?_save=1', form={**dict(controls(page.text)),
        'name': 'Twin'}).status == 303
    assert db.execute('SELECT name, photo FROM pet WHERE pet = 2').fetchone()[:] == ('Twin', PNG)
    fields = dict(controls(client.get('/table/paper/new').text))
    reply = client.post('/table/paper/new?_save=1', form={**fields, 'paper': 'p'})
    assert reply.status == 422 and 'may not be blank' in reply.text
    upload = FileUpload('one.pdf', 'application/pdf', b'%PDF')
    assert post(client, '/table/paper/new', {**fields, 'paper': 'p'}, content=upload).status == 303
    assert db.execute('SELECT filename FROM paper').fetchone()[0] == 'one.pdf'
    db.close()


def test_a_picture_in_a_form_of_ones_own() -> None:
    picture = Picture(url='/photo', accept='image/*')
    html = str(picture.control('photo', picture.show(PNG)))
    assert '<img src="/photo"' in html and 'name="photo.remove"' in html and 'accept="image/*"' in html
    assert 'remove' not in str(picture.control('photo', picture.show(None)))
    assert quoted('photo') == '"photo"'
