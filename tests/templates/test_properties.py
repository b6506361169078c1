"""What holds for any value: it comes back exactly from an HTML parser, and adds nothing to the page."""

import json
from urllib.parse import parse_qs, urlsplit

import html5lib
from hypothesis import given
from hypothesis import strategies as st

from kali.errors import TemplateError
from kali.markup import Markup
from kali.templates import Template

EVIL = st.sampled_from([
    '</script>', '<script>', '<!--', '-->', '"', "'", '`', '${', '<', '>', '&', 'amp;', '#39;', '&lt;',
    '&#60;', '\\', '/', '</title>', '</textarea>', '</p>', ' onerror=', 'javascript:', '\n', ';', '{x}',
    '{.x}', '//', ']]>'])
# An HTML parser reads control characters, surrogates and carriage returns otherwise than they stand.
CHARACTERS = st.characters(blacklist_categories=('Cs', 'Cc', 'Cn'))
TEXT = st.lists(st.one_of(EVIL, st.text(CHARACTERS, max_size=8)), max_size=8).map(''.join)


def parse(html):
    return html5lib.parseFragment(html, namespaceHTMLElements=False)


def shape(tree):
    return [(str(element.tag), sorted(map(str, element.attrib))) for element in tree.iter()]


PAGE = Template('<p title="{x}" lang=\'{x}\' id="R&{x}">{x}</p><textarea name="{x}">{x}</textarea>'
                '<title>{x}</title><pre>{x}</pre><i>&{x}</i><b>{x.0}{y}</b>')


@given(TEXT)
def test_text_comes_back_exactly(text):
    tree = parse(PAGE(x=text + '.', y=[text, (text, Markup('<i>'))]))
    paragraph = tree.find('p')
    assert paragraph.text == paragraph.attrib['title'] == paragraph.attrib['lang'] == text + '.'
    assert tree.find('textarea').text == tree.find('pre').text == tree.find('title').text == text + '.'
    assert tree.find('i').text == f'&{text}.' and paragraph.attrib['id'] == f'R&{text}.'
    assert ''.join(tree.find('b').itertext()) == (text + '.')[0] + text + text
    assert [element.tag for element in tree.iter()][1:] == ['p', 'textarea', 'title', 'pre', 'i', 'b', 'i']
    assert set(paragraph.attrib) == {'title', 'lang', 'id'}


PLACES = Template('''<p onclick="f({x}, '{x}', &quot;{x}&quot;, `{x}`)" style="color: {x}; font: '{x}'">
    <a href="{x}" title='{x}'>{x}</a><a href="/a/{x}?b={x}#{x}">x</a><a href="{x}/{x}">x</a>
    <img src="{x}">
    <script>a = {x}; b = "{x}"; c = '{x}' // {x}
    d = `{x}` /* {x} */</script><style>a { color: {x}; content: "{x}"; background: url('{x}') }</style>
    <!-- {x} --><title>{x}</title>{x}</p>''')
EMPTY = shape(parse(PLACES(x='')))


@given(TEXT)
def test_text_adds_no_element_and_no_attribute_anywhere(text):
    assert shape(parse(PLACES(x=text))) == EMPTY
    assert shape(parse(PLACES(x=[text, None, (text,)]))) == EMPTY


@given(TEXT)
def test_markup_cannot_leave_an_attribute_or_a_title(text):
    template = Template('<p title="{x}" lang=\'{.x}\'></p><title>{x}</title><b></b>')
    assert shape(parse(template(x=Markup(text)))) == shape(parse(template(x=Markup(''))))


@given(TEXT)
def test_urls_never_run(text):
    template = Template('<a href="{x}"></a><a href=" {x}"></a><a href="{x}{x}"></a><a href="a{x}"></a>')
    for link in parse(template(x=text)).iter('a'):
        address = link.attrib['href'].lstrip(''.join(map(chr, range(33)))).replace('\t', '').replace('\n', '')
        assert not address.lower().startswith(('javascript:', 'data:', 'vbscript:'))


@given(TEXT)
def test_query_values_come_back_exactly(text):
    link = parse(Template('<a href="/s?q={x}&amp;r={x}#{x}"></a>')(x=text)).find('a').attrib['href']
    assert parse_qs(urlsplit(link).query, keep_blank_values=True) == {'q': [text], 'r': [text]}


FLOATS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(st.none() | st.booleans() | st.integers() | FLOATS | TEXT,
                      lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4))


@given(VALUES)
def test_values_come_back_exactly_from_scripts_and_handlers(value):
    tree = parse(Template('<script>{x}</script><p onclick="{x}"></p>')(x=value))
    assert json.loads(tree.find('script').text) == value
    assert json.loads(tree.find('p').attrib['onclick']) == value


@given(TEXT)
def test_strings_come_back_exactly_from_scripts(text):
    tree = parse(Template('''<script>"{x}"</script><p onclick='"{x}"'></p>''')(x=text))
    assert json.loads(tree.find('script').text) == text
    assert json.loads(tree.find('p').attrib['onclick']) == text


PIECES = ['<', '</', '>', '<p', ' a="', '"', "'", '=', '<!--', '-->', '<script>', '</script>', '<title>',
          '</title>', '{x}', '{.x}', '{{x}}', '<?if x?>', '<?else?>', '<?end?>', '<?for y in x?>', '{y}', ' ',
          'b', '/', 'href="', '`', '${', '{', '}', '/*', '*/', '<?', '?>', '\n', '&quot;']


@given(st.lists(st.sampled_from(PIECES), max_size=12).map(''.join))
def test_any_text_is_a_template_or_has_a_mistake(text):
    try:
        template = Template(text)
    except TemplateError as error:
        lines = text.split('\n')
        assert 1 <= error.line <= len(lines)
        assert 1 <= error.column <= len(lines[error.line - 1]) + 1
        return
    try:
        template(x=Markup('a'))
    except TemplateError as error:
        assert "no 'y' here" in str(error)


@given(st.text(CHARACTERS), TEXT)
def test_a_template_without_placeholders_is_its_text(text, more):
    for literal in (text.replace('<', '').replace('{', '{ '), more.replace('<', '< ').replace('{', '{ ')):
        assert Template(literal)() == literal
