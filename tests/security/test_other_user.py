"""Another user of the same computer: he sees the port and the files, and gets nothing by either.

Where the tests may (root on Linux), a user is made for it, and the client runs as that one; elsewhere a
client without the cookie stands for him.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kali.desktop.folders import data_folder, state_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Served

KEY = 'fedcba9876543210' * 4
NAME = 'kali-test-other'
DATEBOOK = Path(__file__).resolve().parents[2] / 'examples' / 'datebook.py'
SCRIPT = f"""
    import functools, runpy
    import kali
    kali.serve_http = functools.partial(kali.serve_http, key={KEY!r})
    runpy.run_path({str(DATEBOOK)!r}, run_name='__main__')
"""
# Started by the user that runs the tests, since the other user may not be able to run this Python; all
# that counts is done after the change.
CLIENT = """
import http.client, json, os, sys
port, user, group, targets, files = json.loads(sys.argv[1])
def ask(method, target):
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=10)
    connection.request(method, target)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return method, target, answer.status, text
ask('GET', '/')  # loads all that Python loads late
if user is not None:
    os.setgroups([]); os.setgid(group); os.setuid(user)
answers = [ask(method, target) for method, target in targets]
opened = []
for path in files:
    try:
        open(path, 'rb').close()
        opened.append(path)
    except OSError:
        pass
print(json.dumps([os.getuid() if hasattr(os, 'getuid') else None, answers, opened]))
"""


@pytest.fixture(scope='module')
def other_user() -> Iterator[tuple[int, int] | None]:
    """The ids of another user; None where none can be made."""
    if sys.platform != 'linux' or os.getuid() != 0 or not shutil.which('useradd'):
        yield None
        return
    import pwd
    made = subprocess.run(['useradd', '--system', '--no-create-home', '--shell', '/usr/sbin/nologin', NAME],
                          capture_output=True, check=False)
    entry = pwd.getpwnam(NAME)
    yield entry.pw_uid, entry.pw_gid
    if made.returncode == 0:  # else somebody had made him before
        subprocess.run(['userdel', NAME], capture_output=True, check=True)


def routes() -> list[str]:
    """Every path that the datebook mounts something at, a number for each wildcard, read off its source."""
    found = []
    for node in ast.walk(ast.parse(DATEBOOK.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and ast.unparse(
                node.func.value) == 'app' and node.args and isinstance(node.args[0], ast.Constant):
            found.append(str(node.args[0].value).replace('*', '1'))
    return found


def test_another_user_gets_403_on_every_route_of_the_datebook(
        serve: Callable[..., Served], other_user: tuple[int, int] | None) -> None:
    served = serve(SCRIPT)
    places = routes()
    assert len(places) >= 15
    assert {'/', '/contact/', '/contact/1', '/task/1/delete'} <= set(places)
    targets = [(method, place) for place in [*places, '/.kali/kali.js', '/none']
               for method in ('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS')]
    private = [path for path in served.folder.rglob('*') if path.is_file() and 'datebook' in str(path.parent)]
    assert 'secret' in {path.name for path in private}
    assert len(private) >= 2  # the database too
    user, group = other_user or (None, None)
    done = subprocess.run([sys.executable, '-c', CLIENT, json.dumps(
        [served.port, user, group, targets, [str(path) for path in private] if user else []])],
        capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    who, answers, opened = json.loads(done.stdout)
    assert user in (None, who)
    assert len(answers) == len(targets)
    for method, target, status, text in answers:
        assert status == 403, (method, target)
        assert method == 'HEAD' or 'the window that the program opened' in ' '.join(text.split())
    assert opened == []
    # And the user himself gets in, once with the key and then with the cookie.
    welcome = served.get(f'/?key={KEY}')
    assert welcome.status == 200
    cookie = str(welcome.headers['Set-Cookie']).partition(';')[0]
    assert served.get('/', {'Cookie': cookie}).status == 200


@pytest.mark.parametrize('folder', [data_folder, state_folder])
def test_folders_are_made_for_this_user_only(
        folder: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in ('HOME', 'XDG_DATA_HOME', 'XDG_STATE_HOME', 'LOCALAPPDATA'):
        monkeypatch.setenv(variable, str(tmp_path))
    made = Path(folder('book'))
    assert made.is_dir()
    assert os.name != 'posix' or stat.S_IMODE(made.stat().st_mode) == 0o700
