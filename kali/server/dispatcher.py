"""The dispatcher: the one place where a handler is called, and the only one that catches everything it may
raise.

Whatever the handler does, the outcome is a Response with its content rendered to bytes, or a Deferred. The
server, the test client and the WSGI and ASGI adapters all call it, so an application behaves the same in each
of them.
"""

from __future__ import annotations

from functools import partial

from kali import log
from kali.errors import KaliError, NotFound
from kali.http.deferred import Deferred, Wait
from kali.http.response import Response, as_response, rendered
from kali.locale import leave, use
from kali.pages.assets import PREFIX, asset, worker_script
from kali.pages.error_page import error_response
from kali.routing.router import Router

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    from kali.http.request import Request
    from kali.http.response import Handler
    from kali.live.events import Channel
    from kali.live.sse import Event
    from kali.locale import Locale

    Step: TypeAlias = 'bytes | Wait | Response | Deferred | None'

__all__ = ['Broken', 'Dispatcher', 'rendered']


class Broken(Exception):
    """A stream failed after its first bytes were sent: it must be cut, so that it does not look whole."""


class Dispatcher:
    """Calls a handler and makes an answer of whatever comes out.

    :param handler: the application
    :param debug: whether error pages show the cause
    :param locale: of all answers; that of the browser, by its Accept-Language, unless given
    :param stopping: tells whether the server is ending; a handler that is interrupted then is answered with
        503

    >>> from kali.http.request import Request
    >>> Dispatcher(lambda request: ['<p>', 1 + 1]).answer(Request()).content
    b'<p>2'
    >>> Dispatcher(lambda request: {}[1]).answer(Request()).status
    500
    """

    def __init__(self, handler: Handler, *, debug: bool = True, locale: Locale | None = None,
                 stopping: Callable[[], bool] = lambda: False) -> None:
        self.handler, self.debug, self.locale, self.stopping = handler, debug, locale, stopping
        self.running = False  # whether code of the application is
        self.own = Router()  # what kali serves itself, below `/.kali/`
        self.own.delegate('', asset)
        self.own.get('/events')(self._events)
        self._news: Channel | None = None  # what all windows listen to
        #: What the host makes of the stream that the windows of a browser share.
        self.leased: Callable[[Deferred], Deferred] = lambda stream: stream
        #: Gets each answer that a window shows as a page, and gives it with what is to stand in it.
        self.dress: Callable[[Request, Response], Response] | None = None
        if debug:
            self.own.delegate_folder('/handbook/', _handbook)

    def answer(self, request: Request) -> Response | Deferred:
        """The handler's answer to `request`: a Response whose content is bytes, or a Deferred."""
        self.running = True
        target, headers = request.target, request.headers
        token = use(self.locale or headers)
        try:
            if not self.debug:
                request.scope.debug = False
            if '%' in target:
                _ = request.path  # raises for bad escapes, which no handler should have to meet
            handler = self._own if target.startswith(PREFIX) else self.handler
            value = (handler(request) if 'service-worker' not in headers.last
                     else worker_script(request, handler))
            if type(value) is str:  # a whole page: nothing to put together
                body = value.encode('utf-8', 'replace')
                if len(body) <= request.limits.content:
                    return self._dressed(request, Response(body))
            response = as_response(value, request)
            if not isinstance(response, Deferred):
                return self._dressed(request, rendered(response, request))
            if response.response is not None:  # a stream, as it goes out
                self._dressed(request, response.response)
            return response
        except BaseException as error:
            return self._failed(request, error)
        finally:
            self.running = False
            leave(token)

    @property
    def news(self) -> Channel:
        """What all windows listen to, at `/.kali/events`."""
        if self._news is None:
            from kali.live.events import Channel  # when a window shows a page already, or hears something
            self._news = Channel()
        return self._news

    def _events(self, request: Request) -> Deferred:
        return self.leased(self.news.stream(request))

    def publish(self, event: Event | str, to: str = '') -> None:
        """What `publish` of each host does (see kali.http.host)."""
        from kali.live.sse import addressed  # the caller has loaded it
        self.news.publish(addressed(event, to))

    def _own(self, request: Request) -> Any:
        if '..' in request.path:  # a Router would lead it out of here
            raise NotFound('Kali has no such file.')
        return self.own(request.mounted(1, ()))

    def step(self, subject: Request | str, deferred: Deferred) -> Step:
        """The next step of an answer under way, or of a job; a Response is rendered.

        :param subject: the request that is answered, or the name of the job. A job that fails ends with that.
        :raises Broken: if it failed when a part had been sent already.
        """
        if isinstance(subject, str):
            return self.call(partial(_step, deferred), subject)  # type: ignore[return-value]  # as _step gives
        self.running = True
        token = use(self.locale or subject.headers)
        try:
            outcome = _step(deferred)
            if not isinstance(outcome, Response):
                return outcome
            return self._dressed(subject, rendered(outcome, subject))
        except BaseException as error:
            response = self._failed(subject, error)
            if deferred.response is not None:
                raise Broken from None
            return response
        finally:
            self.running = False
            leave(token)

    def close(self, subject: Request | str, deferred: Deferred) -> None:
        """End an answer or a job that is over or not wanted any more; what fails in that is only logged."""
        name = subject if isinstance(subject, str) else f'{subject.method} {subject.target}'
        self.call(deferred.close, name)

    def call(self, function: Callable[[], object], name: str) -> object:
        """What a function gives that is to be called now; if it fails, that is logged, and it is None."""
        self.running = True
        try:
            return function()
        except BaseException as error:
            if not self._interrupted(error):
                log.error('%s failed', name, exception=error)
            return None
        finally:
            self.running = False

    def _dressed(self, request: Request, response: Response) -> Response:
        if self.dress is None or request.headers.last.get('sec-fetch-dest') != 'document':
            return response
        return self.dress(request, response)

    @staticmethod
    def ending() -> Response:
        """The answer to a client that asked too late."""
        return rendered(Response.generic('<p>The program is being ended.</p>', status=503))

    def _interrupted(self, error: BaseException) -> bool:
        return self.stopping() and isinstance(error, (KeyboardInterrupt, SystemExit))

    def _failed(self, request: Request, error: BaseException) -> Response:
        if self._interrupted(error):
            return self.ending()
        reference, page_about = '', _page_about(error) if self.debug else None
        if not isinstance(error, KaliError) or error.status >= 500:
            import os  # only a mishap needs a number
            reference = os.urandom(4).hex()
            log.error('%s %s failed (%s%s)', request.method, request.target, reference,
                      f'; python -m kali docs {page_about}' if page_about else '', exception=error)
        # The application's frame may be what failed; and out of memory, or of stack, there is only the last.
        for framed in (request, None) if request.scope.shell else (None,):
            try:
                page = error_response(request, error, debug=self.debug, reference=reference,
                                      page_about=page_about)
                return self._dressed(request, rendered(page, framed))
            except BaseException as again:
                log.error('the error page failed (%s)', reference, exception=again)
        return Response(b'<h1>Internal Server Error</h1>', status=500)


def _handbook(request: Request) -> Any:
    """The handbook, to which error pages link."""
    from kali.handbook.app import handbook  # only an author reads it
    return handbook(request)


def _page_about(error: BaseException) -> str | None:
    """The name of the handbook's page about an error, if it has one."""
    try:
        from kali.handbook.pages import about  # only an error needs it
        return about(error)
    except Exception:  # a broken __str__, for one; no memory
        return None


def _step(deferred: Deferred) -> Step:
    outcome: Step = deferred.step()
    if not (outcome is None or isinstance(outcome, (bytes, Wait))
            or (isinstance(outcome, (Response, Deferred)) and deferred.response is None)):
        raise TypeError(f'a step of a deferred answer gave a {type(outcome).__name__}: it gives bytes, a '
                        'Wait, None at the end or, unless it is a stream, a Response or the stream that '
                        'follows')
    return outcome
