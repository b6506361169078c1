"""Forms and links that ask for a part of the page, in Chromium: with and without JavaScript, and whatever
comes back. Nothing is sent twice, and nothing typed is lost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

APP = """
import json, time
from kali import Response, Router, escape, serve_http
from kali.live import SSE, EventStream
app, posts, notes = Router(), [], ['milk']
def page(said='', note='', wrong=False, status=200, query=''):
    return Response('''<!DOCTYPE html><title>Notes</title><script src="/.kali/kali.js" defer></script>
<main><p id="said">%s</p><ul id="list">%s</ul>
<form method="get" action="/" data-kali-patch="#list"><input name="q"><button>Search</button></form>
<a href="/?q=m" data-kali-patch="#list">Only m</a>
<form method="post" action="/do" data-kali-patch="#said, #list, #form">
<div id="form"><input name="note" value="%s"%s></div>
<input name="kind" value="redirect"><button name="pressed" value="yes">Do</button></form></main>''' % (
        escape(said), ''.join('<li>%s</li>' % escape(each) for each in notes if query in each),
        escape(note), ' aria-invalid="true"' if wrong else ''), status=status)
@app.get('/')
def home(q: str = ''):
    return page(query=q)
@app.get('/posts')
def how_many():
    return json.dumps(posts)
@app.post('/do')
def do(request, note: str = '', kind: str = '', pressed: str = ''):
    posts.append([note, pressed, 'datastar-request' in request.headers])
    notes.append(note)
    if kind == 'redirect':
        return Response.redirect('/')
    if kind == 'wrong':
        return page(said='This is wrong', note=note, wrong=True, status=422)
    if kind == 'json':
        return Response.json({'said': 'JSON'})
    if kind == 'other':
        return '<!DOCTYPE html><title>Other</title><p id="other">Other</p><script>window.ran = 1</script>'
    if kind == 'patch':
        return Response.patch('<li>patched</li>', selector='#list', mode='append')
    if kind == 'ids':
        return Response.patch('<p id="said">by its id</p>')
    if kind == 'events':
        return EventStream([SSE.patch_elements('<p id="said">one\\u2028event: no</p>'),
                            SSE.notify('<b>two</b>'),
                            SSE.patch_elements('x', selector='#[', mode='inner'),
                            SSE.patch_elements('<li>three</li>', selector='#list', mode='prepend')])
    if kind == 'nothing':
        return Response(None, status=204)
    if kind == 'download':
        return Response.download('id;name', 'list.csv')
    if kind == 'failure':
        1 / 0
    raise SystemExit
serve_http(app)
"""


def texts(page: Page) -> list[str]:
    return page.locator('#list li').all_inner_texts()


def do(page: Page, kind: str) -> None:
    page.locator('[name=note]').fill('tea & <b>')
    page.locator('[name=kind]').fill(kind)
    page.get_by_role('button', name='Do').click()


SEEN: dict[str, str] = {
    'redirect': "[...list.children].map((li) => li.innerText).join() === 'milk,tea & <b>'",
    'wrong': "said.innerText === 'This is wrong' && document.activeElement.name === 'note' "
             "&& document.activeElement.value === 'tea & <b>'",
    'json': "document.body.innerText.includes('JSON')",
    'other': "document.getElementById('other') && document.title === 'Other' && window.ran === 1",
    'patch': "list.lastElementChild.innerText === 'patched'",
    'ids': "said.innerText === 'by its id'",
    'events': "said.innerText.startsWith('one') && list.firstElementChild.innerText === 'three' "
              "&& document.querySelector('#kali-notices').innerText === '<b>two</b>'",
    'failure': "document.body.innerText.includes('ZeroDivisionError')",
}


@pytest.mark.parametrize('kind', SEEN)
def test_what_comes_back_is_shown_and_the_form_sent_once(kind: str, serve: Callable[..., Any],
                                                         page: Page) -> None:
    served = serve(APP, tracebacks=kind == 'failure')
    page.goto(served.url)
    page.evaluate('window.stays = true')
    do(page, kind)
    page.wait_for_function('() => ' + SEEN[kind])
    assert json.loads(served.get('/posts').text) == [['tea & <b>', 'yes', True]]
    if kind != 'json':  # a document of its own
        assert page.evaluate('window.stays'), 'the page was never left'


def test_a_download_and_nothing_leave_the_page_as_it_is(serve: Callable[..., Any], page: Page) -> None:
    served = serve(APP)
    page.goto(served.url)
    with page.expect_download() as download:
        do(page, 'download')
    assert download.value.suggested_filename == 'list.csv'
    page.wait_for_function("() => !document.querySelector('button[name=pressed]').disabled")
    do(page, 'nothing')
    page.wait_for_function("() => !document.querySelector('button[name=pressed]').disabled")
    assert len(json.loads(served.get('/posts').text)) == 2 and texts(page) == ['milk']
    assert page.locator('[name=note]').input_value() == 'tea & <b>'


def test_without_an_answer_what_was_typed_stays(serve: Callable[..., Any], page: Page) -> None:
    page.goto(serve(APP).url)
    page.route('**/do', lambda route: route.abort())
    do(page, 'redirect')
    page.get_by_text('No answer came.').wait_for()
    assert page.locator('[name=note]').input_value() == 'tea & <b>'
    page.wait_for_function("() => !document.querySelector('button[name=pressed]').disabled")


def test_a_search_and_a_link(serve: Callable[..., Any], page: Page) -> None:
    served = serve(APP)
    page.goto(served.url)
    do(page, 'redirect')
    page.get_by_text('tea & <b>').wait_for()
    page.evaluate('window.stays = true')
    page.locator('[name=q]').fill('tea')
    page.get_by_role('button', name='Search').click()
    page.wait_for_function("() => list.innerText === 'tea & <b>' && location.search === '?q=tea'")
    page.get_by_role('link', name='Only m').click()
    page.wait_for_function("() => list.innerText === 'milk' && location.search === '?q=m'")
    assert page.evaluate('window.stays')


def test_all_of_it_without_scripts(serve: Callable[..., Any], browser: Browser) -> None:
    served = serve(APP)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(served.url)
    do(page, 'redirect')
    assert texts(page) == ['milk', 'tea & <b>']
    page.locator('[name=q]').fill('tea')
    page.get_by_role('button', name='Search').click()
    assert texts(page) == ['tea & <b>'] and page.url.endswith('?q=tea')
    page.get_by_role('link', name='Only m').click()
    assert texts(page) == ['milk']
    do(page, 'wrong')
    assert page.locator('#said').inner_text() == 'This is wrong'
    assert json.loads(served.get('/posts').text) == [['tea & <b>', 'yes', False]] * 2
    context.close()
