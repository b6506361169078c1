"""Servlets: functions and classes of the application as handlers.

Everything here turns something convenient to write into `handler(request) -> response`; which path leads to
it is the Router's business, and what the arguments mean is in `arguments`. Each answers a method that it
lacks with 405 and Allow (RFC 9110 section 15.5.6), HEAD as GET, and OPTIONS by naming the methods.
"""

from __future__ import annotations

from kali.errors import KaliError
from kali.http.grammar import METHODS
from kali.http.response import Response
from kali.markup import escape_text
from kali.routing.arguments import Arguments

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from kali.http.request import Request
    from kali.http.response import Handler

__all__ = ['Servlet', 'by_method', 'function_handler', 'refusal', 'service_handler', 'servlet_handler']


class Servlet:
    """A base for servlet classes, so that editors know the methods. A servlet defines those that it answers.

    >>> class Hello(Servlet):
    ...     def do_GET(self, request):
    ...         return 'Hello'
    """

    def do_GET(self, request: Request) -> Any:
        """Answer a GET; it changes nothing."""
        raise NotImplementedError(f'{type(self).__qualname__} answers no GET')

    def do_POST(self, request: Request) -> Any:
        """Answer a POST, as forms send it."""
        raise NotImplementedError(f'{type(self).__qualname__} answers no POST')


def refusal(error: KaliError) -> Response:
    """The page for a request that a route cannot take."""
    return Response.generic(f'<p>{escape_text(str(error))}</p>', status=error.status, headers=error.headers)


def by_method(handlers: Mapping[str, Handler]) -> Handler:
    """A handler that asks one of `handlers` according to the method of the request."""
    def handle(request: Request) -> Any:
        method = request.method
        handler = handlers.get(method) or (handlers.get('GET') if method == 'HEAD' else None)
        return handler(request) if handler else _other_method(method, handlers)
    return handle


def _other_method(method: str, known: Iterable[str]) -> Response:
    """The answer when a resource has no handler of its own for `method`."""
    allowed = {*known, 'OPTIONS'}
    if 'GET' in allowed:
        allowed.add('HEAD')
    allow = {'Allow': ', '.join(sorted(allowed))}
    if method == 'OPTIONS':
        return Response(b'', status=204, headers=allow)
    return refusal(KaliError(f'This page does not answer {method}, only {allow["Allow"]}.', status=405,
                             headers=allow))


def function_handler(function: Callable[..., Any], wildcards: int) -> Handler:
    """A handler that calls `function` with arguments from the route, the query and the form.

    :raises TypeError: if the function cannot take the route's wildcards.
    """
    arguments = Arguments(function, wildcards)
    is_plain = arguments.takes_nothing()

    def handle(request: Request) -> Any:
        if is_plain and request.method == 'GET' and '?' not in request.target:
            return function()  # nothing wanted, nothing given: nothing to bind
        try:
            positional, keywords = arguments.bind(request)
        except KaliError as error:
            return refusal(error)
        return function(*positional, **keywords)
    return handle


def servlet_handler(cls: type, wildcards: int, allow_suffix: bool = False) -> Handler:
    """A handler that makes a `cls` of the route's wildcards and calls its `do_GET`, `do_POST` … with the
    request.

    :raises TypeError: if the constructor cannot take the route's wildcards.
    """
    arguments = _constructor(cls, wildcards)
    methods = {method: f'do_{method}' for method in METHODS if _defines(cls, f'do_{method}')}

    def handle(request: Request) -> Any:
        name = methods.get(request.method) or (methods.get('GET') if request.method == 'HEAD' else None)
        if name is None:
            return _other_method(request.method, methods)
        try:
            instance = _make(cls, arguments, request)
        except KaliError as error:
            return refusal(error)
        return getattr(instance, name)(request)
    return handle


def service_handler(cls: type, wildcards: int) -> Handler:
    """A handler for one level of a folder: `edit` in it is answered by `do_GET_edit`, `do_POST_edit` … of a
    new `cls`.

    :raises TypeError: if the constructor cannot take the route's wildcards.
    """
    arguments = _constructor(cls, wildcards)

    def handle(request: Request) -> Any:
        suffix = request.path_suffix()
        name = suffix[0] if len(suffix) == 1 else '/'
        methods = [method for method in sorted(METHODS) if _defines(cls, f'do_{method}_{name}')]
        if not methods:
            return refusal(KaliError('There is no such page.', status=404))
        method = 'GET' if request.method == 'HEAD' and 'HEAD' not in methods else request.method
        if method not in methods:
            return _other_method(request.method, methods)
        try:
            instance = _make(cls, arguments, request)
        except KaliError as error:
            return refusal(error)
        return getattr(instance, f'do_{method}_{name}')(request)
    return handle


def _constructor(cls: type, wildcards: int) -> Arguments:
    arguments = Arguments(cls, wildcards)
    missing = arguments.required()
    if missing:
        raise TypeError(f'{cls.__qualname__} wants {", ".join(missing)} besides the {wildcards} wildcards of '
                        'its path')
    return arguments


def _make(cls: type, arguments: Arguments, request: Request) -> Any:
    positional, keywords = arguments.bind_path(request)
    return cls(*positional, **keywords)


def _defines(cls: type, name: str) -> bool:
    """Whether `cls` has the method `name`; those in Servlet, which only say what could be there, are none."""
    method = getattr(cls, name, None)
    return method is not None and method is not getattr(Servlet, name, None)
