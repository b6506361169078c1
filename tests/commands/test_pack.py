"""`python -m kali pack`: one file that runs anywhere, and `kali.resource`, which finds what lies beside."""

from __future__ import annotations

import configparser
import html
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
import zipapp
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kali import KaliError, resource
from kali.desktop.belongings import files_of
from kali.desktop.launchers import desktop_entry
from kali.desktop.packing import members, pack
from tests.conftest import own_folders

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = '''
import sys
import kali, words
from kali import Router, serve_http
from kali.live import in_process
app = Router()
page = kali.TemplateFolder(kali.resource('templates'))('page')

@app.get('/')
def home():
    return page(word=words.WORD, step=kali.resource('migrations/001.sql').read_text(), arguments=sys.argv[1:])

@app.get('/far')
def far():
    return in_process(words.double, 21)

@app.get('/folders')
def folders():
    return [str(kali.data_dir()), ' ', __file__]

if __name__ == '__main__':
    serve_http(app, start=None, port=0)
'''
BELONGS = {'shop.py': SCRIPT, 'words.py': 'WORD = "Wörter"\ndef double(x): return 2 * x\n',
           'templates/page.tpl': '<p>{word} {step} {arguments}</p>',
           'migrations/001.sql': 'CREATE TABLE a (b)', 'static/logo.svg': '<svg/>', 'notes.txt': 'text',
           'parts/__init__.py': '', 'parts/deep/x.py': '', 'data.csv': 'a;b'}
STAYS = {'shop.sqlite': 'x', 'shop.sqlite-wal': 'x', 'disguised.dat': 'SQLite format 3\0...', 'old.db': 'x',
         'backups/shop-1.copy': 'x', '.git/config': 'x', '.secret': 'x', '__pycache__/words.pyc': 'x',
         '.venv/lib/x.py': 'x', 'own_env/pyvenv.cfg': '', 'own_env/lib/y.py': 'x', 'kali.log': 'x',
         'node_modules/x.js': 'x', 'test_shop.py': 'import pytest', 'shop.pyz': 'x', 'page.html~': 'x'}


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding='utf-8')


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / 'my shop ü'
    write(folder, {**BELONGS, **STAYS})
    return folder / 'shop.py'


