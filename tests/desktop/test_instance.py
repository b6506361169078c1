"""One instance: real locks in real processes, and the proofs that both sides give."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kali import KaliError, Request
from kali.desktop.instance import PATH, Lock, Reception, _proof, ask_first
from kali.testing import Client

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
SECRET = 'a' * 64


def test_the_lock_is_taken_once_and_freed_with_the_process(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, '-c', f'import sys; sys.path.insert(0, {str(ROOT)!r})\n'
         'from kali.desktop.instance import Lock\n'
         f'lock = Lock({str(tmp_path)!r})\nprint(lock.take(), flush=True)\nsys.stdin.read()'],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == 'True\n'
    lock = Lock(str(tmp_path))
    assert not lock.take()
    holder.kill()  # no clean-up of its own
    holder.communicate()
    assert lock.take()
    lock.release()


def test_without_a_folder_every_start_is_the_first(tmp_path: Path) -> None:
    assert Lock(str(tmp_path / 'missing')).take()


@pytest.mark.slow
def test_twenty_starts_at_once_are_one(tmp_path: Path) -> None:
    script = (f'import sys; sys.path.insert(0, {str(ROOT)!r})\nfrom kali.desktop.instance import Lock\n'
              f'lock = Lock({str(tmp_path)!r})\nprint(lock.take(), flush=True)\nsys.stdin.read()')
    starts = [subprocess.Popen([sys.executable, '-c', script], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               text=True) for _ in range(20)]
    said = [start.stdout.readline() for start in starts if start.stdout is not None]
    for start in starts:
        start.communicate()
    assert said.count('True\n') == 1


class First:
    """A first instance, in a thread of this process; it holds no lock, since locks are of a process."""

    def __init__(self, secret: str = SECRET) -> None:
        self.heard: list[list[str]] = []

        def open_for(arguments: list[str]) -> str:
            self.heard.append(arguments)
            return 'http://127.0.0.1/?key=abc'
        client = Client(Reception(secret, open_for), host='127.0.0.1')
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]

        def exchange(data: bytes) -> bytes:
            reply = client.exchange(data.replace(b'/.kali/', b'/', 1))  # what is there, the server adds
            return b'HTTP/1.0 %d x\r\n\r\n%b' % (reply.status, reply.body)
        self.exchange = exchange
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                data = connection.recv(65536)
                while b'POST' in data[:4] and data.endswith(b'\r\n\r\n'):
                    data += connection.recv(65536)
                connection.sendall(self.exchange(data))


@pytest.fixture
def first() -> Iterator[First]:
    made = First()
    yield made
    made.listener.close()


class Taken(Lock):
    """A lock that somebody else has."""

    def take(self) -> bool:
        return False


def test_a_second_start_gets_an_address(first: First, tmp_path: Path) -> None:
    url = ask_first(Taken(str(tmp_path)), lambda: first.port, lambda: SECRET, ['a b', 'ж', 'x\ny'])
    assert url == 'http://127.0.0.1/?key=abc'
    assert first.heard == [['a b', 'ж', 'x\ny']]


def test_a_first_that_says_later_where_it_is(first: First, tmp_path: Path) -> None:
    ports = [0, 0, 1, first.port]
    assert ask_first(Taken(str(tmp_path)), lambda: ports.pop(0), lambda: SECRET, []) and not ports


def test_a_first_that_ends_makes_the_second_the_first(tmp_path: Path) -> None:
    class Freed(Lock):
        tries = 0

        def take(self) -> bool:
            self.tries += 1
            return self.tries == 3
    assert ask_first(Freed(str(tmp_path)), lambda: 1, lambda: SECRET, []) is None


@pytest.mark.parametrize('answer', [
    b'', b'hello', b'HTTP/1.1 200 OK\r\n\r\n', b'HTTP/1.1 200 OK\r\n\r\nwrong\nwrong\n',
    b'HTTP/1.1 404 Not Found\r\n\r\nx', b'HTTP/1.1 200 OK\r\n\r\n' + b'x' * 200_000, b'HTTP/1.1 x\r\n\r\n',
    b'HTTP/1.1 200 OK\r\n\r\n\xff\xfe\n\xff',
])
def test_a_stranger_at_the_port_gets_no_proof(answer: bytes, first: First, tmp_path: Path) -> None:
    heard = []

    def exchange(data: bytes) -> bytes:
        heard.append(data)
        return answer
    first.exchange = exchange
    with pytest.raises(KaliError, match='running already'):
        ask_first(Taken(str(tmp_path)), lambda: first.port, lambda: SECRET, ['secret file'], patience=0.2)
    assert heard and all(data.startswith(b'GET ') and b'secret' not in data for data in heard)


def test_a_first_of_another_secret_is_a_stranger(tmp_path: Path) -> None:
    first = First('b' * 64)
    with pytest.raises(KaliError, match='running already'):
        ask_first(Taken(str(tmp_path)), lambda: first.port, lambda: SECRET, [], patience=0.2)
    first.listener.close()
    assert not first.heard


@pytest.mark.parametrize('method, target, body, status', [
    ('GET', '/', b'', 400), ('GET', '/?challenge=short', b'', 400), ('PUT', '/', b'', 405),
    ('GET', '/?challenge=' + '%C3%A4' * 64, b'', 400), ('POST', '/', b'', 403), ('POST', '/', b'\xff', 403),
    ('POST', '/', b'a\nb\n[]', 403),
])
def test_what_no_second_start_sends(method: str, target: str, body: bytes, status: int) -> None:
    client = Client(Reception(SECRET, lambda arguments: 'http://127.0.0.1/'))
    assert client.request(method, target, body=body or None).status == status


def test_a_challenge_is_good_once_and_for_its_own_words() -> None:
    reception = Reception(SECRET, lambda arguments: f'opened {arguments}')

    def challenge() -> str:
        reply = reception(Request('GET', f'{PATH}?challenge={"a" * 64}'))
        return str(reply.content).split()[1]

    def answer(challenge: str, words: str, sent: str) -> int:
        body = f'{challenge}\n{_proof(SECRET, "second", challenge, words)}\n{sent}'
        return reception(Request('POST', PATH, body=body.encode())).status
    one = challenge()
    assert answer(one, '["a"]', '["b"]') == 403
    assert answer(one, '["a"]', '["a"]') == 200
    assert answer(one, '["a"]', '["a"]') == 403
    first = challenge()
    for _ in range(100):
        challenge()
    assert answer(first, '[]', '[]') == 403, 'and no memory is eaten by asking'


