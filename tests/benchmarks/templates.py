"""Benchmark: templates; time over f-strings with html.escape, written by hand.

Every contender makes the same text (blanks and the spelling of entities aside) and gives it as
UTF-8. Run it with `python tests/benchmarks/templates.py`; Jinja2, Mako, Bottle, Chameleon, Tornado, Django
and htpy take part if they are installed. The goals: bigtable at most 1.0, page 1.15, small 1.4; a template of
100 lines compiled in 3 ms (three fifths of Jinja2's time, four fifths of Tornado's); a page of 10 MB within
25 MB.
"""

from __future__ import annotations

import html
import sys
import tracemalloc
from html import escape
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from kali.templates import Template

if TYPE_CHECKING:
    from collections.abc import Callable

    Work = Callable[[], bytes]

WORDS = ('plain text', 'R&D "<quoted>"', 'number')
ROWS = [[f'{WORDS[(row + column) % 3]} {row * column}' for column in range(10)] for row in range(1000)]
NAV = [{'url': f'/part/{n}', 'label': f'Part {n}'} for n in range(6)]
RECORDS = [{'id': n, 'name': f'Name {n} & Sons', 'phone': f'0555 {n:04}', 'email': f'name{n}@example.com',
            'city': f'City <{n}>', 'note': f'Met in {1900 + n}', 'done': n % 2} for n in range(100)]
FIELDS = [f'field{n}' for n in range(20)]
SMALL = {name: f'the value of {name}' for name in FIELDS} | {'field3': 'R&D', 'field7': 'a < b'}
PAGE = {'user': 'R&D', 'nav': NAV, 'records': RECORDS}
COLUMNS = ('id', 'name', 'phone', 'email', 'city', 'note')

# One text for every engine with braces: {{x}} is a value, {% … %} a block.
BIG_TEXT = ('<table>{% for row in rows %}<tr>{% for cell in row %}<td>{{cell}}</td>{% end %}</tr>{% end %}'
            '</table>')
LAYOUT_TEXT = ('<!DOCTYPE html>\n<html><head><title>TITLE</title></head><body><ul>{% for item in nav %}'
               '<li><a href="{{item.url}}">{{item.label}}</a></li>{% end %}</ul>\n<h1>TITLE</h1>BODY</body>'
               '</html>')
TITLE_TEXT = 'Contacts of {{user}}'
BODY_TEXT = ('<table>{% for row in records %}<tr class="{% if row.done %}done{% else %}open{% end %}">'
             + ''.join(f'<td>{{{{row.{column}}}}}</td>' for column in COLUMNS) + '</tr>\n{% end %}</table>')
SMALL_TEXT = ''.join(f'<p class="line">The field {name} is <b>{{{{{name}}}}}</b></p>\n' for name in FIELDS)
LONG_TEXT = '\n'.join(
    (f'<tr class="{{{{a{n}}}}}"><td>Line {n}</td><td>{{{{b{n}}}}}</td></tr>',
     '<p class="note">Some text.</p>',
     '{% if x %}<td>yes</td>{% else %}<td>no</td>{% end %}', '{% for y in z %}<li>{{y}}</li>{% end %}')[n % 4]
    for n in range(100))


def by_hand() -> dict[str, Work]:
    def big() -> bytes:
        rows = ''.join([f'<tr>{"".join([f"<td>{escape(cell)}</td>" for cell in row])}</tr>' for row in ROWS])
        return f'<table>{rows}</table>'.encode()

    def page() -> bytes:
        title = f'Contacts of {escape(PAGE["user"])}'
        nav = ''.join([f'<li><a href="{escape(item["url"])}">{escape(item["label"])}</a></li>'
                       for item in NAV])
        rows = ''.join([
            f'<tr class="{"done" if row["done"] else "open"}"><td>{row["id"]}</td>'
            f'<td>{escape(row["name"])}</td>'
            f'<td>{escape(row["phone"])}</td><td>{escape(row["email"])}</td><td>{escape(row["city"])}</td>'
            f'<td>{escape(row["note"])}</td></tr>\n' for row in RECORDS])
        return (f'<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><ul>{nav}</ul>\n'
                f'<h1>{title}</h1><table>{rows}</table></body></html>').encode()

    lines = SMALL_TEXT.replace('{{', '{escape(r["').replace('}}', '"])}').split('\n')[:-1]
    names: dict[str, Any] = {'escape': escape}
    exec('def small(r): return (' + '\n'.join(f"f'{line}\\n'" for line in lines) + ').encode()', names)
    return {'bigtable': big, 'page': page, 'small': lambda: names['small'](SMALL)}


