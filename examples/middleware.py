"""Middleware: what stands around all handlers of an application. Timing, a log of requests, a password, hooks
before and after, and compression.

A wrapper takes a handler and gives back a handler. `Around` makes one; `chain` puts several around, each
around what comes before it. The same application then serves a desktop, by `serve_http`, or an office, by any
WSGI server (see the end).
"""

import base64
import gzip
import hmac
import time

from kali import Response, Router, serve_http
from kali.http.around import Around, chain
from kali.http.response import as_response, rendered
from kali.interop import to_wsgi

app = Router()


@app.function('/')
def index():
    teas = '<p>Green tea, black tea, white tea.</p>\n' * 50
    return ['<h1>Tea</h1>\n', teas, '<a href="/private/">Recipes</a>']


@app.function('/private/')
def recipes():
    return '<h1>Recipes</h1>\n<p>Water first, then tea.</p>'


# The plainest wrapper passes the request on and looks at the answer. A handler may return text, a Response,
# or an answer that comes later (a stream, a Future). `as_response` makes one kind of the first two. A stream
# has `headers` as well.
def timed(handler):
    """Say in a header how long the handler took; the browser's developer tools show it."""
    def call(request):
        begun = time.perf_counter()
        answer = as_response(handler(request), request)
        if isinstance(answer, Response):
            answer.headers['Server-Timing'] = f'handler;dur={(time.perf_counter() - begun) * 1000:.1f}'
        return answer
    return Around(handler, call)


# A wrapper with a setting is a function that returns the wrapper.
def logged(write):
    """Write a line about each request."""
    def wrapper(handler):
        def call(request):
            answer = as_response(handler(request), request)
            status = answer.status if isinstance(answer, Response) else 'later'
            write(f'{request.method} {request.target} {status}')
            return answer
        return Around(handler, call)
    return wrapper


# A wrapper need not call the handler at all. Over an unencrypted connection everybody on the way can read the
# password: where this is used, the server in front must speak HTTPS.
def with_password(folder, users):
    """Ask for a name and a password (RFC 7617) below `folder`."""
    def wrapper(handler):
        def call(request):
            if request.path[0] != folder or known(request.headers.get('Authorization', '')):
                return handler(request)
            return Response.generic('<p>Please say who you are.</p>', status=401,
                                    headers={'WWW-Authenticate': 'Basic realm="Tea", charset="UTF-8"'})

        def known(field):
            try:
                name, _, password = base64.b64decode(field.removeprefix('Basic ')).decode().partition(':')
            except ValueError:
                return False
            # It takes the same time for each wrong password, so that none can be guessed letter by letter.
            return hmac.compare_digest(users.get(name, '').encode(), password.encode()) and name in users
        return Around(handler, call)
    return wrapper


def hooked(before=lambda request: None, after=lambda request, answer: answer):
    """Call `before` with each request, and `after` with each answer. What `before` returns is the answer,
    unless it is None."""
    def wrapper(handler):
        def call(request):
            answer = before(request)
            if answer is None:
                answer = handler(request)
            return after(request, as_response(answer, request))
        return Around(handler, call)
    return wrapper


# On one's own computer compression only costs time. Over a network it is worth its while, unless the server
# in front compresses already.
def compressed(handler):
    """Compress text for browsers that say they can read it."""
    def call(request):
        answer = as_response(handler(request), request)
        if not isinstance(answer, Response) or answer.headers.get('Content-Encoding'):
            return answer
        kind = answer.headers.get('Content-Type', 'text/html')
        if not kind.startswith(('text/', 'application/json', 'image/svg')):
            return answer
        answer = rendered(answer, request)  # its content in bytes
        answer = answer.with_content(answer.content)  # a copy: the application may keep the one it gave
        answer.headers.append('Vary', 'Accept-Encoding')
        if 'gzip' in request.headers.get('Accept-Encoding', '') and len(answer.content) > 500:
            answer.content = gzip.compress(answer.content, 6)
            answer.headers['Content-Encoding'] = 'gzip'
        return answer
    return Around(handler, call)


def ping(request):
    """A hook that answers in place of a handler: what a monitor asks to see whether the program lives."""
    return 'pong' if request.path == ['ping'] else None


def signed(request, answer):
    """Another hook: a header for all whole answers."""
    if isinstance(answer, Response):
        answer.headers['X-Brewed-By'] = 'kali'
    return answer


desktop = chain(app, timed, hooked(ping, signed), with_password('private', {'ann': 'oolong'}), logged(print))

# For `gunicorn middleware:application`. People reach it under its public name only.
application = to_wsgi(chain(desktop, compressed), hosts=('tea.example.org',))

if __name__ == '__main__':
    serve_http(desktop)
