"""examples/coming_from: one small program in five manners, and what each of them does over HTTP."""

from __future__ import annotations

import importlib.util
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / 'examples/coming_from'
NEEDS = {'bareasgi_board': 'bareasgi', 'responder_board': 'responder'}
NAMES = sorted(path.stem for path in FOLDER.glob('*.py'))


def test_all_five_are_there_and_named_in_the_readme() -> None:
    assert len(NAMES) == 5
    text = (FOLDER / 'README.md').read_text(encoding='utf-8')
    assert [name for name in NAMES if f'`{name}.py`' not in text] == []


def first_tick(port: int) -> str:
    """The beginning of the stream of the clock."""
    with socket.create_connection(('127.0.0.1', port), 20) as client:
        client.sendall(b'GET /clock HTTP/1.0\r\nHost: localhost:%d\r\n\r\n' % port)
        data = b''
        while not re.search(rb'\d\d:\d\d:\d\d.*\n\n', data.partition(b'\r\n\r\n')[2], re.DOTALL):
            piece = client.recv(65536)
            assert piece, data
            data += piece
    return data.decode()


@pytest.mark.parametrize('name', NAMES)
def test_it_does_what_the_others_do(serve: Any, name: str) -> None:
    if name in NEEDS and importlib.util.find_spec(NEEDS[name]) is None:
        pytest.skip(f'{NEEDS[name]} is not installed')
    served = serve(FOLDER / f'{name}.py')
    assert 'Nobody has written yet.' in served.get('/').text
    form = re.findall('name="(_form_id)" value="(.*?)"', served.get('/write').text)
    for text in ('Bring <b>tea</b> & cake', 'Grüße'):
        form = re.findall('name="(_form_id)" value="(.*?)"', served.get('/write').text)
        target = '/write?_save=1' if form else '/write'
        assert served.post(target, {**dict(form), 'text': text}).status == 303
    page = served.get('/').text
    assert '<li>Bring &lt;b&gt;tea&lt;/b&gt; &amp; cake</li>' in page
    assert '<li>Grüße</li>' in page
    assert 'text/event-stream' in first_tick(served.port)
    assert served.get('/slow?n=1000').text == str(sum(number * number for number in range(1000)))


@pytest.mark.parametrize('name', sorted(NEEDS))
def test_what_is_missing_is_said_in_a_sentence(name: str, tmp_path: Path) -> None:
    (tmp_path / NEEDS[name]).with_suffix('.py').write_text('raise ImportError\n', encoding='utf-8')
    done = subprocess.run(
        [sys.executable, '-c', f'import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}]\n'
         f'import runpy; runpy.run_path({str(FOLDER / (name + ".py"))!r}, run_name="__main__")'],
        capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.fullmatch(r'This example needs \w+ \d, which needs Python [\d.]+ or newer: pip install \w+',
                        done.stderr.strip())


def test_red_dwarfs_manner_with_the_requests_of_datastar(serve: Any) -> None:
    served = serve(FOLDER / 'red_dwarf_board.py')
    reply = served._ask('POST', '/write', b'{"text": "<i>tea</i>"}', {
        'Datastar-Request': 'true', 'Content-Type': 'application/json', 'Sec-Fetch-Site': 'same-origin'})
    assert reply.status == 200
    assert 'data: elements <ul id="board"><li>&lt;i&gt;tea&lt;/i&gt;</li>' in reply.text
    assert 'data: signals {"text":""}' in reply.text
