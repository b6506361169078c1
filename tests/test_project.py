"""The project as a whole: lint, types, the wheel, the launchers, the README's application.

What a newcomer or a release would run is run here, by the same commands.
"""

from __future__ import annotations

import importlib.util
import os
import re
import runpy
import shutil
import stat
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.windows import WINE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parent.parent
WINDOWS = os.name == 'nt'
PYTHON_FIRST = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get('PATH', '')])
DEMO = ['cmd', '/c', str(ROOT / 'demo.bat')] if WINDOWS else ['sh', str(ROOT / 'demo.sh')]


def run(*command: object, **options: object) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; nobody is there to type, and what it prints is kept."""
    options.setdefault('env', {**os.environ, 'PATH': PYTHON_FIRST})
    return subprocess.run([str(part) for part in command], **{  # type: ignore[call-overload, no-any-return]
        'cwd': ROOT, 'stdin': subprocess.DEVNULL, 'capture_output': True, 'text': True, **options})


def sources() -> Iterator[tuple[Path, str]]:
    """Every text file of the project, by its path from the root: what git would hold."""
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if not name.startswith('.') or name == '.ci']
        folders[:] = [name for name in folders if name not in ('__pycache__', 'build', 'dist')]
        for path in (Path(folder) / name for name in files if name != '.git'):  # a file in a worktree
            try:
                yield path.relative_to(ROOT), path.read_text(encoding='utf-8')
            except UnicodeDecodeError:  # a picture
                continue


@pytest.mark.parametrize('checker', [
    'ruff check --output-format concise .', pytest.param('mypy', marks=pytest.mark.slow)])
def test_the_checkers_have_nothing_to_say(checker: str) -> None:
    if importlib.util.find_spec(checker.split()[0]) is None:
        pytest.skip(f'{checker.split()[0]} is not installed')
    done = run(sys.executable, '-m', *checker.split())
    if done.returncode:
        pytest.fail(done.stdout + done.stderr, pytrace=False)


def test_no_file_names_a_place_on_its_author_s_machine() -> None:
    place = re.compile(r'(?<![\w.~}])/(?:work|root|home)/\w|[A-Z]:\\Users\\')
    found = [f'{path}: {match[0]}' for path, text in sources() for match in place.finditer(text)]
    assert found == []


@pytest.fixture(scope='module')
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy, since setuptools leaves files beside the source."""
    copy, built = tmp_path_factory.mktemp('source'), tmp_path_factory.mktemp('wheel')
    shutil.copytree(ROOT / 'kali', copy / 'kali', ignore=shutil.ignore_patterns('__pycache__'))
    for name in ('pyproject.toml', 'README.md', 'LICENSE'):
        shutil.copy(ROOT / name, copy)
    done = run(sys.executable, '-m', 'pip', 'wheel', '--no-deps', '--no-build-isolation', '--no-index',
               '--disable-pip-version-check', '--wheel-dir', built, copy)
    assert done.returncode == 0, done.stdout + done.stderr
    path, = built.glob('*.whl')
    return path


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    wanted = {str(path.relative_to(ROOT).as_posix()) for path in (ROOT / 'kali').rglob('*')
              if path.is_file() and '__pycache__' not in path.parts}
    assert {'kali/py.typed', 'kali/pages/kali.css', 'kali/pages/kali.js'} <= wanted <= held


@pytest.mark.slow
def test_the_version_stands_in_one_place(wheel: Path) -> None:
    version = run(sys.executable, '-m', 'kali', '--version').stdout.split()[1]
    assert wheel.name.startswith(f'kali-{version}-')
    assert [str(path) for path, text in sources() if path.parts[0] == 'kali' and repr(version) in text] == [
        str(Path('kali', 'version.py'))]
    assert f'\n## [{version}]' in (ROOT / 'CHANGELOG.md').read_text(encoding='utf-8')


@pytest.mark.slow
def test_kali_needs_nothing_but_python(wheel: Path) -> None:
    metadata, = (name for name in zipfile.ZipFile(wheel).namelist() if name.endswith('METADATA'))
    needed = [line for line in zipfile.ZipFile(wheel).read(metadata).decode().splitlines()
              if line.startswith('Requires-Dist:') and 'extra ==' not in line]
    assert needed == []


def examples() -> list[str]:
    return sorted(path.stem for path in (ROOT / 'examples').glob('[!_]*.py'))


@pytest.mark.parametrize('name', ['nosuch', 'nosuch.py', '__main__', '../setup', ''])
def test_an_unknown_example_is_answered_with_those_there_are(name: str, tmp_path: Path) -> None:
    done = run(*DEMO, name, cwd=tmp_path)
    assert done.returncode == (1 if WINE else 2)  # of Wine's `call`
    assert done.stderr.strip().endswith('There are: ' + ', '.join(examples()) + '.')


