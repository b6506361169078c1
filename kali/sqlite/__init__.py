"""SQLite that loses nothing: `connect` opens it, `guard` makes a request a transaction, `atomic` a part."""

from kali.sqlite.atomic import atomic as atomic
from kali.sqlite.connection import connect as connect
from kali.sqlite.guard import guard as guard

__all__ = ['atomic', 'connect', 'guard']
