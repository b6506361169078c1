"""A server in a thread, as the tests of the server have it."""

from tests.server.conftest import running

__all__ = ['running']
