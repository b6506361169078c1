"""Response: what the browser gets, as plain Python values; and what a handler may return instead of one.

Content is an iolist (see kali.iolist) and is sent as it is. The encoder makes the bytes of a response.
"""

from __future__ import annotations

import re

from kali.http.cookies import set_cookie_value
from kali.http.deferred import Deferred, answer_later, stream
from kali.http.headers import UNSAFE_VALUE, ResponseHeaders, checked
from kali.http.page import Page
from kali.http.urls import is_local
from kali.iolist import CONTENT, flatten
from kali.markup import escape_text

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from os import PathLike
    from typing import Any, TypeAlias

    from kali.http.request import Request
    from kali.iolist import Content

    Handler: TypeAlias = Callable[[Request], Any]

__all__ = ['REASONS', 'Response', 'as_response', 'rendered']

REASONS = {
    200: 'OK', 201: 'Created', 202: 'Accepted', 204: 'No Content', 206: 'Partial Content',
    300: 'Multiple Choices', 301: 'Moved Permanently', 302: 'Found', 303: 'See Other', 304: 'Not Modified',
    307: 'Temporary Redirect', 308: 'Permanent Redirect',
    400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden', 404: 'Not Found', 405: 'Method Not Allowed',
    406: 'Not Acceptable', 408: 'Request Timeout', 409: 'Conflict', 410: 'Gone', 411: 'Length Required',
    412: 'Precondition Failed', 413: 'Content Too Large', 414: 'URI Too Long', 415: 'Unsupported Media Type',
    416: 'Range Not Satisfiable', 417: 'Expectation Failed', 418: "I'm a Teapot",
    422: 'Unprocessable Content', 423: 'Locked', 428: 'Precondition Required', 429: 'Too Many Requests',
    431: 'Request Header Fields Too Large',
    500: 'Internal Server Error', 501: 'Not Implemented', 502: 'Bad Gateway', 503: 'Service Unavailable',
    504: 'Gateway Timeout', 505: 'HTTP Version Not Supported', 507: 'Insufficient Storage',
}

# Kali's old joke: an error page swears, but minds its manners.
OATHS = (
    'Ack', 'Aw, snap', 'Blast', 'Botheration', 'Confound it', 'Crikey', 'Crumbs', 'Dagnabbit', 'Drat', 'Egad',
    'Fiddlesticks', 'Flaming flamingos', 'Gadzooks', 'Good grief', 'Golly', 'Great Scott', 'Heavens to Betsy',
    'Holy mackerel', 'Jeepers', 'Mercy', 'Nuts', 'Oh, bother', 'Phooey', 'Rats', 'Shucks', 'Sugar',
    'Woe is me', 'Zounds',
)

_PLAIN_PATH = re.compile(r'/(?:[A-Za-z0-9_.~-][A-Za-z0-9_.~/?=&-]*)?')

MOST_FIELDS = 1000  # header fields of a response; a generator of them may have no end


