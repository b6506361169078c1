"""Numbers and dates go the whole way as people write them: typed, saved, shown, refused in their language."""

from __future__ import annotations

import datetime
import decimal
import html
from typing import TYPE_CHECKING, Any

import pytest

from kali import Template
from kali.forms import DATE, Decimal, Entry, Float, Formlet, Integer, Nullable
from kali.testing import Client

if TYPE_CHECKING:
    from collections.abc import Callable


class Item(Formlet):
    saved: dict[str, Any] = {}

    def __init__(self) -> None:
        super().__init__({
            'price': Entry(lens=Decimal(places=2)), 'weight': Entry(lens=Nullable(Float())),
            'count': Entry(lens=Nullable(Integer())), 'due': Entry(lens=DATE, type='text')})

    def get_native(self) -> Any:
        return self.saved

    def save(self, native: dict[str, Any], request: Any) -> Any:
        Item.saved = native
        return Template('{price:num} {due:date}')(**native)


@pytest.fixture
def web() -> Client:
    Item.saved = {'price': decimal.Decimal('9876.5'), 'weight': 0.125, 'due': datetime.date(2026, 4, 3)}
    return Client(lambda request: getattr(Item(), f'do_{request.method}')(request))


@pytest.mark.parametrize(('tag', 'typed', 'price'), [
    ('de', '12,50', '12.50'), ('de-AT', '7.654,32', '7654.32'), ('en-US', '12,50', '12.50'),
    ('', '12,5', '12.5'),
    ('fr', '7\u202f654,32', '7654.32'), ('cs', '7 654,3', '7654.3'), ('es', '12.50', '12.50')])
def test_a_number_is_saved_as_it_was_meant(web: Client, tag: str, typed: str, price: str) -> None:
    reply = web.post('/', form={'price': typed}, headers={'Accept-Language': tag})
    assert reply.status == 200 and Item.saved['price'] == decimal.Decimal(price)


@pytest.mark.parametrize(('tag', 'form', 'sentence'), [
    ('de', {'price': '7.654'}, 'lässt sich auf zwei Arten lesen; bitte schreiben Sie 7654 oder 7,654.'),
    ('en-GB', {'price': '7,654'}, 'can be read in two ways; please write 7654 or 7.654.'),
    ('fr', {'price': ''}, 'ne peut pas être vide.'),
    ('es', {'price': '1', 'count': '7,5'}, 'no es un número entero;'),
    ('cs', {'price': '1', 'due': '30. 2. 2026'}, 'datum 30. února 2026 neexistuje;'),
    ('de', {'price': '1', 'due': 'morgen'}, 'ist kein Datum; ein Datum sieht so aus: 28.02.2026.'),
    ('nl', {'price': 'x'}, 'is not a number;')])
def test_a_refusal_is_in_the_language_of_the_browser(web: Client, tag: str, form: dict[str, str],
                                                     sentence: str) -> None:
    reply = web.post('/', form=form, headers={'Accept-Language': tag})
    assert reply.status == 422 and sentence in html.unescape(reply.text)
    assert all(f'value="{text}"' in html.unescape(reply.text) for text in form.values())


@pytest.mark.parametrize(('tag', 'price', 'weight', 'due'), [
    ('de', '9876,50', '0,125', '03.04.2026'), ('en-US', '9876.50', '0.125', '04/03/2026'),
    ('', '9876.50', '0.125', '2026-04-03'), ('cs', '9876,50', '0,125', '3.\xa04.\xa02026')])
def test_what_is_shown_is_read_back(web: Client, tag: str, price: str, weight: str, due: str) -> None:
    headers = {'Accept-Language': tag}
    page = web.get('/', headers=headers).text
    for text in (price, weight, due):
        assert f'value="{text}"' in page
    assert 'type="number"' not in page and page.count('inputmode="decimal"') == 2
    before = dict(Item.saved)
    web.post('/', form={'price': price, 'weight': weight, 'due': due}, headers=headers)
    assert {name: Item.saved[name] for name in before} == before


SCRIPT = '''
from kali import serve_http
from kali.locale import current
from kali.locale.words import say
app = lambda request: f"{current().number(9876.5)} {say('cancel')}"
serve_http(app, locale='de')
'''


def test_a_program_may_name_its_locale(serve: Callable[..., Any]) -> None:
    assert serve(SCRIPT).get('/', {'Accept-Language': 'fr'}).text == '9.876,5 Abbrechen'


def test_a_program_may_not_name_any_locale() -> None:
    from kali import serve_http

    with pytest.raises(ValueError, match="locale 'klingon'"):
        serve_http(lambda request: '', locale='klingon')
