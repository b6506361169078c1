"""Placeholders of other template languages: the log and `check` tell; code with braces is left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kali.templates import Template, TemplateFolder
from kali.templates.folder import check

if TYPE_CHECKING:
    from pathlib import Path

FOREIGN = [
    ('{total:.2f}', 'name of a filter'), ('{total:,}', 'name of a filter'), ('{n:>5}', 'name of a filter'),
    ('{d:%d.%m.%Y}', 'name of a filter'), ('{a.b:,.2f}', 'name of a filter'),
    ('{.x:.1f}', 'name of a filter'),
    ('{{ x }}', 'one brace'), ('{{x }}', 'one brace'), ('{{ a.b|upper }}', 'one brace'),
    ('{{ f(x) }}', 'one brace'),
    ('{{ x[0] }}', 'one brace'),
    ('{{total:.2f}}', 'one brace'), ('{a + 1}', 'no expressions'),
    ('{a+1}', 'no expressions'), ('{a[0]}', 'no expressions'),
    ("{a['key']}", 'no expressions'), ('{f(x)}', 'no expressions'), ('{a.b()}', 'no expressions'),
    ('{a or b}', 'no expressions'), ('{a if b else c}', 'no expressions'), ('{x|upper}', 'no expressions'),
    ('{x | upper}', 'no expressions'), ('{first-name}', 'no expressions'), ('{x=}', 'no expressions'),
    ('{a == b}', 'no expressions'), ('{n % 2}', 'no expressions'),
    ('{x!r}', 'no conversions'), ('{x!s:>5}', 'no conversions'), ('{x }', 'no blanks'),
    ('{% if x %}', '<?if name?>'), ('{%- for a in b -%}', '<?if name?>'), ('{% block body %}', '<?if name?>'),
    ('{# a comment #}', '<!-- … -->'), ('{#\n two lines\n#}', '<!-- … -->'),
]
PLACES = ['<p>\n%s</p>', '<a title="{y}" href="\n/%s">', '<!doctype html><title>\n%s</title>', '\n%s',
          '{{y}}\n%s', '<style>a{}</style><script>f({})</script>\n%s', '<input value="\n%s" aria-label="x">']

SOUND = [
    '<style>a{color: red} a{margin:0 auto} @media print{b{top:calc(1px + 2px)}} .x{{ }}</style>',
    '<style>:root{--gap:.5rem;--x:calc(var(--gap)*2)}a[href]{color:rgb(0 0 0/50%)}</style>',
    '<script>if (a) {b[0] = 1} for (const x of {a:[1]}.a) {f(x) } const {p, q=1} = {p:.5};</script>',
    '<script>let t = `${b[0]} ${c + 1}`; class A{#x=1; #y(){return this.#x}} a={b:.2};</script>',
    '<p style="{ color: red }">', '<div x-data="{open: false, items:[1]}" :class="{active:a+1}">',
    '<div x-data="{a:.5}" v-bind:style="{x:f(y)}" hx-vals=\'{"a": 1}\' data-class="{on:$a}">',
    '<button onclick="if (a) {b[0] = 1}" @click="{a(1)}">', '<input pattern="[0-9]{2,3}" title="{2,3}">',
    '{ x + 1 } { total:.2f } { { x }}', '{{x}} {{.x}} {{a.b:upper}} {{x:num}}',
    '<p>{see below} {1, 2} {a, b} {}',
    '{x} {.x} {x.y.0:num} <?if x?>{y:upper}<?end?>', '<!-- {x + 1} {{ y }} -->',
    '<svg><style>.a{fill:url(#b)}</style></svg><a href="/x{?page}">', '<textarea>{ "a": [1] }</textarea>',
    '<script type="application/json">{"a": {"b": [1]}}</script>',
]


@pytest.mark.parametrize('text, meant', FOREIGN)
@pytest.mark.parametrize('place', PLACES)
def test_what_looks_foreign_is_told_with_its_place(text: str, meant: str, place: str,
                                                   caplog: pytest.LogCaptureFixture) -> None:
    whole = place % text
    name = f'{FOREIGN.index((text, meant))}-{PLACES.index(place)}'
    made = Template(whole, filename=name)
    assert len(made.program.remarks) == 1, made.program.remarks
    remark = made.program.remarks[0]
    column = len(whole.partition(text)[0].rpartition('\n')[2]) + 1
    assert remark.startswith(f'{name}:2:{column}: {text.splitlines()[0]} is printed as it stands: ')
    assert meant in remark
    assert text in made(x=1, y=1)  # as before
    Template(whole, filename=name)
    assert [record.getMessage() for record in caplog.records] == [remark]  # once


@pytest.mark.parametrize('text', SOUND)
def test_braces_of_css_and_javascript_are_left_alone(text: str, caplog: pytest.LogCaptureFixture) -> None:
    assert Template(text).program.remarks == []
    assert not caplog.records


@pytest.mark.parametrize('text', ['<script>{% if x %}</script>', '<style>{% if x %}</style>'])
def test_a_block_of_another_language_is_none_in_a_script_either(text: str) -> None:
    assert len(Template(text).program.remarks) == 1


def test_check_and_a_folder_tell_it_with_the_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / 'base.tpl').write_text('<h1>{title}</h1>\n{body}{% if x %}')
    (tmp_path / 'page.tpl').write_text('<extend>base<?title?>A<?body?>\n\n<b>{total:.2f}</b>')
    (tmp_path / 'rows.tpl').write_text('<loop><?begin?>{n + 1}')
    found = [line.removeprefix(str(tmp_path)).replace('\\', '/') for line in check(tmp_path)]
    assert [line.partition(' is printed')[0] for line in found] == [
        '/base.tpl:2:7: {% if x %}', '/page.tpl:3:4: {total:.2f}', '/rows.tpl:1:16: {n + 1}']
    TemplateFolder(tmp_path)('page')
    assert len(caplog.records) == 3


def test_a_long_script_is_read_once() -> None:
    text = '<script>' + 'if (a) {b[0] = 1}\n' * 20_000 + '</script>{x + 1}'
    assert len(Template(text).program.remarks) == 1
