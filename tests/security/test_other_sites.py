"""Other sites in the user's own browser: what their pages try, for real, in Chromium.

An attacker's page is open at another port, at another host name, and at a name that leads to this machine.
The user is signed in in the same browser. The program's log tells that each attempt arrived and how it was
answered; the program itself, which handlers ran.
"""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from kali.http.encoder import STRICT_POLICY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page

    from tests.conftest import Served

KEY = '0123456789abcdef' * 4
DATA = 'what only the user may read'
APP = """
    import logging
    import kali
    logging.basicConfig(level=logging.INFO, format='%(message)s')
    app = kali.Router()
    data, ran = ['what only the user may read'], []

    @app.get('/data')
    def show(attack='', a=''):
        return f'<p id="data">{data[0]}</p>'

    @app.route('/change', methods=('POST', 'PUT', 'DELETE'))
    def change(attack='', a=''):
        data[0] = 'changed'
        return kali.Response.redirect('/data')

    @app.get('/stream')
    def stream(attack=''):
        return kali.Response.stream([f'data: {data[0]}\\n\\n'], headers={'Content-Type': 'text/event-stream'})

    @app.get('/script.js')
    def script(attack=''):
        return kali.Response(f'window.stolen = "{data[0]}"', headers={'Content-Type': 'text/javascript'})

    @app.get('/style.css')
    def style(attack=''):
        return kali.Response('#data { color: rgb(1, 2, 3) }', headers={'Content-Type': 'text/css'})

    @app.get('/picture.svg')
    def picture(attack=''):
        return kali.Response('<svg xmlns="http://www.w3.org/2000/svg" width="7" height="7"/>',
                             headers={'Content-Type': 'image/svg+xml'})

    @app.get('/ran')
    def what_ran():
        return kali.Response.json([data[0], *ran])

    @app.get('/')
    def home(foreign: str = 'http://127.0.0.1:1'):
        return f'''<!DOCTYPE html><title>Home</title><link rel="stylesheet" href="/style.css">
        <link rel="stylesheet" href="{foreign}/x.css"><script src="{foreign}/x.js"></script>
        <script src="/script.js"></script><script>window.inline = true</script>
        <style>@import url("{foreign}/y.css"); @font-face {{ font-family: f; src: url("{foreign}/f.woff") }}
               p {{ font-family: f }}</style>
        <p id="data" style="opacity: .5" onclick="document.location = '/data'">Home</p>
        <img id="own" src="/picture.svg">
        <img id="there" src="data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7">
        <img src="{foreign}/x.png"><iframe src="{foreign}/frame"></iframe><object data="{foreign}/o"></object>
        <video src="{foreign}/v.mp4"></video>
        <iframe name="hole"></iframe>
        <form id="out" action="{foreign}/form" target="hole"><input name="data" value="secret"></form>
        <form id="in" method="post" action="/change"><button>Change</button></form>'''

    def watched(request):
        if request.path not in (['ran'], ['favicon.ico']):
            ran.append(f'{request.method} {request.target}')
        return app(request)

    kali.serve_http(watched, app_id='fort', OPTIONS)
"""

