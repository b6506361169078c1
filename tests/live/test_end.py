"""A program that is asked to end in the midst of something live ends within its two seconds, with exit code
0: its port is free, each `finally` has run, and nothing but that shows."""

from __future__ import annotations

import signal
import socket
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.skipif(sys.platform == 'win32', reason='Windows has no SIGTERM to be met')

APP = """
import asyncio, os, time
from concurrent.futures import Future
from functools import cache
from pathlib import Path
from kali import Request, Response, Router, serve_http
from kali.live import Channel, EventStream, Jobs, Progress, Schedule, in_process, in_thread, pause
here = Path(__file__).parent
def begun(): (here / 'begun').touch()
@cache  # a thousand may do it, and there are two seconds for all of them
def note(): (here / 'finally').touch()
def sleep(): begun(); time.sleep(60)
async def stuck():
    try:
        begun()
        while True: pass
    finally: note()
def steps(*values):
    try:
        for value in values: yield value
        begun()
        while True: yield Progress(1, 2)
    finally: note()
def waits(what):
    try:
        begun()
        yield what()
    finally: note()
def never():
    try:
        begun()
        yield
        while True: pass
    finally: note()
def stubborn():
    try:
        begun()
        yield Future()
    finally:
        note()
        yield
async def rests(*how):
    try:
        begun()
        while True: await asyncio.sleep(*how)
    finally: note()
async def cleans_up():
    try:
        begun()
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(0.01)
        note()
async def pieces():
    try:
        while True:
            yield 'x' * 1000
            begun()
            await asyncio.sleep(60)
    finally: note()
def stream(piece):
    try:
        while True:
            yield piece
            begun()
    finally: note()
async def ends_with_a_task():
    asyncio.get_running_loop().create_task(rests(0))
    return 'on'
app, jobs, channel, schedule = Router(), Jobs(), Channel(), Schedule()
app.delegate_folder('/jobs/', jobs)
def job(make): return lambda request: jobs.start(request, make())
def many(request):
    for _ in range(1000): page = jobs.start(request, steps(pause(0)))
    return page
def listen(request):
    begun()
    return channel.stream(request)
def later(function):
    begun()
    return function
KINDS = dict(
    stream=lambda: Response.stream(stream('x' * 100_000)), nothing=lambda: Response.stream(stream('')),
    events=lambda: EventStream(waits(lambda: pause(60))), channel=listen,
    future=lambda: later(Future()), thread=lambda: in_thread(sleep), process=lambda: in_process(sleep),
    steps=job(steps), waits=job(lambda: waits(Future)), never=job(never), stubborn=job(stubborn),
    threads=job(lambda: waits(lambda: in_thread(sleep))),
    processes=job(lambda: waits(lambda: in_process(sleep))),
    thousand=many, sleeps=lambda: rests(60), restless=lambda: rests(0), stuck=lambda: stuck(),
    cleans_up=cleans_up, pieces=pieces, task=ends_with_a_task)
for name, kind in KINDS.items():
    app.get('/' + name)(kind)
app.get('/')(lambda: 'home')
if os.environ.get('SCHEDULED'):
    scheduled = {'never': never, 'waits': lambda: waits(Future), 'sleep': sleep}
    schedule.after(0, scheduled[os.environ['SCHEDULED']])
serve_http(schedule.wrap(app))
"""


def ended(served: Any, folder: Any, eventually: Callable[..., object]) -> str:
    eventually(lambda: (folder / 'begun').exists())
    asked = time.monotonic()
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(20) == 0
    took = time.monotonic() - asked
    assert took < 5, f'{took:.1f} s'  # two, and what a busy machine adds
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(('127.0.0.1', served.port))
    return str(served.output())


@pytest.mark.parametrize('kind', [
    'stream', 'nothing', 'events', 'channel', 'future', 'thread', 'process', 'steps', 'waits', 'threads',
    'processes', 'never', 'stubborn', 'thousand', 'sleeps', 'restless', 'stuck', 'cleans_up', 'pieces',
    'task',
])
def test_a_program_ends_in_the_midst_of(kind: str, serve: Callable[..., Any], tmp_path: Any,
                                        eventually: Callable[..., object]) -> None:
    served = serve(APP, tracebacks=kind == 'stubborn')
    with socket.create_connection(('127.0.0.1', served.port)) as client:
        client.sendall(f'GET /{kind} HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n\r\n'.encode())
        output = ended(served, tmp_path, eventually)
    if kind not in ('channel', 'future', 'thread', 'process'):  # which have no `finally` of their own
        assert (tmp_path / 'finally').exists()
    assert 'failed' not in output
    assert ('could not be ended properly' in output) == (kind == 'stubborn')


@pytest.mark.parametrize('what', ['never', 'waits', 'sleep'])
def test_a_program_ends_in_the_midst_of_a_scheduled_call(what: str, serve: Callable[..., Any], tmp_path: Any,
                                                         eventually: Callable[..., object]) -> None:
    served = serve(APP, env={'SCHEDULED': what})
    assert 'failed' not in ended(served, tmp_path, eventually)
    assert (tmp_path / 'finally').exists() or what == 'sleep'
