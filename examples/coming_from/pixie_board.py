"""A message board in the manner of pixie_web: each route says where it runs, in the main process, as a
coroutine, or in a pool of processes. `route` and `RouteType` below are all that it takes on kali's routes.
"""

import asyncio
import enum
import time

from kali import Response, Router, Template, serve_http
from kali.live import SSE, EventStream, in_process, pause

app = Router()
RouteType = enum.Enum('RouteType', 'sync asnc pool')
messages: list[str] = []


def route(path, route_type=RouteType.sync, action='GET'):
    """Have a function answer: in the main process, as a coroutine, or in another process."""
    def register(function):
        if route_type is RouteType.pool:
            def pooled(request):
                return in_process(function, dict(request.query.items()))
            app.route(path, methods=[action])(pooled)
        else:
            app.route(path, methods=[action])(function)
        return function  # as it is: another process has to find it by its name
    return register


template = Template("""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Board</title><link rel="stylesheet" href="/.kali/kali.css">
<script src="/.kali/kali.js" defer></script></head>
<body><main data-kali-events="/clock"><h1>Messages</h1><p>It is <strong id="clock">…</strong>.</p>
<ul><?for text in messages?><li>{text}</li><?else?><li>Nobody has written yet.</li><?end?></ul>
<form method="post" action="/write"><label>Message <input name="text" required></label>
<button>Write</button></form>
<p><a href="/slow?n=200000">Slow work</a></p></main></body></html>
""")


@route('/', RouteType.asnc)
async def index(request):
    await asyncio.sleep(0)  # others may go on here
    return template(messages=messages)


@route('/write', RouteType.sync, action='POST')
def write(request):
    messages.append(request.form['text'])
    return Response.redirect('/')


@route('/clock', RouteType.sync)
def clock(request):
    def ticks():  # streaming is a generator here, too
        while True:
            yield SSE.patch_elements(f'<strong id="clock">{time.strftime("%X")}</strong>')
            yield pause(1)
    return EventStream(ticks())


@route('/slow', RouteType.pool)
def slow(query):
    n = int(query.get('n', 0))
    return str(sum(number * number for number in range(n)))


serve_http(app)
