"""A program written for kali 0.0.x, with every name of that time: it must run unchanged."""

from __future__ import annotations

import datetime
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import kali
from kali import FileUpload, Request, Response, Router, Servlet, StaticFolder, Template, TemplateFolder, forms
from kali.testing import Client

TEMPLATES = {
    'page.tpl': '<html><head><title>{title}: Stock</title></head><body><h1>{title}</h1>{body}</body></html>',
    'form.tpl': '<extend>page\n<?title?>Item\n<?body?>\n<ul>{errors}</ul><form method="post">'
                '{name}{size}{kind}{bought}{note}<input type="submit"/></form>\n</extend>',
    'list.tpl': '<loop>\n<table><tr><th>Name</th></tr>\n<?begin ?>\n'
                '<tr onclick="document.location=\'/item/{item}\'">'
                '<td class="w3-cell">{name}</td><td>{bought}</td></tr>\n'
                '<?end ?>\n</table>\n<?else ?>\n<p>Nothing.</p></loop>',
}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    for name, text in TEMPLATES.items():
        (tmp_path / name).write_text(text)
    with closing(sqlite3.connect(':memory:')) as connection:
        yield Client(make(tmp_path, connection))


def make(folder: Path, connection: sqlite3.Connection) -> object:
    """The program, as somebody wrote it then."""
    connection.row_factory = sqlite3.Row
    cursor = connection.cursor()
    cursor.execute('create table stock '
                   '(item integer primary key, name text, size int, kind text, bought text, note text)')
    connection.commit()
    tpl = TemplateFolder(folder)
    app = Router()
    Template.REGISTRY[':shout'] = str.upper
    line = Template('<b>{what:shout}</b>{price:cents} {count:num} {nothing}')

    @app.function('/')
    def home() -> object:
        cursor.execute('select * from stock')
        return tpl('page')(title='Stock', body=tpl('list').loop(cursor))

    @app.function('/find')
    def find(q: str = '') -> object:
        return Response.generic(['<p>', q, '</p>'], title='Find')

    @app.function('/twice/*')
    def twice(n: str) -> object:
        return Response.plain_text(['twice ', float(n) * 2, [' is', b' it']])

    @app.function('/line')
    def show_line() -> object:
        return line(what='r&d', price=1234.5, count=1234567, nothing=None)

    class ItemForm(forms.Formlet):
        ELEMENTS = {
            'name': forms.Entry(_class='wide', maxlength=10),
            'size': forms.Pick(forms.EnumLens(['S', 'M', 'L'], base=1, reverse=True), required='Which size?'),
            'kind': forms.Pick(forms.ListLens(['hat', 'coat'])),
            'bought': forms.Entry(type='date', lens=forms.DATE),
            'note': forms.Memo(lens=forms.BLANKABLE, style='width:100%'),
        }

        def __init__(self, item: str | None = None) -> None:
            self.item = item
            super().__init__(self.ELEMENTS)

        def get_native(self) -> dict:
            return {'bought': datetime.date(2020, 2, 3)} if self.item is None else next(
                cursor.execute('select * from stock where item=?', [self.item]))

        def display(self, fields: dict, errors: dict) -> Response:
            return tpl('form')(errors=errors, **fields)

        def semantic_checks(self, native: dict, errors: dict) -> None:
            if native['name'] == 'void':
                errors['name'] = 'is no name.'

        def save(self, native: dict, request: Request) -> Response:
            if native['name'] == 'taken':
                raise forms.SaveError({'name': 'is taken.'})
            native['bought'] = native['bought'] and native['bought'].isoformat()
            with connection:
                cursor.execute('insert into stock (name, size, kind, bought, note) values '
                               '(:name, :size, :kind, :bought, :note)', native)
            return Response.redirect('/')

    app.servlet('/item/new')(ItemForm)

    @app.servlet('/echo')
    class Echo(Servlet):
        def do_POST(self, request: Request) -> object:
            upload = request.POST['file']
            assert isinstance(upload, FileUpload)
            return [request.command, ' ', request.uri, ' ', request.GET.get('a', '?'), ' ', upload.filename,
                    ' ', upload.content, ' ', request.POST.single['word'], request.POST.get_list('word'),
                    dict(request.GET.items())]

    @app.service('/thing/*/')
    class Thing:
        def __init__(self, number: str) -> None:
            self.number = int(number)

        def do_GET_show(self, request: Request) -> object:
            return kali.Response(f'thing {self.number}', code=201, headers={'X-Thing': self.number})

    app.delegate_folder('/static/', StaticFolder(folder))

    def careful(request: Request) -> object:
        try:
            return app(request)
        finally:
            if connection.in_transaction:
                connection.rollback()

    return tpl.wrap(careful)