class Response:
    """The answer to a request.

    :param content: an iolist; a plain `str` in it is HTML and is sent as it is
    :param status: the HTTP status (`code=`, its old name, does the same)
    :param headers: a mapping or pairs; a field given here replaces kali's own of that name
    :param shut_down: whether the server ends once this is sent
    :raises ValueError: for a header name or value that could not be sent safely, or an impossible status

    >>> Response('<h1>Hello</h1>', headers={'Cache-Control': 'no-store'}).headers['cache-control']
    'no-store'
    """

    __slots__ = ('content', 'fields', 'shut_down', 'status')

    def __init__(self, content: Content = None, *, status: int = 200, code: int | None = None,
                 headers: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
                 shut_down: bool = False) -> None:
        self.content = content
        self.status = status if code is None else code
        if not 200 <= self.status <= 599:
            raise ValueError(f'status {self.status}: a response has a status from 200 to 599')
        self.shut_down = bool(shut_down)
        self.fields: list[tuple[str, str]] = []
        if headers:
            for name, value in (headers.items() if hasattr(headers, 'items') else headers):
                self.add_header(name, value)
                if len(self.fields) > MOST_FIELDS:
                    raise ValueError(f'headers: more than {MOST_FIELDS:,}; is there an end to them?')

    @property
    def code(self) -> int:
        """`status`, as kali 0.0.x called it."""
        return self.status

    @property
    def headers(self) -> ResponseHeaders:
        """The header fields that this response sets itself, to read and to change: `response.headers[name] =
        value`, `del response.headers[name]`, `response.headers.append(name, value)`. kali's defaults come
        when it is sent."""
        return ResponseHeaders(self.fields)

    def add_header(self, name: str, value: object) -> None:
        """Append a header field.

        :raises ValueError: for a name or value that could not be sent safely (see kali.http.headers).
        """
        self.fields.append(checked(name, value))

    def set_cookie(self, name: str, value: str, *, path: str = '/', max_age: int | None = None,
                   http_only: bool = True, same_site: str = 'Lax', secure: bool = False,
                   domain: str | None = None) -> None:
        """Have the browser keep a cookie.

        :param path: below which path the browser sends it
        :param max_age: seconds until the browser forgets it; 0 for at once, None for when it ends
        :param http_only: whether scripts of the page cannot see it
        :param same_site: `Lax`, `Strict` or `None`: whether it is sent when another site leads here
        :param secure: whether it is sent over https only
        :param domain: for which hosts, besides this one

        Source: RFC 6265 section 4.1.

        >>> page = Response('Hello')
        >>> page.set_cookie('theme', 'dark', max_age=3600)
        >>> page.headers['set-cookie']
        'theme=dark; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax'
        """
        self.add_header('Set-Cookie', set_cookie_value(
            name, value, path=path, max_age=max_age, http_only=http_only, same_site=same_site, secure=secure,
            domain=domain))

    def with_content(self, content: Content) -> Response:
        """A copy with other content: a wrapper that has rendered the page hands on the bytes."""
        copy = Response.__new__(Response)
        copy.content, copy.status, copy.shut_down = content, self.status, self.shut_down
        copy.fields = list(self.fields)
        return copy

    @classmethod
    def redirect(cls, url: str, *, status: int = 303, external: bool = False) -> Response:
        """Send the browser to `url`, which it GETs.

        :param external: must be True for a URL that leaves this server, so that no text from a request can.
        :raises ValueError: for a foreign URL without `external=True`, or one with control characters.

        >>> Response.redirect('/contact/7').headers['location']
        '/contact/7'
        """
        text = str(url)
        if not _PLAIN_PATH.fullmatch(text):  # most are, with nothing to refuse or to quote
            if not external and not is_local(text.replace(' ', '%20')):
                raise ValueError(f'redirect to {text!r} leaves this server; if that is meant, say '
                                 'external=True')
            if UNSAFE_VALUE.search(text) or '\t' in text:
                raise ValueError(f'redirect to {text!r}: there is a control character in it')
            from urllib.parse import quote  # 4 ms that a start need not wait for
            text = quote(text, safe="%/:?#[]@!$&'()*+,;=~\\")
        response = cls(b'', status=status)
        response.fields.append(('Location', text))  # it has been looked at already
        return response

    @classmethod
    def plain_text(cls, text: Content, *, status: int = 200) -> Response:
        """A page of plain text, which the browser shows as it is."""
        return cls(text, status=status, headers={'Content-Type': 'text/plain; charset=utf-8'})

    @classmethod
    def json(cls, value: Any, *, status: int = 200) -> Response:
        """`value` as JSON (RFC 8259).

        :raises ValueError: for NaN and the infinities, which JSON does not have
        :raises TypeError: for what JSON has no form for

        >>> Response.json({'name': 'Zoë'}).content
        '{"name": "Zoë"}'
        """
        import json  # 2 ms that hello-world does not pay
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        return cls(text, status=status, headers={'Content-Type': 'application/json'})

    @classmethod
    def file(cls, path: str | PathLike[str], *, request: Request | None = None,
             content_type: str | None = None, download: str | bool = False) -> Response | Deferred:
        """The content of a file, read a piece at a time as the browser takes it.

        :param request: what the browser asked for; with it, a copy that it has is not sent again, and a range
            of the file is sent if that is all it wants
        :param content_type: by default from the file's name
        :param download: True, or the name under which the browser saves it
        :raises NotFound: 404 if there is no such file
        """
        from kali.http.files import file_answer  # its table of types is for programs that send files
        status, headers, content = file_answer(path, request=request, content_type=content_type,
                                               download=download)
        if isinstance(content, bytes):
            return cls(content, status=status, headers=headers)
        return cls.stream(content, status=status, headers=headers)

    @classmethod
    def download(cls, content: Content, name: str, *, content_type: str | None = None) -> Response:
        """Content that the browser saves as the file `name`.

        :param name: with any letters; a browser is given no folder and no control character of it
        :param content_type: by default from the name

        >>> print(Response.download('id;name', 'Größe.csv').headers['content-disposition'])
        attachment; filename="Gr__e.csv"; filename*=UTF-8''Gr%C3%B6%C3%9Fe.csv
        """
        from kali.http.filenames import attachment  # both only for programs that send files
        from kali.http.files import content_type_of
        return cls(content, headers={'Content-Type': content_type or content_type_of(name),
                                     'Content-Disposition': attachment(name)})

    @classmethod
    def stream(cls, pieces: Iterable[Content], *, status: int = 200,
               headers: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None) -> Deferred:
        """An answer whose pieces are pulled one by one as the browser reads; other requests go on meanwhile.

        A stream has no Content-Length unless `headers` gives one. If `pieces` raises halfway, the connection
        is cut, so that what arrived never looks whole.
        """
        return stream(iter(pieces), cls(None, status=status, headers=headers))

    @classmethod
    def patch(cls, elements: Content, selector: str | None = None, mode: str | None = None, *,
              use_view_transition: bool | None = None, view_transition_selector: str | None = None,
              namespace: str | None = None, status: int = 200) -> Response:
        """New elements for a part of the page that asked, in an ordinary answer with a length. Arguments as
        `SSE.patch_elements` has them (see kali.live). A page asks for it by `data-kali-patch`, or by an
        action of Datastar's; both send the header `Datastar-Request`.

        :raises ValueError: for an unknown mode or namespace

        >>> Response.patch('<li>milk</li>', selector='#list', mode='append').headers['datastar-mode']
        'append'
        """
        from kali.http.patches import header_fields, patch_fields  # for live pages only
        fields = patch_fields(selector, mode, use_view_transition, view_transition_selector, namespace)
        headers = {'datastar-mode': 'outer', **dict(header_fields(fields))}
        return cls(elements, status=status, headers=headers)

    @classmethod
    def generic(cls, body: Content = None, *, title: str | None = None, status: int = 200,
                code: int | None = None, headers: Mapping[str, str] | None = None) -> Response:
        """A plain page in kali's own look, or in the frame of the application if it has one.

        :param body: HTML below the title
        :param title: text; the status's own phrase unless given
        """
        status = status if code is None else code
        # A client that may not come in is led nowhere.
        page = Page(title or REASONS.get(status, 'Something happened'),
                    '<p>No further information.</p>' if body is None else body,
                    way_out=status >= 400 and status != 403)
        return cls(page, status=status, headers=headers)

    @classmethod
    def swear(cls, request: Request, detail: Content, *, status: int = 500,
              code: int | None = None) -> Response:
        """An error page: a minced oath for its title, what was being asked for, and `detail` as HTML."""
        import random  # only a page that reports a mishap needs it
        where = f'<p>Something went wrong during <code>{escape_text(request.method)} ' \
                f'{escape_text(request.target)}</code>.</p>\n'
        title = random.choice(OATHS) + '!'
        return cls.generic([where, detail], title=title, status=status, code=code)

    def __repr__(self) -> str:
        return f'<Response {self.status}>'


