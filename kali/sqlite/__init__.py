"""SQLite that loses nothing: `connect` opens it, `migrate` brings its tables up to date, `guard` makes a
request a transaction and `atomic` a part of one; `undo` takes a request back, `backup` keeps copies."""

from kali.names import listed
from kali.sqlite.atomic import atomic as atomic
from kali.sqlite.backup import backup as backup
from kali.sqlite.connection import connect as connect
from kali.sqlite.guard import guard as guard
from kali.sqlite.migrate import migrate as migrate
from kali.sqlite.undo import undo as undo

__all__ = ['atomic', 'backup', 'connect', 'guard', 'migrate', 'undo']

__dir__ = listed(__all__)
