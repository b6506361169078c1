"""What tests share: `serve` (a script in a process of its own), `exchange` (raw bytes), `eventually` (a
condition with a deadline), `browser` and `page`, `axe`.

Nothing is mocked that can be run, and nothing sleeps: what is waited for is a condition with a
deadline. A test that uses `browser` or `page` is marked `browser`, one that uses `postgres` likewise; where
no browser or no PostgreSQL is installed, these tests are left out with a notice, and where CI is set to true
that is an error.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from http.client import HTTPConnection
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

import pytest

from tests.windows import left_out as left_out_on_windows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from email.message import Message

    from playwright.sync_api import Browser, Page

collect_ignore = ['benchmarks']  # scripts that are started by hand, and measure: no tests

ROOT = Path(__file__).resolve().parent.parent
HOST = '127.0.0.1'
PATIENCE = 20.0  # seconds until something that ought to happen counts as failed

ON_THE_PATH = ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome', 'msedge',
               'microsoft-edge')
IN_THEIR_PLACES = (  # where macOS and Windows keep programs that are not on the PATH
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
    '${ProgramFiles}/Google/Chrome/Application/chrome.exe',
    '${ProgramFiles(x86)}/Microsoft/Edge/Application/msedge.exe',
)
NO_BROWSER = ('no browser; on Debian: sudo apt install chromium; elsewhere install Chrome or Edge, '
              'or set KALI_BROWSER to the program of one')
NO_SCREEN = 'no Xvfb, xdotool or xprop; on Debian: sudo apt install xvfb xdotool x11-utils'
NO_FIREFOX = 'no Firefox; on Debian: sudo apt install firefox-esr'
NO_POSTGRES = ('no PostgreSQL; on Debian: sudo apt install postgresql; elsewhere put the folder of initdb '
               'and postgres on the PATH')
OWN_FOLDERS = {'HOME': 'home', 'USERPROFILE': 'home', 'XDG_DATA_HOME': 'data', 'XDG_STATE_HOME': 'state',
               'XDG_CACHE_HOME': 'cache', 'LOCALAPPDATA': 'local', 'APPDATA': 'roaming'}
BROWSER_ARGUMENTS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
                     '--disable-background-networking', '--disable-component-update', '--disable-sync']


def find_browser() -> str | None:
    """The program of a browser that Playwright can drive as Chromium; KALI_BROWSER names one outright."""
    named = os.environ.get('KALI_BROWSER')
    if named:
        if not Path(named).is_file():
            raise pytest.UsageError(f'KALI_BROWSER is {named!r}, and there is no such program')
        return named
    places = (os.path.expandvars(place) for place in IN_THEIR_PLACES)
    return next(filter(None, map(shutil.which, (*ON_THE_PATH, *places))), None)


def find_postgres() -> Path | None:
    """The folder of PostgreSQL's programs, the newest where Debian keeps several."""
    found = shutil.which('initdb')
    if found:
        return Path(found).resolve().parent
    return max((initdb.parent for initdb in Path('/usr/lib/postgresql').glob('*/bin/initdb')),
               key=lambda folder: float(folder.parent.name), default=None)


# By marker: what finds the program that such tests need, and what to say if it is not there.
NEEDS: dict[str, tuple[Callable[[], object], str]] = {
    'browser': (find_browser, NO_BROWSER), 'postgres': (find_postgres, NO_POSTGRES),
    'screen': (lambda: all(map(shutil.which, ('Xvfb', 'xdotool', 'xprop'))), NO_SCREEN),
    'firefox': (lambda: shutil.which('firefox-esr') or shutil.which('firefox'), NO_FIREFOX)}


def pytest_itemcollected(item: pytest.Item) -> None:
    """Before pytest looks at -m: a test that asks for the browser is a browser test."""
    for marker in NEEDS:
        if marker in getattr(item, 'fixturenames', ()):
            item.add_marker(marker)


