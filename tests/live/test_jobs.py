"""Jobs: run between requests, shown, cancelled, failed, ended; with real futures and real sockets."""

from __future__ import annotations

import os
import select
import threading
import time
from concurrent.futures import Future
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from kali import Request, Response, Router
from kali.http.deferred import Wait
from kali.live import Jobs, Progress, in_process, in_thread, pause
from kali.live.job import _duration
from kali.testing import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from tests.server.conftest import Running


def make(work: Callable[[], Generator[Any, Any, Any]], title: str = 'Work') -> tuple[Router, Jobs]:
    """An application that starts a job of `work` at a POST to /start."""
    app, jobs = Router(), Jobs()
    app.delegate_folder('/tasks/jobs/', jobs)

    @app.post('/start')
    def start(request: Request) -> Response:
        return jobs.start(request, work(), title=title)

    @app.get('/')
    def home() -> str:
        return 'home'
    return app, jobs


def post(server: Running, target: str) -> bytes:
    return server.ask(f'POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n'.encode())


def test_a_job_from_the_first_to_the_last(running: Callable[..., Running]) -> None:
    go_on = threading.Event()

    def work() -> Generator[Any, Any, Any]:
        yield
        yield Progress(250, 1000, 'Reading <prices>')
        assert (yield in_thread(go_on.wait, 10)) is True
        return '<p>It is done.</p>'
    app, jobs = make(work, 'Read & see')
    server = running(app)
    started = post(server, '/start')
    assert b'303' in started and b'Location: /tasks/jobs/1\r\n' in started
    server.until(lambda: jobs.jobs[1].progress.done == 250)
    page = server.get('/tasks/jobs/1')[2].decode()
    assert '<progress aria-label="Progress" max="1000" value="250">' in page
    assert '250 of 1,000' in page and 'Reading &lt;prices&gt;' in page and 'Read &amp; see' in page
    assert '<button>Cancel</button>' in page
    assert 'Read &amp; see' in server.get('/tasks/jobs/')[2].decode()
    go_on.set()
    server.until(lambda: jobs.jobs[1].is_over)
    page = server.get('/tasks/jobs/1')[2].decode()
    assert '<p>It is done.</p>' in page and 'Cancel' not in page and 'http-equiv="refresh"' not in page


@pytest.mark.parametrize('result, words', [
    (None, 'Done'), ('<b>x</b>', '<b>x</b>'), (Response.redirect('/list'), '<a href="/list">'),
    (['<i>', 7, '</i>'], '<i>7</i>'),
])
def test_results(result: Any, words: str) -> None:
    def work() -> Generator[Any, Any, Any]:
        yield
        return result
    with Client(make(work)[0]) as client:
        assert words in client.post('/start', follow=True).text


def failing() -> Generator[Any, Any, Any]:
    yield Progress(1, 2)
    raise ZeroDivisionError('by <zero>')


def nonsense() -> Generator[Any, Any, Any]:
    yield 'half done'


def failing_future() -> Generator[Any, Any, Any]:
    yield in_thread(int, 'seven')


def cancelled_future() -> Generator[Any, Any, Any]:
    future: Future[int] = Future()
    future.cancel()
    yield future


def exits() -> Generator[Any, Any, Any]:
    yield
    raise SystemExit(3)


def recursion() -> Generator[Any, Any, Any]:
    yield
    recursion_without_end()


def recursion_without_end() -> None:
    recursion_without_end()


def yielding(*values: Any) -> Callable[[], Generator[Any, Any, Any]]:
    return lambda: (value for value in values)


def returning(value: Any) -> Callable[[], Generator[Any, Any, Any]]:
    def work() -> Generator[Any, Any, Any]:
        yield
        return value
    return work


@pytest.mark.parametrize('work, words', [
    *((yielding(value), 'the job yielded') for value in (
        7, 'text', object(), [], Progress, lambda: None, b'bytes', Response('x'), Progress(float('nan')),
        Progress(1, float('inf')), Progress(1, -1), Progress(-1, 2), Progress(10 ** 400, 10 ** 401),
        *(Progress(*pair) for pair in ([1, 'many'], ['x', 3], [None, 3], [[], []])))),
    *((yielding(Wait(*pair)), 'Error: ') for pair in ([None, float('nan')], [None, 'soon'], [object()])),
    *((returning(value), 'TypeError') for value in (object(), len, ['x', object()], Response(object()))),
    (failing, 'ZeroDivisionError: by &lt;zero&gt;'), (nonsense, 'the job yielded &#x27;half done&#x27;'),
    (failing_future, 'invalid literal'), (cancelled_future, 'CancelledError'), (exits, 'SystemExit'),
    (recursion, 'RecursionError'),
])
def test_failures(work: Callable[[], Generator[Any, Any, Any]], words: str) -> None:
    with Client(make(work)[0]) as client:
        page = client.post('/start', follow=True).text
        assert 'Failed' in page
        assert words in page or words.replace('&#x27;', '&#39;') in page
        assert client.get('/').text == 'home'
        assert client.get('/tasks/jobs/').status == 200, 'and so do the pages about jobs go on'
        assert 'Failed' in client.get('/tasks/jobs/1/events').text


