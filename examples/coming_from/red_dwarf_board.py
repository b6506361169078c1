"""A message board in the manner of Red Dwarf: functions give pages, patches and streams; state is in the
program, and Datastar in the page. Here it is kali's routes that do it.

Datastar's script is not part of kali: put it beside this file as datastar.js, and the form is sent without
leaving the page. Without it, kali.js shows the clock, and the form works as any form does.
"""

import time
from pathlib import Path

from kali import Response, Router, StaticFolder, Template, serve_http
from kali.live import SSE, datastar_response, in_process, pause, read_signals

app = Router()
app.delegate_folder('/static/', StaticFolder(Path(__file__).resolve().parent))
messages: list[str] = []

PAGE = Template("""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Board</title>
<link rel="stylesheet" href="/.kali/kali.css"><script src="/.kali/kali.js" defer></script>
<script type="module" src="/static/datastar.js"></script></head>
<body><main data-signals:text="''" data-kali-events="/clock"><h1>Messages</h1>
<p>It is <strong id="clock">…</strong>.</p>
{board}
<form method="post" action="/write" data-on:submit__prevent="@post('/write')">
<label>Message <input name="text" data-bind:text required></label>
<button>Write</button></form>
<p><a href="/slow?n=200000">Slow work</a></p></main></body></html>
""")
BOARD = Template("""<ul id="board"><?for text in messages?><li>{text}</li>
<?else?><li>Nobody has written yet.</li><?end?></ul>""")


@app.get('/')
def index():
    return PAGE(board=BOARD(messages=messages))


@app.post('/write')
def write(request):
    if 'Datastar-Request' in request.headers:
        messages.append(read_signals(request)['text'])
        return patched(request)
    messages.append(request.form['text'])
    return Response.redirect('/')


@datastar_response
def patched(request):
    yield SSE.patch_elements(str(BOARD(messages=messages)))
    yield SSE.patch_signals({'text': ''})


@app.get('/clock')
@datastar_response
def clock(request):
    while True:
        yield SSE.patch_elements(f'<strong id="clock">{time.strftime("%X")}</strong>')
        yield pause(1)


def sum_of_squares(n: int) -> int:
    return sum(number * number for number in range(n))


@app.get('/slow')
def slow(n: int):
    return in_process(sum_of_squares, n)


serve_http(app)
