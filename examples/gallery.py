"""The examples, each with what it shows, its source, and a button that starts it.

The gallery is a kali application like all the others. It shows how pages are made from a folder of templates,
and what a button is that does something: a POST, answered with a redirect to a page that can be loaded again
without doing it twice.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

from kali import NotFound, Response, Router, TemplateFolder, serve_http
from kali.desktop.folders import state_folder

HERE = Path(__file__).resolve().parent

# Templates are files, so that nobody needs Python to edit them: templates/gallery/page.tpl and so on.
templates = TemplateFolder(HERE.parent / 'templates' / 'gallery')

# A Router leads from the path of a request to the function that answers it.
app = Router()

# What has been started here. One thread runs one handler at a time, so a plain dict will do: no locks.
started: dict[str, subprocess.Popen] = {}


# What we know about the examples. These functions have nothing to do with the web.

LESSONS = ['intro', 'static_content', 'simple_task_list', 'guard', 'datebook',
           'invoice']  # in the order to read them


def names() -> list[str]:
    """The examples in this folder: the lessons, then whatever else there is, but not the gallery itself."""
    found = sorted(path.stem for path in HERE.glob('[!_]*.py') if path.stem != Path(__file__).stem)
    return [name for name in LESSONS if name in found] + [name for name in found if name not in LESSONS]


def source(name: str) -> str:
    """The source of an example. The name comes from the address bar: anything may stand there."""
    if name not in names():
        raise NotFound(f'There is no example {name!r}. There are: {", ".join(names())}.')
    return (HERE / f'{name}.py').read_text(encoding='utf-8')


def about(name: str) -> str:
    """What an example shows: the first paragraph of its docstring."""
    try:
        docstring = ast.get_docstring(ast.parse(source(name))) or ''
    except SyntaxError as error:  # examples are there to be played with
        return f'There is a mistake in line {error.lineno}: {error.msg}.'
    return docstring.partition('\n\n')[0]


def is_running(name: str) -> bool:
    return name in started and started[name].poll() is None


def output_of(name: str) -> Path:
    """The file that takes what an example prints, in a folder that no other user can read."""
    return Path(state_folder()) / f'{name}.txt'


# The pages. Each function is given what it needs as plain arguments, and returns a page.

@app.function('/')
def all_examples():
    examples = [{'name': name, 'about': about(name), 'is_running': is_running(name)} for name in names()]
    return templates('all')(examples=examples)


@app.function('/source/*')  # the star is any one part of a path: /source/intro calls show_source('intro')
def show_source(name: str):
    return templates('source')(name=name, about=about(name), source=source(name))


@app.post('/start/*')
def start(name: str):
    """Start an example in a process of its own. It opens a window, and lives on without the gallery."""
    source(name)  # or there is none of that name
    again = is_running(name)
    if not again:
        with output_of(name).open('wb') as output:
            started[name] = subprocess.Popen([sys.executable, str(HERE), name], stdin=subprocess.DEVNULL,
                                             stdout=output, stderr=subprocess.STDOUT)
    # Never answer a POST with a page: reloading it would start the example once more.
    # The address is made from the function that answers there; so it stays right when you change the path.
    return Response.redirect(app.url_for(show_state, name, again=again or None))


@app.function('/state/*')
def show_state(name: str, again: bool = False):  # /state/intro?again=True
    if name not in started:
        raise NotFound(f'{name} has not been started from here.')
    output = output_of(name).read_text(encoding='utf-8', errors='replace')
    address = re.search(r'http://\S+', output)  # serve_http prints it
    running = is_running(name)
    page = templates('state')(name=name, again=again, is_running=running, code=started[name].returncode,
                              address=address and address[0], output=output)
    # Until the example has said where it is, the browser looks again every second.
    return Response(page, headers={'Refresh': '1'} if running and not address else {})


# From here on the program serves its pages, until Ctrl-C ends it. `wrap` looks at the templates before each
# request: edit one, reload the page, and see.
serve_http(templates.wrap(app))
