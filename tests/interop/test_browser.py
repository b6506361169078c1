"""Applications of other frameworks in Chromium: links, forms, files, the admin."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.interop.test_frameworks import ADMIN

if TYPE_CHECKING:
    from playwright.sync_api import Page

HERE = Path(__file__).resolve().parent
SCRIPT = f'''
import sys
sys.path.insert(0, {str(HERE)!r})
import frameworks
from kali import Router, serve_http
from kali.interop import from_asgi, from_wsgi
router = Router()
router.delegate_folder('/flask/', from_wsgi(frameworks.flask()))
router.delegate_folder('/bottle/', from_wsgi(frameworks.bottle()))
router.delegate_folder('/starlette/', from_asgi(frameworks.starlette()))

@router.get('/form/*')
def form(name):
    return (f'<form action="/{{name}}/form" method=post enctype=multipart/form-data>'
            '<label>Name <input name=name></label><input type=file name=file><button>Send</button></form>')

serve_http(router)
'''


@pytest.mark.parametrize('name', ['flask', 'bottle', 'starlette'])
def test_links_and_a_form_with_a_file(serve: Any, page: Page, name: str) -> None:
    served = serve(SCRIPT)
    page.goto(f'{served.url}/{name}/')
    page.get_by_role('link', name='Ann').click()
    page.wait_for_url(f'**/{name}/greet/Ann')
    assert page.locator('body').inner_text() == 'Hello Ann, 0'
    page.goto(f'{served.url}/form/{name}')
    page.get_by_label('Name').fill('Jürgen')
    page.locator('input[type=file]').set_input_files(
        {'name': 'notes.txt', 'mimeType': 'text/plain', 'buffer': b'x' * 2_000_000})
    page.get_by_role('button', name='Send').click()
    page.wait_for_url(f'**/{name}/form')
    assert page.locator('body').inner_text() == 'Jürgen notes.txt 2000000'
    page.goto(f'{served.url}/{name}/greet/Ann')
    assert page.locator('body').inner_text() == 'Hello Ann, 1'


def test_the_admin_of_django(serve: Any, page: Page) -> None:
    served = serve(ADMIN)
    complaints: list[str] = []
    page.on('console', lambda message: complaints.append(message.text) if message.type == 'error' else None)
    page.goto(f'{served.url}/office/admin/')
    page.get_by_label('Username').fill('admin')
    page.get_by_label('Password').fill('secret')
    page.get_by_role('button', name='Log in').click()
    page.get_by_role('link', name='Groups').first.click()
    page.get_by_role('link', name='Add group').first.click()
    page.get_by_label('Name:').fill('Gärtner')
    page.get_by_role('button', name='Save', exact=True).click()
    page.get_by_text('was added successfully').wait_for()
    page.get_by_role('link', name='Gärtner').first.click()
    page.get_by_role('link', name='Delete').click()
    page.get_by_role('button', name='Yes').click()
    page.get_by_text('was deleted successfully').wait_for()
    assert [each for each in complaints if 'favicon' not in each and '404' not in each] == []
