"""TemplateFolder: files, what is built of several, how changes are noticed and mistakes told."""

import os
import traceback
from pathlib import Path

import pytest

from kali.errors import TemplateError
from kali.markup import Markup
from kali.templates import TemplateFolder, TemplateLoop
from kali.templates.folder import check


@pytest.fixture
def files(tmp_path):
    """Writes template files, each later than whatever was there before."""
    clock = iter(range(1_000_000_000, 2_000_000_000, 10))

    class Files:
        path = tmp_path

        def __call__(self, **texts):
            for name, text in texts.items():
                path = tmp_path / f'{name}.tpl'
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(text.encode())
                moment = next(clock)
                os.utime(path, (moment, moment))
            return self

    return Files()


def test_plain_files(files):
    files(page='\n <p>{x}é\n', bom='\ufeff{x}')
    folder = TemplateFolder(files.path)
    assert folder('page')(x='<') == '\n <p>&lt;é\n'
    assert folder('bom')(x=1) == '1'
    assert folder('page') is folder('page')
    for extension in ('', None):
        assert TemplateFolder(str(files.path), extension)('bom.tpl')(x=1) == '1'


def test_a_folder_within(files):
    (files.path / 'mail').mkdir()
    files(**{'mail/hello': 'Hello, {name}'}, page='<?include mail/hello?>')
    folder = TemplateFolder(files.path)
    assert folder('mail/hello')(name=1) == folder('page')(name=1) == 'Hello, 1'
    assert folder.names() == ['mail/hello', 'page']


def test_extend(files):
    files(page='<title>{title}</title><main>{body}</main>{foot:default}',
          contact='\n<extend>page\n<?title?> Contact {name} \n<?body?>\n'
                  '<?if name?><b>{name}</b><?else?>-<?end?>\n</extend>\n',
          open='<extend>page<? title ?>T<?body?>{body}',
          third='<extend>contact <?name?>({first})</extend>')
    folder = TemplateFolder(files.path)
    made = folder('contact')(name='R&D', foot=1)
    assert made == '<title>Contact R&amp;D</title><main><b>R&amp;D</b></main>1'
    assert folder('open')(body='<') == '<title>T</title><main>&lt;</main>'
    assert folder('third')(first='a') == '<title>Contact (a)</title><main><b>(a)</b></main>'
    assert folder('page').assembly(title='T', body=folder('third'))(first='a', foot='') == (
        '<title>T</title><main><title>Contact (a)</title><main><b>(a)</b></main></main>')


def test_loop(files):
    files(list='<loop>\n<ul>\n<?begin ?>\n<li><?if done?>x<?else?>o<?end?>{name}</li>\n'
               '<?end ?></ul><?else ?>\n<p>none {x}</loop>\n',
          short='<loop><?begin?>{a} ')
    folder = TemplateFolder(files.path)
    rows = [{'name': '<', 'done': 1}, {'name': 2, 'done': 0}]
    assert isinstance(folder('list'), TemplateLoop)
    assert folder('list').loop(rows) == '<ul><li>x&lt;</li><li>o2</li></ul>'
    assert folder('list').loop([], {'x': 1}) == '<p>none 1'
    assert folder('short').loop([{'a': 1}, {'a': 2}]) == '12'
    assert folder('short').loop([]) == ''


def test_include(files):
    files(page='<?for item in items?><?include item?><?end?><title><?include name?></title><?include ext?>',
          item='<li title="{item}">{item}</li><?include name?>', name='{name}', ext='<extend>item<?name?>!')
    files(ext='<extend>base<?x?>[{name}]', base='({x})')
    page = TemplateFolder(files.path)('page')
    assert page(items=['a', '"'], name='<') == (
        '<li title="a">a</li>&lt;<li title="&quot;">&quot;</li>&lt;<title>&lt;</title>([&lt;])')


