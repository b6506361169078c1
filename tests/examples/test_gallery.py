"""The gallery over HTTP and in a browser: what it lists, what it shows, what its buttons start and stop."""

from __future__ import annotations

import html
import os
import re
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parent.parent.parent
HELLO = '''
"""A greeting: says hello, and <b>nothing</b> else.

What follows is not part of the description.
"""
import os
from pathlib import Path
from kali import Router, serve_http

app = Router()
app.function('/')(lambda: f'Hello from process {os.getpid()}')
Path('hello.pid').write_text(str(os.getpid()))
serve_http(app, port=0)
'''
PLAIN = '"""Is short."""\nfrom kali import serve_http\nserve_http(lambda request: "Short")\n'


@pytest.fixture
def gallery(serve: Callable[..., Any], tmp_path: Path) -> Any:
    """The gallery in a folder with examples of our own; none of them opens a window."""
    folder = tmp_path / 'examples'
    folder.mkdir()
    for name in ('__main__.py', 'gallery.py'):
        shutil.copy(ROOT / 'examples' / name, folder)
    shutil.copytree(ROOT / 'templates/gallery', tmp_path / 'templates/gallery')
    (folder / 'pictures').mkdir()
    shutil.copy(ROOT / 'examples/pictures/intro.webp', folder / 'pictures/hello.webp')
    for name, text in {'hello.py': HELLO, 'typo.py': '"""Not even that."""\nprint("\n',
                       'broken.py': '"""Cannot be started."""\nraise ValueError("<a cause>")\n',
                       '_private.py': PLAIN, 'others/short.py': PLAIN, 'others/helper.py': 'x = 1\n',
                       '.hidden/secret.py': PLAIN}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding='utf-8')
    return serve(folder / 'gallery.py', env={'PYTHONPATH': str(ROOT), 'BROWSER': 'true'})


def examples() -> list[str]:
    inside = [f'{path.parent.name}.{path.stem}' for path in (ROOT / 'examples').glob('*/*.py')
              if 'serve_http(' in path.read_text(encoding='utf-8')]
    return [*(path.stem for path in (ROOT / 'examples').glob('[!_]*.py') if path.stem != 'gallery'), *inside]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return 'Z' not in Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0]


def test_every_example_has_a_card_with_what_its_docstring_says(serve: Callable[..., Any]) -> None:
    served = serve(ROOT / 'examples/gallery.py')
    page = served.get('/')
    assert page.status == 200
    listed = re.findall('<li id="(.*?)">', page.text)
    assert listed[:6] == ['intro', 'static_content', 'simple_task_list', 'guard', 'datebook', 'invoice']
    assert sorted(listed) == sorted(examples())
    for name in listed:
        path = ROOT / 'examples' / (name.replace('.', '/') + '.py')
        said = re.search(r'"""(.*?)("""|\n\n)', path.read_text(encoding='utf-8'), re.DOTALL)
        assert said is not None
        title = re.sub(r'\s+', ' ', said[1].strip()).partition(': ')[0]
        assert f'<h3>{html.escape(title)}</h3>' in page.text or f'<p>{html.escape(title)}' in page.text
        assert f'action="/run/{name}"' in page.text
        assert f'href="/source/{name}"' in page.text
        assert served.get(f'/source/{name}').status == 200
    assert served.get('/handbook/').status == 200


@pytest.mark.parametrize('name', examples())
def test_every_example_has_a_small_picture(name: str) -> None:
    picture = ROOT / 'examples/pictures' / f'{name}.webp'
    assert picture.is_file(), 'make it: python3 examples/_pictures.py ' + name
    assert 1000 < picture.stat().st_size <= 25_000
    assert picture.read_bytes()[8:12] == b'WEBP'


def test_there_is_no_picture_of_what_is_gone() -> None:
    assert {path.stem for path in (ROOT / 'examples/pictures').iterdir()} <= set(examples())


def test_descriptions_are_text_and_a_mistake_in_one_example_hides_no_other(gallery: Any) -> None:
    page = gallery.get('/').text
    assert '<h3>A greeting</h3>\n<p>Says hello, and &lt;b&gt;nothing&lt;/b&gt; else.</p>' in page
    assert '<h3>Short</h3>\n<p>Is short.</p>' in page
    assert 'There is a mistake in line 2' in page
    assert re.findall('<h2>(.*?)</h2>', page) == ['More', 'Others']
    for absent in ('What follows', '_private', 'helper', 'secret'):
        assert absent not in page
    assert page.count('<img') == 1
    assert gallery.get('/pictures/hello.webp').headers['Content-Type'] == 'image/webp'


