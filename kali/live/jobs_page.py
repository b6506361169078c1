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
from kali.locale.words import say
from kali.markup import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kali.http.request import Request
    from kali.iolist import Content
    from kali.live.job import Job
    from kali.live.sse import Event

__all__ = ['answer']

REFRESH = Markup('<noscript><meta http-equiv="refresh" content="1"></noscript>\n')


def answer(jobs: dict[int, Job], cancel: Callable[[int], object], request: Request) -> Any:
    """What a request for a page about jobs gets.

    :raises NotFound: for a job that is not there, or any more
    """
    name, *rest = request.path_suffix() or ['']
    if not name and not rest:
        return _page(request, say('jobs'), _list(jobs))
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
        Markup(f'</section>\n<p><a href="./">{escape(say("all jobs"))}</a></p>'),
        '' if job.is_over else REFRESH])


def _page(request: Request, title: str, content: Content) -> Response:
    shell = request.scope.shell
    return shell.page(request, title, content) if shell else Response(Page(title, content))


def _list(jobs: dict[int, Job]) -> Content:
    if not jobs:
        return Markup(f'<p>{escape(say("no jobs"))}</p>')
    heads = [f'<th>{escape(say(key))}</th>' for key in ('job', 'job state', 'progress')]
    rows = [f'<tr><th scope="row"><a href="{job.number}">{escape(job.title)}</a></th>'
            f'<td>{escape(say(job.state))}</td><td>{_bar(job)}</td></tr>\n'
            for job in reversed(jobs.values())]
    return ['<table><thead><tr>', heads, '</tr></thead><tbody>\n', rows, '</tbody></table>']


def state(job: Job) -> Markup:
    """How a job stands, as HTML: it replaces what the page showed before."""
    # What the progress is, a screen reader says when it is asked, not five times a second.
    parts: list[Content] = [f'<div id="job-{job.number}">\n<p role="status">{escape(say(job.state))}</p>\n']
    if not job.is_over:
        parts += [f'<p>{_bar(job)}</p>\n<p>{escape(job.words())}</p>\n<form method="post" '
                  f'action="{job.number}/cancel"><button>{escape(say("cancel"))}</button></form>\n']
    elif job.state == 'failed':
        detail = f'{type(job.error).__name__}: {job.error}' if job.debug else say('went wrong')
        parts.append(f'<p class="error">{escape(detail)}</p>\n'
                     f'<p>{escape(say("job saved", reference=job.reference))}</p>\n')
    elif job.state == 'cancelled':
        parts.append(f'<p>{escape(say("job so far", words=job.words() or say("job nothing")))}</p>\n')
    else:
        parts.append(_result(job.result))
    return Markup(joined([parts, '</div>\n']))


def _result(result: Any) -> Content:
    if not isinstance(result, Response):
        return result
    return f'<p><a href="{escape(result.headers["location"])}">{escape(say("outcome"))}</a></p>\n'


def _bar(job: Job) -> str:
    done, total, _ = job.progress
    if job.is_over:
        return ''
    extent = f' max="{total:g}" value="{min(done, total):g}"' if total else ''
    return f'<progress aria-label="{escape(say("progress"))}"{extent}></progress>'


def _events(job: Job) -> Iterator[Event | Wait]:
    """The state of a job each time it has changed, but not more than five times a second."""
    while not job.is_over:
        wait = Wait(signal=job.changed)
        yield SSE.patch_elements(state(job))
        yield pause(0.2)
        yield wait
    yield SSE.patch_elements(state(job))
    yield END
