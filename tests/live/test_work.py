"""in_thread and in_process: real threads and processes, killed ones among them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import CancelledError, wait
from multiprocessing import active_children
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from kali.live import in_process, in_thread
from kali.live.work import WorkerError
from tests.conftest import free_port

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]


def double(number: int) -> int:
    return 2 * number


def fail(words: str) -> None:
    raise ZeroDivisionError(words)


def die(code: int) -> None:
    os._exit(code)


def wait_for_ever(path: str) -> None:
    Path(path).touch()
    while True:
        time.sleep(60)


def unsendable() -> object:
    return lambda: None


def test_a_call_in_a_thread() -> None:
    assert in_thread(threading.get_ident).result(10) != threading.get_ident()
    with pytest.raises(ZeroDivisionError, match='words'):
        in_thread(fail, 'words').result(10)


def test_more_calls_than_threads() -> None:
    release = threading.Event()
    held = [in_thread(release.wait, 20) for _ in range(30)]
    release.set()
    assert not wait(held, 10).not_done


def test_a_call_in_a_process() -> None:
    assert in_process(double, 21).result(20) == 42
    assert in_process(os.getpid).result(20) != os.getpid()
    with pytest.raises(ZeroDivisionError, match='words') as caught:
        in_process(fail, words='words').result(20)
    assert 'in fail' in str(caught.value.__cause__), 'the traceback of the other process'


def test_a_process_that_dies_fails_its_own_call_only() -> None:
    good = [in_process(double, number) for number in range(5)]
    with pytest.raises(WorkerError, match='exit code 7'):
        in_process(die, 7).result(20)
    good += [in_process(double, number) for number in range(5)]
    assert [each.result(20) for each in good] == [0, 2, 4, 6, 8] * 2


class Demanding(Exception):
    def __init__(self, one: str, two: str) -> None:
        super().__init__(one + two)


def demand() -> None:
    raise Demanding('a', 'b')


def test_a_worker_that_is_killed_at_work_or_at_rest(tmp_path: Path,
                                                    eventually: Callable[..., object]) -> None:
    begun = tmp_path / 'begun'
    work = in_process(wait_for_ever, str(begun))
    eventually(begun.exists)
    workers = [child for child in active_children() if child.name == 'kali worker']
    for worker in workers:
        worker.kill()
    with pytest.raises(WorkerError, match='has ended before it was done'):
        work.result(20)
    for worker in workers:  # those that had no work among them
        worker.join(20)
    assert [each.result(20) for each in [in_process(double, number) for number in range(8)]] == [
        2 * number for number in range(8)], 'and no later call hears of it'


@pytest.mark.parametrize('function, words', [
    (unsendable, 'cannot be sent back'), (lambda: None, 'pickle'), (demand, 'demand.*cannot be read here'),
])
def test_what_cannot_travel(function: object, words: str) -> None:
    with pytest.raises(Exception, match=words):
        in_process(function).result(20)  # type: ignore[arg-type]
    assert in_process(double, 1).result(20) == 2


def test_cancelling_ends_the_process(tmp_path: Path, eventually: Callable[..., object]) -> None:
    begun = tmp_path / 'begun'
    work = in_process(wait_for_ever, str(begun))
    eventually(begun.exists)
    assert work.cancel()
    with pytest.raises(CancelledError):
        work.result(20)
    assert in_process(double, 1).result(20) == 2


@pytest.mark.parametrize('how', ['in_thread', 'in_process'])
def test_the_end_of_the_program_waits_for_none(how: str, tmp_path: Path) -> None:
    script = tmp_path / 'script.py'
    script.write_text(textwrap.dedent(f'''
        import sys, time
        from pathlib import Path
        sys.path.insert(0, {str(ROOT)!r})
        from kali import serve_http
        from kali.live import {how} as start
        def work():
            Path({str(tmp_path / 'begun')!r}).touch()
            time.sleep(600)
        if __name__ == '__main__':
            for _ in range(20):
                start(work)
            while not Path({str(tmp_path / 'begun')!r}).exists():
                time.sleep(0.01)
    '''))
    subprocess.run([sys.executable, str(script)], timeout=60, check=True)


def test_a_script_may_end_in_serve_http(tmp_path: Path) -> None:
    """The worker runs the script up to there and no further."""
    script = tmp_path / 'script.py'
    script.write_text(textwrap.dedent(f'''
        import sys
        sys.path.insert(0, {str(ROOT)!r})
        from kali import Response, Router, serve_http
        from kali.live import in_process
        app = Router()
        def double(number): return 2 * number
        @app.get('/')
        def home(): return in_process(double, 21)
        @app.get('/end')
        def end(): return Response('bye', shut_down=True)
        serve_http(app, start=None, port=int(sys.argv[1]))
    '''))
    port = free_port()

    def get(path: str) -> bytes:
        with urlopen(f'http://127.0.0.1:{port}{path}') as answer:
            return bytes(answer.read())
    process = subprocess.Popen([sys.executable, str(script), str(port)])
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                assert get('/') == b'42'
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.02)
        assert get('/end') == b'bye'
        assert process.wait(10) == 0
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(10)
