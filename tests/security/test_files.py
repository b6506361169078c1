"""Files: a folder gives away nothing but its own, whatever happens meanwhile, and no text runs as a page."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kali.routing import static
from kali.routing.router import Router
from kali.routing.static import StaticFolder
from kali.testing import Client
from tests.windows import link, write_odd

if TYPE_CHECKING:
    pass

SECRET = 'the secret outside'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with files, beside a secret."""
    root = tmp_path / 'site'
    (root / 'sub').mkdir(parents=True)
    (root / 'note.txt').write_text('inside')
    (root / 'sub' / 'note.txt').write_text('inside')
    (root / '.hidden').mkdir()
    (root / '.hidden' / 'note.txt').write_text(SECRET)
    (tmp_path / 'secret.txt').write_text(SECRET)
    (tmp_path / 'note.txt').write_text(SECRET)
    return root


@pytest.fixture(params=['walk', 'jump'])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to open a file: name by name, and the one for Windows."""
    monkeypatch.setattr(static, 'WALKS', request.param == 'walk' and static.WALKS)
    return str(request.param)


def swap(path: Path, target: Path) -> None:
    """Put a link to `target` where `path` was."""
    path.rename(path.with_name('moved'))
    path.symlink_to(target)


@pytest.mark.parametrize('name, bent, target', [
    ('note.txt', 'note.txt', 'secret.txt'), ('sub/note.txt', 'sub', '.'),
    ('sub/note.txt', 'sub/note.txt', 'secret.txt')])
@pytest.mark.wine('links')
def test_a_link_put_there_after_the_look_leads_nowhere(
        root: Path, way: str, monkeypatch: pytest.MonkeyPatch, name: str, bent: str, target: str) -> None:
    client = Client(StaticFolder(root))
    assert client.get('/' + name).text == 'inside'
    real, aim = os.path.realpath, (root.parent / target).resolve()

    def then_swap(path: str) -> str:
        found = real(path)
        if not (root / bent).is_symlink():
            swap(root / bent, aim)
        return found
    monkeypatch.setattr(os.path, 'realpath', then_swap)
    reply = client.get('/' + name)
    assert (root / bent).is_symlink()
    assert (root / name).read_text() == SECRET  # following the link does get it
    assert SECRET not in reply.text
    assert reply.status == 404


def test_a_link_that_is_bent_and_straightened_leads_nowhere(root: Path,
                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    # For the way without walking: what was opened must be what is there.
    monkeypatch.setattr(static, 'WALKS', False)
    client, opened = Client(StaticFolder(root)), os.open

    def bend(path: str, *rest: int, **options: int) -> int:
        if str(path).endswith('note.txt'):
            path = str(root.parent / 'secret.txt')  # for the moment of opening, a link stood there
        return opened(path, *rest, **options)
    monkeypatch.setattr(os, 'open', bend)
    assert client.get('/note.txt').status == 404


@pytest.mark.wine('links')
def test_a_listing_of_a_folder_that_is_swapped_meanwhile(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, client = os.path.realpath, Client(StaticFolder(root))

    def then_swap(path: str) -> str:
        found = real(path)
        if not (root / 'sub').is_symlink():
            swap(root / 'sub', root.parent)
        return found
    monkeypatch.setattr(os.path, 'realpath', then_swap)
    assert 'secret.txt' not in client.get('/sub/').text


@pytest.mark.wine('links')
def test_links_inside_work_but_not_to_what_is_hidden(root: Path, way: str) -> None:
    (root / 'in.txt').symlink_to('note.txt')
    (root / 'also').symlink_to('sub')
    (root / 'shown.txt').symlink_to('.hidden/note.txt')
    (root / 'git').symlink_to('.hidden')
    (root / 'out').symlink_to('..')
    client = Client(StaticFolder(root))
    assert client.get('/in.txt').text == client.get('/also/note.txt').text == 'inside'
    for path in ('/shown.txt', '/git/note.txt', '/git/', '/out/', '/out/secret.txt', '/.hidden/note.txt'):
        assert client.get(path).status == 404
    listing = client.get('/').text
    assert [name in listing for name in ('in.txt', 'also/', 'shown.txt', 'git', 'out', 'hidden')] == [
        True, True, False, False, False, False]


@pytest.mark.parametrize('name', ['\u200c.hidden', '\ufeff_x', '\u202e.x'])
def test_names_that_some_systems_take_for_hidden_ones_are_hidden(root: Path, name: str) -> None:
    (root / name).write_text(SECRET)
    client = Client(StaticFolder(root))
    assert client.get('/' + quote(name)).status == 404
    assert quote(name) not in client.get('/').text


@pytest.mark.posix('there are no pipes in folders')
def test_a_pipe_holds_up_nobody(root: Path, way: str) -> None:
    os.mkfifo(root / 'pipe')
    client, found = Client(StaticFolder(root)), []
    asking = threading.Thread(target=lambda: found.append(client.get('/pipe').status), daemon=True)
    asking.start()
    asking.join(5)  # waiting for the other end of the pipe would take for ever
    assert found == [404]
    assert 'pipe' not in client.get('/').text


PIECES = ['..', '.', '%2e', '%252e', '/', '//', '%2f', '%252f', '\\', '%5c', '%c0%ae', '%c0%af', '%00', ':',
          '::$DATA',
          'c:', ' ', '.txt', 'note', 'secret', 'out', 'sub', 'file', '.hidden', 'in', '~', 'CON', ';',
          '%e2%80%8c']


@given(st.lists(st.sampled_from(PIECES), max_size=9).map(''.join) | st.text(max_size=30).map(quote))
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_path_reaches_outside(root: Path, path: str) -> None:
    for name, target in (('out', '..'), ('in', 'sub'), ('file', '../secret.txt')):
        if not (root / name).is_symlink():
            link(root / name, target)
    app = Router()
    app.delegate_folder('/files/', StaticFolder(root))
    target = path.replace(' ', '%20')
    for client, prefix in ((Client(app), '/files/'), (Client(StaticFolder(root)), '/')):
        reply = client.get(prefix + target, follow=True)
        assert SECRET not in reply.text
        assert 'href="./secret' not in reply.text
        assert 'href="./site' not in reply.text


PAGE = '<html xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script></html>'
NAMES = ['note.txt', 'note.md', 'note.csv', 'note.log', 'note.py', 'note', 'note.unknown', 'note.html.txt',
         'note.html~',
         'note.json', 'note.jpg', 'note.pdf', 'README', '%3Cb%3E.txt', 'note.html.bak', 'note.url',
         'note.hta']


@pytest.mark.parametrize('name', NAMES)
def test_no_text_runs_as_a_page(root: Path, name: str) -> None:
    (root / name).write_text(PAGE)
    reply = Client(StaticFolder(root)).get('/' + quote(name))
    assert reply.text == PAGE
    assert reply.headers['x-content-type-options'] == 'nosniff'
    kind = reply.headers['content-type']
    assert not any(page in kind for page in ('html', 'xml', 'javascript', 'css')), kind


@pytest.mark.parametrize('name', ['picture.svg', 'data.xml'])
def test_pictures_and_data_that_could_run_scripts_have_no_part_in_the_program(root: Path, name: str) -> None:
    (root / name).write_text(PAGE)
    reply = Client(StaticFolder(root)).get('/' + name)
    assert reply.headers['content-security-policy'].startswith('sandbox;')


@pytest.mark.parametrize('name, kind', [
    ('a.html', None), ('a.xhtml', None), ('a.svg', None), ('a.xml', None), ('a.js', None), ('a.css', None),
    ('a.wasm', None), ('a.unknown', None), ('a', None), ('a.png', 'image/png'), ('a.mp4', 'video/mp4'),
    ('a.txt', 'text/plain; charset=utf-8'), ('index.html', None),
])
def test_foreign_files_are_saved_and_run_as_nothing(root: Path, name: str, kind: str | None) -> None:
    (root / name).write_text(PAGE)
    client = Client(StaticFolder(root, download=True))
    for path in ['/' + name] + ['/'] * (name == 'index.html'):
        reply = client.get(path)
        assert reply.headers['content-disposition'].startswith(f'attachment; filename="{name}"')
        assert reply.headers['content-type'] == (kind or 'application/octet-stream')
        assert reply.headers['x-content-type-options'] == 'nosniff'


def test_names_in_a_listing_are_text_and_no_script_runs_there(root: Path) -> None:
    names = ['<script>alert(1)</script>.txt'.replace('/', ''), '"onmouseover="alert(1)', "'&amp;",
             'javascript&colon;x']
    made = [name for name in names if write_odd(root / name, b'')]
    reply = Client(StaticFolder(root)).get('/')
    assert '<script' not in reply.text.replace('<script src="/.kali/kali.js" defer>', '')
    assert 'onmouseover="' not in reply.text
    assert "script-src 'self';" in reply.headers['content-security-policy']
    assert reply.text.count('href="./') == len(made) + 2
