"""StaticFolder: the files of one folder, and never a byte from outside it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kali.routing.router import Router
from kali.routing.static import StaticFolder
from kali.testing import Client
from tests.windows import link, write_odd

SECRET = b'the secret outside'
ODD = '<b>"\'&.txt'


@pytest.fixture(scope='module')
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    outside = tmp_path_factory.mktemp('outside')
    (outside / 'secret.txt').write_bytes(SECRET)
    (outside / 'sitesecret').mkdir()
    (outside / 'sitesecret' / 'secret.txt').write_bytes(SECRET)
    root = outside / 'site'
    (root / 'sub' / 'deep').mkdir(parents=True)
    (root / 'empty').mkdir()
    (root / 'with index').mkdir()
    (root / 'with index' / 'index.html').write_text('the index')
    (root / 'a.txt').write_text('a')
    (root / 'sub' / 'b.css').write_text('b')
    (root / 'größe 1%2F.txt').write_text('umlaut')
    write_odd(root / ODD, b'odd')
    (root / 'B.txt').write_text('B')
    for hidden in ('.git', '_private'):
        (root / hidden).mkdir()
        (root / hidden / 'config').write_bytes(SECRET)
        (root / 'sub' / (hidden + '.txt')).write_bytes(SECRET)
    link(root / 'out', outside / 'secret.txt')
    link(root / 'outdir', outside)
    link(root / 'in', root / 'a.txt')
    link(root / 'sub' / 'index.html', outside / 'secret.txt')
    link(root / 'loop', root / 'loop')
    write_odd(root / '\udcff.txt', b'not UTF-8')
    return root


@pytest.fixture(scope='module')
def client(root: Path) -> Client:
    app = Router()
    app.delegate_folder('/static/', StaticFolder(root))
    return Client(app)


@pytest.mark.parametrize('path, body, kind', [
    ('a.txt', b'a', 'text/plain; charset=utf-8'), ('sub/b.css', b'b', 'text/css; charset=utf-8'),
    ('with%20index/', b'the index', 'text/html; charset=utf-8'),
    ('gr%C3%B6%C3%9Fe%201%252F.txt', b'umlaut', 'text/plain; charset=utf-8'),
    pytest.param('in', b'a', 'application/octet-stream', marks=pytest.mark.wine('links')),
    ('%61.txt', b'a', 'text/plain; charset=utf-8'),
])
def test_files(client: Client, path: str, body: bytes, kind: str) -> None:
    reply = client.get('/static/' + path)
    assert (reply.status, reply.body, reply.headers['content-type']) == (200, body, kind)
    assert reply.headers['x-content-type-options'] == 'nosniff'
    head = client.head('/static/' + path)
    assert (head.body, head.headers['content-length']) == (b'', str(len(body)))
    assert client.get('/static/' + path, headers={'If-None-Match': reply.headers['etag']}).status == 304
    assert client.get('/static/' + path, headers={'Range': 'bytes=0-0'}).body == body[:1]


@pytest.mark.parametrize('path, location', [
    ('/static', '/static/'), ('/static/sub', '/static/sub/'),
    ('/static/with%20index?q=1', '/static/with%20index/?q=1'),
])
def test_a_folder_has_its_slash(client: Client, path: str, location: str) -> None:
    reply = client.get(path)
    assert (reply.status, reply.headers['location']) == (303, location)


NASTY = [
    '../secret.txt', '..%2fsecret.txt', '%2e%2e/secret.txt', '%2e%2e%2fsecret.txt', '..%252fsecret.txt',
    '%252e%252e/secret.txt',
    '..%255csecret.txt', '..%5csecret.txt', '..\\secret.txt', '%5c..%5csecret.txt', '%5c%5chost%5cshare',
    '%2f%2fhost%2fshare',
    '%2fetc%2fpasswd', '/etc/passwd', '//etc/passwd', 'sub/..%2f..%2fsecret.txt', 'sub/../../secret.txt',
    './../secret.txt',
    '..%c0%afsecret.txt', '%c0%ae%c0%ae/secret.txt', '%e0%80%ae%e0%80%ae/secret.txt',
    '%uff0e%uff0e/secret.txt', '..%u2215secret.txt',
    '%EF%BC%8E%EF%BC%8E/secret.txt', 'C:/secret.txt', 'C:secret.txt', 'c%3a%5csecret.txt', 'a.txt::$DATA',
    'a.txt%3A%3A%24DATA',
    'a.txt:stream', 'a.txt%00.html', '%00', 'a.txt%00', 'a.txt%0a', 'a.txt.', 'a.txt%20', 'a.txt...',
    'a.txt. .', 'sub./b.css',
    'sub%20/b.css', '...', '.../secret.txt', 'CON', 'con.txt', 'NUL', 'nul.', 'AUX.html', 'COM1',
    'com1.tar.gz', 'LPT9.txt',
    'COM%C2%B9', 'CONIN$', 'con%20.txt', 'PRN/x', 'out', 'outdir/', 'outdir/secret.txt', 'outdir',
    'outdir/sitesecret/secret.txt',
    '.git/config', '.git/', '.git', '_private/config', 'sub/.git.txt', 'sub/_private.txt', 'loop', 'loop/',
    'a.txt/', 'a.txt/b',
    'a.txt/..', 'missing', 'sub/missing/', 'sub/B.CSS/', '~root', '%7e/secret.txt', '*', '%3f', 'a.tx%3f',
    '%3C', '%7C', '%22',
    'x' * 300, 'x/' * 400, '%ff.txt', '%ED%B3%BF.txt', '..%00/secret.txt', '..;/secret.txt',
    'sub;/../secret.txt',
]


@pytest.mark.parametrize('path', NASTY)
def test_nasty_paths_lead_nowhere(client: Client, path: str) -> None:
    reply = client.get('/static/' + path)
    assert SECRET not in reply.body
    assert reply.status in (303, 400, 404)
    if reply.status == 303:  # normalised, and the outcome is no better
        reply = client.get('/static/' + path, follow=True)
        assert SECRET not in reply.body
        assert reply.status in (200, 404)


def test_natively_made_requests_lead_nowhere_either(root: Path) -> None:
    # A Router normalises; a folder must not rely on it.
    for path in ('/../secret.txt', '/%2e%2e/secret.txt', '//etc/passwd', '/sub/../../secret.txt',
                 '/./../secret.txt'):
        assert Client(StaticFolder(root)).get(path).status == 404


@given(st.lists(st.sampled_from(['..', '.', '%2e', '/', '%2f', '\\', '%5c', 'secret.txt', 'sub', 'outdir',
                                 'out', '%00', '%252f', ':',
                                 '_private', '.git', 'config', 'a.txt', '%c0%af', '~', ' ', 'sitesecret']),
                                 max_size=8).map(''.join))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_path_reaches_outside(client: Client, root: Path, path: str) -> None:
    path = '/' + path.replace(' ', '%20')
    for reply in (client.get('/static' + path, follow=True), Client(StaticFolder(root)).get(path)):
        assert SECRET not in reply.body
        assert b'secret.txt' not in reply.body or reply.status in (400, 404)


@pytest.mark.wine('links')
def test_a_link_that_is_bent_outside_later_leads_nowhere(tmp_path: Path) -> None:
    root = tmp_path / 'root'
    root.mkdir()
    (root / 'real').write_text('inside')
    (tmp_path / 'secret').write_bytes(SECRET)
    link = root / 'link'
    link.symlink_to('real')
    client = Client(StaticFolder(root))
    assert client.get('/link').text == 'inside'
    link.unlink()
    link.symlink_to('../secret')
    assert client.get('/link').status == 404


def test_a_listing_escapes_sorts_and_hides(client: Client, root: Path) -> None:
    text = client.get('/static/').text
    names = ['empty/', 'sub/', 'with index/', ODD, 'a.txt', 'B.txt', 'größe 1%2F.txt', 'in']
    places = [text.index(f'href="./{quote(name)}') for name in names if (root / name).exists()]
    assert places == sorted(places)
    assert '<b>' not in text
    assert '&lt;b&gt;&quot;&#x27;&amp;.txt' in text or not (root / ODD).exists()
    for name in ('.git', '_private', 'outdir', '"./out"', '.txt">\udcff', 'secret'):
        assert name not in text
    assert '../' not in text
    assert 'href="../"' in client.get('/static/empty/').text


def test_every_name_in_a_listing_leads_somewhere(client: Client, root: Path) -> None:
    text = client.get('/static/').text
    links = [line.split('"')[1] for line in text.splitlines() if 'href="./' in line and '<li>' in line]
    assert len(links) == 6 + (root / ODD).exists() + (root / 'in').exists()
    for each in links:
        assert client.get('/static' + each[1:].replace('&amp;', '&')).status == 200


def test_an_index_that_leads_outside_is_none(client: Client) -> None:
    assert 'b.css' in client.get('/static/sub/').text


@pytest.mark.parametrize('method, status', [('POST', 405), ('PUT', 405), ('DELETE', 405), ('OPTIONS', 204)])
def test_other_methods(client: Client, method: str, status: int) -> None:
    reply = client.request(method, '/static/a.txt')
    assert (reply.status, reply.headers['allow']) == (status, 'GET, HEAD, OPTIONS')


def test_a_folder_of_foreign_files_is_for_download(root: Path) -> None:
    client = Client(StaticFolder(root, download=True))
    assert client.get('/a.txt').headers['content-disposition'].startswith('attachment; filename="a.txt"')
    assert client.get('/with%20index/').headers['content-disposition'].startswith('attachment')


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r'there is no folder .*missing'):
        StaticFolder(tmp_path / 'missing')


def test_a_folder_that_is_gone_is_404(tmp_path: Path) -> None:
    (tmp_path / 'site').mkdir()
    client = Client(StaticFolder(tmp_path / 'site'))
    (tmp_path / 'site').rmdir()
    assert client.get('/').status == 404


@pytest.mark.parametrize('name, kind, is_sandboxed', [
    ('plan.svgz', 'image/svg+xml', True), ('feed.rss', 'application/rss+xml', True),
    ('a.xsl', 'application/xslt+xml', True),
    ('a.xml', 'application/xml', True), ('app.webmanifest', 'application/manifest+json', False),
    ('film.mov', 'video/quicktime', False), ('photo.jfif', 'image/jpeg', False),
    ('a.cjs', 'text/javascript; charset=utf-8', False),
    ('subtitles.vtt', 'text/vtt; charset=utf-8', False),
])
def test_each_kind_of_file_has_its_type_and_no_xml_runs_scripts(tmp_path: Path, name: str, kind: str,
                                                                is_sandboxed: bool) -> None:
    (tmp_path / name).write_bytes(b'x')
    reply = Client(StaticFolder(tmp_path)).get('/' + name)
    assert reply.headers['content-type'] == kind
    assert reply.headers['content-security-policy'].startswith('sandbox;') == is_sandboxed
    assert reply.headers.get('content-encoding') == ('gzip' if name.endswith('svgz') else None)