@pytest.mark.parametrize('progress, words', [
    (Progress(*[Decimal('2.5'), 10.0]), '2 of 10'), (Progress(*[1, 2, 7]), '7, 1 of 2'),
    (Progress(5, 2), '5 of 2'), (Progress(3, 0), '<p>3</p>'), (Progress(True, True), '1 of 1'),
    (Progress(10 ** 300, 10 ** 301), 'max="1e+301"'), (Progress(0, None, '<b>\x00"'), '&lt;b&gt;'),
])
def test_odd_progress_is_shown(progress: Progress, words: str, running: Callable[..., Running]) -> None:
    app, jobs = make(yielding(progress, Future()))
    server = running(app)
    post(server, '/start')
    server.until(lambda: jobs.jobs[1].progress == progress)
    assert words in server.get('/tasks/jobs/1')[2].decode()
    assert server.get('/tasks/jobs/')[0] == 200


def test_a_job_whose_end_fails_is_named_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    def work() -> Generator[Any, Any, Any]:
        try:
            yield Future()
        finally:
            yield Progress(1, 2)  # which a generator that is closed may not do
    with Client(make(work, 'Stubborn')[0]) as client:
        client.post('/start')
        client.run(0.05)
        client.post('/tasks/jobs/1/cancel')
        assert 'Cancelled' in client.get('/tasks/jobs/1').text
        assert client.post('/start').status == 303
    assert 'the job Stubborn could not be ended properly' in caplog.text


@pytest.mark.parametrize('language, words', [
    ('de-DE', ['In Arbeit', '1.250 von 2.500', 'Abbrechen', 'Alle Aufträge']),
    ('cs', ['Probíhá', '1\xa0250 z 2\xa0500', 'Zrušit']), ('ja', ['Under way', '1,250 of 2,500', 'Cancel']),
])
def test_in_the_language_of_the_browser(language: str, words: list[str],
                                        running: Callable[..., Running]) -> None:
    app, jobs = make(yielding(Progress(1250, 2500), Future()))
    server = running(app)
    post(server, '/start')
    server.until(lambda: jobs.jobs[1].progress.done)
    page = server.get('/tasks/jobs/1', f'Accept-Language: {language}\r\n')[2].decode()
    assert [each for each in words if each not in page] == []


def test_a_job_may_meet_the_error_of_what_it_waits_for() -> None:
    def work() -> Generator[Any, Any, Any]:
        try:
            yield in_thread(int, 'seven')
        except ValueError:
            return '<p>No number.</p>'
    with Client(make(work)[0]) as client:
        assert 'No number.' in client.post('/start', follow=True).text


def test_without_debug_a_page_shows_no_insides() -> None:
    with Client(make(failing)[0], debug=False) as client:
        page = client.post('/start', follow=True).text
        assert 'Failed' in page and 'ZeroDivision' not in page and 'zero' not in page


def test_cancelling_runs_finally_and_ends_what_it_waits_for(running: Callable[..., Running]) -> None:
    seen = []

    def work() -> Generator[Any, Any, Any]:
        try:
            yield Progress(3, 10)
            yield Future()
        finally:
            seen.append('finally')
    app, jobs = make(work)
    server = running(app)
    post(server, '/start')
    server.until(lambda: jobs.jobs and jobs.jobs[1].progress.done == 3)
    assert server.get('/tasks/jobs/1/cancel')[0] == 405
    assert b'303' in post(server, '/tasks/jobs/1/cancel')
    assert seen == ['finally'] and jobs.jobs[1].state == 'cancelled'
    assert '3 of 10' in server.get('/tasks/jobs/1')[2].decode()
    assert b'303' in post(server, '/tasks/jobs/1/cancel'), 'twice does no harm'


def test_the_end_of_the_server_ends_jobs(running: Callable[..., Running]) -> None:
    seen = []

    def work() -> Generator[Any, Any, Any]:
        try:
            while True:
                yield
        finally:
            seen.append('finally')
    server = running(make(work)[0])
    for _ in range(3):
        post(server, '/start')
    server.end()
    assert seen == ['finally'] * 3


def test_a_thousand_jobs_and_a_request(running: Callable[..., Running]) -> None:
    def work() -> Generator[Any, Any, Any]:
        for number in range(20):
            yield Progress(number, 20)
            if number == 10:
                yield pause(0.01)
    app, jobs = make(work)
    server = running(app)
    for _ in range(1000):
        post(server, '/start')
    assert server.get('/')[2] == b'home'
    server.until(lambda: all(job.is_over for job in list(jobs.jobs.values())))
    assert len(jobs.jobs) <= 101
    assert {job.state for job in jobs.jobs.values()} == {'done'}


