"""The error page: what the user sees when a handler failed, and what the programmer sees of the cause.

Everything on it is escaped, and no script in it runs. With `debug` it shows the traceback with its source
lines, those of templates included; without, an apology and a number that stands in the log, and nothing of
the program.
"""

from __future__ import annotations

from kali.errors import DatabaseError, KaliError, SpentError, TemplateError
from kali.http.encoder import STRICT_POLICY
from kali.http.grammar import SAFE_METHODS
from kali.http.page import Page
from kali.http.response import Response
from kali.http.urls import is_local
from kali.markup import escape, escape_text

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from types import TracebackType

    from kali.http.request import Request

__all__ = ['error_response']

_REPORT = """<p><strong>%s</strong></p>
<p><button type="button" data-copy="kali-report">Copy the report</button></p>
<pre id="kali-report">%s</pre>
"""
_MORE = """<p><small>The handbook has a page about this: <a href="/.kali/handbook/%(name)s">%(name)s</a>
(<code>python -m kali docs %(name)s</code>).</small></p>
"""
_BUSY = """<p>The program cannot get at its data at the moment. Nothing was saved just now.</p>
<p>Try again in a moment. If that does not help, tell the person in charge of this program
the number <strong>%s</strong>.</p>
"""
_APOLOGY = """<p>We are sorry: this did not work, and it is not your fault.</p>
<p>If it happens again, tell the person in charge of this program the number <strong>%s</strong>.</p>
"""


def error_response(request: Request, error: BaseException, *, debug: bool, reference: str = '',
                   page_about: str | None = None) -> Response:
    """The page for a request that ended in `error`.

    A KaliError below 500 is for the visitor to correct, so its message is the page; anything else
    is a bug of the program.

    :param reference: the number under which the log has it, for the page without `debug`.
    :param page_about: the name of the handbook's page about this error
    """
    page = _page(request, error, debug, reference)
    if page_about and type(page.content) is Page:
        page.content = Page(page.content.heading, [page.content.body, _MORE % {'name': escape(page_about)}],
                            way_out=page.status != 403, script=True)
    if 'content-security-policy' not in page.headers:
        page.add_header('Content-Security-Policy', STRICT_POLICY)
    return page


def _page(request: Request, error: BaseException, debug: bool, reference: str) -> Response:
    if isinstance(error, (DatabaseError, SpentError)):
        return _database_page(request, error, debug, reference)
    if isinstance(error, KaliError) and (error.status < 500 or error.status in (501, 503, 505)):
        message = escape_text(_message(error))
        return Response.generic(f'<p>{message}</p>', status=error.status, headers=error.headers)
    if not debug:
        return _apology(request, reference)
    detail = _REPORT % (escape_text(_summary(error)), escape_text(_report(request, error))) + _log(request)
    page = Response.swear(request, detail, status=500)
    page.content = Page(page.content.heading, page.content.body, way_out=True, script=True)
    return page


def _database_page(request: Request, error: KaliError, debug: bool, reference: str) -> Response:
    """It is about data, and what was typed comes back. Below 500 the sentence is for the visitor; else it may
    name files, and with `debug` it comes with what the guard knows besides."""
    typed = _typed(request)
    if error.status < 500:
        return Response.generic([f'<p>{escape_text(_message(error))}</p>\n', _way_back(request), typed],
                                title='Not done', status=error.status, headers=error.headers)
    if not debug:
        return _apology(request, reference, error.status, typed)
    lines = [*_message(error).splitlines(), *_place(error), *getattr(error, 'facts', ())]
    said = [f'<p>{escape_text(line)}</p>\n' for line in lines]
    return Response.swear(request, [said, typed, _log(request)], status=error.status)


def _log(request: Request) -> str:
    """A link to the log, for the user of a window: a program that was double-clicked has no console."""
    if not request.scope.has_window:
        return ''
    from kali.locale.words import say  # only an error page needs it
    return f'<p><a href="/.kali/log">{escape(say("log"))}</a></p>\n'


def _apology(request: Request, reference: str, status: int = 500, typed: str = '') -> Response:
    words = _BUSY if status == 503 else _APOLOGY
    return Response.generic([words % escape_text(reference), typed, _log(request)],
                            title='Something went wrong', status=status)


def _typed(request: Request) -> str:
    """What was typed into the form that could not be saved, in a form that sends it again."""
    try:
        fields = [] if request.method in SAFE_METHODS else list(request.form.items())
        has_files = bool(fields and request.files)
    except KaliError:  # it is no form that can be read
        return ''
    if not fields:
        return ''
    rows = []
    for name, value in fields:
        name, value = escape(name), escape(value)
        if name.startswith('_') or 'password' in name.lower():
            rows.append(f'<input type="hidden" name="{name}" value="{value}">\n')
        else:
            rows.append(f'<p><label>{name}<br><textarea name="{name}">\n{value}</textarea></label></p>\n')
    note = '<p>Files have to be chosen again: go back for that.</p>\n' if has_files else ''
    return (f'<form method="post" action="{escape(request.target)}">\n<p>Here is what you typed:</p>\n'
            f'{"".join(rows)}{note}<p><button>Try again</button></p>\n</form>\n')


def _way_back(request: Request) -> str:
    """A link to the page that the form stands on, if the browser says which that is."""
    came = request.headers.get('Referer', '').split('/', 3)
    url = f'/{came[3]}' if len(came) == 4 and came[2] == request.headers.get('Host') else ''
    return f'<p><a href="{escape(url)}">Go back</a></p>\n' if url and is_local(url) else ''


def _place(error: BaseException) -> list[str]:
    """Where in the program it happened: the innermost place on the error's way that is neither kali's own nor
    the driver's."""
    from pathlib import Path  # only an error page needs it
    kali = str(Path(__file__).parent.parent)
    place: list[str] = []
    error = error.__cause__ or error
    driver = type(error).__module__.partition('.')[0]
    trace = error.__traceback__
    while trace is not None:
        code, module = trace.tb_frame.f_code, str(trace.tb_frame.f_globals.get('__name__'))
        if not code.co_filename.startswith(kali) and module.partition('.')[0] != driver:
            place = [f'It happened at {Path(code.co_filename).name}, line {trace.tb_lineno}, in '
                     f'{code.co_name}.']
        trace = trace.tb_next
    return place


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

    from kali.version import __version__  # likewise
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
