"""The error page: the cause, with the lines of source and template, for those that may see it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kali.errors import DatabaseError, TemplateError
from kali.http.request import Request
from kali.iolist import flatten
from kali.pages.error_page import error_response


def page(error: BaseException, *, debug: bool = True, route: str | None = None) -> str:
    request = Request('POST', '/save?a=<b>')
    request.scope.route = route
    try:
        raise error
    except BaseException as caught:
        response = error_response(request, caught, debug=debug, reference='1a2b3c4d')
    assert response.status == 500
    return flatten(response.content).decode()


def test_what_a_report_has_in_it() -> None:
    text = page(ZeroDivisionError('why'), route='save (app.py:7) at /save')
    for said in ('ZeroDivisionError: why', 'during  POST /save?a=&lt;b&gt;',
                 'handled by  save (app.py:7) at /save', 'Python 3.',
                 'kali ', '<script src="/.kali/kali.js" defer>', 'id="kali-report"'):
        assert said in text


def test_the_mistake_in_a_template_is_shown_with_its_line(tmp_path: Path) -> None:
    template = tmp_path / 'page.tpl'
    template.write_text('<p>\n<b>{nmae}</b>\n')
    text = page(TemplateError('there is no name nmae', str(template), 2, 4))
    assert f'{template}, line 2:\n    &lt;b&gt;{{nmae}}&lt;/b&gt;\n       ^' in text
    assert 'page.tpl:2:4: there is no name nmae' in text


def test_what_is_wrong_with_a_database_is_a_sentence_and_no_traceback() -> None:
    text = page(DatabaseError('The file <a.db> can only be read.\nGive it back its rights.'))
    assert '<p>The file &lt;a.db&gt; can only be read.</p>\n<p>Give it back its rights.</p>' in text
    assert 'Traceback' not in text


@pytest.mark.parametrize('error', [ZeroDivisionError('secret'), DatabaseError('secret.db'),
                                   TemplateError('x', 'secret.tpl')])
def test_without_debug_there_is_a_number_and_nothing_else(error: BaseException) -> None:
    text = page(error, debug=False)
    assert '1a2b3c4d' in text
    assert 'secret' not in text
    assert 'Something went wrong' in text