class WithoutALoop:
    """Playwright leaves its own asyncio loop running in the thread of the tests, between any two calls. Other
    tests run loops themselves, so it is put out of sight while they do."""

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Iterator[None]:
        yield from self.hidden(item)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        yield from self.hidden(item)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
        if nextitem is None:  # with the last test, the browser goes
            yield
        else:
            yield from self.hidden(item)

    @staticmethod
    def hidden(item: pytest.Item) -> Iterator[None]:
        asyncio = sys.modules.get('asyncio')
        if asyncio is None or item.get_closest_marker('browser'):
            yield
            return
        outer = asyncio._get_running_loop()
        asyncio._set_running_loop(None)
        yield
        asyncio._set_running_loop(outer)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(WithoutALoop())  # a hook of this file is for the tests beside it only


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """On Windows, leave out what is of POSIX, and under Wine what that lacks, with the reasons."""
    if sys.platform == 'win32':
        for word in left_out_on_windows(item):
            pytest.skip(word)


LEFT_OUT = pytest.StashKey[dict[str, int]]()


@pytest.hookimpl(trylast=True)  # after -m and -k: a run without browser tests needs no browser
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = config.stash[LEFT_OUT] = {}
    for marker, (find, sentence) in NEEDS.items():
        wanting = [item for item in items if item.get_closest_marker(marker)]
        if not wanting or find():
            continue
        if os.environ.get('CI') == 'true':
            raise pytest.UsageError(f'{len(wanting)} {marker} tests cannot run: {sentence}')
        config.hook.pytest_deselected(items=wanting)
        items[:] = [item for item in items if item not in wanting]
        left_out[marker] = len(wanting)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for marker, number in config.stash.get(LEFT_OUT, {}).items():
        terminalreporter.section(f'{marker} tests')
        terminalreporter.write_line(f'{number} not run: {NEEDS[marker][1]}', yellow=True)


