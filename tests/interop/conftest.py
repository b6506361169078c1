"""Real servers, each on a free port of this machine, with an application of a file in this folder."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.server.conftest import running

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ['running']

# What servers of the tests import, with a database that is there then; and what Starlette's tests import.
collect_ignore = ['shared.py', 'starlette_client.py']

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent

COMMANDS = {
    'gunicorn': ['-m', 'gunicorn', '-w', '2', '-b', '127.0.0.1:{port}', '{module}:{wsgi}'],
    'gunicorn threads': ['-m', 'gunicorn', '-w', '1', '--threads', '4', '-b', '127.0.0.1:{port}',
                         '{module}:{wsgi}'],
    'waitress': ['-m', 'waitress', '--listen=127.0.0.1:{port}', '{module}:{wsgi}'],
    'wsgiref': [str(HERE / 'validated.py'), '{module}', '{wsgi}', '{port}'],
    'uvicorn': ['-m', 'uvicorn', '--port', '{port}', '--log-level', 'warning', '{module}:{asgi}'],
    'hypercorn': ['-m', 'hypercorn', '-b', '127.0.0.1:{port}', '{module}:{asgi}'],
}
WSGI: tuple[str, ...] = ('waitress', 'wsgiref')
if sys.platform != 'win32':  # gunicorn forks
    WSGI += ('gunicorn', 'gunicorn threads')
ASGI = ('uvicorn', 'hypercorn')


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return int(probe.getsockname()[1])


class Served:
    """A running server: `client` sends to it, `stop` ends it and gives what it has written."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, errors: Path, name: str) -> None:
        self.process, self.port, self.errors, self.name = process, port, errors, name
        self.client = httpx.Client(base_url=f'http://127.0.0.1:{port}', timeout=15, trust_env=False)

    def stop(self) -> str:
        """End it as an administrator does."""
        self.client.close()
        if self.process.poll() is None:
            # waitress takes Ctrl-C only; another signal kills it without more ado, as all do on Windows
            interrupt = self.name == 'waitress' and sys.platform != 'win32'
            self.process.send_signal(signal.SIGINT if interrupt else signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(15)
        return self.errors.read_text(encoding='utf-8', errors='replace')


def _mind_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell has what it runs in the background ignore it


@contextmanager
def serving(name: str, folder: Path, module: str = 'house', *, wsgi: str = 'wsgi', asgi: str = 'asgi',
            **environment: str) -> Iterator[Served]:
    """The server `name` with the application `wsgi` or `asgi` of `module`."""
    port, errors = free_port(), folder / f'{name}-{time.monotonic_ns()}.log'.replace(' ', '-')
    command = [each.format(port=port, module=module, wsgi=wsgi, asgi=asgi) for each in COMMANDS[name]]
    path = os.pathsep.join([str(folder), str(HERE), str(ROOT)])
    with errors.open('wb') as output:
        process = subprocess.Popen(
            [sys.executable, *command], cwd=folder, stdout=output, stderr=output,
            preexec_fn=None if sys.platform == 'win32' else _mind_ctrl_c,
            env={**os.environ, 'PYTHONPATH': path, 'HOUSE': str(folder / 'house.sqlite'), **environment})
    served = Served(process, port, errors, name)
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(('127.0.0.1', port), 1).close()
                break
            except OSError:
                assert process.poll() is None and time.monotonic() < deadline, served.stop()
                time.sleep(0.02)
        yield served
    finally:
        served.stop()


@pytest.fixture
def under(tmp_path: Path) -> Any:
    """`with under('waitress') as served:`"""
    return lambda name, *args, **named: serving(name, tmp_path, *args, **named)
