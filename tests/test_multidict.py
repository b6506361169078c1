"""Bag and Headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kali.multidict import Bag, Headers

PAIRS = [('tag', 'red'), ('size', '7'), ('tag', 'blue')]


@pytest.mark.parametrize('source', [PAIRS, iter(PAIRS), Bag(PAIRS)])
def test_a_bag_keeps_every_value_in_order(source):
    bag = Bag(source)
    assert bag['tag'] == bag.get('tag') == 'blue'
    assert bag.get_list('tag') == ['red', 'blue']
    assert bag.get_list('none') == []
    assert bag.get('none') is None and bag.get('none', 'x') == 'x'
    assert list(bag) == list(bag.keys()) == ['tag', 'size']
    assert list(bag.items()) == [('tag', 'red'), ('tag', 'blue'), ('size', '7')]
    assert bag.single == {'tag': 'blue', 'size': '7'}
    assert bag.multiple == {'tag': ['red', 'blue'], 'size': ['7']}
    assert dict(bag) == bag.single
    assert len(bag) == 2 and 'tag' in bag and 'none' not in bag and bag and not Bag()


def test_a_bag_changes():
    bag = Bag({'a': 1})
    bag['a'] = 2
    assert bag.get_list('a') == [1, 2]
    bag.update({'b': 3})
    bag.update(Bag([('b', 4)]))
    assert bag.get_list('b') == [3, 4]
    del bag['a']
    assert 'a' not in bag and bag == Bag([('b', 3), ('b', 4)]) and bag != Bag() and bag != {'b': [3, 4]}
    with pytest.raises(KeyError):
        bag['a']
    with pytest.raises(KeyError):
        del bag['a']
    with pytest.raises(TypeError):
        hash(bag)
    assert repr(bag) == "Bag([('b', 3), ('b', 4)])" and str(bag) == "{'b': [3, 4]}"


def test_a_list_taken_from_a_bag_is_a_copy():
    bag = Bag(PAIRS)
    bag.get_list('tag').append('x')
    assert bag.get_list('tag') == ['red', 'blue']


@given(st.lists(st.tuples(st.sampled_from('abc'), st.integers())))
def test_a_bag_is_a_dictionary_of_lists(pairs):
    bag, model = Bag(pairs), {}
    for key, value in pairs:
        model.setdefault(key, []).append(value)
    assert bag.multiple == model
    assert Bag(bag.items()) == bag
    assert eval(repr(bag)) == bag


def test_headers_ignore_case_and_keep_spelling():
    headers = Headers([('Set-Cookie', 'a'), ('Content-Type', 'text/plain'), ('SET-cookie', 'b')])
    assert headers['set-COOKIE'] == headers.get('Set-Cookie') == 'b'
    assert headers.get_list('set-cookie') == ['a', 'b']
    assert list(headers.items()) == [('Set-Cookie', 'a'), ('Content-Type', 'text/plain'), ('SET-cookie', 'b')]
    assert list(headers) == list(headers.keys()) == ['set-cookie', 'content-type']
    assert 'CONTENT-TYPE' in headers and 'accept' not in headers and 7 not in headers and len(headers) == 2
    assert headers.get('accept') is None and headers.get('accept', '*') == '*'
    assert headers.get_list('accept') == []
    with pytest.raises(KeyError):
        headers['accept']
    with pytest.raises(TypeError):
        hash(headers)


def test_headers_compare_by_value():
    assert Headers({'A': '1'}) == Headers([('a', '1')]) == Headers(Headers([('a', '1')]))
    assert Headers({'A': '1'}) != Headers({'A': '2'})
    assert Headers() != {}
    assert repr(Headers({'A': '1'})) == "Headers([('A', '1')])"


def test_a_bag_has_the_spelling_of_others():
    assert Bag(PAIRS).getlist('tag') == ['red', 'blue'] and Bag().getlist('tag') == []


def test_headers_do_not_change_with_what_they_were_made_of():
    source = [['A', '1']]
    headers = Headers(source)
    source[0][1] = '2'
    source.append(['B', '3'])
    assert headers == Headers({'A': '1'}) and headers.pairs == (('A', '1'),)
    with pytest.raises(AttributeError, match='Those of a response do'):
        headers.pairs = ()