@pytest.fixture
def served(tmp_path: Path, eventually: Callable[..., Any]) -> Iterator[Callable[..., str]]:
    """`served(command, cwd=…)` starts a program that says where it serves, and returns that address."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*command: object, cwd: Path = tmp_path, env: dict[str, str] | None = None) -> str:
        output = tmp_path / f'output{len(started)}'
        with output.open('wb') as file:
            process = subprocess.Popen([*map(str, command)], cwd=cwd, stdin=subprocess.DEVNULL, stdout=file,
                                       stderr=subprocess.STDOUT,
                                       env=own_folders(tmp_path) if env is None else env)
        started.append(process)

        def address() -> str | None:
            said = output.read_text(encoding='utf-8', errors='replace')
            assert process.poll() is None, said
            found = re.search(r'http://[^\s]+', said)
            return found and found[0]
        return str(eventually(address))
    yield start
    for process in started:
        process.terminate()
        assert process.wait(10) == (1 if sys.platform == 'win32' else 0)


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


def kali(*arguments: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, '-m', 'kali', *map(str, arguments)], cwd=cwd, capture_output=True,
                          text=True, env={**os.environ, 'PYTHONPATH': str(ROOT)})


def test_what_belongs_to_a_program_is_packed_and_nothing_else(shop: Path) -> None:
    done = kali('pack', shop)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(shop.with_suffix('.pyz')) as archive:
        names = set(archive.namelist())
    program = {name.removeprefix('program/') for name in names if name.startswith('program/')}
    assert program == set(BELONGS)
    wanted = {path.relative_to(ROOT).as_posix() for path in (ROOT / 'kali').rglob('*')
              if path.is_file() and '__pycache__' not in path.parts}
    assert {name for name in names if name.startswith('kali/')} == wanted
    assert names == {'__main__.py', *wanted, *(f'program/{name}' for name in program)}


@pytest.mark.parametrize('place', ['beside', 'another folder', 'read-only', 'ünd blanks'])
def test_it_runs_from_anywhere(place: str, shop: Path, tmp_path: Path, served: Callable[..., str]) -> None:
    packed = pack(shop, tmp_path / place / 'shop.pyz')
    shutil.rmtree(shop.parent)
    if place == 'read-only':
        packed.path.chmod(0o444)
        packed.path.parent.chmod(0o555)
    url = served(sys.executable, packed.path, 'a b', 'ü', cwd=Path('/'))
    assert get(url) == '<p>Wörter CREATE TABLE a (b) a bü</p>'
    assert get(url + 'far') == '42'
    assert 'body' in get(url + '.kali/kali.css')
    first = get(url + 'folders')
    packed.path.parent.chmod(0o755)
    moved = packed.path.rename(tmp_path / 'renamed.pyz')
    assert get(served(sys.executable, moved) + 'folders') == first  # the same data, wherever it lies


def test_it_runs_without_an_environment_and_where_nothing_can_be_kept(
        shop: Path, tmp_path: Path, served: Callable[..., str]) -> None:
    packed = pack(shop)
    (tmp_path / 'file').write_text('')
    bare = {'XDG_CACHE_HOME': str(tmp_path / 'file'), 'XDG_DATA_HOME': str(tmp_path / 'data')}
    assert 'Wörter' in get(served(sys.executable, packed.path, env=bare))


@pytest.mark.parametrize('script, said', [
    ('1 / 0', 'ZeroDivisionError: division by zero'), ('import nosuch_module', 'nosuch_module'),
    ('import sys; sys.exit("The file <shop> is locked.")', 'The file &lt;shop&gt; is locked.')])
def test_without_a_console_a_page_says_why_it_does_not_start(
        script: str, said: str, tmp_path: Path, eventually: Callable[..., Any]) -> None:
    (tmp_path / 'app').mkdir()
    (tmp_path / 'app/shop.py').write_text(script)
    packed, output = pack(tmp_path / 'app/shop.py'), tmp_path / 'output'
    with output.open('wb') as file:
        process = subprocess.Popen([sys.executable, packed.path], stdin=subprocess.DEVNULL, stdout=file,
                                   stderr=file, env={**own_folders(tmp_path), 'BROWSER': 'true'})
    try:
        url = eventually(lambda: re.search(r'http://\S+', output.read_text()))[0]
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        browser.open(url, timeout=10).close()
        with pytest.raises(urllib.error.HTTPError) as error:
            browser.open(url.partition('?')[0], timeout=10)
        assert said in error.value.read().decode()
        error.value.close()
    finally:
        process.terminate()
        assert process.wait(10) == 1
    assert html.unescape(said) in output.read_text()


def test_unpacked_files_come_back_and_old_versions_go(shop: Path, tmp_path: Path,
                                                      served: Callable[..., str]) -> None:
    cache = tmp_path / 'cache'
    for number in range(4):
        (shop.parent / 'words.py').write_text(f'WORD = "{number}"')
        packed = pack(shop)
        assert f'<p>{number} ' in get(served(sys.executable, packed.path))
    pages = list(cache.rglob('page.tpl'))
    assert len(pages) == 2
    for path in pages:
        path.unlink()
    assert '<p>3 ' in get(served(sys.executable, packed.path))


def test_it_says_what_it_needs(shop: Path) -> None:
    (shop.parent / 'words.py').write_text('import psycopg, json\nfrom requests.auth import x\n'
                                          'from . import y\n')
    done = kali('pack', shop)
    assert 'Not in it, and to be installed where it runs: psycopg, requests' in done.stdout
    assert done.stdout.endswith('requests\n')


@pytest.mark.parametrize('output, made', [
    (None, 'shop.pyz'), ('', 'shop.pyz'), ('out', 'out/shop.pyz'), ('a/b/name.pyz', 'a/b/name.pyz')])
def test_where_it_goes(output: str | None, made: str, shop: Path) -> None:
    packed = pack(shop, None if output is None else shop.parent / output)
    assert packed.path == shop.parent / made
    for path in packed.launchers:
        assert path.parent == packed.path.parent
        assert path.stem == packed.path.stem
        assert os.access(path, os.X_OK)
    assert os.access(packed.path, os.X_OK)
    again = pack(shop, None if output is None else shop.parent / output)
    assert again.number in (packed.number, packed.number + 1)  # an icon was made beside it


@pytest.mark.parametrize('name', [
    "Bob's {x} tool.py",
    pytest.param('a\\x"""b.py', marks=pytest.mark.posix('no file of Windows has such a name'))])