@pytest.fixture(scope='session')
def browser() -> Iterator[Browser]:
    """Chromium without a window, driven by Playwright; one for all tests."""
    from playwright.sync_api import sync_playwright  # only here: the quick tests start without it

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=find_browser(), args=BROWSER_ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope='session')
def screen() -> Iterator[str]:
    """A screen of its own for windows: what DISPLAY says."""
    reading, writing = os.pipe()
    command = ['Xvfb', '-displayfd', str(writing), '-screen', '0', '1280x900x24', '-nolisten', 'tcp']
    with subprocess.Popen(command, pass_fds=[writing], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as server:
        os.close(writing)
        with os.fdopen(reading) as number:
            yield f':{number.readline().strip()}'
        server.terminate()


@pytest.fixture(scope='session')
def postgres_programs() -> Path:
    """The folder with initdb and postgres."""
    found = find_postgres()
    assert found is not None
    return found


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty tab with cookies and storage of its own; a script that fails on its pages fails the test."""
    context = browser.new_context()
    context.set_default_timeout(PATIENCE * 1000)
    errors: list[str] = []
    context.on('weberror', lambda error: errors.append(str(error.error)))
    yield context.new_page()
    context.close()
    assert not errors, 'scripts failed on the page: ' + '; '.join(errors)


class Reply(NamedTuple):
    """What came back from `Served.get` or `Served.post`."""

    status: int
    headers: Message
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class Served:
    """A kali script that runs in a process of its own: `url`, `port`, `process`, `folder`, `output()`.

    `folder` holds all that it can write by way of the platform's folders: home, data, state, cache.
    """

    def __init__(self, script: Path, folder: Path, arguments: tuple[str, ...], env: Mapping[str, str]):
        self.port, self.folder = free_port(), folder
        self.url = f'http://{HOST}:{self.port}'
        self._output = folder / f'output-{self.port}.txt'
        with self._output.open('wb') as output:  # a file: nobody has to read it for the script to go on
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / 'tests/run_script.py'), str(self.port), str(script), *arguments],
                cwd=folder, env={**own_folders(folder), **env}, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT)

    def wait_until_it_answers(self) -> None:
        """Return once the port accepts a connection; fail if the script ends first, or at the deadline."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                socket.create_connection((HOST, self.port), timeout=1).close()
                return
            except OSError:
                try:
                    code = self.process.wait(0.02)
                except subprocess.TimeoutExpired:
                    continue
                pytest.fail(f'the script ended with {code} before it served anything:\n{self.output()}')
        pytest.fail(f'the script does not answer on port {self.port}:\n{self.output()}')

    def output(self) -> str:
        """What the script has written to stdout and stderr so far."""
        return self._output.read_text(encoding='utf-8', errors='replace')

    def get(self, target: str, headers: Mapping[str, str] | None = None) -> Reply:
        """GET over a real connection; redirects are not followed."""
        return self._ask('GET', target, None, dict(headers or {}))

    def post(self, target: str, form: Any, headers: Mapping[str, str] | None = None) -> Reply:
        """POST of a form (a mapping, or pairs) over a real connection; redirects are not followed."""
        kind = {'Content-Type': 'application/x-www-form-urlencoded', 'Sec-Fetch-Site': 'same-origin'}
        return self._ask('POST', target, urlencode(form, doseq=True).encode(), {**kind, **(headers or {})})

    def _ask(self, method: str, target: str, body: bytes | None, headers: dict[str, str]) -> Reply:
        connection = HTTPConnection(HOST, self.port, timeout=PATIENCE)
        try:
            connection.request(method, target, body, headers)
            answer = connection.getresponse()
            return Reply(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def end(self) -> None:
        """End the process as a user's desktop would, and fail if it does not go."""
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            pytest.fail(f'the script did not end when told to:\n{self.output()}')


def own_folders(folder: Path) -> dict[str, str]:
    """The environment, with every folder that belongs to the user inside `folder`."""
    env = dict(os.environ, PYTHONUNBUFFERED='1', PYTHONIOENCODING='utf-8')
    for name, place in OWN_FOLDERS.items():
        (folder / place).mkdir(exist_ok=True)
        env[name] = str(folder / place)
    return env


def free_port() -> int:
    """A port of the loopback that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """`serve(script, *arguments, env={}, tracebacks=False)` starts a script that ends in `serve_http(app)`.

    `script` is a path, or its source text. The call returns a `Served` once the port answers; at the end of
    the test the process is ended, and a traceback in its output fails the test unless `tracebacks` allows it.
    `serve` may be called again, also after `Served.end()`: what the first one stored is there for the second.
    """
    started: list[tuple[Served, bool]] = []

    def start(script: Path | str, *arguments: str, env: Mapping[str, str] | None = None,
              tracebacks: bool = False) -> Served:
        if isinstance(script, str):
            path = tmp_path / 'app.py'
            path.write_text(textwrap.dedent(script), encoding='utf-8')
        else:
            path = script.resolve()
        served = Served(path, tmp_path, arguments, env or {})
        started.append((served, tracebacks))
        served.wait_until_it_answers()
        return served

    yield start
    for served, _ in started:
        if served.process.poll() is None:
            served.end()
    for served, tracebacks in started:
        assert tracebacks or 'Traceback (most recent call last)' not in served.output(), served.output()


@pytest.fixture
def exchange() -> Callable[..., bytes]:
    """`exchange(port, data, timeout=5)` sends raw bytes and returns all that comes until EOF."""

    def send(port: int, data: bytes, timeout: float = 5) -> bytes:
        with socket.create_connection((HOST, port), timeout=timeout) as connection:
            connection.sendall(data)
            return b''.join(iter(lambda: connection.recv(65536), b''))

    return send


@pytest.fixture
def eventually() -> Callable[..., object]:
    """`eventually(condition, seconds=20)` asks until `condition()` is true, and returns what it gave."""

    def ask(condition: Callable[[], object], seconds: float = PATIENCE) -> object:
        deadline = time.monotonic() + seconds
        while not (answer := condition()):
            assert time.monotonic() < deadline, f'still not so after {seconds} seconds'
            time.sleep(0.01)  # not to take the processor from what is being waited for
        return answer

    return ask


@pytest.fixture(scope='session')
def axe() -> Callable[[Page], None]:
    """`axe(page)` fails if axe-core finds a violation on the page, and says which and where."""
    script = files('axe_playwright_python').joinpath('axe.min.js').read_text(encoding='utf-8')

    def look(page: Page) -> None:
        page.evaluate(script)
        found = page.evaluate('async () => (await axe.run()).violations')
        assert not found, [(each['id'], each['help'], [node['html'] for node in each['nodes']])
                           for each in found]

    return look
