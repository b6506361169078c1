"""The server in a process of its own: signals, shortages, busy ports, and how it ends.

The signals and /proc are of POSIX; conftest.py leaves this file out on Windows.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Served

ROOT = Path(__file__).resolve().parent.parent.parent

APP = """
    import sys, time
    import kali
    app = kali.Router()

    @app.function('/')
    def home(): return 'Hello, world!'

    @app.function('/sleep')
    def sleep():
        print('handler runs', flush=True)
        time.sleep(60)

    @app.function('/swallow')
    def swallow():
        print('handler runs', flush=True)
        try:
            time.sleep(60)
        except BaseException:
            pass
        time.sleep(60)

    @app.function('/spin')
    def spin():
        print('handler runs', flush=True)
        while True: pass

    @app.function('/exit')
    def leave(): raise SystemExit(3)

    @app.function('/interrupt')
    def interrupt(): raise KeyboardInterrupt

    @app.function('/bye')
    def bye(): return kali.Response('bye', shut_down=True)

    kali.serve_http(app)
    print('ended well', flush=True)
"""


def ends_well(served: Served, begin: float) -> None:
    served.process.wait(10)
    assert time.monotonic() - begin < 2, 'it took more than two seconds to end'
    assert served.process.returncode == 0, served.output()
    assert 'ended well' in served.output()
    assert 'Traceback' not in served.output()
    with socket.create_server(('127.0.0.1', served.port)):
        pass  # the port is free at once


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
@pytest.mark.posix('Windows has no signals between processes; tests/win32 sends Ctrl-Break')
def test_a_signal_ends_an_idle_server(serve: Callable[..., Served], number: signal.Signals) -> None:
    served = serve(APP)
    assert served.get('/').text == 'Hello, world!'
    with socket.create_connection(('127.0.0.1', served.port)):  # a silent client
        begin = time.monotonic()
        served.process.send_signal(number)
        ends_well(served, begin)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize('page', ['/sleep', '/swallow', '/spin'])
@pytest.mark.posix('Windows has no signals between processes; tests/win32 sends Ctrl-Break')
def test_a_signal_interrupts_a_handler_and_its_client_is_told(serve: Callable[..., Served],
                                                              number: signal.Signals,
                                                             page: str) -> None:
    served = serve(APP)
    with socket.create_connection(('127.0.0.1', served.port), timeout=10) as client:
        client.sendall(b'GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n' % (page.encode(), served.port))
        deadline = time.monotonic() + 10
        while 'handler runs' not in served.output():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        begin = time.monotonic()
        served.process.send_signal(number)
        answer = b''.join(iter(lambda: client.recv(65536), b''))
        assert answer.startswith(b'HTTP/1.0 503 ')
        ends_well(served, begin)


def test_exit_and_interrupt_without_a_signal_end_the_request_only(serve: Callable[..., Served]) -> None:
    served = serve(APP, tracebacks=True)  # in the log, where they belong
    for _ in range(2):
        assert served.get('/exit').status == 500
        assert served.get('/interrupt').status == 500
        assert served.get('/').status == 200


def test_shut_down_ends_the_program(serve: Callable[..., Served]) -> None:
    served = serve(APP)
    begin = time.monotonic()
    assert served.get('/bye').text == 'bye'
    ends_well(served, begin)


SHORT = """
    import os, resource
    import kali
    resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
    app = kali.Router()

    @app.function('/')
    def home(): return f'{len(os.listdir("/proc/self/fd"))} open'

    @app.function('/boom')
    def boom(): return 1 / 0

    kali.serve_http(app, timeout=60)
