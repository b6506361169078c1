"""html(t'…'): on Python 3.14 the whole of it, on older ones the words that say what is missing.

The t-strings are text here, since an older Python could not even read this file otherwise.
"""

from __future__ import annotations

import sys
from datetime import date, datetime
from typing import Any

import pytest

import kali
from kali import Markup, Template, TemplateError, html
from tests.windows import cpu_time

NEW = sys.version_info >= (3, 14)
new = pytest.mark.skipif(not NEW, reason='t-strings came with Python 3.14')


def made(expression: str, **names: Any) -> Markup:
    """What `html(t…)` gives, with the t-string written as an expression."""
    result = html(eval(expression, {'Markup': Markup, 'html': html, **names}))
    assert type(result) is Markup
    return result


@pytest.mark.skipif(NEW, reason='this Python has t-strings')
def test_an_older_python_says_what_is_missing() -> None:
    with pytest.raises(TypeError, match=r'with Python 3\.14; this is Python 3.+ kali\.Template works'):
        html('<p>')  # type: ignore[arg-type]
    assert 'html' in kali.__all__


GOOD: list[tuple[str, dict[str, Any], str]] = [
    ("t'<b>{x}</b>'", {'x': 'R&D'}, '<b>R&amp;D</b>'), ("t''", {}, ''), ("t'<hr>'", {}, '<hr>'),
    ("t'{x}{y}{x}'", {'x': 1, 'y': '<'}, '1&lt;1'),
    ("t'<p title=\"{x}\">'", {'x': '"'}, '<p title="&quot;">'),
    ("t'{x}'", {'x': Markup('<i>')}, '<i>'), ("t'{x} {y} {z}'", {'x': None, 'y': False, 'z': True}, '  True'),
    ("t'{x + 1} {y[0].upper()}'", {'x': 1, 'y': ['a']}, '2 A'), ("t'{{x}} {{% y %}}'", {}, '{x} {% y %}'),
    ("t'<?if x?>'.__class__('<b>')", {}, '<b>'),
    ("t'{x:date} {x:time}'", {'x': datetime(2026, 2, 3, 9, 30)}, '2026-02-03 09:30'),
    ("t'{x:cents} {x:num:upper}'", {'x': 1234.5}, '1,234.50 1,234.5'),
    ("t'{x!r} {x!s:upper} {x!a}'", {'x': 'é<'},
     '&#x27;é&lt;&#x27; É&lt; &#x27;\\xe9&lt;&#x27;'),
    ("t'<a href=\"{x}\">'", {'x': 'javascript:alert(1)'}, '<a href="about:invalid#kali">'),
    ("t'<a href=\"/q?a={x}\">'", {'x': 'a&b'}, '<a href="/q?a=a%26b">'),
    ("t'<a href=\"{x}\">'", {'x': False}, '<a href="">'),
    ("t'<script>f({x}, \"{y}\")</script>'", {'x': {'a': [True, None, '</script>']}, 'y': '"'},
     '<script>f({"a": [true, null, "\\u003c/script\\u003e"]}, "\\u0022")</script>'),
    ("t'<script>f({x}, {y})</script>'", {'x': False, 'y': [False]}, '<script>f(false, [false])</script>'),
    ("t'<style>a {{ color: {x} }}</style>'", {'x': 'red;}'}, '<style>a { color: kali-invalid }</style>'),
    ("t'<!-- {x} -->'", {'x': '-->'}, '<!--  -->'),
    ("t'<textarea>{x}</textarea>'", {'x': '\n<'}, '<textarea>\n\n&lt;</textarea>'),
    ("t'<ul>{(t\"<li>{n}</li>\" for n in x)}</ul>'", {'x': ['a', '<']}, '<ul><li>a</li><li>&lt;</li></ul>'),
    ("t'{[x, [t\"<i>{x}</i>\", None, False, (0,)], \"<\"]}'", {'x': '&'}, '&amp;<i>&amp;</i>0&lt;'),
    ("t'{t\"<b>{t\"{x}\"}</b>\"}'", {'x': '<'}, '<b>&lt;</b>'),
    ("t'{html(t\"<b>{x}\")}'", {'x': '<'}, '<b>&lt;'),
    ("t'{x and t\"<b>{x}</b>\"}'", {'x': False}, ''),
    ("t'<p class=\"{[\"a \", x and \"b\"]}\">'", {'x': False}, '<p class="a ">'),
    ("t'<b>' + t'{x}</b>'", {'x': '<'}, '<b>&lt;</b>'), ("t'{x}'", {'x': {'a<': '<'}}, 'a&lt;: &lt;\r\n'),
    ("t'<p>{page(title=\"<\")}'", {'page': Template('<h1>{title}</h1>')}, '<p><h1>&lt;</h1>'),
]


