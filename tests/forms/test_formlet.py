"""Formlet: show, refuse, show again, save once."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import html5lib
import pytest

from kali.errors import BadRequest, SpentError
from kali.forms import (
    BLANKABLE,
    DATE,
    MESSAGES,
    Check,
    Entry,
    EnumLens,
    Fields,
    Formlet,
    Hidden,
    Integer,
    ListLens,
    Memo,
    Nullable,
    Pick,
    Radio,
    SaveError,
    Upload,
    ValidationError,
    render_page,
)
from kali.http.request import FileUpload, Request
from kali.http.response import Response
from kali.iolist import flatten
from kali.markup import Markup
from kali.multidict import Bag
from kali.sqlite.guard import guard
from kali.templates import Template

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element as Node

XHTML = '{http://www.w3.org/1999/xhtml}'
FORM_ID = '0123456789abcdef' * 2


class Task(Formlet):
    """A form with a bit of everything; what it saved is in `saved`."""

    ELEMENTS = {
        'title': Entry(maxlength=20, help='What is to be done?'),
        'due': Entry(lens=DATE),
        'hours': Entry(lens=Nullable(Integer(0, 99)), label='Hours & minutes'),
        'priority': Pick(EnumLens(['High', 'Low'], base=1), required='Please select a priority.'),
        'size': Radio(ListLens(['S', 'M'])),
        'done': Check(label='It is done'),
        'memo': Memo(lens=BLANKABLE),
        'key': Hidden(lens=BLANKABLE),
        'scan': Upload(accept='.pdf'),
    }
    cancel = '/tasks'

    def __init__(self) -> None:
        super().__init__(self.ELEMENTS)
        self.saved: list[dict[str, Any]] = []

    def get_native(self) -> Any:
        return {'title': 'Say "hi"', 'done': 1, 'priority': 2}

    def semantic_checks(self, native: dict[str, Any], errors: dict[str, Any]) -> None:
        if native['title'] == 'nothing':
            errors['title'] = 'is nothing to do.'

    def save(self, native: dict[str, Any], request: Request) -> Any:
        if native['title'] == 'twice':
            raise SaveError({'title': 'is there already.', 'form': 'Nothing <i>happened</i>.'})
        if native['title'] == 'loud':
            raise SaveError('The disk is full.')
        if native['title'] == 'invalid':
            raise ValidationError('The moon is full.')
        self.saved.append(native)
        return Response.redirect('/tasks')


GOOD = {'title': 'Sow', 'due': '2026-02-28', 'hours': '', 'priority': '0', 'size': 'M', 'memo': 'a\r\nb',
        'key': 'k'}


def post(formlet: Formlet, *pairs: tuple[str, Any], **changes: Any) -> Any:
    form = {**GOOD, **changes}
    return formlet.do_POST(Request('POST', form=Bag([*form.items(), *pairs])))


def page_of(answer: Any) -> Node:
    parser = html5lib.HTMLParser(strict=True)
    content = answer.content if isinstance(answer, Response) else answer
    node: Node = parser.parse(flatten(content).decode())
    return node


def by_id(page: Node, own_id: str) -> Node:
    [found] = [node for node in page.iter() if node.get('id') == own_id]
    return found


def text_of(node: Node) -> str:
    return ''.join(node.itertext())


def test_show() -> None:
    page = page_of(Task().do_GET(Request()))
    assert by_id(page, 'title').get('value') == 'Say "hi"'
    assert by_id(page, 'title').get('aria-describedby') == 'title-help'
    assert 'checked' in by_id(page, 'done').attrib
    assert by_id(page, 'priority')[0].attrib == {'value': '0'}
    assert [node.get('value') for node in by_id(page, 'priority') if 'selected' in node.attrib] == ['1']
    assert by_id(page, 'due').get('value') == ''
    assert not any('aria-invalid' in node.attrib or 'autofocus' in node.attrib for node in page.iter())
    labels = {node.get('for'): text_of(node) for node in page.iter(f'{XHTML}label') if 'for' in node.attrib}
    assert labels == {'title': 'Title *', 'due': 'Due', 'hours': 'Hours & minutes', 'priority': 'Priority *',
                      'done': 'It is done', 'memo': 'Memo', 'scan': 'Scan'}
    [form] = page.iter(f'{XHTML}form')
    assert form.attrib == {'method': 'post', 'action': '/?_save=1', 'enctype': 'multipart/form-data'}
    assert [node.get('href') for node in form.iter(f'{XHTML}a')] == ['/tasks']
    assert text_of(next(page.iter(f'{XHTML}title'))) == 'Task'
    ids = [node.get('id') for node in page.iter() if 'id' in node.attrib]
    assert len(ids) == len(set(ids))


def form_ids(page: Node) -> list[str]:
    return [node.get('value', '') for node in page.iter(f'{XHTML}input') if node.get('name') == '_form_id']


def test_every_form_has_an_id_of_its_own() -> None:
    first, second = (form_ids(page_of(Task().do_GET(Request()))) for _ in range(2))
    assert len(first) == len(second) == 1 and first != second
    assert len(first[0]) == 32


def test_save() -> None:
    task = Task()
    answer = post(task, done='1', scan=FileUpload('a.pdf', 'application/pdf', b'%PDF'), unknown='x')
    assert answer.status == 303
    [native] = task.saved
    assert native.pop('due').isoformat() == '2026-02-28'
    assert native.pop('scan').filename == 'a.pdf'
    assert native == {'title': 'Sow', 'hours': None, 'priority': 1, 'size': 'M', 'done': True, 'memo': 'a\nb',
                      'key': 'k'}


def test_what_was_typed_comes_back_with_what_is_wrong() -> None:
    task = Task()
    answer = post(task, title='', due='2026-02-30', hours='<x>', memo='\n a\n', size='XXL', _form_id=FORM_ID)
    assert answer.status == 422 and not task.saved
    page = page_of(answer)
    assert by_id(page, 'due').get('value') == '2026-02-30'
    assert by_id(page, 'hours').get('value') == '<x>'
    assert by_id(page, 'memo').text == '\n a\n'
    assert form_ids(page) == [FORM_ID]
    wrong = {node.get('id'): node.get('aria-describedby') for node in page.iter()
             if 'aria-invalid' in node.attrib}
    assert wrong == {'title': 'title-error title-help', 'due': 'due-error', 'hours': 'hours-error',
                     'size': 'size-error'}
    assert text_of(by_id(page, 'due-error')) == 'there is no 30 February 2026; a date looks like 2026-02-28.'
    assert [node.get('id') for node in page.iter() if 'autofocus' in node.attrib] == ['title']
    [summary] = [node for node in page.iter() if node.get('role') == 'alert']
    links = {node.get('href'): text_of(node) for node in summary.iter(f'{XHTML}a')}
    assert links['#title'] == 'Title: may not be blank.'
    assert links['#hours'] == f'Hours & minutes: {MESSAGES["integer"]}'
    assert list(links) == ['#title', '#due', '#hours', '#size']


@pytest.mark.parametrize(('title', 'sentences'), [
    ('nothing', ['Title: is nothing to do.']), ('twice', ['Title: is there already.',
                                                          'Nothing <i>happened</i>.']),
    ('loud', ['The disk is full.']), ('invalid', ['The moon is full.'])])
def test_checks_and_saving_may_refuse_too(title: str, sentences: list[str]) -> None:
    answer = post(Task(), title=title)
    page = page_of(answer)
    assert answer.status == 422 and by_id(page, 'title').get('value') == title
    assert [text_of(node) for node in page.iter(f'{XHTML}li')] == sentences


@pytest.mark.parametrize(('changes', 'name', 'sentence'), [
    ({'title': FileUpload('a', 'text/plain', b'x')}, 'title', MESSAGES['not text']),
    ({'done': FileUpload('a', 'text/plain', b'x')}, 'done', MESSAGES['not text']),
    ({'size': FileUpload('a', 'text/plain', b'x')}, 'size', MESSAGES['not text']),
    ({'scan': 'some text'}, 'scan', MESSAGES['not a file']),
    ({'title': 'a' * 21}, 'title', 'is 21 characters long; at most 20 are accepted.'),
    ({'title': 'a\ud800'}, 'title',
     'contains half of a character U+D800, which cannot be kept; please remove it.'),
    ({'priority': '7'}, 'priority', MESSAGES['not offered']),
    ({'priority': ''}, 'priority', 'Please select a priority.'),
    ({'hours': '1e999'}, 'hours', MESSAGES['integer']), ({'hours': '100'}, 'hours', 'must be 99 or less.'),
    ({'key': '\x00'}, 'key', None),
])
def test_bad_input_is_an_error_at_its_field(changes: dict[str, Any], name: str, sentence: str | None) -> None:
    task = Task()
    answer = post(task, **changes)
    assert answer.status == 422 and not task.saved
    page = flatten(answer.content).decode()
    if sentence:
        parsed = html5lib.parse(page)
        assert text_of(by_id(parsed, f'{name}-error')) == sentence
        assert by_id(parsed, name).get('aria-invalid') == 'true'
    else:  # nothing to point at: the summary says it
        assert f'<li>{name.capitalize()}: contains the control character U+0000' in page


def test_missing_fields_are_blank_and_the_last_of_a_repeated_one_counts() -> None:
    task = Task()
    assert task.do_POST(Request('POST', form={})).status == 422
    assert post(task, ('title', 'Reap')).status == 303
    assert task.saved[0]['title'] == 'Reap'


@pytest.mark.parametrize('form_id', ['x', 'A' * 32, '0' * 33, '0' * 31 + '\n', FileUpload('a', 'b', b'c')])
def test_a_tampered_form_id_is_a_bad_request(form_id: Any) -> None:
    task = Task()
    with pytest.raises(BadRequest, match='damaged id'):
        post(task, _form_id=form_id)
    assert not task.saved


def test_a_formlet_without_fields_is_a_question() -> None:
    class DeleteTask(Formlet):
        submit = 'Delete'

        def get_native(self) -> Any:
            return {}

        def save(self, native: dict[str, Any], request: Request) -> Any:
            return 'gone'

    page = page_of(DeleteTask({}).do_GET(Request()))
    assert len(form_ids(page)) == 1 and text_of(next(page.iter(f'{XHTML}h1'))) == 'Delete task'
    assert DeleteTask({}).do_POST(Request('POST', form={})) == 'gone'


@pytest.mark.parametrize('shown', [
    lambda fields: 'content', lambda fields: Response('content'), lambda fields: Response('content',
                                                                                          status=422)])
def test_a_form_shown_again_answers_422_whatever_display_returns(shown: Any) -> None:
    class Shown(Task):
        def display(self, fields: Fields, errors: dict[str, Any]) -> Any:
            return shown(fields)

    answer = post(Shown(), title='')
    assert (answer.status, answer.content) == (422, 'content')


def test_display_may_choose_another_status() -> None:
    class Conflict(Task):
        def display(self, fields: Fields, errors: dict[str, Any]) -> Any:
            return Response('content', status=409)

    assert post(Conflict(), title='').status == 409


def fields_of(formlet: Task, request: Request) -> tuple[Fields, dict[str, Any]]:
    """What `display` is given."""
    given: list[Any] = []

    class Given(Task):
        def display(self, fields: Fields, errors: dict[str, Any]) -> Any:
            given.append((fields, errors))
            return ''

    task = Given()
    (task.do_GET if request.method == 'GET' else task.do_POST)(request)
    fields, errors = given[0]
    return fields, errors


def test_pieces_for_a_template() -> None:
    fields, errors = fields_of(Task(), Request('POST', form={**GOOD, 'due': 'soon', '_form_id': FORM_ID}))
    hidden = Markup(f'<input type="hidden" name="_form_id" value="{FORM_ID}">')
    assert errors == {'due': MESSAGES['date']}
    assert fields.form_id == hidden
    assert fields['title'] == hidden + fields['title'].control  # the first field brings the id along
    due = fields['due']
    assert due == due.control
    assert due.startswith('<input aria-invalid="true" aria-describedby="due-error" autofocus ')
    assert due.label == '<label for="due">Due</label>' and due.help == ''
    assert due.error == f'<p class="error" id="due-error">{MESSAGES["date"]}</p>'
    assert due.row == f'<div class="field">{due.label}{due}{due.error}</div>\n'
    done = fields['done']
    assert done.row == f'<div class="field beside">{done}<label for="done">It is done</label></div>\n'
    assert fields['title'].help == '<p class="help" id="title-help">What is to be done?</p>'
    assert fields['key'].row == fields['key']
    assert fields.rows == ''.join(field.row for field in fields.values())
    pieces = [fields.form_id, fields.rows, fields.summary, due, due.control, due.label, due.error, due.help,
              due.row]
    assert all(isinstance(piece, Markup) for piece in pieces)


@pytest.mark.parametrize(('text', 'given'), [
    ('{fields.summary}<form method="post">{fields.title.row}{fields.due.label}{fields.due}{fields.due.error}'
     '</form>',
     lambda fields, errors: {'fields': fields}),
    ('{fields.summary}<form method="post">{title.row}{due.label}{due.control}{due.error}</form>',
     lambda fields, errors: {'fields': fields, **fields}),
    ('<ul>{errors}</ul><form method="post"><label for="due">Due</label>{title}{due}{fields.due.error}</form>',
     lambda fields, errors: {'fields': fields, 'errors': errors, **fields}),  # as an older program writes it
])
def test_fields_in_a_template(text: str, given: Any) -> None:
    fields, errors = fields_of(Task(), Request('POST', form={**GOOD, 'due': 'soon', '_form_id': FORM_ID}))
    unused = dict.fromkeys(Task.ELEMENTS, '')
    html = Template(text)(**{**unused, 'errors': '', **given(fields, errors)})
    page = html5lib.parse(html)
    assert form_ids(page) == [FORM_ID]
    assert by_id(page, 'title').get('value') == 'Sow'
    due = by_id(page, 'due')
    assert (due.get('value'), due.get('aria-describedby')) == ('soon', 'due-error')
    assert text_of(by_id(page, 'due-error')) == MESSAGES['date']
    assert [node.get('for') for node in page.iter(f'{XHTML}label')].count('due') == 1
    assert MESSAGES['date'] in text_of(next(page.iter(f'{XHTML}ul')))


def test_labels_help_and_errors_are_escaped_unless_they_are_markup() -> None:
    formlet = Formlet({'a': Entry(label='<a>', help=Markup('<b>b</b>'), id='x"y'),
                       'r': Radio(ListLens(['<o>']), label='"r"')})
    answer = formlet.form(_fields(formlet, {'a': 'no <i>', 'r': Markup('<u>no</u>'), '<k>': '<v>'}), {})
    for piece in ('&lt;a&gt;', '<b>b</b>', 'x&quot;y-error', 'no &lt;i&gt;', '<u>no</u>', '&lt;v&gt;',
                  '&lt;o&gt;',
                  'aria-label="&quot;r&quot;"'):
        assert piece in answer


def _fields(formlet: Formlet, errors: dict[str, Any]) -> Fields:
    from kali.forms.rendering import make_fields
    return make_fields(formlet.elements, dict.fromkeys(formlet.elements, ''), errors, FORM_ID)


def test_a_record_may_be_a_row_of_sqlite() -> None:
    connection = sqlite3.connect(':memory:')
    connection.row_factory = sqlite3.Row
    row = connection.execute("SELECT 'Sow' AS title, 2 AS priority").fetchone()
    connection.close()

    class Stored(Task):
        def get_native(self) -> Any:
            return row

    page = page_of(Stored().do_GET(Request()))
    assert by_id(page, 'title').get('value') == 'Sow' and by_id(page, 'due').get('value') == ''


@pytest.mark.parametrize('method', ['get_native', 'save'])
def test_what_must_be_written_says_so(method: str) -> None:
    with pytest.raises(NotImplementedError, match=f'Formlet.{method}'):
        Formlet({}).do_GET(Request()) if method == 'get_native' else Formlet({}).do_POST(Request('POST',
                                                                                                 form={}))


def test_an_empty_save_error_is_a_mistake_of_the_program() -> None:
    class Silent(Task):
        def save(self, native: dict[str, Any], request: Request) -> Any:
            raise SaveError({})

    with pytest.raises(TypeError, match='says nothing'):
        post(Silent())


# Exactly once: with the real guard, on a real file.

@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / 'tasks.sqlite', isolation_level=None)
    connection.execute('CREATE TABLE task (title TEXT UNIQUE)')
    yield connection
    connection.close()


def stored(connection: sqlite3.Connection) -> list[str]:
    return [title for title, in connection.execute('SELECT title FROM task ORDER BY rowid')]


def task_handler(connection: sqlite3.Connection) -> Any:
    class Stored(Task):
        def semantic_checks(self, native: dict[str, Any], errors: dict[str, Any]) -> None:
            if connection.execute('SELECT 1 FROM task WHERE title = ?', [native['title']]).fetchone():
                errors['title'] = 'is there already.'

        def save(self, native: dict[str, Any], request: Request) -> Any:
            if 'elsewhere' in request.POST:
                return Response.redirect('/elsewhere')
            connection.execute('INSERT INTO task VALUES (?)', [native['title']])
            if native['memo'] == 'fail':
                raise SaveError({'memo': 'is a failure.'})
            return Response.redirect('/tasks/' + native['title'])

    guarded = guard(lambda request: Stored().do_POST(request), connection, mode='commit')

    def send(**changes: Any) -> tuple[int, str | None]:
        answer = guarded(Request('POST', form={**GOOD, '_form_id': FORM_ID, **changes}))
        return answer.status, answer.headers.get('location')
    return send


def test_a_form_sent_twice_saves_once_and_shows_the_first_result(connection: sqlite3.Connection) -> None:
    send = task_handler(connection)
    assert send() == (303, '/tasks/Sow')
    assert send() == (303, '/tasks/Sow')  # though by now there is such a task already
    with suppress(SpentError):
        assert send(title='Reap')[0] == 409
    assert stored(connection) == ['Sow']
    assert send(title='Reap', _form_id=FORM_ID[::-1]) == (303, '/tasks/Reap')
    assert stored(connection) == ['Sow', 'Reap']


def test_a_form_that_was_refused_may_be_sent_again(connection: sqlite3.Connection) -> None:
    send = task_handler(connection)
    assert send(title='')[0] == 422
    assert send(memo='fail')[0] == 422 and stored(connection) == []
    assert send() == (303, '/tasks/Sow') and stored(connection) == ['Sow']


def test_a_button_that_leads_away_does_not_use_up_the_form(connection: sqlite3.Connection) -> None:
    send = task_handler(connection)
    assert send(elsewhere='Choose…') == (303, '/elsewhere')
    assert send() == (303, '/tasks/Sow') and stored(connection) == ['Sow']
    assert send(elsewhere='Choose…') == (303, '/elsewhere')


def test_a_form_without_an_id_saves_each_time(connection: sqlite3.Connection) -> None:
    send = task_handler(connection)
    assert send(_form_id='') == (303, '/tasks/Sow')
    assert send(_form_id='', title='Reap') == (303, '/tasks/Reap')
    assert stored(connection) == ['Sow', 'Reap']


def test_what_the_script_says_is_translated_with_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 'data-draft' not in Task().do_GET(Request())
    monkeypatch.setitem(MESSAGES, 'restore', '"Zurückholen"')
    page = Task().do_GET(Request())
    assert f'data-draft="{MESSAGES["draft"]}" data-restore="&quot;Zurückholen&quot;"' in page


@pytest.mark.parametrize(('target', 'action'), [
    ('/task/new', '/task/new?_save=1'),
    ('/task/new?draft=7&tag=a&tag=b', '/task/new?draft=7&tag=a&tag=b&_save=1'),
    ('/task/new?_save=1', '/task/new?_save=1'),  # shown again with errors
])
def test_a_form_is_sent_to_another_address_than_its_page(target: str, action: str) -> None:
    page = page_of(Task().do_GET(Request('GET', target)))
    assert [form.get('action') for form in page.iter(f'{XHTML}form')] == [action]


BESIDE = '/task/7?a=1&_save=1'


@pytest.mark.parametrize(('tag', 'sent'), [
    ('<form method=post>', BESIDE), ('<form action="" method="post">', BESIDE),
    ('<FORM action method=post>', BESIDE), ('<form method=post action=7?a=1>', BESIDE),
    ("<form method=post action='/task/7?a=1#top' class='a>b'>", BESIDE),
    ('<form data-action="/x" method=post action=?a=1>', BESIDE),
    ('<form method=post action="/other">', '/other'),
    ('<form action=/task/7?a=2 method=post>', '/task/7?a=2'),
])
@pytest.mark.parametrize('page', [
    str, Markup, lambda form: ['<h1>', (part for part in [form]), '</h1>'],
    lambda form: Response(form, status=200), lambda form: render_page('Task', Markup(form)),
    lambda form: Template('<title>T</title>{form}')(form=Markup(form)),
])
def test_a_form_of_a_template_is_sent_to_another_address_too(page: Any, tag: str, sent: str) -> None:
    class Own(Task):
        def display(self, fields: Fields, errors: dict[str, Any]) -> Any:
            return page(f'<form action=/search></form>{tag}{fields.rows}</form><form></form>')

    for made in (Own().do_GET(Request('GET', '/task/7?a=1')),
                 Own().do_POST(Request('POST', '/task/7?a=1', form={'title': ''}))):
        text = flatten(made.content if isinstance(made, Response) else made).decode()
        tags = html5lib.parse(text).iter(f'{XHTML}form')
        assert [each.get('action') for each in tags] == ['/search', sent, None]
        assert '<form></form>' in text and (tag in text) == (sent in tag)
