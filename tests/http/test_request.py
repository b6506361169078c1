"""Request: what is worked out of a message, and that nobody can change it."""

from __future__ import annotations

import tracemalloc
from urllib.parse import unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kali.errors import BadRequest, KaliError, ProtocolError
from kali.http import urls
from kali.http.limits import Limits
from kali.http.request import FileUpload, Request, Scope
from kali.multidict import Bag

FORM = {'Content-Type': 'application/x-www-form-urlencoded'}


@pytest.mark.parametrize('name', ['method', 'target', 'path', 'query', 'form', 'files', 'headers', 'cookies',
                                  'body', 'json',
                                  'args', 'mount_depth', 'scope', 'command', 'uri', 'GET', 'POST', 'fields',
                                  'user'])
def test_a_request_is_frozen(name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(Request(), name, 1)


def test_what_a_get_says() -> None:
    request = Request('GET', '/contact/A%2FB/?q=R%26D&tag=1&tag=2',
                      {'Accept': 'text/html', 'Cookie': 'theme=dark'})
    assert request.method == request.command == 'GET'
    assert request.target == request.uri == '/contact/A%2FB/?q=R%26D&tag=1&tag=2'
    assert request.path == ['contact', 'A/B', '']
    assert request.query is request.GET
    assert (request.query['q'], request.query.get_list('tag')) == ('R&D', ['1', '2'])
    assert request.headers['ACCEPT'] == 'text/html'
    assert request.cookies == {'theme': 'dark'}
    assert not request.form
    assert not request.files
    assert request.body == b''


@pytest.mark.parametrize('content_type, body, form', [
    ('application/x-www-form-urlencoded', b'a=1&b=%C3%A4+b', [('a', '1'), ('b', 'ä b')]),
    ('Application/X-WWW-Form-Urlencoded; charset=UTF-8', b'a=1', [('a', '1')]),
    ('application/x-www-form-urlencoded', 'a=ä'.encode(), [('a', 'ä')]),
    ('application/json', b'{"a": 1}', []), ('text/plain', b'a=1', []), ('', b'a=1', []),
])
def test_forms(content_type: str, body: bytes, form: list[tuple[str, str]]) -> None:
    request = Request('POST', '/', {'Content-Type': content_type}, body)
    assert list(request.form.items()) == list(request.POST.items()) == form
    assert request.body == body


@pytest.mark.parametrize('body, status', [(b'a=\xff', 400), (b'a=%FF', 400),
                                          (b'&'.join([b'a=1'] * 1001), 413)])
def test_forms_that_cannot_be_taken(body: bytes, status: int) -> None:
    with pytest.raises(ProtocolError) as caught:
        _ = Request('POST', '/', FORM, body).form
    assert caught.value.status == status
    assert ('Go back' in str(caught.value)) == (status == 413)


def test_a_content_type_is_one() -> None:
    for kind in ('text/plain, application/x-www-form-urlencoded', 'a/b, multipart/form-data; boundary=x'):
        with pytest.raises(ProtocolError, match='one type') as caught:
            _ = Request('POST', '/', {'Content-Type': kind}, b'a=1').form
        assert caught.value.status == 400


def test_the_limit_of_fields_is_the_server_s() -> None:
    with pytest.raises(ProtocolError, match='more than 2 fields'):
        _ = Request('GET', '/?a&b&c', limits=Limits(form_fields=2)).query


def test_a_form_given_natively() -> None:
    upload = FileUpload('a.txt', 'text/plain', b'milk')
    for form in (Bag([('a', '1'), ('f', upload)]), {'a': '1', 'f': upload}):
        request = Request('POST', '/', form=form)
        assert list(request.form.items()) == [('a', '1')]
        assert request.files['f'].content == b'milk'
        assert list(request.POST) == ['a', 'f']


@pytest.mark.parametrize('body, value', [(b'{"a": [1, null]}', {'a': [1, None]}), (b'null', None),
                                         (rb'"\ud83c\udf33\\ud800"', '🌳\\ud800'), (b'\xef\xbb\xbf1', 1),
                                         (b'1.5e308', 1.5e308), (b'{"a": 1, "a": 2}', {'a': 2}),
                                         ('"ä"'.encode(), 'ä')])
def test_json(body: bytes, value: object) -> None:
    request = Request('POST', '/', body=body)
    assert request.json == value
    assert request.json is request.json


@pytest.mark.parametrize('body', [
    b'', b'{', b'\xff', b'[' * 100_000, b"{'a': 1}", rb'"\ud800"', rb'{"a": ["\udc00\ud800"]}',
    rb'{"\uDfFF": 1}',
    '"\ud83d"'.encode('utf-8', 'surrogatepass'), b'NaN', b'[Infinity]', b'{"a": -Infinity}', b'1e999',
    b'[-2.5e400]',
    b'9' * 5000,
])
def test_what_is_no_json_is_400(body: bytes) -> None:
    with pytest.raises(BadRequest, match='not JSON') as caught:
        _ = Request('POST', '/', body=body).json
    assert caught.value.status == 400


def test_a_bad_path_is_400() -> None:
    with pytest.raises(KaliError) as caught:
        _ = Request('GET', '/%FF').path
    assert caught.value.status == 400


def test_where_a_mount_is() -> None:
    scope = Scope()
    request = Request('GET', '/shop/item/7?x=1', mount_depth=1, args=['shop'], scope=scope)
    assert request.path_suffix() == ['item', '7']
    assert request.has_suffix()
    assert request.app_url(['cart', ''], {'n': 2}) == '/shop/cart/?n=2'
    assert request.root_url(['cart']) == '/cart'
    assert request.args == ('shop',)
    inner = request.mounted(3, ('7',))
    assert (inner.args, inner.mount_depth, inner.path_suffix(), inner.has_suffix()) == (('7',), 3, [], False)
    assert inner.scope is scope
    assert inner.query is request.query
    assert inner.app_url(['edit']) == '/shop/item/7/edit'


def test_two_requests_do_not_share_a_scope() -> None:
    assert Request().scope is not Request().scope


ESCAPES = {
    'percent signs': b'%', 'escapes': b'%41', 'letters between escapes': b'ab%C3%A4', 'bad escapes': b'%4%zz',
    'plus signs': b'+', 'equals signs': b'=', 'letters': 'ж'.encode(), 'nothing to decode': b'x',
    'cut escapes': b'x%2', 'mixed': b'+%+%2B=',
}


@pytest.mark.parametrize('unit', ESCAPES.values(), ids=ESCAPES)
@pytest.mark.parametrize('kind', ['form', 'query', 'path', 'cookie'])
def test_decoding_costs_a_small_multiple_of_its_input_in_memory(kind: str, unit: bytes) -> None:
    size = 300_000
    data = (unit * (size // len(unit) + 1))[:size // len(unit) * len(unit)]
    text = data.decode('utf-8')
    request = {
        'form': Request('POST', '/', FORM, b'a=' + data), 'query': Request('GET', '/?a=' + text),
        'path': Request('GET', '/' + text), 'cookie': Request('GET', '/', {'Cookie': 'a=' + text}),
    }[kind]
    tracemalloc.start()
    try:
        value: object = {'form': lambda: request.form['a'], 'query': lambda: request.query['a'],
                         'path': lambda: request.path, 'cookie': lambda: request.cookies['a']}[kind]()
    except ProtocolError as error:  # a path is strict
        assert (kind, error.status) == ('path', 400)
        value = None
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 12 * size + 2_000_000
    if value is not None and kind in ('form', 'query'):
        assert value == unquote_plus(text)


@pytest.mark.parametrize('unit', [b'&', b'a&', b'=&', b'+&'])
def test_a_million_separators_are_413_before_they_cost_anything(unit: bytes) -> None:
    request = Request('POST', '/', FORM, unit * 1_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolError) as caught:
            _ = request.form
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
    assert caught.value.status == 413


BITS = st.sampled_from([b'%', b'%4', b'%41', b'&', b'=', b'+', b'a', b'\xff', b'%C3', b'%A4', b'\0'])


@given(st.binary(max_size=200) | st.lists(BITS, max_size=60).map(b''.join))
def test_any_bytes_are_a_form_or_a_refusal_whatever_the_block(data: bytes) -> None:
    def outcome() -> object:
        try:
            return list(Request('POST', '/', FORM, data).form.items())
        except ProtocolError as error:
            return error.status
    expected = outcome()
    with pytest.MonkeyPatch.context() as patch:
        for block in (3, 4, 5, 7):
            patch.setattr(urls, 'BLOCK', block)
            assert outcome() == expected


@pytest.mark.parametrize(('body', 'reason'), [
    (b'\xff', 'it is not UTF-8'), (b'[' * 100_000, 'nested too deeply'),
    (b'9' * 5000, 'a number in it is too long'),
])
def test_json_is_refused_in_plain_words(body: bytes, reason: str) -> None:
    with pytest.raises(BadRequest, match=reason) as refusal:
        _ = Request('POST', '/', {'Content-Type': 'application/json'}, body).json
    assert not any(inside in str(refusal.value) for inside in ('sys.', 'codec', 'recursion'))
