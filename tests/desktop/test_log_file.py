"""The log file: what a double-clicked program has to say can be read, by its user only."""

from __future__ import annotations

import logging
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kali.desktop import log_file as module
from kali.desktop.log_file import LogFile, log_page
from tests.desktop.test_serve import Program, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BEFORE = """
import logging
{more}
@app.function('/bug')
def bug():
    return int('no <number>')
@app.function('/own')
def own():
    logging.getLogger('shop').warning('the printer is %s', 'off')
    return 'logged'
"""


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    started: list[Program] = []

    def start(more: str = '', options: str = '') -> Program:
        started.append(Program(tmp_path, 0, ', app_id="shop"' + options, {}, BEFORE.format(more=more)))
        return started[-1]
    yield start
    for each in started:
        each.process.kill()
        each.process.wait()


def cookie_of(running: Program) -> str:
    return running.get(running.printed())[1]['set-cookie'].split(';')[0]


@pytest.mark.parametrize('more, options', [
    ('', ''), ('', ', debug=False'), ('logging.basicConfig(level=logging.ERROR)', ''),
    ('logging.getLogger("kali").addHandler(logging.NullHandler())', '')])
def test_an_error_is_in_the_file_and_leads_to_its_page(program: Callable[..., Program], tmp_path: Path,
                                                       more: str, options: str) -> None:
    running = program(more, options)
    cookie = cookie_of(running)
    status, _, page = running.get('/bug', Cookie=cookie)
    assert status == 500
    assert 'href="/.kali/log"' in page
    path = tmp_path / 'state/shop/log/kali.log'
    assert 'ValueError' in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    status, headers, page = running.get('/.kali/log', Cookie=cookie)
    assert status == 200
    assert 'no &lt;number&gt;' in page
    assert str(path) in page
    assert headers['cache-control'] == 'no-store'
    assert running.get('/.kali/log')[0] == 403, 'another user of the computer has no launch cookie'


@pytest.mark.parametrize('more, heard', [
    ('', True), ('logging.basicConfig()', True),
    ('logging.getLogger("shop").addHandler(logging.NullHandler())', False)])
def test_the_console_hears_what_it_would_without_the_file(program: Callable[..., Program],
                                                          tmp_path: Path, more: str, heard: bool) -> None:
    running = program(more)
    running.get('/own', Cookie=cookie_of(running))
    until(lambda: 'WARNING shop: the printer is off' in (tmp_path / 'state/shop/log/kali.log').read_text())
    assert running.output.read_text().count('the printer is off') == heard


def test_without_a_console_what_ends_the_program_is_in_the_file(tmp_path: Path) -> None:
    running = Program(tmp_path, 0, ', app_id="shop"', {}, 'sys.stdout = sys.stderr = sys.stdin = None\n'
                      'from kali.http.around import Around\napp = Around(app, app, [1])')
    assert running.process.wait(20) == 1
    assert 'lifespan: 1 is no function' in (tmp_path / 'state/shop/log/kali.log').read_text()


def test_a_program_in_which_nothing_happened_has_no_file_and_loads_no_logging(tmp_path: Path) -> None:
    running = Program(tmp_path, 0, ', app_id="shop"', {}, '@app.function("/loaded")\ndef loaded():\n'
                      '    return str("logging" in sys.modules)')
    cookie = cookie_of(running)
    assert running.get('/loaded', Cookie=cookie)[2] == 'False'
    assert 'Nothing has been noted' in running.get('/.kali/log', Cookie=cookie)[2]
    running.end()
    assert not (tmp_path / 'state/shop/log/kali.log').exists()


def test_it_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, 'BOUND', 1000)
    file = LogFile(str(tmp_path))
    for number in range(100):
        file.write(f'{number} {"x" * 90}\n')
    assert sorted(each.name for each in tmp_path.iterdir()) == ['kali.log', 'kali.log.1']
    assert sum(each.stat().st_size for each in tmp_path.iterdir()) < 2500
    assert file.path.read_text().splitlines()[-1].startswith('99 ')


def test_the_page_shows_the_end_of_a_long_file(tmp_path: Path) -> None:
    file = LogFile(str(tmp_path))
    file.write('first\n' + 'ü' * 80_000 + '\nlast <b>\udcff\n')
    page = str(log_page(str(tmp_path)).content)
    assert 'last &lt;b&gt;' in page
    assert 'first' not in page


def test_where_nothing_can_be_written_nobody_is_disturbed(tmp_path: Path) -> None:
    (tmp_path / 'kali.log').mkdir()
    handler = module._Handler(LogFile(str(tmp_path)))
    handler.emit(logging.makeLogRecord({'msg': 'lost', 'name': 'kali'}))
    assert LogFile(str(tmp_path / 'gone')).end() == ''
