"""The template language: what each construct makes of values."""

import datetime
import sqlite3
from collections import namedtuple
from decimal import Decimal

import jinja2
import pytest

from kali.errors import TemplateError
from kali.iolist import flatten
from kali.markup import Markup
from kali.templates import Template, TemplateLoop
from tests.windows import cpu_time

Point = namedtuple('Point', 'x y')


class Contact:
    def __init__(self, name, **more):
        self.name = name
        self.__dict__.update(more)


class Html:
    def __html__(self):
        return '<hr>'


SUBSTITUTION = [
    # text, bindings, result
    ('Hello, {name}!', {'name': 'R&D'}, 'Hello, R&amp;D!'),
    ('{name}', {'name': '<>&"\''}, '&lt;&gt;&amp;&quot;&#x27;'),
    ('{name}', {'name': Markup('<b>')}, '<b>'),
    ('{name}', {'name': Html()}, '<hr>'),
    ('{name}', {'name': None}, ''),
    ('{name}', {'name': 0}, '0'),
    ('{name}', {'name': True}, 'True'),
    ('{name}', {'name': 1.5}, '1.5'),
    ('{name}', {'name': Decimal('1.50')}, '1.50'),
    ('{name}', {'name': datetime.date(2024, 5, 3)}, '2024-05-03'),
    ('{name}', {'name': b'R&\xc3\xa9'}, 'R&amp;é'),
    ('{name}', {'name': ['<', Markup('<br>'), ('&', None, 7)]}, '&lt;<br>&amp;7'),
    ('{name}', {'name': (n for n in 'a<')}, 'a&lt;'),
    ('<ul>{errors}</ul>', {'errors': {'phone': 'is <odd>', 'n': 1}},
     '<ul>phone: is &lt;odd&gt;\r\nn: 1\r\n</ul>'),
    ('<ul>{errors}</ul>', {'errors': {}}, '<ul></ul>'),
    ('{.name}', {'name': '<b>&'}, '<b>&'),
    ('{.name}', {'name': ['<b>', 1, b'<i>', None]}, '<b>1<i>'),
    ('{.name}', {'name': None}, ''),
    ('{a}{b}{a}', {'a': 1, 'b': 2}, '121'),
    ('{class}{_x1}', {'class': 1, '_x1': 2}, '12'),
    ('{self}{scope}{out}{write}{text}{v1}', dict.fromkeys(('self', 'scope', 'out', 'write', 'text', 'v1'), 1),
     '111111'),
    ('', {}, ''),
    ('é 😀 \\ \\n \' " \'\'\'', {}, 'é 😀 \\ \\n \' " \'\'\''),
    ('a\r\nb', {}, 'a\r\nb'),
    # dots: item, else attribute
    ('{a.b}', {'a': {'b': '<'}}, '&lt;'),
    ('{a.b}', {'a': Contact('x', b='<')}, '&lt;'),
    ('{a.b.c.d}', {'a': {'b': Contact('x', c={'d': 4})}}, '4'),
    ('{a.x}{a.1}', {'a': Point(1, 2)}, '12'),
    ('{a.0}', {'a': 'xy'}, 'x'),
    ('{a.1}', {'a': {1: 'one'}}, 'one'),
    ('{a.upper}', {'a': {'upper': 'item'}}, 'item'),
    ('{.a.b}', {'a': {'b': '<i>'}}, '<i>'),
    # braces that are not around a name
    ('{{name}}', {}, '{name}'),
    ('{{.name}} {{a.b:num}}', {}, '{.name} {a.b:num}'),
    ('{{{name}}}', {}, '{{name}}'),
    ('{ name } {} {1} {a b} {a-b} {a.} {.} {a:} {"a": 1} { {', {},
     '{ name } {} {1} {a b} {a-b} {a.} {.} {a:} {"a": 1} { {'),
    ('<style>a { color: red } b{ c:d; }</style>', {}, '<style>a { color: red } b{ c:d; }</style>'),
    ('<script>f({a: 1}); if (x) { return }</script>', {}, '<script>f({a: 1}); if (x) { return }</script>'),
    ('{{{{name}}}}', {}, '{{{name}}}'),
]


@pytest.mark.parametrize(('text', 'bindings', 'result'), SUBSTITUTION)
def test_substitution(text, bindings, result):
    made = Template(text)(**bindings)
    assert made == result
    assert type(made) is Markup


