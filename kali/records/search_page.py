"""search_page: the start, with all tables and what is in them, and the search over all of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import TYPE_CHECKING

from kali.locale.words import say
from kali.markup import escape
from kali.records.bounded import TooLong, within
from kali.records.facets import counted
from kali.records.listing import Listing
from kali.records.query import Query
from kali.records.section import Section

if TYPE_CHECKING:
    from kali.iolist import Content

__all__ = ['found', 'overview', 'search_form']

SECONDS = 0.08  # of the processor, for all tables together
HITS = 5  # rows of each table


def search_form(url: str, q: str = '') -> Content:
    """The form for a search over all tables."""
    label, word = escape(say('search all')), escape(say('search'))
    return (f'<form role="search" action="{escape(url)}"><input type="search" name="q" value="{escape(q)}" '
            f'aria-label="{label}"><button class="secondary">{word}</button></form>\n')


def overview(sections: Iterable[Section]) -> Content:
    """The tables as links, with the numbers of their rows."""
    rows = []
    for section in sections:
        number, said = _number(section)
        rows.append(f'<tr><th scope="row"><a href="{escape(section.url())}">{escape(section.title)}</a></th>'
                    f'<td class="number">{"" if number is None else escape(counted(number))}</td>'
                    f'<td>{escape(said)}</td></tr>\n')
    return ['<table class="data">\n<thead><tr>', f'<th scope="col">{escape(say("tables"))}</th>',
            f'<th scope="col" class="number">{escape(say("number of records"))}</th><td></td></tr></thead>\n',
            '<tbody>\n', rows, '</tbody>\n</table>\n']


def _number(section: Section) -> tuple[int | None, str]:
    """How many rows a table has, if that is known soon, and what there is to say about it."""
    problem = section.table.problem
    if not problem:
        try:
            return Query(section).quick_count, section.read_only
        except sqlite3.OperationalError as error:
            problem = _failure(error)
    return None, problem


def _failure(error: sqlite3.OperationalError) -> str:
    """Why a view fails while it is read; a lock is no fault of the view, so it is raised again."""
    if 'locked' in str(error):
        raise error
    return str(error)


def found(sections: Iterable[Section], q: str) -> Content:
    """The first rows of each table in which `q` occurs."""
    sections = list(sections)
    parts = [part for section in sections if (part := _hits(section, q, SECONDS / len(sections)))]
    return parts or f'<p>{escape(say("nothing found", q=q))}</p>\n'


def _hits(section: Section, q: str, seconds: float) -> Content:
    query = Query(section, q=q)
    if section.table.problem or not (section.search_sql or section.search_labels):
        return None
    listing, title = Listing(section, section.columns[:5]), escape(section.title)
    heading = f'<h2><a href="{escape(query.url())}">{title}</a></h2>\n'
    try:
        with within(section.connection, seconds):
            rows = section.table.rows(*query.where(), columns=listing.select, limit=HITS + 1)
            shown = listing.html(rows[:HITS], numbered=lambda number: section.url(
                'row', number=number, **query.fields))
    except TooLong:
        return [heading, f'<p>{escape(say("not searched", title=section.title))} '
                f'<a href="{escape(query.url())}">{escape(say("search in", title=section.title))}</a></p>\n']
    except sqlite3.OperationalError as error:
        return [heading, f'<p>{escape(section.unreadable(_failure(error)))}</p>\n']
    more = f'<p><a href="{escape(query.url())}">{escape(say("show all"))}</a></p>\n'
    return [heading, shown, more if len(rows) > HITS else None] if rows else None
