"""Large bodies over real sockets: on the disk, not in memory, and gone when their request is over.

The memory of a process is read from /proc; conftest.py leaves this file out where there is none.
"""

from __future__ import annotations

import socket
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kali.http.limits import Limits
from kali.http.spool import Spool
from tests.server.conftest import peak, resident, rest

if TYPE_CHECKING:
    from collections.abc import Callable

    from kali.http.request import FileUpload, Request
    from tests.conftest import Served
    from tests.server.conftest import Running

HEAD = (b'POST / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: multipart/form-data; boundary=XyZ\r\n'
        b'Content-Length: %d\r\n\r\n')
BEFORE = b'--XyZ\r\nContent-Disposition: form-data; name="file"; filename="big"\r\n\r\n'
AFTER = b'\r\n--XyZ\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n--XyZ--\r\n'
PIECE = bytes(range(256)) * 1024


def post(port: int, pieces: int) -> bytes:
    """Post a form with a file of so many quarters of a MiB; all that comes back."""
    with socket.create_connection(('127.0.0.1', port), timeout=30) as client:
        client.sendall(HEAD % (port, len(BEFORE) + pieces * len(PIECE) + len(AFTER)) + BEFORE)
        for _ in range(pieces):
            client.sendall(PIECE)
        client.sendall(AFTER)
        return rest(client)


def descriptors() -> int:
    return len(list(Path('/proc/self/fd').iterdir()))


APP = """
    import sys, zlib
    import kali
    app = kali.Router()

    @app.post('/')
    def upload(request: kali.Request, file: kali.FileUpload, note: str):
        checksum = 0
        with file.open() as opened:
            while piece := opened.read(100_000):
                checksum = zlib.crc32(piece, checksum)
        file.save(sys.argv[1])
        return f'{file.size} {checksum} {note}'

    @app.function('/')
    def home():
        return 'Hello'

    kali.serve_http(app, limits=kali.Limits(body=600_000_000, body_seconds=120))
"""


@pytest.mark.parametrize('megabytes', [64, pytest.param(500, marks=pytest.mark.slow)])
@pytest.mark.posix('memory and descriptors are read from /proc')
def test_a_large_upload_takes_no_memory(serve: Callable[..., Served], megabytes: int,
                                        tmp_path_factory: pytest.TempPathFactory) -> None:
    kept = tmp_path_factory.mktemp('kept') / 'big'
    served = serve(APP, str(kept))
    assert served.get('/').text == 'Hello'
    before = resident(served.process.pid)
    answer = post(served.port, megabytes * 4)
    checksum = 0
    for _ in range(megabytes * 4):
        checksum = zlib.crc32(PIECE, checksum)
    assert answer.endswith(f'\r\n\r\n{megabytes << 20} {checksum} hello'.encode())
    assert peak(served.process.pid) - before < 16_000_000
    assert kept.stat().st_size == megabytes << 20
    kept.unlink()


def test_the_file_of_an_upload_is_closed_when_its_request_is_over(running: Callable[..., Running]) -> None:
    uploads: list[FileUpload] = []

    def handler(request: Request) -> Any:
        uploads.append(request.files['file'])
        return str(len(request.body))
    server = running(handler, limits=Limits(body=10_000_000))
    before = descriptors()
    around = len(BEFORE) + len(AFTER)
    # Under 1 MiB: in memory, and there to stay.
    assert post(server.port, 3).endswith(b'%d' % (around + 3 * len(PIECE)))
    assert uploads[0].content == PIECE * 3
    assert post(server.port, 8).endswith(b'%d' % (around + 8 * len(PIECE)))
    server.until(lambda: descriptors() <= before)
    with pytest.raises(ValueError, match='its request is over'):
        uploads[1].open().read()


def test_a_large_body_that_is_cut_off_leaves_no_file(running: Callable[..., Running]) -> None:
    server = running(lambda request: 'never', limits=Limits(body=10_000_000))
    before = descriptors()

    def spooled() -> bool:
        return any(isinstance(getattr(each.body, '_content', None), Spool)
                   for each in list(server.server._connections))
    for _ in range(3):
        with server.connect(HEAD % (server.port, 5_000_000) + BEFORE + PIECE * 8) as client:
            server.until(spooled)
            client.shutdown(socket.SHUT_WR)
            assert rest(client).startswith(b'HTTP/1.0 400 ')
    server.until(lambda: descriptors() <= before)


def test_where_there_is_no_room_for_an_upload_it_is_507(running: Callable[..., Running],
                                                        monkeypatch: pytest.MonkeyPatch,
                                                        caplog: pytest.LogCaptureFixture) -> None:
    server = running(lambda request: 'small', limits=Limits(body=10_000_000))
    monkeypatch.setattr(tempfile, 'tempdir', '/no/such/folder')
    for _ in range(5):
        assert post(server.port, 16).startswith(b'HTTP/1.0 507 Insufficient Storage\r\n')
    assert server.get()[0] == 200
    assert 'cannot be kept' in caplog.text