FILTERS = [
    ('{n:num}', {'n': 1234567}, '1,234,567'),
    ('{n:cents}', {'n': 1234.5}, '1,234.50'),
    ('{n:cents}', {'n': Decimal('0.005')}, '0.00'),
    ('{d:date}', {'d': datetime.datetime(2024, 5, 3, 14, 30)}, '2024-05-03'),
    ('{d:date}', {'d': datetime.date(2024, 5, 3)}, '2024-05-03'),
    ('{d:date}', {'d': '2024-05-03T14:30:00Z'}, '2024-05-03'),
    ('{d:time}', {'d': datetime.datetime(2024, 5, 3, 14, 30, 59)}, '14:30'),
    ('{d:time}', {'d': datetime.time(14, 30)}, '14:30'),
    ('{d:time}', {'d': '14:30:15.5'}, '14:30'),
    ('{d:date}|{d:time}', {'d': ''}, '|'),
    ('{x:json}', {'x': {'a': [1, None, 'é']}}, '{&quot;a&quot;: [1, null, &quot;é&quot;]}'),
    ('{x:url}', {'x': 'R&D / é'}, 'R%26D%20%2F%20%C3%A9'),
    ('{x:upper}{x:lower}', {'x': 'aB<'}, 'AB&lt;ab&lt;'),
    ('{x:title}', {'x': "the baker's dozen"}, 'The Baker&#x27;s Dozen'),
    ('{d:date:upper}', {'d': '2024-05-03'}, '2024-05-03'),
    ('{x:lower:title}', {'x': 'ANN LEE'}, 'Ann Lee'),
    ('{x:default}|{a.b:default}|{a.b.c:default:upper}', {'a': {}}, '||'),
    ('{x:default:upper}', {'x': 'a'}, 'A'),
    ('{x:num}{x:cents}{x:date}{x:time}{x:url}{x:upper}{x:lower}{x:title}{x:default}', {'x': None}, ''),
    ('{x:json}', {'x': None}, 'null'),
    ('{.x:upper}', {'x': '<b>'}, '<B>'),
]


@pytest.mark.parametrize(('text', 'bindings', 'result'), FILTERS)
def test_filters(text, bindings, result):
    assert Template(text)(**bindings) == result


def test_registered_filters_are_taken_when_the_template_is_made(monkeypatch):
    monkeypatch.setitem(Template.REGISTRY, ':class', ('todo', 'complete').__getitem__)
    line = Template('<span class="{state:class}">{text}</span>')
    monkeypatch.delitem(Template.REGISTRY, ':class')
    assert line(state=True, text='a') == '<span class="complete">a</span>'
    with pytest.raises(TemplateError, match='no filter \'class\''):
        Template('{state:class}')


def test_own_filters_with_and_without_a_colon():
    own = {'a': lambda x: x + '<', ':b': lambda x: Markup('<b>'), '9': len}
    template = Template('{x:a}{x:b}{x:9}', filters=own)
    assert template(x='y') == 'y&lt;<b>1'
    assert template.assembly(x='{y:a}')(y='z') == Template('{z}<b>5', filters={})(z='z<<')


