"""What Chromium itself sends and takes: letters in cookies, names of files both ways."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.conftest import Served

SCRIPT = """
    from kali import Request, Response, Router, serve_http

    app = Router()

    @app.function('/')
    def home(request: Request):
        page = Response('<form method=post enctype=multipart/form-data><input type=file name=file multiple>'
                        '<button>Send</button></form><a href=/download>Download</a>')
        page.set_cookie('told', 'Žluťoučký "kůň"; 100%', http_only=False)
        return page

    @app.post('/')
    def send(request: Request):
        return [[each.filename, '|', each.content, ';'] for each in request.files.get_list('file')]

    @app.function('/cookies')
    def cookies(request: Request):
        return Response.json(request.cookies)

    @app.function('/head')
    def head(request: Request):
        return Response.json(dict(request.headers))

    @app.function('/download')
    def download():
        return Response.download('milk', 'Einkauf "für" Zoë 3/4 日本.txt')

    serve_http(app)
"""


def test_letters_come_as_they_were_written(serve: Callable[..., Served], page: Page, tmp_path: Path) -> None:
    served = serve(SCRIPT)
    page.goto(served.url)
    page.evaluate("() => { document.cookie = 'name=Zoë'; document.cookie = 'sign=🌳 100%' }")
    cookies = page.evaluate("() => fetch('/cookies').then(reply => reply.json())")
    assert cookies == {'told': 'Žluťoučký "kůň"; 100%', 'name': 'Zoë', 'sign': '🌳 100%'}

    for name in ('Übersicht "1" 日本.txt', 'con.txt', '..x'):
        (tmp_path / name).write_text('milk')
    page.set_input_files('input', [tmp_path / name for name in ('Übersicht "1" 日本.txt', 'con.txt', '..x')])
    page.click('button')
    assert page.inner_text('body') == 'Übersicht "1" 日本.txt|milk;_con.txt|milk;..x|milk;'

    page.goto(served.url)
    with page.expect_download() as saved:
        page.click('a')
    assert saved.value.suggested_filename.replace('"', '_') == 'Einkauf _für_ Zoë 3_4 日本.txt'
    assert Path(saved.value.path()).read_text() == 'milk'


@pytest.mark.parametrize('name', ['X-Name', 'Content-Disposition'])
def test_other_programs_write_letters_into_fields(serve: Callable[..., Served], name: str,
                                                  exchange: Callable[..., bytes]) -> None:
    served = serve(SCRIPT)
    for text in ('Zoë 🌳'.encode(), 'Zoë'.encode('latin-1')):
        head = b'GET /head HTTP/1.1\r\nHost: localhost:%d\r\n%s: %s\r\n\r\n'
        reply = exchange(served.port, head % (served.port, name.encode(), text))
        assert ': "Zoë' in reply.decode()
