"""Elements: value to control and back, and constraints that hold on the server as they do in the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kali.errors import ValidationError
from kali.forms import (
    BLANKABLE,
    DATE,
    MESSAGES,
    NULLABLE,
    Boolean,
    Check,
    ChoiceLens,
    Choices,
    Entry,
    EnumLens,
    FormElement,
    Hidden,
    Integer,
    ListLens,
    Memo,
    Nullable,
    Pick,
    Radio,
    String,
    Upload,
    tag,
)
from kali.http.request import FileUpload
from kali.markup import Markup
from kali.multidict import Bag

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element as Node

XHTML = '{http://www.w3.org/1999/xhtml}'
PRIORITIES = EnumLens(['High', 'Medium', 'Low'], base=1)
SIZES = ListLens(['S', 'M', 'L'])


def parse(html: str) -> Node:
    """The first element of `html`, as a browser's parser has it."""
    [body] = html5lib.parse(f'<!DOCTYPE html><title></title><body>{html}').iter(f'{XHTML}body')
    node: Node = body[0]
    return node


def control(element: FormElement, intermediate: Any = '', ties: str = '') -> Node:
    return parse(element.control('field', intermediate, ties))


def read(element: FormElement, *values: Any) -> Any:
    """The native value of what was posted."""
    return element.i2n(element.p2i('field', Bag([('field', value) for value in values])))


