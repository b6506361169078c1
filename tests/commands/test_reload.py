"""`python -m kali run FILE --reload`: the program follows its files, and so does the page, in Chromium."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kali.desktop.reloader import Watch, guessed
from tests.conftest import own_folders

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[2]
HELLO = """
from kali import Router, serve_http
app = Router()

@app.get('/')
def home():
    return '<!DOCTYPE html><title>Hello</title><h1>{}</h1>'

@app.post('/')
def send(a: str = ''):
    return '<!DOCTYPE html><title>Sent</title><h1>sent</h1>'

serve_http(app{})
"""


def hello(text: str, more: str = '') -> str:
    return HELLO.format(text, more)


class Reloading:
    """A program that is run with --reload. Its browser writes down what it was to open, and shows nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log, self.output = folder / 'program', folder / 'opened', folder / 'output'
        self.folder.mkdir()
        browser = folder / 'browser'
        browser.write_text(f'#!/bin/sh\necho "$1" >> "{self.log}"\n')
        browser.chmod(0o755)
        self.env = {**own_folders(folder), 'BROWSER': str(browser), 'PYTHONPATH': str(ROOT)}
        self.process: subprocess.Popen[bytes] | None = None

    def save(self, text: str, name: str = 'hello.py') -> None:
        (self.folder / name).parent.mkdir(exist_ok=True)
        (self.folder / name).write_text(text, encoding='utf-8')

    def start(self, target: str = 'hello.py', *more: str) -> None:
        with self.output.open('wb') as output:
            self.process = subprocess.Popen([sys.executable, '-m', 'kali', 'run', target, '--reload', *more],
                                            cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL,
                                            stdout=output, stderr=subprocess.STDOUT, start_new_session=True)

    def said(self) -> str:
        return self.output.read_text(encoding='utf-8', errors='replace')

    def address(self, eventually: Callable[..., Any]) -> str:
        """The address that a browser was led to at the first start."""
        eventually(lambda: self.log.exists() and self.log.read_text().endswith('\n'))
        page = Path(self.log.read_text().split('\n')[0].removeprefix('file://')).read_text()
        found = re.search(r'replace\("([^"]+)"\)', page)
        assert found is not None
        return found[1]

    def processes(self) -> list[int]:
        """Those that run in the session of the command."""
        assert self.process is not None
        listed = subprocess.run(['ps', '-o', 'pid=,stat=', '--sid', str(self.process.pid)],
                                capture_output=True, text=True).stdout.splitlines()
        return [int(line.split()[0]) for line in listed if not line.split()[1].startswith('Z')]

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            for pid in self.processes():
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Reloading]:
    running = Reloading(tmp_path)
    yield running
    running.end()


def heading(page: Page, text: str) -> None:
    page.get_by_role('heading', name=text, exact=True).wait_for()


@pytest.fixture
def follow(program: Reloading, page: Page, eventually: Callable[..., Any]) -> Callable[[str], None]:
    """`follow(text)` waits until the window shows that heading; the window is opened the first time."""
    opened: list[str] = []

    def wait(text: str) -> None:
        if not opened:
            opened.append(program.address(eventually))
            page.goto(opened[0])
        heading(page, text)
    return wait


def test_the_page_follows_each_change_of_any_source_file(program: Reloading, page: Page, follow: Any) -> None:
    program.save('WORD = "one"', 'words.py')
    program.save('<p>{word}</p>', 'templates/word.tpl')
    program.save(hello('first'))
    program.start()
    follow('first')
    program.save(hello('second'))
    follow('second')
    program.save(hello("' + __import__('words').WORD + '"))
    follow('one')
    for word in ('two', 'six', 'ten'):  # of one size, within a second: Python's own cache would keep the old
        program.save(f'WORD = "{word}"', 'words.py')
        follow(word)
    program.save(hello("' + str(kali.TemplateFolder('templates')('word')(word='tpl'))[3:6] + '")
                 .replace('from kali', 'import kali\nfrom kali'))
    follow('tpl')
    assert program.log.read_text().count('\n') == 1  # one window, however often it is started


