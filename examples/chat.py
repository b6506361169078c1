"""A chat between windows: each message appears at once on every open page.

The messages are in a database, and what is published is published when it is saved: if the save fails, nobody
sees a message that is not there. Open it in two windows. (A kali program serves one computer. Where several
people are to chat, each at a computer of their own, look at what the handbook says about WSGI.)
"""

from kali import Request, Response, Router, Template, serve_http
from kali.live import SSE, Channel
from kali.sqlite import connect, guard

db = connect(':memory:')
db.execute('CREATE TABLE message (message INTEGER PRIMARY KEY, name TEXT, text TEXT, '
           "said TEXT DEFAULT (time('now', 'localtime')))")

app, channel = Router(), Channel(history=100)

# One template for a message, in the page and in an event: what was typed is escaped in both.
line = Template('<li><b>{name}</b> <small>{said}</small><br>{text}</li>\n')
page = Template("""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Chat</title>
<link rel="stylesheet" href="/.kali/kali.css"><script src="/.kali/kali.js" defer></script></head>
<body><main><h1>Chat</h1>
<ul id="messages" data-kali-events="{stream}">{lines}</ul>
<form method="post" action="/say" data-kali-patch="#typing">
<div id="typing"><p><label for="name">Your name</label>
<input id="name" name="name" value="{name}" required maxlength="40"></p>
<p><label for="text">Say</label>
<input id="text" name="text" required maxlength="1000" autocomplete="off" autofocus></p></div>
<button>Send</button></form></main></body></html>
""")


@app.get('/')
def home(name: str = ''):
    lines = [line(**row) for row in db.execute('SELECT * FROM message ORDER BY message')]
    # What is published between this page and its first look at the stream would be missed. So the page says
    # up to where it knows.
    return page(lines=lines, name=name, stream=app.url_for(listen, **{'last-event-id': channel.last_id}))


@app.get('/listen')
def listen(request: Request):
    return channel.stream(request)


@app.post('/say')
def say(name: str, text: str):
    number = db.execute('INSERT INTO message (name, text) VALUES (?, ?)', [name, text]).lastrowid
    row = db.execute('SELECT * FROM message WHERE message = ?', [number]).fetchone()
    # Inside the guard's transaction: this goes out after COMMIT, or not at all.
    channel.publish(SSE.patch_elements(line(**row), selector='#messages', mode='append'))
    return Response.redirect(app.url_for(home, name=name))


serve_http(guard(app, db))
