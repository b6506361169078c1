"""No form changes what nobody changed: whatever SQLite returns comes back from a control as it was."""

from __future__ import annotations

import datetime
import enum
from contextlib import closing
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element as Node

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kali.forms import (
    BLANKABLE,
    DATE,
    NULLABLE,
    Boolean,
    Check,
    CheckMany,
    Choices,
    Date,
    DateTime,
    Decimal,
    Element,
    Email,
    Entry,
    Enum,
    EnumLens,
    Float,
    Hidden,
    Integer,
    Json,
    ListLens,
    Memo,
    Nullable,
    Pick,
    Radio,
    String,
    Test,
    Time,
    Url,
)
from kali.forms.records import read_posted
from kali.http.request import Request
from kali.locale import Locale, leave, use
from kali.multidict import Bag

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

XHTML = '{http://www.w3.org/1999/xhtml}'


class Colour(enum.Enum):
    RED = 'red wine'
    GREEN = 2


SIZES = [(1, 'Small'), (2, 'Medium'), (3, 'Large')]
MANY = [(number, f'Customer {number}') for number in range(1, 400)]
NASTY = [
    '',
    'tea',
    ' tea ',
    'a\tb',
    'a\nb',
    '\na',
    '\r',
    'a\r\nb\r',
    'a\x0bb',
    'a\x00b',
    '\x1f\x7f\x9f',
    '"<&>\'',
    '\u2028\u2029',
    '\u202eabc\u202c',
    'e\u0301',
    '\ufeff',
    '\ufffe',
    'x' * 300,
    '   ',
    '\xa0',
    '0',
    '01234',
]
NUMBERS = [
    0,
    7,
    -(2**63),
    2**63 - 1,
    0.1,
    0.1 + 0.2,
    1e-7,
    1e300,
    -0.0,
    12.0,
    float('inf'),
    '7',
    '12.50',
    '1E+2',
]
MOMENTS = [
    '2026-03-07 09:30:00',
    '2026-03-07 09:30:15',
    '2026-03-07T09:30',
    '2026-03-07T09:30:15.123456',
    '2026-03-07 09:30:15.120',
    '2026-03-07 09:30:15+02:00',
    '2026-03-07T09:30:15Z',
    '2026-03-07',
    2461106.8958,
    1772875815,
    '0001-01-01 00:00:00',
    '9999-12-31 23:59:59',
    'soon',
    '24:00',
    '09:30:15',
    '09:30',
    '09:30:15.5',
    '2026-02-30',
    '2026-03',
    '2026-W10',
    '2026-W54',
]

TEXTUAL: dict[str, Element] = {
    'text': Entry(lens=BLANKABLE),
    'nullable': Entry(lens=NULLABLE),
    'short': Entry(lens=String(maxlength=5)),
    'raw': Entry(lens=String(strip=False)),
    'required': Entry(),
    'tested': Entry(lens=Test('[a-z]+')),
    'pattern': Entry(lens=BLANKABLE, pattern='[a-z]+', title='letters'),
    'memo': Memo(lens=BLANKABLE),
    'search': Entry(lens=BLANKABLE, type='search'),
    'tel': Entry(lens=BLANKABLE, type='tel'),
    'email': Entry(lens=Nullable(Email())),
    'mail': Entry(lens=BLANKABLE, type='email'),
    'url': Entry(lens=Nullable(Url())),
    'link': Entry(lens=BLANKABLE, type='url'),
    'hidden': Hidden(lens=BLANKABLE),
    'color': Entry(lens=BLANKABLE, type='color'),
    'month': Entry(lens=BLANKABLE, type='month'),
    'week': Entry(lens=BLANKABLE, type='week'),
    'json': Entry(lens=Json()),
}
NUMERIC: dict[str, Element] = {
    'integer': Entry(lens=Integer()),
    'small': Entry(lens=Nullable(Integer(0, 9))),
    'float': Entry(lens=Float()),
    'decimal': Entry(lens=Decimal()),
    'places': Entry(lens=Nullable(Decimal(0, 10**6, places=2))),
    'field': Entry(lens=Nullable(Integer()), type='number'),
    'step': Entry(lens=NULLABLE, type='number', min=1, step=2),
    'pointed': Entry(lens=Decimal(places=2), type='number'),
    'range': Entry(lens=NULLABLE, type='range', min=0, max=10),
    'slider': Entry(lens=Nullable(Integer(5, 9)), type='range'),
}
TEMPORAL: dict[str, Element] = {
    'date': Entry(lens=DATE),
    'late': Entry(lens=Date(datetime.date(2026, 4, 1))),
    'written': Entry(lens=DATE, type='text'),
    'time': Entry(lens=Nullable(Time())),
    'quarter': Entry(lens=Time(datetime.time(8), step=900)),
    'moment': Entry(lens=Nullable(DateTime())),
    'minutes': Entry(lens=DateTime(step=60)),
}
CHOSEN: dict[str, Element] = {
    'pick': Pick(Choices(lambda: SIZES)),
    'must': Pick(Choices(lambda: SIZES), required=True),
    'texts': Pick(ListLens(['S', 'M', 'x y'])),
    'radio': Radio(Choices(lambda: SIZES)),
    'enum': Pick(Enum(Colour)),
    'level': Pick(EnumLens(['a', 'b', 'c'], base=1)),
    'boolean': Pick(Boolean()),
    'check': Check(),
    'searched': Pick(Choices(lambda: SIZES), search=True),
    'many': Pick(Choices(lambda: MANY)),
}
OTHERS = [
    1,
    2,
    3,
    9,
    1.0,
    2.5,
    '1',
    '3',
    'S',
    's',
    'M',
    'XL',
    'x y',
    'a\nb',
    'RED',
    'red wine',
    'GREEN',
    1000,
    77,
    'f',
    'F',
    't',
    'false',
    'No',
    'n',
    'yes',
    '0',
    0,
    0.0,
    '',
    b'1',
]
CASES = [
    (elements, [*values, None, b'', b'\x00\xff'])
    for elements, values in ((TEXTUAL, NASTY), (NUMERIC, NUMBERS), (TEMPORAL, MOMENTS), (CHOSEN, OTHERS))
]


