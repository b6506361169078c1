"""Where a placeholder stands decides how its value is written, and whether any may stand there."""

import json
import sqlite3
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum

import html5lib
import pytest

from kali.errors import TemplateError
from kali.markup import Markup
from kali.templates import Template, TemplateLoop
from kali.templates.contexts import TEXT, advance
from kali.templates.escapers import json_text

EVIL = '</script><script>alert(1)</script>"\' onerror=alert(1) <!-- `${x}` \\ \n javascript:alert(1)'

PLACES = [
    # text, value of {x}, result
    ('<p>{x}</p>', '<b>&"', '<p>&lt;b&gt;&amp;&quot;</p>'),
    ('a < b {x}', '<', 'a < b &lt;'),
    ('1 <2 {x} <= >', '<', '1 <2 &lt; <= >'),
    # RCDATA and other elements that hold only text
    ('<title>{x}</title>', '</title><b>&amp;', '<title>&lt;/title&gt;&lt;b&gt;&amp;amp;</title>'),
    ('<title>{x}</title>', Markup('</title><b>R&amp;D'), '<title>&lt;/title&gt;&lt;b&gt;R&amp;D</title>'),
    ('<textarea rows="3">{x}</textarea>', Markup('</TEXTAREA>'),
     '<textarea rows="3">\n&lt;/TEXTAREA&gt;</textarea>'),
    ('<TITLE><b title={x}</Title>{x}', Markup('<i>'), '<TITLE><b title=&lt;i&gt;</Title><i>'),
    ('<title><a href="{x}</title>', ':', '<title><a href=":</title>'),
    ('<title>{.x}</title>', Markup('<b>'), '<title>&lt;b&gt;</title>'),
    ('<iframe>{x}</iframe>', Markup('</iframe>'), '<iframe>&lt;/iframe&gt;</iframe>'),
    # a browser drops the first line end: it is not the value's
    ('<textarea name="{x}">{x}</textarea><PRE class=a>{x}</PRE>', '\na',
     '<textarea name="\na">\n\na</textarea><PRE class=a>\na</PRE>'),
    ('<pre>{x}</pre><pre id="{x}">{x}</pre><pre>>{x}</pre>', 'a',
     '<pre>\na</pre><pre id="a">\na</pre><pre>>a</pre>'),
    # a value does not go on with a character reference that the text has begun
    ('R&{x} &#3{x} &co{x}; &amp{x} &amp;{x}', 'lt;', 'R&amp;lt; &#3;lt; &amp;colt;; &amp;lt; &amp;lt;'),
    ('<p title="&{x}" onclick="f(\'&{x}\')">', '#39;+f()+', '<p title="&amp;#39;+f()+" '
     'onclick="f(\'&amp;#39;+f()+\')">'),
    ('<a href="?a=1&{x}={x}">', 'copy', '<a href="?a=1&amp;copy=copy">'),
    ('<script>a &&{x}</script>', 1, '<script>a &&1</script>'),
    # quoted attributes
    ('<p title="{x}">', '"<&\'', '<p title="&quot;&lt;&amp;&#x27;">'),
    ("<p title='{x}'>", '"<&\'', "<p title='&quot;&lt;&amp;&#x27;'>"),
    ('<p title="{x}">', Markup('<b title="t">R&amp;D</b>'),
     '<p title="&lt;b title=&quot;t&quot;&gt;R&amp;D&lt;/b&gt;">'),
    ('<p title="{x}">', ['<', Markup('"&amp;'), None, 3], '<p title="&lt;&quot;&amp;3">'),
    ('<p title="{.x}">', Markup('"&amp;'), '<p title="&quot;&amp;">'),
    ('<p\ntitle\n=\n"a > b {x}" class=c>', '"', '<p\ntitle\n=\n"a > b &quot;" class=c>'),
    ('<p a=b c d="{x}"/>', '"', '<p a=b c d="&quot;"/>'),
    ('<input value="{x}" disabled>{x}', 7, '<input value="7" disabled>7'),
    ('<p title="{x}">', None, '<p title="">'),
    ('<p title\xa0onclick="{x}">', 'a b', '<p title\xa0onclick="a b">'),
    ('<p \xa0=\x0b href=x style=\x0b title="{x}">', 'a:b', '<p \xa0=\x0b href=x style=\x0b title="a:b">'),
    ('<meta name="description" content="{x}">', 'a:b', '<meta name="description" content="a:b">'),
    # URLs
    ('<a href="{x}">', '/a b?c=d&e', '<a href="/a%20b?c=d&amp;e">'),
    ('<a href="{x}">', 'javascript:alert(1)', '<a href="about:invalid#kali">'),
    ('<a href="{x}">', ' \x01JAVA\tSCRIPT\n:alert(1)', '<a href="about:invalid#kali">'),
    ('<a href="{x}">', 'vbscript:x', '<a href="about:invalid#kali">'),
    ('<a href="{x}">', 'data:text/html,<script>', '<a href="about:invalid#kali">'),
    ('<a href="{x}">', Markup('javascript:alert(1)'), '<a href="about:invalid#kali">'),
    ('<a href="{x}">', 'https://example.com/é?q=1#f', '<a href="https://example.com/%C3%A9?q=1#f">'),
    ('<a href="{x}">', 'mailto:a@example.com', '<a href="mailto:a@example.com">'),
    ('<a href="{x}">', '12:30', '<a href="12:30">'),
    ('<a href="{x}">', '"onclick="', '<a href="%22onclick=%22">'),
    ("<a href='{x}'>", "'onclick='", "<a href='&#x27;onclick=&#x27;'>"),
    ('<img src="{x}">', 'data:image/png;base64,AA==', '<img src="data:image/png;base64,AA==">'),
    ('<img src="{x}">', 'data:image/svg+xml,<svg>', '<img src="about:invalid#kali">'),
    ('<img src="data:image/png;base64,{x}">', 'AA=="', '<img src="data:image/png;base64,AA==%22">'),
    ('<a href="/task/{x}/edit">', 'a/b c"', '<a href="/task/a/b%20c%22/edit">'),
    ('<a href="/task/{x}">', 'javascript:1', '<a href="/task/javascript:1">'),
    ('<a href="{x}/edit">', 'javascript:1', '<a href="about:invalid#kali/edit">'),
    ('<a href="java{x}">', 'script:alert(1)', '<a href="javascript%3Aalert(1)">'),
    ('<a href="/a?q={x}&amp;r={x}">', 'a&b=c #é',
     '<a href="/a?q=a%26b%3Dc%20%23%C3%A9&amp;r=a%26b%3Dc%20%23%C3%A9">'),
    ('<a href="?q={x:url}">', 'a&b', '<a href="?q=a%26b">'),
    ('<a href="/{x:url}">', 'a/b', '<a href="/a%2Fb">'),
    ('<a href="#{x}">', 'a b', '<a href="#a%20b">'),
    ('<a href="{x}{x}">', 'javascript', '<a href="javascriptjavascript">'),
    ('<a href="{x}?q={x}">', '/&', '<a href="/&amp;?q=%2F%26">'),
    ('<a href="mailto:{x}?subject={x}">', 'a b', '<a href="mailto:a%20b?subject=a%20b">'),
    ('<a href="http://{x}:8080/">', 'host', '<a href="http://host:8080/">'),
    ('<a href="javascript:void(0)" title="{x}">', ':', '<a href="javascript:void(0)" title=":">'),
    ('<form ACTION = "{x}">', 'javascript:1', '<form ACTION = "about:invalid#kali">'),
    ('<svg><a xlink:href="{x}">', 'javascript:1', '<svg><a xlink:href="about:invalid#kali">'),
    ('<object data="{x}"></object><p data="{x}">', 'x:1',
     '<object data="about:invalid#kali"></object><p data="x:1">'),
    ('<a href="?{x}">', 7, '<a href="?7">'),
    # script
    ('<script>let a = {x};</script>', {'k': ['</script>', None, True, 1.5]},
     '<script>let a = {"k": ["\\u003c/script\\u003e", null, true, 1.5]};</script>'),
    ('<script>let a = {x};</script>', None, '<script>let a = null;</script>'),
    ('<script>let a = {x}</script>', 'a\u2028<!--', '<script>let a = "a\\u2028\\u003c!--"</script>'),
    ('<script>f({x:json})</script>', [1], '<script>f([1])</script>'),
    ('<script>let a = "{x}";</script>', '"</script>\n\\',
     '<script>let a = "\\u0022\\u003c/script\\u003e\\u000a\\u005c";</script>'),
    ("<script>let a = '{x}';</script>", "'+x+'", "<script>let a = '\\u0027+x+\\u0027';</script>"),
    ('<script>let a = `$ {x} `;</script>', '${x}`{y}',
     '<script>let a = `$ \\u0024\\u007bx}\\u0060\\u007by} `;</script>'),
    ('<script>let a = `$' '{x}`;</script>', '{evil()}', '<script>let a = `$\\u007bevil()}`;</script>'),
    ('<script>let a = `${ "}" }{x}`, b = {x};</script>', 'y',
     '<script>let a = `${ "}" }y`, b = "y";</script>'),
    ('<script>// it\'s {x}\nlet a = {x}; /* " {x} */ b({x})</script>', 'y',
     '<script>// it\'s \nlet a = "y"; /* "  */ b("y")</script>'),
    ('<script>a = /["\'/]/.test(b) / 2; c = {x}</script>', 'y',
     '<script>a = /["\'/]/.test(b) / 2; c = "y"</script>'),
    ('<script>a = b / "{x}" / 2; c = {x}</script>', 'y', '<script>a = b / "y" / 2; c = "y"</script>'),
    ('<script>return /"/; f({x})</script>', 'y', '<script>return /"/; f("y")</script>'),
    ('<script>let a = ({x} / 2) / "{x}"</script>', 'y', '<script>let a = ("y" / 2) / "y"</script>'),
    ('<script>if (f(a)) /"/.test(b); c = {x}</script>', 'y',
     '<script>if (f(a)) /"/.test(b); c = "y"</script>'),
    ('<script>for (;;) /"/.test(b); c = (a) / "{x}"</script>', 'y',
     '<script>for (;;) /"/.test(b); c = (a) / "y"</script>'),
    ('<script>a = i++ / 2 + "/"; b = i-- / "{x}"; c = {x}</script>', 'y',
     '<script>a = i++ / 2 + "/"; b = i-- / "y"; c = "y"</script>'),
    ('<script>a = b.in / 2 + "/"; c = 1. / "{x}" + [.../"/g]; d = {x}</script>', 'y',
     '<script>a = b.in / 2 + "/"; c = 1. / "y" + [.../"/g]; d = "y"</script>'),
    ('<script>a = "b\\\r\n{x}"; c = /[\\]"]/; d = `${ {a: f({}) } }{x}` / 2; e = {x}</script>', '1',
     '<script>a = "b\\\r\n1"; c = /[\\]"]/; d = `${ {a: f({}) } }1` / 2; e = "1"</script>'),
    ('<script>function f() { return 1 } // it\'s\nf({x})</script>', 'y',
     '<script>function f() { return 1 } // it\'s\nf("y")</script>'),
    ('<script>a = b -{x}; f({x}, {a: [{x}]})</script>', -1,
     '<script>a = b - -1; f( -1, {a: [ -1]})</script>'),
    ('<script>"<!-- " + "-->" + "<script>"; f({x})</script>', 1,
     '<script>"<!-- " + "-->" + "<script>"; f(1)</script>'),
    ('<script>let a = "\\"{x}"</script>', 'y', '<script>let a = "\\"y"</script>'),
    ('<script type="text/template"><b>{{ y }} {{{z}}} "\'`<!-- </script>{x}', '<',
     '<script type="text/template"><b>{{ y }} {{z}} "\'`<!-- </script>&lt;'),
    *[(f'<script {kind}>{{x}}</script>', ['</script>', -1],
       f'<script {kind}>["\\u003c/script\\u003e", -1]</script>')
      for kind in ('type="module"', 'type=module', 'type=""', 'type', "type='text/javascript'",
                   'TYPE="Text/JScript"', 'type="application/ecmascript"', 'type="importmap"',
                   'type="speculationrules"',
                   'src="a" async', 'type="application/ld+json"',
                   'type="application/json" id="a"', 'data-type="text/template"')],
    ('<script type="application/json">{"a": "x{x}"}</script>', '"<\\',
     '<script type="application/json">{"a": "x\\u0022\\u003c\\u005c"}</script>'),
    ('<script type="application/json">{x}</script>', {'a': '&'},
     '<script type="application/json">{"a": "\\u0026"}</script>'),
    ('<script>{.x}</script>', Markup('f("<b>")'), '<script>f("<b>")</script>'),
    ('<script>"<b title="</script>{x}', '<', '<script>"<b title="</script>&lt;'),
    ('<script>let d = {x}</script>', [date(2024, 5, 3), Decimal('1.50'), Markup('<b>')],
     '<script>let d = ["2024-05-03", "1.50", "\\u003cb\\u003e"]</script>'),
    # event handlers: the same inside an attribute
    ('<p onclick="f({x})">', 'a"\'', '<p onclick="f(&quot;a\\&quot;&#x27;&quot;)">'),
    ('<p onclick="location=\'/task/{x}\'">', "1'+f()+'",
     '<p onclick="location=\'/task/1\\u0027+f()+\\u0027\'">'),
    ('<p OnClick="f(&quot;{x}&quot;)">', '"', '<p OnClick="f(&quot;\\u0022&quot;)">'),
    ('<p data-on-click="@get(\'/x/{x}\')">', "'", '<p data-on-click="@get(\'/x/\\u0027\')">'),
    ('<p @click="f({x})" x-on:click="{x}" v-on:a="{x}">', None,
     '<p @click="f(null)" x-on:click="null" v-on:a="null">'),
    ('<p data-online="{x}">', 'a', '<p data-online="a">'),
    # style
    ('<p style="width: {x}">', '12px', '<p style="width: 12px">'),
    ('<p style="width: {x}%">', 12, '<p style="width: 12%">'),
    ('<p style="color: {x}">', 'rgb(1, 2, 3)', '<p style="color: rgb(1, 2, 3)">'),
    ('<p style="color: {x}">', 'red; background: url(x)', '<p style="color: kali-invalid">'),
    ('<p style="width: {x}">', 'expression(alert(1))', '<p style="width: kali-invalid">'),
    ('<p style="width: {x}">', '1/**/', '<p style="width: kali-invalid">'),
    ('<style>a { color: {x} }</style>', '</style>', '<style>a { color: kali-invalid }</style>'),
    ('<style>a { color: {x} }</style>', '#fff', '<style>a { color: #fff }</style>'),
    ('<style>a::after { content: "{x}" }</style>', 'a"</style>\\',
     '<style>a::after { content: "a\\22 \\3c /style\\3e \\5c " }</style>'),
    ("<p style=\"background: url('{x}')\">", "/a b'", "<p style=\"background: url('/a%20b\\27 ')\">"),
    ('<style>a { background: url("{x}") }</style>', 'javascript:1',
     '<style>a { background: url("about:invalid#kali") }</style>'),
    ('<style>a::after { content: "b\\\r\n{x}" }</style>', ';}',
     '<style>a::after { content: "b\\\r\n;\\7d " }</style>'),
    ('<style>/* {x} " */ a { b: {x} }</style>', 'c', '<style>/*  " */ a { b: c }</style>'),
    # comments
    ('<!-- {x} -->{x}', '-->', '<!--  -->--&gt;'),
    ('<!--> {x}', '<', '<!--> &lt;'),
    ('<!---> {x}', '<', '<!---> &lt;'),
    ('<!--!> {x} --> {x}', '<', '<!--!>  --> &lt;'),
    ('<!-- {.x} " --!>{x}', '<', '<!--  " --!>&lt;'),
]


