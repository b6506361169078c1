"""Kali's errors: one family, and each kind carries the HTTP status to answer with.

A handler may raise any of them; the dispatcher turns it into a page. Statuses below 500 are the visitor's
mistake, so the page shows the message; anything else is a bug and gets the error page. This file knows
nothing about HTTP messages.
"""

from __future__ import annotations

__all__ = ['BadRequest', 'DatabaseError', 'KaliError', 'NotFound', 'ProtocolError', 'SaveError', 'SpentError',
           'TemplateError', 'ValidationError']


class KaliError(Exception):
    """The base of every error that kali raises on purpose.

    `status` is the HTTP status to answer with, and `headers` what the answer must carry besides (405 needs
    Allow).

    >>> KaliError('The printer is on fire.', status=503).status
    503
    """

    status: int = 500

    def __init__(self, *args: object, status: int | None = None,
                 headers: dict[str, str] | None = None) -> None:
        super().__init__(*args)
        if status is not None:
            self.status = status
        self.headers: dict[str, str] = headers or {}


class ProtocolError(KaliError):
    """The peer broke a rule of HTTP; `status` says which answer the rule asks for (400 unless told)."""

    status = 400


class BadRequest(KaliError):
    """A well-formed request that makes no sense: a missing argument, a value that does not convert."""

    status = 400


class NotFound(KaliError):
    """There is no such thing; the message says what was looked for.

    >>> str(NotFound('There is no contact number 17.'))
    'There is no contact number 17.'
    """

    status = 404


class ValidationError(KaliError):
    """One field of a form is not acceptable; the only argument is the sentence to show beside the field."""

    status = 422


class SaveError(KaliError):
    """Saving a form failed, and the user can correct it; the only argument maps field names to sentences."""

    status = 422


class SpentError(KaliError):
    """A form was sent again, with other content than what was saved the first time.

    :ivar answer: the answer that the first got
    :ivar left: what the form noted at that time
    """

    status = 409

    def __init__(self, answer: object, left: str = '') -> None:
        super().__init__('This form was saved already, with other content. What was sent now is not saved. '
                         'Open the form again and enter it there.')
        self.answer, self.left = answer, left


class DatabaseError(KaliError):
    """The database cannot be used as asked: a sentence that says what is wrong with it and what to do.

    `facts` are lines for the programmer: which handler it was, which tables it changed, by which SQL. `again`
    is how many times it may help to run the same once more, since it met another process's transaction.
    """

    facts: tuple[str, ...] = ()
    again = 0


class TemplateError(KaliError):
    """A template has a mistake; the message begins with its place, `file:line:column:`.

    `filename`, `line` and `column` are there for editors, `detail` is the message without the place.
    """

    def __init__(self, detail: str, filename: str = '<template>', line: int = 1, column: int = 1) -> None:
        super().__init__(f'{filename}:{line}:{column}: {detail}')
        self.detail, self.filename, self.line, self.column = detail, filename, line, column