def kali() -> dict[str, Work]:
    def of(text: str) -> str:
        return text.replace('{{', '{').replace('}}', '}').replace('{% ', '<?').replace(' %}', '?>')

    big, small = Template(of(BIG_TEXT)), Template(of(SMALL_TEXT))
    layout = Template(of(LAYOUT_TEXT).replace('TITLE', '{title}').replace('BODY', '{body}'))
    page = layout.assembly(title=of(TITLE_TEXT), body=of(BODY_TEXT))
    long = of(LONG_TEXT)
    return {'bigtable': lambda: big(rows=ROWS).encode(), 'page': lambda: page(**PAGE).encode(),
            'small': lambda: small(**SMALL).encode(),
            'compile': lambda: Template(long).program.function and b''}


def ended(text: str, *words: str) -> str:
    """`text` with each {% end %} naming its block, as Jinja2 and Django want it."""
    for word in words:
        text = text.replace('{% end %}', f'{{% end{word} %}}', 1)
    return text


def jinja_texts(items: str) -> dict[str, str]:
    layout = LAYOUT_TEXT.replace('BODY', '{% block body %}{% endblock %}').replace(
        'TITLE', '{% block title %}{% endblock %}', 1).replace('TITLE', items)
    long = LONG_TEXT.replace('</li>{% end %}', '</li>{% endfor %}').replace('{% end %}', '{% endif %}')
    return {'big': ended(BIG_TEXT, 'for', 'for'), 'layout': ended(layout, 'for'), 'long': long,
            'small': SMALL_TEXT,
            'page': '{% extends "layout" %}{% block title %}' + TITLE_TEXT + '{% endblock %}{% block body %}'
                    + ended(BODY_TEXT, 'if', 'for') + '{% endblock %}'}


def jinja2() -> dict[str, Work]:
    from jinja2 import DictLoader, Environment

    texts = jinja_texts('{{ self.title() }}')
    env = Environment(loader=DictLoader(texts), autoescape=True)
    big, page, small = (env.get_template(name) for name in ('big', 'page', 'small'))
    return {'bigtable': lambda: big.render(rows=ROWS).encode(), 'page': lambda: page.render(**PAGE).encode(),
            'small': lambda: small.render(**SMALL).encode(),
            'compile': lambda: env.from_string(texts['long']) and b''}


def django() -> dict[str, Work]:
    import django as package
    from django.conf import settings
    from django.template import Context, Engine

    settings.configure()
    package.setup()
    texts = jinja_texts(TITLE_TEXT)
    engine = Engine(loaders=[('django.template.loaders.locmem.Loader', texts)])
    big, page, small = (engine.get_template(name) for name in ('big', 'page', 'small'))
    return {'bigtable': lambda: big.render(Context({'rows': ROWS})).encode(),
            'page': lambda: page.render(Context(PAGE)).encode(),
            'small': lambda: small.render(Context(SMALL)).encode(),
            'compile': lambda: engine.from_string(texts['long']) and b''}


def items(text: str) -> str:
    """Dots as the engines write them whose templates are Python."""
    for name in ('item', 'row'):
        for key in ('url', 'label', 'done', *COLUMNS):
            text = text.replace(f'{name}.{key}', f"{name}['{key}']")
    return text