@pytest.mark.parametrize(('text', 'value', 'result'), PLACES)
def test_places(text, value, result):
    assert Template(text)(x=value) == result


REFUSED = [
    # text, line, column, part of the message
    ('<p title={x}>', 1, 10, '{x}: an attribute\'s value with a placeholder needs quotes: write title="{x}"'),
    ('<p title=a{x}>', 1, 11, 'needs quotes'),
    ('<p\n {x}>', 2, 2, 'write name="{x}", or <?if …?> name<?end?>'),
    ('<p {x}="a">', 1, 4, 'among the attributes'),
    ('<p data-{x}="a">', 1, 9, "part of an attribute's name"),
    ('<p title {x}>', 1, 10, 'write title="{x}"'),
    ('<{x}>', 1, 2, 'write &lt;'),
    ('<h{x}>', 1, 3, "a tag's name"),
    ('</{x}>', 1, 3, "a tag's name"),
    ('<!DOCTYPE {x}>', 1, 11, '<!declaration>'),
    ('<a href="javascript:f({x})">', 1, 23, 'javascript: or data:'),
    ('<a href="&#106;avascript:f({x})">', 1, 28, 'javascript: or data:'),
    ('<a href="data:text/html,{x}">', 1, 25, 'javascript: or data:'),
    ('<a href="{x}:{x}">', 1, 13, 'scheme of a URL'),
    ('<a href="{x}:f()">', 1, 13, 'scheme of a URL'),
    ('<a href="/<?if x?>?a=<?end?>{x}">', 1, 29, 'path or query'),
    ('<script>a = /{x}/</script>', 1, 14, 'regular expression'),
    ('<script>a = /[/{x}]/</script>', 1, 16, 'regular expression'),
    ('<script>a = `${ f({x}) }`</script>', 1, 19, 'template literal'),
    ('<script>a = {b: 1} / 2 + "/"; c = {x}</script>', 1, 35, 'may divide or begin a regular expression'),
    ('<script>a = b<?if x?>)<?end?> /"/ {x}</script>', 1, 35, 'may divide or begin a regular expression'),
    ('<script><?if x?>a<?else?>=<?end?> /"/; b = "{x}"</script>', 1, 45, 'may divide or begin'),
    ('<script>"<!--"</script>{x}<script>a = "<!--{x}<script>"</script>', 1, 47, 'makes its end ambiguous'),
    ('<a href="<?if x?>javascript:<?end?>{x}">', 1, 36, 'javascript: or data:'),
    ('<a href="<?for y in x?>javascript:{y}<?end?>">', 1, 35, 'javascript: or data:'),
    ('<style>a { b: url({x}) }</style>', 1, 19, 'write url("…")'),
    # attributes that hold more than one value, a document, or what may become a link
    ('<iframe srcdoc="{x}"></iframe>', 1, 17, 'srcdoc, which is read as a document'),
    ('<img src="a" srcset="{x} 2x, /b 3x">', 1, 22, 'srcset, whose blanks and commas part several URLs'),
    ('<link imagesrcset="/a,b.png 1x, {x} 2x">', 1, 33, 'imagesrcset, whose blanks'),
    ('<svg><set attributeName="href" to="{x}"/>', 1, 36, 'to of an animation'),
    ('<svg><animate from="0" values="0;{x}">', 1, 34, 'values of an animation'),
    ('<meta http-equiv="refresh" content="0; url={x}">', 1, 44, 'answer with Response.redirect'),
    ('<meta content="0; URL =\'{x}\'" http-equiv=refresh>', 1, 25, 'answer with Response.redirect'),
    ('<meta content="0<?if x?>; url=<?end?>{x}">', 1, 38, 'answer with Response.redirect'),
    # scripts that are neither JavaScript nor JSON
    ('<script type="text/template"><p>{x}</script>', 1, 33, "a script of the type 'text/template'"),
    ('<script id=a type=text/x-handlebars class="b">{x}</script>', 1, 47,
     "'text/x-handlebars': only JavaScript"),
    ('<script\n TYPE = " Text/HTML " id="a">{x}</script>', 2, 30, "'text/html': only JavaScript and JSON"),
    ("<script type='x-shader/x-vertex'>{x}</script>", 1, 34, "'x-shader/x-vertex'"),
    ('<script type="text/babel">{.x}</script>', 1, 27, "'text/babel'"),
    ('<script type="text/javascript; charset=utf-8">{x}</script>', 1, 47, 'for HTML use <template>'),
    ('<script type="text/plain" type="module">{x}</script>', 1, 41, "'text/plain'"),
    ('<script type="text/<?if x?>template<?end?>">{x}</script>', 1, 20, 'one branch ends in the value of t'),
    ('<script type="{x}">', 1, 15, 'may not make the type of a script'),
    # text that is not whole
    ('<p>\n<p title="a', 2, 1, 'ends in the value of title'),
    ('<!-- {x}', 1, 1, 'ends in a comment'),
    ('<script>{x}', 1, 1, 'ends in <script>'),
    ('a <b', 1, 3, 'ends in the tag <b>'),
    # blocks that break the HTML around them
    ('<?if x?><p title="<?end?>a">', 1, 1,
     '<?if x?>: one branch ends in the value of title, another in text'),
    ('<?if x?><!--<?else?>a<?end?>', 1, 1, 'one branch ends in a comment'),
    ('<p<?if x?> a<?end?>b>', 1, 20, "'b>': after a block in a tag comes a blank or"),
    ('<p<?if x?> a=b<?end?>/>', 1, 22, 'a blank or ">"'),
    ('<?for y in x?><script><?end?>', 1, 1,
     "<?for y in x?>: the loop's body begins in text and ends in <script>"),
    ('<script><?for y in x?>"<?end?></script>', 1, 9,
     "the loop's body begins in <script> and ends in <script>"),
]


