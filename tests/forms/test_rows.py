"""Rows, CheckMany, Static, and a Pick in groups or with a search: shown, read, refused."""

from __future__ import annotations

import re
from typing import Any

import html5lib
import pytest

from kali.errors import ValidationError
from kali.forms import (
    BLANKABLE,
    DATE,
    MESSAGES,
    Check,
    CheckMany,
    Choices,
    Decimal,
    Element,
    Entry,
    Hidden,
    Integer,
    ListLens,
    Memo,
    Nullable,
    Pick,
    Rows,
    Static,
    Upload,
)
from kali.http.request import FileUpload
from kali.multidict import Bag

XHTML = '{http://www.w3.org/1999/xhtml}'
SIZES = ListLens(['S', 'M'])


def lines(**options: Any) -> Rows:
    return Rows({'line': Hidden(lens=BLANKABLE), 'what': Entry(maxlength=9), 'count': Entry(lens=Integer(1)),
                 'size': Pick(SIZES, required=True), 'gift': Check()}, **options)


def posted(*rows: dict[str, Any], start: int = 1) -> Bag:
    return Bag((f'lines-{number}-{name}', value)
               for number, row in enumerate(rows, start) for name, value in row.items())


TEA = {'line': '7', 'what': 'Tea', 'count': '2', 'size': 'S', 'gift': '1'}
BLANK = {'line': '', 'what': '', 'count': '', 'size': ''}
TEA_NATIVE = {'line': '7', 'what': 'Tea', 'count': 2, 'size': 'S', 'gift': True}


@pytest.mark.parametrize('bag', [
    posted(TEA), posted(TEA, BLANK, BLANK), posted(BLANK, TEA), posted({**BLANK, 'line': '6'}, TEA),
    posted(TEA, start=999_999), Bag({**posted(TEA).single, 'lines-x-what': 'a', 'lines-2': 'a',
            'line-2-what': 'b',
                                     'lines-1234567-what': 'c', 'lines-٣-what': 'd'}),
])
def test_a_row_left_blank_is_no_row(bag: Bag) -> None:
    rows = lines()
    assert rows.i2n(rows.p2i('lines', bag)) == [TEA_NATIVE]


def test_rows_come_in_the_order_of_their_numbers() -> None:
    rows = lines()
    bag = Bag([*posted({**TEA, 'what': 'Ten'}, start=10).items(),
            *posted({**TEA, 'what': 'Two'}, start=2).items()])
    assert [row['what'] for row in rows.i2n(rows.p2i('lines', bag))] == ['Two', 'Ten']


@pytest.mark.parametrize(('rows', 'bag', 'sentence'), [
    (lines(), posted({**TEA, 'count': 'x', 'what': ''}), 'please look again at the marked fields (2).'),
    (lines(least=1), posted(BLANK), 'has 0 rows; at least 1 are needed.'),
    (lines(most=1), posted(TEA, TEA), 'has 2 rows; at most 1 are accepted.'),
    (lines(), posted({**BLANK, 'what': FileUpload('a', 'b/c', b'd')}),
    'please look again at the marked fields (3).'),
])
def test_refused_rows(rows: Rows, bag: Bag, sentence: str) -> None:
    with pytest.raises(ValidationError) as caught:
        rows.i2n(rows.p2i('lines', bag))
    assert caught.value.args == (sentence,)


def test_what_is_wrong_stands_at_its_cell() -> None:
    rows = lines(blank=1)
    html = str(rows.control('lines', rows.p2i('lines', posted(TEA, {**TEA, 'count': '<x>'}))))
    page = html5lib.parse(html)
    by_id = {node.get('id'): node for node in page.iter() if node.get('id')}
    wrong = by_id['lines-2-count']
    assert (wrong.get('value'), wrong.get('type'), wrong.get('aria-invalid'), wrong.get('aria-label')) == (
        '<x>', 'text', 'true', 'Count, row 2')
    assert by_id[wrong.get('aria-describedby')].text == MESSAGES['integer']
    assert by_id['lines-1-line'].get('value') == '7'
    assert 'lines-3-what' in by_id and 'lines-4-what' not in by_id  # one blank row
    assert not any('required' in node.attrib for node in page.iter())  # or no blank row could be sent
    heads = [''.join(node.itertext()) for node in page.iter(f'{XHTML}th')]
    assert heads == ['What *', 'Count *', 'Size *', 'Gift']


