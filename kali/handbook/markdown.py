"""Markdown to HTML: the subset that the handbook is written in.

Headings, paragraphs, lists, tables, quotes, fenced code, `code`, **bold**, *emphasis*, links and pictures;
all else is text. It is read here, and not by a library, because the handbook opens wherever kali runs: from
a zip file, without a network, without anything installed. What stands behind the language of a block is the
name of its file (`python hello.py`), `live` (shown as it looks, and below as it is written), or `shown` (code
that the tests do not run).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from kali.markup import Markup, escape, escape_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ['Heading', 'headings', 'inline', 'plain', 'render', 'slug']

_FENCE = re.compile(r'```(.*)')
_HEADING = re.compile(r'(#{1,4}) (.*)')
_ITEM = re.compile(r'(?:[-*]|\d+\.) +')
_RULE = re.compile(r':?-+:?')
_CELLS = re.compile(r'(?<!\\)\|')
_INLINE = re.compile(r'(?P<code>(?P<ticks>`+)(?P<literal>.+?)(?P=ticks))'
                     r'|(?P<picture>!?)\[(?P<label>(?:`[^`]*`|[^\]])*)\]\((?P<url>[^)\s]+)\)'
                     r'|\*\*(?P<strong>(?:`[^`]*`|[^`*])+)\*\*|(?<!\w)\*(?P<em>[^\s*](?:[^*]*[^\s*])?)\*(?!\w)'
                     r'|\\(?P<escaped>[\\`*_{}\[\]()#+.!|<>-])', re.DOTALL)


class Heading(NamedTuple):
    """A heading, and what stands below it up to the next."""

    level: int
    text: str
    anchor: str
    lines: list[str]


def slug(text: str) -> str:
    """The anchor of a heading, as GitHub makes it.

    >>> slug('What `migrate` does, and when')
    'what-migrate-does-and-when'
    """
    return re.sub(r'[^\w\- ]', '', plain(text).strip().lower()).replace(' ', '-')


def plain(text: str) -> str:
    """The text without its marks.

    >>> plain('See **the** [`forms`](forms.md) page')
    'See the forms page'
    """
    def replaced(found: re.Match[str]) -> str:
        marked = found['label'] or found['strong'] or found['em'] or ''
        return found['literal'] or plain(marked) or found['escaped'] or ''
    return _INLINE.sub(replaced, text)


def headings(text: str) -> list[Heading]:
    """All headings of a page in their order; what stands before the first is below a heading of level 0."""
    found = [Heading(0, '', '', [])]
    taken: dict[str, int] = {}
    fenced = False
    for line in text.splitlines():
        fenced ^= line.startswith('```')
        match = None if fenced else _HEADING.fullmatch(line)
        if match:
            anchor = slug(match[2])
            count = taken[anchor] = taken.get(anchor, -1) + 1
            found.append(Heading(len(match[1]), match[2], f'{anchor}-{count}' if count else anchor, []))
        else:
            found[-1].lines.append(line)
    return found


def render(text: str, link: Callable[[str], str] = str) -> Markup:
    """A page as HTML.

    :param link: from the address of a link or picture in the text to that in the HTML

    >>> print(render('# Title\\n\\nSome *text* with `<code>`.\\n\\n- one\\n- two'))
    <h1 id="title">Title</h1>
    <p>Some <em>text</em> with <code>&lt;code&gt;</code>.</p>
    <ul><li>one</li>
    <li>two</li></ul>
    """
    parts = []
    for each in headings(text):
        if each.level:
            tag = f'h{each.level}'
            parts.append(f'<{tag} id="{escape(each.anchor)}">{inline(each.text, link)}</{tag}>')
        parts += _blocks(each.lines, link)
    return Markup('\n'.join(parts))


def _blocks(lines: list[str], link: Callable[[str], str]) -> Iterator[str]:
    at = 0
    while at < len(lines):
        line, start = lines[at], at
        at += 1
        fence = _FENCE.fullmatch(line)
        if fence:
            while at < len(lines) and lines[at] != '```':
                at += 1
            yield _code(fence[1], '\n'.join(lines[start + 1:at]))
            at += 1
        elif not line.strip():
            continue
        else:
            kind = _kind(line)
            while at < len(lines) and lines[at].strip() and _kind(lines[at]) in (kind, 'p') and not (
                    kind in ('table', 'quote') and _kind(lines[at]) == 'p'):
                at += 1
            yield _BLOCKS[kind](lines[start:at], link)


def _kind(line: str) -> str:
    if line.startswith('```'):
        return 'code'
    if line.startswith('|'):
        return 'table'
    if line.startswith('>'):
        return 'quote'
    return ('ol' if line[0].isdigit() else 'ul') if _ITEM.match(line) else 'p'


def _code(info: str, text: str) -> str:
    name = info.partition(' ')[2]
    shown = f'<pre tabindex="0"><code>{escape_text(text)}</code></pre>'
    if name == 'live':
        return f'<div class="live">{text}</div>\n{shown}'
    return f'<p><code>{escape_text(name)}</code>:</p>\n{shown}' if '.' in name else shown


def _paragraph(lines: list[str], link: Callable[[str], str]) -> str:
    return f'<p>{inline(chr(10).join(lines), link)}</p>'


def _quote(lines: list[str], link: Callable[[str], str]) -> str:
    inner = _blocks([line[1:].removeprefix(' ') for line in lines], link)
    return f'<blockquote>{"".join(inner)}</blockquote>'


def _list(lines: list[str], link: Callable[[str], str]) -> str:
    kind, items = _kind(lines[0]), []
    for line in lines:
        if _ITEM.match(line):
            items.append(_ITEM.sub('', line, count=1))
        else:
            items[-1] += '\n' + line.strip()
    inner = '\n'.join(f'<li>{inline(item, link)}</li>' for item in items)
    return f'<{kind}>{inner}</{kind}>'


def _table(lines: list[str], link: Callable[[str], str]) -> str:
    rows = [[cell.strip().replace('\\|', '|') for cell in _CELLS.split(line.strip()[1:-1])] for line in lines]
    head, rule, *body = rows
    if not all(_RULE.fullmatch(cell) for cell in rule):
        raise ValueError(f'a table has a row of dashes below its head: {lines[0]}')
    ties = [' class="number"' if cell.endswith(':') else '' for cell in rule]

    def row(tag: str, cells: list[str]) -> str:
        return ''.join(f'<{tag}{tie}>{inline(cell, link)}</{tag}>'
                       for cell, tie in zip(cells, ties, strict=True))
    inner = '\n'.join(f'<tr>{row("td", cells)}</tr>' for cells in body)
    return f'<table><thead><tr>{row("th", head)}</tr></thead>\n<tbody>{inner}</tbody></table>'


_BLOCKS = {'p': _paragraph, 'quote': _quote, 'ul': _list, 'ol': _list, 'table': _table}


def inline(text: str, link: Callable[[str], str] = str) -> str:
    """A line of text as HTML.

    >>> inline('R&D: **see** [a `b`](c.md)'), inline('![A bike](bike.png)')
    ('R&amp;D: <strong>see</strong> <a href="c.md">a <code>b</code></a>', '<img src="bike.png" alt="A bike">')
    """
    parts, at = [], 0
    for found in _INLINE.finditer(text):
        parts.append(escape_text(text[at:found.start()]))
        at = found.end()
        if found['code']:
            parts.append(f'<code>{escape_text(found["literal"].strip())}</code>')
        elif found['url']:
            url = escape(link(found['url']))
            parts.append(f'<img src="{url}" alt="{escape(found["label"])}">' if found['picture']
                         else f'<a href="{url}">{inline(found["label"], link)}</a>')
        elif found['strong']:
            parts.append(f'<strong>{inline(found["strong"], link)}</strong>')
        elif found['em']:
            parts.append(f'<em>{inline(found["em"], link)}</em>')
        else:
            parts.append(escape_text(found['escaped']))
    parts.append(escape_text(text[at:]))
    return ''.join(parts)
