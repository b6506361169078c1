"""checks: what only the text of a CREATE TABLE says, because no PRAGMA does: CHECK and COLLATE.

A CHECK is an expression, and SQLite alone knows what it means. A few shapes are certain, though: IN with a
list, BETWEEN, a comparison with a literal, the same with length(…), several of them joined by AND,
alternatives of one column joined by OR, and `a IS NULL OR …`. They become the `Rule` of the column; all else
is left to SQLite. So a value that a Rule refuses is always one that SQLite refuses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from kali.sqlite.statements import Token, kinds

__all__ = ['Rule', 'as_stored', 'read_checks']


class Rule(NamedTuple):
    """What the CHECKs of a table are certain to say about one column; NULL passes all of it.

    Values are as the column stores them: int, float, str, bytes. None is no rule.

    :ivar choices: of `IN (…)` and `=`
    :ivar least: of `>=` and BETWEEN
    :ivar most: of `<=` and BETWEEN
    :ivar above: of `>`
    :ivar below: of `<`
    :ivar shortest: characters, of `length(…)`
    :ivar longest: likewise
    """

    choices: tuple[Any, ...] | None = None
    least: Any = None
    most: Any = None
    above: Any = None
    below: Any = None
    shortest: int | None = None
    longest: int | None = None


class Fact(NamedTuple):
    """What one part of a condition says about a column: the field of a Rule, or 'null' for IS NULL."""

    column: str
    field: str
    value: Any


_NUMBER = re.compile(r'[ \t\n\v\f\r]*[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?[ \t\n\v\f\r]*')
_WORDS = {'NULL': None, 'TRUE': 1, 'FALSE': 0}
_OPENING, _CLOSING = {'(', 'CASE'}, {')', 'END'}
_FIELDS = {'<': 'below', '<=': 'most', '>': 'above', '>=': 'least', '=': 'choices', '==': 'choices',
           '<>': 'not', '!=': 'not'}
_MIRRORED = {'<': '>', '<=': '>=', '>': '<', '>=': '<='}
_LENGTHS = {'<': ('longest', -1), '<=': ('longest', 0), '>': ('shortest', 1), '>=': ('shortest', 0)}
_UNKNOWN = object()  # no literal


def read_checks(sql: str, affinities: Mapping[str, str]) -> tuple[dict[str, Rule], dict[str, str]]:
    """The rules and the collations of columns, by their names in small letters.

    >>> read_checks("CREATE TABLE t (a INT CHECK (a > 0 AND a != 5), b TEXT COLLATE nocase)",
    ...             {'a': 'INTEGER', 'b': 'TEXT'})
    ({'a': Rule(choices=None, least=None, most=None, above=0, below=None, shortest=None, longest=None)}, \
{'b': 'NOCASE'})

    :param sql: the CREATE TABLE
    :param affinities: of the columns, by their names in small letters
    """
    facts: list[Fact] = []
    collations: dict[str, str] = {}
    for definition in _definitions(list(kinds(sql))):
        groups = _grouped(definition)
        for group, following in pairwise(groups):
            if _word(group[0]) == 'COLLATE':
                collations[_folded(definition[0].text)] = following[0].text.upper()
            elif _word(group[0]) == 'CHECK':
                facts += _meaning(following, affinities)
    rules: dict[str, Rule] = {}
    for fact in facts:
        if fact.field in Rule._fields:
            rules[fact.column] = _narrowed(rules.get(fact.column, Rule()), fact)
    return rules, collations


def as_stored(value: Any, affinity: str) -> Any:
    """`value` as a column of this affinity stores it: text that looks like a number becomes one, or the other
    way round. (https://sqlite.org/datatype3.html, section 3)

    >>> as_stored('07', 'INTEGER'), as_stored('7a', 'NUMERIC'), as_stored(7, 'TEXT')
    (7, '7a', '7')
    """
    if affinity == 'TEXT' and isinstance(value, int):
        return str(int(value))  # a bool is 0 or 1
    if affinity in ('INTEGER', 'NUMERIC', 'REAL') and isinstance(value, str) and _NUMBER.fullmatch(value):
        value = _number(value.strip())
    return float(value) if affinity == 'REAL' and isinstance(value, int) else value


def _number(text: str) -> int | float:
    """What a number stands for; a fraction of nothing is a whole number, as it is for SQLite."""
    digits = text.replace('_', '')
    if digits.lstrip('+-').lower().startswith('0x'):
        value = int(digits, 16)
        return value - 2**64 if value >= 2**63 else value
    number = float(digits) if re.search('[.eE]', digits) else int(digits)
    if isinstance(number, int):
        return number if -2**63 <= number < 2**63 else float(digits)
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _definitions(tokens: list[Token]) -> Iterator[list[Token]]:
    """The columns and constraints of a CREATE TABLE: what stands between the commas in its parentheses."""
    start = next((place for place, token in enumerate(tokens) if token == ('sign', '(')), len(tokens))
    depth = 0
    part: list[Token] = []
    for token in tokens[start:]:
        depth += (token == ('sign', '(')) - (token == ('sign', ')'))
        if not depth:
            break
        if depth == 1 and token == ('sign', ','):
            if part:
                yield part
            part = []
        elif depth > 1 or token != ('sign', '('):
            part.append(token)
    if part:
        yield part


def _grouped(tokens: list[Token]) -> list[list[Token]]:
    """The tokens, each by itself, and all of a pair of parentheses (or CASE … END) together."""
    groups: list[list[Token]] = []
    depth = 0
    for token in tokens:
        mark = token.text.upper() if token.kind in ('sign', 'word') else ''
        closes = mark in _CLOSING and depth > 0
        if depth:
            groups[-1].append(token)
        else:
            groups.append([token])
        depth += (mark in _OPENING) - closes
    return groups


def _word(token: Token) -> str:
    return token.text.upper() if token.kind == 'word' else ''


def _folded(name: str) -> str:
    return re.sub('[A-Z]+', lambda match: match[0].lower(), name)


def _meaning(tokens: list[Token], affinities: Mapping[str, str]) -> list[Fact]:
    """The facts that are certain when the condition is not false."""
    groups = _grouped(tokens)
    while len(groups) == 1 and groups[0][0] == ('sign', '('):
        tokens = groups[0][1:-1]
        groups = _grouped(tokens)
    alternatives = _split(groups, 'OR')
    if len(alternatives) > 1:
        return _either([_meaning(part, affinities) for part in alternatives])
    parts = _split(groups, 'AND')
    if len(parts) > 1:
        return [fact for part in parts for fact in _meaning(part, affinities)]
    return _leaf(groups, affinities)


def _split(groups: list[list[Token]], word: str) -> list[list[Token]]:
    """The parts between `OR` or `AND`, without the AND of BETWEEN."""
    parts: list[list[Token]] = [[]]
    between = 0
    for group in groups:
        found = _word(group[0]) if len(group) == 1 else ''
        between += found == 'BETWEEN'
        if found == word and not (word == 'AND' and between):
            parts.append([])
        else:
            parts[-1] += group
            between -= found == 'AND' and between > 0
    return parts


def _either(alternatives: list[list[Fact]]) -> list[Fact]:
    """What holds for a column whichever of the alternatives does."""
    nulls = {facts[0].column for facts in alternatives if len(facts) == 1 and facts[0].field == 'null'}
    others = [facts for facts in alternatives if not (len(facts) == 1 and facts[0].field == 'null')]
    if len(nulls) > 1 or not others:
        return []
    if len(others) > 1:
        found: list[Fact] = []
        for column in {fact.column for fact in others[0]}:
            lists = [[fact.value for fact in facts if fact[:2] == (column, 'choices')] for facts in others]
            if all(lists):
                found.append(Fact(column, 'choices', tuple(dict.fromkeys(
                    value for values in lists for value in values[0]))))
        others = [found]
    return [fact for fact in others[0] if not nulls or fact.column in nulls]


def _leaf(groups: list[list[Token]], affinities: Mapping[str, str]) -> list[Fact]:
    """The facts of a condition without AND and OR; none if its shape is not one of those that are certain."""
    if not groups:
        return []
    column, rest, measured = _column(groups[0], affinities), groups[1:], False
    if column is None and _word(groups[0][0]) == 'LENGTH' and len(groups) > 3 and len(groups[1]) == 3:
        column, rest, measured = _column([groups[1][1]], affinities), groups[2:], True
    if column is None:  # 0 < a
        if len(groups) > 2 and (column := _column(groups[-1], affinities)) is not None:
            sign = groups[-2][0].text
            return _compared(column, _MIRRORED.get(sign, sign), groups[:-2], affinities)
        return []
    tail = [_word(group[0]) if len(group) == 1 else '' for group in rest]
    if not measured and (tail == ['ISNULL'] or tail == ['IS', 'NULL']):
        return [Fact(column, 'null', None)]
    if tail[:1] == ['IN'] and len(rest) == 2 and len(rest[1]) > 2 and not measured:
        values = [_literal(part, affinities) for part in _listed(_grouped(rest[1][1:-1]))]
        return _chosen(column, values, affinities)
    if tail[:1] == ['BETWEEN'] and 'AND' in tail:
        middle = tail.index('AND')
        pairs = [('>=', rest[1:middle]), ('<=', rest[middle + 1:])]
    else:
        pairs = [(rest[0][0].text, rest[1:])] if rest else []
    return [fact for sign, limit in pairs
            for fact in (_measured if measured else _compared)(column, sign, limit, affinities)]


def _column(group: list[Token], affinities: Mapping[str, str]) -> str | None:
    if len(group) == 1 and group[0].kind in ('word', 'quoted') and _folded(group[0].text) in affinities:
        return _folded(group[0].text)
    return None


def _listed(groups: list[list[Token]]) -> list[list[list[Token]]]:
    parts: list[list[list[Token]]] = [[]]
    for group in groups:
        if group == [('sign', ',')]:
            parts.append([])
        else:
            parts[-1].append(group)
    return parts


def _literal(groups: Iterable[list[Token]], affinities: Mapping[str, str]) -> Any:
    """The value of a literal, None for NULL; _UNKNOWN if it is none."""
    tokens = [token for group in groups for token in group]
    sign = tokens[0].text if len(tokens) == 2 and tokens[0].text in ('-', '+') else ''
    token = tokens[-1] if len(tokens) == 1 + bool(sign) else Token('', '')
    if token.kind == 'number':
        value = _number(token.text)
        return -value if sign == '-' else value
    if sign or (token.kind in ('word', 'quoted') and _folded(token.text) in affinities):
        return _UNKNOWN
    if token.kind == 'word':
        return _WORDS.get(token.text.upper(), _UNKNOWN)
    if token.kind == 'quoted':  # SQLite takes "text" for text where there is no such column
        return _UNKNOWN if _folded(token.text) in ('rowid', '_rowid_', 'oid') else token.text
    if token.kind == 'blob':
        return bytes.fromhex(token.text[2:-1]) if len(token.text) % 2 else _UNKNOWN
    return token.text if token.kind == 'string' else _UNKNOWN


def _chosen(column: str, values: list[Any], affinities: Mapping[str, str]) -> list[Fact]:
    # With NULL in the list no value is refused: it might be that one. How SQLite writes a fraction as text
    # differs by version.
    kinds = (int, str) if affinities[column] == 'TEXT' else (int, float, str)
    if not all(isinstance(value, kinds) for value in values):
        return []
    stored = (as_stored(value, affinities[column]) for value in values)
    return [Fact(column, 'choices', tuple(dict.fromkeys(stored)))]


def _compared(column: str, sign: str, limit: list[list[Token]], affinities: Mapping[str, str]) -> list[Fact]:
    field, value = _FIELDS.get(sign), _literal(limit, affinities) if limit else _UNKNOWN
    if field == 'choices':
        return _chosen(column, [value], affinities)
    if field == 'not':
        return [Fact(column, 'shortest', 1)] if value == '' and affinities[column] == 'TEXT' else []
    if field is None or not isinstance(value, (int, float, str)):
        return []
    return [Fact(column, field, as_stored(value, affinities[column]))]


def _measured(column: str, sign: str, limit: list[list[Token]], affinities: Mapping[str, str]) -> list[Fact]:
    value = _literal(limit, affinities) if limit else _UNKNOWN
    if not isinstance(value, int):
        return []
    if sign in ('=', '=='):
        return [Fact(column, 'shortest', value), Fact(column, 'longest', value)]
    field, more = _LENGTHS.get(sign, ('', 0))
    return [Fact(column, field, value + more)] if field else []


def _narrowed(rule: Rule, fact: Fact) -> Rule:
    """`rule` and the fact together."""
    known, value = getattr(rule, fact.field), fact.value
    if known is not None:
        if fact.field == 'choices':
            value = tuple(each for each in known if each in value)
        elif isinstance(known, str) != isinstance(value, str):
            value = known  # text is more than any number; this leaves the choice to SQLite
        else:
            value = (max if fact.field in ('least', 'above', 'shortest') else min)(known, value)
    return rule._replace(**{fact.field: value})
