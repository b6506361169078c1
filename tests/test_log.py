"""The log: one line a request, that no request can forge, and nothing at all while nobody listens."""

from __future__ import annotations

import builtins
import io
import logging
import socket
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


class Broken:
    """A console of the application's own that does nothing right."""

    encoding = 'no such thing'

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def write(self, text: str) -> int:
        raise self.error

    def flush(self) -> None:
        raise self.error

    fileno = flush


def closed() -> io.TextIOWrapper:
    stream = io.TextIOWrapper(io.BytesIO(), encoding='utf-8')
    stream.close()
    return stream


CONSOLES = [None, object(), closed(), io.BytesIO(), *map(Broken, (
    OSError(5, 'I/O error'), ValueError('closed'), BrokenPipeError(), UnicodeEncodeError('x', 'y', 0, 1, 'z'),
    BlockingIOError(), RuntimeError('mine'), AttributeError('mine'), RecursionError()))]


@pytest.mark.parametrize('console', CONSOLES,
                         ids=lambda each: f'{type(each).__name__} {getattr(each, "error", "")}')
def test_a_console_that_cannot_be_written_to_harms_nobody(monkeypatch: pytest.MonkeyPatch,
                                                          console: object) -> None:
    monkeypatch.setattr(sys, 'stdout', console)
    monkeypatch.setattr(sys, 'stderr', console)
    log.say('Running at größe/ж\ud800')
    monkeypatch.setattr(log, '_logger', lambda: 1 / 0)
    log.error('%s failed', 'GET /')


@pytest.mark.parametrize('encoding, shown', [
    ('utf-8', 'größe ж'), ('ascii', r'gr\xf6\xdfe \u0436'), ('cp1252', r'größe \u0436'),
    ('cp866', 'gr\\xf6\\xdfe ж'), ('utf-16', 'größe ж')])
def test_letters_that_a_console_lacks(monkeypatch: pytest.MonkeyPatch, encoding: str, shown: str) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline='\n')
    monkeypatch.setattr(sys, 'stdout', stream)
    log.say('größe ж')
    assert stream.buffer.getvalue().decode(encoding) == shown + '\n'  # type: ignore[attr-defined]


PROGRAM = """
import logging, os, sys
sys.path.insert(0, {root!r})
import kali
logging.basicConfig(level=logging.INFO)
app = kali.Router()

@app.function('/close')
def close():
    os.close({number})
    return 'closed'

@app.function('/')
def home():
    for console in (sys.stdout, sys.stderr):
        try:
            print('what was printed', file=console, flush=True)
        except (OSError, ValueError):
            pass  # the application has closed it
    try:
        logging.error('what was logged')
    except ValueError:
        pass  # Python's own handler, on a console that is closed
    return 'the page'

{before}
kali.serve_http(app, start=None, port={port}, key='k', app_id='console')
"""


@pytest.mark.posix('sockets have numbers of their own there')
@pytest.mark.parametrize('number', [0, 1, 2])
@pytest.mark.parametrize('before', ['', 'os.close({number})', 'sys.stdout.close(); sys.stderr.close()'])
def test_what_is_said_never_goes_to_a_client(number: int, before: str, tmp_path: Path) -> None:
    from tests.conftest import free_port
    port = free_port()
    source = PROGRAM.format(root=str(ROOT), number=number, before=before.format(number=number), port=port)
    process = subprocess.Popen([sys.executable, '-c', source], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env={'HOME': str(tmp_path)})

    def get(target: str, cookie: str = '') -> bytes:
        with socket.create_connection(('127.0.0.1', port), timeout=5) as client:
            client.sendall(f'GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{cookie}\r\n'.encode())
            return b''.join(iter(lambda: client.recv(65536), b''))
    try:
        while True:
            try:
                socket.create_connection(('127.0.0.1', port), timeout=5).close()
                break
            except ConnectionRefusedError:
                assert process.poll() is None, process.communicate()
        answer = get('/?key=k').decode()
        assert answer.startswith('HTTP/1.0 200')
        cookie = 'Cookie: ' + answer.partition('Set-Cookie: ')[2].partition(';')[0] + '\r\n'
        if not before:
            assert get('/close', cookie).endswith(b'\r\n\r\nclosed')
        answers = [get('/', cookie) for _ in range(5)]
    finally:
        process.terminate()
        said = b''.join(process.communicate(timeout=10))
    assert process.returncode == 0, said
    for each in answers:
        assert each.startswith(b'HTTP/1.0 200 OK\r\n'), each
        assert each.count(b'the page') == 1
        assert b'what was' not in each
        assert b'key=' not in each
