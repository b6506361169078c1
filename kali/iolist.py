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
from itertools import islice

from kali.errors import KaliError
from kali.markup import Markup, escape_text

__all__ = ['CONTENT', 'escaped', 'flatten', 'joined', 'too_long']

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    # None | str | bytes | Markup | number | date | object with __html__ | Mapping | Iterable[Content]
    Content: TypeAlias = Any

# Text is encoded this many characters at a time, so that a big page is never held three times over.
BATCH = 1 << 16
# Content goes on to its end, which an endless generator has not: so many bytes are taken of it, and pieces
# that are empty or tiny count for a little more than they are. Deeper than so many levels, it is in itself.
CONTENT, PIECE, DEEPEST = 256 * 1024 * 1024, 16, 1_000_000


def flatten(content: Content, limit: int = CONTENT) -> bytes:
    """The bytes of `content`, text as UTF-8, without any escaping.

    :param content: any nesting of pieces; generators are consumed.
    :param limit: so many bytes at most
    :raises TypeError: for a piece that is no content, saying what and where.
    :raises KaliError: for more than `limit` bytes; memory holds little more than that meanwhile.

    >>> flatten(['<p>', [1, None, b' of '], (n for n in (2, 3)), '</p>'])
    b'<p>1 of 23</p>'
    """
    if type(content) in (str, Markup):  # one piece, the common case: nothing to put together
        return _within(str.encode(content, 'utf-8', 'replace'), limit)
    if type(content) is bytes:
        return _within(content, limit)
    out, batch, size, room = BytesIO(), [], 0, 4 * limit
    for piece in _pieces(content, _as_it_is, _as_it_is):
        raw = type(piece) is bytes  # bytes may be anything, a picture even: they pass by the encoder
        if not raw:
            batch.append(piece)
            size += len(piece) + PIECE
        if raw or size > BATCH:
            out.write(''.join(batch).encode('utf-8', 'replace'))
            batch.clear()
            room -= size + PIECE
            size = 0
            if raw:
                out.write(piece)
            if out.tell() > limit or room < 0:
                raise too_long(limit)
    out.write(''.join(batch).encode('utf-8', 'replace'))
    return _within(out.getvalue(), limit)


def _within(data: bytes, limit: int) -> bytes:
    if len(data) > limit:
        raise too_long(limit)
    return data


def too_long(limit: int) -> KaliError:
    """The error for content past the limit."""
    return KaliError(f'The content is longer than {limit:,} bytes, and may have no end. Give a long answer '
                     'in pieces with Response.stream(...), or allow more with Limits(content=...).')


def escaped(content: Content) -> str:
    """`content` as HTML text: markup stays, all other text is escaped, whatever it is nested in.

    >>> escaped(['a < b', Markup('<br>'), {'R&D': 7}])
    'a &lt; b<br>R&amp;D: 7\\r\\n'
    """
    if type(content) is str:
        return escape_text(content)
    if isinstance(content, Markup):
        return content
    return _text(_pieces(content, escape_text, _escape_bytes))


def joined(content: Content) -> str:
    """`content` as text, as it is: what `flatten` gives, before it becomes bytes.

    >>> joined(['a < b', Markup('<br>'), 7])
    'a < b<br>7'
    """
    whole: str = content if type(content) in (str, Markup) else _text(_pieces(content, _as_it_is, _decoded))
    return whole


def _text(pieces: Iterator[str]) -> str:
    done: list[str] = []
    room = 4 * CONTENT
    while batch := list(islice(pieces, 4096)):
        text = ''.join(batch)
        if len(batch) < 4096 and not done:
            return text
        room -= 4 * len(text) + PIECE * len(batch)
        if room < 0:
            raise too_long(CONTENT)
        done.append(text)
    return ''.join(done)


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
                yield ''  # it counts, as one of endlessly many
            else:
                leaf = _leaf(item, text, raw)
                if leaf is not None:
                    yield leaf
                    continue
                stack.append((items, index))
                if len(stack) > DEEPEST:
                    raise KaliError(f'The content is nested more than {DEEPEST:,} levels deep: is it part of '
                                    'itself?')
                yield ''  # see above
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
        advice = ('give text, bytes, markup, a number, None or an iterable of these; str() of it may be what '
                  'you mean')
        if type(item).__name__ == 'Interpolation':
            advice = "html(t'…') makes markup of a t-string"
        raise TypeError(f'content{where} is {_short(item)} of type {type(item).__name__}, which is no '
                        f'content: {advice}') from None


def _short(item: object) -> str:
    text = repr(item)
    return text if len(text) <= 60 else text[:57] + '...'
