"""Live pages in Chromium: the stream that windows share, and patches that disturb nobody."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = pytest.mark.browser


@pytest.fixture
def profile(browser: Browser) -> Any:
    """Windows of one profile."""
    context = browser.new_context()
    context.set_default_timeout(20_000)
    yield context
    context.close()


def window(profile: BrowserContext, url: str) -> Page:
    page = profile.new_page()
    page.goto(url)
    return page


PUBLISHED = """
from kali import Router, serve_http
from kali.live import SSE
app = Router()
@app.get('/')
@app.get('/orders/*')
def page(request, number=''):
    return '''<!DOCTYPE html><title>x</title><script src="/.kali/kali.js" defer></script>
<main data-kali-events="/.kali/events"><p id="p">old</p></main>'''
@app.post('/say')
def say(request, word: str, to: str = ''):
    host = request.scope.host
    host.publish(SSE.patch_elements('<p id="p">%s</p>' % word), to)
    host.publish(SSE.notify('<i>' + word), to)
    return 'said'
serve_http(app)
"""


def test_ten_windows_hear_what_is_published(serve: Callable[..., Any], profile: BrowserContext) -> None:
    """Through the one stream that they share, which tells the program that they are there as well."""
    served = serve(PUBLISHED)
    pages = [window(profile, f'{served.url}/orders/{number}' if number % 2 else served.url)
             for number in range(10)]
    served.post('/say', {'word': 'all'})
    for page in pages:
        page.get_by_text('<i>all').wait_for()
    served.post('/say', {'word': 'orders', 'to': '/orders/'})
    served.post('/say', {'word': 'seven', 'to': '/orders/7'})
    for number, page in enumerate(pages):
        if number % 2:
            page.get_by_text('<i>orders').wait_for()
        if number == 7:
            page.get_by_text('<i>seven').wait_for()
        said = 'seven' if number == 7 else 'orders' if number % 2 else 'all'
        assert page.locator('#p').inner_text() == said
    served.post('/say', {'word': 'all again'})
    for page in pages:
        page.get_by_text('<i>all again').wait_for()
    for page in pages[::2]:
        assert page.locator('#kali-notices').inner_text().split() == ['<i>all', '<i>all', 'again']


PAGE = """
from kali import Router, serve_http
from kali.live import SSE, Channel
app, channel = Router(), Channel()
@app.get('/')
def home():
    return '''<!DOCTYPE html><script src="/.kali/kali.js" defer></script><main data-kali-events="/events">
<div id="box" style="height: 50px; overflow: auto"><div style="height: 500px"></div></div>
<details id="more"><summary>More</summary><p id="inside">old</p></details>
<form id="form"><input name="a" value="x"><input type="checkbox" name="c"><textarea name="t">y</textarea>
<select name="s"><option>1<option>2</select></form>
<ul id="list"><li id="a">a<li id="b">b<li id="c">c</ul></main>'''
@app.get('/events')
def events(request, **rest):
    return channel.stream(request)
@app.get('/listeners')
def listeners():
    return str(len(channel))
@app.post('/publish')
def publish(elements: str, selector: str = '', mode: str = 'outer'):
    channel.publish(SSE.patch_elements(elements, selector=selector or None, mode=mode))
    return 'said'
@app.post('/run')
def run(script: str):
    channel.publish(SSE.execute_script(script))
    return 'said'
serve_http(app)
"""


def listening(served: Any, profile: BrowserContext) -> Page:
    """A window whose stream is open."""
    page = window(profile, served.url)
    deadline = time.monotonic() + 20
    while served.get('/listeners').text != '1':
        assert time.monotonic() < deadline
    return page


def test_a_patch_disturbs_nobody(serve: Callable[..., Any], profile: BrowserContext) -> None:
    served = serve(PAGE)
    page = listening(served, profile)
    page.locator('summary').click()
    page.locator('[name=a]').fill('typed')
    page.locator('[name=t]').fill('typed too')
    page.locator('[name=c]').check()
    page.locator('[name=s]').select_option('2')
    page.locator('[name=a]').focus()
    page.evaluate('document.activeElement.setSelectionRange(1, 3); box.scrollTop = 100; window.li = b')
    served.post('/publish', {'elements': """<main data-kali-events="/events">
