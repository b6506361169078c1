"""Lifetime: what ends the program, and when; a table of what windows do, with a clock that is set by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kali.desktop import lifetime as module
from kali.desktop.lifetime import Lifetime
from kali.http.deferred import Deferred
from kali.http.response import Response

if TYPE_CHECKING:
    from collections.abc import Callable


class Program:
    """A program with a clock of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, is_seen: bool = True) -> None:
        self.now, self.ended, self.busy_until = 0.0, -1.0, 0.0
        self.timers: list[list[Any]] = []
        self.streams: list[Deferred] = []
        monkeypatch.setattr(module.time, 'monotonic', lambda: self.now)
        self.lifetime = Lifetime(self.at, lambda: self.now < self.busy_until, self.end, is_seen=is_seen)

    def at(self, when: float, function: Callable[[], object]) -> Any:
        timer = [when, function]
        self.timers.append(timer)

        class Handle:
            def cancel(self) -> None:
                timer[0] = float('inf')
        return Handle()

    def end(self) -> None:
        if self.ended < 0:
            self.ended = self.now

    def do(self, what: str) -> None:
        """`lease`, `lost` (the oldest lease), `bye`, `ask`, `busy N`, or seconds to wait."""
        if what == 'lease':
            self.lifetime.asked()
            self.streams.append(self.lifetime.leased(Deferred(lambda: None, Response(None))))
        elif what == 'lost':
            stream = self.streams.pop(0)
            stream.close()
            stream.close()  # twice does no harm
        elif what in ('page', 'picture'):
            self.lifetime.asked()
            self.lifetime.showed(holds_lease=what == 'page')
        elif what == 'bye':
            self.lifetime.parted()
        elif what == 'ask':
            self.lifetime.asked()
        elif what.startswith('busy'):
            self.busy_until = self.now + float(what.split()[1])
        else:
            end = self.now + float(what)
            while (due := min(self.timers, default=[end + 1], key=lambda timer: timer[0]))[0] <= end:
                self.timers.remove(due)
                self.now = max(self.now, due[0])
                due[1]()
            self.now = end


NEVER = -1.0


@pytest.mark.parametrize('story, ends', [
    ('closed: lease 10 bye lost 60', 12), ('closed as it appears: ask bye .1 lease .1 lost 60', 2.2),
    ('gone much later: ask bye .1 lease 5 lost 60', NEVER),
    ('closed, the stream first: lease 10 lost bye 60', 12),
    ('closed, goodbye late: lease 10 lost 1 bye 60', 13),
    ('one of three: lease 10 bye 60 60', NEVER), ('all of three: lease 10 bye 5 bye 5 bye lost 60', 22),
    ('the one with the lease of three: lease 10 bye lost ask lease 60', NEVER),
    ('reload: lease 10 ask bye lost 1 ask lease 3600', NEVER),
    ('F5 held down: lease 1 ask bye lost .1 ask bye .1 ask bye .1 ask lease 3600', NEVER),
    ('a picture: lease 10 ask bye lost 1 ask 3599', NEVER),
    ('a picture that comes first: lease 10 picture bye lost 3599', NEVER),
    ('a redirect, then closed: lease 10 picture page bye lost lease 1 bye lost 60', 13),
    ('a picture, closed: lease 10 bye lost 1 ask 3602', 3611),
    ('back from a picture: lease 10 bye lost 1 ask 60 ask lease 9999', NEVER),
    ('killed: lease 10 lost 3599', NEVER), ('killed for good: lease 10 lost 3601', 3610),
    ('killed and back: lease 10 lost 3599 lease 9999', NEVER),
    ('nobody came: 99999', NEVER), ('a page without a lease, closed: ask 10 ask 99999', NEVER),
    ('a goodbye without a lease: ask 10 bye 60', 12),
    ('a long handler: lease 10 busy 30 bye lost 60', 40), ('a job: lease 10 busy 300 lost bye 400', 310),
    ('a job, and back: lease 10 busy 30 lost bye 20 lease 400', NEVER),
    ('hidden for days: lease 999999', NEVER), ('two browsers: lease lease 10 bye lost 60', NEVER),
    ('two browsers, both closed: lease lease 10 bye lost 60 bye lost 60', 72),
    ('a sleep while it parts: lease 10 bye lost 9999', 12),
])
def test_stories(story: str, ends: float, monkeypatch: pytest.MonkeyPatch) -> None:
    program = Program(monkeypatch)
    words = story.partition(': ')[2].split()
    while words:
        word = words.pop(0)
        program.do(f'busy {words.pop(0)}' if word == 'busy' else word)
    assert program.ended == pytest.approx(ends, abs=0.5)


@pytest.mark.parametrize('story, ends', [('601', 600), ('10 lease 9999', NEVER),
                                         ('10 ask 599 ask 601', 1209)])
def test_a_program_that_nobody_sees(story: str, ends: float, monkeypatch: pytest.MonkeyPatch) -> None:
    program = Program(monkeypatch, is_seen=False)
    for word in story.split():
        program.do(word)
    assert program.ended == ends
