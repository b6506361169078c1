"""Router: from the path of a request to the handler mounted there.

A prefix tree of path components, in which `*` stands for any one component. The deepest match wins, a name
goes before a wildcard, and the search goes back where a branch ends in nothing. A mount either takes the path
as a whole (functions and servlets) or everything below it too (delegates and services).
"""

from __future__ import annotations

import re

from kali.http.around import collected, innermost
from kali.http.grammar import METHODS
from kali.http.response import Response
from kali.http.urls import build_url
from kali.markup import escape_text
from kali.routing.servlets import by_method, function_handler, service_handler, servlet_handler

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TypeVar

    from kali.http.request import Request
    from kali.http.response import Handler

    F = TypeVar('F', bound=Callable[..., Any])
    C = TypeVar('C', bound=type)

__all__ = ['Router']

WILDCARD = '*'
KEPT, LONG = 500, 200  # so many targets are remembered, none of them longer than this
# What other frameworks take for a wildcard: <id>, <int:id>, {id}, :id, *rest, [id], (\d+).
FOREIGN = r'.*(<.*>|\{.*\}|\*|\(\?|\(\[|\\)|:\w+\Z|\[.*\]\Z'


class _Mount:
    """What is mounted at a node of the tree."""

    __slots__ = ('exact', 'handler', 'implied', 'label', 'methods', 'wildcards')

    def __init__(self, handler: Handler, label: str, wildcards: tuple[int, ...], exact: bool,
                 methods: dict[str, Handler] | None = None, implied: bool = False) -> None:
        self.handler, self.label, self.exact = handler, label, exact
        self.wildcards = wildcards  # their places in the path below the router
        self.methods = methods  # of a mount made method by method, to which more can be added
        self.implied = implied  # a redirect that follows from another mount, and gives way to a real one


class _Node:
    __slots__ = ('children', 'mount', 'wildcard')

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.wildcard: _Node | None = None
        self.mount: _Mount | None = None

    def child(self, component: str) -> _Node:
        if component == WILDCARD:
            self.wildcard = self.wildcard or _Node()
            return self.wildcard
        return self.children.setdefault(component, _Node())


