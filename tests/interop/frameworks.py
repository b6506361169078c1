"""An application of each framework, with a page, a form with a file, a stream and a link to itself."""

from __future__ import annotations

import asyncio
from typing import Any


def flask() -> Any:
    """Flask."""
    from flask import Flask, redirect, request, session, url_for
    app = Flask('shop')
    app.secret_key = 'for tests only'

    @app.get('/')
    def home() -> str:
        return f'<a href="{url_for("greet", name="Ann")}">Ann</a>'

    @app.get('/greet/<name>')
    def greet(name: str) -> str:
        return f'Hello {name}, {session.get("seen", 0)}'

    @app.post('/form')
    def form() -> Any:
        session['seen'] = session.get('seen', 0) + 1
        with request.files['file'].stream as file:
            size = len(file.read())
        return f'{request.form["name"]} {request.files["file"].filename} {size}'

    @app.get('/stream')
    def stream() -> Any:
        return (f'{number},' for number in range(1000))

    @app.get('/away')
    def away() -> Any:
        return redirect(url_for('greet', name='Bob'))

    @app.get('/fails')
    def fails() -> None:
        raise LookupError('lost')
    return app


def bottle() -> Any:
    """Bottle."""
    from bottle import Bottle, redirect, request, response
    app = Bottle()

    @app.get('/')
    def home() -> str:
        return f'<a href="{request.script_name}greet/Ann">Ann</a>'

    @app.get('/greet/<name>')
    def greet(name: str) -> str:
        return f'Hello {name}, {request.get_cookie("seen") or 0}'

    @app.post('/form')
    def form() -> str:
        response.set_cookie('seen', '1', path='/')
        file = request.files['file']
        with file.file as content:
            return f'{request.forms["name"]} {file.raw_filename} {len(content.read())}'

    @app.get('/stream')
    def stream() -> Any:
        return (f'{number},' for number in range(1000))

    @app.get('/away')
    def away() -> None:
        redirect(f'{request.script_name}greet/Bob', 302)

    @app.get('/fails')
    def fails() -> None:
        raise LookupError('lost')
    return app


def starlette() -> Any:
    """Starlette, with sessions made by hand, so that itsdangerous is not needed."""
    from starlette.applications import Starlette
    from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, StreamingResponse
    from starlette.routing import Route

    async def home(request: Any) -> Any:
        return HTMLResponse(f'<a href="{request.url_for("greet", name="Ann").path}">Ann</a>')

    async def greet(request: Any) -> Any:
        await asyncio.sleep(0)
        return PlainTextResponse(f'Hello {request.path_params["name"]}, {request.cookies.get("seen", 0)}')

    async def form(request: Any) -> Any:
        async with request.form() as fields:
            file = fields['file']
            text = f'{fields["name"]} {file.filename} {len(await file.read())}'
        response = PlainTextResponse(text)
        response.set_cookie('seen', '1')
        return response

    async def stream(request: Any) -> Any:
        async def pieces() -> Any:
            for number in range(1000):
                yield f'{number},'
        return StreamingResponse(pieces())

    async def away(request: Any) -> Any:
        return RedirectResponse(request.url_for('greet', name='Bob'), 302)

    async def fails(request: Any) -> None:
        raise LookupError('lost')
    return Starlette(routes=[
        Route('/', home), Route('/greet/{name}', greet), Route('/form', form, methods=['POST']),
        Route('/stream', stream), Route('/away', away), Route('/fails', fails)])
