"""TerminateProcess in the middle of a stream of saves, in place of SIGKILL: what was answered is on the disk,
whole. A hundred times by hand (`-m slow`), a few times with the quick tests."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.sqlite.test_killed import SAVER, answers, free_port, is_saved, saves_on_disk

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != 'win32', reason='about Windows: .ci/windows runs it')


@pytest.mark.parametrize('kills', [5, pytest.param(100, marks=pytest.mark.slow)])
@pytest.mark.parametrize('journal', ['delete', 'wal'])
def test_terminated(tmp_path: Path, eventually: Any, journal: str, kills: int) -> None:
    path, port, chance = tmp_path / 'test.db', free_port(), random.Random(journal)
    answered = 0

    def load() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, '-c', SAVER, str(path), journal, str(port)],
                                stdin=subprocess.PIPE)
    ready = load()
    for _ in range(kills):
        with ready as server:
            assert server.stdin is not None
            ready = load()
            server.stdin.write(b'\n')
            server.stdin.flush()
            eventually(lambda server=server: answers(port) or server.poll() is not None)
            assert server.poll() is None
            found = saves_on_disk(path)
            assert found in (answered, answered + 1)  # committed, and killed before it could say so
            answered = found
            if is_saved(port, answered):
                answered += 1
            strike = threading.Timer(chance.random() * 0.03, server.kill)
            strike.start()
            while is_saved(port, answered):
                answered += 1
            strike.join()
    with ready:
        ready.kill()
    assert saves_on_disk(path) in (answered, answered + 1)
    assert answered >= kills
