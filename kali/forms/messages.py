"""What forms say to the person at the keyboard: every sentence of kali's own, in one table.

The rule: each sentence says what was wrong and what is accepted, and follows the name of its field ("Due:
there is no 30 February 2026; …"). Replace or translate them by assigning to `MESSAGES`. This file knows
nothing about values.
"""

from __future__ import annotations

__all__ = ['MESSAGES', 'say']

#: A documented registry: assign to an entry to replace or translate it. The names in braces are filled in.
MESSAGES = {
    'blank': 'may not be blank.',
    'character': 'contains {what}, which cannot be kept; please remove it.',
    'too long': 'is {length} characters long; at most {limit} are accepted.',
    'too short': 'is {length} characters long; at least {limit} are needed.',
    'integer': 'is not a whole number; one looks like 42, with the digits 0 to 9.',
    'number': 'is not a number; one looks like 12.50, with the digits 0 to 9 and a point.',
    'places': 'has too many digits after the point; at most {places} are accepted.',
    'too small': 'must be {limit} or more.',
    'too large': 'must be {limit} or less.',
    'not above': 'must be more than {limit}.',
    'not below': 'must be less than {limit}.',
    'step': 'must go in steps of {step} from {base}.',
    'date': 'is not a date; a date looks like 2026-02-28.',
    'no such date': 'there is no {date}; a date looks like 2026-02-28.',
    'time': 'is not a time of day; a time looks like 14:30.',
    'datetime': 'is not a date and time; one looks like 2026-02-28 14:30.',
    'month': 'is not a month; a month looks like 2026-02.',
    'week': 'is not a week; a week looks like 2026-W09.',
    'color': 'is not a colour; a colour looks like #1a2b3c.',
    'email': 'is not an e-mail address; one looks like name@example.org.',
    'url': 'is not a web address; one looks like https://example.org/.',
    'scheme': 'is a web address of another kind; accepted are {schemes}.',
    'json': 'is not JSON (line {line}, column {column}); it looks like {{"a": [1, true, "text"]}}.',
    'json value': 'is JSON with a value that cannot be kept, such as a number without end.',
    'pattern': 'does not have the form that is asked for here.',
    'choose': 'please choose one.',
    'not offered': 'this was not among the choices; please choose again.',
    'tick': 'please tick this box to go on.',
    'file': 'please choose a file.',
    'file too large': 'the file “{name}” has {size} bytes; at most {limit} are accepted.',
    'file type': 'the file “{name}” is of another kind; accepted are {accept}.',
    'not a file': 'text came where a file was expected; please choose a file.',
    'not text': 'a file came where text was expected; please type it in.',
    'kept': 'Keep the file “{name}”; it need not be chosen again.',
    'row': '{label}, row {number}',
    'rows': 'please look again at the marked fields ({count}).',
    'too few rows': 'has {count} rows; at least {limit} are needed.',
    'too many rows': 'has {count} rows; at most {limit} are accepted.',
    'add row': 'Add a row',
    'remove row': 'Take away row {number}',
    'yes': 'Yes',
    'no': 'No',
    'conflict': 'was changed by somebody else meanwhile; choose below which is to stay.',
    'choice': '{label}: which is to stay?',
    'mine': 'Keep what stands here',
    'theirs': 'Take',
    'empty': '(nothing)',
    'gone': 'This record is not there any more, so it cannot be changed. What you typed is still here.',
    'draft': 'Something typed here earlier was not saved.',
    'restore': 'Bring it back',
    'discard': 'Forget it',
    'as number': 'What looks like a number is kept as one: 007 becomes 7.',
    'invalid': 'is not acceptable.',
    'summary': 'Not saved yet. Please look at this again:',
    'cancel': 'Cancel',
}

# What MONTHS spells is part of the sentence 'no such date', so it is translated here too.
MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October',
          'November', 'December']


def say(key: str, **values: object) -> str:
    """The sentence for `key`, with `values` filled in.

    >>> say('too large', limit=10)
    'must be 10 or less.'
    """
    return MESSAGES[key].format(**values)
