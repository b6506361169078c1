"""Jobs: long work in slices between requests, with a page that shows how far it is.

A job is a generator. Each `yield` hands the thread back, commits what was written since the last one, and may
say how far the work is, or wait for a Future. All jobs of one `Jobs` take turns within a slice of a few
milliseconds, taken when nobody else is waiting, so a thousand of them cost a request no more than one does.
"""

from __future__ import annotations

import os
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from kali import log
from kali.errors import KaliError
from kali.http.consequences import after_commit
from kali.http.deferred import Deferred, Signal, Wait, Waiter
from kali.http.response import Response
from kali.live import jobs_page
from kali.live.console import Console
from kali.live.job import Job, Progress
from kali.live.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Generator

    from kali.http.host import Host
    from kali.http.request import Request

__all__ = ['Jobs', 'Progress']

SLICE = 0.02  # seconds of work before other requests are looked at
KEPT = 100  # jobs that have ended, for the list


class Jobs:
    """The jobs of an application, and the pages about them.

    It is mounted like a folder; `start` begins a job and answers with its page.

    >>> from kali import Request, Router
    >>> from kali.testing import Client
    >>> app, jobs = Router(), Jobs()
    >>> app.delegate_folder('/jobs/', jobs)
    >>> @app.post('/count')
    ... def count(request: Request):
    ...     def work():
    ...         for number in range(3):
    ...             yield Progress(number, 3, 'Counting')
    ...         return '<p>There are three.</p>'
    ...     return jobs.start(request, work(), title='Count to three')
    >>> with Client(app) as client:
    ...     'There are three.' in client.post('/count', follow=True).text
    True
    """

    def __init__(self) -> None:
        self.jobs: dict[int, Job] = {}
        self._count = 0
        self._turn: deque[Job] = deque()  # those that can go on; only `append` is called by other threads
        self._more = Signal()
        self._host: Host | None = None
        self._parked: dict[Job, tuple[Waiter, Wait]] = {}
        self._console, self._watchdog = Console(), Watchdog()

    def start(self, request: Request, work: Generator[Any, Any, Any], title: str = '') -> Response:
        """Begin a job, after COMMIT if a transaction is open, and answer with a redirect to its page.

        :param work: the generator
        :param title: what its page and the history call it
        :raises TypeError: if `work` is no generator
        :raises KaliError: if there is no server to run it, or this object is not mounted
        """
        if not (hasattr(work, 'send') and hasattr(work, 'close')):
            raise TypeError(f'jobs.start: {work!r:.80} is no generator; call the function with "yield" in '
                            'it, as in jobs.start(request, read(path))')
        host = request.scope.host
        if host is None:
            raise KaliError('A job needs a server to run in; in a test, use "with Client(app) as client".')
        url = self.url(request)
        self._count += 1
        job = Job(self._count, title or getattr(work, '__name__', 'Job'), work)
        job.debug = request.scope.debug
        guarded = request.scope.guarded
        if callable(guarded):
            job.deferred = guarded(job.deferred, title=job.title)
        after_commit(lambda: self._begin(host, job))
        return Response.redirect(f'{url}{job.number}')

    def url(self, request: Request) -> str:
        """Where the list of jobs is mounted.

        :raises KaliError: if it is mounted nowhere
        """
        router = request.scope.router
        try:
            return str(router.url_for(self)) + '/'
        except (AttributeError, LookupError):
            raise KaliError("Jobs() is not mounted, so a job has no page: app.delegate_folder('/jobs/', "
                            'jobs)') from None

    def cancel(self, number: int) -> None:
        """End a job, after COMMIT if a transaction is open: its `finally` runs. What it had finished by its
        last yield is saved."""
        job = self.jobs.get(number)
        if job is not None:
            after_commit(lambda: None if job.is_over else self._end(job, 'cancelled'))

    def __call__(self, request: Request) -> Any:
        """The pages: the list, a job, and a POST that cancels one."""
        return jobs_page.answer(self.jobs, self.cancel, request)

    # Running them.

    def _begin(self, host: Host, job: Job) -> None:
        self.jobs[job.number] = job
        self._turn.append(job)
        if self._host is not host:
            self._host = host
            host.start(Deferred(self._slice, None, self._close), 'jobs')
        self._more.set()

    def _slice(self) -> Wait | bytes:
        """Take the jobs that can go on further, in turn, for a slice of time."""
        wait = Wait(signal=self._more)
        until = time.monotonic() + SLICE
        moved: dict[Job, None] = {}
        try:
            while self._turn:
                job = self._turn.popleft()
                moved[job] = None
                if self._advance(job) >= until:
                    return b''
        finally:
            for job in moved:
                job.changed.set()
            self._console.show(moved)
        # For a host that wants to know whether something is under way elsewhere.
        futures = (each.future for _, each in self._parked.values() if each.future is not None)
        wait.future, wait.resting = next(futures, None), not self._parked
        return wait

    def _advance(self, job: Job) -> float:
        """Take a job to its next yield; gives the time then."""
        if job.is_over:
            return time.monotonic()
        if job.state == 'waiting':
            job.state, job.begun = 'running', time.monotonic()
        self._watchdog.begins(job.title)
        try:
            outcome = job.deferred.step()
            if isinstance(outcome, Wait):
                self._park(job, outcome)
        except BaseException as error:
            if self._host is not None and self._host.stopping:
                raise  # Ctrl-C came while it worked
            self._end(job, 'failed', error)
            return time.monotonic()
        finally:
            self._watchdog.ends()
        if outcome is None:
            self._end(job, 'done')
        elif not isinstance(outcome, Wait):
            self._turn.append(job)
        return time.monotonic()

    def _park(self, job: Job, wait: Wait) -> None:
        """Have a job go on when what it waits for has come."""
        assert self._host is not None

        def go_on() -> None:
            if parked:
                parked.pop()
                self._parked.pop(job, None)
                waiter.end()
                self._turn.append(job)
                self._more.set()
        parked = [job]
        waiter = Waiter(go_on)
        self._parked[job] = waiter, wait
        waiter.wait_for(wait)
        if wait.until is not None:
            self._host.at(wait.until, go_on)
        if wait.over(time.monotonic()):
            go_on()

    def _end(self, job: Job, state: str, error: BaseException | None = None) -> None:
        job.state, job.ended, job.error = state, time.monotonic(), error
        waiter, _ = self._parked.pop(job, (None, None))
        if waiter is not None:
            waiter.end()
        for old in [each for each in self.jobs.values() if each.is_over][:-KEPT]:
            del self.jobs[old.number]
        if error is not None:
            job.reference = os.urandom(4).hex()
            log.error('the job %s failed (%s)', job.title, job.reference, exception=error)
        try:
            job.deferred.close()
        except BaseException as late:
            log.error('the job %s could not be ended properly', job.title, exception=late)
        job.changed.set()
        self._console.show([job])

    def _close(self) -> None:
        """The host ends: so do its jobs, and their `finally` runs."""
        self._host = None
        self._turn.clear()
        for job in list(self.jobs.values()):
            if not job.is_over:
                self._end(job, 'cancelled')
