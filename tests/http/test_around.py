"""Wrappers and lifespans: what is mounted late is found, what is mounted twice is entered once, and one that
fails harms none of the others."""

from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from kali import Router, TemplateFolder
from kali.http.around import Around, chain, entered
from kali.server.gate import gate
from kali.sqlite import backup, connect, guard, undo
from kali.testing import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from kali.http.request import Request


class Part:
    """A handler with a lifespan that writes down what happens to it."""

    def __init__(self, name: str, log: list[Any], fails: str = '') -> None:
        self.name, self.log, self.fails = name, log, fails
        self.lifespan = (self.running,)

    @contextmanager
    def running(self, host: Any) -> Iterator[None]:
        if self.fails == 'in':
            raise OSError(f'{self.name} cannot start')
        self.log.append(('in', self.name, getattr(host, 'name', host)))
        try:
            yield
        finally:
            self.log.append(('out', self.name))
            if self.fails == 'out':
                raise OSError(f'{self.name} cannot end')

    def __call__(self, request: Request) -> str:
        return self.name


@pytest.fixture
def wraps(tmp_path: Path) -> Iterator[dict[str, Callable[[Any], Any]]]:
    """Each wrapper of kali's own."""
    db, other = connect(tmp_path / 'notes.sqlite'), connect(':memory:', isolation_level='DEFERRED')
    db.execute('CREATE TABLE note (text)')
    yield {
        'Around': lambda handler: Around(handler, lambda request: handler(request)),
        'guard': lambda handler: guard(handler, db),
        'check': lambda handler: guard(handler, other, mode='check'),
        'undo': undo(db, ['note']).wrap,
        'templates': TemplateFolder(tmp_path).wrap,
        'gate': lambda handler: gate(handler, port=8080),
    }
    db.close()
    other.close()


@pytest.mark.parametrize('name', ['Around', 'guard', 'check', 'undo', 'templates', 'gate'])
def test_what_is_mounted_after_the_wrapper_was_made_is_entered_and_once(
        name: str, wraps: dict[str, Callable[[Any], Any]]) -> None:
    log: list[Any] = []
    app, inner, part = Router(), Router(), Part('jobs', log)
    outer = wraps[name](app)
    assert outer.lifespan == ()
    app.delegate('/jobs', part)
    app.delegate('/again', Around(part, part))
    app.delegate('/in', inner)
    inner.delegate('/more', part)
    inner.delegate('/other', Part('other', log))
    with entered(outer, SimpleNamespace(name='the host')):
        log.append('serving')
    assert log == [('in', 'jobs', 'the host'), ('in', 'other', 'the host'), 'serving',
                   ('out', 'other'), ('out', 'jobs')]


def test_a_backup_mounted_after_the_guard_was_made_is_run(tmp_path: Path) -> None:
    db = connect(tmp_path / 'notes.sqlite')
    db.execute('CREATE TABLE note (text)')
    app = Router()
    outer = guard(app, db)
    copies = backup(db, tmp_path / 'copies')
    app.delegate('/backups', copies)
    app.delegate('/backups-again', copies)
    with entered(outer, None):
        pass
    assert list((tmp_path / 'copies').glob('notes*.sqlite'))
    db.close()


def test_a_wrapper_adds_its_own_after_those_inside() -> None:
    log: list[Any] = []
    part = Part('inner', log)
    outer = Around(part, part, [Part('own', log).running, part.running])
    with entered(outer, 0):
        pass
    assert [each[:2] for each in log] == [('in', 'inner'), ('in', 'own'), ('out', 'own'), ('out', 'inner')]


def test_one_that_cannot_start_leaves_those_before_it_and_enters_no_more() -> None:
    log: list[Any] = []
    app = Router()
    for name, fails in (('a', ''), ('b', 'in'), ('c', '')):
        app.delegate(f'/{name}', Part(name, log, fails))
    with pytest.raises(OSError, match='b cannot start'), entered(app, None):
        log.append('serving')
    assert log == [('in', 'a', None), ('out', 'a')]


@pytest.mark.parametrize('error', [ValueError('in the loop'), KeyboardInterrupt()])
def test_all_are_left_whatever_fails(error: BaseException) -> None:
    log: list[Any] = []
    app = Router()
    for name, fails in (('a', ''), ('b', 'out')):
        app.delegate(f'/{name}', Part(name, log, fails))
    with pytest.raises(OSError, match='b cannot end') as caught, entered(app, None):
        raise error
    assert caught.value.__context__ is error
    assert log[2:] == [('out', 'b'), ('out', 'a')]


@pytest.mark.parametrize('wrong', ['jobs', lambda host: None, contextmanager(lambda host: iter([1]))(None)])
def test_what_is_no_lifespan_is_refused_by_name(wrong: Any) -> None:
    log: list[Any] = []
    outer = Around(Part('a', log), print, [wrong])
    with pytest.raises(TypeError, match='takes the host and returns a context manager'), entered(outer, None):
        pass
    assert log[-1] == ('out', 'a')


def test_without_any_nothing_is_loaded_or_done() -> None:
    with entered(lambda request: '', None):
        pass


def test_each_in_a_chain_stands_around_what_comes_before_it() -> None:
    def tagged(name: str) -> Callable[[Any], Any]:
        return lambda handler: Around(handler, lambda request: f'<{name}>{handler(request)}</{name}>')
    assert Client(chain(lambda request: 'x', tagged('a'), tagged('b'))).get('/').text == '<b><a>x</a></b>'


def test_messages_of_the_router_name_the_handler_inside() -> None:
    def page(request: Request) -> str:
        return 'x'
    app = Router()
    app.delegate('/a', Around(page, page))
    with pytest.raises(ValueError, match=r'page \(test_around.py:'):
        app.delegate('/a', page)
