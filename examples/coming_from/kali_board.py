"""A message board as kali would have it: the messages are in a file, and a form saves exactly once.

The same program stands beside this one in the manner of Red Dwarf, pixie, bareASGI and Responder.
"""

import time

from kali import Request, Response, Router, Shell, Template, data_dir, forms, serve_http
from kali.live import SSE, EventStream, in_process, pause
from kali.sqlite import connect, guard, undo

db = connect(data_dir('kali_board') / 'board.sqlite')
db.execute('CREATE TABLE IF NOT EXISTS message (message INTEGER PRIMARY KEY, text TEXT NOT NULL)')
app = Router()
history = undo(db, ['message'])
app.delegate('/undo', history)
shell = Shell('Board', [('Messages', '/'), ('Write', '/write'), ('Slow work', '/slow?n=200000')],
              tools=lambda request: history.buttons('/undo'))
page = Template("""<p data-kali-events="/clock">It is <strong id="clock">…</strong>.</p>
<ul><?for message in messages?><li>{message.text}</li><?else?><li>Nobody has written yet.</li><?end?></ul>""")


@app.get('/')
def home(request: Request):
    return shell.page(request, 'Messages', page(messages=db.execute('SELECT text FROM message').fetchall()))


@app.servlet('/write')
class Write(forms.Formlet):
    ELEMENTS = forms.elements_from_table(db, 'message')

    def __init__(self):
        super().__init__(self.ELEMENTS)

    def get_native(self):
        return {}

    def save(self, native, request):
        db.execute('INSERT INTO message (text) VALUES (?)', [native['text']])
        return Response.redirect('/')


@app.get('/clock')
def clock():
    def ticks():
        while True:
            yield SSE.patch_elements(f'<strong id="clock">{time.strftime("%X")}</strong>')
            yield pause(1)
    return EventStream(ticks())


def sum_of_squares(n: int) -> int:
    return sum(number * number for number in range(n))


@app.get('/slow')
def slow(n: int):
    return in_process(sum_of_squares, n)  # in another process, so that nobody waits


serve_http(shell.wrap(guard(history.wrap(app), db)), app_id='kali_board')
