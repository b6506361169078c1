"""An author's program, checked by mypy as its editor does: every public name has a type, and none is Any."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = '''
import kali
from kali import (BadRequest, Bag, DatabaseError, FileUpload, KaliError, Limits, Markup, NotFound, Request,
                  Response, Router, Servlet, Shell, StaticFolder, Template, TemplateFolder, TemplateLoop,
                  data_dir, escape, forms, log_dir, resource, serve_http, state_dir)
from kali.interop import from_asgi, from_wsgi, to_asgi, to_wsgi
from kali.live import SSE, Channel, EventStream, Jobs, Progress, Schedule, in_process, in_thread
from kali.locale import Locale
from kali.records import Chart, Records, Table
from kali.sqlite import atomic, backup, connect, guard, migrate, undo
from kali.sqlite.schema import tables
from kali.testing import Client

db = connect(data_dir('x') / 'x.sqlite')
app = Router()
page = Template('{name}')


@app.get('/contact/*')
def show(number: int, request: Request) -> Markup:
    reveal_type(request.query)
    return page(name=number)


@app.servlet('/new')
class New(forms.Formlet):
    def __init__(self) -> None:
        super().__init__(forms.elements_from_table(db, 'bike', frame=forms.Entry(maxlength=3)))

    def get_native(self) -> dict[str, object]:
        return {}

    def save(self, native: dict[str, object], request: Request) -> Response:
        tables(db)['bike'].insert(native)
        return Response.redirect('/')


reveal_type(Records(db, title='x', tables=[Table('job', charts=[Chart('status', kind='pie')])]))
reveal_type(Client(app).get('/'))
reveal_type(Locale.named('de'))
reveal_type(migrate(db, resource('migrations')))
reveal_type(Shell('x', [('Home', '/')]))
history = undo(db)
serve_http(guard(history.wrap(app), db), locale='de', limits=Limits(body=3))
'''
KNOWN = ['Bag', 'Records', 'Reply', 'Locale', 'int', 'Shell']


@pytest.mark.slow
def test_mypy_knows_every_name(tmp_path: Path) -> None:
    program = tmp_path / 'program.py'
    program.write_text(PROGRAM, encoding='utf-8')
    run = subprocess.run([sys.executable, '-m', 'mypy', '--strict', '--cache-dir', str(tmp_path),
                          str(program)], cwd=tmp_path, capture_output=True, text=True,
                         env={**os.environ, 'MYPYPATH': str(ROOT)})
    lines = [line for line in run.stdout.splitlines() if 'program.py' in line]
    assert [line for line in lines if ': error:' in line] == [], run.stdout
    revealed = [line.split('"')[1].rpartition('.')[2].rstrip(']') for line in lines if 'Revealed' in line]
    assert revealed == KNOWN