def tornado() -> dict[str, Work]:
    from tornado.template import DictLoader
    from tornado.template import Template as Tornado

    texts = jinja_texts(TITLE_TEXT)
    page = texts['page'].replace('endblock', 'end').replace('endfor', 'end').replace('endif', 'end')
    layout = texts['layout'].replace('endblock', 'end').replace('endfor', 'end')
    loader = DictLoader({'layout': items(layout), 'page': items(page)}, whitespace='all')
    big, small, ready = Tornado(BIG_TEXT), Tornado(SMALL_TEXT, whitespace='all'), loader.load('page')
    return {'bigtable': lambda: big.generate(rows=ROWS), 'page': lambda: ready.generate(**PAGE),
            'small': lambda: small.generate(**SMALL), 'compile': lambda: Tornado(LONG_TEXT) and b''}


def python_lines(text: str, mark: str) -> str:
    """The blocks as lines that begin with a percent sign, for Mako and Bottle."""
    blocks = {'for': 'endfor', 'if': 'endif'}
    out, open_blocks = '', []
    for piece in items(text).replace('%}', '{%').split('{%'):
        word = piece.strip().split(' ')[0] if piece.startswith(' ') else ''
        if word in blocks:
            open_blocks.append(word)
            out += f'{mark}\n% {piece.strip()}:\n'
        elif word == 'else':
            out += f'{mark}\n% else:\n'
        elif word == 'end':
            out += f'{mark}\n% {blocks[open_blocks.pop()] if mark == chr(92) else "end"}\n'
        else:
            out += piece
    return out


def mako() -> dict[str, Work]:
    from mako.lookup import TemplateLookup
    from mako.template import Template as Mako

    def of(text: str) -> str:
        return python_lines(text, '\\').replace('{{', '${').replace('}}', '}')

    lookup = TemplateLookup(default_filters=['h'])
    layout = of(LAYOUT_TEXT).replace('TITLE', '${self.title() | n}').replace('BODY', '${self.body() | n}')
    lookup.put_string('layout', layout)
    lookup.put_string('page', '<%inherit file="layout"/><%def name="title()">' + of(TITLE_TEXT) + '</%def>'
                      + of(BODY_TEXT))
    big, small = (Mako(of(text), default_filters=['h']) for text in (BIG_TEXT, SMALL_TEXT))
    page = lookup.get_template('page')
    return {'bigtable': lambda: big.render(rows=ROWS).encode(), 'page': lambda: page.render(**PAGE).encode(),
            'small': lambda: small.render(**SMALL).encode(),
            'compile': lambda: Mako(of(LONG_TEXT), default_filters=['h']) and b''}


def bottle() -> dict[str, Work]:
    from bottle import SimpleTemplate

    def of(text: str) -> Any:
        return SimpleTemplate(python_lines(text, '\\\\'))

    layout = LAYOUT_TEXT.replace('TITLE', TITLE_TEXT).replace('BODY', '{{!base}}')
    big, small, page, outer = of(BIG_TEXT), of(SMALL_TEXT), of(BODY_TEXT), of(layout)
    return {'bigtable': lambda: big.render(rows=ROWS).encode(),
            'page': lambda: outer.render(base=page.render(**PAGE), **PAGE).encode(),
            'small': lambda: small.render(**SMALL).encode(), 'compile': lambda: of(LONG_TEXT).co and b''}


def chameleon() -> dict[str, Work]:
    from chameleon import PageTemplate

    big = PageTemplate('<table><tr tal:repeat="row rows"><td tal:repeat="cell row">${cell}</td></tr></table>')
    lines = SMALL_TEXT.replace('{{', '${').replace('}}', '}')
    small = PageTemplate(f'<div tal:omit-tag="">{lines}</div>')
    title = '${title}'
    cells = ''.join(f"<td>${{row['{column}']}}</td>" for column in COLUMNS)
    layout = PageTemplate(
        '<!DOCTYPE html>\n<html tal:define="title \'Contacts of \' + user"><head><title>' + title
        + '</title></head><body><ul><li tal:repeat="item nav">'
        '<a href="${item[\'url\']}">${item[\'label\']}</a></li></ul>\n<h1>' + title
        + '</h1><div metal:define-slot="body"></div></body></html>')
    page = PageTemplate(
        '<html metal:use-macro="layout"><table metal:fill-slot="body"><tal:x repeat="row records">'
        "<tr class=\"${'done' if row['done'] else 'open'}\">" + cells + '</tr>\n</tal:x></table></html>')
    return {'bigtable': lambda: big(rows=ROWS).encode(), 'page': lambda: page(layout=layout, **PAGE).encode(),
            'small': lambda: small(**SMALL).encode()}