def test_filters_of_a_folder(files):
    files(page='{x:shout}', sub='<extend>page<?x?>{y:shout}')
    folder = TemplateFolder(files.path, filters={'shout': lambda text: str(text) + '!'})
    assert folder('page')(x='a') == 'a!'
    assert folder('page').assembly(x='{z:shout}')(z=1) == '1!!'
    assert folder('sub')(y='a') == 'a!!'


OUTSIDE = ['../x', 'a/../../x', '/etc/passwd', '..', '.', '', 'a//b', 'a\\..\\b', 'C:x', 'a\0']


@pytest.mark.parametrize('name', OUTSIDE)
def test_names_stay_in_the_folder(files, name):
    files(x='secret', page='<?include ../x?>')
    (files.path / 'inner').mkdir()
    (files.path / 'inner/page.tpl').write_text('<?include ../x?>')
    folder = TemplateFolder(files.path / 'inner')
    with pytest.raises(FileNotFoundError, match='no name of a template'):
        folder(name)
    with pytest.raises(TemplateError, match=r"page\.tpl:1:1: <\?include \.\./x\?>: '\.\./x' is no name"):
        folder('page')


MISTAKES = [
    # files, message
    ({'page': 'a\n {x:nom}'}, 'page.tpl:2:5: there is no filter'),
    ({'page': '<extend>bse<?x?>', 'base': ''},
     "page.tpl:1:9: <extend>bse: there is no template 'bse' in FOLDER (did you mean base?)"),
    ({'page': '\n<?include nvа?>', 'nav': ''}, 'page.tpl:2:1: <?include'),
    ({'page': '\n<?include nva?>', 'nav': ''},
     "page.tpl:2:1: <?include nva?>: there is no template 'nva' in FOLDER (did you mean nav?)"),
    ({'page': '<?include page?>'},
     'page.tpl:1:1: <?include page?>: page needs page: a template cannot be in itself'),
    ({'page': '<?include a?>', 'a': '\n<?include b?>', 'b': '<extend>a<?x?>'},
     'b.tpl:1:9: <extend>a: a needs b needs a'),
    ({'page': '<extend>page'}, 'page.tpl:1:9: <extend>page: page needs page'),
    ({'page': '<?include list?>', 'list': '<loop><?begin?>'},
     'page.tpl:1:1: <?include list?>: list is a <loop>, which needs items'),
    ({'page': '<extend>list', 'list': '<loop><?begin?>'}, 'page.tpl:1:9: <extend>list: list is a <loop>'),
    ({'page': '<extend>base\n<?boby?>x', 'base': '{body}'},
     'page.tpl:2:1: the base has no {boby} for the section boby (did you mean body?)'),
    ({'page': '<extend>base<?x?>1\n<?x?>2', 'base': '{x}'}, 'page.tpl:2:1: a second <?x?>'),
    ({'page': '<extend>base<?x?><?if a?><?y?><?end?>', 'base': '{x}{y}'},
     'page.tpl:1:18: <?if a?> is not closed: write <?end?> before <?y?>'),
    ({'page': '<extend>base<?x?><?end?>', 'base': '{x}'}, 'page.tpl:1:18: a stray <?end?>'),
    ({'page': '<extend>base<?x?>a</extend>b', 'base': '{x}'}, 'page.tpl:1:28: nothing may follow </extend>'),
    ({'page': '<extend>{base}<?x?>', 'base': '{x}'},
     "page.tpl:1:9: <extend>{base}: there is no template '{base}' in FOLDER (did you mean base?)"),
    ({'page': '<extend>base<?x?>"', 'base': '<p title="{x}">'},
     'base.tpl:1:11: what is bound to x begins in the value of title'),
    ({'page': '<extend>base<?x?>\n<p title={y}>', 'base': '{x}'},
     'page.tpl:2:10: {y}: an attribute\'s value with a placeholder needs quotes'),
    ({'page': '<loop>a<?end?>b'}, 'page.tpl:1:7: a <loop> needs a <?begin?>'),
    ({'page': '<loop>a<?begin?>b<?each?>'}, 'page.tpl:1:18: a <loop> has no <?each?>'),
    ({'page': '<loop>a<?begin?><p title="<?end?>'},
     "page.tpl:1:1: the loop's body begins in text and ends in the value of title"),
    ({'page': '<loop><?begin?></loop>{x}'}, 'page.tpl:1:23: nothing may follow </loop>'),
]