def test_the_examples_are_there() -> None:
    assert {'datebook', 'gallery', 'guard', 'intro', 'simple_task_list', 'static_content'} <= set(examples())


@pytest.mark.parametrize('script', ['demo.sh', '.ci/run'])
def test_the_shell_scripts_are_sound(script: str) -> None:
    path = ROOT / script
    first_line = path.read_text(encoding='utf-8').partition('\n')[0]
    shell = re.split(r'[ /]', first_line)[-1]
    assert WINDOWS or path.stat().st_mode & stat.S_IXUSR
    assert WINDOWS or run(shell, '-n', path).stderr == ''


def stand_in(folder: Path, name: str, code: int) -> None:
    """A program called `name` in `folder` that says which one it is and ends with `code`."""
    if WINDOWS:
        (folder / f'{name}.bat').write_text(f'@echo {name}: %*\n@exit /b {code}\n', encoding='utf-8')
    else:
        (folder / name).write_text(f'#!/bin/sh\necho "{name}: $*"\nexit {code}\n', encoding='utf-8')
        (folder / name).chmod(0o755)


@pytest.mark.parametrize('found, said', [
    ({}, 'kali needs Python 3.10 or newer, and none was found'),
    ({'python3': 1, 'python': 1}, 'kali needs Python 3.10 or newer, and none was found'),
    ({'python3': 1, 'python': 0}, 'python: '),
    ({'python3': 0, 'python': 0}, 'python3: ' if not WINDOWS else 'python: '),
])
def test_the_demo_takes_a_python_that_is_new_enough_or_says_what_to_do(
        found: dict[str, int], said: str, tmp_path: Path) -> None:
    for name, code in found.items():
        stand_in(tmp_path, name, code)
    done = run(shutil.which(DEMO[0]), *DEMO[1:], 'intro', cwd=tmp_path,
               env={'PATH': str(tmp_path), 'SYSTEMROOT': os.environ.get('SYSTEMROOT', '')})
    assert (done.stdout + done.stderr).startswith(said)
    assert (done.returncode == 0) == said.startswith('python')