<p id="fresh">new</p>
<div id="box" style="height: 50px; overflow: auto"><div style="height: 600px"></div></div>
<details id="more"><summary>More</summary><p id="inside">fresh</p></details>
<form id="form"><input name="a" value="z"><input type="checkbox" name="c"><textarea name="t">q</textarea>
<select name="s"><option>1<option>2<option>3</select></form>
<ul id="list"><li id="c">c<li id="b">bb<li id="d">d</ul></main>""", 'selector': 'main'})
    page.locator('#fresh').wait_for()
    found = page.evaluate("""[() => form.a.value, () => form.t.value, () => form.c.checked,
        () => form.s.value,
        () => document.activeElement.name, () => document.activeElement.selectionStart, () => box.scrollTop,
        () => more.open, () => inside.innerText, () => window.li === b && b.innerText,
        () => [...list.children].map((each) => each.id).join('')].map((f) => f())""")
    assert found == [
        'typed', 'typed too', True, '2', 'a', 1, 100, True, 'fresh', 'bb', 'cbd']


@pytest.mark.parametrize('mode, after', [
    ('inner', '<li>x</li>'), ('prepend', '<li>x</li>abc'), ('append', 'abc<li>x</li>'), ('remove', None),
])
def test_modes(mode: str, after: str | None, serve: Callable[..., Any], profile: BrowserContext) -> None:
    served = serve(PAGE)
    page = listening(served, profile)
    served.post('/publish', {'elements': '<li>x</li>', 'selector': '#list', 'mode': mode})
    if after is None:
        page.wait_for_selector('#list', state='detached')
    else:
        page.wait_for_function('document.getElementById("list").innerText.includes("x")')
        found = page.evaluate('[...list.children].map((each) => each.innerText).join("")')
        assert found == after.replace('<li>', '').replace('</li>', '')


def test_a_script_runs_once(serve: Callable[..., Any], profile: BrowserContext) -> None:
    served = serve(PAGE)
    page = listening(served, profile)
    served.post('/run', {'script': 'window.runs = (window.runs || 0) + 1; window.text = "</script><b>"'})
    page.wait_for_function('window.runs === 1 && window.text === "</scr" + "ipt><b>"')
    assert page.locator('script:not([src])').count() == 0


GROWING = """
from kali import Response, Router, serve_http
app, seen = Router(), []
@app.get('/')
def home():
    def pieces():
        yield '<!DOCTYPE html><title>Growing</title><p id="first">first</p>' + ' ' * 2000
        while not seen:
            yield ''
        yield '<p id="second">second</p>'
    return Response.stream(pieces())
@app.post('/seen')
def note():
    seen.append(True)
    return 'noted'
serve_http(app)
"""


def test_a_page_grows_while_it_is_made(serve: Callable[..., Any], profile: BrowserContext) -> None:
    served = serve(GROWING)
    page = profile.new_page()
    page.goto(served.url, wait_until='commit')
    page.locator('#first').wait_for()
    assert page.locator('#second').count() == 0
    served.post('/seen', {})
    page.locator('#second').wait_for()


RUN = """
import os, sys
from kali import Router, serve_http
from kali.live import Channel
app, channel, run = Router(), Channel(), os.urandom(4).hex()
channel.publish('a run begins')
@app.get('/')
def home():
    stream = app.url_for(events, **{'last-event-id': channel.last_id})
    return '<!DOCTYPE html><script src="/.kali/kali.js" defer></script><p>%s</p><input>' % run + (
        '<main data-kali-events="%s"></main>' % stream)
@app.get('/events')
def events(request, **rest):
    return channel.stream(request)
@app.get('/listeners')
def listeners():
    return str(len(channel))
@app.post('/again')
def again():
    os.execv(sys.executable, sys.orig_argv)
serve_http(app, headers={'Content-Security-Policy': "script-src 'self'"})
"""


@pytest.mark.parametrize('typed', ['', 'half a word'])
def test_a_page_of_an_earlier_run(typed: str, serve: Callable[..., Any], profile: BrowserContext) -> None:
    """It is loaded anew, under a strict policy as well, but for one in which something is typed."""
    served = serve(RUN)
    page = listening(served, profile)
    page.locator('input').fill(typed)
    before = page.locator('p').inner_text()
    with pytest.raises(OSError):
        served.post('/again', {})
    if typed:
        page.get_by_text('This page is out of date.').wait_for()
        assert page.locator('input').input_value() == typed and page.locator('p').first.inner_text() == before
    else:
        page.wait_for_function('(before) => document.querySelector("p").innerText !== before', arg=before)
