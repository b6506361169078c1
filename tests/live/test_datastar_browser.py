"""Datastar's own script, unchanged, on kali's events: a counter, a form and a clock in Chromium.

The script is not part of this project, and no package registry has it: KALI_DATASTAR names the file of a
bundle of version 1.0 (https://data-star.dev/). From 1.0.3 on it works under a strict policy with a nonce; up
to 1.0.2 it needs 'unsafe-eval'.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

BUNDLE = os.environ.get('KALI_DATASTAR', '')
pytestmark = [pytest.mark.browser, pytest.mark.skipif(
    not BUNDLE, reason='KALI_DATASTAR does not name the script of Datastar, which no package registry has')]

APP = """
import secrets, sys, time
from kali import Response, Router, serve_http
from kali.live import SSE, Channel, datastar_response, pause, read_signals
app, channel = Router(), Channel()
SCRIPT = open({bundle!r}, encoding='utf-8').read()
@app.get('/datastar.js')
def script():
    return Response(SCRIPT, headers={{'Content-Type': 'text/javascript; charset=utf-8'}})
@app.get('/')
def home():
    nonce = secrets.token_urlsafe(16)
    policy = "default-src 'self'; script-src " + (
        f"'nonce-{{nonce}}'" if 'data-nonce' in SCRIPT else "'self' 'unsafe-inline' 'unsafe-eval'")
    return Response(PAGE.replace('NONCE', nonce), headers={{'Content-Security-Policy': policy}})
PAGE = '''<!DOCTYPE html><html lang="en" data-nonce="NONCE"><title>Datastar</title>
<script nonce="NONCE" type="module" src="/datastar.js"></script>
<main data-signals="{{count: 0, name: ''}}">
<button id="more" data-on:click="@post('/more')">More</button> <output data-text="$count"></output>
<button id="patched" data-on:click="@post('/patched')">Patched</button>
<button id="gone" data-on:click="@delete('/gone')">Gone</button>
<input id="name" data-bind:name><button id="greet" data-on:click="@post('/greet')">Greet</button>
<p id="greeting"></p><p id="tagged"></p><p id="clock" data-init="@get('/clock')"></p></main>'''
@app.post('/more')
@datastar_response
def more(request):
    return SSE.patch_signals({{'count': read_signals(request)['count'] + 1}})
@app.delete('/gone')
@datastar_response
def gone(request):
    yield SSE.remove_elements('#gone')
    yield SSE.execute_script('document.title = "</script> " + ' + str(read_signals(request)['count']))
@app.post('/greet')
@datastar_response
def greet(request):
    from kali import escape
    name = read_signals(request)['name']
    yield SSE.patch_elements(f'<p id="greeting">Hello, {{escape(name)}}!</p>')
    yield SSE.patch_elements('<b>one</b>\\n<i>two</i>', selector='#tagged', mode='inner')
@app.post('/patched')
def patched():
    return Response.patch('<p id="tagged">patched</p>', selector='#tagged', mode='replace')
@app.get('/clock')
@datastar_response
def clock():
    for number in range(1000):
        yield SSE.patch_elements(f'<p id="clock">{{number}}</p>')
        yield pause(0.05)
serve_http(app)
"""


def test_a_counter_a_form_and_a_clock(serve: Callable[..., Any], page: Page) -> None:
    served = serve(APP.format(bundle=str(Path(BUNDLE).resolve())))
    page.goto(served.url)
    for number in (1, 2, 3):
        page.locator('#more').click()
        page.wait_for_function('(n) => document.querySelector("output").innerText === String(n)', arg=number)
    page.locator('#name').fill('<Zoë & co>')
    page.locator('#greet').click()
    page.get_by_text('Hello, <Zoë & co>!').wait_for()
    page.wait_for_function('document.querySelector("#tagged").innerHTML === "<b>one</b>\\n<i>two</i>"')
    page.wait_for_function('Number(document.querySelector("#clock").innerText) > 3')
    page.locator('#patched').click()
    page.get_by_text('patched', exact=True).wait_for()
    page.locator('#gone').click()
    page.locator('#gone').wait_for(state='detached')
    page.wait_for_function('document.title === "</script> 3"')