@pytest.mark.parametrize(('texts', 'message'), MISTAKES)
def test_mistakes(files, texts, message):
    folder = TemplateFolder(files(**texts).path)
    for _ in range(2):  # asked for again, it is still wrong
        with pytest.raises(TemplateError) as caught:
            folder('page')
        told = str(caught.value).replace(str(files.path) + os.sep, '').replace(str(files.path), 'FOLDER')
        assert told.startswith(message)


def test_a_missing_section_names_the_file_that_could_have_it(files):
    files(base='<title>{title}</title>\n{body}', page='<extend>base<?title?>{user}',
          third='<extend>page<?user?>x')
    folder = TemplateFolder(files.path)
    for name in ('page', 'third'):
        with pytest.raises(TemplateError, match=r"base\.tpl:2:2: there is no 'body' here") as caught:
            folder(name)(user='x')
        assert f'template, to {files.path / name}.tpl as a section <?body?>' in str(caught.value)
    with pytest.raises(TemplateError) as caught:
        folder('page')(body='x')
    assert 'page.tpl:1:23: there is no' in str(caught.value) and 'as a section' not in str(caught.value)


def test_no_such_template(files):
    files(page='')
    with pytest.raises(FileNotFoundError, match=r"no template 'pgae' in .* \(did you mean page\?\)"):
        TemplateFolder(files.path)('pgae')
    with pytest.raises(NotADirectoryError, match='no folder of templates at'):
        TemplateFolder(files.path / 'none')
    (files.path / 'latin.tpl').write_bytes(b'caf\xe9')
    with pytest.raises(TemplateError, match=r'latin\.tpl:1:4: .*UTF-8'):
        TemplateFolder(files.path)('latin')


def test_a_traceback_shows_the_file(files):
    files(base='<b>\n\n{body}', page='<extend>base<?body?>\n<i>{x:broken}')
    folder = TemplateFolder(files.path, filters={'broken': lambda value: 1 / 0})
    with pytest.raises(ZeroDivisionError) as caught:
        folder('page')(x=1)
    frame = traceback.extract_tb(caught.value.__traceback__)[-2]
    assert (frame.filename, frame.lineno, frame.line) == (str(files.path / 'page.tpl'), 2, '<i>{x:broken}')


def test_changes_are_noticed_at_the_next_request(files):
    files(base='<b>{body}</b><?include nav?>', nav='nav', page='<extend>base<?body?>1', other='other')
    folder = TemplateFolder(files.path)
    app = folder.wrap(lambda request: folder(request)())
    assert app('page') == '<b>1</b>nav'
    kept = app('other'), folder('other')
    files(page='<extend>base<?body?>2')
    assert folder('page')() == '<b>1</b>nav'  # within a request nothing changes
    assert app('page') == '<b>2</b>nav'
    files(base='<i>{body}</i><?include nav?>')
    assert app('page') == '<i>2</i>nav'
    files(nav='NAV')
    assert app('page') == '<i>2</i>NAV'
    assert (app('other'), folder('other')) == kept  # what did not change is not made anew
    made = folder('page')
    assert app('page') and folder('page') is made


def test_a_change_of_size_alone_is_noticed(files):
    files(page='1')
    folder = TemplateFolder(files.path)
    app = folder.wrap(lambda request: folder('page')())
    path = files.path / 'page.tpl'
    times = path.stat().st_mtime_ns
    assert app(None) == '1'
    path.write_text('12')
    os.utime(path, ns=(times, times))
    assert app(None) == '12'


