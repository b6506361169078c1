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


def fastapi() -> Any:
    """FastAPI."""
    from fastapi import FastAPI, Request, Response
    from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, StreamingResponse
    app = FastAPI()

    async def home(request: Request) -> Any:
        return HTMLResponse(f'<a href="{request.url_for("greet", name="Ann").path}">Ann</a>')

    def greet(name: str, request: Request) -> Any:  # FastAPI runs it in a thread
        return PlainTextResponse(f'Hello {name}, {request.cookies.get("seen", 0)}')

    async def form(request: Request) -> Any:
        async with request.form() as fields:
            file = fields['file']
            text = f'{fields["name"]} {file.filename} {len(await file.read())}'  # type: ignore[union-attr]
        return PlainTextResponse(text, headers={'Set-Cookie': 'seen=1; Path=/'})

    async def stream(request: Request) -> Any:
        return StreamingResponse(f'{number},' for number in range(1000))

    async def away(request: Request) -> Any:
        return RedirectResponse(request.url_for('greet', name='Bob'), 302)

    async def fails(request: Request) -> Response:
        raise LookupError('lost')
    for path, function in (('/', home), ('/greet/{name}', greet), ('/form', form), ('/stream', stream),
                           ('/away', away), ('/fails', fails)):
        function.__annotations__.update({'request': Request, 'return': Any})  # they are text in this file
        app.add_api_route(path, function, methods=['POST' if function is form else 'GET'],
                          response_model=None)
    return app


def pyramid() -> Any:
    """Pyramid."""
    from pyramid.config import Configurator
    from pyramid.httpexceptions import HTTPFound
    from pyramid.response import Response

    def home(request: Any) -> Any:
        return Response(f'<a href="{request.route_path("greet", name="Ann")}">Ann</a>')

    def greet(request: Any) -> Any:
        return Response(f'Hello {request.matchdict["name"]}, {request.cookies.get("seen", 0)}')

    def form(request: Any) -> Any:
        file = request.POST['file']
        with file.file as content:
            response = Response(f'{request.POST["name"]} {file.filename} {len(content.read())}')
        response.set_cookie('seen', '1', path='/')
        return response

    def stream(request: Any) -> Any:
        return Response(app_iter=(f'{number},'.encode() for number in range(1000)))

    def away(request: Any) -> Any:
        return HTTPFound(request.route_path('greet', name='Bob'))

    def fails(request: Any) -> Any:
        raise LookupError('lost')
    with Configurator() as config:
        for path, view in (('/', home), ('/greet/{name}', greet), ('/form', form), ('/stream', stream),
                           ('/away', away), ('/fails', fails)):
            config.add_route(view.__name__, path)
            config.add_view(view, route_name=view.__name__)
        return config.make_wsgi_app()
