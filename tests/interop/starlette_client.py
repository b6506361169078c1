"""What takes the place of Starlette's TestClient in its own tests: a client, and a real kali server for it.

test_starlette_suite.py appends `from starlette_client import *` to their conftest.py. Those that have no
client, and those that say in their code that they are about something else, are left out.
"""

from __future__ import annotations

import importlib.util
import inspect
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2 as httpx
import pytest

from kali import Router
from kali.interop import from_asgi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ['pytest_collection_modifyitems', 'test_client_factory']

# By its place: in Starlette's tests, the package `tests` is theirs.
_spec = importlib.util.spec_from_file_location('harness', Path(__file__).resolve().parents[1] / 'harness.py')
assert _spec is not None and _spec.loader is not None
harness = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(harness)

PATIENCE = 5.0  # seconds for what an application still does after its response


class Transport(httpx.HTTPTransport):
    """Sends each request, whatever its host, to the server of `client`."""

    def __init__(self, client: Hosted) -> None:
        super().__init__()
        self._client = client

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url.copy_with(scheme='http', host='127.0.0.1', port=self._client.port)
        there = httpx.Request(request.method, url, headers=request.headers, stream=request.stream,
                              extensions={'timeout': {'connect': 10, 'read': 10, 'write': 10, 'pool': 10}})
        return super().handle_request(there)


class Hosted(httpx.Client):
    """An application on a kali server; an error in it is raised here, as TestClient does."""

    def __init__(self, app: Any, base_url: str = 'http://testserver', raise_server_exceptions: bool = True,
                 root_path: str = '', cookies: Any = None, headers: dict[str, str] | None = None,
                 follow_redirects: bool = True, client: Any = None) -> None:
        self.app = app if _is_asgi3(app) else _asgi3(app)
        self._raises, self._errors = raise_server_exceptions, []  # type: tuple[bool, list[BaseException]]
        self._lives = False  # whether the lifespan is run; TestClient does that in a with statement only
        self._begun = threading.Event()
        self._quiet = threading.Condition()
        self._running = 0
        handler: Any = from_asgi(self._watched)
        if root_path.strip('/'):
            router = Router()
            router.delegate_folder('/' + root_path.strip('/') + '/', handler)
            handler = router
        self._handler, self._server = handler, None  # type: tuple[Any, Any]
        super().__init__(base_url=base_url, headers={'user-agent': 'testclient', **(headers or {})},
                         transport=Transport(self), follow_redirects=follow_redirects, cookies=cookies,
                         trust_env=False)

    @property
    def port(self) -> int:
        """Of the server, which starts when it is asked for."""
        if self._server is None:
            self._server = harness.Running(self._handler, {})
        return int(self._server.port)

    async def _watched(self, scope: Any, receive: Any, send: Any) -> None:
        if scope['type'] == 'lifespan':
            await self._live(scope, receive, send)
            return
        with self._quiet:
            self._running += 1
        try:
            await self.app(scope, receive, send)
        except BaseException as error:
            self._errors.append(error)
            raise
        finally:
            with self._quiet:
                self._running -= 1
                self._quiet.notify_all()

    async def _live(self, scope: Any, receive: Any, send: Any) -> None:
        async def sending(message: Any) -> None:
            await send(message)
            self._begun.set()
        try:
            if not self._lives:
                raise NotImplementedError
            await self.app(scope, receive, sending)
        except BaseException as error:
            self._errors += [error] if self._lives else []
            raise
        finally:
            self._begun.set()

    def __enter__(self) -> Hosted:
        self._lives = True
        assert self.port
        assert self._begun.wait(PATIENCE)
        self.raise_error()
        super().__enter__()
        return self

    def send(self, request: httpx.Request, **named: Any) -> httpx.Response:
        """Send a request; raises what the application raised meanwhile."""
        try:
            response = super().send(request, **named)
        except httpx.TransportError:
            self.raise_error()
            raise
        if not named.get('stream'):
            with self._quiet:
                self._quiet.wait_for(lambda: not self._running, PATIENCE)
            self.raise_error()
        return response

    def raise_error(self) -> None:
        """Raise what the application raised, once."""
        errors, self._errors = self._errors, []
        for error in errors:
            if self._raises:
                raise error

    def __exit__(self, *args: Any) -> None:
        super().__exit__(*args)
        self.end()
        self.raise_error()

    def end(self) -> None:
        """End the server, and with it the application's lifespan."""
        server, self._server = self._server, None
        if server is not None:
            server.end()


def _is_asgi3(app: Any) -> bool:
    if inspect.isclass(app):
        return hasattr(app, '__await__')
    while hasattr(app, 'func'):
        app = app.func
    return inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(type(app).__call__)


def _asgi3(app: Any) -> Any:
    async def called(scope: Any, receive: Any, send: Any) -> None:
        await app(scope)(receive, send)
    return called


@pytest.fixture
def test_client_factory() -> Iterator[Callable[..., Hosted]]:
    """What Starlette's tests make their clients with."""
    made: list[Hosted] = []

    def make(*args: Any, **named: Any) -> Hosted:
        made.append(Hosted(*args, **named))
        return made[-1]
    yield make
    for each in made:
        each.close()
        each.end()


# What stands in the code of tests that say nothing about a server for HTTP: WebSockets, what TestClient alone
# has, and messages of HTTP/2 and later.
ELSEWHERE = ('websocket_connect', 'response.template', 'response.context', 'send_push_promise',
             'http.response.trailers')


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs no client, and what is about something else."""
    def applies(item: Any) -> bool:
        return 'test_client_factory' in item.fixturenames and not any(
            word in inspect.getsource(item.function) for word in ELSEWHERE)
    config.hook.pytest_deselected(items=[each for each in items if not applies(each)])
    items[:] = filter(applies, items)