def test_the_source_is_shown_as_it_is(gallery: Any, page: Page) -> None:
    page.goto(gallery.url + '/source/hello')
    assert page.locator('pre').text_content() == HELLO


@pytest.mark.parametrize('method, target, said', [
    ('get', '/source/nosuch', 'There is no example'),
    ('get', '/source/..%2Fconftest', 'There is no example'),
    ('get', '/source/_private', 'There is no example'),
    ('get', '/source/others.helper', 'There is no example'),
    ('post', '/run/nosuch', 'There is no example'),
    ('get', '/output/hello', 'has not been started'),
])
def test_what_is_not_there_is_a_404_that_says_so(gallery: Any, method: str, target: str, said: str) -> None:
    reply = gallery.get(target) if method == 'get' else gallery.post(target, {})
    assert reply.status == 404
    assert said in reply.text


def test_an_example_is_run_once_and_stopped_and_the_page_follows(
        gallery: Any, page: Page, eventually: Callable[..., Any]) -> None:
    assert gallery.get('/run/hello').status == 405
    page.goto(gallery.url)
    page.get_by_role('button', name='Run hello').click()
    with page.expect_popup() as opened:
        page.get_by_role('link', name='open in a tab').click()  # there as soon as it is known where
    opened.value.get_by_text('Hello from process').wait_for()
    first = opened.value.inner_text('body')
    assert gallery.post('/run/hello', {}).status == 303  # from an older page
    page.reload()
    with page.expect_popup() as opened:
        page.get_by_role('link', name='open in a tab').click()
    assert opened.value.inner_text('body') == first
    pid = int(first.split()[-1])
    page.get_by_role('button', name='Stop hello').click()
    page.get_by_role('button', name='Run hello').wait_for()
    assert not is_alive(pid)
    page.get_by_role('button', name='Run hello').click()
    page.get_by_role('button', name='Stop hello').wait_for()
    number = gallery.folder / 'hello.pid'
    eventually(lambda: (again := int(number.read_text() or pid)) != pid and is_alive(again))
    os.kill(int(number.read_text()), signal.SIGTERM)  # as when its window is closed
    page.get_by_role('button', name='Run hello').wait_for()  # without a reload


def test_an_example_in_a_folder_is_run_by_the_keyboard_alone(gallery: Any, page: Page) -> None:
    page.goto(gallery.url)
    for _ in range(40):
        page.keyboard.press('Tab')
        if page.evaluate('document.activeElement.getAttribute("aria-label")') == 'Run others.short':
            break
    page.keyboard.press('Enter')
    page.get_by_role('button', name='Stop others.short').wait_for()


@pytest.mark.posix('Windows has no signals between processes')
@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT, getattr(signal, 'SIGKILL', 9)])
def test_examples_end_with_the_gallery_however_it_ends(number: int, gallery: Any,
                                                       eventually: Callable[..., Any]) -> None:
    for name in ('hello', 'others.short'):
        gallery.post(f'/run/{name}', {})
    eventually(lambda: gallery.get('/').text.count('open in a tab') == 2)
    pid = int((gallery.folder / 'hello.pid').read_text())
    gallery.process.send_signal(number)
    assert gallery.process.wait(10) == (-9 if number == signal.SIGKILL else 0)
    eventually(lambda: not is_alive(pid), 5 if number == signal.SIGKILL else 0.1)


def test_an_example_that_fails_shows_what_it_printed(gallery: Any, page: Page) -> None:
    page.goto(gallery.url)
    page.get_by_role('button', name='Run broken').click()
    page.get_by_text('ended with code 1').wait_for()
    page.get_by_role('link', name='why?').click()
    assert 'ValueError: <a cause>' in page.locator('pre').inner_text()
    assert gallery.post('/run/broken', {}).headers['Location'] == '/#broken'


@pytest.mark.parametrize('scheme, width', [('light', 1200), ('dark', 1200), ('light', 360)])
def test_nobody_is_shut_out(scheme: Any, width: int, serve: Callable[..., Any], page: Page, axe: Any) -> None:
    served = serve(ROOT / 'examples/gallery.py', env={'BROWSER': 'true'})
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({'width': width, 'height': 800})
    for path in ('/', '/source/intro'):
        page.goto(served.url + path)
        assert page.evaluate('document.documentElement.scrollWidth') <= width
        axe(page)
