"""The handbook keeps its word: every link leads somewhere, every block of code runs, every public name and
argument has a text, every error message has a section, and what is made from the code is up to date."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

import kali
from kali.commands import COMMANDS, main
from kali.forms import MESSAGES
from kali.handbook import handbook, reference
from kali.handbook.app import place_for
from kali.handbook.markdown import plain
from kali.handbook.pages import explain, pages, search
from kali.testing import Client
from tests.handbook import pictures

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(kali.__file__).resolve().parents[1]
FOLDER = ROOT / 'kali' / 'handbook'
WRITTEN = [name for name in pages() if not name.startswith('reference') and name != 'all']
FENCE = re.compile(r'^```([^\n]*)\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def blocks(name: str) -> list[tuple[str, str]]:
    """Language with what follows it, and code, of each block of a page."""
    return FENCE.findall(pages()[name].text)


# Pages and links

@pytest.fixture(scope='module')
def served() -> dict[str, Any]:
    """Every address of the handbook that can be reached from its first page, with the answer."""
    client, answers, todo = Client(handbook), {}, ['/']
    while todo:
        url = todo.pop()
        answers[url] = client.get(url)
        if answers[url].headers['Content-Type'].startswith('text/html'):
            for link in re.findall(r'<a (?:[^>]* )?href="([^"]*)"', answers[url].text):
                target = link.partition('#')[0]
                there = '/' + target.removeprefix('./').lstrip('/') if target else url
                if '://' not in link and there != '/all' and there not in answers and there not in todo:
                    todo.append(there)
    return answers


def test_every_page_can_be_reached(served: dict[str, Any]) -> None:
    assert {name for name in pages() if name != 'index'} <= {url[1:] for url in served}
    assert {url: answer.status for url, answer in served.items() if answer.status != 200} == {}


def test_every_link_leads_to_a_heading_that_is_there(served: dict[str, Any]) -> None:
    ids = {url: set(re.findall(r' id="([^"]*)"', answer.text)) for url, answer in served.items()}
    lost = []
    for url, answer in served.items():
        live = re.sub('(?s)<pre.*?</pre>', '', answer.text)
        for target, anchor in re.findall(r'<a [^>]*href="([^"#:]*)#([^"]+)"', live):
            there = '/' + target.lstrip('./') if target else url
            if anchor not in ids[there]:
                lost.append((url, target, anchor))
    assert lost == []


def test_every_link_in_the_files_leads_to_a_file() -> None:
    lost = []
    for name, page in pages().items():
        place = {'promises': ROOT / 'kali' / 'sqlite', 'threats': ROOT / 'kali' / 'server',
                 'inside': ROOT / 'kali'}.get(name, FOLDER)
        for target in re.findall(r'\]\(([^)#:]+)(?:#[^)]*)?\)', FENCE.sub('', page.text)):
            if not (place / target).is_file():
                lost.append((name, target))
    assert lost == []


@pytest.mark.parametrize(('words', 'first'), [
    ('unique', 'tasks#a-field-that-must-be-unique'),
    ('ask delete', 'tasks#ask-before-deleting'),
    ('decimal comma', 'tasks#a-decimal-comma'),
    ('long job', 'tasks#a-long-job'),
    ('a get may not write', 'error-a-get-may-not-write'),
])
def test_a_search_finds_the_task_first(words: str, first: str) -> None:
    assert first in [found.url for found in search(words)[:3]]


@pytest.mark.parametrize('words', ['', '   ', '<script>alert(1)</script>', 'zzqqx', '(', '* [', 'é' * 500])
def test_a_search_for_anything_is_a_page(words: str) -> None:
    answer = Client(handbook).get(f'/search?q={quote(words)}')
    assert answer.status == 200
    assert '<script>alert' not in answer.text


@pytest.mark.parametrize('url', ['/nowhere', '/error-nothing', '/../pages.py', '/x.png', '/a/b'])
def test_what_is_not_there_is_a_404(url: str) -> None:
    assert Client(handbook).get(url).status == 404


@pytest.mark.parametrize(('words', 'place'), [
    ('', ''), ('forms', 'forms'), ('Port 8080 on 127.0.0.1 cannot be used', 'error-the-port-is-taken'),
    ('error-undo', 'error-undo'), ('the disk is full', 'error-the-disk-is-full'),
    ('two words', 'search?q=two+words'),
])
def test_docs_opens_the_right_place(words: str, place: str) -> None:
    assert place_for(words) == place


def test_docs_serves_the_handbook_and_a_second_start_opens_its_page(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[Any] = []
    monkeypatch.setattr('sys.argv', ['kali', 'docs', 'templates'])
    monkeypatch.setattr('kali.commands.docs.serve_http',
                        lambda handler, **options: served.append((handler, options)))
    assert main(['docs', 'decimal', 'comma']) == 0
    [(handler, options)] = served
    assert Client(handler).get(options['start']).status == 200
    assert options['start'] == '/search?q=decimal+comma'
    inspect.signature(kali.serve_http).bind(handler, **options)
    monkeypatch.chdir(ROOT)  # where tests and kali are folders, which serve_http would make absolute
    for words, page in (['tests'], '/search?q=tests'), (['forms'], '/forms'), ([], '/'):
        assert main(['docs', *words]) == 0
        assert not Path(sys.argv[1]).exists()
        assert options['on_open'](sys.argv[1:]) == page


# What is made from the code

def test_what_is_made_is_up_to_date() -> None:
    old = [name for name, text in reference.everything().items()
           if not (FOLDER / name).is_file() or (FOLDER / name).read_text(encoding='utf-8') != text]
    assert old == [], 'python -m kali.handbook makes them anew'
    assert sorted(path.name for path in FOLDER.glob('reference*.md')) == sorted(
        name for name in reference.everything() if name.startswith('reference'))


# Arguments that mean the same wherever they stand, and are explained once.
COMMON = re.findall(r'^- `(\w+)`: \S', pages()['arguments'].text, re.MULTILINE)


def public() -> Iterator[tuple[str, Any, str]]:
    """Every public name with its value, and the texts in which its arguments may be explained."""
    for dotted in reference.MODULES:
        module = importlib.import_module(dotted)
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isroutine(value):
                yield f'{dotted}.{name}', value, inspect.getdoc(value) or ''
            elif inspect.isclass(value):
                text = '\n'.join(inspect.getdoc(each) or '' for each in value.__mro__)
                yield f'{dotted}.{name}', value, text
                for member, inner in reference.members(value):
                    inherited = [inspect.getdoc(vars(each)[member]) or '' for each in value.__mro__
                                 if member in vars(each)]
                    yield f'{dotted}.{name}.{member}', inner, '\n'.join([*inherited, text])


@pytest.mark.parametrize(('name', 'value', 'text'), [pytest.param(*each, id=each[0]) for each in public()])
def test_each_public_name_and_argument_has_a_text(name: str, value: Any, text: str) -> None:
    assert inspect.getdoc(value), f'{name} has no docstring'
    if isinstance(value, property):
        return
    try:
        parameters = inspect.signature(value).parameters
    except (TypeError, ValueError):
        return
    missing = [each for each in parameters if each not in ('self', 'cls', *COMMON)
               and not each.startswith('_') and not re.search(rf'\b{each}\b', text)]
    assert missing == []


def test_each_filter_command_and_word_has_a_text() -> None:
    made = reference.everything()
    assert not re.search(r'^## .*\n+(#|\Z)', made['reference-filters.md'], re.MULTILINE)
    assert set(COMMANDS) == set(re.findall('^## (.*)$', made['reference-commands.md'], re.MULTILINE))
    assert re.findall('^- `[^`]*`: *$', made['reference-commands.md'], re.MULTILINE) == []
    assert set(MESSAGES) == set(re.findall(r'^\| `([^`]*)`', made['reference-words.md'], re.MULTILINE))


# Error messages

FAMILY = {'KaliError', 'BadRequest', 'NotFound', 'ProtocolError', 'DatabaseError', 'SpentError', 'Broken',
          'TypeError', 'ValueError', 'RuntimeError', 'ContextError', 'FileNotFoundError', 'PageError',
          'WorkerError', 'NotADirectoryError', 'NotImplementedError', 'NoCells'}
INTERNAL = {  # nobody meets these: they are caught, or are there for those who change kali
    'another program listens there', 'it answers with …', 'it does not speak HTTP',
    "so long an answer is another program's", 'a connection that is … cannot become …', '… is no number',
    'a table has a row of dashes below its head: …', 'There is no … ….', "…='…' …", 'undo: …',
    "'…' is no number", '…: …', "… '…': it is one of …", "… '…'; …", '…: “…” …', "… has no column '…'.",
    '… What this request did in … is saved: several databases cannot be committed as one.',  # after another
}

COMPOSED = re.compile('undo: |mode |namespace |The program cannot get at its data')  # of several texts


def text_of(node: ast.expr) -> str:
    """A message as it stands in the code, with … for what is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):  # part is a Constant or a FormattedValue
        return ''.join(str(part.value) if isinstance(part, ast.Constant) else
                       "'…'" if part.conversion == ord('r') else '…' for part in node.values)
    if isinstance(node, ast.BinOp):
        return text_of(node.left) + text_of(node.right)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == 'format':
        return re.sub(r'\{[^}]*\}', '…', text_of(node.func.value))
    return '…'