def htpy() -> dict[str, Work]:
    from htpy import a, b, body, h1, head, li, p, table, td, title, tr, ul
    from htpy import html as root

    def page() -> bytes:
        heading = f'Contacts of {PAGE["user"]}'
        tree = root[
            head[title[heading]],
            body[ul[(li[a(href=item['url'])[item['label']]] for item in NAV)], '\n', h1[heading],
                 table[((tr(class_='done' if row['done'] else 'open')[(td[str(row[key])] for key in COLUMNS)],
                         '\n') for row in RECORDS)]]]
        return str(tree).replace('<!doctype html>', '<!DOCTYPE html>\n').encode()

    def small() -> bytes:
        lines = [p(class_='line')[f'The field {name} is ', b[SMALL[name]]] for name in FIELDS]
        return ''.join([f'{line}\n' for line in lines]).encode()

    return {'bigtable': lambda: str(table[(tr[(td[cell] for cell in row)] for row in ROWS)]).encode(),
            'page': page, 'small': small}


CONTENDERS = [by_hand, kali, jinja2, mako, bottle, chameleon, tornado, django, htpy]
GOALS = {'bigtable': 1.0, 'page': 1.15, 'small': 1.4}


def fastest(works: list[Work], turns: int = 25) -> list[float]:
    """The shortest time of each, all taken in turns so that a busy machine is unfair to nobody."""
    best = [1e9] * len(works)
    for _ in range(turns):
        for number, work in enumerate(works):
            begun = now = perf_counter()
            while now - begun < 0.05:
                start, count = now, 0
                while now - start < 0.0005:
                    work()
                    count += 1
                    now = perf_counter()
                best[number] = min(best[number], (now - start) / count)
    return best


def peak(work: Work) -> tuple[float, float]:
    """Megabytes of a page, and at most allocated while it is made."""
    tracemalloc.start()
    size = len(work())
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size / 1e6, most / 1e6


def main() -> None:
    engines: dict[str, dict[str, Work]] = {}
    for contender in CONTENDERS:
        try:
            engines[contender.__name__] = contender()
        except ImportError as error:
            print(f'{contender.__name__} does not take part: {error}')
    for work in ('bigtable', 'page', 'small', 'compile'):
        names = [name for name, works in engines.items() if work in works]
        made = [''.join(html.unescape(engines[name][work]().decode()).split()) for name in names]
        for name, text in zip(names, made, strict=True):
            assert text == made[0], f'{name} makes another {work}: {text[:500]!r}, not {made[0][:500]!r}'
        times = fastest([engines[name][work] for name in names])
        base = 0 if work in GOALS else names.index('kali')
        over = f'f-strings (goal {GOALS[work]})' if work in GOALS else 'kali (goal 3 ms)'
        print(f'\n{work}, time over {over}')
        for name, seconds in sorted(zip(names, times, strict=True), key=lambda each: each[1]):
            print(f'  {name:10}{seconds / times[base]:8.2f}{seconds * 1e3:10.3f} ms')
    ROWS.extend(ROWS * (10_000_000 // len(engines['by_hand']['bigtable']())))
    print('\nmemory for a bigtable of some 10 MB, over its size (goal 2.5)')
    for name, (size, most) in sorted(((name, peak(works['bigtable'])) for name, works in engines.items()),
                                     key=lambda each: each[1][1]):
        print(f'  {name:10}{most / size:8.2f}{most:10.1f} MB')


if __name__ == '__main__':
    main()
