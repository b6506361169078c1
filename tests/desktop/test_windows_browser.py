"""The windows of a program, in Chromium: it ends with the last one, and for no other reason."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, BrowserContext, Page

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import sys, time
sys.path.insert(0, {root!r})
import kali
from kali.live import Jobs, Progress
app, jobs = kali.Router(), Jobs()
app.delegate_folder('/jobs/', jobs)
PAGE = ('<!DOCTYPE html><title>Page</title><a href="/b">on</a> <a href="/picture">picture</a>'
        '<a id="out" href="http://localhost:1/">out</a><input id="typed">')

@app.get('/')
def home():
    return PAGE

shell = kali.Shell('Tool')

@app.get('/shell')
def framed(request: kali.Request):
    return shell.page(request, 'Framed', '')

@app.get('/b')
def other():
    return 'a page without a head <a href="/">back</a>'

@app.get('/picture')
def picture():
    return kali.Response('<svg xmlns="http://www.w3.org/2000/svg" width="7" height="7"/>',
                         headers={{'Content-Type': 'image/svg+xml'}})

@app.get('/text')
def text():
    return kali.Response.plain_text('only text')

@app.get('/bug')
def bug():
    return 1 / 0

@app.post('/job')
def job(request: kali.Request):
    def work():
        for number in range(40):
            time.sleep(.1)
            yield Progress(number, 40)
    return jobs.start(request, work(), title='Work')

kali.serve_http(app, app_id='windows'{options})
"""


