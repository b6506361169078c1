"""Locales: numbers, dates and money as people write them, and kali's own words in five languages."""

from __future__ import annotations

import datetime
import decimal
import re
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kali import Response, Template
from kali.convert import Unreadable
from kali.locale import ENGLISH, Locale, current
from kali.locale.words import LANGUAGES, MESSAGES, say
from kali.testing import Client

TAGS = ('en', 'en-US', 'de', 'de-CH', 'fr', 'es', 'cs', 'pt-BR')


def read(tag: str, text: str) -> Any:
    """What is read, or the two readings, or None."""
    try:
        return Locale.named(tag).read(text)
    except Unreadable as error:
        return (error.values['one'], error.values['other']) if error.key == 'two readings' else None


@pytest.mark.parametrize(
    ('tag', 'text', 'meant'),
    [
        *[
            (tag, text, meant)
            for tag in TAGS
            for text, meant in [
                ('12,50', '12.50'),
                ('12.50', '12.50'),
                ('-0,5', '-0.5'),
                (',5', '.5'),
                ('0,125', '0.125'),
                ('0.125', '0.125'),
                ('9876.543', '9876.543'),
                ('9876,543', '9876.543'),
                ('7.654.321', '7654321'),
                ('7,654,321', '7654321'),
                ('7.654,32', '7654.32'),
                ('7,654.32', '7654.32'),
                ("7'654.32", '7654.32'),
                ('7’654,32', '7654.32'),
                ('7 654,32', '7654.32'),
                ('7\xa0654', '7654'),
                ('7\u202f654\u202f321', '7654321'),
                ('\u22127,5', '-7.5'),
                ('12', '12'),
                ('1,2,3', None),
                ('1..2', None),
                ('12 34', None),
                ('1.23,456', None),
                ('12.34.567', None),
            ]
        ],
        ('en', '7.654', '7.654'),
        ('en', '7,654', ('7654', '7.654')),
        ('de', '7,654', '7.654'),
        ('de', '7.654', ('7654', '7,654')),
        ('de', '-321.000', ('-321000', '-321,000')),
        ('fr', '7.654', ('7654', '7,654')),
        ('cs', '7.654', ('7654', '7,654')),
        ('de-CH', '7,654', ('7654', '7.654')),
    ],
)
def test_a_number_as_it_was_typed(tag: str, text: str, meant: Any) -> None:
    assert read(tag, text) == meant


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3), st.sampled_from(TAGS))
def test_a_number_shown_with_marks_is_read_back_or_has_two_readings(value: decimal.Decimal, tag: str) -> None:
    back = read(tag, Locale.named(tag).number(value))
    assert decimal.Decimal(back) == value


@pytest.mark.parametrize(
    ('tag', 'text', 'meant'),
    [
        ('en', '7,654', '7654'),
        ('en', '7 654', '7654'), ('en', '7.654', None),
        ('de', '7.654', '7654'),
        ('de', '7,654', None),
        ('fr', '7\u202f654', '7654'),
        ('de', '7 654 321', '7654321'),
        ('cs', "7'654", '7654'),
        ('de', '7,5', None),
        ('en', '0,123', None),
        ('en', '76 54', None),
        ('de', '-7.654.321', '-7654321'),
        ('en', 'x', None),
    ],
)
def test_a_whole_number_as_it_was_typed(tag: str, text: str, meant: str | None) -> None:
    try:
        assert Locale.named(tag).read_whole(text) == meant
    except Unreadable as error:
        assert meant is None and error.key == 'integer'


@pytest.mark.parametrize(
    ('tag', 'number', 'money', 'day'),
    [
        ('en', '9,876.5', '9,876.50', '2026-03-07'),
        ('en-US', '9,876.5', '$9,876.50', '03/07/2026'),
        ('en-GB', '9,876.5', '£9,876.50', '07/03/2026'),
        ('de', '9.876,5', '9.876,50\xa0€', '07.03.2026'),
        ('de-AT', '9.876,5', '9.876,50\xa0€', '07.03.2026'),
        ('de-CH', '9’876.5', 'CHF\xa09’876.50', '07.03.2026'),
        ('fr', '9\u202f876,5', '9\u202f876,50\xa0€', '07/03/2026'),
        ('es', '9.876,5', '9.876,50\xa0€', '07/03/2026'),
        ('cs', '9\xa0876,5', '9\xa0876,50\xa0Kč', '7.\xa03.\xa02026'),
    ],
)
def test_shown_and_in_a_page(tag: str, number: str, money: str, day: str) -> None:
    page = Template(
        '{n:num}|{n:money}|{d:date}|<i title="{d:date}"></i>|<input value="{d:date}">|<input value="{n:num}">'
    )
    reply = Client(lambda request: page(n=9876.5, d=datetime.date(2026, 3, 7))).get(
        '/', headers={'Accept-Language': f'{tag},xx;q=0.5'}
    )
    assert reply.text == (
        f'{number}|{money}|{day}|<i title="{day}"></i>|<input value="2026-03-07">|<input value="9,876.5">'
    )


def test_a_later_step_of_an_answer_has_the_locale_of_its_request() -> None:
    def pieces() -> Any:
        yield current().language
        yield say('blank')

    client = Client(lambda request: Response.stream(pieces()))
    assert client.get('/', headers={'Accept-Language': 'de'}).text == 'dedarf nicht leer sein.'
    assert client.get('/').text == 'enmay not be blank.' and current() is ENGLISH


@pytest.mark.parametrize(
    ('header', 'language'),
    [
        ('de-DE,de;q=0.9', 'de'),
        ('FR', 'fr'),
        ('*', 'en'),
        ('', 'en'),
        ('tlh', 'en'),
        ('cs;q=1', 'cs'),
        ('de_CH', 'de'),
        (',;=', 'en'),
        ('x' * 5000, 'en'),
        ('nl,de', 'nl'),
    ],
)
def test_the_first_language_of_the_browser(header: str, language: str) -> None:
    client = Client(lambda request: current().language)
    assert client.get('/', headers={'Accept-Language': header}).text == language


def test_a_language_that_kali_does_not_know() -> None:
    with pytest.raises(ValueError, match="locale 'klingon': known are en, de, fr"):
        Locale.named('klingon')


PLACEHOLDER = re.compile(r'(?<!\{)\{(\w+)\}')


@pytest.mark.parametrize('language', LANGUAGES)
def test_each_language_has_every_key_with_the_same_placeholders(language: str) -> None:
    english = import_module('kali.locale.en').WORDS
    words = import_module(f'kali.locale.{language}').WORDS
    assert list(words) == list(english)
    for key, sentence in words.items():
        assert sorted(PLACEHOLDER.findall(sentence)) == sorted(PLACEHOLDER.findall(english[key])), key
        assert sentence.format(**dict.fromkeys(PLACEHOLDER.findall(sentence), 'x')), key
        assert language == 'en' or key in ('day', 'no', 'ctrl') or sentence != english[key], key
    assert len(words['months'].split()) == 12


def test_what_a_program_says_itself_holds_in_every_language(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(lambda request: say('cancel'))
    assert client.get('/', headers={'Accept-Language': 'es'}).text == 'Cancelar'
    monkeypatch.setitem(MESSAGES, 'cancel', 'Never mind')
    assert client.get('/', headers={'Accept-Language': 'es'}).text == 'Never mind'
