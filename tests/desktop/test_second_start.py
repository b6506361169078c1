"""A program that is started while it runs: one instance, and a window more."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import sys, time
sys.path.insert(0, {root!r})
import kali
app = kali.Router()

@app.function('/')
def home():
    return str(time.monotonic())

@app.function('/sleep')
def sleep():
    time.sleep(2)
    return 'slept'

kali.serve_http(app, app_id='twice', on_open=lambda arguments: arguments and '/file?name=' + arguments[0])
"""


class Starts:
    """Starts of one program. What each has its browser open is gathered in `opened()`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.started = folder, list[subprocess.Popen[str]]()
        (folder / 'log').mkdir()
        browser = folder / 'browser.py'
        browser.write_text('import os, shutil, sys, urllib.parse, urllib.request\n'
                           'path = urllib.request.url2pathname(urllib.parse.urlsplit(sys.argv[1]).path)\n'
                           f"shutil.copyfile(path, os.path.join({str(folder / 'log')!r}, "
                           "f'{os.getpid()}.html'))\n")
        self.browser = f'"{Path(sys.executable).as_posix()}" "{browser.as_posix()}" %s'
        self.script = folder / 'twice.py'
        self.script.write_text(SCRIPT.format(root=str(ROOT)))

    def __call__(self, *arguments: str, cwd: Path | None = None,
                 state: str = 'state') -> subprocess.Popen[str]:
        self.started.append(subprocess.Popen(
            [sys.executable, '-u', str(self.script), *arguments], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, cwd=cwd, env={
                **os.environ, 'HOME': str(self.folder), 'XDG_STATE_HOME': str(self.folder / state),
                'LOCALAPPDATA': str(self.folder / ('local' if state == 'state' else state)),
                'BROWSER': self.browser}))
        return self.started[-1]

    def opened(self) -> list[str]:
        found = [re.search(r'replace\("([^"]+)"\)', path.read_text())
                 for path in (self.folder / 'log').glob('*.html')]
        return [each[1] for each in found if each]

    @property
    def port(self) -> int:
        return int((self.state / 'port').read_text())

    @property
    def state(self) -> Path:
        return self.folder / ('local/twice/State' if sys.platform == 'win32' else 'state/twice')


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starts]:
    starts = Starts(tmp_path)
    yield starts
    for each in starts.started:
        each.kill()
        each.communicate()


def status_of(url: str) -> int:
    host, _, target = url.removeprefix('http://').partition('/')
    connection = HTTPConnection(host, timeout=10)
    connection.request('GET', '/' + target)
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_second_start_opens_a_window_of_the_first_and_ends(start: Starts,
                                                             eventually: Callable[..., object]) -> None:
    first = start()
    eventually(lambda: len(start.opened()) == 1)
    begun = time.monotonic()
    second = start('größe 7.txt')
    assert second.wait(20) == 0, second.communicate()
    assert time.monotonic() - begun < 5
    eventually(lambda: len(start.opened()) == 2)
    assert first.poll() is None
    url = next(each for each in start.opened() if '/file' in each)
    assert url.startswith(f'http://127.0.0.1:{start.port}/file?name=gr%C3%B6%C3%9Fe%207.txt&key=')
    assert status_of(url) == 200
    assert status_of(url) == 403


@pytest.mark.posix('with paths as POSIX writes them')
def test_a_file_is_handed_over_whatever_the_working_directory(start: Starts,
                                                              eventually: Callable[..., object]) -> None:
    for name in ('first', 'second'):
        (start.folder / name).mkdir()
    (start.folder / 'second/notes.txt').write_text('x')
    start(cwd=start.folder / 'first')
    eventually(lambda: len(start.opened()) == 1)
    assert start('notes.txt', cwd=start.folder / 'second').wait(20) == 0
    eventually(lambda: len(start.opened()) == 2)
    url = next(each for each in start.opened() if '/file' in each)
    assert f'name={start.folder}/second/notes.txt'.replace('/', '%2F') in url.replace('/', '%2F')
    assert start.port == int(url.split(':')[2].split('/')[0])


@pytest.mark.posix('with paths as POSIX writes them')
def test_two_homes_do_not_meet(start: Starts, eventually: Callable[..., object]) -> None:
    first = start()
    eventually(lambda: len(start.opened()) == 1)
    other = start(state='other')
    eventually(lambda: len(start.opened()) == 2)
    assert (first.poll(), other.poll()) == (None, None)
    assert start.port != int((start.folder / 'other/twice/port').read_text())
    assert start(state='other').wait(20) == 0


@pytest.mark.posix('Windows keeps the working directory of a program')
def test_a_working_directory_that_is_gone_does_not_matter(start: Starts,
                                                          eventually: Callable[..., object]) -> None:
    (start.folder / 'gone').mkdir()
    start.script.write_text('import os; os.rmdir(os.getcwd())\n' + start.script.read_text())
    start(cwd=start.folder / 'gone')
    eventually(lambda: len(start.opened()) == 1)
    assert status_of(start.opened()[0]) == 200


@pytest.mark.slow
def test_twenty_starts_at_once_are_one_program(start: Starts, eventually: Callable[..., object]) -> None:
    for _ in range(20):
        start()
    eventually(lambda: sum(each.poll() is None for each in start.started) == 1, 60)
    assert sorted(str(each.poll()) for each in start.started) == ['0'] * 19 + ['None']
    eventually(lambda: len(start.opened()) >= 1)
    assert {url.split('/')[2] for url in start.opened()} == {f'127.0.0.1:{start.port}'}


@pytest.mark.slow
def test_a_first_that_is_busy_is_waited_for(start: Starts, eventually: Callable[..., object]) -> None:
    start()
    eventually(lambda: len(start.opened()) == 1)
    url = start.opened()[0]
    connection = HTTPConnection('127.0.0.1', start.port, timeout=10)
    connection.request('GET', '/' + url.partition('/?')[2].join(('?', '')))
    cookie = connection.getresponse().headers['Set-Cookie'].split(';')[0]
    connection.close()
    busy = HTTPConnection('127.0.0.1', start.port, timeout=10)
    busy.request('GET', '/sleep', headers={'Cookie': cookie})
    assert start().wait(20) == 0
    assert busy.getresponse().read() == b'slept'
    busy.close()


@pytest.mark.parametrize('stranger', [
    'import socket, time; s = socket.create_server(("127.0.0.1", PORT)); print(flush=True); time.sleep(60)',
    'from http.server import *\ns = HTTPServer(("127.0.0.1", PORT), SimpleHTTPRequestHandler)\n'
    'print(flush=True)\ns.serve_forever()',
], ids=['silent', 'speaks HTTP'])
def test_after_a_crash_it_starts_anew_also_beside_a_stranger(start: Starts, stranger: str,
                                                             eventually: Callable[..., object]) -> None:
    first = start()
    eventually(lambda: len(start.opened()) == 1)
    port = start.port
    first.kill()
    first.wait()
    other = subprocess.Popen([sys.executable, '-c', stranger.replace('PORT', str(port))],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    start.started.append(other)  # type: ignore[arg-type]  # to be ended
    assert other.stdout is not None
    other.stdout.readline()
    second = start()
    eventually(lambda: len(start.opened()) == 2)
    assert second.poll() is None
    assert start.port != port
    assert start().wait(20) == 0
    assert other.poll() is None, 'kali ends no process that it did not start'


def test_a_port_file_that_says_nothing_is_no_hindrance(start: Starts,
                                                       eventually: Callable[..., object]) -> None:
    first = start()
    eventually(lambda: len(start.opened()) == 1)
    for port in (b'', b'garbage', b'99999', b'\xff'):
        (start.state / 'port').write_bytes(port)
        assert start().wait(20) == 0
    assert first.poll() is None


def test_what_a_stranger_gets(start: Starts, eventually: Callable[..., object]) -> None:
    start()
    eventually(lambda: len(start.opened()) == 1)
    for path, method, status in (
            ('/.kali/instance', 'GET', 400), ('/.kali/instance?challenge=' + 'a' * 64, 'GET', 200),
            ('/.kali/instance', 'POST', 403), ('/.kali/instance', 'PUT', 405),
            ('/.kali/kali.css', 'GET', 403), ('/.kali/instance/x', 'GET', 403), ('/.kali/log', 'GET', 403)):
        connection = HTTPConnection('127.0.0.1', start.port, timeout=10)
        connection.request(method, path, 'x' if method == 'POST' else None)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        assert (path, method, answer.status) == (path, method, status)
        assert 'key=' not in text
