"""SQLite that loses nothing: `connect` opens the file, `guard` makes each request a transaction, `atomic` a
part of one."""

from kali.sqlite.atomic import atomic as atomic
from kali.sqlite.connection import connect as connect
from kali.sqlite.guard import guard as guard

__all__ = ['atomic', 'connect', 'guard']
