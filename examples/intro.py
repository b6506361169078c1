"""The first steps: functions that become pages, and the ways in which a page gets its arguments.

A kali program is one Python file. You write functions, say under which address each is to be found, and call
`serve_http` at the end: a window of your browser opens, and the functions answer it. Start this example, keep
its source beside the window, and try the links.
"""

import logging

from kali import Response, Router, escape, serve_http

# kali reports what it serves through Python's own logging, and leaves it to the program where that goes.
# These two words put it on the console, one line a request. Leave them out, and all is quiet.
logging.basicConfig(level=logging.INFO)

# A program has many pages, and each has an address. The Router knows which function makes which page.
app = Router()

visits = 0


# Here is the plainest page there is. What the function returns is HTML, and goes to the browser as it is. It
# may be text, bytes, numbers, None (which is nothing), or lists of these in lists: kali puts them together,
# as UTF-8.
@app.function('/')
def home():
    # One request is answered at a time, all of them in one thread. So a plain variable can count, without a
    # lock.
    global visits
    visits += 1
    # An error ends the request, never the program. See for yourself: every fifth visit fails on purpose. The
    # page that you get then shows what happened and in which line, and the next visit is fine again.
    assert visits % 5, 'This is what an error looks like. Go back, or reload the page: all is well.'
    return [
        '<!DOCTYPE html><title>First steps</title><link rel="stylesheet" href="/.kali/kali.css">',
        '<main><h1>Peace be with you.</h1>',
        '<p>This is visit number ', visits, '. Each fifth one fails, so that you have seen an error.</p>',
        '<ul>',
        '<li><a href="/add/5/7">Two numbers in the address</a></li>',
        '<li><a href="/add/5/seven">One that is no number</a></li>',
        '<li><a href="/search?q=tea+%26+biscuits">An argument after the question mark</a></li>',
        '<li><a href="/search?q=tea&amp;colour=green">One too many</a></li>',
        '</ul></main>',
    ]


# Each star in an address stands for any one part of it, and they become the first arguments of the function.
# The annotations are more than a comment: kali converts the text of the address by them. What is no number
# never gets here; the browser gets a 404: there is no such page.
@app.function('/add/*/*')
def add(a: float, b: float):
    # Not everything is HTML. A Response says what else it is: here plain text, in which < is just a
    # character.
    return Response.plain_text([
        'The sum of <', a, '> and <', b, '> is <', a + b, '>.\n',
        'This page is plain text, not HTML.\n',
    ])


# What follows the question mark of an address comes by name. An argument with a default may be left out; one
# without must be given. Leaving it out is a 400, and so is one that is not known here.
@app.function('/search')
def search(q: str = ''):
    # `q` is what somebody typed, so it may be anything, `<script>` too. `escape` makes text of it that means
    # nothing but itself. Templates do that for you: see simple_task_list.py.
    return [
        '<!DOCTYPE html><title>Search</title><link rel="stylesheet" href="/.kali/kali.css">',
        '<main><h1>Search</h1>',
        '<form role="search"><label for="q">Look for</label>',
        '<input type="search" id="q" name="q" value="', escape(q), '"> <button>Search</button></form>',
        ['<p>You looked for <code>', escape(q), '</code>. To be honest, nobody searched.</p>'] if q else None,
        '<p><a href="/">Back</a></p></main>',
    ]


# From here on the browser has the word. `serve_http` returns when the program is to end: press Ctrl-C.
serve_http(app)

# The next lesson is static_content.py.