def test_rows_of_a_record_are_shown_and_read_back() -> None:
    rows = Rows({'what': Entry(), 'price': Entry(lens=Decimal(places=2)), 'day': Entry(lens=DATE)})
    shown = rows.n2i([{'what': 'Tea', 'price': 2, 'day': None}])
    assert list(shown) == [{'what': 'Tea', 'price': '2.00', 'day': ''}]
    assert rows.i2n(shown) == [{'what': 'Tea', 'price': 2, 'day': None}]
    assert rows.in_words(shown) == 'Tea, 2.00, ' and rows.n2i(None) == []


@pytest.mark.parametrize('make', [lambda: lines(least=2, most=1), lambda: lines(blank=-1),
                                  lambda: Rows({'scan': Upload()})])
def test_rows_that_make_no_sense(make: Any) -> None:
    with pytest.raises(ValueError):
        make()


def test_reading_rows_costs_as_much_as_there_are() -> None:
    looked_at = 0

    class Counting(Entry):
        def p2i(self, name: str, POST: Bag) -> str:
            nonlocal looked_at
            looked_at += len(POST)
            return super().p2i(name, POST)

    counts = []
    for size in (50, 100):
        looked_at = 0
        Rows({'a': Counting()}).p2i('lines', posted(*[{'a': 'x'}] * size))
        counts.append(looked_at)
    assert counts == [50, 100]


PEOPLE = [(7, 'Ada', 'Analysts'), (8, 'Grace', 'Compilers'), (9, 'Kay', 'Compilers'), (10, 'Nobody')]


def test_a_pick_in_groups() -> None:
    html = Pick(Choices(lambda: PEOPLE)).control('who', '8')
    assert html == ('<select name="who" id="who"><option value=""></option><optgroup label="Analysts">'
                    '<option value="7">Ada</option></optgroup><optgroup label="Compilers">'
                    '<option value="8" selected>Grace</option><option value="9">Kay</option></optgroup>'
                    '<option value="10">Nobody</option></select>')


def test_a_pick_with_a_search() -> None:
    pick = Pick(Choices(lambda: [(7, 'Ada'), (8, 'Bo'), (9, 'bo')]), required=True, search=True)
    assert pick.n2i(7) == 'Ada' and pick.n2i(9) == 'bo (9)' and pick.n2i(None) == ''
    assert pick.control('who', 'A"') == (
        '<input autocomplete="off" required type="text" list="who-list" name="who" id="who" value="A&quot;">'
        '<datalist id="who-list"><option value="Ada"></option><option value="Bo (8)"></option>'
        '<option value="bo (9)"></option></datalist>')
    assert [pick.i2n(text) for text in (' ada ', 'Ada', 'bo (9)')] == [7, 7, 9]
    for text, sentence in (('bo', 'several choices fit: “Bo (8)”, “bo (9)”;'), ('7', MESSAGES['not offered']),
                           (' ', MESSAGES['choose'])):
        with pytest.raises(ValidationError, match=re.escape(sentence)):
            pick.i2n(text)
    with pytest.raises(ValueError, match='CheckMany'):
        Pick(SIZES, multiple=True, search=True)


def test_many_to_tick() -> None:
    many = CheckMany(SIZES, required='One at least!')
    assert many.n2i(['S']) == {'S'} and many.i2n(['S', 'M']) == {'S', 'M'}
    html = many.control('size', ['M'])
    assert html.count('type="checkbox" name="size"') == 2 and 'value="M" checked' in html
    assert 'role="group"' in html and 'required' not in html
    for chosen, sentence in (([], 'One at least!'), (['XL'], MESSAGES['not offered'])):
        with pytest.raises(ValidationError, match=sentence):
            many.i2n(chosen)


@pytest.mark.parametrize(('element', 'intermediate', 'words'), [
    (Check(), '1', 'Yes'), (Check(), '', 'No'), (Pick(Choices(lambda: PEOPLE)), '7', 'Ada'),
    (CheckMany(SIZES), {'S', 'M'}, 'S, M'), (Memo(), 'a\nb', 'a\nb'), (Entry(), 'a', 'a'),
    (Pick(Choices(lambda: PEOPLE), search=True), 'Ada', 'Ada'),
    (Static(), 'x', 'x'), (Upload(), [FileUpload('a.txt', 'text/plain', b'')], 'a.txt'),
])
def test_in_words(element: Element, intermediate: Any, words: str) -> None:
    assert element.in_words(intermediate) == words


