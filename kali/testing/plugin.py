"""A plugin of pytest, found by its entry point where kali is installed: the fixture `kali_client`."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from kali.testing.client import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def kali_client() -> Iterator[Callable[..., Client]]:
    """`kali_client(app)` is a Client of an application, with its lifespan entered until the test ends.

    What a handler raises comes out of the test, with its traceback, unless `raise_errors=False` is given.
    Other arguments are those of Client::

        def test_the_start_page(kali_client):
            assert 'Tea' in kali_client(app).get('/').text
    """
    with ExitStack() as stack:
        def make(handler: Any, **named: Any) -> Client:
            return stack.enter_context(Client(handler, **{'raise_errors': True, **named}))
        yield make