@pytest.mark.parametrize(('text', 'line', 'column', 'message'), REFUSED)
def test_refused(text, line, column, message):
    with pytest.raises(TemplateError) as caught:
        Template(text, filename='page.tpl')
    assert message in str(caught.value)
    assert (caught.value.filename, caught.value.line, caught.value.column) == ('page.tpl', line, column)


FLOWS = [
    ('<option<?if x?> selected<?end?>>{x}', {'x': '<'}, '<option selected>&lt;'),
    ('<option <?if x?>selected<?end?>>{x}', {'x': '<'}, '<option selected>&lt;'),
    ('<p<?if x?> title="{x}"<?else?> class=a<?end?> lang="{x}">', {'x': '"'},
     '<p title="&quot;" lang="&quot;">'),
    ('<p<?for y in x?> data-{{a}}="{y}"<?end?>>{x}', {'x': '<'}, '<p data-{a}="&lt;">&lt;'),
    ('<p class="a<?if x?> {x}<?end?>">', {'x': '"'}, '<p class="a &quot;">'),
    ('<a href="/<?if x?>a?b={x}<?else?>c<?end?>">', {'x': '&'}, '<a href="/a?b=%26">'),
    ('<a href="/<?if x?>a?b=1<?end?>#{x}">', {'x': '&'}, '<a href="/a?b=1#%26">'),
    ('<a href="?<?for y in x?>a={y}&amp;<?end?>">', {'x': '&='}, '<a href="?a=%26&amp;a=%3D&amp;">'),
    ('<a href="<?if x?>{x}<?end?>/y/{x}">', {'x': 'a:b'}, '<a href="about:invalid#kali/y/a:b">'),
    ('<script>f([<?for y in x?>{y},<?end?>])</script>', {'x': '<'}, '<script>f(["\\u003c",])</script>'),
    ('<script>let a = <?if x?>"{x}"<?else?>{x}<?end?> / 2, b = "{x}"</script>', {'x': '"'},
     '<script>let a = "\\u0022" / 2, b = "\\u0022"</script>'),
    ('<script>if (a) { <?if x?>if (b) {<?end?> f({x}) <?if x?>}<?end?> }</script>', {'x': 1},
     '<script>if (a) { if (b) { f(1) } }</script>'),
    ('<script><?if x?>f(<?end?>{x}<?if x?>)<?end?></script>', {'x': 1}, '<script>f(1)</script>'),
    ('<!-- <?for y in nothing?>{y.z}<?end?> {gone} -->a', {}, '<!--   -->a'),
    ('<!-- <?if x?>a -->{x}<?else?>-->b<?end?>', {'x': '<'}, '<!-- a -->&lt;'),
    ('<textarea><?for y in x?>{y}\n<?end?></textarea>', {'x': ['</textarea>']},
     '<textarea>\n&lt;/textarea&gt;\n</textarea>'),
]


