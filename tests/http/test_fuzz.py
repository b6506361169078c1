"""The fuzz script, for a few seconds with seeds of its own choice; and that it finds a fault, and again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kali.http.request import Request
from tests.http import fuzz

SCRIPT = Path(fuzz.__file__)


def test_a_few_seconds_of_broken_requests() -> None:
    done = subprocess.run([sys.executable, str(SCRIPT), '3'], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr  # with the command that runs the case again
    assert 'no fault' in done.stdout


def test_a_case_follows_from_its_seed() -> None:
    assert fuzz.generate(7) == fuzz.generate(7)
    assert len({fuzz.generate(seed)[0] for seed in range(100)}) > 80


def test_a_fault_is_found_and_its_command_printed(monkeypatch: pytest.MonkeyPatch,
                                                  capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(Request, 'cookies', property(lambda self: 1 / 0))
    assert fuzz.main(10, 0) == 1
    command = capsys.readouterr().out.rpartition('Again with: ')[2].split()
    assert command[:2] == ['python3', 'tests/http/fuzz.py']
    assert fuzz.main(*map(int, command[2:])) == 1
    monkeypatch.undo()
    assert fuzz.main(*map(int, command[2:])) == 0