"""


@pytest.mark.posix('Windows sets no limit to open files')
def test_out_of_file_descriptors_it_keeps_serving(serve: Callable[..., Served]) -> None:
    served = serve(SHORT, tracebacks=True)
    before = served.get('/').text
    silent = [socket.create_connection(('127.0.0.1', served.port), timeout=10) for _ in range(60)]
    deadline = time.monotonic() + 10
    while 'cannot accept' not in served.output():
        assert time.monotonic() < deadline, served.output()
        time.sleep(0.01)
    # Those that got in are served, whatever needs a file descriptor, such as the first line of the log.
    for page in (b'/', b'/boom'):
        client = silent.pop(0)
        client.sendall(b'GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n' % (page, served.port))
        assert client.recv(9) == b'HTTP/1.0 '
        client.close()
    for client in silent:
        client.close()
    assert served.get('/').text == before
    assert served.output().count('cannot accept') == 1


def run(script: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    path = tmp_path / 'script.py'
    path.write_text(f'import sys; sys.path.insert(0, {str(ROOT)!r})\nimport kali, socket\n{script}',
                    encoding='utf-8')
    return subprocess.run([sys.executable, str(path)], capture_output=True, text=True, timeout=20,
                          check=False)


def test_a_busy_port_is_an_error_that_names_it(tmp_path: Path) -> None:
    with socket.create_server(('127.0.0.1', 0)) as busy:
        port = busy.getsockname()[1]
        done = run(f'kali.serve_http(print, port={port}, start=None)', tmp_path)
    assert done.returncode == 1
    assert f'KaliError: Port {port} on 127.0.0.1 cannot be used' in done.stderr
    assert 'give another port' in done.stderr


def test_a_port_that_is_busy_for_ipv6_alone_is_busy(tmp_path: Path) -> None:
    if not socket.has_ipv6:
        return
    with socket.create_server(('::1', 0), family=socket.AF_INET6) as busy:
        port = busy.getsockname()[1]
        done = run(f'kali.serve_http(print, port={port}, start=None)', tmp_path)
    assert f'Port {port} on ::1 cannot be used' in done.stderr


@pytest.mark.parametrize('arguments, said', [
    ("address='0.0.0.0'", 'can be reached by others'), ("address='192.168.0.7'", 'hosts='),
    ("port=70000", 'from 0 to 65535'), ("window='hologram'", "it is one of 'tab', 'app', 'native'"),
    ("key='a b'", 'letters, digits and ._~-'),
])
def test_what_serve_http_refuses(tmp_path: Path, arguments: str, said: str) -> None:
    done = run(f'kali.serve_http(print, start=None, {arguments})', tmp_path)
    assert done.returncode == 1
    assert 'ValueError' in done.stderr
    assert said in done.stderr


def test_in_a_spawned_child_it_does_nothing(tmp_path: Path) -> None:
    script = ("import multiprocessing\nmultiprocessing.current_process().name = 'SpawnProcess-1'\n"
              'kali.serve_http(print, start=None)\nprint("went on")')
    assert run(script, tmp_path).stdout == 'went on\n'


def test_no_console_is_survived(tmp_path: Path) -> None:
    script = ('import sys\nsys.stdout = sys.stderr = None\nimport threading, urllib.request, os\n'
              'from kali.server.loop import Server\nfrom kali.server.listening import listen\n'
              'listener = listen("127.0.0.1", 0)\n'
              'port = listener.getsockname()[1]\nserver = Server(lambda request: 1 / 0, [listener])\n'
              'thread = threading.Thread(target=server.run)\nthread.start()\n'
              'client = socket.create_connection(("127.0.0.1", port))\n'
              'client.sendall(b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")\nanswer = client.recv(12)\n'
              'server.stop()\nthread.join()\nos._exit(0 if answer == b"HTTP/1.0 500" else 1)')
    assert run(script, tmp_path).returncode == 0


CLOSES = """
    import os
    import kali
    app = kali.Router()

    @app.function('/')
    def home():
        for number in (0, 1, 2):
            try:
                os.close(number)
            except OSError:
                pass
        return 'closed'

    @app.function('/print')
    def show():
        try:
            print('for the console', flush=True)
        except OSError:
            pass
        return 'fine'

    kali.serve_http(app)
"""


def test_a_client_never_gets_what_is_for_the_console(serve: Callable[..., Served]) -> None:
    served = serve(CLOSES)
    for _ in range(3):
        assert served.get('/').text == 'closed'
        assert served.get('/print').text == 'fine'  # any byte before the status line would show