def test_pages_and_arguments(client: Client) -> None:
    assert '<p>Nothing.</p>' in client.get('/').text
    assert client.get('/twice/4').text == 'twice 8.0 is it'
    assert '<p>x</p>' in client.get('/find?q=x').text
    assert client.get('/line').text == '<b>R&amp;D</b>1,234.50 1,234,567 '
    reply = client.get('/thing/7/show')
    assert (reply.status, reply.text, reply.headers['x-thing']) == (201, 'thing 7', '7')


def test_a_form_is_shown_checked_and_saved(client: Client) -> None:
    page = client.get('/item/new').text
    assert 'class="wide"' in page and 'value="2020-02-03"' in page and '<option value="2">L</option>' in page
    good = {'name': 'Fez', 'size': '0', 'kind': 'hat', 'bought': '2021-01-02', 'note': 'red <one>'}
    wrong = client.post('/item/new', form={**good, 'name': 'void'})
    assert wrong.status == 422 and 'name: is no name.' in wrong.text and 'red &lt;one&gt;' in wrong.text
    assert 'name: is taken.' in client.post('/item/new', form={**good, 'name': 'taken'}).text
    assert 'size: Which size?' in client.post('/item/new', form={**good, 'size': ''}).text
    saved = client.post('/item/new', form=good, follow=True)
    assert "document.location='/item/1'" in saved.text
    assert '<td class="w3-cell">Fez</td><td>2021-01-02</td>' in saved.text


def test_uploads_come_in_POST(client: Client) -> None:
    reply = client.post('/echo?a=1', form={'word': ['x', 'y']},
                        files={'file': ('a.txt', 'text/plain', b'hello')})
    assert reply.text == 'POST /echo?a=1 1 a.txt hello yxya: 1\r\n'


def test_static_folder_and_redirects(client: Client) -> None:
    assert client.get('/static').headers['location'] == '/static/'
    assert 'page.tpl' in client.get('/static/').text
    assert client.get('/static/page.tpl').headers['content-type'].startswith('text/plain')


def test_an_edited_template_counts_at_once(client: Client, tmp_path: Path) -> None:
    client.get('/')
    (tmp_path / 'page.tpl').write_text('<body>new look: {title} {body}</body>')
    assert client.get('/').text.startswith('<body>new look: Stock')


def test_names_that_programs_import() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        for name in ('Entry', 'Memo', 'Pick', 'Formlet', 'tag', 'Lens', 'StringLens', 'DateLens',
                     'ChoiceLens', 'EnumLens', 'ListLens', 'Test', 'Nullable', 'BLANKABLE', 'TYPICAL',
                     'NULLABLE', 'DATE', 'ValidationError', 'SaveError', 'FormElement'):
            assert hasattr(forms, name), name
    paragraph = forms.tag('p', {'class': 'a"b', 'hidden': None}, ['<b>', 'x'])
    assert str(paragraph) == '<p class="a&quot;b" hidden><b>x</p>'
    assert Response.swear(Request('GET', '/x'), '<i>detail</i>').code == 500
    assert Response('x', code=404).status == 404