def refusal(element: FormElement, *values: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        read(element, *values)
    [sentence] = caught.value.args
    return str(sentence)


@pytest.mark.parametrize(('made', 'html'), [
    (tag('b', {'title': '"R&D"', 'hidden': None}, 'a <i>b</i>'),
     '<b title="&quot;R&amp;D&quot;" hidden>a <i>b</i></b>'),
    (tag('br', {}, None), '<br/>'), (tag('p', {}, ['a', ['b', 7], None]), '<p>ab7</p>'),
    (tag('p', {}, ''), '<p></p>'),
    (tag('p', {'x"y': 7}, ''), '<p x&quot;y="7"></p>'),
])
def test_tag(made: Markup, html: str) -> None:
    assert made == html and isinstance(made, Markup)


@given(st.text(st.characters(exclude_categories=['Cs'], exclude_characters='\0\r')))
def test_any_text_stands_in_an_entry_and_a_memo_as_it_is(text: str) -> None:
    node = control(Entry(), text)
    assert (node.text or '' if '\n' in text else node.get('value')) == text
    assert (control(Memo(), text).text or '') == text


@pytest.mark.parametrize(('element', 'attributes'), [
    (Entry(), {'type': 'text', 'required': '', 'name': 'field', 'id': 'field', 'value': ''}),
    (Entry(lens=BLANKABLE, type='date', style='flex:1', _class='wide', size=4, autofocus=True, hidden=False,
           data_kind='a', aria_label='b', id='other', form=None),
     {'type': 'date', 'style': 'flex:1', 'class': 'wide', 'size': '4', 'autofocus': '', 'data-kind': 'a',
      'aria-label': 'b', 'id': 'other', 'form': '', 'name': 'field', 'value': ''}),
    (Entry(lens=Integer(1, 9)), {'type': 'text', 'inputmode': 'numeric', 'required': '', 'name': 'field',
                                 'id': 'field', 'value': ''}),
    (Entry(lens=Integer(1, 9), type='number'), {'type': 'number', 'required': '', 'min': '1', 'max': '9',
                                                'name': 'field', 'id': 'field', 'value': ''}),
    (Entry(lens=DATE), {'type': 'date', 'name': 'field', 'id': 'field', 'value': ''}),
    (Memo(lens=String(maxlength=9), rows=3), {'maxlength': '9', 'rows': '3', 'name': 'field', 'id': 'field'}),
    (Hidden(), {'type': 'hidden', 'name': 'field', 'id': 'field', 'value': ''}),
    (Check(), {'type': 'checkbox', 'name': 'field', 'id': 'field', 'value': '1'}),
    (Pick(SIZES, required='Which?', multiple=True), {'required': '', 'multiple': '', 'name': 'field',
                                                     'id': 'field'}),
    (Upload(accept='.pdf', multiple=True), {'type': 'file', 'accept': '.pdf', 'multiple': '', 'name': 'field',
                                            'id': 'field'}),
])
def test_the_attributes_of_a_control(element: FormElement, attributes: dict[str, str]) -> None:
    assert control(element).attrib == attributes


@pytest.mark.parametrize(('element', 'posted', 'sentence'), [
    (Entry(), '  ', MESSAGES['blank']),
    (Entry(lens=BLANKABLE, required=True), ' ', MESSAGES['blank']),
    (Entry(maxlength=3), 'four', 'is 4 characters long; at most 3 are accepted.'),
    (Entry(minlength=3), 'ab', 'is 2 characters long; at least 3 are needed.'),
    (Entry(pattern=r'\d+'), '٣', MESSAGES['pattern']),
    (Entry(pattern=r'\d+', title='is digits.'), 'x', 'is digits.'),
    (Entry(type='email'), 'a b@c', MESSAGES['email']), (Entry(type='url'), 'example.org', MESSAGES['url']),
    (Entry(type='color'), 'red', MESSAGES['color']), (Entry(type='number'), '1e', MESSAGES['number']),
    (Entry(type='number'), '٣', MESSAGES['number']), (Entry(type='number'), 'NaN', MESSAGES['number']),
    (Entry(type='number', min=2), '1.5', 'must be 2 or more.'),
    (Entry(type='number', max='2'), '1e1', 'must be 2 or less.'),
    (Entry(type='number', step='0.1'), '0.25', 'must go in steps of 0.1 from 0.'),
    (Entry(type='number', min=1, step=2), '4', 'must go in steps of 2 from 1.'),
    (Entry(type='range', min=0, max=10), '11', 'must be 10 or less.'),
    (Entry(type='date'), '2026-02-30', 'there is no 30 February 2026; a date looks like 2026-02-28.'),
    (Entry(type='date', min='2026-01-01'), '2025-12-31', 'must be 2026-01-01 or more.'),
    (Entry(type='date', min='2026-01-01', step=7), '2026-01-09', 'must go in steps of 7 from 2026-01-01.'),
    (Entry(type='time', max='18:00'), '18:01', 'must be 18:00 or less.'),
    (Entry(type='datetime-local', max='2026-02-28T18:00'), '2026-02-28T18:01',
     'must be 2026-02-28T18:00 or less.'),
    (Entry(type='month'), '2026-13', MESSAGES['month']), (Entry(type='week'), '2025-W53', MESSAGES['week']),
    (Entry(type='month', min='2026-02'), '2026-01', 'must be 2026-02 or more.'),
    (Entry(type='week', max='2026-W09'), '2026-W10', 'must be 2026-W09 or less.'),
    (Entry(), 'a\nb', 'contains a line break, which cannot be kept; please remove it.'),
    (Entry(), 'a\tb', 'contains a tab, which cannot be kept; please remove it.'),
    (Memo(), 'a\x07b', 'contains the control character U+0007, which cannot be kept; please remove it.'),
    (Memo(maxlength=3), 'a\r\nbc', 'is 4 characters long; at most 3 are accepted.'),
    (Hidden(lens=Integer()), 'x', MESSAGES['integer']),
    (Check(required='You must agree.'), '0', 'You must agree.'), (Check(required=True), '', MESSAGES['tick']),
    (Check(), 'maybe', MESSAGES['not offered']),
    (Pick(PRIORITIES, required='Please select.'), '', 'Please select.'),
    (Pick(SIZES, required=True), '', MESSAGES['choose']),
    (Pick(SIZES), 'XXL', MESSAGES['not offered']), (Pick(SIZES, multiple=True), 'XXL',
                                                    MESSAGES['not offered']),
    (Radio(SIZES), 'XXL', MESSAGES['not offered']),
    (Upload(required='Where is it?'), '', 'Where is it?'), (Upload(required=True), '', MESSAGES['file']),
    (Upload(max_size=2), FileUpload('a.txt', 'text/plain', b'abc'),
     'the file “a.txt” has 3 bytes; at most 2 bytes are accepted.'),
    (Upload(max_size=1_000_000), FileUpload('a.txt', 'text/plain', bytes(3_000_000)),
     'the file “a.txt” has 2.86 MB; at most 977 KB are accepted.'),
    (Upload(max_size=2_000_000), FileUpload('a.txt', 'text/plain', bytes(2_000_001)),
     'the file “a.txt” has 2000001 bytes; at most 2000000 bytes are accepted.'),
    (Upload(accept='.pdf, image/*'), FileUpload('a.txt', 'text/plain', b'abc'),
     'the file “a.txt” is of another kind; accepted are .pdf, image/*.'),
])
def test_refused(element: FormElement, posted: Any, sentence: str) -> None:
    assert refusal(element, posted) == sentence


PDF = FileUpload('A.PDF', 'application/pdf', b'%PDF')
PNG = FileUpload('a', 'image/png; x=y', b'')


@pytest.mark.parametrize(('element', 'posted', 'native'), [
    (Entry(), [' tea\t'], 'tea'), (Entry(lens=NULLABLE), [], None),
    (Entry(lens=BLANKABLE), ['first', 'last'], 'last'),
    (Entry(type='number', lens=NULLABLE, min=1), [''], None),
    (Entry(type='number', step='0.1'), ['0.3'], '0.3'),
    (Entry(type='date', min='2026-01-01', step=7, lens=DATE), [''], None),
    (Entry(type='week'), ['2026-W53'], '2026-W53'),
    (Entry(type='email'), ["o'neil@example.org"], "o'neil@example.org"),
    (Entry(type='url'), ['mailto:x'], 'mailto:x'),
    (Entry(type='time', step=1), ['12:30:15'], '12:30:15'), (Entry(type='month'), ['2026-02'], '2026-02'),
    (Entry(maxlength=3, lens=BLANKABLE), ['abc'], 'abc'), (Entry(pattern='[a-z]*', lens=BLANKABLE), [''], ''),
    (Memo(maxlength=3), ['a\r\nb'], 'a\nb'), (Memo(lens=String(strip=False)), ['\na\tb\r'], '\na\tb\n'),
    (Check(), [], False), (Check(), ['on'], True), (Check(), ['0', '1'], True), (Check(), ['0'], False),
    (Pick(PRIORITIES), ['0'], 1), (Pick(PRIORITIES), [], None),
    (Pick(SIZES, multiple=True), ['S', 'L', ''], {'S', 'L'}),
    (Pick(SIZES, multiple=True), [], set()), (Radio(Boolean(), required=True), ['0'], False),
    (Radio(SIZES), [], None),
    (Upload(), [], None), (Upload(), [''], None), (Upload(multiple=True), [PDF, PNG], [PDF, PNG]),
    (Upload(accept='.pdf'), [PDF], PDF), (Upload(accept='image/*'), [PNG], PNG),
    (Upload(accept='image/png'), [PNG], PNG),
    (Upload(), [FileUpload('', 'application/octet-stream', b'')], None),
])
def test_accepted(element: FormElement, posted: list[Any], native: object) -> None:
    assert read(element, *posted) == native


@pytest.mark.parametrize('make', [
    lambda: Entry(type='checkbox'), lambda: Entry(type='nmber'), lambda: Entry(maxlength='many'),
    lambda: Entry(minlength=-1), lambda: Entry(pattern='('), lambda: Entry(type='date', min='soon'),
    lambda: Entry(type='number', step=0), lambda: Entry(type='number', step='x')])
def test_a_constraint_that_makes_no_sense_is_refused_when_declared(make: Any) -> None:
    with pytest.raises(ValueError):
        make()


def options(element: Pick, intermediate: Any) -> list[tuple[str, bool]]:
    return [(node.get('value', ''), 'selected' in node.attrib) for node in control(element, intermediate)]


@pytest.mark.parametrize(('element', 'intermediate', 'shown'), [
    (Pick(ListLens(['S', 'M'])), 'M', [('', False), ('S', False), ('M', True)]),
    (Pick(ListLens(['S', 'M']), required='Which?'), '', [('', False), ('S', False), ('M', False)]),
    (Pick(ListLens(['S', 'M']), required='Which?'), 'S', [('S', True), ('M', False)]),
    (Pick(ListLens(['S', 'M']), required='Which?'), 'gone', [('S', False), ('M', False), ('gone', True)]),
    (Pick(ListLens(['S', 'M']), multiple=True), ['M'], [('S', False), ('M', True)]),
    (Pick(EnumLens(['No', 'Yes'], reverse=True)), '1', [('', False), ('1', True), ('0', False)]),
])
def test_the_options_of_a_pick(element: Pick, intermediate: Any, shown: list[tuple[str, bool]]) -> None:
    for _ in range(2):  # the second time it may come from what was kept
        assert options(element, intermediate) == shown


def test_a_pick_shows_choices_as_they_are_now() -> None:
    rows = [(1, '<one>')]
    pick = Pick(Choices(lambda: rows))
    assert 'label' not in control(pick, '1').attrib and control(pick, '1')[1].text == '<one>'
    rows[0] = (1, 'uno')
    assert control(pick, '1')[1].text == 'uno'


def test_what_was_not_offered_is_not_kept() -> None:
    pick = Pick(PRIORITIES)
    for number in range(50):
        control(pick, f'made up {number}')
    assert len(pick.made) == 1  # whether there are many choices


def test_a_pick_of_many_starts_with_the_values_of_a_record() -> None:
    assert Pick(PRIORITIES, multiple=True).n2i([1, 3]) == {'0', '2'}
    assert Pick(PRIORITIES, multiple=True).n2i(None) == set()


def test_radio_buttons() -> None:
    group = control(Radio(SIZES, required='Which?', label='Size'), 'M')
    assert group.attrib == {'role': 'radiogroup', 'id': 'field', 'tabindex': '-1', 'aria-label': 'Size',
                            'aria-required': 'true'}
    buttons = [label[0].attrib for label in group]
    assert [button['value'] for button in buttons if 'checked' in button] == ['M']
    assert all(button['name'] == 'field' and 'required' in button for button in buttons)
    assert len({button['id'] for button in buttons}) == 3


@pytest.mark.parametrize('element', [Entry(), Memo(), Pick(SIZES), Check(), Radio(SIZES), Upload()])
def test_ties_go_into_the_control(element: FormElement) -> None:
    node = control(element, '', ' aria-invalid="true"')
    assert node.get('aria-invalid') == 'true' and node.get('id') == 'field'


def test_one_element_serves_several_fields() -> None:
    entry = Entry()
    assert parse(entry.control('a', 'x')).get('name') == 'a'
    assert parse(entry.control('b', 'y')).attrib == {**parse(entry.control('a', 'y')).attrib, 'name': 'b',
                                                     'id': 'b'}


def test_an_element_of_an_older_program() -> None:
    class Shouting(FormElement):
        def __init__(self) -> None:
            self.lens = BLANKABLE

        def n2i(self, value: Any) -> Any:
            return value or ''

        def p2i(self, name: str, POST: Bag) -> Any:
            return POST.get(name, '')

        def i2h(self, name: str, intermediate: Any) -> Any:
            return ['<b>', [tag('input', {'name': name, 'value': intermediate.upper()}, None)], '</b>']

        def i2n(self, intermediate: Any) -> Any:
            return intermediate.lower()

    assert Shouting().control('a', 'x', ' id="y"') == '<b id="y"><input name="a" value="X"/></b>'
    assert read(Shouting(), 'TEA') == 'tea'


def test_a_pick_with_a_choice_lens_of_an_older_program() -> None:
    class Contacts(ChoiceLens):
        def string_pairs(self) -> Any:
            return (pair for pair in [('7', 'Ada')])

        def string_for_browser(self, value: Any) -> str:
            return '' if value is None else str(value)

        def native_from_string(self, text: str) -> Any:
            return int(text)

    assert read(Pick(Contacts(), required='Who?'), '7') == 7
    assert refusal(Pick(Contacts(), required='Who?'), 'x') == MESSAGES['not offered']


def test_a_lens_that_is_any_object_with_two_methods() -> None:
    class Plain:
        def string_for_browser(self, value: Any) -> str:
            return 'shown'

        def native_from_string(self, text: str) -> str:
            return 'read'

    entry = Entry(lens=Plain())  # type: ignore[arg-type]  # what an untyped program may do
    assert (entry.n2i(1), read(entry, 'x')) == ('shown', 'read')
    assert read(Entry(lens=Nullable(Plain())), 'x') == 'read'  # type: ignore[arg-type]
