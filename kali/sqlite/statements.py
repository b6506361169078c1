"""statements: SQL text cut into the tokens that SQLite sees, and what they tell of a statement.

Every question about SQL text is answered here: would it end the transaction (the connection), where does the
next statement of a script begin (migrate), which tables does a trigger write to (undo).

An authorizer (https://sqlite.org/c3ref/set_authorizer.html) cannot answer the first one: SQLite asks it when
it prepares a statement, and sqlite3 keeps prepared statements, so that a COMMIT which ran before the request
would run again inside it without a question.

Source: https://sqlite.org/src/file/src/tokenize.c
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from itertools import dropwhile, islice, takewhile
from typing import NamedTuple

__all__ = ['Token', 'calls_itself', 'change', 'changed_setting', 'ends_transaction', 'first_keyword', 'kinds',
           'quoted', 'replaces', 'statements', 'tokens', 'trigger_event', 'unquoted', 'written_tables']


class Token(NamedTuple):
    """A token of SQL: its kind (a group of _TOKEN) and its text, without the quotes."""

    kind: str
    text: str


# A vertical tab is blank after another blank only; a byte order mark is blank where a token may begin; a
# comment that is not finished reaches to the end, but "/*" as the very last characters is none.
_TOKEN = re.compile(r"""
      (?P<blank> [ \t\n\f\r][ \t-\r]* | \ufeff | --[^\n]* | /\*(?: .*?\*/ | .+\Z ) )
    | (?P<blob> [xX]'[0-9a-fA-F]*' ) | (?P<string> '[^']*(?:''[^']*)*' )
    | (?P<quoted> "[^"]*(?:""[^"]*)*" | `[^`]*(?:``[^`]*)*` | \[[^\]]*\] )
    | (?P<number> 0[xX][0-9a-fA-F]+ | (?:[0-9][0-9_]*(?:\.[0-9_]*)? | \.[0-9][0-9_]*)(?:[eE][-+]?[0-9_]+)? )
    | (?P<word> [A-Za-z_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]* )
    | (?P<sign> <= | >= | <> | != | == | . )""", re.DOTALL | re.VERBOSE)
_WORD = re.compile(r'[A-Za-z_]+')
_CHANGES = ('INSERT', 'REPLACE', 'UPDATE', 'DELETE')
_DEFINITIONS = ('CREATE', 'DROP', 'ALTER')
_BEFORE_TABLE = ('OR', 'ROLLBACK', 'ABORT', 'FAIL', 'IGNORE', 'REPLACE', 'INTO', 'FROM', 'TEMP', 'TEMPORARY',
                 'TABLE', 'IF', 'NOT', 'EXISTS')


def tokens(sql: str) -> Iterator[str]:
    """The tokens of `sql` as they are written, without blanks and comments.

    >>> list(tokens("DELETE/* all */FROM [a b] WHERE c='--'"))
    ['DELETE', 'FROM', '[a b]', 'WHERE', 'c', '=', "'--'"]
    """
    return (match[0] for match in _TOKEN.finditer(sql) if match.lastgroup != 'blank')


def kinds(sql: str) -> Iterator[Token]:
    """The tokens of `sql` with their kinds, and what stands in the quotes.

    >>> [token.text for token in kinds('a <= "b ""c"" d" -- why')]
    ['a', '<=', 'b "c" d']
    """
    return (Token(match.lastgroup or '', unquoted(match[0]))
            for match in _TOKEN.finditer(sql) if match.lastgroup != 'blank')


def first_keyword(sql: str) -> str:
    """The word that `sql` begins with for SQLite, in capitals; '' if it begins with none.

    >>> first_keyword('\\ufeff; -- the end\\n commit'), first_keyword("/* a */ INSERT INTO b VALUES ('*/')")
    ('COMMIT', 'INSERT')
    """
    first = next(_upper(tokens(sql)), '')
    return first if _WORD.fullmatch(first) else ''


def _upper(found: Iterator[str]) -> Iterator[str]:
    """Tokens from the first that is no empty statement, keywords in capitals."""
    return (token.upper() if _WORD.fullmatch(token) else token for token in found if token != ';')


def ends_transaction(sql: str) -> bool:
    """Whether the statement `sql` would end the open transaction, or begin another one.

    >>> [ends_transaction(sql) for sql in ('END', 'ROLLBACK', 'ROLLBACK TO s', 'EXPLAIN COMMIT')]
    [True, True, False, False]

    Source: https://sqlite.org/lang_transaction.html
    """
    words = _upper(tokens(sql))
    first = next(words, '')
    # ROLLBACK [TRANSACTION [name]] TO [SAVEPOINT] name
    return first in ('COMMIT', 'END', 'BEGIN') or (first == 'ROLLBACK' and 'TO' not in islice(words, 3))


def changed_setting(sql: str) -> str:
    """The name of the setting that a PRAGMA gives a value to, in lower case; '' for any other statement.

    >>> changed_setting('PRAGMA main.Journal_Mode = off'), changed_setting('PRAGMA journal_mode')
    ('journal_mode', '')

    Source: https://sqlite.org/pragma.html#syntax
    """
    found = _upper(tokens(sql))
    if next(found, '') != 'PRAGMA':
        return ''
    words = list(islice(found, 4))
    if words[1:2] == ['.']:
        del words[:2]
    return unquoted(words[0]).lower() if words[1:2] in (['='], ['(']) else ''


def written_tables(trigger: str) -> set[str]:
    """The tables that the statements of a trigger write to, by the names it calls them.

    :param trigger: its CREATE TRIGGER statement

    >>> sorted(written_tables('CREATE TRIGGER a AFTER INSERT ON b BEGIN UPDATE OR IGNORE "c" SET d = 1; '
    ...                       'DELETE FROM e; SELECT 1; END'))
    ['c', 'e']

    Source: https://sqlite.org/lang_createtrigger.html
    """
    names = list(tokens(trigger))
    return {_target(names[place + 1:]) for place, name in enumerate(names) if name.upper() in _CHANGES
            and names[place - 1].upper() in ('BEGIN', ';')}


def change(sql: str) -> tuple[str, str]:
    """What a statement does to which table: INSERT, REPLACE, UPDATE, DELETE, CREATE, DROP or ALTER, and the
    name; or twice ''.

    >>> change('WITH a AS (SELECT 1) INSERT OR IGNORE INTO main."b" SELECT * FROM a')
    ('INSERT', 'b')
    """
    depth, names = 0, list(tokens(sql))
    for place, name in enumerate(names):
        depth += (name == '(') - (name == ')')
        verb, rest = '' if depth else name.upper(), names[place + 1:]
        if verb in _CHANGES or (verb in _DEFINITIONS and 'TABLE' in map(str.upper, rest[:2])):
            return verb, _target(rest)
        if verb in _DEFINITIONS:
            break  # of an index, a view or a trigger
    return '', ''


def _target(names: list[str]) -> str:
    """The table that a statement changes: the first name behind the verb, or the one after its schema's."""
    names = list(dropwhile(lambda name: name.upper() in _BEFORE_TABLE, names))
    if names[1:2] == ['.'] or names[:1] == ['.']:  # of `temp`, which is a word of CREATE as well
        del names[:names.index('.') + 1]
    return unquoted(names[0]) if names else ''


def trigger_event(trigger: str) -> str:
    """What a trigger runs at: INSERT, UPDATE or DELETE.

    :param trigger: its CREATE TRIGGER statement, as SQLite keeps it

    >>> trigger_event('CREATE TRIGGER "insert" AFTER UPDATE OF b ON c BEGIN SELECT 1; END')
    'UPDATE'
    """
    words = (token.upper() for token in islice(tokens(trigger), 3, None))  # CREATE TRIGGER name
    return next(word for word in words if word in ('INSERT', 'UPDATE', 'DELETE'))


def calls_itself(trigger: str, table: str) -> bool:
    """Whether a trigger at UPDATE is sure to update its row of `table` again, and so to call itself without
    an end if `recursive_triggers` is on. One with a WHEN, or with more in its WHERE, may end.

    >>> calls_itself('CREATE TRIGGER a AFTER UPDATE ON b BEGIN UPDATE b SET c = 1 WHERE d = new.d; END', 'b')
    True

    Source: https://sqlite.org/pragma.html#pragma_recursive_triggers
    """
    names = [unquoted(token).upper() for token in tokens(trigger)]
    begin = names.index('BEGIN')
    head = names[3:begin]
    if trigger_event(trigger) != 'UPDATE' or 'WHEN' in head:
        return False
    watched = set(head[head.index('OF'):head.index('ON')]) if 'OF' in head else None
    words = iter(names[begin + 1:])
    while statement := list(takewhile(lambda word: word != ';', words)):
        if statement[0] != 'UPDATE' or 'SET' not in statement or table.upper() not in statement[:4]:
            continue
        where = statement.index('WHERE') if 'WHERE' in statement else len(statement)
        changed = {statement[place - 1] for place in range(where) if statement[place] == '='}
        compared = [word for word in statement[where + 1:] if word not in ('NEW', 'OLD', '.', table.upper())]
        if (watched is None or changed & watched) and (not compared or (
                len(compared) == 3 and compared[0] == compared[2] and compared[1] == '=')):
            return True
    return False


def replaces(sql: str) -> bool:
    """Whether rows may make way for others by REPLACE.

    >>> replaces('INSERT OR REPLACE INTO a VALUES (1)'), replaces("SELECT replace(b, '1', '2') FROM a")
    (True, False)
    """
    words = [token.upper() for token in tokens(sql)] if 'replace' in sql.lower() else []
    pairs = {(word, words[place + 1]) for place, word in enumerate(words[:-1])}
    return bool(pairs & {('OR', 'REPLACE'), ('REPLACE', 'INTO'), ('CONFLICT', 'REPLACE')})


def statements(script: str) -> Iterator[tuple[int, str]]:
    """The statements of an SQL script, each with the number of the line that it begins in.

    >>> list(statements("-- notes\\nCREATE TABLE a (b);\\nINSERT INTO a VALUES (';')"))
    [(2, 'CREATE TABLE a (b);'), (3, "INSERT INTO a VALUES (';')")]
    """
    begin, end = 0, 0
    while True:
        end = script.find(';', end) + 1
        piece = script[begin:end or len(script)]
        if end and not sqlite3.complete_statement(piece):
            continue  # in a text, a comment or a trigger
        first = next((match for match in _TOKEN.finditer(piece) if match.lastgroup != 'blank'), None)
        if first is not None and first[0] != ';':
            yield script.count('\n', 0, begin + first.start()) + 1, piece[first.start():].rstrip()
        if not end:
            return
        begin = end


def unquoted(token: str) -> str:
    """The name that a token stands for.

    >>> unquoted('`a b`'), unquoted('[c d]'), unquoted("'it''s'"), unquoted('e')
    ('a b', 'c d', "it's", 'e')
    """
    quote = token[0]
    if quote == '[':
        return token[1:-1]
    return token[1:-1].replace(quote * 2, quote) if quote in '"`\'' else token


def quoted(name: str) -> str:
    """A name as SQL has it, whatever it consists of.

    >>> quoted('the "best" order')
    '"the ""best"" order"'
    """
    return '"' + name.replace('"', '""') + '"'
