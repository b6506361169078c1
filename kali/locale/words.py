"""What kali says to the person at the keyboard, in the language of the current locale.

`MESSAGES` is the English dictionary, and each other language has a file of its own with the same keys, loaded
when somebody needs it. A program that assigns to an entry of `MESSAGES` decides what is said in every
language.
"""

from __future__ import annotations

from importlib import import_module

from kali.locale import current
from kali.locale.en import WORDS

__all__ = ['LANGUAGES', 'MESSAGES', 'say']

#: The languages that kali speaks; in all others it says things in English.
LANGUAGES = ('en', 'de', 'fr', 'es', 'cs')

#: A documented registry: assign to an entry to replace it. The names in braces are filled in. A sentence
#: about a field says what was wrong and what is accepted, and follows its name ("Due: may not be blank.").
MESSAGES = dict(WORDS)

_known: dict[str, dict[str, str]] = {'en': MESSAGES}


def say(key: str, **values: object) -> str:
    """The sentence for `key`, with `values` filled in.

    >>> say('too large', limit=10)
    'must be 10 or less.'
    """
    text = MESSAGES[key]
    language = current().language
    if language != 'en' and language in LANGUAGES and text == WORDS.get(key):
        if language not in _known:
            _known[language] = import_module(f'kali.locale.{language}').WORDS
        text = _known[language][key]
    return text.format(**values)
