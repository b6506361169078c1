"""Arguments: from the text in a URL or form to what a function's annotations ask for.

`Arguments(function, wildcards)` is worked out once, when a route is registered; mistakes in a signature show
then. It reads code objects and annotations itself, since the inspect module costs more start-up time than all
of kali.
"""

from __future__ import annotations

from kali.convert import BY_TYPE
from kali.errors import BadRequest, NotFound
from kali.http.request import FileUpload, Request
from kali.multidict import Bag

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

__all__ = ['Arguments', 'converter_for']

# Fields that mail programs, search engines and social networks add to the links they show.
_TRACKING = (
    'utm_', 'mtm_', 'pk_', 'mc_', 'hsa_', '_hs', 'gad_', 'fbclid', 'gclid', 'gclsrc', 'dclid', 'gbraid',
    'wbraid', 'msclkid', 'yclid', 'ysclid', 'twclid', 'ttclid', 'li_fat_id', 'igsh', 'srsltid', 'mkt_tok',
    '_ga', '_gl', 'epik', 'rdt_cid', 'sccid', 'vero_id', 's_kwcid', '_openstat', 'wickedid',
    'datastar', 'last-event-id')  # what live pages add by themselves: see kali.live
_VAR_POSITIONAL, _VAR_KEYWORD = 0x04, 0x08  # flags of a code object, as in the inspect module
_MISSING: Any = object()


class _Parameter:
    """One parameter of a handler: how its value is found and converted."""

    __slots__ = ('convert', 'default', 'is_list', 'name')

    def __init__(self, name: str, convert: Callable[[str], Any], is_list: bool, default: Any) -> None:
        self.name, self.convert, self.is_list, self.default = name, convert, is_list, default


