"""What is said about a template's mistakes: file, line, column, what is wrong, and what to write."""

import sqlite3
import traceback

import pytest

from kali.errors import TemplateError
from kali.templates import Template, TemplateFolder, TemplateLoop
from kali.testing import Client

SYNTAX = [
    # text, line, column, message
    ('a\n {n:nom}', 2, 5, "there is no filter 'nom' (did you mean num?)"),
    ('<style>\nb{color:red}</style>', 2, 9, 'if this is CSS or JavaScript, write a space after the brace'),
    ('{a:}{a:zzzzzz}', 1, 8, "there is no filter 'zzzzzz' (there are: cents, date,"),
    ('a\n<?if a?>b', 2, 1, '<?if a?> is not closed: write <?end?> after it'),
    ('<?for a in b?><?if a?><?end?>', 1, 1, '<?for a in b?> is not closed'),
    ('<?if a?><?for b in a?>\n<?end?>', 1, 1, '<?if a?> is not closed'),
    ('a<?end?>', 1, 2, 'a stray <?end?>: no block is open here'),
    ('<?else?>', 1, 1, 'a stray <?else?>'),
    ('<?elif a?>', 1, 1, 'a stray <?elif?>'),
    ('<?for a in b?><?elif a?><?end?>', 1, 15, 'a stray <?elif a?>: it belongs after an <?if …?>'),
    ('<?if a?><?else?><?elif a?><?end?>', 1, 17, 'before its <?else?>'),
    ('<?if a?><?else?><?else?><?end?>', 1, 17, 'a second <?else?> in one <?if a?>'),
    ('<?if a?><?else if b?><?end?>', 1, 9, '<?else if b?> is not understood: write <?elif if b?>'),
    ('<?if a?><?end for?>', 1, 9, '<?end for?> closes <?if a?>'),
    ('<?if a > 1?><?end?>', 1, 1, '<?if a > 1?> is not understood: a condition is a name'),
    ('<?if a < 1?><?end?>', 1, 1, '<?if a < 1?> is not understood: a condition is a name'),
    ('<?if a == 1?><?end?>', 1, 1,
     'a condition is a name, with filters or not before it, and there are no expressions'),
    ('<?if?><?end?>', 1, 1, '<?if ?> is not understood'),
    ('<?elif a and b?>', 1, 1, 'a stray'),
    ('<?for a of b?><?end?>', 1, 1, '<?for a of b?> is not understood: write <?for row in rows?>'),
    ('<?for a, b in c?><?end?>', 1, 1, 'write <?for row in rows?>'),
    ('<?for a in b:zzzzzz?><?end?>', 1, 14, "no filter 'zzzzzz'"),
    ('<?if not a:zzzzzz?><?end?>', 1, 12, "no filter 'zzzzzz'"),
    ('x <?fro a in b?>', 1, 3, '<?fro a in b?> is no block (did you mean for?)'),
    ('<?body?>', 1, 1, '<?body?> is no block'),
    ('<? ?>', 1, 1, '<? ?> is no block'),
    ('<p>\n<?if a>', 2, 1, '<?if is not closed: write ?> at the end of it'),
    ('<?include nav?>', 1, 1, 'only a file of a TemplateFolder can include another one'),
    ('<?if a?>' * 101, 1, 801, 'blocks are nested more than 100 deep'),
]


@pytest.mark.parametrize(('text', 'line', 'column', 'message'), SYNTAX)
def test_syntax(text, line, column, message):
    with pytest.raises(TemplateError) as caught:
        Template(text, filename='page.tpl')
    assert message in caught.value.detail
    assert (caught.value.line, caught.value.column) == (line, column)
    assert str(caught.value) == f'page.tpl:{line}:{column}: {caught.value.detail}'
    assert caught.value.status == 500


UNKNOWN = [
    ('a\n{nmae}', {'name': 1, 'other': 2}, 2, 2,
     "there is no 'nmae' here (did you mean name?): give it to the template"),
    ('{x}', {}, 1, 2, "there is no 'x' here: give it"),
    ('{x}', {'about': 1}, 1, 2, '(there are: about)'),
    ('<script>f(() => {x})</script>', {}, 1, 18,
     'if the brace belongs to CSS or JavaScript, write a space after it'),
    ('<?if\n x?><?end?>', {}, 2, 2, "no 'x' here"),
    ('<?for y in x?><?end?>', {}, 1, 12, "no 'x' here"),
    ('<?for y in x?>\n{y.naem}<?end?>', {'x': [{'name': 1}]}, 2, 2,
     "the dict has no 'naem' (did you mean name?)"),
    ('{x.aa.b}', {'x': {'ab': 1}}, 1, 2, "the dict has no 'aa'"),
    ('{x.uper}', {'x': 'a'}, 1, 2, "the str has no 'uper' (did you mean upper"),
    ('{x.3}', {'x': 'a'}, 1, 2, "the str has no '3'"),
    ('{x.y}', {'x': None}, 1, 2, "the NoneType has no 'y'"),
    ('{x.y:upper}', {'x': {}}, 1, 2, "the dict has no 'y'"),
]


@pytest.mark.parametrize(('text', 'bindings', 'line', 'column', 'message'), UNKNOWN)
def test_unknown_names(text, bindings, line, column, message):
    with pytest.raises(TemplateError) as caught:
        Template(text, filename='page.tpl')(**bindings)
    assert message in caught.value.detail
    assert (caught.value.filename, caught.value.line, caught.value.column) == ('page.tpl', line, column)
    assert entry(caught.value)[:2] == ('page.tpl', line)
    assert 'KeyError' not in ''.join(traceback.format_exception(caught.value))