def as_response(value: Any, request: Request | None = None) -> Response | Deferred:
    """What a handler returned, as a Response or a Deferred.

    Content becomes a page with status 200; a future (anything with `add_done_callback` and `result`) an
    answer that waits for it.

    :param request: what it answers. With `debug`, a page says that its handler returned nothing.
    An awaitable, or an async generator, is run by the host of the request.

    :raises TypeError: for what other frameworks take for a status or JSON, and for something asynchronous
        without a host; other wrong content shows when flattened.
    """
    if isinstance(value, (Response, Deferred)):
        return value
    if value is None:
        return Response(None) if request is None else _nothing(request)
    if isinstance(value, (dict, tuple, list)):
        _refuse_status_or_json(value)
    elif hasattr(value, 'add_done_callback') and hasattr(value, 'result'):
        return answer_later(value, _finish)
    elif hasattr(value, '__await__') or hasattr(value, '__aiter__'):
        return _asynchronous(value, request)
    return Response(value)


def _asynchronous(value: Any, request: Request | None) -> Response | Deferred:
    """The answer of an `async def` handler, or of an async generator, which the host runs."""
    host = None if request is None else request.scope.host
    if host is not None:
        return host.asynchronous(value, _finish)  # type: ignore[no-any-return]
    if hasattr(value, 'close'):
        value.close()  # or Python warns that it was never awaited
    raise TypeError('an "async def" handler needs a host to run it, and there is none here; in a test, use '
                    '"with Client(app) as client"')


