"""The log: one line a request, that no request can forge, and nothing at all while nobody listens."""

from __future__ import annotations

import builtins
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from kali import log

ROOT = Path(__file__).resolve().parent.parent


def test_what_is_said_at_which_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, 'kali')
    log.info('%s came', 'Ann')
    log.warning('%d left', 3)
    log.error('%s broke', 'it', exception=ValueError('why'))
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ('INFO', 'Ann came'), ('WARNING', '3 left'), ('ERROR', 'it broke')]
    assert caplog.records[2].exc_info


def test_no_value_can_forge_a_line(caplog: pytest.LogCaptureFixture) -> None:
    log.warning('%s', '/a\r\n127.0.0.1 forged\x1b[2J\u2028\x85 ü')
    assert caplog.records[0].getMessage() == '/a\\r\\n127.0.0.1 forged\\x1b[2J\\u2028\\x85 ü'


def test_nobody_listens_below_the_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, 'kali')
    assert not log.is_listening()
    log.info('unheard')
    assert not caplog.records
    caplog.set_level(logging.INFO, 'kali')
    assert log.is_listening()


def test_an_info_does_not_load_logging() -> None:
    script = (f'import sys; sys.path.insert(0, {str(ROOT)!r})\nfrom kali import log\nlog.info("x")\n'
              'print(log.is_listening(), "logging" in sys.modules)')
    assert subprocess.check_output([sys.executable, '-I', '-S', '-c', script], text=True) == 'False False\n'


def test_a_log_that_fails_is_told_of_and_harms_nobody(monkeypatch: pytest.MonkeyPatch,
                                                      capsys: pytest.CaptureFixture[str]) -> None:
    real = builtins.__import__

    def no_descriptors(name: str, *rest: object) -> object:
        if name == 'logging':
            raise OSError(24, 'Too many open files')
        return real(name, *rest)  # type: ignore[arg-type]
    log._logger.cache_clear()
    monkeypatch.setattr(builtins, '__import__', no_descriptors)
    log.error('%s failed', 'GET /', exception=ValueError())
    assert 'kali: GET / failed (and the log failed: OSError(24' in capsys.readouterr().err
    monkeypatch.setattr(sys, 'stderr', None)
    log.warning('unheard')


def test_one_line_a_request(caplog: pytest.LogCaptureFixture) -> None:
    import socket
    import threading

    from kali.http.response import Response
    from kali.server.listening import listen
    from kali.server.loop import Server
    caplog.set_level(logging.INFO, 'kali')
    listener = listen('127.0.0.1', 0)
    port = listener.getsockname()[1]
    server = Server(lambda request: Response.stream(['abc', 'd']) if request.target == '/stream' else 'hello',
                    [listener])
    thread = threading.Thread(target=server.run)
    thread.start()
    for target in (b'/page', b'/stream'):
        with socket.create_connection(('127.0.0.1', port), timeout=5) as client:
            client.sendall(b'GET ' + target + b' HTTP/1.1\r\nHost: a\r\n\r\n')
            while client.recv(1000):
                pass
    server.stop()
    thread.join(5)
    lines = [record.getMessage() for record in caplog.records]
    assert [line.rpartition(' bytes ')[0] for line in lines] == ['GET /page 200 5', 'GET /stream 200 4']
    assert all(line.endswith(' ms') for line in lines)
