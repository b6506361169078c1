"""What Windows does otherwise: sockets, files in use, consoles, names, times."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from kali import FileUpload, Request, Response, Router, StaticFolder
from kali.desktop.files import write_private
from kali.desktop.folders import data_dir, log_dir, state_dir
from kali.desktop.window import launch_page
from kali.errors import DatabaseError, KaliError
from kali.http.dates import http_date
from kali.http.filenames import harmless_name
from kali.server.listening import listen
from kali.sqlite import backup, connect, guard
from kali.sqlite.copies import backups
from kali.sqlite.places import network_share
from kali.sqlite.restore import restore_file
from kali.testing import Client
from tests.harness import Running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.skipif(sys.platform != 'win32', reason='about Windows: .ci/windows runs it')
ROOT = Path(__file__).resolve().parents[2]
GET = b'GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n'


@pytest.fixture
def running() -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def start(handler: Any, **options: Any) -> Running:
        started.append(Running(handler, options))
        return started[-1]
    yield start
    for each in started:
        each.end()


# Sockets. `select` takes 512 of them there.

def test_three_hundred_silent_clients_cost_nobody_anything(running: Callable[..., Running]) -> None:
    server = running(lambda request: 'here', timeout=30)
    with ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(server.connect())
        server.until(lambda: len(server.server._connections) == 300)
        for _ in range(20):
            assert server.get()[2] == b'here'
    server.until(lambda: not server.server._connections)


def test_more_clients_than_select_takes_wait_and_are_served(running: Callable[..., Running]) -> None:
    server = running(lambda request: 'here', timeout=1)
    with ExitStack() as stack:
        for _ in range(600):
            stack.enter_context(server.connect())
        with server.connect(GET % b'/') as late:
            late.settimeout(20)
            assert b'here' in b''.join(iter(lambda: late.recv(65536), b''))
    assert server.get()[2] == b'here'


def test_a_port_belongs_to_one_program() -> None:
    with listen('127.0.0.1', 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(KaliError, match=f'Port {port} on 127.0.0.1 cannot be used'):
            listen('127.0.0.1', port)
        with socket.socket() as thief:  # cpython#85307
            thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with pytest.raises(OSError):
                thief.bind(('127.0.0.1', port))


# The end of a program.

ENDED = '''
import signal, sys, threading, time
from contextlib import contextmanager
from kali import serve_http
from kali.http.around import Around

@contextmanager
def living(host):
    yield
    print('ended well', flush=True)

def handle(request):
    if request.target == '/busy':
        print('busy', flush=True)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            time.sleep(0.01)
    if request.target == '/go':
        threading.Timer(0.2, signal.raise_signal, [signal.{name}]).start()
    return 'fine'
serve_http(Around(handle, handle, [living]))
'''


@pytest.mark.parametrize('name', ['SIGINT', 'SIGBREAK'])
@pytest.mark.parametrize('busy', [False, True])
def test_ctrl_c_and_ctrl_break_end_the_program_idle_and_in_a_handler(serve: Any, name: str,
                                                                     busy: bool) -> None:
    # Raised in another thread of the process, as the system does it.
    served = serve(ENDED.format(name=name))
    assert served.get('/go').text == 'fine'
    if busy:
        assert served.get('/busy').status == 503
    assert served.process.wait(10) == 0
    assert 'ended well' in served.output()
    assert 'Traceback' not in served.output()


def test_a_program_without_a_console_lives(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name('pythonw.exe')
    if not program.exists():
        pytest.skip('this Python comes without pythonw.exe')
    script = tmp_path / 'app.pyw'
    script.write_text(
        'import sys\nsys.stdin = sys.stdout = sys.stderr = None  # Wine hands on those of Linux\n'
        'import kali\napp = kali.Router()\n'
        '@app.get("/")\ndef home(): print("lost"); return "here"\n'
        '@app.get("/fails")\ndef fails(): return 1 / 0\n'
        '@app.post("/end")\ndef end(): return kali.Response("", shut_down=True)\n'
        'kali.serve_http(app, start=None, port=int(sys.argv[1]))\n', encoding='utf-8')
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([program, script, str(port)],
                               env={**os.environ, 'LOCALAPPDATA': str(tmp_path)})
    try:
        for target, status in (('GET /', 200), ('GET /fails', 500), ('GET /', 200), ('POST /end', 200)):
            assert ask(port, target)[9:12] == str(status).encode()
        assert process.wait(10) == 0
    finally:
        process.kill()


def ask(port: int, target: str, cookie: str = '') -> bytes:
    """All of an answer; tries until the server listens."""
    deadline = time.monotonic() + 20
    while True:
        try:
            with socket.create_connection(('127.0.0.1', port), 10) as client:
                client.sendall(f'{target} HTTP/1.1\r\nHost: localhost:{port}\r\n'
                               f'Cookie: {cookie}\r\nContent-Length: 0\r\n\r\n'.encode())
                return b''.join(iter(lambda: client.recv(65536), b''))
        except ConnectionRefusedError:
            assert time.monotonic() < deadline


# Files.

def test_a_file_that_another_program_reads_is_replaced_when_it_is_done(tmp_path: Path) -> None:
    import threading
    path = tmp_path / 'port'
    path.write_text('1')
    reader = path.open(encoding='utf-8')
    threading.Timer(0.1, reader.close).start()
    write_private(str(path), '2')
    assert path.read_text() == '2'
    with path.open(encoding='utf-8'), pytest.raises(PermissionError):
        write_private(str(path), '3')
    assert [each.name for each in tmp_path.iterdir()] == ['port']


def test_an_upload_over_a_file_in_use_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / 'report.pdf'
    path.write_bytes(b'old')
    upload = FileUpload('report.pdf', 'application/pdf', b'new')
    with path.open('rb'), pytest.raises(PermissionError):
        upload.save(path, replace=True)
    assert [each.name for each in tmp_path.iterdir()] == ['report.pdf']
    assert path.read_bytes() == b'old'
    upload.save(path, replace=True)
    assert path.read_bytes() == b'new'


def test_a_database_that_another_program_has_open_or_locks(tmp_path: Path) -> None:
    path = tmp_path / 'shop.sqlite'
    with closing(connect(path, busy_timeout=0.05)) as db, closing(sqlite3.connect(path)) as other:
        db.execute('CREATE TABLE note (text)')
        client = Client(guard(lambda request: db.execute("INSERT INTO note VALUES ('x')") and 'Saved', db))
        assert client.post('/').status == 200
        other.execute('BEGIN EXCLUSIVE')
        refused = client.post('/')
        assert refused.status == 503
        other.rollback()
        assert client.post('/').status == 200
        assert other.execute('SELECT count(*) FROM note').fetchone() == (2,)


def test_a_database_that_is_open_elsewhere_is_not_replaced_by_a_backup(tmp_path: Path) -> None:
    path = tmp_path / 'shop.sqlite'
    with closing(connect(path)) as db:
        db.execute('CREATE TABLE note (text)')
        db.execute("INSERT INTO note VALUES ('kept')")
        handler = backup(db)
        with Client(handler):
            pass  # the lifespan makes one
        made = backups(path, handler.folder)[-1].path
        db.execute("DELETE FROM note")
    with path.open('rb'):  # as a virus scanner has it
        restore_file(path, made)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute('SELECT text FROM note').fetchall() == [('kept',)]
    path.write_bytes(b'damaged ' * 2000)
    with path.open('rb'), pytest.raises(DatabaseError, match='could not take the place of'):
        restore_file(path, made)
    assert not list(tmp_path.glob('*.part'))
    restore_file(path, made)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute('SELECT text FROM note').fetchall() == [('kept',)]


SPECIAL = ['CON', 'con.txt', 'NUL', 'nul.html', 'AUX', 'PRN.pdf', 'COM1', 'com9.csv', 'LPT1.txt', 'COM¹',
           'LPT².a', 'CONIN$', 'CONOUT$', 'a.txt.', 'a.txt ', 'a.txt::$DATA', 'a.txt:stream', 'C:a.txt',
           '..\\secret.txt', '\\\\?\\C:\\secret.txt', '\\\\server\\share', 'A.TXT.', 'sub\\..\\a.txt',
           'a.txt\\', 'PROGRA~1', 'SECRET~1.TXT']


@pytest.mark.parametrize('name', SPECIAL)
def test_names_that_windows_makes_special_lead_to_no_file(tmp_path: Path, name: str) -> None:
    (tmp_path / 'secret.txt').write_text('secret')
    site = tmp_path / 'site'
    site.mkdir()
    (site / 'a.txt').write_text('a')
    router = Router()
    router.delegate_folder('/files/', StaticFolder(site))
    reply = Client(router).get('/files/' + quote(name))
    assert reply.status in (400, 404)
    assert 'secret' not in reply.text.replace(name, '').replace(quote(name), '') or reply.status == 404
    harmless = harmless_name(name)
    assert not re.fullmatch(r'(?i)(con|nul|aux|prn|com\d|lpt\d|conin\$|conout\$)(\..*)?', harmless)
    assert not set(harmless) & set('\\/:*?"<>|')
    assert harmless == harmless.rstrip('. ')


def test_a_file_is_found_whatever_the_capitals_and_has_one_address(tmp_path: Path) -> None:
    (tmp_path / 'Report.TXT').write_text('text')
    client = Client(StaticFolder(tmp_path))
    assert client.get('/Report.TXT').text == 'text'
    assert client.get('/report.txt').status in (200, 404)  # as the file system has it


@pytest.mark.parametrize('length', [200, 258, 300, 900])
def test_a_long_path(tmp_path: Path, length: int) -> None:
    folder = tmp_path
    while len(str(folder)) < length:
        folder /= 'x' * min(100, max(1, length - len(str(folder)) - 1))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with closing(connect(folder / 'shop.sqlite')) as db:
            db.execute('CREATE TABLE note (text)')
    except (OSError, DatabaseError) as error:
        assert length > 240, error  # long paths are switched on in the registry of Windows
        return


@pytest.mark.wine('names')
def test_a_folder_of_a_long_path(tmp_path: Path) -> None:
    folder = tmp_path.joinpath(*['x' * 50] * 6)
    folder.mkdir(parents=True)
    (folder / 'a.txt').write_text('a')
    assert Client(StaticFolder(folder)).get('/a.txt').text == 'a'


@pytest.mark.parametrize('prefix', ['\\\\?\\', ''])
def test_a_path_with_a_drive(tmp_path: Path, prefix: str) -> None:
    path = prefix + str(tmp_path / 'shop.sqlite')
    assert re.match(r'(\\\\\?\\)?[A-Z]:\\', path)
    with closing(connect(path)) as db:
        db.execute('CREATE TABLE note (text)')
        handler = backup(db)
        with Client(handler):
            pass
        assert backups(Path(path), handler.folder)


def test_a_share_is_told_from_a_disk() -> None:
    assert network_share(Path('\\\\server\\office\\shop.sqlite')) == 'network share'
    assert network_share(Path('C:\\office\\shop.sqlite')) is None


# Folders, names of users, the code page.

USERS = ['Ann Smith', 'Žofie Nováková', 'Ωμέγα', '李小龍', "O'Neil & Söhne (100%)", 'a;b,c=d']


@pytest.mark.parametrize('user', USERS)
def test_the_folders_of_a_user_of_any_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
                                           user: str) -> None:
    local = tmp_path / user / 'AppData' / 'Local'
    monkeypatch.setenv('USERPROFILE', str(tmp_path / user))
    for variable in (str(local), 'relative', ''):
        monkeypatch.setenv('LOCALAPPDATA', variable)
        assert data_dir('Order Book') == local / 'order-book'
        assert state_dir('Order Book') == local / 'order-book' / 'State'
        assert log_dir('Order Book') == local / 'order-book' / 'Logs'
    url = launch_page('http://127.0.0.1:1/?key=x', str(state_dir('Order Book')))
    assert url.isascii()
    assert url == (state_dir('Order Book') / 'launch.html').as_uri().replace("'", '%27').replace(
        '(', '%28').replace(')', '%29') or url.startswith('file:///')
    import urllib.request
    assert b'location.replace' in urllib.request.urlopen(url).read()


@pytest.mark.parametrize('user, encoding', [*((user, 'cp437') for user in USERS), (USERS[1], 'cp852'),
                                            (USERS[1], 'cp1252'), (USERS[3], 'utf-8')])
def test_a_program_of_any_user_on_a_console_of_any_code_page(tmp_path: Path, user: str,
                                                             encoding: str) -> None:
    folder = tmp_path / user
    folder.mkdir()
    script = folder / f'{user}.py'
    script.write_text(
        'import sys\nfrom kali import Response, serve_http\nfrom kali.desktop.folders import data_dir\n'
        'from kali.sqlite import connect, guard\ndb = connect(data_dir() / "notes.sqlite")\n'
        'db.execute("CREATE TABLE IF NOT EXISTS note (text)")\nprint(db and sys.argv[0], "Ω李", flush=True)\n'
        'def handle(request):\n    if request.method == "POST":\n'
        '        db.execute("INSERT INTO note VALUES (?)", [request.form["text"]])\n'
        '        return Response("saved", shut_down=True)\n    return "here"\n'
        'serve_http(guard(handle, db), start=None, port=int(sys.argv[1]))\n', encoding='utf-8')
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    with (folder / 'output').open('wb') as output:
        process = subprocess.Popen(
            [sys.executable, str(script), str(port)], stdout=output, stderr=output,
            env={**os.environ, 'PYTHONIOENCODING': f'{encoding}:replace', 'LOCALAPPDATA': str(folder),
                 'PYTHONPATH': os.pathsep.join([str(ROOT), os.environ.get('PYTHONPATH', '')])})
    try:
        assert b' 200 ' in ask(port, 'GET /'), (folder / 'output').read_bytes()
        body = 'text=%C5%BE'
        with socket.create_connection(('127.0.0.1', port), 10) as client:
            client.sendall(f'POST / HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Length: {len(body)}\r\n'
                           f'Content-Type: application/x-www-form-urlencoded\r\n\r\n{body}'.encode())
            assert b'saved' in b''.join(iter(lambda: client.recv(65536), b''))
        assert process.wait(10) == 0, (folder / 'output').read_bytes()
    finally:
        process.kill()
    with closing(sqlite3.connect(next(folder.rglob('notes.sqlite')))) as db:
        assert db.execute('SELECT text FROM note').fetchall() == [('ž',)]


# Times.

@pytest.mark.parametrize('when, date', [
    (-1, 'Wed, 31 Dec 1969 23:59:59 GMT'), (-11644473600, 'Mon, 01 Jan 1601 00:00:00 GMT'),
    (0, 'Thu, 01 Jan 1970 00:00:00 GMT'), (32535216000, 'Thu, 01 Jan 3001 00:00:00 GMT'),
    (32536850399 + 86400 * 400, None),
])
def test_a_date_before_1970_and_after_3000(when: int, date: str | None) -> None:
    assert http_date(when) == (date or http_date(when))


@pytest.mark.parametrize('when', [-1, -10**9, 33_000_000_000])
def test_a_file_of_another_age_is_served(tmp_path: Path, when: int) -> None:
    path = tmp_path / 'old.txt'
    path.write_text('old')
    os.utime(path, (when, when))
    assert Client(StaticFolder(tmp_path)).get('/old.txt').text == 'old'
    assert Client(lambda request: Response.file(path, request=request)).get('/').text == 'old'


@pytest.mark.parametrize('zone', ['UTC', 'EST5EDT', 'CET-1CEST', 'NZST-12NZDT', '<+0545>-5:45'])
def test_dates_of_http_do_not_depend_on_the_time_zone(zone: str) -> None:
    source = ('import sys, time; from kali.http.dates import http_date, time_of\n'
              'now = int(time.time()); assert time_of(http_date(now)) == now; print(http_date(784111777))')
    done = subprocess.run([sys.executable, '-c', source], capture_output=True, text=True, check=True,
                          env={**os.environ, 'TZ': zone, 'PYTHONPATH': os.pathsep.join(
                              [str(ROOT), os.environ.get('PYTHONPATH', '')])})
    assert done.stdout.strip() == 'Sun, 06 Nov 1994 08:49:37 GMT'


def test_signals_are_put_back() -> None:
    before = signal.getsignal(signal.SIGBREAK)  # type: ignore[attr-defined]
    server = Running(lambda request: 'x', {})
    server.end()
    assert signal.getsignal(signal.SIGBREAK) is before  # type: ignore[attr-defined]
    assert Request('GET', '/').method == 'GET'


# A double-click.

def test_demo_bat_as_a_double_click_starts_it(tmp_path: Path) -> None:
    env = {**os.environ, 'PATH': os.pathsep.join([str(Path(sys.executable).parent), os.environ['PATH']]),
           'BROWSER': 'none', 'LOCALAPPDATA': str(tmp_path), 'PYTHONUNBUFFERED': '1'}
    with subprocess.Popen(['cmd', '/c', str(ROOT / 'demo.bat'), 'intro'], cwd=tmp_path, env=env,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True) as process:
        assert process.stdout is not None
        said = ''
        while not (found := re.search(r'http://127\.0\.0\.1:(\d+)/\S*', said)):
            line = process.stdout.readline()
            assert line, said
            said += line
        port, key = int(found[1]), found[0].partition(f':{found[1]}')[2]
        answer = ask(port, f'GET {key}')
        assert answer[9:12] == b'200', answer
        cookie = re.search(rb'(?i)set-cookie: ([^;]+)', answer)
        assert cookie is not None
        assert b'<h1' in ask(port, 'GET /', cookie[1].decode())
        ask(port, 'POST /.kali/quit', cookie[1].decode())
        process.stdout.read()
        assert process.wait(20) == 0
