"""Markup and escaping."""

import html

import jinja2
import markupsafe
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kali.markup import Markup, escape, escape_text


class Html:
    def __html__(self):
        return '<hr>'


@given(st.text(st.sampled_from('<>&"\'a é;#')))
def test_escape_text_is_html_escape(text):
    assert escape_text(text) == html.escape(text)
    assert html.unescape(escape_text(text)) == text


ESCAPES = [
    ('<', '&lt;'), (None, ''), (7, '7'), (1.5, '1.5'), (Markup('<b>'), '<b>'), (Html(), '<hr>'),
    (markupsafe.Markup('<i>'), '<i>'), (['<'], '[&#x27;&lt;&#x27;]'),
]


@pytest.mark.parametrize(('value', 'result'), ESCAPES)
def test_escape(value, result):
    made = escape(value)
    assert made == result
    assert type(made) is Markup


def test_markup_joins_with_text_by_escaping_it():
    b = Markup('<b>')
    assert b + '<' == Markup('<b>&lt;') and type(b + '<') is Markup
    assert '<' + b == Markup('&lt;<b>') and type('<' + b) is Markup
    assert b + b == '<b><b>'
    assert b.join(['<', b, 1, None]) == '&lt;<b><b><b>1<b>'
    assert type(b.join([])) is Markup
    assert repr(b) == "Markup('<b>')"
    assert b == '<b>' and hash(b) == hash('<b>') and isinstance(b, str)
    with pytest.raises(TypeError):
        b + 7
    with pytest.raises(TypeError):
        7 + b


def test_markup_works_with_others():
    assert markupsafe.escape(Markup('<b>')) == '<b>'
    assert escape(markupsafe.escape('<')) == '&lt;'
    assert jinja2.Environment(autoescape=True).from_string('{{ x }}').render(x=Markup('<b>')) == '<b>'
