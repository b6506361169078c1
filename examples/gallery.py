"""The examples, each with what it shows, its source, and a button that starts it.

The gallery is a kali application like all the others. It shows how pages are made from a folder of templates,
what a button is that does something (a POST, answered with a redirect to a page that can be loaded again
without doing it twice), and how a page follows what happens: a card changes when its example starts or ends.
"""

import ast
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from kali import (
    NotFound,
    Request,
    Response,
    Router,
    Shell,
    StaticFolder,
    TemplateFolder,
    serve_http,
    state_dir,
)
from kali.handbook import handbook
from kali.http.around import Around
from kali.live import SSE, EventStream, pause

HERE = Path(__file__).resolve().parent

# Templates are files, so that nobody needs Python to edit them: templates/gallery/card.tpl and so on.
templates = TemplateFolder(HERE.parent / 'templates' / 'gallery')

# A Router leads from the path of a request to the function that answers it. The shell is the frame of all
# pages: the title, the menu, and the button that ends the program.
app = Router()
shell = Shell('kali', [('Examples', '/'), ('Handbook', '/handbook/')])
app.delegate_folder('/handbook/', handbook)

# What has been started here. One thread runs one handler at a time, so a plain dict will do: no locks.
started: dict[str, subprocess.Popen] = {}
NO_CONSOLE = getattr(subprocess, 'CREATE_NO_WINDOW', 0)  # on Windows, each would get one


# What we know about the examples. These functions have nothing to do with the web.

LESSONS = ['intro', 'static_content', 'simple_task_list', 'guard', 'datebook',
           'invoice']  # in the order to read them


def examples() -> dict[str, Path]:
    """The examples by name: the lessons, whatever else is in this folder, and what its folders serve."""
    found = {path.stem: path for path in sorted(HERE.glob('[!_]*.py')) if path != Path(__file__).resolve()}
    inside = {f'{path.parent.name}.{path.stem}': path for path in sorted(HERE.glob('[!_.]*/[!_]*.py'))
              if b'serve_http(' in path.read_bytes()}
    return {name: found[name] for name in LESSONS if name in found} | found | inside


def source(name: str) -> str:
    """The source of an example. The name comes from the address bar: anything may stand there."""
    known = examples()
    if name not in known:
        raise NotFound(f'There is no example {name!r}. There are: {", ".join(known)}.')
    return known[name].read_text(encoding='utf-8')


def about(name: str) -> dict[str, object]:
    """What a card shows of an example; title and text are the first paragraph of its docstring."""
    try:
        docstring = ast.get_docstring(ast.parse(source(name))) or ''
        title, _, text = re.sub(r'\s+', ' ', docstring.partition('\n\n')[0]).partition(': ')
    except SyntaxError as error:  # examples are there to be played with
        title, text = '', f'There is a mistake in line {error.lineno}: {error.msg}.'
    if not text:  # no colon: the first sentence is all that there is to say
        title, text = '', title
    picture = HERE / 'pictures' / f'{name}.webp'
    return {'name': name, 'file': name.replace('.', '/') + '.py', 'text': text[:1].upper() + text[1:],
            'title': title or name.rpartition('.')[2].replace('_', ' ').capitalize(),
            'picture': picture.name if picture.is_file() else None, **state(name)}


def output(name: str) -> Path:
    """The file that takes what an example prints, in a folder that no other user can read."""
    return state_dir() / f'{name}.txt'


def printed(name: str) -> str:
    return output(name).read_text(encoding='utf-8', errors='replace') if name in started else ''


def state(name: str) -> dict[str, object]:
    """How an example stands: whether it runs, its address (which it prints), and with which code it ended."""
    code = started[name].poll() if name in started else 0
    addresses = re.findall(r'http://\S+', printed(name)) if code is None else []
    return {'is_running': code is None, 'code': code, 'address': addresses[-1] if addresses else None}


def stop(names: list[str]) -> None:
    """End examples that were started here: each ends with its standard input, which is ours to close."""
    processes = [started.pop(name) for name in names if name in started]
    for process in processes:
        process.stdin.close()
    for process in processes:
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


# The pages. Each function is given what it needs as plain arguments, and returns a page.

app.delegate_folder('/pictures/', StaticFolder(HERE / 'pictures'))


@app.get('/')
def all_examples(request: Request):
    groups: dict[str, list] = {}
    for name in examples():
        folder, dot, _ = name.rpartition('.')
        heading = folder.replace('_', ' ').capitalize() if dot else ('Lessons' if name in LESSONS else 'More')
        groups.setdefault(heading, []).append(about(name))
    return shell.page(request, 'The examples', templates('all')(
        groups=[{'heading': heading, 'examples': members} for heading, members in groups.items()]))


# A stream of events: as long as the page is open, this generator goes on. What it yields replaces the card on
# the page; other requests are answered while it pauses.
@app.get('/news')
def news():
    def changes():
        seen: dict[str, object] = {}  # all at first: an example may have started since the page was made
        while True:
            for name in examples():
                now = state(name)
                if now != seen.get(name):
                    seen[name] = now
                    yield SSE.patch_elements(str(templates('card')(example=about(name))))
            yield pause(0.3)
    return EventStream(changes())


@app.get('/source/*')  # the star is any one part of a path: /source/intro calls show_source('intro')
def show_source(request: Request, name: str):
    example = about(name)
    return shell.page(request, example['title'], templates('source')(example=example, source=source(name)))


@app.get('/output/*')
def show_output(request: Request, name: str):
    if name not in started:
        raise NotFound(f'{name} has not been started from here.')
    return shell.page(request, f'What {name} has printed', templates('output')(
        example=about(name), output=printed(name)))


@app.post('/run/*')
def run(name: str):
    """Start an example in a process of its own. It opens a window of its own, and ends with the gallery."""
    source(name)  # or there is none of that name
    if name not in started or started[name].poll() is not None:
        with output(name).open('wb') as file:
            started[name] = subprocess.Popen(
                [sys.executable, str(HERE), '--attached', name.replace('.', '/')], stdin=subprocess.PIPE,
                stdout=file, stderr=subprocess.STDOUT, creationflags=NO_CONSOLE)
    # Never answer a POST with a page: reloading it would start the example once more.
    # The address is made from the function that answers there; so it stays right when you change the path.
    return Response.redirect(app.url_for(all_examples) + f'#{name}')


@app.post('/stop/*')
def stop_example(name: str):
    stop([name])
    return Response.redirect(app.url_for(all_examples) + f'#{name}')


# What is to happen at the end, whatever ends the program, stands in a `lifespan` around the application.
@contextmanager
def stop_all(host):
    yield
    stop(list(started))


# From here on the program serves its pages, until its last window is closed. `templates.wrap` looks at the
# templates before each request: edit one, reload the page, and see.
serve_http(Around(app, shell.wrap(templates.wrap(app)), [stop_all]))