@pytest.mark.parametrize(('text', 'bindings', 'result'), FLOWS)
def test_places_flow_through_blocks(text, bindings, result):
    assert Template(text)(**bindings) == result


def test_raw_needs_markup_outside_text():
    for text in ('<title>{.x}</title>', '<p title="{.x}">', '<script>{.x}</script>', '<a href="{.x}">'):
        template = Template(text)
        with pytest.raises(TypeError, match=r'only Markup here, not str: write \{name\}'):
            template(x='a')
        assert 'a' in template(x=Markup('a'))


def test_a_section_is_checked_for_the_place_where_it_stands():
    page = Template('<title>{t}</title><h1 title="{t}">{t}</h1><a href="{t}">')
    made = page.assembly(t='<b>{x}')(x=Markup('<"'))
    assert made == '<title><b>&lt;&quot;</title><h1 title="<b>&lt;&quot;"><b><"</h1><a href="<b>%3C%22">'
    script = Template('<script>f({t})</script>').assembly(t='[{x}, "{x}"]')
    assert script(x='<') == '<script>f(["\\u003c", "\\u003c"])</script>'


@pytest.mark.parametrize(('base', 'section', 'message'), [
    ('<title>{t}</title>', '</title>{x}', 'what is bound to t begins in <title> and ends in text'),
    ('<p title="{t}">', 'a"', 'begins in the value of title and ends in the tag <p>'),
    ('<b>{t}</b>', '<p title="', 'begins in text and ends in the value of title'),
    ('<script>{t}</script>', '"', 'begins in <script>'),
    ('<b>{t}</b>', '<p title={x}>', 'needs quotes'),
    ('<a href="{t}:{x}">', '{x}', 'scheme of a URL'),
])
def test_sections_that_break_their_place(base, section, message):
    with pytest.raises(TemplateError, match=message):
        Template(base).assembly(t=section)