def in_sqlite(value: Any) -> Any:
    """What SQLite keeps of a native value; the way in is that of kali's own connections."""
    from kali.sqlite import connect

    with closing(connect(':memory:')) as db:
        db.execute('CREATE TABLE kept (value)')
        db.execute('INSERT INTO kept VALUES (?)', [getattr(value, 'value', value)])
        return db.execute('SELECT value FROM kept').fetchone()[0]


def assert_kept(name: str, element: Element, posted: Bag, stored: Any) -> None:
    _, native, errors = read_posted({name: element}, posted, {name: stored})
    blank = stored in (None, '') or (isinstance(stored, str) and not stored.strip())
    if errors:
        assert blank and element.required, (name, stored, errors)
        return
    value = native[name]
    if type(value) is type(stored):
        assert value == stored, (name, stored)
    elif isinstance(value, enum.Enum):
        assert stored in (value.name, value.value)
    elif hasattr(value, 'as_tuple') and isinstance(stored, (int, float)):
        assert float(value) == stored  # a NUMERIC column makes it the same number again
    else:
        assert in_sqlite(value) == stored, (name, stored, value)


def posted_by_parser(html: str) -> Bag:
    """What a form without scripts sends of the control, by the rules of the HTML standard."""
    page = html5lib.parse(html)
    bag = Bag()
    for node in page.iter():
        name, value = node.get('name'), node.get('value', '')
        kind = node.tag.removeprefix(XHTML)
        if kind == 'select':
            chosen = [each for each in node.iter(f'{XHTML}option') if 'selected' in each.attrib] or list(
                node
            )[:1]
            value = chosen[0].get('value', '')
        elif kind == 'textarea':
            value = node.text or ''
        elif kind != 'input' or (node.get('type') in ('checkbox', 'radio') and 'checked' not in node.attrib):
            continue
        elif node.get('type') not in ('hidden', 'radio', 'checkbox'):
            value = sanitized(node, value)
        if name:
            bag.multiple.setdefault(name, []).append(value.replace('\r\n', '\n').replace('\n', '\r\n'))
    return bag


def sanitized(node: Node, value: str) -> str:
    if node.get('type') in ('color', 'range') and not value:
        return 'made up'
    return value.replace('\n', '').replace('\r', '')


@pytest.mark.parametrize('tag', ['en', 'de', 'cs'])
@pytest.mark.parametrize('elements, values', CASES)
def test_an_untouched_control_keeps_what_is_stored(
    elements: dict[str, Element], values: list[Any], tag: str
) -> None:
    token = use(Locale.named(tag))
    try:
        for name, element in elements.items():
            for stored in values:
                html = str(element.control(name, element.show(stored)))
                assert_kept(name, element, posted_by_parser(html), stored)
    finally:
        leave(token)


VALUE = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.binary(max_size=9)
    | st.text(max_size=20)
    | st.datetimes().map(str)
    | st.dates().map(str)
    | st.times().map(str)
)


@pytest.mark.parametrize('name', [*TEXTUAL, *NUMERIC, *TEMPORAL, *CHOSEN])
def test_whatever_sqlite_returns_is_kept(name: str) -> None:
    element = {**TEXTUAL, **NUMERIC, **TEMPORAL, **CHOSEN}[name]

    @settings(max_examples=60, deadline=None)
    @given(VALUE)
    def holds(stored: Any) -> None:
        assert_kept(name, element, posted_by_parser(str(element.control(name, element.show(stored)))), stored)

    holds()