def test_a_broken_edit_shows_its_error_and_recovers(files):
    files(base='{body}', page='<extend>base<?body?>1')
    folder = TemplateFolder(files.path)
    app = folder.wrap(lambda request: folder('page')())
    assert app(None) == '1'
    files(base='{body:nom}')
    for _ in range(2):
        with pytest.raises(TemplateError, match=r'base\.tpl:1:7: there is no filter'):
            app(None)
    files(base='[{body}]')
    assert app(None) == '[1]'
    (files.path / 'page.tpl').unlink()
    with pytest.raises(FileNotFoundError):
        app(None)
    files(page='back')
    assert app(None) == 'back'


def test_invalidate_cache(files):
    files(page='1')
    folder = TemplateFolder(files.path)
    assert folder('page')() == '1'
    files(page='2')
    folder.invalidate_cache()
    assert folder('page')() == '2'


def test_wrap_hands_the_lifespan_on(files):
    def handler(request):
        return 'x'

    handler.lifespan = ('opened',)
    assert TemplateFolder(files.path).wrap(handler).lifespan == ('opened',)


def test_check(files):
    files(base='{body:nom}', a='<extend>base<?body?>', b='<extend>base<?body?>', good='{x}',
          last='\n<p title={x}>')
    (files.path / 'note.txt').write_text('{x:nom}')
    (files.path / 'latin.tpl').write_bytes(b'\n\xe9')
    found = check(files.path)
    places = [error.removeprefix(str(files.path) + os.sep).split(': ')[0] for error in found]
    assert places == ['base.tpl:1:7', 'last.tpl:2:10', 'latin.tpl:2:1']
    assert check(files.path, '.txt') == [str(files.path / 'note.txt') + ':1:4: ' + found[0].split(': ', 1)[1]]
    assert check(files.path, '.none') == []


OLD = {
    'page': '''<!DOCTYPE html>
<html><head>
<title>{title}: Datebook</title>
<style>
.active_row:hover {
	text-decoration: underline;
}
</style></head><body>
<!--	<a href="/task" class="w3-button">To-Do List</a>-->
	<h1>Datebook: {title}</h1>
	<div>{body}</div>
</body></html>''',
    'task_form': '''<extend>page
<?title?>Add/Edit Task
<?body?>
	<ul>{errors}</ul>
<form method="post">{memo}<input type="submit" name="contact" value="{contact}" />
</form>
</extend>
''',
    'task_list': '''<loop>
	<table style="color:black">
<?begin ?>
			<tr onclick="document.location='/task/{task}'" class="active_row">
				<td>{title}</td><td>{due}</td>
			</tr>
<?end ?>
	</table>
<?else ?>
	<p>There are not any tasks yet.</p>
</loop>
''',
    'home': '''<extend>page
<?title?>Contacts
<?body?>
<input type="text" name="q" value="{q}" />
	{rows}
''',
}


def test_templates_written_for_the_first_kali(files):
    tpl = TemplateFolder(files(**OLD).path)
    rows = tpl('task_list').loop(iter([{'task': 1, 'title': 'a<b', 'due': None}]))
    assert "document.location='/task/1'" in rows
    assert '<td>a&lt;b</td><td></td>' in rows
    assert tpl('task_list').loop([]) == '<p>There are not any tasks yet.</p>'
    home = tpl('home')(q='"', rows=rows)
    assert 'value="&quot;"' in home and rows in home and '<title>Contacts: Datebook</title>' in home
    form = tpl('task_form')(errors={'due': 'is <past>'}, memo=Markup('<b>'), contact='R&D')
    assert '<ul>due: is &lt;past&gt;\r\n</ul>' in form and '<form method="post"><b>' in form


def test_every_template_of_the_examples_is_whole():
    for folder in sorted((Path(__file__).parents[2] / 'templates').iterdir()):
        assert check(folder) == []
