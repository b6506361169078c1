"""serve_http as a user starts it: a window with a key, a cookie that lasts, a port that is remembered.

A script stands in for the browser: BROWSER names it, and it writes down what it is asked to open. What a
browser would do then (read the launch page, follow it, keep the cookie) is done here by hand.
"""

from __future__ import annotations

import os
import re
import socket
import stat
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kali import Router, serve_http
from kali.desktop.ports import BAD_PORTS, STEPS, default_port, listen_nearby

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Start = Callable[..., 'Program']

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 20.0


def until(condition: Callable[[], object], what: str = 'it') -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f'{what} did not happen'
        time.sleep(0.01)


WINDOWS = sys.platform == 'win32'


def fake_browser(folder: Path, log: Path) -> str:
    """A command that writes down what it is asked to open, as BROWSER names it."""
    script = folder / 'browser.py'
    script.write_text(f'import os, sys\nwith open({str(folder / "part")!r}, "w") as file:\n'
                      '    file.write(" ".join(sys.argv[1:]))\n'
                      f'os.replace({str(folder / "part")!r}, {str(log)!r})\n', encoding='utf-8')
    return f'"{Path(sys.executable).as_posix()}" "{script.as_posix()}" %s'


def is_private(path: Path, mode: int) -> bool:
    """Whether it is for its user only; on Windows, that is what the folder AppData is for."""
    return WINDOWS or stat.S_IMODE(path.stat().st_mode) == mode


class Program:
    """A program that opens a window: `opened()` is the address that the browser was given last."""

    def __init__(self, folder: Path, port: int | None, options: str, env: dict[str, str | None],
                 before: str) -> None:
        self.folder, self.browser_log = folder, folder / 'opened.txt'
        self.browser_log.unlink(missing_ok=True)
        browser = fake_browser(folder, self.browser_log)
        script = folder / 'address book.py'
        script.write_text(f'import sys; sys.path.insert(0, {str(ROOT)!r})\nimport kali\napp = kali.Router()\n'
                          'ran = []\n@app.function("/")\ndef home():\n    ran.append(1)\n'
                          '    return f"ran {len(ran)}"\n'
                          '@app.function("/page")\ndef page(q, key="none"):\n    return f"page {q} {key}"\n'
                          f'{before}\nkali.serve_http(app, port={port}{options})\n', encoding='utf-8')
        self.output = folder / f'output-{time.monotonic()}.txt'
        with self.output.open('w') as output:
            self.process = subprocess.Popen([sys.executable, '-u', str(script)], stdout=output,
                                            stderr=subprocess.STDOUT, env={
                name: value for name, value in {
                    **os.environ, 'HOME': str(folder), 'XDG_STATE_HOME': str(folder / 'state'),
                    'XDG_DATA_HOME': str(folder / 'data'), 'LOCALAPPDATA': str(folder / 'local'),
                    'BROWSER': browser, **env}.items()
                if value is not None})

    def printed(self) -> str:
        """The address on the console."""
        until(lambda: 'the address works once' in self.output.read_text(), 'the address on the console')
        found = re.search(r'http://\S+', self.output.read_text())
        assert found is not None
        return found[0]

    def opened(self) -> str:
        until(self.browser_log.exists, 'the browser')
        return self.browser_log.read_text().strip()

    @property
    def port(self) -> int:
        return int(self.printed().split(':')[2].split('/')[0])

    def get(self, url: str, port: int = 0, **headers: str) -> tuple[int, dict[str, str], str]:
        connection = HTTPConnection('127.0.0.1', port or self.port, timeout=PATIENCE)
        try:
            connection.request('GET', re.sub('^http://[^/]+', '', url), headers=headers)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name,
                                   value in answer.getheaders()}, answer.read().decode()
        finally:
            connection.close()

    def launch_page(self) -> Path:
        assert self.opened().startswith('file:///')
        return self.state() / 'launch.html'

    def state(self, app_id: str = '*') -> Path:
        """The state folder."""
        return next(self.folder.glob(f'local/{app_id}/State' if WINDOWS else f'state/{app_id}'))

    def end(self) -> None:
        self.process.terminate()
        assert self.process.wait(PATIENCE) == (1 if WINDOWS else 0), self.output.read_text()
        assert 'Traceback' not in self.output.read_text()


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Start]:
    started: list[Program] = []

    def start(port: int | None = 0, options: str = '', env: dict[str, str | None] | None = None,
              before: str = '') -> Program:
        started.append(Program(tmp_path, port, options, env or {}, before))
        return started[-1]
    yield start
    for each in started:
        if each.process.poll() is None:
            each.end()


