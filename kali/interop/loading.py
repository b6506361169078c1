"""An application by its name, `module:app`, and of which kind it is: kali, WSGI or ASGI."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

from kali.errors import KaliError
from kali.interop.asgi_in import from_asgi
from kali.interop.wsgi_in import from_wsgi

if TYPE_CHECKING:
    from types import ModuleType

    from kali.http.response import Handler

__all__ = ['Loaded', 'app_id_of', 'kind_of', 'loaded']

USUAL = ('app', 'application', 'api')
SHAPES = {1: 'kali', 2: 'wsgi', 3: 'asgi'}  # request; environ, start_response; scope, receive, send
MAKE = {'kali': lambda app: app, 'wsgi': from_wsgi, 'asgi': from_asgi}


class Loaded(NamedTuple):
    """A handler, of which kind the application is that it stands for, and what tells it from others."""

    handler: Handler
    kind: str
    app_id: str


def loaded(target: str, kind: str | None = None) -> Loaded:
    """The application that `target` names, as a handler.

    :param target: `module:app` or `file.py:app`; without a name, `app`, `application` or `api`
    :param kind: `'kali'`, `'wsgi'` or `'asgi'`, if it cannot be told
    :raises KaliError: with a sentence, if there is no such module or application
    """
    place, name = _parts(target)
    module = _module(place)
    if not name:
        name = next((each for each in USUAL if callable(getattr(module, each, None))), '')
    app: Any = module
    for part in name.split('.') if name else ():
        app = getattr(app, part, None)
    if app is module or not callable(app):
        there = sorted(each for each, value in vars(module).items()
                       if callable(value) and not each.startswith('_') and not inspect.isclass(value))
        raise KaliError(f'{place} has no application {name or "named app, application or api"}; what can be '
                        f'called there: {", ".join(there) or "nothing"}.')
    kind = kind or kind_of(app)
    return Loaded(MAKE[kind](app), kind, app_id_of(target))


def app_id_of(target: str) -> str:
    """What tells an application from others, without loading it."""
    place, name = _parts(target)
    path = _file(place)
    return f'{path.stem}-{crc32(f"{path}:{name}".encode("utf-8", "surrogateescape")):08x}'


def _parts(target: str) -> tuple[str, str]:
    place, colon, name = target.rpartition(':')
    if not colon or name.startswith(('\\', '/')):  # a drive of Windows
        return target, ''
    return place, name


def _file(place: str) -> Path:
    """The file of a module, by the name of either."""
    if place.endswith('.py'):
        return Path(place).resolve()
    sys.path.insert(0, str(Path.cwd()))
    try:
        spec = importlib.util.find_spec(place)
    except (ImportError, ValueError):  # of a package on the way to it
        spec = None
    finally:
        del sys.path[0]
    return Path(spec.origin if spec and spec.origin else place).resolve()


def _module(place: str) -> ModuleType:
    sys.path.insert(0, str(Path.cwd()))
    try:
        if not place.endswith('.py'):
            return importlib.import_module(place)
        path = Path(place).resolve()
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None or not path.is_file():
            raise KaliError(f'There is no file {place}.')
        sys.path.insert(0, str(path.parent))
        module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    except ModuleNotFoundError as error:
        if error.name and place.split('.')[0] == error.name.split('.')[0]:
            raise KaliError(f'There is no module {place} here ({Path.cwd()}) or among the installed '
                            'ones.') from None
        raise


def kind_of(app: Any) -> str:
    """Of which kind an application is, by what it wants to be called with.

    >>> kind_of(lambda request: 'Hello'), kind_of(lambda environ, start_response: [])
    ('kali', 'wsgi')

    :raises KaliError: if that does not tell
    """
    try:
        parameters = list(inspect.signature(app).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    wanted = [each for each in parameters if each.default is each.empty
              and each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    kind = SHAPES.get(len(wanted))
    if kind is None or any(each.kind is each.VAR_POSITIONAL for each in parameters):
        raise KaliError(f'{app!r:.80} takes arguments that tell neither a kali handler (request) nor an '
                        'application of WSGI (environ, start_response) or ASGI (scope, receive, send); say '
                        'which one it is with --as kali, --as wsgi or --as asgi.')
    return kind
