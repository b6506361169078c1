"""Arguments: what annotations make of the text in URLs and forms, and what the refusals say."""

from __future__ import annotations

import functools
import sys
from datetime import date, datetime
from datetime import time as time_of_day
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Literal, Optional

import pytest

from kali.http.request import FileUpload, Request
from kali.routing.arguments import converter_for
from kali.routing.router import Router
from kali.testing import Client
from tests.windows import cpu_time

if TYPE_CHECKING:
    from kali import Request as Asked


class Colour(Enum):
    RED = 'r'
    BLUE = 'b'


class Size(Enum):
    SMALL = 1
    LARGE = 2


GOOD: list[tuple[Any, str, Any]] = [
    (str, '', ''), (str, ' x ', ' x '), (int, '42', 42), (int, '-7', -7), (int, '+7', 7), (int, '007', 7),
    (float, '1.5', 1.5), (float, '-.5', -.5), (float, '1e3', 1000.0), (float, '7.', 7.0), (float, '3', 3.0),
    (bool, '1', True), (bool, 'on', True), (bool, 'TRUE', True), (bool, 'yes', True), (bool, '0', False),
    (bool, 'off', False),
    (bool, 'False', False), (bool, '', False), (date, '2026-02-28', date(2026, 2, 28)),
    (datetime, '2026-02-28T09:30', datetime(2026, 2, 28, 9, 30)), (Decimal, '1.50', Decimal('1.50')),
    (Decimal, '-0.1', Decimal('-0.1')), (Colour, 'r', Colour.RED), (Colour, 'BLUE', Colour.BLUE),
    (Size, '2', Size.LARGE),
    (int | None, '', None), (int | None, '7', 7), (Optional[date], '', None),  # noqa: UP045
    (Optional[date], '2026-01-01', date(2026, 1, 1)),  # noqa: UP045
    (time_of_day, '09:30', time_of_day(9, 30)), (int, '9223372036854775807', 2**63 - 1),
    (Annotated[int, 'a note'], '7', 7), (Literal['up', 'down'], 'up', 'up'), (Literal[1, 2], '2', 2),
    (Literal['up'] | None, '', None),
    (None | Decimal, '1', Decimal(1)), (Any, 'x', 'x'), (object, 'x', 'x'),
]
BAD: list[tuple[Any, str, str]] = [
    (int, '', 'not a whole number'), (int, 'x', "'x' is not a whole number"), (int, '1.0', 'whole number'),
    (int, ' 1', 'whole'),
    (int, '1_000', 'whole'), (int, '٣', 'whole'), (int, '0x10', 'whole'), (int, '9' * 5000, 'whole'),
    (float, 'nan', 'not a number'), (float, 'inf', 'not a number'), (float, '1,5', 'not a number'),
    (float, '1e999', 'not a number'),
    (float, '.', 'not a number'), (bool, 'maybe', 'neither yes nor no'),
    (date, '2026-02-30', 'no day 2026-02-30 in the calendar'),
    (date, '28.2.2026', 'not a date like 2026-02-28'), (date, '20260228', 'not a date'),
    (date, '2026-W01-1', 'not a date'),
    (datetime, 'now', 'not a date and time'), (Decimal, 'NaN', 'not a decimal number'),
    (Decimal, '1e5', 'not a decimal'),
    (Decimal, '1' * 2000, 'not a decimal'), (Colour, 'x', "'x' is none of r, b"),
    (int | None, 'x', 'whole number'), (time_of_day, '25:00', 'not a time like 09:30'),
    (int, '9223372036854775808', 'the largest whole number accepted is 9223372036854775807'),
    (Literal['up', 'down'], 'left', "'left' is none of up, down"),
    (date | None, 'x', 'not a date'),
]


def label(value: object) -> str:
    return getattr(value, '__name__', str(value))[:20]


@pytest.mark.parametrize('kind, text, value', GOOD, ids=label)
def test_what_converts(kind: Any, text: str, value: object) -> None:
    convert, is_list = converter_for(kind)
    assert convert(text) == value
    assert type(convert(text)) is type(value)
    assert not is_list


