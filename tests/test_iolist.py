"""Iolists: nested content -> bytes, or escaped text."""

import datetime
import time
import tracemalloc
from decimal import Decimal
from fractions import Fraction

import markupsafe
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kali.iolist import escaped, flatten, joined
from kali.markup import Markup, escape_text
from kali.multidict import Bag


class Html:
    def __html__(self):
        return '<hr>'


class Word(str):
    __slots__ = ()

    def __str__(self):
        return 'not this'


LEAVES = [
    # content, as it is, escaped
    (None, '', ''),
    ('a<é', 'a<é', 'a&lt;é'),
    (Word('<'), '<', '&lt;'),
    (b'R&\xc3\xa9', 'R&é', 'R&amp;é'),
    (bytearray(b'<'), '<', '&lt;'),
    (memoryview(b'<'), '<', '&lt;'),
    (Markup('<b>'), '<b>', '<b>'),
    (markupsafe.Markup('<b>'), '<b>', '<b>'),
    (Html(), '<hr>', '<hr>'),
    (7, '7', '7'),
    (True, 'True', 'True'),
    (-1.5, '-1.5', '-1.5'),
    (Decimal('1.50'), '1.50', '1.50'),
    (Fraction(1, 3), '1/3', '1/3'),
    (datetime.date(2024, 5, 3), '2024-05-03', '2024-05-03'),
    (datetime.datetime(2024, 5, 3, 1, 2), '2024-05-03 01:02:00', '2024-05-03 01:02:00'),
    (datetime.time(1, 2), '01:02:00', '01:02:00'),
    ([], '', ''),
    (['<', ('&', [None, 7]), Markup('<br>')], '<&7<br>', '&lt;&amp;7<br>'),
    ((n for n in 'a<'), None, 'a&lt;'),
    ({'a<': ['<', 1], 'b': None}, 'a<: <1\r\nb: \r\n', 'a&lt;: &lt;1\r\nb: \r\n'),
    ([{'a': {'b': 1}}], 'a: b: 1\r\n\r\n', 'a: b: 1\r\n\r\n'),
    (range(3), '012', '012'),
]


@pytest.mark.parametrize(('content', 'plain', 'safe'), LEAVES)
def test_leaves(content, plain, safe):
    assert escaped(content) == safe
    if plain is not None:
        assert joined(content) == plain
        assert flatten(content) == flatten([content]) == plain.encode()


def test_bytes_that_are_no_text_pass_through():
    assert flatten([b'\xff\x00', 'é', [b'\xfe']]) == b'\xff\x00\xc3\xa9\xfe'
    assert flatten(b'\xff') == b'\xff'
    assert escaped(b'\xff<') == '\ufffd&lt;'


def test_surrogates_are_replaced():
    assert flatten('a\ud800') == flatten(['a\ud800']) == b'a?'


CONTENT = st.recursive(
    st.none() | st.text() | st.integers() | st.binary() | st.text().map(Markup),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner, max_size=3))


def naive(content, text):
    """The same, by recursion."""
    if content is None:
        return ''
    if isinstance(content, Markup):
        return str(content)
    if isinstance(content, str):
        return text(content)
    if isinstance(content, bytes):
        return text(content.decode('utf-8', 'replace'))
    if isinstance(content, dict):
        return ''.join(f'{text(key)}: {naive(value, text)}\r\n' for key, value in content.items())
    if isinstance(content, int):
        return str(content)
    return ''.join(naive(each, text) for each in content)


@given(CONTENT)
def test_both_equal_the_naive_recursive_join(content):
    assert escaped(content) == naive(content, escape_text)
    assert joined(content) == naive(content, str)


@given(st.recursive(st.text(st.characters(blacklist_categories=('Cs',))) | st.binary(), st.lists))
def test_flatten_equals_the_naive_recursive_join_of_bytes(content):
    def join(part):
        if isinstance(part, list):
            return b''.join(map(join, part))
        return part.encode() if isinstance(part, str) else part

    assert flatten(content) == join(content)


def test_deep_nesting_is_no_recursion():
    content = 'x'
    for _ in range(100_000):
        content = [content]
    assert flatten(content) == b'x'
    assert escaped(content) == 'x'
    while isinstance(content, list):  # taken apart here, as freeing it at once would recurse in C
        content = content.pop()


def test_generators_are_consumed_once_and_in_order():
    seen = []

    def pieces():
        for n in range(3):
            seen.append(n)
            yield n

    assert flatten(['<', pieces(), '>']) == b'<012>'
    assert seen == [0, 1, 2]


WRONG = [
    (object, r'content is <class .object.> of type type, which is no content: give text, bytes'),
    ([1, [2, len]], r'content\[1\]\[1\] is <built-in function len> of type builtin_function_or_method'),
    (['a', object()], r'content\[1\] is <object object at \w+> of type object'),
]


@pytest.mark.parametrize(('content', 'message'), WRONG)
@pytest.mark.parametrize('function', [flatten, escaped, joined])
def test_a_wrong_leaf_says_where(function, content, message):
    with pytest.raises(TypeError, match=message):
        function(content)


def test_an_error_within_a_generator_is_its_own():
    def pieces():
        yield 'a'
        raise OSError('gone')

    with pytest.raises(OSError, match='gone'):
        flatten([pieces()])


def test_flatten_is_linear_in_the_number_of_pieces():
    def seconds(count):
        content = [['a', 'b'] for _ in range(count)]
        return min(timed(content) for _ in range(5))

    def timed(content):
        start = time.perf_counter()
        flatten(content)
        return time.perf_counter() - start

    assert seconds(40_000) < 12 * seconds(10_000)  # 4 if linear, 16 if quadratic


BIG = [['a' * 100] * 100_000, ['a' * 10_000_000], [b'a' * 100] * 100_000]


@pytest.mark.parametrize('content', BIG, ids=['pieces', 'one', 'bytes'])
def test_memory_is_at_most_two_and_a_half_times_the_page(content):
    tracemalloc.start()
    try:
        size = len(flatten(content))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size == 10_000_000
    assert peak < 2.5 * size


def test_a_bag_is_no_content_by_mistake():
    assert flatten(Bag([('a', 1)]).single) == b'a: 1\r\n'
