"""Iolists: nested content, put together once, at the end.

Content is `None` (nothing), text, bytes (UTF-8), markup, a number or date (its `str`), an object with
`__html__`, a mapping (`key: value` lines) or any iterable of these, nested as deep as you like. `flatten`
makes the bytes of a response body and takes a `str` as it is; `escaped` makes HTML text for a template's
placeholder and escapes every `str` that is not markup; `joined` makes text without escaping. All walk with
their own stack: no recursion limit, linear in the number of pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from io import BytesIO

from kali.markup import Markup, escape_text

__all__ = ['escaped', 'flatten', 'joined']

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    # None | str | bytes | Markup | number | date | object with __html__ | Mapping | Iterable[Content]
    Content: TypeAlias = Any

# Text is encoded this many characters at a time, so that a big page is never held three times over.
BATCH = 1 << 16


def flatten(content: Content) -> bytes:
    """The bytes of `content`, text as UTF-8, without any escaping.

    :param content: any nesting of pieces; generators are consumed.
    :raises TypeError: for a piece that is no content, saying what and where.

    >>> flatten(['<p>', [1, None, b' of '], (n for n in (2, 3)), '</p>'])
    b'<p>1 of 23</p>'
    """
    if type(content) in (str, Markup):  # one piece, the common case: nothing to put together
        return str.encode(content, 'utf-8', 'replace')
    if type(content) is bytes:
        return bytes(content)
    out, batch, size = BytesIO(), [], 0
    for piece in _pieces(content, _as_it_is, _as_it_is):
        raw = type(piece) is bytes  # bytes may be anything, a picture even: they pass by the encoder
        if not raw:
            batch.append(piece)
            size += len(piece)
        if raw or size > BATCH:
            out.write(''.join(batch).encode('utf-8', 'replace'))
            batch.clear()
            size = 0
        if raw:
            out.write(piece)
    out.write(''.join(batch).encode('utf-8', 'replace'))
    return out.getvalue()


def escaped(content: Content) -> str:
    """`content` as HTML text: markup stays, all other text is escaped, whatever it is nested in.

    >>> escaped(['a < b', Markup('<br>'), {'R&D': 7}])
    'a &lt; b<br>R&amp;D: 7\\r\\n'
    """
    if type(content) is str:
        return escape_text(content)
    if isinstance(content, Markup):
        return content
    return ''.join(_pieces(content, escape_text, _escape_bytes))


def joined(content: Content) -> str:
    """`content` as text, as it is: what `flatten` gives, before it becomes bytes.

    >>> joined(['a < b', Markup('<br>'), 7])
    'a < b<br>7'
    """
    whole: str = content if type(content) in (str, Markup) else ''.join(_pieces(content, _as_it_is, _decoded))
    return whole


def _as_it_is(piece: Any) -> Any:
    return piece


def _decoded(piece: bytes) -> str:
    return piece.decode('utf-8', 'replace')


def _escape_bytes(piece: bytes) -> str:
    return escape_text(_decoded(piece))


def _pieces(content: Content, text: Callable[[str], Any], raw: Callable[[bytes], Any]) -> Iterator[Any]:
    """The leaves of `content` in order: each plain `str` passed through `text`, bytes through `raw`."""
    stack: list[tuple[Iterator[Any], int]] = []
    items: Iterator[Any] = iter((content,))
    index = -1
    while True:
        for item in items:
            index += 1
            kind = type(item)
            if kind is str:
                yield text(item)
            elif kind is Markup:
                yield item
            elif item is None:
                pass
            else:
                leaf = _leaf(item, text, raw)
                if leaf is not None:
                    yield leaf
                    continue
                stack.append((items, index))
                items, index = _children(item, stack), -1
                break  # go on inside it; the rest of these items waits on the stack
        else:
            if not stack:
                return
            items, index = stack.pop()


def _leaf(item: Any, text: Callable[[str], Any], raw: Callable[[bytes], Any]) -> Any:
    """The text of a leaf that is neither `None`, exact `str` nor exact Markup; None if `item` has pieces of
    its own."""
    if isinstance(item, (bytes, bytearray, memoryview)):
        return raw(bytes(item))
    html = getattr(type(item), '__html__', None)
    if html is not None:
        return str.__str__(html(item))
    if isinstance(item, (int, float, complex)):
        return text(str(item))
    if hasattr(item, 'as_integer_ratio') or hasattr(item, 'isoformat'):
        return text(str(item))  # Decimal and Fraction have the ratio; dates and times the other
    if isinstance(item, str):
        return text(str.__str__(item))
    return None


def _children(item: Any, stack: list[tuple[Iterator[Any], int]]) -> Iterator[Any]:
    if isinstance(item, Mapping):
        return (piece for key, value in item.items() for piece in (key, ': ', value, '\r\n'))
    try:
        return iter(item)
    except TypeError:
        where = ''.join(f'[{index}]' for _, index in stack[1:])
        raise TypeError(
            f'content{where} is {_short(item)} of type {type(item).__name__}, which is no content: give '
            'text, bytes, markup, a number, None or an iterable of these; str() of it may be what you mean'
        ) from None


def _short(item: object) -> str:
    text = repr(item)
    return text if len(text) <= 60 else text[:57] + '...'
