"""The test client as a visitor of pages: forms by their labels, links, event streams, errors, the fixture."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kali import FileUpload, NotFound, Request, Response, Router, forms
from kali.live import Channel
from kali.testing import Client
from kali.testing.page import PageError

ROOT = Path(__file__).resolve().parent.parent
HTML = '''
<title>x</title><base href="/base/">
<a href="one">One</a> <a href="/two#there">Two <b>more</b></a> <a name="anchor">no link</a>
<form action="search"><input type=search name=q value="tea"><button>Find</button></form>
<form method=post action="/save?x=1" id=big enctype="%s">
  <label>Name <input name=name value="old"></label>
  <label for=c>Comment</label><textarea id=c name=comment>
line one
line two</textarea>
  <label><input type=checkbox name=news checked> News</label>
  <label><input type=checkbox name=tag value=a> A</label>
  <label><input type=checkbox name=tag value=b> B</label>
  <label><input type=radio name=size value=s checked> Small</label>
  <label><input type=radio name=size value=l> Large</label>
  <label>Kind <select name=kind>
    <option value=1>First<option value=2>Second<option disabled>Third</select></label>
  <label>Many <select name=many multiple><option selected>x<option>y<option>z</select></label>
  <label>File <input type=file name=file></label>
  <input type=hidden name=id value=17><input name=off disabled value=no><input name=fixed readonly value=yes>
  <fieldset disabled><input name=out value=no></fieldset>
  <input value="no name"><input type=reset value=Reset><button type=button name=b value=no>Nothing</button>
  <button name=do value=save>Save</button><input type=submit name=do value="Save as new">
  <button formaction="/other" formmethod=get>Look</button><button disabled>Not now</button>
</form>
<input form=big name=outside value=in>
'''


def echo(request: Request) -> Any:
    return Response.json([request.method, request.target, [
        [name, value if isinstance(value, str) else [value.filename, value.content_type, value.size]]
        for name, value in request.fields.items()]])


def shown(kind: str = '') -> Any:
    """The form of a page that has everything."""
    router = Router()
    router.get('/')(lambda: HTML % kind)
    router.delegate('', echo)
    return Client(router).get('/').form('Save')


PLAIN = [['name', 'old'], ['comment', 'line one\r\nline two'], ['news', 'on'], ['size', 's'], ['kind', '1'],
         ['many', 'x'], ['file', ''], ['id', '17'], ['fixed', 'yes'], ['outside', 'in'], ['do', 'save']]


def changed(*pairs: tuple[str, Any]) -> list[list[Any]]:
    """PLAIN with other values; None leaves one out."""
    found = dict(pairs)
    return [[name, found.get(name, value)] for name, value in PLAIN if found.get(name, value) is not None]


@pytest.mark.parametrize('fields, sent', [
    ({}, PLAIN),
    ({'Name': 'Ann'}, changed(('name', 'Ann'))),
    ({'name': 'a\r\nb'}, changed(('name', 'ab'))),
    ({'Comment': 'x\ny'}, changed(('comment', 'x\r\ny'))),
    ({'news': False}, changed(('news', None))),
    ({'size': 'l'}, changed(('size', 'l'))),
    ({'size': 'Large'}, changed(('size', 'l'))),
    ({'Kind': 'Second'}, changed(('kind', '2'))),
    ({'kind': 2}, changed(('kind', '2'))),
    ({'many': []}, changed(('many', None))),
])
def test_what_a_form_sends(fields: dict[str, Any], sent: list[list[Any]]) -> None:
    assert shown().fill(fields).submit().json == ['POST', '/save?x=1', sent]


def test_several_boxes_and_several_choices() -> None:
    fields = shown().fill(tag=['a', 'b'], many=['y', 'z']).submit().json[2]
    assert [pair for pair in fields if pair[0] in ('tag', 'many')] == [
        ['tag', 'a'], ['tag', 'b'], ['many', 'y'], ['many', 'z']]


def test_a_file_goes_in_parts() -> None:
    form = shown('multipart/form-data').fill(file=FileUpload('a.txt', 'text/plain', b'milk'), name='Jürgen')
    method, target, fields = form.submit().json
    assert (method, target) == ('POST', '/save?x=1')
    assert ['file', ['a.txt', 'text/plain', 4]] in fields
    assert ['name', 'Jürgen'] in fields
    assert 'file' not in dict(shown('multipart/form-data').submit().json[2])


def test_the_button_decides() -> None:
    assert shown().submit('Save as new').json[2][-1] == ['do', 'Save as new']
    method, target, _ = shown().submit('Look').json
    assert (method, target.split('?')[0]) == ('GET', '/other')


@pytest.mark.parametrize('act, words', [
    (lambda form: form.fill(nothing='x'), "no field 'nothing' in <Form with Name, Comment, News"),
    (lambda form: form.fill(kind='Fourth'), "no choice 'Fourth'; there are: 'First', 'Second'"),
    (lambda form: form.fill(kind='Third'), "no choice 'Third'"),
    (lambda form: form.fill(size='m'), "no choice 'm'"),
    (lambda form: form.fill(off='x'), 'disabled or readonly'),
    (lambda form: form.fill(fixed='x'), 'disabled or readonly'),
    (lambda form: form.fill(out='x'), 'disabled or readonly'),
    (lambda form: form.submit('Nothing'), "no button 'Nothing'"),
    (lambda form: form.submit('Not now'), 'is disabled'),
])
def test_what_a_user_could_not_do(act: Any, words: str) -> None:
    with pytest.raises(PageError, match=words):
        act(shown())


def test_links_and_a_search() -> None:
    router = Router()
    router.get('/')(lambda: HTML % '')
    router.delegate('', echo)
    page = Client(router).get('/')
    assert page.links == [('One', '/base/one'), ('Two more', '/two#there')]
    assert page.click('Two more').json[1] == '/two'
    assert page.form('Find').fill(q='R&D').submit().json[:2] == ['GET', '/base/search?q=R%26D']
    with pytest.raises(PageError, match='has 2 forms where one form is wanted'):
        page.form()
    with pytest.raises(PageError, match="0 links 'Three'"):
        page.click('Three')


def test_a_form_of_kali_from_page_to_page() -> None:
    app, saved = Router(), []

    @app.servlet('/new')
    class New(forms.Formlet):
        def __init__(self) -> None:
            super().__init__({'name': forms.Entry(lens=forms.TYPICAL)})

        def get_native(self) -> dict[str, Any]:
            return {}

        def save(self, native: Any, request: Request) -> Response:
            saved.append(native['name'])
            return Response.redirect('/done')
    app.get('/done')(lambda: 'Done')
    page = Client(app).get('/new')
    assert page.form().fill(name='Ann').submit().text == 'Done'
    assert saved == ['Ann']


@pytest.mark.parametrize('method', ['put', 'patch', 'delete'])
def test_other_methods(method: str) -> None:
    client = Client(echo)
    assert getattr(client, method)('/x').json == [method.upper(), '/x', []]
    assert getattr(client, method)('/x', form={'a': '1'}).json[2] == [['a', '1']]


def test_events_as_they_come() -> None:
    channel = Channel(keep_alive=0.05)
    router = Router()
    router.get('/events')(channel.stream)
    router.get('/page')(lambda: 'no stream')
    with Client(router) as client:
        with closing(client.events('/events', seconds=5)) as events:
            channel.publish('tea')
            channel.publish('cake')
            assert [next(events).data, next(events).data] == ['tea', 'cake']
        with closing(client.events('/events', seconds=0.2)) as events, pytest.raises(TimeoutError):
            next(events)
        with pytest.raises(ValueError, match='no event stream'):
            client.events('/page')


def fail(request: Request) -> None:
    raise (LookupError('lost') if request.target == '/bug' else NotFound('nothing here'))


def test_errors_come_out_if_asked_for() -> None:
    assert Client(fail).get('/bug').status == 500
    with pytest.raises(LookupError, match='lost'):
        Client(fail, raise_errors=True).get('/bug')
    assert Client(fail, raise_errors=True).get('/mistake').status == 404


def test_the_fixture(tmp_path: Path) -> None:
    (tmp_path / 'test_it.py').write_text('''
from contextlib import contextmanager
from kali.http.around import Around
log = []
@contextmanager
def life(host):
    log.append('in')
    yield
    log.append('out')
app = Around(lambda request: 'tea', lambda request: 'tea' if request.target == '/' else 1 / 0, [life])
def test_tea(kali_client):
    assert kali_client(app).get('/').text == 'tea'
    assert log == ['in']
def test_after():
    assert log == ['in', 'out']
def test_bug(kali_client):
    kali_client(app).get('/bug')
''', encoding='utf-8')
    done = subprocess.run([sys.executable, '-m', 'pytest', '-q', '-p', 'kali.testing.plugin', str(tmp_path)],
                          cwd=ROOT, capture_output=True, text=True, check=False)
    assert 'ZeroDivisionError' in done.stdout
    assert '1 failed, 2 passed' in done.stdout