def test_whatever_the_place_a_hostile_value_adds_nothing():
    texts = [text for text, value, _ in PLACES if '{.x}' not in text and not text.startswith('<TITLE>')]
    for text in texts:
        harmless, hostile = Template(text)(x='a'), Template(text)(x=EVIL)
        assert shape(hostile) == shape(harmless), text


def shape(html):
    """Elements and names of attributes in order."""
    tree = html5lib.parseFragment(html, namespaceHTMLElements=False)
    return [(str(element.tag), sorted(map(str, element.attrib))) for element in tree.iter()]


def test_values_come_back_from_json():
    value = {'a': ['</script>', '\u2028', '"\\\'', None, True, 1.5, -3], 'é': {'x': 'y'}}
    made = Template('<script type="application/json">{x}</script>')(x=value)
    (script,) = html5lib.parseFragment(made, namespaceHTMLElements=False).iter('script')
    assert json.loads(script.text) == value


def test_json_of_what_json_does_not_know():
    connection = sqlite3.connect(':memory:')
    connection.row_factory = sqlite3.Row
    row = connection.execute('select 1 as a, null as b').fetchone()
    connection.close()
    made = json_text([row, {1}, (n for n in 'ab'), b'\xc3\xa9'])
    assert made == '[{"a": 1, "b": null}, [1], ["a", "b"], "é"]'