@pytest.mark.parametrize(('kind', 'text', 'shown_as'), [
    ('date', '2026-02-30', 'text'), ('date', '2026-02-28', 'date'), ('date', '', 'date'),
    ('number', 'abc', 'text'),
    ('number', '1e999', 'text'), ('number', '+1', 'text'), ('number', '-1.5e3', 'number'),
    ('time', '25:00', 'text'),
    ('month', '2026-13', 'text'), ('week', '2026-W54', 'text'), ('datetime-local', 'soon', 'text'),
    ('datetime-local', '2026-02-28T14:30', 'datetime-local'), ('color', 'red', 'text'),
    ('color', '#00ff00', 'color'), ('email', 'x', 'text'), ('email', 'x@y', 'email'), ('range', 'x', 'text'),
])
def test_what_an_input_type_cannot_show_is_shown_as_text(kind: str, text: str, shown_as: str) -> None:
    html = Entry(type=kind, min=None if kind in ('color', 'email') else False).control('a', text)
    assert f'type="{shown_as}"' in html and f'value="{text}"' in html


@pytest.mark.parametrize('text', ['2026-W09-5', '2026W09501', '20260228  ', '٢٠٢٦-02-28', '2026-02-28\n'])
def test_only_a_date_as_html_has_it_is_shown_as_a_date(text: str) -> None:
    assert 'type="date"' not in Entry(type='date').control('a', text)


def keyed(**options: Any) -> Rows:
    elements = {'key': Hidden(lens=BLANKABLE), 'place': Entry(lens=Nullable(Integer())),
                'what': Entry(lens=BLANKABLE), 'count': Entry(lens=Nullable(Integer(1)))}
    return Rows(elements, key='key', **options)


STORED: list[dict[str, Any]] = [{'key': 'a', 'place': 1, 'what': 'Tea', 'count': 'odd'},
                                {'key': 'b', 'place': 2, 'what': '', 'count': None}]


def as_sent(rows: list[dict[str, Any]], *more: dict[str, str]) -> Bag:
    texts = [{name: '' if value is None else str(value) for name, value in row.items()} for row in rows]
    return posted(*texts, *more)


@pytest.mark.parametrize(('bag', 'native'), [
    (as_sent(STORED), STORED),  # what a lens would refuse is kept where nobody changed it
    (as_sent(STORED[1:]), STORED[1:]),  # a row that was taken away
    (as_sent([{**STORED[0], 'what': '', 'count': '', 'place': ''}, STORED[1]]), STORED[1:]),  # emptied
    (as_sent([{**STORED[0], 'count': 3}]), [{**STORED[0], 'count': 3}]),
    (as_sent(STORED, {'key': '', 'place': '3', 'what': '', 'count': ''}), STORED),  # a place alone is no row
    (as_sent([], {'key': '', 'place': '', 'what': 'New', 'count': '2'}),
     [{'key': '', 'place': None, 'what': 'New', 'count': 2}]),
    (as_sent([], {'key': 'gone', 'place': '', 'what': '', 'count': ''}), []),
    (as_sent([], {'key': 'gone', 'place': '1', 'what': 'x', 'count': ''}),
     [{'key': 'gone', 'place': 1, 'what': 'x', 'count': None}]),
])
def test_rows_with_a_key_keep_what_nobody_changed(bag: Bag, native: list[dict[str, Any]]) -> None:
    rows = keyed(order='place')
    assert rows.value_over(rows.read('lines', bag), STORED, exists=True) == native


def test_a_row_with_a_key_is_refused_where_it_was_changed() -> None:
    rows = keyed(max=2)
    shown = rows.read('lines', as_sent([{**STORED[0], 'what': 'Rum'}, {**STORED[1], 'count': 'x'}]))
    with pytest.raises(ValidationError, match=r'\(1\)'):
        rows.value_over(shown, STORED, exists=True)
    assert list(shown.wrong) == [(1, 'count')]
    with pytest.raises(ValidationError, match='3 rows'):
        rows.value_over(rows.read('lines', as_sent(STORED, {'what': 'x'})), STORED)
    assert rows.value_over(rows.show(STORED), STORED, exists=True) == STORED  # the version that is stored


def test_rows_with_an_order_have_buttons_to_move_them() -> None:
    html = str(keyed(order='place').html('lines', keyed().show(STORED)))
    assert 'data-order="place"' in html and html.count('data-up') == html.count('data-down') == 6
    assert 'data-order' not in str(keyed().html('lines', keyed().show(STORED)))