def address_in(page: Path) -> str:
    found = re.search(r'location\.replace\("([^"]+)"\)', page.read_text())
    assert found is not None
    return found[1]


def test_the_key_goes_to_the_browser_in_a_private_file_and_works_once(program: Start) -> None:
    running = program()
    page = running.launch_page()
    assert is_private(page, 0o600)
    assert is_private(page.parent, 0o700)
    assert is_private(page.parent / 'secret', 0o600)
    assert (page.parents[1] if WINDOWS else page.parent).name.startswith('address-book-')
    assert 'key=' not in running.opened()
    url = address_in(page)
    assert re.fullmatch(rf'http://127\.0\.0\.1:{running.port}/\?key=[0-9a-f]{{64}}', url)
    assert url != running.printed()

    assert running.get('/')[0] == 403
    status, headers, text = running.get(url)
    assert status == 200
    assert 'location.replace("/")' in text
    cookie = headers['set-cookie'].split(';')[0]
    assert cookie.startswith('kali-address-book-')
    assert running.get('/', Cookie=cookie)[2] == 'ran 1'  # and it did not run before
    assert running.get(url)[0] == 403
    assert running.get(running.printed())[0] == 200  # for a second browser
    assert running.get(running.printed())[0] == 403


def test_a_restart_keeps_the_cookie_and_the_port(program: Start) -> None:
    with socket.create_server(('127.0.0.1', 0)) as busy:
        wanted = busy.getsockname()[1]
        first = program(wanted)
        assert wanted < first.port < wanted + 50  # stepped over
        cookie = first.get(first.printed())[1]['set-cookie'].split(';')[0]
        port = first.port
        first.end()
    second = program(wanted)
    assert second.port == port  # though the one that is wanted is free by now
    assert second.get('/', Cookie=cookie)[2] == 'ran 1'
    assert second.get(first.printed())[0] == 403


def test_a_secret_that_was_damaged_is_made_anew(program: Start, tmp_path: Path) -> None:
    first = program()
    secret = first.launch_page().parent / 'secret'
    first.end()
    secret.write_bytes(b'\xff\xff')
    second = program()
    assert second.get(second.printed())[0] == 200
    assert re.fullmatch('[0-9a-f]{64}', secret.read_text())


def test_a_start_page_with_a_query(program: Start) -> None:
    running = program(options=", start='/page?q=R%26D'")
    url = address_in(running.launch_page())
    status, headers, text = running.get(url)
    assert (status, 'location.replace("/page?q=R%26D")' in text) == (200, True)
    cookie = headers['set-cookie'].split(';')[0]
    assert running.get('/page?q=R%26D', Cookie=cookie)[2] == 'page R&D none'
    assert f'href="{url.replace("&", "&amp;")}"' in running.launch_page().read_text()


@pytest.mark.parametrize('key', ['0123456789abcdef' * 4, 'my-own_key.7'])
def test_a_key_of_one_s_own(program: Start, key: str) -> None:
    running = program(options=f', key={key!r}')
    assert running.printed().endswith('?key=' + key)
    assert running.get(running.printed())[0] == 200


def test_no_browser_is_said(program: Start) -> None:
    running = program(env={'BROWSER': '/nowhere/browser'})
    until(lambda: 'No browser could be opened' in running.output.read_text())
    assert running.get(running.printed())[0] == 200


