"""The gallery over HTTP and in a browser: what it lists, what it shows, and what its buttons start."""

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
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parent.parent.parent
HELLO = '''
"""Says hello, and <b>nothing</b> else.

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


@pytest.fixture
def gallery(serve: Callable[..., Any], tmp_path: Path) -> Iterator[Any]:
    """The gallery in a folder with examples of our own; none of them opens a window, and all are ended."""
    folder = tmp_path / 'examples'
    folder.mkdir()
    for name in ('__main__.py', 'gallery.py'):
        shutil.copy(ROOT / 'examples' / name, folder)
    shutil.copytree(ROOT / 'templates/gallery', tmp_path / 'templates/gallery')
    (folder / 'hello.py').write_text(HELLO, encoding='utf-8')
    (folder / 'broken.py').write_text('"""Cannot be started."""\nraise ValueError("<a cause>")\n', 'utf-8')
    (folder / 'typo.py').write_text('"""Not even that."""\nprint("\n', 'utf-8')
    (folder / '_private.py').write_text('"""No example."""\n', 'utf-8')
    yield serve(folder / 'gallery.py', env={'PYTHONPATH': str(ROOT), 'BROWSER': 'true'})
    pid = tmp_path / 'hello.pid'
    if pid.exists():
        os.kill(int(pid.read_text()), signal.SIGTERM)


def test_every_example_is_listed_with_the_first_paragraph_of_its_docstring(serve: Callable[..., Any]) -> None:
    page = serve(ROOT / 'examples/gallery.py').get('/')
    assert page.status == 200
    lessons = ['intro', 'static_content', 'simple_task_list', 'guard', 'datebook', 'invoice']
    assert re.findall('<h2>(.*?)</h2>', page.text)[:6] == lessons  # in the order to read them
    for path in set((ROOT / 'examples').glob('[!_]*.py')) - {ROOT / 'examples/gallery.py'}:
        first = re.search(r'"""(.*?)("""|\n\n)', path.read_text(encoding='utf-8'), re.DOTALL)
        assert f'<h2>{path.stem}</h2>\n<p>{html.escape(first[1].strip())}</p>' in page.text
        assert f'action="/start/{path.stem}"' in page.text
        assert f'href="/source/{path.stem}"' in page.text


def test_descriptions_are_text_and_a_mistake_in_one_example_hides_no_other(gallery: Any) -> None:
    page = gallery.get('/').text
    assert '<p>Says hello, and &lt;b&gt;nothing&lt;/b&gt; else.</p>' in page
    assert 'There is a mistake in line 2' in page
    assert 'What follows' not in page
    assert '_private' not in page


def test_the_source_is_shown_as_it_is(gallery: Any, page: Page) -> None:
    page.goto(gallery.url + '/source/hello')
    assert page.locator('pre').text_content() == HELLO


@pytest.mark.parametrize('method, target, said', [
    ('get', '/source/nosuch', 'There is no example'),
    ('get', '/source/..%2Fconftest', 'There is no example'),
    ('get', '/source/_private', 'There is no example'),
    ('post', '/start/nosuch', 'There is no example'),
    ('get', '/state/hello', 'has not been started'),
])
def test_what_is_not_there_is_a_404_that_says_so(gallery: Any, method: str, target: str, said: str) -> None:
    reply = gallery.get(target) if method == 'get' else gallery.post(target, {})
    assert reply.status == 404
    assert said in reply.text


def test_an_example_is_started_once_and_found_again(gallery: Any, page: Page) -> None:
    assert gallery.get('/start/hello').status == 405
    page.goto(gallery.url)
    page.get_by_role('button', name='Start hello').click()
    page.wait_for_url('**/state/hello')
    with page.expect_popup() as opened:
        page.get_by_role('link', name='go to hello').click()  # there once the page has found out where
    hello = opened.value
    hello.get_by_text('Hello from process').wait_for()
    first = hello.inner_text('body')

    page.go_back()  # to the page as it was
    page.get_by_role('button', name='Start hello').click()
    page.get_by_text('hello is running already').wait_for()
    page.get_by_role('link', name='All examples').click()
    page.get_by_role('link', name='It is running').click()
    with page.expect_popup() as opened:
        page.get_by_role('link', name='go to hello').click()
    assert opened.value.inner_text('body') == first


def test_an_example_that_fails_shows_what_it_printed(gallery: Any, eventually: Callable[..., Any]) -> None:
    assert gallery.post('/start/broken', {}).status == 303
    page = eventually(lambda: 'has ended' in (reply := gallery.get('/state/broken')).text and reply)
    assert 'with code 1' in page.text
    assert 'ValueError: &lt;a cause&gt;' in page.text
    assert 'Refresh' not in page.headers
    assert gallery.post('/start/broken', {}).headers['Location'] == '/state/broken'
