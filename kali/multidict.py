"""Bags: ordered collections that may hold several values a key, as queries, forms and header fields do.

`Bag` is for query and form values, `Headers` the same for header fields, whose names ignore case. Where the
pairs come from makes no difference to them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from typing import Any

__all__ = ['Bag', 'Headers']


class Bag:
    """An ordered collection of key/value pairs in which a key may come several times.

    Reading by key gives the last value; assigning appends another one.

    >>> bag = Bag([('tag', 'red'), ('size', '7'), ('tag', 'blue')])
    >>> bag['tag'], bag.get_list('tag'), bag.get('colour', 'none')
    ('blue', ['red', 'blue'], 'none')
    >>> bag.single
    {'tag': 'blue', 'size': '7'}
    """

    __slots__ = ('multiple',)

    multiple: dict[str, list[Any]]

    def __init__(self, pairs: Iterable[tuple[str, Any]] | Mapping[str, Any] | Bag | None = None) -> None:
        self.multiple = {}
        if pairs is not None:
            self.update(pairs)

    @property
    def single(self) -> dict[str, Any]:
        """A plain dictionary with the last value of each key."""
        return {key: values[-1] for key, values in self.multiple.items()}

    def __getitem__(self, key: str) -> Any:
        return self.multiple[key][-1]

    def __setitem__(self, key: str, value: Any) -> None:
        self.multiple.setdefault(key, []).append(value)

    def __delitem__(self, key: str) -> None:
        del self.multiple[key]

    def __contains__(self, key: object) -> bool:
        return key in self.multiple

    def __iter__(self) -> Iterator[str]:
        return iter(self.multiple)

    def __len__(self) -> int:
        return len(self.multiple)

    def __eq__(self, other: object) -> bool:
        return self.multiple == other.multiple if isinstance(other, Bag) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # a bag can change

    def __repr__(self) -> str:
        return f'{type(self).__name__}({list(self.items())!r})'

    def __str__(self) -> str:
        return str(self.multiple)

    def update(self, pairs: Iterable[tuple[str, Any]] | Mapping[str, Any] | Bag) -> None:
        """Append all of `pairs`: an iterable of two-tuples, a mapping or another bag."""
        for key, value in (pairs.items() if isinstance(pairs, (Mapping, Bag)) else pairs):
            self[key] = value

    def get(self, key: str, default: Any = None) -> Any:
        """The last value of `key`, or `default`."""
        values = self.multiple.get(key)
        return values[-1] if values else default

    def get_list(self, key: str) -> list[Any]:
        """All values of `key` in order; an empty list if there is none."""
        return list(self.multiple.get(key, ()))

    def getlist(self, key: str) -> list[Any]:
        """`get_list`, as Werkzeug and Django spell it."""
        return self.get_list(key)

    def keys(self) -> Iterable[str]:
        """The keys, each once, in the order of their first appearance."""
        return self.multiple.keys()

    def items(self) -> Iterator[tuple[str, Any]]:
        """Every key/value pair, the values of one key together."""
        return ((key, value) for key, values in self.multiple.items() for value in values)


class Headers:
    """The header fields of a message: names ignore case, order and spelling are kept, a name may repeat.

    They do not change: requests that look the same share one Headers. `pairs` has the fields as they came,
    `last` the last value of each by its name in lower case.

    >>> headers = Headers([('Content-Type', 'text/plain')])
    >>> headers['content-type'], 'CONTENT-TYPE' in headers, headers.get('Accept')
    ('text/plain', True, None)
    """

    __slots__ = ('last', 'pairs')

    pairs: tuple[tuple[str, str], ...]
    last: Mapping[str, str]

    def __init__(self, pairs: Iterable[tuple[str, str]] | Mapping[str, str] | Headers = ()) -> None:
        fields = tuple(map(tuple, pairs.items() if isinstance(pairs, (Mapping, Headers)) else pairs))
        put = object.__setattr__
        put(self, 'pairs', fields)
        # Lower-cased once here: a request is asked for its fields many times. Public, so that the server can
        # look fields up without a call each.
        put(self, 'last', MappingProxyType({name.lower(): value for name, value in fields}))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f'the header fields of a request do not change, so {name!r} cannot be set. '
                             'Those of a response do: response.headers[name] = value')

    def __delattr__(self, name: str) -> None:
        self.__setattr__(name, None)

    def __getitem__(self, name: str) -> str:
        return self.last[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self.last

    def __iter__(self) -> Iterator[str]:
        return iter(self.last)

    def __len__(self) -> int:
        return len(self.last)

    def __eq__(self, other: object) -> bool:
        return self._folded() == other._folded() if isinstance(other, Headers) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # compared by value

    def __repr__(self) -> str:
        return f'Headers({list(self.pairs)!r})'

    def _folded(self) -> list[tuple[str, str]]:
        return [(name.lower(), value) for name, value in self.pairs]

    def get(self, name: str, default: Any = None) -> Any:
        """The last value of the field `name`, or `default`."""
        return self.last.get(name.lower(), default)

    def get_list(self, name: str) -> list[str]:
        """All values of the field `name`, in the order they came."""
        name = name.lower()
        return [value for key, value in self.pairs if key.lower() == name]

    def keys(self) -> Iterable[str]:
        """The names in lower case, each once."""
        return self.last.keys()

    def items(self) -> Iterator[tuple[str, str]]:
        """Every field as it came: name and value."""
        return iter(self.pairs)
