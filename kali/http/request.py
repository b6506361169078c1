"""Request: what a browser asks for, as plain Python values.

A Request is frozen. Everything derived (path, query, form …) is worked out when first asked for and kept in
one record that every request made from this one shares; a mount makes a new Request that differs in `args`
and `mount_depth`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from kali.errors import BadRequest, ProtocolError
from kali.http.cookies import parse_cookies
from kali.http.limits import DEFAULT, Limits
from kali.http.spool import Spool, pieces_of, reader, save
from kali.http.urls import build_url, parse_pairs, split_path
from kali.multidict import Bag, Headers

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from os import PathLike
    from typing import Any, BinaryIO

__all__ = ['FileUpload', 'Request', 'Scope']

_HALF = re.compile(r'\\u[dD][89a-fA-F]')  # an escape for half of a surrogate pair


class FileUpload:
    """A file that came with a form: `filename`, `content_type` and `content` in bytes.

    A browser, or a script in its place, chose name and type: take them as hints. The name of an upload is
    harmless (see kali.http.filenames). A file field left empty is no upload at all. Files of a body over
    1 MiB are on the disk, not in memory, until their request is answered: `open()` them to read, `save()`
    them to keep, and ask for their `size`; `content` has the whole file in memory.

    >>> upload = FileUpload('notes.txt', 'text/plain', b'milk')
    >>> upload.filename, upload.size, upload.content, upload.open().read(2)
    ('notes.txt', 4, b'milk', b'mi')
    """

    __slots__ = ('_source', '_start', '_stop', 'content_type', 'filename')

    def __init__(self, filename: str, content_type: str, content: bytes) -> None:
        self.filename, self.content_type = filename, content_type
        self._source: bytes | Spool = content
        self._start, self._stop = 0, len(content)

    @classmethod
    def within(cls, filename: str, content_type: str, source: Spool, start: int, stop: int) -> FileUpload:
        """The upload that is `source[start:stop]`."""
        upload = cls(filename, content_type, b'')
        upload._source, upload._start, upload._stop = source, start, stop
        return upload

    @property
    def content(self) -> bytes:
        """All of the file."""
        return self._source[self._start:self._stop]

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return self._stop - self._start

    def open(self) -> BinaryIO:
        """The file, to be read as one is that was opened with mode `'rb'`."""
        return reader(self._source, self._start, self._stop)

    def save(self, path: str | PathLike[str], *, replace: bool = False) -> None:
        """Save it as the file `path`. When this returns, it is safe on the disk (fsync).

        :param path: yours to choose; `filename` is what somebody else wrote
        :param replace: whether a file of that name may be replaced; it stays whole until the new one is
        :raises FileExistsError: if there is one, and it may not
        :raises OSError: if it cannot be written; then there is no half of it, either
        """
        save(pieces_of(self._source, self._start, self._stop), path, replace)

    def __iter__(self) -> Iterator[Any]:
        return iter((self.filename, self.content_type, self.content))

    def __getitem__(self, index: Any) -> Any:
        return tuple(self)[index]  # it was a named tuple in kali 0.0.x

    def __eq__(self, other: object) -> bool:
        return tuple(self) == tuple(other) if isinstance(other, (FileUpload, tuple)) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        content = repr(self.content) if type(self._source) is bytes else f'<{self.size} bytes>'
        return (f'FileUpload(filename={self.filename!r}, content_type={self.content_type!r}, '
                f'content={content})')


class Scope:
    """The mutable record of one request, shared by every Request derived from it.

    :ivar route: the pattern of the route that answers, as the Router found it
    :ivar transaction: the guard's Transaction of this request
    :ivar router: the outermost Router that the request has come through: it has `url_for`
    :ivar guarded: puts the guard's transaction around each step of a job, `guarded(deferred, title='')`;
        None without a guard
    :ivar host: what long-lived parts may ask of the server (kali.http.host)
    :ivar shell: the application's frame, in which kali's own pages stand too (kali.pages.shell)
    :ivar has_window: whether the program ends with its windows, so that its frame has a button to quit
    :ivar debug: whether a page may show what is inside the program
    """

    # Defaults stand in the class, here and below: most requests are asked for little, so little is stored.
    route: str | None = None
    transaction: Any = None
    router: Any = None
    guarded: Any = None
    host: Any = None
    shell: Any = None
    has_window = False
    debug = True


class _Message:
    """What arrived, and what was worked out from it so far."""

    path: list[str] | None = None
    query: Bag | None = None
    fields: tuple[Bag, Bag, Bag] | None = None  # text fields, uploads, both
    cookies: dict[str, str] | None = None
    json: tuple[Any, ...] = ()  # empty or one value: None is a JSON value too

    def __init__(self, method: str, target: str, headers: Headers, body: bytes | Spool, limits: Limits,
                 scope: Scope) -> None:
        self.method, self.target, self.headers, self.body = method, target, headers, body
        self.limits, self.scope = limits, scope


class Request:
    """One HTTP request. Tests make it natively, the server from what a browser sends.

    :param method: `GET`, `POST` … in capitals
    :param target: path and query as in a URL, percent-encoded
    :param headers: a mapping, pairs, or Headers
    :param body: the body's bytes, or the Spool with them
    :param form: form fields given natively (a Bag or mapping; FileUpload values are uploads) instead of a
        body
    :param args: what the route's wildcards matched
    :param mount_depth: how many components of the path belong to where the handler is mounted
    :param scope: what belongs to the request and changes; a new one unless given
    :param limits: how much is taken of it

    >>> request = Request('GET', '/contact/7?tab=notes')
    >>> request.path, request.query['tab'], request.headers.get('Accept')
    (['contact', '7'], 'notes', None)
    """

    __slots__ = ('_args', '_message', '_mount_depth')

    def __init__(self, method: str = 'GET', target: str = '/',
                 headers: Headers | Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
                 body: bytes | Spool = b'', *, form: Bag | Mapping[str, Any] | None = None,
                 args: Iterable[str] = (), mount_depth: int = 0, scope: Scope | None = None,
                 limits: Limits = DEFAULT) -> None:
        if type(headers) is not Headers:
            headers = Headers(headers or ())
        self._message = message = _Message(method, target, headers, body, limits, scope or Scope())
        self._args = tuple(args)
        self._mount_depth = mount_depth
        if form is not None:
            message.fields = _separate(form if isinstance(form, Bag) else Bag(form))

    def mounted(self, mount_depth: int, args: tuple[str, ...]) -> Request:
        """The same request as a handler mounted `mount_depth` components deep sees it."""
        request = Request.__new__(Request)
        request._message, request._mount_depth, request._args = self._message, mount_depth, args
        return request

    @property
    def method(self) -> str:
        """`GET`, `HEAD`, `POST`, `PUT`, `PATCH`, `DELETE` or `OPTIONS`."""
        return self._message.method

    @property
    def target(self) -> str:
        """Path and query as they came, percent-encoded."""
        return self._message.target

    @property
    def headers(self) -> Headers:
        """The header fields; names ignore case."""
        return self._message.headers

    @property
    def body(self) -> bytes:
        """The bytes of the body, in memory however many there are; empty if there is none."""
        return _all_of(self._message.body)

    def open_body(self) -> BinaryIO:
        """The body as a file, to be read as one that was opened with mode `'rb'`. A large one stays on the
        disk, until the request is answered.

        >>> Request('POST', body=b'milk').open_body().read(2)
        b'mi'
        """
        body = self._message.body
        return reader(body, 0, len(body))

    @property
    def scope(self) -> Scope:
        """The mutable record of this request (see Scope)."""
        return self._message.scope

    @property
    def limits(self) -> Limits:
        """How much is taken of it, and how much may be answered."""
        return self._message.limits

    @property
    def args(self) -> tuple[str, ...]:
        """What the wildcards of the route matched, decoded."""
        return self._args

    @property
    def mount_depth(self) -> int:
        """How many components of the path lead to where the handler is mounted."""
        return self._mount_depth

    @property
    def path(self) -> list[str]:
        """The decoded components of the path. `/a/b` is `['a', 'b']`, `/a/` is `['a', '']`, `/` is `['']`.

        :raises ProtocolError: 400 for bad percent-encoding.
        """
        message = self._message
        if message.path is None:
            message.path = split_path(message.target.partition('?')[0])
        return message.path

    @property
    def query(self) -> Bag:
        """The fields after the `?`.

        :raises ProtocolError: 400 or 413 for a query that cannot be taken.
        """
        message = self._message
        if message.query is None:
            message.query = parse_pairs(message.target.partition('?')[2], message.limits.form_fields)
        return message.query

    @property
    def form(self) -> Bag:
        """The text fields of an urlencoded or multipart body; empty for any other body.

        :raises ProtocolError: 400 or 413 for a form that cannot be taken.
        """
        return self._parts()[0]

    @property
    def files(self) -> Bag:
        """The uploads of a multipart body, as FileUpload; a file field left empty is not among them."""
        return self._parts()[1]

    @property
    def fields(self) -> Bag:
        """Text fields and uploads together, in the order in which they came."""
        return self._parts()[2]

    def _parts(self) -> tuple[Bag, Bag, Bag]:
        message = self._message
        if message.fields is None:
            message.fields = _parse_form(message)
        return message.fields

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that came along."""
        message = self._message
        if message.cookies is None:
            message.cookies = parse_cookies('; '.join(message.headers.get_list('cookie')))
        return message.cookies

    @property
    def json(self) -> Any:
        """The body read as JSON (RFC 8259). Of a name that an object has twice, the last value counts.

        :raises BadRequest: 400 if it is not JSON, or holds what no text or number of Python can be: half of a
            surrogate pair, `NaN`, a number too large.
        """
        message = self._message
        if not message.json:
            message.json = (_parse_json(_all_of(message.body)),)
        return message.json[0]

    def path_suffix(self) -> list[str]:
        """The components below where the handler is mounted."""
        return self.path[self._mount_depth:]

    def has_suffix(self) -> bool:
        """Whether the path goes on below where the handler is mounted."""
        return self._mount_depth < len(self.path)

    def app_url(self, path: Iterable[str], query: Any = None) -> str:
        """The URL of `path` (components) below where the handler is mounted.

        >>> Request('GET', '/shop/item/7', mount_depth=1).app_url(['cart'], {'add': 7})
        '/shop/cart?add=7'
        """
        return build_url([*self.path[:self._mount_depth], *path], query)

    def root_url(self, path: Iterable[str], query: Any = None) -> str:
        """The URL of `path` (components) from the root of the server."""
        return build_url(path, query)

    # The names of kali 0.0.x.

    @property
    def command(self) -> str:
        """`method`, as kali 0.0.x called it."""
        return self.method

    @property
    def uri(self) -> str:
        """`target`, as kali 0.0.x called it."""
        return self.target

    @property
    def GET(self) -> Bag:
        """`query`, as kali 0.0.x called it."""
        return self.query

    @property
    def POST(self) -> Bag:
        """`fields`, as kali 0.0.x called it."""
        return self.fields

    def __repr__(self) -> str:
        return f'<Request {self.method} {self.target}>'


