"""One connection by itself: what waits to be sent, in the right order and at little cost."""

from __future__ import annotations

import random
import socket

import pytest

from kali.http.limits import Limits
from kali.server.connection import NEVER, Connection


@pytest.mark.posix('Windows takes as much as it is given into its own buffers')
def test_pieces_that_wait_are_sent_in_order_and_small_ones_put_together() -> None:
    random_ = random.Random(1)
    client, server = socket.socketpair()
    with client, server:
        client.setblocking(False)
        connection = Connection(server, Limits(), NEVER)
        head, body = b'head', random_.randbytes(1_000_000)  # more than the system takes
        connection.write(head, 0.0, body)
        first = head + body
        assert connection.out
        expected, received = bytearray(first), bytearray()
        for number in range(30_000):
            piece = b'%05d' % number if number % 10_000 else random_.randbytes(100_000)
            connection.write(piece, 0.0)
            expected += piece
            if number % 5000 == 0:  # the client reads a little between
                received += client.recv(100_000)
                connection.flush(0.0)
        assert len(connection.out) < 40, 'a piece costs ten times its five bytes'
        assert connection.out_size == sum(map(len, connection.out))
        while not connection.flush(0.0):
            received += client.recv(100_000)
        while len(received) < len(expected):
            received += client.recv(100_000)
    assert received == expected
    assert connection.out_size == 0


def test_a_page_for_a_client_that_takes_nothing_yet_waits_whole() -> None:
    client, server = socket.socketpair()
    with client, server:
        server.setblocking(False)
        connection, filled = Connection(server, Limits(), NEVER), 0
        try:
            while True:
                filled += server.send(bytes(1000))
        except BlockingIOError:
            pass
        connection.write(b'head', 0.0, bytes(50_000))
        assert connection.out_size == 50_004
        received = bytearray()
        while len(received) < filled + 50_004:
            received += client.recv(100_000)
            connection.flush(0.0)
    assert received[filled:] == b'head' + bytes(50_000)