def test_two_jobs_take_turns(running: Callable[..., Running]) -> None:
    order: list[str] = []

    def work(name: str) -> Generator[Any, Any, Any]:
        for _ in range(5):
            order.append(name)
            yield
    app, jobs = Router(), Jobs()
    app.delegate_folder('/jobs/', jobs)

    @app.post('/start')
    def start(request: Request) -> Response:
        jobs.start(request, work('a'))
        return jobs.start(request, work('b'))
    server = running(app)
    post(server, '/start')
    server.until(lambda: len(order) == 10)
    assert ''.join(order) == 'ab' * 5


def test_a_job_that_does_not_yield_is_named(caplog: pytest.LogCaptureFixture,
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('kali.live.watchdog.TOO_LONG', 0.02)

    def work() -> Generator[Any, Any, Any]:
        yield
        until = time.monotonic() + 20
        while time.monotonic() < until and 'Slow one' not in caplog.text:
            pass
        yield
    with Client(make(work, 'Slow one\n')[0]) as client:
        client.post('/start', follow=True)
    (line,) = [each for each in caplog.messages if 'Slow one' in each]  # once, and while it lasts
    assert 'the job Slow one\\n has not yielded for 0.' in line and '.py, line ' in line


@pytest.mark.posix('needs a terminal, which this system makes otherwise')
def test_a_terminal_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line that is written anew, no control character in it, and as wide as the terminal at most."""
    def work() -> Generator[Any, Any, Any]:
        yield Progress(250, 1000, 'Reading \x1b[31m' + 'long ' * 40)
    outer, inner = os.openpty()
    with Client(make(work, 'Bike\n\x07s')[0]) as client, os.fdopen(inner, 'w') as terminal:
        monkeypatch.setattr('sys.stdout', terminal)
        client.post('/start', follow=True)
        seen = ''
        while '\n' not in seen:  # the system hands on what was written a moment later
            assert select.select([outer], [], [], 20)[0]
            seen += os.read(outer, 100_000).decode()
    os.close(outer)
    lines = [line for line in seen.replace('\n', '\r').split('\r') if line]
    assert lines[0].startswith('Bike ?s: Reading ?[31mlong long') and lines[-1].startswith('Bike ?s: done ')
    assert {len(line) for line in lines} == {79}, 'a shorter line covers the one before'


def test_without_a_terminal_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    with Client(make(lambda: iter_progress())[0]) as client:
        client.post('/start', follow=True)
    assert capfd.readouterr() == ('', '')


def iter_progress() -> Generator[Any, Any, Any]:
    yield Progress(1, 2)


def test_work_in_processes() -> None:
    def work() -> Generator[Any, Any, Any]:
        numbers = []
        for future in [in_process(pow, 2, number) for number in range(4)]:
            numbers.append((yield future))
        return str(numbers)
    with Client(make(work)[0]) as client:
        assert '[1, 2, 4, 8]' in client.post('/start', follow=True).text


class Coroutine:
    """What calling an `async def` gives has these, too."""

    def send(self, value: Any) -> Any:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


@pytest.mark.parametrize('mistake, words', [
    *((lambda jobs, request, work=work: jobs.start(request, work), 'is no generator')
      for work in ([1, 2], iter([]), None, failing, 'text')),
    (lambda jobs, request: jobs.start(request, Coroutine()), 'is no generator'),
    (lambda jobs, request: jobs.start(Request('POST', '/'), failing()), 'needs a server'),
])
def test_mistakes_are_named(mistake: Callable[[Jobs, Request], Any], words: str) -> None:
    app, jobs = Router(), Jobs()
    app.delegate_folder('/jobs/', jobs)
    app.post('/start')(lambda request: mistake(jobs, request))
    with Client(app) as client:
        assert words in client.post('/start').text


def test_a_jobs_that_is_not_mounted() -> None:
    app, jobs = Router(), Jobs()
    app.post('/start')(lambda request: jobs.start(request, failing()))
    with Client(app) as client:
        assert 'not mounted' in client.post('/start').text


@pytest.mark.parametrize('path', ['7', 'x', '1/other', '9' * 30, '1/events/x', '²'])
def test_no_such_page(path: str) -> None:
    with Client(make(failing)[0]) as client:
        assert client.get('/tasks/jobs/' + path.replace('²', '%C2%B2')).status == 404


def test_the_page_hears_of_its_job_until_it_ends() -> None:
    def work() -> Generator[Any, Any, Any]:
        for number in range(3):
            yield Progress(number, 3)
        return 'The end.'
    with Client(make(work)[0]) as client:
        client.post('/start')
        text = client.get('/tasks/jobs/1/events').text
    assert 'The end.' in text and text.endswith('event: kali-end\ndata: \n\n')


def test_durations() -> None:
    assert [_duration(each) for each in (0.2, 59.6, 61, 3600, 90061)] == [
        '0 s', '1 min 0 s', '1 min 1 s', '1 h 0 min', '25 h 1 min']

