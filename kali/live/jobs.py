"""Jobs: long work in slices between requests, with a page that shows how far it is.

A job is a generator. Each `yield` hands the thread back, commits what was written since the last one, and may
say how far the work is, or wait for a Future. The host takes all jobs further in turn, for a millisecond or
so between two looks at its sockets; so a thousand of them cost a request no more than one does.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from kali import log
from kali.errors import KaliError
from kali.http.consequences import after_commit
from kali.http.deferred import Deferred
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
        self._console, self._watchdog = Console(), Watchdog()

    def start(self, request: Request, work: Generator[Any, Any, Any], title: str = '') -> Response:
        """Begin a job, after COMMIT if a transaction is open, and answer with a redirect to its page.

        :param work: the generator
        :param title: what its page and the history call it
        :raises TypeError: if `work` is no generator
        :raises KaliError: if there is no server to run it, or this object is not mounted
        """
        if not (hasattr(work, '__next__') and hasattr(work, 'send') and hasattr(work, 'close')):
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
            after_commit(job.cancel)

    def __call__(self, request: Request) -> Any:
        """The pages: the list, a job, and a POST that cancels one."""
        return jobs_page.answer(self.jobs, self.cancel, request)

    # Running them.

    def _begin(self, host: Host, job: Job) -> None:
        self.jobs[job.number] = job
        job.handle = host.start(Deferred(lambda: self._advance(host, job), None,
                                         lambda: self._end(job, 'cancelled')), job.title)

    def _advance(self, host: Host, job: Job) -> Any:
        """Take a job to its next yield. None when it has ended."""
        if job.state == 'waiting':
            job.state, job.begun = 'running', time.monotonic()
        self._watchdog.begins(job.title)
        try:
            outcome = job.deferred.step()
        except BaseException as error:
            if host.stopping:
                raise  # Ctrl-C came while it worked
            self._end(job, 'failed', error)
            return None
        finally:
            self._watchdog.ends()
        if outcome is None:
            self._end(job, 'done')
        else:
            self._tell(job)
        return outcome

    def _end(self, job: Job, state: str, error: BaseException | None = None) -> None:
        if job.is_over:
            return
        job.state, job.ended, job.error = state, time.monotonic(), error
        for old in [each for each in self.jobs.values() if each.is_over][:-KEPT]:
            del self.jobs[old.number]
        if error is not None:
            job.reference = os.urandom(4).hex()
            log.error('the job %s failed (%s)', job.title, job.reference, exception=error)
        try:
            job.deferred.close()
        except BaseException as late:
            log.error('the job %s could not be ended properly', job.title, exception=late)
        self._tell(job)

    def _tell(self, job: Job) -> None:
        job.changed.set()
        self._console.show(job)