def test_literal_text_may_come_in_pieces():
    whole = ('<a b="c" d>e</a><p  f = \'g\' h=i j/ k ><title>l</title><script>"m"</script>'
             '<!DOCTYPE n><style>o</style>')
    for at in range(len(whole)):
        if '</' not in whole[max(0, at - 7):at] and whole[at - 1] != '<':
            assert advance(advance(TEXT, whole[:at]), whole[at:]) == TEXT, whole[:at]
    for begun in ('<', '<a'):
        for end in ('a>', 'a b="c">', '!-- ', 'b/>', '> ', '/b>'):
            assert advance(advance(TEXT, begun), end) == advance(TEXT, begun + end), begun + end


def test_a_loop_flows_from_preamble_to_epilogue():
    loop = TemplateLoop('<script>f([', '"{x}", ', '])</script>', '<p title="{x}">')
    assert loop.loop([{'x': '"'}]) == '<script>f(["\\u0022", ])</script>'
    assert loop.loop([], {'x': '"'}) == '<p title="&quot;">'


class Level(Enum):
    LOW = 1
    HIGH = 'up'


JSON = [
    (float('nan'), 'null'), ([float('inf'), -float('inf'), 1.5, -0.0], '[null, null, 1.5, -0.0]'),
    ({date(2026, 1, 2): 1, Decimal('1.50'): 2}, '{"2026-01-02": 1, "1.50": 2}'),
    ({None: 'b', True: 'c', 1.5: 'd', float('nan'): 'e'},
     '{"null": "b", "true": "c", "1.5": "d", "nan": "e"}'),
    ({Level.LOW: Level.HIGH, (1, 2): [Level.LOW]}, '{"1": "up", "(1, 2)": [1]}'),
    ({'when': datetime(2026, 1, 2, 3, 4), 'n': Decimal('NaN'), 't': time(9)},
     '{"when": "2026-01-02 03:04:00", "n": "NaN", "t": "09:00:00"}'),
    ([{}, [], (), None, '', Markup('<b>')], '[{}, [], [], null, "", "<b>"]'),
    ({date(2026, 1, 2): {1, float('inf')} - {1}}, '{"2026-01-02": [null]}'),
]


@pytest.mark.parametrize(('value', 'text'), JSON, ids=str)
def test_json_is_valid_whatever_the_value(value, text):
    assert json.dumps(json.loads(text, parse_constant=pytest.fail)) == text
    script = Template('<script>let a = {x}</script>')(x=value)
    assert script == f'<script>let a = {text}</script>'.replace('<b>', '\\u003c' + 'b\\u003e')


def test_json_of_no_content_says_so():
    with pytest.raises(TypeError, match='which is no content'):
        json_text({'a': [object()]})
