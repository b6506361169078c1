"""The program's own window on a screen: Chromium under Xvfb, driven by keys and its port for debugging.

A browser that runs as root wants --no-sandbox; a wrapper on the PATH adds it, and the port for debugging.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest

from tests.desktop.test_windows_browser import ROOT, SCRIPT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

    Eventually = Callable[..., Any]

pytestmark = pytest.mark.browser
MORE = """
@app.get('/slow')
def slow(request: kali.Request):
    time.sleep(4)
    open(sys.argv[0] + '.slow', 'w').close()
    return 'slow'

@app.get('/file')
def file():
    return kali.Response.download(b'x' * 100_000, 'report.csv')
"""


class Desktop:
    """A program, started as by a double click, and the browser that shows it."""

    def __init__(self, folder: Path, screen: str, browser: Browser, eventually: Eventually) -> None:
        self.folder, self.screen, self.eventually = folder, screen, eventually
        self._type = browser.browser_type
        self.script, self.state = folder / 'app.py', folder / 'state/windows'
        for name in ('bin', 'home'):
            (folder / name).mkdir()
        self.temp = Path(tempfile.mkdtemp())  # short: the browser ends if the address of its socket is not
        real = next(filter(None, map(shutil.which, ('chromium', 'google-chrome', 'chromium-browser'))))
        wrapper = folder / 'bin/chromium'
        wrapper.write_text(f'#!/bin/sh\nexec {real} --no-sandbox --remote-debugging-port=0 "$@"\n')
        wrapper.chmod(0o755)
        self.env = {**{name: text for name, text in os.environ.items() if name != 'BROWSER'},
                    'DISPLAY': screen, 'TMPDIR': str(self.temp), 'HOME': str(folder / 'home'),
                    'XDG_STATE_HOME': str(folder / 'state'), 'PATH': f'{folder}/bin:{os.environ["PATH"]}'}
        self.started: list[subprocess.Popen[bytes]] = []
        self.browsers: set[int] = set()

    def start(self, options: str = '') -> subprocess.Popen[bytes]:
        source = SCRIPT.format(root=str(ROOT), options=options).replace('@app.post', MORE + '\n@app.post', 1)
        self.script.write_text(source)
        with (self.folder / 'output').open('ab') as output:
            self.started.append(subprocess.Popen([sys.executable, '-u', str(self.script)], env=self.env,
                                                 stdout=output, stderr=output))
        return self.started[-1]

    def pid(self) -> int:
        """The process of the browser; 0 if none runs."""
        try:
            pid = int(str((self.state / 'profile/SingletonLock').readlink()).rpartition('-')[2])
            os.kill(pid, 0)
        except OSError:
            return 0
        self.browsers.add(pid)
        return pid

    def pages(self, number: int = 1) -> list[Page]:
        """The pages that the browser shows, once they are as many and hold the lease."""
        self.eventually(self.pid)
        port = self.state / 'profile/DevToolsActivePort'  # of the browser before, in its first moments

        def url() -> str:
            return f'http://127.0.0.1:{port.read_text().split()[0]}'

        def shown() -> int:
            try:
                with urlopen(f'{url()}/json/list') as answer:
                    return sum(each['type'] == 'page' and each['url'].startswith('http')
                               for each in json.load(answer))
            except (OSError, IndexError):
                return 0
        self.eventually(lambda: shown() == number)
        return [page for page in self._type.connect_over_cdp(url()).contexts[0].pages
                if page.url.startswith('http')]

    def opened(self) -> Page:
        page = self.pages()[0]
        page.wait_for_function("async () => (await navigator.locks.query()).held.some("
                               "(each) => each.name.includes('/.kali/events'))")
        time.sleep(0.3)  # the server has seen the stream; no proof, the tests wait for what they are about
        return page

    def keys(self, *keys: str) -> None:
        """Press keys as the user does, in the window that is on top."""
        search = subprocess.run(['xdotool', 'search', '--onlyvisible', '--class', 'windows'], env=self.env,
                                capture_output=True, text=True, check=True)
        subprocess.run(['xdotool', 'windowfocus', search.stdout.split()[-1], 'key', '--delay', '30', *keys],
                       env=self.env, check=True)

    def end(self) -> None:
        self.pid()
        for each in self.started:
            each.kill()
            each.wait()
        for pid in self.browsers:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        shutil.rmtree(self.temp, ignore_errors=True)


def lives(process: subprocess.Popen[bytes], seconds: float = 3.5) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


@pytest.fixture
def desktop(tmp_path: Path, screen: str, browser: Browser, eventually: Eventually) -> Iterator[Desktop]:
    made = Desktop(tmp_path, screen, browser, eventually)
    yield made
    made.end()


def test_it_is_a_window_of_its_own_that_comes_back_to_its_place(desktop: Desktop) -> None:
    program = desktop.start()
    page = desktop.opened()
    assert page.evaluate("matchMedia('(display-mode: browser)').matches") is False
    assert page.evaluate('document.title') == 'Page'
    shown = subprocess.run('xprop -id $(xdotool search --onlyvisible --class windows) WM_CLASS WM_NAME',
                           shell=True, env=desktop.env, capture_output=True, text=True, check=True).stdout
    assert '"windows"' in shown
    assert '"Page"' in shown
    session = page.context.new_cdp_session(page)
    window = session.send('Browser.getWindowForTarget')['windowId']
    session.send('Browser.setWindowBounds', {'windowId': window, 'bounds': {
        'left': 220, 'top': 130, 'width': 640, 'height': 470}})
    page.wait_for_function('outerWidth === 640')
    page.evaluate("localStorage.setItem('kept', 'yes')")
    desktop.keys('ctrl+w')
    assert program.wait(10) == 0
    desktop.eventually(lambda: not desktop.pid())
    assert not list(desktop.temp.iterdir())
    assert 'cannot be opened' not in (desktop.folder / 'output').read_text()
    program = desktop.start()
    page = desktop.opened()
    assert page.evaluate('[screenX, screenY, outerWidth, outerHeight]') == [220, 130, 640, 470]
    assert page.evaluate("localStorage.getItem('kept')") == 'yes'


def go(path: str) -> Callable[[Desktop, Page], object]:
    return lambda desktop, page: page.goto(page.url.rpartition('/')[0] + path)


def follow_fast(desktop: Desktop, page: Page) -> None:
    for _ in range(8):
        page.click('text=on', no_wait_after=True)
        page.click('text=back', no_wait_after=True)


def sleep_and_wake(desktop: Desktop, page: Page) -> None:
    for each in (desktop.started[-1].pid, desktop.pid()):
        os.kill(each, signal.SIGSTOP)
    time.sleep(3)
    for each in (desktop.started[-1].pid, desktop.pid()):
        os.kill(each, signal.SIGCONT)


def minimize(desktop: Desktop, page: Page) -> None:
    session = page.context.new_cdp_session(page)
    window = session.send('Browser.getWindowForTarget')['windowId']
    session.send('Browser.setWindowBounds', {'windowId': window, 'bounds': {'windowState': 'minimized'}})


def crash(desktop: Desktop, page: Page) -> None:
    try:
        page.goto('chrome://crash', timeout=2000)
    except Exception as error:  # of Playwright, which has several for it
        assert 'crash' in str(error).lower() or 'Timeout' in str(error)


@pytest.mark.parametrize('action', [
    pytest.param(lambda desktop, page: [page.reload() for _ in range(5)], id='reload'),
    pytest.param(lambda desktop, page: desktop.keys(*['F5'] * 15), id='F5 held down'),
    pytest.param(follow_fast, id='links followed fast'),
    pytest.param(lambda desktop, page: [page.click('text=on'), page.go_back()], id='Back'),
    pytest.param(minimize, id='hidden'),
    pytest.param(lambda desktop, page: page.evaluate("location.href = '/file'"), id='a download'),
    pytest.param(go('/picture'), id='a picture by itself'), pytest.param(go('/text'), id='plain text'),
    pytest.param(go('/bug'), id='an error page'), pytest.param(sleep_and_wake, id='sleep'),
    pytest.param(crash, id='a crashed tab'),
    pytest.param(lambda desktop, page: os.kill(desktop.pid(), signal.SIGKILL), id='a killed browser'),
])
def test_it_lives_on_after(desktop: Desktop, action: Callable[[Desktop, Page], object]) -> None:
    program = desktop.start()
    action(desktop, desktop.opened())
    assert lives(program)


@pytest.mark.parametrize('path', ['/', '/b', '/picture', '/text', '/bug', '/slow', '/file'])
def test_it_ends_when_its_window_is_closed_at(desktop: Desktop, path: str) -> None:
    program = desktop.start()
    page = desktop.opened()
    page.evaluate(f'setTimeout(() => location.href = "{path}")')
    if path != '/slow':
        page.wait_for_timeout(500)
    page.close(run_before_unload=True)
    assert program.wait(15) == 0
    assert (desktop.folder / 'app.py.slow').exists() is (path == '/slow'), 'what runs is finished first'


def test_after_a_killed_browser_a_second_start_opens_a_window_again(desktop: Desktop) -> None:
    program = desktop.start()
    desktop.opened()
    killed = desktop.pid()
    os.kill(killed, signal.SIGKILL)
    desktop.eventually(lambda: not desktop.pid())
    begun = time.monotonic()
    assert desktop.start().wait(10) == 0
    assert time.monotonic() - begun < 3
    page = desktop.opened()
    assert desktop.pid() != killed
    assert program.poll() is None
    left = [each for each in desktop.temp.iterdir() if not (each / 'SingletonSocket').exists()]
    assert not left, 'of the one that was killed'
    page.close(run_before_unload=True)
    assert program.wait(15) == 0


def test_a_second_start_opens_a_window_of_the_browser_that_runs(desktop: Desktop) -> None:
    program = desktop.start()
    desktop.opened()
    running = desktop.pid()
    begun = time.monotonic()
    assert desktop.start().wait(10) == 0
    assert time.monotonic() - begun < 2
    first, second = desktop.pages(2)
    assert desktop.pid() == running
    first.close(run_before_unload=True)
    assert lives(program)
    second.close(run_before_unload=True)
    assert program.wait(15) == 0


def test_a_program_that_is_started_again_goes_on_in_its_old_window(desktop: Desktop) -> None:
    program = desktop.start()
    page = desktop.opened()
    url = page.url
    page.fill('#typed', 'not saved')
    program.kill()
    page.wait_for_selector('text=The program has ended', timeout=10_000)
    page.click('text=on', no_wait_after=True)
    page.wait_for_timeout(300)
    assert page.url == url, 'a link leads to no error page of the browser'
    program = desktop.start()
    page.wait_for_selector('#kali-closed', state='detached', timeout=15_000)
    assert page.input_value('#typed') == 'not saved'
    assert page.url == url, 'the same port'
    assert len(desktop.pages(2)) == 2
    assert lives(program, 6), 'the process that only told the running browser has ended with 0'
    for each in desktop.pages(2):
        each.close(run_before_unload=True)
    assert program.wait(15) == 0


def test_ctrl_c_leaves_the_window_which_says_so(desktop: Desktop) -> None:
    program = desktop.start()
    page = desktop.opened()
    program.send_signal(signal.SIGINT)
    assert program.wait(10) == 0
    page.wait_for_selector('text=The program has ended', timeout=10_000)


def test_another_browser_that_runs_already_is_left_alone(desktop: Desktop) -> None:
    other = subprocess.Popen([f'{desktop.folder}/bin/chromium', f'--user-data-dir={desktop.folder}/other',
                              '--no-first-run', 'about:blank'], env=desktop.env, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    try:
        desktop.eventually((desktop.folder / 'other/SingletonLock').is_symlink)
        program = desktop.start()
        desktop.opened().close(run_before_unload=True)
        assert program.wait(15) == 0
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize('damage', ['Default/Preferences', 'Local State', 'Default/Network/Cookies',
                                    'SingletonLock', 'profile'])
def test_a_damaged_profile_is_no_hindrance(desktop: Desktop, damage: str) -> None:
    program = desktop.start()
    desktop.opened().close(run_before_unload=True)
    assert program.wait(15) == 0
    desktop.eventually(lambda: not desktop.pid())
    profile = desktop.state / 'profile'
    if damage == 'profile':
        shutil.rmtree(profile)
        profile.write_text('garbage')
    elif damage == 'SingletonLock':
        (profile / damage).symlink_to(f'{os.uname().nodename}-1')
    else:
        (profile / damage).parent.mkdir(exist_ok=True)
        (profile / damage).write_bytes(b'\xff garbage {')
    program = desktop.start()
    desktop.opened().close(run_before_unload=True)
    assert program.wait(15) == 0


def test_a_profile_that_another_computer_has_open_is_not_asked_about(desktop: Desktop) -> None:
    profile = desktop.state / 'profile'
    profile.mkdir(parents=True)
    (profile / 'SingletonLock').symlink_to('elsewhere-17')
    program = desktop.start()
    second = desktop.state / 'profile-2/SingletonLock'
    desktop.eventually(second.is_symlink)
    desktop.browsers.add(int(str(second.readlink()).rpartition('-')[2]))
    assert lives(program)