# What a page may try: a script with `url` (of something to read or to change), and what it brings back.
READ, CHANGE = '/data', '/change'
TRIES: list[tuple[str, str, str]] = [
    ('fetch', READ, "return await (await fetch(url, {credentials: 'include'})).text()"),
    ('fetch no-cors', READ,
     "return await (await fetch(url, {credentials: 'include', mode: 'no-cors'})).text()"),
    ('fetch the script', '/script.js', "return await (await fetch(url, {mode: 'no-cors'})).text()"),
    ('XMLHttpRequest', READ, """return await new Promise(done => { const x = new XMLHttpRequest();
        x.open('GET', url); x.withCredentials = true;
        x.onloadend = () => done(x.responseText); x.send() })"""),
    ('EventSource', '/stream', """return await new Promise(done => { const e = new EventSource(url,
        {withCredentials: true}); e.onmessage = m => { done(m.data); e.close() };
        e.onerror = () => { done('error'); e.close() } })"""),
    ('WebSocket', READ,
     """return await new Promise(done => { const w = new WebSocket(url.replace('http', 'ws'));
        w.onopen = () => done('open'); w.onerror = () => done('error') })"""),
    ('script', '/script.js', "await element('script', {src: url}); return window.stolen || 'error'"),
    ('module', '/script.js', "return await element('script', {src: url, type: 'module'})"),
    ('img', '/picture.svg', "return await element('img', {src: url}) == 'load' ? 'a picture' : 'error'"),
    ('stylesheet', '/style.css', "return await element('link', {rel: 'stylesheet', href: url})"),
    ('video', READ, "return await element('video', {src: url})"),
    ('iframe', READ, """const frame = document.createElement('iframe');
        const kind = await element(frame, {src: url});
        try { return frame.contentDocument.body.innerText } catch { return 'error' }"""),
    ('object', READ, "return await element('object', {data: url, type: 'text/html'})"),
    ('embed', READ, "await element('embed', {src: url, type: 'text/html'}); return 'error'"),
    ('a form that asks', READ, "submit(url, 'get', 'frame'); return 'sent'"),
    ('a form', CHANGE, "submit(url, 'post', 'frame'); return 'sent'"),
    ('a form with files', CHANGE, "submit(url, 'post', 'frame', 'multipart/form-data'); return 'sent'"),
    ('a form of plain text', CHANGE, "submit(url, 'post', 'frame', 'text/plain'); return 'sent'"),
    ('a form of nobody', CHANGE, """await element('iframe', {sandbox: 'allow-scripts allow-forms', srcdoc:
        `<form method="post" action="${url}"></form><script>document.forms[0].submit()</script>`}, 'load');
        return 'sent'"""),
    ('POST no-cors', CHANGE,
     """return await (await fetch(url, {method: 'POST', body: new URLSearchParams('a=1'),
        mode: 'no-cors', credentials: 'include'})).text()"""),
    ('POST', CHANGE,
     "return await (await fetch(url, {method: 'POST', body: 'a=1', credentials: 'include'})).text()"),
    ('POST of JSON', CHANGE,
     """return await (await fetch(url, {method: 'POST', body: '{}', credentials: 'include',
        headers: {'Content-Type': 'application/json'}})).text()"""),
    ('PUT', CHANGE, "return await (await fetch(url, {method: 'PUT', credentials: 'include'})).text()"),
    ('DELETE', CHANGE, "return await (await fetch(url, {method: 'DELETE', credentials: 'include'})).text()"),
    ('sendBeacon', CHANGE, "navigator.sendBeacon(url, 'a=1'); return 'sent'"),
]
TOOLS = """
    const element = (kind, attributes) => new Promise(done => {
        const made = typeof kind === 'string' ? document.createElement(kind) : kind;
        made.onload = () => done('load'); made.onerror = () => done('error');
        for (const name in attributes) made.setAttribute(name, attributes[name]);
        document.body.append(made);
    });
    const submit = (url, method, target, enctype) => {
        if (target === 'frame') {  // one of its own: another site's page in it could not be led on
            const frame = document.createElement('iframe');
            frame.name = target += Math.random(); document.body.append(frame);
        }
        const form = document.createElement('form');
        Object.assign(form, {action: url, method, target});
        if (enctype) form.enctype = enctype;
        for (const [name, value] of [...new URL(url).searchParams, ['a', '1']]) {
            const field = document.createElement('input');
            Object.assign(field, {name, value}); form.append(field);
        }
        document.body.append(form); form.submit();
    };
"""