BLOCKS = [
    ('<?for x in xs?>[{x}]<?end?>', {'xs': [1, 2]}, '[1][2]'),
    ('<?for x in xs?>[{x}]<?end?>', {'xs': []}, ''),
    ('<?for x in xs?>[{x}]<?else?>none<?end?>', {'xs': iter(())}, 'none'),
    ('<?for x in xs?>[{x}]<?else?>none<?end?>', {'xs': iter('a')}, '[a]'),
    ('<?for x in a.xs:sorted?>{x}<?end?>', {'a': {'xs': 'cab'}}, 'abc'),
    ('<?for x in xs?>{x.a}{b}<?end?>', {'xs': [{'a': 1}, Contact('n', a=2)], 'b': '-'}, '1-2-'),
    ('<?for x in xs?><?for y in x?>{x.0}{y} <?end?>;<?end?>', {'xs': ['ab', 'c']}, 'aa ab ;cc ;'),
    ('<?for x in xs?><?for x in x?>{x}<?end?>{x}<?end?>', {'xs': ['ab']}, 'abab'),
    ('{x}<?for x in xs?>{x}<?end?>{x}', {'x': 0, 'xs': [1]}, '010'),
    ('<?for x in xs?>a<?end?>', {'xs': [1, 2]}, 'aa'),
    ('<?for x in xs?><?end?>', {'xs': [1, 2]}, ''),
    ('<? for  x  in  xs ?>{x}<?end ?>', {'xs': [1]}, '1'),
    ('<?for x² in xs?>{x²}<?end?>', {'xs': [1]}, '1'),
    ('<?for x in xs?>{x}<?end for?>', {'xs': [1]}, '1'),
    ('<?if a?>A<?end?>', {'a': 1}, 'A'),
    ('<?if a?>A<?end?>', {'a': ''}, ''),
    ('<?if a?>A<?else?>B<?end?>', {'a': None}, 'B'),
    ('<?if not a?>A<?else?>B<?end?>', {'a': 0}, 'A'),
    ('<?if a?>A<?elif b?>B<?elif not c?>C<?else?>D<?end?>', {'a': 0, 'b': 1, 'c': 1}, 'B'),
    ('<?if a?>A<?elif b?>B<?elif not c?>C<?else?>D<?end?>', {'a': 0, 'b': 0, 'c': 0}, 'C'),
    ('<?if a?>A<?elif b?>B<?elif not c?>C<?else?>D<?end?>', {'a': 0, 'b': 0, 'c': 1}, 'D'),
    ('<?if a:len2?>A<?end?>', {'a': 'xy'}, 'A'),
    ('<?if not a.b:len2?>A<?end?>', {'a': {'b': 'x'}}, 'A'),
    ('<?if a:default?>A<?else?>B<?end?>', {}, 'B'),
    ('<?if not?>A<?end?>', {'not': 1}, 'A'),
    ('{a}<?if a?>{b}<?end?>{c}', {'a': 1, 'b': 2, 'c': 3}, '123'),
    ('<?if a?>{missing}<?end?>ok', {'a': 0}, 'ok'),
    ('<?xml version="1.0"?><a/>', {}, '<?xml version="1.0"?><a/>'),
]
EXTRA = {'sorted': sorted, 'len2': lambda x: len(x) == 2}


@pytest.mark.parametrize(('text', 'bindings', 'result'), BLOCKS)
def test_blocks(text, bindings, result):
    assert Template(text, filters=EXTRA)(**bindings) == result


@pytest.mark.parametrize('depth', [1, 19, 50, 100])
def test_blocks_nest_deeper_than_python_does(depth):
    text = 'end'
    for level in range(depth):
        text = f'<?for x{level} in xs?>{text}<?end?>' if level % 2 else f'<?if y?>{text}<?else?>no<?end?>'
    assert Template('{a}' + text + '{a}')(xs=[1], y=1, a='-') == '-end-'


def test_many_branches():
    text = '<?if a0?>0' + ''.join(f'<?elif a{n}?>{n}' for n in range(1, 150)) + '<?else?>none<?end?>'
    names = {f'a{n}': n == 149 for n in range(150)}
    assert Template(text)(**names) == '149'
    assert Template(text)(**{**names, 'a149': 0}) == 'none'


def test_a_deep_block_sees_every_name_around_it():
    text = '{a}{z}<?for x in a?>{x}<?end?>{z}'
    for name in 'bcdefghijklmnop':
        text = f'<?for {name} in a?>{{{name}}}{text}<?else?>!<?end?>'
    assert Template(text)(a='1', z='.') == '111111111111111' + '1.1.'


@pytest.mark.parametrize('piece', ['<p title="{a}">{b}', '<?if a?>{b}<?end?>', '<? ' + ' ' * 99, '<p ',
                                   '{a.b', '{% ', '{{ a', '{# ', '{a + ', '{a:.2 ', '{x }{% y %}'])
def test_compiling_takes_time_in_proportion(piece):
    def seconds(count):
        start = cpu_time()
        try:
            Template(piece * count)(a=1, b=2)
        except TemplateError:
            pass
        return cpu_time() - start

    long, short = (min(seconds(count) for _ in range(3)) for count in (4000, 1000))
    assert long < 12 * short  # 4 if linear, 16 if quadratic


def test_assembly():
    page = Template('<title>{title}</title>{.body}{foot}')
    user_page = page.assembly(title='Hello, {user}', body='<p>{user} {.body}')
    assert user_page(user='R&D', body='<i>', foot='<') == '<title>Hello, R&amp;D</title><p>R&amp;D <i>&lt;'
    # a bound name stays bound, whatever is given; further bindings go on where it left off
    again = user_page.assembly(user='<b>{who}</b>', foot=Template('<hr>{n:num}'), body=Markup('{x}'))
    assert again(who='&', n=1000) == ('<title>Hello, <b>&amp;</b></title><p><b>&amp;</b> {x}<hr>1,000')


