"""A page that changes while you look at it: a clock that the program pushes, and a counter in place.

A browser asks and the program answers; for a page that is to change by itself, it asks once and the program
goes on answering. Open this example in two windows, and see both change. There is no JavaScript in it, and
with JavaScript switched off the counter still works.
"""

import time
from pathlib import Path

from kali import Response, Router, StaticFolder, Template, serve_http
from kali.live import SSE, Channel, EventStream, pause

app = Router()

# Files that never change are a folder: examples/__main__.py is at /source/__main__.py.
app.delegate_folder('/source/', StaticFolder(Path(__file__).resolve().parent))

count = 0

# What is to change has an id. `data-kali-events` names the stream that this page listens to; there may be
# several on a page. A form with `data-kali-patch` is sent without leaving the page: of the page that comes
# back, the part which the selector names takes the place of the one here.
page = Template("""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>A live clock</title>
<link rel="stylesheet" href="/.kali/kali.css"><script src="/.kali/kali.js" defer></script></head>
<body><main data-kali-events="/clock"><h1>A live clock</h1>
<p>It is <strong id="clock">{now}</strong>.</p>
<section data-kali-events="/counted"><p id="count">Counted to <strong>{count:num}</strong>.</p>
<form method="post" action="/count" data-kali-patch="#count"><button>Count</button></form></section>
<p><a href="/source/live_clock.py">The source of this page</a></p>
</main></body></html>
""")


def now() -> str:
    return time.strftime('%X')


@app.get('/')
def home():
    return page(now=now(), count=count)


# A stream of events is a generator. Each `yield` of an event sends it; `pause` lets the thread do other
# things for so long. When the page is closed, so is the generator: nothing is left behind.
@app.get('/clock')
def clock():
    def ticks():
        while True:
            yield SSE.patch_elements(f'<strong id="clock">{now()}</strong>')
            yield pause(1 - time.time() % 1)
    return EventStream(ticks())


# What happens in one window is news for all others: a Channel is what they listen to. A window that was
# asleep comes back and gets what it has missed.
counted = Channel()


@app.get('/counted')
def listen(request):
    return counted.stream(request)


@app.post('/count')
def count_one():
    global count
    count += 1
    counted.publish(SSE.patch_elements(f'<p id="count">Counted to <strong>{count}</strong>.</p>'))
    return Response.redirect('/')  # and of that page, the form takes what it needs


serve_http(app)
