"""Regular expressions of Python said in HTML, so that `pattern` refuses what the server would refuse.

The rule: translate only what certainly means the same in both (HTML compiles `pattern` with JavaScript's `v`
flag); for all else there is no `pattern`, and the server alone checks. This file knows nothing about forms.
"""

from __future__ import annotations

import re

__all__ = ['html_pattern']

# What \d and \w match in Python's str patterns: Unicode's decimal digits; letters, numbers and the low line.
_SHORTHAND = {r'\d': r'\p{Nd}', r'\w': r'[\p{L}\p{N}_]', r'\s': r'\s', r'\S': r'\S'}

_TOKEN = re.compile(r'''
    (?P<class> \[ \^? (?: [^]\\[] | \\[-\]\\^dws.+*?/()|] )+ \] )
  | (?P<short> \\[dwsS] )
  | (?P<same>  \\[.\\+*?()[\]{}|/^$]  |  \(\?:  |  \((?!\?)  |  [).|]
             | (?: [*+?] | \{[0-9]+(?:,[0-9]*)?\} ) \??(?![*+?])
             | [^\x00-\x1f\\()[\]{}|*+?.^$/] )
  | (?P<slash> / )
''', re.VERBOSE)

_ITEM = re.compile(r'\\.|.')


def html_pattern(regex: re.Pattern[str]) -> str | None:
    """`regex` as the value of `pattern`, with spaces allowed at both ends; None if it cannot be said safely.

    >>> html_pattern(re.compile('[0-9]{5}'))
    '\\\\s*(?:[0-9]{5})\\\\s*'
    >>> html_pattern(re.compile('(?i)abc')) is None
    True

    Source: HTML standard, "The pattern attribute"; ECMA-262, ClassSetCharacter.
    """
    if regex.flags & ~re.UNICODE:
        return None
    out, position = [], 0
    while position < len(regex.pattern):
        token = _TOKEN.match(regex.pattern, position)
        if token is None:
            return None
        position = token.end()
        said = _class(token[0]) if token['class'] else _SHORTHAND.get(token[0], token[0])
        if said is None:
            return None
        out.append(said)
    return rf'\s*(?:{"".join(out)})\s*'


def _class(text: str) -> str | None:
    """A character class; punctuation that `v` gives a meaning is escaped, and doubled punctuation refused."""
    start = 2 if text[1] == '^' else 1
    items = _ITEM.findall(text[start:-1])
    said = [text[:start]]
    for index, item in enumerate(items):
        between = 0 < index < len(items) - 1
        if index and item == items[index - 1] and not item.isalnum():
            return None
        if item == '-' and between:  # a range: its ends are plain letters or digits, and no other touches it
            plain = items[index - 1].isalnum() and items[index + 1].isalnum()
            if not plain or (index > 1 and items[index - 2] == '-'):
                return None
            said.append(item)
        elif item in ('\\d', '\\s', '\\w'):
            said.append(_SHORTHAND[item])
        else:
            said.append('\\' + item if item in '-(){}/|' else item)
    return ''.join(said) + ']'