def test_sections_as_values_conditions_and_of_other_kinds():
    class Foreign:
        def sub(self, names):
            return ['<', names['n']]

    page = Template('{a:upper}<?if b?>[{b}]<?else?>-<?end?>{c}')
    assert page.assembly(a='x{n}', b='{n}', c=Foreign())(n='y') == 'XY[y]<y'
    assert page.assembly(a='<i>{n}', b='', c=Markup('<hr>'))(n='&') == '&lt;I&gt;&amp;AMP;-<hr>'


def test_sections_see_the_names_of_the_call_and_not_the_loops_of_the_base():
    base = Template('<?for x in xs?>{x}{item}<?end?>')
    assert base.assembly(item='({x})')(xs=[1, 2], x='o') == '1(o)2(o)'


def test_loop():
    loop = TemplateLoop('<ul>{title}', '<li>{name}{x}', '</ul>{title}', 'none{title}')
    context = {'title': 'T', 'x': '<', 'name': 'shadowed'}
    assert loop.loop(iter([{'name': 'a'}, {'name': 'b', 'x': 2}]), context) == '<ul>T<li>a&lt;<li>b2</ul>T'
    assert loop.loop([], context) == 'noneT'
    assert TemplateLoop('', '{x}', '').loop([{'x': 1}]) == '1'
    assert TemplateLoop('', '{x}', '').loop([]) == ''
    assert type(loop.loop([], context)) is Markup


def test_loop_over_rows_objects_and_templates():
    connection = sqlite3.connect(':memory:')
    connection.row_factory = sqlite3.Row
    cursor = connection.execute("select 1 as id, '<' as name union select 2, null order by id")
    loop = TemplateLoop(Template('['), Template('{id}{name};').assembly(id='#{id}'), Markup(']'))
    assert loop.loop(cursor) == '[#1&lt;;#2;]'
    row = connection.execute("select 1 as id, '<' as name").fetchone()
    assert loop.loop([row, row], {'other': 1}) == '[#1&lt;;#1&lt;;]'
    assert Template('{id}{name}').sub(row) == '1&lt;'
    assert Template('{r.id}<?for c in r?>{c}<?end?>')(r=row) == '11&lt;'
    people = [Contact('Ann', id=1), Contact('Bob', id=2)]
    assert loop.loop(people) == loop.loop(people, {'z': 1}) == '[#1Ann;#2Bob;]'
    assert TemplateLoop('', '{name}{z}', '').loop(people, {'z': '.'}) == 'Ann.Bob.'
    connection.close()


def test_the_parts_of_a_loop_are_one_text():
    loop = TemplateLoop('<textarea>', '{line}\n', '</textarea>')
    assert loop.loop([{'line': Markup('</textarea>')}]) == '<textarea>\n&lt;/textarea&gt;\n</textarea>'
    with pytest.raises(TemplateError, match='ends in the tag <p>'):
        TemplateLoop('<p', '', '')


def test_templates_nest_in_every_way_of_the_old_programs():
    line = Template('<li>{text}</li>')
    todo = Template('<ol>{.items}</ol>{items}')
    page = Template('<body>{.body}</body>')
    items = [line(text=text) for text in ('a', '<')]
    lines = '<li>a</li><li>&lt;</li>'
    assert page(body=todo(items=items)) == f'<body><ol>{lines}</ol>{lines}</body>'
    assert flatten(page(body=None)) == b'<body></body>'


def test_what_a_template_is_not_made_of():
    with pytest.raises(TypeError, match='not of 7'):
        Template('{a}').assembly(a=7)


def test_other_libraries_nest_it():
    text = jinja2.Environment(autoescape=True).from_string('{{ x }}').render(x=Template('<b>{n}</b>')(n='<'))
    assert text == '<b>&lt;</b>'


def test_generators_are_read_once():
    reads = []

    def items():
        reads.append(1)
        yield {'a': 1}
        yield {'a': 2}

    assert Template('<?for x in xs?>{x.a}<?end?>')(xs=items()) == '12'
    assert TemplateLoop('', '{a}', '').loop(items()) == '12'
    assert len(reads) == 2