class Named(ast.NodeTransformer):
    """Puts the texts of a module's constants where their names stand."""

    def __init__(self, module: ast.Module) -> None:
        self.values = {each.targets[0].id: each.value for each in module.body if isinstance(each, ast.Assign)
                       and isinstance(each.targets[0], ast.Name) and text_of(each.value) != '…'}

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.values.get(node.id, node)


@cache
def modules() -> dict[Path, ast.Module]:
    parsed = {path: ast.parse(path.read_text(encoding='utf-8'))
              for path in sorted((ROOT / 'kali').rglob('*.py'))}
    return {path: Named(module).visit(module) for path, module in parsed.items()}


def messages() -> Iterator[tuple[str, str]]:
    for path, module in modules().items():
        for node in ast.walk(module):
            if isinstance(node, ast.Call) and node.args:
                kind = getattr(node.func, 'attr', getattr(node.func, 'id', ''))
                text = text_of(node.args[0])
                if kind in FAMILY and text.strip('…\n') and text not in INTERNAL:
                    yield f'{path.relative_to(ROOT)}:{node.lineno}', text


def test_each_error_message_has_a_section() -> None:
    assert [(place, text) for place, text in messages() if explain(text) is None] == []


def test_each_quoted_message_is_still_said() -> None:
    said = {text_of(node) for module in modules().values() for node in ast.walk(module)
            if isinstance(node, ast.expr)}
    said |= {re.sub(r'\{[^}]*\}', '…', text) for text in MESSAGES.values()}
    stale = []
    for line in re.findall('^> - (.*)$', pages()['errors'].text, re.MULTILINE):
        pattern = re.compile('.*?'.join(map(re.escape, plain(line).removesuffix('…').split('…'))), re.DOTALL)
        if not (COMPOSED.match(line) or any(map(pattern.match, said))):
            stale.append(line)
    assert stale == []