@pytest.mark.browser
@pytest.mark.parametrize('elements, values', CASES)
def test_in_a_browser(page: Page, elements: dict[str, Element], values: list[Any]) -> None:
    sent: list[bytes] = []

    def answer(route: Route) -> None:
        sent.append(route.request.post_data_buffer or b'')
        route.fulfill(body='<!DOCTYPE html><title>Saved</title>', content_type='text/html')

    page.route('http://kali.test/**', answer)
    for number, stored in enumerate(values):
        controls = ''.join(
            f'<p>{element.control(name, element.show(stored))}</p>'
            for name, element in elements.items()
            if not (element.required and not stored)
        )
        page.set_content(
            f'<!DOCTYPE html><form method="post" action="http://kali.test/{number}" '
            f'accept-charset="utf-8">{controls}<button>Save</button></form>'
        )
        assert page.evaluate('[...document.querySelectorAll(":invalid")].map(each => each.outerHTML)') == []
        page.get_by_role('button', name='Save').click()
        page.wait_for_function('document.title == "Saved"')
        request = Request(
            'POST', '/', headers={'Content-Type': 'application/x-www-form-urlencoded'}, body=sent[-1]
        )
        for name, element in elements.items():
            if not (element.required and not stored):
                assert_kept(name, element, request.POST, stored)


def test_what_was_changed_beside_it_is_read() -> None:
    elements: dict[str, Element] = {
        'name': Entry(),
        'note': Entry(lens=BLANKABLE),
        'due': Entry(lens=DATE),
        'ok': Check(),
    }
    stored = {'name': 'a\tb', 'note': None, 'due': '2026-03-07', 'ok': 'f'}
    same = Bag({'name': 'a\tb', 'note': '', 'due': '2026-03-07'})
    assert read_posted(elements, same, stored)[1:] == ({**stored, 'due': datetime.date(2026, 3, 7)}, {})
    changed = Bag({'name': 'a\tc', 'note': ' x ', 'due': '', 'ok': '1'})
    assert read_posted(elements, changed, stored)[1:] == (
        {'name': 'a\tc', 'note': 'x', 'due': None, 'ok': 't'},
        {},
    )


@pytest.mark.parametrize('stored, ticked', [('F', 'T'), ('No', 'Yes'), ('0', '1'), (0, True), (None, True)])
def test_a_box_keeps_the_spelling_of_the_column(stored: Any, ticked: Any) -> None:
    assert read_posted({'a': Check()}, Bag({'a': '1'}), {'a': stored})[1] == {'a': ticked}
    back = read_posted({'a': Check()}, Bag(), {'a': ticked})[1]['a']
    assert back == (stored if stored is not None else False)


def test_disabled_and_read_only() -> None:
    elements: dict[str, Element] = {
        'a': Entry(disabled=True),
        'b': Entry(readonly=True),
        'c': Pick(ListLens(['x']), disabled=True),
    }
    posted = Bag({'a': 'forged', 'b': 'forged', 'c': 'x'})
    assert read_posted(elements, posted, {'a': 'A', 'b': 'B\n', 'c': None}) == (
        {'b': 'B\n'},
        {'b': 'B\n'},
        {},
    )


@pytest.mark.parametrize(
    'stored, chosen, native',
    [
        ([1, '2', 'gone'], ['1', '2', 'gone'], {1, '2', 'gone'}),
        ([1, 'gone'], ['3', 'gone'], {3, 'gone'}),
        ([1, 'gone'], ['1'], {1}),
    ],
)
def test_several_choices_keep_one_that_is_not_offered(
    stored: Any, chosen: list[str], native: set[Any]
) -> None:
    for element in (Pick(Choices(lambda: SIZES), multiple=True), CheckMany(Choices(lambda: SIZES))):
        posted = Bag([('a', text) for text in chosen])
        value = read_posted({'a': element}, posted, {'a': stored})[1]['a']
        assert {str(each) for each in value} == {str(each) for each in native}
        assert 'gone (not among the choices)' in element.control('a', element.show(stored))


def test_a_value_in_a_row_that_was_never_shown_is_not_offered_to_others() -> None:
    element = Pick(ListLens(['S']))
    assert read_posted({'a': element}, Bag({'a': 'XL'}), {'a': 'L'})[2] != {}
    assert read_posted({'a': element}, Bag({'a': 'L'}), {'a': 'L'})[1:] == ({'a': 'L'}, {})


@pytest.mark.parametrize('member, kept', [(Colour.RED, 'red wine'), (Colour.GREEN, 2)])
def test_a_member_of_an_enum_goes_into_a_database_and_comes_back(member: Colour, kept: Any) -> None:
    from kali.sqlite import connect

    with closing(connect(':memory:')) as db:
        db.execute('CREATE TABLE kept (value)')
        db.execute('INSERT INTO kept VALUES (:colour)', {'colour': member})
        [(stored,)] = db.execute('SELECT value FROM kept')
    assert stored == kept
    assert read_posted({'a': CHOSEN['enum']}, Bag({'a': member.name}), {'a': stored})[1] == {'a': member}