@pytest.mark.parametrize('options, said', [
    ('', "'app' cannot be opened here; it will be a tab"),
    (", window='app'", 'there is no Chromium, Chrome, Edge, Brave or Vivaldi'),
    (", window='native'", "'native' cannot be opened here; it will be a tab"),
    (", window='native'", 'pip install "kali[native]"'),
])
def test_another_kind_of_window_falls_back_to_a_tab_and_says_so(program: Start, options: str,
                                                                said: str) -> None:
    running = program(options=options)  # BROWSER names none of the Chromium family
    assert running.launch_page().exists()
    assert said in running.output.read_text()


@pytest.mark.parametrize('lines, said', [
    ('exit 1', 'ended at once, with 1'), ('kill -9 $$', 'ended at once, with -9'),
    pytest.param('exit 0', 'ended and had shown nothing', marks=pytest.mark.slow),
])
@pytest.mark.posix('the browser is a script of the shell')
def test_a_browser_that_ends_at_once_is_told_of(program: Start, tmp_path: Path, lines: str,
                                                said: str) -> None:
    browser = tmp_path / 'chromium'
    browser.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/tried\n{lines}\n')
    browser.chmod(0o755)
    running = program(env={'BROWSER': str(browser)})
    until(lambda: f'chromium {said}' in running.output.read_text(), 'the sentence')
    assert 'it will be a tab' in running.output.read_text()
    until(lambda: 'launch.html' in (tmp_path / 'tried').read_text().splitlines()[-1].split()[0])
    assert running.get(running.printed())[0] == 200


def test_no_window_is_opened_where_none_is_wanted(program: Start, eventually: Callable[..., object]) -> None:
    first = program(options=', window=None')
    assert first.get(first.printed())[0] == 200
    assert not first.browser_log.exists()
    second = program(options=', window=None')
    assert second.process.wait(PATIENCE) == 0
    found = re.search(r'running already, at (http://\S+)', second.output.read_text())
    assert found is not None
    assert first.get(found[1], port=first.port)[0] == 200


@pytest.mark.parametrize('garbage', ['folder', 'bytes', 'empty', 'long'])
def test_garbage_in_the_state_folder_is_replaced(program: Start, garbage: str) -> None:
    first = program()
    folder = first.launch_page().parent
    first.end()
    for name in ('port', 'secret', 'lock', 'launch.html', 'place'):
        path = folder / name
        path.unlink(missing_ok=True)
        if garbage == 'folder':
            (path / 'inside').mkdir(parents=True)
        else:
            path.write_bytes({'bytes': b'\xff\x00', 'empty': b'', 'long': b'9' * 100_000}[garbage])
    second = program()
    assert second.get(address_in(second.launch_page()))[0] == 200
    assert (folder / 'port').read_text() == str(second.port)
    assert 'cannot remember' not in second.output.read_text()


FULL = 'import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))'


@pytest.mark.posix('Windows sets no limit to the size of files')
def test_a_full_disk_is_told_of_and_the_program_opens(program: Start, tmp_path: Path) -> None:
    """As on a full disk, nothing can be written but to the console, which is a pipe here."""
    running = program(before=f"""
import os, subprocess
catcher = subprocess.Popen(['cat'], stdin=subprocess.PIPE)
os.dup2(catcher.stdin.fileno(), 1)
os.dup2(catcher.stdin.fileno(), 2)
{FULL}
""")
    assert running.get(running.printed())[0] == 200
    until(lambda: 'cannot remember the port' in running.output.read_text())
    folder = next((tmp_path / 'state').iterdir())
    assert {each.stat().st_size for each in folder.iterdir() if each.is_file()} <= {0}
    running.process.terminate()
    assert running.process.wait(PATIENCE) == 0