class Attacker:
    """A server that answers everything with a page, and writes down what it was asked: `port`, `asked`."""

    def __init__(self) -> None:
        asked = self.asked = []  # type: list[str]

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                page = b'<!DOCTYPE html><title>Evil</title><body>'
                self.send_response(200)
                self.send_header('Content-Type', 'text/html')
                self.send_header('Access-Control-Allow-Origin', '*')
                self.send_header('Content-Length', str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.port = self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def end(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def attacker() -> Iterator[Attacker]:
    started = Attacker()
    yield started
    started.end()


def sign_in(served: Served, page: Page, with_key: bool) -> None:
    """Open the program as its user would."""
    page.goto(served.url + (f'/data?key={KEY}' if with_key else '/data'))
    page.wait_for_selector('#data')


def what_ran(served: Served, page: Page) -> list[str]:
    """The data, and which handlers ran."""
    cookies = '; '.join(f'{each["name"]}={each["value"]}' for each in page.context.cookies())
    ran = json.loads(served.get('/ran', {'Cookie': cookies} if cookies else {}).text)
    assert isinstance(ran, list)
    return ran


def program(options: str) -> str:
    return APP.replace('OPTIONS', options)


def options(with_key: bool) -> str:
    return f'key={KEY!r}' if with_key else ''


@pytest.mark.parametrize('host, with_key', [
    ('127.0.0.1', True), ('localhost', True), ('localhost', False), ('evil.localhost', False)])
def test_other_sites_read_and_change_nothing(
        serve: Callable[..., Served], page: Page, eventually: Callable[..., object], attacker: Attacker,
        host: str, with_key: bool) -> None:
    served = serve(program(options(with_key)))
    sign_in(served, page, with_key)
    before = what_ran(served, page)
    page.goto(f'http://{host}:{attacker.port}/')
    for number, (name, target, script) in enumerate(TRIES):
        url = f'{served.url}{target}?attack={number}.'
        got = page.evaluate('''async ([url, script]) => {
            try { return await (new Function('url', script))(url) } catch { return 'error' } }''',
            [url, f'{TOOLS} return (async () => {{ {script} }})()'])
        assert str(got or 'error') in ('error', 'sent'), name
        line = re.compile(rf'^[A-Z]+ {target}\?attack={number}\.\S* ([0-9]+) ', re.MULTILINE)
        assert eventually(lambda line=line: line.search(served.output())), name  # it did arrive
        assert set(line.findall(served.output())) == {'403'}, name
    assert what_ran(served, page) == before
    assert DATA not in page.content()


@pytest.mark.parametrize('host, with_key', [('127.0.0.1', True), ('localhost', True), ('localhost', False)])
def test_a_window_that_another_site_opens_tells_it_nothing(
        serve: Callable[..., Served], page: Page, attacker: Attacker, host: str, with_key: bool) -> None:
    served = serve(program(options(with_key)))
    sign_in(served, page, with_key)
    page.goto(f'http://{host}:{attacker.port}/')
    with page.expect_popup() as opened:
        page.evaluate('url => { window.victim = open(url) }', served.url + '/data')
    opened.value.wait_for_load_state()
    # A link is a link: a browser that may have the page gets it. A Strict cookie does not come along from
    # another host, so there it is a refusal with a way back in.
    refused = with_key and host != '127.0.0.1'
    assert (DATA in opened.value.content()) is not refused
    got = page.evaluate('''() => { try { return victim.document.body.innerText }
                                   catch { return 'error' } }''')
    assert DATA not in str(got)
    assert page.evaluate('victim.closed') is True  # the ties between the two windows are cut
    if refused:
        opened.value.click('text=go to its start page')
        opened.value.wait_for_selector('#own')
    # Leading the whole window there with a form changes nothing either.
    with page.expect_navigation() as navigation:
        page.evaluate(f'url => {{ {TOOLS} submit(url, "post", "_top") }}', served.url + '/change')
    assert navigation.value is not None
    assert navigation.value.status == 403
    assert what_ran(served, page)[0] == DATA


def test_a_name_that_is_bent_to_this_machine_leads_nowhere(serve: Callable[..., Served], page: Page) -> None:
    served = serve(program(''))
    for url in (f'http://evil.localhost:{served.port}/data', f'http://localhost.:{served.port}/data',
                f'http://0.0.0.0:{served.port}/data'):
        answer = page.goto(url)
        assert answer is not None
        assert answer.status == 403
        assert DATA not in page.content()
    assert what_ran(served, page) == [DATA]


def test_the_program_s_own_pages_work_and_load_nothing_foreign(
        serve: Callable[..., Served], page: Page, attacker: Attacker) -> None:
    served = serve(program(options(True)))
    sign_in(served, page, with_key=True)
    blocked: list[str] = []
    page.on('console', lambda message: blocked.append(message.text))
    page.goto(f'{served.url}/?foreign=http://127.0.0.1:{attacker.port}')  # as typed, or from a bookmark
    assert page.evaluate('[window.stolen, window.inline]') == [DATA, True]
    style = "getComputedStyle(document.getElementById('data'))"
    assert page.evaluate(f'[{style}.color, {style}.opacity]') == ['rgb(1, 2, 3)', '0.5']
    assert page.evaluate('[own.naturalWidth, there.naturalWidth]') == [7, 1]
    assert page.evaluate("fetch('/data').then(answer => answer.text())") == f'<p id="data">{DATA}</p>'
    assert page.evaluate("""new Promise(done => { const e = new EventSource('/stream');
        e.onmessage = m => { e.close(); done(m.data) } })""") == DATA
    foreign = f'http://127.0.0.1:{attacker.port}/fetch'
    assert page.evaluate("url => fetch(url).catch(() => 'blocked')", foreign) == 'blocked'
    page.evaluate('document.getElementById("out").submit()')
    page.click('#data')
    page.wait_for_url('**/data')
    assert attacker.asked == []  # not a byte left for another server
    assert sum('Content Security Policy' in text for text in blocked) >= 8
    page.go_back()
    page.click('text=Change')
    page.wait_for_url('**/data')
    assert page.inner_text('#data') == 'changed'
    second = page.context.new_page()  # another tab, an address typed
    second.goto(served.url + '/data')
    assert second.inner_text('#data') == 'changed'


def test_the_strict_policy_runs_files_only(serve: Callable[..., Served], page: Page) -> None:
    served = serve(program(f'headers={{"Content-Security-Policy": "{STRICT_POLICY}"}}'))
    page.goto(served.url)
    assert page.evaluate('[window.stolen, window.inline]') == [DATA, None]
    page.click('#data')
    assert page.url == served.url + '/'


def test_the_key_leaves_no_trace_and_a_second_browser_gets_a_key_of_its_own(
        serve: Callable[..., Served], page: Page, eventually: Callable[..., object]) -> None:
    served = serve(program(options(True)))
    page.goto('data:text/html,before')
    sign_in(served, page, with_key=True)
    assert page.url == served.url + '/data'
    assert page.evaluate('[document.referrer, document.cookie]') == ['', '']
    assert 'GET /data' in what_ran(served, page)
    assert not any(KEY in line for line in what_ran(served, page))  # no handler has seen it
    page.go_back()
    assert page.url == 'data:text/html,before'
    page.go_forward()
    assert page.url == served.url + '/data'

    browser = page.context.browser
    assert browser is not None
    other = browser.new_context().new_page()
    answer = other.goto(f'{served.url}/data?key={KEY}')
    assert answer is not None
    assert answer.status == 403
    printed = re.compile(r'For another browser: (\S+)')
    assert eventually(lambda: printed.search(served.output()))
    assert len(printed.findall(served.output())) == 1
    other.goto(printed.findall(served.output())[0])
    other.wait_for_selector('#own')
    assert other.url == served.url + '/'
    assert eventually(lambda: len(set(printed.findall(served.output()))) == 2)  # and so on
    other.context.close()

    served.end()
    again = serve(program(options(True)))  # as a restart would: what is in the state folder is still there
    page.goto(again.url + '/data')
    assert page.inner_text('#data') == DATA
