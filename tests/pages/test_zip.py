"""kali in a zip file: its own files are found, and the command line works."""

from __future__ import annotations

import os
import subprocess
import sys
import zipapp
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import kali
from kali.testing import Client
client = Client(lambda request: 'x')
for name in ('kali.css', 'kali.js', 'undo.js'):
    reply = client.get('/.kali/' + name)
    tag = {'If-None-Match': reply.headers['etag']}
    print(reply.status, reply.headers['content-type'], len(reply.body),
          client.request('GET', '/.kali/' + name, headers=tag).status)
print(client.get('/.kali/none').status, kali.__file__)
"""


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """kali as one file, with a script that asks it for its files."""
    folder = tmp_path / 'app'
    for path in (ROOT / 'kali').rglob('*'):
        if path.is_file() and path.suffix != '.pyc':
            target = folder / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    (folder / '__main__.py').write_text(SCRIPT)
    target = tmp_path / 'ö app.pyz'
    zipapp.create_archive(folder, target)
    return target


def test_kali_s_own_files_come_from_a_zip(archive: Path) -> None:
    lines = subprocess.check_output([sys.executable, '-I', str(archive)], text=True).splitlines()
    for name, line in zip(('kali.css', 'kali.js', 'undo.js'), lines, strict=False):
        kind = 'text/css' if name.endswith('css') else 'text/javascript'
        assert line == f'200 {kind}; charset=utf-8 {(ROOT / "kali/pages" / name).stat().st_size} 304'
    assert lines[3].startswith('404 ')
    assert '.pyz' in lines[3]


def test_the_command_line_from_a_zip(archive: Path) -> None:
    env = {**os.environ, 'PYTHONPATH': str(archive)}
    done = subprocess.run([sys.executable, '-m', 'kali', 'demo'], env=env, cwd=archive.parent,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert 'The examples come with the source of kali' in done.stderr
    assert subprocess.check_output([sys.executable, '-m', 'kali', '--version'], env=env, text=True,
                                   cwd=archive.parent).startswith('kali ')