class Arguments:
    """How a request becomes the arguments of a function.

    The parameter named `request`, or annotated Request, gets the request; the first of the others take the
    wildcards of the route, and the rest are fields of the query and the form, by name.

    :param function: a function, a method, or a class (its constructor)
    :param wildcards: how many wildcards the route has
    :raises TypeError: if the signature cannot take them, or an annotation cannot come from text

    >>> def show(number: int, page: int = 1): ...
    >>> Arguments(show, 1).bind(Request('GET', '/task/7?page=2', args=['7']))
    ([7], {'page': 2})
    """

    __slots__ = ('_keywords', '_open', '_plan', '_request')

    def __init__(self, function: Any, wildcards: int) -> None:
        names, keyword_only, defaults, flags, annotations = _signature(function)
        self._request: str | None = None
        self._plan: list[_Parameter | None] = []  # what goes by position; None is the request
        self._keywords: dict[str, _Parameter] = {}
        left = wildcards
        for name in names + keyword_only:
            kind = annotations.get(name, str)
            is_request = self._request is None and (name == 'request' or kind is Request)
            if is_request:
                self._request = name
                if left:
                    self._plan.append(None)
                continue
            convert, is_list = converter_for(kind, f'parameter {name} of {_name(function)}')
            parameter = _Parameter(name, convert, is_list, defaults.get(name, _MISSING))
            if left and name not in keyword_only:
                self._plan.append(parameter)
                left -= 1
            else:
                self._keywords[name] = parameter
        if left:
            if not flags & _VAR_POSITIONAL:
                raise TypeError(f'{_name(function)} takes {wildcards - left} of the {wildcards} wildcards of '
                                'its path')
            self._plan += [_Parameter('*', str, False, _MISSING)] * left
        # A function that takes the request, or any keyword, looks after unknown fields itself.
        self._open = self._request is not None or bool(flags & _VAR_KEYWORD)
        if flags & _VAR_KEYWORD:
            self._keywords['**'] = _Parameter('**', str, False, None)

    def bind(self, request: Request) -> tuple[list[Any], dict[str, Any]]:
        """Positional and keyword arguments for `request`.

        :raises NotFound: 404 for a wildcard that does not convert.
        :raises BadRequest: 400 for a missing or unknown field, or one that does not convert; it names each.
        """
        positional, keywords = self.bind_path(request)
        keywords.update(self._fields(request))
        return positional, keywords

    def bind_path(self, request: Request) -> tuple[list[Any], dict[str, Any]]:
        """The arguments that come from the path, converted, and the request where the function wants it.

        :raises NotFound: 404 for a wildcard that does not convert.
        """
        texts = iter(request.args)
        positional = [request if each is None else self._wildcard(each, next(texts)) for each in self._plan]
        by_name = self._request is not None and None not in self._plan
        return positional, {self._request: request} if by_name else {}  # type: ignore[dict-item]

    def takes_nothing(self) -> bool:
        """Whether the function has no parameters at all."""
        return not (self._plan or self._keywords or self._open)

    def required(self) -> list[str]:
        """The names of the fields without a default."""
        return [name for name, each in self._keywords.items()
                if each.default is _MISSING and not each.is_list]

    @staticmethod
    def _wildcard(parameter: _Parameter, text: str) -> Any:
        try:
            return parameter.convert(text)
        except ValueError as error:
            raise NotFound(f'There is nothing here for {text!r}: {error}.') from None

    def _fields(self, request: Request) -> dict[str, Any]:
        if not self._keywords and '?' not in request.target and request.method == 'GET':
            return {}  # the plainest page: nothing asked for, nothing given
        if request.method in ('GET', 'HEAD'):
            fields = request.query
        elif '?' not in request.target:
            fields = request.fields  # most forms: there is nothing else
        else:
            fields = Bag(request.query)
            fields.update(request.fields)
        keywords: dict[str, Any] = {}
        given = fields.multiple
        if not given and not self._keywords:
            return keywords
        wrong = []
        for name, parameter in self._keywords.items():
            if name == '**':
                keywords.update((key, value) for key, value in fields.single.items()
                                if key not in self._keywords)
            elif name in given:
                try:
                    values = [parameter.convert(text) for text in given[name]]
                    keywords[name] = values if parameter.is_list else values[-1]
                except ValueError as error:
                    wrong.append(f'{name}: {error}')
            elif parameter.is_list:
                keywords[name] = [] if parameter.default is _MISSING else parameter.default
            elif parameter.default is _MISSING:
                wrong.append(f'{name} is missing')
        if not self._open:
            wrong += [f'{name} is not known here' for name in given
                      if name not in self._keywords and not name.lower().startswith(_TRACKING)]
        if wrong:
            raise BadRequest('This page cannot use its arguments: ' + '; '.join(wrong) + '.')
        return keywords


def _signature(function: Any) -> tuple[list[str], list[str], dict[str, Any], int, dict[str, Any]]:
    """Names of positional and keyword-only parameters, defaults, flags, and the annotations, evaluated."""
    skip = 0
    while hasattr(function, '__wrapped__'):  # functools.wraps: the signature that counts is the inner one
        function = function.__wrapped__
    if isinstance(function, type):
        function, skip = getattr(function, '__init__'), 1  # noqa: B009  # mypy distrusts it on an instance
        if not hasattr(function, '__code__'):  # object's own constructor, which takes nothing
            return [], [], {}, 0, {}
    elif not hasattr(function, '__code__') and not hasattr(function, '__func__'):
        function = type(function).__call__ if hasattr(type(function), '__call__') else function  # noqa: B004
        skip = 1
    if hasattr(function, '__func__'):
        function, skip = function.__func__, 1
    code = getattr(function, '__code__', None)
    if code is None:
        raise TypeError(f'{_name(function)} is no Python function; wrap it in one, so that its parameters '
                        'can be seen')
    names = list(code.co_varnames[:code.co_argcount])
    keyword_only = list(code.co_varnames[code.co_argcount:code.co_argcount + code.co_kwonlyargcount])
    positional = function.__defaults__ or ()
    defaults = dict(zip(names[len(names) - len(positional):], positional, strict=True))
    defaults.update(function.__kwdefaults__ or {})
    annotations = {name: _evaluate(kind, function, name) for name, kind in _annotations(function).items()
                   if name in names or name in keyword_only}
    return names[skip:], keyword_only, defaults, code.co_flags, annotations


