"""The error page: what the user sees when a handler failed, and what the programmer sees of the cause.

Everything on it is escaped, and no script in it runs. With `debug` it shows the traceback with its source
lines, those of templates included; without, an apology and a number that stands in the log, and nothing of
the program.
"""

from __future__ import annotations

from kali.errors import DatabaseError, KaliError, TemplateError
from kali.http.encoder import STRICT_POLICY
from kali.http.response import Response
from kali.markup import escape_text

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from types import TracebackType

    from kali.http.request import Request

__all__ = ['error_response']

_REPORT = """<p><strong>%s</strong></p>
<p><button type="button" data-copy="kali-report">Copy the report</button></p>
<pre id="kali-report">%s</pre>
"""
_BUSY = """<p>The program cannot get at its data at the moment. Nothing was saved just now.</p>
<p>Try again in a moment. If that does not help, tell whoever looks after this program
the number <strong>%s</strong>.</p>
"""
_APOLOGY = """<p>We are sorry: this did not work, and it is not your fault.</p>
<p>If it happens again, tell whoever looks after this program the number <strong>%s</strong>.</p>
"""


def error_response(request: Request, error: BaseException, *, debug: bool, reference: str = '') -> Response:
    """The page for a request that ended in `error`.

    A KaliError below 500 is the visitor's to mend, so its message is the page; anything else is a bug of the
    program.

    :param reference: the number under which the log has it, for the page without `debug`.
    """
    page = _page(request, error, debug, reference)
    if 'content-security-policy' not in page.headers:
        page.add_header('Content-Security-Policy', STRICT_POLICY)
    return page


def _page(request: Request, error: BaseException, debug: bool, reference: str) -> Response:
    if isinstance(error, DatabaseError):  # it is about a file; where the program met it helps nobody
        if not debug:
            return _apology(reference, error.status)
        lines = escape_text(_message(error)).replace('\n', '<br>')
        return Response.swear(request, f'<p>{lines}</p>', status=error.status)
    if isinstance(error, KaliError) and (error.status < 500 or error.status in (501, 503, 505)):
        message = escape_text(_message(error))
        return Response.generic(f'<p>{message}</p>', status=error.status, headers=error.headers)
    if not debug:
        return _apology(reference)
    detail = _REPORT % (escape_text(_summary(error)), escape_text(_report(request, error)))
    return Response.swear(request, [detail, '<script src="/.kali/kali.js" defer></script>'], status=500)


def _apology(reference: str, status: int = 500) -> Response:
    words = _BUSY if status == 503 else _APOLOGY
    return Response.generic(words % escape_text(reference), title='Something went wrong', status=status)


def _summary(error: BaseException) -> str:
    return f'{type(error).__name__}: {_message(error)}'


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # a broken __str__ must not take the page with it
        return '(its message cannot be shown)'


def _report(request: Request, error: BaseException) -> str:
    import platform  # only an error page needs these two
    import traceback

    from kali.version import __version__
    try:
        lines = traceback.format_exception(type(error), error, _skip_own(error))
    except Exception:
        lines = [_summary(error)]
    if isinstance(error, TemplateError):
        lines += ['\n', _template_line(error)]
    route = request.scope.route
    lines += ['\n', f'during  {request.method} {request.target}\n', f'handled by  {route}\n' if route else '',
              f'kali {__version__}, Python {platform.python_version()}, {platform.system()}']
    return ''.join(lines)


def _skip_own(error: BaseException) -> TracebackType | None:
    """The traceback from where kali's dispatcher called: what stands before is the same for every error."""
    traceback = error.__traceback__
    return (traceback and traceback.tb_next) or traceback


def _template_line(error: TemplateError) -> str:
    import linecache  # only a template's mistake needs it
    line = linecache.getline(error.filename, error.line).rstrip()
    if not line:
        return ''
    return f'{error.filename}, line {error.line}:\n    {line}\n    {" " * (error.column - 1)}^\n'
