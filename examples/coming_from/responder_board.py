"""A message board for Responder 9, unchanged but for its last lines: `from_asgi` gives it kali's window."""

import asyncio
import sys
import time
from html import escape

from kali import serve_http
from kali.interop import from_asgi

try:
    import responder
except ImportError:
    sys.exit('This example needs Responder 9, which needs Python 3.11 or newer: pip install responder')

api = responder.API(allowed_hosts=['*'])
messages = []


@api.route('/')
async def index(req, resp):
    items = ''.join(f'<li>{escape(text)}</li>' for text in messages)
    resp.html = f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Board</title></head><body><h1>Messages</h1>
<p>It is <strong id="clock">…</strong>.</p><ul>{items or '<li>Nobody has written yet.</li>'}</ul>
<form method="post" action="/write"><label>Message <input name="text" required></label>
<button>Write</button></form>
<p><a href="/slow?n=200000">Slow work</a></p>
<script>
const clock = document.getElementById('clock')
new EventSource('/clock').onmessage = event => clock.textContent = event.data
</script></body></html>"""


@api.route('/write')
class Write:
    async def on_post(self, req, resp):
        fields = await req.media('form')
        messages.append(fields['text'])
        api.redirect(resp, '/', status_code=303)


@api.route('/clock')
async def clock(req, resp):
    @resp.sse
    async def ticks():
        while True:
            yield {'data': time.strftime('%X')}
            await asyncio.sleep(1)


def sum_of_squares(n):
    return sum(number * number for number in range(n))


@api.route('/slow')
async def slow(req, resp):
    resp.text = str(await asyncio.to_thread(sum_of_squares, int(req.params['n'])))


serve_http(from_asgi(api))  # instead of api.run()