class Router:
    """A handler that asks the handlers mounted in it, by path.

    >>> app = Router()
    >>> @app.function('/greet/*')
    ... def greet(name, *, greeting='Hello'):
    ...     return f'{greeting}, {name}!'
    >>> from kali.http.request import Request
    >>> app(Request('GET', '/greet/Ann?greeting=Bye'))
    'Bye, Ann!'
    >>> app.url_for(greet, 'Ann', greeting='Bye')
    '/greet/Ann?greeting=Bye'
    """

    def __init__(self) -> None:
        self._root = _Node()
        self._found: dict[str, tuple[int, _Mount, int, tuple[str, ...]]] = {}  # see __call__
        self._patterns: dict[Any, list[list[str]]] = {}  # function or class -> where it is mounted
        self._routers: list[tuple[list[str], Router]] = []  # the Routers among the delegates
        self._delegates: list[Handler] = []

    @property
    def lifespan(self) -> tuple[Any, ...]:
        """What the handlers mounted here want entered while the server runs."""
        return collected(self._delegates)

    def __call__(self, request: Request) -> Any:
        """Answer with what the deepest mount that matches the path gives; 404 if there is none."""
        # A program has few pages, which are asked for again and again: where a target leads is remembered. To
        # take it apart and look for it each time would be a tenth of what a plain page costs the server.
        target, start, scope = request.target, request.mount_depth, request.scope
        found = self._found.get(target)
        if found is None or found[0] != start:
            path = request.path
            # No empty component but the last, no `.` and no `..`.
            if '' in path[:-1] or '.' in path or '..' in path:
                return _normalise(request)
            mount, depth = self._find(path, start)
            if mount is None:
                return _nothing_here(request)
            found = start, mount, depth, tuple([path[start + index] for index in mount.wildcards])
            if len(target) < LONG:
                if len(self._found) == KEPT:
                    self._found.clear()
                self._found[target] = found
        _, mount, depth, args = found
        scope.route = mount.label
        if not start:
            scope.router = self
        handler = (mount.methods and mount.methods.get(request.method)) or mount.handler
        return handler(request.mounted(depth, args))

    def _find(self, path: list[str], start: int) -> tuple[_Mount | None, int]:
        """The deepest mount for `path` below its first `start` components, and how deep it is. Each node is
        seen at most once."""
        best: _Mount | None = None
        best_depth = -1
        node, depth, stop = self._root, start, len(path)
        waiting: list[tuple[_Node, int]] = []
        while True:
            mount = node.mount
            if mount is not None and depth > best_depth and (depth == stop or not mount.exact):
                best, best_depth = mount, depth
                if depth == stop:
                    break  # names go before wildcards, so the first whole match is the best
            child = None
            if depth < stop:
                component = path[depth]
                if node.wildcard is not None and component:
                    waiting.append((node.wildcard, depth + 1))
                child = node.children.get(component)
            if child is not None:
                node, depth = child, depth + 1
            elif waiting:
                node, depth = waiting.pop()
            else:
                break
        return best, best_depth

    # Ways to register.

    def delegate(self, path: str, handler: Handler) -> None:
        """Mount any handler at `path` and everything below it; `''` is the root and everything below it.

        :raises ValueError: for a malformed path, or one that is taken.
        """
        self._delegate(_components(path), handler, handler, path)

    def _delegate(self, components: list[str], mounted: Handler, handler: Handler, path: str) -> None:
        label = _label(handler, path)
        self._mount(components, _Mount(mounted, label, _wildcards(components), exact=False))
        inner = innermost(handler)
        if isinstance(inner, Router):
            self._routers.append((components, inner))
        self._delegates.append(handler)
        if getattr(inner, '__hash__', None) is not None:
            self._remember(inner, components)

    def delegate_folder(self, path: str, handler: Handler) -> None:
        """Mount a handler that expects to be a folder: `/static` redirects to `/static/`.

        :raises ValueError: for a path that does not end with a slash, is malformed or taken.
        """
        _check_folder(path)
        self._delegate(_components(path[:-1]), _folder_shim(handler), handler, path)

    def function(self, path: str) -> Callable[[F], F]:
        """Decorator: publish a function at `path` for GET. The wildcards of the path become its first
        arguments, the fields of the query the others, by name, converted as its annotations say.

        :raises ValueError: for a malformed path, or one that is taken.
        :raises TypeError: if the function cannot take the wildcards.
        """
        return self.route(path, methods=('GET',))

    def get(self, path: str) -> Callable[[F], F]:
        """Decorator: a function that answers GET at `path`; like `function`."""
        return self.route(path, methods=('GET',))

    def post(self, path: str) -> Callable[[F], F]:
        """Decorator: a function that answers POST at `path`; the fields of the form are arguments too."""
        return self.route(path, methods=('POST',))

    def put(self, path: str) -> Callable[[F], F]:
        """Decorator: a function that answers PUT at `path`."""
        return self.route(path, methods=('PUT',))

    def patch(self, path: str) -> Callable[[F], F]:
        """Decorator: a function that answers PATCH at `path`."""
        return self.route(path, methods=('PATCH',))

    def delete(self, path: str) -> Callable[[F], F]:
        """Decorator: a function that answers DELETE at `path`."""
        return self.route(path, methods=('DELETE',))

    def route(self, path: str, methods: Iterable[str] = ('GET',)) -> Callable[[F], F]:
        """Decorator: a function that answers each of `methods` at `path`."""
        components = _components(path or '/')
        methods = [methods] if isinstance(methods, str) else list(methods)
        unknown = sorted({method.upper() for method in methods} - METHODS)
        if unknown:
            raise ValueError(f'the path {path!r}: {", ".join(unknown)} is none of '
                             f'{", ".join(sorted(METHODS))}')

        def decorate(function: F) -> F:
            handler = function_handler(function, len(_wildcards(components)))
            self._mount_methods(components, path, function, {method.upper(): handler for method in methods})
            self._remember(function, components)
            return function
        return decorate

    def servlet(self, path: str, allow_suffix: bool = False) -> Callable[[C], C]:
        """Decorator: publish a class at `path`. For each request one is made of the path's wildcards, and its
        method `do_GET(request)`, `do_POST(request)` … is called.

        :param allow_suffix: whether it answers below the path, too.
        """
        components = _components(path or '/')

        def decorate(cls: C) -> C:
            wildcards = _wildcards(components)
            handler = servlet_handler(cls, len(wildcards), allow_suffix)
            self._mount(components, _Mount(handler, _label(cls, path), wildcards, exact=not allow_suffix))
            self._imply_folder(components)
            self._remember(cls, components)
            return cls
        return decorate

    def service(self, path: str) -> Callable[[C], C]:
        """Decorator: publish a class for one level of the folder `path`: `do_GET_edit(request)` answers
        `edit` in it.

        :raises ValueError: for a path that does not end with a slash, is malformed or taken.
        """
        _check_folder(path)
        components = _components(path[:-1])

        def decorate(cls: C) -> C:
            wildcards = _wildcards(components)
            handler = _folder_shim(service_handler(cls, len(wildcards)))
            self._mount(components, _Mount(handler, _label(cls, path), wildcards, exact=False))
            self._remember(cls, [*components, WILDCARD])
            return cls
        return decorate

    def url_for(self, target: Any, /, *args: Any, **query: Any) -> str:
        """The URL at which a function, class or handler is mounted.

        :param args: values for the wildcards; for a service also the name of the page in it
        :param query: fields for the query; None leaves one out
        :raises LookupError: if it is not mounted with that many wildcards.
        :raises ValueError: for a wildcard that no URL carries: browsers take `''`, `.` and `..` out of paths.
        """
        values = [str(getattr(arg, 'value', arg)) for arg in args]
        for value in values:
            if value in ('', '.', '..'):
                raise ValueError(f'the URL of {_name(target)}: no wildcard can be {value!r}')
        path = self._path_to(target, values)
        if path is None:
            raise LookupError(f'{_name(target)} is not mounted with {len(args)} wildcards in this router')
        return build_url(path, {name: getattr(value, 'value', value) for name, value in query.items()})

    def _path_to(self, target: Any, values: list[str]) -> list[str] | None:
        for components in self._patterns.get(target, ()):
            if components.count(WILDCARD) == len(values):
                rest = iter(values)
                return [next(rest) if component == WILDCARD else component for component in components]
        for prefix, router in self._routers:
            count = prefix.count(WILDCARD)
            below = router._path_to(target, values[count:])
            if below is not None and count <= len(values):
                rest = iter(values)
                return [next(rest) if component == WILDCARD else component for component in prefix] + below
        return None

    # Growing the tree.

    def _mount(self, components: list[str], mount: _Mount) -> None:
        node = self._root
        for component in components:
            node = node.child(component)
        if node.mount is not None and not node.mount.implied:
            if not mount.implied:
                raise ValueError(f'{mount.label} would stand where {node.mount.label} is mounted already')
            return
        node.mount = mount
        self._found.clear()  # they may lead here now

    def _mount_methods(self, components: list[str], path: str, function: Any,
                       handlers: dict[str, Handler]) -> None:
        """Mount `handlers`, or add them to the ones for other methods that are there already."""
        node = self._root
        for component in components:
            node = node.child(component)
        label = f'{_label(function, path)}'
        present = node.mount
        if present is None or present.implied or present.methods is None:
            mount = _Mount(by_method(handlers), label, _wildcards(components), True, handlers)
            self._mount(components, mount)
            self._imply_folder(components)
            return
        for method in handlers:
            if method in present.methods:
                raise ValueError(f'{label} would answer {method} where {present.label} does already')
        present.methods.update(handlers)
        present.label += ', ' + label

    def _imply_folder(self, components: list[str]) -> None:
        """`/contact` redirects to a page that is mounted at `/contact/`."""
        if len(components) > 1 and components[-1] == '':
            folder = components[:-1]
            handler = _folder_shim(_nothing_here)
            self._mount(folder, _Mount(handler, f'the folder /{"/".join(folder)}', _wildcards(folder), True,
                                       implied=True))

    def _remember(self, target: Any, components: list[str]) -> None:
        self._patterns.setdefault(target, []).append(components)


