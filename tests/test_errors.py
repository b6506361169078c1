"""The family of errors: each kind carries its status and says its sentence."""

from __future__ import annotations

import pickle

import pytest

from kali import errors
from kali.errors import KaliError, TemplateError


@pytest.mark.parametrize('name, status', [
    ('KaliError', 500), ('ProtocolError', 400), ('BadRequest', 400), ('NotFound', 404),
    ('ValidationError', 422),
    ('SaveError', 422), ('DatabaseError', 500),
])
def test_each_kind_has_its_status(name: str, status: int) -> None:
    kind = getattr(errors, name)
    error = kind('a sentence')
    assert isinstance(error, KaliError)
    assert (error.status, str(error), error.args, error.headers) == (status, 'a sentence', ('a sentence',),
                                                                     {})
    assert kind('x', status=418, headers={'A': 'b'}).status == 418
    assert kind.status == status
    assert name in errors.__all__


def test_a_template_error_begins_with_its_place() -> None:
    error = TemplateError('no such name', 'page.tpl', 3, 7)
    assert str(error) == 'page.tpl:3:7: no such name'
    assert (error.detail, error.filename, error.line, error.column, error.status) == ('no such name',
                                                                                      'page.tpl', 3, 7, 500)


def test_headers_are_not_shared() -> None:
    KaliError('a').headers['A'] = 'b'
    assert KaliError('b').headers == {}


def test_an_error_travels_between_processes() -> None:
    error = pickle.loads(pickle.dumps(errors.NotFound('gone', status=410)))
    assert (type(error), str(error), error.status) == (errors.NotFound, 'gone', 410)