class Program:
    def __init__(self, folder: Path, options: str = '', browser: str = '') -> None:
        self.folder, self.log = folder, folder / 'opened.txt'
        self.browser, self.script = folder / 'browser', folder / 'app.py'
        self.browser.write_text(browser or f'#!/bin/sh\necho "$1" > "{self.log}.part"\n'
                                f'mv "{self.log}.part" "{self.log}"\n')
        self.browser.chmod(0o755)
        self.script.write_text(SCRIPT.format(root=str(ROOT), options=options))
        self.start()

    def start(self) -> None:
        self.log.unlink(missing_ok=True)
        self.process = subprocess.Popen([sys.executable, str(self.script)], stdout=subprocess.DEVNULL, env={
            **os.environ, 'HOME': str(self.folder), 'XDG_STATE_HOME': str(self.folder / 'state'),
            'BROWSER': str(self.browser)})

    def address(self) -> str:
        deadline = time.monotonic() + 20
        while not self.log.exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        page = Path(self.log.read_text().strip().removeprefix('file://')).read_text()
        found = re.search(r'replace\("([^"]+)"\)', page)
        assert found is not None
        return found[1]

    def lives(self, seconds: float) -> bool:
        """Whether it lives for some seconds more."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return True
        return False


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    started: list[Program] = []

    def start(options: str = '') -> Program:
        started.append(Program(tmp_path, options))
        return started[-1]
    yield start
    for each in started:
        each.process.kill()
        each.process.wait()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    yield context
    context.close()


def opened(program: Program, context: BrowserContext) -> Page:
    """A window that holds a lease."""
    page = context.new_page()
    with page.expect_response('**/.kali/events*'):
        page.goto(program.address())
        page.wait_for_selector('input')
    return page


def test_it_ends_with_its_window(program: Callable[..., Program], context: BrowserContext) -> None:
    running = program()
    page = opened(running, context)
    begun = time.monotonic()
    page.close(run_before_unload=True)
    assert running.process.wait(10) == 0
    assert 1.5 < time.monotonic() - begun < 5


def test_one_of_three_windows_is_not_the_last(program: Callable[..., Program],
                                              context: BrowserContext) -> None:
    running = program()
    first = opened(running, context)
    url = first.url
    others = [context.new_page() for _ in range(2)]
    for each in others:
        each.goto(url)
    first.close(run_before_unload=True)  # it held the stream
    assert running.lives(3)
    others[0].close(run_before_unload=True)
    assert running.lives(3)
    others[1].close(run_before_unload=True)
    assert running.process.wait(10) == 0


def test_nothing_else_ends_it(program: Callable[..., Program], context: BrowserContext) -> None:
    running = program()
    page = opened(running, context)
    for _ in range(8):
        page.reload()
    assert running.lives(3)
    for _ in range(5):
        page.click('text=on')
        page.click('text=back')
    page.go_back()
    assert running.lives(3)
    for path in ('picture', 'text', 'bug'):
        page.goto(page.url.rpartition('/')[0] + '/' + path)
        assert running.lives(3)
        page.goto(page.url.rpartition('/')[0] + '/')
    page.close(run_before_unload=True)
    assert running.process.wait(10) == 0


def test_a_job_is_finished_first(program: Callable[..., Program], context: BrowserContext) -> None:
    running = program()
    page = opened(running, context)
    page.evaluate('fetch("/job", {method: "POST"})')
    begun = time.monotonic()
    page.close(run_before_unload=True)
    assert running.process.wait(20) == 0
    assert time.monotonic() - begun > 3.5


def test_a_button_quits(program: Callable[..., Program], context: BrowserContext) -> None:
    running = program()
    page = opened(running, context)
    page.goto(page.url + 'shell')
    page.click('text=Quit')
    page.wait_for_selector('text=The program has ended')
    assert running.process.wait(10) == 0


def test_it_is_kept_running(program: Callable[..., Program], context: BrowserContext) -> None:
    running = program(', keep_running=True')
    opened(running, context).close(run_before_unload=True)
    assert running.lives(4)


def test_a_window_says_that_the_program_has_ended_until_it_is_back(program: Callable[..., Program],
                                                                   context: BrowserContext) -> None:
    running = program()
    page = opened(running, context)
    page.fill('#typed', 'what was typed')
    running.process.kill()
    running.process.wait()
    page.wait_for_selector('text=The program has ended', timeout=10_000)
    running.start()
    page.wait_for_selector('text=The program has ended', state='detached', timeout=15_000)
    assert page.input_value('#typed') == 'what was typed'


@pytest.mark.browser
def test_a_window_of_its_own_keeps_its_profile(tmp_path: Path, eventually: Callable[..., object]) -> None:
    real = next(filter(None, map(shutil.which, ('chromium', 'google-chrome', 'chromium-browser'))))
    (tmp_path / 'bin').mkdir()
    wrapper = tmp_path / 'bin' / 'chromium'  # as root, a browser needs more arguments; and there is no screen
    wrapper.write_text(f'#!/bin/sh\necho "$@" > "{tmp_path}/arguments"\n'
                       f'exec {real} --no-sandbox --headless=new "$@"\n')
    wrapper.chmod(0o755)
    script = tmp_path / 'app.py'
    script.write_text(SCRIPT.format(root=str(ROOT), options=", window='app'"))
    with (tmp_path / 'log').open('w') as log:
        process = subprocess.Popen([sys.executable, '-u', str(script)], stdout=log, stderr=log, env={
            **{name: text for name, text in os.environ.items() if name != 'BROWSER'}, 'DISPLAY': ':99',
            'HOME': str(tmp_path), 'XDG_STATE_HOME': str(tmp_path / 'state'),
            'PATH': f'{tmp_path}/bin:{os.environ["PATH"]}'}, start_new_session=True)
    try:
        # The second invitation is printed when the first key, the browser's, has been used.
        profile = tmp_path / 'state/windows/profile/Default'
        eventually(lambda: (profile / 'Cookies').exists() or (profile / 'Network/Cookies').exists(), 30)
        said = (tmp_path / 'arguments').read_text()
        assert f'--app=file://{tmp_path}/state/windows/launch.html' in said
        assert 'key=' not in said
        assert 'cannot be opened' not in (tmp_path / 'log').read_text()
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        link = tmp_path / 'state/windows/profile/SingletonLock'  # the browser has a session of its own
        os.kill(int(str(link.readlink()).rpartition('-')[2]), signal.SIGKILL)


def test_a_link_to_elsewhere_opens_a_tab(program: Callable[..., Program], context: BrowserContext) -> None:
    running = program()
    page = opened(running, context)
    with context.expect_page():
        page.click('#out')
    assert running.lives(3)
