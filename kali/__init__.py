"""Kali: one Python script as a desktop application. The browser is its window, SQLite its document.

    from kali import Router, serve_http

    app = Router()

    @app.function('/')
    def home():
        return 'Hello, world!'

    serve_http(app)

What an application needs every day is here; each name has a help of its own, as in `help(kali.Router)`:

    serve_http      serve an application, and open its window
    Router          which address belongs to which function; Servlet: a class for one address, or several
    Request         what the browser asks for; FileUpload, Bag: what is in it
    Response        what it gets, where a page as text is not enough
    StaticFolder    a folder of files
    Shell           the frame of the application: title, menu, buttons
    Template        HTML with places for values; TemplateFolder, TemplateLoop, html (t-strings)
    escape, Markup  text that becomes HTML, and HTML that stays as it is
    forms           fields, and the cycle from showing a form to saving it
    Limits          how much of a request is taken
    resource        the files that the program brings along, also from a .pyz
    data_dir        the user's folder for the application's documents; state_dir, log_dir
    KaliError       what kali raises: BadRequest, NotFound, ProtocolError, DatabaseError, TemplateError

Imported by name where they are used, each with a help of its own: `kali.records` (from a schema to a
working program), `kali.sqlite` (databases, undo, backups), `kali.live` (streams, jobs), `kali.interop` (WSGI
and ASGI), and `kali.testing` (a client in memory).

The handbook says it all with examples: python -m kali docs
"""

from kali.desktop.folders import data_dir, log_dir, state_dir
from kali.desktop.serve import serve_http
from kali.errors import BadRequest, DatabaseError, KaliError, NotFound, ProtocolError, TemplateError
from kali.http.limits import Limits
from kali.http.request import FileUpload, Request
from kali.http.response import Response
from kali.markup import Markup, escape
from kali.multidict import Bag
from kali.names import listed
from kali.routing.router import Router
from kali.routing.servlets import Servlet
from kali.version import __version__

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from kali import forms
    from kali.desktop.resource import resource
    from kali.pages.shell import Shell
    from kali.routing.static import StaticFolder
    from kali.templates import Template, TemplateFolder, TemplateLoop
    from kali.templates.tstrings import html

__all__ = [
    'BadRequest', 'Bag', 'DatabaseError', 'FileUpload', 'KaliError', 'Limits', 'Markup', 'NotFound',
    'ProtocolError', 'Request', 'Response', 'Router', 'Servlet', 'Shell', 'StaticFolder', 'Template',
    'TemplateError', 'TemplateFolder', 'TemplateLoop', '__version__', 'data_dir', 'escape',
    'forms', 'html', 'log_dir', 'resource', 'serve_http', 'state_dir',
]


# Public names whose modules are loaded when first used: hello-world has no templates, forms or files.
_LATE = {
    'forms': 'kali.forms', 'Shell': 'kali.pages.shell', 'StaticFolder': 'kali.routing.static',
    'Template': 'kali.templates', 'TemplateFolder': 'kali.templates', 'TemplateLoop': 'kali.templates',
    'html': 'kali.templates.tstrings', 'resource': 'kali.desktop.resource',
}


def __getattr__(name: str) -> object:
    if name not in _LATE:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    from importlib import import_module  # only for what is loaded late
    module = import_module(_LATE[name])
    value = globals()[name] = module if name == 'forms' else getattr(module, name)
    return value


__dir__ = listed(__all__)
