"""SQLite that loses nothing: `connect` opens it, `migrate` brings its tables up to date, `guard` makes a
request a transaction and `atomic` a part of one."""

from kali.sqlite.atomic import atomic as atomic
from kali.sqlite.connection import connect as connect
from kali.sqlite.guard import guard as guard
from kali.sqlite.migrate import migrate as migrate

__all__ = ['atomic', 'connect', 'guard', 'migrate']