def _annotations(function: Any) -> dict[str, Any]:
    """The annotations of a function, those with undefined names as text."""
    try:
        return dict(function.__annotations__)
    except NameError:  # Python 3.14 evaluates them only now; a name may be there for type checkers only
        from annotationlib import Format, get_annotations  # type: ignore[import-not-found]

        found = get_annotations(function, format=Format.FORWARDREF)
        return {name: getattr(kind, '__forward_arg__', kind) for name, kind in found.items()}


def _evaluate(kind: Any, function: Any, name: str) -> Any:
    """An annotation that is text (`from __future__ import annotations`) as the object it names."""
    if not isinstance(kind, str):
        return kind
    try:
        return eval(kind, function.__globals__)
    except NameError:
        if kind.rpartition('.')[2].strip('\'"') == 'Request':
            return Request  # imported for the type checker only
        raise TypeError(f'parameter {name} of {_name(function)} is annotated {kind}, which is not '
                        'defined') from None


def converter_for(kind: Any, whose: str = 'a parameter') -> tuple[Callable[[str], Any], bool]:
    """The function from text to `kind`, which raises ValueError with a reason; and whether `kind` is a list.

    >>> converter_for(int)[0]('42'), converter_for(list[bool])[1]
    (42, True)
    """
    if hasattr(kind, '__metadata__'):  # Annotated[int, …]
        kind = kind.__origin__
    arguments = getattr(kind, '__args__', ())
    if getattr(kind, '__origin__', kind) is list:
        return (converter_for(arguments[0], whose)[0] if arguments else _text), True
    inner = [each for each in arguments if each is not type(None)]
    if len(arguments) == 2 and len(inner) == 1:  # X | None
        convert, is_list = converter_for(inner[0], whose)
        return (lambda text: None if text == '' else convert(text)), is_list
    if hasattr(kind, '__members__'):
        by_value = {str(member.value): member for member in kind}
        return _choice(by_value, kind.__members__), False
    if str(getattr(kind, '__origin__', '')) == 'typing.Literal':
        return _choice({str(each): each for each in arguments}), False
    known = BY_TYPE.get(f'{getattr(kind, "__module__", "")}.{getattr(kind, "__qualname__", "")}')
    if known is not None:
        return (lambda text: known(_text(text))), False
    if kind is FileUpload:
        return _upload, False
    if kind in (str, object) or str(kind) == 'typing.Any':
        return _text, False
    name = getattr(kind, '__name__', kind)
    raise TypeError(f'{whose} is annotated {name}, which cannot be made of text in a URL or form; '
                    'use str, int, float, bool, date, time, Decimal, an Enum, X | None or list[X]')


def _text(text: str | FileUpload) -> str:
    if isinstance(text, FileUpload):
        raise ValueError('text is wanted, not a file')
    return text


def _upload(value: Any) -> FileUpload:
    if not isinstance(value, FileUpload):
        raise ValueError('a file is wanted')
    return value


def _choice(choices: Mapping[str, Any], other_names: Mapping[str, Any] = {}) -> Callable[[str], Any]:
    def convert(text: str) -> Any:
        if _text(text) in choices:
            return choices[text]
        if text in other_names:
            return other_names[text]
        shown = repr(text if len(text) <= 40 else text[:37] + '...')
        raise ValueError(f'{shown} is none of ' + ', '.join(choices))
    return convert


def _name(function: Any) -> str:
    return str(getattr(function, '__qualname__', type(function).__qualname__))