def _components(path: str) -> list[str]:
    """The components of a path to mount at; `''` has none, `/` has one, the empty name of the root index."""
    if path == '':
        return []
    if not path.startswith('/'):
        raise ValueError(f'the path {path!r} must begin with a slash, as in {"/" + path!r}')
    components = path[1:].split('/')
    if '' in components[:-1]:
        raise ValueError(f'the path {path!r} has an empty component: two slashes together')
    for component in components:
        if component.startswith('.'):
            raise ValueError(f'the path {path!r}: names that begin with a dot are reserved')
        if re.search(r'(?<!\()[?#]|%[0-9A-Fa-f]{2}', component):
            raise ValueError(f'the path {path!r}: write the path alone, without a query, a fragment or '
                             'percent-encoding; the fields of a query are keyword arguments')
        if component != WILDCARD and re.match(FOREIGN, component):
            right = '/' + '/'.join([WILDCARD if re.match(FOREIGN, each) else each for each in components])
            raise ValueError(f'the path {path!r}: {component!r} would be taken literally. A wildcard is a '
                             f'whole component, written {right!r}; what it matches becomes an argument, '
                             'converted by its annotation. To answer everything below a path, use delegate')
    return components


def _check_folder(path: str) -> None:
    if not path.endswith('/'):
        raise ValueError(f'the path {path!r} must end with a slash, since a folder is mounted there')