def test_no_pattern_is_so_short_that_it_fits_everything() -> None:
    quoted = re.findall('^> - (.*)$', pages()['errors'].text, re.MULTILINE)
    assert len(quoted) > 200
    assert [line for line in quoted if sum(map(str.isalpha, line)) < 5] == []
    for text in ('There is no contact number 17.', 'unsupported operand type(s)', 'list index out of range',
                 "invalid literal for int() with base 10: 'x'", 'division by zero', "'name'", ''):
        assert explain(text) is None, text


def boom(request: kali.Request) -> Any:
    if request.query.get('kind') == 'tuple':
        return ('Not found', 404)
    raise kali.DatabaseError('A GET may not write: browsers repeat it …')


@pytest.mark.parametrize(('url', 'name'), [
    ('/?kind=tuple', 'error-the-handler-returned-something-else'), ('/', 'error-a-get-may-not-write')])
def test_an_error_page_links_to_its_section(url: str, name: str) -> None:
    client = Client(boom)
    page = client.get(url)
    assert page.status == 500
    assert f'href="/.kali/handbook/{name}"' in page.text
    assert f'python -m kali docs {name}' in page.text
    about = client.get(f'/.kali/handbook/{name}')
    assert about.status == 200
    assert 'Back to the program' in about.text


def test_the_log_and_the_command_line_name_the_section(caplog: pytest.LogCaptureFixture,
                                                       capsys: pytest.CaptureFixture[str]) -> None:
    Client(boom).get('/')
    assert '; python -m kali docs error-a-get-may-not-write)' in caplog.text
    assert main(['pack', 'nothing.txt']) == 1
    assert '(python -m kali docs error-the-command-line)' in capsys.readouterr().err


