"""Hostile values in every place of a page, in a real browser: nothing runs, and each shows as it is."""

import re

from kali.markup import Markup
from kali.templates import Template

RUN = 'window.hits.push(1)'
HOSTILE = [
    f'<script>{RUN}</script>', f'</script><script>{RUN}</script>', f'<img src=x onerror="{RUN}">',
    f'" onmouseover="{RUN}" autofocus onfocus="{RUN}" x="', f"' onclick='{RUN}' x='",
    f'javascript:{RUN}', f' \tjava\nscript:{RUN}', f'";{RUN};"', f"';{RUN};'", f'`+{RUN}+`', f'${{{RUN}}}',
    f'{{{RUN}}}', f'*/{RUN}/*',
    f'\\";{RUN}//', f'\u2028{RUN}', f'--><script>{RUN}</script>', f'</title><script>{RUN}</script>',
    f'</textarea><svg onload="{RUN}">', f'</style><script>{RUN}</script>',
    f'data:text/html,<script>{RUN}</script>',
    f'x:expression({RUN})', f'&quot;;{RUN};&quot;', f'&#39;;{RUN};&#39;',
    f'<iframe srcdoc="<script>parent.{RUN}</script>">',
    f'#39;);{RUN}//', f'quot;;{RUN}//', f'/.test(1);{RUN}//', f';{RUN};', f'){RUN}(',
    f'<!--<script>{RUN}//', f'data:image/svg+xml,<svg onload="{RUN}"/>', f'0;url=javascript:{RUN}', ']]>',
]
PLACES = Template('''<!DOCTYPE html><html><head><title>{x}</title><meta name="a" content="{x}">
<script>window.hits = []; window.got = {x}; window.also = "{x}"
window.others = '{x}' + `{x}` // {x}
/* {x} */ window.last = `$` + `${ 1 }{x}`
if (window.last) /"/.test(1); window.after = {x}; var i = 1; i++ / 2 + "/"; window.after += {x}</script>
<script type="application/json" id="data">{x}</script>
<style>#box { color: {x} } #box::after { content: "{x}"; background: url('{x}') }</style></head><body>
<!-- {x} --><p id="box" title="{x}" lang='{x}' style="width: {x}; background: url('{x}')"
    onclick="window.clicked = {x}; window.twice = '{x}'; window.thrice = '&{x}'" data-on-click="f('{x}')"
    >{x}</p>
<a href="{x}">a</a><a href=" {x}">a</a><a href="{x}{x}">a</a><a href="java{x}">a</a><a href="#?q={x}">a</a>
<img src="{x}"><textarea>{x}</textarea><iframe src="{x}"></iframe>
<svg>
<style>a { color: {x}; content: '{x}' }</style><script>({x}, "{x}")</script></svg>
<input value="{x}"><svg><a xlink:href="{x}"><title>{x}</title></a></svg><object data="{x}"></object>
</body></html>''')
MARKUP = Template('''<!DOCTYPE html><html><head><script>window.hits = []</script><title>{x}</title></head>
<body><p title="{x}" lang='{.x}'></p><textarea>{x}</textarea></body></html>''')


# Click on everything, let what is queued run, and tell what the page has come to.
LOOK = """async () => {
    const box = document.getElementById('box')
    for (const element of document.querySelectorAll('body, body *')) {
        for (const kind of ['mouseover', 'focus', 'click']) {
            const event = new MouseEvent(kind, {bubbles: true, cancelable: true})
            const address = element.href && (element.href.animVal ?? element.href)
            if (address && !address.startsWith('javascript:'))
                element.addEventListener('click', event => event.preventDefault())
            element.dispatchEvent(event)
        }
    }
    await new Promise(resolve => setTimeout(resolve))
    return [window.hits, window.got, window.also, window.last, window.after, window.clicked, window.twice,
        window.thrice, document.title,
        JSON.parse(document.getElementById('data').textContent), box.textContent, box.title, box.lang,
        document.querySelector('textarea').value]
}"""


def test_nothing_runs(page):
    page.route('**/*', lambda route: route.abort())  # nothing of it leaves the machine, either
    for value in HOSTILE:
        page.set_content(PLACES(x=value), wait_until='domcontentloaded')
        title = ' '.join(re.split('[ \t\n]+', value.strip(' \t\n')))
        assert page.evaluate(LOOK) == [
            [], value, value, '$1' + value, value * 2, value, value, '&' + value, title, value, value, value,
            value, value]


def test_it_would_be_seen_if_something_ran(page):
    page.route('**/*', lambda route: route.abort())
    whole = PLACES(x='a').replace('</body>', f'<script>{RUN}</script><a href="javascript:{RUN}">a</a></body>')
    whole = whole.replace('<p id="box"', f'<p id="box" onmouseover="{RUN}"')
    page.set_content(whole, wait_until='domcontentloaded')
    assert page.evaluate(LOOK)[0] == [1, 1, 1]


def test_markup_stays_in_its_place(page):
    for hostile in HOSTILE:
        page.set_content(MARKUP(x=Markup(hostile)), wait_until='domcontentloaded')
        assert page.evaluate('window.hits') == [], hostile
        assert page.evaluate('document.querySelectorAll("body *").length') == 2, hostile
