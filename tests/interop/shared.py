"""An application for several processes: a form that saves once, on PostgreSQL, as gunicorn would run it."""

from __future__ import annotations

import os
from typing import Any

import psycopg

from kali import Request, Response, Router, forms
from kali.interop import to_wsgi
from kali.sqlite import guard

db = psycopg.connect(os.environ['NOTES'], autocommit=True)
app = Router()


@app.servlet('/new')
class New(forms.Formlet):
    """A note."""

    def __init__(self) -> None:
        super().__init__({'text': forms.Entry(lens=forms.TYPICAL)})

    def get_native(self) -> dict[str, Any]:
        return {}

    def save(self, native: Any, request: Request) -> Response:
        db.execute('INSERT INTO note (text) VALUES (%s)', [f'{native["text"]} {os.getpid()}'])
        return Response.redirect('/notes')


@app.get('/notes')
def notes() -> str:
    return '\n'.join(text for text, in db.execute('SELECT text FROM note ORDER BY id'))


wsgi = to_wsgi(guard(app, db))