def _refuse_status_or_json(value: dict[Any, Any] | tuple[Any, ...] | list[Any]) -> None:
    """Raise for what means a status or JSON elsewhere, and would be a strange page here."""
    if isinstance(value, dict) or (value and isinstance(value[0], dict)):
        raise TypeError(f'the handler returned a {type(value).__name__}, which is no page. For JSON, return '
                        'Response.json(value); for a page, put its values into text or a template')
    if not isinstance(value, tuple) or not 2 <= len(value) <= 3:
        return
    second = value[1]
    if isinstance(second, int) and not isinstance(second, bool) and 100 <= second <= 599:
        raise TypeError(f'the handler returned a tuple with the number {second:d}. For a status, return '
                        f'Response(content, status={second:d}); for a number in the page, return a list')
    if isinstance(second, dict):
        raise TypeError('the handler returned a tuple with a dict in it. For header fields, return '
                        'Response(content, headers={…})')


def _nothing(request: Request) -> Response:
    """The page of a handler that returned None: nothing, or with `debug` a word about it.

    A script or picture that asked gets nothing in any case: None may be all that its handler has to say.
    """
    if not request.scope.debug or request.method != 'GET' or (
            request.headers.get('sec-fetch-dest', 'document') != 'document'):
        return Response(None)
    from kali import log  # only a program with such a handler needs it
    log.warning('%s: the handler returned None; is a return missing?', request.target)
    route = request.scope.route
    return Response.generic(['<p>The handler', f' of <code>{escape_text(route)}</code>' if route else '',
                             ' returned <code>None</code>. Perhaps a <code>return</code> is missing.</p>\n'
                             "<p>For a page that is meant to be empty, <code>return ''</code>. Only with "
                             '<code>debug</code> does this page say so.</p>'], title='This page is empty')


def _finish(value: Any) -> Response | Deferred:
    response = as_response(value)
    if isinstance(response, Deferred) and response.response is None:
        raise TypeError('the result of a future must be a Response, content or a stream, not another future')
    return response


def rendered(response: Response, request: Request | None = None) -> Response:
    """The response with its content as bytes; one that the application may keep is not touched.

    :param request: what it answers. A page of kali's own stands in the frame that the request was given
        (`request.scope.shell`).
    :raises KaliError: for more content than the request's `limits` allow
    """
    content = response.content
    limit = CONTENT if request is None else request.limits.content
    if type(content) is bytes and len(content) <= limit:
        return response
    if type(content) is Page and request is not None and request.scope.shell is not None:
        content = request.scope.shell.frame(request, content.heading, content.body)
    return response.with_content(flatten(content, limit))
