"""The Markdown of the handbook: each construct, and text that must not become markup."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kali.handbook.markdown import headings, plain, render, slug

CASES = [
    ('one\ntwo\n\nthree', '<p>one\ntwo</p>\n<p>three</p>'),
    ('- a\n  more\n- b', '<ul><li>a\nmore</li>\n<li>b</li></ul>'),
    ('1. a\n2. b', '<ol><li>a</li>\n<li>b</li></ol>'),
    ('text:\n- a', '<p>text:</p>\n<ul><li>a</li></ul>'),
    ('> a\n> b\n\nc', '<blockquote><p>a\nb</p></blockquote>\n<p>c</p>'),
    ('| a | b |\n|---|---:|\n| `x\\|y` | 2 |',
     '<table><thead><tr><th>a</th><th class="number">b</th></tr></thead>\n'
     '<tbody><tr><td><code>x|y</code></td><td class="number">2</td></tr></tbody></table>'),
    ('```html\n<b> & **x**\n\n# no\n```',
     '<pre tabindex="0"><code>&lt;b&gt; &amp; **x**\n\n# no</code></pre>'),
    ('```html live\n<b>x</b>\n```', '<div class="live"><b>x</b></div>\n'
                                 '<pre tabindex="0"><code>&lt;b&gt;x&lt;/b&gt;</code></pre>'),
    ('```python a.py\n1\n```', '<p><code>a.py</code>:</p>\n<pre tabindex="0"><code>1</code></pre>'),
    ('a `*b*` **c `d`** *e*', '<p>a <code>*b*</code> <strong>c <code>d</code></strong> <em>e</em></p>'),
    ('2 * 3 * 4 and a_b_c', '<p>2 * 3 * 4 and a_b_c</p>'),
    ('[`a]`](b.md#c) ![p](q.png)', '<p><a href="B"><code>a]</code></a> <img src="q.png" alt="p"></p>'),
    ('<script>&amp;</script>', '<p>&lt;script&gt;&amp;amp;&lt;/script&gt;</p>'),
    ('\\*a\\* `` `x` ``', '<p>*a* <code>`x`</code></p>'),
    ('## A `b`, c\n\n## A b c', '<h2 id="a-b-c">A <code>b</code>, c</h2>\n<h2 id="a-b-c-1">A b c</h2>'),
]


@pytest.mark.parametrize(('text', 'html'), CASES)
def test_each_construct(text: str, html: str) -> None:
    assert render(text, {'b.md#c': 'B', 'q.png': 'q.png'}.__getitem__) == html


def test_a_table_without_dashes_is_refused() -> None:
    with pytest.raises(ValueError, match='row of dashes below its head'):
        render('| a |\n| b |')


@given(st.text(alphabet='ab <>&"\'`*[]()#>-\n!\\1.'))
def test_no_text_becomes_a_tag_of_its_own(text: str) -> None:
    html = render(text)
    known = '(p|ul|ol|li|blockquote|pre|code|strong|em|a|img|h[1-4])'
    assert not re.search(f'<(?!/?{known}[ >])', html)


def test_headings_and_anchors_are_those_of_a_code_host() -> None:
    found = headings('before\n# One\n```\n# no\n```\n## Two: `x_y` & z!')
    assert [(each.level, each.anchor) for each in found] == [(0, ''), (1, 'one'), (2, 'two-x_y--z')]
    assert slug('A & B') == 'a--b'
    assert plain('a **b** [c](d) `e`') == 'a b c e'