def test_a_launch_page_that_cannot_be_kept_is_not_left_in_the_temporary_folder(program: Start,
                                                                               tmp_path: Path) -> None:
    (tmp_path / 'temp').mkdir()
    running = program(env={'TMPDIR': str(tmp_path / 'temp')},
                      before='from kali.desktop import window\nreal = window.launch_page\n'
                             'def page(url, folder):\n    if "state" in folder: raise OSError(28, "full")\n'
                             '    return real(url, folder)\nwindow.launch_page = page')
    page = Path(running.opened().removeprefix('file://'))
    assert page.is_relative_to(tmp_path / 'temp')
    assert is_private(page.parent, 0o700)
    assert running.get(address_in(page))[0] == 200
    until(lambda: not any((tmp_path / 'temp').iterdir()), 'tidying up')


def test_a_state_folder_that_cannot_be_made_is_a_sentence(program: Start, tmp_path: Path) -> None:
    (tmp_path / 'state').write_text('a file where a folder should be')
    running = program()
    assert running.process.wait(PATIENCE) == 1
    assert 'what the program remembers between runs cannot be made' in running.output.read_text()


def test_localhost_is_served_on_both_addresses(program: Start) -> None:
    running = program()
    with socket.socket(socket.AF_INET6) as client:
        if client.connect_ex(('::1', running.port)) == 0:  # else there is no IPv6 here
            client.sendall(b'GET / HTTP/1.1\r\nHost: [::1]:%d\r\n\r\n' % running.port)
            assert client.recv(12) == b'HTTP/1.0 403'


@pytest.mark.parametrize('start, opened, clean', [
    ('/#/home', '/?key={}#/home', '/'), ('/page?q=1#a?b', '/page?q=1&key={}#a?b', '/page?q=1'),
    ('/größe', '/gr%C3%B6%C3%9Fe?key={}', '/gr%C3%B6%C3%9Fe'), ('/ж?q=ж#ж', '/%D0%B6?q=%D0%B6&key={}#%D0%B6',
                                                              '/%D0%B6?q=%D0%B6'),
    ('page', '/page?key={}', '/page'), ('?q=1', '/?q=1&key={}', '/?q=1'), ('', '/?key={}', '/'),
    ('/page?q=1&key=own', '/page?q=1&key=own&key={}', '/page?q=1&key=own'),
    ('/a b/100%', '/a%20b/100%25?key={}', '/a%20b/100%25'),
])
def test_a_start_page_of_any_form(program: Start, start: str, opened: str, clean: str) -> None:
    encoding = {0: 'ascii', 1: 'cp1252', 2: 'utf-8'}[len(start) % 3]  # of the console
    running = program(options=f', start={start!r}', env={'PYTHONIOENCODING': encoding, 'PYTHONUTF8': '0'})
    for url in (address_in(running.launch_page()), running.printed()):
        key = re.search('[0-9a-f]{64}', url)
        assert key is not None
        assert url == f'http://127.0.0.1:{running.port}' + opened.format(key[0])
        status, headers, text = running.get(url.partition('#')[0])
        assert status == 200
        assert f'location.replace("{clean}")' in text
        assert f'location.replace("{clean}" + location.hash)' in text
    assert running.get('/', Cookie=headers['set-cookie'].split(';')[0])[0] == 200


@pytest.mark.parametrize('before', [
    'import sys; sys.stdout.close()', 'import sys; sys.stdout = None', 'import os; os.close(1)',
    'import sys; del sys.stdout, sys.stdin',
    'import sys, types; sys.stdout = types.SimpleNamespace(flush=int)',
    'import sys; sys.stdin.close(); sys.stderr.close()'])
def test_a_program_without_a_console_lives(program: Start, before: str) -> None:
    running = program(before=before)
    url = address_in(running.launch_page())
    port = int(url.split(':')[2].split('/')[0])
    status, headers, _ = running.get(url, port=port)
    assert status == 200
    assert running.get('/', port=port, Cookie=headers['set-cookie'].split(';')[0])[2] == 'ran 1'


