"""Markup and escaping."""

import html
from collections import defaultdict
from datetime import date
from decimal import Decimal
from types import SimpleNamespace

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


NASTY = '<script>"&\''
# Each is done with kali's Markup and with MarkupSafe's, for the same text.
FILLED = {
    'format': lambda M: M('<b>{}</b>').format(NASTY),
    'format markup': lambda M: M('<b>{}{}</b>').format(M('<i>'), M('<hr>')),
    'format by number and name': lambda M: M('{1}{name}{0}').format('<', '>', name='&'),
    'format specs': lambda M: M('{:>5}|{:.2f}|{:,}|{:%d.%m.%Y}|{:x}').format(
        '<', 1.005, 12345, date(2026, 2, 3), 255),
    'nested spec': lambda M: M('{:>{}}|').format('<', 9),
    'fill that is special': lambda M: M('{:<<5}').format('a'),
    'repr': lambda M: M('{!r} {!s} {!a}').format(NASTY, '<é', '<é'),
    'attribute and item': lambda M: M('{0.a} {1[k]} {1[k][0]} {2[0].a}').format(
        SimpleNamespace(a='<'), {'k': '<>'}, [SimpleNamespace(a=M('<u>'))]),
    'attributes named like ours': lambda M: M('{0.value}{0.__value}').format(
        SimpleNamespace(value='<', __value='>')),
    'None and others': lambda M: M('{} {} {}').format(None, Decimal('1.50'), ['<']),
    'literal braces': lambda M: M('{{<i>}}{}').format('<'),
    'format_map': lambda M: M('<i>{a}</i>{b:>3}').format_map({'a': NASTY, 'b': '<'}),
    'format_map, missing': lambda M: M('{a}{b}').format_map(defaultdict(lambda: '<', a=M('<b>'))),
    '%s': lambda M: M('<b>%s</b>') % NASTY,
    '% markup': lambda M: M('<b>%s</b>') % M('<i>'),
    '% tuple': lambda M: M('%s %r %d %5.1f %05d %%') % ('<', NASTY, 3.7, 2.25, 42),
    '% dict': lambda M: M('%(a)s %(n)03d %(m)s') % {'a': '<', 'n': 7, 'm': M('<hr>')},
    '% list': lambda M: M('%s') % ['<'],
    '% number': lambda M: M('%s') % 7,
    '% html': lambda M: M('%s') % Html(),
    '%-5s': lambda M: M('%-5s|') % 'a',
    'add': lambda M: '<' + (M('<b>') + '>' + M('<i>')) + '&',
    'add html': lambda M: M('<b>') + Html(),
    'join': lambda M: M('<br>').join(['<', M('<i>'), 7]),
    'times': lambda M: M('<br>') * 3 + 2 * M('<hr>'),
}


@pytest.mark.parametrize('do', FILLED.values(), ids=FILLED)
def test_what_is_filled_in_is_escaped_as_markupsafe_does(do):
    mine, theirs = do(Markup), do(markupsafe.Markup)
    assert type(mine) is Markup
    assert mine == str(theirs).replace('&#34;', '&quot;').replace('&#39;', '&#x27;')


@pytest.mark.parametrize('do', [
    lambda M: M('{:>5}').format(M('<b>')), lambda M: M('%d') % 'x', lambda M: M('%s %s') % 'one',
    lambda M: M('{}').format(), lambda M: M('{a}').format(b=1), lambda M: M('%s') % (1, 2),
    lambda M: M('{0.nothing}').format(1), lambda M: M('{:d}').format('x'), lambda M: M('<b>') + 7,
])
def test_what_markupsafe_refuses_is_refused_with_the_same_kind_of_error(do):
    with pytest.raises(Exception) as theirs:
        do(markupsafe.Markup)
    with pytest.raises(theirs.type):
        do(Markup)


@given(st.text(), st.text())
def test_no_text_that_is_filled_in_makes_a_tag(text, other):
    for made in (Markup('{}{a}').format(text, a=other), Markup('%s%s') % (text, other),
                 Markup('%(a)s%(b)s') % {'a': text, 'b': other}, Markup('{!r}').format([text]),
                 Markup('').join([text, other]), text + Markup('') + other):
        assert not set(made) & set('<>"\'')
