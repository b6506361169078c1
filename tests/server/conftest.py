"""What the tests of the server share: `running`, and handlers that are used more than once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.harness import PATIENCE, Running, parsed, peak, resident, rest, status_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kali.http.request import Request

__all__ = ['PATIENCE', 'Running', 'echo', 'hello', 'parsed', 'peak', 'resident', 'rest', 'status_of']

collect_ignore = [] if sys.platform == 'win32' or Path('/proc/self/statm').exists() else [
    'test_process.py', 'test_uploads.py', 'test_memory.py', 'test_soak.py', 'test_downloads.py']


def hello(request: Request) -> str:
    return 'Hello, world!'


def echo(request: Request) -> list[object]:
    return [request.method, ' ', request.target, ' ', request.body]


@pytest.fixture
def running() -> Iterator[Callable[..., Running]]:
    """`running(handler, **options of Server)` starts one; after the test it is stopped, and must end well."""
    started: list[Running] = []

    def start(handler: Callable[..., Any], **options: Any) -> Running:
        started.append(Running(handler, options))
        return started[-1]

    yield start
    for each in started:
        each.end()
