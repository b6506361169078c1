"""Kali: one Python script as a desktop application. The browser is its window, SQLite its document.

    from kali import Router, serve_http

    app = Router()

    @app.function('/')
    def home():
        return 'Hello, world!'

    serve_http(app)

The names below are what an application needs every day. `kali.sqlite`, `kali.desktop` and `kali.testing` are
imported by name where they are used.
"""

from kali.desktop.serve import serve_http
from kali.errors import BadRequest, DatabaseError, KaliError, NotFound, ProtocolError, TemplateError
from kali.http.limits import Limits
from kali.http.request import FileUpload, Request
from kali.http.response import Response
from kali.markup import Markup, escape
from kali.multidict import Bag
from kali.routing.router import Router
from kali.routing.servlets import Servlet
from kali.version import __version__

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from kali import forms
    from kali.pages.shell import Shell
    from kali.routing.static import StaticFolder
    from kali.templates import Template, TemplateFolder, TemplateLoop
    from kali.templates.tstrings import html

__all__ = [
    'BadRequest', 'Bag', 'DatabaseError', 'FileUpload', 'KaliError', 'Limits', 'Markup', 'NotFound',
    'ProtocolError', 'Request', 'Response', 'Router', 'Servlet', 'Shell', 'StaticFolder', 'Template',
    'TemplateError', 'TemplateFolder', 'TemplateLoop', '__version__', 'escape', 'forms', 'html', 'serve_http',
]


# Public names whose modules are loaded when first used: hello-world has no templates, forms or files.
_LATE = {
    'forms': 'kali.forms', 'Shell': 'kali.pages.shell', 'StaticFolder': 'kali.routing.static',
    'Template': 'kali.templates', 'TemplateFolder': 'kali.templates', 'TemplateLoop': 'kali.templates',
    'html': 'kali.templates.tstrings',
}


def __getattr__(name: str) -> object:
    if name not in _LATE:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    from importlib import import_module
    module = import_module(_LATE[name])
    value = globals()[name] = module if name == 'forms' else getattr(module, name)
    return value