@new
@pytest.mark.parametrize('expression, names, result', GOOD, ids=[each[0] for each in GOOD])
def test_what_a_t_string_gives(expression: str, names: dict[str, Any], result: str) -> None:
    assert made(expression, **names) == result
    assert made(expression, **names) == result  # from the kept program


BAD: list[tuple[str, str]] = [
    ("t'<p title={x}>'", '{x}: an attribute\'s value with a placeholder needs quotes: write title="{x}"'),
    ("t'<p {x}>'", 'among the attributes of a tag'), ("t'<{x}>'", 'write &lt; for a less-than sign'),
    ("t'<p>{x}<p class=a{x * 2}>'", '{x * 2}: an attribute'),
    ("t'<p title=\"a{x}'", 'ends in the value of title'),
    ("t'{x:dat}'", "there is no filter 'dat' (did you mean date"), ("t'{x:.2f}'", "there is no filter '.2f'"),
    ("t'<script>{x}'", 'ends in <script>'), ("t'<img srcset=\"{x}\">'", 'srcset'),
    ("t'<b>{t\"<p title={x}>\"}'", 'needs quotes'),
]


@new
@pytest.mark.parametrize('expression, says', BAD)
def test_a_mistake_is_told_with_its_place(expression: str, says: str) -> None:
    for _ in range(2):  # it is not kept
        with pytest.raises(TemplateError) as caught:
            made(expression, x='a')
        assert says in str(caught.value)
        assert caught.value.filename.startswith("<html(t'…') at ")


@new
@pytest.mark.parametrize('value, says', [
    ('<b>', 'not str: an f-string or other text'), (Markup('<b>'), 'not Markup'),
    (Template('<b>'), 'not Template: call it'),
    (None, 'not NoneType'), (7, 'not int')])
def test_what_is_no_t_string_is_refused_with_the_reason(value: Any, says: str) -> None:
    with pytest.raises(TypeError, match=says):
        html(value)


@new
def test_the_error_of_a_value_points_at_the_t_string() -> None:
    with pytest.raises(TypeError, match='which is no content') as caught:
        made("t'<p>\\n{x}'", x=object())
    assert ('template', 1) in [(entry.name, entry.lineno) for entry in caught.traceback]  # counted from 0
    with pytest.raises(ValueError, match='has no date'):
        made("t'{x:date}'", x='soon')


@new
def test_programs_are_kept_by_their_literal_parts_and_not_without_end() -> None:
    from kali.templates import tstrings

    made("t'<u>{x}</u>'", x=1)
    kept = len(tstrings._programs)
    made("t'<u>{y + 1}</u>'", y=1)
    assert len(tstrings._programs) == kept
    for number in range(1100):
        made(f"t'<b id=\"a{number}\">{{x}}</b>'", x=number)
    assert len(tstrings._programs) <= tstrings.KEPT
    assert made("t'{x}{y:date}'", x='<', y=date(2026, 1, 2)) == '&lt;2026-01-02'
    assert made("t'{x}{y}'", x='<', y=date(2026, 1, 2)) == '&lt;2026-01-02'
    assert made("t'{x}{y:upper}'", x='<', y='a') == '&lt;A'


@new
def test_a_kept_program_is_fast() -> None:
    render = eval("lambda x: html(t'<tr><td>{x}</td><td title=\"{x}\">{x}</td></tr>')", {'html': html})
    render('a')
    begun = cpu_time()
    for _ in range(10_000):
        render('a')
    assert cpu_time() - begun < 1


@new
def test_a_t_string_that_is_answered_without_html_says_what_to_write() -> None:
    from kali.iolist import flatten

    with pytest.raises(TypeError, match=r"html\(t'…'\) makes markup of a t-string"):
        flatten(eval("t'<p>{x}</p>'", {'x': 1}))
