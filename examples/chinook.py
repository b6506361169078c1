"""Chinook: a shop for music, whose database was made for other programs; not a line here is about its tables.

    python3 examples chinook           the data that come with this example
    python3 examples chinook FILE      another database, or a CSV file

Artists lead to albums, albums to tracks, tracks to invoices: each foreign key is a link. Look for a word in
all tables, filter the tracks by genre, draw the invoices by month, change something and undo it.
"""

import gzip
import sys
from pathlib import Path

from kali import KaliError, data_dir, serve_http
from kali.records import Records
from kali.records.opening import open_file
from kali.sqlite import atomic, connect

BROUGHT = Path(__file__).resolve().parent / 'chinook' / 'chinook.sql.gz'  # by Luis Rocha; see LICENSE there


def brought():
    """The database of this example, in the folder for data, made at the first start."""
    path = data_dir('chinook') / 'chinook.sqlite'
    db = connect(path)
    if db.is_new:
        statements = gzip.decompress(BROUGHT.read_bytes()).decode('utf-8').split(';\n')
        with atomic(db):  # all of it, or nothing
            for statement in statements:
                db.execute(statement)
    return Records(db, title='Chinook')


try:
    records = open_file(Path(sys.argv[1]), lambda: data_dir('chinook')) if sys.argv[1:] else brought()
except KaliError as error:  # no such file, or no database: a sentence
    sys.exit(str(error))

serve_http(records, app_id=f'chinook {sys.argv[1]}' if sys.argv[1:] else 'chinook')
