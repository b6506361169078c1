"""Many choices: a search box that asks the server, and ids that hold whatever a field is called."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import html5lib
import pytest

from kali.errors import ValidationError
from kali.forms import BLANKABLE, Check, Choices, Entry, ListLens, Memo, Pick, Radio, Rows
from kali.forms.records import read_posted
from kali.forms.rendering import make_fields, render_form
from kali.multidict import Bag

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

PEOPLE = list(enumerate(
    [f'{first} {last}' for first in ('Ada', 'Bo', 'Cleo', 'Dan', 'Eve', 'Finn', 'Gus', 'Ida')
     for last in ('Miller', 'Smith', 'Ng', 'Örn', 'Lee', 'Kay', "O'Hara")], 100))


def customers(rows: Any = PEOPLE, **options: Any) -> Pick:
    return Pick(Choices(lambda: rows), **options)


def test_a_long_list_becomes_a_search_box_and_sends_few() -> None:
    many = [(number, f'Customer {number}') for number in range(5000)]
    html = str(customers(many).control('who', customers(many).show(4321)))
    assert len(html) < 2500 and 'value="Customer 4321"' in html and 'data-search="who"' in html
    assert '<select' in customers(many[:50]).control('who', '')
    assert '<select' not in customers(many[:51]).control('who', '')
    assert Radio(Choices(lambda: many[:60])).control('who', '').count('type="radio"') == 60
    assert customers(many, multiple=True).control('who', set()).count('<option') == 5000


@pytest.mark.parametrize(('typed', 'number'), [
    ('Ada Miller', 100), ('  ada   MILLER ', 100), ('ada mi', 100), ('bo ör', 110), ("ida o'", 155),
    ('', None)])
def test_what_fits_one_choice_is_that_choice(typed: str, number: int | None) -> None:
    assert customers().value(typed) == number


@pytest.mark.parametrize(('typed', 'sentence'), [
    ('ada', 'several choices fit: “Ada Miller”, “Ada Smith”, “Ada Ng”, “Ada Örn”, “Ada Lee”, “Ada Kay”, '
            '“Ada O\'Hara”; please choose one of them.'),
    ('e', 'several choices fit: '), ('Zoe', 'this was not among the choices; please choose again.')])
def test_what_fits_several_or_none_is_refused(typed: str, sentence: str) -> None:
    with pytest.raises(ValidationError) as caught:
        customers().value(typed)
    assert caught.value.args[0].startswith(sentence)


def test_the_server_answers_with_what_fits() -> None:
    pick = customers()
    assert pick.matches('who', 'who', 'finn ') .count('<option') == 7
    assert pick.matches('who', 'who', '').count('<option') == 20
    assert '&#x27;' in pick.matches('who', 'who', "gus o'")
    rows = Rows({'who': pick})
    assert rows.owns('lines', 'lines-2-who') and rows.matches('lines', 'lines-2-who', 'dan l') == (
        '<option value="Dan Lee"></option>')
    assert Entry().matches('a', 'a', 'x') == '' and rows.matches('lines', 'lines-2-x', '') == ''


def test_a_label_with_line_breaks_or_without_letters() -> None:
    pick = customers([(1, 'a\nb'), (2, None), (None, 'nobody'), (3, ' ')], search=True)
    assert [pick.show(number) for number in (1, 2)] == ['a b', '2']
    assert [pick.value(text) for text in ('a b', '2')] == [1, 2]
    assert 'None' not in pick.control('who', '')


@pytest.mark.browser
def test_in_a_browser_the_box_offers_what_fits(page: Page) -> None:
    script = Path(__file__).resolve().parents[2] / 'kali' / 'pages' / 'kali.js'
    asked: list[dict[str, list[str]]] = []

    def answer(route: Route) -> None:
        query = parse_qs(urlsplit(route.request.url).query)
        if '_search' in query:
            asked.append(query)
            route.fulfill(content_type='text/html; charset=utf-8',
                          body=str(customers().matches('who', query['_search'][0], query['q'][0])))
        elif route.request.url.endswith('kali.js'):
            route.fulfill(path=script)
        else:
            route.fulfill(content_type='text/html; charset=utf-8', body='<!DOCTYPE html><title>T</title>'
                          f'<form>{customers().control("who", "")}</form><script src="/kali.js"></script>')
    page.route('http://kali.test/**', answer)
    page.goto('http://kali.test/edit?id=7')
    box = page.get_by_role('combobox')
    assert page.evaluate('document.querySelector("input").list.options.length') == 20
    box.press_sequentially('eve k')
    page.wait_for_function('document.querySelector("input").list.options.length == 1')
    assert page.evaluate('document.querySelector("input").list.options[0].value') == 'Eve Kay'
    assert asked[-1] == {'id': ['7'], '_search': ['who'], 'q': ['eve k']}


NAMES = ['a b', 'a_b', 'a-b', 'a.b', 'a.20.b', 'ä', '', '1', '"', "'", '<', 'a\tb', 'a', 'a-error', 'a-help',
         'a-list', 'a.0', 'A', '#', '%20', '日本']


def test_every_name_has_an_id_of_its_own_that_labels_errors_and_links_find() -> None:
    kinds = (Entry(lens=BLANKABLE, help='Help'), Memo(help='Help'), Check(), Radio(ListLens(['x', 'y'])),
             customers(search=True))
    elements: Any = {name: kinds[number % len(kinds)] for number, name in enumerate(NAMES)}
    fields = make_fields(elements, {name: element.show(None) for name, element in elements.items()},
                         {name: f'wrong: {name}' for name in NAMES}, 'f' * 32)
    page = html5lib.parse(str(render_form(fields)), namespaceHTMLElements=False)
    ids = [node.get('id') for node in page.iter() if node.get('id') is not None]
    assert len(set(ids)) == len(ids) and all(text and not set(text) & set(' \t"#%<') for text in ids)
    links = [node.get('href') or '' for node in page.iter('a')]
    assert links == [f'#{elements[name].id_for(name)}' for name in NAMES]
    for attribute in ('for', 'aria-describedby', 'list'):
        pointed = [each for node in page.iter() for each in (node.get(attribute) or '').split()]
        assert pointed and set(pointed) <= set(ids), attribute


def test_a_form_with_such_names_is_read() -> None:
    elements: Any = {name: Entry(lens=BLANKABLE) for name in NAMES}
    posted = Bag({name: f'{name.strip()}!'.replace('\t', ' ') for name in NAMES})
    assert read_posted(elements, posted)[1:] == (dict(posted.items()), {})
