"""What the tests share: a file of a schema, its dump, and what a browser sends of a form."""

from __future__ import annotations

import sqlite3
from typing import Any

import html5lib

from kali.sqlite import connect
from kali.sqlite.schema import quoted

#: The tables that charts and reports are made of.
BIKES = """
CREATE TABLE maker (maker INTEGER PRIMARY KEY, name TEXT);
INSERT INTO maker VALUES (1, 'Diamant'), (2, '<i>Brompton</i>');
CREATE TABLE bike (bike INTEGER PRIMARY KEY, maker INTEGER REFERENCES maker, price DECIMAL, bought DATE,
    sold BOOLEAN, status TEXT);
"""


def dump(db: Any) -> list[Any]:
    """All that is in the database, but for what kali keeps in it."""
    found = []
    run = sqlite3.Cursor(db).execute
    for name, in run("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'kali%' "
                     "AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY rowid").fetchall():
        columns = [quoted(row[1]) for row in run(f'PRAGMA table_xinfo({quoted(name)})')]
        shown = ', '.join(f'typeof({each}), CAST({each} AS BLOB)' for each in columns)
        found.append((name, sorted(map(repr, run(f'SELECT {shown} FROM main.{quoted(name)}').fetchall()))))
    return found


def controls(page: str) -> list[tuple[str, str]]:
    """What a browser sends of the form in a page whose button is pressed."""
    form = next(each for each in html5lib.parse(page, namespaceHTMLElements=False).iter('form')
                if each.get('method') == 'post' and 'undo' not in (each.get('class') or '')
                and each.find('.//input[@name="_form_id"]') is not None)
    found = []
    for tag in form.iter():
        name = tag.get('name')
        if not name or tag.get('disabled') is not None:
            continue
        if tag.tag == 'input' and tag.get('type') in ('checkbox', 'radio'):
            if tag.get('checked') is not None:
                found.append((name, tag.get('value', 'on')))
        elif tag.tag == 'input' and tag.get('type') not in ('file', 'submit'):
            found.append((name, tag.get('value', '')))
        elif tag.tag == 'textarea':
            text = tag.text or ''
            if tag.get('aria-label'):  # in a table, html5lib keeps the line feed that no browser keeps
                text = text[1:]
            found.append((name, text.replace('\n', '\r\n')))
        elif tag.tag == 'select':
            options = [each.get('value', each.text or '') for each in tag.iter('option')
                       if each.get('selected') is not None]
            first = [each.get('value', '') for each in tag.iter('option')][:1]
            found += [(name, each) for each in options or first]
    return found


def open_file(sql: str, path: Any = ':memory:') -> Any:
    db = connect(path)
    sqlite3.Cursor(db).execute('PRAGMA foreign_keys = OFF')
    db.executescript(sql)
    sqlite3.Cursor(db).execute('PRAGMA foreign_keys = ON')
    return db
