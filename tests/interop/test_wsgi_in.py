"""from_wsgi: what a WSGI application is given, what becomes of what it gives, and which rule it broke."""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING, Any
from wsgiref.validate import validator

import pytest

from kali import FileUpload, Router
from kali.interop import from_wsgi
from kali.testing import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OK, TEXT = '200 OK', [('Content-Type', 'text/plain')]


def mounted(app: Any, validate: bool = True) -> Client:
    """A client of a Router that has `app` at /shop/ and something else beside it."""
    router = Router()
    router.delegate_folder('/shop/', from_wsgi(validator(app) if validate else app))
    router.get('/beside')(lambda: 'beside')
    return Client(router)


def seen(client: Client, target: str, **named: Any) -> dict[str, Any]:
    """What the application `showing` was given."""
    return client.request(named.pop('method', 'GET'), target, **named).json  # type: ignore[no-any-return]


def showing(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Answers with its environ, and what it reads, as JSON."""
    import json
    content = environ['wsgi.input'].read(int(environ['CONTENT_LENGTH'] or 0))
    shown = {name: value for name, value in environ.items() if isinstance(value, str)}
    start_response(OK, [('Content-Type', 'application/json')])
    return [json.dumps({**shown, 'body': content.decode('latin-1')}).encode()]


@pytest.mark.parametrize('target, script, info', [
    ('/shop/', '/shop', '/'),
    ('/shop/cart', '/shop', '/cart'),
    ('/shop/cart/', '/shop', '/cart/'),
    ('/shop/a%2Fb/c', '/shop', '/a/b/c'),
    ('/shop/caf%C3%A9', '/shop', '/cafÃ©'),
    ('/shop/100%25', '/shop', '/100%'),
])
def test_where_it_is_mounted(target: str, script: str, info: str) -> None:
    environ = seen(mounted(showing), target + '?q=%C3%A9&x')
    assert (environ['SCRIPT_NAME'], environ['PATH_INFO']) == (script, info)
    assert environ['QUERY_STRING'] == 'q=%C3%A9&x'
    assert environ['REQUEST_URI'] == target + '?q=%C3%A9&x'


def test_without_a_mount_and_two_deep() -> None:
    environ = seen(Client(from_wsgi(validator(showing))), '/a/b')
    assert (environ['SCRIPT_NAME'], environ['PATH_INFO']) == ('', '/a/b')
    inner, outer = Router(), Router()
    inner.delegate_folder('/inner/', from_wsgi(validator(showing)))
    outer.delegate_folder('/outer/', inner)
    environ = seen(Client(outer), '/outer/inner/page')
    assert (environ['SCRIPT_NAME'], environ['PATH_INFO']) == ('/outer/inner', '/page')


def test_headers_and_the_server() -> None:
    environ = seen(mounted(showing), '/shop/', headers={
        'X-Words': 'one', 'x_words': 'forged', 'Proxy': 'evil', 'Cookie': 'a=1', 'Accept': 'text/html'})
    assert environ['HTTP_X_WORDS'] == 'one'
    assert 'HTTP_PROXY' not in environ
    assert environ['HTTP_COOKIE'] == 'a=1'
    assert (environ['SERVER_NAME'], environ['SERVER_PORT']) == ('localhost', '8080')


@pytest.mark.parametrize('size', [0, 1, 100_000, 3_000_000])
def test_the_body_is_there_to_read(size: int) -> None:
    def counting(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        total = 0
        while piece := environ['wsgi.input'].read(65536):
            total += len(piece)
        start_response(OK, list(TEXT))
        return [f'{total} {environ["CONTENT_LENGTH"]}'.encode()]
    assert mounted(counting).post('/shop/', body=b'x' * size).text == f'{size} {size}'


def test_a_form_with_a_file() -> None:
    environ = seen(mounted(showing), '/shop/', method='POST', form={'name': 'Ann'},
                   files={'file': FileUpload('a.txt', 'text/plain', b'milk')})
    assert environ['CONTENT_TYPE'].startswith('multipart/form-data; boundary=')
    assert 'milk' in environ['body']


def test_status_headers_and_cookies_come_back() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response('418 Short and stout', [('Content-Type', 'text/plain'), ('Set-Cookie', 'a=1'),
                                               ('Set-Cookie', 'b=2')])
        return [b'tea']
    reply = mounted(app).get('/shop/')
    assert (reply.status, reply.text, reply.headers['content-type']) == (418, 'tea', 'text/plain')
    assert reply.headers.get_list('set-cookie') == ['a=1', 'b=2']


def test_fields_about_the_connection_are_kalis() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response(OK, [('Connection', 'keep-alive'), ('Date', 'never'), ('Transfer-Encoding', 'x')])
        return [b'tea']
    reply = mounted(app, validate=False).get('/shop/')
    assert 'connection' not in reply.headers
    assert 'transfer-encoding' not in reply.headers
    assert reply.headers.get_list('date') != ['never']


def test_its_pages_may_load_what_they_like_unless_it_says_otherwise() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        strict = environ['PATH_INFO'] == '/strict'
        start_response(OK, [*TEXT, *([('Content-Security-Policy', "default-src 'none'")] if strict else [])])
        return [b'tea']
    client = mounted(app)
    assert client.get('/shop/').headers['content-security-policy'] == "frame-ancestors 'self'"
    assert client.get('/shop/strict').headers['content-security-policy'] == "default-src 'none'"
    assert "default-src 'self'" in client.get('/beside').headers['content-security-policy']


class Closing:
    """An iterable that notes when it is closed."""

    def __init__(self, pieces: Any) -> None:
        self.pieces, self.closed = iter(pieces), 0

    def __iter__(self) -> Iterator[bytes]:
        return self.pieces

    def close(self) -> None:
        self.closed += 1


def failing(after: int) -> Iterator[bytes]:
    for _ in range(after):
        yield b'piece'
    raise LookupError('lost')


@pytest.mark.parametrize('pieces, method', [
    ([b'a', b'b'], 'GET'), ([], 'GET'), ([b'a', b'b'], 'HEAD'), ((b'', b'', b'x'), 'GET'),
    ([b'x'] * 500, 'GET'), (failing(0), 'GET'), (failing(3), 'GET'), (['text'], 'GET'), ([b'', None], 'GET'),
])
def test_close_is_called_once_whatever_happens(pieces: Any, method: str) -> None:
    closing = Closing(pieces)

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response(OK, list(TEXT))
        return closing
    try:
        mounted(app, validate=False).request(method, '/shop/')
    except Exception:
        pass  # the client sees a stream cut
    assert closing.closed == 1


def test_empty_pieces_for_ever_hold_up_nobody(serve: Any) -> None:
    served = serve(f'''
        import sys
        sys.path.insert(0, {str(sys.path[0])!r})
        from kali import Router, serve_http
        from kali.interop import from_wsgi
        def app(environ, start_response):
            start_response('200 OK', [('Content-Type', 'text/plain')])
            while True:
                yield b''
        router = Router()
        router.delegate_folder('/endless/', from_wsgi(app))
        router.get('/')(lambda: 'here')
        serve_http(router)
        ''')
    with socket.create_connection(('127.0.0.1', served.port), 10) as client:
        client.sendall(b'GET /endless/ HTTP/1.0\r\nHost: localhost:%d\r\n\r\n' % served.port)
        assert client.recv(1000).startswith(b'HTTP/1.0 200')
        assert served.get('/').text == 'here'


def test_write_goes_before_what_is_returned() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        write = start_response(OK, list(TEXT))
        write(b'one ')
        write(b'two ')
        return [b'three']
    assert mounted(app).get('/shop/').text == 'one two three'


def test_exc_info_replaces_the_headers_until_they_are_sent() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response(OK, list(TEXT))
        try:
            raise ValueError('oops')
        except ValueError:
            start_response('500 Oops', [('Content-Type', 'text/x-oops')], sys.exc_info())
        return [b'sorry']
    reply = mounted(app).get('/shop/')
    assert (reply.status, reply.text, reply.headers['content-type']) == (500, 'sorry', 'text/x-oops')


def test_exc_info_is_raised_once_they_are_sent() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response(OK, list(TEXT))(b'begun')
        try:
            raise ValueError('too late')
        except ValueError:
            start_response('500 Oops', list(TEXT), sys.exc_info())
        return [b'sorry']
    reply = mounted(app, validate=False).get('/shop/')
    assert reply.status == 500
    assert 'too late' in reply.text


@pytest.mark.parametrize('method', ['GET', 'HEAD'])
def test_a_generator_is_a_stream(method: str) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response(OK, list(TEXT))
        yield b'one'
        yield b''
        yield b'two'
    reply = mounted(app, validate=False).request(method, '/shop/')
    assert reply.body == (b'onetwo' if method == 'GET' else b'')
    assert 'content-length' not in reply.headers


def test_a_generator_that_says_how_long_it_is() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response(OK, [*TEXT, ('Content-Length', '5')])
        yield b'whole'
    reply = mounted(app).get('/shop/')
    assert (reply.body, reply.headers.get_list('content-length')) == (b'whole', ['5'])


def test_head_keeps_the_length_of_the_page() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response(OK, [*TEXT, ('Content-Length', '5000')])
        return []
    assert mounted(app).head('/shop/').headers['content-length'] == '5000'


def test_a_file_wrapper() -> None:
    import io
    file = io.BytesIO(b'x' * 200_000)

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response(OK, list(TEXT))
        return environ['wsgi.file_wrapper'](file, 1000)
    assert mounted(app, validate=False).get('/shop/').body == b'x' * 200_000
    assert file.closed


# Rules that an application can break: what it does, and words of the page.

def no_start(environ: Any, start: Any) -> Any:
    return [b'body']


def none(environ: Any, start: Any) -> Any:
    start(OK, list(TEXT))


def text(environ: Any, start: Any) -> Any:
    start(OK, list(TEXT))
    return 'text'


def text_in_a_list(environ: Any, start: Any) -> Any:
    start(OK, list(TEXT))
    return [b'fine', 'text']


def twice(environ: Any, start: Any) -> Any:
    start(OK, list(TEXT))
    start(OK, list(TEXT))
    return [b'body']


def late(environ: Any, start: Any) -> Any:
    yield b''
    start(OK, list(TEXT))
    yield b'body'


def too_short(environ: Any, start: Any) -> Any:
    start(OK, [('Content-Length', '10')])
    return [b'short']


def too_long(environ: Any, start: Any) -> Any:
    start(OK, [('Content-Length', '2')])
    return [b'much too long']


def longer(environ: Any, start: Any) -> Any:
    start(OK, [('Content-Length', '2')])
    yield b'ok'
    yield b'and more'


def starting(*arguments: Any) -> Callable[..., Any]:
    def app(environ: Any, start: Any) -> Any:
        start(*arguments)
        return [b'body']
    return app


@pytest.mark.parametrize('app, words', [
    (no_start, 'did not call start_response'),
    (none, 'must return an iterable of bytes'),
    (text, 'must return an iterable of bytes'),
    (text_in_a_list, 'it must be bytes'),
    (twice, 'a second time without exc_info'),
    (late, 'before it called start_response'),
    (too_short, 'Content-Length is 10, but 5 bytes'),
    (too_long, 'Content-Length is 2, but 13 bytes'),
    (longer, 'Content-Length is 2, but at least 10 bytes'),
    (starting(200, []), 'the status is 200; it must be a str'),
    (starting(b'200 OK', []), 'it must be a str'),
    (starting('200', []), 'it must be a str such as'),
    (starting('100 Continue', []), 'from 200 to 599'),
    (starting(OK, {'a': 'b'}), 'must be a list'),
    (starting(OK, [('a', 1)]), 'is not made of str'),
    (starting(OK, ['ab:c']), 'no pair'),
    (starting(OK, [('a', 'b\r\nSet-Cookie: evil=1')]), 'control character'),
    (starting(OK, [('Content-Length', 'many')]), 'must be a number'),
    (lambda: None, 'takes 0 positional arguments'),
])
def test_which_rule_was_broken(app: Any, words: str) -> None:
    client = mounted(app, validate=False)
    reply = client.get('/shop/')
    assert reply.status == 500
    assert words in reply.text
    assert client.get('/beside').text == 'beside'


@pytest.mark.parametrize('length, pieces', [('100', 3), ('12', 3), (None, 3)])
def test_what_breaks_after_the_headers_is_cut(serve: Any, length: str | None, pieces: int) -> None:
    served = serve(f'''
        from kali import serve_http, Router
        from kali.interop import from_wsgi
        def app(environ, start_response):
            start_response('200 OK', [('Content-Length', {length!r})] if {length!r} else [])
            for _ in range({pieces}):
                yield b'piece'
            if {length!r} is None:
                raise LookupError('lost')
        router = Router()
        router.delegate_folder('/shop/', from_wsgi(app))
        router.get('/')(lambda: 'here')
        serve_http(router)
        ''', tracebacks=True)
    address = '127.0.0.1', served.port
    with pytest.raises(ConnectionResetError), socket.create_connection(address, 10) as client:
        client.sendall(b'GET /shop/ HTTP/1.0\r\nHost: localhost:%d\r\n\r\n' % served.port)
        while client.recv(1000):
            pass
    assert served.get('/').text == 'here'


def test_a_websocket_is_refused_with_a_sentence() -> None:
    reply = mounted(showing).get('/shop/', headers={'Upgrade': 'websocket', 'Connection': 'Upgrade'})
    assert reply.status == 501
    assert 'event stream' in reply.text


def test_what_is_no_application() -> None:
    with pytest.raises(TypeError, match='no WSGI application'):
        from_wsgi("app")  # type: ignore[arg-type]
