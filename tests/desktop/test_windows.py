"""What a window shows as a page has kali's script in it, whatever made the page."""

from __future__ import annotations

from typing import Any

import pytest

from kali import Response, Router
from kali.desktop.windows import Windows
from kali.http.deferred import Deferred
from kali.http.request import Request
from kali.server.dispatcher import Dispatcher

app = Router()
app.get('/text')(lambda: 'Hello')
app.get('/pieces')(lambda: ['<p>', 1, '</p>'])
app.get('/bug')(lambda: 1 / 0)
app.get('/plain')(lambda: Response.plain_text('Hello'))
app.get('/file')(lambda: Response.download('a;b', 'table.html'))
app.get('/stream')(lambda: Response.stream(['<p>', 'Hello']))



@pytest.mark.parametrize('path, dest, has_script', [
    ('/text', 'document', True), ('/pieces', 'document', True), ('/bug', 'document', True),
    ('/nowhere', 'document', True), ('/text', 'empty', False), ('/bug', 'iframe', False),
    ('/plain', 'document', False), ('/file', 'document', False), ('/stream', 'document', False),
])
def test_pages_have_the_script(path: str, dest: str, has_script: bool) -> None:
    windows = Windows(keep_running=True)
    dispatcher = Dispatcher(windows.wrap(app))
    dispatcher.dress = windows.dress
    answer: Any = dispatcher.answer(Request('GET', path, {'Sec-Fetch-Dest': dest}))
    content = answer.content if isinstance(answer, Response) else answer.step()
    assert (b'src="/.kali/window.js"' in content) == has_script


def test_so_does_a_page_that_comes_later() -> None:
    windows = Windows(keep_running=True)
    dispatcher = Dispatcher(app)
    dispatcher.dress = windows.dress
    request = Request('GET', '/later', {'Sec-Fetch-Dest': 'document'})
    answer: Any = dispatcher.step(request, Deferred(lambda: Response(['<p>', 'Hello'])))
    assert b'src="/.kali/window.js"' in answer.content
