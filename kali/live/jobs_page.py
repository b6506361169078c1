"""The pages about jobs: the list, and one job with its progress, rate, time left and Cancel.

The page of a job that is under way asks for itself again once a second where there is no script; where there
is, its stream of events changes it in place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kali.errors import NotFound
from kali.http.deferred import Wait
from kali.http.page import Page
from kali.http.response import Response
from kali.iolist import joined
from kali.live.events import EventStream, pause
from kali.live.sse import END, SSE
from kali.markup import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kali.http.request import Request
    from kali.iolist import Content
    from kali.live.job import Job
    from kali.live.sse import Event

__all__ = ['answer']

STATES = {'waiting': 'Waiting', 'running': 'Under way', 'done': 'Done', 'failed': 'Failed',
          'cancelled': 'Cancelled'}
REFRESH = Markup('<noscript><meta http-equiv="refresh" content="1"></noscript>\n')


def answer(jobs: dict[int, Job], cancel: Callable[[int], object], request: Request) -> Any:
    """What a request for a page about jobs gets.

    :raises NotFound: for a job that is not there, or any more
    """
    name, *rest = request.path_suffix() or ['']
    if not name and not rest:
        return _page(request, 'Jobs', _list(jobs))
    job = jobs.get(int(name)) if name.isascii() and name.isdigit() and len(name) < 10 else None
    if job is None or rest not in ([], ['events'], ['cancel']):
        raise NotFound('There is no such job; the list has those of this run of the program.')
    if rest == ['events']:
        return EventStream(_events(job))
    if rest == ['cancel']:
        if request.method != 'POST':
            return Response(None, status=405, headers={'Allow': 'POST'})
        cancel(job.number)
        return Response.redirect(request.app_url([name]))
    return _page(request, job.title, [
        Markup(f'<section data-kali-events="{escape(request.app_url([name, "events"]))}">'), state(job),
        Markup('</section>\n'), '' if job.is_over else REFRESH, Markup('<p><a href="./">All jobs</a></p>')])


def _page(request: Request, title: str, content: Content) -> Response:
    shell = request.scope.shell
    return shell.page(request, title, content) if shell else Response(Page(title, content))


def _list(jobs: dict[int, Job]) -> Content:
    if not jobs:
        return Markup('<p>Nothing is under way.</p>')
    rows = [f'<tr><th scope="row"><a href="{job.number}">{escape(job.title)}</a></th>'
            f'<td>{STATES[job.state]}</td><td>{_bar(job)}</td></tr>\n'
            for job in reversed(jobs.values())]
    return ['<table><thead><tr><th>Job</th><th>State</th><th>Progress</th></tr></thead><tbody>\n', rows,
            '</tbody></table>']


def state(job: Job) -> Markup:
    """How a job stands, as HTML: it replaces what the page showed before."""
    parts: list[Content] = [f'<div id="job-{job.number}" role="status">\n<p>{STATES[job.state]}</p>\n']
    if not job.is_over:
        parts += [f'<p>{_bar(job)}</p>\n<p>{escape(job.words())}</p>\n',
                  f'<form method="post" action="{job.number}/cancel"><button>Cancel</button></form>\n']
    elif job.state == 'failed':
        detail = f'{type(job.error).__name__}: {job.error}' if job.debug else 'Something went wrong.'
        parts.append(f'<p class="error">{escape(detail)}</p>\n<p>What it had finished is saved; the step '
                     f'that failed is not. The log has more under the number {job.reference}.</p>\n')
    elif job.state == 'cancelled':
        parts.append(f'<p>It had come this far: {escape(job.words()) or "nothing was done"}.</p>\n')
    else:
        parts.append(_result(job.result))
    return Markup(joined([parts, '</div>\n']))


def _result(result: Any) -> Content:
    if isinstance(result, Response):
        target = result.headers.get('location')
        return f'<p><a href="{escape(target)}">See what came of it</a></p>\n' if target else result.content
    return result


def _bar(job: Job) -> str:
    done, total, _ = job.progress
    if job.is_over:
        return ''
    if not total:
        return '<progress aria-label="Progress"></progress>'
    return f'<progress aria-label="Progress" max="{total:g}" value="{min(done, total):g}"></progress>'


def _events(job: Job) -> Iterator[Event | Wait]:
    """The state of a job each time it has changed, but not more than five times a second."""
    while not job.is_over:
        wait = Wait(signal=job.changed)
        yield SSE.patch_elements(state(job))
        yield pause(0.2)
        yield wait
    yield SSE.patch_elements(state(job))
    yield END