def test_a_console_whose_reader_is_gone_is_no_failure(tmp_path: Path) -> None:
    source = (f'import sys; sys.path.insert(0, {str(ROOT)!r})\nimport kali\n'
              'sys.stdin.readline()\nprint("before", flush=False)\n'
              'kali.serve_http(lambda request: kali.Response("", shut_down=True), start=None, '
              'port=int(sys.argv[1]))')
    with socket.create_server(('127.0.0.1', 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, '-c', source, str(port)], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env={'HOME': str(tmp_path), 'SYSTEMROOT': os.environ.get('SYSTEMROOT', '')})
    assert process.stdin and process.stdout and process.stderr
    process.stdout.close()
    process.stdin.write(b'go\n')
    process.stdin.close()

    def answers() -> bool:
        try:
            with socket.create_connection(('127.0.0.1', port), timeout=5) as client:
                client.sendall(b'GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n' % port)
                return client.recv(12) == b'HTTP/1.0 200'
        except ConnectionRefusedError:
            return False
    until(answers)
    said = process.stderr.read()
    process.stderr.close()
    assert (process.wait(PATIENCE), said) == (0, b'')


@pytest.mark.parametrize('port', [6000, 6665, 5060, 2049, 10080])
def test_a_port_that_browsers_refuse_is_stepped_over(program: Start, port: int) -> None:
    running = program(port)
    assert running.port not in BAD_PORTS
    assert port < running.port < port + 50
    assert running.get('/')[0] == 403
    assert (running.launch_page().parent / 'port').read_text() == str(running.port)
    running.end()
    (running.launch_page().parent / 'port').write_text(str(port))
    second = program(port)
    assert second.port not in BAD_PORTS
    assert second.get('/')[0] == 403


def test_without_a_port_there_is_one_for_the_program_and_the_user(program: Start) -> None:
    first = program(None, ', app_id="one"')
    assert default_port('one') <= first.port < default_port('one') + 50
    assert default_port('one') != default_port('two')
    port = first.port
    assert first.get('/')[0] == 403
    first.end()
    (first.state('one') / 'port').write_text('garbage')
    second = program(None, ', app_id="one"')
    assert second.port == port
    assert second.get('/')[0] == 403


def test_a_range_of_ports_that_is_taken_by_others_is_no_end() -> None:
    taken, port = [], 0
    while len(taken) < STEPS:
        port = port or default_port('somewhere') - 200
        try:
            taken.append(socket.create_server(('127.0.0.1', port + len(taken))))
        except OSError:  # somebody else has it, or has had it a moment ago
            for each in taken:
                each.close()
            taken, port = [], port - 100
    sockets = listen_nearby('127.0.0.1', port)
    assert sockets[0].getsockname()[1] not in {*range(port, port + STEPS), *BAD_PORTS}
    for each in (*sockets, *taken):
        each.close()


@pytest.mark.parametrize('jump', [-10**9, 10**9])
def test_a_clock_that_is_wrong_or_jumps_is_no_matter(program: Start, jump: int) -> None:
    running = program(before=f'import time\nreal = time.time\ntime.time = lambda: real() + {jump} * len(ran)')
    status, headers, _ = running.get(running.printed())
    assert status == 200
    for turn in (1, 2, 3):
        assert running.get('/', Cookie=headers['set-cookie'].split(';')[0])[2] == f'ran {turn}'
    running.end()


def test_a_range_of_ports_that_is_all_taken_is_no_end() -> None:
    with socket.create_server(('127.0.0.1', 65535)):
        sockets = listen_nearby('127.0.0.1', 65535)
    assert sockets[0].getsockname()[1] not in {65535, *BAD_PORTS}
    for each in sockets:
        each.close()


@pytest.mark.parametrize('handler, said', [
    ('x', "'x' cannot answer"), (None, 'None cannot answer'), (sys, 'module'), (42, '42 cannot answer'),
    (Router, 'app = Router()'), ('x' * 1000, 'str cannot answer'), ([Router()], 'cannot answer'),
])
def test_what_is_no_handler_is_refused_with_a_sentence(handler: object, said: str) -> None:
    with pytest.raises(TypeError, match=re.escape(said)):
        serve_http(handler, start=None, port=0)  # type: ignore[arg-type]


