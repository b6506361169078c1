"""checking: what an author declared, compared with the schema when the program starts."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from kali.records.keys import NAMES, is_name_of_page
from kali.records.section import Section

__all__ = ['expect_known']


def expect_known(sections: Iterable[Section], names: Iterable[str]) -> None:
    """Make sure that all that is declared is there.

    :param names: of the tables and views
    :raises ValueError: for a name that is none, with those that may be meant, or an expression that SQLite
        refuses
    """
    names = list(names)
    for section in sections:
        declared, columns = section.declared, section.table.columns
        for child in declared.children:
            expect(child, names, f'Table({section.name!r}, children=…): there is no table')
        for page in declared.pages:
            if not is_name_of_page(page):
                raise ValueError(f'Table({section.name!r}, pages=…): no page is called {page!r}; there are '
                                 f'{", ".join(NAMES)}, and export.csv and the like.')
        chosen = {'search': declared.search or (), 'filter': declared.filter or (), 'labels': declared.labels,
                  'form': () if isinstance(declared.form, Mapping) else declared.form or ()}
        for argument, wanted in chosen.items():
            for name in wanted:
                expect(name, columns, f'Table({section.name!r}, {argument}=…): there is no column')
        order = declared.order.removeprefix('-')
        if order and not any(order == each.name for each in section.columns):
            expect(order, columns, f'Table({section.name!r}, order=…): there is no column')
        expressions = [each.sql for each in section.columns if each.sql and not each.is_own]
        label = declared.label if isinstance(declared.label, str) else ''
        for argument, sql in [*(('list', sql) for sql in expressions), ('where', declared.where),
                              ('label', '' if label in columns else label)]:
            if sql:
                _expect_sql(section, argument, sql)


def expect(name: str, known: Iterable[str], otherwise: str) -> None:
    """
    :raises ValueError: if `name` is not known, capitals aside
    """
    known = list(known)
    if name.lower() in {each.lower() for each in known}:
        return
    near = get_close_matches(name, known)
    hint = f'did you mean {" or ".join(near)}?' if near else f'there are {", ".join(known)}.'
    raise ValueError(f'{otherwise} {name!r}; {hint}')


def _expect_sql(section: Section, argument: str, sql: str) -> None:
    try:
        sqlite3.Cursor(section.connection).execute(f'SELECT {sql} FROM {section.table.sql_name} LIMIT 0')
    except sqlite3.Error as error:
        raise ValueError(f'Table({section.name!r}, {argument}=…): {sql} is neither a column ('
                         f'{", ".join(section.table.columns)}) nor an expression of SQL: {error}') from None