FAILURES = {
    'a syntax error': ('def home(:\n', 'SyntaxError'),
    'a name that is not there': ('import kali\nkali.nosuch\n', "no attribute 'nosuch'"),
    'an import': ('import nosuch_module\n', "No module named 'nosuch_module'"),
    'an error in a function': ('def f():\n    return 1 / 0\nf()\n', 'ZeroDivisionError'),
    'an exit with a sentence': ('import sys\nsys.exit("The <file> is locked.")\n', 'The <file> is locked.'),
    'an exit without a word': ('import os\nos._exit(3)\n', 'It ended with code 3.'),
    'nothing served': ('x = 1\n', 'It ended without serving a page'),
    'an empty file': ('', 'It ended without serving a page'),
    'nonsense for serve_http': ('import kali\nkali.serve_http(print, port=-1)\n', 'a port is a number'),
    'no UTF-8': ('# coding: nonsense\n', 'unknown encoding'),
}


@pytest.mark.parametrize('failure', FAILURES)
def test_an_error_is_shown_in_the_page_and_gone_after_the_next_save(
        failure: str, program: Reloading, page: Page, follow: Any) -> None:
    text, said = FAILURES[failure]
    program.save(text)
    program.start()  # a first start that fails
    follow('hello.py does not run')
    assert said in page.locator('pre').inner_text()
    assert 'kali/desktop' not in page.locator('pre').inner_text() or 'port' in said
    program.save(hello('good'))
    follow('good')
    program.save(text)
    follow('hello.py does not run')
    program.save(hello('better'))
    follow('better')
    assert program.log.read_text().count('\n') == 1


def test_a_named_application_is_found_at_the_same_address_after_a_failed_start(
        program: Reloading, page: Page, follow: Any) -> None:
    program.save('import nosuch_module\n' + hello('good', ", app_id='named'"))
    program.start()
    follow('hello.py does not run')
    program.save(hello('good', ", app_id='named'"))
    follow('good')


def test_an_error_in_a_handler_goes_with_the_next_save(program: Reloading, page: Page, follow: Any) -> None:
    program.save(hello("' + nosuch + '"))
    program.start()
    program_error = page.get_by_text("name 'nosuch' is not defined").first
    with pytest.raises(Exception, match='Timeout'):
        page.set_default_timeout(1)
        follow('never')
    page.set_default_timeout(20_000)
    program_error.wait_for()
    program.save(hello('good'))
    follow('good')


def test_a_page_that_answered_a_form_and_one_with_typed_text_follow_without_a_question(
        program: Reloading, page: Page, follow: Any) -> None:
    form = '<form method="post"><input name="a" id="a"><button>Go</button></form>'
    program.save(hello(f'one</h1>{form}<h1>'))
    program.start()
    follow('one')
    page.fill('#a', 'typed')
    program.save(hello(f'two</h1>{form}<h1>'))
    follow('two')
    page.get_by_role('button', name='Go').click()
    follow('sent')
    program.save(hello('three'))
    follow('three')


@pytest.mark.slow
@pytest.mark.parametrize('loop', ['while True: pass', 'import time\nwhile True: time.sleep(1)'])
def test_an_endless_loop_is_shown_and_ended_by_the_next_save(loop: str, program: Reloading, page: Page,
                                                             follow: Any) -> None:
    program.save(hello('good'))
    program.start()
    follow('good')
    program.save(loop)
    follow('hello.py is still starting')
    assert 'hello.py", line' in page.locator('pre').inner_text()
    program.save(hello('better'))
    follow('better')


@pytest.mark.slow
def test_a_slow_start_is_shown_and_goes_on_by_itself(program: Reloading, page: Page, follow: Any) -> None:
    program.save('import time\ntime.sleep(8)\n' + hello('slow'))
    program.start()
    follow('hello.py is still starting')
    follow('slow')


def test_a_deleted_file_comes_back(program: Reloading, page: Page, follow: Any) -> None:
    program.save(hello('here'))
    program.start()
    follow('here')
    (program.folder / 'hello.py').unlink()
    follow('hello.py does not run')
    assert 'There is no file hello.py' in page.locator('pre').inner_text()
    program.save(hello('back'))
    follow('back')


