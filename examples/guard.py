"""A guard around the application: no page says "saved" about something that is not on disk.

A database forgets what nobody committed. A handler that forgets to commit looks as if all were well: the page
says so, and in the same connection even the data is there, until the program ends. `guard` is a wrapper
around the whole application that does not let this happen. It has two modes, and here they stand side by
side.
"""

from kali import Response, Router, Template, serve_http
from kali.sqlite import connect, guard

# Two databases, so that you can compare. They are in memory, to leave your disk alone; a path of a file would
# make no difference to anything below.
#
# The first connection is one as Python's sqlite3 makes it by default: it begins a transaction by itself
# before the first INSERT, and then waits for a commit. The second begins none by itself; that is left to the
# guard.
checked = connect(':memory:', isolation_level='DEFERRED')
committed = connect(':memory:')
for connection in checked, committed:
    connection.execute('CREATE TABLE note (text TEXT)')


def count(connection) -> int:
    return connection.execute('SELECT count(*) FROM note').fetchone()[0]


# The first application looks after its transactions itself, and the guard checks that it did.
careful = Router()


@careful.post('/forget')
def forget_to_commit():
    checked.execute("INSERT INTO note VALUES ('This was never saved.')")
    # Without a guard you would see this page, believe it, and lose the note. With it, you see what was
    # forgotten instead: the page names the handler, the table, and the SQL that opened the transaction. And
    # the note is taken back, so that the next request does not trip over it.
    return 'Saved! (You will never see this page.)'


@careful.post('/remember')
def remember_to_commit():
    checked.execute("INSERT INTO note VALUES ('This was saved.')")
    checked.commit()
    return Response.redirect('/')


# The second application leaves it to the guard: a POST is a transaction, from the first line of the handler
# to the last byte of its page. There is nothing to forget.
carefree = Router()


@carefree.post('/add')
def add():
    committed.execute("INSERT INTO note VALUES ('The guard commits this.')")
    return Response.redirect('/')


# All or nothing: if the handler fails halfway, what it had done until then is taken back.
@carefree.post('/fail')
def fail_halfway():
    committed.execute("INSERT INTO note VALUES ('One half of the work.')")
    raise RuntimeError('The other half went wrong. Go back and see: the first half is gone, too.')


# And a GET cannot write at all. That is no fussiness: browsers fetch pages ahead and repeat them as they
# like.
@carefree.get('/write')
def write_on_a_get():
    committed.execute("INSERT INTO note VALUES ('A link should not do this.')")


page = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The guard</title>
<link rel="stylesheet" href="/.kali/kali.css">
</head>
<body>
<main>
<h1>The guard</h1>
<article>
<h2>mode='check'</h2>
<p>The application commits, the guard checks. Saved notes: <strong>{checked}</strong></p>
<form method="post" class="buttons">
<button formaction="/check/remember">Save, and commit</button>
<button class="secondary" formaction="/check/forget">Save, and forget to commit</button>
</form>
</article>
<article>
<h2>mode='commit'</h2>
<p>The guard commits. Saved notes: <strong>{committed}</strong></p>
<form method="post" class="buttons">
<button formaction="/commit/add">Save</button>
<button class="secondary" formaction="/commit/fail">Save one half, then fail</button>
<a href="/commit/write">Save by following a link</a>
</form>
</article>
</main>
</body>
</html>
""")

app = Router()


@app.function('/')
def home():
    return page(checked=count(checked), committed=count(committed))


# A guard is a handler with another handler inside, so it goes wherever a handler goes. A program with one
# database has one guard, around everything: serve_http(guard(app, connection)).
app.delegate_folder('/check/', guard(careful, checked, mode='check'))
app.delegate_folder('/commit/', guard(carefree, committed, mode='commit'))

serve_http(app)
