"""kali among Python's web frameworks and servers.

`to_wsgi(handler)` and `to_asgi(handler)` make a WSGI or ASGI application of a kali handler, for any server of
that kind. `from_wsgi(app)` and `from_asgi(app)` make a handler of such an application, to be mounted in a
Router or passed to `serve_http`.
"""

from kali.names import listed

TYPE_CHECKING = False  # spelled out, as everywhere in kali
if TYPE_CHECKING:
    from kali.interop.asgi_in import from_asgi
    from kali.interop.asgi_out import to_asgi
    from kali.interop.wsgi_in import from_wsgi
    from kali.interop.wsgi_out import to_wsgi

__all__ = ['from_asgi', 'from_wsgi', 'to_asgi', 'to_wsgi']

_PLACES = {'from_asgi': 'asgi_in', 'from_wsgi': 'wsgi_in', 'to_asgi': 'asgi_out', 'to_wsgi': 'wsgi_out'}


def __getattr__(name: str) -> object:
    # Each is loaded when it is asked for: a program that mounts a WSGI application does without asyncio.
    if name not in _PLACES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    from importlib import import_module  # as in kali
    value = globals()[name] = getattr(import_module(f'{__name__}.{_PLACES[name]}'), name)
    return value


__dir__ = listed(__all__)