class Broken(Exception):
    def __str__(self) -> str:
        raise ValueError('no words')


def test_an_error_without_words_has_a_page_all_the_same() -> None:
    def fail(request: kali.Request) -> None:
        raise Broken
    assert Client(fail).get('/').status == 500


def test_without_debug_nothing_leads_to_the_handbook() -> None:
    client = Client(boom, debug=False)
    assert 'handbook' not in client.get('/').text
    assert client.get('/.kali/handbook/').status == 404


# Pictures

def test_no_picture_is_older_than_what_it_shows() -> None:
    assert pictures.stale() == [], 'python tests/handbook/pictures.py makes them anew'


def test_pictures_are_small_and_shown() -> None:
    readme = (ROOT / 'README.md').read_text(encoding='utf-8')
    for name in pictures.PICTURES:
        assert (ROOT / name).stat().st_size < 100_000
        own = '\n'.join(page.text for page in pages().values()) if name.startswith('kali/') else readme
        assert re.search(rf'!\[[^\]]+\]\([\w/]*{Path(name).name}\)', own), name


# Code

# The page about servers runs with PostgreSQL, in tests/interop/test_postgres.py.
@pytest.mark.parametrize('name', [name for name in WRITTEN if name != 'outgrowing' and any(
    info.startswith('python') for info, _ in blocks(name))])
def test_every_block_of_code_runs(name: str, tmp_path: Path) -> None:
    run_page(pages()[name].text, tmp_path)


def test_the_code_of_the_readme_runs(tmp_path: Path) -> None:
    run_page((ROOT / 'README.md').read_text(encoding='utf-8'), tmp_path)


def run_page(text: str, tmp_path: Path) -> None:
    page = tmp_path / 'page.md'
    page.write_text(text, encoding='utf-8')
    own = {folder: str(tmp_path / 'user') for folder in ('HOME', 'XDG_DATA_HOME', 'XDG_STATE_HOME',
                                                         'LOCALAPPDATA')}
    run = subprocess.run([sys.executable, str(Path(__file__).with_name('run_blocks.py')), str(page)],
                         cwd=tmp_path, capture_output=True, text=True,
                         env={**os.environ, **own, 'PYTHONPATH': str(ROOT)})
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize('name', WRITTEN)
def test_every_command_is_one(name: str) -> None:
    for info, code in blocks(name):
        if info in ('sh', 'bat'):
            for command in re.findall(r'-m kali (?!\.)([a-z]+)', code):
                assert command in COMMANDS, command
    for command in re.findall(r'`python -m kali ([a-z]+)', pages()[name].text):
        assert command in COMMANDS, command


# In a shell

@pytest.mark.parametrize('module', ['kali', *(f'kali.{name}' for name in (
    'forms', 'sqlite', 'live', 'records', 'templates', 'interop', 'testing'))])
def test_help_is_a_page_or_two_and_names_all(module: str) -> None:
    run = subprocess.run([sys.executable, '-X', 'utf8', '-c', f'import {module}; help({module})'], cwd=ROOT,
                         capture_output=True, encoding='utf-8')
    lines = run.stdout.splitlines()
    assert len(lines) <= 90
    value = importlib.import_module(module)
    for name in value.__all__:
        assert name == '__version__' or re.search(rf'\b{name}\b', run.stdout), name
    assert set(dir(value)) == set(value.__all__)


def test_titles_are_text() -> None:
    assert all(page.title and page.title == plain(page.title) for page in pages().values())