@pytest.mark.parametrize('start', ['http://evil.example/', '//evil.example', 'mailto:a@b', '///evil.example'])
def test_a_start_page_elsewhere_is_refused(start: str) -> None:
    with pytest.raises(ValueError, match='start='):
        serve_http(lambda request: '', start=start, port=0)


def test_a_program_without_a_window_says_where_it_is(program: Start) -> None:
    running = program(options=', start=None')
    until(lambda: 'Serving at http://127.0.0.1:' in running.output.read_text())
    port = int(running.output.read_text().split(':')[2].split('/')[0])
    until(lambda: running.get('/', port=port)[0] == 200)


OPEN = 'echo "$@" > part; mv part opened.txt'
UBUNTU = {'xdg-settings': 'echo firefox_firefox.desktop', 'xdg-open': OPEN,
          'firefox': f'{OPEN} # /snap/bin/firefox'}


@pytest.mark.posix('Snap and Flatpak are of Linux')
def test_a_browser_from_snap_gets_the_address(program: Start, tmp_path: Path) -> None:
    for name, line in UBUNTU.items():
        (tmp_path / name).write_text(f'#!/bin/sh\ncd {tmp_path}\n{line}\n')
        (tmp_path / name).chmod(0o755)
    running = program(env={'BROWSER': None, 'DISPLAY': ':99', 'PATH': f'{tmp_path}:{os.environ["PATH"]}'},
                      options=", window='tab'")
    assert re.fullmatch(rf'http://127\.0\.0\.1:{running.port}/\?key=[0-9a-f]{{64}}', running.opened())


@pytest.mark.posix('names are Unicode in Windows')
def test_a_state_folder_whose_name_is_no_utf_8(program: Start, tmp_path: Path) -> None:
    state = os.fsdecode(os.fsencode(tmp_path) + b'/st\xfct\xff')
    running = program(env={'XDG_STATE_HOME': state})
    assert running.opened().startswith(f'file://{tmp_path}/st%FCt%FF/address-book-')
    page = next(Path(state).iterdir()) / 'launch.html'
    assert running.get(address_in(page))[0] == 200


@pytest.mark.parametrize('browser', ['false', '/nowhere', "''", 'sh -c "exit 3"'])
def test_a_browser_that_does_not_start_is_told_of(program: Start, browser: str) -> None:
    running = program(env={'BROWSER': browser})
    until(lambda: 'No browser could be opened' in running.output.read_text())


ICON = ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><circle cx="4" cy="4" r="4"/></svg>')


def test_an_icon_is_that_of_the_pages_and_of_the_dock(program: Start, tmp_path: Path) -> None:
    (tmp_path / 'my icon.svg').write_text(ICON)
    running = program(options=f', icon={str(tmp_path / "my icon.svg")!r}, app_id="pictured"',
                      before='@app.function("/own")\ndef own():\n    return "<link rel=\\"icon\\" href=x>"')
    cookie = running.get(running.printed())[1]['set-cookie'].split(';')[0]
    fetch = {'Cookie': cookie, 'Sec-Fetch-Dest': 'document'}
    assert '<link rel="icon" href="/.kali/icon">' in running.get('/', **fetch)[2]
    assert '/.kali/icon' not in running.get('/own', **fetch)[2]
    status, headers, text = running.get('/.kali/icon', Cookie=cookie)
    assert (status, headers['content-type'], text) == (200, 'image/svg+xml', ICON)
    entry = tmp_path / 'data/applications/pictured.desktop'
    until(entry.exists, 'the entry')
    said = entry.read_text()
    assert 'StartupWMClass=pictured' in said
    assert f'Icon={tmp_path}/my icon.svg' in said
    assert 'Name=Address book' in said
    assert f'"{sys.executable}" "{tmp_path}/address book.py"' in said


def test_an_icon_that_is_not_there_is_told_of() -> None:
    with pytest.raises(FileNotFoundError, match=r"icon='nowhere\.png'"):
        serve_http(lambda request: '', icon='nowhere.png')
