"""A message board for bareASGI 5, unchanged but for its last lines: `from_asgi` gives it kali's window."""

import asyncio
import sys
import time
from html import escape
from urllib.parse import parse_qs

from kali import serve_http
from kali.interop import from_asgi

try:
    from bareasgi import Application, HttpResponse, text_reader, text_writer
except ImportError:
    sys.exit('This example needs bareASGI 5, which needs Python 3.12 or newer: pip install bareasgi')

HTML = [(b'content-type', b'text/html; charset=utf-8')]
app = Application(info={'messages': []})


async def index(request):
    items = ''.join(f'<li>{escape(text)}</li>' for text in request.info['messages'])
    return HttpResponse(200, HTML, text_writer(f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Board</title></head><body><h1>Messages</h1>
<p>It is <strong id="clock">…</strong>.</p><ul>{items or '<li>Nobody has written yet.</li>'}</ul>
<form method="post" action="/write"><label>Message <input name="text" required></label>
<button>Write</button></form>
<p><a href="/slow?n=200000">Slow work</a></p>
<script>
const clock = document.getElementById('clock')
new EventSource('/clock').onmessage = event => clock.textContent = event.data
</script></body></html>"""))


async def write(request):
    fields = parse_qs(await text_reader(request.body))
    request.info['messages'].append(fields['text'][0])
    return HttpResponse(303, [(b'location', b'/')])


async def clock(request):
    async def ticks():
        while True:
            yield f'data: {time.strftime("%X")}\n\n'.encode()
            await asyncio.sleep(1)
    return HttpResponse(200, [(b'content-type', b'text/event-stream')], ticks())


def sum_of_squares(n):
    return sum(number * number for number in range(n))


async def slow(request):
    n = int(parse_qs(request.scope['query_string'].decode())['n'][0])
    return HttpResponse(200, HTML, text_writer(str(await asyncio.to_thread(sum_of_squares, n))))


app.http_router.add({'GET'}, '/', index)
app.http_router.add({'POST'}, '/write', write)
app.http_router.add({'GET'}, '/clock', clock)
app.http_router.add({'GET'}, '/slow', slow)

serve_http(from_asgi(app))  # instead of uvicorn.run(app)