def test_the_last_of_ten_saves_in_a_second_counts(program: Reloading, page: Page, follow: Any) -> None:
    program.save(hello('start'))
    program.start()
    follow('start')
    for number in range(10):
        program.save(hello(f'save {number}') if number % 3 else 'half a fi')
        time.sleep(0.1)  # the rhythm of the saves, not a proof
    program.save(hello('the last'))
    follow('the last')


def visit(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:  # being started
        return 0


def test_the_launch_key_works_after_restarts_too(program: Reloading, eventually: Callable[..., Any]) -> None:
    program.save(hello('one'))
    program.start()
    address = program.address(eventually)
    for number in range(3):
        program.save(hello(f'run {number}'))
        eventually(lambda number=number: program.said().count('has changed') == number + 1)
    eventually(lambda: visit(address) == 200)
    assert visit(address + '0') == 403
    assert address in program.said()


@pytest.mark.parametrize('text', [hello('good'), 'nonsense(', 'while True: pass'],
                         ids=['runs', 'failed', 'loops'])
@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, getattr(signal, 'SIGKILL', 9)])
def test_nothing_is_left_behind(text: str, number: int, program: Reloading,
                                eventually: Callable[..., Any]) -> None:
    program.save(text)
    program.start()
    assert program.process is not None
    if text.startswith('while'):
        eventually(lambda: len(program.processes()) == 2)
    else:
        program.address(eventually)
    if number == signal.SIGINT:  # from the terminal, to all
        os.killpg(program.process.pid, number)
    else:
        os.kill(program.process.pid, number)
    code = program.process.wait(10)
    assert code in ((-9,) if number == signal.SIGKILL else (0, 130))
    eventually(lambda: not program.processes(), 5)


def test_it_ends_with_its_last_window(program: Reloading, page: Page, follow: Any) -> None:
    program.save(hello('good'))
    program.start()
    follow('good')
    program.save('nonsense(')
    follow('hello.py does not run')
    program.save(hello('better'))
    follow('better')
    page.wait_for_timeout(500)  # the lease is taken after the page is there
    page.close(run_before_unload=True)
    assert program.process is not None
    assert program.process.wait(15) == 0


def test_it_ends_with_the_window_of_an_error_too(program: Reloading, page: Page, follow: Any) -> None:
    program.save('nonsense(')
    program.start()
    follow('hello.py does not run')
    page.wait_for_timeout(500)
    page.close(run_before_unload=True)
    assert program.process is not None
    assert program.process.wait(15) == 0


@pytest.mark.parametrize('target, more', [('shop:app', []), ('shop.py:app', []), ('shop', ['--as', 'kali'])])
def test_an_application_is_reloaded_as_well(target: str, more: list[str], program: Reloading, page: Page,
                                            follow: Any) -> None:
    def shop(text: str) -> str:
        return f'def app(request):\n    return "<!DOCTYPE html><title>Shop</title><h1>{text}</h1>"\n'
    program.save(shop('one')[:-5], 'shop.py')
    program.start(target, *more)
    follow(f'{target} does not run')
    program.save(shop('two'), 'shop.py')
    follow('two')
    program.save(shop('three'), 'shop.py')
    follow('three')


def test_a_script_gets_its_arguments_and_says_so_without_a_window_too(
        program: Reloading, page: Page, eventually: Callable[..., Any]) -> None:
    script = 'import sys\n' + hello("' + '|'.join(sys.argv[1:]) + '", ', start=None, port=0')
    program.save(script)
    program.start('hello.py', 'a b', '--', '--c', 'ü')
    found = eventually(lambda: re.search(r'Serving at (\S+)', program.said()))
    page.goto(found[1])
    heading(page, 'a b|--c|ü')