@pytest.mark.parametrize('kind, text, reason', BAD, ids=label)
def test_what_does_not_convert_gives_the_reason(kind: Any, text: str, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        converter_for(kind)[0](text)
    assert reason in str(caught.value)
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize('kind', [dict, set, bytes, int | str, int | str | None, complex, Router,
                                  dict[str, int]], ids=label)
def test_what_cannot_come_from_text_is_refused_when_it_is_registered(kind: Any) -> None:
    def page(name: Any) -> str:
        return ''
    page.__annotations__['name'] = kind
    with pytest.raises(TypeError, match=r'parameter name of .*page is annotated .* cannot be made of text'):
        Router().function('/')(page)


def client(function: Any, path: str = '/', method: str = 'GET') -> Client:
    app = Router()
    app.route(path, (method,))(function)
    return Client(app)


def test_wildcards_and_query() -> None:
    # This file's annotations are text, since it says `from __future__ import annotations`.
    def page(number: int, day: date | None, page: int = 1, *, tag: list[Colour], exact: bool = False) -> str:
        return repr((number, day, page, tag, exact))
    asked = client(page, '/*/*')
    assert asked.get('/7/2026-01-02').text == repr((7, date(2026, 1, 2), 1, [], False))
    assert asked.get('/7/2026-01-02?page=3&tag=r&tag=b&exact=on').text == repr(
        (7, date(2026, 1, 2), 3, [Colour.RED, Colour.BLUE], True))


def test_annotations_that_are_objects() -> None:
    def page(number, page=1):  # type: ignore[no-untyped-def]
        return repr((number, page))
    page.__annotations__.update(number=int, page=int)
    assert client(page, '/*').get('/7?page=2').text == '(7, 2)'


def test_no_annotation_is_text() -> None:
    assert client(lambda name, greeting='Hello': f'{greeting}, {name}',
                  '/*').get('/Ann?greeting=Bye').text == 'Bye, Ann'


def test_a_wildcard_that_does_not_convert_is_404_with_the_reason() -> None:
    def page(number: int) -> str:
        return ''
    reply = client(page, '/*').get('/seven')
    assert reply.status == 404
    assert 'whole number' in reply.text


@pytest.mark.parametrize('number', [str(2**63), str(-2**63 - 1), '9' * 5000, '-' + '1' * 400],
                         ids=label)
def test_a_number_that_no_database_holds_is_404_in_a_route_and_400_in_a_query_or_form(number: str) -> None:
    def page(number: int) -> str:
        return str(number)
    assert client(page, '/*').get(f'/{number}').status == 404
    assert client(page).get(f'/?number={number}').status == 400
    assert client(page, method='POST').post('/', form={'number': number}).status == 400


@pytest.mark.parametrize('name', ['utm_source', 'UTM_Campaign', 'fbclid', 'gclid', 'msclkid', 'mc_eid',
                                  'datastar', 'last-event-id',
                                  'gad_source', '_hsenc', 'dclid', 'ttclid', 'igshid', 'srsltid'])
def test_what_a_mail_or_a_search_engine_adds_to_a_link_is_let_through(name: str) -> None:
    assert client(lambda: 'x').get(f'/?{name}=IwAR0').text == 'x'
    assert client(lambda page='1': page).get(f'/?page=2&{name}=a&{name}=b').text == '2'
    assert client(lambda **rest: ' '.join(rest)).get(f'/?{name}=a').text == name
    assert client(lambda: 'x').get(f'/?{name}=a&pgae=2').status == 400


def test_arguments_that_are_missing_unknown_or_wrong_are_all_named() -> None:
    def page(a: int, b: str, c: int = 1) -> str:
        return ''
    asked = client(page)
    reply = asked.get('/?c=x&z=1&%3Cb%3E=2')
    assert reply.status == 400
    for said in ('a is missing', 'b is missing', 'c: &#x27;x&#x27; is not a whole number',
                 'z is not known here',
                 '&lt;b&gt; is not known here'):
        assert said in reply.text
    assert asked.get('/?a=1&b=').status == 200
    assert asked.head('/?a=x&b=').status == 400


def test_a_page_that_asks_for_nothing_takes_nothing() -> None:
    asked = client(lambda: 'x')
    assert asked.get('/').status == 200
    assert 'q is not known here' in asked.get('/?q=1').text
    assert client(lambda: 'x', method='POST').post('/', form={'q': '1'}).status == 400


def test_the_last_of_several_counts_unless_a_list_is_asked_for() -> None:
    assert client(lambda a: a).get('/?a=1&a=2').text == '2'


def test_the_request_by_name_or_annotation_wherever_it_stands() -> None:
    def by_name(request, number: int) -> str:  # type: ignore[no-untyped-def]
        return f'{request.method} {number}'

    def by_annotation(number: int, rq: Request) -> str:
        return f'{rq.method} {number}'

    def for_the_type_checker_only(number: int, rq: Asked) -> str:
        return f'{rq.method} {number}'

    def keyword_only(number: int, *, request: Request) -> str:
        return f'{request.method} {number}'
    for_the_type_checker_only.__annotations__['rq'] = 'Request'
    for function in (by_name, by_annotation, for_the_type_checker_only, keyword_only):
        # A function that takes the request looks after unknown fields itself.
        assert client(function, '/*').get('/7?whatever=1').text == 'GET 7'


@pytest.mark.skipif(sys.version_info < (3, 14), reason='older Pythons evaluate annotations at once')
def test_annotations_that_python_3_14_evaluates_late() -> None:
    names: dict[str, Any] = {'date': date}
    exec('def page(day: date, rq: Request, pages: list[int]): return repr((day, rq.method, pages))', names)
    assert client(names['page'], '/*').get('/2026-01-02?pages=1&pages=2').text == (
        "(datetime.date(2026, 1, 2), 'GET', [1, 2])")
    exec('def page(day: Daet): return day', names)
    with pytest.raises(TypeError, match='parameter day of page is annotated Daet, which is not defined'):
        Router().function('/*')(names['page'])


def test_any_number_of_wildcards_and_any_field() -> None:
    def page(*names: str, **fields: str) -> str:
        return repr((names, fields))
    assert client(page, '/*/*').get('/a/b?c=d').text == "(('a', 'b'), {'c': 'd'})"


def test_fields_of_a_form() -> None:
    def save(number: int, title: str, done: bool = False) -> str:
        return repr((number, title, done))
    asked = client(save, '/*', 'POST')
    assert asked.post('/7', form={'title': 'Größe', 'done': 'on'}).text == "(7, 'Größe', True)"
    assert asked.post('/7?done=1', form={'title': 'x'}).text == "(7, 'x', True)"
    assert 'title is missing' in asked.post('/7').text


def test_an_upload() -> None:
    def save(photo: FileUpload, title: str = '') -> str:
        return f'{photo.filename} {len(photo.content)}'
    asked = client(save, '/', 'POST')
    assert asked.post('/', files={'photo': ('me.png', 'image/png', b'123')}).text == 'me.png 3'
    assert 'photo: a file is wanted' in asked.post('/', form={'photo': 'x'}).text
    assert 'title: text is wanted, not a file' in asked.post('/', files={
        'photo': ('a', 'b', b''), 'title': ('a', 'b', b'')}).text


def test_wrapped_functions_methods_and_callable_objects() -> None:
    def page(number: int) -> str:
        return repr(number)

    @functools.wraps(page)
    def wrapped(*args: Any, **keywords: Any) -> str:
        return page(*args, **keywords)

    class Desk:
        def method(self, number: int) -> str:
            return repr(number)

        def __call__(self, number: int) -> str:
            return repr(number)
    for function in (wrapped, functools.lru_cache(page), Desk().method, Desk()):
        assert client(function, '/*').get('/7').text == '7'


@pytest.mark.parametrize('function, path, said', [
    (lambda: '', '/*', 'takes 0 of the 1 wildcards'), (lambda a: '', '/*/*', 'takes 1 of the 2 wildcards'),
    (lambda *, a: '', '/*', 'takes 0 of the 1'), (str.upper, '/', 'no Python function'),
    (functools.partial(print), '/', 'no Python function'),
])
def test_what_cannot_take_its_wildcards_is_refused_when_it_is_registered(function: Any, path: str,
                                                                         said: str) -> None:
    with pytest.raises(TypeError, match=said):
        Router().function(path)(function)


def test_an_annotation_that_is_not_there_is_refused_when_it_is_registered() -> None:
    def page(number: int) -> str:
        return ''
    page.__annotations__['number'] = 'Nonsense'
    with pytest.raises(TypeError, match=r'parameter number of .*page is annotated Nonsense, which is'):
        Router().function('/')(page)


@pytest.mark.parametrize('kind', [int, float, Decimal, date, bool], ids=label)
def test_no_text_takes_long_to_refuse(kind: Any) -> None:
    def seconds(size: int) -> float:
        begin = cpu_time()
        for text in ('1' * size + 'x', '.' * size, ' ' * size, '1' * size):
            try:
                converter_for(kind)[0](text)
            except ValueError:
                pass
        return cpu_time() - begin
    assert seconds(400_000) < 30 * seconds(50_000) + 0.02
