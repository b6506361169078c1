"""One instance of an application: a second start asks the first one to let it in, and ends.

The first start holds a lock on a file in the state folder for as long as it runs; the system takes the lock
away when the process ends, however it ends, so nothing stale is left to be recognised. A second start finds
the lock taken, reads at which port the first one is, and asks it for a launch key. Both prove that they know
the secret in the state folder before either believes the other: any program may listen on a port, and any may
ask.

Sources: fcntl(2), POSIX record locks; Python's msvcrt.locking; RFC 2104 for the idea of a keyed hash, which
BLAKE2 has built in (RFC 7693).
"""

from __future__ import annotations

import os
import sys
import time

# BLAKE2 itself; hashlib would load OpenSSL besides, 3.7 MB.
from _blake2 import blake2b
from _operator import _compare_digest as compare_digest

from kali import log
from kali.desktop.files import clear_for_file
from kali.errors import BadRequest, KaliError
from kali.http.response import Response

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kali.http.request import Request

__all__ = ['PATH', 'Lock', 'Reception', 'ask_first']

PATH = '/.kali/instance'
PATIENCE = 20.0  # seconds that a first start may be busy, or be starting itself
LOOK = 0.05  # seconds between two tries
SPARE = 16  # challenges that may be open at the same time
TOO_BUSY = ('This program is running already, but it has not answered for {:.0f} seconds ({}): it is busy, '
            'or stuck. Wait for it to finish what it is doing, or end it, and start it again.')


class Lock:
    """The lock of the first instance: `take()` it, and keep the object.

    :param folder: the state folder
    """

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, 'lock')  # noqa: PTH118
        self._file, self._is_taken = -1, False

    def take(self) -> bool:
        """Whether this is the first instance now. Where the file system knows no locks, it always is."""
        if self._is_taken:
            return True
        if self._file < 0:
            try:
                clear_for_file(self._path)
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            except OSError as error:  # read-only or full: what is written later is refused with a reason, too
                log.warning('cannot see whether the program runs already: %s', str(error))
                return True
        try:
            if sys.platform == 'win32':
                import msvcrt  # each system has its own
                msvcrt.locking(self._file, msvcrt.LK_NBLCK, 1)
            else:
                import fcntl  # likewise
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            from errno import EINVAL, ENOLCK, ENOSYS, EOPNOTSUPP  # a first start does without
            # Systems name a lock that is taken in several ways, and one that cannot be had in these.
            return error.errno in (EINVAL, ENOLCK, ENOSYS, EOPNOTSUPP)
        self._is_taken = True
        return True

    def release(self) -> None:
        """Let another start be the first."""
        if self._file >= 0:
            os.close(self._file)
            self._file, self._is_taken = -1, False


def _proof(secret: str, *parts: str) -> str:
    """What only a program that knows the secret can make of `parts`."""
    return blake2b('\n'.join(parts).encode(), key=secret.encode()[:64], digest_size=32).hexdigest()


class Reception:
    """What the first instance answers to a second start.

    :param secret: of the state folder
    :param open_for: gets the arguments of the second start, and gives the address to open, key and all
    """

    def __init__(self, secret: str, open_for: Callable[[list[str]], str]) -> None:
        self._secret, self._open_for = secret, open_for
        self._challenges: dict[str, None] = {}

    def __call__(self, request: Request) -> Response:
        """GET: a proof of what this is, and a challenge. POST: an address, for a program that gives a proof.

        :raises BadRequest: for what no second start sends
        """
        if request.method == 'GET':
            challenge = request.query.get('challenge', '')
            if not (len(challenge) == 64 and challenge.isascii() and challenge.isalnum()):
                raise BadRequest('Another start of this program would ask with a challenge.')
            mine = os.urandom(32).hex()
            while len(self._challenges) >= SPARE:
                del self._challenges[next(iter(self._challenges))]
            self._challenges[mine] = None
            return Response.plain_text(f'{_proof(self._secret, "first", challenge)}\n{mine}\n')
        if request.method != 'POST':
            return Response(None, status=405, headers={'Allow': 'GET, POST'})
        challenge, _, rest = request.body.decode('utf-8', 'replace').partition('\n')
        proof, _, said = rest.partition('\n')
        if challenge not in self._challenges or not (
                proof.isascii() and compare_digest(proof, _proof(self._secret, 'second', challenge, said))):
            return Response.generic('<p>This is not another start of this program.</p>', status=403)
        del self._challenges[challenge]
        import json  # a first start that stays alone does without
        return Response.plain_text(self._open_for([str(each) for each in json.loads(said)]))


def ask_first(lock: Lock, read_port: Callable[[], int], secret: Callable[[], str], arguments: Sequence[str],
              patience: float = PATIENCE) -> str | None:
    """The address that the first instance gives to this, the second start; None if this has become the first.

    :param read_port: reads at which port the first one said it is; 0: it has not said so yet
    :param secret: reads the secret of the state folder
    :param arguments: of this start, for the first one
    :raises KaliError: if there is a first one, but it does not answer in time
    """
    until, reason = time.monotonic() + patience, 'it has not said at which port it is'
    while True:
        if lock.take():
            return None
        port = read_port()
        left = until - time.monotonic()
        if left <= 0:
            raise KaliError(TOO_BUSY.format(patience, reason))
        if port:
            try:
                return _ask(port, secret(), arguments, left)
            except (OSError, ValueError) as error:
                # It is starting or ending, or that port is another program's by now.
                reason = str(error) or type(error).__name__
        time.sleep(LOOK)


def _ask(port: int, secret: str, arguments: Sequence[str], patience: float) -> str:
    """Ask the program at `port` for an address.

    :raises ValueError: if it is not the first instance of this application
    """
    import json  # only a second start needs it
    challenge = os.urandom(32).hex()
    status, answer = _exchange(port, f'GET {PATH}?challenge={challenge}', '', patience)
    proof, _, theirs = answer.strip().partition('\n')
    if status != 200 or not (proof.isascii() and compare_digest(proof, _proof(secret, 'first', challenge))):
        raise ValueError('another program listens there')
    said = json.dumps(list(arguments))
    body = f'{theirs}\n{_proof(secret, "second", theirs, said)}\n{said}'
    status, answer = _exchange(port, f'POST {PATH}', body, patience)
    if status != 200:
        raise ValueError(f'it answers with {status}')
    return answer


def _exchange(port: int, line: str, body: str, patience: float) -> tuple[int, str]:
    """Send a request, and give status and body of the answer; http.client would load twice as much again."""
    import socket  # likewise
    data = body.encode()
    head = (f'{line} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: text/plain\r\n'
            f'Content-Length: {len(data)}\r\n\r\n')
    until, answer = time.monotonic() + patience, b''
    with socket.create_connection(('127.0.0.1', port), timeout=patience) as connection:
        connection.sendall(head.encode('ascii') + data)
        while piece := connection.recv(65536):
            answer += piece
            connection.settimeout(max(0.01, until - time.monotonic()))
            if len(answer) > 100_000:
                raise ValueError('so long an answer is another program\'s')
    said, _, content = answer.partition(b'\r\n\r\n')
    words = said.partition(b'\r\n')[0].split(b' ')
    if len(words) < 2 or not words[0].startswith(b'HTTP/1.') or not words[1].isdigit():
        raise ValueError('it does not speak HTTP')
    return int(words[1]), content.decode('utf-8', 'replace')