def _all_of(body: bytes | Spool) -> bytes:
    return body[:] if isinstance(body, Spool) else body


def _separate(fields: Bag) -> tuple[Bag, Bag, Bag]:
    files = Bag((name, value) for name, value in fields.items() if isinstance(value, FileUpload))
    if not files:
        return fields, files, fields
    text = Bag((name, value) for name, value in fields.items() if not isinstance(value, FileUpload))
    return text, files, fields


def _parse_form(message: _Message) -> tuple[Bag, Bag, Bag]:
    content_type = message.headers.last.get('content-type', '')
    kind = content_type.partition(';')[0].strip().lower()
    if kind == 'application/x-www-form-urlencoded':
        body, most = _all_of(message.body), message.limits.form_fields
        # A form of kali's own begins so, and has one field for each column of a table: SQLite allows 2000.
        fields = parse_pairs(body, 2 * most + 10 if body.startswith(b'_form_id=') else most)
        return fields, Bag(), fields
    if kind == 'multipart/form-data':
        return _separate(_parse_multipart(message, content_type))
    if ',' in kind:  # two fields put together on the way
        raise ProtocolError('The Content-Type must be one type.')
    return Bag(), Bag(), Bag()


def _parse_multipart(message: _Message, content_type: str) -> Bag:
    # Only forms with files need these; their patterns take a millisecond to compile.
    from kali.http.filenames import harmless_name
    from kali.http.multipart import boundary_of, disposition_of, split_parts  # only uploads need it
    fields, body = Bag(), message.body
    for headers, start, stop in split_parts(body, boundary_of(content_type), message.limits.parts):
        name, filename = disposition_of(headers.get('content-disposition', ''))
        if filename is None:
            try:
                fields[name] = body[start:stop].decode('utf-8')
            except UnicodeDecodeError:
                raise ProtocolError(f'The field {name!r} is not UTF-8.') from None
        elif filename or start < stop:
            filename = filename or harmless_name('')
            content_type = headers.get('content-type', 'application/octet-stream')
            fields[name] = (FileUpload.within(filename, content_type, body, start, stop)
                            if isinstance(body, Spool)
                            else FileUpload(filename, content_type, body[start:stop]))
    return fields


def _parse_json(body: bytes) -> Any:
    import json  # 2 ms that hello-world does not pay
    try:
        text = body.decode('utf-8-sig')
        value = json.loads(text, parse_constant=_no_number, parse_float=_finite)
        if _HALF.search(text):
            json.dumps(value, ensure_ascii=False).encode('utf-8')  # raises for half a pair anywhere in it
    except UnicodeEncodeError:
        raise BadRequest('The body is not JSON: a text in it has half of a surrogate pair.') from None
    except UnicodeDecodeError:
        raise BadRequest('The body is not JSON: it is not UTF-8.') from None
    except RecursionError:
        raise BadRequest('The body is not JSON that can be read: it is nested too deeply.') from None
    except ValueError as error:
        reason = 'a number in it is too long' if 'digits' in str(error) else error
        raise BadRequest(f'The body is not JSON: {reason}.') from None
    return value


def _no_number(name: str) -> Any:
    raise ValueError(f'{name} is no number')


def _finite(text: str) -> float:
    number = float(text)
    return number if abs(number) != float('inf') else _no_number(text[:40])