@pytest.mark.posix('who ends cmd leaves the program; tests/win32 ends it')
def test_the_demo_opens_the_gallery_from_anywhere(tmp_path: Path) -> None:
    env = {**os.environ, 'PATH': PYTHON_FIRST, 'BROWSER': 'true'}  # a browser that shows nothing
    env.update(dict.fromkeys(('HOME', 'USERPROFILE', 'XDG_STATE_HOME', 'LOCALAPPDATA'), str(tmp_path)))
    with subprocess.Popen(DEMO, cwd=tmp_path, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout
            said = process.stdout.readline()
            address = re.fullmatch(r'Running at (http://127.0.0.1:\d+/\?key=[0-9a-f]{64})\n', said)
            assert address, said + process.communicate(timeout=1)[0]
            with urllib.request.urlopen(address[1], timeout=5) as page:
                cookie = page.headers['Set-Cookie'].partition(';')[0]
            clean = urllib.request.Request(address[1].partition('?')[0], headers={'Cookie': cookie})
            with urllib.request.urlopen(clean, timeout=5) as page:
                assert '<h1>The examples</h1>' in page.read().decode()
        finally:
            process.terminate()
        assert 'Traceback' not in process.communicate(timeout=10)[0]


if not WINDOWS:  # where nothing else is like a terminal
    @pytest.mark.parametrize('found, arguments, stays', [({}, [], True), ({'python3': 0}, [], False),
                                                         ({}, ['intro'], False)])
    def test_a_console_opened_by_a_double_click_stays_until_the_error_is_read(
            found: dict[str, int], arguments: list[str], stays: bool, tmp_path: Path) -> None:
        for name, code in found.items():
            stand_in(tmp_path, name, code)
        ours, theirs = os.openpty()
        command = [str(shutil.which('sh')), ROOT / 'demo.sh', *arguments]
        with subprocess.Popen(command, env={'PATH': str(tmp_path)}, stdin=theirs, stdout=theirs,
                              stderr=theirs) as process:
            os.close(theirs)
            said = b''
            try:
                while b'Press Enter' not in said:
                    said += os.read(ours, 1000) or b'Press Enter never'
            except OSError:  # it has ended
                pass
            assert (b'Press Enter' in said) == stays
            if stays:
                with pytest.raises(subprocess.TimeoutExpired):
                    process.wait(0.2)
                os.write(ours, b'\n')
            assert process.wait(5) == (0 if found else 1)
        os.close(ours)


def test_the_demo_for_windows_has_the_line_ends_that_cmd_needs() -> None:
    text = (ROOT / 'demo.bat').read_bytes()
    assert text.count(b'\n') == text.count(b'\r\n') > 0


def readme_application() -> str:
    """The first Python block of the README that is an application."""
    readme = (ROOT / 'README.md').read_text(encoding='utf-8')
    blocks = re.findall(r'^```python\n(.*?)^```', readme, re.MULTILINE | re.DOTALL)
    return str(next(block for block in blocks if 'serve_http' in block))


def test_the_readme_s_application_runs_and_is_as_short_as_it_says(serve: Callable[..., object]) -> None:
    source = readme_application()
    assert len([line for line in source.splitlines() if line.strip()]) <= 10
    page = serve(source).get('/')  # type: ignore[attr-defined]
    assert page.status == 200
    assert page.headers.get_content_type() == 'text/html'
    assert page.text.strip()


@pytest.mark.parametrize('folder', ['tests', 'examples'])
def test_an_older_python_is_told_which_one_is_needed(folder: str) -> None:
    """Both launchers look at the version before anything that an older Python lacks."""
    source = (ROOT / folder / '__main__.py').read_text(encoding='utf-8')
    pretended = source.replace('import sys\n', 'import sys\nsys.version_info = (3, 9, 1)\n', 1)
    done = run(sys.executable, '-c', pretended)
    assert done.returncode == 1
    assert re.search(r'needs? Python 3.10 or newer, and this is Python 3.9.$', done.stderr)


def test_what_the_tests_need_is_read_from_pyproject(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, 'path', ['the tests folder', *sys.path])
    launcher = runpy.run_path(str(ROOT / 'tests/__main__.py'))
    assert 'the tests folder' not in sys.path
    wanted = launcher['requirements']((ROOT / 'pyproject.toml').read_text(encoding='utf-8'))
    assert {re.split(r'\W', line)[0] for line in wanted} >= {'pytest', 'hypothesis', 'playwright'}
    assert launcher['fingerprint'](wanted) == launcher['fingerprint'](list(wanted))
    assert launcher['fingerprint'](wanted) != launcher['fingerprint']([*wanted, 'one-more'])


@pytest.mark.parametrize('arguments, spread', [
    ([], True), (['-m', 'not browser and not postgres and not slow'], True), (['-x', 'tests/forms'], True),
    (['-n', '4'], False), (['-n0'], False), (['--pdb'], False), (['tests/test_project.py'], False),
    (['tests/test_project.py::test_the_examples_are_there'], False),
])
def test_the_tests_use_all_cores_unless_a_few_are_asked_for(arguments: list[str], spread: bool,
                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, 'path', ['the tests folder', *sys.path])
    monkeypatch.chdir(ROOT)
    launcher = runpy.run_path(str(ROOT / 'tests/__main__.py'))
    assert launcher['spread'](arguments) == (['-n', 'auto', '--dist', 'loadfile'] if spread else [])


def test_every_python_that_is_claimed_is_tested() -> None:
    claimed = re.findall(r':: (3\.\d+)"', (ROOT / 'pyproject.toml').read_text(encoding='utf-8'))
    assert claimed == [f'3.{minor}' for minor in range(10, 15)]
    assert f'python3.{{{",".join(version[2:] for version in reversed(claimed))}}}' in (
        ROOT / '.ci/run').read_text(encoding='utf-8')
    assert ' '.join(f'python{version}' for version in reversed(claimed)) in (
        ROOT / 'demo.sh').read_text(encoding='utf-8')


@pytest.mark.slow
@pytest.mark.parametrize('ci, arguments, code, said', [
    ('', [], 0, '1 not run: no browser; on Debian: sudo apt install chromium'),
    ('true', [], pytest.ExitCode.USAGE_ERROR, '1 browser tests cannot run: no browser; on Debian'),
    ('true', ['-m', 'not browser'], 0, '1 passed, 1 deselected'),
])
def test_a_machine_without_a_browser_is_told_how_to_get_one(
        ci: str, arguments: list[str], code: int, said: str, tmp_path: Path) -> None:
    (tmp_path / 'tests').mkdir()
    for name in ('conftest.py', 'windows.py'):
        shutil.copy(ROOT / 'tests' / name, tmp_path / 'tests')
    shutil.copy(ROOT / 'pyproject.toml', tmp_path)
    (tmp_path / 'tests/test_two.py').write_text('def test_tab(page): page\ndef test_other(): pass\n', 'utf-8')
    done = run(sys.executable, '-m', 'pytest', *arguments, 'tests/test_two.py', cwd=tmp_path,
               env={'PATH': str(tmp_path), 'CI': ci})
    assert done.returncode == code
    assert said in done.stdout + done.stderr