def test_a_port_that_is_taken_is_said_and_waits_for_the_next_save(
        program: Reloading, page: Page, eventually: Callable[..., Any]) -> None:
    with socket.create_server(('127.0.0.1', 0)) as taken:
        program.save(hello('good', f", start=None, port={taken.getsockname()[1]}"))
        program.start()
        eventually(lambda: str(taken.getsockname()[1]) in program.said())
        program.save(hello('better', ', start=None, port=0'))
        found = eventually(lambda: re.search(r'Serving at (\S+)', program.said()))
        page.goto(found[1])
        heading(page, 'better')


def test_two_windows_follow_and_work_in_another_process_goes_on(
        program: Reloading, page: Page, follow: Any) -> None:
    program.save('def double(x): return 2 * x', 'words.py')
    more = 'import words\nfrom kali.live import in_process\n@app.get("/far")\ndef far():\n' \
           '    return in_process(words.double, 21)\nserve_http(app'
    program.save(hello('one').replace('serve_http(app', more))
    program.start()
    follow('one')
    second = page.context.new_page()
    second.goto(page.url)
    heading(second, 'one')
    program.save(hello('two').replace('serve_http(app', more))
    second.bring_to_front()
    heading(second, 'two')
    page.bring_to_front()
    follow('two')
    page.goto(page.url + 'far')
    page.get_by_text('42').wait_for()


@pytest.mark.parametrize('arguments, said', [
    (['nosuch.py', '--reload'], 'There is no file nosuch.py.'),
    (['nosuch.py'], 'There is no file nosuch.py.'),
    (['hello.py', '--port', '8000'], '--as, --port and --no-window are for MODULE:APP'),
    (['hello:app', 'word'], "'word' is one too many"),
])
def test_what_cannot_be_run(arguments: list[str], said: str, program: Reloading) -> None:
    program.save(hello('good'))
    done = subprocess.run([sys.executable, '-m', 'kali', 'run', *arguments], cwd=program.folder,
                          env=program.env, capture_output=True, text=True)
    assert done.returncode == 1
    assert said in done.stderr


def test_a_script_runs_as_python_runs_it(tmp_path: Path) -> None:
    (tmp_path / 'beside.py').write_text('WORD = "beside"')
    (tmp_path / 'show.py').write_text(
        'import sys, beside, pathlib\n'
        'print(__name__, pathlib.Path(__file__).name, sys.argv[1:], beside.WORD, '
        'sys.modules["__main__"].__file__)\n'
        'sys.exit(7)')
    done = subprocess.run([sys.executable, '-m', 'kali', 'run', tmp_path / 'show.py', 'a', '--', '-b'],
                          cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == f"__main__ show.py ['a', '-b'] beside {tmp_path / 'show.py'}\n", done.stderr
    assert done.returncode == 7


@pytest.mark.parametrize('name, counts', [
    ('more.py', True), ('templates/page.tpl', True), ('migrations/002.sql', True), ('style.css', True),
    ('data.sqlite', False), ('notes.txt', False), ('export.csv', False), ('.hidden.py', False),
    ('__pycache__/x.py', False), ('.git/x.py', False), ('venv/lib/x.py', False), ('backups/x.sql', False),
])
def test_which_files_count(name: str, counts: bool, tmp_path: Path, eventually: Callable[..., Any]) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    watch = Watch(tmp_path)
    (tmp_path / name).write_text('1')
    (tmp_path / 'sure.py').write_text('1')
    eventually(watch.has_changed)
    (tmp_path / name).write_text('22')
    if counts:
        eventually(watch.has_changed)
    else:
        assert watch._look() == watch._seen


@pytest.mark.parametrize('source, found', [
    ('serve_http(app)', {}), ('', {}), ('serve_http(app, port=8000)', {'port': 8000}),
    ("serve_http(app, app_id='a b', start=None)", {'app_id': 'a b', 'start': None}),
    ('serve_http(app,\n  window="app",\n  port = 1234 ,', {'window': 'app', 'port': 1234}),
    ("f(app_id='other')\nserve_http(app, start=begin(), app_id=NAME, port=80", {}),
])
def test_what_a_script_wants_is_guessed_while_it_cannot_run(source: str, found: dict[str, Any]) -> None:
    assert guessed(source) == found