def test_any_name_of_a_script_will_do(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text('print("It runs.")')
    packed = pack(tmp_path / name, tmp_path / 'order_book.pyz')
    assert 'Name=Order book\n' in packed.path.with_suffix('.desktop').read_text('utf-8')  # the file's name
    for path in (packed.path, pack(tmp_path / name).path):
        done = subprocess.run([sys.executable, path], capture_output=True, text=True,
                              env=own_folders(tmp_path))
        assert (done.stdout, done.stderr) == ('It runs.\n', '')


@pytest.mark.parametrize('name, text, said', [
    ('nosuch.py', None, 'There is no file'), ('text.txt', 'x', 'is no Python script'),
    ('bad.py', 'x = (\n', 'has a mistake in line 1'), ('bytes.py', 'x = "\0"', 'bytes.py'),
])
def test_what_cannot_be_packed(name: str, text: str | None, said: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    done = kali('pack', tmp_path / name)
    assert done.returncode == 1
    assert said in done.stderr
    assert 'Traceback' not in done.stderr
    assert not list(tmp_path.glob('*.pyz'))


def test_an_output_that_cannot_be_written_is_a_sentence(shop: Path, tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    for output, said in ((tmp_path / 'file' / 'x.pyz', 'cannot be written'),
                         (tmp_path / 'x.zip', 'ends with .pyz')):
        with pytest.raises(KaliError, match=said):
            pack(shop, output)


def test_the_examples_are_packed_with_their_templates(tmp_path: Path, served: Callable[..., str]) -> None:
    found = members(ROOT / 'examples/datebook.py')
    assert {'datebook.py', 'datebook.sql', 'templates/datebook/head.tpl'} <= set(found)
    assert not [name for name in found if name.startswith('templates/gallery')] or 'gallery.py' in found


# Launchers.

def test_the_desktop_entry_starts_it_from_anywhere(shop: Path, served: Callable[..., str],
                                                   tmp_path: Path) -> None:
    (shop.parent / 'shop.png').write_bytes(b'\x89PNG')
    packed = pack(shop, tmp_path / 'pläce 50% "$`' / 'shop.pyz')
    entry = configparser.RawConfigParser()
    entry.optionxform = str  # type: ignore[assignment, method-assign]
    entry.read(packed.path.with_suffix('.desktop'), encoding='utf-8')
    found = dict(entry['Desktop Entry'])
    assert found['Name'] == 'Shop'
    assert Path(found['Icon'].replace('\\\\', '\\')).read_bytes() == b'\x89PNG'
    line = found['Exec'].replace('\\\\', '\\').replace('%%', '%').removesuffix(' %F')
    assert 'Wörter' in get(served('sh', '-c', f'exec {line}', cwd=Path('/')))


@pytest.mark.skipif(sys.platform in ('win32', 'darwin'), reason='desktop entries are of Linux and its like')
def test_a_packed_program_with_an_icon_is_in_the_menu_as_what_was_packed(
        tmp_path: Path, eventually: Callable[..., Any]) -> None:
    write(tmp_path / 'app', {'tool.py': 'from kali import resource, serve_http\n'
                             'serve_http(lambda request: "", icon=resource("a.svg"), app_id="tool")',
                             'a.svg': '<svg/>'})
    path = pack(tmp_path / 'app/tool.py', tmp_path / 'my_tool.pyz').path
    env, entry = {**own_folders(tmp_path), 'BROWSER': 'true'}, tmp_path / 'data/applications/tool.desktop'
    process = subprocess.Popen([sys.executable, path.name], cwd=tmp_path, env=env, stdout=subprocess.DEVNULL)
    try:
        eventually(entry.exists)
        text = entry.read_text('utf-8')
        assert f'\nName=My tool\nExec="{sys.executable}" "{path}" %F\n' in text
        line = text.partition('Exec=')[2].partition(' %F')[0]
        again = subprocess.run(['sh', '-c', line], cwd='/', env=env, capture_output=True, text=True)
        assert (again.returncode, again.stderr) == (0, '')
        assert 'The program is running already' in again.stdout
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.parametrize('call, icon', [
    ("serve_http(app, icon='pictures/a.svg')", 'pictures/a.svg'),
    ('f(icon = kali.resource("b.png"))', 'b.png'), ("serve_http(app, icon='gone.svg')", 'icon.png'),
    ('', 'icon.png')])
def test_the_icon_is_the_one_of_the_script(call: str, icon: str, tmp_path: Path) -> None:
    write(tmp_path, {'shop.py': call, 'pictures/a.svg': '<svg/>', 'b.png': 'b', 'icon.png': 'i'})
    packed = pack(tmp_path / 'shop.py')
    assert f'Icon={tmp_path / icon}\n' in packed.path.with_suffix('.desktop').read_text('utf-8') or (
        icon == 'pictures/a.svg' and packed.path.with_suffix('.svg').read_text() == '<svg/>')


@pytest.mark.skipif(not shutil.which('desktop-file-validate'), reason='desktop-file-utils are not installed')
def test_the_desktop_entry_is_valid(tmp_path: Path) -> None:
    path = tmp_path / 'x.desktop'
    path.write_text(desktop_entry('A\\b\nc', ['python3', '/a "b" $c `d` \\e 5%.pyz'], '/x.png', 'a'), 'utf-8')
    done = subprocess.run(['desktop-file-validate', path], capture_output=True, text=True)
    assert 'error' not in done.stdout


def test_the_command_for_macos_finds_the_program_by_its_own_name(
        shop: Path, served: Callable[..., str]) -> None:
    packed = pack(shop)
    packed.path.rename(packed.path.with_name('neu name.pyz'))
    command = packed.path.with_suffix('.command').rename(packed.path.with_name('neu name.command'))
    assert 'Wörter' in get(served(command, cwd=Path('/')))


def test_the_launchers_for_windows_have_its_line_ends_and_name_nothing(shop: Path) -> None:
    packed = pack(shop)
    for ending in ('.bat', '.vbs'):
        text = packed.path.with_suffix(ending).read_bytes()
        assert text.count(b'\n') == text.count(b'\r\n') > 3
        assert text.isascii()
        assert b'shop' not in text.lower()


# kali.resource.

def test_resource_in_a_script_in_a_test_and_in_another_module(tmp_path: Path) -> None:
    write(tmp_path, {'parts/__init__.py': 'import kali\nHERE = kali.resource("words.txt")\n',
                     'words.txt': 'x', 'main.py': 'import kali, parts\nprint(parts.HERE)\n'
                     'print(kali.resource("words.txt") == parts.HERE)'})
    done = subprocess.run([sys.executable, tmp_path / 'main.py'], cwd='/', capture_output=True, text=True,
                          env={**os.environ, 'PYTHONPATH': str(ROOT)})
    assert done.stdout == f'{tmp_path / "words.txt"}\nTrue\n', done.stderr
    assert resource('test_pack.py') == Path(__file__).resolve()  # pytest is the main script here


def test_resource_in_any_zip_file(tmp_path: Path) -> None:
    write(tmp_path / 'app', {'templates/a.tpl': 'found', 'templates2/b.tpl': '', 'main.py':
                             'import kali\ndef run(): print(kali.resource("templates/a.tpl").read_text())\n'})
    zipapp.create_archive(tmp_path / 'app', tmp_path / 'app.pyz', main='main:run')
    done = subprocess.run([sys.executable, 'app.pyz'], cwd=tmp_path, capture_output=True, text=True,
                          env={**own_folders(tmp_path), 'PYTHONPATH': str(ROOT)})
    assert done.stdout == 'found\n', done.stderr
    assert {path.name for path in (tmp_path / 'cache').rglob('*.tpl')} == {'a.tpl', 'b.tpl'}


@pytest.mark.parametrize('name', ['', '/etc/passwd', '../x', 'a/../../x', 'a\\b', 'nosuch'])
def test_resource_says_what_is_wrong(name: str) -> None:
    with pytest.raises(KaliError, match='beside'):
        resource(name)


def test_links_are_followed_once(tmp_path: Path) -> None:
    write(tmp_path / 'app', {'main.py': '', 'inside/x.py': ''})
    write(tmp_path / 'shared', {'y.py': ''})
    (tmp_path / 'app/inside/back').symlink_to(tmp_path / 'app')
    (tmp_path / 'app/shared').symlink_to(tmp_path / 'shared')
    (tmp_path / 'app/gone').symlink_to(tmp_path / 'nowhere')
    os.mkfifo(tmp_path / 'app/pipe')
    found = [path.relative_to(tmp_path / 'app').as_posix() for path in files_of(tmp_path / 'app')]
    assert found == ['main.py', 'inside/x.py', 'shared/y.py']
