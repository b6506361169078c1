"""A program in a tab of Firefox: what ends it, and what does not; driven by its own protocol, Marionette.

Source: https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import free_port
from tests.desktop.test_windows_browser import Program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Eventually = Callable[..., Any]

pytestmark = [pytest.mark.browser, pytest.mark.firefox]


class Firefox:
    """A client of Marionette: call it with the name of a command."""

    def __init__(self, port: int, eventually: Eventually) -> None:
        self.number = 0

        def connected() -> bool:
            try:
                self.socket = socket.create_connection(('127.0.0.1', port), timeout=30)
                return True
            except OSError:
                return False
        eventually(connected, 60)
        self.file = self.socket.makefile('rb')
        self._receive()
        self('NewSession', capabilities={})

    def __call__(self, name: str, **parameters: Any) -> Any:
        self.number += 1
        data = json.dumps([0, self.number, f'WebDriver:{name}', parameters]).encode()
        self.socket.sendall(b'%d:%b' % (len(data), data))
        _, _, error, value = self._receive()
        if error:
            raise RuntimeError(error['message'])
        return value

    def run(self, script: str) -> Any:
        return self('ExecuteScript', script=script, args=[])['value']

    def _receive(self) -> Any:
        size = b''
        while (digit := self.file.read(1)) != b':':
            assert digit, 'Firefox has ended'
            size += digit
        return json.loads(self.file.read(int(size)))


@pytest.fixture
def started(tmp_path: Path, eventually: Eventually) -> Iterator[tuple[Program, Firefox]]:
    port, profile = free_port(), tmp_path / 'firefox-profile'
    profile.mkdir()
    (profile / 'user.js').write_text(f'user_pref("marionette.port", {port});\n')
    real = shutil.which('firefox-esr') or shutil.which('firefox')
    wrapper = (f'#!/bin/sh\necho $$ > {tmp_path}/pid\n'
               f'exec {real} --headless --marionette --no-remote --profile {profile} "$@" >/dev/null 2>&1\n')
    program = Program(tmp_path, ", window='tab'", wrapper)
    firefox = Firefox(port, eventually)
    eventually(lambda: firefox('GetTitle')['value'] == 'Page')
    eventually(lambda: firefox.run("return document.querySelector('script[src*=window]') !== null"))
    time.sleep(1)  # for the stream; no proof
    yield program, firefox
    firefox.file.close()
    firefox.socket.close()
    program.process.kill()
    program.process.wait()
    try:
        os.kill(int((tmp_path / 'pid').read_text()), signal.SIGKILL)
    except ProcessLookupError:
        pass  # it is closed, or was killed


def test_a_tab_of_firefox_holds_the_program_until_it_is_closed(started: tuple[Program, Firefox]) -> None:
    program, firefox = started
    url = firefox('GetCurrentURL')['value']
    assert 'key=' not in url
    for _ in range(6):
        firefox('Refresh')
    assert program.lives(3)
    for _ in range(3):
        firefox.run("document.querySelector('a').click()")
        time.sleep(0.1)
    firefox('Back')
    assert program.lives(3)
    for path in ('picture', 'text', 'bug'):
        firefox('Navigate', url=url + path)
        assert program.lives(3)
    firefox('Navigate', url=url)
    firefox('NewWindow', type='tab', focus=False)
    firefox('CloseWindow')
    assert program.process.wait(15) == 0


def test_a_killed_firefox_is_no_goodbye(started: tuple[Program, Firefox], tmp_path: Path) -> None:
    program, _ = started
    os.kill(int((tmp_path / 'pid').read_text()), signal.SIGKILL)
    assert program.lives(4)


def test_a_tab_says_that_the_program_has_ended_until_it_is_back(started: tuple[Program, Firefox],
                                                                eventually: Eventually) -> None:
    program, firefox = started
    firefox.run("document.querySelector('#typed').value = 'kept'")
    program.process.kill()
    program.process.wait()
    notice = "return document.querySelector('#kali-closed') !== null"
    eventually(lambda: firefox.run(notice))
    program.browser.write_text('#!/bin/sh\n')
    program.start()
    eventually(lambda: not firefox.run(notice), 40)
    assert firefox.run("return document.querySelector('#typed').value") == 'kept'