def test_unknown_names_in_rows():
    connection = sqlite3.connect(':memory:')
    connection.row_factory = sqlite3.Row
    rows = connection.execute('select 1 as name').fetchall()
    connection.close()
    with pytest.raises(TemplateError, match="no 'nmae' here \\(did you mean name"):
        Template('{nmae}').sub(rows[0])
    thing = type('Thing', (), {'name': 1})()
    for items, context in ((rows, None), (rows, {'x': 1}), ([{'name': 1}], None), ([thing], None)):
        with pytest.raises(TemplateError, match=r":2:2: there is no 'nmae' here \(did you mean name\?\)"):
            TemplateLoop('', 'a\n{nmae}', '').loop(items, context)


def entry(error):
    """File, line and text of the last template line in the traceback of `error`."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.name == 'template']
    assert len(frames) == 1
    return frames[0].filename, frames[0].lineno, frames[0].line


def broken(value):
    raise LookupError('broken')


class Prickly:
    @property
    def name(self):
        return broken(self)


RENDERING = [
    ('<p>\n  {x:broken}</p>', LookupError, 2, '{x:broken}</p>'),
    ('<p>\n{y}{x.name}', LookupError, 2, '{y}{x.name}'),
    ('{y}\n{x}', TypeError, 2, '{x}'),
    ('\n\n<script>{x}</script>', TypeError, 3, '<script>{x}</script>'),
    ('\n<?for z in x?><?end?>', TypeError, 2, '<?for z in x?><?end?>'),
    ('\n<?if x:broken?><?end?>', LookupError, 2, '<?if x:broken?><?end?>'),
    ('a\n<?if y?><?else?>\n<?for a in b?>{x:broken}<?end?><?end?>', LookupError, 3,
     '<?for a in b?>{x:broken}<?end?><?end?>'),
    ('a' + '<?for a in b?>' * 30 + '\n{x:broken}' + '<?end?>' * 30, LookupError, 2,
     '{x:broken}' + '<?end?>' * 30),
]


@pytest.mark.parametrize(('text', 'kind', 'line', 'shown'), RENDERING)
def test_the_traceback_shows_the_template(text, kind, line, shown):
    with pytest.raises(kind) as caught:
        Template(text, filters={'broken': broken})(x=Prickly(), y=0, b=[1])
    assert type(caught.value) is kind  # the error itself, not one of ours
    name, number, text = entry(caught.value)
    assert (number, text) == (line, shown)
    assert name.startswith(f'<template at {__file__}, line ')
    assert 'compiled template' not in ''.join(traceback.format_exception(caught.value))


def test_the_error_page_shows_the_line(tmp_path):
    path = tmp_path / 'page.tpl'
    path.write_text('<p>\n<b title="x">{x:broken}</b>')
    folder = TemplateFolder(tmp_path, filters={'broken': broken})
    text = Client(lambda request: folder('page')(x=1)).get('/').text
    assert f'File &quot;{path}&quot;, line 2, in template' in text
    assert '&lt;b title=&quot;x&quot;&gt;{x:broken}&lt;/b&gt;' in text
    path.write_text('{y}')
    folder.refresh()
    assert 'page.tpl:1:2: there is no' in Client(lambda request: folder('page')(x=1)).get('/').text


def test_the_cause_of_an_error_is_kept():
    def chained(value):
        try:
            broken(value)
        except LookupError as error:
            raise ValueError('chained') from error

    with pytest.raises(ValueError, match='chained') as caught:
        Template('{x:chained}', filters={'chained': chained})(x=1)
    assert isinstance(caught.value.__cause__, LookupError)


def test_errors_in_sections_loops_and_filters_of_c():
    page = Template('a\nb\n{body}', filename='page.tpl')
    pick = {'pick': ('a', 'b').__getitem__}
    with pytest.raises(IndexError) as caught:
        page.assembly(body=Template('\n{x:pick}', filename='body.tpl', filters=pick))(x=7)
    assert entry(caught.value)[:2] == ('body.tpl', 2)

    def rows():
        yield {'a': 1}
        raise OSError('gone')

    with pytest.raises(OSError, match='gone') as caught:
        TemplateLoop('', Template('{a}', filename='row.tpl'), '').loop(rows())
    assert entry(caught.value)[:2] == ('row.tpl', 1)


def test_an_error_of_a_template_within_a_filter():
    inner = Template('\n\n{gone}', filename='inner.tpl')
    outer = Template('\n{x:inner}', filename='outer.tpl', filters={'inner': lambda value: inner(x=value)})
    with pytest.raises(TemplateError, match=r'inner\.tpl:3:2') as caught:
        outer(x=1)
    frames = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert [frame for frame in frames if frame[0].endswith('.tpl')] == [('outer.tpl', 2), ('inner.tpl', 3)]


def test_a_section_that_the_base_does_not_have():
    message = r'the base has no \{sidebar\} for the section sidebar \(did you mean side\?\)'
    with pytest.raises(TemplateError, match=message):
        Template('{side}{body}').assembly(sidebar='x')


def test_the_place_of_a_string_is_where_it_was_made():
    with pytest.raises(TemplateError) as caught:
        Template('{x:zzzzzz}')
    assert caught.value.filename.startswith(f'<template at {__file__}, line ')
    with pytest.raises(TemplateError, match=r'test_errors\.py, line \d+, body>:1:4: there is no filter'):
        Template('{body}').assembly(body='{x:zzzzzz}')
    with pytest.raises(TemplateError, match=r'test_errors\.py, line \d+, epilogue>:1:4: there is no filter'):
        TemplateLoop('', '', '{x:zzzzzz}')