def _wildcards(components: list[str]) -> tuple[int, ...]:
    return tuple(index for index, component in enumerate(components) if component == WILDCARD)


def _folder_shim(handler: Handler) -> Handler:
    """`handler` below a folder; the folder's own name without its slash is redirected to the one with it."""
    def handle(request: Request) -> Any:
        if request.has_suffix():
            return handler(request)
        return _redirect(request, request.app_url([''], request.query))
    return handle


def _nothing_here(request: Request) -> Response:
    return Response.generic(f'<p>There is no page at {escape_text(request.target)}.</p>', status=404)


def _normalise(request: Request) -> Response:
    """Redirect to the path without empty, `.` and `..` components; whatever they are, it stays here."""
    path: list[str] = []
    for component in request.path:
        if component == '..':
            if path:
                path.pop()
        elif component not in ('', '.'):
            path.append(component)
    if request.path[-1] in ('', '.', '..') or not path:
        path.append('')
    return _redirect(request, build_url(path, request.query))


def _redirect(request: Request, url: str) -> Response:
    # 307 has the browser repeat a POST as it was; 303 is what everybody expects of a GET.
    return Response.redirect(url, status=303 if request.method in ('GET', 'HEAD') else 307)


def _label(target: Any, path: str) -> str:
    """What a message calls a mount: name, place in the source, and path."""
    target = innermost(target)
    code = getattr(getattr(target, '__func__', target), '__code__', None)
    name = _name(target)
    if code is not None:
        name += f' ({code.co_filename.replace(chr(92), "/").rpartition("/")[2]}:{code.co_firstlineno})'
    return f'{name} at {path or "the root"}'


def _name(target: Any) -> str:
    return str(getattr(target, '__qualname__', type(target).__qualname__))
