"""What is not saved has no consequences: events, jobs and scheduled calls under the guard and undo."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kali import Request, Response, Router
from kali.live import Channel, Jobs, Schedule, in_thread
from kali.sqlite import connect, guard, undo
from kali.testing import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Any]:
    db = connect(tmp_path / 'db.sqlite')
    db.execute('CREATE TABLE note (note INTEGER PRIMARY KEY, text TEXT UNIQUE)')
    yield db
    db.close()


def notes(db: Any) -> list[str]:
    return [row[0] for row in db.execute('SELECT text FROM note ORDER BY note')]


@pytest.mark.parametrize('outcome, heard', [
    (lambda: 'saved', 1), (lambda: Response('no', status=409), 0), (lambda: 1 / 0, 0),
])
def test_an_event_goes_out_after_commit(outcome: Callable[[], Any], heard: int, db: Any) -> None:
    channel, app, seen = Channel(), Router(), []

    @app.post('/')
    def save() -> Any:
        db.execute("INSERT INTO note (text) VALUES ('x')")
        channel.publish('x')
        seen.append(channel._published)
        return outcome()
    Client(guard(app, db)).post('/')
    assert seen == [0], 'not before'
    assert channel._published == heard == len(notes(db))


def start(db: Any, work: Callable[[], Generator[Any, Any, Any]], outcome: Callable[[], Any] = lambda: None,
          wrap: Any = None) -> tuple[Jobs, Any]:
    app, jobs = Router(), Jobs()
    app.delegate_folder('/jobs/', jobs)

    @app.post('/start')
    def begin(request: Request) -> Any:
        page = jobs.start(request, work(), title='Work')
        return outcome() or page
    return jobs, guard(wrap(app) if wrap else app, db)


def test_each_yield_commits_and_a_step_that_fails_is_rolled_back(db: Any, tmp_path: Path) -> None:
    other = connect(tmp_path / 'db.sqlite')

    def work() -> Generator[Any, Any, Any]:
        for number in range(3):
            db.execute('INSERT INTO note (text) VALUES (?)', [str(number)])
            yield
            assert notes(other) == [str(each) for each in range(number + 1)], 'another connection sees it'
        db.execute("INSERT INTO note (text) VALUES ('never')")
        raise ZeroDivisionError
    with Client(start(db, work)[1]) as client:
        assert 'Failed' in client.post('/start', follow=True).text
    assert notes(db) == ['0', '1', '2']
    other.close()


def test_a_job_of_a_request_that_fails_does_not_begin(db: Any) -> None:
    begun = []

    def work() -> Generator[Any, Any, Any]:
        begun.append(True)
        yield
    jobs, app = start(db, work, lambda: Response('no', status=422))
    with Client(app) as client:
        assert client.post('/start').status == 422
        client.run(0.1)
    assert not begun and not jobs.jobs


def test_cancelling_keeps_what_is_committed_and_runs_finally(db: Any) -> None:
    def work() -> Generator[Any, Any, Any]:
        try:
            db.execute("INSERT INTO note (text) VALUES ('kept')")
            yield
            while True:
                yield in_thread(int)
        finally:
            db.execute("INSERT INTO note (text) VALUES ('finally')")
    jobs, app = start(db, work)
    with Client(app) as client:
        client.post('/start')
        client.run(0.05)
        jobs.cancel(1)
        assert 'Cancelled' in client.get('/jobs/1').text
    assert notes(db) == ['kept', 'finally']


def test_a_constraint_is_met_by_the_job_and_nothing_is_left_open(db: Any) -> None:
    def work() -> Generator[Any, Any, Any]:
        db.execute("INSERT INTO note (text) VALUES ('x')")
        yield
        db.execute("INSERT INTO note (text) VALUES ('y'), ('x')")
    with Client(start(db, work)[1]) as client:
        page = client.post('/start', follow=True).text
        assert 'Failed' in page
    assert notes(db) == ['x'] and not db.in_transaction


def test_a_job_is_one_step_of_the_history(db: Any) -> None:
    history = undo(db)

    def work() -> Generator[Any, Any, Any]:
        for number in range(3):
            db.execute('INSERT INTO note (text) VALUES (?)', [str(number)])
            yield
    _, app = start(db, work, wrap=history.wrap)
    app_router = app
    while not isinstance(app_router, Router):
        app_router = app_router.inside
    app_router.delegate('/undo', history)
    with Client(app) as client:
        client.post('/start', follow=True)
        assert notes(db) == ['0', '1', '2']
        page = str(history.buttons('/undo'))
        assert 'Work' in page
        step = re.search('name="step" value="([^"]*)"', page)
        assert step is not None
        client.post('/undo', form={'do': 'undo', 'step': step[1]})
        assert notes(db) == []


@pytest.mark.parametrize('order', ['inside', 'outside'])
def test_a_scheduled_call_is_a_transaction(order: str, db: Any) -> None:
    schedule = Schedule()

    def write() -> None:
        db.execute("INSERT INTO note (text) VALUES ('x')")

    def fail() -> None:
        db.execute("INSERT INTO note (text) VALUES ('y')")
        raise ZeroDivisionError
    schedule.after(0, write)
    schedule.after(0, fail)
    app: Any = lambda request: 'home'  # noqa: E731
    app = guard(schedule.wrap(app), db) if order == 'inside' else schedule.wrap(guard(app, db))
    with Client(app) as client:
        client.run(1)
        assert notes(db) == ['x'] and not db.in_transaction
