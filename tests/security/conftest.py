"""What the security tests share: `fort`, a server behind its gate, that writes down which handlers ran.

Requests are raw bytes over a real socket, and what counts is both the answer and that nothing ran.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from kali.http.response import Response
from kali.routing.router import Router
from kali.routing.static import StaticFolder
from kali.server.gate import Gate, Keys
from tests.harness import Running, parsed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from kali.http.request import Request

COOKIE, SECRET = 'kali-fort', 'f' * 64
DATA = 'what only the user may read'


class Answer(NamedTuple):
    """An answer taken apart; names of header fields in lower case."""

    status: int
    headers: dict[str, str]
    text: str


class Fort:
    """A server with pages, files and a stream behind the gate: `port`, `ran`, `keys`, `ask(bytes)`."""

    def __init__(self, folder: Path, with_keys: bool, hosts: tuple[str, ...],
                 options: dict[str, Any]) -> None:
        self.ran: list[str] = []
        self.keys = Keys(COOKIE, SECRET) if with_keys else None
        app = self.app = Router()
        app.delegate_folder('/static/', StaticFolder(folder))
        app.route('/data', methods=('GET', 'POST', 'PUT', 'PATCH', 'DELETE'))(lambda: DATA)
        events = {'Content-Type': 'text/event-stream'}
        app.get('/stream')(lambda: Response.stream([DATA], headers=events))
        app.get('/')(lambda: DATA)
        self.running = Running(self._handle, options, lambda port: Gate(port, hosts, self.keys).admit)
        self.port, self.end = self.running.port, self.running.end

    def _handle(self, request: Request) -> Any:
        self.ran.append(f'{request.method} {request.target}')
        return self.app(request)

    @property
    def host(self) -> str:
        return f'127.0.0.1:{self.port}'

    def ask(self, data: bytes) -> Answer:
        """Send bytes, in which OURS stands for the host and PORT for the port, and take the answer apart."""
        status, headers, body = parsed(self.running.ask(
            data.replace(b'OURS', self.host.encode()).replace(b'PORT', str(self.port).encode())))
        return Answer(status, headers, body.decode())

    def get(self, target: str, *fields: str, method: str = 'GET', host: str = 'OURS') -> Answer:
        """A request with a Host field and `fields`."""
        head = '\r\n'.join([f'{method} {target} HTTP/1.1', f'Host: {host}', *fields])
        return self.ask(f'{head}\r\n\r\n'.encode('latin-1'))


@pytest.fixture
def fort(tmp_path: Path) -> Iterator[Callable[..., Fort]]:
    """`fort(keys=True, hosts=(), **options of Server)` starts one, with `note.txt` among its files."""
    started: list[Fort] = []
    folder = tmp_path / 'files'
    folder.mkdir()
    (folder / 'note.txt').write_text(DATA)

    def start(keys: bool = True, hosts: tuple[str, ...] = (), **options: Any) -> Fort:
        started.append(Fort(folder, keys, hosts, options))
        return started[-1]

    yield start
    for each in started:
        each.end()
